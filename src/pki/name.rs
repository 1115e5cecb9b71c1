//! Names of servers and clients.

use std::fmt;
use std::str::FromStr;

use super::{Error, SubjectAltName};

/// The name of a server or a client: its directory in the home and, for a client, its common
/// name, which Docker hands to authorization plugins as the user.
///
/// 1 to 64 of `A-Z a-z 0-9 . _ + @ -`, the first a letter or a digit.  64 is the upper bound of a
/// common name (RFC 5280, appendix A.1, ub-common-name); the rest keeps it a plain file name.  What is
/// new is to be one on Windows laptops too: see [`Name::fresh`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// The upper bound of a common name, in characters (RFC 5280, appendix A.1).
pub(super) const MAX_COMMON_NAME: usize = 64;

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the name of a server or client that is still to be made.
    ///
    /// # Errors
    /// [`Error::Name`] as from [`str::parse`], and as [`Name::check_fresh`].
    pub fn fresh(text: &str) -> Result<Self, Error> {
        let name = text.parse::<Self>()?;
        name.check_fresh()?;
        Ok(name)
    }

    /// Refuses what no file on Windows can be called: `con` and `aux.txt` are devices there, and a last
    /// dot is dropped.  Those that have such a name already keep it.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn check_fresh(&self) -> Result<(), Error> {
        let wrong = |wanted: &str| Error::Name {
            name: self.0.clone(),
            wanted: wanted.to_owned(),
        };
        if self.0.ends_with('.') {
            return Err(wrong("found a dot at its end, which Windows drops"));
        }
        match is_device(&self.0) {
            true => Err(wrong(
                "wanted one that is no device of Windows, which files cannot have",
            )),
            false => Ok(()),
        }
    }

    /// The name a server gets from its first SAN when nobody chose one.
    ///
    /// A wildcard's star becomes `wildcard`, an IPv6 address gets the prefix `ip6-` and hyphens
    /// for its colons, one that Windows keeps for a device the prefix `host-`, and of a host name over
    /// 64 characters the first label is taken.
    pub fn from_san(san: &SubjectAltName) -> Self {
        let mut text = match san {
            SubjectAltName::Dns(host) => match host.strip_prefix("*.") {
                Some(parent) => format!("wildcard.{parent}"),
                None => host.clone(),
            },
            SubjectAltName::Ip(std::net::IpAddr::V4(address)) => address.to_string(),
            SubjectAltName::Ip(std::net::IpAddr::V6(address)) => {
                format!("ip6-{}", address.to_string().replace([':', '.'], "-"))
            }
        };
        if is_device(&text) {
            text.insert_str(0, "host-");
        }
        if text.len() <= MAX_COMMON_NAME {
            return Self(text);
        }
        // A label has at most 63 characters (RFC 1035, section 2.3.4).
        let label = text.split('.').next().unwrap_or(&text);
        Self(label.to_owned())
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |wanted: &str| Error::Name {
            name: text.to_owned(),
            wanted: wanted.to_owned(),
        };
        let Some(first) = text.chars().next() else {
            return Err(wrong("it is empty, wanted 1 to 64 characters"));
        };
        let count = text.chars().count();
        if count > MAX_COMMON_NAME {
            let found = format!("it has {count} characters, wanted at most {MAX_COMMON_NAME}");
            return Err(wrong(&found));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._+@-".contains(c);
        if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
            let bad = bad.escape_debug();
            let found = format!("found `{bad}`, wanted letters a-z, digits and . _ + @ - only");
            return Err(wrong(&found));
        }
        if !first.is_ascii_alphanumeric() {
            return Err(wrong("wanted a letter or a digit first"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether Windows takes a file of this name for a device, whatever comes after the first dot (Win32,
/// "Naming Files, Paths, and Namespaces").
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    let numbered = stem.strip_prefix("com").or(stem.strip_prefix("lpt"));
    match numbered {
        Some(number) => matches!(number.as_bytes(), [b'1'..=b'9']),
        None => matches!(stem.as_str(), "con" | "prn" | "aux" | "nul"),
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_is_no_file_name_or_common_name() {
        let long = "a".repeat(65);
        for text in [
            "", ".", "..", "a/b", "/", "../x", "-rf", "a b", "a\nb", "ä", "a\0", "*", &long,
        ] {
            assert!(text.parse::<Name>().is_err(), "{text:?} was accepted");
            assert!(Name::fresh(text).is_err(), "{text:?} was accepted");
        }
        assert!("a".repeat(64).parse::<Name>().is_ok());
    }

    #[test]
    fn refuses_a_fresh_name_that_is_no_file_on_windows() {
        for text in ["alice.", "CON", "nul", "aux.txt", "com1", "LPT9.x"] {
            assert!(Name::fresh(text).is_err(), "{text} was accepted");
            // Somebody may have it since before.
            assert!(text.parse::<Name>().is_ok(), "{text}");
        }
        for text in [
            "alice@example.com",
            "com0",
            "com10",
            "console",
            "auxiliary",
            "con-1",
        ] {
            assert!(Name::fresh(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_server_is_named_after_its_first_san() {
        let named = |san: &str| Name::from_san(&san.parse().unwrap()).to_string();
        assert_eq!(named("localhost"), "localhost");
        assert_eq!(named("10.0.0.7"), "10.0.0.7");
        assert_eq!(named("*.example.com"), "wildcard.example.com");
        assert_eq!(named("::1"), "ip6---1");
        assert_eq!(named("2001:db8::7"), "ip6-2001-db8--7");
        let long = format!("web.{}.example.com", "a".repeat(60));
        assert_eq!(named(&long), "web");
        assert_eq!(named("aux"), "host-aux");
        assert_eq!(named("nul.example.com"), "host-nul.example.com");
        let long = format!("con.{}", "a".repeat(58));
        assert_eq!(named(&long), "host-con");
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_one_plain_path_component(text in "\\PC{0,70}") {
            if let Ok(name) = text.parse::<Name>() {
                let path = std::path::Path::new(name.as_str());
                prop_assert_eq!(path.components().count(), 1);
                prop_assert_eq!(path.file_name().unwrap().to_str().unwrap(), &text);
                prop_assert!(!text.starts_with('.') && !text.starts_with('-'));
            }
        }

        #[test]
        fn every_san_gives_a_valid_name(octets in any::<[u8; 16]>(), host in "[a-z]{1,63}(\\.[a-z]{1,63}){0,3}") {
            let ip = SubjectAltName::Ip(octets.into());
            prop_assert!(Name::fresh(Name::from_san(&ip).as_str()).is_ok());
            if let Ok(dns) = host.parse::<SubjectAltName>() {
                prop_assert!(Name::fresh(Name::from_san(&dns).as_str()).is_ok());
            }
        }
    }
}

//! Subject alternative names: the host names and addresses a server certificate is for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::Error;
use super::printable::is_invisible;

/// One host name or address of a server (RFC 5280, section 4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SubjectAltName {
    /// A host name in lower case, IDN as punycode; the leftmost label may be `*`.
    Dns(String),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
}

impl FromStr for SubjectAltName {
    type Err = Error;

    fn from_str(entry: &str) -> Result<Self, Error> {
        let wrong = |wanted: &str| Error::San {
            entry: entry.to_owned(),
            wanted: wanted.to_owned(),
        };
        if entry.is_empty() {
            return Err(wrong("it is empty, wanted a host name or an address"));
        }
        if entry.contains("://") {
            return Err(wrong("it is a URL, wanted the host name or address alone"));
        }
        if let Some(address) = bracketed(entry) {
            let address: Ipv6Addr = address
                .parse()
                .map_err(|_| wrong("wanted an IPv6 address between the brackets, nothing after"))?;
            return usable_ip(address.into()).map_err(wrong);
        }
        if let Ok(address) = entry.parse::<IpAddr>() {
            return usable_ip(address).map_err(wrong);
        }
        if entry.contains('%') {
            return Err(wrong(
                "an address with a zone means nothing in a certificate, leave out the %",
            ));
        }
        if entry.contains('/') {
            return Err(wrong(
                "found a /, wanted one host name or address, no path and no network",
            ));
        }
        if entry.matches(':').count() > 1 {
            return Err(wrong(
                "it is no IPv6 address, wanted one such as ::1 or 2001:db8::7",
            ));
        }
        if entry.contains(':') {
            return Err(wrong(
                "a SAN has no port, wanted the host name or address alone",
            ));
        }
        dns_name(entry)
            .map(Self::Dns)
            .map_err(|wanted| wrong(&wanted))
    }
}

fn bracketed(entry: &str) -> Option<&str> {
    let inside = entry.strip_prefix('[')?;
    Some(inside.strip_suffix(']').unwrap_or(entry))
}

fn usable_ip(address: IpAddr) -> Result<SubjectAltName, &'static str> {
    if address.is_unspecified() {
        return Err("it means every address and matches none, wanted one clients connect to");
    }
    if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err("nobody connects to a group of hosts, wanted the address of one");
    }
    Ok(SubjectAltName::Ip(address))
}

/// Reads a host name as RFC 1123, section 2.1 has it, with IDN (RFC 5891) and a leading wildcard
/// label (RFC 9525, section 6.3).
fn dns_name(entry: &str) -> Result<String, String> {
    let (star, host) = match entry.strip_prefix("*.") {
        Some(host) => ("*.", host),
        None => ("", entry),
    };
    if let Some(bad) = host.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "found `{}`, wanted no white space in it",
            bad.escape_debug()
        ));
    }
    if host.contains('*') || entry == "*" {
        return Err("a * stands for the whole leftmost label only, as in *.example.com".into());
    }
    if host.ends_with('.') {
        // Engines since Go 1.24.8 refuse to load such a certificate (moby#51367).
        return Err("a dot at the end keeps newer dockerd from starting, leave it out".into());
    }
    if let Some(bad) = host
        .chars()
        .find(|c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"-.".contains(*c))
    {
        return Err(format!(
            "found `{bad}`, wanted letters, digits, `-` and `.` only"
        ));
    }
    // Before IDN drops them: a name that looks like another must not become it.
    if let Some(bad) = host.chars().find(|c| is_invisible(*c)) {
        return Err(format!("found the invisible `{}`", bad.escape_unicode()));
    }
    // Hyphens in the third and fourth place are fine: real host names have them.
    let host = Uts46::new()
        .to_ascii(
            host.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| "wanted labels of 1 to 63 letters, digits and inner `-`, 253 in all")?;
    let last = host.rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x").unwrap_or(last);
    // Such a name is an IPv4 address to a URL's reader (WHATWG URL, "ends in a number").
    if last.bytes().all(|b| b.is_ascii_digit())
        || (digits != last && digits.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return Err(
            "it ends in a number but is no IPv4 address, wanted four numbers of 0 to 255".into(),
        );
    }
    if !star.is_empty() && !host.contains('.') {
        return Err(
            "clients match no wildcard right below a top-level name, wanted *.NAME.NAME".into(),
        );
    }
    if star.len() + host.len() > 253 {
        return Err("wanted at most 253 characters in all".into());
    }
    Ok(format!("{star}{host}"))
}

impl fmt::Display for SubjectAltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(host) => f.write_str(host),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// The SANs of one server: at least one, each once, in the order they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectAltNames(Vec<SubjectAltName>);

impl SubjectAltNames {
    /// Reads lists of comma-separated entries, as `--san` takes them; duplicates fold.
    ///
    /// # Errors
    /// [`Error::San`] with the first entry that cannot be used, [`Error::NoSan`] for no list.
    pub fn parse<S: AsRef<str>>(lists: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let mut names = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for list in lists {
            for entry in list.as_ref().split(',') {
                let san: SubjectAltName = entry.parse()?;
                if seen.insert(san.clone()) {
                    names.push(san);
                }
            }
        }
        match names.is_empty() {
            true => Err(Error::NoSan),
            false => Ok(Self(names)),
        }
    }

    /// The first name: what a server is called when nobody chose a name.
    pub fn first(&self) -> &SubjectAltName {
        &self.0[0]
    }

    /// The names in order, at least one.
    pub fn as_slice(&self) -> &[SubjectAltName] {
        &self.0
    }
}

impl fmt::Display for SubjectAltNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, san) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{san}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(entry: &str) -> String {
        entry.parse::<SubjectAltName>().unwrap().to_string()
    }

    #[test]
    fn tells_names_and_addresses_apart() {
        let ip = |text: &str| SubjectAltName::Ip(text.parse().unwrap());
        assert_eq!("127.0.0.1".parse(), Ok(ip("127.0.0.1")));
        assert_eq!("::1".parse(), Ok(ip("::1")));
        assert_eq!("[::1]".parse(), Ok(ip("::1")));
        assert_eq!("2001:DB8::7".parse(), Ok(ip("2001:db8::7")));
        assert_eq!(
            "localhost".parse(),
            Ok(SubjectAltName::Dns("localhost".into()))
        );
        assert_eq!(read("Docker.Example.COM"), "docker.example.com");
        assert_eq!(read("*.example.com"), "*.example.com");
        assert_eq!(read("1a.2b"), "1a.2b");
        assert_eq!(read("r3---sn.example.com"), "r3---sn.example.com");
    }

    #[test]
    fn idn_becomes_punycode() {
        assert_eq!(read("bücher.example"), "xn--bcher-kva.example");
        assert_eq!(read("*.bücher.example"), "*.xn--bcher-kva.example");
    }

    #[test]
    fn refuses_what_no_certificate_should_hold() {
        let label = "a".repeat(64);
        let long = format!("{}.example", ["a".repeat(60).as_str(); 5].join("."));
        for entry in [
            "",
            " ",
            "a_b",
            "host:2376",
            "127.0.0.1:2376",
            "[::1]:2376",
            "https://h",
            "tcp://h:2376",
            "*",
            "*.com",
            "a*.example.com",
            "*.*.example.com",
            "www.*.com",
            "h ",
            " h",
            "a b",
            "a\tb",
            "a..b",
            ".a",
            "a.",
            "a.example.",
            "-a",
            "a-",
            "fe80::1%eth0",
            "[fe80::1%eth0]",
            "[::1",
            "::1]",
            "[127.0.0.1]",
            "10.0.0.0/8",
            "1.2.3",
            "256.1.1.1",
            "1.2.3.4.5",
            "0x7f.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
            "0x7f000001",
            "1.0x7f",
            "a\u{200b}b.example",
            "a\u{ad}b",
            "::",
            "[::]",
            "a@b",
            "xn--a",
            "a\0b",
            "a\u{202e}b",
            ":",
            "12345::",
            "é_",
            &label,
            &long,
        ] {
            let read = entry.parse::<SubjectAltName>();
            assert!(read.is_err(), "{entry:?} was accepted as {read:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_entry() {
        let refusal = SubjectAltNames::parse(["localhost,a_b"])
            .unwrap_err()
            .to_string();
        assert_eq!(
            refusal,
            "`a_b` cannot be a SAN: found `_`, wanted letters, digits, `-` and `.` only"
        );
    }

    #[test]
    fn duplicates_fold_and_order_stays() {
        let names = SubjectAltNames::parse(["b,a", "B,[::1],0:0::1,a"]).unwrap();
        assert_eq!(names.to_string(), "b,a,::1");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(entry in "\\PC*") {
            let _ = entry.parse::<SubjectAltName>();
        }

        #[test]
        fn what_is_read_prints_as_something_that_reads_the_same(entry in "[a-zA-Z0-9.*:_\\[\\]é-]{1,20}") {
            if let Ok(san) = entry.parse::<SubjectAltName>() {
                prop_assert_eq!(san.to_string().parse::<SubjectAltName>().unwrap(), san);
            }
        }

        #[test]
        fn every_accepted_name_is_plain_lower_case_ascii(entry in "\\PC{1,30}") {
            if let Ok(SubjectAltName::Dns(host)) = entry.parse::<SubjectAltName>() {
                prop_assert!(host.len() <= 253);
                let body = host.strip_prefix("*.").unwrap_or(&host);
                for label in body.split('.') {
                    prop_assert!((1..=63).contains(&label.len()), "{:?}", host);
                    prop_assert!(label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{:?}", host);
                    prop_assert!(!label.starts_with('-') && !label.ends_with('-'), "{:?}", host);
                }
            }
        }

        #[test]
        fn every_address_is_read_back(octets in any::<[u8; 16]>()) {
            let address = IpAddr::from(octets);
            prop_assume!(!address.is_unspecified() && !address.is_multicast());
            prop_assert_eq!(address.to_string().parse::<SubjectAltName>().unwrap(), SubjectAltName::Ip(address));
            prop_assert_eq!(format!("[{address}]").parse::<SubjectAltName>().unwrap(), SubjectAltName::Ip(address));
        }
    }
}

//! docker's contexts as they lie below its configuration directory.
//!
//! The layout is that of docker/cli, `cli/context/store`, and `docker context create` of 28.2.2
//! writes the same octets: see `tests/context.rs`.

mod metadata;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::client::ClientError;
use super::docker_host::DockerHost;
use crate::pki::{Name, SubjectAltName, sha256_hex};

pub use metadata::{Metadata, Verification, name_in};

/// The name of a context, as docker takes it: `^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$`, but not `default`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContextName(String);

impl ContextName {
    /// The context of a client: the one that was named, else the host's; none without either.
    pub fn of(named: Option<&Self>, host: Option<&DockerHost>) -> Option<Self> {
        let after_host = || host.map(Self::from_host);
        named.cloned().or_else(after_host)
    }

    /// The name of a host's context when nobody chose one: the host, made to fit.
    ///
    /// An IPv6 address gets the prefix `ip6-` and hyphens for its colons; what docker would take
    /// for no name gets the prefix `docker-`.
    pub fn from_host(host: &DockerHost) -> Self {
        let text = match host.host() {
            SubjectAltName::Dns(name) => name.clone(),
            ip @ SubjectAltName::Ip(_) => Name::from_san(ip).as_str().to_owned(),
        };
        // Letters, digits, `.` and `-`, the first no hyphen: short or reserved is all it can be.
        text.parse()
            .unwrap_or_else(|_| Self(format!("docker-{text}")))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What docker calls the context's directories: the SHA-256 of its name in hex.
    pub fn store_id(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }

    /// The directories a context lies in, each after the one it is in, relative to docker's
    /// configuration directory.
    pub fn directories(&self) -> [String; 6] {
        let id = self.store_id();
        [
            "contexts".into(),
            format!("contexts{SLASH}meta"),
            format!("contexts{SLASH}meta{SLASH}{id}"),
            format!("contexts{SLASH}tls"),
            format!("contexts{SLASH}tls{SLASH}{id}"),
            self.tls_directory(),
        ]
    }

    /// The file that says what the context is, relative to docker's configuration directory.
    pub fn metadata_file(&self) -> String {
        let id = self.store_id();
        format!("contexts{SLASH}meta{SLASH}{id}{SLASH}meta.json")
    }

    /// The directory of its `ca.pem`, `cert.pem` and `key.pem`, and of nothing else: docker warns
    /// of any other file there with every command.
    pub fn tls_directory(&self) -> String {
        let id = self.store_id();
        format!("contexts{SLASH}tls{SLASH}{id}{SLASH}{ENDPOINT}")
    }
}

/// What stands between the names of a path here.
const SLASH: char = std::path::MAIN_SEPARATOR;

/// The only endpoint docker's client knows.
pub(super) const ENDPOINT: &str = "docker";

impl FromStr for ContextName {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        let wrong = |wanted| ClientError::ContextName {
            text: text.to_owned(),
            wanted,
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
        if text == "default" {
            return Err(wrong("docker keeps it for itself, wanted another"));
        }
        if text.len() < 2 {
            return Err(wrong("it is too short, wanted at least 2 characters"));
        }
        if !text.chars().all(allowed) {
            return Err(wrong("wanted letters a-z, digits and _ . + - only"));
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(wrong("wanted a letter or a digit first"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ContextName {
    type Error = ClientError;

    fn try_from(text: String) -> Result<Self, ClientError> {
        text.parse()
    }
}

impl From<ContextName> for String {
    fn from(name: ContextName) -> Self {
        name.0
    }
}

impl fmt::Display for ContextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_context_is_called_by_the_digest_of_its_name() {
        let id = "4b5e57f6eb2f42b9039b3d1e13929295f231749c510cbe341cd68036d9af97e2";
        let name: ContextName = "web".parse().unwrap();
        assert_eq!(name.store_id(), id);
        assert_eq!(
            name.metadata_file(),
            format!("contexts/meta/{id}/meta.json")
        );
        assert_eq!(name.tls_directory(), format!("contexts/tls/{id}/docker"));
        assert_eq!(name.directories()[5], name.tls_directory());
    }

    #[test]
    fn a_context_is_named_after_its_host() {
        let named = |host: &str| ContextName::from_host(&host.parse().unwrap()).to_string();
        assert_eq!(named("tcp://web-1.example.com:1"), "web-1.example.com");
        assert_eq!(named("127.0.0.1"), "127.0.0.1");
        assert_eq!(named("[::1]"), "ip6---1");
        assert_eq!(named("[2001:db8::7]:2376"), "ip6-2001-db8--7");
        assert_eq!(named("h"), "docker-h");
        assert_eq!(named("default"), "docker-default");
    }

    #[test]
    fn refuses_what_docker_takes_for_no_name() {
        for text in [
            "", "a", "default", "-ab", ".ab", "_ab", "a b", "a/b", "ab\n", "äb", "a@b", "a:b",
        ] {
            assert!(
                text.parse::<ContextName>().is_err(),
                "{text:?} was accepted"
            );
        }
        assert_eq!(
            "a b".parse::<ContextName>().unwrap_err().to_string(),
            "`a b` cannot be the name of a docker context: wanted letters a-z, digits and _ . + - \
         only"
        );
        for text in ["ab", "0_.+-", "Default", &"x".repeat(300)] {
            assert!(text.parse::<ContextName>().is_ok(), "{text:?} was refused");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_taken_as_docker_takes_it(text in "[a-c0_.+@ -]{0,4}") {
            let mut chars = text.chars();
            let first = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
            let rest = chars.clone().all(|c| c.is_ascii_alphanumeric() || "_.+-".contains(c));
            let docker_takes_it = first && rest && chars.next().is_some();
            prop_assert_eq!(text.parse::<ContextName>().is_ok(), docker_takes_it);
        }

        #[test]
        fn every_host_gives_a_name(host in "[a-z0-9-]{1,20}(\\.[a-z]{1,9})?|default|\\[::[0-9a-f]{1,4}\\]") {
            if let Ok(host) = host.parse::<DockerHost>() {
                let name = ContextName::from_host(&host);
                prop_assert_eq!(name.as_str().parse::<ContextName>(), Ok(name.clone()));
            }
        }
    }
}

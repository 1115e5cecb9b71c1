//! The address of a daemon as docker's client takes it: `tcp://HOST:PORT`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::client::ClientError;
use crate::pki::{self, SubjectAltName};

/// Where a daemon listens for its clients.
///
/// Read from `tcp://HOST:PORT`, `tcp://HOST` or `HOST:PORT`, printed as `tcp://HOST:PORT`: docker
/// takes a host without a port to mean 2375, the port without TLS, so the port is always there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DockerHost {
    host: SubjectAltName,
    port: u16,
}

/// The port of the remote API with TLS.
const DEFAULT_PORT: u16 = 2376;

impl DockerHost {
    /// The host name or address; no wildcard.
    pub fn host(&self) -> &SubjectAltName {
        &self.host
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for DockerHost {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        let wrong = |wanted: String| ClientError::DockerHost {
            text: text.to_owned(),
            wanted,
        };
        let address = match text.split_once("://") {
            Some(("tcp", address)) => address,
            Some((scheme, _)) => {
                return Err(wrong(format!("found {scheme}://, wanted tcp://HOST:2376")));
            }
            None => text,
        };
        if address.contains('/') {
            return Err(wrong("found a /, wanted HOST:PORT and no path".into()));
        }
        let (host, port) = match address.rsplit_once(':') {
            // The last colon of an address in brackets that has no port is inside them.
            _ if address.ends_with(']') => (address, None),
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        };
        if host.is_empty() {
            return Err(wrong("it has no host, wanted tcp://HOST:2376".into()));
        }
        if host.contains(':') && !host.starts_with('[') {
            return Err(wrong(
                "wanted an IPv6 address in brackets, as in tcp://[::1]:2376".into(),
            ));
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => read_port(port)
                .ok_or_else(|| wrong(format!("found the port `{port}`, wanted 1 to 65535")))?,
        };
        match host.parse() {
            Ok(SubjectAltName::Dns(name)) if name.starts_with("*.") => {
                Err(wrong("found a *, wanted the name of one host".into()))
            }
            Ok(host) => Ok(Self { host, port }),
            Err(pki::Error::San { wanted, .. }) => Err(wrong(wanted)),
            Err(other) => Err(wrong(other.to_string())),
        }
    }
}

/// Digits alone: Rust takes a plus sign too.
fn read_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let port = text.parse().ok().filter(|_| digits);
    port.filter(|port| *port != 0)
}

impl fmt::Display for DockerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        match host {
            SubjectAltName::Ip(IpAddr::V6(address)) => write!(f, "tcp://[{address}]:{port}"),
            host => write!(f, "tcp://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        text.parse::<DockerHost>().unwrap().to_string()
    }

    #[test]
    fn a_host_is_read_and_printed_with_its_port() {
        assert_eq!(
            read("tcp://web-1.example.com:2376"),
            "tcp://web-1.example.com:2376"
        );
        assert_eq!(read("web:1234"), "tcp://web:1234");
        assert_eq!(read("tcp://10.0.0.7:02376"), "tcp://10.0.0.7:2376");
        assert_eq!(read("tcp://[2001:DB8::7]:2375"), "tcp://[2001:db8::7]:2375");
        assert_eq!(
            read("tcp://Bücher.Example:1"),
            "tcp://xn--bcher-kva.example:1"
        );
        let host: DockerHost = "tcp://[::1]:65535".parse().unwrap();
        assert_eq!(host.host(), &"::1".parse().unwrap());
        assert_eq!(host.port(), 65535);
    }

    #[test]
    fn a_host_without_a_port_gets_the_one_with_tls() {
        assert_eq!(read("tcp://web"), "tcp://web:2376");
        assert_eq!(read("web"), "tcp://web:2376");
        assert_eq!(read("127.0.0.1"), "tcp://127.0.0.1:2376");
        assert_eq!(read("tcp://[::1]"), "tcp://[::1]:2376");
        assert_eq!(read("[::1]"), "tcp://[::1]:2376");
    }

    #[test]
    fn refuses_what_docker_does_not_reach_with_tls() {
        for text in [
            "",
            "tcp://",
            "tcp://:2376",
            ":2376",
            "https://h:2376",
            "http://h",
            "unix:///var/run/docker.sock",
            "ssh://h",
            "TCP://h",
            "tcp://tcp://h",
            "tcp://h/",
            "tcp://h:2376/",
            "tcp://h:2376/path",
            "h/x",
            "tcp://h:",
            "tcp://h:0",
            "tcp://h:65536",
            "tcp://h:+2376",
            "tcp://h:-1",
            "tcp://h:2376x",
            "tcp://h: 2376",
            "tcp://h:٢",
            "tcp://[::1]:",
            "tcp://[::1]2376",
            "tcp://[::1",
            "tcp://::1",
            "tcp://::1:2376",
            "::1",
            "tcp://[fe80::1%eth0]:2376",
            "tcp://0.0.0.0:2376",
            "tcp://[::]:2376",
            "tcp://*.example.com:2376",
            "tcp://*:2376",
            "tcp://user@h:2376",
            "tcp://h?x=1",
            "tcp://h#x",
            "tcp://a b:2376",
            " tcp://h",
            "tcp://h:2376 ",
            "tcp://h\n:2376",
            "tcp://a_b:2376",
        ] {
            let read = text.parse::<DockerHost>();
            assert!(read.is_err(), "{text:?} was accepted as {read:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_found_and_what_was_wanted() {
        let refusal = |text: &str| text.parse::<DockerHost>().unwrap_err().to_string();
        assert_eq!(
            refusal("https://h:2376"),
            "`https://h:2376` cannot be a docker host: found https://, wanted tcp://HOST:2376"
        );
        assert_eq!(
            refusal("tcp://h:99999"),
            "`tcp://h:99999` cannot be a docker host: found the port `99999`, wanted 1 to 65535"
        );
        assert_eq!(
            refusal("tcp://0.0.0.0"),
            "`tcp://0.0.0.0` cannot be a docker host: it means every address and matches none, \
             wanted one clients connect to"
        );
        assert_eq!(
            refusal("tcp://h:\x1b[2J"),
            "`tcp://h:\\u{1b}[2J` cannot be a docker host: found the port `\\u{1b}[2J`, \
             wanted 1 to 65535"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "(tcp://)?\\PC*") {
            let _ = text.parse::<DockerHost>();
        }

        #[test]
        fn what_is_read_prints_as_something_that_reads_the_same(
            text in "(tcp://)?[a-zA-Z0-9.é\\[\\]:-]{1,20}(:[0-9]{1,5})?"
        ) {
            if let Ok(host) = text.parse::<DockerHost>() {
                prop_assert_eq!(host.to_string().parse::<DockerHost>().unwrap(), host);
            }
        }

        #[test]
        fn every_ipv6_address_is_read_back(octets in any::<[u8; 16]>(), port in 1u16..) {
            let address = std::net::Ipv6Addr::from(octets);
            prop_assume!(!address.is_unspecified() && !address.is_multicast());
            let host: DockerHost = format!("tcp://[{address}]:{port}").parse().unwrap();
            prop_assert_eq!(host.host(), &SubjectAltName::Ip(address.into()));
            prop_assert_eq!(host.port(), port);
        }
    }
}

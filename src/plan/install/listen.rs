//! Addresses a daemon listens on, as `hosts` of daemon.json and `-H` have them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::Error;
use crate::pki::SubjectAltName;

/// The port of the API over TLS, by Docker's convention.
pub const TLS_PORT: u16 = 2376;
/// The port of the API without TLS, and of an address without a port (docker/cli, opts/hosts.go).
pub const PLAIN_PORT: u16 = 2375;

/// A TCP address to listen on: `tcp://0.0.0.0:2376`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    host: String,
    port: u16,
}

impl Listen {
    /// Every address, on the port for TLS.
    pub fn everywhere() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: TLS_PORT,
        }
    }

    /// The host name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it means every address of the machine: dockerd takes `0.0.0.0` and `[::]` alike for
    /// those of IPv4 and of IPv6, as Go's net.Listen does.
    pub fn is_everywhere(&self) -> bool {
        self.host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_unspecified())
    }

    /// Whether a daemon cannot listen on both.
    ///
    /// What other names mean, the resolver of the host tells the daemon when it starts, and
    /// nobody here.
    pub fn clashes_with(&self, other: &Self) -> bool {
        let address = |listen: &Self| match listen.host.as_str() {
            // Of a name's addresses dockerd takes one, of IPv4 where there is one.
            "localhost" => "127.0.0.1".to_owned(),
            host => host.to_owned(),
        };
        self != other
            && self.port == other.port
            && (address(self) == address(other) || self.is_everywhere() || other.is_everywhere())
    }

    /// Reads an entry of `hosts`; nothing if it is no TCP address, as `unix://` and `fd://`.
    ///
    /// Docker takes an entry without a scheme for TCP, one without a host for loopback, and one
    /// without a port for 2375.
    pub fn from_entry(entry: &str) -> Option<Self> {
        let rest = match entry.split_once("://") {
            Some(("tcp", rest)) => rest,
            Some(_) => return None,
            None => entry,
        };
        let (host, port) = split(rest)?;
        Some(Self {
            host: match host {
                "" => "127.0.0.1".into(),
                // As we write it, however it is written there.
                host => match host.parse::<IpAddr>() {
                    Ok(address) => address.to_string(),
                    Err(_) => host.to_owned(),
                },
            },
            port: port.unwrap_or(PLAIN_PORT),
        })
    }
}

/// Host and port; nothing if the port is none, or a bracket is not closed.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let text = text.trim_end_matches('/');
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return match port {
            "" => Some((host, None)),
            port => Some((host, Some(port.strip_prefix(':')?.parse().ok()?))),
        };
    }
    match text.rsplit_once(':') {
        None => Some((text, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
    }
}

impl FromStr for Listen {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |wanted: &str| Error::Listen {
            text: text.to_owned(),
            wanted: wanted.to_owned(),
        };
        let rest = match text.split_once("://") {
            None => text,
            Some(("tcp", rest)) => rest,
            Some(("unix" | "fd", _)) => {
                return Err(wrong(
                    "local sockets stay by themselves, wanted one such as tcp://0.0.0.0:2376",
                ));
            }
            Some(_) => return Err(wrong("wanted one such as tcp://0.0.0.0:2376")),
        };
        let Some((host, port)) = split(rest) else {
            return Err(wrong("wanted a host and a port, as in tcp://0.0.0.0:2376"));
        };
        let port = match port {
            None => TLS_PORT,
            Some(0) => return Err(wrong("a client cannot find port 0, wanted another")),
            Some(PLAIN_PORT) => {
                return Err(wrong(
                    "every client takes port 2375 for one without TLS, wanted another",
                ));
            }
            Some(port) => port,
        };
        if host.is_empty() {
            return Err(wrong(
                "wanted an address before the port, 0.0.0.0 for every one",
            ));
        }
        let host = match host.parse::<IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => match host.parse::<SubjectAltName>() {
                Ok(SubjectAltName::Dns(name)) if !name.starts_with("*.") => name,
                _ => return Err(wrong("wanted an address or a host name before the port")),
            },
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "tcp://[{}]:{}", self.host, self.port),
            false => write!(f, "tcp://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_always_written_out() {
        for (text, wanted) in [
            ("tcp://0.0.0.0:2376", "tcp://0.0.0.0:2376"),
            ("tcp://10.0.0.7", "tcp://10.0.0.7:2376"),
            ("tcp://[::]:2376", "tcp://[::]:2376"),
            ("tcp://[2001:db8::7]", "tcp://[2001:db8::7]:2376"),
            ("web-1.example.com:4243", "tcp://web-1.example.com:4243"),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), wanted);
        }
    }

    #[test]
    fn refuses_what_no_client_could_reach() {
        for text in [
            "unix:///var/run/docker.sock",
            "fd://",
            "https://h:2376",
            "tcp://",
            "tcp://:2376",
            "tcp://h:0",
            "tcp://h:2375",
            "tcp://h:99999",
            "tcp://h:x",
            "tcp://a_b:1",
            "tcp://*.example.com:2376",
            "tcp://[::1:2376",
            "",
        ] {
            assert!(text.parse::<Listen>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn an_entry_without_a_port_is_the_plain_one() {
        let listen = |entry| Listen::from_entry(entry).map(|listen| listen.to_string());
        assert_eq!(listen("tcp://10.0.0.7"), Some("tcp://10.0.0.7:2375".into()));
        assert_eq!(listen("0.0.0.0:2375"), Some("tcp://0.0.0.0:2375".into()));
        assert_eq!(listen(":2375"), Some("tcp://127.0.0.1:2375".into()));
        assert_eq!(listen("fd://"), None);
        assert_eq!(listen("unix:///run/x"), None);
    }

    #[test]
    fn one_address_and_every_address_clash_on_a_port() {
        let listen = |text: &str| text.parse::<Listen>().unwrap();
        let every = listen("tcp://0.0.0.0:2376");
        assert!(!every.clashes_with(&listen("tcp://127.0.0.1:2377")));
        assert!(!every.clashes_with(&every.clone()));
        assert!(!listen("tcp://10.0.0.1:1").clashes_with(&listen("tcp://10.0.0.2:1")));
    }

    /// tests/install_dockerd/listen.rs asks dockerd the same.
    #[test]
    fn every_address_is_of_ipv4_and_of_ipv6() {
        let listen = |host: &str| format!("tcp://{host}:2376").parse::<Listen>().unwrap();
        for (one, other, clash) in [
            ("0.0.0.0", "127.0.0.1", true),
            ("0.0.0.0", "[::1]", true),
            ("0.0.0.0", "[::]", true),
            ("0.0.0.0", "localhost", true),
            ("[::]", "127.0.0.1", true),
            ("[::]", "[::1]", true),
            ("127.0.0.1", "[::1]", false),
            ("localhost", "127.0.0.1", true),
            ("localhost", "[::1]", false),
        ] {
            let (one, other) = (listen(one), listen(other));
            assert_eq!(one.clashes_with(&other), clash, "{one} and {other}");
            assert_eq!(other.clashes_with(&one), clash, "{other} and {one}");
        }
    }
}

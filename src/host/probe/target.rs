//! Where a daemon is asked, and whom it must be vouched for by.

use std::fmt;
use std::net::IpAddr;

use rustls::pki_types::ServerName;

use super::tls::Trust;
use crate::pki::{self, SubjectAltName, printable};

/// Where the daemon is asked, which name its certificate must have, and which CA it must be of.
pub struct Target {
    pub(super) address: String,
    pub(super) port: u16,
    pub(super) name: ServerName<'static>,
    pub(super) trust: Trust,
}

impl Target {
    /// Takes the host name or address to connect to, the name or address that must be among the
    /// certificate's SANs, and the CAs of a PEM text, which alone are trusted.  IPv6 addresses
    /// come with brackets or without.
    ///
    /// # Errors
    /// [`pki::Error::San`] if nobody can be asked by that name, as by one with a `*`; else what is
    /// wrong with the PEM.
    pub fn new(address: &str, port: u16, name: &str, ca_pem: &[u8]) -> Result<Self, pki::Error> {
        let inside = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        Ok(Self {
            address: inside.unwrap_or(address).to_owned(),
            port,
            name: server_name(name)?,
            trust: Trust::in_only(ca_pem)?,
        })
    }

    /// `host:port`, for a person to read.
    pub(super) fn place(&self) -> String {
        let address = printable(&self.address);
        match address.contains(':') {
            true => format!("[{address}]:{}", self.port),
            false => format!("{address}:{}", self.port),
        }
    }

    /// The name as a `Host` header has it (RFC 9110, section 7.2).
    pub(super) fn host(&self) -> String {
        match &self.name {
            ServerName::IpAddress(address) => match IpAddr::from(*address) {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            },
            name => name.to_str().into_owned(),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.to_str();
        write!(f, "Target({} as {name})", self.place())
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, pki::Error> {
    let unusable = || pki::Error::San {
        entry: name.to_owned(),
        wanted: "wanted one host name or address, to ask by".to_owned(),
    };
    match name.parse()? {
        SubjectAltName::Ip(address) => Ok(ServerName::from(address)),
        SubjectAltName::Dns(host) => ServerName::try_from(host).map_err(|_| unusable()),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::pki::{Ca, KeyType, Life, PrivateKey, Serial, Validity};

    fn target(address: &str, name: &str) -> Result<Target, pki::Error> {
        let key = PrivateKey::generate(KeyType::P256).unwrap();
        let validity = Validity::of_ca(Life::CA, datetime!(2026-11-23 20:00 UTC)).unwrap();
        let ca = Ca::new(key, &Serial::generate().unwrap(), validity, None).unwrap();
        Target::new(address, 2376, name, ca.certificate().pem().as_bytes())
    }

    #[test]
    fn an_ipv6_address_is_bracketed_once() {
        for address in ["::1", "[::1]"] {
            let target = target(address, address).unwrap();
            assert_eq!(target.address, "::1");
            assert_eq!(target.place(), "[::1]:2376");
            assert_eq!(target.host(), "[::1]");
        }
        let target = target("127.0.0.1", "bücher.example").unwrap();
        assert_eq!(target.place(), "127.0.0.1:2376");
        assert_eq!(target.host(), "xn--bcher-kva.example");
    }

    #[test]
    fn refuses_a_name_nobody_can_be_asked_by() {
        for (name, wanted) in [
            (
                "*.example.com",
                "`*.example.com` cannot be a SAN: wanted one host name or address, to ask by",
            ),
            (
                "0.0.0.0",
                "`0.0.0.0` cannot be a SAN: it means every address and matches none, \
                 wanted one clients connect to",
            ),
        ] {
            let error = target("localhost", name).unwrap_err();
            assert_eq!(error.to_string(), wanted);
        }
    }

    #[test]
    fn refuses_to_trust_what_is_no_certificate() {
        let error = Target::new("localhost", 2376, "localhost", b"junk").unwrap_err();
        assert!(matches!(error, pki::Error::NoPem { .. }), "{error}");
        let pem = pki::certificate_pem(b"junk");
        let error = Target::new("localhost", 2376, "localhost", pem.as_bytes()).unwrap_err();
        assert!(
            matches!(error, pki::Error::BrokenCertificate { .. }),
            "{error}"
        );
    }
}

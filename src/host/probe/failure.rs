//! What was asked, and why it is not proved.

use std::fmt;

/// One thing the daemon was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Probe {
    /// `GET /_ping` with our client's certificate.
    Ping,
    /// `GET /version` with our client's certificate.
    Version,
    /// Which certificate it serves.
    ServedCertificate,
    /// Which CAs it says it takes clients of.
    TrustedAuthorities,
    /// `GET /_ping` without a certificate, which must be refused.
    WithoutCertificate,
    /// `GET /_ping` with the certificate of a stranger, which must be refused.
    StrangersCertificate,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ping => "`GET /_ping` with our client's certificate",
            Self::Version => "`GET /version` with our client's certificate",
            Self::ServedCertificate => "the certificate it serves",
            Self::TrustedAuthorities => "the CAs it takes clients of",
            Self::WithoutCertificate => "`GET /_ping` without a certificate",
            Self::StrangersCertificate => "`GET /_ping` with a stranger's certificate",
        })
    }
}

/// Why it is not proved that the daemon answers our client and nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What the daemon was asked.
    pub probe: Probe,
    /// Where, as `host:port`.
    pub address: String,
    /// What it did, in plain words.
    pub found: String,
    /// What it should have done.
    pub wanted: String,
    /// What TLS or the system said, where the plain words do not say it all.
    pub raw: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            probe,
            address,
            found,
            wanted,
            raw,
        } = self;
        write!(
            f,
            "the daemon at `{address}` failed a probe, {probe}: {found}, wanted {wanted}"
        )?;
        match raw {
            Some(raw) => write!(f, " ({raw})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

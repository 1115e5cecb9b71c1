//! Whom the certificates of a home are believed by: its CA, and during a rollover the one before.
//!
//! The content of `ca.pem` is the truth, in the home and beside every pair: one certificate, or two
//! while a rollover is under way, that which signs first.

use crate::pki::{Ca, Certificate, Error, Serial, certificates_from_pem};

/// The CAs of a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The one that signs.
    pub ca: Certificate,
    /// The one before it, which signs nothing more, while a rollover is under way.
    pub old: Option<Certificate>,
}

impl Trust {
    /// Reads the content of `ca.pem`.
    ///
    /// # Errors
    /// [`Error::NoPem`] for no certificate, for more than two and for one twice; else as for
    /// [`Certificate::from_der`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let all = certificates_from_pem(pem)?;
        let (ca, old) = match all.as_slice() {
            [ca] => (ca, None),
            [ca, old] if ca != old => (ca, Some(old)),
            others => {
                return Err(Error::NoPem {
                    wanted: "the CA's certificate, and in a rollover the old CA's after it",
                    found: format!("{} certificates", others.len()),
                });
            }
        };
        Ok(Self {
            ca: Certificate::from_der(ca)?,
            old: old.map(|old| Certificate::from_der(old)).transpose()?,
        })
    }

    /// The content of `ca.pem`.
    pub fn pem(&self) -> String {
        self.all().map(Certificate::pem).collect()
    }

    /// Every CA, the one that signs first.
    pub fn all(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.ca).chain(&self.old)
    }

    /// Their serial numbers, as the ledger has them of what is handed out.
    pub fn serials(&self) -> Vec<Serial> {
        self.all().map(|ca| ca.serial.clone()).collect()
    }

    /// The CA that a certificate names as its issuer, by name and key (RFC 5280, sections 4.1.2.4
    /// and 4.2.1.1).  Its signature is not looked at.
    pub fn issuer_of(&self, certificate: &Certificate) -> Option<&Certificate> {
        self.all().find(|ca| is_named_issuer(ca, certificate))
    }
}

/// Whether a certificate names this CA as its issuer.
pub fn is_named_issuer(ca: &Certificate, certificate: &Certificate) -> bool {
    let same_key = match (&certificate.authority_key_id, &ca.subject_key_id) {
        (Some(named), Some(own)) => named == own,
        _ => true,
    };
    certificate.issuer_der == ca.subject_der && same_key
}

/// A CA that issues, and what lies beside what it issues.
#[derive(Debug)]
pub struct Issuer {
    /// The CA with its key.
    pub ca: Ca,
    /// The content of every `ca.pem`.
    pub trusted: String,
}

impl Issuer {
    /// A CA that is trusted alone.
    pub fn alone(ca: Ca) -> Self {
        Self {
            trusted: ca.certificate().pem(),
            ca,
        }
    }
}

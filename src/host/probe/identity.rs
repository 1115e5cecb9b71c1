//! What a client shows: its certificate and its key.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use crate::host::Error;
use crate::pki::{self, Ca, KeyType, Life, Name, PrivateKey, Serial, Validity};

/// A client's certificate with its key, ready to be shown.  Debug prints `[elided]`.
pub struct Identity {
    pub(super) shown: Arc<CertifiedKey>,
}

impl Identity {
    /// Reads a certificate, or a chain that begins with it, and its unencrypted PKCS#8 key.
    ///
    /// # Errors
    /// [`pki::Error::KeyMismatch`] if the key is another's; else what is wrong with the PEM.
    pub fn from_pem(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, pki::Error> {
        let chain = pki::certificates_from_pem(certificate_pem)?;
        Self::new(chain, &PrivateKey::from_pem(key_pem)?)
    }

    fn new(chain: Vec<Vec<u8>>, key: &PrivateKey) -> Result<Self, pki::Error> {
        let leaf = chain.first().map_or(&[][..], Vec::as_slice);
        if pki::Certificate::from_der(leaf)?.public_key != *key.public_key() {
            return Err(pki::Error::KeyMismatch);
        }
        let der = key.to_pkcs8_der()?;
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der.as_slice()));
        let broken = |cause: rustls::Error| pki::Error::BrokenKey {
            cause: cause.to_string(),
        };
        let key = any_supported_type(&der).map_err(broken)?;
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        Ok(Self {
            shown: Arc::new(CertifiedKey::new(chain, key)),
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity([elided])")
    }
}

/// Makes a client that no daemon should know: of a CA that is thrown away at once.
///
/// # Errors
/// [`Error::Key`] if the system gives no randomness.
pub fn stranger(now: OffsetDateTime) -> Result<Identity, Error> {
    let make = || {
        let key = PrivateKey::generate(KeyType::P256)?;
        let ca = Validity::of_ca(Life::LEAF, now)?;
        let ca = Ca::new(key, &Serial::generate()?, ca, None)?;
        let key = PrivateKey::generate(KeyType::P256)?;
        let validity = Validity::of_leaf(Life::LEAF, now, ca.certificate().validity)?;
        let name: Name = "stranger".parse()?;
        let issued = ca.issue_client(&name, &key, Serial::generate()?, validity)?;
        Identity::new(vec![issued.der], &key)
    };
    make().map_err(Error::Key)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_stranger_shows_a_certificate_for_clients_and_no_key() {
        let stranger = stranger(datetime!(2026-11-23 20:00 UTC)).unwrap();
        let shown = pki::Certificate::from_der(&stranger.shown.cert[0]).unwrap();
        assert_eq!(shown.common_name.as_deref(), Some("stranger"));
        assert_eq!(
            shown.extended_key_usages,
            [pki::ExtendedKeyUsage::ClientAuth]
        );
        assert_ne!(shown.issuer_der, shown.subject_der);
        assert_eq!(format!("{stranger:?}"), "Identity([elided])");
    }

    #[test]
    fn refuses_the_key_of_another() {
        let now = datetime!(2026-11-23 20:00 UTC);
        let shown = &stranger(now).unwrap().shown.cert[0].clone();
        let certificate = pki::certificate_pem(shown);
        let key = PrivateKey::generate(KeyType::P256).unwrap();
        let key = key.to_pem().unwrap();
        let refused = |certificate: &str, key: &str| {
            Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err()
        };
        assert_eq!(refused(&certificate, key.expose()), pki::Error::KeyMismatch);
        for (certificate, key) in [("", key.expose()), (&*certificate, "")] {
            let error = refused(certificate, key);
            assert!(matches!(error, pki::Error::NoPem { .. }), "{error}");
        }
    }

    #[test]
    fn every_kind_of_key_can_be_shown() {
        for key_type in KeyType::ALL {
            let now = datetime!(2026-11-23 20:00 UTC);
            let key = PrivateKey::generate(key_type).unwrap();
            let validity = Validity::of_ca(Life::CA, now).unwrap();
            let ca = Ca::new(key, &Serial::generate().unwrap(), validity, None).unwrap();
            Identity::new(vec![ca.certificate().der.clone()], ca.key()).unwrap();
        }
    }
}

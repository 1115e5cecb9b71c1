//! Judges a chain with rustls-webpki: somebody else's verifier.

use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::{Error, Purpose};

/// Verifies that a certificate chains to the CA for its purpose at that time: signature, dates,
/// extended key usage, name constraints (RFC 5280, section 6).
///
/// A CA is verified against itself, which proves its signature and nothing else.
///
/// # Errors
/// [`Error::Chain`] with rustls-webpki's own words.
pub fn verify_chain(
    der: &[u8],
    ca_der: &[u8],
    purpose: Purpose,
    at: OffsetDateTime,
) -> Result<(), Error> {
    let failed = |cause: webpki::Error| Error::Chain {
        cause: words(&cause),
    };
    let ca = CertificateDer::from(ca_der);
    let anchor = anchor_from_trusted_cert(&ca).map_err(failed)?;
    let der = CertificateDer::from(der);
    let usage = match purpose {
        Purpose::Server => KeyUsage::server_auth(),
        Purpose::Client => KeyUsage::client_auth(),
        Purpose::Ca => return verify_self_signature(ca_der),
    };
    let seconds = u64::try_from(at.unix_timestamp()).unwrap_or(0);
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let certificate = EndEntityCert::try_from(&der).map_err(failed)?;
    certificate
        .verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &[anchor],
            &[],
            time,
            usage,
            None,
            None,
        )
        .map(|_| ())
        .map_err(failed)
}

/// webpki takes no CA as an end entity, so the self-signature is x509-parser's to judge.
fn verify_self_signature(ca_der: &[u8]) -> Result<(), Error> {
    use x509_parser::prelude::FromDer;
    let failed = |cause: String| Error::Chain { cause };
    let (_, ca) = x509_parser::prelude::X509Certificate::from_der(ca_der)
        .map_err(|error| failed(error.to_string()))?;
    ca.verify_signature(None)
        .map_err(|_| failed("its own signature does not verify".into()))
}

fn words(error: &webpki::Error) -> String {
    match error {
        webpki::Error::CaUsedAsEndEntity => "it is a CA itself".into(),
        webpki::Error::UnknownIssuer => "its issuer is another".into(),
        webpki::Error::InvalidSignatureForPublicKey => "its signature is not the CA's".into(),
        webpki::Error::CertExpired { .. } => "it or the CA has expired".into(),
        webpki::Error::CertNotValidYet { .. } => "it or the CA is not valid yet".into(),
        webpki::Error::RequiredEkuNotFoundContext(_) => {
            "its extended key usage is for something else".into()
        }
        webpki::Error::NameConstraintViolation => {
            "a name in it is outside the CA's constraints".into()
        }
        other => other.to_string(),
    }
}

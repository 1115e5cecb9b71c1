//! Looks at the certificate a daemon serves, whoever may ask it more.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use super::deadline::Timed;
use super::tls::connect;
use super::words;
use crate::pki::Certificate;

/// The certificate that is served there, whether it is good or not.
///
/// A daemon shows its certificate before it asks for ours (RFC 8446, section 4.4.2), so that
/// nobody's is needed; that it has the key too is proved by its signature.  There is one attempt:
/// who does not answer now does not answer.
///
/// # Errors
/// In words, what came instead of a certificate.
pub fn served(host: &str, port: u16, limit: Duration) -> Result<Certificate, String> {
    let witness = Arc::new(Witness {
        provider: Arc::new(aws_lc_rs::default_provider()),
        served: OnceLock::new(),
    });
    let mut first = Vec::new();
    let shaken = shake_hands(host, port, limit, &witness, &mut first);
    match (witness.served.get(), shaken) {
        (Some(_), Err(cause)) if is_forged(&cause) => {
            Err("it serves a certificate without having its key".into())
        }
        (Some(der), _) => Certificate::from_der(der).map_err(|error| error.to_string()),
        (None, shaken) => {
            let hung_up = io::Error::from(ErrorKind::UnexpectedEof);
            let cause = shaken.err().unwrap_or(hung_up);
            Err(words::of_failure(&cause, &first).plain)
        }
    }
}

fn shake_hands(
    host: &str,
    port: u16,
    limit: Duration,
    witness: &Arc<Witness>,
    first: &mut Vec<u8>,
) -> io::Result<()> {
    let mut config = ClientConfig::builder_with_provider(witness.provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone())
        .with_no_client_auth();
    // Who resumes a session shows no certificate.
    config.resumption = Resumption::disabled();
    let name = match host.parse::<IpAddr>() {
        Ok(address) => ServerName::from(address),
        Err(_) => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
    };
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let deadline = Instant::now() + limit;
    let mut socket = Timed::new(connect(host, port, deadline)?, deadline);
    let shaken = loop {
        // What comes after the certificate is for who has one to show.
        if !connection.is_handshaking() {
            break Ok(());
        }
        match connection.complete_io(&mut socket) {
            Ok((0, 0)) => break Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(cause) => break Err(cause),
        }
    };
    first.extend(socket.first());
    shaken
}

/// Whether the handshake ended because the signature is not that of the certificate's key.
fn is_forged(cause: &io::Error) -> bool {
    matches!(
        words::tls_error(cause),
        Some(rustls::Error::InvalidCertificate(
            rustls::CertificateError::BadSignature
        ))
    )
}

/// Keeps the certificate, and finds every one good.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    served: OnceLock<CertificateDer<'static>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.served.get_or_init(|| end_entity.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

//! What TLS and the system say, in an operator's words.

use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError};

use super::http::shown;
use crate::host::error;
use crate::pki::{Certificate, date};

/// Plain words for a failure, with what was said for those who look it up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) plain: String,
    pub(super) raw: Option<String>,
}

/// Tells a failure of a connection on which these octets came first.
pub(super) fn of_failure(cause: &io::Error, first: &[u8]) -> Words {
    if let Some(plain) = not_tls(first) {
        return Words { plain, raw: None };
    }
    match tls_error(cause) {
        Some(tls) => Words {
            plain: of_tls(tls),
            raw: Some(tls.to_string()),
        },
        None => of_system(cause),
    }
}

/// The error of TLS inside one of the system's.
pub(super) fn tls_error(cause: &io::Error) -> Option<&rustls::Error> {
    cause.get_ref()?.downcast_ref()
}

/// Says which certificate it is: serial, names and end.
pub(super) fn of_certificate(certificate: &Certificate) -> String {
    let names = names(certificate);
    let until = date(certificate.validity.not_after);
    format!(
        "serial {} for {names}, valid until {until}",
        certificate.serial
    )
}

/// The names a certificate is for, the first of many.
fn names(certificate: &Certificate) -> String {
    const SHOWN: usize = 5;
    let all = &certificate.sans;
    let mut names: Vec<_> = all.iter().take(SHOWN).map(ToString::to_string).collect();
    if all.len() > SHOWN {
        names.push(format!("{} more", all.len() - SHOWN));
    }
    match names.is_empty() {
        true => "no name".to_owned(),
        false => names.join(", "),
    }
}

/// What is wrong with the certificate the daemon serves, after "the certificate".
pub(super) fn of_fault(fault: &CertificateError, served: &Certificate, name: &str) -> String {
    use CertificateError as E;
    let validity = served.validity;
    match fault {
        E::UnknownIssuer => "is not of our CA".into(),
        E::BadSignature => "names our CA, which did not sign it".into(),
        E::Expired | E::ExpiredContext { .. } => {
            format!(
                "or its CA has expired: it ends on {}",
                date(validity.not_after)
            )
        }
        E::NotValidYet | E::NotValidYetContext { .. } => format!(
            "or its CA is not valid yet: it begins on {}",
            date(validity.not_before)
        ),
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            format!("is for {}, not for {name}", names(served))
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "is not one for servers".into(),
        E::BadEncoding => "is damaged".into(),
        E::UnhandledCriticalExtension => "has a critical extension nobody knows".into(),
        _ => "cannot be verified".into(),
    }
}

/// An answer that is not TLS at all: its records begin with a type from 20 to 24 (RFC 8446,
/// section 5.1; RFC 6520, section 7).
fn not_tls(first: &[u8]) -> Option<String> {
    match first {
        [] | [20..=24, ..] => None,
        first if first.starts_with(b"HTTP/") => {
            Some("it speaks plain HTTP there, without TLS".into())
        }
        first => Some(format!(
            "it does not speak TLS there, but says `{}`",
            shown(first)
        )),
    }
}

fn of_tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::AlertReceived(alert) => of_alert(*alert).into(),
        rustls::Error::PeerIncompatible(_) => "it and we have no kind of TLS in common".into(),
        _ => "it breaks the rules of TLS".into(),
    }
}

/// What an alert means when our own client gets it (RFC 8446, section 6.2).  Engines up to 20.10
/// say `bad_certificate` for whatever is wrong.
fn of_alert(alert: AlertDescription) -> &'static str {
    use AlertDescription as A;
    match alert {
        A::UnknownCA => "it does not know the CA of our client: its `tlscacert` is another",
        A::CertificateExpired => "it says that our client's certificate or its CA has expired",
        A::CertificateRevoked => "it says that our client's certificate is revoked",
        A::CertificateRequired | A::NoCertificate => {
            "it wants a client's certificate and did not take ours"
        }
        A::BadCertificate
        | A::CertificateUnknown
        | A::UnsupportedCertificate
        | A::AccessDenied
        | A::DecryptError => {
            "it refuses our client's certificate: is its `tlscacert` missing or another?"
        }
        A::ProtocolVersion | A::InsufficientSecurity | A::HandshakeFailure => {
            "it and we have no kind of TLS in common"
        }
        A::UnrecognisedName => "it does not know the name it was asked for",
        A::InternalError => "it failed by itself",
        _ => "it broke off the handshake",
    }
}

/// Whether an alert judges our certificate, so that it will come again.
pub(super) fn is_about_our_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::UnknownCA
            | A::CertificateExpired
            | A::CertificateRevoked
            | A::CertificateRequired
            | A::NoCertificate
            | A::BadCertificate
            | A::CertificateUnknown
            | A::UnsupportedCertificate
            | A::AccessDenied
            | A::DecryptError
            | A::HandshakeFailure
    )
}

fn of_system(cause: &io::Error) -> Words {
    let raw = Some(error::words(cause));
    let (plain, raw) = match cause.kind() {
        ErrorKind::ConnectionRefused => ("nobody listens there", raw),
        ErrorKind::TimedOut => ("it did not answer in time", None),
        ErrorKind::UnexpectedEof => ("it hung up without an answer", None),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            ("it hung up without an answer", raw)
        }
        ErrorKind::NotFound => ("the name has no address", None),
        _ => ("it cannot be reached", raw),
    };
    Words {
        plain: plain.into(),
        raw,
    }
}

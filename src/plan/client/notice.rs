//! What a person should know before a client is installed.

use std::path::PathBuf;

use time::OffsetDateTime;

use crate::pki::{Certificate, PrivateKey, Serial, certificates_from_pem};
use crate::plan::context::ContextName;
use crate::plan::docker_host::DockerHost;

/// Something a person should know before the plan is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A file is replaced that holds something else.
    Replaced {
        /// The file.
        path: PathBuf,
        /// What it holds.
        held: Held,
    },
    /// The context is for another host so far.
    OtherHost {
        /// The context.
        context: ContextName,
        /// Its host so far.
        before: String,
        /// The one it gets.
        after: DockerHost,
    },
    /// The context, whose host stays as it is, has docker not check the daemon's certificate.
    SkipsVerification {
        /// The context.
        context: ContextName,
    },
}

/// What is in a file that is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// A certificate; of several the first.
    Certificate {
        /// Whose it is.
        common_name: Option<String>,
        /// The common name of who issued it.
        issuer: Option<String>,
        /// Its serial number.
        serial: Serial,
        /// The last second it is valid.
        not_after: OffsetDateTime,
    },
    /// A private key.
    Key {
        /// The SHA-256 of its public half in hex.
        fingerprint: String,
    },
    /// Something else.
    Other,
}

impl Held {
    pub(super) fn read(content: &[u8]) -> Self {
        let certificate = || -> Option<Certificate> {
            let all = certificates_from_pem(content).ok()?;
            Certificate::from_der(all.first()?).ok()
        };
        if let Some(certificate) = certificate() {
            return Self::Certificate {
                issuer: certificate.issuer_common_name(),
                common_name: certificate.common_name,
                serial: certificate.serial,
                not_after: certificate.validity.not_after,
            };
        }
        match PrivateKey::from_pem(content) {
            Ok(key) => Self::Key {
                fingerprint: key.public_key().fingerprint(),
            },
            Err(_) => Self::Other,
        }
    }
}

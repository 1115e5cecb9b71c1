//! What a person should know before a client is installed.

use std::path::PathBuf;

use time::OffsetDateTime;

use crate::pki::{Certificate, PrivateKey, certificates_from_pem};
use crate::plan::context::ContextName;
use crate::plan::docker_host::DockerHost;
use crate::plan::pair::SoundPair;

/// Something a person should know before the plan is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Files are replaced that hold what is another's, or nobody's.  Of a pair that is replaced
    /// whole, the certificate is told; that a client gets its next certificate is not.
    Replaced {
        /// The files, in directories of their own.
        paths: Vec<PathBuf>,
        /// What each of them holds.
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
        if let Some(certificate) = certificate(content) {
            return Self::Certificate {
                issuer: certificate.issuer_common_name(),
                common_name: certificate.common_name,
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

/// Adds a notice for each file of a pair that is replaced and not told of by another.
///
/// `before` is what the files hold that are there, in the order of `paths` and of the pair's own:
/// CA, certificate, key.
pub(super) fn tell_replaced(
    notices: &mut Vec<Notice>,
    paths: &[PathBuf; 3],
    before: [Option<&[u8]>; 3],
    pair: &SoundPair,
) {
    let theirs = before[1].and_then(certificate);
    let identity = |it: &Certificate| (it.common_name.clone(), it.issuer_common_name());
    let is_renewal = theirs
        .as_ref()
        .is_some_and(|theirs| identity(theirs) == identity(&pair.certificate));
    let is_told = |index: usize, content: &[u8]| match (index, &theirs) {
        (0, Some(theirs)) => {
            let ca = certificate(content).and_then(|ca| ca.common_name);
            ca.is_some() && ca == theirs.issuer_common_name()
        }
        (1, _) => is_renewal,
        (2, Some(theirs)) => {
            PrivateKey::from_pem(content).is_ok_and(|key| *key.public_key() == theirs.public_key)
        }
        _ => false,
    };
    for (index, (path, content)) in paths.iter().zip(before).enumerate() {
        let Some(content) = content.filter(|it| *it != pair.files[index].as_slice()) else {
            continue;
        };
        if is_told(index, content) {
            continue;
        }
        let held = Held::read(content);
        let same = notices.iter_mut().find_map(|notice| match notice {
            Notice::Replaced { paths, held: other } if *other == held => Some(paths),
            _ => None,
        });
        match same {
            Some(paths) => paths.push(path.clone()),
            None => notices.push(Notice::Replaced {
                paths: vec![path.clone()],
                held,
            }),
        }
    }
}

fn certificate(content: &[u8]) -> Option<Certificate> {
    let all = certificates_from_pem(content).ok()?;
    Certificate::from_der(all.first()?).ok()
}

//! Reads what a user was handed: a reply to a request, or a bundle with the key.

use std::path::{Path, PathBuf};

use super::Session;
use crate::error::Error;
use crate::host;
use crate::plan::bundle::{self, Bundle, Files};
use crate::plan::docker_host::DockerHost;
use crate::plan::enroll::{EnrollError, KeyFile, KeyOf, Reply};
use crate::plan::layout::{self, PairKind};
use crate::plan::state::{FileState, PresentFile};
use crate::report::KeyFrom;
use time::OffsetDateTime;

/// A client as it came.
pub(super) struct Handed {
    /// Its certificate and CAs, judged.
    pub(super) reply: Reply,
    /// Its key, if it came along.
    pub(super) key: Option<KeyFile>,
    /// The daemon it is for, if that came along.
    pub(super) host: Option<DockerHost>,
}

impl Handed {
    /// Where the key is, for whoever is asked.
    pub(super) fn key_from(&self) -> KeyFrom {
        match self.key {
            Some(_) => KeyFrom::Bundle,
            None => KeyFrom::Machine,
        }
    }
}

/// Puts the file, or standard input, before what is wrong with what is in it.
pub(super) fn naming(from: Option<&Path>, error: Error) -> Error {
    match error {
        Error::Plan(cause) => Error::Plan(crate::plan::Error::Handed {
            from: from.map(Path::to_owned),
            cause: Box::new(cause),
        }),
        // It names the file.
        other => other,
    }
}

impl Session<'_> {
    /// Reads what is in a file, in a directory, or on standard input.
    pub(super) fn handed(&self, from: Option<&Path>, now: OffsetDateTime) -> Result<Handed, Error> {
        self.read_handed(from, now)
            .map_err(|error| naming(from, error))
    }

    fn read_handed(&self, from: Option<&Path>, now: OffsetDateTime) -> Result<Handed, Error> {
        const WANTED: &str = "a reply in PEM, or a client as tar, zip, context, env or directory";
        if let Some(directory) = from.filter(|path| host::is_directory(path)) {
            return parted(bundle_in(directory)?, from, now);
        }
        let message = self.message(from, WANTED)?;
        match Bundle::read(&message) {
            Ok(bundle) if bundle.files.key.is_some() => parted(bundle, from, now),
            Err(
                error @ (bundle::Error::Encrypted
                | bundle::Error::Large { .. }
                | bundle::Error::Broken { .. }
                | bundle::Error::Missing { .. }
                | bundle::Error::Twice { .. }
                | bundle::Error::Value { .. }),
            ) if !is_reply(&message) => Err(crate::plan::Error::Bundle(error).into()),
            // Certificates are looked for in whatever mail made of them.
            _ => Ok(Handed {
                reply: Reply::read(&message, now).map_err(|error| as_handed(error, &message))?,
                key: None,
                host: None,
            }),
        }
    }
}

/// A private key is no secret that got out here: it may lie where it belongs, and travels in a bundle.
fn as_handed(error: crate::plan::Error, message: &[u8]) -> crate::plan::Error {
    let crate::plan::Error::Pki(crate::pki::Error::PrivateKeySent { .. }) = error else {
        return error;
    };
    let found = match is_reply(message) {
        true => "a private key beside certificates",
        false => "a private key alone",
    };
    EnrollError::Message {
        found: found.into(),
        wanted: "a reply, which has none, or all that `client export` wrote".into(),
    }
    .into()
}

/// Whether it has certificates for anybody to see, as a reply has.
fn is_reply(message: &[u8]) -> bool {
    const BEGIN: &[u8] = b"BEGIN CERTIFICATE";
    message.windows(BEGIN.len()).any(|part| part == BEGIN)
}

/// The certificates of a bundle, judged, and its key.
fn parted(bundle: Bundle, from: Option<&Path>, now: OffsetDateTime) -> Result<Handed, Error> {
    let Bundle { files, host, .. } = bundle;
    let Files {
        ca,
        certificate,
        key,
    } = files;
    let certificates = [certificate.as_slice(), b"\n", &ca].concat();
    let key = key.map(|content| KeyFile {
        path: from.map_or_else(|| PathBuf::from("-"), Path::to_owned),
        file: FileState::Present(PresentFile {
            mode: layout::KEY_MODE,
            owner: 0,
            content,
        }),
        of: KeyOf::Named,
    });
    Ok(Handed {
        reply: Reply::read(&certificates, now)?,
        key,
        host,
    })
}

/// The three files in a directory.
fn bundle_in(directory: &Path) -> Result<Bundle, Error> {
    let kind = PairKind::Client;
    let [ca, certificate, key] = host::client_files(directory);
    let content = |name: &str, state: &FileState, wanted: &str| {
        let path = directory.join(name);
        let content = state.content(&path, wanted).cloned();
        content.map_err(|error| match error {
            // It is no file of a home, which has commands of its own to mend it.
            crate::plan::Error::Unsound { found, wanted, .. } => EnrollError::Message {
                found: format!("{found} at `{name}`"),
                wanted,
            }
            .into(),
            other => other,
        })
    };
    let files = Files {
        ca: content(layout::CA_CERTIFICATE, &ca, "the CA's certificate")?,
        certificate: content(kind.certificate_file(), &certificate, "the certificate")?,
        key: match key {
            FileState::Absent => None,
            key => Some(content(kind.key_file(), &key, "the private key")?),
        },
    };
    Ok(Bundle::from_files(files).map_err(crate::plan::Error::Bundle)?)
}

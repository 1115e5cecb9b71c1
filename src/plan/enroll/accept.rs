//! Back on the machine that made the request: which key a reply is for.

use std::path::{Path, PathBuf};

use super::{EnrollError, Reply, pems};
use crate::pki::{Certificate, PrivateKey, VerifyCode};
use crate::plan::Error;
use crate::plan::machine::{Access, FileChange, FileImage, MachineChange};
use crate::plan::state::FileState;
use crate::plan::trust::Trust;
use crate::plan::verify::found_words;

/// A private key on this machine that a reply may be for.
#[derive(Debug)]
pub struct KeyFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What is there.
    pub file: FileState,
    /// Whose it is.
    pub of: KeyOf,
}

/// Whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOf {
    /// An open request's, in a directory of its own.
    Request(String),
    /// A client's that is installed, or a docker context's.
    Installed,
    /// One that somebody named.
    Named,
}

/// Finds the key a reply is for.
///
/// # Errors
/// [`EnrollError::NoKey`] if it is not among them, [`EnrollError::OtherKey`] if the one that was named is another;
/// [`Error::OpenKey`] if others can read the key of a request.
pub fn find_key<'a>(reply: &Reply, keys: &'a [KeyFile]) -> Result<&'a KeyFile, Error> {
    let wanted = &reply.certificate.public_key;
    let mut open = Vec::new();
    for key in keys {
        let read = match &key.file {
            FileState::Present(file) => PrivateKey::from_pem(&file.content),
            FileState::OpenKey { mode } if key.of != KeyOf::Installed => {
                return Err(Error::OpenKey {
                    path: key.path.clone(),
                    mode: *mode,
                });
            }
            other if key.of == KeyOf::Named => {
                return Err(unsound(key, other.words()));
            }
            _ => continue,
        };
        let found = match read {
            Ok(found) => found,
            Err(error) if key.of == KeyOf::Named => {
                return Err(unsound(key, found_words(&error)));
            }
            Err(_) => continue,
        };
        if found.public_key() == wanted {
            return Ok(key);
        }
        let code = VerifyCode::of(found.public_key());
        match &key.of {
            KeyOf::Request(name) => open.push((name.clone(), code)),
            KeyOf::Installed => {}
            KeyOf::Named => {
                return Err(EnrollError::OtherKey {
                    path: key.path.clone(),
                    found: code,
                    wanted: VerifyCode::of(wanted),
                }
                .into());
            }
        }
    }
    Err(EnrollError::NoKey {
        name: reply.name.to_string(),
        code: VerifyCode::of(wanted),
        open,
    }
    .into())
}

fn unsound(key: &KeyFile, found: String) -> Error {
    EnrollError::Message {
        found: format!("{found} in `{}`", key.path.display()),
        wanted: "a PKCS#8 private key in PEM, not encrypted".into(),
    }
    .into()
}

/// The CAs that docker believes already, by the `ca.pem` in its directory.
pub fn known_authorities(ca: Option<&FileImage>) -> Vec<Certificate> {
    let ders = ca.and_then(|ca| crate::pki::certificates_from_pem(&ca.content).ok());
    let all = ders.iter().flatten().map(|der| Certificate::from_der(der));
    all.flatten().collect()
}

/// The CAs of a reply that docker does not believe yet: those a person must vouch for.
///
/// # Errors
/// [`EnrollError::UnexpectedCa`] if codes are expected and one of these CAs has none of them, or none
/// of the reply's CAs has one.
pub fn unknown_authorities<'a>(
    trust: &'a Trust,
    known: &[Certificate],
    expected: &[VerifyCode],
) -> Result<Vec<&'a Certificate>, Error> {
    let unknown = trust.all().filter(|ca| !known.contains(ca));
    let unknown = Vec::from_iter(unknown);
    if expected.is_empty() {
        return Ok(unknown);
    }
    let is_expected = |ca: &Certificate| expected.contains(&VerifyCode::of(&ca.public_key));
    let unexpected = match trust.all().any(is_expected) {
        true => unknown.iter().copied().find(|ca| !is_expected(ca)),
        // What somebody took the trouble to name counts of a CA that is known here, too.
        false => Some(&trust.ca),
    };
    match unexpected {
        Some(ca) => Err(EnrollError::UnexpectedCa {
            found: VerifyCode::of(&ca.public_key),
            wanted: expected.to_vec(),
        }
        .into()),
        None => Ok(unknown),
    }
}

/// The changes that take a request away once its client is installed: its two files, and its
/// directory if nothing else is in it.
pub fn leave_request(
    directory: &Path,
    access: Option<Access>,
    [key, request]: [Option<FileImage>; 2],
) -> Vec<MachineChange> {
    let files = pems(directory).into_iter().zip([key, request]);
    let files = files.filter(|(_, before)| before.is_some());
    let mut changes = Vec::from_iter(files.map(|(path, before)| {
        MachineChange::File(FileChange {
            path,
            before,
            after: None,
        })
    }));
    changes.extend(access.map(|before| MachineChange::Directory {
        path: directory.to_owned(),
        before: Some(before),
        after: None,
    }));
    changes
}

//! A request on the machine that will use the certificate: a key, and what is sent to the CA.

use std::path::{Path, PathBuf};

use super::EnrollError;
use crate::pki::{CertificateRequest, KeyType, Name, PrivateKey};
use crate::plan::layout::{self, PairKind};
use crate::plan::state::FileState;
use crate::plan::verify::found_words;
use crate::plan::{Content, Encryption, Error, NewFile};

/// The directory of open requests in docker's configuration directory, which docker does not look
/// at.  It is there that a reply looks for its key.
pub const REQUESTS: &str = "requests";

/// The request's file, beside the key.
pub const REQUEST: &str = "request.pem";

/// What is wanted.
#[derive(Debug)]
pub struct RequestWish {
    /// The client's name.
    pub name: Name,
    /// The kind of its key, if somebody named one.
    pub key_type: Option<KeyType>,
}

/// What lies in a request's directory.
#[derive(Debug)]
pub struct OpenRequest {
    /// The directory.
    pub directory: PathBuf,
    /// The private key.
    pub key: FileState,
    /// What is sent.
    pub request: FileState,
}

/// The key's path and the request's in a directory.
pub fn pems(directory: &Path) -> [PathBuf; 2] {
    [PairKind::Client.key_file(), REQUEST].map(|name| directory.join(name))
}

/// What is sent.
pub fn text(name: &Name, request: &CertificateRequest) -> String {
    // Without the code: who changes the request on its way could change that beside it too.
    format!("Request for docker client {name}\n{}", request.pem())
}

/// The two files of a new request; their paths are relative to its directory.
pub fn files(name: &Name, key: &PrivateKey) -> Result<(CertificateRequest, [NewFile; 2]), Error> {
    let request = CertificateRequest::new(name, key)?;
    let key = NewFile {
        path: PairKind::Client.key_file().into(),
        mode: layout::KEY_MODE,
        content: Content::Key {
            pem: key.to_pem()?.into_bytes(),
            fingerprint: key.public_key().fingerprint(),
            encryption: Encryption::Plain,
        },
    };
    let sent = NewFile {
        path: REQUEST.into(),
        mode: layout::CERTIFICATE_MODE,
        content: Content::Public(text(name, &request)),
    };
    Ok((request, [key, sent]))
}

/// The request that is open, to be sent again.
///
/// # Errors
/// [`EnrollError`] if it is another's, of another kind of key, or not whole; [`Error::OpenKey`] if
/// others can read its key.
pub fn again(open: &OpenRequest, wish: &RequestWish) -> Result<CertificateRequest, Error> {
    let [key_path, request_path] = pems(&open.directory);
    let broken = |path: &Path, found: String, wanted: &str| EnrollError::Request {
        name: wish.name.to_string(),
        path: path.to_owned(),
        found,
        wanted: wanted.into(),
    };
    let content = |path: &Path, file: &FileState, wanted: &str| match file {
        FileState::Present(file) => Ok(file.content.clone()),
        FileState::OpenKey { mode } => Err(Error::OpenKey {
            path: path.to_owned(),
            mode: *mode,
        }),
        other => Err(broken(path, other.words(), wanted).into()),
    };
    let wanted_key = "the private key of the open request";
    let key = content(&key_path, &open.key, wanted_key)?;
    let key = PrivateKey::from_pem(&key)
        .map_err(|error| broken(&key_path, found_words(&error), wanted_key))?;
    let wanted = "the open request";
    let sent = content(&request_path, &open.request, wanted)?;
    let request = CertificateRequest::from_message(&sent)
        .map_err(|error| broken(&request_path, error.to_string(), wanted))?;
    if request.public_key != *key.public_key() {
        let found = "a request for another key";
        return Err(broken(&request_path, found.into(), "one for the key beside it").into());
    }
    if request.common_name.as_deref() != Some(wish.name.as_str()) {
        let found = request.common_name.as_deref().unwrap_or_default();
        let found = format!("the request of client `{found}`");
        let wanted = format!("that of `{}`", wish.name);
        return Err(broken(&request_path, found, &wanted).into());
    }
    match wish.key_type {
        Some(wanted) if wanted != key.key_type() => Err(EnrollError::OtherKeyType {
            name: wish.name.to_string(),
            found: key.key_type().to_string(),
            wanted,
        }
        .into()),
        _ => Ok(request),
    }
}

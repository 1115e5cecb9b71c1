//! The CA's key, opened to sign.

use std::path::Path;

use super::Session;
use crate::error::Error;
use crate::host::{self, Asked, Repeat};
use crate::pki::{self, Ca, Passphrase, PrivateKey, is_encrypted};
use crate::plan::layout;
use crate::plan::state::{FileState, HomeState, open_key};
use crate::plan::trust::Issuer;

/// The key as it was opened, maybe before the lock: nobody else waits while a person types.
pub(super) struct OpenedKey {
    file: FileState,
    passphrase: Option<Passphrase>,
    pub(super) key: PrivateKey,
}

impl Session<'_> {
    /// The CA's private key, with the passphrase from the file or from the terminal if it needs
    /// one.
    pub(super) fn open_ca_key(&self, passphrase_file: Option<&Path>) -> Result<OpenedKey, Error> {
        let path = self.home.join(layout::CA_KEY);
        let file = host::key_state(&path);
        let passphrase = match (passphrase_file, self.is_encrypted(&file)) {
            (Some(file), _) => Some(host::passphrase_from_file(file)?),
            (None, true) => {
                let question = "Passphrase of the CA's key";
                Some(host::ask(question, Asked::Passphrase, Repeat::No)?)
            }
            (None, false) => None,
        };
        let key = open_key(path, &file, passphrase.as_ref())?;
        Ok(OpenedKey {
            file,
            passphrase,
            key,
        })
    }

    /// The CA of the home, ready to sign.  To be called with the lock: a rollover may have put the
    /// next CA's key, with the same passphrase, in the place of the one that was opened.
    pub(super) fn issuer(&self, state: &HomeState, opened: OpenedKey) -> Result<Issuer, Error> {
        let path = self.home.join(layout::CA_KEY);
        let key = match (host::key_state(&path), &opened.file) {
            (FileState::Present(now), FileState::Present(then)) if now.content == then.content => {
                opened.key
            }
            (now, _) => open_key(path, &now, opened.passphrase.as_ref())?,
        };
        let trust = state.trust()?;
        let ca = Ca::from_parts(&trust.ca.der, key).map_err(|cause| crate::plan::Error::File {
            path: self.home.join(match cause {
                pki::Error::KeyMismatch => layout::CA_KEY,
                _ => layout::CA_CERTIFICATE,
            }),
            cause,
        })?;
        Ok(Issuer {
            ca,
            trusted: trust.pem(),
        })
    }

    pub(super) fn is_encrypted(&self, key: &FileState) -> bool {
        matches!(key, FileState::Present(file) if is_encrypted(&file.content) == Ok(true))
    }
}

//! Plans another passphrase for the CA's key, or none.

use super::init::ca_key_file;
use super::layout;
use super::state::{FileState, HomeState};
use super::{Change, Error, Plan};
use crate::pki::{Passphrase, PrivateKey};

/// Plans the replacement of the CA's key file: the same key, encrypted with the new passphrase,
/// or as it is without one.
///
/// The old file is replaced as one and not kept, so no unencrypted copy stays behind.
pub fn plan(
    home: &HomeState,
    old: &FileState,
    key: &PrivateKey,
    new: Option<&Passphrase>,
) -> Result<Plan, Error> {
    let FileState::Present(old) = old else {
        return Err(Error::NoCaKey {
            path: home.path.join(layout::CA_KEY),
        });
    };
    Ok(Plan {
        command: "ca passwd",
        changes: vec![Change::ReplaceFile {
            file: ca_key_file(key, new)?,
            before: old.content.clone(),
        }],
    })
}

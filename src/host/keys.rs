//! Fresh keys and serials, on all cores where that pays.

use super::{Error, parallel};
use crate::pki::{KeyType, PrivateKey, Serial};
use crate::plan::issue::Fresh;

/// Makes this many keys with their serials.
///
/// An RSA key is a second's work, so from two on they are made side by side; of the others, tens
/// of microseconds each, only many are worth a thread.
pub fn fresh(count: usize, key_type: KeyType) -> Result<Vec<Fresh>, Error> {
    let one = |_| {
        Ok(Fresh {
            key: PrivateKey::generate(key_type)?,
            serial: Serial::generate()?,
        })
    };
    let side_by_side = if key_type.is_rsa() { 2 } else { 256 };
    parallel::map(Vec::from_iter(0..count), side_by_side, one)
        .into_iter()
        .collect::<Result<_, crate::pki::Error>>()
        .map_err(Error::Key)
}

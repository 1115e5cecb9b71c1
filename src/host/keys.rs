//! Fresh keys and serials, on all cores where that pays.

use super::Error;
use super::parallel::{self, Jobs};
use crate::pki::{KeyType, PrivateKey, Serial};
use crate::plan::issue::Fresh;

/// Draws a serial for a key that is kept, or makes both.
pub fn fresh_unless(kept: Option<PrivateKey>, key_type: KeyType) -> Result<Fresh, Error> {
    let made = || {
        Ok(Fresh {
            key: match kept {
                Some(key) => key,
                None => PrivateKey::generate(key_type)?,
            },
            serial: Serial::generate()?,
        })
    };
    made().map_err(Error::Key)
}

/// From how many on it pays to work on keys side by side.
///
/// An RSA key is a second's work; the others take tens of microseconds each.
pub fn side_by_side_from(key_type: KeyType) -> usize {
    if key_type.is_rsa() { 2 } else { 256 }
}

/// Makes this many keys with their serials.
pub fn fresh(count: usize, key_type: KeyType) -> Result<Vec<Fresh>, Error> {
    let one = |_| fresh_unless(None, key_type);
    let all = Vec::from_iter(0..count);
    parallel::map(all, side_by_side_from(key_type), Jobs::Cores, one)
        .into_iter()
        .collect()
}

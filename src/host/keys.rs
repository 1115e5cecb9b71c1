//! Fresh keys and serials, on all cores where that pays.

use super::Error;
use super::parallel::{self, Jobs};
use crate::pki::{KeyType, PrivateKey, Serial};
use crate::plan::issue::{Fresh, PairKey};
use crate::plan::renew::NextKey;

/// Makes the key of a renewed certificate, unless it is there, and draws a serial.
pub fn next(key: NextKey) -> Result<(PairKey, Serial), Error> {
    let made = || {
        let key = match key {
            NextKey::Made(key_type) => PairKey::Home(PrivateKey::generate(key_type)?),
            NextKey::Kept(key) => PairKey::Home(key),
            NextKey::Elsewhere(key) => PairKey::Elsewhere(key),
        };
        Ok((key, Serial::generate()?))
    };
    made().map_err(Error::Key)
}

/// From how many on it pays to make next keys side by side.
pub fn next_side_by_side_from(key: &NextKey) -> usize {
    match key {
        NextKey::Made(key_type) => side_by_side_from(*key_type),
        NextKey::Kept(_) | NextKey::Elsewhere(_) => side_by_side_from(KeyType::P256),
    }
}

/// Draws a serial.
pub fn serial() -> Result<Serial, Error> {
    Serial::generate().map_err(Error::Key)
}

/// Makes a key.
pub fn key(key_type: KeyType) -> Result<PrivateKey, Error> {
    PrivateKey::generate(key_type).map_err(Error::Key)
}

/// From how many on it pays to work on keys side by side.
///
/// An RSA key is a second's work; the others take tens of microseconds each.
pub fn side_by_side_from(key_type: KeyType) -> usize {
    if key_type.is_rsa() { 2 } else { 256 }
}

/// Makes this many keys with their serials.
pub fn fresh(count: usize, key_type: KeyType) -> Result<Vec<Fresh>, Error> {
    let one = |_| {
        Ok(Fresh {
            key: key(key_type)?,
            serial: serial()?,
        })
    };
    let all = Vec::from_iter(0..count);
    parallel::map(all, side_by_side_from(key_type), Jobs::Cores, one)
        .into_iter()
        .collect()
}

//! Fresh keys and serials, on all cores where that pays.

use rayon::prelude::*;

use super::Error;
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
    let all: Result<_, crate::pki::Error> = match count >= side_by_side {
        true => (0..count).into_par_iter().map(one).collect(),
        false => (0..count).map(one).collect(),
    };
    all.map_err(Error::Key)
}

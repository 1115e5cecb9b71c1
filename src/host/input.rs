//! Reads what somebody hands over: a file, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::Error;
use crate::pki::MAX_MESSAGE;

/// A list of a million names is smaller.
const MOST_OF_A_LIST: usize = 64 << 20;

/// Reads a list from a file, or from standard input if there is none.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::LongInput`] if it is longer than any list.
pub fn read_list(from: Option<&Path>) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    read(from, MOST_OF_A_LIST, &mut content)?;
    match content.len() > MOST_OF_A_LIST {
        true => Err(Error::LongInput {
            path: input_name(from).to_owned(),
            wanted: MOST_OF_A_LIST,
        }),
        false => Ok(content),
    }
}

/// Reads what is sent between two machines from a file, or from standard input if there is none.  No more
/// than an octet over [`MAX_MESSAGE`] is read, by which the caller knows that there is more; it is zeroed
/// when dropped, for somebody may have sent a private key.
///
/// # Errors
/// [`Error::Io`].
pub fn read_message(from: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Error> {
    // Reserved at once: a vector that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_MESSAGE + 2));
    read(from, MAX_MESSAGE, &mut text)?;
    Ok(text)
}

/// How where it comes from is called in messages.
pub fn input_name(from: Option<&Path>) -> &Path {
    from.unwrap_or(Path::new("standard input"))
}

/// At most one octet more than `limit`.
fn read(from: Option<&Path>, limit: usize, to: &mut Vec<u8>) -> Result<(), Error> {
    let failed = || Error::io("read", input_name(from));
    let limit = limit as u64 + 1;
    let read = match from {
        Some(path) => File::open(path)
            .map_err(failed())?
            .take(limit)
            .read_to_end(to),
        None => io::stdin().lock().take(limit).read_to_end(to),
    };
    read.map(drop).map_err(failed())
}

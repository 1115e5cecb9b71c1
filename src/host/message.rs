//! What is sent between two machines, read from a file or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::Error;
use crate::pki::MAX_MESSAGE;

/// Reads a message from a file, or from standard input if there is none.  No more than an octet
/// over [`MAX_MESSAGE`] is read, by which the caller knows that there is more; it is zeroed when
/// dropped, for somebody may have sent a private key.
pub fn message(path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Error> {
    // Reserved at once: a vector that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_MESSAGE + 2));
    let limit = MAX_MESSAGE as u64 + 1;
    let (read, path) = match path {
        Some(path) => {
            let file = File::open(path).map_err(Error::io("read", path))?;
            (file.take(limit).read_to_end(&mut text), path)
        }
        None => {
            let stdin = io::stdin().lock();
            (
                stdin.take(limit).read_to_end(&mut text),
                Path::new("/dev/stdin"),
            )
        }
    };
    read.map_err(Error::io("read", path))?;
    Ok(text)
}

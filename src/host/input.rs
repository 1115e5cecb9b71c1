//! Reads what somebody hands over: a file, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::Error;

/// A list of a million names is smaller.
const MOST_OCTETS: u64 = 64 << 20;

/// How standard input is called in messages.
const STANDARD_INPUT: &str = "standard input";

/// Reads a file to its end.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::LongInput`] if it is longer than any list.
pub fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    read(file, path)
}

/// Reads standard input to its end.
///
/// # Errors
/// As [`read_file`].
pub fn read_standard_input() -> Result<Vec<u8>, Error> {
    read(io::stdin().lock(), Path::new(STANDARD_INPUT))
}

fn read(from: impl Read, path: &Path) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    from.take(MOST_OCTETS + 1)
        .read_to_end(&mut content)
        .map_err(Error::io("read", path))?;
    match content.len() as u64 > MOST_OCTETS {
        true => Err(Error::LongInput {
            path: path.to_owned(),
            wanted: MOST_OCTETS,
        }),
        false => Ok(content),
    }
}

//! What is sent between two machines: read from a file or standard input, written as a new file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Error, write};
use crate::pki::MAX_MESSAGE;

/// Anybody may read what is sent.
const MODE: u32 = 0o644;

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

/// A new file that is whole and durable, and not in its place yet; dropped, it is gone.
#[derive(Debug)]
pub struct StagedMessage {
    staged: PathBuf,
    path: PathBuf,
}

impl StagedMessage {
    /// Writes it beside the place where it will be, so that what could fail has failed by then.
    pub fn write(path: &Path, text: &str) -> Result<Self, Error> {
        let message = Self {
            staged: write::staged_path(path)?,
            path: path.to_owned(),
        };
        let written = write::create_file(&message.staged, MODE, text.as_bytes());
        let synced = written.and_then(|file| file.sync_all().map_err(Error::io("write", path)));
        match synced {
            Ok(()) => Ok(message),
            // Nobody knows the staged file.
            Err(Error::Io { action, cause, .. }) => Err(Error::io(action, path)(cause)),
            Err(other) => Err(other),
        }
    }

    /// Puts it in its place; what is there by now is left alone, and an error.
    pub fn publish(self) -> Result<(), Error> {
        write::rename_to_new(&self.staged, &self.path)?;
        let parent = self.path.parent().filter(|it| !it.as_os_str().is_empty());
        write::sync_one(parent.unwrap_or(Path::new(".")))
    }
}

impl Drop for StagedMessage {
    fn drop(&mut self) {
        // Gone if it was published.
        let _ = fs::remove_file(&self.staged);
    }
}

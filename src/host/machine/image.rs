//! Reads files whole, with their access.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::host::Error;
use crate::host::platform::{self, Links};
use crate::plan::machine::{Access, FileImage};
use crate::plan::permissions::Owner;

/// Far more than any file of Docker's or ours.
const MAX_OCTETS: u64 = 64 << 20;

/// The regular file at a path, whole; nothing if nothing is there.  Links are not followed.
pub fn file_image(path: &Path) -> Result<Option<FileImage>, Error> {
    // A FIFO in a file's place must not hang us.
    let file = match platform::open(OpenOptions::new().read(true), path, Links::Refused) {
        Ok(file) => file,
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(cause) if platform::is_refused_link(&cause) => {
            return Err(not_a_file(path, "a symbolic link"));
        }
        Err(cause) => return Err(Error::io("read", path)(cause)),
    };
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    if !metadata.is_file() {
        let found = match metadata.is_dir() {
            true => "a directory",
            false => "something that is no file",
        };
        return Err(not_a_file(path, found));
    }
    if metadata.len() > MAX_OCTETS {
        return Err(not_a_file(path, "a file of more than 64 MiB"));
    }
    // Reserved at once: a vector that grows leaves copies of a key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    file.take(MAX_OCTETS)
        .read_to_end(&mut content)
        .map_err(Error::io("read", path))?;
    Ok(Some(FileImage {
        content,
        access: access_of(path, &metadata),
    }))
}

/// The access of the directory at a path; nothing if nothing is there.  Links are not followed.
pub fn access(path: &Path) -> Result<Option<Access>, Error> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(Some(access_of(path, &metadata))),
        Ok(_) => Err(Error::NotADirectory {
            path: path.to_owned(),
            wanted: "a directory",
        }),
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(cause) => Err(Error::io("read", path)(cause)),
    }
}

pub(super) fn access_of(path: &Path, metadata: &fs::Metadata) -> Access {
    let Owner { user, group } = platform::owner(metadata);
    Access {
        mode: platform::mode(path, metadata),
        user,
        group,
    }
}

fn not_a_file(path: &Path, found: &'static str) -> Error {
    Error::NotAFile {
        path: path.to_owned(),
        found,
    }
}

//! Single writes, each safe by itself.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;

use super::Error;

/// Makes a file with its content.  It is readable by its owner alone until it has its mode, and
/// an existing file is an error.
pub(super) fn create_file(
    path: &Path,
    mode: u32,
    content: &[u8],
    home: &Path,
) -> Result<File, Error> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::io("write", path))?;
    let written = file.write_all(content).map_err(Error::io("write", path));
    let finished = written
        .and_then(|()| adopt_owner(&file, home, path))
        .and_then(|()| {
            // After the owner, for a change of owner may clear bits; whatever the umask is.
            file.set_permissions(Permissions::from_mode(mode))
                .map_err(Error::io("set the mode of", path))
        });
    finished.map(|()| file)
}

/// Makes a directory for its owner alone, then gives it its mode.
pub(super) fn create_directory(path: &Path, mode: u32, home: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .mode(mode & 0o700)
        .create(path)
        .map_err(Error::io("make", path))?;
    let directory = File::open(path).or_else(|_| {
        set_mode(path, mode)?;
        File::open(path).map_err(Error::io("make", path))
    })?;
    adopt_owner(&directory, home, path)?;
    set_mode(path, mode)
}

/// Sets the permission bits.
pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(Error::io("set the mode of", path))
}

/// Gives what root makes in another user's home to that user.
pub(super) fn adopt_owner(file: &File, home: &Path, path: &Path) -> Result<(), Error> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(home).map_err(Error::io("read", home))?;
    if owner.uid() == 0 {
        return Ok(());
    }
    fchown(file, Some(owner.uid()), Some(owner.gid())).map_err(Error::io("set the owner of", path))
}

/// A hidden name beside the target that nobody else picks.
pub(super) fn staged_name(path: &str) -> Result<String, Error> {
    let mut octets = [0u8; 8];
    rand::fill(&mut octets).map_err(|_| Error::Key(crate::pki::Error::NoRandomness))?;
    let random = octets
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect::<String>();
    Ok(match path.rsplit_once('/') {
        Some((parent, name)) => format!("{parent}/.{name}.{random}"),
        None => format!(".{path}.{random}"),
    })
}

/// Renames to a path where nothing is, as one step with the check where the system can.
pub(super) fn rename_to_new(from: &Path, to: &Path) -> Result<(), Error> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let renamed = match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems do not know the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => match to.symlink_metadata() {
            Ok(_) => Err(io::Error::from(ErrorKind::AlreadyExists)),
            Err(_) => fs::rename(from, to),
        },
        other => other.map_err(io::Error::from),
    };
    renamed.map_err(Error::io("write", to))
}

/// Removes a file or a directory with all in it; to find nothing is fine.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(cause) => Err(cause),
    };
    match removed {
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
        other => other.map_err(Error::io("remove", path)),
    }
}

/// More files than this are made durable by one sync of the file system.
const ONE_BY_ONE: usize = 16;

/// Makes files and directories durable: each by itself if they are few, the whole file system
/// at once if they are many.
pub(super) fn sync(paths: &[PathBuf], home: &Path) -> Result<(), Error> {
    #[cfg(target_os = "linux")]
    if paths.len() > ONE_BY_ONE {
        let directory = File::open(home).map_err(Error::io("read", home))?;
        return rustix::fs::syncfs(&directory)
            .map_err(io::Error::from)
            .map_err(Error::io("write", home));
    }
    let _ = (home, ONE_BY_ONE);
    for path in paths {
        let file = File::open(path).map_err(Error::io("read", path))?;
        file.sync_all().map_err(Error::io("write", path))?;
    }
    Ok(())
}

//! Single writes, each safe by itself.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;

use super::Error;
use super::platform::{self, Exchanged};

/// Makes a file with its content.  It is readable by its owner alone until it has its mode, and
/// an existing file is an error.
pub(super) fn create_file(path: &Path, mode: u32, content: &[u8]) -> Result<File, Error> {
    let mut file = platform::with_mode(OpenOptions::new().write(true).create_new(true), mode)
        .open(path)
        .map_err(Error::io("write", path))?;
    file.write_all(content).map_err(Error::io("write", path))?;
    // The umask, or a default ACL of the directory, may have taken bits away.
    let made = file.metadata().map_err(Error::io("read", path))?;
    if platform::mode(path, &made) != mode {
        platform::set_file_mode(&file, mode).map_err(Error::io("set the mode of", path))?;
    }
    Ok(file)
}

/// Puts a report in its place, whole: who reads it finds the one before or this one.
pub fn write_report(path: &Path, content: &[u8]) -> Result<(), Error> {
    const MODE: u32 = 0o644;
    let staged = staged_path(path)?;
    let written = create_file(&staged, MODE, content)
        .and_then(|file| file.sync_all().map_err(Error::io("write", path)))
        .and_then(|()| fs::rename(&staged, path).map_err(Error::io("write", path)));
    written.map_err(|error| {
        // Why is told already.
        let _ = fs::remove_file(&staged);
        match error {
            // Nobody knows the staged file.
            Error::Io { action, cause, .. } => Error::io(action, path)(cause),
            other => other,
        }
    })
}

/// Makes a directory for its owner alone, then gives it its mode.
pub(super) fn create_directory(path: &Path, mode: u32) -> Result<(), Error> {
    platform::make_directory(path, mode & 0o700).map_err(Error::io("make", path))?;
    // Nothing but the umask, or what the directory around it says, may have made it another.
    match fs::symlink_metadata(path).map_err(Error::io("read", path))? {
        made if platform::mode(path, &made) == mode => Ok(()),
        _ => set_mode(path, mode),
    }
}

/// Sets the permission bits.
pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    platform::set_mode(path, mode).map_err(Error::io("set the mode of", path))
}

/// A hidden name beside the target that nobody else picks.
pub(super) fn staged_name(path: &str) -> Result<String, Error> {
    let random = random()?;
    Ok(match path.rsplit_once('/') {
        Some((parent, name)) => format!("{parent}/.{name}.{random}"),
        None => format!(".{path}.{random}"),
    })
}

/// The same for a path of whatever octets.
pub(super) fn staged_path(path: &Path) -> Result<PathBuf, Error> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", random()?));
    Ok(path.with_file_name(name))
}

fn random() -> Result<String, Error> {
    let mut octets = [0u8; 8];
    rand::fill(&mut octets).map_err(|_| Error::Key(crate::pki::Error::NoRandomness))?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// Whether a path is one [`staged_name`] gives for the other.
pub(super) fn is_staged(staged: &str, path: &str) -> bool {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (staged_parent, staged_name) = staged.rsplit_once('/').unwrap_or(("", staged));
    let random = staged_name
        .strip_prefix('.')
        .and_then(|rest| rest.strip_prefix(name))
        .and_then(|rest| rest.strip_prefix('.'));
    staged_parent == parent && random.is_some_and(is_random)
}

/// Whether a file name is one [`staged_name`] gives for any.
pub(super) fn looks_staged(name: &str) -> bool {
    name.starts_with('.')
        && name
            .rsplit_once('.')
            .is_some_and(|(_, random)| is_random(random))
}

fn is_random(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Renames to a path where nothing is, as one step with the check where the system can.
pub(super) fn rename_to_new(from: &Path, to: &Path) -> Result<(), Error> {
    platform::rename_to_new(from, to).map_err(Error::io("write", to))
}

/// Renames over what is there.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::io("write", to))
}

/// Exchanges two names as one step, where the system can.
pub(super) fn exchange(one: &Path, other: &Path) -> Result<Exchanged, Error> {
    platform::exchange(one, other).map_err(Error::io("write", other))
}

/// Gives a file a second name, or makes a copy of it where the system has no second names.
pub(super) fn keep(path: &Path, kept: &Path, mode: u32, content: &[u8]) -> Result<(), Error> {
    let Err(cause) = fs::hard_link(path, kept) else {
        return Ok(());
    };
    match platform::second_names_are_unknown(&cause) {
        true => create_file(kept, mode, content).map(drop),
        false => Err(Error::io("write", kept)(cause)),
    }
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
    if paths.len() > ONE_BY_ONE
        && let Some(sync_file_system) = platform::SYNC_FILE_SYSTEM
    {
        let directory = File::open(home).map_err(Error::io("read", home))?;
        return sync_file_system(&directory).map_err(Error::io("write", home));
    }
    // Side by side, for a file system commits together what it is asked for together: on ext4
    // under load this takes a sixth of the time of one after the other.
    let threads = paths.len().clamp(1, 8);
    let share = |first: usize| {
        let mut paths = paths.iter().skip(first).step_by(threads);
        move || paths.try_for_each(|path| sync_one(path))
    };
    std::thread::scope(|scope| {
        let others = (1..threads).map(|first| {
            // Where no thread is to be had, this one does it.
            let thread = std::thread::Builder::new().spawn_scoped(scope, share(first));
            thread.map_err(|_| first)
        });
        let others = Vec::from_iter(others);
        let mut result = share(0)();
        for other in others {
            result = result.and(match other {
                Ok(thread) => thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(first) => share(first)(),
            });
        }
        result
    })
}

/// Makes one file or directory durable.
pub(super) fn sync_one(path: &Path) -> Result<(), Error> {
    let Some(file) = platform::open_to_sync(path).map_err(Error::io("read", path))? else {
        return Ok(());
    };
    match file.sync_all() {
        // Some file systems have no fsync for directories.
        Err(cause) if cause.kind() == ErrorKind::InvalidInput && path.is_dir() => Ok(()),
        other => other.map_err(Error::io("write", path)),
    }
}

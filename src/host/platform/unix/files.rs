//! Files: modes, owners, links, renames, and what makes them durable.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::host::platform::{Exchanged, Links};
use crate::plan::permissions::Owner;

/// The permission bits of what is at a path.
pub(in crate::host) fn mode(_path: &Path, metadata: &Metadata) -> u32 {
    metadata.mode() & 0o7777
}

/// Whose it is.
pub(in crate::host) fn owner(metadata: &Metadata) -> Owner {
    Owner {
        user: metadata.uid(),
        group: metadata.gid(),
    }
}

/// Sets the permission bits.
pub(in crate::host) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Sets those of an open file.
pub(in crate::host) fn set_file_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Sets whose it is.
pub(in crate::host) fn set_owner(path: &Path, owner: Owner) -> io::Result<()> {
    chown(path, Some(owner.user), Some(owner.group))
}

/// Has a file that these options make be made with a mode; the umask may take bits away.
pub(in crate::host) fn with_mode(options: &mut OpenOptions, mode: u32) -> &mut OpenOptions {
    options.mode(mode)
}

/// Makes a directory with a mode; the umask may take bits away.
pub(in crate::host) fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(mode).create(path)
}

/// Opens what is at a path, without waiting for the other end of a FIFO.  A directory is opened
/// too, as far as the options only read.
pub(in crate::host) fn open(
    options: &mut OpenOptions,
    path: &Path,
    links: Links,
) -> io::Result<File> {
    let flags = match links {
        Links::Followed => OFlags::NONBLOCK,
        Links::Refused => OFlags::NONBLOCK | OFlags::NOFOLLOW,
    };
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

/// Whether [`open`] failed for a symbolic link that it was to refuse.
pub(in crate::host) fn is_refused_link(cause: &io::Error) -> bool {
    is_one_of(cause, &[Errno::LOOP])
}

/// The error of a path with too many symbolic links.
pub(in crate::host) fn link_loop() -> io::Error {
    Errno::LOOP.into()
}

/// Whether the open file is the one at the path.
pub(in crate::host) fn is_at(file: &File, path: &Path) -> bool {
    let held = file.metadata();
    let there = path.symlink_metadata();
    held.is_ok_and(|held| there.is_ok_and(|there| there.ino() == held.ino()))
}

/// Whether two paths of one file system are names of the same file.
pub(in crate::host) fn are_one_file(one: &Path, other: &Path) -> bool {
    match (one.symlink_metadata(), other.symlink_metadata()) {
        (Ok(one), Ok(other)) => one.ino() == other.ino(),
        _ => false,
    }
}

/// Renames to a path where nothing is, as one step with the check where the system can.
pub(in crate::host) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(cause) if is_unknown_flag(cause) => match to.symlink_metadata() {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        },
        other => other.map_err(io::Error::from),
    }
}

/// Exchanges two names as one step, where the system can.
pub(in crate::host) fn exchange(one: &Path, other: &Path) -> io::Result<Exchanged> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(Exchanged::Yes),
        Err(cause) if is_unknown_flag(cause) => Ok(Exchanged::Impossible),
        // overlayfs says so of what lies in a lower layer.
        Err(Errno::XDEV) => Ok(Exchanged::Impossible),
        Err(cause) => Err(cause.into()),
    }
}

/// Whether a file system does not know a rename's flag (renameat2(2); on macOS renamex_np(2)).
fn is_unknown_flag(cause: Errno) -> bool {
    let on_macos = cfg!(target_vendor = "apple") && cause == Errno::NOTSUP;
    on_macos || [Errno::INVAL, Errno::NOSYS].contains(&cause)
}

/// Whether a second name was refused because the file system has none, or no more of them.
pub(in crate::host) fn second_names_are_unknown(cause: &io::Error) -> bool {
    // macOS has one error for "not supported" by sockets and one by files; for Linux both are one.
    let unsupported = [Errno::OPNOTSUPP, Errno::NOTSUP];
    is_one_of(cause, &unsupported) || is_one_of(cause, &[Errno::PERM, Errno::NOSYS, Errno::MLINK])
}

fn is_one_of(cause: &io::Error, errors: &[Errno]) -> bool {
    let is = |it: &Errno| cause.raw_os_error() == Some(it.raw_os_error());
    errors.iter().any(is)
}

/// Opens a file or a directory to make it durable; nothing where a directory cannot be.
pub(in crate::host) fn open_to_sync(path: &Path) -> io::Result<Option<File>> {
    File::open(path).map(Some)
}

/// Makes the whole file system of an open file durable, where the system can.
#[cfg(target_os = "linux")]
pub(in crate::host) const SYNC_FILE_SYSTEM: Option<fn(&File) -> io::Result<()>> =
    Some(|file| rustix::fs::syncfs(file).map_err(io::Error::from));
#[cfg(not(target_os = "linux"))]
pub(in crate::host) const SYNC_FILE_SYSTEM: Option<fn(&File) -> io::Result<()>> = None;

/// Waits until this process alone holds a directory; it lets go of it when the file is dropped.
pub(in crate::host) fn lock_directory(path: &Path) -> io::Result<File> {
    let directory = File::open(path)?;
    directory.lock()?;
    Ok(directory)
}

/// The error of a path at which something is that must not be replaced.
pub(in crate::host) fn taken() -> io::Error {
    Errno::EXIST.into()
}

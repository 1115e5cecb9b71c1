//! Files: as they are, with modes and owners in name alone.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsHandle;
use std::path::Path;

use winapi_util::Handle;
use winapi_util::file::information;

use crate::host::platform::{Exchanged, Links};
use crate::plan::enroll::REQUEST;
use crate::plan::layout::{self, PairKind};
use crate::plan::permissions::{Item, Owner};

/// `FILE_FLAG_BACKUP_SEMANTICS`: a directory is opened too.
const DIRECTORIES_TOO: u32 = 0x0200_0000;
/// `FILE_FLAG_DELETE_ON_CLOSE`.
const GONE_WHEN_CLOSED: u32 = 0x0400_0000;
/// `FILE_FLAG_OPEN_REPARSE_POINT`: a link is opened itself.
const LINKS_THEMSELVES: u32 = 0x0020_0000;

/// `ERROR_INVALID_FUNCTION`.
const INVALID_FUNCTION: i32 = 1;
/// `ERROR_NOT_SUPPORTED`.
const NOT_SUPPORTED: i32 = 50;
/// `ERROR_FILE_EXISTS`.
const FILE_EXISTS: i32 = 80;
/// `ERROR_TOO_MANY_LINKS`.
const TOO_MANY_LINKS: i32 = 1142;
/// `ERROR_CANT_RESOLVE_FILENAME`.
const CANNOT_RESOLVE: i32 = 1921;

/// The mode that dockpki would give what is at a path; other files are their owner's alone.
pub(in crate::host) fn mode(path: &Path, metadata: &Metadata) -> u32 {
    if metadata.is_dir() {
        return Item::HomeDirectory.mode();
    }
    let is_named = |name: &str| path.file_name().is_some_and(|it| it == name);
    let is_key = |kind: PairKind| is_named(kind.key_file());
    let is_certificate = |kind: PairKind| is_named(kind.certificate_file());
    // contexts/tls/ID/docker/FILE
    let mut above = path.ancestors().skip(3);
    let is_in_context = above.next().is_some_and(|it| it.ends_with("contexts/tls"));
    let item = if is_in_context {
        Item::ContextPem
    } else if is_named(layout::CA_KEY) || PairKind::ALL.into_iter().any(is_key) {
        Item::Key
    } else if is_named(layout::CA_CERTIFICATE)
        || is_named(REQUEST)
        || PairKind::ALL.into_iter().any(is_certificate)
    {
        Item::Certificate
    } else if is_named("meta.json") {
        Item::ContextMetadata
    } else {
        Item::HomeRecord
    };
    item.mode()
}

/// Nobody's: there are no numbers.
pub(in crate::host) fn owner(_metadata: &Metadata) -> Owner {
    Owner { user: 0, group: 0 }
}

/// Does nothing.
pub(in crate::host) fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Does nothing.
pub(in crate::host) fn set_file_mode(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Does nothing.
pub(in crate::host) fn set_owner(_path: &Path, _owner: Owner) -> io::Result<()> {
    Ok(())
}

/// Changes nothing.
pub(in crate::host) fn with_mode(options: &mut OpenOptions, _mode: u32) -> &mut OpenOptions {
    options
}

/// Makes a directory with the access list of the one around it.
pub(in crate::host) fn make_directory(path: &Path, _mode: u32) -> io::Result<()> {
    fs::create_dir(path)
}

/// Opens what is at a path, a directory too, as far as the options only read.
pub(in crate::host) fn open(
    options: &mut OpenOptions,
    path: &Path,
    links: Links,
) -> io::Result<File> {
    let flags = match links {
        Links::Followed => DIRECTORIES_TOO,
        Links::Refused => DIRECTORIES_TOO | LINKS_THEMSELVES,
    };
    let file = options.custom_flags(flags).open(path)?;
    match links == Links::Refused && file.metadata()?.is_symlink() {
        true => Err(link_loop()),
        false => Ok(file),
    }
}

pub(in crate::host) fn is_refused_link(cause: &io::Error) -> bool {
    cause.raw_os_error() == Some(CANNOT_RESOLVE)
}

pub(in crate::host) fn link_loop() -> io::Error {
    io::Error::from_raw_os_error(CANNOT_RESOLVE)
}

pub(in crate::host) fn is_at(file: &File, path: &Path) -> bool {
    let held = information(file).map(|held| (held.volume_serial_number(), held.file_index()));
    held.is_ok_and(|held| identity(path) == Some(held))
}

pub(in crate::host) fn are_one_file(one: &Path, other: &Path) -> bool {
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// The volume, and the file on it.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = information(Handle::from_path_any(path).ok()?).ok()?;
    Some((found.volume_serial_number(), found.file_index()))
}

/// Renames to a path where nothing is.  The check comes before: who writes there holds a lock.
pub(in crate::host) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match to.symlink_metadata() {
        Ok(_) => Err(taken()),
        Err(_) => fs::rename(from, to),
    }
}

/// Cannot.
pub(in crate::host) fn exchange(_one: &Path, _other: &Path) -> io::Result<Exchanged> {
    Ok(Exchanged::Impossible)
}

pub(in crate::host) fn second_names_are_unknown(cause: &io::Error) -> bool {
    let unknown = [INVALID_FUNCTION, NOT_SUPPORTED, TOO_MANY_LINKS];
    cause.raw_os_error().is_some_and(|it| unknown.contains(&it))
}

/// Opens a file to make it durable, for which it must be open to write; no directory can be.
pub(in crate::host) fn open_to_sync(path: &Path) -> io::Result<Option<File>> {
    match fs::metadata(path)?.is_dir() {
        true => Ok(None),
        false => OpenOptions::new().write(true).open(path).map(Some),
    }
}

pub(in crate::host) const SYNC_FILE_SYSTEM: Option<fn(&File) -> io::Result<()>> = None;

/// Does nothing: there are none that a new file does not have from its directory.
pub(in crate::host) fn copy_attributes(_from: &Path, _to: &Path, _wanted: impl Fn(&[u8]) -> bool) {}

/// By a file in it that is gone when it is closed: a directory has no lock.
pub(in crate::host) fn lock_directory(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    options.custom_flags(LINKS_THEMSELVES | GONE_WHEN_CLOSED);
    let file = options.open(path.join(".lock"))?;
    file.lock()?;
    Ok(file)
}

pub(in crate::host) fn taken() -> io::Error {
    io::Error::from_raw_os_error(FILE_EXISTS)
}

/// There are none.
pub(in crate::host) fn nameless_file(_directory: &Path, _mode: u32) -> io::Result<Option<File>> {
    Ok(None)
}

/// Refuses.
pub(in crate::host) fn name_file(_file: &File, _path: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

pub(in crate::host) fn unbuffered_stdout() -> io::Result<File> {
    let stdout = io::stdout().as_handle().try_clone_to_owned();
    stdout.map(File::from)
}

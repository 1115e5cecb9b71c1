//! Exchanges a directory for a prepared one, so that its files change together.

use std::fs;
use std::path::{Path, PathBuf};

use super::change::{
    Lists, copy_attributes, create, create_directory, in_directory, remove_if_empty, set_access,
    sync_parent,
};
use super::record::{RecordedFile, is_as};
use crate::host::platform::{self, Exchanged};
use crate::host::{Error, write};
use crate::plan::machine::{Access, FileChange};

/// Makes the new directory beside the old: our files new, every other file under a second name,
/// so that it is never missing.  Directories in it are moved when the two are exchanged.
pub(super) fn stage(
    directory: &Path,
    staged: &Path,
    access: Option<Access>,
    files: &[FileChange],
    durable: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    write::create_directory(staged, 0o700)?;
    for file in files {
        if let Some(after) = &file.after {
            let path = in_directory(staged, file);
            create(&path, after)?;
            let lists = Lists::of(file.before.as_ref(), after);
            copy_attributes(&in_directory(directory, file), &path, lists);
            durable.push(path);
        }
    }
    for name in names(directory)? {
        let ours = files.iter().any(|file| file.path == name);
        let from = directory.join(&name);
        if !ours && !from.symlink_metadata().is_ok_and(|it| it.is_dir()) {
            fs::hard_link(&from, staged.join(&name)).map_err(Error::io("link", &from))?;
        }
    }
    if let Some(access) = access {
        copy_attributes(directory, staged, Lists::Taken);
        set_access(staged, access)?;
    }
    durable.push(staged.to_owned());
    durable.extend(staged.parent().map(Path::to_owned));
    Ok(())
}

/// Puts the new directory in its place.
pub(super) fn publish(
    directory: &Path,
    staged: &Path,
    before: Option<Access>,
    after: Option<Access>,
    files: &[RecordedFile],
) -> Result<(), Error> {
    match before {
        None => write::rename_to_new(staged, directory)?,
        Some(_) => {
            exchange(directory, staged)?;
            sync_parent(directory)?;
            carry_over(staged, directory, files, Twice::Moved)?;
        }
    }
    if after.is_none() {
        remove_if_empty(directory)?;
    }
    sync_parent(directory)
}

/// Removes the old directory, after the command is done.
pub(super) fn settle(directory: &Path, staged: &Path, files: &[RecordedFile]) -> Result<(), Error> {
    if staged.symlink_metadata().is_err() {
        return Ok(());
    }
    if directory.symlink_metadata().is_ok() {
        carry_over(staged, directory, files, Twice::Left)?;
    }
    write::remove(staged)?;
    sync_parent(directory)
}

/// Takes it back, wherever it had got to.
pub(super) fn undo(
    directory: &Path,
    staged: &Path,
    before: Option<Access>,
    after: Option<Access>,
    files: &[RecordedFile],
) -> Result<(), Error> {
    finish_exchange(directory, staged)?;
    let published = is_published(directory, before, after, files)?;
    match (published, before) {
        (true, Some(before)) => {
            if directory.symlink_metadata().is_err() {
                // It was empty at the end, and went.
                create_directory(directory, before)?;
            }
            carry_over(directory, staged, files, Twice::Moved)?;
            exchange(directory, staged)?;
        }
        (true, None) => {
            // The key first: the pair is never one without the other's.
            for file in files.iter().rev() {
                write::remove(&directory.join(&file.path))?;
            }
            remove_if_empty(directory)?;
        }
        // Cut off here before, when its files were gone already.
        (false, None) => remove_if_empty(directory)?,
        (false, Some(_)) => {}
    }
    write::remove(staged)?;
    sync_parent(directory)
}

/// Whether the new directory is in its place: told by the first file that is as it is to be and
/// not as it was, or the other way round.  One that is the same in both tells nothing, nor does
/// one that somebody has changed since.
fn is_published(
    directory: &Path,
    before: Option<Access>,
    after: Option<Access>,
    files: &[RecordedFile],
) -> Result<bool, Error> {
    for file in files {
        let path = directory.join(&file.path);
        let is_new = is_as(&path, file.after.as_ref())?;
        if is_new != is_as(&path, file.before.as_ref())? {
            return Ok(is_new);
        }
    }
    let now = super::image::access(directory)?;
    Ok(now == after && now != before)
}

/// What becomes of a file that is in both directories and is not the same in them: somebody has
/// put another in its place meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twice {
    /// It is moved too, for it is from the directory people saw.
    Moved,
    /// It is left.
    Left,
}

/// Moves what is in one directory and not in the other, our own files left out.
fn carry_over(from: &Path, to: &Path, files: &[RecordedFile], twice: Twice) -> Result<(), Error> {
    for name in names(from)? {
        if files.iter().any(|file| file.path == name) {
            continue;
        }
        let (source, target) = (from.join(&name), to.join(&name));
        let is_moved = match (source.symlink_metadata(), target.symlink_metadata()) {
            (Ok(of_source), Ok(of_target)) => {
                let is_file = !of_source.is_dir() && !of_target.is_dir();
                twice == Twice::Moved && is_file && !platform::are_one_file(&source, &target)
            }
            _ => true,
        };
        if is_moved {
            fs::rename(source, &target).map_err(Error::io("write", &target))?;
        }
    }
    write::sync_one(to)
}

fn names(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(directory) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read", directory))?,
    };
    let names = entries.map(|entry| entry.map(|entry| PathBuf::from(entry.file_name())));
    names
        .collect::<Result<_, _>>()
        .map_err(Error::io("read", directory))
}

/// Exchanges two directories as one step where the file system can (renameat2(2)).
///
/// Where it cannot, as overlayfs for what lies in a lower layer, there is an instant without the
/// directory: a daemon that starts then finds no pair, never a mixed one.
fn exchange(directory: &Path, staged: &Path) -> Result<(), Error> {
    match write::exchange(staged, directory)? {
        Exchanged::Yes => Ok(()),
        Exchanged::Impossible => {
            let aside = aside(staged);
            fs::rename(directory, &aside).map_err(Error::io("write", directory))?;
            fs::rename(staged, directory).map_err(Error::io("write", directory))?;
            fs::rename(&aside, staged).map_err(Error::io("write", staged))
        }
    }
}

/// Brings an exchange of three renames that was cut off back to its beginning, or to its end.
fn finish_exchange(directory: &Path, staged: &Path) -> Result<(), Error> {
    let aside = aside(staged);
    if aside.symlink_metadata().is_err() {
        return Ok(());
    }
    let to = match directory.symlink_metadata() {
        Ok(_) => staged,
        Err(_) => directory,
    };
    fs::rename(&aside, to).map_err(Error::io("write", to))
}

fn aside(staged: &Path) -> PathBuf {
    let mut name = staged.as_os_str().to_owned();
    name.push(".aside");
    PathBuf::from(name)
}

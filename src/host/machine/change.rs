//! One change to the disk: staged, published, settled or undone, each of it safe by itself and
//! fine to do again.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::image::{access, file_image};
use super::record::{RecordedFile, RecordedStep, is_as};
use super::swap;
use crate::host::{Error, platform, write};
use crate::plan::machine::{Access, FileChange, FileImage, MachineChange, MachineStep};
use crate::plan::permissions::Owner;

/// Refuses if the disk is not as the plan saw it.
pub(super) fn refuse_changed(change: &MachineChange) -> Result<(), Error> {
    let changed = |path: &Path| Error::Changed {
        path: path.to_owned(),
    };
    match change {
        MachineChange::File(file) => match file_image(&file.path)? == file.before {
            true => Ok(()),
            false => Err(changed(&file.path)),
        },
        MachineChange::Directory { path, before, .. } => match access(path)? == *before {
            true => Ok(()),
            false => Err(changed(path)),
        },
        MachineChange::Swap {
            directory,
            before,
            files,
            ..
        } => {
            if access(directory)? != *before {
                return Err(changed(directory));
            }
            for file in files {
                let path = directory.join(&file.path);
                if file_image(&path)? != file.before {
                    return Err(changed(&path));
                }
            }
            Ok(())
        }
    }
}

/// Does what can be done without touching what is there: new files under hidden names, new
/// directories.  Adds to `durable` what must be made durable before anything is published.
pub(super) fn stage(
    step: &MachineStep,
    recorded: &RecordedStep,
    durable: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    match (step, recorded) {
        (MachineStep::Change(MachineChange::File(file)), RecordedStep::File { staged, .. }) => {
            if let Some(after) = &file.after {
                create(staged, after)?;
                let lists = Lists::of(file.before.as_ref(), after);
                copy_attributes(&file.path, staged, lists);
                durable.push(staged.clone());
                durable.extend(staged.parent().map(Path::to_owned));
            }
            Ok(())
        }
        (
            MachineStep::Change(MachineChange::Directory {
                path,
                before: None,
                after: Some(after),
            }),
            _,
        ) => {
            create_directory(path, *after)?;
            durable.push(path.clone());
            durable.extend(path.parent().map(Path::to_owned));
            Ok(())
        }
        (
            MachineStep::Change(MachineChange::Swap {
                directory,
                before,
                after,
                files,
            }),
            RecordedStep::Swap { staged, .. },
        ) => swap::stage(directory, staged, after.or(*before), files, durable),
        _ => Ok(()),
    }
}

/// Puts what is staged in its place, durable before this returns.
pub(super) fn publish(recorded: &RecordedStep) -> Result<(), Error> {
    match recorded {
        RecordedStep::File { file, staged, kept } => {
            let path = &file.path;
            match (&file.before, &file.after) {
                (Some(_), Some(_)) => {
                    keep(path, kept)?;
                    fs::rename(staged, path).map_err(Error::io("write", path))?;
                }
                (None, Some(_)) => write::rename_to_new(staged, path)?,
                (Some(_), None) => fs::rename(path, kept).map_err(Error::io("remove", path))?,
                (None, None) => {}
            }
            sync_parent(path)
        }
        RecordedStep::Directory {
            path,
            before: Some(_),
            after,
        } => {
            match after {
                Some(after) => set_access(path, *after)?,
                None => remove_if_empty(path)?,
            }
            sync_parent(path)
        }
        // Made while staging, for what is in it is staged there.
        RecordedStep::Directory { before: None, .. } | RecordedStep::Run { .. } => Ok(()),
        RecordedStep::Swap {
            directory,
            before,
            after,
            staged,
            files,
        } => swap::publish(directory, staged, *before, *after, files),
    }
}

/// Removes what was kept for the way back, after the command is done.
pub(super) fn settle(recorded: &RecordedStep) -> Result<(), Error> {
    match recorded {
        RecordedStep::File { kept, staged, .. } => {
            write::remove(kept)?;
            write::remove(&unfinished(kept))?;
            write::remove(staged)
        }
        RecordedStep::Swap {
            directory,
            staged,
            files,
            ..
        } => swap::settle(directory, staged, files),
        RecordedStep::Directory {
            path, after: None, ..
        } => {
            // What was kept in it is gone only now.
            remove_if_empty(path)?;
            sync_parent(path)
        }
        RecordedStep::Directory { .. } | RecordedStep::Run { .. } => Ok(()),
    }
}

/// Takes a change back, wherever it had got to.
pub(super) fn undo(recorded: &RecordedStep) -> Result<(), Error> {
    match recorded {
        RecordedStep::File { file, staged, kept } => undo_file(file, staged, kept),
        RecordedStep::Directory {
            path,
            before,
            after,
        } => {
            match (before, after) {
                (None, _) => remove_if_empty(path)?,
                (Some(before), Some(_)) => set_access(path, *before)?,
                (Some(before), None) => {
                    if access(path)?.is_none() {
                        create_directory(path, *before)?;
                    }
                }
            }
            sync_parent(path)
        }
        RecordedStep::Swap {
            directory,
            before,
            after,
            staged,
            files,
        } => swap::undo(directory, staged, *before, *after, files),
        RecordedStep::Run { .. } => Ok(()),
    }
}

fn undo_file(file: &RecordedFile, staged: &Path, kept: &Path) -> Result<(), Error> {
    let path = &file.path;
    if kept.symlink_metadata().is_ok() {
        // If the new file never took its place both names are the old one, and the rename does
        // nothing; the second name goes below.
        fs::rename(kept, path).map_err(Error::io("write", path))?;
        write::remove(kept)?;
    } else if file.before.is_none()
        && file.after.is_some()
        && staged.symlink_metadata().is_err()
        && is_as(path, file.after.as_ref())?
    {
        write::remove(path)?;
    }
    write::remove(&unfinished(kept))?;
    write::remove(staged)?;
    sync_parent(path)
}

/// Gives the old file a second name, so that the way back needs no room on the disk and brings
/// back the very file, with its links, labels and times.
fn keep(path: &Path, kept: &Path) -> Result<(), Error> {
    if fs::hard_link(path, kept).is_ok() {
        return Ok(());
    }
    // Some file systems have no hard links.  Under its name only once it is whole, for whoever
    // undoes this takes what is there for the old file.
    let Some(image) = file_image(path)? else {
        return Ok(());
    };
    let copy = unfinished(kept);
    create(&copy, &image)?;
    copy_attributes(path, &copy, Lists::Taken);
    write::sync_one(&copy)?;
    fs::rename(&copy, kept).map_err(Error::io("write", kept))
}

/// Where a copy of an old file is until it is whole.
fn unfinished(kept: &Path) -> PathBuf {
    let mut name = kept.as_os_str().to_owned();
    name.push(".copy");
    PathBuf::from(name)
}

pub(super) fn create(path: &Path, image: &FileImage) -> Result<(), Error> {
    write::create_file(path, 0o600, &image.content)?;
    set_access(path, image.access)
}

pub(super) fn create_directory(path: &Path, access: Access) -> Result<(), Error> {
    write::create_directory(path, 0o700)?;
    set_access(path, access)
}

/// Sets owner and mode, the owner first: to set it takes setuid bits away, and a mode must not
/// open the file to a group that it leaves.
pub(super) fn set_access(path: &Path, access: Access) -> Result<(), Error> {
    let now = path.symlink_metadata().map_err(Error::io("read", path))?;
    let owner = Owner {
        user: access.user,
        group: access.group,
    };
    if platform::owner(&now) != owner {
        platform::set_owner(path, owner).map_err(Error::io("set the owner of", path))?;
    }
    write::set_mode(path, access.mode)
}

/// Whether access control lists are copied with the other attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// They are.
    Taken,
    /// They are not.
    Left,
}

impl Lists {
    /// They go with the mode: a list holds the mode too, so that an old key's would open the new
    /// one to whoever could read the old.
    pub(super) fn of(before: Option<&FileImage>, after: &FileImage) -> Self {
        match before {
            Some(before) if before.access.mode == after.access.mode => Self::Taken,
            _ => Self::Left,
        }
    }
}

/// Copies what a file has beside mode and owner: SELinux label, access control list, and what
/// users put there.  Where that is not possible the new file has the directory's defaults.
pub(super) fn copy_attributes(from: &Path, to: &Path, lists: Lists) {
    platform::copy_attributes(from, to, |name| {
        lists == Lists::Taken || !name.starts_with(b"system.posix_acl_")
    });
}

/// Removes a directory; one that is not empty or not there is fine.
pub(super) fn remove_if_empty(path: &Path) -> Result<(), Error> {
    match fs::remove_dir(path) {
        Err(cause)
            if matches!(
                cause.kind(),
                ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
            ) =>
        {
            Ok(())
        }
        // A file system that is read-only says so before it looks.
        Err(_) if is_gone(path) => Ok(()),
        other => other.map_err(Error::io("remove", path)),
    }
}

fn is_gone(path: &Path) -> bool {
    let found = path.symlink_metadata();
    found.is_err_and(|cause| cause.kind() == ErrorKind::NotFound)
}

/// Makes the directory around a path durable, if it is there.
pub(super) fn sync_parent(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(parent) if parent.is_dir() => write::sync_one(parent),
        _ => Ok(()),
    }
}

/// The file of a directory as a change of its own, for messages.
pub(super) fn in_directory(directory: &Path, file: &FileChange) -> PathBuf {
    directory.join(&file.path)
}

//! The journal: what a command is about to do, on disk before it does it.
//!
//! A command first stages everything under hidden names (`Staging`), then puts each in its place
//! (`Publishing`).  Killed while staging, it is undone; killed while publishing, it is finished:
//! every octet it needs is durable by then.  The journal is there exactly while a command
//! changes the home, and after one was killed.  It holds paths and lengths, never contents.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::home::Recovery;
use super::{Error, write};
use crate::plan::layout;

/// The journal's content.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    pub(super) command: String,
    pub(super) phase: Phase,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    Staging,
    Publishing,
}

/// One change as the journal has it.  Paths are relative to the home.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(super) enum Step {
    SetMode {
        path: String,
        before: u32,
        mode: u32,
    },
    MakeDirectory {
        path: String,
    },
    /// A directory or file appears under a path where nothing is.
    Place {
        staged: String,
        path: String,
    },
    /// A file takes another's place.
    Replace {
        staged: String,
        path: String,
    },
    Append {
        path: String,
        before: Option<u64>,
    },
}

/// What became of a killed command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything it set out to do is done.
    Finished,
    /// Everything is as it was before it.
    Undone,
}

const VERSION: u32 = 1;

impl Journal {
    pub(super) fn new(command: &str, steps: Vec<Step>) -> Self {
        Self {
            version: VERSION,
            command: command.to_owned(),
            phase: Phase::Staging,
            steps,
        }
    }

    /// Writes the journal, durable before this returns.
    pub(super) fn write(&self, home: &Path) -> Result<(), Error> {
        let path = home.join(layout::JOURNAL);
        let staged = home.join(write::staged_name(layout::JOURNAL)?);
        let text =
            serde_json::to_vec(self).expect("a struct of strings and numbers is always JSON");
        let written = write::create_file(&staged, layout::RECORD_MODE, &text, home)
            .and_then(|file| file.sync_all().map_err(Error::io("write", &staged)))
            .and_then(|()| fs::rename(&staged, &path).map_err(Error::io("write", &path)))
            .and_then(|()| sync_directory(home));
        if written.is_err() {
            let _ = write::remove(&staged);
        }
        written
    }

    /// Removes the journal: the command is done or undone.
    pub(super) fn remove(home: &Path) -> Result<(), Error> {
        write::remove(&home.join(layout::JOURNAL))?;
        sync_directory(home)
    }
}

/// Finishes or undoes what a killed command left, if one did.  Called under the lock.
pub(super) fn recover(home: &Path) -> Result<Option<Recovery>, Error> {
    let path = home.join(layout::JOURNAL);
    remove_torn_journals(home)?;
    let text = match fs::read(&path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(Error::io("read", &path))?,
    };
    let unreadable = |cause: String| Error::Journal {
        path: path.clone(),
        cause,
    };
    let journal: Journal =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    if journal.version != VERSION {
        let found = format!("found version {}, wanted {VERSION}", journal.version);
        return Err(unreadable(found));
    }
    let outcome = match journal.phase {
        Phase::Staging => {
            let mut left = Vec::new();
            for step in journal.steps.iter().rev() {
                left.extend(undo(home, step, Published::No).err());
            }
            if let Some(cause) = left.pop() {
                return Err(cause);
            }
            Outcome::Undone
        }
        Phase::Publishing => {
            for step in &journal.steps {
                finish(home, step)?;
            }
            Outcome::Finished
        }
    };
    Journal::remove(home)?;
    Ok(Some(Recovery {
        command: journal.command,
        outcome,
    }))
}

/// A journal that was being written when its command was killed is a hidden file nobody names.
fn remove_torn_journals(home: &Path) -> Result<(), Error> {
    let prefix = format!(".{}.", layout::JOURNAL);
    for entry in fs::read_dir(home).map_err(Error::io("read", home))? {
        let name = entry.map_err(Error::io("read", home))?.file_name();
        if name.to_string_lossy().starts_with(&prefix) {
            write::remove(&home.join(name))?;
        }
    }
    Ok(())
}

/// Whether a step was carried out in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    No,
    Yes,
}

/// Takes a step back.  Fine to call again.
pub(super) fn undo(home: &Path, step: &Step, published: Published) -> Result<(), Error> {
    match step {
        Step::SetMode { path, before, .. } => match published {
            Published::Yes => write::set_mode(&home.join(path), *before),
            Published::No => Ok(()),
        },
        Step::MakeDirectory { path } => {
            let path = home.join(path);
            match fs::remove_dir(&path) {
                // What is in it by now is not ours.
                Err(cause)
                    if matches!(
                        cause.kind(),
                        ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty
                    ) =>
                {
                    Ok(())
                }
                other => other.map_err(Error::io("remove", &path)),
            }
        }
        Step::Place { staged, path } => match published {
            Published::Yes => write::remove(&home.join(path)),
            Published::No => write::remove(&home.join(staged)),
        },
        Step::Replace { staged, path } => match published {
            Published::No => write::remove(&home.join(staged)),
            Published::Yes => {
                let gone = std::io::Error::other("what it replaced was not kept");
                Err(Error::io("put back", &home.join(path))(gone))
            }
        },
        Step::Append { path, before } => {
            let path = home.join(path);
            match before {
                None => write::remove(&path),
                Some(length) => {
                    let file = OpenOptions::new()
                        .write(true)
                        .open(&path)
                        .map_err(Error::io("write", &path))?;
                    file.set_len(*length)
                        .and_then(|()| file.sync_all())
                        .map_err(Error::io("write", &path))
                }
            }
        }
    }
}

/// Carries a step out whose staging is durable.  Fine to call again.
fn finish(home: &Path, step: &Step) -> Result<(), Error> {
    match step {
        Step::SetMode { path, mode, .. } => write::set_mode(&home.join(path), *mode),
        // Done while staging.
        Step::MakeDirectory { .. } | Step::Append { .. } => Ok(()),
        Step::Place { staged, path } | Step::Replace { staged, path }
            if home.join(staged).symlink_metadata().is_err() =>
        {
            let path = home.join(path);
            sync_directory(path.parent().unwrap_or(home))
        }
        Step::Place { .. } | Step::Replace { .. } => publish(home, step),
    }
}

/// Puts a staged step in its place.
pub(super) fn publish(home: &Path, step: &Step) -> Result<(), Error> {
    match step {
        Step::SetMode { path, mode, .. } => write::set_mode(&home.join(path), *mode),
        Step::MakeDirectory { .. } | Step::Append { .. } => Ok(()),
        Step::Place { staged, path } => write::rename_to_new(&home.join(staged), &home.join(path)),
        Step::Replace { staged, path } => {
            let path = home.join(path);
            fs::rename(home.join(staged), &path).map_err(Error::io("write", &path))
        }
    }
}

pub(super) fn sync_directory(path: &Path) -> Result<(), Error> {
    let directory = File::open(path).map_err(Error::io("read", path))?;
    match directory.sync_all() {
        // Some file systems have no fsync for directories.
        Err(cause) if cause.kind() == ErrorKind::InvalidInput => Ok(()),
        other => other.map_err(Error::io("write", path)),
    }
}

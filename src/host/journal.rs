//! The journal: what a command is about to do, on disk before it does it.
//!
//! A command first stages everything under hidden names, then puts each in its place.  Killed
//! while staging, it is undone; killed while publishing, it is finished: every octet it needs is
//! durable by then; killed while it undoes itself after an error, it is undone.  Which of the
//! three it is, the journal's name tells, so that to go from one to the next is a rename, and
//! needs no room on a full disk.  It is there exactly while a command changes the home, and after
//! one was killed.  It holds paths, lengths and fingerprints, never contents.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::step::{self, Step};
use super::{Error, write};
use crate::plan::layout;
use crate::plan::state::{Outcome, Recovery};

/// The journal's content.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    pub(super) command: String,
    pub(super) steps: Vec<Step>,
}

/// How far a command has come.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is in its place yet.
    Staging,
    /// All is staged and durable; some of it may be in its place.
    Publishing,
    /// An error came; some of it may be in its place, and leaves it again.
    Undoing,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Staging, Self::Publishing, Self::Undoing];

    /// The phase the journal on disk is in; nothing if there is none.
    pub(super) fn current(home: &Path) -> Option<Self> {
        let mut phases = Self::ALL.into_iter();
        phases.find(|phase| phase.path(home).symlink_metadata().is_ok())
    }

    fn path(self, home: &Path) -> PathBuf {
        home.join(match self {
            Self::Staging => layout::JOURNAL.to_owned(),
            Self::Publishing => format!("{}.publishing", layout::JOURNAL),
            Self::Undoing => format!("{}.undoing", layout::JOURNAL),
        })
    }
}

const VERSION: u32 = 1;

impl Journal {
    pub(super) fn new(command: &str, steps: Vec<Step>) -> Self {
        Self {
            version: VERSION,
            command: command.to_owned(),
            steps,
        }
    }

    /// Writes the journal of a command that begins to stage, durable before this returns.
    ///
    /// Killed in the middle of it, the command has staged nothing yet: see [`is_torn`].
    pub(super) fn write(&self, home: &Path) -> Result<(), Error> {
        let path = Phase::Staging.path(home);
        let text = serde_json::to_vec(self).expect("strings and numbers are always JSON");
        let file = write::create_file(&path, layout::RECORD_MODE, &text)?;
        file.sync_all().map_err(Error::io("write", &path))?;
        write::sync_one(home)
    }

    /// Says how far the command has come, durable before this returns.
    pub(super) fn enter(home: &Path, from: Phase, to: Phase) -> Result<(), Error> {
        let path = to.path(home);
        fs::rename(from.path(home), &path).map_err(Error::io("write", &path))?;
        write::sync_one(home)
    }

    /// Removes the journal of a command that is done.
    ///
    /// Not made durable: one that comes back after a power cut is finished once more, and finds
    /// nothing to do.
    pub(super) fn remove_finished(home: &Path) -> Result<(), Error> {
        write::remove(&Phase::Publishing.path(home))
    }

    /// Removes the journal of a command that is undone, durable before this returns: to undo once
    /// more would take what came after it.
    pub(super) fn remove_undone(home: &Path) -> Result<(), Error> {
        write::remove(&Phase::Staging.path(home))?;
        write::remove(&Phase::Undoing.path(home))?;
        write::sync_one(home)
    }
}

/// Finishes or undoes what a killed command left, if one did.  Called under the lock.
pub(super) fn recover(home: &Path) -> Result<Option<Recovery>, Error> {
    for phase in Phase::ALL {
        let path = phase.path(home);
        let text = match fs::read(&path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => continue,
            text => text.map_err(Error::io("read", &path))?,
        };
        if phase == Phase::Staging && is_torn(&text) {
            Journal::remove_undone(home)?;
            return Ok(Some(Recovery {
                command: None,
                outcome: Outcome::Undone,
            }));
        }
        let journal = parse(&text, &path)?;
        let outcome = match phase {
            Phase::Staging | Phase::Undoing => {
                step::undo_all(home, &journal.steps, phase)?;
                Journal::remove_undone(home)?;
                Outcome::Undone
            }
            Phase::Publishing => {
                for step in &journal.steps {
                    step.finish(home)?;
                }
                write::sync(&step::parents(home, &journal.steps), home)?;
                step::clear(home, &journal.steps)?;
                Journal::remove_finished(home)?;
                Outcome::Finished
            }
        };
        return Ok(Some(Recovery {
            command: Some(journal.command),
            outcome,
        }));
    }
    Ok(None)
}

/// Whether a journal was cut off while it was written: its end is missing, or a power cut left
/// zeros there.
fn is_torn(text: &[u8]) -> bool {
    let written = text
        .iter()
        .rposition(|octet| *octet != 0)
        .map_or(0, |last| last + 1);
    let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(&text[..written]);
    parsed.is_err_and(|error| error.is_eof())
}

fn parse(text: &[u8], path: &Path) -> Result<Journal, Error> {
    let unreadable = |cause: String| Error::Journal {
        path: path.to_owned(),
        cause,
    };
    let journal: Journal =
        serde_json::from_slice(text).map_err(|error| unreadable(error.to_string()))?;
    if journal.version != VERSION {
        let found = format!("found version {}, wanted {VERSION}", journal.version);
        return Err(unreadable(found));
    }
    match journal.steps.iter().find(|step| !step.is_ours()) {
        Some(step) => Err(unreadable(format!("found {step:?}, which no command does"))),
        None => Ok(journal),
    }
}

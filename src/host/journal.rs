//! The journal: what a command is about to do, on disk before it does it.
//!
//! A command first stages everything under hidden names, then puts each in its place.  Killed
//! while staging, it is undone; killed while publishing, it is finished: every octet it needs is
//! durable by then; killed while it undoes itself after an error, it is undone.  Which of the
//! three it is, the journal's name tells, so that to go from one to the next is a rename, and
//! needs no room on a full disk.  It is there exactly while a command changes the home, and after
//! one was killed.  It holds paths and lengths, never contents.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, write};
use crate::pki::Name;
use crate::plan::layout::{self, PairKind};
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

/// One change as the journal has it.  Paths are relative to the home.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(super) enum Step {
    SetMode {
        path: String,
        before: u32,
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
                undo_all(home, &journal.steps, phase)?;
                Journal::remove_undone(home)?;
                Outcome::Undone
            }
            Phase::Publishing => {
                for step in &journal.steps {
                    finish(home, step)?;
                }
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

impl Step {
    /// The directory it changes, relative to the home; empty for the home itself.
    fn parent(&self) -> &str {
        match self {
            Self::SetMode { path, .. }
            | Self::MakeDirectory { path }
            | Self::Append { path, .. }
            | Self::Place { path, .. }
            | Self::Replace { path, .. } => path.rsplit_once('/').map_or("", |(parent, _)| parent),
        }
    }

    /// Whether a command of ours could have written it: what the journal names is removed and
    /// renamed, and it may have been damaged, or written by somebody else.
    fn is_ours(&self) -> bool {
        let in_home = [layout::CA_CERTIFICATE, layout::CA_KEY, layout::LEDGER];
        let is_kind = |path: &str| PairKind::ALL.iter().any(|kind| kind.directory() == path);
        let is_pair = |path: &str| {
            path.split_once('/')
                .is_some_and(|(kind, name)| is_kind(kind) && name.parse::<Name>().is_ok())
        };
        match self {
            Self::SetMode { path, before } => path.is_empty() && *before <= 0o7777,
            Self::MakeDirectory { path } => is_kind(path),
            Self::Append { path, .. } => path == layout::LEDGER,
            Self::Place { staged, path } | Self::Replace { staged, path } => {
                (in_home.contains(&path.as_str()) || is_pair(path))
                    && write::is_staged(staged, path)
            }
        }
    }
}

/// The directories the steps change, each once: what is to be made durable after them.
pub(super) fn parents(home: &Path, steps: &[Step]) -> Vec<PathBuf> {
    let parents = steps.iter().map(|step| home.join(step.parent()));
    Vec::from_iter(BTreeSet::from_iter(parents))
}

/// Takes every step back, the last first.  Goes on after an error, and returns the first.
pub(super) fn undo_all(home: &Path, steps: &[Step], phase: Phase) -> Result<(), Error> {
    let mut first = Ok(());
    for step in steps.iter().rev() {
        first = first.and(undo(home, step, phase));
    }
    first?;
    // Durable before the journal goes: what came back after a power cut would be nobody's.
    let there = |parent: &PathBuf| parent.is_dir();
    let parents: Vec<_> = parents(home, steps).into_iter().filter(there).collect();
    write::sync(&parents, home)
}

/// Takes a step back.  Fine to call again.
fn undo(home: &Path, step: &Step, phase: Phase) -> Result<(), Error> {
    match step {
        Step::SetMode { path, before } => write::set_mode(&home.join(path), *before),
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
        Step::Place { staged, path } => {
            let (staged, path) = (home.join(staged), home.join(path));
            // Only what was staged is taken out of its place again.
            if phase == Phase::Undoing && staged.symlink_metadata().is_err() {
                match fs::rename(&path, &staged) {
                    Err(cause) if cause.kind() == ErrorKind::NotFound => {}
                    other => other.map_err(Error::io("remove", &path))?,
                }
            }
            write::remove(&staged)
        }
        // It is the last of its plan, and what it replaced is not kept: once it is in its place
        // there is nothing to come that could fail.
        Step::Replace { staged, .. } => write::remove(&home.join(staged)),
        Step::Append { path, before } => {
            let path = home.join(path);
            match before {
                None => write::remove(&path),
                // Nothing was added yet, or somebody else's hand took it away, or all of it.
                Some(length) if fs::metadata(&path).map_or(0, |file| file.len()) <= *length => {
                    Ok(())
                }
                Some(length) => OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .and_then(|file| file.set_len(*length).and_then(|()| file.sync_all()))
                    .map_err(Error::io("write", &path)),
            }
        }
    }
}

/// Carries a step out whose staging is durable.  Fine to call again.
fn finish(home: &Path, step: &Step) -> Result<(), Error> {
    if let Step::Place { staged, path } | Step::Replace { staged, path } = step {
        if home.join(staged).symlink_metadata().is_ok() {
            publish(home, step)?;
        }
        let path = home.join(path);
        write::sync_one(path.parent().unwrap_or(home))?;
    }
    Ok(())
}

/// Puts a staged step in its place.
pub(super) fn publish(home: &Path, step: &Step) -> Result<(), Error> {
    match step {
        // Done while staging, for they can be taken back exactly.
        Step::SetMode { .. } | Step::MakeDirectory { .. } | Step::Append { .. } => Ok(()),
        Step::Place { staged, path } => write::rename_to_new(&home.join(staged), &home.join(path)),
        Step::Replace { staged, path } => {
            let path = home.join(path);
            fs::rename(home.join(staged), &path).map_err(Error::io("write", &path))
        }
    }
}

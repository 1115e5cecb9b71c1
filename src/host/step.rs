//! The steps of a command in its home: what the journal has of each change, and how each is put in
//! its place, finished after a kill, and taken back.
//!
//! Every step can be taken back exactly until all of them are in their place, and told apart from
//! one that was not begun by what is on disk: a staged file that is gone has been published.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::archiving::Archiving;
use super::exchange::Exchange;
use super::journal::Phase;
use super::read::is_there;
use super::{Error, write};
use crate::pki::Name;
use crate::plan::layout::{self, PairKind};

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
    /// A file takes another's place, which is `kept` under a hidden name until all is done.
    Replace {
        staged: String,
        kept: String,
        path: String,
    },
    /// A pair's directory takes another's place, which goes to the archive.
    Exchange(Exchange),
    /// A pair's directory goes to the archive.
    Archive(Archiving),
    Append {
        path: String,
        before: Option<u64>,
    },
}

impl Step {
    /// The directories it changes, relative to the home; empty for the home itself.
    fn parents(&self) -> impl Iterator<Item = &str> {
        let (path, other) = match self {
            Self::SetMode { path, .. }
            | Self::MakeDirectory { path }
            | Self::Append { path, .. }
            | Self::Place { path, .. }
            | Self::Replace { path, .. } => (path, None),
            Self::Exchange(Exchange { path, archived, .. })
            | Self::Archive(Archiving { path, archived, .. }) => (path, Some(archived)),
        };
        let parent = |path: &'_ String| -> usize { path.rfind('/').unwrap_or(0) };
        [Some(path), other]
            .into_iter()
            .flatten()
            .map(move |path| &path[..parent(path)])
    }

    /// Whether a command of ours could have written it: what the journal names is removed and
    /// renamed, and it may have been damaged, or written by somebody else.
    pub(super) fn is_ours(&self) -> bool {
        match self {
            Self::SetMode { path, before } => path.is_empty() && *before <= 0o7777,
            Self::MakeDirectory { path } => is_directory(path),
            Self::Append { path, .. } => path == layout::LEDGER,
            Self::Place { staged, path } => {
                let ours = is_in_home(path) || is_pair(path) || is_archived(path);
                (ours || is_ca_of_pair(path) || is_archived_key(path))
                    && write::is_staged(staged, path)
            }
            Self::Replace { staged, kept, path } => {
                let is_hidden = |hidden| write::is_staged(hidden, path);
                (is_in_home(path) || is_ca_of_pair(path) || is_archived_key(path))
                    && is_hidden(staged)
                    && is_hidden(kept)
                    && staged != kept
            }
            Self::Exchange(exchange) => {
                let Exchange {
                    staged,
                    path,
                    archived,
                    before,
                    after,
                } = exchange;
                is_pair(path)
                    && write::is_staged(staged, path)
                    && is_archived(archived)
                    && [before, after].into_iter().all(|it| is_hex(it))
            }
            Self::Archive(archiving) => {
                let Archiving {
                    path,
                    archived,
                    before,
                } = archiving;
                is_pair(path) && is_archived(archived) && is_hex(before)
            }
        }
    }

    /// Puts what is staged in its place.
    pub(super) fn publish(&self, home: &Path) -> Result<(), Error> {
        match self {
            // Done while staging, for they can be taken back exactly.
            Self::SetMode { .. } | Self::MakeDirectory { .. } | Self::Append { .. } => Ok(()),
            Self::Place { staged, path } => {
                write::rename_to_new(&home.join(staged), &home.join(path))
            }
            Self::Replace { staged, path, .. } => {
                write::rename(&home.join(staged), &home.join(path))
            }
            Self::Exchange(exchange) => exchange.publish(home),
            Self::Archive(archiving) => archiving.publish(home),
        }
    }

    /// Puts in its place what a killed command had not yet.  Fine to call again.
    pub(super) fn finish(&self, home: &Path) -> Result<(), Error> {
        match self {
            Self::Place { staged, .. } | Self::Replace { staged, .. } => {
                match is_there(&home.join(staged)) {
                    true => self.publish(home),
                    false => Ok(()),
                }
            }
            Self::Exchange(exchange) => exchange.finish(home),
            Self::Archive(archiving) => archiving.finish(home),
            Self::SetMode { .. } | Self::MakeDirectory { .. } | Self::Append { .. } => Ok(()),
        }
    }

    /// Takes the step back.  Fine to call again.
    fn undo(&self, home: &Path, phase: Phase) -> Result<(), Error> {
        match self {
            Self::SetMode { path, before } => write::set_mode(&home.join(path), *before),
            Self::MakeDirectory { path } => remove_if_empty(&home.join(path)),
            Self::Place { staged, path } => {
                let (staged, path) = (home.join(staged), home.join(path));
                // Only what was staged is taken out of its place again.
                if phase == Phase::Undoing && !is_there(&staged) {
                    match fs::rename(&path, &staged) {
                        Err(cause) if cause.kind() == ErrorKind::NotFound => {}
                        other => other.map_err(Error::io("remove", &path))?,
                    }
                }
                write::remove(&staged)
            }
            Self::Replace { staged, kept, path } => {
                let (staged, kept) = (home.join(staged), home.join(kept));
                if phase == Phase::Undoing && !is_there(&staged) && is_there(&kept) {
                    write::rename(&kept, &home.join(path))?;
                }
                // In this order: a `staged` that is gone beside one that is `kept` says that the
                // new file is in its place.
                write::remove(&kept)?;
                write::remove(&staged)
            }
            Self::Exchange(exchange) => exchange.undo(home, phase),
            Self::Archive(archiving) => archiving.undo(home, phase),
            Self::Append { path, before } => undo_append(&home.join(path), *before),
        }
    }
}

fn undo_append(path: &Path, before: Option<u64>) -> Result<(), Error> {
    match before {
        None => write::remove(path),
        // Nothing was added yet, or somebody else's hand took it away, or all of it.
        Some(length) if fs::metadata(path).map_or(0, |file| file.len()) <= length => Ok(()),
        Some(length) => OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| file.set_len(length).and_then(|()| file.sync_all()))
            .map_err(Error::io("write", path)),
    }
}

fn remove_if_empty(path: &Path) -> Result<(), Error> {
    match fs::remove_dir(path) {
        // What is in it by now is not ours.
        Err(cause)
            if matches!(
                cause.kind(),
                ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Ok(())
        }
        other => other.map_err(Error::io("remove", path)),
    }
}

/// The directories the steps change, each once: what is to be made durable after them.
pub(super) fn parents(home: &Path, steps: &[Step]) -> Vec<PathBuf> {
    let parents = BTreeSet::from_iter(steps.iter().flat_map(Step::parents));
    Vec::from_iter(parents.into_iter().map(|parent| home.join(parent)))
}

/// Takes every step back, the last first.  Goes on after an error, and returns the first.
pub(super) fn undo_all(home: &Path, steps: &[Step], phase: Phase) -> Result<(), Error> {
    let mut first = Ok(());
    for step in steps.iter().rev() {
        first = first.and(step.undo(home, phase));
    }
    first?;
    // Durable before the journal goes: what came back after a power cut would be nobody's.
    let there = |parent: &PathBuf| parent.is_dir();
    let parents: Vec<_> = parents(home, steps).into_iter().filter(there).collect();
    write::sync(&parents, home)
}

/// Removes what was kept to undo with, durable before this returns: it may be a key.  Called when
/// all is in its place and durable.
pub(super) fn clear(home: &Path, steps: &[Step]) -> Result<(), Error> {
    let replaced = |step: &&Step| matches!(step, Step::Replace { .. });
    let replaced = Vec::from_iter(steps.iter().filter(replaced).cloned());
    if replaced.is_empty() {
        return Ok(());
    }
    for step in &replaced {
        if let Step::Replace { kept, .. } = step {
            write::remove(&home.join(kept))?;
        }
    }
    write::sync(&parents(home, &replaced), home)
}

fn is_in_home(path: &str) -> bool {
    [layout::CA_CERTIFICATE, layout::CA_KEY, layout::LEDGER].contains(&path)
}

fn is_kind(path: &str) -> bool {
    PairKind::ALL.iter().any(|kind| kind.directory() == path)
}

fn is_directory(path: &str) -> bool {
    is_kind(path) || path == layout::ARCHIVE
}

fn is_pair(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(kind, name)| is_kind(kind) && name.parse::<Name>().is_ok())
}

fn is_ca_of_pair(path: &str) -> bool {
    path.rsplit_once('/')
        .is_some_and(|(pair, file)| is_pair(pair) && file == layout::CA_CERTIFICATE)
}

fn is_archived(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(archive, serial)| archive == layout::ARCHIVE && is_hex(serial))
}

fn is_archived_key(path: &str) -> bool {
    path.rsplit_once('/')
        .is_some_and(|(directory, file)| is_archived(directory) && file == layout::CA_KEY)
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

//! Carries out a plan: all of it, or nothing.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::home::Home;
use super::journal::{self, Journal, Phase, Step};
use super::{Error, write};
use crate::plan::state::Outcome;
use crate::plan::{Change, NewFile, Plan};

/// Carries out a plan under the home's lock.
///
/// First refuses if the disk is not as the plan saw it.  Then the journal is written, everything
/// staged and made durable, the journal told so, and everything put in its place.
///
/// # Errors
/// After any error everything is as before, except after [`Error::NotUndone`] and
/// [`Error::NotDurable`], which say how it is instead.
pub fn apply(home: &mut Home, plan: &Plan) -> Result<(), Error> {
    let path = home.path().to_owned();
    for change in &plan.changes {
        refuse_changed(&path, change)?;
    }
    let replaces = |change: &Change| matches!(change, Change::ReplaceFile { .. });
    let before_last = plan.changes.len().saturating_sub(1);
    debug_assert!(!plan.changes[..before_last].iter().any(replaces));

    let steps = plan
        .changes
        .iter()
        .map(step)
        .collect::<Result<Vec<_>, _>>()?;
    let journal = Journal::new(plan.command, steps);
    let carried_out = journal
        .write(&path)
        .and_then(|()| carry_out(home, &path, plan, &journal));
    let cause = match carried_out {
        Ok(parents) => {
            home.keep();
            // The journal stays if this fails, and the next command does it.
            write::sync(&parents, &path).map_err(|cause| Error::NotDurable {
                cause: Box::new(cause),
            })?;
            // One that stays is finished by the next command, which finds nothing to do.
            let _ = Journal::remove_finished(&path);
            return Ok(());
        }
        Err(cause) => cause,
    };
    // The disk knows how far we came, also where an error came in the middle of telling it.
    let undone = match Phase::current(&path) {
        // Nothing was begun.
        None => return Err(cause),
        Some(Phase::Publishing) => {
            Journal::enter(&path, Phase::Publishing, Phase::Undoing).map(|()| Phase::Undoing)
        }
        Some(phase) => Ok(phase),
    };
    let undone = undone
        .and_then(|phase| journal::undo_all(&path, &journal.steps, phase))
        .and_then(|()| Journal::remove_undone(&path));
    match undone {
        Ok(()) => Err(cause),
        Err(left) => {
            home.keep();
            Err(Error::NotUndone {
                cause: Box::new(cause),
                left: Box::new(left),
                next: match Phase::current(&path) {
                    Some(Phase::Publishing) => Outcome::Finished,
                    _ => Outcome::Undone,
                },
            })
        }
    }
}

/// Puts everything in its place; returns the directories that are still to be made durable.
fn carry_out(
    home: &Home,
    path: &Path,
    plan: &Plan,
    journal: &Journal,
) -> Result<Vec<PathBuf>, Error> {
    let mut durable = Vec::from_iter(home.parents_of_made());
    for (change, step) in plan.changes.iter().zip(&journal.steps) {
        stage(path, change, step, &mut durable)?;
    }
    let parents = journal::parents(path, &journal.steps);
    durable.extend(parents.iter().cloned());
    write::sync(&durable, path)?;
    Journal::enter(path, Phase::Staging, Phase::Publishing)?;
    for step in &journal.steps {
        journal::publish(path, step)?;
    }
    Ok(parents)
}

fn step(change: &Change) -> Result<Step, Error> {
    Ok(match change {
        Change::SetMode { path, before, .. } => Step::SetMode {
            path: path.clone(),
            before: *before,
        },
        Change::MakeDirectory { path, .. } => Step::MakeDirectory { path: path.clone() },
        Change::PlaceDirectory { path, .. } | Change::CreateFile(NewFile { path, .. }) => {
            Step::Place {
                staged: write::staged_name(path)?,
                path: path.clone(),
            }
        }
        Change::ReplaceFile { file, .. } => Step::Replace {
            staged: write::staged_name(&file.path)?,
            path: file.path.clone(),
        },
        Change::Append { path, before, .. } => Step::Append {
            path: path.clone(),
            before: *before,
        },
    })
}

/// Does what can be done without touching what is there, or can be taken back exactly.
fn stage(
    home: &Path,
    change: &Change,
    step: &Step,
    durable: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    match (change, step) {
        (Change::MakeDirectory { path, mode }, _) => {
            write::create_directory(&home.join(path), *mode)?;
            durable.push(home.join(path));
        }
        (Change::PlaceDirectory { mode, files, .. }, Step::Place { staged, .. }) => {
            let directory = home.join(staged);
            write::create_directory(&directory, *mode)?;
            for file in files {
                let path = directory.join(&file.path);
                write::create_file(&path, file.mode, file.content.bytes())?;
                durable.push(path);
            }
            durable.push(directory);
        }
        (
            Change::CreateFile(file) | Change::ReplaceFile { file, .. },
            Step::Place { staged, .. } | Step::Replace { staged, .. },
        ) => {
            let path = home.join(staged);
            write::create_file(&path, file.mode, file.content.bytes())?;
            durable.push(path);
        }
        (
            Change::Append {
                path,
                mode,
                before,
                lines,
            },
            _,
        ) => {
            let path = home.join(path);
            match before {
                None => {
                    write::create_file(&path, *mode, lines.as_bytes())?;
                }
                Some(_) => OpenOptions::new()
                    .append(true)
                    .open(&path)
                    .and_then(|mut file| file.write_all(lines.as_bytes()))
                    .map_err(Error::io("write", &path))?,
            }
            durable.push(path);
        }
        // First of all: what is staged after it must not be where others can write.
        (Change::SetMode { path, mode, .. }, _) => write::set_mode(&home.join(path), *mode)?,
        // `step` pairs the others as above.
        (Change::PlaceDirectory { .. } | Change::CreateFile(_) | Change::ReplaceFile { .. }, _) => {
        }
    }
    Ok(())
}

fn refuse_changed(home: &Path, change: &Change) -> Result<(), Error> {
    let path = home.join(change.path());
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => Some(metadata),
        Err(cause) if cause.kind() == ErrorKind::NotFound => None,
        Err(cause) => return Err(Error::io("read", &path)(cause)),
    };
    if matches!(change, Change::ReplaceFile { .. })
        && metadata.as_ref().is_some_and(|now| now.is_symlink())
    {
        // To replace the link would leave the file behind it as it is.
        return Err(Error::SymbolicLink { path });
    }
    let as_planned = match change {
        Change::SetMode { before, .. } => {
            fs::metadata(&path).is_ok_and(|now| now.mode() & 0o7777 == *before)
        }
        Change::MakeDirectory { .. } | Change::PlaceDirectory { .. } | Change::CreateFile(_) => {
            metadata.is_none()
        }
        Change::ReplaceFile { before, .. } => {
            let now = Zeroizing::new(fs::read(&path).map_err(Error::io("read", &path))?);
            now == *before
        }
        Change::Append { before, .. } => fs::metadata(&path).ok().map(|now| now.len()) == *before,
    };
    match as_planned {
        true => Ok(()),
        false => Err(Error::Changed { path }),
    }
}

//! Carries out a plan: all of it, or nothing.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::home::Home;
use super::journal::{self, Journal, Phase, Published, Step};
use super::{Error, write};
use crate::plan::{Change, NewFile, Plan};

/// Carries out a plan under the home's lock.
///
/// First refuses if the disk is not as the plan saw it.  Then the journal is written, everything
/// staged and made durable, the journal told so, and everything put in its place.
///
/// # Errors
/// After any error everything is as before, except after [`Error::NotUndone`].
pub fn apply(home: &mut Home, plan: &Plan) -> Result<(), Error> {
    let path = home.path().to_owned();
    for change in &plan.changes {
        refuse_changed(&path, change)?;
    }
    let steps = plan
        .changes
        .iter()
        .map(step)
        .collect::<Result<Vec<_>, _>>()?;
    let mut journal = Journal::new(plan.command, steps);
    journal.write(&path)?;

    let mut published = 0;
    match carry_out(&path, plan, &mut journal, &mut published) {
        Ok(()) => {
            home.keep();
            // Everything is done and durable: a journal that stays is finished once more.
            Journal::remove(&path)
        }
        Err(cause) => {
            let mut left = Vec::new();
            for (index, step) in journal.steps.iter().enumerate().rev() {
                let published = match index < published {
                    true => Published::Yes,
                    false => Published::No,
                };
                left.extend(journal::undo(&path, step, published).err());
            }
            if left.is_empty() {
                left.extend(Journal::remove(&path).err());
            }
            match left.is_empty() {
                true => Err(cause),
                false => {
                    home.keep();
                    Err(Error::NotUndone {
                        cause: Box::new(cause),
                        left,
                    })
                }
            }
        }
    }
}

fn carry_out(
    home: &Path,
    plan: &Plan,
    journal: &mut Journal,
    published: &mut usize,
) -> Result<(), Error> {
    let mut durable = Vec::new();
    for (change, step) in plan.changes.iter().zip(&journal.steps) {
        stage(home, change, step, &mut durable)?;
    }
    write::sync(&durable, home)?;
    journal.phase = Phase::Publishing;
    journal.write(home)?;
    for step in &journal.steps {
        journal::publish(home, step)?;
        *published += 1;
    }
    let parents: BTreeSet<PathBuf> = plan
        .changes
        .iter()
        .map(|change| parent(home, change))
        .collect();
    for parent in parents {
        journal::sync_directory(&parent)?;
    }
    Ok(())
}

fn parent(home: &Path, change: &Change) -> PathBuf {
    let path = home.join(change.path());
    match path.parent() {
        Some(parent) if path != home => parent.to_owned(),
        _ => home.to_owned(),
    }
}

fn step(change: &Change) -> Result<Step, Error> {
    Ok(match change {
        Change::SetMode { path, before, mode } => Step::SetMode {
            path: path.clone(),
            before: *before,
            mode: *mode,
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
            write::create_directory(&home.join(path), *mode, home)?;
            durable.push(home.join(path));
        }
        (Change::PlaceDirectory { mode, files, .. }, Step::Place { staged, .. }) => {
            let directory = home.join(staged);
            write::create_directory(&directory, *mode, home)?;
            for file in files {
                let path = directory.join(&file.path);
                write::create_file(&path, file.mode, file.content.bytes(), home)?;
                durable.push(path);
            }
            durable.push(directory);
        }
        (
            Change::CreateFile(file) | Change::ReplaceFile { file, .. },
            Step::Place { staged, .. } | Step::Replace { staged, .. },
        ) => {
            let path = home.join(staged);
            write::create_file(&path, file.mode, file.content.bytes(), home)?;
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
                    write::create_file(&path, *mode, lines.as_bytes(), home)?;
                }
                Some(_) => OpenOptions::new()
                    .append(true)
                    .open(&path)
                    .and_then(|mut file| file.write_all(lines.as_bytes()))
                    .map_err(Error::io("write", &path))?,
            }
            durable.push(path);
        }
        // A mode is set when all else is staged.
        (Change::SetMode { .. }, _) => {}
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
        Change::Append { before, .. } => metadata.map(|now| now.len()) == *before,
    };
    match as_planned {
        true => Ok(()),
        false => Err(Error::Changed { path }),
    }
}

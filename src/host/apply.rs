//! Carries out a plan: all of it, or nothing.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::archiving::Archiving;
use super::exchange::{Exchange, certificate_digest};
use super::home::Home;
use super::journal::{Journal, Phase};
use super::read::is_there;
use super::step::{self, Step};
use super::{Error, parallel, platform, write};
use crate::pki::sha256_hex;
use crate::plan::layout::PairKind;
use crate::plan::state::Outcome;
use crate::plan::{Change, NewFile, Plan};

/// Carries out a plan under the home's lock.
///
/// First refuses if the disk is not as the plan saw it.  Then the journal is written, everything
/// staged and made durable, the journal told so, and everything put in its place.
///
/// # Errors
/// After any error everything is as before, except after [`Error::NotUndone`],
/// [`Error::NotDurable`] and [`Error::StillKept`], which say how it is instead.
pub fn apply(home: &mut Home, plan: &Plan) -> Result<(), Error> {
    apply_and_tell(home, plan, &|| ())
}

/// The same, with `tick` called for each directory that is staged.
pub fn apply_and_tell(home: &mut Home, plan: &Plan, tick: &(dyn Fn() + Sync)) -> Result<(), Error> {
    let path = home.path().to_owned();
    parallel::map(Vec::from_iter(&plan.changes), MANY, home.jobs(), |change| {
        refuse_changed(&path, change)
    })
    .into_iter()
    .collect::<Result<(), _>>()?;
    let steps = plan
        .changes
        .iter()
        .map(step)
        .collect::<Result<Vec<_>, _>>()?;
    let journal = Journal::new(plan.command, steps);
    let carried_out = journal
        .write(&path)
        .and_then(|()| carry_out(home, &path, plan, &journal, tick));
    let cause = match carried_out {
        Ok(parents) => {
            home.keep();
            // The journal stays if this fails, and the next command does it.
            write::sync(&parents, &path).map_err(|cause| Error::NotDurable {
                cause: Box::new(cause),
            })?;
            step::clear(&path, &journal.steps).map_err(|cause| Error::StillKept {
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
        .and_then(|phase| step::undo_all(&path, &journal.steps, phase))
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

/// From this many directories on, they are staged on all cores.
const MANY: usize = 64;

/// Puts everything in its place; returns the directories that are still to be made durable.
fn carry_out(
    home: &Home,
    path: &Path,
    plan: &Plan,
    journal: &Journal,
    tick: &(dyn Fn() + Sync),
) -> Result<Vec<PathBuf>, Error> {
    let mut durable = Vec::from_iter(home.parents_of_made());
    // Directories with their files last, for they may be many, and lie in what the others make.
    let all = plan.changes.iter().zip(&journal.steps);
    let (directories, others): (Vec<_>, Vec<_>) = all.partition(|(change, _)| {
        matches!(
            change,
            Change::PlaceDirectory { .. } | Change::ReplaceDirectory { .. }
        )
    });
    for (change, step) in others {
        durable.extend(stage(path, change, step)?);
    }
    let staged = parallel::map(directories, MANY, home.jobs(), |(change, step)| {
        tick();
        stage(path, change, step)
    });
    for paths in staged {
        durable.extend(paths?);
    }
    let parents = step::parents(path, &journal.steps);
    durable.extend(parents.iter().cloned());
    write::sync(&durable, path)?;
    Journal::enter(path, Phase::Staging, Phase::Publishing)?;
    for step in &journal.steps {
        step.publish(path)?;
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
        Change::ReplaceDirectory {
            path,
            files,
            before,
            archived,
            ..
        } => Step::Exchange(Exchange {
            staged: write::staged_name(path)?,
            path: path.clone(),
            archived: archived.clone(),
            before: before.clone(),
            after: digest_of_new(path, files),
        }),
        Change::ArchiveDirectory {
            path,
            before,
            archived,
        } => Step::Archive(Archiving {
            path: path.clone(),
            archived: archived.clone(),
            before: before.clone(),
        }),
        Change::ReplaceFile { file, .. } => Step::Replace {
            staged: write::staged_name(&file.path)?,
            kept: write::staged_name(&file.path)?,
            path: file.path.clone(),
        },
        Change::Append { path, before, .. } => Step::Append {
            path: path.clone(),
            before: *before,
        },
    })
}

/// The SHA-256 of the certificate's file among the new files of a pair.
fn digest_of_new(path: &str, files: &[NewFile]) -> String {
    let certificate = PairKind::of_path(path).and_then(|kind| {
        let mut files = files.iter();
        files.find(|file| file.path == kind.certificate_file())
    });
    certificate.map_or_else(String::new, |file| sha256_hex(file.content.bytes()))
}

/// Does what can be done without touching what is there, or can be taken back exactly.  Returns
/// what is to be made durable.
fn stage(home: &Path, change: &Change, step: &Step) -> Result<Vec<PathBuf>, Error> {
    match (change, step) {
        // First of all: what is staged after it must not be where others can write.
        (Change::SetMode { path, mode, .. }, _) => {
            write::set_mode(&home.join(path), *mode)?;
            Ok(Vec::new())
        }
        (Change::MakeDirectory { path, mode }, _) => {
            write::create_directory(&home.join(path), *mode)?;
            Ok(vec![home.join(path)])
        }
        (Change::PlaceDirectory { mode, files, .. }, Step::Place { staged, .. })
        | (Change::ReplaceDirectory { mode, files, .. }, Step::Exchange(Exchange { staged, .. })) => {
            stage_directory(&home.join(staged), *mode, files)
        }
        // To move it is all there is to do.
        (Change::ArchiveDirectory { .. }, _) => Ok(Vec::new()),
        (Change::CreateFile(file), Step::Place { staged, .. }) => {
            let staged = home.join(staged);
            write::create_file(&staged, file.mode, file.content.bytes())?;
            Ok(vec![staged])
        }
        (Change::ReplaceFile { file, before }, Step::Replace { staged, kept, path }) => {
            let (staged, kept) = (home.join(staged), home.join(kept));
            write::keep(&home.join(path), &kept, file.mode, before)?;
            write::create_file(&staged, file.mode, file.content.bytes())?;
            Ok(vec![kept, staged])
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
            Ok(vec![path])
        }
        (
            Change::PlaceDirectory { .. }
            | Change::ReplaceDirectory { .. }
            | Change::CreateFile(_)
            | Change::ReplaceFile { .. },
            _,
        ) => unreachable!("`step` pairs them as above"),
    }
}

fn stage_directory(directory: &Path, mode: u32, files: &[NewFile]) -> Result<Vec<PathBuf>, Error> {
    write::create_directory(directory, mode)?;
    let mut durable = Vec::with_capacity(files.len() + 1);
    for file in files {
        let path = directory.join(&file.path);
        write::create_file(&path, file.mode, file.content.bytes())?;
        durable.push(path);
    }
    durable.push(directory.to_owned());
    Ok(durable)
}

fn refuse_changed(home: &Path, change: &Change) -> Result<(), Error> {
    let path = home.join(change.path());
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => Some(metadata),
        Err(cause) if cause.kind() == ErrorKind::NotFound => None,
        Err(cause) => return Err(Error::io("read", &path)(cause)),
    };
    let replaces = matches!(
        change,
        Change::ReplaceFile { .. }
            | Change::ReplaceDirectory { .. }
            | Change::ArchiveDirectory { .. }
    );
    if replaces && metadata.as_ref().is_some_and(|now| now.is_symlink()) {
        // To replace or move the link would leave what is behind it as it is.
        return Err(Error::SymbolicLink { path });
    }
    let as_planned = match change {
        Change::SetMode { before, .. } => {
            fs::metadata(&path).is_ok_and(|now| platform::mode(&path, &now) == *before)
        }
        Change::MakeDirectory { .. } | Change::PlaceDirectory { .. } | Change::CreateFile(_) => {
            metadata.is_none()
        }
        Change::ReplaceDirectory {
            path: pair,
            before,
            archived,
            files,
            mode: _,
        } => {
            let archived = home.join(archived);
            if is_there(&archived) {
                return Err(Error::Changed { path: archived });
            }
            match PairKind::of_path(pair) {
                Some(kind) => {
                    // By it the two are told apart after a kill.
                    let certificate = kind.certificate_file();
                    files.iter().any(|file| file.path == certificate)
                        && certificate_digest(kind, &path)?.as_ref() == Some(before)
                }
                None => false,
            }
        }
        Change::ArchiveDirectory {
            path: pair,
            before,
            archived,
        } => {
            let archived = home.join(archived);
            if is_there(&archived) {
                return Err(Error::Changed { path: archived });
            }
            match PairKind::of_path(pair) {
                Some(kind) => certificate_digest(kind, &path)?.as_ref() == Some(before),
                None => false,
            }
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

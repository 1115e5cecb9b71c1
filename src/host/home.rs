//! The home as a place one command at a time writes to.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::journal::{self, Outcome};
use super::{Error, write};
use crate::plan::layout;

/// An open home.  The lock lasts until it is dropped.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    lock: Option<File>,
    /// Directories and the lock file we made for it, outermost first, until something is in it.
    made: Vec<PathBuf>,
    recovered: Option<Recovery>,
}

/// What became of a command that was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The command.
    pub command: String,
    /// What was done about it.
    pub outcome: Outcome,
}

/// What a command wants of a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read, beside others who read.
    Read,
    /// To write, alone.
    Write(Create),
}

/// Whether a home that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// It is an error of the command, which looks itself.
    No,
    /// It is made.
    Yes,
}

impl Home {
    /// Opens a home: takes the lock, and finishes or undoes what a killed command left.
    ///
    /// `waiting` is called with the process number in the lock file if somebody else holds it.
    pub fn open(path: &Path, access: Access, waiting: impl FnOnce(&str)) -> Result<Self, Error> {
        let mut home = Self {
            path: path.to_owned(),
            lock: None,
            made: Vec::new(),
            recovered: None,
        };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                return Err(Error::NotADirectory {
                    path: path.to_owned(),
                });
            }
            Err(cause) if cause.kind() == ErrorKind::NotFound => match access {
                Access::Write(Create::Yes) => home.make_directories()?,
                _ => return Ok(home),
            },
            Err(cause) => return Err(Error::io("read", path)(cause)),
        }
        match access {
            Access::Read => home.lock_to_read(waiting)?,
            Access::Write(_) => home.lock_to_write(waiting)?,
        }
        Ok(home)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was done about a killed command when the home was opened.
    pub fn recovered(&self) -> Option<&Recovery> {
        self.recovered.as_ref()
    }

    /// Says that something was put into the home: it stays when this is dropped.
    pub(super) fn keep(&mut self) {
        self.made.clear();
    }

    fn make_directories(&mut self) -> Result<(), Error> {
        let missing = self
            .path
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && path.symlink_metadata().is_err());
        let mut missing: Vec<_> = missing.map(Path::to_owned).collect();
        missing.reverse();
        for path in missing {
            let mode = match path == self.path {
                true => layout::DIRECTORY_MODE,
                false => 0o755,
            };
            match DirBuilder::new().mode(mode).create(&path) {
                Ok(()) => self.made.push(path.clone()),
                // Another init was faster; it holds the lock, or will.
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(Error::io("make", &path)(cause)),
            }
            if path == self.path {
                write::set_mode(&path, mode)?;
            }
        }
        Ok(())
    }

    fn lock_to_write(&mut self, waiting: impl FnOnce(&str)) -> Result<(), Error> {
        let path = self.path.join(layout::LOCK);
        let mut waiting = Some(waiting);
        loop {
            let mut file = self.open_lock_file(&path)?;
            lock(&mut file, &path, LockKind::Exclusive, &mut waiting)?;
            // A failed init removes its home; a lock on a file that is gone protects nothing.
            let same = fs::metadata(&path).ok().zip(file.metadata().ok());
            if same.is_none_or(|(at_path, held)| at_path.ino() != held.ino()) {
                if fs::metadata(&self.path).is_err() {
                    self.make_directories()?;
                }
                continue;
            }
            write::adopt_owner(&file, &self.path, &path)?;
            // Who holds it, for the message of whoever waits.  Not worth an error.
            let _ = file.set_len(0).and_then(|()| file.rewind());
            let _ = write!(file, "{}", std::process::id());
            self.lock = Some(file);
            self.recovered = journal::recover(&self.path)?;
            return Ok(());
        }
    }

    fn open_lock_file(&mut self, path: &Path) -> Result<File, Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(layout::RECORD_MODE);
        match options.clone().create_new(true).open(path) {
            Ok(file) => {
                self.made.push(path.to_owned());
                Ok(file)
            }
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => options
                .create(true)
                .open(path)
                .map_err(Error::io("write", path)),
            Err(cause) => Err(Error::io("write", path)(cause)),
        }
    }

    fn lock_to_read(&mut self, waiting: impl FnOnce(&str)) -> Result<(), Error> {
        let path = self.path.join(layout::LOCK);
        let mut waiting = Some(waiting);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            // A copy of a home may have no lock file, and nobody who writes.
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(Error::io("read", &path)(cause)),
        };
        lock(&mut file, &path, LockKind::Shared, &mut waiting)?;
        if self.path.join(layout::JOURNAL).symlink_metadata().is_err() {
            self.lock = Some(file);
            return Ok(());
        }
        // A command was killed.  It is finished or undone, as by a command that writes.
        drop(file);
        self.lock_to_write(waiting.map_or_else::<Box<dyn FnOnce(&str)>, _, _>(
            || Box::new(|_| {}),
            |waiting| Box::new(waiting),
        ))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Nothing came into it, so nothing half-made stays.
        for path in self.made.iter().rev() {
            let _ = match path.ends_with(layout::LOCK) {
                true => fs::remove_file(path),
                false => fs::remove_dir(path),
            };
        }
    }
}

#[derive(Clone, Copy)]
enum LockKind {
    Shared,
    Exclusive,
}

fn lock(
    file: &mut File,
    path: &Path,
    kind: LockKind,
    waiting: &mut Option<impl FnOnce(&str)>,
) -> Result<(), Error> {
    let tried = match kind {
        LockKind::Shared => file.try_lock_shared(),
        LockKind::Exclusive => file.try_lock(),
    };
    match tried {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(cause)) => Err(Error::io("lock", path)(cause)),
        Err(TryLockError::WouldBlock) => {
            if let Some(waiting) = waiting.take() {
                let mut holder = String::new();
                let _ = file.take(20).read_to_string(&mut holder);
                waiting(holder.trim());
            }
            match kind {
                LockKind::Shared => file.lock_shared(),
                LockKind::Exclusive => file.lock(),
            }
            .map_err(Error::io("lock", path))
        }
    }
}

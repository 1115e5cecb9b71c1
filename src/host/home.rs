//! The home as a place one command at a time writes to.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::journal::{self, Phase};
use super::parallel::Jobs;
use super::platform::{self, Links};
use super::{Error, write};
use crate::plan::layout;
use crate::plan::state::Recovery;

/// An open home.  The lock lasts until it is dropped.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    lock: Option<File>,
    /// Directories and the lock file we made for it, outermost first, until something is in it.
    made: Vec<PathBuf>,
    recovered: Option<Recovery>,
    jobs: Jobs,
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
    pub fn open(path: &Path, access: Access, waiting: &dyn Fn(&str)) -> Result<Self, Error> {
        let mut home = Self {
            path: path.to_owned(),
            lock: None,
            made: Vec::new(),
            recovered: None,
            jobs: Jobs::default(),
        };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                return Err(Error::NotADirectory {
                    path: path.to_owned(),
                    wanted: "the directory of a home",
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
            Access::Write(create) => home.lock_to_write(create, waiting)?,
        }
        Ok(home)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many threads write in it at once.
    pub(super) fn jobs(&self) -> Jobs {
        self.jobs
    }

    /// Says how many threads write in it at once.
    pub fn set_jobs(&mut self, jobs: Jobs) {
        self.jobs = jobs;
    }

    /// What was done about a killed command when the home was opened.
    pub fn recovered(&self) -> Option<&Recovery> {
        self.recovered.as_ref()
    }

    /// Whether nobody can have written while we read: we hold the lock, or there is still none,
    /// and no journal.
    pub fn is_undisturbed(&self) -> bool {
        self.lock.is_some()
            || (self.path.join(layout::LOCK).symlink_metadata().is_err()
                && Phase::current(&self.path).is_none())
    }

    /// The directories in which something was made for the home, to be made durable.
    pub(super) fn parents_of_made(&self) -> impl Iterator<Item = PathBuf> {
        let parents = self.made.iter().filter_map(|path| path.parent());
        parents.map(Path::to_owned)
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
            match platform::make_directory(&path, mode) {
                Ok(()) => self.made.push(path.clone()),
                // Another init was faster; it holds the lock, or will.
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => continue,
                Err(cause) => return Err(Error::io("make", &path)(cause)),
            }
            if path == self.path {
                // Whatever the umask is.
                write::set_mode(&path, mode)?;
            }
        }
        Ok(())
    }

    fn lock_to_write(&mut self, create: Create, waiting: &dyn Fn(&str)) -> Result<(), Error> {
        self.refuse_foreign()?;
        let path = self.path.join(layout::LOCK);
        loop {
            let mut writing = OpenOptions::new();
            writing.read(true).write(true);
            let mut file = match open_lock_file(&path, writing.clone().create_new(true)) {
                Ok(file) => {
                    self.made.push(path.clone());
                    platform::set_file_mode(&file, layout::RECORD_MODE)
                        .map_err(Error::io("set the mode of", &path))?;
                    file
                }
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
                    match open_lock_file(&path, &mut writing) {
                        Ok(file) => file,
                        // An init that failed has just removed it.
                        Err(cause) if cause.kind() == ErrorKind::NotFound => continue,
                        Err(cause) => return Err(Error::io("write", &path)(cause)),
                    }
                }
                // An init that failed has just removed the home it had made.
                Err(cause) if cause.kind() == ErrorKind::NotFound && create == Create::Yes => {
                    self.make_directories()?;
                    continue;
                }
                Err(cause) => return Err(Error::io("write", &path)(cause)),
            };
            lock(&mut file, &path, LockKind::Exclusive, waiting)?;
            // A failed init removes its lock file, and a lock on a file that is gone protects nothing.
            if !platform::is_at(&file, &path) {
                continue;
            }
            // Who holds it, for the message of whoever waits.  Not worth an error.
            let _ = file.set_len(0).and_then(|()| file.rewind());
            let _ = write!(file, "{}", std::process::id());
            self.lock = Some(file);
            self.recovered = journal::recover(&self.path)?;
            return Ok(());
        }
    }

    fn lock_to_read(&mut self, waiting: &dyn Fn(&str)) -> Result<(), Error> {
        let path = self.path.join(layout::LOCK);
        loop {
            let mut file = match open_lock_file(&path, OpenOptions::new().read(true)) {
                Ok(file) => file,
                // A copy of a home may have no lock file, and nobody who writes.
                Err(cause) if cause.kind() == ErrorKind::NotFound => break,
                Err(cause) => return Err(Error::io("read", &path)(cause)),
            };
            lock(&mut file, &path, LockKind::Shared, waiting)?;
            if platform::is_at(&file, &path) {
                self.lock = Some(file);
                break;
            }
        }
        if Phase::current(&self.path).is_none() {
            return Ok(());
        }
        // A command was killed.  It is finished or undone, as by a command that writes.
        self.lock = None;
        self.lock_to_write(Create::No, waiting)
    }

    /// Refuses to write in another user's home: if we are root, that user could put a symbolic
    /// link where we write next.
    fn refuse_foreign(&self) -> Result<(), Error> {
        let metadata = fs::metadata(&self.path).map_err(Error::io("read", &self.path))?;
        let owner = platform::owner(&metadata).user;
        match owner == platform::process_owner().user {
            true => Ok(()),
            false => Err(Error::ForeignHome {
                path: self.path.clone(),
                owner,
            }),
        }
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

/// Opens the lock file itself: no link, and without waiting for the other end of a FIFO.
fn open_lock_file(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let options = platform::with_mode(options, layout::RECORD_MODE);
    platform::open(options, path, Links::Refused)
}

#[derive(Clone, Copy)]
enum LockKind {
    Shared,
    Exclusive,
}

fn lock(file: &mut File, path: &Path, kind: LockKind, waiting: &dyn Fn(&str)) -> Result<(), Error> {
    let tried = match kind {
        LockKind::Shared => file.try_lock_shared(),
        LockKind::Exclusive => file.try_lock(),
    };
    match tried {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(cause)) => Err(Error::io("lock", path)(cause)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.take(20).read_to_string(&mut holder);
            waiting(holder.trim());
            match kind {
                LockKind::Shared => file.lock_shared(),
                LockKind::Exclusive => file.lock(),
            }
            .map_err(Error::io("lock", path))
        }
    }
}

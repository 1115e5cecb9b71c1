//! Where the records of changes to a machine are kept, and the lock on them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::change::remove_if_empty;
use super::prefix::Prefix;
use super::record::{Contents, Record};
use crate::host::environment::state_home;
use crate::host::platform::{self, Links};
use crate::host::{Error, write};
use crate::plan::machine::Run;
use crate::plan::permissions::Item;
use crate::plan::state::Recovery;

const LOCK: &str = ".lock";

/// The records of what was installed, open for a command that changes the machine, alone.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    lock: File,
    /// Directories made for it, outermost first.
    made: Vec<PathBuf>,
}

/// Where the records of a daemon's host are: `/var/lib/dockpki-installed`.
pub fn host_store(prefix: &Prefix) -> Result<PathBuf, Error> {
    prefix.resolve(Path::new("/var/lib/dockpki-installed"))
}

/// Where the records of a user's `~/.docker` are: `$XDG_STATE_HOME/dockpki`, else
/// `~/.local/state/dockpki`.
///
/// `caller_home` is the home of the user who called sudo, for `HOME` is root's then.
pub fn user_store(caller_home: Option<&Path>) -> Result<PathBuf, Error> {
    match caller_home {
        Some(home) => Ok(home.join(platform::STATE.below_home)),
        None => state_home(),
    }
}

/// The stores of this machine that are there: the host's for root and under a prefix, and the
/// caller's own.
pub fn stores(prefix: &Prefix) -> Result<Vec<PathBuf>, Error> {
    let mut stores = Vec::new();
    if !prefix.is_root() || platform::is_root() {
        stores.push(host_store(prefix)?);
    }
    if prefix.is_root() {
        stores.push(user_store(None)?);
    }
    stores.retain(|store| store.is_dir());
    Ok(stores)
}

/// Where there would be records if anything had been installed: the first that [`stores`] looks at.
pub fn first_store(prefix: &Prefix) -> Result<PathBuf, Error> {
    match !prefix.is_root() || platform::is_root() {
        true => host_store(prefix),
        false => user_store(None),
    }
}

/// How far the command of a record has come.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is in its place yet.
    Staging,
    /// Some of it may be in its place, and this many commands were begun.
    Running(usize),
    /// An error came; it is being taken back, with the commands that were begun.
    Undoing(usize),
    /// It is done; what it voids and what it kept goes.
    Closing,
    /// It is done.
    Done,
}

impl Phase {
    fn suffix(self) -> String {
        match self {
            Self::Staging => ".staging".into(),
            Self::Running(runs) => format!(".running-{runs}"),
            Self::Undoing(runs) => format!(".undoing-{runs}"),
            Self::Closing => ".closing".into(),
            Self::Done => String::new(),
        }
    }

    fn parse(suffix: Option<&str>) -> Option<Self> {
        let Some(suffix) = suffix else {
            return Some(Self::Done);
        };
        match suffix.split_once('-') {
            None if suffix == "staging" => Some(Self::Staging),
            None if suffix == "closing" => Some(Self::Closing),
            Some(("running", runs)) => runs.parse().ok().map(Self::Running),
            Some(("undoing", runs)) => runs.parse().ok().map(Self::Undoing),
            _ => None,
        }
    }
}

/// The name of a record's directory, by number and phase.
pub(super) fn record_path(store: &Path, number: u32, phase: Phase) -> PathBuf {
    store.join(format!("{number:04}{}", phase.suffix()))
}

impl Store {
    /// Opens the records to change the machine; makes the directory if it is not there.
    ///
    /// `command` is told to others who would like to.
    ///
    /// # Errors
    /// [`Error::Held`] if another dockpki changes the machine.
    pub fn open(path: &Path, command: &str) -> Result<Self, Error> {
        loop {
            let made = make_directories(path)?;
            match lock(path) {
                Ok(Some(lock)) => {
                    // From here on it is removed again, if it comes to nothing.
                    let mut store = Self {
                        path: path.to_owned(),
                        lock,
                        made,
                    };
                    store.say_who_holds_it(command)?;
                    remove_leftovers(path)?;
                    return Ok(store);
                }
                // Another command has just removed the store it had made: once more.
                Ok(None) => remove_each_if_empty(&made),
                Err(cause) => {
                    remove_each_if_empty(&made);
                    return Err(cause);
                }
            }
        }
    }

    fn say_who_holds_it(&mut self, command: &str) -> Result<(), Error> {
        let set = platform::set_file_mode(&self.lock, Item::InstallRecord.mode());
        set.map_err(Error::io("set the mode of", &self.path.join(LOCK)))?;
        // For the message of whoever is refused.  Not worth an error.
        let _ = self.lock.set_len(0).and_then(|()| self.lock.rewind());
        let holder = format!("dockpki {command} (process {})", std::process::id());
        let _ = self.lock.write_all(holder.as_bytes());
        Ok(())
    }

    /// Finishes or undoes what a killed command left, if one did.  `run` runs its commands
    /// again.
    pub fn recover(
        &mut self,
        run: &mut dyn FnMut(&Run) -> Result<(), Error>,
    ) -> Result<Option<Recovery>, Error> {
        super::carry_out::recover(self, run)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The records of commands that are done, the first first, with their numbers.
    ///
    /// Needs no lock: one that is written just now is not done.  A store that is not there has
    /// none.
    pub fn records(path: &Path) -> Result<Vec<(u32, Record)>, Error> {
        let mut records = Vec::new();
        for (number, phase) in all(path)? {
            if phase == Phase::Done
                && let Some(record) = Record::read(&record_path(path, number, phase))?
            {
                records.push((number, record));
            }
        }
        Ok(records)
    }

    /// The content of a file as it was before, by its name in a record.
    pub(super) fn content(path: &Path, number: u32, name: &str) -> PathBuf {
        record_path(path, number, Phase::Done).join(name)
    }

    /// The record of a command that is not done, if there is one: it was killed.
    pub(super) fn unfinished(path: &Path) -> Result<Option<(u32, Phase)>, Error> {
        let mut all = all(path)?.into_iter();
        Ok(all.find(|(_, phase)| *phase != Phase::Done))
    }

    /// The record of a command that was killed, if one was.
    pub fn interrupted(&self) -> Result<Option<Record>, Error> {
        match Self::unfinished(&self.path)? {
            Some((number, phase)) => Record::read(&record_path(&self.path, number, phase)),
            None => Ok(None),
        }
    }

    /// Whether it holds no record, of a command that is done or of one that is not.
    pub fn is_empty(path: &Path) -> Result<bool, Error> {
        Ok(all(path)?.is_empty())
    }

    /// Whether a command was killed and is neither finished nor undone yet.
    pub fn has_unfinished(path: &Path) -> bool {
        Self::unfinished(path).is_ok_and(|found| found.is_some())
    }

    /// Who is changing the machine right now, if somebody is and we may know.
    pub fn holder(path: &Path) -> Option<String> {
        let mut options = OpenOptions::new();
        let file = platform::open(options.read(true), &path.join(LOCK), Links::Refused).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(holder_in(file)),
            _ => None,
        }
    }

    /// Writes a new record, in the phase before anything is done.
    pub(super) fn begin(&mut self, record: &mut Record, contents: &Contents) -> Result<u32, Error> {
        let taken = all(&self.path)?;
        let number = taken.last().map_or(1, |(number, _)| number + 1);
        let first = Self::records(&self.path)?.into_iter().next();
        record.store = self.path.clone();
        record.store_directories = match first {
            Some((_, first)) => first.store_directories,
            None => self.made.clone(),
        };
        let directory = record_path(&self.path, number, Phase::Staging);
        let written = record.write(&directory, contents);
        written.inspect_err(|_| {
            let _ = write::remove(&directory);
        })?;
        Ok(number)
    }

    /// Says how far a command has come; not durable before [`Store::sync`].
    pub(super) fn enter(&self, number: u32, from: Phase, to: Phase) -> Result<(), Error> {
        let target = record_path(&self.path, number, to);
        fs::rename(record_path(&self.path, number, from), &target)
            .map_err(Error::io("write", &target))
    }

    /// Makes durable which records there are, and how far they have come.
    pub(super) fn sync(&self) -> Result<(), Error> {
        write::sync_one(&self.path)
    }

    /// Removes a record, durable before this returns.
    pub(super) fn remove(&self, number: u32, phase: Phase) -> Result<(), Error> {
        write::remove(&record_path(&self.path, number, phase))?;
        write::sync_one(&self.path)
    }

    /// Says which directories go with the store once it holds no record any more.
    pub(super) fn goes_with(&mut self, store_directories: &[PathBuf]) {
        self.made = store_directories.to_vec();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // What was made for records that are not there goes with them, the store itself in any
        // case: who made it may have been killed before it could write so down.
        if all(&self.path).is_ok_and(|all| all.is_empty()) {
            let _ = fs::remove_file(self.path.join(LOCK));
            let _ = remove_if_empty(&self.path);
            remove_each_if_empty(&self.made);
        }
    }
}

/// Removes directories, outermost first in the list, as far as they are empty.
fn remove_each_if_empty(directories: &[PathBuf]) {
    for directory in directories.iter().rev() {
        let _ = remove_if_empty(directory);
    }
}

/// Removes what a killed command had put aside to have dockerd check it.
fn remove_leftovers(path: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(path).map_err(Error::io("read", path))? {
        let name = entry.map_err(Error::io("read", path))?.file_name();
        if write::looks_staged(&name.to_string_lossy()) {
            write::remove(&path.join(name))?;
        }
    }
    Ok(())
}

/// Every record with its phase, by number.
fn all(path: &Path) -> Result<Vec<(u32, Phase)>, Error> {
    let entries = match fs::read_dir(path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read", path))?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io("read", path))?.file_name();
        let name = name.to_string_lossy();
        let (number, suffix) = match name.split_once('.') {
            Some((number, suffix)) => (number, Some(suffix)),
            None => (&*name, None),
        };
        if let (Ok(number), Some(phase)) = (number.parse(), Phase::parse(suffix)) {
            all.push((number, phase));
        }
    }
    all.sort_by_key(|(number, _)| *number);
    Ok(all)
}

fn make_directories(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let missing = path
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && path.symlink_metadata().is_err());
    let mut missing = Vec::from_iter(missing);
    missing.reverse();
    let mut made = Vec::new();
    for directory in missing {
        let mode = match directory == path {
            true => Item::InstallRecordDirectory.mode(),
            false => 0o755,
        };
        let create = platform::make_directory(directory, mode);
        let done = match create {
            Ok(()) => {
                made.push(directory.to_owned());
                // Whatever the umask is.
                write::set_mode(directory, mode)
            }
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(cause) => Err(Error::io("make", directory)(cause)),
        };
        done.inspect_err(|_| remove_each_if_empty(&made))?;
    }
    Ok(made)
}

/// What the one who holds the lock wrote into it.
fn holder_in(lock: File) -> String {
    let mut holder = String::new();
    let _ = lock.take(200).read_to_string(&mut holder);
    holder.trim().to_owned()
}

/// Takes the lock, or says who holds it: a second install would wait for a restart, and then
/// find another machine than it was started for.  Nothing if the lock file went meanwhile.
fn lock(store: &Path) -> Result<Option<File>, Error> {
    let path = store.join(LOCK);
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let options = platform::with_mode(options, Item::InstallRecord.mode());
    let file = match platform::open(options, &path, Links::Refused) {
        Ok(file) => file,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(Error::io("write", &path)(cause)),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(cause)) => return Err(Error::io("lock", &path)(cause)),
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Held {
                path: store.to_owned(),
                holder: holder_in(file),
            });
        }
    }
    if !platform::is_at(&file, &path) {
        return Ok(None);
    }
    Ok(Some(file))
}

//! The ledger of a home, opened to be added to later: after an install, and by a process that has
//! given up the right to open it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::Error;
use super::platform::{self, Links};
use crate::plan::layout;
use crate::plan::ledger::{self, Entry};

/// An open ledger.  It is locked only while a line is added.
#[derive(Debug)]
pub struct LedgerPen {
    path: PathBuf,
    lock: File,
    ledger: File,
}

impl LedgerPen {
    /// Opens the ledger of a home; nothing if there is none, as in a part of a home, or if it is
    /// not ours to write.
    pub fn open(home: &Path) -> Option<Self> {
        let open = |name: &str| {
            let mut options = OpenOptions::new();
            let options = options.read(true).append(true);
            let file = platform::open(options, &home.join(name), Links::Refused).ok()?;
            let metadata = file.metadata().ok()?;
            let is_ours = platform::owner(&metadata).user == platform::process_owner().user;
            (metadata.is_file() && is_ours).then_some(file)
        };
        Some(Self {
            path: home.join(layout::LEDGER),
            lock: open(layout::LOCK)?,
            ledger: open(layout::LEDGER)?,
        })
    }

    /// Adds a line on a line of its own, durable before this returns.  A command that changes the
    /// home is waited for.
    pub fn add(&mut self, line: &str) -> Result<(), Error> {
        self.lock.lock().map_err(Error::io("lock", &self.path))?;
        let added = self.add_locked(line);
        let _ = self.lock.unlock();
        added.map_err(Error::io("write", &self.path))
    }

    /// Adds the line, if any, that `decide` makes of all that is there, others' lines of just now too.
    pub fn add_seeing(
        &mut self,
        decide: impl FnOnce(&[Entry]) -> Option<Entry>,
    ) -> Result<(), Error> {
        self.lock.lock().map_err(Error::io("lock", &self.path))?;
        let ledger = self.entries();
        let added = ledger.and_then(|ledger| match decide(&ledger) {
            Some(entry) => self.add_locked(&entry.line()),
            None => Ok(()),
        });
        let _ = self.lock.unlock();
        added.map_err(Error::io("write", &self.path))
    }

    fn entries(&mut self) -> io::Result<Vec<Entry>> {
        let mut text = Vec::new();
        self.ledger.rewind()?;
        self.ledger.read_to_end(&mut text)?;
        ledger::parse(&text, &self.path).map_err(io::Error::other)
    }

    fn add_locked(&mut self, line: &str) -> io::Result<()> {
        let before = self.ledger.metadata()?.len();
        let line = match self.is_torn(before)? {
            true => format!("\n{line}"),
            false => line.to_owned(),
        };
        let written = self.ledger.write_all(line.as_bytes());
        written
            .and_then(|()| self.ledger.sync_all())
            .inspect_err(|_| {
                // No half of a line stays.
                let _ = self.ledger.set_len(before);
            })
    }

    /// Whether the last line has no end, as somebody's editor may have left it.
    fn is_torn(&mut self, length: u64) -> io::Result<bool> {
        let Some(last) = length.checked_sub(1) else {
            return Ok(false);
        };
        let mut octet = [0];
        self.ledger.seek(SeekFrom::Start(last))?;
        self.ledger.read_exact(&mut octet)?;
        Ok(octet != *b"\n")
    }
}

/// The name of this machine, as it calls itself.
pub fn machine_name() -> String {
    platform::machine_name()
}

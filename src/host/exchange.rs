//! A pair's directory that takes another's place, while the old one goes whole to the archive.
//!
//! ```text
//!                 staged   path   archived
//! staging         new      old    -
//! exchanged       old      new    -
//! done            -        new    old
//! ```
//!
//! Whoever reads sees the old pair or the new one.  Where the file system cannot exchange two
//! names, the old one goes to the archive first, and for an instant nothing is at the path; never
//! a mix.  Which of the directories is the old one and which the new, their certificates tell:
//! nothing is guessed after a kill.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::journal::Phase;
use super::platform::Exchanged;
use super::read::is_there;
use super::{Error, write};
use crate::pki::sha256_hex;
use crate::plan::layout::PairKind;

/// The step as the journal has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Exchange {
    /// Where the new directory is made.
    pub(super) staged: String,
    /// The pair.
    pub(super) path: String,
    /// Where the old directory goes.
    pub(super) archived: String,
    /// The SHA-256 of the old certificate's file.
    pub(super) before: String,
    /// The SHA-256 of the new certificate's file.
    pub(super) after: String,
}

/// The SHA-256 of a pair's certificate file; nothing if there is none.
pub(super) fn certificate_digest(
    kind: PairKind,
    directory: &Path,
) -> Result<Option<String>, Error> {
    let path = directory.join(kind.certificate_file());
    match fs::read(&path) {
        Ok(content) => Ok(Some(sha256_hex(&content))),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::io("read", &path)(cause)),
    }
}

impl Exchange {
    fn paths(&self, home: &Path) -> [PathBuf; 3] {
        [&self.staged, &self.path, &self.archived].map(|path| home.join(path))
    }

    fn holds(&self, directory: &Path, digest: &str) -> Result<bool, Error> {
        match PairKind::of_path(&self.path) {
            Some(kind) => Ok(certificate_digest(kind, directory)?.as_deref() == Some(digest)),
            None => Ok(false),
        }
    }

    /// Exchanges the two; called when neither was moved yet.
    pub(super) fn publish(&self, home: &Path) -> Result<(), Error> {
        let [staged, path, archived] = self.paths(home);
        match write::exchange(&staged, &path)? {
            Exchanged::Yes => write::rename_to_new(&staged, &archived),
            Exchanged::Impossible => {
                write::rename_to_new(&path, &archived)?;
                write::rename_to_new(&staged, &path)
            }
        }
    }

    /// Goes on from wherever a killed command had got to.
    pub(super) fn finish(&self, home: &Path) -> Result<(), Error> {
        let [staged, path, archived] = self.paths(home);
        if !is_there(&staged) {
            return Ok(());
        }
        if self.holds(&path, &self.before)? {
            return self.publish(home);
        }
        if self.holds(&staged, &self.before)? {
            return write::rename_to_new(&staged, &archived);
        }
        // Cut off between the two renames, or somebody has put something there.
        write::rename_to_new(&staged, &path)
    }

    /// Goes back from wherever the command had got to.
    pub(super) fn undo(&self, home: &Path, phase: Phase) -> Result<(), Error> {
        let [staged, path, archived] = self.paths(home);
        if phase == Phase::Undoing {
            self.put_back(&staged, &path, &archived)?;
            // Removed under its hidden name, so that a kill leaves no half in the archive.
            if self.holds(&archived, &self.after)? {
                write::rename_to_new(&archived, &staged)?;
            }
        }
        write::remove(&staged)
    }

    fn put_back(&self, staged: &Path, path: &Path, archived: &Path) -> Result<(), Error> {
        if self.holds(path, &self.before)? {
            return Ok(());
        }
        let (old, free) = match self.holds(staged, &self.before)? {
            true => (staged, archived),
            false => (archived, staged),
        };
        if !self.holds(old, &self.before)? {
            return Err(Error::Changed {
                path: path.to_owned(),
            });
        }
        if !is_there(path) {
            return write::rename_to_new(old, path);
        }
        match write::exchange(old, path)? {
            Exchanged::Yes => Ok(()),
            Exchanged::Impossible => {
                write::rename_to_new(path, free)?;
                write::rename_to_new(old, path)
            }
        }
    }
}

//! A pair's directory that goes whole to the archive, and nothing takes its place.
//!
//! It is one rename.  Whether it was made, the certificates at both places tell: nothing is guessed
//! after a kill.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::exchange::certificate_digest;
use super::journal::Phase;
use super::read::is_there;
use super::{Error, write};
use crate::plan::layout::PairKind;

/// The step as the journal has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Archiving {
    /// The pair.
    pub(super) path: String,
    /// Where it goes.
    pub(super) archived: String,
    /// The SHA-256 of its certificate's file.
    pub(super) before: String,
}

impl Archiving {
    fn paths(&self, home: &Path) -> [PathBuf; 2] {
        [&self.path, &self.archived].map(|path| home.join(path))
    }

    fn is_at(&self, directory: &Path) -> Result<bool, Error> {
        let Some(kind) = PairKind::of_path(&self.path) else {
            return Ok(false);
        };
        Ok(certificate_digest(kind, directory)?.as_ref() == Some(&self.before))
    }

    /// Moves it; called when it was not moved yet.
    pub(super) fn publish(&self, home: &Path) -> Result<(), Error> {
        let [path, archived] = self.paths(home);
        write::rename_to_new(&path, &archived)
    }

    /// Moves it if a killed command had not.
    pub(super) fn finish(&self, home: &Path) -> Result<(), Error> {
        let [path, archived] = self.paths(home);
        match !is_there(&archived) && self.is_at(&path)? {
            true => self.publish(home),
            false => Ok(()),
        }
    }

    /// Moves it back if it was moved.
    pub(super) fn undo(&self, home: &Path, phase: Phase) -> Result<(), Error> {
        let [path, archived] = self.paths(home);
        match phase == Phase::Undoing && !is_there(&path) && self.is_at(&archived)? {
            true => write::rename_to_new(&archived, &path),
            false => Ok(()),
        }
    }
}

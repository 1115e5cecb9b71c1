//! Reads docker.service with its drop-ins, and frees it of flags that clash with daemon.json.
//!
//! dockerd does not start if a setting is given both as a flag and in daemon.json, even twice
//! with the same value.  What install writes into daemon.json must therefore go from the command
//! line: by a drop-in of ours, because the unit and other drop-ins belong to others.
//!
//! [`Service`] is what the unit starts, and says which drop-in it needs; [`staleness`] says
//! whether the drop-in there is still the right one; [`listens`] reads docker.socket.  Which
//! files there are is for the host to find out, in [`DIRECTORIES`], and for [`order`] to sort.
//! How systemd reads them was watched with `systemd-analyze verify`, and `tests/systemd.rs`
//! compares.

mod drop_in;
mod environment;
mod environment_file;
mod expand;
mod fault;
mod flags;
pub mod glob;
mod pflag;
mod service;
mod socket;
mod syntax;
mod words;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::OsString;
use std::path::PathBuf;

pub use drop_in::{DROP_IN_NAMES, DropIn, Staleness, is_ours, staleness};
pub use environment::{EnvironmentFile, EnvironmentPath, Presence};
pub use fault::{Fault, Place};
pub use flags::DaemonFlags;
pub use service::Service;
pub use socket::{Listen, ListenKind, listens};
pub(super) use words::{Dollar, quote};

/// Where systemd looks for units and, in `NAME.d`, for their drop-ins: the first one that has a
/// file of a name masks it in all others.
pub const DIRECTORIES: [&str; 13] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    // The same as the next where /usr is merged; the files of that are then masked by themselves.
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// A file of a unit.  A link to /dev/null, by which it is masked, has an empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    /// Where it lies, on the machine.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// A unit's own file and its drop-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFiles {
    /// The unit's own file: of the first of [`DIRECTORIES`] that has it.
    pub unit: UnitFile,
    /// Its drop-ins as [`order`] sorts them, ours among them.
    pub drop_ins: Vec<UnitFile>,
}

impl UnitFiles {
    /// The files as systemd reads them, later ones overriding earlier ones.
    fn all(&self) -> impl Iterator<Item = &UnitFile> {
        std::iter::once(&self.unit).chain(&self.drop_ins)
    }
}

/// Sorts the drop-ins of a unit as systemd applies them: by file name, whatever the directory.
///
/// Takes the files of one directory after the other: of all `docker.service.d` in the order of
/// [`DIRECTORIES`], then of all `service.d`.  Files that do not end
/// in `.conf` do not count.  An empty one, which masks others, stays: it says nothing.
pub fn order(directories: impl IntoIterator<Item = Vec<UnitFile>>) -> Vec<UnitFile> {
    let mut by_name: BTreeMap<OsString, UnitFile> = BTreeMap::new();
    for file in directories.into_iter().flatten() {
        if file
            .path
            .extension()
            .is_none_or(|extension| extension != "conf")
        {
            continue;
        }
        if let Some(name) = file.path.file_name().map(OsString::from)
            && let Entry::Vacant(free) = by_name.entry(name)
        {
            free.insert(file);
        }
    }
    by_name.into_values().collect()
}

#[cfg(test)]
mod tests;

//! Changes to a machine outside the home: a daemon's host, or a user's `~/.docker`.
//!
//! Each change holds what is there before and what is there after, both whole, so that undo,
//! uninstall and the way back from a failed proof are changes with the two exchanged.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What one command will do to a machine.
#[derive(Debug)]
pub struct MachinePlan {
    /// The command, for the record and for messages: `install server`.
    pub command: String,
    /// What is done, in order.
    pub steps: Vec<MachineStep>,
}

impl MachinePlan {
    /// Whether it would do nothing.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The changes to the disk alone, in order.
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = &MachineChange> {
        self.steps.iter().filter_map(|step| match step {
            MachineStep::Change(change) => Some(change),
            MachineStep::Run(_) => None,
        })
    }

    /// The commands alone, in order.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.steps.iter().filter_map(|step| match step {
            MachineStep::Change(_) => None,
            MachineStep::Run(run) => Some(run),
        })
    }
}

/// One step of a plan.  There are no others.
#[derive(Debug)]
pub enum MachineStep {
    /// The disk changes.
    Change(MachineChange),
    /// A command is run.
    Run(Run),
}

/// A command that is run on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// systemd reads its units again: `systemctl daemon-reload`.
    DaemonReload(Manager),
    /// The timer of renewals starts, now and with the machine: `systemctl enable --now`.
    StartTimer(Manager),
    /// The timer of renewals stops for good: `systemctl disable --now`.
    StopTimer(Manager),
    /// The daemon reads what it can of daemon.json without a restart, live-restore among it.
    Reload(Control),
    /// The daemon is restarted.
    Restart(Control),
}

/// Whose systemd it is.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    /// The machine's.
    System,
    /// The user's own: `systemctl --user`.
    User,
}

/// How the daemon is told to restart or to reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// By systemd: `systemctl restart docker.service`, `systemctl reload docker.service`.
    Systemd,
    /// Restarted by a shell command of the operator's; reloaded by SIGHUP to the process in the
    /// pidfile.
    Command {
        /// For `sh -c`.
        restart: String,
        /// Where the daemon's process number is.
        pidfile: PathBuf,
    },
}

/// One change to the disk, with what is there before it and after it.  There are no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineChange {
    /// A file appears, becomes another, or goes.
    File(FileChange),
    /// A directory appears, gets another mode or owner, or goes; it goes only if it is empty by
    /// then.
    Directory {
        /// From the root on.
        path: PathBuf,
        /// What is there; `None` for nothing.
        before: Option<Access>,
        /// What is to be there; `None` for nothing.
        after: Option<Access>,
    },
    /// Files of one directory change together, by exchanging the directory for a prepared one.
    /// What else is in it stays.  If it is empty at the end and `after` is `None`, it goes.
    Swap {
        /// The directory, from the root on.
        directory: PathBuf,
        /// What is there; `None` for nothing.
        before: Option<Access>,
        /// What is to be there; `None` for nothing.
        after: Option<Access>,
        /// The files; their paths are names in the directory.
        files: Vec<FileChange>,
    },
}

/// A file that appears, becomes another, or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// From the root on, or a name in the directory of a [`MachineChange::Swap`].
    pub path: PathBuf,
    /// What is there; `None` for nothing.
    pub before: Option<FileImage>,
    /// What is to be there; `None` for nothing.
    pub after: Option<FileImage>,
}

/// A file, whole.
#[derive(Clone, PartialEq, Eq)]
pub struct FileImage {
    /// What is in it; zeroed when dropped, for it may be a key.
    pub content: Zeroizing<Vec<u8>>,
    /// Who may open it.
    pub access: Access,
}

/// Who may open a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Permission bits.
    pub mode: u32,
    /// The owner's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
}

impl FileImage {
    /// A file with this content.
    pub fn new(content: impl Into<Vec<u8>>, access: Access) -> Self {
        Self {
            content: Zeroizing::new(content.into()),
            access,
        }
    }
}

impl fmt::Debug for FileImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileImage({:?}, [elided])", self.access)
    }
}

impl FileChange {
    /// Whether there is anything to do.
    pub fn is_needed(&self) -> bool {
        self.before != self.after
    }
}

impl MachineChange {
    /// What it changes.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(file) => &file.path,
            Self::Directory { path, .. } => path,
            Self::Swap { directory, .. } => directory,
        }
    }

    /// Whether there is anything to do.
    pub fn is_needed(&self) -> bool {
        match self {
            Self::File(file) => file.is_needed(),
            Self::Directory { before, after, .. } => before != after,
            Self::Swap {
                before,
                after,
                files,
                ..
            } => before != after || files.iter().any(FileChange::is_needed),
        }
    }
}

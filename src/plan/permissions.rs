//! The modes and owners of everything dockpki writes: one table.
//!
//! The CIS Docker Benchmark (1.6.0, sections 3.5 to 3.20) asks for no more than these.

use super::machine::Access;

/// Something dockpki writes, for which there is one right mode.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Item {
    /// The home, and each directory in it.
    HomeDirectory,
    /// A certificate in the home, in `/etc/docker/CA` or in `~/.docker`.
    Certificate,
    /// A private key in the home, in `/etc/docker/CA` or in `~/.docker`.
    Key,
    /// The ledger, the lock and the journal of the home.
    HomeRecord,
    /// `/etc/docker` and `/etc/docker/CA`, if dockpki makes them.
    DaemonDirectory,
    /// daemon.json, if dockpki makes it; one that is there keeps its own.
    DaemonJson,
    /// The directory of docker.service's drop-ins, if dockpki makes it.
    UnitDirectory,
    /// A drop-in of docker.service.
    DropIn,
    /// A unit of ours.
    Unit,
    /// `~/.docker`, if dockpki makes it.
    ClientDirectory,
    /// A directory of docker's context store.
    ContextDirectory,
    /// A context's `meta.json`.
    ContextMetadata,
    /// A PEM file of a context.
    ContextPem,
    /// The records of what was installed, which hold keys that were replaced.
    InstallRecordDirectory,
    /// A file in them.
    InstallRecord,
}

impl Item {
    /// The permission bits.
    pub const fn mode(self) -> u32 {
        match self {
            Self::HomeDirectory
            | Self::ClientDirectory
            | Self::ContextDirectory
            | Self::InstallRecordDirectory => 0o700,
            Self::Certificate => 0o444,
            Self::Key => 0o400,
            Self::HomeRecord | Self::ContextPem | Self::InstallRecord => 0o600,
            Self::DaemonDirectory | Self::UnitDirectory => 0o755,
            Self::DaemonJson | Self::DropIn | Self::Unit | Self::ContextMetadata => 0o644,
        }
    }

    /// The mode with this owner.
    pub const fn owned_by(self, owner: Owner) -> Access {
        let Owner { user, group } = owner;
        Access {
            mode: self.mode(),
            user,
            group,
        }
    }
}

/// A user and a group: root's on a daemon's host, the user's own in `~/.docker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
}

impl Owner {
    /// root:root, as a daemon's files must be.
    pub const ROOT: Self = Self { user: 0, group: 0 };
}

//! What this machine has outside the home, as it was read.

use std::path::PathBuf;

use crate::pki::Certificate;
use crate::plan::install::DaemonMode;
use crate::plan::state::PairState;

/// What was read of this machine.
#[derive(Debug)]
pub struct Installed {
    /// Whose daemon it is.
    pub mode: DaemonMode,
    /// The daemon's files, if it has any.
    pub server: Option<InstalledPair>,
    /// What the daemon serves, or why it cannot be told, at each address.
    pub served: Vec<Served>,
    /// Those in docker's configuration directory, in others that were installed into, and in the
    /// contexts of each.
    pub clients: Vec<InstalledPair>,
    /// What could not be read, and why.
    pub unreadable: Vec<(PathBuf, String)>,
}

impl Installed {
    /// Of a machine on which nothing was found yet.
    pub fn nothing(mode: DaemonMode) -> Self {
        Self {
            mode,
            server: None,
            served: Vec::new(),
            clients: Vec::new(),
            unreadable: Vec::new(),
        }
    }
}

/// Three files that belong together.
#[derive(Debug)]
pub struct InstalledPair {
    /// Whose they are.
    pub place: Place,
    /// Where its CAs are, if it has its own; else it takes those of the system.
    pub ca: Option<PathBuf>,
    /// Where its certificate is.
    pub certificate: PathBuf,
    /// Where its key is.
    pub key: PathBuf,
    /// What is in them.
    pub state: PairState,
}

/// Whose files they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The daemon's.
    Daemon,
    /// docker's, in its configuration directory.
    DockerConfig,
    /// docker's, in another directory: one that was installed into, or `$DOCKER_CERT_PATH`.
    Directory(PathBuf),
    /// Those of a docker context.
    Context {
        /// Its name.
        name: String,
        /// docker's configuration directory, if it is another than the caller's.
        docker_config: Option<PathBuf>,
    },
}

/// What a daemon serves at an address.
#[derive(Debug)]
pub struct Served {
    /// `tcp://127.0.0.1:2376`
    pub address: String,
    /// The certificate, or in words what came instead.
    pub answer: Result<Certificate, String>,
}

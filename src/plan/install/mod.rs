//! Plans a server certificate onto a daemon's host: files, daemon.json, unit, restart.

mod checks;
mod concern;
mod defaults;
mod error;
mod hosts;
mod listen;
mod server;
mod take_back;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use checks::{probe_names, refuse_uncovered};
pub use concern::Concern;
pub use defaults::{DaemonMode, Defaults};
pub use error::Error;
pub use listen::{Listen, PLAIN_PORT, TLS_PORT};
pub use server::{pidfile, plan};
pub use take_back::{Containers, DaemonNow, TakeBack, Undoing, take_back};

use super::daemon_json::{DaemonJson, Wanted};
use super::layout::{self, PairKind};
use super::machine::{Access, Control, FileImage, MachinePlan};
use super::permissions::{Item, Owner};
use super::systemd::{EnvironmentFile, UnitFiles};

/// The names of a server's files, in its home directory and in the daemon's.
pub const SERVER_FILES: [(&str, Item); 3] = [
    (layout::CA_CERTIFICATE, Item::Certificate),
    (PairKind::Server.certificate_file(), Item::Certificate),
    (PairKind::Server.key_file(), Item::Key),
];

/// A path on the way to which directories may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As seen from inside the prefix.
    pub inside: PathBuf,
    /// Where that is on the machine, links followed.
    pub path: PathBuf,
    /// The directories above it that are missing, outermost first.
    pub missing: Vec<PathBuf>,
}

/// A daemon's host as it was read.
#[derive(Debug)]
pub struct ServerState {
    /// Who owns what is made: root on a daemon's host.
    pub owner: Owner,
    /// Whose daemon it is.
    pub mode: DaemonMode,
    /// Where it has what nobody names, as seen from inside the prefix.
    pub defaults: Defaults,
    /// The directory of the daemon's certificates.
    pub directory: Place,
    /// Its access, if it is there.
    pub directory_access: Option<Access>,
    /// Its files, in the order of [`SERVER_FILES`].
    pub files: [Option<FileImage>; 3],
    /// daemon.json.
    pub daemon_json: Place,
    /// Its content and access, if it is there.
    pub daemon_json_image: Option<FileImage>,
    /// docker.service, if there is one.
    pub unit: Option<UnitState>,
}

/// docker.service and what belongs to it.
#[derive(Debug)]
pub struct UnitState {
    /// Its own file and its drop-ins.
    pub service: UnitFiles,
    /// The files its environment comes from.
    pub environment: Vec<EnvironmentFile>,
    /// docker.socket, if there is one.
    pub socket: Option<UnitFiles>,
    /// The directory of the operator's drop-ins: `/etc/systemd/system/docker.service.d`.
    pub drop_in_directory: Place,
    /// The drop-ins there of names we may use.
    pub drop_ins: Vec<(String, FileImage)>,
}

/// What `install server` was asked for.
#[derive(Debug)]
pub struct ServerWish {
    /// The addresses to listen on; what is there, else every address, if none is named.
    pub listen: Vec<Listen>,
    /// What becomes of plain TCP.
    pub plain_tcp: PlainTcp,
    /// Whether containers are to outlive the restart.
    pub live_restore: LiveRestore,
    /// How the daemon is restarted; not at all if there is none.
    pub control: Option<Control>,
}

/// What becomes of plain TCP addresses the daemon listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainTcp {
    /// They stay, and speak TLS from now on.
    Keep,
    /// They are taken away.
    Close,
}

/// Whether live-restore is turned on before the restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveRestore {
    /// It stays as it is.
    Leave,
    /// It is turned on, and loaded by the running daemon, first.
    TurnOn,
}

/// What `install server` would do.
#[derive(Debug)]
pub struct ServerPlan {
    /// The changes and the commands.
    pub machine: MachinePlan,
    /// What the operator should know before they agree.
    pub notices: Vec<Notice>,
    /// What was put into daemon.json, for uninstall.
    pub installed: InstalledDaemon,
    /// daemon.json as it is to be.
    pub daemon_json: Vec<u8>,
    /// The daemon's program and the flags it will have, without `--config-file`.
    pub command_line: Option<(String, Vec<String>)>,
    /// The addresses clients use.
    pub listens: Vec<Listen>,
    /// The path of the daemon's local socket afterwards, as seen from inside.
    pub local_socket: Option<String>,
    /// The path of the daemon's local socket as it is now, as seen from inside.
    pub local_socket_before: Option<String>,
}

/// What was put into a host, for whoever takes it away again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledDaemon {
    /// The server's name in the home.
    pub server: String,
    /// Whose daemon it is.
    pub mode: DaemonMode,
    /// daemon.json, on the machine.
    pub daemon_json: PathBuf,
    /// What was set in it.
    pub wanted: Wanted,
    /// The directory of the certificates, on the machine.
    pub directory: PathBuf,
    /// The daemon's local socket before, for whoever brings it back.
    pub local_socket: Option<PathBuf>,
}

/// Something the operator should know before they agree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Plain TCP addresses that stay: they will speak TLS, and plain clients will fail there.
    PlainKept(Vec<String>),
    /// Plain TCP addresses that are closed.
    PlainClosed(Vec<String>),
    /// There is no local socket: clients on the host need a certificate too.
    NoLocalSocket,
    /// `tlsverify` was false: the daemon let every client in.
    WasUnverified,
    /// There was no `tlscacert`: the daemon trusted every CA of the system.
    TrustedTheSystem,
    /// The TLS keys named other files, which are left where they are.
    OtherFiles(Vec<String>),
    /// docker.socket hands TCP sockets to the daemon.
    SocketTcp(Vec<String>),
    /// Our drop-in was made for another command line than the unit has now.
    StaleDropIn {
        /// The command line it was made for.
        made_for: String,
    },
    /// The restart stops the containers.
    ContainersStop,
    /// The restart leaves the containers running, for live-restore is on.
    ContainersStay,
    /// Nothing is restarted: the daemon goes on as it is until somebody does.
    NotRestarted,
    /// The daemon is rootless, and listens on these addresses in a network of its own.
    RootlessPorts(Vec<Listen>),
}

impl ServerPlan {
    /// daemon.json as it is now, for the diff.
    pub fn daemon_json_before(&self, state: &ServerState) -> Vec<u8> {
        let image = state.daemon_json_image.as_ref();
        image.map_or_else(Vec::new, |image| image.content.to_vec())
    }
}

/// daemon.json, read.
fn parse(state: &ServerState) -> Result<DaemonJson, Error> {
    let image = state.daemon_json_image.as_ref();
    let content = image.map_or(&[][..], |image| &image.content);
    DaemonJson::parse(content).map_err(|cause| Error::DaemonJson {
        path: state.daemon_json.path.clone(),
        cause,
    })
}

//! Where a daemon has what nobody names.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Whose daemon it is.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DaemonMode {
    /// Root's, the one daemon of a host.
    Rootful,
    /// A user's own, started by `dockerd-rootless.sh`.
    Rootless,
}

/// Where a daemon has what nobody names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// The directory of its certificates: ours, Docker has none.
    pub directory: PathBuf,
    /// daemon.json.
    pub daemon_json: PathBuf,
    /// Its local socket.
    pub socket: String,
    /// The file with its process number.
    pub pidfile: PathBuf,
}

impl Defaults {
    /// Those of root's daemon (moby, daemon/config/config_linux.go).
    pub fn rootful() -> Self {
        Self {
            directory: "/etc/docker/CA".into(),
            daemon_json: "/etc/docker/daemon.json".into(),
            socket: "/var/run/docker.sock".into(),
            pidfile: "/var/run/docker.pid".into(),
        }
    }

    /// Those of a user's daemon, by `$XDG_CONFIG_HOME` and `$XDG_RUNTIME_DIR` (moby,
    /// pkg/homedir; `dockerd-rootless.sh` needs the latter).
    pub fn rootless(config_home: PathBuf, runtime: PathBuf) -> Self {
        let config = config_home.join("docker");
        Self {
            directory: config.join("CA"),
            daemon_json: config.join("daemon.json"),
            socket: runtime.join("docker.sock").to_string_lossy().into_owned(),
            pidfile: runtime.join("docker.pid"),
        }
    }
}

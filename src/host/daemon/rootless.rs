//! Where a daemon has its things, by whose it is and by the environment.

use std::path::{Path, PathBuf};

use crate::host::environment::{config_home, runtime_directory};
use crate::host::{Error, platform};
use crate::plan::install::{DaemonMode, Defaults};
use crate::plan::machine::{Control, Manager};

/// Where the daemon has what nobody names.
///
/// # Errors
/// [`Error::RootlessRoot`] if root asks for a rootless daemon: root cannot know whose.
pub fn defaults(mode: DaemonMode) -> Result<Defaults, Error> {
    match mode {
        DaemonMode::Rootful => Ok(Defaults::rootful()),
        DaemonMode::Rootless if platform::is_root() => Err(Error::RootlessRoot),
        DaemonMode::Rootless => Ok(Defaults::rootless(config_home()?, runtime_directory())),
    }
}

/// How the daemon is restarted when nobody says: by systemd where it runs (sd_booted(3)), the
/// user's own for a rootless daemon, else nobody knows.
pub fn default_control(mode: DaemonMode, pidfile: impl FnOnce() -> PathBuf) -> Option<Control> {
    match mode {
        DaemonMode::Rootful if runs_systemd() => Some(Control::Systemd),
        DaemonMode::Rootless if runs_user_systemd() => Some(Control::Command {
            restart: "systemctl --user restart docker.service".into(),
            pidfile: pidfile(),
        }),
        _ => None,
    }
}

/// Whether systemd runs this machine (sd_booted(3)).
pub fn runs_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Whether a systemd runs.
pub fn systemd(manager: Manager) -> bool {
    match manager {
        Manager::System => runs_systemd(),
        Manager::User => runs_user_systemd(),
    }
}

/// Whether the caller has a systemd of their own.
pub(super) fn runs_user_systemd() -> bool {
    runtime_directory().join("systemd").is_dir()
}

//! Tells the daemon to restart or to reload.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::host::{Error, command};
use crate::plan::machine::{Control, Run};

/// How long a restart may take: a daemon may stop hundreds of containers before it ends.
const LIMIT: Duration = Duration::from_secs(180);

/// Runs the commands of plans.
#[derive(Debug, Clone, Copy)]
pub struct Controller;

impl Controller {
    /// Runs one, to its end.
    ///
    /// # Errors
    /// [`Error::Command`] if it fails or takes too long.
    pub fn run(self, run: &Run) -> Result<(), Error> {
        match run {
            Run::DaemonReload => systemctl(&["daemon-reload"]),
            Run::Restart(Control::Systemd) => {
                // After three failed starts in a minute systemd refuses to start it again, also
                // with the configuration that worked.  An older systemd may not know the unit.
                let _ = systemctl(&["reset-failed", "docker.service"]);
                systemctl(&["restart", "docker.service"])
            }
            Run::Restart(Control::Command { restart, .. }) => {
                command::run(Command::new("sh").args(["-c", restart]), LIMIT)
            }
            Run::Reload(Control::Systemd) => systemctl(&["reload", "docker.service"]),
            Run::Reload(Control::Command { pidfile, .. }) => hang_up(pidfile),
        }
    }

    /// Whether there is a daemon to tell.
    pub fn is_running(self, control: &Control) -> bool {
        match control {
            Control::Systemd => systemctl(&["is-active", "--quiet", "docker.service"]).is_ok(),
            Control::Command { pidfile, .. } => dockerd_in(pidfile).is_ok(),
        }
    }
}

fn systemctl(arguments: &[&str]) -> Result<(), Error> {
    command::run(Command::new("systemctl").args(arguments), LIMIT)
}

/// Sends SIGHUP to the dockerd whose number is in the pidfile, and to nobody else.
fn hang_up(pidfile: &Path) -> Result<(), Error> {
    let pid = dockerd_in(pidfile)?;
    kill_process(pid, Signal::HUP).map_err(|cause| not_hung_up(pidfile, cause.to_string()))
}

/// The dockerd whose number is in the pidfile.
fn dockerd_in(pidfile: &Path) -> Result<Pid, Error> {
    let failed = |found: String| not_hung_up(pidfile, found);
    let text = fs::read_to_string(pidfile).map_err(Error::io("read", pidfile))?;
    let Some(pid) = text.trim().parse().ok().and_then(Pid::from_raw) else {
        return Err(failed("the file holds no process number".into()));
    };
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    match name.as_deref().map(str::trim) {
        Ok("dockerd") => Ok(pid),
        Ok(other) => Err(failed(format!("process {} is {other}", text.trim()))),
        Err(_) => Err(failed("dockerd does not run".into())),
    }
}

fn not_hung_up(pidfile: &Path, found: String) -> Error {
    Error::Command {
        command: format!("kill -HUP $(cat {})", pidfile.display()),
        found,
    }
}

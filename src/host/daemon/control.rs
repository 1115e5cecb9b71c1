//! Tells the daemon to restart or to reload.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::host::environment::config_home;
use crate::host::{Error, command, platform};
use crate::plan::machine::{Control, Manager, Run};
use crate::plan::timer::{TIMER, UNITS};

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
            Run::DaemonReload(manager) => manage(*manager, &["daemon-reload"]),
            Run::StartTimer(manager) => manage(*manager, &["enable", "--now", TIMER]),
            Run::StopTimer(manager) => manage(*manager, &["disable", "--now", TIMER]),
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

    /// Runs one again on the way back, when the files are as they were before: a timer starts if
    /// it is there again, and is let go of if it is not.
    pub fn run_back(self, run: &Run) -> Result<(), Error> {
        match run {
            Run::StartTimer(manager) | Run::StopTimer(manager) => {
                let units = unit_directory(*manager)?;
                match units.join(TIMER).symlink_metadata() {
                    Ok(_) => manage(*manager, &["enable", "--now", TIMER]),
                    Err(_) => let_go(*manager, &units),
                }
            }
            run => self.run(run),
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

/// Where the operator's own units are, on this machine.
pub fn unit_directory(manager: Manager) -> Result<PathBuf, Error> {
    match manager {
        Manager::System => Ok(UNITS.into()),
        Manager::User => Ok(config_home()?.join("systemd/user")),
    }
}

/// Stops a timer whose unit is gone.  systemd does not disable what is not there: the link by which
/// it would start with the machine is removed here.
fn let_go(manager: Manager, units: &Path) -> Result<(), Error> {
    // One that was never started is not known, and that is as well.
    let _ = manage(manager, &["stop", TIMER]);
    let link = units.join("timers.target.wants").join(TIMER);
    match fs::remove_file(&link) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(Error::io("remove", &link)(cause)),
        _ => Ok(()),
    }
}

fn manage(manager: Manager, arguments: &[&str]) -> Result<(), Error> {
    match manager {
        Manager::System => systemctl(arguments),
        Manager::User => systemctl(&[&["--user"], arguments].concat()),
    }
}

fn systemctl(arguments: &[&str]) -> Result<(), Error> {
    command::run(Command::new("systemctl").args(arguments), LIMIT)
}

/// Sends SIGHUP to the dockerd whose number is in the pidfile, and to nobody else.
fn hang_up(pidfile: &Path) -> Result<(), Error> {
    let process = dockerd_in(pidfile)?;
    platform::hang_up(process).map_err(|cause| not_hung_up(pidfile, cause.to_string()))
}

/// The dockerd whose number is in the pidfile.
fn dockerd_in(pidfile: &Path) -> Result<u32, Error> {
    let failed = |found: String| not_hung_up(pidfile, found);
    let text = fs::read_to_string(pidfile).map_err(Error::io("read", pidfile))?;
    let process = text.trim().parse().ok().filter(|process| *process != 0);
    let Some(process) = process else {
        return Err(failed("the file holds no process number".into()));
    };
    match platform::process_name(process).as_deref() {
        Ok("dockerd") => Ok(process),
        Ok(other) => Err(failed(format!("process {process} is {other}"))),
        Err(_) => Err(failed("dockerd does not run".into())),
    }
}

fn not_hung_up(pidfile: &Path, found: String) -> Error {
    Error::Command {
        command: format!("kill -HUP $(cat {})", pidfile.display()),
        found,
    }
}

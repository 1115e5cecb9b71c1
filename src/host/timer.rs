//! Reads what the timer of renewals must know of this machine.

use std::path::{Path, PathBuf};

use super::client::process_owner;
use super::daemon::unit_directory;
use super::environment::{absolute, user_home, variable};
use super::invoker::caller;
use super::machine::{Prefix, file_image};
use super::passwd::passwd_line;
use super::{Error, platform};
use crate::plan::install::Place;
use crate::plan::machine::Manager;
use crate::plan::timer::{SERVICE, TIMER, TimerState};

/// This program, from the root on.
pub fn program_path() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(Error::io("find", Path::new("/proc/self/exe")))
}

/// Whose systemd runs a timer of this process's: root's is the machine's.
pub fn own_manager(prefix: &Prefix) -> Manager {
    match platform::is_root() || !prefix.is_root() {
        true => Manager::System,
        false => Manager::User,
    }
}

/// Reads the two units.
pub fn timer_state(prefix: &Prefix, manager: Manager) -> Result<TimerState, Error> {
    let inside = unit_directory(manager)?;
    let path = prefix.resolve(&inside)?;
    let missing = path
        .ancestors()
        .take_while(|path| path.symlink_metadata().is_err());
    let mut missing = Vec::from_iter(missing.map(Path::to_owned));
    missing.reverse();
    Ok(TimerState {
        owner: process_owner(),
        service: file_image(&path.join(SERVICE))?,
        timer: file_image(&path.join(TIMER))?,
        directory: Place {
            inside,
            path,
            missing,
        },
    })
}

/// The variables by which dockpki finds its own files, as they are now: systemd gives a service of
/// the machine none of them, and one of a user's not what their shell has set.
pub fn timer_environment() -> Result<Vec<(String, String)>, Error> {
    let home = match caller()? {
        // sudo may leave HOME to be the caller's.
        Some(_) => passwd_line().map(|line| line.home),
        None => user_home(),
    };
    let home = absolute(&home.ok_or(Error::NoHome)?)?;
    let mut environment = vec![("HOME".to_owned(), home.to_string_lossy().into_owned())];
    for name in ["XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
        environment.extend(variable(name).map(|value| (name.to_owned(), value)));
    }
    Ok(environment)
}

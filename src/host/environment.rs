//! Who calls, from where, and when.

use std::env;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::Error;
use super::passwd::passwd_line;

/// Names the home.
const HOME_VARIABLE: &str = "DOCKPKI_HOME";

/// The time now, UTC.
pub fn clock() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Where the home is when nobody says: `$DOCKPKI_HOME`, else `/var/lib/dockpki` for root, else
/// `$XDG_DATA_HOME/dockpki`, else `~/.local/share/dockpki`.
pub fn default_home() -> Result<PathBuf, Error> {
    if let Some(home) = path_variable(HOME_VARIABLE) {
        return Ok(home);
    }
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/dockpki".into());
    }
    // The XDG base directory specification has relative paths ignored.
    let data = path_variable("XDG_DATA_HOME");
    if let Some(data) = data.filter(|data| data.is_absolute()) {
        return Ok(data.join("dockpki"));
    }
    Ok(user_home()?.join(".local/share/dockpki"))
}

/// Whether the environment names a home.
pub fn names_home() -> bool {
    path_variable(HOME_VARIABLE).is_some()
}

/// Where what dockpki remembers of a user's machine is kept: `$XDG_STATE_HOME/dockpki`, else
/// `~/.local/state/dockpki`.
pub(super) fn state_home() -> Result<PathBuf, Error> {
    let state = path_variable("XDG_STATE_HOME");
    if let Some(state) = state.filter(|state| state.is_absolute()) {
        return Ok(state.join("dockpki"));
    }
    Ok(user_home()?.join(USER_STATE))
}

/// Where a user's configuration is: `$XDG_CONFIG_HOME`, else `~/.config`.
pub(super) fn config_home() -> Result<PathBuf, Error> {
    let config = path_variable("XDG_CONFIG_HOME");
    match config.filter(|config| config.is_absolute()) {
        Some(config) => Ok(config),
        None => Ok(user_home()?.join(".config")),
    }
}

/// Where a user's sockets are: `$XDG_RUNTIME_DIR`, else what pam_systemd(8) makes.
pub(super) fn runtime_directory() -> PathBuf {
    let runtime = path_variable("XDG_RUNTIME_DIR");
    let runtime = runtime.filter(|runtime| runtime.is_absolute());
    let user = rustix::process::getuid().as_raw();
    runtime.unwrap_or_else(|| format!("/run/user/{user}").into())
}

/// Below a user's home.
pub(super) const USER_STATE: &str = ".local/state/dockpki";

fn user_home() -> Result<PathBuf, Error> {
    let home = path_variable("HOME");
    let home = home.or_else(|| passwd_line().map(|user| user.home));
    home.ok_or(Error::NoHome)
}

/// The path from the root on, so that it can be printed for use from anywhere.
pub fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(Error::io("find", path))
}

/// The name of the user who calls, under sudo that of the caller.
pub fn invoking_user() -> Result<String, Error> {
    if rustix::process::geteuid().is_root()
        && let Some(caller) = variable("SUDO_USER")
    {
        return Ok(caller);
    }
    let from_passwd = passwd_line().map(|user| user.name);
    // A user of a directory service is in no passwd file, but has these.
    let user = from_passwd
        .or_else(|| variable("USER"))
        .or_else(|| variable("LOGNAME"));
    user.ok_or(Error::NoUser)
}

/// The caller's shell, as `$SHELL` has it.
pub fn shell() -> Option<PathBuf> {
    path_variable("SHELL")
}

/// Whether standard input is a terminal, so that a question would be answered.
pub fn is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Whether standard output is a terminal, on which a key would stay to be read.
pub fn is_terminal_out() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether colour is welcome on standard output and on standard error: a terminal, no
/// `NO_COLOR`, no `TERM=dumb`.
pub fn wants_color() -> (bool, bool) {
    let welcome =
        variable("NO_COLOR").is_none() && variable("TERM").is_none_or(|term| term != "dumb");
    let stdout = std::io::stdout().is_terminal();
    let stderr = std::io::stderr().is_terminal();
    (welcome && stdout, welcome && stderr)
}

/// A variable that is set, not empty and Unicode.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that is set and not empty, of whatever octets.
pub(super) fn path_variable(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

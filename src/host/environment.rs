//! Who calls, from where, and when.

use std::env;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::Error;
use super::passwd::passwd_line;
use super::platform::{self, UserPlace};

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
    match platform::is_root() {
        true => Ok("/var/lib/dockpki".into()),
        false => user_place(platform::DATA),
    }
}

/// Whether the environment names a home.
pub fn names_home() -> bool {
    path_variable(HOME_VARIABLE).is_some()
}

/// Where what dockpki remembers of a user's machine is kept: `$XDG_STATE_HOME/dockpki`, else
/// `~/.local/state/dockpki`.
pub(super) fn state_home() -> Result<PathBuf, Error> {
    user_place(platform::STATE)
}

/// Where a user's configuration is: `$XDG_CONFIG_HOME`, else `~/.config`.
pub(super) fn config_home() -> Result<PathBuf, Error> {
    user_place(platform::CONFIG)
}

fn user_place(place: UserPlace) -> Result<PathBuf, Error> {
    let named = path_variable(place.variable);
    // The XDG base directory specification has relative paths ignored.
    match named.filter(|named| named.is_absolute()) {
        // To join nothing would add a slash.
        Some(named) if place.below_variable.is_empty() => Ok(named),
        Some(named) => Ok(named.join(place.below_variable)),
        None => Ok(user_home().ok_or(Error::NoHome)?.join(place.below_home)),
    }
}

/// Where a user's sockets are: `$XDG_RUNTIME_DIR`, else what pam_systemd(8) makes.
pub(super) fn runtime_directory() -> PathBuf {
    let runtime = path_variable("XDG_RUNTIME_DIR");
    let runtime = runtime.filter(|runtime| runtime.is_absolute());
    let user = platform::real_user();
    runtime.unwrap_or_else(|| format!("/run/user/{user}").into())
}

/// The user's home, as the environment has it, else the system.
pub(super) fn user_home() -> Option<PathBuf> {
    let home = path_variable(platform::HOME_VARIABLE);
    home.or_else(|| passwd_line().map(|user| user.home))
}

/// The path from the root on, so that it can be printed for use from anywhere.
pub fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(Error::io("find", path))
}

/// The name of the user who calls, under sudo that of the caller.
pub fn invoking_user() -> Result<String, Error> {
    if platform::is_root()
        && let Some(caller) = variable("SUDO_USER")
    {
        return Ok(caller);
    }
    let from_passwd = passwd_line().map(|user| user.name);
    // A user of a directory service is in no passwd file, but has these.
    let mut variables = platform::USER_VARIABLES.iter();
    let user = from_passwd.or_else(|| variables.find_map(|name| variable(name)));
    user.ok_or(Error::NoUser)
}

/// The caller's shell, as `$SHELL` has it, else that of the system if it has but one.
pub fn shell() -> Option<PathBuf> {
    path_variable("SHELL").or_else(|| platform::SHELL.map(PathBuf::from))
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

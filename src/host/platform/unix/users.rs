//! Whose this process is, where their files are, and what the machine calls itself.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::host::platform::UserPlace;
use crate::plan::permissions::Owner;

/// The variable with the user's home.
pub(in crate::host) const HOME_VARIABLE: &str = "HOME";

/// Data (XDG base directory specification).
pub(in crate::host) const DATA: UserPlace = UserPlace {
    variable: "XDG_DATA_HOME",
    below_variable: "dockpki",
    below_home: ".local/share/dockpki",
};

/// What is remembered.
pub(in crate::host) const STATE: UserPlace = UserPlace {
    variable: "XDG_STATE_HOME",
    below_variable: "dockpki",
    below_home: ".local/state/dockpki",
};

/// The configuration of every program.
pub(in crate::host) const CONFIG: UserPlace = UserPlace {
    variable: "XDG_CONFIG_HOME",
    below_variable: "",
    below_home: ".config",
};

/// Variables with the name of a user whom no file knows.
pub(in crate::host) const USER_VARIABLES: &[&str] = &["USER", "LOGNAME"];

/// The shell where `$SHELL` is not set, if the system has one.
pub(in crate::host) const SHELL: Option<&str> = None;

/// How the terminal is called in messages.
pub(in crate::host) const TERMINAL: &str = "/dev/tty";

/// Whether a daemon of this system may have its files where ours are looked for.
pub(in crate::host) const HAS_DAEMONS: bool = true;

/// Whether this process may do everything.
pub(in crate::host) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whose the files are that this process makes.
pub(in crate::host) fn process_owner() -> Owner {
    Owner {
        user: rustix::process::geteuid().as_raw(),
        group: rustix::process::getegid().as_raw(),
    }
}

/// The number of the user who started this process.
pub(in crate::host) fn real_user() -> u32 {
    rustix::process::getuid().as_raw()
}

/// All of /etc/passwd; nothing if it cannot be read.
pub(in crate::host) fn passwd_file() -> Vec<u8> {
    fs::read("/etc/passwd").unwrap_or_default()
}

/// All of /etc/group; nothing if it cannot be read.
pub(in crate::host) fn group_file() -> Vec<u8> {
    fs::read("/etc/group").unwrap_or_default()
}

/// The system's text of these octets.
pub(in crate::host) fn os_string(octets: &[u8]) -> OsString {
    OsStr::from_bytes(octets).to_owned()
}

/// The name of this machine, as it calls itself.
pub(in crate::host) fn machine_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

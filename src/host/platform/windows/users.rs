//! The user, their places, and the machine's name.

use std::ffi::OsString;

use crate::host::environment::variable;
use crate::host::platform::UserPlace;
use crate::plan::permissions::Owner;

pub(in crate::host) const HOME_VARIABLE: &str = "USERPROFILE";

pub(in crate::host) const DATA: UserPlace = UserPlace {
    variable: "LOCALAPPDATA",
    below_variable: r"dockpki\home",
    below_home: r"AppData\Local\dockpki\home",
};

/// Beside the home: both have a file by which they are locked.
pub(in crate::host) const STATE: UserPlace = UserPlace {
    variable: "LOCALAPPDATA",
    below_variable: r"dockpki\state",
    below_home: r"AppData\Local\dockpki\state",
};

pub(in crate::host) const CONFIG: UserPlace = UserPlace {
    variable: "APPDATA",
    below_variable: "",
    below_home: r"AppData\Roaming",
};

pub(in crate::host) const USER_VARIABLES: &[&str] = &["USERNAME"];

/// Where `$SHELL` is not set, as git's bash sets it.
pub(in crate::host) const SHELL: Option<&str> = Some("powershell");

pub(in crate::host) const TERMINAL: &str = "CONIN$";

/// A daemon here has its files elsewhere, and everybody may make an `\etc` on the drive.
pub(in crate::host) const HAS_DAEMONS: bool = false;

/// Nobody is.
pub(in crate::host) fn is_root() -> bool {
    false
}

pub(in crate::host) fn process_owner() -> Owner {
    Owner { user: 0, group: 0 }
}

pub(in crate::host) fn real_user() -> u32 {
    0
}

/// There is none; one that somebody puts into `\etc` is not read.
pub(in crate::host) fn passwd_file() -> Vec<u8> {
    Vec::new()
}

/// As little.
pub(in crate::host) fn group_file() -> Vec<u8> {
    Vec::new()
}

pub(in crate::host) fn os_string(octets: &[u8]) -> OsString {
    String::from_utf8_lossy(octets).into_owned().into()
}

pub(in crate::host) fn machine_name() -> String {
    variable("COMPUTERNAME").unwrap_or_else(|| "localhost".into())
}

pub(in crate::host) fn refuse_other_threads() -> Result<(), String> {
    Ok(())
}

pub(in crate::host) fn give_up_root(_owner: Owner, _groups: Vec<u32>) -> Result<(), String> {
    Err("this system has no way to do it".into())
}

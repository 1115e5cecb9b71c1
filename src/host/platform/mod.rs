//! What differs between systems, in one room: nothing outside names a system call, `std::os` or a
//! system.  Held by `tests/architecture.rs`.
//!
//! | | Linux | macOS | Windows |
//! |---|---|---|---|
//! | modes and owners | as set | as set | nominal: those the file is to have, owner 0 |
//! | two names exchanged in one step | yes | yes | no: two renames |
//! | a file system made durable at once | yes | no: file by file | no: file by file, no directories |
//! | files without a name | yes | no: a hidden one | no: a hidden one |
//! | root, and giving it up | yes | refused under sudo | no root |
//! | unix sockets, signals | yes | yes | no |
//!
//! On Windows a file has the access list of its directory.  In a user's profile that is the user,
//! SYSTEM and the Administrators, whom nothing keeps out; so a mode says what the file would have
//! elsewhere, and what is read is what was wanted: a plan made twice finds nothing to do.
//!
//! The names are the same in all of them, and documented in `unix`; `windows` says what is
//! otherwise there.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

// Files.
pub(super) use system::{
    SYNC_FILE_SYSTEM, are_one_file, exchange, is_at, is_refused_link, link_loop, lock_directory,
    make_directory, mode, open, open_to_sync, owner, rename_to_new, second_names_are_unknown,
    set_file_mode, set_mode, set_owner, taken, with_mode,
};
// Files without a name, and standard output.
pub(super) use system::{name_file, nameless_file, unbuffered_stdout};
// What files have beside.
pub(super) use system::copy_attributes;
// The user, their places, the machine.
pub(super) use system::{
    CONFIG, DATA, HAS_DAEMONS, HOME_VARIABLE, SHELL, STATE, TERMINAL, USER_VARIABLES, group_file,
    is_root, machine_name, os_string, passwd_file, process_owner, real_user,
};
// Giving up root.
pub(super) use system::{give_up_root, refuse_other_threads};
// Processes and sockets.
pub(super) use system::{
    Group, LocalSocket, connect, ending_signal, hang_up, in_own_group, process_name,
};

/// What [`open`] does where a symbolic link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// It opens what is behind it.
    Followed,
    /// It fails, and [`is_refused_link`] knows why.
    Refused,
}

/// Whether two names were exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchanged {
    /// They were.
    #[cfg_attr(windows, allow(dead_code, reason = "none are, there"))]
    Yes,
    /// The file system cannot.
    Impossible,
}

/// A directory programs keep files of a user's in.
#[derive(Debug, Clone, Copy)]
pub(super) struct UserPlace {
    /// The variable that names the directory of all programs.
    pub(super) variable: &'static str,
    /// Ours below it.
    pub(super) below_variable: &'static str,
    /// Ours below the user's home, where the variable is not set.
    pub(super) below_home: &'static str,
}

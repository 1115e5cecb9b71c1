//! Linux and macOS.

mod attributes;
mod files;
mod nameless;
mod processes;
mod root;
mod users;

pub(in crate::host) use attributes::copy_attributes;
pub(in crate::host) use files::{
    SYNC_FILE_SYSTEM, are_one_file, exchange, is_at, is_refused_link, link_loop, lock_directory,
    make_directory, mode, open, open_to_sync, owner, rename_to_new, second_names_are_unknown,
    set_file_mode, set_mode, set_owner, taken, with_mode,
};
pub(in crate::host) use nameless::{name_file, nameless_file, unbuffered_stdout};
pub(in crate::host) use processes::{
    Group, LocalSocket, connect, ending_signal, hang_up, in_own_group, process_name,
};
pub(in crate::host) use root::{give_up_root, refuse_other_threads};
pub(in crate::host) use users::{
    CONFIG, DATA, HAS_DAEMONS, HOME_VARIABLE, SHELL, STATE, TERMINAL, USER_VARIABLES, group_file,
    is_root, machine_name, os_string, passwd_file, process_owner, real_user,
};

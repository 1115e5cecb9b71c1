//! Windows: the laptops of people who use a daemon elsewhere.
//!
//! What has no comment is as in `unix`.

mod files;
mod processes;
mod users;

pub(in crate::host) use files::{
    SYNC_FILE_SYSTEM, are_one_file, copy_attributes, exchange, is_at, is_refused_link, link_loop,
    lock_directory, make_directory, mode, name_file, nameless_file, open, open_to_sync, owner,
    rename_to_new, second_names_are_unknown, set_file_mode, set_mode, set_owner, taken,
    unbuffered_stdout, with_mode,
};
pub(in crate::host) use processes::{
    Group, LocalSocket, connect, ending_signal, hang_up, in_own_group, process_name,
};
pub(in crate::host) use users::{
    CONFIG, DATA, HAS_DAEMONS, HOME_VARIABLE, SHELL, STATE, TERMINAL, USER_VARIABLES, give_up_root,
    group_file, is_root, machine_name, os_string, passwd_file, process_owner, real_user,
    refuse_other_threads,
};

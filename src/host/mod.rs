//! Does it: the only code that touches disk, clock, environment, terminal and processes.
//!
//! [`home_state`] and its like turn the disk into the state a plan is made from, [`apply`] carries it out
//! under the [`Home`]'s lock with a journal, so that a command that fails leaves everything as it
//! was and one that is killed is finished or undone by the next.

mod apply;
mod archiving;
mod client;
mod command;
pub mod daemon;
mod encrypt;
mod environment;
mod error;
mod exchange;
mod home;
mod hook;
mod input;
mod installed;
mod invoker;
mod journal;
mod keys;
pub mod machine;
mod parallel;
mod passwd;
mod pen;
mod platform;
pub mod probe;
mod progress;
mod read;
mod requests;
mod secret;
mod staged;
mod step;
mod timer;
mod write;

pub use apply::{apply, apply_and_tell};
pub use client::{client_state, docker_config, is_taken_away, process_owner};
pub use encrypt::{encrypt, recipients_from_file};
pub use environment::{
    absolute, clock, default_home, invoking_user, is_terminal, is_terminal_out, names_home, shell,
    wants_color,
};
pub use error::{Asked, Error};
pub use home::{Access, Create, Home};
pub use hook::run_hook;
pub use input::{input_name, read_list, read_message};
pub use installed::{client_copies, installed};
pub use invoker::{User, become_invoking_user, caller};
pub use keys::{fresh, key, next, next_side_by_side_from, serial, side_by_side_from};
pub use parallel::{Jobs, map as side_by_side};
pub use pen::{LedgerPen, machine_name};
pub use progress::Progress;
pub use read::{
    archived_ca, archived_leaves, client_files, exists, first_ca_copy, home_directories,
    home_state, is_archived, is_directory, is_there, key_state, leftovers, map_old_pairs,
    map_pairs, old_pair, pair_names, pair_state, public_files, public_pairs,
};
pub use requests::{
    Replaced, RequestPlace, docker_keys, open_request, place_request, request_directory,
    request_place,
};
pub use secret::{Repeat, ask, confirm, passphrase_from_file};
pub use staged::{Parcel, Staged, left_beside, parcel_directory, place_parcels, write_stdout};
pub use timer::{own_manager, program_path, timer_environment, timer_state};
pub use write::write_report;

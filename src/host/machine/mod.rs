//! Changes a machine outside the home: a daemon's host, or a user's `~/.docker`.
//!
//! [`Store`] keeps what was done, [`carry_out`] does a [`MachinePlan`](crate::plan::machine::MachinePlan)
//! with its commands and its proof, and takes everything back if one of them fails.  [`undoing`]
//! makes the plan that takes earlier ones back from their records.

mod carry_out;
mod change;
mod image;
mod label;
mod prefix;
mod record;
mod store;
mod swap;
mod undo;

pub use carry_out::{Deed, NO_RECORD, Relabel, carry_out};
pub use image::{access, file_image};
pub use prefix::Prefix;
pub use record::{Notes, Record};
pub use store::{Store, first_store, host_store, stores, user_store};
pub use undo::{installed_paths, undoing};

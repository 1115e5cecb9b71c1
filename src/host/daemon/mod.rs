//! A Docker daemon's host: its files as they are, its restart, its log.

mod control;
mod log;
mod prove;
mod read;
mod rootless;
mod validate;

pub use control::{Controller, unit_directory};
pub use log::{LogMark, LogSource};
pub use prove::{Prover, answers, wait_for_live_restore, wait_until_answers};
pub use read::{StartedBy, Where, server_state, unit_state};
pub use rootless::{default_control, defaults, runs_systemd, systemd};
pub use validate::{Validated, validate};

//! `timer install` and `timer remove`, understood.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::install::agreed;
use super::install_arguments::{Agreement, PrefixArgument};
use super::{Consent, Mode, UsageError};
use crate::pki::Life;

/// `timer install`, understood.
#[derive(Debug)]
pub struct TimerInstall {
    /// How much life is left of what is due.
    pub within: Option<Life>,
    /// Opens the CA's key.
    pub passphrase_file: Option<PathBuf>,
    /// What restarts the daemon.
    pub restart_command: Option<String>,
    /// What is run after something changed.
    pub deploy_hook: Option<String>,
    /// What stands for `/`.
    pub prefix: PathBuf,
    /// Whether it asks first.
    pub consent: Consent,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// `timer remove`, understood.
#[derive(Debug)]
pub struct TimerRemove {
    /// What stands for `/`.
    pub prefix: PathBuf,
    /// Whether it asks first.
    pub consent: Consent,
    /// Whether it is done or shown.
    pub mode: Mode,
}

#[derive(Debug, Subcommand)]
pub(super) enum TimerCommands {
    /// Renew every day, by a timer of systemd
    ///
    /// Writes dockpki-renew.service and dockpki-renew.timer and starts the timer: for root in /etc/systemd/system, for others in ~/.config/systemd/user. The service runs `renew --install --yes` on this home and may write only where that does. Shows all of it and asks first. Where there is no systemd it prints a line for cron instead.
    Install(TimerInstallArguments),
    /// Stop the timer and remove its two files
    Remove(TimerRemoveArguments),
}

#[derive(Debug, Args)]
pub(super) struct TimerInstallArguments {
    /// Renew what has less than this left: 30d, 12h, 4w [default: a third of its life]
    #[arg(long, value_name = "LIFE", allow_hyphen_values = true)]
    within: Option<String>,
    /// Open the CA's key with the passphrase in this file, which systemd hands to the service
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Restart the daemon by this shell command [default: as at its install]
    #[arg(long, value_name = "CMD")]
    restart_command: Option<String>,
    /// Run this in a shell if something was renewed, with the names in $DOCKPKI_RENEWED_NAMES
    #[arg(long, value_name = "CMD")]
    deploy_hook: Option<String>,
    #[command(flatten)]
    prefix: PrefixArgument,
    #[command(flatten)]
    agreement: Agreement,
}

#[derive(Debug, Args)]
pub(super) struct TimerRemoveArguments {
    #[command(flatten)]
    prefix: PrefixArgument,
    #[command(flatten)]
    agreement: Agreement,
}

pub(super) fn install(arguments: TimerInstallArguments) -> Result<TimerInstall, UsageError> {
    let TimerInstallArguments {
        within,
        passphrase_file,
        restart_command,
        deploy_hook,
        prefix: PrefixArgument { prefix },
        agreement,
    } = arguments;
    let (consent, mode) = agreed(&agreement);
    Ok(TimerInstall {
        within: within.map(|life| life.parse()).transpose()?,
        passphrase_file,
        restart_command,
        deploy_hook,
        prefix,
        consent,
        mode,
    })
}

pub(super) fn remove(arguments: &TimerRemoveArguments) -> TimerRemove {
    let TimerRemoveArguments {
        prefix: PrefixArgument { prefix },
        agreement,
    } = arguments;
    let (consent, mode) = agreed(agreement);
    TimerRemove {
        prefix: prefix.clone(),
        consent,
        mode,
    }
}

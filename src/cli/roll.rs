//! `ca roll`: its arguments, understood.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::arguments::DryRun;
use super::renew::Renew;
use super::{Consent, Mode, UsageError};
use crate::pki::{KeyType, Life};
use crate::plan::Encryption;
use crate::plan::renew::{Keys, Rule, Sans, Scope, Wish};

/// `ca roll`, understood.
#[derive(Debug)]
pub enum Roll {
    /// `ca roll start`
    Start(RollStart),
    /// `ca roll status`
    Status,
    /// `ca roll issue`
    Issue(Box<Renew>),
    /// `ca roll finish`
    Finish {
        /// Whether those who are left may be locked out.
        lock_out: LockOut,
        /// Whether it asks about those of whom nobody knows.
        consent: Consent,
        /// Whether it is done or shown.
        mode: Mode,
    },
    /// `ca roll undo`
    Undo {
        /// Whether it is done or shown.
        mode: Mode,
    },
}

impl Roll {
    /// Whether it is done or shown.
    pub fn mode(&self) -> Mode {
        match self {
            Self::Start(start) => start.mode,
            Self::Issue(renew) => renew.mode,
            Self::Finish { mode, .. } | Self::Undo { mode } => *mode,
            Self::Status => Mode::Apply,
        }
    }
}

/// `ca roll start`, understood.
#[derive(Debug)]
pub struct RollStart {
    /// The kind of the new CA's key; the old one's if none.
    pub key_type: Option<KeyType>,
    /// How long it lives.
    pub valid_for: Life,
    /// Whether its key gets a passphrase, also where the old one's has none.
    pub encryption: Encryption,
    /// Opens the old key if it is encrypted; the new one gets the same passphrase.
    pub passphrase_file: Option<PathBuf>,
    /// Whether it asks if the old key is not here.
    pub consent: Consent,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// Whether those may be locked out whose certificates are of the old CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockOut {
    /// Nobody is.
    Refuse,
    /// `--force`
    Allow,
}

#[derive(Debug, Subcommand)]
pub(super) enum RollCommands {
    /// Make the next CA
    ///
    /// Every ca.pem in the home holds both CAs from then on, the new one first; the old one signs nothing more and goes to the archive with its key. Nothing changes for anybody until the pairs are handed out again.
    Start(RollStartArguments),
    /// Show who trusts both CAs, and who holds a certificate of the new one
    Status,
    /// Issue again what is of the old CA
    ///
    /// Names, SANs, kinds of keys and lives are carried over. To be done when everybody trusts both CAs: who trusts the old one alone does not believe a server of the new one.
    Issue(RollIssueArguments),
    /// Trust the old CA no more
    ///
    /// Refuses while a valid certificate of the old CA is left, and names it.
    Finish(RollFinishArguments),
    /// Take back the last phase
    ///
    /// A rollover under way is turned round: the old CA signs again. If no certificate of the new one is left, that one is trusted no more, as if it had never been. A rollover that is finished is under way again.
    Undo(DryRun),
}

#[derive(Debug, Args)]
pub(super) struct RollStartArguments {
    /// Choose the CA's key: p256, p384, ed25519, rsa2048, rsa3072 or rsa4096 [default: as the old one]
    #[arg(long, value_name = "TYPE")]
    key_type: Option<String>,
    /// Let the CA live this long: 90d, 12h, 4w, 2y
    #[arg(
        long,
        value_name = "LIFE",
        default_value = "3650d",
        allow_hyphen_values = true
    )]
    valid_for: String,
    /// Encrypt the new key with a passphrase; it gets the old one's anyway if that has one
    #[arg(long)]
    encrypt: bool,
    /// Take the passphrase from this file's only line; implies --encrypt
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Agree to go on where the old CA's key is lost: then the rollover cannot be taken back
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Debug, Args)]
pub(super) struct RollIssueArguments {
    /// The servers and clients of these names; servers/NAME or clients/NAME for one of them [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Keep the keys [default: new keys]
    #[arg(long)]
    reuse_key: bool,
    /// Open the CA's key with the passphrase in this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Debug, Args)]
pub(super) struct RollFinishArguments {
    /// Lock out whoever still has a certificate of the old CA
    #[arg(long)]
    force: bool,
    /// Agree that who is not known to have their new certificate may be locked out
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

pub(super) fn roll(command: RollCommands) -> Result<Roll, UsageError> {
    Ok(match command {
        RollCommands::Start(arguments) => Roll::Start(start(arguments)?),
        RollCommands::Status => Roll::Status,
        RollCommands::Issue(arguments) => Roll::Issue(Box::new(issue(arguments)?)),
        RollCommands::Finish(RollFinishArguments {
            force,
            yes,
            dry_run,
        }) => Roll::Finish {
            lock_out: match force {
                true => LockOut::Allow,
                false => LockOut::Refuse,
            },
            consent: match yes || force {
                true => Consent::Given,
                false => Consent::Ask,
            },
            mode: dry_run.mode(),
        },
        RollCommands::Undo(dry_run) => Roll::Undo {
            mode: dry_run.mode(),
        },
    })
}

fn start(arguments: RollStartArguments) -> Result<RollStart, UsageError> {
    let RollStartArguments {
        key_type,
        valid_for,
        encrypt,
        passphrase_file,
        yes,
        dry_run,
    } = arguments;
    Ok(RollStart {
        key_type: key_type.map(|key_type| key_type.parse()).transpose()?,
        valid_for: valid_for.parse()?,
        encryption: match encrypt || passphrase_file.is_some() {
            true => Encryption::Encrypted,
            false => Encryption::Plain,
        },
        passphrase_file,
        consent: match yes {
            true => Consent::Given,
            false => Consent::Ask,
        },
        mode: dry_run.mode(),
    })
}

fn issue(arguments: RollIssueArguments) -> Result<Renew, UsageError> {
    let RollIssueArguments {
        names,
        reuse_key,
        passphrase_file,
        dry_run,
    } = arguments;
    let names = names.iter().map(|name| name.parse());
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let wish = Wish {
        scope: match names.is_empty() {
            true => Scope::All,
            false => Scope::Named(names),
        },
        rule: Rule::OldCa,
        keys: match reuse_key {
            true => Keys::Reused,
            false => Keys::Fresh(None),
        },
        sans: Sans::Carried,
        valid_for: None,
    };
    Ok(Renew {
        wish,
        passphrase_file,
        deploy_hook: None,
        install: None,
        mode: dry_run.mode(),
    })
}

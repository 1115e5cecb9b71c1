//! `renew`: its arguments, understood.

use std::path::PathBuf;

use clap::Args;

use super::install::{agreed, restart};
use super::install_arguments::{Agreement, RestartArguments};
use super::{Consent, Mode, Restart, UsageError};
use crate::pki::SubjectAltNames;
use crate::plan::renew::{Keys, Rule, Sans, Scope, Wish};

/// `renew`, understood.
#[derive(Debug)]
pub struct Renew {
    /// What is renewed, and how.
    pub wish: Wish,
    /// Opens the CA's key.
    pub passphrase_file: Option<PathBuf>,
    /// Run after something was renewed.
    pub deploy_hook: Option<String>,
    /// Whether what was renewed is brought to this machine, and how.
    pub install: Option<InstallRenewed>,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// `renew --install`, understood.
#[derive(Debug)]
pub struct InstallRenewed {
    /// What stands for `/`.
    pub prefix: PathBuf,
    /// How the daemon is restarted; as at its install where nothing is said.
    pub restart: Restart,
    /// Whether it asks first.
    pub consent: Consent,
}

/// Not as an install's, for here is one that is known to work.
const RESTART_COMMAND: &str =
    "Restart the daemon by this shell command [default: as at its install]";

#[derive(Debug, Args)]
#[command(mut_arg("restart", |flag| flag.requires("install")))]
#[command(mut_arg("restart_command", |flag| flag.requires("install").help(RESTART_COMMAND)))]
#[command(mut_arg("daemon_log", |flag| flag.requires("install")))]
#[command(mut_arg("timeout", |flag| flag.requires("install")))]
#[command(mut_arg("yes", |flag| flag.requires("install")))]
pub(super) struct RenewArguments {
    /// The servers and clients of these names; servers/NAME or clients/NAME for one of them [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Renew what has less than this left: 30d, 12h, 4w [default: a third of its life]
    #[arg(long, value_name = "LIFE", allow_hyphen_values = true)]
    within: Option<String>,
    /// Renew also what is not due
    #[arg(long, conflicts_with = "within")]
    force: bool,
    /// Keep the keys [default: new keys]
    #[arg(long, conflicts_with = "key_type")]
    reuse_key: bool,
    /// Give one server these host names and addresses instead, due or not; comma-separated, repeatable
    #[arg(long, value_name = "LIST", conflicts_with = "add_san")]
    san: Vec<String>,
    /// Give one server these host names and addresses too, due or not; comma-separated, repeatable
    #[arg(long, value_name = "LIST")]
    add_san: Vec<String>,
    /// Choose the new keys: p256, p384, ed25519, rsa2048, rsa3072 or rsa4096 [default: as the old ones]
    #[arg(long, value_name = "TYPE")]
    key_type: Option<String>,
    /// Let them live this long: 90d, 12h, 4w, 2y [default: as long as the old ones]
    #[arg(long, value_name = "LIFE", allow_hyphen_values = true)]
    valid_for: Option<String>,
    /// Open the CA's key with the passphrase in this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Run this in a shell if something was renewed, with the names in $DOCKPKI_RENEWED_NAMES
    #[arg(long, value_name = "CMD")]
    deploy_hook: Option<String>,
    /// Bring what is renewed to where it was installed on this machine too, with one restart
    #[arg(long)]
    install: bool,
    /// Take this directory for /, as for an image or a chroot; no command is run unless one is given
    #[arg(long, value_name = "DIR", requires = "install")]
    prefix: Option<PathBuf>,
    #[command(flatten)]
    restart: RestartArguments,
    #[command(flatten)]
    agreement: Agreement,
}

pub(super) fn renew(arguments: RenewArguments) -> Result<Renew, UsageError> {
    let RenewArguments {
        names,
        within,
        force,
        reuse_key,
        san,
        add_san,
        key_type,
        valid_for,
        passphrase_file,
        deploy_hook,
        install,
        prefix,
        restart,
        agreement,
    } = arguments;
    let (consent, mode) = agreed(&agreement);
    let install = match install {
        false => None,
        true => Some(InstallRenewed {
            prefix: prefix.unwrap_or_else(|| "/".into()),
            restart: self::restart(restart)?,
            consent,
        }),
    };
    let names = names.iter().map(|name| name.parse());
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let wish = Wish {
        scope: match names.is_empty() {
            true => Scope::All,
            false => Scope::Named(names),
        },
        rule: match (force, within) {
            (true, _) => Rule::Always,
            (false, Some(life)) => Rule::Within(life.parse()?),
            (false, None) => Rule::Third,
        },
        keys: match reuse_key {
            true => Keys::Reused,
            false => Keys::Fresh(key_type.map(|key_type| key_type.parse()).transpose()?),
        },
        sans: match (san.is_empty(), add_san.is_empty()) {
            (false, _) => Sans::Replaced(SubjectAltNames::parse(&san)?),
            (true, false) => Sans::Added(SubjectAltNames::parse(&add_san)?),
            (true, true) => Sans::Carried,
        },
        valid_for: valid_for.map(|life| life.parse()).transpose()?,
    };
    Ok(Renew {
        wish,
        passphrase_file,
        deploy_hook,
        install,
        mode,
    })
}

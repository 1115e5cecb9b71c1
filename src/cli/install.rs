//! The commands that change a machine outside the home, understood.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::install_arguments::{
    Agreement, EnvArguments, InstallClientArguments, InstallServerArguments, PrefixArgument,
    RestartArguments, RestartWhen, TakeBackArguments,
};
use super::{Consent, Mode, UsageError};
use crate::pki::Name;
use crate::plan::context::ContextName;
use crate::plan::docker_host::DockerHost;
use crate::plan::env::Shell;
use crate::plan::install::{DaemonMode, Listen, LiveRestore, PlainTcp};

/// `install server`, understood.
#[derive(Debug)]
pub struct InstallServer {
    /// The server's name in the home; the only one if none.
    pub name: Option<Name>,
    /// The addresses to listen on.
    pub listen: Vec<Listen>,
    /// What becomes of plain TCP.
    pub plain_tcp: PlainTcp,
    /// Whether live-restore is turned on first.
    pub live_restore: LiveRestore,
    /// Whose daemon it is.
    pub daemon: DaemonMode,
    /// The directory of the certificates, as seen from inside the prefix, if that was said.
    pub directory: Option<PathBuf>,
    /// daemon.json, as seen from inside the prefix, if that was said.
    pub daemon_json: Option<PathBuf>,
    /// The client it is proved with.
    pub client: Option<Name>,
    /// Where the daemon is asked for the proof.
    pub probe: Option<Listen>,
    /// What stands for `/`.
    pub prefix: PathBuf,
    /// How the daemon is restarted.
    pub restart: Restart,
    /// Whether it asks first.
    pub consent: Consent,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// `install client`, understood.
#[derive(Debug)]
pub struct InstallClient {
    /// The client's name in the home.
    pub name: Option<Name>,
    /// The daemon's address.
    pub host: Option<DockerHost>,
    /// The docker context.
    pub context: Option<ContextName>,
    /// Docker's configuration directory.
    pub docker_config: Option<PathBuf>,
    /// Whether it asks first.
    pub consent: Consent,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// `undo` or `uninstall`, understood.
#[derive(Debug)]
pub struct TakeBack {
    /// How much is taken back.
    pub extent: Extent,
    /// What stands for `/`.
    pub prefix: PathBuf,
    /// How the daemon is restarted.
    pub restart: Restart,
    /// Whether it asks first.
    pub consent: Consent,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// How much is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// `undo`: the last command.
    Last,
    /// `uninstall`: all of them.
    All,
}

impl Extent {
    /// The command's name.
    pub fn command(self) -> &'static str {
        match self {
            Self::Last => "undo",
            Self::All => "uninstall",
        }
    }
}

/// How the daemon is restarted, and what happens around that.
#[derive(Debug)]
pub struct Restart {
    /// Whether, and by what.
    pub by: RestartBy,
    /// Where the daemon logs, if that was said.
    pub daemon_log: Option<PathBuf>,
    /// How long the daemon may take to answer.
    pub timeout: Duration,
}

/// Whether the daemon is restarted, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestartBy {
    /// By systemd where it runs.
    Systemd,
    /// By a shell command.
    Command(String),
    /// Not at all.
    Nobody,
}

/// `env`, understood.
#[derive(Debug)]
pub struct Env {
    /// The client's name in the home.
    pub name: Option<Name>,
    /// The daemon's address.
    pub host: Option<DockerHost>,
    /// The shell the lines are for.
    pub shell: Option<Shell>,
    /// Whether the variables are set or taken back.
    pub unset: Unset,
}

/// Whether variables are set or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unset {
    /// They are set.
    No,
    /// They are taken back.
    Yes,
}

pub(super) fn server(arguments: InstallServerArguments) -> Result<InstallServer, UsageError> {
    let InstallServerArguments {
        name,
        listen,
        close_plain,
        live_restore,
        cert_dir,
        daemon_json,
        client,
        probe,
        rootless,
        prefix,
        restart,
        agreement,
    } = arguments;
    let (consent, mode) = agreed(&agreement);
    if rootless && prefix.prefix != Path::new("/") {
        return Err(UsageError::Other(
            "found --rootless and --prefix, wanted one of them: \
             a rootless daemon belongs to a user of this machine"
                .into(),
        ));
    }
    if live_restore && restart.restart == RestartWhen::Never {
        return Err(UsageError::Other(
            "found --live-restore and --restart never, wanted one of them: \
             the running daemon must load it before it is restarted"
                .into(),
        ));
    }
    Ok(InstallServer {
        name: name.map(|name| name.parse()).transpose()?,
        listen: listen.into_iter().map(read).collect::<Result<_, _>>()?,
        plain_tcp: match close_plain {
            true => PlainTcp::Close,
            false => PlainTcp::Keep,
        },
        live_restore: match live_restore {
            true => LiveRestore::TurnOn,
            false => LiveRestore::Leave,
        },
        daemon: match rootless {
            true => DaemonMode::Rootless,
            false => DaemonMode::Rootful,
        },
        directory: cert_dir
            .map(|path| from_root("--cert-dir", path))
            .transpose()?,
        daemon_json: daemon_json
            .map(|path| from_root("--daemon-json", path))
            .transpose()?,
        client: client.map(|name| name.parse()).transpose()?,
        probe: parsed(probe)?,
        prefix: prefix.prefix,
        restart: self::restart(restart)?,
        consent,
        mode,
    })
}

pub(super) fn parsed<T: FromStr<Err: Display>>(
    text: Option<String>,
) -> Result<Option<T>, UsageError> {
    text.map(read).transpose()
}

fn read<T: FromStr<Err: Display>>(text: String) -> Result<T, UsageError> {
    text.parse()
        .map_err(|error: T::Err| UsageError::Other(error.to_string()))
}

/// Refuses a path that is not from the root on: it is written into daemon.json.
fn from_root(flag: &str, path: PathBuf) -> Result<PathBuf, UsageError> {
    match path.is_absolute() {
        true => Ok(path),
        false => Err(UsageError::Other(format!(
            "{flag} `{}` does not begin with a slash: wanted a path from the root on",
            path.display()
        ))),
    }
}

pub(super) fn client(arguments: InstallClientArguments) -> Result<InstallClient, UsageError> {
    let InstallClientArguments {
        name,
        host,
        context,
        docker_config,
        agreement,
    } = arguments;
    let (consent, mode) = agreed(&agreement);
    Ok(InstallClient {
        name: name.map(|name| name.parse()).transpose()?,
        host: parsed(host)?,
        context: parsed(context)?,
        docker_config,
        consent,
        mode,
    })
}

pub(super) fn take_back(
    extent: Extent,
    arguments: TakeBackArguments,
) -> Result<TakeBack, UsageError> {
    let TakeBackArguments {
        prefix: PrefixArgument { prefix },
        restart,
        agreement,
    } = arguments;
    let (consent, mode) = agreed(&agreement);
    Ok(TakeBack {
        extent,
        prefix,
        restart: self::restart(restart)?,
        consent,
        mode,
    })
}

pub(super) fn env(arguments: EnvArguments) -> Result<Env, UsageError> {
    let EnvArguments {
        name,
        host,
        shell,
        unset,
    } = arguments;
    Ok(Env {
        name: name.map(|name| name.parse()).transpose()?,
        host: parsed(host)?,
        shell: parsed(shell)?,
        unset: match unset {
            true => Unset::Yes,
            false => Unset::No,
        },
    })
}

pub(super) fn agreed(agreement: &Agreement) -> (Consent, Mode) {
    let Agreement { yes, dry_run } = agreement;
    let consent = match yes {
        true => Consent::Given,
        false => Consent::Ask,
    };
    (consent, dry_run.mode())
}

pub(super) fn restart(arguments: RestartArguments) -> Result<Restart, UsageError> {
    let RestartArguments {
        restart,
        restart_command,
        daemon_log,
        timeout,
    } = arguments;
    Ok(Restart {
        by: match (restart, restart_command) {
            (RestartWhen::Auto, None) => RestartBy::Systemd,
            (RestartWhen::Auto, Some(command)) => RestartBy::Command(command),
            (RestartWhen::Never, None) => RestartBy::Nobody,
            (RestartWhen::Never, Some(_)) => {
                return Err(UsageError::Other(
                    "found --restart never and --restart-command, wanted one of them".into(),
                ));
            }
        },
        daemon_log,
        timeout: Duration::from_secs(timeout),
    })
}

//! The flags of the commands that change a machine outside the home.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::arguments::DryRun;

#[derive(Debug, Subcommand)]
pub(super) enum InstallCommands {
    /// Have this host's daemon serve a server certificate to our clients alone
    ///
    /// Places the files in /etc/docker/CA, edits daemon.json, frees the unit of flags that clash with it, restarts the daemon and proves with real requests that it answers our client and nobody else. Shows all of it and asks first. If the proof fails, everything goes back as it was.
    Server(Box<InstallServerArguments>),
    /// Give a user a client certificate
    ///
    /// Places ca.pem, cert.pem and key.pem in ~/.docker, under sudo the caller's, and writes a docker context if --host is given.
    Client(InstallClientArguments),
}

#[derive(Debug, Args)]
pub(super) struct PrefixArgument {
    /// Take this directory for /, as for an image or a chroot; no command is run unless one is given
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(super) prefix: PathBuf,
}

/// Whether the daemon is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RestartWhen {
    /// By systemd, or by --restart-command
    Auto,
    /// Not at all, and nothing is proved
    Never,
}

#[derive(Debug, Args)]
pub(super) struct RestartArguments {
    /// Choose whether the daemon is restarted
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(super) restart: RestartWhen,
    /// Restart the daemon by this shell command, as where there is no systemd
    #[arg(long, value_name = "CMD")]
    pub(super) restart_command: Option<String>,
    /// Quote the daemon's log from this file if it does not answer [default: systemd's journal, else /var/log/docker.log]
    #[arg(long, value_name = "FILE")]
    pub(super) daemon_log: Option<PathBuf>,
    /// Give the daemon this many seconds to answer after its restart
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) timeout: u64,
}

#[derive(Debug, Args)]
pub(super) struct Agreement {
    /// Agree to the plan without being asked
    #[arg(long, short)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) dry_run: DryRun,
}

#[derive(Debug, Args)]
pub(super) struct InstallServerArguments {
    /// The server's name in the home [default: the only one there is]
    pub(super) name: Option<String>,
    /// Listen on this address, repeatable [default: the TCP addresses there are, else tcp://0.0.0.0:2376]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Vec<String>,
    /// Take the plain TCP addresses of port 2375 away
    #[arg(long)]
    pub(super) close_plain: bool,
    /// Turn live-restore on first, so that containers outlive the restart
    #[arg(long)]
    pub(super) live_restore: bool,
    /// Put the certificates here [default: /etc/docker/CA]
    #[arg(long, value_name = "DIR")]
    pub(super) cert_dir: Option<PathBuf>,
    /// Edit this file [default: what the unit names, else /etc/docker/daemon.json]
    #[arg(long, value_name = "FILE")]
    pub(super) daemon_json: Option<PathBuf>,
    /// Prove it with this client of the home [default: the first that is valid]
    #[arg(long, value_name = "NAME")]
    pub(super) client: Option<String>,
    /// Ask the daemon here for the proof [default: the address it listens on]
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) probe: Option<String>,
    /// Install for your own rootless daemon: by default in ~/.config/docker, restarted by systemctl --user
    #[arg(long)]
    pub(super) rootless: bool,
    #[command(flatten)]
    pub(super) prefix: PrefixArgument,
    #[command(flatten)]
    pub(super) restart: RestartArguments,
    #[command(flatten)]
    pub(super) agreement: Agreement,
}

#[derive(Debug, Args)]
pub(super) struct InstallClientArguments {
    /// The client's name in the home [default: the only one there is, else the user who calls]
    pub(super) name: Option<String>,
    /// Ask the daemon here: tcp://HOST:2376
    #[arg(long, value_name = "ADDRESS")]
    pub(super) host: Option<String>,
    /// Write the docker context of this name [default: the host's name, if --host is given]
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,
    /// Install into this directory [default: $DOCKER_CONFIG, else ~/.docker]
    #[arg(long, value_name = "DIR")]
    pub(super) docker_config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) agreement: Agreement,
}

#[derive(Debug, Args)]
pub(super) struct TakeBackArguments {
    #[command(flatten)]
    pub(super) prefix: PrefixArgument,
    #[command(flatten)]
    pub(super) restart: RestartArguments,
    #[command(flatten)]
    pub(super) agreement: Agreement,
}

#[derive(Debug, Args)]
pub(super) struct EnvArguments {
    /// Use this client of the home [default: the one that is installed, else the only one in the home]
    pub(super) name: Option<String>,
    /// Ask the daemon here: tcp://HOST:2376 [default: the one the client was installed for]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) host: Option<String>,
    /// Write for this shell: bash, zsh, fish, powershell or cmd [default: that of $SHELL]
    #[arg(long, value_name = "SHELL")]
    pub(super) shell: Option<String>,
    /// Print the lines that take it back
    #[arg(long)]
    pub(super) unset: bool,
}

//! The command line as clap sees it: flags, their help, their defaults.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::bulk::ClientIssueArguments;
pub(super) use super::check::CheckArguments;
use super::enroll::{ClientAcceptArguments, ClientRequestArguments, ClientSignArguments};
use super::export::{ExportArguments, RemoveArguments};
pub(super) use super::install_arguments::{EnvArguments, InstallCommands, TakeBackArguments};
use super::refresh::ClientRefreshArguments;
use super::renew::RenewArguments;
use super::roll::RollCommands;
use super::timer::TimerCommands;
use super::{ColorWhen, Mode};

/// The TLS PKI for Docker's remote API
///
/// Makes a CA, server certificates and client certificates with the right purposes, names and
/// file modes, offline, in one directory. Every client certificate is root on every host that
/// trusts the CA.
#[derive(Debug, Parser)]
#[command(name = "dockpki", version, max_term_width = 100)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Commands,
}

const EXAMPLES: &str = "\
Examples:
  dockpki init --san localhost,127.0.0.1
  dockpki server issue web-1 --san web-1.example.com,10.0.0.7
  dockpki client issue laptop ci --valid-for 90d
  dockpki list
  dockpki verify
  dockpki install server localhost --dry-run";

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Use this directory as home [default: $DOCKPKI_HOME, else /var/lib/dockpki for root and $XDG_DATA_HOME/dockpki or ~/.local/share/dockpki for others]
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) home: Option<PathBuf>,
    /// Choose the form of standard output
    #[arg(long, value_name = "FORM", global = true, default_value = "text")]
    pub(super) output: OutputForm,
    /// Say nothing but errors and what was asked for
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Also say which home is used and each change
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
    /// Choose when to colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub(super) color: ColorWhen,
}

/// What `--output` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputForm {
    /// For people
    Text,
    /// For programs; stable, with "version": 1 at its top
    Json,
    /// For Prometheus; `check` alone has it, and its help tells of it
    #[value(hide = true)]
    Prometheus,
}

#[derive(Debug, Subcommand)]
pub(super) enum Commands {
    /// Make a CA, one server and one client
    Init(InitArguments),
    /// Work with servers
    #[command(subcommand)]
    Server(ServerCommands),
    /// Work with clients
    #[command(subcommand)]
    Client(ClientCommands),
    /// Renew what is due
    ///
    /// A certificate is due when less than a third of its life is left. A new one takes its place, with a new key and a new serial; subject, SANs, kind of key and life are carried over. The old pair goes to the archive. Nothing due: says when the next one is. One that cannot be read is named and left out; of those that are named all are renewed or none.
    Renew(Box<RenewArguments>),
    /// List everything the home holds
    ///
    /// Shows kind, name, state, time left, end, serial and SANs of each certificate. Does not need the CA's key.
    List {
        /// Show the clients, each with where it was handed out, and whether that is stale
        #[arg(long)]
        clients: bool,
    },
    /// Tell monitoring what is due, and what is not served
    ///
    /// Judges everything the home holds: CA, servers and clients. The first line is a summary, the table has the worst first, with what mends it: a command, where there is one. Does not need the CA's key, asks nothing and changes nothing.
    ///
    /// --installed adds this machine: the daemon's files, the certificate it serves at each address, those in ~/.docker, in docker contexts, wherever else a client was installed and in $DOCKER_CERT_PATH, under sudo the caller's. Where there is no home, as on a laptop, and none was named, this machine alone is checked. A certificate that was renewed but not installed, or not served since, is told apart from one that is due.
    Check(CheckArguments),
    /// Check the home offline
    ///
    /// Judges chain, purposes, names, keys, lives, modes and owners. Each finding names the file, what was found, what was wanted and what mends it: a command, where there is one. Exits with 1 if there is one.
    Verify {
        /// Open the CA's key with the passphrase in this file
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Check what is installed on this machine instead
        #[arg(long, conflicts_with = "passphrase_file")]
        installed: bool,
        /// Set the modes and owners of installed files right
        #[arg(long, requires = "installed")]
        fix: bool,
        /// Take this directory for /, as for an image or a chroot
        #[arg(long, value_name = "DIR", requires = "installed")]
        prefix: Option<PathBuf>,
    },
    /// Work with the CA
    #[command(subcommand)]
    Ca(CaCommands),
    /// Put certificates where Docker looks for them
    #[command(subcommand)]
    Install(InstallCommands),
    /// Take back the last install
    ///
    /// Puts back every file the last applied install changed, as it was found, and restarts the daemon if that install did. Refuses if a file has changed since.
    Undo(TakeBackArguments),
    /// Take back everything dockpki installed on this machine
    ///
    /// Puts back every file as it was found before the first install. A daemon.json that has changed since loses only what dockpki put into it; other files that have changed since stay, and are named.
    Uninstall(TakeBackArguments),
    /// Renew every day, by a timer of systemd
    #[command(subcommand)]
    Timer(TimerCommands),
    /// Print the lines that point docker at a daemon, for the shell to read
    Env(EnvArguments),
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    Man {
        /// The command, as in: dockpki man client issue
        command: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ServerCommands {
    /// Issue a server certificate
    Issue(ServerIssueArguments),
}

#[derive(Debug, Subcommand)]
pub(super) enum ClientCommands {
    /// Issue client certificates
    ///
    /// All or none of those that are named: if one cannot be issued, nothing is. Whoever holds a client's key is root on every host that trusts the CA.
    ///
    /// --from takes a list, one name a line or CSV with the columns name, life, host and format; what a line leaves out, the flags say. It is judged whole before the first key is made. --export hands each out into a directory, as `client export` does. A client of the list that is there already is left as it is, and one that was exported already too, so that the same command goes on where it was stopped.
    Issue(ClientIssueArguments),
    /// Make a key that never leaves this machine, and a request for its certificate
    ///
    /// To be run where docker will use the client; needs no home and no CA. Prints the request, to be sent to whoever has the CA, and a code of the key, to be told them another way. An open request of the name is printed again.
    Request(ClientRequestArguments),
    /// Sign a client's request
    ///
    /// To be run where the CA is. Shows the code of the request's key, asks, and writes one file to send back. Of the request the key counts and, without --name, its common name; purpose and life are the CA's. Whoever holds the key becomes root on every host that trusts the CA.
    Sign(ClientSignArguments),
    /// Install what came back for a request, or a client that was handed out
    ///
    /// To be run where the request was made, or by the same key's owner when its certificate was renewed. Finds the key the reply is for, shows the code of the CA, asks, and installs as `install client` does. Takes the reply as mail and chat leave it. A client that was handed out with its key, as tar, zip, context, env or directory, is installed the same way, for the daemon it was handed out for.
    Accept(ClientAcceptArguments),
    /// Bring what was handed out anew to every copy on this machine
    ///
    /// Looks in ~/.docker, in every docker context, whoever made it, in the other directories a client was installed into and in $DOCKER_CERT_PATH. Each copy of the same client that believes the same CA is rewritten, all as one; a newer one is left. A reply without a key goes with the key that is there. A CA that is not believed here yet is asked about by its code.
    Refresh(ClientRefreshArguments),
    /// Hand out a client: a directory, an archive, a docker context or CI variables
    ///
    /// Writes its certificate, its private key and the CA's certificate into one file or directory that only you can read, and records in the ledger what went where. Refuses a client that would not work, and a file that is there. Whoever has it is root on every host that trusts the CA.
    Export(Box<ExportArguments>),
    /// Remove clients from the home
    ///
    /// Their files go to the archive, and the names are free again. All or none. Nothing is revoked: a certificate works until its end, for whoever has its key.
    Remove(RemoveArguments),
}

#[derive(Debug, Subcommand)]
pub(super) enum CaCommands {
    /// Show the CA
    Show,
    /// Set, change or remove the passphrase of the CA's key
    Passwd(CaPasswdArguments),
    /// Go from one CA to the next without locking anyone out
    ///
    /// start makes the next CA; hand every server and client out again, so that everybody trusts both; issue gives them certificates of the new CA; hand them out once more; finish drops the old CA. status shows who has come how far, and undo takes a step back.
    #[command(subcommand)]
    Roll(RollCommands),
}

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// Name the server's host names and addresses, comma-separated, repeatable
    #[arg(long, value_name = "LIST", required = true)]
    pub(super) san: Vec<String>,
    /// Name the server [default: its first SAN]
    #[arg(long, value_name = "NAME")]
    pub(super) server: Option<String>,
    /// Name the client [default: the user who calls, under sudo the caller]
    #[arg(long, value_name = "NAME")]
    pub(super) client: Option<String>,
    /// Choose the keys: p256, p384, ed25519, rsa2048, rsa3072 or rsa4096
    #[arg(long, value_name = "TYPE", default_value = "p256")]
    pub(super) key_type: String,
    /// Let server and client live this long: 90d, 12h, 4w, 2y
    #[arg(
        long,
        value_name = "LIFE",
        default_value = "365d",
        allow_hyphen_values = true
    )]
    pub(super) valid_for: String,
    /// Let the CA live this long
    #[arg(
        long,
        value_name = "LIFE",
        default_value = "3650d",
        allow_hyphen_values = true
    )]
    pub(super) ca_valid_for: String,
    /// Let the CA sign for these SANs alone, and for host names below them
    #[arg(long)]
    pub(super) constrain: bool,
    /// Encrypt the CA's key with a passphrase
    #[arg(long)]
    pub(super) encrypt: bool,
    /// Take the passphrase from this file's only line; implies --encrypt
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) dry_run: DryRun,
}

#[derive(Debug, Args)]
pub(super) struct DryRun {
    /// Show what would be done and stop there
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl DryRun {
    pub(super) fn mode(&self) -> Mode {
        match self.dry_run {
            true => Mode::DryRun,
            false => Mode::Apply,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct IssueArguments {
    /// Choose the key: p256, p384, ed25519, rsa2048, rsa3072 or rsa4096 [default: the CA's]
    #[arg(long, value_name = "TYPE")]
    pub(super) key_type: Option<String>,
    /// Let it live this long: 90d, 12h, 4w, 2y
    #[arg(
        long,
        value_name = "LIFE",
        default_value = "365d",
        allow_hyphen_values = true
    )]
    pub(super) valid_for: String,
    /// Open the CA's key with the passphrase in this file
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) dry_run: DryRun,
}

#[derive(Debug, Args)]
pub(super) struct ServerIssueArguments {
    /// The server's name: its directory in the home
    pub(super) name: String,
    /// Name its host names and addresses, comma-separated, repeatable
    #[arg(long, value_name = "LIST", required = true)]
    pub(super) san: Vec<String>,
    #[command(flatten)]
    pub(super) issue: IssueArguments,
}

#[derive(Debug, Args)]
pub(super) struct CaPasswdArguments {
    /// Open the key with the passphrase in this file
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
    /// Take the new passphrase from this file's only line
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    pub(super) new_passphrase_file: Option<PathBuf>,
    /// Leave the key without a passphrase
    #[arg(long)]
    pub(super) remove: bool,
    /// Agree to --remove without being asked
    #[arg(long, requires = "remove")]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) dry_run: DryRun,
}

//! Turns arguments into a [`Request`].  Past here a host name is a host name.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::pki::{self, KeyType, Life, Name, SubjectAltNames};
use crate::plan::issue::Wish;

/// What somebody typed, understood.
#[derive(Debug)]
pub struct Request {
    /// The home, if one was named.
    pub home: Option<PathBuf>,
    /// Text or JSON.
    pub output: Output,
    /// How much is said on standard error.
    pub talk: Talk,
    /// Whether there is colour.
    pub color: ColorWhen,
    /// The command.
    pub command: Command,
}

/// A command with its arguments.
#[derive(Debug)]
pub enum Command {
    /// `init`
    Init(Init),
    /// `server issue` and `client issue`
    Issue(Issue),
    /// `list`
    List,
    /// `verify`
    Verify {
        /// Opens the CA's key.
        passphrase_file: Option<PathBuf>,
    },
    /// `ca show`
    CaShow,
    /// `ca passwd`
    CaPasswd(CaPasswd),
    /// `completions`
    Completions(clap_complete::Shell),
    /// `man`
    Man(Vec<String>),
}

/// `init`, understood.
#[derive(Debug)]
pub struct Init {
    /// Names and addresses of the server.
    pub sans: SubjectAltNames,
    /// The server's name.
    pub server: Name,
    /// The client's name; after the invoking user if none.
    pub client: Option<Name>,
    /// The kind of the three keys.
    pub key_type: KeyType,
    /// The life of server and client.
    pub valid_for: Life,
    /// The life of the CA.
    pub ca_valid_for: Life,
    /// Whether the CA is constrained to the SANs.
    pub constrain: crate::plan::init::Constraint,
    /// Whether the CA's key gets a passphrase.
    pub encryption: crate::plan::Encryption,
    /// Where the passphrase is; asked for if nowhere.
    pub passphrase_file: Option<PathBuf>,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// `server issue` or `client issue`, understood.
#[derive(Debug)]
pub struct Issue {
    /// For the journal: `server issue`.
    pub command: &'static str,
    /// What is asked for.
    pub wishes: Vec<Wish>,
    /// The kind of the keys; the CA's if none.
    pub key_type: Option<KeyType>,
    /// How long they live.
    pub valid_for: Life,
    /// Opens the CA's key.
    pub passphrase_file: Option<PathBuf>,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// `ca passwd`, understood.
#[derive(Debug)]
pub struct CaPasswd {
    /// Opens the key as it is.
    pub passphrase_file: Option<PathBuf>,
    /// What the key gets.
    pub new: NewPassphrase,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// Where the new passphrase comes from.
#[derive(Debug)]
pub enum NewPassphrase {
    /// It is asked for.
    Ask,
    /// It is in a file.
    File(PathBuf),
    /// There is none any more.
    None(Consent),
}

/// Whether a question is asked or answered already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// It is asked.
    Ask,
    /// `--yes`
    Given,
}

/// Whether a plan is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Apply,
    /// It is shown.
    DryRun,
}

/// The form of what goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// For programs; stable, with "version": 1 at its top
    Json,
}

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// Errors alone.
    Quiet,
    /// Warnings, hints and next steps too.
    Normal,
    /// The home and each change too.
    Verbose,
}

/// When there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Arguments that cannot be understood.
#[derive(Debug)]
pub enum UsageError {
    /// clap's own errors, and the texts of --help and --version.
    Clap(clap::Error),
    /// A value that does not parse.
    Value(pki::Error),
    /// Anything else.
    Other(String),
}

impl From<pki::Error> for UsageError {
    fn from(error: pki::Error) -> Self {
        Self::Value(error)
    }
}

/// The TLS PKI for Docker's remote API
///
/// Makes a CA, server certificates and client certificates with the right purposes, names and
/// file modes, offline, in one directory. Every client certificate is root on every host that
/// trusts the CA.
#[derive(Debug, Parser)]
#[command(
    name = "dockpki",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_help = EXAMPLES)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Commands,
}

const EXAMPLES: &str = "\
Examples:
  dockpki init --san localhost,127.0.0.1
  dockpki server issue web-1 --san web-1.example.com,10.0.0.7
  dockpki client issue alice bob --valid-for 90d
  dockpki list
  dockpki verify";

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Use this directory as home [default: $DOCKPKI_HOME, else /var/lib/dockpki for root and ~/.local/share/dockpki for others]
    #[arg(long, value_name = "DIR", global = true)]
    home: Option<PathBuf>,
    /// Choose the form of standard output
    #[arg(long, value_name = "FORM", global = true, default_value = "text")]
    output: Output,
    /// Say nothing but errors and data
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Also say which home is used and each change
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Choose when to colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    color: ColorWhen,
}

#[derive(Debug, Subcommand)]
enum Commands {
    /// Make a CA, one server and one client
    Init(InitArguments),
    /// Work with servers
    #[command(subcommand)]
    Server(ServerCommands),
    /// Work with clients
    #[command(subcommand)]
    Client(ClientCommands),
    /// List everything the home holds
    ///
    /// Shows kind, name, state, time left, end, serial and SANs of each certificate. Does not need the CA's key.
    List,
    /// Check the home offline
    ///
    /// Judges chain, purposes, names, keys, lives, modes and owners. Each finding names the file, what was found, what was wanted and the command that mends it. Exits with 1 if there is one.
    Verify {
        /// Open the CA's key with the passphrase in this file
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Work with the CA
    #[command(subcommand)]
    Ca(CaCommands),
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
enum ServerCommands {
    /// Issue a server certificate
    Issue(ServerIssueArguments),
}

#[derive(Debug, Subcommand)]
enum ClientCommands {
    /// Issue client certificates
    ///
    /// All or none: if one cannot be issued, nothing is. Whoever holds a client's key is root on every host that trusts the CA.
    Issue(ClientIssueArguments),
}

#[derive(Debug, Subcommand)]
enum CaCommands {
    /// Show the CA
    Show,
    /// Set, change or remove the passphrase of the CA's key
    Passwd(CaPasswdArguments),
}

#[derive(Debug, Args)]
struct InitArguments {
    /// Name the server's host names and addresses, comma-separated, repeatable
    #[arg(long, value_name = "LIST", required = true)]
    san: Vec<String>,
    /// Name the server [default: its first SAN]
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Name the client [default: the user who calls, under sudo the caller]
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Choose the keys: p256, p384, ed25519, rsa2048, rsa3072 or rsa4096
    #[arg(long, value_name = "TYPE", default_value = "p256")]
    key_type: String,
    /// Let server and client live this long: 90d, 12h, 4w, 2y
    #[arg(
        long,
        value_name = "LIFE",
        default_value = "365d",
        allow_hyphen_values = true
    )]
    valid_for: String,
    /// Let the CA live this long
    #[arg(
        long,
        value_name = "LIFE",
        default_value = "3650d",
        allow_hyphen_values = true
    )]
    ca_valid_for: String,
    /// Let the CA sign for these SANs alone, and for host names below them
    #[arg(long)]
    constrain: bool,
    /// Encrypt the CA's key with a passphrase
    #[arg(long)]
    encrypt: bool,
    /// Take the passphrase from this file's only line; implies --encrypt
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Debug, Args)]
struct DryRun {
    /// Show what would be done and stop there
    #[arg(long)]
    dry_run: bool,
}

impl DryRun {
    fn mode(&self) -> Mode {
        match self.dry_run {
            true => Mode::DryRun,
            false => Mode::Apply,
        }
    }
}

#[derive(Debug, Args)]
struct IssueArguments {
    /// Choose the key: p256, p384, ed25519, rsa2048, rsa3072 or rsa4096 [default: the CA's]
    #[arg(long, value_name = "TYPE")]
    key_type: Option<String>,
    /// Let it live this long: 90d, 12h, 4w, 2y
    #[arg(
        long,
        value_name = "LIFE",
        default_value = "365d",
        allow_hyphen_values = true
    )]
    valid_for: String,
    /// Open the CA's key with the passphrase in this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Debug, Args)]
struct ServerIssueArguments {
    /// The server's name: its directory in the home
    name: String,
    /// Name its host names and addresses, comma-separated, repeatable
    #[arg(long, value_name = "LIST", required = true)]
    san: Vec<String>,
    #[command(flatten)]
    issue: IssueArguments,
}

#[derive(Debug, Args)]
struct ClientIssueArguments {
    /// The clients' names: directories in the home, and common names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    issue: IssueArguments,
}

#[derive(Debug, Args)]
struct CaPasswdArguments {
    /// Open the key with the passphrase in this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Take the new passphrase from this file's only line
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    new_passphrase_file: Option<PathBuf>,
    /// Leave the key without a passphrase
    #[arg(long)]
    remove: bool,
    /// Agree to --remove without being asked
    #[arg(long, requires = "remove")]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Understands the arguments, the program's name first.
pub fn parse(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Request, UsageError> {
    let Arguments { global, command } =
        Arguments::try_parse_from(arguments).map_err(UsageError::Clap)?;
    let command = match command {
        Commands::Init(arguments) => Command::Init(init(arguments)?),
        Commands::Server(ServerCommands::Issue(ServerIssueArguments { name, san, issue })) => {
            let wish = Wish::Server(name.parse()?, SubjectAltNames::parse(&san)?);
            Command::Issue(self::issue("server issue", vec![wish], issue)?)
        }
        Commands::Client(ClientCommands::Issue(ClientIssueArguments { names, issue })) => {
            let names = names.iter().map(|name| name.parse().map(Wish::Client));
            let wishes = names.collect::<Result<_, _>>()?;
            Command::Issue(self::issue("client issue", wishes, issue)?)
        }
        Commands::List => Command::List,
        Commands::Verify { passphrase_file } => Command::Verify { passphrase_file },
        Commands::Ca(CaCommands::Show) => Command::CaShow,
        Commands::Ca(CaCommands::Passwd(arguments)) => Command::CaPasswd(ca_passwd(arguments)),
        Commands::Completions { shell } => Command::Completions(shell),
        Commands::Man { command } => Command::Man(command),
    };
    let Global {
        home,
        output,
        quiet,
        verbose,
        color,
    } = global;
    let talk = match (quiet, verbose) {
        (true, _) => Talk::Quiet,
        (false, true) => Talk::Verbose,
        (false, false) => Talk::Normal,
    };
    Ok(Request {
        home,
        output,
        talk,
        color,
        command,
    })
}

fn init(arguments: InitArguments) -> Result<Init, UsageError> {
    let InitArguments {
        san,
        server,
        client,
        key_type,
        valid_for,
        ca_valid_for,
        constrain,
        encrypt,
        passphrase_file,
        dry_run,
    } = arguments;
    let sans = SubjectAltNames::parse(&san)?;
    Ok(Init {
        server: match server {
            Some(name) => name.parse()?,
            None => Name::from_san(sans.first()),
        },
        client: client.map(|name| name.parse()).transpose()?,
        sans,
        key_type: key_type.parse()?,
        valid_for: valid_for.parse()?,
        ca_valid_for: ca_valid_for.parse()?,
        constrain: match constrain {
            true => crate::plan::init::Constraint::ToSans,
            false => crate::plan::init::Constraint::Unconstrained,
        },
        encryption: match encrypt || passphrase_file.is_some() {
            true => crate::plan::Encryption::Encrypted,
            false => crate::plan::Encryption::Plain,
        },
        passphrase_file,
        mode: dry_run.mode(),
    })
}

fn issue(
    command: &'static str,
    wishes: Vec<Wish>,
    arguments: IssueArguments,
) -> Result<Issue, UsageError> {
    let IssueArguments {
        key_type,
        valid_for,
        passphrase_file,
        dry_run,
    } = arguments;
    Ok(Issue {
        command,
        wishes,
        key_type: key_type.map(|key_type| key_type.parse()).transpose()?,
        valid_for: valid_for.parse()?,
        passphrase_file,
        mode: dry_run.mode(),
    })
}

fn ca_passwd(arguments: CaPasswdArguments) -> CaPasswd {
    let CaPasswdArguments {
        passphrase_file,
        new_passphrase_file,
        remove,
        yes,
        dry_run,
    } = arguments;
    let consent = match yes {
        true => Consent::Given,
        false => Consent::Ask,
    };
    CaPasswd {
        passphrase_file,
        new: match (new_passphrase_file, remove) {
            (Some(file), _) => NewPassphrase::File(file),
            (None, true) => NewPassphrase::None(consent),
            (None, false) => NewPassphrase::Ask,
        },
        mode: dry_run.mode(),
    }
}

/// The completion script of a shell.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "dockpki", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page of a command, in roff: `[]` for dockpki itself, `["client", "issue"]` for that.
pub fn manual(path: &[String]) -> Result<String, UsageError> {
    let mut root = Arguments::command();
    root.build();
    let mut command = &root;
    for word in path {
        command = command.find_subcommand(word).ok_or_else(|| {
            UsageError::Other(format!("there is no command `dockpki {}`", path.join(" ")))
        })?;
    }
    let mut page = Vec::new();
    let name = command
        .get_bin_name()
        .unwrap_or("dockpki")
        .replace(' ', "-");
    let command = command.clone().name(name).disable_help_subcommand(true);
    // Writing to memory does not fail.
    let _ = clap_mangen::Man::new(command).render(&mut page);
    Ok(String::from_utf8_lossy(&page).into_owned())
}

//! Turns arguments into a [`Request`].  Past here a host name is a host name.

mod arguments;
mod bulk;
mod check;
mod enroll;
mod export;
mod install;
mod install_arguments;
mod pages;
mod refresh;
mod renew;
mod roll;
mod timer;

use std::path::PathBuf;

use clap::{Parser as _, ValueEnum};

use crate::pki::{self, KeyType, Life, Name, SubjectAltNames};
use crate::plan::issue::Wish;

use arguments::{
    Arguments, CaCommands, CaPasswdArguments, ClientCommands, Commands, Global, InitArguments,
    IssueArguments, OutputForm, ServerCommands, ServerIssueArguments,
};
pub use bulk::{Bulk, BulkExport};
pub use check::{Check, ExitCodes, Form};
pub use enroll::{ClientAccept, ClientRequest, ClientSign, Open, ReplyTo};
pub use export::{EncryptTo, Export, Remove, Target};
pub use install::{Env, Extent, InstallClient, InstallServer, Restart, RestartBy, TakeBack, Unset};
use install_arguments::InstallCommands;
pub use pages::{completions, manual};
pub use refresh::ClientRefresh;
pub use renew::{InstallRenewed, Renew};
pub use roll::{LockOut, Roll, RollStart};
use timer::TimerCommands;
pub use timer::{TimerInstall, TimerRemove};

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
    /// `client issue --from`
    Bulk(Box<Bulk>),
    /// `client request`
    ClientRequest(ClientRequest),
    /// `client sign`
    ClientSign(Box<ClientSign>),
    /// `client accept`
    ClientAccept(Box<ClientAccept>),
    /// `client refresh`
    ClientRefresh(ClientRefresh),
    /// `renew`
    Renew(Box<Renew>),
    /// `list`
    List,
    /// `list --clients`
    ListClients,
    /// `client export`
    Export(Box<Export>),
    /// `client remove`
    Remove(Remove),
    /// `check`
    Check(Check),
    /// `verify`
    Verify {
        /// Opens the CA's key.
        passphrase_file: Option<PathBuf>,
    },
    /// `verify --installed`
    VerifyInstalled(VerifyInstalled),
    /// `ca show`
    CaShow,
    /// `ca passwd`
    CaPasswd(CaPasswd),
    /// `ca roll`
    Roll(Roll),
    /// `install server`
    InstallServer(Box<InstallServer>),
    /// `install client`
    InstallClient(InstallClient),
    /// `undo` and `uninstall`
    TakeBack(TakeBack),
    /// `timer install`
    TimerInstall(TimerInstall),
    /// `timer remove`
    TimerRemove(TimerRemove),
    /// `env`
    Env(Env),
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

/// `verify --installed`, understood.
#[derive(Debug)]
pub struct VerifyInstalled {
    /// What stands for `/`.
    pub prefix: PathBuf,
    /// Whether modes and owners are set right.
    pub fix: Fix,
}

/// Whether modes and owners are set right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fix {
    /// They are told.
    Tell,
    /// They are set.
    Repair,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Text,
    /// For programs; stable, with "version": 1 at its top.
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

/// Understands the arguments, the program's name first.
pub fn parse(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Request, UsageError> {
    let Arguments { global, command } =
        Arguments::try_parse_from(arguments).map_err(UsageError::Clap)?;
    let is_check = matches!(command, Commands::Check(_));
    let output = match global.output {
        OutputForm::Json => Output::Json,
        OutputForm::Prometheus if !is_check => {
            return Err(UsageError::Other(
                "found --output prometheus, wanted text or json: dockpki check alone has it".into(),
            ));
        }
        OutputForm::Text | OutputForm::Prometheus => Output::Text,
    };
    let command = match command {
        Commands::Init(arguments) => Command::Init(init(arguments)?),
        Commands::Server(ServerCommands::Issue(ServerIssueArguments { name, san, issue })) => {
            let wish = Wish::Server(Name::fresh(&name)?, SubjectAltNames::parse(&san)?);
            Command::Issue(self::issue("server issue", vec![wish], issue)?)
        }
        Commands::Client(ClientCommands::Issue(arguments)) => bulk::issue(arguments)?,
        Commands::Client(ClientCommands::Request(arguments)) => {
            Command::ClientRequest(enroll::request(arguments)?)
        }
        Commands::Client(ClientCommands::Sign(arguments)) => {
            Command::ClientSign(Box::new(enroll::sign(arguments)?))
        }
        Commands::Client(ClientCommands::Accept(arguments)) => {
            Command::ClientAccept(Box::new(enroll::accept(arguments)?))
        }
        Commands::Client(ClientCommands::Refresh(arguments)) => {
            Command::ClientRefresh(refresh::refresh(arguments)?)
        }
        Commands::Renew(arguments) => Command::Renew(Box::new(renew::renew(*arguments)?)),
        Commands::Client(ClientCommands::Export(arguments)) => {
            Command::Export(Box::new(export::export(*arguments, output)?))
        }
        Commands::Client(ClientCommands::Remove(arguments)) => {
            Command::Remove(export::remove(arguments)?)
        }
        Commands::List { clients: false } => Command::List,
        Commands::List { clients: true } => Command::ListClients,
        Commands::Check(arguments) => Command::Check(check::understood(arguments, global.output)?),
        Commands::Verify {
            passphrase_file,
            installed: false,
            fix: _,
            prefix: _,
        } => Command::Verify { passphrase_file },
        Commands::Verify {
            passphrase_file: _,
            installed: true,
            fix,
            prefix,
        } => Command::VerifyInstalled(VerifyInstalled {
            prefix: prefix.unwrap_or_else(|| "/".into()),
            fix: match fix {
                true => Fix::Repair,
                false => Fix::Tell,
            },
        }),
        Commands::Ca(CaCommands::Show) => Command::CaShow,
        Commands::Ca(CaCommands::Passwd(arguments)) => Command::CaPasswd(ca_passwd(arguments)),
        Commands::Ca(CaCommands::Roll(command)) => Command::Roll(roll::roll(command)?),
        Commands::Install(InstallCommands::Server(arguments)) => {
            Command::InstallServer(Box::new(install::server(*arguments)?))
        }
        Commands::Install(InstallCommands::Client(arguments)) => {
            Command::InstallClient(install::client(arguments)?)
        }
        Commands::Undo(arguments) => {
            Command::TakeBack(install::take_back(Extent::Last, arguments)?)
        }
        Commands::Uninstall(arguments) => {
            Command::TakeBack(install::take_back(Extent::All, arguments)?)
        }
        Commands::Timer(TimerCommands::Install(arguments)) => {
            Command::TimerInstall(timer::install(arguments)?)
        }
        Commands::Timer(TimerCommands::Remove(arguments)) => {
            Command::TimerRemove(timer::remove(&arguments))
        }
        Commands::Env(arguments) => Command::Env(install::env(arguments)?),
        Commands::Completions { shell } => Command::Completions(shell),
        Commands::Man { command } => Command::Man(command),
    };
    let Global {
        home,
        output: _,
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
            Some(name) => Name::fresh(&name)?,
            None => Name::from_san(sans.first()),
        },
        client: client.as_deref().map(Name::fresh).transpose()?,
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

//! What can go wrong on the machine.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::plan::install::DaemonMode;
use crate::plan::state::{Outcome, Recovery};

/// A failure of disk, terminal or environment.
#[derive(Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Error {
    /// The system refused an operation.
    Io {
        /// In the infinitive: `write`.
        action: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
    /// The disk is not as the plan saw it.
    Changed { path: PathBuf },
    /// Something stands where a directory should be.
    NotADirectory { path: PathBuf, wanted: &'static str },
    /// Something stands where a file should be.
    NotAFile { path: PathBuf, found: &'static str },
    /// Another dockpki changes the machine.
    Held { path: PathBuf, holder: String },
    /// A record of what was installed cannot be read.
    Record { path: PathBuf, cause: String },
    /// A command of the machine failed.
    Command { command: String, found: String },
    /// dockerd would not start with the new configuration.
    Invalid { found: String },
    /// The daemon does not answer as it should.
    Unproved { failure: String },
    /// A command or a proof failed, and everything was put back.
    RolledBack { cause: Box<Error> },
    /// Something failed, and this is what the daemon logged about it.
    Quoted { cause: Box<Error>, line: String },
    /// Everything is installed, and the daemon does not serve it.
    NotServed { cause: Box<Error> },
    /// A daemon says something else than it should on its local socket.
    Daemon {
        socket: PathBuf,
        found: String,
        wanted: &'static str,
    },
    /// Nobody says how the daemon is restarted.
    NoRestart { mode: DaemonMode },
    /// Root asks for a rootless daemon.
    RootlessRoot,
    /// A command was killed before.
    CutOff { command: String },
    /// A change failed, and not all of what came before it could be put back.
    NotPutBack { cause: Box<Error>, left: Box<Error> },
    /// Everything is done, but what was kept for the way back could not be removed.
    NotTidied { cause: Box<Error> },
    /// The home is another user's.
    ForeignHome { path: PathBuf, owner: u32 },
    /// The journal of a killed command cannot be read.
    Journal { path: PathBuf, cause: String },
    /// A change failed, and not all of what came before it could be undone.
    NotUndone {
        cause: Box<Error>,
        left: Box<Error>,
        next: Outcome,
    },
    /// Everything is done, but a power cut now might take it.
    NotDurable { cause: Box<Error> },
    /// Everything is done, but a file that was replaced is still kept.
    StillKept { cause: Box<Error> },
    /// A file to be replaced is a symbolic link.
    SymbolicLink { path: PathBuf },
    /// No home was given and none can be derived.
    NoHome,
    /// Who calls cannot be told, so a client cannot be named after them.
    NoUser,
    /// No docker configuration directory was given and none can be derived.
    NoDockerConfig,
    /// Who called sudo cannot be told.
    UnknownCaller { name: String },
    /// Root could not be given up for the user who called sudo.
    StillRoot { cause: String },
    /// Something must be asked and there is no terminal.
    NoTerminal { what: Asked },
    /// The answers to a question and its repetition differ.
    Differ,
    /// A passphrase is empty.
    EmptyPassphrase { path: Option<PathBuf> },
    /// A passphrase file is longer than openssl reads.
    LongPassphrase { path: PathBuf },
    /// What is to be read is longer than any list.
    LongInput { path: PathBuf, wanted: usize },
    /// A passphrase file has more than a line.
    PassphraseLines { path: PathBuf },
    /// A passphrase file can be read by others.
    OpenPassphrase { path: PathBuf, mode: u32 },
    /// What was to be handed out could not be encrypted.
    Encryption { cause: String },
    /// A file of recipients is none.
    Recipients {
        path: PathBuf,
        cause: crate::plan::bundle::Error,
    },
    /// What was to be handed out cannot be written in its form.
    Parcel {
        path: PathBuf,
        cause: crate::plan::bundle::Error,
    },
    /// A key would be shown on the terminal.
    OnTerminal,
    /// The ledger of the home is not ours to write.
    NoLedger { path: PathBuf },
    /// A key could not be made.
    Key(crate::pki::Error),
}

/// What a person would be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The passphrase that opens the CA's key, or that it gets from `init`.
    Passphrase,
    /// The passphrase the CA's key gets from `ca passwd`.
    NewPassphrase,
    /// A yes.
    Consent,
    /// A yes to what a code stands for.
    Code,
}

impl Asked {
    fn words(self) -> &'static str {
        match self {
            Self::Passphrase => "the passphrase",
            Self::NewPassphrase => "the new passphrase",
            Self::Consent => "your consent",
            Self::Code => "your consent to the code",
        }
    }
}

impl Error {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io {
            action,
            path,
            cause,
        }
    }

    /// The cause alone, for who tells the path beside it.
    pub fn cause(&self) -> String {
        match self {
            Self::Io { cause, .. } => words(cause),
            other => other.to_string(),
        }
    }

    /// Whether somebody was faster: what was to be made new is there.
    pub fn is_taken(&self) -> bool {
        use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty};
        matches!(self, Self::Io { cause, .. } if matches!(cause.kind(), AlreadyExists | DirectoryNotEmpty))
    }

    /// Whether the system said that this user may not.
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io {
                action,
                path,
                cause,
            } => write!(f, "cannot {action} `{}`: {}", path.display(), words(cause)),
            Self::Changed { path } => write!(
                f,
                "cannot change `{}`: it changed since the plan was made",
                path.display()
            ),
            Self::NotADirectory { path, wanted } => {
                write!(f, "`{}` is no directory: wanted {wanted}", path.display())
            }
            Self::NotAFile { path, found } => {
                write!(f, "`{}` is {found}: wanted a file", path.display())
            }
            Self::Held { path, holder } => write!(
                f,
                "`{}` is held by another command: {}",
                path.display(),
                match holder.is_empty() {
                    true => "one that has just begun",
                    false => holder,
                }
            ),
            Self::Record { path, cause } => {
                write!(f, "the record `{}` cannot be read: {cause}", path.display())
            }
            Self::Command { command, found } => write!(f, "`{command}` failed: {found}"),
            Self::Invalid { found } => write!(
                f,
                "dockerd would not start with the new daemon.json, so nothing was changed: {found}"
            ),
            Self::Unproved { failure } => f.write_str(failure),
            Self::RolledBack { cause } => write!(f, "{cause}; everything was put back as it was"),
            Self::Quoted { cause, line } => {
                write!(f, "{cause}; the daemon's log says: {line}")
            }
            Self::NotServed { cause } => write!(
                f,
                "everything is installed, but the daemon does not serve it: {cause}"
            ),
            Self::Daemon {
                socket,
                found,
                wanted,
            } => write!(
                f,
                "the daemon at `{}` is not as it should be: {found}, wanted {wanted}",
                socket.display()
            ),
            Self::RootlessRoot => {
                f.write_str("found root, wanted the user whose rootless daemon it is")
            }
            Self::NoRestart { mode } => write!(
                f,
                "cannot tell how dockerd is restarted here: found no systemd{}, wanted a command",
                match mode {
                    DaemonMode::Rootful => "",
                    DaemonMode::Rootless => " of yours",
                }
            ),
            Self::CutOff { command } => {
                write!(f, "an earlier {} was cut off", Recovery::quoted(command))
            }
            Self::NotPutBack { cause, left } => {
                write!(f, "{cause}; not everything could be put back: {left}")
            }
            Self::NotTidied { cause } => write!(
                f,
                "it is done, but what was kept for the way back is still there: {cause}"
            ),
            Self::ForeignHome { path, owner } => write!(
                f,
                "`{}` belongs to user {owner}, not to you: wanted its owner, or a home of your own",
                path.display()
            ),
            Self::Journal { path, cause } => write!(
                f,
                "the journal `{}` of a killed command cannot be read: {cause}",
                path.display()
            ),
            Self::NotUndone { cause, left, next } => {
                let next = match next {
                    Outcome::Finished => "finishes",
                    Outcome::Undone => "undoes",
                };
                write!(
                    f,
                    "{cause}; it could not be undone ({left}): the next dockpki {next} it"
                )
            }
            Self::NotDurable { cause } => {
                write!(f, "it is done, but a power cut now might take it: {cause}")
            }
            Self::StillKept { cause } => write!(
                f,
                "it is done, but what it replaced is still kept under a hidden name: {cause}"
            ),
            Self::SymbolicLink { path } => write!(
                f,
                "`{}` is a symbolic link: wanted the file itself, to replace it",
                path.display()
            ),
            Self::NoHome => {
                f.write_str("no home given, and neither HOME nor /etc/passwd tells one")
            }
            Self::NoUser => f.write_str("cannot tell who calls, so the client has no name"),
            Self::NoDockerConfig => f.write_str(
                "no docker configuration directory given, and nobody tells the user's home",
            ),
            Self::UnknownCaller { name } => write!(
                f,
                "sudo was called by `{}`, whom `/etc/passwd` does not know",
                crate::pki::printable(name)
            ),
            Self::StillRoot { cause } => write!(f, "cannot give up root: {cause}"),
            Self::NoTerminal { what } => {
                write!(
                    f,
                    "{} must be asked for and there is no terminal",
                    what.words()
                )
            }
            Self::Differ => f.write_str("the passphrases differ"),
            Self::EmptyPassphrase { path: None } => f.write_str("the passphrase is empty"),
            Self::EmptyPassphrase { path: Some(path) } => {
                write!(
                    f,
                    "`{}` is empty, wanted a passphrase in its first line",
                    path.display()
                )
            }
            Self::LongInput { path, wanted } => write!(
                f,
                "`{}` is too long: wanted at most {wanted} octets",
                path.display()
            ),
            Self::LongPassphrase { path } => write!(
                f,
                "`{}` is too long, wanted a passphrase of at most 1023 octets",
                path.display()
            ),
            Self::PassphraseLines { path } => {
                write!(
                    f,
                    "`{}` has more than one line, wanted the passphrase alone",
                    path.display()
                )
            }
            Self::OpenPassphrase { path, mode } => write!(
                f,
                "`{}` can be read by others: found mode {mode:04o}, wanted 0400 or 0600",
                path.display()
            ),
            Self::Encryption { cause } => write!(f, "cannot encrypt it: {cause}"),
            Self::Parcel { path, cause } | Self::Recipients { path, cause } => write!(f, "`{}`: {cause}", path.display()),
            Self::OnTerminal => f.write_str(
                "standard output is a terminal, where the private key would be read: wanted a file or \
                 a pipe",
            ),
            Self::NoLedger { path } => write!(
                f,
                "`{}` cannot be written, so nobody would know what was handed out: nothing was",
                path.display()
            ),
            Self::Key(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Display holds the cause, so the chain goes on after it.
        match self {
            Self::Io { cause, .. } => std::error::Error::source(cause),
            _ => None,
        }
    }
}

/// The system's words without Rust's "(os error 30)", in lower case.
pub(super) fn words(cause: &io::Error) -> String {
    let text = cause.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

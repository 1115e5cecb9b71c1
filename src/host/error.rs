//! What can go wrong on the machine.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::plan::state::Outcome;

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
    NotADirectory { path: PathBuf },
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
    /// A file to be replaced is a symbolic link.
    SymbolicLink { path: PathBuf },
    /// No home was given and none can be derived.
    NoHome,
    /// Who calls cannot be told, so a client cannot be named after them.
    NoUser,
    /// Something must be asked and there is no terminal.
    NoTerminal { what: Asked },
    /// The answers to a question and its repetition differ.
    Differ,
    /// A passphrase is empty.
    EmptyPassphrase { path: Option<PathBuf> },
    /// A passphrase file is longer than openssl reads.
    LongPassphrase { path: PathBuf },
    /// A passphrase file has more than a line.
    PassphraseLines { path: PathBuf },
    /// A passphrase file can be read by others.
    OpenPassphrase { path: PathBuf, mode: u32 },
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
}

impl Asked {
    fn words(self) -> &'static str {
        match self {
            Self::Passphrase => "the passphrase",
            Self::NewPassphrase => "the new passphrase",
            Self::Consent => "your consent",
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
            Self::NotADirectory { path } => write!(
                f,
                "`{}` is no directory: wanted the directory of a home",
                path.display()
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
            Self::SymbolicLink { path } => write!(
                f,
                "`{}` is a symbolic link: wanted the file itself, to replace it",
                path.display()
            ),
            Self::NoHome => {
                f.write_str("no home given, and neither HOME nor /etc/passwd tells one")
            }
            Self::NoUser => f.write_str("cannot tell who calls, so the client has no name"),
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

//! Why a plan cannot be made.

use std::fmt;
use std::path::PathBuf;

use super::client::ClientError;
use super::enroll::EnrollError;
use super::layout::PairKind;
use crate::pki;

/// A command that cannot be planned on the home as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Error {
    /// There is no CA in the home.
    NoCa { home: PathBuf },
    /// There is a home, but its CA's certificate is gone.
    CaGone { path: PathBuf },
    /// A file cannot be read.
    Unreadable { path: PathBuf, cause: String },
    /// The CA's key is not in the home.
    NoCaKey { path: PathBuf },
    /// The home's directory holds other things and no CA.
    NotAHome { home: PathBuf, found: String },
    /// The name is taken.
    Taken { kind: PairKind, name: String },
    /// There is one whose name differs by case alone.
    Alike {
        kind: PairKind,
        name: String,
        other: String,
    },
    /// The same name twice in one command.
    Twice { name: String },
    /// The home is of another version.
    HomeVersion { found: u32 },
    /// A line of the ledger is no entry.
    LedgerLine {
        path: PathBuf,
        line: usize,
        cause: String,
    },
    /// The passphrase is to be removed where there is none.
    NoPassphrase { path: PathBuf },
    /// A file of the home holds something else than it should.
    File { path: PathBuf, cause: pki::Error },
    /// A key file can be read by others.
    OpenKey { path: PathBuf, mode: u32 },
    /// There is none of that kind in the home.
    NoneOf { kind: PairKind, home: PathBuf },
    /// There is none of that name in the home.
    Unknown {
        kind: PairKind,
        name: String,
        home: PathBuf,
    },
    /// There is neither a server nor a client of that name in the home.
    UnknownPair { name: String, home: PathBuf },
    /// The ledger says that it is revoked.
    Revoked { kind: PairKind, name: String },
    /// The private key of the client is not in the home: it is where it was made.
    KeyElsewhere { name: String },
    /// A client that has its own key was to get one of another kind.
    OtherKeyElsewhere { name: String },
    /// SANs were given for something else than one server.
    NotOneServer { found: Vec<String> },
    /// What is replaced would go where something is.
    Archived { path: PathBuf },
    /// There is no home, and no certificate where docker or dockerd reads them.
    NothingToCheck { home: PathBuf },
    /// A list of clients cannot be taken.
    Roster {
        source: PathBuf,
        cause: super::roster::RosterError,
    },
    /// The names do not fit into a hook's environment.
    ManyNames { octets: usize, wanted: usize },
    /// There are several, and none was named.
    Several { kind: PairKind, names: Vec<String> },
    /// Nothing was installed on this machine.
    NothingInstalled { store: PathBuf },
    /// Files are not as dockpki left them.
    ChangedSince { paths: Vec<PathBuf> },
    /// What would come back is a daemon.json that names files which are not there.
    WouldNotStart {
        missing: Vec<PathBuf>,
        prefix: Option<PathBuf>,
    },
    /// A phase of a rollover cannot be.
    Rollover(super::rollover::Error),
    /// The host cannot be installed on.
    Install(super::install::Error),
    /// A file of a pair is not as it must be where Docker reads it.
    Unsound {
        path: PathBuf,
        found: String,
        wanted: String,
    },
    /// The client cannot be installed.
    Client(ClientError),
    /// The client cannot be enrolled.
    Enroll(EnrollError),
    /// The client cannot be handed out so, or what was handed out cannot be read.
    Bundle(super::bundle::Error),
    /// What was handed over, in this file or on standard input, is not what it should be.
    Handed {
        from: Option<PathBuf>,
        cause: Box<Error>,
    },
    /// The CA's key is encrypted, and a timer has nobody to ask.
    TimerPassphrase {
        path: PathBuf,
        prefix: Option<PathBuf>,
    },
    /// What a timer is to run cannot be written into a unit.
    Unwritable { found: String, wanted: &'static str },
    /// The certificate could not be made.
    Pki(pki::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCa { home } => write!(f, "there is no CA in `{}`", home.display()),
            Self::CaGone { path } => {
                write!(
                    f,
                    "the CA's certificate is gone, wanted it at `{}`",
                    path.display()
                )
            }
            Self::Unreadable { path, cause } => {
                write!(f, "cannot read `{}`: {cause}", path.display())
            }
            Self::TimerPassphrase { path, prefix: _ } => write!(
                f,
                "`{}` is encrypted and a timer has nobody to ask: wanted its passphrase in a file",
                path.display()
            ),
            Self::Unwritable { found, wanted } => write!(
                f,
                "`{}` cannot be written into a unit: wanted {wanted}",
                pki::printable(found)
            ),
            Self::NoCaKey { path } => {
                write!(
                    f,
                    "the CA's key is not here, wanted it at `{}`",
                    path.display()
                )
            }
            Self::NotAHome { home, found } => write!(
                f,
                "`{}` is no dockpki home: found `{}` in it, wanted an empty or new directory",
                home.display(),
                found.escape_debug()
            ),
            Self::Taken { kind, name } => {
                write!(
                    f,
                    "there is a {} `{name}` already, nothing was issued",
                    kind.as_str()
                )
            }
            Self::Alike { kind, name, other } => write!(
                f,
                "`{name}` differs from the {} `{other}` by case alone, and macOS and Windows take their \
                 files for one: nothing was issued",
                kind.as_str()
            ),
            Self::Twice { name } => write!(f, "the name `{name}` is given twice"),
            Self::HomeVersion { found } => write!(
                f,
                "the home is of version {found}, this dockpki knows version {}",
                super::ledger::VERSION
            ),
            Self::LedgerLine { path, line, cause } => {
                write!(
                    f,
                    "line {line} of `{}` is no entry: {cause}",
                    path.display()
                )
            }
            Self::NoPassphrase { path } => {
                write!(f, "`{}` has no passphrase to remove", path.display())
            }
            Self::File { path, cause } => write!(f, "`{}`: {cause}", path.display()),
            Self::OpenKey { path, mode } => write!(
                f,
                "`{}` can be read by others: found mode {mode:04o}, wanted 0400",
                path.display()
            ),
            Self::NoneOf { kind, home } => write!(
                f,
                "there is no {} in `{}` that can be used",
                kind.as_str(),
                home.display()
            ),
            Self::Unknown { kind, name, home } => write!(
                f,
                "there is no {} `{}` in `{}`",
                kind.as_str(),
                pki::printable(name),
                home.display()
            ),
            Self::UnknownPair { name, home } => write!(
                f,
                "there is no server and no client `{}` in `{}`",
                pki::printable(name),
                home.display()
            ),
            Self::Revoked { kind, name } => write!(
                f,
                "the {} `{name}` is revoked: to renew it would give back what was taken",
                kind.as_str()
            ),
            Self::KeyElsewhere { name } => write!(
                f,
                "the key of the client `{}` is not in the home: it never left the machine it was \
                 made on",
                pki::printable(name)
            ),
            Self::OtherKeyElsewhere { name } => write!(
                f,
                "the client `{}` has its own key, which is not in the home: none of another kind \
                 can be made for it here",
                pki::printable(name)
            ),
            Self::NotOneServer { found } => {
                let found = match found.len() {
                    0 => "none".into(),
                    1..=4 => found.join(", "),
                    count => format!("{count} servers and clients"),
                };
                write!(
                    f,
                    "SANs are of one server: found {found}, wanted the name of one server"
                )
            }
            Self::Archived { path } => write!(
                f,
                "`{}` is there already, wanted the place for what goes to the archive: nothing was changed",
                path.display()
            ),
            Self::NothingToCheck { home } => write!(
                f,
                "there is nothing to check: found no CA in `{}`, and no certificates of docker's on this machine",
                home.display()
            ),
            Self::Roster { source, cause } => {
                write!(f, "nothing was issued from `{}`: {cause}", source.display())
            }
            Self::ManyNames { octets, wanted } => write!(
                f,
                "the names are {octets} octets, a deploy hook's variable holds {wanted}: \
                 nothing was renewed"
            ),
            Self::Several { kind, names } => write!(
                f,
                "found the {}s {}, wanted the name of one",
                kind.as_str(),
                pki::printable(&names.join(", "))
            ),
            Self::Rollover(error) => error.fmt(f),
            Self::NothingInstalled { store } => write!(
                f,
                "nothing was installed here: found no record in `{}`",
                store.display()
            ),
            Self::ChangedSince { paths } => {
                let paths = paths.iter().map(|path| format!("`{}`", path.display()));
                write!(
                    f,
                    "{} changed since it was installed: nothing was taken back",
                    Vec::from_iter(paths).join(", ")
                )
            }
            Self::WouldNotStart { missing, prefix: _ } => {
                let paths = missing.iter().map(|path| format!("`{}`", path.display()));
                write!(
                    f,
                    "daemon.json would come back naming files that were not there, {}: the daemon \
                     would not start, so nothing was taken back",
                    Vec::from_iter(paths).join(", ")
                )
            }
            Self::Install(cause) => cause.fmt(f),
            Self::Unsound {
                path,
                found,
                wanted,
            } => write!(
                f,
                "`{}`: found {}, wanted {wanted}",
                path.display(),
                pki::printable(found)
            ),
            Self::Client(cause) => cause.fmt(f),
            Self::Enroll(cause) => cause.fmt(f),
            Self::Bundle(cause) => cause.fmt(f),
            Self::Handed { from, cause } => match from {
                Some(path) => write!(f, "`{}`: {cause}", path.display()),
                None => write!(f, "standard input: {cause}"),
            },
            Self::Pki(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<super::install::Error> for Error {
    fn from(cause: super::install::Error) -> Self {
        Self::Install(cause)
    }
}

impl From<pki::Error> for Error {
    fn from(cause: pki::Error) -> Self {
        Self::Pki(cause)
    }
}

impl From<EnrollError> for Error {
    fn from(cause: EnrollError) -> Self {
        Self::Enroll(cause)
    }
}

impl From<ClientError> for Error {
    fn from(cause: ClientError) -> Self {
        Self::Client(cause)
    }
}

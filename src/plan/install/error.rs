//! Why a host cannot be installed on.

use std::fmt;
use std::path::PathBuf;

use super::super::{daemon_json, systemd};
use super::listen::Listen;
use crate::pki;

/// A host, a server or a wish that does not allow an install.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Error {
    /// An address to listen on that is none.
    Listen { text: String, wanted: String },
    /// The daemon cannot listen on both.
    Clash { wished: Listen, there: Listen },
    /// daemon.json cannot be edited.
    DaemonJson {
        path: PathBuf,
        cause: daemon_json::Fault,
    },
    /// docker.service cannot be freed of its flags.
    Unit(systemd::Fault),
    /// The certificate does not have the name clients would connect by.
    NotCovered {
        path: PathBuf,
        name: String,
        sans: String,
    },
    /// No address tells how the proof can reach the daemon.
    NoProbe { listen: Listen },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { text, wanted } => write!(
                f,
                "`{}` is no address to listen on: {wanted}",
                pki::printable(text)
            ),
            Self::Clash { wished, there } => write!(
                f,
                "the daemon cannot listen on {wished} and on {there} at once: wanted one of them"
            ),
            Self::DaemonJson { path, cause } => write!(f, "`{}`: {cause}", path.display()),
            Self::Unit(cause) => cause.fmt(f),
            Self::NotCovered { path, name, sans } => write!(
                f,
                "`{}` is for {sans}: wanted one for `{name}` too, or clients there would refuse it",
                path.display()
            ),
            Self::NoProbe { listen } => write!(
                f,
                "the server has no name by which {listen} could be proved: wanted one that is no wildcard"
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<systemd::Fault> for Error {
    fn from(cause: systemd::Fault) -> Self {
        Self::Unit(cause)
    }
}

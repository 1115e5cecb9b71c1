//! Why a unit cannot be freed of its flags.

use std::fmt;
use std::path::PathBuf;

use crate::pki::printable;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1; the first of those that a backslash joins.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of `{}`", self.line, self.path.display())
    }
}

/// A docker.service that dockpki cannot read, or must not change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Fault {
    /// The unit's own file is empty or a link to /dev/null.
    Masked { path: PathBuf },
    /// Neither the unit nor a drop-in has an ExecStart.
    NoExecStart { path: PathBuf },
    /// More than one command: systemd refuses it for anything but `Type=oneshot`.
    SecondCommand { at: Place, found: String },
    /// What is started is something else: a shell, a wrapper, another program.
    NotDockerd { at: Place, found: String },
    /// A quote is opened and not closed.
    OpenQuote { at: Place, found: String },
    /// A flag that dockerd would not take.
    Flag {
        at: Place,
        found: String,
        wanted: &'static str,
    },
    /// A word that must be known has a specifier in it that only systemd can fill in.
    Specifier {
        at: Place,
        found: String,
        specifier: String,
    },
    /// Another drop-in sets ExecStart and comes after any name of ours, or has the last of them.
    Outranked { path: PathBuf },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masked { path } => write!(
                f,
                "`{}` is masked: found nothing in it, wanted a service that starts dockerd",
                path.display()
            ),
            Self::NoExecStart { path } => write!(
                f,
                "`{}` and its drop-ins start nothing: found no ExecStart, wanted one that starts \
                 dockerd",
                path.display()
            ),
            Self::SecondCommand { at, found } => write!(
                f,
                "{at} starts a second program: found `{}`, wanted one ExecStart, or an empty \
                 `ExecStart=` before the next",
                printable(found)
            ),
            Self::NotDockerd { at, found } => write!(
                f,
                "{at} does not start dockerd itself: found `{}`, wanted a path that ends in \
                 `dockerd`",
                printable(found)
            ),
            Self::OpenQuote { at, found } => write!(
                f,
                "{at} has a quote that is not closed: found `{}`, wanted its other half",
                printable(found)
            ),
            Self::Flag { at, found, wanted } => write!(
                f,
                "{at} has a flag that dockerd does not take: found `{}`, wanted {wanted}",
                printable(found)
            ),
            Self::Specifier {
                at,
                found,
                specifier,
            } => write!(
                f,
                "{at} leaves a part of a flag to systemd: found `{}`, wanted it without `{}`",
                printable(found),
                printable(specifier)
            ),
            Self::Outranked { path } => write!(
                f,
                "`{}` is in the way of dockpki's drop-in, which must be the last to set ExecStart: \
                 wanted its name before `{}`, or no -H, --host and --tls flags in it",
                path.display(),
                super::drop_in::DROP_IN_NAMES[1]
            ),
        }
    }
}

impl std::error::Error for Fault {}

//! Why a phase of a rollover cannot be planned.

use std::fmt;

use time::OffsetDateTime;

use super::{Left, Why};
use crate::pki::{date, printable};

/// A phase that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Error {
    /// A rollover is under way already.
    UnderWay { old: String, new: String },
    /// None is under way.
    NotUnderWay,
    /// Certificates of the old CA are left that somebody may use.
    Left { old: String, left: Vec<Left> },
    /// There is nothing to turn round.
    NothingToUndo,
    /// The CA that would sign again has ended.
    Ended { ca: String, end: OffsetDateTime },
}

/// How many are named; the rest is counted.
const NAMED: usize = 5;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay { old, new } => write!(
                f,
                "a rollover is under way, from `{}` to `{}`: wanted none",
                printable(old),
                printable(new)
            ),
            Self::NotUnderWay => f.write_str("no rollover is under way"),
            Self::Left { old, left } => {
                let named = left.iter().take(NAMED).map(|left| {
                    let Left {
                        kind,
                        name,
                        not_after,
                        why,
                        ..
                    } = left;
                    let name = printable(name);
                    let why = match why {
                        Why::InHome => String::new(),
                        Why::FilesGone => ", whose files are gone".into(),
                        Why::Removed => ", which was removed".into(),
                        Why::HandedOut(place) => format!(", at {}", printable(place)),
                    };
                    format!(
                        "{} `{name}` until {}{why}",
                        kind.as_str(),
                        &not_after[..10.min(not_after.len())]
                    )
                });
                let named = Vec::from_iter(named).join("; ");
                let more = match left.len().saturating_sub(NAMED) {
                    0 => String::new(),
                    more => format!("; and {more} more"),
                };
                write!(
                    f,
                    "certificates of the old CA `{}` are still valid: {named}{more}",
                    printable(old)
                )
            }
            Self::NothingToUndo => {
                f.write_str("there is no rollover to take back: none is under way or was finished")
            }
            Self::Ended { ca, end } => write!(
                f,
                "`{}` ended on {}: it cannot sign again",
                printable(ca),
                date(*end)
            ),
        }
    }
}

impl From<Error> for crate::plan::Error {
    fn from(error: Error) -> Self {
        Self::Rollover(error)
    }
}

//! Renews servers and clients: what is due gets a new certificate, the old pair goes to the
//! archive.
//!
//! Here is what can be asked for; [`decide`] says what of it is due, [`reissue`] makes one new
//! pair, [`plan`] puts them together.

mod decide;
mod due;
mod installed;
mod reissue;

pub use decide::{Candidate, Decision, IssuedBy, Later, NextKey, Replaced, decide};
pub use due::{Due, carried_life, due};
pub use installed::{Standing, client_places};
pub use reissue::{Reissued, Renewal, Renewed, plan, refuse_archived, reissue};

use std::fmt;
use std::str::FromStr;

use super::layout::PairKind;
use crate::pki::{self, KeyType, Life, Name, SubjectAltNames};

/// What `renew` was asked for.
#[derive(Debug)]
pub struct Wish {
    /// Whose certificates are looked at.
    pub scope: Scope,
    /// Which of them are due.
    pub rule: Rule,
    /// The keys of the new ones.
    pub keys: Keys,
    /// The names and addresses of the one server that is looked at.
    pub sans: Sans,
    /// How long the new ones live; as long as the old ones if nothing.
    pub valid_for: Option<Life>,
}

/// Whose certificates are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.  A pair that cannot be read is named, and keeps nobody else from being
    /// renewed.
    All,
    /// Those of these names.  If one of them cannot be renewed, none is.
    Named(Vec<Selector>),
}

/// A name somebody typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// `NAME`: the server and the client of that name.
    Any(Name),
    /// `servers/NAME` or `clients/NAME`.
    Of(PairKind, Name),
}

impl Selector {
    /// The name alone.
    pub fn name(&self) -> &Name {
        match self {
            Self::Any(name) | Self::Of(_, name) => name,
        }
    }

    /// The kinds it stands for.
    pub fn kinds(&self) -> impl Iterator<Item = PairKind> {
        PairKind::ALL.into_iter().filter(|kind| match self {
            Self::Any(_) => true,
            Self::Of(one, _) => one == kind,
        })
    }
}

impl FromStr for Selector {
    type Err = pki::Error;

    fn from_str(text: &str) -> Result<Self, pki::Error> {
        let of_kind = PairKind::ALL.into_iter().find_map(|kind| {
            let below = text.strip_prefix(kind.directory())?.strip_prefix('/')?;
            Some((kind, below))
        });
        Ok(match of_kind {
            Some((kind, name)) => Self::Of(kind, name.parse()?),
            None => Self::Any(text.parse()?),
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(name) => name.fmt(f),
            Self::Of(kind, name) => f.write_str(&kind.pair(name.as_str())),
        }
    }
}

/// When a certificate is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// When less than a third of its life is left.
    Third,
    /// When less than this is left.
    Within(Life),
    /// Now.
    Always,
    /// Now, if it is of the old CA of a rollover.
    OldCa,
}

impl Rule {
    /// The command that goes by it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Third | Self::Within(_) | Self::Always => "renew",
            Self::OldCa => "ca roll issue",
        }
    }
}

/// The keys of the new certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// New ones, of the old one's kind if nothing is said.
    Fresh(Option<KeyType>),
    /// The old ones.
    Reused,
}

impl Keys {
    /// Whether the old keys are needed.
    pub fn are_kept(self) -> bool {
        self == Self::Reused
    }
}

/// The names and addresses of a renewed server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sans {
    /// Those it has.
    Carried,
    /// These instead.
    Replaced(SubjectAltNames),
    /// Those it has and these.
    Added(SubjectAltNames),
}

//! Decides what monitoring is told of each certificate: how grave it is, and what mends it.
//!
//! [`home`] judges what the home holds, [`installed`] what this machine has and what its daemon
//! serves.  Time is an argument.

pub mod daemon;
mod found;
pub mod home;
pub mod installed;
mod known;
#[cfg(test)]
mod tests;
mod threshold;

use std::path::PathBuf;

use time::{Duration, OffsetDateTime};

pub use known::Known;
pub use threshold::{NoThreshold, Threshold, Thresholds};

use super::install::DaemonMode;
use super::list::Standing;
use crate::pki::{Certificate, Purpose, Serial, Validity};

/// How grave a thing is, the gravest last.  That something could not be read is less than that
/// something is wrong, but is never hidden by what is fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing to do.
    Fine,
    /// It could not be told.
    Unknown,
    /// It will break.
    Warning,
    /// It is broken, or will be before long.
    Critical,
}

impl Severity {
    /// The exit code of a plugin for Nagios.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// In a word, as the table and JSON have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A certificate, or what stands in its place, and what was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// CA, server or client.
    pub purpose: Purpose,
    /// What it is called here: `clients/ci`, a path, an address, a context.
    pub label: String,
    /// Its file; the address of one that is served.
    pub path: PathBuf,
    /// What is in it, or nothing if it could not be read.
    pub facts: Option<Facts>,
    /// What is to be said of it.
    pub state: State,
    /// How grave that is.
    pub severity: Severity,
    /// What mends it.
    pub mend: Option<Mend>,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The common name of its subject.
    pub subject: Option<String>,
    /// The common name of its issuer.
    pub issuer: Option<String>,
    /// The DER of its issuer's name.
    pub issuer_der: Vec<u8>,
    /// Its serial number.
    pub serial: Serial,
    /// From when to when it is valid.
    pub validity: Validity,
}

impl Facts {
    fn of(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.common_name.clone(),
            issuer: certificate.issuer_common_name(),
            issuer_der: certificate.issuer_der.clone(),
            serial: certificate.serial.clone(),
            validity: certificate.validity,
        }
    }

    /// From now to the end; negative if it has passed.
    pub fn left(&self, now: OffsetDateTime) -> Duration {
        self.validity.not_after - now
    }
}

/// What is to be said of a certificate: the worst, and of two as bad that which tells more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Nothing: it is valid, and will be for long enough.
    Fine,
    /// Less is left of its life than a threshold.
    Due,
    /// As `list` says it: expired, broken, without its key.
    Standing(Standing),
    /// It was renewed in the home, and this is the one before.
    NotInstalled,
    /// It is of a CA that the home trusts no more.
    Dropped,
    /// The home issued it, by a CA that is trusted no more: nobody believes it.
    OfRetiredCa,
    /// It is of a CA that is none of the home's: nobody believes it.
    OfOtherCa,
    /// The home's `ca.pem` holds certificates, but not those of a home.
    NotCas {
        /// In words.
        cause: String,
    },
    /// The daemon serves another than its file holds: it was not restarted since.
    NotServed {
        /// The serial in the file.
        file: Serial,
    },
    /// The daemon is configured for TLS and does not answer.
    Silent {
        /// In words.
        found: String,
    },
    /// It could not be read.
    Unreadable {
        /// In words.
        cause: String,
    },
}

/// What mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mend {
    /// The next certificate for a server or client of the home.
    Reissue {
        /// The command.
        by: Reissue,
        /// Whose: `clients/ci`.
        label: String,
    },
    /// `dockpki verify` says what does.
    Verify,
    /// `dockpki ca roll start`
    Roll,
    /// A rollover is under way: `dockpki ca roll status`
    RollStatus,
    /// `dockpki install server NAME`
    InstallServer {
        /// Its name in the home; nothing if nobody knows which it was.
        name: Option<String>,
        /// Whose daemon it is.
        mode: DaemonMode,
        /// Whether it must be renewed first.
        renewal: Renewal,
    },
    /// `dockpki install client NAME`
    InstallClient {
        /// Its name in the home; nothing if nobody knows which it was.
        name: Option<String>,
        /// The docker context it is in, if it is in one.
        context: Option<String>,
        /// docker's configuration directory, if it is another than the caller's.
        docker_config: Option<PathBuf>,
        /// Whether it must be renewed first.
        renewal: Renewal,
    },
    /// The home here does not have it: it comes from where its CA is.
    Elsewhere(Renewal),
    /// The home's is revoked, and is not renewed: another, under another name.
    Another,
    /// A restart of the daemon.
    Restart,
    /// A look at the daemon, which does not answer.
    StartDaemon,
    /// `chmod 0400 KEY`
    CloseKey(PathBuf),
    /// The clock of this machine.
    Clock,
    /// Another user.
    OtherUser,
    /// A look at a file.
    Look(PathBuf),
}

/// The command that issues the next certificate; each does nothing where another is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reissue {
    /// `dockpki renew clients/NAME`, of what is due by its own rule.
    Due,
    /// `dockpki renew --force clients/NAME`, of what is not.
    Forced,
    /// `dockpki ca roll issue clients/NAME`, of the old CA's in a rollover.
    Rollover,
}

/// Whether a certificate that is to be installed must be renewed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It lies renewed in the home.
    Done,
    /// It must, by this command.
    Needed(Reissue),
}

/// The most severe, the rest as they were: what a reader wants first.
pub fn sort(all: &mut [Checked]) {
    all.sort_by_key(|checked| std::cmp::Reverse(checked.severity));
}

/// The worst of all.  Of nothing, nothing can be told: a monitor that looks in the wrong place must
/// not be green.
pub fn worst(all: &[Checked]) -> Severity {
    let severities = all.iter().map(|checked| checked.severity);
    severities.max().unwrap_or(Severity::Unknown)
}

/// The one of those still valid that ends first.
pub fn next(all: &[Checked], now: OffsetDateTime) -> Option<(&Checked, OffsetDateTime)> {
    let ends = all.iter().filter_map(|checked| {
        let end = checked.facts.as_ref()?.validity.not_after;
        (end >= now).then_some((checked, end))
    });
    ends.min_by_key(|(_, end)| *end)
}

/// What the dates of a certificate say.
fn in_time(
    purpose: Purpose,
    validity: Validity,
    thresholds: &Thresholds,
    now: OffsetDateTime,
) -> (State, Severity) {
    let left = validity.not_after - now;
    if left.is_negative() {
        return (State::Standing(Standing::Expired), Severity::Critical);
    }
    if now < validity.not_before {
        return (State::Standing(Standing::NotYetValid), Severity::Critical);
    }
    match thresholds.judge(purpose, validity, left) {
        Severity::Fine => (State::Fine, Severity::Fine),
        severity => (State::Due, severity),
    }
}

/// What is to be said of one that works, though others can read its key: that, unless it is about
/// to end.
fn or_open(state: State, severity: Severity) -> (State, Severity) {
    match severity {
        Severity::Critical => (state, severity),
        _ => (State::Standing(Standing::KeyOpen), Severity::Warning),
    }
}

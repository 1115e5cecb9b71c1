//! Judges a home offline: chain, profile, keys, lives, modes, owners, names.
//!
//! Here is what a judgement is made of, and what both parts of it share: [`home`] judges the
//! CA and the home itself, [`pair`] one server or client.

mod ca;
mod installed;
mod outside;
mod pair;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::context::ContextName;
use super::issue::Wish;
use super::layout::{self, PairKind};
use super::ledger::{Entry, Event};
use super::remembered::Remembered;
use super::rollover::Campaign;
use super::state::{DirectoryState, FileState, HomeState, PresentFile};
use super::trust::Trust;
use crate::pki::{self, Certificate, KeyType, Life, Purpose, Validity, date, printable};

pub use ca::{HomeDirectories, home};
pub use installed::{FoundPath, Installed, InstalledPath, fixes, installed};
pub use outside::HomeCas;
pub use pair::pair;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file or directory.
    pub path: PathBuf,
    /// What was found there.
    pub found: String,
    /// What was wanted.
    pub wanted: String,
    /// How it is mended.
    pub mend: Mend,
}

/// What mends a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mend {
    /// `chmod` with this mode.
    Mode(u32),
    /// `chown` to the home's owner of this number.
    Owner(u32),
    /// `chown` to the user and group of these numbers.
    OwnerAndGroup(u32, u32),
    /// Install it again; which of the two below that is, depends on the path.
    InstallAgain,
    /// Renew it, unless that was done, and install it again; as above.
    RenewAndInstall,
    /// Renew a server or client of the home, unless it is already, then what is here.
    RenewFirst(PairKind, String, Box<Mend>),
    /// `install server`
    InstallServer {
        /// The server.
        name: String,
        /// What stands for `/`, if it is not that.
        prefix: Option<PathBuf>,
    },
    /// `install client`
    InstallClient {
        /// The client; nothing if nobody knows which it was.
        name: Option<String>,
        /// The docker context whose files they are, if they are one's.
        context: Option<ContextName>,
    },
    /// `timer install`
    InstallTimer {
        /// What stands for `/`, if it is not that.
        prefix: Option<PathBuf>,
    },
    /// Drop a line of the ledger, from 1, unless a backup has it.
    DropLine(usize),
    /// Edit the file: nobody else can tell what was meant.
    Edit,
    /// Put the pair aside and issue it again.
    Reissue {
        /// The pair.
        wish: Box<Wish>,
        /// How long its certificate was to live; nothing if it cannot be read.
        life: Option<Life>,
        /// The kind of its key; nothing if it cannot be read, or is the CA's.
        key_type: Option<KeyType>,
    },
    /// Renew it, due or not.
    Renew(PairKind, String),
    /// Put the pair aside: nothing it was made for is known.
    PutAside(PairKind, String),
    /// Copy the home's `ca.pem` over this one.
    CopyCa,
    /// Put what stands in its place aside, and copy the home's `ca.pem` there.
    ReplaceByCa,
    /// Roll over to a new CA: this one can issue nothing more.
    RollOver,
    /// Remove it: it is nobody's.
    Remove,
    /// Set the machine's clock.
    SetClock,
    /// Copy a pair's `ca.pem`, which is good, over the home's.
    CopyCaFrom(PathBuf),
    /// Copy it again from the home that this one is a part of.
    CopyAgain(PathBuf),
    /// Restore the file from the operator's backup, for nothing here can make it again.
    Restore,
}

/// Something the operator should know that is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The CA's key is encrypted and there was no passphrase: that it is this CA's is not proved.
    CaKeyNotOpened(PathBuf),
    /// The CA's key is elsewhere: nothing can be issued from here.
    CaKeyElsewhere(PathBuf),
    /// A rollover is under way: two CAs are trusted.
    RolloverUnderWay(Box<Campaign>),
    /// The home is a part of another: what only that one knows was not checked.
    PartOfAHome(PathBuf),
}

/// What every pair is held against.
#[derive(Debug)]
pub struct Context {
    home: PathBuf,
    owner: u32,
    trust: Option<Trust>,
    /// By serial; nothing if the ledger cannot be read.
    issued: Option<HashMap<String, Entry>>,
    remembered: Remembered,
    extent: Extent,
    now: OffsetDateTime,
}

/// How much of a home there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// What was copied of it: nothing can be issued here.
    Part,
}

impl Context {
    /// Gathers it from the home and its ledger.
    pub fn new(home: &HomeState, now: OffsetDateTime) -> Self {
        let ledger = match home.ledger {
            FileState::Absent => None,
            _ => home.ledger().ok(),
        };
        let remembered = ledger.as_deref().map(Remembered::of).unwrap_or_default();
        let issued = ledger.map(|ledger| {
            let issued = ledger
                .into_iter()
                .filter(|entry| entry.event == Event::Issued);
            issued.map(|entry| (entry.serial.clone(), entry)).collect()
        });
        let mut context = Self {
            home: home.path.clone(),
            owner: home.directory.map_or(0, |directory| directory.owner),
            trust: home.trust().ok(),
            issued,
            remembered,
            extent: match home.is_part() {
                true => Extent::Part,
                false => Extent::Whole,
            },
            now,
        };
        // One that is not the ledger's is no measure for the pairs.
        if !context.vouches_for_ca() {
            context.trust = None;
        }
        context
    }
}

impl Context {
    /// Whether every CA that is trusted is one the ledger has.
    pub fn vouches_for_ca(&self) -> bool {
        let trust = self.trust.as_ref();
        trust.is_some_and(|trust| trust.all().all(|ca| self.is_ledgers_ca(ca)))
    }

    /// Whether a certificate is a CA the ledger has.
    pub fn is_ledgers_ca(&self, ca: &Certificate) -> bool {
        unlike_ledger(self, ca, Purpose::Ca.as_str(), None).is_none()
    }
}

/// Judges what commands left behind: keys may be in it.
pub fn leftovers(paths: Vec<PathBuf>) -> impl Iterator<Item = Finding> {
    paths.into_iter().map(|path| Finding {
        path,
        found: "what a command left behind that was neither finished nor undone".into(),
        wanted: "nothing".into(),
        mend: Mend::Remove,
    })
}

/// What the ledger says against a certificate.
fn unlike_ledger(
    context: &Context,
    certificate: &Certificate,
    kind: &str,
    name: Option<&str>,
) -> Option<(String, String)> {
    let wanted = match name {
        Some(name) => format!(
            "the certificate the ledger has for {kind} `{}`",
            printable(name)
        ),
        None => "a CA that the ledger has".into(),
    };
    let found = match context
        .issued
        .as_ref()?
        .get(&certificate.serial.to_string())
    {
        None => format!(
            "serial {}, which the ledger does not know",
            certificate.serial
        ),
        Some(entry) if entry.kind != kind || name.is_some_and(|name| entry.name != name) => {
            format!(
                "the certificate of {} `{}`",
                printable(&entry.kind),
                printable(&entry.name)
            )
        }
        Some(entry) if entry.fingerprint != certificate.fingerprint() => {
            format!("another certificate of serial {}", certificate.serial)
        }
        Some(_) => return None,
    };
    Some((found, wanted))
}

/// An error of a file as something that was found in it.
pub(super) fn found_words(error: &pki::Error) -> String {
    match error {
        pki::Error::NoPem { found, .. } | pki::Error::UnsupportedKey { found } => found.clone(),
        pki::Error::BrokenPem { cause, .. } => format!("a damaged PEM block ({cause})"),
        pki::Error::BrokenCertificate { cause } => format!("a damaged certificate ({cause})"),
        pki::Error::BrokenKey { cause } => format!("a damaged key ({cause})"),
        pki::Error::Encrypted => "an encrypted key".into(),
        pki::Error::Chain { cause } => format!("a certificate the CA does not vouch for: {cause}"),
        other => other.to_string(),
    }
}

pub(super) fn out_of_time(validity: Validity, now: OffsetDateTime) -> Option<(String, String)> {
    if now > validity.not_after {
        let found = format!("a certificate that expired on {}", date(validity.not_after));
        return Some((found, "one that is valid".into()));
    }
    (now < validity.not_before).then(|| {
        let found = format!("a certificate that begins on {}", date(validity.not_before));
        (found, "one that is valid, or a clock that is right".into())
    })
}

fn directory(
    context: &Context,
    findings: &mut Vec<Finding>,
    path: &Path,
    state: Option<DirectoryState>,
) {
    if let Some(DirectoryState { mode, owner }) = state {
        judge_mode(findings, path, mode, layout::DIRECTORY_MODE);
        judge_owner(context, findings, path, owner);
    }
}

fn mode_and_owner(
    context: &Context,
    findings: &mut Vec<Finding>,
    path: &Path,
    file: &PresentFile,
    mode: u32,
) {
    judge_mode(findings, path, file.mode, mode);
    judge_owner(context, findings, path, file.owner);
}

fn judge_mode(findings: &mut Vec<Finding>, path: &Path, found: u32, wanted: u32) {
    if found != wanted {
        findings.push(Finding {
            path: path.to_owned(),
            found: format!("mode {found:04o}"),
            wanted: format!("{wanted:04o}"),
            mend: Mend::Mode(wanted),
        });
    }
}

fn judge_owner(context: &Context, findings: &mut Vec<Finding>, path: &Path, found: u32) {
    if found != context.owner {
        findings.push(Finding {
            path: path.to_owned(),
            found: format!("owner {found}"),
            wanted: format!("{}, the home's", context.owner),
            mend: Mend::Owner(context.owner),
        });
    }
}

fn open_to_others(path: PathBuf, mode: u32) -> Finding {
    Finding {
        path,
        found: format!("mode {mode:04o}: others can read the key, so it was not read"),
        wanted: format!("{:04o}", layout::KEY_MODE),
        mend: Mend::Mode(layout::KEY_MODE),
    }
}

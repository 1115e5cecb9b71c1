//! Makes the new certificates, and plans how they take the place of the old.

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{Candidate, IssuedBy, Replaced, carried_life};
use crate::pki::{Certificate, Life, Serial};
use crate::plan::issue::{PairKey, PlannedPair, pair_files};
use crate::plan::layout::{self, PairKind};
use crate::plan::ledger::Entry;
use crate::plan::state::{DirectoryState, FileState, HomeState, PairState, PresentFile};
use crate::plan::trust::Issuer;
use crate::plan::{Change, Error, Plan};

/// One pair that takes the place of another: the change, the ledger's entry, and what the report
/// tells of it.
#[derive(Debug)]
pub struct Reissued {
    change: Change,
    entry: Entry,
    renewed: Renewed,
}

/// A pair as it was renewed, for the report.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// The new one.
    pub pair: PlannedPair,
    /// The serial number of the old one.
    pub replaces: Serial,
    /// The end of the old one.
    pub old_not_after: OffsetDateTime,
    /// Which CA the old one is of.
    pub old_issued_by: IssuedBy,
}

/// Renewals planned: what will be changed, and what the report tells of it.
#[derive(Debug)]
pub struct Renewal {
    /// The changes.
    pub plan: Plan,
    /// The CA's certificate.
    pub ca: Certificate,
    /// The servers and clients.
    pub pairs: Vec<Renewed>,
}

impl Renewal {
    /// A pair as it will lie in the home, if it is renewed.
    pub fn pair_after(&self, kind: PairKind, name: &str) -> Option<PairState> {
        let place = kind.pair(name);
        let files = self.plan.changes.iter().find_map(|change| match change {
            Change::ReplaceDirectory { path, files, .. } if *path == place => Some(files),
            _ => None,
        })?;
        let file = |name: &str| {
            let file = files.iter().find(|file| file.path == name);
            file.map_or(FileState::Absent, |file| {
                FileState::Present(PresentFile {
                    mode: file.mode,
                    owner: 0,
                    content: Zeroizing::new(file.content.bytes().to_vec()),
                })
            })
        };
        Some(PairState {
            kind,
            name: name.to_owned(),
            directory: Some(DirectoryState {
                mode: layout::DIRECTORY_MODE,
                owner: 0,
            }),
            ca: file(layout::CA_CERTIFICATE),
            certificate: file(kind.certificate_file()),
            key: file(kind.key_file()),
        })
    }
}

/// Makes the new pair of a candidate for its next key, with a new serial.
pub fn reissue(
    issuer: &Issuer,
    replaced: Replaced,
    valid_for: Option<Life>,
    key: PairKey,
    serial: Serial,
    now: OffsetDateTime,
) -> Result<Reissued, Error> {
    let Replaced {
        wish,
        serial: replaces,
        validity,
        issuer: old_issuer,
        issued_by,
        digest,
    } = replaced;
    let life = match valid_for {
        Some(life) => life,
        None => carried_life(validity, old_issuer),
    };
    let (files, entry, pair) = pair_files(issuer, wish, key, serial, life, now)?;
    Ok(Reissued {
        change: Change::ReplaceDirectory {
            path: pair.kind.pair(pair.name.as_str()),
            mode: layout::DIRECTORY_MODE,
            files,
            before: digest,
            archived: layout::archived(&replaces),
        },
        entry: entry.replacing(&replaces),
        renewed: Renewed {
            pair,
            replaces,
            old_not_after: validity.not_after,
            old_issued_by: issued_by,
        },
    })
}

/// Refuses old pairs whose place in the archive is taken, before any key is made.
///
/// `is_archived` says whether something is in the archive for a serial.
pub fn refuse_archived(
    home: &HomeState,
    candidates: &[Candidate],
    is_archived: impl Fn(&Serial) -> bool,
) -> Result<(), Error> {
    let mut candidates = candidates.iter();
    match candidates.find(|candidate| is_archived(&candidate.serial)) {
        Some(candidate) => Err(Error::Archived {
            path: home.path.join(layout::archived(&candidate.serial)),
        }),
        None => Ok(()),
    }
}

/// Plans how new pairs take the place of old ones.
pub fn plan(
    command: &'static str,
    home: &HomeState,
    issuer: &Issuer,
    reissued: Vec<Reissued>,
) -> Renewal {
    let mut changes = Vec::with_capacity(reissued.len() + 2);
    if !home.others.iter().any(|name| name == layout::ARCHIVE) {
        changes.push(Change::MakeDirectory {
            path: layout::ARCHIVE.into(),
            mode: layout::DIRECTORY_MODE,
        });
    }
    let mut lines = String::new();
    let mut pairs = Vec::with_capacity(reissued.len());
    for one in reissued {
        let Reissued {
            change,
            entry,
            renewed,
        } = one;
        changes.push(change);
        lines.push_str(&entry.line());
        pairs.push(renewed);
    }
    changes.push(home.append_to_ledger(lines));
    Renewal {
        plan: Plan { command, changes },
        ca: issuer.ca.certificate().clone(),
        pairs,
    }
}

//! Decides which servers and clients are renewed now.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use time::{Duration, OffsetDateTime};

use super::{Due, Keys, Rule, Sans, Scope, Wish, due};
use crate::pki::{
    Certificate, KeyType, Name, PrivateKey, PublicKey, Serial, SubjectAltNames, Validity,
    sha256_hex,
};
use crate::plan::Error;
use crate::plan::issue;
use crate::plan::layout::PairKind;
use crate::plan::ledger::KeyPlace;
use crate::plan::remembered::Remembered;
use crate::plan::state::{FileState, OldPair};
use crate::plan::trust::Trust;
use crate::plan::verify::found_words;

/// A server or client that can be renewed, with all that is carried over.
#[derive(Debug)]
pub struct Candidate {
    /// What is issued: the name, and the SANs of a server as they shall be.
    pub wish: issue::Wish,
    /// Whether somebody asked for other SANs than it has.
    pub sans_change: bool,
    /// The serial number it has.
    pub serial: Serial,
    /// The validity it has.
    pub validity: Validity,
    /// That of the CA that issued it; of the one that signs if it is none of the home's.
    pub issuer: Validity,
    /// Which CA that is.
    pub issued_by: IssuedBy,
    /// The key the next one is for.
    pub next_key: NextKey,
    /// The SHA-256 of its certificate's file in hex.
    pub digest: String,
}

/// The key of a renewed certificate.
#[derive(Debug)]
pub enum NextKey {
    /// A new one of this kind.
    Made(KeyType),
    /// The one it has.
    Kept(PrivateKey),
    /// The one it has, whose private half is not in the home.
    Elsewhere(PublicKey),
}

/// What of a candidate counts once its next key is there.
#[derive(Debug)]
pub struct Replaced {
    pub(super) wish: issue::Wish,
    pub(super) serial: Serial,
    pub(super) validity: Validity,
    pub(super) issuer: Validity,
    pub(super) issued_by: IssuedBy,
    pub(super) digest: String,
}

/// Which CA of a home issued a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuedBy {
    /// The one that signs.
    Signing,
    /// The one before it.
    Old,
    /// One that is trusted no more, or another home's: nobody believes the certificate.
    Other,
}

impl Candidate {
    /// Takes what is carried over from a pair.
    ///
    /// # Errors
    /// [`Error::Unsound`] or [`Error::OpenKey`] with the file from which it cannot be;
    /// [`Error::OtherKeyElsewhere`] if another key is wanted for a client that has its own.
    pub fn of(
        home: &Path,
        pair: &OldPair,
        wish: &Wish,
        trust: &Trust,
        remembered: &Remembered,
    ) -> Result<Self, Error> {
        let directory = home.join(pair.kind.pair(&pair.name));
        let path = directory.join(pair.kind.certificate_file());
        let unsound = |found: String, wanted: &str| Error::Unsound {
            path: path.clone(),
            found,
            wanted: wanted.into(),
        };
        let wanted = "the certificate, to renew it";
        let pem = pair.certificate.content(&path, wanted)?;
        let certificate =
            Certificate::from_pem(pem).map_err(|error| unsound(found_words(&error), wanted))?;
        let name: Name = pair.name.parse().map_err(|_| Error::Unsound {
            path: directory.clone(),
            found: format!("the name `{}`", pair.name),
            wanted: "one that can be issued".into(),
        })?;
        let issued = match pair.kind {
            PairKind::Client => match certificate.common_name.as_deref() {
                Some(found) if found == pair.name => issue::Wish::Client(name),
                found => {
                    let found = format!("the common name `{}`", found.unwrap_or_default());
                    return Err(unsound(found, &format!("`{}`", pair.name)));
                }
            },
            PairKind::Server => {
                let sans = sans(&certificate, &wish.sans)
                    .map_err(|(found, wanted)| unsound(found, wanted))?;
                issue::Wish::Server(name, sans)
            }
        };
        let sans_change = match (&issued, &wish.sans) {
            (issue::Wish::Client(_), _) | (_, Sans::Carried) => false,
            (issue::Wish::Server(_, sans), _) => sans.as_slice() != certificate.sans,
        };
        let key_place = match &pair.key {
            Some(beside) => remembered.key_place(&certificate.serial, beside),
            None => KeyPlace::Home,
        };
        let next_key = match (wish.keys, key_place, certificate.public_key.key_type()) {
            (Keys::Fresh(Some(_)), KeyPlace::Elsewhere, _) => {
                return Err(Error::OtherKeyElsewhere {
                    name: pair.name.clone(),
                });
            }
            (_, KeyPlace::Elsewhere, _) => NextKey::Elsewhere(certificate.public_key.clone()),
            (Keys::Reused, KeyPlace::Home, _) => {
                NextKey::Kept(kept_key(&directory, pair, &certificate)?)
            }
            (Keys::Fresh(Some(key_type)), KeyPlace::Home, _)
            | (Keys::Fresh(None), KeyPlace::Home, Some(key_type)) => NextKey::Made(key_type),
            (Keys::Fresh(None), KeyPlace::Home, None) => {
                let wanted = "one of those --key-type names";
                return Err(unsound(
                    "a key of a kind that is not made here".into(),
                    wanted,
                ));
            }
        };
        let named = trust.issuer_of(&certificate);
        let issuer = named.unwrap_or(&trust.ca);
        let issued_by = match named {
            Some(named) if *named == trust.ca => IssuedBy::Signing,
            Some(_) => IssuedBy::Old,
            None => IssuedBy::Other,
        };
        Ok(Self {
            wish: issued,
            sans_change,
            issuer: issuer.validity,
            issued_by,
            serial: certificate.serial,
            validity: certificate.validity,
            next_key,
            digest: sha256_hex(pem),
        })
    }

    /// Parts the key, which somebody may have to make, from what it is made for.
    pub fn split(self) -> (NextKey, Replaced) {
        let Self {
            wish,
            sans_change: _,
            serial,
            validity,
            issuer,
            issued_by,
            next_key,
            digest,
        } = self;
        let replaced = Replaced {
            wish,
            serial,
            validity,
            issuer,
            issued_by,
            digest,
        };
        (next_key, replaced)
    }

    fn path(&self) -> String {
        self.wish.kind().pair(self.wish.name().as_str())
    }
}

/// The SANs a server's next certificate gets; else what was found and wanted.
fn sans(certificate: &Certificate, wish: &Sans) -> Result<SubjectAltNames, (String, &'static str)> {
    if let Sans::Replaced(sans) = wish {
        return Ok(sans.clone());
    }
    let wanted = "host names and addresses, or --san to replace them";
    if let Some(other) = certificate.other_sans.first() {
        return Err((format!("the SAN `{other}`"), wanted));
    }
    let added = match wish {
        Sans::Added(added) => added.as_slice(),
        _ => &[],
    };
    let all = certificate.sans.iter().chain(added);
    SubjectAltNames::parse(all.map(ToString::to_string)).map_err(|error| {
        let found = match certificate.sans.is_empty() {
            true => "no SAN".into(),
            false => error.to_string(),
        };
        (found, wanted)
    })
}

fn kept_key(
    directory: &Path,
    pair: &OldPair,
    certificate: &Certificate,
) -> Result<PrivateKey, Error> {
    let path = directory.join(pair.kind.key_file());
    let found = match pair.key.as_ref().unwrap_or(&FileState::Absent) {
        FileState::OpenKey { mode } => return Err(Error::OpenKey { path, mode: *mode }),
        FileState::Present(file) => match PrivateKey::from_pem(&file.content) {
            Ok(key) if *key.public_key() == certificate.public_key => return Ok(key),
            Ok(_) => "the key of another certificate".into(),
            Err(error) => found_words(&error),
        },
        other => other.words(),
    };
    Err(Error::Unsound {
        path,
        found,
        wanted: "the certificate's private key, to keep it".into(),
    })
}

/// What is renewed now, and what is not.
#[derive(Debug, Default)]
pub struct Decision {
    /// What is due, servers first, each by name.
    pub due: Vec<Candidate>,
    /// What will be, the next first.
    pub later: Vec<Later>,
    /// What ends with the CA, so that to renew it gains nothing.
    pub end_with_ca: Vec<Later>,
    /// What cannot be renewed, and is left out.
    pub problems: Vec<Error>,
}

/// A certificate that is not due yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// The kind.
    pub kind: PairKind,
    /// The name.
    pub name: Name,
    /// When it is due; its end if it is never.
    pub due: OffsetDateTime,
    /// Its end.
    pub not_after: OffsetDateTime,
    /// From now to the end; negative if it has passed.
    pub left: Duration,
}

/// Decides what is renewed of these candidates, in the order they come.
///
/// # Errors
/// Of those that were named, the first that cannot be renewed; [`Error::NotOneServer`] if SANs
/// were given and it is not one server that is looked at.
pub fn decide(
    candidates: Vec<(PairKind, String, Result<Candidate, Error>)>,
    wish: &Wish,
    ca: Validity,
    revoked: &HashSet<String>,
    home: &Path,
    now: OffsetDateTime,
) -> Result<Decision, Error> {
    if wish.sans != Sans::Carried {
        refuse_other_than_one_server(&candidates)?;
    }
    let mut decision = Decision::default();
    let mut serials: HashMap<Serial, String> = HashMap::new();
    for (kind, name, candidate) in candidates {
        let problem = match candidate {
            Err(problem) => problem,
            Ok(candidate) if revoked.contains(&candidate.serial.to_string()) => {
                Error::Revoked { kind, name }
            }
            Ok(candidate)
                if wish.rule == Rule::OldCa && candidate.issued_by == IssuedBy::Signing =>
            {
                continue;
            }
            Ok(candidate) => {
                let rule = match (candidate.sans_change, candidate.issued_by) {
                    // However long it lives, nobody believes it.
                    (true, _) | (_, IssuedBy::Other) => Rule::Always,
                    _ => wish.rule,
                };
                let later = |due| Later {
                    kind,
                    name: candidate.wish.name().clone(),
                    due,
                    not_after: candidate.validity.not_after,
                    left: candidate.validity.not_after - now,
                };
                match due(candidate.validity, ca, rule, now) {
                    Due::From(from) => {
                        decision.later.push(later(from));
                        continue;
                    }
                    Due::EndsWithCa => {
                        decision
                            .end_with_ca
                            .push(later(candidate.validity.not_after));
                        continue;
                    }
                    Due::Now => {}
                }
                match serials.insert(candidate.serial.clone(), candidate.path()) {
                    None => {
                        decision.due.push(candidate);
                        continue;
                    }
                    Some(twin) => twin_of(home, &candidate, &twin),
                }
            }
        };
        match (&wish.scope, &problem) {
            (Scope::Named(_), _) => return Err(problem),
            // What was taken on purpose is nobody's problem.
            (Scope::All, Error::Revoked { .. }) => {}
            (Scope::All, _) => decision.problems.push(problem),
        }
    }
    decision.later.sort_by_key(|later| later.due);
    Ok(decision)
}

fn twin_of(home: &Path, candidate: &Candidate, twin: &str) -> Error {
    let path: PathBuf = home.join(candidate.path());
    Error::Unsound {
        path: path.join(candidate.wish.kind().certificate_file()),
        found: format!("the certificate of {twin}"),
        wanted: "one of its own".into(),
    }
}

fn refuse_other_than_one_server(
    candidates: &[(PairKind, String, Result<Candidate, Error>)],
) -> Result<(), Error> {
    match candidates {
        [(PairKind::Server, ..)] => Ok(()),
        others => Err(Error::NotOneServer {
            found: others
                .iter()
                .map(|(kind, name, _)| format!("{} `{name}`", kind.as_str()))
                .collect(),
        }),
    }
}

//! Whose certificates of a CA are left: who would be locked out if it were trusted no more.

use std::collections::HashSet;

use time::OffsetDateTime;

use super::PublicPair;
use crate::pki::Certificate;
use crate::plan::hand_outs::hand_outs;
use crate::plan::layout::PairKind;
use crate::plan::ledger::{Entry, Event, issuers, rfc3339};
use crate::plan::list;
use crate::plan::trust::is_named_issuer;

/// A valid certificate of a CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The kind.
    pub kind: PairKind,
    /// The name.
    pub name: String,
    /// The serial number in hex.
    pub serial: String,
    /// Its end, RFC 3339, UTC.
    pub not_after: String,
    /// Why somebody may use it.
    pub why: Why,
}

/// Why somebody may use a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It is in the home.
    InHome,
    /// The ledger has it, and its files are not in the home.
    FilesGone,
    /// It was removed, and not revoked.
    Removed,
    /// It was handed out there, and what took its place was not.
    HandedOut(String),
}

/// The certificates of a CA that are valid, not revoked, and may be in use.
///
/// One that was renewed is left where it was handed out last, as far as the ledger knows.
pub fn left(
    ca: &Certificate,
    pairs: &[PublicPair],
    ledger: &[Entry],
    now: OffsetDateTime,
) -> Vec<Left> {
    let now_words = rfc3339(now);
    let revoked = list::revoked(ledger);
    let (serial, issuers) = (ca.serial.to_string(), issuers(ledger));
    let mut left = Vec::new();
    let mut seen = HashSet::new();
    for pair in pairs {
        let Some(certificate) = pair.files.certificate() else {
            continue;
        };
        let serial = certificate.serial.to_string();
        seen.insert(serial.clone());
        let is_valid = certificate.validity.not_after >= now && !revoked.contains(&serial);
        if is_valid && is_named_issuer(ca, &certificate) {
            left.push(Left {
                kind: pair.kind,
                name: pair.name.clone(),
                serial,
                not_after: rfc3339(certificate.validity.not_after),
                why: Why::InHome,
            });
        }
    }
    let of_entry = |entry: &Entry, why: Why| {
        Some(Left {
            kind: kind_of(entry)?,
            name: entry.name.clone(),
            serial: entry.serial.clone(),
            not_after: entry.not_after.clone(),
            why,
        })
    };
    let may_be_used = |entry: &&Entry| {
        entry.not_after >= now_words
            && issuers.get(entry.serial.as_str()) == Some(&serial.as_str())
            && !revoked.contains(&entry.serial)
            && !seen.contains(&entry.serial)
    };
    let replaced = ledger.iter().filter_map(|entry| entry.replaces.as_deref());
    let replaced = HashSet::<&str>::from_iter(replaced);
    let gone = ledger
        .iter()
        .filter(|entry| entry.event == Event::Issued && !replaced.contains(entry.serial.as_str()));
    let removed = ledger.iter().filter(|entry| entry.event == Event::Removed);
    let removed = HashSet::<&str>::from_iter(removed.map(|entry| entry.serial.as_str()));
    left.extend(gone.filter(may_be_used).filter_map(|entry| {
        let why = match removed.contains(entry.serial.as_str()) {
            true => Why::Removed,
            false => Why::FilesGone,
        };
        of_entry(entry, why)
    }));
    for out in hand_outs(ledger) {
        if may_be_used(&out.entry) && replaced.contains(out.entry.serial.as_str()) {
            left.extend(of_entry(out.entry, Why::HandedOut(out.place())));
        }
    }
    left.sort_by(|a, b| (a.kind, &a.name, &a.serial).cmp(&(b.kind, &b.name, &b.serial)));
    left
}

/// Whether anybody, anywhere, may hold a valid certificate of a CA: one that was replaced counts
/// too, for nobody knows whether what took its place has arrived.
pub(super) fn is_used(
    ca: &Certificate,
    pairs: &[PublicPair],
    ledger: &[Entry],
    now: OffsetDateTime,
) -> bool {
    let now_words = rfc3339(now);
    let revoked = list::revoked(ledger);
    let (serial, issuers) = (ca.serial.to_string(), issuers(ledger));
    let is_out = |entry: &Entry| {
        entry.event == Event::Issued
            && entry.not_after >= now_words
            && issuers.get(entry.serial.as_str()) == Some(&serial.as_str())
            && !revoked.contains(&entry.serial)
    };
    let is_here = |pair: &PublicPair| {
        let certificate = pair.files.certificate();
        certificate.is_some_and(|it| it.validity.not_after >= now && is_named_issuer(ca, &it))
    };
    ledger.iter().any(is_out) || pairs.iter().any(is_here)
}

fn kind_of(entry: &Entry) -> Option<PairKind> {
    let mut kinds = PairKind::ALL.into_iter();
    kinds.find(|kind| kind.as_str() == entry.kind)
}

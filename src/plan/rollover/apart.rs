//! Who may not get through to whom, where certificates of the new CA come before the trust in it.

use time::{Duration, OffsetDateTime};

use super::{Campaign, Row};
use crate::pki::{Certificate, Purpose};
use crate::plan::layout::PairKind;
use crate::plan::ledger::Entry;
use crate::plan::trust::is_named_issuer;

/// Pairs of one kind that have certificates of the new CA, and those of the other kind that may not
/// believe these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// The kind of those that have moved.
    pub kind: PairKind,
    /// Their names.
    pub moved: Vec<String>,
    /// The names of those of the other kind that are not known to trust both CAs.
    pub unsure: Vec<String>,
}

/// Tells who may not believe the pairs that were moved to the new CA.
pub fn apart<'a>(
    rows: &[Row],
    ledger: &[Entry],
    moved: impl IntoIterator<Item = (PairKind, &'a str)>,
) -> Vec<Apart> {
    let moved = Vec::from_iter(moved);
    let apart = PairKind::ALL.map(|kind| Apart {
        kind,
        moved: moved
            .iter()
            .filter(|(its, _)| *its == kind)
            .map(|(_, name)| (*name).to_owned())
            .collect(),
        unsure: rows
            .iter()
            .filter(|row| row.kind != kind && !row.trusts_both() && !is_of_this_phase(row, ledger))
            .map(|row| row.name.clone())
            .collect(),
    });
    let apart = apart.into_iter();
    apart
        .filter(|it| !it.moved.is_empty() && !it.unsure.is_empty())
        .collect()
}

/// Whether a pair was made when both CAs were trusted already, and is nowhere yet: wherever it comes
/// it brings both.
fn is_of_this_phase(row: &Row, ledger: &[Entry]) -> bool {
    let is_ca = |entry: &Entry| entry.kind == Purpose::Ca.as_str();
    let began = ledger.iter().rposition(is_ca).unwrap_or_default();
    let is_its = |entry: &Entry| entry.kind == row.kind.as_str() && entry.name == row.name;
    let first = ledger.iter().position(is_its);
    row.hand_outs.is_empty() && first.is_some_and(|first| first > began)
}

/// Whether a server's certificate of the new CA can wait: the one that is installed is of the old
/// CA, which everybody trusts, and neither its last week nor the last tenth of its life has begun.
pub fn can_wait(
    campaign: &Campaign,
    installed: &Certificate,
    next: &Certificate,
    now: OffsetDateTime,
) -> bool {
    let moves = is_named_issuer(&campaign.old, installed) && is_named_issuer(&campaign.new, next);
    let life = installed.validity.duration();
    let last = Duration::WEEK.min(life / 10);
    moves && installed.validity.not_after - now > last
}

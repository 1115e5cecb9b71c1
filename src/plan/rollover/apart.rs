//! Who may not get through to whom, where certificates of the new CA come before the trust in it.

use super::Row;
use crate::plan::layout::PairKind;

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
pub fn apart<'a>(rows: &[Row], moved: impl IntoIterator<Item = (PairKind, &'a str)>) -> Vec<Apart> {
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
            .filter(|row| row.kind != kind && !row.trusts_both())
            .map(|row| row.name.clone())
            .collect(),
    });
    let apart = apart.into_iter();
    apart
        .filter(|it| !it.moved.is_empty() && !it.unsure.is_empty())
        .collect()
}

//! What the home knows of the certificates outside it.

use std::collections::HashSet;

use super::{Checked, Facts};
use crate::pki::Purpose;
use crate::plan::ledger::{Entry, Event};

/// What the home knows; nothing if there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Its certificates as they were judged.
    pub rows: &'a [Checked],
    /// Its ledger.
    pub ledger: &'a [Entry],
}

impl Known<'_> {
    /// The home's certificate of the same name; it may be that one, or one that came after it.
    ///
    /// The ledger knows the name.  A copy of a home may have no ledger: there it is the one that
    /// has the same subject and issuer.
    pub(super) fn of(&self, purpose: Purpose, facts: &Facts) -> Option<&Checked> {
        let ours = || self.rows.iter().filter(|row| row.purpose == purpose);
        let has =
            |row: &&Checked, test: &dyn Fn(&Facts) -> bool| row.facts.as_ref().is_some_and(test);
        let same = ours().find(|row| has(row, &|it| it.serial == facts.serial));
        let by_ledger = || {
            let serial = facts.serial.to_string();
            let entry = self.ledger.iter().find(|entry| entry.serial == serial)?;
            ours().find(|row| name_of(row) == Some(&entry.name))
        };
        let by_names = || {
            let subject = facts.subject.as_ref()?;
            ours().find(|row| {
                has(row, &|it| {
                    it.subject.as_ref() == Some(subject) && it.issuer_der == facts.issuer_der
                })
            })
        };
        same.or_else(by_ledger).or_else(by_names)
    }

    /// Whether a rollover ended with this CA trusted no more.
    pub(super) fn has_dropped(&self, ca: &Facts) -> bool {
        let is_it = |row: &Checked| row.facts.as_ref().is_some_and(|it| it.serial == ca.serial);
        let serial = ca.serial.to_string();
        let is_retired = |entry: &Entry| entry.event == Event::Retired && entry.serial == serial;
        !self.rows.iter().any(is_it) && self.ledger.iter().any(is_retired)
    }

    /// Whether a file of CAs lacks one that the home trusts, beside one that it trusts too.
    pub(super) fn trusts_more_than(&self, bundle: &[Checked]) -> bool {
        let serials = |rows: &[Checked]| {
            let cas = rows.iter().filter(|row| row.purpose == Purpose::Ca);
            let serials = cas.filter_map(|row| Some(row.facts.as_ref()?.serial.clone()));
            serials.collect::<HashSet<_>>()
        };
        let (ours, theirs) = (serials(self.rows), serials(bundle));
        !ours.is_disjoint(&theirs) && !ours.is_subset(&theirs)
    }
}

/// The name of a server or client of the home.
pub(super) fn name_of(row: &Checked) -> Option<&str> {
    row.label.split_once('/').map(|(_, name)| name)
}

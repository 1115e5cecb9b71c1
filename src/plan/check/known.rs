//! What the home knows of the certificates outside it.

use std::collections::HashSet;

use time::OffsetDateTime;

use super::{Checked, Facts, Mend, Reissue, State};
use crate::pki::{Certificate, Purpose};
use crate::plan::ledger::{Entry, Event};
use crate::plan::renew::{Due, Rule, due};
use crate::plan::trust::Trust;

/// What the home knows; nothing if there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Its certificates as they were judged.
    pub rows: &'a [Checked],
    /// Its ledger.
    pub ledger: &'a [Entry],
    /// Its CAs; nothing if they cannot be read.
    pub trust: Option<&'a Trust>,
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

    /// What is to be said of a certificate that none of the home's CAs issued.
    pub(super) fn disbelieved(&self, certificate: &Certificate) -> Option<State> {
        if self.trust?.issuer_of(certificate).is_some() {
            return None;
        }
        let serial = certificate.serial.to_string();
        Some(match self.ledger.iter().any(|it| it.serial == serial) {
            true => State::OfRetiredCa,
            false => State::OfOtherCa,
        })
    }

    /// What gets a server or client of the home, which goes by this label, its next certificate.
    pub(super) fn reissue(
        &self,
        certificate: &Certificate,
        label: &str,
        now: OffsetDateTime,
    ) -> Mend {
        let by = |by| Mend::Reissue {
            by,
            label: label.to_owned(),
        };
        let Some(trust) = self.trust else {
            return Mend::Verify;
        };
        let issuer = trust.issuer_of(certificate);
        let ca = trust.ca.validity;
        if ca.not_after < now {
            return roll(trust);
        }
        match issuer {
            None => by(Reissue::Forced),
            Some(issuer) if *issuer != trust.ca => by(Reissue::Rollover),
            // Each that took its place would end with the CA as well.
            Some(_) if certificate.validity.not_after >= ca.not_after => roll(trust),
            Some(_) => by(match due(certificate.validity, ca, Rule::Third, now) {
                Due::Now => Reissue::Due,
                Due::From(_) | Due::EndsWithCa => Reissue::Forced,
            }),
        }
    }

    /// Whether it is the old CA of a rollover.
    pub(super) fn is_leaving(&self, ca: &Facts) -> bool {
        let old = self.trust.and_then(|trust| trust.old.as_ref());
        old.is_some_and(|old| old.serial == ca.serial)
    }

    /// Whether it is one of the home's CAs.
    pub(super) fn trusts(&self, ca: &Facts) -> bool {
        self.trust
            .is_some_and(|trust| trust.all().any(|it| it.serial == ca.serial))
    }

    /// What leads to the next CA.
    pub(super) fn roll(&self) -> Mend {
        self.trust.map_or(Mend::Roll, roll)
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

fn roll(trust: &Trust) -> Mend {
    match trust.old {
        None => Mend::Roll,
        // One at a time.
        Some(_) => Mend::RollStatus,
    }
}

/// The name of a server or client of the home.
pub(super) fn name_of(row: &Checked) -> Option<&str> {
    row.label.split_once('/').map(|(_, name)| name)
}

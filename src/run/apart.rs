//! Whether certificates of a new CA come before the trust in it.

use super::Session;
use super::bring::Bringing;
use super::hand_out::taken_away;
use crate::error::Error;
use crate::host;
use crate::plan::install::InstalledDaemon;
use crate::plan::issue::PlannedPair;
use crate::plan::layout::PairKind;
use crate::plan::ledger::Entry;
use crate::plan::pair::SoundPair;
use crate::plan::rollover::{Campaign, PublicPair, Row, apart, can_wait, status};
use crate::report;

/// A rollover that is under way.
pub(super) struct Rollover {
    pub(super) campaign: Campaign,
    /// Who has come how far.
    pub(super) rows: Vec<Row>,
    pub(super) pairs: Vec<PublicPair>,
    /// What is no more where it was handed out included.
    pub(super) ledger: Vec<Entry>,
    /// What of it the ledger does not tell yet.
    pub(super) gone: Vec<Entry>,
}

impl Session<'_> {
    /// Who may not get through to whom once these pairs are used, in words; nobody while no
    /// rollover is under way.  To be called under a lock.
    pub(super) fn apart<'p>(
        &self,
        pairs: impl IntoIterator<Item = &'p PlannedPair>,
    ) -> Vec<String> {
        let mut moved = pairs
            .into_iter()
            .map(|pair| (pair.kind, pair.name.as_str()))
            .peekable();
        if moved.peek().is_none() {
            return Vec::new();
        }
        // It is done: that the home cannot be read again, as on a disk that has turned read-only,
        // undoes nothing.
        let Ok(Some(Rollover { rows, ledger, .. })) = self.under_way() else {
            return Vec::new();
        };
        let apart = apart(&rows, &ledger, moved);
        apart.iter().map(report::apart_words).collect()
    }

    /// The rollover that is under way, and who has come how far in it.
    pub(super) fn under_way(&self) -> Result<Option<Rollover>, Error> {
        let state = host::home_state(&self.home)?;
        let Some(campaign) = Campaign::of(&state.trust()?) else {
            return Ok(None);
        };
        let (pairs, _) = host::public_pairs(&self.home, self.reading_bar())?;
        let mut ledger = state.ledger()?;
        let gone = taken_away(&ledger);
        ledger.extend_from_slice(&gone);
        let rows = status(&campaign, &pairs, &ledger, host::clock());
        Ok(Some(Rollover {
            campaign,
            rows,
            pairs,
            ledger,
            gone,
        }))
    }
}

impl Session<'_> {
    /// The clients that would not believe a server of the new CA, as long as there is time to hand
    /// them out first.
    pub(super) fn held_back(
        &self,
        bringing: &Bringing<'_>,
        daemon: &InstalledDaemon,
        pair: &SoundPair,
    ) -> Result<Option<Vec<String>>, Error> {
        let rollover = self.reading(|| self.under_way())?;
        let Some(Rollover { campaign, rows, .. }) = rollover else {
            return Ok(None);
        };
        let installed = host::public_files(PairKind::Server, &daemon.directory).certificate();
        let Some(installed) = installed else {
            return Ok(None);
        };
        let is_held_back = can_wait(&campaign, &installed, &pair.certificate, host::clock());
        // What is brought beside it trusts both in a moment.
        let places = &bringing.beside;
        let clients = rows
            .iter()
            .filter(|row| row.kind == PairKind::Client)
            .filter(|row| {
                let mut hand_outs = row.hand_outs.iter();
                hand_outs.any(|it| !it.trusts_both && !places.contains(&it.to))
            })
            .map(|row| row.name.clone());
        let clients = Vec::from_iter(clients);
        Ok((is_held_back && !clients.is_empty()).then_some(clients))
    }
}

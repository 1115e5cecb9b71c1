//! Whether certificates of a new CA come before the trust in it.

use super::Session;
use crate::error::Error;
use crate::host;
use crate::plan::issue::PlannedPair;
use crate::plan::rollover::{Campaign, Row, apart, status};
use crate::report;

impl Session<'_> {
    /// Who may not get through to whom once these pairs are used, in words; nobody while no
    /// rollover is under way.  To be called under a lock.
    pub(super) fn apart<'p>(
        &self,
        pairs: impl IntoIterator<Item = &'p PlannedPair>,
    ) -> Vec<String> {
        // It is done: that the home cannot be read again, as on a disk that has turned read-only,
        // undoes nothing.
        let Ok(Some((_, rows))) = self.under_way() else {
            return Vec::new();
        };
        let moved = pairs
            .into_iter()
            .map(|pair| (pair.kind, pair.name.as_str()));
        let apart = apart(&rows, moved);
        apart.iter().map(report::apart_words).collect()
    }

    /// The rollover that is under way, and who has come how far in it.
    pub(super) fn under_way(&self) -> Result<Option<(Campaign, Vec<Row>)>, Error> {
        let state = host::home_state(&self.home)?;
        let Some(campaign) = Campaign::of(&state.trust()?) else {
            return Ok(None);
        };
        let pairs = host::public_pairs(&self.home)?;
        let rows = status(&campaign, &pairs, &state.ledger()?, host::clock());
        Ok(Some((campaign, rows)))
    }
}

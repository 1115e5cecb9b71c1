//! `client remove`, and `list --clients`: who holds what.

use super::{Effect, Outcome, Session, data};
use crate::cli::{self, Mode, Output, Talk};
use crate::error::Error;
use crate::host::{self, Create};
use crate::plan::clients::clients;
use crate::plan::layout::PairKind;
use crate::plan::remembered::Remembered;
use crate::plan::{list, remove};
use crate::report;

impl Session<'_> {
    pub(super) fn list_clients(&self) -> Result<Outcome, Error> {
        let now = host::clock();
        let (trust, ledger, rows) = self.reading(|| {
            let state = host::home_state(&self.home)?;
            let ledger = state.ledger()?;
            let remembered = Remembered::of(&ledger);
            let trust = state.trust()?;
            let rows = host::map_pairs(&self.home, self.reading_bar(), |pair| {
                let is_client = pair.kind == PairKind::Client;
                is_client.then(|| list::pair_row(&pair, &remembered, &trust, now))
            })?;
            let rows = Vec::from_iter(rows.into_iter().flatten());
            Ok((trust, ledger, rows))
        })?;
        let clients = clients(rows, &ledger, &trust, now);
        Ok(data(match self.request.output {
            Output::Text => report::clients(self.stdout, &clients, now),
            Output::Json => report::list_clients_json(&self.home, &clients),
        }))
    }

    pub(super) fn client_remove(&self, wish: &cli::Remove) -> Result<Outcome, Error> {
        let mut home = self.open_to_change(wish.mode, Create::No)?;
        let state = host::home_state(&self.home)?;
        state.ca()?;
        // What is added must not go to a ledger nobody can read.
        let ledger = state.ledger()?;
        let kind = PairKind::Client;
        let files = wish.names.iter().map(|name| {
            let pair = self.pair_named(kind, name.to_string())?;
            Ok((name.clone(), pair.certificate))
        });
        let files = files.collect::<Result<Vec<_>, Error>>()?;
        let is_archived = |serial: &_| host::is_archived(&self.home, serial);
        let removal = remove::plan(&state, files, is_archived, host::clock())?;
        let json = self.request.output == Output::Json;
        if wish.mode == Mode::DryRun {
            return Ok(data(match json {
                true => report::planned_json(&self.home, &removal.plan, &[]),
                false => report::planned(self.stdout, &self.home, &removal.plan),
            }));
        }
        host::apply(&mut home, &removal.plan)?;
        let data = match (json, self.request.talk) {
            (true, _) => report::removed_json(&self.home, &removal, &ledger),
            (false, Talk::Quiet) => String::new(),
            (false, _) => report::removed(&self.home, &removal),
        };
        let talk = match (json, self.request.talk) {
            (true, Talk::Verbose) => report::change_lines(&removal.plan),
            (true, _) => String::new(),
            (false, _) => report::still_out(self.stderr, &removal, &ledger),
        };
        Ok(Outcome {
            effect: Effect::Changed,
            ..self.outcome(data, talk)
        })
    }
}

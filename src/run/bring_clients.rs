//! Brings renewed clients to docker's directories and contexts, where they were installed.

use std::path::Path;

use super::bring::{Bringing, Brought, COMMAND};
use super::place::as_last_installed;
use super::{Effect, Session};
use crate::cli::{Mode, Output};
use crate::error::Error;
use crate::host;
use crate::host::machine::{Record, Store, user_store};
use crate::plan::client::{self, ClientPlan, ClientWish, PlacedClient};
use crate::plan::layout::PairKind;
use crate::plan::pair::SoundPair;
use crate::plan::renew::client_places;
use crate::report;

impl Session<'_> {
    /// Brings the clients of one store, all of them as one.
    pub(super) fn bring_clients(
        &self,
        bringing: &Bringing<'_>,
        store: &Path,
        places: Vec<PlacedClient>,
        records: &[(u32, Record)],
        brought: &mut Brought,
    ) -> Result<(), Error> {
        let kind = PairKind::Client;
        let mut behind = Vec::new();
        for place in places {
            if !bringing.is_wanted(kind, &place.name) {
                continue;
            }
            let pair = self.pair_to_bring(bringing, kind, &place.name)?;
            let directory = place.directory();
            let at = (place.name.as_str(), directory.as_path());
            if self.is_behind(pair.as_ref(), kind, at, bringing, brought)?
                && let Some(pair) = pair
            {
                behind.push((place, pair));
            }
        }
        if behind.is_empty() {
            return Ok(());
        }
        let mut merged = ClientPlan::nothing(COMMAND);
        let mut handed_out = Vec::new();
        for (place, pair) in &behind {
            let wish = ClientWish {
                pair: SoundPair::check(&self.home, pair, host::clock())?,
                host: None,
                context: place.context.clone(),
                owner: host::process_owner(),
                reach: place.reach,
            };
            let state = host::client_state(&place.docker_config, wish.context_name().as_ref())?;
            merged.add(client::plan(&state, &wish)?);
            let place = (place.directory(), place.context.clone());
            handed_out.push((wish.pair, place));
        }
        let notices = report::client_notices(self.stderr, &merged.notices);
        let effect = match bringing.wish.mode {
            Mode::DryRun => {
                brought.talk.push_str(&notices);
                Effect::None
            }
            Mode::Apply => {
                let by = &bringing.install.restart.by;
                let mut store = self.open_store(store, COMMAND, by)?.0;
                let placed = behind.iter().map(|(place, _)| place.clone());
                let notes = as_last_installed(records, placed.collect());
                let consent = bringing.install.consent;
                let agreement = (consent, "Do this?", host::Asked::Consent);
                self.place_client(&mut store, &merged, notes, &notices, agreement)?
            }
        };
        for (place, _) in &behind {
            let one = (kind, place.name.clone());
            if effect == Effect::Changed && !brought.changed.contains(&one) {
                brought.changed.push(one.clone());
            }
            brought.here.push(one);
        }
        if bringing.wish.mode == Mode::Apply {
            for (pair, place) in handed_out {
                self.record_hand_out(self.pen(), kind, &pair, [place]);
            }
        }
        let placed = behind.iter().map(|(place, _)| place);
        let placed = Vec::from_iter(placed);
        brought.parts.push(match (self.request.output, effect) {
            (Output::Json, _) => report::clients_json(&merged, effect == Effect::Changed),
            (Output::Text, Effect::Changed) => report::brought_clients(&placed),
            (Output::Text, Effect::None) => {
                super::install::head(&merged.plan, Mode::DryRun)
                    + &report::machine_plan(self.stdout, &merged.plan)
            }
        });
        Ok(())
    }

    /// Tells of clients that are behind in the directories of the user who called sudo; returns
    /// whether there are any.  They are brought by a command that gives up root for good, which
    /// this one cannot before it ends.
    pub(super) fn tell_of_callers(
        &self,
        bringing: &Bringing<'_>,
        brought: &mut Brought,
    ) -> Result<bool, Error> {
        let caller = host::caller()?.filter(|_| bringing.prefix.is_root());
        let Some(home) = caller.and_then(|caller| caller.home) else {
            return Ok(false);
        };
        let records = Store::records(&user_store(Some(&home))?)?;
        let placed = records.iter().flat_map(|(_, record)| &record.notes.clients);
        let places = client_places(placed);
        for place in &places {
            let (kind, name) = (PairKind::Client, &place.name);
            let directory = place.directory();
            let pair = self.pair_to_bring(bringing, kind, name)?;
            let at = (name.as_str(), directory.as_path());
            if bringing.is_wanted(kind, name)
                && self.is_behind(pair.as_ref(), kind, at, bringing, brought)?
            {
                let words = report::callers_client(self.stderr, &self.program, place);
                brought.talk.push_str(&words);
            }
        }
        Ok(!places.is_empty())
    }
}

//! `verify --installed`.

use super::install::{prefix, unit_has_a_say};
use super::take_back::installed_daemon;
use super::{Effect, Outcome, Session};
use crate::cli::{self, Fix, Output, RestartBy};
use crate::error::Error;
use crate::host;
use crate::host::daemon;
use crate::host::machine::{
    Deed, Notes, Relabel, Store, carry_out, first_store, installed_paths, stores,
};
use crate::plan::ledger::rfc3339;
use crate::plan::machine::{MachinePlan, Run};
use crate::plan::renew::client_places;
use crate::plan::verify::{self, Finding, HomeCas, Installed, Mend, Note, fixes};
use crate::report;

impl Session<'_> {
    pub(super) fn verify_installed(&self, wish: &cli::VerifyInstalled) -> Result<Outcome, Error> {
        let now = host::clock();
        let prefix = prefix(&wish.prefix)?;
        let stores = stores(&prefix)?;
        let Some(first) = stores.first() else {
            let store = first_store(&prefix)?;
            return Err(crate::plan::Error::NothingInstalled { store }.into());
        };
        let mut store = match wish.fix {
            Fix::Repair => Some(
                self.open_store(first, "verify --installed --fix", &RestartBy::Systemd)?
                    .0,
            ),
            Fix::Tell => {
                stores.iter().for_each(|path| self.note_unfinished(path));
                None
            }
        };
        let mut records = Vec::new();
        for path in &stores {
            records.extend(Store::records(path)?);
        }
        if records.is_empty() {
            let store = first.clone();
            return Err(crate::plan::Error::NothingInstalled { store }.into());
        }
        let daemon = installed_daemon(&records);
        let unit = match &daemon {
            Some(daemon) if unit_has_a_say(daemon.mode, &prefix) => daemon::unit_state(&prefix)?,
            _ => None,
        };
        let home = self.home_cas();
        let placed = records.iter().flat_map(|(_, record)| &record.notes.clients);
        let clients = client_places(placed);
        let judge = || -> Result<_, Error> {
            let paths = installed_paths(&records)?;
            let configs = records.iter();
            let installed = Installed {
                paths: &paths,
                daemon: daemon.as_ref(),
                unit: unit.as_ref(),
                docker_configs: configs
                    .filter_map(|(_, record)| record.notes.docker_config.clone())
                    .collect(),
                clients: &clients,
                home: home.as_ref(),
                prefix: (!prefix.is_root()).then(|| prefix.path().to_owned()),
            };
            let findings = verify::installed(&installed, now);
            Ok((paths, findings))
        };
        let (mut paths, mut findings) = judge()?;
        let mut effect = Effect::None;
        let campaign = home.as_ref().and_then(HomeCas::campaign);
        let mut talk = campaign.map_or_else(String::new, |campaign| {
            let note = Note::RolloverUnderWay(Box::new(campaign));
            report::note(self.stderr, &report::note_words(&note))
        });
        if let Some(store) = &mut store {
            let plan = MachinePlan {
                command: "verify --installed --fix".into(),
                steps: fixes(&paths),
            };
            if !plan.is_empty() {
                let not_labelled = |cause: &host::Error| self.not_labelled(cause);
                let deed = Deed {
                    plan: &plan,
                    time: rfc3339(now),
                    notes: Notes::default(),
                    voids: Vec::new(),
                    relabel: Relabel::of(&prefix, &not_labelled),
                };
                carry_out(store, deed, &mut |_: &Run| Ok(()), || Ok(()))?;
                let mended = |finding: &&Finding| {
                    matches!(finding.mend, Mend::Mode(_) | Mend::OwnerAndGroup(..))
                };
                let fixed = report::fixed(self.stderr, findings.iter().filter(mended));
                talk.push_str(&fixed);
                effect = Effect::Changed;
                (paths, findings) = judge()?;
            }
        }
        let data = match self.request.output {
            Output::Text => report::verify_installed(
                self.stdout,
                &self.home,
                &self.program,
                &findings,
                paths.len(),
            ),
            Output::Json => {
                report::verify_installed_json(&self.home, &self.program, &findings, paths.len())
            }
        };
        Ok(Outcome {
            effect,
            code: u8::from(!findings.is_empty()),
            ..self.outcome(data, talk)
        })
    }

    /// The CAs of the home here, if there is one: a host or a user needs none to have what is
    /// installed judged.
    pub(super) fn home_cas(&self) -> Option<HomeCas> {
        let read = self.reading(|| {
            let state = host::home_state(&self.home)?;
            Ok(HomeCas::new(state.trust()?, &state.ledger()?))
        });
        match read {
            Ok(cas) => Some(cas),
            Err(Error::Plan(crate::plan::Error::NoCa { .. })) => None,
            Err(cause) => {
                let words = format!("nothing was held against the CAs of the home: {cause}");
                self.say(&report::warning(self.stderr, &words));
                None
            }
        }
    }
}

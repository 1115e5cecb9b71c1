//! `timer install` and `timer remove`.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::install::{head, prefix};
use super::take_back::installed_daemon;
use super::{Effect, Outcome, Session, data};
use crate::cli::{self, Consent, Mode, Output, RestartBy, Talk};
use crate::error::Error;
use crate::host;
use crate::host::daemon::{self, Controller};
use crate::host::machine::{
    Deed, NO_RECORD, Notes, Prefix, Record, Relabel, Store, carry_out, host_store, undoing,
    user_store,
};
use crate::plan::install::{Defaults, Undoing, take_back};
use crate::plan::layout;
use crate::plan::ledger::rfc3339;
use crate::plan::machine::{MachinePlan, Manager, Run};
use crate::plan::renew::client_places;
use crate::plan::state::open_key;
use crate::plan::timer::unit::Surroundings;
use crate::plan::timer::{self, Job, cron};
use crate::report;

impl Session<'_> {
    pub(super) fn timer_install(&self, wish: &cli::TimerInstall) -> Result<Outcome, Error> {
        let prefix = prefix(&wish.prefix)?;
        self.refuse_unattended(wish.passphrase_file.as_deref(), &prefix)?;
        let manager = host::own_manager(&prefix);
        let job = self.job(wish, &prefix)?;
        timer::refuse_unwritable(&job)?;
        let runs = prefix.is_root() && daemon::systemd(manager);
        if prefix.is_root() && !runs {
            let line = cron::line(&job, manager, report::shell_word);
            let talk = report::timer_by_cron(self.stderr, manager);
            return Ok(match self.request.output {
                Output::Json => data(report::timer_cron_json(&line)),
                Output::Text => self.outcome(line, talk),
            });
        }
        let path = store_of(manager, &prefix)?;
        let mut store = self.store_to_change(&path, "timer install", wish.mode)?;
        let records = Store::records(&path)?;
        let surroundings = surroundings(manager, &prefix, &path, &records)?;
        let state = host::timer_state(&prefix, manager)?;
        let running = runs.then_some(manager);
        let plan = timer::plan(&state, &job, &surroundings, running);
        let notices = match plan.is_empty() {
            true => String::new(),
            false => report::timer_notices(self.stderr, &job, manager, &prefix_shown(&prefix)),
        };
        let effect = match &mut store {
            Some(store) => {
                let notes = Notes {
                    timer: Some(state.directory.path.clone()),
                    ..Notes::default()
                };
                let what = (&plan, notices.as_str());
                self.change_timer(store, what, notes, Vec::new(), &prefix, wish.consent)?
            }
            None => Effect::None,
        };
        let said = report::timer_installed(&state.directory.path, running);
        let nothing = "Nothing was changed: the timer is installed already\n";
        Ok(self.timer_told(&plan, wish.mode, effect, (&said, nothing), notices))
    }

    pub(super) fn timer_remove(&self, wish: &cli::TimerRemove) -> Result<Outcome, Error> {
        let prefix = prefix(&wish.prefix)?;
        let manager = host::own_manager(&prefix);
        let path = store_of(manager, &prefix)?;
        let mut store = match Store::is_empty(&path)? {
            true => None,
            false => self.store_to_change(&path, "timer remove", wish.mode)?,
        };
        let mut records = Store::records(&path)?;
        records.retain(|(_, record)| record.notes.timer.is_some());
        let (undoing, manager, voids) = match records.is_empty() {
            false => {
                let (changes, changed_since) = undoing(&path, &records)?;
                let undoing = Undoing {
                    changes,
                    changed_since,
                };
                let manager = records.iter().rev().find_map(|(_, it)| it.timer());
                let voids = records.iter().map(|(number, _)| *number).collect();
                (undoing, manager, voids)
            }
            // Somebody has deleted the records, or moved the units here.
            true => {
                let undoing = timer::without_record(&host::timer_state(&prefix, manager)?);
                let is_any = !undoing.changes.is_empty();
                if is_any && store.is_none() {
                    store = self.store_to_change(&path, "timer remove", wish.mode)?;
                }
                let runs = prefix.is_root() && daemon::systemd(manager);
                let voids = is_any.then_some(NO_RECORD);
                (
                    undoing,
                    runs.then_some(manager),
                    voids.into_iter().collect(),
                )
            }
        };
        let back = take_back("timer remove", undoing, None, None, manager);
        let back = back.map_err(crate::plan::Error::from)?;
        let notices = report::take_back_notices(self.stderr, &back, report::Restarted::Yes);
        let effect = match &mut store {
            Some(store) => {
                let what = (&back.machine, notices.as_str());
                self.change_timer(store, what, Notes::default(), voids, &prefix, wish.consent)?
            }
            None => Effect::None,
        };
        let nothing = "Nothing was changed: no timer is installed\n";
        let said = ("Removed the timer\n", nothing);
        Ok(self.timer_told(&back.machine, wish.mode, effect, said, notices))
    }

    /// Refuses a home in which a timer could renew nothing.
    fn refuse_unattended(
        &self,
        passphrase_file: Option<&Path>,
        prefix: &Prefix,
    ) -> Result<(), Error> {
        let path = self.home.join(layout::CA_KEY);
        let key = self.reading(|| {
            host::home_state(&self.home)?.ca()?;
            Ok(host::key_state(&path))
        })?;
        let passphrase = match (passphrase_file, self.is_encrypted(&key)) {
            (Some(file), _) => Some(host::passphrase_from_file(file)?),
            (None, true) => {
                let prefix = prefix_shown(prefix);
                return Err(crate::plan::Error::TimerPassphrase { path, prefix }.into());
            }
            (None, false) => None,
        };
        open_key(path, &key, passphrase.as_ref())?;
        Ok(())
    }

    /// What the timer runs, by the paths it will see.
    fn job(&self, wish: &cli::TimerInstall, prefix: &Prefix) -> Result<Job, Error> {
        let inside = |path: PathBuf| match path.strip_prefix(prefix.path()) {
            Ok(below) => Path::new("/").join(below),
            Err(_) => path,
        };
        let file = wish.passphrase_file.as_deref();
        let file = file.map(host::absolute).transpose()?;
        Ok(Job {
            program: inside(host::program_path()?),
            home: inside(self.home.clone()),
            within: wish.within,
            passphrase_file: file.map(inside),
            restart_command: wish.restart_command.clone(),
            deploy_hook: wish.deploy_hook.clone(),
        })
    }

    fn store_to_change(
        &self,
        path: &Path,
        command: &str,
        mode: Mode,
    ) -> Result<Option<Store>, Error> {
        match mode {
            Mode::DryRun => {
                self.note_unfinished(path);
                Ok(None)
            }
            Mode::Apply => Ok(Some(self.open_store(path, command, &RestartBy::Systemd)?.0)),
        }
    }

    /// Carries a plan out once it is agreed to; if systemd refuses, all of it is put back.
    fn change_timer(
        &self,
        store: &mut Store,
        (plan, notices): (&MachinePlan, &str),
        notes: Notes,
        voids: Vec<u32>,
        prefix: &Prefix,
        consent: Consent,
    ) -> Result<Effect, Error> {
        if plan.is_empty() && voids.is_empty() {
            return Ok(Effect::None);
        }
        let shown =
            head(plan, Mode::Apply) + &report::machine_plan(self.stderr, plan) + "\n" + notices;
        self.agree(&shown, consent)?;
        let not_labelled = |cause: &host::Error| self.not_labelled(cause);
        let deed = Deed {
            plan,
            time: rfc3339(host::clock()),
            notes,
            voids,
            relabel: Relabel::of(prefix, &not_labelled),
        };
        let failed = Cell::new(false);
        let mut run = |run: &Run| match failed.get() {
            true => Controller.run_back(run),
            false => Controller.run(run).inspect_err(|_| failed.set(true)),
        };
        match carry_out(store, deed, &mut run, || Ok(())) {
            Ok(()) => Ok(Effect::Changed),
            Err(cause) if failed.get() && !matches!(cause, host::Error::NotPutBack { .. }) => {
                let cause = Box::new(cause);
                Err(host::Error::RolledBack { cause }.into())
            }
            Err(cause) => Err(cause.into()),
        }
    }

    fn timer_told(
        &self,
        plan: &MachinePlan,
        mode: Mode,
        effect: Effect,
        (said, nothing): (&str, &str),
        notices: String,
    ) -> Outcome {
        let data = match (self.request.output, mode, effect) {
            (Output::Json, _, _) => {
                report::machine_json(plan, &[], effect == Effect::Changed, None)
            }
            (Output::Text, Mode::DryRun, _) if !plan.is_empty() => {
                head(plan, mode) + &report::machine_plan(self.stdout, plan)
            }
            (Output::Text, Mode::Apply, _) if self.request.talk == Talk::Quiet => String::new(),
            (Output::Text, _, Effect::Changed) => said.to_owned(),
            (Output::Text, _, Effect::None) => nothing.to_owned(),
        };
        // Otherwise they were shown with the plan.
        let talk = match mode {
            Mode::DryRun => notices,
            Mode::Apply => String::new(),
        };
        Outcome {
            effect,
            ..self.outcome(data, talk)
        }
    }
}

/// Where the records of a timer are.
fn store_of(manager: Manager, prefix: &Prefix) -> Result<PathBuf, Error> {
    Ok(match manager {
        Manager::System => host_store(prefix)?,
        Manager::User => user_store(None)?,
    })
}

fn prefix_shown(prefix: &Prefix) -> Option<PathBuf> {
    (!prefix.is_root()).then(|| prefix.path().to_owned())
}

/// What the service finds around it, by what is installed.
fn surroundings(
    manager: Manager,
    prefix: &Prefix,
    store: &Path,
    records: &[(u32, Record)],
) -> Result<Surroundings, Error> {
    let environment = match prefix.is_root() {
        true => host::timer_environment()?,
        false => vec![("HOME".to_owned(), "/root".to_owned())],
    };
    let mut writes = vec![store.to_owned()];
    match installed_daemon(records) {
        Some(daemon) => {
            let paths = [&daemon.directory, &daemon.daemon_json].into_iter();
            writes.extend(paths.filter_map(|path| path.parent().map(Path::to_owned)));
        }
        None => {
            let defaults = Defaults::rootful();
            writes.extend(defaults.directory.parent().map(Path::to_owned));
        }
    }
    writes.push("/etc/systemd/system/docker.service.d".into());
    if prefix.is_root() && manager == Manager::System {
        let own = user_store(None)?;
        let records = Store::records(&own)?;
        let placed = records.iter().flat_map(|(_, record)| &record.notes.clients);
        let places = client_places(placed);
        if !places.is_empty() {
            writes.push(own);
        }
        writes.extend(places.into_iter().map(|place| place.docker_config));
    }
    let inside = |path: PathBuf| match path.strip_prefix(prefix.path()) {
        Ok(below) => Path::new("/").join(below),
        Err(_) => path,
    };
    let mut seen = Vec::<PathBuf>::new();
    for path in writes.into_iter().map(inside) {
        if !seen.iter().any(|other| path.starts_with(other)) {
            seen.push(path);
        }
    }
    Ok(Surroundings {
        manager,
        environment,
        writes: seen,
    })
}

//! `undo` and `uninstall`.

use std::path::PathBuf;

use super::install::{Attempt, head, prefix, unit_has_a_say};
use super::{Effect, Outcome, Session};
use crate::cli::{self, Extent, Mode, Output, RestartBy, Talk};
use crate::error::Error;
use crate::host;
use crate::host::daemon;
use crate::host::machine::{
    Deed, Notes, Prefix, Record, Relabel, Store, carry_out, file_image, host_store, stores, undoing,
};
use crate::plan::install::{DaemonMode, DaemonNow, InstalledDaemon, Undoing, take_back};
use crate::plan::ledger::rfc3339;
use crate::plan::machine::Control;
use crate::plan::state::Outcome as Recovered;
use crate::plan::systemd::Service;
use crate::report::{self, Restarted};

impl Session<'_> {
    pub(super) fn take_back(&self, wish: &cli::TakeBack) -> Result<Outcome, Error> {
        let prefix = prefix(&wish.prefix)?;
        let mut stores = Vec::new();
        let mut empty = Vec::new();
        for store in self::stores(&prefix)? {
            match Store::is_empty(&store)? {
                true => empty.push(store),
                false => stores.push(store),
            }
        }
        if stores.is_empty() {
            if wish.mode == Mode::Apply {
                for store in empty {
                    // What is left of one that was killed goes with this.
                    drop(self.open_store(&store, wish.extent.command(), &wish.restart.by)?);
                }
            }
            let store = host_store(&prefix)?;
            return Err(crate::plan::Error::NothingInstalled { store }.into());
        }
        if wish.extent == Extent::Last && stores.len() > 1 {
            // Of the host's and the user's own, the one a command was cut off in, else the one
            // that changed last.
            let last = |store: &PathBuf| -> Result<(bool, Option<String>), Error> {
                let records = Store::records(store)?;
                let time = records.last().map(|(_, record)| record.time.clone());
                Ok((Store::has_unfinished(store), time))
            };
            let newest = match last(&stores[0])? >= last(&stores[1])? {
                true => 0,
                false => 1,
            };
            stores = vec![stores.swap_remove(newest)];
        }
        let mut all = Outcome::default();
        for store in stores {
            let one = self.take_back_from(wish, &prefix, store)?;
            all.data.push_str(&one.data);
            all.talk.push_str(&one.talk);
            if one.effect == Effect::Changed {
                all.effect = Effect::Changed;
            }
        }
        Ok(all)
    }

    fn take_back_from(
        &self,
        wish: &cli::TakeBack,
        prefix: &Prefix,
        path: PathBuf,
    ) -> Result<Outcome, Error> {
        let command = wish.extent.command();
        let (mut store, recovered) = match wish.mode {
            Mode::DryRun => {
                self.note_unfinished(&path);
                (None, None)
            }
            Mode::Apply => {
                let (store, recovered) = self.open_store(&path, command, &wish.restart.by)?;
                (Some(store), recovered)
            }
        };
        if let (Extent::Last, Some(recovered)) = (wish.extent, &recovered) {
            let takes_back = |command: &String| {
                [Extent::Last, Extent::All]
                    .iter()
                    .any(|extent| command.starts_with(extent.command()))
            };
            // The last command was cut off.  If it is undone by now, or was an undo that is
            // finished by now, that is what was asked for: not the one before it too.
            if recovered.outcome == Recovered::Undone
                || recovered.command.as_ref().is_none_or(takes_back)
            {
                return Ok(Outcome::default());
            }
        }
        let mut records = Store::records(&path)?;
        if wish.extent == Extent::Last {
            // What set modes right since then goes with the install it mended.
            let installs = |(_, record): &(u32, Record)| record.notes != Notes::default();
            let last = records.iter().rposition(installs);
            records.drain(..last.unwrap_or(records.len().saturating_sub(1)));
        }
        if records.is_empty() {
            return match recovered {
                // It was the only one, and is undone by now.
                Some(_) => Ok(Outcome::default()),
                None => Err(crate::plan::Error::NothingInstalled { store: path }.into()),
            };
        }
        let installed = installed_daemon(&records);
        let control = recorded_control(wish, &records);
        let (changes, changed_since) = undoing(&path, &records)?;
        let shown_command = match (wish.extent, records.first()) {
            (Extent::Last, Some((_, last))) => format!("{command} of `{}`", last.command),
            _ => command.to_owned(),
        };
        let daemon = match &installed {
            Some(installed) => Some(daemon_now(prefix, installed.clone())?),
            None => None,
        };
        let back = take_back(
            &shown_command,
            Undoing {
                changes,
                changed_since,
            },
            daemon.as_ref(),
            control.as_ref(),
        )
        .map_err(crate::plan::Error::from)?;
        if wish.extent == Extent::Last && !back.left.is_empty() {
            return Err(crate::plan::Error::ChangedSince { paths: back.left }.into());
        }
        let restarted = match installed.is_some() && control.is_none() {
            true => Restarted::No,
            false => Restarted::Yes,
        };
        let notices = report::take_back_notices(self.stderr, &back, restarted);
        if wish.mode == Mode::DryRun {
            let data = match self.request.output {
                Output::Json => report::take_back_json(&back, restarted, false),
                Output::Text => {
                    head(&back.machine, wish.mode)
                        + &report::machine_plan(self.stdout, &back.machine)
                }
            };
            return Ok(self.outcome(data, notices));
        }
        let shown = head(&back.machine, wish.mode)
            + &report::machine_plan(self.stderr, &back.machine)
            + "\n"
            + &notices;
        self.agree(&shown, wish.consent)?;
        let Some(store) = &mut store else {
            unreachable!("the store is open unless it is a dry run");
        };
        let mode = installed.as_ref().map_or(DaemonMode::Rootful, |it| it.mode);
        let socket = installed.and_then(|installed| installed.local_socket);
        let attempt = Attempt::begin(&wish.restart, mode, control.as_ref(), None);
        let not_labelled = |cause: &host::Error| self.not_labelled(cause);
        let deed = Deed {
            plan: &back.machine,
            time: rfc3339(host::clock()),
            notes: Notes::default(),
            voids: records.iter().map(|(number, _)| *number).collect(),
            relabel: Relabel::of(prefix, &not_labelled),
        };
        let restarts = back.machine.runs().next().is_some();
        let done = carry_out(store, deed, &mut |run| attempt.run(run), || {
            attempt.watch(match &socket {
                Some(socket) if restarts => {
                    daemon::wait_until_answers(socket, wish.restart.timeout)
                }
                _ => Ok(()),
            })
        });
        if let Err(cause) = done {
            return Err(attempt.put_back(cause, None).into());
        }
        let data = match (self.request.output, self.request.talk) {
            (Output::Json, _) => report::take_back_json(&back, restarted, true),
            (Output::Text, Talk::Quiet) => String::new(),
            (Output::Text, _) => report::taken_back(&back, restarts && socket.is_some()),
        };
        Ok(Outcome {
            effect: Effect::Changed,
            ..self.outcome(data, String::new())
        })
    }
}

/// What is in daemon.json by these records.
pub(super) fn installed_daemon(records: &[(u32, Record)]) -> Option<InstalledDaemon> {
    let daemons = records
        .iter()
        .filter_map(|(_, record)| record.notes.daemon.as_ref());
    let mut last = daemons.clone().next_back()?.clone();
    // What an earlier one put in, a later one found there.
    let mut live_restore = daemons.clone().filter_map(|it| it.wanted.live_restore);
    last.wanted.live_restore = live_restore.next_back();
    last.local_socket = daemons
        .clone()
        .next()
        .and_then(|it| it.local_socket.clone());
    Some(last)
}

/// The daemon as it runs, by its files.
fn daemon_now(prefix: &Prefix, installed: InstalledDaemon) -> Result<DaemonNow, Error> {
    let live_restore_flag = || {
        // Words alone depend on it: a unit that cannot be read is in nobody's way here.
        let unit = match unit_has_a_say(installed.mode, prefix) {
            true => daemon::unit_state(prefix).ok()??,
            false => return None,
        };
        let service = Service::parse(&unit.service, &unit.environment).ok()?;
        service.flags().live_restore
    };
    Ok(DaemonNow {
        daemon_json: file_image(&installed.daemon_json)?,
        live_restore_flag: live_restore_flag(),
        installed,
    })
}

/// How the daemon is restarted: as was said, else as it was for the install.
fn recorded_control(wish: &cli::TakeBack, records: &[(u32, Record)]) -> Option<Control> {
    let recorded = records.iter().rev();
    let recorded = recorded.filter_map(|(_, record)| record.control()).next();
    match (&wish.restart.by, recorded) {
        (RestartBy::Nobody, _) | (RestartBy::Systemd, None) => None,
        (RestartBy::Systemd, Some(recorded)) => Some(recorded.clone()),
        (RestartBy::Command(command), recorded) => Some(Control::Command {
            restart: command.clone(),
            pidfile: match recorded {
                Some(Control::Command { pidfile, .. }) => pidfile.clone(),
                _ => Default::default(),
            },
        }),
    }
}

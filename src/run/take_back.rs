//! `undo` and `uninstall`.

use std::path::PathBuf;

use super::hand_out::Pen;
use super::install::{Attempt, head, prefix, unit_has_a_say};
use super::{Effect, Outcome, Session};
use crate::cli::{self, Extent, Mode, Output, RestartBy, Talk};
use crate::error::Error;
use crate::host;
use crate::host::daemon;
use crate::host::machine::{
    Deed, Notes, Prefix, Record, Relabel, Store, carry_out, file_image, first_store, stores,
    undoing, user_store,
};
use crate::plan::install::{DaemonMode, DaemonNow, InstalledDaemon, TakeBack, Undoing, take_back};
use crate::plan::layout::PairKind;
use crate::plan::ledger::rfc3339;
use crate::plan::machine::{Control, MachinePlan};
use crate::plan::state::Outcome as Recovered;
use crate::plan::systemd::Service;
use crate::plan::verify::HomeCas;
use crate::report::{self, Restarted};

impl Session<'_> {
    pub(super) fn take_back(&self, wish: &cli::TakeBack) -> Result<Outcome, Error> {
        let prefix = prefix(&wish.prefix)?;
        let mut stores = Vec::new();
        let mut empty = Vec::new();
        for (whose, store) in every_store(&prefix)? {
            match Store::is_empty(&store)? {
                true if whose == Whose::Ours => empty.push(store),
                true => {}
                false => stores.push((whose, store)),
            }
        }
        if stores.is_empty() {
            if wish.mode == Mode::Apply {
                for store in empty {
                    // What is left of one that was killed goes with this.
                    drop(self.open_store(&store, wish.extent.command(), &wish.restart.by)?);
                }
            }
            let store = first_store(&prefix)?;
            return Err(crate::plan::Error::NothingInstalled { store }.into());
        }
        if wish.extent == Extent::Last {
            // The one a command was cut off in, else the one that changed last.
            let mut newest: Option<(bool, Option<String>)> = None;
            let mut chosen = 0;
            for (index, (_, store)) in stores.iter().enumerate() {
                let records = Store::records(store)?;
                let time = records.last().map(|(_, record)| record.time.clone());
                let last = Some((Store::has_unfinished(store), time));
                if last > newest {
                    (newest, chosen) = (last, index);
                }
            }
            stores = vec![stores.swap_remove(chosen)];
        }
        let mut all: Option<TakenBack> = None;
        // Before root is given up.
        let mut pen = match wish.mode {
            Mode::DryRun => None,
            Mode::Apply => self.pen(),
        };
        let home = self.home_cas();
        for (whose, store) in stores {
            let one = match whose {
                Whose::Ours => {
                    self.take_back_from(wish, &prefix, store.clone(), (home.as_ref(), pen.as_mut()))
                }
                // From here on everything is done as the user whose files they are.
                Whose::Callers => {
                    host::become_invoking_user()
                        .map_err(Error::from)
                        .and_then(|_| {
                            self.take_back_from(
                                wish,
                                &prefix,
                                store.clone(),
                                (home.as_ref(), pen.as_mut()),
                            )
                        })
                }
            };
            all = match (all, one) {
                (Some(all), Ok(one)) => Some(all.and(one)),
                (None, Ok(one)) => Some(one),
                (Some(all), Err(cause)) if all.effect == Effect::Changed => {
                    return Err(Error::TakenBackInPart {
                        store,
                        cause: Box::new(cause),
                    });
                }
                (_, Err(cause)) => return Err(cause),
            };
        }
        Ok(match all {
            Some(all) => self.tell_taken_back(all, wish.mode),
            None => Outcome::default(),
        })
    }

    fn tell_taken_back(&self, all: TakenBack, mode: Mode) -> Outcome {
        let TakenBack {
            text,
            notices,
            back,
            restarted,
            effect,
        } = all;
        let data = match (self.request.output, self.request.talk, mode) {
            (Output::Json, _, _) => {
                report::take_back_json(&back, restarted, effect == Effect::Changed)
            }
            (Output::Text, Talk::Quiet, Mode::Apply) => String::new(),
            (Output::Text, _, _) => text,
        };
        Outcome {
            effect,
            ..self.outcome(data, notices)
        }
    }

    fn take_back_from(
        &self,
        wish: &cli::TakeBack,
        prefix: &Prefix,
        path: PathBuf,
        (home, pen): (Option<&HomeCas>, Option<&mut Pen>),
    ) -> Result<TakenBack, Error> {
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
                return Ok(TakenBack::by_recovery(command));
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
                Some(_) => Ok(TakenBack::by_recovery(command)),
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
            records.iter().rev().find_map(|(_, record)| record.timer()),
        )
        .map_err(crate::plan::Error::from)?
        .with_concerns(daemon.as_ref(), home, host::clock());
        if wish.extent == Extent::Last && !back.left.is_empty() {
            return Err(crate::plan::Error::ChangedSince { paths: back.left }.into());
        }
        // What was before all installs is the operator's own, and comes back as it was.
        if let (Extent::Last, Some(missing)) = (wish.extent, back.missing()) {
            return Err(crate::plan::Error::WouldNotStart {
                missing: missing.to_owned(),
                prefix: (!prefix.is_root()).then(|| prefix.path().to_owned()),
            }
            .into());
        }
        let restarted = match installed.is_some() && control.is_none() {
            true => Restarted::No,
            false => Restarted::Yes,
        };
        let notices = report::take_back_notices(self.stderr, &back, restarted);
        if wish.mode == Mode::DryRun {
            return Ok(TakenBack {
                text: head(&back.machine, wish.mode)
                    + &report::machine_plan(self.stdout, &back.machine),
                notices,
                back,
                restarted,
                effect: Effect::None,
            });
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
        let socket = installed.as_ref().and_then(|it| it.local_socket.clone());
        let attempt = Attempt::begin(&wish.restart, mode, control.as_ref(), None);
        let not_labelled = |cause: &host::Error| self.not_labelled(cause);
        let deed = Deed {
            plan: &back.machine,
            time: rfc3339(host::clock()),
            // Killed, it is undone, and whoever does that waits for the daemon.
            notes: Notes {
                daemon: installed,
                ..Notes::default()
            },
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
        if let Some(pen) = pen {
            for (_, record) in &records {
                if let Some(daemon) = &record.notes.daemon {
                    self.record_taken_back(pen, PairKind::Server, &daemon.directory);
                }
                for client in &record.notes.clients {
                    self.record_taken_back(pen, PairKind::Client, &client.docker_config);
                }
            }
        }
        Ok(TakenBack {
            text: report::taken_back(&back, restarts && socket.is_some()),
            notices: String::new(),
            back,
            restarted,
            effect: Effect::Changed,
        })
    }
}

/// In whose name a store is taken back from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// This process's own: the host's for root, and its user's.
    Ours,
    /// That of the user who called sudo.
    Callers,
}

/// Every store of the machine that is there and that the caller may take back from; the one to
/// give up root for comes last.
fn every_store(prefix: &Prefix) -> Result<Vec<(Whose, PathBuf)>, Error> {
    let ours = stores(prefix)?.into_iter();
    let mut all = Vec::from_iter(ours.map(|store| (Whose::Ours, store)));
    let caller = host::caller()?.filter(|_| prefix.is_root());
    if let Some(home) = caller.and_then(|caller| caller.home) {
        let callers = user_store(Some(&home))?;
        if all.iter().all(|(_, store)| *store != callers) {
            all.push((Whose::Callers, callers));
        }
    }
    Ok(all)
}

/// What was taken back from one store or from several, for the report.
#[derive(Debug)]
struct TakenBack {
    text: String,
    notices: String,
    back: TakeBack,
    restarted: Restarted,
    effect: Effect,
}

impl TakenBack {
    /// What a killed command had left was all there was to take back.
    fn by_recovery(command: &str) -> Self {
        Self {
            text: String::new(),
            notices: String::new(),
            back: TakeBack {
                machine: MachinePlan {
                    command: command.to_owned(),
                    steps: Vec::new(),
                },
                left: Vec::new(),
                needed: Vec::new(),
                containers: None,
                concerns: Vec::new(),
            },
            restarted: Restarted::Yes,
            effect: Effect::Changed,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            text: self.text + &other.text,
            notices: self.notices + &other.notices,
            back: self.back.and(other.back),
            restarted: match self.restarted {
                Restarted::No => Restarted::No,
                Restarted::Yes => other.restarted,
            },
            effect: match self.effect {
                Effect::Changed => Effect::Changed,
                Effect::None => other.effect,
            },
        }
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

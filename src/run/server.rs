//! `install server`.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::install::{Attempt, control, head, prefix, started_by};
use super::prover::local_socket;
use super::{Effect, Outcome, Session};
use crate::cli::{self, Mode, Output, Talk};
use crate::error::Error;
use crate::host;
use crate::host::daemon::{self, Validated, Where};
use crate::host::machine::{Deed, Notes, Prefix, Relabel, carry_out, host_store, user_store};
use crate::host::probe::Proof;
use crate::pki::Name;
use crate::plan::install::{self, DaemonMode, ServerPlan, ServerState, ServerWish};
use crate::plan::layout::PairKind;
use crate::plan::ledger::rfc3339;
use crate::plan::pair::SoundPair;
use crate::plan::state::PairState;
use crate::report::{self, Restarted};

/// A server that was brought to its daemon, or would be.
pub(super) struct PlacedServer {
    /// Its name in the home.
    name: String,
    /// Where it was brought to.
    prefix: Prefix,
    /// What was done.
    pub(super) plan: ServerPlan,
    /// Whether the daemon is restarted.
    control: Restarted,
    /// Whether anything was changed.
    pub(super) effect: Effect,
    /// What the daemon proved.
    proof: Option<Proof>,
}

impl Session<'_> {
    pub(super) fn install_server(&self, wish: &cli::InstallServer) -> Result<Outcome, Error> {
        // Root has another home too: what is not in it is not what is wrong.
        prefix(&wish.prefix)?;
        daemon::defaults(wish.daemon)?;
        let pair = self.server_pair(wish.name.as_ref(), host::clock())?;
        let placed = self.place_server(wish, &format!("install server {}", pair.name), &pair)?;
        let data = self.server_words(&placed, wish.mode);
        let talk = match (wish.mode, placed.effect, self.request.output) {
            (Mode::DryRun, _, _) => report::notices(self.stderr, &placed.plan.notices),
            (Mode::Apply, Effect::Changed, Output::Text) => {
                let at = (!placed.prefix.is_root()).then_some(wish.prefix.as_path());
                let restarted = placed.control == Restarted::Yes;
                report::after_server(&self.program, &placed.plan, at, restarted)
            }
            (Mode::Apply, _, _) => String::new(),
        };
        Ok(Outcome {
            effect: placed.effect,
            ..self.outcome(data, talk)
        })
    }

    /// Brings a server of the home to its daemon: plan, agreement, swap, restart, proof, and all of
    /// it back if an answer is wrong.  A dry run ends with the plan.
    pub(super) fn place_server(
        &self,
        wish: &cli::InstallServer,
        command: &str,
        pair: &SoundPair,
    ) -> Result<PlacedServer, Error> {
        let now = host::clock();
        let prefix = prefix(&wish.prefix)?;
        let defaults = daemon::defaults(wish.daemon)?;
        let store_path = match wish.daemon {
            DaemonMode::Rootful => host_store(&prefix)?,
            DaemonMode::Rootless => user_store(None)?,
        };
        let at = Where {
            prefix: prefix.clone(),
            mode: wish.daemon,
            defaults,
            directory: wish.directory.clone(),
            daemon_json: wish.daemon_json.clone(),
            started_by: started_by(&wish.restart, wish.daemon, &prefix),
        };
        // Before the disk is read: what a killed command left is not what it was.
        let mut store = match wish.mode {
            Mode::DryRun => {
                self.note_unfinished(&store_path);
                None
            }
            Mode::Apply => Some(self.open_store(&store_path, command, &wish.restart.by)?.0),
        };
        let state = daemon::server_state(&at)?;
        let control = control(&wish.restart, wish.daemon, &prefix, || {
            pidfile(&state, &prefix)
        })?;
        let mut plan = install::plan(
            &state,
            pair,
            &ServerWish {
                listen: wish.listen.clone(),
                plain_tcp: wish.plain_tcp,
                live_restore: wish.live_restore,
                control: control.clone(),
            },
        )
        .map_err(crate::plan::Error::from)?;
        let prover = match &control {
            None => None,
            Some(_) => Some(self.prover(wish, &prefix, pair, &plan, now)?),
        };
        plan.installed.local_socket = local_socket(&prefix, plan.local_socket_before.as_deref())?;
        plan.machine.command = command.to_owned();
        let mut placed = PlacedServer {
            name: pair.name.clone(),
            control: match &control {
                Some(_) => Restarted::Yes,
                None => Restarted::No,
            },
            prefix,
            plan,
            effect: Effect::None,
            proof: None,
        };
        let Some(store) = &mut store else {
            return Ok(placed);
        };
        let (plan, prefix) = (&mut placed.plan, &placed.prefix);
        if plan.machine.is_empty() {
            placed.proof = match &prover {
                Some(prover) => prover.prove().map_err(|cause| host::Error::NotServed {
                    cause: Box::new(cause),
                })?,
                None => None,
            };
            // An install that was killed may not have told.
            let place = (plan.installed.directory.clone(), None);
            self.record_hand_out(self.pen(), PairKind::Server, pair, [place]);
            return Ok(placed);
        }

        // Nobody is asked about a plan that dockerd will not start with.
        // Under a prefix nothing of this machine is asked: it may have another dockerd.
        if control.is_some() && prefix.is_root() {
            self.validate(store.path(), pair, plan)?;
        }
        let shown = head(&plan.machine, wish.mode)
            + &report::machine_plan(self.stderr, &plan.machine)
            + "\n"
            + &report::notices(self.stderr, &plan.notices);
        self.agree(&shown, wish.consent)?;
        let answered = plan.installed.local_socket.clone();
        let answered = answered.filter(|socket| control.is_some() && daemon::answers(socket));
        plan.installed.local_socket = answered.clone();
        let attempt = Attempt::begin(
            &wish.restart,
            wish.daemon,
            control.as_ref(),
            answered.clone(),
        );
        let not_labelled = |cause: &host::Error| self.not_labelled(cause);
        let deed = Deed {
            plan: &plan.machine,
            time: rfc3339(now),
            notes: Notes {
                daemon: Some(plan.installed.clone()),
                ..Notes::default()
            },
            voids: Vec::new(),
            relabel: Relabel::of(prefix, &not_labelled),
        };
        let done = carry_out(store, deed, &mut |run| attempt.run(run), || {
            attempt.watch(match &prover {
                Some(prover) => prover.prove(),
                None => Ok(None),
            })
        });
        let proof = match done {
            Ok(proof) => proof,
            Err(cause) => return Err(attempt.put_back(cause, answered.as_deref()).into()),
        };
        let place = (plan.installed.directory.clone(), None);
        self.record_hand_out(self.pen(), PairKind::Server, pair, [place]);
        Ok(PlacedServer {
            effect: Effect::Changed,
            proof,
            ..placed
        })
    }

    /// What goes to standard output.
    pub(super) fn server_words(&self, placed: &PlacedServer, mode: Mode) -> String {
        let PlacedServer {
            name, plan, effect, ..
        } = placed;
        let changed = *effect == Effect::Changed;
        let proof = placed.proof.as_ref();
        let serial = proof.map(|proof| proof.served_serial.to_string());
        let engine = proof.map(|proof| proof.engine_version.as_str());
        let proof = engine.zip(serial.as_deref());
        match (self.request.output, mode, self.request.talk) {
            (Output::Json, _, _) => {
                report::machine_json(&plan.machine, &plan.notices, changed, proof)
            }
            (Output::Text, Mode::DryRun, _) if plan.machine.is_empty() => {
                report::nothing_to_install(name, None)
            }
            (Output::Text, Mode::DryRun, _) => {
                head(&plan.machine, mode) + &report::machine_plan(self.stdout, &plan.machine)
            }
            (Output::Text, Mode::Apply, Talk::Quiet) => String::new(),
            (Output::Text, Mode::Apply, _) => match effect {
                Effect::None => report::nothing_to_install(name, proof),
                Effect::Changed => report::installed_server(name, plan, proof),
            },
        }
    }

    /// The server of the home that is to be installed, found sound.
    fn server_pair(&self, name: Option<&Name>, now: OffsetDateTime) -> Result<SoundPair, Error> {
        let pair = self.reading(|| {
            let name = match name {
                Some(name) => name.to_string(),
                None => {
                    let mut names = host::pair_names(&self.home, PairKind::Server)?;
                    match (names.pop(), names.is_empty()) {
                        (Some(name), true) => name,
                        (None, _) => return Err(self.none_of(PairKind::Server)),
                        (Some(last), false) => {
                            names.push(last);
                            names.sort();
                            return Err(crate::plan::Error::Several {
                                kind: PairKind::Server,
                                names,
                            }
                            .into());
                        }
                    }
                }
            };
            self.pair_named(PairKind::Server, name)
        })?;
        Ok(SoundPair::check(&self.home, &pair, now)?)
    }

    /// A pair of the home by its name.
    pub(super) fn pair_named(&self, kind: PairKind, name: String) -> Result<PairState, Error> {
        let pair = host::pair_state(&self.home, kind, name);
        match pair.directory {
            Some(_) => Ok(pair),
            None => Err(crate::plan::Error::Unknown {
                kind,
                name: pair.name,
                home: self.home.clone(),
            }
            .into()),
        }
    }

    pub(super) fn none_of(&self, kind: PairKind) -> Error {
        // Without a CA there is something else to do first.
        match host::home_state(&self.home).map(|state| state.ca()) {
            Ok(Err(error @ crate::plan::Error::NoCa { .. })) => error.into(),
            _ => crate::plan::Error::NoneOf {
                kind,
                home: self.home.clone(),
            }
            .into(),
        }
    }

    fn validate(&self, store: &Path, pair: &SoundPair, plan: &ServerPlan) -> Result<(), Error> {
        let command_line = plan.command_line.as_ref();
        let words = match daemon::validate(store, command_line, &plan.daemon_json, pair)? {
            Validated::Fine => return Ok(()),
            Validated::Unknown => {
                "this dockerd has no --validate, which came with 23.0: only dockpki's own checks were made"
            }
            Validated::NotThere => {
                "there is no dockerd to ask with --validate: only dockpki's own checks were made"
            }
        };
        self.say(&report::note(self.stderr, words));
        Ok(())
    }
}

/// Where the daemon's process number is, on the machine.
fn pidfile(state: &ServerState, prefix: &Prefix) -> PathBuf {
    let inside = install::pidfile(state);
    prefix.resolve(&inside).unwrap_or(inside)
}

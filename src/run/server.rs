//! `install server`.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::install::{Attempt, control, head, prefix, started_by};
use super::{Effect, Outcome, Session};
use crate::cli::{self, Mode, Output, Talk};
use crate::error::Error;
use crate::host;
use crate::host::daemon::{self, Prover, Validated, Where};
use crate::host::machine::{Deed, Notes, Prefix, Relabel, carry_out, host_store, user_store};
use crate::host::probe::{Identity, Proof, Target, stranger};
use crate::pki::Name;
use crate::plan::install::{
    self, DaemonMode, Listen, ServerPlan, ServerState, ServerWish, probe_names,
};
use crate::plan::layout::{self, PairKind};
use crate::plan::ledger::rfc3339;
use crate::plan::pair::SoundPair;
use crate::plan::state::PairState;
use crate::report;

impl Session<'_> {
    pub(super) fn install_server(&self, wish: &cli::InstallServer) -> Result<Outcome, Error> {
        let now = host::clock();
        let prefix = prefix(&wish.prefix)?;
        // Root has another home too: what is not in it is not what is wrong.
        let defaults = daemon::defaults(wish.daemon)?;
        let pair = self.server_pair(wish.name.as_ref(), now)?;
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
            Mode::Apply => Some(
                self.open_store(&store_path, "install server", &wish.restart.by)?
                    .0,
            ),
        };
        let state = daemon::server_state(&at)?;
        let control = control(&wish.restart, wish.daemon, &prefix, || {
            pidfile(&state, &prefix)
        })?;
        let mut plan = install::plan(
            &state,
            &pair,
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
            Some(_) => Some(self.prover(wish, &prefix, &pair, &plan, now)?),
        };
        plan.installed.local_socket = local_socket(&prefix, plan.local_socket_before.as_deref())?;
        plan.machine.command = format!("install server {}", pair.name);

        if wish.mode == Mode::DryRun {
            let data = match self.request.output {
                Output::Json => report::machine_json(&plan.machine, &plan.notices, false, None),
                Output::Text if plan.machine.is_empty() => {
                    report::nothing_to_install(&pair.name, None)
                }
                Output::Text => {
                    head(&plan.machine, wish.mode)
                        + &report::machine_plan(self.stdout, &plan.machine)
                }
            };
            return Ok(self.outcome(data, report::notices(self.stderr, &plan.notices)));
        }
        if plan.machine.is_empty() {
            let proof = match &prover {
                Some(prover) => prover.prove().map_err(|cause| host::Error::NotServed {
                    cause: Box::new(cause),
                })?,
                None => None,
            };
            // An install that was killed may not have told.
            self.record_hand_out(
                self.pen(),
                PairKind::Server,
                &pair,
                [plan.installed.directory.clone()],
            );
            return Ok(self.outcome(
                self.said(&pair.name, &plan, Effect::None, proof),
                String::new(),
            ));
        }

        let Some(store) = &mut store else {
            unreachable!("the store is open unless it is a dry run");
        };
        // Nobody is asked about a plan that dockerd will not start with.
        // Under a prefix nothing of this machine is asked: it may have another dockerd.
        if control.is_some() && prefix.is_root() {
            self.validate(store.path(), &pair, &plan)?;
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
            relabel: Relabel::of(&prefix, &not_labelled),
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
        self.record_hand_out(
            self.pen(),
            PairKind::Server,
            &pair,
            [plan.installed.directory.clone()],
        );
        let talk = match self.request.output {
            Output::Text => {
                let at = (!prefix.is_root()).then_some(wish.prefix.as_path());
                report::after_server(&self.program, &plan, at, control.is_some())
            }
            Output::Json => String::new(),
        };
        Ok(Outcome {
            effect: Effect::Changed,
            ..self.outcome(self.said(&pair.name, &plan, Effect::Changed, proof), talk)
        })
    }

    fn said(
        &self,
        server: &str,
        plan: &ServerPlan,
        effect: Effect,
        proof: Option<Proof>,
    ) -> String {
        let serial = proof.as_ref().map(|proof| proof.served_serial.to_string());
        let engine = proof.as_ref().map(|proof| proof.engine_version.as_str());
        let proof = engine.zip(serial.as_deref());
        match (self.request.output, self.request.talk, effect) {
            (Output::Json, _, Effect::Changed) => {
                report::machine_json(&plan.machine, &plan.notices, true, proof)
            }
            (Output::Json, _, Effect::None) => {
                report::machine_json(&plan.machine, &plan.notices, false, proof)
            }
            (Output::Text, Talk::Quiet, _) => String::new(),
            (Output::Text, _, Effect::None) => report::nothing_to_install(server, proof),
            (Output::Text, _, Effect::Changed) => report::installed_server(server, plan, proof),
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

    /// What proves the daemon: where it is asked, by whom.
    fn prover(
        &self,
        wish: &cli::InstallServer,
        prefix: &Prefix,
        pair: &SoundPair,
        plan: &ServerPlan,
        now: OffsetDateTime,
    ) -> Result<Prover, Error> {
        let places = match &wish.probe {
            Some(probe) => {
                let uncovered = install::refuse_uncovered(pair, probe.host());
                uncovered.map_err(crate::plan::Error::from)?;
                vec![(
                    probe.host().to_owned(),
                    probe.port(),
                    probe.host().to_owned(),
                )]
            }
            None => {
                let place = |listen: &Listen| {
                    let (address, name) = probe_names(&pair.certificate, listen)?;
                    Ok((address, listen.port(), name))
                };
                let places = plan.listens.iter().map(place);
                let places: Result<Vec<_>, install::Error> = places.collect();
                places.map_err(crate::plan::Error::from)?
            }
        };
        let client = self.reading(|| self.proving_client(wish.client.as_ref(), pair, now))?;
        let [_, certificate, key] = &client.files;
        let identity =
            Identity::from_pem(certificate, key).map_err(|cause| crate::plan::Error::File {
                path: client.directory.join(PairKind::Client.certificate_file()),
                cause,
            })?;
        let ca = pair.files[0].as_slice();
        let targets = places.iter().map(|(address, port, name)| {
            Target::new(address, *port, name, ca).map_err(|cause| crate::plan::Error::File {
                path: pair.directory.join(layout::CA_CERTIFICATE),
                cause,
            })
        });
        Ok(Prover {
            targets: targets.collect::<Result<_, _>>()?,
            client: identity,
            stranger: stranger(now)?,
            serial: pair.certificate.serial.clone(),
            socket: local_socket(prefix, plan.local_socket.as_deref())?,
            limit: wish.restart.timeout,
        })
    }

    /// The client it is proved with: the one that was named, else the first that the server will
    /// let in.  After a rollover there may be some of the CA before.
    fn proving_client(
        &self,
        name: Option<&Name>,
        server: &SoundPair,
        now: OffsetDateTime,
    ) -> Result<SoundPair, Error> {
        if let Some(name) = name {
            let client = self.pair_named(PairKind::Client, name.to_string())?;
            return Ok(server.check_client_of(&self.home, &client, now)?);
        }
        let mut names = host::pair_names(&self.home, PairKind::Client)?;
        names.sort();
        for name in names {
            let pair = host::pair_state(&self.home, PairKind::Client, name);
            if let Ok(client) = server.check_client_of(&self.home, &pair, now) {
                return Ok(client);
            }
        }
        Err(self.none_of(PairKind::Client))
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

fn local_socket(prefix: &Prefix, inside: Option<&str>) -> Result<Option<PathBuf>, Error> {
    let path = inside.map(|inside| prefix.resolve(Path::new(inside)));
    Ok(path.transpose()?)
}

//! Puts a client where a user's docker looks for it.

use std::path::{Path, PathBuf};

use super::client::shell;
use super::hand_out::Pen;
use super::install::head;
use super::{Effect, Outcome, Session};
use crate::cli::{Consent, Mode, Output, RestartBy, Talk};
use crate::error::Error;
use crate::host;
use crate::host::machine::{Deed, Notes, Record, Relabel, Store, carry_out, user_store};
use crate::pki::{Certificate, VerifyCode};
use crate::plan::client::{ClientPlan, ClientWish, PlacedClient, Reach, plan};
use crate::plan::context::ContextName;
use crate::plan::docker_host::DockerHost;
use crate::plan::env::{DockerEnv, Shell};
use crate::plan::layout::PairKind;
use crate::plan::ledger::rfc3339;
use crate::plan::machine::{MachineChange, MachineStep, Run};
use crate::plan::pair::SoundPair;
use crate::report;

/// What of a user's is docker's and ours.
pub(super) struct DockerOf {
    pub(super) docker_config: PathBuf,
    /// Whether docker looks there without being told.
    is_own: bool,
    /// Where the records of what was installed are.
    pub(super) store: PathBuf,
    shell: Shell,
}

/// A client that goes where docker looks for it.
pub(super) struct Placing {
    /// For the record and for messages.
    pub(super) command: String,
    pub(super) pair: SoundPair,
    pub(super) host: Option<DockerHost>,
    pub(super) context: Option<ContextName>,
    /// What is changed afterwards, as one with it.
    pub(super) after: Vec<MachineChange>,
    /// What is said before the question.
    pub(super) said: String,
    pub(super) question: &'static str,
    pub(super) what: host::Asked,
    pub(super) consent: Consent,
    pub(super) mode: Mode,
    pub(super) pen: Option<Pen>,
}

/// How the user is asked whether docker is to believe these CAs, which it does not yet, and what stands
/// for an answer.  A yes to whatever comes is none: whoever can change a mail would get every command.
pub(super) fn agreement(
    unknown: &[&Certificate],
    expected: &[VerifyCode],
    consent: Consent,
) -> (Consent, &'static str, host::Asked) {
    if unknown.is_empty() {
        return (consent, "Do this?", host::Asked::Consent);
    }
    let consent = match expected.is_empty() {
        true => Consent::Ask,
        // It was compared with each of them.
        false => consent,
    };
    (consent, report::ACCEPT_QUESTION, host::Asked::Code)
}

impl Session<'_> {
    /// Gives up root for the user who called sudo, and finds what is theirs.
    pub(super) fn docker_of_caller(&self, given: Option<&Path>) -> Result<DockerOf, Error> {
        let shell = shell(None);
        let caller = host::become_invoking_user()?;
        let docker_config = host::docker_config(given, caller.as_ref())?;
        let own = host::docker_config(None, caller.as_ref());
        let is_own = own.is_ok_and(|own| own == docker_config);
        let home = caller.as_ref().and_then(|caller| caller.home.as_deref());
        Ok(DockerOf {
            docker_config,
            is_own,
            store: user_store(home)?,
            shell,
        })
    }

    /// Opens the records of a user's machine, unless nothing is to be done there.
    pub(super) fn store_of(
        &self,
        docker: &DockerOf,
        mode: Mode,
        command: &str,
    ) -> Result<Option<Store>, Error> {
        match mode {
            Mode::DryRun => {
                self.note_unfinished(&docker.store);
                Ok(None)
            }
            Mode::Apply => {
                let (store, _) = self.open_store(&docker.store, command, &RestartBy::Systemd)?;
                Ok(Some(store))
            }
        }
    }

    /// Puts a client where docker looks for it, or shows how.
    pub(super) fn place(
        &self,
        mut store: Option<Store>,
        docker: DockerOf,
        placing: Placing,
    ) -> Result<Outcome, Error> {
        let DockerOf {
            docker_config,
            is_own,
            store: _,
            shell,
        } = docker;
        let Placing {
            command,
            pair,
            host,
            context,
            after,
            said,
            question,
            what,
            consent,
            mode,
            pen,
        } = placing;
        let name = pair.name.clone();
        let client_wish = ClientWish {
            pair,
            host,
            context,
            owner: host::process_owner(),
            reach: Reach::Both,
        };
        let state = host::client_state(&docker_config, client_wish.context_name().as_ref())?;
        let mut client = plan(&state, &client_wish)?;
        client.plan.command = command;
        let after = after.into_iter().map(MachineStep::Change);
        client.plan.steps.extend(after);
        let notices = report::client_notices(self.stderr, &client.notices) + &said;

        if mode == Mode::DryRun {
            let data = match self.request.output {
                Output::Json => report::client_json(&client, &docker_config, false),
                Output::Text if client.plan.is_empty() => {
                    report::client_is_installed(&name, &docker_config)
                }
                Output::Text => {
                    head(&client.plan, mode) + &report::machine_plan(self.stdout, &client.plan)
                }
            };
            return Ok(self.outcome(data, notices));
        }
        let effect = match &mut store {
            Some(store) => {
                let notes = Notes {
                    host: client_wish.host.as_ref().map(ToString::to_string),
                    docker_config: Some(docker_config.clone()),
                    clients: vec![PlacedClient {
                        name: name.clone(),
                        docker_config: docker_config.clone(),
                        context: client.context.clone(),
                        reach: Reach::Both,
                    }],
                    ..Notes::default()
                };
                let agreement = (consent, question, what);
                self.place_client(store, &client, notes, &notices, agreement)?
            }
            None => Effect::None,
        };
        // Also where nothing was to do: an install that was killed may not have told.
        let context = client_wish.context_name();
        let context = context.map(|context| {
            let directory = docker_config.join(context.tls_directory());
            (directory, Some(context))
        });
        let places = std::iter::once((docker_config.clone(), None)).chain(context);
        self.record_hand_out(pen, PairKind::Client, &client_wish.pair, places);
        let data = match (self.request.output, self.request.talk, effect) {
            (Output::Json, _, _) => {
                report::client_json(&client, &docker_config, effect == Effect::Changed)
            }
            (Output::Text, Talk::Quiet, _) => String::new(),
            (Output::Text, _, Effect::None) => report::client_is_installed(&name, &docker_config),
            (Output::Text, _, Effect::Changed) => {
                let context = client.context.as_ref();
                report::installed_client(&name, &docker_config, is_own, context)
            }
        };
        let env = DockerEnv::Set {
            host: client_wish.host,
            cert_path: docker_config,
        };
        let talk = match (self.request.output, effect) {
            // What this shell has no way to write is no reason to fail now.
            (Output::Text, Effect::Changed) => report::env(shell, &env, &[])
                .map(|lines| report::after_client(&lines))
                .unwrap_or_default(),
            (Output::Text, Effect::None) | (Output::Json, _) => String::new(),
        };
        Ok(Outcome {
            effect,
            ..self.outcome(data, talk)
        })
    }

    /// Brings clients to where docker looks for them, once that is agreed to.
    pub(super) fn place_client(
        &self,
        store: &mut Store,
        client: &ClientPlan,
        notes: Notes,
        notices: &str,
        (consent, question, what): (Consent, &str, host::Asked),
    ) -> Result<Effect, Error> {
        if client.plan.is_empty() {
            return Ok(Effect::None);
        }
        let shown = head(&client.plan, Mode::Apply)
            + &report::machine_plan(self.stderr, &client.plan)
            + "\n"
            + notices;
        self.agree_to(&shown, consent, question, what)?;
        let deed = Deed {
            plan: &client.plan,
            time: rfc3339(host::clock()),
            notes,
            voids: Vec::new(),
            relabel: Relabel::ByPolicy {
                failed: &|cause| self.not_labelled(cause),
            },
        };
        // A client's plan runs nothing.
        carry_out(store, deed, &mut |_: &Run| Ok(()), || Ok(()))?;
        Ok(Effect::Changed)
    }
}

/// What is remembered of clients that are brought anew: for `env`, which looks for the client that was
/// installed last, that one stays the last.
pub(super) fn as_last_installed(records: &[(u32, Record)], clients: Vec<PlacedClient>) -> Notes {
    let mut last = records.iter().rev().map(|(_, record)| &record.notes);
    let last = last.find(|notes| notes.docker_config.is_some());
    Notes {
        host: last.and_then(|notes| notes.host.clone()),
        docker_config: last.and_then(|notes| notes.docker_config.clone()),
        clients,
        ..Notes::default()
    }
}

//! `install client` and `env`.

use std::path::PathBuf;

use super::install::head;
use super::{Effect, Outcome, Session, data};
use crate::cli::{self, Consent, Mode, Output, RestartBy, Talk, Unset};
use crate::error::Error;
use crate::host;
use crate::host::machine::{Deed, Notes, Relabel, Store, carry_out, user_store};
use crate::pki::Name;
use crate::plan::client::{ClientPlan, ClientWish, PlacedClient, Reach, plan};
use crate::plan::docker_host::DockerHost;
use crate::plan::env::{DockerEnv, Shell};
use crate::plan::layout::PairKind;
use crate::plan::ledger::rfc3339;
use crate::plan::machine::Run;
use crate::plan::pair::SoundPair;
use crate::report;

impl Session<'_> {
    pub(super) fn install_client(&self, wish: &cli::InstallClient) -> Result<Outcome, Error> {
        let now = host::clock();
        let shell = self::shell(None);
        let (name, pair) = self.reading(|| {
            let name = self.client_name(wish.name.as_ref())?;
            let pair = self.pair_named(PairKind::Client, name.clone())?;
            Ok((name, pair))
        })?;
        let pair = SoundPair::check(&self.home, &pair, now)?;
        let pen = match wish.mode {
            Mode::DryRun => None,
            Mode::Apply => self.pen(),
        };
        // From here on everything is done as the user whose files they are.
        let caller = host::become_invoking_user()?;
        let docker_config = host::docker_config(wish.docker_config.as_deref(), caller.as_ref())?;
        let caller_home = caller.as_ref().and_then(|caller| caller.home.as_deref());
        let store_path = user_store(caller_home)?;
        let command = format!("install client {name}");
        let mut store = match wish.mode {
            Mode::DryRun => {
                self.note_unfinished(&store_path);
                None
            }
            Mode::Apply => Some(
                self.open_store(&store_path, &command, &RestartBy::Systemd)?
                    .0,
            ),
        };
        let client_wish = ClientWish {
            pair,
            host: wish.host.clone(),
            context: wish.context.clone(),
            owner: host::process_owner(),
            reach: Reach::Both,
        };
        let state = host::client_state(&docker_config, client_wish.context_name().as_ref())?;
        let mut client = plan(&state, &client_wish)?;
        client.plan.command = command;
        let notices = report::client_notices(self.stderr, &client.notices);

        if wish.mode == Mode::DryRun {
            let data = match self.request.output {
                Output::Json => report::client_json(&client, &docker_config, false),
                Output::Text if client.plan.is_empty() => {
                    report::client_is_installed(&name, &docker_config)
                }
                Output::Text => {
                    head(&client.plan, wish.mode) + &report::machine_plan(self.stdout, &client.plan)
                }
            };
            return Ok(self.outcome(data, notices));
        }
        let effect = match &mut store {
            Some(store) => {
                let notes = Notes {
                    host: wish.host.as_ref().map(ToString::to_string),
                    docker_config: Some(docker_config.clone()),
                    clients: vec![PlacedClient {
                        name: name.clone(),
                        docker_config: docker_config.clone(),
                        context: client.context.clone(),
                        reach: Reach::Both,
                    }],
                    ..Notes::default()
                };
                self.place_client(store, &client, notes, &notices, wish.consent)?
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
                report::installed_client(&name, &docker_config, client.context.as_ref())
            }
        };
        let env = DockerEnv::Set {
            host: wish.host.clone(),
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
        consent: Consent,
    ) -> Result<Effect, Error> {
        if client.plan.is_empty() {
            return Ok(Effect::None);
        }
        let shown = head(&client.plan, Mode::Apply)
            + &report::machine_plan(self.stderr, &client.plan)
            + "\n"
            + notices;
        self.agree(&shown, consent)?;
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

    /// The client that was named, else the only one, else the one of the user who calls.
    fn client_name(&self, name: Option<&Name>) -> Result<String, Error> {
        if let Some(name) = name {
            return Ok(name.to_string());
        }
        let mut names = host::pair_names(&self.home, PairKind::Client)?;
        names.sort();
        let user = host::invoking_user().ok();
        match (names.as_slice(), user) {
            ([], _) => Err(self.none_of(PairKind::Client)),
            ([only], _) => Ok(only.clone()),
            (several, Some(user)) if several.contains(&user) => Ok(user),
            (several, _) => Err(crate::plan::Error::Several {
                kind: PairKind::Client,
                names: several.to_vec(),
            }
            .into()),
        }
    }

    pub(super) fn env(&self, wish: &cli::Env) -> Result<Outcome, Error> {
        let shell = self::shell(wish.shell);
        let mut again = vec!["dockpki".to_owned()];
        if let Some(home) = &self.request.home {
            again.extend(["--home".to_owned(), home.to_string_lossy().into_owned()]);
        }
        again.push("env".into());
        again.extend(wish.name.as_ref().map(ToString::to_string));
        if let Some(host) = &wish.host {
            again.extend(["--host".to_owned(), host.to_string()]);
        }
        if let Some(shell) = wish.shell {
            again.extend(["--shell".to_owned(), shell.as_str().to_owned()]);
        }
        let env = match wish.unset {
            Unset::Yes => {
                again.push("--unset".into());
                DockerEnv::Unset
            }
            Unset::No => self.docker_env(wish)?,
        };
        let talk = match &env {
            DockerEnv::Set { host: None, .. } => report::hint(
                self.stderr,
                "DOCKER_HOST is left as it is: name the daemon with --host tcp://HOST:2376",
            ),
            _ => String::new(),
        };
        let again = Vec::from_iter(again.iter().map(String::as_str));
        let outcome = data(report::env(shell, &env, &again).map_err(crate::plan::Error::from)?);
        Ok(self.outcome(outcome.data, talk))
    }

    fn docker_env(&self, wish: &cli::Env) -> Result<DockerEnv, Error> {
        let installed = installed_client()?;
        let host = match (&wish.host, &installed) {
            (Some(host), _) => Some(host.clone()),
            (None, Some((_, host))) => host.clone(),
            (None, None) => None,
        };
        let cert_path = match (&wish.name, installed) {
            (None, Some((docker_config, _))) => docker_config,
            (name, _) => self.reading(|| {
                let name = self.client_name(name.as_ref())?;
                self.pair_named(PairKind::Client, name.clone())?;
                Ok(self.home.join(PairKind::Client.pair(&name)))
            })?,
        };
        Ok(DockerEnv::Set { host, cert_path })
    }
}

/// Where the caller's client was installed last, and for which daemon.
fn installed_client() -> Result<Option<(PathBuf, Option<DockerHost>)>, Error> {
    let home = host::caller()?.and_then(|caller| caller.home);
    let records = Store::records(&user_store(home.as_deref())?)?;
    let mut clients = records.into_iter().rev().filter_map(|(_, record)| {
        let host = record
            .notes
            .host
            .as_deref()
            .and_then(|host| host.parse().ok());
        Some((record.notes.docker_config?, host))
    });
    Ok(clients.next())
}

/// The shell that was named, else that of the caller, else one of POSIX.
fn shell(named: Option<Shell>) -> Shell {
    let callers = || Shell::from_path(&host::shell()?);
    named.or_else(callers).unwrap_or(Shell::Bash)
}

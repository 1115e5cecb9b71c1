//! `client refresh`: every copy of a client on this machine gets what was handed out anew.

use std::path::Path;

use zeroize::Zeroizing;

use super::accept::leave;
use super::handed::Handed;
use super::install::head;
use super::place::{DockerOf, agreement, as_last_installed};
use super::{Effect, Outcome, Session};
use crate::cli::{self, Mode, Output, Talk};
use crate::error::Error;
use crate::host;
use crate::host::machine::{Record, Store};
use crate::pki::{Certificate, VerifyCode};
use crate::plan::check::installed::{InstalledPair, Place};
use crate::plan::client::{self, ClientError, ClientPlan, ClientWish, PlacedClient, Reach};
use crate::plan::enroll::{self, EnrollError, KeyFile, KeyOf, Reply};
use crate::plan::machine::MachineStep;
use crate::plan::pair::SoundPair;
use crate::plan::refresh::{Standing, authorities, is_taken_back, older, older_ca, standing};
use crate::plan::renew::client_places;
use crate::plan::state::FileState;
use crate::report::{self, Refreshed};

const COMMAND: &str = "client refresh";

/// The copies of a machine, by what becomes of them.
#[derive(Default)]
struct Copies {
    behind: Vec<(PlacedClient, InstalledPair)>,
    refreshed: Refreshed,
}

impl Session<'_> {
    pub(super) fn client_refresh(&self, wish: &cli::ClientRefresh) -> Result<Outcome, Error> {
        let now = host::clock();
        // As the user whose files they are, from the first file on that is read.
        let docker = self.docker_of_caller(wish.docker_config.as_deref())?;
        let handed = self.handed(wish.bundle.as_deref(), now)?;
        let key_from = handed.key_from();
        // A context keeps the daemon it is for.
        let Handed {
            reply,
            key,
            host: _,
        } = handed;
        let mut store = self.store_of(&docker, wish.mode, COMMAND)?;
        let records = Store::records(&docker.store)?;
        let mut copies = self.copies(&docker, &reply, &records, &wish.expected);
        if copies.behind.is_empty() {
            return self.nothing_to_refresh(wish, &docker, &reply, &copies.refreshed);
        }
        let keys = match key {
            Some(key) => vec![key],
            None => all_keys(&docker, &copies)?,
        };
        let key = enroll::find_key(&reply, &keys)?;
        let known = known_by_all(&copies);
        let unknown = enroll::unknown_authorities(&reply.trust, &known, &wish.expected)?;
        let (mut merged, placed) = self.plan_refresh(&reply, key, &mut copies, now)?;
        let after = leave(key)?.into_iter().map(MachineStep::Change);
        merged.plan.steps.extend(after);
        let Copies { refreshed, .. } = copies;
        let said = report::client_notices(self.stderr, &merged.notices)
            + &report::left_copies(self.stderr, &refreshed)
            + &report::reply_to_accept(&reply, &unknown, key_from);
        if wish.mode == Mode::DryRun {
            let data = match self.request.output {
                Output::Json => report::clients_json(&merged, false),
                Output::Text => {
                    head(&merged.plan, wish.mode) + &report::machine_plan(self.stdout, &merged.plan)
                }
            };
            return Ok(self.outcome(data, said));
        }
        let agreement = agreement(&unknown, &wish.expected, wish.consent);
        let effect = match &mut store {
            Some(store) => {
                let notes = as_last_installed(&records, placed.clone());
                self.place_client(store, &merged, notes, &said, agreement)?
            }
            None => Effect::None,
        };
        let data = match (self.request.output, self.request.talk) {
            (Output::Json, _) => report::clients_json(&merged, effect == Effect::Changed),
            (Output::Text, Talk::Quiet) => String::new(),
            (Output::Text, _) => report::brought_clients(&Vec::from_iter(&placed)),
        };
        Ok(Outcome {
            effect,
            ..self.outcome(data, String::new())
        })
    }

    /// Every copy on this machine, held against the bundle.
    fn copies(
        &self,
        docker: &DockerOf,
        reply: &Reply,
        records: &[(u32, Record)],
        expected: &[VerifyCode],
    ) -> Copies {
        let placed = records.iter().flat_map(|(_, record)| &record.notes.clients);
        let recorded = client_places(placed);
        let mut copies = Copies::default();
        for pair in host::client_copies(&docker.docker_config, &docker.store) {
            // A home on this machine is renewed, not refreshed.
            if pair.certificate.starts_with(&self.home) {
                continue;
            }
            let words = report::place_of(&pair);
            let Some(mut place) = place_of(&pair, &docker.docker_config) else {
                copies.refreshed.nameless.push(words);
                continue;
            };
            let directory = place.directory();
            let name = recorded
                .iter()
                .find(|it| it.directory() == directory)
                .map(|it| it.name.as_str());
            match standing(reply, &pair, name) {
                Standing::NewerCa(ca) if !is_taken_back(reply, &ca, expected) => {
                    copies.refreshed.newer_ca.push((words, *ca));
                }
                Standing::Behind | Standing::NewerCa(_) => {
                    place.name = reply.name.to_string();
                    copies.behind.push((place, pair));
                }
                Standing::Current => copies.refreshed.current.push(words),
                Standing::Newer(serial) => copies.refreshed.newer.push((words, serial)),
                Standing::Unknown => copies.refreshed.unknown.push(words),
                Standing::Other => {}
            }
        }
        copies
    }

    fn nothing_to_refresh(
        &self,
        wish: &cli::ClientRefresh,
        docker: &DockerOf,
        reply: &Reply,
        refreshed: &Refreshed,
    ) -> Result<Outcome, Error> {
        let name = reply.name.to_string();
        if !refreshed.current.is_empty() {
            let talk = report::left_copies(self.stderr, refreshed);
            let data = match (self.request.output, self.request.talk) {
                (Output::Json, _) => report::clients_json(&ClientPlan::nothing(COMMAND), false),
                (Output::Text, Talk::Quiet) => String::new(),
                (Output::Text, _) => report::nothing_to_refresh(&name, &refreshed.current),
            };
            return Ok(self.outcome(data, talk));
        }
        self.say(&report::unknown_copies(self.stderr, refreshed));
        if let Some((place, ca)) = refreshed.newer_ca.first() {
            return Err(self.plan_error(older_ca(reply, ca, place.clone())));
        }
        Err(self.plan_error(match refreshed.newer.first() {
            Some((place, found)) => older(reply, found.clone(), place.clone()),
            None => EnrollError::NoCopy {
                name,
                docker_config: docker.docker_config.clone(),
                bundle: wish.bundle.clone(),
            },
        }))
    }

    /// Plans every copy; one in a context that TLS has no say in is left.
    fn plan_refresh(
        &self,
        reply: &Reply,
        key: &KeyFile,
        copies: &mut Copies,
        now: time::OffsetDateTime,
    ) -> Result<(ClientPlan, Vec<PlacedClient>), Error> {
        let FileState::Present(file) = &key.file else {
            unreachable!("a key that was found was read");
        };
        let mut merged = ClientPlan::nothing(COMMAND);
        let mut placed = Vec::new();
        for (place, pair) in &copies.behind {
            let files = [
                Zeroizing::new(reply.trust.pem().into_bytes()),
                Zeroizing::new(reply.certificate.pem().into_bytes()),
                file.content.clone(),
            ];
            let directory = key.path.parent().unwrap_or(Path::new("/")).to_owned();
            let wish = ClientWish {
                pair: SoundPair::of_client(directory, place.name.clone(), files, now)?,
                host: None,
                context: place.context.clone(),
                owner: host::process_owner(),
                reach: place.reach,
            };
            let state = host::client_state(&place.docker_config, wish.context_name().as_ref())?;
            match client::plan(&state, &wish) {
                Ok(plan) => {
                    merged.add(plan);
                    placed.push(place.clone());
                }
                Err(crate::plan::Error::Client(
                    ClientError::NotTcp { .. } | ClientError::NoContext { .. },
                )) => copies.refreshed.nameless.push(report::place_of(pair)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((merged, placed))
    }
}

/// Where a copy is, as an install has it; nothing for a context whose name is not known.
fn place_of(pair: &InstalledPair, own: &Path) -> Option<PlacedClient> {
    let (docker_config, context) = match &pair.place {
        Place::Daemon => return None,
        Place::DockerConfig => (own.to_owned(), None),
        Place::Directory(directory) => (directory.clone(), None),
        Place::Context {
            name,
            docker_config,
        } => {
            let directory = docker_config.clone().unwrap_or_else(|| own.to_owned());
            (directory, Some(name.parse().ok()?))
        }
    };
    Some(PlacedClient {
        name: String::new(),
        docker_config,
        reach: match context {
            None => Reach::Both,
            Some(_) => Reach::ContextAlone,
        },
        context,
    })
}

/// The keys the new certificate may be of: those of the copies, and of open requests.
fn all_keys(docker: &DockerOf, copies: &Copies) -> Result<Vec<KeyFile>, Error> {
    let mut keys = host::docker_keys(&docker.docker_config)?;
    let elsewhere = copies.behind.iter().map(|(_, pair)| KeyFile {
        file: host::key_state(&pair.key),
        path: pair.key.clone(),
        of: KeyOf::Installed,
    });
    keys.extend(elsewhere);
    Ok(keys)
}

/// The CAs that every copy that is rewritten believes already.
fn known_by_all(copies: &Copies) -> Vec<Certificate> {
    let mut all = copies.behind.iter().map(|(_, pair)| authorities(pair));
    let first = all.next().unwrap_or_default();
    all.fold(first, |known, these| {
        known.into_iter().filter(|ca| these.contains(ca)).collect()
    })
}

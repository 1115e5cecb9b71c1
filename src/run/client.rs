//! `install client` and `env`.

use std::path::PathBuf;

use super::place::Placing;
use super::{Outcome, Session, data};
use crate::cli::{self, Mode, Unset};
use crate::error::Error;
use crate::host;
use crate::host::machine::{Store, user_store};
use crate::pki::{Certificate, Name};
use crate::plan::docker_host::DockerHost;
use crate::plan::env::{DockerEnv, Shell};
use crate::plan::layout::PairKind;
use crate::plan::ledger::KeyPlace;
use crate::plan::pair::SoundPair;
use crate::plan::remembered::Remembered;
use crate::plan::state::{FileState, PairState};
use crate::report;

impl Session<'_> {
    pub(super) fn install_client(&self, wish: &cli::InstallClient) -> Result<Outcome, Error> {
        let now = host::clock();
        let (name, pair) = self.reading(|| {
            let name = self.client_name(wish.name.as_ref())?;
            let pair = self.client_with_key(name.clone())?;
            Ok((name, pair))
        })?;
        let pair = SoundPair::check(&self.home, &pair, now)?;
        let pen = match wish.mode {
            Mode::DryRun => None,
            Mode::Apply => self.pen(),
        };
        // From here on everything is done as the user whose files they are.
        let docker = self.docker_of_caller(wish.docker_config.as_deref())?;
        let command = format!("install client {name}");
        let store = self.store_of(&docker, wish.mode, &command)?;
        let placing = Placing {
            command,
            pair,
            host: wish.host.clone(),
            context: wish.context.clone(),
            after: Vec::new(),
            said: String::new(),
            question: "Do this?",
            what: host::Asked::Consent,
            consent: wish.consent,
            mode: wish.mode,
            pen,
        };
        self.place(store, docker, placing)
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

    /// A client of the home that can be used from there.
    pub(super) fn client_with_key(&self, name: String) -> Result<PairState, Error> {
        let pair = self.pair_named(PairKind::Client, name)?;
        if !matches!(pair.key, FileState::Absent) {
            return Ok(pair);
        }
        let remembered = Remembered::of(&host::home_state(&self.home)?.ledger()?);
        let certificate = match &pair.certificate {
            FileState::Present(file) => Certificate::from_pem(&file.content).ok(),
            _ => None,
        };
        let place = certificate.map(|it| remembered.key_place(&it.serial, &pair.key));
        match place {
            Some(KeyPlace::Elsewhere) => {
                Err(crate::plan::Error::KeyElsewhere { name: pair.name }.into())
            }
            Some(KeyPlace::Home) | None => Ok(pair),
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
                self.client_with_key(name.clone())?;
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
pub(super) fn shell(named: Option<Shell>) -> Shell {
    let callers = || Shell::from_path(&host::shell()?);
    named.or_else(callers).unwrap_or(Shell::Bash)
}

//! `client accept`.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::handed::Handed;
use super::place::{DockerOf, Placing, agreement};
use super::{Outcome, Session};
use crate::cli;
use crate::error::Error;
use crate::host;
use crate::host::machine::{access, file_image};
use crate::pki::VerifyCode;
use crate::plan::check::installed::Place;
use crate::plan::context::ContextName;
use crate::plan::enroll::{self, KeyFile, KeyOf, Reply};
use crate::plan::layout;
use crate::plan::machine::MachineChange;
use crate::plan::pair::SoundPair;
use crate::plan::refresh::refuse_older;
use crate::plan::state::FileState;
use crate::report;

impl Session<'_> {
    pub(super) fn client_accept(&self, wish: &cli::ClientAccept) -> Result<Outcome, Error> {
        let now = host::clock();
        // As the user whose files they are, from the first file on that is read.
        let docker = self.docker_of_caller(wish.docker_config.as_deref())?;
        let handed = self.handed(wish.reply.as_deref(), now)?;
        let key_from = handed.key_from();
        let Handed {
            reply,
            key: came,
            host: for_host,
        } = handed;
        let command = format!("client accept {}", reply.name);
        // Before the keys are looked for: what was cut off may have taken one away.
        let store = self.store_of(&docker, wish.mode, &command)?;
        let keys = match came {
            Some(key) => vec![key],
            None => keys(wish, &docker)?,
        };
        let key = enroll::find_key(&reply, &keys)?;
        let FileState::Present(file) = &key.file else {
            unreachable!("a key that was found was read");
        };
        let known = file_image(&docker.docker_config.join(layout::CA_CERTIFICATE));
        let known = enroll::known_authorities(known.ok().flatten().as_ref());
        let unknown = enroll::unknown_authorities(&reply.trust, &known, &wish.expected)?;
        let host = wish.host.clone().or(for_host);
        let target = ContextName::of(wish.context.as_ref(), host.as_ref());
        self.refuse_older(&docker, &reply, target.as_ref(), &wish.expected)?;
        let said = report::reply_to_accept(&reply, &unknown, key_from);
        let files = [
            Zeroizing::new(reply.trust.pem().into_bytes()),
            Zeroizing::new(reply.certificate.pem().into_bytes()),
            file.content.clone(),
        ];
        let directory = key.path.parent().unwrap_or(Path::new("/")).to_owned();
        let name = reply.name.to_string();
        let (consent, question, what) = agreement(&unknown, &wish.expected, wish.consent);
        let placing = Placing {
            command,
            pair: SoundPair::of_client(directory, name, files, now)?,
            host,
            context: wish.context.clone(),
            after: leave(key)?,
            said,
            question,
            what,
            consent,
            mode: wish.mode,
            pen: None,
        };
        self.place(store, docker, placing)
    }

    /// Puts nothing older in the place of what docker uses here: a late mail would lock its user out.
    fn refuse_older(
        &self,
        docker: &DockerOf,
        reply: &Reply,
        context: Option<&ContextName>,
        expected: &[VerifyCode],
    ) -> Result<(), Error> {
        for copy in host::client_copies(&docker.docker_config, &docker.store) {
            let is_target = match &copy.place {
                Place::DockerConfig => true,
                Place::Context {
                    name,
                    docker_config: None,
                } => context.is_some_and(|context| context.as_str() == name),
                Place::Daemon | Place::Directory(_) | Place::Context { .. } => false,
            };
            if is_target {
                refuse_older(reply, &copy, &report::place_of(&copy), expected)
                    .map_err(|error| self.plan_error(error))?;
            }
        }
        Ok(())
    }
}

/// The keys the reply may be for: the one that was named, or all there are.
fn keys(wish: &cli::ClientAccept, docker: &DockerOf) -> Result<Vec<KeyFile>, Error> {
    let named = |path: PathBuf, of| KeyFile {
        file: host::key_state(&path),
        path,
        of,
    };
    if let Some(key) = &wish.key {
        return Ok(vec![named(host::absolute(key)?, KeyOf::Named)]);
    }
    if let Some(request) = &wish.request {
        let directory = host::absolute(request)?;
        let [key, _] = enroll::pems(&directory);
        return Ok(vec![named(key, KeyOf::Named)]);
    }
    Ok(host::docker_keys(&docker.docker_config)?)
}

/// What takes the request away, now that its key is installed.
pub(super) fn leave(key: &KeyFile) -> Result<Vec<MachineChange>, Error> {
    let Some(directory) = key.path.parent().filter(|_| key.of != KeyOf::Installed) else {
        return Ok(Vec::new());
    };
    let [key_path, request_path] = enroll::pems(directory);
    // A key that somebody named by itself is theirs to keep.
    let Some(request) = file_image(&request_path)?.filter(|_| key.path == key_path) else {
        return Ok(Vec::new());
    };
    let images = [file_image(&key_path)?, Some(request)];
    Ok(enroll::leave_request(directory, access(directory)?, images))
}

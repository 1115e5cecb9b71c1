//! `client request`.

use std::path::Path;

use super::{Effect, Outcome, Session};
use crate::cli::{self, Mode, Open, Output, Talk};
use crate::error::Error;
use crate::host::machine::{Store, access};
use crate::host::{self, Replaced, RequestPlace};
use crate::pki::KeyType;
use crate::plan::client::ClientError;
use crate::plan::enroll::{self, EnrollError};
use crate::report::{self, Requested};

impl Session<'_> {
    pub(super) fn client_request(&self, wish: &cli::ClientRequest) -> Result<Outcome, Error> {
        // As the user whose key it is to be.
        let docker = self.docker_of_caller(wish.docker_config.as_deref())?;
        let name = &wish.wish.name;
        let directory = match &wish.out {
            Some(out) => host::absolute(out)?,
            None => host::request_directory(&docker.docker_config, name.as_str())?,
        };
        self.refuse_foreign(&directory, wish)?;
        if wish.mode == Mode::Apply && Store::has_unfinished(&docker.store) {
            // An accept that was killed may have been about to take this request away.
            drop(self.store_of(&docker, wish.mode, "client request")?);
        }
        let (replaced, open) = match (host::request_place(&directory)?, wish.open) {
            (RequestPlace::Free, _) => (Replaced::Nothing, None),
            (RequestPlace::Open(open), Open::Keep) => (Replaced::Nothing, Some(open)),
            (RequestPlace::Open(_), Open::Replace) => (Replaced::Open, None),
            (RequestPlace::Other, _) => {
                return Err(self.plan_error(EnrollError::NotEmpty { path: directory }));
            }
        };
        let requested = |request, effect| Requested {
            name: name.clone(),
            request,
            directory: directory.clone(),
            is_named: wish.out.is_some(),
            changed: effect == Effect::Changed,
        };
        if let Some(open) = open {
            let request = enroll::again(&open, &wish.wish)?;
            return Ok(self.requested(&requested(request, Effect::None), Effect::None));
        }
        let key = host::key(wish.wish.key_type.unwrap_or(KeyType::P256))?;
        let (request, files) = enroll::files(name, &key)?;
        if wish.mode == Mode::DryRun {
            let requested = requested(request, Effect::None);
            let data = match self.request.output {
                Output::Json => report::request_planned_json(&requested, &files),
                Output::Text => report::request_planned(self.stdout, &requested, &files),
            };
            return Ok(self.outcome(data, String::new()));
        }
        if let Err(error) = host::place_request(&directory, &files, replaced) {
            // Somebody else may have been faster: then that is the request.
            return match (replaced, host::request_place(&directory)) {
                (Replaced::Nothing, Ok(RequestPlace::Open(open))) if error.is_taken() => {
                    let request = enroll::again(&open, &wish.wish)?;
                    Ok(self.requested(&requested(request, Effect::None), Effect::None))
                }
                _ => Err(error.into()),
            };
        }
        Ok(self.requested(&requested(request, Effect::Changed), Effect::Changed))
    }

    fn requested(&self, requested: &Requested, effect: Effect) -> Outcome {
        let (data, talk) = match (self.request.output, self.request.talk) {
            (Output::Json, _) => (report::requested_json(requested), String::new()),
            // Also to who asked for silence: it is what was asked for.
            (Output::Text, Talk::Quiet) => (report::requested(requested), String::new()),
            (Output::Text, _) => (
                report::requested(requested),
                report::request_next(&self.program, requested),
            ),
        };
        Outcome {
            effect,
            ..self.outcome(data, talk)
        }
    }

    /// In another user's directory they could take the key for theirs.
    fn refuse_foreign(&self, directory: &Path, wish: &cli::ClientRequest) -> Result<(), Error> {
        let wanted = host::process_owner().user;
        // Where somebody named a directory, what it is in is theirs to know.
        let depth = match &wish.out {
            Some(_) => 1,
            None => 3,
        };
        for path in directory.ancestors().take(depth) {
            if let Some(access) = access(path)?
                && access.user != wanted
            {
                let foreign = ClientError::Foreign {
                    path: path.to_owned(),
                    owner: access.user,
                    wanted,
                };
                return Err(crate::plan::Error::Client(foreign).into());
            }
        }
        Ok(())
    }

    pub(super) fn plan_error(&self, error: EnrollError) -> Error {
        crate::plan::Error::Enroll(error).into()
    }
}

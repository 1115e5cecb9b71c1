//! `client sign`.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::handed::naming;
use super::{Effect, Outcome, Session};
use crate::cli::{self, Consent, Mode, Output, ReplyTo, Talk};
use crate::error::Error;
use crate::host::{self, Asked, Create, Staged};
use crate::pki::{CertificateRequest, MAX_MESSAGE, Name, Validity};
use crate::plan::enroll::{self, EnrollError, Held, Renewal, Signing};
use crate::plan::layout::PairKind;
use crate::plan::remembered::Remembered;
use crate::plan::renew::{Candidate, Keys, Replaced, Rule, Sans, Scope, Wish};
use crate::plan::state::HomeState;
use crate::report;

impl Session<'_> {
    pub(super) fn client_sign(&self, wish: &cli::ClientSign) -> Result<Outcome, Error> {
        let asks = wish.consent == Consent::Ask && wish.mode == Mode::Apply;
        if asks && !host::is_terminal() {
            return Err(host::Error::NoTerminal { what: Asked::Code }.into());
        }
        let from = wish.request.as_deref();
        let message = self.message(from, "a signing request in PEM");
        let request = message.and_then(|message| Ok(CertificateRequest::from_message(&message)?));
        let request = request.map_err(|error| naming(from, error))?;
        let name = enroll::client_name(&request, &wish.wish)?;
        // Refused before anybody is asked, and once more under the lock.
        self.reading(|| self.judge_request(wish, &request, &name))?;
        let path = self.refuse_reply(wish, &name)?;
        let shown = report::request_to_sign(&request, &name, &wish.wish);
        if wish.mode == Mode::Apply {
            self.agree_to(&shown, wish.consent, report::SIGN_QUESTION, Asked::Code)?;
        }
        let key = self.open_ca_key(wish.passphrase_file.as_deref())?;
        let mut home = self.open_to_change(wish.mode, Create::No)?;
        let (state, replaced) = self.judge_request(wish, &request, &name)?;
        let issuer = self.issuer(&state, key)?;
        let now = host::clock();
        let life = (host::serial()?, wish.wish.valid_for);
        let signing = enroll::sign(&state, &issuer, (&request, &name), life, replaced, now)?;
        let cut = report::cut_signing(&signing);
        let warnings = cut.iter().map(|words| report::warning(self.stderr, words));
        let warnings = warnings.collect::<String>();
        if wish.mode == Mode::DryRun {
            let data = match self.request.output {
                Output::Json => report::planned_json(&self.home, &signing.plan, &cut),
                Output::Text => {
                    report::planned_with_old_keys(self.stdout, &self.home, &signing.plan)
                }
            };
            return Ok(self.outcome(data, shown + &warnings));
        }
        // Written before the home is changed, and in its place after: no certificate is out that
        // the ledger does not know.
        let staged = match &path {
            Some(path) => Some(Staged::message(path, &signing.reply.text())?),
            None => None,
        };
        host::apply(&mut home, &signing.plan)?;
        drop(home);
        if let (Some(staged), Some(path)) = (staged, &path) {
            staged.publish().map_err(|error| {
                self.plan_error(EnrollError::NotReplied {
                    name: name.to_string(),
                    path: path.clone(),
                    cause: error.to_string(),
                })
            })?;
        }
        Ok(self.signed(&request, &signing, path.as_deref(), warnings))
    }

    fn signed(
        &self,
        request: &CertificateRequest,
        signing: &Signing,
        path: Option<&Path>,
        warnings: String,
    ) -> Outcome {
        let next = report::signed_next(signing, path);
        let (data, talk) = match (self.request.output, path, self.request.talk) {
            (Output::Json, ..) => (
                report::signed_json(&self.home, request, signing, path),
                warnings,
            ),
            (Output::Text, None, _) => {
                let told = report::signed(&self.home, signing, path);
                (signing.reply.text(), warnings + &told + &next)
            }
            (Output::Text, Some(_), Talk::Quiet) => (String::new(), warnings),
            (Output::Text, Some(_), _) => {
                (report::signed(&self.home, signing, path), warnings + &next)
            }
        };
        Outcome {
            effect: Effect::Changed,
            ..self.outcome(data, talk)
        }
    }

    /// A message that may be a request or a reply.
    pub(super) fn message(
        &self,
        path: Option<&Path>,
        wanted: &str,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let message = host::read_message(path)?;
        match message.len() > MAX_MESSAGE {
            false => Ok(message),
            true => Err(self.plan_error(EnrollError::Message {
                found: format!("more than {MAX_MESSAGE} octets"),
                wanted: wanted.into(),
            })),
        }
    }

    /// Where the reply goes, unless something is there; nothing for standard output.
    fn refuse_reply(&self, wish: &cli::ClientSign, name: &Name) -> Result<Option<PathBuf>, Error> {
        let path = match &wish.reply {
            ReplyTo::StandardOutput => return Ok(None),
            ReplyTo::File(path) => path.clone(),
            ReplyTo::Named => PathBuf::from(format!("{name}.reply.pem")),
        };
        match host::is_there(&path) {
            false => Ok(Some(path)),
            true => Err(self.plan_error(EnrollError::ReplyThere { path })),
        }
    }

    /// Judges a request against the home as it is; returns what it takes the place of.
    fn judge_request(
        &self,
        wish: &cli::ClientSign,
        request: &CertificateRequest,
        name: &Name,
    ) -> Result<(HomeState, Option<Replaced>), Error> {
        let state = host::home_state(&self.home)?;
        let trust = state.trust()?;
        // What is added must not go to a ledger nobody can read.
        let ledger = state.ledger()?;
        let remembered = Remembered::of(&ledger);
        host::home_directories(&self.home)?;
        let held = Held {
            pairs: &host::public_pairs(&self.home, self.reading_bar())?.0,
            archived: &host::archived_leaves(&self.home, &ledger, remembered.revoked()),
            trust: &trust,
            remembered: &remembered,
        };
        let renewal = wish.wish.renewal;
        enroll::judge(&state, &held, request, name, renewal)?;
        let now = host::clock();
        let life = wish.wish.valid_for.unwrap_or(crate::pki::Life::LEAF);
        Validity::of_leaf(life, now, trust.ca.validity)?;
        if renewal == Renewal::No {
            // In whatever state: a directory without a certificate is in the way too.
            match host::exists(&self.home, PairKind::Client, name.as_str()) {
                false => return Ok((state, None)),
                true => enroll::refuse_signed(None, &request.public_key, name)?,
            }
        }
        let old = host::old_pair(&self.home, PairKind::Client, name.to_string(), KEEP.keys);
        let candidate = Candidate::of(&self.home, &old, &KEEP, &trust, &remembered)?;
        if remembered.is_revoked(&candidate.serial) {
            let (kind, name) = (PairKind::Client, name.to_string());
            return Err(crate::plan::Error::Revoked { kind, name }.into());
        }
        let candidates = [candidate];
        crate::plan::renew::refuse_archived(&state, &candidates, |serial| {
            host::is_archived(&self.home, serial)
        })?;
        let [candidate] = candidates;
        Ok((state, Some(candidate.split().1)))
    }
}

/// What a renewal would ask for; the key is the request's.
const KEEP: Wish = Wish {
    scope: Scope::All,
    rule: Rule::Always,
    keys: Keys::Fresh(None),
    sans: Sans::Carried,
    valid_for: None,
};

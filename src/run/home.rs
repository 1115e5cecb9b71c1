//! The commands that work on the home.

use std::path::Path;

use time::OffsetDateTime;

use super::{Effect, Outcome, Session, data};
use crate::cli::{self, Consent, Mode, NewPassphrase, Output, Talk};
use crate::error::Error;
use crate::host::{self, Asked, Create, Home, Jobs, Repeat};
use crate::pki::{self, KeyType, Life, Name, is_encrypted};
use crate::plan::issue::{self, Ground, Issuance, Issued, PairKey, Wish};
use crate::plan::layout;
use crate::plan::remembered::Remembered;
use crate::plan::state::{FileState, HomeState};
use crate::plan::trust::Issuer;
use crate::plan::{Encryption, init, list, passwd, verify};
use crate::report::{self, CaKey};

/// Makes one pair from a key nobody has used yet.
pub(super) fn made(
    issuer: &Issuer,
    wish: Wish,
    key_type: KeyType,
    valid_for: Life,
    now: OffsetDateTime,
) -> Result<Issued, Error> {
    let (key, serial) = (PairKey::Home(host::key(key_type)?), host::serial()?);
    Ok(issue::issue(issuer, wish, key, serial, valid_for, now)?)
}

impl Session<'_> {
    pub(super) fn init(&self, wish: &cli::Init) -> Result<Outcome, Error> {
        // A home that has a CA is shown to whoever may read it, and nobody is asked anything.
        if let Some(outcome) = self.init_again(wish)? {
            return Ok(outcome);
        }
        let client = match &wish.client {
            Some(client) => client.clone(),
            None => Name::fresh(&host::invoking_user()?).map_err(Error::ClientName)?,
        };
        // Before the lock: nobody else waits while a person types.
        let passphrase = match (wish.encryption, &wish.passphrase_file) {
            (Encryption::Plain, _) => None,
            (_, Some(file)) => Some(host::passphrase_from_file(file)?),
            (_, None) => {
                let question = "Passphrase for the CA's key";
                Some(host::ask(question, Asked::Passphrase, Repeat::Yes)?)
            }
        };
        let mut home = self.open_to_change(wish.mode, Create::Yes)?;
        let state = host::home_state(&self.home)?;
        if state.has_ca() {
            // Another init was faster.
            drop(home);
            return self.init(wish);
        }
        init::refuse_foreign(&state)?;
        let keys = host::fresh(3, wish.key_type)?;
        let Ok(keys) = <[issue::Fresh; 3]>::try_from(keys) else {
            unreachable!("as many keys as were asked for");
        };
        let wish_init = init::Init {
            sans: wish.sans.clone(),
            server: wish.server.clone(),
            client,
            valid_for: wish.valid_for,
            ca_valid_for: wish.ca_valid_for,
            constraint: wish.constrain,
        };
        let now = host::clock();
        let issuance = init::plan(&state, &wish_init, keys, passphrase.as_ref(), now)?;
        self.carry_out(&mut home, issuance, wish.mode)
    }

    /// What `init` says of a home that has a CA; nothing if there is none.
    fn init_again(&self, wish: &cli::Init) -> Result<Option<Outcome>, Error> {
        let path = self.home.join(layout::CA_KEY);
        let found = self.reading(|| {
            let state = host::home_state(&self.home)?;
            if !state.has_ca() {
                init::refuse_foreign(&state)?;
                return Ok(None);
            }
            state.check_ledger()?;
            Ok(Some((state.ca()?, host::key_state(&path))))
        })?;
        let Some((ca, key)) = found else {
            return Ok(None);
        };
        let unmet = report::unmet(
            wish.encryption == Encryption::Encrypted
                && matches!(key, FileState::Present(_))
                && !self.is_encrypted(&key),
            wish.constrain == init::Constraint::ToSans && ca.name_constraints.is_none(),
        );
        let data = match (self.request.output, self.request.talk) {
            (Output::Text, Talk::Quiet) => String::new(),
            (Output::Text, _) => report::already(&self.home, &ca, &self.program),
            (Output::Json, _) => report::already_json(&self.home, &unmet),
        };
        let talk = report::unmet_warnings(self.stderr, &self.program, &unmet);
        Ok(Some(self.outcome(data, talk)))
    }

    pub(super) fn issue(&self, wish: &cli::Issue) -> Result<Outcome, Error> {
        // Refused before anybody is asked for a passphrase, and once more under the lock.
        let names = |kind| Ok::<_, Error>(host::pair_names(&self.home, kind)?);
        let refuse = || -> Result<HomeState, Error> {
            let state = host::home_state(&self.home)?;
            state.ca()?;
            state.check_ledger()?;
            host::home_directories(&self.home)?;
            issue::refuse_taken(&wish.wishes, names)?;
            Ok(state)
        };
        self.reading(refuse)?;
        let key = self.open_ca_key(wish.passphrase_file.as_deref())?;
        let mut home = self.open_to_change(wish.mode, Create::No)?;
        let state = refuse()?;
        let issuer = self.issuer(&state, key)?;
        let ca = &issuer.ca;
        let now = host::clock();
        // Before the keys are made, which may take seconds.
        pki::Validity::of_leaf(wish.valid_for, now, ca.certificate().validity)?;
        let key_type = wish.key_type.unwrap_or_else(|| ca.key().key_type());
        let issued = wish.wishes.iter().cloned().map(|it| (it, wish.valid_for));
        let issued = host::side_by_side(
            issued.collect(),
            host::side_by_side_from(key_type),
            Jobs::Cores,
            |(wish, life)| made(&issuer, wish, key_type, life, now),
        );
        let issued = issued.into_iter().collect::<Result<_, _>>()?;
        let mut ground = Ground::of(&state);
        let issuance = issue::plan(wish.command, &mut ground, &issuer, issued);
        self.carry_out(&mut home, issuance, wish.mode)
    }

    fn carry_out(&self, home: &mut Home, issuance: Issuance, mode: Mode) -> Result<Outcome, Error> {
        let json = self.request.output == Output::Json;
        let mut warnings = report::warnings(&issuance);
        let cut = warnings.iter().map(|it| report::warning(self.stderr, it));
        let mut talk = cut.collect::<String>();
        let apart = |warnings: &mut Vec<String>| {
            let apart = self.apart(&issuance.pairs);
            let text = report::apart_warnings(self.stderr, &self.program, &apart);
            warnings.extend(apart);
            text
        };
        if mode == Mode::DryRun {
            talk.push_str(&apart(&mut warnings));
            let data = match json {
                true => report::planned_json(&self.home, &issuance.plan, &warnings),
                false => report::planned(self.stdout, &self.home, &issuance.plan),
            };
            return Ok(self.outcome(data, talk));
        }
        host::apply(home, &issuance.plan)?;
        talk.push_str(&apart(&mut warnings));
        if json && self.request.talk == Talk::Verbose {
            talk.push_str(&report::change_lines(&issuance.plan));
        }
        let data = match (json, self.request.talk) {
            (true, _) => report::issued_json(&self.home, &issuance, &warnings),
            (false, Talk::Quiet) => String::new(),
            (false, _) => report::issued(self.stdout, &self.home, &issuance),
        };
        if !json {
            talk.push_str(&report::next_steps(&self.program, &self.home, &issuance));
        }
        Ok(Outcome {
            effect: Effect::Changed,
            ..self.outcome(data, talk)
        })
    }

    pub(super) fn list(&self) -> Result<Outcome, Error> {
        let now = host::clock();
        let (trust, mut rows) = self.reading(|| {
            let state = host::home_state(&self.home)?;
            let remembered = Remembered::of(&state.ledger()?);
            let trust = state.trust()?;
            let row = |pair| list::pair_row(&pair, &remembered, &trust, now);
            let rows = host::map_pairs(&self.home, self.reading_bar(), row)?;
            Ok((trust, rows))
        })?;
        rows.extend(list::ca_rows(&trust, now));
        list::sort(&mut rows);
        let (data, talk) = match self.request.output {
            Output::Text => (
                report::list(self.stdout, &rows),
                report::keys_elsewhere(self.stderr, &rows),
            ),
            Output::Json => (report::list_json(&self.home, &rows), String::new()),
        };
        Ok(self.outcome(data, talk))
    }

    pub(super) fn verify(&self, passphrase_file: Option<&Path>) -> Result<Outcome, Error> {
        let passphrase = passphrase_file
            .map(host::passphrase_from_file)
            .transpose()?;
        let now = host::clock();
        let (findings, notes, checked) = self.reading(|| {
            let state = host::home_state(&self.home)?;
            if let Err(error @ crate::plan::Error::NoCa { .. }) = state.ca() {
                // Nothing to judge is not the same as nothing wrong.
                return Err(error.into());
            }
            let context = verify::Context::new(&state, now);
            let good_copy = match context.vouches_for_ca() {
                true => None,
                false => host::first_ca_copy(&self.home, |trust| {
                    let mut all = trust.all();
                    all.all(|ca| ca.is_ca && context.is_ledgers_ca(ca))
                }),
            };
            let (mut findings, notes) = verify::home(
                &context,
                &state,
                host::home_directories(&self.home)?,
                &host::key_state(&self.home.join(layout::CA_KEY)),
                passphrase.as_ref(),
                good_copy,
            )?;
            findings.extend(verify::leftovers(host::leftovers(&self.home)));
            let pairs = host::map_pairs(&self.home, self.reading_bar(), |pair| {
                verify::pair(&context, &pair)
            })?;
            let checked = pairs.len() + usize::from(state.has_ca());
            findings.extend(pairs.into_iter().flatten());
            Ok((findings, notes, checked))
        })?;
        let notes = notes
            .iter()
            .map(|note| report::note(self.stderr, &report::note_words(note)));
        let data = match self.request.output {
            Output::Text => {
                report::verify(self.stdout, &self.home, &self.program, &findings, checked)
            }
            Output::Json => report::verify_json(&self.home, &self.program, &findings, checked),
        };
        let mut talk: String = notes.collect();
        if let Some(words) = report::aside_words(&findings) {
            talk.push_str(&report::note(self.stderr, words));
        }
        let mut outcome = self.outcome(data, talk);
        outcome.code = u8::from(!findings.is_empty());
        Ok(outcome)
    }

    pub(super) fn ca_show(&self) -> Result<Outcome, Error> {
        let (trust, key) = self.reading(|| {
            let trust = host::home_state(&self.home)?.trust()?;
            Ok((trust, host::key_state(&self.home.join(layout::CA_KEY))))
        })?;
        let key = match key {
            FileState::Absent => CaKey::Absent,
            FileState::OpenKey { mode } => CaKey::Open(mode),
            FileState::Unreadable(cause) => CaKey::Unreadable(cause),
            FileState::Present(file) => match is_encrypted(&file.content) {
                Ok(true) => CaKey::Encrypted,
                Ok(false) => CaKey::Plain,
                Err(_) => CaKey::Broken,
            },
            _ => CaKey::Broken,
        };
        Ok(data(match self.request.output {
            Output::Text => report::ca(&self.home, &trust, &key, host::clock()),
            Output::Json => report::ca_json(&self.home, &trust, &key),
        }))
    }

    pub(super) fn ca_passwd(&self, wish: &cli::CaPasswd) -> Result<Outcome, Error> {
        let path = self.home.join(layout::CA_KEY);
        // All that is asked is asked before the lock: nobody else waits while a person types.
        let (ca, old) = self.reading(|| {
            let ca = host::home_state(&self.home)?.ca()?;
            Ok((ca, host::key_state(&path)))
        })?;
        let removes = matches!(wish.new, NewPassphrase::None(_));
        if removes && matches!(old, FileState::Present(_)) && !self.is_encrypted(&old) {
            return Err(crate::plan::Error::NoPassphrase { path }.into());
        }
        let key = self.open_ca_key(wish.passphrase_file.as_deref())?.key;
        if *key.public_key() != ca.public_key {
            let cause = pki::Error::KeyMismatch;
            return Err(crate::plan::Error::File { path, cause }.into());
        }
        let new = match &wish.new {
            NewPassphrase::File(file) => Some(host::passphrase_from_file(file)?),
            NewPassphrase::Ask => {
                let question = "New passphrase for the CA's key";
                Some(host::ask(question, Asked::NewPassphrase, Repeat::Yes)?)
            }
            NewPassphrase::None(consent) => {
                let question = "Leave the CA's key without a passphrase?";
                let asks = *consent == Consent::Ask && wish.mode == Mode::Apply;
                if asks && !host::confirm(question, Asked::Consent)? {
                    return Err(Error::NotAgreed);
                }
                None
            }
        };
        let mut home = self.open_to_change(wish.mode, Create::No)?;
        let state = host::home_state(&self.home)?;
        let plan = passwd::plan(&state, &old, &key, new.as_ref())?;
        let json = self.request.output == Output::Json;
        if wish.mode == Mode::DryRun {
            return Ok(data(match json {
                true => report::planned_json(&self.home, &plan, &[]),
                false => report::planned(self.stdout, &self.home, &plan),
            }));
        }
        host::apply(&mut home, &plan)?;
        let encryption = match new {
            Some(_) => Encryption::Encrypted,
            None => Encryption::Plain,
        };
        let talk = match self.request.talk {
            Talk::Verbose => report::change_lines(&plan),
            _ => String::new(),
        };
        if let Some(old) = state.trust().ok().and_then(|trust| trust.old) {
            let words = format!(
                "the old CA's key, {}/{}, keeps the passphrase it has, or none",
                layout::archived(&old.serial),
                layout::CA_KEY
            );
            self.say(&report::note(self.stderr, &words));
        }
        let data = match (json, self.request.talk) {
            (true, _) => report::passphrase_changed_json(&self.home, encryption),
            (false, Talk::Quiet) => String::new(),
            (false, _) => report::passphrase_changed(&path, encryption),
        };
        Ok(Outcome {
            effect: Effect::Changed,
            ..self.outcome(data, talk)
        })
    }
}

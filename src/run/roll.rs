//! `ca roll`: from one CA to the next.

use std::path::Path;

use super::apart::Rollover;
use super::hand_out::taken_away;
use super::{Effect, Outcome, Session, data};
use crate::cli::{Consent, LockOut, Mode, Output, Roll, RollStart, Talk};
use crate::error::Error;
use crate::host::{self, Asked, Create, Home, Repeat};
use crate::pki::{KeyType, Passphrase};
use crate::plan::rollover::{
    self, Campaign, Look, Phase, Start, finish, left, refuse_under_way, start, status, undo,
};
use crate::plan::state::{FileState, HomeState};
use crate::plan::{Encryption, Plan, layout};
use crate::report::{self, Finished, Style};

impl Session<'_> {
    pub(super) fn roll(&self, roll: &Roll) -> Result<Outcome, Error> {
        match roll {
            Roll::Start(wish) => self.roll_start(wish),
            Roll::Status => self.roll_status(),
            Roll::Issue(wish) => {
                self.reading(|| self.campaign())?;
                self.renew(wish)
            }
            Roll::Finish {
                lock_out,
                consent,
                mode,
            } => self.roll_finish(*lock_out, *consent, *mode),
            Roll::Undo { mode } => self.roll_undo(*mode),
        }
    }

    fn roll_start(&self, wish: &RollStart) -> Result<Outcome, Error> {
        let path = self.home.join(layout::CA_KEY);
        // All that is asked is asked before the lock: nobody else waits while a person types.
        let (old, key) = self.reading(|| {
            let home = host::home_state(&self.home)?;
            let trust = home.trust()?;
            refuse_under_way(&trust).map_err(crate::plan::Error::from)?;
            self.refuse_part(&home)?;
            Ok((trust.ca, host::key_state(&path)))
        })?;
        if matches!(key, FileState::Absent) {
            let words = "the old CA's key is not here: if it is elsewhere, do this there; if it is lost, \
                         the rollover cannot be taken back";
            self.warn(words);
            let asks = wish.consent == Consent::Ask && wish.mode == Mode::Apply;
            if asks && !host::confirm("Make the next CA all the same?", Asked::Consent)? {
                return Err(Error::NotAgreed);
            }
        }
        let passphrase = self.next_passphrase(wish, &key)?;
        if passphrase.is_some() && matches!(key, FileState::Present(_)) && !self.is_encrypted(&key)
        {
            let words = format!(
                "the old CA's key goes to {}/{} as it is, without a passphrase",
                layout::archived(&old.serial),
                layout::CA_KEY
            );
            self.say(&report::note(self.stderr, &words));
        }
        let mut home = self.open_to_change(wish.mode, Create::No)?;
        let look = self.look_at_all()?;
        let trust = look.home.trust()?;
        let archived = host::archived_ca(&self.home, &trust.ca.serial.to_string());
        let key_type = wish.key_type.or(old.public_key.key_type());
        let mut fresh = host::fresh(1, key_type.unwrap_or(KeyType::P256))?;
        let Some(fresh) = fresh.pop() else {
            unreachable!("as many keys as were asked for");
        };
        let wish_start = Start {
            fresh,
            valid_for: wish.valid_for,
            passphrase: passphrase.as_ref(),
        };
        let phase = start(&look, &archived, wish_start, host::clock())?;
        self.carry_out_phase(
            &mut home,
            (&phase, None),
            wish.mode,
            report::planned,
            || report::roll_started(&self.program, &self.home, &phase),
        )
    }

    /// What the next key is encrypted with: what the old one is, else what was asked for.
    fn next_passphrase(
        &self,
        wish: &RollStart,
        key: &FileState,
    ) -> Result<Option<Passphrase>, Error> {
        let from_file = wish.passphrase_file.as_deref();
        let from_file = from_file.map(host::passphrase_from_file).transpose()?;
        if !self.is_encrypted(key) {
            let question = "Passphrase for the next CA's key";
            return match (wish.encryption, from_file) {
                (Encryption::Plain, _) => Ok(None),
                (Encryption::Encrypted, Some(passphrase)) => Ok(Some(passphrase)),
                (Encryption::Encrypted, None) => {
                    Ok(Some(host::ask(question, Asked::Passphrase, Repeat::Yes)?))
                }
            };
        }
        let passphrase = match from_file {
            Some(passphrase) => passphrase,
            None => host::ask("Passphrase of the CA's key", Asked::Passphrase, Repeat::No)?,
        };
        // It opens the old key, or whoever types it next time is surprised.
        let path = self.home.join(layout::CA_KEY);
        crate::plan::state::open_key(path, key, Some(&passphrase))?;
        Ok(Some(passphrase))
    }

    fn roll_status(&self) -> Result<Outcome, Error> {
        let now = host::clock();
        let (campaign, rows, left, gone) = match self.reading(|| self.under_way())? {
            Some(Rollover {
                campaign,
                rows,
                pairs,
                ledger,
                gone,
            }) => {
                let left = left(&campaign.old, &pairs, &ledger, now);
                (Some(campaign), rows, left, gone)
            }
            None => (None, Vec::new(), Vec::new(), Vec::new()),
        };
        self.say(&report::taken_away(self.stderr, &gone));
        let told = match self.request.output {
            Output::Text => report::roll_status(self.stdout, campaign.as_ref(), &rows, &left, now),
            Output::Json => report::roll_status_json(&self.home, campaign.as_ref(), &rows, &left),
        };
        let talk = match (self.request.output, &campaign) {
            (Output::Text, Some(_)) => report::roll_next(&self.program, &rows, &left),
            _ => String::new(),
        };
        let outcome = data(told);
        Ok(self.outcome(outcome.data, talk))
    }

    fn roll_finish(
        &self,
        lock_out: LockOut,
        consent: Consent,
        mode: Mode,
    ) -> Result<Outcome, Error> {
        let now = host::clock();
        let plan = || -> Result<_, Error> {
            let may_lock_out = |_: &[rollover::Left]| lock_out == LockOut::Allow;
            let look = self.look_at_all()?;
            let mut ledger = look.home.ledger()?;
            let gone = taken_away(&ledger);
            let (phase, locked_out) = finish(&look, &gone, may_lock_out, now)?;
            let campaign = Campaign::of(&look.home.trust()?);
            ledger.extend_from_slice(&gone);
            let rows = campaign.map(|campaign| status(&campaign, &look.pairs, &ledger, now));
            Ok((phase, locked_out, rows.unwrap_or_default(), gone))
        };
        // Asked before the lock: nobody else waits while a person thinks.
        let (_, locked_out, rows, gone) = self.reading(plan)?;
        self.say(&report::taken_away(self.stderr, &gone));
        let finished = Finished::new(locked_out, &rows);
        for words in finished.words() {
            self.warn(&words);
        }
        let is_sure = finished.not_known.is_empty();
        let asks = consent == Consent::Ask && mode == Mode::Apply && !is_sure;
        if asks && !host::confirm("Finish the rollover all the same?", Asked::Consent)? {
            return Err(Error::NotAgreed);
        }
        let mut home = self.open_to_change(mode, Create::No)?;
        let (phase, ..) = plan()?;
        let planned = report::planned_with_old_keys;
        let told = || report::roll_finished(&self.program, &phase);
        self.carry_out_phase(&mut home, (&phase, Some(&finished)), mode, planned, told)
    }

    fn roll_undo(&self, mode: Mode) -> Result<Outcome, Error> {
        let mut home = self.open_to_change(mode, Create::No)?;
        let look = self.look_at_all()?;
        let archived = |serial: &str| host::archived_ca(&self.home, serial);
        let phase = undo(&look, archived, host::clock())?;
        let planned = report::planned_with_old_keys;
        let before = self.is_encrypted(&look.key);
        let after = phase.signing_key().unwrap_or(match before {
            true => Encryption::Encrypted,
            false => Encryption::Plain,
        });
        let outcome = self.carry_out_phase(&mut home, (&phase, None), mode, planned, || {
            report::roll_undone(&self.program, &phase)
        })?;
        let has = match (before, after) {
            (true, Encryption::Plain) => "has no passphrase",
            (false, Encryption::Encrypted) => "has a passphrase",
            (true, Encryption::Encrypted) | (false, Encryption::Plain) => return Ok(outcome),
        };
        let signs = match mode {
            Mode::Apply => "signs now",
            Mode::DryRun => "would sign then",
        };
        let words = format!("the key that {signs} {has}");
        self.say(&report::note(self.stderr, &words));
        Ok(outcome)
    }

    fn carry_out_phase(
        &self,
        home: &mut Home,
        (phase, finished): (&Phase, Option<&Finished>),
        mode: Mode,
        planned: fn(Style, &Path, &Plan) -> String,
        told: impl FnOnce() -> (String, String),
    ) -> Result<Outcome, Error> {
        let json = self.request.output == Output::Json;
        if mode == Mode::DryRun {
            return Ok(data(match json {
                true => report::planned_json(&self.home, &phase.plan, &self.warned.borrow()),
                false => planned(self.stdout, &self.home, &phase.plan),
            }));
        }
        host::apply(home, &phase.plan)?;
        let (said, next) = told();
        let as_json = || report::phase_json(&self.home, phase, finished, &self.warned.borrow());
        let (said, talk) = match (json, self.request.talk) {
            (true, Talk::Verbose) => (as_json(), report::change_lines(&phase.plan)),
            (true, _) => (as_json(), String::new()),
            (false, Talk::Quiet) => (String::new(), String::new()),
            (false, _) => (said, next),
        };
        Ok(Outcome {
            effect: Effect::Changed,
            ..self.outcome(said, talk)
        })
    }

    fn look_at_all(&self) -> Result<Look, Error> {
        let home = host::home_state(&self.home)?;
        home.trust()?;
        self.refuse_part(&home)?;
        host::home_directories(&self.home)?;
        let (pairs, strays) = host::public_pairs(&self.home, self.reading_bar())?;
        let strays = strays.iter().map(|path| report::stray(path));
        if strays.filter(|words| self.warn(words)).count() > 0 {
            let hint = format!("see what mends it: {} verify", self.program);
            self.say(&report::hint(self.stderr, &hint));
        }
        Ok(Look {
            home,
            key: host::key_state(&self.home.join(layout::CA_KEY)),
            pairs,
        })
    }

    /// Refuses to roll in a part of a home: what is trusted, the whole one decides.
    fn refuse_part(&self, home: &HomeState) -> Result<(), Error> {
        match home.is_part() {
            true => Err(crate::plan::Error::NoCaKey {
                path: self.home.join(layout::CA_KEY),
            }
            .into()),
            false => Ok(()),
        }
    }

    fn campaign(&self) -> Result<Campaign, Error> {
        let trust = host::home_state(&self.home)?.trust()?;
        let campaign = Campaign::of(&trust);
        Ok(campaign.ok_or(crate::plan::Error::Rollover(rollover::Error::NotUnderWay))?)
    }
}

//! `renew`: what is due gets a new certificate, then whatever shall follow.

use super::bring::Brought;
use super::ca_key::OpenedKey;
use super::{Effect, Outcome, Session};
use crate::cli::{self, Consent, Mode, Output, Talk};
use crate::error::Error;
use crate::host::{self, Create, Home, Jobs};
use crate::pki::{Life, Validity};
use crate::plan::hand_outs::{self, HandOut};
use crate::plan::issue::PlannedPair;
use crate::plan::layout::{self, PairKind};
use crate::plan::ledger::Entry;
use crate::plan::remembered::Remembered;
use crate::plan::renew::{self, Candidate, Decision, Keys, Renewal, Rule, Scope, Selector};
use crate::plan::state::{HomeState, OldPair};
use crate::plan::trust::Trust;
use crate::report::{self, Hook};

/// The variable in which a hook finds the names, with spaces between.
const NAMES: &str = "DOCKPKI_RENEWED_NAMES";

/// No variable is longer on Linux (MAX_ARG_STRLEN), its name and two octets included.
const LONGEST_VARIABLE: usize = 131_072;

/// What came of a home in which something may have been due.
enum Done {
    /// Nothing was.
    Nothing(Decision),
    /// Something was, and is shown.
    Shown(Box<(Decision, Renewal)>),
    /// Something was, and is renewed.
    Renewed(Box<(Decision, Renewal)>),
}

impl Session<'_> {
    pub(super) fn renew(&self, wish: &cli::Renew) -> Result<Outcome, Error> {
        if let Some(install) = &wish.install {
            self.refuse_to_ask(wish.mode, install.consent)?;
        }
        // The lock is given back before anything follows: a hook may call us.
        let done = self.renew_home(wish)?;
        let (decision, renewal) = match &done {
            Done::Nothing(decision) => (decision, None),
            Done::Shown(both) | Done::Renewed(both) => (&both.0, Some(&both.1)),
        };
        let renewed = renewal.filter(|_| matches!(done, Done::Renewed(_)));
        let brought = match &wish.install {
            Some(install) => self.bring(wish, install, renewal),
            None => Brought::default(),
        };
        let Brought {
            parts,
            talk: brought_talk,
            warnings: kept,
            held_back,
            mut failures,
            here,
            changed,
        } = brought;
        if renewed.is_none() && changed.is_empty() && !failures.is_empty() {
            // Everything is as it was before.
            (self.say)(&self.not_renewed(decision));
            return Err(failures.swap_remove(0).1);
        }
        // After what was brought, which may have handed out what was missing.
        let pairs = || renewal.into_iter().flat_map(|renewal| &renewal.pairs);
        // Of one that is held back that is said already.
        let is_held_back = |pair: &PlannedPair| {
            pair.kind == PairKind::Server && held_back.iter().any(|name| name == pair.name.as_str())
        };
        let pairs = || {
            let pairs = pairs().map(|renewed| &renewed.pair);
            pairs.filter(|pair| !is_held_back(pair))
        };
        let apart = self.reading(|| Ok((self.apart(pairs()), self.ledger_and_trust(renewed))));
        let (apart, ledger_and_trust) = apart.unwrap_or_default();
        let stale = self.stale(renewed, &ledger_and_trust);
        let is_there = |name: &str| host::is_there(name.as_ref());
        let mut files = report::FreeNames::new(&is_there);
        let mut warnings = Vec::from_iter(apart.iter().cloned().chain(kept));
        warnings.extend(report::renewed_warnings(decision, renewal));
        let install = wish
            .install
            .as_ref()
            .map(|install| install.prefix.as_path());
        let kept = report::kept_until_due(&decision.later, &wish.wish, install);
        warnings.extend(kept.iter().map(|kept| kept.words.clone()));
        let names = names(renewed, &changed);
        let (hook, hook_failure) = self.deploy(wish, &names);

        let text = self.request.output == Output::Text;
        let data = match (&done, self.request.output, self.request.talk) {
            (Done::Nothing(_) | Done::Renewed(_), Output::Json, _) => {
                let (command, next) = (wish.wish.rule.command(), decision.later.first());
                let told = report::RenewedTold {
                    hook,
                    warnings: &warnings,
                    stale: report::stale_json(&self.program, &stale, &mut files),
                };
                report::renewed_json(&self.home, command, renewed, next, told)
            }
            (Done::Shown(both), ..) => self.renewal_shown(wish, &both.1, &warnings),
            (_, Output::Text, Talk::Quiet) => String::new(),
            (Done::Nothing(_), ..) if wish.wish.rule == Rule::OldCa => report::nothing_of_old_ca(),
            (Done::Nothing(_), ..) => report::nothing_due(&wish.wish.scope, decision),
            (Done::Renewed(both), ..) => report::renewed(self.stdout, &self.home, &both.1),
        };
        let data = match (&wish.install, self.request.output) {
            (Some(_), Output::Json) => report::with_installed(&data, &parts),
            (_, _) => {
                let parts = parts.iter().map(|part| format!("\n{part}"));
                match (self.request.talk, wish.mode) {
                    (Talk::Quiet, Mode::Apply) => data,
                    _ => data + &parts.collect::<String>(),
                }
            }
        };
        let mut talk = report::apart_warnings(self.stderr, &self.program, &apart);
        talk.push_str(&report::renewed_talk(
            self.stderr,
            &self.program,
            decision,
            renewal,
        ));
        talk.push_str(&report::kept_warnings(self.stderr, &self.program, &kept));
        talk.push_str(&brought_talk);
        if let Some(renewal) = renewed {
            if !text && self.request.talk == Talk::Verbose {
                talk.push_str(&report::change_lines(&renewal.plan));
            }
            if text && failures.is_empty() && hook != Hook::Failed {
                talk.push_str(&report::renewed_next(
                    &self.program,
                    &self.home,
                    renewal,
                    &here,
                    &stale,
                    &mut files,
                ));
            }
        }
        let mut outcome = self.outcome(data, talk);
        // Errors, which are told also to who asked for silence.
        outcome.talk.insert_str(0, &self.not_renewed(decision));
        for (what, cause) in &failures {
            outcome.talk.push_str(&self.not_brought(what, cause));
        }
        outcome.talk.push_str(&hook_failure);
        if renewed.is_some() || !changed.is_empty() {
            outcome.effect = Effect::Changed;
        }
        let is_left = hook == Hook::Failed || !failures.is_empty();
        outcome.code = match (decision.problems.is_empty(), outcome.effect) {
            _ if is_left => 3,
            (true, _) => 0,
            (false, Effect::Changed) => 3,
            (false, Effect::None) => 1,
        };
        Ok(outcome)
    }

    fn not_renewed(&self, decision: &Decision) -> String {
        report::not_renewed(self.stderr, &self.program, &decision.problems)
    }

    /// What the home has once something was renewed; nothing if nothing was, or it cannot be read
    /// again.
    fn ledger_and_trust(&self, renewed: Option<&Renewal>) -> Option<(Vec<Entry>, Trust)> {
        renewed?;
        let state = host::home_state(&self.home).ok()?;
        Some((state.ledger().ok()?, state.trust().ok()?))
    }

    /// What was handed out of the servers and clients that are renewed, and is an earlier
    /// certificate now.
    fn stale<'l>(
        &self,
        renewed: Option<&Renewal>,
        ledger_and_trust: &'l Option<(Vec<Entry>, Trust)>,
    ) -> Vec<HandOut<'l>> {
        let (Some(renewal), Some((ledger, trust))) = (renewed, ledger_and_trust) else {
            return Vec::new();
        };
        let pairs = renewal.pairs.iter().map(|renewed| &renewed.pair);
        let current = pairs.map(|pair| ((pair.kind, pair.name.as_str()), pair.serial.to_string()));
        hand_outs::stale(ledger, &current.collect(), trust)
    }

    /// Refuses a question nobody could answer, before anything is done rather than after half of it.
    fn refuse_to_ask(&self, mode: Mode, consent: Consent) -> Result<(), Error> {
        match (mode, consent) {
            (Mode::Apply, Consent::Ask) if !host::is_terminal() => Err(host::Error::NoTerminal {
                what: host::Asked::Consent,
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// That the home is renewed, and this machine has the old certificate.
    fn not_brought(&self, what: &str, cause: &Error) -> String {
        let hint = cause.hint(&self.program);
        let again = format!(
            "mend it, then run it again: {} renew --install",
            self.program
        );
        report::error(
            self.stderr,
            &format!(
                "the certificates are renewed in the home, but {what} is not installed: {cause}"
            ),
            Some(hint.as_deref().unwrap_or(&again)),
        )
    }

    fn renewal_shown(&self, wish: &cli::Renew, renewal: &Renewal, warnings: &[String]) -> String {
        let (style, plan) = (self.stdout, &renewal.plan);
        match (self.request.output, wish.wish.keys) {
            (Output::Json, _) => report::planned_json(&self.home, plan, warnings),
            (Output::Text, Keys::Fresh(_)) => report::planned(style, &self.home, plan),
            (Output::Text, Keys::Reused) => report::planned_with_old_keys(style, &self.home, plan),
        }
    }

    /// Runs the hook, if there is one and something was changed; returns what is said if it fails.
    fn deploy(&self, wish: &cli::Renew, names: &str) -> (Hook, String) {
        let (Some(hook), false) = (&wish.deploy_hook, names.is_empty()) else {
            return (Hook::None, String::new());
        };
        match host::run_hook(hook, NAMES, names) {
            Ok(()) => (Hook::Done, String::new()),
            Err(error) => {
                let cause = error.to_string();
                let failure = report::hook_failed(self.stderr, &cause, hook, NAMES, names);
                (Hook::Failed, failure)
            }
        }
    }

    /// Renews what is due in the home.
    fn renew_home(&self, wish: &cli::Renew) -> Result<Done, Error> {
        let path = self.home.join(layout::CA_KEY);
        // Nobody is asked for a passphrase if nothing is due, nor waited for while they type.
        let key = match self.is_encrypted(&host::key_state(&path)) {
            false => None,
            true => {
                let look = self.reading(|| self.look(wish))?;
                if look.decision.due.is_empty() {
                    return Ok(Done::Nothing(look.decision));
                }
                Some(self.open_ca_key(wish.passphrase_file.as_deref())?)
            }
        };
        let mut home = self.open_to_change(wish.mode, Create::No)?;
        let look = self.look(wish)?;
        if look.decision.due.is_empty() {
            return Ok(Done::Nothing(look.decision));
        }
        let key = match key {
            Some(key) => key,
            None => self.open_ca_key(wish.passphrase_file.as_deref())?,
        };
        self.renew_due(wish, &mut home, look, key)
    }

    fn renew_due(
        &self,
        wish: &cli::Renew,
        home: &mut Home,
        look: Look,
        key: OpenedKey,
    ) -> Result<Done, Error> {
        let Look {
            state,
            mut decision,
        } = look;
        let issuer = self.issuer(&state, key)?;
        let due = std::mem::take(&mut decision.due);
        renew::refuse_archived(&state, &due, |serial| host::is_archived(&self.home, serial))?;
        if wish.deploy_hook.is_some() {
            refuse_many_names(&due)?;
        }
        // Made, then written.
        let progress = self.bar("renewing", 2 * due.len());
        let now = host::clock();
        let side_by_side = due
            .iter()
            .map(|candidate| host::next_side_by_side_from(&candidate.next_key))
            .min();
        let reissued =
            host::side_by_side(due, side_by_side.unwrap_or(2), Jobs::Cores, |candidate| {
                let (next_key, replaced) = candidate.split();
                let (key, serial) = host::next(next_key)?;
                let life = wish.wish.valid_for;
                let reissued = renew::reissue(&issuer, replaced, life, key, serial, now)?;
                progress.tick();
                Ok::<_, Error>(reissued)
            });
        let reissued = reissued.into_iter().collect::<Result<_, _>>()?;
        let renewal = renew::plan(wish.wish.rule.command(), &state, &issuer, reissued);
        if wish.mode == Mode::DryRun {
            return Ok(Done::Shown(Box::new((decision, renewal))));
        }
        host::apply_and_tell(home, &renewal.plan, &|| progress.tick())?;
        Ok(Done::Renewed(Box::new((decision, renewal))))
    }

    /// Reads the home and decides what is due.
    fn look(&self, wish: &cli::Renew) -> Result<Look, Error> {
        let wish = &wish.wish;
        let state = host::home_state(&self.home)?;
        let trust = state.trust()?;
        // What is added must not go to a ledger nobody can read.
        let remembered = Remembered::of(&state.ledger()?);
        host::home_directories(&self.home)?;
        let now = host::clock();
        // A CA that issues nothing now renews nothing, whatever is due.
        Validity::of_leaf(Life::LEAF, now, trust.ca.validity)?;
        let path = self.home.as_path();
        let candidate = |pair: OldPair| {
            let candidate = Candidate::of(path, &pair, wish, &trust, &remembered);
            (pair.kind, pair.name, candidate)
        };
        let candidates = match &wish.scope {
            Scope::All => host::map_old_pairs(path, wish.keys, self.reading_bar(), candidate)?,
            Scope::Named(selectors) => self
                .named(selectors)?
                .into_iter()
                .map(|(kind, name)| candidate(host::old_pair(path, kind, name, wish.keys)))
                .collect(),
        };
        let decision = renew::decide(
            candidates,
            wish,
            trust.ca.validity,
            remembered.revoked(),
            &self.home,
            now,
        )?;
        Ok(Look { state, decision })
    }

    /// The servers and clients of these names, each once, in the order they are shown.
    fn named(&self, selectors: &[Selector]) -> Result<Vec<(PairKind, String)>, Error> {
        let mut found = Vec::new();
        for selector in selectors {
            let name = selector.name().as_str();
            let before = found.len();
            let kinds = selector.kinds();
            let there = kinds.filter(|kind| host::exists(&self.home, *kind, name));
            found.extend(there.map(|kind| (kind, name.to_owned())));
            if found.len() == before {
                let (name, home) = (name.to_owned(), self.home.clone());
                return Err(match selector {
                    Selector::Any(_) => crate::plan::Error::UnknownPair { name, home },
                    Selector::Of(kind, _) => crate::plan::Error::Unknown {
                        kind: *kind,
                        name,
                        home,
                    },
                }
                .into());
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// A home as it was read, and what of it is due.
struct Look {
    state: HomeState,
    decision: Decision,
}

/// The names of what was renewed or brought, each once, with spaces between: no name has one.
fn names(renewal: Option<&Renewal>, brought: &[(PairKind, String)]) -> String {
    let renewed = renewal.into_iter().flat_map(|renewal| &renewal.pairs);
    let renewed = renewed.map(|renewed| renewed.pair.name.as_str());
    let brought = brought.iter().map(|(_, name)| name.as_str());
    let mut names = Vec::from_iter(renewed.chain(brought));
    names.sort_unstable();
    names.dedup();
    names.join(" ")
}

/// Refuses more names than a variable holds, before anything is changed.
fn refuse_many_names(due: &[Candidate]) -> Result<(), Error> {
    let names = due.iter().map(|candidate| candidate.wish.name().as_str());
    let octets = names.map(|name| name.len() + 1).sum::<usize>();
    let room = LONGEST_VARIABLE - NAMES.len() - 2;
    match octets <= room {
        true => Ok(()),
        false => Err(crate::plan::Error::ManyNames {
            octets,
            wanted: room,
        }
        .into()),
    }
}

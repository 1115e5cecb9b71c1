//! `renew`: what is due gets a new certificate, then whatever shall follow.

use super::ca_key::OpenedKey;
use super::{Effect, Outcome, Session};
use crate::cli::{self, Mode, Output, Talk};
use crate::error::Error;
use crate::host::{self, Create, Home, Progress, Shown};
use crate::pki::{Life, Validity};
use crate::plan::layout::{self, PairKind};
use crate::plan::list;
use crate::plan::renew::{self, Candidate, Decision, Keys, Renewal, Rule, Scope, Selector};
use crate::plan::state::{HomeState, OldPair};
use crate::report::{self, Hook};

/// The variable in which a hook finds the names, with spaces between.
const NAMES: &str = "DOCKPKI_RENEWED_NAMES";

/// No variable is longer on Linux (MAX_ARG_STRLEN), its name and two octets included.
const LONGEST_VARIABLE: usize = 131_072;

/// What came of a home in which something may have been due.
enum Done {
    /// Nothing was, or it was only shown.
    Told(Outcome),
    /// Something was, and is renewed.
    Renewed(Box<(Decision, Renewal)>),
}

impl Session<'_> {
    pub(super) fn renew(&self, wish: &cli::Renew) -> Result<Outcome, Error> {
        // The lock is given back before anything follows: a hook may call us.
        let (decision, renewal) = match self.renew_home(wish)? {
            Done::Told(outcome) => return Ok(outcome),
            Done::Renewed(renewed) => *renewed,
        };
        let mut talk = report::renewed_talk(self.stderr, &self.program, &decision, Some(&renewal));
        let (hook, failure) = self.deploy(wish, &renewal);
        let json = self.request.output == Output::Json;
        if json && self.request.talk == Talk::Verbose {
            talk.push_str(&report::change_lines(&renewal.plan));
        }
        let data = match (json, self.request.talk) {
            (true, _) => {
                let next = decision.later.first();
                report::renewed_json(&self.home, Some(&renewal), next, hook)
            }
            (false, Talk::Quiet) => String::new(),
            (false, _) => report::renewed(self.stdout, &self.home, &renewal),
        };
        if !json && failure.is_empty() {
            talk.push_str(&report::renewed_next(&self.program, &self.home, &renewal));
        }
        let mut outcome = self.outcome(data, talk);
        // An error, which is told also to who asked for silence.
        outcome.talk.push_str(&failure);
        outcome.effect = Effect::Changed;
        outcome.code = match hook {
            Hook::Failed => 3,
            Hook::None | Hook::Done => 0,
        };
        Ok(outcome)
    }

    /// Runs the hook, if there is one; returns what is said if it fails.
    fn deploy(&self, wish: &cli::Renew, renewal: &Renewal) -> (Hook, String) {
        let Some(hook) = &wish.deploy_hook else {
            return (Hook::None, String::new());
        };
        let names = names(renewal);
        match host::run_hook(hook, NAMES, &names) {
            Ok(()) => (Hook::Done, String::new()),
            Err(error) => {
                let cause = error.to_string();
                let failure = report::hook_failed(self.stderr, &cause, hook, NAMES, &names);
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
                    return Ok(Done::Told(self.nothing_due(wish, &look.decision)));
                }
                Some(self.open_ca_key(wish.passphrase_file.as_deref())?)
            }
        };
        let mut home = self.open_to_change(wish.mode, Create::No)?;
        let look = self.look(wish)?;
        if look.decision.due.is_empty() {
            return Ok(Done::Told(self.nothing_due(wish, &look.decision)));
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
        let shown = match self.request.talk {
            Talk::Quiet => Shown::Never,
            Talk::Normal | Talk::Verbose => Shown::OnTerminal,
        };
        // Made, then written.
        let progress = Progress::new("renewing", 2 * due.len(), shown);
        let now = host::clock();
        let side_by_side = due
            .iter()
            .map(|candidate| host::side_by_side_from(candidate.key_type))
            .min();
        let reissued = host::side_by_side(due, side_by_side.unwrap_or(2), |mut candidate| {
            let fresh = host::fresh_unless(candidate.key.take(), candidate.key_type)?;
            let reissued = renew::reissue(&issuer, candidate, wish.wish.valid_for, fresh, now)?;
            progress.tick();
            Ok::<_, Error>(reissued)
        });
        let reissued = reissued.into_iter().collect::<Result<_, _>>()?;
        let renewal = renew::plan(wish.wish.rule.command(), &state, &issuer, reissued);
        if wish.mode == Mode::DryRun {
            let (style, plan) = (self.stdout, &renewal.plan);
            let data = match (self.request.output, wish.wish.keys) {
                (Output::Json, _) => report::planned_json(&self.home, plan),
                (Output::Text, Keys::Fresh(_)) => report::planned(style, &self.home, plan),
                (Output::Text, Keys::Reused) => {
                    report::planned_with_old_keys(style, &self.home, plan)
                }
            };
            let talk = report::renewed_talk(self.stderr, &self.program, &decision, Some(&renewal));
            return Ok(Done::Told(self.outcome(data, talk)));
        }
        host::apply_and_tell(home, &renewal.plan, &|| progress.tick())?;
        Ok(Done::Renewed(Box::new((decision, renewal))))
    }

    fn nothing_due(&self, wish: &cli::Renew, decision: &Decision) -> Outcome {
        let data = match (self.request.output, self.request.talk) {
            (Output::Json, _) => {
                report::renewed_json(&self.home, None, decision.later.first(), Hook::None)
            }
            (Output::Text, Talk::Quiet) => String::new(),
            (Output::Text, _) if wish.wish.rule == Rule::OldCa => report::nothing_of_old_ca(),
            (Output::Text, _) => report::nothing_due(&wish.wish.scope, decision),
        };
        let talk = report::renewed_talk(self.stderr, &self.program, decision, None);
        self.outcome(data, talk)
    }

    /// Reads the home and decides what is due.
    fn look(&self, wish: &cli::Renew) -> Result<Look, Error> {
        let wish = &wish.wish;
        let state = host::home_state(&self.home)?;
        let trust = state.trust()?;
        // What is added must not go to a ledger nobody can read.
        let revoked = list::revoked(&state.ledger()?);
        host::home_directories(&self.home)?;
        let now = host::clock();
        // A CA that issues nothing now renews nothing, whatever is due.
        Validity::of_leaf(Life::LEAF, now, trust.ca.validity)?;
        let path = self.home.as_path();
        let candidate = |pair: OldPair| {
            let candidate = Candidate::of(path, &pair, wish, &trust);
            (pair.kind, pair.name, candidate)
        };
        let candidates = match &wish.scope {
            Scope::All => host::map_old_pairs(path, wish.keys, candidate)?,
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
            &revoked,
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

/// The names of what was renewed, each once, with spaces between: no name has one.
fn names(renewal: &Renewal) -> String {
    let names = renewal
        .pairs
        .iter()
        .map(|renewed| renewed.pair.name.as_str());
    let mut names = Vec::from_iter(names);
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

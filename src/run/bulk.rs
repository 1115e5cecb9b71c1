//! `client issue --from`: the clients of a list, batch by batch.
//!
//! Each batch is a plan of its own, carried out whole or not at all, so that memory does not grow
//! with the list, and a command that is stopped leaves whole clients alone.  Those that are there
//! already are left as they are: the same command goes on where it was stopped.

use std::collections::HashSet;
use std::path::Path;

use time::OffsetDateTime;

use super::home::made;
use super::{Effect, Outcome, Session};
use crate::cli::{self, ListFrom, Mode, Output, Talk};
use crate::error::Error;
use crate::host::{self, Create, Home, Jobs, Progress, Shown};
use crate::pki::{KeyType, Validity};
use crate::plan::issue::{self, Ground, Wish};
use crate::plan::layout::PairKind;
use crate::plan::roster::{InRollover, Problem, Roster, RosterError, Row, Tally};
use crate::plan::state::HomeState;
use crate::plan::trust::Issuer;
use crate::report;

/// How many clients a batch has: enough that what is made durable once a batch does not count,
/// few enough that their keys need little memory.
const BATCH: usize = 1024;

/// A list held against the home.
struct Look {
    state: HomeState,
    /// Who is not there yet.
    wanted: Vec<Row>,
    /// How many are there already.
    already: usize,
}

impl Session<'_> {
    pub(super) fn issue_roster(&self, wish: &cli::Bulk) -> Result<Outcome, Error> {
        let roster = read_roster(&wish.from)?;
        let look = self.reading(|| self.look_at_roster(&roster))?;
        if look.wanted.is_empty() {
            let done = Tally::new(look.already);
            return Ok(self.outcome(self.bulk_words(wish, &done, &[]), String::new()));
        }
        let key = self.open_ca_key(wish.passphrase_file.as_deref())?;
        let mut home = self.open_to_change(wish.mode, Create::No)?;
        let Look {
            state,
            wanted,
            already,
        } = self.look_at_roster(&roster)?;
        let issuer = self.issuer(&state, key)?;
        let now = host::clock();
        refuse_unissuable(wish, &issuer, &wanted, now)?;
        if wish.mode == Mode::DryRun {
            let done = Tally::new(already);
            return Ok(self.outcome(self.bulk_words(wish, &done, &wanted), String::new()));
        }
        let mut done = Tally::new(already);
        home.set_jobs(jobs(wish));
        let issued = self.issue_batches(wish, &mut home, &state, &issuer, &wanted, &mut done, now);
        if let Err(cause) = issued {
            return Err(match done.issued {
                0 => cause,
                issued => Error::IssuedInPart {
                    issued,
                    wanted: wanted.len(),
                    cause: Box::new(cause),
                },
            });
        }
        let mut talk = report::bulk_warnings(self.stderr, &done);
        talk.push_str(&report::apart_warnings(
            self.stderr,
            &self.program,
            &self.apart(&done.moved),
        ));
        Ok(Outcome {
            effect: Effect::Changed,
            ..self.outcome(self.bulk_words(wish, &done, &[]), talk)
        })
    }

    #[expect(clippy::too_many_arguments, reason = "a batch needs all of it")]
    fn issue_batches(
        &self,
        wish: &cli::Bulk,
        home: &mut Home,
        state: &HomeState,
        issuer: &Issuer,
        wanted: &[Row],
        done: &mut Tally,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let shown = match self.request.talk {
            Talk::Quiet => Shown::Never,
            Talk::Normal | Talk::Verbose => Shown::OnTerminal,
        };
        // Made, then written.
        let progress = Progress::new("issuing", 2 * wanted.len(), shown);
        let key_type = key_type(wish, issuer);
        let in_rollover = match state.trust()?.old {
            Some(_) => InRollover::Yes,
            None => InRollover::No,
        };
        let mut ground = Ground::of(state);
        for batch in wanted.chunks(BATCH) {
            let side_by_side = host::side_by_side_from(key_type);
            let issued = host::side_by_side(
                batch.iter().collect(),
                side_by_side,
                jobs(wish),
                |row: &Row| {
                    let life = row.life.unwrap_or(wish.valid_for);
                    let issued = made(issuer, Wish::Client(row.name.clone()), key_type, life, now);
                    progress.tick();
                    issued
                },
            );
            let issued = issued.into_iter().collect::<Result<_, _>>()?;
            let issuance = issue::plan("client issue", &mut ground, issuer, issued);
            host::apply_and_tell(home, &issuance.plan, &|| progress.tick())?;
            done.add(issuance.pairs, in_rollover);
        }
        Ok(())
    }

    /// Reads the home, and finds out who of the list is in it.
    fn look_at_roster(&self, roster: &Roster) -> Result<Look, Error> {
        let state = host::home_state(&self.home)?;
        state.ca()?;
        // What is added must not go to a ledger nobody can read.
        state.ledger()?;
        host::home_directories(&self.home)?;
        let names = host::pair_names(&self.home, PairKind::Client)?;
        let names = HashSet::<String>::from_iter(names);
        let rows = roster.rows.iter();
        let wanted = rows.filter(|row| !names.contains(row.name.as_str()));
        let wanted = Vec::from_iter(wanted.cloned());
        Ok(Look {
            state,
            already: roster.rows.len() - wanted.len(),
            wanted,
        })
    }

    fn bulk_words(&self, wish: &cli::Bulk, done: &Tally, planned: &[Row]) -> String {
        match (self.request.output, self.request.talk, wish.mode) {
            (Output::Json, ..) => report::bulk_json(&self.home, done, planned),
            (Output::Text, Talk::Quiet, Mode::Apply) => String::new(),
            (Output::Text, _, Mode::Apply) => report::bulk(&self.home, done),
            (Output::Text, _, Mode::DryRun) => report::bulk_planned(&self.home, done, planned),
        }
    }
}

fn read_roster(from: &ListFrom) -> Result<Roster, Error> {
    let content = match from {
        ListFrom::StandardInput => host::read_standard_input()?,
        ListFrom::File(path) => host::read_file(path)?,
    };
    Roster::parse(&content).map_err(|cause| unusable(from, cause))
}

/// Refuses what the CA would not issue, before the first key is made.
fn refuse_unissuable(
    wish: &cli::Bulk,
    issuer: &Issuer,
    wanted: &[Row],
    now: OffsetDateTime,
) -> Result<(), Error> {
    let ca = issuer.ca.certificate().validity;
    Validity::of_leaf(wish.valid_for, now, ca).map_err(crate::plan::Error::from)?;
    let problem = |row: &Row| {
        let life = row.life.unwrap_or(wish.valid_for);
        let permitted = issuer.ca.permit_client(&row.name);
        let issuable = permitted.and_then(|()| Validity::of_leaf(life, now, ca).map(drop));
        issuable.err().map(|error| Problem {
            line: row.line,
            words: error.to_string(),
        })
    };
    let problems = Vec::from_iter(wanted.iter().filter_map(problem));
    match problems.is_empty() {
        true => Ok(()),
        false => Err(unusable(&wish.from, RosterError::Lines(problems))),
    }
}

fn unusable(from: &ListFrom, cause: RosterError) -> Error {
    let source = match from {
        ListFrom::StandardInput => Path::new("standard input"),
        ListFrom::File(path) => path,
    };
    crate::plan::Error::Roster {
        source: source.to_owned(),
        cause,
    }
    .into()
}

fn key_type(wish: &cli::Bulk, issuer: &Issuer) -> KeyType {
    wish.key_type.unwrap_or_else(|| issuer.ca.key().key_type())
}

fn jobs(wish: &cli::Bulk) -> Jobs {
    wish.jobs.map_or(Jobs::Cores, Jobs::Count)
}

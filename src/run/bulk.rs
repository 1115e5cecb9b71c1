//! `client issue --from`: the clients of a list, batch by batch.
//!
//! Each batch is a plan of its own, carried out whole or not at all, so that memory does not grow
//! with the list, and a command that is stopped leaves whole clients alone.  Those that are there
//! already are left as they are: the same command goes on where it was stopped.

use std::path::Path;

use time::OffsetDateTime;

use super::bulk_export::{Handing, is_out};
use super::home::made;
use super::{Effect, Outcome, Session};
use crate::cli::{self, BulkExport, Mode, Output, Talk};
use crate::error::Error;
use crate::host::{self, Create, Home, Jobs, Parcel, Progress};
use crate::pki::{KeyType, Validity};
use crate::plan::issue::{self, Ground, Wish};
use crate::plan::layout::PairKind;
use crate::plan::names::{Names, Use};
use crate::plan::roster::{InRollover, Place, Problem, Roster, RosterError, Row, Tally};
use crate::plan::state::HomeState;
use crate::plan::trust::Issuer;
use crate::report;

/// How many clients a batch has: enough that what is made durable once a batch does not count,
/// few enough that their keys need little memory.
const BATCH: usize = 1024;

/// A list held against the home.
struct Look<'r> {
    state: HomeState,
    roster: &'r Roster,
    /// Who is not there yet.
    wanted: Vec<Place>,
    /// Who is there, and was not handed out yet.
    kept: Vec<Place>,
    /// How many are there already.
    already: usize,
}

impl Look<'_> {
    fn is_done(&self) -> bool {
        self.wanted.is_empty() && self.kept.is_empty()
    }
}

impl Session<'_> {
    pub(super) fn issue_roster(&self, wish: &cli::Bulk) -> Result<Outcome, Error> {
        let roster = read_roster(wish.from.as_deref())?;
        let export = match &wish.export {
            None => None,
            Some(export) => Some(BulkExport {
                directory: host::absolute(&export.directory)?,
                form: export.form,
                host: export.host.clone(),
            }),
        };
        let export = export.as_ref();
        let look = self.reading(|| self.look_at_roster(wish, &roster, export))?;
        if look.is_done() {
            let done = Tally::new(look.already);
            return Ok(self.outcome(self.bulk_words(wish, &done, &look), String::new()));
        }
        let key = match look.wanted.is_empty() {
            true => None,
            false => Some(self.open_ca_key(wish.passphrase_file.as_deref())?),
        };
        drop(look);
        let mut home = self.open_to_change(wish.mode, Create::No)?;
        let look = self.look_at_roster(wish, &roster, export)?;
        let issuer = match (look.wanted.is_empty(), key) {
            (true, _) => None,
            (false, Some(key)) => Some(self.issuer(&look.state, key)?),
            // Somebody has removed a client since it was looked for.
            (false, None) => {
                let key = self.open_ca_key(wish.passphrase_file.as_deref())?;
                Some(self.issuer(&look.state, key)?)
            }
        };
        let now = host::clock();
        if let Some(issuer) = &issuer {
            refuse_unissuable(wish, issuer, &look, now)?;
        }
        let mut done = Tally::new(look.already);
        if wish.mode == Mode::DryRun {
            return Ok(self.outcome(self.bulk_words(wish, &done, &look), String::new()));
        }
        if let Some(export) = export {
            host::parcel_directory(&export.directory)?;
        }
        home.set_jobs(jobs(wish));
        let batches = Batches {
            wish,
            export,
            look: &look,
            now,
        };
        if let Err(cause) = self.carry_out_roster(batches, issuer.as_ref(), &mut home, &mut done) {
            return Err(match done.issued + done.exported {
                0 => cause,
                _ => Error::IssuedInPart {
                    issued: done.issued,
                    wanted: look.wanted.len(),
                    exported: done.exported,
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
            ..self.outcome(self.bulk_words(wish, &done, &look), talk)
        })
    }

    fn carry_out_roster(
        &self,
        batches: Batches<'_>,
        issuer: Option<&Issuer>,
        home: &mut Home,
        done: &mut Tally,
    ) -> Result<(), Error> {
        let look = batches.look;
        // Made, then written, then handed out.
        let ticks = match batches.export {
            None => 2 * look.wanted.len(),
            Some(_) => 3 * look.wanted.len() + look.kept.len(),
        };
        let progress = self.bar("issuing", ticks);
        let mut ground = Ground::of(&look.state);
        if let Some(issuer) = issuer {
            self.issue_batches(&batches, issuer, home, &mut ground, &progress, done)?;
        }
        for batch in look.kept.chunks(BATCH) {
            let mut parcels = Vec::with_capacity(batch.len());
            let mut lines = String::new();
            for row in batch.iter().map(|place| look.roster.row(*place)) {
                let Some(handing) = handing(batches.wish, &row, batches.export)? else {
                    continue;
                };
                let (parcel, entry) = self.parcel_of_old(&row, handing, batches.now)?;
                parcels.push(parcel);
                lines.push_str(&entry.line());
            }
            let plan = issue::record("client issue", &mut ground, lines);
            host::apply(home, &plan)?;
            batches.hand_out(&parcels, &progress, done)?;
        }
        Ok(())
    }

    fn issue_batches(
        &self,
        batches: &Batches<'_>,
        issuer: &Issuer,
        home: &mut Home,
        ground: &mut Ground,
        progress: &Progress,
        done: &mut Tally,
    ) -> Result<(), Error> {
        let Batches {
            wish,
            export,
            look,
            now,
        } = *batches;
        let key_type = key_type(wish, issuer);
        let trust = look.state.trust()?;
        let trusts = trust.serials();
        let in_rollover = match trust.old {
            Some(_) => InRollover::Yes,
            None => InRollover::No,
        };
        let one = |place: Place| {
            let row = look.roster.row(place);
            let life = row.life.unwrap_or(wish.valid_for);
            let client = Wish::Client(row.name.clone());
            let mut issued = made(issuer, client, key_type, life, now)?;
            let parcel = match handing(wish, &row, export)? {
                None => None,
                Some(handing) => Some(handing.parcel_of_new(&mut issued, &trusts, now)?),
            };
            progress.tick();
            Ok::<_, Error>((issued, parcel))
        };
        for batch in look.wanted.chunks(BATCH) {
            let side_by_side = host::side_by_side_from(key_type);
            let made = host::side_by_side(batch.to_vec(), side_by_side, jobs(wish), one);
            let made = made.into_iter().collect::<Result<Vec<_>, _>>()?;
            let (issued, parcels): (Vec<_>, Vec<_>) = made.into_iter().unzip();
            let issuance = issue::plan("client issue", ground, issuer, issued);
            host::apply_and_tell(home, &issuance.plan, &|| progress.tick())?;
            done.add(issuance.pairs, in_rollover);
            let parcels = Vec::from_iter(parcels.into_iter().flatten());
            batches.hand_out(&parcels, progress, done)?;
        }
        Ok(())
    }

    /// Reads the home, and finds out who of the list is in it, and who was handed out.
    fn look_at_roster<'r>(
        &self,
        wish: &cli::Bulk,
        roster: &'r Roster,
        export: Option<&BulkExport>,
    ) -> Result<Look<'r>, Error> {
        let state = host::home_state(&self.home)?;
        state.ca()?;
        state.check_ledger()?;
        host::home_directories(&self.home)?;
        let names = Names::new(host::pair_names(&self.home, PairKind::Client)?);
        let mut look = Look {
            state,
            roster,
            wanted: Vec::new(),
            kept: Vec::new(),
            already: 0,
        };
        let mut problems = Vec::new();
        for place in roster.places() {
            let row = roster.row(place);
            let handing = match Handing::of(&row, export) {
                Ok(handing) => handing,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            let out = handing.as_ref().is_some_and(is_out);
            let problem = match (names.find(row.name.as_str()), handing) {
                (Use::Taken, handing) => {
                    look.already += 1;
                    if handing.is_some() && !out {
                        look.kept.push(place);
                    }
                    continue;
                }
                (Use::Alike(other), _) => Some(format!(
                    "the name `{}` is that of the client `{other}` but for case",
                    row.name
                )),
                (Use::Free, Some(handing)) if out => Some(format!(
                    "found `{}`, wanted nothing there for a new client",
                    handing.path().display()
                )),
                (Use::Free, _) => row.name.check_fresh().err().map(|error| error.to_string()),
            };
            match problem {
                None => look.wanted.push(place),
                Some(words) => problems.push(Problem {
                    line: row.line,
                    words,
                }),
            }
        }
        match problems.is_empty() {
            true => Ok(look),
            false => Err(unusable(wish.from.as_deref(), RosterError::Lines(problems))),
        }
    }

    fn bulk_words(&self, wish: &cli::Bulk, done: &Tally, look: &Look<'_>) -> String {
        let directory = wish
            .export
            .as_ref()
            .map(|export| export.directory.as_path());
        let (planned, kept) = match wish.mode {
            Mode::Apply => (Vec::new(), 0),
            Mode::DryRun => {
                let names = look.wanted.iter().map(|place| look.roster.row(*place).name);
                (names.collect(), look.kept.len())
            }
        };
        match (self.request.output, self.request.talk, wish.mode) {
            (Output::Json, ..) => report::bulk_json(&self.home, done, &planned, directory),
            (Output::Text, Talk::Quiet, Mode::Apply) => String::new(),
            (Output::Text, _, Mode::Apply) => report::bulk(&self.home, done, directory),
            (Output::Text, _, Mode::DryRun) => {
                report::bulk_planned(&self.home, done, &planned, kept, directory)
            }
        }
    }
}

/// What every batch of a list needs.
#[derive(Clone, Copy)]
struct Batches<'a> {
    wish: &'a cli::Bulk,
    export: Option<&'a BulkExport>,
    look: &'a Look<'a>,
    now: OffsetDateTime,
}

impl Batches<'_> {
    /// Puts clients into the directory for them; the ledger has them by now.
    fn hand_out(
        &self,
        parcels: &[Parcel],
        progress: &Progress,
        done: &mut Tally,
    ) -> Result<(), Error> {
        if let Some(export) = self.export {
            let tick = || progress.tick();
            host::place_parcels(&export.directory, parcels, jobs(self.wish), &tick)?;
            done.exported += parcels.len();
        }
        Ok(())
    }
}

/// What list and flags say of a client.
fn handing(
    wish: &cli::Bulk,
    row: &Row,
    export: Option<&BulkExport>,
) -> Result<Option<Handing>, Error> {
    Handing::of(row, export)
        .map_err(|problem| unusable(wish.from.as_deref(), RosterError::Lines(vec![problem])))
}

fn read_roster(from: Option<&Path>) -> Result<Roster, Error> {
    Roster::parse(host::read_list(from)?).map_err(|cause| unusable(from, cause))
}

/// Refuses what the CA would not issue, before the first key is made.
fn refuse_unissuable(
    wish: &cli::Bulk,
    issuer: &Issuer,
    look: &Look<'_>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let ca = issuer.ca.certificate().validity;
    Validity::of_leaf(wish.valid_for, now, ca).map_err(crate::plan::Error::from)?;
    let problem = |place: &Place| {
        let row = look.roster.row(*place);
        let life = row.life.unwrap_or(wish.valid_for);
        let permitted = issuer.ca.permit_client(&row.name);
        let issuable = permitted.and_then(|()| Validity::of_leaf(life, now, ca).map(drop));
        issuable.err().map(|error| Problem {
            line: row.line,
            words: error.to_string(),
        })
    };
    let problems = Vec::from_iter(look.wanted.iter().filter_map(problem));
    match problems.is_empty() {
        true => Ok(()),
        false => Err(unusable(wish.from.as_deref(), RosterError::Lines(problems))),
    }
}

fn unusable(from: Option<&Path>, cause: RosterError) -> Error {
    crate::plan::Error::Roster {
        source: host::input_name(from).to_owned(),
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

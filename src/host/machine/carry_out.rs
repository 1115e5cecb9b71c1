//! Carries out a plan with its commands and its proof, or takes everything back.

use std::fmt;

use super::prefix::Prefix;
use super::record::{Notes, Record, RecordedStep};
use super::store::{Phase, Store, record_path};
use super::{change, label};
use crate::host::{Error, write};
use crate::plan::machine::{MachinePlan, MachineStep, Run};
use crate::plan::state::{Outcome, Recovery};

/// What a command does to a machine, and what it wants to remember of it.
#[derive(Debug)]
pub struct Deed<'a> {
    /// What is done.
    pub plan: &'a MachinePlan,
    /// When, RFC 3339, UTC.
    pub time: String,
    /// What whoever undoes it must know.
    pub notes: Notes,
    /// The numbers of the records that are void once it is done.
    pub voids: Vec<u32>,
    /// What becomes of SELinux's labels.
    pub relabel: Relabel<'a>,
}

/// What becomes of SELinux's labels of what is new; what is replaced keeps its own.
#[derive(Clone, Copy)]
pub enum Relabel<'a> {
    /// They are set as the policy has them, where there is one.
    ByPolicy {
        /// Is told why that failed.
        failed: &'a dyn Fn(&Error),
    },
    /// They are left alone: the policy of an image is not the one that runs here.
    Leave,
}

impl<'a> Relabel<'a> {
    /// By policy on the machine's own root.
    pub fn of(prefix: &Prefix, failed: &'a dyn Fn(&Error)) -> Self {
        match prefix.is_root() {
            true => Self::ByPolicy { failed },
            false => Self::Leave,
        }
    }
}

impl fmt::Debug for Relabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByPolicy { .. } => "ByPolicy",
            Self::Leave => "Leave",
        })
    }
}

/// Carries out a plan: refuses if the disk is not as the plan saw it, writes the record, stages
/// every new file, makes all durable, puts each in its place and runs the commands, in order;
/// then asks `prove`.
///
/// # Errors
/// After any error everything was taken back and the commands that had been begun were run
/// again on what was there before, except after [`Error::NotPutBack`], which says how it is
/// instead.
pub fn carry_out<T>(
    store: &mut Store,
    deed: Deed<'_>,
    run: &mut dyn FnMut(&Run) -> Result<(), Error>,
    prove: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let Deed {
        plan,
        time,
        notes,
        voids,
        relabel,
    } = deed;
    refuse_changed(plan)?;
    let (mut record, contents) = Record::new(&plan.command, time, &plan.steps)?;
    record.notes = notes;
    record.voids = voids;
    let number = store.begin(&mut record, &contents)?;
    // Not from the disk once more: they may be keys.
    drop(contents);
    let mut progress = Progress {
        store,
        number,
        phase: Phase::Staging,
    };
    let done = progress
        .go(plan, &record, relabel, run)
        .and_then(|()| prove());
    let done = done.and_then(|proof| match progress.close(&record) {
        Ok(()) => Ok(proof),
        // Whoever came next would undo it, so it is not done.
        Err(cause) if progress.phase != Phase::Closing && progress.phase != Phase::Done => {
            Err(cause)
        }
        Err(cause) => Err(Error::NotTidied {
            cause: Box::new(cause),
        }),
    });
    match done {
        Ok(proof) => Ok(proof),
        Err(cause @ Error::NotTidied { .. }) => Err(cause),
        Err(cause) => match progress.take_back(&record, run) {
            Ok(()) => Err(cause),
            Err(left) => Err(Error::NotPutBack {
                cause: Box::new(cause),
                left: Box::new(left),
            }),
        },
    }
}

/// The number no record has: whoever voids it leaves no record of itself.
pub const NO_RECORD: u32 = 0;

/// Finishes or undoes what a killed command left, if one did.
pub(super) fn recover(
    store: &mut Store,
    run: &mut dyn FnMut(&Run) -> Result<(), Error>,
) -> Result<Option<Recovery>, Error> {
    let Some((number, phase)) = Store::unfinished(store.path())? else {
        return Ok(None);
    };
    let record = Record::read(&record_path(store.path(), number, phase))?;
    let mut progress = Progress {
        store,
        number,
        phase,
    };
    let Some(record) = record else {
        // Cut off while the record was written: nothing was done.
        // Or while it was removed, when all else was done.
        progress.store.remove(number, phase)?;
        return Ok(Some(Recovery {
            command: None,
            outcome: match phase {
                Phase::Closing => Outcome::Finished,
                _ => Outcome::Undone,
            },
        }));
    };
    let outcome = match phase {
        Phase::Closing => {
            progress.close(&record)?;
            Outcome::Finished
        }
        _ => {
            let left = progress.take_back(&record, run);
            left.map_err(|left| Error::NotPutBack {
                cause: Box::new(Error::CutOff {
                    command: record.command.clone(),
                }),
                left: Box::new(left),
            })?;
            Outcome::Undone
        }
    };
    Ok(Some(Recovery {
        command: Some(record.command),
        outcome,
    }))
}

/// Refuses if the disk is not as the plan saw it.  A path that is changed twice is looked at for
/// the first of the two.
fn refuse_changed(plan: &MachinePlan) -> Result<(), Error> {
    let mut seen = Vec::new();
    for change in plan.changes() {
        if !seen.contains(&change.path()) {
            change::refuse_changed(change)?;
            seen.push(change.path());
        }
    }
    Ok(())
}

/// A command on its way.
struct Progress<'a> {
    store: &'a mut Store,
    number: u32,
    phase: Phase,
}

impl Progress<'_> {
    fn enter(&mut self, phase: Phase) -> Result<(), Error> {
        if self.phase != phase {
            self.store.enter(self.number, self.phase, phase)?;
            self.phase = phase;
            self.store.sync()?;
        }
        Ok(())
    }

    fn go(
        &mut self,
        plan: &MachinePlan,
        record: &Record,
        relabel: Relabel<'_>,
        run: &mut dyn FnMut(&Run) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut durable = Vec::new();
        for (step, recorded) in plan.steps.iter().zip(&record.steps) {
            change::stage(step, recorded, &mut durable)?;
        }
        durable.sort();
        durable.dedup();
        write::sync(&durable, self.store.path())?;
        self.enter(Phase::Running(0))?;
        let mut begun = 0;
        let mut unlabelled = Vec::new();
        for (step, recorded) in plan.steps.iter().zip(&record.steps) {
            match step {
                MachineStep::Change(change) => {
                    change::publish(recorded)?;
                    label::note_new(change, &mut unlabelled);
                }
                MachineStep::Run(command) => {
                    label::restore(relabel, &mut unlabelled);
                    begun += 1;
                    self.enter(Phase::Running(begun))?;
                    run(command)?;
                }
            }
        }
        label::restore(relabel, &mut unlabelled);
        Ok(())
    }

    /// Removes what was kept for the way back and the records that are void now.
    fn close(&mut self, record: &Record) -> Result<(), Error> {
        self.enter(Phase::Closing)?;
        for step in &record.steps {
            change::settle(step)?;
        }
        for number in &record.voids {
            self.store.remove(*number, Phase::Done)?;
        }
        match record.voids.is_empty() {
            true => self.enter(Phase::Done),
            // Undo leaves no record of itself: what it undid is not there to be done again.
            false => {
                self.store.remove(self.number, self.phase)?;
                self.store.goes_with(&record.store_directories);
                Ok(())
            }
        }
    }

    /// Takes every change back, the last first.  A command that was begun is run again once the
    /// changes are taken back that came between it and the command before it: it then acts on
    /// what was there when the command before it had been run.
    fn take_back(
        &mut self,
        record: &Record,
        run: &mut dyn FnMut(&Run) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let begun = match self.phase {
            Phase::Running(begun) | Phase::Undoing(begun) => begun,
            _ => 0,
        };
        if self.phase != Phase::Staging {
            self.enter(Phase::Undoing(begun))?;
        }
        let mut first = Ok(());
        let mut again: Vec<&Run> = Vec::new();
        let mut run_number = record.runs().count();
        for step in record.steps.iter().rev() {
            match step {
                RecordedStep::Run { run: command } => {
                    // daemon-reload comes just before another, and belongs to it.
                    if !again.is_empty() && !matches!(command, Run::DaemonReload(_)) {
                        first = first.and(run_all(&mut again, run));
                    }
                    if run_number <= begun {
                        again.insert(0, command);
                    }
                    run_number -= 1;
                }
                change => first = first.and(change::undo(change)),
            }
        }
        first = first.and(run_all(&mut again, run));
        first?;
        self.store.remove(self.number, self.phase)?;
        self.store.goes_with(&record.store_directories);
        Ok(())
    }
}

fn run_all(
    commands: &mut Vec<&Run>,
    run: &mut dyn FnMut(&Run) -> Result<(), Error>,
) -> Result<(), Error> {
    commands.drain(..).try_for_each(run)
}

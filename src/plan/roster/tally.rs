//! What has come of a list, for the report.

use time::OffsetDateTime;

use crate::plan::issue::{Cut, PlannedPair};

/// How many clients of a list were issued.
#[derive(Debug, Default)]
pub struct Tally {
    /// Those that were issued now.
    pub issued: usize,
    /// Those that were handed out now.
    pub exported: usize,
    /// Those that were there before.
    pub already: usize,
    /// Those that end with their CA, earlier than asked for, and when that is.
    pub cut: Option<(usize, OffsetDateTime)>,
    /// Those of a new CA that not everybody may trust yet; kept in a rollover alone.
    pub moved: Vec<PlannedPair>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(already: usize) -> Self {
        Self {
            already,
            ..Self::default()
        }
    }

    /// Counts clients that were issued.
    pub fn add(&mut self, pairs: Vec<PlannedPair>, in_rollover: InRollover) {
        self.issued += pairs.len();
        for pair in pairs.iter().filter(|pair| pair.cut == Cut::ToCa) {
            let (count, _) = self.cut.unwrap_or((0, pair.validity.not_after));
            self.cut = Some((count + 1, pair.validity.not_after));
        }
        if in_rollover == InRollover::Yes {
            self.moved.extend(pairs);
        }
    }
}

/// Whether the home has a CA before the one that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InRollover {
    /// It has.
    Yes,
    /// It has not.
    No,
}

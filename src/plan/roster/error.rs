//! Why a list of clients cannot be taken.

use std::fmt;

use crate::pki::printable;

/// A list that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RosterError {
    /// There is no client in it.
    Empty,
    /// Lines that tell of no client.
    Lines(Vec<Problem>),
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its number, from 1.
    pub line: usize,
    /// What was found, and what was wanted.
    pub words: String,
}

/// How many lines are told.
const TOLD: usize = 5;

impl fmt::Display for RosterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = match self {
            Self::Empty => return f.write_str("found no name, wanted one a line"),
            Self::Lines(problems) => problems,
        };
        let told = problems
            .iter()
            .take(TOLD)
            .map(|Problem { line, words }| format!("line {line}: {}", printable(words)));
        f.write_str(&Vec::from_iter(told).join("; "))?;
        match problems.len().checked_sub(TOLD) {
            Some(1) => f.write_str("; and 1 more line"),
            Some(more @ 2..) => write!(f, "; and {more} more lines"),
            _ => Ok(()),
        }
    }
}

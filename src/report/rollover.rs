//! Tells of the phases of a CA rollover: what each came to, whom it locks out, and what to type next.

use std::path::Path;

use serde::Serialize;

use super::{JSON_VERSION, count, day, json, printable, shown};
use crate::pki::Certificate;
use crate::plan::layout::PairKind;
use crate::plan::ledger::rfc3339;
use crate::plan::rollover::{Holds, Left, Phase, Row, Why};

pub(super) fn name(ca: &Certificate) -> String {
    let name = printable(ca.common_name.as_deref().unwrap_or_default());
    format!("{name} until {}", day(ca.validity.not_after))
}

pub(super) fn next(words: &str, program: &str, commands: &[&str]) -> String {
    let mut text = format!("\n{words}\n\n");
    for command in commands {
        text.push_str(&format!("  {program} {command}\n"));
    }
    text
}

pub(super) const HAND_OUT: [&str; 3] = [
    "install server NAME",
    "install client NAME",
    "client export NAME --as FORM",
];

/// That the next CA is made, and what to type next.
pub fn roll_started(program: &str, home: &Path, phase: &Phase) -> (String, String) {
    let trust = &phase.trust;
    let mut said = format!(
        "A rollover is under way in {}\n\nnew CA  {}\n",
        shown(home),
        name(&trust.ca)
    );
    if let Some(old) = &trust.old {
        said.push_str(&format!("old CA  {}, signs nothing more\n", name(old)));
    }
    said.push_str("\nEvery ca.pem here holds both. Nothing has changed for anybody yet.\n");
    let words = "Next, hand out every server and client again, so that each trusts both CAs; then see \
                 who does:";
    let commands = [HAND_OUT[0], HAND_OUT[1], HAND_OUT[2], "ca roll status"];
    (said, next(words, program, &commands))
}

/// That the old CA is dropped, and what to type next.
pub fn roll_finished(program: &str, phase: &Phase) -> (String, String) {
    let said = format!(
        "The rollover is finished: `{}` is the only CA\n",
        printable(phase.trust.ca.common_name.as_deref().unwrap_or_default())
    );
    let words = "Next, hand out every server and client once more: whoever is not still trusts the old \
                 CA, whose key is in archive/:";
    (said, next(words, program, &HAND_OUT))
}

/// That a phase is taken back, and what to type next.
pub fn roll_undone(program: &str, phase: &Phase) -> (String, String) {
    let ca = printable(phase.trust.ca.common_name.as_deref().unwrap_or_default());
    match (&phase.trust.old, &phase.dropped) {
        (Some(old), _) => {
            let said = format!(
                "The rollover is under way again: `{ca}` signs, `{}` is trusted beside it\n",
                printable(old.common_name.as_deref().unwrap_or_default())
            );
            (
                said,
                next("Next, see who holds what:", program, &["ca roll status"]),
            )
        }
        (None, _) => {
            let said = format!("The rollover is taken back: `{ca}` is the only CA\n");
            let words = "Whatever was handed out since it began trusts the other CA too, until it is \
                         handed out again:";
            (said, next(words, program, &HAND_OUT))
        }
    }
}

/// What a phase came to, as JSON; `finished` if it was the last.
pub fn phase_json(
    home: &Path,
    phase: &Phase,
    finished: Option<&Finished>,
    warnings: &[String],
) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        command: &'static str,
        changed: bool,
        ca: Ca,
        old_ca: Option<Ca>,
        dropped_ca: Option<Ca>,
        #[serde(skip_serializing_if = "Option::is_none")]
        locked_out: Option<Vec<LeftOver<'a>>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        not_known: Option<Vec<Named<'a>>>,
        warnings: &'a [String],
    }
    #[derive(Serialize)]
    struct Named<'a> {
        kind: &'a str,
        name: &'a str,
    }
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command: phase.plan.command,
        changed: true,
        ca: Ca::of(&phase.trust.ca),
        old_ca: phase.trust.old.as_ref().map(Ca::of),
        dropped_ca: phase.dropped.as_ref().map(Ca::of),
        locked_out: finished.map(|it| it.locked_out.iter().map(LeftOver::of).collect()),
        not_known: finished.map(|it| {
            let not_known = it.not_known.iter().map(|(kind, name)| Named {
                kind: kind.as_str(),
                name,
            });
            not_known.collect()
        }),
        warnings,
    })
}

#[derive(Serialize)]
pub(super) struct Ca {
    name: Option<String>,
    serial: String,
    fingerprint: String,
    not_after: String,
}

impl Ca {
    pub(super) fn of(ca: &Certificate) -> Self {
        Self {
            name: ca.common_name.clone(),
            serial: ca.serial.to_string(),
            fingerprint: ca.fingerprint(),
            not_after: rfc3339(ca.validity.not_after),
        }
    }
}

/// A valid certificate of the old CA.
#[derive(Serialize)]
pub(super) struct LeftOver<'a> {
    kind: &'a str,
    name: &'a str,
    serial: &'a str,
    not_after: &'a str,
    why: &'a str,
    at: Option<&'a str>,
}

impl<'a> LeftOver<'a> {
    pub(super) fn of(left: &'a Left) -> Self {
        let (why, at) = match &left.why {
            Why::InHome => ("in the home", None),
            Why::FilesGone => ("files gone", None),
            Why::Removed => ("removed", None),
            Why::HandedOut(place) => ("handed out", Some(place.as_str())),
        };
        Self {
            kind: left.kind.as_str(),
            name: &left.name,
            serial: &left.serial,
            not_after: &left.not_after,
            why,
            at,
        }
    }
}

/// How many names are shown.
const NAMED: usize = 8;

fn names<'a>(rows: impl Iterator<Item = (PairKind, &'a str)>) -> (usize, String) {
    let all = Vec::from_iter(rows);
    let named = all
        .iter()
        .take(NAMED)
        .map(|(kind, name)| format!("{} `{}`", kind.as_str(), printable(name)));
    let mut text = Vec::from_iter(named).join(", ");
    if all.len() > NAMED {
        text.push_str(&format!(" and {} more", all.len() - NAMED));
    }
    (all.len(), text)
}

/// What stands among the servers and clients and is no directory, in words.
pub fn stray(path: &Path) -> String {
    format!("{} is no directory: it was left out", shown(path))
}

/// Whom the end of a rollover locks out, and whom it may.
#[derive(Debug)]
pub struct Finished {
    /// Those with valid certificates of the old CA.
    pub locked_out: Vec<Left>,
    /// Those that are not known to have their new certificates.
    pub not_known: Vec<(PairKind, String)>,
}

impl Finished {
    /// Gathers them.
    pub fn new(locked_out: Vec<Left>, rows: &[Row]) -> Self {
        let not_out = rows
            .iter()
            .filter(|row| row.holds == Holds::New && !row.is_done());
        Self {
            locked_out,
            not_known: not_out.map(|row| (row.kind, row.name.clone())).collect(),
        }
    }

    /// The same in words.
    pub fn words(&self) -> Vec<String> {
        let mut all = Vec::new();
        let left = self.locked_out.iter();
        let (number, named) = names(left.map(|left| (left.kind, left.name.as_str())));
        if number > 0 {
            all.push(format!(
                "locked out, with {} of the old CA: {named}",
                count(number, "certificate")
            ));
        }
        let not_known = self.not_known.iter();
        let (number, named) = names(not_known.map(|(kind, name)| (*kind, name.as_str())));
        if number > 0 {
            all.push(format!(
                "not known to have their new certificate: {named}; who has not is locked out where \
                 the old CA is trusted no more"
            ));
        }
        all
    }
}

//! Tells of a CA rollover: who has come how far, and what to type next.

use std::path::Path;

use serde::Serialize;

use super::table::{Cell, table};
use super::{Color, JSON_VERSION, Style, count, day, json, printable, shown, warning};
use crate::pki::Certificate;
use crate::plan::layout::PairKind;
use crate::plan::ledger::rfc3339;
use crate::plan::rollover::{Campaign, Holds, Left, Phase, Row, Why};

fn name(ca: &Certificate) -> String {
    let name = printable(ca.common_name.as_deref().unwrap_or_default());
    format!("{name} until {}", day(ca.validity.not_after))
}

fn next(words: &str, program: &str, commands: &[&str]) -> String {
    let mut text = format!("\n{words}\n\n");
    for command in commands {
        text.push_str(&format!("  {program} {command}\n"));
    }
    text
}

const HAND_OUT: [&str; 3] = [
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

/// What a phase came to, as JSON.
pub fn phase_json(home: &Path, phase: &Phase) -> String {
    #[derive(Serialize)]
    struct Report {
        version: u32,
        home: String,
        command: &'static str,
        changed: bool,
        ca: Ca,
        old_ca: Option<Ca>,
        dropped_ca: Option<Ca>,
    }
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command: phase.plan.command,
        changed: true,
        ca: Ca::of(&phase.trust.ca),
        old_ca: phase.trust.old.as_ref().map(Ca::of),
        dropped_ca: phase.dropped.as_ref().map(Ca::of),
    })
}

#[derive(Serialize)]
struct Ca {
    name: Option<String>,
    serial: String,
    fingerprint: String,
    not_after: String,
}

impl Ca {
    fn of(ca: &Certificate) -> Self {
        Self {
            name: ca.common_name.clone(),
            serial: ca.serial.to_string(),
            fingerprint: ca.fingerprint(),
            not_after: rfc3339(ca.validity.not_after),
        }
    }
}

fn holds_words(holds: Holds) -> &'static str {
    match holds {
        Holds::New => "new",
        Holds::Old => "old",
        Holds::Expired => "old, expired",
        Holds::Other => "neither",
    }
}

fn trusts_words(row: &Row) -> &'static str {
    match (row.hand_outs.is_empty(), row.trusts_both()) {
        (true, _) => "not known",
        (false, true) => "both",
        (false, false) => "one",
    }
}

/// Who has come how far.
pub fn roll_status(
    style: Style,
    campaign: Option<&Campaign>,
    rows: &[Row],
    left: &[Left],
) -> String {
    let Some(Campaign { new, old }) = campaign else {
        return "No rollover is under way\n".into();
    };
    let mut lines: Vec<[Cell; 5]> = Vec::new();
    for row in rows {
        let holds = match row.holds {
            Holds::New => Cell::colored("new", Color::Green),
            other => holds_words(other).into(),
        };
        let mut first = Some((row.kind.as_str(), row.name.as_str(), holds));
        let mut line = |trusts: &str, out: String| {
            let (kind, name, holds) = first.take().unwrap_or(("", "", "".into()));
            lines.push([
                kind.into(),
                printable(name).into(),
                holds,
                trusts.into(),
                out.into(),
            ]);
        };
        if row.hand_outs.is_empty() {
            line(trusts_words(row), "never, as far as is known here".into());
        }
        for out in &row.hand_outs {
            let trusts = match out.trusts_both {
                true => "both",
                false => "one",
            };
            let is_current = match out.is_current {
                true => "",
                false => ", an earlier certificate",
            };
            let day = &out.time[..10.min(out.time.len())];
            line(
                trusts,
                format!("{day} to {}{is_current}", printable(&out.to)),
            );
        }
    }
    let head = ["KIND", "NAME", "CERTIFICATE OF", "TRUSTS", "HANDED OUT"];
    let mut text = format!(
        "new CA  {}\nold CA  {}\n\n{}",
        name(new),
        name(old),
        table(style, head, &lines)
    );
    let elsewhere = left
        .iter()
        .filter(|it| matches!(it.why, Why::FilesGone | Why::Removed));
    let elsewhere = Vec::from_iter(elsewhere);
    if !elsewhere.is_empty() {
        text.push_str("\nOf the old CA, valid, and without files here:\n\n");
        for left in elsewhere {
            text.push_str(&format!(
                "  {} {}, serial {}, until {}\n",
                left.kind.as_str(),
                printable(&left.name),
                left.serial,
                &left.not_after[..10.min(left.not_after.len())]
            ));
        }
    }
    text
}

/// The same as JSON.
pub fn roll_status_json(
    home: &Path,
    campaign: Option<&Campaign>,
    rows: &[Row],
    left: &[Left],
) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        under_way: bool,
        new_ca: Option<Ca>,
        old_ca: Option<Ca>,
        pairs: Vec<Pair<'a>>,
        left: Vec<LeftOver<'a>>,
    }
    #[derive(Serialize)]
    struct Pair<'a> {
        kind: &'a str,
        name: &'a str,
        certificate_of: &'a str,
        hand_outs: Vec<HandOut<'a>>,
    }
    #[derive(Serialize)]
    struct HandOut<'a> {
        to: &'a str,
        time: &'a str,
        trusts_both: bool,
        current_certificate: bool,
    }
    #[derive(Serialize)]
    struct LeftOver<'a> {
        kind: &'a str,
        name: &'a str,
        serial: &'a str,
        not_after: &'a str,
        why: &'a str,
        at: Option<&'a str>,
    }
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        under_way: campaign.is_some(),
        new_ca: campaign.map(|campaign| Ca::of(&campaign.new)),
        old_ca: campaign.map(|campaign| Ca::of(&campaign.old)),
        pairs: rows
            .iter()
            .map(|row| Pair {
                kind: row.kind.as_str(),
                name: &row.name,
                certificate_of: holds_words(row.holds),
                hand_outs: row
                    .hand_outs
                    .iter()
                    .map(|out| HandOut {
                        to: &out.to,
                        time: &out.time,
                        trusts_both: out.trusts_both,
                        current_certificate: out.is_current,
                    })
                    .collect(),
            })
            .collect(),
        left: left
            .iter()
            .map(|left| {
                let (why, at) = match &left.why {
                    Why::InHome => ("in the home", None),
                    Why::FilesGone => ("files gone", None),
                    Why::Removed => ("removed", None),
                    Why::HandedOut(place) => ("handed out", Some(place.as_str())),
                };
                LeftOver {
                    kind: left.kind.as_str(),
                    name: &left.name,
                    serial: &left.serial,
                    not_after: &left.not_after,
                    why,
                    at,
                }
            })
            .collect(),
    })
}

/// What to type next while a rollover is under way.
pub fn roll_next(program: &str, rows: &[Row], left: &[Left]) -> String {
    let not_both = rows.iter().filter(|row| !row.trusts_both()).count();
    let is_old = |row: &&Row| matches!(row.holds, Holds::Old | Holds::Expired);
    let old = rows.iter().filter(is_old).count();
    if old > 0 && not_both > 0 {
        let words = format!(
            "Next, hand out again who does not trust both for sure ({not_both}); then issue:"
        );
        let commands = [HAND_OUT[0], HAND_OUT[1], HAND_OUT[2], "ca roll issue"];
        return next(&words, program, &commands);
    }
    if old > 0 {
        let words = "Everybody trusts both. Next, certificates of the new CA:";
        return next(words, program, &["ca roll issue"]);
    }
    match rows.iter().all(Row::is_done) && left.is_empty() {
        true => next(
            "Everybody holds a certificate of the new CA. Next:",
            program,
            &["ca roll finish"],
        ),
        false => {
            let words = "Next, hand out the new certificates; then drop the old CA:";
            next(
                words,
                program,
                &[HAND_OUT[0], HAND_OUT[1], HAND_OUT[2], "ca roll finish"],
            )
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

/// Who is locked out, and who may be; and whether it is sure that nobody else is.
pub fn finish_warnings(style: Style, locked_out: &[Left], rows: &[Row]) -> (String, bool) {
    let mut text = String::new();
    let (number, named) = names(
        locked_out
            .iter()
            .map(|left| (left.kind, left.name.as_str())),
    );
    if number > 0 {
        let words = format!(
            "locked out, with {} of the old CA: {named}",
            count(number, "certificate")
        );
        text.push_str(&warning(style, &words));
    }
    let not_out = rows
        .iter()
        .filter(|row| row.holds == Holds::New && !row.is_done());
    let (number, named) = names(not_out.map(|row| (row.kind, row.name.as_str())));
    if number > 0 {
        let words = format!(
            "not known to have their new certificate: {named}; who has not is locked out where the \
             old CA is trusted no more"
        );
        text.push_str(&warning(style, &words));
    }
    (text, number == 0)
}

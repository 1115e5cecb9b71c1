//! Tells who has come how far in a CA rollover, and what to type next.

use std::path::Path;

use serde::Serialize;
use time::OffsetDateTime;

use super::rollover::{Ca, HAND_OUT, LeftOver, name, next};
use super::table::{Cell, table};
use super::{Color, JSON_VERSION, Style, json, note, printable, until_text};
use crate::plan::ledger::Entry;
use crate::plan::rollover::{Campaign, Holds, Left, Row, Why};

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
    now: OffsetDateTime,
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
    let elsewhere = left.iter().filter(|it| it.why == Why::FilesGone);
    let elsewhere = Vec::from_iter(elsewhere);
    if !elsewhere.is_empty() {
        text.push_str("\nOf the old CA, valid, and without files here:\n\n");
        for left in elsewhere {
            text.push_str(&format!(
                "  {} {}, serial {}, until {}\n",
                left.kind.as_str(),
                printable(&left.name),
                left.serial,
                until_text(&left.not_after, now)
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
        left: left.iter().map(LeftOver::of).collect(),
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

/// What is no more where the ledger has it, a note each.
pub fn taken_away(style: Style, gone: &[Entry]) -> String {
    let notes = gone.iter().map(|entry| {
        let words = format!(
            "{} `{}` is no more at {}: it counts as taken back",
            entry.kind,
            printable(&entry.name),
            printable(entry.to.as_deref().unwrap_or_default())
        );
        note(style, &words)
    });
    notes.collect()
}

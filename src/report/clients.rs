//! Shows the clients, and who holds what of them.

use std::path::Path;

use serde::Serialize;
use time::OffsetDateTime;

use super::table::{Cell, table};
use super::{
    Color, JSON_VERSION, Style, count, day_of, end, json, note, printable, shown, until_text,
};
use crate::plan::clients::{Client, Held, State};
use crate::plan::hand_outs::{Freshness, HandOut, by_name};
use crate::plan::layout::{self, PairKind};
use crate::plan::ledger::{Entry, rfc3339};
use crate::plan::list::Standing;
use crate::plan::remove::Removal;

/// One line a hand-out, and one for who has none.
pub fn clients(style: Style, clients: &[Client<'_>], now: OffsetDateTime) -> String {
    let mut lines: Vec<[Cell; 7]> = Vec::with_capacity(clients.len());
    for client in clients {
        let color = match client.state {
            State::InHome(Standing::Valid) => Color::Green,
            State::InHome(Standing::Due | Standing::Leaving) => Color::Yellow,
            State::InHome(_) | State::Removed | State::RemovedNotTrusted => Color::Red,
        };
        let until = client.not_after.as_deref();
        let until = until.map_or("-", |at| until_text(at, now));
        let mut first = Some((client.name.as_str(), client.state.as_str(), until));
        let mut line = |[out, form, to]: [String; 3], stands: Cell| {
            let (name, state, until) = first.take().unwrap_or_default();
            lines.push([
                printable(name).into(),
                Cell::colored(state, color),
                until.into(),
                out.into(),
                form.into(),
                to.into(),
                stands,
            ]);
        };
        if client.hand_outs.is_empty() {
            line(["never".into(), String::new(), String::new()], "".into());
        }
        for (out, held) in &client.hand_outs {
            let entry = out.entry;
            let form = entry.form.as_deref().unwrap_or("files");
            let to = entry.host.as_deref().or(entry.to.as_deref());
            let told = [
                day_of(&entry.time).to_owned(),
                printable(form),
                printable(to.unwrap_or_default()),
            ];
            line(told, held_cell(*held, entry, now));
        }
    }
    let head = [
        "NAME",
        "STATE",
        "UNTIL",
        "HANDED OUT",
        "AS",
        "TO",
        "THERE IT IS",
    ];
    table(style, head, &lines)
}

fn held_cell(held: Held, entry: &Entry, now: OffsetDateTime) -> Cell {
    match held {
        Held::InHome(Freshness::Current) => Cell::colored("current", Color::Green),
        Held::InHome(Freshness::EarlierCertificate) => {
            Cell::colored("stale, an earlier certificate", Color::Yellow)
        }
        Held::InHome(Freshness::TrustsLess) => {
            Cell::colored("stale, it does not trust every CA", Color::Yellow)
        }
        Held::Removed => Cell::colored(
            format!("valid until {}", until_text(&entry.not_after, now)),
            Color::Red,
        ),
        Held::RemovedNotTrusted => "not trusted".into(),
    }
}

/// A hand-out in JSON.
#[derive(Serialize)]
struct Out<'a> {
    to: Option<&'a str>,
    form: Option<&'a str>,
    host: Option<&'a str>,
    context: Option<&'a str>,
    encrypted: bool,
    time: &'a str,
    serial: &'a str,
    not_after: &'a str,
    stands: &'static str,
}

impl<'a> Out<'a> {
    fn of(out: &HandOut<'a>, held: Held) -> Self {
        let entry = out.entry;
        Self {
            to: entry.to.as_deref(),
            form: entry.form.as_deref(),
            host: entry.host.as_deref(),
            context: entry.context.as_deref(),
            encrypted: !entry.encrypted_to.is_empty(),
            time: &entry.time,
            serial: &entry.serial,
            not_after: &entry.not_after,
            stands: match held {
                Held::InHome(freshness) => freshness_word(freshness),
                Held::Removed => "removed",
                Held::RemovedNotTrusted => "removed, not trusted",
            },
        }
    }
}

/// The word of JSON for how a hand-out stands.
pub(super) fn freshness_word(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Current => "current",
        Freshness::EarlierCertificate => "earlier certificate",
        Freshness::TrustsLess => "trusts less",
    }
}

/// The same as JSON.
pub fn list_clients_json(home: &Path, clients: &[Client<'_>]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        clients: Vec<Listed<'a>>,
    }
    #[derive(Serialize)]
    struct Listed<'a> {
        name: &'a str,
        state: &'a str,
        serial: Option<&'a str>,
        not_after: Option<&'a str>,
        hand_outs: Vec<Out<'a>>,
    }
    let listed = clients.iter().map(|client| Listed {
        name: &client.name,
        state: client.state.as_str(),
        serial: client.serial.as_deref(),
        not_after: client.not_after.as_deref(),
        hand_outs: client
            .hand_outs
            .iter()
            .map(|(out, held)| Out::of(out, *held))
            .collect(),
    });
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        clients: listed.collect(),
    })
}

/// That clients were removed, and what that does not do.
pub fn removed(home: &Path, removal: &Removal) -> String {
    let rows = removal.clients.iter().map(|removed| {
        let certificate = &removed.certificate;
        let row: [Cell; 3] = [
            removed.name.as_str().into(),
            end(certificate.validity).into(),
            layout::archived(&certificate.serial).into(),
        ];
        row
    });
    let whose = match removal.clients.len() {
        1 => "Its certificate works until its end: whoever has the key is root until then",
        _ => "Their certificates work until their end: whoever has a key is root until then",
    };
    format!(
        "Removed {} from {}\n\n{}\n{whose}\n",
        count(removal.clients.len(), "client"),
        shown(home),
        table(
            Style::Plain,
            ["NAME", "UNTIL", "NOW IN"],
            &Vec::from_iter(rows)
        )
    )
}

/// Who still holds what was handed out of them, a line each.
pub fn still_out(style: Style, removal: &Removal, ledger: &[Entry]) -> String {
    let lines = still_held(removal, ledger).into_iter().map(|(name, out)| {
        let words = format!(
            "client `{name}` is out since {}: {}",
            day_of(&out.entry.time),
            out.place()
        );
        note(style, &words)
    });
    lines.collect()
}

/// What of these clients is out, as the ledger was before they were removed.
fn still_held<'a>(removal: &'a Removal, ledger: &'a [Entry]) -> Vec<(&'a str, HandOut<'a>)> {
    let mut named = by_name(ledger);
    let mut held = Vec::new();
    for removed in &removal.clients {
        let name = removed.name.as_str();
        let its = named.remove(&(PairKind::Client.as_str(), name));
        let its = its.into_iter().flatten().filter(|out| !out.is_removed);
        held.extend(its.map(|out| (name, out)));
    }
    held
}

/// The same as JSON.
pub fn removed_json(home: &Path, removal: &Removal, ledger: &[Entry]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        command: &'static str,
        changed: bool,
        clients: Vec<Gone<'a>>,
    }
    #[derive(Serialize)]
    struct Gone<'a> {
        name: &'a str,
        serial: String,
        not_after: String,
        archived: String,
        hand_outs: Vec<Out<'a>>,
    }
    let held = still_held(removal, ledger);
    let clients = removal.clients.iter().map(|removed| Gone {
        name: removed.name.as_str(),
        serial: removed.certificate.serial.to_string(),
        not_after: rfc3339(removed.certificate.validity.not_after),
        archived: layout::archived(&removed.certificate.serial),
        hand_outs: held
            .iter()
            .filter(|(name, _)| *name == removed.name.as_str())
            .map(|(_, out)| Out::of(out, Held::Removed))
            .collect(),
    });
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command: removal.plan.command,
        changed: true,
        clients: clients.collect(),
    })
}

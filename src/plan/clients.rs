//! Tells which clients there are, and who holds what of them.

use std::collections::HashMap;

use time::OffsetDateTime;

use super::hand_outs::{Freshness, HandOut, hand_outs};
use super::layout::PairKind;
use super::ledger::{Entry, Event, issuers, rfc3339};
use super::list::{self, Row, Standing};
use super::trust::Trust;

/// A client, and where it was handed out.
#[derive(Debug)]
pub struct Client<'a> {
    /// Its name.
    pub name: String,
    /// How it stands with it.
    pub state: State,
    /// The certificate's serial number in hex, if it can be read.
    pub serial: Option<String>,
    /// Its end, RFC 3339, UTC.
    pub not_after: Option<String>,
    /// Where it was handed out, the last first.
    pub hand_outs: Vec<(HandOut<'a>, Held)>,
}

/// How it stands with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is in the home.
    InHome(Standing),
    /// It was removed, and its certificate is valid all the same.
    Removed,
    /// It was removed, and its certificate is of a CA that is trusted no more.
    RemovedNotTrusted,
}

impl State {
    /// In words, as text and JSON show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InHome(standing) => standing.as_str(),
            Self::Removed => "removed",
            Self::RemovedNotTrusted => "removed, not trusted",
        }
    }
}

/// What somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A client that is in the home, and how it stands to that.
    InHome(Freshness),
    /// A client that was removed.
    Removed,
    /// One that was removed, and works no more.
    RemovedNotTrusted,
}

/// Puts the clients of the home beside what the ledger tells of them, and adds those that were removed
/// and work still.
pub fn clients<'a>(
    rows: Vec<Row>,
    ledger: &'a [Entry],
    trust: &Trust,
    now: OffsetDateTime,
) -> Vec<Client<'a>> {
    let mut out: HashMap<&str, Vec<HandOut<'a>>> = HashMap::new();
    let mut removed_out: HashMap<(&str, usize), Vec<HandOut<'a>>> = HashMap::new();
    let kind = PairKind::Client.as_str();
    for hand_out in hand_outs(ledger) {
        let HandOut {
            entry,
            generation,
            is_removed,
        } = hand_out;
        let name = entry.name.as_str();
        match is_removed {
            _ if entry.kind != kind => {}
            true => removed_out
                .entry((name, generation))
                .or_default()
                .push(hand_out),
            false => out.entry(name).or_default().push(hand_out),
        }
    }
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let serial = row.certificate.as_ref().map(|it| it.serial.to_string());
        let current = serial.as_deref().unwrap_or_default();
        let hand_outs = out.remove(row.name.as_str()).unwrap_or_default();
        let hand_outs = hand_outs
            .into_iter()
            .map(|it| (it, Held::InHome(it.freshness(current, trust))));
        all.push(Client {
            state: State::InHome(row.standing),
            not_after: row.certificate.map(|it| rfc3339(it.not_after)),
            hand_outs: hand_outs.collect(),
            name: row.name,
            serial,
        });
    }
    let removals = ledger
        .iter()
        .filter(|it| it.event == Event::Removed && it.kind == kind);
    let revoked = list::revoked(ledger);
    let issuers = issuers(ledger);
    let trusted = Vec::from_iter(trust.all().map(|ca| ca.serial.to_string()));
    let now = rfc3339(now);
    let mut generations: HashMap<&str, usize> = HashMap::new();
    for entry in removals {
        let generation = generations.entry(&entry.name).or_default();
        let hand_outs = removed_out.remove(&(entry.name.as_str(), *generation));
        *generation += 1;
        if entry.not_after < now || revoked.contains(&entry.serial) {
            continue;
        }
        let hand_outs = hand_outs.unwrap_or_default().into_iter();
        let issuer = issuers.get(entry.serial.as_str());
        let (state, held) = match issuer.is_none_or(|ca| trusted.iter().any(|it| it == ca)) {
            true => (State::Removed, Held::Removed),
            false => (State::RemovedNotTrusted, Held::RemovedNotTrusted),
        };
        all.push(Client {
            name: entry.name.clone(),
            state,
            serial: Some(entry.serial.clone()),
            not_after: Some(entry.not_after.clone()),
            hand_outs: hand_outs.map(|it| (it, held)).collect(),
        });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

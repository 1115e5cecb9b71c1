//! Who holds what: where certificates were handed out, as far as the ledger knows, and which of
//! these hand-outs are behind.

use std::collections::HashMap;

use time::OffsetDateTime;

use super::bundle::Form;
use super::layout::PairKind;
use super::ledger::{Entry, Event};
use super::trust::Trust;

/// How the ledger names standard output, as a place.
pub const STANDARD_OUTPUT: &str = "standard output";

/// What one thing that was handed out is known by.  What takes its place has the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place<'a> {
    /// Installed in a directory, which holds one server or client at a time.
    Installed { kind: &'a str, to: &'a str },
    /// Exported.  Where the file went, nobody knows; the next one of that form for that daemon goes
    /// the same way.
    Exported {
        kind: &'a str,
        name: &'a str,
        /// How often a client of that name was removed before: another one is somebody else's.
        generation: usize,
        form: &'a str,
        host: Option<&'a str>,
        context: Option<&'a str>,
    },
}

/// Something that was handed out, and whose place nothing has taken since.
#[derive(Debug, Clone, Copy)]
pub struct HandOut<'a> {
    /// Where it went, and when.
    pub entry: &'a Entry,
    /// How many clients of that name were removed before.
    pub generation: usize,
    /// Whether the server or client was removed since: then nobody gets the next one.
    pub is_removed: bool,
}

/// How a hand-out stands to what the home has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is what the home has, and trusts whom the home trusts.
    Current,
    /// It is an earlier certificate.
    EarlierCertificate,
    /// It does not trust a CA that the home trusts.
    TrustsLess,
}

impl Freshness {
    /// Whether there is something newer to hand out.
    pub fn is_stale(self) -> bool {
        self != Self::Current
    }
}

/// Everything that is out, the last first.
pub fn hand_outs(ledger: &[Entry]) -> Vec<HandOut<'_>> {
    let mut removals: HashMap<(&str, &str), usize> = HashMap::new();
    let mut last: HashMap<Place<'_>, (usize, usize, &Entry)> = HashMap::new();
    for (index, entry) in ledger.iter().enumerate() {
        let generation = || {
            let removed = removals.get(&(&*entry.kind, &*entry.name));
            removed.copied().unwrap_or_default()
        };
        match (entry.event, place(entry, generation)) {
            (Event::Removed, _) => {
                *removals.entry((&entry.kind, &entry.name)).or_default() += 1;
            }
            (Event::HandedOut, Some(place)) => {
                let generation = generation();
                last.insert(place, (index, generation, entry));
            }
            (Event::TakenBack, Some(place)) => {
                last.remove(&place);
            }
            _ => {}
        }
    }
    let mut last = Vec::from_iter(last.into_values());
    last.sort_by_key(|(index, ..)| std::cmp::Reverse(*index));
    let out = last.into_iter().map(|(_, generation, entry)| HandOut {
        entry,
        generation,
        is_removed: removals
            .get(&(&*entry.kind, &*entry.name))
            .is_some_and(|removed| *removed > generation),
    });
    out.collect()
}

fn place(entry: &Entry, generation: impl Fn() -> usize) -> Option<Place<'_>> {
    let to = entry.to.as_deref()?;
    let kind = entry.kind.as_str();
    Some(match &entry.form {
        None => Place::Installed { kind, to },
        Some(form) => Place::Exported {
            kind,
            name: &entry.name,
            generation: generation(),
            form,
            host: entry.host.as_deref(),
            context: entry.context.as_deref(),
        },
    })
}

/// The entry to add when something was told to be handed out and was not: what is out still in the same
/// form for the same daemon, another's export at the same moment too, or else that it was taken back.
pub fn withdrawn(ledger: &[Entry], entry: &Entry, now: OffsetDateTime) -> Entry {
    let mut without = ledger.to_vec();
    // Another export of the same second may have told the very same: one line of them is ours.
    if let Some(ours) = without.iter().rposition(|it| it == entry) {
        without.remove(ours);
    }
    let place = |entry: &Entry| {
        (
            entry.kind.clone(),
            entry.name.clone(),
            entry.form.clone(),
            entry.host.clone(),
            entry.context.clone(),
        )
    };
    let out = hand_outs(&without)
        .into_iter()
        .filter(|out| !out.is_removed);
    let mut same = out.filter(|out| place(out.entry) == place(entry));
    match same.next() {
        Some(out) => out.entry.clone(),
        None => entry.clone().taken_back(now),
    }
}

/// What is out, by the kind and name of who has it.
pub fn by_name(ledger: &[Entry]) -> HashMap<(&str, &str), Vec<HandOut<'_>>> {
    let mut named: HashMap<(&str, &str), Vec<HandOut<'_>>> = HashMap::new();
    for out in hand_outs(ledger) {
        let whose = (out.entry.kind.as_str(), out.entry.name.as_str());
        named.entry(whose).or_default().push(out);
    }
    named
}

impl HandOut<'_> {
    /// How it stands to the certificate that the home has of that name.
    pub fn freshness(&self, current: &str, trust: &Trust) -> Freshness {
        let trusts = |serial: &String| self.entry.trusts.contains(serial);
        if self.entry.serial != current {
            return Freshness::EarlierCertificate;
        }
        match trust.all().all(|ca| trusts(&ca.serial.to_string())) {
            true => Freshness::Current,
            false => Freshness::TrustsLess,
        }
    }

    /// Server or client.
    pub fn kind(&self) -> Option<PairKind> {
        let mut kinds = PairKind::ALL.into_iter();
        kinds.find(|kind| kind.as_str() == self.entry.kind)
    }

    /// Where it went, with its form if it was exported:
    /// `/root/alice.dockercontext on ca (context for tcp://web-1:2376)`.
    pub fn place(&self) -> String {
        place_words(self.entry)
    }
}

/// What is stale of these servers and clients, each with the serial number of the certificate that the home
/// has of it; the last first.
pub fn stale<'a>(
    ledger: &'a [Entry],
    current: &HashMap<(PairKind, &str), String>,
    trust: &Trust,
) -> Vec<HandOut<'a>> {
    let out = hand_outs(ledger).into_iter().filter(|out| {
        let its = out.kind().map(|kind| (kind, out.entry.name.as_str()));
        let serial = its.and_then(|its| current.get(&its));
        let is_stale = |serial: &String| out.freshness(serial, trust).is_stale();
        !out.is_removed && serial.is_some_and(is_stale)
    });
    out.collect()
}

/// Where an entry's certificate went, in words.
pub fn place_words(entry: &Entry) -> String {
    let to = entry.to.as_deref().unwrap_or_default();
    match (&entry.form, &entry.host) {
        (None, _) => to.to_owned(),
        // Nobody has a key by it, and it went to who asked.
        (Some(form), _) if form == Form::Reply.as_str() => to.to_owned(),
        (Some(form), None) => format!("{to} ({form})"),
        (Some(form), Some(host)) => format!("{to} ({form} for {host})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ledger::parse;

    fn line(event: &str, name: &str, serial: &str, more: &str) -> String {
        format!(
            "{{\"version\":1,\"time\":\"2026-11-23T20:06:00Z\",\"event\":\"{event}\",\"kind\":\"client\",\
             \"name\":\"{name}\",\"serial\":\"{serial}\",\"fingerprint\":\"ff\",\
             \"not_after\":\"2027-11-23T20:06:00Z\"{more}}}\n"
        )
    }

    const CONTEXT: &str = ",\"to\":\"/a on m\",\"form\":\"context\",\"host\":\"tcp://h:2376\"";

    fn serials(text: &str) -> Vec<(String, bool)> {
        let ledger = parse(text.as_bytes()).unwrap();
        let out = hand_outs(&ledger).into_iter();
        out.map(|out| (out.entry.serial.clone(), out.is_removed))
            .collect()
    }

    fn out(serial: &str) -> (String, bool) {
        (serial.to_owned(), false)
    }

    #[test]
    fn an_export_takes_the_place_of_one_of_the_same_form_for_the_same_daemon() {
        let elsewhere = CONTEXT.replace("/a on m", "/b on n");
        let other_host = CONTEXT.replace("//h", "//g");
        let env = CONTEXT.replace("context", "env");
        let text = line("handed-out", "alice", "01", CONTEXT)
            + &line("handed-out", "alice", "02", &other_host)
            + &line("handed-out", "alice", "03", &env)
            + &line("handed-out", "bob", "04", CONTEXT)
            + &line("handed-out", "alice", "05", &elsewhere);
        assert_eq!(serials(&text), ["05", "04", "03", "02"].map(out));
    }

    #[test]
    fn a_directory_holds_one_client_at_a_time_and_an_export_beside_it_none() {
        let here = ",\"to\":\"/a on m\"";
        let text = line("handed-out", "alice", "01", here)
            + &line("handed-out", "alice", "02", CONTEXT)
            + &line("handed-out", "bob", "03", here);
        assert_eq!(serials(&text), ["03", "02"].map(out));
        let text = text + &line("taken-back", "bob", "03", here);
        assert_eq!(serials(&text), ["02"].map(out));
    }

    #[test]
    fn another_client_of_a_removed_ones_name_is_somebody_else() {
        let text = line("handed-out", "alice", "01", CONTEXT) + &line("removed", "alice", "01", "");
        assert_eq!(serials(&text), [("01".to_owned(), true)]);
        let text = text + &line("handed-out", "alice", "02", CONTEXT);
        assert_eq!(serials(&text), [out("02"), ("01".to_owned(), true)]);
    }

    #[test]
    fn what_was_not_handed_out_takes_nobody_elses_export_away() {
        let now = time::macros::datetime!(2026-11-23 20:07 UTC);
        let ours = line("handed-out", "alice", "02", CONTEXT);
        let withdrawn_from = |text: &str| {
            let ledger = parse(text.as_bytes()).unwrap();
            let entry = parse(ours.as_bytes()).unwrap().remove(0);
            let last = withdrawn(&ledger, &entry, now).line();
            serials(&(text.to_owned() + &last))
        };
        assert_eq!(withdrawn_from(&ours), []);
        // An earlier one is out still.
        let earlier = line("handed-out", "alice", "01", CONTEXT);
        assert_eq!(withdrawn_from(&(earlier.clone() + &ours)), [out("01")]);
        // So is one that was told of after it, or was told of in the same words.
        assert_eq!(withdrawn_from(&(ours.clone() + &earlier)), [out("01")]);
        assert_eq!(withdrawn_from(&(ours.clone() + &ours)), [out("02")]);
    }

    #[test]
    fn a_place_is_told_with_its_form() {
        let ledger = parse(line("handed-out", "alice", "01", CONTEXT).as_bytes()).unwrap();
        assert_eq!(
            place_words(&ledger[0]),
            "/a on m (context for tcp://h:2376)"
        );
    }
}

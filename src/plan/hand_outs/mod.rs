//! Who holds what: where certificates were handed out, as far as the ledger knows, and which of
//! these hand-outs are behind.

mod copies;

use std::collections::HashMap;

use self::copies::{Copies, Told};
use super::bundle::Form;
use super::layout::PairKind;
use super::ledger::{Entry, Event};
use super::trust::Trust;

/// How the ledger names standard output, as a place.
pub const STANDARD_OUTPUT: &str = "standard output";

/// What exported files are for.  Where they went, nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Use<'a> {
    kind: &'a str,
    name: &'a str,
    /// How often a client of that name was removed before: another one is somebody else's.
    generation: usize,
    form: &'a str,
    host: Option<&'a str>,
    context: Option<&'a str>,
}

/// Everything that is out.
#[derive(Debug, Default)]
struct Out<'a> {
    /// How many clients and servers of a kind and name were removed.
    removals: HashMap<(&'a str, &'a str), usize>,
    /// By kind and directory, which holds one server or client at a time; with its generation.
    installed: HashMap<(&'a str, &'a str), (usize, Told<'a>)>,
    exported: HashMap<Use<'a>, Copies<'a>>,
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

impl<'a> Out<'a> {
    fn of(ledger: &'a [Entry]) -> Self {
        let mut out = Self::default();
        for told in ledger.iter().enumerate() {
            out.add(told);
        }
        out
    }

    fn add(&mut self, (number, entry): Told<'a>) {
        let directory = (entry.kind.as_str(), entry.to.as_deref().unwrap_or_default());
        let told = (number, entry);
        match (entry.event, self.use_of(entry)) {
            (Event::Removed, _) => {
                let removed = self.removals.entry((&entry.kind, &entry.name));
                *removed.or_default() += 1;
            }
            (Event::HandedOut, Some(its)) => self.exported.entry(its).or_default().add(told),
            (Event::HandedOut, None) if entry.to.is_some() => {
                let generation = self.generation(entry);
                self.installed.insert(directory, (generation, told));
            }
            (Event::TakenBack, Some(its)) => {
                if let Some(copies) = self.exported.get_mut(&its) {
                    copies.take_back(entry);
                }
            }
            (Event::TakenBack, None) => {
                self.installed.remove(&directory);
            }
            _ => {}
        }
    }

    /// How many of its name were removed before.
    fn generation(&self, entry: &Entry) -> usize {
        let removed = self.removals.get(&(&*entry.kind, &*entry.name));
        removed.copied().unwrap_or_default()
    }

    /// What it was exported for; nothing if it was installed.
    fn use_of(&self, entry: &'a Entry) -> Option<Use<'a>> {
        let (Some(_), Some(form)) = (&entry.to, &entry.form) else {
            return None;
        };
        Some(Use {
            kind: &entry.kind,
            name: &entry.name,
            generation: self.generation(entry),
            form,
            host: entry.host.as_deref(),
            context: entry.context.as_deref(),
        })
    }
}

/// Everything that is out, the last first.
pub fn hand_outs(ledger: &[Entry]) -> Vec<HandOut<'_>> {
    let Out {
        removals,
        installed,
        exported,
    } = Out::of(ledger);
    let exported = exported.into_iter().flat_map(|(its, copies)| {
        let generation = its.generation;
        copies.out().map(move |told| (generation, told))
    });
    let mut out = Vec::from_iter(installed.into_values().chain(exported));
    out.sort_by_key(|(_, (number, _))| std::cmp::Reverse(*number));
    let out = out.into_iter().map(|(generation, (_, entry))| HandOut {
        entry,
        generation,
        is_removed: removals
            .get(&(&*entry.kind, &*entry.name))
            .is_some_and(|removed| *removed > generation),
    });
    out.collect()
}

/// Whether an export of this ledger took the place of another.
pub fn is_replacement(ledger: &[Entry], export: &Entry) -> bool {
    let out = Out::of(ledger);
    let copies = out.use_of(export).and_then(|its| out.exported.get(&its));
    copies.is_some_and(|copies| copies.is_replacement(export))
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

    fn parse(text: &[u8]) -> Result<Vec<Entry>, crate::plan::Error> {
        crate::plan::ledger::parse(text, "issued.jsonl".as_ref())
    }

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

    fn places(text: &str) -> Vec<String> {
        let ledger = parse(text.as_bytes()).unwrap();
        let out = hand_outs(&ledger).into_iter();
        let place = |out: HandOut<'_>| {
            let to = out.entry.to.as_deref().unwrap();
            format!("{} {to}", out.entry.serial)
        };
        out.map(place).collect()
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
    fn the_same_certificate_in_another_file_is_another_copy() {
        let to = |file: &str| CONTEXT.replace("/a", file);
        let told = |serial: &str, file: &str| line("handed-out", "alice", serial, &to(file));
        let text = told("01", "/lap1") + &told("01", "/lap2") + &told("01", "/lap2");
        assert_eq!(serials(&text), ["01", "01"].map(out));
        // One newer file serves one of them: the one it is named like, or else the oldest.
        let one = text.clone() + &told("02", "/lap2");
        assert_eq!(places(&one), ["02 /lap2 on m", "01 /lap1 on m"]);
        let one = text + &told("02", "/new");
        assert_eq!(places(&one), ["02 /new on m", "01 /lap2 on m"]);
        let both = one + &told("02", "/newer");
        assert_eq!(places(&both), ["02 /newer on m", "02 /new on m"]);
        // It is another laptop that wants one too.
        let three = both + &told("02", "/newest");
        assert_eq!(serials(&three), ["02", "02", "02"].map(out));
    }

    #[test]
    fn what_trusts_another_ca_takes_the_place_of_what_does_not() {
        let trusts = |file: &str, cas: &str| {
            let more = CONTEXT.replace("/a", file) + &format!(",\"trusts\":[{cas}]");
            line("handed-out", "alice", "01", &more)
        };
        let text = trusts("/lap1", "\"a\"") + &trusts("/lap2", "\"b\",\"a\"");
        assert_eq!(places(&text), ["01 /lap2 on m"]);
    }

    #[test]
    fn one_machine_alone_can_use_replies() {
        let reply = |to: &str| CONTEXT.replace("/a", to).replace("context", "reply");
        let text = line("handed-out", "alice", "01", &reply("who asked"))
            + &line("handed-out", "alice", "01", &reply("/a.reply.pem"))
            + &line("handed-out", "alice", "01", &reply("/b.reply.pem"));
        assert_eq!(places(&text), ["01 /b.reply.pem on m"]);
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
        let elsewhere = CONTEXT.replace("/a", "/b");
        for to in [CONTEXT, &elsewhere] {
            let ours = line("handed-out", "alice", "02", CONTEXT);
            let back = line("taken-back", "alice", "02", CONTEXT);
            assert_eq!(serials(&(ours.clone() + &back)), []);
            // An earlier one is out still.
            let earlier = line("handed-out", "alice", "01", to);
            let text = earlier.clone() + &ours;
            assert_eq!(serials(&(text + &back)), [out("01")]);
            // So is one that was told of after it.
            let text = ours.clone() + &earlier;
            assert_eq!(serials(&(text + &back)), [out("01")]);
        }
        // And one that was told of in the same words.
        let ours = line("handed-out", "alice", "02", CONTEXT);
        let back = line("taken-back", "alice", "02", CONTEXT);
        assert_eq!(serials(&(ours.clone() + &ours + &back)), [out("02")]);
    }

    #[test]
    fn whether_something_was_replaced_is_known() {
        let replaces = |text: &str| {
            let ledger = parse(text.as_bytes()).unwrap();
            is_replacement(&ledger, &ledger[ledger.len() - 1])
        };
        let ours = line("handed-out", "alice", "02", CONTEXT);
        let of_bob = line("handed-out", "bob", "01", CONTEXT);
        assert!(!replaces(&ours));
        assert!(!replaces(&(of_bob + &ours)));
        assert!(replaces(
            &(line("handed-out", "alice", "01", CONTEXT) + &ours)
        ));
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

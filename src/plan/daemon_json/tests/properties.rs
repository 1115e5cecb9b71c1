//! What holds for every daemon.json, judged by serde_json.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Value as Json, json};

use super::super::unpatch::is_local;
use super::*;

/// An object as serde_json reads it, in the order of its keys.
#[derive(Debug, Clone, PartialEq)]
struct Ordered(Vec<(String, Json)>);

impl Ordered {
    /// A file without an object has no keys.
    fn read(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        let text = text.strip_prefix(BOM).unwrap_or(text);
        match text.trim() {
            "" | "null" => Self(Vec::new()),
            object => serde_json::from_str(object).unwrap(),
        }
    }

    fn set(&mut self, key: &str, value: Json) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// Without our keys.
    fn foreign(mut self) -> Self {
        self.0
            .retain(|(name, _)| Directive::ALL.iter().all(|key| key.as_str() != name));
        self
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A value before it is written; scalars are in their final spelling.
#[derive(Debug, Clone)]
enum Tree {
    Scalar(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// A way to write JSON.
#[derive(Debug, Clone)]
struct Hand {
    bom: &'static str,
    newline: &'static str,
    /// `None` for all on one line.
    indent: Option<&'static str>,
    /// Around the colon.
    colon: &'static str,
    /// After a comma on one line.
    comma: &'static str,
    /// After the object.
    end: &'static str,
}

impl Hand {
    fn write(&self, tree: &Tree) -> String {
        let mut out = self.bom.to_owned();
        self.value(&mut out, tree, 0);
        out + self.end
    }

    fn value(&self, out: &mut String, tree: &Tree, depth: usize) {
        let (brackets, items): (_, Vec<(Option<&String>, &Tree)>) = match tree {
            Tree::Scalar(spelling) => return out.push_str(spelling),
            Tree::List(list) => ("[]", list.iter().map(|item| (None, item)).collect()),
            Tree::Object(object) => {
                let items = object.iter().map(|(key, value)| (Some(key), value));
                ("{}", items.collect())
            }
        };
        let (open, close) = brackets.split_at(1);
        out.push_str(open);
        for (index, (key, value)) in items.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            match self.indent {
                Some(indent) => {
                    out.push_str(self.newline);
                    out.push_str(&indent.repeat(depth + 1));
                }
                None if index > 0 => out.push_str(self.comma),
                None => {}
            }
            if let Some(key) = key {
                out.push_str(key);
                out.push_str(self.colon);
            }
            self.value(out, value, depth + 1);
        }
        if let (Some(indent), false) = (self.indent, items.is_empty()) {
            out.push_str(self.newline);
            out.push_str(&indent.repeat(depth));
        }
        out.push_str(close);
    }
}

fn hand() -> impl Strategy<Value = Hand> {
    (
        select(vec!["", "", "\u{feff}"]),
        select(vec!["\n", "\r\n", "\n\n"]),
        select(vec![None, Some(""), Some("  "), Some("    "), Some("\t")]),
        select(vec![":", ": ", " : ", ":\t"]),
        select(vec!["", " ", "  "]),
        select(vec!["", "\n", "\r\n", "\n\n  "]),
    )
        .prop_map(|(bom, newline, indent, colon, comma, end)| Hand {
            bom,
            newline,
            indent,
            colon,
            comma,
            end,
        })
}

fn tree() -> impl Strategy<Value = Tree> {
    let numbers = ["0", "-0", "1.50", "1E+2", "18446744073709551616", "-7"];
    let strings = [
        r#""""#,
        r#""a\/\"\\b""#,
        r#""\u00fc ü 😀 \ud83d\ude00""#,
        r#""{,}""#,
    ];
    let words = ["true", "false", "null"];
    let scalars = [&numbers[..], &strings[..], &words[..]].concat();
    let scalar = select(scalars).prop_map(|s| Tree::Scalar(s.to_owned()));
    scalar.prop_recursive(3, 12, 4, |inner| {
        let object = prop::collection::btree_map("[a-c]", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Tree::List),
            object.prop_map(|object| {
                let quoted = |(key, value)| (format!("\"{key}\""), value);
                Tree::Object(object.into_iter().map(quoted).collect())
            }),
        ]
    })
}

fn quoted(text: &str) -> Tree {
    Tree::Scalar(Json::from(text).to_string())
}

fn hosts() -> impl Strategy<Value = Vec<String>> {
    let some = select(vec![
        "fd://",
        "unix:///s",
        "tcp://0.0.0.0:2376",
        "tcp://:2375",
    ]);
    prop::collection::btree_set(some, 0..4)
        .prop_map(|hosts| hosts.into_iter().map(str::to_owned).collect::<Vec<_>>())
        .prop_shuffle()
}

/// One of our keys with a value that it may have; few values, so that they are often the same.
fn own_entry(key: Directive) -> BoxedStrategy<(String, Tree)> {
    let value = match key {
        Directive::Hosts => hosts()
            .prop_map(|hosts| Tree::List(hosts.iter().map(|host| quoted(host)).collect()))
            .boxed(),
        Directive::Tls | Directive::LiveRestore => select(vec!["true", "true", "false", "null"])
            .prop_map(|word| Tree::Scalar(word.to_owned()))
            .boxed(),
        Directive::TlsVerify => select(vec!["true", "true", "false"])
            .prop_map(|word| Tree::Scalar(word.to_owned()))
            .boxed(),
        Directive::TlsCaCertificate | Directive::TlsCertificate | Directive::TlsKey => {
            select(vec!["/a", "/a", "/b", ""]).prop_map(quoted).boxed()
        }
    };
    value
        .prop_map(move |value| (format!("\"{}\"", key.as_str()), value))
        .boxed()
}

/// The text of a daemon.json.
fn file() -> impl Strategy<Value = String> {
    let foreign = prop::collection::btree_map("[d-h]{1,2}", tree(), 0..4).prop_map(|entries| {
        let quoted = |(key, value)| (format!("\"{key}\""), value);
        entries.into_iter().map(quoted).collect::<Vec<_>>()
    });
    let own = prop::sample::subsequence(Directive::ALL.to_vec(), 0..=7)
        .prop_flat_map(|keys| keys.into_iter().map(own_entry).collect::<Vec<_>>());
    let object = (foreign, prop_oneof![Just(Vec::new()), own], hand())
        .prop_flat_map(|(foreign, own, hand)| {
            (Just([foreign, own].concat()).prop_shuffle(), Just(hand))
        })
        .prop_map(|(entries, hand)| hand.write(&Tree::Object(entries)));
    let nothing = select(vec!["", "\n", " \r\n", "null", "\u{feff}null\n", "{ \n }"]);
    prop_oneof![9 => object, 1 => nothing.prop_map(str::to_owned)]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let path = || select(vec!["/a", "/c\\\"ü"]).prop_map(str::to_owned);
    let tls = (path(), path(), path()).prop_map(|(ca_certificate, certificate, key)| TlsPaths {
        ca_certificate,
        certificate,
        key,
    });
    (
        prop::option::of(hosts()),
        prop::option::of(tls),
        prop::option::of(any::<bool>()),
    )
        .prop_map(|(hosts, tls, live_restore)| Wanted {
            hosts,
            tls,
            live_restore,
        })
}

/// What the keys of a `Wanted` look like to serde_json.
fn expected(before: &str, wanted: &Wanted) -> Ordered {
    let mut object = Ordered::read(before.as_bytes());
    if let Some(hosts) = &wanted.hosts {
        object.set("hosts", json!(hosts));
    }
    if let Some(tls) = &wanted.tls {
        object.set("tls", json!(true));
        object.set("tlsverify", json!(true));
        object.set("tlscacert", json!(tls.ca_certificate));
        object.set("tlscert", json!(tls.certificate));
        object.set("tlskey", json!(tls.key));
    }
    if let Some(on) = wanted.live_restore {
        object.set("live-restore", json!(on));
    }
    object
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn exactly_our_keys_are_changed_and_order_stays(before in file(), wanted in wanted()) {
        let after = parsed(&before).patch(&wanted);
        prop_assert_eq!(Ordered::read(&after), expected(&before, &wanted));
        let text = String::from_utf8(after).unwrap();
        if wanted.hosts.is_some() {
            let line = text.lines().find(|line| line.contains("\"hosts\"")).unwrap();
            let start = line.find("\"hosts\"").unwrap();
            prop_assert!(line[start..].contains(']'), "{}", text);
        }
    }

    #[test]
    fn a_second_patch_changes_nothing(before in file(), wanted in wanted()) {
        let once = parsed(&before).patch(&wanted);
        prop_assert_eq!(&parsed(&once).patch(&wanted), &once);
        if Ordered::read(before.as_bytes()) == expected(&before, &wanted) && !before.contains('[') {
            prop_assert_eq!(once, before.into_bytes());
        }
    }

    #[test]
    fn patch_then_unpatch_gives_the_first_octets_back(before in file(), wanted in wanted()) {
        let first = parsed(&before);
        let after = parsed(first.patch(&wanted));
        prop_assert_eq!(after.unpatch(&wanted, &first), before.into_bytes());
    }

    #[test]
    fn a_value_that_a_user_has_changed_is_all_that_stays(
        before in file(), wanted in wanted(), which in any::<Index>(),
    ) {
        let first = parsed(&before);
        let now = String::from_utf8(first.patch(&wanted)).unwrap();
        let foreign = |file: &DaemonJson| -> Vec<Entry> {
            let ours = |e: &&Entry| Directive::ALL.iter().all(|key| key.as_str() != e.name);
            file.root.entries().iter().filter(ours).cloned().collect()
        };
        let edited = |text: &str, entry: &Entry| {
            let mut text = text.to_owned();
            text.replace_range(entry.value.clone(), "[\"edited\"]");
            text
        };
        let keys = foreign(&first);
        if keys.is_empty() {
            return Ok(());
        }
        let index = which.index(keys.len());
        let now = edited(&now, &foreign(&parsed(&now))[index]);
        let wanted_outcome = edited(&before, &keys[index]);
        let outcome = parsed(&now).unpatch(&wanted, &first);
        prop_assert_eq!(String::from_utf8(outcome).unwrap(), wanted_outcome);
    }

    #[test]
    fn a_key_that_a_user_has_added_is_all_that_stays(
        before in file(), wanted in wanted(), first_or_last in any::<bool>(),
    ) {
        let first = parsed(&before);
        let mut now = String::from_utf8(first.patch(&wanted)).unwrap();
        if Ordered::read(now.as_bytes()).0.is_empty() {
            return Ok(());
        }
        let mut outcome = Ordered::read(before.as_bytes());
        let added = ("added".to_owned(), json!({"by": ["the user"]}));
        if first_or_last {
            now.insert_str(now.find('{').unwrap() + 1, r#""added":{"by":["the user"]}, "#);
            outcome.0.insert(0, added);
        } else {
            now.insert_str(now.rfind('}').unwrap(), r#", "added":{"by":["the user"]} "#);
            outcome.0.push(added);
        }
        let found = parsed(&now).unpatch(&wanted, &first);
        prop_assert_eq!(Ordered::read(&found), outcome, "{}", String::from_utf8_lossy(&found));
    }

    #[test]
    fn an_undo_touches_no_foreign_key_and_opens_nothing(
        before in file(), installed in wanted(), now in file(), patched in any::<bool>(),
    ) {
        let before = parsed(&before);
        // Some files are far from what was installed, others have parts of it.
        let now = match patched {
            true => parsed(parsed(&now).patch(&installed)),
            false => parsed(&now),
        };
        let bytes = now.unpatch(&installed, &before);
        let after = parsed(&bytes);
        prop_assert_eq!(
            Ordered::read(&bytes).foreign(),
            Ordered::read(now.text.as_bytes()).foreign()
        );
        prop_assert!(after.tls() == now.tls() || after.tls() == before.tls());
        let known = before.hosts().unwrap_or_default();
        let new_address = |host: &String| !is_local(host) && !known.contains(host);
        if after.hosts().unwrap_or_default().iter().any(new_address) {
            prop_assert!(after.tls().verifies_clients() || !now.tls().verifies_clients());
        }
        // Without hosts, TLS keys that were not there before would move dockerd off its socket.
        if after.hosts().is_none() && after.tls().is_on() && !before.tls().is_on() {
            let had_local = now.hosts().unwrap_or_default().iter().any(|host| is_local(host));
            prop_assert!(!had_local || installed.hosts.is_none());
        }
    }

    #[test]
    fn no_octets_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = DaemonJson::parse(&bytes);
    }

    #[test]
    fn what_is_accepted_is_what_serde_json_accepts(
        file in file(), at in any::<Index>(), with in "[\\[\\]{}:,\"\\\\ \n\t\x0b/a0.+\\-]{0,2}", length in 0_usize..3,
    ) {
        let mut text = file;
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let from = at.index(starts.len());
        let to = (from + length).min(starts.len() - 1);
        text.replace_range(starts[from]..starts[to], &with);
        let ours = DaemonJson::parse(text.as_bytes());
        let json = text.strip_prefix(BOM).unwrap_or(&text);
        let theirs = serde_json::from_str::<Json>(json);
        match (&ours, &theirs) {
            (Ok(file), Ok(_)) => {
                let wanted = Wanted { live_restore: Some(true), ..Wanted::default() };
                let undone = parsed(file.patch(&wanted)).unpatch(&wanted, file);
                prop_assert_eq!(undone, text.into_bytes());
            }
            (Ok(_), Err(error)) => {
                let error = error.to_string();
                let stricter = error.contains("surrogate") || error.contains("hex escape") || error.contains("out of range");
                prop_assert!(json.trim().is_empty() || stricter, "{:?}: {}", text, error);
            }
            (Err(Fault::DuplicateKey { .. } | Fault::WrongType { .. } | Fault::NotAnObject { .. }), Ok(_)) => {}
            (Err(fault), Ok(_)) => prop_assert!(false, "{:?}: {}", text, fault),
            (Err(_), Err(_)) => {}
        }
    }
}

//! Changes to the text of a daemon.json, in the style that it has already.

use std::ops::Range;

use super::BLANKS;
use super::directive::{Directive, Value};
use super::syntax::{Entry, Root};

/// Replacements of parts of a text.  They must not overlap.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Puts something in the place of what is there.
    pub(super) fn replace(&mut self, place: Range<usize>, with: impl Into<String>) {
        self.0.push((place, with.into()));
    }

    /// Takes out some entries, each with one comma and the blanks before it.  What is left
    /// between the braces if none remains is up to the caller.
    pub(super) fn remove(
        &mut self,
        inner: &Range<usize>,
        entries: &[Entry],
        goes: impl Fn(&Entry) -> bool,
        empty: &str,
    ) {
        let Some(first_kept) = entries.iter().position(|entry| !goes(entry)) else {
            return self.replace(inner.clone(), empty);
        };
        for (index, pair) in entries.windows(2).enumerate() {
            let [before, after] = pair else { continue };
            if index < first_kept {
                self.replace(before.key.start..after.key.start, "");
            } else if goes(after) {
                self.replace(before.value.end..after.value.end, "");
            }
        }
    }

    /// The text with all of it done.
    pub(super) fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(place, _)| place.start);
        let mut out = String::with_capacity(text.len() + 512);
        let mut at = 0;
        for (place, with) in self.0 {
            out.push_str(&text[at..place.start]);
            out.push_str(&with);
            at = place.end;
        }
        out.push_str(&text[at..]);
        out
    }
}

/// How a file is written.
#[derive(Debug)]
pub(super) struct Style<'a> {
    /// Between a comma and the next key.
    between: &'a str,
    /// Between a key and its colon.
    before_colon: &'static str,
    /// Between a colon and its value, and between the elements of a list on one line.
    after_colon: &'static str,
}

impl<'a> Style<'a> {
    /// The style of the last key, beside which new ones are written.  Without any key, two
    /// spaces and the file's line ending.
    pub(super) fn of(text: &'a str, root: &Root) -> Self {
        let entries = root.entries();
        let Some(last) = entries.last() else {
            let crlf = text.contains("\r\n");
            return Self {
                between: if crlf { "\r\n  " } else { "\n  " },
                before_colon: "",
                after_colon: " ",
            };
        };
        let colon = &text[last.key.end..last.value.start];
        let (before_colon, after_colon) = colon.split_once(':').unwrap_or(("", " "));
        let after_colon = space_if_any(after_colon);
        let before_key = &text[..last.key.start];
        let blanks = &before_key[before_key.trim_end_matches(BLANKS).len()..];
        let between = match (line_break(blanks), entries.len()) {
            // Not what comes before that: it may be an empty line between groups.
            (Some(start), _) => &blanks[start..],
            // What lies before a first key says nothing about commas.
            (None, 1) => after_colon,
            (None, _) => blanks,
        };
        Self {
            between,
            before_colon: space_if_any(before_colon),
            after_colon,
        }
    }

    /// A key with its value.
    fn entry(&self, key: Directive, value: &Value) -> String {
        format!(
            "\"{}\"{}:{}{}",
            key.as_str(),
            self.before_colon,
            self.after_colon,
            self.value(value)
        )
    }

    /// A value, on one line.
    pub(super) fn value(&self, value: &Value) -> String {
        let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
        match value {
            Value::Switch(on) => on.to_string(),
            Value::Path(path) => quoted(path),
            Value::List(list) => {
                let list: Vec<String> = list.iter().map(quoted).collect();
                format!("[{}]", list.join(&format!(",{}", self.after_colon)))
            }
        }
    }

    /// Writes new keys at the end of the object.
    pub(super) fn append(&self, edits: &mut Edits, root: &Root, new: &[(Directive, Value)]) {
        if new.is_empty() {
            return;
        }
        let new: Vec<String> = new
            .iter()
            .map(|(key, value)| self.entry(*key, value))
            .collect();
        let joined = new.join(&format!(",{}", self.between));
        let between = self.between;
        // Without a key to go by, the style is one key a line.
        let newline = between.trim_end_matches(' ');
        match root {
            Root::Blank { place } => edits.replace(
                place.clone(),
                format!("{{{between}{joined}{newline}}}{newline}"),
            ),
            Root::Null { place } => {
                edits.replace(place.clone(), format!("{{{between}{joined}{newline}}}"))
            }
            Root::Object { inner, entries } => match entries.last() {
                Some(last) => {
                    let end = last.value.end;
                    edits.replace(end..end, format!(",{between}{joined}"));
                }
                None => edits.replace(inner.clone(), format!("{between}{joined}{newline}")),
            },
        }
    }
}

/// JSON's blanks, of which those around a colon are worth one space.
fn space_if_any(blanks: &str) -> &'static str {
    if blanks.is_empty() { "" } else { " " }
}

/// Where the last line break begins.  A carriage return alone is one, too.
fn line_break(blanks: &str) -> Option<usize> {
    let last = blanks.rfind(['\r', '\n'])?;
    let pair = blanks[..=last].ends_with("\r\n");
    Some(if pair { last - 1 } else { last })
}

//! Reads a daemon.json as JSON: where its keys and values lie, and every reason to refuse it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::fault::{Fault, Position, shown};
use super::lexer::{Kind, Lexer, Token, after_bom, decode};

/// Where Go's encoding/json stops too, so that nothing is refused here that dockerd reads.
const MAX_DEPTH: usize = 10_000;

/// What a file holds.  There is nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// Blanks alone, or nothing at all, which dockerd takes for an empty object.
    Blank {
        /// All but a byte order mark.
        place: Range<usize>,
    },
    /// `null`, which dockerd takes for an empty object, too.
    Null {
        /// Where it lies.
        place: Range<usize>,
    },
    /// An object.
    Object {
        /// What lies between the braces.
        inner: Range<usize>,
        /// Its keys with their values, in their order.
        entries: Vec<Entry>,
    },
}

impl Root {
    /// The keys of the object, if there is one.
    pub(super) fn entries(&self) -> &[Entry] {
        match self {
            Self::Blank { .. } | Self::Null { .. } => &[],
            Self::Object { entries, .. } => entries,
        }
    }
}

/// A key of the object with its value.  Places are in octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The key, without escapes.
    pub(super) name: String,
    /// Where the key lies, with its quotes.
    pub(super) key: Range<usize>,
    /// Where the value lies.
    pub(super) value: Range<usize>,
    /// What the value begins with.
    pub(super) kind: Kind,
}

/// A list or an object that is not at its end yet.
enum Open<'a> {
    List,
    /// With the places of the keys seen.
    Object(HashMap<Cow<'a, str>, usize>),
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A value, or the end of a list that has none.
    FirstValue,
    /// A value.
    Value,
    /// A key, or the end of an object that has none.
    FirstKey,
    /// A key.
    Key,
    /// The colon after a key.
    Colon,
    /// A comma or the end.
    Comma,
}

impl Next {
    fn words(self, open: &Open<'_>) -> &'static str {
        match (self, open) {
            (Self::FirstValue, _) => "a value or `]`",
            (Self::Value, _) => "a value",
            (Self::FirstKey, _) => "a key in double quotes or `}`",
            (Self::Key, _) => "a key in double quotes",
            (Self::Colon, _) => "a colon after the key",
            (Self::Comma, Open::List) => "a comma or `]`",
            (Self::Comma, Open::Object(_)) => "a comma or `}`",
        }
    }
}

/// Reads a whole file.  It never recurses: depth costs memory, not stack.
pub(super) fn read(text: &str) -> Result<Root, Fault> {
    let begin = after_bom(text);
    let mut lexer = Lexer::new(text, begin);
    let Some(first) = lexer.next("an object")? else {
        return Ok(Root::Blank {
            place: begin..text.len(),
        });
    };
    let root = match first.kind {
        Kind::ObjectStart => object(text, &mut lexer, first)?,
        Kind::Null => Root::Null {
            place: first.start..first.end,
        },
        kind => {
            return Err(Fault::NotAnObject {
                at: Position::of(text, first.start),
                found: kind.words(),
            });
        }
    };
    match lexer.rest()? {
        (_, "") => Ok(root),
        (start, rest) => Err(Fault::TextAfterObject {
            at: Position::of(text, start),
            found: format!("`{}`", shown(rest.lines().next().unwrap_or(rest))),
        }),
    }
}

/// Reads the object whose brace is the first token, to its end.
fn object<'a>(text: &'a str, lexer: &mut Lexer<'a>, first: Token) -> Result<Root, Fault> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut open = vec![Open::Object(HashMap::new())];
    let mut next = Next::FirstKey;
    let mut key = first;
    let mut last = first;
    loop {
        if open.len() > MAX_DEPTH {
            return Err(Fault::TooDeep {
                at: Position::of(text, last.start),
                limit: MAX_DEPTH,
            });
        }
        let Some(innermost) = open.last_mut() else {
            break;
        };
        let wanted = next.words(innermost);
        let Some(token) = lexer.next(wanted)? else {
            return Err(Fault::Syntax {
                at: Position::of(text, text.len()),
                found: "the end of the file".to_owned(),
                wanted,
            });
        };
        let spelling = &text[token.start..token.end];
        next = match (next, token.kind, innermost) {
            (Next::FirstKey | Next::Key, Kind::String, Open::Object(seen)) => {
                let name = decode(spelling);
                if let Some(first) = seen.get(&name) {
                    return Err(Fault::DuplicateKey {
                        at: Position::of(text, token.start),
                        key: name.into_owned(),
                        first: Position::of(text, *first),
                    });
                }
                seen.insert(name, token.start);
                key = token;
                Next::Colon
            }
            (Next::Colon, Kind::Colon, _) => Next::Value,
            (Next::Comma, Kind::Comma, Open::Object(_)) => Next::Key,
            (Next::Comma, Kind::Comma, Open::List) => Next::Value,
            (Next::FirstKey | Next::Comma, Kind::ObjectEnd, Open::Object(_))
            | (Next::FirstValue | Next::Comma, Kind::ListEnd, Open::List) => {
                open.pop();
                if let (1, Some(entry)) = (open.len(), entries.last_mut()) {
                    entry.value.end = token.end;
                }
                Next::Comma
            }
            // In a list, a value is wanted after a comma only.
            (Next::Key, Kind::ObjectEnd, _) | (Next::Value, Kind::ListEnd, Open::List) => {
                return Err(Fault::TrailingComma {
                    at: Position::of(text, last.start),
                });
            }
            (Next::FirstValue | Next::Value, kind, _) if kind.begins_value() => {
                if open.len() == 1 {
                    entries.push(Entry {
                        name: decode(&text[key.start..key.end]).into_owned(),
                        key: key.start..key.end,
                        value: token.start..token.end,
                        kind,
                    });
                }
                match kind {
                    Kind::ObjectStart => {
                        open.push(Open::Object(HashMap::new()));
                        Next::FirstKey
                    }
                    Kind::ListStart => {
                        open.push(Open::List);
                        Next::FirstValue
                    }
                    _ => Next::Comma,
                }
            }
            _ => {
                return Err(Fault::Syntax {
                    at: Position::of(text, token.start),
                    found: format!("`{}`", shown(spelling)),
                    wanted,
                });
            }
        };
        last = token;
    }
    Ok(Root::Object {
        inner: first.end..last.start,
        entries,
    })
}

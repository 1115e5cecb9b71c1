//! Why a daemon.json cannot be edited, and where in it.

use std::fmt;

use crate::pki::printable;

/// A place in a daemon.json, as an editor shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// From 1; lines end with a line feed.
    pub line: usize,
    /// From 1, in characters; a byte order mark is none.
    pub column: usize,
}

impl Position {
    /// The place of an offset in octets that is the boundary of a character.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = &text[..offset];
        let line = before.rsplit('\n').next().unwrap_or(before);
        Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().filter(|c| *c != super::BOM).count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A daemon.json that cannot be edited, because dockerd would refuse it or, worse, would read
/// something else than a person does.
///
/// The text begins with the place; who knows the path puts it before that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Fault {
    /// The bytes are UTF-16, which only some versions of dockerd read.
    Utf16 { at: Position },
    /// The bytes are not UTF-8.
    NotUtf8 { at: Position, octet: u8 },
    /// There is a comment.
    Comment { at: Position, opener: &'static str },
    /// A comma has nothing after it.
    TrailingComma { at: Position },
    /// An object has the same key twice.  dockerd would take the last one and say nothing.
    DuplicateKey {
        at: Position,
        key: String,
        first: Position,
    },
    /// Anything else that JSON does not have.
    Syntax {
        at: Position,
        found: String,
        wanted: &'static str,
    },
    /// The file is another value than an object.
    NotAnObject { at: Position, found: &'static str },
    /// Something follows the object.  dockerd before 23.0 ignores it, later ones refuse it.
    TextAfterObject { at: Position, found: String },
    /// Lists and objects are nested deeper than dockerd reads.
    TooDeep { at: Position, limit: usize },
    /// One of the keys that we read has a value of another type.
    WrongType {
        at: Position,
        key: &'static str,
        found: &'static str,
        wanted: &'static str,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf16 { at } => write!(f, "{at}: found UTF-16, wanted UTF-8"),
            Self::NotUtf8 { at, octet } => {
                write!(f, "{at}: found the octet 0x{octet:02x}, wanted UTF-8")
            }
            Self::Comment { at, opener } => write!(
                f,
                "{at}: found a comment (`{opener}`), wanted JSON, which has none"
            ),
            Self::TrailingComma { at } => write!(
                f,
                "{at}: found a comma with nothing after it, wanted one between values only"
            ),
            Self::DuplicateKey { at, key, first } => write!(
                f,
                "{at}: found the key `{}` again, wanted it once: it is at {first} already",
                shown(key)
            ),
            Self::Syntax { at, found, wanted } => {
                write!(f, "{at}: found {found}, wanted {wanted}")
            }
            Self::NotAnObject { at, found } => {
                write!(f, "{at}: found {found}, wanted an object")
            }
            Self::TextAfterObject { at, found } => {
                write!(
                    f,
                    "{at}: found {found} after the object, wanted the end of the file"
                )
            }
            Self::TooDeep { at, limit } => write!(
                f,
                "{at}: found lists or objects nested deeper than {limit}, wanted no more than that"
            ),
            Self::WrongType {
                at,
                key,
                found,
                wanted,
            } => write!(f, "{at}: found {found} in `{key}`, wanted {wanted}"),
        }
    }
}

impl std::error::Error for Fault {}

/// Text of the file for a message: without what steers a terminal, and no longer than a line.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", printable(&text[..end])),
        None => printable(text),
    }
}

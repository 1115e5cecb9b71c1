//! Cuts a daemon.json into JSON's tokens, as strictly as dockerd does (RFC 8259).
//!
//! Our own, because the ready-made ones disagree with dockerd on what JSON is: jsonc-parser, told
//! to be strict, takes raw control characters in strings and form feeds between tokens, and refuses
//! half a surrogate pair and more than 512 levels, which dockerd reads; serde_json tells neither
//! comments from other faults nor where a value begins.

use std::borrow::Cow;

use super::fault::{Fault, Position, shown};
use super::{BLANKS, BOM};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    ObjectStart,
    ObjectEnd,
    ListStart,
    ListEnd,
    Colon,
    Comma,
    String,
    Number,
    True,
    False,
    Null,
}

impl Kind {
    /// Whether a value begins with it.
    pub(super) fn begins_value(self) -> bool {
        match self {
            Self::ObjectEnd | Self::ListEnd | Self::Colon | Self::Comma => false,
            Self::ObjectStart
            | Self::ListStart
            | Self::String
            | Self::Number
            | Self::True
            | Self::False
            | Self::Null => true,
        }
    }

    /// The token, or the type of the value that begins with it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::ObjectStart => "an object",
            Self::ObjectEnd => "`}`",
            Self::ListStart => "a list",
            Self::ListEnd => "`]`",
            Self::Colon => "a colon",
            Self::Comma => "a comma",
            Self::String => "a string",
            Self::Number => "a number",
            Self::True => "true",
            Self::False => "false",
            Self::Null => "null",
        }
    }
}

/// A token and where it lies, in octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Gives the tokens of a text one by one.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// The octet after the last token.
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Begins at an offset.
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The next token, or `None` at the end.  `wanted` is for the message if it is none at all.
    pub(super) fn next(&mut self, wanted: &'static str) -> Result<Option<Token>, Fault> {
        let start = self.skip_blanks()?;
        let rest = &self.text[start..];
        let Some(first) = rest.bytes().next() else {
            return Ok(None);
        };
        let (kind, length) = match first {
            b'{' => (Kind::ObjectStart, 1),
            b'}' => (Kind::ObjectEnd, 1),
            b'[' => (Kind::ListStart, 1),
            b']' => (Kind::ListEnd, 1),
            b':' => (Kind::Colon, 1),
            b',' => (Kind::Comma, 1),
            b'"' => (Kind::String, self.string_length(start)?),
            b'-' | b'0'..=b'9' => match run(rest) {
                number if is_number(number) => (Kind::Number, number.len()),
                other => return Err(self.syntax(start, other, "a number as JSON writes them")),
            },
            _ => match run(rest) {
                "true" => (Kind::True, 4),
                "false" => (Kind::False, 5),
                "null" => (Kind::Null, 4),
                other => return Err(self.syntax(start, other, wanted)),
            },
        };
        self.at = start + length;
        Ok(Some(Token {
            kind,
            start,
            end: self.at,
        }))
    }

    /// Whatever comes after the last token, be it a token or not.
    pub(super) fn rest(&mut self) -> Result<(usize, &'a str), Fault> {
        let start = self.skip_blanks()?;
        Ok((start, &self.text[start..]))
    }

    /// The place after JSON's blanks (section 2).  A comment there is a fault of its own.
    fn skip_blanks(&self) -> Result<usize, Fault> {
        let rest = self.text[self.at..].trim_start_matches(BLANKS);
        let start = self.text.len() - rest.len();
        let comment = ["//", "/*", "#"]
            .into_iter()
            .find(|opener| rest.starts_with(opener));
        match comment {
            Some(opener) => Err(Fault::Comment {
                at: Position::of(self.text, start),
                opener,
            }),
            None => Ok(start),
        }
    }

    /// The length of the string that begins at an offset, with its quotes (section 7).
    fn string_length(&self, start: usize) -> Result<usize, Fault> {
        const ESCAPES: &str = r#"one of \" \\ \/ \b \f \n \r \t, or \u and four hex digits"#;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        loop {
            match bytes.get(at) {
                Some(b'"') => return Ok(at + 1 - start),
                Some(b'\\') => {
                    let length = match bytes.get(at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') if hex(self.text, at + 2).is_some() => 6,
                        _ => {
                            let escape: String = self.text[at..].chars().take(2).collect();
                            return Err(self.syntax(at, &escape, ESCAPES));
                        }
                    };
                    at += length;
                }
                Some(control @ 0..=0x1f) => {
                    let found = match control {
                        b'\n' | b'\r' => "a line break in a string".to_owned(),
                        b'\t' => "a tab in a string".to_owned(),
                        other => format!("the character U+{other:04X} in a string"),
                    };
                    return Err(Fault::Syntax {
                        at: Position::of(self.text, at),
                        found,
                        wanted: "an escape for it, or the quote that ends the string",
                    });
                }
                Some(_) => at += 1,
                None => {
                    return Err(Fault::Syntax {
                        at: Position::of(self.text, start),
                        found: "a string without an end".to_owned(),
                        wanted: "the quote that ends it",
                    });
                }
            }
        }
    }

    fn syntax(&self, at: usize, found: &str, wanted: &'static str) -> Fault {
        Fault::Syntax {
            at: Position::of(self.text, at),
            found: format!("`{}`", shown(found)),
            wanted,
        }
    }
}

/// The offset at which JSON begins: after the byte order mark, if there is one.
pub(super) fn after_bom(text: &str) -> usize {
    text.len() - text.strip_prefix(BOM).unwrap_or(text).len()
}

/// What a person would see as one word or number; one character if it is neither.
fn run(text: &str) -> &str {
    let part = |c: char| c.is_alphanumeric() || "+-._".contains(c);
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    let first = text.chars().next().map_or(0, char::len_utf8);
    &text[..end.max(first)]
}

/// Whether a text is one number (section 6).
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, Some(exponent)),
        None => (text, None),
    };
    let (integer, fraction) = match text.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (text, None),
    };
    let unsigned = |text: &str| digits(text.strip_prefix(['+', '-']).unwrap_or(text));
    digits(integer)
        && (integer == "0" || !integer.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(unsigned)
}

/// The four hex digits at an offset, as a number.
fn hex(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 4)?;
    let all = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| all)
}

/// What a string token says.  Half a surrogate pair becomes U+FFFD, as in Go.
pub(super) fn decode(token: &str) -> Cow<'_, str> {
    let inner = token.strip_prefix('"').unwrap_or(token);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut units: Vec<u16> = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        units.extend(rest[..at].encode_utf16());
        let (unit, length) = match rest.as_bytes().get(at + 1) {
            Some(b'u') => (hex(rest, at + 2).unwrap_or(0xfffd), 6),
            Some(b'b') => (0x08, 2),
            Some(b'f') => (0x0c, 2),
            Some(b'n') => (0x0a, 2),
            Some(b'r') => (0x0d, 2),
            Some(b't') => (0x09, 2),
            // A quote, a backslash or a slash; the lexer lets no other pass.
            other => (other.copied().unwrap_or(b'\\').into(), 2),
        };
        units.push(unit);
        rest = rest.get(at + length..).unwrap_or_default();
    }
    units.extend(rest.encode_utf16());
    Cow::Owned(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accepts(text: &str) -> bool {
        let mut lexer = Lexer::new(text, 0);
        matches!(lexer.next("a value"), Ok(Some(_))) && matches!(lexer.rest(), Ok((_, "")))
    }

    #[test]
    fn refuses_numbers_that_json_does_not_have() {
        for text in [
            "01",
            "-",
            "+1",
            "1.",
            ".5",
            "1e",
            "1e+",
            "0x10",
            "1_000",
            "-01",
            "1.e3",
            "--1",
            "1-",
            "Infinity",
            "NaN",
            "-Infinity",
            "1.2.3",
            "1e2e3",
            "१",
        ] {
            assert!(!accepts(text), "{text} was accepted");
        }
        for text in [
            "0",
            "-0",
            "10",
            "0.50",
            "1e9",
            "1E+400",
            "-1.5e-3",
            "123456789012345678901",
        ] {
            assert!(accepts(text), "{text} was refused");
        }
    }

    #[test]
    fn half_a_surrogate_pair_reads_as_go_reads_it() {
        assert_eq!(decode(r#""a\ud800b""#), "a\u{fffd}b");
        assert_eq!(decode(r#""\ud83d\ude00""#), "\u{1f600}");
        assert_eq!(decode(r#""\udc00\ud800""#), "\u{fffd}\u{fffd}");
        assert_eq!(decode(r#""\"\\\/\b\f\n\r\t""#), "\"\\/\u{8}\u{c}\n\r\t");
    }

    proptest! {
        #[test]
        fn a_string_is_read_as_serde_json_reads_it(text in r#""([a ü"\\/bfnrtux0-9\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}){0,12}""#) {
            match serde_json::from_str::<String>(&text) {
                Ok(read) => {
                    prop_assert!(accepts(&text));
                    prop_assert_eq!(decode(&text), read);
                }
                // serde_json refuses half a pair of surrogates, Go and we do not.
                Err(error) if error.to_string().contains("surrogate") => {}
                Err(error) if error.to_string().contains("hex escape") => {}
                Err(_) => prop_assert!(!accepts(&text)),
            }
        }

        #[test]
        fn a_number_is_one_where_it_is_one_for_serde_json(text in "[-+.eE0-9]{1,6}") {
            // Of which it does not look whether it is in range, which it says before it sees what
            // comes after.
            let accepted = serde_json::from_str::<serde::de::IgnoredAny>(&text);
            prop_assert_eq!(accepts(&text), accepted.is_ok(), "{}", text);
        }
    }
}

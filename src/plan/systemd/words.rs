//! Splits a line into words as systemd does, and quotes a word for it.
//! See "Quoting" in systemd.syntax(7).

use super::syntax::{WHITESPACE, ends_in_backslash};

/// How backslashes and quotes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// As in ExecStart: C's escapes; unknown ones stay as they are.
    Lenient,
    /// As in Environment: C's escapes; unknown ones are an error.
    Strict,
    /// As in the value of a variable that stands as a word of its own: a backslash takes the
    /// next character, and an open quote ends with the text.
    Shell,
}

/// A word in both its forms.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// To the letter.
    pub(super) raw: &'a str,
    /// Without its quotes and escapes.  Octets that are not UTF-8 become U+FFFD.
    pub(super) text: String,
}

impl Word<'_> {
    /// To the letter, but so that it can end a line: a backslash there would join it with the
    /// next one, and whitespace there would be cut off.
    pub(super) fn carried(&self) -> String {
        match self.raw.char_indices().next_back() {
            // Only a backslash can have kept whitespace out of quotes from ending the word.
            Some((at, space)) if WHITESPACE.contains(&space) => {
                let before = self.raw[..at].strip_suffix('\\').unwrap_or(&self.raw[..at]);
                format!("{before}\"\\\\{space}\"")
            }
            _ if ends_in_backslash(self.raw) => format!("{}\\", self.raw),
            _ => self.raw.to_owned(),
        }
    }
}

/// A quote is not closed, or an escape is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Takes the first word off a text: the word and what follows it; nothing if there is none.
pub(super) fn next_word(
    text: &str,
    escapes: Escapes,
) -> Result<Option<(Word<'_>, &str)>, Malformed> {
    let text = text.trim_start_matches(WHITESPACE);
    if text.is_empty() {
        return Ok(None);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\\' => at += unescape(&bytes[at..], quote, escapes, &mut out)?,
            _ if quote == Some(byte) => quote = None,
            b'"' | b'\'' if quote.is_none() => quote = Some(byte),
            b' ' | b'\t' | b'\n' | b'\r' if quote.is_none() => {
                at -= 1;
                break;
            }
            _ => out.push(byte),
        }
    }
    if quote.is_some() && escapes != Escapes::Shell {
        return Err(Malformed);
    }
    // The end is that of the text or before whitespace, so never within a character.
    let (raw, rest) = text.split_at(at);
    let text = String::from_utf8_lossy(&out).into_owned();
    Ok(Some((Word { raw, text }, rest)))
}

/// All words of a text.
pub(super) fn all_words(mut text: &str, escapes: Escapes) -> Result<Vec<Word<'_>>, Malformed> {
    let mut words = Vec::new();
    while let Some((word, rest)) = next_word(text, escapes)? {
        words.push(word);
        text = rest;
    }
    Ok(words)
}

/// Appends what a backslash and the text after it stand for; returns how much of it was read.
fn unescape(
    after: &[u8],
    quote: Option<u8>,
    escapes: Escapes,
    out: &mut Vec<u8>,
) -> Result<usize, Malformed> {
    let Some(&first) = after.first() else {
        return match escapes {
            Escapes::Shell => Ok(0),
            Escapes::Lenient if quote.is_none() => {
                out.push(b'\\');
                Ok(0)
            }
            Escapes::Lenient | Escapes::Strict => Err(Malformed),
        };
    };
    match (escapes, c_escape(after)) {
        (Escapes::Shell, _) => out.push(first),
        (_, Some((Escaped::Octet(octet), length))) => {
            out.push(octet);
            return Ok(length);
        }
        (_, Some((Escaped::Character(c), length))) => {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(length);
        }
        (Escapes::Lenient, None) => out.extend([b'\\', first]),
        (Escapes::Strict, None) => return Err(Malformed),
    }
    Ok(1)
}

enum Escaped {
    Octet(u8),
    Character(char),
}

/// What follows a backslash in C, and how long it is.  Nothing may stand for NUL.
fn c_escape(after: &[u8]) -> Option<(Escaped, usize)> {
    let number = |from: usize, length: usize, radix: u32| {
        let digits = after.get(from..from + length)?;
        // from_str_radix would take a sign.
        if !digits
            .iter()
            .all(|digit| char::from(*digit).is_digit(radix))
        {
            return None;
        }
        let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
        (number != 0).then_some(number)
    };
    let octet = |octet| Some((Escaped::Octet(octet), 1));
    match after.first()? {
        b'a' => octet(0x07),
        b'b' => octet(0x08),
        b'f' => octet(0x0c),
        b'n' => octet(b'\n'),
        b'r' => octet(b'\r'),
        b't' => octet(b'\t'),
        b'v' => octet(0x0b),
        b's' => octet(b' '),
        quoted @ (b'\\' | b'"' | b'\'') => octet(*quoted),
        b'x' => {
            let octet = u8::try_from(number(1, 2, 16)?).ok()?;
            Some((Escaped::Octet(octet), 3))
        }
        b'u' => Some((Escaped::Character(character(number(1, 4, 16)?)), 5)),
        b'U' => Some((Escaped::Character(char::from_u32(number(1, 8, 16)?)?), 9)),
        b'0'..=b'7' => {
            let octet = u8::try_from(number(0, 3, 8)?).ok()?;
            Some((Escaped::Octet(octet), 3))
        }
        _ => None,
    }
}

/// The character of a `\u`, where systemd takes also halves of surrogate pairs.
fn character(number: u32) -> char {
    char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Whether systemd replaces `$VAR` in a command line; the prefix `:` forbids it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Dollar {
    /// It does.
    Expands,
    /// It does not.
    Stays,
}

/// The text as one word of a command line, in quotes where it needs them.
pub(in crate::plan) fn quote(text: &str, dollar: Dollar) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        match c {
            '%' => quoted.push_str("%%"),
            '$' if dollar == Dollar::Expands => quoted.push_str("$$"),
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@+%$~[]".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => quoted,
        false => format!("\"{quoted}\""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::expand::Text;
    use super::*;

    fn texts(text: &str, escapes: Escapes) -> Result<Vec<String>, Malformed> {
        let words = all_words(text, escapes)?;
        Ok(words.into_iter().map(|word| word.text).collect())
    }

    /// As `systemd-analyze verify` of systemd 252 shows them.
    #[test]
    fn a_command_line_is_split_as_systemd_splits_it() {
        let line = r#"dock"er" "fd"':'"//" \x41\u00e9\d \  e"f g"h 'a "b' "" \x41\101\s\t\" trailing\\ end\"#;
        let wanted = [
            "docker",
            "fd://",
            "Aé\\d",
            "\\ ",
            "ef gh",
            "a \"b",
            "",
            "AA \t\"",
            "trailing\\",
            "end\\",
        ];
        assert_eq!(texts(line, Escapes::Lenient).unwrap(), wanted);
    }

    #[test]
    fn words_are_kept_to_the_letter() {
        let words = all_words("  a\\ b \t\"c  d\"'e'\\n  ${F}%%\u{e9} ", Escapes::Lenient).unwrap();
        let raw: Vec<_> = words.into_iter().map(|word| word.raw).collect();
        assert_eq!(raw, ["a\\ b", "\"c  d\"'e'\\n", "${F}%%\u{e9}"]);
    }

    #[test]
    fn a_word_that_could_not_end_a_line_is_carried_so_that_it_can() {
        let words = all_words("a\\\\ b\\\t c\\ d \\", Escapes::Lenient).unwrap();
        let carried: Vec<_> = words.iter().map(Word::carried).collect();
        assert_eq!(carried, ["a\\\\", "b\"\\\\\t\"", "c\\ d", "\\\\"]);
        for (word, carried) in words.iter().zip(&carried) {
            assert_eq!(
                texts(carried, Escapes::Lenient).unwrap(),
                [word.text.as_str()]
            );
        }
    }

    #[test]
    fn escapes_that_stand_for_nothing_stay_or_are_refused() {
        for line in [
            r"\x4",
            r"\x00",
            r"\400",
            r"\000",
            r"\08",
            r"\u+041",
            r"\U00110000",
            r"\q",
            r"\é",
        ] {
            assert_eq!(texts(line, Escapes::Lenient).unwrap(), [line], "{line}");
            assert_eq!(texts(line, Escapes::Strict), Err(Malformed), "{line}");
        }
    }

    #[test]
    fn an_open_quote_is_refused_but_in_a_variable() {
        for line in [r#"a "b c"#, "a 'b c", r#"a "b c\"#] {
            assert_eq!(texts(line, Escapes::Lenient), Err(Malformed), "{line}");
            assert_eq!(texts(line, Escapes::Strict), Err(Malformed), "{line}");
            assert_eq!(texts(line, Escapes::Shell).unwrap(), ["a", "b c"], "{line}");
        }
    }

    #[test]
    fn a_backslash_in_a_variable_takes_the_next_character() {
        assert_eq!(
            texts(r#"a\ b\n "c\"d" e\"#, Escapes::Shell).unwrap(),
            ["a bn", "c\"d", "e"]
        );
    }

    #[test]
    fn octets_that_are_not_utf_8_are_shown_as_such() {
        assert_eq!(texts(r"a\xffb", Escapes::Lenient).unwrap(), ["a\u{fffd}b"]);
        assert_eq!(
            texts(r"\xc3\xa9\ud800", Escapes::Lenient).unwrap(),
            ["é\u{fffd}"]
        );
    }

    #[test]
    fn plain_words_are_not_quoted() {
        let plain = "--tlscacert=/etc/docker/CA/ca.pem";
        assert_eq!(quote(plain, Dollar::Expands), plain);
        assert_eq!(quote("a=100%$b", Dollar::Expands), "a=100%%$$b");
        assert_eq!(quote("a=100%$b", Dollar::Stays), "a=100%%$b");
        assert_eq!(quote("", Dollar::Expands), "\"\"");
        assert_eq!(quote(";", Dollar::Expands), "\";\"");
        assert_eq!(quote("#a", Dollar::Expands), "\"#a\"");
        assert_eq!(
            quote("a\\b \"c'\n\u{1b}", Dollar::Expands),
            "\"a\\\\b \\\"c'\\n\\x1b\""
        );
    }

    proptest! {
        #[test]
        fn a_quoted_text_is_one_word_that_reads_as_it_was(text in "[^\0]*") {
            let quoted = quote(&text, Dollar::Stays);
            let words = texts(&quoted, Escapes::Strict).unwrap();
            prop_assert_eq!(words.len(), 1);
            prop_assert_eq!(Text::from(words[0].as_str()), Text { text, open: Vec::new() });
        }

        #[test]
        fn no_text_makes_it_panic_and_no_letter_is_lost(text in ".*", rich in r#"[ \\'"xuU0-7aé]*"#) {
            for text in [&text, &rich] {
                for escapes in [Escapes::Lenient, Escapes::Strict, Escapes::Shell] {
                    if let Ok(words) = all_words(text, escapes) {
                        let raw: Vec<_> = words.into_iter().map(|word| word.raw).collect();
                        let kept = |text: &str| text.replace(WHITESPACE, "");
                        prop_assert_eq!(kept(&raw.concat()), kept(text));
                    }
                }
            }
        }
    }
}

//! The lines of an environment file.  See "EnvironmentFile" in systemd.exec(5).

use super::syntax::WHITESPACE;

/// Where the reader of an environment file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeKey,
    Key,
    BeforeValue,
    Value,
    Escape,
    SingleQuote,
    DoubleQuote,
    DoubleQuoteEscape,
    Comment,
}

/// Reads an environment file, which looks like a shell's but is not: quotes count only at the
/// beginning of a value, and a later line overrides an earlier one.
pub(super) fn parse(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut state = State::BeforeKey;
    let (mut key, mut value) = (String::new(), String::new());
    // Whitespace at the end of a value does not count, but quoted or escaped whitespace does.
    let mut kept = 0;
    for c in text.chars() {
        let newline = matches!(c, '\n' | '\r');
        state = match state {
            State::BeforeKey if matches!(c, '#' | ';') => State::Comment,
            State::BeforeKey if WHITESPACE.contains(&c) => State::BeforeKey,
            State::BeforeKey => {
                key = String::from(c);
                State::Key
            }
            State::Comment if newline => State::BeforeKey,
            State::Comment => State::Comment,
            State::Key if newline => State::BeforeKey,
            State::Key if c == '=' => {
                (value, kept) = (String::new(), 0);
                State::BeforeValue
            }
            State::Key => {
                key.push(c);
                State::Key
            }
            State::BeforeValue | State::Value if newline => {
                value.truncate(kept);
                found.push((std::mem::take(&mut key), std::mem::take(&mut value)));
                State::BeforeKey
            }
            State::BeforeValue if c == '\'' => State::SingleQuote,
            State::BeforeValue if c == '"' => State::DoubleQuote,
            State::BeforeValue if WHITESPACE.contains(&c) => State::BeforeValue,
            State::BeforeValue | State::Value if c == '\\' => {
                kept = value.len();
                State::Escape
            }
            State::BeforeValue | State::Value => {
                value.push(c);
                if !WHITESPACE.contains(&c) {
                    kept = value.len();
                }
                State::Value
            }
            State::Escape => {
                // A backslash at the end of a line joins it with the next.
                if !newline {
                    value.push(c);
                }
                kept = value.len();
                State::Value
            }
            State::SingleQuote if c == '\'' => State::BeforeValue,
            State::DoubleQuote if c == '"' => State::BeforeValue,
            State::DoubleQuote if c == '\\' => State::DoubleQuoteEscape,
            State::SingleQuote | State::DoubleQuote => {
                value.push(c);
                kept = value.len();
                state
            }
            State::DoubleQuoteEscape => {
                if !matches!(c, '"' | '\\' | '`' | '$' | '\n') {
                    value.push('\\');
                }
                if c != '\n' {
                    value.push(c);
                }
                kept = value.len();
                State::DoubleQuote
            }
        };
    }
    if !matches!(state, State::BeforeKey | State::Key | State::Comment) {
        value.truncate(kept);
        found.push((key, value));
    }
    for (key, _) in &mut found {
        key.truncate(key.trim_end_matches(WHITESPACE).len());
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    /// As load_env_file of systemd 252 reads them.
    #[test]
    fn environment_files_are_read_as_systemd_reads_them() {
        let text = concat!(
            "# A=1\n ; B=2\n\nDOCKER_OPTS=\"--dns 8.8.8.8\" \n",
            "C = a 'b' \\\n  c\\  \t\nD='a\nb'\"c\\$\\x\\\nd\" e f \nexport E=1\nnothing\nF=\nG=\"open",
        );
        let wanted = [
            pair("DOCKER_OPTS", "--dns 8.8.8.8"),
            pair("C", "a 'b'   c "),
            pair("D", "a\nbc$\\xde f"),
            pair("export E", "1"),
            pair("F", ""),
            pair("G", "open"),
        ];
        assert_eq!(parse(text), wanted);
        assert_eq!(parse("A=b\r\nC=d"), [pair("A", "b"), pair("C", "d")]);
        assert_eq!(parse("A=b  \\"), [pair("A", "b  ")]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[A= \n\r\\"'#;é$x]*"#) {
            parse(&text);
        }
    }
}

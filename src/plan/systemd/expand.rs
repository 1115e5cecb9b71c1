//! Fills in specifiers (`%t`) and variables (`$VAR`, `${VAR}`) as systemd does.
//! See "Specifiers" in systemd.unit(5) and "Command lines" in systemd.service(5).

use std::collections::BTreeMap;

use super::words::{Escapes, all_words};

/// A text with its specifiers filled in, as far as that is possible without systemd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    /// The specifiers that stand in it unchanged, because only systemd knows what for.
    pub(super) open: Vec<String>,
}

impl From<&str> for Text {
    /// Fills in the specifiers that mean the same on every host.
    fn from(text: &str) -> Self {
        let mut filled = Self {
            text: String::with_capacity(text.len()),
            open: Vec::new(),
        };
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                filled.text.push(c);
                continue;
            }
            match chars.next() {
                Some('%') | None => filled.text.push('%'),
                Some('t') => filled.text.push_str("/run"),
                Some('S') => filled.text.push_str("/var/lib"),
                Some('C') => filled.text.push_str("/var/cache"),
                Some('L') => filled.text.push_str("/var/log"),
                Some('E') => filled.text.push_str("/etc"),
                Some(other) => {
                    let specifier = format!("%{other}");
                    filled.text.push_str(&specifier);
                    filled.open.push(specifier);
                }
            }
        }
        filled
    }
}

/// What the environment holds, as far as the unit sets it.
pub(super) type Variables = BTreeMap<String, Text>;

/// A word of a command line with its variables replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    /// What the word has become: `$VAR` as a word of its own may be none or many.
    pub(super) arguments: Vec<Text>,
    /// The variables it names, set or not.
    pub(super) names: Vec<String>,
}

/// Replaces the variables in a word.
pub(super) fn expand(word: &Text, variables: &Variables) -> Expanded {
    if let Some(name) = own_word(&word.text) {
        let value = variables.get(name);
        return Expanded {
            arguments: value.map(split).unwrap_or_default(),
            names: vec![name.to_owned()],
        };
    }
    let mut text = String::with_capacity(word.text.len());
    let mut open = word.open.clone();
    let mut names = Vec::new();
    let mut rest = word.text.as_str();
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        rest = after;
        if let Some(after) = after.strip_prefix('$') {
            text.push('$');
            rest = after;
        } else if let Some(braced) = after.strip_prefix('{') {
            match braced.find(['}', ':']) {
                Some(end) if braced[end..].starts_with('}') => {
                    let name = &braced[..end];
                    if let Some(value) = variables.get(name) {
                        text.push_str(&value.text);
                        open.extend_from_slice(&value.open);
                    }
                    names.push(name.to_owned());
                    rest = &braced[end + 1..];
                }
                // A colon makes it the shell's `${NAME:-default}`, which systemd does not have
                // and leaves as it is; so it does with a brace that nothing closes.
                end => {
                    let literal = end.unwrap_or(braced.len());
                    text.push_str("${");
                    text.push_str(&braced[..literal]);
                    rest = &braced[literal..];
                }
            }
        } else {
            text.push('$');
        }
    }
    text.push_str(rest);
    Expanded {
        arguments: vec![Text { text, open }],
        names,
    }
}

/// The name in a word that is `$NAME` and no more.
fn own_word(word: &str) -> Option<&str> {
    word.strip_prefix('$')
        .filter(|name| !name.starts_with(['{', '$']))
}

fn split(value: &Text) -> Vec<Text> {
    // Nothing is malformed by these rules.
    let words = all_words(&value.text, Escapes::Shell).unwrap_or_default();
    let words = words.into_iter().map(|word| {
        let open = value.open.iter();
        let open = open.filter(|specifier| word.text.contains(specifier.as_str()));
        Text {
            open: open.cloned().collect(),
            text: word.text,
        }
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expanded(word: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), Text::from(*value)));
        let expanded = expand(&Text::from(word), &variables.collect());
        expanded
            .arguments
            .into_iter()
            .map(|argument| argument.text)
            .collect()
    }

    #[test]
    fn specifiers_that_mean_the_same_everywhere_are_filled_in() {
        let text = Text::from("unix://%t/docker.sock %%t 100% %");
        assert_eq!(text.text, "unix:///run/docker.sock %t 100% %");
        assert_eq!(text.open, ["% "]);
    }

    #[test]
    fn specifiers_that_only_systemd_knows_stay_and_are_told() {
        let text = Text::from("tcp://%H:2376/%%H");
        assert_eq!(text.text, "tcp://%H:2376/%H");
        assert_eq!(text.open, ["%H"]);
    }

    #[test]
    fn a_variable_of_its_own_becomes_as_many_words_as_it_has() {
        let opts = [("OPTS", r#" -H tcp://a  --label "b c" d\ e 'f"#)];
        assert_eq!(
            expanded("$OPTS", &opts),
            ["-H", "tcp://a", "--label", "b c", "d e", "f"]
        );
        assert_eq!(expanded("$OPTS", &[("OPTS", " ")]), [""; 0]);
        assert_eq!(expanded("$OPTS", &[]), [""; 0]);
        assert_eq!(expanded("$OPTS-x", &opts), [""; 0]);
    }

    #[test]
    fn a_variable_in_braces_stays_one_word() {
        let opts = [("OPTS", "a  'b'"), ("X", "$OPTS")];
        assert_eq!(expanded("${OPTS}", &opts), ["a  'b'"]);
        assert_eq!(
            expanded("-x=${OPTS}${X}${NOPE}.", &opts),
            ["-x=a  'b'$OPTS."]
        );
        assert_eq!(expanded("${NOPE}", &opts), [""]);
    }

    #[test]
    fn dollars_that_begin_no_variable_stay() {
        let opts = [("A", "x")];
        assert_eq!(expanded("$$A", &opts), ["$A"]);
        assert_eq!(expanded("a$A", &opts), ["a$A"]);
        assert_eq!(expanded("a$$${A}$", &opts), ["a$x$"]);
        assert_eq!(expanded("${A", &opts), ["${A"]);
        assert_eq!(expanded("${A:-b}${A}", &opts), ["${A:-b}x"]);
        assert_eq!(expanded("${B$$:$$${A$$", &opts), ["${B$$:$${A$$"]);
        assert_eq!(expanded("", &opts), [""]);
    }

    #[test]
    fn only_the_words_with_an_open_specifier_are_open() {
        let variables = Variables::from([("A".to_owned(), Text::from("a=%H b c=%m"))]);
        let open = |word| {
            let expanded = expand(&Text::from(word), &variables);
            expanded
                .arguments
                .into_iter()
                .map(|argument| argument.open)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            open("$A"),
            [vec!["%H".to_owned()], vec![], vec!["%m".to_owned()]]
        );
        assert_eq!(open("%n${A}"), [["%n", "%H", "%m"]]);
    }

    proptest! {
        #[test]
        fn no_word_makes_it_panic(word in r"[$A{}:%é]*", value in ".*") {
            expanded(&word, &[("A", &value)]);
        }
    }
}

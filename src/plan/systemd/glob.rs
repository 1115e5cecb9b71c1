//! The patterns of glob(7), by which a unit may name its environment files.
//!
//! Of what glob(3) knows one thing is left out: classes such as `[[:digit:]]`.

/// A part of a pattern.
enum Token {
    /// `*`: any text.
    Any,
    /// `?`: any one character.
    One,
    /// `[a-z]`, `[!a-z]`: one that is in one of the ranges, or in none.
    Of {
        ranges: Vec<(char, char)>,
        is_in: bool,
    },
    /// A character that stands for itself.
    Itself(char),
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Of { ranges, is_in } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) == *is_in
            }
            Self::Itself(own) => *own == c,
        }
    }
}

/// Whether a component of a path stands for itself alone.
pub fn is_plain(component: &str) -> bool {
    !component.contains(['*', '?', '[', '\\'])
}

/// Whether a file's name is as a component of a pattern has it.  A dot at its beginning has to be
/// in the pattern too.
pub fn matches(component: &str, name: &str) -> bool {
    let tokens = tokens(component);
    if name.starts_with('.') && !matches!(tokens.first(), Some(Token::Itself('.'))) {
        return false;
    }
    let name = Vec::from_iter(name.chars());
    let (mut token, mut at) = (0, 0);
    // Where to go on after the last `*` if the rest does not fit: it takes one more then.
    let mut again = None;
    while at < name.len() || token < tokens.len() {
        match tokens.get(token) {
            Some(Token::Any) => {
                again = Some((token, at));
                token += 1;
                continue;
            }
            Some(one) if name.get(at).is_some_and(|c| one.takes(*c)) => {
                token += 1;
                at += 1;
                continue;
            }
            _ => {}
        }
        match again {
            Some((star, taken)) if taken < name.len() => {
                again = Some((star, taken + 1));
                token = star + 1;
                at = taken + 1;
            }
            _ => return false,
        }
    }
    true
}

fn tokens(mut pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let Some(c) = pattern.chars().next() {
        let mut rest = &pattern[c.len_utf8()..];
        tokens.push(match c {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => {
                let own = rest.chars().next();
                rest = &rest[own.map_or(0, char::len_utf8)..];
                Token::Itself(own.unwrap_or(c))
            }
            '[' => match set(rest) {
                Some((of, after)) => {
                    rest = after;
                    of
                }
                // One that is not closed stands for itself.
                None => Token::Itself(c),
            },
            _ => Token::Itself(c),
        });
        pattern = rest;
    }
    tokens
}

/// What is in brackets, and what comes after them.
fn set(text: &str) -> Option<(Token, &str)> {
    let inner = text.strip_prefix(['!', '^']);
    let is_in = inner.is_none();
    let inner = inner.unwrap_or(text);
    let mut chars = inner.char_indices().peekable();
    let mut ranges = Vec::new();
    loop {
        let (at, mut from) = chars.next()?;
        // As the first one, it is one of those that are meant.
        if from == ']' && !ranges.is_empty() {
            return Some((Token::Of { ranges, is_in }, &inner[at + 1..]));
        }
        if from == '\\' {
            (_, from) = chars.next()?;
        }
        let mut to = from;
        let mut ahead = chars.clone();
        if ahead.next().is_some_and(|(_, c)| c == '-')
            && let Some((_, end)) = ahead.next()
            && end != ']'
        {
            to = match end {
                '\\' => ahead.next()?.1,
                end => end,
            };
            chars = ahead;
        }
        ranges.push((from, to));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_matched_as_glob_matches_them() {
        for (pattern, fitting, others) in [
            ("docker", &["docker"][..], &["docker2", "docke", ""][..]),
            ("docker*", &["docker", "docker.env"], &["xdocker", "docke"]),
            ("*", &["a", "é"], &[".a"]),
            (".*", &[".a"], &["a"]),
            ("\\.*", &[".a"], &["a"]),
            ("*.env", &["a.env", "a.env.env"], &[".env", "a.envx"]),
            ("a*b*c", &["abc", "axbxbxc"], &["ab", "acb"]),
            ("?", &["a", "é"], &["", "ab", "."]),
            ("[a-c]x", &["ax", "cx"], &["dx", "x", "-x"]),
            ("[!a-c]", &["d", "]"], &["b", "."]),
            ("[^a]", &["b"], &["a"]),
            ("[]a]", &["]", "a"], &["b"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[\\]]x", &["]x"], &["\\x"]),
            ("[a", &["[a"], &["a"]),
            ("\\*", &["*"], &["a", "\\*"]),
            ("a\\", &["a\\"], &["a"]),
        ] {
            for name in fitting {
                assert!(matches(pattern, name), "{pattern} is not {name}");
            }
            for name in others {
                assert!(!matches(pattern, name), "{pattern} is {name}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in r"[a\[\]!*?\\é-]*", name in "[a.é*-]*") {
            matches(&pattern, &name);
        }

        #[test]
        fn an_escaped_name_fits_itself(name in "[a-z*?\\[\\]!.é-]{0,8}") {
            let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(matches(&escaped, &name));
        }
    }
}

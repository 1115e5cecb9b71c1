//! The lines of a unit file: sections, assignments, comments, continuations.
//! See systemd.syntax(7).

use super::{Place, UnitFile};

/// What separates words and surrounds keys and values.
pub(super) const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// One `key=value`, wherever it comes from.
#[derive(Debug)]
pub(super) struct Assignment<'a> {
    pub(super) file: &'a UnitFile,
    pub(super) line: usize,
    pub(super) key: String,
    /// With lines that a backslash joins as one.
    pub(super) value: String,
}

impl Assignment<'_> {
    pub(super) fn place(&self) -> Place {
        Place {
            path: self.file.path.clone(),
            line: self.line,
        }
    }
}

/// All assignments of a section, in the order of the files.
pub(super) fn assignments<'a>(
    files: impl IntoIterator<Item = &'a UnitFile>,
    section: &str,
) -> Vec<Assignment<'a>> {
    let mut found = Vec::new();
    for file in files {
        let mut current = String::new();
        for (line, text) in logical_lines(&file.text) {
            let text = text.trim_matches(WHITESPACE);
            if let Some(header) = text.strip_prefix('[') {
                match header.strip_suffix(']') {
                    Some(name) => current = name.to_owned(),
                    // systemd reads no further than a broken header.
                    None => break,
                }
            } else if current == section
                && let Some((key, value)) = text.split_once('=')
            {
                found.push(Assignment {
                    file,
                    line,
                    key: key.trim_matches(WHITESPACE).to_owned(),
                    value: value.trim_matches(WHITESPACE).to_owned(),
                });
            }
        }
    }
    found
}

/// Lines with those that follow a backslash joined, each with the number of its first line.
/// Comments are left out, also from between joined lines; an empty line there ends them.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n");
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.split(['\n', '\r', '\0']).enumerate() {
        if line.trim_start_matches(WHITESPACE).starts_with(['#', ';']) {
            continue;
        }
        let (first, mut joined) = open.take().unwrap_or_else(|| (index + 1, String::new()));
        joined.push_str(line);
        if ends_in_backslash(&joined) {
            joined.pop();
            joined.push(' ');
            open = Some((first, joined));
        } else {
            found.push((first, joined));
        }
    }
    found.extend(open);
    found
}

/// Whether there is a backslash at the end that is not itself escaped by another.
pub(super) fn ends_in_backslash(line: &str) -> bool {
    let backslashes = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
    backslashes % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(text: &str) -> Vec<(usize, String, String)> {
        let file = UnitFile {
            path: "docker.service".into(),
            text: text.to_owned(),
        };
        let found = assignments([&file], "Service");
        let found = found.into_iter();
        found
            .map(
                |Assignment {
                     line, key, value, ..
                 }| (line, key, value),
            )
            .collect()
    }

    fn values(text: &str) -> Vec<String> {
        service(text)
            .into_iter()
            .map(|(_, _, value)| value)
            .collect()
    }

    #[test]
    fn keys_of_other_sections_and_of_none_do_not_count() {
        let text = "A=0\n[Unit]\nA=1\n[Service]\nA=2\n[ Service ]\nA=3\n[X-Service]\nA=4\n[Service]\nA=5\n";
        assert_eq!(values(text), ["2", "5"]);
    }

    #[test]
    fn whitespace_around_keys_and_values_does_not_count() {
        let found = service("  [Service]\t\n \tA \t=\t  b = c \t\n");
        assert_eq!(found, [(2, "A".into(), "b = c".into())]);
    }

    #[test]
    fn a_backslash_joins_lines_across_comments() {
        let text = "[Service]\nA=b \\\n # c \\\n  ; d\n\t# e\n f \\\\\nB=g";
        assert_eq!(
            service(text),
            [
                (2, "A".into(), "b   f \\\\".into()),
                (7, "B".into(), "g".into())
            ]
        );
    }

    #[test]
    fn an_empty_line_ends_joined_lines() {
        assert_eq!(values("[Service]\nA=b \\\n\nB=c"), ["b", "c"]);
    }

    #[test]
    fn a_backslash_before_the_end_of_the_file_joins_nothing() {
        assert_eq!(values("[Service]\nA=b \\\n c \\"), ["b   c"]);
        assert_eq!(values("[Service]\nA=b \\\n"), ["b"]);
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_are_read_over() {
        let text = "\u{feff}[Service]\r\nA=b \\\r\n # x\r\n c\r\nB=d\r\n";
        assert_eq!(values(text), ["b   c", "d"]);
    }

    #[test]
    fn a_broken_header_ends_the_file() {
        assert_eq!(values("[Service]\nA=b\n[Serv\n[Service]\nA=c\n"), ["b"]);
    }

    #[test]
    fn a_line_without_an_equals_sign_is_passed_over() {
        assert_eq!(values("[Service]\nA\nB=c\n"), ["c"]);
    }
}

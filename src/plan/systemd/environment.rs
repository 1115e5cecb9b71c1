//! The environment a unit gives what it starts: Environment=, EnvironmentFile= and
//! UnsetEnvironment=.  See "Environment" in systemd.exec(5).

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::UnitFiles;
use super::environment_file::parse;
use super::expand::{Text, Variables};
use super::syntax::assignments;
use super::words::{Escapes, next_word};

/// An environment file that a unit names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentPath {
    /// Its path, which may be a pattern as for glob(7).
    pub path: PathBuf,
    /// Whether the unit starts without it.
    pub presence: Presence,
}

/// Whether a unit starts without a file.  There is no third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It does not.
    Required,
    /// It does: the path has a `-` before it.
    Optional,
}

/// An environment file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

impl UnitFiles {
    /// The environment files that the service reads, in its order.
    pub fn environment_files(&self) -> Vec<EnvironmentPath> {
        let mut found = Vec::new();
        for assignment in assignments(self.all(), "Service") {
            if assignment.key != "EnvironmentFile" {
                continue;
            }
            if assignment.value.is_empty() {
                found.clear();
                continue;
            }
            let (path, presence) = match assignment.value.strip_prefix('-') {
                Some(path) => (path, Presence::Optional),
                None => (assignment.value.as_str(), Presence::Required),
            };
            found.push(EnvironmentPath {
                path: Text::from(path).text.into(),
                presence,
            });
        }
        found
    }
}

/// The variables as they are when the service starts.  Those that systemd itself sets or passes
/// on from its own environment are not among them.
pub(super) fn variables(files: &UnitFiles, environment: &[EnvironmentFile]) -> Variables {
    let mut variables = BTreeMap::new();
    let mut unset = Vec::new();
    for assignment in assignments(files.all(), "Service") {
        let value = assignment.value.as_str();
        match assignment.key.as_str() {
            "Environment" if value.is_empty() => variables.clear(),
            "Environment" => {
                variables.extend(words_until_malformed(value).filter_map(|word| variable(&word)));
            }
            "UnsetEnvironment" if value.is_empty() => unset.clear(),
            "UnsetEnvironment" => unset.extend(words_until_malformed(value)),
            _ => {}
        }
    }
    for file in environment {
        let read = parse(&file.text).into_iter();
        let read = read.filter(|(name, _)| is_name(name));
        variables.extend(read.map(|(name, value)| {
            let open = Vec::new();
            (name, Text { text: value, open })
        }));
    }
    for word in unset {
        match variable(&word) {
            Some((name, value)) => {
                if variables.get(&name) == Some(&value) {
                    variables.remove(&name);
                }
            }
            None => {
                variables.remove(&word);
            }
        }
    }
    variables
}

/// systemd takes what comes before a word it cannot read, and only warns of the rest.
fn words_until_malformed(mut value: &str) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || {
        let (word, rest) = next_word(value, Escapes::Strict).ok()??;
        value = rest;
        Some(word.text)
    })
}

fn variable(word: &str) -> Option<(String, Text)> {
    let (name, value) = word.split_once('=')?;
    is_name(name).then(|| (name.to_owned(), Text::from(value)))
}

/// Whether systemd takes it for a variable's name: `export A` is none.
fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(word) && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::UnitFile;
    use super::*;

    fn unit(text: &str) -> UnitFiles {
        let unit = UnitFile {
            path: "docker.service".into(),
            text: format!("[Service]\n{text}"),
        };
        UnitFiles {
            unit,
            drop_ins: Vec::new(),
        }
    }

    fn set(unit_text: &str, environment: &[&str]) -> Vec<(String, String)> {
        let environment = environment.iter().map(|text| EnvironmentFile {
            path: "/etc/default/docker".into(),
            text: (*text).to_owned(),
        });
        let environment: Vec<_> = environment.collect();
        let variables = variables(&unit(unit_text), &environment);
        variables
            .into_iter()
            .map(|(name, value)| (name, value.text))
            .collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_name_that_is_none_is_passed_over() {
        assert_eq!(
            set("", &["export A=1\n1B=2\nC-D=3\n_e=4"]),
            [pair("_e", "4")]
        );
        assert_eq!(set("Environment=1A=b =c D", &[]), []);
    }

    #[test]
    fn files_override_the_unit_and_later_ones_earlier_ones() {
        let unit = "Environment=A=1 B=1 C=1\nEnvironment=\"C=2 3\" D=4";
        assert_eq!(
            set(unit, &["A=5\nD=5", "D=6"]),
            [
                pair("A", "5"),
                pair("B", "1"),
                pair("C", "2 3"),
                pair("D", "6")
            ]
        );
    }

    #[test]
    fn an_empty_assignment_forgets_those_before() {
        assert_eq!(
            set("Environment=A=1\nEnvironment=\nEnvironment=B=2", &[]),
            [pair("B", "2")]
        );
    }

    #[test]
    fn what_comes_before_a_malformed_word_counts() {
        assert_eq!(set("Environment=A=1 'B=2", &[]), [pair("A", "1")]);
        assert_eq!(set(r"Environment=A=1 B=\d C=3", &[]), [pair("A", "1")]);
    }

    #[test]
    fn variables_can_be_unset_by_name_and_by_value() {
        let unit = "UnsetEnvironment=A B=1 C=1\nEnvironment=A=1 B=1 C=2";
        assert_eq!(set(unit, &["A=7"]), [pair("C", "2")]);
        assert_eq!(
            set(
                "Environment=A=1\nUnsetEnvironment=A\nUnsetEnvironment=",
                &[]
            ),
            [pair("A", "1")]
        );
    }

    #[test]
    fn environment_files_are_named_in_order_with_whether_they_may_be_missing() {
        let files = unit(
            "EnvironmentFile=/a\nEnvironmentFile=\nEnvironmentFile=-/etc/default/docker\n\
             EnvironmentFile=%E/docker/*.env\n[Unit]\nEnvironmentFile=/b\n",
        );
        let found = files.environment_files();
        let wanted = [
            EnvironmentPath {
                path: "/etc/default/docker".into(),
                presence: Presence::Optional,
            },
            EnvironmentPath {
                path: "/etc/docker/*.env".into(),
                presence: Presence::Required,
            },
        ];
        assert_eq!(found, wanted);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[A= \n\r\\"'#;é$x]*"#) {
            set(&format!("Environment={text}"), &[&text]);
        }
    }
}

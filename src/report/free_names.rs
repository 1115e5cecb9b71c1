//! Names for files that are not there yet, for commands that can be typed as they are printed.

use std::collections::HashSet;

use crate::plan::bundle::Form;

/// Gives each name once.
pub struct FreeNames<'a> {
    is_there: &'a dyn Fn(&str) -> bool,
    given: HashSet<String>,
}

impl<'a> FreeNames<'a> {
    /// `is_there` says whether a file of the name is where the command will be typed.
    pub fn new(is_there: &'a dyn Fn(&str) -> bool) -> Self {
        Self {
            is_there,
            given: HashSet::new(),
        }
    }

    /// The wanted name, or else the first of `alice-2.tar.gz`, `alice-3.tar.gz` … that is free.
    pub(super) fn free(&mut self, wanted: &str) -> String {
        let extensions = Form::ALL.into_iter();
        let extensions =
            extensions.flat_map(|form| [form.encrypted_file_name(""), form.file_name("")]);
        let extensions = extensions.filter(|extension| !extension.is_empty());
        let stems = extensions.filter_map(|it| wanted.strip_suffix(&*it));
        let stem = stems
            .filter(|stem| !stem.is_empty())
            .min_by_key(|stem| stem.len());
        let last_dot = || wanted.rsplit_once('.').map(|(stem, _)| stem);
        let stem = stem.or_else(last_dot).filter(|stem| !stem.is_empty());
        let stem = stem.unwrap_or(wanted);
        let extension = &wanted[stem.len()..];
        let numbered = (2..).map(|number: u32| format!("{stem}-{number}{extension}"));
        let mut all = std::iter::once(wanted.to_owned()).chain(numbered);
        let is_free = |name: &String| !self.given.contains(name) && !(self.is_there)(name);
        let free = all.find(is_free).unwrap_or_else(|| wanted.to_owned());
        self.given.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_given_a_number() {
        let is_there =
            |name: &str| ["alice.tar.gz", "alice-2.tar.gz", "lap", "lap.tgz"].contains(&name);
        let mut names = FreeNames::new(&is_there);
        for (wanted, free) in [
            ("alice.tar.gz", "alice-3.tar.gz"),
            ("alice.tar.gz", "alice-4.tar.gz"),
            ("alice.tar.gz.age", "alice.tar.gz.age"),
            ("alice.tar.gz.age", "alice-2.tar.gz.age"),
            ("lap", "lap-2"),
            ("lap.tgz", "lap-2.tgz"),
            (".env", ".env"),
            (".env", ".env-2"),
            ("a.b", "a.b"),
        ] {
            assert_eq!(names.free(wanted), free);
        }
    }
}

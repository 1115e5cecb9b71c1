//! Which names of servers or clients are free.

use std::cmp::Ordering;

use super::Error;
use super::layout::PairKind;

/// The names of one kind that are in use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(
    /// In [`order`].
    Vec<String>,
);

/// Whether a name is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use<'n> {
    /// It is.
    Free,
    /// It is in use.
    Taken,
    /// One is in use that differs from it by case alone: files of the two are one on macOS and Windows.
    Alike(&'n str),
}

impl Names {
    /// These, in any order.
    pub fn new(mut names: Vec<String>) -> Self {
        names.sort_unstable_by(|one, other| order(one, other));
        Self(names)
    }

    /// Whether this one is free.
    pub fn find(&self, name: &str) -> Use<'_> {
        let start = self.0.partition_point(|it| folded(it, name).is_lt());
        let alike = self.0[start..]
            .iter()
            .take_while(|it| it.eq_ignore_ascii_case(name));
        let mut found = Use::Free;
        for it in alike {
            if it == name {
                return Use::Taken;
            }
            found = Use::Alike(it);
        }
        found
    }

    /// Refuses a name that is not free.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::Alike`].
    pub fn refuse(&self, kind: PairKind, name: &str) -> Result<(), Error> {
        match self.find(name) {
            Use::Free => Ok(()),
            Use::Taken => Err(Error::Taken {
                kind,
                name: name.into(),
            }),
            Use::Alike(other) => Err(Error::Alike {
                kind,
                name: name.into(),
                other: other.into(),
            }),
        }
    }
}

/// Those that differ by case alone stand side by side.
pub fn order(one: &str, other: &str) -> Ordering {
    folded(one, other).then_with(|| one.cmp(other))
}

fn folded(one: &str, other: &str) -> Ordering {
    let lower = |octet: u8| octet.to_ascii_lowercase();
    one.bytes().map(lower).cmp(other.bytes().map(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_free_taken_or_like_another() {
        let names = Names::new(
            ["bob", "Zed", "alice", "Alice", "ci_1"]
                .map(String::from)
                .into(),
        );
        for (name, found) in [
            ("alice", Use::Taken),
            ("Alice", Use::Taken),
            ("Zed", Use::Taken),
            ("ALICE", Use::Alike("alice")),
            ("zed", Use::Alike("Zed")),
            ("CI_1", Use::Alike("ci_1")),
            ("al", Use::Free),
            ("zeda", Use::Free),
        ] {
            assert_eq!(names.find(name), found, "{name}");
        }
        assert_eq!(Names::default().find("alice"), Use::Free);
    }
}

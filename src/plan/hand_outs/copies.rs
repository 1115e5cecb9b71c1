//! How many copies of a client are out that were exported for one use, and which of them the next
//! export takes the place of.

use crate::plan::bundle::Form;
use crate::plan::ledger::Entry;

/// A line of the ledger, with its number.
pub(super) type Told<'a> = (usize, &'a Entry);

/// The copies of one client in one form for one daemon, each with the exports before it; the last is
/// what is out.  None is empty.
#[derive(Debug, Default)]
pub(super) struct Copies<'a>(Vec<Vec<Told<'a>>>);

impl<'a> Copies<'a> {
    /// Adds an export, in the place of what it replaces.
    pub(super) fn add(&mut self, told: Told<'a>) {
        match self.replaced_by(told.1) {
            Some(copy) => copy.push(told),
            None => self.0.push(vec![told]),
        }
    }

    /// What an export takes the place of.  A file of the same name goes where that one went, and one
    /// with something newer to who has waited longest.  The same certificate in another file is one copy
    /// more: whoever were forgotten here would be locked out when a CA is dropped.
    fn replaced_by(&mut self, entry: &Entry) -> Option<&mut Vec<Told<'a>>> {
        let goes_the_same_way = |last: &Entry| last.to == entry.to || is_reply(last);
        let is_behind =
            |last: &Entry| (&last.serial, &last.trusts) != (&entry.serial, &entry.trusts);
        let last = self.0.iter().map(|copy| copy[copy.len() - 1]);
        let last = Vec::from_iter(last.enumerate());
        let same = last.iter().find(|(_, (_, last))| goes_the_same_way(last));
        let behind = last.iter().filter(|(_, (_, last))| is_behind(last));
        let index = match (same, behind.min_by_key(|(_, (number, _))| number)) {
            (Some((index, _)), _) | (None, Some((index, _))) => *index,
            (None, None) => return None,
        };
        Some(&mut self.0[index])
    }

    /// Makes it as if this export had not been: what it took the place of is out again.
    pub(super) fn take_back(&mut self, entry: &Entry) {
        let is_it = |(_, told): &Told<'_>| is_export(told, entry);
        for copy in &mut self.0 {
            if let Some(index) = copy.iter().rposition(is_it) {
                copy.remove(index);
                break;
            }
        }
        self.0.retain(|copy| !copy.is_empty());
    }

    /// Whether this export took the place of another.
    pub(super) fn is_replacement(&self, entry: &Entry) -> bool {
        let is_it = |(_, told): &Told<'_>| is_export(told, entry);
        let mut copies = self.0.iter();
        copies.any(|copy| copy.len() > 1 && copy.iter().any(is_it))
    }

    /// What is out.
    pub(super) fn out(self) -> impl Iterator<Item = Told<'a>> {
        self.0.into_iter().filter_map(|mut copy| copy.pop())
    }
}

/// Whether both tell of the same certificate at the same place.
fn is_export(told: &Entry, entry: &Entry) -> bool {
    (&told.to, &told.serial, &told.trusts) == (&entry.to, &entry.serial, &entry.trusts)
}

/// A certificate without its key can be used where the key is, and nowhere else.
fn is_reply(entry: &Entry) -> bool {
    entry.form.as_deref() == Some(Form::Reply.as_str())
}

//! Records in the ledger where a server or client was installed.

use std::path::Path;

use super::Session;
use crate::host::{self, LedgerPen};
use crate::plan::layout::PairKind;
use crate::plan::ledger::{Entry, Event};
use crate::plan::pair::SoundPair;
use crate::plan::trust::Trust;
use crate::report;

/// The ledger to be, and what it has of hand-outs.
pub(super) struct Pen {
    pen: LedgerPen,
    hand_outs: Vec<Entry>,
}

impl Session<'_> {
    /// Opens the ledger for what will have been handed out; nothing if the home has none.  To be
    /// called before root is given up.
    pub(super) fn pen(&self) -> Option<Pen> {
        let pen = LedgerPen::open(&self.home)?;
        let ledger = self.reading(|| Ok(host::home_state(&self.home)?.ledger()?));
        let mut hand_outs = ledger.ok()?;
        hand_outs.retain(|entry| entry.event == Event::HandedOut);
        Some(Pen { pen, hand_outs })
    }

    /// Records that a pair is in this directory now, unless that is what was recorded last.
    pub(super) fn record_hand_out(
        &self,
        pen: Option<Pen>,
        kind: PairKind,
        pair: &SoundPair,
        directory: &Path,
    ) {
        let (Some(Pen { mut pen, hand_outs }), Ok(trust)) = (pen, Trust::from_pem(&pair.files[0]))
        else {
            return;
        };
        let trusts = Vec::from_iter(trust.all().map(|ca| ca.serial.clone()));
        let to = format!("{} on {}", directory.display(), host::machine_name());
        let entry = Entry::handed_out(
            kind.purpose(),
            &pair.name,
            &pair.certificate,
            &trusts,
            to,
            host::clock(),
        );
        let same_place = |other: &&Entry| {
            (&other.kind, &other.name, &other.to) == (&entry.kind, &entry.name, &entry.to)
        };
        let last = hand_outs.iter().rfind(same_place);
        if last.is_some_and(|it| (&it.serial, &it.trusts) == (&entry.serial, &entry.trusts)) {
            return;
        }
        if let Err(cause) = pen.add(&entry.line()) {
            let words = format!("it is installed, but the ledger does not tell so: {cause}");
            self.say(&report::warning(self.stderr, &words));
        }
    }
}

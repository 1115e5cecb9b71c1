//! Records in the ledger where a server or client was installed, and that it was taken back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::Session;
use crate::host::{self, LedgerPen};
use crate::pki::{Certificate, Serial};
use crate::plan::bundle::{Bundle, Form};
use crate::plan::context::ContextName;
use crate::plan::hand_outs::{HandOut, hand_outs};
use crate::plan::layout::PairKind;
use crate::plan::ledger::{Entry, Event, Export};
use crate::plan::pair::SoundPair;
use crate::plan::trust::Trust;
use crate::report;

/// The ledger to be, and what it has.
pub(super) struct Pen {
    pen: LedgerPen,
    ledger: Vec<Entry>,
}

impl Pen {
    /// What lies at a place, as far as the ledger knows.
    fn last_at(&self, kind: PairKind, to: &str) -> Option<&Entry> {
        let at_place = |entry: &&Entry| {
            entry.kind == kind.as_str()
                && entry.form.is_none()
                && entry.to.as_deref() == Some(to)
                && matches!(entry.event, Event::HandedOut | Event::TakenBack)
        };
        let last = self.ledger.iter().rfind(at_place);
        last.filter(|entry| entry.event == Event::HandedOut)
    }

    /// The directories of this machine, this one and those below it, that the ledger tells of.
    fn directories_within(&self, kind: PairKind, directory: &Path) -> BTreeSet<PathBuf> {
        let here = on_this_machine();
        let entries = self.ledger.iter();
        let places = entries
            .filter(|entry| entry.event == Event::HandedOut && entry.kind == kind.as_str())
            .filter(|entry| entry.form.is_none())
            .filter_map(|entry| entry.to.as_deref()?.strip_suffix(&here));
        let places = places.map(PathBuf::from);
        places.filter(|it| it.starts_with(directory)).collect()
    }

    /// The name under which a certificate was issued.
    fn name_of(&self, kind: PairKind, certificate: &Certificate) -> Option<&str> {
        let serial = certificate.serial.to_string();
        let mut issued = self.ledger.iter();
        let issued = issued.find(|entry| {
            entry.event == Event::Issued && entry.kind == kind.as_str() && entry.serial == serial
        });
        issued.map(|entry| entry.name.as_str())
    }
}

/// What the ledger has at places of this machine from where it was taken away since, by hand:
/// the lines that tell so.
pub(super) fn taken_away(ledger: &[Entry]) -> Vec<Entry> {
    let here = on_this_machine();
    let is_gone = |out: &HandOut<'_>| {
        // Where an exported file went, nobody knows.
        let place = out.entry.to.as_deref().filter(|_| out.entry.form.is_none());
        let directory = place.and_then(|place| place.strip_suffix(&here).map(Path::new));
        out.kind()
            .zip(directory)
            .is_some_and(|(kind, directory)| host::is_taken_away(kind, directory))
    };
    let now = host::clock();
    let gone = hand_outs(ledger).into_iter().filter(is_gone);
    gone.map(|out| out.entry.clone().taken_back(now)).collect()
}

impl Session<'_> {
    /// Opens the ledger for what will have been handed out; nothing if the home has none.  To be
    /// called before root is given up.
    pub(super) fn pen(&self) -> Option<Pen> {
        let pen = LedgerPen::open(&self.home)?;
        let ledger = self.reading(|| Ok(host::home_state(&self.home)?.ledger()?));
        let ledger = ledger.ok()?;
        Some(Pen { pen, ledger })
    }

    /// Records that a pair is in these directories now, unless that is what was recorded last.  A
    /// client's context, which is named, has files of its own, which outlive the next client in
    /// `~/.docker`.
    pub(super) fn record_hand_out(
        &self,
        pen: Option<Pen>,
        kind: PairKind,
        pair: &SoundPair,
        places: impl IntoIterator<Item = (PathBuf, Option<ContextName>)>,
    ) {
        if let (Some(mut pen), Ok(trust)) = (pen, Trust::from_pem(&pair.files[0])) {
            let (name, certificate) = (&pair.name, &pair.certificate);
            for (directory, context) in places {
                let entry = handed_out(kind, name, certificate, &trust, place(&directory));
                let context = context.map(String::from);
                self.record(&mut pen, Entry { context, ..entry });
            }
        }
    }

    /// Records what is in a directory, and in those of the contexts below it, now that something
    /// was taken back there.
    pub(super) fn record_taken_back(&self, pen: &mut Pen, kind: PairKind, directory: &Path) {
        for directory in pen.directories_within(kind, directory) {
            self.record_taken_back_from(pen, kind, &directory);
        }
    }

    fn record_taken_back_from(&self, pen: &mut Pen, kind: PairKind, directory: &Path) {
        let to = place(directory);
        let Some(last) = pen.last_at(kind, &to).cloned() else {
            return;
        };
        let now = host::public_files(kind, directory);
        let entry = match (now.certificate(), now.trust()) {
            (Some(certificate), Some(trust)) => pen.name_of(kind, &certificate).map(|name| Entry {
                context: last.context.clone(),
                ..handed_out(kind, name, &certificate, &trust, to)
            }),
            _ => None,
        };
        self.record(pen, entry.unwrap_or_else(|| last.taken_back(host::clock())));
    }

    fn record(&self, pen: &mut Pen, entry: Entry) {
        let to = entry.to.as_deref().unwrap_or_default();
        let last = PairKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == entry.kind)
            .and_then(|kind| pen.last_at(kind, to));
        let is_known = last.is_some_and(|it| {
            (it.event, &it.name, &it.serial, &it.trusts)
                == (entry.event, &entry.name, &entry.serial, &entry.trusts)
        });
        if is_known {
            return;
        }
        if let Err(cause) = pen.pen.add(&entry.line()) {
            let words = format!("it is done, but the ledger does not tell so: {cause}");
            self.say(&report::warning(self.stderr, &words));
        }
        pen.ledger.push(entry);
    }
}

fn handed_out(
    kind: PairKind,
    name: &str,
    certificate: &Certificate,
    trust: &Trust,
    to: String,
) -> Entry {
    let (purpose, trusts) = (kind.purpose(), trust.serials());
    Entry::handed_out(purpose, name, certificate, &trusts, to, host::clock())
}

/// The line for what was exported, to whoever can read it.
pub(super) fn exported(
    bundle: &Bundle,
    form: Form,
    trusts: &[Serial],
    path: &Path,
    now: OffsetDateTime,
) -> Entry {
    let Bundle {
        name,
        certificate,
        host,
        context,
        files: _,
    } = bundle;
    let (purpose, to) = (PairKind::Client.purpose(), place(path));
    let entry = Entry::handed_out(purpose, name.as_str(), certificate, trusts, to, now);
    entry.exported(Export {
        form,
        host: host.clone(),
        context: context.clone(),
        encrypted_to: Vec::new(),
    })
}

/// How the ledger names a directory of this machine.
pub(super) fn place(directory: &Path) -> String {
    format!("{}{}", directory.display(), on_this_machine())
}

fn on_this_machine() -> String {
    format!(" on {}", host::machine_name())
}

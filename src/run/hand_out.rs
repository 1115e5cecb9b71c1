//! Records in the ledger where a server or client was installed, and that it was taken back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Session;
use crate::host::{self, LedgerPen};
use crate::pki::{Certificate, Serial};
use crate::plan::context::ContextName;
use crate::plan::layout::PairKind;
use crate::plan::ledger::{Entry, Event};
use crate::plan::pair::SoundPair;
use crate::plan::state::FileState;
use crate::plan::trust::Trust;
use crate::report;

/// The ledger to be, and what is in it.
pub(super) struct Pen {
    pen: LedgerPen,
    ledger: Vec<Entry>,
}

/// Where docker or dockerd reads a pair on this machine.
pub(super) struct Place {
    kind: PairKind,
    files: PathBuf,
    /// What the ledger calls it.
    words: String,
}

impl Place {
    /// A directory of certificates: the daemon's, or docker's own.
    pub(super) fn directory(kind: PairKind, directory: &Path) -> Self {
        Self {
            kind,
            files: directory.to_owned(),
            words: format!("{} on {}", directory.display(), host::machine_name()),
        }
    }

    /// A docker context in docker's directory.
    pub(super) fn context(docker_config: &Path, context: &ContextName) -> Self {
        Self {
            kind: PairKind::Client,
            files: docker_config.join(context.tls_directory()),
            words: format!("context {context}{}", in_directory(docker_config)),
        }
    }

    /// The contexts in docker's directory that the ledger knows.
    fn contexts(docker_config: &Path, ledger: &[Entry]) -> Vec<Self> {
        let end = in_directory(docker_config);
        let places = ledger.iter().filter_map(|entry| entry.to.as_deref());
        let names = places.filter_map(|to| to.strip_prefix("context ")?.strip_suffix(&end));
        let names = BTreeSet::from_iter(names).into_iter();
        let contexts = names.filter_map(|name| name.parse().ok());
        contexts
            .map(|context| Self::context(docker_config, &context))
            .collect()
    }
}

fn in_directory(docker_config: &Path) -> String {
    format!(
        " in {} on {}",
        docker_config.display(),
        host::machine_name()
    )
}

impl Pen {
    /// What was recorded last of this name at this place.
    fn last(&self, place: &Place, name: &str) -> Option<&Entry> {
        self.recorded_at(place).rfind(|entry| entry.name == name)
    }

    fn recorded_at<'a>(&'a self, place: &Place) -> impl DoubleEndedIterator<Item = &'a Entry> {
        let (kind, to) = (place.kind.as_str(), place.words.clone());
        let of_place = move |entry: &&Entry| {
            matches!(entry.event, Event::HandedOut | Event::TakenBack)
                && entry.kind == kind
                && entry.to.as_ref() == Some(&to)
        };
        self.ledger.iter().filter(of_place)
    }

    /// The names recorded at this place, each once.
    fn names(&self, place: &Place) -> Vec<&str> {
        let names = self.recorded_at(place).map(|entry| entry.name.as_str());
        Vec::from_iter(BTreeSet::from_iter(names))
    }

    /// The line that records that this name is at this place no more.
    fn gone(&self, place: &Place, name: &str) -> Option<Entry> {
        let last = self.last(place, name)?;
        (last.event == Event::HandedOut).then(|| last.taken_back(host::clock()))
    }

    /// The line that records what is at this place now, unless that is what was recorded last.
    fn handed_out(
        &self,
        place: &Place,
        name: &str,
        certificate: &Certificate,
        trust: &Trust,
    ) -> Option<Entry> {
        let trusts: Vec<Serial> = trust.all().map(|ca| ca.serial.clone()).collect();
        let entry = Entry::handed_out(
            place.kind.purpose(),
            name,
            certificate,
            &trusts,
            place.words.clone(),
            host::clock(),
        );
        let facts = |it: &Entry| (it.event, it.serial.clone(), it.trusts.clone());
        let last = self.last(place, name);
        last.is_none_or(|last| facts(last) != facts(&entry))
            .then_some(entry)
    }

    /// The lines that record what is at this place after something was taken back from it.
    fn taken_back(&self, place: &Place) -> Vec<Entry> {
        let there = host::public_pair_in(&place.files, place.kind);
        let trust = match &there.ca {
            FileState::Present(file) => Trust::from_pem(&file.content).ok(),
            _ => None,
        };
        let there = there.certificate().zip(trust);
        let issued_to = |certificate: &Certificate, name: &str| {
            let serial = certificate.serial.to_string();
            let is_it = |it: &Entry| it.serial == serial && it.kind == place.kind.as_str();
            let issued = self.ledger.iter().find(|it| is_it(it));
            issued.is_some_and(|it| it.name == name)
        };
        let line = |name: &str| match &there {
            Some((certificate, trust)) if issued_to(certificate, name) => {
                self.handed_out(place, name, certificate, trust)
            }
            _ => self.gone(place, name),
        };
        self.names(place).into_iter().filter_map(line).collect()
    }
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

    /// Records that a pair is at this place now.
    pub(super) fn record_hand_out(&self, pen: Option<&mut Pen>, pair: &SoundPair, place: &Place) {
        let (Some(pen), Ok(trust)) = (pen, Trust::from_pem(&pair.files[0])) else {
            return;
        };
        // What was there before is there no more.
        let others = pen.names(place).into_iter();
        let others = others.filter(|name| *name != pair.name);
        let gone = others.filter_map(|name| pen.gone(place, name));
        let mut entries = Vec::from_iter(gone);
        entries.extend(pen.handed_out(place, &pair.name, &pair.certificate, &trust));
        self.write_down(pen, entries, "it is installed");
    }

    /// Records what is where something was taken back from.
    pub(super) fn record_taken_back(
        &self,
        pen: Option<&mut Pen>,
        server: Option<&Path>,
        docker_configs: impl IntoIterator<Item = PathBuf>,
    ) {
        let Some(pen) = pen else { return };
        let server = server.map(|directory| Place::directory(PairKind::Server, directory));
        let mut places = Vec::from_iter(server);
        // Several installs may have been into one.
        for docker_config in BTreeSet::from_iter(docker_configs) {
            places.push(Place::directory(PairKind::Client, &docker_config));
            places.extend(Place::contexts(&docker_config, &pen.ledger));
        }
        let entries = places.iter().flat_map(|place| pen.taken_back(place));
        let entries = Vec::from_iter(entries);
        self.write_down(pen, entries, "it is taken back");
    }

    fn write_down(&self, pen: &mut Pen, entries: impl IntoIterator<Item = Entry>, done: &str) {
        for entry in entries {
            if let Err(cause) = pen.pen.add(&entry.line()) {
                let words = format!("{done}, but the ledger does not tell so: {cause}");
                self.say(&report::warning(self.stderr, &words));
            }
            pen.ledger.push(entry);
        }
    }
}

//! A home, what is used of it elsewhere, and what must hold of both.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use time::Duration;

use super::super::*;
use super::Step;
use super::home::{File, MemoryHome, fresh};
use crate::pki::{Life, Purpose, Serial, verify_chain};
use crate::plan::issue::{self, Fresh, Ground, PairKey, Wish as IssueWish};
use crate::plan::ledger::{Entry, Event};
use crate::plan::remembered::Remembered;
use crate::plan::renew::{self, Candidate, Keys, Rule, Sans, Scope, Selector, Wish};

/// A name and its certificate.
type Named = (String, Certificate);

/// A home, what is used of it elsewhere, and whom somebody locked out knowingly.
pub(super) struct World {
    pub(super) home: MemoryHome,
    /// What was handed out to a place, the last on top.
    places: BTreeMap<(PairKind, String), Vec<Named>>,
    /// What is used where nobody knows what becomes of it.
    moved: Vec<(PairKind, Named)>,
    locked_out: HashSet<Serial>,
    clients: usize,
}

impl World {
    pub(super) fn new(ca_life: &str) -> Self {
        Self {
            home: MemoryHome::new(ca_life),
            places: BTreeMap::new(),
            moved: Vec::new(),
            locked_out: HashSet::new(),
            clients: 1,
        }
    }

    /// Does it, if it can be done.
    pub(super) fn take(&mut self, step: &Step) -> Result<(), crate::plan::Error> {
        let now = self.home.now;
        match step {
            Step::Start => self.start()?,
            Step::Issue(None) => self.renew(Scope::All, Rule::OldCa)?,
            Step::Issue(Some(which)) => {
                let names = which.iter().filter_map(|which| self.name(*which));
                let of =
                    |(kind, name): (PairKind, String)| Selector::Of(kind, name.parse().unwrap());
                let names = BTreeSet::from_iter(names);
                let selectors = names.into_iter().map(of).collect();
                self.renew(Scope::Named(selectors), Rule::OldCa)?;
            }
            Step::Renew(which) => {
                if let Some((kind, name)) = self.name(*which) {
                    let selector = Selector::Of(kind, name.parse().unwrap());
                    self.renew(Scope::Named(vec![selector]), Rule::Always)?;
                }
            }
            Step::Client => {
                let name = format!("c{}", self.clients);
                let wish = IssueWish::Client(name.parse().unwrap());
                let issuer = self.home.issuer();
                let mut ground = Ground::of(&self.home.state());
                let Fresh { key, serial } = fresh();
                let key = PairKey::Home(key);
                let issued = issue::issue(&issuer, wish, key, serial, Life::LEAF, now)?;
                let issued = vec![issued];
                let made = issue::plan("client issue", &mut ground, &issuer, issued);
                self.home.apply(&made.plan);
                self.clients += 1;
            }
            Step::Finish => {
                let (phase, left) = finish(&self.home.look(), &[], |_| false, now)?;
                assert!(left.is_empty());
                self.assert_nobody_is_left(phase.dropped.as_ref().unwrap());
                self.home.apply(&phase.plan);
            }
            Step::FinishForce => {
                let (phase, left) = finish(&self.home.look(), &[], |_| true, now)?;
                for left in left {
                    self.locked_out.insert(serial(&left.serial));
                }
                self.home.apply(&phase.plan);
            }
            Step::Undo => {
                let archived = |serial: &str| self.home.archived(serial);
                let phase = undo(&self.home.look(), archived, now)?;
                self.home.apply(&phase.plan);
            }
            Step::HandOut(which, place) => {
                if let Some((kind, name)) = self.name(*which) {
                    self.hand_out(kind, name, format!("/place/{place}"));
                }
            }
            Step::TakeBack(which) => self.take_back(*which),
            Step::MoveAway(which) => {
                if let Some((kind, name)) = self.name(*which) {
                    let certificate = self.home.certificate(kind, &name);
                    self.home.take_away(&kind.pair(&name));
                    self.moved.push((kind, (name, certificate)));
                }
            }
            Step::Days(days) => self.home.now += Duration::days((*days).into()),
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), crate::plan::Error> {
        let trust = self.home.trust();
        let archived = self.home.archived(&trust.ca.serial.to_string());
        let wish = Start {
            fresh: fresh(),
            valid_for: "3y".parse().unwrap(),
            passphrase: None,
        };
        let before = self.home.clone();
        let phase = start(&self.home.look(), &archived, wish, self.home.now)?;
        self.home.apply(&phase.plan);
        // Whoever thinks better of it at once has what they had.
        let mut undone = self.home.clone();
        let archived = |serial: &str| undone.archived(serial);
        match undo(&undone.look(), archived, undone.now) {
            Ok(phase) => {
                undone.apply(&phase.plan);
                assert_eq!(in_place(&undone), in_place(&before));
            }
            Err(refused) => assert!(trust.ca.validity.not_after < before.now, "{refused}"),
        }
        Ok(())
    }

    fn renew(&mut self, scope: Scope, rule: Rule) -> Result<(), crate::plan::Error> {
        let (state, trust) = (self.home.state(), self.home.trust());
        let named = |kind: PairKind, name: &str| match &scope {
            Scope::All => true,
            Scope::Named(selectors) => selectors
                .iter()
                .any(|it| it.kinds().any(|it| it == kind) && it.name().as_str() == name),
        };
        let mut names = self.home.names();
        names.retain(|(kind, name)| named(*kind, name));
        let wish = Wish {
            scope: scope.clone(),
            rule,
            keys: Keys::Fresh(None),
            sans: Sans::Carried,
            valid_for: None,
        };
        let remembered = Remembered::of(&state.ledger()?);
        let candidates = names.into_iter().map(|(kind, name)| {
            let pair = self.home.old_pair(kind, name.clone());
            let candidate = Candidate::of(&state.path, &pair, &wish, &trust, &remembered);
            (kind, name, candidate)
        });
        let (now, ca) = (self.home.now, trust.ca.validity);
        let candidates = candidates.collect();
        let decision = renew::decide(
            candidates,
            &wish,
            ca,
            remembered.revoked(),
            &state.path,
            now,
        )?;
        assert!(decision.problems.is_empty(), "{:?}", decision.problems);
        if decision.due.is_empty() {
            return Ok(());
        }
        let issuer = self.home.issuer();
        let due = decision.due.into_iter();
        let new = due.map(|candidate| {
            let (_, replaced) = candidate.split();
            let Fresh { key, serial } = fresh();
            renew::reissue(&issuer, replaced, None, PairKey::Home(key), serial, now)
        });
        let new = new.collect::<Result<_, _>>()?;
        let renewal = renew::plan(rule.command(), &state, &issuer, new);
        self.home.apply(&renewal.plan);
        Ok(())
    }

    /// As `install` does it: what lay there goes, and the ledger is told.
    fn hand_out(&mut self, kind: PairKind, name: String, place: String) {
        let certificate = self.home.certificate(kind, &name);
        self.tell(self.handed_out(kind, &name, &certificate, &place));
        let there = self.places.entry((kind, place)).or_default();
        there.push((name, certificate));
    }

    /// As `undo` does it: what lay there before is there again, and the ledger is told.
    fn take_back(&mut self, which: usize) {
        let places = Vec::from_iter(self.places.keys().cloned());
        if places.is_empty() {
            return;
        }
        let (kind, place) = places[which % places.len()].clone();
        let mut there = self.places.remove(&(kind, place.clone())).unwrap();
        let (name, certificate) = there.pop().unwrap();
        match there.last() {
            Some((name, certificate)) => {
                // What was left behind long ago comes back knowingly.
                if self.home.trust().issuer_of(certificate).is_none() {
                    self.locked_out.insert(certificate.serial.clone());
                }
                self.tell(self.handed_out(kind, name, certificate, &place));
                self.places.insert((kind, place), there);
            }
            None => {
                let last = self.handed_out(kind, &name, &certificate, &place);
                self.tell(last.taken_back(self.home.now));
            }
        }
    }

    fn handed_out(
        &self,
        kind: PairKind,
        name: &str,
        certificate: &Certificate,
        place: &str,
    ) -> Entry {
        let trusts = Vec::from_iter(self.home.trust().all().map(|ca| ca.serial.clone()));
        let (purpose, now) = (kind.purpose(), self.home.now);
        Entry::handed_out(purpose, name, certificate, &trusts, place.to_owned(), now)
    }

    fn tell(&mut self, entry: Entry) {
        let changes = vec![self.home.state().append_to_ledger(entry.line())];
        let command = "install";
        self.home.apply(&Plan { command, changes });
    }

    fn name(&self, which: usize) -> Option<(PairKind, String)> {
        let names = self.home.names();
        (!names.is_empty()).then(|| names[which % names.len()].clone())
    }

    /// Whoever does what `status` says can finish, unless something is used nobody can renew.
    pub(super) fn assert_ends(&mut self) {
        if !self.moved.is_empty() || self.renew(Scope::All, Rule::OldCa).is_err() {
            return;
        }
        for ((kind, place), there) in self.places.clone() {
            let (name, _) = there.last().unwrap();
            self.hand_out(kind, name.clone(), place);
        }
        if Campaign::of(&self.home.trust()).is_some() {
            self.take(&Step::Finish).unwrap();
            self.assert_sound();
        }
    }

    /// Every certificate somebody may use: in the home, or where it was handed out.
    fn in_use(&self) -> Vec<(String, Purpose, Certificate)> {
        let here = self.home.names().into_iter().map(|(kind, name)| {
            let certificate = self.home.certificate(kind, &name);
            (kind.pair(&name), kind.purpose(), certificate)
        });
        let there = self.places.iter().map(|((kind, place), there)| {
            let (name, certificate) = there.last().unwrap();
            let words = format!("{} at {place}", kind.pair(name));
            (words, kind.purpose(), certificate.clone())
        });
        let moved = self.moved.iter().map(|(kind, (name, certificate))| {
            let words = format!("{} elsewhere", kind.pair(name));
            (words, kind.purpose(), certificate.clone())
        });
        let mut all = Vec::from_iter(here.chain(there).chain(moved));
        all.retain(|(_, _, certificate)| certificate.validity.not_after >= self.home.now);
        all
    }

    fn assert_nobody_is_left(&self, dropped: &Certificate) {
        for (what, purpose, certificate) in self.in_use() {
            let is_its = verify_chain(&certificate.der, &dropped.der, purpose, self.home.now);
            let is_known = self.locked_out.contains(&certificate.serial);
            assert!(is_its.is_err() || is_known, "{what} is left");
        }
    }

    /// What holds at any time.
    pub(super) fn assert_sound(&self) {
        let (home, trust) = (&self.home, self.home.trust());
        // Panics if the key is not that of the first.
        drop(home.issuer());
        for (kind, name) in home.names() {
            let path = format!("{}/{}", kind.pair(&name), layout::CA_CERTIFICATE);
            assert_eq!(home.files[&path], home.files[layout::CA_CERTIFICATE]);
        }
        for (what, purpose, certificate) in self.in_use() {
            let mut cas = trust.all();
            let is_trusted =
                cas.any(|ca| verify_chain(&certificate.der, &ca.der, purpose, home.now).is_ok());
            let is_known = self.locked_out.contains(&certificate.serial);
            assert!(is_trusted || is_known, "{what} is locked out");
        }
        let is_alive = trust.ca.validity.not_after >= home.now;
        for finding in home.findings() {
            let found = &finding.found;
            let of_time = found.contains("expired on");
            let is_its = |(kind, name): &(PairKind, String)| {
                let its = home.certificate(*kind, name);
                let is_out = its.validity.not_after < home.now;
                let is_known = self.locked_out.contains(&its.serial) || is_out;
                is_known
                    && finding
                        .path
                        .starts_with(home.state().path.join(kind.pair(name)))
            };
            let is_excused = of_time && !is_alive || home.names().iter().any(is_its);
            assert!(is_excused, "{finding:?}");
        }
        self.assert_recorded();
    }

    /// The ledger knows every certificate once.
    fn assert_recorded(&self) {
        let mut issued = BTreeMap::new();
        for entry in self.home.ledger() {
            if entry.event == Event::Issued {
                let before = issued.insert(entry.serial, entry.fingerprint);
                assert_eq!(before, None, "a serial number twice");
            }
        }
        for (path, (mode, content)) in &self.home.files {
            let is_key = path.ends_with("key.pem");
            assert!(!is_key || *mode == layout::KEY_MODE, "{mode:04o} {path}");
            if !path.ends_with(".pem") || is_key {
                continue;
            }
            for der in crate::pki::certificates_from_pem(content).unwrap() {
                let certificate = Certificate::from_der(&der).unwrap();
                let known = issued.get(&certificate.serial.to_string());
                assert_eq!(known, Some(&certificate.fingerprint()), "{path}");
            }
        }
    }
}

fn serial(hex: &str) -> Serial {
    let octet = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    Serial::from_be_bytes(&Vec::from_iter((0..hex.len()).step_by(2).map(octet)))
}

/// Every file but the ledger and those in the archive.
pub(super) fn in_place(home: &MemoryHome) -> BTreeMap<&String, &File> {
    let files = home.files.iter();
    let is_in_place = |path: &String| path != layout::LEDGER && !path.starts_with(layout::ARCHIVE);
    files.filter(|(path, _)| is_in_place(path)).collect()
}

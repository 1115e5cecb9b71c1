//! A home in memory: plans are carried out on a map, with everything checked that
//! [`crate::host::apply`] checks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use time::OffsetDateTime;
use time::macros::datetime;

use super::super::{ArchivedCa, Look, PublicFiles, PublicPair};
use crate::pki::{Ca, Certificate, Life, PrivateKey, SubjectAltNames, sha256_hex};
use crate::plan::client::tests::{key, serial};
use crate::plan::init::{self, Constraint, Init};
use crate::plan::issue::Fresh;
use crate::plan::layout::{self, PairKind};
use crate::plan::ledger::Entry;
use crate::plan::state::{DirectoryState, FileState, HomeState, OldPair, PairState, PresentFile};
use crate::plan::trust::{Issuer, Trust};
use crate::plan::verify::{self, Finding};
use crate::plan::{Change, NewFile, Plan};

/// A file's mode and content.
pub(super) type File = (u32, Vec<u8>);

/// A home, and what time it is there.
#[derive(Debug, Clone)]
pub(super) struct MemoryHome {
    pub(super) files: BTreeMap<String, File>,
    pub(super) directories: BTreeSet<String>,
    pub(super) now: OffsetDateTime,
}

impl MemoryHome {
    /// A CA that lives this long, the server `web` and the client `c0`.
    pub(super) fn new(ca_life: &str) -> Self {
        let mut home = Self {
            files: BTreeMap::new(),
            directories: BTreeSet::new(),
            now: datetime!(2026-11-23 20:00 UTC),
        };
        let wish = Init {
            sans: SubjectAltNames::parse(["web"]).unwrap(),
            server: "web".parse().unwrap(),
            client: "c0".parse().unwrap(),
            valid_for: Life::LEAF,
            ca_valid_for: ca_life.parse().unwrap(),
            constraint: Constraint::Unconstrained,
        };
        let keys = [fresh(), fresh(), fresh()];
        let made = init::plan(&home.state(), &wish, keys, None, home.now).unwrap();
        home.apply(&made.plan);
        home
    }

    /// Carries a plan out.  It must fit, down to the octet.
    pub(super) fn apply(&mut self, plan: &Plan) {
        for change in &plan.changes {
            match change {
                Change::ArchiveDirectory { path, .. } => panic!("a phase removes {path}"),
                Change::SetMode { .. } => panic!("no mode is wrong here"),
                Change::MakeDirectory { path, mode } => {
                    assert_eq!(*mode, layout::DIRECTORY_MODE);
                    assert!(self.directories.insert(path.clone()), "{path} is there");
                }
                Change::PlaceDirectory { path, files, .. } => self.place(path, files),
                Change::CreateFile(file) => self.create(file, file.path.clone()),
                Change::ReplaceFile { file, before } => {
                    let found = self.files.remove(&file.path);
                    assert_eq!(found.expect("it is there").1, **before, "{}", file.path);
                    self.create(file, file.path.clone());
                }
                Change::ReplaceDirectory {
                    path,
                    files,
                    before,
                    archived,
                    ..
                } => {
                    let kind = PairKind::of_path(path).unwrap();
                    let certificate = format!("{path}/{}", kind.certificate_file());
                    assert_eq!(sha256_hex(&self.files[&certificate].1), *before);
                    assert!(self.directories.contains(layout::ARCHIVE));
                    assert!(self.directories.insert(archived.clone()), "{archived}");
                    for (name, file) in self.take_away(path) {
                        self.files.insert(format!("{archived}/{name}"), file);
                    }
                    self.place(path, files);
                }
                Change::Append {
                    path,
                    before,
                    lines,
                    ..
                } => {
                    let found = self.files.get(path).map(|(_, text)| text.len() as u64);
                    assert_eq!(found, *before);
                    let empty = || (layout::RECORD_MODE, Vec::new());
                    let file = self.files.entry(path.clone()).or_insert_with(empty);
                    file.1.extend_from_slice(lines.as_bytes());
                }
            }
        }
    }

    fn place(&mut self, path: &str, files: &[NewFile]) {
        let (above, _) = path.rsplit_once('/').unwrap();
        assert!(self.directories.contains(above), "no {above}");
        assert!(self.directories.insert(path.to_owned()), "{path} is there");
        for file in files {
            self.create(file, format!("{path}/{}", file.path));
        }
    }

    fn create(&mut self, file: &NewFile, path: String) {
        let is_key = path.ends_with("key.pem");
        assert_eq!(file.mode & 0o077 == 0, is_key, "{:04o} {path}", file.mode);
        let content = file.content.bytes().to_vec();
        let before = self.files.insert(path, (file.mode, content));
        assert!(before.is_none(), "{} is there", file.path);
    }

    /// Removes a directory and returns its files by name.
    pub(super) fn take_away(&mut self, directory: &str) -> BTreeMap<String, File> {
        assert!(self.directories.remove(directory), "no {directory}");
        let below = format!("{directory}/");
        let mut taken = BTreeMap::new();
        self.files
            .retain(|path, file| match path.strip_prefix(&below) {
                None => true,
                Some(name) => {
                    taken.insert(name.to_owned(), std::mem::take(file));
                    false
                }
            });
        taken
    }

    fn file(&self, path: &str) -> FileState {
        match self.files.get(path) {
            None => FileState::Absent,
            Some((mode, content)) => FileState::Present(PresentFile {
                mode: *mode,
                owner: 0,
                content: content.clone().into(),
            }),
        }
    }

    /// What a command reads of the home itself.
    pub(super) fn state(&self) -> HomeState {
        let known = [layout::CA_CERTIFICATE, layout::LEDGER];
        let names = self.files.keys().chain(&self.directories);
        let others = names.filter(|name| !name.contains('/') && !known.contains(&name.as_str()));
        HomeState {
            path: PathBuf::from("/home"),
            directory: Some(DIRECTORY),
            ca_certificate: self.file(layout::CA_CERTIFICATE),
            ledger: self.file(layout::LEDGER),
            others: others.cloned().collect(),
        }
    }

    pub(super) fn trust(&self) -> Trust {
        self.state().trust().unwrap()
    }

    pub(super) fn ledger(&self) -> Vec<Entry> {
        self.state().ledger().unwrap()
    }

    /// Every pair's kind and name.
    pub(super) fn names(&self) -> Vec<(PairKind, String)> {
        let names = self.directories.iter().filter_map(|path| {
            let kind = PairKind::of_path(path)?;
            Some((kind, path.split_once('/')?.1.to_owned()))
        });
        let mut names = Vec::from_iter(names);
        names.sort();
        names
    }

    fn pair_file(&self, kind: PairKind, name: &str, file: &str) -> FileState {
        self.file(&format!("{}/{file}", kind.pair(name)))
    }

    pub(super) fn certificate(&self, kind: PairKind, name: &str) -> Certificate {
        let path = format!("{}/{}", kind.pair(name), kind.certificate_file());
        Certificate::from_pem(&self.files[&path].1).unwrap()
    }

    /// What a phase is planned from.
    pub(super) fn look(&self) -> Look {
        let pairs = self.names().into_iter().map(|(kind, name)| PublicPair {
            kind,
            files: PublicFiles {
                ca: self.pair_file(kind, &name, layout::CA_CERTIFICATE),
                certificate: self.pair_file(kind, &name, kind.certificate_file()),
            },
            name,
        });
        Look {
            pairs: pairs.collect(),
            home: self.state(),
            key: self.file(layout::CA_KEY),
        }
    }

    pub(super) fn archived(&self, serial: &str) -> ArchivedCa {
        let file = |name: &str| self.file(&format!("{}/{serial}/{name}", layout::ARCHIVE));
        ArchivedCa {
            certificate: file(layout::CA_CERTIFICATE),
            key: file(layout::CA_KEY),
        }
    }

    /// What a renewal is planned from.
    pub(super) fn old_pair(&self, kind: PairKind, name: String) -> OldPair {
        OldPair {
            kind,
            certificate: self.pair_file(kind, &name, kind.certificate_file()),
            key: None,
            name,
        }
    }

    /// The CA that signs.  That its key is its own is checked on the way.
    pub(super) fn issuer(&self) -> Issuer {
        let trust = self.trust();
        let key = PrivateKey::from_pem(&self.files[layout::CA_KEY].1).unwrap();
        Issuer {
            ca: Ca::from_parts(&trust.ca.der, key).unwrap(),
            trusted: trust.pem(),
        }
    }

    /// What `verify` finds.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let state = self.state();
        let context = verify::Context::new(&state, self.now);
        let there = layout::DIRECTORIES.map(|it| self.directories.contains(it));
        let directories = there.map(|there| there.then_some(DIRECTORY));
        let key = self.file(layout::CA_KEY);
        let judged = verify::home(&context, &state, directories, &key, None, None);
        let (mut findings, _) = judged.unwrap();
        for (kind, name) in self.names() {
            let pair = PairState {
                kind,
                directory: Some(DIRECTORY),
                ca: self.pair_file(kind, &name, layout::CA_CERTIFICATE),
                certificate: self.pair_file(kind, &name, kind.certificate_file()),
                key: self.pair_file(kind, &name, kind.key_file()),
                name,
            };
            findings.extend(verify::pair(&context, &pair));
        }
        findings
    }
}

const DIRECTORY: DirectoryState = DirectoryState {
    mode: layout::DIRECTORY_MODE,
    owner: 0,
};

/// A key and a serial number.
pub(super) fn fresh() -> Fresh {
    Fresh {
        key: key(),
        serial: serial(),
    }
}

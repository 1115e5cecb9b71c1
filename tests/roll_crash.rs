//! Kills each command of a rollover before every call that changes the disk, and makes every one of
//! them fail: afterwards the home is as it was, octet for octet, or as the command makes it.
//!
//! tests/shim/fault.c does that to the unchanged binary.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dockpki::pki::{Certificate, PrivateKey};
use dockpki::plan::trust::Trust;
use support::fault::{self, Faulty, at_each_point};
use support::tree::{self, Tree};
use support::{Ran, TestHome};

const START: &[&str] = &["ca", "roll", "start"];
const ISSUE: &[&str] = &["ca", "roll", "issue"];
const ISSUE_ONE: &[&str] = &["ca", "roll", "issue", "alice"];
const FINISH: &[&str] = &["ca", "roll", "finish", "--yes"];
const UNDO: &[&str] = &["ca", "roll", "undo"];

/// A command whose every step is a point.
struct Case {
    before: TestHome,
    tree: Tree,
    arguments: &'static [&'static str],
    after: Shape,
    calls: Vec<String>,
    /// What the file system lacks, for the shim.
    lacks: &'static str,
}

/// What is alike however often a command is done: no keys, serials and times, but whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    /// The CAs in `ca.pem`, by their number in the ledger.
    trust: Vec<usize>,
    /// Whose key is in `ca-key.pem`.
    key: usize,
    /// By path; who issued it.
    pairs: BTreeMap<String, usize>,
    /// The names of the files, and whose each is, or who issued it.
    archive: Vec<(Vec<String>, usize)>,
    ledger: Vec<String>,
}

impl Case {
    fn new(earlier: &[&[&str]], arguments: &'static [&'static str]) -> Self {
        Self::lacking("", earlier, arguments)
    }

    fn lacking(
        lacks: &'static str,
        earlier: &[&[&str]],
        arguments: &'static [&'static str],
    ) -> Self {
        let before = TestHome::in_memory();
        before
            .run(["init", "--san", "localhost", "--client", "alice"])
            .succeeds();
        for arguments in earlier {
            before.run(*arguments).succeeds();
        }
        let home = TestHome::in_memory();
        tree::copy(&before.path(), &home.path());
        let log = home.around().join("log");
        let log_at = log.to_str().unwrap();
        let variables = [("FAULT_LOG", log_at), ("FAULT_LACKS", lacks)];
        fault::run(home.command().args(arguments), &variables)
            .ran
            .succeeds();
        let calls = fs::read_to_string(log).unwrap();
        Self {
            tree: tree_of(&before),
            before,
            arguments,
            after: Shape::of(&home),
            calls: calls.lines().map(str::to_owned).collect(),
            lacks,
        }
    }

    fn home(&self) -> TestHome {
        let home = TestHome::in_memory();
        tree::copy(&self.before.path(), &home.path());
        home
    }

    fn faulty(&self, home: &TestHome, variables: &[(&str, &str)]) -> Faulty {
        let lacks = [("FAULT_LACKS", self.lacks)];
        let variables = [variables, &lacks].concat();
        fault::run(home.command().args(self.arguments), &variables)
    }

    fn killed_at(&self, home: &TestHome, at: usize) -> bool {
        let at = at.to_string();
        let variables = [("FAULT_AT", at.as_str()), ("FAULT_KIND", "kill")];
        self.faulty(home, &variables).killed
    }

    /// Runs the next command, then asserts that all is as before or all is done, and that it can be
    /// done if it is not.
    fn goes_on(&self, home: &TestHome) -> Became {
        let next = home.run(["verify"]).succeeds();
        assert!(next.stdout.contains("nothing found"), "{next:#?}");
        let became = self.became(home);
        let told = told(&next);
        assert!(
            told.is_none_or(|told| told == became),
            "{became:?}: {next:#?}"
        );
        if became == Became::Old {
            home.run(self.arguments).succeeds();
            assert_eq!(Shape::of(home), self.after);
        }
        became
    }

    fn became(&self, home: &TestHome) -> Became {
        assert_nothing_hidden(home);
        assert_safe(home);
        let now = tree_of(home);
        if now == self.tree {
            return Became::Old;
        }
        assert_eq!(Shape::of(home), self.after, "neither old nor new");
        // The CAs' keys are where they belong, and nowhere else.
        for (path, _, content) in now.files() {
            let is_key = content.windows(11).any(|part| part == b"PRIVATE KEY");
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(!is_key || name.ends_with("key.pem"), "{}", path.display());
        }
        Became::New
    }

    fn survives_a_kill_at_each_point(&self) {
        at_each_point(&self.calls, |at| {
            let home = self.home();
            assert!(self.killed_at(&home, at), "it was not killed");
            assert_safe(&home);
            self.goes_on(&home);
        });
        assert!(!self.killed_at(&self.home(), self.calls.len() + 1));
    }

    /// Kills it at each point, then the next command at each point of its recovery.
    fn survives_a_kill_of_its_recovery(&self) {
        at_each_point(&self.calls, |at| {
            let killed = self.home();
            assert!(self.killed_at(&killed, at));
            for again_at in 1.. {
                let home = TestHome::in_memory();
                tree::copy(&killed.path(), &home.path());
                let again_at = again_at.to_string();
                let variables = [
                    ("FAULT_AT", again_at.as_str()),
                    ("FAULT_KIND", "kill"),
                    ("FAULT_LACKS", self.lacks),
                ];
                if !fault::run(home.command().arg("list"), &variables).killed {
                    break;
                }
                assert_safe(&home);
                self.goes_on(&home);
            }
        });
    }

    fn undoes_itself_at_each_point(&self) {
        for (kind, reach) in [("eio", "once"), ("enospc", "space"), ("erofs", "on")] {
            at_each_point(&self.calls, |at| {
                let home = self.home();
                let at = at.to_string();
                let variables = [
                    ("FAULT_AT", at.as_str()),
                    ("FAULT_KIND", kind),
                    ("FAULT_REACH", reach),
                ];
                let ran = self.faulty(&home, &variables).ran;
                assert_safe(&home);
                let is_done = ran.stderr.contains("error: it is done, but ");
                let became = match ran.code {
                    0 => Some(Became::New),
                    3 if is_done => Some(Became::New),
                    1 => {
                        ran.says("error: ");
                        assert_eq!(ran.stdout, "");
                        assert!(tree_of(&home) == self.tree, "{kind}: not as before");
                        Some(Became::Old)
                    }
                    3 => {
                        assert_eq!(kind, "erofs", "{ran:#?}");
                        ran.says("it could not be undone");
                        None
                    }
                    _ => panic!("{ran:#?}"),
                };
                let found = self.goes_on(&home);
                assert!(became.is_none_or(|became| became == found), "{ran:#?}");
            });
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Old,
    New,
}

/// What the next command says became of the one that was killed.
fn told(next: &Ran) -> Option<Became> {
    if !next.stderr.contains("note: an earlier ") {
        return None;
    }
    match next.stderr.contains("and is finished now") {
        true => Some(Became::New),
        false => Some(Became::Old),
    }
}

fn tree_of(home: &TestHome) -> Tree {
    Tree::of(&home.path()).without(".lock")
}

fn assert_nothing_hidden(home: &TestHome) {
    for path in tree_of(home).0.keys() {
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(!name.starts_with('.'), "{} was left", path.display());
    }
}

/// Asserts what holds at every instant: no key is open to others, every directory is its owner's
/// alone, each pair in its place is whole, and whoever reads `ca.pem` finds CAs.
fn assert_safe(home: &TestHome) {
    let tree = tree_of(home);
    tree.assert_no_open_key();
    let root = fs::metadata(home.path()).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&root) & 0o777, 0o700);
    for (path, node) in &tree.0 {
        let is_directory = node.kind == tree::Kind::Directory;
        assert!(
            !is_directory || node.mode == 0o700,
            "{node:?} {}",
            path.display()
        );
    }
    Trust::from_pem(tree.file("ca.pem").unwrap()).unwrap();
    for (pair, certificate, key) in PAIRS {
        let read = |name: &str| tree.file(&format!("{pair}/{name}")).unwrap();
        let certificate = Certificate::from_pem(read(certificate)).unwrap();
        let key = PrivateKey::from_pem(read(key)).unwrap();
        assert!(certificate.public_key == *key.public_key(), "{pair}");
        Trust::from_pem(read("ca.pem")).unwrap();
    }
}

const PAIRS: [(&str, &str, &str); 2] = [
    ("servers/localhost", "server-cert.pem", "server-key.pem"),
    ("clients/alice", "cert.pem", "key.pem"),
];

impl Shape {
    fn of(home: &TestHome) -> Self {
        let read = |path: &Path| fs::read(home.path().join(path)).unwrap();
        let text = String::from_utf8(read(Path::new("issued.jsonl"))).unwrap();
        assert!(text.ends_with('\n'));
        let lines = text.lines();
        let entries =
            Vec::from_iter(lines.map(|it| serde_json::from_str::<serde_json::Value>(it).unwrap()));
        let issued = entries.iter().filter(|it| it["event"] == "issued");
        let cas = issued.filter(|it| it["kind"] == "ca");
        let cas = Vec::from_iter(cas.map(|it| it["serial"].as_str().unwrap().to_owned()));
        let number = |ca: &Certificate| {
            let serial = ca.serial.to_string();
            cas.iter().position(|it| *it == serial).unwrap()
        };
        let pem = read(Path::new("ca.pem"));
        let trust = Trust::from_pem(&pem).unwrap();
        let key = PrivateKey::from_pem(&read(Path::new("ca-key.pem"))).unwrap();
        assert!(*key.public_key() == trust.ca.public_key, "another CA's key");
        // Every CA there was, wherever it is now.
        let archived = fs::read_dir(home.path().join("archive"))
            .into_iter()
            .flatten();
        let archived = archived.map(|it| it.unwrap().path());
        let mut known = Vec::from_iter(trust.all().cloned());
        let mut archive = Vec::new();
        let directories = Vec::from_iter(archived);
        for directory in &directories {
            known.extend(
                Trust::from_pem(&fs::read(directory.join("ca.pem")).unwrap())
                    .unwrap()
                    .all()
                    .cloned(),
            );
        }
        let issuer = |certificate: &Certificate| {
            let mut known = known.iter();
            let issuer = known.find(|ca| ca.subject_der == certificate.issuer_der);
            number(issuer.unwrap())
        };
        for directory in &directories {
            let files = fs::read_dir(directory).unwrap();
            let names = files.map(|it| it.unwrap().file_name().into_string().unwrap());
            let mut names = Vec::from_iter(names);
            names.sort();
            let file = |end: &str| {
                let mut names = names.iter();
                let name = names.find(|name| name.ends_with(end)).cloned();
                name.map(|name| fs::read(directory.join(name)).unwrap())
            };
            let own = file("cert.pem").or_else(|| file("ca.pem")).unwrap();
            let own = Certificate::from_pem(&own).unwrap();
            assert!(directory.ends_with(own.serial.to_string()));
            let key = PrivateKey::from_pem(&file("key.pem").unwrap()).unwrap();
            assert!(own.public_key == *key.public_key());
            archive.push((names.clone(), issuer(&own)));
        }
        archive.sort();
        let pairs = PAIRS.map(|(pair, certificate, _)| {
            let at = Path::new(pair);
            assert!(read(&at.join("ca.pem")) == pem, "another ca.pem in {pair}");
            let certificate = Certificate::from_pem(&read(&at.join(certificate))).unwrap();
            (pair.to_owned(), issuer(&certificate))
        });
        let line = |it: &serde_json::Value| match it["kind"] == "ca" {
            true => {
                let ca = cas.iter().position(|ca| it["serial"] == **ca).unwrap();
                format!("{} ca {ca}", it["event"])
            }
            false => format!("{} {} {}", it["event"], it["kind"], it["name"]),
        };
        Self {
            trust: trust.all().map(number).collect(),
            key: number(&trust.ca),
            pairs: pairs.into(),
            archive,
            ledger: entries.iter().map(line).collect(),
        }
    }
}

fn start() -> Case {
    Case::new(&[], START)
}

fn issue() -> Case {
    Case::new(&[START], ISSUE)
}

fn finish() -> Case {
    Case::new(&[START, ISSUE], FINISH)
}

/// The next CA, of which no certificate is, is dropped.
fn undo_of_a_start() -> Case {
    Case::new(&[START], UNDO)
}

/// The old CA signs again, and alice is left with the new one.
fn undo_once_issued() -> Case {
    Case::new(&[START, ISSUE_ONE], UNDO)
}

/// The old CA is trusted again.
fn undo_once_finished() -> Case {
    Case::new(&[START, ISSUE, FINISH], UNDO)
}

#[test]
fn the_grid_knows_what_each_command_makes() {
    // The CAs trusted, who issued server and client, and the keys of CAs in the archive.
    for (case, trust, [server, client], keys) in [
        (start(), vec![1, 0], [0, 0], vec![0]),
        (issue(), vec![1, 0], [1, 1], vec![0]),
        (finish(), vec![1], [1, 1], vec![0]),
        (undo_of_a_start(), vec![0], [0, 0], vec![0, 1]),
        (undo_once_issued(), vec![0, 1], [0, 1], vec![0, 1]),
        (undo_once_finished(), vec![1, 0], [1, 1], vec![0]),
    ] {
        let Shape {
            trust: found,
            pairs,
            archive,
            ..
        } = &case.after;
        assert_eq!(*found, trust);
        let issuers = [pairs["servers/localhost"], pairs["clients/alice"]];
        assert_eq!(issuers, [server, client]);
        let cas = archive
            .iter()
            .filter(|(names, _)| *names == ["ca-key.pem", "ca.pem"]);
        assert_eq!(Vec::from_iter(cas.map(|(_, ca)| *ca)), keys);
    }
}

#[test]
fn start_killed_at_any_point_is_finished_or_undone() {
    start().survives_a_kill_at_each_point();
}

#[test]
fn start_without_links_killed_at_any_point_is_finished_or_undone() {
    Case::lacking("links", &[], START).survives_a_kill_at_each_point();
}

#[test]
fn issue_killed_at_any_point_is_finished_or_undone() {
    issue().survives_a_kill_at_each_point();
}

#[test]
fn finish_killed_at_any_point_is_finished_or_undone() {
    finish().survives_a_kill_at_each_point();
}

#[test]
fn undo_of_a_start_killed_at_any_point_is_finished_or_undone() {
    undo_of_a_start().survives_a_kill_at_each_point();
}

#[test]
fn undo_once_issued_killed_at_any_point_is_finished_or_undone() {
    undo_once_issued().survives_a_kill_at_each_point();
}

#[test]
fn undo_once_finished_killed_at_any_point_is_finished_or_undone() {
    undo_once_finished().survives_a_kill_at_each_point();
}

#[test]
fn recovery_of_a_start_killed_at_any_point_is_taken_up_by_the_next_command() {
    start().survives_a_kill_of_its_recovery();
}

#[test]
fn start_undoes_itself_when_calls_fail() {
    start().undoes_itself_at_each_point();
}

#[test]
fn issue_undoes_itself_when_calls_fail() {
    issue().undoes_itself_at_each_point();
}

#[test]
fn finish_undoes_itself_when_calls_fail() {
    finish().undoes_itself_at_each_point();
}

#[test]
fn undo_of_a_start_undoes_itself_when_calls_fail() {
    undo_of_a_start().undoes_itself_at_each_point();
}

#[test]
fn undo_once_issued_undoes_itself_when_calls_fail() {
    undo_once_issued().undoes_itself_at_each_point();
}

#[test]
fn undo_once_finished_undoes_itself_when_calls_fail() {
    undo_once_finished().undoes_itself_at_each_point();
}

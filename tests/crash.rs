//! Kills the program before every single call that changes the disk, and makes every one of them
//! fail, then asserts what a user sees who goes on.
//!
//! tests/shim/fault.c does that to the unchanged binary and says which calls are covered.  Each
//! point is a process of its own on a home of its own; a point that fails is reported with the
//! number and the name of its call, beside all the others that do.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use dockpki::pki::{Certificate, PrivateKey};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use support::fault::{self, Ended, Faulty, at_each_point, shim};
use support::{Ran, TestHome, dockpki, snapshot};

/// A command whose every step is a point, and what it makes.
struct Case {
    /// What the home is before, or nothing if it is not there.
    before: Option<TestHome>,
    arguments: &'static [&'static str],
    /// The journal's name for it.
    command: &'static str,
    /// `kind name` of each pair it makes.
    made: &'static [&'static str],
    /// What the same command says once it is done, and its exit code.
    already: (i32, &'static str),
}

const INIT: &[&str] = &["init", "--san", "localhost,127.0.0.1", "--client", "alice"];
const INIT_MAKES: &[&str] = &["client alice", "server localhost"];

impl Case {
    fn init(before: Option<TestHome>) -> Self {
        Self {
            before,
            arguments: INIT,
            command: "init",
            made: INIT_MAKES,
            already: (0, "Nothing was changed"),
        }
    }

    fn two_clients() -> Self {
        Self {
            before: Some(home_with_ca()),
            arguments: &["client", "issue", "a", "b"],
            command: "client issue",
            made: &["client a", "client b"],
            already: (1, "there is a client `a` already, nothing was issued"),
        }
    }

    fn server() -> Self {
        Self {
            before: Some(home_with_ca()),
            arguments: &["server", "issue", "web", "--san", "web.example.com"],
            command: "server issue",
            made: &["server web"],
            already: (1, "there is a server `web` already, nothing was issued"),
        }
    }

    /// Enough for the home to be made durable as a whole, not file by file.
    fn many_clients() -> Self {
        Self {
            before: Some(home_with_ca()),
            arguments: &["client", "issue", "a", "b", "c", "d", "e"],
            command: "client issue",
            made: &["client a", "client b", "client c", "client d", "client e"],
            already: (1, "there is a client `a` already, nothing was issued"),
        }
    }

    /// A fresh home as it is before.
    fn home(&self) -> TestHome {
        match &self.before {
            Some(before) => copy_of(before),
            None => TestHome::in_memory(),
        }
    }

    /// `kind name` of each pair in the home before.
    fn names_before(&self) -> BTreeSet<String> {
        let makes_ca = self.command == "init";
        let all = INIT_MAKES.iter().filter(|_| !makes_ca);
        all.map(|name| (*name).to_owned()).collect()
    }

    /// The calls of the command when nothing happens to it.
    fn calls(&self) -> Vec<String> {
        let home = self.home();
        let log = home.around().join("log");
        let ran = faulty(
            &home,
            self.arguments,
            &[("FAULT_LOG", log.to_str().unwrap())],
        );
        assert!(!ran.killed);
        ran.ran.succeeds();
        let text = fs::read_to_string(log).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Asserts that all of it was made or nothing.
    fn assert_all_or_nothing(&self, now: &BTreeSet<String>) -> AllOrNothing {
        let before = self.names_before();
        let made = self.made.iter().map(|name| (*name).to_owned());
        let after = before.iter().cloned().chain(made).collect();
        if *now == before {
            return AllOrNothing::Nothing;
        }
        assert_eq!(*now, after, "neither all of it nor nothing");
        AllOrNothing::All
    }

    /// Runs the same command again, to its end: it does it, or says that it is done.
    fn again(&self, home: &TestHome) -> Ran {
        let ran = home.run(self.arguments);
        let (code, text) = self.already;
        let done = ran.code == code && (ran.stdout.contains(text) || ran.stderr.contains(text));
        let made = ran.code == 0 && ran.stdout.starts_with("Made ");
        assert!(done || made, "{ran:#?}");
        let now = assert_sound(home, &[]);
        assert_eq!(self.assert_all_or_nothing(&now), AllOrNothing::All);
        ran
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AllOrNothing {
    All,
    Nothing,
}

/// Runs dockpki with the shim, which these variables tell what to do.
fn faulty(home: &TestHome, arguments: &[&str], variables: &[(&str, &str)]) -> Faulty {
    fault::run(home.command().args(arguments), variables)
}

fn killed_at(home: &TestHome, arguments: &[&str], at: usize) -> bool {
    let at = at.to_string();
    let variables = [("FAULT_AT", at.as_str()), ("FAULT_KIND", "kill")];
    faulty(home, arguments, &variables).killed
}

fn home_with_ca() -> TestHome {
    let home = TestHome::in_memory();
    home.run(INIT).succeeds();
    home
}

fn copy_of(home: &TestHome) -> TestHome {
    let copy = TestHome::in_memory();
    if home.path().exists() {
        copy_directory(&home.path(), &copy.path());
    }
    copy
}

/// Copies a directory with all modes.
fn copy_directory(from: &Path, to: &Path) {
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_directory(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
    fs::set_permissions(to, from.metadata().unwrap().permissions()).unwrap();
}

/// What `list` shows, or nothing if there is no CA.
fn listed(home: &TestHome) -> Option<Vec<serde_json::Value>> {
    let ran = home.run(["list", "--output", "json"]);
    if ran.code == 1 && ran.stderr.contains("there is no CA in") {
        return None;
    }
    let ran = ran.succeeds();
    let mut report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    Some(report["certificates"].as_array_mut().unwrap().split_off(0))
}

/// `kind name` of every server and client.
fn pair_names(listed: &[serde_json::Value]) -> BTreeSet<String> {
    let pairs = listed.iter().filter(|it| it["kind"] != "ca").map(|it| {
        assert_eq!(it["state"], "valid", "{it}");
        let text = |field: &str| it[field].as_str().unwrap().to_owned();
        format!("{} {}", text("kind"), text("name"))
    });
    pairs.collect()
}

fn names(home: &TestHome) -> BTreeSet<String> {
    pair_names(&listed(home).unwrap_or_default())
}

/// Whether a command was killed here.  The journal's name tells its phase.
fn has_journal(home: &TestHome) -> bool {
    let names = [".journal", ".journal.publishing", ".journal.undoing"];
    names.iter().any(|name| home.path().join(name).exists())
}

/// Asserts that a command tells of recovery if and only if there was something to recover, and
/// returns what became of the command that was killed.
#[track_caller]
fn told_of_recovery(ran: &Ran, had_journal: bool, command: &str) -> Option<AllOrNothing> {
    let finished =
        format!("note: an earlier `{command}` was cut off near its end and is finished now");
    let undone = format!("note: an earlier `{command}` was cut off and is undone now");
    // Of one that was killed before it had said what it was about to do.
    let unnamed = "note: an earlier command was cut off and is undone now";
    let told = match () {
        () if ran.stderr.contains(&finished) => Some(AllOrNothing::All),
        () if ran.stderr.contains(&undone) => Some(AllOrNothing::Nothing),
        () if ran.stderr.contains(unnamed) => Some(AllOrNothing::Nothing),
        () => None,
    };
    assert_eq!(told.is_some(), had_journal, "{ran:#?}");
    told
}

/// Every file below a directory.
fn files_of(directory: &Path) -> Vec<PathBuf> {
    let paths = snapshot(directory).into_iter().map(|(path, ..)| path);
    paths.filter(|path| path.is_file()).collect()
}

/// Asserts what must hold at every instant, even while a killed command's remains lie about: no
/// key is open to others, and no server or client in its place is half or mismatched.
fn assert_safe(home: &TestHome) {
    if !home.path().exists() {
        return;
    }
    let root_mode = home.path().metadata().unwrap().mode() & 0o7777;
    let mut keys = 0;
    for (path, mode, content) in snapshot(&home.path()) {
        if path.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
        }
        if String::from_utf8_lossy(&content).contains("PRIVATE KEY") {
            keys += 1;
            assert_eq!(mode & 0o077, 0, "mode {mode:04o} of {}", path.display());
        }
    }
    // A home that was there before keeps its mode until a key is in its place.
    if home.path().join("ca-key.pem").exists() || keys == 0 {
        assert!(
            root_mode == 0o700 || keys == 0,
            "mode {root_mode:04o} of the home"
        );
    }
    for (kind, certificate, key) in [
        ("servers", "server-cert.pem", "server-key.pem"),
        ("clients", "cert.pem", "key.pem"),
    ] {
        let Ok(entries) = fs::read_dir(home.path().join(kind)) else {
            continue;
        };
        for pair in entries {
            let pair = pair.unwrap();
            if pair.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let read = |name: &str| fs::read(pair.path().join(name)).unwrap();
            let certificate = Certificate::from_pem(&read(certificate)).unwrap();
            let key = PrivateKey::from_pem(&read(key)).unwrap();
            assert!(
                certificate.public_key == *key.public_key(),
                "a certificate beside another's key in {}",
                pair.path().display()
            );
            Certificate::from_pem(&read("ca.pem")).unwrap();
        }
    }
}

/// Asserts that a home is as if nothing had ever happened to it: `verify` finds nothing, nothing
/// is left over, and the ledger has one entry for each certificate.  Returns the names in it.
fn assert_sound(home: &TestHome, verify: &[&str]) -> BTreeSet<String> {
    let ran = home.run(["verify"].iter().chain(verify)).succeeds();
    assert!(ran.stdout.contains("nothing found"), "{ran:#?}");
    assert_recorded(home)
}

/// Asserts that nothing is left over and the ledger has one entry for each certificate.  Returns
/// the names in the home.
fn assert_recorded(home: &TestHome) -> BTreeSet<String> {
    assert_nothing_hidden(home);
    assert_safe(home);
    let listed = listed(home).expect("there is a CA");
    let mut serials: Vec<_> = listed.iter().map(|it| it["serial"].clone()).collect();
    serials.sort_by_key(ToString::to_string);
    let ledger = fs::read_to_string(home.path().join("issued.jsonl")).unwrap();
    assert!(ledger.ends_with('\n'));
    let mut entered: Vec<_> = ledger
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["serial"].clone())
        .collect();
    entered.sort_by_key(ToString::to_string);
    assert_eq!(
        entered, serials,
        "the ledger has not one entry for each certificate"
    );
    pair_names(&listed)
}

/// Asserts that nothing in the home but the lock begins with a dot.
fn assert_nothing_hidden(home: &TestHome) {
    for (path, ..) in snapshot(&home.path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.starts_with('.'), "{} was left behind", path.display());
    }
}

/// Kills a command at each point.  Then a reader and the same command, and the same command
/// alone, must find their way.
fn survives_a_kill_at_each_point(case: &Case) {
    let calls = case.calls();
    at_each_point(&calls, |at| {
        let home = case.home();
        assert!(
            killed_at(&home, case.arguments, at),
            "the command was not killed"
        );
        assert_safe(&home);
        let had_journal = has_journal(&home);
        let other = copy_of(&home);

        let ran = home.run(["list"]);
        let told = told_of_recovery(&ran, had_journal, case.command);
        let became = case.assert_all_or_nothing(&names(&home));
        match case.command == "init" && became == AllOrNothing::Nothing {
            true => assert!(ran.stderr.contains("there is no CA in"), "{ran:#?}"),
            false => drop(ran.succeeds()),
        }
        assert!(
            told.is_none_or(|told| told == became),
            "{told:?} but {became:?}"
        );
        assert!(!has_journal(&home));
        assert_safe(&home);
        told_of_recovery(&case.again(&home), false, case.command);

        told_of_recovery(&case.again(&other), had_journal, case.command);
    });
    // And one more is not there: the points are all there are.
    let home = case.home();
    assert!(!killed_at(&home, case.arguments, calls.len() + 1));
}

/// Kills a command at each point, then the next command at each point of its recovery.
fn survives_a_kill_of_its_recovery(case: &Case) {
    at_each_point(&case.calls(), |at| {
        let home = case.home();
        assert!(killed_at(&home, case.arguments, at));
        for again_at in 1.. {
            let home = copy_of(&home);
            if !killed_at(&home, &["list"], again_at) {
                break;
            }
            assert_safe(&home);
            let had_journal = has_journal(&home);
            let ran = home.run(["verify"]).succeeds();
            let told = told_of_recovery(&ran, had_journal, case.command);
            let became = case.assert_all_or_nothing(&assert_recorded(&home));
            assert!(
                told.is_none_or(|told| told == became),
                "{told:?} but {became:?}"
            );
        }
    });
}

const NOT_DURABLE: &str = "error: it is done, but a power cut now might take it: ";
const STILL_KEPT: &str =
    "error: it is done, but what it replaced is still kept under a hidden name: ";
const NOT_UNDONE: &str = "it could not be undone";

/// Whether the command may say 3 when a single call fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NotUndone {
    Never,
    /// Only if every later call fails too.
    Allowed,
}

/// Asserts that a home is as it was.
#[track_caller]
fn assert_same(before: &[(PathBuf, u32, Vec<u8>)], home: &TestHome) {
    let after = snapshot(&home.path());
    let more = |these: &[(PathBuf, u32, Vec<u8>)], those: &[(PathBuf, u32, Vec<u8>)]| {
        let only = these.iter().filter(|one| !those.contains(one));
        let name = |path: &Path| {
            path.strip_prefix(home.path())
                .unwrap()
                .display()
                .to_string()
        };
        let words = only.map(|(path, mode, _)| format!("{mode:04o} {}", name(path)));
        words.collect::<Vec<_>>()
    };
    let (appeared, gone) = (more(&after, before), more(before, &after));
    assert!(
        appeared.is_empty() && gone.is_empty(),
        "not as before: there is {appeared:?}, there was {gone:?}"
    );
}

/// Makes calls fail at each point.  The command says so, and everything is as it was.
fn undoes_itself_at_each_point(case: &Case, kind: &str, reach: &str, not_undone: NotUndone) {
    let words = match kind {
        "eio" => "input/output error",
        "enospc" => "no space left on device",
        "erofs" => "read-only file system",
        _ => unreachable!(),
    };
    at_each_point(&case.calls(), |at| {
        let home = case.home();
        let existed = home.path().exists();
        let before = snapshot(&home.path());
        let root_mode = || home.path().metadata().ok().map(|it| it.mode() & 0o7777);
        let mode_before = root_mode();
        let at = at.to_string();
        let variables = [
            ("FAULT_AT", at.as_str()),
            ("FAULT_KIND", kind),
            ("FAULT_REACH", reach),
        ];
        let ran = faulty(&home, case.arguments, &variables).ran;
        assert_safe(&home);
        match ran.code {
            // The process number in the lock file is worth no error, for one.
            0 => assert_eq!(case.assert_all_or_nothing(&names(&home)), AllOrNothing::All),
            1 => {
                assert!(ran.stderr.starts_with("error: "), "{ran:#?}");
                assert!(ran.stderr.contains(words), "{ran:#?}");
                assert_eq!(ran.stdout, "");
                assert_same(&before, &home);
                if not_undone == NotUndone::Never {
                    assert_eq!(home.path().exists(), existed, "the home was left behind");
                    assert_eq!(root_mode(), mode_before);
                }
            }
            3 if ran.stderr.contains(NOT_DURABLE) => {
                assert_eq!(case.assert_all_or_nothing(&names(&home)), AllOrNothing::All);
            }
            3 => {
                assert!(not_undone == NotUndone::Allowed, "{ran:#?}");
                assert!(ran.stderr.contains(NOT_UNDONE), "{ran:#?}");
            }
            _ => panic!("{ran:#?}"),
        }
        // Mended: the next command finds its way.
        case.again(&home);
    });
}

/// Makes one call fail at each point, then kills the command at each later point, while it undoes
/// itself.
fn survives_a_kill_while_undoing(case: &Case) {
    at_each_point(&case.calls(), |at| {
        for kill_at in at + 1.. {
            let home = case.home();
            let (at, kill_at) = (at.to_string(), kill_at.to_string());
            let variables = [
                ("FAULT_AT", at.as_str()),
                ("FAULT_KIND", "eio"),
                ("FAULT_KILL_AT", kill_at.as_str()),
            ];
            if !faulty(&home, case.arguments, &variables).killed {
                break;
            }
            assert_safe(&home);
            let had_journal = has_journal(&home);
            let ran = home.run(["list"]);
            let told = told_of_recovery(&ran, had_journal, case.command);
            let became = case.assert_all_or_nothing(&names(&home));
            assert!(
                told.is_none_or(|told| told == became),
                "{told:?} but {became:?}"
            );
            case.again(&home);
        }
    });
}

/// Stops a writer at each point.  A reader says that it waits, waits, and then sees all of it.
fn a_reader_waits_at_each_point(case: &Case) {
    let calls = case.calls();
    let locked = calls
        .iter()
        .position(|call| call.contains("/.journal"))
        .unwrap()
        + 1;
    at_each_point(&calls, |at| {
        if at < locked {
            return;
        }
        let home = case.home();
        let mut writer = home.command();
        writer.args(case.arguments).env("LD_PRELOAD", shim());
        writer
            .env("FAULT_AT", at.to_string())
            .env("FAULT_KIND", "stop");
        writer.stdout(Stdio::null()).stderr(Stdio::null());
        let mut writer = Ended(writer.spawn().unwrap());
        let process = Pid::from_child(&writer.0);
        let (_, status) = waitpid(Some(process), WaitOptions::UNTRACED)
            .unwrap()
            .unwrap();
        assert!(status.stopped(), "{status:?}");

        let mut reader = home.command();
        reader
            .args(["list", "--output", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut reader = reader.spawn().unwrap();
        let mut note = String::new();
        BufReader::new(reader.stderr.take().unwrap())
            .read_line(&mut note)
            .unwrap();
        kill_process(process, Signal::CONT).unwrap();
        let read = Ran::from(reader.wait_with_output().unwrap()).succeeds();
        assert!(writer.0.wait().unwrap().success());
        let waits = format!(
            "note: waiting for another dockpki (process {}) to finish with the home\n",
            process.as_raw_nonzero()
        );
        assert_eq!(note, waits);
        let report: serde_json::Value = serde_json::from_str(&read.stdout).unwrap();
        let now = pair_names(report["certificates"].as_array().unwrap());
        assert_eq!(case.assert_all_or_nothing(&now), AllOrNothing::All);
    });
}

#[test]
fn a_reader_waits_for_a_writer_at_any_point() {
    a_reader_waits_at_each_point(&Case::two_clients());
}

#[test]
fn the_shim_sees_every_rename_and_every_write() {
    let calls = Case::two_clients().calls();
    let count = |start: &str| calls.iter().filter(|call| call.starts_with(start)).count();
    assert_eq!(count("renameat2 "), 2, "{calls:#?}");
    assert_eq!(count("rename "), 1, "the journal: {calls:#?}");
    assert_eq!(count("unlink "), 1, "the journal: {calls:#?}");
    assert_eq!(count("mkdir "), 2, "{calls:#?}");
    // The lock, the journal, three files each, the ledger.
    assert_eq!(count("write"), 1 + 1 + 6 + 1, "{calls:#?}");
    let calls = Case::many_clients().calls();
    assert!(
        calls.iter().any(|call| call.starts_with("syncfs")),
        "{calls:#?}"
    );
}

#[test]
fn init_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::init(None));
}

#[test]
fn init_in_an_empty_directory_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::init(Some(empty_directory())));
}

#[test]
fn client_issue_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::two_clients());
}

#[test]
fn issue_of_many_clients_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::many_clients());
}

#[test]
fn server_issue_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::server());
}

#[test]
fn recovery_killed_at_any_point_is_taken_up_by_the_next_command() {
    survives_a_kill_of_its_recovery(&Case::two_clients());
}

#[test]
fn undo_after_an_error_killed_at_any_point_is_taken_up_by_the_next_command() {
    survives_a_kill_while_undoing(&Case::two_clients());
}

#[test]
fn init_undoes_itself_when_one_call_fails() {
    undoes_itself_at_each_point(&Case::init(None), "eio", "once", NotUndone::Never);
}

#[test]
fn init_in_an_empty_directory_undoes_itself_when_one_call_fails() {
    let case = Case::init(Some(empty_directory()));
    undoes_itself_at_each_point(&case, "eio", "once", NotUndone::Never);
}

#[test]
fn client_issue_undoes_itself_when_one_call_fails() {
    undoes_itself_at_each_point(&Case::two_clients(), "eio", "once", NotUndone::Never);
}

#[test]
fn server_issue_undoes_itself_when_one_call_fails() {
    undoes_itself_at_each_point(&Case::server(), "eio", "once", NotUndone::Never);
}

#[test]
fn init_undoes_itself_when_the_disk_fills_up() {
    undoes_itself_at_each_point(&Case::init(None), "enospc", "space", NotUndone::Never);
}

#[test]
fn client_issue_undoes_itself_when_the_disk_fills_up() {
    undoes_itself_at_each_point(&Case::two_clients(), "enospc", "space", NotUndone::Never);
}

#[test]
fn init_is_undone_or_finished_later_when_the_disk_turns_read_only() {
    undoes_itself_at_each_point(&Case::init(None), "erofs", "on", NotUndone::Allowed);
}

#[test]
fn client_issue_is_undone_or_finished_later_when_the_disk_turns_read_only() {
    undoes_itself_at_each_point(&Case::two_clients(), "erofs", "on", NotUndone::Allowed);
}

/// A home that is an empty directory of the usual mode.
fn empty_directory() -> TestHome {
    let home = TestHome::in_memory();
    fs::DirBuilder::new()
        .mode(0o755)
        .create(home.path())
        .unwrap();
    home
}

// ---- renew

/// A renewal whose every step is a point.
struct Renewal {
    before: TestHome,
    names: Vec<String>,
    /// What the file system lacks: `exchange`, `links`, or nothing.
    lacks: &'static str,
}

/// What is in a home of an old or a new pair: `kind/name` and the certificate's serial.
type Serials = BTreeSet<(String, String)>;

impl Renewal {
    fn of(clients: usize, lacks: &'static str) -> Self {
        let before = home_with_ca();
        let names = Vec::from_iter((0..clients).map(|number| format!("c{number}")));
        if clients > 0 {
            let issue = ["client", "issue"].into_iter();
            before
                .run(issue.chain(names.iter().map(String::as_str)))
                .succeeds();
        }
        Self {
            before,
            names,
            lacks,
        }
    }

    /// One client, where the archive is still to be made.
    fn one() -> Self {
        let mut one = Self::of(0, "");
        one.names = vec!["alice".into()];
        one
    }

    /// A server and a client of the same name and one more, where there is an archive already.
    fn several() -> Self {
        let mut several = Self::of(0, "");
        several
            .before
            .run(["client", "issue", "localhost"])
            .succeeds();
        several.before.run(["renew", "alice", "--force"]).succeeds();
        several.names = vec!["alice".into(), "localhost".into()];
        several
    }

    fn lacking(self, lacks: &'static str) -> Self {
        Self { lacks, ..self }
    }

    fn arguments(&self) -> Vec<&str> {
        let names = self.names.iter().map(String::as_str);
        ["renew", "--force"].into_iter().chain(names).collect()
    }

    fn faulty(&self, home: &TestHome, variables: &[(&str, &str)]) -> Faulty {
        let lacks = [("FAULT_LACKS", self.lacks)];
        faulty(home, &self.arguments(), &[variables, &lacks].concat())
    }

    fn calls(&self) -> Vec<String> {
        let home = copy_of(&self.before);
        let log = home.around().join("log");
        let ran = self.faulty(&home, &[("FAULT_LOG", log.to_str().unwrap())]);
        ran.ran.succeeds();
        assert_eq!(self.assert_old_or_new(&home), AllOrNothing::All);
        let text = fs::read_to_string(log).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn killed_at(&self, home: &TestHome, at: usize) -> bool {
        let at = at.to_string();
        let variables = [("FAULT_AT", at.as_str()), ("FAULT_KIND", "kill")];
        self.faulty(home, &variables).killed
    }

    /// How many pairs it renews.
    fn count(&self) -> usize {
        let kinds = ["servers", "clients"].into_iter();
        let all =
            kinds.flat_map(|kind| self.names.iter().map(move |name| format!("{kind}/{name}")));
        all.filter(|pair| self.before.path().join(pair).exists())
            .count()
    }

    /// Asserts that every pair is the old one or every one is new, that the archive has exactly
    /// what was replaced, whole, and that the ledger agrees.
    fn assert_old_or_new(&self, home: &TestHome) -> AllOrNothing {
        let ran = home.run(["verify"]).succeeds();
        assert!(ran.stdout.contains("nothing found"), "{ran:#?}");
        assert_nothing_hidden(home);
        assert_safe(home);
        let (before, now) = (pairs_of(&self.before), pairs_of(home));
        let (archived_before, archived) = (archive_of(&self.before), archive_of(home));
        let gone: Serials = before.difference(&now).cloned().collect();
        let fresh: Serials = now.difference(&before).cloned().collect();
        let names = |all: &Serials| Vec::from_iter(all.iter().map(|(name, _)| name.clone()));
        assert_eq!(names(&gone), names(&fresh));
        let archived_now = archived.difference(&archived_before).cloned().collect();
        let serials = |all: &Serials| BTreeSet::from_iter(all.iter().map(|(_, it)| it.clone()));
        assert_eq!(serials(&gone), archived_now, "not what was replaced");
        assert!(archived.is_superset(&archived_before));
        assert_whole_archive(home);

        let all: BTreeSet<_> = serials(&now).union(&archived).cloned().collect();
        let entries = ledger(home);
        let issued = entries.iter().filter(|entry| entry["kind"] != "ca");
        let entered: Vec<_> = issued.map(|entry| text_of(&entry["serial"])).collect();
        assert_eq!(entered.len(), all.len());
        assert_eq!(
            BTreeSet::from_iter(entered),
            all,
            "the ledger does not agree"
        );
        for (name, serial) in &fresh {
            let entry = entries.iter().find(|entry| entry["serial"] == **serial);
            let replaces = text_of(&entry.unwrap()["replaces"]);
            assert!(gone.contains(&(name.clone(), replaces)), "{name}");
        }
        match gone.len() {
            0 => AllOrNothing::Nothing,
            all => {
                assert_eq!(all, self.count(), "neither all of them nor none");
                AllOrNothing::All
            }
        }
    }

    /// Kills it at each point.  The next command finishes it or undoes it, and says so.
    fn survives_a_kill_at_each_point(&self) {
        let calls = self.calls();
        at_each_point(&calls, |at| {
            let home = copy_of(&self.before);
            assert!(self.killed_at(&home, at), "it was not killed");
            self.assert_safe_pairs(&home);
            let had_journal = has_journal(&home);
            let ran = home.run(["list"]).succeeds();
            let told = told_of_recovery(&ran, had_journal, "renew");
            let became = self.assert_old_or_new(&home);
            assert!(
                told.is_none_or(|told| told == became),
                "{told:?}, {became:?}"
            );
            home.run(self.arguments()).succeeds();
        });
        assert!(!self.killed_at(&copy_of(&self.before), calls.len() + 1));
    }

    /// Between any two calls a pair is whole; without an exchange it may be missing.
    fn assert_safe_pairs(&self, home: &TestHome) {
        assert_safe(home);
        if self.lacks != "exchange" {
            let names = |all: Serials| Vec::from_iter(all.into_iter().map(|(name, _)| name));
            assert_eq!(names(pairs_of(home)), names(pairs_of(&self.before)));
        }
    }

    /// Kills it at each point, then the next command at each point of its recovery.
    fn survives_a_kill_of_its_recovery(&self) {
        at_each_point(&self.calls(), |at| {
            let home = copy_of(&self.before);
            assert!(self.killed_at(&home, at));
            for again_at in 1.. {
                let home = copy_of(&home);
                let at = again_at.to_string();
                let variables = [
                    ("FAULT_AT", at.as_str()),
                    ("FAULT_KIND", "kill"),
                    ("FAULT_LACKS", self.lacks),
                ];
                if !faulty(&home, &["list"], &variables).killed {
                    break;
                }
                assert_safe(&home);
                let ran = home.run(["list"]).succeeds();
                let told = told_of_recovery(&ran, ran.stderr.contains("an earlier"), "renew");
                let became = self.assert_old_or_new(&home);
                assert!(
                    told.is_none_or(|told| told == became),
                    "{told:?}, {became:?}"
                );
            }
        });
    }

    /// Makes calls fail at each point.  The old pairs are whole, or the command says that it is
    /// done, or what the next one does.
    fn undoes_itself_at_each_point(&self, kind: &str, reach: &str, not_undone: NotUndone) {
        at_each_point(&self.calls(), |at| {
            let home = copy_of(&self.before);
            let before = snapshot(&home.path());
            let at = at.to_string();
            let variables = [
                ("FAULT_AT", &*at),
                ("FAULT_KIND", kind),
                ("FAULT_REACH", reach),
            ];
            let ran = self.faulty(&home, &variables).ran;
            self.assert_safe_pairs(&home);
            let became = match ran.code {
                0 => Some(AllOrNothing::All),
                1 => {
                    assert!(ran.stderr.starts_with("error: "), "{ran:#?}");
                    assert_eq!(ran.stdout, "");
                    assert_same(&before, &home);
                    Some(AllOrNothing::Nothing)
                }
                3 if ran.stderr.contains(NOT_DURABLE) => Some(AllOrNothing::All),
                3 => {
                    assert!(not_undone == NotUndone::Allowed, "{ran:#?}");
                    assert!(ran.stderr.contains(NOT_UNDONE), "{ran:#?}");
                    None
                }
                _ => panic!("{ran:#?}"),
            };
            // Mended: the next command finds its way.
            home.run(["list"]).succeeds();
            let found = self.assert_old_or_new(&home);
            assert!(became.is_none_or(|became| became == found), "{ran:#?}");
            home.run(self.arguments()).succeeds();
        });
    }

    /// Makes one call fail at each point, then kills it at each later point, while it undoes
    /// itself.
    fn survives_a_kill_while_undoing(&self) {
        at_each_point(&self.calls(), |at| {
            for kill_at in at + 1.. {
                let home = copy_of(&self.before);
                let (at, kill_at) = (at.to_string(), kill_at.to_string());
                let variables = [
                    ("FAULT_AT", at.as_str()),
                    ("FAULT_KIND", "eio"),
                    ("FAULT_KILL_AT", kill_at.as_str()),
                ];
                if !self.faulty(&home, &variables).killed {
                    break;
                }
                self.assert_safe_pairs(&home);
                let had_journal = has_journal(&home);
                let ran = home.run(["list"]).succeeds();
                let told = told_of_recovery(&ran, had_journal, "renew");
                let became = self.assert_old_or_new(&home);
                assert!(
                    told.is_none_or(|told| told == became),
                    "{told:?}, {became:?}"
                );
            }
        });
    }
}

fn text_of(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn ledger(home: &TestHome) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(home.path().join("issued.jsonl")).unwrap();
    assert!(text.ends_with('\n'));
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// The servers and clients that are in their place.
fn pairs_of(home: &TestHome) -> Serials {
    let mut found = Serials::new();
    for (kind, file) in [("servers", "server-cert.pem"), ("clients", "cert.pem")] {
        for pair in fs::read_dir(home.path().join(kind)).unwrap() {
            let pair = pair.unwrap();
            let name = pair.file_name().to_str().unwrap().to_owned();
            if !name.starts_with('.') {
                let pem = fs::read(pair.path().join(file)).unwrap();
                let serial = Certificate::from_pem(&pem).unwrap().serial.to_string();
                found.insert((format!("{kind}/{name}"), serial));
            }
        }
    }
    found
}

/// The names in the archive.
fn archive_of(home: &TestHome) -> BTreeSet<String> {
    let entries = fs::read_dir(home.path().join("archive"))
        .into_iter()
        .flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// Asserts that each directory in the archive has a certificate of its serial, its key and its CA.
fn assert_whole_archive(home: &TestHome) {
    for serial in archive_of(home) {
        let directory = home.path().join("archive").join(&serial);
        assert_eq!(directory.metadata().unwrap().mode() & 0o7777, 0o700);
        let is_server = directory.join("server-cert.pem").exists();
        let (certificate, key) = match is_server {
            true => ("server-cert.pem", "server-key.pem"),
            false => ("cert.pem", "key.pem"),
        };
        let read = |name: &str| fs::read(directory.join(name)).unwrap();
        let certificate = Certificate::from_pem(&read(certificate)).unwrap();
        assert_eq!(certificate.serial.to_string(), serial);
        let key = PrivateKey::from_pem(&read(key)).unwrap();
        assert!(certificate.public_key == *key.public_key());
        Certificate::from_pem(&read("ca.pem")).unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 3);
    }
}

#[test]
fn renewal_of_one_killed_at_any_point_is_finished_or_undone() {
    Renewal::one().survives_a_kill_at_each_point();
}

#[test]
fn renewal_of_several_killed_at_any_point_is_finished_or_undone() {
    Renewal::several().survives_a_kill_at_each_point();
}

#[test]
fn renewal_of_many_killed_at_any_point_is_finished_or_undone() {
    Renewal::of(6, "").survives_a_kill_at_each_point();
}

#[test]
fn renewal_without_exchange_killed_at_any_point_is_finished_or_undone() {
    Renewal::several()
        .lacking("exchange")
        .survives_a_kill_at_each_point();
}

#[test]
fn recovery_of_a_renewal_killed_at_any_point_is_taken_up_by_the_next_command() {
    for lacks in ["", "exchange"] {
        Renewal::one()
            .lacking(lacks)
            .survives_a_kill_of_its_recovery();
    }
}

#[test]
fn undo_of_a_renewal_killed_at_any_point_is_taken_up_by_the_next_command() {
    for lacks in ["", "exchange"] {
        Renewal::one()
            .lacking(lacks)
            .survives_a_kill_while_undoing();
    }
}

#[test]
fn renewal_undoes_itself_when_one_call_fails() {
    for lacks in ["", "exchange"] {
        let several = Renewal::several().lacking(lacks);
        several.undoes_itself_at_each_point("eio", "once", NotUndone::Never);
    }
}

#[test]
fn renewal_of_one_undoes_itself_when_one_call_fails() {
    Renewal::one().undoes_itself_at_each_point("eio", "once", NotUndone::Never);
}

#[test]
fn renewal_undoes_itself_when_the_disk_fills_up() {
    let several = Renewal::several();
    several.undoes_itself_at_each_point("enospc", "space", NotUndone::Never);
}

#[test]
fn renewal_is_undone_or_finished_later_when_the_disk_turns_read_only() {
    for lacks in ["", "exchange"] {
        let several = Renewal::several().lacking(lacks);
        several.undoes_itself_at_each_point("erofs", "on", NotUndone::Allowed);
    }
}

const OLD: &str = "the old passphrase";
const NEW: &str = "the new passphrase";

/// What the CA's key file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CaKey {
    Plain,
    Old,
    New,
}

/// A change of the CA key's passphrase.
struct Passwd {
    before: TestHome,
    arguments: Vec<String>,
    from: CaKey,
    to: CaKey,
    /// The unencrypted key's first line of Base64.
    body: String,
}

impl Passwd {
    fn new(from: CaKey, to: CaKey) -> Self {
        let before = TestHome::in_memory();
        for (name, text) in [("old", OLD), ("new", NEW)] {
            secret_file(&before.around().join(name), text);
        }
        let path = |name: &str| before.around().join(name).to_str().unwrap().to_owned();
        let (old, new) = (path("old"), path("new"));
        before.run(INIT).succeeds();
        let plain = fs::read_to_string(before.path().join("ca-key.pem")).unwrap();
        let body = plain.lines().nth(1).unwrap().to_owned();
        if from == CaKey::Old {
            before
                .run(["ca", "passwd", "--new-passphrase-file", &old])
                .succeeds();
        }
        let mut arguments = vec!["ca".to_owned(), "passwd".to_owned()];
        if from == CaKey::Old {
            arguments.extend(["--passphrase-file".to_owned(), old]);
        }
        match to {
            CaKey::Plain => arguments.extend(["--remove".to_owned(), "--yes".to_owned()]),
            _ => arguments.extend(["--new-passphrase-file".to_owned(), new]),
        }
        Self {
            before,
            arguments,
            from,
            to,
            body,
        }
    }

    fn arguments(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }

    fn calls(&self) -> Vec<String> {
        let home = copy_of(&self.before);
        let log = home.around().join("log");
        faulty(
            &home,
            &self.arguments(),
            &[("FAULT_LOG", log.to_str().unwrap())],
        )
        .ran
        .succeeds();
        let text = fs::read_to_string(log).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// What the CA's key file holds: the very octets it held, or what `verify` must open.
    fn key(&self, home: &TestHome) -> CaKey {
        let content = |home: &TestHome| fs::read(home.path().join("ca-key.pem")).unwrap();
        match content(home) == content(&self.before) {
            true => self.from,
            false => self.to,
        }
    }

    /// Asserts that the home is sound and its CA's key opens in one of the two ways.
    fn assert_old_or_new(&self, home: &TestHome) -> CaKey {
        let key = self.key(home);
        let copies = |except_in_place: bool| {
            files_of(&home.path()).into_iter().filter(move |path| {
                let in_place = path.ends_with("ca-key.pem") && except_in_place;
                let content = fs::read(path).unwrap();
                !in_place && String::from_utf8_lossy(&content).contains(&self.body)
            })
        };
        let left: Vec<_> = copies(key == CaKey::Plain).collect();
        assert!(left.is_empty(), "the key is not encrypted in {left:?}");
        // Who issues opens the key, and clears away a journal that was never begun.
        let mut issue = home.command();
        issue.args(["client", "issue", "later"]);
        match key {
            CaKey::Plain => &mut issue,
            CaKey::Old => issue
                .arg("--passphrase-file")
                .arg(self.before.around().join("old")),
            CaKey::New => issue
                .arg("--passphrase-file")
                .arg(self.before.around().join("new")),
        };
        Ran::from(issue.output().unwrap()).succeeds();
        assert_sound(home, &[]);
        key
    }

    /// Kills the change at each point: the key opens as before or as it shall.
    fn survives_a_kill_at_each_point(&self) {
        at_each_point(&self.calls(), |at| {
            let home = copy_of(&self.before);
            assert!(killed_at(&home, &self.arguments(), at));
            assert_safe(&home);
            let had_journal = has_journal(&home);
            let ran = home.run(["list"]).succeeds();
            let told = told_of_recovery(&ran, had_journal, "ca passwd");
            let became = self.assert_old_or_new(&home);
            match told {
                Some(AllOrNothing::All) => assert_eq!(became, self.to),
                Some(AllOrNothing::Nothing) => assert_eq!(became, self.from),
                None => {}
            }
        });
    }

    /// Makes one call fail at each point: the key opens as before, or the command says that it
    /// could not undo itself, and the next one finishes it.
    fn undoes_itself_at_each_point(&self, kind: &str, reach: &str, not_undone: NotUndone) {
        at_each_point(&self.calls(), |at| {
            let home = copy_of(&self.before);
            let before = snapshot(&home.path());
            let at = at.to_string();
            let variables = [
                ("FAULT_AT", &*at),
                ("FAULT_KIND", kind),
                ("FAULT_REACH", reach),
            ];
            let ran = faulty(&home, &self.arguments(), &variables).ran;
            assert_safe(&home);
            match ran.code {
                0 => assert_eq!(self.key(&home), self.to),
                1 => assert_same(&before, &home),
                3 if [NOT_DURABLE, STILL_KEPT]
                    .iter()
                    .any(|words| ran.stderr.contains(words)) =>
                {
                    assert_eq!(self.key(&home), self.to);
                }
                3 => assert!(
                    not_undone == NotUndone::Allowed && ran.stderr.contains(NOT_UNDONE),
                    "{ran:#?}"
                ),
                _ => panic!("{ran:#?}"),
            }
            // Finishes what could not be undone, if there is such a thing.
            home.run(["list"]).succeeds();
            let became = self.assert_old_or_new(&home);
            if ran.code == 1 {
                assert_eq!(became, self.from);
            }
        });
    }
}

/// A file for its owner alone with one line.
fn secret_file(path: &Path, text: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    writeln!(file.unwrap(), "{text}").unwrap();
}

#[test]
fn setting_a_passphrase_killed_at_any_point_leaves_the_key_openable() {
    Passwd::new(CaKey::Plain, CaKey::New).survives_a_kill_at_each_point();
}

#[test]
fn changing_a_passphrase_killed_at_any_point_leaves_the_key_openable() {
    Passwd::new(CaKey::Old, CaKey::New).survives_a_kill_at_each_point();
}

#[test]
fn removing_a_passphrase_killed_at_any_point_leaves_the_key_openable() {
    Passwd::new(CaKey::Old, CaKey::Plain).survives_a_kill_at_each_point();
}

#[test]
fn setting_a_passphrase_undoes_itself_when_one_call_fails() {
    Passwd::new(CaKey::Plain, CaKey::New).undoes_itself_at_each_point(
        "eio",
        "once",
        NotUndone::Never,
    );
}

#[test]
fn removing_a_passphrase_undoes_itself_when_the_disk_fills_up() {
    Passwd::new(CaKey::Old, CaKey::Plain).undoes_itself_at_each_point(
        "enospc",
        "space",
        NotUndone::Never,
    );
}

#[test]
fn setting_a_passphrase_is_undone_or_finished_later_when_the_disk_turns_read_only() {
    Passwd::new(CaKey::Plain, CaKey::New).undoes_itself_at_each_point(
        "erofs",
        "on",
        NotUndone::Allowed,
    );
}

#[test]
fn a_journal_cut_off_is_in_nobodys_way() {
    let case = Case::init(None);
    let calls = case.calls();
    let begun = calls
        .iter()
        .position(|call| call.contains("/.journal"))
        .unwrap()
        + 1;
    let home = case.home();
    assert!(killed_at(&home, case.arguments, begun + 1));
    let torn = |(path, ..): &(PathBuf, u32, Vec<u8>)| path.ends_with(".journal");
    assert!(snapshot(&home.path()).iter().any(torn));
    home.run(case.arguments.iter().chain(&["--dry-run"]))
        .succeeds();
    let verify = home.run(["verify"]).fails(1);
    assert!(verify.stderr.contains("there is no CA in"), "{verify:#?}");
    case.again(&home);
}

#[test]
fn a_journal_of_another_version_is_refused_and_kept() {
    let home = home_with_ca();
    let journal = home.path().join(".journal");
    let text = r#"{"version":2,"command":"client issue","phase":"staging","steps":[]}"#;
    fs::write(&journal, text).unwrap();
    let before = snapshot(&home.path());
    for arguments in [&["list"][..], &["client", "issue", "a"]] {
        let ran = home.run(arguments).fails(1);
        assert!(
            ran.stderr
                .contains("cannot be read: found version 2, wanted 1"),
            "{ran:#?}"
        );
        assert!(snapshot(&home.path()) == before);
    }
}

#[test]
fn the_plain_binary_does_not_know_the_variables_of_the_shim() {
    let mut command = dockpki();
    command
        .arg("--version")
        .env("FAULT_AT", "1")
        .env("FAULT_KIND", "kill");
    assert!(command.status().unwrap().success());
}

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

#[path = "../support/mod.rs"]
mod support;

mod issue;
mod journal;
mod passwd;
mod renew;

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

const INIT: &[&str] = &["init", "--san", "localhost,127.0.0.1", "--client", "alice"];

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

// ---- renew

//! Kills `client export` and `client remove` before every single call that changes the disk, and
//! makes every one of them fail, then asserts what a user finds.
//!
//! tests/shim/fault.c does that to the unchanged binary, under a umask of 0.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "tests touch the machine")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockpki::plan::hand_outs::hand_outs;
use dockpki::plan::ledger::Event;
use support::fault::{self, Faulty, at_each_point};
use support::{Ran, TestHome, snapshot, tree};

fn home_with_clients() -> TestHome {
    let home = TestHome::in_memory();
    home.run(["init", "--san", "localhost", "--client", "alice"])
        .succeeds();
    home.run(["client", "issue", "bob", "carol"]).succeeds();
    home
}

fn copy_of(home: &TestHome) -> TestHome {
    let copy = TestHome::in_memory();
    tree::copy(&home.path(), &copy.path());
    copy
}

fn command(home: &TestHome, arguments: &[&str]) -> Command {
    let mut command = home.command();
    command.args(arguments).current_dir(home.around());
    command.env("XDG_STATE_HOME", home.around().join("state"));
    command
}

fn calls(before: &TestHome, arguments: &[&str]) -> Vec<String> {
    let home = copy_of(before);
    let log = home.around().join("log");
    let ran = fault::run(
        &mut command(&home, arguments),
        &[("FAULT_LOG", log.to_str().unwrap())],
    );
    ran.ran.succeeds();
    let text = fs::read_to_string(log).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn faulty(home: &TestHome, arguments: &[&str], at: usize, [kind, reach]: [&str; 2]) -> Faulty {
    let at = at.to_string();
    let variables = [
        ("FAULT_AT", at.as_str()),
        ("FAULT_KIND", kind),
        ("FAULT_REACH", reach),
    ];
    fault::run(&mut command(home, arguments), &variables)
}

const KILL: [&str; 2] = ["kill", "once"];
const FAULTS: [[&str; 2]; 3] = [["eio", "once"], ["enospc", "space"], ["erofs", "once"]];

// ---- client export

/// The forms, with the file or directory each goes to.
const TAR: (&[&str], &str) = (
    &["client", "export", "alice", "--as", "tar"],
    "alice.tar.gz",
);
const DIR: (&[&str], &str) = (&["client", "export", "alice", "--as", "dir"], "alice");

/// What lies beside the home under a hidden name.
fn hidden(home: &TestHome) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.around()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_hidden = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with('.');
    paths.filter(is_hidden).collect()
}

/// Asserts that no file below has a key that anybody else can reach.
fn assert_closed(path: &Path) {
    let mode = path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "{mode:04o} {}", path.display());
    if path.is_dir() {
        let key = path.join("key.pem");
        assert!(!key.exists() || key.metadata().unwrap().permissions().mode() & 0o077 == 0);
    }
}

/// Asserts that what is there is whole, and known.
fn assert_whole(home: &TestHome, path: &Path) {
    assert_closed(path);
    match path.is_dir() {
        true => {
            for name in ["ca.pem", "cert.pem", "key.pem"] {
                let theirs = fs::read(home.path().join("clients/alice").join(name)).unwrap();
                assert!(fs::read(path.join(name)).unwrap() == theirs, "{name}");
            }
        }
        false => {
            let bundle = dockpki::plan::bundle::Bundle::read(&fs::read(path).unwrap()).unwrap();
            assert_eq!(bundle.name.as_str(), "alice");
        }
    }
    let ledger = home.ledger();
    assert_eq!(hand_outs(&ledger).len(), 1, "nobody knows of it");
}

fn survives_kills((arguments, file): (&[&str], &str)) {
    let before = home_with_clients();
    let calls = calls(&before, arguments);
    at_each_point(&calls, |at| {
        let home = copy_of(&before);
        assert!(faulty(&home, arguments, at, KILL).killed);
        let path = home.around().join(file);
        for left in hidden(&home) {
            assert!(file == "alice", "a file was left: {}", left.display());
            assert_closed(&left);
        }
        match path.exists() {
            true => assert_whole(&home, &path),
            false => {
                let ran = Ran::from(command(&home, arguments).output().unwrap()).succeeds();
                let is_told = ran
                    .stderr
                    .contains("an export that was cut off may have left a key");
                assert_eq!(
                    is_told,
                    hidden(&home).iter().any(|it| it.is_dir()),
                    "{ran:?}"
                );
                assert_whole(&home, &path);
            }
        }
        home.run(["verify"]).succeeds();
    });
    assert!(!faulty(&copy_of(&before), arguments, calls.len() + 1, KILL).killed);
}

#[test]
fn an_archive_killed_at_any_point_is_not_there_or_whole_and_known() {
    survives_kills(TAR);
}

#[test]
fn a_directory_killed_at_any_point_is_not_there_or_whole_and_known() {
    survives_kills(DIR);
}

fn undoes_itself((arguments, file): (&[&str], &str)) {
    let before = home_with_clients();
    let calls = calls(&before, arguments);
    for how in FAULTS {
        at_each_point(&calls, |at| {
            let home = copy_of(&before);
            let ran = faulty(&home, arguments, at, how).ran;
            let path = home.around().join(file);
            match ran.code {
                0 => assert_whole(&home, &path),
                1 => {
                    assert!(
                        ran.stderr.contains("error: ") && ran.stdout.is_empty(),
                        "{ran:?}"
                    );
                    assert!(!path.exists() && hidden(&home).is_empty(), "{ran:?}");
                    let ledger = home.ledger();
                    let is_told = ran
                        .stderr
                        .contains("nothing was handed out, but the ledger tells so");
                    assert_eq!(hand_outs(&ledger).is_empty(), !is_told, "{ran:?}");
                }
                3 => {
                    ran.says("it is done, but a power cut now might take it");
                    assert_whole(&home, &path);
                }
                _ => panic!("{ran:#?}"),
            }
        });
    }
}

#[test]
fn an_archive_that_cannot_be_written_leaves_nothing() {
    undoes_itself(TAR);
}

#[test]
fn a_directory_that_cannot_be_written_leaves_nothing() {
    undoes_itself(DIR);
}

#[test]
fn an_export_that_fails_does_not_hide_the_one_before() {
    let home = home_with_clients();
    let (arguments, file) = TAR;
    Ran::from(command(&home, arguments).output().unwrap()).succeeds();
    fs::rename(home.around().join(file), home.around().join("sent")).unwrap();
    home.run(["renew", "alice", "--force"]).succeeds();
    let out = || {
        let ledger = home.ledger();
        let out = hand_outs(&ledger);
        Vec::from_iter(out.iter().map(|it| it.entry.serial.clone()))
    };
    let first = out();
    // Its name is given last of all.
    let link = calls(&home, arguments)
        .iter()
        .rposition(|call| call.starts_with("linkat"));
    let ran = faulty(&home, arguments, link.unwrap() + 1, ["eio", "once"])
        .ran
        .fails(1);
    assert!(!home.around().join(file).exists(), "{ran:?}");
    assert_eq!(out(), first);
}

// ---- client remove

const REMOVE: &[&str] = &["client", "remove", "alice", "bob"];

#[derive(Debug, PartialEq, Eq)]
enum Became {
    Removed,
    Kept,
}

/// Asserts that both are in the home or both in the archive, whole, and the ledger agrees.
fn became(home: &TestHome) -> Became {
    let removed = home
        .ledger()
        .into_iter()
        .filter(|entry| entry.event == Event::Removed);
    let removed = Vec::from_iter(removed.map(|entry| entry.serial));
    let there = ["alice", "bob"].map(|name| home.path().join("clients").join(name).exists());
    let archive = home.path().join("archive");
    let archived = fs::read_dir(&archive).map_or(0, |entries| entries.count());
    assert!(home.path().join("clients/carol").exists());
    home.run(["verify"]).succeeds();
    match removed.len() {
        0 => {
            assert_eq!((there, archived), ([true; 2], 0));
            Became::Kept
        }
        2 => {
            assert_eq!((there, archived), ([false; 2], 2));
            for serial in removed {
                let key = archive.join(serial).join("key.pem");
                assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o400);
            }
            Became::Removed
        }
        other => panic!("{other} of 2 are removed"),
    }
}

#[test]
fn a_removal_killed_at_any_point_is_finished_or_undone() {
    let before = home_with_clients();
    let calls = calls(&before, REMOVE);
    at_each_point(&calls, |at| {
        let home = copy_of(&before);
        assert!(faulty(&home, REMOVE, at, KILL).killed);
        let ran = home.run(["list"]).succeeds();
        match became(&home) {
            Became::Kept => {
                assert!(!ran.stderr.contains("is finished now"), "{ran:?}");
                home.run(REMOVE).succeeds();
            }
            Became::Removed => {
                assert!(!ran.stderr.contains("is undone now"), "{ran:?}");
                home.run(REMOVE).fails(1);
            }
        }
        assert_eq!(became(&home), Became::Removed);
    });
    assert!(!faulty(&copy_of(&before), REMOVE, calls.len() + 1, KILL).killed);
}

#[test]
fn recovery_of_a_removal_killed_at_any_point_is_taken_up_by_the_next_command() {
    let before = home_with_clients();
    at_each_point(&calls(&before, REMOVE), |at| {
        let home = copy_of(&before);
        assert!(faulty(&home, REMOVE, at, KILL).killed);
        for again_at in 1.. {
            let home = copy_of(&home);
            if !faulty(&home, &["list"], again_at, KILL).killed {
                break;
            }
            home.run(["list"]).succeeds();
            became(&home);
        }
    });
}

#[test]
fn a_removal_undoes_itself_when_one_call_fails() {
    let before = home_with_clients();
    for how in FAULTS {
        at_each_point(&calls(&before, REMOVE), |at| {
            let home = copy_of(&before);
            let as_before = snapshot(&home.path());
            let ran = faulty(&home, REMOVE, at, how).ran;
            match ran.code {
                0 => assert_eq!(became(&home), Became::Removed),
                1 => {
                    assert!(snapshot(&home.path()) == as_before, "{ran:?}");
                    assert_eq!(became(&home), Became::Kept);
                }
                3 => {
                    ran.says("it is done, but ");
                    home.run(["list"]).succeeds();
                    assert_eq!(became(&home), Became::Removed);
                }
                _ => panic!("{ran:#?}"),
            }
        });
    }
}

#[test]
fn an_undo_of_a_removal_killed_at_any_point_is_taken_up_by_the_next_command() {
    let before = home_with_clients();
    at_each_point(&calls(&before, REMOVE), |at| {
        for kill_at in at + 1.. {
            let home = copy_of(&before);
            let (at, kill_at) = (at.to_string(), kill_at.to_string());
            let variables = [
                ("FAULT_AT", at.as_str()),
                ("FAULT_KIND", "eio"),
                ("FAULT_KILL_AT", kill_at.as_str()),
            ];
            if !fault::run(&mut command(&home, REMOVE), &variables).killed {
                break;
            }
            home.run(["list"]).succeeds();
            became(&home);
        }
    });
}

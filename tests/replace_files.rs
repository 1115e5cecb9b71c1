//! Several files of a home replaced by one plan, killed before and failed at every call that
//! changes the disk: all of the old or all of the new, and no copy of a key stays.
//!
//! No command of today does it with more than one file, so this binary runs itself with the shim:
//! see [`the_process_that_replaces`].

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockpki::host::{self, Access, Create, Home};
use dockpki::plan::{Change, Content, Encryption, NewFile, Plan};
use support::fault::{self, at_each_point};
use support::{TestHome, snapshot};

const HOME: &str = "DOCKPKI_TEST_HOME";

/// What is replaced, each with other content of its kind.
const REPLACED: [&str; 4] = [
    "ca.pem",
    "ca-key.pem",
    "servers/localhost/ca.pem",
    "clients/alice/ca.pem",
];

/// What a rollover does to a home, more or less: files replaced, others put into the archive.
fn plan(home: &Path) -> Plan {
    let read = |path: &str| fs::read(home.join(path)).unwrap();
    let mut changes = vec![
        Change::MakeDirectory {
            path: "archive".into(),
            mode: 0o700,
        },
        Change::PlaceDirectory {
            path: "archive/07".into(),
            mode: 0o700,
            files: vec![NewFile {
                path: "ca-key.pem".into(),
                mode: 0o400,
                content: Content::Public(String::from_utf8(read("ca-key.pem")).unwrap()),
            }],
        },
    ];
    changes.extend(REPLACED.map(|path| Change::ReplaceFile {
        file: NewFile {
            path: path.into(),
            mode: if path.contains("key") { 0o400 } else { 0o444 },
            content: match path.contains("key") {
                true => Content::Key {
                    pem: new(path).into_bytes().into(),
                    fingerprint: "0".repeat(64),
                    encryption: Encryption::Plain,
                },
                false => Content::Public(new(path)),
            },
        },
        before: read(path).into(),
    }));
    Plan {
        command: "ca roll",
        changes,
    }
}

fn new(path: &str) -> String {
    format!("what {path} holds from now on")
}

#[test]
#[ignore = "run by the others, with the shim"]
fn the_process_that_replaces() {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else {
        return;
    };
    let open = Home::open(&home, Access::Write(Create::No), &|_| ());
    let code = match open.and_then(|mut open| host::apply(&mut open, &plan(&home))) {
        Ok(()) => 0,
        Err(host::Error::NotUndone { .. }) => 31,
        Err(host::Error::StillKept { .. } | host::Error::NotDurable { .. }) => 32,
        Err(_) => 1,
    };
    std::process::exit(code);
}

/// Runs the plan in a process of its own with the shim.
fn replace(home: &TestHome, variables: &[(&str, &str)]) -> fault::Faulty {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "the_process_that_replaces",
        "--ignored",
        "--nocapture",
    ]);
    command.args(["--test-threads", "1"]);
    command.env(HOME, home.path());
    fault::run(&mut command, variables)
}

fn fresh() -> TestHome {
    let home = TestHome::in_memory();
    home.run(["init", "--san", "localhost", "--client", "alice"])
        .succeeds();
    home
}

fn calls(lacks: &str) -> Vec<String> {
    let home = fresh();
    let log = home.around().join("log");
    let log_at = log.to_str().unwrap();
    let ran = replace(&home, &[("FAULT_LOG", log_at), ("FAULT_LACKS", lacks)]);
    assert_eq!(ran.ran.code, 0, "{:#?}", ran.ran);
    let text = fs::read_to_string(log).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Opens the home as the next command does, then tells whether all is old or all is new.
fn is_new(home: &TestHome, before: &[(PathBuf, u32, Vec<u8>)]) -> bool {
    drop(Home::open(&home.path(), Access::Write(Create::No), &|_| ()).unwrap());
    let now = snapshot(&home.path());
    for (path, mode, content) in &now {
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(!name.starts_with('.'), "{} is left", path.display());
        let is_key = String::from_utf8_lossy(content).contains("PRIVATE KEY");
        assert!(!is_key || mode & 0o077 == 0);
    }
    if now == before {
        return false;
    }
    for path in REPLACED {
        assert_eq!(
            fs::read_to_string(home.path().join(path)).unwrap(),
            new(path)
        );
    }
    let count = now.len();
    assert_eq!(count, before.len() + 3, "the archive, one in it, and a key");
    true
}

#[test]
fn killed_at_any_point_all_files_are_old_or_new() {
    for lacks in ["", "links"] {
        at_each_point(&calls(lacks), |at| {
            let home = fresh();
            let before = snapshot(&home.path());
            let at = at.to_string();
            let variables = [
                ("FAULT_AT", at.as_str()),
                ("FAULT_KIND", "kill"),
                ("FAULT_LACKS", lacks),
            ];
            assert!(replace(&home, &variables).killed);
            is_new(&home, &before);
        });
    }
}

#[test]
fn every_file_goes_back_when_one_call_fails() {
    for (kind, reach) in [("eio", "once"), ("enospc", "space"), ("erofs", "on")] {
        at_each_point(&calls(""), |at| {
            let home = fresh();
            let before = snapshot(&home.path());
            let at = at.to_string();
            let variables = [
                ("FAULT_AT", at.as_str()),
                ("FAULT_KIND", kind),
                ("FAULT_REACH", reach),
            ];
            let code = replace(&home, &variables).ran.code;
            if code == 1 {
                assert!(snapshot(&home.path()) == before, "not as before");
            }
            let became = is_new(&home, &before);
            match code {
                0 | 32 => assert!(became),
                1 => assert!(!became),
                31 => assert_eq!(kind, "erofs"),
                other => panic!("exit code {other}"),
            }
        });
    }
}

#[test]
fn undo_killed_at_any_point_goes_back_all_the_same() {
    for lacks in ["", "links"] {
        at_each_point(&calls(lacks), |at| {
            for kill_at in at + 1.. {
                let home = fresh();
                let before = snapshot(&home.path());
                let (at, kill_at) = (at.to_string(), kill_at.to_string());
                let variables = [
                    ("FAULT_AT", at.as_str()),
                    ("FAULT_KIND", "eio"),
                    ("FAULT_KILL_AT", kill_at.as_str()),
                    ("FAULT_LACKS", lacks),
                ];
                if !replace(&home, &variables).killed {
                    break;
                }
                is_new(&home, &before);
            }
        });
    }
}

//! Mistakes and misfortunes: each has a clear error, and nothing is left behind.
//!
//! What happens when a system call fails or the program is killed is in tests/crash.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

#[path = "../support/mod.rs"]
mod support;

mod at_once;
mod disk;
mod files;
mod found;
mod home;
mod owners;
mod passphrase;
mod repeated;
mod validity;

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dockpki::pki::{Ca, KeyType, Life, PrivateKey, Serial, Validity};
use support::by_hand::{self, ca_of, days, put_client};
use support::{Ran, TestHome, has, is_root, program_exists, snapshot};
use time::{Duration, OffsetDateTime};

const INIT: &[&str] = &["init", "--san", "localhost,127.0.0.1", "--client", "alice"];
const ISSUE: &[&str] = &["client", "issue", "bob"];

/// Runs a command that must be refused: with these words on standard error, nothing on standard
/// output, and nothing changed.
#[track_caller]
fn refuses<S: AsRef<str>>(home: &TestHome, arguments: &[S], words: &[&str]) -> Ran {
    let before = everything(home.around());
    let ran = home.run(arguments.iter().map(AsRef::as_ref)).fails(1);
    for word in words {
        assert!(ran.stderr.contains(word), "no {word:?} in {ran:#?}");
    }
    assert!(ran.stderr.starts_with("error: "), "{ran:#?}");
    let lines = ran.stderr.lines().count();
    assert!(lines <= 2, "an error and a hint, a line each: {ran:#?}");
    assert_eq!(ran.stdout, "");
    assert!(
        everything(home.around()) == before,
        "something was left behind"
    );
    ran
}

/// A snapshot that has owners too, and the lock file's presence.
fn everything(directory: &Path) -> Vec<(PathBuf, u32, Vec<u8>, u32, bool)> {
    let entries = snapshot(directory).into_iter();
    let with_owner = entries.map(|(path, mode, content)| {
        let owner = path.symlink_metadata().unwrap().uid();
        let locked = path.join(".lock").exists();
        (path, mode, content, owner, locked)
    });
    with_owner.collect()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Puts other content into a file and leaves its mode as it is.
fn overwrite(path: &Path, content: impl AsRef<[u8]>) {
    let mode = path.metadata().unwrap().mode();
    set_mode(path, 0o600);
    fs::write(path, content).unwrap();
    set_mode(path, mode & 0o7777);
}

fn truncate(path: &Path) {
    let content = fs::read(path).unwrap();
    overwrite(path, &content[..content.len() / 2]);
}

/// A file for its owner alone.
fn secret_file(home: &TestHome, name: &str, text: &str) -> String {
    let path = home.around().join(name);
    fs::write(&path, text).unwrap();
    set_mode(&path, 0o600);
    path.to_str().unwrap().to_owned()
}

fn list(home: &TestHome) -> Vec<serde_json::Value> {
    let ran = home.run(["list", "--output", "json"]).succeeds();
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    report["certificates"].as_array().unwrap().clone()
}

fn state_of(home: &TestHome, name: &str) -> String {
    let all = list(home);
    let found = all.iter().find(|it| it["name"] == name).unwrap();
    found["state"].as_str().unwrap().to_owned()
}

/// The names of all clients but alice.
fn clients(home: &TestHome) -> BTreeSet<String> {
    let all = list(home).into_iter().filter(|it| it["kind"] == "client");
    let names = all.map(|it| it["name"].as_str().unwrap().to_owned());
    names.filter(|name| name != "alice").collect()
}

fn ledger(home: &TestHome) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(home.path().join("issued.jsonl")).unwrap();
    assert!(text.ends_with('\n'), "the last line is torn");
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// Asserts that `verify` finds nothing, and that the ledger has each certificate once.
#[track_caller]
fn assert_whole(home: &TestHome) {
    let ran = home.run(["verify"]).succeeds();
    assert!(ran.stdout.contains("nothing found"), "{ran:#?}");
    let serials = |all: Vec<serde_json::Value>| {
        let mut all: Vec<_> = all.iter().map(|it| it["serial"].to_string()).collect();
        all.sort();
        all
    };
    assert_eq!(serials(ledger(home)), serials(list(home)));
    let hidden = snapshot(&home.path()).into_iter().map(|(path, ..)| path);
    for path in hidden {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.starts_with('.'), "{} was left behind", path.display());
    }
}

#[derive(Debug)]
struct Found {
    path: String,
    found: String,
    mend: String,
}

fn findings(home: &TestHome) -> Vec<Found> {
    let ran = home.run(["verify", "--output", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(ran.code, i32::from(!findings.is_empty()), "{ran:#?}");
    let text = |finding: &serde_json::Value, field: &str| finding[field].as_str().unwrap().into();
    let found = findings.iter().map(|finding| Found {
        path: text(finding, "path"),
        found: text(finding, "found"),
        mend: text(finding, "mend"),
    });
    found.collect()
}

/// Runs a hint as it is printed, in a shell where `dockpki` is the binary under test.
#[track_caller]
fn shell(home: &TestHome, command: &str) {
    let programs = home.around().join("bin");
    if !programs.exists() {
        fs::create_dir(&programs).unwrap();
        symlink(env!("CARGO_BIN_EXE_dockpki"), programs.join("dockpki")).unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("sh")
        .args(["-c", command])
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("TMPDIR", home.around())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
}

/// Asserts that `verify` finds something at the path in these words, and that what it says mends
/// it does.
#[track_caller]
fn is_found_and_mended(home: &TestHome, path: &str, words: &str) {
    let all = findings(home);
    let path = home.path().join(path);
    let told = all
        .iter()
        .any(|it| Path::new(&it.path) == path && it.found.contains(words));
    let texts: Vec<_> = all
        .iter()
        .map(|it| format!("{}: {}", it.path, it.found))
        .collect();
    assert!(told, "no {words:?} at {} in {texts:#?}", path.display());
    let mut left = all;
    for _ in 0..8 {
        let Some(first) = left.first() else {
            assert!(
                home.run(["verify"])
                    .succeeds()
                    .stdout
                    .contains("nothing found")
            );
            return;
        };
        shell(home, &first.mend);
        left = findings(home);
    }
    panic!(
        "not mended: {}: {}: {}",
        left[0].path, left[0].found, left[0].mend
    );
}

/// A command that runs another under a umask, or whatever else a shell sets up first.
fn after(setup: &str, home: &TestHome, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{setup}; exec \"$@\""), "sh"]);
    command
        .arg(env!("CARGO_BIN_EXE_dockpki"))
        .arg("--home")
        .arg(home.path());
    command.args(arguments).stdin(Stdio::null());
    command
}

#[test]
fn modes_are_the_same_under_any_umask() {
    let wanted = [
        ("", 0o700),
        (".lock", 0o600),
        ("ca-key.pem", 0o400),
        ("ca.pem", 0o444),
        ("clients", 0o700),
        ("clients/alice", 0o700),
        ("clients/alice/ca.pem", 0o444),
        ("clients/alice/cert.pem", 0o444),
        ("clients/alice/key.pem", 0o400),
        ("clients/bob", 0o700),
        ("clients/bob/ca.pem", 0o444),
        ("clients/bob/cert.pem", 0o444),
        ("clients/bob/key.pem", 0o400),
        ("issued.jsonl", 0o600),
        ("servers", 0o700),
        ("servers/localhost", 0o700),
        ("servers/localhost/ca.pem", 0o444),
        ("servers/localhost/server-cert.pem", 0o444),
        ("servers/localhost/server-key.pem", 0o400),
    ];
    for umask in ["000", "022", "077", "0777"] {
        let home = TestHome::new();
        for arguments in [INIT, ISSUE] {
            let setup = format!("umask {umask}");
            Ran::from(after(&setup, &home, arguments).output().unwrap()).succeeds();
        }
        for (path, mode) in wanted {
            let found = home.path().join(path).metadata().unwrap().mode() & 0o7777;
            assert_eq!(
                format!("{found:04o}"),
                format!("{mode:04o}"),
                "{path}, umask {umask}"
            );
        }
        let files = snapshot(&home.path()).len();
        assert_eq!(
            files,
            wanted.len() - 2,
            "umask {umask}: all but the home and its lock"
        );
        assert_whole(&home);
    }
}

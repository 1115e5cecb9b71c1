//! The ledger tells where servers and clients were handed out to, whatever happens meanwhile.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "tests touch the machine")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockpki::plan::ledger::{Entry, Event};
use support::by_hand::{ca_of, days, put_client};
use support::fault::{self, at_each_point};
use support::tree::{self, Tree};
use support::{Ran, TestHome};

const CLIENT: &[&str] = &["install", "client", "alice", "--yes"];
const WARNING: &str = "warning: it is done, but the ledger does not tell so: ";

/// A user with a home of dockpki's below theirs.
fn user() -> TestHome {
    let home = TestHome::in_memory();
    home.run(["init", "--san", "localhost", "--client", "alice"])
        .succeeds();
    home
}

fn copy_of(home: &TestHome) -> TestHome {
    let copy = TestHome::in_memory();
    tree::copy(&home.path(), &copy.path());
    copy
}

/// dockpki of the user, with their own `~/.docker` and state.
fn command(home: &TestHome, arguments: &[&str]) -> Command {
    let mut command = home.command();
    command
        .args(arguments)
        .env("HOME", home.around())
        .env("XDG_STATE_HOME", home.around().join("state"));
    command
}

fn run(home: &TestHome, arguments: &[&str]) -> Ran {
    Ran::from(command(home, arguments).output().unwrap())
}

fn install_server(home: &TestHome) -> Ran {
    let prefix = home.around().join("root");
    fs::create_dir_all(&prefix).unwrap();
    let prefix = prefix.to_str().unwrap();
    let server = [
        "install",
        "server",
        "localhost",
        "--yes",
        "--prefix",
        prefix,
    ];
    run(home, &server)
}

fn ledger_of(home: &TestHome) -> PathBuf {
    home.path().join("issued.jsonl")
}

/// The hand-outs in the ledger, of which every line is one.
fn hand_outs(home: &TestHome) -> Vec<Entry> {
    let text = fs::read(ledger_of(home)).unwrap();
    assert!(text.ends_with(b"\n"));
    let mut entries = home.ledger();
    entries.retain(|entry| entry.event == Event::HandedOut);
    entries
}

/// What is told of a hand-out: kind, name, and how many CAs are trusted there.
fn told(home: &TestHome) -> Vec<(String, String, usize)> {
    let told = hand_outs(home).into_iter();
    told.map(|entry| (entry.kind, entry.name, entry.trusts.len()))
        .collect()
}

fn of(kind: &str, name: &str, trusts: usize) -> (String, String, usize) {
    (kind.to_owned(), name.to_owned(), trusts)
}

#[test]
fn each_install_is_told_once() {
    let home = user();
    for _ in 0..2 {
        run(&home, CLIENT).succeeds();
        install_server(&home).succeeds();
        let both = [of("client", "alice", 1), of("server", "localhost", 1)];
        assert_eq!(told(&home), both);
    }
    let [client, server] = &hand_outs(&home)[..] else {
        panic!()
    };
    let place = |entry: &Entry| entry.to.clone().unwrap();
    let docker = home.around().join(".docker");
    assert!(place(client).starts_with(&format!("{} on ", docker.display())));
    assert!(place(server).contains("/root/etc/docker/"), "{server:?}");
    run(&home, &["verify"]).succeeds();
}

#[test]
fn status_tells_where_who_is_and_whom_they_trust() {
    let home = user();
    run(&home, CLIENT).succeeds();
    let status = |wanted: &str| {
        let ran = run(&home, &["ca", "roll", "status", "--output", "json"]).succeeds();
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let pairs = report["pairs"].as_array().unwrap();
        let alice = pairs.iter().find(|row| row["name"] == "alice").unwrap();
        let [there] = &alice["hand_outs"].as_array().unwrap()[..] else {
            panic!("not one place: {alice:#}")
        };
        let docker = home.around().join(".docker").display().to_string();
        let place = there["to"].as_str().unwrap();
        assert!(place.starts_with(&docker), "{alice:#}");
        let words = format!(
            "{} certificate, trusts both: {}, current: {}",
            alice["certificate_of"].as_str().unwrap(),
            there["trusts_both"],
            there["current_certificate"]
        );
        assert_eq!(words, wanted);
        let table = run(&home, &["ca", "roll", "status"]).succeeds().stdout;
        let line = table.lines().find(|line| line.contains("alice")).unwrap();
        assert!(line.contains(place), "{table}");
    };
    run(&home, &["ca", "roll", "start"]).succeeds();
    status("old certificate, trusts both: false, current: true");
    run(&home, CLIENT).succeeds();
    status("old certificate, trusts both: true, current: true");
    run(&home, &["ca", "roll", "issue"]).succeeds();
    status("new certificate, trusts both: true, current: false");
    run(&home, CLIENT).succeeds();
    status("new certificate, trusts both: true, current: true");
    assert_eq!(told(&home), [1, 2, 2].map(|cas| of("client", "alice", cas)));
}

/// Each context has copies of its own, which stay when another client is installed.
#[test]
fn a_context_that_is_left_with_the_old_certificate_is_not_locked_out() {
    let home = user();
    run(&home, &["client", "issue", "bob"]).succeeds();
    let install = |name: &str| {
        let context = ["--host", "tcp://web:2376", "--context", name];
        let client = ["install", "client", name, "--yes"];
        run(&home, &[&client[..], &context].concat()).succeeds();
    };
    install("alice");
    install("bob");
    run(&home, &["ca", "roll", "start"]).succeeds();
    run(&home, &["ca", "roll", "issue"]).succeeds();
    install("bob");
    let finish = ["ca", "roll", "finish", "--yes"];
    let refused = run(&home, &finish).fails(1);
    refused.says("client `alice` until ");
    refused.says("/.docker/contexts/tls/");
    install("alice");
    run(&home, &finish).succeeds();
}

#[test]
fn a_context_that_is_taken_back_is_in_nobodys_way() {
    let home = user();
    let host = ["--host", "tcp://web:2376"];
    run(&home, &[CLIENT, &host].concat()).succeeds();
    run(&home, &["undo", "--yes"]).succeeds();
    let text = fs::read_to_string(ledger_of(&home)).unwrap();
    assert_eq!(text.matches("\"handed-out\"").count(), 2);
    assert_eq!(text.matches("\"taken-back\"").count(), 2);
    run(&home, &["ca", "roll", "start"]).succeeds();
    run(&home, &["ca", "roll", "issue"]).succeeds();
    run(&home, &["ca", "roll", "finish", "--yes"]).succeeds();
}

/// A rollover in which everybody has moved but what was handed out on this machine.
fn nearly_rolled_over(host: &[&str]) -> TestHome {
    let home = user();
    run(&home, &[CLIENT, host].concat()).succeeds();
    run(&home, &["ca", "roll", "start"]).succeeds();
    run(&home, &["ca", "roll", "issue"]).succeeds();
    run(&home, &["ca", "roll", "finish", "--yes"]).fails(1);
    home
}

/// As by `docker context rm` and `rm -r ~/.docker`.
#[test]
fn what_was_taken_away_by_hand_is_in_nobodys_way() {
    let home = nearly_rolled_over(&["--host", "tcp://web:2376"]);
    let docker = home.around().join(".docker");
    fs::remove_dir_all(docker.join("contexts")).unwrap();
    let status = run(&home, &["ca", "roll", "status"]).succeeds();
    status.says("note: client `alice` is no more at ");
    status.says(": it counts as taken back");
    assert!(!status.stdout.contains("contexts"), "{status:#?}");
    // The other is still there.
    let finish = ["ca", "roll", "finish", "--yes"];
    let refused = run(&home, &finish).fails(1);
    refused.says("client `alice` until ");
    let before = fs::read(ledger_of(&home)).unwrap();
    fs::remove_dir_all(&docker).unwrap();
    let dry = [&finish[..], &["--dry-run"]].concat();
    run(&home, &dry).succeeds();
    assert_eq!(fs::read(ledger_of(&home)).unwrap(), before);
    run(&home, &finish).succeeds();
    let text = fs::read_to_string(ledger_of(&home)).unwrap();
    assert_eq!(text.matches("\"taken-back\"").count(), 2, "{text}");
    // It is told once.
    run(&home, &["ca", "roll", "undo"]).succeeds();
    let status = run(&home, &["ca", "roll", "status"]).succeeds();
    assert!(!status.stderr.contains("no more"), "{status:#?}");
}

/// It may be on a disk that is not there now.
#[test]
fn what_is_gone_with_the_directory_around_it_is_not_given_up() {
    let home = TestHome::in_memory();
    let init = ["init", "--san", "localhost", "--client", "alice"];
    run(&home, &init).succeeds();
    let disk = home.around().join("disk");
    fs::create_dir(&disk).unwrap();
    let config = disk.join("docker");
    let there = ["--docker-config", config.to_str().unwrap()];
    run(&home, &[CLIENT, &there].concat()).succeeds();
    run(&home, &["ca", "roll", "start"]).succeeds();
    run(&home, &["ca", "roll", "issue"]).succeeds();
    fs::remove_dir_all(&disk).unwrap();
    let refused = run(&home, &["ca", "roll", "finish", "--yes"]).fails(1);
    refused.says("client `alice` until ");
}

#[test]
fn a_part_of_a_home_has_no_ledger_and_gets_none() {
    let home = user();
    for name in ["issued.jsonl", "ca-key.pem"] {
        fs::remove_file(home.path().join(name)).unwrap();
    }
    let before = Tree::of(&home.path()).without(".lock");
    let client = run(&home, CLIENT).succeeds();
    let server = install_server(&home).succeeds();
    for ran in [client, server] {
        assert!(!ran.stderr.contains("ledger"), "{ran:#?}");
    }
    Tree::of(&home.path()).without(".lock").assert_is(&before);
}

#[test]
fn a_dry_run_and_a_refusal_tell_nothing() {
    let home = user();
    let before = fs::read(ledger_of(&home)).unwrap();
    run(&home, &["install", "client", "alice", "--dry-run"]).succeeds();
    run(&home, &["install", "client", "alice"]).fails(2);
    assert_eq!(fs::read(ledger_of(&home)).unwrap(), before);
}

#[test]
fn a_ledger_whose_last_line_has_no_end_stays_one() {
    let home = user();
    let text = fs::read_to_string(ledger_of(&home)).unwrap();
    fs::write(ledger_of(&home), text.trim_end()).unwrap();
    run(&home, CLIENT).succeeds();
    assert_eq!(told(&home), [of("client", "alice", 1)]);
    run(&home, &["verify"]).succeeds();
}

/// The calls of an install of the client.
fn calls() -> Vec<String> {
    let home = user();
    let log = home.around().join("log");
    let variables = [("FAULT_LOG", log.to_str().unwrap())];
    fault::run(&mut command(&home, CLIENT), &variables)
        .ran
        .succeeds();
    let text = fs::read_to_string(log).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn is_installed(home: &TestHome) -> bool {
    let read = |path: &Path| fs::read(path).ok();
    let names = ["ca.pem", "cert.pem", "key.pem"];
    let mut pairs = names.iter().map(|name| {
        let there = home.around().join(".docker").join(name);
        (
            read(&there),
            read(&home.path().join("clients/alice").join(name)),
        )
    });
    pairs.all(|(there, here)| there == here)
}

#[test]
fn a_full_or_broken_disk_leaves_no_half_of_a_line() {
    let before = user();
    let text = fs::read(ledger_of(&before)).unwrap();
    for (kind, reach) in [("enospc", "space"), ("enospc", "once"), ("eio", "once")] {
        let warned = std::cell::Cell::new(0);
        at_each_point(&calls(), |at| {
            let home = copy_of(&before);
            let at = at.to_string();
            let variables = [
                ("FAULT_AT", at.as_str()),
                ("FAULT_KIND", kind),
                ("FAULT_REACH", reach),
            ];
            let ran = fault::run(&mut command(&home, CLIENT), &variables).ran;
            let now = fs::read(ledger_of(&home)).unwrap();
            assert!(now.starts_with(&text));
            let told = hand_outs(&home);
            let is_warned = ran.stderr.contains(WARNING);
            match ran.code {
                0 => {
                    assert!(is_installed(&home));
                    assert_eq!(told.len(), usize::from(!is_warned), "{ran:#?}");
                }
                _ => assert!(now == text, "{ran:#?}"),
            }
            warned.set(warned.get() + u32::from(is_warned));
            // Mended, it is told.
            run(&home, CLIENT).succeeds();
            assert_eq!(hand_outs(&home).len(), 1);
            run(&home, &["verify"]).succeeds();
        });
        assert!(warned.get() > 0, "no point is that of the ledger");
    }
}

#[test]
fn killed_at_any_point_the_next_install_tells_it() {
    let before = user();
    at_each_point(&calls(), |at| {
        let home = copy_of(&before);
        let at = at.to_string();
        let variables = [("FAULT_AT", at.as_str()), ("FAULT_KIND", "kill")];
        assert!(fault::run(&mut command(&home, CLIENT), &variables).killed);
        assert!(is_installed(&home) || hand_outs(&home).is_empty());
        run(&home, CLIENT).succeeds();
        assert!(is_installed(&home));
        assert_eq!(told(&home), [of("client", "alice", 1)]);
    });
}

#[test]
fn who_has_a_name_that_is_refused_today_keeps_it() {
    let home = user();
    for name in ["carol.", "aux.box", "Alice"] {
        put_client(&home, &ca_of(&home), name, days(0, 3));
        fs::copy(
            home.path().join("ca.pem"),
            home.path().join("clients").join(name).join("ca.pem"),
        )
        .unwrap();
        run(&home, &["verify"]).succeeds();
        assert!(run(&home, &["list"]).succeeds().stdout.contains(name));
        let file = home.around().join("bundle.tar.gz");
        let export = ["client", "export", name, "--as", "tar", "-o"];
        let export = [&export[..], &[file.to_str().unwrap()]].concat();
        run(&home, &export).succeeds();
        run(&home, &["renew", name, "--force"]).succeeds();
        fs::remove_file(&file).unwrap();
        run(&home, &export).succeeds();
        run(&home, &["install", "client", name, "--yes"]).succeeds();
        run(&home, &["uninstall", "--yes"]).succeeds();
        run(&home, &["client", "remove", name]).succeeds();
        fs::remove_file(&file).unwrap();
        // From here on it would be a new one.
        run(&home, &["client", "issue", name]).fails(if name == "Alice" { 1 } else { 2 });
    }
}

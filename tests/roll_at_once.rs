//! A rollover beside other commands: one comes after the other, or is refused with the reason.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "tests touch the machine")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use support::fault::{Ended, shim};
use support::{Ran, TestHome};

const UNDER_WAY: &str = "error: a rollover is under way, from `";

fn home() -> TestHome {
    let home = TestHome::in_memory();
    home.run(["init", "--san", "localhost", "--client", "alice"])
        .succeeds();
    home
}

fn spawn(home: &TestHome, arguments: &[&str]) -> Child {
    let mut command = home.command();
    command.args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn ended(child: Child) -> Ran {
    Ran::from(child.wait_with_output().unwrap())
}

/// A command that has read the home and stands right before it takes the lock.
struct Stopped(Ended);

impl Stopped {
    fn new(home: &TestHome, arguments: &[&str]) -> Self {
        let mut command = home.command();
        command.args(arguments).env("LD_PRELOAD", shim());
        command.env("FAULT_AT", "1").env("FAULT_KIND", "stop");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let stopped = Self(Ended(command.spawn().unwrap()));
        let status = waitpid(Some(stopped.process()), WaitOptions::UNTRACED).unwrap();
        let (_, status) = status.unwrap();
        assert!(status.stopped(), "{status:?}");
        stopped
    }

    fn process(&self) -> Pid {
        Pid::from_child(&self.0.0)
    }

    fn goes_on(mut self) -> Ran {
        use std::io::Read;
        kill_process(self.process(), Signal::CONT).unwrap();
        let child = &mut self.0.0;
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let pipes = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (mut out, mut err) = pipes;
        out.read_to_string(&mut stdout).unwrap();
        err.read_to_string(&mut stderr).unwrap();
        let code = child.wait().unwrap().code().unwrap_or(-1);
        Ran {
            code,
            stdout,
            stderr,
        }
    }
}

/// How many CAs are trusted; `verify` finds nothing.
fn cas(home: &TestHome) -> usize {
    let ran = home.run(["verify"]).succeeds();
    assert!(ran.stdout.contains("nothing found"), "{ran:#?}");
    let pem = fs::read_to_string(home.path().join("ca.pem")).unwrap();
    pem.matches("BEGIN CERTIFICATE").count()
}

/// The kind and name of those whose certificate is of the old CA.
fn on_old_ca(home: &TestHome) -> Vec<String> {
    let ran = home.run(["ca", "roll", "status", "--output", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.succeeds().stdout).unwrap();
    let pairs = report["pairs"].as_array().unwrap().iter();
    let old = pairs.filter(|row| row["certificate_of"] != "new");
    old.map(|row| format!("{} {}", row["kind"], row["name"]))
        .collect()
}

#[test]
fn one_of_many_starts_at_once_wins_and_the_others_say_so() {
    for round in 0..5 {
        let home = home();
        let running = Vec::from_iter((0..6).map(|_| spawn(&home, &["ca", "roll", "start"])));
        let mut won = 0;
        for child in running {
            let ran = ended(child);
            match ran.code {
                0 => won += 1,
                _ => ran.fails(1).says(UNDER_WAY),
            }
        }
        assert_eq!(won, 1, "round {round}");
        assert_eq!(cas(&home), 2);
    }
}

#[test]
fn a_start_that_another_overtook_says_so() {
    let home = home();
    let slow = Stopped::new(&home, &["ca", "roll", "start"]);
    home.run(["ca", "roll", "start"]).succeeds();
    let before = support::snapshot(&home.path());
    slow.goes_on().fails(1).says(UNDER_WAY);
    assert_eq!(support::snapshot(&home.path()), before);
    assert_eq!(cas(&home), 2);
}

#[test]
fn a_client_that_a_start_overtook_is_of_the_new_ca_and_trusts_both() {
    let home = home();
    let slow = Stopped::new(&home, &["client", "issue", "bob"]);
    home.run(["ca", "roll", "start"]).succeeds();
    slow.goes_on().succeeds();
    assert_eq!(cas(&home), 2);
    let old = on_old_ca(&home);
    assert_eq!(old.len(), 2, "alice and the server: {old:?}");
}

#[test]
fn a_renewal_that_a_start_overtook_is_of_the_new_ca() {
    let home = home();
    let slow = Stopped::new(&home, &["renew", "--force"]);
    home.run(["ca", "roll", "start"]).succeeds();
    slow.goes_on().succeeds();
    assert_eq!(cas(&home), 2);
    assert_eq!(on_old_ca(&home), [""; 0]);
}

#[test]
fn whoever_opened_the_old_key_before_the_start_signs_with_the_new() {
    let home = TestHome::in_memory();
    let passphrase = home.around().join("passphrase");
    fs::write(&passphrase, "correct horse\n").unwrap();
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o400)).unwrap();
    let with = ["--passphrase-file", passphrase.to_str().unwrap()];
    let init = [
        "init",
        "--san",
        "localhost",
        "--client",
        "alice",
        "--encrypt",
    ];
    home.run(init.iter().chain(&with)).succeeds();
    let slow = [&["client", "issue", "bob"][..], &["renew", "--force"]];
    let slow = slow.map(|arguments| Stopped::new(&home, &[arguments, &with].concat()));
    home.run(["ca", "roll", "start"].iter().chain(&with))
        .succeeds();
    for slow in slow {
        slow.goes_on().succeeds();
        assert_eq!(cas(&home), 2);
    }
    assert_eq!(on_old_ca(&home), [""; 0]);
}

#[test]
fn a_finish_that_a_new_client_overtook_finishes_all_the_same() {
    let home = home();
    home.run(["ca", "roll", "start"]).succeeds();
    home.run(["ca", "roll", "issue"]).succeeds();
    let slow = Stopped::new(&home, &["ca", "roll", "finish", "--yes"]);
    home.run(["client", "issue", "bob"]).succeeds();
    slow.goes_on().succeeds();
    assert_eq!(cas(&home), 1);
}

#[test]
fn a_finish_that_an_undo_overtook_locks_nobody_out() {
    let home = home();
    home.run(["ca", "roll", "start"]).succeeds();
    home.run(["ca", "roll", "issue"]).succeeds();
    let slow = Stopped::new(&home, &["ca", "roll", "finish", "--yes"]);
    home.run(["ca", "roll", "undo"]).succeeds();
    // Now it is the certificates of the other that are left.
    slow.goes_on().fails(1).says("are still valid: ");
    assert_eq!(cas(&home), 2);
}

#[test]
fn issue_beside_new_clients_loses_none() {
    for _ in 0..5 {
        let home = home();
        home.run(["ca", "roll", "start"]).succeeds();
        let mut running = vec![spawn(&home, &["ca", "roll", "issue"])];
        running.extend(["bob", "carol", "dave"].map(|it| spawn(&home, &["client", "issue", it])));
        running.push(spawn(&home, &["ca", "roll", "issue"]));
        for child in running {
            ended(child).succeeds();
        }
        assert_eq!(cas(&home), 2);
        assert_eq!(on_old_ca(&home), [""; 0]);
        let names = fs::read_dir(home.path().join("clients")).unwrap().count();
        assert_eq!(names, 4);
        home.run(["ca", "roll", "finish", "--yes"]).succeeds();
        assert_eq!(cas(&home), 1);
    }
}

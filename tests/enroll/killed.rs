//! `client request`, `client sign` and `client accept`, killed at each step.

use std::io::Read as _;
use std::process::Stdio;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::support::fault::{self, Ended, at_each_point, shim};
use super::*;

/// The calls of a command on a world that is made anew.
fn calls(of: impl Fn(&Enrol) -> Command, before: &dyn Fn(&Enrol)) -> Vec<String> {
    let enrol = Enrol::new();
    before(&enrol);
    let log = enrol.file("log");
    let variables = [("FAULT_LOG", log.to_str().unwrap())];
    fault::run(&mut of(&enrol), &variables).ran.succeeds();
    let text = fs::read_to_string(log).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn kill(command: &mut Command, at: usize) -> bool {
    fault::run(
        command,
        &[("FAULT_AT", &at.to_string()), ("FAULT_KIND", "kill")],
    )
    .killed
}

fn fail(command: &mut Command, at: usize) -> Ran {
    fault::run(
        command,
        &[("FAULT_AT", &at.to_string()), ("FAULT_KIND", "eio")],
    )
    .ran
}

const REQUEST: &[&str] = &["client", "request", "laptop"];
const SIGN: &[&str] = &["client", "sign", "laptop.csr", "--yes"];
const FOR_HOST: &[&str] = &["--host", "tcp://web"];

#[test]
fn a_request_killed_at_any_point_is_there_whole_or_not_at_all() {
    let calls = calls(|enrol| enrol.laptop(REQUEST), &|_| ());
    at_each_point(&calls, |at| {
        let enrol = Enrol::new();
        assert!(kill(&mut enrol.laptop(REQUEST), at));
        enrol.request(&[]);
        let request = fs::read(enrol.docker("requests/laptop/request.pem")).unwrap();
        assert_eq!(fs::read(enrol.file("laptop.csr")).unwrap(), request);
        let left = fs::read_dir(enrol.docker("requests")).unwrap().count();
        assert_eq!(left, 1, "a key lies around");
        enrol.sign();
        enrol.accept().succeeds();
        enrol.assert_installed();
    });
    at_each_point(&calls, |at| {
        let enrol = Enrol::new();
        let before = snapshot(&enrol.user());
        let ran = fail(&mut enrol.laptop(REQUEST), at);
        match ran.code {
            0 => {}
            1 => assert!(before == snapshot(&enrol.user()), "{ran:#?}"),
            _ => {
                assert_eq!(ran.code, 3, "{ran:#?}");
                assert!(enrol.docker("requests/laptop/key.pem").exists());
            }
        }
        enrol.request(&[]);
    });
}

#[test]
fn a_new_key_killed_at_any_point_leaves_one_whole_request() {
    let line = [REQUEST, &["--new-key"]].concat();
    let before: &dyn Fn(&Enrol) = &|enrol| enrol.request(&[]);
    let calls = calls(|enrol| enrol.laptop(&line), before);
    at_each_point(&calls, |at| {
        let enrol = Enrol::new();
        before(&enrol);
        assert!(kill(&mut enrol.laptop(&line), at));
        enrol.request(&[]);
        enrol.request(&["--new-key"]);
        let left = fs::read_dir(enrol.docker("requests")).unwrap().count();
        assert_eq!(left, 1, "a key lies around");
    });
}

#[test]
fn a_signature_killed_at_any_point_is_in_the_ledger_or_nowhere() {
    let before: &dyn Fn(&Enrol) = &|enrol| enrol.request(&[]);
    let calls = calls(|enrol| enrol.authority(SIGN), before);
    at_each_point(&calls, |at| {
        let enrol = Enrol::new();
        before(&enrol);
        assert!(kill(&mut enrol.authority(SIGN), at));
        let reply = fs::read(enrol.file("laptop.reply.pem"));
        enrol.at_ca(&["verify"]);
        let is_signed = enrol.ca.path().join("clients/laptop/cert.pem").exists();
        let ledger = fs::read_to_string(enrol.ca.path().join("issued.jsonl")).unwrap();
        assert_eq!(is_signed, ledger.contains("\"laptop\""));
        assert!(is_signed || reply.is_err(), "a reply of which nobody knows");
        enrol.at_ca(&["verify"]).succeeds();
        let again = enrol.at_ca(SIGN);
        match is_signed {
            true => again.fails(1).says("this request is signed already"),
            false => drop(again.succeeds()),
        }
    });
    at_each_point(&calls, |at| {
        let enrol = Enrol::new();
        before(&enrol);
        let ran = fail(&mut enrol.authority(SIGN), at);
        let is_signed = enrol.ca.path().join("clients/laptop/cert.pem").exists();
        let is_sent = enrol.file("laptop.reply.pem").exists();
        match ran.code {
            0 => assert!(is_signed && is_sent),
            1 => assert!(!is_signed && !is_sent, "{ran:#?}"),
            _ => assert_eq!(ran.code, 3, "{ran:#?}"),
        }
        assert!(
            is_signed || !is_sent,
            "a reply of which nobody knows: {ran:#?}"
        );
    });
}

#[test]
fn a_file_that_appears_where_the_reply_goes_stays_as_it_is() {
    let before: &dyn Fn(&Enrol) = &|enrol| enrol.request(&[]);
    let calls = calls(|enrol| enrol.authority(SIGN), before);
    let is_last = |call: &String| call.starts_with("link") && call.contains("reply.pem");
    let at = calls.iter().position(is_last).unwrap() + 1;
    let enrol = Enrol::new();
    before(&enrol);
    let mut sign = enrol.authority(SIGN);
    sign.env("LD_PRELOAD", shim())
        .envs([("FAULT_AT", at.to_string()), ("FAULT_KIND", "stop".into())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut sign = Ended(sign.spawn().unwrap());
    let process = Pid::from_child(&sign.0);
    let stopped = waitpid(Some(process), WaitOptions::UNTRACED)
        .unwrap()
        .unwrap();
    assert!(stopped.1.stopped());
    enrol.write("laptop.reply.pem", "somebody's");
    kill_process(process, Signal::CONT).unwrap();
    let mut words = String::new();
    sign.0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut words)
        .unwrap();
    assert_eq!(sign.0.wait().unwrap().code(), Some(3), "{words}");
    assert!(
        words.contains("the client `laptop` is signed, but the reply cannot be written"),
        "{words}"
    );
    assert_eq!(
        fs::read(enrol.file("laptop.reply.pem")).unwrap(),
        b"somebody's"
    );
    let mut left = fs::read_dir(enrol.ca.around()).unwrap();
    assert!(!left.any(|it| {
        it.unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".laptop")
    }));
    enrol.at_ca(&["verify"]).succeeds();
}

#[test]
fn an_accept_killed_at_any_point_keeps_the_key() {
    let before: &dyn Fn(&Enrol) = &|enrol| {
        enrol.request(&[]);
        enrol.sign();
    };
    let calls = calls(|enrol| enrol.accepting(FOR_HOST), before);
    at_each_point(&calls, |at| {
        let enrol = Enrol::new();
        before(&enrol);
        let key = fs::read(enrol.docker("requests/laptop/key.pem")).unwrap();
        assert!(kill(&mut enrol.accepting(FOR_HOST), at));
        Ran::from(enrol.accepting(FOR_HOST).output().unwrap()).succeeds();
        assert_eq!(fs::read(enrol.docker("key.pem")).unwrap(), key);
        enrol.assert_installed();
        assert!(!enrol.docker("requests/laptop").exists());
    });
}

//! Makes every single call of `install server` and `uninstall` fail that changes the disk, and has
//! them meet others: everything is as before, or the next command puts it right.
//!
//! Where they are killed is in tests/install_crash.rs.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

mod support;

use std::process::Stdio;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use support::Ran;
use support::fault::{Ended, at_each_point, shim};
use support::host::{
    Case, INSTALL, INSTALL_OLD, JSON, STORE, UNDO, UNINSTALL, empty, in_use_with_unit,
    is_turning_point,
};
use support::tree::Tree;

/// Makes calls fail at each point.  The command says so, and everything is as it was.
fn undoes_itself_at_each_point(case: &Case, kind: &str, reach: &str) {
    let words = match kind {
        "eio" => "input/output error",
        "enospc" => "no space left on device",
        "erofs" => "read-only file system",
        _ => unreachable!(),
    };
    at_each_point(&case.calls(), |at| {
        let host = case.host();
        let all = || {
            let tree = Tree::of(&host.root());
            tree.without(&format!("{STORE}/.lock"))
        };
        let before = all();
        let at = at.to_string();
        let variables = [
            ("FAULT_AT", at.as_str()),
            ("FAULT_KIND", kind),
            ("FAULT_REACH", reach),
        ];
        let ran = case.faulty(&host, &variables).ran;
        case.assert_safe(&host);
        let done = Tree::of(&host.root()).file(JSON).map(<[u8]>::to_vec);
        let is_said_done = ran.stderr.contains("error: it is done, but ");
        let is_done = done.as_deref() == case.after.0.file(JSON);
        match ran.code {
            // The holder in the lock file is worth no error, for one.
            0 => host.state().assert_is(&case.after.0),
            1 => {
                ran.says("error: ");
                ran.says(words);
                assert_eq!(ran.stdout, "");
                match reach {
                    // Nothing could be removed any more.
                    "on" => Tree::of(&host.root())
                        .without(STORE)
                        .without_empty("var")
                        .assert_is(case.before()),
                    _ => all().assert_is(&before),
                }
            }
            3 if is_said_done => assert!(is_done),
            3 => {
                assert_eq!(reach, "on", "{ran:#?}");
                ran.says("not everything could be put back");
            }
            _ => panic!("{ran:#?}"),
        }
        // Mended: the next command finds its way.
        let next = case.installs_and_uninstalls(&host);
        let is_undone = next.stderr.contains("is undone now");
        assert!(
            !(is_said_done && is_undone),
            "it was done: {ran:#?}\n{next:#?}"
        );
    });
}

#[test]
fn install_undoes_itself_when_one_call_fails() {
    undoes_itself_at_each_point(&Case::install(in_use_with_unit), "eio", "once");
}

#[test]
fn install_on_an_empty_host_undoes_itself_when_one_call_fails() {
    undoes_itself_at_each_point(&Case::install(empty), "eio", "once");
}

#[test]
fn install_undoes_itself_when_the_disk_fills_up() {
    undoes_itself_at_each_point(&Case::install(in_use_with_unit), "enospc", "space");
}

#[test]
fn install_is_undone_or_finished_later_when_the_disk_turns_read_only() {
    undoes_itself_at_each_point(&Case::install(in_use_with_unit), "erofs", "on");
}

#[test]
fn uninstall_undoes_itself_when_one_call_fails() {
    let case = Case::new(
        in_use_with_unit,
        &[INSTALL_OLD, INSTALL],
        UNINSTALL,
        "uninstall",
    );
    undoes_itself_at_each_point(&case, "eio", "once");
}

#[test]
fn uninstall_undoes_itself_when_the_disk_fills_up() {
    let case = Case::new(
        in_use_with_unit,
        &[INSTALL_OLD, INSTALL],
        UNINSTALL,
        "uninstall",
    );
    undoes_itself_at_each_point(&case, "enospc", "space");
}

#[test]
fn uninstall_is_undone_or_finished_later_when_the_disk_turns_read_only() {
    let case = Case::new(
        in_use_with_unit,
        &[INSTALL_OLD, INSTALL],
        UNINSTALL,
        "uninstall",
    );
    undoes_itself_at_each_point(&case, "erofs", "on");
}

#[test]
fn an_empty_host_is_empty_again() {
    let case = Case::install(empty);
    let host = case.host();
    host.run(INSTALL).succeeds();
    host.run(UNDO).succeeds();
    Tree::of(&host.root()).assert_is(&Tree::default());
    host.run(INSTALL_OLD).succeeds();
    host.run(INSTALL).succeeds();
    host.run(UNINSTALL).succeeds();
    Tree::of(&host.root()).assert_is(&Tree::default());
    for arguments in [UNDO, UNINSTALL] {
        let ran = host.run(arguments).fails(1);
        ran.says("nothing was installed here");
        Tree::of(&host.root()).assert_is(&Tree::default());
    }
}

#[test]
fn a_second_install_changes_nothing() {
    let case = Case::install(in_use_with_unit);
    let host = case.host();
    host.run(INSTALL).succeeds();
    let before = Tree::of(&host.root()).without(&format!("{STORE}/.lock"));
    host.run(INSTALL).succeeds();
    let after = Tree::of(&host.root()).without(&format!("{STORE}/.lock"));
    after.assert_is(&before);
}

#[test]
fn a_second_command_is_refused_with_who_holds_the_host() {
    let case = Case::install(in_use_with_unit);
    let calls = case.calls();
    let holds = |call: &String| call.contains("/0001.staging");
    let held = calls.iter().position(holds).unwrap() + 1;
    at_each_point(&calls, |at| {
        if at < held || !is_turning_point(&calls[at - 1]) {
            return;
        }
        let host = case.host();
        let mut writer = host.command(INSTALL);
        writer.env("LD_PRELOAD", shim());
        writer.env("FAULT_AT", at.to_string());
        writer.env("FAULT_KIND", "stop");
        writer.stdout(Stdio::null()).stderr(Stdio::null());
        let mut writer = Ended(writer.spawn().unwrap());
        let process = Pid::from_child(&writer.0);
        let status = waitpid(Some(process), WaitOptions::UNTRACED).unwrap();
        let (_, status) = status.unwrap();
        assert!(status.stopped(), "{status:?}");
        let before = Tree::of(&host.root());
        for arguments in [INSTALL_OLD, UNDO, UNINSTALL] {
            let ran = host.run(arguments).fails(1);
            ran.says(&format!(
                "is held by another command: dockpki install server new (process {})",
                process.as_raw_nonzero()
            ));
            assert!(!ran.stderr.contains("cut off"), "{ran:#?}");
        }
        Tree::of(&host.root()).assert_is(&before);
        kill_process(process, Signal::CONT).unwrap();
        assert!(writer.0.wait().unwrap().success());
        host.state().assert_is(&case.installed);
    });
}

#[test]
fn commands_at_once_come_one_after_the_other_or_are_refused() {
    let case = Case::install(in_use_with_unit);
    for round in 0..10 {
        let host = case.host();
        let spawn = |index: usize| {
            let arguments = [INSTALL, UNINSTALL, INSTALL, INSTALL_OLD][index % 4];
            let mut command = host.command(arguments);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let running = Vec::from_iter((0..8).map(spawn));
        for child in running {
            let ran = Ran::from(child.wait_with_output().unwrap());
            assert!(!ran.stderr.contains("cut off"), "round {round}: {ran:#?}");
            let is_refused = ran.code == 1
                && (ran.stderr.contains("is held by another command: ")
                    || ran.stderr.contains("nothing was installed here"));
            assert!(ran.code == 0 || is_refused, "round {round}: {ran:#?}");
        }
        case.assert_safe(&host);
        assert!(!host.records().unfinished);
        host.state().assert_nothing_staged();
        case.installs_and_uninstalls(&host);
    }
}

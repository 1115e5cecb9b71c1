//! What the next command does about one that was killed, and about one that still runs.

use std::process::Stdio;

use serde_json::json;

use super::support::dockerd_host::{Host, HostState, can_run};
use super::support::{Ran, happens};

/// A host on which `install server` was killed while it waited for the proof of a daemon that had
/// ended, and how the host was before.
fn cut_off() -> (Host, HostState) {
    let host = Host::with(json!({}));
    let first = host.state();
    // The first time, nobody comes back.
    host.write_script(
        "once",
        "#!/bin/sh
        mkdir DIRECTORY/tried 2>/dev/null || exec DIRECTORY/restart
        DIRECTORY/stop
        echo $1 >DIRECTORY/installer",
    );
    let mut install = host.install_by(&format!("{} $PPID", host.below("once").display()));
    install.stdout(Stdio::null()).stderr(Stdio::null());
    let mut install = install.spawn().unwrap();
    let installer = host.below("installer");
    let text = || std::fs::read_to_string(host.outside(&installer));
    assert!(happens(|| text().is_ok_and(|it| it.ends_with('\n'))));
    let killed = format!("kill -KILL {}", text().unwrap().trim());
    host.shell(&killed).succeeds();
    assert!(!install.wait().unwrap().success(), "it was not killed");
    assert!(host.exists("/etc/docker/CA"), "nothing was installed yet");
    (host, first)
}

#[test]
fn undo_takes_back_an_install_that_was_killed() {
    if !can_run() {
        return;
    }
    let (host, first) = cut_off();
    let undone = host.run(&["undo", "--yes"]).succeeds();
    undone.says("an earlier `install server localhost` was cut off and is undone now");
    host.is_as(&first);
    host.answers_locally();
}

#[test]
fn an_undo_that_was_killed_is_named_without_quotes_in_quotes() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    host.install(&[]).succeeds();
    let undo = ["undo", "--yes", "--restart-command", "kill -KILL $PPID"];
    host.run(&undo).fails(-1);
    let next = host.run(&["undo", "--yes", "--restart-command", &host.restart()]);
    next.succeeds()
        .says("note: an earlier undo of `install server localhost` was cut off and is undone now");
}

#[test]
fn install_after_one_that_was_killed_takes_it_back_first() {
    if !can_run() {
        return;
    }
    let (host, first) = cut_off();
    let installed = host.install(&["--live-restore"]).succeeds();
    installed.says("an earlier `install server localhost` was cut off and is undone now");
    host.answers_alice();
    host.run(&["undo", "--yes"]).succeeds();
    host.is_as(&first);
    host.answers_locally();
}

#[test]
fn any_command_after_one_that_was_killed_takes_it_back() {
    if !can_run() {
        return;
    }
    let (host, first) = cut_off();
    let listed = host.run(&["list"]).succeeds();
    listed.says("an earlier `install server localhost` was cut off and is undone now");
    assert!(listed.stdout.contains("localhost"), "{listed:#?}");
    host.is_as(&first);
    host.answers_locally();
    let again = host.run(&["list"]).succeeds();
    assert_eq!(again.stderr, "");
}

#[test]
fn what_cannot_be_taken_back_is_told_and_the_command_goes_on() {
    if !can_run() {
        return;
    }
    let (host, first) = cut_off();
    host.shell(&format!("mv {0} {0}.away", host.below("restart").display()))
        .succeeds();
    let listed = host.run(&["list"]).succeeds();
    listed.says("warning: an earlier `install server localhost` was cut off; not everything could");
    listed.says(" undo --restart-command COMMAND");
    let undo = ["undo", "--yes", "--restart-command", "false"];
    let failed = host.run(&undo).fails(3);
    failed.says("hint: run it again with a --restart-command that works");
    assert!(listed.stdout.contains("localhost"), "{listed:#?}");
    // Its files are back, and only the daemon is left to restart.
    host.shell(&format!("mv {0}.away {0}", host.below("restart").display()))
        .succeeds();
    let listed = host.run(&["list"]).succeeds();
    listed.says("an earlier `install server localhost` was cut off and is undone now");
    host.is_as(&first);
    host.answers_locally();
}

#[test]
fn what_changes_nothing_leaves_one_that_was_killed_to_others() {
    if !can_run() {
        return;
    }
    let (host, _) = cut_off();
    let left = host.state();
    let shown = host.run(&["client", "issue", "bob", "--dry-run"]);
    shown.succeeds().says("an earlier command was cut off here");
    host.is_as(&left);
}

#[test]
fn a_dry_run_after_one_that_was_killed_leaves_it_to_others() {
    if !can_run() {
        return;
    }
    let (host, _) = cut_off();
    let left = host.state();
    let restart = host.restart();
    let shown = host.run(&[
        "install",
        "server",
        "--dry-run",
        "--restart-command",
        &restart,
    ]);
    shown.succeeds().says("an earlier command was cut off here");
    host.is_as(&left);
}

#[test]
fn refuses_while_another_install_runs() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let daemon = host.daemon();
    let fifo = host.below("fifo").display().to_string();
    host.shell(&format!("mkfifo {fifo}")).succeeds();
    // The restart says who waits for it, and goes on once it has been answered.
    let mut first = host.install_by(&format!(
        "echo $PPID >{fifo} && cat {fifo} && {}",
        host.restart()
    ));
    first.args(["--timeout", "30"]);
    let first = first.stdout(Stdio::piped()).stderr(Stdio::piped());
    let first = first.spawn().unwrap();
    let process = host.shell(&format!("cat {fifo}")).succeeds().stdout;
    let held = host.state();

    let refused = host.install(&[]).fails(1);
    refused.says("`/var/lib/dockpki-installed` is held by another command");
    let holder = format!(
        "dockpki install server localhost (process {})",
        process.trim()
    );
    refused.says(&holder);
    host.run(&["uninstall", "--yes"]).fails(1).says(&holder);
    let is_told = format!("note: another command is changing this machine: {holder}");
    host.run(&["check"]).succeeds().says(&is_told);
    let restart = host.restart();
    let dry = [
        "install",
        "server",
        "--dry-run",
        "--restart-command",
        &restart,
    ];
    host.run(&dry).succeeds().says(&is_told);
    host.is_as(&held);
    assert_eq!(host.daemon(), daemon);

    host.shell(&format!("echo go on >{fifo}")).succeeds();
    Ran::from(first.wait_with_output().unwrap()).succeeds();
    host.answers_alice();
}

//! Kills `install server`, `undo` and `uninstall` before every single call that changes the disk,
//! then asserts what a daemon would find and what the next command makes of it.
//!
//! All of it is under a prefix, so that no daemon is needed.  tests/crash does the same to the
//! commands that change the home.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

mod support;

use support::fault::{self, at_each_point};
use support::host::{
    Case, INSTALL, INSTALL_OLD, UNDO, UNINSTALL, empty, in_use, in_use_with_unit, is_turning_point,
    with_daemon_json, with_unit,
};

/// Kills a command at each point.  Then whichever command comes next finds its way.
fn survives_a_kill_at_each_point(case: &Case) {
    let calls = case.calls();
    at_each_point(&calls, |at| {
        // What a kill before it leaves, a kill before the call after it leaves too.
        if calls[at - 1].starts_with("fsync") && at < calls.len() {
            return;
        }
        let host = case.killed_at(at);
        case.assert_safe(&host);
        let had = host.records();
        let ran = case.installs_and_uninstalls(&host);
        case.told(&ran, &had);

        // Whichever comes next begins with the same recovery; these two take turns.
        let host = case.killed_at(at);
        let had = host.records();
        if at % 2 == 0 {
            case.takes_back(&host, UNINSTALL, &had);
            host.assert_first(case.first());
        } else {
            let ran = case.takes_back(&host, UNDO, &had);
            // One that was killed was the last: if it is undone, or was an undo itself, that is
            // what was asked for.
            let told = case.told(&ran, &had);
            let installs = case.after.1 == case.states.len();
            let finished = ran.stderr.contains("is finished now");
            let left = match (had.unfinished, finished && installs) {
                (true, false) => told,
                _ => told.saturating_sub(1),
            };
            host.state().assert_is(&case.states[left]);
            assert_eq!(host.done().len(), left);
        }
    });
    // And one more is not there: the points are all there are.
    assert!(!case.is_killed_at(&case.host(), calls.len() + 1));
}

/// Kills a command, then the next at each point of its recovery.
fn survives_a_kill_of_its_recovery(case: &Case) {
    let calls = case.calls();
    at_each_point(&calls, |at| {
        if !is_turning_point(&calls[at - 1]) {
            return;
        }
        for again_at in 1.. {
            let host = case.killed_at(at);
            let again = again_at.to_string();
            let variables = [("FAULT_AT", again.as_str()), ("FAULT_KIND", "kill")];
            let killed = fault::run(&mut host.command(UNINSTALL), &variables).killed;
            if !killed {
                break;
            }
            case.assert_safe(&host);
            let is_recovered = !host.records().unfinished;
            host.run(UNINSTALL);
            host.assert_first(case.first());
            if is_recovered {
                break;
            }
        }
    });
}

/// Makes one call fail, then kills the command at each later point, while it undoes itself.
fn survives_a_kill_while_undoing(case: &Case) {
    let calls = case.calls();
    at_each_point(&calls, |at| {
        if !is_turning_point(&calls[at - 1]) && !calls[at - 1].starts_with("link") {
            return;
        }
        for kill_at in at + 1.. {
            let host = case.host();
            let (at, kill_at) = (at.to_string(), kill_at.to_string());
            let variables = [
                ("FAULT_AT", at.as_str()),
                ("FAULT_KIND", "eio"),
                ("FAULT_KILL_AT", kill_at.as_str()),
            ];
            if !case.faulty(&host, &variables).killed {
                break;
            }
            case.assert_safe(&host);
            host.run(UNINSTALL);
            host.assert_first(case.first());
        }
    });
}

#[test]
fn install_on_an_empty_host_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::install(empty));
}

#[test]
fn install_on_a_host_in_use_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::install(in_use));
}

#[test]
fn install_on_a_host_with_a_unit_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::install(with_unit));
}

#[test]
fn install_in_place_of_another_killed_at_any_point_is_finished_or_undone() {
    let case = Case::new(
        in_use_with_unit,
        &[INSTALL_OLD],
        INSTALL,
        "install server new",
    );
    survives_a_kill_at_each_point(&case);
}

#[test]
fn install_where_directories_cannot_be_exchanged_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::install(in_use).lacking("exchange"));
}

#[test]
fn install_where_there_are_no_hard_links_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::install(with_daemon_json).lacking("links"));
}

#[test]
fn undo_killed_at_any_point_is_finished_or_undone() {
    let earlier = &[INSTALL_OLD, INSTALL];
    let case = Case::new(
        in_use_with_unit,
        earlier,
        UNDO,
        "undo of `install server new`",
    );
    survives_a_kill_at_each_point(&case);
}

#[test]
fn undo_of_the_only_command_killed_at_any_point_is_finished_or_undone() {
    let case = Case::new(empty, &[INSTALL], UNDO, "undo of `install server new`");
    survives_a_kill_at_each_point(&case);
}

#[test]
fn uninstall_killed_at_any_point_is_finished_or_undone() {
    let earlier = &[INSTALL_OLD, INSTALL];
    let case = Case::new(in_use_with_unit, earlier, UNINSTALL, "uninstall");
    survives_a_kill_at_each_point(&case);
}

#[test]
fn uninstall_where_directories_cannot_be_exchanged_killed_at_any_point_is_finished_or_undone() {
    let case = Case::new(in_use, &[INSTALL], UNINSTALL, "uninstall");
    survives_a_kill_at_each_point(&case.lacking("exchange"));
}

#[test]
fn recovery_of_an_install_killed_at_any_point_is_taken_up_by_the_next_command() {
    survives_a_kill_of_its_recovery(&Case::install(in_use_with_unit));
}

#[test]
fn recovery_of_an_install_on_an_empty_host_killed_at_any_point_is_taken_up_by_the_next_command() {
    survives_a_kill_of_its_recovery(&Case::install(empty));
}

#[test]
fn recovery_of_an_uninstall_killed_at_any_point_is_taken_up_by_the_next_command() {
    let case = Case::new(in_use_with_unit, &[INSTALL], UNINSTALL, "uninstall");
    survives_a_kill_of_its_recovery(&case);
}

#[test]
fn undo_after_an_error_killed_at_any_point_is_taken_up_by_the_next_command() {
    survives_a_kill_while_undoing(&Case::install(in_use_with_unit));
}

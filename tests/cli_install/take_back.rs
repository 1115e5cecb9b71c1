//! `undo` and `uninstall` on a daemon's host.

use std::os::unix::fs::PermissionsExt;

use dockpki::plan::layout::PairKind;

use super::support::by_hand::{ca_of, days, home_with_ca_of, put_client, put_pair};
use super::*;

#[test]
fn undo_on_a_host() {
    let home = host_with("{\n  \"debug\": true\n}\n");
    quietly(&home, INSTALL);
    shown(
        &home,
        "dockpki undo --prefix root --dry-run",
        "undo_as_dry_run",
    );
    let line = "dockpki undo --prefix root --dry-run --output json";
    shown(&home, line, "undo_as_dry_run_as_json");
    refused(
        &home,
        "dockpki undo --prefix root",
        "undo_refuses_without_consent",
    );
    done(&home, "dockpki undo --prefix root --yes", "undo_on_a_host");
    assert_eq!(read(&home, DAEMON_JSON), "{\n  \"debug\": true\n}\n");
    refused(
        &home,
        "dockpki undo --prefix root --yes",
        "undo_a_second_time",
    );
}

#[test]
fn undo_as_json() {
    let line = "dockpki undo --prefix root --yes --output json";
    done(&installed(), line, "undo_as_json");
}

#[test]
fn undo_quiet() {
    done(
        &installed(),
        "dockpki undo --prefix root --yes -q",
        "undo_quiet",
    );
}

#[test]
fn uninstall_on_a_host() {
    let home = installed();
    let line = "dockpki uninstall --prefix root --dry-run";
    shown(&home, line, "uninstall_as_dry_run");
    done(
        &home,
        "dockpki uninstall --prefix root --yes",
        "uninstall_on_a_host",
    );
    let left = fs::read_dir(root(&home)).unwrap().count();
    assert_eq!(left, 0, "uninstall left something");
}

#[test]
fn uninstall_as_json() {
    let line = "dockpki uninstall --prefix root --yes --output json";
    done(&installed(), line, "uninstall_as_json");
}

#[test]
fn uninstall_takes_two_installs_back() {
    let home = installed();
    quietly(&home, &format!("{INSTALL} --listen tcp://0.0.0.0:3376"));
    let line = "dockpki undo --prefix root --dry-run";
    shown(&home, line, "undo_takes_the_second_install_back");
    let line = "dockpki uninstall --prefix root --yes";
    done(&home, line, "uninstall_takes_two_installs_back");
}

#[test]
fn undo_where_nothing_is_installed() {
    let line = "dockpki undo --prefix root --yes";
    refused(&host(), line, "undo_where_nothing_is_installed");
}

#[test]
fn uninstall_where_nothing_is_installed() {
    let line = "dockpki uninstall --prefix root --yes";
    refused(&host(), line, "uninstall_where_nothing_is_installed");
}

#[test]
fn where_a_certificate_was_changed_since() {
    let home = installed();
    write(
        &root(&home).join("etc/docker/CA/server-cert.pem"),
        0o444,
        "mine\n",
    );
    let line = "dockpki undo --prefix root --yes";
    refused(
        &home,
        line,
        "undo_refuses_where_a_certificate_was_changed_since",
    );
    let line = "dockpki uninstall --prefix root --dry-run";
    shown(&home, line, "uninstall_leaves_a_certificate_as_dry_run");
    let line = "dockpki uninstall --prefix root --yes";
    done(&home, line, "uninstall_leaves_a_certificate_changed_since");
    assert_eq!(read(&home, "etc/docker/CA/server-cert.pem"), "mine\n");
}

#[test]
fn where_daemon_json_was_edited_since() {
    let home = host_with("{\n  \"debug\": true\n}\n");
    quietly(&home, INSTALL);
    let edited = read(&home, DAEMON_JSON).replace("\"debug\": true", "\"debug\": false");
    put(&home, DAEMON_JSON, &edited);
    let line = "dockpki uninstall --prefix root --yes";
    done(&home, line, "uninstall_takes_our_keys_alone");
    assert_eq!(read(&home, DAEMON_JSON), "{\n  \"debug\": false\n}\n");
}

#[test]
fn where_daemon_json_was_broken_since() {
    let home = installed();
    put(&home, DAEMON_JSON, "{\n");
    let line = "dockpki uninstall --prefix root --yes";
    refused(
        &home,
        line,
        "uninstall_refuses_where_daemon_json_was_broken_since",
    );
}

#[test]
fn where_daemon_json_has_hosts_of_its_owner() {
    let unit = "[Service]\nExecStart=/usr/bin/dockerd -H fd://\n";
    let home = host_with_unit(unit);
    quietly(&home, INSTALL);
    let edited =
        read(&home, DAEMON_JSON).replace("\"fd://\"", "\"fd://\", \"tcp://127.0.0.1:9999\"");
    put(&home, DAEMON_JSON, &edited);
    let line = "dockpki uninstall --prefix root --yes";
    done(&home, line, "uninstall_keeps_the_drop_in_that_is_needed");
}

/// An image is built under a prefix, and is `/` once it is booted.
#[test]
fn what_was_installed_under_a_prefix_that_has_moved_is_taken_back() {
    let home = installed();
    let moved = home.around().join("booted");
    fs::rename(root(&home), &moved).unwrap();
    quietly(&home, "dockpki verify --installed --prefix booted").succeeds();
    quietly(&home, "dockpki uninstall --prefix booted --yes").succeeds();
    assert!(support::snapshot(&moved).is_empty());
}

#[test]
fn a_key_that_somebody_opened_to_others_does_not_stay_behind() {
    let home = installed();
    let key = root(&home).join("etc/docker/CA/server-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    quietly(&home, "dockpki uninstall --prefix root --yes").succeeds();
    assert!(support::snapshot(&root(&home)).is_empty());
}

#[test]
fn what_set_modes_right_goes_with_the_install_it_mended() {
    let home = installed();
    let key = root(&home).join("etc/docker/CA/server-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    quietly(&home, "dockpki verify --installed --prefix root --fix").succeeds();
    let undone = quietly(&home, "dockpki undo --prefix root --yes").succeeds();
    assert!(
        undone.stdout.contains("`install server localhost`"),
        "{undone:#?}"
    );
    assert!(support::snapshot(&root(&home)).is_empty());
}

/// The restart the way back needs is said, with what it interrupts.
const UNDO_BY_SERVICE: &str =
    "dockpki undo --prefix root --dry-run --restart-command 'service docker restart'";

#[test]
fn undo_that_stops_containers() {
    let home = installed();
    shown(&home, UNDO_BY_SERVICE, "undo_that_stops_containers");
    let line = format!("{UNDO_BY_SERVICE} --output json");
    shown(&home, &line, "undo_that_stops_containers_as_json");
}

#[test]
fn undo_that_leaves_containers_running() {
    let home = host_with("{\n  \"live-restore\": true\n}\n");
    quietly(&home, INSTALL);
    shown(
        &home,
        UNDO_BY_SERVICE,
        "undo_that_leaves_containers_running",
    );
    let by_flag = host_with_unit("[Service]\nExecStart=/usr/bin/dockerd --live-restore\n");
    quietly(&by_flag, INSTALL);
    let said = quietly(&by_flag, UNDO_BY_SERVICE);
    said.says("containers keep running through the restart");
}

#[test]
fn undo_that_turns_live_restore_off() {
    let home = host();
    quietly(&home, &format!("{INSTALL} --live-restore"));
    shown(&home, UNDO_BY_SERVICE, "undo_that_turns_live_restore_off");
}

#[test]
fn what_a_rollover_has_passed_over_comes_back_with_a_warning() {
    let home = installed();
    quietly(&home, "dockpki ca roll start");
    // Before it, nobody of the new CA was let in.
    quietly(&home, INSTALL);
    let dry = "dockpki undo --prefix root --dry-run";
    shown(&home, dry, "undo_to_before_a_rollover");
    quietly(&home, "dockpki ca roll issue");
    quietly(&home, "dockpki ca roll finish --force");
    quietly(&home, INSTALL);
    shown(&home, dry, "undo_to_a_ca_that_was_dropped");
    let json = format!("{dry} --output json");
    shown(&home, &json, "undo_to_a_ca_that_was_dropped_as_json");
    let asked = quietly_refused(&home, "dockpki undo --prefix root");
    asked.says("which the home trusts no more");
    // Nothing of ours is left then.
    let all = quietly(&home, "dockpki uninstall --prefix root --yes");
    assert!(!all.stderr.contains("comes back"), "{all:#?}");
}

/// Runs a line that asks, where nobody answers.
fn quietly_refused(home: &TestHome, line: &str) -> Ran {
    Ran::from(command(home, line).output().unwrap()).fails(2)
}

#[test]
fn an_expired_certificate_comes_back_with_a_warning() {
    let home = home_with_ca_of(days(-100, 1000));
    fs::create_dir(root(&home)).unwrap();
    put_client(&home, &ca_of(&home), "alice", days(-90, 100));
    let (old, key) = super::refusals::server_of(&ca_of(&home), days(-90, -1));
    let directory = root(&home).join("etc/docker/CA");
    fs::create_dir_all(&directory).unwrap();
    write(&directory.join("server-cert.pem"), 0o444, &old);
    write(&directory.join("server-key.pem"), 0o400, &key);
    let (new, key) = super::refusals::server_of(&ca_of(&home), days(-9, 90));
    put_pair(&home, PairKind::Server, "localhost", &new, &key);
    quietly(&home, INSTALL);
    let dry = "dockpki undo --prefix root --dry-run";
    shown(&home, dry, "undo_to_an_expired_certificate");
}

#[test]
fn what_would_not_start_does_not_come_back() {
    let home = installed();
    fs::remove_dir_all(root(&home).join("etc/docker/CA")).unwrap();
    quietly(&home, INSTALL);
    refused(
        &home,
        "dockpki undo --prefix root --yes",
        "undo_refuses_what_would_not_start",
    );
    quietly(&home, "dockpki uninstall --prefix root --yes");
    assert!(support::snapshot(&root(&home)).is_empty());
}

/// Somebody had begun by hand; that comes back as it was.
#[test]
fn what_did_not_start_before_comes_back_with_a_warning() {
    let begun = "{\n  \"tlscert\": \"/etc/docker/CA/server-cert.pem\"\n}\n";
    let home = host_with(begun);
    quietly(&home, INSTALL);
    refused(
        &home,
        "dockpki undo --prefix root --yes",
        "undo_refuses_what_did_not_start_before",
    );
    let line = "dockpki uninstall --prefix root --yes";
    done(&home, line, "uninstall_of_what_did_not_start_before");
    assert_eq!(read(&home, DAEMON_JSON), begun);
}

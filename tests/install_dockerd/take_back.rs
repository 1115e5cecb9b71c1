//! `undo` and `uninstall` bring back what was there, byte for byte.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::support::Ran;
use super::support::dockerd_host::{Host, HostState, can_run};

fn take_back(host: &Host, command: &str) -> Ran {
    // It restarts the daemon as the install did.
    host.run(&[command, "--yes", "--timeout", "30"])
}

#[test]
fn undo_brings_back_the_first_state() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let first = host.state();
    host.install(&[]).succeeds();
    let undone = take_back(&host, "undo").succeeds();
    assert!(undone.stdout.contains("the daemon answers"), "{undone:#?}");
    host.is_as(&first);
    host.answers_locally();
    assert!(host.connect(2376).is_err(), "it still listens on TCP");
    take_back(&host, "undo").fails(1);
    host.is_as(&first);
}

#[test]
fn undo_brings_back_a_host_without_daemon_json() {
    if !can_run() {
        return;
    }
    let host = Host::stopped();
    // What the test needs is in flags then, which dockpki does not know of.
    let restart = format!(
        "{} --data-root {} --exec-root {} --iptables=false --bridge none --storage-driver vfs",
        host.restart(),
        host.below("data").display(),
        host.below("exec").display(),
    );
    host.shell(&restart).succeeds();
    host.answers_locally();
    let first = host.state();
    let mut install = host.install_by(&restart);
    Ran::from(install.args(["--timeout", "30"]).output().unwrap()).succeeds();
    host.answers_alice();
    assert_eq!(host.access("/etc/docker/daemon.json"), (0o644, 0, 0));
    take_back(&host, "undo").succeeds();
    host.is_as(&first);
    host.answers_locally();
}

#[test]
fn undo_takes_back_one_install_of_two() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let first = host.state();
    host.install(&[]).succeeds();
    let between = host.state();
    host.issue_second_server();
    host.install(&["second"]).succeeds();
    host.serves("second");

    take_back(&host, "undo").succeeds();
    host.is_as(&between);
    host.answers_alice();
    host.serves("localhost");

    take_back(&host, "undo").succeeds();
    host.is_as(&first);
    host.answers_locally();
}

/// A daemon that starts without live-restore ends what it was left running.
#[test]
fn undo_of_live_restore_stops_the_containers_and_says_so() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let container = host.run_container("survivor");
    host.install(&["--live-restore"]).succeeds();
    assert_eq!(host.container("survivor"), container);
    let undone = take_back(&host, "undo").succeeds();
    undone.says("the restart stops every container, for live-restore goes off again");
    assert_eq!(host.container("survivor"), "0");
}

#[test]
fn uninstall_leaves_containers_running_and_says_so() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({ "live-restore": true }));
    let container = host.run_container("survivor");
    host.install(&[]).succeeds();
    let undone = take_back(&host, "uninstall").succeeds();
    undone.says("containers keep running through the restart");
    assert_eq!(host.container("survivor"), container);
}

#[test]
fn uninstall_brings_back_the_first_state_after_two_installs() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let first = host.state();
    host.install(&[]).succeeds();
    host.issue_second_server();
    host.install(&["second", "--live-restore"]).succeeds();
    host.answers_alice();
    host.serves("second");
    take_back(&host, "uninstall").succeeds();
    host.is_as(&first);
    host.answers_locally();
    assert!(host.connect(2376).is_err(), "it still listens on TCP");
}

#[test]
fn uninstall_keeps_what_its_user_has_put_into_daemon_json_since() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let daemon_json = Path::new("/etc/docker/daemon.json");
    let before = String::from_utf8(host.read(daemon_json)).unwrap();
    host.install(&[]).succeeds();
    let installed = String::from_utf8(host.read(daemon_json)).unwrap();
    let edited = installed.replacen('{', "{\n  \"debug\": true,", 1);
    fs::write(host.outside(daemon_json), &edited).unwrap();

    // There is no going back to what was found: that would take the key away.
    take_back(&host, "uninstall").succeeds();
    let after = String::from_utf8(host.read(daemon_json)).unwrap();
    assert_eq!(after, before.replacen('{', "{\n  \"debug\": true,", 1));
    assert_eq!(host.access(daemon_json), (0o640, 0, 1));
    assert!(!host.exists("/etc/docker/CA"), "certificates are left");
    assert!(
        !host.exists("/var/lib/dockpki-installed"),
        "records are left"
    );
    host.answers_locally();
    assert!(host.connect(2376).is_err(), "it still listens on TCP");
    let debug = host.docker(&["info", "--format", "{{json .Debug}}"]);
    assert_eq!(debug.parse::<Value>().unwrap(), json!(true));
}

#[test]
fn uninstall_leaves_what_others_keep_beside_our_files() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    host.install(&[]).succeeds();
    let notes = Path::new("/etc/docker/CA/notes.txt");
    fs::write(host.outside(notes), "mine").unwrap();
    take_back(&host, "uninstall").succeeds();
    assert_eq!(host.read(notes), b"mine");
    let names = fs::read_dir(host.outside(Path::new("/etc/docker/CA"))).unwrap();
    assert_eq!(names.count(), 1, "ours are left");
    host.answers_locally();
}

/// Runs dockpki as root, by sudo of a user with a home of their own.
fn sudo(host: &Host, arguments: &[&str]) -> Ran {
    let mut dockpki = host.dockpki();
    dockpki
        .args(arguments)
        .env("SUDO_USER", "bob")
        .env("SUDO_UID", "4242")
        .env("SUDO_GID", "4242")
        .env("SUDO_HOME", host.below("bob"));
    Ran::from(dockpki.output().unwrap())
}

/// A host with the server, and with the client of a user who called sudo.
fn installed_by_sudo() -> (Host, HostState) {
    let host = Host::with(json!({}));
    let bob = host.below("bob");
    host.shell(&format!("mkdir {0} && chown 4242:4242 {0}", bob.display()))
        .succeeds();
    let first = host.state();
    host.install(&[]).succeeds();
    let client = [
        "install",
        "client",
        "alice",
        "--host",
        "tcp://localhost:2376",
        "--yes",
    ];
    sudo(&host, &client).succeeds();
    let key = bob.join(".docker/key.pem");
    assert_eq!(host.access(&key), (0o400, 4242, 4242));
    (host, first)
}

#[test]
fn undo_by_sudo_takes_back_what_the_caller_got_last() {
    if !can_run() {
        return;
    }
    let (host, _) = installed_by_sudo();
    let daemon = host.daemon();
    let undone = sudo(&host, &["undo", "--yes"]).succeeds();
    assert!(
        undone.stdout.contains("`install client alice`"),
        "{undone:#?}"
    );
    assert!(!host.exists(host.below("bob/.docker")));
    assert_eq!(host.daemon(), daemon);
    host.answers_alice();
}

#[test]
fn uninstall_by_sudo_takes_back_the_hosts_and_the_callers() {
    if !can_run() {
        return;
    }
    let (host, first) = installed_by_sudo();
    let arguments = ["uninstall", "--yes", "--timeout", "30", "--output", "json"];
    let undone = sudo(&host, &arguments).succeeds();
    let told: Value = serde_json::from_str(&undone.stdout).expect("one document");
    let paths = told["files"].as_array().unwrap().iter();
    let paths = Vec::from_iter(paths.map(|file| file["path"].as_str().unwrap()));
    for end in ["CA/server-key.pem", "bob/.docker/key.pem"] {
        let has = paths.iter().any(|path| path.ends_with(end));
        assert!(has, "no {end} in {paths:?}");
    }
    assert!(!host.exists(host.below("bob/.docker")));
    host.is_as(&first);
    host.answers_locally();
}

#[test]
fn uninstall_by_sudo_says_what_it_could_not_take_back() {
    if !can_run() {
        return;
    }
    let (host, first) = installed_by_sudo();
    let docker = host.below("bob/.docker");
    let docker = docker.display();
    host.shell(&format!("chown root {docker} && chmod 755 {docker}"))
        .succeeds();
    let failed = sudo(&host, &["uninstall", "--yes", "--timeout", "30"]).fails(3);
    failed.says("error: taken back but for what `");
    failed.says("bob/.local/state/dockpki` remembers: cannot ");
    host.is_as(&first);

    host.shell(&format!("chown 4242 {docker} && chmod 700 {docker}"))
        .succeeds();
    sudo(&host, &["uninstall", "--yes"]).succeeds();
    assert!(!host.exists(host.below("bob/.docker")));
}

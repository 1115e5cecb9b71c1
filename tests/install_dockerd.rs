//! `install server`, `undo` and `uninstall` on a real dockerd, where every path and port is the
//! one that users have.
//!
//! Needs root, dockerd and the docker command line.  Each test has a host of its own: see
//! tests/support/host.rs.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "these tests start daemons and talk to them"
)]

mod support;

#[path = "install_dockerd/check.rs"]
mod check;
#[path = "install_dockerd/client.rs"]
mod client;
#[path = "install_dockerd/cut_off.rs"]
mod cut_off;
#[path = "install_dockerd/listen.rs"]
mod listen;
#[path = "install_dockerd/put_back.rs"]
mod put_back;
#[path = "install_dockerd/renew.rs"]
mod renew;
#[path = "install_dockerd/rollover.rs"]
mod rollover;
#[path = "install_dockerd/rootless.rs"]
mod rootless;
#[path = "install_dockerd/systemd.rs"]
mod systemd;
#[path = "install_dockerd/take_back.rs"]
mod take_back;
#[path = "install_dockerd/timer.rs"]
mod timer;

use std::fs;
use std::path::Path;

use serde_json::json;
use support::daemon::ping_plain;
use support::dockerd_host::{Host, can_run};
use support::{TestHome, rustls_client};

#[test]
fn a_fresh_host_comes_to_proven_tls() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let first = host.state();
    let restart = host.restart();
    let dry = [
        "install",
        "server",
        "--dry-run",
        "--restart-command",
        &restart,
    ];
    let shown = host.run(&dry).succeeds();
    host.is_as(&first);
    let installed = host.install(&[]).succeeds();

    // What was shown is what is applied.
    let plan = shown.stdout.split_once("Nothing was changed.\n\n").unwrap();
    let key = "/etc/docker/CA/server-key.pem";
    for words in [
        "FILE",
        key,
        "0400",
        "root:root",
        "+++ /etc/docker/daemon.json",
        &restart,
    ] {
        assert!(plan.1.contains(words), "no `{words}` in {shown:#?}");
    }
    installed.says(plan.1);
    assert!(installed.stdout.contains("Proved: "), "{installed:#?}");

    host.answers_alice();
    host.serves("localhost");
    let stranger = TestHome::with_ca(&[]);
    let client = stranger.path().join("clients/alice");
    let ca = host.home.path().join("ca.pem");
    let stranger = rustls_client(&ca, &client.join("cert.pem"), &client.join("key.pem"));
    let answer = host.ping(2376, stranger);
    assert!(answer.is_err(), "the stranger got {answer:?}");

    let server = host.home.path().join("servers/localhost");
    for (name, mode) in [
        ("ca.pem", 0o444),
        ("server-cert.pem", 0o444),
        ("server-key.pem", 0o400),
    ] {
        let path = Path::new("/etc/docker/CA").join(name);
        assert_eq!(host.access(&path), (mode, 0, 0), "{name}");
        assert_eq!(
            host.read(&path),
            fs::read(server.join(name)).unwrap(),
            "{name}"
        );
    }
    let directory = host.access("/etc/docker/CA");
    assert_eq!(directory.0 & 0o022, 0, "others can put files there");
    assert_eq!(host.access("/etc/docker/daemon.json"), (0o640, 0, 1));
    let daemon: serde_json::Value =
        serde_json::from_slice(&host.read("/etc/docker/daemon.json")).unwrap();
    let hosts = ["unix:///var/run/docker.sock", "tcp://0.0.0.0:2376"];
    assert_eq!(daemon["hosts"], json!(hosts));
    assert_eq!(daemon["tlsverify"], json!(true));
    assert_eq!(daemon["tlscacert"], json!("/etc/docker/CA/ca.pem"));

    let ca_key = fs::read(host.home.path().join("ca-key.pem")).unwrap();
    let ca_key = ca_key.split(|octet| *octet == b'\n').nth(1).unwrap();
    let server_key = fs::read(server.join("server-key.pem")).unwrap();
    let server_key = server_key.split(|octet| *octet == b'\n').nth(1).unwrap();
    let state = host.state();
    assert!(state.contains(server_key), "this finds no keys");
    assert!(!state.contains(ca_key), "the CA's key is on the host");
}

#[test]
fn a_second_install_changes_nothing_and_restarts_nothing() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    host.install(&[]).succeeds();
    let state = host.state();
    let daemon = host.daemon();
    let again = host.install(&[]).succeeds();
    assert!(again.stdout.contains("Nothing was changed"), "{again:#?}");
    assert!(again.stdout.contains("Proved: "), "{again:#?}");
    assert_eq!(host.daemon(), daemon, "it was restarted");
    host.is_as(&state);
}

/// A daemon that lets everybody in, as many still do.
fn open_host() -> Host {
    let hosts = ["unix:///var/run/docker.sock", "tcp://127.0.0.1:2375"];
    let host = Host::with(json!({ "hosts": hosts }));
    let answer = ping_plain(host.connect(2375).unwrap());
    assert!(answer.contains("200 OK"), "{answer}");
    host
}

#[test]
fn an_open_host_is_closed() {
    if !can_run() {
        return;
    }
    let host = open_host();
    let first = host.state();
    let installed = host.install(&["--close-plain"]).succeeds();
    installed.says("note: tcp://127.0.0.1:2375 is closed");
    host.answers_alice();
    let closed = host.connect(2375).map(|_| ());
    let refused = std::io::ErrorKind::ConnectionRefused;
    assert_eq!(closed.unwrap_err().kind(), refused);

    let restart = host.restart();
    host.run(&["undo", "--yes", "--restart-command", &restart])
        .succeeds();
    host.is_as(&first);
    let answer = ping_plain(host.connect(2375).unwrap());
    assert!(answer.contains("200 OK"), "{answer}");
}

#[test]
fn an_open_host_speaks_tls_where_it_was_open() {
    if !can_run() {
        return;
    }
    let host = open_host();
    let installed = host.install(&[]).succeeds();
    installed.says("warning: the daemon listens on tcp://127.0.0.1:2375 too");
    installed.says("--close-plain takes it away");
    host.answers_alice();
    let answer = ping_plain(host.connect(2375).unwrap());
    assert!(!answer.contains("200 OK"), "{answer}");
    host.ping(2375, host.home.alice()).unwrap();
}

#[test]
fn a_running_container_outlives_the_install_with_live_restore() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let before = host.run_container("survivor");
    assert_ne!(before, "0");
    let daemon = host.daemon();
    let installed = host.install(&["--live-restore"]).succeeds();
    installed.says("containers keep running through the restart");
    installed.says("kill -HUP \"$(cat /run/docker.pid)\"");
    assert_ne!(host.daemon(), daemon, "it was not restarted");
    assert_eq!(host.container("survivor"), before);

    // It is on by now, and nobody has to ask for it.
    let restart = host.restart();
    host.run(&["uninstall", "--yes", "--restart-command", &restart])
        .succeeds();
    host.answers_locally();
}

#[test]
fn a_running_container_is_stopped_without_live_restore_as_was_said() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    assert_ne!(host.run_container("victim"), "0");
    let installed = host.install(&[]).succeeds();
    installed.says("warning: the restart stops every container");
    assert_eq!(host.container("victim"), "0");
}

#[test]
fn refuses_an_address_the_certificate_is_not_for() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let first = host.state();
    let daemon = host.daemon();
    for (arguments, name) in [
        (["--listen", "tcp://10.1.2.3:2376"], "10.1.2.3"),
        (["--probe", "docker.example:2376"], "docker.example"),
    ] {
        let refused = host.install(&arguments).fails(1);
        refused.says(&format!("wanted one for `{name}` too"));
        refused.says("localhost, 127.0.0.1");
        assert_eq!(host.daemon(), daemon, "it was restarted");
        host.is_as(&first);
    }
}

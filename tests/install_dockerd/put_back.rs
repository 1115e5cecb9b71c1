//! What goes back by itself when the daemon does not prove to serve what was installed.

use serde_json::json;

use super::support::dockerd_host::{Host, HostState, can_run};
use super::support::{Ran, happens};

/// A host with a daemon, and how it was at first.
fn host() -> (Host, HostState) {
    let host = Host::with(json!({}));
    let first = host.state();
    (host, first)
}

/// `install server` with this restart command, which comes to nothing soon.
fn install_by(host: &Host, restart: &str, arguments: &[&str]) -> Ran {
    let mut install = host.install_by(restart);
    install.args(["--timeout", "5"]).args(arguments);
    Ran::from(install.output().unwrap())
}

#[test]
fn a_daemon_that_does_not_start_is_put_back() {
    if !can_run() {
        return;
    }
    let (host, first) = host();
    // As an init script would that nobody told dockpki of.
    let restart = format!("{} -H unix:///var/run/docker.sock", host.restart());
    let failed = install_by(&host, &restart, &[]).fails(1);
    failed.says("`GET /_ping` with our client's certificate: nobody listens there");
    failed.says("the daemon's log says: ");
    failed.says("specified both as a flag and in the configuration file: hosts");
    failed.says("everything was put back as it was");
    host.is_as(&first);
    host.answers_locally();
    assert!(host.connect(2376).is_err(), "it listens on TCP");
}

#[test]
fn a_daemon_that_does_not_start_is_put_back_with_live_restore_and_its_containers() {
    if !can_run() {
        return;
    }
    // A key that is not there would change nothing in a daemon that reads the file again.
    let host = Host::with(json!({ "live-restore": false }));
    let first = host.state();
    let container = host.run_container("survivor");
    let restart = format!("{} -H unix:///var/run/docker.sock", host.restart());
    let failed = install_by(&host, &restart, &["--live-restore"]).fails(1);
    failed.says("everything was put back as it was");
    host.is_as(&first);
    host.answers_locally();
    assert_eq!(host.container("survivor"), container);
    let live_restore = || host.docker(&["info", "--format", "{{.LiveRestoreEnabled}}"]);
    let is_off = happens(|| live_restore().trim() == "false");
    assert!(is_off, "live-restore is still on");
}

#[test]
fn live_restore_of_a_daemon_that_does_not_run_is_put_back() {
    if !can_run() {
        return;
    }
    let host = Host::stopped();
    host.write_daemon_json(json!({}));
    let first = host.state();
    let failed = install_by(&host, &host.restart(), &["--live-restore"]).fails(1);
    failed.says("`/run/docker.pid`: no such file or directory");
    failed.says("everything was put back as it was");
    host.is_as(&first);
}

#[test]
fn a_restart_that_fails_is_put_back() {
    if !can_run() {
        return;
    }
    let (host, first) = host();
    let daemon = host.daemon();
    let restart = format!(
        "! grep -q tlsverify /etc/docker/daemon.json && {}",
        host.restart()
    );
    let failed = install_by(&host, &restart, &[]).fails(1);
    failed.says(&format!("`{restart}` failed: it ended with exit code 1"));
    failed.says("everything was put back as it was");
    host.is_as(&first);
    host.answers_locally();
    assert_ne!(
        host.daemon(),
        daemon,
        "it was not restarted on the way back"
    );
}

#[test]
fn a_restart_that_always_fails_leaves_the_files_as_they_were() {
    if !can_run() {
        return;
    }
    let (host, first) = host();
    let daemon = host.daemon();
    let failed = install_by(&host, "no-such-command", &[]).fails(3);
    failed.says("`no-such-command` failed: it ended with exit code 127");
    failed.says("not everything could be put back");
    let json = host.read("/etc/docker/daemon.json");
    assert!(first.contains(&json), "daemon.json is another");
    assert!(!host.exists("/etc/docker/CA"), "certificates are left");
    assert_eq!(host.daemon(), daemon);

    // With a command that works, what is left goes, and the install is done.
    let installed = host.install(&[]).succeeds();
    installed.says("an earlier `install server localhost` was cut off and is undone now");
    host.answers_alice();
}

#[test]
fn a_restart_that_does_nothing_is_put_back() {
    if !can_run() {
        return;
    }
    let (host, first) = host();
    let daemon = host.daemon();
    let failed = install_by(&host, "true", &[]).fails(1);
    failed.says("`127.0.0.1:2376` failed a probe");
    failed.says("nobody listens there");
    failed.says("everything was put back as it was");
    host.is_as(&first);
    host.answers_locally();
    assert_eq!(host.daemon(), daemon);
}

#[test]
fn a_reload_in_place_of_a_restart_is_put_back() {
    if !can_run() {
        return;
    }
    let (host, _) = host();
    host.install(&[]).succeeds();
    host.issue_second_server();
    let first = host.state();
    let daemon = host.daemon();
    let hang_up = "kill -HUP $(cat /var/run/docker.pid)";
    let failed = install_by(&host, hang_up, &["second"]).fails(1);
    failed.says("failed a probe, the certificate it serves: it still serves serial");
    failed.says("it was not restarted");
    failed.says("everything was put back as it was");
    host.is_as(&first);
    assert_eq!(host.daemon(), daemon);
    host.answers_alice();
    host.serves("localhost");
}

#[test]
fn a_host_whose_configuration_is_read_only_is_left_as_it_was() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let set = |access: &str| {
        let mount = format!("mount -o remount,{access} /etc/docker");
        host.shell(&mount).succeeds();
    };
    let refused = |first: &HostState, daemon: u32| {
        set("ro");
        host.install(&[]).fails(1).says("read-only file system");
        set("rw");
        host.is_as(first);
        assert_eq!(host.daemon(), daemon, "it was restarted");
    };
    refused(&host.state(), host.daemon());
    host.install(&[]).succeeds();
    host.home.run(["renew", "localhost", "--force"]).succeeds();
    refused(&host.state(), host.daemon());
    host.install(&[]).succeeds();
    host.serves("localhost");
}

//! `renew --install`: what was renewed comes to the daemon and to its users, with one restart, or
//! everything stays as it was.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use dockpki::pki::{Certificate, Purpose};
use dockpki::plan::ledger::Entry;
use dockpki::plan::trust::Trust;
use serde_json::json;
use time::macros::datetime;

use super::support::by_hand::append;
use super::support::dockerd_host::{Host, can_run};
use super::support::{Ran, rustls_client};

const RENEW: [&str; 6] = ["renew", "--force", "--install", "--yes", "--timeout", "30"];

/// A host whose restarts are counted, with the server and a client in root's `~/.docker`.
fn installed(config: serde_json::Value) -> Host {
    let host = Host::with(config);
    host.write_script(
        "counted",
        "#!/bin/sh\necho restart >>DIRECTORY/restarts\nexec DIRECTORY/restart\n",
    );
    let restart = host.below("counted").display().to_string();
    Ran::from(host.install_by(&restart).output().unwrap()).succeeds();
    let client = [
        "install",
        "client",
        "--yes",
        "--host",
        "tcp://localhost:2376",
    ];
    host.run(&client).succeeds();
    forget_restarts(&host);
    host
}

fn restarts(host: &Host) -> usize {
    let counted = fs::read_to_string(host.outside(&host.below("restarts")));
    counted.unwrap_or_default().lines().count()
}

fn forget_restarts(host: &Host) {
    fs::remove_file(host.outside(&host.below("restarts"))).unwrap();
}

/// The client as it is now, for later.
fn alice(host: &Host) -> Arc<rustls::ClientConfig> {
    let alice = host.home.path().join("clients/alice");
    rustls_client(
        &host.home.path().join("ca.pem"),
        &alice.join("cert.pem"),
        &alice.join("key.pem"),
    )
}

fn read_home(host: &Host, file: &str) -> Vec<u8> {
    fs::read(host.home.path().join(file)).unwrap()
}

#[test]
fn a_client_that_is_brought_beside_it_holds_no_server_back() {
    if !can_run() {
        return;
    }
    let host = installed(json!({}));
    host.run(&["ca", "roll", "start"]).succeeds();
    let renewed = host.run(&RENEW).succeeds();
    assert!(!renewed.stderr.contains("trust both"), "{renewed:#?}");
    host.serves("localhost");
    host.answers_alice();
}

#[test]
fn a_server_that_is_held_back_lets_the_clients_of_both_cas_in() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    host.install(&[]).succeeds();
    let trust = Trust::from_pem(&read_home(&host, "ca.pem")).unwrap();
    let certificate = read_home(&host, "clients/alice/cert.pem");
    let certificate = Certificate::from_pem(&certificate).unwrap();
    let entry = Entry::handed_out(
        Purpose::Client,
        "alice",
        &certificate,
        &[trust.ca.serial],
        "/home/alice/.docker on laptop".into(),
        datetime!(2026-11-24 08:00 UTC),
    );
    append(&host.home, &entry);
    let (old, served) = (alice(&host), host.served(host.home.alice()));
    host.run(&["ca", "roll", "start"]).succeeds();
    let renewed = host.run(&RENEW).succeeds();
    renewed.says("keeps its certificate of the old CA");
    assert!(renewed.stdout.contains("Proved: Docker "), "{renewed:#?}");
    // She on her laptop, and she as she is in the home.
    host.ping(2376, old.clone()).unwrap();
    host.ping(2376, alice(&host)).unwrap();
    assert!(host.served(old) == served, "it serves another");
    // Once is enough.
    let daemon = host.daemon();
    host.run(&["renew", "--install", "--yes"]).succeeds();
    assert_eq!(host.daemon(), daemon);
}

#[test]
fn a_container_outlives_the_renewal_and_the_old_client_still_gets_in() {
    if !can_run() {
        return;
    }
    let host = installed(json!({ "live-restore": true }));
    let container = host.run_container("survivor");
    let (daemon, old) = (host.daemon(), alice(&host));

    let renewed = host.run(&RENEW).succeeds();
    for words in [
        "Renewed 2 certificates in ",
        "Installed server `localhost` in /etc/docker/CA",
        "Proved: Docker ",
        "Installed client `alice` in ",
        "Installed client `alice` in the docker context localhost",
    ] {
        assert!(renewed.stdout.contains(words), "no `{words}`: {renewed:#?}");
    }
    renewed.says("containers keep running through the restart");
    assert!(!renewed.stderr.contains("Next, "), "{renewed:#?}");
    assert_eq!(restarts(&host), 1);
    assert_ne!(host.daemon(), daemon, "it was not restarted");
    assert_eq!(host.container("survivor"), container);
    host.serves("localhost");
    host.answers_alice();
    host.ping(2376, old).unwrap();
    host.ping(2376, alice(&host)).unwrap();
    let context = host.below("root/.docker/cert.pem");
    let new = fs::read(host.home.path().join("clients/alice/cert.pem")).unwrap();
    assert_eq!(host.read(&context), new);
    let version = ["--context", "localhost", "version"];
    host.docker(&version);

    // Nothing is due any more: nothing is touched, and the daemon is left alone.
    let (state, daemon) = (host.state(), host.daemon());
    let again = host.run(&["renew", "--install", "--yes"]).succeeds();
    assert!(
        again.stdout.starts_with("Nothing was renewed: "),
        "{again:#?}"
    );
    host.is_as(&state);
    assert_eq!((restarts(&host), host.daemon()), (1, daemon));
}

#[test]
fn a_reload_in_place_of_a_restart_is_put_back_and_the_next_renewal_mends_it() {
    if !can_run() {
        return;
    }
    let host = installed(json!({}));
    let (state, daemon) = (host.state(), host.daemon());
    let served = host.served(host.home.alice());
    let hook = format!(
        "echo $DOCKPKI_RENEWED_NAMES >>{}",
        host.below("hook").display()
    );
    let renew = [
        "renew",
        "servers/localhost",
        "--install",
        "--yes",
        "--timeout",
        "5",
        "--deploy-hook",
        &hook,
    ];
    let hang_up = ["--restart-command", "kill -HUP $(cat /var/run/docker.pid)"];
    let failed = host
        .run(&[&renew[..], &["--force"], &hang_up].concat())
        .fails(3);
    assert!(
        failed.stdout.contains("Renewed 1 certificate in "),
        "{failed:#?}"
    );
    failed.says(
        "error: the certificates are renewed in the home, but server `localhost` is not installed: ",
    );
    failed.says("it still serves serial");
    failed.says("everything was put back as it was");
    host.is_as(&state);
    assert_eq!(host.daemon(), daemon);
    let is_old = host.served(host.home.alice()) == served;
    assert!(is_old, "it serves another");

    // Nothing is due by now, and it fails again: everything is as it was before it.
    let failed = host.run(&[&renew[..], &hang_up].concat()).fails(1);
    failed.says("everything was put back as it was");
    host.is_as(&state);

    // The home has what is not installed, and the recorded way to restart works.
    let mended = host.run(&renew).succeeds();
    for words in [
        "Nothing was renewed: ",
        "Installed server `localhost` in /etc/docker/CA",
    ] {
        assert!(mended.stdout.contains(words), "no `{words}`: {mended:#?}");
    }
    host.serves("localhost");
    host.answers_alice();
    assert_ne!(host.daemon(), daemon, "it was not restarted");
    let hook = host.read(host.below("hook"));
    assert_eq!(String::from_utf8(hook).unwrap(), "localhost\nlocalhost\n");
}

#[test]
fn undo_brings_the_certificate_back_that_was_there_before_the_renewal() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    host.install(&[]).succeeds();
    let certificate = Path::new("/etc/docker/CA/server-cert.pem");
    let before = host.read(certificate);
    host.run(&RENEW).succeeds();
    assert!(host.read(certificate) != before, "nothing was installed");
    let undone = host.run(&["undo", "--yes", "--timeout", "30"]).succeeds();
    assert!(undone.stdout.contains("renew --install"), "{undone:#?}");
    assert!(host.read(certificate) == before, "it is another");
    host.answers_alice();
}

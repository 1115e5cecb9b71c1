//! `check --installed` on a real dockerd, which reads its certificates when it starts and never
//! again.

use std::fs;

use dockpki::pki::{Certificate, Life, SubjectAltNames, Validity};
use dockpki::plan::layout::PairKind;
use serde_json::json;
use time::OffsetDateTime;

use super::support::by_hand::{ca_of, key, put_pair, serial};
use super::support::dockerd_host::{Host, can_run};
use super::support::{Ran, TestHome};

const SERVED: &str = "tcp://0.0.0.0:2376";

/// Gives the home's server another certificate, as a renewal does.
fn renew(home: &TestHome) {
    let ca = ca_of(home);
    let (key, life) = (key(), Life::LEAF);
    let validity = ca.certificate().validity;
    let validity = Validity::of_leaf(life, OffsetDateTime::now_utc(), validity).unwrap();
    let sans = SubjectAltNames::parse(["localhost,127.0.0.1"]).unwrap();
    let issued = ca.issue_server(&sans, &key, serial(), validity).unwrap();
    let key = key.to_pem().unwrap();
    put_pair(
        home,
        PairKind::Server,
        "localhost",
        &issued.pem(),
        key.expose(),
    );
}

/// The state of the row of this name, and what mends it.
fn row(ran: &Ran, name: &str) -> (String, Option<String>) {
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let rows = report["certificates"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name);
    let row = row.unwrap_or_else(|| panic!("no {name} in {report:#}"));
    (
        row["state"].as_str().unwrap().to_owned(),
        row["mend"].as_str().map(str::to_owned),
    )
}

fn check(host: &Host) -> Ran {
    host.run(&["check", "--installed", "--output", "json"])
}

#[test]
fn a_certificate_that_is_not_served_is_told_from_one_that_is_due() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    host.install(&[]).succeeds();
    let fine = check(&host).succeeds();
    assert_eq!(row(&fine, SERVED), ("valid".into(), None));
    let due = host.run(&["check", "--installed", "--warn", "400d", "--output", "json"]);
    assert_eq!(row(&due.fails(1), SERVED).0, "due");

    // Renewed in the home alone.
    let file = "/etc/docker/CA/server-cert.pem";
    renew(&host.home);
    let ran = check(&host).fails(1);
    let program = format!("dockpki --home {}", host.home.path().display());
    let install = format!("{program} install server localhost");
    let wanted = ("renewed, not installed".into(), Some(install));
    assert_eq!(row(&ran, file), wanted);

    // Brought to the daemon's files by hand, and loaded by SIGHUP, which loads no certificate.
    for name in ["server-cert.pem", "server-key.pem"] {
        let content = fs::read(host.home.path().join("servers/localhost").join(name)).unwrap();
        let path = host.outside(&std::path::Path::new("/etc/docker/CA").join(name));
        super::support::by_hand::write(&path, 0o400, content);
    }
    let daemon = host.daemon();
    host.shell("kill -HUP $(cat /run/docker.pid)").succeeds();
    let ran = check(&host).fails(1);
    assert_eq!(row(&ran, file), ("valid".into(), None));
    let restart = Some("restart the daemon".to_owned());
    let wanted = ("renewed on disk, not served".to_owned(), restart);
    assert_eq!(row(&ran, SERVED), wanted);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let served = &report["certificates"][0];
    let in_file = Certificate::from_pem(&host.read(file)).unwrap().serial;
    assert_eq!(served["serial_in_file"], in_file.to_string());
    assert_ne!(served["serial"], in_file.to_string());
    let text = host.run(&["check", "--installed"]).fails(1);
    let first = text.stdout.lines().next().unwrap();
    let head = format!("WARNING: {SERVED} serves the certificate from before a renewal");
    assert!(first.starts_with(&head), "{first}");
    assert_eq!(host.daemon(), daemon, "it was restarted");

    // What was said mends it.
    host.boot();
    let fine = check(&host).succeeds();
    assert_eq!(row(&fine, SERVED), ("valid".into(), None));
    assert_eq!(row(&fine, file), ("valid".into(), None));
    host.serves("localhost");

    // A daemon that is down locks its clients out.
    host.shell(&host.below("stop").display().to_string())
        .succeeds();
    let down = check(&host).fails(2);
    let wanted = (
        "no answer: nobody listens there".to_owned(),
        Some("start the daemon".to_owned()),
    );
    assert_eq!(row(&down, SERVED), wanted);
}

#[test]
fn a_context_that_docker_made_is_found() {
    if !can_run() {
        return;
    }
    let host = Host::stopped();
    let alice = host.home.path().join("clients/alice");
    let alice = alice.display();
    let endpoint = format!(
        "host=tcp://localhost:2376,ca={alice}/ca.pem,cert={alice}/cert.pem,key={alice}/key.pem"
    );
    host.docker(&["context", "create", "by-docker", "--docker", &endpoint]);
    let ran = check(&host).succeeds();
    for file in ["ca.pem", "cert.pem"] {
        let name = format!("context by-docker: {file}");
        assert_eq!(row(&ran, &name), ("valid".into(), None));
    }
}

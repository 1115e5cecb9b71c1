//! A whole rollover of the CA on a real dockerd: at each phase the clients of before and after, by
//! the docker command line and by rustls, and what `check` and `verify` say of the host.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::support::daemon::SERVER_VERSION;
use super::support::dockerd_host::{Host, can_run};
use super::support::{Ran, rustls_client};

/// How a client and the daemon get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meeting {
    /// The client is served.
    In,
    /// The client knows no CA of the server's certificate.
    Disbelieves,
    /// The server knows no CA of the client's certificate.
    Refused,
}
use Meeting::{Disbelieves, In, Refused};

/// What `alice` was when she was handed out by hand, to a machine that nothing reaches any more.
struct Copy(PathBuf);

fn hand_out(host: &Host, name: &str) -> Copy {
    let to = host.home.around().join(name);
    fs::create_dir(&to).unwrap();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        let from = host.home.path().join("clients/alice").join(file);
        fs::copy(from, to.join(file)).unwrap();
    }
    Copy(to)
}

fn by_docker(host: &Host, Copy(at): &Copy) -> Meeting {
    let mut docker = host.client();
    docker
        .args(["version", "--format", SERVER_VERSION])
        .env("DOCKER_HOST", "tcp://localhost:2376")
        .env("DOCKER_TLS_VERIFY", "1")
        .env("DOCKER_CERT_PATH", at);
    let ran = Ran::from(docker.output().unwrap());
    let said = |words: &str| ran.stderr.contains(words);
    match ran.code {
        0 => In,
        _ if said("certificate signed by unknown authority") => Disbelieves,
        _ if said("tls: bad certificate") || said("tls: unknown certificate authority") => Refused,
        _ => panic!("{ran:#?}"),
    }
}

fn by_rustls(host: &Host, Copy(at): &Copy) -> Meeting {
    let file = |name| at.join(name);
    let client = rustls_client(&file("ca.pem"), &file("cert.pem"), &file("key.pem"));
    match host.ping(2376, client) {
        Ok(_) => In,
        Err(error) if error.contains("UnknownIssuer") => Disbelieves,
        Err(error) if error.contains("received fatal alert") => Refused,
        Err(other) => panic!("{other}"),
    }
}

/// Asserts how each of them gets on with the daemon as it is.
#[track_caller]
fn meet<const N: usize>(host: &Host, phase: &str, wanted: [(&Copy, Meeting); N]) {
    for (copy, wanted) in wanted {
        let found = (by_docker(host, copy), by_rustls(host, copy));
        assert_eq!(found, (wanted, wanted), "{phase}: {}", copy.0.display());
    }
}

/// Asserts that a run of a command that judges finds nothing.
#[track_caller]
fn finds_nothing(host: &Host) {
    let check = host.run(&["check", "--installed"]).succeeds();
    assert!(check.stdout.starts_with("OK"), "{check:#?}");
    let verify = host.run(&["verify", "--installed"]).succeeds();
    assert!(verify.stdout.contains("nothing found"), "{verify:#?}");
}

/// Asserts that `check --installed` finds this state in these places, and that what it says mends
/// each; returns what mends them.
#[track_caller]
fn finds(host: &Host, state: &str, places: &[&str]) -> Vec<String> {
    let ran = host
        .run(&["check", "--installed", "--output", "json"])
        .fails(1);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let rows = report["certificates"].as_array().unwrap().iter();
    let found = Vec::from_iter(rows.filter(|row| row["status"] != "ok"));
    assert_eq!(found.len(), places.len(), "{found:#?}");
    for (row, place) in found.iter().zip(places) {
        let name = row["name"].as_str().unwrap();
        assert!(name.ends_with(place), "no {place}: {found:#?}");
        assert_eq!(row["state"], state, "{place}");
    }
    let mends = found
        .iter()
        .map(|row| row["mend"].as_str().unwrap().to_owned());
    mends.collect()
}

/// Carries out what was said to mend it, as a user would who types it off.
#[track_caller]
fn mend(host: &Host, mends: &[String]) {
    let dockpki = env!("CARGO_BIN_EXE_dockpki");
    for mend in mends {
        let mend = mend.strip_prefix("dockpki ").unwrap();
        let restart = match mend.contains(" install server ") {
            true => format!("--restart-command {} --timeout 30", host.restart()),
            false => String::new(),
        };
        host.shell(&format!("{dockpki} {mend} --yes {restart}"))
            .succeeds();
    }
}

const CA: &str = "/etc/docker/CA/ca.pem";
const SERVER: &str = "/etc/docker/CA/server-cert.pem";

fn number_of_cas(host: &Host, path: impl AsRef<Path>) -> usize {
    let pem = String::from_utf8(host.read(path)).unwrap();
    pem.matches("-----BEGIN CERTIFICATE-----").count()
}

/// Asserts how many CAs are trusted wherever the home was installed on the host.
#[track_caller]
fn trusts(host: &Host, number: usize) {
    let find = "find /etc/docker/CA $HOME/.docker -name ca.pem";
    let files = host.shell(find).succeeds().stdout;
    assert_eq!(files.lines().count(), 3, "{files}");
    for file in files.lines() {
        assert_eq!(number_of_cas(host, file), number, "{file}");
    }
}

#[track_caller]
fn install(host: &Host) {
    let ran = host.install(&[]).succeeds();
    assert!(ran.stdout.contains("Proved: Docker"), "{ran:#?}");
}

#[track_caller]
fn install_alice(host: &Host) {
    let client = [
        "install",
        "client",
        "alice",
        "--host",
        "tcp://localhost:2376",
        "--yes",
    ];
    host.run(&client).succeeds();
}

/// Asserts that the context of the client that was installed works.
#[track_caller]
fn context_works(host: &Host) {
    let docker = [
        "--context",
        "localhost",
        "version",
        "--format",
        SERVER_VERSION,
    ];
    assert!(!host.docker(&docker).trim().is_empty());
}

/// A host on which server and client are installed, and the client as it was handed out then.
fn installed() -> (Host, Copy) {
    let host = Host::with(json!({}));
    install(&host);
    install_alice(&host);
    let old = hand_out(&host, "old");
    meet(&host, "before", [(&old, In)]);
    (host, old)
}

#[test]
fn nobody_is_locked_out_by_a_rollover() {
    if !can_run() {
        return;
    }
    let (host, old) = installed();
    let first = host.read(SERVER);
    finds_nothing(&host);

    // Everybody learns to trust both.
    host.run(&["ca", "roll", "start"]).succeeds();
    let both = hand_out(&host, "both");
    meet(&host, "started", [(&old, In), (&both, In)]);
    let places = [CA, "/.docker/ca.pem", "context localhost: ca.pem"];
    let mends = finds(&host, "lacks a CA of the home", &places);
    install(&host);
    context_works(&host);
    finds(&host, "lacks a CA of the home", &places[1..]);
    mend(&host, &mends);
    finds_nothing(&host);
    trusts(&host, 2);
    meet(&host, "both trusted", [(&old, In), (&both, In)]);
    context_works(&host);
    assert_eq!(host.read(SERVER), first);

    // Everybody gets a certificate of the new CA.
    let left = host.run(&["ca", "roll", "finish", "--yes"]).fails(1);
    left.says("are still valid: server `localhost` until ");
    left.says("; client `alice` until ");
    host.run(&["ca", "roll", "issue"]).succeeds();
    let new = hand_out(&host, "new");
    meet(&host, "issued", [(&old, In), (&both, In), (&new, In)]);
    let left = host.run(&["ca", "roll", "finish", "--yes"]).fails(1);
    left.says(", at /etc/docker/CA on ");
    let places = [SERVER, "/.docker/cert.pem", "context localhost: cert.pem"];
    let mends = finds(&host, "renewed, not installed", &places);
    install(&host);
    assert_ne!(host.read(SERVER), first);
    host.serves("localhost");
    meet(
        &host,
        "served",
        [(&old, Disbelieves), (&both, In), (&new, In)],
    );
    context_works(&host);
    let left = host.run(&["ca", "roll", "finish", "--yes"]).fails(1);
    left.says("are still valid: client `alice` until ");
    left.says("/.docker on ");
    finds(&host, "renewed, not installed", &places[1..]);
    mend(&host, &mends);
    finds_nothing(&host);
    trusts(&host, 2);
    context_works(&host);

    // The old CA goes.
    let second = host.read(SERVER);
    host.run(&["ca", "roll", "finish"]).succeeds();
    meet(
        &host,
        "finished",
        [(&old, Disbelieves), (&both, In), (&new, In)],
    );
    let places = [CA, "/.docker/ca.pem", "context localhost: ca.pem"];
    let mends = finds(&host, "dropped by the home", &places);
    install(&host);
    let meetings = [(&old, Disbelieves), (&both, Refused), (&new, In)];
    meet(&host, "dropped", meetings);
    context_works(&host);
    mend(&host, &mends);
    finds_nothing(&host);
    trusts(&host, 1);
    meet(&host, "mended", meetings);
    context_works(&host);
    assert_eq!(host.read(SERVER), second);
}

#[test]
fn each_phase_is_taken_back_on_the_host() {
    if !can_run() {
        return;
    }
    let (host, old) = installed();
    let first = [host.read(CA), host.read(SERVER)];

    // What has only begun is gone.
    host.run(&["ca", "roll", "start"]).succeeds();
    install(&host);
    host.run(&["ca", "roll", "undo"]).succeeds();
    finds(&host, "dropped by the home", &[CA]);
    install(&host);
    assert_eq!([host.read(CA), host.read(SERVER)], first);
    finds_nothing(&host);

    // What was issued of the new CA is let in until it was issued again of the old.
    host.run(&["ca", "roll", "start"]).succeeds();
    host.run(&["ca", "roll", "issue"]).succeeds();
    let new = hand_out(&host, "new");
    install(&host);
    install_alice(&host);
    meet(&host, "issued", [(&old, Disbelieves), (&new, In)]);
    host.run(&["ca", "roll", "undo"]).succeeds();
    install(&host);
    meet(&host, "turned round", [(&old, Disbelieves), (&new, In)]);
    host.run(&["ca", "roll", "issue"]).succeeds();
    install(&host);
    meet(&host, "issued of the old", [(&old, In), (&new, In)]);
    context_works(&host);
    install_alice(&host);
    host.run(&["ca", "roll", "finish"]).succeeds();
    install(&host);
    install_alice(&host);
    meet(&host, "finished", [(&old, In), (&new, Refused)]);
    assert_eq!(host.read(CA), first[0]);
    trusts(&host, 1);
    finds_nothing(&host);

    // A finished one is under way again.
    host.run(&["ca", "roll", "undo"]).succeeds();
    install(&host);
    meet(&host, "under way again", [(&old, In), (&new, In)]);
    context_works(&host);
}

#[test]
fn it_is_proved_with_a_client_that_is_let_in() {
    if !can_run() {
        return;
    }
    let (host, alice) = installed();
    host.run(&["ca", "roll", "start"]).succeeds();
    host.run(&["ca", "roll", "issue", "localhost"]).succeeds();
    host.run(&["client", "issue", "bob"]).succeeds();
    host.run(&["ca", "roll", "finish", "--force", "--yes"])
        .succeeds();

    let before = host.state();
    let refused = host.install(&["--client", "alice"]).fails(1);
    refused.says("wanted a client certificate of a CA in `");
    host.is_as(&before);
    install(&host);
    host.serves("localhost");
    // Her ca.pem of then does not have the server's CA.
    meet(&host, "forced", [(&alice, Disbelieves)]);
    let alice = Copy(host.home.path().join("clients/alice"));
    let bob = Copy(host.home.path().join("clients/bob"));
    meet(&host, "forced", [(&alice, Refused), (&bob, In)]);
}

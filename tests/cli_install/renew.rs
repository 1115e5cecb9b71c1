//! `renew --install`.

use dockpki::pki::{Certificate, Purpose};
use dockpki::plan::layout::PairKind;
use dockpki::plan::ledger::Entry;
use dockpki::plan::trust::Trust;
use time::macros::datetime;

use super::client::{typed, user};
use super::refusals::server_of;
use super::support::by_hand::{append, ca_of, days, home_with_ca_of, put_client, put_pair, record};
use super::*;

const RENEW: &str = "dockpki renew --install --prefix root --yes";

/// A host on which the server is installed, and renewed in the home alone.
fn behind() -> TestHome {
    let home = installed();
    quietly(&home, "dockpki renew servers/localhost --force");
    // Always the next one that is due.
    quietly(&home, "dockpki renew alice --force --valid-for 100d");
    home
}

#[test]
fn renews_and_installs_the_server() {
    let home = installed();
    let line = format!("{RENEW} --force");
    let dry = format!("{line} --dry-run");
    shown(&home, &dry, "renew_server_as_dry_run");
    shown(
        &home,
        &format!("{dry} --output json"),
        "renew_server_as_dry_run_as_json",
    );
    done(&home, &line, "renew_server");
    let file = "servers/localhost/server-cert.pem";
    let renewed = fs::read_to_string(home.path().join(file)).unwrap();
    assert_eq!(read(&home, "etc/docker/CA/server-cert.pem"), renewed);
    shown(&home, RENEW, "renew_server_again");
    done(
        &home,
        &format!("{line} --output json"),
        "renew_server_as_json",
    );
    done(&home, &format!("{line} --quiet"), "renew_server_quiet");
}

#[test]
fn installs_what_an_earlier_renewal_did_not() {
    let home = behind();
    done(&home, RENEW, "renew_server_that_is_behind");
    let home = behind();
    let line = format!("{RENEW} --deploy-hook 'echo hook for $DOCKPKI_RENEWED_NAMES'");
    done(&home, &line, "renew_server_that_is_behind_with_hook");
    shown(&home, &line, "renew_server_with_hook_and_nothing_to_do");
}

#[test]
fn renews_another_than_the_installed_one() {
    let home = behind();
    let line = format!("{RENEW} alice --force");
    done(&home, &line, "renew_of_another");
}

#[test]
fn a_certificate_that_is_none_of_the_homes_is_left() {
    let home = installed();
    let other = TestHome::with_ca(&[]);
    let certificate = fs::read(other.path().join("servers/localhost/server-cert.pem")).unwrap();
    let path = root(&home).join("etc/docker/CA/server-cert.pem");
    write(&path, 0o444, &certificate);
    done(
        &home,
        &format!("{RENEW} --force"),
        "renew_leaves_a_foreign_certificate",
    );
    assert_eq!(fs::read(path).unwrap(), certificate);
}

#[test]
fn a_server_that_is_not_in_the_home_is_left() {
    let home = installed();
    fs::rename(
        home.path().join("servers/localhost"),
        home.around().join("gone"),
    )
    .unwrap();
    shown(&home, RENEW, "renew_leaves_an_unknown_server");
}

#[test]
fn nothing_is_installed() {
    let home = host();
    done(
        &home,
        &format!("{RENEW} --force"),
        "renew_where_nothing_is_installed",
    );
}

#[test]
fn a_restart_that_fails_is_put_back() {
    let home = installed();
    let before = read(&home, "etc/docker/CA/server-cert.pem");
    let line = format!("{RENEW} --force --restart-command false");
    let ran = Ran::from(command(&home, &line).output().unwrap()).fails(3);
    support::golden::compare(&home, &line, &ran, &golden("renew_whose_restart_fails"));
    assert_eq!(read(&home, "etc/docker/CA/server-cert.pem"), before);
}

#[test]
fn refuses_to_ask_without_a_terminal_before_anything_is_renewed() {
    let home = installed();
    let line = "dockpki renew --install --prefix root --force";
    refused(&home, line, "renew_refuses_without_consent");
}

#[test]
fn what_an_install_needs_needs_install() {
    let home = host();
    for (line, name) in [
        (
            "--restart-command x",
            "renew_refuses_a_restart_without_install",
        ),
        ("--yes", "renew_refuses_consent_without_install"),
        ("--prefix root", "renew_refuses_a_prefix_without_install"),
    ] {
        refused(&home, &format!("dockpki renew {line}"), name);
    }
}

#[test]
fn renews_and_installs_a_users_clients() {
    if !machine_is_ours() {
        return;
    }
    let home = user();
    quietly(&home, "dockpki client issue bob");
    let install = |client: &str| {
        let line = format!("install client {client} --yes --host tcp://{client}.example.com");
        quietly(&home, &typed(&home, &line));
    };
    install("alice");
    install("bob");
    let renew = |line: &str| typed(&home, &format!("renew {line} --install --yes"));
    // bob has ~/.docker by now, and alice her context alone.
    done(&home, &renew("alice --force"), "renew_client_of_a_context");
    let docker = home.around().join("user/.docker");
    let bob = fs::read(home.path().join("clients/bob/cert.pem")).unwrap();
    assert_eq!(fs::read(docker.join("cert.pem")).unwrap(), bob);
    shown(
        &home,
        &renew("--force --dry-run"),
        "renew_clients_as_dry_run",
    );
    done(&home, &renew("--force"), "renew_clients");
    let bob = fs::read(home.path().join("clients/bob/cert.pem")).unwrap();
    assert_eq!(fs::read(docker.join("cert.pem")).unwrap(), bob);
    shown(&home, &renew(""), "renew_clients_again");

    // Whoever took it away does not want it.
    fs::remove_dir_all(docker.join("contexts")).unwrap();
    done(
        &home,
        &renew("alice --force"),
        "renew_client_that_was_taken_away",
    );
    assert!(!docker.join("contexts").exists());
}

#[test]
fn brings_the_cas_of_a_rollover_and_tells_the_ledger() {
    let home = installed();
    quietly(&home, "dockpki ca roll start");
    let dry = format!("{RENEW} --dry-run");
    shown(&home, &dry, "renew_brings_two_cas_as_dry_run");
    quietly(&home, RENEW);
    let both = fs::read_to_string(home.path().join("servers/localhost/ca.pem")).unwrap();
    assert_eq!(both.matches("BEGIN CERTIFICATE").count(), 2);
    assert_eq!(read(&home, "etc/docker/CA/ca.pem"), both);
    let ledger = fs::read_to_string(home.path().join("issued.jsonl")).unwrap();
    let last = ledger.lines().last().unwrap();
    let entry: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(
        (&entry["event"], &entry["name"]),
        (&"handed-out".into(), &"localhost".into())
    );
    assert_eq!(entry["trusts"].as_array().unwrap().len(), 2, "{last}");
}

/// Records that `alice`, as she is in the home now, is on a laptop.
fn hand_out_alice(home: &TestHome) {
    let trust = fs::read(home.path().join("ca.pem")).unwrap();
    let trust = Trust::from_pem(&trust).unwrap();
    let trusts = Vec::from_iter(trust.all().map(|ca| ca.serial.clone()));
    let certificate = fs::read(home.path().join("clients/alice/cert.pem")).unwrap();
    let entry = Entry::handed_out(
        Purpose::Client,
        "alice",
        &Certificate::from_pem(&certificate).unwrap(),
        &trusts,
        "/home/alice/.docker on laptop".into(),
        datetime!(2026-11-24 08:00 UTC),
    );
    append(home, &entry);
}

#[test]
fn a_server_whose_clients_would_not_believe_it_is_held_back() {
    let home = installed();
    hand_out_alice(&home);
    quietly(&home, "dockpki ca roll start");
    let before = read(&home, "etc/docker/CA/server-cert.pem");
    let line = format!("{RENEW} localhost --force");
    let dry = format!("{line} --dry-run");
    shown(&home, &dry, "renew_held_back_in_a_rollover_as_dry_run");
    let json = format!("{line} --output json");
    done(&home, &json, "renew_held_back_in_a_rollover_as_json");
    done(&home, &line, "renew_held_back_in_a_rollover");
    assert_eq!(read(&home, "etc/docker/CA/server-cert.pem"), before);
    // It lets clients of the new CA in all the same.
    let both = fs::read_to_string(home.path().join("ca.pem")).unwrap();
    assert_eq!(read(&home, "etc/docker/CA/ca.pem"), both);
    let again = format!("{RENEW} localhost");
    shown(&home, &again, "renew_held_back_in_a_rollover_again");
    // The next run brings it, once she is handed out again.
    hand_out_alice(&home);
    quietly(&home, RENEW);
    let renewed = home.path().join("servers/localhost/server-cert.pem");
    let renewed = fs::read_to_string(renewed).unwrap();
    assert_eq!(read(&home, "etc/docker/CA/server-cert.pem"), renewed);
}

#[test]
fn a_server_that_is_held_back_is_installed_by_name() {
    let home = installed();
    hand_out_alice(&home);
    quietly(&home, "dockpki ca roll start");
    let before = read(&home, "etc/docker/CA/server-cert.pem");
    quietly(&home, &format!("{RENEW} localhost --force"));
    quietly(&home, &format!("{INSTALL} localhost"));
    assert_ne!(read(&home, "etc/docker/CA/server-cert.pem"), before);
}

#[test]
fn a_server_whose_end_is_near_is_not_held_back() {
    let home = home_with_ca_of(days(-100, 1000));
    fs::create_dir(root(&home)).unwrap();
    let (pem, key) = server_of(&ca_of(&home), days(-90, 6));
    put_pair(&home, PairKind::Server, "localhost", &pem, &key);
    let certificate = Certificate::from_pem(pem.as_bytes()).unwrap();
    let fingerprint = certificate.fingerprint();
    record(
        &home,
        Purpose::Server,
        "localhost",
        &certificate.serial,
        fingerprint,
    );
    put_client(&home, &ca_of(&home), "alice", days(-90, 100));
    quietly(&home, INSTALL);
    hand_out_alice(&home);
    quietly(&home, "dockpki ca roll start");
    let before = read(&home, "etc/docker/CA/server-cert.pem");
    quietly(&home, &format!("{RENEW} localhost --force"));
    assert_ne!(read(&home, "etc/docker/CA/server-cert.pem"), before);
}

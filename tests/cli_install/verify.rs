//! `verify --installed`: what it finds on a daemon's host, and what it sets right.

use super::support::by_hand::{ca_of, days, home_with_ca_of, key, serial, set_mode, write};
use super::*;

const VERIFY: &str = "dockpki verify --installed --prefix root";

fn in_ca(home: &TestHome, file: &str) -> PathBuf {
    root(home).join("etc/docker/CA").join(file)
}

#[test]
fn finds_nothing() {
    let home = installed();
    shown(&home, VERIFY, "verify_finds_nothing");
    let json = format!("{VERIFY} --output json");
    shown(&home, &json, "verify_finds_nothing_as_json");
    shown(&home, &format!("{VERIFY} --fix"), "verify_fixes_nothing");
}

#[test]
fn where_nothing_is_installed() {
    let home = host();
    refused(&home, VERIFY, "verify_where_nothing_is_installed");
    let line = format!("{VERIFY} --fix");
    refused(&home, &line, "verify_fix_where_nothing_is_installed");
}

#[test]
fn finds_modes() {
    let home = installed();
    set_mode(&in_ca(&home, "server-key.pem"), 0o644);
    set_mode(&in_ca(&home, "ca.pem"), 0o600);
    set_mode(&in_ca(&home, ""), 0o777);
    refused(&home, VERIFY, "verify_finds_modes");
    let json = format!("{VERIFY} --output json");
    refused(&home, &json, "verify_finds_modes_as_json");
    done(&home, &format!("{VERIFY} --fix"), "verify_fixes_modes");
    shown(&home, VERIFY, "verify_finds_nothing");
}

#[test]
fn finds_a_clock_that_is_behind() {
    let home = installed();
    let other = home_with_ca_of(days(-1, 3650));
    let (ca, key, validity) = (ca_of(&other), key(), days(10, 100));
    let sans = dockpki::pki::SubjectAltNames::parse(["localhost"]).unwrap();
    let server = ca.issue_server(&sans, &key, serial(), validity).unwrap();
    write(&in_ca(&home, "ca.pem"), 0o444, ca.certificate().pem());
    write(&in_ca(&home, "server-cert.pem"), 0o444, server.pem());
    let pem = key.to_pem().unwrap();
    write(&in_ca(&home, "server-key.pem"), 0o400, pem.expose());
    refused(&home, VERIFY, "verify_finds_a_clock_that_is_behind");
}

#[test]
fn fixes_as_json() {
    let home = installed();
    set_mode(&in_ca(&home, "server-key.pem"), 0o644);
    let line = format!("{VERIFY} --fix --output json");
    done(&home, &line, "verify_fixes_modes_as_json");
}

#[test]
fn finds_owners() {
    if !has("root", is_root()) {
        return;
    }
    let home = installed();
    let key = in_ca(&home, "server-key.pem");
    std::os::unix::fs::chown(key, Some(1000), Some(1000)).unwrap();
    refused(&home, VERIFY, "verify_finds_owners");
    done(&home, &format!("{VERIFY} --fix"), "verify_fixes_owners");
}

#[test]
fn finds_a_file_missing() {
    let home = installed();
    fs::remove_file(in_ca(&home, "server-key.pem")).unwrap();
    refused(&home, VERIFY, "verify_finds_a_file_missing");
    let line = format!("{VERIFY} --fix");
    refused(&home, &line, "verify_cannot_fix_a_file_missing");
}

#[test]
fn finds_everything_missing() {
    let home = installed();
    fs::remove_dir_all(root(&home).join("etc")).unwrap();
    refused(&home, VERIFY, "verify_finds_everything_missing");
}

#[test]
fn finds_the_key_of_another() {
    let home = installed();
    let other = TestHome::with_ca(&[]);
    let other = fs::read(other.path().join("servers/localhost/server-key.pem")).unwrap();
    write(&in_ca(&home, "server-key.pem"), 0o400, other);
    refused(&home, VERIFY, "verify_finds_the_key_of_another");
}

#[test]
fn finds_the_ca_of_another() {
    let home = installed();
    let other = fs::read(TestHome::with_ca(&[]).path().join("ca.pem")).unwrap();
    write(&in_ca(&home, "ca.pem"), 0o444, other);
    refused(&home, VERIFY, "verify_finds_the_ca_of_another");
}

#[test]
fn finds_a_certificate_cut_short() {
    let home = installed();
    support::by_hand::cut(&in_ca(&home, "server-cert.pem"), 0o444);
    refused(&home, VERIFY, "verify_finds_a_certificate_cut_short");
}

#[test]
fn finds_daemon_json_without_tlscacert() {
    let home = installed();
    let edited = read(&home, DAEMON_JSON).replace("tlscacert", "x");
    put(&home, DAEMON_JSON, &edited);
    refused(&home, VERIFY, "verify_finds_daemon_json_without_tlscacert");
}

#[test]
fn finds_daemon_json_that_is_empty() {
    let home = installed();
    put(&home, DAEMON_JSON, "");
    refused(&home, VERIFY, "verify_finds_daemon_json_that_is_empty");
}

#[test]
fn finds_daemon_json_that_is_broken() {
    let home = installed();
    put(&home, DAEMON_JSON, "{\n");
    refused(&home, VERIFY, "verify_finds_daemon_json_that_is_broken");
}

#[test]
fn finds_a_drop_in_gone_stale() {
    let home = host_with_unit("[Service]\nExecStart=/usr/bin/dockerd -H fd://\n");
    quietly(&home, INSTALL);
    put(
        &home,
        UNIT,
        "[Service]\nExecStart=/usr/bin/dockerd -H fd:// --debug\n",
    );
    refused(&home, VERIFY, "verify_finds_a_drop_in_gone_stale");
}

#[test]
fn finds_a_unit_that_clashes() {
    let home = installed();
    put(
        &home,
        UNIT,
        "[Service]\nExecStart=/usr/bin/dockerd -H tcp://0.0.0.0:2375\n",
    );
    refused(&home, VERIFY, "verify_finds_a_unit_that_clashes");
}

#[test]
fn in_each_phase_of_a_rollover() {
    let home = installed();
    quietly(&home, "dockpki ca roll start");
    refused(&home, VERIFY, "verify_after_a_rollover_has_begun");
    quietly(&home, INSTALL);
    shown(&home, VERIFY, "verify_in_a_rollover");
    // The certificate of the old CA is believed until the end.
    quietly(&home, "dockpki ca roll issue");
    shown(&home, VERIFY, "verify_in_a_rollover");
    quietly(&home, INSTALL);
    shown(&home, VERIFY, "verify_in_a_rollover");
    quietly(&home, "dockpki ca roll finish --yes");
    refused(&home, VERIFY, "verify_after_a_rollover");
    let json = format!("{VERIFY} --output json");
    refused(&home, &json, "verify_after_a_rollover_as_json");
    quietly(&home, INSTALL);
    shown(&home, VERIFY, "verify_finds_nothing");
}

#[test]
fn finds_a_certificate_a_rollover_left_behind() {
    let home = installed();
    quietly(&home, "dockpki ca roll start");
    quietly(&home, INSTALL);
    quietly(&home, "dockpki ca roll finish --force");
    refused(
        &home,
        VERIFY,
        "verify_finds_a_certificate_a_rollover_left_behind",
    );
    quietly(&home, "dockpki renew servers/localhost");
    quietly(&home, "dockpki renew servers/localhost");
    quietly(&home, &format!("{INSTALL} localhost"));
    shown(&home, VERIFY, "verify_finds_nothing");
}

#[test]
fn another_homes_cas_are_nothing_to_this_one() {
    let home = installed();
    let other = TestHome::with_ca(&[]);
    other.run(["ca", "roll", "start"]).succeeds();
    let line = format!("dockpki --home {} {}", other.path().display(), &VERIFY[8..]);
    let said = quietly(&home, &line);
    assert!(said.stdout.contains("nothing found"), "{said:#?}");
}

#[test]
fn a_home_that_cannot_be_read_is_told() {
    let home = installed();
    write(&home.path().join("ca.pem"), 0o444, "mine\n");
    shown(&home, VERIFY, "verify_beside_a_home_that_is_broken");
}

#[test]
fn refuses_fix_without_installed() {
    let line = "dockpki verify --fix";
    refused(&host(), line, "verify_refuses_fix_without_installed");
}

#[test]
fn of_a_client() {
    if !machine_is_ours() {
        return;
    }
    let home = client::user();
    let line = client::typed(&home, "verify --installed");
    refused(&home, &line, "verify_where_no_client_is_installed");
    quietly(&home, &client::typed(&home, "install client --yes"));
    shown(&home, &line, "verify_of_a_client");
    set_mode(&home.around().join("user/.docker/key.pem"), 0o644);
    refused(&home, &line, "verify_finds_the_mode_of_a_client");
    done(
        &home,
        &format!("{line} --fix"),
        "verify_fixes_the_mode_of_a_client",
    );
    fs::remove_file(home.around().join("user/.docker/cert.pem")).unwrap();
    refused(
        &home,
        &line,
        "verify_finds_the_certificate_of_a_client_missing",
    );
    quietly(&home, &client::typed(&home, "install client --yes"));
    quietly(&home, "dockpki client issue bob");
    let host = "install client bob --yes --host tcp://web:2376";
    quietly(&home, &client::typed(&home, host));
    quietly(&home, "dockpki ca roll start");
    refused(&home, &line, "verify_of_clients_in_a_rollover");
}

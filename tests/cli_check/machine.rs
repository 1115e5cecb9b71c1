//! A machine, a user and a laptop: what is there outside of the home.

use super::*;

#[track_caller]
fn mend(home: &TestHome, line: &str) {
    Ran::from(command(home, line).output().unwrap()).succeeds();
}

fn in_root(home: &TestHome, path: &str) -> PathBuf {
    home.around().join("root/etc/docker").join(path)
}

/// Gives the home's server another certificate of this validity, as a renewal does.
fn renew_server(home: &TestHome, validity: Validity) {
    let (key, serial) = (key(), serial());
    let sans = SubjectAltNames::parse(["localhost,127.0.0.1"]).unwrap();
    let issued = ca_of(home).issue_server(&sans, &key, serial, validity);
    let key = key.to_pem().unwrap();
    let pem = issued.unwrap().pem();
    put_pair(home, PairKind::Server, "localhost", &pem, key.expose());
}

fn a_year(home: &TestHome) -> Validity {
    let ca = ca_of(home).certificate().validity;
    Validity::of_leaf(Life::LEAF, OffsetDateTime::now_utc(), ca).unwrap()
}

#[test]
fn a_host_that_is_fine() {
    let home = installed();
    tells(&home, INSTALLED, 0, "installed_fine");
    let line = format!("{INSTALLED} --output json");
    tells(&home, &line, 0, "installed_fine_as_json");
}

#[test]
fn a_host_whose_home_is_elsewhere() {
    let home = installed();
    fs::rename(home.path(), home.around().join("elsewhere")).unwrap();
    tells(&home, INSTALLED, 0, "installed_without_home");
    // Nobody here can renew it.
    let line = format!("{INSTALLED} --warn 400d");
    tells(&home, &line, 1, "installed_due_without_home");
    fs::remove_dir_all(home.around().join("root")).unwrap();
    fs::create_dir(home.around().join("root")).unwrap();
    tells(&home, INSTALLED, 3, "nothing_at_all");
    let line = format!("{INSTALLED} --output prometheus");
    let ran = Ran::from(command(&home, &line).output().unwrap()).fails(3);
    assert!(ran.stdout.contains("\nx509_read_errors 1\n"), "{ran:#?}");
}

#[test]
fn renewed_in_the_home_and_not_installed_is_not_due() {
    let home = installed();
    renew_server(&home, a_year(&home));
    tells(&home, INSTALLED, 1, "renewed_not_installed");
    // Also in a copy of the home that came without its ledger.
    fs::remove_file(home.path().join(layout::LEDGER)).unwrap();
    tells(&home, INSTALLED, 1, "renewed_not_installed");
}

#[test]
fn renewed_under_another_name_of_its_subject() {
    let home = TestHome::new();
    home.run([
        "init",
        "--san",
        "localhost",
        "--client",
        "alice",
        "--server",
        "web",
    ])
    .succeeds();
    fs::create_dir(home.around().join("root")).unwrap();
    let line = "dockpki install server --prefix root --yes";
    Ran::from(command(&home, line).output().unwrap()).succeeds();
    let again = ["server", "issue", "web-2", "--san", "web-2.example.com"];
    home.run(again).succeeds();
    // Another server of the home is no renewal of this one.
    let ran = Ran::from(command(&home, INSTALLED).output().unwrap());
    assert_eq!(ran.code, 0, "{ran:#?}");
}

#[test]
fn an_installed_one_that_is_due_is_renewed_first() {
    let home = installed();
    let line = format!("{INSTALLED} --warn 400d");
    tells(&home, &line, 1, "installed_due");
}

#[test]
fn an_installed_one_that_expired_and_was_renewed() {
    let home = home_with_ca_of(days(-400, 3650));
    renew_server(&home, days(-300, -3));
    let ca = in_root(&home, "CA");
    fs::create_dir_all(&ca).unwrap();
    for file in ["ca.pem", "server-cert.pem", "server-key.pem"] {
        let content = fs::read(pair_path(&home, PairKind::Server, "localhost").join(file));
        write(&ca.join(file), 0o400, content.unwrap());
    }
    tells(&home, INSTALLED, 2, "installed_expired");
    renew_server(&home, days(0, 300));
    tells(&home, INSTALLED, 2, "installed_expired_and_renewed");
}

#[test]
fn a_ca_that_the_home_trusts_and_the_host_does_not_yet() {
    let home = installed();
    let path = home.path().join(layout::CA_CERTIFICATE);
    let old = fs::read_to_string(&path).unwrap();
    let new = Ca::new(key(), &serial(), days(0, 3650), None).unwrap();
    write(&path, 0o444, new.certificate().pem() + &old);
    tells(&home, INSTALLED, 1, "host_lacks_the_new_ca");
}

#[test]
fn a_ca_that_the_host_trusts_and_the_home_no_more() {
    let home = installed();
    home.run(["ca", "roll", "start"]).succeeds();
    let both = fs::read(home.path().join(layout::CA_CERTIFICATE)).unwrap();
    write(&in_root(&home, "CA/ca.pem"), 0o444, both);
    home.run(["ca", "roll", "undo"]).succeeds();
    tells(&home, INSTALLED, 1, "host_has_a_dropped_ca");
}

#[test]
fn a_host_that_has_another_cas_whole_set() {
    let home = installed();
    let other = installed();
    for file in ["ca.pem", "server-cert.pem", "server-key.pem"] {
        let content = fs::read(in_root(&other, "CA").join(file)).unwrap();
        write(&in_root(&home, "CA").join(file), 0o400, content);
    }
    tells(&home, INSTALLED, 2, "installed_of_another_ca");
    mend(
        &home,
        "dockpki install server localhost --prefix root --yes",
    );
    tells(&home, INSTALLED, 0, "installed_fine");
}

#[test]
fn a_host_whose_certificate_a_rollover_left_behind() {
    let home = installed();
    home.run(["ca", "roll", "start"]).succeeds();
    home.run(["ca", "roll", "finish", "--force", "--yes"])
        .succeeds();
    tells(&home, INSTALLED, 2, "installed_left_behind");
    mend(&home, "dockpki renew --force servers/localhost");
    mend(
        &home,
        "dockpki install server localhost --prefix root --yes",
    );
    mend(&home, "dockpki renew --force clients/alice");
    let ran = Ran::from(command(&home, INSTALLED).output().unwrap());
    assert_eq!(ran.code, 0, "{ran:#?}");
}

#[test]
fn a_host_whose_pair_is_broken() {
    let home = installed();
    let other = installed();
    let key = fs::read(in_root(&other, "CA/server-key.pem")).unwrap();
    write(&in_root(&home, "CA/server-key.pem"), 0o400, key);
    tells(&home, INSTALLED, 2, "installed_key_of_another");
    fs::remove_file(in_root(&home, "CA/server-cert.pem")).unwrap();
    tells(&home, INSTALLED, 2, "installed_certificate_missing");
    fs::remove_file(in_root(&home, "CA/ca.pem")).unwrap();
    tells(&home, INSTALLED, 2, "installed_ca_missing");
}

#[test]
fn a_host_whose_key_is_open() {
    let home = installed();
    set_mode(&in_root(&home, "CA/server-key.pem"), 0o644);
    tells(&home, INSTALLED, 1, "installed_key_open");
}

#[test]
fn a_host_whose_installed_certificate_is_revoked() {
    let home = installed();
    let path = in_root(&home, "CA/server-cert.pem");
    let certificate = Certificate::from_pem(&fs::read(path).unwrap()).unwrap();
    let now = OffsetDateTime::now_utc();
    let mut entry = Entry::issued(
        dockpki::pki::Purpose::Server,
        "localhost",
        &certificate.serial,
        certificate.fingerprint(),
        now,
        now,
    );
    entry.event = Event::Revoked;
    append(&home, &entry);
    tells(&home, INSTALLED, 2, "installed_revoked");
}

#[test]
fn a_host_whose_daemon_json_is_broken_or_elsewhere() {
    let home = installed();
    let json = in_root(&home, "daemon.json");
    let text = fs::read_to_string(&json).unwrap();
    write(&json, 0o644, &text[..text.len() - 3]);
    tells(&home, INSTALLED, 3, "daemon_json_broken");
    let text = text.replace("/etc/docker/CA", "/etc/docker/tls");
    write(&json, 0o644, text);
    fs::rename(in_root(&home, "CA"), in_root(&home, "tls")).unwrap();
    tells(&home, INSTALLED, 0, "files_where_daemon_json_says");
}

#[test]
fn a_prefix_that_is_not_there() {
    let home = TestHome::with_ca(&[]);
    tells(&home, INSTALLED, 3, "prefix_that_is_not_there");
}

/// Whether the machine these tests run on has no daemon with TLS: it is looked at without a prefix.
fn machine_is_ours() -> bool {
    let configured = ["/etc/docker/daemon.json", "/etc/docker/CA"]
        .iter()
        .any(|path| Path::new(path).exists());
    has("a machine without TLS of Docker's", !configured)
}

const USER: &str = "dockpki check --installed";

/// Installs the client for a context, and makes another context by hand, as docker does.
fn user() -> TestHome {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki install client alice --yes --host tcp://web.example.com:2376";
    Ran::from(command(&home, line).output().unwrap()).succeeds();
    let id = dockpki::pki::sha256_hex(b"by-hand");
    let contexts = home.around().join(".docker/contexts");
    let meta = contexts.join("meta").join(&id);
    let tls = contexts.join("tls").join(&id).join("docker");
    fs::create_dir_all(&meta).unwrap();
    fs::create_dir_all(&tls).unwrap();
    let json = r#"{"Name":"by-hand","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://h:2376"}}}"#;
    write(&meta.join("meta.json"), 0o644, json);
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        let path = pair_path(&home, PairKind::Client, "alice").join(file);
        write(&tls.join(file), 0o600, fs::read(path).unwrap());
    }
    home
}

#[test]
fn a_user_with_contexts() {
    if !machine_is_ours() {
        return;
    }
    let home = user();
    tells(&home, USER, 0, "user_fine");
    let ca = ca_of(&home);
    let before = ca.certificate().validity.not_before;
    let mut validity = a_year(&home);
    validity.not_before = before;
    put_client(&home, &ca, "alice", validity);
    tells(&home, USER, 1, "user_renewed_not_installed");
    fs::remove_dir_all(home.path()).unwrap();
    fs::remove_file(home.around().join(".docker/key.pem")).unwrap();
    tells(&home, USER, 2, "user_key_missing");
}

/// Whether root, whose home this would be, has none here.
fn machine_has_no_home() -> bool {
    let there = Path::new("/var/lib/dockpki").exists();
    machine_is_ours() && has("a machine without a home of root's", !there)
}

/// A laptop has what was installed, and no home.
const LAPTOP: &str = "DOCKPKI_HOME= dockpki check";

#[test]
fn a_laptop_without_a_home_has_every_copy_judged() {
    if !machine_has_no_home() {
        return;
    }
    let home = user();
    let around = home.around().display();
    let line = format!("dockpki install client alice --yes --docker-config {around}/elsewhere");
    Ran::from(command(&home, &line).output().unwrap()).succeeds();
    let handed = home.around().join("handed");
    fs::create_dir(&handed).unwrap();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        let path = pair_path(&home, PairKind::Client, "alice").join(file);
        fs::copy(path, handed.join(file)).unwrap();
    }
    fs::remove_dir_all(home.path()).unwrap();
    let line = format!("DOCKER_CERT_PATH={around}/handed {LAPTOP}");
    tells(&home, &line, 0, "laptop_fine");
    fs::remove_file(home.around().join("elsewhere/key.pem")).unwrap();
    write(&handed.join("cert.pem"), 0o444, "no certificate");
    tells(&home, &line, 2, "laptop_with_two_broken_copies");
    // Who names a home means it.
    tells(&home, "dockpki check", 3, "no_home");
    let line = format!("{LAPTOP} --home {around}/home");
    let ran = Ran::from(command(&home, &line).output().unwrap()).fails(3);
    assert!(ran.stdout.contains("there is no CA in"), "{ran:#?}");
}

#[test]
fn a_laptop_with_nothing_at_all() {
    if !machine_has_no_home() {
        return;
    }
    tells(&TestHome::new(), LAPTOP, 3, "laptop_with_nothing");
}

#[test]
fn a_home_says_where_else_its_clients_are() {
    if !machine_is_ours() {
        return;
    }
    let home = TestHome::with_ca(&[]);
    let around = home.around().display();
    let line = format!(
        "dockpki install client alice --yes --docker-config {around}/elsewhere --host tcp://h:2376"
    );
    Ran::from(command(&home, &line).output().unwrap()).succeeds();
    let ca = ca_of(&home);
    let mut validity = a_year(&home);
    validity.not_before = ca.certificate().validity.not_before;
    put_client(&home, &ca, "alice", validity);
    tells(&home, USER, 1, "renewed_and_not_installed_elsewhere");
}

#[test]
fn a_directory_with_a_ca_alone_is_fine() {
    if !machine_is_ours() {
        return;
    }
    let home = TestHome::with_ca(&[]);
    fs::create_dir(home.around().join(".docker")).unwrap();
    let ca = fs::read(home.path().join("ca.pem")).unwrap();
    write(&home.around().join(".docker/ca.pem"), 0o444, ca);
    tells(&home, USER, 0, "user_with_a_ca_alone");
    // Another directory is looked at if the environment says so.
    let line = format!("DOCKER_CONFIG={}/other {USER}", home.around().display());
    let ran = Ran::from(command(&home, &line).output().unwrap()).succeeds();
    assert!(!ran.stdout.contains(".docker"), "{ran:#?}");
}

#[test]
fn a_users_own_daemon() {
    let home = TestHome::with_ca(&[]);
    let docker = home.around().join(".config/docker");
    fs::create_dir_all(docker.join("CA")).unwrap();
    for file in ["ca.pem", "server-cert.pem", "server-key.pem"] {
        let content = fs::read(pair_path(&home, PairKind::Server, "localhost").join(file));
        write(&docker.join("CA").join(file), 0o400, content.unwrap());
    }
    renew_server(&home, a_year(&home));
    let line = format!("XDG_RUNTIME_DIR={}/run {USER}", home.around().display());
    let Some(mut command) = command_of_nobody(&home, &line) else {
        return;
    };
    let ran = Ran::from(command.output().unwrap());
    assert_eq!(ran.code, 1, "{ran:#?}");
    let path = docker.join("CA/server-cert.pem").display().to_string();
    let row = ran
        .stdout
        .lines()
        .find(|line| line.contains("not installed  "));
    let row = row.unwrap_or_else(|| panic!("{ran:#?}"));
    assert!(row.contains(&path), "{row}");
    assert!(
        row.ends_with("dockpki install server localhost --rootless"),
        "{row}"
    );
}

#[test]
fn nothing_is_changed_by_looking() {
    let home = installed();
    let before = snapshot(home.around());
    let mut command = dockpki();
    command.current_dir(home.around());
    command.args(INSTALLED.split(' ').skip(1));
    command.arg("--home").arg(home.path());
    Ran::from(command.output().unwrap()).succeeds();
    assert!(before == snapshot(home.around()));
}

//! `verify`.

use super::*;

shown_with_a_ca! {
    verify_finds_nothing: "dockpki verify";
    verify_finds_nothing_as_json: "dockpki verify --output json";
}

#[test]
fn verify_tells_that_an_encrypted_key_was_not_opened() {
    let home = home_with_passphrase();
    let golden = "verify_tells_that_an_encrypted_key_was_not_opened";
    shown(&home, "dockpki verify", golden);
    shown(&home, "dockpki verify --quiet", "verify_quiet");
}

#[test]
fn verify_opens_an_encrypted_key() {
    let home = home_with_passphrase();
    let line = "dockpki verify --passphrase-file secret";
    shown(&home, line, "verify_opens_an_encrypted_key");
}

#[test]
fn verify_tells_that_the_ca_key_is_elsewhere() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_KEY)).unwrap();
    let golden = "verify_tells_that_the_ca_key_is_elsewhere";
    shown(&home, "dockpki verify", golden);
}

/// The commands `verify` prints, each once.
fn mends(home: &TestHome) -> Vec<String> {
    let ran = Ran::from(command(home, "dockpki verify").output().unwrap());
    let mut mends: Vec<String> = Vec::new();
    for line in ran.stdout.lines() {
        if let Some(mend) = line.strip_prefix("    ")
            && !mends.iter().any(|known| known == mend)
        {
            mends.push(mend.to_owned());
        }
    }
    mends
}

/// `verify` finds what the golden says, and finds nothing any more after the commands it prints.
#[track_caller]
pub(super) fn found_and_mended(home: &TestHome, golden: &str) {
    refused(home, "dockpki verify", golden);
    for mend in mends(home) {
        mend_with(home, &mend);
    }
    let ran = Ran::from(command(home, "dockpki verify").output().unwrap());
    assert_eq!(ran.code, 0, "not mended: {}", ran.stdout);
}

#[track_caller]
fn mend_with(home: &TestHome, mend: &str) {
    let meant = command(home, "dockpki");
    let directory = Path::new(env!("CARGO_BIN_EXE_dockpki")).parent().unwrap();
    let mut path = directory.as_os_str().to_owned();
    path.push(":/usr/sbin:/usr/bin:/sbin:/bin");
    let mut shell = Command::new("sh");
    copy_environment(&meant, &mut shell);
    // What is put aside goes away with the test.
    shell.env("PATH", path).env("TMPDIR", home.around());
    shell.args(["-e", "-c", mend]).current_dir(home.around());
    let ran = Ran::from(shell.output().unwrap());
    assert_eq!(ran.code, 0, "`{mend}` failed: {ran:#?}");
}

/// `verify` finds what the golden says, and nothing but a backup helps.
#[track_caller]
fn found_beyond_mending(home: &TestHome, golden: &str) {
    refused(home, "dockpki verify", golden);
    const BEYOND: [&str; 4] = ["put ", "chmod ", "set the clock", "make a new CA"];
    let restore = |mend: &String| BEYOND.iter().any(|words| mend.starts_with(words));
    assert!(mends(home).iter().all(restore), "{:?}", mends(home));
}

#[test]
fn verify_finds_modes() {
    let home = TestHome::with_ca(&[]);
    let modes = [
        ("", 0o755),
        ("ca.pem", 0o644),
        ("ca-key.pem", 0o600),
        ("clients", 0o711),
        ("servers/localhost", 0o750),
        ("servers/localhost/ca.pem", 0o666),
        ("servers/localhost/server-cert.pem", 0o400),
        ("servers/localhost/server-key.pem", 0o440),
        ("clients/alice/key.pem", 0o600),
    ];
    for (path, mode) in modes {
        set_mode(&home.path().join(path), mode);
    }
    let line = "dockpki verify --output json";
    refused(&home, line, "verify_finds_modes_as_json");
    let line = "dockpki verify --color always";
    refused(&home, line, "verify_finds_modes_in_colour");
    found_and_mended(&home, "verify_finds_modes");
}

#[test]
fn verify_finds_an_open_ca_key() {
    let home = TestHome::with_ca(&[]);
    set_mode(&home.path().join(layout::CA_KEY), 0o644);
    found_and_mended(&home, "verify_finds_an_open_ca_key");
}

#[test]
fn verify_finds_owners() {
    if !is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let home = TestHome::with_ca(&[]);
    for path in ["ca.pem", "clients/alice", "clients/alice/key.pem"] {
        std::os::unix::fs::chown(home.path().join(path), Some(65534), None).unwrap();
    }
    found_and_mended(&home, "verify_finds_owners");
}

#[test]
fn verify_finds_a_ca_certificate_missing() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_CERTIFICATE)).unwrap();
    found_and_mended(&home, "verify_finds_a_ca_certificate_missing");
}

#[test]
fn verify_finds_a_ca_certificate_cut_short() {
    let home = TestHome::with_ca(&[]);
    cut(&home.path().join(layout::CA_CERTIFICATE), 0o444);
    found_and_mended(&home, "verify_finds_a_ca_certificate_cut_short");
}

#[test]
fn verify_finds_a_ca_certificate_cut_short_and_no_copy() {
    let home = home_with_ca_of(days(-1, 1000));
    cut(&home.path().join(layout::CA_CERTIFICATE), 0o444);
    let golden = "verify_finds_a_ca_certificate_cut_short_and_no_copy";
    found_beyond_mending(&home, golden);
}

#[test]
fn verify_finds_an_expired_ca() {
    let home = home_with_ca_of(Validity {
        not_before: datetime!(2020-01-01 00:00 UTC),
        not_after: datetime!(2021-01-01 00:00 UTC),
    });
    found_and_mended(&home, "verify_finds_an_expired_ca");
}

#[test]
fn verify_finds_a_ca_that_is_still_to_begin() {
    let home = home_with_ca_of(Validity {
        not_before: datetime!(2090-01-01 00:00 UTC),
        not_after: datetime!(2095-01-01 00:00 UTC),
    });
    found_beyond_mending(&home, "verify_finds_a_ca_that_is_still_to_begin");
}

#[test]
fn verify_puts_nothing_aside_that_is_still_to_begin() {
    let home = home_with_ca_of(days(-1, 1000));
    put_client(&home, &ca_of(&home), "alice", days(10, 100));
    let golden = "verify_puts_nothing_aside_that_is_still_to_begin";
    found_beyond_mending(&home, golden);
}

#[test]
fn verify_finds_a_ca_of_somebody_else() {
    let home = TestHome::new();
    put_odd_ca(&home, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages.push(KeyUsagePurpose::DigitalSignature);
        params.use_authority_key_identifier_extension = false;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    });
    found_beyond_mending(&home, "verify_finds_a_ca_of_somebody_else");
}

#[test]
fn verify_finds_a_server_in_place_of_the_ca() {
    let home = TestHome::with_ca(&[]);
    let server = pair_path(&home, PairKind::Server, "localhost");
    let certificate = fs::read(server.join("server-cert.pem")).unwrap();
    write(
        &home.path().join(layout::CA_CERTIFICATE),
        0o444,
        certificate,
    );
    let golden = "verify_finds_a_server_in_place_of_the_ca";
    refused(&home, "dockpki verify", golden);
}

#[test]
fn verify_finds_the_key_of_another_ca() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, key().to_pem().unwrap().expose());
    found_beyond_mending(&home, "verify_finds_the_key_of_another_ca");
}

#[test]
fn verify_finds_a_ca_key_cut_short() {
    let home = TestHome::with_ca(&[]);
    cut(&home.path().join(layout::CA_KEY), 0o400);
    found_beyond_mending(&home, "verify_finds_a_ca_key_cut_short");
}

#[test]
fn verify_finds_a_passphrase_that_does_not_open_the_key() {
    let home = home_with_passphrase();
    secret(&home, "wrong", "wrong horse\n");
    let line = "dockpki verify --passphrase-file wrong";
    let golden = "verify_finds_a_passphrase_that_does_not_open_the_key";
    refused(&home, line, golden);
}

#[test]
fn verify_finds_files_missing() {
    let home = TestHome::with_ca(&[]);
    Ran::from(
        command(&home, "dockpki client issue bob carol")
            .output()
            .unwrap(),
    )
    .succeeds();
    let files = [
        "clients/alice/ca.pem",
        "clients/bob/cert.pem",
        "clients/carol/key.pem",
        "servers/localhost/server-key.pem",
    ];
    for file in files {
        fs::remove_file(home.path().join(file)).unwrap();
    }
    found_and_mended(&home, "verify_finds_files_missing");
}

#[test]
fn verify_finds_a_server_without_certificate() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join("servers/localhost/server-cert.pem")).unwrap();
    found_and_mended(&home, "verify_finds_a_server_without_certificate");
}

#[test]
fn verify_finds_files_cut_short() {
    let home = TestHome::with_ca(&[]);
    Ran::from(
        command(&home, "dockpki client issue bob carol")
            .output()
            .unwrap(),
    )
    .succeeds();
    cut(&home.path().join("clients/alice/ca.pem"), 0o444);
    cut(&home.path().join("clients/bob/cert.pem"), 0o444);
    cut(&home.path().join("clients/carol/key.pem"), 0o400);
    found_and_mended(&home, "verify_finds_files_cut_short");
}

#[test]
fn verify_finds_files_of_the_wrong_kind() {
    let home = TestHome::with_ca(&[]);
    Ran::from(
        command(&home, "dockpki client issue bob carol")
            .output()
            .unwrap(),
    )
    .succeeds();
    let client = |name: &str| pair_path(&home, PairKind::Client, name);
    let key_of_alice = fs::read(client("alice").join("key.pem")).unwrap();
    let certificate_of_alice = fs::read(client("alice").join("cert.pem")).unwrap();
    write(&client("bob").join("cert.pem"), 0o444, key_of_alice);
    write(
        &client("carol").join("key.pem"),
        0o400,
        certificate_of_alice,
    );
    fs::write(client("thing"), "").unwrap();
    found_and_mended(&home, "verify_finds_files_of_the_wrong_kind");
}

#[test]
fn verify_finds_keys_that_do_not_fit() {
    let home = TestHome::with_ca(&[]);
    Ran::from(
        command(&home, "dockpki client issue bob carol")
            .output()
            .unwrap(),
    )
    .succeeds();
    let key_file = |name: &str| pair_path(&home, PairKind::Client, name).join("key.pem");
    write(&key_file("alice"), 0o400, key().to_pem().unwrap().expose());
    write(&key_file("bob"), 0o400, key_of_algorithm(P521.0, P521.1));
    let passphrase = b"correct horse".to_vec();
    let passphrase = dockpki::pki::Passphrase::new(zeroize::Zeroizing::new(passphrase)).unwrap();
    let encrypted = dockpki::pki::encrypt_key(&key(), &passphrase).unwrap();
    write(&key_file("carol"), 0o400, encrypted.expose());
    found_and_mended(&home, "verify_finds_keys_that_do_not_fit");
}

#[test]
fn verify_finds_certificates_out_of_time() {
    let home = home_with_ca_of(days(-100, 3650));
    let ca = ca_of(&home);
    put_client(&home, &ca, "expired", days(-30, -10));
    let mut after = params_of_client("after-the-ca");
    after.not_after += Duration::days(4000);
    put_odd(&home, PairKind::Client, "after-the-ca", &ca, after);
    found_and_mended(&home, "verify_finds_certificates_out_of_time");
}

#[test]
fn verify_finds_certificates_swapped() {
    let home = TestHome::with_ca(&[]);
    Ran::from(command(&home, "dockpki client issue bob").output().unwrap()).succeeds();
    let clients = home.path().join("clients");
    fs::rename(clients.join("alice"), clients.join("swapped")).unwrap();
    fs::rename(clients.join("bob"), clients.join("alice")).unwrap();
    fs::rename(clients.join("swapped"), clients.join("bob")).unwrap();
    found_and_mended(&home, "verify_finds_certificates_swapped");
}

#[test]
fn verify_finds_certificates_of_another_ca() {
    let home = TestHome::with_ca(&[]);
    let other = Ca::new(key(), &serial(), days(-1, 1000), None).unwrap();
    put_client(&home, &other, "bob", days(0, 100));
    let copy = other.certificate().pem();
    write(&home.path().join("clients/bob/ca.pem"), 0o444, copy);
    found_and_mended(&home, "verify_finds_certificates_of_another_ca");
}

#[test]
fn verify_finds_a_forged_signature() {
    let home = TestHome::with_ca(&[]);
    let name = ca_of(&home).certificate().common_name.clone();
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name.as_deref());
    let issuer = Issuer::new(params, key());
    let params = params_of_client("bob");
    let client = key();
    let certificate = params.signed_by(&client, &issuer).unwrap();
    let pem = certificate_pem(certificate.der());
    let client = client.to_pem().unwrap();
    put_pair(&home, PairKind::Client, "bob", &pem, client.expose());
    found_and_mended(&home, "verify_finds_a_forged_signature");
}

#[test]
fn verify_finds_departures_from_the_profile() {
    let home = TestHome::with_ca(&[]);
    let ca = ca_of(&home);
    let client = |name: &str, change: fn(&mut CertificateParams)| {
        let mut params = params_of_client(name);
        change(&mut params);
        put_odd(&home, PairKind::Client, name, &ca, params);
    };
    client("a-ca", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    client("a-server", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    client("both", |params| {
        let both = [
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        params.extended_key_usages = both.to_vec();
    });
    client("no-usage", |params| {
        params.key_usages = Vec::new();
        params.extended_key_usages = Vec::new();
    });
    client("signs", |params| {
        params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    });
    client("no-name", |params| {
        params.distinguished_name = common_name(None);
    });
    client("no-key-identifier", |params| {
        params.use_authority_key_identifier_extension = false;
    });
    client("with-san", |params| {
        params.subject_alt_names = vec![SanType::DnsName("a.example".try_into().unwrap())];
    });
    let server = |name: &str, params| put_odd(&home, PairKind::Server, name, &ca, params);
    server("no-san", params_of_server("no-san", &[]));
    let mut mail = params_of_server("mail", &["mail.example.com"]);
    let address = "root@example.com".try_into().unwrap();
    mail.subject_alt_names.push(SanType::Rfc822Name(address));
    server("mail", mail);
    found_and_mended(&home, "verify_finds_departures_from_the_profile");
}

#[test]
fn verify_finds_a_name_outside_the_constraints() {
    let home = TestHome::with_ca(&["--constrain"]);
    let params = params_of_server("web", &["web.example.com"]);
    put_odd(&home, PairKind::Server, "web", &ca_of(&home), params);
    let golden = "verify_finds_a_name_outside_the_constraints";
    refused(&home, "dockpki verify", golden);
}

#[test]
fn verify_finds_a_serial_the_ledger_does_not_know() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LEDGER);
    let ledger = fs::read_to_string(&path).unwrap();
    let first: String = ledger
        .lines()
        .take(1)
        .map(|line| format!("{line}\n"))
        .collect();
    write(&path, layout::RECORD_MODE, first);
    found_and_mended(&home, "verify_finds_a_serial_the_ledger_does_not_know");
}

#[test]
fn verify_finds_the_ledger_missing() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::LEDGER)).unwrap();
    found_beyond_mending(&home, "verify_finds_the_ledger_missing");
}

/// A home as it is copied to a host: by README's line with tar.
fn part_of_a_home() -> TestHome {
    let home = TestHome::with_ca(&[]);
    for name in [layout::CA_KEY, layout::LEDGER, ".lock"] {
        fs::remove_file(home.path().join(name)).unwrap();
    }
    home
}

#[test]
fn verify_of_a_part_of_a_home() {
    let home = part_of_a_home();
    shown(&home, "dockpki verify", "verify_of_a_part_of_a_home");
}

#[test]
fn verify_finds_a_copy_gone_bad() {
    let home = part_of_a_home();
    fs::remove_file(home.path().join("servers/localhost/server-key.pem")).unwrap();
    cut(&home.path().join("clients/alice/cert.pem"), 0o444);
    let golden = "verify_finds_a_copy_gone_bad";
    refused(&home, "dockpki verify", golden);
    cut(&home.path().join("ca.pem"), 0o444);
    cut(&home.path().join("clients/alice/ca.pem"), 0o444);
    cut(&home.path().join("servers/localhost/ca.pem"), 0o444);
    refused(&home, "dockpki verify", "verify_finds_a_copied_ca_gone_bad");
}

#[test]
fn verify_finds_a_certificate_that_is_revoked() {
    let home = home_with_ca_of(days(-200, 3650));
    let revoked = put_client(&home, &ca_of(&home), "bob", days(-1, 100));
    let now = OffsetDateTime::now_utc();
    let mut entry = Entry::issued(Purpose::Client, "bob", &revoked, String::new(), now, now);
    entry.event = Event::Revoked;
    append(&home, &entry);
    found_and_mended(&home, "verify_finds_a_certificate_that_is_revoked");
}

#[test]
fn verify_finds_another_certificate_of_the_same_serial() {
    let home = home_with_ca_of(days(-200, 3650));
    let ca = ca_of(&home);
    let params = params_of_client("bob");
    put_odd(&home, PairKind::Client, "bob", &ca, params.clone());
    let ledger = fs::read_to_string(home.path().join(layout::LEDGER)).unwrap();
    put_odd(&home, PairKind::Client, "bob", &ca, params);
    write(
        &home.path().join(layout::LEDGER),
        layout::RECORD_MODE,
        ledger,
    );
    let golden = "verify_finds_another_certificate_of_the_same_serial";
    found_and_mended(&home, golden);
}

#[test]
fn refuses_a_client_whose_name_reads_as_a_host_name_outside_the_constraints() {
    let home = TestHome::with_ca(&["--constrain"]);
    let golden = "refuses_a_client_whose_name_reads_as_a_host_name";
    refused(&home, "dockpki client issue first.last", golden);
}

#[test]
fn an_entry_goes_on_a_line_of_its_own_after_a_torn_one() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LEDGER);
    let ledger = fs::read_to_string(&path).unwrap();
    write(&path, layout::RECORD_MODE, ledger.trim_end());
    home.run(["client", "issue", "bob"]).succeeds();
    home.run(["verify"]).succeeds();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 4);
}

#[test]
fn refuses_to_replace_a_ca_key_that_is_a_link() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::CA_KEY);
    fs::rename(&path, home.around().join("real.pem")).unwrap();
    symlink(home.around().join("real.pem"), &path).unwrap();
    write(&home.around().join("secret"), 0o400, "correct horse");
    let line = "dockpki ca passwd --new-passphrase-file secret";
    refused(&home, line, "refuses_to_replace_a_ca_key_that_is_a_link");
}

#[test]
fn verify_names_the_home_as_it_was_named() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join("clients/alice/key.pem")).unwrap();
    let line = "dockpki --home home verify";
    refused(&home, line, "verify_names_the_home_as_it_was_named");
}

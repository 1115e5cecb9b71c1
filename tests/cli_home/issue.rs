//! `server issue` and `client issue`, and homes in which nothing can be issued.

use super::*;

done_with_a_ca! {
    server_issue: "dockpki server issue web-1 --san web-1.example.com,10.0.0.7";
    server_issue_of_many_names:
        "dockpki server issue web --san a.example,b.example,c.example,d.example,e.example,f.example";
    server_issue_as_json:
        "dockpki server issue web-1 --san web-1.example.com,10.0.0.7 --output json";
    client_issue: "dockpki client issue bob";
    client_issue_of_several: "dockpki client issue bob carol dave@example.com --valid-for 90d";
    client_issue_as_json: "dockpki client issue bob carol --output json";
    client_issue_quiet: "dockpki client issue bob --quiet";
    client_issue_verbose: "dockpki client issue bob --verbose";
    client_issue_with_another_kind_of_key: "dockpki client issue bob --key-type p384";
    client_issue_warns_of_a_life_cut_to_the_ca: "dockpki client issue bob --valid-for 7000y";
    client_issue_cut_to_the_ca_as_json: "dockpki client issue bob --valid-for 20y --output json";
}

shown_with_a_ca! {
    server_issue_as_dry_run: "dockpki server issue web-1 --san web-1.example.com --dry-run";
    client_issue_as_dry_run: "dockpki client issue bob carol --dry-run";
    client_issue_as_dry_run_as_json: "dockpki client issue bob --dry-run --output json";
    client_issue_as_dry_run_warns_of_a_life_cut_to_the_ca:
        "dockpki client issue bob --valid-for 20y --dry-run";
}

refused_with_a_ca! {
    refuses_a_server_name_that_is_taken: "dockpki server issue localhost --san localhost";
    refuses_a_client_name_that_is_taken: "dockpki client issue bob alice";
    refuses_a_client_name_that_is_taken_but_for_case: "dockpki client issue Alice";
    refuses_a_server_name_that_is_taken_but_for_case: "dockpki server issue LOCALHOST --san localhost";
    refuses_names_that_differ_by_case_alone: "dockpki client issue bob Carol carol";
    refuses_a_name_given_twice: "dockpki client issue bob carol bob";
    refuses_a_name_with_a_dot_at_its_end: "dockpki client issue bob.";
    refuses_a_name_that_is_a_device: "dockpki client issue con";
}

refused_without_a_home! {
    client_issue_refuses_a_home_without_ca: "dockpki client issue bob";
    server_issue_refuses_a_home_without_ca: "dockpki --home 'my home' server issue web --san web";
    list_refuses_a_home_without_ca: "dockpki list";
    verify_refuses_a_home_without_ca: "dockpki verify";
    ca_show_refuses_a_home_without_ca: "dockpki ca show";
    ca_passwd_refuses_a_home_without_ca: "dockpki ca passwd";
}

#[test]
fn refuses_a_name_outside_the_constraints() {
    let home = TestHome::with_ca(&["--constrain"]);
    let line = "dockpki server issue web --san web.example.com";
    refused(&home, line, "refuses_a_name_outside_the_constraints");
}

#[test]
fn refuses_to_issue_without_the_ca_key() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_KEY)).unwrap();
    let golden = "refuses_to_issue_without_the_ca_key";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_others_can_read() {
    let home = TestHome::with_ca(&[]);
    set_mode(&home.path().join(layout::CA_KEY), 0o440);
    let golden = "refuses_a_ca_key_others_can_read";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_that_is_cut_short() {
    let home = TestHome::with_ca(&[]);
    cut(&home.path().join(layout::CA_KEY), 0o400);
    let golden = "refuses_a_ca_key_that_is_cut_short";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_that_is_empty() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, "");
    let golden = "refuses_a_ca_key_that_is_empty";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_that_is_a_certificate() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, ca_of(&home).certificate().pem());
    let golden = "refuses_a_ca_key_that_is_a_certificate";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_that_is_a_directory() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::CA_KEY);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let golden = "refuses_a_ca_key_that_is_a_directory";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_that_is_noise() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, pem("PRIVATE KEY", &[0x30, 0x03, 0x02, 0x01, 0x07]));
    let golden = "refuses_a_ca_key_that_is_noise";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_of_another_ca() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, key().to_pem().unwrap().expose());
    let golden = "refuses_a_ca_key_of_another_ca";
    refused(&home, "dockpki client issue bob", golden);
}

/// A PKCS#8 key of an algorithm, its parameter and no content that would be one.
pub(super) fn key_of_algorithm(algorithm: &str, parameter: &str) -> String {
    use pkcs8::der::Encode;
    let parameter = pkcs8::ObjectIdentifier::new_unwrap(parameter);
    let info = pkcs8::PrivateKeyInfoRef::new(
        pkcs8::AlgorithmIdentifierRef {
            oid: pkcs8::ObjectIdentifier::new_unwrap(algorithm),
            parameters: Some((&parameter).into()),
        },
        pkcs8::der::asn1::OctetStringRef::new(&[0; 66]).unwrap(),
    );
    pem("PRIVATE KEY", &info.to_der().unwrap())
}

pub(super) const P521: (&str, &str) = ("1.2.840.10045.2.1", "1.3.132.0.35");

#[test]
fn refuses_a_ca_key_of_a_kind_it_does_not_know() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, key_of_algorithm(P521.0, P521.1));
    let golden = "refuses_a_ca_key_of_a_kind_it_does_not_know";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_certificate_that_is_no_ca() {
    let home = TestHome::with_ca(&[]);
    let server = pair_path(&home, PairKind::Server, "localhost");
    let certificate = fs::read_to_string(server.join("server-cert.pem")).unwrap();
    let key = PrivateKey::from_pem(&fs::read(server.join("server-key.pem")).unwrap()).unwrap();
    put_ca(&home, &certificate, &key);
    let golden = "refuses_a_ca_certificate_that_is_no_ca";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_with_an_organization() {
    let home = TestHome::new();
    put_odd_ca(&home, |params| {
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Example");
    });
    let golden = "refuses_a_ca_with_an_organization";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_certificate_that_is_cut_short() {
    let home = TestHome::with_ca(&[]);
    cut(&home.path().join(layout::CA_CERTIFICATE), 0o444);
    refused(
        &home,
        "dockpki list",
        "refuses_a_ca_certificate_that_is_cut_short",
    );
}

#[test]
fn refuses_a_ca_certificate_that_is_a_key() {
    let home = TestHome::with_ca(&[]);
    let key = key().to_pem().unwrap();
    write(
        &home.path().join(layout::CA_CERTIFICATE),
        0o444,
        key.expose(),
    );
    refused(
        &home,
        "dockpki list",
        "refuses_a_ca_certificate_that_is_a_key",
    );
}

#[test]
fn refuses_two_ca_certificates() {
    let home = TestHome::with_ca(&[]);
    let both = ca_of(&home).certificate().pem().repeat(2);
    write(&home.path().join(layout::CA_CERTIFICATE), 0o444, both);
    refused(&home, "dockpki list", "refuses_two_ca_certificates");
}

#[test]
fn refuses_a_ca_certificate_that_is_noise() {
    let home = TestHome::with_ca(&[]);
    let noise = certificate_pem(&[0x30, 0x03, 0x02, 0x01, 0x07]);
    write(&home.path().join(layout::CA_CERTIFICATE), 0o444, noise);
    refused(
        &home,
        "dockpki list",
        "refuses_a_ca_certificate_that_is_noise",
    );
}

#[test]
fn second_init_refuses_a_ca_certificate_that_is_empty() {
    let home = TestHome::with_ca(&[]);
    write(&home.path().join(layout::CA_CERTIFICATE), 0o444, "");
    let line = "dockpki init --san localhost --client alice";
    refused(
        &home,
        line,
        "second_init_refuses_a_ca_certificate_that_is_empty",
    );
}

#[test]
fn refuses_to_issue_under_an_expired_ca() {
    let home = home_with_ca_of(Validity {
        not_before: datetime!(2020-01-01 00:00 UTC),
        not_after: datetime!(2021-01-01 00:00 UTC),
    });
    let golden = "refuses_to_issue_under_an_expired_ca";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_to_issue_before_the_ca_begins() {
    let home = home_with_ca_of(Validity {
        not_before: datetime!(2090-01-01 00:00 UTC),
        not_after: datetime!(2095-01-01 00:00 UTC),
    });
    let golden = "refuses_to_issue_before_the_ca_begins";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_torn_ledger() {
    let home = TestHome::with_ca(&[]);
    append_text(&home, "{\"version\":1,\"time\":\"2026-");
    refused(&home, "dockpki client issue bob", "refuses_a_torn_ledger");
}

#[test]
fn refuses_a_ledger_of_another_version() {
    let home = TestHome::with_ca(&[]);
    append_text(&home, "{\"version\":2,\"what\":\"else\"}\n");
    refused(&home, "dockpki list", "refuses_a_ledger_of_another_version");
}

#[test]
fn refuses_a_ledger_that_is_a_directory() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LEDGER);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(
        &home,
        "dockpki list",
        "refuses_a_ledger_that_is_a_directory",
    );
}

#[test]
fn verify_refuses_a_ledger_that_is_a_directory() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LEDGER);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let golden = "verify_refuses_a_ledger_that_is_a_directory";
    refused(&home, "dockpki verify", golden);
}

#[test]
fn refuses_a_home_whose_ca_certificate_is_gone() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_CERTIFICATE)).unwrap();
    let golden = "refuses_a_home_whose_ca_certificate_is_gone";
    refused(&home, "dockpki client issue bob", golden);
    let line = "dockpki init --san localhost --client alice";
    refused(
        &home,
        line,
        "init_refuses_a_home_whose_ca_certificate_is_gone",
    );
}

#[test]
fn writes_to_the_file_behind_a_ledger_that_is_a_link() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LEDGER);
    let elsewhere = home.around().join("ledger");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    home.run(["client", "issue", "bob"]).succeeds();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap().lines().count(), 4);
    assert!(path.is_symlink());
    home.run(["verify"]).succeeds();
}

#[test]
fn refuses_a_directory_of_clients_that_is_a_file() {
    let home = home_with_ca_of(days(-1, 1000));
    fs::write(home.path().join("clients"), "").unwrap();
    let golden = "refuses_a_directory_of_clients_that_is_a_file";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn verify_refuses_a_directory_of_clients_that_is_a_file() {
    let home = home_with_ca_of(days(-1, 1000));
    fs::write(home.path().join("clients"), "").unwrap();
    let golden = "verify_refuses_a_directory_of_clients_that_is_a_file";
    refused(&home, "dockpki verify", golden);
}

#[test]
fn second_init_says_what_it_does_not_do() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki init --san localhost --encrypt --constrain";
    shown(&home, line, "second_init_says_what_it_does_not_do");
}

#[test]
fn verify_finds_what_nobody_finished_or_undid() {
    let home = TestHome::with_ca(&[]);
    let staged = home.path().join("clients/.bob.0123456789abcdef");
    fs::create_dir(&staged).unwrap();
    write(&staged.join("key.pem"), 0o400, "a key");
    write(&home.path().join(".journal.old"), 0o600, "{]");
    found_and_mended(&home, "verify_finds_what_nobody_finished_or_undid");
}

#[test]
fn verify_has_a_certificate_issued_again_as_it_was() {
    let home = TestHome::with_ca(&[]);
    let line = [
        "client",
        "issue",
        "bob",
        "--valid-for",
        "36h",
        "--key-type",
        "ed25519",
    ];
    home.run(line).succeeds();
    fs::remove_file(home.path().join("clients/bob/key.pem")).unwrap();
    let golden = "verify_has_a_certificate_issued_again_as_it_was";
    found_and_mended(&home, golden);
}

#[test]
fn refuses_a_passphrase_file_openssl_would_not_read_whole() {
    let home = TestHome::with_ca(&[]);
    write(&home.around().join("secret"), 0o400, "x".repeat(1024));
    let line = "dockpki ca passwd --new-passphrase-file secret";
    let golden = "refuses_a_passphrase_file_openssl_would_not_read_whole";
    refused(&home, line, golden);
    write(&home.around().join("secret"), 0o400, "x".repeat(1023));
    home.run(["verify"]).succeeds();
}

#[test]
fn refuses_a_journal_that_leads_out_of_the_home() {
    let home = TestHome::with_ca(&[]);
    let victim = home.around().join("victim");
    fs::write(&victim, "mine").unwrap();
    let steps = [
        r#"{"step":"place","staged":"../victim","path":"clients/x"}"#,
        r#"{"step":"replace","staged":".ca.pem.0123456789abcdef","kept":".ca.pem.0123456789abcdee","path":"../victim"}"#,
        r#"{"step":"replace","staged":".ca.pem.0123456789abcdef","kept":"../victim","path":"ca.pem"}"#,
        r#"{"step":"replace","staged":".ca.pem.0123456789abcdef","kept":".ca.pem.0123456789abcdef","path":"ca.pem"}"#,
        r#"{"step":"replace","staged":"clients/x/.key.pem.0123456789abcdef","kept":"clients/x/.key.pem.0123456789abcdee","path":"clients/x/key.pem"}"#,
        r#"{"step":"place","staged":"archive/../.victim.0123456789abcdef","path":"archive/../victim"}"#,
        r#"{"step":"exchange","staged":"../victim","path":"clients/x","archived":"archive/07","before":"0a","after":"0b"}"#,
        r#"{"step":"exchange","staged":"clients/.x.0123456789abcdef","path":"clients/x","archived":"archive/../../victim","before":"0a","after":"0b"}"#,
        r#"{"step":"exchange","staged":"clients/.x.0123456789abcdef","path":"clients/x","archived":"clients/07","before":"0a","after":"0b"}"#,
        r#"{"step":"exchange","staged":"../.victim.0123456789abcdef","path":"../victim","archived":"archive/07","before":"0a","after":"0b"}"#,
        r#"{"step":"append","path":"../victim","before":null}"#,
        r#"{"step":"make_directory","path":"../victim"}"#,
        r#"{"step":"set_mode","path":"../victim","before":438}"#,
    ];
    for step in steps {
        let text = format!(r#"{{"version":1,"command":"init","steps":[{step}]}}"#);
        for phase in [".journal", ".journal.publishing", ".journal.undoing"] {
            let journal = home.path().join(phase);
            fs::write(&journal, &text).unwrap();
            let before = support::snapshot(home.around());
            let ran = home.run(["list"]).fails(1);
            assert!(ran.stderr.contains("which no command does"), "{ran:#?}");
            assert_eq!(
                support::snapshot(home.around()),
                before,
                "{step} in {phase}"
            );
            fs::remove_file(&journal).unwrap();
        }
    }
}

#[test]
fn refuses_a_journal_it_cannot_read() {
    let home = TestHome::with_ca(&[]);
    fs::write(home.path().join(layout::JOURNAL), "{]").unwrap();
    refused(&home, "dockpki list", "refuses_a_journal_it_cannot_read");
}

#[test]
fn refuses_a_journal_of_another_version() {
    let home = TestHome::with_ca(&[]);
    let journal = r#"{"version":2,"command":"init","phase":"staging","steps":[]}"#;
    fs::write(home.path().join(layout::JOURNAL), journal).unwrap();
    let golden = "refuses_a_journal_of_another_version";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_output_that_cannot_be_written() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    let home = TestHome::with_ca(&[]);
    let line = "dockpki list";
    let mut list = command(&home, line);
    list.stdout(File::options().write(true).open(full).unwrap());
    refused_as(&home, line, list, "refuses_output_that_cannot_be_written");
}

#[test]
fn says_that_it_waits_for_another() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LOCK);
    let lock = File::options().write(true).open(&path).unwrap();
    lock.lock().unwrap();
    fs::write(&path, "4711").unwrap();
    let line = "dockpki client issue bob --output json";
    let mut waiting = command(&home, line);
    waiting.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut waiting = waiting.spawn().unwrap();
    let mut note = String::new();
    let mut stderr = std::io::BufReader::new(waiting.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut stderr, &mut note).unwrap();
    lock.unlock().unwrap();
    let mut ran = Ran::from(waiting.wait_with_output().unwrap());
    ran.stderr = note;
    stderr.read_to_string(&mut ran.stderr).unwrap();
    compare(&home, line, &ran, "says_that_it_waits_for_another");
    ran.succeeds();
}

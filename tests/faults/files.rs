//! Files of the home that are cut, swapped, open to others or of another kind.

use super::*;

#[test]
fn refuses_to_issue_with_a_truncated_ca_certificate() {
    let home = TestHome::with_ca(&[]);
    truncate(&home.path().join("ca.pem"));
    let ca = home.path().join("ca.pem");
    for arguments in [ISSUE, &["list"], &["ca", "show"], INIT] {
        let ran = refuses(&home, arguments, &[ca.to_str().unwrap(), "it is cut short"]);
        assert!(ran.stderr.contains("verify"), "{ran:#?}");
    }
    is_found_and_mended(&home, "ca.pem", "it is cut short");
    home.run(ISSUE).succeeds();
}

#[test]
fn refuses_to_issue_with_an_empty_ca_certificate() {
    let home = TestHome::with_ca(&[]);
    overwrite(&home.path().join("ca.pem"), "");
    refuses(&home, ISSUE, &["ca.pem"]);
    is_found_and_mended(&home, "ca.pem", "");
}

#[test]
fn refuses_the_key_of_another_ca() {
    let home = TestHome::with_ca(&[]);
    let other = TestHome::with_ca(&[]);
    let key = home.path().join("ca-key.pem");
    let good = fs::read(&key).unwrap();
    overwrite(&key, fs::read(other.path().join("ca-key.pem")).unwrap());
    let words = [
        key.to_str().unwrap(),
        "does not belong to the certificate",
        "backup",
    ];
    refuses(&home, ISSUE, &words);
    let new = secret_file(&home, "new", "secret\n");
    refuses(
        &home,
        &["ca", "passwd", "--new-passphrase-file", &new],
        &words,
    );
    let all = findings(&home);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].path, key.to_str().unwrap());
    assert_eq!(all[0].found, "the key of another CA");
    overwrite(&key, good);
    assert_whole(&home);
}

#[test]
fn refuses_a_truncated_ca_key() {
    let home = TestHome::with_ca(&[]);
    let key = home.path().join("ca-key.pem");
    truncate(&key);
    refuses(&home, ISSUE, &[key.to_str().unwrap(), "backup"]);
    home.run(["list"]).succeeds();
    assert_eq!(findings(&home)[0].path, key.to_str().unwrap());
}

#[test]
fn refuses_swapped_pems_of_the_ca() {
    let home = TestHome::with_ca(&[]);
    let (ca, key) = (home.path().join("ca.pem"), home.path().join("ca-key.pem"));
    let (certificate, secret) = (fs::read(&ca).unwrap(), fs::read(&key).unwrap());
    overwrite(&ca, secret);
    overwrite(&key, certificate);
    refuses(&home, ISSUE, &["ca.pem"]);
    assert!(!findings(&home).is_empty());
}

#[test]
fn refuses_a_ca_key_that_others_can_read_with_the_chmod_to_type() {
    let home = TestHome::with_ca(&[]);
    let key = home.path().join("ca-key.pem");
    set_mode(&key, 0o644);
    let chmod = format!("chmod 0400 {}", key.display());
    let hint = format!("hint: {chmod}\n");
    let words = ["can be read by others: found mode 0644, wanted 0400", &hint];
    refuses(&home, ISSUE, &words);
    let new = secret_file(&home, "new", "secret\n");
    refuses(
        &home,
        &["ca", "passwd", "--new-passphrase-file", &new],
        &words,
    );
    home.run(["list"]).succeeds();
    is_found_and_mended(&home, "ca-key.pem", "mode 0644");
    set_mode(&key, 0o640);
    shell(&home, &chmod);
    home.run(ISSUE).succeeds();
    assert_whole(&home);
}

#[test]
fn the_chmod_works_where_the_home_has_a_space_and_a_quote() {
    let home = TestHome::new();
    let path = home.around().join("it's a home");
    let run = |arguments: &[&str]| {
        let mut command = support::dockpki();
        command.arg("--home").arg(&path).args(arguments);
        Ran::from(command.output().unwrap())
    };
    run(INIT).succeeds();
    set_mode(&path.join("ca-key.pem"), 0o644);
    let ran = run(ISSUE).fails(1);
    let (_, hint) = ran.stderr.split_once("hint: ").unwrap();
    shell(&home, hint);
    run(ISSUE).succeeds();
    overwrite(&path.join("clients/alice/key.pem"), "");
    let ran = run(&["verify"]).fails(1);
    let mend = ran.stdout.lines().nth(1).unwrap();
    shell(&home, mend);
    run(&["verify"]).succeeds();
}

#[test]
fn a_client_key_that_others_can_read_is_listed_and_found() {
    let home = TestHome::with_ca(&[]);
    set_mode(&home.path().join("clients/alice/key.pem"), 0o640);
    assert_eq!(state_of(&home, "alice"), "key open to others");
    is_found_and_mended(&home, "clients/alice/key.pem", "mode 0640");
    assert_eq!(state_of(&home, "alice"), "valid");
}

#[test]
fn a_key_in_the_place_of_the_certificate_is_found() {
    let home = TestHome::with_ca(&[]);
    let alice = home.path().join("clients/alice");
    let (certificate, key) = (alice.join("cert.pem"), alice.join("key.pem"));
    let (cert_text, key_text) = (fs::read(&certificate).unwrap(), fs::read(&key).unwrap());
    overwrite(&certificate, key_text);
    overwrite(&key, cert_text);
    assert_eq!(state_of(&home, "alice"), "certificate broken");
    is_found_and_mended(&home, "clients/alice/cert.pem", "a private key");
    assert_eq!(state_of(&home, "alice"), "valid");
}

//! `ca show`, `ca passwd`, and passphrases in files.

use super::*;

#[test]
fn client_issue_with_the_passphrase() {
    let home = home_with_passphrase();
    let line = "dockpki client issue bob --passphrase-file secret";
    done(&home, line, "client_issue_with_the_passphrase");
}

#[test]
fn refuses_to_ask_for_a_passphrase_without_terminal() {
    let home = home_with_passphrase();
    let golden = "refuses_to_ask_for_a_passphrase_without_terminal";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn init_refuses_to_ask_for_a_passphrase_without_terminal() {
    let line = "dockpki init --san localhost --client alice --encrypt";
    let golden = "init_refuses_to_ask_for_a_passphrase_without_terminal";
    refused(&TestHome::new(), line, golden);
}

#[test]
fn refuses_a_wrong_passphrase() {
    let home = home_with_passphrase();
    secret(&home, "wrong", "wrong horse\n");
    let line = "dockpki client issue bob --passphrase-file wrong";
    refused(&home, line, "refuses_a_wrong_passphrase");
}

#[test]
fn refuses_a_passphrase_nobody_needs() {
    let home = TestHome::with_ca(&[]);
    secret(&home, "secret", "correct horse\n");
    let line = "dockpki client issue bob --passphrase-file secret";
    refused(&home, line, "refuses_a_passphrase_nobody_needs");
}

#[test]
fn verify_finds_a_passphrase_nobody_needs() {
    let home = TestHome::with_ca(&[]);
    secret(&home, "secret", "correct horse\n");
    let line = "dockpki verify --passphrase-file secret";
    refused(&home, line, "verify_finds_a_passphrase_nobody_needs");
}

#[test]
fn refuses_a_passphrase_file_others_can_read() {
    let home = home_with_passphrase();
    set_mode(&home.around().join("secret"), 0o644);
    let line = "dockpki client issue bob --passphrase-file secret";
    refused(&home, line, "refuses_a_passphrase_file_others_can_read");
}

#[test]
fn refuses_a_passphrase_file_that_is_empty() {
    let home = TestHome::new();
    secret(&home, "secret", "\n");
    let line = "dockpki init --san localhost --client alice --passphrase-file secret";
    refused(&home, line, "refuses_a_passphrase_file_that_is_empty");
}

#[test]
fn refuses_a_passphrase_file_of_two_lines() {
    let home = TestHome::new();
    secret(&home, "secret", "correct horse\nbattery staple\n");
    let line = "dockpki init --san localhost --client alice --passphrase-file secret";
    refused(&home, line, "refuses_a_passphrase_file_of_two_lines");
}

#[test]
fn refuses_a_passphrase_file_that_is_not_there() {
    let line = "dockpki init --san localhost --client alice --passphrase-file secret";
    let golden = "refuses_a_passphrase_file_that_is_not_there";
    refused(&TestHome::new(), line, golden);
}

#[test]
fn refuses_a_passphrase_file_that_is_a_directory() {
    let line = "dockpki init --san localhost --client alice --passphrase-file .";
    let golden = "refuses_a_passphrase_file_that_is_a_directory";
    refused(&TestHome::new(), line, golden);
}

#[test]
fn refuses_an_encryption_that_would_eat_the_machine() {
    use pkcs8::der::Encode;
    use pkcs8::pkcs5::{EncryptionScheme, pbes2, scrypt};
    let home = TestHome::with_ca(&[]);
    secret(&home, "secret", "correct horse\n");
    let costs = scrypt::Params::new(22, 8, 1).unwrap();
    let scheme = pbes2::Parameters::generate_scrypt_aes256cbc(costs, &[0; 16], [0; 16]).unwrap();
    let info = pkcs8::EncryptedPrivateKeyInfoRef {
        encryption_algorithm: EncryptionScheme::from(scheme),
        encrypted_data: pkcs8::der::asn1::OctetStringRef::new(&[0; 144]).unwrap(),
    };
    put_ca_key(&home, pem("ENCRYPTED PRIVATE KEY", &info.to_der().unwrap()));
    let line = "dockpki client issue bob --passphrase-file secret";
    refused(
        &home,
        line,
        "refuses_an_encryption_that_would_eat_the_machine",
    );
}

shown_with_a_ca! {
    ca_show: "dockpki ca show";
    ca_show_as_json: "dockpki ca show --output json";
}

#[test]
fn ca_show_with_encrypted_key() {
    let home = home_with_passphrase();
    shown(&home, "dockpki ca show", "ca_show_with_encrypted_key");
}

#[test]
fn ca_show_without_key() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_KEY)).unwrap();
    shown(&home, "dockpki ca show", "ca_show_without_key");
}

#[test]
fn ca_show_with_key_others_can_read() {
    let home = TestHome::with_ca(&[]);
    set_mode(&home.path().join(layout::CA_KEY), 0o644);
    shown(&home, "dockpki ca show", "ca_show_with_key_others_can_read");
}

#[test]
fn ca_show_with_broken_key() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, "");
    shown(&home, "dockpki ca show", "ca_show_with_broken_key");
}

#[test]
fn ca_show_of_a_constrained_ca() {
    let home = TestHome::with_ca(&["--constrain"]);
    shown(&home, "dockpki ca show", "ca_show_of_a_constrained_ca");
    let line = "dockpki ca show --output json";
    shown(&home, line, "ca_show_of_a_constrained_ca_as_json");
}

#[test]
fn ca_show_of_a_ca_constrained_to_names_alone() {
    let home = TestHome::new();
    let line = "dockpki init --san docker.example.com --client alice --constrain";
    Ran::from(command(&home, line).output().unwrap()).succeeds();
    let golden = "ca_show_of_a_ca_constrained_to_names_alone";
    shown(&home, "dockpki ca show", golden);
}

#[test]
fn ca_show_of_an_expired_ca() {
    let home = home_with_ca_of(days(-100, -10));
    shown(&home, "dockpki ca show", "ca_show_of_an_expired_ca");
}

#[test]
fn ca_passwd_sets_a_passphrase() {
    let home = TestHome::with_ca(&[]);
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --new-passphrase-file new";
    done(&home, line, "ca_passwd_sets_a_passphrase");
}

#[test]
fn ca_passwd_changes_the_passphrase() {
    let home = home_with_passphrase();
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --passphrase-file secret --new-passphrase-file new";
    done(&home, line, "ca_passwd_changes_the_passphrase");
}

#[test]
fn ca_passwd_removes_the_passphrase() {
    let home = home_with_passphrase();
    let line = "dockpki ca passwd --passphrase-file secret --remove --yes";
    done(&home, line, "ca_passwd_removes_the_passphrase");
}

#[test]
fn ca_passwd_as_json() {
    let home = home_with_passphrase();
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --passphrase-file secret --new-passphrase-file new --output json";
    done(&home, line, "ca_passwd_as_json");
    let line = "dockpki ca passwd --passphrase-file new --remove --yes --output json";
    done(&home, line, "ca_passwd_removes_the_passphrase_as_json");
}

#[test]
fn ca_passwd_quiet() {
    let home = home_with_passphrase();
    let line = "dockpki ca passwd --passphrase-file secret --remove --yes --quiet";
    done(&home, line, "ca_passwd_quiet");
}

#[test]
fn ca_passwd_verbose() {
    let home = home_with_passphrase();
    let line = "dockpki ca passwd --passphrase-file secret --remove --yes --verbose";
    done(&home, line, "ca_passwd_verbose");
}

#[test]
fn ca_passwd_as_dry_run() {
    let home = home_with_passphrase();
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --passphrase-file secret --new-passphrase-file new --dry-run";
    shown(&home, line, "ca_passwd_as_dry_run");
    let line = "dockpki ca passwd --passphrase-file secret --remove --dry-run --output json";
    shown(&home, line, "ca_passwd_as_dry_run_as_json");
}

refused_with_a_ca! {
    ca_passwd_refuses_to_ask_for_the_new_passphrase_without_terminal: "dockpki ca passwd";
    ca_passwd_refuses_to_remove_a_passphrase_that_is_not: "dockpki ca passwd --remove --yes";
}

#[test]
fn ca_passwd_refuses_to_remove_without_consent() {
    let home = home_with_passphrase();
    let line = "dockpki ca passwd --passphrase-file secret --remove";
    refused(&home, line, "ca_passwd_refuses_to_remove_without_consent");
}

#[test]
fn ca_passwd_refuses_a_wrong_passphrase() {
    let home = home_with_passphrase();
    secret(&home, "wrong", "wrong horse\n");
    let line = "dockpki ca passwd --passphrase-file wrong --remove --yes";
    refused(&home, line, "ca_passwd_refuses_a_wrong_passphrase");
}

#[test]
fn ca_passwd_refuses_without_the_ca_key() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_KEY)).unwrap();
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --new-passphrase-file new";
    refused(&home, line, "ca_passwd_refuses_without_the_ca_key");
}

#[test]
fn ca_passwd_refuses_a_key_of_another_ca() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, key().to_pem().unwrap().expose());
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --new-passphrase-file new";
    refused(&home, line, "ca_passwd_refuses_a_key_of_another_ca");
}

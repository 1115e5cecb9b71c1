//! What a user sees of `client request`, `client sign` and `client accept`, and of a client whose key is
//! not in the home, held against the goldens in `tests/cli/enroll`.
//!
//! After a change of words: `SNAPSHOTS=overwrite cargo test --test cli_enroll`, then read the diff.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

mod support;

use std::fs;
use std::path::PathBuf;

use dockpki::pki::{CertificateRequest, KeyType, PrivateKey, VerifyCode};
use dockpki::plan::layout::PairKind;
use support::TestHome;
use support::by_hand::*;
use support::golden::goldens_of;

goldens_of!("enroll", "cli_enroll.rs");

/// The line as it is typed at the CA.
fn at_ca(line: &str) -> String {
    format!("dockpki {line}")
}

/// The line as it is typed on the laptop, whose user has a home beside the CA's, and no CA.
fn on_laptop(home: &TestHome, line: &str) -> String {
    let around = home.around().display();
    format!(
        "HOME={around}/user XDG_STATE_HOME={around}/state DOCKPKI_HOME={around}/none dockpki {line}"
    )
}

/// A CA, and a laptop beside it.
fn beside() -> TestHome {
    let home = TestHome::with_ca(&[]);
    fs::create_dir(home.around().join("user")).unwrap();
    home
}

/// The same with an open request, which is in `laptop.csr`.
fn requested() -> TestHome {
    let home = beside();
    let ran = quietly(&home, &on_laptop(&home, "client request laptop"));
    fs::write(home.around().join("laptop.csr"), ran.stdout).unwrap();
    home
}

/// The same with the reply, in `laptop.reply.pem`.
fn signed() -> TestHome {
    let home = requested();
    quietly(&home, &at_ca("client sign laptop.csr --yes"));
    home
}

/// The same with the client installed on the laptop.
fn accepted() -> TestHome {
    let home = signed();
    let accept = format!("client accept laptop.reply.pem --expect {}", home.ca_code());
    quietly(&home, &on_laptop(&home, &accept));
    home
}

fn in_user(home: &TestHome, path: &str) -> PathBuf {
    home.around().join("user/.docker").join(path)
}

fn request_code(home: &TestHome) -> VerifyCode {
    let request = fs::read(home.around().join("laptop.csr")).unwrap();
    VerifyCode::of(
        &CertificateRequest::from_message(&request)
            .unwrap()
            .public_key,
    )
}

// ---- On the laptop: the request

#[test]
fn a_request_is_made_once_and_shown_again() {
    let home = beside();
    let line = on_laptop(&home, "client request laptop");
    shown(&home, &format!("{line} --dry-run"), "request_as_dry_run");
    shown(
        &home,
        &format!("{line} --dry-run --output json"),
        "request_as_dry_run_as_json",
    );
    done(&home, &line, "request");
    shown(&home, &line, "request_again");
    shown(
        &home,
        &format!("{line} --output json"),
        "request_again_as_json",
    );
    shown(&home, &format!("{line} --quiet"), "request_again_quiet");
    refused(
        &home,
        &format!("{line} --key-type ed25519"),
        "request_again_of_another_kind",
    );
    let before = fs::read(in_user(&home, "requests/laptop/key.pem")).unwrap();
    done(&home, &format!("{line} --new-key"), "request_with_new_key");
    assert_ne!(
        before,
        fs::read(in_user(&home, "requests/laptop/key.pem")).unwrap()
    );
    let left = fs::read_dir(in_user(&home, "requests")).unwrap().count();
    assert_eq!(left, 1, "the old one lies around");
}

#[test]
fn a_request_in_a_directory_of_its_own() {
    let home = beside();
    let line = on_laptop(&home, "client request laptop --out mine");
    done(
        &home,
        &format!("{line} --output json"),
        "request_out_as_json",
    );
    shown(&home, &line, "request_out_again");
    fs::create_dir(home.around().join("full")).unwrap();
    fs::write(home.around().join("full/file"), "x").unwrap();
    let full = on_laptop(&home, "client request laptop --out full");
    refused(&home, &full, "request_out_of_a_directory_that_is_full");
    refused(
        &home,
        &format!("{full} --new-key"),
        "request_out_of_a_full_directory_anew",
    );
    let taken = on_laptop(&home, "client request phone --out mine");
    refused(&home, &taken, "request_out_of_anothers_request");
    fs::create_dir(home.around().join("empty")).unwrap();
    quietly(
        &home,
        &on_laptop(&home, "client request laptop --out empty"),
    );
}

#[test]
fn a_request_that_is_not_whole_is_refused() {
    let home = requested();
    let line = on_laptop(&home, "client request laptop");
    let request = in_user(&home, "requests/laptop/request.pem");
    let key = in_user(&home, "requests/laptop/key.pem");
    let open = fs::read(&request).unwrap();
    let set = |path: &PathBuf, content: &[u8]| {
        fs::remove_file(path).unwrap();
        fs::write(path, content).unwrap();
    };
    let other = PrivateKey::generate(KeyType::P256).unwrap();
    let other = CertificateRequest::new(&"laptop".parse().unwrap(), &other).unwrap();
    set(&request, other.pem().as_bytes());
    refused(&home, &line, "request_for_another_key");
    fs::remove_file(&request).unwrap();
    refused(&home, &line, "request_without_what_is_sent");
    fs::write(&request, open).unwrap();
    set_mode(&key, 0o644);
    refused(&home, &line, "request_with_an_open_key");
    fs::remove_file(&key).unwrap();
    refused(&home, &line, "request_without_key");
}

#[test]
fn what_cannot_be_requested_is_refused() {
    let home = beside();
    refused(
        &home,
        &on_laptop(&home, "client request ../x"),
        "request_of_no_name",
    );
    refused(
        &home,
        &on_laptop(&home, "client request laptop --key-type dsa"),
        "request_of_no_key_type",
    );
    fs::write(in_user(&home, "").parent().unwrap().join(".docker"), "x").unwrap();
    refused(
        &home,
        &on_laptop(&home, "client request laptop"),
        "request_where_a_file_is",
    );
}

// ---- At the CA: the signature

#[test]
fn a_request_is_signed_once() {
    let home = requested();
    let line = at_ca("client sign laptop.csr");
    refused(&home, &line, "sign_without_consent");
    shown(&home, &format!("{line} --dry-run"), "sign_as_dry_run");
    shown(
        &home,
        &format!("{line} --dry-run --output json"),
        "sign_as_dry_run_as_json",
    );
    let other = "0000-0000-0000-0000";
    refused(
        &home,
        &format!("{line} --expect {other}"),
        "sign_of_another_code",
    );
    refused(&home, &format!("{line} --expect 123"), "sign_of_no_code");
    refused(
        &home,
        &format!("{line} --yes --renew --name phone"),
        "sign_in_the_place_of_nobody",
    );
    let code = request_code(&home)
        .to_string()
        .to_uppercase()
        .replace('-', "");
    fs::write(home.around().join("laptop.reply.pem"), "mine").unwrap();
    refused(&home, &format!("{line} --yes"), "sign_over_a_file");
    fs::remove_file(home.around().join("laptop.reply.pem")).unwrap();
    let ran = quietly(&home, &format!("{line} --quiet --expect {code}"));
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    refused(&home, &format!("{line} --yes"), "sign_again");
    refused(&home, &format!("{line} --yes --name phone"), "sign_for_two");
    refused(
        &home,
        &at_ca("client sign none.csr --yes"),
        "sign_of_no_file",
    );
}

#[test]
fn a_signature_and_its_reply() {
    let home = requested();
    done(&home, &at_ca("client sign laptop.csr --yes"), "sign");
    let home = requested();
    done(
        &home,
        &at_ca("client sign laptop.csr --yes --out -"),
        "sign_to_standard_output",
    );
    let home = requested();
    done(
        &home,
        &at_ca("client sign laptop.csr --yes --output json --name phone -o phone.txt"),
        "sign_as_json",
    );
    shown(&home, &at_ca("list --output json"), "list_as_json");
    let home = requested();
    done(
        &home,
        &at_ca("client sign laptop.csr --yes --name phone --valid-for 9000d"),
        "sign_under_another_name_and_cut",
    );
}

#[test]
fn a_name_that_is_taken_is_signed_with_renew_alone() {
    let home = signed();
    quietly(
        &home,
        &on_laptop(&home, "client request laptop --new-key --quiet"),
    );
    let request = in_user(&home, "requests/laptop/request.pem");
    fs::copy(request, home.around().join("new.csr")).unwrap();
    refused(
        &home,
        &at_ca("client sign new.csr --yes"),
        "sign_of_a_name_that_is_taken",
    );
    done(
        &home,
        &at_ca("client sign new.csr --yes --renew -o new.pem"),
        "sign_with_renew",
    );
    quietly(&home, &at_ca("verify"));
    refused(
        &home,
        &at_ca("client sign new.csr --yes --renew --name alice"),
        "sign_of_anothers_key",
    );
}

/// A request of this common name, in `by-hand.csr`.
fn by_hand(home: &TestHome, subject: &str) -> String {
    let key = PrivateKey::generate(KeyType::P256).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if !subject.is_empty() {
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, subject);
    }
    let request = params.serialize_request(&key).unwrap();
    let request = pem("CERTIFICATE REQUEST", request.der());
    fs::write(home.around().join("by-hand.csr"), request).unwrap();
    at_ca("client sign by-hand.csr --yes")
}

#[test]
fn a_request_that_names_nobody_needs_a_name() {
    let home = beside();
    let line = by_hand(&home, "");
    refused(&home, &line, "sign_for_nobody");
    let line = by_hand(&home, "Alice's laptop");
    refused(&home, &line, "sign_for_no_name");
    quietly(&home, &format!("{line} --name laptop"));
}

#[test]
fn a_reply_that_has_expired_is_told_how_to_renew_it() {
    let home = home_with_ca_of(days(-1000, 2650));
    put_client(&home, &ca_of(&home), "carol", days(-400, -35));
    let certificate = fs::read(home.path().join("clients/carol/cert.pem")).unwrap();
    let ca = fs::read(home.path().join("ca.pem")).unwrap();
    fs::write(home.around().join("reply.pem"), [certificate, ca].concat()).unwrap();
    refused(
        &home,
        "dockpki client accept reply.pem",
        "accept_of_one_that_has_expired",
    );
}

#[test]
fn a_request_for_a_name_no_laptop_can_have_needs_another() {
    let home = beside();
    let line = by_hand(&home, "aux.box");
    refused(&home, &line, "sign_for_a_device");
    let line = by_hand(&home, "Alice");
    refused(&home, &line, "sign_for_a_name_that_is_taken_but_for_case");
    quietly(&home, &format!("{line} --name laptop"));
}

#[test]
fn what_is_no_request_is_refused() {
    let home = beside();
    let put = |content: &[u8]| fs::write(home.around().join("x"), content).unwrap();
    let line = at_ca("client sign x --yes");
    put(b"");
    refused(&home, &line, "sign_of_nothing");
    put(&fs::read(home.path().join("clients/alice/key.pem")).unwrap());
    refused(&home, &line, "sign_of_a_private_key");
    put(&fs::read(home.path().join("ca.pem")).unwrap());
    refused(&home, &line, "sign_of_a_certificate");
    put(&[b'x'; 70_000]);
    refused(&home, &line, "sign_of_a_huge_file");
}

#[test]
fn the_key_of_somebody_else_is_refused() {
    let home = beside();
    let sign = |key: &str| {
        let key = PrivateKey::from_pem(&fs::read(home.path().join(key)).unwrap()).unwrap();
        let request = CertificateRequest::new(&"phone".parse().unwrap(), &key).unwrap();
        fs::write(home.around().join("x"), request.pem()).unwrap();
        at_ca("client sign x --yes")
    };
    refused(&home, &sign("ca-key.pem"), "sign_of_the_cas_key");
    refused(
        &home,
        &sign("servers/localhost/server-key.pem"),
        "sign_of_a_servers_key",
    );
}

// ---- On the laptop: the reply

#[test]
fn a_reply_is_installed_and_taken_back() {
    let home = signed();
    let line = on_laptop(
        &home,
        "client accept laptop.reply.pem --host tcp://web:2376",
    );
    refused(&home, &line, "accept_without_consent");
    shown(&home, &format!("{line} --dry-run"), "accept_as_dry_run");
    refused(
        &home,
        &format!("{line} --expect 0000-0000-0000-0000"),
        "accept_of_another_ca",
    );
    done(
        &home,
        &format!("{line} --expect {}", home.ca_code()),
        "accept",
    );
    assert!(!in_user(&home, "requests/laptop").exists());
    shown(&home, &format!("{line} --yes"), "accept_again");
    // Its CA is known by now, and not the one that was named.
    refused(
        &home,
        &format!("{line} --expect 0000-0000-0000-0000"),
        "accept_again_of_another_ca",
    );
    let before = fs::read(in_user(&home, "key.pem")).unwrap();
    done(&home, &on_laptop(&home, "undo --yes"), "accept_undone");
    assert_eq!(
        fs::read(in_user(&home, "requests/laptop/key.pem")).unwrap(),
        before
    );
    assert!(!in_user(&home, "key.pem").exists());
    quietly(&home, &on_laptop(&home, "client request laptop"));
    done(
        &home,
        &format!("{line} --expect {} --output json", home.ca_code()),
        "accept_as_json",
    );
}

#[test]
fn a_reply_for_a_key_that_is_not_here_names_the_requests_that_are_open() {
    let home = signed();
    quietly(
        &home,
        &on_laptop(&home, "client request laptop --new-key --quiet"),
    );
    let line = on_laptop(&home, "client accept laptop.reply.pem --yes");
    refused(&home, &line, "accept_for_another_key");
    let key = in_user(&home, "requests/laptop/key.pem");
    let named = format!("{line} --key {}", key.display());
    refused(&home, &named, "accept_with_another_key");
    fs::remove_dir_all(in_user(&home, "requests")).unwrap();
    refused(&home, &line, "accept_without_request");
    refused(
        &home,
        &format!("{line} --key none.pem"),
        "accept_with_no_key",
    );
}

#[test]
fn a_request_elsewhere_is_accepted_by_its_directory_or_its_key() {
    let home = beside();
    let ran = quietly(&home, &on_laptop(&home, "client request laptop --out mine"));
    fs::write(home.around().join("laptop.csr"), ran.stdout).unwrap();
    quietly(&home, &at_ca("client sign laptop.csr --yes"));
    let line = on_laptop(&home, "client accept laptop.reply.pem --yes");
    refused(&home, &line, "accept_of_a_request_elsewhere");
    // Whoever can change a mail would be believed with a yes to whatever it says.
    refused(
        &home,
        &format!("{line} --request mine"),
        "accept_of_an_unknown_ca_with_yes_alone",
    );
    assert!(!in_user(&home, "ca.pem").exists());
    let line = line.replace("--yes", &format!("--expect {}", home.ca_code()));
    quietly(
        &home,
        &format!("{line} --key mine/key.pem --docker-config one"),
    );
    assert!(!home.around().join("mine").exists());
    quietly(&home, &on_laptop(&home, "undo --yes"));
    quietly(&home, &format!("{line} --request mine --docker-config two"));
    assert!(!home.around().join("mine").exists());
    assert!(home.around().join("two/key.pem").is_file());
}

#[test]
fn what_is_no_reply_is_refused() {
    let home = signed();
    let reply = fs::read_to_string(home.around().join("laptop.reply.pem")).unwrap();
    let certificate = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
    let (leaf, ca) = (
        certificate("clients/laptop/cert.pem"),
        certificate("ca.pem"),
    );
    let line = on_laptop(&home, "client accept x --yes");
    let other = TestHome::with_ca(&[]);
    let other_ca = fs::read_to_string(other.path().join("ca.pem")).unwrap();
    for (content, golden) in [
        (String::new(), "accept_of_nothing"),
        (leaf.clone(), "accept_without_ca"),
        (ca.clone(), "accept_without_certificate"),
        (format!("{reply}{leaf}"), "accept_of_two"),
        (format!("{leaf}{ca}{ca}"), "accept_of_a_ca_twice"),
        (format!("{leaf}{other_ca}"), "accept_by_another_ca"),
        (
            reply[..reply.len() - 30].to_owned(),
            "accept_of_a_reply_cut_short",
        ),
        (
            certificate("servers/localhost/server-cert.pem") + &ca,
            "accept_of_a_server",
        ),
        (
            reply.clone() + &certificate("clients/alice/key.pem"),
            "accept_of_a_private_key",
        ),
        (
            certificate("clients/alice/key.pem"),
            "accept_of_a_private_key_alone",
        ),
        (
            fs::read_to_string(home.around().join("laptop.csr")).unwrap(),
            "accept_of_the_request",
        ),
    ] {
        fs::write(home.around().join("x"), content).unwrap();
        refused(&home, &line, golden);
    }
}

#[test]
fn a_reply_that_takes_another_clients_place_says_so() {
    let home = signed();
    let other = TestHome::with_ca(&[]);
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        let to = in_user(&home, name);
        fs::copy(other.path().join("clients/alice").join(name), to).unwrap();
    }
    shown(
        &home,
        &on_laptop(&home, "client accept laptop.reply.pem --yes --dry-run"),
        "accept_in_anothers_place",
    );
}

// ---- A client whose key is not in the home

#[test]
fn a_client_whose_key_is_elsewhere_is_whole() {
    let home = signed();
    shown(&home, &at_ca("list"), "list");
    shown(&home, &at_ca("verify"), "verify");
    shown(&home, &at_ca("check"), "check");
    let typed = |line: &str| on_laptop(&home, &format!("--home home {line}"));
    refused(
        &home,
        &typed("install client laptop --yes"),
        "install_of_a_key_elsewhere",
    );
    refused(&home, &typed("env laptop"), "env_of_a_key_elsewhere");
    refused(
        &home,
        &at_ca("renew laptop --key-type p384"),
        "renew_with_a_new_kind_of_key",
    );
    done(&home, &at_ca("renew --force laptop"), "renew");
    done(
        &home,
        &at_ca("renew --force laptop --reuse-key --output json"),
        "renew_as_json",
    );
    quietly(&home, &at_ca("verify"));
    // A key somebody puts there is looked at again.
    let key = pair_path(&home, PairKind::Client, "laptop").join("key.pem");
    fs::copy(
        pair_path(&home, PairKind::Client, "alice").join("key.pem"),
        key,
    )
    .unwrap();
    refused(&home, &at_ca("verify"), "verify_with_a_key_put_there");
}

/// Where the CA and its user's docker are on one machine.
#[test]
fn a_renewal_brings_no_client_whose_key_is_not_in_the_home() {
    let installed = std::path::Path::new("/var/lib/dockpki-installed").exists();
    if !support::has(
        "a machine without dockpki",
        !(support::is_root() && installed),
    ) {
        return;
    }
    let home = accepted();
    let around = home.around().display();
    let typed =
        |line: &str| format!("HOME={around}/user XDG_STATE_HOME={around}/state dockpki {line}");
    let again = quietly(&home, &typed("renew --install --yes"));
    assert!(!again.stderr.contains("laptop"), "{again:#?}");
    done(
        &home,
        &typed("renew laptop --force --install --yes"),
        "renew_and_bring",
    );
}

#[test]
fn a_client_that_was_accepted_is_told_of_in_a_rollover() {
    let home = accepted();
    quietly(&home, &at_ca("ca roll start --yes"));
    shown(&home, &at_ca("ca roll status"), "roll_status");
    quietly(&home, &at_ca("ca roll issue laptop"));
    refused(&home, &at_ca("ca roll finish"), "roll_finish");
    let ran = quietly(&home, &on_laptop(&home, "client request phone"));
    fs::write(home.around().join("phone.csr"), ran.stdout).unwrap();
    done(
        &home,
        &at_ca("client sign phone.csr --yes"),
        "sign_in_a_rollover",
    );
    let line = on_laptop(&home, "client accept phone.reply.pem");
    let old = ca_codes(&home)[1];
    // One of two is known here already; the new one must be vouched for.
    let other = "0000-0000-0000-0000";
    refused(
        &home,
        &format!("{line} --expect {other}"),
        "accept_in_a_rollover_of_another_ca",
    );
    refused(
        &home,
        &format!("{line} --expect {old}"),
        "accept_in_a_rollover_by_the_old_ca_alone",
    );
    shown(&home, &format!("{line} --dry-run"), "accept_in_a_rollover");
}

fn ca_codes(home: &TestHome) -> Vec<VerifyCode> {
    let ca = fs::read(home.path().join("ca.pem")).unwrap();
    let ders = dockpki::pki::certificates_from_pem(&ca).unwrap();
    let all = ders
        .iter()
        .map(|der| dockpki::pki::Certificate::from_der(der).unwrap());
    all.map(|ca| VerifyCode::of(&ca.public_key)).collect()
}

//! What a user sees of `client refresh`, held against the goldens in `tests/cli/refresh`, and what
//! becomes of every copy.
//!
//! After a change of words: `SNAPSHOTS=overwrite cargo test --test cli_refresh`, then read the diff.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use dockpki::pki::{Certificate, VerifyCode, certificates_from_pem};
use support::by_hand::*;
use support::golden::goldens_of;
use support::{TestHome, snapshot};

goldens_of!("refresh", "cli_refresh.rs");

const REFRESH: &str = "dockpki client refresh bundle --yes";

/// A laptop: the client in `~/.docker`, in a context by dockpki, in one by hand and in another
/// directory, each with its three files.
fn laptop() -> (TestHome, [PathBuf; 4]) {
    let home = TestHome::with_ca(&[]);
    quietly(
        &home,
        "dockpki install client alice --yes --host tcp://web.example.com:2376",
    );
    let around = home.around().display();
    quietly(
        &home,
        &format!("dockpki install client alice --yes --docker-config {around}/elsewhere"),
    );
    let docker = home.around().join(".docker");
    let tls = |name: &str| {
        let id = dockpki::pki::sha256_hex(name.as_bytes());
        docker.join("contexts/tls").join(id).join("docker")
    };
    context_by_hand(&home, "by-hand", "tcp://h:2376");
    let copies = [
        docker.clone(),
        tls("web.example.com"),
        tls("by-hand"),
        home.around().join("elsewhere"),
    ];
    (home, copies)
}

/// A docker context as `docker context create` makes it, with alice's files.
fn context_by_hand(home: &TestHome, name: &str, host: &str) {
    let id = dockpki::pki::sha256_hex(name.as_bytes());
    let contexts = home.around().join(".docker/contexts");
    let meta = contexts.join("meta").join(&id);
    let tls = contexts.join("tls").join(&id).join("docker");
    fs::create_dir_all(&meta).unwrap();
    fs::create_dir_all(&tls).unwrap();
    let json = format!(
        r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#
    );
    fs::write(meta.join("meta.json"), json).unwrap();
    for file in FILES {
        let content = fs::read(home.path().join("clients/alice").join(file)).unwrap();
        write(&tls.join(file), 0o600, content);
    }
}

const FILES: [&str; 3] = ["ca.pem", "cert.pem", "key.pem"];

fn files(directory: &Path) -> [Vec<u8>; 3] {
    FILES.map(|file| fs::read(directory.join(file)).unwrap())
}

/// Gives alice a certificate that begins later than the one there is, and puts it into `bundle`.
fn renewed(home: &TestHome) -> [Vec<u8>; 3] {
    quietly(home, "dockpki renew alice --force");
    bundled(home)
}

fn bundled(home: &TestHome) -> [Vec<u8>; 3] {
    let bundle = home.around().join("bundle");
    let _ = fs::remove_dir_all(&bundle);
    fs::create_dir(&bundle).unwrap();
    for file in FILES {
        let from = home.path().join("clients/alice").join(file);
        fs::copy(from, bundle.join(file)).unwrap();
    }
    files(&bundle)
}

#[test]
fn a_broken_copy_that_is_nobodys_is_told() {
    let (home, copies) = laptop();
    let by_hand = &copies[2];
    let bundle = renewed(&home);
    write(&by_hand.join("cert.pem"), 0o600, b"");
    let before = files(by_hand);
    let ran = quietly(&home, REFRESH);
    ran.says(
        "note: the docker context by-hand is left: its certificate cannot be read, and no record",
    );
    assert_eq!(files(by_hand), before);
    assert_eq!(files(&copies[0]), bundle);
    shown(&home, REFRESH, "current_but_for_a_broken_copy");
    // The contexts are in the first.
    for copy in [&copies[0], &copies[3]] {
        fs::remove_dir_all(copy).unwrap();
    }
    context_by_hand(&home, "by-hand", "tcp://h:2376");
    write(&by_hand.join("cert.pem"), 0o600, b"");
    refused(&home, REFRESH, "refuses_a_broken_copy_alone");
}

#[test]
fn every_copy_gets_what_was_handed_out_anew() {
    let (home, copies) = laptop();
    let old = files(&copies[0]);
    let new = renewed(&home);
    assert!(old != new);
    shown(&home, &format!("{REFRESH} --dry-run"), "as_dry_run");
    refused(&home, "dockpki client refresh bundle", "without_consent");
    done(&home, REFRESH, "every_copy");
    for copy in &copies {
        assert!(files(copy) == new, "{}", copy.display());
        let names = fs::read_dir(copy).unwrap().count();
        // docker warns of whatever else lies in a context.
        let is_context = copy.ends_with("docker");
        assert!(!is_context || names == 3, "{}", copy.display());
    }
    shown(&home, REFRESH, "every_copy_again");
    quietly(&home, "dockpki undo --yes");
    for copy in &copies {
        assert!(files(copy) == old, "{}", copy.display());
    }
}

#[test]
fn told_as_json_and_not_at_all() {
    let (home, _) = laptop();
    renewed(&home);
    shown(
        &home,
        &format!("{REFRESH} --dry-run --output json"),
        "as_dry_run_as_json",
    );
    done(&home, &format!("{REFRESH} --output json"), "as_json");
    shown(&home, &format!("{REFRESH} --output json"), "again_as_json");
    renewed(&home);
    done(&home, &format!("{REFRESH} --quiet"), "quiet");
}

#[test]
fn a_reply_goes_with_the_key_that_is_there() {
    let (home, copies) = laptop();
    quietly(&home, "dockpki renew alice --force --reuse-key");
    let new = bundled(&home);
    let reply = [b"> hello\n".as_slice(), &new[1], &new[0]].concat();
    fs::write(home.around().join("reply.pem"), reply).unwrap();
    done(
        &home,
        "dockpki client refresh reply.pem --yes",
        "by_a_reply",
    );
    for copy in &copies {
        assert!(files(copy) == new, "{}", copy.display());
    }
    // With another key it is nobody's here.
    let new = renewed(&home);
    let reply = [new[1].as_slice(), &new[0]].concat();
    fs::write(home.around().join("reply.pem"), reply).unwrap();
    refused(
        &home,
        "dockpki client refresh reply.pem --yes",
        "by_a_reply_for_another_key",
    );
}

#[test]
fn what_comes_late_takes_nothing_newer_away() {
    let (home, _) = laptop();
    let ca = ca_of(&home);
    bundled(&home);
    let path = home.path().join("clients/alice/cert.pem");
    let mut validity = Certificate::from_pem(&fs::read(path).unwrap())
        .unwrap()
        .validity;
    validity.not_before += time::Duration::minutes(1);
    put_client(&home, &ca, "alice", validity);
    quietly(&home, "dockpki install client alice --yes");
    // ~/.docker is newer, the others are the same.
    shown(&home, REFRESH, "older_than_one_copy");
    let around = home.around().display();
    for place in [
        "--context web.example.com".to_owned(),
        "--context by-hand".to_owned(),
        format!("--docker-config {around}/elsewhere"),
    ] {
        quietly(
            &home,
            &format!("dockpki install client alice --yes {place}"),
        );
    }
    refused(&home, REFRESH, "older_than_every_copy");
    let before = files(&home.around().join(".docker"));
    refused(
        &home,
        "dockpki client accept bundle --yes",
        "accept_of_an_older_bundle",
    );
    refused(
        &home,
        "dockpki client accept bundle --yes --context by-hand",
        "accept_of_an_older_bundle_for_a_context",
    );
    assert!(files(&home.around().join(".docker")) == before);
}

#[test]
fn another_homes_client_of_the_name_is_left() {
    let (home, copies) = laptop();
    let other = TestHome::with_ca(&[]);
    let theirs = other.path().join("clients/alice");
    for file in FILES {
        fs::copy(theirs.join(file), copies[2].join(file)).unwrap();
    }
    let new = renewed(&home);
    quietly(&home, REFRESH);
    assert!(files(&copies[2]) == files(&theirs));
    assert!(files(&copies[1]) == new);
    let bundle = home.around().join("bundle");
    fs::remove_dir_all(&bundle).unwrap();
    let stranger = TestHome::with_ca(&[]);
    fs::rename(stranger.path().join("clients/alice"), &bundle).unwrap();
    refused(&home, REFRESH, "of_a_client_that_is_not_here");
}

#[test]
fn a_context_without_tls_is_left() {
    let (home, _) = laptop();
    context_by_hand(&home, "by-ssh", "ssh://h");
    renewed(&home);
    done(&home, REFRESH, "with_a_context_by_ssh");
}

#[test]
fn a_copy_that_was_emptied_comes_back() {
    let (home, copies) = laptop();
    let new = renewed(&home);
    fs::remove_file(copies[0].join("cert.pem")).unwrap();
    fs::write(copies[3].join("cert.pem"), "noise").unwrap();
    quietly(&home, REFRESH);
    for copy in &copies {
        assert!(files(copy) == new, "{}", copy.display());
    }
}

#[test]
fn a_new_ca_is_asked_about_by_its_code() {
    let (home, copies) = laptop();
    quietly(&home, "dockpki ca roll start --yes");
    let both = bundled(&home);
    refused(
        &home,
        "dockpki client refresh bundle",
        "of_a_new_ca_without_consent",
    );
    let line = "dockpki client refresh bundle --expect 0000-0000-0000-0000";
    refused(&home, line, "of_a_new_ca_with_another_code");
    let all = certificates_from_pem(&fs::read(home.path().join("ca.pem")).unwrap()).unwrap();
    let ca = Certificate::from_der(&all[0]).unwrap();
    let code = VerifyCode::of(&ca.public_key);
    let line = format!("dockpki client refresh bundle --expect {code}");
    done(&home, &line, "of_a_new_ca");
    for copy in &copies {
        assert!(files(copy) == both, "{}", copy.display());
    }
    quietly(&home, "dockpki ca roll issue");
    let new = bundled(&home);
    quietly(&home, REFRESH);
    assert!(files(&copies[1]) == new);
}

/// Servers may have certificates of the newer CA already.
#[test]
fn a_bundle_from_before_a_rollover_takes_no_ca_away() {
    let (home, copies) = laptop();
    let old = bundled(&home);
    let code = home.ca_code();
    quietly(&home, "dockpki ca roll start --yes");
    fs::rename(home.around().join("bundle"), home.around().join("late")).unwrap();
    let both = bundled(&home);
    let all = certificates_from_pem(&fs::read(home.path().join("ca.pem")).unwrap()).unwrap();
    let new = VerifyCode::of(&Certificate::from_der(&all[0]).unwrap().public_key);
    quietly(
        &home,
        &format!("dockpki client refresh bundle --expect {new}"),
    );
    let line = "dockpki client refresh late";
    refused(&home, &format!("{line} --yes"), "from_before_a_rollover");
    refused(
        &home,
        &format!("{line} --expect {code} --expect {new}"),
        "from_before_a_rollover_that_both_are_expected_in",
    );
    refused(
        &home,
        "dockpki client accept late --yes",
        "accept_from_before_a_rollover",
    );
    for copy in &copies {
        assert!(files(copy) == both, "{}", copy.display());
    }
    // As after `ca roll undo`.
    quietly(&home, &format!("{line} --expect {code}"));
    for copy in &copies {
        assert!(files(copy) == old, "{}", copy.display());
    }
}

#[test]
fn what_is_no_bundle_is_refused() {
    let (home, _) = laptop();
    refused(&home, "dockpki client refresh nothing", "of_no_file");
    fs::write(home.around().join("noise"), [0xff; 600]).unwrap();
    refused(&home, "dockpki client refresh noise", "of_noise");
    let age = "-----BEGIN AGE ENCRYPTED FILE-----\n";
    fs::write(home.around().join("alice.age"), age).unwrap();
    refused(
        &home,
        "dockpki client refresh alice.age",
        "of_what_is_encrypted",
    );
    fs::create_dir(home.around().join("empty")).unwrap();
    refused(
        &home,
        "dockpki client refresh empty",
        "of_an_empty_directory",
    );
}

#[test]
fn accept_takes_a_bundle_with_its_key_too() {
    let home = TestHome::with_ca(&[]);
    let files_of_bundle = bundled(&home);
    let code = home.ca_code();
    let line =
        format!("dockpki client accept bundle --expect {code} --host tcp://web.example.com:2376");
    done(&home, &line, "accept_a_bundle");
    assert!(files(&home.around().join(".docker")) == files_of_bundle);
    // A form that says which daemon it is for, is accepted for that one.
    let export = "dockpki client export alice --as env --host tcp://db.example.com:2376";
    quietly(&home, export);
    done(
        &home,
        "dockpki client accept alice.env --yes",
        "accept_for_a_host",
    );
    let id = dockpki::pki::sha256_hex(b"db.example.com");
    let context = home.around().join(".docker/contexts/tls").join(id);
    assert!(files(&context.join("docker")) == files_of_bundle);
    // What was handed over is the user's to keep or to destroy.
    let before = snapshot(&home.around().join("bundle"));
    assert_eq!(before.len(), 3);
}

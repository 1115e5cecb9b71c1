//! What a user sees of `ca roll`, held against the goldens in `tests/cli/roll`, and what it leaves
//! in the home.
//!
//! After a change of words: `SNAPSHOTS=overwrite cargo test --test cli_roll`, then read the diff.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use dockpki::pki::{Certificate, Serial};
use dockpki::plan::layout::PairKind;
use dockpki::plan::ledger::Entry;
use dockpki::plan::trust::Trust;
use support::by_hand::*;
use support::golden::goldens_of;
use support::{TestHome, snapshot};
use time::macros::datetime;

goldens_of!("roll", "cli_roll.rs");

#[track_caller]
fn nothing_found(home: &TestHome) {
    let verified = home.run(["verify"]).succeeds();
    assert!(verified.stdout.contains("nothing found"), "{verified:#?}");
}

/// A home with a rollover under way: the server `localhost`, the client `alice`.
fn rolling() -> TestHome {
    let home = TestHome::with_ca(&[]);
    home.run(["ca", "roll", "start"]).succeeds();
    home
}

fn trust(home: &TestHome) -> Trust {
    Trust::from_pem(&fs::read(home.path().join("ca.pem")).unwrap()).unwrap()
}

fn certificate(home: &TestHome, kind: PairKind, name: &str) -> Certificate {
    let path = pair_path(home, kind, name).join(kind.certificate_file());
    Certificate::from_pem(&fs::read(path).unwrap()).unwrap()
}

/// Records that what a pair holds now was handed out, with the CAs that are trusted now.
fn hand_out(home: &TestHome, kind: PairKind, name: &str, to: &str) {
    let trusts: Vec<Serial> = trust(home).all().map(|ca| ca.serial.clone()).collect();
    let entry = Entry::handed_out(
        kind.purpose(),
        name,
        &certificate(home, kind, name),
        &trusts,
        to.into(),
        datetime!(2026-11-24 08:00 UTC),
    );
    append(home, &entry);
}

fn hand_out_all(home: &TestHome) {
    hand_out(
        home,
        PairKind::Server,
        "localhost",
        "/etc/docker/CA on web-1",
    );
    hand_out(
        home,
        PairKind::Client,
        "alice",
        "/home/alice/.docker on laptop",
    );
}

#[test]
fn start_makes_the_next_ca() {
    let home = TestHome::with_ca(&[]);
    let old = trust(&home).ca;
    let old_key = fs::read(home.path().join("ca-key.pem")).unwrap();
    shown(&home, "dockpki ca roll start --dry-run", "start_as_dry_run");
    done(&home, "dockpki ca roll start", "start");
    let now = trust(&home);
    assert_eq!(now.old.as_ref(), Some(&old));
    assert_ne!(now.ca.public_key, old.public_key);
    let archived = home.path().join(format!("archive/{}", old.serial));
    assert_eq!(fs::read(archived.join("ca-key.pem")).unwrap(), old_key);
    for copy in ["servers/localhost/ca.pem", "clients/alice/ca.pem"] {
        assert_eq!(
            fs::read(home.path().join(copy)).unwrap(),
            now.pem().as_bytes()
        );
    }
    shown(&home, "dockpki verify", "verify_under_way");
    shown(&home, "dockpki list", "list_under_way");
    shown(&home, "dockpki ca show", "ca_show_under_way");
    shown(
        &home,
        "dockpki ca show --output json",
        "ca_show_under_way_as_json",
    );
    refused(&home, "dockpki ca roll start", "start_twice");
    // What is made from now on is of the new one, and trusts both.
    home.run(["client", "issue", "bob"]).succeeds();
    let bob = certificate(&home, PairKind::Client, "bob");
    assert_eq!(now.issuer_of(&bob), Some(&now.ca));
    nothing_found(&home);
}

#[test]
fn start_says_what_it_did_in_other_forms() {
    let home = TestHome::with_ca(&[]);
    done(
        &home,
        "dockpki ca roll start --output json",
        "start_as_json",
    );
    let home = TestHome::with_ca(&[]);
    done(&home, "dockpki ca roll start --quiet", "start_quiet");
    let home = TestHome::with_ca(&[]);
    done(
        &home,
        "dockpki ca roll start --key-type ed25519 --valid-for 5y",
        "start_with_another_kind_of_key",
    );
}

#[test]
fn start_refuses_where_it_cannot() {
    refused(
        &TestHome::new(),
        "dockpki ca roll start",
        "start_without_ca",
    );
    let home = home_with_ca_of(days(10, 3660));
    refused(&home, "dockpki ca roll start", "start_before_the_ca");
    let home = TestHome::with_ca(&[]);
    set_mode(&home.path().join("ca-key.pem"), 0o444);
    refused(&home, "dockpki ca roll start", "start_with_an_open_key");
}

#[test]
fn what_is_no_pair_keeps_nobody_from_rolling_over() {
    let home = TestHome::with_ca(&[]);
    let clients = home.path().join("clients");
    write(&clients.join("notes"), 0o644, "mine\n");
    symlink("nowhere", clients.join("gone")).unwrap();
    done(&home, "dockpki ca roll start", "start_beside_strays");
    assert_eq!(trust(&home).all().count(), 2);
    home.run(["ca", "roll", "issue", "alice", "localhost"])
        .succeeds();
    done(
        &home,
        "dockpki ca roll finish --yes",
        "finish_beside_strays",
    );
}

#[test]
fn a_pair_that_cannot_be_told_whom_to_trust_is_named() {
    let home = TestHome::with_ca(&[]);
    let ca = pair_path(&home, PairKind::Client, "alice").join("ca.pem");
    fs::remove_file(&ca).unwrap();
    fs::create_dir(&ca).unwrap();
    let line = "dockpki ca roll start";
    refused(&home, line, "start_with_a_directory_in_place_of_a_ca");
    let line = "dockpki verify";
    refused(&home, line, "verify_finds_a_directory_in_place_of_a_ca");
    // As printed.
    let verified = home.run(["verify"]).fails(1).stdout;
    let mend = verified.lines().find(|it| it.starts_with("    ")).unwrap();
    let mended = Command::new("sh").args(["-c", mend]).status().unwrap();
    assert!(mended.success());
    home.run(["ca", "roll", "start"]).succeeds();
    nothing_found(&home);
}

#[test]
fn an_expired_ca_is_rolled_over() {
    let home = home_with_ca_of(days(-4000, -10));
    refused(
        &home,
        "dockpki client issue alice",
        "issue_under_an_expired_ca",
    );
    home.run(["ca", "roll", "start"]).succeeds();
    home.run(["client", "issue", "alice"]).succeeds();
    home.run(["ca", "roll", "finish", "--yes"]).succeeds();
    refused(
        &home,
        "dockpki ca roll status --nonsense",
        "status_with_nonsense",
    );
    home.run(["verify"]).succeeds();
    home.run(["ca", "roll", "undo"]).succeeds();
    refused(&home, "dockpki ca roll undo", "undo_to_an_expired_ca");
}

#[test]
fn a_lost_key_is_rolled_over() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join("ca-key.pem")).unwrap();
    let line = "dockpki ca roll start";
    refused(&home, line, "start_without_the_old_key_unasked");
    let line = "dockpki ca roll start --yes";
    done(&home, line, "start_without_the_old_key");
    nothing_found(&home);
    refused(&home, "dockpki ca roll undo", "undo_without_the_old_key");
}

#[test]
fn a_passphrase_is_carried_over() {
    let home = home_with_passphrase();
    refused(
        &home,
        "dockpki ca roll start",
        "start_without_the_passphrase",
    );
    let start = "dockpki ca roll start --passphrase-file secret";
    done(&home, start, "start_with_the_passphrase");
    let issue = ["ca", "roll", "issue", "--passphrase-file"];
    let issue = issue.map(str::to_owned).into_iter();
    let file = home.around().join("secret").display().to_string();
    home.run(issue.chain([file])).succeeds();
    nothing_found(&home);
}

#[test]
fn a_constraint_is_carried_over() {
    let home = TestHome::with_ca(&["--constrain"]);
    let old = trust(&home).ca.name_constraints;
    assert!(old.is_some());
    home.run(["ca", "roll", "start"]).succeeds();
    assert_eq!(trust(&home).ca.name_constraints, old);
    home.run(["ca", "roll", "issue"]).succeeds();
    nothing_found(&home);
}

#[test]
fn status_tells_who_has_come_how_far() {
    let home = TestHome::with_ca(&[]);
    shown(&home, "dockpki ca roll status", "status_of_none");
    shown(
        &home,
        "dockpki ca roll status --output json",
        "status_of_none_as_json",
    );
    hand_out(
        &home,
        PairKind::Client,
        "alice",
        "/home/alice/.docker on old-laptop",
    );
    home.run(["ca", "roll", "start"]).succeeds();
    shown(&home, "dockpki ca roll status", "status_after_start");
    hand_out(
        &home,
        PairKind::Client,
        "alice",
        "/home/alice/.docker on old-laptop",
    );
    hand_out_all(&home);
    shown(
        &home,
        "dockpki ca roll status",
        "status_when_all_trust_both",
    );
    home.run(["ca", "roll", "issue"]).succeeds();
    hand_out_all(&home);
    shown(
        &home,
        "dockpki ca roll status",
        "status_with_an_old_copy_out",
    );
    shown(
        &home,
        "dockpki ca roll status --output json",
        "status_with_an_old_copy_out_as_json",
    );
    refused(
        &home,
        "dockpki ca roll finish",
        "finish_with_an_old_copy_out",
    );
    hand_out(
        &home,
        PairKind::Client,
        "alice",
        "/home/alice/.docker on old-laptop",
    );
    shown(&home, "dockpki ca roll status", "status_when_all_is_done");
    done(&home, "dockpki ca roll finish", "finish");
    nothing_found(&home);
}

#[test]
fn issue_goes_over_what_is_of_the_old_ca_alone() {
    let home = rolling();
    home.run(["client", "issue", "bob"]).succeeds();
    let bob = certificate(&home, PairKind::Client, "bob");
    let alice = certificate(&home, PairKind::Client, "alice");
    shown(&home, "dockpki ca roll issue --dry-run", "issue_as_dry_run");
    done(&home, "dockpki ca roll issue alice", "issue_one");
    let now = certificate(&home, PairKind::Client, "alice");
    assert_eq!(trust(&home).issuer_of(&now), Some(&trust(&home).ca));
    assert_ne!(now.serial, alice.serial);
    assert_eq!(certificate(&home, PairKind::Client, "bob"), bob);
    done(&home, "dockpki ca roll issue", "issue_the_rest");
    shown(&home, "dockpki ca roll issue", "issue_nothing");
    let json = "dockpki ca roll issue --output json";
    shown(&home, json, "issue_nothing_as_json");
    nothing_found(&home);
    let none = TestHome::with_ca(&[]);
    refused(&none, "dockpki ca roll issue", "issue_without_a_rollover");
}

#[test]
fn whatever_moves_a_pair_too_early_warns() {
    let home = rolling();
    home.run(["client", "issue", "root"]).succeeds();
    let dry = "dockpki server issue web --san web --dry-run";
    shown(&home, dry, "server_issue_too_early_as_dry_run");
    let server = "dockpki server issue web --san web";
    let json = "dockpki client issue early --output json";
    let dry = format!("{json} --dry-run");
    shown(&home, &dry, "client_issue_too_early_as_dry_run_as_json");
    done(&home, json, "client_issue_too_early_as_json");
    done(&home, server, "server_issue_too_early");
    done(&home, "dockpki client issue bob", "client_issue_too_early");
    let renew = "dockpki renew --force localhost alice";
    done(&home, renew, "renew_too_early");
    done(
        &home,
        "dockpki renew --force alice root --output json",
        "renew_too_early_as_json",
    );
}

#[test]
fn nothing_warns_of_whoever_trusts_both() {
    let home = rolling();
    hand_out_all(&home);
    let ran = home.run(["client", "issue", "bob"]).succeeds();
    assert!(!ran.stderr.contains("warning"), "{ran:#?}");
    let ran = home.run(["ca", "roll", "issue", "localhost"]).succeeds();
    assert!(!ran.stderr.contains("warning"), "{ran:#?}");
}

#[test]
fn finish_refuses_while_somebody_would_be_locked_out() {
    let home = rolling();
    refused(&home, "dockpki ca roll finish", "finish_too_early");
    home.run(["ca", "roll", "issue"]).succeeds();
    refused(&home, "dockpki ca roll finish", "finish_without_terminal");
    shown(
        &home,
        "dockpki ca roll finish --dry-run",
        "finish_as_dry_run",
    );
    done(&home, "dockpki ca roll finish --yes", "finish_agreed_to");
    nothing_found(&home);
    refused(&home, "dockpki ca roll finish", "finish_twice");
}

#[test]
fn who_was_locked_out_is_renewed() {
    let home = rolling();
    home.run(["ca", "roll", "finish", "--yes", "--force"])
        .succeeds();
    refused(&home, "dockpki verify", "verify_finds_a_ca_that_is_dropped");
    shown(&home, "dockpki list", "list_of_who_is_locked_out");
    shown(
        &home,
        "dockpki list --clients",
        "list_of_clients_that_are_locked_out",
    );
    done(
        &home,
        "dockpki renew clients/alice --force",
        "renew_of_who_is_locked_out",
    );
    for pair in ["servers/localhost", "clients/alice"] {
        home.run(["renew", "--force", pair]).succeeds();
    }
    nothing_found(&home);
}

#[test]
fn finish_names_what_is_valid_without_files() {
    let home = TestHome::with_ca(&[]);
    home.run(["client", "issue", "gone"]).succeeds();
    fs::remove_dir_all(pair_path(&home, PairKind::Client, "gone")).unwrap();
    home.run(["ca", "roll", "start"]).succeeds();
    home.run(["ca", "roll", "issue"]).succeeds();
    shown(&home, "dockpki ca roll status", "status_without_files");
    refused(
        &home,
        "dockpki ca roll finish --yes",
        "finish_without_files",
    );
    let dry = "dockpki ca roll finish --force --dry-run --output json";
    shown(&home, dry, "finish_by_force_as_dry_run_as_json");
    let json = "dockpki ca roll finish --force --output json";
    done(&home, json, "finish_by_force_as_json");
    home.run(["ca", "roll", "undo"]).succeeds();
    done(&home, "dockpki ca roll finish --force", "finish_by_force");
}

#[test]
fn undo_after_start_brings_back_every_octet() {
    let home = TestHome::with_ca(&[]);
    let files = || {
        let all = snapshot(&home.path()).into_iter();
        let ours = all.filter(|(path, ..)| {
            let relative = path.strip_prefix(home.path()).unwrap();
            !relative.starts_with("archive") && !relative.starts_with("issued.jsonl")
        });
        Vec::from_iter(ours.filter(|(path, ..)| !path.ends_with(".lock")))
    };
    let before = files();
    home.run(["ca", "roll", "start"]).succeeds();
    assert!(before != files());
    shown(&home, "dockpki ca roll undo --dry-run", "undo_as_dry_run");
    done(&home, "dockpki ca roll undo", "undo_of_start");
    assert!(before == files(), "undo left something");
    refused(&home, "dockpki ca roll finish", "finish_after_undo");
    refused(&home, "dockpki ca roll undo", "undo_twice");
    // And again, with another CA.
    home.run(["ca", "roll", "start"]).succeeds();
    nothing_found(&home);
}

#[test]
fn undo_turns_a_rollover_round() {
    let home = rolling();
    let new = trust(&home).ca;
    home.run(["ca", "roll", "issue"]).succeeds();
    done(&home, "dockpki ca roll undo", "undo_after_issue");
    assert_eq!(trust(&home).old.as_ref(), Some(&new));
    nothing_found(&home);
    refused(&home, "dockpki ca roll finish", "finish_on_the_way_back");
    home.run(["ca", "roll", "issue"]).succeeds();
    home.run(["ca", "roll", "finish", "--yes"]).succeeds();
    nothing_found(&home);
    done(
        &home,
        "dockpki ca roll undo --output json",
        "undo_of_finish_as_json",
    );
    let none = TestHome::with_ca(&[]);
    refused(&none, "dockpki ca roll undo", "undo_of_nothing");
}

#[test]
fn undo_twice_is_as_if_nothing_had_been() {
    let home = rolling();
    home.run(["ca", "roll", "issue"]).succeeds();
    let before = trust(&home);
    // Nothing was handed out, as far as the ledger knows: nobody is given up for that.
    home.run(["ca", "roll", "undo"]).succeeds();
    home.run(["ca", "roll", "issue"]).succeeds();
    home.run(["ca", "roll", "undo"]).succeeds();
    assert_eq!(trust(&home), before);
    nothing_found(&home);
}

#[test]
fn a_part_of_a_home_is_not_rolled_over() {
    let home = rolling();
    fs::remove_file(home.path().join("ca-key.pem")).unwrap();
    fs::remove_file(home.path().join("issued.jsonl")).unwrap();
    refused(&home, "dockpki ca roll finish --yes", "finish_of_a_part");
    refused(&home, "dockpki ca roll undo", "undo_of_a_part");
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join("ca-key.pem")).unwrap();
    fs::remove_file(home.path().join("issued.jsonl")).unwrap();
    refused(&home, "dockpki ca roll start --yes", "start_of_a_part");
}

#[test]
fn the_key_of_another_ca_does_not_go_to_the_archive() {
    let home = TestHome::with_ca(&[]);
    let other = fs::read(TestHome::with_ca(&[]).path().join("ca-key.pem")).unwrap();
    put_ca_key(&home, other);
    refused(
        &home,
        "dockpki ca roll start",
        "start_with_the_key_of_another",
    );
}

#[test]
fn an_open_key_beside_a_closed_one_is_told() {
    let home = TestHome::with_ca(&[]);
    secret(&home, "secret", "correct horse\n");
    let start = "dockpki ca roll start --passphrase-file secret";
    done(&home, start, "start_with_a_passphrase_from_now_on");
    secret(&home, "other", "other horse\n");
    let passwd = "dockpki ca passwd --passphrase-file secret --new-passphrase-file other";
    done(&home, passwd, "passwd_under_way");
    let dry = "dockpki ca roll undo --dry-run";
    shown(&home, dry, "undo_to_an_open_key_as_dry_run");
    done(&home, "dockpki ca roll undo", "undo_to_an_open_key");
    nothing_found(&home);
}

#[test]
fn what_has_expired_comes_along() {
    for (ca, client) in [
        (days(-1000, 2650), days(-30, -10)),
        (days(-4000, -10), days(-400, -35)),
    ] {
        let home = home_with_ca_of(ca);
        put_client(&home, &ca_of(&home), "expired", client);
        home.run(["ca", "roll", "start"]).succeeds();
        shown(
            &home,
            "dockpki ca roll status",
            "status_with_an_expired_client",
        );
        home.run(["ca", "roll", "issue"]).succeeds();
        nothing_found(&home);
        home.run(["ca", "roll", "finish", "--yes"]).succeeds();
        nothing_found(&home);
    }
}

#[test]
fn verify_finds_a_copy_that_is_behind() {
    let home = TestHome::with_ca(&[]);
    let before = fs::read(home.path().join("ca.pem")).unwrap();
    home.run(["ca", "roll", "start"]).succeeds();
    write(
        &pair_path(&home, PairKind::Client, "alice").join("ca.pem"),
        0o444,
        &before,
    );
    refused(
        &home,
        "dockpki verify",
        "verify_finds_a_copy_that_is_behind",
    );
}

/// What `ca roll status` says of where the server was handed out.
fn servers_hand_outs(home: &TestHome) -> Vec<(bool, bool)> {
    let status = ["ca", "roll", "status", "--output", "json"];
    let status = home.run(status).succeeds().stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let pairs = status["pairs"].as_array().unwrap();
    let server = pairs.iter().find(|pair| pair["kind"] == "server").unwrap();
    let hand_outs = server["hand_outs"].as_array().unwrap();
    let told = hand_outs.iter().map(|it| {
        let truth = |key: &str| it[key].as_bool().unwrap();
        (truth("trusts_both"), truth("current_certificate"))
    });
    told.collect()
}

#[test]
fn an_install_that_is_taken_back_is_no_hand_out() {
    let home = TestHome::with_ca(&[]);
    let prefix = home.around().join("prefix");
    fs::create_dir(&prefix).unwrap();
    let on_host = |command: &[&str]| {
        let at = ["--prefix", prefix.to_str().unwrap(), "--yes"];
        home.run(command.iter().chain(&at)).succeeds();
    };
    on_host(&["install", "server"]);
    home.run(["ca", "roll", "start"]).succeeds();
    assert_eq!(servers_hand_outs(&home), [(false, true)]);
    on_host(&["install", "server"]);
    assert_eq!(servers_hand_outs(&home), [(true, true)]);
    home.run(["ca", "roll", "issue"]).succeeds();
    assert_eq!(servers_hand_outs(&home), [(true, false)]);
    on_host(&["install", "server"]);
    assert_eq!(servers_hand_outs(&home), [(true, true)]);
    // What was there before is there again.
    on_host(&["undo"]);
    assert_eq!(servers_hand_outs(&home), [(true, false)]);
    on_host(&["undo"]);
    assert_eq!(servers_hand_outs(&home), [(false, false)]);
    let refusal = home.run(["ca", "roll", "finish", "--yes"]).fails(1);
    refusal.says("/prefix/etc/docker/CA on ");
    on_host(&["uninstall"]);
    assert_eq!(servers_hand_outs(&home), []);
}

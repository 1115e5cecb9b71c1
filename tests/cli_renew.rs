//! What a user sees of `renew`, held against the goldens in `tests/cli/renew`, and what it leaves
//! in the home.
//!
//! After a change of words: `SNAPSHOTS=overwrite cargo test --test cli_renew`, then read the diff.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use dockpki::pki::{Certificate, KeyType, Validity};
use dockpki::plan::layout::{self, PairKind};
use dockpki::plan::ledger::{Entry, Event};
use rcgen::SanType;
use support::by_hand::*;
use support::golden::{self, command, goldens_of};
use support::{Ran, TestHome};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

goldens_of!("renew", "cli_renew.rs");

/// A home whose CA is three years old, with the server `localhost` and the client `alice`, which
/// are new.
fn aged_home() -> TestHome {
    let home = home_with_ca_of(days(-1000, 2650));
    let server = [
        "server",
        "issue",
        "localhost",
        "--san",
        "localhost,127.0.0.1",
    ];
    home.run(server).succeeds();
    home.run(["client", "issue", "alice"]).succeeds();
    home
}

/// The same with a client `old` that is due.
fn home_with_due() -> TestHome {
    let home = aged_home();
    put_client(&home, &ca_of(&home), "old", days(-300, 65));
    home
}

fn certificate(home: &TestHome, kind: PairKind, name: &str) -> Certificate {
    let path = pair_path(home, kind, name).join(kind.certificate_file());
    Certificate::from_pem(&fs::read(path).unwrap()).unwrap()
}

fn client(home: &TestHome, name: &str) -> Certificate {
    certificate(home, PairKind::Client, name)
}

fn revoke(home: &TestHome, kind: PairKind, name: &str) {
    let certificate = certificate(home, kind, name);
    let now = OffsetDateTime::now_utc();
    let (purpose, print) = (kind.purpose(), certificate.fingerprint());
    let entry = Entry::issued(purpose, name, &certificate.serial, print, now, now);
    append(
        home,
        &Entry {
            event: Event::Revoked,
            ..entry
        },
    );
}

// ---- What is due

#[test]
fn nothing_due_tells_the_next() {
    let home = TestHome::with_ca(&[]);
    shown(&home, "dockpki renew", "nothing_due");
    shown(&home, "dockpki renew --output json", "nothing_due_as_json");
    shown(&home, "dockpki renew --quiet", "nothing_due_quiet");
    shown(&home, "dockpki renew --dry-run", "nothing_due_as_dry_run");
    shown(&home, "dockpki renew alice", "named_and_not_due");
    home.run(["client", "issue", "localhost"]).succeeds();
    shown(&home, "dockpki renew localhost", "two_named_and_not_due");
}

#[test]
fn another_key_for_one_that_is_not_due_is_told() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki renew alice --key-type ed25519 --valid-for 90d";
    shown(&home, line, "another_key_and_not_due");
    let json = format!("{line} --output json");
    shown(&home, &json, "another_key_and_not_due_as_json");
    // As printed.
    let line = "renew clients/alice --force --key-type ed25519 --valid-for 90d";
    home.run(line.split(' ')).succeeds();
    let key = client(&home, "alice").public_key.key_type();
    assert_eq!(key, Some(KeyType::Ed25519));
    // When it is due it has it.
    let all = home.run(["renew", "--key-type", "p256"]).succeeds();
    assert!(!all.stderr.contains("warning"), "{all:#?}");
}

#[test]
fn nothing_to_renew_in_a_home_with_a_ca_alone() {
    let home = home_with_ca_of(days(-1, 3650));
    shown(&home, "dockpki renew", "nothing_there");
}

#[test]
fn renews_what_is_due_and_nothing_else() {
    let home = home_with_due();
    let (old, alice) = (client(&home, "old"), client(&home, "alice"));
    shown(&home, "dockpki renew --dry-run", "due_as_dry_run");
    shown(
        &home,
        "dockpki renew --dry-run --output json",
        "due_as_dry_run_as_json",
    );
    done(&home, "dockpki renew", "due");
    let new = client(&home, "old");
    assert_ne!(new.serial, old.serial);
    assert_ne!(new.public_key, old.public_key);
    assert_eq!(new.common_name, old.common_name);
    assert_eq!(client(&home, "alice"), alice);
    let archived = home.path().join(layout::archived(&old.serial));
    let kept = Certificate::from_pem(&fs::read(archived.join("cert.pem")).unwrap()).unwrap();
    assert_eq!(kept, old);
    home.run(["verify"]).succeeds();
    shown(&home, "dockpki renew", "due_again");
}

#[test]
fn renews_within_a_span_an_expired_one_and_by_force() {
    let home = aged_home();
    put_client(&home, &ca_of(&home), "soon", days(-10, 29));
    put_client(&home, &ca_of(&home), "gone", days(-400, -35));
    done(&home, "dockpki renew --within 30d", "within");
    done(
        &home,
        "dockpki renew --force --output json",
        "by_force_as_json",
    );
    done(
        &home,
        "dockpki renew alice --force --quiet",
        "by_force_quiet",
    );
    let line = "dockpki renew alice --force --output json --verbose";
    done(&home, line, "by_force_as_json_verbose");
    home.run(["verify"]).succeeds();
}

#[test]
fn tells_what_to_do_with_servers_and_clients() {
    let home = TestHome::with_ca(&[]);
    done(&home, "dockpki renew --force", "server_and_client");
    let clients = ["b", "c", "d", "e"];
    home.run(["client", "issue"].iter().chain(&clients))
        .succeeds();
    done(&home, "dockpki renew --force", "many");
}

#[test]
fn one_that_ends_with_the_ca_is_told_of() {
    let home = home_with_ca_of(days(-300, 65));
    let ca = ca_of(&home);
    put_client(&home, &ca, "alice", ca.certificate().validity);
    shown(&home, "dockpki renew", "ends_with_the_ca");
    done(&home, "dockpki renew --force", "ends_with_the_ca_by_force");
}

// ---- What is carried over

#[test]
fn a_life_is_carried_over_to_the_second_or_chosen() {
    let home = TestHome::new();
    let init = [
        "init",
        "--san",
        "localhost",
        "--client",
        "alice",
        "--valid-for",
        "36h",
    ];
    home.run(init).succeeds();
    let life = |home: &TestHome| client(home, "alice").validity.duration();
    for _ in 0..3 {
        home.run(["renew", "--force"]).succeeds();
        assert_eq!(life(&home), Duration::hours(37), "36 hours and one back");
    }
    home.run(["renew", "alice", "--force", "--valid-for", "90d"])
        .succeeds();
    assert_eq!(life(&home), Duration::days(90) + Duration::HOUR);
}

#[test]
fn keys_are_kept_or_chosen() {
    let home = TestHome::new();
    let init = [
        "init",
        "--san",
        "localhost",
        "--client",
        "alice",
        "--key-type",
        "ed25519",
    ];
    home.run(init).succeeds();
    let old = client(&home, "alice");
    shown(
        &home,
        "dockpki renew alice --force --reuse-key --dry-run",
        "reused_key_as_dry_run",
    );
    home.run(["renew", "alice", "--force", "--reuse-key"])
        .succeeds();
    let same = client(&home, "alice");
    assert_eq!(same.public_key, old.public_key);
    assert_ne!(same.serial, old.serial);
    home.run(["renew", "alice", "--force"]).succeeds();
    let new = client(&home, "alice");
    assert_ne!(new.public_key, old.public_key);
    assert_eq!(new.public_key.key_type(), Some(KeyType::Ed25519));
    home.run(["renew", "alice", "--force", "--key-type", "p384"])
        .succeeds();
    let chosen = client(&home, "alice").public_key.key_type();
    assert_eq!(chosen, Some(KeyType::P384));
    home.run(["verify"]).succeeds();
}

#[test]
fn sans_are_carried_over_replaced_or_added() {
    let home = TestHome::with_ca(&[]);
    home.run(["client", "issue", "localhost"]).succeeds();
    let sans = || {
        let server = certificate(&home, PairKind::Server, "localhost");
        let sans = server.sans.iter().map(ToString::to_string);
        Vec::from_iter(sans).join(",")
    };
    home.run(["renew", "servers/localhost", "--force"])
        .succeeds();
    assert_eq!(sans(), "localhost,127.0.0.1");
    let line = "dockpki renew servers/localhost --add-san web-1,localhost --add-san ::1";
    done(&home, line, "added_sans");
    assert_eq!(sans(), "localhost,127.0.0.1,web-1,::1");
    shown(&home, line, "added_sans_again");
    let line = "dockpki renew servers/localhost --san web-2";
    done(&home, line, "replaced_sans");
    assert_eq!(sans(), "web-2");
    let line = "dockpki renew localhost --san web-3";
    refused(&home, line, "refuses_sans_of_a_server_and_a_client");
    let line = "dockpki renew alice --add-san web-3";
    refused(&home, line, "refuses_sans_of_a_client");
    home.run(["client", "issue", "b", "c", "d"]).succeeds();
    refused(&home, "dockpki renew --san web-3", "refuses_sans_of_all");
    home.run(["verify"]).succeeds();
}

#[test]
fn refuses_sans_where_there_is_nobody() {
    let home = home_with_ca_of(days(-1, 3650));
    refused(&home, "dockpki renew --san web", "refuses_sans_of_nobody");
}

#[test]
fn refuses_sans_outside_the_constraints() {
    let home = TestHome::with_ca(&["--constrain"]);
    let line = "dockpki renew localhost --add-san web.example.com";
    refused(&home, line, "refuses_sans_outside_the_constraints");
}

// ---- Passphrases

#[test]
fn asks_for_no_passphrase_if_nothing_is_due() {
    let home = home_with_passphrase();
    shown(&home, "dockpki renew", "nothing_due_with_passphrase");
    let line = "dockpki renew --passphrase-file nowhere";
    shown(&home, line, "nothing_due_with_passphrase_file");
    let line = "dockpki renew --force";
    refused(&home, line, "refuses_to_ask_without_terminal");
    let line = "dockpki renew --force --passphrase-file secret --quiet";
    done(&home, line, "with_passphrase_file");
    home.run(["verify"]).succeeds();
}

// ---- Hooks

#[test]
fn a_hook_runs_if_something_was_renewed() {
    let home = home_with_due();
    let line = "dockpki renew alice --deploy-hook 'touch ran'";
    shown(&home, line, "hook_without_change");
    let line = "dockpki renew --deploy-hook 'echo \"$DOCKPKI_RENEWED_NAMES\" > names; echo said'";
    done(&home, line, "hook");
    assert_eq!(
        fs::read_to_string(home.around().join("names")).unwrap(),
        "old\n"
    );
    home.run(["client", "issue", "localhost"]).succeeds();
    done(
        &home,
        &line.replace("renew", "renew --force"),
        "hook_of_all",
    );
    let names = fs::read_to_string(home.around().join("names")).unwrap();
    assert_eq!(names, "alice localhost old\n");
    // The home is free again when it runs.
    let hook = format!(
        "{} list --output json > listed",
        env!("CARGO_BIN_EXE_dockpki")
    );
    let line = format!("dockpki renew alice --force --output json --deploy-hook '{hook}'");
    let ran = support::Ran::from(command(&home, &line).output().unwrap()).succeeds();
    assert!(ran.stdout.contains("\"deploy_hook\":\"done\""), "{ran:#?}");
    assert!(home.around().join("listed").metadata().unwrap().len() > 0);
}

#[test]
fn a_hook_that_fails_is_told_beside_what_was_renewed() {
    let home = TestHome::with_ca(&[]);
    let fails = |line: &str, name: &str| {
        let before = client(&home, "alice").serial;
        let ran = support::Ran::from(command(&home, line).output().unwrap());
        golden::compare(&home, line, &ran, &golden(name));
        ran.fails(3);
        assert_ne!(client(&home, "alice").serial, before);
        home.run(["verify"]).succeeds();
    };
    let line = "dockpki renew alice --force --deploy-hook";
    fails(&format!("{line} 'exit 4'"), "hook_fails");
    fails(
        &format!("{line} 'kill -9 $$' --quiet"),
        "hook_is_killed_quiet",
    );
    fails(&format!("{line} false --output json"), "hook_fails_as_json");
    let long = format!("{line} 'false {}'", "x".repeat(200));
    fails(&long, "hook_that_is_long_fails");
}

#[test]
fn refuses_more_names_than_a_hook_can_have() {
    let home = TestHome::in_memory();
    home.run(["init", "--san", "localhost", "--client", "alice"])
        .succeeds();
    let names = (0..2100).map(|number| format!("{number:064}"));
    let names = Vec::from_iter(names);
    let issue = ["client", "issue"].into_iter();
    home.run(issue.chain(names.iter().map(String::as_str)))
        .succeeds();
    let line = "dockpki renew --force --deploy-hook true";
    refused(&home, line, "refuses_more_names_than_a_hook_can_have");
}

// ---- Refusals

#[test]
fn refuses_arguments_nobody_understands() {
    let home = TestHome::new();
    for (line, name) in [
        (
            "dockpki renew --force --within 30d",
            "refuses_force_and_within",
        ),
        (
            "dockpki renew --reuse-key --key-type p256",
            "refuses_reuse_key_and_key_type",
        ),
        (
            "dockpki renew a --san x --add-san y",
            "refuses_san_and_add_san",
        ),
        ("dockpki renew --within 30", "refuses_span_without_unit"),
        ("dockpki renew servers/", "refuses_kind_without_name"),
        ("dockpki renew hosts/web", "refuses_unknown_kind"),
        ("dockpki renew", "refuses_a_home_without_ca"),
    ] {
        refused(&home, line, name);
    }
}

#[test]
fn refuses_names_that_are_not_there() {
    let home = TestHome::with_ca(&[]);
    refused(
        &home,
        "dockpki renew alice bob --force",
        "refuses_unknown_name",
    );
    let line = "dockpki renew servers/alice --force";
    refused(&home, line, "refuses_unknown_server");
}

#[test]
fn one_that_is_revoked_is_not_renewed() {
    let home = home_with_due();
    revoke(&home, PairKind::Client, "old");
    shown(&home, "dockpki renew", "revoked_among_all");
    refused(&home, "dockpki renew old", "refuses_one_that_is_revoked");
    refused(
        &home,
        "dockpki renew old --force",
        "refuses_one_that_is_revoked_by_force",
    );
}

#[test]
fn refuses_a_ca_that_is_out_of_its_time() {
    let home = home_with_ca_of(Validity {
        not_before: datetime!(2020-01-01 00:00 UTC),
        not_after: datetime!(2021-01-01 00:00 UTC),
    });
    refused(&home, "dockpki renew", "refuses_an_expired_ca");
    let home = home_with_ca_of(Validity {
        not_before: datetime!(2090-01-01 00:00 UTC),
        not_after: datetime!(2095-01-01 00:00 UTC),
    });
    refused(&home, "dockpki renew", "refuses_a_clock_before_the_ca");
}

#[test]
fn refuses_without_the_ca_key() {
    let home = home_with_due();
    fs::remove_file(home.path().join(layout::CA_KEY)).unwrap();
    refused(&home, "dockpki renew", "refuses_without_the_ca_key");
    shown(
        &home,
        "dockpki renew alice",
        "nothing_due_without_the_ca_key",
    );
}

#[test]
fn refuses_an_archive_that_has_the_serial_already() {
    let home = home_with_due();
    let serial = client(&home, "old").serial;
    let archived = home.path().join(layout::archived(&serial));
    fs::create_dir_all(&archived).unwrap();
    refused(
        &home,
        "dockpki renew",
        "refuses_an_archive_that_has_the_serial",
    );
}

#[test]
fn refuses_a_pair_that_is_a_link() {
    let home = home_with_due();
    let path = pair_path(&home, PairKind::Client, "old");
    fs::rename(&path, home.around().join("elsewhere")).unwrap();
    symlink(home.around().join("elsewhere"), &path).unwrap();
    let line = "dockpki renew";
    let ran = support::Ran::from(command(&home, line).output().unwrap());
    golden::compare(&home, line, &ran, &golden("refuses_a_pair_that_is_a_link"));
    ran.fails(1);
    assert!(path.is_symlink() && !home.path().join(layout::ARCHIVE).exists());
}

#[test]
fn a_pair_that_cannot_be_read_keeps_nobody_else_from_being_renewed() {
    let home = home_with_due();
    let path = pair_path(&home, PairKind::Client, "alice").join("cert.pem");
    cut(&path, 0o444);
    let server = pair_path(&home, PairKind::Server, "localhost");
    fs::remove_file(server.join("server-cert.pem")).unwrap();
    refused(
        &home,
        "dockpki renew alice old",
        "refuses_one_that_is_cut_short",
    );
    let dry = "dockpki renew --dry-run";
    refused(&home, dry, "problems_among_all_as_dry_run");
    let line = "dockpki renew";
    let ran = Ran::from(command(&home, line).output().unwrap()).fails(3);
    golden::compare(&home, line, &ran, &golden("problems_among_all"));
    // A timer whose unit never failed would hide that nobody renews them.
    refused(&home, line, "problems_and_nothing_due");
    refused(&home, "dockpki renew --quiet", "problems_quiet");
    let json = "dockpki renew --output json";
    refused(&home, json, "problems_and_nothing_due_as_json");
}

#[test]
fn refuses_what_cannot_be_carried_over() {
    let home = TestHome::with_ca(&[]);
    let ca = ca_of(&home);
    put_odd(
        &home,
        PairKind::Client,
        "bob",
        &ca,
        params_of_client("carol"),
    );
    let mut mail = params_of_server("mail", &["mail"]);
    let address = "root@example.com".try_into().unwrap();
    mail.subject_alt_names.push(SanType::Rfc822Name(address));
    put_odd(&home, PairKind::Server, "mail", &ca, mail);
    put_odd(
        &home,
        PairKind::Server,
        "bare",
        &ca,
        params_of_server("bare", &[]),
    );
    let twin = pair_path(&home, PairKind::Server, "twin");
    fs::create_dir(&twin).unwrap();
    for file in ["ca.pem", "server-cert.pem", "server-key.pem"] {
        let from = pair_path(&home, PairKind::Server, "localhost").join(file);
        fs::copy(from, twin.join(file)).unwrap();
    }
    fs::create_dir(pair_path(&home, PairKind::Client, "a b")).unwrap();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        let from = pair_path(&home, PairKind::Client, "alice").join(file);
        fs::copy(from, pair_path(&home, PairKind::Client, "a b").join(file)).unwrap();
    }
    let line = "dockpki renew --force";
    let ran = Ran::from(command(&home, line).output().unwrap()).fails(3);
    golden::compare(&home, line, &ran, &golden("what_cannot_be_carried_over"));
    for name in ["mail", "bare"] {
        home.run(["renew", name, "--force", "--san", "mail.example.com"])
            .succeeds();
    }
}

#[test]
fn refuses_a_key_it_cannot_keep() {
    let home = TestHome::with_ca(&[]);
    let path = pair_path(&home, PairKind::Client, "alice").join("key.pem");
    let line = "dockpki renew alice --force --reuse-key";
    set_mode(&path, 0o444);
    refused(&home, line, "refuses_to_keep_an_open_key");
    write(&path, 0o400, key().to_pem().unwrap().expose());
    refused(&home, line, "refuses_to_keep_the_key_of_another");
    cut(&path, 0o400);
    refused(&home, line, "refuses_to_keep_a_key_cut_short");
    fs::remove_file(&path).unwrap();
    refused(&home, line, "refuses_to_keep_a_key_that_is_gone");
    home.run(["renew", "alice", "--force"]).succeeds();
    home.run(["verify"]).succeeds();
}

#[test]
fn verify_judges_the_archive_as_ours() {
    let home = home_with_due();
    home.run(["renew"]).succeeds();
    let archive = home.path().join(layout::ARCHIVE);
    set_mode(&archive, 0o755);
    let ran = home.run(["verify"]).fails(1);
    assert!(ran.stdout.contains("archive"), "{ran:#?}");
    set_mode(&archive, 0o700);
    let left = archive.join(".07.0123456789abcdef");
    fs::create_dir(&left).unwrap();
    let ran = home.run(["verify"]).fails(1);
    assert!(ran.stdout.contains(left.to_str().unwrap()), "{ran:#?}");
}

#[test]
fn an_old_ledger_without_replacements_is_read() {
    let home = home_with_due();
    let old = client(&home, "old").serial;
    home.run(["renew"]).succeeds();
    let text = fs::read_to_string(home.path().join(layout::LEDGER)).unwrap();
    let lines = Vec::from_iter(text.lines());
    let (last, before) = lines.split_last().unwrap();
    assert!(last.contains(&format!("\"replaces\":\"{old}\"")), "{last}");
    assert!(before.iter().all(|line| !line.contains("replaces")));
}

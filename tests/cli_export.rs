//! What a user sees of `client export`, `list --clients` and `client remove`, held against the
//! goldens in `tests/cli/export`, and what these leave behind.
//!
//! After a change of words: `SNAPSHOTS=overwrite cargo test --test cli_export`, then read the diff.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use dockpki::plan::hand_outs::hand_outs;
use dockpki::plan::layout::PairKind;
use dockpki::plan::ledger::Event;
use support::by_hand::*;
use support::golden::{self, command, goldens_of};
use support::{Ran, TestHome};

goldens_of!("export", "cli_export.rs");

/// Anybody's: nobody has the other half.
const AGE: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const SSH: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

/// The forms of what was handed out, in order.
fn handed_out(home: &TestHome) -> Vec<String> {
    let entries = home.ledger().into_iter();
    let out = entries.filter(|entry| entry.event == Event::HandedOut);
    out.filter_map(|entry| entry.form).collect()
}

fn mode(home: &TestHome, path: &str) -> u32 {
    let metadata = home.around().join(path).symlink_metadata().unwrap();
    metadata.permissions().mode() & 0o7777
}

// ---- Each form

#[test]
fn a_directory_an_archive_a_context_and_variables() {
    let home = TestHome::with_ca(&[]);
    done(&home, "dockpki client export alice --as dir", "dir");
    done(&home, "dockpki client export alice --as tar", "tar");
    done(&home, "dockpki client export alice --as zip", "zip");
    let context = "dockpki client export alice --as context --host tcp://web-1.example.com";
    done(&home, context, "context");
    let env = "dockpki client export alice --as env --host tcp://web-1.example.com:2376";
    done(&home, env, "env");
    assert_eq!(handed_out(&home), ["dir", "tar", "zip", "context", "env"]);

    let file = |name: &str| fs::read(home.around().join(name)).unwrap();
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        let there = file(&format!("alice/{name}"));
        assert!(
            there == file(&format!("home/clients/alice/{name}")),
            "{name}"
        );
    }
    assert_eq!(mode(&home, "alice"), 0o700);
    assert_eq!(mode(&home, "alice/key.pem"), 0o400);
    assert_eq!(mode(&home, "alice/cert.pem"), 0o444);
    for name in ["tar.gz", "zip", "dockercontext", "env"] {
        assert_eq!(mode(&home, &format!("alice.{name}")), 0o600, "{name}");
    }
    let entry = home.ledger().pop().unwrap();
    assert_eq!(entry.host.as_deref(), Some("tcp://web-1.example.com:2376"));
    assert_eq!(entry.trusts.len(), 1);
}

#[test]
fn a_file_of_another_name_and_a_context_of_another() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki client export alice --as context --host tcp://[::1]:2376 --context lab -o 'for al'";
    done(&home, line, "context_by_its_name");
    assert_eq!(mode(&home, "for al"), 0o600);
    let line = "dockpki client export alice --as tar --output json";
    done(&home, line, "tar_as_json");
    let line = "dockpki client export alice --as zip --quiet";
    done(&home, line, "zip_quiet");
}

#[test]
fn standard_output_gets_the_octets_alone() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki client export alice --as env --host localhost -o -";
    let ran = quietly(&home, line);
    assert!(
        ran.stdout.starts_with("# Whoever holds this is root"),
        "{ran:?}"
    );
    golden::compare_text(&home, &ran.stderr, &golden("to_standard_output"));
    let output = command(&home, "dockpki client export alice --as tar -o - --quiet").output();
    let output = output.unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(output.stdout.starts_with(&[0x1f, 0x8b]));
    assert_eq!(handed_out(&home), ["env", "tar"]);
    let to = home.ledger().pop().unwrap().to.unwrap();
    assert!(to.starts_with("standard output on "), "{to}");
    assert!(!home.around().join("alice.tar.gz").exists());
}

#[test]
fn encrypted_for_chat() {
    let home = TestHome::with_ca(&[]);
    let line = format!("dockpki client export alice --as zip --encrypt-to {AGE}");
    done(&home, &line, "encrypted");
    fs::write(
        home.around().join("keys.pub"),
        format!("# ours\n{SSH} me@laptop\n{AGE}\n"),
    )
    .unwrap();
    let line =
        "dockpki client export alice --as env --host localhost --encrypt-to keys.pub --output json";
    done(&home, line, "encrypted_to_those_in_a_file_as_json");
    for name in ["alice.zip.age", "alice.env.age"] {
        assert_eq!(mode(&home, name), 0o600);
        let text = fs::read_to_string(home.around().join(name)).unwrap();
        assert!(
            text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"),
            "{text}"
        );
    }
    let recipients = home.ledger().pop().unwrap().encrypted_to;
    assert_eq!(recipients, [SSH, AGE]);
}

#[test]
fn a_dry_run_hands_out_nothing() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki client export alice --as context --host localhost --dry-run";
    // The paths' column is as wide as the directory's name.
    let ran = golden::run_without_change(&home, line, command(&home, line)).succeeds();
    let words = "client `alice` (context for tcp://localhost:2376)";
    assert!(
        ran.stdout.contains(words) && ran.stdout.contains("alice.dockercontext"),
        "{ran:?}"
    );
    let line = "dockpki client export alice --as dir --dry-run --output json";
    shown(&home, line, "as_dry_run_as_json");
    let line = "dockpki client export alice --as tar -o - --dry-run";
    shown(&home, line, "to_standard_output_as_dry_run");
}

// ---- What is refused

#[test]
fn what_does_not_go_together_is_refused() {
    let home = TestHome::with_ca(&[]);
    for (arguments, name) in [
        ("dir -o -", "refuses_a_directory_to_standard_output"),
        ("dir --encrypt-to age1x", "refuses_to_encrypt_a_directory"),
        ("tar --host localhost", "refuses_a_host_where_none_goes"),
        (
            "env --host localhost --context lab",
            "refuses_a_context_where_none_goes",
        ),
        (
            "tar -o - --output json",
            "refuses_two_things_on_standard_output",
        ),
        ("rar", "refuses_another_form"),
        ("context", "refuses_a_context_without_host"),
        ("context --host https://h", "refuses_a_host_that_is_none"),
        (
            "context --host h --context default",
            "refuses_the_name_docker_keeps",
        ),
        ("tar --encrypt-to age1x", "refuses_a_recipient_that_is_none"),
        (
            "tar --encrypt-to AGE-SECRET-KEY-1XYZ",
            "refuses_a_secret_key_for_a_recipient",
        ),
        ("tar --encrypt-to missing.pub", "refuses_a_file_that_is_not"),
    ] {
        refused(
            &home,
            &format!("dockpki client export alice --as {arguments}"),
            name,
        );
    }
    let rest = "dockpki client export bob --as tar";
    refused(&home, rest, "refuses_a_client_that_is_not");
    // Without a server to name.
    fs::remove_dir_all(home.path().join("servers/localhost")).unwrap();
    let line = "dockpki client export alice --as env";
    refused(&home, line, "refuses_variables_without_host_or_server");
}

#[test]
fn a_file_of_recipients_tells_nothing_of_its_secrets() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki client export alice --as tar --encrypt-to id";
    let write = |content: &str| fs::write(home.around().join("id"), content).unwrap();
    write("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n");
    refused(&home, line, "refuses_a_private_key_for_recipients");
    write(&format!("{AGE}\ncorrect horse battery\n"));
    refused(&home, line, "refuses_a_line_that_is_no_recipient");
    write("# nobody\n");
    refused(&home, line, "refuses_a_file_without_recipients");
}

#[test]
fn what_is_there_is_kept() {
    let home = TestHome::with_ca(&[]);
    for form in ["dir", "tar"] {
        quietly(&home, &format!("dockpki client export alice --as {form}"));
    }
    refused(
        &home,
        "dockpki client export alice --as dir",
        "refuses_a_directory_that_is_there",
    );
    refused(
        &home,
        "dockpki client export alice --as tar",
        "refuses_a_file_that_is_there",
    );
    std::os::unix::fs::symlink("alice.tar.gz", home.around().join("link")).unwrap();
    let line = "dockpki client export alice --as tar -o link";
    refused(&home, line, "refuses_a_link_that_is_there");
    let line = "dockpki client export alice --as tar -o /dev/null";
    refused(&home, line, "refuses_a_device");
    let line = "dockpki client export alice --as tar -o missing/x";
    refused(&home, line, "refuses_a_directory_that_is_not");
}

#[test]
fn standard_output_that_breaks_off_does_not_hide_the_export_before() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    let home = TestHome::with_ca(&[]);
    let breaks_off = |name: &str| {
        let line = "dockpki client export alice --as tar -o -";
        let mut command = command(&home, line);
        command.stdout(fs::File::options().write(true).open(full).unwrap());
        let ran = Ran::from(command.output().unwrap()).fails(1);
        golden::compare_text(&home, &ran.stderr, &golden(name));
    };
    let out = || {
        let ledger = home.ledger();
        let out = hand_outs(&ledger).into_iter();
        Vec::from_iter(out.map(|out| out.entry.serial.clone()))
    };
    // Whoever got the first part may have got the key.
    breaks_off("standard_output_that_is_full");
    assert_eq!(out().len(), 1);
    let line = "dockpki client export alice --as tar";
    quietly(&home, line);
    let first = out();
    quietly(&home, "dockpki renew alice --force");
    breaks_off("standard_output_that_is_full");
    assert_eq!(out(), first);
    shown(
        &home,
        "dockpki list --clients",
        "list_after_one_that_broke_off",
    );
}

#[test]
fn of_exports_to_one_file_at_once_one_is_there_and_known() {
    let home = TestHome::with_ca(&[]);
    for form in ["tar", "zip", "dir"] {
        let line = format!("dockpki client export alice --as {form} -o one.{form}");
        let started = (0..6).map(|_| {
            let mut command = command(&home, &line);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        });
        let ended = Vec::from_iter(started).into_iter();
        let done = ended.filter_map(|mut child| child.wait().unwrap().success().then_some(()));
        assert_eq!(done.count(), 1, "{form}");
        // Those that came too late took nothing away from what the ledger knows.
        let ledger = home.ledger();
        let out = hand_outs(&ledger).into_iter();
        let mut out = out.filter(|out| out.entry.form.as_deref() == Some(form));
        assert!(out.next().is_some(), "nobody knows of {form}");
    }
}

#[test]
fn a_client_that_would_not_work_is_not_handed_out() {
    let home = home_with_ca_of(days(-1000, 2650));
    put_client(&home, &ca_of(&home), "gone", days(-400, -35));
    refused(
        &home,
        "dockpki client export gone --as tar",
        "refuses_an_expired_client",
    );
    put_client(&home, &ca_of(&home), "lost", days(-1, 35));
    fs::remove_file(pair_path(&home, PairKind::Client, "lost").join("key.pem")).unwrap();
    refused(
        &home,
        "dockpki client export lost --as tar",
        "refuses_a_client_without_its_key",
    );
}

#[test]
fn a_ledger_that_nobody_can_write_hands_out_nothing() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(".lock")).unwrap();
    fs::create_dir(home.path().join(".lock")).unwrap();
    let ran = Ran::from(
        command(&home, "dockpki client export alice --as tar")
            .output()
            .unwrap(),
    );
    ran.fails(1);
    assert!(!home.around().join("alice.tar.gz").exists());
}

#[test]
fn a_part_of_a_home_hands_out_with_a_warning() {
    let home = TestHome::with_ca(&[]);
    for name in ["issued.jsonl", "ca-key.pem", ".lock"] {
        fs::remove_file(home.path().join(name)).unwrap();
    }
    done(
        &home,
        "dockpki client export alice --as tar",
        "from_a_part_of_a_home",
    );
}

#[test]
fn what_a_killed_export_left_is_told() {
    let home = TestHome::with_ca(&[]);
    fs::create_dir(home.around().join(".alice.0123456789abcdef")).unwrap();
    let ran = quietly(&home, "dockpki client export alice --as dir");
    ran.says("warning: an export that was cut off may have left a key: ");
    ran.says(&format!(
        "hint: remove it: rm -rf {}/.alice.0123456789abcdef\n",
        home.around().display()
    ));
}

// ---- Who holds what

/// Contexts and variables for two daemons: their place in the table is the daemon.
fn handed_out_home() -> TestHome {
    let home = TestHome::with_ca(&[]);
    quietly(&home, "dockpki client issue bob");
    for (host, form) in [("web-1", "context"), ("web-2", "context"), ("web-2", "env")] {
        let line =
            format!("dockpki client export alice --as {form} --host {host} -o {form}-{host}");
        quietly(&home, &line);
    }
    home
}

#[test]
fn list_tells_of_each_client_where_it_is() {
    let home = handed_out_home();
    shown(&home, "dockpki list --clients", "list");
    shown(
        &home,
        "dockpki list --clients --output json",
        "list_as_json",
    );
    quietly(&home, "dockpki renew alice --force");
    let again = "dockpki client export alice --as env --host web-2 -o again";
    quietly(&home, again);
    shown(&home, "dockpki list --clients", "list_after_a_renewal");
}

#[test]
fn list_without_clients() {
    let home = home_with_ca_of(days(-1, 3650));
    shown(&home, "dockpki list --clients", "list_of_none");
    refused(
        &TestHome::new(),
        "dockpki list --clients",
        "list_refuses_a_home_without_ca",
    );
}

#[test]
fn a_renewal_tells_what_is_stale() {
    let home = handed_out_home();
    let line = format!("dockpki client export alice --as zip -o z --encrypt-to {AGE}");
    quietly(&home, &line);
    done(&home, "dockpki renew --force", "renew");
    shown(&home, "dockpki renew", "renew_again");
    done(
        &home,
        "dockpki renew alice --force --output json",
        "renew_as_json",
    );
}

#[test]
fn what_a_renewal_says_hands_out_again() {
    let home = handed_out_home();
    let ran = quietly(&home, "dockpki renew alice --force");
    let lines = ran
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("  dockpki client export"));
    let lines = Vec::from_iter(lines);
    assert_eq!(lines.len(), 3, "{ran:#?}");
    // The first files lie there still.
    for line in lines {
        let line = line.split('#').next().unwrap().trim();
        quietly(&home, &format!("dockpki client export {line}"));
    }
    let ran = quietly(&home, "dockpki list --clients");
    assert!(!ran.stdout.contains("stale"), "{ran:?}");
}

#[test]
fn a_rollover_counts_what_was_exported() {
    let home = handed_out_home();
    quietly(&home, "dockpki ca roll start");
    shown(&home, "dockpki list --clients", "list_after_roll_start");
    let status = quietly(&home, "dockpki ca roll status");
    assert!(
        status.stdout.contains("(env for tcp://web-2:2376)"),
        "{status:?}"
    );
    quietly(&home, "dockpki ca roll issue");
    // Renewed, and what is out is of the old CA still.
    refused(
        &home,
        "dockpki ca roll finish",
        "finish_refuses_while_exports_are_of_the_old_ca",
    );
    for (host, form) in [("web-1", "context"), ("web-2", "context"), ("web-2", "env")] {
        let line =
            format!("dockpki client export alice --as {form} --host {host} -o new-{form}-{host}");
        quietly(&home, &line);
    }
    quietly(&home, "dockpki client remove bob");
    let ran = quietly(&home, "dockpki ca roll status --output json");
    assert!(!ran.stdout.contains("\"handed out\""), "{ran:?}");
}

#[test]
fn a_rollover_counts_every_copy_of_a_client() {
    let home = TestHome::with_ca(&[]);
    let export = |file: &str| {
        let line = format!("dockpki client export alice --as tar -o {file}");
        quietly(&home, &line);
    };
    export("lap1.tgz");
    export("lap2.tgz");
    shown(&home, "dockpki list --clients", "list_of_two_copies");
    quietly(&home, "dockpki ca roll start");
    quietly(&home, "dockpki ca roll issue");
    export("new1.tgz");
    // The other laptop would be locked out.
    refused(
        &home,
        "dockpki ca roll finish",
        "finish_refuses_while_one_copy_is_of_the_old_ca",
    );
    let certificates = fs::read_to_string(home.path().join("ca.pem")).unwrap();
    assert_eq!(certificates.matches("BEGIN CERTIFICATE").count(), 2);
    export("new2.tgz");
    quietly(&home, "dockpki ca roll finish --yes");
}

// ---- Removal

#[test]
fn a_removed_client_is_archived_and_its_name_is_free() {
    let home = handed_out_home();
    shown(
        &home,
        "dockpki client remove alice --dry-run",
        "remove_as_dry_run",
    );
    done(&home, "dockpki client remove alice", "remove");
    let removed = home.ledger().pop().unwrap();
    assert_eq!((removed.event, &*removed.name), (Event::Removed, "alice"));
    let archived = home.path().join("archive").join(&removed.serial);
    assert!(archived.join("key.pem").is_file());
    assert!(!home.path().join("clients/alice").exists());
    shown(&home, "dockpki list --clients", "list_after_a_removal");
    quietly(&home, "dockpki client issue alice");
    // What the first one holds is no matter of the second one.
    shown(
        &home,
        "dockpki list --clients",
        "list_of_another_of_the_same_name",
    );
    let ran = quietly(&home, "dockpki renew alice --force");
    assert!(!ran.stderr.contains("stale"), "{ran:?}");
    quietly(&home, "dockpki verify");
    quietly(&home, "dockpki check");
}

#[test]
fn several_are_removed_together() {
    let home = handed_out_home();
    refused(
        &home,
        "dockpki client remove alice carol",
        "remove_refuses_one_that_is_not",
    );
    refused(
        &home,
        "dockpki client remove alice alice",
        "remove_refuses_a_name_given_twice",
    );
    done(
        &home,
        "dockpki client remove bob alice --output json",
        "remove_as_json",
    );
    refused(
        &TestHome::new(),
        "dockpki client remove alice",
        "remove_refuses_a_home_without_ca",
    );
}

#[test]
fn one_whose_certificate_nobody_can_read_is_not_removed() {
    let home = TestHome::with_ca(&[]);
    let path = pair_path(&home, PairKind::Client, "alice").join("cert.pem");
    write(&path, 0o444, "garbage");
    refused(
        &home,
        "dockpki client remove alice",
        "remove_refuses_a_broken_certificate",
    );
    fs::remove_file(path).unwrap();
    refused(
        &home,
        "dockpki client remove alice",
        "remove_refuses_one_without_certificate",
    );
}

#[test]
fn a_removed_client_keeps_the_old_ca() {
    let home = handed_out_home();
    quietly(&home, "dockpki client remove alice");
    quietly(&home, "dockpki ca roll start");
    quietly(&home, "dockpki ca roll issue");
    refused(
        &home,
        "dockpki ca roll finish",
        "finish_refuses_while_a_removed_client_is_valid",
    );
    let ran = quietly(&home, "dockpki ca roll finish --force --yes");
    ran.says("client `alice`");
    // Nobody believes it any more.
    shown(
        &home,
        "dockpki list --clients",
        "list_after_a_removal_and_a_rollover",
    );
    let json = quietly(&home, "dockpki list --clients --output json").stdout;
    assert!(json.contains(r#""state":"removed, not trusted""#), "{json}");
}

#[test]
fn an_expired_removed_client_is_forgotten() {
    let home = home_with_ca_of(days(-1000, 2650));
    put_client(&home, &ca_of(&home), "gone", days(-400, -35));
    quietly(&home, "dockpki client remove gone");
    let ran = quietly(&home, "dockpki list --clients");
    assert!(!ran.stdout.contains("gone"), "{ran:?}");
}

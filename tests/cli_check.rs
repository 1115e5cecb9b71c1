//! What `check` says, held against the goldens in `tests/cli/check`: of a home, of a machine under
//! a prefix, of a user.
//!
//! After a change of words: `SNAPSHOTS=overwrite cargo test --test cli_check`, then read the diff.
//! What a daemon serves is in `src/host/probe/tests` and, with a real one, in
//! `tests/install_dockerd`.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

mod support;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockpki::pki::{Ca, Certificate, Life, PrivateKey, SubjectAltNames, Validity};
use dockpki::plan::layout::{self, PairKind};
use dockpki::plan::ledger::{Entry, Event};
use support::by_hand::*;
use support::golden::*;
use support::{Ran, TestHome, dockpki, has, program_exists, snapshot};
use time::OffsetDateTime;

goldens_of!("check", "cli_check.rs");

/// The line ends with this code, changes nothing, and says what the golden has.
#[track_caller]
fn tells(home: &TestHome, line: &str, code: i32, name: &str) {
    let mut ran = run_without_change(home, line, command(home, line));
    let around = home.around().to_string_lossy();
    if ran.stdout.contains(&*around) && !ran.stdout.starts_with('{') {
        // A column is as wide as the temporary directory's name makes it.
        while ran.stdout.contains("   ") {
            ran.stdout = ran.stdout.replace("   ", "  ");
        }
    }
    compare(home, line, &ran, &golden(name));
    assert_eq!(ran.code, code, "{ran:#?}");
}

// ---- The home

#[test]
fn a_home_that_is_fine() {
    let home = TestHome::with_ca(&[]);
    tells(&home, "dockpki check", 0, "fine");
    tells(&home, "dockpki check --quiet", 0, "fine_quiet");
    tells(&home, "dockpki check --verbose", 0, "fine_verbose");
    tells(&home, "dockpki check --output json", 0, "fine_as_json");
}

#[test]
fn a_home_in_every_state() {
    let home = home_in_every_state();
    tells(&home, "dockpki check", 2, "every_state");
    tells(
        &home,
        "dockpki check --output json",
        2,
        "every_state_as_json",
    );
    tells(
        &home,
        "dockpki check --color always",
        2,
        "every_state_in_colour",
    );
}

/// A home with a CA, and a client that ends in so many days.
fn home_with_client_of(validity: Validity) -> TestHome {
    let home = home_with_ca_of(days(-400, 3650));
    let ca = ca_of(&home);
    put_client(&home, &ca, "ci", validity);
    home
}

#[test]
fn what_ends_soon_is_a_warning_then_critical_then_expired() {
    for (days_left, code, name) in [
        (31, 0, "ends_in_a_month"),
        (20, 1, "ends_in_weeks"),
        (3, 2, "ends_in_days"),
        (-5, 2, "ended"),
    ] {
        let home = home_with_client_of(days(-360, days_left));
        tells(&home, "dockpki check", code, name);
    }
}

#[test]
fn thresholds_are_spans_or_shares_of_the_life() {
    let home = home_with_client_of(days(-50, 50));
    let check = |line: &str| Ran::from(command(&home, line).output().unwrap()).code;
    for (flags, code) in [
        ("", 0),
        ("--warn 51d", 1),
        ("--warn 50d", 0),
        ("--warn 60% --critical 1%", 1),
        ("--warn 40%", 0),
        ("--critical 30d", 0),
        ("--critical 60d --warn 70d", 2),
        ("--warn 99% --critical 60%", 2),
        // Those of a leaf are none of the CA's.
        ("--ca-warn 4000d", 1),
        ("--ca-warn 99% --ca-critical 95%", 2),
    ] {
        let line = format!("dockpki check {flags}");
        assert_eq!(check(line.trim()), code, "{line}");
    }
    tells(&home, "dockpki check --warn 51d", 1, "warned_of_by_a_span");
    tells(
        &home,
        "dockpki check --ca-warn 4000d",
        1,
        "ca_warned_of_by_a_span",
    );
}

#[test]
fn eight_hours_are_not_critical_by_default() {
    let home = TestHome::with_ca(&[]);
    home.run(["client", "issue", "job", "--valid-for", "8h"])
        .succeeds();
    let ran = home.run(["check"]).succeeds();
    assert!(
        ran.stdout
            .contains("the next to expire is clients/job in 7 hours")
    );
    // Where hours count, each report tells the time of the end.
    let ledger = home.ledger();
    let end = &ledger.last().unwrap().not_after;
    assert_eq!(end.len(), "2026-11-25T16:30:00Z".len());
    for line in [
        "check",
        "list",
        "list --clients",
        "renew job --dry-run",
        "renew job --force",
    ] {
        let ran = home.run(line.split(' ')).succeeds();
        assert!(ran.stdout.contains(end), "no {end} in `{line}`: {ran:#?}");
    }
}

#[test]
fn a_ca_that_ends_before_a_rollover_fits() {
    let home = home_with_ca_of(days(-3000, 300));
    tells(&home, "dockpki check", 1, "ca_due");
    let home = home_with_ca_of(days(-100, -10));
    tells(&home, "dockpki check", 2, "ca_expired");
}

#[test]
fn each_ca_of_a_rollover_is_judged() {
    let home = home_with_ca_of(days(-3000, 300));
    let path = home.path().join(layout::CA_CERTIFICATE);
    let old = fs::read_to_string(&path).unwrap();
    let new = Ca::new(key(), &serial(), days(0, 3650), None).unwrap();
    write(&path, 0o444, new.certificate().pem() + &old);
    tells(&home, "dockpki check", 0, "two_cas");
    // Those it issued come over to the new one.
    let old_ca = Certificate::from_pem(old.as_bytes()).unwrap();
    let key = PrivateKey::from_pem(&fs::read(home.path().join(layout::CA_KEY)).unwrap()).unwrap();
    let old_ca = Ca::from_parts(&old_ca.der, key).unwrap();
    put_client(&home, &old_ca, "ci", days(-350, 20));
    tells(&home, "dockpki check", 1, "due_in_a_rollover");
    // Near its end that of the old one is news.
    let line = "dockpki check --ca-critical 301d";
    tells(&home, line, 2, "old_ca_near_its_end");
}

/// A home whose rollover ended without its client, which nobody believes any more.
fn home_that_left_its_client_behind() -> TestHome {
    let home = TestHome::with_ca(&[]);
    home.run(["ca", "roll", "start"]).succeeds();
    home.run(["ca", "roll", "issue", "servers/localhost"])
        .succeeds();
    home.run(["ca", "roll", "finish", "--force", "--yes"])
        .succeeds();
    home
}

#[test]
fn a_client_that_a_rollover_left_behind() {
    let home = home_that_left_its_client_behind();
    tells(&home, "dockpki check", 2, "left_behind");
    // The timer mends it too.
    home.run(["renew"]).succeeds();
    home.run(["check"]).succeeds();
}

#[test]
fn a_client_copied_from_another_home() {
    let home = TestHome::with_ca(&[]);
    let other = TestHome::with_ca(&[]);
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        let content = fs::read(pair_path(&other, PairKind::Client, "alice").join(file));
        let path = pair_path(&home, PairKind::Client, "alice").join(file);
        write(&path, 0o400, content.unwrap());
    }
    tells(&home, "dockpki check", 2, "of_another_home");
    home.run(["renew", "--force", "clients/alice"]).succeeds();
    home.run(["check"]).succeeds();
}

#[test]
fn what_ends_with_the_ca_is_mended_by_the_next() {
    let home = home_with_ca_of(days(-2000, 20));
    let ca = ca_of(&home);
    let end = ca.certificate().validity.not_after;
    let validity = Validity {
        not_after: end,
        ..days(-340, 20)
    };
    put_client(&home, &ca, "ci", validity);
    tells(&home, "dockpki check", 2, "ends_with_the_ca");
    let home = home_with_ca_of(days(-2000, -5));
    let ca = ca_of(&home);
    // Not five days before now: now may be a second later than when the CA was made.
    let validity = Validity {
        not_after: ca.certificate().validity.not_after,
        ..days(-340, -5)
    };
    put_client(&home, &ca, "ci", validity);
    tells(&home, "dockpki check", 2, "ended_with_the_ca");
}

#[test]
fn a_ca_key_that_others_can_read() {
    let home = TestHome::with_ca(&[]);
    set_mode(&home.path().join(layout::CA_KEY), 0o644);
    tells(&home, "dockpki check", 1, "ca_key_open");
}

#[test]
fn certificates_that_are_not_those_of_a_home() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::CA_CERTIFICATE);
    let ca = fs::read_to_string(&path).unwrap();
    write(&path, 0o444, ca.clone() + &ca);
    tells(&home, "dockpki check", 2, "ca_twice");
    let others = [(); 2].map(|()| {
        let other = Ca::new(key(), &serial(), days(0, 3650), None).unwrap();
        other.certificate().pem()
    });
    write(&path, 0o444, ca + &others.concat());
    tells(&home, "dockpki check", 2, "three_cas");
}

#[test]
fn a_ca_that_cannot_be_read_as_one() {
    let home = TestHome::with_ca(&[]);
    cut(&home.path().join(layout::CA_CERTIFICATE), 0o444);
    tells(&home, "dockpki check", 2, "ca_broken");
}

#[test]
fn a_ca_that_is_gone() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_CERTIFICATE)).unwrap();
    tells(&home, "dockpki check", 2, "ca_gone");
}

#[test]
fn a_ledger_that_is_torn_is_unknown() {
    let home = TestHome::with_ca(&[]);
    append_text(&home, "{\"version\":1,");
    tells(&home, "dockpki check", 3, "ledger_torn");
}

#[test]
fn a_name_does_not_steer_the_terminal() {
    let home = TestHome::with_ca(&[]);
    let directory = pair_path(&home, PairKind::Client, "evil\u{1b}[2J\nOK");
    fs::create_dir(directory).unwrap();
    tells(&home, "dockpki check", 2, "name_printed_safely");
}

#[test]
fn without_a_home() {
    let home = TestHome::new();
    tells(&home, "dockpki check", 3, "no_home");
    tells(&home, "dockpki check --output json", 3, "no_home_as_json");
    let line = "dockpki check --output prometheus";
    tells(&home, line, 3, "no_home_for_prometheus");
}

#[test]
fn a_home_it_may_not_read() {
    let home = installed();
    let commands = ["dockpki check", INSTALLED].map(|line| command_of_nobody(&home, line));
    let [Some(alone), Some(beside)] = commands else {
        return;
    };
    set_mode(&home.path(), 0o000);
    let [alone, beside] = [alone, beside].map(|mut it| Ran::from(it.output().unwrap()));
    set_mode(&home.path(), 0o700);
    compare(&home, "dockpki check", &alone, &golden("home_closed"));
    assert_eq!(alone.code, 3);
    // What is installed is judged nevertheless.
    assert_eq!(beside.code, 3);
    let path = home.path().display().to_string();
    let words = format!("UNKNOWN: {path} cannot be read: permission denied; 2 certificates");
    assert!(beside.stdout.starts_with(&words), "{beside:#?}");
}

#[test]
fn a_command_line_that_is_wrong_is_unknown_and_not_critical() {
    let home = TestHome::with_ca(&[]);
    for (line, name) in [
        ("dockpki check --warn 30", "refuses_a_number"),
        ("dockpki check --critical 100%", "refuses_a_whole_life"),
        (
            "dockpki check --warn 7d --critical 30d",
            "refuses_critical_before_warn",
        ),
        (
            "dockpki check --ca-warn 10% --ca-critical 30%",
            "refuses_critical_before_warn_of_a_ca",
        ),
        (
            "dockpki check --critical 60d",
            "refuses_critical_before_the_default_warn",
        ),
        (
            "dockpki check --ca-critical 2y",
            "refuses_critical_before_the_default_warn_of_a_ca",
        ),
        ("dockpki check --nonsense", "refuses_an_unknown_flag"),
        (
            "dockpki check --prefix root",
            "refuses_prefix_without_installed",
        ),
        ("dockpki check --output xml", "refuses_an_unknown_form"),
    ] {
        tells(&home, line, 3, name);
    }
    let line = "dockpki list --output prometheus";
    tells(&home, line, 2, "refuses_prometheus_of_a_list");
}

#[test]
fn a_report_goes_into_a_file_whole() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki check --output prometheus --write dockpki.prom";
    done(&home, line, "write");
    let path = home.around().join("dockpki.prom");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
    let written = fs::read_to_string(&path).unwrap();
    let printed = home.run(["check", "--output", "prometheus"]).succeeds();
    assert_eq!(written, printed.stdout);
    // A second one takes its place, and nothing else is left.
    done(&home, line, "write");
    let mut names = fs::read_dir(home.around())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect::<Vec<_>>();
    names.sort();
    assert_eq!(names, ["dockpki.prom", "home"]);
    let line = "dockpki check --write nowhere/dockpki.prom";
    tells(&home, line, 3, "write_where_nothing_is");
}

#[test]
fn a_home_that_went_away_takes_the_place_of_a_report_that_was_fine() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki check --output prometheus --write dockpki.prom";
    done(&home, line, "write");
    fs::rename(home.path(), home.around().join("elsewhere")).unwrap();
    let ran = Ran::from(command(&home, line).output().unwrap());
    compare(&home, line, &ran, &golden("write_of_no_home"));
    assert_eq!(ran.code, 3);
    let written = fs::read_to_string(home.around().join("dockpki.prom")).unwrap();
    let series = parse(&written);
    let value = |name: &str| {
        let found = series.iter().find(|(found, ..)| found == name);
        found.unwrap_or_else(|| panic!("{written}")).2
    };
    assert_eq!(value("dockpki_check_status"), 3.0);
    assert_eq!(value("x509_read_errors"), 1.0);
}

#[test]
fn a_report_that_cannot_take_its_place_leaves_nothing_behind() {
    let home = TestHome::with_ca(&[]);
    fs::create_dir(home.around().join("dockpki.prom")).unwrap();
    let line = "dockpki check --write dockpki.prom";
    tells(&home, line, 3, "write_onto_a_directory");
}

// ---- Prometheus

/// One series: name, labels, value.
type Series = (String, Vec<(String, String)>, f64);

/// Reads the text format as strictly as node_exporter does: a type before its series, each series
/// once, each family in one piece.
fn parse(text: &str) -> Vec<Series> {
    assert!(text.ends_with('\n'), "no end of line at the end");
    let mut types = HashMap::new();
    let mut helped = HashSet::new();
    let mut seen = HashSet::new();
    let mut current = String::new();
    let mut all = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && helped.insert(name.to_owned()), "{line}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(kind, "gauge", "{line}");
            assert!(types.insert(name.to_owned(), kind).is_none(), "{line}");
            current = name.to_owned();
            continue;
        }
        let end = line.find(['{', ' ']).unwrap();
        let (name, rest) = line.split_at(end);
        assert_eq!(name, current, "outside of its family: {line}");
        assert!(helped.contains(name), "{line}");
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => parse_labels(rest),
            None => (Vec::new(), rest),
        };
        let value = value.strip_prefix(' ').unwrap().parse().unwrap();
        let series = (name.to_owned(), labels.clone());
        assert!(seen.insert(series), "twice: {line}");
        all.push((name.to_owned(), labels, value));
    }
    all
}

fn parse_labels(text: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(!name.is_empty() && name.chars().all(is_name), "{name}");
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("\\{c} in {text}"),
                }),
                (_, c) => value.push(c),
            }
        };
        labels.push((name.to_owned(), value));
        rest = &after[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, rest.strip_prefix('}').unwrap()),
        }
    }
}

#[test]
fn prometheus_reads_what_alerts_need() {
    let home = home_with_client_of(days(-100, -5));
    let evil = "a\"b\\c\nd";
    fs::create_dir(pair_path(&home, PairKind::Client, evil)).unwrap();
    let ran = home.run(["check", "--output", "prometheus"]).fails(2);
    let series = parse(&ran.stdout);
    let of = |name: &str| {
        let found = series.iter().filter(|(found, _, _)| found == name);
        Vec::from_iter(found)
    };
    let path = pair_path(&home, PairKind::Client, "ci").join("cert.pem");
    let certificate = Certificate::from_pem(&fs::read(&path).unwrap()).unwrap();
    let value = |name: &str| {
        let has_path = |series: &&&Series| {
            let label = ("filepath".to_owned(), path.display().to_string());
            series.1.contains(&label)
        };
        let all = of(name);
        let found = all.iter().find(has_path).unwrap();
        (found.1.clone(), found.2)
    };
    let (labels, not_after) = value("x509_cert_not_after");
    let names = labels.iter().map(|(name, _)| name.as_str());
    assert_eq!(
        Vec::from_iter(names),
        [
            "filename",
            "filepath",
            "issuer_CN",
            "serial_number",
            "subject_CN"
        ]
    );
    assert_eq!(labels[0].1, "cert.pem");
    assert_eq!(labels[2].1, certificate.issuer_common_name().unwrap());
    assert_eq!(labels[4].1, "ci");
    let end = certificate.validity.not_after.unix_timestamp();
    assert_eq!(not_after, end as f64);
    let begin = certificate.validity.not_before.unix_timestamp();
    assert_eq!(value("x509_cert_not_before").1, begin as f64);
    assert_eq!(value("x509_cert_expired").1, 1.0);
    assert_eq!(value("x509_cert_error").1, 0.0);
    let failed = of("x509_cert_error").into_iter().filter(|it| it.2 == 1.0);
    let failed = Vec::from_iter(failed.map(|it| it.1[1].1.clone()));
    let evil = pair_path(&home, PairKind::Client, evil).join("cert.pem");
    assert_eq!(failed, [evil.display().to_string()]);
    assert_eq!(of("x509_read_errors")[0].2, 1.0);
    assert_eq!(of("dockpki_check_status")[0].2, 2.0);
    // openssl writes the serial in hex, the exporter in decimal.
    if has("python3", program_exists("python3")) {
        let print = format!("print(int('{}', 16))", certificate.serial);
        let python = Command::new("python3").args(["-c", &print]).output();
        assert_eq!(Ran::from(python.unwrap()).stdout.trim(), labels[3].1);
    }
}

#[test]
fn prometheus_gets_a_ca_that_is_there_twice_once() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::CA_CERTIFICATE);
    let ca = fs::read_to_string(&path).unwrap();
    write(&path, 0o444, ca.clone() + &ca);
    let ran = home.run(["check", "--output", "prometheus"]).fails(2);
    parse(&ran.stdout);
}

// ---- This machine

/// A home whose server is installed on a host in `root` beside it.
fn installed() -> TestHome {
    let home = TestHome::with_ca(&[]);
    fs::create_dir(home.around().join("root")).unwrap();
    let line = "dockpki install server --prefix root --yes";
    Ran::from(command(&home, line).output().unwrap()).succeeds();
    home
}

#[track_caller]
fn mend(home: &TestHome, line: &str) {
    Ran::from(command(home, line).output().unwrap()).succeeds();
}

const INSTALLED: &str = "dockpki check --installed --prefix root";

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

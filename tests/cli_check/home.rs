//! The home.

use super::*;

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

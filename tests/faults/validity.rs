//! A clock or a life that is outside of the CA's.

use super::*;

/// A home whose CA was made at another time.
fn home_with_ca_of(now: OffsetDateTime, life: &str) -> TestHome {
    let home = TestHome::with_ca(&[]);
    let key = PrivateKey::generate(KeyType::P256).unwrap();
    let pem = key.to_pem().unwrap();
    let life: Life = life.parse().unwrap();
    let validity = Validity::of_ca(life, now).unwrap();
    let ca = Ca::new(key, &Serial::generate().unwrap(), validity, None).unwrap();
    overwrite(&home.path().join("ca.pem"), ca.certificate().pem());
    overwrite(&home.path().join("ca-key.pem"), pem.into_bytes());
    home
}

#[test]
fn an_expired_ca_issues_nothing() {
    let then = OffsetDateTime::now_utc() - Duration::days(40);
    let home = home_with_ca_of(then, "30d");
    let words = [
        "the CA expired on ",
        "it can issue nothing more",
        "hint: make the next CA: ",
    ];
    refuses(&home, ISSUE, &words);
    refuses(
        &home,
        &["server", "issue", "web", "--san", "web.example.com"],
        &words,
    );
    let all = list(&home);
    let ca = all.iter().find(|it| it["kind"] == "ca").unwrap();
    assert_eq!(ca["state"], "expired");
    assert!(
        findings(&home)
            .iter()
            .any(|it| it.found.contains("expired on"))
    );
}

#[test]
fn a_clock_before_the_ca_issues_nothing() {
    let then = OffsetDateTime::now_utc() + Duration::days(40);
    let home = home_with_ca_of(then, "30d");
    let words = [
        "the clock says ",
        "before the CA begins on ",
        "set the clock first",
    ];
    refuses(&home, ISSUE, &words);
    let all = list(&home);
    let ca = all.iter().find(|it| it["kind"] == "ca").unwrap();
    assert_eq!(ca["state"], "not yet valid");
}

#[test]
fn a_life_longer_than_the_ca_has_left_is_cut_with_a_warning() {
    let then = OffsetDateTime::now_utc() - Duration::days(20);
    let home = home_with_ca_of(then, "30d");
    let ran = home.run(ISSUE).succeeds();
    let end = "warning: client `bob` ends with the CA on ";
    assert!(ran.stderr.contains(end), "{ran:#?}");
    assert!(ran.stderr.contains("earlier than asked for"), "{ran:#?}");
    let all = list(&home);
    let end_of = |name: &str, field: &str| {
        let found = all.iter().find(|it| it[field] == name).unwrap();
        found["not_after"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        end_of("bob", "name"),
        end_of("ca", "kind"),
        "not by a second longer"
    );
    let ran = home
        .run(["client", "issue", "carol", "--valid-for", "5d"])
        .succeeds();
    assert!(!ran.stderr.contains("warning"), "{ran:#?}");

    let home = TestHome::new();
    let ran = home
        .run(INIT.iter().chain(&["--ca-valid-for", "30d"]))
        .succeeds();
    assert!(
        ran.stderr
            .contains("warning: server `localhost` ends with the CA on "),
        "{ran:#?}"
    );
    assert!(
        ran.stderr
            .contains("warning: client `alice` ends with the CA on "),
        "{ran:#?}"
    );
    assert_whole(&home);
}

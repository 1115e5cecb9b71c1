//! The messages no command line brings about: those of the library, and of a machine that fails
//! in ways a test cannot make it.  All others are in `tests/cli`.

#![allow(clippy::disallowed_methods, reason = "tests touch the machine")]

mod support;

use std::fs;
use std::io;

use dockpki::host::{self, Access, Create, Home};
use dockpki::pki::{Ca, Error, KeyType, Life, PrivateKey, Serial, SubjectAltNames, Validity};
use dockpki::plan::enroll::EnrollError;
use dockpki::plan::{Change, Plan};
use support::{TestHome, snapshot};
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-23 20:00 UTC);

#[test]
fn a_leaf_that_leaves_its_ca_is_refused_with_the_cas_dates() {
    let key = || PrivateKey::generate(KeyType::P256).unwrap();
    let ca_validity = Validity::of_ca("1d".parse().unwrap(), NOW).unwrap();
    let ca = Ca::new(key(), &Serial::from_be_bytes(&[1]), ca_validity, None).unwrap();
    let name = "alice".parse().unwrap();
    let mut late = ca_validity;
    late.not_after += time::Duration::SECOND;
    let refused = ca.issue_client(&name, &key(), Serial::from_be_bytes(&[2]), late);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the validity is not within the CA's, 2026-11-23 19:00 UTC to 2026-11-24 20:00 UTC"
    );

    for (octets, words) in [(vec![0], "00"), (vec![0x80; 20], &*"80".repeat(20))] {
        let serial = Serial::from_be_bytes(&octets);
        let refused = ca.issue_client(&name, &key(), serial, ca_validity);
        assert_eq!(
            refused.unwrap_err().to_string(),
            format!(
                "{words} cannot be a serial number: wanted a positive one of at most 20 octets"
            )
        );
    }
}

#[test]
fn what_cannot_be_asked_on_the_command_line_is_refused_in_words_too() {
    let none = SubjectAltNames::parse(Vec::<String>::new()).unwrap_err();
    assert_eq!(
        none.to_string(),
        "no SAN given: wanted at least one host name or address"
    );
    let life: Life = "7900y".parse().unwrap();
    let late = Validity::of_ca(life, datetime!(2999-01-01 0:00 UTC));
    assert_eq!(
        late.unwrap_err().to_string(),
        "`2883500d` ends after the year 9999: wanted a shorter life"
    );
}

#[test]
fn a_library_or_system_that_fails_is_told_in_words() {
    let key_type = KeyType::Rsa4096;
    let cause = || "out of memory".to_owned();
    for (error, words) in [
        (
            Error::Generation { key_type },
            "cannot make a key of type rsa4096",
        ),
        (
            Error::Signing { cause: cause() },
            "cannot sign: out of memory",
        ),
        (Error::NoRandomness, "the system gives no random bytes"),
    ] {
        assert_eq!(error.to_string(), words);
    }
    let unlockable = host::Error::Io {
        action: "lock",
        path: "/nfs/home/.lock".into(),
        cause: io::Error::from_raw_os_error(37),
    };
    assert_eq!(
        unlockable.to_string(),
        "cannot lock `/nfs/home/.lock`: no locks available"
    );
}

#[test]
fn a_reply_that_cannot_be_put_in_its_place_is_told_with_what_is_done() {
    let error =
        dockpki::error::Error::from(dockpki::plan::Error::Enroll(EnrollError::NotReplied {
            name: "laptop".into(),
            path: "laptop.reply.pem".into(),
            cause: "no such file or directory".into(),
        }));
    assert_eq!(
        error.to_string(),
        "the client `laptop` is signed, but the reply cannot be written to `laptop.reply.pem`: \
         no such file or directory"
    );
    assert_eq!(
        error.hint("dockpki").as_deref(),
        Some("write its reply again: dockpki client export laptop --as reply -o laptop.reply.pem")
    );
    assert_eq!(error.exit_code(), 3);
}

#[test]
fn a_disk_that_changed_since_the_plan_is_refused_and_left_alone() {
    let home = TestHome::with_ca(&[]);
    let ledger = home.path().join("issued.jsonl");
    let length = fs::metadata(&ledger).unwrap().len();
    let mut open = Home::open(&home.path(), Access::Write(Create::No), &|_| ()).unwrap();
    let before = snapshot(home.around());
    for change in [
        Change::Append {
            path: "issued.jsonl".into(),
            mode: 0o600,
            before: Some(length - 1),
            lines: "{}\n".into(),
        },
        Change::MakeDirectory {
            path: "issued.jsonl".into(),
            mode: 0o700,
        },
        Change::ReplaceFile {
            file: dockpki::plan::NewFile {
                path: "issued.jsonl".into(),
                mode: 0o600,
                content: dockpki::plan::Content::Public(String::new()),
            },
            before: b"else".to_vec().into(),
        },
    ] {
        let plan = Plan {
            command: "init",
            changes: vec![change],
        };
        let refused = host::apply(&mut open, &plan).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "cannot change `{}`: it changed since the plan was made",
                ledger.display()
            )
        );
        assert_eq!(before, snapshot(home.around()));
    }
}

//! What is done a second time, and output that nobody reads.

use super::*;

#[test]
fn a_second_init_changes_nothing() {
    let home = TestHome::with_ca(&[]);
    let before = everything(&home.path());
    for arguments in [
        INIT,
        &["init", "--san", "other.example.com", "--key-type", "p384"],
    ] {
        let ran = home.run(arguments).succeeds();
        assert!(ran.stdout.starts_with("Nothing was changed: "), "{ran:#?}");
        assert_eq!(ran.stderr, "");
        assert!(everything(&home.path()) == before);
    }
}

#[test]
fn one_taken_name_among_three_issues_nothing() {
    let home = TestHome::with_ca(&[]);
    let three = ["client", "issue", "bob", "alice", "carol"];
    let words = [
        "there is a client `alice` already, nothing was issued",
        "list",
    ];
    refuses(&home, &three, &words);
    let before = snapshot(&home.path());
    let twice = home.run(["client", "issue", "bob", "bob"]).fails(2);
    assert!(
        twice.stderr.contains("the name `bob` is given twice"),
        "{twice:#?}"
    );
    let bad = home.run(["client", "issue", "bob", "../carol"]).fails(2);
    assert!(
        bad.stderr.contains("`../carol` cannot be a name"),
        "{bad:#?}"
    );
    assert!(snapshot(&home.path()) == before);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let home = TestHome::with_ca(&[]);
    for arguments in [
        &["list"][..],
        &["verify"],
        &["man"],
        &["completions", "bash"],
        ISSUE,
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = home
            .command()
            .args(arguments)
            .stdout(writer)
            .output()
            .unwrap();
        let ran = Ran::from(ran).succeeds();
        assert!(!ran.stderr.contains("error"), "{ran:#?}");
        assert!(!ran.stderr.contains("panic"), "{ran:#?}");
    }
    assert_whole(&home);
    shell(
        &home,
        &format!("dockpki --home {} list | head -1", home.path().display()),
    );
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let home = TestHome::with_ca(&[]);
    for arguments in [&["list"][..], &["verify"], &["man"]] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let ran = home
            .command()
            .args(arguments)
            .stdout(full)
            .output()
            .unwrap();
        let ran = Ran::from(ran).fails(1);
        assert!(
            ran.stderr.contains("cannot be written: "),
            "{arguments:?}: {ran:#?}"
        );
    }
}

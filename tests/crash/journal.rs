//! Journals that are cut off or of another version.

use super::issue::Case;
use super::*;

#[test]
fn a_journal_cut_off_is_in_nobodys_way() {
    let case = Case::init(None);
    let calls = case.calls();
    let begun = calls
        .iter()
        .position(|call| call.contains("/.journal"))
        .unwrap()
        + 1;
    let home = case.home();
    assert!(killed_at(&home, case.arguments, begun + 1));
    let torn = |(path, ..): &(PathBuf, u32, Vec<u8>)| path.ends_with(".journal");
    assert!(snapshot(&home.path()).iter().any(torn));
    home.run(case.arguments.iter().chain(&["--dry-run"]))
        .succeeds();
    let verify = home.run(["verify"]).fails(1);
    assert!(verify.stderr.contains("there is no CA in"), "{verify:#?}");
    case.again(&home);
}

#[test]
fn a_journal_of_another_version_is_refused_and_kept() {
    let home = home_with_ca();
    let journal = home.path().join(".journal");
    let text = r#"{"version":2,"command":"client issue","phase":"staging","steps":[]}"#;
    fs::write(&journal, text).unwrap();
    let before = snapshot(&home.path());
    for arguments in [&["list"][..], &["client", "issue", "a"]] {
        let ran = home.run(arguments).fails(1);
        assert!(
            ran.stderr
                .contains("cannot be read: found version 2, wanted 1"),
            "{ran:#?}"
        );
        assert!(snapshot(&home.path()) == before);
    }
}

#[test]
fn the_plain_binary_does_not_know_the_variables_of_the_shim() {
    let mut command = dockpki();
    command
        .arg("--version")
        .env("FAULT_AT", "1")
        .env("FAULT_KIND", "kill");
    assert!(command.status().unwrap().success());
}

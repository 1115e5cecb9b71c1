//! Homes and files of somebody else.

use super::*;

const NOBODY: u32 = 65534;

fn give_to_nobody(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_to_nobody(&entry.unwrap().path());
        }
    }
}

#[track_caller]
fn assert_all_of_nobody(home: &TestHome) {
    let mut paths = vec![home.path(), home.path().join(".lock")];
    paths.extend(snapshot(&home.path()).into_iter().map(|(path, ..)| path));
    for path in paths {
        let metadata = path.metadata().unwrap();
        let owner = (metadata.uid(), metadata.gid());
        assert_eq!(owner, (NOBODY, NOBODY), "{}", path.display());
    }
}

/// Lets anybody go through the directories around the home, which are root's alone otherwise.
fn let_nobody_in(home: &TestHome) {
    set_mode(home.around(), 0o755);
}

fn run_as_nobody(home: &TestHome, arguments: &[&str]) -> Ran {
    let mut command = home.command();
    command.args(arguments).uid(NOBODY).gid(NOBODY);
    Ran::from(command.output().unwrap())
}

#[test]
fn root_reads_the_home_of_somebody_else_and_does_not_write_there() {
    if !has("root", is_root()) {
        return;
    }
    let home = TestHome::with_ca(&[]);
    let_nobody_in(&home);
    give_to_nobody(&home.path());
    let new = secret_file(&home, "new", "secret\n");
    let passwd = ["ca", "passwd", "--new-passphrase-file", &new];
    let server = ["server", "issue", "web", "--san", "web.example.com"];
    for arguments in [ISSUE, &server, &passwd] {
        refuses(&home, arguments, &["belongs to user 65534, not to you"]);
    }
    home.run(["list"]).succeeds();
    home.run(["ca", "show"]).succeeds();
    home.run(["verify"]).succeeds();

    run_as_nobody(&home, ISSUE).succeeds();
    assert_all_of_nobody(&home);
    assert_whole(&home);
}

#[test]
fn a_directory_of_somebody_else_is_no_new_home_for_root() {
    if !has("root", is_root()) {
        return;
    }
    let home = TestHome::new();
    fs::create_dir(home.path()).unwrap();
    give_to_nobody(&home.path());
    refuses(&home, INIT, &["belongs to user 65534, not to you"]);
    assert!(
        !home.path().join(".lock").exists(),
        "a lock was left behind"
    );
}

#[test]
fn a_user_without_rights_is_told_who_has_them() {
    if !has("root", is_root()) {
        return;
    }
    let home = TestHome::with_ca(&[]);
    let_nobody_in(&home);
    let before = everything(home.around());
    for arguments in [&["list"][..], &["verify"], ISSUE, INIT] {
        let ran = run_as_nobody(&home, arguments).fails(1);
        assert!(ran.stderr.contains("permission denied"), "{ran:#?}");
        assert!(
            ran.stderr
                .contains("hint: run it as the owner of the files"),
            "{ran:#?}"
        );
        assert!(everything(home.around()) == before);
    }
}

#[test]
fn a_user_with_any_umask_can_go_on_with_their_home() {
    if !has("root", is_root()) {
        return;
    }
    let home = TestHome::new();
    give_to_nobody(home.around());
    for arguments in [INIT, ISSUE, &["list"], &["verify"]] {
        let mut command = after("umask 0777", &home, arguments);
        command.uid(NOBODY).gid(NOBODY);
        Ran::from(command.output().unwrap()).succeeds();
    }
    assert_whole(&home);
}

#[test]
fn a_file_of_another_owner_is_found_and_mended() {
    if !has("root", is_root()) {
        return;
    }
    let home = TestHome::with_ca(&[]);
    for path in [
        "clients/alice/key.pem",
        "clients/alice",
        "ca.pem",
        "ca-key.pem",
    ] {
        chown(home.path().join(path), Some(NOBODY), None).unwrap();
        is_found_and_mended(&home, path, "owner 65534");
    }
    assert_whole(&home);
}

#[test]
fn under_sudo_the_client_is_named_after_the_caller() {
    if !has("root", is_root()) {
        return;
    }
    let home = TestHome::new();
    let mut command = home.command();
    command
        .args(["init", "--san", "localhost"])
        .env("SUDO_USER", "carol");
    Ran::from(command.output().unwrap()).succeeds();
    assert_eq!(clients(&home), BTreeSet::from(["carol".to_owned()]));

    let home = TestHome::new();
    let mut command = home.command();
    command
        .args(["init", "--san", "localhost"])
        .env("SUDO_USER", "DOMAIN\\carol");
    let ran = Ran::from(command.output().unwrap()).fails(2);
    assert!(
        ran.stderr
            .contains("the client would be named after you, but"),
        "{ran:#?}"
    );
    assert!(
        ran.stderr
            .contains("hint: name the client yourself with --client NAME")
    );
    assert!(!home.path().exists());
}

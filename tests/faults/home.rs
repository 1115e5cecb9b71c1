//! Homes that are none, are not whole, or are of another version.

use super::*;

#[test]
fn a_home_of_another_version_is_refused_by_every_command() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join("issued.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"version\":2,\"what\":\"else\"}\n");
    fs::write(&path, text).unwrap();
    let server = ["server", "issue", "web", "--san", "web.example.com"];
    for arguments in [ISSUE, &server, INIT, &["list"], &["verify"]] {
        let words = [
            "the home is of version 2, this dockpki knows version 1",
            "hint: use the",
        ];
        refuses(&home, arguments, &words);
    }
}

#[test]
fn a_torn_ledger_is_refused_with_its_line() {
    let home = TestHome::with_ca(&[]);
    let ledger = home.path().join("issued.jsonl");
    truncate(&ledger);
    let torn = fs::read(&ledger).unwrap();
    let words = format!("line 2 of `{}` is no entry", ledger.display());
    for arguments in [ISSUE, &["list"]] {
        refuses(&home, arguments, &[&words]);
    }
    let [found] = &findings(&home)[..] else {
        panic!("{:#?}", findings(&home));
    };
    assert!(found.path.ends_with("issued.jsonl") && found.mend.contains("backup"));
    // What it prints mends it, and keeps what was there.
    let (_, mend) = found.mend.split_once("or drop the line: ").unwrap();
    let mended = Command::new("sh").args(["-c", mend]).status().unwrap();
    assert!(mended.success(), "{mend}");
    home.run(ISSUE).succeeds();
    let files = fs::read_dir(home.path()).unwrap();
    let mut kept = files.filter_map(|file| fs::read(file.unwrap().path()).ok());
    assert!(kept.any(|content| content == torn));
}

#[test]
fn a_file_in_the_place_of_the_home_is_refused() {
    let home = TestHome::new();
    fs::write(home.path(), "mine").unwrap();
    for arguments in [INIT, ISSUE, &["list"], &["verify"], &["ca", "show"]] {
        refuses(
            &home,
            arguments,
            &["is no directory: wanted the directory of a home"],
        );
    }
}

#[test]
fn a_file_above_the_home_is_refused() {
    let home = TestHome::new();
    let file = home.around().join("file");
    fs::write(&file, "mine").unwrap();
    let before = snapshot(home.around());
    let mut command = support::dockpki();
    command.arg("--home").arg(file.join("home")).args(INIT);
    let ran = Ran::from(command.output().unwrap()).fails(1);
    assert!(ran.stderr.contains("not a directory"), "{ran:#?}");
    assert!(snapshot(home.around()) == before);
}

#[test]
fn a_file_in_the_place_of_the_servers_is_refused() {
    let home = TestHome::with_ca(&[]);
    fs::remove_dir_all(home.path().join("servers")).unwrap();
    fs::write(home.path().join("servers"), "mine").unwrap();
    let servers = home.path().join("servers");
    let words = [servers.to_str().unwrap(), "directory"];
    refuses(
        &home,
        &["server", "issue", "web", "--san", "web.example.com"],
        &words,
    );
    refuses(&home, &["list"], &words);
    refuses(&home, &["verify"], &words);
}

#[test]
fn missing_directories_of_servers_and_clients_are_no_dead_end() {
    let home = TestHome::with_ca(&[]);
    fs::remove_dir_all(home.path().join("clients")).unwrap();
    assert_eq!(list(&home).len(), 2);
    home.run(["verify"]).succeeds();
    home.run(ISSUE).succeeds();
    home.run(["verify"]).succeeds();
}

#[test]
fn a_directory_of_somebody_else_is_refused_as_a_home() {
    let home = TestHome::new();
    fs::create_dir(home.path()).unwrap();
    set_mode(&home.path(), 0o755);
    fs::write(home.path().join("thesis.txt"), "mine").unwrap();
    let words = ["is no dockpki home: found `thesis.txt` in it, wanted an empty or new directory"];
    refuses(&home, INIT, &words);
    assert!(
        !home.path().join(".lock").exists(),
        "a lock was left behind"
    );
    assert_eq!(home.path().metadata().unwrap().mode() & 0o7777, 0o755);
    refuses(&home, ISSUE, &["there is no CA in"]);
    refuses(&home, &["list"], &["there is no CA in"]);
    assert!(
        !home.path().join(".lock").exists(),
        "a lock was left behind"
    );
}

#[test]
fn a_home_that_is_not_there_is_not_made_by_who_reads() {
    let home = TestHome::new();
    for arguments in [&["list"][..], &["verify"], &["ca", "show"], ISSUE] {
        let ran = refuses(&home, arguments, &["there is no CA in", "init --san"]);
        assert!(ran.stderr.contains(home.path().to_str().unwrap()));
        assert!(!home.path().exists());
    }
    let mut command = support::dockpki();
    let ran = Ran::from(
        command
            .args(["--home", "/nonexistent", "list"])
            .output()
            .unwrap(),
    );
    let ran = ran.fails(1);
    let words = "error: there is no CA in `/nonexistent`\n\
                 hint: make one: dockpki --home /nonexistent init --san localhost,127.0.0.1\n";
    assert_eq!(ran.stderr, words);
    assert!(!Path::new("/nonexistent").exists());
}

#[test]
fn a_client_that_is_a_file_is_found_and_its_name_is_taken() {
    let home = TestHome::with_ca(&[]);
    fs::write(home.path().join("clients/bob"), "mine").unwrap();
    refuses(
        &home,
        ISSUE,
        &["there is a client `bob` already, nothing was issued"],
    );
    home.run(["list"]).succeeds();
    is_found_and_mended(&home, "clients/bob", "something else");
    home.run(ISSUE).succeeds();
    assert_whole(&home);
}

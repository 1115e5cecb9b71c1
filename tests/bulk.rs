//! `client issue --from`: what a user sees, held against the goldens in `tests/cli/bulk`, and what
//! is in the home after it was stopped.
//!
//! After a change of words: `SNAPSHOTS=overwrite cargo test --test bulk`, then read the diff.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use dockpki::pki::Certificate;
use dockpki::plan::bundle::Bundle;
use dockpki::plan::ledger::Event;
use support::golden::{command, goldens_of};
use support::{Ran, TestHome, fault, has, snapshot};

goldens_of!("bulk", "bulk.rs");

/// A home with the client `alice`, and this list beside it.
fn home_with_list(list: &str) -> TestHome {
    let home = TestHome::with_ca(&[]);
    fs::write(home.around().join("team.csv"), list).unwrap();
    home
}

const TEAM: &str = "name,life\nbob,\ncarol,8h\nci-7,2y\n";
const ISSUE: &str = "dockpki client issue --from team.csv";

/// The serial of each client's certificate.
fn serials(home: &TestHome) -> BTreeMap<String, String> {
    let Ok(clients) = fs::read_dir(home.path().join("clients")) else {
        return BTreeMap::new();
    };
    let clients = clients.map(|client| client.unwrap());
    let named = clients.map(|client| client.file_name().into_string().unwrap());
    let whole = named.filter(|name| !name.starts_with('.'));
    let serial = |name: String| {
        let certificate = home.path().join("clients").join(&name).join("cert.pem");
        let certificate = Certificate::from_pem(&fs::read(certificate).unwrap()).unwrap();
        (name, certificate.serial.to_string())
    };
    whole.map(serial).collect()
}

/// The serials that the ledger says were issued to clients; each once, or this fails.
fn issued(home: &TestHome) -> BTreeMap<String, String> {
    let entries = home.ledger().into_iter();
    let issued = entries.filter(|entry| entry.event == Event::Issued && entry.kind == "client");
    let mut named = BTreeMap::new();
    for entry in issued {
        let twice = named.insert(entry.name.clone(), entry.serial);
        assert_eq!(twice, None, "{} was issued twice", entry.name);
    }
    named
}

#[test]
fn a_list_is_issued_with_the_lives_it_says() {
    let home = home_with_list(TEAM);
    done(&home, &format!("{ISSUE} --valid-for 90d"), "issue");
    let hours = |name: &str| {
        let path = home.path().join("clients").join(name).join("cert.pem");
        let certificate = Certificate::from_pem(&fs::read(path).unwrap()).unwrap();
        let validity = certificate.validity;
        // It begins an hour before now, or with the CA.
        (validity.not_after - validity.not_before).whole_hours() / 24
    };
    assert_eq!(["bob", "carol", "ci-7"].map(hours), [90, 0, 730]);
    assert_eq!(serials(&home), issued(&home));
    home.run(["verify"]).succeeds();
}

#[test]
fn what_is_there_is_left_as_it_is() {
    let home = home_with_list("alice\nbob\n");
    let before = serials(&home);
    done(&home, ISSUE, "goes_on");
    assert_eq!(serials(&home)["alice"], before["alice"]);
    shown(&home, ISSUE, "everybody_is_there");
    shown(
        &home,
        &format!("{ISSUE} --output json"),
        "everybody_is_there_as_json",
    );
    shown(
        &home,
        &format!("{ISSUE} --quiet"),
        "everybody_is_there_quiet",
    );
    fs::write(home.around().join("team.csv"), "alice\n").unwrap();
    shown(&home, ISSUE, "the_only_one_is_there");
}

#[test]
fn a_dry_run_tells_whom_it_would_issue() {
    let home = home_with_list("alice\nb0\nb1\nb2\nb3\nb4\nb5\nb6\nb7\nb8\nb9\n");
    shown(&home, &format!("{ISSUE} --dry-run"), "as_dry_run");
    shown(
        &home,
        &format!("{ISSUE} --dry-run --output json"),
        "as_dry_run_as_json",
    );
}

#[test]
fn done_as_json() {
    let home = home_with_list(TEAM);
    done(&home, &format!("{ISSUE} --output json"), "as_json");
}

#[test]
fn quiet_says_nothing() {
    let home = home_with_list(TEAM);
    done(&home, &format!("{ISSUE} --quiet"), "quiet");
}

#[test]
fn lives_beyond_the_ca_are_cut_with_one_warning() {
    let home = TestHome::with_ca(&["--ca-valid-for", "100d", "--valid-for", "10d"]);
    fs::write(home.around().join("team.csv"), TEAM).unwrap();
    done(&home, ISSUE, "cut_to_the_ca");
}

#[test]
fn a_list_is_judged_whole_before_the_first_key() {
    let home =
        home_with_list("bob\n# fine\na b\ncarol,8x\nbob\nx,1h,,y,z\n-y\nz,9h,h:2376\n_\n.\n/\n");
    refused(&home, ISSUE, "refuses_lines_that_cannot_be_taken");
    fs::write(
        home.around().join("team.csv"),
        "name,mail\nbob,b@example.com\n",
    )
    .unwrap();
    refused(&home, ISSUE, "refuses_a_column_nobody_knows");
    fs::write(home.around().join("team.csv"), "# nobody yet\n").unwrap();
    refused(&home, ISSUE, "refuses_an_empty_list");
    refused(
        &home,
        "dockpki client issue --from nowhere.csv",
        "refuses_a_list_that_is_not_there",
    );
    refused(
        &home,
        "dockpki client issue",
        "refuses_neither_names_nor_list",
    );
    refused(&home, &format!("{ISSUE} bob"), "refuses_names_and_list");
    refused(&home, &format!("{ISSUE} --jobs 0"), "refuses_no_jobs");
    fs::write(home.around().join("team.csv"), "bob,9000y\n").unwrap();
    refused(&home, ISSUE, "refuses_a_life_beyond_any");
    let list = "bob\nBob\naux.box\nAlice\ncarol.\nBOB\n";
    fs::write(home.around().join("team.csv"), list).unwrap();
    refused(&home, ISSUE, "refuses_names_that_differ_by_case_alone");
    let list = "bob\naux.box\nAlice\ncarol.\n";
    fs::write(home.around().join("team.csv"), list).unwrap();
    refused(&home, ISSUE, "refuses_names_no_laptop_can_have");
}

#[test]
fn a_name_the_ca_may_not_sign_for_stops_all_of_it() {
    let home = TestHome::with_ca(&["--constrain"]);
    fs::write(home.around().join("team.csv"), "bob\nmallory.example.com\n").unwrap();
    refused(&home, ISSUE, "refuses_a_name_the_ca_does_not_permit");
}

#[test]
fn a_home_without_ca_is_told_how_to_make_one() {
    let home = TestHome::new();
    fs::write(home.around().join("team.csv"), TEAM).unwrap();
    refused(&home, ISSUE, "refuses_a_home_without_ca");
}

#[test]
fn a_list_comes_by_standard_input() {
    let home = TestHome::with_ca(&[]);
    let mut issue = command(&home, "dockpki client issue --from - --jobs 2");
    issue
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut issue = issue.spawn().unwrap();
    let mut input = issue.stdin.take().unwrap();
    input.write_all(b"bob\r\ncarol\r\n").unwrap();
    drop(input);
    Ran::from(issue.wait_with_output().unwrap()).succeeds();
    let names = BTreeSet::from_iter(serials(&home).into_keys());
    assert_eq!(names, ["alice", "bob", "carol"].map(str::to_owned).into());
}

/// More than a batch.
const MANY: usize = 1100;

/// A home with the client `alice`, and a list of many beside it.
fn home_with_many() -> TestHome {
    let home = TestHome::in_memory();
    home.run(["init", "--san", "localhost", "--client", "alice"])
        .succeeds();
    let list = (0..MANY).map(|number| format!("c{number:04}\n"));
    fs::write(home.around().join("team.csv"), list.collect::<String>()).unwrap();
    home
}

/// How many calls that change the disk it takes.
fn calls_of_issue(home: &TestHome) -> usize {
    let log = home.around().join("log");
    let logged = [("FAULT_LOG", log.to_str().unwrap())];
    fault::run(&mut command(home, ISSUE), &logged)
        .ran
        .succeeds();
    fs::read_to_string(log).unwrap().lines().count()
}

const EXPORT: &str = "dockpki client issue --from team.csv --export out";

/// The names in the directory of exports.
fn exports(home: &TestHome) -> BTreeSet<String> {
    let Ok(out) = fs::read_dir(home.around().join("out")) else {
        return BTreeSet::new();
    };
    out.map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn each_client_of_a_list_is_handed_out_as_it_says() {
    let list = "name,host,format\nalice,,\nbob,tcp://web-2:2376,\ncarol,,tar\ndan,,dir\neve,,env\n";
    let home = home_with_list(list);
    let line = format!("{EXPORT} --as context --host tcp://web-1:2376");
    shown(&home, &format!("{line} --dry-run"), "export_as_dry_run");
    done(&home, &line, "export");
    let wanted = [
        "alice.dockercontext",
        "bob.dockercontext",
        "carol.tar.gz",
        "dan",
        "eve.env",
    ];
    assert_eq!(exports(&home), wanted.map(str::to_owned).into());
    for (name, host) in [
        ("alice.dockercontext", Some("tcp://web-1:2376")),
        ("bob.dockercontext", Some("tcp://web-2:2376")),
        ("carol.tar.gz", None),
        ("eve.env", Some("tcp://web-1:2376")),
    ] {
        let path = home.around().join("out").join(name);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{name}");
        let bundle = Bundle::read(&fs::read(path).unwrap()).unwrap();
        let client = name.split('.').next().unwrap();
        let ours = home.path().join("clients").join(client);
        let key = fs::read(ours.join("key.pem")).unwrap();
        assert!(bundle.files.key.unwrap().as_slice() == key, "{name}");
        let found = bundle.host.map(|host| host.to_string());
        assert_eq!(found.as_deref(), host, "{name}");
    }
    let key = home.around().join("out/dan/key.pem");
    assert_eq!(
        fs::metadata(key).unwrap().permissions().mode() & 0o7777,
        0o400
    );
    let held = home.run(["list", "--clients"]).succeeds();
    assert_eq!(held.stdout.matches("current").count(), 5, "{held:#?}");
    shown(&home, &line, "export_again");
    // What went out once is handed out again where it is not any more.
    fs::remove_file(home.around().join("out/eve.env")).unwrap();
    shown(
        &home,
        &format!("{line} --dry-run"),
        "export_the_rest_as_dry_run",
    );
    done(
        &home,
        &format!("{line} --output json"),
        "export_the_rest_as_json",
    );
    assert_eq!(exports(&home).len(), 5);
}

#[test]
fn what_cannot_be_handed_out_is_refused_before_the_first_key() {
    let home = home_with_list("bob\ncarol,,,zip\n");
    refused(&home, EXPORT, "refuses_an_export_without_a_format");
    let line = format!("{EXPORT} --as context");
    refused(&home, &line, "refuses_an_export_without_a_host");
    refused(&home, ISSUE, "refuses_a_format_without_export");
    refused(
        &home,
        &format!("{EXPORT} --as reply"),
        "refuses_a_form_without_key",
    );
    let line = "dockpki client issue bob --export out --as tar";
    refused(&home, line, "refuses_export_without_a_list");
    fs::create_dir(home.around().join("out")).unwrap();
    fs::write(home.around().join("out/bob.tar.gz"), "theirs").unwrap();
    let line = format!("{EXPORT} --as tar");
    refused(&home, &line, "refuses_to_replace_what_is_there");
    fs::remove_dir_all(home.around().join("out")).unwrap();
    fs::write(home.around().join("out"), "a file").unwrap();
    refused(&home, &line, "refuses_a_file_for_a_directory");
}

#[test]
fn killed_anywhere_the_same_command_hands_out_the_rest() {
    let line = format!("{EXPORT} --as context --host tcp://h:2376");
    let counted = home_with_many();
    let log = counted.around().join("log");
    let logged = [("FAULT_LOG", log.to_str().unwrap())];
    fault::run(&mut command(&counted, &line), &logged)
        .ran
        .succeeds();
    assert_eq!(exports(&counted).len(), MANY);
    let calls = fs::read_to_string(log).unwrap().lines().count();
    const POINTS: usize = 10;
    for point in 1..POINTS {
        let home = home_with_many();
        let at = (calls * point / POINTS).to_string();
        let kill = [("FAULT_AT", at.as_str()), ("FAULT_KIND", "kill")];
        assert!(fault::run(&mut command(&home, &line), &kill).killed, "{at}");
        let before = serials(&home);
        // Nothing half-made is there, and nothing that the ledger does not know.
        let issued_before = issued(&home);
        for name in exports(&home) {
            let client = name.strip_suffix(".dockercontext").unwrap();
            assert!(issued_before.contains_key(client), "{name}, at call {at}");
            let file = fs::read(home.around().join("out").join(&name)).unwrap();
            Bundle::read(&file).unwrap();
        }
        Ran::from(command(&home, &line).output().unwrap()).succeeds();
        assert_eq!(exports(&home).len(), MANY, "at call {at}");
        let after = serials(&home);
        assert_eq!(after, issued(&home), "at call {at}");
        for (name, serial) in before {
            assert_eq!(after[&name], serial, "{name}, at call {at}");
        }
    }
}

#[test]
fn killed_anywhere_the_same_command_finishes_the_rest_and_repeats_nothing() {
    let calls = calls_of_issue(&home_with_many());
    // Some in each batch, while it is staged and while it is published.
    const POINTS: usize = 16;
    let mut halves = 0;
    for point in 1..POINTS {
        let home = home_with_many();
        let at = (calls * point / POINTS).to_string();
        let ran = fault::run(
            &mut command(&home, ISSUE),
            &[("FAULT_AT", &at), ("FAULT_KIND", "kill")],
        );
        assert!(ran.killed, "not at call {at}");
        home.run(["list"]).succeeds();
        let before = serials(&home);
        assert_eq!(before, issued(&home), "at call {at}");
        halves += usize::from(before.len() > 1 && before.len() < MANY + 1);
        Ran::from(command(&home, ISSUE).output().unwrap()).succeeds();
        let after = serials(&home);
        assert_eq!(after.len(), MANY + 1, "at call {at}");
        assert_eq!(after, issued(&home), "at call {at}");
        for (name, serial) in before {
            assert_eq!(after[&name], serial, "{name}, at call {at}");
        }
    }
    assert!(
        halves > 0,
        "never killed after one batch and before the next"
    );
}

#[test]
fn a_failure_after_the_first_batch_says_how_many_are_there() {
    let (whole, home) = (home_with_many(), home_with_many());
    let at = (calls_of_issue(&whole) - 30).to_string();
    let ran = fault::run(
        &mut command(&home, ISSUE),
        &[("FAULT_AT", &at), ("FAULT_KIND", "enospc")],
    );
    let ran = ran.ran.fails(3);
    ran.says("1024 of 1100 clients were issued, then: ");
    ran.says("no space left on device");
    ran.says("run the same again: it goes on where it stopped");
    assert_eq!(serials(&home).len(), 1024 + 1);
    assert_eq!(serials(&home), issued(&home));
    let left = snapshot(&home.path());
    let staged = left.iter().filter(|(path, ..)| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with('.')
    });
    assert_eq!(staged.count(), 0, "something is left behind");
    Ran::from(command(&home, ISSUE).output().unwrap()).succeeds();
    assert_eq!(serials(&home).len(), MANY + 1);
}

#[test]
fn memory_is_flat_in_the_number_of_clients() {
    let python = Command::new("python3").arg("--version").output();
    if !has("python3", python.is_ok()) {
        return;
    }
    let (few, many) = (peak_memory(2048), peak_memory(8192));
    // A row, or a line of the ledger, kept for each client would be a fifth of a KiB or more.
    assert!(many < few + 1200, "{few} KiB, then {many} KiB");
}

/// The peak resident memory in KiB of issuing and handing out so many, as its parent is told.
fn peak_memory(clients: usize) -> usize {
    let home = TestHome::in_memory();
    home.run(["init", "--san", "localhost"]).succeeds();
    let list = (0..clients).map(|number| format!("c{number:05}\n"));
    fs::write(home.around().join("team.csv"), list.collect::<String>()).unwrap();
    let line = format!("{ISSUE} --export out --as context --host tcp://web-1:2376 --jobs 2");
    let issue = command(&home, &line);
    let script = "import resource, subprocess, sys\n\
                  subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\n\
                  print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let mut parent = Command::new("python3");
    parent.args(["-c", script]).arg(issue.get_program());
    parent.args(issue.get_args());
    parent.envs(
        issue
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    parent.current_dir(issue.get_current_dir().unwrap());
    // With one arena a thread the peak depends on which thread freed what.
    parent.env("MALLOC_ARENA_MAX", "1");
    let ran = Ran::from(parent.output().unwrap()).succeeds();
    ran.stdout.trim().parse().unwrap()
}

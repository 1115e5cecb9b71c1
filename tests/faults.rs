//! Mistakes and misfortunes: each has a clear error, and nothing is left behind.
//!
//! What happens when a system call fails or the program is killed is in tests/crash.rs.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

mod support;

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dockpki::pki::{Ca, KeyType, Life, PrivateKey, Serial, Validity};
use support::by_hand::{self, ca_of, days, put_client};
use support::{Ran, TestHome, has, is_root, program_exists, snapshot};
use time::{Duration, OffsetDateTime};

const INIT: &[&str] = &["init", "--san", "localhost,127.0.0.1", "--client", "alice"];
const ISSUE: &[&str] = &["client", "issue", "bob"];

/// Runs a command that must be refused: with these words on standard error, nothing on standard
/// output, and nothing changed.
#[track_caller]
fn refuses<S: AsRef<str>>(home: &TestHome, arguments: &[S], words: &[&str]) -> Ran {
    let before = everything(home.around());
    let ran = home.run(arguments.iter().map(AsRef::as_ref)).fails(1);
    for word in words {
        assert!(ran.stderr.contains(word), "no {word:?} in {ran:#?}");
    }
    assert!(ran.stderr.starts_with("error: "), "{ran:#?}");
    let lines = ran.stderr.lines().count();
    assert!(lines <= 2, "an error and a hint, a line each: {ran:#?}");
    assert_eq!(ran.stdout, "");
    assert!(
        everything(home.around()) == before,
        "something was left behind"
    );
    ran
}

/// A snapshot that has owners too, and the lock file's presence.
fn everything(directory: &Path) -> Vec<(PathBuf, u32, Vec<u8>, u32, bool)> {
    let entries = snapshot(directory).into_iter();
    let with_owner = entries.map(|(path, mode, content)| {
        let owner = path.symlink_metadata().unwrap().uid();
        let locked = path.join(".lock").exists();
        (path, mode, content, owner, locked)
    });
    with_owner.collect()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Puts other content into a file and leaves its mode as it is.
fn overwrite(path: &Path, content: impl AsRef<[u8]>) {
    let mode = path.metadata().unwrap().mode();
    set_mode(path, 0o600);
    fs::write(path, content).unwrap();
    set_mode(path, mode & 0o7777);
}

fn truncate(path: &Path) {
    let content = fs::read(path).unwrap();
    overwrite(path, &content[..content.len() / 2]);
}

/// A file for its owner alone.
fn secret_file(home: &TestHome, name: &str, text: &str) -> String {
    let path = home.around().join(name);
    fs::write(&path, text).unwrap();
    set_mode(&path, 0o600);
    path.to_str().unwrap().to_owned()
}

fn list(home: &TestHome) -> Vec<serde_json::Value> {
    let ran = home.run(["list", "--output", "json"]).succeeds();
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    report["certificates"].as_array().unwrap().clone()
}

fn state_of(home: &TestHome, name: &str) -> String {
    let all = list(home);
    let found = all.iter().find(|it| it["name"] == name).unwrap();
    found["state"].as_str().unwrap().to_owned()
}

/// The names of all clients but alice.
fn clients(home: &TestHome) -> BTreeSet<String> {
    let all = list(home).into_iter().filter(|it| it["kind"] == "client");
    let names = all.map(|it| it["name"].as_str().unwrap().to_owned());
    names.filter(|name| name != "alice").collect()
}

fn ledger(home: &TestHome) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(home.path().join("issued.jsonl")).unwrap();
    assert!(text.ends_with('\n'), "the last line is torn");
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// Asserts that `verify` finds nothing, and that the ledger has each certificate once.
#[track_caller]
fn assert_whole(home: &TestHome) {
    let ran = home.run(["verify"]).succeeds();
    assert!(ran.stdout.contains("nothing found"), "{ran:#?}");
    let serials = |all: Vec<serde_json::Value>| {
        let mut all: Vec<_> = all.iter().map(|it| it["serial"].to_string()).collect();
        all.sort();
        all
    };
    assert_eq!(serials(ledger(home)), serials(list(home)));
    let hidden = snapshot(&home.path()).into_iter().map(|(path, ..)| path);
    for path in hidden {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.starts_with('.'), "{} was left behind", path.display());
    }
}

#[derive(Debug)]
struct Found {
    path: String,
    found: String,
    mend: String,
}

fn findings(home: &TestHome) -> Vec<Found> {
    let ran = home.run(["verify", "--output", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(ran.code, i32::from(!findings.is_empty()), "{ran:#?}");
    let text = |finding: &serde_json::Value, field: &str| finding[field].as_str().unwrap().into();
    let found = findings.iter().map(|finding| Found {
        path: text(finding, "path"),
        found: text(finding, "found"),
        mend: text(finding, "mend"),
    });
    found.collect()
}

/// Runs a hint as it is printed, in a shell where `dockpki` is the binary under test.
#[track_caller]
fn shell(home: &TestHome, command: &str) {
    let programs = home.around().join("bin");
    if !programs.exists() {
        fs::create_dir(&programs).unwrap();
        symlink(env!("CARGO_BIN_EXE_dockpki"), programs.join("dockpki")).unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("sh")
        .args(["-c", command])
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("TMPDIR", home.around())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
}

/// Asserts that `verify` finds something at the path in these words, and that what it says mends
/// it does.
#[track_caller]
fn is_found_and_mended(home: &TestHome, path: &str, words: &str) {
    let all = findings(home);
    let path = home.path().join(path);
    let told = all
        .iter()
        .any(|it| Path::new(&it.path) == path && it.found.contains(words));
    let texts: Vec<_> = all
        .iter()
        .map(|it| format!("{}: {}", it.path, it.found))
        .collect();
    assert!(told, "no {words:?} at {} in {texts:#?}", path.display());
    let mut left = all;
    for _ in 0..8 {
        let Some(first) = left.first() else {
            assert!(
                home.run(["verify"])
                    .succeeds()
                    .stdout
                    .contains("nothing found")
            );
            return;
        };
        shell(home, &first.mend);
        left = findings(home);
    }
    panic!(
        "not mended: {}: {}: {}",
        left[0].path, left[0].found, left[0].mend
    );
}

/// A command that runs another under a umask, or whatever else a shell sets up first.
fn after(setup: &str, home: &TestHome, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{setup}; exec \"$@\""), "sh"]);
    command
        .arg(env!("CARGO_BIN_EXE_dockpki"))
        .arg("--home")
        .arg(home.path());
    command.args(arguments).stdin(Stdio::null());
    command
}

#[test]
fn modes_are_the_same_under_any_umask() {
    let wanted = [
        ("", 0o700),
        (".lock", 0o600),
        ("ca-key.pem", 0o400),
        ("ca.pem", 0o444),
        ("clients", 0o700),
        ("clients/alice", 0o700),
        ("clients/alice/ca.pem", 0o444),
        ("clients/alice/cert.pem", 0o444),
        ("clients/alice/key.pem", 0o400),
        ("clients/bob", 0o700),
        ("clients/bob/ca.pem", 0o444),
        ("clients/bob/cert.pem", 0o444),
        ("clients/bob/key.pem", 0o400),
        ("issued.jsonl", 0o600),
        ("servers", 0o700),
        ("servers/localhost", 0o700),
        ("servers/localhost/ca.pem", 0o444),
        ("servers/localhost/server-cert.pem", 0o444),
        ("servers/localhost/server-key.pem", 0o400),
    ];
    for umask in ["000", "022", "077", "0777"] {
        let home = TestHome::new();
        for arguments in [INIT, ISSUE] {
            let setup = format!("umask {umask}");
            Ran::from(after(&setup, &home, arguments).output().unwrap()).succeeds();
        }
        for (path, mode) in wanted {
            let found = home.path().join(path).metadata().unwrap().mode() & 0o7777;
            assert_eq!(
                format!("{found:04o}"),
                format!("{mode:04o}"),
                "{path}, umask {umask}"
            );
        }
        let files = snapshot(&home.path()).len();
        assert_eq!(
            files,
            wanted.len() - 2,
            "umask {umask}: all but the home and its lock"
        );
        assert_whole(&home);
    }
}

#[test]
fn ten_clients_at_once_are_ten_certificates() {
    let home = TestHome::with_ca(&[]);
    let names: BTreeSet<String> = (0..10).map(|number| format!("client-{number}")).collect();
    let spawn = |name: &String| {
        let mut command = home.command();
        command
            .args(["client", "issue", name])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let running: Vec<_> = names.iter().map(spawn).collect();
    for child in running {
        Ran::from(child.wait_with_output().unwrap()).succeeds();
    }
    assert_eq!(clients(&home), names);
    let serials: BTreeSet<_> = ledger(&home)
        .iter()
        .map(|it| it["serial"].to_string())
        .collect();
    assert_eq!(serials.len(), 13, "ten, alice, the server and the CA");
    assert_whole(&home);
}

#[test]
fn one_name_ten_times_at_once_is_one_certificate() {
    let home = TestHome::with_ca(&[]);
    let spawn = |_| {
        let mut command = home.command();
        command
            .args(ISSUE)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let running: Vec<_> = (0..10).map(spawn).collect();
    let mut made = 0;
    for child in running {
        let ran = Ran::from(child.wait_with_output().unwrap());
        match ran.code {
            0 => made += 1,
            _ => assert!(
                ran.fails(1)
                    .stderr
                    .contains("there is a client `bob` already, nothing was issued")
            ),
        }
    }
    assert_eq!(made, 1);
    assert_whole(&home);
}

#[test]
fn ten_inits_at_once_make_one_ca() {
    for _ in 0..5 {
        let home = TestHome::new();
        let spawn = |_| {
            let mut command = home.command();
            command
                .args(INIT)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let running: Vec<_> = (0..10).map(spawn).collect();
        let mut made = 0;
        for child in running {
            let ran = Ran::from(child.wait_with_output().unwrap()).succeeds();
            match ran.stdout.starts_with("Made 3 certificates") {
                true => made += 1,
                false => assert!(ran.stdout.starts_with("Nothing was changed"), "{ran:#?}"),
            }
        }
        assert_eq!(made, 1);
        assert_eq!(ledger(&home).len(), 3);
        assert_whole(&home);
    }
}

/// A home whose CA is old, with the client `old`, which is due, beside alice and the server.
fn home_with_due() -> TestHome {
    let home = by_hand::home_with_ca_of(days(-1000, 2650));
    home.run(["server", "issue", "localhost", "--san", "localhost"])
        .succeeds();
    home.run(["client", "issue", "alice"]).succeeds();
    put_client(&home, &ca_of(&home), "old", days(-300, 65));
    home
}

#[test]
fn ten_renewals_at_once_renew_what_is_due_once() {
    let home = home_with_due();
    let before = ledger(&home).len();
    let spawn = |_| {
        let mut command = home.command();
        command.arg("renew");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let running: Vec<_> = (0..10).map(spawn).collect();
    let mut renewed = 0;
    for child in running {
        let ran = Ran::from(child.wait_with_output().unwrap()).succeeds();
        match ran.stdout.starts_with("Renewed 1 certificate") {
            true => renewed += 1,
            false => assert!(ran.stdout.contains("nothing is due"), "{ran:#?}"),
        }
    }
    assert_eq!(renewed, 1);
    assert_eq!(ledger(&home).len(), before + 1);
    home.run(["verify"]).succeeds();
}

#[test]
fn ten_forced_renewals_at_once_lose_no_certificate() {
    let home = TestHome::with_ca(&[]);
    let spawn = |_| {
        let mut command = home.command();
        command.args(["renew", "--force"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let running: Vec<_> = (0..10).map(spawn).collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    let archive = fs::read_dir(home.path().join("archive")).unwrap();
    let archived = archive.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let now = list(&home)
        .into_iter()
        .map(|it| it["serial"].as_str().unwrap().to_owned());
    let there: BTreeSet<_> = archived.chain(now).collect();
    let entered = ledger(&home).into_iter();
    let entered: BTreeSet<_> = entered
        .map(|it| it["serial"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(there, entered);
    assert_eq!(there.len(), 23, "the CA, two, and ten times two");
    home.run(["verify"]).succeeds();
}

#[test]
fn a_reader_beside_writers_never_sees_a_half() {
    let home = TestHome::with_ca(&[]);
    let spawn = |number| {
        let mut command = home.command();
        let names = [format!("left-{number}"), format!("right-{number}")];
        command.args(["client", "issue"]).args(names);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let mut running: Vec<_> = (0..6).map(spawn).collect();
    loop {
        let ended = |child: &mut std::process::Child| child.try_wait().unwrap().is_some();
        let all_ended = running.iter_mut().all(ended);
        let names = clients(&home);
        for name in &names {
            let other = match name.split_once('-').unwrap() {
                ("left", number) => format!("right-{number}"),
                (_, number) => format!("left-{number}"),
            };
            assert!(names.contains(&other), "{name} without {other}");
        }
        for certificate in list(&home) {
            assert_eq!(certificate["state"], "valid", "{certificate}");
        }
        home.run(["verify"]).succeeds();
        if all_ended {
            break;
        }
    }
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(clients(&home).len(), 12);
    assert_whole(&home);
}

#[test]
fn refuses_to_issue_with_a_truncated_ca_certificate() {
    let home = TestHome::with_ca(&[]);
    truncate(&home.path().join("ca.pem"));
    let ca = home.path().join("ca.pem");
    for arguments in [ISSUE, &["list"], &["ca", "show"], INIT] {
        let ran = refuses(&home, arguments, &[ca.to_str().unwrap(), "it is cut short"]);
        assert!(ran.stderr.contains("verify"), "{ran:#?}");
    }
    is_found_and_mended(&home, "ca.pem", "it is cut short");
    home.run(ISSUE).succeeds();
}

#[test]
fn refuses_to_issue_with_an_empty_ca_certificate() {
    let home = TestHome::with_ca(&[]);
    overwrite(&home.path().join("ca.pem"), "");
    refuses(&home, ISSUE, &["ca.pem"]);
    is_found_and_mended(&home, "ca.pem", "");
}

#[test]
fn refuses_the_key_of_another_ca() {
    let home = TestHome::with_ca(&[]);
    let other = TestHome::with_ca(&[]);
    let key = home.path().join("ca-key.pem");
    let good = fs::read(&key).unwrap();
    overwrite(&key, fs::read(other.path().join("ca-key.pem")).unwrap());
    let words = [
        key.to_str().unwrap(),
        "does not belong to the certificate",
        "backup",
    ];
    refuses(&home, ISSUE, &words);
    let new = secret_file(&home, "new", "secret\n");
    refuses(
        &home,
        &["ca", "passwd", "--new-passphrase-file", &new],
        &words,
    );
    let all = findings(&home);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].path, key.to_str().unwrap());
    assert_eq!(all[0].found, "the key of another CA");
    overwrite(&key, good);
    assert_whole(&home);
}

#[test]
fn refuses_a_truncated_ca_key() {
    let home = TestHome::with_ca(&[]);
    let key = home.path().join("ca-key.pem");
    truncate(&key);
    refuses(&home, ISSUE, &[key.to_str().unwrap(), "backup"]);
    home.run(["list"]).succeeds();
    assert_eq!(findings(&home)[0].path, key.to_str().unwrap());
}

#[test]
fn refuses_swapped_pems_of_the_ca() {
    let home = TestHome::with_ca(&[]);
    let (ca, key) = (home.path().join("ca.pem"), home.path().join("ca-key.pem"));
    let (certificate, secret) = (fs::read(&ca).unwrap(), fs::read(&key).unwrap());
    overwrite(&ca, secret);
    overwrite(&key, certificate);
    refuses(&home, ISSUE, &["ca.pem"]);
    assert!(!findings(&home).is_empty());
}

#[test]
fn refuses_a_ca_key_that_others_can_read_with_the_chmod_to_type() {
    let home = TestHome::with_ca(&[]);
    let key = home.path().join("ca-key.pem");
    set_mode(&key, 0o644);
    let chmod = format!("chmod 0400 {}", key.display());
    let hint = format!("hint: {chmod}\n");
    let words = ["can be read by others: found mode 0644, wanted 0400", &hint];
    refuses(&home, ISSUE, &words);
    let new = secret_file(&home, "new", "secret\n");
    refuses(
        &home,
        &["ca", "passwd", "--new-passphrase-file", &new],
        &words,
    );
    home.run(["list"]).succeeds();
    is_found_and_mended(&home, "ca-key.pem", "mode 0644");
    set_mode(&key, 0o640);
    shell(&home, &chmod);
    home.run(ISSUE).succeeds();
    assert_whole(&home);
}

#[test]
fn the_chmod_works_where_the_home_has_a_space_and_a_quote() {
    let home = TestHome::new();
    let path = home.around().join("it's a home");
    let run = |arguments: &[&str]| {
        let mut command = support::dockpki();
        command.arg("--home").arg(&path).args(arguments);
        Ran::from(command.output().unwrap())
    };
    run(INIT).succeeds();
    set_mode(&path.join("ca-key.pem"), 0o644);
    let ran = run(ISSUE).fails(1);
    let (_, hint) = ran.stderr.split_once("hint: ").unwrap();
    shell(&home, hint);
    run(ISSUE).succeeds();
    overwrite(&path.join("clients/alice/key.pem"), "");
    let ran = run(&["verify"]).fails(1);
    let mend = ran.stdout.lines().nth(1).unwrap();
    shell(&home, mend);
    run(&["verify"]).succeeds();
}

#[test]
fn a_client_key_that_others_can_read_is_listed_and_found() {
    let home = TestHome::with_ca(&[]);
    set_mode(&home.path().join("clients/alice/key.pem"), 0o640);
    assert_eq!(state_of(&home, "alice"), "key open to others");
    is_found_and_mended(&home, "clients/alice/key.pem", "mode 0640");
    assert_eq!(state_of(&home, "alice"), "valid");
}

#[test]
fn a_key_in_the_place_of_the_certificate_is_found() {
    let home = TestHome::with_ca(&[]);
    let alice = home.path().join("clients/alice");
    let (certificate, key) = (alice.join("cert.pem"), alice.join("key.pem"));
    let (cert_text, key_text) = (fs::read(&certificate).unwrap(), fs::read(&key).unwrap());
    overwrite(&certificate, key_text);
    overwrite(&key, cert_text);
    assert_eq!(state_of(&home, "alice"), "certificate broken");
    is_found_and_mended(&home, "clients/alice/cert.pem", "a private key");
    assert_eq!(state_of(&home, "alice"), "valid");
}

#[test]
fn a_passphrase_that_is_wrong_is_refused() {
    let home = TestHome::new();
    let right = secret_file(&home, "right", "right\n");
    let wrong = secret_file(&home, "wrong", "wrong\n");
    home.run(INIT.iter().chain(&["--passphrase-file", &right]))
        .succeeds();
    let key = fs::read_to_string(home.path().join("ca-key.pem")).unwrap();
    assert!(key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));

    let with = |file: &str| {
        let mut arguments = ISSUE.to_vec();
        let file = file.to_owned();
        arguments.extend(["--passphrase-file", file.leak()]);
        arguments
    };
    refuses(
        &home,
        &with(&wrong),
        &["the passphrase does not open the key"],
    );
    refuses(
        &home,
        &[
            "ca",
            "passwd",
            "--passphrase-file",
            &wrong,
            "--new-passphrase-file",
            &right,
        ],
        &["the passphrase does not open the key"],
    );
    let ran = home.run(ISSUE).fails(2);
    assert!(ran.stderr.contains("--passphrase-file FILE"), "{ran:#?}");
    assert_eq!(clients(&home).len(), 0);
    home.run(with(&right)).succeeds();
    assert_whole(&home);
}

#[test]
fn a_passphrase_file_that_cannot_be_one_is_refused() {
    let home = TestHome::with_ca(&[]);
    let file = secret_file(&home, "passphrase", "secret\n");
    let passwd = ["ca", "passwd", "--new-passphrase-file", &file];
    set_mode(Path::new(&file), 0o644);
    let chmod = format!("hint: chmod 0400 {file}\n");
    refuses(
        &home,
        &passwd,
        &["can be read by others: found mode 0644", &chmod],
    );
    set_mode(Path::new(&file), 0o600);
    for empty in ["", "\n"] {
        fs::write(&file, empty).unwrap();
        refuses(
            &home,
            &passwd,
            &["is empty, wanted a passphrase in its first line"],
        );
    }
    fs::write(&file, "one\ntwo\n").unwrap();
    refuses(
        &home,
        &passwd,
        &["has more than one line, wanted the passphrase alone"],
    );
    let missing = home.around().join("missing");
    let missing = [
        "ca",
        "passwd",
        "--new-passphrase-file",
        missing.to_str().unwrap(),
    ];
    refuses(
        &home,
        &missing,
        &["cannot read", "no such file or directory"],
    );
    assert_whole(&home);
}

#[test]
fn init_with_a_bad_passphrase_file_leaves_no_home() {
    let home = TestHome::new();
    for text in ["", "one\ntwo\n"] {
        let file = secret_file(&home, "passphrase", text);
        let init: Vec<_> = INIT
            .iter()
            .copied()
            .chain(["--passphrase-file", &file])
            .collect();
        refuses(&home, &init, &[&file]);
        assert!(!home.path().exists());
    }
}

/// Runs a script as root in a mount namespace of its own: `$1` is the directory around the home,
/// `$2` the home, `$3` the binary.  What it mounts is gone with it.
fn in_a_namespace(home: &TestHome, script: &str) -> Option<String> {
    let possible = is_root() && program_exists("unshare");
    let possible = possible && {
        let tried = Command::new("unshare").args(["-m", "true"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    if !has("root with unshare(1)", possible) {
        return None;
    }
    let output = Command::new("unshare")
        .args(["-m", "--propagation", "private", "sh", "-c", script, "sh"])
        .args([home.around(), &home.path()])
        .arg(env!("CARGO_BIN_EXE_dockpki"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ran = Ran::from(output).succeeds();
    Some(ran.stdout)
}

/// Shell functions: `snapshot` prints all that is in the home, `fill N` leaves N pages free.
const SHELL_FUNCTIONS: &str = r#"
    snapshot() {
        find "$home" ! -name .lock -printf '%P %m %U\n' | sort
        find "$home" -type f ! -name .lock -exec cksum {} + | sort
    }
    fill() {
        cat /dev/zero > "$1/filler" 2> "$1/said" || true
        rm -f "$1/said"
        cat /dev/zero >> "$1/filler" 2> /dev/null || true
        size=$(stat -c %s "$1/filler")
        truncate -s $((size - 4096 * $2)) "$1/filler"
    }
    around=$1 home=$2 dockpki=$3
"#;

#[test]
fn a_full_disk_leaves_the_home_as_it_was() {
    let home = TestHome::new();
    let script = format!(
        r#"{SHELL_FUNCTIONS}
        mount -t tmpfs -o size=128k none "$around" || exit 90
        "$dockpki" --home "$home" init -q --san localhost --client alice > /dev/null || exit 91
        snapshot > "$around/before"
        failed=0
        for free in 0 1 2 3 4 5 6 7 8 9 10; do
            snapshot > /dev/null
            fill "$around" $free
            said=$("$dockpki" --home "$home" client issue a b 2>&1 > /dev/null)
            code=$?
            rm "$around/filler"
            if [ $code = 0 ]; then break; fi
            failed=$((failed + 1))
            [ $code = 1 ] || {{ echo "$free free: exit $code: $said"; exit 92; }}
            case $said in
                *"no space left on device"*) ;;
                *) echo "$free free: $said"; exit 93 ;;
            esac
            snapshot | cmp - "$around/before" || {{ echo "$free free: changed"; exit 94; }}
        done
        [ $code = 0 ] || "$dockpki" --home "$home" client issue a b > /dev/null || exit 95
        "$dockpki" --home "$home" verify || exit 96
        echo "failed $failed times"
        "#
    );
    let Some(output) = in_a_namespace(&home, &script) else {
        return;
    };
    let (_, times) = output.split_once("failed ").unwrap();
    let times: u32 = times.split_once(' ').unwrap().0.parse().unwrap();
    assert!(times >= 4, "the disk was not full: {output}");
    assert!(output.contains("nothing found"), "{output}");
}

#[test]
fn init_on_a_full_disk_leaves_no_home() {
    let home = TestHome::new();
    let script = format!(
        r#"{SHELL_FUNCTIONS}
        mount -t tmpfs -o size=128k none "$around" || exit 90
        failed=0
        for free in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
            fill "$around" $free
            said=$("$dockpki" --home "$home" init --san localhost --client alice 2>&1 > /dev/null)
            code=$?
            rm "$around/filler"
            if [ $code = 0 ]; then break; fi
            failed=$((failed + 1))
            [ $code = 1 ] || {{ echo "$free free: exit $code: $said"; exit 92; }}
            case $said in
                *"no space left on device"*) ;;
                *) echo "$free free: $said"; exit 93 ;;
            esac
            [ -z "$(ls -A "$around")" ] || {{ ls -AR "$around"; exit 94; }}
        done
        [ $code = 0 ] || exit 95
        "$dockpki" --home "$home" verify || exit 96
        echo "failed $failed times"
        "#
    );
    let Some(output) = in_a_namespace(&home, &script) else {
        return;
    };
    let (_, times) = output.split_once("failed ").unwrap();
    let times: u32 = times.split_once(' ').unwrap().0.parse().unwrap();
    assert!(times >= 4, "the disk was not full: {output}");
}

#[test]
fn a_read_only_mount_is_named_and_can_be_read() {
    let home = TestHome::with_ca(&[]);
    let before = snapshot(home.around());
    let script = format!(
        r#"{SHELL_FUNCTIONS}
        mount --bind "$around" "$around" && mount -o remount,ro,bind "$around" || exit 90
        for command in "client issue a" "server issue web --san web.example.com"; do
            said=$("$dockpki" --home "$home" $command 2>&1 > /dev/null)
            [ $? = 1 ] || {{ echo "$command: $said"; exit 91; }}
            case $said in
                "error: "*"read-only file system"*) ;;
                *) echo "$command: $said"; exit 92 ;;
            esac
        done
        said=$("$dockpki" --home "$around/new" init --san localhost 2>&1 > /dev/null)
        [ $? = 1 ] || exit 93
        case $said in
            "error: "*"read-only file system"*) ;;
            *) echo "init: $said"; exit 94 ;;
        esac
        "$dockpki" --home "$home" list || exit 95
        "$dockpki" --home "$home" ca show || exit 96
        "$dockpki" --home "$home" verify || exit 97
        "#
    );
    if let Some(output) = in_a_namespace(&home, &script) {
        assert!(output.contains("nothing found"), "{output}");
        assert!(snapshot(home.around()) == before);
    }
}

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

#[test]
fn swapped_clients_are_found_and_mended() {
    let home = TestHome::with_ca(&[]);
    home.run(ISSUE).succeeds();
    let clients = home.path().join("clients");
    let rename = |from: &str, to: &str| fs::rename(clients.join(from), clients.join(to)).unwrap();
    rename("alice", "x");
    rename("bob", "alice");
    rename("x", "bob");
    let names = |name: &str| findings(&home).iter().any(|it| it.path.contains(name));
    assert!(names("clients/alice/cert.pem") && names("clients/bob/cert.pem"));
    is_found_and_mended(&home, "clients/alice/cert.pem", "`bob`");
}

#[test]
fn a_renamed_server_is_found_and_mended() {
    let home = TestHome::with_ca(&[]);
    let servers = home.path().join("servers");
    fs::rename(servers.join("localhost"), servers.join("other")).unwrap();
    is_found_and_mended(&home, "servers/other/server-cert.pem", "server `localhost`");
    assert_eq!(state_of(&home, "other"), "valid");
}

#[test]
fn a_key_of_another_client_is_found_and_mended() {
    let home = TestHome::with_ca(&[]);
    home.run(ISSUE).succeeds();
    let key = |name: &str| home.path().join("clients").join(name).join("key.pem");
    overwrite(&key("alice"), fs::read(key("bob")).unwrap());
    assert_eq!(state_of(&home, "alice"), "key does not match");
    is_found_and_mended(
        &home,
        "clients/alice/key.pem",
        "the key of another certificate",
    );
    assert_eq!(state_of(&home, "alice"), "valid");

    let key = home.path().join("servers/localhost/server-key.pem");
    fs::remove_file(&key).unwrap();
    assert_eq!(state_of(&home, "localhost"), "key missing");
    is_found_and_mended(&home, "servers/localhost/server-key.pem", "nothing");
    let all = list(&home);
    let server = all.iter().find(|it| it["kind"] == "server").unwrap();
    assert_eq!(
        server["sans"],
        serde_json::json!(["localhost", "127.0.0.1"])
    );
}

#[test]
fn a_server_certificate_that_is_gone_is_found_and_put_aside() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join("servers/localhost/server-cert.pem")).unwrap();
    assert_eq!(state_of(&home, "localhost"), "certificate missing");
    is_found_and_mended(&home, "servers/localhost/server-cert.pem", "nothing");
}

#[test]
fn every_wrong_mode_is_found_and_mended() {
    let home = TestHome::with_ca(&[]);
    let wrong = [
        ("", 0o755),
        ("servers", 0o755),
        ("clients/alice", 0o750),
        ("ca.pem", 0o666),
        ("ca-key.pem", 0o600),
        ("clients/alice/ca.pem", 0o600),
        ("clients/alice/key.pem", 0o600),
        ("servers/localhost/server-cert.pem", 0o644),
        ("servers/localhost/server-key.pem", 0o444),
    ];
    for (path, mode) in wrong {
        set_mode(&home.path().join(path), mode);
        is_found_and_mended(&home, path, &format!("mode {mode:04o}"));
    }
    for (path, mode) in wrong {
        set_mode(&home.path().join(path), mode);
    }
    let all = findings(&home);
    assert_eq!(all.len(), wrong.len(), "one finding each");
    for found in all {
        shell(&home, &found.mend);
    }
    assert_whole(&home);
}

#[test]
fn another_ca_beside_a_client_is_found_and_mended() {
    let home = TestHome::with_ca(&[]);
    let other = TestHome::with_ca(&[]);
    let ca = home.path().join("clients/alice/ca.pem");
    overwrite(&ca, fs::read(other.path().join("ca.pem")).unwrap());
    is_found_and_mended(&home, "clients/alice/ca.pem", "another CA");
    fs::remove_file(&ca).unwrap();
    is_found_and_mended(&home, "clients/alice/ca.pem", "nothing");
    assert_whole(&home);
}

#[test]
fn a_forged_certificate_is_found_and_mended() {
    if !has("openssl", program_exists("openssl")) {
        return;
    }
    let home = TestHome::with_ca(&[]);
    let name = list(&home).iter().find(|it| it["kind"] == "ca").unwrap()["name"].clone();
    let ca_subject = format!("/CN={}", name.as_str().unwrap());
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(home.around());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let of_ca = [
        "-x509",
        "-subj",
        &ca_subject,
        "-keyout",
        "fake-ca.key",
        "-out",
        "fake-ca.pem",
    ];
    openssl(&[&["req"], &key[..], &of_ca].concat());
    let of_alice = [
        "-subj",
        "/CN=alice",
        "-keyout",
        "alice.key",
        "-out",
        "alice.csr",
    ];
    openssl(&[&["req"], &key[..], &of_alice].concat());
    let extensions = "basicConstraints=critical,CA:FALSE\n\
                      keyUsage=critical,digitalSignature\n\
                      extendedKeyUsage=clientAuth\n";
    fs::write(home.around().join("extensions"), extensions).unwrap();
    let serial = list(&home).iter().find(|it| it["name"] == "alice").unwrap()["serial"].clone();
    let serial = format!("0x{}", serial.as_str().unwrap().replace(':', ""));
    let sign = [
        "x509",
        "-req",
        "-in",
        "alice.csr",
        "-CA",
        "fake-ca.pem",
        "-CAkey",
        "fake-ca.key",
    ];
    let with = [
        "-set_serial",
        &serial,
        "-days",
        "30",
        "-extfile",
        "extensions",
    ];
    openssl(&[&sign[..], &with, &["-out", "alice.pem"]].concat());
    let alice = home.path().join("clients/alice");
    overwrite(
        &alice.join("cert.pem"),
        fs::read(home.around().join("alice.pem")).unwrap(),
    );
    overwrite(
        &alice.join("key.pem"),
        fs::read(home.around().join("alice.key")).unwrap(),
    );

    // Name, serial, purpose and key are right; the key of the CA that signed is another's.
    assert_eq!(state_of(&home, "alice"), "not trusted");
    is_found_and_mended(
        &home,
        "clients/alice/cert.pem",
        "its signature is not the CA's",
    );
}

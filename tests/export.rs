//! What `client export` writes, opened by the tools of whoever gets it.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "these tests run the tools and look at the files"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Ran, TestHome, has, program_exists, snapshot};

/// A home, and a directory in which somebody gets what is exported.
struct Handed {
    home: TestHome,
    there: PathBuf,
}

impl Handed {
    fn new() -> Self {
        let home = TestHome::with_ca(&[]);
        let there = home.around().join("there");
        fs::create_dir(&there).unwrap();
        Self { home, there }
    }

    #[track_caller]
    fn export(&self, arguments: &[&str]) -> Ran {
        let mut command = self.home.command();
        command.args(["client", "export", "alice"]).args(arguments);
        Ran::from(command.current_dir(&self.there).output().unwrap()).succeeds()
    }

    #[track_caller]
    fn tool(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new(program);
        let output = command.args(arguments).current_dir(&self.there).output();
        let output = output.unwrap();
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {output:?}"
        );
        output.stdout
    }

    /// Asserts that a directory is the client's, down to modes, then takes it away.
    #[track_caller]
    fn assert_clients(&self, directory: &str) {
        let files = |path: &Path| {
            let found = snapshot(path).into_iter();
            let named = found
                .map(|(path, mode, content)| (path.file_name().unwrap().to_owned(), mode, content));
            Vec::from_iter(named)
        };
        let path = self.there.join(directory);
        let ours = files(&self.home.path().join("clients/alice"));
        assert!(files(&path) == ours, "{directory} is another");
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
        fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn archives_are_unpacked_by_tar_and_unzip() {
    let handed = Handed::new();
    handed.export(&["--as", "tar"]);
    handed.export(&["--as", "zip"]);
    for (program, arguments) in [
        ("tar", &["-xzf", "alice.tar.gz"][..]),
        ("busybox", &["tar", "-xzf", "alice.tar.gz"]),
        ("unzip", &["-q", "alice.zip"]),
    ] {
        if has(program, program_exists(program)) {
            handed.tool(program, arguments);
            handed.assert_clients("alice");
        }
    }
    // These know no modes.
    for (program, arguments) in [
        ("busybox", &["unzip", "-q", "alice.zip"][..]),
        ("python3", &["-m", "zipfile", "-e", "alice.zip", "."]),
    ] {
        if has(program, program_exists(program)) {
            handed.tool(program, arguments);
            let key = fs::read(handed.there.join("alice/key.pem")).unwrap();
            let ours = fs::read(handed.home.path().join("clients/alice/key.pem")).unwrap();
            assert!(key == ours, "{program}");
            fs::remove_dir_all(handed.there.join("alice")).unwrap();
        }
    }
    if has("gzip", program_exists("gzip")) {
        handed.tool("gzip", &["-t", "alice.tar.gz"]);
    }
}

#[test]
fn what_is_encrypted_is_opened_by_age() {
    if !has("age", program_exists("age") && program_exists("age-keygen")) {
        return;
    }
    let handed = Handed::new();
    handed.tool("age-keygen", &["-o", "key"]);
    let recipient = String::from_utf8(handed.tool("age-keygen", &["-y", "key"])).unwrap();
    handed.export(&["--as", "tar", "--encrypt-to", recipient.trim()]);
    let sealed = fs::read(handed.there.join("alice.tar.gz.age")).unwrap();
    let key = fs::read(handed.home.path().join("clients/alice/key.pem")).unwrap();
    assert!(
        !sealed
            .windows(40)
            .any(|part| key.windows(40).any(|it| it == part))
    );
    // As printed, but for the name of the key.
    let arguments = ["-d", "-i", "key", "-o", "alice.tar.gz", "alice.tar.gz.age"];
    handed.tool("age", &arguments);
    handed.tool("tar", &["-xzf", "alice.tar.gz"]);
    handed.assert_clients("alice");
}

#[test]
fn what_is_encrypted_to_an_ssh_key_is_opened_with_it() {
    let tools = program_exists("age") && program_exists("ssh-keygen");
    if !has("age and ssh-keygen", tools) {
        return;
    }
    let handed = Handed::new();
    for kind in ["ed25519", "rsa"] {
        let make = ["-q", "-t", kind, "-N", "", "-f", kind, "-C", "me@laptop"];
        handed.tool("ssh-keygen", &make);
        let public = format!("{kind}.pub");
        let out = format!("{kind}.zip.age");
        handed.export(&["--as", "zip", "--encrypt-to", &public, "-o", &out]);
        let zip = handed.tool("age", &["-d", "-i", kind, &out]);
        assert!(zip.starts_with(b"PK\x03\x04"), "{kind}");
        // The text of a public key is as good as its file.
        let text = fs::read_to_string(handed.there.join(public)).unwrap();
        let out = format!("{kind}.env.age");
        let env = [
            "--as",
            "env",
            "--host",
            "localhost",
            "--encrypt-to",
            text.trim(),
        ];
        handed.export(&[&env[..], &["-o", &out]].concat());
        let env = handed.tool("age", &["-d", "-i", kind, &out]);
        assert!(env.starts_with(b"# Whoever holds this is root"), "{kind}");
    }
    // The wrong half is refused, and nothing of it is told.
    let private = fs::read_to_string(handed.there.join("ed25519")).unwrap();
    let mut command = handed.home.command();
    command.args([
        "client",
        "export",
        "alice",
        "--as",
        "tar",
        "--encrypt-to",
        "ed25519",
    ]);
    let ran = Ran::from(command.current_dir(&handed.there).output().unwrap()).fails(1);
    ran.says("hint: name its public half: --encrypt-to ed25519.pub");
    let line = private.lines().nth(1).unwrap();
    assert!(!ran.stderr.contains(line));
}

#[test]
fn modes_are_right_under_any_umask() {
    if !has("sh", program_exists("sh")) {
        return;
    }
    for umask in ["000", "027", "077", "277", "777"] {
        let handed = Handed::new();
        for (form, out) in [("tar", "a.tar.gz"), ("env", "a.env"), ("dir", "a")] {
            let host = match form {
                "env" => "--host localhost",
                _ => "",
            };
            let script = format!(
                "umask {umask} && exec \"$0\" --home \"$1\" client export alice --as {form} {host} -o {out}"
            );
            let mut sh = Command::new("sh");
            sh.args(["-c", &script, env!("CARGO_BIN_EXE_dockpki")])
                .arg(handed.home.path())
                .current_dir(&handed.there);
            Ran::from(sh.output().unwrap()).succeeds();
            let mode = |path: &str| {
                let metadata = handed.there.join(path).metadata().unwrap();
                metadata.permissions().mode() & 0o7777
            };
            match form {
                "dir" => handed.assert_clients(out),
                _ => assert_eq!(mode(out), 0o600, "{umask} {form}"),
            }
        }
    }
}

#[test]
fn a_full_standard_output_is_told_and_the_ledger_knows() {
    if !has("/dev/full", Path::new("/dev/full").exists()) {
        return;
    }
    let handed = Handed::new();
    let mut command = handed.home.command();
    command.args(["client", "export", "alice", "--as", "tar", "-o", "-"]);
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let ran = Ran::from(command.stdout(full).output().unwrap()).fails(1);
    ran.says("cannot write `/dev/stdout`: no space left on device");
    // Who knows how much of it was read.
    let ledger = fs::read_to_string(handed.home.path().join("issued.jsonl")).unwrap();
    assert!(ledger.contains("standard output on "), "{ledger}");
}

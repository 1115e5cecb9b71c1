//! `sudo dockpki install client`: what goes into a user's home is written as that user.
//!
//! Needs root.  sudo itself is not needed: its variables are set, in a mount namespace with an
//! /etc/passwd of our own.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "tests touch the machine")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Ran, TestHome, has, is_root, program_exists, snapshot};

const ALICE: u32 = 12_345;

/// A home of root's with the client `alice`, and a user alice with a home of her own.
struct Sudo {
    home: TestHome,
}

impl Sudo {
    fn new() -> Option<Self> {
        let can = has("root", is_root()) && has("unshare", program_exists("unshare"));
        can.then(|| {
            let home = TestHome::with_ca(&[]);
            // The directory around it is root's alone, and she must get through to her own.
            fs::set_permissions(home.around(), fs::Permissions::from_mode(0o755)).unwrap();
            let sudo = Self { home };
            fs::create_dir(sudo.user()).unwrap();
            chown(sudo.user(), Some(ALICE), Some(ALICE)).unwrap();
            let line = format!(
                "alice:x:{ALICE}:{ALICE}::{}:/bin/sh\n",
                sudo.user().display()
            );
            fs::write(sudo.passwd(), line).unwrap();
            sudo
        })
    }

    fn user(&self) -> PathBuf {
        self.home.around().join("alice")
    }

    fn passwd(&self) -> PathBuf {
        self.home.around().join("passwd")
    }

    /// Runs dockpki as root with sudo's variables, alice having called.
    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c"])
            .arg("mount --bind \"$0\" /etc/passwd && exec \"$@\"")
            .arg(self.passwd())
            .arg(env!("CARGO_BIN_EXE_dockpki"))
            .arg("--home")
            .arg(self.home.path())
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", "/root")
            .env("SUDO_USER", "alice")
            .env("SUDO_UID", ALICE.to_string())
            .env("SUDO_GID", ALICE.to_string())
            .stdin(std::process::Stdio::null());
        Ran::from(command.output().unwrap())
    }
}

#[test]
fn what_is_exported_belongs_to_who_called_sudo() {
    let Some(sudo) = Sudo::new() else {
        return;
    };
    let out = |name: &str| sudo.user().join(name);
    for (form, name) in [("tar", "a.tar.gz"), ("dir", "a")] {
        let path = out(name).display().to_string();
        let export = ["client", "export", "alice", "--as", form, "-o", &path];
        sudo.run(&export).succeeds();
        let metadata = out(name).metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (ALICE, ALICE));
        assert_eq!(metadata.permissions().mode() & 0o077, 0);
    }
    assert_eq!(out("a/key.pem").metadata().unwrap().uid(), ALICE);
    // She cannot have root write where she cannot, not by a link either.
    let secret = sudo.home.around().join("roots");
    fs::create_dir(&secret).unwrap();
    symlink(&secret, out("link")).unwrap();
    let path = out("link/a").display().to_string();
    let export = ["client", "export", "alice", "--as", "tar", "-o", &path];
    sudo.run(&export).fails(1).says("permission denied");
    assert!(snapshot(&secret).is_empty());
    let ledger = fs::read_to_string(sudo.home.path().join("issued.jsonl")).unwrap();
    assert_eq!(ledger.matches("\"form\":").count(), 2, "{ledger}");
}

const INSTALL: &[&str] = &[
    "install",
    "client",
    "alice",
    "--host",
    "tcp://localhost:2376",
    "--yes",
];

/// Asserts that all below a directory is alice's, and says how many things that are.
fn all_alices(directory: &Path) -> usize {
    let mut count = 0;
    for (path, _, _) in snapshot(directory) {
        let owner = path.symlink_metadata().unwrap();
        assert_eq!(
            (owner.uid(), owner.gid()),
            (ALICE, ALICE),
            "{}",
            path.display()
        );
        count += 1;
    }
    count
}

#[test]
fn the_callers_files_are_theirs_and_go_again_with_undo() {
    let Some(sudo) = Sudo::new() else { return };
    let before = snapshot(&sudo.user());
    sudo.run(INSTALL).succeeds();
    let mode = |name: &str| {
        let path = sudo.user().join(".docker").join(name);
        path.symlink_metadata().unwrap().mode() & 0o7777
    };
    assert_eq!(mode("ca.pem"), 0o444);
    assert_eq!(mode("cert.pem"), 0o444);
    assert_eq!(mode("key.pem"), 0o400);
    assert!(all_alices(&sudo.user()) > 10);

    // She takes it back herself, without root, with a binary she can get at.
    let binary = sudo.home.around().join("dockpki");
    support::copy_program(&binary);
    let mut undo = Command::new("setpriv");
    undo.args([
        "--reuid",
        &ALICE.to_string(),
        "--regid",
        &ALICE.to_string(),
        "--clear-groups",
    ])
    .arg(&binary)
    .args(["undo", "--yes"])
    .env_clear()
    .env("PATH", std::env::var_os("PATH").unwrap())
    .env("HOME", sudo.user());
    if has("setpriv", program_exists("setpriv")) {
        let undone = Ran::from(undo.output().unwrap());
        undone.succeeds();
        let left = snapshot(&sudo.user());
        let left = left
            .iter()
            .filter(|(path, _, _)| !path.ends_with(".local") && !path.ends_with(".local/state"));
        assert_eq!(left.count(), before.len());
    }
}

#[test]
fn a_link_of_the_callers_does_not_lead_root_astray() {
    let Some(sudo) = Sudo::new() else { return };
    let roots = sudo.home.around().join("roots");
    fs::create_dir(&roots).unwrap();
    fs::write(roots.join("secret"), "root's").unwrap();
    let before = snapshot(&roots);

    // In the place of a file.
    let docker = sudo.user().join(".docker");
    fs::create_dir(&docker).unwrap();
    symlink(roots.join("secret"), docker.join("ca.pem")).unwrap();
    chown(&docker, Some(ALICE), Some(ALICE)).unwrap();
    sudo.run(INSTALL)
        .fails(1)
        .says("is a symbolic link: wanted a file");
    assert_eq!(before, snapshot(&roots));

    // In the place of the directory.
    fs::remove_dir_all(&docker).unwrap();
    symlink(&roots, &docker).unwrap();
    let refused = sudo.run(INSTALL);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert_eq!(before, snapshot(&roots));
}

#[test]
fn check_looks_at_the_callers_files_and_follows_no_link_there() {
    let Some(sudo) = Sudo::new() else { return };
    sudo.run(INSTALL).succeeds();
    let row = |file: &str| {
        let path = sudo.user().join(".docker").join(file).display().to_string();
        let ran = sudo.run(&["check", "--installed", "--output", "json"]);
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let rows = report["certificates"].as_array().unwrap().clone();
        let row = rows.into_iter().find(|row| row["path"] == path);
        row.unwrap_or_else(|| panic!("no {path} in {report:#}"))
    };
    assert_eq!(row("cert.pem")["state"], "valid");
    let contexts = sudo.run(&["check", "--installed"]).stdout;
    assert!(
        contexts.contains("context localhost: cert.pem"),
        "{contexts}"
    );
    // Only root may read what it leads to.
    let link = sudo.user().join(".docker/cert.pem");
    fs::remove_file(&link).unwrap();
    symlink(sudo.home.path().join("clients/alice/cert.pem"), &link).unwrap();
    assert_eq!(row("cert.pem")["state"], "certificate broken");
}

#[test]
fn a_renewal_tells_of_the_callers_client_and_leaves_it_to_a_command_that_gives_up_root() {
    let Some(sudo) = Sudo::new() else { return };
    sudo.run(INSTALL).succeeds();
    let before = snapshot(&sudo.user());
    let renewed = sudo.run(&["renew", "alice", "--force", "--install", "--yes"]);
    let renewed = renewed.succeeds();
    let docker = sudo.user().join(".docker").display().to_string();
    let home = sudo.home.path();
    let home = home.display();
    let install = format!("sudo dockpki --home {home} install client alice");
    for words in [
        format!("note: client `alice` in {docker} is behind: it belongs to who called sudo\n"),
        format!("hint: bring it: {install}\n"),
        "note: client `alice` in the docker context localhost is behind".into(),
        format!("hint: bring it: {install} --context localhost\n"),
    ] {
        renewed.says(&words);
    }
    assert_eq!(before, snapshot(&sudo.user()));

    // What was said brings it.
    sudo.run(&[
        "install",
        "client",
        "alice",
        "--context",
        "localhost",
        "--yes",
    ])
    .succeeds();
    all_alices(&sudo.user());
    let again = sudo.run(&["renew", "--install", "--yes"]).succeeds();
    assert!(!again.stderr.contains("behind"), "{again:#?}");
}

#[test]
fn the_hand_out_is_told_in_roots_ledger() {
    let Some(sudo) = Sudo::new() else { return };
    let ledger = sudo.home.path().join("issued.jsonl");
    let before = fs::read_to_string(&ledger).unwrap();
    for _ in 0..2 {
        let ran = sudo.run(INSTALL).succeeds();
        assert!(!ran.stderr.contains("the ledger"), "{ran:#?}");
        let now = fs::read_to_string(&ledger).unwrap();
        let lines = Vec::from_iter(now.strip_prefix(&before).unwrap().lines());
        // `~/.docker` and the context.
        assert_eq!(lines.len(), 2, "{lines:?}");
        for line in lines {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(entry["event"], "handed-out", "{line}");
            assert_eq!(entry["name"], "alice");
            let place = sudo.user().join(".docker").display().to_string();
            assert!(entry["to"].as_str().unwrap().starts_with(&place), "{line}");
        }
    }
    // She has got no right to it.
    let owner = ledger.metadata().unwrap();
    let rights = (owner.uid(), owner.mode() & 0o7777);
    assert_eq!(rights, (0, 0o600));
    sudo.run(&["verify"]).succeeds();
}

#[test]
fn a_request_is_the_callers_and_so_is_what_comes_of_it() {
    let Some(sudo) = Sudo::new() else { return };
    let request = sudo.run(&["client", "request", "laptop"]).succeeds();
    let docker = sudo.user().join(".docker");
    let directory = docker.join("requests/laptop");
    let mode = |path: PathBuf| path.symlink_metadata().unwrap().mode() & 0o7777;
    assert_eq!(mode(directory.clone()), 0o700);
    assert_eq!(mode(directory.join("key.pem")), 0o400);
    assert_eq!(all_alices(&sudo.user()), 5);
    let file = |name: &str| sudo.home.around().join(name);
    fs::write(file("laptop.csr"), request.stdout).unwrap();

    // At the CA it is root's to sign; the reply may be read by whoever is to send it.
    let [csr, reply] = ["laptop.csr", "laptop.reply.pem"].map(file);
    let [csr, reply] = [&csr, &reply].map(|path| path.to_str().unwrap());
    let sign = ["client", "sign", csr, "--yes", "-o", reply];
    sudo.run(&sign).succeeds();
    assert_eq!(mode(reply.into()), 0o644);
    let accept = [
        "client",
        "accept",
        reply,
        "--expect",
        &sudo.home.ca_code(),
        "--host",
        "tcp://localhost:2376",
    ];
    sudo.run(&accept).succeeds();
    assert!(all_alices(&sudo.user()) > 10);
    assert!(!directory.exists());
    assert_eq!(mode(docker.join("key.pem")), 0o400);

    // What only root may read is not read for her.
    let secret = sudo.home.path().join("ca.pem");
    let accept = ["client", "accept", secret.to_str().unwrap(), "--yes"];
    sudo.run(&accept).fails(1).says("permission denied");
}

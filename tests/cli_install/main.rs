//! What a user sees of the commands that change a machine: `install`, `undo`, `uninstall`,
//! `verify --installed` and `env`, held against the goldens in `tests/cli/install`.
//!
//! Every machine here is a directory: `--prefix root` for a daemon's host, `HOME` and the store in
//! `XDG_STATE_HOME` for a user.  After a change of words: `SNAPSHOTS=overwrite cargo test --test
//! cli_install`, then read the diff.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod env;
mod refusals;
mod renew;
mod server;
mod take_back;
mod timer;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use support::by_hand::write;
use support::golden::{command, done, goldens, refused, shown};
use support::{Ran, TestHome, has, is_root};

const INSTALL: &str = "dockpki install server --prefix root --yes";

/// A home with the server `localhost` and the client `alice`, and a host in `root` beside it.
fn host() -> TestHome {
    let home = TestHome::with_ca(&[]);
    fs::create_dir(root(&home)).unwrap();
    home
}

fn root(home: &TestHome) -> PathBuf {
    home.around().join("root")
}

/// A host with this daemon.json.
fn host_with(daemon_json: &str) -> TestHome {
    let home = host();
    put(&home, DAEMON_JSON, daemon_json);
    home
}

/// A host on which the server is installed.
fn installed() -> TestHome {
    let home = host();
    quietly(&home, INSTALL);
    home
}

/// A host with this docker.service.
fn host_with_unit(unit: &str) -> TestHome {
    let home = host();
    put(&home, UNIT, unit);
    home
}

const DAEMON_JSON: &str = "etc/docker/daemon.json";
const UNIT: &str = "lib/systemd/system/docker.service";
const DROP_INS: &str = "etc/systemd/system/docker.service.d";

/// Puts a file into the host.
fn put(home: &TestHome, path: &str, content: &str) {
    put_at(&root(home).join(path), content);
}

fn put_at(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write(path, 0o644, content);
}

fn read(home: &TestHome, path: &str) -> String {
    fs::read_to_string(root(home).join(path)).unwrap()
}

/// Runs a line that is not what the test is about.
#[track_caller]
fn quietly(home: &TestHome, line: &str) -> Ran {
    Ran::from(command(home, line).output().unwrap()).succeeds()
}

fn golden(name: &str) -> String {
    format!("install/{name}")
}

#[track_caller]
fn does(home: &TestHome, line: &str, name: &str) {
    done(home, line, &golden(name));
}

#[track_caller]
fn shows(home: &TestHome, line: &str, name: &str) {
    shown(home, line, &golden(name));
}

#[track_caller]
fn refuses(home: &TestHome, line: &str, name: &str) {
    refused(home, line, &golden(name));
}

/// Whether nothing is installed on the machine these tests run on: root's commands without
/// `--prefix` look at it.
fn machine_is_ours() -> bool {
    let installed = Path::new("/var/lib/dockpki-installed").exists();
    has("a machine without dockpki", !(is_root() && installed))
}

#[test]
fn every_golden_belongs_to_a_test() {
    let source = [
        include_str!("client.rs"),
        include_str!("env.rs"),
        include_str!("refusals.rs"),
        include_str!("renew.rs"),
        include_str!("server.rs"),
        include_str!("take_back.rs"),
        include_str!("timer.rs"),
        include_str!("verify.rs"),
    ]
    .concat();
    for entry in fs::read_dir(goldens().join("install")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_named = |name: &str| {
            source.contains(&format!("\"{name}\"")) || source.contains(&format!("    {name}:"))
        };
        // Of the macro that shows before it does.
        let shown = name.strip_suffix("_as_json").unwrap_or(name);
        let shown = shown.strip_suffix("_as_dry_run");
        let used = is_named(name) || shown.is_some_and(is_named);
        assert!(used, "{} is nobody's", path.display());
    }
}

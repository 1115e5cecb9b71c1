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
use support::golden::{command, goldens_of};
use support::{Ran, TestHome, has, is_root};

goldens_of!(
    "install",
    "client.rs",
    "env.rs",
    "refusals.rs",
    "renew.rs",
    "server.rs",
    "take_back.rs",
    "timer.rs",
    "verify.rs"
);

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
/// Whether nothing is installed on the machine these tests run on: root's commands without
/// `--prefix` look at it.
fn machine_is_ours() -> bool {
    let installed = Path::new("/var/lib/dockpki-installed").exists();
    has("a machine without dockpki", !(is_root() && installed))
}

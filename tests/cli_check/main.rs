//! What `check` says, held against the goldens in `tests/cli/check`: of a home, of a machine under
//! a prefix, of a user.
//!
//! After a change of words: `SNAPSHOTS=overwrite cargo test --test cli_check`, then read the diff.
//! What a daemon serves is in `src/host/probe/tests` and, with a real one, in
//! `tests/install_dockerd`.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

#[path = "../support/mod.rs"]
mod support;

mod home;
mod machine;
mod prometheus;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockpki::pki::{Ca, Certificate, Life, PrivateKey, SubjectAltNames, Validity};
use dockpki::plan::layout::{self, PairKind};
use dockpki::plan::ledger::{Entry, Event};
use prometheus::parse;
use support::by_hand::*;
use support::golden::*;
use support::{Ran, TestHome, dockpki, has, program_exists, snapshot};
use time::OffsetDateTime;

goldens_of!("check", "home.rs", "machine.rs", "prometheus.rs");

/// The line ends with this code, changes nothing, and says what the golden has.
#[track_caller]
fn tells(home: &TestHome, line: &str, code: i32, name: &str) {
    let mut ran = run_without_change(home, line, command(home, line));
    let around = home.around().to_string_lossy();
    if ran.stdout.contains(&*around) && !ran.stdout.starts_with('{') {
        // A column is as wide as the temporary directory's name makes it.
        while ran.stdout.contains("   ") {
            ran.stdout = ran.stdout.replace("   ", "  ");
        }
    }
    compare(home, line, &ran, &golden(name));
    assert_eq!(ran.code, code, "{ran:#?}");
}

const INSTALLED: &str = "dockpki check --installed --prefix root";

/// A home whose server is installed on a host in `root` beside it.
fn installed() -> TestHome {
    let home = TestHome::with_ca(&[]);
    fs::create_dir(home.around().join("root")).unwrap();
    let line = "dockpki install server --prefix root --yes";
    Ran::from(command(&home, line).output().unwrap()).succeeds();
    home
}

/// A home with a CA, and a client that ends in so many days.
fn home_with_client_of(validity: Validity) -> TestHome {
    let home = home_with_ca_of(days(-400, 3650));
    let ca = ca_of(&home);
    put_client(&home, &ca, "ci", validity);
    home
}

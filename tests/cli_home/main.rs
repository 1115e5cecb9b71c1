//! What a user sees: every help page, and what commands on the home say, held against the goldens in
//! `tests/cli`.
//!
//! After a change of words: `SNAPSHOTS=overwrite cargo test --test cli_home`, then read the diff.  What
//! machines look like is in `tests/cli_install`.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dockpki::pki::{Ca, PrivateKey, Purpose, Validity, certificate_pem};
use dockpki::plan::layout::{self, PairKind};
use dockpki::plan::ledger::{Entry, Event};
use help::{COMMANDS, file_name};
use issue::{P521, key_of_algorithm};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SanType,
};
use support::by_hand::*;
use support::golden::*;
use support::{Ran, TestHome, has, is_root, program_exists, snapshot};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use verify::found_and_mended;

/// Each becomes a test of its name, and a golden: the line is refused where there is no home.
macro_rules! refused_without_a_home {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            refused(&TestHome::new(), $line, stringify!($name));
        }
    )*};
}

/// The same where there is a home with a CA, the server `localhost` and the client `alice`.
macro_rules! refused_with_a_ca {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            refused(&TestHome::with_ca(&[]), $line, stringify!($name));
        }
    )*};
}

/// Each becomes a test of its name, and a golden: the line changes nothing in a home with a CA.
macro_rules! shown_with_a_ca {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            shown(&TestHome::with_ca(&[]), $line, stringify!($name));
        }
    )*};
}

/// Each becomes a test of its name, and a golden: the line makes a new home.
macro_rules! done_without_a_home {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            done(&TestHome::new(), $line, stringify!($name));
        }
    )*};
}

/// Each becomes a test of its name, and a golden: the line changes a home with a CA.
macro_rules! done_with_a_ca {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            done(&TestHome::with_ca(&[]), $line, stringify!($name));
        }
    )*};
}

mod arguments;
mod ca;
mod colour;
mod help;
mod init;
mod issue;
mod list;
mod terminal;
mod verify;

#[test]
fn every_golden_belongs_to_a_test() {
    let source = [
        include_str!("arguments.rs"),
        include_str!("ca.rs"),
        include_str!("colour.rs"),
        include_str!("help.rs"),
        include_str!("init.rs"),
        include_str!("issue.rs"),
        include_str!("list.rs"),
        include_str!("terminal.rs"),
        include_str!("verify.rs"),
    ]
    .concat();
    let pages: Vec<String> = ["help", "help_short", "man"]
        .into_iter()
        .flat_map(|directory| COMMANDS.map(|command| file_name(directory, command)))
        .collect();
    let mut directories = vec![goldens()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // Those are of tests/cli_install, tests/cli_check and so on.
                let elsewhere = [
                    "bulk", "check", "enroll", "export", "install", "refresh", "renew", "roll",
                ];
                if !elsewhere
                    .iter()
                    .any(|it| path.ends_with(format!("tests/cli/{it}")))
                {
                    directories.push(path);
                }
                continue;
            }
            let name = path.strip_prefix(goldens()).unwrap().with_extension("");
            let name = name.to_str().unwrap();
            let used = pages.iter().any(|page| page == name)
                || source.contains(&format!("\"{name}\""))
                || source.contains(&format!("    {name}:"));
            assert!(used, "{} is nobody's", path.display());
        }
    }
}

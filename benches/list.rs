//! `dockpki list` on a home of 10,000 clients, against reading the same files and nothing more.
//!
//! Run it with `cargo bench --bench list`.

#![allow(
    clippy::disallowed_methods,
    reason = "a bench runs processes, reads files and the clock"
)]

mod support;

use std::path::Path;

use dockpki::pki::KeyType;
use support::{dockpki, home_with_clients, median, ms, peak_memory, run, timed};

const CLIENTS: usize = 10_000;
const ROUNDS: usize = 7;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    let issued = timed(|| home_with_clients(&home, KeyType::P256, CLIENTS));
    println!(
        "client issue: {CLIENTS} durable in {:.2} s",
        issued.as_secs_f64()
    );

    let mut ours = Vec::new();
    let mut bare = Vec::new();
    for _ in 0..ROUNDS {
        ours.push(timed(|| run(dockpki(&home).arg("list"))));
        bare.push(timed(|| read(&home.join("clients"))));
    }
    let (ours, bare) = (ms(median(ours)), ms(median(bare)));
    println!(
        "list of {CLIENTS}: {:.0} ms; reading the same files on one core {:.0} ms: {:.2} times that; {} KiB of memory at most",
        ours,
        bare,
        ours / bare,
        peak_memory(dockpki(&home).arg("list"))
    );
}

fn read(clients: &Path) {
    for client in std::fs::read_dir(clients).unwrap() {
        for file in std::fs::read_dir(client.unwrap().path()).unwrap() {
            std::hint::black_box(std::fs::read(file.unwrap().path()).unwrap());
        }
    }
}

//! `dockpki check` on a home of 10,000 clients, against `dockpki list` of the same home, which shows
//! as many rows and judges less.
//!
//! Run it with `cargo bench --bench check`.

#![allow(
    clippy::disallowed_methods,
    reason = "a bench runs processes, reads files and the clock"
)]

mod support;

use dockpki::pki::KeyType;
use support::{dockpki, home_with_clients, median, run, timed};

const CLIENTS: usize = 10_000;
const ROUNDS: usize = 7;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    home_with_clients(&home, KeyType::P256, CLIENTS);

    let prometheus = ["check", "--output", "prometheus"];
    let commands: [&[&str]; 3] = [&["list"], &["check"], &prometheus];
    let mut times = commands.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (times, command) in times.iter_mut().zip(commands) {
            times.push(timed(|| run(dockpki(&home).args(command))));
        }
    }
    let [list, check, prometheus] = times.map(|times| median(times).as_secs_f64());
    println!(
        "check of {CLIENTS}: {:.0} ms; list of the same home {:.0} ms: {:.2} times that; \
         for Prometheus {:.0} ms: {:.2} times that",
        check * 1e3,
        list * 1e3,
        check / list,
        prometheus * 1e3,
        prometheus / list,
    );
    assert!(check < 1.0, "check of {CLIENTS} took {check:.2} s");
}

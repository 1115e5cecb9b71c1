//! `dockpki check` on a home of 10,000 clients, against `dockpki list` of the same home, which shows
//! as many rows and judges less.
//!
//! Run it with `cargo bench --bench check`.

#![allow(
    clippy::disallowed_methods,
    reason = "a bench runs processes, reads files and the clock"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CLIENTS: usize = 10_000;
const ROUNDS: usize = 7;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    run(&home, &["init", "--san", "localhost", "--client", "me"]);
    let names: Vec<_> = (0..CLIENTS)
        .map(|number| format!("client-{number:05}"))
        .collect();
    let mut issue = vec!["client", "issue"];
    issue.extend(names.iter().map(String::as_str));
    run(&home, &issue);

    let prometheus = ["check", "--output", "prometheus"];
    let commands: [&[&str]; 3] = [&["list"], &["check"], &prometheus];
    let mut times = commands.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (times, command) in times.iter_mut().zip(commands) {
            times.push(timed(|| run(&home, command)));
        }
    }
    let [list, check, prometheus] = times.map(|mut times| {
        times.sort();
        times[ROUNDS / 2].as_secs_f64()
    });
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

fn run(home: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockpki"));
    command.arg("--home").arg(home).args(arguments);
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

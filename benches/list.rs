//! `dockpki list` on a home of 10,000 clients, against reading the same files and nothing more.
//!
//! Run it with `cargo bench --bench list`.

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
    let issued = timed(|| run(&home, &issue));
    println!(
        "client issue: {CLIENTS} durable in {:.2} s",
        issued.as_secs_f64()
    );

    let mut ours = Vec::new();
    let mut bare = Vec::new();
    for _ in 0..ROUNDS {
        ours.push(timed(|| run(&home, &["list"])));
        bare.push(timed(|| read(&home.join("clients"))));
    }
    ours.sort();
    bare.sort();
    let (ours, bare) = (
        ours[ROUNDS / 2].as_secs_f64(),
        bare[ROUNDS / 2].as_secs_f64(),
    );
    println!(
        "list of {CLIENTS}: {:.0} ms; reading the same files on one core {:.0} ms: {:.2} times that; {} KiB of memory at most",
        ours * 1e3,
        bare * 1e3,
        ours / bare,
        peak_memory(&home)
    );
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

fn read(clients: &Path) {
    for client in std::fs::read_dir(clients).unwrap() {
        for file in std::fs::read_dir(client.unwrap().path()).unwrap() {
            std::hint::black_box(std::fs::read(file.unwrap().path()).unwrap());
        }
    }
}

/// The peak resident memory of `list` in KiB, as the shell's children report it.
fn peak_memory(home: &Path) -> String {
    let output = Command::new("/usr/bin/env")
        .args(["python3", "-c", "import resource,subprocess,sys\nsubprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL)\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"])
        .arg(env!("CARGO_BIN_EXE_dockpki"))
        .arg("--home")
        .arg(home)
        .arg("list")
        .output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "an unknown number of".into(),
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

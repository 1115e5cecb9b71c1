//! `install server` on a daemon.json of 64 KiB, as whole processes, the restart left out.
//!
//! Run it with `cargo bench --bench install`.  Beside it a shell does the least a script would:
//! it copies the same four files with install(1), without looking at any of them and without
//! making them durable.

#![allow(clippy::disallowed_methods, reason = "a bench touches the machine")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use support::{dockpki, median, ms, run, timed};

const ROUNDS: usize = 31;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let below = |name: &str| directory.path().join(name);
    let init = ["init", "--san", "localhost", "--client", "alice"];
    run(dockpki(&below("home")).args(init));
    let json = daemon_json(64 << 10);
    let prefix = |round: usize| {
        let prefix = below(&format!("prefix-{round}"));
        fs::create_dir_all(prefix.join("etc/docker")).unwrap();
        fs::write(prefix.join("etc/docker/daemon.json"), &json).unwrap();
        prefix
    };
    let install = |prefix: &Path, more: &str| {
        let install = ["install", "server", "--prefix"];
        run(dockpki(&below("home")).args(install).arg(prefix).arg(more));
    };
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let prefix = prefix(round);
        times[0].push(timed(|| install(&prefix, "--dry-run")));
        times[1].push(timed(|| install(&prefix, "--yes")));
        let server = below("home").join("servers/localhost");
        let script = format!(
            "set -e; d={}/CA; install -d -m 0755 $d; install -m 0444 {server}/ca.pem {server}/server-cert.pem $d; \
             install -m 0400 {server}/server-key.pem $d; install -m 0644 {}/etc/docker/daemon.json $d/../new.json",
            below(&format!("script-{round}")).display(),
            prefix.display(),
            server = server.display(),
        );
        times[2].push(timed(|| run(Command::new("sh").args(["-c", &script]))));
    }
    let [dry_run, install, script] = times.map(median);
    println!(
        "install server, daemon.json of {} KiB: {:.1} ms, dry run {:.1} ms; four files copied by a shell: {:.1} ms: \
         {:.1} and {:.1} times that",
        json.len() >> 10,
        ms(install),
        ms(dry_run),
        ms(script),
        ms(install) / ms(script),
        ms(dry_run) / ms(script),
    );
}

/// A daemon.json of about this many octets, as a registry mirror list makes it.
fn daemon_json(octets: usize) -> String {
    let mut text = String::from("{\n  \"insecure-registries\": [\n");
    let mut number = 0;
    while text.len() < octets {
        let _ = writeln!(text, "    \"registry-{number}.example.com:5000\",");
        number += 1;
    }
    text.push_str("    \"last.example.com:5000\"\n  ],\n  \"log-driver\": \"json-file\"\n}\n");
    text
}

//! `dockpki init` against the openssl command line, whole processes side by side.
//!
//! Run it with `cargo bench --bench init`.  Says how many times faster dockpki is; the openssl
//! side makes the same three keys and certificates, without fsync.

#![allow(
    clippy::disallowed_methods,
    reason = "a bench runs processes and reads the clock"
)]

mod support;

use std::path::Path;
use std::process::Command;

use support::{dockpki, median, ms, run, timed};

fn main() {
    compare(
        "p256",
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        40,
    );
    compare(
        "rsa4096",
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
        12,
    );
}

/// Takes turns, so that what else the machine does hits both alike.
fn compare(key_type: &str, genpkey: &[&str], rounds: u32) {
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for _ in 0..rounds {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        let arguments = [
            "init",
            "--san",
            "localhost,127.0.0.1",
            "--client",
            "me",
            "--key-type",
        ];
        ours.push(timed(|| {
            run(dockpki(&home).args(arguments).arg(key_type));
        }));
        let directory = tempfile::tempdir().unwrap();
        theirs.push(timed(|| openssl(directory.path(), genpkey)));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "init {key_type}: dockpki {:.1} ms, openssl {:.1} ms, median of {rounds}: {:.1} times faster",
        ms(ours),
        ms(theirs),
        theirs.as_secs_f64() / ours.as_secs_f64()
    );
}

/// What Docker's manual has people type, with the same key type and purposes as ours.
fn openssl(directory: &Path, genpkey: &[&str]) {
    let openssl = |arguments: &[&str]| {
        run(Command::new("openssl")
            .current_dir(directory)
            .args(arguments));
    };
    let key = |file: &str| {
        openssl(&[&["genpkey", "-out", file], genpkey].concat());
    };
    std::fs::write(
        directory.join("server.ext"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
    )
    .unwrap();
    std::fs::write(
        directory.join("client.ext"),
        "extendedKeyUsage=clientAuth\n",
    )
    .unwrap();
    key("ca-key.pem");
    openssl(&[
        "req",
        "-new",
        "-x509",
        "-days",
        "3650",
        "-key",
        "ca-key.pem",
        "-sha256",
        "-subj",
        "/CN=ca",
        "-out",
        "ca.pem",
    ]);
    for (name, key_file) in [("server", "server-key.pem"), ("client", "key.pem")] {
        key(key_file);
        let request = format!("{name}.csr");
        openssl(&[
            "req",
            "-new",
            "-sha256",
            "-key",
            key_file,
            "-subj",
            "/CN=localhost",
            "-out",
            &request,
        ]);
        openssl(&[
            "x509",
            "-req",
            "-days",
            "365",
            "-sha256",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca-key.pem",
            "-CAcreateserial",
            "-out",
            &format!("{name}.pem"),
            "-extfile",
            &format!("{name}.ext"),
        ]);
    }
}

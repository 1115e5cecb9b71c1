//! `dockpki client issue --from` of 10,000 names, against making as many certificates in memory,
//! and against the openssl command line for 100 of them.
//!
//! Run it with `cargo bench --bench bulk`.  The bare rate is that of a key, a certificate and both
//! as PEM, on all cores, without a file: once made by this library, once by rcgen.  Ours is the whole
//! process, with keys, certificates, ledger and a docker context for each client, all of it durable.
//! What the file system alone takes for as many files is told beside it.

#![allow(
    clippy::disallowed_methods,
    reason = "a bench runs processes and reads the clock"
)]

mod support;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dockpki::pki::KeyType;
use rayon::prelude::*;
use support::{bare, dockpki, median, ms, name, peak_memory, run, sync, timed};

const CLIENTS: usize = 10_000;

fn main() {
    for (key_type, clients, rounds) in [
        (KeyType::P256, CLIENTS, 3),
        (KeyType::P384, CLIENTS, 1),
        (KeyType::Rsa2048, 200, 3),
    ] {
        let bare = median((0..rounds).map(|_| bare(key_type, clients)));
        let rcgen = match key_type {
            KeyType::P256 => Some(median((0..rounds).map(|_| rcgen(clients)))),
            _ => None,
        };
        for (medium, around) in [("disk", "/tmp"), ("memory", "/dev/shm")] {
            if !Path::new(around).is_dir() {
                continue;
            }
            let files = median((0..rounds).map(|_| files(Path::new(around), clients)));
            let ours = median((0..rounds).map(|_| issue(Path::new(around), key_type, clients)));
            let percent = |of: Duration| 100.0 * of.as_secs_f64() / ours.as_secs_f64();
            let rcgen = rcgen.map_or_else(String::new, |rcgen| {
                let took = rcgen.as_secs_f64();
                format!(", by rcgen {took:.2} s: {:.0} %", percent(rcgen))
            });
            println!(
                "{key_type}: {clients} clients in {:.2} s on {medium}, durable; made in memory alone {:.2} s: \
                 {:.0} % of the bare rate{rcgen}; files alone {:.2} s: {:.0} % of both together",
                ours.as_secs_f64(),
                bare.as_secs_f64(),
                percent(bare),
                files.as_secs_f64(),
                percent(bare + files),
            );
        }
    }
    println!("{}", against_openssl(100));
    let peak_memory = |count: usize| {
        let directory = tempfile::tempdir().unwrap();
        let list = prepared(directory.path(), KeyType::P256, count);
        peak_memory(&issuing(directory.path(), &list))
    };
    let few = peak_memory(1_000);
    println!(
        "memory at most: {few} KiB for 1000 clients, {} KiB for {CLIENTS}",
        peak_memory(CLIENTS)
    );
}

/// The same by rcgen, with P-256 keys.
fn rcgen(count: usize) -> Duration {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    timed(|| {
        (0..count).into_par_iter().for_each(|number| {
            let key = KeyPair::generate().unwrap();
            let mut client = CertificateParams::default();
            client
                .distinguished_name
                .push(DnType::CommonName, name(number));
            client.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
            client.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
            client.use_authority_key_identifier_extension = true;
            let certificate = client.signed_by(&key, &ca).unwrap();
            black_box((certificate.der().len(), key.serialize_der()));
        });
    })
}

/// How long it takes to write as many files and make them durable, on all cores.
fn files(around: &Path, count: usize) -> Duration {
    let directory = tempfile::tempdir_in(around).unwrap();
    let path = |number: usize| directory.path().join(name(number));
    let export = |number: usize| directory.path().join(format!("{}.tar", name(number)));
    timed(|| {
        (0..count).into_par_iter().for_each(|number| {
            std::fs::create_dir(path(number)).unwrap();
            for file in ["ca.pem", "cert.pem", "key.pem"] {
                std::fs::write(path(number).join(file), [b'x'; 640]).unwrap();
            }
            std::fs::write(export(number), [b'x'; 8192]).unwrap();
        });
        sync(directory.path());
    })
}

/// The whole command on a home that has a CA.
fn issue(around: &Path, key_type: KeyType, count: usize) -> Duration {
    let directory = tempfile::tempdir_in(around).unwrap();
    let list = prepared(directory.path(), key_type, count);
    timed(|| run(&mut issuing(directory.path(), &list)))
}

/// A home with a CA, and a list of as many names beside it.
fn prepared(directory: &Path, key_type: KeyType, count: usize) -> String {
    let init = ["init", "--san", "localhost", "--client", "me", "--key-type"];
    run(dockpki(&directory.join("home"))
        .args(init)
        .arg(key_type.as_str()));
    let list = directory.join("list");
    let names = (0..count).map(|number| name(number) + "\n");
    std::fs::write(&list, names.collect::<String>()).unwrap();
    list.to_str().unwrap().to_owned()
}

fn issuing(directory: &Path, list: &str) -> Command {
    let mut command = dockpki(&directory.join("home"));
    command.args(["client", "issue", "--from", list]);
    command.args(["--as", "context", "--host", "tcp://h:2376", "--export"]);
    command.arg(directory.join("exports"));
    command
}

/// As many clients by us and by the openssl command line, one after the other as a script has it.
fn against_openssl(count: usize) -> String {
    let ours = median((0..5).map(|_| issue(Path::new("/tmp"), KeyType::P256, count)));
    let theirs = median((0..3).map(|_| {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path();
        let init = ["init", "--san", "localhost", "--client", "me"];
        run(dockpki(&home.join("home")).args(init));
        timed(|| openssl(&home.join("home"), home, count))
    }));
    format!(
        "{count} clients: dockpki {:.0} ms, durable; openssl in a loop {:.0} ms: {:.0} times faster",
        ms(ours),
        ms(theirs),
        theirs.as_secs_f64() / ours.as_secs_f64()
    )
}

/// Keys, requests and certificates of the same profile, without fsync and without contexts.
fn openssl(ca: &Path, directory: &Path, count: usize) {
    let openssl = |arguments: &[&str]| {
        run(Command::new("openssl")
            .current_dir(directory)
            .args(arguments));
    };
    std::fs::write(
        directory.join("client.ext"),
        "extendedKeyUsage=clientAuth\n",
    )
    .unwrap();
    let (ca_cert, ca_key) = (ca.join("ca.pem"), ca.join("ca-key.pem"));
    for number in 0..count {
        let name = name(number);
        let [key, request, certificate] =
            ["key", "csr", "pem"].map(|kind| format!("{name}.{kind}"));
        let curve = "ec_paramgen_curve:P-256";
        openssl(&[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            curve,
            "-out",
            &key,
        ]);
        let subject = format!("/CN={name}");
        openssl(&[
            "req", "-new", "-key", &key, "-subj", &subject, "-out", &request,
        ]);
        let sign = [
            "x509",
            "-req",
            "-in",
            &request,
            "-days",
            "365",
            "-CAcreateserial",
        ];
        let by = [
            "-CA",
            ca_cert.to_str().unwrap(),
            "-CAkey",
            ca_key.to_str().unwrap(),
        ];
        let rest = ["-extfile", "client.ext", "-out", &certificate];
        openssl(&[&sign[..], &by, &rest].concat());
    }
}

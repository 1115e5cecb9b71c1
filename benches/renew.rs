//! `dockpki renew --force` of 10,000 clients, against making as many certificates in memory.
//!
//! Run it with `cargo bench --bench renew`.  The bare rate is that of a key, a certificate and both
//! as PEM, on all cores, without a file; ours is the whole process: it reads the old certificates,
//! makes the new ones, writes 40,000 files and directories, archives the old ones and makes it all
//! durable.  What the file system alone takes for that is told beside it: with small keys it is most
//! of the time.  Once on disk, once in memory.

#![allow(
    clippy::disallowed_methods,
    reason = "a bench runs processes and reads the clock"
)]

mod support;

use std::path::Path;
use std::time::Duration;

use dockpki::pki::KeyType;
use rayon::prelude::*;
use support::{bare, dockpki, home_with_clients, median, run, sync, timed};

fn main() {
    for (key_type, clients, rounds) in [
        (KeyType::P256, 10_000, 5),
        (KeyType::P384, 10_000, 3),
        (KeyType::Rsa2048, 200, 3),
    ] {
        let bare = median((0..rounds).map(|_| bare(key_type, clients)));
        for (medium, around) in [("disk", "/tmp"), ("memory", "/dev/shm")] {
            let Ok(directory) = tempfile::tempdir_in(around) else {
                continue;
            };
            let home = directory.path().join("home");
            home_with_clients(&home, key_type, clients);
            let files = median((0..rounds).map(|_| files(directory.path(), clients)));
            let ours = median(
                (0..rounds).map(|_| timed(|| run(dockpki(&home).args(["renew", "--force"])))),
            );
            println!(
                "renew {key_type}: {clients} in {:.2} s on {medium}, durable; made in memory alone {:.2} s: \
                 {:.0} % of the bare rate; files alone {:.2} s: {:.0} % of both together",
                ours.as_secs_f64(),
                bare.as_secs_f64(),
                100.0 * bare.as_secs_f64() / ours.as_secs_f64(),
                files.as_secs_f64(),
                100.0 * (bare + files).as_secs_f64() / ours.as_secs_f64()
            );
        }
    }
}

/// How long it takes to write as many files, put them in the place of others and make them
/// durable, on all cores.
fn files(around: &Path, count: usize) -> Duration {
    let directory = around.join("files");
    let paths = |number: usize| {
        let path = |name: &str| directory.join(format!("{name}-{number}"));
        [path("staged"), path("client"), path("old")]
    };
    let make = |path: &Path| {
        std::fs::create_dir(path).unwrap();
        for file in ["ca.pem", "cert.pem", "key.pem"] {
            std::fs::write(path.join(file), [b'x'; 640]).unwrap();
        }
    };
    std::fs::create_dir(&directory).unwrap();
    (0..count).for_each(|number| make(&paths(number)[1]));
    let took = timed(|| {
        (0..count)
            .into_par_iter()
            .for_each(|number| make(&paths(number)[0]));
        for number in 0..count {
            let [staged, client, old] = paths(number);
            std::fs::rename(&client, old).unwrap();
            std::fs::rename(staged, client).unwrap();
        }
        sync(&directory);
    });
    std::fs::remove_dir_all(&directory).unwrap();
    took
}

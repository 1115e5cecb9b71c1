//! What the benches share: running the binary, and telling how long and how large it was.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "each bench uses a part of it, and runs processes and reads the clock"
)]

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dockpki::pki::{Ca, KeyType, Life, Name, PrivateKey, Serial, Validity};
use rayon::prelude::*;
use time::OffsetDateTime;

/// dockpki on this home.
pub fn dockpki(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockpki"));
    command.arg("--home").arg(home);
    command
}

/// Runs a command that must succeed to its end.
pub fn run(command: &mut Command) {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{command:?}");
}

/// The name of one of many clients.
pub fn name(number: usize) -> String {
    format!("client-{number:05}")
}

/// A home with this many clients, and one more.
pub fn home_with_clients(home: &Path, key_type: KeyType, count: usize) {
    let init = ["init", "--san", "localhost", "--client", "me", "--key-type"];
    run(dockpki(home).args(init).arg(key_type.as_str()));
    let issue = ["client", "issue"];
    run(dockpki(home).args(issue).args((0..count).map(name)));
}

/// How long as many certificates and keys of clients take in memory, on all cores.
pub fn bare(key_type: KeyType, count: usize) -> Duration {
    let now = OffsetDateTime::now_utc();
    let ca_validity = Validity::of_ca(Life::CA, now).unwrap();
    let ca_key = PrivateKey::generate(key_type).unwrap();
    let ca = Ca::new(ca_key, &Serial::generate().unwrap(), ca_validity, None).unwrap();
    let validity = Validity::of_leaf(Life::LEAF, now, ca_validity).unwrap();
    timed(|| {
        (0..count).into_par_iter().for_each(|number| {
            let name: Name = name(number).parse().unwrap();
            let key = PrivateKey::generate(key_type).unwrap();
            let serial = Serial::generate().unwrap();
            let issued = ca.issue_client(&name, &key, serial, validity).unwrap();
            black_box((issued.pem(), key.to_pem().unwrap()));
        });
    })
}

/// Makes durable what was written on the file system of a directory.
#[cfg(target_os = "linux")]
pub fn sync(directory: &Path) {
    rustix::fs::syncfs(std::fs::File::open(directory).unwrap()).unwrap();
}

/// Makes durable whatever was written.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn sync(_directory: &Path) {
    rustix::fs::sync();
}

/// Leaves it to the system when it is durable.
#[cfg(not(unix))]
pub fn sync(_directory: &Path) {}

/// How long this takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The middle of these.
pub fn median(times: impl IntoIterator<Item = Duration>) -> Duration {
    let mut times = Vec::from_iter(times);
    times.sort();
    times[times.len() / 2]
}

/// In milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The peak resident memory of a command in KiB, as its parent is told.
pub fn peak_memory(command: &Command) -> String {
    let script = "import resource,subprocess,sys\n\
                  subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,check=True)\n\
                  print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(command.get_program())
        .args(command.get_args())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "an unknown number of".into(),
    }
}

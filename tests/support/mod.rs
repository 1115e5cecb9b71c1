//! What the integration tests share: running the binary on a home of its own, and skipping.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "each test uses a part of it, and tests touch the machine"
)]

pub mod by_hand;
pub mod daemon;
#[cfg(target_os = "linux")]
pub mod dockerd_host;
pub mod fault;
pub mod golden;
#[cfg(target_os = "linux")]
pub mod host;
pub mod machine;
pub mod tree;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dockpki::plan::ledger::{self, Entry};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Every `--key-type`.
pub const KEY_TYPES: [&str; 6] = ["p256", "p384", "ed25519", "rsa2048", "rsa3072", "rsa4096"];

/// A home in a temporary directory that goes away.
pub struct TestHome {
    directory: tempfile::TempDir,
}

impl TestHome {
    /// A directory in which `home` does not exist yet.
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// The same on a file system in memory, if there is one: fsync, which takes most of a run's
    /// time, costs nothing there.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let directory = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
        Self {
            directory: directory.unwrap(),
        }
    }

    /// A home with a CA, the server `localhost` for localhost and 127.0.0.1, and the client
    /// `alice`; `arguments` go to `init`.
    pub fn with_ca(arguments: &[&str]) -> Self {
        let home = Self::new();
        let init = ["init", "--san", "localhost,127.0.0.1", "--client", "alice"];
        home.run(init.iter().chain(arguments)).succeeds();
        home
    }

    /// The home itself.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// The temporary directory around the home.
    pub fn around(&self) -> &Path {
        self.directory.path()
    }

    /// The code by which a person knows the CA that signs, as `ca show` tells it.
    pub fn ca_code(&self) -> String {
        let ca = std::fs::read(self.path().join("ca.pem")).unwrap();
        let ders = dockpki::pki::certificates_from_pem(&ca).unwrap();
        let ca = dockpki::pki::Certificate::from_der(&ders[0]).unwrap();
        dockpki::pki::VerifyCode::of(&ca.public_key).to_string()
    }

    /// The ledger, of which every line is an entry.
    pub fn ledger(&self) -> Vec<Entry> {
        let path = self.path().join("issued.jsonl");
        ledger::parse(&std::fs::read(&path).unwrap(), &path).unwrap()
    }

    /// A TLS client that is `alice`.
    pub fn alice(&self) -> Arc<rustls::ClientConfig> {
        let file = |name| self.path().join("clients/alice").join(name);
        rustls_client(&file("ca.pem"), &file("cert.pem"), &file("key.pem"))
    }

    /// `dockpki --home HOME`, without any variable that would change what it does.
    pub fn command(&self) -> Command {
        let mut command = dockpki();
        command.arg("--home").arg(self.path());
        command
    }

    /// Runs dockpki on the home to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        Ran::from(self.command().args(arguments).output().unwrap())
    }
}

/// The binary, without any variable that would change what it does, and without a terminal.
pub fn dockpki() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockpki"));
    for name in [
        "DOCKPKI_HOME",
        "DOCKER_CONFIG",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "SUDO_USER",
        "NO_COLOR",
    ] {
        command.env_remove(name);
    }
    command.stdin(std::process::Stdio::null());
    command
}

/// What a finished process left behind.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Asserts that this is among what it said on standard error.
    #[track_caller]
    pub fn says(&self, words: &str) {
        assert!(self.stderr.contains(words), "no `{words}` in {self:#?}");
    }
}

/// Every path below a directory with its mode and its content, in order: what must be the same
/// after a command that failed.  The lock file does not count.
pub fn snapshot(directory: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    use std::os::unix::fs::MetadataExt;
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.ends_with(".lock") {
            continue;
        }
        let metadata = path.symlink_metadata().unwrap();
        let mode = metadata.mode() & 0o7777;
        if metadata.is_dir() {
            found.push((path.clone(), mode, Vec::new()));
            found.extend(snapshot(&path));
        } else {
            let content = std::fs::read(&path).unwrap();
            found.push((path, mode, content));
        }
    }
    found.sort();
    found
}

/// Whether this test can have what it needs.  Says that it is skipped if not; with
/// `DOCKPKI_E2E=require` that is a failure.
#[track_caller]
pub fn has(what: &str, there: bool) -> bool {
    if there {
        return true;
    }
    let required = std::env::var("DOCKPKI_E2E").is_ok_and(|value| value == "require");
    assert!(!required, "{what} is not there, and DOCKPKI_E2E=require");
    // Not by eprintln!, which the test runner keeps to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {what} is not there");
    false
}

/// Puts dockpki's program somewhere else.  By another process: what this one writes, a child that
/// another test starts meanwhile holds open for a moment, and nobody can run it then.
pub fn copy_program(to: &Path) {
    let mut copy = Command::new("cp");
    copy.arg(env!("CARGO_BIN_EXE_dockpki")).arg(to);
    assert!(copy.status().unwrap().success());
}

/// Whether a program is in PATH.
pub fn program_exists(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// Whether we are root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whether it happens while there is [`PATIENCE`].
pub fn happens(mut has_happened: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !has_happened() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// The certificate in a PEM file that holds one.
pub fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

/// A rustls client that trusts the CAs in `ca` and shows the certificate to whoever asks,
/// whichever issuers they name.
pub fn rustls_client(ca: &Path, cert: &Path, key: &Path) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for ca in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(ca.unwrap()).unwrap();
    }
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate(cert)], key)
        .unwrap();
    Arc::new(config)
}

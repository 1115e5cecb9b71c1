//! A real dockerd that serves from what `init` made: who gets an answer, and who does not.
//!
//! Needs root, dockerd and the docker command line.  The daemon listens on loopback and lives in
//! a directory of its own; when a test ends, by success or panic, so do dockerd and the
//! containerd it started, and nothing stays mounted.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests start a daemon and talk to it"
)]

mod support;

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

use dockpki::plan::bundle::Bundle;
use rustix::process::{Pid, Signal, kill_process};
use support::daemon::{SERVER_VERSION, answers_at, clean, ping};
use support::{
    PATIENCE, Ran, TestHome, dockpki, happens, has, is_root, program_exists, rustls_client,
};

#[test]
fn a_daemon_with_p256_answers_its_clients_and_nobody_else() {
    answers_its_clients_and_nobody_else("p256");
}

#[test]
fn a_daemon_with_p384_answers_its_clients_and_nobody_else() {
    answers_its_clients_and_nobody_else("p384");
}

#[test]
fn a_daemon_with_ed25519_answers_its_clients_and_nobody_else() {
    answers_its_clients_and_nobody_else("ed25519");
}

#[test]
fn a_daemon_with_rsa2048_answers_its_clients_and_nobody_else() {
    answers_its_clients_and_nobody_else("rsa2048");
}

#[test]
fn a_daemon_with_rsa3072_answers_its_clients_and_nobody_else() {
    answers_its_clients_and_nobody_else("rsa3072");
}

#[test]
fn a_daemon_with_rsa4096_answers_its_clients_and_nobody_else() {
    answers_its_clients_and_nobody_else("rsa4096");
}

#[test]
fn a_daemon_under_a_constrained_ca_answers_its_clients() {
    if !can_run() {
        return;
    }
    let home = TestHome::with_ca(&["--constrain"]);
    let daemon = Daemon::start(&home);
    daemon.answers(&home.path().join("clients/alice"));
}

/// What asks a daemon through docker's SDK for Python as its manual has it, and prints the version.
const PYTHON: &str = "import docker; print(docker.from_env(timeout=60).version()['Version'])";

#[test]
fn docker_for_python_gets_an_answer_by_docker_cert_path() {
    let Some(python) = python() else { return };
    if !can_run() {
        return;
    }
    let home = TestHome::with_ca(&[]);
    let foreign = TestHome::with_ca(&[]);
    let daemon = Daemon::start(&home);
    let alice = home.path().join("clients/alice");
    let stranger = stranger(&home, &foreign);
    for host in daemon.hosts() {
        let ask = |certificates: &Path| {
            let mut ask = clean(&python);
            ask.args(["-c", PYTHON])
                .env("DOCKER_HOST", &host)
                .env("DOCKER_TLS_VERIFY", "1")
                .env("DOCKER_CERT_PATH", certificates);
            ask
        };
        let answer = Ran::from(ask(&alice).output().unwrap()).succeeds();
        assert_eq!(answer.stdout, daemon.version, "{host}");

        let before = daemon.log().len();
        Ran::from(ask(&stranger).output().unwrap()).fails(1);
        daemon.logs(before, "certificate signed by unknown authority");

        // The trap that README.md tells of: it puts these CAs in the place of ca.pem.
        let mut trapped = ask(&alice);
        trapped.env("REQUESTS_CA_BUNDLE", foreign.path().join("ca.pem"));
        let trapped = Ran::from(trapped.output().unwrap()).fails(1);
        trapped.says("certificate verify failed");
    }
}

/// A Python that has docker's SDK: that of `DOCKPKI_PYTHON`, else the system's.
fn python() -> Option<String> {
    let python = std::env::var("DOCKPKI_PYTHON").unwrap_or_else(|_| "python3".into());
    let import = Command::new(&python).args(["-c", "import docker"]).output();
    let there = import.is_ok_and(|import| import.status.success());
    has("docker's SDK for Python", there).then_some(python)
}

fn answers_its_clients_and_nobody_else(key_type: &str) {
    if !can_run() {
        return;
    }
    let home = TestHome::with_ca(&["--key-type", key_type]);
    let foreign = TestHome::with_ca(&["--key-type", key_type]);
    let ca = home.path().join("ca.pem");
    let alice = home.path().join("clients/alice");
    let foreign_alice = foreign.path().join("clients/alice");
    let server = home.path().join("servers/localhost");
    let daemon = Daemon::start(&home);
    daemon.answers(&alice);

    let nobody = home.around().join("nobody");
    fs::create_dir(&nobody).unwrap();
    fs::copy(&ca, nobody.join("ca.pem")).unwrap();
    daemon.refuses(&nobody, "client didn't provide a certificate");
    daemon.answers(&alice);

    // Go's client withholds a certificate whose issuer the server does not name ...
    let stranger = stranger(&home, &foreign);
    daemon.refuses(&stranger, "client didn't provide a certificate");
    daemon.answers(&alice);

    // ... and this client shows it all the same.
    let shown = |directory: &Path| {
        let cert = directory.join("cert.pem");
        daemon.ping(rustls_client(&ca, &cert, &directory.join("key.pem")))
    };
    shown(&alice).unwrap();
    let before = daemon.log().len();
    let answer = shown(&stranger);
    assert!(answer.is_err(), "the stranger got {answer:?}");
    daemon.logs(before, "certificate signed by unknown authority");
    daemon.answers(&alice);

    let server_as_client = home.around().join("server-as-client");
    fs::create_dir(&server_as_client).unwrap();
    fs::copy(&ca, server_as_client.join("ca.pem")).unwrap();
    for (from, to) in [
        ("server-cert.pem", "cert.pem"),
        ("server-key.pem", "key.pem"),
    ] {
        fs::copy(server.join(from), server_as_client.join(to)).unwrap();
    }
    daemon.refuses(
        &server_as_client,
        "certificate specifies an incompatible key usage",
    );
    daemon.answers(&alice);

    // And the other way round: who trusts another CA does not talk to this daemon.
    let refused = daemon.docker(&daemon.hosts()[0], &foreign_alice).fails(1);
    refused.says("certificate signed by unknown authority");
    daemon.answers(&alice);
}

/// The certificates of a client that trusts the home's CA and is of another.
fn stranger(home: &TestHome, foreign: &TestHome) -> PathBuf {
    let stranger = home.around().join("stranger");
    fs::create_dir(&stranger).unwrap();
    fs::copy(home.path().join("ca.pem"), stranger.join("ca.pem")).unwrap();
    for name in ["cert.pem", "key.pem"] {
        let from = foreign.path().join("clients/alice").join(name);
        fs::copy(from, stranger.join(name)).unwrap();
    }
    stranger
}

#[test]
fn what_was_exported_reaches_the_daemon_with_the_tools_that_are_there() {
    if !can_run() {
        return;
    }
    let home = TestHome::with_ca(&[]);
    let daemon = Daemon::start(&home);
    let host = &daemon.hosts()[0];
    let there = home.around();
    let export = |arguments: &[&str]| {
        let mut command = home.command();
        command.args(["client", "export", "alice"]).args(arguments);
        Ran::from(command.current_dir(there).output().unwrap()).succeeds()
    };
    // Nothing but docker.
    export(&["--as", "context", "--host", host]);
    let file = there.join("alice.dockercontext");
    let mut import = daemon.client();
    import.args(["context", "import", "web"]).arg(&file);
    Ran::from(import.output().unwrap()).succeeds();
    let through = |context: &str| {
        let mut docker = daemon.client();
        docker.args(["--context", context, "version", "--format", SERVER_VERSION]);
        Ran::from(docker.output().unwrap()).succeeds()
    };
    let answer = through("web");
    assert_eq!(answer.stdout, daemon.version);
    assert_eq!(answer.stderr, "", "docker complains of what it imported");
    // What docker exports of it is read too.
    let again = there.join("again");
    let mut theirs = daemon.client();
    theirs.args(["context", "export", "web"]).arg(&again);
    Ran::from(theirs.output().unwrap()).succeeds();
    let theirs = Bundle::read(&fs::read(again).unwrap()).unwrap();
    let ours = Bundle::read(&fs::read(file).unwrap()).unwrap();
    assert!(theirs.files == ours.files && theirs.host == ours.host);

    // What docker made of it is refreshed with the others, and works with the next certificate.
    let imported = |file: &str| {
        let id = dockpki::pki::sha256_hex(b"web");
        let tls = daemon.below("config/contexts/tls").join(id).join("docker");
        fs::read(tls.join(file)).unwrap()
    };
    home.run(["renew", "alice", "--force"]).succeeds();
    export(&["--as", "tar"]);
    let mut refresh = dockpki();
    refresh
        .args(["client", "refresh", "alice.tar.gz", "--yes"])
        .current_dir(there)
        .env("HOME", there)
        .env("DOCKPKI_HOME", there.join("nowhere"))
        .env("DOCKER_CONFIG", daemon.below("config"));
    Ran::from(refresh.output().unwrap()).succeeds();
    let renewed = home.path().join("clients/alice/cert.pem");
    assert!(imported("cert.pem") == fs::read(renewed).unwrap());
    let answer = through("web");
    assert_eq!(
        (answer.stdout, answer.stderr),
        (daemon.version.clone(), String::new())
    );

    // A directory, and the variables as a CI job unpacks them: the lines that are printed.
    export(&["--as", "dir"]);
    daemon.answers(&there.join("alice"));
    let ran = export(&["--as", "env", "--host", host]);
    let lines = ran
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("  "));
    let lines = Vec::from_iter(lines).join("\n");
    let script = format!(
        "set -eu; set -a; . ./alice.env; set +a\n{lines}\nexec docker version --format '{SERVER_VERSION}'"
    );
    let mut job = clean("timeout");
    job.args([&PATIENCE.as_secs().to_string(), "sh", "-c", &script])
        .current_dir(there)
        .env("HOME", there);
    let answer = Ran::from(job.output().unwrap()).succeeds();
    assert_eq!(answer.stdout, daemon.version, "{answer:?}");
    let mode = there.join(".docker/key.pem").metadata().unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

/// Whether the machine has what these tests need.
fn can_run() -> bool {
    // setpriv is of util-linux, timeout of coreutils: where there is a dockerd, they are.
    let programs = ["dockerd", "docker", "setpriv", "timeout"];
    has("root", is_root()) && programs.iter().all(|name| has(name, program_exists(name)))
}

/// A dockerd of our own.
struct Daemon {
    process: Child,
    directory: tempfile::TempDir,
    port: u16,
    /// Its version, asked over its local socket, where there is no TLS.
    version: String,
}

impl Daemon {
    /// Starts one that serves from `servers/localhost` of the home, and waits until it answers.
    fn start(home: &TestHome) -> Self {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match Self::try_start(&home.path().join("servers/localhost")) {
                Ok(daemon) => return daemon,
                // Somebody else took the port between our look and dockerd's.
                Err(log) if attempts < 5 && log.contains("address already in use") => {}
                Err(log) => panic!("dockerd did not start:\n{log}"),
            }
        }
    }

    /// Starts one, or returns its log.
    fn try_start(server: &Path) -> Result<Self, String> {
        // Short, for the path of a socket has at most 108 bytes.
        let directory = tempfile::Builder::new()
            .prefix("dpk")
            .tempdir_in("/tmp")
            .unwrap();
        let below = |name: &str| directory.path().join(name);
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let config = serde_json::json!({
            "hosts": [
                format!("tcp://127.0.0.1:{port}"),
                format!("unix://{}", below("docker.sock").display()),
            ],
            "tls": true,
            "tlsverify": true,
            "tlscacert": server.join("ca.pem"),
            "tlscert": server.join("server-cert.pem"),
            "tlskey": server.join("server-key.pem"),
            "data-root": below("data"),
            "exec-root": below("exec"),
            "pidfile": below("docker.pid"),
            "iptables": false,
            "bridge": "none",
            "storage-driver": "vfs",
        });
        fs::write(below("daemon.json"), config.to_string()).unwrap();
        fs::create_dir(below("config")).unwrap();
        let log = File::create(below("log")).unwrap();
        // If this process is killed and cleans up nothing, dockerd still ends with it.
        let process = clean("setpriv")
            .args(["--pdeathsig", "TERM", "dockerd", "--config-file"])
            .arg(below("daemon.json"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut daemon = Self {
            process,
            directory,
            port,
            version: String::new(),
        };
        let mut ended = false;
        let ready = happens(|| {
            ended = daemon.process.try_wait().unwrap().is_some();
            ended || daemon.answers_locally()
        });
        assert!(ready, "dockerd is not ready in time");
        if ended {
            return Err(daemon.log());
        }
        let local = format!("unix://{}", daemon.below("docker.sock").display());
        let local = ["--host", &local, "version", "--format", SERVER_VERSION];
        let version = daemon.client().args(local).output().unwrap();
        daemon.version = Ran::from(version).succeeds().stdout;
        assert!(!daemon.version.trim().is_empty(), "no version");
        Ok(daemon)
    }

    /// Whether the daemon answers on its local socket, where there is no TLS.
    fn answers_locally(&self) -> bool {
        answers_at(&self.below("docker.sock"))
    }

    fn below(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.below("log")).unwrap()).into_owned()
    }

    /// By name and by address: both are in the certificate.
    fn hosts(&self) -> [String; 2] {
        ["localhost", "127.0.0.1"].map(|host| format!("tcp://{host}:{}", self.port))
    }

    /// Asserts that the docker command line gets an answer with these certificates.
    #[track_caller]
    fn answers(&self, certificates: &Path) {
        for host in self.hosts() {
            let answer = self.docker(&host, certificates).succeeds();
            assert_eq!(answer.stdout, self.version, "{host}: {answer:#?}");
        }
    }

    /// Asserts that the docker command line gets none, and that this is why.
    #[track_caller]
    fn refuses(&self, certificates: &Path, why: &str) {
        for host in self.hosts() {
            let before = self.log().len();
            let refused = self.docker(&host, certificates).fails(1);
            assert_eq!(refused.stdout.trim(), "", "{host}: {refused:#?}");
            // In TLS 1.3 the client has sent its request before the server has judged it; when
            // the server hangs up on that, the alert that names the certificate may get lost.
            let words = ["certificate", "connection reset by peer", "broken pipe"];
            assert!(
                words.iter().any(|word| refused.stderr.contains(word)),
                "{host}: {refused:#?}"
            );
            self.logs(before, why);
        }
    }

    /// Waits until the daemon has logged, after `before` bytes, that a handshake failed for this
    /// reason.
    #[track_caller]
    fn logs(&self, before: usize, why: &str) {
        let logged = happens(|| {
            let log = self.log();
            let mut new = log[before..].lines();
            new.any(|line| line.contains("TLS handshake error") && line.contains(why))
        });
        assert!(logged, "no handshake failed for `{why}`");
    }

    /// `docker version` of a user who has nothing but these certificates.
    fn docker(&self, host: &str, certificates: &Path) -> Ran {
        let mut docker = self.client();
        docker
            .args(["version", "--format", SERVER_VERSION])
            .env("DOCKER_HOST", host)
            .env("DOCKER_TLS_VERIFY", "1")
            .env("DOCKER_CERT_PATH", certificates);
        Ran::from(docker.output().unwrap())
    }

    /// The docker command line with an empty configuration.
    fn client(&self) -> Command {
        let mut docker = clean("timeout");
        docker
            .arg(PATIENCE.as_secs().to_string())
            .arg("docker")
            .env("DOCKER_CONFIG", self.below("config"));
        docker
    }

    /// Asks over TLS in this process; the status line, or what went wrong.
    fn ping(&self, config: Arc<rustls::ClientConfig>) -> Result<String, String> {
        ping(
            TcpStream::connect(("127.0.0.1", self.port)).unwrap(),
            config,
        )
    }

    /// The containerd that dockerd started: it names our directory in its arguments.
    fn containerds(&self) -> Vec<Pid> {
        let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let entry = entry.unwrap();
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // It may have ended since the directory was read.
            let arguments = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let directory = self.directory.path().to_str().unwrap();
            let program = Path::new(arguments.split('\0').next()?).file_name()?;
            let ours = arguments.contains(directory) && program == "containerd";
            ours.then(|| Pid::from_raw(pid))?
        });
        processes.collect()
    }

    /// What is mounted below our directory, the innermost first.
    fn mounts(&self) -> Vec<PathBuf> {
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
        let ours = points.map(PathBuf::from);
        let mut ours: Vec<_> = ours
            .filter(|point| point.starts_with(self.directory.path()))
            .collect();
        ours.sort();
        ours.reverse();
        ours
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let panicking = std::thread::panicking();
        if panicking {
            eprintln!("the log of dockerd:\n{}", self.log());
        }
        // dockerd may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let ended = happens(|| self.process.try_wait().unwrap().is_some());
        if !ended {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
        let containerd_ended = happens(|| self.containerds().is_empty());
        for pid in self.containerds() {
            let _ = kill_process(pid, Signal::KILL);
        }
        for point in self.mounts() {
            // What cannot be unmounted is in the assertion below.
            let _ = Command::new("umount").arg(point).status();
        }
        let mounts = self.mounts();
        if panicking {
            eprintln!("still mounted: {mounts:?}");
        } else {
            assert!(ended, "dockerd did not end");
            assert!(containerd_ended, "containerd outlived dockerd");
            assert!(mounts.is_empty(), "still mounted: {mounts:?}");
        }
    }
}

//! A Docker host of a test's own: a real dockerd where the paths and ports that everybody has are
//! real and nobody else's.
//!
//! The host is a set of namespaces.  /etc/docker, /etc/systemd/system, /run and /var/lib are empty
//! in it, its network is a loopback device, and its processes are all there are.  When its first
//! process ends, the kernel ends all the others and unmounts everything; that process ends when
//! its standard input does, so also with the test, however that ends.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use rustls::pki_types::CertificateDer;

use super::daemon::{SERVER_VERSION, answers_at, clean, ping, served};
use super::{
    PATIENCE, Ran, TestHome, certificate, happens, has, is_root, program_exists, snapshot,
};

/// Whether the machine has what a [`Host`] needs.
pub fn can_run() -> bool {
    let programs = [
        "dockerd", "docker", "unshare", "nsenter", "mount", "setsid", "busybox", "tar", "timeout",
    ];
    has("root", is_root()) && programs.iter().all(|name| has(name, program_exists(name)))
}

/// A Docker host, and a home with a CA, the server `localhost` and the client `alice`.
pub struct Host {
    /// unshare(1), the parent of the host's first process.
    holder: Child,
    /// In memory, and seen inside the host alone.
    directory: tempfile::TempDir,
    pub home: TestHome,
}

/// What is in the directories that an install may touch.
#[derive(Clone, PartialEq, Eq)]
pub struct HostState(Vec<Entry>);

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    path: PathBuf,
    mode: u32,
    owner: (u32, u32),
    content: Vec<u8>,
}

const SET_UP: &str = r#"set -eu
mkdir -p /etc/docker /etc/systemd/system
for directory in /etc/docker /etc/systemd/system /run /var/lib "$1"; do
    mount -t tmpfs -o mode=755 host "$directory"
done
mkdir /run/lock "$1/root"
busybox ip link set lo up
echo ready
# Whose parent has ended is this process's child, and must not stay a zombie when it ends.
exec env --ignore-signal=CHLD cat
"#;

/// Ends dockerd if it runs.
const STOP: &str = r#"#!/bin/sh
pid=$(cat /run/docker.pid 2>/dev/null) || exit 0
kill "$pid" 2>/dev/null || exit 0
while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
"#;

/// Ends dockerd if it runs, and starts it with the flags it gets, as an init script would: it
/// does not wait until the daemon is ready.
const RESTART: &str = r#"#!/bin/sh
DIRECTORY/stop
setsid dockerd "$@" >>DIRECTORY/log 2>&1 </dev/null &
"#;

impl Host {
    /// A host whose daemon runs with this in daemon.json, beside what the test needs there.
    pub fn with(config: serde_json::Value) -> Self {
        let host = Self::stopped();
        host.write_daemon_json(config);
        host.boot();
        host
    }

    /// A host whose daemon has neither been configured nor started.
    pub fn stopped() -> Self {
        // Short, for the path of a socket has at most 108 bytes.
        let directory = tempfile::Builder::new()
            .prefix("dpk")
            .tempdir_in("/tmp")
            .unwrap();
        let mut holder = clean("unshare")
            .args(["--mount", "--net", "--pid", "--propagation", "private"])
            .args(["--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-c", SET_UP, "sh"])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let mut stdout = BufReader::new(holder.stdout.take().unwrap());
        stdout.read_line(&mut ready).unwrap();
        if ready.is_empty() {
            let mut why = String::new();
            let stderr = holder.stderr.as_mut().unwrap();
            stderr.read_to_string(&mut why).unwrap();
            panic!("the host could not be set up: {why}");
        }
        let host = Self {
            holder,
            directory,
            home: TestHome::with_ca(&[]),
        };
        host.write_script("stop", STOP);
        host.write_script("restart", RESTART);
        File::create(host.outside(&host.log())).unwrap();
        host
    }

    /// Writes daemon.json, readable to its group alone, which is not ours.
    pub fn write_daemon_json(&self, config: serde_json::Value) {
        let mut all = serde_json::json!({
            "data-root": self.below("data"),
            "exec-root": self.below("exec"),
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": format!("/{}", self.name()),
            "iptables": false,
            "bridge": "none",
            "storage-driver": "vfs",
        });
        let all_keys = all.as_object_mut().unwrap();
        all_keys.extend(config.as_object().unwrap().clone());
        let path = self.outside(Path::new("/etc/docker/daemon.json"));
        fs::write(&path, serde_json::to_string_pretty(&all).unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::chown(&path, Some(0), Some(1)).unwrap();
    }

    /// Starts the daemon and waits until it answers on its local socket.
    pub fn boot(&self) {
        let restart = self.command(self.below("restart")).output().unwrap();
        Ran::from(restart).succeeds();
        self.answers_locally();
    }

    /// A path in the host's own directory, as the host sees it.
    pub fn below(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the daemon logs, as the host sees it.
    pub fn log(&self) -> PathBuf {
        self.below("log")
    }

    /// The command that restarts the daemon.
    pub fn restart(&self) -> String {
        self.below("restart").display().to_string()
    }

    /// A file of the host, by the path it has there, as this process sees it.  No directory on the
    /// way may be a link.
    pub fn outside(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(path.strip_prefix("/").unwrap())
    }

    /// The content of a file of the host.
    pub fn read(&self, path: impl AsRef<Path>) -> Vec<u8> {
        fs::read(self.outside(path.as_ref())).unwrap()
    }

    /// Whether the host has this.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.outside(path.as_ref()).symlink_metadata().is_ok()
    }

    /// Mode, owner and group of a file of the host.
    pub fn access(&self, path: impl AsRef<Path>) -> (u32, u32, u32) {
        let path = self.outside(path.as_ref());
        let metadata = fs::symlink_metadata(path).unwrap();
        (metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
    }

    /// Makes a program for the host, in its directory.
    pub fn write_script(&self, name: &str, text: &str) {
        let path = self.outside(&self.below(name));
        let text = text.replace("DIRECTORY", self.directory.path().to_str().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A program that will run on the host.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let namespace = |name: &str| format!("/proc/{}/ns/{name}", self.holder.id());
        let mut command = clean("nsenter");
        command
            .arg(format!("--mount={}", namespace("mnt")))
            .arg(format!("--net={}", namespace("net")))
            .arg(format!("--pid={}", namespace("pid_for_children")))
            .arg(program.as_ref())
            .env("HOME", self.below("root"));
        command
    }

    /// Runs a shell command on the host.
    pub fn shell(&self, script: &str) -> Ran {
        let mut sh = self.command("timeout");
        sh.arg(PATIENCE.as_secs().to_string())
            .args(["sh", "-c", script]);
        Ran::from(sh.output().unwrap())
    }

    /// dockpki on the host, with the home.
    pub fn dockpki(&self) -> Command {
        let mut dockpki = self.command(env!("CARGO_BIN_EXE_dockpki"));
        dockpki.arg("--home").arg(self.home.path());
        dockpki
    }

    /// Runs dockpki on the host to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.dockpki().args(arguments).output().unwrap())
    }

    /// `install server`, agreed to.
    pub fn install(&self, arguments: &[&str]) -> Ran {
        let mut install = self.install_by(&self.restart());
        Ran::from(
            install
                .args(["--timeout", "30"])
                .args(arguments)
                .output()
                .unwrap(),
        )
    }

    /// `install server`, agreed to, with another command that restarts the daemon.
    pub fn install_by(&self, restart: &str) -> Command {
        let mut install = self.dockpki();
        install
            .args(["install", "server", "--yes", "--restart-command", restart])
            .arg("--daemon-log")
            .arg(self.log());
        install
    }

    /// Asserts that the daemon answers on its local socket, or will do so soon.
    #[track_caller]
    pub fn answers_locally(&self) {
        let socket = self.outside(Path::new("/run/docker.sock"));
        let answers = happens(|| answers_at(&socket));
        assert!(answers, "no answer on the local socket");
    }

    /// Asserts that the daemon answers the docker command line with the client's certificate, and
    /// on its local socket.
    #[track_caller]
    pub fn answers_alice(&self) {
        self.answers_locally();
        let local = self.docker(&["version", "--format", SERVER_VERSION]);
        let mut docker = self.client();
        docker
            .args(["version", "--format", SERVER_VERSION])
            .env("DOCKER_HOST", "tcp://localhost:2376")
            .env("DOCKER_TLS_VERIFY", "1")
            .env("DOCKER_CERT_PATH", self.home.path().join("clients/alice"));
        let remote = Ran::from(docker.output().unwrap()).succeeds();
        assert!(!local.trim().is_empty(), "no version");
        assert_eq!(remote.stdout, local);
    }

    /// Asserts that the daemon serves the certificate of this server of the home.
    #[track_caller]
    pub fn serves(&self, server: &str) {
        let directory = self.home.path().join("servers").join(server);
        let wanted = certificate(&directory.join("server-cert.pem"));
        let is_wanted = self.served(self.home.alice()) == wanted;
        assert!(is_wanted, "it serves another than `{server}`");
    }

    /// The certificate the daemon serves.
    pub fn served(&self, config: Arc<rustls::ClientConfig>) -> CertificateDer<'static> {
        served(self.connect(2376).unwrap(), config)
    }

    /// Asks the daemon over TLS; the status line, or what went wrong.
    pub fn ping(&self, port: u16, config: Arc<rustls::ClientConfig>) -> Result<String, String> {
        ping(self.connect(port).unwrap(), config)
    }

    /// Makes the server `second` in the home, for the names that `localhost` has.
    pub fn issue_second_server(&self) {
        let issue = ["server", "issue", "second", "--san", "localhost,127.0.0.1"];
        self.home.run(issue).succeeds();
    }

    /// Connects to a port of the host.
    pub fn connect(&self, port: u16) -> io::Result<TcpStream> {
        self.in_network(move || TcpStream::connect(("127.0.0.1", port)))
    }

    /// Listens on a port of the host.
    pub fn listen(&self, port: u16) -> TcpListener {
        let listen = move || TcpListener::bind(("127.0.0.1", port));
        self.in_network(listen).unwrap()
    }

    /// Makes a socket in the host's network, where it stays.
    fn in_network<T: Send + 'static>(&self, make: impl FnOnce() -> T + Send + 'static) -> T {
        let network = File::open(format!("/proc/{}/ns/net", self.holder.id())).unwrap();
        // The thread that moves there ends there.
        let thread = std::thread::spawn(move || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(network.as_fd(), kind).unwrap();
            make()
        });
        thread.join().unwrap()
    }

    /// What the docker command line says, asked over the local socket.
    #[track_caller]
    pub fn docker(&self, arguments: &[&str]) -> String {
        let docker = self.client().args(arguments).output().unwrap();
        Ran::from(docker).succeeds().stdout
    }

    /// The docker command line without any configuration.
    pub fn client(&self) -> Command {
        let mut docker = self.command("timeout");
        docker.arg(PATIENCE.as_secs().to_string()).arg("docker");
        docker
    }

    /// The daemon's process number, on the host.
    pub fn daemon(&self) -> u32 {
        let pid = String::from_utf8(self.read("/run/docker.pid")).unwrap();
        let pid = pid.trim().parse().unwrap();
        let comm = self.shell(&format!("cat /proc/{pid}/comm")).succeeds();
        assert_eq!(comm.stdout.trim(), "dockerd");
        pid
    }

    /// Starts a container that ends at once when it is told to; its process number on the host.
    pub fn run_container(&self, name: &str) -> String {
        let rootfs = self.below("rootfs");
        let rootfs = rootfs.display();
        self.shell(&format!(
            "set -e
            mkdir -p {rootfs}/bin
            cp \"$(command -v busybox)\" {rootfs}/bin/busybox
            tar -C {rootfs} -c . | docker import - busybox:1
            docker run --detach --network none --stop-signal KILL --name {name} \
                busybox:1 /bin/busybox sleep 1000"
        ))
        .succeeds();
        self.container(name)
    }

    /// The process number of a container on the host; 0 if it does not run.
    pub fn container(&self, name: &str) -> String {
        let pid = self.docker(&["inspect", "--format", "{{.State.Pid}}", name]);
        pid.trim().to_owned()
    }

    /// What is in the directories that an install may touch.
    pub fn state(&self) -> HostState {
        let mut entries = Vec::new();
        let home = self.below("root");
        let directories = ["/etc/docker", "/etc/systemd/system", "/var/lib"].map(Path::new);
        for directory in directories.into_iter().chain([home.as_path()]) {
            let outside = self.outside(directory);
            for (path, mode, content) in snapshot(&outside) {
                let metadata = fs::symlink_metadata(&path).unwrap();
                entries.push(Entry {
                    path: directory.join(path.strip_prefix(&outside).unwrap()),
                    mode,
                    owner: (metadata.uid(), metadata.gid()),
                    content,
                });
            }
        }
        HostState(entries)
    }

    /// Asserts that these directories are as they were.
    #[track_caller]
    pub fn is_as(&self, before: &HostState) {
        let now = self.state();
        let differs = |entry: &&Entry| !(now.0.contains(entry) && before.0.contains(entry));
        let differing = now.0.iter().chain(&before.0).filter(differs);
        let differing = differing.map(
            |Entry {
                 path,
                 mode,
                 owner,
                 content,
             }| {
                let content = String::from_utf8_lossy(content);
                format!("{} {mode:04o} {owner:?}\n{content}", path.display())
            },
        );
        let differing = Vec::from_iter(differing);
        assert!(differing.is_empty(), "differs:\n{}", differing.join("\n"));
    }

    /// What tells the host's things from others': the name of its directory.
    fn name(&self) -> &str {
        self.directory.path().file_name().unwrap().to_str().unwrap()
    }

    /// Removes the control groups of the host's containers, which no namespace takes along;
    /// whether there are none any more.
    fn remove_control_groups(&self) -> bool {
        fn remove(group: &Path) {
            for entry in fs::read_dir(group).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|it| it.is_dir()) {
                    remove(&entry.path());
                }
            }
            // It takes a moment until the kernel knows that it is empty.
            let _ = fs::remove_dir(group);
        }
        let root = Path::new("/sys/fs/cgroup");
        let controllers = fs::read_dir(root).into_iter().flatten().flatten();
        let parents = controllers.map(|entry| entry.path());
        let groups = parents
            .chain([root.to_owned()])
            .map(|it| it.join(self.name()));
        groups.fold(true, |all_gone, group| {
            remove(&group);
            all_gone && !group.exists()
        })
    }
}

impl HostState {
    /// Whether this is in a file of it.
    pub fn contains(&self, needle: &[u8]) -> bool {
        let Self(entries) = self;
        let has = |content: &[u8]| content.windows(needle.len()).any(|it| it == needle);
        entries.iter().any(|entry| has(&entry.content))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read(self.outside(&self.log())).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let telling = log.lines().filter(|line| !line.contains("level=info"));
            let telling = Vec::from_iter(telling);
            eprintln!("the log of dockerd:\n{}", telling.join("\n"));
        }
        drop(self.holder.stdin.take());
        // It ends when every process of the host has.
        let ended = happens(|| self.holder.try_wait().unwrap().is_some());
        if !ended {
            self.holder.kill().unwrap();
            self.holder.wait().unwrap();
        }
        let no_groups = happens(|| self.remove_control_groups());
        if !std::thread::panicking() {
            let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
            assert!(ended, "the host did not end");
            assert!(no_groups, "control groups are left");
            assert!(!mounts.contains(self.name()), "still mounted:\n{mounts}");
        }
    }
}

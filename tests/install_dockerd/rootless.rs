//! A daemon of a user's own: dockpki runs as that user, and touches nothing that is root's.
//!
//! dockerd itself runs as root here, for rootlesskit(1) needs a tap device.  What dockpki sees of
//! it is what a rootless one shows: a socket, a pidfile and files of the user's.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::dockerd_host::{Host, can_run};
use super::support::{Ran, copy_program, happens, has, program_exists};

const USER: u32 = 4242;

/// Starts dockerd anew whenever somebody writes to the pipe, as the user's service manager would.
const SERVE: &str = r#"#!/bin/sh
while read -r line <DIRECTORY/pipe; do
    if pid=$(cat /run/user/4242/docker.pid 2>/dev/null); then
        kill "$pid"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
    fi
    setsid dockerd --group 4242 --pidfile /run/user/4242/docker.pid \
        --config-file DIRECTORY/user/.config/docker/daemon.json $line >>DIRECTORY/log 2>&1 </dev/null &
done
"#;

struct Rootless(Host);

impl Rootless {
    fn new() -> Option<Self> {
        if !can_run() || !has("setpriv", program_exists("setpriv")) {
            return None;
        }
        let host = Host::stopped();
        let rootless = Self(host);
        let host = &rootless.0;
        host.write_script("serve", SERVE);
        host.write_script("restart-mine", "#!/bin/sh\necho >DIRECTORY/pipe\n");
        // Where the user may read it.
        let program = host.outside(&host.below("dockpki"));
        copy_program(&program);
        host.write_daemon_json(serde_json::json!({
            "hosts": ["unix:///run/user/4242/docker.sock"],
        }));
        let directory = host.below("user");
        let directory = directory.display();
        host.shell(&format!(
            "set -e
            mkdir -p {directory}/.config /run/user/4242
            mkdir {directory}/.config/docker
            mv /etc/docker/daemon.json {directory}/.config/docker
            chmod 644 {directory}/.config/docker/daemon.json
            chown -R 4242:4242 {directory} /run/user/4242
            mkfifo -m 666 {pipe}
            chmod 666 {pipe} {log}
            setsid {serve} >/dev/null 2>&1 </dev/null &",
            pipe = host.below("pipe").display(),
            log = host.log().display(),
            serve = host.below("serve").display(),
        ))
        .succeeds();
        rootless
            .as_user("sh", &["-c", &rootless.restart()])
            .succeeds();
        rootless.answers_locally();
        Some(rootless)
    }

    fn restart(&self) -> String {
        self.0.below("restart-mine").display().to_string()
    }

    fn config(&self) -> PathBuf {
        self.0.below("user/.config/docker")
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.0.command("setpriv");
        let user = USER.to_string();
        command
            .args(["--reuid", &user, "--regid", &user, "--clear-groups", "--"])
            .arg(program.as_ref())
            .env("HOME", self.0.below("user"))
            .env("XDG_RUNTIME_DIR", "/run/user/4242");
        command
    }

    fn as_user(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Ran {
        Ran::from(self.command(program).args(arguments).output().unwrap())
    }

    fn dockpki(&self, arguments: &[&str]) -> Ran {
        self.as_user(self.0.below("dockpki"), arguments)
    }

    #[track_caller]
    fn answers_locally(&self) {
        let docker = ["-H", "unix:///run/user/4242/docker.sock", "version"];
        let answers = happens(|| self.as_user("docker", &docker).code == 0);
        assert!(answers, "no answer on the user's socket");
    }

    fn install(&self, seconds: &str) -> Ran {
        let restart = self.restart();
        let log = self.0.log();
        self.dockpki(&[
            "install",
            "server",
            "--rootless",
            "--yes",
            "--restart-command",
            &restart,
            "--daemon-log",
            log.to_str().unwrap(),
            "--timeout",
            seconds,
        ])
    }
}

#[test]
fn a_user_installs_for_their_own_daemon_and_takes_it_back() {
    let Some(rootless) = Rootless::new() else {
        return;
    };
    let host = &rootless.0;
    let roots = host.state();
    let json = rootless.config().join("daemon.json");
    let first = host.read(&json);
    let init = ["init", "--san", "localhost,127.0.0.1", "--client", "alice"];
    rootless.dockpki(&init).succeeds();

    let installed = rootless.install("30").succeeds();
    assert!(
        installed.stdout.contains("Proved: Docker"),
        "{installed:#?}"
    );
    assert!(
        installed
            .stderr
            .contains("DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS='-p 0.0.0.0:2376:2376/tcp'"),
        "{installed:#?}"
    );
    let key = rootless.config().join("CA/server-key.pem");
    assert_eq!(host.access(&key), (0o400, USER, USER));
    let now: serde_json::Value = serde_json::from_slice(&host.read(&json)).unwrap();
    let hosts = serde_json::json!(["unix:///run/user/4242/docker.sock", "tcp://0.0.0.0:2376"]);
    assert_eq!(now["hosts"], hosts);
    rootless.answers_locally();
    let verified = rootless.dockpki(&["verify", "--installed"]).succeeds();
    assert!(verified.stdout.contains("nothing found"), "{verified:#?}");
    let client = [
        "install",
        "client",
        "--host",
        "tcp://localhost:2376",
        "--yes",
    ];
    rootless.dockpki(&client).succeeds();
    rootless
        .as_user("docker", &["--context", "localhost", "version"])
        .succeeds();
    host.is_as(&roots);

    // Both are in the user's own records.
    let back = rootless
        .dockpki(&["uninstall", "--yes", "--timeout", "30"])
        .succeeds();
    assert!(back.stdout.contains("the daemon answers"), "{back:#?}");
    assert_eq!(host.read(&json), first);
    assert!(!host.exists(rootless.config().join("CA")));
    assert!(!host.exists(host.below("user/.docker")));
    rootless.answers_locally();
    assert!(host.connect(2376).is_err(), "it still listens on TCP");
    host.is_as(&roots);
}

/// As `systemctl --user` does for the timer, and says what it was asked for.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >>DIRECTORY/user/calls
"#;

#[test]
fn a_user_renews_for_their_own_daemon_by_their_own_timer() {
    let Some(rootless) = Rootless::new() else {
        return;
    };
    let host = &rootless.0;
    let roots = host.state();
    let init = ["init", "--san", "localhost,127.0.0.1", "--client", "alice"];
    rootless.dockpki(&init).succeeds();
    rootless.install("30").succeeds();
    let client = ["install", "client", "--yes"];
    rootless.dockpki(&client).succeeds();
    let renew = ["renew", "--force", "--install", "--yes", "--timeout", "30"];
    let renewed = rootless.dockpki(&renew).succeeds();
    for words in ["Installed server", "Proved: Docker", "Installed client"] {
        assert!(renewed.stdout.contains(words), "no {words}: {renewed:#?}");
    }
    let home = host.below("user/.local/share/dockpki");
    assert_eq!(
        host.read(rootless.config().join("CA/server-cert.pem")),
        host.read(home.join("servers/localhost/server-cert.pem"))
    );
    assert_eq!(
        host.read(host.below("user/.docker/cert.pem")),
        host.read(home.join("clients/alice/cert.pem"))
    );

    host.write_script("bin/systemctl", SYSTEMCTL);
    rootless
        .as_user("mkdir", &["/run/user/4242/systemd"])
        .succeeds();
    let mut path = host.below("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let timer = |arguments: &[&str]| {
        let mut command = rootless.command(host.below("dockpki"));
        Ran::from(command.env("PATH", &path).args(arguments).output().unwrap()).succeeds()
    };
    let installed = timer(&["timer", "install", "--yes"]);
    installed.says("loginctl enable-linger");
    let units = host.below("user/.config/systemd/user");
    let unit = String::from_utf8(host.read(units.join("dockpki-renew.service"))).unwrap();
    assert!(unit.contains("NoNewPrivileges=yes\n"), "{unit}");
    assert!(!unit.contains("ProtectSystem"), "{unit}");
    timer(&["timer", "remove", "--yes"]);
    assert!(!host.exists(units));
    let calls = String::from_utf8(host.read(host.below("user/calls"))).unwrap();
    let wanted = [
        "--user daemon-reload",
        "--user enable --now dockpki-renew.timer",
        "--user disable --now dockpki-renew.timer",
        "--user daemon-reload",
    ];
    assert_eq!(Vec::from_iter(calls.lines()), wanted);
    host.is_as(&roots);
}

#[test]
fn a_rootless_daemon_that_does_not_start_is_put_back() {
    let Some(rootless) = Rootless::new() else {
        return;
    };
    let host = &rootless.0;
    let json = rootless.config().join("daemon.json");
    let first = host.read(&json);
    let init = ["init", "--san", "localhost,127.0.0.1", "--client", "alice"];
    rootless.dockpki(&init).succeeds();
    let taken = host.listen(2376);
    let failed = rootless.install("5").fails(1);
    assert!(
        failed.stderr.contains("address already in use"),
        "{failed:#?}"
    );
    assert!(
        failed.stderr.contains("everything was put back"),
        "{failed:#?}"
    );
    drop(taken);
    assert_eq!(host.read(&json), first);
    assert!(!host.exists(rootless.config().join("CA")));
    rootless.answers_locally();
}

#[test]
fn root_cannot_know_whose_rootless_daemon_it_is() {
    if !can_run() {
        return;
    }
    let host = Host::stopped();
    let elsewhere = host.below("no-home");
    for home in [host.home.path(), elsewhere] {
        let home = home.to_str().unwrap();
        let install = ["--home", home, "install", "server", "--rootless"];
        let dockpki = host
            .command(env!("CARGO_BIN_EXE_dockpki"))
            .args(install)
            .output();
        assert_eq!(
            Ran::from(dockpki.unwrap()).fails(2).stderr,
            "error: found root, wanted the user whose rootless daemon it is\n\
             hint: run it as the user themselves, without sudo\n"
        );
    }
}

//! SELinux's labels: what is new gets the policy's, what is replaced keeps its own.
//!
//! Needs root.  SELinux itself is not needed: in a mount namespace there is its file below /sys,
//! and a restorecon that notes what it is given.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "tests touch the machine")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{XattrFlags, lgetxattr, lsetxattr};
use support::{Ran, TestHome, has, is_root, program_exists, snapshot};

/// A machine with SELinux: directories that lie over the real ones while a command runs.
struct Machine {
    home: TestHome,
}

/// Over the real ones, by their paths.
const DIRECTORIES: [&str; 4] = ["/etc", "/var/lib", "/usr/lib/systemd/system", "/root"];

const SET_UP: &str = r#"set -eu
for directory in /etc /var/lib /usr/lib/systemd/system /root; do
    mount --bind "$0$directory" "$directory"
done
mount -t tmpfs selinux /sys/fs
if [ -e "$0/enforce" ]; then
    mkdir /sys/fs/selinux
    cp "$0/enforce" /sys/fs/selinux/enforce
fi
exec "$@"
"#;

const RESTORECON: &str = r#"#!/bin/sh
[ "$1" = -- ] || exit 2
shift
for path; do
    [ -e "$path" ] || exit 3
    echo "$path" >>DIRECTORY/labelled
done
[ ! -e DIRECTORY/fails ] || { echo "restorecon: it fails" >&2; exit 1; }
"#;

const UNIT: &str = "[Service]\nExecStart=/usr/bin/dockerd -H fd://\n";
const INSTALL: &[&str] = &[
    "install",
    "server",
    "localhost",
    "--yes",
    "--restart",
    "never",
];
const CLIENT: &[&str] = &[
    "install",
    "client",
    "--host",
    "tcp://localhost:2376",
    "--yes",
];

impl Machine {
    fn new() -> Option<Self> {
        let is_there = Path::new("/usr/lib/systemd/system").is_dir();
        let can = has("root", is_root())
            && has("unshare", program_exists("unshare"))
            && has("/usr/lib/systemd/system", is_there);
        can.then(|| {
            let machine = Self {
                home: TestHome::with_ca(&[]),
            };
            for directory in DIRECTORIES {
                fs::create_dir_all(machine.at(directory)).unwrap();
            }
            fs::create_dir(machine.at("/bin")).unwrap();
            let restorecon = machine.at("/bin/restorecon");
            let script = RESTORECON.replace("DIRECTORY", machine.at("/").to_str().unwrap());
            fs::write(&restorecon, script).unwrap();
            fs::set_permissions(&restorecon, fs::Permissions::from_mode(0o755)).unwrap();
            fs::write(machine.at("/enforce"), "1").unwrap();
            machine.write("/usr/lib/systemd/system/docker.service", UNIT);
            machine
        })
    }

    /// A path of the machine, as this process sees it.
    fn at(&self, path: &str) -> PathBuf {
        self.home.around().join("machine").join(&path[1..])
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c", SET_UP])
            .arg(self.at("/"))
            .arg(env!("CARGO_BIN_EXE_dockpki"))
            .arg("--home")
            .arg(self.home.path())
            .args(arguments)
            .env_clear()
            .env("PATH", format!("{}:{path}", self.at("/bin").display()))
            .env("HOME", "/root")
            .stdin(std::process::Stdio::null());
        Ran::from(command.output().unwrap())
    }

    /// What was given to restorecon since this was asked last, in order of the paths.
    fn labelled(&self) -> Vec<String> {
        let labelled = self.at("/labelled");
        let text = fs::read_to_string(&labelled).unwrap_or_default();
        let _ = fs::remove_file(labelled);
        let mut paths = Vec::from_iter(text.lines().map(str::to_owned));
        paths.sort();
        paths
    }

    /// Everything below a directory of the machine.
    fn all_below(&self, directory: &str) -> Vec<String> {
        let found = snapshot(&self.at(directory)).into_iter();
        let root = self.at("/");
        let found = found.map(|(path, ..)| path.strip_prefix(&root).unwrap().to_owned());
        let mut paths = Vec::from_iter(found.map(|path| format!("/{}", path.display())));
        paths.sort();
        paths
    }

    fn set_label(&self, path: &str, label: &str) {
        let flags = XattrFlags::empty();
        lsetxattr(self.at(path), "security.selinux", label.as_bytes(), flags).unwrap();
    }

    fn label(&self, path: &str) -> String {
        let mut label = [0; 100];
        let length = lgetxattr(self.at(path), "security.selinux", &mut label[..]).unwrap();
        String::from_utf8(label[..length].to_vec()).unwrap()
    }
}

#[test]
fn all_that_is_new_on_a_host_is_labelled() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let installed = machine.run(INSTALL).succeeds();
    assert!(!installed.stderr.contains("SELinux"), "{installed:#?}");
    let new = machine.all_below("/etc");
    for path in [
        "/etc/docker/CA/server-key.pem",
        "/etc/docker/daemon.json",
        "/etc/systemd/system/docker.service.d/50-dockpki.conf",
    ] {
        assert!(new.iter().any(|it| it == path), "no {path}");
    }
    assert_eq!(machine.labelled(), new);
    machine.run(INSTALL).succeeds();
    machine.run(&["undo", "--yes"]).succeeds();
    assert_eq!(machine.labelled(), [""; 0]);
}

#[test]
fn all_that_is_new_in_a_users_directory_is_labelled() {
    let Some(machine) = Machine::new() else {
        return;
    };
    machine.write("/root/.docker/config.json", "{}");
    machine.run(CLIENT).succeeds();
    let mut new = machine.all_below("/root/.docker");
    new.retain(|path| !path.ends_with("config.json"));
    assert!(new.iter().any(|path| path.ends_with("/key.pem")));
    assert!(new.iter().any(|path| path.ends_with("/meta.json")));
    assert_eq!(machine.labelled(), new);
}

#[test]
fn what_is_replaced_keeps_its_label() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let issue = ["server", "issue", "second", "--san", "localhost"];
    machine.home.run(issue).succeeds();
    machine.write("/etc/docker/daemon.json", "{}\n");
    machine.write("/etc/docker/CA/notes.txt", "mine");
    let own = "system_u:object_r:own_t:s0";
    let kept = [
        "/etc/docker/daemon.json",
        "/etc/docker/CA",
        "/etc/docker/CA/notes.txt",
    ];
    kept.iter().for_each(|path| machine.set_label(path, own));
    machine.run(INSTALL).succeeds();
    let labelled = machine.labelled();
    assert!(
        labelled
            .iter()
            .any(|path| path.ends_with("server-cert.pem"))
    );
    let is_kept = |path: &&String| kept.contains(&path.as_str());
    assert_eq!(labelled.iter().find(is_kept), None);

    let certificate = "/etc/docker/CA/server-cert.pem";
    machine.set_label(certificate, own);
    let before = fs::read(machine.at(certificate)).unwrap();
    let mut second = INSTALL.to_owned();
    second[2] = "second";
    machine.run(&second).succeeds();
    assert_ne!(fs::read(machine.at(certificate)).unwrap(), before);
    for path in kept.into_iter().chain([certificate]) {
        assert_eq!(machine.label(path), own, "{path}");
    }
    machine.run(&["undo", "--yes"]).succeeds();
    assert_eq!(fs::read(machine.at(certificate)).unwrap(), before);
    assert_eq!(machine.label(certificate), own);
    machine.run(&["undo", "--yes"]).succeeds();
    for path in kept {
        assert_eq!(machine.label(path), own, "{path}");
    }
    assert_eq!(machine.labelled(), [""; 0]);
}

#[test]
fn what_undo_brings_back_is_labelled() {
    let Some(machine) = Machine::new() else {
        return;
    };
    machine.run(INSTALL).succeeds();
    let drop_in = "/etc/systemd/system/docker.service.d/50-dockpki.conf";
    assert!(machine.at(drop_in).exists());
    // With flags that do not clash any more, it goes.
    machine.write(
        "/usr/lib/systemd/system/docker.service",
        "[Service]\nExecStart=/usr/bin/dockerd\n",
    );
    machine.labelled();
    machine.run(INSTALL).succeeds();
    assert!(!machine.at(drop_in).exists());
    assert_eq!(machine.labelled(), [""; 0]);
    machine.run(&["undo", "--yes"]).succeeds();
    assert!(machine.at(drop_in).exists());
    assert_eq!(machine.labelled(), [drop_in]);
}

#[test]
fn a_label_that_cannot_be_set_is_told_and_the_install_goes_on() {
    let Some(machine) = Machine::new() else {
        return;
    };
    fs::write(machine.at("/fails"), "").unwrap();
    let installed = machine.run(INSTALL).succeeds();
    installed.says("restorecon: it fails");
    installed.says("warning: `restorecon -- /etc/docker");
    installed
        .says("` failed: it ended with exit code 1; new files may have the wrong SELinux label");
    assert!(machine.at("/etc/docker/CA/server-cert.pem").exists());
    let client = machine.run(CLIENT).succeeds();
    client.says("` failed: it ended with exit code 1; new files may have the wrong SELinux label");

    fs::remove_file(machine.at("/bin/restorecon")).unwrap();
    machine.run(&["uninstall", "--yes"]).succeeds();
    let without = machine.run(CLIENT).succeeds();
    without.says("` failed: no such file or directory; new files may have the wrong SELinux label");
}

#[test]
fn nothing_is_labelled_without_selinux_or_under_a_prefix() {
    let Some(machine) = Machine::new() else {
        return;
    };
    // The policy that runs is not the one of an image.
    let mut image = INSTALL.to_owned();
    let prefix = machine.home.around().join("image");
    fs::create_dir(&prefix).unwrap();
    image.extend(["--prefix", prefix.to_str().unwrap()]);
    machine.run(&image).succeeds();
    assert_eq!(machine.labelled(), [""; 0]);
    fs::remove_file(machine.at("/enforce")).unwrap();
    machine.run(INSTALL).succeeds();
    assert_eq!(machine.labelled(), [""; 0]);
}

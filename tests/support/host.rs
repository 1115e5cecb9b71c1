//! Hosts under a prefix, on which a command can be killed or made to fail at any point.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockpki::pki::{Certificate, PrivateKey};
use dockpki::plan::daemon_json::DaemonJson;

use super::fault::{self, Faulty};
use super::tree::{Kind, Tree};
use super::{Ran, TestHome};

pub const STORE: &str = "var/lib/dockpki-installed";
pub const CA: &str = "etc/docker/CA";
pub const JSON: &str = "etc/docker/daemon.json";
pub const INSTALL: &[&str] = &["install", "server", "new", "--yes"];
pub const INSTALL_OLD: &[&str] = &["install", "server", "old", "--yes"];
pub const UNDO: &[&str] = &["undo", "--yes"];
pub const UNINSTALL: &[&str] = &["uninstall", "--yes"];

/// A command whose every step is a point.
pub struct Case {
    /// Has the servers `old` and `new`.
    pub home: TestHome,
    /// Makes of an empty directory a host without anything of dockpki's.
    pub prepare: fn(&TestHome, &Path),
    /// What was done there before.
    pub earlier: &'static [&'static [&'static str]],
    pub arguments: &'static [&'static str],
    /// Its name in the record.
    pub name: &'static str,
    /// What the file system lacks, for the shim.
    pub lacks: &'static str,
    /// The host after as many commands as there are records.
    pub states: Vec<Tree>,
    /// What the command makes of it, and how many records there are then.
    pub after: (Tree, usize),
    /// The host once `new` is installed, whatever was before.
    pub installed: Tree,
}

impl Case {
    pub fn install(prepare: fn(&TestHome, &Path)) -> Self {
        Self::new(prepare, &[], INSTALL, "install server new")
    }

    pub fn new(
        prepare: fn(&TestHome, &Path),
        earlier: &'static [&'static [&'static str]],
        arguments: &'static [&'static str],
        name: &'static str,
    ) -> Self {
        let home = TestHome::in_memory();
        home.run([
            "init",
            "--san",
            "localhost",
            "--client",
            "alice",
            "--server",
            "old",
        ])
        .succeeds();
        home.run(["server", "issue", "new", "--san", "localhost"])
            .succeeds();
        let case = Self {
            home,
            prepare,
            earlier: &[],
            arguments,
            name,
            lacks: "",
            states: Vec::new(),
            after: (Tree::default(), 0),
            installed: Tree::default(),
        };
        let host = case.host();
        let mut states = vec![host.state()];
        for arguments in earlier {
            host.run(arguments).succeeds();
            states.push(host.state());
        }
        host.run(arguments).succeeds();
        let after = (host.state(), host.done().len());
        host.run(INSTALL).succeeds();
        let installed = host.state();
        drop(host);
        Self {
            earlier,
            states,
            after,
            installed,
            ..case
        }
    }

    pub fn lacking(self, lacks: &'static str) -> Self {
        Self { lacks, ..self }
    }

    /// A fresh host as it is before the command.
    pub fn host(&self) -> Host<'_> {
        let memory = Path::new("/dev/shm");
        let directory = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
        let host = Host {
            home: &self.home,
            directory: directory.unwrap(),
        };
        fs::create_dir(host.root()).unwrap();
        (self.prepare)(&self.home, &host.root());
        for arguments in self.earlier {
            host.run(arguments).succeeds();
        }
        host
    }

    pub fn first(&self) -> &Tree {
        &self.states[0]
    }

    /// The host before the command.
    pub fn before(&self) -> &Tree {
        self.states.last().unwrap()
    }

    /// The calls of the command when nothing happens to it.
    pub fn calls(&self) -> Vec<String> {
        let host = self.host();
        let log = host.directory.path().join("log");
        let ran = self.faulty(&host, &[("FAULT_LOG", log.to_str().unwrap())]);
        assert!(!ran.killed);
        ran.ran.succeeds();
        host.state().assert_is(&self.after.0);
        let text = fs::read_to_string(log).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    pub fn faulty(&self, host: &Host<'_>, variables: &[(&str, &str)]) -> Faulty {
        let mut command = host.command(self.arguments);
        fault::run(command.env("FAULT_LACKS", self.lacks), variables)
    }

    pub fn killed_at(&self, at: usize) -> Host<'_> {
        let host = self.host();
        assert!(self.is_killed_at(&host, at), "the command was not killed");
        host
    }

    pub fn is_killed_at(&self, host: &Host<'_>, at: usize) -> bool {
        let at = at.to_string();
        let variables = [("FAULT_AT", at.as_str()), ("FAULT_KIND", "kill")];
        self.faulty(host, &variables).killed
    }

    /// Asserts what must hold at every instant, whatever lies about.
    #[track_caller]
    pub fn assert_safe(&self, host: &Host<'_>) {
        let tree = Tree::of(&host.root());
        tree.assert_no_open_key();
        for (path, node) in &tree.0 {
            assert!(
                !path.starts_with(STORE) || node.mode & 0o077 == 0,
                "{}: {node:?}",
                path.display()
            );
        }
        let certificate = tree.file(&format!("{CA}/server-cert.pem"));
        let key = tree.file(&format!("{CA}/server-key.pem"));
        if let (Some(certificate), Some(key)) = (certificate, key) {
            let certificate = Certificate::from_pem(certificate).unwrap();
            let key = PrivateKey::from_pem(key).unwrap();
            assert!(
                certificate.public_key == *key.public_key(),
                "a certificate beside another's key"
            );
        }
        if let Some(json) = tree.file(JSON) {
            let tls = DaemonJson::parse(json).unwrap().tls();
            let keys = [
                tls.tls.is_some(),
                tls.verify.is_some(),
                tls.ca_certificate.is_some(),
                tls.certificate.is_some(),
                tls.key.is_some(),
            ];
            let count = keys.iter().filter(|is_there| **is_there).count();
            assert!(count == 0 || count == 5, "{count} TLS keys: {tls:?}");
            // Where two directories cannot be exchanged there is an instant without any.
            if count == 5 && self.lacks != "exchange" {
                let is_whole = certificate.is_some() && key.is_some();
                assert!(is_whole, "daemon.json names a pair that is not there");
            }
        }
        self.assert_users_files(&tree);
    }

    #[track_caller]
    pub fn assert_users_files(&self, tree: &Tree) {
        let ours = [
            JSON.to_owned(),
            format!("{CA}/ca.pem"),
            format!("{CA}/server-cert.pem"),
            format!("{CA}/server-key.pem"),
        ];
        for (path, node) in &self.first().0 {
            let Kind::File(content) = &node.kind else {
                continue;
            };
            if ours.iter().any(|ours| path == Path::new(ours)) {
                continue;
            }
            // A directory of a user's in it comes with the next command at the latest.
            let in_place = path.parent() == Some(Path::new(CA)) && self.lacks != "exchange"
                || !path.starts_with(CA);
            let is_there = match in_place {
                true => tree.0.get(path) == Some(node),
                false => tree.files().any(|(_, _, found)| found == content),
            };
            assert!(is_there, "{} is gone", path.display());
        }
    }

    /// Asserts that a command told of recovery if and only if there was something to recover,
    /// and returns how many records there are then.
    #[track_caller]
    pub fn told(&self, ran: &Ran, had: &Records) -> usize {
        let named = |what: &str| {
            // A name that has another in it comes as it is.
            let name = match self.name.contains('`') {
                true => self.name.to_owned(),
                false => format!("`{}`", self.name),
            };
            [name, "command".to_owned()].iter().any(|name| {
                ran.stderr
                    .contains(&format!("note: an earlier {name} {what}\n"))
            })
        };
        let finished = named("was cut off near its end and is finished now");
        let undone = named("was cut off and is undone now");
        assert_eq!(finished || undone, had.unfinished, "{ran:#?}");
        match (finished, undone) {
            (true, _) => self.after.1,
            (_, true) => self.states.len() - 1,
            _ => had.done,
        }
    }

    /// Installs, whatever was before, and takes all of it back.
    #[track_caller]
    pub fn installs_and_uninstalls(&self, host: &Host<'_>) -> Ran {
        let ran = host.run(INSTALL).succeeds();
        host.state().assert_is(&self.installed);
        let uninstalled = host.run(UNINSTALL).succeeds();
        assert!(!uninstalled.stderr.contains("cut off"), "{uninstalled:#?}");
        host.assert_first(self.first());
        ran
    }

    /// Takes back everything there is, if there is anything.
    #[track_caller]
    pub fn takes_back(&self, host: &Host<'_>, arguments: &[&str], had: &Records) -> Ran {
        let ran = host.run(arguments);
        match self.told(&ran, had) {
            // What was killed is taken back, and that is all there was.
            0 if had.unfinished => assert_eq!(ran.code, 0, "{ran:#?}"),
            0 => {
                assert_eq!(ran.code, 1, "{ran:#?}");
                ran.says("nothing was installed here");
            }
            _ => assert_eq!(ran.code, 0, "{ran:#?}"),
        }
        ran
    }
}

/// The records of a host.
pub struct Records {
    pub done: usize,
    /// Whether a command was killed here.
    pub unfinished: bool,
}

pub struct Host<'a> {
    pub home: &'a TestHome,
    pub directory: tempfile::TempDir,
}

impl Host<'_> {
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command();
        command.args(arguments).arg("--prefix").arg(self.root());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// All but the records.
    #[track_caller]
    pub fn state(&self) -> Tree {
        let tree = Tree::of(&self.root());
        tree.assert_nothing_staged();
        tree.without(STORE).without_empty("var")
    }

    /// The numbers of the records of commands that are done.
    pub fn done(&self) -> Vec<String> {
        let names = self.in_store().into_iter();
        names.filter(|name| !name.contains('.')).collect()
    }

    pub fn records(&self) -> Records {
        let names = self.in_store();
        let is_unfinished = |name: &String| name.contains('.') && name != ".lock";
        Records {
            done: self.done().len(),
            unfinished: names.iter().any(is_unfinished),
        }
    }

    pub fn in_store(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root().join(STORE));
        let entries = entries.into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    /// Asserts that the host is as it was before dockpki came, and knows nothing of it.
    #[track_caller]
    pub fn assert_first(&self, first: &Tree) {
        self.state().assert_is(first);
        assert_eq!(self.in_store(), [""; 0]);
        assert!(
            !self.root().join(STORE).exists(),
            "the store was left behind"
        );
    }
}

pub fn write(path: &Path, content: impl AsRef<[u8]>, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Nothing at all.
pub fn empty(_: &TestHome, _: &Path) {}

/// A daemon.json, and a pair of the same CA among files of a user.
pub fn in_use(home: &TestHome, root: &Path) {
    let ca = root.join(CA);
    with_daemon_json(home, root);
    for (name, mode) in [
        ("ca.pem", 0o444),
        ("server-cert.pem", 0o444),
        ("server-key.pem", 0o400),
    ] {
        let content = fs::read(home.path().join("servers/old").join(name)).unwrap();
        write(&ca.join(name), content, mode);
    }
    write(&ca.join("notes.txt"), "of a user", 0o604);
    write(&ca.join(".hidden"), "of a user", 0o600);
    write(&ca.join("backup/old.txt"), "older", 0o640);
    fs::create_dir(ca.join("nothing")).unwrap();
    write(&root.join("var/lib/another"), "of a user", 0o644);
}

/// A daemon.json alone.
pub fn with_daemon_json(_: &TestHome, root: &Path) {
    write(&root.join(JSON), "{\n\t\"debug\": true\n}\n", 0o640);
}

/// Docker CE's unit.
pub fn with_unit(_: &TestHome, root: &Path) {
    let units = root.join("usr/lib/systemd/system");
    let service = "[Unit]\nRequires=docker.socket\n\n[Service]\nType=notify\n\
                   ExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n\
                   ExecReload=/bin/kill -s HUP $MAINPID\n";
    let socket = "[Socket]\nListenStream=/run/docker.sock\nSocketMode=0660\n";
    write(&units.join("docker.service"), service, 0o644);
    write(&units.join("docker.socket"), socket, 0o644);
    write(&root.join("var/lib/another"), "of a user", 0o644);
}

/// All of it at once.
pub fn in_use_with_unit(home: &TestHome, root: &Path) {
    with_unit(home, root);
    in_use(home, root);
}

/// The points at which something takes its place: few, and the ones where the phases differ.
pub fn is_turning_point(call: &str) -> bool {
    call.starts_with("rename")
}

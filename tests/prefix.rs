//! `install server --prefix`: what is under the prefix is edited as a daemon in there would see
//! it, and nothing outside is touched, whatever the links in there say.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::tree::{Kind, Tree};
use support::{Ran, TestHome, has, is_root, program_exists};

const STORE: &str = "var/lib/dockpki-installed";
const INSTALL: &[&str] = &["install", "server", "--yes"];
const UNINSTALL: &[&str] = &["uninstall", "--yes"];

/// A prefix, and beside it what must not be touched.
struct Image {
    home: TestHome,
}

impl Image {
    fn new() -> Self {
        let home = TestHome::in_memory();
        home.run(["init", "--san", "localhost", "--client", "alice"])
            .succeeds();
        let image = Self { home };
        fs::create_dir(image.root()).unwrap();
        let outside = image.outside();
        write(&outside.join("daemon.json"), "{\"debug\": true}", 0o644);
        write(&outside.join("CA/server-key.pem"), "another's", 0o400);
        write(&outside.join("docker/daemon.json"), "{}", 0o644);
        write(&outside.join("docker/CA/notes.txt"), "another's", 0o644);
        write(&outside.join("docker.service"), UNIT, 0o644);
        write(&outside.join("0001/record.json"), "another's", 0o600);
        image
    }

    fn root(&self) -> PathBuf {
        self.home.around().join("root")
    }

    fn outside(&self) -> PathBuf {
        self.home.around().join("outside")
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.root().join(inside)
    }

    fn write(&self, inside: &str, content: impl AsRef<[u8]>, mode: u32) {
        write(&self.path(inside), content, mode);
    }

    fn link(&self, to: impl AsRef<Path>, inside: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(to, path).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command();
        command.args(arguments).arg("--prefix").arg(self.root());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// All of the prefix, the records included but for the lock.
    fn tree(&self) -> Tree {
        let tree = Tree::of(&self.root());
        tree.assert_nothing_staged();
        tree.assert_no_open_key();
        tree.without(&format!("{STORE}/.lock"))
    }

    fn daemon_json(&self, inside: &str) -> serde_json::Value {
        let bytes = fs::read(self.path(inside)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap()
    }

    /// Asserts that daemon.json names the pair in this directory, as seen from inside, and that
    /// it is there, on the machine.
    #[track_caller]
    fn assert_installed(&self, json: &str, directory: &str, on_disk: &Path) {
        let json = self.daemon_json(json);
        for (key, file) in [
            ("tlscacert", "ca.pem"),
            ("tlscert", "server-cert.pem"),
            ("tlskey", "server-key.pem"),
        ] {
            assert_eq!(json[key], format!("{directory}/{file}"));
            let made = fs::read(on_disk.join(file)).unwrap();
            let wanted = self.home.path().join("servers/localhost").join(file);
            assert!(made == fs::read(wanted).unwrap(), "{file} is another");
        }
        assert_eq!(json["tlsverify"], true);
    }

    /// Asserts that it cannot be installed, for this reason, and that nothing was changed.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], words: &str) {
        let before = Tree::of(&self.root());
        let ran = self.run(arguments).fails(1);
        ran.says(words);
        assert_eq!(ran.stdout, "");
        Tree::of(&self.root()).assert_is(&before);
    }
}

const UNIT: &str = "[Service]\nExecStart=/usr/bin/dockerd -H fd://\n";

fn write(path: &Path, content: impl AsRef<[u8]>, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode_and_owner(path: &Path) -> (u32, u32, u32) {
    let metadata = path.symlink_metadata().unwrap();
    (metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
}

/// Installs and uninstalls where `link` leads to something that lies outside too, and asserts
/// that outside nothing is touched.
fn stays_inside(link: &str, to: &str) {
    for kind in ["absolute", "relative"] {
        let image = Image::new();
        let target = image.outside().join(to);
        let target = match kind {
            "absolute" => target,
            _ => Path::new("../../../../../../../../../../..")
                .join(target.strip_prefix("/").unwrap()),
        };
        if !link.starts_with("usr") {
            image.write("usr/lib/systemd/system/docker.service", UNIT, 0o644);
        }
        image.link(&target, link);
        let outside = Tree::of(&image.outside());
        let before = image.tree();

        image.run(INSTALL).succeeds();
        let in_prefix = |path: PathBuf| image.root().join(path.strip_prefix("/").unwrap());
        let replaced = |inside: &str| match inside.strip_prefix(link) {
            Some("") => in_prefix(image.outside().join(to)),
            Some(rest) => in_prefix(image.outside().join(to)).join(&rest[1..]),
            None => image.path(inside),
        };
        let on_disk = replaced("etc/docker/CA");
        let json = replaced("etc/docker/daemon.json");
        let json = json.strip_prefix(image.root()).unwrap();
        image.assert_installed(json.to_str().unwrap(), "/etc/docker/CA", &on_disk);
        let drop_in = replaced("etc/systemd/system/docker.service.d").join("50-dockpki.conf");
        assert_eq!(
            drop_in.exists(),
            !link.starts_with("usr"),
            "{}",
            drop_in.display()
        );
        Tree::of(&image.outside()).assert_is(&outside);
        assert_eq!(fs::read_link(image.path(link)).unwrap(), target);

        image.run(UNINSTALL).succeeds();
        image.tree().assert_is(&before);
        Tree::of(&image.outside()).assert_is(&outside);
    }
}

#[test]
fn a_link_in_place_of_etc() {
    stays_inside("etc", "");
}

#[test]
fn a_link_in_place_of_etc_docker() {
    stays_inside("etc/docker", "docker");
}

#[test]
fn a_link_in_place_of_the_directory_of_the_certificates() {
    stays_inside("etc/docker/CA", "CA");
}

#[test]
fn a_link_in_place_of_daemon_json() {
    stays_inside("etc/docker/daemon.json", "daemon.json");
}

#[test]
fn a_link_in_place_of_the_directory_of_the_drop_ins() {
    stays_inside("etc/systemd/system/docker.service.d", "docker.service.d");
}

#[test]
fn a_link_in_place_of_the_unit() {
    stays_inside("usr/lib/systemd/system/docker.service", "docker.service");
}

#[test]
fn a_link_in_place_of_the_records() {
    stays_inside(STORE, "");
}

#[test]
fn a_link_in_place_of_var() {
    stays_inside("var", "");
}

#[test]
fn daemon_json_that_is_a_link_within_the_prefix_stays_one() {
    for kind in ["absolute", "relative"] {
        let image = Image::new();
        // Under a name that leads nowhere but into this test's directory, even if it led out.
        let (target, file) = match kind {
            "absolute" => {
                let target = image.home.around().join("srv/docker.json");
                let inside = target.strip_prefix("/").unwrap().to_owned();
                (target, inside)
            }
            _ => (
                PathBuf::from("../../srv/docker.json"),
                PathBuf::from("srv/docker.json"),
            ),
        };
        let file = file.to_str().unwrap();
        image.write(file, "{\"debug\": true}\n", 0o640);
        image.link(&target, "etc/docker/daemon.json");
        let before = image.tree();
        image.run(INSTALL).succeeds();
        let link = fs::read_link(image.path("etc/docker/daemon.json")).unwrap();
        assert_eq!(link, target);
        image.assert_installed(file, "/etc/docker/CA", &image.path("etc/docker/CA"));
        assert_eq!(mode_and_owner(&image.path(file)).0, 0o640);
        assert_eq!(image.daemon_json(file)["debug"], true);
        image.run(UNINSTALL).succeeds();
        image.tree().assert_is(&before);
    }
}

#[test]
fn daemon_json_that_is_a_link_to_nothing_gets_its_target_and_loses_it_again() {
    let image = Image::new();
    let target = image.outside().join("deep/docker.json");
    image.link(&target, "etc/docker/daemon.json");
    let before = image.tree();
    image.run(INSTALL).succeeds();
    let inside = target.strip_prefix("/").unwrap().to_str().unwrap();
    image.assert_installed(inside, "/etc/docker/CA", &image.path("etc/docker/CA"));
    image.run(UNINSTALL).succeeds();
    image.tree().assert_is(&before);
}

#[test]
fn a_directory_of_certificates_that_is_a_link_within_the_prefix_stays_one() {
    let image = Image::new();
    image.write("srv/tls/notes.txt", "of a user", 0o604);
    image.write("srv/tls/more/notes.txt", "of a user", 0o604);
    image.link("../../srv/tls", "etc/docker/CA");
    let before = image.tree();
    image.run(INSTALL).succeeds();
    assert!(image.path("etc/docker/CA").is_symlink());
    image.assert_installed(
        "etc/docker/daemon.json",
        "/etc/docker/CA",
        &image.path("srv/tls"),
    );
    for path in ["srv/tls/notes.txt", "srv/tls/more/notes.txt"] {
        assert_eq!(image.tree().file(path), Some(&b"of a user"[..]));
    }
    image.run(UNINSTALL).succeeds();
    image.tree().assert_is(&before);
}

#[test]
fn other_places_are_as_seen_from_inside() {
    let image = Image::new();
    let places = [
        "--cert-dir",
        "/srv/tls",
        "--daemon-json",
        "/srv/docker/daemon.json",
    ];
    image.run(&[INSTALL, &places].concat()).succeeds();
    image.assert_installed("srv/docker/daemon.json", "/srv/tls", &image.path("srv/tls"));
    assert!(!image.path("etc").exists());
    image.run(UNINSTALL).succeeds();
    image.tree().assert_is(&Tree::default());
}

#[test]
fn daemon_json_keeps_mode_owner_mark_and_line_endings() {
    let crlf = "\u{feff}{\r\n\t\"debug\": true,\r\n\t\"hosts\": [\"unix:///var/run/docker.sock\"]\r\n}\r\n";
    for (name, content, mode) in [
        ("mark and line endings", crlf, 0o640),
        ("read-only", "{\"debug\":true}", 0o444),
        ("open to all", "{ }\n", 0o666),
        ("closed", "{}\n", 0o600),
        ("empty", "", 0o644),
    ] {
        let image = Image::new();
        let json = image.path("etc/docker/daemon.json");
        image.write("etc/docker/daemon.json", content, mode);
        if is_root() {
            chown(&json, Some(1000), Some(1001)).unwrap();
        }
        let access = mode_and_owner(&json);
        assert_eq!(access.0, mode);
        let before = image.tree();
        image.run(INSTALL).succeeds();
        assert_eq!(mode_and_owner(&json), access, "{name}");
        image.assert_installed(
            "etc/docker/daemon.json",
            "/etc/docker/CA",
            &image.path("etc/docker/CA"),
        );
        let text = fs::read_to_string(&json).unwrap();
        assert_eq!(
            text.starts_with('\u{feff}'),
            content.starts_with('\u{feff}'),
            "{name}"
        );
        let lines = text.matches('\n').count();
        let ended = text.matches("\r\n").count();
        assert_eq!(
            ended,
            if content == crlf { lines } else { 0 },
            "{name}: {text:?}"
        );
        image.run(UNINSTALL).succeeds();
        image.tree().assert_is(&before);
    }
}

#[test]
fn modes_are_the_same_under_any_umask() {
    let wanted = [
        ("etc", 0o755),
        ("etc/docker", 0o755),
        ("etc/docker/CA", 0o755),
        ("etc/docker/CA/ca.pem", 0o444),
        ("etc/docker/CA/server-cert.pem", 0o444),
        ("etc/docker/CA/server-key.pem", 0o400),
        ("etc/docker/daemon.json", 0o644),
        ("etc/systemd", 0o755),
        ("etc/systemd/system", 0o755),
        ("etc/systemd/system/docker.service.d", 0o755),
        ("etc/systemd/system/docker.service.d/50-dockpki.conf", 0o644),
        ("var", 0o755),
        ("var/lib", 0o755),
        (STORE, 0o700),
        ("var/lib/dockpki-installed/.lock", 0o600),
        ("var/lib/dockpki-installed/0001", 0o700),
        ("var/lib/dockpki-installed/0001/record.json", 0o600),
    ];
    for umask in ["000", "022", "077", "0777"] {
        let image = Image::new();
        image.write("usr/lib/systemd/system/docker.service", UNIT, 0o644);
        let before = image.tree();
        let command = image.command(INSTALL);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"])
            .arg(command.get_program())
            .args(command.get_args());
        Ran::from(shell.output().unwrap()).succeeds();
        let now = Tree::of(&image.root());
        for (path, mode) in wanted {
            let found = now.0[Path::new(path)].mode;
            assert_eq!(
                format!("{found:04o}"),
                format!("{mode:04o}"),
                "{path}, umask {umask}"
            );
        }
        assert_eq!(now.0.len(), before.0.len() + wanted.len(), "umask {umask}");
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let image = Image::new();
    image.write("etc/docker/daemon.json", "{}", 0o644);
    image.write("usr/lib/systemd/system/docker.service", UNIT, 0o644);
    let before = Tree::of(image.home.around());
    let ran = image.run(&["install", "server", "--dry-run"]).succeeds();
    assert!(ran.stdout.contains("Nothing was changed"), "{ran:#?}");
    Tree::of(image.home.around()).assert_is(&before);
    image.run(INSTALL).succeeds();
    let before = Tree::of(image.home.around());
    for command in ["undo", "uninstall"] {
        image.run(&[command, "--dry-run"]).succeeds();
        Tree::of(image.home.around()).assert_is(&before);
    }
}

#[test]
fn a_dry_run_needs_no_right_to_write() {
    let programs = ["setpriv"];
    if !(has("root", is_root()) && programs.iter().all(|name| has(name, program_exists(name)))) {
        return;
    }
    let image = Image::new();
    image.write("etc/docker/daemon.json", "{}", 0o644);
    let before = image.tree();
    // Root without the right to override modes, in directories of somebody else.
    for path in ["", "etc", "etc/docker"] {
        chown(image.path(path), Some(1000), Some(1000)).unwrap();
    }
    let owned = image.tree();
    assert!(owned != before);
    let run = |arguments: &[&str]| {
        let command = image.command(arguments);
        let mut setpriv = Command::new("setpriv");
        setpriv
            .args(["--bounding-set=-all", "--inh-caps=-all"])
            .arg(command.get_program())
            .args(command.get_args());
        Ran::from(setpriv.output().unwrap())
    };
    run(&["install", "server", "--dry-run"]).succeeds();
    image.tree().assert_is(&owned);
    run(INSTALL).fails(1).says("permission denied");
    image.tree().assert_is(&owned);
}

#[test]
fn no_command_is_run_under_a_prefix() {
    let image = Image::new();
    image.write("usr/lib/systemd/system/docker.service", UNIT, 0o644);
    let called = image.home.around().join("called");
    let programs = image.home.around().join("bin");
    let script = format!("#!/bin/sh\necho \"$0\" >> '{}'\n", called.display());
    for name in [
        "systemctl",
        "dockerd",
        "restorecon",
        "journalctl",
        "sh",
        "service",
    ] {
        write(&programs.join(name), &script, 0o755);
    }
    for arguments in [INSTALL, INSTALL, UNINSTALL] {
        let mut command = image.command(arguments);
        command.env("PATH", &programs);
        Ran::from(command.output().unwrap()).succeeds();
    }
    let called = fs::read_to_string(called).unwrap_or_default();
    assert_eq!(called, "");
}

#[test]
fn a_prefix_is_found_however_it_is_written() {
    let image = Image::new();
    let around = image.home.around();
    let odd = around.join("it's an image");
    symlink(image.root(), &odd).unwrap();
    let odd = odd.to_str().unwrap();
    for prefix in [odd, "root", "./root/../root/", "it's an image/."] {
        let run = |arguments: &[&str]| {
            let mut command = image.home.command();
            command.args(arguments).args(["--prefix", prefix]);
            Ran::from(command.current_dir(around).output().unwrap())
        };
        run(INSTALL).succeeds();
        image.assert_installed(
            "etc/docker/daemon.json",
            "/etc/docker/CA",
            &image.path("etc/docker/CA"),
        );
        run(UNINSTALL).succeeds();
        image.tree().assert_is(&Tree::default());
    }
}

#[test]
fn refuses_a_prefix_that_is_no_directory() {
    let image = Image::new();
    image.write("file", "", 0o644);
    let before = image.tree();
    for prefix in ["nowhere", "file", "file/below"] {
        for arguments in [INSTALL, UNINSTALL] {
            let mut command = image.home.command();
            command
                .args(arguments)
                .arg("--prefix")
                .arg(image.path(prefix));
            Ran::from(command.output().unwrap()).fails(1);
            image.tree().assert_is(&before);
        }
    }
}

#[test]
fn refuses_what_is_no_file_in_place_of_a_file() {
    type Make = fn(&Path);
    let make: [(&str, Make); 3] = [
        ("is a directory", |path| fs::create_dir_all(path).unwrap()),
        ("is something that is no file", |path| {
            let made = Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        }),
        ("is a symbolic link", |path| {
            symlink("elsewhere", path).unwrap()
        }),
    ];
    for path in ["etc/docker/daemon.json", "etc/docker/CA/server-key.pem"] {
        for (words, make) in make {
            // A link there is followed; see above.
            if path.ends_with("daemon.json") && words.ends_with("link") {
                continue;
            }
            let image = Image::new();
            let path = image.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            make(&path);
            let entries = || {
                let entries = fs::read_dir(path.parent().unwrap()).unwrap();
                entries
                    .map(|entry| entry.unwrap().file_name())
                    .collect::<Vec<_>>()
            };
            let before = entries();
            image.run(INSTALL).fails(1).says(words);
            assert_eq!(entries(), before);
            assert!(!image.path("var").exists());
        }
    }
    let image = Image::new();
    image.write("etc/docker/CA", "a file", 0o644);
    image.refuses(INSTALL, "is no directory");
}

#[test]
fn links_of_a_user_beside_the_pair_stay_links() {
    let image = Image::new();
    image.write("etc/docker/CA/notes.txt", "of a user", 0o604);
    image.link("notes.txt", "etc/docker/CA/link");
    image.link("/nowhere", "etc/docker/CA/dangling");
    image.link("../../..", "etc/docker/CA/up");
    let before = image.tree();
    image.run(INSTALL).succeeds();
    let now = image.tree();
    for name in ["link", "dangling", "up"] {
        let path = Path::new("etc/docker/CA").join(name);
        assert!(matches!(now.0[&path].kind, Kind::Link(_)));
        assert!(now.0[&path] == before.0[&path], "{name}");
    }
    image.run(UNINSTALL).succeeds();
    image.tree().assert_is(&before);
}

//! systemd's own reading of docker.service beside ours: `systemd-analyze verify` takes a directory
//! of units without a running systemd, and with debug messages shows what it made of them.

#![allow(
    clippy::disallowed_methods,
    reason = "this test writes units for systemd and runs it"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockpki::plan::machine::Manager;
use dockpki::plan::systemd::{EnvironmentFile, Service, UnitFile, UnitFiles, order};
use dockpki::plan::timer::unit::{self, Surroundings};
use dockpki::plan::timer::{Job, SERVICE, TIMER};

/// Directories of units, the first of highest rank, and a dockerd.
struct Units {
    root: tempfile::TempDir,
}

/// What systemd made of docker.service.
struct Verified {
    accepted: bool,
    /// What it complains of.
    complaints: Vec<String>,
    /// The command line, in systemd's own quotes.
    command: Option<String>,
    /// The drop-ins it took, in its order.
    drop_ins: Vec<PathBuf>,
}

impl Units {
    const RANKS: [&str; 3] = ["etc", "run", "lib"];

    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let units = Self { root };
        let dockerd = units.dockerd();
        fs::write(&dockerd, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&dockerd, fs::Permissions::from_mode(0o755)).unwrap();
        for rank in Self::RANKS {
            fs::create_dir_all(units.drop_in_directory(rank)).unwrap();
        }
        // What every service depends on.
        for target in ["sysinit.target", "basic.target", "shutdown.target"] {
            let path = units.root.path().join("lib").join(target);
            fs::write(path, "[Unit]\n").unwrap();
        }
        units
    }

    fn dockerd(&self) -> PathBuf {
        self.root.path().join("dockerd")
    }

    fn unit(&self) -> PathBuf {
        self.root.path().join("lib/docker.service")
    }

    fn drop_in_directory(&self, rank: &str) -> PathBuf {
        self.root.path().join(rank).join("docker.service.d")
    }

    /// Writes the unit: `DOCKERD` in it becomes the path of the dockerd.
    fn write_unit(&self, text: &str) {
        let text = text.replace("DOCKERD", self.dockerd().to_str().unwrap());
        fs::write(self.unit(), text).unwrap();
    }

    fn write_drop_in(&self, rank: &str, name: &str, text: &str) {
        let text = text.replace("DOCKERD", self.dockerd().to_str().unwrap());
        fs::write(self.drop_in_directory(rank).join(name), text).unwrap();
    }

    fn read(&self) -> UnitFiles {
        let file = |path: PathBuf| UnitFile {
            text: fs::read_to_string(&path).unwrap(),
            path,
        };
        let directories = Self::RANKS.map(|rank| {
            let entries = fs::read_dir(self.drop_in_directory(rank)).unwrap();
            entries.map(|entry| file(entry.unwrap().path())).collect()
        });
        UnitFiles {
            unit: file(self.unit()),
            drop_ins: order(directories),
        }
    }

    fn environment(&self) -> Vec<EnvironmentFile> {
        let named = self.read().environment_files().into_iter();
        let read = named.filter_map(|file| {
            let text = fs::read_to_string(&file.path).ok()?;
            let path = file.path;
            Some(EnvironmentFile { path, text })
        });
        read.collect()
    }

    fn run_verify(&self, level: &str, verified: &[&str]) -> support::Ran {
        let ranks = Self::RANKS.map(|rank| self.root.path().join(rank));
        // Without a colon at its end, for that would bring this machine's own units and
        // drop-ins in.
        let path = std::env::join_paths(ranks).unwrap();
        let mut command = Command::new("systemd-analyze");
        command.env("SYSTEMD_UNIT_PATH", path);
        command.env("SYSTEMD_LOG_LEVEL", level);
        command.args(["verify", "--man=no"]).args(verified);
        support::Ran::from(command.output().unwrap())
    }

    fn verify(&self) -> Verified {
        let run = |level: &str| self.run_verify(level, &["docker.service"]);
        let warned = run("warning");
        let about = [self.root.path().to_str().unwrap(), "docker.service"];
        let complaints = warned.stderr.lines();
        let complaints = complaints.filter(|line| about.iter().any(|what| line.contains(what)));
        let shown = run("debug").stdout;
        let lines: Vec<_> = shown.lines().map(str::trim).collect();
        let own = lines
            .iter()
            .position(|line| *line == "-> Unit docker.service:");
        let own = &lines[own.unwrap_or(lines.len())..];
        let command = own
            .iter()
            .skip_while(|line| **line != "-> ExecStart:")
            .nth(1);
        let drop_ins = own
            .iter()
            .filter_map(|line| line.strip_prefix("DropIn Path: "));
        Verified {
            accepted: warned.code == 0,
            complaints: complaints.map(str::to_owned).collect(),
            command: command.map(|line| (*line).to_owned()),
            drop_ins: drop_ins.map(PathBuf::from).collect(),
        }
    }
}

fn systemd_is_there() -> bool {
    support::has(
        "systemd-analyze",
        support::program_exists("systemd-analyze"),
    )
}

/// Places the drop-in of ours; returns its text.
fn free(units: &Units) -> String {
    let service = Service::parse(&units.read(), &units.environment()).unwrap();
    let drop_in = service.drop_in().unwrap().expect("something clashes");
    units.write_drop_in("etc", &drop_in.file_name, &drop_in.text);
    drop_in.text
}

#[track_caller]
fn accepted(verified: Verified) -> String {
    assert_eq!(verified.complaints, [""; 0]);
    assert!(verified.accepted);
    verified.command.expect("systemd shows the command")
}

/// Command lines, and the same without what clashes as a person would take it out.
const COMMANDS: [(&str, &str); 12] = [
    (
        "DOCKERD -H fd:// --containerd=/run/containerd/containerd.sock",
        "DOCKERD --containerd=/run/containerd/containerd.sock",
    ),
    ("DOCKERD -H fd:// $DOCKER_OPTS", "DOCKERD $DOCKER_OPTS"),
    ("DOCKERD -DH x ${A}b$$c $A", "DOCKERD -D ${A}b$$c $A"),
    (
        "DOCKERD \\\n  --host=fd:// \\\n# -H x \\\n  ; y\n  --tlsverify \\\n  --label=a=b\\\n\n",
        "DOCKERD --label=a=b",
    ),
    (
        r#"-DOCKERD --label "a b" '-H' "fd"'://' 'c "d' "e 'f" \x41\u00e9\s "#,
        r#"-DOCKERD --label "a b" 'c "d' "e 'f" \x41\u00e9\s"#,
    ),
    (
        r#"@DOCKERD "docker d" --tls "" 100%% %t \; ";" a;b --tlskey "%""#,
        r#"@DOCKERD "docker d" "" 100%% %t \; ";" a;b"#,
    ),
    (":DOCKERD -H $X $$ ${Y}", ":DOCKERD $$ ${Y}"),
    (r"DOCKERD a\\ -H x \\", r"DOCKERD a\\ \\"),
    (r"DOCKERD -H x a;", "DOCKERD a;"),
    ("DOCKERD -H x --label=é=„ü“", "DOCKERD --label=é=„ü“"),
    ("DOCKERD -H x -D ;", "DOCKERD -D"),
    ("DOCKERD -H=x -Hy --tls=false --tlscert a", "DOCKERD"),
];

#[test]
fn systemd_reads_the_drop_in_as_the_command_without_what_clashes() {
    if !systemd_is_there() {
        return;
    }
    for (given, wanted) in COMMANDS {
        let units = Units::new();
        units.write_unit(&format!("[Service]\nExecStart={wanted}\n"));
        let reference = accepted(units.verify());
        units.write_unit(&format!("[Service]\nType=notify\nExecStart={given}\n"));
        assert_ne!(accepted(units.verify()), reference, "{given}");
        free(&units);
        assert_eq!(accepted(units.verify()), reference, "{given}");
    }
}

#[test]
fn systemd_reads_what_is_left_of_a_variable_as_we_do() {
    if !systemd_is_there() {
        return;
    }
    let units = Units::new();
    let defaults = units.root.path().join("defaults");
    let value = r#"DOCKER_OPTS="-H tcp://x --label 'a \"\$b 100% c' -D --tlsverify d\\\\e""#;
    fs::write(&defaults, value).unwrap();
    let defaults = defaults.display();
    units.write_unit(&format!(
        "[Service]\nEnvironmentFile=-{defaults}\nExecStart=DOCKERD -H fd:// $DOCKER_OPTS -l info\n"
    ));
    free(&units);
    let found = accepted(units.verify());
    fs::remove_dir_all(units.drop_in_directory("etc")).unwrap();
    units.write_unit(
        r#"[Service]
ExecStart=DOCKERD --label 'a "$$b 100%% c' -D 'd\\e' -l info
"#,
    );
    assert_eq!(found, accepted(units.verify()));
}

#[test]
fn systemd_takes_a_backslash_left_at_the_end_as_the_unit_had_it() {
    if !systemd_is_there() {
        return;
    }
    let units = Units::new();
    units.write_unit("[Service]\nExecStart=DOCKERD -H fd:// \\ \n");
    let before = units.verify();
    free(&units);
    let after = units.verify();
    // It is none that systemd knows, in the unit.
    assert_eq!(before.complaints, after.complaints);
    assert!(after.accepted);
    let (before, after) = (before.command.unwrap(), after.command.unwrap());
    assert_eq!(after, before.replace(" -H fd://", ""));
    assert_ne!(after, before);
}

#[test]
fn systemd_applies_the_drop_ins_in_the_order_we_do() {
    if !systemd_is_there() {
        return;
    }
    let units = Units::new();
    units.write_unit("[Service]\nExecStart=DOCKERD\n");
    let set = |flag: &str| format!("[Service]\nExecStart=\nExecStart=DOCKERD {flag}\n");
    units.write_drop_in("lib", "10-a.conf", &set("-a"));
    units.write_drop_in("run", "10-a.conf", &set("-H b"));
    units.write_drop_in("lib", "override.conf", &set("-H c --icc"));
    units.write_drop_in("etc", "X.conf", &set("-H d"));
    units.write_drop_in("lib", "zzz.conf", &set("-H e"));
    units.write_drop_in("etc", "zzz.conf", "");
    units.write_drop_in("etc", "zzzz.conf~", &set("-H f"));
    let ours: Vec<_> = units
        .read()
        .drop_ins
        .into_iter()
        .map(|file| file.path)
        .collect();
    assert_eq!(units.verify().drop_ins, ours);
    assert!(free(&units).ends_with("dockerd --icc\n"));
    let command = accepted(units.verify());
    assert!(command.ends_with("dockerd --icc"), "{command}");
}

/// That the other tests can fail: what systemd refuses is seen to be refused.
#[test]
fn systemd_refuses_a_drop_in_that_does_not_reset() {
    if !systemd_is_there() {
        return;
    }
    let units = Units::new();
    units.write_unit("[Service]\nExecStart=DOCKERD -H fd://\n");
    let text = free(&units).replace("ExecStart=\n", "");
    units.write_drop_in("etc", "50-dockpki.conf", &text);
    let verified = units.verify();
    assert!(!verified.accepted);
    assert!(
        verified
            .complaints
            .iter()
            .any(|line| line.contains("more than one ExecStart")),
        "{:?}",
        verified.complaints
    );
}

/// The unit of this machine, if Docker is installed on it.
#[test]
fn frees_the_unit_of_this_machine() {
    let unit = [
        "/usr/lib/systemd/system/docker.service",
        "/lib/systemd/system/docker.service",
    ];
    let unit = unit.map(Path::new).into_iter().find(|path| path.exists());
    if !systemd_is_there() || !support::has("docker.service", unit.is_some()) {
        return;
    }
    let units = Units::new();
    let unit = unit.unwrap();
    units.write_unit(&fs::read_to_string(unit).unwrap());
    // Docker's own requires it.
    let socket = unit.with_file_name("docker.socket");
    if socket.exists() {
        fs::copy(socket, units.unit().with_file_name("docker.socket")).unwrap();
    }
    let before = units.verify();
    free(&units);
    let after = units.verify();
    assert_eq!(after.complaints, before.complaints);
    assert_eq!(after.accepted, before.accepted);
    let (before, after) = (before.command.unwrap(), after.command.unwrap());
    assert!(before.contains("fd://"), "{before}");
    assert!(!after.contains("fd://"), "{after}");
}

/// The words of a command line as systemd shows it: in double quotes where they need them.
fn systemd_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in line.chars() {
        let last = words.last_mut().unwrap();
        match c {
            c if escaped => {
                last.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => last.push(c),
        }
    }
    words
}

/// The units of `timer install`, each with what is around it.
fn renewals() -> Vec<(Job, Surroundings)> {
    let job = |dockpki: &str| Job {
        program: dockpki.into(),
        home: "/var/lib/dockpki".into(),
        within: None,
        passphrase_file: None,
        restart_command: None,
        deploy_hook: None,
    };
    let around = |manager| Surroundings {
        manager,
        environment: vec![("HOME".into(), "/root".into())],
        writes: vec!["/var/lib/dockpki-installed".into(), "/etc/docker".into()],
    };
    let rich = Job {
        home: "/srv/pki 100% of $HOME \"x\"".into(),
        within: Some("30d".parse().unwrap()),
        passphrase_file: Some("/etc/dockpki.100%pass".into()),
        restart_command: Some("service docker restart; true".into()),
        deploy_hook: Some("logger \"$DOCKPKI_RENEWED_NAMES\" '100%' \\ ${X} ;".into()),
        ..job("DOCKERD")
    };
    let odd = Surroundings {
        environment: vec![("HOME".into(), "/root with 100% \"x\"".into())],
        writes: vec!["/srv/with 100% \"x\"".into()],
        ..around(Manager::System)
    };
    vec![
        (job("DOCKERD"), around(Manager::System)),
        (job("DOCKERD"), around(Manager::User)),
        (rich, odd),
    ]
}

#[test]
fn systemd_reads_the_units_that_renew_as_they_are_meant() {
    if !systemd_is_there() {
        return;
    }
    for (mut job, surroundings) in renewals() {
        let units = Units::new();
        job.program = units.dockerd();
        let at = |name: &str| units.root.path().join("etc").join(name);
        fs::write(units.root.path().join("lib/timers.target"), "[Unit]\n").unwrap();
        fs::write(at(SERVICE), unit::service(&job, &surroundings)).unwrap();
        fs::write(at(TIMER), unit::timer()).unwrap();
        let both = [TIMER, SERVICE];
        let shown = units.run_verify("debug", &both);
        let warned = units.run_verify("warning", &both);
        let complaints = warned.stderr.lines();
        let complaints = complaints.filter(|line| line.contains("dockpki-renew"));
        assert_eq!(Vec::from_iter(complaints), [""; 0]);
        let lines = Vec::from_iter(shown.stdout.lines().map(str::trim));
        let has = |wanted: &str| {
            assert!(lines.contains(&wanted), "no `{wanted}` in {lines:#?}");
        };
        has("-> Unit dockpki-renew.timer:");
        has("Persistent: yes");
        has("-> Unit dockpki-renew.service:");
        if surroundings.manager == Manager::System {
            has("ProtectSystem: strict");
            has("ProtectHome: read-only");
        }
        let mut after = lines.iter().skip_while(|line| **line != "-> ExecStart:");
        let command = after.nth(1).unwrap().to_owned();
        let words = systemd_words(command.trim_start_matches("Command Line: "));
        let mut wanted = vec![
            job.program.display().to_string(),
            "--home".into(),
            job.home.display().to_string(),
        ];
        wanted.extend(["renew", "--install", "--yes"].map(str::to_owned));
        if let Some(hook) = &job.deploy_hook {
            wanted.extend(["--within", "30d", "--passphrase-file"].map(str::to_owned));
            wanted.push("${CREDENTIALS_DIRECTORY}/passphrase".into());
            wanted.extend([
                "--restart-command".into(),
                job.restart_command.clone().unwrap(),
            ]);
            wanted.extend(["--deploy-hook".into(), hook.clone()]);
            let paths = "ReadWritePaths: /srv/pki 100% of $HOME \"x\" -/srv/with 100% \"x\"";
            assert!(lines.contains(&paths), "{lines:#?}");
        }
        // Variables are replaced when it starts: the dollars are still doubled.
        let wanted = wanted.into_iter().map(|word| match word.as_str() {
            "${CREDENTIALS_DIRECTORY}/passphrase" => word,
            _ => word.replace('$', "$$"),
        });
        assert_eq!(words, Vec::from_iter(wanted));
    }
}

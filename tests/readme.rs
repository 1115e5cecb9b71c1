//! What README and the help pages tell people to type, works.

#![allow(clippy::disallowed_methods, reason = "tests touch the machine")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{Ran, TestHome, dockpki};

/// The lines of README.md that call dockpki and have no placeholder, `init` aside.
#[test]
fn every_command_of_readme_works_after_init() {
    let readme = readme();
    let commands = commands(block(chapter(&readme, "## Daily use"), "```sh\n"));
    assert!(commands.len() >= 5, "{commands:?}");
    let home = TestHome::with_ca(&[]);
    for command in commands {
        home.run(command.split(' ')).succeeds();
    }
}

/// Each line of the chapter on renewing, in a home that has its server.
#[test]
fn every_renewal_of_readme_works() {
    let readme = readme();
    let lines = commands(block(chapter(&readme, "## Renewing"), "```sh\n"));
    assert!(lines.len() >= 4, "{lines:?}");
    let home = TestHome::with_ca(&[]);
    let server = ["server", "issue", "web-1", "--san", "web-1.example.com"];
    home.run(server).succeeds();
    for line in lines {
        home.run(line.split(' ')).succeeds();
    }
    let ran = home.run(["verify"]).succeeds();
    assert!(ran.stdout.contains("nothing found"), "{ran:#?}");
}

/// Each line of the chapter on what runs unattended, on a host under a prefix.
#[test]
fn what_readme_runs_unattended_works() {
    let readme = readme();
    let lines = commands(block(chapter(&readme, "## Unattended"), "```sh\n"));
    assert_eq!(lines.len(), 3, "{lines:?}");
    let home = TestHome::with_ca(&[]);
    let prefix = home.around().join("prefix");
    fs::create_dir(&prefix).unwrap();
    let on_host = ["--yes", "--prefix", prefix.to_str().unwrap()];
    home.run([&["install", "server"][..], &on_host].concat())
        .succeeds();
    home.run(["renew", "--force"]).succeeds();
    for line in lines {
        let words = Vec::from_iter(line.split(' '));
        let ran = home.run([&words[..], &on_host].concat()).succeeds();
        let said = [
            "Installed server",
            "Installed the timer",
            "Removed the timer",
        ];
        assert!(
            said.iter().any(|said| ran.stdout.contains(said)),
            "{ran:#?}"
        );
    }
}

#[test]
fn every_example_of_the_help_page_works_in_order() {
    let help = dockpki().arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let examples = help.split("Examples:").nth(1).unwrap();
    let commands: Vec<_> = examples
        .lines()
        .filter_map(|line| line.trim().strip_prefix("dockpki "))
        .collect();
    assert!(commands.len() >= 5, "{commands:?}");
    let home = TestHome::new();
    for command in commands {
        let mut words = Vec::from_iter(command.split(' '));
        if command.starts_with("install server") {
            // The machine that runs the tests need not run systemd.
            words.extend(["--restart", "never"]);
        }
        home.run(words).succeeds();
    }
}

#[test]
fn the_daemon_json_of_readme_is_what_install_writes() {
    let readme = readme();
    let json = block(&readme, "```json\n");
    let home = TestHome::with_ca(&[]);
    let prefix = home.around().join("prefix");
    fs::create_dir(&prefix).unwrap();
    let prefix_argument = prefix.to_str().unwrap();
    let install = ["install", "server", "--yes", "--prefix", prefix_argument];
    home.run(install).succeeds();
    let written = fs::read_to_string(prefix.join("etc/docker/daemon.json")).unwrap();
    assert_eq!(written, json);
}

/// Each line of the chapter on hosts, in order, under a prefix.
#[test]
fn the_walk_through_of_readme_works_as_typed() {
    let readme = readme();
    let chapter = chapter(&readme, "## On a Docker host");
    let home = TestHome::new();
    let around = home.around();
    let prefix = around.join("prefix");
    fs::create_dir(&prefix).unwrap();
    let on_host = ["--prefix", prefix.to_str().unwrap(), "--yes"];
    let mut ran = Vec::new();
    for line in commands(chapter) {
        if line.contains("--restart-command") || line.contains("--rootless") {
            // It restarts a daemon, which tests/install_dockerd.rs has.
            continue;
        }
        let mut words = Vec::from_iter(line.split(' '));
        if words[0] != "init" {
            words.extend(on_host);
        }
        if line == "uninstall" {
            home.run([&["install", "server"][..], &on_host].concat())
                .succeeds();
        }
        let mut command = home.command();
        command.args(words).current_dir(around).env("HOME", around);
        Ran::from(command.output().unwrap()).succeeds();
        ran.push(line);
    }
    assert!(ran.len() >= 5, "{ran:?}");
    assert!(!prefix.join("etc/docker/daemon.json").exists());
}

/// Each line of the chapter on laptops, in order: at the CA, or with a HOME of its own on the laptop
/// that the comment names.  What lies in the working directory stands for what was sent.
#[test]
fn the_laptop_page_of_readme_works_as_typed() {
    let readme = readme();
    let page = chapter(&readme, "## On a laptop, or for a user of the host");
    let home = TestHome::with_ca(&[]);
    let around = home.around();
    fs::write(around.join("team.csv"), block(page, "```csv\n")).unwrap();
    let code = home.ca_code();
    let mut ran = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("dockpki ")) {
        let (line, place) = line.split_once('#').unwrap_or((line, "at the CA"));
        let line = line.split(" | ").next().unwrap().trim();
        let (line, output) = line.split_once(" > ").unwrap_or((line, ""));
        let mut words = Vec::from_iter(line.split(' ').skip(1));
        let asks = [
            "install client",
            "client sign",
            "client accept",
            "client refresh",
        ];
        if asks.contains(&&*words[..2.min(words.len())].join(" ")) {
            words.push("--yes");
        }
        // What the user would read from a terminal.
        if words.starts_with(&["client", "accept"]) {
            words.extend(["--expect", &code]);
        }
        let mut command = match place.trim() {
            "at the CA" => {
                let mut command = home.command();
                command.env("HOME", around);
                command
            }
            place => {
                let laptop = laptop(around, place);
                fs::create_dir_all(&laptop).unwrap();
                let mut command = dockpki();
                command.env("HOME", laptop).env_remove("DOCKER_CERT_PATH");
                command
            }
        };
        let done = Ran::from(command.args(words).current_dir(around).output().unwrap());
        let done = done.succeeds();
        if !output.is_empty() {
            fs::write(around.join(output), done.stdout).unwrap();
        }
        ran.push(line);
    }
    assert!(ran.len() >= 18, "{ran:?}");
    for file in [
        "laptop.dockercontext",
        "ci.env",
        "bundles/berta.dockercontext",
        "bundles/carl.dockercontext",
        "bundles/build-7.env",
        ".docker/key.pem",
    ] {
        assert!(around.join(file).is_file(), "{file}");
    }
    // The key of anna's laptop was made there, and what the other one got was refreshed.
    let anna = laptop(around, "on anna's laptop").join(".docker");
    assert!(anna.join("key.pem").is_file());
    assert!(!home.path().join("clients/anna/key.pem").exists());
    let issued = home.path().join("clients/laptop");
    assert_eq!(
        fs::read(laptop(around, "on the laptop").join(".docker/key.pem")).unwrap(),
        fs::read(issued.join("key.pem")).unwrap()
    );
    assert!(!home.path().join("clients/ci").exists());
}

/// What a shell is told on the laptop page: the variables of `env`, and the job of a CI system.
#[cfg(unix)]
#[test]
fn what_the_laptop_page_of_readme_tells_a_shell_works() {
    let readme = readme();
    let page = chapter(&readme, "## On a laptop, or for a user of the host");
    let home = TestHome::with_ca(&[]);
    let user = laptop(home.around(), "on a laptop");
    fs::create_dir(&user).unwrap();
    let path = Path::new(env!("CARGO_BIN_EXE_dockpki"));
    let path = format!(
        "{}:{}",
        path.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let shell = |script: &str| {
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-euc", script])
            .current_dir(&user)
            .env("HOME", &user)
            .env("PATH", &path)
            .env("SHELL", "/bin/bash")
            .env("DOCKPKI_HOME", home.path());
        for name in [
            "DOCKER_CONFIG",
            "DOCKER_HOST",
            "DOCKER_CERT_PATH",
            "DOCKER_TLS_VERIFY",
            "XDG_STATE_HOME",
        ] {
            shell.env_remove(name);
        }
        shell
    };

    let job = block(page, "```sh\numask");
    let job = job.strip_suffix("docker version\n").unwrap();
    let host = "tcp://web-1.example.com:2376";
    let export = [
        "client", "export", "alice", "--as", "env", "--host", host, "-o", "-",
    ];
    let exported = home.run(export).succeeds().stdout;
    let variables = exported.lines().filter_map(|line| line.split_once('='));
    let mut runner = shell(&format!("umask{job}"));
    runner.envs(variables);
    Ran::from(runner.output().unwrap()).succeeds();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        assert_eq!(
            fs::read(user.join(".docker").join(file)).unwrap(),
            fs::read(home.path().join("clients/alice").join(file)).unwrap(),
            "{file}"
        );
    }

    let evals = page
        .lines()
        .filter(|line| line.starts_with("eval \"$(dockpki "));
    let [set, unset] = *Vec::from_iter(evals) else {
        panic!("wanted two lines for a shell in {page}");
    };
    let script = format!("{set}; echo \"$DOCKER_HOST\"; {unset}; echo \"${{DOCKER_HOST-unset}}\"");
    let ran = Ran::from(shell(&script).output().unwrap()).succeeds();
    assert_eq!(ran.stdout, format!("{host}\nunset\n"));
}

/// The home directory of whoever sits at a laptop.
fn laptop(around: &Path, place: &str) -> PathBuf {
    assert!(place.starts_with("on "), "{place}");
    around.join(place.replace(' ', "-"))
}

/// A chapter, from its head to the next.
fn chapter<'a>(readme: &'a str, head: &str) -> &'a str {
    let (_, rest) = readme.split_once(head).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// What the lines that call dockpki have behind its name, without comments.
fn commands(text: &str) -> Vec<&str> {
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("dockpki "));
    lines
        .map(|line| line.split('#').next().unwrap().trim())
        .collect()
}

/// What stands in the first block that begins so, after that.
fn block<'a>(text: &'a str, begins: &str) -> &'a str {
    let (_, rest) = text.split_once(begins).unwrap();
    rest.split("```").next().unwrap()
}

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

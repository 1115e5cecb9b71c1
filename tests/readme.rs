//! What README and the help pages tell people to type, works.

#![allow(clippy::disallowed_methods, reason = "tests touch the machine")]

mod support;

use std::fs;

use support::{Ran, TestHome, dockpki};

/// The lines of README.md that call dockpki and have no placeholder, `init` aside.
#[test]
fn every_command_of_readme_works_after_init() {
    let readme = readme();
    let daily = readme.split("## Daily use").nth(1).unwrap();
    let block = daily.split("```").nth(1).unwrap();
    let commands: Vec<_> = block
        .lines()
        .filter_map(|line| line.strip_prefix("dockpki "))
        .collect();
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
    let chapter = readme.split("## Renewing").nth(1).unwrap();
    let block = chapter.split("```").nth(1).unwrap();
    let lines = block.lines().filter_map(|line| {
        let line = line.strip_prefix("dockpki ")?;
        Some(line.split('#').next().unwrap().trim())
    });
    let lines = Vec::from_iter(lines);
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
    let chapter = readme.split("## Unattended").nth(1).unwrap();
    let block = chapter.split("```").nth(1).unwrap();
    let lines = block.lines().filter_map(|line| {
        let line = line.strip_prefix("dockpki ")?;
        Some(line.split('#').next().unwrap().trim())
    });
    let lines = Vec::from_iter(lines);
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
    let json = readme.split("```json\n").nth(1).unwrap();
    let json = json.split("```").next().unwrap();
    let home = TestHome::with_ca(&[]);
    let prefix = home.around().join("prefix");
    fs::create_dir(&prefix).unwrap();
    let prefix_argument = prefix.to_str().unwrap();
    let install = ["install", "server", "--yes", "--prefix", prefix_argument];
    home.run(install).succeeds();
    let written = fs::read_to_string(prefix.join("etc/docker/daemon.json")).unwrap();
    assert_eq!(written, json);
}

/// Each line of the chapters on hosts and laptops, in order; those for a host under a prefix.
#[test]
fn the_walk_through_of_readme_works_as_typed() {
    let readme = readme();
    let chapters = readme.split("## On a Docker host").nth(1).unwrap();
    let chapters = chapters.split("## What it promises").next().unwrap();
    let home = TestHome::new();
    let around = home.around();
    let prefix = around.join("prefix");
    fs::create_dir(&prefix).unwrap();
    let mut ran = Vec::new();
    for line in chapters.lines().filter(|line| line.starts_with("dockpki ")) {
        let line = line.split('#').next().unwrap().trim();
        let (line, output) = line.split_once(" > ").unwrap_or((line, ""));
        let words = line.split(' ').skip(1).map(str::to_owned);
        let mut words = Vec::from_iter(words);
        let on_host = ["install server", "undo", "uninstall"];
        if line.contains("--restart-command") || line.contains("--rootless") {
            // It restarts a daemon, which tests/install_dockerd.rs has.
            continue;
        }
        if on_host
            .iter()
            .any(|it| line["dockpki ".len()..].starts_with(it))
        {
            words.extend([
                "--prefix".into(),
                prefix.to_str().unwrap().into(),
                "--yes".into(),
            ]);
        }
        if line == "dockpki uninstall" {
            let again = [
                "install",
                "server",
                "--prefix",
                prefix.to_str().unwrap(),
                "--yes",
            ];
            home.run(again).succeeds();
        }
        if line.starts_with("dockpki install client") {
            home.run(["client", "issue", "laptop"]).succeeds();
            words.push("--yes".into());
        }
        if ["client sign", "client accept"]
            .iter()
            .any(|it| line["dockpki ".len()..].starts_with(it))
        {
            words.push("--yes".into());
        }
        let mut command = home.command();
        command
            .args(words)
            .current_dir(around)
            .env("HOME", around)
            .env_remove("DOCKER_CONFIG");
        command.env_remove("XDG_STATE_HOME");
        let done = Ran::from(command.output().unwrap()).succeeds();
        if !output.is_empty() {
            fs::write(around.join(output), done.stdout).unwrap();
        }
        ran.push(line.to_owned());
    }
    assert!(ran.len() >= 9, "{ran:?}");
    assert!(around.join(".docker/key.pem").is_file());
    assert!(!prefix.join("etc/docker/daemon.json").exists());
}

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

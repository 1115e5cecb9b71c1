//! What README and the help pages tell people to type, works.

#![allow(clippy::disallowed_methods, reason = "tests touch the machine")]

mod support;

use std::fs;

use support::{TestHome, dockpki};

/// The lines of README.md that call dockpki and have no placeholder, `init` aside.
#[test]
fn every_command_of_readme_works_after_init() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(readme).unwrap();
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
        home.run(command.split(' ')).succeeds();
    }
}

#[test]
fn the_daemon_json_of_readme_has_all_tls_keys_and_names_real_files() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let json = readme
        .split("```json")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["tlsverify"], true);
    let home = TestHome::with_ca(&[]);
    for key in ["tlscacert", "tlscert", "tlskey"] {
        let path = json[key]
            .as_str()
            .unwrap()
            .strip_prefix("/var/lib/dockpki/")
            .unwrap();
        assert!(home.path().join(path).is_file(), "{path}");
    }
}

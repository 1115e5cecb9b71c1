//! Holds the direction of data between the modules: see the table in src/lib.rs.

#![allow(
    clippy::disallowed_methods,
    reason = "this test reads the sources from the disk"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each module with what it may name of ours.
const MAY_KNOW: [(&str, &[&str]); 7] = [
    ("pki", &[]),
    ("plan", &["pki"]),
    ("host", &["pki", "plan"]),
    ("report", &["pki", "plan"]),
    ("cli", &["pki", "plan"]),
    ("error", &["cli", "report", "host", "pki", "plan"]),
    ("run", &["cli", "error", "host", "pki", "plan", "report"]),
];

#[test]
fn no_module_knows_one_to_its_right() {
    let mut faults = Vec::new();
    for (module, may_know) in MAY_KNOW {
        for path in sources(module) {
            for (number, line) in code_lines(&path) {
                for other in MAY_KNOW.map(|(other, _)| other) {
                    let named = mentions(&line, other);
                    if named && other != module && !may_know.contains(&other) {
                        faults.push(format!("{}:{number}: {line}", path.display()));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn only_host_names_what_touches_the_machine() {
    const ACTS: [&str; 9] = [
        "std::fs",
        "std::env",
        "std::process::Command",
        "std::net::Tcp",
        "std::thread",
        "rustix",
        "rayon",
        "rpassword",
        "now_utc",
    ];
    for (module, _) in MAY_KNOW.into_iter().filter(|(module, _)| *module != "host") {
        for path in sources(module) {
            for (number, line) in code_lines(&path) {
                for act in ACTS {
                    assert!(!line.contains(act), "{}:{number}: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn only_one_module_knows_systems() {
    const SYSTEMS: [&str; 12] = [
        "rustix",
        "libc::",
        "winapi",
        "os::unix",
        "os::linux",
        "os::fd",
        "os::windows",
        "target_os",
        "cfg(unix",
        "cfg(windows",
        "cfg(not(",
        "cfg!(",
    ];
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let platform = source.join("host/platform");
    let modules = MAY_KNOW.into_iter().flat_map(|(module, _)| sources(module));
    let all = modules.chain([source.join("main.rs"), source.join("lib.rs")]);
    let mut inside = 0;
    for path in all {
        if path.starts_with(&platform) {
            inside += 1;
            continue;
        }
        for (number, line) in code_lines(&path) {
            for system in SYSTEMS {
                assert!(
                    !line.contains(system),
                    "{}:{number}: {line}",
                    path.display()
                );
            }
        }
    }
    assert!(inside > 2, "no sources of host::platform");
}

#[test]
fn only_pki_and_host_roll_dice_and_no_plan_makes_keys() {
    for module in ["plan", "report", "cli", "run", "error"] {
        for path in sources(module) {
            for (number, line) in code_lines(&path) {
                for dice in ["PrivateKey::generate(", "Serial::generate(", "rand::"] {
                    assert!(!line.contains(dice), "{}:{number}: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn rustls_pemfile_is_known_to_one_file() {
    for (module, _) in MAY_KNOW {
        for path in sources(module)
            .into_iter()
            .filter(|path| !path.ends_with("pki/pem.rs"))
        {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains("rustls_pemfile"), "{}", path.display());
        }
    }
}

#[test]
fn only_main_prints() {
    for (module, _) in MAY_KNOW {
        for path in sources(module) {
            for (number, line) in code_lines(&path) {
                for print in ["println!", "print!(", "eprint!("] {
                    assert!(!line.contains(print), "{}:{number}: {line}", path.display());
                }
            }
        }
    }
}

fn mentions(line: &str, module: &str) -> bool {
    let direct = format!("crate::{module}");
    let grouped = line.contains("use crate::{") && {
        let list = line.split_once('{').map_or("", |(_, list)| list);
        list.split([',', '}', ' '])
            .any(|word| word.split("::").next() == Some(module))
    };
    grouped
        || line.match_indices(&direct).any(|(at, _)| {
            let after = line[at + direct.len()..].chars().next();
            !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
}

/// Lines that are neither comments nor in a file's tests at its end, numbered from 1.
fn code_lines(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let is_tests = |line: &str| ["#[cfg(test)]", "#[cfg(all(test, unix))]"].contains(&line);
    let lines = text.lines().take_while(|line| !is_tests(line));
    let numbered = lines
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim().to_owned()));
    numbered
        .filter(|(_, line)| !line.starts_with("//"))
        .collect()
}

fn sources(module: &str) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let file = source.join(format!("{module}.rs"));
    let mut found = Vec::new();
    if file.exists() {
        found.push(file);
    }
    let mut directories = vec![source.join(module)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                // Tests alone, `#[cfg(test)]` where they are named.
                _ if path.ends_with("tests") || path.ends_with("tests.rs") => {}
                true => directories.push(path),
                false => found.push(path),
            }
        }
    }
    assert!(!found.is_empty(), "no sources of {module}");
    found
}

//! Whether real shells read back what `dockpki env` writes for them, and clear it again.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests run shells and look at what they have"
)]

mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use dockpki::plan::env::{DockerEnv, Shell};
use dockpki::report;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::{has, program_exists};

/// What evaluates the lines on standard input as `eval` on the last line of them has it.
const BASH: [&str; 2] = ["bash", r#"eval "$(cat)""#];
const BASH_ON_ONE_LINE: [&str; 2] = ["bash", "eval $(cat)"];
const SH: [&str; 2] = ["sh", r#"eval "$(cat)""#];
const ZSH: [&str; 2] = ["zsh", r#"eval "$(cat)""#];
const ZSH_WITH_DOUBLED_QUOTES: [&str; 2] = ["zsh", r#"setopt rc_quotes; eval "$(cat)""#];
const FISH: [&str; 2] = ["fish", "cat | source"];
const FISH_ON_ONE_LINE: [&str; 2] = ["fish", "eval (cat)"];

/// Values somebody's directory may have.
const ODD: [&[u8]; 19] = [
    b"/home/alice/.docker",
    b"/with space/and  two ",
    b"it's",
    b"''",
    b"'",
    b"\"$HOME\" `id` $(id) ${x}",
    b"back\\slash\\",
    b"\\'",
    b"\\n\\033",
    b"!history !! ^a^b",
    b"# no comment; rm -rf / & | < > * ? [a] {a,b} ~",
    b"-n",
    b"%PATH% %s",
    "/home/bücher/日本".as_bytes(),
    "’ typographic ‘ “ ”".as_bytes(),
    b"two\nlines\n",
    b"tab\tand\rreturn",
    b"\x1b]0;title\x07\x7f1",
    b"no utf-8 \xff\xfe1\xc3(",
];

fn lines(shell: Shell, env: &DockerEnv) -> String {
    report::env(shell, env, &["dockpki", "env", "it's $alice"]).unwrap()
}

fn with_path(path: &[u8]) -> DockerEnv {
    DockerEnv::Set {
        host: Some("tcp://[::1]:2376".parse().unwrap()),
        cert_path: OsStr::from_bytes(path).into(),
    }
}

/// The three variables in a shell that has evaluated the lines, by an `env` that it started.
fn evaluated([program, eval]: [&str; 2], lines: &str) -> Vec<Option<Vec<u8>>> {
    use std::io::Write;
    use std::process::Stdio;
    let mut shell = Command::new(program);
    for name in ["DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"] {
        shell.env(name, "before");
    }
    shell.env("LC_ALL", "C.UTF-8");
    // fish makes directories in it.
    shell.env("HOME", env!("CARGO_TARGET_TMPDIR"));
    // Without anybody's startup files.
    match program {
        "zsh" => shell.arg("-f"),
        "fish" => shell.arg("--no-config"),
        _ => &mut shell,
    };
    let mut shell = shell
        .arg("-c")
        .arg(format!("{eval}\nenv -0"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).unwrap();
    drop(input);
    let output = shell.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}: {output:?} of {lines}");
    assert_eq!(output.stderr, b"", "{program}: {output:?} of {lines}");
    let all: Vec<_> = output.stdout.split(|octet| *octet == 0).collect();
    let value = |name: &str| {
        let mut values = all
            .iter()
            .filter_map(|pair| pair.strip_prefix(name.as_bytes()));
        values.next().map(<[u8]>::to_vec)
    };
    vec![
        value("DOCKER_HOST="),
        value("DOCKER_TLS_VERIFY="),
        value("DOCKER_CERT_PATH="),
    ]
}

#[track_caller]
fn reads_back(with: [&str; 2], shell: Shell, path: &[u8]) {
    let lines = lines(shell, &with_path(path));
    let wanted = [b"tcp://[::1]:2376", &b"1"[..], path].map(|value| Some(value.to_vec()));
    assert_eq!(evaluated(with, &lines), wanted, "{with:?} {lines}");
}

#[track_caller]
fn clears(with: [&str; 2], shell: Shell) {
    let lines = lines(shell, &DockerEnv::Unset);
    assert_eq!(evaluated(with, &lines), [None, None, None], "{lines}");
}

/// Any octets a path can have, with many that mean something to shells.
fn any_path() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        Just(b'\''),
        Just(b'\\'),
        Just(b'\n'),
        prop::sample::select(&b"\"$` !#&;*~{}()[]<>|^%=-0a\t"[..]),
        1u8..=255,
    ];
    prop::collection::vec(octet, 1..12)
}

fn reads_back_any(with: [&str; 2], shell: Shell) {
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(150)
    });
    let property = |path: Vec<u8>| {
        reads_back(with, shell, &path);
        Ok(())
    };
    runner.run(&any_path(), property).unwrap();
}

/// Whether the path is one that a shell of POSIX before 2024 can be told on lines that steer no
/// terminal.
fn is_plain(path: &[u8]) -> bool {
    let text = str::from_utf8(path);
    text.is_ok_and(|text| text.chars().all(|c| !c.is_control() || c == '\n'))
}

#[test]
fn bash_reads_back_what_is_written_for_it() {
    if !has("bash", program_exists("bash")) {
        return;
    }
    for path in ODD {
        reads_back(BASH, Shell::Bash, path);
    }
    reads_back_any(BASH, Shell::Bash);
    clears(BASH, Shell::Bash);
}

#[test]
fn bash_reads_it_on_one_line_too() {
    if !has("bash", program_exists("bash")) {
        return;
    }
    reads_back(BASH_ON_ONE_LINE, Shell::Bash, b"/home/alice/it's/.docker");
    clears(BASH_ON_ONE_LINE, Shell::Bash);
}

#[test]
fn sh_reads_back_what_is_written_for_bash() {
    if !has("sh", program_exists("sh")) {
        return;
    }
    for path in ODD.into_iter().filter(|path| is_plain(path)) {
        reads_back(SH, Shell::Bash, path);
    }
    clears(SH, Shell::Bash);
}

// Nobody has all shells, and CI need not.
#[test]
fn zsh_reads_back_what_is_written_for_it() {
    if !program_exists("zsh") {
        return;
    }
    for with in [ZSH, ZSH_WITH_DOUBLED_QUOTES] {
        for path in ODD {
            reads_back(with, Shell::Zsh, path);
        }
    }
    reads_back_any(ZSH, Shell::Zsh);
    clears(ZSH, Shell::Zsh);
}

#[test]
fn fish_reads_back_what_is_written_for_it() {
    if !program_exists("fish") {
        return;
    }
    for path in ODD {
        reads_back(FISH, Shell::Fish, path);
        reads_back(FISH_ON_ONE_LINE, Shell::Fish, path);
    }
    reads_back_any(FISH, Shell::Fish);
    clears(FISH, Shell::Fish);
    clears(FISH_ON_ONE_LINE, Shell::Fish);
}

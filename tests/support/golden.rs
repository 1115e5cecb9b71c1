//! Holds what a user sees against the goldens in `tests/cli`.
//!
//! A golden holds a command line, its exit code and both outputs.  What differs from run to run
//! stands there as a placeholder of the same width where columns depend on it.  JSON is one line
//! and is broken into many to be read.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Ran, TestHome, dockpki, snapshot};

/// Runs a command that must succeed and may change the home.
#[track_caller]
pub fn done(home: &TestHome, line: &str, golden: &str) {
    let ran = Ran::from(command(home, line).output().unwrap());
    compare(home, line, &ran, golden);
    ran.succeeds();
}

/// Runs a command that must succeed and change nothing.
#[track_caller]
pub fn shown(home: &TestHome, line: &str, golden: &str) {
    let ran = run_without_change(home, line, command(home, line));
    compare(home, line, &ran, golden);
    ran.succeeds();
}

/// Runs a command that must fail and leave nothing behind.
#[track_caller]
pub fn refused(home: &TestHome, line: &str, golden: &str) {
    refused_as(home, line, command(home, line), golden);
}

#[track_caller]
pub fn refused_as(home: &TestHome, line: &str, command: Command, golden: &str) {
    let ran = run_without_change(home, line, command);
    compare(home, line, &ran, golden);
    assert_ne!(ran.code, 0, "`{line}` was not refused");
}

#[track_caller]
pub fn run_without_change(home: &TestHome, line: &str, mut command: Command) -> Ran {
    let before = snapshot(home.around());
    let ran = Ran::from(command.output().unwrap());
    assert!(
        before == snapshot(home.around()),
        "`{line}` left something behind"
    );
    ran
}

/// The command of a line such as `USER=alice dockpki list`, run beside the home, which is in
/// `DOCKPKI_HOME`.
pub fn command(home: &TestHome, line: &str) -> Command {
    let mut command = dockpki();
    command
        .env("DOCKPKI_HOME", home.path())
        .env("HOME", home.around())
        .env("COLUMNS", "100")
        .env("SHELL", "/bin/bash")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("TERM")
        .current_dir(home.around());
    let mut words = words(line).into_iter();
    for word in words.by_ref() {
        match word.split_once('=') {
            Some((name, value)) => command.env(name, value),
            None => break,
        };
    }
    command.args(words);
    command
}

/// The same, run by a user who is not root and whose home it is; nothing if root cannot become one.
pub fn command_of_nobody(home: &TestHome, line: &str) -> Option<Command> {
    const NOBODY: &str = "65534";
    let command = command(home, line);
    if !super::is_root() {
        return Some(command);
    }
    if !super::has("setpriv", super::program_exists("setpriv")) {
        return None;
    }
    // Where they may read it.
    let program = home.around().join(".dockpki");
    super::copy_program(&program);
    let mut chown = Command::new("chown");
    chown.args(["-hR", "65534:65534"]).arg(home.around());
    assert!(chown.status().unwrap().success());
    let mut as_nobody = Command::new("setpriv");
    copy_environment(&command, &mut as_nobody);
    as_nobody
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"])
        .arg(program)
        .args(command.get_args())
        .current_dir(home.around());
    Some(as_nobody)
}

/// Gives the variables of one command to another that runs it.
pub fn copy_environment(from: &Command, to: &mut Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
}

/// The words of a line; single quotes keep white space.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[track_caller]
pub fn compare(home: &TestHome, line: &str, ran: &Ran, golden: &str) {
    let stdout = match ran.stdout.starts_with('{') {
        true => readable_json(&ran.stdout),
        false => ran.stdout.clone(),
    };
    let text = format!(
        "$ {line}\nexit {}\n--- stdout\n{stdout}--- stderr\n{}",
        ran.code, ran.stderr
    );
    compare_text(home, &text, golden);
}

#[track_caller]
pub fn compare_text(home: &TestHome, text: &str, golden: &str) {
    let path = goldens().join(format!("{golden}.txt"));
    // Raw: goldens hold what was seen, brackets and dots too, and no patterns.
    let expected = snapbox::Data::read_from(&path, Some(snapbox::data::DataFormat::Text)).raw();
    let actual = redact(text, home).replace('\x1b', "[ESC]");
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(actual, expected);
}

pub fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli")
}

/// Puts placeholders where two runs differ.
pub fn redact(text: &str, home: &TestHome) -> String {
    let text = text
        .replace(&*home.path().to_string_lossy(), "[HOME]")
        .replace(&*home.around().to_string_lossy(), "[DIR]")
        .replace(
            &format!(" on {}", dockpki::host::machine_name()),
            " on [MACHINE]",
        )
        .replace(env!("CARGO_BIN_EXE_dockpki"), "[PROGRAM]")
        .replace(
            concat!("dockpki ", env!("CARGO_PKG_VERSION")),
            "dockpki [VERSION]",
        );
    let text = as_root(&without_pem(&text));
    let mut redacted = String::new();
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        let inside_word = redacted
            .chars()
            .next_back()
            .is_some_and(|c| c.is_ascii_alphanumeric());
        match redaction(rest).filter(|_| !inside_word) {
            Some((length, placeholder)) => {
                redacted.push_str(&placeholder);
                rest = &rest[length..];
            }
            None => {
                redacted.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    redacted
}

/// As root sees it: the owner's name, and a column of paths that is as wide as its head.
fn as_root(text: &str) -> String {
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    let owner = format!("{user}:{group}");
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let line = match user {
            0 => line.to_owned(),
            // A column is as wide as what root reads there, or its owner's numbers are.
            _ => line
                .replace(&format!("{owner:<9}"), "root:root")
                .replace(&owner, "root:root"),
        };
        // The paths' column is as wide as the temporary directory's name makes it.
        let is_head = line.starts_with("FILE ") && line.contains(" OWNER ");
        lines.push(match is_head {
            true => "FILE  MODE  OWNER      WHAT".into(),
            false => line,
        });
    }
    lines.join("\n")
}

/// What is in PEM blocks is of a new key each time.
fn without_pem(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find("-----BEGIN ") {
        let head = begin + "-----BEGIN ".len();
        let Some(body) = rest[head..].find("-----").map(|at| head + at + 5) else {
            break;
        };
        let Some(end) = rest[body..].find("-----END ").map(|at| body + at) else {
            break;
        };
        out.push_str(&rest[..body]);
        out.push_str("[PEM]");
        rest = &rest[end..];
    }
    out + rest
}

/// The one that help and errors show.
const EXAMPLE_CODE: &str = "k7qd-3mxa-90fz-p2wh";

/// How much of the text's beginning varies, and what stands for it.
pub fn redaction(text: &str) -> Option<(usize, String)> {
    let padded = |name: &str, width: usize| format!("[{name:-<width$}]", width = width - 2);
    if let Some(length) = date_length(text) {
        return Some((length, padded("DATE", length)));
    }
    if let Some(code) = text.get(..19)
        && code != EXAMPLE_CODE
        && code.parse::<dockpki::pki::VerifyCode>().is_ok()
        && code.split('-').map(str::len).eq([4; 4])
    {
        return Some((19, padded("CODE", 19)));
    }
    for (before, placeholder) in [
        ("process ", "process [PID]"),
        ("\"seconds_left\": ", "\"seconds_left\": [SECONDS]"),
    ] {
        if let Some(number) = text.strip_prefix(before) {
            let is_of_number = |b: &u8| b.is_ascii_digit() || *b == b'-';
            let digits = number.bytes().take_while(is_of_number).count();
            return (digits > 0).then(|| (before.len() + digits, placeholder.into()));
        }
    }
    // The head of a column in which every serial begins with a zero octet.
    if let Some(after) = text.strip_prefix("SERIAL") {
        let spaces = after.bytes().take_while(|octet| *octet == b' ').count();
        let is_narrow = (20..28).contains(&spaces) && !after[spaces..].starts_with('\n');
        return is_narrow.then(|| ("SERIAL".len() + spaces, format!("{:<34}", "SERIAL")));
    }
    let word = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if !text.bytes().take(word).all(is_hex) {
        return None;
    }
    match word {
        8 if text[word..].starts_with('…') => Some((word, "[HEX8--]".into())),
        16 => Some((word, padded("HEX16", 16))),
        64 => Some((word, "[SHA256]".into())),
        // A serial that begins with a zero octet is shorter, and its column has spaces instead.
        24..=40 => {
            let spaces = text[word..].bytes().take_while(|b| *b == b' ').count();
            let padding = 32_usize.saturating_sub(word).min(spaces.saturating_sub(2));
            Some((word + padding, padded("SERIAL", 32)))
        }
        _ => None,
    }
}

/// The length of a date between 2026 and 2079, with its time: what is before and after is from a
/// fixture and the same every day.
pub fn date_length(text: &str) -> Option<usize> {
    let is = |form: &str| {
        text.len() >= form.len()
            && form.bytes().zip(text.bytes()).all(|(form, b)| match form {
                b'0' => b.is_ascii_digit(),
                form => form == b,
            })
    };
    let year: u32 = text.get(..4).and_then(|year| year.parse().ok())?;
    let forms = ["0000-00-00T00:00:00Z", "0000-00-00 00:00 UTC", "0000-00-00"];
    let length = forms.into_iter().find(|form| is(form))?.len();
    (2026..2080).contains(&year).then_some(length)
}

/// One line of JSON, broken into many.
#[track_caller]
pub fn readable_json(json: &str) -> String {
    assert_eq!(json.matches('\n').count(), 1, "more than a line: {json}");
    assert!(json.starts_with("{\"version\":1,"), "{json}");
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    assert!(value.is_object());
    let mut text = String::new();
    let mut depth = 0;
    let mut in_string = false;
    let mut escaped = false;
    let mut before = ' ';
    for c in json.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            text.push(c);
            before = c;
            continue;
        }
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        let breaks = match c {
            '}' | ']' => !matches!(before, '{' | '['),
            '\n' => false,
            _ => matches!(before, '{' | '[' | ','),
        };
        if breaks {
            text.push('\n');
            text.extend(std::iter::repeat_n(
                "  ",
                depth - usize::from("{[".contains(c)),
            ));
        }
        in_string = c == '"';
        text.push(c);
        if c == ':' {
            text.push(' ');
        }
        before = c;
    }
    text
}

/// What the tests of one directory of goldens begin with; `$source` are their files, beside the one
/// that calls this.  Each golden there must be named in them.
macro_rules! goldens_of {
    ($directory:literal, $($source:literal),+) => {
        #[allow(dead_code)]
        fn golden(name: &str) -> String {
            format!(concat!($directory, "/{}"), name)
        }

        #[allow(dead_code)]
        #[track_caller]
        fn done(home: &TestHome, line: &str, name: &str) {
            support::golden::done(home, line, &golden(name));
        }

        #[allow(dead_code)]
        #[track_caller]
        fn shown(home: &TestHome, line: &str, name: &str) {
            support::golden::shown(home, line, &golden(name));
        }

        #[allow(dead_code)]
        #[track_caller]
        fn refused(home: &TestHome, line: &str, name: &str) {
            support::golden::refused(home, line, &golden(name));
        }

        /// Runs what must succeed, whatever it says.
        #[allow(dead_code)]
        #[track_caller]
        fn quietly(home: &TestHome, line: &str) -> support::Ran {
            support::Ran::from(support::golden::command(home, line).output().unwrap()).succeeds()
        }

        #[test]
        fn every_golden_belongs_to_a_test() {
            let source = [$(include_str!($source)),+].concat();
            support::golden::each_belongs_to_a_test($directory, &source);
        }
    };
}
pub(crate) use goldens_of;

/// Fails for a golden of this directory that the source does not name.
pub fn each_belongs_to_a_test(directory: &str, source: &str) {
    for entry in std::fs::read_dir(goldens().join(directory)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(is_named(source, name), "{} is nobody's", path.display());
    }
}

fn is_named(source: &str, name: &str) -> bool {
    let named = |name: &str| {
        let ways = [format!("\"{name}\""), format!("    {name}:")];
        ways.iter().any(|way| source.contains(way))
    };
    // Of macros that show before they do.
    let shown = name.strip_suffix("_as_json").unwrap_or(name);
    let shown = shown.strip_suffix("_as_dry_run");
    named(name) || shown.is_some_and(named)
}

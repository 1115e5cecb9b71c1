//! Help, manual pages and completions.

use super::*;

/// Every command there is, as typed.
pub(super) const COMMANDS: [&str; 36] = [
    "",
    "init",
    "server",
    "server issue",
    "client",
    "client accept",
    "client export",
    "client issue",
    "client refresh",
    "client remove",
    "client request",
    "client sign",
    "renew",
    "list",
    "check",
    "verify",
    "ca",
    "ca show",
    "ca passwd",
    "ca roll",
    "ca roll start",
    "ca roll status",
    "ca roll issue",
    "ca roll finish",
    "ca roll undo",
    "install",
    "install server",
    "install client",
    "undo",
    "uninstall",
    "timer",
    "timer install",
    "timer remove",
    "env",
    "completions",
    "man",
];

pub(super) fn file_name(directory: &str, command: &str) -> String {
    match command {
        "" => format!("{directory}/dockpki"),
        command => format!("{directory}/{}", command.replace(' ', "_")),
    }
}

/// `dockpki client issue --help` from `client issue` and `--help`.
fn line_of(command: &str, argument: &str) -> String {
    ["dockpki", command, argument]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn every_command_has_a_help_page() {
    let home = TestHome::new();
    for command in COMMANDS {
        shown(
            &home,
            &line_of(command, "--help"),
            &file_name("help", command),
        );
    }
}

#[test]
fn every_command_has_a_short_help_page() {
    let home = TestHome::new();
    for command in COMMANDS {
        shown(
            &home,
            &line_of(command, "-h"),
            &file_name("help_short", command),
        );
    }
}

#[test]
fn no_command_is_forgotten_here() {
    let home = TestHome::new();
    let mut found = vec![String::new()];
    let mut index = 0;
    while let Some(parent) = found.get(index).cloned() {
        let ran = Ran::from(command(&home, &line_of(&parent, "-h")).output().unwrap());
        let listed = ran.stdout.split("Commands:\n").nth(1).unwrap_or_default();
        let lines = listed.lines().take_while(|line| line.starts_with("  "));
        for name in lines.filter_map(|line| line.split_whitespace().next()) {
            if name != "help" {
                found.push(format!("{parent} {name}").trim_start().to_owned());
            }
        }
        index += 1;
    }
    found.sort();
    let mut known = COMMANDS.to_vec();
    known.sort_unstable();
    assert_eq!(found, known);
}

#[test]
fn every_command_has_a_manual_page() {
    let home = TestHome::new();
    for words in COMMANDS {
        let line = line_of("man", words);
        let ran = Ran::from(command(&home, &line).output().unwrap()).succeeds();
        assert_eq!(ran.stderr, "");
        // The options are those of the help page, in roff.
        let head = ran.stdout.split(".SH OPTIONS").next().unwrap();
        assert!(head.len() < ran.stdout.len(), "no options: {}", ran.stdout);
        let text = format!("$ {line}\nexit 0\n--- stdout, up to the options\n{head}");
        compare_text(&home, &text, &file_name("man", words));
        if program_exists("groff") {
            let page = home.around().join("page.1");
            fs::write(&page, &ran.stdout).unwrap();
            let mut groff = Command::new("groff");
            let groff = groff.args(["-man", "-Tutf8", "-ww", "-z"]).arg(&page);
            let judged = Ran::from(groff.output().unwrap()).succeeds();
            assert_eq!(judged.stderr, "", "groff on `{line}`");
        }
    }
}

#[test]
fn every_completion_script_is_one_its_shell_reads() {
    let home = TestHome::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let line = format!("dockpki completions {shell}");
        let ran = Ran::from(command(&home, &line).output().unwrap()).succeeds();
        assert_eq!(ran.stderr, "");
        for word in ["dockpki", "passphrase-file", "ca-valid-for"] {
            assert!(ran.stdout.contains(word), "no {word} for {shell}");
        }
        let script = home.around().join(shell);
        fs::write(&script, &ran.stdout).unwrap();
        if matches!(shell, "bash" | "zsh" | "fish") && program_exists(shell) {
            let mut reads = Command::new(shell);
            let judged = Ran::from(reads.arg("-n").arg(&script).output().unwrap()).succeeds();
            assert_eq!(judged.stderr, "", "{shell} -n");
        }
    }
}

#[test]
fn tells_its_version() {
    shown(&TestHome::new(), "dockpki --version", "tells_its_version");
}

#[test]
fn help_of_a_command_by_its_name() {
    let home = TestHome::new();
    shown(
        &home,
        "dockpki help ca passwd",
        "help_of_a_command_by_its_name",
    );
}

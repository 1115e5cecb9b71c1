//! What a user sees: every help page, message and report, held against the goldens in
//! `tests/cli`.
//!
//! After a change of words: `SNAPSHOTS=overwrite cargo test --test cli`, then read the diff.  What
//! machines look like is in `tests/cli_install`.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch disk, clock and processes"
)]

mod support;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dockpki::pki::{Ca, PrivateKey, Purpose, Validity, certificate_pem};
use dockpki::plan::layout::{self, PairKind};
use dockpki::plan::ledger::{Entry, Event};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SanType,
};
use support::by_hand::*;
use support::golden::*;
use support::{Ran, TestHome, has, is_root, program_exists, snapshot};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// Each becomes a test of its name, and a golden: the line is refused where there is no home.
macro_rules! refused_without_a_home {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            refused(&TestHome::new(), $line, stringify!($name));
        }
    )*};
}

/// The same where there is a home with a CA, the server `localhost` and the client `alice`.
macro_rules! refused_with_a_ca {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            refused(&TestHome::with_ca(&[]), $line, stringify!($name));
        }
    )*};
}

/// Each becomes a test of its name, and a golden: the line changes nothing in a home with a CA.
macro_rules! shown_with_a_ca {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            shown(&TestHome::with_ca(&[]), $line, stringify!($name));
        }
    )*};
}

/// Each becomes a test of its name, and a golden: the line makes a new home.
macro_rules! done_without_a_home {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            done(&TestHome::new(), $line, stringify!($name));
        }
    )*};
}

/// Each becomes a test of its name, and a golden: the line changes a home with a CA.
macro_rules! done_with_a_ca {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            done(&TestHome::with_ca(&[]), $line, stringify!($name));
        }
    )*};
}

// ---- Help, manual pages, completions

/// Every command there is, as typed.
const COMMANDS: [&str; 36] = [
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

fn file_name(directory: &str, command: &str) -> String {
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

// ---- Arguments nobody understands

refused_without_a_home! {
    refuses_no_command: "dockpki";
    refuses_unknown_command: "dockpki innit";
    refuses_server_without_command: "dockpki server";
    refuses_unknown_flag: "dockpki list --all";
    refuses_unknown_form_of_output: "dockpki list --output xml";
    refuses_unknown_colour: "dockpki list --color sometimes";
    refuses_quiet_and_verbose: "dockpki list --quiet --verbose";
    refuses_empty_home: "dockpki --home '' list";
    refuses_init_without_san: "dockpki init";
    refuses_server_issue_without_name_and_san: "dockpki server issue";
    refuses_client_issue_without_name: "dockpki client issue";
    refuses_name_that_looks_like_a_flag: "dockpki client issue -rf";
    refuses_yes_without_remove: "dockpki ca passwd --yes";
    refuses_new_passphrase_and_remove: "dockpki ca passwd --remove --new-passphrase-file new";
    refuses_completions_without_shell: "dockpki completions";
    refuses_completions_for_unknown_shell: "dockpki completions tcsh";
    refuses_manual_page_of_unknown_command: "dockpki man client revoke";
}

// ---- SANs, names, lives, key types

refused_without_a_home! {
    refuses_empty_san: "dockpki init --san ''";
    refuses_san_after_trailing_comma: "dockpki init --san localhost,";
    refuses_san_that_is_a_url: "dockpki init --san https://docker.example.com";
    refuses_san_with_port: "dockpki init --san host:2376";
    refuses_address_with_port: "dockpki init --san 127.0.0.1:2376";
    refuses_bracketed_address_with_port: "dockpki init --san [::1]:2376";
    refuses_broken_ipv6_address: "dockpki init --san 2001:db8:::7";
    refuses_address_with_zone: "dockpki init --san fe80::1%eth0";
    refuses_san_that_is_a_network: "dockpki init --san 10.0.0.0/8";
    refuses_san_that_means_every_address: "dockpki init --san 0.0.0.0";
    refuses_san_that_is_half_an_address: "dockpki init --san 10.0.0";
    refuses_san_with_space: "dockpki init --san 'localhost, 127.0.0.1'";
    refuses_san_with_underscore: "dockpki init --san docker_host";
    refuses_san_with_dot_at_its_end: "dockpki init --san docker.example.com.";
    refuses_san_with_star_inside: "dockpki init --san docker*.example.com";
    refuses_wildcard_below_top_level: "dockpki init --san *.com";
    refuses_san_with_empty_label: "dockpki init --san docker..example.com";
    refuses_san_with_escape: "dockpki init --san 'docker\u{1b}[31m'";
    refuses_empty_server_name: "dockpki init --san localhost --server ''";
    refuses_server_name_with_slash: "dockpki server issue a/b --san localhost";
    refuses_client_name_of_dots: "dockpki client issue ..";
    refuses_client_name_with_space: "dockpki init --san localhost --client 'alice smith'";
    refuses_client_name_over_64_characters: "dockpki client issue aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    refuses_life_without_unit: "dockpki init --san localhost --valid-for 90";
    refuses_life_of_nothing: "dockpki init --san localhost --valid-for 0d";
    refuses_life_below_zero: "dockpki init --san localhost --ca-valid-for -1d";
    refuses_life_over_8000_years: "dockpki init --san localhost --ca-valid-for 9000y";
    refuses_life_past_the_year_9999: "dockpki init --san localhost --client alice --ca-valid-for 8000y";
    refuses_unknown_key_type: "dockpki init --san localhost --key-type dsa";
}

#[test]
fn refuses_to_name_the_client_after_a_caller_with_a_space() {
    if !is_root() {
        eprintln!("skipped: only root is called by way of sudo");
        return;
    }
    let home = TestHome::new();
    let line = "SUDO_USER='alice smith' dockpki init --san localhost";
    refused(
        &home,
        line,
        "refuses_to_name_the_client_after_a_caller_with_a_space",
    );
}

#[test]
fn names_the_client_after_the_caller_of_sudo() {
    if !is_root() {
        eprintln!("skipped: only root is called by way of sudo");
        return;
    }
    let home = TestHome::new();
    let line = "SUDO_USER=alice dockpki init --san localhost";
    done(&home, line, "names_the_client_after_the_caller_of_sudo");
}

/// The command of a line as a user who is in no passwd file.
fn as_nobody_known(home: &TestHome, line: &str) -> Option<Command> {
    let as_stranger = |program: &std::ffi::OsStr| {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--reuid=54321", "--regid=54321", "--clear-groups"]);
        setpriv.arg(program);
        setpriv
    };
    let meant = command(home, line);
    // The binary may lie where only root can run it.
    let tried = as_stranger(meant.get_program()).arg("--version").output();
    if !is_root() || !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: only root with setpriv can be somebody else");
        return None;
    }
    let mut stranger = as_stranger(meant.get_program());
    stranger.args(meant.get_args());
    copy_environment(&meant, &mut stranger);
    stranger.current_dir(home.around()).stdin(Stdio::null());
    set_mode(home.around(), 0o755);
    Some(stranger)
}

#[test]
fn refuses_a_caller_without_name() {
    let home = TestHome::new();
    let line = "dockpki init --san localhost";
    if let Some(mut stranger) = as_nobody_known(&home, line) {
        stranger.env_remove("USER").env_remove("LOGNAME");
        refused_as(&home, line, stranger, "refuses_a_caller_without_name");
    }
}

#[test]
fn refuses_a_caller_without_home() {
    let home = TestHome::new();
    let line = "dockpki list";
    if let Some(mut stranger) = as_nobody_known(&home, line) {
        stranger.env_remove("DOCKPKI_HOME").env_remove("HOME");
        refused_as(&home, line, stranger, "refuses_a_caller_without_home");
    }
}

#[test]
fn refuses_a_directory_where_it_may_not_write() {
    let home = TestHome::new();
    let line = "dockpki init --san localhost --client alice";
    if let Some(stranger) = as_nobody_known(&home, line) {
        let golden = "refuses_a_directory_where_it_may_not_write";
        refused_as(&home, line, stranger, golden);
    }
}

#[test]
fn refuses_a_home_it_may_not_read() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki list";
    if let Some(stranger) = as_nobody_known(&home, line) {
        refused_as(&home, line, stranger, "refuses_a_home_it_may_not_read");
    }
}

// ---- init

done_without_a_home! {
    init_makes_ca_server_and_client:
        "dockpki init --san localhost,127.0.0.1 --client alice";
    init_with_every_choice:
        "dockpki --home 'my home' init --san docker.example.com,10.0.0.7 --san *.docker.example.com,2001:db8::7,bücher.example,DOCKER.example.com --server web-1 --client alice@example.com --key-type ed25519 --valid-for 12h --ca-valid-for 4w";
    init_constrained_to_its_names: "dockpki init --san docker.example.com --client alice --constrain";
    init_of_a_wildcard_alone: "dockpki init --san *.example.com --client alice";
    init_of_an_ipv6_address: "dockpki init --san [2001:db8::7] --client alice";
    init_quiet: "dockpki init --san localhost --client alice --quiet";
    init_verbose: "dockpki init --san localhost --client alice --verbose";
    init_as_json: "dockpki init --san localhost,127.0.0.1 --client alice --output json";
    init_as_json_verbose: "dockpki init --san localhost --client alice --output json --verbose";
    init_warns_of_lives_cut_to_the_ca:
        "dockpki init --san localhost --client alice --ca-valid-for 30d --valid-for 90d";
}

#[test]
fn init_with_a_passphrase() {
    let home = TestHome::new();
    secret(&home, "secret", "correct horse\n");
    let line = "dockpki init --san localhost --client alice --passphrase-file secret";
    done(&home, line, "init_with_a_passphrase");
}

#[test]
fn init_closes_a_directory_others_could_read() {
    let home = TestHome::new();
    fs::create_dir(home.path()).unwrap();
    set_mode(&home.path(), 0o755);
    let line = "dockpki init --san localhost --client alice";
    done(&home, line, "init_closes_a_directory_others_could_read");
}

shown_with_a_ca! {
    second_init_changes_nothing: "dockpki init --san other.example.com --client bob";
    second_init_changes_nothing_as_json: "dockpki init --san localhost --client bob --output json";
    second_init_changes_nothing_quiet: "dockpki init --san localhost --client bob --quiet";
    second_init_as_dry_run: "dockpki init --san localhost --client bob --dry-run";
}

#[test]
fn second_init_names_the_home_as_it_was_named() {
    let home = TestHome::new();
    let line = "dockpki --home 'my home' init --san localhost --client alice";
    Ran::from(command(&home, line).output().unwrap()).succeeds();
    shown(&home, line, "second_init_names_the_home_as_it_was_named");
}

#[test]
fn init_as_dry_run() {
    let line = "dockpki init --san localhost,127.0.0.1 --client alice --dry-run";
    shown(&TestHome::new(), line, "init_as_dry_run");
}

#[test]
fn init_as_dry_run_as_json() {
    let line = "dockpki init --san localhost --client alice --dry-run --output json";
    shown(&TestHome::new(), line, "init_as_dry_run_as_json");
}

#[test]
fn init_refuses_a_directory_of_something_else() {
    let home = TestHome::new();
    fs::create_dir(home.path()).unwrap();
    fs::write(home.path().join("thesis.tex"), "").unwrap();
    let line = "dockpki init --san localhost --client alice";
    refused(&home, line, "init_refuses_a_directory_of_something_else");
}

#[test]
fn refuses_a_home_that_is_a_file() {
    let home = TestHome::new();
    fs::write(home.path(), "").unwrap();
    let line = "dockpki init --san localhost --client alice";
    refused(&home, line, "refuses_a_home_that_is_a_file");
}

#[test]
fn refuses_a_home_below_a_file() {
    let home = TestHome::new();
    fs::write(home.around().join("file"), "").unwrap();
    let line = "dockpki --home file/home init --san localhost --client alice";
    refused(&home, line, "refuses_a_home_below_a_file");
}

#[test]
fn init_refuses_a_home_of_another_version() {
    let home = TestHome::new();
    fs::create_dir(home.path()).unwrap();
    append_text(&home, "{\"version\":2,\"what\":\"else\"}\n");
    let line = "dockpki init --san localhost --client alice";
    refused(&home, line, "init_refuses_a_home_of_another_version");
}

// ---- server issue, client issue

done_with_a_ca! {
    server_issue: "dockpki server issue web-1 --san web-1.example.com,10.0.0.7";
    server_issue_of_many_names:
        "dockpki server issue web --san a.example,b.example,c.example,d.example,e.example,f.example";
    server_issue_as_json:
        "dockpki server issue web-1 --san web-1.example.com,10.0.0.7 --output json";
    client_issue: "dockpki client issue bob";
    client_issue_of_several: "dockpki client issue bob carol dave@example.com --valid-for 90d";
    client_issue_as_json: "dockpki client issue bob carol --output json";
    client_issue_quiet: "dockpki client issue bob --quiet";
    client_issue_verbose: "dockpki client issue bob --verbose";
    client_issue_with_another_kind_of_key: "dockpki client issue bob --key-type p384";
    client_issue_warns_of_a_life_cut_to_the_ca: "dockpki client issue bob --valid-for 7000y";
    client_issue_cut_to_the_ca_as_json: "dockpki client issue bob --valid-for 20y --output json";
}

shown_with_a_ca! {
    server_issue_as_dry_run: "dockpki server issue web-1 --san web-1.example.com --dry-run";
    client_issue_as_dry_run: "dockpki client issue bob carol --dry-run";
    client_issue_as_dry_run_as_json: "dockpki client issue bob --dry-run --output json";
    client_issue_as_dry_run_warns_of_a_life_cut_to_the_ca:
        "dockpki client issue bob --valid-for 20y --dry-run";
}

refused_with_a_ca! {
    refuses_a_server_name_that_is_taken: "dockpki server issue localhost --san localhost";
    refuses_a_client_name_that_is_taken: "dockpki client issue bob alice";
    refuses_a_client_name_that_is_taken_but_for_case: "dockpki client issue Alice";
    refuses_a_server_name_that_is_taken_but_for_case: "dockpki server issue LOCALHOST --san localhost";
    refuses_names_that_differ_by_case_alone: "dockpki client issue bob Carol carol";
    refuses_a_name_given_twice: "dockpki client issue bob carol bob";
    refuses_a_name_with_a_dot_at_its_end: "dockpki client issue bob.";
    refuses_a_name_that_is_a_device: "dockpki client issue con";
}

refused_without_a_home! {
    client_issue_refuses_a_home_without_ca: "dockpki client issue bob";
    server_issue_refuses_a_home_without_ca: "dockpki --home 'my home' server issue web --san web";
    list_refuses_a_home_without_ca: "dockpki list";
    verify_refuses_a_home_without_ca: "dockpki verify";
    ca_show_refuses_a_home_without_ca: "dockpki ca show";
    ca_passwd_refuses_a_home_without_ca: "dockpki ca passwd";
}

#[test]
fn refuses_a_name_outside_the_constraints() {
    let home = TestHome::with_ca(&["--constrain"]);
    let line = "dockpki server issue web --san web.example.com";
    refused(&home, line, "refuses_a_name_outside_the_constraints");
}

#[test]
fn refuses_to_issue_without_the_ca_key() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_KEY)).unwrap();
    let golden = "refuses_to_issue_without_the_ca_key";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_others_can_read() {
    let home = TestHome::with_ca(&[]);
    set_mode(&home.path().join(layout::CA_KEY), 0o440);
    let golden = "refuses_a_ca_key_others_can_read";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_that_is_cut_short() {
    let home = TestHome::with_ca(&[]);
    cut(&home.path().join(layout::CA_KEY), 0o400);
    let golden = "refuses_a_ca_key_that_is_cut_short";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_that_is_empty() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, "");
    let golden = "refuses_a_ca_key_that_is_empty";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_that_is_a_certificate() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, ca_of(&home).certificate().pem());
    let golden = "refuses_a_ca_key_that_is_a_certificate";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_that_is_a_directory() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::CA_KEY);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let golden = "refuses_a_ca_key_that_is_a_directory";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_that_is_noise() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, pem("PRIVATE KEY", &[0x30, 0x03, 0x02, 0x01, 0x07]));
    let golden = "refuses_a_ca_key_that_is_noise";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_key_of_another_ca() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, key().to_pem().unwrap().expose());
    let golden = "refuses_a_ca_key_of_another_ca";
    refused(&home, "dockpki client issue bob", golden);
}

/// A PKCS#8 key of an algorithm, its parameter and no content that would be one.
fn key_of_algorithm(algorithm: &str, parameter: &str) -> String {
    use pkcs8::der::Encode;
    let parameter = pkcs8::ObjectIdentifier::new_unwrap(parameter);
    let info = pkcs8::PrivateKeyInfoRef::new(
        pkcs8::AlgorithmIdentifierRef {
            oid: pkcs8::ObjectIdentifier::new_unwrap(algorithm),
            parameters: Some((&parameter).into()),
        },
        pkcs8::der::asn1::OctetStringRef::new(&[0; 66]).unwrap(),
    );
    pem("PRIVATE KEY", &info.to_der().unwrap())
}

const P521: (&str, &str) = ("1.2.840.10045.2.1", "1.3.132.0.35");

#[test]
fn refuses_a_ca_key_of_a_kind_it_does_not_know() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, key_of_algorithm(P521.0, P521.1));
    let golden = "refuses_a_ca_key_of_a_kind_it_does_not_know";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_certificate_that_is_no_ca() {
    let home = TestHome::with_ca(&[]);
    let server = pair_path(&home, PairKind::Server, "localhost");
    let certificate = fs::read_to_string(server.join("server-cert.pem")).unwrap();
    let key = PrivateKey::from_pem(&fs::read(server.join("server-key.pem")).unwrap()).unwrap();
    put_ca(&home, &certificate, &key);
    let golden = "refuses_a_ca_certificate_that_is_no_ca";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_with_an_organization() {
    let home = TestHome::new();
    put_odd_ca(&home, |params| {
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Example");
    });
    let golden = "refuses_a_ca_with_an_organization";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_ca_certificate_that_is_cut_short() {
    let home = TestHome::with_ca(&[]);
    cut(&home.path().join(layout::CA_CERTIFICATE), 0o444);
    refused(
        &home,
        "dockpki list",
        "refuses_a_ca_certificate_that_is_cut_short",
    );
}

#[test]
fn refuses_a_ca_certificate_that_is_a_key() {
    let home = TestHome::with_ca(&[]);
    let key = key().to_pem().unwrap();
    write(
        &home.path().join(layout::CA_CERTIFICATE),
        0o444,
        key.expose(),
    );
    refused(
        &home,
        "dockpki list",
        "refuses_a_ca_certificate_that_is_a_key",
    );
}

#[test]
fn refuses_two_ca_certificates() {
    let home = TestHome::with_ca(&[]);
    let both = ca_of(&home).certificate().pem().repeat(2);
    write(&home.path().join(layout::CA_CERTIFICATE), 0o444, both);
    refused(&home, "dockpki list", "refuses_two_ca_certificates");
}

#[test]
fn refuses_a_ca_certificate_that_is_noise() {
    let home = TestHome::with_ca(&[]);
    let noise = certificate_pem(&[0x30, 0x03, 0x02, 0x01, 0x07]);
    write(&home.path().join(layout::CA_CERTIFICATE), 0o444, noise);
    refused(
        &home,
        "dockpki list",
        "refuses_a_ca_certificate_that_is_noise",
    );
}

#[test]
fn second_init_refuses_a_ca_certificate_that_is_empty() {
    let home = TestHome::with_ca(&[]);
    write(&home.path().join(layout::CA_CERTIFICATE), 0o444, "");
    let line = "dockpki init --san localhost --client alice";
    refused(
        &home,
        line,
        "second_init_refuses_a_ca_certificate_that_is_empty",
    );
}

#[test]
fn refuses_to_issue_under_an_expired_ca() {
    let home = home_with_ca_of(Validity {
        not_before: datetime!(2020-01-01 00:00 UTC),
        not_after: datetime!(2021-01-01 00:00 UTC),
    });
    let golden = "refuses_to_issue_under_an_expired_ca";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_to_issue_before_the_ca_begins() {
    let home = home_with_ca_of(Validity {
        not_before: datetime!(2090-01-01 00:00 UTC),
        not_after: datetime!(2095-01-01 00:00 UTC),
    });
    let golden = "refuses_to_issue_before_the_ca_begins";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_a_torn_ledger() {
    let home = TestHome::with_ca(&[]);
    append_text(&home, "{\"version\":1,\"time\":\"2026-");
    refused(&home, "dockpki client issue bob", "refuses_a_torn_ledger");
}

#[test]
fn refuses_a_ledger_of_another_version() {
    let home = TestHome::with_ca(&[]);
    append_text(&home, "{\"version\":2,\"what\":\"else\"}\n");
    refused(&home, "dockpki list", "refuses_a_ledger_of_another_version");
}

#[test]
fn refuses_a_ledger_that_is_a_directory() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LEDGER);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(
        &home,
        "dockpki list",
        "refuses_a_ledger_that_is_a_directory",
    );
}

#[test]
fn verify_refuses_a_ledger_that_is_a_directory() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LEDGER);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let golden = "verify_refuses_a_ledger_that_is_a_directory";
    refused(&home, "dockpki verify", golden);
}

#[test]
fn refuses_a_home_whose_ca_certificate_is_gone() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_CERTIFICATE)).unwrap();
    let golden = "refuses_a_home_whose_ca_certificate_is_gone";
    refused(&home, "dockpki client issue bob", golden);
    let line = "dockpki init --san localhost --client alice";
    refused(
        &home,
        line,
        "init_refuses_a_home_whose_ca_certificate_is_gone",
    );
}

#[test]
fn writes_to_the_file_behind_a_ledger_that_is_a_link() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LEDGER);
    let elsewhere = home.around().join("ledger");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    home.run(["client", "issue", "bob"]).succeeds();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap().lines().count(), 4);
    assert!(path.is_symlink());
    home.run(["verify"]).succeeds();
}

#[test]
fn refuses_a_directory_of_clients_that_is_a_file() {
    let home = home_with_ca_of(days(-1, 1000));
    fs::write(home.path().join("clients"), "").unwrap();
    let golden = "refuses_a_directory_of_clients_that_is_a_file";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn verify_refuses_a_directory_of_clients_that_is_a_file() {
    let home = home_with_ca_of(days(-1, 1000));
    fs::write(home.path().join("clients"), "").unwrap();
    let golden = "verify_refuses_a_directory_of_clients_that_is_a_file";
    refused(&home, "dockpki verify", golden);
}

#[test]
fn second_init_says_what_it_does_not_do() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki init --san localhost --encrypt --constrain";
    shown(&home, line, "second_init_says_what_it_does_not_do");
}

#[test]
fn verify_finds_what_nobody_finished_or_undid() {
    let home = TestHome::with_ca(&[]);
    let staged = home.path().join("clients/.bob.0123456789abcdef");
    fs::create_dir(&staged).unwrap();
    write(&staged.join("key.pem"), 0o400, "a key");
    write(&home.path().join(".journal.old"), 0o600, "{]");
    found_and_mended(&home, "verify_finds_what_nobody_finished_or_undid");
}

#[test]
fn verify_has_a_certificate_issued_again_as_it_was() {
    let home = TestHome::with_ca(&[]);
    let line = [
        "client",
        "issue",
        "bob",
        "--valid-for",
        "36h",
        "--key-type",
        "ed25519",
    ];
    home.run(line).succeeds();
    fs::remove_file(home.path().join("clients/bob/key.pem")).unwrap();
    let golden = "verify_has_a_certificate_issued_again_as_it_was";
    found_and_mended(&home, golden);
}

#[test]
fn refuses_a_passphrase_file_openssl_would_not_read_whole() {
    let home = TestHome::with_ca(&[]);
    write(&home.around().join("secret"), 0o400, "x".repeat(1024));
    let line = "dockpki ca passwd --new-passphrase-file secret";
    let golden = "refuses_a_passphrase_file_openssl_would_not_read_whole";
    refused(&home, line, golden);
    write(&home.around().join("secret"), 0o400, "x".repeat(1023));
    home.run(["verify"]).succeeds();
}

#[test]
fn refuses_a_journal_that_leads_out_of_the_home() {
    let home = TestHome::with_ca(&[]);
    let victim = home.around().join("victim");
    fs::write(&victim, "mine").unwrap();
    let steps = [
        r#"{"step":"place","staged":"../victim","path":"clients/x"}"#,
        r#"{"step":"replace","staged":".ca.pem.0123456789abcdef","kept":".ca.pem.0123456789abcdee","path":"../victim"}"#,
        r#"{"step":"replace","staged":".ca.pem.0123456789abcdef","kept":"../victim","path":"ca.pem"}"#,
        r#"{"step":"replace","staged":".ca.pem.0123456789abcdef","kept":".ca.pem.0123456789abcdef","path":"ca.pem"}"#,
        r#"{"step":"replace","staged":"clients/x/.key.pem.0123456789abcdef","kept":"clients/x/.key.pem.0123456789abcdee","path":"clients/x/key.pem"}"#,
        r#"{"step":"place","staged":"archive/../.victim.0123456789abcdef","path":"archive/../victim"}"#,
        r#"{"step":"exchange","staged":"../victim","path":"clients/x","archived":"archive/07","before":"0a","after":"0b"}"#,
        r#"{"step":"exchange","staged":"clients/.x.0123456789abcdef","path":"clients/x","archived":"archive/../../victim","before":"0a","after":"0b"}"#,
        r#"{"step":"exchange","staged":"clients/.x.0123456789abcdef","path":"clients/x","archived":"clients/07","before":"0a","after":"0b"}"#,
        r#"{"step":"exchange","staged":"../.victim.0123456789abcdef","path":"../victim","archived":"archive/07","before":"0a","after":"0b"}"#,
        r#"{"step":"append","path":"../victim","before":null}"#,
        r#"{"step":"make_directory","path":"../victim"}"#,
        r#"{"step":"set_mode","path":"../victim","before":438}"#,
    ];
    for step in steps {
        let text = format!(r#"{{"version":1,"command":"init","steps":[{step}]}}"#);
        for phase in [".journal", ".journal.publishing", ".journal.undoing"] {
            let journal = home.path().join(phase);
            fs::write(&journal, &text).unwrap();
            let before = support::snapshot(home.around());
            let ran = home.run(["list"]).fails(1);
            assert!(ran.stderr.contains("which no command does"), "{ran:#?}");
            assert_eq!(
                support::snapshot(home.around()),
                before,
                "{step} in {phase}"
            );
            fs::remove_file(&journal).unwrap();
        }
    }
}

#[test]
fn refuses_a_journal_it_cannot_read() {
    let home = TestHome::with_ca(&[]);
    fs::write(home.path().join(layout::JOURNAL), "{]").unwrap();
    refused(&home, "dockpki list", "refuses_a_journal_it_cannot_read");
}

#[test]
fn refuses_a_journal_of_another_version() {
    let home = TestHome::with_ca(&[]);
    let journal = r#"{"version":2,"command":"init","phase":"staging","steps":[]}"#;
    fs::write(home.path().join(layout::JOURNAL), journal).unwrap();
    let golden = "refuses_a_journal_of_another_version";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn refuses_output_that_cannot_be_written() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    let home = TestHome::with_ca(&[]);
    let line = "dockpki list";
    let mut list = command(&home, line);
    list.stdout(File::options().write(true).open(full).unwrap());
    refused_as(&home, line, list, "refuses_output_that_cannot_be_written");
}

#[test]
fn says_that_it_waits_for_another() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LOCK);
    let lock = File::options().write(true).open(&path).unwrap();
    lock.lock().unwrap();
    fs::write(&path, "4711").unwrap();
    let line = "dockpki client issue bob --output json";
    let mut waiting = command(&home, line);
    waiting.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut waiting = waiting.spawn().unwrap();
    let mut note = String::new();
    let mut stderr = std::io::BufReader::new(waiting.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut stderr, &mut note).unwrap();
    lock.unlock().unwrap();
    let mut ran = Ran::from(waiting.wait_with_output().unwrap());
    ran.stderr = note;
    stderr.read_to_string(&mut ran.stderr).unwrap();
    compare(&home, line, &ran, "says_that_it_waits_for_another");
    ran.succeeds();
}

// ---- Passphrases

#[test]
fn client_issue_with_the_passphrase() {
    let home = home_with_passphrase();
    let line = "dockpki client issue bob --passphrase-file secret";
    done(&home, line, "client_issue_with_the_passphrase");
}

#[test]
fn refuses_to_ask_for_a_passphrase_without_terminal() {
    let home = home_with_passphrase();
    let golden = "refuses_to_ask_for_a_passphrase_without_terminal";
    refused(&home, "dockpki client issue bob", golden);
}

#[test]
fn init_refuses_to_ask_for_a_passphrase_without_terminal() {
    let line = "dockpki init --san localhost --client alice --encrypt";
    let golden = "init_refuses_to_ask_for_a_passphrase_without_terminal";
    refused(&TestHome::new(), line, golden);
}

#[test]
fn refuses_a_wrong_passphrase() {
    let home = home_with_passphrase();
    secret(&home, "wrong", "wrong horse\n");
    let line = "dockpki client issue bob --passphrase-file wrong";
    refused(&home, line, "refuses_a_wrong_passphrase");
}

#[test]
fn refuses_a_passphrase_nobody_needs() {
    let home = TestHome::with_ca(&[]);
    secret(&home, "secret", "correct horse\n");
    let line = "dockpki client issue bob --passphrase-file secret";
    refused(&home, line, "refuses_a_passphrase_nobody_needs");
}

#[test]
fn verify_finds_a_passphrase_nobody_needs() {
    let home = TestHome::with_ca(&[]);
    secret(&home, "secret", "correct horse\n");
    let line = "dockpki verify --passphrase-file secret";
    refused(&home, line, "verify_finds_a_passphrase_nobody_needs");
}

#[test]
fn refuses_a_passphrase_file_others_can_read() {
    let home = home_with_passphrase();
    set_mode(&home.around().join("secret"), 0o644);
    let line = "dockpki client issue bob --passphrase-file secret";
    refused(&home, line, "refuses_a_passphrase_file_others_can_read");
}

#[test]
fn refuses_a_passphrase_file_that_is_empty() {
    let home = TestHome::new();
    secret(&home, "secret", "\n");
    let line = "dockpki init --san localhost --client alice --passphrase-file secret";
    refused(&home, line, "refuses_a_passphrase_file_that_is_empty");
}

#[test]
fn refuses_a_passphrase_file_of_two_lines() {
    let home = TestHome::new();
    secret(&home, "secret", "correct horse\nbattery staple\n");
    let line = "dockpki init --san localhost --client alice --passphrase-file secret";
    refused(&home, line, "refuses_a_passphrase_file_of_two_lines");
}

#[test]
fn refuses_a_passphrase_file_that_is_not_there() {
    let line = "dockpki init --san localhost --client alice --passphrase-file secret";
    let golden = "refuses_a_passphrase_file_that_is_not_there";
    refused(&TestHome::new(), line, golden);
}

#[test]
fn refuses_a_passphrase_file_that_is_a_directory() {
    let line = "dockpki init --san localhost --client alice --passphrase-file .";
    let golden = "refuses_a_passphrase_file_that_is_a_directory";
    refused(&TestHome::new(), line, golden);
}

#[test]
fn refuses_an_encryption_that_would_eat_the_machine() {
    use pkcs8::der::Encode;
    use pkcs8::pkcs5::{EncryptionScheme, pbes2, scrypt};
    let home = TestHome::with_ca(&[]);
    secret(&home, "secret", "correct horse\n");
    let costs = scrypt::Params::new(22, 8, 1).unwrap();
    let scheme = pbes2::Parameters::generate_scrypt_aes256cbc(costs, &[0; 16], [0; 16]).unwrap();
    let info = pkcs8::EncryptedPrivateKeyInfoRef {
        encryption_algorithm: EncryptionScheme::from(scheme),
        encrypted_data: pkcs8::der::asn1::OctetStringRef::new(&[0; 144]).unwrap(),
    };
    put_ca_key(&home, pem("ENCRYPTED PRIVATE KEY", &info.to_der().unwrap()));
    let line = "dockpki client issue bob --passphrase-file secret";
    refused(
        &home,
        line,
        "refuses_an_encryption_that_would_eat_the_machine",
    );
}

// ---- ca

shown_with_a_ca! {
    ca_show: "dockpki ca show";
    ca_show_as_json: "dockpki ca show --output json";
}

#[test]
fn ca_show_with_encrypted_key() {
    let home = home_with_passphrase();
    shown(&home, "dockpki ca show", "ca_show_with_encrypted_key");
}

#[test]
fn ca_show_without_key() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_KEY)).unwrap();
    shown(&home, "dockpki ca show", "ca_show_without_key");
}

#[test]
fn ca_show_with_key_others_can_read() {
    let home = TestHome::with_ca(&[]);
    set_mode(&home.path().join(layout::CA_KEY), 0o644);
    shown(&home, "dockpki ca show", "ca_show_with_key_others_can_read");
}

#[test]
fn ca_show_with_broken_key() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, "");
    shown(&home, "dockpki ca show", "ca_show_with_broken_key");
}

#[test]
fn ca_show_of_a_constrained_ca() {
    let home = TestHome::with_ca(&["--constrain"]);
    shown(&home, "dockpki ca show", "ca_show_of_a_constrained_ca");
    let line = "dockpki ca show --output json";
    shown(&home, line, "ca_show_of_a_constrained_ca_as_json");
}

#[test]
fn ca_show_of_a_ca_constrained_to_names_alone() {
    let home = TestHome::new();
    let line = "dockpki init --san docker.example.com --client alice --constrain";
    Ran::from(command(&home, line).output().unwrap()).succeeds();
    let golden = "ca_show_of_a_ca_constrained_to_names_alone";
    shown(&home, "dockpki ca show", golden);
}

#[test]
fn ca_show_of_an_expired_ca() {
    let home = home_with_ca_of(days(-100, -10));
    shown(&home, "dockpki ca show", "ca_show_of_an_expired_ca");
}

#[test]
fn ca_passwd_sets_a_passphrase() {
    let home = TestHome::with_ca(&[]);
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --new-passphrase-file new";
    done(&home, line, "ca_passwd_sets_a_passphrase");
}

#[test]
fn ca_passwd_changes_the_passphrase() {
    let home = home_with_passphrase();
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --passphrase-file secret --new-passphrase-file new";
    done(&home, line, "ca_passwd_changes_the_passphrase");
}

#[test]
fn ca_passwd_removes_the_passphrase() {
    let home = home_with_passphrase();
    let line = "dockpki ca passwd --passphrase-file secret --remove --yes";
    done(&home, line, "ca_passwd_removes_the_passphrase");
}

#[test]
fn ca_passwd_as_json() {
    let home = home_with_passphrase();
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --passphrase-file secret --new-passphrase-file new --output json";
    done(&home, line, "ca_passwd_as_json");
    let line = "dockpki ca passwd --passphrase-file new --remove --yes --output json";
    done(&home, line, "ca_passwd_removes_the_passphrase_as_json");
}

#[test]
fn ca_passwd_quiet() {
    let home = home_with_passphrase();
    let line = "dockpki ca passwd --passphrase-file secret --remove --yes --quiet";
    done(&home, line, "ca_passwd_quiet");
}

#[test]
fn ca_passwd_verbose() {
    let home = home_with_passphrase();
    let line = "dockpki ca passwd --passphrase-file secret --remove --yes --verbose";
    done(&home, line, "ca_passwd_verbose");
}

#[test]
fn ca_passwd_as_dry_run() {
    let home = home_with_passphrase();
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --passphrase-file secret --new-passphrase-file new --dry-run";
    shown(&home, line, "ca_passwd_as_dry_run");
    let line = "dockpki ca passwd --passphrase-file secret --remove --dry-run --output json";
    shown(&home, line, "ca_passwd_as_dry_run_as_json");
}

refused_with_a_ca! {
    ca_passwd_refuses_to_ask_for_the_new_passphrase_without_terminal: "dockpki ca passwd";
    ca_passwd_refuses_to_remove_a_passphrase_that_is_not: "dockpki ca passwd --remove --yes";
}

#[test]
fn ca_passwd_refuses_to_remove_without_consent() {
    let home = home_with_passphrase();
    let line = "dockpki ca passwd --passphrase-file secret --remove";
    refused(&home, line, "ca_passwd_refuses_to_remove_without_consent");
}

#[test]
fn ca_passwd_refuses_a_wrong_passphrase() {
    let home = home_with_passphrase();
    secret(&home, "wrong", "wrong horse\n");
    let line = "dockpki ca passwd --passphrase-file wrong --remove --yes";
    refused(&home, line, "ca_passwd_refuses_a_wrong_passphrase");
}

#[test]
fn ca_passwd_refuses_without_the_ca_key() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_KEY)).unwrap();
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --new-passphrase-file new";
    refused(&home, line, "ca_passwd_refuses_without_the_ca_key");
}

#[test]
fn ca_passwd_refuses_a_key_of_another_ca() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, key().to_pem().unwrap().expose());
    secret(&home, "new", "battery staple\n");
    let line = "dockpki ca passwd --new-passphrase-file new";
    refused(&home, line, "ca_passwd_refuses_a_key_of_another_ca");
}

// ---- On a terminal

/// Whether what is typed is seen.
#[derive(Clone, Copy, PartialEq)]
enum Echo {
    On,
    Off,
}

/// Runs a command on a terminal of its own, types each answer when its question is there, and
/// returns its exit code.
#[track_caller]
fn on_terminal(
    home: &TestHome,
    line: &str,
    answers: &[(&str, &str, Echo)],
    golden: &str,
) -> Option<i32> {
    if !has("script of util-linux", program_exists("script")) {
        return None;
    }
    let meant = command(home, line);
    let quoted = |word: &std::ffi::OsStr| dockpki::report::shell_word(&word.to_string_lossy());
    let words = std::iter::once(meant.get_program()).chain(meant.get_args());
    let words: Vec<_> = words.map(quoted).collect();
    let terminal_path = home.around().join("terminal");
    let inner = format!("tty > terminal; exec {}", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &inner, "/dev/null"]);
    copy_environment(&meant, &mut script);
    let mut script = script
        .env("SHELL", "/bin/sh")
        .env("NO_COLOR", "1")
        .current_dir(home.around())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = script.stdin.take().unwrap();
    let mut screen = script.stdout.take().unwrap();
    let mut seen = Vec::new();
    for (question, answer, echo) in answers {
        while !seen.ends_with(question.as_bytes()) {
            let mut byte = [0];
            let count = screen.read(&mut byte).unwrap();
            assert_eq!(count, 1, "no `{question}` in: {}", lossy(&seen));
            seen.extend(byte);
        }
        if *echo == Echo::Off {
            wait_for_no_echo(fs::read_to_string(&terminal_path).unwrap().trim());
        }
        keyboard
            .write_all(format!("{answer}\n").as_bytes())
            .unwrap();
        // The next question may be the same words.
        seen.extend(b"\0");
    }
    screen.read_to_end(&mut seen).unwrap();
    drop(keyboard);
    let code = script.wait().unwrap().code();
    fs::remove_file(terminal_path).unwrap();
    let seen = lossy(&seen).replace(['\0', '\r'], "");
    let code = code.unwrap_or(-1);
    let text = format!("$ {line}\nexit {code}\n--- terminal\n{seen}");
    compare_text(home, &text, golden);
    Some(code)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The question comes before echo is off; what is typed between would be seen.
fn wait_for_no_echo(terminal: &str) {
    loop {
        let stty = Command::new("stty").args(["-a", "-F", terminal]).output();
        let settings = lossy(&stty.unwrap().stdout);
        if settings.split_whitespace().any(|word| word == "-echo") {
            return;
        }
        assert!(settings.contains("echo"), "stty says nothing of {terminal}");
    }
}

#[test]
fn init_asks_for_a_passphrase_twice() {
    let home = TestHome::new();
    let line = "dockpki init --san localhost --client alice --encrypt";
    let answers = [
        ("key: ", "correct horse", Echo::Off),
        ("again: ", "correct horse", Echo::Off),
    ];
    let golden = "init_asks_for_a_passphrase_twice";
    if on_terminal(&home, line, &answers, golden).is_some() {
        secret(&home, "secret", "correct horse\n");
        home.run(
            ["client", "issue", "bob", "--passphrase-file"]
                .map(PathBuf::from)
                .into_iter()
                .chain([home.around().join("secret")]),
        )
        .succeeds();
    }
}

#[test]
fn refuses_passphrases_that_differ() {
    let home = TestHome::new();
    let line = "dockpki init --san localhost --client alice --encrypt";
    let answers = [
        ("key: ", "correct horse", Echo::Off),
        ("again: ", "wrong horse", Echo::Off),
    ];
    let code = on_terminal(&home, line, &answers, "refuses_passphrases_that_differ");
    assert!(code.is_none_or(|code| code == 1));
    assert!(snapshot(home.around()).is_empty());
}

#[test]
fn refuses_an_empty_passphrase() {
    let home = TestHome::new();
    let line = "dockpki init --san localhost --client alice --encrypt";
    let answers = [("key: ", "", Echo::Off)];
    let code = on_terminal(&home, line, &answers, "refuses_an_empty_passphrase");
    assert!(code.is_none_or(|code| code == 1));
    assert!(snapshot(home.around()).is_empty());
}

#[test]
fn client_issue_asks_for_the_passphrase() {
    let home = home_with_passphrase();
    let answers = [("key: ", "correct horse", Echo::Off)];
    let golden = "client_issue_asks_for_the_passphrase";
    let code = on_terminal(&home, "dockpki client issue bob", &answers, golden);
    assert!(code.is_none_or(|code| code == 0));
}

#[test]
fn ca_passwd_asks_for_the_old_and_the_new_passphrase() {
    let home = home_with_passphrase();
    let answers = [
        ("key: ", "correct horse", Echo::Off),
        ("key: ", "battery staple", Echo::Off),
        ("again: ", "battery staple", Echo::Off),
    ];
    let golden = "ca_passwd_asks_for_the_old_and_the_new_passphrase";
    let code = on_terminal(&home, "dockpki ca passwd", &answers, golden);
    assert!(code.is_none_or(|code| code == 0));
}

#[test]
fn ca_passwd_asks_before_it_removes_the_passphrase() {
    let home = home_with_passphrase();
    let line = "dockpki ca passwd --passphrase-file secret --remove";
    let before = snapshot(home.around());
    let no = [("[y/N] ", "n", Echo::On)];
    let golden = "ca_passwd_asks_before_it_removes_the_passphrase";
    let code = on_terminal(&home, line, &no, golden);
    assert!(code.is_none_or(|code| code == 1));
    assert!(before == snapshot(home.around()));
    let yes = [("[y/N] ", "y", Echo::On)];
    let code = on_terminal(&home, line, &yes, "ca_passwd_removes_when_agreed");
    assert!(code.is_none_or(|code| code == 0));
}

// ---- list

shown_with_a_ca! {
    list: "dockpki list";
    list_as_json: "dockpki list --output json";
    list_verbose: "dockpki list --verbose";
    list_quiet: "dockpki list --quiet";
}

#[test]
fn list_in_every_state() {
    let home = home_in_every_state();
    shown(&home, "dockpki list", "list_in_every_state");
    let line = "dockpki list --output json";
    shown(&home, line, "list_in_every_state_as_json");
    let line = "dockpki list --color always";
    shown(&home, line, "list_in_every_state_in_colour");
}

#[test]
fn list_under_an_expired_ca() {
    let home = home_with_ca_of(days(-100, -10));
    shown(&home, "dockpki list", "list_under_an_expired_ca");
}

#[test]
fn list_does_not_let_a_name_steer_the_terminal() {
    let home = TestHome::with_ca(&[]);
    let name = "evil\u{1b}[2J";
    fs::create_dir(pair_path(&home, PairKind::Client, name)).unwrap();
    let golden = "list_does_not_let_a_name_steer_the_terminal";
    shown(&home, "dockpki list", golden);
}

// ---- verify

shown_with_a_ca! {
    verify_finds_nothing: "dockpki verify";
    verify_finds_nothing_as_json: "dockpki verify --output json";
}

#[test]
fn verify_tells_that_an_encrypted_key_was_not_opened() {
    let home = home_with_passphrase();
    let golden = "verify_tells_that_an_encrypted_key_was_not_opened";
    shown(&home, "dockpki verify", golden);
    shown(&home, "dockpki verify --quiet", "verify_quiet");
}

#[test]
fn verify_opens_an_encrypted_key() {
    let home = home_with_passphrase();
    let line = "dockpki verify --passphrase-file secret";
    shown(&home, line, "verify_opens_an_encrypted_key");
}

#[test]
fn verify_tells_that_the_ca_key_is_elsewhere() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_KEY)).unwrap();
    let golden = "verify_tells_that_the_ca_key_is_elsewhere";
    shown(&home, "dockpki verify", golden);
}

/// The commands `verify` prints, each once.
fn mends(home: &TestHome) -> Vec<String> {
    let ran = Ran::from(command(home, "dockpki verify").output().unwrap());
    let mut mends: Vec<String> = Vec::new();
    for line in ran.stdout.lines() {
        if let Some(mend) = line.strip_prefix("    ")
            && !mends.iter().any(|known| known == mend)
        {
            mends.push(mend.to_owned());
        }
    }
    mends
}

/// `verify` finds what the golden says, and finds nothing any more after the commands it prints.
#[track_caller]
fn found_and_mended(home: &TestHome, golden: &str) {
    refused(home, "dockpki verify", golden);
    for mend in mends(home) {
        mend_with(home, &mend);
    }
    let ran = Ran::from(command(home, "dockpki verify").output().unwrap());
    assert_eq!(ran.code, 0, "not mended: {}", ran.stdout);
}

#[track_caller]
fn mend_with(home: &TestHome, mend: &str) {
    let meant = command(home, "dockpki");
    let directory = Path::new(env!("CARGO_BIN_EXE_dockpki")).parent().unwrap();
    let mut path = directory.as_os_str().to_owned();
    path.push(":/usr/sbin:/usr/bin:/sbin:/bin");
    let mut shell = Command::new("sh");
    copy_environment(&meant, &mut shell);
    // What is put aside goes away with the test.
    shell.env("PATH", path).env("TMPDIR", home.around());
    shell.args(["-e", "-c", mend]).current_dir(home.around());
    let ran = Ran::from(shell.output().unwrap());
    assert_eq!(ran.code, 0, "`{mend}` failed: {ran:#?}");
}

/// `verify` finds what the golden says, and nothing but a backup helps.
#[track_caller]
fn found_beyond_mending(home: &TestHome, golden: &str) {
    refused(home, "dockpki verify", golden);
    const BEYOND: [&str; 4] = ["put ", "chmod ", "set the clock", "make a new CA"];
    let restore = |mend: &String| BEYOND.iter().any(|words| mend.starts_with(words));
    assert!(mends(home).iter().all(restore), "{:?}", mends(home));
}

#[test]
fn verify_finds_modes() {
    let home = TestHome::with_ca(&[]);
    let modes = [
        ("", 0o755),
        ("ca.pem", 0o644),
        ("ca-key.pem", 0o600),
        ("clients", 0o711),
        ("servers/localhost", 0o750),
        ("servers/localhost/ca.pem", 0o666),
        ("servers/localhost/server-cert.pem", 0o400),
        ("servers/localhost/server-key.pem", 0o440),
        ("clients/alice/key.pem", 0o600),
    ];
    for (path, mode) in modes {
        set_mode(&home.path().join(path), mode);
    }
    let line = "dockpki verify --output json";
    refused(&home, line, "verify_finds_modes_as_json");
    let line = "dockpki verify --color always";
    refused(&home, line, "verify_finds_modes_in_colour");
    found_and_mended(&home, "verify_finds_modes");
}

#[test]
fn verify_finds_an_open_ca_key() {
    let home = TestHome::with_ca(&[]);
    set_mode(&home.path().join(layout::CA_KEY), 0o644);
    found_and_mended(&home, "verify_finds_an_open_ca_key");
}

#[test]
fn verify_finds_owners() {
    if !is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let home = TestHome::with_ca(&[]);
    for path in ["ca.pem", "clients/alice", "clients/alice/key.pem"] {
        std::os::unix::fs::chown(home.path().join(path), Some(65534), None).unwrap();
    }
    found_and_mended(&home, "verify_finds_owners");
}

#[test]
fn verify_finds_a_ca_certificate_missing() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::CA_CERTIFICATE)).unwrap();
    found_and_mended(&home, "verify_finds_a_ca_certificate_missing");
}

#[test]
fn verify_finds_a_ca_certificate_cut_short() {
    let home = TestHome::with_ca(&[]);
    cut(&home.path().join(layout::CA_CERTIFICATE), 0o444);
    found_and_mended(&home, "verify_finds_a_ca_certificate_cut_short");
}

#[test]
fn verify_finds_a_ca_certificate_cut_short_and_no_copy() {
    let home = home_with_ca_of(days(-1, 1000));
    cut(&home.path().join(layout::CA_CERTIFICATE), 0o444);
    let golden = "verify_finds_a_ca_certificate_cut_short_and_no_copy";
    found_beyond_mending(&home, golden);
}

#[test]
fn verify_finds_an_expired_ca() {
    let home = home_with_ca_of(Validity {
        not_before: datetime!(2020-01-01 00:00 UTC),
        not_after: datetime!(2021-01-01 00:00 UTC),
    });
    found_and_mended(&home, "verify_finds_an_expired_ca");
}

#[test]
fn verify_finds_a_ca_that_is_still_to_begin() {
    let home = home_with_ca_of(Validity {
        not_before: datetime!(2090-01-01 00:00 UTC),
        not_after: datetime!(2095-01-01 00:00 UTC),
    });
    found_beyond_mending(&home, "verify_finds_a_ca_that_is_still_to_begin");
}

#[test]
fn verify_puts_nothing_aside_that_is_still_to_begin() {
    let home = home_with_ca_of(days(-1, 1000));
    put_client(&home, &ca_of(&home), "alice", days(10, 100));
    let golden = "verify_puts_nothing_aside_that_is_still_to_begin";
    found_beyond_mending(&home, golden);
}

#[test]
fn verify_finds_a_ca_of_somebody_else() {
    let home = TestHome::new();
    put_odd_ca(&home, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages.push(KeyUsagePurpose::DigitalSignature);
        params.use_authority_key_identifier_extension = false;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    });
    found_beyond_mending(&home, "verify_finds_a_ca_of_somebody_else");
}

#[test]
fn verify_finds_a_server_in_place_of_the_ca() {
    let home = TestHome::with_ca(&[]);
    let server = pair_path(&home, PairKind::Server, "localhost");
    let certificate = fs::read(server.join("server-cert.pem")).unwrap();
    write(
        &home.path().join(layout::CA_CERTIFICATE),
        0o444,
        certificate,
    );
    let golden = "verify_finds_a_server_in_place_of_the_ca";
    refused(&home, "dockpki verify", golden);
}

#[test]
fn verify_finds_the_key_of_another_ca() {
    let home = TestHome::with_ca(&[]);
    put_ca_key(&home, key().to_pem().unwrap().expose());
    found_beyond_mending(&home, "verify_finds_the_key_of_another_ca");
}

#[test]
fn verify_finds_a_ca_key_cut_short() {
    let home = TestHome::with_ca(&[]);
    cut(&home.path().join(layout::CA_KEY), 0o400);
    found_beyond_mending(&home, "verify_finds_a_ca_key_cut_short");
}

#[test]
fn verify_finds_a_passphrase_that_does_not_open_the_key() {
    let home = home_with_passphrase();
    secret(&home, "wrong", "wrong horse\n");
    let line = "dockpki verify --passphrase-file wrong";
    let golden = "verify_finds_a_passphrase_that_does_not_open_the_key";
    refused(&home, line, golden);
}

#[test]
fn verify_finds_files_missing() {
    let home = TestHome::with_ca(&[]);
    Ran::from(
        command(&home, "dockpki client issue bob carol")
            .output()
            .unwrap(),
    )
    .succeeds();
    let files = [
        "clients/alice/ca.pem",
        "clients/bob/cert.pem",
        "clients/carol/key.pem",
        "servers/localhost/server-key.pem",
    ];
    for file in files {
        fs::remove_file(home.path().join(file)).unwrap();
    }
    found_and_mended(&home, "verify_finds_files_missing");
}

#[test]
fn verify_finds_a_server_without_certificate() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join("servers/localhost/server-cert.pem")).unwrap();
    found_and_mended(&home, "verify_finds_a_server_without_certificate");
}

#[test]
fn verify_finds_files_cut_short() {
    let home = TestHome::with_ca(&[]);
    Ran::from(
        command(&home, "dockpki client issue bob carol")
            .output()
            .unwrap(),
    )
    .succeeds();
    cut(&home.path().join("clients/alice/ca.pem"), 0o444);
    cut(&home.path().join("clients/bob/cert.pem"), 0o444);
    cut(&home.path().join("clients/carol/key.pem"), 0o400);
    found_and_mended(&home, "verify_finds_files_cut_short");
}

#[test]
fn verify_finds_files_of_the_wrong_kind() {
    let home = TestHome::with_ca(&[]);
    Ran::from(
        command(&home, "dockpki client issue bob carol")
            .output()
            .unwrap(),
    )
    .succeeds();
    let client = |name: &str| pair_path(&home, PairKind::Client, name);
    let key_of_alice = fs::read(client("alice").join("key.pem")).unwrap();
    let certificate_of_alice = fs::read(client("alice").join("cert.pem")).unwrap();
    write(&client("bob").join("cert.pem"), 0o444, key_of_alice);
    write(
        &client("carol").join("key.pem"),
        0o400,
        certificate_of_alice,
    );
    fs::write(client("thing"), "").unwrap();
    found_and_mended(&home, "verify_finds_files_of_the_wrong_kind");
}

#[test]
fn verify_finds_keys_that_do_not_fit() {
    let home = TestHome::with_ca(&[]);
    Ran::from(
        command(&home, "dockpki client issue bob carol")
            .output()
            .unwrap(),
    )
    .succeeds();
    let key_file = |name: &str| pair_path(&home, PairKind::Client, name).join("key.pem");
    write(&key_file("alice"), 0o400, key().to_pem().unwrap().expose());
    write(&key_file("bob"), 0o400, key_of_algorithm(P521.0, P521.1));
    let passphrase = b"correct horse".to_vec();
    let passphrase = dockpki::pki::Passphrase::new(zeroize::Zeroizing::new(passphrase)).unwrap();
    let encrypted = dockpki::pki::encrypt_key(&key(), &passphrase).unwrap();
    write(&key_file("carol"), 0o400, encrypted.expose());
    found_and_mended(&home, "verify_finds_keys_that_do_not_fit");
}

#[test]
fn verify_finds_certificates_out_of_time() {
    let home = home_with_ca_of(days(-100, 3650));
    let ca = ca_of(&home);
    put_client(&home, &ca, "expired", days(-30, -10));
    let mut after = params_of_client("after-the-ca");
    after.not_after += Duration::days(4000);
    put_odd(&home, PairKind::Client, "after-the-ca", &ca, after);
    found_and_mended(&home, "verify_finds_certificates_out_of_time");
}

#[test]
fn verify_finds_certificates_swapped() {
    let home = TestHome::with_ca(&[]);
    Ran::from(command(&home, "dockpki client issue bob").output().unwrap()).succeeds();
    let clients = home.path().join("clients");
    fs::rename(clients.join("alice"), clients.join("swapped")).unwrap();
    fs::rename(clients.join("bob"), clients.join("alice")).unwrap();
    fs::rename(clients.join("swapped"), clients.join("bob")).unwrap();
    found_and_mended(&home, "verify_finds_certificates_swapped");
}

#[test]
fn verify_finds_certificates_of_another_ca() {
    let home = TestHome::with_ca(&[]);
    let other = Ca::new(key(), &serial(), days(-1, 1000), None).unwrap();
    put_client(&home, &other, "bob", days(0, 100));
    let copy = other.certificate().pem();
    write(&home.path().join("clients/bob/ca.pem"), 0o444, copy);
    found_and_mended(&home, "verify_finds_certificates_of_another_ca");
}

#[test]
fn verify_finds_a_forged_signature() {
    let home = TestHome::with_ca(&[]);
    let name = ca_of(&home).certificate().common_name.clone();
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name.as_deref());
    let issuer = Issuer::new(params, key());
    let params = params_of_client("bob");
    let client = key();
    let certificate = params.signed_by(&client, &issuer).unwrap();
    let pem = certificate_pem(certificate.der());
    let client = client.to_pem().unwrap();
    put_pair(&home, PairKind::Client, "bob", &pem, client.expose());
    found_and_mended(&home, "verify_finds_a_forged_signature");
}

#[test]
fn verify_finds_departures_from_the_profile() {
    let home = TestHome::with_ca(&[]);
    let ca = ca_of(&home);
    let client = |name: &str, change: fn(&mut CertificateParams)| {
        let mut params = params_of_client(name);
        change(&mut params);
        put_odd(&home, PairKind::Client, name, &ca, params);
    };
    client("a-ca", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    client("a-server", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    client("both", |params| {
        let both = [
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        params.extended_key_usages = both.to_vec();
    });
    client("no-usage", |params| {
        params.key_usages = Vec::new();
        params.extended_key_usages = Vec::new();
    });
    client("signs", |params| {
        params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    });
    client("no-name", |params| {
        params.distinguished_name = common_name(None);
    });
    client("no-key-identifier", |params| {
        params.use_authority_key_identifier_extension = false;
    });
    client("with-san", |params| {
        params.subject_alt_names = vec![SanType::DnsName("a.example".try_into().unwrap())];
    });
    let server = |name: &str, params| put_odd(&home, PairKind::Server, name, &ca, params);
    server("no-san", params_of_server("no-san", &[]));
    let mut mail = params_of_server("mail", &["mail.example.com"]);
    let address = "root@example.com".try_into().unwrap();
    mail.subject_alt_names.push(SanType::Rfc822Name(address));
    server("mail", mail);
    found_and_mended(&home, "verify_finds_departures_from_the_profile");
}

#[test]
fn verify_finds_a_name_outside_the_constraints() {
    let home = TestHome::with_ca(&["--constrain"]);
    let params = params_of_server("web", &["web.example.com"]);
    put_odd(&home, PairKind::Server, "web", &ca_of(&home), params);
    let golden = "verify_finds_a_name_outside_the_constraints";
    refused(&home, "dockpki verify", golden);
}

#[test]
fn verify_finds_a_serial_the_ledger_does_not_know() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LEDGER);
    let ledger = fs::read_to_string(&path).unwrap();
    let first: String = ledger
        .lines()
        .take(1)
        .map(|line| format!("{line}\n"))
        .collect();
    write(&path, layout::RECORD_MODE, first);
    found_and_mended(&home, "verify_finds_a_serial_the_ledger_does_not_know");
}

#[test]
fn verify_finds_the_ledger_missing() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join(layout::LEDGER)).unwrap();
    found_beyond_mending(&home, "verify_finds_the_ledger_missing");
}

/// A home as it is copied to a host: by README's line with tar.
fn part_of_a_home() -> TestHome {
    let home = TestHome::with_ca(&[]);
    for name in [layout::CA_KEY, layout::LEDGER, ".lock"] {
        fs::remove_file(home.path().join(name)).unwrap();
    }
    home
}

#[test]
fn verify_of_a_part_of_a_home() {
    let home = part_of_a_home();
    shown(&home, "dockpki verify", "verify_of_a_part_of_a_home");
}

#[test]
fn verify_finds_a_copy_gone_bad() {
    let home = part_of_a_home();
    fs::remove_file(home.path().join("servers/localhost/server-key.pem")).unwrap();
    cut(&home.path().join("clients/alice/cert.pem"), 0o444);
    let golden = "verify_finds_a_copy_gone_bad";
    refused(&home, "dockpki verify", golden);
    cut(&home.path().join("ca.pem"), 0o444);
    cut(&home.path().join("clients/alice/ca.pem"), 0o444);
    cut(&home.path().join("servers/localhost/ca.pem"), 0o444);
    refused(&home, "dockpki verify", "verify_finds_a_copied_ca_gone_bad");
}

#[test]
fn verify_finds_a_certificate_that_is_revoked() {
    let home = home_with_ca_of(days(-200, 3650));
    let revoked = put_client(&home, &ca_of(&home), "bob", days(-1, 100));
    let now = OffsetDateTime::now_utc();
    let mut entry = Entry::issued(Purpose::Client, "bob", &revoked, String::new(), now, now);
    entry.event = Event::Revoked;
    append(&home, &entry);
    found_and_mended(&home, "verify_finds_a_certificate_that_is_revoked");
}

#[test]
fn verify_finds_another_certificate_of_the_same_serial() {
    let home = home_with_ca_of(days(-200, 3650));
    let ca = ca_of(&home);
    let params = params_of_client("bob");
    put_odd(&home, PairKind::Client, "bob", &ca, params.clone());
    let ledger = fs::read_to_string(home.path().join(layout::LEDGER)).unwrap();
    put_odd(&home, PairKind::Client, "bob", &ca, params);
    write(
        &home.path().join(layout::LEDGER),
        layout::RECORD_MODE,
        ledger,
    );
    let golden = "verify_finds_another_certificate_of_the_same_serial";
    found_and_mended(&home, golden);
}

#[test]
fn refuses_a_client_whose_name_reads_as_a_host_name_outside_the_constraints() {
    let home = TestHome::with_ca(&["--constrain"]);
    let golden = "refuses_a_client_whose_name_reads_as_a_host_name";
    refused(&home, "dockpki client issue first.last", golden);
}

#[test]
fn an_entry_goes_on_a_line_of_its_own_after_a_torn_one() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::LEDGER);
    let ledger = fs::read_to_string(&path).unwrap();
    write(&path, layout::RECORD_MODE, ledger.trim_end());
    home.run(["client", "issue", "bob"]).succeeds();
    home.run(["verify"]).succeeds();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 4);
}

#[test]
fn refuses_to_replace_a_ca_key_that_is_a_link() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::CA_KEY);
    fs::rename(&path, home.around().join("real.pem")).unwrap();
    symlink(home.around().join("real.pem"), &path).unwrap();
    write(&home.around().join("secret"), 0o400, "correct horse");
    let line = "dockpki ca passwd --new-passphrase-file secret";
    refused(&home, line, "refuses_to_replace_a_ca_key_that_is_a_link");
}

#[test]
fn verify_names_the_home_as_it_was_named() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join("clients/alice/key.pem")).unwrap();
    let line = "dockpki --home home verify";
    refused(&home, line, "verify_names_the_home_as_it_was_named");
}

// ---- Colour

#[test]
fn errors_in_colour() {
    let line = "dockpki list --color always";
    refused(&TestHome::new(), line, "errors_in_colour");
}

#[test]
fn warnings_in_colour() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki client issue bob --valid-for 20y --color always --dry-run";
    shown(&home, line, "warnings_in_colour");
}

// ---- The goldens themselves

#[test]
fn every_golden_belongs_to_a_test() {
    let source = include_str!("cli.rs");
    let pages: Vec<String> = ["help", "help_short", "man"]
        .into_iter()
        .flat_map(|directory| COMMANDS.map(|command| file_name(directory, command)))
        .collect();
    let mut directories = vec![goldens()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // Those are of tests/cli_install, tests/cli_check and so on.
                let elsewhere = [
                    "bulk", "check", "enroll", "export", "install", "refresh", "renew", "roll",
                ];
                if !elsewhere
                    .iter()
                    .any(|it| path.ends_with(format!("tests/cli/{it}")))
                {
                    directories.push(path);
                }
                continue;
            }
            let name = path.strip_prefix(goldens()).unwrap().with_extension("");
            let name = name.to_str().unwrap();
            let used = pages.iter().any(|page| page == name)
                || source.contains(&format!("\"{name}\""))
                || source.contains(&format!("    {name}:"));
            assert!(used, "{} is nobody's", path.display());
        }
    }
}

//! `init`.

use super::*;

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

//! Arguments: what nobody understands, SANs, names, lives and kinds of key.

use super::*;

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

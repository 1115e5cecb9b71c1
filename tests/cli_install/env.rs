//! `env`: the lines for each shell, with and without an installed client.

use super::client::{typed, user};
use super::*;

#[track_caller]
fn prints(home: &TestHome, line: &str, name: &str) {
    shown(home, &typed(home, line), name);
}

/// Each becomes a test of its name, and a golden, where a client is installed for a host.
macro_rules! prints_after_an_install {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            prints(&installed_for_a_host(), $line, stringify!($name));
        }
    )*};
}

fn installed_for_a_host() -> TestHome {
    let home = user();
    let line = "install client --yes --host tcp://web.example.com:2376";
    quietly(&home, &typed(&home, line));
    home
}

prints_after_an_install! {
    env_of_the_callers_shell: "env";
    env_for_bash: "env --shell bash";
    env_for_zsh: "env --shell zsh";
    env_for_fish: "env --shell fish";
    env_for_powershell: "env --shell powershell";
    env_for_cmd: "env --shell cmd";
    env_to_unset_in_bash: "env --unset --shell bash";
    env_to_unset_in_zsh: "env --unset --shell zsh";
    env_to_unset_in_fish: "env --unset --shell fish";
    env_to_unset_in_powershell: "env --unset --shell powershell";
    env_to_unset_in_cmd: "env --unset --shell cmd";
    env_of_a_client_by_its_name: "env alice";
    env_for_another_host: "env --host tcp://db.example.com:2376";
    env_of_a_client_for_a_host: "env alice --host tcp://db.example.com";
}

/// The same where no client is installed.
macro_rules! prints_without_an_install {
    ($($name:ident: $line:literal;)*) => {$(
        #[test]
        fn $name() {
            prints(&user(), $line, stringify!($name));
        }
    )*};
}

prints_without_an_install! {
    env_without_an_install: "env";
    env_without_an_install_for_a_host: "env --host tcp://db.example.com";
    env_quiet: "env -q";
    env_to_unset_without_an_install: "env --unset";
}

/// Each becomes a test of its name, and a golden: the line is refused.
macro_rules! env_refuses {
    ($($name:ident: $home:expr, $line:literal;)*) => {$(
        #[test]
        fn $name() {
            let home = $home;
            refused(&home, &typed(&home, $line), stringify!($name));
        }
    )*};
}

env_refuses! {
    env_refuses_an_unknown_shell: user(), "env --shell tcsh";
    env_refuses_an_unknown_client: user(), "env bob";
    env_refuses_a_host_of_another_kind: user(), "env --host ssh://web";
    env_refuses_a_home_without_ca: TestHome::new(), "env";
}

#[test]
fn env_of_a_shell_nobody_knows() {
    let home = user();
    let line = format!("SHELL=/bin/tcsh {}", typed(&home, "env"));
    shown(&home, &line, "env_of_a_shell_nobody_knows");
}

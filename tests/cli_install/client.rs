//! `install client`, and the way back.

use super::support::by_hand::*;
use super::*;

use dockpki::plan::layout::PairKind;

/// A home with the client `alice`, and a user without `~/.docker`.
pub(super) fn user() -> TestHome {
    let home = TestHome::with_ca(&[]);
    fs::create_dir(home.around().join("user")).unwrap();
    home
}

/// The line as a user types it whose home and whose records are beside the home.
pub(super) fn typed(home: &TestHome, line: &str) -> String {
    let around = home.around().display();
    format!("HOME={around}/user XDG_STATE_HOME={around}/state dockpki {line}")
}

fn in_docker(home: &TestHome, path: &str) -> PathBuf {
    home.around().join("user/.docker").join(path)
}

#[track_caller]
fn user_does(home: &TestHome, line: &str, name: &str) {
    done(home, &typed(home, line), name);
}

#[track_caller]
fn user_sees(home: &TestHome, line: &str, name: &str) {
    shown(home, &typed(home, line), name);
}

#[track_caller]
fn user_is_refused(home: &TestHome, line: &str, name: &str) {
    refused(home, &typed(home, line), name);
}

#[track_caller]
fn user_has(home: &TestHome, line: &str) {
    quietly(home, &typed(home, line));
}

const CLIENT: &str = "install client --yes";
const FOR_HOST: &str = "install client --yes --host tcp://web.example.com:2376";

/// Each becomes a test of its name, and a golden: nothing is installed, and nothing left behind.
macro_rules! refuses_a_user {
    ($($name:ident: $home:expr, $line:literal;)*) => {$(
        #[test]
        fn $name() {
            user_is_refused(&$home, $line, stringify!($name));
        }
    )*};
}

refuses_a_user! {
    client_refuses_a_home_without_ca: user_without_home(), "install client --yes";
    client_refuses_an_unknown_client: user(), "install client bob --yes";
    client_refuses_to_choose_among_clients: user_with_two_clients(), "install client --yes";
    client_refuses_without_consent: user(), "install client";
    client_refuses_a_context_it_has_no_host_for: user(), "install client --yes --context web";
    client_refuses_a_context_of_a_name_docker_would_not_take: user(), "install client --yes --host tcp://web --context 'a b'";
    client_refuses_the_context_default: user(), "install client --yes --host tcp://web --context default";
    client_refuses_a_host_that_is_a_url: user(), "install client --yes --host https://web:2376";
    client_refuses_a_host_that_is_a_socket: user(), "install client --yes --host unix:///var/run/docker.sock";
    client_refuses_a_host_with_a_path: user(), "install client --yes --host tcp://web:2376/x";
    client_refuses_an_empty_host: user(), "install client --yes --host ''";
    client_refuses_every_address_as_host: user(), "install client --yes --host tcp://0.0.0.0:2376";
    client_refuses_an_expired_client: user_with_client(days(-20, -10)), "install client --yes";
    client_refuses_the_key_of_another: user_with_key_of_another(), "install client --yes";
    client_refuses_a_key_open_to_others: user_with_open_key(), "install client --yes";
    client_refuses_a_client_without_key: user_without_key(), "install client --yes";
    client_refuses_a_link_in_its_place: user_with_link(), "install client --yes";
    client_refuses_a_file_in_place_of_the_directory: user_with_file(), "install client --yes";
}

fn user_without_home() -> TestHome {
    let home = TestHome::new();
    fs::create_dir(home.around().join("user")).unwrap();
    home
}

fn user_with_two_clients() -> TestHome {
    let home = user();
    quietly(&home, "dockpki client issue bob");
    home
}

fn user_with_client(validity: dockpki::pki::Validity) -> TestHome {
    let home = home_with_ca_of(days(-100, 100));
    fs::create_dir(home.around().join("user")).unwrap();
    put_client(&home, &ca_of(&home), "alice", validity);
    home
}

fn client_key(home: &TestHome) -> PathBuf {
    pair_path(home, PairKind::Client, "alice").join("key.pem")
}

fn user_with_key_of_another() -> TestHome {
    let home = user();
    let key = key().to_pem().unwrap();
    write(&client_key(&home), 0o400, key.expose());
    home
}

fn user_with_open_key() -> TestHome {
    let home = user();
    set_mode(&client_key(&home), 0o644);
    home
}

fn user_without_key() -> TestHome {
    let home = user();
    fs::remove_file(client_key(&home)).unwrap();
    home
}

fn user_with_link() -> TestHome {
    let home = user();
    put_at(&home.around().join("elsewhere.pem"), "mine\n");
    fs::create_dir(in_docker(&home, "")).unwrap();
    std::os::unix::fs::symlink("../../elsewhere.pem", in_docker(&home, "cert.pem")).unwrap();
    home
}

fn user_with_file() -> TestHome {
    let home = user();
    put_at(&home.around().join("user/.docker"), "mine\n");
    home
}

#[test]
fn client() {
    let home = user();
    user_sees(&home, "install client --dry-run", "client_as_dry_run");
    let line = "install client --dry-run --output json";
    user_sees(&home, line, "client_as_dry_run_as_json");
    user_does(&home, CLIENT, "client");
    user_sees(&home, CLIENT, "client_a_second_time");
    let line = "install client --yes --output json";
    user_sees(&home, line, "client_a_second_time_as_json");
    user_sees(
        &home,
        "install client --dry-run",
        "client_a_second_time_as_dry_run",
    );
    user_sees(
        &home,
        "install client --yes -q",
        "client_a_second_time_quiet",
    );
}

#[test]
fn client_for_a_host() {
    let home = user();
    let line = "install client --dry-run --host tcp://web.example.com:2376";
    user_sees(&home, line, "client_for_a_host_as_dry_run");
    user_does(&home, FOR_HOST, "client_for_a_host");
    user_sees(&home, FOR_HOST, "client_for_a_host_a_second_time");
}

#[test]
fn client_for_a_host_as_json() {
    let line = format!("{FOR_HOST} --output json");
    user_does(&user(), &line, "client_for_a_host_as_json");
}

#[test]
fn client_quiet() {
    user_does(&user(), "install client --yes -q", "client_quiet");
}

#[test]
fn client_with_every_choice() {
    let line = "install client alice --yes --host tcp://[2001:db8::1]:3376 --context build --docker-config config";
    user_does(&user(), line, "client_with_every_choice");
}

#[test]
fn client_for_another_shell() {
    let home = user();
    let line = format!("SHELL=/usr/bin/fish {}", typed(&home, FOR_HOST));
    done(&home, &line, "client_for_another_shell");
}

#[test]
fn client_in_place_of_a_foreign_one() {
    let home = user();
    let other = TestHome::with_ca(&[]);
    fs::create_dir(in_docker(&home, "")).unwrap();
    for (file, mode) in [("ca.pem", 0o644), ("cert.pem", 0o644), ("key.pem", 0o600)] {
        let content = fs::read(other.path().join("clients/alice").join(file)).unwrap();
        write(&in_docker(&home, file), mode, content);
    }
    user_sees(
        &home,
        "install client --dry-run",
        "client_in_place_of_a_foreign_one_as_dry_run",
    );
    let line = "install client --dry-run --output json";
    user_sees(
        &home,
        line,
        "client_in_place_of_a_foreign_one_as_dry_run_as_json",
    );
    user_does(&home, CLIENT, "client_in_place_of_a_foreign_one");
}

#[test]
fn client_beside_other_files() {
    let home = user();
    put_at(&in_docker(&home, "config.json"), "{}\n");
    put_at(&in_docker(&home, "key.pem"), "mine\n");
    user_does(&home, CLIENT, "client_beside_other_files");
}

#[test]
fn client_issued_again() {
    let home = user();
    user_has(&home, FOR_HOST);
    fs::remove_dir_all(home.path().join("clients/alice")).unwrap();
    quietly(&home, "dockpki client issue alice");
    let line = "install client --dry-run --context web.example.com";
    user_sees(&home, line, "client_issued_again_as_dry_run");
    user_does(&home, FOR_HOST, "client_issued_again");
}

#[test]
fn client_of_a_context_for_another_host() {
    let home = user();
    user_has(&home, FOR_HOST);
    let line = "install client --yes --host tcp://web.example.com:3376";
    user_is_refused(&home, line, "client_refuses_the_context_of_another_host");
    let line = format!("{line} --context web.example.com");
    user_does(&home, &line, "client_of_a_context_for_another_host");
}

#[test]
fn client_refuses_a_context_that_is_broken() {
    let home = user();
    user_has(&home, FOR_HOST);
    let contexts = in_docker(&home, "contexts/meta");
    let context = fs::read_dir(contexts).unwrap().next().unwrap().unwrap();
    put_at(&context.path().join("meta.json"), "{");
    user_is_refused(&home, FOR_HOST, "client_refuses_a_context_that_is_broken");
}

#[test]
fn client_refuses_another_users_directory() {
    if !has("root", is_root()) {
        return;
    }
    let home = user();
    let docker = in_docker(&home, "");
    fs::create_dir(&docker).unwrap();
    std::os::unix::fs::chown(&docker, Some(1000), Some(1000)).unwrap();
    user_is_refused(&home, CLIENT, "client_refuses_another_users_directory");
}

// ---- The way back

#[test]
fn undo_of_a_client() {
    if !machine_is_ours() {
        return;
    }
    let home = user();
    // Another user is told of their own records.
    if support::is_root() {
        user_is_refused(&home, "undo --yes", "undo_where_no_client_is_installed");
    }
    // The ledger goes on telling that it was handed out: it was.
    let state = || {
        let mut all = support::snapshot(home.around());
        all.retain(|(path, ..)| !path.ends_with("issued.jsonl"));
        all
    };
    let before = state();
    user_has(&home, FOR_HOST);
    user_sees(&home, "undo --dry-run", "undo_of_a_client_as_dry_run");
    user_does(&home, "undo --yes", "undo_of_a_client");
    assert!(before == state(), "undo left something");
}

#[test]
fn undo_of_a_client_in_place_of_another() {
    if !machine_is_ours() {
        return;
    }
    let home = user();
    let other = TestHome::with_ca(&[]);
    fs::create_dir(in_docker(&home, "")).unwrap();
    let content = fs::read(other.path().join("clients/alice/cert.pem")).unwrap();
    write(&in_docker(&home, "cert.pem"), 0o644, content);
    user_has(&home, CLIENT);
    let name = "undo_of_a_client_in_place_of_another";
    user_does(&home, "undo --yes", name);
}

#[test]
fn uninstall_of_a_client() {
    if !machine_is_ours() {
        return;
    }
    let home = user();
    user_has(&home, CLIENT);
    user_has(&home, FOR_HOST);
    user_does(&home, "uninstall --yes", "uninstall_of_a_client");
    assert!(!in_docker(&home, "").exists(), "uninstall left something");
}

#[test]
fn uninstall_of_a_client_as_json() {
    if !machine_is_ours() {
        return;
    }
    let home = user();
    user_has(&home, CLIENT);
    let line = "uninstall --yes --output json";
    user_does(&home, line, "uninstall_of_a_client_as_json");
}

#[test]
fn undo_of_a_client_changed_since() {
    if !machine_is_ours() {
        return;
    }
    let home = user();
    user_has(&home, CLIENT);
    write(&in_docker(&home, "cert.pem"), 0o444, "mine\n");
    user_is_refused(&home, "undo --yes", "undo_refuses_a_client_changed_since");
    user_does(
        &home,
        "uninstall --yes",
        "uninstall_leaves_what_was_changed_since",
    );
    let left = fs::read_to_string(in_docker(&home, "cert.pem")).unwrap();
    assert_eq!(left, "mine\n");
}

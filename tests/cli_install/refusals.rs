//! `install server` that is refused, and leaves nothing behind.

use dockpki::pki::{Ca, SubjectAltNames, Validity};
use dockpki::plan::layout::PairKind;

use super::support::by_hand::*;
use super::*;

/// Each becomes a test of its name, and a golden: nothing is installed, and nothing left behind.
macro_rules! refuses_on {
    ($($name:ident: $host:expr, $line:literal;)*) => {$(
        #[test]
        fn $name() {
            refused(&$host, $line, stringify!($name));
        }
    )*};
}

refuses_on! {
    refuses_a_home_without_ca: TestHome::in_a_directory(), "dockpki install server --prefix root --yes";
    refuses_a_home_without_server: host_without_server(), "dockpki install server --prefix root --yes";
    refuses_to_choose_among_servers: host_with_two_servers(), "dockpki install server --prefix root --yes";
    refuses_an_unknown_server: host(), "dockpki install server web --prefix root --yes";
    refuses_a_name_that_is_no_name: host(), "dockpki install server a/b --prefix root --yes";
    refuses_to_listen_where_no_client_would_believe_it: host(), "dockpki install server --prefix root --yes --listen tcp://10.1.2.3:2376";
    refuses_to_listen_on_junk: host(), "dockpki install server --prefix root --yes --listen http://0.0.0.0:2376";
    refuses_to_listen_on_nothing: host(), "dockpki install server --prefix root --yes --listen ''";
    refuses_to_listen_on_port_0: host(), "dockpki install server --prefix root --yes --listen tcp://0.0.0.0:0";
    refuses_live_restore_without_a_restart: host(), "dockpki install server --prefix root --yes --live-restore --restart never";
    refuses_to_listen_on_the_port_of_plain_tcp: host(), "dockpki install server --prefix root --yes --listen tcp://0.0.0.0:2375";
    refuses_addresses_that_clash: host_with("{\"hosts\": [\"unix:///var/run/docker.sock\", \"tcp://127.0.0.1:2376\"]}\n"), "dockpki install server --prefix root --yes --listen tcp://0.0.0.0:2376";
    refuses_daemon_json_with_comment: host_with("{\n  // mine\n  \"debug\": true\n}\n"), "dockpki install server --prefix root --yes";
    refuses_daemon_json_with_trailing_comma: host_with("{\n  \"debug\": true,\n}\n"), "dockpki install server --prefix root --yes";
    refuses_daemon_json_with_duplicate_key: host_with("{\n  \"debug\": true,\n  \"debug\": false\n}\n"), "dockpki install server --prefix root --yes";
    refuses_daemon_json_with_hosts_of_another_type: host_with("{\"hosts\": \"unix:///var/run/docker.sock\"}\n"), "dockpki install server --prefix root --yes";
    refuses_daemon_json_that_is_a_list: host_with("[]\n"), "dockpki install server --prefix root --yes";
    refuses_daemon_json_that_is_a_directory: host_with_directory("etc/docker/daemon.json"), "dockpki install server --prefix root --yes";
    refuses_a_certificate_directory_that_is_a_file: host_with_file("etc/docker/CA"), "dockpki install server --prefix root --yes";
    refuses_a_unit_that_starts_a_shell: host_with_unit("[Service]\nExecStart=/bin/sh -c 'exec dockerd -H fd://'\n"), "dockpki install server --prefix root --yes";
    refuses_a_unit_that_is_masked: host_with_unit(""), "dockpki install server --prefix root --yes";
    refuses_a_drop_in_after_ours: host_with_later_drop_in(), "dockpki install server --prefix root --yes";
    refuses_an_expired_server: host_with_server(days(-20, -10)), "dockpki install server --prefix root --yes";
    refuses_a_server_still_to_begin: host_with_server(days(10, 20)), "dockpki install server --prefix root --yes";
    refuses_a_server_that_is_a_client: host_with_client_as_server(), "dockpki install server --prefix root --yes";
    refuses_a_key_open_to_others: host_with_open_key(), "dockpki install server --prefix root --yes";
    refuses_the_key_of_another: host_with_key_of_another(), "dockpki install server --prefix root --yes";
    refuses_a_server_without_key: host_without("server-key.pem"), "dockpki install server --prefix root --yes";
    refuses_a_server_of_another_ca: host_with_ca_of_another(), "dockpki install server --prefix root --yes";
    refuses_restart_never_with_a_command: host(), "dockpki install server --prefix root --yes --restart never --restart-command true";
    refuses_rootless_under_a_prefix: host(), "dockpki install server --prefix root --yes --rootless";
    refuses_a_prefix_that_is_not_there: host(), "dockpki install server --prefix nowhere --yes";
    refuses_a_prefix_that_is_a_file: host_with_file("file"), "dockpki install server --prefix root/file --yes";
    refuses_without_consent: host(), "dockpki install server --prefix root";
    refuses_a_relative_certificate_directory: host(), "dockpki install server --prefix root --yes --cert-dir tls";
    refuses_a_relative_daemon_json: host(), "dockpki install server --prefix root --yes --daemon-json daemon.json";
    refuses_an_unknown_client: host(), "dockpki install server --prefix root --yes --restart-command true --client bob";
    refuses_to_prove_without_client: host_without_client(), "dockpki install server --prefix root --yes --restart-command true";
    refuses_to_prove_with_a_client_that_is_not_let_in: host_after_a_rollover(), "dockpki install server --prefix root --yes --restart-command true --client alice";
    refuses_to_prove_where_no_client_is_let_in: host_after_a_rollover(), "dockpki install server --prefix root --yes --restart-command true";
    refuses_to_prove_by_wildcard: host_with_wildcard(), "dockpki install server --prefix root --yes --restart-command true";
    refuses_to_probe_where_no_client_would_believe_it: host(), "dockpki install server --prefix root --yes --restart-command true --probe 10.1.2.3:2376";
    refuses_to_probe_junk: host(), "dockpki install server --prefix root --yes --restart-command true --probe here";
    refuses_a_timeout_of_nothing: host(), "dockpki install server --prefix root --yes --timeout 0";
    refuses_install_of_nothing: host(), "dockpki install";
}

#[test]
fn refuses_to_guess_how_the_daemon_is_restarted() {
    let systemd = Path::new("/run/systemd/system").exists();
    if has("a machine without systemd", !systemd) {
        let line = "dockpki install server --dry-run";
        let name = "refuses_to_guess_how_the_daemon_is_restarted";
        refused(&host(), line, name);
    }
}

#[test]
fn says_who_holds_the_lock() {
    let home = installed();
    let lock = root(&home).join("var/lib/dockpki-installed/.lock");
    fs::write(&lock, "dockpki install server (process 4711)").unwrap();
    let held = fs::File::options().write(true).open(&lock).unwrap();
    held.lock().unwrap();
    refused(&home, INSTALL, "says_who_holds_the_lock");
}

impl TestHome {
    /// No home, and a host.
    fn in_a_directory() -> Self {
        let home = Self::new();
        fs::create_dir(root(&home)).unwrap();
        home
    }
}

fn host_without_server() -> TestHome {
    let home = host();
    fs::remove_dir_all(home.path().join("servers")).unwrap();
    home
}

fn host_without_client() -> TestHome {
    let home = host();
    fs::remove_dir_all(home.path().join("clients")).unwrap();
    home
}

/// A host whose client was locked out.
fn host_after_a_rollover() -> TestHome {
    let home = host();
    quietly(&home, "dockpki ca roll start");
    quietly(&home, "dockpki ca roll issue localhost");
    quietly(&home, "dockpki ca roll finish --force --yes");
    home
}

fn host_with_two_servers() -> TestHome {
    let home = host();
    quietly(&home, "dockpki server issue web --san web.example.com");
    home
}

fn host_with_wildcard() -> TestHome {
    let home = host_without_server();
    quietly(&home, "dockpki server issue web --san *.example.com");
    home
}

fn host_with_directory(path: &str) -> TestHome {
    let home = host();
    fs::create_dir_all(root(&home).join(path)).unwrap();
    home
}

fn host_with_file(path: &str) -> TestHome {
    let home = host();
    put(&home, path, "mine\n");
    home
}

fn host_with_later_drop_in() -> TestHome {
    let home = host_with_unit("[Service]\nExecStart=/usr/bin/dockerd\n");
    let text = "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -H tcp://0.0.0.0:2375\n";
    put(&home, &format!("{DROP_INS}/zzzz-override.conf"), text);
    home
}

pub(super) fn server_of(ca: &Ca, validity: Validity) -> (String, String) {
    let key = key();
    let sans = SubjectAltNames::parse(["localhost"]).unwrap();
    let issued = ca.issue_server(&sans, &key, serial(), validity).unwrap();
    (issued.pem(), key.to_pem().unwrap().expose().to_owned())
}

fn host_with_server(validity: Validity) -> TestHome {
    let home = home_with_ca_of(days(-100, 100));
    fs::create_dir(root(&home)).unwrap();
    let (certificate, key) = server_of(&ca_of(&home), validity);
    put_pair(&home, PairKind::Server, "localhost", &certificate, &key);
    home
}

fn host_with_client_as_server() -> TestHome {
    let home = host();
    let params = params_of_client("localhost");
    put_odd(&home, PairKind::Server, "localhost", &ca_of(&home), params);
    home
}

fn server_file(home: &TestHome, file: &str) -> PathBuf {
    home.path().join("servers/localhost").join(file)
}

fn host_with_open_key() -> TestHome {
    let home = host();
    set_mode(&server_file(&home, "server-key.pem"), 0o644);
    home
}

fn host_with_key_of_another() -> TestHome {
    let home = host();
    let key = key().to_pem().unwrap();
    write(&server_file(&home, "server-key.pem"), 0o400, key.expose());
    home
}

fn host_without(file: &str) -> TestHome {
    let home = host();
    fs::remove_file(server_file(&home, file)).unwrap();
    home
}

fn host_with_ca_of_another() -> TestHome {
    let home = host();
    let other = fs::read(TestHome::with_ca(&[]).path().join("ca.pem")).unwrap();
    write(&server_file(&home, "ca.pem"), 0o444, other);
    home
}

//! `install server` that is done, or shown.

use super::support::golden::compare;
use super::*;

const DRY_RUN: &str = "dockpki install server --prefix root --dry-run";

/// Each becomes a test of its name and three goldens: shown, shown as JSON, and done.
macro_rules! installs_on {
    ($($name:ident: $host:expr, $flags:literal;)*) => {$(
        #[test]
        fn $name() {
            let home = $host;
            let name = stringify!($name);
            shown(&home, &format!("{DRY_RUN}{}", $flags), &format!("{name}_as_dry_run"));
            let line = format!("{DRY_RUN}{} --output json", $flags);
            shown(&home, &line, &format!("{name}_as_dry_run_as_json"));
            done(&home, &format!("{INSTALL}{}", $flags), name);
        }
    )*};
}

installs_on! {
    on_a_fresh_host: host(), "";
    on_a_host_with_other_tls_files: host_with(OTHER_FILES), "";
    beside_plain_tcp: host_with(PLAIN), "";
    instead_of_plain_tcp: host_with(PLAIN), " --close-plain";
    where_tlsverify_was_false: host_with(UNVERIFIED), "";
    where_tlscacert_was_not_set: host_with(WITHOUT_CA), "";
    where_the_unit_has_flags: host_with_unit(CE), "";
    where_docker_socket_listens_on_tcp: host_with_tcp_socket(), "";
    where_there_is_no_local_socket: host_with(NO_SOCKET), "";
    with_live_restore: host_with("{}\n"), " --live-restore";
}

const OTHER_FILES: &str = r#"{
  "hosts": ["unix:///var/run/docker.sock", "tcp://0.0.0.0:2376"],
  "tlsverify": true,
  "tlscacert": "/etc/ssl/docker/ca.pem",
  "tlscert": "/etc/ssl/docker/cert.pem",
  "tlskey": "/etc/ssl/docker/key.pem",
  "log-driver": "local"
}
"#;
const PLAIN: &str = r#"{
  "hosts": ["unix:///var/run/docker.sock", "tcp://0.0.0.0:2375"]
}
"#;
const UNVERIFIED: &str = r#"{
  "tls": true,
  "tlsverify": false,
  "tlscacert": "/etc/docker/CA/ca.pem",
  "tlscert": "/etc/docker/CA/server-cert.pem",
  "tlskey": "/etc/docker/CA/server-key.pem"
}
"#;
const WITHOUT_CA: &str = r#"{
  "tlsverify": true,
  "tlscert": "/etc/docker/CA/server-cert.pem",
  "tlskey": "/etc/docker/CA/server-key.pem"
}
"#;
const NO_SOCKET: &str = r#"{
  "hosts": ["tcp://0.0.0.0:2376"]
}
"#;
const CE: &str = "[Service]\nType=notify\nExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n";

fn host_with_tcp_socket() -> TestHome {
    let home = host_with_unit(CE);
    let socket = "[Socket]\nListenStream=/run/docker.sock\nListenStream=2375\n";
    put(&home, "lib/systemd/system/docker.socket", socket);
    home
}

/// Flags in files that the unit names by a pattern, of which the last one counts.
#[test]
fn where_the_unit_names_files_by_a_pattern() {
    let unit = "[Service]\nEnvironmentFile=-/etc/def*/docker*.env\nEnvironmentFile=-/etc/none*\n\
                ExecStart=/usr/bin/dockerd $DOCKER_OPTS\n";
    let home = host_with_unit(unit);
    put(&home, "etc/default/docker-1.env", "DOCKER_OPTS=-H fd://\n");
    put(
        &home,
        "etc/default/docker-2.env",
        "DOCKER_OPTS=-H tcp://10.0.0.7:2375 -D\n",
    );
    put(&home, "etc/default/docker", "DOCKER_OPTS=--not-read\n");
    put(
        &home,
        "etc/default/.docker-3.env",
        "DOCKER_OPTS=--not-read\n",
    );
    let golden = "where_the_unit_names_files_by_a_pattern";
    shown(&home, DRY_RUN, golden);
}

#[test]
fn as_json() {
    done(&host(), &format!("{INSTALL} --output json"), "as_json");
}

#[test]
fn with_plain_tcp_as_json() {
    let line = format!("{INSTALL} --output json");
    done(&host_with(PLAIN), &line, "with_plain_tcp_as_json");
}

#[test]
fn quiet() {
    done(&host(), &format!("{INSTALL} -q"), "quiet");
}

#[test]
fn verbose() {
    done(&host(), &format!("{INSTALL} -v"), "verbose");
}

#[test]
fn without_a_port() {
    let line = format!("{DRY_RUN} --listen tcp://0.0.0.0");
    shown(&host(), &line, "without_a_port");
}

#[test]
fn in_colour() {
    let line = format!("{DRY_RUN} --color always");
    shown(&host_with(PLAIN), &line, "in_colour");
}

#[test]
fn with_every_choice() {
    let line = "dockpki install server localhost --prefix root --yes --listen tcp://127.0.0.1:3376 \
                --listen tcp://localhost:4376 --cert-dir /srv/tls --daemon-json /srv/daemon.json \
                --restart never";
    done(&host(), line, "with_every_choice");
}

#[test]
fn a_second_time() {
    let home = installed();
    shown(&home, INSTALL, "a_second_time");
    let json = format!("{INSTALL} --output json");
    shown(&home, &json, "a_second_time_as_json");
    shown(&home, DRY_RUN, "a_second_time_as_dry_run");
    shown(&home, &format!("{INSTALL} -q"), "a_second_time_quiet");
}

#[test]
fn after_the_server_was_issued_again() {
    let home = installed();
    fs::remove_dir_all(home.path().join("servers/localhost")).unwrap();
    quietly(&home, "dockpki server issue localhost --san localhost");
    shown(
        &home,
        DRY_RUN,
        "after_the_server_was_issued_again_as_dry_run",
    );
    done(&home, INSTALL, "after_the_server_was_issued_again");
}

#[test]
fn where_modes_were_changed() {
    let home = installed();
    let key = root(&home).join("etc/docker/CA/server-key.pem");
    support::by_hand::set_mode(&key, 0o644);
    done(&home, INSTALL, "where_modes_were_changed");
}

#[test]
fn where_a_drop_in_went_stale() {
    let home = host_with_unit(CE);
    quietly(&home, INSTALL);
    put(
        &home,
        UNIT,
        &CE.replace("--containerd", "--debug --containerd"),
    );
    shown(&home, DRY_RUN, "where_a_drop_in_went_stale_as_dry_run");
    done(&home, INSTALL, "where_a_drop_in_went_stale");
}

#[test]
fn with_a_restart_command_that_is_shown() {
    let line =
        "dockpki install server --prefix root --dry-run --restart-command 'service docker restart'";
    shown(&host(), line, "with_a_restart_command_that_is_shown");
}

#[test]
fn with_a_restart_command_that_fails() {
    let home = host();
    let before = support::snapshot(&root(&home).join("etc"));
    let run = |line: &str, name: &str| {
        let ran = Ran::from(command(&home, line).output().unwrap());
        compare(&home, line, &ran, &golden(name));
        let now = support::snapshot(&root(&home).join("etc"));
        assert!(now == before, "not all files were put back");
        ran.code
    };
    // So there is no dockerd to check daemon.json with, whatever this machine has.
    let bin = home.around().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink("/bin/sh", bin.join("sh")).unwrap();
    let line = format!(
        "PATH={} {INSTALL} --restart-command 'exit 1'",
        bin.display()
    );
    assert_eq!(run(&line, "with_a_restart_command_that_fails"), 3);
    let name = "with_a_restart_command_that_failed_before_and_fails_again";
    assert_eq!(run(&line, name), 3);
    let line = "dockpki undo --prefix root --yes --restart-command true";
    let name = "undo_restarts_by_another_command_than_the_one_that_failed";
    assert_eq!(run(line, name), 0);
    let left = support::snapshot(&root(&home));
    assert!(left.is_empty(), "something was left behind: {left:?}");
}

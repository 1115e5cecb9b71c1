//! Which addresses a dockerd cannot listen on at once.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;

use dockpki::plan::install::Listen;
use serde_json::json;

use super::support::daemon::answers_at;
use super::support::dockerd_host::{Host, can_run};
use super::support::{happens, has};

#[test]
fn addresses_clash_for_dockerd_as_for_us() {
    let has_ipv6 = || TcpListener::bind("[::1]:0").is_ok();
    if !can_run() || !has("IPv6", has_ipv6()) {
        return;
    }
    let host = Host::stopped();
    // Where the daemon has certificates no start waits, as it does for plain TCP.
    let server = host.home.path().join("servers/localhost");
    for (one, other) in [
        ("0.0.0.0", "[::1]"),
        ("0.0.0.0", "[::]"),
        ("127.0.0.1", "[::]"),
        ("127.0.0.1", "[::1]"),
        ("localhost", "127.0.0.1"),
        ("localhost", "[::1]"),
    ] {
        let entries = [one, other].map(|host| format!("tcp://{host}:2376"));
        let listens = entries.each_ref().map(|it| it.parse::<Listen>().unwrap());
        host.write_daemon_json(json!({
            "hosts": ["unix:///var/run/docker.sock", entries[0], entries[1]],
            "tlsverify": true,
            "tlscacert": server.join("ca.pem"),
            "tlscert": server.join("server-cert.pem"),
            "tlskey": server.join("server-key.pem"),
        }));
        File::create(host.outside(&host.log())).unwrap();
        host.shell(&host.restart()).succeeds();
        let is_refused = || {
            let log = fs::read_to_string(host.outside(&host.log())).unwrap();
            log.contains("address already in use")
        };
        let answers = || answers_at(&host.outside(Path::new("/run/docker.sock")));
        let mut refused = false;
        let decided = happens(|| {
            refused = is_refused();
            refused || answers()
        });
        assert!(decided, "dockerd neither starts nor says why: {entries:?}");
        assert_eq!(refused, listens[0].clashes_with(&listens[1]), "{entries:?}");
        host.shell(&host.below("stop").display().to_string())
            .succeeds();
    }
}

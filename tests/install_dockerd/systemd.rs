//! Where systemd starts the daemon.  It is played by a script that reads units as systemd does as
//! far as these tests need it: what it starts is what it read at the last daemon-reload.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::support::dockerd_host::{Host, can_run};
use super::support::{Ran, TestHome};

const UNIT: &str = "/etc/systemd/system/docker.service";
const DROP_IN: &str = "/etc/systemd/system/docker.service.d/50-dockpki.conf";

const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >>DIRECTORY/calls
case "$*" in
daemon-reload)
    cat /etc/systemd/system/docker.service /etc/systemd/system/docker.service.d/*.conf 2>/dev/null |
        sed -n 's/^ExecStart=//p' | tail -n 1 >DIRECTORY/loaded
    ;;
"enable --now dockpki-renew.timer")
    test ! -e DIRECTORY/broken && test -e UNITS/dockpki-renew.timer || exit 1
    mkdir -p UNITS/timers.target.wants
    ln -sf UNITS/dockpki-renew.timer UNITS/timers.target.wants/
    ;;
"disable --now dockpki-renew.timer")
    test -e UNITS/dockpki-renew.timer || exit 1
    rm UNITS/timers.target.wants/dockpki-renew.timer
    rmdir UNITS/timers.target.wants
    ;;
"stop dockpki-renew.timer") ;;
"reset-failed docker.service") ;;
"restart docker.service")
    DIRECTORY/stop
    read -r command <DIRECTORY/loaded
    setsid $command >>DIRECTORY/log 2>&1 </dev/null &
    # It has no program any more when it has ended.
    while [ -e "/proc/$!/exe" ]; do
        docker version >/dev/null 2>&1 && exit 0
        sleep 0.02
    done
    exit 1
    ;;
*) exit 1 ;;
esac
"#;

/// A host whose systemd starts dockerd with these flags.
pub(super) fn booted(flags: &str, config: serde_json::Value) -> Host {
    let host = Host::stopped();
    host.write_daemon_json(config);
    let systemctl = SYSTEMCTL.replace("UNITS", "/etc/systemd/system");
    host.write_script("bin/systemctl", &systemctl);
    let dockerd = host.shell("command -v dockerd").succeeds().stdout;
    let command = format!("{} {flags}", dockerd.trim());
    let unit = format!("[Service]\nType=notify\nExecStart={command}\n");
    fs::write(host.outside(Path::new(UNIT)), unit).unwrap();
    fs::create_dir_all(host.outside(Path::new("/run/systemd/system"))).unwrap();
    self::systemctl(&host, "daemon-reload");
    self::systemctl(&host, "restart docker.service");
    host.answers_locally();
    fs::remove_file(host.outside(&host.below("calls"))).unwrap();
    host
}

fn systemctl(host: &Host, arguments: &str) {
    let systemctl = host.below("bin/systemctl");
    host.shell(&format!("{} {arguments}", systemctl.display()))
        .succeeds();
}

/// Runs dockpki where systemctl is the script.
pub(super) fn run(host: &Host, arguments: &[&str]) -> Ran {
    let mut path = host.below("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let mut dockpki = host.dockpki();
    dockpki.env("PATH", path).args(arguments);
    Ran::from(dockpki.output().unwrap())
}

/// What systemctl was asked for, in order, and forgotten.
pub(super) fn calls(host: &Host) -> Vec<String> {
    let path = host.below("calls");
    let calls = String::from_utf8(host.read(&path)).unwrap();
    fs::remove_file(host.outside(&path)).unwrap();
    calls.lines().map(str::to_owned).collect()
}

#[test]
fn flags_that_clash_give_way_to_a_drop_in() {
    if !can_run() {
        return;
    }
    // Somebody has followed Docker's page with another CA, in flags.
    let old = TestHome::with_ca(&[]);
    let directory = old.path().join("servers/localhost");
    let file = |name: &str| directory.join(name).display().to_string();
    let flags = format!(
        "-H unix:///var/run/docker.sock -H tcp://127.0.0.1:2376 --tlsverify --tlscacert={} \
         --tlscert {} --tlskey={} --label=kept=yes",
        file("ca.pem"),
        file("server-cert.pem"),
        file("server-key.pem"),
    );
    let host = booted(&flags, json!({}));
    let first = host.state();
    let unit = host.read(UNIT);
    let served = host.served(old.alice());

    let install = ["install", "server", "--yes", "--timeout", "30"];
    let installed = run(&host, &install).succeeds();
    installed.says(DROP_IN);
    installed.says("systemctl restart docker.service");
    let restart = ["reset-failed docker.service", "restart docker.service"];
    let reload_first = ["daemon-reload", restart[0], restart[1]];
    assert_eq!(calls(&host), reload_first);
    host.answers_alice();
    host.serves("localhost");
    assert_eq!(host.read(UNIT), unit, "the unit was edited");
    assert_eq!(host.access(DROP_IN), (0o644, 0, 0));
    let labels = host.docker(&["info", "--format", "{{.Labels}}"]);
    assert_eq!(labels.trim(), "[kept=yes]");

    let again = run(&host, &install).succeeds();
    assert!(again.stdout.contains("Nothing was changed"), "{again:#?}");
    assert!(!host.exists(host.below("calls")), "systemctl was called");

    run(&host, &["uninstall", "--yes", "--timeout", "30"]).succeeds();
    assert_eq!(calls(&host), reload_first);
    host.is_as(&first);
    host.answers_locally();
    assert!(host.served(old.alice()) == served, "it serves another");
}

#[test]
fn a_daemon_that_does_not_start_is_put_back_with_its_unit() {
    if !can_run() {
        return;
    }
    let host = booted("-H unix:///var/run/docker.sock", json!({}));
    let first = host.state();
    // Somebody else has the port.
    let _squatter = host.listen(2376);
    let log = host.log().display().to_string();
    let failed = run(
        &host,
        &[
            "install",
            "server",
            "--yes",
            "--timeout",
            "5",
            "--daemon-log",
            &log,
        ],
    );
    let failed = failed.fails(1);
    failed.says("`systemctl restart docker.service` failed");
    failed.says("address already in use");
    failed.says("everything was put back as it was");
    let once = [
        "daemon-reload",
        "reset-failed docker.service",
        "restart docker.service",
    ];
    assert_eq!(calls(&host), [once, once].concat());
    host.is_as(&first);
    host.answers_locally();
}

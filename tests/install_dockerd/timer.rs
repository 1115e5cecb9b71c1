//! The timer that renews, where systemd is played by a script: see systemd.rs.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::support::dockerd_host::{Host, can_run};
use super::support::{Ran, certificate};
use super::systemd::{booted, calls, run};

const SERVICE: &str = "/etc/systemd/system/dockpki-renew.service";
const TIMER: &str = "/etc/systemd/system/dockpki-renew.timer";
const LINK: &str = "/etc/systemd/system/timers.target.wants/dockpki-renew.timer";
const INSTALL: [&str; 3] = ["timer", "install", "--yes"];
const ENABLE: [&str; 2] = ["daemon-reload", "enable --now dockpki-renew.timer"];
const DISABLE: [&str; 2] = ["disable --now dockpki-renew.timer", "daemon-reload"];

fn host() -> Host {
    booted("-H unix:///var/run/docker.sock", json!({}))
}

#[test]
fn a_timer_starts_and_leaves_nothing_when_it_goes() {
    if !can_run() {
        return;
    }
    let host = host();
    let first = host.state();
    for taken_back in [
        &["timer", "remove", "--yes"][..],
        &["undo", "--yes"],
        &["uninstall", "--yes"],
    ] {
        let installed = run(&host, &INSTALL).succeeds();
        installed.says("systemctl enable --now dockpki-renew.timer");
        assert!(installed.stdout.contains("every day"), "{installed:#?}");
        assert_eq!(calls(&host), ENABLE);
        assert_eq!(host.access(SERVICE), (0o644, 0, 0));
        assert!(host.exists(LINK) && host.exists(TIMER));
        let again = run(&host, &INSTALL).succeeds();
        assert!(again.stdout.contains("Nothing was changed"), "{again:#?}");
        assert!(!host.exists(host.below("calls")), "systemctl was called");

        run(&host, taken_back).succeeds();
        assert_eq!(calls(&host), DISABLE, "{taken_back:?}");
        host.is_as(&first);
    }
}

#[test]
fn a_timer_that_does_not_start_is_put_back() {
    if !can_run() {
        return;
    }
    let host = host();
    let first = host.state();
    fs::write(host.outside(&host.below("broken")), "").unwrap();
    let failed = run(&host, &INSTALL).fails(1);
    failed.says("`systemctl enable --now dockpki-renew.timer` failed");
    failed.says("everything was put back as it was");
    let back = ["daemon-reload", "stop dockpki-renew.timer"];
    assert_eq!(calls(&host), [ENABLE, back].concat());
    host.is_as(&first);
}

#[test]
fn the_timer_goes_with_everything_else() {
    if !can_run() {
        return;
    }
    let host = host();
    let first = host.state();
    run(&host, &["install", "server", "--yes"]).succeeds();
    run(&host, &INSTALL).succeeds();
    calls(&host);
    run(&host, &["uninstall", "--yes"]).succeeds();
    let restart = ["reset-failed docker.service", "restart docker.service"];
    assert_eq!(calls(&host), [DISABLE, restart].concat());
    host.is_as(&first);
    host.answers_locally();
}

/// Runs the service's command where it can write what the unit lets it, and nothing else.  What
/// systemd does for it, the script that plays systemd does in its place: so that may write.
const SANDBOX: &str = r#"set -eu
unit=/etc/systemd/system/dockpki-renew.service
writable="$(sed -n 's/^ReadWritePaths=-\{0,1\}//p' "$unit") DIRECTORY /run"
for path in $writable; do
    test ! -e "$path" || mount --bind "$path" "$path"
done
cut -d' ' -f5 /proc/self/mountinfo | sort -u | while read -r point; do
    case "$point" in /proc*|/sys*|/dev*) continue ;; esac
    case " $(echo $writable) " in *" $point "*) continue ;; esac
    mount -o remount,bind,ro "$point" 2>/dev/null || true
done
for file in /etc/probe /var/lib/probe /tmp/probe; do
    if touch "$file" 2>/dev/null; then exit 9; fi
done
eval "env $(sed -n 's/^Environment=//p' "$unit") $(sed -n 's/^ExecStart=//p' "$unit")"
"#;

#[test]
fn the_service_may_write_what_a_renewal_writes() {
    if !can_run() {
        return;
    }
    let host = host();
    run(&host, &["install", "server", "--yes"]).succeeds();
    let client = [
        "install",
        "client",
        "--yes",
        "--host",
        "tcp://localhost:2376",
    ];
    run(&host, &client).succeeds();
    run(&host, &[&INSTALL[..], &["--within", "400d"]].concat()).succeeds();
    let unit = String::from_utf8(host.read(SERVICE)).unwrap();
    for path in [
        host.home.path().display().to_string(),
        "-/var/lib/dockpki-installed".into(),
        "-/etc/docker".into(),
        format!("-{}", host.below("root/.docker").display()),
        format!("-{}", host.below("root/.local/state/dockpki").display()),
    ] {
        let line = format!("ReadWritePaths={path}\n");
        assert!(unit.contains(&line), "no {line} in {unit}");
    }

    host.write_script("sandbox", SANDBOX);
    let mut path = host.below("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let mut sandbox = host.command("unshare");
    sandbox
        .args(["--mount", "--propagation", "private", "sh"])
        .arg(host.below("sandbox"))
        .env("PATH", path);
    let renewed = Ran::from(sandbox.output().unwrap()).succeeds();
    assert!(
        renewed.stdout.contains("Renewed 2 certificates"),
        "{renewed:#?}"
    );
    assert!(renewed.stdout.contains("Proved: "), "{renewed:#?}");
    host.serves("localhost");
    host.answers_alice();
    let alice = host.home.path().join("clients/alice/cert.pem");
    let in_docker = host.outside(&host.below("root/.docker/cert.pem"));
    assert_eq!(certificate(&in_docker), certificate(&alice));
    assert!(!Path::new("/etc/probe").exists());
}

//! The user's half: the docker command line through `~/.docker`, through the context and through
//! the lines of `env`.  And the host judged later on.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::support::dockerd_host::{Host, can_run};

#[test]
fn docker_works_through_its_directory_its_context_and_the_shell() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    host.install(&[]).succeeds();
    let home = host.below("user");
    let shell = |script: &str| {
        let script = format!(
            "export HOME={home} DOCKPKI_HOME={}; unset DOCKER_CONFIG DOCKER_HOST XDG_STATE_HOME; \
             mkdir -p $HOME; {script}",
            host.home.path().display(),
            home = home.display(),
        );
        host.shell(&script)
    };
    let dockpki = env!("CARGO_BIN_EXE_dockpki");
    let installed = shell(&format!(
        "{dockpki} install client --host tcp://localhost:2376 --yes"
    ))
    .succeeds();
    assert!(installed.stdout.contains("Installed client `alice`"));
    let local = host.docker(&["version", "--format", "{{.Server.Version}}"]);
    let version = "docker version --format '{{.Server.Version}}'";
    for script in [
        // Through ~/.docker, where docker looks by itself.
        format!("DOCKER_HOST=tcp://localhost:2376 DOCKER_TLS_VERIFY=1 {version}"),
        // Through the context, by name and as the current one.
        format!("docker --context localhost {}", &version["docker ".len()..]),
        format!("docker context use localhost >/dev/null && {version}"),
        // Through the shell's variables.
        format!("eval \"$({dockpki} env --shell bash)\" && {version}"),
        format!(
            "eval \"$({dockpki} env alice --host tcp://127.0.0.1:2376 --shell bash)\" && {version}"
        ),
    ] {
        let answer = shell(&script).succeeds();
        assert_eq!(answer.stdout, local, "{script}");
        assert!(!answer.stderr.contains("arning"), "{answer:#?}");
    }
    shell(&format!(
        "eval \"$({dockpki} env --shell bash)\"; eval \"$({dockpki} env --unset --shell bash)\"; \
         test -z \"$DOCKER_HOST$DOCKER_TLS_VERIFY$DOCKER_CERT_PATH\""
    ))
    .succeeds();

    // Twice is once, and undo leaves the host's install alone.
    let again = shell(&format!(
        "{dockpki} install client --host tcp://localhost:2376 --yes"
    ));
    assert!(again.succeeds().stdout.contains("Nothing was changed"));
    shell(&format!(
        "docker context use default >/dev/null; {dockpki} undo --yes"
    ))
    .succeeds();
    assert!(!host.exists(home.join(".docker/key.pem")));
    host.answers_alice();
}

#[test]
fn a_key_that_was_opened_to_others_is_found_and_closed() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    host.install(&[]).succeeds();
    host.run(&["verify", "--installed"]).succeeds();
    let key = Path::new("/etc/docker/CA/server-key.pem");
    fs::set_permissions(host.outside(key), Permissions::from_mode(0o644)).unwrap();
    let found = host.run(&["verify", "--installed"]).fails(1);
    assert!(
        found.stdout.contains("found mode 0644, wanted 0400"),
        "{found:#?}"
    );
    host.run(&["verify", "--installed", "--fix"]).succeeds();
    assert_eq!(host.access(key), (0o400, 0, 0));
    host.run(&["verify", "--installed"]).succeeds();
}

/// The engine here may be older than --validate: one that has it is played by a script.
#[test]
fn what_dockerd_itself_would_refuse_is_refused_before_anything_is_changed() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    let first = host.state();
    let daemon = host.daemon();
    host.write_script(
        "bin/dockerd",
        "#!/bin/sh\necho \"$*\" >>DIRECTORY/asked\n\
         cp \"$2\" DIRECTORY/checked.json\necho 'unable to configure: no such thing' >&2\nexit 1\n",
    );
    let mut path = host.below("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let mut install = host.install_by(&host.restart());
    install.env("PATH", path);
    let refused = super::support::Ran::from(install.output().unwrap()).fails(1);
    refused.says("dockerd would not start with the new daemon.json, so nothing was changed: unable to configure: no such thing");
    host.is_as(&first);
    assert_eq!(host.daemon(), daemon, "it was restarted");
    let asked = String::from_utf8(host.read(host.below("asked"))).unwrap();
    assert!(asked.starts_with("--config-file ") && asked.trim().ends_with("--validate"));
    let checked: serde_json::Value =
        serde_json::from_slice(&host.read(host.below("checked.json"))).unwrap();
    assert_eq!(checked["tlsverify"], true);
    assert_ne!(checked["tlskey"], "/etc/docker/CA/server-key.pem");
}

#[test]
fn docker_works_with_a_key_that_never_left_its_machine() {
    if !can_run() {
        return;
    }
    let host = Host::with(json!({}));
    host.install(&[]).succeeds();
    let (laptop, sent) = (host.below("laptop"), host.below("sent"));
    let dockpki = env!("CARGO_BIN_EXE_dockpki");
    let on = |home: &Path, pki: &Path, script: &str| {
        let script = format!(
            "export HOME={home} DOCKPKI_HOME={}; unset DOCKER_CONFIG DOCKER_HOST XDG_STATE_HOME; \
             mkdir -p $HOME {sent}; cd {sent}; {script}",
            pki.display(),
            home = home.display(),
            sent = sent.display(),
        );
        host.shell(&script).succeeds()
    };
    let none = host.below("none");
    let on_laptop = |script: &str| on(&laptop, &none, script);
    on_laptop(&format!("{dockpki} client request laptop >laptop.csr"));
    on(
        &host.below("operator"),
        host.home.path().as_path(),
        &format!("{dockpki} client sign laptop.csr --yes"),
    );
    on_laptop(&format!(
        "{dockpki} client accept laptop.reply.pem --host tcp://localhost:2376 --expect {}",
        host.home.ca_code()
    ));
    let local = host.docker(&["version", "--format", "{{.Server.Version}}"]);
    for script in [
        "docker --context localhost version --format '{{.Server.Version}}'",
        "DOCKER_HOST=tcp://localhost:2376 DOCKER_TLS_VERIFY=1 \
         docker version --format '{{.Server.Version}}'",
    ] {
        let answer = on_laptop(script);
        assert_eq!(answer.stdout, local, "{script}");
        assert!(!answer.stderr.contains("arning"), "{answer:#?}");
    }
    let key = host.read(laptop.join(".docker/key.pem"));
    let line = key.split(|octet| *octet == b'\n').nth(1).unwrap();
    for directory in [host.home.path().join("clients/laptop"), host.outside(&sent)] {
        for entry in fs::read_dir(directory).unwrap() {
            let content = fs::read(entry.unwrap().path()).unwrap();
            let is_there = content.windows(line.len()).any(|it| it == line);
            assert!(!is_there, "the key has travelled");
        }
    }
}

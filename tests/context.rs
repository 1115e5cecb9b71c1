//! Whether docker's own command line takes the contexts a plan writes, and whether it would have
//! written them so itself.
//!
//! Needs the docker command line, but no daemon.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests write files and run docker"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockpki::host::machine::{Deed, Notes, Store, carry_out, undoing};
use dockpki::host::{Progress, client_state, map_pairs, process_owner};
use dockpki::pki::certificates_from_pem;
use dockpki::plan::client::{self, ClientPlan, ClientWish, Reach};
use dockpki::plan::context::ContextName;
use dockpki::plan::layout::PairKind;
use dockpki::plan::machine::{MachineChange, MachinePlan, MachineStep, Run};
use dockpki::plan::pair::SoundPair;
use dockpki::plan::state::{FileState, PairState};
use support::{Ran, TestHome, has, program_exists, snapshot};
use time::OffsetDateTime;

/// docker with a configuration directory of its own.
struct Docker {
    directory: tempfile::TempDir,
    home: TestHome,
}

impl Docker {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            home: TestHome::with_ca(&[]),
        }
    }

    fn config(&self) -> PathBuf {
        self.directory
            .path()
            .canonicalize()
            .unwrap()
            .join(".docker")
    }

    fn file(&self, path: &str) -> Vec<u8> {
        fs::read(self.config().join(path)).unwrap()
    }

    /// Runs docker, which must have nothing to complain of.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let ran = self.try_run(arguments).succeeds();
        assert!(
            !ran.stderr.contains("level=") && !ran.stderr.contains("WARN"),
            "{ran:#?}"
        );
        ran.stdout
    }

    fn try_run(&self, arguments: &[&str]) -> Ran {
        let mut docker = Command::new("docker");
        for name in [
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_TLS_VERIFY",
            "DOCKER_CERT_PATH",
        ] {
            docker.env_remove(name);
        }
        docker.env("DOCKER_CONFIG", self.config());
        Ran::from(docker.args(arguments).output().unwrap())
    }

    /// What `docker context create` takes as the endpoint.
    fn endpoint(&self, host: &str) -> String {
        let alice = self.home.path().join("clients/alice");
        let file = |name: &str| alice.join(name).display().to_string();
        let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(file);
        format!("host={host},ca={ca},cert={cert},key={key}")
    }

    fn plan(&self, client: &str, host: Option<&str>, context: Option<&str>) -> ClientPlan {
        let wish = ClientWish {
            pair: pair(&self.home.path(), client),
            host: host.map(|host| host.parse().unwrap()),
            context: context.map(|name| name.parse().unwrap()),
            owner: process_owner(),
            reach: Reach::Both,
        };
        let state = client_state(&self.config(), wish.context_name().as_ref()).unwrap();
        client::plan(&state, &wish).unwrap()
    }

    fn install(&self, client: &str, host: Option<&str>, context: Option<&str>) -> ClientPlan {
        let plan = self.plan(client, host, context);
        self.carry_out(&plan.plan);
        plan
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    fn carry_out(&self, plan: &MachinePlan) {
        let mut store = Store::open(&self.store(), "test").unwrap();
        let deed = Deed {
            plan,
            time: "2026-11-23T20:00:00Z".into(),
            notes: Notes::default(),
            voids: Vec::new(),
            relabel: dockpki::host::machine::Relabel::Leave,
        };
        let mut run = |run: &Run| panic!("runs {run:?}");
        carry_out(&mut store, deed, &mut run, || Ok(())).unwrap();
    }

    /// What docker says of a context.
    fn inspect(&self, name: &str) -> serde_json::Value {
        let text = self.run(&["context", "inspect", name]);
        serde_json::from_str::<serde_json::Value>(&text).unwrap()[0].take()
    }
}

fn pair(home: &Path, client: &str) -> SoundPair {
    let file = |state: PairState| {
        let prove = || SoundPair::check(home, &state, OffsetDateTime::now_utc());
        (state.kind == PairKind::Client && state.name == client).then(prove)
    };
    let mut found = map_pairs(home, |_| Progress::NONE, file)
        .unwrap()
        .into_iter()
        .flatten();
    found.next().unwrap().unwrap()
}

fn can_run() -> bool {
    has("docker", program_exists("docker"))
}

fn name(text: &str) -> ContextName {
    text.parse().unwrap()
}

#[test]
fn docker_understands_a_new_context() {
    if !can_run() {
        return;
    }
    let docker = Docker::new();
    docker.install("alice", Some("tcp://web-1.example.com"), None);
    let context = docker.inspect("web-1.example.com");
    let endpoint = &context["Endpoints"]["docker"];
    assert_eq!(endpoint["Host"], "tcp://web-1.example.com:2376");
    assert_eq!(endpoint["SkipTLSVerify"], false);
    let files = serde_json::json!({ "docker": ["ca.pem", "cert.pem", "key.pem"] });
    assert_eq!(context["TLSMaterial"], files);
    let list = docker.run(&[
        "context",
        "ls",
        "--format",
        "{{.Name}} {{.DockerEndpoint}} {{.Error}}",
    ]);
    let line = "web-1.example.com tcp://web-1.example.com:2376 \n";
    assert!(list.contains(line), "{list}");
}

#[test]
fn a_new_context_is_octet_by_octet_the_one_docker_writes() {
    if !can_run() {
        return;
    }
    for (context, host) in [
        ("web", "tcp://web:2376"),
        ("ip6---1", "tcp://[::1]:2375"),
        ("a_b.c+d-e", "tcp://127.0.0.1:1"),
    ] {
        let [ours, theirs] = [Docker::new(), Docker::new()];
        ours.install("alice", Some(host), Some(context));
        let endpoint = theirs.endpoint(host);
        theirs.run(&["context", "create", context, "--docker", &endpoint]);

        let name = name(context);
        let metadata = name.metadata_file();
        assert_eq!(ours.file(&metadata), theirs.file(&metadata), "{context}");
        let tls = name.tls_directory();
        for docker in [&ours, &theirs] {
            let entries = fs::read_dir(docker.config().join(&tls)).unwrap();
            let mut names = Vec::from_iter(entries.map(|entry| entry.unwrap().file_name()));
            names.sort();
            assert_eq!(names, ["ca.pem", "cert.pem", "key.pem"]);
            for name in names {
                let file = docker.config().join(&tls).join(name);
                let mode = file.metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o7777, 0o600, "{file:?}");
            }
        }
        let alice = theirs.home.path().join("clients/alice/key.pem");
        assert_eq!(
            theirs.file(&format!("{tls}/key.pem")),
            fs::read(alice).unwrap()
        );
    }
}

#[test]
fn a_context_of_dockers_is_updated_as_docker_does() {
    if !can_run() {
        return;
    }
    let [ours, theirs] = [Docker::new(), Docker::new()];
    for docker in [&ours, &theirs] {
        let endpoint = docker.endpoint("tcp://old:2376");
        let description = "a <b> & \"c\" é \u{2028}";
        let create = ["context", "create", "web", "--description", description];
        docker.run(&[&create[..], &["--docker", &endpoint]].concat());
    }
    ours.install("alice", Some("tcp://new"), Some("web"));
    let endpoint = theirs.endpoint("tcp://new:2376");
    theirs.run(&["context", "update", "web", "--docker", &endpoint]);
    let metadata = name("web").metadata_file();
    assert_eq!(
        String::from_utf8(ours.file(&metadata)),
        String::from_utf8(theirs.file(&metadata))
    );
    assert_eq!(
        ours.inspect("web")["Endpoints"]["docker"]["Host"],
        "tcp://new:2376"
    );
}

#[test]
fn a_context_after_dockers_own_is_a_matter_of_certificates_alone() {
    if !can_run() {
        return;
    }
    let docker = Docker::new();
    let endpoint = docker.endpoint("tcp://web:2376");
    docker.run(&["context", "create", "web", "--docker", &endpoint]);
    // docker wrote the very certificates: nothing of the context is to be done.
    let plan = docker.install("alice", Some("tcp://web"), None);
    let mut paths = plan.plan.changes().map(MachineChange::path);
    let store = docker.config().join("contexts");
    assert!(paths.all(|path| !path.starts_with(&store)), "{plan:#?}");
    assert!(
        docker
            .plan("alice", Some("tcp://web"), None)
            .plan
            .is_empty()
    );

    docker.home.run(["client", "issue", "bob"]).succeeds();
    let plan = docker.install("bob", None, Some("web"));
    assert!(!plan.plan.is_empty());
    assert!(docker.plan("bob", None, Some("web")).plan.is_empty());
    let tls = name("web").tls_directory();
    let installed = docker.file(&format!("{tls}/cert.pem"));
    let bob = fs::read(docker.home.path().join("clients/bob/cert.pem")).unwrap();
    assert_eq!(
        certificates_from_pem(&installed).unwrap(),
        certificates_from_pem(&bob).unwrap()
    );
    docker.inspect("web");
}

#[test]
fn docker_refuses_the_names_we_refuse() {
    if !can_run() {
        return;
    }
    let docker = Docker::new();
    for text in [
        "a", "a b", "-ab", ".ab", "äb", "a@b", "default", "ab", "0_.+-", "Default",
    ] {
        let ran = docker.try_run(&[
            "context",
            "create",
            "--docker",
            "host=tcp://h:1",
            "--",
            text,
        ]);
        assert_eq!(
            ran.code == 0,
            text.parse::<ContextName>().is_ok(),
            "{text}: {ran:?}"
        );
    }
}

#[test]
fn nothing_of_the_users_is_touched() {
    if !can_run() {
        return;
    }
    let docker = Docker::new();
    docker.run(&["context", "create", "mine", "--docker", "host=ssh://me@h"]);
    docker.run(&["context", "use", "mine"]);
    fs::write(docker.config().join("daemon.json"), "x").unwrap();
    let kept = || {
        let mine = name("mine").metadata_file();
        ["config.json", "daemon.json", &mine].map(|file| docker.file(file))
    };
    let before = kept();
    docker.install("alice", Some("tcp://web"), None);
    assert_eq!(kept(), before);
    let list = docker.run(&["context", "ls", "-q"]);
    assert_eq!(list, "default\nmine\nweb\n");
}

#[test]
fn what_was_installed_is_taken_back() {
    let docker = Docker::new();
    let config = docker.config();
    fs::create_dir(&config).unwrap();
    fs::write(config.join("config.json"), "{}").unwrap();
    fs::write(config.join("ca.pem"), "somebody's").unwrap();
    let before = snapshot(&config);
    docker.install("alice", Some("tcp://web"), None);
    docker.install("alice", Some("tcp://web:1"), Some("web"));

    let records = Store::records(&docker.store()).unwrap();
    let (changes, changed_since) = undoing(&docker.store(), &records).unwrap();
    assert!(changed_since.is_empty(), "{changed_since:?}");
    docker.carry_out(&MachinePlan {
        command: "uninstall".into(),
        steps: changes.into_iter().map(MachineStep::Change).collect(),
    });
    assert_eq!(snapshot(&config), before);
}

#[test]
fn a_pair_read_from_the_home_is_what_is_installed() {
    let docker = Docker::new();
    docker.install("alice", None, None);
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        let in_home = docker.home.path().join("clients/alice").join(file);
        assert_eq!(docker.file(file), fs::read(in_home).unwrap());
    }
    let open = docker.home.path().join("clients/alice/key.pem");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let states = map_pairs(&docker.home.path(), |_| Progress::NONE, |pair| pair).unwrap();
    let alice = states.iter().find(|pair| pair.name == "alice").unwrap();
    assert!(matches!(alice.key, FileState::OpenKey { .. }));
    let now = OffsetDateTime::now_utc();
    let refusal = SoundPair::check(&docker.home.path(), alice, now).unwrap_err();
    assert!(
        refusal.to_string().contains("can be read by others"),
        "{refusal}"
    );
}

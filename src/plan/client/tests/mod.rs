mod contexts;

use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::pki::{Ca, KeyType, Life, PrivateKey, Serial, Validity};
use crate::plan::context::ContextName;
use crate::plan::state::{FileState, PairState, PresentFile};

pub(in crate::plan) const NOW: OffsetDateTime = datetime!(2026-11-23 20:00 UTC);
const ALICE: Owner = Owner {
    user: 1000,
    group: 1000,
};
const DOCKER_CONFIG: &str = "/home/alice/.docker";

pub(in crate::plan) fn authority() -> Ca {
    let validity = Validity::of_ca(Life::CA, NOW).unwrap();
    Ca::new(key(), &serial(), validity, None).unwrap()
}

pub(in crate::plan) fn key() -> PrivateKey {
    PrivateKey::generate(KeyType::P256).unwrap()
}

pub(in crate::plan) fn serial() -> Serial {
    Serial::generate().unwrap()
}

pub(in crate::plan) fn present(content: impl Into<Vec<u8>>) -> FileState {
    FileState::Present(PresentFile {
        mode: 0o400,
        owner: 0,
        content: content.into().into(),
    })
}

pub(in crate::plan) fn issue(ca: &Ca, name: &str) -> PairState {
    let key = key();
    let validity = Validity::of_leaf(Life::LEAF, NOW, ca.certificate().validity).unwrap();
    let name: crate::pki::Name = name.parse().unwrap();
    let issued = ca.issue_client(&name, &key, serial(), validity).unwrap();
    PairState {
        kind: PairKind::Client,
        name: name.to_string(),
        directory: None,
        ca: present(ca.certificate().pem()),
        certificate: present(issued.pem()),
        key: present(key.to_pem().unwrap().expose()),
    }
}

pub(in crate::plan) fn prove(pair: &PairState) -> Result<SoundPair, String> {
    SoundPair::check(Path::new("/srv/home"), pair, NOW).map_err(|error| error.to_string())
}

fn wish(pair: &PairState, host: Option<&str>, context: Option<&str>) -> ClientWish {
    ClientWish {
        pair: prove(pair).unwrap(),
        host: host.map(|host| host.parse().unwrap()),
        context: context.map(|name| name.parse().unwrap()),
        owner: ALICE,
        reach: Reach::Both,
    }
}

/// A machine with `/home/alice`, and what plans made of it.
fn machine() -> ClientState {
    let root = Access {
        mode: 0o755,
        user: 0,
        group: 0,
    };
    let home = Access {
        mode: 0o750,
        user: 1000,
        group: 1000,
    };
    ClientState {
        docker_config: DOCKER_CONFIG.into(),
        directories: BTreeMap::from([("/home".into(), root), ("/home/alice".into(), home)]),
        files: BTreeMap::new(),
    }
}

impl ClientState {
    fn apply(&mut self, plan: &ClientPlan) {
        for change in plan.plan.changes() {
            match change {
                MachineChange::Directory {
                    path,
                    before,
                    after,
                } => {
                    assert_eq!(self.directories.get(path), before.as_ref(), "{path:?}");
                    let parent = path.parent().unwrap();
                    assert!(self.directories.contains_key(parent), "{path:?}");
                    self.directories.insert(path.clone(), after.unwrap());
                }
                MachineChange::File(FileChange {
                    path,
                    before,
                    after,
                }) => {
                    assert_eq!(self.files.get(path), before.as_ref(), "{path:?}");
                    let parent = path.parent().unwrap();
                    assert!(self.directories.contains_key(parent), "{path:?}");
                    self.files.insert(path.clone(), after.clone().unwrap());
                }
                MachineChange::Swap { directory, .. } => panic!("swaps {directory:?}"),
            }
        }
    }

    fn put(&mut self, path: &str, content: &str) {
        let access = Access {
            mode: 0o644,
            user: 1000,
            group: 1000,
        };
        let path = Path::new(DOCKER_CONFIG).join(path);
        self.files.insert(path, FileImage::new(content, access));
    }

    fn text(&self, path: &str) -> String {
        let path = Path::new(DOCKER_CONFIG).join(path);
        String::from_utf8(self.files[&path].content.to_vec()).unwrap()
    }
}

/// Path below docker's directory and mode of each change, in order.
fn shown(plan: &ClientPlan) -> Vec<(String, String)> {
    let changes = plan.plan.changes().map(|change| {
        let after = match change {
            MachineChange::Directory { after, .. } => after.unwrap(),
            MachineChange::File(file) => file.after.as_ref().unwrap().access,
            MachineChange::Swap { .. } => panic!("{change:?}"),
        };
        assert_eq!((after.user, after.group), (1000, 1000), "{change:?}");
        let path = change.path().strip_prefix(DOCKER_CONFIG).unwrap();
        (path.display().to_string(), format!("{:04o}", after.mode))
    });
    changes.collect()
}

fn shown_is(plan: &ClientPlan, wanted: &[(&str, &str)]) {
    let shown = shown(plan);
    let shown = shown
        .iter()
        .map(|(path, mode)| (path.as_str(), mode.as_str()));
    assert_eq!(shown.collect::<Vec<_>>(), wanted);
}

fn refusal(state: &ClientState, wish: &ClientWish) -> String {
    plan(state, wish).unwrap_err().to_string()
}

#[test]
fn a_new_user_gets_the_directory_and_the_three_files() {
    let plan = plan(&machine(), &wish(&issue(&authority(), "alice"), None, None)).unwrap();
    shown_is(
        &plan,
        &[
            ("", "0700"),
            ("ca.pem", "0444"),
            ("cert.pem", "0444"),
            ("key.pem", "0400"),
        ],
    );
    assert_eq!(plan.notices, []);
    assert_eq!(plan.context, None);
}

#[test]
fn directories_on_the_way_are_made_too() {
    let mut state = machine();
    state.docker_config = "/home/alice/a/b".into();
    let plan = plan(&state, &wish(&issue(&authority(), "alice"), None, None)).unwrap();
    let directories = plan.plan.changes().take(2).map(MachineChange::path);
    assert_eq!(
        directories.collect::<Vec<_>>(),
        [Path::new("/home/alice/a"), Path::new("/home/alice/a/b")]
    );
    state.apply(&plan);
}

#[test]
fn the_second_time_there_is_nothing_to_do() {
    let pair = issue(&authority(), "alice");
    let wish = wish(&pair, Some("tcp://web"), None);
    let mut state = machine();
    let first = plan(&state, &wish).unwrap();
    state.apply(&first);
    let second = plan(&state, &wish).unwrap();
    assert!(second.plan.is_empty(), "{second:#?}");
    assert_eq!(second.notices, []);
    // What the group is by itself depends on the file system.
    for file in state.files.values_mut() {
        file.access.group = 50;
    }
    assert!(plan(&state, &wish).unwrap().plan.is_empty());
}

#[test]
fn only_what_is_not_as_wanted_is_changed() {
    let pair = issue(&authority(), "alice");
    let wish = wish(&pair, Some("tcp://web"), None);
    let mut state = machine();
    state.apply(&plan(&state, &wish).unwrap());
    let key = Path::new(DOCKER_CONFIG).join("key.pem");
    state.files.get_mut(&key).unwrap().access.mode = 0o644;
    let directory = state.directories.get_mut(Path::new(DOCKER_CONFIG)).unwrap();
    directory.mode = 0o755;
    let repair = plan(&state, &wish).unwrap();
    shown_is(&repair, &[("key.pem", "0400")]);
    assert_eq!(repair.notices, []);
}

#[test]
fn what_is_replaced_is_told() {
    let theirs = authority();
    let mut state = machine();
    let bob = wish(&issue(&theirs, "bob"), None, None);
    state.apply(&plan(&state, &bob).unwrap());
    state.put("cert.pem", "junk");
    let plan = plan(&state, &wish(&issue(&authority(), "alice"), None, None)).unwrap();
    shown_is(
        &plan,
        &[
            ("ca.pem", "0444"),
            ("cert.pem", "0444"),
            ("key.pem", "0400"),
        ],
    );
    let theirs = theirs.certificate();
    let [ca, cert, key] = plan.notices.as_slice() else {
        panic!("{:?}", plan.notices);
    };
    assert_eq!(
        *ca,
        Notice::Replaced {
            paths: vec![Path::new(DOCKER_CONFIG).join("ca.pem")],
            held: Held::Certificate {
                common_name: theirs.common_name.clone(),
                issuer: theirs.common_name.clone(),
                not_after: theirs.validity.not_after,
            },
        }
    );
    assert!(matches!(
        cert,
        Notice::Replaced {
            held: Held::Other,
            ..
        }
    ));
    let fingerprint = PrivateKey::from_pem(&bob.pair.files[2]).unwrap();
    let fingerprint = fingerprint.public_key().fingerprint();
    let held = Held::Key { fingerprint };
    assert!(matches!(key, Notice::Replaced { held: found, .. } if *found == held));
}

#[test]
fn a_pair_that_is_replaced_whole_is_told_once() {
    let theirs = authority();
    let mut state = machine();
    let bob = wish(&issue(&theirs, "bob"), Some("tcp://web"), None);
    state.apply(&plan(&state, &bob).unwrap());
    let alice = wish(&issue(&authority(), "alice"), Some("tcp://web"), None);
    let plan = plan(&state, &alice).unwrap();
    let name = ContextName::from_host(alice.host.as_ref().unwrap());
    let directory = Path::new(DOCKER_CONFIG);
    let held = Held::Certificate {
        common_name: Some("bob".into()),
        issuer: theirs.certificate().common_name.clone(),
        not_after: bob.pair.certificate.validity.not_after,
    };
    let paths = vec![
        directory.join("cert.pem"),
        directory.join(name.tls_directory()).join("cert.pem"),
    ];
    assert_eq!(plan.notices, [Notice::Replaced { paths, held }]);
}

#[test]
fn a_client_that_is_issued_again_is_not_told() {
    let ca = authority();
    let mut state = machine();
    let first = wish(&issue(&ca, "alice"), Some("tcp://web"), None);
    state.apply(&plan(&state, &first).unwrap());
    let again = wish(&issue(&ca, "alice"), Some("tcp://web"), None);
    let plan = plan(&state, &again).unwrap();
    assert!(!plan.plan.is_empty());
    assert_eq!(plan.notices, []);
}

#[test]
fn what_another_user_owns_is_refused() {
    let wish = wish(&issue(&authority(), "alice"), Some("tcp://web"), None);
    let root = Access {
        mode: 0o755,
        user: 0,
        group: 0,
    };
    for place in ["", "contexts", "contexts/tls"] {
        let mut state = machine();
        let path = Path::new(DOCKER_CONFIG).join(place);
        state.directories.insert(path, root);
        let refusal = refusal(&state, &wish);
        assert!(
            refusal.contains("belongs to user 0, wanted it to belong to user 1000"),
            "{refusal}"
        );
    }
    let mut state = machine();
    let path = Path::new(DOCKER_CONFIG).join("cert.pem");
    state.files.insert(path, FileImage::new("x", root));
    assert_eq!(
        refusal(&state, &wish),
        "`/home/alice/.docker/cert.pem` belongs to user 0, wanted it to belong to user 1000"
    );
}

#[test]
fn no_key_is_in_debug_output() {
    let pair = issue(&authority(), "alice");
    let plan = plan(&machine(), &wish(&pair, Some("tcp://web"), None)).unwrap();
    let text = format!("{:?}{plan:?}", prove(&pair));
    assert!(
        !text.contains("PRIVATE") && text.contains("[elided]"),
        "{text}"
    );
}

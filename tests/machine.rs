//! Changes to a machine, one kind after the other: each is done, is undone, refuses a disk that
//! is not as it was planned for, and is taken back when something after it fails.
//!
//! What happens when the program is killed on the way is in tests/install_crash.rs.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dockpki::host::Error;
use dockpki::host::machine::{Store, access, file_image};
use dockpki::plan::machine::{FileImage, MachineChange, MachineStep, Manager, Run};
use rustix::fs::{XattrFlags, lgetxattr, lsetxattr};
use support::has;
use support::machine::{
    Identity, Machine, directory, failure, file, identities, image, is_failure, label,
    make_directory, no_command, own, pair, pair_of_a_user, set_label, set_mode, swap, write,
    write_pair,
};
use support::tree::Tree;

/// A change on a prepared directory.
struct Case {
    prepare: fn(&Path),
    change: fn(&Path) -> MachineChange,
}

impl Case {
    fn machine(&self) -> (Machine, MachineChange) {
        let machine = Machine::new(self.prepare);
        let change = (self.change)(&machine.root());
        (machine, change)
    }

    /// All of what must hold for a change of any kind.
    fn is_done_undone_refused_and_taken_back(&self) {
        self.is_done();
        self.is_undone();
        self.is_refused_on_another_disk();
        self.is_taken_back_when_a_command_fails();
        self.is_taken_back_when_the_proof_fails();
    }

    fn is_done(&self) {
        let (machine, change) = self.machine();
        let others = |tree: Tree| {
            let changed = touched(&change);
            let root = machine.root();
            let is_other = |path: &PathBuf| !changed.contains(&root.join(path));
            Tree(
                tree.0
                    .into_iter()
                    .filter(|(path, _)| is_other(path))
                    .collect(),
            )
        };
        let before = others(machine.tree());
        machine.changes([change.clone()]);
        match &change {
            MachineChange::File(file) => assert_eq!(file_image(&file.path).unwrap(), file.after),
            MachineChange::Directory { path, after, .. } => {
                assert_eq!(access(path).unwrap(), *after);
            }
            MachineChange::Swap {
                directory,
                after,
                files,
                ..
            } => {
                for file in files {
                    let path = directory.join(&file.path);
                    assert_eq!(file_image(&path).unwrap(), file.after, "{}", path.display());
                }
                if after.is_some() {
                    assert_eq!(access(directory).unwrap(), *after);
                }
            }
        }
        others(machine.tree()).assert_is(&before);
        assert_eq!(Store::records(&machine.store_path()).unwrap().len(), 1);
        assert!(!Store::has_unfinished(&machine.store_path()));
        Tree::of(&machine.store_path()).assert_nothing_staged();
    }

    fn is_undone(&self) {
        let (machine, change) = self.machine();
        let before = machine.tree();
        machine.changes([change]);
        assert!(machine.tree() != before, "nothing was changed");
        assert!(machine.undo().is_empty(), "something was left");
        machine.tree().assert_is(&before);
        machine.assert_no_record();
    }

    fn is_refused_on_another_disk(&self) {
        let (_, change) = self.machine();
        let count = disturbances(&change).len();
        assert!(count > 0);
        for index in 0..count {
            let (machine, change) = self.machine();
            let Disturbance { what, at, disturb } = disturbances(&change).swap_remove(index);
            disturb();
            let before = machine.tree();
            let identities_before = identities(&machine.root());
            let steps = vec![
                MachineStep::Change(change),
                MachineStep::Run(Run::DaemonReload(Manager::System)),
            ];
            let refused = machine.carry_out(steps, Vec::new(), &mut no_command, Ok(()));
            assert!(
                matches!(&refused, Err(Error::Changed { path }) if *path == at),
                "{what} at {}: {refused:?}",
                at.display()
            );
            machine.tree().assert_is(&before);
            assert_eq!(identities(&machine.root()), identities_before);
            machine.assert_no_record();
        }
    }

    fn is_taken_back_when_a_command_fails(&self) {
        let (machine, change) = self.machine();
        let before = machine.tree();
        let identities_before = identities(&machine.root());
        let mut seen = Vec::new();
        let steps = vec![
            MachineStep::Change(change.clone()),
            MachineStep::Run(Run::DaemonReload(Manager::System)),
        ];
        let failed = machine.carry_out(
            steps,
            Vec::new(),
            &mut |_| {
                seen.push(Tree::of(&machine.root()));
                match seen.len() {
                    1 => Err(failure()),
                    _ => Ok(()),
                }
            },
            Ok(()),
        );
        assert!(is_failure(&failed.unwrap_err()));
        self.assert_back(&machine, &change, &before, &identities_before);
        assert_eq!(
            seen.len(),
            2,
            "it is run, and again on what was there before"
        );
        assert!(seen[0] != before, "the command came before the change");
        seen[1].assert_is(&before);
    }

    fn is_taken_back_when_the_proof_fails(&self) {
        let (machine, change) = self.machine();
        let before = machine.tree();
        let identities_before = identities(&machine.root());
        let steps = vec![MachineStep::Change(change.clone())];
        let failed = machine.carry_out(steps, Vec::new(), &mut no_command, Err(failure()));
        assert!(is_failure(&failed.unwrap_err()));
        self.assert_back(&machine, &change, &before, &identities_before);
    }

    /// Asserts that everything is as before, down to the very files.
    #[track_caller]
    fn assert_back(
        &self,
        machine: &Machine,
        change: &MachineChange,
        before: &Tree,
        identities_before: &BTreeMap<PathBuf, Identity>,
    ) {
        machine.tree().assert_is(before);
        let mut now = identities(&machine.root());
        let mut then = identities_before.clone();
        if let MachineChange::Directory {
            path, after: None, ..
        } = change
        {
            // An empty directory has nothing to lose and is made anew.
            let path = path.strip_prefix(machine.root()).unwrap();
            now.remove(path);
            then.remove(path);
        }
        assert_eq!(now, then);
        machine.assert_no_record();
    }
}

/// The paths a change may make another thing of.
fn touched(change: &MachineChange) -> Vec<PathBuf> {
    let mut paths = vec![change.path().to_owned()];
    if let MachineChange::Swap {
        directory, files, ..
    } = change
    {
        paths.extend(files.iter().map(|file| directory.join(&file.path)));
    }
    paths
}

/// Something that makes the disk another than a change was planned for.
struct Disturbance {
    what: &'static str,
    /// What the refusal names.
    at: PathBuf,
    disturb: Box<dyn FnOnce()>,
}

fn disturbances(change: &MachineChange) -> Vec<Disturbance> {
    let mut all = Vec::new();
    let mut add = |what, at: &Path, disturb: Box<dyn FnOnce()>| {
        let at = at.to_owned();
        all.push(Disturbance { what, at, disturb });
    };
    let mut add_file = |path: PathBuf, before: Option<&FileImage>| match before {
        None => {
            let there = path.clone();
            let disturb = move || fs::write(there, "somebody else's").unwrap();
            add("a file that appeared", &path, Box::new(disturb));
        }
        Some(before) => {
            let mode = before.access.mode;
            let other = path.clone();
            let disturb = move || {
                set_mode(&other, 0o600);
                write(&other, "somebody else's", mode);
            };
            add("another content", &path, Box::new(disturb));
            let other = path.clone();
            let disturb = move || set_mode(&other, mode ^ 0o020);
            add("another mode", &path, Box::new(disturb));
            let other = path.clone();
            let disturb = move || fs::remove_file(other).unwrap();
            add("a file that went", &path, Box::new(disturb));
        }
    };
    match change {
        MachineChange::File(file) => add_file(file.path.clone(), file.before.as_ref()),
        MachineChange::Directory { path, before, .. }
        | MachineChange::Swap {
            directory: path,
            before,
            ..
        } => {
            if let (MachineChange::Swap { files, .. }, Some(_)) = (change, before) {
                for file in files {
                    add_file(path.join(&file.path), file.before.as_ref());
                }
            }
            let other = path.clone();
            match before {
                None => {
                    let disturb = move || fs::create_dir(other).unwrap();
                    add("a directory that appeared", path, Box::new(disturb));
                }
                Some(before) => {
                    let mode = before.mode ^ 0o010;
                    let disturb = move || set_mode(&other, mode);
                    add("another mode", path, Box::new(disturb));
                }
            }
        }
    }
    all
}

const JSON: &str = "{\"debug\": true}\n";

/// A daemon.json with a second name and a label.
fn daemon_json(root: &Path) {
    write(&root.join("daemon.json"), JSON, 0o640);
    fs::hard_link(root.join("daemon.json"), root.join("second name")).unwrap();
    set_label(&root.join("daemon.json"), "mine");
}

#[test]
fn a_file_that_appears() {
    let case = Case {
        prepare: |_| {},
        change: |root| {
            let path = root.join("daemon.json");
            MachineChange::File(file(path, None, Some(image("{}\n", 0o644))))
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_file_that_becomes_another() {
    let case = Case {
        prepare: daemon_json,
        change: |root| {
            let path = root.join("daemon.json");
            let (before, after) = (image(JSON, 0o640), image("{}\n", 0o600));
            MachineChange::File(file(path, Some(before), Some(after)))
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_file_that_gets_another_mode() {
    let case = Case {
        prepare: daemon_json,
        change: |root| {
            let path = root.join("daemon.json");
            let (before, after) = (image(JSON, 0o640), image(JSON, 0o4711));
            MachineChange::File(file(path, Some(before), Some(after)))
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_file_that_goes() {
    let case = Case {
        prepare: daemon_json,
        change: |root| {
            let path = root.join("daemon.json");
            MachineChange::File(file(path, Some(image(JSON, 0o640)), None))
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn an_empty_file_that_becomes_one_without_any_permission() {
    let case = Case {
        prepare: |root| write(&root.join("empty"), "", 0o600),
        change: |root| {
            let path = root.join("empty");
            let (before, after) = (image("", 0o600), image("x", 0o400));
            MachineChange::File(file(path, Some(before), Some(after)))
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_directory_that_appears() {
    let case = Case {
        prepare: |_| {},
        change: |root| directory(root.join("docker"), None, Some(0o755)),
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_directory_that_gets_another_mode() {
    let case = Case {
        prepare: |root| {
            make_directory(&root.join("docker"), 0o777);
            write(&root.join("docker/mine"), "mine", 0o644);
            set_label(&root.join("docker"), "mine");
        },
        change: |root| directory(root.join("docker"), Some(0o777), Some(0o1750)),
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_directory_that_goes() {
    let case = Case {
        prepare: |root| make_directory(&root.join("docker"), 0o751),
        change: |root| directory(root.join("docker"), Some(0o751), None),
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_directory_that_would_go_stays_with_what_is_in_it() {
    let machine = Machine::new(|root| {
        make_directory(&root.join("docker"), 0o751);
        write(&root.join("docker/mine"), "mine", 0o644);
    });
    let before = machine.tree();
    machine.changes([directory(machine.root().join("docker"), Some(0o751), None)]);
    machine.tree().assert_is(&before);
    machine.undo();
    machine.tree().assert_is(&before);
}

#[test]
fn directories_go_with_the_files_they_were_made_for() {
    let machine = Machine::new(|_| {});
    let root = machine.root();
    let before = machine.tree();
    machine.changes([
        directory(root.join("etc"), None, Some(0o755)),
        directory(root.join("etc/docker"), None, Some(0o755)),
        swap(
            root.join("etc/docker/CA"),
            (None, Some(0o755)),
            vec![file("ca.pem", None, Some(image("ca", 0o444)))],
        ),
        MachineChange::File(file(
            root.join("etc/docker/daemon.json"),
            None,
            Some(image("{}", 0o644)),
        )),
    ]);
    assert!(machine.undo().is_empty(), "something was left");
    machine.tree().assert_is(&before);
    machine.assert_no_record();
}

#[test]
fn a_pair_where_no_directory_is() {
    let case = Case {
        prepare: |_| {},
        change: |root| {
            swap(
                root.join("CA"),
                (None, Some(0o755)),
                pair(None, Some("new")),
            )
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_pair_in_an_empty_directory() {
    let case = Case {
        prepare: |root| make_directory(&root.join("CA"), 0o711),
        change: |root| {
            swap(
                root.join("CA"),
                (Some(0o711), Some(0o711)),
                pair(None, Some("new")),
            )
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_pair_in_place_of_another_among_files_of_a_user() {
    let case = Case {
        prepare: pair_of_a_user,
        change: |root| {
            let files = pair(Some("old"), Some("new"));
            swap(root.join("CA"), (Some(0o755), Some(0o750)), files)
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_new_ca_beside_a_pair_that_stays() {
    let case = Case {
        prepare: pair_of_a_user,
        change: |root| {
            let mut files = pair(Some("old"), Some("old"));
            files[0].after = Some(image("new ca.pem", 0o444));
            swap(root.join("CA"), (Some(0o755), Some(0o755)), files)
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_pair_renewed_under_the_same_ca() {
    let case = Case {
        prepare: pair_of_a_user,
        change: |root| {
            let mut files = pair(Some("old"), Some("new"));
            files[0].after = files[0].before.clone();
            swap(root.join("CA"), (Some(0o755), Some(0o755)), files)
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_key_that_is_closed_to_others() {
    let case = Case {
        prepare: |root| {
            pair_of_a_user(root);
            set_mode(&root.join("CA/server-key.pem"), 0o644);
        },
        change: |root| {
            let mut files = pair(Some("old"), Some("old"));
            files[2].before = Some(image("old server-key.pem", 0o644));
            swap(root.join("CA"), (Some(0o755), Some(0o755)), files)
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_directory_of_a_pair_that_gets_another_mode() {
    let case = Case {
        prepare: |root| {
            pair_of_a_user(root);
            set_mode(&root.join("CA"), 0o777);
        },
        change: |root| {
            let files = pair(Some("old"), Some("old"));
            swap(root.join("CA"), (Some(0o777), Some(0o755)), files)
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_pair_that_goes_with_its_directory() {
    let case = Case {
        prepare: |root| write_pair(&root.join("CA"), "old"),
        change: |root| {
            swap(
                root.join("CA"),
                (Some(0o755), None),
                pair(Some("old"), None),
            )
        },
    };
    case.is_done_undone_refused_and_taken_back();
}

#[test]
fn a_pair_that_goes_and_leaves_the_files_of_a_user() {
    let case = Case {
        prepare: pair_of_a_user,
        change: |root| {
            swap(
                root.join("CA"),
                (Some(0o755), None),
                pair(Some("old"), None),
            )
        },
    };
    case.is_done_undone_refused_and_taken_back();
    let (machine, change) = case.machine();
    machine.changes([change]);
    assert_eq!(
        access(&machine.root().join("CA")).unwrap(),
        Some(own(0o755))
    );
}

#[test]
fn a_new_file_takes_over_the_labels_of_the_old() {
    let machine = Machine::new(|root| {
        pair_of_a_user(root);
        daemon_json(&root.join("CA/backup"));
    });
    let root = machine.root();
    let labelled = set_label(&root.join("CA/backup/daemon.json"), "mine");
    if !has("a file system with labels of users", labelled) {
        return;
    }
    machine.changes([
        swap(
            root.join("CA"),
            (Some(0o755), Some(0o755)),
            pair(Some("old"), Some("new")),
        ),
        MachineChange::File(file(
            root.join("CA/backup/daemon.json"),
            Some(image(JSON, 0o640)),
            Some(image("{}", 0o640)),
        )),
    ]);
    let writable = ["CA", "CA/backup/daemon.json"];
    // Who is not root may not label a file that nobody may write.
    let read_only = ["CA/ca.pem", "CA/server-key.pem"];
    let read_only = read_only.into_iter().filter(|_| support::is_root());
    for path in writable.into_iter().chain(read_only) {
        assert_eq!(label(&root.join(path)).as_deref(), Some("mine"), "{path}");
    }
}

const ACL: &str = "system.posix_acl_access";

/// An access control list as Linux keeps it (linux/posix_acl_xattr.h): the owner may read and
/// write, user 1000 may read.
fn list_for_user_1000() -> Vec<u8> {
    let mut list = 2u32.to_le_bytes().to_vec();
    let nobody = u32::MAX;
    for (tag, rights, who) in [
        (0x01u16, 6u16, nobody), // the owner
        (0x02, 4, 1000),         // a user
        (0x04, 0, nobody),       // the group
        (0x10, 4, nobody),       // the mask
        (0x20, 0, nobody),       // others
    ] {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(who.to_le_bytes());
    }
    list
}

#[test]
fn a_new_key_is_not_open_to_whom_the_old_one_was() {
    let machine = Machine::new(pair_of_a_user);
    let root = machine.root();
    let key = root.join("CA/server-key.pem");
    let listed = lsetxattr(&key, ACL, &list_for_user_1000(), XattrFlags::empty()).is_ok();
    if !has("a file system with access control lists", listed) {
        return;
    }
    let mode = key.metadata().unwrap().mode() & 0o7777;
    assert_eq!(mode, 0o640, "the mask counts as the group's rights");
    let before = machine.tree();
    let mut files = pair(Some("old"), Some("new"));
    files[2].before = Some(image("old server-key.pem", mode));
    let change = swap(root.join("CA"), (Some(0o755), Some(0o755)), files);
    let mut list = [0u8; 256];

    let steps = vec![MachineStep::Change(change.clone())];
    let failed = machine.carry_out(steps, Vec::new(), &mut no_command, Err(failure()));
    assert!(is_failure(&failed.unwrap_err()));
    machine.tree().assert_is(&before);
    assert!(
        lgetxattr(&key, ACL, &mut list[..]).is_ok(),
        "the very file is back"
    );

    machine.changes([change]);
    assert_eq!(key.metadata().unwrap().mode() & 0o7777, 0o400);
    assert!(lgetxattr(&key, ACL, &mut list[..]).is_err());
}

#[test]
fn a_daemon_json_keeps_its_access_control_list() {
    let machine = Machine::new(daemon_json);
    let path = machine.root().join("daemon.json");
    let listed = lsetxattr(&path, ACL, &list_for_user_1000(), XattrFlags::empty()).is_ok();
    if !has("a file system with access control lists", listed) {
        return;
    }
    let (before, after) = (image(JSON, 0o640), image("{}", 0o640));
    machine.changes([MachineChange::File(file(&path, Some(before), Some(after)))]);
    let mut list = [0u8; 256];
    let length = lgetxattr(&path, ACL, &mut list[..]).unwrap();
    assert_eq!(list[..length], list_for_user_1000());
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
}

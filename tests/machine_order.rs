//! What a plan of several steps does: the order of its changes and commands there and back, what
//! users do meanwhile and afterwards, and its records.
//!
//! One change by itself is in tests/machine.rs.

#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dockpki::host::Error;
use dockpki::host::machine::{Store, access, file_image, undoing};
use dockpki::plan::machine::{Control, MachineChange, MachineStep, Manager, Run};
use dockpki::plan::state::{Outcome, Recovery};
use support::machine::{
    Machine, directory, failure, file, identities, image, is_failure, make_directory, no_command,
    own, pair, pair_of_a_user, set_mode, swap, write,
};
use support::tree::Tree;

/// daemon.json first gets live-restore alone, which is reloaded, then the rest; at the end the
/// daemon is restarted.
fn install_with_live_restore(root: &Path) -> Vec<MachineStep> {
    let path = root.join("daemon.json");
    let change = |before, after| {
        let (before, after) = (image(before, 0o644), image(after, 0o644));
        MachineStep::Change(MachineChange::File(file(&path, Some(before), Some(after))))
    };
    let files = pair(Some("old"), Some("new"));
    vec![
        change("first", "live-restore"),
        MachineStep::Run(Run::Reload(Control::Systemd)),
        MachineStep::Change(swap(root.join("CA"), (Some(0o755), Some(0o755)), files)),
        change("live-restore", "last"),
        MachineStep::Run(Run::DaemonReload(Manager::System)),
        MachineStep::Run(Run::Restart(Control::Systemd)),
    ]
}

fn host_of_a_user(root: &Path) {
    pair_of_a_user(root);
    write(&root.join("daemon.json"), "first", 0o644);
}

/// What a command found: daemon.json and the certificate.
fn found(root: &Path, run: &Run) -> String {
    let name = match run {
        Run::DaemonReload(_) => "daemon-reload",
        Run::StartTimer(_) => "start the timer",
        Run::StopTimer(_) => "stop the timer",
        Run::Reload(_) => "reload",
        Run::Restart(_) => "restart",
    };
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let certificate = read("CA/server-cert.pem");
    let certificate = certificate.split(' ').next().unwrap();
    format!("{name}: {}, {certificate}", read("daemon.json"))
}

#[test]
fn commands_are_run_again_backwards_each_on_what_it_found_before() {
    let machine = Machine::new(host_of_a_user);
    let root = machine.root();
    let before = machine.tree();
    let identities_before = identities(&root);
    let mut calls = Vec::new();
    let failed = machine.carry_out(
        install_with_live_restore(&root),
        Vec::new(),
        &mut |run| {
            calls.push(found(&root, run));
            match calls.len() {
                3 => Err(failure()),
                _ => Ok(()),
            }
        },
        Ok(()),
    );
    assert!(is_failure(&failed.unwrap_err()));
    let wanted = [
        "reload: live-restore, old",
        "daemon-reload: last, new",
        "restart: last, new",
        "daemon-reload: live-restore, old",
        "restart: live-restore, old",
        "reload: first, old",
    ];
    assert_eq!(calls, wanted);
    machine.tree().assert_is(&before);
    assert_eq!(identities(&root), identities_before);
    machine.assert_no_record();
}

#[test]
fn a_command_that_was_not_begun_is_not_run_on_the_way_back() {
    let machine = Machine::new(host_of_a_user);
    let root = machine.root();
    let before = machine.tree();
    let mut calls = Vec::new();
    let failed = machine.carry_out(
        install_with_live_restore(&root),
        Vec::new(),
        &mut |run| {
            calls.push(found(&root, run));
            match calls.len() {
                1 => Err(failure()),
                _ => Ok(()),
            }
        },
        Ok(()),
    );
    assert!(is_failure(&failed.unwrap_err()));
    assert_eq!(calls, ["reload: live-restore, old", "reload: first, old"]);
    machine.tree().assert_is(&before);
    machine.assert_no_record();
}

#[test]
fn a_failed_proof_has_the_commands_run_again() {
    let machine = Machine::new(host_of_a_user);
    let root = machine.root();
    let mut calls = Vec::new();
    let mut run = |run: &Run| {
        calls.push(found(&root, run));
        Ok(())
    };
    let steps = install_with_live_restore(&root);
    let failed = machine.carry_out(steps, Vec::new(), &mut run, Err(failure()));
    assert!(is_failure(&failed.unwrap_err()));
    assert_eq!(calls.len(), 6, "{calls:#?}");
    assert_eq!(calls[5], "reload: first, old");
}

#[test]
fn what_cannot_be_put_back_is_put_back_by_the_next_command() {
    let machine = Machine::new(host_of_a_user);
    let root = machine.root();
    let before = machine.tree();
    let mut calls = 0;
    let failed = machine.carry_out(
        install_with_live_restore(&root),
        Vec::new(),
        &mut |run| {
            calls += 1;
            match run {
                Run::Restart(_) => Err(failure()),
                _ => Ok(()),
            }
        },
        Ok(()),
    );
    let Err(Error::NotPutBack { cause, left }) = failed else {
        panic!("{failed:?}");
    };
    assert!(is_failure(&cause) && is_failure(&left));
    assert_eq!(calls, 6, "the others are run all the same");
    machine.tree().assert_is(&before);
    assert!(Store::has_unfinished(&machine.store_path()));

    let mut again = Vec::new();
    let recovered = machine.store().recover(&mut |run| {
        again.push(found(&root, run));
        Ok(())
    });
    let wanted = Recovery {
        command: Some("test".into()),
        outcome: Outcome::Undone,
    };
    assert_eq!(recovered.unwrap(), Some(wanted));
    let wanted = [
        "daemon-reload: first, old",
        "restart: first, old",
        "reload: first, old",
    ];
    assert_eq!(again, wanted);
    machine.tree().assert_is(&before);
    machine.assert_no_record();
}

#[test]
fn what_a_user_adds_meanwhile_stays() {
    for proof in [Ok(()), Err(failure())] {
        let machine = Machine::new(host_of_a_user);
        let root = machine.root();
        let mut added = false;
        let done = machine.carry_out(
            install_with_live_restore(&root),
            Vec::new(),
            &mut |run| {
                if matches!(run, Run::Restart(_)) && !added {
                    write(&root.join("CA/added"), "meanwhile", 0o604);
                    // As an editor does.
                    write(&root.join("CA/.notes.txt.swp"), "meanwhile", 0o640);
                    let notes = root.join("CA/notes.txt");
                    fs::rename(root.join("CA/.notes.txt.swp"), notes).unwrap();
                    make_directory(&root.join("CA/made"), 0o755);
                    write(&root.join("CA/made/in it"), "meanwhile", 0o604);
                    added = true;
                }
                Ok(())
            },
            proof,
        );
        assert_eq!(
            done.is_ok(),
            file_image(&root.join("daemon.json")).unwrap() == Some(image("last", 0o644))
        );
        let tree = machine.tree();
        for path in ["CA/added", "CA/made/in it", "CA/notes.txt"] {
            assert_eq!(tree.file(path), Some(&b"meanwhile"[..]), "{path}");
        }
        assert_eq!(tree.file("CA/.hidden"), Some(&b"mine"[..]));
        assert_eq!(tree.file("CA/backup/old-key.pem"), Some(&b"older"[..]));
    }
}

#[test]
fn several_commands_are_taken_back_to_the_first_state() {
    let machine = Machine::new(host_of_a_user);
    let root = machine.root();
    let before = machine.tree();
    let json = |before: &str, after: &str| {
        let (before, after) = (image(before, 0o644), image(after, 0o600));
        let path = root.join("daemon.json");
        MachineChange::File(file(path, Some(before), Some(after)))
    };
    let mut second = json("second", "third");
    if let MachineChange::File(change) = &mut second {
        change.before = Some(image("second", 0o600));
    }
    let ca = |before, after, modes: (u32, u32)| {
        let modes = (Some(modes.0), Some(modes.1));
        swap(root.join("CA"), modes, pair(Some(before), Some(after)))
    };
    machine.changes([json("first", "second"), ca("old", "new", (0o755, 0o711))]);
    machine.changes([second, ca("new", "newest", (0o711, 0o700))]);
    assert_eq!(Store::records(&machine.store_path()).unwrap().len(), 2);
    assert!(machine.undo().is_empty(), "something was left");
    machine.tree().assert_is(&before);
    machine.assert_no_record();
}

#[test]
fn what_somebody_changed_since_is_not_undone() {
    let machine = Machine::new(host_of_a_user);
    let root = machine.root();
    let before = machine.tree();
    let json = root.join("daemon.json");
    let made = root.join("made");
    machine.changes([
        MachineChange::File(file(
            &json,
            Some(image("first", 0o644)),
            Some(image("last", 0o644)),
        )),
        directory(made.clone(), None, Some(0o755)),
        swap(
            root.join("CA"),
            (Some(0o755), Some(0o755)),
            pair(Some("old"), Some("new")),
        ),
    ]);
    write(&json, "edited", 0o644);
    set_mode(&made, 0o700);
    set_mode(&root.join("CA/ca.pem"), 0o640);
    assert_eq!(machine.undo(), [root.join("CA/ca.pem"), json]);
    let now = machine.tree();
    assert_eq!(now.file("daemon.json"), Some(&b"edited"[..]));
    assert_eq!(now.file("CA/ca.pem"), Some(&b"new ca.pem"[..]));
    assert_eq!(access(&made).unwrap(), Some(own(0o700)));
    for path in ["CA/server-cert.pem", "CA/server-key.pem", "CA/notes.txt"] {
        assert_eq!(now.file(path), before.file(path), "{path}");
    }
}

#[test]
fn a_record_whose_saved_file_is_damaged_is_refused() {
    let machine = Machine::new(host_of_a_user);
    let json = machine.root().join("daemon.json");
    machine.changes([MachineChange::File(file(
        &json,
        Some(image("first", 0o644)),
        Some(image("last", 0o644)),
    ))]);
    let saved = machine.store_path().join("0001/before-0");
    assert_eq!(fs::read(&saved).unwrap(), b"first");
    fs::write(&saved, "First").unwrap();
    let records = Store::records(&machine.store_path()).unwrap();
    let refused = undoing(&machine.store_path(), &records);
    assert!(
        matches!(&refused, Err(Error::Record { path, .. }) if *path == saved),
        "{refused:?}"
    );
    fs::remove_file(&saved).unwrap();
    assert!(undoing(&machine.store_path(), &records).is_err());
}

#[test]
fn a_record_that_was_cut_off_is_in_nobodys_way() {
    for torn in [
        None,
        Some(&b""[..]),
        Some(b"{\"version\": 1,"),
        Some(&[0; 64]),
    ] {
        let machine = Machine::new(host_of_a_user);
        let before = machine.tree();
        let directory = machine.store_path().join("0001.staging");
        fs::create_dir_all(&directory).unwrap();
        if let Some(torn) = torn {
            fs::write(directory.join("record.json"), torn).unwrap();
        }
        assert!(Store::has_unfinished(&machine.store_path()));
        let recovered = machine.store().recover(&mut no_command).unwrap();
        let wanted = Recovery {
            command: None,
            outcome: Outcome::Undone,
        };
        assert_eq!(recovered, Some(wanted), "{torn:?}");
        machine.tree().assert_is(&before);
        machine.assert_no_record();
    }
}

#[test]
fn a_record_of_another_version_is_refused_and_kept() {
    let machine = Machine::new(host_of_a_user);
    let directory = machine.store_path().join("0001.running-0");
    fs::create_dir_all(&directory).unwrap();
    let text = r#"{"version":2,"command":"test","time":"","steps":[]}"#;
    fs::write(directory.join("record.json"), text).unwrap();
    let refused = machine.store().recover(&mut no_command);
    let Err(Error::Record { path, cause }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(path, directory.join("record.json"));
    assert_eq!(cause, "found version 2, wanted 1");
    assert_eq!(fs::read_to_string(path).unwrap(), text);
}

#[test]
fn only_one_command_changes_a_machine() {
    let machine = Machine::new(|_| {});
    let held = Store::open(&machine.store_path(), "install server").unwrap();
    let refused = Store::open(&machine.store_path(), "undo");
    let Err(Error::Held { path, holder }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(path, machine.store_path());
    let wanted = format!("dockpki install server (process {})", std::process::id());
    assert_eq!(holder, wanted);
    drop(held);
    drop(machine.store());
    machine.assert_no_record();
}

#[test]
fn records_are_for_their_owner_alone() {
    let machine = Machine::new(host_of_a_user);
    let root = machine.root();
    let files = pair(Some("old"), Some("new"));
    machine.changes([swap(root.join("CA"), (Some(0o755), Some(0o755)), files)]);
    let store = machine.store_path();
    assert_eq!(store.metadata().unwrap().mode() & 0o7777, 0o700);
    let tree = Tree::of(&store);
    assert!(
        tree.files()
            .any(|(_, _, content)| content == b"old server-key.pem")
    );
    for (path, node) in &tree.0 {
        assert_eq!(node.mode & 0o077, 0, "{}: {node:?}", path.display());
    }
}

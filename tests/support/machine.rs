//! A directory as the machine that is changed, and changes to it made by hand.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use dockpki::host::Error;
use dockpki::host::machine::{Deed, Notes, Store, carry_out, undoing};
use dockpki::plan::machine::{
    Access, FileChange, FileImage, MachineChange, MachinePlan, MachineStep, Run,
};
use rustix::fs::{XattrFlags, lgetxattr, lsetxattr};

use super::tree::{Kind, Node, Tree};

/// A directory to be changed, and the records beside it.
pub struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    pub fn new(prepare: impl Fn(&Path)) -> Self {
        let memory = Path::new("/dev/shm");
        let directory = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
        let machine = Self {
            directory: directory.unwrap(),
        };
        fs::create_dir(machine.root()).unwrap();
        prepare(&machine.root());
        machine
    }

    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    pub fn store_path(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    pub fn store(&self) -> Store {
        Store::open(&self.store_path(), "test").unwrap()
    }

    pub fn tree(&self) -> Tree {
        let tree = Tree::of(&self.root());
        tree.assert_nothing_staged();
        tree
    }

    /// Carries out these steps; `run` is what becomes of a command, `proof` of the proof.
    pub fn carry_out(
        &self,
        steps: Vec<MachineStep>,
        voids: Vec<u32>,
        run: &mut dyn FnMut(&Run) -> Result<(), Error>,
        proof: Result<(), Error>,
    ) -> Result<(), Error> {
        let plan = MachinePlan {
            command: "test".into(),
            steps,
        };
        let deed = Deed {
            relabel: dockpki::host::machine::Relabel::Leave,
            plan: &plan,
            time: "2026-01-01T00:00:00Z".into(),
            notes: Notes::default(),
            voids,
        };
        carry_out(&mut self.store(), deed, run, || proof)
    }

    /// Carries out changes that are to be done, without any command.
    #[track_caller]
    pub fn changes(&self, changes: impl IntoIterator<Item = MachineChange>) {
        let steps = changes.into_iter().map(MachineStep::Change).collect();
        let done = self.carry_out(steps, Vec::new(), &mut no_command, Ok(()));
        done.unwrap();
    }

    /// Takes back everything that was done; returns what was left because it had changed since.
    #[track_caller]
    pub fn undo(&self) -> Vec<PathBuf> {
        let records = Store::records(&self.store_path()).unwrap();
        assert!(!records.is_empty(), "there is nothing to undo");
        let (changes, changed_since) = undoing(&self.store_path(), &records).unwrap();
        let steps = changes.into_iter().map(MachineStep::Change).collect();
        let voids = records.iter().map(|(number, _)| *number).collect();
        let done = self.carry_out(steps, voids, &mut no_command, Ok(()));
        done.unwrap();
        let left = changed_since.into_iter().map(|change| change.path);
        left.collect()
    }

    #[track_caller]
    pub fn assert_no_record(&self) {
        let left = Tree::of(&self.store_path());
        assert!(
            !self.store_path().exists(),
            "records are left: {left:?}",
            left = left.0
        );
    }
}

pub fn no_command(run: &Run) -> Result<(), Error> {
    panic!("no command is planned, and {run:?} was run")
}

pub fn failure() -> Error {
    Error::Command {
        command: "restart".into(),
        found: "it ended with exit code 1".into(),
    }
}

pub fn is_failure(error: &Error) -> bool {
    matches!(error, Error::Command { command, .. } if command == "restart")
}

/// A mode with the owner all of this belongs to.
pub fn own(mode: u32) -> Access {
    Access {
        mode,
        user: rustix::process::geteuid().as_raw(),
        group: rustix::process::getegid().as_raw(),
    }
}

pub fn image(content: &str, mode: u32) -> FileImage {
    FileImage::new(content, own(mode))
}

pub fn file(
    path: impl Into<PathBuf>,
    before: Option<FileImage>,
    after: Option<FileImage>,
) -> FileChange {
    FileChange {
        path: path.into(),
        before,
        after,
    }
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

pub fn write(path: &Path, content: &str, mode: u32) {
    fs::write(path, content).unwrap();
    set_mode(path, mode);
}

pub fn make_directory(path: &Path, mode: u32) {
    fs::create_dir(path).unwrap();
    set_mode(path, mode);
}

pub const LABEL: &str = "user.label";

pub fn set_label(path: &Path, value: &str) -> bool {
    lsetxattr(path, LABEL, value.as_bytes(), XattrFlags::empty()).is_ok()
}

pub fn label(path: &Path) -> Option<String> {
    let mut value = [0u8; 64];
    let length = lgetxattr(path, LABEL, &mut value[..]).ok()?;
    Some(String::from_utf8(value[..length].to_vec()).unwrap())
}

/// What tells the very file from one that is like it: inode, time, number of names, label.
pub type Identity = (u64, Option<(i64, i64)>, u64, Option<String>);

pub fn identities(root: &Path) -> BTreeMap<PathBuf, Identity> {
    let tree = Tree::of(root);
    let identity = |(path, node): (&PathBuf, &Node)| {
        let full = root.join(path);
        let metadata = full.symlink_metadata().unwrap();
        // A directory's time and number of names change with what is in it.
        let (time, names) = match node.kind {
            Kind::Directory => (None, 0),
            _ => (
                Some((metadata.mtime(), metadata.mtime_nsec())),
                metadata.nlink(),
            ),
        };
        (path.clone(), (metadata.ino(), time, names, label(&full)))
    };
    tree.0.iter().map(identity).collect()
}

pub fn directory(path: PathBuf, before: Option<u32>, after: Option<u32>) -> MachineChange {
    MachineChange::Directory {
        path,
        before: before.map(own),
        after: after.map(own),
    }
}

pub fn swap(
    directory: PathBuf,
    (before, after): (Option<u32>, Option<u32>),
    files: Vec<FileChange>,
) -> MachineChange {
    MachineChange::Swap {
        directory,
        before: before.map(own),
        after: after.map(own),
        files,
    }
}

pub const NAMES: [&str; 3] = ["ca.pem", "server-cert.pem", "server-key.pem"];

pub fn mode_of(name: &str) -> u32 {
    match name {
        "server-key.pem" => 0o400,
        _ => 0o444,
    }
}

/// The three files, each from one content to another.
pub fn pair(before: Option<&str>, after: Option<&str>) -> Vec<FileChange> {
    let image_of = |name: &str, content: &str| image(&format!("{content} {name}"), mode_of(name));
    let change = |name: &&str| {
        let before = before.map(|content| image_of(name, content));
        let after = after.map(|content| image_of(name, content));
        file(*name, before, after)
    };
    NAMES.iter().map(change).collect()
}

pub fn write_pair(directory: &Path, content: &str) {
    make_directory(directory, 0o755);
    for name in NAMES {
        write(
            &directory.join(name),
            &format!("{content} {name}"),
            mode_of(name),
        );
    }
}

/// A directory with a pair and whatever else a user may keep beside it.
pub fn pair_of_a_user(root: &Path) {
    let ca = root.join("CA");
    write_pair(&ca, "old");
    for name in NAMES {
        set_label(&ca.join(name), "mine");
    }
    set_label(&ca, "mine");
    write(&ca.join("notes.txt"), "mine", 0o640);
    fs::hard_link(ca.join("notes.txt"), root.join("second name")).unwrap();
    write(&ca.join(".hidden"), "mine", 0o600);
    symlink("notes.txt", ca.join("link")).unwrap();
    symlink("nowhere", ca.join("dangling")).unwrap();
    make_directory(&ca.join("backup"), 0o711);
    write(&ca.join("backup/old-key.pem"), "older", 0o400);
    make_directory(&ca.join("empty"), 0o700);
}

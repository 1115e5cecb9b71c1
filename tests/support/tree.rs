//! Directories as values: copied, compared and told apart, with everything a user can see of
//! them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown, symlink};
use std::path::{Path, PathBuf};

/// Everything below a directory, by its path from there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<PathBuf, Node>);

/// One thing in a [`Tree`].
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    pub mode: u32,
    pub owner: (u32, u32),
    pub kind: Kind,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    Directory,
    Link(PathBuf),
    File(Vec<u8>),
}

impl Tree {
    /// Reads all of a directory; one that is not there is empty.
    pub fn of(directory: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        read(directory, Path::new(""), &mut nodes);
        Self(nodes)
    }

    /// Without what is at and below a path.
    pub fn without(mut self, below: &str) -> Self {
        self.0.retain(|path, _| !path.starts_with(below));
        self
    }

    /// Without this directory if it holds nothing but directories.
    pub fn without_empty(self, below: &str) -> Self {
        let mut inside = self.0.iter().filter(|(path, _)| path.starts_with(below));
        match inside.all(|(_, node)| node.kind == Kind::Directory) {
            true => self.without(below),
            false => self,
        }
    }

    pub fn file(&self, path: &str) -> Option<&[u8]> {
        match &self.0.get(Path::new(path))?.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// Every file with its content.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Node, &[u8])> {
        self.0.iter().filter_map(|(path, node)| match &node.kind {
            Kind::File(content) => Some((path.as_path(), node, content.as_slice())),
            _ => None,
        })
    }

    /// Asserts that it is as another, and names what is not.
    #[track_caller]
    pub fn assert_is(&self, wanted: &Self) {
        let only = |these: &Self, those: &Self| {
            let only = these.0.iter();
            let only = only.filter(|(path, node)| those.0.get(*path) != Some(node));
            let words = only.map(|(path, node)| format!("{} {node:?}", path.display()));
            words.collect::<Vec<_>>()
        };
        let (there, wanted) = (only(self, wanted), only(wanted, self));
        assert!(
            there.is_empty() && wanted.is_empty(),
            "there is {there:#?}, wanted {wanted:#?}"
        );
    }

    /// Asserts that nothing is left of what a command puts aside: `.NAME.` and 16 hexadecimal
    /// digits, whatever follows.
    #[track_caller]
    pub fn assert_nothing_staged(&self) {
        let is_staged = |path: &Path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_random =
                |part: &str| part.len() == 16 && part.bytes().all(|it| it.is_ascii_hexdigit());
            name.starts_with('.') && name.split('.').any(is_random)
        };
        let staged = self.0.keys().filter(|path| is_staged(path));
        let staged = Vec::from_iter(staged);
        assert!(staged.is_empty(), "left behind: {staged:?}");
    }

    /// Asserts that no file with a private key is open to others.
    #[track_caller]
    pub fn assert_no_open_key(&self) {
        for (path, node, content) in self.files() {
            let holds_key = content.windows(11).any(|part| part == b"PRIVATE KEY");
            assert!(
                !holds_key || node.mode & 0o077 == 0,
                "a key of mode {:04o}: {}",
                node.mode,
                path.display()
            );
        }
    }
}

fn read(root: &Path, below: &Path, nodes: &mut BTreeMap<PathBuf, Node>) {
    let Ok(entries) = fs::read_dir(root.join(below)) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        let metadata = entry.path().symlink_metadata().unwrap();
        let kind = match () {
            () if metadata.is_dir() => Kind::Directory,
            () if metadata.is_symlink() => Kind::Link(fs::read_link(entry.path()).unwrap()),
            () => Kind::File(fs::read(entry.path()).unwrap()),
        };
        if kind == Kind::Directory {
            read(root, &path, nodes);
        }
        let node = Node {
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
            kind,
        };
        nodes.insert(path, node);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, group) = self.owner;
        write!(f, "{:04o} {user}:{group} ", self.mode)?;
        match &self.kind {
            Kind::Directory => f.write_str("directory"),
            Kind::Link(to) => write!(f, "link to {}", to.display()),
            Kind::File(content) => {
                let text = String::from_utf8_lossy(content);
                write!(f, "file of {} octets: ", content.len())?;
                write!(f, "{:?}", text.chars().take(300).collect::<String>())
            }
        }
    }
}

/// Copies a directory with modes, owners and links to a path where nothing is.
pub fn copy(from: &Path, to: &Path) {
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        let metadata = entry.path().symlink_metadata().unwrap();
        if metadata.is_dir() {
            copy(&entry.path(), &to);
            continue;
        }
        if metadata.is_symlink() {
            symlink(fs::read_link(entry.path()).unwrap(), &to).unwrap();
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
        keep_owner(&metadata, &to);
    }
    let metadata = from.metadata().unwrap();
    keep_owner(&metadata, to);
    fs::set_permissions(to, metadata.permissions()).unwrap();
}

fn keep_owner(metadata: &fs::Metadata, to: &Path) {
    let now = to.symlink_metadata().unwrap();
    if (now.uid(), now.gid()) != (metadata.uid(), metadata.gid()) {
        lchown(to, Some(metadata.uid()), Some(metadata.gid())).unwrap();
    }
}

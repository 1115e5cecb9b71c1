//! Paths as seen from inside a root directory: an image being built, a chroot, or `/` itself.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use crate::host::{Error, absolute, platform};

/// A directory that stands for `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(PathBuf);

/// As many as Linux follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

impl Prefix {
    /// The machine's own root; on Windows that of each drive.
    pub fn root() -> Self {
        Self(PathBuf::from("/"))
    }

    /// The directory at this path, links followed.
    ///
    /// # Errors
    /// [`Error::NotADirectory`] if there is none.
    pub fn at(path: &Path) -> Result<Self, Error> {
        // It has no drive on Windows, and is not the root of that one alone.
        if path == Path::new("/") {
            return Ok(Self::root());
        }
        let path = absolute(path)?;
        let path = fs::canonicalize(&path).map_err(Error::io("read", &path))?;
        match path.is_dir() {
            true => Ok(Self(path)),
            false => Err(Error::NotADirectory {
                path,
                wanted: "a root directory",
            }),
        }
    }

    /// Whether it is the machine's own root.
    pub fn is_root(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a path from inside lies on the machine, with every symbolic link in it followed as
    /// from inside: none leads out of the prefix.  What is not there need not be.
    pub fn resolve(&self, inside: &Path) -> Result<PathBuf, Error> {
        self.follow(inside).map_err(Error::io("read", inside))
    }

    /// Where the way to a path from inside begins.  On Windows the machine has a root for each drive.
    fn root_of(&self, inside: &Path) -> PathBuf {
        let mut components = inside.components();
        match components.next() {
            Some(drive @ Component::Prefix(_)) if self.is_root() => {
                PathBuf::from_iter([drive, Component::RootDir])
            }
            _ => self.0.clone(),
        }
    }

    fn follow(&self, inside: &Path) -> io::Result<PathBuf> {
        let mut found = self.root_of(inside);
        // The last component first.
        let mut left: Vec<PathBuf> = components(inside);
        let mut links = 0;
        while let Some(component) = left.pop() {
            if component == Path::new("..") {
                if found != self.0 {
                    found.pop();
                }
                continue;
            }
            let next = found.join(&component);
            let is_link = match next.symlink_metadata() {
                Ok(metadata) => metadata.is_symlink(),
                Err(cause) if cause.kind() == ErrorKind::NotFound => false,
                Err(cause) => return Err(cause),
            };
            if !is_link {
                found = next;
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(platform::link_loop());
            }
            let target = fs::read_link(&next)?;
            if target.is_absolute() {
                found = self.root_of(&target);
            }
            left.extend(components(&target));
        }
        Ok(found)
    }
}

/// The components without root and `.`, the last first.
fn components(path: &Path) -> Vec<PathBuf> {
    let named = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut named = Vec::from_iter(named);
    named.reverse();
    named
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_leads_out() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let prefix = Prefix::at(&root).unwrap();
        let inside = |path: &str| prefix.resolve(Path::new(path)).unwrap();
        fs::create_dir(root.join("etc")).unwrap();
        symlink("/srv/docker", root.join("etc/docker")).unwrap();
        symlink("../../../../passwd", root.join("etc/up")).unwrap();
        symlink("loop", root.join("etc/loop")).unwrap();
        assert_eq!(inside("/etc/docker/CA"), root.join("srv/docker/CA"));
        assert_eq!(inside("/etc/up"), root.join("passwd"));
        assert_eq!(inside("/../../x"), root.join("x"));
        assert!(prefix.resolve(Path::new("/etc/loop")).is_err());
    }
}

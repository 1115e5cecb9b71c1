//! Open requests of a user: a key and what was sent to the CA, each in a directory of its own.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Error;
use super::machine::{Prefix, access};
use super::platform::{self, Exchanged};
use super::read::{key_state, public_state};
use super::write;
use crate::plan::NewFile;
use crate::plan::enroll::{KeyFile, KeyOf, OpenRequest, REQUESTS, pems};
use crate::plan::layout::{self, PairKind};
use crate::plan::state::FileState;

/// What is where a request is to be.
#[derive(Debug)]
pub enum RequestPlace {
    /// Nothing, or an empty directory.
    Free,
    /// A request.
    Open(OpenRequest),
    /// Something else.
    Other,
}

/// The directory of a request of this name, links in the path followed.
pub fn request_directory(docker_config: &Path, name: &str) -> Result<PathBuf, Error> {
    let docker_config = Prefix::root().resolve(docker_config)?;
    Ok(docker_config.join(REQUESTS).join(name))
}

/// What is in a request's directory.
pub fn request_place(directory: &Path) -> Result<RequestPlace, Error> {
    if access(directory)?.is_none() {
        return Ok(RequestPlace::Free);
    }
    let mut entries = fs::read_dir(directory).map_err(Error::io("read", directory))?;
    if entries.next().is_none() {
        return Ok(RequestPlace::Free);
    }
    let open = open_request(directory.to_owned());
    Ok(match (&open.key, &open.request) {
        (FileState::Absent, FileState::Absent) => RequestPlace::Other,
        _ => RequestPlace::Open(open),
    })
}

/// The files of a request.
pub fn open_request(directory: PathBuf) -> OpenRequest {
    let [key, request] = pems(&directory);
    OpenRequest {
        directory,
        key: key_state(&key),
        request: public_state(&request),
    }
}

/// The keys below docker's configuration directory a reply may be for: those of open requests by
/// name, then those of installed clients.
pub fn docker_keys(docker_config: &Path) -> Result<Vec<KeyFile>, Error> {
    let docker_config = Prefix::root().resolve(docker_config)?;
    let key_file = PairKind::Client.key_file();
    let mut keys = Vec::new();
    let mut add = |path: PathBuf, of: KeyOf| {
        let file = key_state(&path);
        keys.push(KeyFile { path, file, of });
    };
    let requests = docker_config.join(REQUESTS);
    for name in names(&requests)? {
        add(requests.join(&name).join(key_file), KeyOf::Request(name));
    }
    add(docker_config.join(key_file), KeyOf::Installed);
    let contexts = docker_config.join("contexts").join("tls");
    for id in names(&contexts)? {
        let directory = contexts.join(id).join("docker");
        add(directory.join(key_file), KeyOf::Installed);
    }
    Ok(keys)
}

/// The names in a directory in order, without hidden ones: what begins with a dot is being staged.
fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(directory) {
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.map_err(Error::io("read", directory))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io("read", directory))?.file_name();
        names.extend(
            name.into_string()
                .ok()
                .filter(|name| !name.starts_with('.')),
        );
    }
    names.sort();
    Ok(names)
}

/// Whether a request takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// There is none.
    Nothing,
    /// The one that is there goes, with its key.
    Open,
}

/// Puts a request in its place, whole or not at all, and durable.
pub fn place_request(directory: &Path, files: &[NewFile], replaced: Replaced) -> Result<(), Error> {
    let parent = directory.parent().unwrap_or(Path::new("/"));
    let made = make_missing(parent)?;
    let placed = platform::lock_directory(parent)
        .map_err(Error::io("lock", parent))
        .and_then(|_lock| {
            remove_leftovers(directory, parent)?;
            stage_and_publish(directory, files, replaced)?;
            let cause = |cause| Error::NotDurable {
                cause: Box::new(cause),
            };
            write::sync_one(parent).map_err(cause)
        });
    if placed.is_err() {
        // As it was; one in which somebody has put something by now stays.
        made.iter()
            .rev()
            .for_each(|path| drop(fs::remove_dir(path)));
    }
    placed
}

fn stage_and_publish(directory: &Path, files: &[NewFile], replaced: Replaced) -> Result<(), Error> {
    let staged = write::staged_path(directory)?;
    let published = stage(&staged, files).and_then(|()| match replaced {
        // The system takes an empty directory for none, and no other.
        Replaced::Nothing => write::rename(&staged, directory),
        Replaced::Open => exchange(&staged, directory),
    });
    // After an exchange it is the old request.
    let removed = write::remove(&staged);
    published.map_err(|error| match error {
        // Nobody knows the staged directory.
        Error::Io { action, cause, .. } => Error::io(action, directory)(cause),
        other => other,
    })?;
    removed.map_err(|cause| Error::StillKept {
        cause: Box::new(cause),
    })
}

fn stage(staged: &Path, files: &[NewFile]) -> Result<(), Error> {
    write::create_directory(staged, layout::DIRECTORY_MODE)?;
    let mut paths = vec![staged.to_owned()];
    for NewFile {
        path,
        mode,
        content,
    } in files
    {
        let path = staged.join(path);
        write::create_file(&path, *mode, content.bytes())?;
        paths.push(path);
    }
    write::sync(&paths, staged)
}

fn exchange(staged: &Path, directory: &Path) -> Result<(), Error> {
    if write::exchange(staged, directory)? == Exchanged::Yes {
        return Ok(());
    }
    let old = write::staged_path(directory)?;
    write::rename(directory, &old)?;
    match write::rename(staged, directory) {
        Ok(()) => write::remove(&old),
        Err(error) => {
            // Back as it was; if that fails too, the next command of the name finds neither.
            let _ = write::rename(&old, directory);
            Err(error)
        }
    }
}

/// Makes the directories on the way that are not there, for their owner alone, the outermost
/// first.
fn make_missing(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let missing = path
        .ancestors()
        .take_while(|it| it.symlink_metadata().is_err());
    let mut missing = Vec::from_iter(missing.map(Path::to_owned));
    missing.reverse();
    let mut made = Vec::new();
    for directory in missing {
        match write::create_directory(&directory, layout::DIRECTORY_MODE) {
            // Another was faster, and it is theirs.
            Err(error) if error.is_taken() => continue,
            Ok(()) => made.push(directory),
            Err(error) => {
                // That one too: it may be there, with another mode than it was to have.
                made.push(directory);
                made.iter()
                    .rev()
                    .for_each(|path| drop(fs::remove_dir(path)));
                return Err(error);
            }
        }
    }
    Ok(made)
}

/// Removes what a request of this name left that was killed: there may be a key in it.
fn remove_leftovers(directory: &Path, parent: &Path) -> Result<(), Error> {
    let Some(name) = directory.file_name().and_then(|name| name.to_str()) else {
        return Ok(());
    };
    let entries = fs::read_dir(parent).map_err(Error::io("read", parent))?;
    for entry in entries {
        let entry = entry.map_err(Error::io("read", parent))?;
        let found = entry.file_name();
        if found
            .to_str()
            .is_some_and(|found| write::is_staged(found, name))
        {
            write::remove(&entry.path())?;
        }
    }
    Ok(())
}

//! Reads a home into the state plans are made from.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::words;
use super::parallel::{self, Jobs};
use super::platform::{self, Links};
use super::progress::Progress;
use super::{Error, write};
use crate::pki::{Certificate, Serial};
use crate::plan::layout::{self, PairKind};
use crate::plan::ledger::{Entry, Event};
use crate::plan::renew::Keys;
use crate::plan::rollover::{ArchivedCa, PublicFiles, PublicPair};
use crate::plan::state::{DirectoryState, FileState, HomeState, OldPair, PairState, PresentFile};
use crate::plan::trust::Trust;
use crate::plan::verify::HomeDirectories;

/// Reads the parts of a home every command looks at.  A home that is not there is a state too.
pub fn home_state(path: &Path) -> Result<HomeState, Error> {
    let directory = directory_state(path)?;
    let mut others = Vec::new();
    if directory.is_some() {
        for entry in fs::read_dir(path).map_err(Error::io("read", path))? {
            let name = entry.map_err(Error::io("read", path))?.file_name();
            let name = name.to_string_lossy().into_owned();
            let known = [
                layout::LOCK,
                layout::CA_CERTIFICATE,
                layout::LEDGER,
                "lost+found",
            ];
            let is_journal = name.starts_with(layout::JOURNAL);
            if !is_journal && !known.contains(&name.as_str()) {
                others.push(name);
            }
        }
        others.sort();
    }
    let ledger = path.join(layout::LEDGER);
    let ca_certificate = path.join(layout::CA_CERTIFICATE);
    Ok(HomeState {
        path: path.to_owned(),
        directory,
        ca_certificate: required(&ca_certificate)?,
        ledger: required(&ledger)?,
        others,
    })
}

/// Reads a private key, unless others can read it too: then its mode is all that is read.
pub fn key_state(path: &Path) -> FileState {
    file_state(path, Secrecy::Key)
}

/// The state of `servers`, `clients` and `archive`.
pub fn home_directories(home: &Path) -> Result<HomeDirectories, Error> {
    let [servers, clients, archive] =
        layout::DIRECTORIES.map(|name| directory_state(&home.join(name)));
    Ok([servers?, clients?, archive?])
}

/// Whether a pair of that kind and name stands in the home, in whatever state.
pub fn exists(home: &Path, kind: PairKind, name: &str) -> bool {
    home.join(kind.pair(name)).symlink_metadata().is_ok()
}

/// Reads of every server and client what a renewal takes over, as [`map_pairs`] does.
pub fn map_old_pairs<T: Send>(
    home: &Path,
    keys: Keys,
    bar: impl FnOnce(usize) -> Progress,
    map: impl Fn(OldPair) -> T + Sync,
) -> Result<Vec<T>, Error> {
    map_names(home, bar, |kind, name| {
        map(old_pair(home, kind, name, keys))
    })
}

/// Reads of one server or client what a renewal takes over.
pub fn old_pair(home: &Path, kind: PairKind, name: String, keys: Keys) -> OldPair {
    let path = home.join(kind.pair(&name));
    OldPair {
        kind,
        certificate: file_state(&path.join(kind.certificate_file()), Secrecy::Public),
        key: match keys.are_kept() {
            true => Some(file_state(&path.join(kind.key_file()), Secrecy::Key)),
            false => absent(&path.join(kind.key_file())),
        },
        name,
    }
}

/// That nothing is there, if that is so.
fn absent(path: &Path) -> Option<FileState> {
    let found = path.symlink_metadata();
    let is_absent = found.is_err_and(|cause| cause.kind() == ErrorKind::NotFound);
    is_absent.then_some(FileState::Absent)
}

/// What of every server and client is no secret, and what stands among them and is no directory:
/// nobody can have been handed that out.
pub fn public_pairs(
    home: &Path,
    bar: impl FnOnce(usize) -> Progress,
) -> Result<(Vec<PublicPair>, Vec<PathBuf>), Error> {
    let all = map_names(home, bar, |kind, name| {
        let path = home.join(kind.pair(&name));
        // A link that leads to nothing, or to itself, is none either.
        let is_directory = fs::metadata(&path).is_ok_and(|it| it.is_dir());
        let is_stray = !is_directory && path.symlink_metadata().is_ok();
        match is_stray {
            true => Err(path),
            false => Ok(PublicPair {
                kind,
                files: public_files(kind, &path),
                name,
            }),
        }
    })?;
    let mut pairs = Vec::with_capacity(all.len());
    let mut strays = Vec::new();
    for one in all {
        match one {
            Ok(pair) => pairs.push(pair),
            Err(path) => strays.push(path),
        }
    }
    Ok((pairs, strays))
}

/// The files of a server or client that are no secret, in any directory.
pub fn public_files(kind: PairKind, directory: &Path) -> PublicFiles {
    PublicFiles {
        ca: file_state(&directory.join(layout::CA_CERTIFICATE), Secrecy::Public),
        certificate: file_state(&directory.join(kind.certificate_file()), Secrecy::Public),
    }
}

/// A CA in the archive, by its serial in hex.
pub fn archived_ca(home: &Path, serial: &str) -> ArchivedCa {
    let path = home.join(layout::ARCHIVE).join(serial);
    ArchivedCa {
        certificate: file_state(&path.join(layout::CA_CERTIFICATE), Secrecy::Public),
        key: file_state(&path.join(layout::CA_KEY), Secrecy::Key),
    }
}

/// Whether something is in the archive for a serial.
pub fn is_archived(home: &Path, serial: &Serial) -> bool {
    home.join(layout::archived(serial))
        .symlink_metadata()
        .is_ok()
}

/// The certificates in the archive of these serials, with whose they were.
pub fn archived_leaves(
    home: &Path,
    ledger: &[Entry],
    serials: &HashSet<String>,
) -> Vec<(String, Certificate)> {
    let issued = ledger
        .iter()
        .filter(|entry| entry.event == Event::Issued && serials.contains(&entry.serial));
    let read = issued.filter_map(|entry| {
        let mut kinds = PairKind::ALL.into_iter();
        let kind = kinds.find(|kind| kind.as_str() == entry.kind)?;
        let directory = home.join(layout::ARCHIVE).join(&entry.serial);
        let certificate = public_files(kind, &directory).certificate()?;
        Some((format!("{} `{}`", entry.kind, entry.name), certificate))
    });
    read.collect()
}

/// Whether anything is at a path.
pub fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Reads every server and client on all cores and keeps of each what `map` makes of it, so that
/// memory grows with the results and not with the files; `bar` begins one of as many ticks.
pub fn map_pairs<T: Send>(
    home: &Path,
    bar: impl FnOnce(usize) -> Progress,
    map: impl Fn(PairState) -> T + Sync,
) -> Result<Vec<T>, Error> {
    map_names(home, bar, |kind, name| map(pair_state(home, kind, name)))
}

fn map_names<T: Send>(
    home: &Path,
    bar: impl FnOnce(usize) -> Progress,
    map: impl Fn(PairKind, String) -> T + Sync,
) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    for kind in PairKind::ALL {
        let mut names = pair_names(home, kind)?;
        names.sort();
        all.extend(names.into_iter().map(|name| (kind, name)));
    }
    let progress = bar(all.len());
    Ok(parallel::map(all, 64, Jobs::Cores, |(kind, name)| {
        let mapped = map(kind, name);
        progress.tick();
        mapped
    }))
}

/// The first copy of a CA's certificate beside a server or client that `is_known`.
pub fn first_ca_copy(home: &Path, is_known: impl Fn(&Trust) -> bool) -> Option<PathBuf> {
    let pairs = PairKind::ALL.into_iter().flat_map(|kind| {
        let mut names = pair_names(home, kind).unwrap_or_default();
        names.sort();
        names.into_iter().map(move |name| kind.pair(&name))
    });
    let mut copies = pairs.map(|pair| home.join(pair).join(layout::CA_CERTIFICATE));
    copies.find(|copy| match file_state(copy, Secrecy::Public) {
        FileState::Present(file) => {
            Trust::from_pem(&file.content).is_ok_and(|trust| is_known(&trust))
        }
        _ => false,
    })
}

/// What commands left behind that nobody finished or undid: staged files and directories, and
/// journals somebody put aside.
pub fn leftovers(home: &Path) -> Vec<PathBuf> {
    let directories = [home.to_owned()].into_iter();
    let directories = directories.chain(layout::DIRECTORIES.map(|name| home.join(name)));
    let pairs = PairKind::ALL.into_iter().flat_map(|kind| {
        let names = pair_names(home, kind).unwrap_or_default().into_iter();
        names.map(move |name| home.join(kind.pair(&name)))
    });
    let mut found = Vec::new();
    for directory in directories.chain(pairs) {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_journal = directory == home && name.starts_with(layout::JOURNAL);
            if is_journal || write::looks_staged(&name) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// The names of the servers or clients in a home, in no order.
pub fn pair_names(home: &Path, kind: PairKind) -> Result<Vec<String>, Error> {
    let directory = home.join(kind.directory());
    let entries = match fs::read_dir(&directory) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read", &directory))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io("read", &directory))?.file_name();
        let name = name.to_string_lossy().into_owned();
        // No name begins with a dot; what does is being staged, or the desktop's.
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    Ok(names)
}

/// One server or client as it lies on disk.
pub fn pair_state(home: &Path, kind: PairKind, name: String) -> PairState {
    let path = home.join(kind.pair(&name));
    PairState {
        kind,
        directory: directory_state(&path).ok().flatten(),
        ca: file_state(&path.join(layout::CA_CERTIFICATE), Secrecy::Public),
        certificate: file_state(&path.join(kind.certificate_file()), Secrecy::Public),
        key: file_state(&path.join(kind.key_file()), Secrecy::Key),
        name,
    }
}

fn directory_state(path: &Path) -> Result<Option<DirectoryState>, Error> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(Some(DirectoryState {
            mode: platform::mode(path, &metadata),
            owner: platform::owner(&metadata).user,
        })),
        Ok(_) => Err(Error::NotADirectory {
            path: path.to_owned(),
            wanted: "the directory of a home",
        }),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::io("read", path)(cause)),
    }
}

/// Reads a file anybody may see; who wants a key asks [`key_state`].
/// Whether it is a directory, or a link to one.
pub fn is_directory(path: &Path) -> bool {
    path.is_dir()
}

/// A client's three files in a directory: CA, certificate, key.
pub fn client_files(directory: &Path) -> [FileState; 3] {
    let kind = PairKind::Client;
    [
        public_state(&directory.join(layout::CA_CERTIFICATE)),
        public_state(&directory.join(kind.certificate_file())),
        key_state(&directory.join(kind.key_file())),
    ]
}

pub(super) fn public_state(path: &Path) -> FileState {
    file_state(path, Secrecy::Public)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Public,
    Key,
}

/// Like [`file_state`], but a file that cannot be read is an error and no state.
fn required(path: &Path) -> Result<FileState, Error> {
    try_file_state(path, Secrecy::Public).map_err(Error::io("read", path))
}

fn file_state(path: &Path, secrecy: Secrecy) -> FileState {
    try_file_state(path, secrecy).unwrap_or_else(|cause| FileState::Unreadable(words(&cause)))
}

fn try_file_state(path: &Path, secrecy: Secrecy) -> io::Result<FileState> {
    // A FIFO in a key's place must not hang us.
    let file = match platform::open(OpenOptions::new().read(true), path, Links::Followed) {
        Ok(file) => file,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(FileState::Absent),
        Err(cause) => return Err(cause),
    };
    let metadata = file.metadata()?;
    let mode = platform::mode(path, &metadata);
    if metadata.is_dir() {
        return Ok(FileState::NotAFile("a directory"));
    }
    if !metadata.is_file() {
        return Ok(FileState::NotAFile("something that is no file"));
    }
    if secrecy == Secrecy::Key && mode & 0o077 != 0 {
        return Ok(FileState::OpenKey { mode });
    }
    // Reserved at once: a vector that grows leaves copies of a key behind.
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    let mut content = Zeroizing::new(Vec::new());
    content
        .try_reserve_exact(size.saturating_add(1))
        .map_err(|_| ErrorKind::OutOfMemory)?;
    (&file).read_to_end(&mut content)?;
    Ok(FileState::Present(PresentFile {
        mode,
        owner: platform::owner(&metadata).user,
        content,
    }))
}

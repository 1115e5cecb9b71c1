//! A file or directory that is made whole before it appears under its name.
//!
//! A file has no name until then, where the system can: a kill leaves nothing of a key behind.
//! Where it cannot, and for a directory, it has a hidden name beside its place.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::parallel::{self, Jobs};
use super::{Error, platform, write};
use crate::plan::bundle::{Bundle, Form, Member, Written};

/// The mode of a file that holds a key and is carried away.
const FILE_MODE: u32 = 0o600;
/// The mode of one in which nothing is secret: anybody may read what is sent.
const MESSAGE_MODE: u32 = 0o644;
/// The mode of a directory that holds one.
const DIRECTORY_MODE: u32 = 0o700;

/// Something made whole, which goes again unless it is published.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    what: Option<What>,
}

#[derive(Debug)]
enum What {
    /// A file without a name.
    Nameless(File),
    /// A file or directory under a hidden name.
    Hidden(PathBuf),
}

impl Staged {
    /// Makes a file that its owner alone can read, durable.  Something that is at its path is an
    /// error now, and when it is published.
    pub fn file(path: &Path, octets: &[u8]) -> Result<Self, Error> {
        Self::file_with(path, FILE_MODE, octets, Durable::Now)
    }

    /// The same of a message that anybody may read.
    pub fn message(path: &Path, text: &str) -> Result<Self, Error> {
        Self::file_with(path, MESSAGE_MODE, text.as_bytes(), Durable::Now)
    }

    fn file_with(path: &Path, mode: u32, octets: &[u8], durable: Durable) -> Result<Self, Error> {
        refuse_there(path)?;
        let what = match nameless(path)? {
            Some(mut file) => {
                let written = platform::set_file_mode(&file, mode)
                    .and_then(|()| file.write_all(octets))
                    .and_then(|()| durable.sync(&file));
                written.map_err(Error::io("write", path))?;
                What::Nameless(file)
            }
            None => {
                let hidden = Hidden(write::staged_path(path)?);
                let written = write::create_file(&hidden.0, mode, octets)
                    .and_then(|file| durable.sync(&file).map_err(Error::io("write", path)));
                written.map_err(|error| named(error, path))?;
                What::Hidden(hidden.keep())
            }
        };
        Ok(Self {
            path: path.to_owned(),
            what: Some(what),
        })
    }

    /// Makes a directory that its owner alone can enter, with its files, durable.
    pub fn directory(path: &Path, members: &[Member<'_>]) -> Result<Self, Error> {
        Self::directory_with(path, members, Durable::Now)
    }

    fn directory_with(
        path: &Path,
        members: &[Member<'_>],
        durable: Durable,
    ) -> Result<Self, Error> {
        refuse_there(path)?;
        let hidden = Hidden(write::staged_path(path)?);
        write::create_directory(&hidden.0, DIRECTORY_MODE).map_err(|error| named(error, path))?;
        for member in members {
            let file = hidden.0.join(member.name);
            write::create_file(&file, member.mode, member.content)
                .and_then(|made| durable.sync(&made).map_err(Error::io("write", &file)))
                .map_err(|error| named(error, path))?;
        }
        if durable == Durable::Now {
            write::sync_one(&hidden.0).map_err(|error| named(error, path))?;
        }
        Ok(Self {
            path: path.to_owned(),
            what: Some(What::Hidden(hidden.keep())),
        })
    }

    /// Gives it its name, unless something has it by now; durable before this returns.
    pub fn publish(mut self) -> Result<(), Error> {
        self.name()?;
        write::sync_one(parent(&self.path)).map_err(|cause| Error::NotDurable {
            cause: Box::new(cause),
        })
    }

    fn name(&mut self) -> Result<(), Error> {
        match &self.what {
            Some(What::Nameless(file)) => {
                platform::name_file(file, &self.path).map_err(Error::io("write", &self.path))?;
            }
            Some(What::Hidden(hidden)) => write::rename_to_new(hidden, &self.path)?,
            None => {}
        }
        self.what = None;
        Ok(())
    }
}

/// When what is staged is made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durable {
    /// Each by itself.
    Now,
    /// By whoever stages many of them.
    Later,
}

impl Durable {
    fn sync(self, file: &File) -> std::io::Result<()> {
        match self {
            Self::Now => file.sync_all(),
            Self::Later => Ok(()),
        }
    }
}

/// A client that is handed out: where to, and as what.
#[derive(Debug)]
pub struct Parcel {
    /// The file or directory that is to be.
    pub path: PathBuf,
    /// The form.
    pub form: Form,
    /// What is in it.
    pub bundle: Bundle,
}

/// Makes the directory that parcels go to, for its owner alone, if it is not there.
pub fn parcel_directory(path: &Path) -> Result<(), Error> {
    match path.symlink_metadata() {
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            write::create_directory(path, DIRECTORY_MODE)?;
            write::sync_one(parent(path))
        }
        _ if path.is_dir() => Ok(()),
        _ => Err(Error::io("write in", path)(ErrorKind::NotADirectory.into())),
    }
}

/// So many files are open at once: a process may have 1024 by itself.
const AT_ONCE: usize = 256;

/// Puts parcels into a directory, each whole or not at all, and all of them durable before this
/// returns.  `tick` is called for each.
///
/// # Errors
/// After the first error nothing more appears.
pub fn place_parcels(
    directory: &Path,
    parcels: &[Parcel],
    jobs: Jobs,
    tick: &(dyn Fn() + Sync),
) -> Result<(), Error> {
    for parcels in parcels.chunks(AT_ONCE) {
        let durable = match platform::SYNC_FILE_SYSTEM {
            Some(_) => Durable::Later,
            None => Durable::Now,
        };
        let staged = parallel::map(Vec::from_iter(parcels), AT_ONCE / 4, jobs, |parcel| {
            tick();
            stage(parcel, durable)
        });
        let staged = staged.into_iter().collect::<Result<Vec<_>, _>>()?;
        if let Some(sync_file_system) = platform::SYNC_FILE_SYSTEM {
            let opened = File::open(directory).map_err(Error::io("read", directory))?;
            sync_file_system(&opened).map_err(Error::io("write", directory))?;
        }
        for mut one in staged {
            one.name()?;
        }
    }
    write::sync_one(directory).map_err(|cause| Error::NotDurable {
        cause: Box::new(cause),
    })
}

fn stage(parcel: &Parcel, durable: Durable) -> Result<Staged, Error> {
    let Parcel { path, form, bundle } = parcel;
    let written = bundle.write(*form).map_err(|cause| Error::Parcel {
        path: path.clone(),
        cause,
    })?;
    match written {
        Written::File(octets) => Staged::file_with(path, FILE_MODE, &octets, durable),
        Written::Directory(members) => Staged::directory_with(path, &members, durable),
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(What::Hidden(hidden)) = &self.what {
            // Why it is not published is told already.
            let _ = write::remove(hidden);
        }
    }
}

/// A hidden name whose file or directory goes again, unless it is kept.
struct Hidden(PathBuf);

impl Hidden {
    fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = write::remove(&self.0);
        }
    }
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn refuse_there(path: &Path) -> Result<(), Error> {
    match path.symlink_metadata() {
        Ok(_) => Err(Error::io("write", path)(platform::taken())),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(Error::io("write", path)(cause)),
    }
}

/// Nobody knows the hidden name.
fn named(error: Error, path: &Path) -> Error {
    match error {
        Error::Io { action, cause, .. } => Error::io(action, path)(cause),
        other => other,
    }
}

/// What a killed command left under hidden names beside a place: it may hold a key.
pub fn left_beside(path: &Path) -> Vec<PathBuf> {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else {
        return Vec::new();
    };
    let entries = fs::read_dir(parent(path)).into_iter().flatten().flatten();
    let hidden = entries.filter(|entry| {
        let hidden = entry.file_name();
        write::is_staged(&hidden.to_string_lossy(), &name)
    });
    let mut left = Vec::from_iter(hidden.map(|entry| entry.path()));
    left.sort();
    left
}

/// A file without a name in the directory of this path; nothing where the system has none.
fn nameless(path: &Path) -> Result<Option<File>, Error> {
    platform::nameless_file(parent(path), FILE_MODE).map_err(Error::io("write", path))
}

/// Writes octets to standard output, past its buffer, which nobody zeroes.
pub fn write_stdout(octets: &[u8]) -> Result<(), Error> {
    platform::unbuffered_stdout()
        .and_then(|mut stdout| stdout.write_all(octets))
        .map_err(Error::io("write", Path::new("/dev/stdout")))
}

//! Reads a daemon's host into the state a plan is made from.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::host::Error;
use crate::host::client::process_owner;
use crate::host::machine::{Prefix, access, file_image};
use crate::plan::install::{DaemonMode, Defaults, Place, SERVER_FILES, ServerState, UnitState};
use crate::plan::systemd::{
    DIRECTORIES, DROP_IN_NAMES, EnvironmentFile, Service, UnitFile, UnitFiles, glob, is_ours, order,
};

/// Which files of a host are looked at.  Paths are as seen from inside the prefix.
#[derive(Debug)]
pub struct Where {
    /// What stands for `/`.
    pub prefix: Prefix,
    /// Whose daemon it is.
    pub mode: DaemonMode,
    /// Where it has what nobody names.
    pub defaults: Defaults,
    /// The directory of the daemon's certificates, if that was said.
    pub directory: Option<PathBuf>,
    /// daemon.json, if that was said; else it is what the unit names.
    pub daemon_json: Option<PathBuf>,
    /// Whether docker.service starts the daemon.
    pub started_by: StartedBy,
}

/// What starts the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartedBy {
    /// docker.service, if there is one.
    Systemd,
    /// Something else: a unit that may lie there has no say.
    Others,
}

const DROP_IN_DIRECTORY: &str = "/etc/systemd/system/docker.service.d";

/// Reads a daemon's host.
pub fn server_state(at: &Where) -> Result<ServerState, Error> {
    let Where {
        prefix,
        mode,
        defaults,
        directory,
        daemon_json,
        started_by,
    } = at;
    let unit = match started_by {
        StartedBy::Systemd => unit_state(prefix)?,
        StartedBy::Others => None,
    };
    let named = unit.as_ref().and_then(|unit| {
        // A unit that cannot be read is the plan's to refuse.
        let service = Service::parse(&unit.service, &unit.environment).ok()?;
        service.flags().config_file.clone().map(PathBuf::from)
    });
    let daemon_json = daemon_json.clone().or(named);
    let daemon_json = daemon_json.unwrap_or_else(|| defaults.daemon_json.clone());
    let daemon_json = place(prefix, &daemon_json, Kind::File)?;
    let directory = directory.as_ref().unwrap_or(&defaults.directory);
    let directory = place(prefix, directory, Kind::Directory)?;
    let mut files = [None, None, None];
    for (file, (name, _)) in files.iter_mut().zip(SERVER_FILES) {
        *file = file_image(&directory.path.join(name))?;
    }
    Ok(ServerState {
        // Us, and that is root on a daemon's host.
        owner: process_owner(),
        mode: *mode,
        defaults: defaults.clone(),
        directory_access: access(&directory.path)?,
        directory,
        files,
        daemon_json_image: file_image(&daemon_json.path)?,
        daemon_json,
        unit,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
}

fn place(prefix: &Prefix, inside: &Path, kind: Kind) -> Result<Place, Error> {
    let path = prefix.resolve(inside)?;
    let from = match kind {
        Kind::Directory => Some(path.as_path()),
        Kind::File => path.parent(),
    };
    let above = from.into_iter().flat_map(Path::ancestors);
    let missing = above.take_while(|above| above.symlink_metadata().is_err());
    let mut missing = Vec::from_iter(missing.map(Path::to_owned));
    missing.reverse();
    Ok(Place {
        inside: inside.to_owned(),
        path,
        missing,
    })
}

/// docker.service with what belongs to it; nothing if there is none.
pub fn unit_state(prefix: &Prefix) -> Result<Option<UnitState>, Error> {
    let Some(service) = unit_files(prefix, "docker.service")? else {
        return Ok(None);
    };
    let mut environment = Vec::new();
    for named in service.environment_files() {
        for path in matching(prefix, &named.path)? {
            if let Some(text) = text(&prefix.resolve(&path)?)? {
                environment.push(EnvironmentFile { path, text });
            }
        }
    }
    let drop_in_directory = place(prefix, Path::new(DROP_IN_DIRECTORY), Kind::Directory)?;
    let mut drop_ins = Vec::new();
    for name in DROP_IN_NAMES {
        let path = drop_in_directory.path.join(name);
        if let Some(image) = file_image(&path)? {
            let text = String::from_utf8_lossy(&image.content).into_owned();
            if is_ours(&UnitFile { path, text }) {
                drop_ins.push((name.to_owned(), image));
            }
        }
    }
    Ok(Some(UnitState {
        service,
        environment,
        socket: unit_files(prefix, "docker.socket")?,
        drop_in_directory,
        drop_ins,
    }))
}

/// The paths from inside that a pattern of glob(7) stands for, in the order of their octets: glob(3)
/// has that of the locale systemd runs in, which nobody knows here.  A path that is none stands for
/// itself, whether it is there or not.
fn matching(prefix: &Prefix, pattern: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let component = component.as_os_str();
        let pattern = match component.to_str() {
            Some(pattern) if !glob::is_plain(pattern) => pattern,
            _ => {
                found.iter_mut().for_each(|path| path.push(component));
                continue;
            }
        };
        let mut below = Vec::new();
        for directory in &found {
            // As for glob(3), one that cannot be read has nothing in it.
            let entries = fs::read_dir(prefix.resolve(directory)?);
            for entry in entries.into_iter().flatten() {
                let name = entry.map_err(Error::io("read", directory))?.file_name();
                if name.to_str().is_some_and(|it| glob::matches(pattern, it)) {
                    below.push(directory.join(name));
                }
            }
        }
        found = below;
    }
    found.sort_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
    Ok(found)
}

/// A unit with its drop-ins, as systemd would read them.
fn unit_files(prefix: &Prefix, name: &str) -> Result<Option<UnitFiles>, Error> {
    let (_, kind) = name.rsplit_once('.').unwrap_or(("", name));
    let mut unit = None;
    let mut directories = Vec::new();
    for directory in DIRECTORIES.map(Path::new) {
        if unit.is_none() {
            unit = unit_file(prefix, &directory.join(name))?;
        }
        for drop_ins in [format!("{name}.d"), format!("{kind}.d")] {
            directories.push(drop_in_files(prefix, &directory.join(drop_ins))?);
        }
    }
    Ok(unit.map(|unit| UnitFiles {
        unit,
        drop_ins: order(directories),
    }))
}

fn drop_in_files(prefix: &Prefix, inside: &Path) -> Result<Vec<UnitFile>, Error> {
    let Ok(entries) = fs::read_dir(prefix.resolve(inside)?) else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io("read", inside))?.file_name();
        if Path::new(&name).extension() == Some(OsStr::new("conf"))
            && let Some(file) = unit_file(prefix, &inside.join(name))?
        {
            files.push(file);
        }
    }
    Ok(files)
}

/// A file of a unit; one that is a link to /dev/null is empty, which masks it.  Its path is that
/// on the machine, under its own name, which says where it ranks.
fn unit_file(prefix: &Prefix, inside: &Path) -> Result<Option<UnitFile>, Error> {
    let path = prefix.resolve(inside)?;
    let text = match path == prefix.path().join("dev/null") {
        true => Some(String::new()),
        false => text(&path)?,
    };
    let (Some(text), Some(directory), Some(name)) = (text, inside.parent(), inside.file_name())
    else {
        return Ok(None);
    };
    let path = prefix.resolve(directory)?.join(name);
    Ok(Some(UnitFile { path, text }))
}

fn text(path: &Path) -> Result<Option<String>, Error> {
    Ok(file_image(path)?.map(|image| String::from_utf8_lossy(&image.content).into_owned()))
}

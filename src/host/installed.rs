//! Reads the certificates a machine has outside the home, and what its daemon serves.
//!
//! Nothing here fails for one file: what cannot be read is told as that.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::client::docker_config;
use super::daemon::{defaults, runs_systemd, unit_state};
use super::environment::{absolute, path_variable};
use super::error;
use super::invoker::caller;
use super::machine::{Prefix, Store, file_image, user_store};
use super::platform;
use super::probe::served;
use super::read::{key_state, public_state};
use crate::plan::check::daemon::DaemonTls;
use crate::plan::check::installed::{Installed, InstalledPair, Place, Served};
use crate::plan::context::{ContextName, name_in};
use crate::plan::daemon_json::DaemonJson;
use crate::plan::install::{DaemonMode, Defaults, Listen, SERVER_FILES};
use crate::plan::layout::{self, PairKind};
use crate::plan::state::{FileState, PairState};
use crate::plan::systemd::{DaemonFlags, Service};

/// Reads a machine.  Under a prefix nobody is asked, and no user looked at: an image has its
/// daemon's files alone.
pub fn installed(prefix: &Prefix, limit: Duration) -> Installed {
    let (mode, places) = daemon_of_caller(prefix);
    let mut found = Installed::nothing(mode);
    if platform::HAS_DAEMONS {
        daemon(prefix, &places, limit, &mut found);
    }
    if prefix.is_root() {
        clients(&mut found);
    }
    found
}

/// A user's own daemon, where the caller has configured one, else the one of the host.
fn daemon_of_caller(prefix: &Prefix) -> (DaemonMode, Defaults) {
    let is_theirs = |places: &Defaults| places.daemon_json.exists() || places.directory.exists();
    let theirs = defaults(DaemonMode::Rootless).ok();
    match theirs.filter(|places| prefix.is_root() && is_theirs(places)) {
        Some(places) => (DaemonMode::Rootless, places),
        None => (DaemonMode::Rootful, Defaults::rootful()),
    }
}

fn daemon(prefix: &Prefix, places: &Defaults, limit: Duration, found: &mut Installed) {
    let flags = flags(prefix, found);
    let named = flags.config_file.as_ref().map(PathBuf::from);
    let json_path = named.unwrap_or_else(|| places.daemon_json.clone());
    let in_directory = |index: usize| places.directory.join(SERVER_FILES[index].0);
    let tls = match daemon_json(prefix, &json_path) {
        Ok(json) => DaemonTls::of(&json, &flags),
        Err(cause) => {
            // As it is called here: inside of an image it is another's.
            let here = prefix.resolve(&json_path).unwrap_or(json_path);
            found.unreadable.push((here, cause));
            None
        }
    };
    let inside = match &tls {
        Some(DaemonTls {
            paths: [ca, Some(certificate), Some(key)],
            ..
        }) => Some((ca.clone(), certificate.clone(), key.clone())),
        Some(_) => None,
        None => {
            let is_there = prefix
                .resolve(&in_directory(1))
                .is_ok_and(|path| path.symlink_metadata().is_ok());
            is_there.then(|| (Some(in_directory(0)), in_directory(1), in_directory(2)))
        }
    };
    if let Some((ca, certificate, key)) = inside {
        let resolve = |path: &Path| {
            prefix
                .resolve(path)
                .map_err(|cause| (path.to_owned(), cause.cause()))
        };
        let resolved = || {
            let ca = ca.as_deref().map(resolve).transpose()?;
            Ok((ca, resolve(&certificate)?, resolve(&key)?))
        };
        match resolved() {
            Ok((ca, certificate, key)) => {
                let pair = Reader::Any.pair(Place::Daemon, PairKind::Server, ca, certificate, key);
                found.server = Some(pair);
            }
            Err(unreadable) => found.unreadable.push(unreadable),
        }
    }
    let Some(tls) = tls.filter(|_| prefix.is_root()) else {
        return;
    };
    for listen in tls.listens {
        found.served.push(Served {
            answer: ask(&listen, limit),
            address: listen.to_string(),
        });
    }
}

/// The flags of docker.service, where it is what starts the daemon.
fn flags(prefix: &Prefix, found: &mut Installed) -> DaemonFlags {
    // Where systemd does not run, docker.service has no say, and over a user's daemon never.
    let is_others = found.mode == DaemonMode::Rootless;
    if is_others || (prefix.is_root() && !runs_systemd()) {
        return DaemonFlags::default();
    }
    match unit_state(prefix) {
        Ok(Some(unit)) => {
            // With our drop-in in place, the flags that clash with daemon.json are not there.
            let service = Service::parse(&unit.service, &unit.environment);
            let is_freed = !unit.drop_ins.is_empty();
            let flags = service.map(|service| service.flags().clone());
            match (flags, is_freed) {
                (Ok(flags), false) => flags,
                (Ok(flags), true) => DaemonFlags {
                    config_file: flags.config_file,
                    ..DaemonFlags::default()
                },
                (Err(_), _) => DaemonFlags::default(),
            }
        }
        Ok(None) => DaemonFlags::default(),
        Err(cause) => {
            let unit = PathBuf::from("docker.service");
            found.unreadable.push((unit, cause.cause()));
            DaemonFlags::default()
        }
    }
}

/// daemon.json, or in words why it cannot be read.
fn daemon_json(prefix: &Prefix, inside: &Path) -> Result<DaemonJson, String> {
    let image = prefix.resolve(inside).and_then(|path| file_image(&path));
    let image = image.map_err(|error| error.cause())?;
    let content = image.as_ref().map_or(&[][..], |image| &image.content);
    DaemonJson::parse(content).map_err(|fault| fault.to_string())
}

/// Every address of the machine has the loopback among them.
fn ask(listen: &Listen, limit: Duration) -> Result<crate::pki::Certificate, String> {
    let host = match (listen.is_everywhere(), listen.host().contains(':')) {
        (false, _) => listen.host(),
        (true, false) => "127.0.0.1",
        (true, true) => "::1",
    };
    served(host, listen.port(), limit)
}

/// The copies of whoever calls, under sudo the caller's.
fn clients(found: &mut Installed) {
    // Who has no directory has no certificates in it.
    let Ok(caller) = caller() else { return };
    let Ok(own) = docker_config(None, caller.as_ref()) else {
        return;
    };
    let reader = match caller {
        Some(_) => Reader::FilesAlone,
        None => Reader::Any,
    };
    let caller_home = caller.as_ref().and_then(|caller| caller.home.as_deref());
    if let Ok(store) = user_store(caller_home) {
        copies(&own, &store, reader, found);
    }
}

/// Every copy of a client's three files that this user has: in docker's configuration directory, in
/// others that were installed into by the records in `store`, in the contexts of each, whoever made
/// them, and where `$DOCKER_CERT_PATH` says.
pub fn client_copies(docker_config: &Path, store: &Path) -> Vec<InstalledPair> {
    let mut found = Installed::nothing(DaemonMode::Rootful);
    copies(docker_config, store, Reader::Any, &mut found);
    found.clients
}

fn copies(own: &Path, store: &Path, reader: Reader, found: &mut Installed) {
    let mut seen = vec![real(own)];
    docker_config_clients(Place::DockerConfig, own, reader, found);
    for directory in installed_into(store) {
        if !seen.contains(&real(&directory)) {
            seen.push(real(&directory));
            let place = Place::Directory(directory.clone());
            docker_config_clients(place, &directory, reader, found);
        }
    }
    // Root's, as far as sudo passes it on.
    let cert_path = path_variable("DOCKER_CERT_PATH").and_then(|path| absolute(&path).ok());
    if let Some(directory) = cert_path.filter(|path| !seen.contains(&real(path))) {
        let place = Place::Directory(directory.clone());
        found.clients.extend(client(place, &directory, reader));
    }
}

/// The directory itself, so that each is looked at once.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Where the records of a user say that a client was installed, the last first.
fn installed_into(store: &Path) -> Vec<PathBuf> {
    let records = Store::records(store);
    let notes = records.unwrap_or_default().into_iter().rev();
    let places = notes.flat_map(|(_, record)| record.notes.clients);
    places.map(|place| place.docker_config).collect()
}

/// Those of one of docker's configuration directories, and of its contexts.
fn docker_config_clients(place: Place, directory: &Path, reader: Reader, found: &mut Installed) {
    let docker_config = match &place {
        Place::Directory(directory) => Some(directory.clone()),
        Place::Daemon | Place::DockerConfig | Place::Context { .. } => None,
    };
    found.clients.extend(client(place, directory, reader));
    let contexts = directory.join("contexts").join("tls");
    let entries = match fs::read_dir(&contexts) {
        Ok(entries) => entries,
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return;
        }
        Err(cause) => {
            found.unreadable.push((contexts, error::words(&cause)));
            return;
        }
    };
    let ids = entries.flatten().map(|entry| entry.file_name());
    let mut ids = Vec::from_iter(ids.map(|id| id.to_string_lossy().into_owned()));
    ids.sort();
    let mut pairs = Vec::new();
    for id in ids {
        let name = context_name(directory, &id);
        let name = name.map_or_else(|| id.clone(), |name| name.to_string());
        let files = contexts.join(&id).join("docker");
        let place = Place::Context {
            name: name.clone(),
            docker_config: docker_config.clone(),
        };
        pairs.extend(client(place, &files, reader).map(|it| (name, it)));
    }
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
        .clients
        .extend(pairs.into_iter().map(|(_, pair)| pair));
}

/// The name of a context by its directory, which is called by the digest of the name.
fn context_name(docker_config: &Path, id: &str) -> Option<ContextName> {
    let path = docker_config
        .join("contexts")
        .join("meta")
        .join(id)
        .join("meta.json");
    let image = file_image(&path).ok()??;
    name_in(&image.content).filter(|name| name.store_id() == id)
}

/// The three files in a directory as docker's client names them; nothing if there is none of them.
fn client(place: Place, directory: &Path, reader: Reader) -> Option<InstalledPair> {
    let kind = PairKind::Client;
    let [ca, certificate, key] = [
        layout::CA_CERTIFICATE,
        kind.certificate_file(),
        kind.key_file(),
    ]
    .map(|name| directory.join(name));
    let mut pair = reader.pair(place, kind, Some(ca), certificate, key);
    let is_there = |file: &FileState| !matches!(file, FileState::Absent);
    let PairState {
        ca,
        certificate,
        key,
        ..
    } = &pair.state;
    let any = [ca, certificate, key].into_iter().any(is_there);
    if !is_there(ca) {
        pair.ca = None;
    }
    any.then_some(pair)
}

/// How files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Whatever is there, links followed.
    Any,
    /// Files and no links: another user could have root open whatever they like.
    FilesAlone,
}

impl Reader {
    fn pair(
        self,
        place: Place,
        kind: PairKind,
        ca: Option<PathBuf>,
        certificate: PathBuf,
        key: PathBuf,
    ) -> InstalledPair {
        let state = PairState {
            kind,
            name: String::new(),
            directory: None,
            ca: match &ca {
                Some(path) => self.read(path, public_state),
                None => FileState::Absent,
            },
            certificate: self.read(&certificate, public_state),
            key: self.read(&key, key_state),
        };
        InstalledPair {
            place,
            ca,
            certificate,
            key,
            state,
        }
    }

    fn read(self, path: &Path, read: fn(&Path) -> FileState) -> FileState {
        match path.symlink_metadata() {
            Ok(metadata) if self == Self::FilesAlone && !metadata.is_file() => {
                FileState::NotAFile("something that is no file")
            }
            _ => read(path),
        }
    }
}

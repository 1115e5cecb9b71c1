//! Plans the user's half of an installation: `~/.docker` and docker's context.
//!
//! Nothing of the user's is touched but `ca.pem`, `cert.pem` and `key.pem` and the one context;
//! what those held is told in the plan's notices.

mod error;
mod notice;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use super::context::{ContextName, Metadata, Verification};
use super::docker_host::DockerHost;
use super::layout::{self, PairKind};
use super::machine::{Access, FileChange, FileImage, MachineChange, MachinePlan, MachineStep};
use super::pair::SoundPair;
use super::permissions::{Item, Owner};

pub use error::ClientError;
pub use notice::{Held, Notice};

/// What is wanted.
#[derive(Debug)]
pub struct ClientWish {
    /// What goes into the files.
    pub pair: SoundPair,
    /// The daemon the context is for; nothing to keep the one it has.
    pub host: Option<DockerHost>,
    /// The context, if somebody named one.
    pub context: Option<ContextName>,
    /// Whose files they are to be.
    pub owner: Owner,
    /// Where they go.
    pub reach: Reach,
}

/// Where a client's files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Into docker's configuration directory, and into the context if there is one.
    Both,
    /// Into the context alone: the directory has another client by now.
    ContextAlone,
}

/// Where a client was installed, for whoever renews it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedClient {
    /// Its name in the home.
    pub name: String,
    /// docker's configuration directory.
    pub docker_config: PathBuf,
    /// The context that uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextName>,
    /// Where its files went.
    pub reach: Reach,
}

impl PlacedClient {
    /// The directory of its three files.
    pub fn directory(&self) -> PathBuf {
        match &self.context {
            Some(context) => self.docker_config.join(context.tls_directory()),
            None => self.docker_config.clone(),
        }
    }
}

impl ClientWish {
    /// The context that is written: the one named, else the host's; none without either.
    pub fn context_name(&self) -> Option<ContextName> {
        ContextName::of(self.context.as_ref(), self.host.as_ref())
    }
}

/// Where a plan looks, and where it may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The directories, each after the one it is in.
    pub directories: Vec<PathBuf>,
    /// The files.
    pub files: Vec<PathBuf>,
}

impl Places {
    /// Those below docker's configuration directory, and the directories on the way to it.
    pub fn new(docker_config: &Path, context: Option<&ContextName>) -> Self {
        let on_the_way = docker_config.ancestors().filter(|it| it.parent().is_some());
        let mut directories = Vec::from_iter(on_the_way.map(Path::to_owned));
        directories.reverse();
        let mut files = Vec::from(pems(docker_config));
        if let Some(context) = context {
            let below = context.directories();
            directories.extend(below.map(|below| docker_config.join(below)));
            files.extend(pems(&docker_config.join(context.tls_directory())));
            files.push(docker_config.join(context.metadata_file()));
        }
        Self { directories, files }
    }
}

/// The names docker's client looks for: CA, certificate, key.
fn pems(directory: &Path) -> [PathBuf; 3] {
    [
        layout::CA_CERTIFICATE,
        PairKind::Client.certificate_file(),
        PairKind::Client.key_file(),
    ]
    .map(|name| directory.join(name))
}

/// What is on disk at the [`Places`].
#[derive(Debug)]
pub struct ClientState {
    /// docker's configuration directory, from the root on and without links in it.
    pub docker_config: PathBuf,
    /// The directories that are there.
    pub directories: BTreeMap<PathBuf, Access>,
    /// The files that are there.
    pub files: BTreeMap<PathBuf, FileImage>,
}

/// What is done, and what should be known of it.
#[derive(Debug)]
pub struct ClientPlan {
    /// What is done; nothing if all is as wanted.
    pub plan: MachinePlan,
    /// What a person should know before.
    pub notices: Vec<Notice>,
    /// The context that will be there.
    pub context: Option<ContextName>,
}

impl ClientPlan {
    /// One that does nothing yet.
    pub fn nothing(command: &str) -> Self {
        Self {
            plan: MachinePlan {
                command: command.to_owned(),
                steps: Vec::new(),
            },
            notices: Vec::new(),
            context: None,
        }
    }

    /// Takes another's steps in; a directory that both make is made once.
    pub fn add(&mut self, other: Self) {
        for step in other.plan.steps {
            let MachineStep::Change(change) = &step else {
                continue;
            };
            if self.plan.changes().all(|it| it.path() != change.path()) {
                self.plan.steps.push(step);
            }
        }
        self.notices.extend(other.notices);
    }
}

/// Plans the files in docker's configuration directory and those of the context.
///
/// # Errors
/// [`Error::Client`] if something there is another user's, or the context cannot be written.
pub fn plan(state: &ClientState, wish: &ClientWish) -> Result<ClientPlan, Error> {
    let context = wish.context_name();
    let Places { directories, files } = Places::new(&state.docker_config, context.as_ref());
    refuse_foreign(state, &directories, &files, wish.owner)?;
    let mut draft = Draft {
        state,
        owner: wish.owner,
        changes: Vec::new(),
        notices: Vec::new(),
    };
    for directory in directories {
        draft.directory(directory);
    }
    if wish.reach == Reach::Both {
        draft.pair(
            &state.docker_config,
            &wish.pair,
            [Item::Certificate, Item::Key],
        );
    }
    if let Some(name) = &context {
        let metadata = metadata(&mut draft, wish, name)?;
        let tls = state.docker_config.join(name.tls_directory());
        draft.pair(&tls, &wish.pair, [Item::ContextPem; 2]);
        // Last, for docker knows a context by it.
        if let Some(content) = metadata {
            let path = state.docker_config.join(name.metadata_file());
            let mut access = Item::ContextMetadata.owned_by(wish.owner);
            if let Some(before) = state.files.get(&path) {
                access.mode = before.access.mode;
            }
            draft.file(path, FileImage::new(content, access));
        }
    }
    Ok(ClientPlan {
        plan: MachinePlan {
            command: "install client".into(),
            steps: draft.changes.into_iter().map(MachineStep::Change).collect(),
        },
        notices: draft.notices,
        context,
    })
}

/// In another user's directory they could put their own CA in our place, and another user's file
/// could not be put back as it was.
fn refuse_foreign(
    state: &ClientState,
    directories: &[PathBuf],
    files: &[PathBuf],
    owner: Owner,
) -> Result<(), ClientError> {
    let ours = |path: &&PathBuf| path.starts_with(&state.docker_config);
    let directories = directories.iter().filter(ours);
    let directories = directories.filter_map(|path| Some((path, state.directories.get(path)?)));
    let files = files
        .iter()
        .filter_map(|path| Some((path, &state.files.get(path)?.access)));
    match directories
        .chain(files)
        .find(|(_, it)| it.user != owner.user)
    {
        Some((path, access)) => Err(ClientError::Foreign {
            path: path.clone(),
            owner: access.user,
            wanted: owner.user,
        }),
        None => Ok(()),
    }
}

/// The content of the context's meta.json; nothing if it stays as it is.
fn metadata(
    draft: &mut Draft<'_>,
    wish: &ClientWish,
    name: &ContextName,
) -> Result<Option<String>, ClientError> {
    let path = draft.state.docker_config.join(name.metadata_file());
    let before = match draft.state.files.get(&path) {
        Some(file) => Some(Metadata::read(name, &path, &file.content)?),
        None => None,
    };
    let (before, host) = match (before, &wish.host) {
        (None, None) => return Err(ClientError::NoContext { name: name.clone() }),
        (None, Some(host)) => return Ok(Some(Metadata::new(name).with_host(host).to_json())),
        (Some(before), None) => {
            draft.renewal(name, &before)?;
            return Ok(None);
        }
        (Some(before), Some(host)) => (before, host),
    };
    if let Some(found) = before.host().filter(|found| *found != host.to_string()) {
        // The same host in other words is no other; a context that somebody named may be another's.
        let is_same = found.parse().as_ref() == Ok(host);
        if !is_same && wish.context.is_none() {
            return Err(ClientError::OtherHost {
                name: name.clone(),
                found: found.to_owned(),
                wanted: host.clone(),
            });
        }
        draft.notices.push(Notice::OtherHost {
            context: name.clone(),
            before: found.to_owned(),
            after: host.clone(),
        });
    }
    let after = before.clone().with_host(host);
    // To write it anew would give it docker's order, for which there is no need.
    Ok((after != before).then(|| after.to_json()))
}

/// A plan in the making.
struct Draft<'a> {
    state: &'a ClientState,
    owner: Owner,
    changes: Vec<MachineChange>,
    notices: Vec<Notice>,
}

impl Draft<'_> {
    /// Makes a directory that is not there; one that is keeps its mode.
    fn directory(&mut self, path: PathBuf) {
        if self.state.directories.contains_key(&path) {
            return;
        }
        let in_store =
            path != self.state.docker_config && path.starts_with(&self.state.docker_config);
        let item = match in_store {
            true => Item::ContextDirectory,
            false => Item::ClientDirectory,
        };
        self.changes.push(MachineChange::Directory {
            path,
            before: None,
            after: Some(item.owned_by(self.owner)),
        });
    }

    /// The three files, the certificates with the first item's mode, the key with the second's.
    fn pair(&mut self, directory: &Path, pair: &SoundPair, [certificate, key]: [Item; 2]) {
        let [ca, own, secret] = &pair.files;
        let paths = pems(directory);
        let before = paths.each_ref().map(|path| {
            let file = self.state.files.get(path)?;
            Some(file.content.as_slice())
        });
        notice::tell_replaced(&mut self.notices, &paths, before, pair);
        let [ca_path, certificate_path, key_path] = paths;
        for (path, content, item) in [
            (ca_path, ca, certificate),
            (certificate_path, own, certificate),
            (key_path, secret, key),
        ] {
            let access = item.owned_by(self.owner);
            self.file(path, FileImage::new(content.as_slice(), access));
        }
    }

    fn file(&mut self, path: PathBuf, after: FileImage) {
        let before = self.state.files.get(&path);
        if before.is_some_and(|before| is_as_good(before, &after)) {
            return;
        }
        self.changes.push(MachineChange::File(FileChange {
            before: before.cloned(),
            after: Some(after),
            path,
        }));
    }

    /// A context whose certificates are renewed and nothing else.
    fn renewal(&mut self, name: &ContextName, metadata: &Metadata) -> Result<(), ClientError> {
        let host = metadata.host();
        if !host.is_some_and(|host| host.starts_with("tcp://")) {
            return Err(ClientError::NotTcp {
                name: name.clone(),
                found: host.map(str::to_owned),
            });
        }
        if metadata.verification() == Verification::Skipped {
            self.notices.push(Notice::SkipsVerification {
                context: name.clone(),
            });
        }
        Ok(())
    }
}

/// Whether there is nothing to change.  The owner is right, or the plan was refused; the group opens
/// nothing here that is not open to all, and what it is by itself depends on the file system.
fn is_as_good(before: &FileImage, after: &FileImage) -> bool {
    let Access {
        mode,
        user: _,
        group: _,
    } = before.access;
    before.content == after.content && mode == after.access.mode
}

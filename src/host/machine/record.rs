//! The record of a change to a machine: what is on disk before anything is done, and what undo
//! reads afterwards.
//!
//! A record is a directory with `record.json` and the files that were there before, numbered.
//! How far a command has come, the directory's name tells, so that each step on the way is a
//! rename.  Contents of keys are in files of their own, 0600 in a directory of 0700, never in
//! the JSON.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::image::file_image;
use crate::host::{Error, write};
use crate::pki::sha256_hex;
use crate::plan::client::PlacedClient;
use crate::plan::machine::{
    Access, Control, FileChange, FileImage, MachineChange, MachineStep, Manager, Run,
};
use crate::plan::permissions::Item;

const VERSION: u32 = 1;
const FILE: &str = "record.json";

/// What one command does, or did, to a machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// The command: `install server`.
    pub command: String,
    /// When it began, RFC 3339, UTC.
    pub time: String,
    /// What the command wants to remember, for whoever undoes it.
    #[serde(default)]
    pub notes: Notes,
    /// The numbers of the records that are void once this command is done, as after `undo`.
    #[serde(default)]
    pub(super) voids: Vec<u32>,
    /// The directories made for the store itself, outermost first.
    #[serde(default)]
    pub(super) store_directories: Vec<PathBuf>,
    /// Where the store was when this was written.
    #[serde(default)]
    pub(super) store: PathBuf,
    pub(super) steps: Vec<RecordedStep>,
}

/// What a command remembers of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// What was put into daemon.json.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<crate::plan::install::InstalledDaemon>,
    /// The address a client was installed for: `tcp://HOST:PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Where a client was installed: docker's configuration directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker_config: Option<PathBuf>,
    /// The clients that were installed, each with where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<PlacedClient>,
    /// The directory of the units that renew, if they were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer: Option<PathBuf>,
}

/// One step, as the record has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(super) enum RecordedStep {
    File {
        #[serde(flatten)]
        file: RecordedFile,
        /// Beside the path: the new file until it is in its place.
        staged: PathBuf,
        /// Beside the path: the old file while the command runs.
        kept: PathBuf,
    },
    Directory {
        path: PathBuf,
        before: Option<Access>,
        after: Option<Access>,
    },
    Swap {
        directory: PathBuf,
        before: Option<Access>,
        after: Option<Access>,
        /// Beside the directory: the new one until it is in its place, the old one after.
        staged: PathBuf,
        files: Vec<RecordedFile>,
    },
    Run {
        run: Run,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RecordedFile {
    pub(super) path: PathBuf,
    pub(super) before: Option<RecordedImage>,
    pub(super) after: Option<RecordedImage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordedImage {
    pub(super) access: Access,
    pub(super) sha256: String,
    /// The file in the record's directory that holds the content; the old one's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<String>,
}

impl RecordedImage {
    /// Whether a file is as this one was, content and access.
    pub(super) fn is(&self, image: &FileImage) -> bool {
        self.access == image.access && self.has_content_of(image)
    }

    /// Whether a file has the content of this one.
    pub(super) fn has_content_of(&self, image: &FileImage) -> bool {
        self.sha256 == sha256_hex(&image.content)
    }
}

/// Whether what is at a path is as recorded.
pub(super) fn is_as(path: &Path, recorded: Option<&RecordedImage>) -> Result<bool, Error> {
    Ok(match (file_image(path)?, recorded) {
        (None, None) => true,
        (Some(image), Some(recorded)) => recorded.is(&image),
        _ => false,
    })
}

impl Record {
    /// The record of a plan, with the contents its files have before: names in the record's
    /// directory, and what is to be in them.
    pub(super) fn new(
        command: &str,
        time: String,
        steps: &[MachineStep],
    ) -> Result<(Self, Contents), Error> {
        let mut contents = Vec::new();
        let steps = steps.iter().map(|step| recorded(step, &mut contents));
        let record = Self {
            version: VERSION,
            command: command.to_owned(),
            time,
            notes: Notes::default(),
            voids: Vec::new(),
            store_directories: Vec::new(),
            store: PathBuf::new(),
            steps: steps.collect::<Result<_, _>>()?,
        };
        Ok((record, contents))
    }

    /// Writes the record into its new directory, durable before this returns.
    pub(super) fn write(&self, directory: &Path, contents: &Contents) -> Result<(), Error> {
        write::create_directory(directory, Item::InstallRecordDirectory.mode())?;
        let json =
            serde_json::to_vec_pretty(self).map_err(|error| unreadable(directory, &error))?;
        let mut paths = vec![directory.join(FILE)];
        write::create_file(&paths[0], Item::InstallRecord.mode(), &json)?;
        for (name, content) in contents {
            let path = directory.join(name);
            write::create_file(&path, Item::InstallRecord.mode(), content)?;
            paths.push(path);
        }
        paths.push(directory.to_owned());
        paths.extend(directory.parent().map(Path::to_owned));
        write::sync(&paths, directory)
    }

    /// Reads the record in a directory; nothing if it was cut off while it was written, which
    /// nothing else has followed then.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, Error> {
        let path = directory.join(FILE);
        let Some(image) = file_image(&path)? else {
            return Ok(None);
        };
        match serde_json::from_slice::<Self>(&image.content) {
            Ok(record) if record.version == VERSION => {
                let store = directory.parent().unwrap_or(directory);
                Ok(Some(record.moved_to(store)))
            }
            Ok(record) => {
                let found = format!("found version {}, wanted {VERSION}", record.version);
                Err(unreadable(&path, &found))
            }
            // After a power cut there may be zeros in place of what was not on the disk yet.
            Err(error) if error.is_eof() || image.content.contains(&0) => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// The record as it is where the store is now: an image that was built under a prefix is
    /// booted, or the prefix is renamed, and all paths in it move with the store.
    fn moved_to(mut self, store: &Path) -> Self {
        let (from, to) = roots(&self.store, store);
        if from == to {
            return self;
        }
        let (from, to) = (from.to_owned(), to.to_owned());
        let rebase = |path: &mut PathBuf| {
            if let Ok(rest) = path.strip_prefix(&from) {
                *path = to.join(rest);
            }
        };
        for step in &mut self.steps {
            match step {
                RecordedStep::File { file, staged, kept } => {
                    [&mut file.path, staged, kept].into_iter().for_each(rebase);
                }
                RecordedStep::Directory { path, .. } => rebase(path),
                RecordedStep::Swap {
                    directory, staged, ..
                } => [directory, staged].into_iter().for_each(rebase),
                RecordedStep::Run { run } => match run {
                    Run::Restart(Control::Command { pidfile, .. })
                    | Run::Reload(Control::Command { pidfile, .. }) => rebase(pidfile),
                    Run::Restart(Control::Systemd)
                    | Run::Reload(Control::Systemd)
                    | Run::DaemonReload(_)
                    | Run::StartTimer(_)
                    | Run::StopTimer(_) => {}
                },
            }
        }
        let Notes {
            daemon,
            host: _,
            docker_config,
            clients,
            timer,
        } = &mut self.notes;
        if let Some(daemon) = daemon {
            rebase(&mut daemon.daemon_json);
            rebase(&mut daemon.directory);
            daemon.local_socket.iter_mut().for_each(rebase);
        }
        docker_config.iter_mut().for_each(rebase);
        let configs = clients.iter_mut().map(|client| &mut client.docker_config);
        configs.for_each(rebase);
        timer.iter_mut().for_each(rebase);
        self.store_directories.iter_mut().for_each(rebase);
        self
    }

    /// The commands it runs, in order.
    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.steps.iter().filter_map(|step| match step {
            RecordedStep::Run { run } => Some(run),
            _ => None,
        })
    }

    /// How the daemon was restarted, if it was.
    pub fn control(&self) -> Option<&Control> {
        self.runs().find_map(|run| match run {
            Run::Restart(control) | Run::Reload(control) => Some(control),
            Run::DaemonReload(_) | Run::StartTimer(_) | Run::StopTimer(_) => None,
        })
    }

    /// Whose systemd was told to start the timer of renewals, if one was.
    pub fn timer(&self) -> Option<Manager> {
        self.runs().find_map(|run| match run {
            Run::StartTimer(manager) => Some(*manager),
            _ => None,
        })
    }
}

/// Both paths without the components at the end that they share.
fn roots<'a>(from: &'a Path, to: &'a Path) -> (&'a Path, &'a Path) {
    let (mut from, mut to) = (from, to);
    while let (Some(a), Some(b)) = (from.file_name(), to.file_name())
        && a == b
    {
        (from, to) = (from.parent().unwrap_or(from), to.parent().unwrap_or(to));
    }
    (from, to)
}

/// Names in a record's directory, and what is to be in them.
pub(super) type Contents = Vec<(String, Zeroizing<Vec<u8>>)>;

fn unreadable(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::Record {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

fn recorded(step: &MachineStep, contents: &mut Contents) -> Result<RecordedStep, Error> {
    Ok(match step {
        MachineStep::Run(run) => RecordedStep::Run { run: run.clone() },
        MachineStep::Change(MachineChange::File(file)) => RecordedStep::File {
            staged: write::staged_path(&file.path)?,
            kept: write::staged_path(&file.path)?,
            file: recorded_file(file, contents),
        },
        MachineStep::Change(MachineChange::Directory {
            path,
            before,
            after,
        }) => RecordedStep::Directory {
            path: path.clone(),
            before: *before,
            after: *after,
        },
        MachineStep::Change(MachineChange::Swap {
            directory,
            before,
            after,
            files,
        }) => RecordedStep::Swap {
            staged: write::staged_path(directory)?,
            directory: directory.clone(),
            before: *before,
            after: *after,
            files: files
                .iter()
                .map(|file| recorded_file(file, contents))
                .collect(),
        },
    })
}

fn recorded_file(file: &FileChange, contents: &mut Contents) -> RecordedFile {
    let image = |image: &FileImage, content| RecordedImage {
        access: image.access,
        sha256: sha256_hex(&image.content),
        content,
    };
    RecordedFile {
        path: file.path.clone(),
        before: file.before.as_ref().map(|before| {
            let name = format!("before-{}", contents.len());
            contents.push((name.clone(), before.content.clone()));
            image(before, Some(name))
        }),
        after: file.after.as_ref().map(|after| image(after, None)),
    }
}

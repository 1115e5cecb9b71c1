//! Plans that take earlier changes back, from their records.

use std::path::{Path, PathBuf};

use super::image::{access, file_image};
use super::record::{Record, RecordedFile, RecordedImage, RecordedStep};
use super::store::Store;
use crate::host::Error;
use crate::plan::machine::{Access, FileChange, FileImage, MachineChange};
use crate::plan::verify::{FoundPath, InstalledPath};

/// What became of a path over all records: the first state before, the last after.
struct Net {
    path: PathBuf,
    /// The directory it is changed together with others in.
    swap: Option<PathBuf>,
    before: Option<(u32, RecordedImage)>,
    after: Option<RecordedImage>,
}

struct NetDirectory {
    path: PathBuf,
    before: Option<Access>,
    after: Option<Access>,
}

/// Works out what takes the records back: each path from what it is now to what it was before
/// the first of them.  Returns the changes in the order they are made, and, apart, the files that
/// are not as dockpki left them.
pub fn undoing(
    store: &Path,
    records: &[(u32, Record)],
) -> Result<(Vec<MachineChange>, Vec<FileChange>), Error> {
    let (files, mut directories) = net(records);
    let mut changes = Vec::new();
    let mut changed_since = Vec::new();
    let mut swaps: Vec<(PathBuf, Vec<FileChange>)> = Vec::new();
    for net in files.iter().rev() {
        let now = file_image(&net.path)?;
        let as_left = match (&now, &net.after) {
            (None, None) => true,
            // One that was not there before goes whatever mode somebody gave it: a key must not
            // stay behind for a chmod.
            (Some(now), Some(after)) if net.before.is_none() => after.has_content_of(now),
            (Some(now), Some(after)) => after.is(now),
            _ => false,
        };
        let mut change = FileChange {
            path: net.path.clone(),
            before: now,
            after: read_before(store, net)?,
        };
        if !change.is_needed() {
            continue;
        }
        if !as_left {
            changed_since.push(change);
            continue;
        }
        match &net.swap {
            None => changes.push(MachineChange::File(change)),
            Some(directory) => {
                if let Ok(name) = net.path.strip_prefix(directory) {
                    change.path = name.to_owned();
                }
                match swaps.iter_mut().find(|(path, _)| path == directory) {
                    Some((_, files)) => files.insert(0, change),
                    None => swaps.push((directory.clone(), vec![change])),
                }
            }
        }
    }
    for (directory, files) in swaps {
        let net = directories.iter().position(|net| net.path == directory);
        let net = net.map(|index| directories.remove(index));
        let now = access(&directory)?;
        changes.push(MachineChange::Swap {
            before: now,
            after: match net {
                Some(net) if now == net.after => net.before,
                _ => now,
            },
            directory,
            files,
        });
    }
    // What a directory is to hold again comes after it; what it held goes before.
    let mut made_again = Vec::new();
    for net in directories.into_iter().rev() {
        let now = access(&net.path)?;
        let change = MachineChange::Directory {
            path: net.path,
            before: now,
            after: net.before,
        };
        // One whose mode somebody has changed since keeps it.
        if now == net.after && change.is_needed() {
            match now {
                Some(_) => changes.push(change),
                None => made_again.insert(0, change),
            }
        }
    }
    changes.splice(0..0, made_again);
    Ok((changes, changed_since))
}

/// What became of each path over all records.
fn net(records: &[(u32, Record)]) -> (Vec<Net>, Vec<NetDirectory>) {
    let mut files: Vec<Net> = Vec::new();
    let mut directories: Vec<NetDirectory> = Vec::new();
    for (number, record) in records {
        for step in &record.steps {
            match step {
                RecordedStep::Run { .. } => {}
                RecordedStep::File { file, .. } => {
                    add_file(&mut files, file, file.path.clone(), None, *number);
                }
                RecordedStep::Directory {
                    path,
                    before,
                    after,
                } => add_directory(&mut directories, path, *before, *after),
                RecordedStep::Swap {
                    directory,
                    before,
                    after,
                    files: swapped,
                    ..
                } => {
                    add_directory(&mut directories, directory, *before, *after);
                    for file in swapped {
                        let path = directory.join(&file.path);
                        add_file(&mut files, file, path, Some(directory), *number);
                    }
                }
            }
        }
    }
    (files, directories)
}

/// Every path the records left something at, and what is there now.
pub fn installed_paths(records: &[(u32, Record)]) -> Result<Vec<InstalledPath>, Error> {
    let (files, directories) = net(records);
    let mut paths = Vec::new();
    for net in directories {
        if let Some(wanted) = net.after {
            paths.push(InstalledPath {
                found: match access(&net.path)? {
                    Some(access) => FoundPath::Directory(access),
                    None => FoundPath::Nothing,
                },
                path: net.path,
                wanted,
            });
        }
    }
    for net in files {
        if let Some(after) = net.after {
            paths.push(InstalledPath {
                found: match file_image(&net.path)? {
                    Some(image) => FoundPath::File(image),
                    None => FoundPath::Nothing,
                },
                path: net.path,
                wanted: after.access,
            });
        }
    }
    Ok(paths)
}

fn add_file(
    files: &mut Vec<Net>,
    file: &RecordedFile,
    path: PathBuf,
    swap: Option<&Path>,
    number: u32,
) {
    match files.iter_mut().find(|net| net.path == path) {
        Some(net) => net.after = file.after.clone(),
        None => files.push(Net {
            path,
            swap: swap.map(Path::to_owned),
            before: file.before.clone().map(|before| (number, before)),
            after: file.after.clone(),
        }),
    }
}

fn add_directory(
    directories: &mut Vec<NetDirectory>,
    path: &Path,
    before: Option<Access>,
    after: Option<Access>,
) {
    match directories.iter_mut().find(|net| net.path == path) {
        Some(net) => net.after = after,
        None => directories.push(NetDirectory {
            path: path.to_owned(),
            before,
            after,
        }),
    }
}

/// The file as it was before, from the record that has it.
fn read_before(store: &Path, net: &Net) -> Result<Option<FileImage>, Error> {
    let Some((number, before)) = &net.before else {
        return Ok(None);
    };
    let path = Store::content(
        store,
        *number,
        before.content.as_deref().unwrap_or_default(),
    );
    let damaged = |cause: &str| Error::Record {
        path: path.clone(),
        cause: cause.to_owned(),
    };
    let Some(image) = file_image(&path)? else {
        return Err(damaged("it is not there"));
    };
    let image = FileImage {
        content: image.content,
        access: before.access,
    };
    match before.is(&image) {
        true => Ok(Some(image)),
        false => Err(damaged("it is not what was saved")),
    }
}

//! Plans the way back: undo and uninstall.

use std::path::PathBuf;

use super::{Error, InstalledDaemon};
use crate::plan::daemon_json::{DaemonJson, Wanted};
use crate::plan::machine::{
    Control, FileChange, FileImage, MachineChange, MachinePlan, MachineStep, Run,
};
use crate::plan::systemd::DROP_IN_NAMES;

/// What is on the machine and what was there before, as the records have it.
#[derive(Debug, Default)]
pub struct Undoing {
    /// The changes that bring back what was before, in the order they are made.
    pub changes: Vec<MachineChange>,
    /// Files that are not as dockpki left them: as they are now, and as they were before.
    pub changed_since: Vec<FileChange>,
}

/// The way back.
#[derive(Debug)]
pub struct TakeBack {
    /// What is done.
    pub machine: MachinePlan,
    /// Files that stay because somebody has changed them since.
    pub left: Vec<PathBuf>,
    /// Files that stay because daemon.json, as its owner has made it since, still needs them.
    pub needed: Vec<PathBuf>,
}

/// Plans the way back.
///
/// A daemon.json that has changed since loses only what was put into it.  If its owner has built
/// on our keys, they stay, and so do the certificates and the drop-in they need.
///
/// # Errors
/// [`Error::DaemonJson`] if daemon.json cannot be read any more.
pub fn take_back(
    command: &str,
    undoing: Undoing,
    installed: Option<&InstalledDaemon>,
    control: Option<&Control>,
) -> Result<TakeBack, Error> {
    let Undoing {
        mut changes,
        changed_since,
    } = undoing;
    let mut left = Vec::new();
    let mut needed = Vec::new();
    for change in changed_since {
        let unpatched = match installed {
            Some(installed) if installed.daemon_json == change.path => {
                unpatched(&change, &installed.wanted)?
            }
            _ => None,
        };
        let Some((change, json)) = unpatched else {
            left.push(change.path);
            continue;
        };
        let has_hosts = json.hosts().is_some();
        let has_tls = json.tls() != Default::default();
        changes.retain(|other| {
            let keep = match other {
                MachineChange::Swap { .. } => !has_tls,
                MachineChange::File(file) => !(has_hosts && is_drop_in(file)),
                MachineChange::Directory { .. } => true,
            };
            if !keep {
                needed.push(other.path().to_owned());
            }
            keep
        });
        if change.is_needed() {
            changes.insert(0, MachineChange::File(change));
        }
    }
    let unit_changes = changes
        .iter()
        .any(|change| matches!(change, MachineChange::File(file) if is_drop_in(file)));
    let mut steps = Vec::from_iter(changes.into_iter().map(MachineStep::Change));
    if let (Some(control), Some(_), false) = (control, installed, steps.is_empty()) {
        if unit_changes && *control == Control::Systemd {
            steps.push(MachineStep::Run(Run::DaemonReload));
        }
        steps.push(MachineStep::Run(Run::Restart(control.clone())));
    }
    Ok(TakeBack {
        machine: MachinePlan {
            command: command.to_owned(),
            steps,
        },
        left,
        needed,
    })
}

/// daemon.json without what was put into it, if it is still there.
fn unpatched(
    change: &FileChange,
    installed: &Wanted,
) -> Result<Option<(FileChange, DaemonJson)>, Error> {
    let Some(now) = &change.before else {
        return Ok(None);
    };
    let parse = |content: &[u8]| {
        DaemonJson::parse(content).map_err(|cause| Error::DaemonJson {
            path: change.path.clone(),
            cause,
        })
    };
    let first = change.after.as_ref();
    let first = parse(first.map_or(&[][..], |image| &image.content))?;
    let content = parse(&now.content)?.unpatch(installed, &first);
    let json = parse(&content)?;
    let after = match content.is_empty() && change.after.is_none() {
        true => None,
        false => Some(FileImage::new(content, now.access)),
    };
    let change = FileChange {
        path: change.path.clone(),
        before: change.before.clone(),
        after,
    };
    Ok(Some((change, json)))
}

fn is_drop_in(file: &FileChange) -> bool {
    let name = file.path.file_name();
    DROP_IN_NAMES
        .iter()
        .any(|ours| name == Some(std::ffi::OsStr::new(ours)))
}

//! Plans the way back: undo and uninstall.

use std::path::{Path, PathBuf};

use super::{Concern, Error, InstalledDaemon};
use crate::plan::daemon_json::{DaemonJson, Wanted};
use crate::plan::machine::{
    Control, FileChange, FileImage, MachineChange, MachinePlan, MachineStep, Manager, Run,
};
use crate::plan::systemd::DROP_IN_NAMES;
use crate::plan::timer::{TIMER, is_unit_of_ours};

/// What is on the machine and what was there before, as the records have it.
#[derive(Debug, Default)]
pub struct Undoing {
    /// The changes that bring back what was before, in the order they are made.
    pub changes: Vec<MachineChange>,
    /// Files that are not as dockpki left them: as they are now, and as they were before.
    pub changed_since: Vec<FileChange>,
}

/// The daemon whose install is taken back.
#[derive(Debug)]
pub struct DaemonNow {
    /// What was put into it.
    pub installed: InstalledDaemon,
    /// daemon.json as it is now, if it is there.
    pub daemon_json: Option<FileImage>,
    /// Whether its flags turn live-restore on or off; the way back leaves them as they are.
    pub live_restore_flag: Option<bool>,
}

/// What becomes of the containers when the daemon is restarted on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Containers {
    /// They go on running: live-restore is on, and stays on.
    Stay,
    /// They stop, for live-restore is off.
    Stop,
    /// They stop, for live-restore is on now but not in the daemon.json that comes back: the
    /// daemon leaves them running when it ends and ends them when it starts.
    StopWithoutLiveRestore,
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
    /// What becomes of the containers; nothing if the daemon is not restarted.
    pub containers: Option<Containers>,
    /// What should be known of what comes back.
    pub concerns: Vec<Concern>,
}

impl TakeBack {
    /// Both ways back, as one command's.
    pub fn and(mut self, other: Self) -> Self {
        let Self {
            machine,
            left,
            needed,
            containers,
            concerns,
        } = other;
        self.machine.steps.extend(machine.steps);
        self.left.extend(left);
        self.needed.extend(needed);
        self.containers = self.containers.or(containers);
        self.concerns.extend(concerns);
        self
    }
}

/// Plans the way back.
///
/// A daemon.json that has changed since loses only what was put into it.  If its owner has built
/// on our keys, they stay, and so do the certificates and the drop-in they need.  `timer` is the
/// systemd that runs the timer of renewals.
///
/// # Errors
/// [`Error::DaemonJson`] if daemon.json cannot be read any more.
pub fn take_back(
    command: &str,
    undoing: Undoing,
    daemon: Option<&DaemonNow>,
    control: Option<&Control>,
    timer: Option<Manager>,
) -> Result<TakeBack, Error> {
    let installed = daemon.map(|daemon| &daemon.installed);
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
    keep_directories(&mut changes, left.iter().chain(&needed));
    let unit_changes = changes
        .iter()
        .any(|change| matches!(change, MachineChange::File(file) if is_drop_in(file)));
    let timer = timer.filter(|_| changes.iter().any(|it| is_unit_of_ours(it.path())));
    let mut steps = Vec::from_iter(changes.into_iter().map(MachineStep::Change));
    if let Some(manager) = timer {
        // systemd disables only what is still there.
        let is_gone = |step: &MachineStep| {
            matches!(step, MachineStep::Change(MachineChange::File(file))
                if file.after.is_none() && file.path.ends_with(TIMER))
        };
        if steps.iter().any(is_gone) {
            steps.insert(0, MachineStep::Run(Run::StopTimer(manager)));
        }
        steps.push(MachineStep::Run(Run::DaemonReload(manager)));
    }
    let mut containers = None;
    if let (Some(control), Some(daemon), false) = (control, daemon, steps.is_empty()) {
        containers = Some(containers_of(daemon, &steps));
        let is_read = timer == Some(Manager::System);
        if unit_changes && *control == Control::Systemd && !is_read {
            steps.push(MachineStep::Run(Run::DaemonReload(Manager::System)));
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
        containers,
        concerns: Vec::new(),
    })
}

/// Has no directory go that cannot be empty at the end, for something of ours stays in it.
fn keep_directories<'a>(
    changes: &mut Vec<MachineChange>,
    staying: impl Iterator<Item = &'a PathBuf>,
) {
    let mut staying = Vec::from_iter(staying.cloned());
    for change in &*changes {
        match change {
            MachineChange::File(file) if file.after.is_some() => staying.push(file.path.clone()),
            MachineChange::Swap {
                directory, files, ..
            } => {
                let files = files.iter().filter(|file| file.after.is_some());
                staying.extend(files.map(|file| directory.join(&file.path)));
            }
            MachineChange::File(_) | MachineChange::Directory { .. } => {}
        }
    }
    let holds = |directory: &Path| staying.iter().any(|path| path.starts_with(directory));
    changes.retain_mut(|change| match change {
        MachineChange::Directory {
            path, after: None, ..
        } => !holds(path),
        MachineChange::Swap {
            directory,
            before,
            after,
            ..
        } => {
            if after.is_none() && holds(directory) {
                *after = *before;
            }
            true
        }
        MachineChange::File(_) | MachineChange::Directory { .. } => true,
    });
}

/// What becomes of the containers of a daemon that is restarted after these steps.
fn containers_of(daemon: &DaemonNow, steps: &[MachineStep]) -> Containers {
    let is_on = |image: Option<&FileImage>| {
        let json = image.and_then(|image| DaemonJson::parse(&image.content).ok());
        let in_json = json.and_then(|json| json.live_restore());
        in_json.or(daemon.live_restore_flag) == Some(true)
    };
    let now = daemon.daemon_json.as_ref();
    let change = steps.iter().find_map(|step| match step {
        MachineStep::Change(MachineChange::File(file))
            if file.path == daemon.installed.daemon_json =>
        {
            Some(file)
        }
        _ => None,
    });
    let then = change.map_or(now, |file| file.after.as_ref());
    match (is_on(now), is_on(then)) {
        (true, true) => Containers::Stay,
        (true, false) => Containers::StopWithoutLiveRestore,
        (false, _) => Containers::Stop,
    }
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

//! SELinux's labels, where there is SELinux.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::carry_out::Relabel;
use crate::host::command;
use crate::plan::machine::{FileChange, MachineChange};

/// It looks at a dozen files.
const LIMIT: Duration = Duration::from_secs(30);

/// Adds the paths that a change makes new.
///
/// A new file has the label its directory gives it, which may not be the policy's.  What is
/// replaced keeps its own, which somebody may have chosen.
pub(super) fn note_new(change: &MachineChange, new: &mut Vec<PathBuf>) {
    let is_new = |file: &&FileChange| file.before.is_none() && file.after.is_some();
    match change {
        MachineChange::File(file) => {
            new.extend(Some(file).filter(is_new).map(|it| it.path.clone()))
        }
        MachineChange::Directory {
            path,
            before: None,
            after: Some(_),
        } => new.push(path.clone()),
        MachineChange::Directory { .. } => {}
        MachineChange::Swap {
            directory,
            before,
            after,
            files,
        } => {
            if before.is_none() && after.is_some() {
                new.push(directory.clone());
            }
            let files = files.iter().filter(is_new);
            new.extend(files.map(|file| directory.join(&file.path)));
        }
    }
}

/// Gives these paths the labels the policy has for them, and forgets them.
///
/// A failure is told and nothing more: whether the daemon can read the files, the proof tells.
pub(super) fn restore(relabel: Relabel<'_>, paths: &mut Vec<PathBuf>) {
    let paths = std::mem::take(paths);
    let is_enabled = || Path::new("/sys/fs/selinux/enforce").exists();
    if let Relabel::ByPolicy { failed } = relabel
        && !paths.is_empty()
        && is_enabled()
        && let Err(cause) = command::run(Command::new("restorecon").arg("--").args(&paths), LIMIT)
    {
        failed(&cause);
    }
}

//! SELinux's labels, where there is SELinux.

use std::path::Path;
use std::process::{Command, Stdio};

use super::carry_out::Relabel;

/// Gives these paths the labels the policy has for them, and forgets them.
///
/// Not worth an error: where restorecon is missing, a new file has the label its directory gives
/// it, and whether the daemon can read it, the proof tells.
pub(super) fn restore(relabel: Relabel, paths: &mut Vec<&Path>) {
    let is_enabled = || Path::new("/sys/fs/selinux/enforce").exists();
    if relabel == Relabel::ByPolicy && !paths.is_empty() && is_enabled() {
        let _ = Command::new("restorecon")
            .args(["-R", "--"])
            .args(&*paths)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
    paths.clear();
}

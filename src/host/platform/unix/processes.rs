//! Other processes: what we start, the daemon, and its socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A connection to a socket of this machine's.
pub(in crate::host) type LocalSocket = UnixStream;

/// Connects to the socket at a path.
pub(in crate::host) fn connect(path: &Path) -> io::Result<LocalSocket> {
    UnixStream::connect(path)
}

/// Has a command run in a group of its own.
pub(in crate::host) fn in_own_group(command: &mut Command) -> &mut Command {
    command.process_group(0)
}

/// A process that was started in a group of its own, with what it started.
pub(in crate::host) struct Group(Pid);

impl Group {
    /// The group of a process.
    pub(in crate::host) fn of(child: &Child) -> Self {
        Self(Pid::from_child(child))
    }

    /// Ends all of it.
    pub(in crate::host) fn kill(&self) {
        // One that has just ended by itself is as well.
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

/// The signal that ended a process, if one did.
pub(in crate::host) fn ending_signal(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// The name of the program that a process runs.
#[cfg(target_os = "linux")]
pub(in crate::host) fn process_name(process: u32) -> io::Result<String> {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm"))?;
    Ok(name.trim().to_owned())
}

/// dockerd runs in a machine of its own here, so that no process is one.
#[cfg(not(target_os = "linux"))]
pub(in crate::host) fn process_name(_process: u32) -> io::Result<String> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Sends SIGHUP to a process.
pub(in crate::host) fn hang_up(process: u32) -> io::Result<()> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let process = process.ok_or(io::ErrorKind::InvalidInput)?;
    kill_process(process, Signal::HUP).map_err(io::Error::from)
}

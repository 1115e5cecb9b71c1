//! Runs a command to its end, or to a deadline.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::host::Error;

/// Runs a command whose words, on either output, go to our standard error: standard output is
/// for data.
pub(in crate::host) fn run(command: &mut Command, limit: Duration) -> Result<(), Error> {
    let talk = std::io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map(Stdio::from)
        .unwrap_or_else(|_| Stdio::null());
    command.stdout(talk).stderr(Stdio::inherit());
    let shown = shown(command);
    let output = finish(command, &shown, limit)?;
    judge(output.status, &shown)
}

/// Runs a command and takes what it says.
pub(super) fn capture(command: &mut Command, limit: Duration) -> Result<Output, Error> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = shown(command);
    finish(command, &shown, limit)
}

fn finish(command: &mut Command, shown: &str, limit: Duration) -> Result<Output, Error> {
    let failed = |found: String| Error::Command {
        command: shown.to_owned(),
        found,
    };
    // A group of its own, so that at the deadline what it started ends with it.
    let child = command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|cause| failed(crate::host::error::words(&cause)))?;
    let group = Pid::from_child(&child);
    let (sender, receiver) = mpsc::channel();
    let waiting = std::thread::Builder::new().spawn(move || {
        // Nobody listens any more after the deadline.
        let _ = sender.send(wait(child));
    });
    waiting.map_err(|cause| failed(crate::host::error::words(&cause)))?;
    match receiver.recv_timeout(limit) {
        Ok(output) => output.map_err(|cause| failed(crate::host::error::words(&cause))),
        Err(_) => {
            let _ = kill_process_group(group, Signal::KILL);
            Err(failed(format!(
                "it did not end within {} s",
                limit.as_secs()
            )))
        }
    }
}

fn wait(child: Child) -> std::io::Result<Output> {
    child.wait_with_output()
}

fn judge(status: ExitStatus, shown: &str) -> Result<(), Error> {
    let found = match (status.code(), status.signal()) {
        (Some(0), _) => return Ok(()),
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(signal)) => format!("signal {signal} ended it"),
        (None, None) => "it was ended".into(),
    };
    Err(Error::Command {
        command: shown.to_owned(),
        found,
    })
}

/// The command as one would type it, for messages.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(OsStr::to_string_lossy);
    let mut words = Vec::from_iter(words);
    if let [shell, flag, _] = words.as_slice()
        && shell == "sh"
        && flag == "-c"
    {
        return words.swap_remove(2).into_owned();
    }
    words.join(" ")
}

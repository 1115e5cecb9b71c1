//! Runs a command to its end, or to a deadline.

use std::ffi::OsStr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::host::Error;
use crate::host::platform::{self, Group};

/// Runs a command whose words, on either output, go to our standard error: standard output is
/// for data.
pub(in crate::host) fn run(command: &mut Command, limit: Duration) -> Result<(), Error> {
    command.stdout(std::io::stderr()).stderr(Stdio::inherit());
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
    let child = platform::in_own_group(command.stdin(Stdio::null()))
        .spawn()
        .map_err(|cause| failed(crate::host::error::words(&cause)))?;
    let group = Group::of(&child);
    let (sender, receiver) = mpsc::channel();
    let waiting = std::thread::Builder::new().spawn(move || {
        // Nobody listens any more after the deadline.
        let _ = sender.send(wait(child));
    });
    waiting.map_err(|cause| failed(crate::host::error::words(&cause)))?;
    match receiver.recv_timeout(limit) {
        Ok(output) => output.map_err(|cause| failed(crate::host::error::words(&cause))),
        Err(_) => {
            group.kill();
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
    let found = match (status.code(), platform::ending_signal(status)) {
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

//! Runs a command of the operator's after a change.

use std::process::Command;
use std::time::Duration;

use super::{Error, command};

/// Runs a command in a shell to its end, with a variable in its environment.  What it says goes to
/// our standard error.
pub fn run_hook(hook: &str, variable: &str, value: &str) -> Result<(), Error> {
    let mut shell = Command::new("sh");
    shell.args(["-c", hook]).env(variable, value);
    // It may take as long as it needs: whoever wrote it knows.
    command::run(&mut shell, Duration::MAX)
}

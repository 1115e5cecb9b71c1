//! The line of a crontab that does the same.

use super::{Argument, Job, text};
use crate::plan::machine::Manager;

/// The line: for `/etc/cron.d` with root in it, or for a user's own crontab.
///
/// `quote` makes a word of the shell's of a text.
pub fn line(job: &Job, manager: Manager, quote: impl Fn(&str) -> String) -> String {
    let user = match manager {
        Manager::System => "root ",
        Manager::User => "",
    };
    let mut line = quote(&text(&job.program));
    let passphrase = job.passphrase_file.as_deref().map(text);
    for argument in job.arguments(&quote(&passphrase.unwrap_or_default())) {
        line.push(' ');
        match argument {
            Argument::Text(word) => line.push_str(&quote(&word)),
            Argument::AsIs(word) => line.push_str(&word),
        }
    }
    // A percent sign is a line's end for cron (crontab(5)).
    format!("17 3 * * * {user}{}\n", line.replace('%', "\\%"))
}

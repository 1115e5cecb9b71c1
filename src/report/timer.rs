//! Tells of the timer that renews.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{JSON_VERSION, Style, hint, json, note, shell_word, shown};
use crate::plan::machine::Manager;
use crate::plan::timer::{Job, TIMER};

/// What should be known before the units are written; `prefix` if they are not for this machine.
pub fn timer_notices(
    style: Style,
    job: &Job,
    manager: Manager,
    prefix: &Option<PathBuf>,
) -> String {
    let mut text = String::new();
    if manager == Manager::System && (job.deploy_hook.is_some() || job.restart_command.is_some()) {
        let words = "what you have it run may write only where the service may: \
            `systemctl edit dockpki-renew.service` gives it more, by ReadWritePaths=";
        text.push_str(&note(style, words));
    }
    if manager == Manager::User {
        let words = "a user's timer runs only while that user is logged in, unless \
            `loginctl enable-linger` was run once";
        text.push_str(&note(style, words));
    }
    if let Some(prefix) = prefix {
        let words = format!(
            "the timer is not started: systemctl --root={} enable {TIMER}",
            shell_word(&prefix.to_string_lossy())
        );
        text.push_str(&note(style, &words));
    }
    text
}

/// That the timer is installed.
/// `running` is the systemd that runs it.
pub fn timer_installed(directory: &Path, running: Option<Manager>) -> String {
    let when = match running {
        Some(_) => ": it renews what is due, every day",
        None => "",
    };
    format!("Installed the timer in {}{when}\n", shown(directory))
}

/// That there is no systemd, and what the line on standard output is.
pub fn timer_by_cron(style: Style, manager: Manager) -> String {
    let place = match manager {
        Manager::System => "put the line into /etc/cron.d/dockpki-renew",
        Manager::User => "add the line by: crontab -e",
    };
    note(style, "systemd does not run here, so nothing was written") + &hint(style, place)
}

/// The same as JSON.
pub fn timer_cron_json(line: &str) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        command: &'static str,
        changed: bool,
        cron: &'a str,
    }
    json(&Report {
        version: JSON_VERSION,
        command: "timer install",
        changed: false,
        cron: line.trim_end(),
    })
}

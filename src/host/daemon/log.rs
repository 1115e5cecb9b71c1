//! The daemon's own words about why it does not answer.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use time::OffsetDateTime;

use super::rootless::runs_user_systemd;
use crate::host::command;
use crate::plan::install::DaemonMode;
use crate::plan::machine::Control;

/// Where the daemon logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    /// In systemd's journal, of this machine or of the caller's own systemd.
    Journal(DaemonMode),
    /// In a file.
    File(PathBuf),
}

impl LogSource {
    /// Where the daemon logs when nobody says: the journal where systemd restarts it, else the
    /// file init scripts have it log to, if it is there.
    pub fn default_of(mode: DaemonMode, control: Option<&Control>) -> Option<Self> {
        match mode {
            DaemonMode::Rootful if control == Some(&Control::Systemd) => Some(Self::Journal(mode)),
            DaemonMode::Rootful => Self::well_known(),
            DaemonMode::Rootless => runs_user_systemd().then_some(Self::Journal(mode)),
        }
    }

    fn well_known() -> Option<Self> {
        let files = ["/var/log/docker.log", "/var/log/dockerd.log"].map(PathBuf::from);
        files
            .into_iter()
            .find(|file| file.is_file())
            .map(Self::File)
    }
}

/// A place in the daemon's log, to read on from.
#[derive(Debug)]
pub struct LogMark {
    source: LogSource,
    /// The time, for the journal; the length, for a file.
    seconds: i64,
    length: u64,
}

/// The last words of a daemon fit in this.
const MAX_OCTETS: u64 = 256 << 10;

impl LogMark {
    /// Remembers where the log ends now.
    pub fn now(source: LogSource) -> Self {
        let length = match &source {
            LogSource::Journal(_) => 0,
            LogSource::File(path) => fs::metadata(path).map_or(0, |file| file.len()),
        };
        Self {
            source,
            seconds: OffsetDateTime::now_utc().unix_timestamp(),
            length,
        }
    }

    /// The line logged since that says most of a failure: the last that is an error, else the
    /// last at all.
    pub fn telling_line(&self) -> Option<String> {
        telling_line(&self.text()?)
    }

    fn text(&self) -> Option<String> {
        match &self.source {
            LogSource::Journal(mode) => {
                let since = format!("@{}", self.seconds);
                let mut journalctl = Command::new("journalctl");
                if *mode == DaemonMode::Rootless {
                    journalctl.arg("--user");
                }
                journalctl.args([
                    "-u",
                    "docker.service",
                    "-o",
                    "cat",
                    "--no-pager",
                    // Or it says "-- No entries --" where there are none.
                    "--quiet",
                    "-n",
                    "200",
                ]);
                journalctl.args(["--since", &since]);
                let said = command::capture(&mut journalctl, Duration::from_secs(10)).ok()?;
                Some(String::from_utf8_lossy(&said.stdout).into_owned())
            }
            LogSource::File(path) => {
                let mut file = File::open(path).ok()?;
                let length = file.metadata().ok()?.len();
                // One that is shorter was begun anew.
                let from = if length < self.length { 0 } else { self.length };
                let from = from.max(length.saturating_sub(MAX_OCTETS));
                file.seek(SeekFrom::Start(from)).ok()?;
                let mut text = Vec::new();
                file.take(MAX_OCTETS).read_to_end(&mut text).ok()?;
                Some(String::from_utf8_lossy(&text).into_owned())
            }
        }
    }
}

fn telling_line(text: &str) -> Option<String> {
    let lines = || text.lines().rev().filter(|line| !line.trim().is_empty());
    let has =
        |words: &'static [&str]| move |line: &&str| words.iter().any(|word| line.contains(word));
    let fatal = has(&[
        "failed to start daemon",
        "unable to configure the Docker daemon",
        "failed to load",
        "level=fatal",
    ]);
    // containerd warns at every start of the plugins it failed to load.
    let is_minor = has(&["level=warning", "level=info", "level=debug"]);
    // The daemon refuses our stranger too, and says so: that tells nothing if there is more.
    let telling = has(&["level=error", "TLS handshake error"]);
    let line = lines().find(|line| fatal(line) && !is_minor(line));
    let line = line.or_else(|| lines().find(telling));
    let line = line.or_else(|| lines().next())?;
    Some(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = "\
time=\"2026-11-25T00:22:44Z\" level=warning msg=\"failed to load plugin io.containerd.snapshotter.v1.devmapper\" error=\"devmapper not configured\"
time=\"2026-11-25T00:22:44Z\" level=info msg=\"API listen on [::]:2376\"
";

    #[test]
    fn a_refused_client_says_more_than_a_plugin() {
        let refused = "http: TLS handshake error from 127.0.0.1:33744: tls: bad certificate";
        let text = format!("{STARTED}{refused}\n");
        assert_eq!(telling_line(&text).as_deref(), Some(refused));
    }

    #[test]
    fn why_it_did_not_start_says_more_than_what_came_after() {
        let fatal = "failed to load listeners: listen tcp 0.0.0.0:2376: address already in use";
        let text = format!("{STARTED}{fatal}\nlevel=error msg=\"transport is closing\"\n");
        assert_eq!(telling_line(&text).as_deref(), Some(fatal));
    }

    #[test]
    fn where_nothing_went_wrong_it_is_the_last_line() {
        let last = STARTED.lines().next_back();
        assert_eq!(telling_line(STARTED).as_deref(), last);
        assert_eq!(telling_line("\n"), None);
    }
}

//! A daemon's own socket, where there is no TLS: the file's mode says who may ask.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Instant;

use super::deadline::{Failed, Outlook, Timed, left, until};
use super::http;
use crate::host::Error;
use crate::host::platform::{self, LocalSocket};

/// A daemon's unix socket, `/var/run/docker.sock` as a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    socket: PathBuf,
}

/// What a daemon says of itself: the part of `GET /info` that tells what a restart would do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Info {
    /// The version of its engine: `20.10.24`.
    pub server_version: String,
    /// Whether containers survive the daemon's restart.
    pub live_restore_enabled: bool,
    /// How many containers run.
    pub containers_running: u64,
    /// Its part in a swarm.
    pub swarm: Swarm,
}

/// A daemon's part in a swarm.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Swarm {
    /// `inactive` outside one; else `active`, `pending`, `locked` or `error`.
    pub local_node_state: String,
}

impl Local {
    /// The daemon at this socket.
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// Whether it answers, asked once.
    pub fn answers(&self, deadline: Instant) -> bool {
        self.ping(deadline).is_ok()
    }

    /// What it says of itself, asked once.
    pub fn info(&self, deadline: Instant) -> Result<Info, Error> {
        self.ask_info(deadline).map_err(|failed| failed.error)
    }

    /// Waits until it answers.
    pub fn wait_until_answers(&self, deadline: Instant) -> Result<(), Error> {
        until(deadline, || self.ping(deadline))
    }

    /// Waits until it has turned live-restore on, as it does some time after a SIGHUP.
    pub fn wait_for_live_restore(&self, deadline: Instant) -> Result<(), Error> {
        until(deadline, || {
            match self.ask_info(deadline)?.live_restore_enabled {
                true => Ok(()),
                false => Err(Failed {
                    error: self.odd("live-restore is off".into(), "it on"),
                    outlook: Outlook::Retry,
                }),
            }
        })
    }

    fn ping(&self, deadline: Instant) -> Result<(), Failed<Error>> {
        self.get("/_ping", deadline).map(|_| ())
    }

    fn ask_info(&self, deadline: Instant) -> Result<Info, Failed<Error>> {
        let body = self.get("/info", deadline)?;
        serde_json::from_slice(&body).map_err(|cause| Failed {
            error: self.odd(format!("its answer does not parse: {cause}"), "its /info"),
            outlook: Outlook::Lasting,
        })
    }

    /// The body of a 200.
    fn get(&self, path: &str, deadline: Instant) -> Result<Vec<u8>, Failed<Error>> {
        let answer = self.connect(deadline).map_err(http::Error::Io);
        // The docker command line names the host of a socket so as well.
        let answer = answer.and_then(|mut socket| http::get(&mut socket, "docker", path));
        match answer {
            Ok(answer) if answer.status == 200 => Ok(answer.body),
            Ok(answer) => Err(Failed {
                error: self.odd(format!("it answered `{}`", answer.status_line), "200"),
                outlook: Outlook::Retry,
            }),
            Err(http::Error::Io(cause)) => Err(Failed {
                outlook: match cause.kind() {
                    ErrorKind::PermissionDenied => Outlook::Lasting,
                    _ => Outlook::after(&cause),
                },
                error: Error::io("ask the daemon at", &self.socket)(cause),
            }),
            Err(other) => Err(Failed {
                error: self.odd(other.to_string(), "an answer"),
                outlook: Outlook::Retry,
            }),
        }
    }

    fn connect(&self, deadline: Instant) -> io::Result<Timed<LocalSocket>> {
        left(deadline)?;
        Ok(Timed::new(platform::connect(&self.socket)?, deadline))
    }

    fn odd(&self, found: String, wanted: &'static str) -> Error {
        Error::Daemon {
            socket: self.socket.clone(),
            found,
            wanted,
        }
    }
}

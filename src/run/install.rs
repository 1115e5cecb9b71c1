//! What the commands that change a machine share: the store, the agreement, the restart.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Session;
use crate::cli::{Consent, Mode, Restart, RestartBy, Talk};
use crate::error::Error;
use crate::host;
use crate::host::daemon::{self, Controller, LogMark, LogSource, StartedBy};
use crate::host::machine::{Prefix, Store};
use crate::pki::printable;
use crate::plan::install::DaemonMode;
use crate::plan::machine::{Control, MachinePlan, Run};
use crate::plan::state::Recovery;
use crate::report;

/// How long a daemon may take to answer after it is restarted as it was before a command that
/// was cut off.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);

impl Session<'_> {
    /// Opens the store, and finishes or undoes what a killed command left.  The daemon is then
    /// restarted as is said now: what was said then may be why it was left.
    pub(super) fn open_store(
        &self,
        path: &Path,
        command: &str,
        restart: &RestartBy,
    ) -> Result<(Store, Option<Recovery>), Error> {
        let mut store = Store::open(path, command)?;
        let interrupted = store.interrupted()?;
        let daemon = interrupted.and_then(|record| record.notes.daemon);
        let socket = daemon.and_then(|daemon| daemon.local_socket);
        let again = |run: &Run| match (run, restart) {
            (Run::Restart(_) | Run::Reload(_), RestartBy::Nobody) => Ok(()),
            (Run::Restart(recorded), RestartBy::Command(command)) => {
                Controller.run(&Run::Restart(Control::Command {
                    restart: command.clone(),
                    pidfile: match recorded {
                        Control::Command { pidfile, .. } => pidfile.clone(),
                        Control::Systemd => PathBuf::new(),
                    },
                }))
            }
            _ => Controller.run_back(run),
        };
        let mut run = |run: &Run| {
            if is_idle(run, socket.as_deref()) {
                return Ok(());
            }
            again(run)?;
            match (run, restart, &socket) {
                (Run::Restart(_), RestartBy::Systemd | RestartBy::Command(_), Some(socket)) => {
                    daemon::wait_until_answers(socket, RECOVERY_LIMIT)
                }
                _ => Ok(()),
            }
        };
        let recovered = store.recover(&mut run)?;
        if let Some(recovery) = &recovered {
            self.say(&report::recovered(self.stderr, recovery));
        }
        Ok((store, recovered))
    }

    /// Says that new files may not have the labels of SELinux's policy.
    pub(super) fn not_labelled(&self, cause: &host::Error) {
        let words = format!("{cause}; new files may have the wrong SELinux label");
        self.say(&report::warning(self.stderr, &words));
    }

    /// Says that a killed command waits to be finished or undone, where nothing may be written;
    /// or that it was not killed and is still at it.
    pub(super) fn note_unfinished(&self, store: &Path) {
        if !Store::has_unfinished(store) {
            return;
        }
        let words = match Store::holder(store) {
            Some(holder) => format!("another command is changing this machine: {}", printable(&holder)),
            None => "an earlier command was cut off here: the next that is no dry run finishes or undoes it".into(),
        };
        self.say(&report::note(self.stderr, &words));
    }

    /// Shows a plan and asks whether to carry it out.
    pub(super) fn agree(&self, shown: &str, consent: Consent) -> Result<(), Error> {
        self.agree_to(shown, consent, "Do this?", host::Asked::Consent)
    }

    /// Shows something and asks a question about it.
    pub(super) fn agree_to(
        &self,
        shown: &str,
        consent: Consent,
        question: &str,
        what: host::Asked,
    ) -> Result<(), Error> {
        match consent {
            Consent::Given => {
                self.say(shown);
                Ok(())
            }
            Consent::Ask => {
                // The question makes no sense without it.
                if self.request.talk == Talk::Quiet && host::is_terminal() {
                    (self.say)(shown);
                }
                self.say(shown);
                match host::confirm(question, what)? {
                    true => Ok(()),
                    false => Err(Error::NotAgreed),
                }
            }
        }
    }
}

/// The root directory a command works under.
pub(super) fn prefix(path: &Path) -> Result<Prefix, Error> {
    Ok(Prefix::at(path)?)
}

/// How the daemon is restarted; nothing if it is not.
///
/// Under a prefix no daemon of ours runs: nothing is restarted unless a command is given.
pub(super) fn control(
    restart: &Restart,
    daemon: DaemonMode,
    prefix: &Prefix,
    pidfile: impl FnOnce() -> PathBuf,
) -> Result<Option<Control>, Error> {
    match &restart.by {
        RestartBy::Nobody => Ok(None),
        RestartBy::Command(command) => Ok(Some(Control::Command {
            restart: command.clone(),
            pidfile: pidfile(),
        })),
        RestartBy::Systemd if !prefix.is_root() => Ok(None),
        RestartBy::Systemd => match daemon::default_control(daemon, pidfile) {
            Some(control) => Ok(Some(control)),
            None => Err(host::Error::NoRestart { mode: daemon }.into()),
        },
    }
}

/// What starts the daemon: not docker.service where it is a user's own, or where systemd does not
/// run and the operator has a command of their own.  In an image it will, once that is booted.
pub(super) fn started_by(restart: &Restart, daemon: DaemonMode, prefix: &Prefix) -> StartedBy {
    match (&restart.by, daemon) {
        (_, DaemonMode::Rootless) => StartedBy::Others,
        (RestartBy::Command(_), _) if prefix.is_root() && !daemon::runs_systemd() => {
            StartedBy::Others
        }
        _ => StartedBy::Systemd,
    }
}

/// Whether docker.service says how an installed daemon is started: not where it is a user's
/// own, nor where systemd does not run.  In an image it will, once that is booted.
pub(super) fn unit_has_a_say(mode: DaemonMode, prefix: &Prefix) -> bool {
    mode == DaemonMode::Rootful && (!prefix.is_root() || daemon::runs_systemd())
}

/// Whether a command of the way back would tell something to a daemon that does not run, or that
/// is not ready to be told.
fn is_idle(run: &Run, socket: Option<&Path>) -> bool {
    match run {
        Run::Reload(control) => {
            !Controller.is_running(control) || socket.is_some_and(|it| !daemon::answers(it))
        }
        Run::Restart(_) | Run::DaemonReload(_) | Run::StartTimer(_) | Run::StopTimer(_) => false,
    }
}

/// The commands of one plan, with the daemon's words about what went wrong.
pub(super) struct Attempt {
    mark: Option<LogMark>,
    quoted: RefCell<Option<String>>,
    failed: Cell<bool>,
    /// Where the daemon answered before, if it did.
    socket: Option<PathBuf>,
    limit: Duration,
}

impl Attempt {
    /// Notes where the daemon's log ends before anything is done.
    pub(super) fn begin(
        restart: &Restart,
        daemon: DaemonMode,
        control: Option<&Control>,
        socket: Option<PathBuf>,
    ) -> Self {
        let source = match &restart.daemon_log {
            Some(file) => Some(LogSource::File(file.clone())),
            None => LogSource::default_of(daemon, control),
        };
        Self {
            mark: source.map(LogMark::now),
            quoted: RefCell::new(None),
            failed: Cell::new(false),
            socket,
            limit: restart.timeout,
        }
    }

    /// Runs a command of the plan, also on the way back.
    pub(super) fn run(&self, run: &Run) -> Result<(), host::Error> {
        if self.failed.get() && is_idle(run, self.socket.as_deref()) {
            return Ok(());
        }
        let done = match self.failed.get() {
            true => Controller.run_back(run),
            false => Controller.run(run),
        };
        let done = match (run, &self.socket, self.failed.get()) {
            // On the way back it is turned off again if the file says so, else at the next restart,
            // for a daemon leaves alone what is not in the file: there is nothing to wait for.
            (Run::Reload(_), Some(socket), false) => {
                done.and_then(|()| daemon::wait_for_live_restore(socket, self.limit))
            }
            // What comes next may be a signal, which a daemon that has just begun dies of.
            (Run::Restart(_), Some(socket), true) => {
                done.and_then(|()| daemon::wait_until_answers(socket, self.limit))
            }
            _ => done,
        };
        self.watch(done)
    }

    /// Takes the daemon's words at the first failure, before anything is put back.
    pub(super) fn watch<T>(&self, done: Result<T, host::Error>) -> Result<T, host::Error> {
        if done.is_err() && !self.failed.replace(true) {
            let line = self.mark.as_ref().and_then(LogMark::telling_line);
            *self.quoted.borrow_mut() = line;
        }
        done
    }

    /// The error of a plan that was put back: with the daemon's words, and with whether the
    /// daemon that was there before answers again, if it did.
    pub(super) fn put_back(self, cause: host::Error, answered: Option<&Path>) -> host::Error {
        if let host::Error::NotPutBack { .. } | host::Error::NotTidied { .. } = cause {
            return cause;
        }
        let cause = match self.quoted.into_inner() {
            Some(line) => host::Error::Quoted {
                cause: Box::new(cause),
                line,
            },
            None => cause,
        };
        // What failed before any command was run is told as it is.
        if !self.failed.get() {
            return cause;
        }
        let again = match answered {
            Some(socket) => daemon::wait_until_answers(socket, self.limit),
            None => Ok(()),
        };
        match again {
            Ok(()) => host::Error::RolledBack {
                cause: Box::new(cause),
            },
            Err(left) => host::Error::NotPutBack {
                cause: Box::new(cause),
                left: Box::new(left),
            },
        }
    }
}

/// The head of a plan that is shown.
pub(super) fn head(plan: &MachinePlan, mode: Mode) -> String {
    let verb = match mode {
        Mode::DryRun => "would change this machine",
        Mode::Apply => "changes this machine",
    };
    let tail = match mode {
        Mode::DryRun => "Nothing was changed.\n\n",
        Mode::Apply => "\n",
    };
    format!("dockpki {} {verb}:\n{tail}", plan.command)
}

//! What a command on the home does about one on the machine that was killed.

use super::Session;
use crate::cli::{Command, Mode, RestartBy};
use crate::error::Error;
use crate::host;
use crate::host::machine::{Prefix, Store, stores};
use crate::report;

/// How a command meets an install that was killed.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meeting {
    /// Finishes or undoes it first.
    TakeUp,
    /// Says that it is there: it changes nothing, whatever it finds.
    Tell,
    /// Opens the store itself, with the restart it was told.
    Itself,
}

impl Meeting {
    fn of(command: &Command) -> Self {
        let by_mode = |mode| match mode {
            Mode::Apply => Self::TakeUp,
            Mode::DryRun => Self::Tell,
        };
        match command {
            Command::Init(wish) => by_mode(wish.mode),
            Command::Issue(wish) => by_mode(wish.mode),
            Command::Bulk(wish) => by_mode(wish.mode),
            Command::ClientSign(wish) => by_mode(wish.mode),
            Command::CaPasswd(wish) => by_mode(wish.mode),
            Command::Renew(wish) if wish.install.is_some() => Self::Itself,
            Command::Roll(roll) => by_mode(roll.mode()),
            Command::Renew(wish) => by_mode(wish.mode),
            Command::Export(wish) => by_mode(wish.mode),
            Command::Remove(wish) => by_mode(wish.mode),
            Command::List | Command::ListClients | Command::Verify { .. } | Command::CaShow => {
                Self::TakeUp
            }
            // A monitor restarts nothing.
            Command::Check(_) => Self::Tell,
            // A shell waits for it, at every login perhaps.
            Command::Env(_) | Command::Completions(_) | Command::Man(_) => Self::Tell,
            Command::InstallServer(_)
            | Command::InstallClient(_)
            | Command::ClientRequest(_)
            | Command::ClientAccept(_)
            | Command::ClientRefresh(_)
            | Command::TakeBack(_)
            | Command::TimerInstall(_)
            | Command::TimerRemove(_)
            | Command::VerifyInstalled(_) => Self::Itself,
        }
    }
}

impl Session<'_> {
    /// Finishes or undoes a command on this machine that was killed, or says that it is there.
    /// That it cannot be mended is no reason to withhold what was asked for.
    pub(super) fn meet_cut_off(&self) {
        let meeting = Meeting::of(&self.request.command);
        if meeting == Meeting::Itself || self.looked.replace(true) {
            return;
        }
        let stores = stores(&Prefix::root());
        for store in stores.unwrap_or_default() {
            if !Store::has_unfinished(&store) {
                continue;
            }
            match meeting {
                Meeting::TakeUp => self.take_up(&store),
                Meeting::Tell | Meeting::Itself => self.note_unfinished(&store),
            }
        }
    }

    fn take_up(&self, store: &std::path::Path) {
        match self.open_store(store, "recovery", &RestartBy::Systemd) {
            Ok(_) => {}
            // It is not cut off: it runs.
            Err(Error::Host(host::Error::Held { .. })) => {}
            Err(error) => {
                self.say(&report::warning(self.stderr, &error.to_string()));
                let hint = match &error {
                    // This command restarts nothing, so it cannot be run again otherwise.
                    Error::Host(host::Error::NotPutBack { left, .. })
                        if matches!(**left, host::Error::Command { .. }) =>
                    {
                        let program = &self.program;
                        Some(format!(
                            "undo it with a COMMAND that works: {program} undo --restart-command COMMAND"
                        ))
                    }
                    _ => error.hint(&self.program),
                };
                if let Some(hint) = hint {
                    self.say(&report::hint(self.stderr, &hint));
                }
            }
        }
    }
}

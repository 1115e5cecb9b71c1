//! Plans the units that renew by themselves: a service that runs `renew --install`, and its timer.
//!
//! Here is what they run and where they go; [`mod@unit`] has their text, [`cron`] the line for where
//! there is no systemd.

pub mod cron;
pub mod unit;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::Error;
use super::install::{Place, Undoing};
use super::machine::{
    FileChange, FileImage, MachineChange, MachinePlan, MachineStep, Manager, Run,
};
use super::permissions::{Item, Owner};
use crate::pki::Life;

/// The service that renews.
pub const SERVICE: &str = "dockpki-renew.service";
/// The timer that starts it.
pub const TIMER: &str = "dockpki-renew.timer";
/// Where an operator's units are.
pub const UNITS: &str = "/etc/systemd/system";

/// Whether a file is one of the two units, by its name.
pub fn is_unit_of_ours(path: &Path) -> bool {
    let name = path.file_name();
    [SERVICE, TIMER]
        .iter()
        .any(|unit| name == Some(OsStr::new(unit)))
}

/// What is run.
#[derive(Debug, Clone)]
pub struct Job {
    /// dockpki itself, from the root on.
    pub program: PathBuf,
    /// The home, from the root on.
    pub home: PathBuf,
    /// How much life is left of what is due; a third if nothing is said.
    pub within: Option<Life>,
    /// The file with the passphrase of the CA's key, from the root on.
    pub passphrase_file: Option<PathBuf>,
    /// What restarts the daemon; what its record says if nothing is said.
    pub restart_command: Option<String>,
    /// What is run after something changed.
    pub deploy_hook: Option<String>,
}

impl Job {
    /// The words of the command line after the program; `passphrase` stands for its file.
    fn arguments(&self, passphrase: &str) -> Vec<Argument> {
        let plain = |word: &str| Argument::Text(word.to_owned());
        let mut arguments = vec![plain("--home"), Argument::Text(text(&self.home))];
        arguments.extend(["renew", "--install", "--yes"].map(plain));
        if let Some(life) = self.within {
            arguments.extend([plain("--within"), Argument::Text(life.to_string())]);
        }
        if self.passphrase_file.is_some() {
            let file = Argument::AsIs(passphrase.to_owned());
            arguments.extend([plain("--passphrase-file"), file]);
        }
        for (flag, command) in [
            ("--restart-command", &self.restart_command),
            ("--deploy-hook", &self.deploy_hook),
        ] {
            if let Some(command) = command {
                arguments.extend([plain(flag), plain(command)]);
            }
        }
        arguments
    }
}

/// A word of the command line.
enum Argument {
    /// To be quoted.
    Text(String),
    /// To be written as it is.
    AsIs(String),
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Refuses what no unit and no crontab can hold: text on more than a line, octets of no text, and
/// for the passphrase's file what systemd would take for something else.
pub fn refuse_unwritable(job: &Job) -> Result<(), Error> {
    let Job {
        program,
        home,
        within: _,
        passphrase_file,
        restart_command,
        deploy_hook,
    } = job;
    let refuse = |found: &str, wanted| {
        Err(Error::Unwritable {
            found: found.to_owned(),
            wanted,
        })
    };
    for path in [Some(program), Some(home), passphrase_file.as_ref()] {
        let Some(path) = path else { continue };
        match path.to_str() {
            Some(path) if !path.contains(char::is_control) => {}
            _ => return refuse(&path.to_string_lossy(), "a path of printable characters"),
        }
    }
    if let Some(file) = passphrase_file.as_ref().and_then(|path| path.to_str()) {
        let plain = |c: char| !c.is_whitespace() && !"\\\"':".contains(c);
        if !file.chars().all(plain) {
            return refuse(
                file,
                "a path without white space, quotes, colons and backslashes",
            );
        }
    }
    for command in [restart_command, deploy_hook].into_iter().flatten() {
        if command.contains(char::is_control) {
            return refuse(command, "a command on one line");
        }
    }
    Ok(())
}

/// The units as they are on a machine.
#[derive(Debug)]
pub struct TimerState {
    /// Who owns what is made.
    pub owner: Owner,
    /// The directory of the operator's units.
    pub directory: Place,
    /// The service, if it is there.
    pub service: Option<FileImage>,
    /// The timer, if it is there.
    pub timer: Option<FileImage>,
}

/// What removes the two units where no record tells of them: what dockpki made goes, and what
/// somebody has put in its place stays.
pub fn without_record(state: &TimerState) -> Undoing {
    let mut undoing = Undoing::default();
    for (name, image) in [(TIMER, &state.timer), (SERVICE, &state.service)] {
        let Some(image) = image else { continue };
        let change = FileChange {
            path: state.directory.path.join(name),
            before: Some(image.clone()),
            after: None,
        };
        match unit::is_made_by_us(&image.content) {
            true => undoing.changes.push(MachineChange::File(change)),
            false => undoing.changed_since.push(change),
        }
    }
    undoing
}

/// Plans the two units, and that systemd takes them up if it runs.
pub fn plan(
    state: &TimerState,
    job: &Job,
    surroundings: &unit::Surroundings,
    running: Option<Manager>,
) -> MachinePlan {
    let mut steps = Vec::new();
    for path in &state.directory.missing {
        steps.push(MachineStep::Change(MachineChange::Directory {
            path: path.clone(),
            before: None,
            after: Some(Item::UnitDirectory.owned_by(state.owner)),
        }));
    }
    for (name, before, text) in [
        (SERVICE, &state.service, unit::service(job, surroundings)),
        (TIMER, &state.timer, unit::timer()),
    ] {
        let change = FileChange {
            path: state.directory.path.join(name),
            before: before.clone(),
            after: Some(FileImage::new(text, Item::Unit.owned_by(state.owner))),
        };
        if change.is_needed() {
            steps.push(MachineStep::Change(MachineChange::File(change)));
        }
    }
    if let Some(manager) = running.filter(|_| !steps.is_empty()) {
        steps.push(MachineStep::Run(Run::DaemonReload(manager)));
        steps.push(MachineStep::Run(Run::StartTimer(manager)));
    }
    MachinePlan {
        command: "timer install".into(),
        steps,
    }
}

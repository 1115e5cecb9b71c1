//! The drop-in of ours: its name, its text, and whether it is still the right one.

use std::ffi::OsStr;

use super::fault::Fault;
use super::service::Service;
use super::syntax::{WHITESPACE, assignments};
use super::{EnvironmentFile, UnitFile, UnitFiles};

/// The names it can have.  The second is for when another drop-in that sets ExecStart comes after
/// the first, as `override.conf` does, which `systemctl edit` makes.
pub const DROP_IN_NAMES: [&str; 2] = ["50-dockpki.conf", "zz-dockpki.conf"];

/// How it begins, by which it is known from somebody else's of the same name.
const MARK: &str = "# Made by dockpki.";

/// Before each line that says what it was made for.
const STANDS_FOR: &str = "# Stands for: ";

/// A file for `docker.service.d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropIn {
    /// Its name.
    pub file_name: String,
    /// What is in it.
    pub text: String,
}

impl DropIn {
    /// The one that starts this command line instead of what it stands for.
    pub(super) fn new(file_name: &str, stands_for: &[String], exec_start: &str) -> Self {
        let mut text = format!(
            "{MARK}  Where dockerd listens, and with which certificates, is said in\n\
             # daemon.json, and dockerd does not start if its flags say it too.  So this starts it\n\
             # as the unit does, without -H, --host and --tls flags.\n\
             # `dockpki uninstall` removes this file.\n"
        );
        for line in stands_for {
            text.push_str(&format!("{STANDS_FOR}{line}\n"));
        }
        text.push_str(&format!(
            "\n[Service]\nExecStart=\nExecStart={exec_start}\n"
        ));
        Self {
            file_name: file_name.to_owned(),
            text,
        }
    }
}

/// Whether a drop-in was made by dockpki, under either of its names.
pub fn is_ours(drop_in: &UnitFile) -> bool {
    let name = drop_in.path.file_name();
    DROP_IN_NAMES
        .iter()
        .any(|ours| name == Some(OsStr::new(ours)))
        && drop_in.text.starts_with(MARK)
}

/// The name under which a drop-in of ours comes after all that set ExecStart.
pub(super) fn name_after(others: &[&UnitFile]) -> Result<&'static str, Fault> {
    let in_the_way = |ours: &str| {
        others.iter().find(|other| {
            let name = other.path.file_name().unwrap_or_default();
            name == OsStr::new(ours) || name > OsStr::new(ours) && sets_exec_start(other)
        })
    };
    let [first, last] = DROP_IN_NAMES;
    if in_the_way(first).is_none() {
        return Ok(first);
    }
    match in_the_way(last) {
        None => Ok(last),
        Some(other) => Err(Fault::Outranked {
            path: other.path.clone(),
        }),
    }
}

fn sets_exec_start(drop_in: &UnitFile) -> bool {
    assignments([drop_in], "Service")
        .iter()
        .any(|assignment| assignment.key == "ExecStart")
}

/// How it stands with the drop-in of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Staleness {
    /// There is none.
    NotThere,
    /// It was made for what the unit says.
    Fresh,
    /// The unit says something else by now: a newer package, another drop-in, other variables.
    Stale {
        /// What it was made for, a line each: ExecStart, and variables it has in it by value.
        made_for: Vec<String>,
        /// The same as it is now.
        now: Vec<String>,
    },
}

/// Tells whether the drop-in of ours among the unit's was made for what the unit says without it.
///
/// # Errors
/// If the unit without it cannot be read: then it stands for something that is no more.
pub fn staleness(files: &UnitFiles, environment: &[EnvironmentFile]) -> Result<Staleness, Fault> {
    let Some(ours) = files.drop_ins.iter().rfind(|drop_in| is_ours(drop_in)) else {
        return Ok(Staleness::NotThere);
    };
    let now = Service::parse(files, environment)?.stands_for();
    let lines = ours.text.split(['\n', '\r']);
    let made_for = lines.filter_map(|line| line.strip_prefix(STANDS_FOR));
    let made_for: Vec<_> = made_for
        .map(|line| line.trim_matches(WHITESPACE).to_owned())
        .collect();
    if made_for == now {
        return Ok(Staleness::Fresh);
    }
    Ok(Staleness::Stale { made_for, now })
}

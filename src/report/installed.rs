//! Tells what was installed, what was proved, and what to type next.

use std::path::Path;

use super::machine::{CONTAINERS_STAY, Told, Weight, report_json};
use super::{Style, note, shell_word, shown, warning};
use crate::plan::install::{Concern, Containers, ServerPlan, TakeBack};

/// What the proof says: the engine's version and the serial it serves.
type Proof<'a> = Option<(&'a str, &'a str)>;

/// That a server is installed.
pub fn installed_server(server: &str, plan: &ServerPlan, proof: Proof<'_>) -> String {
    let directory = shown(&plan.installed.directory);
    let mut text = format!("Installed server `{server}` in {directory}\n");
    text.push_str(&proof_words(proof));
    text
}

/// That there is nothing to do.
pub fn nothing_to_install(server: &str, proof: Proof<'_>) -> String {
    format!(
        "Nothing was changed: server `{server}` is installed already\n{}",
        proof_words(proof)
    )
}

fn proof_words(proof: Proof<'_>) -> String {
    match proof {
        Some((engine, serial)) => format!(
            "Proved: Docker {engine} answers our client, serves certificate {serial}, and refuses \
             clients without a certificate and with a stranger's\n"
        ),
        None => String::new(),
    }
}

/// What to type after a server is installed; `prefix` if it is not the machine's own root.
pub fn after_server(
    program: &str,
    plan: &ServerPlan,
    prefix: Option<&Path>,
    restarted: bool,
) -> String {
    let prefix = match prefix {
        Some(prefix) => format!(" --prefix {}", shell_word(&prefix.to_string_lossy())),
        None => String::new(),
    };
    let port = plan.listens.first().map_or(2376, |listen| listen.port());
    let mut text = String::new();
    let next = match restarted {
        true => "Next",
        false => "Then",
    };
    if !restarted {
        text.push_str("\nNext, restart the daemon, then check it:\n\n");
        text.push_str(&format!("  {program} verify --installed{prefix}\n"));
    }
    text.push_str(&format!(
        "\n{next}, give a user of this host a client certificate:\n\n  \
         {program} install client --host tcp://HOST:{port}\n\n\
         To take the install back:\n\n  {program} undo{prefix}\n"
    ));
    text
}

/// Whether the daemon is restarted on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restarted {
    /// It is, or there is none to restart.
    Yes,
    /// It is not, and somebody should.
    No,
}

/// What stays where it is, what the restart interrupts, or that there is none.
pub fn take_back_notices(style: Style, back: &TakeBack, restarted: Restarted) -> String {
    let words = take_back_words(back, restarted).into_iter();
    words
        .map(|(words, weight)| match weight {
            Weight::Warning => warning(style, &words),
            Weight::Note => note(style, &words),
        })
        .collect()
}

fn take_back_words(back: &TakeBack, restarted: Restarted) -> Vec<(String, Weight)> {
    let left = back.left.iter();
    let left = left.map(|path| format!("{} was changed since and stays as it is", shown(path)));
    let needed = back.needed.iter();
    let needed =
        needed.map(|path| format!("{} stays, for daemon.json still needs it", shown(path)));
    let stays = left.chain(needed).map(|words| (words, Weight::Warning));
    let mut words = Vec::from_iter(stays);
    let concerns = back.concerns.iter().map(concern_words);
    words.extend(concerns.map(|words| (words, Weight::Warning)));
    words.extend(back.containers.map(|containers| match containers {
        Containers::Stay => (CONTAINERS_STAY.into(), Weight::Note),
        Containers::Stop => (
            "the restart stops every container, for live-restore is off".into(),
            Weight::Warning,
        ),
        Containers::StopWithoutLiveRestore => (
            "the restart stops every container, for live-restore goes off again".into(),
            Weight::Warning,
        ),
    }));
    if restarted == Restarted::No {
        let words_of_it = "the daemon is not restarted: it goes on as it is until you restart it";
        words.push((words_of_it.into(), Weight::Note));
    }
    words
}

fn concern_words(concern: &Concern) -> String {
    match concern {
        Concern::Outdated {
            path,
            found,
            wanted,
        } => format!("{} comes back with {found}, wanted {wanted}", shown(path)),
        Concern::WouldNotStart { missing } => {
            let missing = missing.iter().map(|path| shown(path));
            format!(
                "daemon.json comes back naming files that were not there, {}: the daemon does not \
                 start like that",
                Vec::from_iter(missing).join(", ")
            )
        }
    }
}

/// The report of the way back, as JSON.
pub fn take_back_json(back: &TakeBack, restarted: Restarted, changed: bool) -> String {
    let words = take_back_words(back, restarted).into_iter();
    let words = words.map(|(words, _)| words).collect();
    report_json(&back.machine, words, changed, Told::default())
}

/// That an install was taken back.
pub fn taken_back(back: &TakeBack, answers: bool) -> String {
    let answers = match answers {
        true => ", and the daemon answers on its local socket",
        false => "",
    };
    let what = match back.machine.command.strip_prefix("undo of ") {
        Some(command) => command,
        None if back.left.is_empty() && back.needed.is_empty() => "everything dockpki installed",
        None => "what dockpki installed, but for what stays",
    };
    format!("Took back {what}{answers}\n")
}

//! Shows what a command would do to a machine: files with modes and owners, text as a diff,
//! commands, and what they interrupt.

use std::path::Path;

use serde::Serialize;
use similar::TextDiff;

use super::table::{Cell, table};
use super::{Color, JSON_VERSION, Style, json, note, printable, shell_word, shown, warning};
use crate::pki::{Certificate, CertificateRequest, PrivateKey, VerifyCode};
use crate::plan::install::Notice;
use crate::plan::machine::{
    Access, Control, FileChange, FileImage, MachineChange, MachinePlan, Manager, Run,
};
use crate::plan::timer::TIMER;
use crate::plan::trust::Trust;

/// A plan, in the order it is carried out.
pub fn machine_plan(style: Style, plan: &MachinePlan) -> String {
    let rows = lines(plan).into_iter().map(|line| {
        let row: [Cell; 4] = [
            printable(&line.path).into(),
            line.mode.into(),
            line.owner.into(),
            line.what.into(),
        ];
        row
    });
    let rows = Vec::from_iter(rows);
    let mut text = String::new();
    if !rows.is_empty() {
        text.push_str(&table(style, ["FILE", "MODE", "OWNER", "WHAT"], &rows));
    }
    for file in text_changes(plan) {
        text.push('\n');
        text.push_str(&diff(
            style,
            &file.path,
            file.before.as_ref(),
            file.after.as_ref(),
        ));
    }
    let mut runs = plan.runs().peekable();
    if runs.peek().is_some() {
        text.push_str("\nThen:\n\n");
        for run in runs {
            text.push_str(&format!("  {}\n", run_words(run)));
        }
    }
    text
}

/// One line of a plan.
#[derive(Debug, Serialize)]
struct Line {
    path: String,
    mode: String,
    owner: String,
    what: String,
}

fn lines(plan: &MachinePlan) -> Vec<Line> {
    let mut lines = Vec::new();
    for change in plan.changes() {
        match change {
            MachineChange::File(file) => lines.push(file_line(&file.path, file)),
            MachineChange::Directory {
                path,
                before,
                after,
            } => lines.push(directory_line(path, *before, *after)),
            MachineChange::Swap {
                directory,
                before,
                after,
                files,
            } => {
                if before != after {
                    lines.push(directory_line(directory, *before, *after));
                }
                let needed = files.iter().filter(|file| file.is_needed());
                lines.extend(needed.map(|file| file_line(&directory.join(&file.path), file)));
            }
        }
    }
    lines
}

fn directory_line(path: &Path, before: Option<Access>, after: Option<Access>) -> Line {
    let what = match (before, after) {
        (None, _) => "directory, new".to_owned(),
        (Some(_), None) => "directory, removed if it is empty".into(),
        (Some(before), Some(_)) => format!("directory, was {}", access_words(before)),
    };
    let path = format!("{}{}", path.display(), std::path::MAIN_SEPARATOR);
    line(path, after.or(before), what)
}

fn file_line(path: &Path, file: &FileChange) -> Line {
    let what = match (&file.before, &file.after) {
        (None, Some(after)) => format!("{}, new", content_words(after)),
        (Some(before), None) => format!("{}, removed", content_words(before)),
        (Some(before), Some(after)) if before.content == after.content => {
            format!(
                "{}, was {}",
                content_words(after),
                access_words(before.access)
            )
        }
        (Some(before), Some(after)) => match certificate(before) {
            Some(old) if old != certificate(after).unwrap_or_default() => {
                format!("{}, replaces {old}", content_words(after))
            }
            _ => format!("{}, changed", content_words(after)),
        },
        (None, None) => "nothing".into(),
    };
    let access = file.after.as_ref().or(file.before.as_ref());
    line(
        path.display().to_string(),
        access.map(|image| image.access),
        what,
    )
}

fn line(path: String, access: Option<Access>, what: String) -> Line {
    let mode = access.map(|access| format!("{:04o}", access.mode));
    let owner = access.map(|access| owner_words(access.user, access.group));
    Line {
        path,
        mode: mode.unwrap_or_default(),
        owner: owner.unwrap_or_default(),
        what,
    }
}

fn access_words(access: Access) -> String {
    format!(
        "{:04o} {}",
        access.mode,
        owner_words(access.user, access.group)
    )
}

fn owner_words(user: u32, group: u32) -> String {
    let name = |number: u32| match number {
        0 => "root".to_owned(),
        other => other.to_string(),
    };
    format!("{}:{}", name(user), name(group))
}

/// What is in a file, a key by the fingerprint of its public half.
fn content_words(image: &FileImage) -> String {
    if is_key(image) {
        return match PrivateKey::from_pem(&image.content) {
            Ok(key) => format!(
                "private key, public half sha256 {}…",
                &key.public_key().fingerprint()[..16]
            ),
            Err(_) => "private key".into(),
        };
    }
    certificate(image).unwrap_or_else(|| "text".into())
}

fn certificate(image: &FileImage) -> Option<String> {
    if let Ok(Trust { old: Some(_), .. }) = Trust::from_pem(&image.content) {
        return Some("2 CA certificates".into());
    }
    if let Ok(request) = CertificateRequest::from_message(&image.content) {
        let code = VerifyCode::of(&request.public_key);
        return Some(format!("signing request, code {code}"));
    }
    let certificate = Certificate::from_pem(&image.content).ok()?;
    let what = match certificate.is_ca {
        true => "CA certificate",
        false => "certificate",
    };
    Some(format!(
        "{what} {}…",
        &certificate.serial.to_string().get(..8).unwrap_or_default()
    ))
}

fn is_key(image: &FileImage) -> bool {
    let needle = b"PRIVATE KEY-----";
    image.content.windows(needle.len()).any(|it| it == needle)
}

/// The changes of files that hold text a person reads.
fn text_changes(plan: &MachinePlan) -> Vec<&FileChange> {
    let mut found = Vec::new();
    for change in plan.changes() {
        if let MachineChange::File(file) = change {
            let images = [&file.before, &file.after].into_iter().flatten();
            let has_text = |image: &FileImage| !is_key(image) && certificate(image).is_none();
            let differs = match (&file.before, &file.after) {
                (Some(before), Some(after)) => before.content != after.content,
                _ => true,
            };
            if differs && images.into_iter().all(has_text) {
                found.push(file);
            }
        }
    }
    found
}

/// A file's change as a unified diff.
fn diff(
    style: Style,
    path: &Path,
    before: Option<&FileImage>,
    after: Option<&FileImage>,
) -> String {
    let text = |image: Option<&FileImage>| {
        let content = image.map_or(&[][..], |image| &image.content);
        String::from_utf8_lossy(content).into_owned()
    };
    let name = |image: Option<&FileImage>| match image {
        Some(_) => shown(path),
        None => "/dev/null".into(),
    };
    let (old, new) = (text(before), text(after));
    let diff = TextDiff::from_lines(&old, &new);
    let unified = diff
        .unified_diff()
        .context_radius(3)
        .header(&name(before), &name(after))
        .to_string();
    let colored = unified.lines().map(|line| {
        // Tabs are indentation; whatever else could steer the terminal is written out.
        let parts = line
            .split('\t')
            .map(|part| printable(part.trim_end_matches('\r')));
        let line = Vec::from_iter(parts).join("\t");
        let color = match line.as_bytes().first() {
            Some(b'+') => Some(Color::Green),
            Some(b'-') => Some(Color::Red),
            _ => None,
        };
        match color {
            Some(color) => format!("{}\n", style.paint(color, &line)),
            None => format!("{line}\n"),
        }
    });
    colored.collect()
}

fn systemctl(manager: Manager) -> &'static str {
    match manager {
        Manager::System => "systemctl",
        Manager::User => "systemctl --user",
    }
}

/// A command as one would type it.
fn run_words(run: &Run) -> String {
    match run {
        Run::DaemonReload(manager) => format!("{} daemon-reload", systemctl(*manager)),
        Run::StartTimer(manager) => format!("{} enable --now {TIMER}", systemctl(*manager)),
        Run::StopTimer(manager) => format!("{} disable --now {TIMER}", systemctl(*manager)),
        Run::Reload(Control::Systemd) => "systemctl reload docker.service".into(),
        Run::Reload(Control::Command { pidfile, .. }) => format!(
            "kill -HUP \"$(cat {})\"",
            shell_word(&pidfile.to_string_lossy())
        ),
        Run::Restart(Control::Systemd) => "systemctl restart docker.service".into(),
        Run::Restart(Control::Command { restart, .. }) => printable(restart),
    }
}

/// What the operator should know before they agree, a line each.
pub fn notices(style: Style, notices: &[Notice]) -> String {
    notices
        .iter()
        .map(|notice| {
            let (words, warns) = notice_words(notice);
            match warns {
                Weight::Warning => warning(style, &words),
                Weight::Note => note(style, &words),
            }
        })
        .collect()
}

pub(super) enum Weight {
    Note,
    Warning,
}

/// What a restart interrupts where live-restore is on.
pub(super) const CONTAINERS_STAY: &str = "containers keep running through the restart, for \
    live-restore is on; builds, pulls and attached sessions are cut";

fn notice_words(notice: &Notice) -> (String, Weight) {
    match notice {
        Notice::PlainKept(addresses) => (
            format!(
                "the daemon listens on {} too, until now without TLS: whoever reached it was root. \
                 It speaks TLS there from now on, and plain clients fail; --close-plain takes it away",
                addresses.join(", ")
            ),
            Weight::Warning,
        ),
        Notice::PlainClosed(addresses) => {
            (format!("{} is closed", addresses.join(", ")), Weight::Note)
        }
        Notice::NoLocalSocket => (
            "the daemon has no local socket: docker on this host needs a certificate too".into(),
            Weight::Warning,
        ),
        Notice::WasUnverified => (
            "tlsverify was false: the daemon has let every client in until now".into(),
            Weight::Warning,
        ),
        Notice::TrustedTheSystem => (
            "tlscacert was not set: the daemon has trusted every CA of the system until now".into(),
            Weight::Warning,
        ),
        Notice::OtherFiles(paths) => (
            format!(
                "the daemon used {} until now: these files stay where they are",
                paths.join(", ")
            ),
            Weight::Note,
        ),
        Notice::SocketTcp(addresses) => (
            format!(
                "docker.socket listens on {} for the daemon: without TLS keys it would be plain TCP",
                addresses.join(", ")
            ),
            Weight::Warning,
        ),
        Notice::StaleDropIn { made_for } => (
            format!(
                "dockpki's drop-in was made for another command line, {made_for}: it is written anew"
            ),
            Weight::Note,
        ),
        Notice::ContainersStop => (
            "the restart stops every container, for live-restore is off: install server \
             --live-restore turns it on first and keeps them running"
                .into(),
            Weight::Warning,
        ),
        Notice::ContainersStay => (CONTAINERS_STAY.into(), Weight::Note),
        Notice::RootlessPorts(listens) => {
            let ports = listens.iter().map(|listen| {
                let address = listen.to_string().replacen("tcp://", "", 1);
                format!("-p {address}:{}/tcp", listen.port())
            });
            (
                format!(
                    "a rootless daemon listens in a network of its own: dockerd-rootless.sh needs \
                     DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS='{}' in its environment",
                    Vec::from_iter(ports).join(" ")
                ),
                Weight::Note,
            )
        }
        Notice::NotRestarted => (
            "the daemon is not restarted: it goes on as it is until you restart it, and nothing is proved"
                .into(),
            Weight::Warning,
        ),
    }
}

/// The report of a command on a daemon's host, as JSON.
pub fn machine_json(
    plan: &MachinePlan,
    notices: &[Notice],
    changed: bool,
    proof: Option<(&str, &str)>,
) -> String {
    let notices = notices.iter().map(|notice| notice_words(notice).0);
    let told = Told {
        proof: proof.map(|(engine_version, served_serial)| Proof {
            engine_version: engine_version.to_owned(),
            served_serial: served_serial.to_owned(),
        }),
        ..Told::default()
    };
    report_json(plan, notices.collect(), changed, told)
}

/// What a command tells beside its plan.
#[derive(Debug, Default, Serialize)]
pub(super) struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<Proof>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) docker_config: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<String>,
}

/// What a daemon proved.
#[derive(Debug, Serialize)]
pub(super) struct Proof {
    engine_version: String,
    served_serial: String,
}

pub(super) fn report_json(
    plan: &MachinePlan,
    notices: Vec<String>,
    changed: bool,
    told: Told,
) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        command: &'a str,
        changed: bool,
        files: Vec<Line>,
        commands: Vec<String>,
        notices: Vec<String>,
        #[serde(flatten)]
        told: Told,
    }
    json(&Report {
        version: JSON_VERSION,
        command: &plan.command,
        changed,
        files: lines(plan),
        commands: plan.runs().map(run_words).collect(),
        notices,
        told,
    })
}

//! Shows a plan: every file with its mode, keys by the fingerprint of their public half.

use std::path::Path;

use serde::Serialize;

use super::table::{Cell, table};
use super::{JSON_VERSION, Style, json};
use crate::plan::layout;
use crate::plan::{Change, Content, Encryption, NewFile, Plan};

/// One line of a plan.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub(super) path: String,
    pub(super) mode: String,
    pub(super) holds: String,
}

/// The lines of a plan, one for each file and directory it makes or changes.
pub(super) fn lines(plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    for change in &plan.changes {
        match change {
            Change::SetMode { before, mode, .. } => lines.push(Line {
                path: "./".into(),
                mode: octal(*mode),
                holds: format!("the home, its mode was {before:04o}"),
            }),
            Change::MakeDirectory { path, mode } => lines.push(Line {
                path: format!("{path}/"),
                mode: octal(*mode),
                holds: "directory".into(),
            }),
            Change::PlaceDirectory { path, mode, files } => {
                lines.push(Line {
                    path: format!("{path}/"),
                    mode: octal(*mode),
                    holds: "directory".into(),
                });
                lines.extend(
                    files
                        .iter()
                        .map(|file| file_line(&format!("{path}/"), file)),
                );
            }
            Change::ReplaceDirectory {
                path,
                mode,
                files,
                archived,
                before: _,
            } => {
                lines.push(Line {
                    path: format!("{path}/"),
                    mode: octal(*mode),
                    holds: format!("directory, the old one goes to {archived}/"),
                });
                let directory = format!("{path}/");
                lines.extend(files.iter().map(|file| file_line(&directory, file)));
            }
            Change::ArchiveDirectory {
                path,
                archived,
                before: _,
            } => lines.push(Line {
                path: format!("{archived}/"),
                mode: octal(layout::DIRECTORY_MODE),
                holds: format!("directory, moved from {path}/"),
            }),
            Change::CreateFile(file) => lines.push(file_line("", file)),
            Change::ReplaceFile { file, .. } => {
                let mut line = file_line("", file);
                line.holds.push_str(", replaced");
                lines.push(line);
            }
            Change::Append {
                path,
                mode,
                lines: text,
                ..
            } => lines.push(Line {
                path: path.clone(),
                mode: octal(*mode),
                holds: format!("ledger, {}", more_lines(text)),
            }),
        }
    }
    lines
}

fn more_lines(text: &str) -> String {
    match text.lines().filter(|line| !line.is_empty()).count() {
        1 => "1 more line".into(),
        count => format!("{count} more lines"),
    }
}

fn file_line(directory: &str, file: &NewFile) -> Line {
    let is_named = |name: &str| Path::new(&file.path).ends_with(name);
    let holds = match &file.content {
        Content::Key {
            fingerprint,
            encryption,
            ..
        } => {
            let encryption = match (encryption, is_named(layout::CA_KEY)) {
                (Encryption::Encrypted, _) => ", encrypted",
                (Encryption::Plain, true) => ", not encrypted",
                (Encryption::Plain, false) => "",
            };
            format!(
                "private key, public half sha256 {}…{encryption}",
                &fingerprint[..16]
            )
        }
        Content::Public(pem) if is_named(layout::CA_CERTIFICATE) => {
            match pem.matches("-----BEGIN ").count() {
                1 => "CA certificate".into(),
                several => format!("{several} CA certificates"),
            }
        }
        Content::Public(_) => "certificate".into(),
    };
    Line {
        path: format!("{directory}{}", file.path),
        mode: octal(file.mode),
        holds,
    }
}

fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

/// The plan of a dry run.
pub fn planned(style: Style, home: &Path, plan: &Plan) -> String {
    let new_keys = plan.changes.iter().any(|change| match change {
        Change::PlaceDirectory { .. } | Change::ReplaceDirectory { .. } | Change::CreateFile(_) => {
            true
        }
        Change::SetMode { .. }
        | Change::MakeDirectory { .. }
        | Change::ArchiveDirectory { .. }
        | Change::ReplaceFile { .. }
        | Change::Append { .. } => false,
    });
    let keys = match new_keys {
        true => " These keys are not kept: it makes others when it is carried out.",
        false => "",
    };
    planned_with(style, home, plan, keys)
}

/// The plan of a dry run that makes no keys.
pub fn planned_with_old_keys(style: Style, home: &Path, plan: &Plan) -> String {
    planned_with(style, home, plan, "")
}

fn planned_with(style: Style, home: &Path, plan: &Plan, keys: &str) -> String {
    let head = format!(
        "dockpki {} would write in {}\nNothing was changed.{keys}\n\n",
        plan.command,
        super::shown(home)
    );
    head + &files_table(style, plan)
}

/// The plan of a dry run as JSON, with what the operator should mind.
pub fn planned_json(home: &Path, plan: &Plan, warnings: &[String]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        command: &'a str,
        changed: bool,
        files: Vec<Line>,
        warnings: &'a [String],
    }
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command: plan.command,
        changed: false,
        files: lines(plan),
        warnings,
    })
}

pub(super) fn files_table(style: Style, plan: &Plan) -> String {
    let rows = lines(plan).into_iter().map(|line| {
        let row: [Cell; 3] = [line.path.into(), line.mode.into(), line.holds.into()];
        row
    });
    table(style, ["FILE", "MODE", "HOLDS"], &rows.collect::<Vec<_>>())
}

/// Each change on a line of its own, for those who asked to be told more.
pub fn change_lines(plan: &Plan) -> String {
    let lines = lines(plan).into_iter();
    lines
        .map(|line| format!("{} {} ({})\n", line.mode, line.path, line.holds))
        .collect()
}

/// That the passphrase of the CA's key is another, or none.
pub fn passphrase_changed(path: &Path, encryption: Encryption) -> String {
    let path = super::shown(path);
    match encryption {
        Encryption::Encrypted => format!("The CA's key has its new passphrase: {path}\n"),
        Encryption::Plain => format!("The CA's key has no passphrase any more: {path}\n"),
    }
}

/// The same as JSON.
pub fn passphrase_changed_json(home: &Path, encryption: Encryption) -> String {
    #[derive(Serialize)]
    struct Report {
        version: u32,
        home: String,
        command: &'static str,
        changed: bool,
        encrypted: bool,
    }
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command: "ca passwd",
        changed: true,
        encrypted: encryption == Encryption::Encrypted,
    })
}

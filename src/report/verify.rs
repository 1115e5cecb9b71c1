//! Shows what `verify` found and what mends it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Color, JSON_VERSION, Style, count, json, printable, shell_word};
use crate::pki::Life;
use crate::plan::issue::Wish;
use crate::plan::layout;
use crate::plan::rollover::Campaign;
use crate::plan::verify::{Finding, Mend, Note};

/// Each finding on two lines, then a line of summary.
pub fn verify(
    style: Style,
    home: &Path,
    program: &str,
    findings: &[Finding],
    checked: usize,
) -> String {
    let checked = count(checked, "certificate");
    told(style, home, program, findings, &checked)
}

/// The same for what is installed.
pub fn verify_installed(
    style: Style,
    home: &Path,
    program: &str,
    findings: &[Finding],
    checked: usize,
) -> String {
    let checked = count(checked, "installed path");
    told(style, home, program, findings, &checked)
}

fn told(style: Style, home: &Path, program: &str, findings: &[Finding], checked: &str) -> String {
    let mut text = String::new();
    let mends: Vec<_> = findings
        .iter()
        .map(|finding| mend(home, program, finding))
        .collect();
    for (index, finding) in findings.iter().enumerate() {
        text.push_str(&line(style, finding));
        // What mends several findings in a row is to be typed once.
        if mends.get(index + 1) != Some(&mends[index]) {
            text.push_str(&format!("    {}\n", mends[index]));
        }
    }
    let summary = match findings.len() {
        0 => format!("{checked} checked, nothing found\n"),
        found => format!("{checked} checked, {}\n", count(found, "finding")),
    };
    text + &summary
}

fn line(style: Style, finding: &Finding) -> String {
    format!(
        "{}: found {}, wanted {}\n",
        style.paint(Color::Red, &printable(&finding.path.to_string_lossy())),
        printable(&finding.found),
        printable(&finding.wanted),
    )
}

/// What was set right, a note each.
pub fn fixed<'a>(style: Style, findings: impl Iterator<Item = &'a Finding>) -> String {
    let lines = findings.map(|finding| {
        let words = format!(
            "{}: {} is {} now",
            finding.path.display(),
            finding.found,
            finding.wanted
        );
        super::note(style, &words)
    });
    lines.collect()
}

/// The same as [`verify`] as JSON.
pub fn verify_json(home: &Path, program: &str, findings: &[Finding], checked: usize) -> String {
    #[derive(Serialize)]
    struct Report {
        version: u32,
        home: String,
        checked: usize,
        findings: Vec<Found>,
    }
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        checked,
        findings: found(home, program, findings),
    })
}

/// The same as [`verify_installed`] as JSON.
pub fn verify_installed_json(
    home: &Path,
    program: &str,
    findings: &[Finding],
    checked: usize,
) -> String {
    #[derive(Serialize)]
    struct Report {
        version: u32,
        installed: bool,
        checked: usize,
        findings: Vec<Found>,
    }
    json(&Report {
        version: JSON_VERSION,
        installed: true,
        checked,
        findings: found(home, program, findings),
    })
}

#[derive(Serialize)]
struct Found {
    path: String,
    found: String,
    wanted: String,
    mend: String,
}

fn found(home: &Path, program: &str, findings: &[Finding]) -> Vec<Found> {
    let findings = findings.iter().map(|finding| Found {
        path: finding.path.display().to_string(),
        found: finding.found.clone(),
        wanted: finding.wanted.clone(),
        mend: mend(home, program, finding),
    });
    findings.collect()
}

/// That what is put aside is not taken back; nothing if no mend puts anything aside.
pub fn aside_words(findings: &[Finding]) -> Option<&'static str> {
    let puts_aside =
        |finding: &Finding| matches!(finding.mend, Mend::Reissue { .. } | Mend::PutAside(..));
    findings.iter().any(puts_aside).then_some(
        "a certificate that is put aside stays valid until its end: destroy its key if it is there",
    )
}

/// The flag for what stands for `/`, if it is not that.
fn prefix_flag(prefix: &Option<PathBuf>) -> String {
    let flag = |prefix: &PathBuf| format!(" --prefix {}", shell_word(&prefix.to_string_lossy()));
    prefix.as_ref().map(flag).unwrap_or_default()
}

/// What was not checked, in words.
pub fn note_words(note: &Note) -> String {
    match note {
        Note::CaKeyNotOpened(path) => format!(
            "`{}` is encrypted and was not opened: pass --passphrase-file FILE to check that it is this CA's",
            super::shown(path)
        ),
        Note::PartOfAHome(path) => format!(
            "`{}` is a part of a home, without the CA's key and the ledger: what was issued and what is revoked, \
             only the home it was copied from can tell",
            super::shown(path)
        ),
        Note::RolloverUnderWay(campaign) => {
            let Campaign { new, old } = &**campaign;
            format!(
                "a rollover is under way, from `{}` to `{}`: dockpki ca roll status tells how far it has come",
                printable(old.common_name.as_deref().unwrap_or_default()),
                printable(new.common_name.as_deref().unwrap_or_default())
            )
        }
        Note::CaKeyElsewhere(path) => format!(
            "`{}` is not there: fine if you keep the CA's key elsewhere, but nothing can be issued from here",
            super::shown(path)
        ),
    }
}

fn mend(home: &Path, program: &str, finding: &Finding) -> String {
    mend_at(home, program, &finding.path, &finding.mend)
}

fn mend_at(home: &Path, program: &str, at: &Path, mend: &Mend) -> String {
    let path = shell_word(&at.to_string_lossy());
    let aside = |directory: String| {
        let from = shell_word(&home.join(directory).to_string_lossy());
        // Beside its directory a name with a dot before it is nobody's.
        format!("mv {from} \"$(mktemp -d)\"")
    };
    match mend {
        Mend::Mode(mode) => format!("chmod {mode:04o} {path}"),
        Mend::Owner(owner) => format!("chown {owner} {path}"),
        Mend::OwnerAndGroup(user, group) => format!("chown {user}:{group} {path}"),
        Mend::InstallServer { name, prefix } => {
            format!("{program} install server {name}{}", prefix_flag(prefix))
        }
        Mend::InstallTimer { prefix } => {
            format!("{program} timer install{}", prefix_flag(prefix))
        }
        Mend::InstallAgain | Mend::RenewAndInstall => format!("{program} install client"),
        Mend::RenewFirst(kind, name, then) => format!(
            "{program} renew {} && {}",
            shell_word(&kind.pair(name)),
            mend_at(home, program, at, then)
        ),
        Mend::InstallClient { name, context } => {
            let word = |flag: &str, word: String| format!(" {flag}{}", shell_word(&word));
            let name = name.clone().map(|name| word("", name));
            let context = context
                .as_ref()
                .map(|it| word("--context ", it.to_string()));
            let words = name.into_iter().chain(context).collect::<String>();
            format!("{program} install client{words}")
        }
        Mend::DropLine(line) => super::drop_line(at, *line),
        Mend::Edit => format!("edit {path}"),
        Mend::CopyCa | Mend::ReplaceByCa => {
            let ca = shell_word(&home.join(layout::CA_CERTIFICATE).to_string_lossy());
            let aside = match mend {
                Mend::ReplaceByCa => format!("mv {path} \"$(mktemp -d)\" && "),
                _ => String::new(),
            };
            format!("{aside}install -m 0444 {ca} {path}")
        }
        Mend::CopyCaFrom(copy) => {
            format!(
                "install -m 0444 {} {path}",
                shell_word(&copy.to_string_lossy())
            )
        }
        Mend::Reissue {
            wish,
            life,
            key_type,
        } => {
            let aside = aside(wish.kind().pair(wish.name().as_str()));
            let mut issue = match &**wish {
                Wish::Server(name, sans) => {
                    format!(
                        "server issue {name} --san {}",
                        shell_word(&sans.to_string())
                    )
                }
                Wish::Client(name) => format!("client issue {name}"),
            };
            if let Some(life) = life.filter(|life| *life != Life::LEAF) {
                issue.push_str(&format!(" --valid-for {life}"));
            }
            if let Some(key_type) = key_type {
                issue.push_str(&format!(" --key-type {key_type}"));
            }
            format!("{aside} && {program} {issue}")
        }
        Mend::Renew(kind, name) => {
            format!("{program} renew --force {}", shell_word(&kind.pair(name)))
        }
        Mend::PutAside(kind, name) => aside(kind.pair(name)),
        Mend::RollOver => format!("{program} ca roll start"),
        Mend::Remove => format!("rm -r {path}"),
        Mend::SetClock => "set the clock of this machine".into(),
        Mend::CopyAgain(path) => format!(
            "copy {} again from the home it came from",
            shell_word(&path.to_string_lossy())
        ),
        Mend::Restore => format!("put {path} back from your backup"),
    }
}

//! Shows what `verify` found and what mends it.

use std::path::Path;

use serde::Serialize;

use super::{Color, JSON_VERSION, Style, count, json, printable, shell_word};
use crate::pki::Life;
use crate::plan::issue::Wish;
use crate::plan::layout;
use crate::plan::verify::{Finding, Mend, Note};

/// Each finding on two lines, then a line of summary.
pub fn verify(
    style: Style,
    home: &Path,
    program: &str,
    findings: &[Finding],
    checked: usize,
) -> String {
    let mut text = String::new();
    let mends: Vec<_> = findings
        .iter()
        .map(|finding| mend(home, program, finding))
        .collect();
    for (index, finding) in findings.iter().enumerate() {
        text.push_str(&format!(
            "{}: found {}, wanted {}\n",
            style.paint(Color::Red, &printable(&finding.path.to_string_lossy())),
            printable(&finding.found),
            printable(&finding.wanted),
        ));
        // What mends several findings in a row is to be typed once.
        if mends.get(index + 1) != Some(&mends[index]) {
            text.push_str(&format!("    {}\n", mends[index]));
        }
    }
    let summary = match findings.len() {
        0 => format!("{} checked, nothing found\n", count(checked, "certificate")),
        found => format!(
            "{} checked, {}\n",
            count(checked, "certificate"),
            count(found, "finding")
        ),
    };
    text + &summary
}

/// The same as JSON.
pub fn verify_json(home: &Path, program: &str, findings: &[Finding], checked: usize) -> String {
    #[derive(Serialize)]
    struct Report {
        version: u32,
        home: String,
        checked: usize,
        findings: Vec<Found>,
    }
    #[derive(Serialize)]
    struct Found {
        path: String,
        found: String,
        wanted: String,
        mend: String,
    }
    let findings = findings.iter().map(|finding| Found {
        path: finding.path.display().to_string(),
        found: finding.found.clone(),
        wanted: finding.wanted.clone(),
        mend: mend(home, program, finding),
    });
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        checked,
        findings: findings.collect(),
    })
}

/// That what is put aside is not taken back; nothing if no mend puts anything aside.
pub fn aside_words(findings: &[Finding]) -> Option<&'static str> {
    let puts_aside =
        |finding: &Finding| matches!(finding.mend, Mend::Reissue { .. } | Mend::PutAside(..));
    findings.iter().any(puts_aside).then_some(
        "a certificate that is put aside stays valid until its end: destroy its key if it is there",
    )
}

/// What was not checked, in words.
pub fn note_words(note: &Note) -> String {
    match note {
        Note::CaKeyNotOpened(path) => format!(
            "`{}` is encrypted and was not opened: pass --passphrase-file FILE to check that it is this CA's",
            super::shown(path)
        ),
        Note::CaKeyElsewhere(path) => format!(
            "`{}` is not there: fine if you keep the CA's key elsewhere, but nothing can be issued from here",
            super::shown(path)
        ),
    }
}

fn mend(home: &Path, program: &str, finding: &Finding) -> String {
    let path = shell_word(&finding.path.to_string_lossy());
    let aside = |directory: String| {
        let from = shell_word(&home.join(directory).to_string_lossy());
        // Beside its directory a name with a dot before it is nobody's.
        format!("mv {from} \"$(mktemp -d)\"")
    };
    match &finding.mend {
        Mend::Mode(mode) => format!("chmod {mode:04o} {path}"),
        Mend::Owner(owner) => format!("chown {owner} {path}"),
        Mend::CopyCa => {
            let ca = shell_word(&home.join(layout::CA_CERTIFICATE).to_string_lossy());
            format!("install -m 0444 {ca} {path}")
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
        Mend::PutAside(kind, name) => aside(kind.pair(name)),
        Mend::NewHome => "make a new CA in a new home: this one can issue nothing more".into(),
        Mend::Remove => format!("rm -r {path}"),
        Mend::SetClock => "set the clock of this machine".into(),
        Mend::Restore => format!("put {path} back from your backup"),
    }
}

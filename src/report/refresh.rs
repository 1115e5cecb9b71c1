//! Tells which copies of a client were left as they are, and why.

use super::{Style, note};
use crate::pki::{Certificate, VerifyCode};
use crate::plan::check::installed::{InstalledPair, Place};

/// The copies of a client that are not rewritten.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// They are as they would become.
    pub current: Vec<String>,
    /// They have a certificate that begins later, of this serial number.
    pub newer: Vec<(String, String)>,
    /// They believe this CA, which is newer than those of the bundle.
    pub newer_ca: Vec<(String, Certificate)>,
    /// They are in contexts that docker does not use for TLS, or whose name nobody knows.
    pub nameless: Vec<String>,
    /// Their certificate cannot be read, and nobody knows whose it was.
    pub unknown: Vec<String>,
}

/// Where a copy is, in words.
pub fn place_of(pair: &InstalledPair) -> String {
    let directory = pair.certificate.parent().unwrap_or(&pair.certificate);
    match &pair.place {
        Place::Context { name, .. } => format!("the docker context {name}"),
        Place::Daemon | Place::DockerConfig | Place::Directory(_) => {
            directory.display().to_string()
        }
    }
}

/// What is left, a note each.
pub fn left_copies(style: Style, refreshed: &Refreshed) -> String {
    let newer = refreshed.newer.iter().map(|(place, serial)| {
        format!("{place} is left: its certificate is newer, serial {serial}")
    });
    let nameless = refreshed.nameless.iter().map(|place| {
        format!("{place} is left: found no tcp:// host in its meta.json, so docker uses no certificate there")
    });
    let newer_ca = refreshed.newer_ca.iter().map(|(place, ca)| {
        let code = VerifyCode::of(&ca.public_key);
        format!("{place} is left: it believes the CA {code}, which is newer than what came")
    });
    let known = newer
        .chain(newer_ca)
        .chain(nameless)
        .map(|words| note(style, &words));
    known.chain([unknown_copies(style, refreshed)]).collect()
}

/// What is left because nobody knows whose it was, a note each.
pub fn unknown_copies(style: Style, refreshed: &Refreshed) -> String {
    let unknown = refreshed.unknown.iter().map(|place| {
        let words = format!(
            "{place} is left: its certificate cannot be read, and no record says whose it was; `client \
             accept` with --docker-config or --context puts this one there"
        );
        note(style, &words)
    });
    unknown.collect()
}

/// That there is nothing to do.
pub fn nothing_to_refresh(name: &str, current: &[String]) -> String {
    format!(
        "Nothing was changed: {} of client `{name}` {} that already: {}\n",
        match current.len() {
            1 => "1 copy".to_owned(),
            more => format!("{more} copies"),
        },
        if current.len() == 1 { "is" } else { "are" },
        current.join(", ")
    )
}

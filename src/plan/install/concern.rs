//! What should be known of a way back before it is agreed to: what comes back may be of no use
//! any more.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::{DaemonNow, SERVER_FILES, TakeBack};
use crate::pki::{Certificate, date};
use crate::plan::daemon_json::DaemonJson;
use crate::plan::layout::{self, PairKind};
use crate::plan::machine::{FileChange, FileImage, MachineChange, MachinePlan};
use crate::plan::verify::HomeCas;

/// Something that comes back and had better not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    /// A CA or a certificate that a rollover or time has passed over.
    Outdated {
        /// The file.
        path: PathBuf,
        /// What is in it then, in words.
        found: String,
        /// What should be.
        wanted: String,
    },
    /// daemon.json names files that are not there then: the daemon would not start.
    WouldNotStart {
        /// The files.
        missing: Vec<PathBuf>,
    },
}

impl TakeBack {
    /// Adds what should be known of it.  `home` has the CAs of the home here, if there is one.
    pub fn with_concerns(
        mut self,
        daemon: Option<&DaemonNow>,
        home: Option<&HomeCas>,
        now: OffsetDateTime,
    ) -> Self {
        let changes = Changes::of(&self.machine);
        let outdated = changes.outdated(home, now);
        let missing = daemon.map_or_else(Vec::new, |daemon| changes.missing(daemon));
        self.concerns.extend(outdated);
        if !missing.is_empty() {
            self.concerns.push(Concern::WouldNotStart { missing });
        }
        self
    }

    /// The files without which the daemon would not start afterwards.
    pub fn missing(&self) -> Option<&[PathBuf]> {
        self.concerns.iter().find_map(|concern| match concern {
            Concern::WouldNotStart { missing } => Some(missing.as_slice()),
            Concern::Outdated { .. } => None,
        })
    }
}

/// The files of a plan, by their whole paths.
struct Changes<'a>(Vec<(PathBuf, &'a FileChange)>);

impl<'a> Changes<'a> {
    fn of(machine: &'a MachinePlan) -> Self {
        let mut files = Vec::new();
        for change in machine.changes() {
            match change {
                MachineChange::File(file) => files.push((file.path.clone(), file)),
                MachineChange::Swap {
                    directory,
                    files: swapped,
                    ..
                } => {
                    let whole = swapped.iter().map(|it| (directory.join(&it.path), it));
                    files.extend(whole);
                }
                MachineChange::Directory { .. } => {}
            }
        }
        Self(files)
    }

    /// What comes back at a path.
    fn after(&self, path: &Path) -> Option<(PathBuf, &'a FileImage)> {
        let (path, file) = self.0.iter().find(|(other, _)| other == path)?;
        Some((path.clone(), file.after.as_ref()?))
    }

    fn outdated(&self, home: Option<&HomeCas>, now: OffsetDateTime) -> Vec<Concern> {
        let mut concerns = Vec::new();
        let mut directories = Vec::<&Path>::new();
        for (path, file) in &self.0 {
            let certificates = PairKind::ALL.map(PairKind::certificate_file);
            let directory = path.parent().unwrap_or(path);
            if certificates.iter().any(|name| path.ends_with(name))
                && let Some(image) = &file.after
                && let Ok(certificate) = Certificate::from_pem(&image.content)
                && certificate.validity.not_after < now
            {
                concerns.push(Concern::Outdated {
                    path: path.clone(),
                    found: format!(
                        "a certificate that expired on {}",
                        date(certificate.validity.not_after)
                    ),
                    wanted: "one that is valid".into(),
                });
            }
            if path.ends_with(layout::CA_CERTIFICATE) && !directories.contains(&directory) {
                directories.push(directory);
            }
        }
        let Some(home) = home else { return concerns };
        for directory in directories {
            let mut findings = Vec::new();
            home.judge(&mut findings, |name| self.after(&directory.join(name)));
            let found = findings.into_iter().map(|finding| Concern::Outdated {
                path: finding.path,
                found: finding.found,
                wanted: finding.wanted,
            });
            concerns.extend(found);
        }
        concerns
    }

    /// The files that go though daemon.json, as it is then, names them.
    fn missing(&self, daemon: &DaemonNow) -> Vec<PathBuf> {
        let installed = &daemon.installed;
        let changed = self
            .0
            .iter()
            .find(|(path, _)| *path == installed.daemon_json);
        let then = match changed {
            Some((_, file)) => file.after.as_ref(),
            None => daemon.daemon_json.as_ref(),
        };
        let json = then.and_then(|image| DaemonJson::parse(&image.content).ok());
        let (Some(json), Some(ours)) = (json, &installed.wanted.tls) else {
            return Vec::new();
        };
        let then = json.tls();
        let named = [
            then.ca_certificate.as_ref() == Some(&ours.ca_certificate),
            then.certificate.as_ref() == Some(&ours.certificate),
            then.key.as_ref() == Some(&ours.key),
        ];
        let named = SERVER_FILES.iter().zip(named).filter(|(_, named)| *named);
        let named = named.map(|((name, _), _)| installed.directory.join(name));
        let goes = |path: &PathBuf| {
            let mut files = self.0.iter();
            files.any(|(other, file)| other == path && file.after.is_none())
        };
        named.filter(goes).collect()
    }
}

//! Judges what is installed on a machine: modes, owners, pairs, daemon.json, the unit.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::outside::HomeCas;
use super::{Finding, Mend, found_words, out_of_time};
use crate::pki::{Certificate, PrivateKey, certificates_from_pem, verify_chain};
use crate::plan::client::PlacedClient;
use crate::plan::daemon_json::{DaemonJson, Wanted};
use crate::plan::install::{InstalledDaemon, UnitState};
use crate::plan::layout::{self, PairKind};
use crate::plan::machine::{Access, FileChange, FileImage, MachineChange, MachineStep};
use crate::plan::systemd::Service;
use crate::plan::timer::is_unit_of_ours;

/// A path that dockpki installed, as it was left and as it is now.
#[derive(Debug)]
pub struct InstalledPath {
    /// From the root on.
    pub path: PathBuf,
    /// As it was left.
    pub wanted: Access,
    /// What is there now.
    pub found: FoundPath,
}

/// What is at an installed path now.
#[derive(Debug)]
pub enum FoundPath {
    /// Nothing.
    Nothing,
    /// A directory.
    Directory(Access),
    /// A file.
    File(FileImage),
}

/// What was installed, and for what.
#[derive(Debug)]
pub struct Installed<'a> {
    /// Every path.
    pub paths: &'a [InstalledPath],
    /// What was put into a daemon's host, if it was.
    pub daemon: Option<&'a InstalledDaemon>,
    /// docker.service, if it starts that daemon.
    pub unit: Option<&'a UnitState>,
    /// docker's configuration directories a client was installed in.
    pub docker_configs: Vec<PathBuf>,
    /// The clients that were installed, the last of each directory.
    pub clients: &'a [PlacedClient],
    /// The CAs of the home here, if there is one.
    pub home: Option<&'a HomeCas>,
    /// What stands for `/`, if it is not that.
    pub prefix: Option<PathBuf>,
}

impl Installed<'_> {
    /// What installs a path again.
    fn again(&self, path: &Path) -> Mend {
        if is_unit_of_ours(path) {
            return Mend::InstallTimer {
                prefix: self.prefix.clone(),
            };
        }
        let of_client = self
            .docker_configs
            .iter()
            .any(|directory| path.starts_with(directory));
        match (of_client, self.daemon) {
            (false, Some(daemon)) => Mend::InstallServer {
                name: daemon.server.clone(),
                prefix: self.prefix.clone(),
            },
            _ => {
                let mut clients = self.clients.iter();
                let client = clients.find(|it| path.parent() == Some(&it.directory()));
                Mend::InstallClient {
                    name: client.map(|it| it.name.clone()),
                    context: client.and_then(|it| it.context.clone()),
                }
            }
        }
    }
}

impl Installed<'_> {
    /// What renews a pair and installs it again.
    fn renewed(&self, path: &Path) -> Mend {
        let again = self.again(path);
        let named = match &again {
            Mend::InstallServer { name, .. } => Some((PairKind::Server, name.clone())),
            Mend::InstallClient { name, .. } => name.clone().map(|it| (PairKind::Client, it)),
            _ => None,
        };
        match named {
            Some((kind, name)) => Mend::RenewFirst(kind, name, Box::new(again)),
            None => again,
        }
    }
}

/// Judges every installed path, and what they say together.
pub fn installed(installed: &Installed<'_>, now: OffsetDateTime) -> Vec<Finding> {
    let Installed {
        paths,
        daemon,
        unit,
        docker_configs: _,
        clients: _,
        home,
        prefix: _,
    } = installed;
    let mut findings = Vec::new();
    for path in *paths {
        judge_access(&mut findings, path);
    }
    for directory in directories(paths) {
        judge_pair(&mut findings, paths, &directory, now);
        if let Some(home) = home {
            home.judge(&mut findings, |name| file_at(paths, &directory, name));
        }
    }
    if let Some(daemon) = daemon {
        judge_daemon_json(&mut findings, paths, daemon);
        if let Some(unit) = unit {
            judge_unit(&mut findings, unit);
        }
    }
    for finding in &mut findings {
        match finding.mend {
            Mend::InstallAgain => finding.mend = installed.again(&finding.path),
            Mend::RenewAndInstall => finding.mend = installed.renewed(&finding.path),
            _ => {}
        }
    }
    findings
}

fn judge_access(findings: &mut Vec<Finding>, installed: &InstalledPath) {
    let InstalledPath {
        path,
        wanted,
        found,
    } = installed;
    let now = match found {
        FoundPath::Nothing => {
            findings.push(Finding {
                path: path.clone(),
                found: "nothing".into(),
                wanted: "what dockpki installed".into(),
                mend: Mend::InstallAgain,
            });
            return;
        }
        FoundPath::Directory(access) => access,
        FoundPath::File(image) => &image.access,
    };
    if now.mode != wanted.mode {
        findings.push(Finding {
            path: path.clone(),
            found: format!("mode {:04o}", now.mode),
            wanted: format!("{:04o}", wanted.mode),
            mend: Mend::Mode(wanted.mode),
        });
    }
    if (now.user, now.group) != (wanted.user, wanted.group) {
        findings.push(Finding {
            path: path.clone(),
            found: format!("owner {}:{}", now.user, now.group),
            wanted: format!("{}:{}", wanted.user, wanted.group),
            mend: Mend::OwnerAndGroup(wanted.user, wanted.group),
        });
    }
}

/// The directories in which certificates were installed, each once.
fn directories(paths: &[InstalledPath]) -> Vec<PathBuf> {
    let cas = paths
        .iter()
        .filter(|installed| installed.path.ends_with(layout::CA_CERTIFICATE));
    let parents = cas.filter_map(|installed| installed.path.parent());
    parents.map(Path::to_owned).collect()
}

/// An installed file by its directory and name, if it is there.
fn file_at<'a>(
    paths: &'a [InstalledPath],
    directory: &Path,
    name: &str,
) -> Option<(PathBuf, &'a FileImage)> {
    let path = directory.join(name);
    let installed = paths.iter().find(|installed| installed.path == path)?;
    match &installed.found {
        FoundPath::File(image) => Some((path, image)),
        _ => None,
    }
}

/// Judges a certificate, its key and its CA where they lie together.
fn judge_pair(
    findings: &mut Vec<Finding>,
    paths: &[InstalledPath],
    directory: &Path,
    now: OffsetDateTime,
) {
    let file = |name: &str| file_at(paths, directory, name);
    for kind in PairKind::ALL {
        let (Some(ca), Some(certificate), Some(key)) = (
            file(layout::CA_CERTIFICATE),
            file(kind.certificate_file()),
            file(kind.key_file()),
        ) else {
            continue;
        };
        let mut mended_by = |mend: Mend, path: &Path, found: String, wanted: &str| {
            findings.push(Finding {
                path: path.to_owned(),
                found,
                wanted: wanted.to_owned(),
                mend,
            });
        };
        let mut find = |path: &Path, found: String, wanted: &str| {
            mended_by(Mend::InstallAgain, path, found, wanted);
        };
        let parsed = match Certificate::from_pem(&certificate.1.content) {
            Ok(parsed) => parsed,
            Err(error) => {
                find(&certificate.0, found_words(&error), "a certificate");
                continue;
            }
        };
        match PrivateKey::from_pem(&key.1.content) {
            Ok(key) if *key.public_key() == parsed.public_key => {}
            Ok(_) => find(
                &key.0,
                "the key of another certificate".into(),
                "the certificate's private key",
            ),
            Err(error) => find(&key.0, found_words(&error), "the certificate's private key"),
        }
        match certificates_from_pem(&ca.1.content) {
            Err(error) => find(&ca.0, found_words(&error), "the CA's certificate"),
            Ok(cas) => {
                // Its dates are judged above.
                let at = now.clamp(
                    parsed.validity.not_before,
                    parsed.validity.not_after.max(parsed.validity.not_before),
                );
                let mut chains = cas
                    .iter()
                    .map(|ca| verify_chain(&parsed.der, ca, kind.purpose(), at));
                if !chains.any(|chain| chain.is_ok()) {
                    let found = "a certificate of another CA".to_owned();
                    find(&certificate.0, found, "one of the CA beside it");
                }
            }
        }
        if let Some((found, wanted)) = out_of_time(parsed.validity, now) {
            let mend = match now < parsed.validity.not_before {
                // Whatever took its place would begin later still.
                true => Mend::SetClock,
                false => Mend::InstallAgain,
            };
            mended_by(mend, &certificate.0, found, &wanted);
        }
    }
}

fn judge_daemon_json(
    findings: &mut Vec<Finding>,
    paths: &[InstalledPath],
    daemon: &InstalledDaemon,
) {
    let path = &daemon.daemon_json;
    let at = paths.iter().find(|installed| installed.path == *path);
    let Some(FoundPath::File(image)) = at.map(|installed| &installed.found) else {
        return;
    };
    let json = match DaemonJson::parse(&image.content) {
        Ok(json) => json,
        Err(fault) => {
            return findings.push(Finding {
                path: path.clone(),
                found: format!("a mistake ({fault})"),
                wanted: "what dockerd reads".into(),
                mend: Mend::Edit,
            });
        }
    };
    let mut find = |found: String, wanted: String| {
        findings.push(Finding {
            path: path.clone(),
            found,
            wanted,
            mend: Mend::InstallAgain,
        });
    };
    let Wanted {
        hosts,
        tls,
        live_restore: _,
    } = &daemon.wanted;
    let found = json.tls();
    let value = |value: &Option<String>| match value {
        Some(value) => format!("`{value}`"),
        None => "nothing".into(),
    };
    if let Some(wanted) = tls {
        for (key, found, wanted) in [
            ("tlscacert", &found.ca_certificate, &wanted.ca_certificate),
            ("tlscert", &found.certificate, &wanted.certificate),
            ("tlskey", &found.key, &wanted.key),
        ] {
            if found.as_ref() != Some(wanted) {
                find(format!("{} in {key}", value(found)), format!("`{wanted}`"));
            }
        }
        for (key, found) in [("tls", found.tls), ("tlsverify", found.verify)] {
            if found != Some(true) {
                let found = found.map(|found| found.to_string());
                find(format!("{} in {key}", value(&found)), "`true`".into());
            }
        }
    }
    let there = json.hosts().unwrap_or_default();
    for host in hosts.iter().flatten().filter(|host| !there.contains(host)) {
        find(format!("no {host} in hosts"), "it there".into());
    }
}

/// Judges whether the unit's flags clash with daemon.json.
fn judge_unit(findings: &mut Vec<Finding>, unit: &UnitState) {
    let path = unit.service.unit.path.clone();
    let mut find = |found: String, wanted: &str| {
        findings.push(Finding {
            path: path.clone(),
            found,
            wanted: wanted.into(),
            mend: Mend::InstallAgain,
        });
    };
    let wanted = Service::parse(&unit.service, &unit.environment).and_then(|it| it.drop_in());
    match wanted {
        Err(fault) => find(fault.to_string(), "flags that leave room for daemon.json"),
        Ok(None) => {}
        Ok(Some(wanted)) => {
            let is_there = unit.drop_ins.iter().any(|(name, image)| {
                *name == wanted.file_name && *image.content == *wanted.text.as_bytes()
            });
            if !is_there {
                let found = "flags that clash with daemon.json, or another command line than dockpki's drop-in was made for";
                find(found.into(), "a drop-in that is made for it");
            }
        }
    }
}

/// The steps that set modes and owners right, and nothing else.
pub fn fixes(paths: &[InstalledPath]) -> Vec<MachineStep> {
    let mut steps = Vec::new();
    for installed in paths {
        let path = installed.path.clone();
        let after = Some(installed.wanted);
        let change = match &installed.found {
            FoundPath::Nothing => continue,
            FoundPath::Directory(before) => MachineChange::Directory {
                path,
                before: Some(*before),
                after,
            },
            FoundPath::File(before) => MachineChange::File(FileChange {
                path,
                before: Some(before.clone()),
                after: Some(FileImage {
                    content: before.content.clone(),
                    access: installed.wanted,
                }),
            }),
        };
        if change.is_needed() {
            steps.push(MachineStep::Change(change));
        }
    }
    steps
}

//! Judges what this machine has outside the home, and what its daemon serves.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

pub use super::found::{Installed, InstalledPair, Place, Served};

use super::home::{bundle, leave, unread};
use super::known::{Known, name_of};
use super::{
    Checked, Facts, Mend, Reissue, Renewal, Severity, State, Thresholds, in_time, or_open,
};
use crate::pki::{Certificate, Purpose, certificates_from_pem};
use crate::plan::install::DaemonMode;
use crate::plan::layout::PairKind;
use crate::plan::list::{Standing, standing};
use crate::plan::state::{FileState, PairState};

/// Judges all that was read.
pub fn installed(
    installed: &Installed,
    known: Known<'_>,
    revoked: &HashSet<String>,
    thresholds: &Thresholds,
    now: OffsetDateTime,
) -> Vec<Checked> {
    let judge = Judge {
        mode: installed.mode,
        known,
        revoked,
        thresholds,
        now,
    };
    let mut all = Vec::new();
    let mut file = None;
    if let Some(server) = &installed.server {
        let (cas, certificate) = judge.pair(server);
        all.extend(cas);
        all.extend(certificate.clone());
        file = certificate;
    }
    for served in &installed.served {
        all.push(judge.served(served, file.as_ref()));
    }
    for client in &installed.clients {
        let (cas, certificate) = judge.pair(client);
        all.extend(cas);
        all.extend(certificate);
    }
    for (path, cause) in &installed.unreadable {
        let label = path.display().to_string();
        all.push(unread(Purpose::Server, label, path, cause));
    }
    all
}

/// The keys that could not be read, which is as it should be for who is not their owner.
pub fn unjudged_keys(installed: &Installed) -> impl Iterator<Item = &PathBuf> {
    let pairs = installed.server.iter().chain(&installed.clients);
    let closed = pairs.filter(|pair| matches!(pair.state.key, FileState::Unreadable(_)));
    closed.map(|pair| &pair.key)
}

struct Judge<'a> {
    mode: DaemonMode,
    known: Known<'a>,
    revoked: &'a HashSet<String>,
    thresholds: &'a Thresholds,
    now: OffsetDateTime,
}

impl Judge<'_> {
    /// Its CAs, and its certificate if there is any trace of one.
    fn pair(&self, pair: &InstalledPair) -> (Vec<Checked>, Option<Checked>) {
        let certificate = self.certificate(pair);
        let facts = certificate.as_ref().and_then(|it| it.facts.as_ref());
        let again = self.again(pair, facts);
        let mut cas = match &pair.ca {
            Some(path) => {
                let label = label(&pair.place, path);
                bundle(&label, path, &pair.state.ca, self.thresholds, self.now)
            }
            None => Vec::new(),
        };
        for ca in &mut cas {
            if ca
                .facts
                .as_ref()
                .is_some_and(|it| self.known.has_dropped(it))
            {
                ca.state = State::Dropped;
                ca.severity = ca.severity.max(Severity::Warning);
            }
            let is_ours = ca.facts.as_ref().is_some_and(|it| self.known.trusts(it));
            if ca
                .facts
                .as_ref()
                .is_some_and(|it| self.known.is_leaving(it))
            {
                leave(ca);
            }
            ca.mend = match (&ca.state, ca.severity) {
                (State::Standing(Standing::Leaving), _) => Some(Mend::RollStatus),
                (_, Severity::Fine) => None,
                (State::Unreadable { .. }, _) => ca.mend.take(),
                (State::Standing(Standing::NotYetValid), _) => Some(Mend::Clock),
                (State::Due | State::Standing(Standing::Expired), _) => Some(match is_ours {
                    true => self.known.roll(),
                    false => Mend::Elsewhere(Renewal::Needed(Reissue::Due)),
                }),
                _ => Some(again(Renewal::Done)),
            };
        }
        if self.known.trusts_more_than(&cas)
            && let Some(first) = cas.first_mut()
        {
            first.state = State::NotInstalled;
            first.severity = first.severity.max(Severity::Warning);
            first.mend = Some(again(Renewal::Done));
        }
        (cas, certificate)
    }

    fn certificate(&self, pair: &InstalledPair) -> Option<Checked> {
        let PairState {
            kind,
            certificate: file,
            key,
            ..
        } = &pair.state;
        // docker takes a directory with a CA alone.
        let is_expected = pair.place == Place::Daemon || !matches!(key, FileState::Absent);
        if matches!(file, FileState::Absent) && !is_expected {
            return None;
        }
        let purpose = kind.purpose();
        let label = label(&pair.place, &pair.certificate);
        if let FileState::Unreadable(cause) = file {
            return Some(unread(purpose, label, &pair.certificate, cause));
        }
        // A file of dockpki's has one; others may have the chain after it.
        let certificate = match file {
            FileState::Present(file) => certificates_from_pem(&file.content)
                .ok()
                .and_then(|all| Certificate::from_der(all.first()?).ok()),
            _ => None,
        };
        let standing = match (&certificate, file) {
            (Some(certificate), _) => standing(certificate, key, self.revoked, self.now),
            (None, FileState::Absent) => Standing::CertificateMissing,
            (None, _) => Standing::CertificateBroken,
        };
        let facts = certificate.as_ref().map(Facts::of);
        let again = self.again(pair, facts.as_ref());
        let is_closed = matches!(key, FileState::Unreadable(_));
        let disbelieved = certificate
            .as_ref()
            .and_then(|it| self.disbelieved(pair, it));
        // A key that only its owner may read says nothing to others.
        let standing = match standing {
            Standing::KeyBroken if is_closed => Standing::Valid,
            standing => standing,
        };
        let (mut state, mut severity) = match (standing, &facts, disbelieved) {
            (Standing::Valid | Standing::Due | Standing::KeyOpen, _, Some(state)) => {
                (state, Severity::Critical)
            }
            (Standing::Valid | Standing::Due, Some(facts), None) => self.in_time(purpose, facts),
            (Standing::KeyOpen, Some(facts), None) => {
                let (state, severity) = self.in_time(purpose, facts);
                or_open(state, severity)
            }
            (standing, ..) => (State::Standing(standing), Severity::Critical),
        };
        let renewal = match &facts {
            Some(facts) if self.is_renewed(purpose, facts) => Renewal::Done,
            Some(_) => Renewal::Needed(Reissue::Forced),
            None => Renewal::Done,
        };
        if renewal == Renewal::Done && matches!(state, State::Fine | State::Due) {
            state = State::NotInstalled;
            severity = severity.max(Severity::Warning);
        }
        let mend = match (&state, severity) {
            (_, Severity::Fine) => None,
            (State::Standing(Standing::NotYetValid), _) => Some(Mend::Clock),
            (State::Standing(Standing::KeyOpen), _) => Some(Mend::CloseKey(pair.key.clone())),
            (State::OfOtherCa, _) => Some(self.instead()),
            (
                State::Due
                | State::OfRetiredCa
                | State::Standing(Standing::Expired | Standing::Revoked),
                _,
            ) => Some(match (renewal, &certificate) {
                (Renewal::Needed(_), Some(certificate)) => {
                    self.needed(purpose, certificate, &again)
                }
                (renewal, _) => again(renewal),
            }),
            _ => Some(again(Renewal::Done)),
        };
        Some(Checked {
            purpose,
            label,
            path: pair.certificate.clone(),
            facts,
            state,
            severity,
            mend,
        })
    }

    /// What is to be said of one that is none of the home's CAs'.  A user may have clients of other
    /// daemons' CAs, and a machine a daemon where the home has no server.
    fn disbelieved(&self, pair: &InstalledPair, certificate: &Certificate) -> Option<State> {
        let purpose = pair.state.kind.purpose();
        let is_host =
            pair.place == Place::Daemon && self.known.rows.iter().any(|row| row.purpose == purpose);
        match self.known.disbelieved(certificate)? {
            State::OfOtherCa if !is_host => None,
            state => Some(state),
        }
    }

    /// What installs a server of the home in the place of another's.
    fn instead(&self) -> Mend {
        let servers = self.known.rows.iter();
        let mut servers = servers.filter(|row| row.purpose == Purpose::Server);
        let name = match (servers.next(), servers.next()) {
            (Some(one), None) => name_of(one).map(str::to_owned),
            _ => None,
        };
        Mend::InstallServer {
            name,
            mode: self.mode,
            renewal: Renewal::Done,
        }
    }

    /// What gets the home's of that name its next certificate, and then installs it.
    fn needed(
        &self,
        purpose: Purpose,
        certificate: &Certificate,
        again: &dyn Fn(Renewal) -> Mend,
    ) -> Mend {
        let Some(row) = self.known.of(purpose, &Facts::of(certificate)) else {
            return again(Renewal::Needed(Reissue::Due));
        };
        if row.state == State::Standing(Standing::Revoked) {
            return Mend::Another;
        }
        match self.known.reissue(certificate, &row.label, self.now) {
            Mend::Reissue { by, .. } => again(Renewal::Needed(by)),
            // Nothing that is issued before would last.
            first => first,
        }
    }

    fn served(&self, served: &Served, file: Option<&Checked>) -> Checked {
        let Served { address, answer } = served;
        let checked = |facts, state, severity, mend| Checked {
            purpose: Purpose::Server,
            label: address.clone(),
            path: PathBuf::from(address),
            facts,
            state,
            severity,
            mend,
        };
        let facts = match answer {
            Ok(certificate) => Facts::of(certificate),
            Err(found) => {
                let state = State::Silent {
                    found: found.clone(),
                };
                return checked(None, state, Severity::Critical, Some(Mend::StartDaemon));
            }
        };
        let (state, severity) = self.in_time(Purpose::Server, &facts);
        let in_file = file.and_then(|file| file.facts.as_ref());
        let (state, severity, mend) = match in_file {
            Some(in_file) if in_file.serial != facts.serial => {
                let state = match state {
                    State::Fine | State::Due => State::NotServed {
                        file: in_file.serial.clone(),
                    },
                    worse => worse,
                };
                (state, severity.max(Severity::Warning), Some(Mend::Restart))
            }
            _ => {
                let of_file = file.and_then(|file| file.mend.clone());
                let mend = of_file.unwrap_or(Mend::Elsewhere(Renewal::Needed(Reissue::Due)));
                let (state, severity) = match file.map(|file| &file.state) {
                    Some(disbelieved @ (State::OfRetiredCa | State::OfOtherCa)) => {
                        (disbelieved.clone(), Severity::Critical)
                    }
                    _ => (state, severity),
                };
                (
                    state,
                    severity,
                    (severity != Severity::Fine).then_some(mend),
                )
            }
        };
        checked(Some(facts), state, severity, mend)
    }

    fn in_time(&self, purpose: Purpose, facts: &Facts) -> (State, Severity) {
        in_time(purpose, facts.validity, self.thresholds, self.now)
    }

    /// Whether the home has one of the same name that came after this one.
    ///
    /// Not by its beginning alone: within the CA's first hour all begin with the CA.
    fn is_renewed(&self, purpose: Purpose, facts: &Facts) -> bool {
        let row = self.known.of(purpose, facts);
        let renewed = row.and_then(|row| row.facts.as_ref());
        renewed.is_some_and(|renewed| {
            let ends = |facts: &Facts| (facts.validity.not_after, facts.validity.not_before);
            renewed.serial != facts.serial && ends(renewed) >= ends(facts)
        })
    }

    /// What installs a pair again.
    fn again(
        &self,
        pair: &InstalledPair,
        facts: Option<&Facts>,
    ) -> impl Fn(Renewal) -> Mend + use<> {
        let kind = pair.state.kind;
        let row = facts.and_then(|facts| self.known.of(kind.purpose(), facts));
        let name = row.and_then(name_of).map(str::to_owned);
        // Of one that cannot be read, nobody knows which it was.
        let has_others = || {
            self.known
                .rows
                .iter()
                .any(|row| row.purpose == kind.purpose())
        };
        let is_ours = name.is_some() || (facts.is_none() && has_others());
        let (place, mode) = (pair.place.clone(), self.mode);
        move |renewal| match (&place, kind) {
            _ if !is_ours => Mend::Elsewhere(renewal),
            (Place::Daemon, _) | (_, PairKind::Server) => Mend::InstallServer {
                name: name.clone(),
                mode,
                renewal,
            },
            (place, PairKind::Client) => Mend::InstallClient {
                name: name.clone(),
                context: match place {
                    Place::Context { name, .. } => Some(name.clone()),
                    Place::Daemon | Place::DockerConfig | Place::Directory(_) => None,
                },
                docker_config: match place {
                    Place::Context { docker_config, .. } => docker_config.clone(),
                    Place::Directory(directory) => Some(directory.clone()),
                    Place::Daemon | Place::DockerConfig => None,
                },
                renewal,
            },
        }
    }
}

fn label(place: &Place, path: &Path) -> String {
    match place {
        Place::Daemon | Place::DockerConfig | Place::Directory(_) => path.display().to_string(),
        Place::Context {
            name,
            docker_config,
        } => {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            match docker_config {
                None => format!("context {name}: {file}"),
                Some(directory) => format!("context {name} in {}: {file}", directory.display()),
            }
        }
    }
}

//! Judges what the home holds.

use std::path::Path;

use time::OffsetDateTime;

use super::{Checked, Facts, Known, Mend, Severity, State, Thresholds, in_time, or_open};
use crate::pki::{Certificate, Purpose, certificates_from_pem};
use crate::plan::layout;
use crate::plan::list::{Standing, pair_standing};
use crate::plan::remembered::Remembered;
use crate::plan::state::{FileState, PairState};
use crate::plan::trust::Trust;

/// Judges a server or client of the home.
pub fn pair(
    home: &Path,
    pair: &PairState,
    known: Known<'_>,
    remembered: &Remembered,
    thresholds: &Thresholds,
    now: OffsetDateTime,
) -> Checked {
    let purpose = pair.kind.purpose();
    let label = pair.kind.pair(&pair.name);
    let directory = home.join(&label);
    let certificate_path = directory.join(pair.kind.certificate_file());
    let key_path = directory.join(pair.kind.key_file());
    for (file, path) in [
        (&pair.certificate, &certificate_path),
        (&pair.key, &key_path),
    ] {
        if let FileState::Unreadable(cause) = file {
            return unread(purpose, label, path, cause);
        }
    }
    let (certificate, standing) = pair_standing(pair, remembered, now);
    let facts = certificate.as_ref().map(Facts::of);
    let judged = |validity| in_time(purpose, validity, thresholds, now);
    let disbelieved = certificate.as_ref().and_then(|it| known.disbelieved(it));
    let (state, severity) = match (standing, &facts, disbelieved) {
        // Nobody is to use it any more: its end is no news.
        (Standing::Revoked, ..) => (State::Standing(Standing::Revoked), Severity::Fine),
        (standing, _, Some(state)) if standing.is_usable() => (state, Severity::Critical),
        (Standing::Valid | Standing::Due, Some(facts), None) => judged(facts.validity),
        (Standing::KeyOpen, Some(facts), None) => {
            let (state, severity) = judged(facts.validity);
            or_open(state, severity)
        }
        (standing, ..) => (State::Standing(standing), Severity::Critical),
    };
    let mend = match (&state, severity) {
        (_, Severity::Fine) => None,
        (
            State::Due | State::OfRetiredCa | State::OfOtherCa | State::Standing(Standing::Expired),
            _,
        ) => certificate.map(|it| known.reissue(&it, &label, now)),
        (State::Standing(Standing::NotYetValid), _) => Some(Mend::Clock),
        (State::Standing(Standing::KeyOpen), _) => Some(Mend::CloseKey(key_path)),
        _ => Some(Mend::Verify),
    };
    Checked {
        purpose,
        label,
        path: certificate_path,
        facts,
        state,
        severity,
        mend,
    }
}

/// Judges each CA of the home's `ca.pem`; during a rollover there are two, the new one first.
pub fn authorities(
    home: &Path,
    file: &FileState,
    key: &FileState,
    thresholds: &Thresholds,
    now: OffsetDateTime,
) -> Vec<Checked> {
    let label = layout::CA_CERTIFICATE;
    let mut all = bundle(label, &home.join(label), file, thresholds, now);
    let is_rollover = all.len() > 1;
    let cause = match file {
        FileState::Present(file) => Trust::from_pem(&file.content).err(),
        _ => None,
    };
    for (index, checked) in all.iter_mut().enumerate() {
        if let Some(cause) = &cause
            && checked.facts.is_some()
        {
            checked.state = State::NotCas {
                cause: cause.to_string(),
            };
            checked.severity = Severity::Critical;
        } else if index > 0 {
            leave(checked);
        } else if matches!(key, FileState::OpenKey { .. })
            && matches!(checked.state, State::Fine | State::Due)
        {
            (checked.state, checked.severity) = or_open(checked.state.clone(), checked.severity);
        }
        checked.mend = match (&checked.state, checked.severity) {
            (State::Standing(Standing::Leaving), _) => Some(Mend::RollStatus),
            (_, Severity::Fine) => None,
            (State::Due | State::Standing(Standing::Expired), _) if is_rollover => {
                Some(Mend::RollStatus)
            }
            (State::Due | State::Standing(Standing::Expired), _) => Some(Mend::Roll),
            (State::Standing(Standing::KeyOpen), _) => {
                Some(Mend::CloseKey(home.join(layout::CA_KEY)))
            }
            (State::Standing(Standing::NotYetValid), _) => Some(Mend::Clock),
            (State::Unreadable { .. }, _) => checked.mend.take(),
            _ => Some(Mend::Verify),
        };
    }
    all
}

/// Says of the old CA of a rollover that it leaves, which is why its end is no news until it is
/// near.
pub(super) fn leave(ca: &mut Checked) {
    if matches!(ca.state, State::Fine | State::Due) && ca.severity != Severity::Critical {
        ca.state = State::Standing(Standing::Leaving);
        ca.severity = Severity::Fine;
    }
}

/// What cannot be read, and so not be judged: the ledger, or the home as a whole.
pub fn unread(purpose: Purpose, label: String, path: &Path, cause: &str) -> Checked {
    Checked {
        purpose,
        label,
        path: path.to_owned(),
        facts: None,
        state: State::Unreadable {
            cause: cause.to_owned(),
        },
        severity: Severity::Unknown,
        // The cause has come here in words alone.
        mend: Some(match cause.contains("permission denied") {
            true => Mend::OtherUser,
            false => Mend::Look(path.to_owned()),
        }),
    }
}

/// Judges each certificate of a file of CAs, without what mends it.
pub(super) fn bundle(
    label: &str,
    path: &Path,
    file: &FileState,
    thresholds: &Thresholds,
    now: OffsetDateTime,
) -> Vec<Checked> {
    let checked = |facts, state, severity| Checked {
        purpose: Purpose::Ca,
        label: label.to_owned(),
        path: path.to_owned(),
        facts,
        state,
        severity,
        mend: None,
    };
    let broken = |standing| vec![checked(None, State::Standing(standing), Severity::Critical)];
    let content = match file {
        FileState::Present(file) => &file.content,
        FileState::Absent => return broken(Standing::CertificateMissing),
        FileState::Unreadable(cause) => {
            return vec![unread(Purpose::Ca, label.to_owned(), path, cause)];
        }
        FileState::NotAFile(_) | FileState::OpenKey { .. } => {
            return broken(Standing::CertificateBroken);
        }
    };
    let read = || -> Result<Vec<Certificate>, crate::pki::Error> {
        let all = certificates_from_pem(content)?;
        all.iter().map(|der| Certificate::from_der(der)).collect()
    };
    match read() {
        Ok(all) if !all.is_empty() => {
            let judged = all.iter().map(|certificate| {
                let (state, severity) = in_time(Purpose::Ca, certificate.validity, thresholds, now);
                checked(Some(Facts::of(certificate)), state, severity)
            });
            judged.collect()
        }
        _ => broken(Standing::CertificateBroken),
    }
}

//! Tells what a home holds, one row a certificate.

use std::collections::HashSet;

use time::{Duration, OffsetDateTime};

use super::ledger::{Entry, Event, KeyPlace};
use super::remembered::Remembered;
use super::state::{FileState, PairState};
use super::trust::Trust;
use crate::pki::{Certificate, PrivateKey, Purpose, Serial, SubjectAltName};

/// One row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// CA, server or client.
    pub purpose: Purpose,
    /// The name; of a CA its common name.
    pub name: String,
    /// What is in the certificate, or nothing if it could not be read.
    pub certificate: Option<RowCertificate>,
    /// How it stands with it.
    pub standing: Standing,
    /// Where its private key is; not looked at for a CA.
    pub key: KeyPlace,
}

/// The part of a row that comes from the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowCertificate {
    /// Names and addresses of a server.
    pub sans: Vec<SubjectAltName>,
    /// Serial number.
    pub serial: Serial,
    /// The last valid second.
    pub not_after: OffsetDateTime,
    /// From now to the end; negative if it has passed.
    pub left: Duration,
}

/// How it stands with a certificate: the worst that can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Fine.
    Valid,
    /// Fine, and less than a third of its life is left.
    Due,
    /// The old CA of a rollover: trusted still, and signs nothing more.
    Leaving,
    /// It is of no CA that the home trusts, as after `ca roll finish --force`: nobody believes it.
    NotTrusted,
    /// Its beginning is still to come.
    NotYetValid,
    /// Its end has passed.
    Expired,
    /// The ledger says it is revoked.
    Revoked,
    /// No certificate is there.
    CertificateMissing,
    /// What is there is no certificate.
    CertificateBroken,
    /// No private key is there.
    KeyMissing,
    /// Others can read the private key.
    KeyOpen,
    /// What is there is no private key.
    KeyBroken,
    /// The private key belongs to another certificate.
    KeyMismatch,
}

impl Standing {
    /// Whether it works where its CA is trusted.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Valid | Self::Due | Self::KeyOpen)
    }

    /// In words, as text and JSON show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Due => "due",
            Self::Leaving => "leaving",
            Self::NotTrusted => "not trusted",
            Self::NotYetValid => "not yet valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::CertificateMissing => "certificate missing",
            Self::CertificateBroken => "certificate broken",
            Self::KeyMissing => "key missing",
            Self::KeyOpen => "key open to others",
            Self::KeyBroken => "key broken",
            Self::KeyMismatch => "key does not match",
        }
    }
}

/// The serials the ledger says are revoked, in hex.
pub fn revoked(ledger: &[Entry]) -> HashSet<String> {
    let revoked = ledger.iter().filter(|entry| entry.event == Event::Revoked);
    revoked.map(|entry| entry.serial.clone()).collect()
}

/// The row of the CA.  Its key is not looked at.
fn ca_row(ca: &Certificate, now: OffsetDateTime) -> Row {
    Row {
        purpose: Purpose::Ca,
        name: ca.common_name.clone().unwrap_or_default(),
        standing: standing_in_time(ca, now),
        key: KeyPlace::Home,
        certificate: Some(row_certificate(ca, now)),
    }
}

/// The rows of the CAs that are trusted.
pub fn ca_rows(trust: &Trust, now: OffsetDateTime) -> Vec<Row> {
    let old = trust.old.iter().map(|old| {
        let row = ca_row(old, now);
        match row.standing {
            Standing::Valid | Standing::Due => Row {
                standing: Standing::Leaving,
                ..row
            },
            _ => row,
        }
    });
    std::iter::once(ca_row(&trust.ca, now)).chain(old).collect()
}

/// The row of a server or client.
pub fn pair_row(
    pair: &PairState,
    remembered: &Remembered,
    trust: &Trust,
    now: OffsetDateTime,
) -> Row {
    let (certificate, standing) = pair_standing(pair, remembered, now);
    let believed = certificate.as_ref().and_then(|it| trust.issuer_of(it));
    let standing = match believed.is_none() && standing.is_usable() {
        true => Standing::NotTrusted,
        false => standing,
    };
    let key = certificate.as_ref().map_or(KeyPlace::Home, |certificate| {
        remembered.key_place(&certificate.serial, &pair.key)
    });
    Row {
        purpose: pair.kind.purpose(),
        name: pair.name.clone(),
        key,
        certificate: certificate.map(|certificate| row_certificate(&certificate, now)),
        standing,
    }
}

/// How it stands with a server or client, and its certificate if that can be read.
pub fn pair_standing(
    pair: &PairState,
    remembered: &Remembered,
    now: OffsetDateTime,
) -> (Option<Certificate>, Standing) {
    let certificate = match &pair.certificate {
        FileState::Absent => return (None, Standing::CertificateMissing),
        FileState::Present(file) => Certificate::from_pem(&file.content),
        _ => return (None, Standing::CertificateBroken),
    };
    let Ok(certificate) = certificate else {
        return (None, Standing::CertificateBroken);
    };
    let key = match remembered.key_place(&certificate.serial, &pair.key) {
        KeyPlace::Home => Some(&pair.key),
        KeyPlace::Elsewhere => None,
    };
    let standing = judged(&certificate, key, remembered.revoked(), now);
    (Some(certificate), standing)
}

/// How it stands with a certificate and the key beside it.
pub fn standing(
    certificate: &Certificate,
    key: &FileState,
    revoked: &HashSet<String>,
    now: OffsetDateTime,
) -> Standing {
    judged(certificate, Some(key), revoked, now)
}

/// The same; no key is looked at if it is somewhere else.
fn judged(
    certificate: &Certificate,
    key: Option<&FileState>,
    revoked: &HashSet<String>,
    now: OffsetDateTime,
) -> Standing {
    match standing_in_time(certificate, now) {
        _ if revoked.contains(&certificate.serial.to_string()) => Standing::Revoked,
        Standing::Expired => Standing::Expired,
        in_time => key
            .and_then(|key| standing_of_key(key, certificate))
            .unwrap_or(in_time),
    }
}

fn row_certificate(certificate: &Certificate, now: OffsetDateTime) -> RowCertificate {
    RowCertificate {
        sans: certificate.sans.clone(),
        serial: certificate.serial.clone(),
        not_after: certificate.validity.not_after,
        left: certificate.validity.not_after - now,
    }
}

fn standing_in_time(certificate: &Certificate, now: OffsetDateTime) -> Standing {
    let validity = certificate.validity;
    let left = validity.not_after - now;
    if left.is_negative() {
        Standing::Expired
    } else if now < validity.not_before {
        Standing::NotYetValid
    } else if left < validity.duration() / 3 {
        Standing::Due
    } else {
        Standing::Valid
    }
}

fn standing_of_key(key: &FileState, certificate: &Certificate) -> Option<Standing> {
    match key {
        FileState::Absent => Some(Standing::KeyMissing),
        FileState::OpenKey { .. } => Some(Standing::KeyOpen),
        FileState::Present(file) => match PrivateKey::from_pem(&file.content) {
            Err(_) => Some(Standing::KeyBroken),
            Ok(key) if *key.public_key() != certificate.public_key => Some(Standing::KeyMismatch),
            Ok(_) => None,
        },
        _ => Some(Standing::KeyBroken),
    }
}

/// The order rows are shown in: the CA, the one it takes the place of, servers, clients, each by name.
pub fn sort(rows: &mut [Row]) {
    rows.sort_by(|a, b| {
        let key = |row: &Row| (row.purpose, row.standing == Standing::Leaving);
        (key(a), &a.name).cmp(&(key(b), &b.name))
    });
}

//! Judges a certificate against the profile dockpki issues by.

use super::{Certificate, ExtendedKeyUsage, KeyUsage, Purpose};

/// One way in which a certificate departs from the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Departure {
    /// What the certificate has.
    pub found: String,
    /// What the profile has.
    pub wanted: String,
}

/// Lists where a certificate departs from the profile of its purpose (see [`super::Ca`]); empty
/// if it does not.  Dates, chain and key are judged elsewhere.
pub fn departures(certificate: &Certificate, purpose: Purpose) -> Vec<Departure> {
    // Destructured whole: a field that is added must be judged here, or said not to be.
    let Certificate {
        der: _,
        serial,
        common_name,
        subject_der: _,
        issuer_der: _,
        validity: _,
        public_key,
        basic_constraints_critical,
        is_ca,
        path_len,
        key_usage,
        extended_key_usages,
        sans,
        other_sans,
        subject_key_id,
        authority_key_id,
        name_constraints: _,
    } = certificate;
    let mut departures = Vec::new();
    let mut depart = |found: String, wanted: &str| {
        departures.push(Departure {
            found,
            wanted: wanted.to_owned(),
        });
    };

    match (purpose, is_ca) {
        (Purpose::Ca, false) => depart("basicConstraints CA:FALSE".into(), "CA:TRUE"),
        (Purpose::Server | Purpose::Client, true) => {
            depart("basicConstraints CA:TRUE".into(), "CA:FALSE");
        }
        _ => {}
    }
    if *basic_constraints_critical == Some(false) {
        depart("basicConstraints not critical".into(), "critical");
    }
    if purpose == Purpose::Ca && *path_len != Some(0) {
        let found = path_len.map_or("no pathlen".into(), |length| format!("pathlen:{length}"));
        depart(found, "pathlen:0");
    }

    let (usages, wanted): (&[u16], &str) = match purpose {
        Purpose::Ca => (
            &[KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN],
            "critical keyCertSign, cRLSign",
        ),
        Purpose::Server if public_key.is_rsa() => (
            &[KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT],
            "critical digitalSignature, keyEncipherment",
        ),
        Purpose::Server => (&[KeyUsage::DIGITAL_SIGNATURE], "critical digitalSignature"),
        Purpose::Client => (&[KeyUsage::DIGITAL_SIGNATURE], "critical digitalSignature"),
    };
    match key_usage {
        None => depart("no keyUsage".into(), wanted),
        Some(usage) if !usage.critical || !usages.contains(&usage.bits) => {
            depart(format!("keyUsage {}", key_usage_words(*usage)), wanted);
        }
        Some(_) => {}
    }

    let (usages, wanted): (&[ExtendedKeyUsage], &str) = match purpose {
        Purpose::Ca => (&[], "none"),
        Purpose::Server => (&[ExtendedKeyUsage::ServerAuth], "serverAuth alone"),
        Purpose::Client => (&[ExtendedKeyUsage::ClientAuth], "clientAuth alone"),
    };
    if extended_key_usages != usages {
        let found: Vec<_> = extended_key_usages
            .iter()
            .map(extended_key_usage_word)
            .collect();
        let found = match found.is_empty() {
            true => "no extendedKeyUsage".to_owned(),
            false => format!("extendedKeyUsage {}", found.join(", ")),
        };
        depart(found, wanted);
    }

    match purpose {
        Purpose::Server if sans.is_empty() => {
            depart("no SAN".into(), "at least one host name or address");
        }
        Purpose::Ca | Purpose::Client if !sans.is_empty() => {
            depart(format!("SAN {}", sans[0]), "no SAN");
        }
        _ => {}
    }
    if let Some(other) = other_sans.first() {
        depart(
            format!("SAN `{}`", other.escape_debug()),
            "host names and addresses only",
        );
    }
    match purpose {
        Purpose::Ca if certificate.plain_common_name().is_none() => {
            // It must be written as issuer into each leaf, octet by octet.
            depart(
                "another subject than one plain common name".into(),
                "that alone",
            );
        }
        Purpose::Client if common_name.is_none() => {
            depart("no common name".into(), "a common name")
        }
        _ => {}
    }
    if !serial.is_conforming() {
        depart(
            format!("serial {serial}"),
            "a positive number of at most 20 octets",
        );
    }
    if subject_key_id.is_none() {
        depart("no subject key identifier".into(), "one");
    }
    if authority_key_id.is_none() {
        depart("no authority key identifier".into(), "one");
    }
    departures
}

fn key_usage_words(usage: KeyUsage) -> String {
    const NAMES: [&str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];
    let set = NAMES
        .iter()
        .enumerate()
        .filter(|(bit, _)| usage.bits & (1 << bit) != 0);
    let names: Vec<_> = set.map(|(_, name)| *name).collect();
    let critical = if usage.critical { "critical " } else { "" };
    format!("{critical}{}", names.join(", "))
}

fn extended_key_usage_word(usage: &ExtendedKeyUsage) -> &str {
    match usage {
        ExtendedKeyUsage::ServerAuth => "serverAuth",
        ExtendedKeyUsage::ClientAuth => "clientAuth",
        ExtendedKeyUsage::Any => "anyExtendedKeyUsage",
        ExtendedKeyUsage::Other(oid) => oid,
    }
}

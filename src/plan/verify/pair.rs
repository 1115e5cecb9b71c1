//! Judges one server or client.

use std::path::Path;

use super::{
    Context, Extent, Finding, Mend, directory, found_words, mode_and_owner, open_to_others,
    out_of_time, unlike_ledger,
};
use crate::pki::profile::departures;
use crate::pki::{Certificate, Name, PrivateKey, SubjectAltNames, date, printable, verify_chain};
use crate::plan::issue::Wish;
use crate::plan::layout::{self, PairKind};
use crate::plan::state::{FileState, PairState};
use crate::plan::trust::Trust;

/// Judges one server or client.
pub fn pair(context: &Context, pair: &PairState) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = context.home.join(pair.kind.pair(&pair.name));
    let Some(_) = pair.directory else {
        return vec![Finding {
            path,
            found: "something else".into(),
            wanted: "a directory with a certificate and its key".into(),
            mend: Mend::PutAside(pair.kind, pair.name.clone()),
        }];
    };
    directory(context, &mut findings, &path, pair.directory);

    let ca_path = path.join(layout::CA_CERTIFICATE);
    let mut find_ca = |found: String| {
        findings.push(Finding {
            path: ca_path.clone(),
            found,
            wanted: "the home's CA".into(),
            mend: Mend::CopyCa,
        });
    };
    match &pair.ca {
        FileState::Present(file) => {
            match (Trust::from_pem(&file.content), &context.trust) {
                (Err(error), _) => find_ca(found_words(&error)),
                (Ok(copy), Some(trust)) if copy != *trust => find_ca(other_cas(&copy, trust)),
                _ => {}
            }
            mode_and_owner(
                context,
                &mut findings,
                &ca_path,
                file,
                layout::CERTIFICATE_MODE,
            );
        }
        FileState::NotAFile(found) => findings.push(Finding {
            path: ca_path,
            found: (*found).into(),
            wanted: "the home's CA".into(),
            // What is copied over a directory goes into it.
            mend: Mend::ReplaceByCa,
        }),
        other => find_ca(other.words()),
    }

    let certificate_path = path.join(pair.kind.certificate_file());
    let (certificate, fault) = match &pair.certificate {
        FileState::Present(file) => {
            mode_and_owner(
                context,
                &mut findings,
                &certificate_path,
                file,
                layout::CERTIFICATE_MODE,
            );
            match Certificate::from_pem(&file.content) {
                Ok(certificate) => (Some(certificate), None),
                Err(error) => (None, Some(found_words(&error))),
            }
        }
        other => (None, Some(other.words())),
    };
    let faults = certificate
        .as_ref()
        .map(|certificate| certificate_faults(context, pair, certificate));
    let mut mend = mend_of(context, pair, certificate.as_ref());
    if let (Some(certificate), Some(faults), Mend::Reissue { .. }) = (&certificate, &faults, &mend)
        && is_mended_by_renewal(context, certificate, faults)
    {
        mend = Mend::Renew(pair.kind, pair.name.clone());
    }
    if let Some(found) = fault {
        findings.push(Finding {
            path: certificate_path.clone(),
            found,
            wanted: format!("the {}'s certificate", pair.kind.as_str()),
            mend: mend.clone(),
        });
    }
    // Nothing is wrong with one that has not begun: to put it aside would lose it.
    let too_early = certificate
        .as_ref()
        .filter(|certificate| context.now < certificate.validity.not_before)
        .and_then(|certificate| out_of_time(certificate.validity, context.now));
    let faults = faults.into_iter().flatten();
    findings.extend(faults.map(|fault| {
        let mend = match too_early.as_ref() == Some(&fault) {
            true => Mend::SetClock,
            false => mend.clone(),
        };
        let (found, wanted) = fault;
        Finding {
            path: certificate_path.clone(),
            found,
            wanted,
            mend,
        }
    }));
    judge_pair_key(
        context,
        pair,
        &path,
        certificate.as_ref(),
        mend,
        &mut findings,
    );
    findings
}

/// Whether a renewal, which takes over all but key and dates, gives a certificate without a fault.
fn is_mended_by_renewal(
    context: &Context,
    certificate: &Certificate,
    faults: &[(String, String)],
) -> bool {
    let is_out_of_time = out_of_time(certificate.validity, context.now).is_some();
    let renewed_away =
        usize::from(is_out_of_time) + usize::from(is_of_dropped_ca(context, certificate));
    faults.len() == renewed_away
}

/// Whether the home issued it, and trusts the CA no more that it did so with.
fn is_of_dropped_ca(context: &Context, certificate: &Certificate) -> bool {
    let trust = context.trust.as_ref();
    let is_ledgers = context
        .issued
        .as_ref()
        .and_then(|issued| issued.get(&certificate.serial.to_string()))
        .is_some_and(|entry| entry.fingerprint == certificate.fingerprint());
    is_ledgers && trust.is_some_and(|trust| trust.issuer_of(certificate).is_none())
}

/// What is in a `ca.pem` that is not the home's.
fn other_cas(copy: &Trust, trust: &Trust) -> String {
    let knows = |ca: &Certificate| trust.all().any(|other| other == ca);
    match (copy.all().all(knows), copy.all().count()) {
        (true, 1) => "one of the home's two CAs".into(),
        (true, _) => "the home's CA and one that it trusts no more".into(),
        (false, 1) => "another CA".into(),
        (false, _) => "other CAs".into(),
    }
}

fn certificate_faults(
    context: &Context,
    pair: &PairState,
    certificate: &Certificate,
) -> Vec<(String, String)> {
    let purpose = pair.kind.purpose();
    let departed = departures(certificate, purpose).into_iter();
    let mut faults: Vec<_> = departed.map(|it| (it.found, it.wanted)).collect();
    faults.extend(out_of_time(certificate.validity, context.now));
    if let Some(trust) = &context.trust {
        let ca = trust.issuer_of(certificate).unwrap_or(&trust.ca);
        // The chain is judged at a time when the certificate is valid: that it is so now is
        // judged above, and must not hide a forged signature.
        let at = context.now.clamp(
            certificate.validity.not_before,
            certificate
                .validity
                .not_after
                .max(certificate.validity.not_before),
        );
        if let Err(error) = verify_chain(&certificate.der, &ca.der, purpose, at) {
            faults.push((
                found_words(&error),
                format!("a {purpose} certificate of the home's CA"),
            ));
        }
        // It was to live within the CA that issued it, not within the next.
        if !is_of_dropped_ca(context, certificate) && !ca.validity.contains(certificate.validity) {
            faults.push((
                "a life that leaves the CA's".into(),
                format!(
                    "one from {} to {}",
                    date(ca.validity.not_before),
                    date(ca.validity.not_after)
                ),
            ));
        }
    }
    if let (PairKind::Client, Some(found)) = (pair.kind, &certificate.common_name)
        && *found != pair.name
    {
        faults.push((
            format!("the common name `{}`", printable(found)),
            format!("`{}`, the name of its directory", printable(&pair.name)),
        ));
    }
    faults.extend(unlike_ledger(
        context,
        certificate,
        pair.kind.as_str(),
        Some(&pair.name),
    ));
    if context.remembered.is_revoked(&certificate.serial) {
        faults.push((
            "a certificate that is revoked".into(),
            "one that is not".into(),
        ));
    }
    faults
}

fn judge_pair_key(
    context: &Context,
    pair: &PairState,
    directory: &Path,
    certificate: Option<&Certificate>,
    mend: Mend,
    findings: &mut Vec<Finding>,
) {
    let path = directory.join(pair.kind.key_file());
    let was_requested = certificate.is_some_and(|it| context.remembered.was_requested(&it.serial));
    let mend = match was_requested {
        // To make a key here would shut out whoever has the right one.
        true => Mend::Remove,
        false => mend,
    };
    let found = match &pair.key {
        FileState::Absent if was_requested => return,
        FileState::OpenKey { mode } => return findings.push(open_to_others(path, *mode)),
        FileState::Present(file) => {
            mode_and_owner(context, findings, &path, file, layout::KEY_MODE);
            match (PrivateKey::from_pem(&file.content), certificate) {
                (Err(error), _) => found_words(&error),
                (Ok(key), Some(certificate)) if *key.public_key() != certificate.public_key => {
                    "the key of another certificate".into()
                }
                _ => return,
            }
        }
        other => other.words(),
    };
    findings.push(Finding {
        path,
        found,
        wanted: "the certificate's private key, PKCS#8 and not encrypted".into(),
        mend,
    });
}

/// What would issue the pair again: its name, and the names its certificate has.
fn mend_of(context: &Context, pair: &PairState, certificate: Option<&Certificate>) -> Mend {
    let aside = || Mend::PutAside(pair.kind, pair.name.clone());
    // To issue it again would give back what was taken.
    if certificate.is_some_and(|certificate| context.remembered.is_revoked(&certificate.serial)) {
        return aside();
    }
    let ca = context.trust.as_ref().map(|trust| &trust.ca);
    if ca.is_some_and(|ca| context.now > ca.validity.not_after) {
        return Mend::RollOver;
    }
    if context.extent == Extent::Part {
        return Mend::CopyAgain(context.home.join(pair.kind.pair(&pair.name)));
    }
    let Ok(name) = pair.name.parse::<Name>() else {
        return aside();
    };
    let wish = match (pair.kind, certificate) {
        (PairKind::Client, _) => Wish::Client(name),
        (PairKind::Server, Some(certificate)) => {
            let sans = certificate.sans.iter().map(ToString::to_string);
            let constraints = ca.and_then(|ca| ca.name_constraints.as_ref());
            let permitted = |sans: &SubjectAltNames| {
                let mut sans = sans.as_slice().iter();
                sans.all(|san| constraints.is_none_or(|constraints| constraints.permits(san)))
            };
            match SubjectAltNames::parse(sans) {
                Ok(sans) if permitted(&sans) => Wish::Server(name, sans),
                _ => return aside(),
            }
        }
        (PairKind::Server, None) => return aside(),
    };
    let ca_key_type = ca.and_then(|ca| ca.public_key.key_type());
    let key_type = certificate.and_then(|certificate| certificate.public_key.key_type());
    Mend::Reissue {
        wish: Box::new(wish),
        life: certificate.and_then(|certificate| certificate.validity.life()),
        key_type: key_type.filter(|key_type| Some(*key_type) != ca_key_type),
    }
}

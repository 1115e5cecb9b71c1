//! Judges a home offline: chain, profile, keys, lives, modes, owners, names.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::issue::Wish;
use super::layout::{self, PairKind};
use super::ledger::Entry;
use super::state::{DirectoryState, FileState, HomeState, PairState, PresentFile, open_key};
use crate::pki::profile::departures;
use crate::pki::{
    Certificate, Name, Passphrase, PrivateKey, Purpose, SubjectAltNames, Validity, date,
    is_encrypted, verify_chain,
};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file or directory.
    pub path: PathBuf,
    /// What was found there.
    pub found: String,
    /// What was wanted.
    pub wanted: String,
    /// How it is mended.
    pub mend: Mend,
}

/// What mends a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mend {
    /// `chmod` with this mode.
    Mode(u32),
    /// `chown` to the home's owner of this number.
    Owner(u32),
    /// Put the pair aside and issue it again.
    Reissue(Box<Wish>),
    /// Put the pair aside: nothing it was made for is known.
    PutAside(PairKind, String),
    /// Copy the home's `ca.pem` over this one.
    CopyCa,
    /// Copy a pair's `ca.pem`, which is good, over the home's.
    CopyCaFrom(PathBuf),
    /// Restore the file from the operator's backup, for nothing here can make it again.
    Restore,
}

/// Something the operator should know that is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The CA's key is encrypted and there was no passphrase: that it is this CA's is not proved.
    CaKeyNotOpened(PathBuf),
    /// The CA's key is elsewhere: nothing can be issued from here.
    CaKeyElsewhere(PathBuf),
}

/// What every pair is held against.
#[derive(Debug)]
pub struct Context {
    home: PathBuf,
    owner: u32,
    ca: Option<Certificate>,
    issued: HashMap<String, (String, String)>,
    now: OffsetDateTime,
}

impl Context {
    /// Gathers it from the home and its ledger.
    pub fn new(home: &HomeState, ledger: &[Entry], now: OffsetDateTime) -> Self {
        let issued = ledger.iter().map(|entry| {
            let holder = (entry.kind.clone(), entry.name.clone());
            (entry.serial.clone(), holder)
        });
        Self {
            home: home.path.clone(),
            owner: home.directory.map_or(0, |directory| directory.owner),
            ca: home.ca().ok(),
            issued: issued.collect(),
            now,
        }
    }
}

/// The directories `servers` and `clients`, in the order of [`PairKind::ALL`].
pub type KindDirectories = [Option<DirectoryState>; 2];

/// Judges the home itself: its directories, the CA's certificate and key.
pub fn home(
    context: &Context,
    home: &HomeState,
    directories: KindDirectories,
    ca_key: &FileState,
    passphrase: Option<&Passphrase>,
    good_copy: Option<PathBuf>,
) -> (Vec<Finding>, Vec<Note>) {
    let mut findings = Vec::new();
    let mut notes = Vec::new();
    directory(context, &mut findings, &home.path, home.directory);
    for (kind, state) in PairKind::ALL.into_iter().zip(directories) {
        if state.is_some() {
            directory(
                context,
                &mut findings,
                &home.path.join(kind.directory()),
                state,
            );
        }
    }
    let certificate_path = home.path.join(layout::CA_CERTIFICATE);
    match home.ca() {
        Err(error) => {
            let found = match &error {
                super::Error::File { cause, .. } => cause.to_string(),
                other => other.to_string(),
            };
            findings.push(Finding {
                path: certificate_path,
                found,
                wanted: "the CA's certificate".into(),
                mend: good_copy.map_or(Mend::Restore, Mend::CopyCaFrom),
            });
        }
        Ok(ca) => {
            if let FileState::Present(file) = &home.ca_certificate {
                mode_and_owner(
                    context,
                    &mut findings,
                    &certificate_path,
                    file,
                    layout::CERTIFICATE_MODE,
                );
            }
            let mut find = |found: String, wanted: String| {
                findings.push(Finding {
                    path: certificate_path.clone(),
                    found,
                    wanted,
                    mend: Mend::Restore,
                });
            };
            for departure in departures(&ca, Purpose::Ca) {
                find(departure.found, departure.wanted);
            }
            if let Err(error) = verify_chain(&ca.der, &ca.der, Purpose::Ca, context.now) {
                find(error.to_string(), "a CA that signed itself".into());
            }
            if let Some((found, wanted)) = out_of_time(ca.validity, context.now) {
                find(found, wanted);
            }
        }
    }
    judge_ca_key(context, home, ca_key, passphrase, &mut findings, &mut notes);
    (findings, notes)
}

fn judge_ca_key(
    context: &Context,
    home: &HomeState,
    ca_key: &FileState,
    passphrase: Option<&Passphrase>,
    findings: &mut Vec<Finding>,
    notes: &mut Vec<Note>,
) {
    let path = home.path.join(layout::CA_KEY);
    match ca_key {
        FileState::Absent => return notes.push(Note::CaKeyElsewhere(path)),
        FileState::OpenKey { mode } => return findings.push(open_to_others(path, *mode)),
        FileState::Present(file) => {
            mode_and_owner(context, findings, &path, file, layout::KEY_MODE);
            if passphrase.is_none() && is_encrypted(&file.content) == Ok(true) {
                return notes.push(Note::CaKeyNotOpened(path));
            }
        }
        _ => {}
    }
    let found = match open_key(path.clone(), ca_key, passphrase) {
        Err(super::Error::File { cause, .. }) => cause.to_string(),
        Err(error) => error.to_string(),
        Ok(key) => match &context.ca {
            Some(ca) if ca.public_key != key.public_key() => "the key of another CA".into(),
            _ => return,
        },
    };
    findings.push(Finding {
        path,
        found,
        wanted: "the private key of the CA in ca.pem".into(),
        mend: Mend::Restore,
    });
}

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
            match (Certificate::from_pem(&file.content), &context.ca) {
                (Err(error), _) => find_ca(error.to_string()),
                (Ok(copy), Some(ca)) if copy.der != ca.der => find_ca("another CA".into()),
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
                Err(error) => (None, Some(error.to_string())),
            }
        }
        other => (None, Some(other.words())),
    };
    let mend = mend_of(pair, certificate.as_ref());
    if let Some(found) = fault {
        findings.push(Finding {
            path: certificate_path.clone(),
            found,
            wanted: format!("the {}'s certificate", pair.kind.as_str()),
            mend: mend.clone(),
        });
    }
    if let Some(certificate) = &certificate {
        let faults = certificate_faults(context, pair, certificate);
        findings.extend(faults.into_iter().map(|(found, wanted)| Finding {
            path: certificate_path.clone(),
            found,
            wanted,
            mend: mend.clone(),
        }));
    }
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

fn certificate_faults(
    context: &Context,
    pair: &PairState,
    certificate: &Certificate,
) -> Vec<(String, String)> {
    let purpose = pair.kind.purpose();
    let departed = departures(certificate, purpose).into_iter();
    let mut faults: Vec<_> = departed.map(|it| (it.found, it.wanted)).collect();
    faults.extend(out_of_time(certificate.validity, context.now));
    if let Some(ca) = &context.ca {
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
                error.to_string(),
                format!("a {purpose} certificate of the home's CA"),
            ));
        }
        if certificate.validity.not_before < ca.validity.not_before
            || certificate.validity.not_after > ca.validity.not_after
        {
            faults.push((
                "a life that leaves the CA's".into(),
                format!("an end by {}", date(ca.validity.not_after)),
            ));
        }
    }
    if pair.kind == PairKind::Client && certificate.common_name.as_deref() != Some(&pair.name) {
        let found = certificate.common_name.as_deref().unwrap_or_default();
        faults.push((
            format!("the common name `{}`", found.escape_debug()),
            format!("`{}`, the name of its directory", pair.name.escape_debug()),
        ));
    }
    match context.issued.get(&certificate.serial.to_string()) {
        None => faults.push((
            format!(
                "serial {}, which the ledger does not know",
                certificate.serial
            ),
            "a certificate issued here".into(),
        )),
        Some((kind, name)) if kind != pair.kind.as_str() || *name != pair.name => faults.push((
            format!("the certificate of {kind} `{}`", name.escape_debug()),
            format!(
                "that of {} `{}`",
                pair.kind.as_str(),
                pair.name.escape_debug()
            ),
        )),
        Some(_) => {}
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
    let found = match &pair.key {
        FileState::OpenKey { mode } => return findings.push(open_to_others(path, *mode)),
        FileState::Present(file) => {
            mode_and_owner(context, findings, &path, file, layout::KEY_MODE);
            match (PrivateKey::from_pem(&file.content), certificate) {
                (Err(error), _) => error.to_string(),
                (Ok(key), Some(certificate)) if key.public_key() != certificate.public_key => {
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
fn mend_of(pair: &PairState, certificate: Option<&Certificate>) -> Mend {
    let aside = || Mend::PutAside(pair.kind, pair.name.clone());
    let Ok(name) = pair.name.parse::<Name>() else {
        return aside();
    };
    let wish = match (pair.kind, certificate) {
        (PairKind::Client, _) => Wish::Client(name),
        (PairKind::Server, Some(certificate)) => {
            let sans = certificate.sans.iter().map(ToString::to_string);
            match SubjectAltNames::parse(sans) {
                Ok(sans) => Wish::Server(name, sans),
                Err(_) => return aside(),
            }
        }
        (PairKind::Server, None) => return aside(),
    };
    Mend::Reissue(Box::new(wish))
}

fn out_of_time(validity: Validity, now: OffsetDateTime) -> Option<(String, String)> {
    if now > validity.not_after {
        let found = format!("a certificate that expired on {}", date(validity.not_after));
        return Some((found, "one that is valid".into()));
    }
    (now < validity.not_before).then(|| {
        let found = format!("a certificate that begins on {}", date(validity.not_before));
        (found, "one that is valid, or a clock that is right".into())
    })
}

fn directory(
    context: &Context,
    findings: &mut Vec<Finding>,
    path: &Path,
    state: Option<DirectoryState>,
) {
    if let Some(DirectoryState { mode, owner }) = state {
        judge_mode(findings, path, mode, layout::DIRECTORY_MODE);
        judge_owner(context, findings, path, owner);
    }
}

fn mode_and_owner(
    context: &Context,
    findings: &mut Vec<Finding>,
    path: &Path,
    file: &PresentFile,
    mode: u32,
) {
    judge_mode(findings, path, file.mode, mode);
    judge_owner(context, findings, path, file.owner);
}

fn judge_mode(findings: &mut Vec<Finding>, path: &Path, found: u32, wanted: u32) {
    if found != wanted {
        findings.push(Finding {
            path: path.to_owned(),
            found: format!("mode {found:04o}"),
            wanted: format!("{wanted:04o}"),
            mend: Mend::Mode(wanted),
        });
    }
}

fn judge_owner(context: &Context, findings: &mut Vec<Finding>, path: &Path, found: u32) {
    if found != context.owner {
        findings.push(Finding {
            path: path.to_owned(),
            found: format!("owner {found}"),
            wanted: format!("{}, the home's", context.owner),
            mend: Mend::Owner(context.owner),
        });
    }
}

fn open_to_others(path: PathBuf, mode: u32) -> Finding {
    Finding {
        path,
        found: format!("mode {mode:04o}: others can read the key, so it was not read"),
        wanted: format!("{:04o}", layout::KEY_MODE),
        mend: Mend::Mode(layout::KEY_MODE),
    }
}

//! Judges a home offline: chain, profile, keys, lives, modes, owners, names.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::Error;
use super::issue::Wish;
use super::layout::{self, PairKind};
use super::ledger::{Entry, Event};
use super::list;
use super::state::{DirectoryState, FileState, HomeState, PairState, PresentFile, open_key};
use crate::pki::profile::departures;
use crate::pki::{
    self, Certificate, Name, Passphrase, PrivateKey, Purpose, SubjectAltNames, Validity, date,
    is_encrypted, printable, verify_chain,
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
    /// Make a new CA in a new home: this one can issue nothing more.
    NewHome,
    /// Set the machine's clock.
    SetClock,
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
    /// By serial; nothing if the ledger cannot be read.
    issued: Option<HashMap<String, Entry>>,
    revoked: HashSet<String>,
    now: OffsetDateTime,
}

impl Context {
    /// Gathers it from the home and its ledger.
    pub fn new(home: &HomeState, now: OffsetDateTime) -> Self {
        let ledger = home.ledger().ok();
        let revoked = ledger.as_deref().map(list::revoked).unwrap_or_default();
        let issued = ledger.map(|ledger| {
            let issued = ledger
                .into_iter()
                .filter(|entry| entry.event == Event::Issued);
            issued.map(|entry| (entry.serial.clone(), entry)).collect()
        });
        let mut context = Self {
            home: home.path.clone(),
            owner: home.directory.map_or(0, |directory| directory.owner),
            ca: home.ca().ok(),
            issued,
            revoked,
            now,
        };
        // One that is not the ledger's is no measure for the pairs.
        if !context.vouches_for_ca() {
            context.ca = None;
        }
        context
    }
}

impl Context {
    /// Whether the CA's certificate is the one the ledger begins with.
    pub fn vouches_for_ca(&self) -> bool {
        self.ca.as_ref().is_some_and(|ca| self.is_ledgers_ca(ca))
    }

    /// Whether a certificate is a CA the ledger has.
    pub fn is_ledgers_ca(&self, ca: &Certificate) -> bool {
        unlike_ledger(self, ca, Purpose::Ca.as_str(), None).is_none()
    }
}

/// The directories `servers` and `clients`, in the order of [`PairKind::ALL`].
pub type KindDirectories = [Option<DirectoryState>; 2];

/// Judges the home itself: its directories, its ledger, the CA's certificate and key.
///
/// # Errors
/// Those of [`open_key`] that come from the passphrase: it was meant to open the CA's key.
pub fn home(
    context: &Context,
    home: &HomeState,
    directories: KindDirectories,
    ca_key: &FileState,
    passphrase: Option<&Passphrase>,
    good_copy: Option<PathBuf>,
) -> Result<(Vec<Finding>, Vec<Note>), Error> {
    let mut findings = Vec::new();
    let mut notes = Vec::new();
    directory(context, &mut findings, &home.path, home.directory);
    for (kind, state) in PairKind::ALL.into_iter().zip(directories) {
        let path = home.path.join(kind.directory());
        directory(context, &mut findings, &path, state);
    }
    let path = home.path.join(layout::LEDGER);
    match (home.ledger(), &home.ledger) {
        (Err(error @ Error::HomeVersion { .. }), _) => return Err(error),
        (Err(error), _) => findings.push(Finding {
            path,
            found: error.to_string(),
            wanted: "an entry on each line".into(),
            mend: Mend::Restore,
        }),
        (Ok(_), FileState::Present(file)) => {
            mode_and_owner(context, &mut findings, &path, file, layout::RECORD_MODE);
        }
        _ => {}
    }
    let path = home.path.join(layout::CA_CERTIFICATE);
    let mend = good_copy.map_or(Mend::Restore, Mend::CopyCaFrom);
    let faults = match home.ca() {
        Err(Error::File { cause, .. }) => {
            vec![(found_words(&cause), "the CA's certificate".into(), mend)]
        }
        Err(_) => vec![("nothing".into(), "the CA's certificate".into(), mend)],
        Ok(ca) => {
            if let FileState::Present(file) = &home.ca_certificate {
                mode_and_owner(
                    context,
                    &mut findings,
                    &path,
                    file,
                    layout::CERTIFICATE_MODE,
                );
            }
            ca_faults(context, &ca, mend)
        }
    };
    findings.extend(faults.into_iter().map(|(found, wanted, mend)| Finding {
        path: path.clone(),
        found,
        wanted,
        mend,
    }));
    judge_ca_key(context, home, ca_key, passphrase, &mut findings, &mut notes)?;
    Ok((findings, notes))
}

fn ca_faults(context: &Context, ca: &Certificate, mend: Mend) -> Vec<(String, String, Mend)> {
    let mut faults: Vec<_> = departures(ca, Purpose::Ca)
        .into_iter()
        .map(|departure| (departure.found, departure.wanted, mend.clone()))
        .collect();
    if ca.is_ca
        && let Err(error) = verify_chain(&ca.der, &ca.der, Purpose::Ca, context.now)
    {
        faults.push((
            found_words(&error),
            "a CA that signed itself".into(),
            mend.clone(),
        ));
    }
    if let Some((found, wanted)) = unlike_ledger(context, ca, "ca", None) {
        faults.push((found, wanted, mend));
    }
    if let Some((found, wanted)) = out_of_time(ca.validity, context.now) {
        let mend = match context.now > ca.validity.not_after {
            true => Mend::NewHome,
            false => Mend::SetClock,
        };
        faults.push((found, wanted, mend));
    }
    faults
}

/// What the ledger says against a certificate.
fn unlike_ledger(
    context: &Context,
    certificate: &Certificate,
    kind: &str,
    name: Option<&str>,
) -> Option<(String, String)> {
    let wanted = match name {
        Some(name) => format!(
            "the certificate the ledger has for {kind} `{}`",
            printable(name)
        ),
        None => "the CA the ledger begins with".into(),
    };
    let found = match context
        .issued
        .as_ref()?
        .get(&certificate.serial.to_string())
    {
        None => format!(
            "serial {}, which the ledger does not know",
            certificate.serial
        ),
        Some(entry) if entry.kind != kind || name.is_some_and(|name| entry.name != name) => {
            format!(
                "the certificate of {} `{}`",
                printable(&entry.kind),
                printable(&entry.name)
            )
        }
        Some(entry) if entry.fingerprint != certificate.fingerprint() => {
            format!("another certificate of serial {}", certificate.serial)
        }
        Some(_) => return None,
    };
    Some((found, wanted))
}

/// An error of a file as something that was found in it.
fn found_words(error: &pki::Error) -> String {
    match error {
        pki::Error::NoPem { found, .. } | pki::Error::UnsupportedKey { found } => found.clone(),
        pki::Error::BrokenPem { cause, .. } => format!("a damaged PEM block ({cause})"),
        pki::Error::BrokenCertificate { cause } => format!("a damaged certificate ({cause})"),
        pki::Error::BrokenKey { cause } => format!("a damaged key ({cause})"),
        pki::Error::Encrypted => "an encrypted key".into(),
        pki::Error::Chain { cause } => format!("a certificate the CA does not vouch for: {cause}"),
        other => other.to_string(),
    }
}

fn judge_ca_key(
    context: &Context,
    home: &HomeState,
    ca_key: &FileState,
    passphrase: Option<&Passphrase>,
    findings: &mut Vec<Finding>,
    notes: &mut Vec<Note>,
) -> Result<(), Error> {
    let path = home.path.join(layout::CA_KEY);
    match ca_key {
        FileState::Absent => {
            notes.push(Note::CaKeyElsewhere(path));
            return Ok(());
        }
        FileState::OpenKey { mode } => {
            findings.push(open_to_others(path, *mode));
            return Ok(());
        }
        FileState::Present(file) => {
            mode_and_owner(context, findings, &path, file, layout::KEY_MODE);
            if passphrase.is_none() && is_encrypted(&file.content) == Ok(true) {
                notes.push(Note::CaKeyNotOpened(path));
                return Ok(());
            }
        }
        _ => {}
    }
    let found = match open_key(path.clone(), ca_key, passphrase) {
        Err(Error::File {
            cause: cause @ (pki::Error::WrongPassphrase | pki::Error::NotEncrypted),
            path,
        }) => return Err(Error::File { path, cause }),
        Err(Error::File { cause, .. }) => found_words(&cause),
        Err(Error::Unreadable { cause, .. }) => format!("a file that cannot be read ({cause})"),
        Err(error) => error.to_string(),
        Ok(key) => match &context.ca {
            Some(ca) if ca.public_key != key.public_key() => "the key of another CA".into(),
            _ => return Ok(()),
        },
    };
    findings.push(Finding {
        path,
        found,
        wanted: "the private key of the CA in ca.pem".into(),
        mend: Mend::Restore,
    });
    Ok(())
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
                (Err(error), _) => find_ca(found_words(&error)),
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
                Err(error) => (None, Some(found_words(&error))),
            }
        }
        other => (None, Some(other.words())),
    };
    let mend = mend_of(context, pair, certificate.as_ref());
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
                found_words(&error),
                format!("a {purpose} certificate of the home's CA"),
            ));
        }
        if !ca.validity.contains(certificate.validity) {
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
    if context.revoked.contains(&certificate.serial.to_string()) {
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
    let found = match &pair.key {
        FileState::OpenKey { mode } => return findings.push(open_to_others(path, *mode)),
        FileState::Present(file) => {
            mode_and_owner(context, findings, &path, file, layout::KEY_MODE);
            match (PrivateKey::from_pem(&file.content), certificate) {
                (Err(error), _) => found_words(&error),
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
fn mend_of(context: &Context, pair: &PairState, certificate: Option<&Certificate>) -> Mend {
    let aside = || Mend::PutAside(pair.kind, pair.name.clone());
    let ca = context.ca.as_ref();
    if ca.is_some_and(|ca| context.now > ca.validity.not_after) {
        return Mend::NewHome;
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

//! Judges the home itself: its directories, its ledger, the CA's certificate and key.

use std::path::PathBuf;

use super::{
    Context, Extent, Finding, Mend, Note, directory, found_words, mode_and_owner, open_to_others,
    out_of_time, unlike_ledger,
};
use crate::pki::profile::departures;
use crate::pki::{self, Certificate, Passphrase, Purpose, is_encrypted, verify_chain};
use crate::plan::Error;
use crate::plan::layout;
use crate::plan::rollover::Campaign;
use crate::plan::state::{DirectoryState, FileState, HomeState, open_key};

/// The directories of a home, in the order of [`layout::DIRECTORIES`].
pub type HomeDirectories = [Option<DirectoryState>; 3];

/// Judges the home itself: its directories, its ledger, the CA's certificate and key.
///
/// # Errors
/// Those of [`open_key`] that come from the passphrase: it was meant to open the CA's key.
pub fn home(
    context: &Context,
    home: &HomeState,
    directories: HomeDirectories,
    ca_key: &FileState,
    passphrase: Option<&Passphrase>,
    good_copy: Option<PathBuf>,
) -> Result<(Vec<Finding>, Vec<Note>), Error> {
    let mut findings = Vec::new();
    let mut notes = Vec::new();
    directory(context, &mut findings, &home.path, home.directory);
    for (name, state) in layout::DIRECTORIES.into_iter().zip(directories) {
        let path = home.path.join(name);
        directory(context, &mut findings, &path, state);
    }
    let path = home.path.join(layout::LEDGER);
    match (home.ledger(), &home.ledger) {
        (Err(error @ Error::HomeVersion { .. }), _) => return Err(error),
        (Err(Error::LedgerLine { line, cause, .. }), _) => findings.push(Finding {
            path,
            found: format!("line {line} is no entry: {cause}"),
            wanted: "an entry on each line".into(),
            mend: Mend::DropLine(line),
        }),
        (Err(error), _) => findings.push(Finding {
            path,
            found: match &error {
                Error::File { cause, .. } => found_words(cause),
                other => other.to_string(),
            },
            wanted: "the ledger".into(),
            mend: Mend::Restore,
        }),
        (Ok(_), FileState::Present(file)) => {
            mode_and_owner(context, &mut findings, &path, file, layout::RECORD_MODE);
        }
        _ if context.extent == Extent::Part => notes.push(Note::PartOfAHome(home.path.clone())),
        _ => findings.push(Finding {
            path,
            found: "nothing".into(),
            wanted: "the ledger".into(),
            mend: Mend::Restore,
        }),
    }
    let path = home.path.join(layout::CA_CERTIFICATE);
    let mend = match (good_copy, context.extent) {
        (Some(copy), _) => Mend::CopyCaFrom(copy),
        (None, Extent::Part) => Mend::CopyAgain(path.clone()),
        (None, Extent::Whole) => Mend::Restore,
    };
    let faults = match home.trust() {
        Err(Error::File { cause, .. }) => {
            vec![(found_words(&cause), "the CA's certificate".into(), mend)]
        }
        Err(_) => vec![("nothing".into(), "the CA's certificate".into(), mend)],
        Ok(trust) => {
            if let FileState::Present(file) = &home.ca_certificate {
                mode_and_owner(
                    context,
                    &mut findings,
                    &path,
                    file,
                    layout::CERTIFICATE_MODE,
                );
            }
            if let Some(campaign) = Campaign::of(&trust) {
                notes.push(Note::RolloverUnderWay(Box::new(campaign)));
            }
            let faults = trust
                .all()
                .flat_map(|ca| ca_faults(context, ca, mend.clone()));
            faults.collect()
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
    // That the old one of a rollover ends is what the rollover is for.
    let is_old = context
        .trust
        .as_ref()
        .is_some_and(|trust| trust.old.as_ref() == Some(ca));
    if let Some((found, wanted)) = out_of_time(ca.validity, context.now).filter(|_| !is_old) {
        let mend = match context.now > ca.validity.not_after {
            true => Mend::RollOver,
            false => Mend::SetClock,
        };
        faults.push((found, wanted, mend));
    }
    faults
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
        // That was said of the whole.
        FileState::Absent if context.extent == Extent::Part => return Ok(()),
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
        Ok(key) => match context.trust.as_ref().map(|trust| &trust.ca) {
            Some(ca) if ca.public_key != *key.public_key() => "the key of another CA".into(),
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

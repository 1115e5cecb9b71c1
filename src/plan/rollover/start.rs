//! The first phase: a new CA, trusted beside the old one.

use time::OffsetDateTime;

use super::{ArchivedCa, Campaign, Error, Look, Phase, archive_signing, put, trust_everywhere};
use crate::pki::{self, Ca, Life, Passphrase, Validity};
use crate::plan::Plan;
use crate::plan::init::ca_key_file;
use crate::plan::issue::Fresh;
use crate::plan::ledger::Entry;
use crate::plan::trust::Trust;

/// What the next CA is to be.
#[derive(Debug)]
pub struct Start<'a> {
    /// Its key and serial number.
    pub fresh: Fresh,
    /// How long it lives.
    pub valid_for: Life,
    /// What its key is encrypted with, if it is.
    pub passphrase: Option<&'a Passphrase>,
}

/// Plans the next CA.  It may sign for the names the old one may, which goes to the archive with its
/// key; the two are trusted everywhere.
///
/// # Errors
/// [`Error::UnderWay`] if a rollover is, [`pki::Error::BeforeCa`] if the clock is before the
/// old CA's beginning.
pub fn start(
    look: &Look,
    archived: &ArchivedCa,
    wish: Start<'_>,
    now: OffsetDateTime,
) -> Result<Phase, crate::plan::Error> {
    let trust = look.home.trust()?;
    refuse_under_way(&trust)?;
    look.home.check_ledger()?;
    let old = trust.ca;
    refuse_wrong_clock(&old, now)?;
    let Start {
        fresh,
        valid_for,
        passphrase,
    } = wish;
    let constrain_to = match &old.name_constraints {
        Some(constraints) => Some(constraints.permitted_sans()?),
        None => None,
    };
    let validity = Validity::of_ca(valid_for, now)?;
    let new = Ca::new(fresh.key, &fresh.serial, validity, constrain_to.as_ref())?;
    let trust = Trust {
        ca: new.certificate().clone(),
        old: Some(old.clone()),
    };

    let mut changes = archive_signing(look, &old, archived)?;
    changes.extend(put(look, ca_key_file(new.key(), passphrase)?, &look.key)?);
    changes.extend(trust_everywhere(look, &trust)?);
    let entry = Entry::issued(
        pki::Purpose::Ca,
        trust.ca.common_name.as_deref().unwrap_or_default(),
        &trust.ca.serial,
        trust.ca.fingerprint(),
        validity.not_after,
        now,
    );
    changes.push(
        look.home
            .append_to_ledger(entry.replacing(&old.serial).line()),
    );
    Ok(Phase {
        plan: Plan {
            command: "ca roll start",
            changes,
        },
        trust,
        dropped: None,
    })
}

/// Refuses to begin one rollover in another, before anybody is asked for a passphrase.
pub fn refuse_under_way(trust: &Trust) -> Result<(), Error> {
    match Campaign::of(trust) {
        None => Ok(()),
        Some(Campaign { new, old }) => Err(Error::UnderWay {
            old: old.common_name.unwrap_or_default(),
            new: new.common_name.unwrap_or_default(),
        }),
    }
}

/// A machine without a clock believes it is 1970: what it made would be expired everywhere else.
fn refuse_wrong_clock(old: &pki::Certificate, now: OffsetDateTime) -> Result<(), pki::Error> {
    match now < old.validity.not_before {
        true => Err(pki::Error::BeforeCa {
            not_before: old.validity.not_before,
            now,
        }),
        false => Ok(()),
    }
}

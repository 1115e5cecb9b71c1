//! Turns a rollover round: the CA that was left signs again.

use time::OffsetDateTime;

use super::left::is_used;
use super::{
    ArchivedCa, Campaign, Error, Look, Phase, archive_signing, ca_key, put, refuse_foreign_key,
    trust_everywhere,
};
use crate::pki::{Certificate, Purpose};
use crate::plan::ledger::{Entry, Event};
use crate::plan::state::FileState;
use crate::plan::trust::Trust;
use crate::plan::{self, Plan, layout};

/// Plans to take back the last phase.
///
/// A rollover under way is turned round: the old CA signs again, and the new one, if nobody can have
/// a certificate of it, is trusted no more.  To turn it round twice is to leave it as it was.  A finished one is under way again: the old CA is trusted.
///
/// `archived` reads a CA of that serial, in hex, in the archive.
///
/// # Errors
/// [`Error::NothingToUndo`], or [`Error::Ended`] if the old CA's life is over; those of its files.
pub fn undo(
    look: &Look,
    archived: impl Fn(&str) -> ArchivedCa,
    now: OffsetDateTime,
) -> Result<Phase, plan::Error> {
    let trust = look.home.trust()?;
    let ledger = look.home.ledger()?;
    let Some(Campaign { new, old }) = Campaign::of(&trust) else {
        return trust_again(look, trust.ca, &ledger, archived, now);
    };
    if now > old.validity.not_after {
        return Err(Error::Ended {
            ca: old.common_name.unwrap_or_default(),
            end: old.validity.not_after,
        }
        .into());
    }
    let archived_old = archived(&old.serial.to_string());
    let key_path = look
        .home
        .path
        .join(layout::archived(&old.serial))
        .join(layout::CA_KEY);
    let key = match &archived_old.key {
        FileState::Absent => return Err(plan::Error::NoCaKey { path: key_path }),
        key => key.content(&key_path, "the old CA's private key")?,
    };
    refuse_foreign_key(&old, key).map_err(|cause| plan::Error::File {
        path: key_path,
        cause,
    })?;
    let mut changes = archive_signing(look, &new, &archived(&new.serial.to_string()))?;
    changes.extend(put(look, ca_key(&old, key), &look.key)?);
    let is_used = is_used(&new, &look.pairs, &ledger, now);
    // In this order: that the old CA signs is what was asked for, and comes last, so that another
    // undo does not bring back what this one drops.
    let mut lines = match is_used {
        true => String::new(),
        false => Entry::of_ca(Event::Retired, &new, now).line(),
    };
    lines.push_str(&Entry::of_ca(Event::Signing, &old, now).line());
    let (trust, dropped) = match is_used {
        true => {
            let (ca, old) = (old, Some(new));
            (Trust { ca, old }, None)
        }
        false => (Trust { ca: old, old: None }, Some(new)),
    };
    changes.extend(trust_everywhere(look, &trust)?);
    changes.push(look.home.append_to_ledger(lines));
    Ok(Phase {
        plan: Plan {
            command: "ca roll undo",
            changes,
        },
        trust,
        dropped,
    })
}

/// Plans a finished rollover to be under way again.
fn trust_again(
    look: &Look,
    ca: Certificate,
    ledger: &[Entry],
    archived: impl Fn(&str) -> ArchivedCa,
    now: OffsetDateTime,
) -> Result<Phase, plan::Error> {
    let of_ca = |entry: &&Entry| {
        entry.kind == Purpose::Ca.as_str()
            && matches!(entry.event, Event::Issued | Event::Signing | Event::Retired)
    };
    let Some(retired) = ledger
        .iter()
        .rfind(of_ca)
        .filter(|entry| entry.event == Event::Retired)
    else {
        return Err(Error::NothingToUndo.into());
    };
    let path = look
        .home
        .path
        .join(layout::ARCHIVE)
        .join(&retired.serial)
        .join(layout::CA_CERTIFICATE);
    let old = archived(&retired.serial).certificate;
    let old = Certificate::from_pem(old.content(&path, "the old CA's certificate")?)
        .map_err(|cause| plan::Error::File { path, cause })?;
    let signing = Entry::of_ca(Event::Signing, &ca, now);
    let trust = Trust { ca, old: Some(old) };
    let mut changes = trust_everywhere(look, &trust)?;
    changes.push(look.home.append_to_ledger(signing.line()));
    Ok(Phase {
        plan: Plan {
            command: "ca roll undo",
            changes,
        },
        trust,
        dropped: None,
    })
}

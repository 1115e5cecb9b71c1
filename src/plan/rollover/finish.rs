//! The last phase: the old CA is trusted no more.

use time::OffsetDateTime;

use super::{Campaign, Error, Look, Phase, left, trust_everywhere};
use crate::plan::Plan;
use crate::plan::ledger::{Entry, Event};
use crate::plan::rollover::Left;
use crate::plan::trust::Trust;

/// Plans the end of a rollover, and says who is locked out by it.
///
/// `may_lock_out` is asked whether those whose certificates are of the old CA may be.  `gone` are the
/// places that the ledger tells of and where nothing is any more: it is told so.
///
/// # Errors
/// [`Error::NotUnderWay`] if none is, [`Error::Left`] if certificates of the old CA are left and
/// nobody may be locked out.
pub fn finish(
    look: &Look,
    gone: &[Entry],
    may_lock_out: impl FnOnce(&[Left]) -> bool,
    now: OffsetDateTime,
) -> Result<(Phase, Vec<Left>), crate::plan::Error> {
    let trust = look.home.trust()?;
    let Some(Campaign { new, old }) = Campaign::of(&trust) else {
        return Err(Error::NotUnderWay.into());
    };
    let mut ledger = look.home.ledger()?;
    ledger.extend_from_slice(gone);
    let locked_out = left(&old, &look.pairs, &ledger, now);
    if !locked_out.is_empty() && !may_lock_out(&locked_out) {
        return Err(Error::Left {
            old: old.common_name.unwrap_or_default(),
            left: locked_out,
        }
        .into());
    }
    let trust = Trust { ca: new, old: None };
    let mut changes = trust_everywhere(look, &trust)?;
    let retired = Entry::of_ca(Event::Retired, &old, now);
    let lines = gone.iter().chain([&retired]).map(Entry::line);
    changes.push(look.home.append_to_ledger(lines.collect()));
    let phase = Phase {
        plan: Plan {
            command: "ca roll finish",
            changes,
        },
        trust,
        dropped: Some(old),
    };
    Ok((phase, locked_out))
}

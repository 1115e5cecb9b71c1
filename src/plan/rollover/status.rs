//! Who has come how far in a rollover.

use time::OffsetDateTime;

use super::{Campaign, PublicPair};
use crate::plan::hand_outs;
use crate::plan::layout::PairKind;
use crate::plan::ledger::Entry;
use crate::plan::trust::is_named_issuer;

/// One server or client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The kind.
    pub kind: PairKind,
    /// The name.
    pub name: String,
    /// Whose certificate it holds in the home.
    pub holds: Holds,
    /// Where it was handed out, the last first.
    pub hand_outs: Vec<HandOut>,
}

/// Whose certificate a pair holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// One of the new CA.
    New,
    /// One of the old CA.
    Old,
    /// One of the old CA that has expired.
    Expired,
    /// Another, or none that can be read.
    Other,
}

/// One place a pair was handed out to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOut {
    /// The place.
    pub to: String,
    /// When, RFC 3339, UTC.
    pub time: String,
    /// Whether its `ca.pem` had both CAs.
    pub trusts_both: bool,
    /// Whether it was the certificate that is in the home now.
    pub is_current: bool,
}

impl Row {
    /// Whether everybody it was handed out to, and somebody, believes both CAs.
    pub fn trusts_both(&self) -> bool {
        !self.hand_outs.is_empty() && self.hand_outs.iter().all(|it| it.trusts_both)
    }

    /// Whether nothing is left to do for it before the end.
    pub fn is_done(&self) -> bool {
        let is_out = !self.hand_outs.is_empty() && self.hand_outs.iter().all(|it| it.is_current);
        match self.holds {
            Holds::New => is_out,
            Holds::Old | Holds::Expired | Holds::Other => false,
        }
    }
}

/// Tells of every server and client how far it has come.
pub fn status(
    campaign: &Campaign,
    pairs: &[PublicPair],
    ledger: &[Entry],
    now: OffsetDateTime,
) -> Vec<Row> {
    let hand_outs = hand_outs::by_name(ledger);
    let cas = [&campaign.new, &campaign.old].map(|ca| ca.serial.to_string());
    pairs
        .iter()
        .map(|pair| {
            let certificate = pair.files.certificate();
            let serial = certificate.as_ref().map(|it| it.serial.to_string());
            let holds = match &certificate {
                Some(it) if is_named_issuer(&campaign.new, it) => Holds::New,
                Some(it) if is_named_issuer(&campaign.old, it) => {
                    match it.validity.not_after < now {
                        true => Holds::Expired,
                        false => Holds::Old,
                    }
                }
                _ => Holds::Other,
            };
            let its = hand_outs.get(&(pair.kind.as_str(), &*pair.name));
            let its = its.into_iter().flatten().filter(|out| !out.is_removed);
            Row {
                kind: pair.kind,
                name: pair.name.clone(),
                holds,
                hand_outs: its
                    .map(|out| HandOut {
                        to: out.place(),
                        time: out.entry.time.clone(),
                        trusts_both: cas.iter().all(|ca| out.entry.trusts.contains(ca)),
                        is_current: Some(&out.entry.serial) == serial.as_ref(),
                    })
                    .collect(),
            }
        })
        .collect()
}

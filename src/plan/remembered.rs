//! What the ledger remembers of certificates that they do not say themselves.

use std::collections::HashSet;

use super::ledger::{Entry, Event, KeyPlace};
use super::state::FileState;
use crate::pki::Serial;

/// What the ledger remembers, by serial number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    revoked: HashSet<String>,
    elsewhere: HashSet<String>,
}

impl Remembered {
    /// Gathers it from the entries of a ledger.
    pub fn of(ledger: &[Entry]) -> Self {
        let serials = |is_meant: &dyn Fn(&Entry) -> bool| {
            let entries = ledger.iter().filter(|entry| is_meant(entry));
            entries.map(|entry| entry.serial.clone()).collect()
        };
        Self {
            revoked: serials(&|entry| entry.event == Event::Revoked),
            elsewhere: serials(&|entry| {
                entry.event == Event::Issued && entry.key == KeyPlace::Elsewhere
            }),
        }
    }

    /// Whether a certificate is revoked.
    pub fn is_revoked(&self, serial: &Serial) -> bool {
        self.revoked.contains(&serial.to_string())
    }

    /// The serials of what is revoked, in hex.
    pub fn revoked(&self) -> &HashSet<String> {
        &self.revoked
    }

    /// Whether a certificate was issued on a request, so that its key is not ours.
    pub fn was_requested(&self, serial: &Serial) -> bool {
        self.elsewhere.contains(&serial.to_string())
    }

    /// Where the private key of a certificate is: elsewhere, if it was issued on a request, and nobody has put a
    /// key beside it since.
    pub fn key_place(&self, serial: &Serial, beside: &FileState) -> KeyPlace {
        match (self.was_requested(serial), beside) {
            (true, FileState::Absent) => KeyPlace::Elsewhere,
            _ => KeyPlace::Home,
        }
    }
}

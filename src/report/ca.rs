//! Shows the CA.

use std::path::Path;

use serde::Serialize;
use time::OffsetDateTime;

use super::{JSON_VERSION, json, left, printable};
use crate::pki::{VerifyCode, date};
use crate::plan::layout;
use crate::plan::ledger::rfc3339;
use crate::plan::trust::Trust;

/// What is known of the CA's key without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaKey {
    /// It is elsewhere.
    Absent,
    /// It has a passphrase.
    Encrypted,
    /// It has none.
    Plain,
    /// Others can read it, so it was not looked at.
    Open(u32),
    /// It cannot be read, and why.
    Unreadable(String),
    /// What is there is no key.
    Broken,
}

impl CaKey {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Encrypted => "encrypted",
            Self::Plain => "plain",
            Self::Open(_) => "open to others",
            Self::Unreadable(_) => "unreadable",
            Self::Broken => "broken",
        }
    }
}

/// The CA, a line a fact.
pub fn ca(home: &Path, trust: &Trust, key: &CaKey, now: OffsetDateTime) -> String {
    let ca = &trust.ca;
    let key_path = home.join(layout::CA_KEY);
    let key = match key {
        CaKey::Absent => "not here: nothing can be issued from here".into(),
        CaKey::Encrypted => format!("{}, encrypted", super::shown(&key_path)),
        CaKey::Plain => format!("{}, not encrypted", super::shown(&key_path)),
        CaKey::Open(mode) => {
            format!(
                "{}, mode {mode:04o}: others can read it",
                super::shown(&key_path)
            )
        }
        CaKey::Unreadable(cause) => {
            format!("{}, which cannot be read: {cause}", super::shown(&key_path))
        }
        CaKey::Broken => format!("{}, but that is no private key", super::shown(&key_path)),
    };
    let may_sign = match &ca.name_constraints {
        Some(constraints) => format!("only {constraints}"),
        None => "any name".into(),
    };
    let mut text = format!(
        "name         {}\n\
         certificate  {}\n\
         key          {key}\n\
         valid from   {}\n\
         valid until  {} ({})\n\
         serial       {}\n\
         sha256       {}\n\
         code         {}\n\
         signs for    {may_sign}\n",
        printable(ca.common_name.as_deref().unwrap_or_default()),
        super::shown(&home.join(layout::CA_CERTIFICATE)),
        date(ca.validity.not_before),
        date(ca.validity.not_after),
        left(ca.validity.not_after - now),
        ca.serial,
        ca.fingerprint(),
        VerifyCode::of(&ca.public_key),
    );
    if let Some(old) = &trust.old {
        text.push_str(&format!(
            "old CA       {}, trusted until the rollover is finished\n\
             its code     {}\n",
            printable(old.common_name.as_deref().unwrap_or_default()),
            VerifyCode::of(&old.public_key)
        ));
    }
    text
}

/// The same as JSON.
pub fn ca_json(home: &Path, trust: &Trust, key: &CaKey) -> String {
    let ca = &trust.ca;
    #[derive(Serialize)]
    struct Report {
        version: u32,
        home: String,
        name: Option<String>,
        serial: String,
        fingerprint: String,
        code: String,
        not_before: String,
        not_after: String,
        name_constraints: Option<String>,
        key: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        old_ca: Option<OldCa>,
    }
    #[derive(Serialize)]
    struct OldCa {
        name: Option<String>,
        serial: String,
        not_after: String,
    }
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        name: ca.common_name.clone(),
        serial: ca.serial.to_string(),
        fingerprint: ca.fingerprint(),
        code: VerifyCode::of(&ca.public_key).to_string(),
        not_before: rfc3339(ca.validity.not_before),
        not_after: rfc3339(ca.validity.not_after),
        name_constraints: ca.name_constraints.as_ref().map(ToString::to_string),
        key: key.as_str(),
        old_ca: trust.old.as_ref().map(|old| OldCa {
            name: old.common_name.clone(),
            serial: old.serial.to_string(),
            not_after: rfc3339(old.validity.not_after),
        }),
    })
}

//! The ledger: one line of JSON for each thing that was issued.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Error;
use super::bundle::Form;
use super::context::ContextName;
use super::docker_host::DockerHost;
use crate::pki::{Certificate, Purpose, Serial};

/// The version of the home's format, written into every line.
pub const VERSION: u32 = 1;

/// One line of `issued.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the home's format.
    pub version: u32,
    /// When it happened, RFC 3339, UTC.
    pub time: String,
    /// What happened.
    pub event: Event,
    /// `ca`, `server` or `client`.
    pub kind: String,
    /// The name of the server or client; the common name of a CA.
    pub name: String,
    /// The certificate's serial number in hex.
    pub serial: String,
    /// The SHA-256 of the certificate in hex.
    pub fingerprint: String,
    /// The certificate's end, RFC 3339, UTC.
    pub not_after: String,
    /// The serial number of the certificate it takes the place of, after a renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Where it was handed out to: a directory and a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The form it was exported in, or `reply`; nothing if it was installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// The daemon it was exported for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The docker context it was exported as, or installed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Whom the export was encrypted to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encrypted_to: Vec<String>,
    /// Where its private key is.
    #[serde(default, skip_serializing_if = "KeyPlace::is_home")]
    pub key: KeyPlace,
    /// The serial numbers of the CAs that were trusted beside it, in hex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusts: Vec<String>,
}

/// Where the private key of a certificate is.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPlace {
    /// On the machine it was made on: a client asked for its certificate by a request.
    Elsewhere,
    /// Beside it in the home.
    #[default]
    #[serde(other)]
    Home,
}

impl KeyPlace {
    /// Whether it is in the home.
    pub fn is_home(&self) -> bool {
        *self == Self::Home
    }
}

/// How a client was exported.
#[derive(Debug, Clone)]
pub struct Export {
    /// The form.
    pub form: Form,
    /// The daemon it is for.
    pub host: Option<DockerHost>,
    /// The docker context.
    pub context: Option<ContextName>,
    /// Whom it is encrypted to.
    pub encrypted_to: Vec<String>,
}

/// What the ledger records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Event {
    /// A certificate was made.
    Issued,
    /// A certificate is to be trusted no more.
    Revoked,
    /// A certificate was put where docker or dockerd reads it.
    #[serde(rename = "handed-out")]
    HandedOut,
    /// What was handed out there is there no more.
    #[serde(rename = "taken-back")]
    TakenBack,
    /// A client's files were put into the archive: nobody is to get it any more.  Its certificate
    /// works until its end.
    Removed,
    /// A CA that was made before signs from here on.
    Signing,
    /// A CA is trusted no more.
    Retired,
    /// Something a later dockpki records.
    #[serde(other)]
    Other,
}

impl Entry {
    /// The line that records a certificate made now.
    pub fn issued(
        purpose: Purpose,
        name: &str,
        serial: &Serial,
        fingerprint: String,
        not_after: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            version: VERSION,
            time: rfc3339(now),
            event: Event::Issued,
            kind: purpose.as_str().to_owned(),
            name: name.to_owned(),
            serial: serial.to_string(),
            fingerprint,
            not_after: rfc3339(not_after),
            replaces: None,
            to: None,
            form: None,
            key: KeyPlace::Home,
            host: None,
            context: None,
            encrypted_to: Vec::new(),
            trusts: Vec::new(),
        }
    }

    /// The line that records what becomes of a CA.
    pub fn of_ca(event: Event, ca: &Certificate, now: OffsetDateTime) -> Self {
        let issued = Self::issued(
            Purpose::Ca,
            ca.common_name.as_deref().unwrap_or_default(),
            &ca.serial,
            ca.fingerprint(),
            ca.validity.not_after,
            now,
        );
        Self { event, ..issued }
    }

    /// The line that records that a certificate was put where it is used.
    pub fn handed_out(
        purpose: Purpose,
        name: &str,
        certificate: &Certificate,
        trusts: &[Serial],
        to: String,
        now: OffsetDateTime,
    ) -> Self {
        let issued = Self::issued(
            purpose,
            name,
            &certificate.serial,
            certificate.fingerprint(),
            certificate.validity.not_after,
            now,
        );
        Self {
            event: Event::HandedOut,
            to: Some(to),
            trusts: trusts.iter().map(ToString::to_string).collect(),
            ..issued
        }
    }

    /// The same for what was exported.
    pub fn exported(self, export: Export) -> Self {
        let Export {
            form,
            host,
            context,
            encrypted_to,
        } = export;
        Self {
            form: Some(form.as_str().to_owned()),
            host: host.as_ref().map(ToString::to_string),
            context: context.as_ref().map(ToString::to_string),
            encrypted_to,
            ..self
        }
    }

    /// The line that records that a client was removed.
    pub fn removed(name: &str, certificate: &Certificate, now: OffsetDateTime) -> Self {
        let issued = Self::issued(
            Purpose::Client,
            name,
            &certificate.serial,
            certificate.fingerprint(),
            certificate.validity.not_after,
            now,
        );
        Self {
            event: Event::Removed,
            ..issued
        }
    }

    /// The same for a certificate that takes the place of another.
    pub fn replacing(self, old: &Serial) -> Self {
        Self {
            replaces: Some(old.to_string()),
            ..self
        }
    }

    /// The same for a certificate whose key is there.
    pub fn with_key(self, key: KeyPlace) -> Self {
        Self { key, ..self }
    }

    /// The line that records that what was handed out is there no more.
    pub fn taken_back(self, now: OffsetDateTime) -> Self {
        Self {
            event: Event::TakenBack,
            time: rfc3339(now),
            ..self
        }
    }

    /// The entry as one line, newline included.
    pub fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("a struct of strings is always JSON");
        line.push('\n');
        line
    }
}

/// Reads a whole ledger, the file at `path`.
///
/// # Errors
/// [`Error::HomeVersion`] for a line of another version, [`Error::LedgerLine`] for one that is
/// no entry.
pub fn parse(text: &[u8], path: &Path) -> Result<Vec<Entry>, Error> {
    entries(text, path).collect()
}

/// Refuses what [`parse`] refuses, and keeps nothing: a ledger grows with every certificate.
///
/// # Errors
/// As [`parse`].
pub fn check(text: &[u8], path: &Path) -> Result<(), Error> {
    entries(text, path).try_for_each(|entry| entry.map(drop))
}

fn entries(text: &[u8], path: &Path) -> impl Iterator<Item = Result<Entry, Error>> {
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace))
        .map(|(index, line)| parse_line(line, index + 1, path))
}

/// The serial of the CA that issued each server and client, by who signed when; both in hex.
pub fn issuers(ledger: &[Entry]) -> HashMap<&str, &str> {
    let mut signing: Option<&str> = None;
    let mut issuers = HashMap::new();
    for entry in ledger {
        let is_ca = entry.kind == Purpose::Ca.as_str();
        match (entry.event, signing) {
            (Event::Issued | Event::Signing, _) if is_ca => signing = Some(&entry.serial),
            (Event::Issued, Some(ca)) => {
                issuers.insert(entry.serial.as_str(), ca);
            }
            _ => {}
        }
    }
    issuers
}

fn parse_line(line: &[u8], number: usize, path: &Path) -> Result<Entry, Error> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    // The version first: a line of another one may have other fields.
    if let Ok(Versioned { version }) = serde_json::from_slice(line)
        && version != VERSION
    {
        return Err(Error::HomeVersion { found: version });
    }
    serde_json::from_slice(line).map_err(|error| Error::LedgerLine {
        path: path.to_owned(),
        line: number,
        // serde_json counts lines within the one it was given.
        cause: error.to_string().replace(" at line 1 column", " at column"),
    })
}

/// A time as RFC 3339 with whole seconds: `2026-11-23T20:06:00Z`.
pub fn rfc3339(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"version":1,"time":"2026-11-23T20:06:00Z","event":"issued","kind":"client","name":"alice","serial":"0a","fingerprint":"ff","not_after":"2027-11-23T20:06:00Z"}"#;

    fn read(text: &str) -> Result<Vec<Entry>, Error> {
        parse(text.as_bytes(), Path::new("/home/issued.jsonl"))
    }

    #[test]
    fn a_line_survives_the_way_through_json() {
        let entries = read(LINE).unwrap();
        assert_eq!(entries[0].line().trim_end(), LINE);
    }

    #[test]
    fn a_renewal_names_what_it_replaces() {
        let old = Serial::from_be_bytes(&[7]);
        let [entry] = &read(LINE).unwrap()[..] else {
            panic!()
        };
        assert_eq!(entry.replaces, None);
        let line = entry.clone().replacing(&old).line();
        assert!(line.ends_with("\"replaces\":\"07\"}\n"), "{line}");
        assert_eq!(read(&line).unwrap()[0].replaces, Some("07".into()));
    }

    #[test]
    fn where_a_key_is_survives_the_way_through_json() {
        let [entry] = &read(LINE).unwrap()[..] else {
            panic!()
        };
        assert_eq!(entry.key, KeyPlace::Home);
        let line = entry.clone().with_key(KeyPlace::Elsewhere).line();
        assert!(line.ends_with("\"key\":\"elsewhere\"}\n"), "{line}");
        assert_eq!(read(&line).unwrap()[0].key, KeyPlace::Elsewhere);
    }

    #[test]
    fn another_version_is_refused_by_number() {
        let newer = r#"{"version":2,"what":"else"}"#;
        assert!(matches!(read(newer), Err(Error::HomeVersion { found: 2 })));
    }

    #[test]
    fn a_torn_line_is_refused_with_its_number() {
        let torn = format!("{LINE}\n{}", &LINE[..40]);
        assert!(matches!(
            read(&torn),
            Err(Error::LedgerLine { line: 2, .. })
        ));
    }
}

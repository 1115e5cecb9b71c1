//! Edits Docker's daemon.json in place.
//!
//! A file is read once, strictly ([`DaemonJson::parse`]): whatever dockerd would refuse, or read
//! otherwise than a person does, is a [`Fault`] with its line and column.  Changes then touch the
//! octets of our own keys and no others; whose mode, owner and symlink the file has is for
//! [`crate::host`].
//!
//! Two things follow for who calls [`DaemonJson::unpatch`], because they depend on files that are
//! not seen here.  It can leave `hosts` or the TLS keys in place, where a user has built on them:
//! so read the outcome again before certificates are removed, and before `-H` comes back into the
//! unit, which clashes with `hosts`.

mod directive;
mod edit;
mod fault;
mod lexer;
mod syntax;
mod unpatch;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use fault::{Fault, Position};

use directive::{Directive, Value};
use edit::{Edits, Style};
use syntax::{Entry, Root};

/// What JSON calls whitespace (RFC 8259, section 2).
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// The byte order mark, which dockerd skips since 23.0.
const BOM: char = '\u{feff}';

/// A daemon.json as it lies on disk, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonJson {
    /// All of it, with the byte order mark if there is one.
    text: String,
    root: Root,
    /// The values of our keys, but for those that are `null`.
    ours: BTreeMap<Directive, Value>,
}

/// The TLS keys of a daemon.json as they stand.  `null` counts as absent, and is refused in
/// `tlsverify`, which turns TLS on by being there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// `tls`; by itself it has clients verified, too.
    pub tls: Option<bool>,
    /// `tlsverify`; its presence turns TLS on, and `false` lets every client in.
    pub verify: Option<bool>,
    /// `tlscacert`; without it the daemon trusts every CA of the system.
    pub ca_certificate: Option<String>,
    /// `tlscert`.
    pub certificate: Option<String>,
    /// `tlskey`.
    pub key: Option<String>,
}

/// What the keys of ours shall be.  `None` leaves a key as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// `hosts`, whole: who wants to keep what is there puts it in.
    pub hosts: Option<Vec<String>>,
    /// The five TLS keys.
    pub tls: Option<TlsPaths>,
    /// `live-restore`.
    pub live_restore: Option<bool>,
}

/// Mutual TLS by these files.  `tls` and `tlsverify` go with them, so that there is no half of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsPaths {
    /// `tlscacert`.
    pub ca_certificate: String,
    /// `tlscert`.
    pub certificate: String,
    /// `tlskey`.
    pub key: String,
}

impl DaemonJson {
    /// Reads a file.  One that is absent (no octets), blank or `null` is an empty object, as for
    /// dockerd; a patch replaces it by one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] = bytes {
            let at = Position { line: 1, column: 1 };
            return Err(Fault::Utf16 { at });
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                let valid = String::from_utf8_lossy(valid);
                return Err(Fault::NotUtf8 {
                    at: Position::of(&valid, valid.len()),
                    octet: rest.first().copied().unwrap_or_default(),
                });
            }
        };
        let root = syntax::read(text)?;
        let mut ours = BTreeMap::new();
        for entry in root.entries() {
            if let Some(key) = Directive::ALL
                .into_iter()
                .find(|k| k.as_str() == entry.name)
                && let Some(value) = Value::read(text, key, entry)?
            {
                ours.insert(key, value);
            }
        }
        Ok(Self {
            text: text.to_owned(),
            root,
            ours,
        })
    }

    /// `hosts` as it stands; `None` if it is absent or `null`.
    pub fn hosts(&self) -> Option<&[String]> {
        match self.ours.get(&Directive::Hosts) {
            Some(Value::List(hosts)) => Some(hosts),
            _ => None,
        }
    }

    /// The TLS keys as they stand.
    pub fn tls(&self) -> Tls {
        Tls {
            tls: self.switch(Directive::Tls),
            verify: self.switch(Directive::TlsVerify),
            ca_certificate: self.path(Directive::TlsCaCertificate),
            certificate: self.path(Directive::TlsCertificate),
            key: self.path(Directive::TlsKey),
        }
    }

    /// `live-restore` as it stands; `None` if it is absent or `null`.
    pub fn live_restore(&self) -> Option<bool> {
        self.switch(Directive::LiveRestore)
    }

    /// Any other key of the object, if it is a string: `pidfile`, `data-root`.
    pub fn string(&self, key: &str) -> Option<String> {
        let entry = self.root.entries().iter().find(|e| e.name == key)?;
        let is_string = entry.kind == lexer::Kind::String;
        is_string.then(|| lexer::decode(&self.text[entry.value.clone()]).into_owned())
    }

    /// The file with our keys set.
    ///
    /// A key that has the wanted value stays as it is written, another gets its value replaced
    /// where it stands, and new ones go to the end of the object in the file's own style.  `hosts`
    /// comes out on one line, because docker-bench-security looks for it with grep.  If nothing is
    /// to change, these are the octets that were read.
    pub fn patch(&self, wanted: &Wanted) -> Vec<u8> {
        let style = Style::of(&self.text, &self.root);
        let mut edits = Edits::default();
        let mut new = Vec::new();
        for (key, value) in wanted.settings() {
            match self.entry(key) {
                None => new.push((key, value)),
                Some(entry) if self.ours.get(&key) == Some(&value) && self.on_one_line(entry) => {}
                Some(entry) => edits.replace(entry.value.clone(), style.value(&value)),
            }
        }
        style.append(&mut edits, &self.root, &new);
        edits.apply(&self.text).into_bytes()
    }

    fn entry(&self, key: Directive) -> Option<&Entry> {
        let mut entries = self.root.entries().iter();
        entries.find(|entry| entry.name == key.as_str())
    }

    /// Whether a value has no line break.  In JSON that can only be between tokens.
    fn on_one_line(&self, entry: &Entry) -> bool {
        !self.text[entry.value.clone()].contains(['\r', '\n'])
    }

    fn switch(&self, key: Directive) -> Option<bool> {
        match self.ours.get(&key) {
            Some(Value::Switch(on)) => Some(*on),
            _ => None,
        }
    }

    fn path(&self, key: Directive) -> Option<String> {
        match self.ours.get(&key) {
            Some(Value::Path(path)) => Some(path.clone()),
            _ => None,
        }
    }
}

impl Wanted {
    /// The keys that are to be set, in the order in which new ones are written.
    fn settings(&self) -> BTreeMap<Directive, Value> {
        let Self {
            hosts,
            tls,
            live_restore,
        } = self;
        let mut settings = BTreeMap::new();
        if let Some(hosts) = hosts {
            settings.insert(Directive::Hosts, Value::List(hosts.clone()));
        }
        if let Some(TlsPaths {
            ca_certificate,
            certificate,
            key,
        }) = tls
        {
            settings.extend([
                (Directive::Tls, Value::Switch(true)),
                (Directive::TlsVerify, Value::Switch(true)),
                (
                    Directive::TlsCaCertificate,
                    Value::Path(ca_certificate.clone()),
                ),
                (Directive::TlsCertificate, Value::Path(certificate.clone())),
                (Directive::TlsKey, Value::Path(key.clone())),
            ]);
        }
        if let Some(on) = live_restore {
            settings.insert(Directive::LiveRestore, Value::Switch(*on));
        }
        settings
    }
}

//! The keys of daemon.json that are ours to set, and the values they can have.

use std::ops::Range;

use super::fault::{Fault, Position};
use super::lexer::{Kind, Lexer, decode};
use super::syntax::Entry;

/// A key that we set, in the order in which new ones are written.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Directive {
    Hosts,
    Tls,
    TlsVerify,
    TlsCaCertificate,
    TlsCertificate,
    TlsKey,
    LiveRestore,
}

impl Directive {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::Hosts,
        Self::Tls,
        Self::TlsVerify,
        Self::TlsCaCertificate,
        Self::TlsCertificate,
        Self::TlsKey,
        Self::LiveRestore,
    ];
    /// The five that make TLS together.
    pub(super) const TLS: [Self; 5] = [
        Self::Tls,
        Self::TlsVerify,
        Self::TlsCaCertificate,
        Self::TlsCertificate,
        Self::TlsKey,
    ];

    /// Its name in the file.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::Tls => "tls",
            Self::TlsVerify => "tlsverify",
            Self::TlsCaCertificate => "tlscacert",
            Self::TlsCertificate => "tlscert",
            Self::TlsKey => "tlskey",
            Self::LiveRestore => "live-restore",
        }
    }

    fn form(self) -> Form {
        match self {
            Self::Hosts => Form::List,
            Self::Tls | Self::TlsVerify | Self::LiveRestore => Form::Switch,
            Self::TlsCaCertificate | Self::TlsCertificate | Self::TlsKey => Form::Path,
        }
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy)]
enum Form {
    Switch,
    Path,
    List,
}

impl Form {
    fn words(self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Path => "a path in double quotes",
            Self::List => "a list of strings",
        }
    }
}

/// A value of one of our keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Of `tls`, `tlsverify` and `live-restore`.
    Switch(bool),
    /// Of `tlscacert`, `tlscert` and `tlskey`.
    Path(String),
    /// Of `hosts`.
    List(Vec<String>),
}

impl Value {
    /// The value of an entry, of the type that dockerd wants for the key.
    ///
    /// `null` is none, as it is for dockerd, but for `tlsverify`: dockerd turns TLS on by it, and
    /// a person would not think so.
    pub(super) fn read(text: &str, key: Directive, entry: &Entry) -> Result<Option<Self>, Fault> {
        let wrong = |at: usize, found: Kind, wanted| Fault::WrongType {
            at: Position::of(text, at),
            key: key.as_str(),
            found: found.words(),
            wanted,
        };
        let value = match (key.form(), entry.kind) {
            (_, Kind::Null) if key != Directive::TlsVerify => return Ok(None),
            (Form::Switch, Kind::True) => Self::Switch(true),
            (Form::Switch, Kind::False) => Self::Switch(false),
            (Form::Path, Kind::String) => {
                Self::Path(decode(&text[entry.value.clone()]).into_owned())
            }
            (Form::List, Kind::ListStart) => {
                let mut list = Vec::new();
                for (kind, place) in elements(text, &entry.value)? {
                    if kind != Kind::String {
                        return Err(wrong(place.start, kind, "strings only"));
                    }
                    list.push(decode(&text[place]).into_owned());
                }
                Self::List(list)
            }
            (form, kind) => return Err(wrong(entry.value.start, kind, form.words())),
        };
        Ok(Some(value))
    }
}

/// The tokens of a list that is known to be JSON, without its brackets and commas.
fn elements(text: &str, list: &Range<usize>) -> Result<Vec<(Kind, Range<usize>)>, Fault> {
    let mut lexer = Lexer::new(&text[..list.end], list.start + 1);
    let mut elements = Vec::new();
    while let Some(token) = lexer.next("a value")? {
        if token.kind.begins_value() {
            elements.push((token.kind, token.start..token.end));
        }
    }
    Ok(elements)
}

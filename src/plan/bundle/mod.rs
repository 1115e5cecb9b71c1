//! What is handed to a client's user: their three files, in one piece.
//!
//! [`Bundle::write`] puts them into a form that somebody's tools open, the same octets each time;
//! [`Bundle::read`] takes what was handed out apart again, on a laptop, from a stranger if need be.
//!
//! Every form but a reply holds the private key: whoever holds it is root on every host that
//! trusts the CA.

mod archive;
mod env;
mod error;
mod gzip;
mod read;
mod recipient;
#[cfg(test)]
mod tests;

use std::fmt;

use zeroize::Zeroizing;

use super::context::ContextName;
use super::docker_host::DockerHost;
use super::enroll::Reply;
use super::layout::{self, PairKind};
use super::pair::SoundPair;
use super::permissions::Item;
use super::trust::Trust;
use crate::pki::{Certificate, Name};

pub use error::Error;
pub use read::MAX_OCTETS;
pub use recipient::{Recipient, recipients};

/// The forms a client is handed out in.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// A directory that is a `DOCKER_CERT_PATH`.
    Dir,
    /// That directory in a tar archive, gzipped.
    Tar,
    /// That directory in a zip archive.
    Zip,
    /// What `docker context import` takes.
    Context,
    /// The variables of a CI system.
    Env,
    /// Certificates alone, for who has the key: what `client accept` takes.
    Reply,
}

impl Form {
    /// Every form, in the order help shows them.
    pub const ALL: [Self; 6] = [
        Self::Dir,
        Self::Tar,
        Self::Zip,
        Self::Context,
        Self::Env,
        Self::Reply,
    ];

    /// The name on the command line and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dir => "dir",
            Self::Tar => "tar",
            Self::Zip => "zip",
            Self::Context => "context",
            Self::Env => "env",
            Self::Reply => "reply",
        }
    }

    /// The file or directory it goes to when nobody says another; docker's own name for a context.
    pub fn file_name(self, client: &str) -> String {
        let extension = match self {
            Self::Dir => "",
            Self::Tar => ".tar.gz",
            Self::Zip => ".zip",
            Self::Context => ".dockercontext",
            Self::Env => ".env",
            Self::Reply => ".reply.pem",
        };
        format!("{client}{extension}")
    }

    /// The same of a file that is encrypted.
    pub fn encrypted_file_name(self, client: &str) -> String {
        format!("{}.age", self.file_name(client))
    }

    /// Whether it holds the private key.
    pub fn has_key(self) -> bool {
        self != Self::Reply
    }

    /// Whether it says which daemon is asked.
    pub fn has_host(self) -> bool {
        matches!(self, Self::Context | Self::Env)
    }
}

/// A client's files, and the daemon they are for.
#[derive(PartialEq, Eq)]
pub struct Bundle {
    /// The client's name: the certificate's common name.
    pub name: Name,
    /// The certificate that is in the files.
    pub certificate: Certificate,
    /// The files.
    pub files: Files,
    /// The daemon, if it is known.
    pub host: Option<DockerHost>,
    /// The docker context, if one is named.
    pub context: Option<ContextName>,
}

/// The content of a client's files, octet by octet.
#[derive(PartialEq, Eq)]
pub struct Files {
    /// `ca.pem`; several CAs during a rollover.
    pub ca: Zeroizing<Vec<u8>>,
    /// `cert.pem`.
    pub certificate: Zeroizing<Vec<u8>>,
    /// `key.pem`; nothing in a reply to who has the key already.
    pub key: Option<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_ref().map(ToString::to_string);
        write!(f, "Bundle({}, {host:?}, [elided])", self.name)
    }
}

/// A file of a bundle: its name, its mode where it lies as a file, and its content.
pub struct Member<'a> {
    /// `ca.pem`, `cert.pem` or `key.pem`.
    pub name: &'static str,
    /// Its mode.
    pub mode: u32,
    /// Its content.
    pub content: &'a [u8],
}

/// A bundle in one of its forms.
pub enum Written<'a> {
    /// Files for a directory of their own.
    Directory([Member<'a>; 3]),
    /// One file.
    File(Zeroizing<Vec<u8>>),
}

impl Bundle {
    /// What is handed out of a client of the home.
    ///
    /// # Errors
    /// [`Error::NoHost`] for a form that says which daemon is asked, and nobody said which.
    pub fn of(
        pair: &SoundPair,
        form: Form,
        host: Option<&DockerHost>,
        context: Option<&ContextName>,
    ) -> Result<Self, super::Error> {
        if form.has_host() && host.is_none() {
            return Err(Error::NoHost { form, known: None }.into());
        }
        let [ca, certificate, key] = &pair.files;
        Ok(Self {
            name: pair.name.parse()?,
            certificate: pair.certificate.clone(),
            files: Files {
                ca: ca.clone(),
                certificate: certificate.clone(),
                key: Some(key.clone()),
            },
            host: host.filter(|_| form.has_host()).cloned(),
            context: match form {
                Form::Context => context
                    .cloned()
                    .or_else(|| host.map(ContextName::from_host)),
                _ => None,
            },
        })
    }

    /// What is handed out of a client whose key is not.
    ///
    /// # Errors
    /// [`Error::Member`] for a `ca.pem` that is none.
    pub fn without_key(
        name: &str,
        certificate: Certificate,
        ca: Zeroizing<Vec<u8>>,
    ) -> Result<Self, super::Error> {
        Ok(Self {
            name: name.parse()?,
            files: Files {
                ca,
                certificate: Zeroizing::new(certificate.pem().into_bytes()),
                key: None,
            },
            certificate,
            host: None,
            context: None,
        })
    }

    /// Writes it in a form, the same octets each time: times are the certificate's beginning, and
    /// owners are nobody's.
    ///
    /// # Errors
    /// [`Error::NoHost`] for a form that needs one, [`Error::Missing`] without a key.
    pub fn write(&self, form: Form) -> Result<Written<'_>, Error> {
        Ok(match form {
            Form::Dir => Written::Directory(self.members()?),
            Form::Tar => Written::File(gzip::stored(&archive::tar(self)?, self.time())),
            Form::Zip => Written::File(archive::zip(self)?),
            Form::Context => Written::File(archive::context(self)?),
            Form::Env => Written::File(env::write(self)?),
            Form::Reply => Written::File(self.reply()?.text().into_bytes().into()),
        })
    }

    /// What is sent to who has the key already.
    fn reply(&self) -> Result<Reply, Error> {
        let member = layout::CA_CERTIFICATE;
        let trust = Trust::from_pem(&self.files.ca);
        Ok(Reply {
            name: self.name.clone(),
            certificate: self.certificate.clone(),
            trust: trust.map_err(|cause| Error::Member { member, cause })?,
        })
    }

    /// The names docker's client looks for, each with its content.
    fn members(&self) -> Result<[Member<'_>; 3], Error> {
        let key = self.files.key.as_ref().ok_or(Error::Missing {
            member: PairKind::Client.key_file(),
        })?;
        let member = |name, item: Item, content| Member {
            name,
            mode: item.mode(),
            content,
        };
        Ok([
            member(layout::CA_CERTIFICATE, Item::Certificate, &*self.files.ca),
            member(
                PairKind::Client.certificate_file(),
                Item::Certificate,
                &*self.files.certificate,
            ),
            member(PairKind::Client.key_file(), Item::Key, &**key),
        ])
    }

    fn host_for(&self, form: Form) -> Result<&DockerHost, Error> {
        self.host
            .as_ref()
            .ok_or(Error::NoHost { form, known: None })
    }

    /// The certificate's beginning, in seconds.
    fn time(&self) -> u64 {
        let begins = self.certificate.validity.not_before.unix_timestamp();
        u64::try_from(begins).unwrap_or(0)
    }
}

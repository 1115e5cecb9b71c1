//! A client in one piece: what it is handed out as, and what comes back out of that.
//!
//! | form | what | for |
//! |---|---|---|
//! | [`Form::Directory`] | `ca.pem`, `cert.pem`, `key.pem` | `DOCKER_CERT_PATH` |
//! | [`Form::Tar`] | such a directory as tar.gz | Linux, macOS |
//! | [`Form::Zip`] | such a directory as zip | Windows |
//! | [`Form::Context`] | what `docker context import` takes | docker alone |
//! | [`Form::Env`] | variables, the three files in base64 | CI systems |
//!
//! The same client gives the same octets each time: nothing in them tells who packed it, or when.

mod archive;
mod env;
mod error;
mod read;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::context::{ContextName, Metadata};
use super::docker_host::DockerHost;
use super::layout::{self, PairKind};
use super::pair::SoundPair;
use crate::pki::Certificate;

pub use error::BundleError;
pub use read::read;

/// A client's three files, and the daemon they are for.
#[derive(PartialEq, Eq)]
pub struct Bundle {
    /// `ca.pem`; several CAs during a rollover.
    pub ca: Zeroizing<Vec<u8>>,
    /// `cert.pem`
    pub certificate: Zeroizing<Vec<u8>>,
    /// `key.pem`; nothing where the key is on the client's own machine.
    pub key: Option<Zeroizing<Vec<u8>>>,
    /// The daemon, if somebody said one.
    pub host: Option<DockerHost>,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bundle({:?}, [elided])", self.host)
    }
}

/// What a client is handed out as.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// A directory.
    Directory,
    /// tar.gz.
    Tar,
    /// zip.
    Zip,
    /// A docker context.
    Context,
    /// Variables.
    Env,
}

impl Form {
    /// All of them, in the order help has them.
    pub const ALL: [Self; 5] = [
        Self::Directory,
        Self::Tar,
        Self::Zip,
        Self::Context,
        Self::Env,
    ];

    /// As `--as` and the ledger have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "dir",
            Self::Tar => "tar",
            Self::Zip => "zip",
            Self::Context => "context",
            Self::Env => "env",
        }
    }

    /// What comes after the client's name in the name of the file.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Directory => "",
            Self::Tar => ".tar.gz",
            Self::Zip => ".zip",
            // What docker itself calls it.
            Self::Context => ".dockercontext",
            Self::Env => ".env",
        }
    }

    /// Whether it says where the daemon is, so that one must be named.
    pub fn wants_host(self) -> bool {
        match self {
            Self::Context | Self::Env => true,
            Self::Directory | Self::Tar | Self::Zip => false,
        }
    }
}

impl FromStr for Form {
    type Err = BundleError;

    fn from_str(text: &str) -> Result<Self, BundleError> {
        let mut all = Self::ALL.into_iter();
        all.find(|form| form.as_str() == text)
            .ok_or_else(|| BundleError::Form {
                found: text.to_owned(),
            })
    }
}

/// The names of the three files: CA, certificate, key.
pub fn file_names() -> [&'static str; 3] {
    let kind = PairKind::Client;
    [
        layout::CA_CERTIFICATE,
        kind.certificate_file(),
        kind.key_file(),
    ]
}

/// A file of an archive.
struct Member<'a> {
    path: String,
    mode: u32,
    content: &'a [u8],
}

/// A client that is handed out with its key.
pub struct Parcel<'a> {
    /// The client.
    pub pair: &'a SoundPair,
    /// The daemon it is for.
    pub host: Option<&'a DockerHost>,
    /// The context's name; after the host if nobody chose one.
    pub context: Option<&'a ContextName>,
}

impl Parcel<'_> {
    /// The octets of a form that is one file; nothing for a directory.
    ///
    /// # Errors
    /// [`BundleError::NoHost`] if the form says where the daemon is and none was named.
    pub fn octets(&self, form: Form) -> Result<Option<Zeroizing<Vec<u8>>>, BundleError> {
        if form.wants_host() && self.host.is_none() {
            return Err(BundleError::NoHost { form });
        }
        let written_at = unix_time(&self.pair.certificate);
        let below = |directory: &str, modes: [u32; 3]| {
            let names = file_names().into_iter().zip(modes);
            let files = names.zip(&self.pair.files);
            Vec::from_iter(files.map(|((name, mode), content)| Member {
                path: format!("{directory}/{name}"),
                mode,
                content,
            }))
        };
        let modes = [
            layout::CERTIFICATE_MODE,
            layout::CERTIFICATE_MODE,
            layout::KEY_MODE,
        ];
        Ok(Some(match (form, self.host) {
            (Form::Directory, _) => return Ok(None),
            (Form::Tar, _) => archive::tar_gz(&below(&self.pair.name, modes), written_at),
            (Form::Zip, _) => archive::zip(&below(&self.pair.name, modes)),
            (Form::Context, Some(host)) => {
                let after_host = || ContextName::from_host(host);
                let name = self.context.cloned().unwrap_or_else(after_host);
                let metadata = Metadata::new(&name).with_host(host).to_json();
                // docker's own modes; it takes no directories.
                let mut members = below("tls/docker", [0o600; 3]);
                members.insert(
                    0,
                    Member {
                        path: CONTEXT_METADATA.to_owned(),
                        mode: 0o644,
                        content: metadata.as_bytes(),
                    },
                );
                archive::tar(&members, written_at)
            }
            (Form::Env, Some(host)) => env::variables(self.pair, host),
            (Form::Context | Form::Env, None) => return Err(BundleError::NoHost { form }),
        }))
    }
}

/// docker's name for what a context is, in an exported one.
const CONTEXT_METADATA: &str = "meta.json";

/// The beginning of a certificate, for archives want a time.
fn unix_time(certificate: &Certificate) -> u64 {
    let begins = certificate.validity.not_before.unix_timestamp();
    u64::try_from(begins).unwrap_or(0)
}

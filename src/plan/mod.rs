//! Decides what to change.  Values in, values out.
//!
//! A [`Plan`] is everything a command would do, in order, each change with the state it was
//! planned against.  It is shown as it is and applied as it is: a dry run is the same plan,
//! stopped before [`crate::host`] applies it.

pub mod bundle;
pub mod check;
pub mod client;
pub mod clients;
pub mod context;
pub mod daemon_json;
pub mod docker_host;
pub mod enroll;
pub mod env;
mod error;
pub mod hand_outs;
pub mod init;
pub mod install;
pub mod issue;
pub mod layout;
pub mod ledger;
pub mod list;
pub mod machine;
pub mod names;
pub mod pair;
pub mod passwd;
pub mod permissions;
pub mod refresh;
pub mod remembered;
pub mod remove;
pub mod renew;
pub mod rollover;
pub mod roster;
pub mod state;
pub mod systemd;
pub mod timer;
pub mod trust;
pub mod verify;

use std::fmt;

use zeroize::Zeroizing;

pub use error::Error;

/// What one command will do to a home.  Paths are relative to the home.
#[derive(Debug)]
pub struct Plan {
    /// The command, for the journal and for messages: `init`, `client issue`.
    pub command: &'static str,
    /// The changes, in the order they are shown.
    pub changes: Vec<Change>,
}

/// One change, with the *before* it was planned against.  There are no others, so that a place
/// that forgets one does not compile.
#[derive(Debug)]
pub enum Change {
    /// A directory that is there gets another mode.
    SetMode {
        /// Relative to the home; empty for the home itself.
        path: String,
        /// The mode it has now.
        before: u32,
        /// The mode it gets.
        mode: u32,
    },
    /// An empty directory is made.  Before: nothing is there.
    MakeDirectory {
        /// Relative to the home.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// A directory appears with its files, whole or not at all.  Before: nothing is there.
    PlaceDirectory {
        /// Relative to the home.
        path: String,
        /// Its mode.
        mode: u32,
        /// The files in it; their paths are relative to it.
        files: Vec<NewFile>,
    },
    /// A file appears.  Before: nothing is there.
    CreateFile(NewFile),
    /// A pair's directory is replaced as one, and the old one goes whole to the archive.
    ReplaceDirectory {
        /// Relative to the home.
        path: String,
        /// Its mode.
        mode: u32,
        /// The files in it; their paths are relative to it.
        files: Vec<NewFile>,
        /// The SHA-256 of the certificate's file it was planned against, in hex.
        before: String,
        /// Where the old one goes, relative to the home.  Before: nothing is there.
        archived: String,
    },
    /// A pair's directory goes whole to the archive, and nothing takes its place.
    ArchiveDirectory {
        /// Relative to the home.
        path: String,
        /// The SHA-256 of the certificate's file it was planned against, in hex.
        before: String,
        /// Where it goes, relative to the home.  Before: nothing is there.
        archived: String,
    },
    /// A file is replaced as one.  The old one is kept beside it until the whole plan is carried
    /// out, and then removed: it may be a key that must not lie around.
    ReplaceFile {
        /// The new file.
        file: NewFile,
        /// The content it was planned against.
        before: Zeroizing<Vec<u8>>,
    },
    /// Lines are added to the end of a file.
    Append {
        /// Relative to the home.
        path: String,
        /// The mode it gets if it is not there.
        mode: u32,
        /// The length it has now, in octets; `None` if it is not there.
        before: Option<u64>,
        /// What is added.
        lines: String,
    },
}

impl Change {
    /// What it changes, relative to the home; empty for the home itself.
    pub fn path(&self) -> &str {
        match self {
            Self::SetMode { path, .. }
            | Self::MakeDirectory { path, .. }
            | Self::PlaceDirectory { path, .. }
            | Self::ReplaceDirectory { path, .. }
            | Self::ArchiveDirectory { path, .. }
            | Self::Append { path, .. } => path,
            Self::CreateFile(file) | Self::ReplaceFile { file, .. } => &file.path,
        }
    }
}

/// A file that is to be.
#[derive(Debug)]
pub struct NewFile {
    /// Relative to the home, or to the directory it comes with.
    pub path: String,
    /// Its mode, from the first instant.
    pub mode: u32,
    /// What is in it.
    pub content: Content,
}

/// The content of a file.  Debug prints `[elided]` for keys.
pub enum Content {
    /// Anybody may see it.
    Public(String),
    /// A private key, and the fingerprint of its public half, which may be shown instead.
    Key {
        /// The PEM.
        pem: Zeroizing<Vec<u8>>,
        /// The SHA-256 of its SubjectPublicKeyInfo in hex.
        fingerprint: String,
        /// Whether the PEM is encrypted.
        encryption: Encryption,
    },
}

/// Whether a key lies on disk as it is or behind a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// PKCS#8 as it is.
    Plain,
    /// PKCS#8 with PBES2.
    Encrypted,
}

impl Content {
    /// The octets to write.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Public(text) => text.as_bytes(),
            Self::Key { pem, .. } => pem,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public(text) => write!(f, "Public({text:?})"),
            Self::Key { fingerprint, .. } => {
                write!(f, "Key([elided], public sha256 {fingerprint})")
            }
        }
    }
}

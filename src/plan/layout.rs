//! Where each file of a home lies, and its mode.

use super::permissions::Item;
use crate::pki::{Purpose, Serial};

/// The mode of every directory of a home.
pub const DIRECTORY_MODE: u32 = Item::HomeDirectory.mode();
/// The mode of private keys.
pub const KEY_MODE: u32 = Item::Key.mode();
/// The mode of certificates.
pub const CERTIFICATE_MODE: u32 = Item::Certificate.mode();
/// The mode of the ledger, of the lock and of the journal.
pub const RECORD_MODE: u32 = Item::HomeRecord.mode();

/// What is trusted: the CA's certificate, in the home and beside every pair.
pub const CA_CERTIFICATE: &str = "ca.pem";
/// The CA's private key, in the home alone.
pub const CA_KEY: &str = "ca-key.pem";
/// The ledger of everything issued.
pub const LEDGER: &str = "issued.jsonl";
/// The directory of what was replaced, each in a directory named after its serial.
pub const ARCHIVE: &str = "archive";
/// Every directory of a home.
pub const DIRECTORIES: [&str; 3] = [
    PairKind::Server.directory(),
    PairKind::Client.directory(),
    ARCHIVE,
];
/// Held by whoever writes to the home.
pub const LOCK: &str = ".lock";
/// There while a command changes the home, and after one was killed.
pub const JOURNAL: &str = ".journal";

/// Where the pair or CA of a certificate goes when it is replaced, relative to the home.
pub fn archived(serial: &Serial) -> String {
    format!("{ARCHIVE}/{serial}")
}

/// The two kinds of pairs in a home.  There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PairKind {
    /// For a daemon.
    Server,
    /// For a client, named as DOCKER_CERT_PATH wants it.
    Client,
}

impl PairKind {
    /// Both, in the order they are shown.
    pub const ALL: [Self; 2] = [Self::Server, Self::Client];

    /// `server` or `client`.
    pub fn as_str(self) -> &'static str {
        self.purpose().as_str()
    }

    /// The directory of all pairs of the kind.
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Server => "servers",
            Self::Client => "clients",
        }
    }

    /// The certificate's file name: Docker's names for the client, its manual's for the server.
    pub const fn certificate_file(self) -> &'static str {
        match self {
            Self::Server => "server-cert.pem",
            Self::Client => "cert.pem",
        }
    }

    /// The private key's file name.
    pub const fn key_file(self) -> &'static str {
        match self {
            Self::Server => "server-key.pem",
            Self::Client => "key.pem",
        }
    }

    /// What the certificates are for.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Server => Purpose::Server,
            Self::Client => Purpose::Client,
        }
    }

    /// The kind of the pair whose directory this is, relative to the home.
    pub fn of_path(path: &str) -> Option<Self> {
        let (directory, _) = path.split_once('/')?;
        let mut kinds = Self::ALL.into_iter();
        kinds.find(|kind| kind.directory() == directory)
    }

    /// The directory of one pair, relative to the home.
    pub fn pair(self, name: &str) -> String {
        format!("{}/{name}", self.directory())
    }
}

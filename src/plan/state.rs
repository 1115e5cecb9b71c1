//! What is on disk, as the host layer read it.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::layout::{self, PairKind};
use super::ledger;
use super::trust::Trust;
use super::{Change, Error};
use crate::pki::{Certificate, Passphrase, PrivateKey, decrypt_key};

/// What stands at a file's path.
#[derive(Debug)]
pub enum FileState {
    /// Nothing.
    Absent,
    /// Something that is no regular file, in a word: `a directory`.
    NotAFile(&'static str),
    /// A private key that others can read.  It was not read.
    OpenKey {
        /// Its mode.
        mode: u32,
    },
    /// It could not be read, and why.
    Unreadable(String),
    /// A file.
    Present(PresentFile),
}

/// A file that was read.
pub struct PresentFile {
    /// Permission bits.
    pub mode: u32,
    /// The owner's number.
    pub owner: u32,
    /// What is in it, zeroed when dropped, for it may be a key.
    pub content: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for PresentFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "PresentFile({:04o}, owner {}, [elided])",
            self.mode, self.owner
        )
    }
}

/// The parts of a home every command looks at.
#[derive(Debug)]
pub struct HomeState {
    /// Where the home is.
    pub path: PathBuf,
    /// The home's directory: its permission bits and owner, or nothing if it is not there.
    pub directory: Option<DirectoryState>,
    /// `ca.pem`.
    pub ca_certificate: FileState,
    /// `issued.jsonl`.
    pub ledger: FileState,
    /// The names of everything else in the home's directory, our own records left out.
    pub others: Vec<String>,
}

/// A directory that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryState {
    /// Permission bits.
    pub mode: u32,
    /// The owner's number.
    pub owner: u32,
}

/// What became of a command that was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The command; nothing if it was killed before it could say.
    pub command: Option<String>,
    /// What was done about it.
    pub outcome: Outcome,
}

impl Recovery {
    /// A command as text has it; that of an undo has another's name in quotes already.
    pub fn quoted(command: &str) -> String {
        match command.contains('`') {
            true => command.to_owned(),
            false => format!("`{command}`"),
        }
    }
}

/// What was done about a command that was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything it set out to do is done.
    Finished,
    /// Everything is as it was before it.
    Undone,
}

/// One server or client as it lies on disk.
#[derive(Debug)]
pub struct PairState {
    /// Which kind.
    pub kind: PairKind,
    /// The name of its directory.
    pub name: String,
    /// Its directory, or nothing if something else stands there.
    pub directory: Option<DirectoryState>,
    /// Its `ca.pem`.
    pub ca: FileState,
    /// Its certificate.
    pub certificate: FileState,
    /// Its private key.
    pub key: FileState,
}

/// The part of a server or client that a renewal takes over.
#[derive(Debug)]
pub struct OldPair {
    /// Which kind.
    pub kind: PairKind,
    /// The name of its directory.
    pub name: String,
    /// Its certificate.
    pub certificate: FileState,
    /// Its private key; nothing if it was not read, for it is not kept.  That it is absent is told
    /// all the same.
    pub key: Option<FileState>,
}

impl HomeState {
    /// Whether a CA was made here.
    pub fn has_ca(&self) -> bool {
        !matches!(self.ca_certificate, FileState::Absent)
    }

    /// Whether it is what was copied of a home for a host or a user, to be installed from: it has a
    /// CA's certificate, and neither its key nor the ledger.
    pub fn is_part(&self) -> bool {
        self.has_ca() && !self.is_begun()
    }

    /// Whether anything of a home is there but the CA's certificate.
    fn is_begun(&self) -> bool {
        let has_key = self.others.iter().any(|name| name == layout::CA_KEY);
        has_key || !matches!(self.ledger, FileState::Absent)
    }

    /// The certificate of the CA that signs.
    ///
    /// # Errors
    /// As [`HomeState::trust`].
    pub fn ca(&self) -> Result<Certificate, Error> {
        self.trust().map(|trust| trust.ca)
    }

    /// The CAs.
    ///
    /// # Errors
    /// [`Error::NoCa`] if there is no home, [`Error::CaGone`] if there is one without, [`Error::File`] if the file holds something else.
    pub fn trust(&self) -> Result<Trust, Error> {
        let path = self.path.join(layout::CA_CERTIFICATE);
        match &self.ca_certificate {
            FileState::Absent => Err(match self.is_begun() {
                true => Error::CaGone { path },
                false => Error::NoCa {
                    home: self.path.clone(),
                },
            }),
            FileState::Present(file) => {
                Trust::from_pem(&file.content).map_err(|cause| Error::File { path, cause })
            }
            other => Err(Error::File {
                path,
                cause: other.as_pki_error("a PEM certificate"),
            }),
        }
    }

    /// The entries of the ledger; none if it is not there.
    pub fn ledger(&self) -> Result<Vec<ledger::Entry>, Error> {
        ledger::parse(self.ledger_text()?, &self.ledger_path())
    }

    /// Refuses a ledger nobody can read: what is added must not go there.
    ///
    /// # Errors
    /// As [`HomeState::ledger`].
    pub fn check_ledger(&self) -> Result<(), Error> {
        ledger::check(self.ledger_text()?, &self.ledger_path())
    }

    fn ledger_text(&self) -> Result<&[u8], Error> {
        match &self.ledger {
            FileState::Absent => Ok(&[]),
            FileState::Present(file) => Ok(&file.content),
            other => Err(Error::File {
                path: self.ledger_path(),
                cause: other.as_pki_error("the ledger"),
            }),
        }
    }

    fn ledger_path(&self) -> PathBuf {
        self.path.join(layout::LEDGER)
    }

    /// Where the ledger's next line goes.
    pub fn ledger_end(&self) -> LedgerEnd {
        match &self.ledger {
            FileState::Present(file) => LedgerEnd {
                length: Some(file.content.len() as u64),
                last: match file.content.last() {
                    None | Some(b'\n') => LastLine::Whole,
                    Some(_) => LastLine::Torn,
                },
            },
            _ => LedgerEnd {
                length: None,
                last: LastLine::Whole,
            },
        }
    }

    /// The change that adds these lines to the ledger, on lines of their own.
    pub fn append_to_ledger(&self, lines: String) -> Change {
        self.ledger_end().append(lines)
    }
}

/// The end of a ledger.
#[derive(Debug, Clone)]
pub struct LedgerEnd {
    /// Its length in octets; nothing if it is not there.
    length: Option<u64>,
    last: LastLine,
}

/// Whether the last line of a ledger has its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastLine {
    Whole,
    Torn,
}

impl LedgerEnd {
    /// The change that adds these lines, on lines of their own.  The end is then after them.
    pub fn append(&mut self, lines: String) -> Change {
        let lines = match self.last {
            LastLine::Whole => lines,
            LastLine::Torn => format!("\n{lines}"),
        };
        let before = self.length;
        *self = Self {
            length: Some(before.unwrap_or(0) + lines.len() as u64),
            last: LastLine::Whole,
        };
        Change::Append {
            path: layout::LEDGER.into(),
            mode: layout::RECORD_MODE,
            before,
            lines,
        }
    }
}

impl FileState {
    fn as_pki_error(&self, wanted: &'static str) -> crate::pki::Error {
        crate::pki::Error::NoPem {
            wanted,
            found: self.words(),
        }
    }

    /// What is in the file at this path.
    ///
    /// # Errors
    /// [`Error::OpenKey`] if others can read it, [`Error::Unsound`] for anything that is no file.
    pub fn content(&self, path: &Path, wanted: &str) -> Result<&Zeroizing<Vec<u8>>, Error> {
        match self {
            Self::Present(file) => Ok(&file.content),
            Self::OpenKey { mode } => Err(Error::OpenKey {
                path: path.to_owned(),
                mode: *mode,
            }),
            other => Err(Error::Unsound {
                path: path.to_owned(),
                found: other.words(),
                wanted: wanted.into(),
            }),
        }
    }

    /// What stands there, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Absent => "nothing".into(),
            Self::NotAFile(what) => (*what).into(),
            Self::OpenKey { mode } => format!("mode {mode:04o}"),
            Self::Unreadable(cause) => format!("a file that cannot be read ({cause})"),
            Self::Present(_) => "a file".into(),
        }
    }
}

/// Opens a private key as it lies on disk.
///
/// # Errors
/// [`Error::NoCaKey`] if it is not there, [`Error::OpenKey`] if others can read it,
/// [`Error::File`] if it is broken, encrypted without a passphrase or closed to this one.
pub fn open_key(
    path: PathBuf,
    file: &FileState,
    passphrase: Option<&Passphrase>,
) -> Result<PrivateKey, Error> {
    match file {
        FileState::Absent => Err(Error::NoCaKey { path }),
        FileState::OpenKey { mode } => Err(Error::OpenKey { path, mode: *mode }),
        FileState::Unreadable(cause) => Err(Error::Unreadable {
            path,
            cause: cause.clone(),
        }),
        FileState::Present(file) => match passphrase {
            Some(passphrase) => decrypt_key(&file.content, passphrase),
            None => PrivateKey::from_pem(&file.content),
        }
        .map_err(|cause| Error::File { path, cause }),
        other => Err(Error::File {
            path,
            cause: other.as_pki_error("a PKCS#8 private key in PEM"),
        }),
    }
}

//! CA rollover: from one CA to the next without locking anyone out.
//!
//! | phase | `ca.pem` everywhere | signs | begins with |
//! |---|---|---|---|
//! | none | the CA | the CA | |
//! | under way | the new CA, then the old | the new CA | [`start`] |
//! | none | the new CA | the new CA | [`finish`] |
//!
//! While it is under way every pair is handed out again, first with both CAs in its `ca.pem`, then
//! with a certificate of the new one: [`status`] says who has which.  [`undo`] turns it round: the
//! old CA signs again, and it is the new one that is left.
//!
//! Which phase it is, `ca.pem` tells; the ledger remembers who signed when.  The CA that does not
//! sign lies in the archive with its key, so that each phase can be taken back.

mod apart;
mod error;
mod finish;
mod left;
mod start;
mod status;
mod undo;

pub use apart::{Apart, apart, can_wait};
pub use error::Error;
pub use finish::finish;
pub use left::{Left, Why, left};
pub use start::{Start, refuse_under_way, start};
pub use status::{HandOut, Holds, Row, status};
pub use undo::undo;

use super::layout::{self, PairKind};
use super::state::{FileState, HomeState};
use super::trust::Trust;
use super::{Change, Content, Encryption, NewFile, Plan};
use crate::pki::{self, Certificate, PrivateKey, is_encrypted};

/// A rollover that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// The CA that signs.
    pub new: Certificate,
    /// The CA that is left, and is trusted until everybody has left it.
    pub old: Certificate,
}

impl Campaign {
    /// The rollover that is under way where this is trusted, if one is.
    pub fn of(trust: &Trust) -> Option<Self> {
        let old = trust.old.clone()?;
        let new = trust.ca.clone();
        Some(Self { new, old })
    }
}

/// The files of a server or client that are no secret.
#[derive(Debug)]
pub struct PublicPair {
    /// Which kind.
    pub kind: PairKind,
    /// The name of its directory.
    pub name: String,
    /// The files.
    pub files: PublicFiles,
}

/// The files of a pair that are no secret.
#[derive(Debug)]
pub struct PublicFiles {
    /// `ca.pem`.
    pub ca: FileState,
    /// The certificate.
    pub certificate: FileState,
}

impl PublicFiles {
    /// The certificate, if it is one.
    pub fn certificate(&self) -> Option<Certificate> {
        match &self.certificate {
            FileState::Present(file) => Certificate::from_pem(&file.content).ok(),
            _ => None,
        }
    }

    /// Whom `ca.pem` trusts, if it is as dockpki writes it.
    pub fn trust(&self) -> Option<Trust> {
        match &self.ca {
            FileState::Present(file) => Trust::from_pem(&file.content).ok(),
            _ => None,
        }
    }
}

/// What of a home a phase is planned from.
#[derive(Debug)]
pub struct Look {
    /// The home.
    pub home: HomeState,
    /// The key of the CA that signs.
    pub key: FileState,
    /// Every server and client.
    pub pairs: Vec<PublicPair>,
}

/// A CA in the archive.
#[derive(Debug)]
pub struct ArchivedCa {
    /// Its certificate.
    pub certificate: FileState,
    /// Its key.
    pub key: FileState,
}

/// A phase planned: what will be changed, and whom the home trusts then.
#[derive(Debug)]
pub struct Phase {
    /// The changes.
    pub plan: Plan,
    /// Whom the home trusts afterwards.
    pub trust: Trust,
    /// Whom nobody trusts any more.
    pub dropped: Option<Certificate>,
}

impl Phase {
    /// Whether the key that signs afterwards is encrypted, if it is another than before.
    pub fn signing_key(&self) -> Option<Encryption> {
        self.plan.changes.iter().find_map(|change| match change {
            Change::ReplaceFile { file, .. } | Change::CreateFile(file)
                if file.path == layout::CA_KEY =>
            {
                match &file.content {
                    Content::Key { encryption, .. } => Some(*encryption),
                    Content::Public(_) => None,
                }
            }
            _ => None,
        })
    }
}

/// The changes that put this into every `ca.pem`.
fn trust_everywhere(look: &Look, trust: &Trust) -> Result<Vec<Change>, super::Error> {
    let content = trust.pem();
    let pairs = look.pairs.iter().map(|pair| {
        let path = format!("{}/{}", pair.kind.pair(&pair.name), layout::CA_CERTIFICATE);
        (path, &pair.files.ca)
    });
    let own = (layout::CA_CERTIFICATE.to_owned(), &look.home.ca_certificate);
    let mut changes = Vec::with_capacity(look.pairs.len() + 4);
    for (path, now) in std::iter::once(own).chain(pairs) {
        let file = NewFile {
            path,
            mode: layout::CERTIFICATE_MODE,
            content: Content::Public(content.clone()),
        };
        changes.extend(put(look, file, now)?);
    }
    Ok(changes)
}

/// The change that brings a file to this content; nothing if it has it.
fn put(look: &Look, file: NewFile, now: &FileState) -> Result<Option<Change>, super::Error> {
    if let FileState::Absent = now {
        return Ok(Some(Change::CreateFile(file)));
    }
    let before = now.content(&look.home.path.join(&file.path), "a file")?;
    let is_needed = before.as_slice() != file.content.bytes();
    Ok(is_needed.then(|| Change::ReplaceFile {
        before: before.clone(),
        file,
    }))
}

/// The changes that keep the CA that signs until now in the archive, with its key if that is here.
fn archive_signing(
    look: &Look,
    ca: &Certificate,
    archived: &ArchivedCa,
) -> Result<Vec<Change>, super::Error> {
    let directory = layout::archived(&ca.serial);
    let mut changes = Vec::new();
    if !look.home.others.iter().any(|name| name == layout::ARCHIVE) {
        changes.push(Change::MakeDirectory {
            path: layout::ARCHIVE.into(),
            mode: layout::DIRECTORY_MODE,
        });
    }
    let key = match &look.key {
        FileState::Absent => None,
        key => {
            let path = look.home.path.join(layout::CA_KEY);
            let content = key.content(&path, "the CA's private key")?;
            refuse_foreign_key(ca, content).map_err(|cause| super::Error::File { path, cause })?;
            Some(ca_key(ca, content))
        }
    };
    if matches!(archived.certificate, FileState::Absent) {
        let certificate = NewFile {
            path: layout::CA_CERTIFICATE.into(),
            mode: layout::CERTIFICATE_MODE,
            content: Content::Public(ca.pem()),
        };
        changes.push(Change::PlaceDirectory {
            path: directory,
            mode: layout::DIRECTORY_MODE,
            files: std::iter::once(certificate).chain(key).collect(),
        });
    } else if let Some(mut key) = key {
        // It is there from an earlier rollover; its passphrase may be another since.
        key.path = format!("{directory}/{}", layout::CA_KEY);
        changes.extend(put(look, key, &archived.key)?);
    }
    Ok(changes)
}

/// A CA's key as it lies on disk, encrypted or not.
fn ca_key(ca: &Certificate, pem: &[u8]) -> NewFile {
    NewFile {
        path: layout::CA_KEY.into(),
        mode: layout::KEY_MODE,
        content: Content::Key {
            pem: pem.to_vec().into(),
            fingerprint: ca.public_key.fingerprint(),
            encryption: match is_encrypted(pem) {
                Ok(true) => Encryption::Encrypted,
                _ => Encryption::Plain,
            },
        },
    }
}

/// Refuses a key that is another CA's.  One that is encrypted is taken on trust.
fn refuse_foreign_key(ca: &Certificate, pem: &[u8]) -> Result<(), pki::Error> {
    match is_encrypted(pem)? {
        true => Ok(()),
        false if *PrivateKey::from_pem(pem)?.public_key() == ca.public_key => Ok(()),
        false => Err(pki::Error::KeyMismatch),
    }
}

#[cfg(test)]
mod tests;

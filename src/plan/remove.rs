//! Removes clients: their files go to the archive, and the name is free again.
//!
//! Nothing is revoked by it: who holds the key is let in until the certificate ends.

use time::OffsetDateTime;

use super::layout::{self, PairKind};
use super::ledger::Entry;
use super::state::{FileState, HomeState};
use super::{Change, Error, Plan};
use crate::pki::{Certificate, Name, Serial, sha256_hex};

/// A client that is removed.
#[derive(Debug)]
pub struct Removed {
    /// Its name.
    pub name: Name,
    /// Its certificate, which works until its end.
    pub certificate: Certificate,
}

/// What will be removed, and how.
#[derive(Debug)]
pub struct Removal {
    /// The changes.
    pub plan: Plan,
    /// The clients, in the order they were named.
    pub clients: Vec<Removed>,
}

/// Plans that clients go to the archive.  Each comes with the file of its certificate.
///
/// # Errors
/// [`Error::Twice`] for a name given twice, [`Error::Unsound`] for a certificate that cannot be
/// read, [`Error::Archived`] if its place in the archive is taken.
pub fn plan(
    home: &HomeState,
    clients: Vec<(Name, FileState)>,
    is_archived: impl Fn(&Serial) -> bool,
    now: OffsetDateTime,
) -> Result<Removal, Error> {
    let mut changes = Vec::with_capacity(clients.len() + 2);
    if !home.others.iter().any(|name| name == layout::ARCHIVE) {
        changes.push(Change::MakeDirectory {
            path: layout::ARCHIVE.into(),
            mode: layout::DIRECTORY_MODE,
        });
    }
    let mut lines = String::new();
    let mut removed: Vec<Removed> = Vec::with_capacity(clients.len());
    let kind = PairKind::Client;
    for (name, file) in clients {
        if removed.iter().any(|other| other.name == name) {
            return Err(Error::Twice {
                name: name.to_string(),
            });
        }
        let directory = kind.pair(name.as_str());
        let path = home.path.join(&directory).join(kind.certificate_file());
        let wanted = "the client's certificate, whose serial names its place in the archive";
        let pem = file.content(&path, wanted)?;
        let certificate =
            Certificate::from_pem(pem).map_err(|cause| Error::File { path, cause })?;
        let archived = layout::archived(&certificate.serial);
        if is_archived(&certificate.serial) {
            return Err(Error::Archived {
                path: home.path.join(archived),
            });
        }
        changes.push(Change::ArchiveDirectory {
            path: directory,
            before: sha256_hex(pem),
            archived,
        });
        lines.push_str(&Entry::removed(name.as_str(), &certificate, now).line());
        removed.push(Removed { name, certificate });
    }
    changes.push(home.append_to_ledger(lines));
    Ok(Removal {
        plan: Plan {
            command: "client remove",
            changes,
        },
        clients: removed,
    })
}

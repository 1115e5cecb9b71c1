//! Plans a new home: the CA, one server, one client.

use time::OffsetDateTime;

use super::issue::{self, Fresh, Issuance, Issued, PairKey, Wish};
use super::layout::{self, PairKind};
use super::ledger::Entry;
use super::state::HomeState;
use super::trust::Issuer;
use super::{Change, Content, Encryption, Error, NewFile, Plan};
use crate::pki::{self, Ca, Life, Name, Passphrase, SubjectAltNames, Validity};

/// What `init` was asked for.
#[derive(Debug)]
pub struct Init {
    /// The server's names and addresses.
    pub sans: SubjectAltNames,
    /// The server's name.
    pub server: Name,
    /// The client's name.
    pub client: Name,
    /// How long server and client live.
    pub valid_for: Life,
    /// How long the CA lives.
    pub ca_valid_for: Life,
    /// Which names the CA may sign for.
    pub constraint: Constraint,
}

/// Whether a CA may sign for any name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// For any.
    Unconstrained,
    /// For the SANs of the first server alone.
    ToSans,
}

/// Refuses a directory that is not for a new home: one that holds anything, or a home of another
/// version.
pub fn refuse_foreign(home: &HomeState) -> Result<(), Error> {
    home.check_ledger()?;
    if let Err(error @ Error::CaGone { .. }) = home.ca() {
        return Err(error);
    }
    match home.others.first() {
        None => Ok(()),
        Some(found) => Err(Error::NotAHome {
            home: home.path.clone(),
            found: found.clone(),
        }),
    }
}

/// Plans a new home from three keys: the CA's, the server's, the client's.
pub fn plan(
    home: &HomeState,
    wish: &Init,
    [ca, server, client]: [Fresh; 3],
    passphrase: Option<&Passphrase>,
    now: OffsetDateTime,
) -> Result<Issuance, Error> {
    refuse_foreign(home)?;
    let constrain_to = match wish.constraint {
        Constraint::Unconstrained => None,
        Constraint::ToSans => Some(&wish.sans),
    };
    let validity = Validity::of_ca(wish.ca_valid_for, now)?;
    let issuer = Issuer::alone(Ca::new(ca.key, &ca.serial, validity, constrain_to)?);
    let certificate = issuer.ca.certificate();
    let common_name = certificate.common_name.clone().unwrap_or_default();

    let mut changes = Vec::new();
    match home.directory {
        Some(directory) if directory.mode != layout::DIRECTORY_MODE => {
            changes.push(Change::SetMode {
                path: String::new(),
                before: directory.mode,
                mode: layout::DIRECTORY_MODE,
            })
        }
        _ => {}
    }
    changes.push(Change::CreateFile(NewFile {
        path: layout::CA_CERTIFICATE.into(),
        mode: layout::CERTIFICATE_MODE,
        content: Content::Public(certificate.pem()),
    }));
    changes.push(Change::CreateFile(ca_key_file(
        issuer.ca.key(),
        passphrase,
    )?));
    let mut lines = Entry::issued(
        pki::Purpose::Ca,
        &common_name,
        &certificate.serial,
        certificate.fingerprint(),
        certificate.validity.not_after,
        now,
    )
    .line();
    let mut pairs = Vec::new();
    let wishes = [
        (Wish::Server(wish.server.clone(), wish.sans.clone()), server),
        (Wish::Client(wish.client.clone()), client),
    ];
    for kind in PairKind::ALL {
        changes.push(Change::MakeDirectory {
            path: kind.directory().into(),
            mode: layout::DIRECTORY_MODE,
        });
    }
    for (pair, Fresh { key, serial }) in wishes {
        let key = PairKey::Home(key);
        let Issued {
            change,
            entries,
            pair,
        } = issue::issue(&issuer, pair, key, serial, wish.valid_for, now)?;
        changes.push(change);
        lines.extend(entries.iter().map(Entry::line));
        pairs.push(pair);
    }
    changes.push(home.append_to_ledger(lines));
    Ok(Issuance {
        plan: Plan {
            command: "init",
            changes,
        },
        ca: certificate.clone(),
        pairs,
    })
}

/// The CA's key as a file, encrypted if there is a passphrase.
pub(super) fn ca_key_file(
    key: &pki::PrivateKey,
    passphrase: Option<&Passphrase>,
) -> Result<NewFile, Error> {
    let (pem, encryption) = match passphrase {
        Some(passphrase) => (pki::encrypt_key(key, passphrase)?, Encryption::Encrypted),
        None => (key.to_pem()?, Encryption::Plain),
    };
    Ok(NewFile {
        path: layout::CA_KEY.into(),
        mode: layout::KEY_MODE,
        content: Content::Key {
            pem: pem.into_bytes(),
            fingerprint: key.public_key().fingerprint(),
            encryption,
        },
    })
}

//! Plans more servers and clients under the CA of a home.

use time::OffsetDateTime;

use super::layout::{self, PairKind};
use super::ledger::{Entry, KeyPlace};
use super::names::{self, Names};
use super::state::{HomeState, LedgerEnd};
use super::trust::Issuer;
use super::{Change, Content, Encryption, Error, NewFile, Plan};
use crate::pki::{
    Certificate, Life, Name, PrivateKey, PublicKey, Serial, SubjectAltName, SubjectAltNames,
    Validity,
};

/// A key and a serial nobody has used yet: what a plan cannot make by itself.
#[derive(Debug)]
pub struct Fresh {
    /// The private key.
    pub key: PrivateKey,
    /// The serial number.
    pub serial: Serial,
}

/// The key a pair is issued for.  There are no others.
#[derive(Debug)]
pub enum PairKey {
    /// It lies beside the certificate in the home.
    Home(PrivateKey),
    /// It stays where it was made; this is its public half.
    Elsewhere(PublicKey),
}

impl PairKey {
    fn public_key(&self) -> &PublicKey {
        match self {
            Self::Home(key) => key.public_key(),
            Self::Elsewhere(key) => key,
        }
    }

    fn place(&self) -> KeyPlace {
        match self {
            Self::Home(_) => KeyPlace::Home,
            Self::Elsewhere(_) => KeyPlace::Elsewhere,
        }
    }
}

/// One pair somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// A server of this name, for these names and addresses.
    Server(Name, SubjectAltNames),
    /// A client of this name.
    Client(Name),
}

impl Wish {
    /// The name.
    pub fn name(&self) -> &Name {
        match self {
            Self::Server(name, _) | Self::Client(name) => name,
        }
    }

    /// The kind of pair.
    pub fn kind(&self) -> PairKind {
        match self {
            Self::Server(..) => PairKind::Server,
            Self::Client(_) => PairKind::Client,
        }
    }

    fn sans(&self) -> &[SubjectAltName] {
        match self {
            Self::Server(_, sans) => sans.as_slice(),
            Self::Client(_) => &[],
        }
    }
}

/// A pair as it was planned, for the report.
#[derive(Debug, Clone)]
pub struct PlannedPair {
    /// The kind of pair.
    pub kind: PairKind,
    /// Its name.
    pub name: Name,
    /// The names and addresses of a server; empty for a client.
    pub sans: Vec<SubjectAltName>,
    /// The certificate's serial number.
    pub serial: Serial,
    /// Its validity.
    pub validity: Validity,
    /// Whether its life was cut to the CA's end.
    pub cut: Cut,
    /// Where its private key is.
    pub key: KeyPlace,
}

/// Certificates planned: what will be changed, and what the report tells of it.
#[derive(Debug)]
pub struct Issuance {
    /// The changes.
    pub plan: Plan,
    /// The CA's certificate.
    pub ca: Certificate,
    /// The servers and clients.
    pub pairs: Vec<PlannedPair>,
}

/// Whether a life is as long as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It is.
    Whole,
    /// The CA ends first.
    ToCa,
}

/// Refuses names that are taken or given twice, or are so but for case, before any key is made.
///
/// `names` gives those of a kind that are in the home.
///
/// # Errors
/// [`Error::Twice`], [`Error::Taken`] or [`Error::Alike`], or that of `names`.
pub fn refuse_taken<E: From<Error>>(
    wishes: &[Wish],
    names: impl Fn(PairKind) -> Result<Vec<String>, E>,
) -> Result<(), E> {
    for kind in PairKind::ALL {
        let wanted = wishes.iter().filter(|wish| wish.kind() == kind);
        let mut wanted = Vec::from_iter(wanted.map(|wish| wish.name().as_str()));
        if wanted.is_empty() {
            continue;
        }
        let there = Names::new(names(kind)?);
        for name in &wanted {
            there.refuse(kind, name)?;
        }
        wanted.sort_unstable_by(|one, other| names::order(one, other));
        for two in wanted.windows(2) {
            if two[0] == two[1] {
                return Err(Error::Twice {
                    name: two[0].into(),
                }
                .into());
            }
            if two[0].eq_ignore_ascii_case(two[1]) {
                return Err(Error::Alike {
                    kind,
                    name: two[1].into(),
                    other: two[0].into(),
                }
                .into());
            }
        }
    }
    Ok(())
}

/// One pair that is made where there is none.
#[derive(Debug)]
pub struct Issued {
    /// Its directory with three files.
    pub change: Change,
    /// The ledger's entries: that it was issued first.
    pub entries: Vec<Entry>,
    /// What the report tells of it.
    pub pair: PlannedPair,
}

/// Makes one pair from a fresh key and serial.
///
/// # Errors
/// [`Error::Pki`] if the CA cannot issue it.
pub fn issue(
    issuer: &Issuer,
    wish: Wish,
    key: PairKey,
    serial: Serial,
    valid_for: Life,
    now: OffsetDateTime,
) -> Result<Issued, Error> {
    let (files, entry, pair) = pair_files(issuer, wish, key, serial, valid_for, now)?;
    let change = Change::PlaceDirectory {
        path: pair.kind.pair(pair.name.as_str()),
        mode: layout::DIRECTORY_MODE,
        files,
    };
    Ok(Issued {
        change,
        entries: vec![entry],
        pair,
    })
}

/// What must be known of a home to put pairs into it.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The directories of pairs that are there.
    kinds: Vec<PairKind>,
    ledger: LedgerEnd,
}

impl Ground {
    /// That of a home as it was read.
    pub fn of(home: &HomeState) -> Self {
        let is_there = |kind: &PairKind| home.others.iter().any(|name| name == kind.directory());
        Self {
            kinds: PairKind::ALL.into_iter().filter(is_there).collect(),
            ledger: home.ledger_end(),
        }
    }
}

/// Plans how pairs that were made come into the home.  The ground is then what it is when they
/// are there, for those that come next.
pub fn plan(
    command: &'static str,
    ground: &mut Ground,
    issuer: &Issuer,
    issued: Vec<Issued>,
) -> Issuance {
    let mut changes = Vec::with_capacity(issued.len() + 2);
    for kind in PairKind::ALL {
        let wanted = issued.iter().any(|one| one.pair.kind == kind);
        if wanted && !ground.kinds.contains(&kind) {
            ground.kinds.push(kind);
            changes.push(Change::MakeDirectory {
                path: kind.directory().into(),
                mode: layout::DIRECTORY_MODE,
            });
        }
    }
    let mut pairs = Vec::with_capacity(issued.len());
    let mut lines = String::new();
    for one in issued {
        let Issued {
            change,
            entries,
            pair,
        } = one;
        changes.push(change);
        lines.extend(entries.iter().map(Entry::line));
        pairs.push(pair);
    }
    changes.push(ground.ledger.append(lines));
    Issuance {
        plan: Plan { command, changes },
        ca: issuer.ca.certificate().clone(),
        pairs,
    }
}

/// Plans lines of the ledger alone.
pub fn record(command: &'static str, ground: &mut Ground, lines: String) -> Plan {
    Plan {
        command,
        changes: vec![ground.ledger.append(lines)],
    }
}

/// Issues one pair: its files, three or without the key two, and the ledger's entry.
pub(super) fn pair_files(
    issuer: &Issuer,
    wish: Wish,
    key: PairKey,
    serial: Serial,
    valid_for: Life,
    now: OffsetDateTime,
) -> Result<(Vec<NewFile>, Entry, PlannedPair), Error> {
    let ca = &issuer.ca;
    let validity = Validity::of_leaf(valid_for, now, ca.certificate().validity)?;
    let public_key = key.public_key();
    let issued = match &wish {
        Wish::Server(_, sans) => ca.certify_server(sans, public_key, serial, validity)?,
        Wish::Client(name) => ca.certify_client(name, public_key, serial, validity)?,
    };
    let kind = wish.kind();
    let file = |path: &str, mode, content| NewFile {
        path: path.into(),
        mode,
        content,
    };
    let mut files = vec![
        file(
            layout::CA_CERTIFICATE,
            layout::CERTIFICATE_MODE,
            Content::Public(issuer.trusted.clone()),
        ),
        file(
            kind.certificate_file(),
            layout::CERTIFICATE_MODE,
            Content::Public(issued.pem()),
        ),
    ];
    if let PairKey::Home(key) = &key {
        files.push(file(
            kind.key_file(),
            layout::KEY_MODE,
            Content::Key {
                pem: key.to_pem()?.into_bytes(),
                fingerprint: key.public_key().fingerprint(),
                encryption: Encryption::Plain,
            },
        ));
    }
    let entry = Entry::issued(
        kind.purpose(),
        wish.name().as_str(),
        &issued.serial,
        issued.fingerprint(),
        validity.not_after,
        now,
    )
    .with_key(key.place());
    let cut = match validity.is_shorter_than(valid_for, now) {
        true => Cut::ToCa,
        false => Cut::Whole,
    };
    let planned = PlannedPair {
        kind,
        sans: wish.sans().to_vec(),
        name: wish.name().clone(),
        serial: issued.serial,
        validity,
        cut,
        key: key.place(),
    };
    Ok((files, entry, planned))
}

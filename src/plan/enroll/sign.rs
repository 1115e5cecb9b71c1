//! At the CA: a certificate for a key that stays where it is.

use time::OffsetDateTime;

use super::{EnrollError, Reply};
use crate::pki::{Certificate, CertificateRequest, Life, Name, PublicKey, Serial, VerifyCode};
use crate::plan::bundle::Form;
use crate::plan::issue::{self, Ground, PairKey, PlannedPair, Wish};
use crate::plan::layout::PairKind;
use crate::plan::ledger::{Entry, Export, KeyPlace};
use crate::plan::names::Names;
use crate::plan::remembered::Remembered;
use crate::plan::renew::{self, Replaced};
use crate::plan::rollover::PublicPair;
use crate::plan::state::HomeState;
use crate::plan::trust::{Issuer, Trust};
use crate::plan::{Change, Content, Error, NewFile, Plan};

/// The command, for the journal and for messages.
const COMMAND: &str = "client sign";

/// What is wanted of a request.
#[derive(Debug)]
pub struct SignWish {
    /// The client's name, if somebody gave one; else the request's common name.
    pub name: Option<Name>,
    /// The code the request must have, if somebody knows it.
    pub expected: Option<VerifyCode>,
    /// Whether it takes the place of a client that is there.
    pub renewal: Renewal,
    /// How long it lives.
    pub valid_for: Option<Life>,
}

/// Whether a name that is taken gets another certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It is refused.
    No,
    /// The one that is there goes to the archive.
    Yes,
}

/// What there is that a request is held against.
#[derive(Debug)]
pub struct Held<'a> {
    /// Every server and client.
    pub pairs: &'a [PublicPair],
    /// What was revoked, of the archive: whose it was, and its certificate.
    pub archived: &'a [(String, Certificate)],
    /// The CAs.
    pub trust: &'a Trust,
    /// What the ledger remembers.
    pub remembered: &'a Remembered,
}

/// A signature planned: what will be changed, what is sent, and what the report tells of it.
#[derive(Debug)]
pub struct Signing {
    /// The changes.
    pub plan: Plan,
    /// The client.
    pub pair: PlannedPair,
    /// The serial number of the certificate it takes the place of.
    pub replaces: Option<Serial>,
    /// What is sent.
    pub reply: Reply,
}

/// The name a request is signed for, once its code is the expected one.
///
/// # Errors
/// [`EnrollError::Unexpected`] or [`EnrollError::NoName`].
pub fn client_name(request: &CertificateRequest, wish: &SignWish) -> Result<Name, Error> {
    let found = VerifyCode::of(&request.public_key);
    if let Some(wanted) = wish.expected.filter(|wanted| *wanted != found) {
        return Err(EnrollError::Unexpected { found, wanted }.into());
    }
    if let Some(name) = &wish.name {
        return Ok(name.clone());
    }
    let common_name = request.common_name.as_deref();
    let parsed = common_name.unwrap_or_default().parse::<Name>();
    parsed.map_err(|error| {
        EnrollError::NoName {
            found: common_name.map(str::to_owned),
            cause: match error {
                crate::pki::Error::Name { wanted, .. } => wanted,
                other => other.to_string(),
            },
        }
        .into()
    })
}

/// Refuses a key that is somebody's already, one that was revoked, and a name that is taken.
///
/// # Errors
/// [`EnrollError`] with whose it is; [`Error::Alike`] for a new name that is taken but for case, and
/// that of [`Name::check_fresh`]; [`Error::Revoked`] and [`Error::Unknown`] as for a renewal.
pub fn judge(
    home: &HomeState,
    held: &Held<'_>,
    request: &CertificateRequest,
    name: &Name,
    renewal: Renewal,
) -> Result<(), Error> {
    let key = &request.public_key;
    if held.trust.all().any(|ca| ca.public_key == *key) {
        let whose = "the CA".into();
        return Err(EnrollError::KeyTaken { whose }.into());
    }
    let of_archive = held.archived.iter().find(|(_, it)| it.public_key == *key);
    if let Some((whose, _)) = of_archive {
        let whose = whose.clone();
        return Err(EnrollError::KeyRevoked { whose }.into());
    }
    let mut current = None;
    for pair in held.pairs {
        let is_it = (pair.kind, pair.name.as_str()) == (PairKind::Client, name.as_str());
        let certificate = pair.files.certificate();
        let whose = || format!("{} `{}`", pair.kind.as_str(), pair.name);
        if let Some(certificate) = certificate.as_ref().filter(|it| it.public_key == *key) {
            if held.remembered.is_revoked(&certificate.serial) {
                return Err(EnrollError::KeyRevoked { whose: whose() }.into());
            }
            if !is_it {
                return Err(EnrollError::KeyTaken { whose: whose() }.into());
            }
        }
        if is_it {
            current = Some(certificate);
        }
    }
    match (current, renewal) {
        (None, Renewal::No) => {
            name.check_fresh()?;
            let clients = held
                .pairs
                .iter()
                .filter(|pair| pair.kind == PairKind::Client);
            let clients = Names::new(clients.map(|pair| pair.name.clone()).collect());
            clients.refuse(PairKind::Client, name.as_str())
        }
        (None, Renewal::Yes) => Err(Error::Unknown {
            kind: PairKind::Client,
            name: name.to_string(),
            home: home.path.clone(),
        }),
        (Some(_), Renewal::Yes) => Ok(()),
        (Some(certificate), Renewal::No) => refuse_signed(certificate.as_ref(), key, name),
    }
}

/// Refuses a name that is taken, by this key or by another.
pub fn refuse_signed(
    current: Option<&Certificate>,
    key: &PublicKey,
    name: &Name,
) -> Result<(), Error> {
    let name = name.to_string();
    Err(match current {
        Some(certificate) if certificate.public_key == *key => EnrollError::Signed {
            serial: certificate.serial.to_string(),
            name,
        },
        _ => EnrollError::Taken { name },
    }
    .into())
}

/// Plans the certificate of a request, in the place of another if there is one.
pub fn sign(
    home: &HomeState,
    issuer: &Issuer,
    (request, name): (&CertificateRequest, &Name),
    (serial, valid_for): (Serial, Option<Life>),
    replaced: Option<Replaced>,
    now: OffsetDateTime,
) -> Result<Signing, Error> {
    let key = PairKey::Elsewhere(request.public_key.clone());
    let (mut plan, pair, replaces) = match replaced {
        Some(replaced) => {
            let reissued = renew::reissue(issuer, replaced, valid_for, key, serial, now)?;
            let renewal = renew::plan(COMMAND, home, issuer, vec![reissued]);
            let Ok([renewed]) = <[renew::Renewed; 1]>::try_from(renewal.pairs) else {
                unreachable!("as many as were reissued");
            };
            (renewal.plan, renewed.pair, Some(renewed.replaces))
        }
        None => {
            let wish = Wish::Client(name.clone());
            let life = valid_for.unwrap_or(Life::LEAF);
            let issued = issue::issue(issuer, wish, key, serial, life, now)?;
            let pair = issued.pair.clone();
            let issuance = issue::plan(COMMAND, &mut Ground::of(home), issuer, vec![issued]);
            (issuance.plan, pair, None)
        }
    };
    let reply = Reply {
        name: name.clone(),
        certificate: planned_certificate(&plan)?,
        trust: Trust::from_pem(issuer.trusted.as_bytes())?,
    };
    let handed_out = handed_out(&reply, now).line();
    for change in &mut plan.changes {
        if let Change::Append { lines, .. } = change {
            lines.push_str(&handed_out);
        }
    }
    Ok(Signing {
        plan,
        pair,
        replaces,
        reply,
    })
}

/// The certificate among the files of a plan.
fn planned_certificate(plan: &Plan) -> Result<Certificate, Error> {
    let files = plan.changes.iter().flat_map(|change| match change {
        Change::PlaceDirectory { files, .. } | Change::ReplaceDirectory { files, .. } => {
            files.as_slice()
        }
        _ => &[],
    });
    let is_certificate = |file: &&NewFile| file.path == PairKind::Client.certificate_file();
    let pem = files
        .filter(is_certificate)
        .find_map(|file| match &file.content {
            Content::Public(pem) => Some(pem),
            Content::Key { .. } => None,
        });
    let pem = pem.expect("a client's directory is planned with its certificate");
    Ok(Certificate::from_pem(pem.as_bytes())?)
}

/// The ledger's line for a reply: whoever drops a CA must know that this certificate is used.
fn handed_out(reply: &Reply, now: OffsetDateTime) -> Entry {
    let trusts = reply.trust.serials();
    let to = format!("a reply for {}", reply.name);
    let purpose = PairKind::Client.purpose();
    Entry::handed_out(
        purpose,
        reply.name.as_str(),
        &reply.certificate,
        &trusts,
        to,
        now,
    )
    .exported(Export {
        form: Form::Reply,
        host: None,
        context: None,
        encrypted_to: Vec::new(),
    })
    .with_key(KeyPlace::Elsewhere)
}

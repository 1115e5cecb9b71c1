//! A pair of the home, proved before it goes where Docker reads it.
//!
//! dockerd starts with an expired certificate, with one for something else and with one of another
//! CA, and the docker command line reads them too; every request then fails.

use std::fmt;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::Error;
use super::layout::{self, PairKind};
use super::state::{FileState, PairState, PresentFile};
use super::verify::{found_words, out_of_time};
use crate::pki::profile::departures;
use crate::pki::{Certificate, PrivateKey, certificates_from_pem, verify_chain};

/// A server or client of the home whose three files belong together and are good now.
pub struct SoundPair {
    /// Its name in the home.
    pub name: String,
    /// Where it lies.
    pub directory: PathBuf,
    /// Its certificate.
    pub certificate: Certificate,
    /// `ca.pem`, the certificate and the key, octet by octet; several CAs during a rollover.
    pub files: [Zeroizing<Vec<u8>>; 3],
}

impl fmt::Debug for SoundPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoundPair({}, [elided])", self.directory.display())
    }
}

impl SoundPair {
    /// Takes a pair of the home, if its certificate is what its kind must be, valid now, of the
    /// CA beside it, and the key is its own.
    ///
    /// # Errors
    /// [`Error::Unsound`] or [`Error::OpenKey`] with the file that is not as it must be.
    pub fn check(home: &Path, pair: &PairState, now: OffsetDateTime) -> Result<Self, Error> {
        let directory = home.join(pair.kind.pair(&pair.name));
        let ca_path = directory.join(layout::CA_CERTIFICATE);
        let ca = pair.ca.content(&ca_path, "the CA's certificate")?;
        let vouching = Vouching::beside(&ca_path, ca)?;
        Self::vouched_for(home, pair, ca, &vouching, now)
    }

    /// Takes a client that is let in where this server is: one of a CA beside the server, whatever
    /// is beside the client.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_client_of(
        &self,
        home: &Path,
        client: &PairState,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let [ca, ..] = &self.files;
        let ca_path = self.directory.join(layout::CA_CERTIFICATE);
        let vouching = Vouching {
            anchors: anchors(&ca_path, ca)?,
            words: format!("a CA in `{}`", ca_path.display()),
        };
        Self::vouched_for(home, client, ca, &vouching, now)
    }

    /// The same server or client with other files, CA, certificate and key, as it has them where
    /// it is installed.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn keeping(
        self,
        kind: PairKind,
        files: [Zeroizing<Vec<u8>>; 3],
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let [ca, pem, key] = &files;
        let path = |name: &str| self.directory.join(name);
        let vouching = Vouching::beside(&path(layout::CA_CERTIFICATE), ca)?;
        let certificate = certificate(kind, &path(kind.certificate_file()), pem, &vouching, now)?;
        judge_key(&path(kind.key_file()), key, &certificate)?;
        Ok(Self {
            certificate,
            files,
            ..self
        })
    }

    /// Takes a client that came as values, with the directory its files are said to be in.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn of_client(
        directory: PathBuf,
        name: String,
        [ca, certificate, key]: [Zeroizing<Vec<u8>>; 3],
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let present = |content| {
            FileState::Present(PresentFile {
                mode: layout::KEY_MODE,
                owner: 0,
                content,
            })
        };
        let ca_path = directory.join(layout::CA_CERTIFICATE);
        let vouching = Vouching::beside(&ca_path, &ca)?;
        let pair = PairState {
            kind: PairKind::Client,
            name,
            directory: None,
            ca: FileState::Absent,
            certificate: present(certificate),
            key: present(key),
        };
        Self::in_directory(directory, &pair, &ca, &vouching, now)
    }

    /// Takes the certificate of a pair and its `ca.pem`, wherever its key is.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_without_key(
        home: &Path,
        pair: &PairState,
        now: OffsetDateTime,
    ) -> Result<(Certificate, Zeroizing<Vec<u8>>), Error> {
        let directory = home.join(pair.kind.pair(&pair.name));
        let ca_path = directory.join(layout::CA_CERTIFICATE);
        let ca = pair.ca.content(&ca_path, "the CA's certificate")?;
        let vouching = Vouching::beside(&ca_path, ca)?;
        let path = directory.join(pair.kind.certificate_file());
        let pem = pair.certificate.content(&path, "the certificate")?;
        let certificate = certificate(pair.kind, &path, pem, &vouching, now)?;
        Ok((certificate, ca.clone()))
    }

    fn vouched_for(
        home: &Path,
        pair: &PairState,
        ca: &Zeroizing<Vec<u8>>,
        vouching: &Vouching,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let directory = home.join(pair.kind.pair(&pair.name));
        Self::in_directory(directory, pair, ca, vouching, now)
    }

    fn in_directory(
        directory: PathBuf,
        pair: &PairState,
        ca: &Zeroizing<Vec<u8>>,
        vouching: &Vouching,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let kind = pair.kind;
        let certificate_path = directory.join(kind.certificate_file());
        let key_path = directory.join(kind.key_file());
        let pem = pair
            .certificate
            .content(&certificate_path, "the certificate")?;
        let certificate = certificate(kind, &certificate_path, pem, vouching, now)?;
        let key = pair.key.content(&key_path, "the private key")?;
        judge_key(&key_path, key, &certificate)?;
        Ok(Self {
            name: pair.name.clone(),
            directory,
            certificate,
            files: [ca.clone(), pem.clone(), key.clone()],
        })
    }
}

/// The CAs of which a certificate must be.
struct Vouching {
    anchors: Vec<Certificate>,
    /// What they are called.
    words: String,
}

impl Vouching {
    /// Those of the `ca.pem` beside a pair.
    fn beside(path: &Path, ca: &[u8]) -> Result<Self, Error> {
        Ok(Self {
            anchors: anchors(path, ca)?,
            words: "the CA beside it".into(),
        })
    }
}

fn unsound(path: &Path, found: String, wanted: impl Into<String>) -> Error {
    Error::Unsound {
        path: path.to_owned(),
        found,
        wanted: wanted.into(),
    }
}

fn anchors(path: &Path, pem: &[u8]) -> Result<Vec<Certificate>, Error> {
    let read = || -> Result<Vec<_>, crate::pki::Error> {
        let all = certificates_from_pem(pem)?;
        all.iter().map(|der| Certificate::from_der(der)).collect()
    };
    let anchors = read().map_err(|error| unsound(path, found_words(&error), "CA certificates"))?;
    match anchors.iter().find(|anchor| !anchor.is_ca) {
        Some(anchor) => {
            let serial = &anchor.serial;
            let what = format!("a certificate of no CA, serial {serial}");
            Err(unsound(path, what, "CA certificates alone"))
        }
        None => Ok(anchors),
    }
}

fn certificate(
    kind: PairKind,
    path: &Path,
    pem: &[u8],
    vouching: &Vouching,
    now: OffsetDateTime,
) -> Result<Certificate, Error> {
    let purpose = kind.purpose();
    let certificate = Certificate::from_pem(pem).map_err(|error| {
        unsound(
            path,
            found_words(&error),
            format!("the {purpose}'s certificate"),
        )
    })?;
    if let Some(departure) = departures(&certificate, purpose).into_iter().next() {
        return Err(unsound(path, departure.found, departure.wanted));
    }
    if let Some((what, wanted)) = out_of_time(certificate.validity, now) {
        return Err(unsound(path, what, wanted));
    }
    // The newest CA first; during a rollover the certificate may be of another.
    let mut judged = vouching
        .anchors
        .iter()
        .map(|anchor| verify_chain(&certificate.der, &anchor.der, purpose, now));
    match judged.next() {
        Some(Err(error)) if !judged.any(|judgement| judgement.is_ok()) => Err(unsound(
            path,
            found_words(&error),
            format!("a {purpose} certificate of {}", vouching.words),
        )),
        _ => Ok(certificate),
    }
}

fn judge_key(path: &Path, pem: &[u8], certificate: &Certificate) -> Result<(), Error> {
    let what = match PrivateKey::from_pem(pem) {
        Ok(key) if *key.public_key() == certificate.public_key => return Ok(()),
        Ok(_) => "the key of another certificate".into(),
        Err(error) => found_words(&error),
    };
    let wanted = "the certificate's private key, PKCS#8 and not encrypted";
    Err(unsound(path, what, wanted))
}

#[cfg(test)]
mod tests {
    use super::super::client::tests::{NOW, authority, issue, key, present, prove, serial};
    use super::*;
    use crate::pki::{Life, SubjectAltNames, Validity};

    #[test]
    fn a_rollover_trusts_both_authorities() {
        let [old, new] = [authority(), authority()];
        for issuer in [&old, &new] {
            let mut pair = issue(issuer, "alice");
            let bundle = new.certificate().pem() + &old.certificate().pem();
            pair.ca = present(bundle.as_str());
            assert_eq!(*prove(&pair).unwrap().files[0], bundle.as_bytes());
        }
    }

    #[test]
    fn a_pair_that_would_not_work_is_refused() {
        let ca = authority();
        let alice = || issue(&ca, "alice");
        let refused = |pair: PairState| prove(&pair).unwrap_err();
        let directory = "/srv/home/clients/alice";

        let mut other_key = alice();
        other_key.key = alice().key;
        assert_eq!(
            refused(other_key),
            format!(
                "`{directory}/key.pem`: found the key of another certificate, wanted the \
             certificate's private key, PKCS#8 and not encrypted"
            )
        );
        let mut foreign = alice();
        foreign.ca = present(authority().certificate().pem());
        let refusal = refused(foreign);
        assert!(refusal.contains("/cert.pem`: found a certificate the CA does not vouch for"));

        let mut no_ca = alice();
        no_ca.ca = alice().certificate;
        let refusal = refused(no_ca);
        assert!(
            refusal.contains("/ca.pem`: found a certificate of no CA"),
            "{refusal}"
        );

        let mut key_in_ca = alice();
        let FileState::Present(secret) = alice().key else {
            panic!()
        };
        key_in_ca.ca = present(secret.content.to_vec());
        let refusal = refused(key_in_ca);
        assert!(
            refusal.contains("/ca.pem`: found a private key"),
            "{refusal}"
        );

        let mut server = alice();
        let server_key = key();
        let validity = Validity::of_leaf(Life::LEAF, NOW, ca.certificate().validity).unwrap();
        let sans = SubjectAltNames::parse(["web"]).unwrap();
        let issued = ca
            .issue_server(&sans, &server_key, serial(), validity)
            .unwrap();
        server.certificate = present(issued.pem());
        server.key = present(server_key.to_pem().unwrap().expose());
        let refusal = refused(server);
        assert!(refusal.contains("wanted clientAuth alone"), "{refusal}");

        let mut open = alice();
        open.key = FileState::OpenKey { mode: 0o644 };
        let refusal = refused(open);
        assert!(refusal.contains("can be read by others"), "{refusal}");

        let mut gone = alice();
        gone.certificate = FileState::Absent;
        let refusal = refused(gone);
        assert_eq!(
            refusal,
            format!("`{directory}/cert.pem`: found nothing, wanted the certificate")
        );
    }

    #[test]
    fn a_certificate_out_of_its_time_is_refused() {
        let pair = issue(&authority(), "alice");
        let at = |now| SoundPair::check(Path::new("/h"), &pair, now);
        let late = NOW + time::Duration::days(366);
        let refusal = at(late).unwrap_err().to_string();
        assert!(
            refusal.contains("found a certificate that expired on"),
            "{refusal}"
        );
        let early = NOW - time::Duration::days(1);
        let refusal = at(early).unwrap_err().to_string();
        assert!(
            refusal.contains("found a certificate that begins on"),
            "{refusal}"
        );
    }
}

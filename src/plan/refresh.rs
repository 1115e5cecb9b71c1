//! Decides which copies of a client on a machine a new bundle takes the place of.
//!
//! Two homes may each have a client of the same name: a copy is of the bundle's client if it has
//! the name and believes one of the bundle's CAs.

use crate::pki::{Certificate, PrivateKey, VerifyCode, certificates_from_pem};
use crate::plan::check::installed::InstalledPair;
use crate::plan::enroll::{EnrollError, Reply};
use crate::plan::state::FileState;
use crate::plan::trust::Trust;

/// How a copy stands to a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is rewritten.
    Behind,
    /// It is what it would become.
    Current,
    /// It has a certificate that was made after the bundle's: this is its serial number.
    Newer(String),
    /// It believes this CA, which is newer than those of the bundle: that is from before a rollover.
    NewerCa(Box<Certificate>),
    /// Its certificate cannot be read, and no record says whose it was.
    Unknown,
    /// It is another client's, or one of another CA.
    Other,
}

/// Judges a copy.  `recorded` is the name of the client that was put there last, for a copy whose
/// certificate cannot be read.
pub fn standing(reply: &Reply, copy: &InstalledPair, recorded: Option<&str>) -> Standing {
    let cas = authorities(copy);
    let certificate = content(&copy.state.certificate)
        .and_then(|pem| certificates_from_pem(pem).ok())
        .and_then(|ders| Certificate::from_der(ders.first()?).ok());
    let believes_one = reply.trust.all().any(|ca| cas.contains(ca));
    let Some(certificate) = certificate else {
        // Somebody emptied it, or a disk did.
        let is_there = !matches!(copy.state.certificate, FileState::Absent);
        return match recorded {
            _ if !(believes_one || cas.is_empty()) => Standing::Other,
            Some(name) if name == reply.name.as_str() => Standing::Behind,
            None if is_there => Standing::Unknown,
            _ => Standing::Other,
        };
    };
    let is_of_them = reply.trust.issuer_of(&certificate).is_some();
    if certificate.common_name.as_deref() != Some(reply.name.as_str())
        || !(believes_one || is_of_them)
    {
        return Standing::Other;
    }
    if let Some(newer) = newer_authority(&reply.trust, &cas) {
        return Standing::NewerCa(Box::new(newer.clone()));
    }
    if certificate != reply.certificate {
        // Within a CA's first hour all begin with it: then the end tells.
        let came = |certificate: &Certificate| {
            let validity = certificate.validity;
            (validity.not_before, validity.not_after)
        };
        return match came(&certificate) > came(&reply.certificate) {
            true => Standing::Newer(certificate.serial.to_string()),
            false => Standing::Behind,
        };
    }
    let has_key = content(&copy.state.key)
        .and_then(|pem| PrivateKey::from_pem(pem).ok())
        .is_some_and(|key| *key.public_key() == certificate.public_key);
    match has_key && Vec::from_iter(reply.trust.all()) == Vec::from_iter(&cas) {
        true => Standing::Current,
        false => Standing::Behind,
    }
}

/// Refuses what is older than the copy it would take the place of, or from before a rollover that the copy
/// knows of, whoever's client the copy is.  `place` names it.
///
/// # Errors
/// [`EnrollError::Older`] and [`EnrollError::OlderCa`].
pub fn refuse_older(
    reply: &Reply,
    copy: &InstalledPair,
    place: &str,
    expected: &[VerifyCode],
) -> Result<(), EnrollError> {
    let cas = authorities(copy);
    let newer_ca = match reply.trust.all().any(|ca| cas.contains(ca)) {
        true => newer_authority(&reply.trust, &cas),
        // It is another home's.
        false => None,
    };
    match (standing(reply, copy, None), newer_ca) {
        (_, Some(ca)) if !is_taken_back(reply, ca, expected) => {
            Err(older_ca(reply, ca, place.to_owned()))
        }
        (Standing::Newer(found), _) => Err(older(reply, found, place.to_owned())),
        _ => Ok(()),
    }
}

/// The refusal of a bundle that is older than the certificate with this serial number.
pub fn older(reply: &Reply, found: String, place: String) -> EnrollError {
    EnrollError::Older {
        name: reply.name.to_string(),
        place,
        found,
        wanted: reply.certificate.serial.to_string(),
    }
}

/// The refusal of a bundle that is from before this CA.
pub fn older_ca(reply: &Reply, newer: &Certificate, place: String) -> EnrollError {
    EnrollError::OlderCa {
        name: reply.name.to_string(),
        place,
        found: VerifyCode::of(&newer.public_key),
        wanted: VerifyCode::of(&reply.trust.ca.public_key),
    }
}

/// Whether somebody says that the CAs of the bundle are those that count, and not the newer one, as
/// after `ca roll undo`.  A yes to everything does not.
pub fn is_taken_back(reply: &Reply, newer: &Certificate, expected: &[VerifyCode]) -> bool {
    let is_expected = |ca: &Certificate| expected.contains(&VerifyCode::of(&ca.public_key));
    reply.trust.all().all(is_expected) && !is_expected(newer)
}

/// The CA of a copy that began after all of the bundle's: without it docker there would believe no server
/// that has its certificate of that CA already.
fn newer_authority<'a>(trust: &Trust, cas: &'a [Certificate]) -> Option<&'a Certificate> {
    let begins = |ca: &Certificate| ca.validity.not_before;
    let last = trust.all().map(begins).max()?;
    let is_known = |ca: &Certificate| trust.all().any(|known| known == ca);
    // Of two of the same second, the one that signs stands first.
    let is_newer = |at: usize, ca: &Certificate| begins(ca) > last || begins(ca) == last && at == 0;
    let mut all = cas.iter().enumerate();
    all.find(|(at, ca)| !is_known(ca) && is_newer(*at, ca))
        .map(|(_, ca)| ca)
}

/// The CAs a copy believes.
pub fn authorities(copy: &InstalledPair) -> Vec<Certificate> {
    let ders = content(&copy.state.ca).and_then(|pem| certificates_from_pem(pem).ok());
    let all = ders.iter().flatten().map(|der| Certificate::from_der(der));
    all.flatten().collect()
}

fn content(file: &FileState) -> Option<&[u8]> {
    match file {
        FileState::Present(file) => Some(&file.content),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::pki::{Ca, Life, Validity};
    use crate::plan::check::installed::Place;
    use crate::plan::client::tests::{NOW, authority, issue, key, present, serial};
    use crate::plan::state::PairState;

    fn copy(state: PairState) -> InstalledPair {
        InstalledPair {
            place: Place::DockerConfig,
            ca: Some(PathBuf::from("ca.pem")),
            certificate: PathBuf::from("cert.pem"),
            key: PathBuf::from("key.pem"),
            state,
        }
    }

    fn trust(ca: &Ca, old: Option<&Ca>) -> Trust {
        Trust {
            ca: ca.certificate().clone(),
            old: old.map(|old| old.certificate().clone()),
        }
    }

    fn reply(pair: &PairState, trust: Trust) -> Reply {
        let pem = content(&pair.certificate).unwrap();
        Reply {
            name: pair.name.parse().unwrap(),
            certificate: Certificate::from_pem(pem).unwrap(),
            trust,
        }
    }

    #[test]
    fn a_copy_of_the_same_client_is_rewritten_once() {
        let ca = authority();
        let (old, new) = (issue(&ca, "alice"), issue(&ca, "alice"));
        let reply = reply(&new, trust(&ca, None));
        assert_eq!(standing(&reply, &copy(old), None), Standing::Behind);
        assert_eq!(standing(&reply, &copy(new), None), Standing::Current);
    }

    #[test]
    fn another_client_and_another_ca_are_left() {
        let (ca, foreign) = (authority(), authority());
        let reply = reply(&issue(&ca, "alice"), trust(&ca, None));
        let bob = copy(issue(&ca, "bob"));
        assert_eq!(standing(&reply, &bob, Some("alice")), Standing::Other);
        let namesake = copy(issue(&foreign, "alice"));
        assert_eq!(standing(&reply, &namesake, Some("alice")), Standing::Other);
    }

    #[test]
    fn a_copy_that_lacks_a_ca_or_its_key_is_behind() {
        let (ca, next) = (authority(), authority());
        let alice = issue(&ca, "alice");
        let both = reply(&alice, trust(&next, Some(&ca)));
        assert_eq!(standing(&both, &copy(alice), None), Standing::Behind);
        let mut alice = issue(&ca, "alice");
        let alone = reply(&alice, trust(&ca, None));
        alice.key = present(key().to_pem().unwrap().expose());
        assert_eq!(standing(&alone, &copy(alice), None), Standing::Behind);
    }

    #[test]
    fn what_comes_late_takes_nothing_newer_away() {
        let ca = authority();
        let reply = reply(&issue(&ca, "alice"), trust(&ca, None));
        let later = NOW + time::Duration::days(30);
        let validity = Validity::of_leaf(Life::LEAF, later, ca.certificate().validity).unwrap();
        let name = "alice".parse().unwrap();
        let issued = ca.issue_client(&name, &key(), serial(), validity).unwrap();
        let mut newer = issue(&ca, "alice");
        newer.certificate = present(issued.pem());
        let found = Standing::Newer(issued.serial.to_string());
        assert_eq!(standing(&reply, &copy(newer), None), found);
        // Both begin with a CA that is minutes old.
        let mut validity = reply.certificate.validity;
        validity.not_after += time::Duration::minutes(10);
        let issued = ca.issue_client(&name, &key(), serial(), validity).unwrap();
        let mut newer = issue(&ca, "alice");
        newer.certificate = present(issued.pem());
        let found = Standing::Newer(issued.serial.to_string());
        assert_eq!(standing(&reply, &copy(newer), None), found);
    }

    #[test]
    fn a_broken_copy_is_whose_the_records_say() {
        let ca = authority();
        let reply = reply(&issue(&ca, "alice"), trust(&ca, None));
        let unrecorded = [Standing::Other, Standing::Unknown];
        for (certificate, unrecorded) in [FileState::Absent, present("noise")]
            .into_iter()
            .zip(unrecorded)
        {
            let mut broken = issue(&ca, "alice");
            broken.certificate = certificate;
            let broken = copy(broken);
            assert_eq!(standing(&reply, &broken, Some("alice")), Standing::Behind);
            assert_eq!(standing(&reply, &broken, Some("bob")), Standing::Other);
            assert_eq!(standing(&reply, &broken, None), unrecorded);
        }
    }
}

//! What is checked before anything is changed: which names the certificate is for.

use std::net::IpAddr;

use super::listen::Listen;
use super::{Error, SERVER_FILES};
use crate::pki::{Certificate, SubjectAltName};
use crate::plan::machine::FileImage;
use crate::plan::pair::SoundPair;
use crate::plan::permissions::Owner;

/// The files as they are to lie in the daemon's directory.
pub(super) fn images(pair: &SoundPair, owner: Owner) -> [FileImage; 3] {
    std::array::from_fn(|index| FileImage {
        content: pair.files[index].clone(),
        access: SERVER_FILES[index].1.owned_by(owner),
    })
}

/// Refuses a name or address that the certificate is not for.
pub fn refuse_uncovered(pair: &SoundPair, name: &str) -> Result<(), Error> {
    if pair.certificate.is_for(name) {
        return Ok(());
    }
    let sans = pair.certificate.sans.iter().map(ToString::to_string);
    Err(Error::NotCovered {
        path: pair.directory.join(SERVER_FILES[1].0),
        name: name.to_owned(),
        sans: Vec::from_iter(sans).join(", "),
    })
}

/// Refuses an address to listen on that clients would refuse the certificate at.
pub(super) fn refuse_unreachable(pair: &SoundPair, listen: &Listen) -> Result<(), Error> {
    match listen.is_everywhere() {
        true => Ok(()),
        false => refuse_uncovered(pair, listen.host()),
    }
}

/// How the proof reaches an address from the machine itself: the address to connect to, and the
/// name its certificate must have.
///
/// # Errors
/// [`Error::NoProbe`] if the certificate is for wildcards alone and the daemon listens on every
/// address.
pub fn probe_names(certificate: &Certificate, listen: &Listen) -> Result<(String, String), Error> {
    if !listen.is_everywhere() {
        return Ok((listen.host().to_owned(), listen.host().to_owned()));
    }
    let loopback = match listen.host().contains(':') {
        true => "::1",
        false => "127.0.0.1",
    };
    let names = || {
        certificate.sans.iter().filter_map(|san| match san {
            SubjectAltName::Dns(name) if name.starts_with("*.") => None,
            SubjectAltName::Dns(name) => Some(name.clone()),
            SubjectAltName::Ip(address) => Some(address.to_string()),
        })
    };
    let is_local = |name: &String| {
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
    };
    let name = names().find(is_local).or_else(|| names().next());
    match name {
        Some(name) => Ok((loopback.to_owned(), name)),
        None => Err(Error::NoProbe {
            listen: listen.clone(),
        }),
    }
}

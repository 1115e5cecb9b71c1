//! The reply to a request: the certificate, and the CAs its owner is to believe.

use time::OffsetDateTime;

use super::EnrollError;
use crate::pki::profile::departures;
use crate::pki::{Certificate, Name, Purpose, certificates_from_message, verify_chain};
use crate::plan::Error;
use crate::plan::trust::Trust;
use crate::plan::verify::{found_words, out_of_time};

/// A reply, as it is sent: nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The client's name.
    pub name: Name,
    /// Its certificate.
    pub certificate: Certificate,
    /// The CAs.
    pub trust: Trust,
}

impl Reply {
    /// What is sent: a line for people, the certificate, the CAs.
    pub fn text(&self) -> String {
        format!(
            "Reply to docker client {}\n{}{}",
            self.name,
            self.certificate.pem(),
            self.trust.pem()
        )
    }

    /// Reads a reply out of a message, whatever mail and chat did to it, and judges it: a
    /// client's certificate, valid now, of a CA that came with it.  Whether that is the right CA,
    /// only a person knows.
    ///
    /// # Errors
    /// [`EnrollError::Reply`] or [`EnrollError::Expired`] with what is found and wanted.
    pub fn read(message: &[u8], now: OffsetDateTime) -> Result<Self, Error> {
        let refused = |found: String, wanted: &str| EnrollError::Reply {
            found,
            wanted: wanted.into(),
        };
        let ders = certificates_from_message(message)?;
        let all = ders.iter().map(|der| Certificate::from_der(der));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        let (mut cas, mut leaves) = (Vec::new(), Vec::new());
        for certificate in all {
            match certificate.is_ca {
                true => cas.push(certificate),
                false => leaves.push(certificate),
            }
        }
        let certificate = match (leaves.pop(), leaves.len()) {
            (Some(only), 0) => only,
            (found, _) => {
                let found = match found {
                    None => "no certificate of a client",
                    Some(_) => "several certificates of clients",
                };
                return Err(refused(found.into(), "one, and those of its CAs").into());
            }
        };
        let mut cas = cas.into_iter();
        let trust = match (cas.next(), cas.next(), cas.next()) {
            (Some(ca), old, None) if old.as_ref() != Some(&ca) => Trust { ca, old },
            (None, ..) => {
                let wanted = "that of the CA after the client's";
                return Err(refused("no certificate of a CA".into(), wanted).into());
            }
            _ => {
                let wanted = "one, or two different ones during a rollover";
                return Err(refused("too many certificates of CAs".into(), wanted).into());
            }
        };
        let departed = departures(&certificate, Purpose::Client).into_iter().next();
        if let Some(departure) = departed {
            return Err(refused(departure.found, &departure.wanted).into());
        }
        let name = certificate.common_name.as_deref().unwrap_or_default();
        let name = name
            .parse::<Name>()
            .map_err(|error| refused(error.to_string(), "a client's name"))?;
        for one in std::iter::once(&certificate).chain(trust.all()) {
            if let Some((found, wanted)) = out_of_time(one.validity, now) {
                // The old CA of a rollover may end while it is under way.
                if trust.old.as_ref() == Some(one) {
                    continue;
                }
                if one == &certificate && now > one.validity.not_after {
                    let name = name.to_string();
                    return Err(EnrollError::Expired {
                        name,
                        found,
                        wanted,
                    }
                    .into());
                }
                return Err(refused(found, &wanted).into());
            }
        }
        let chain =
            |ca: &Certificate| verify_chain(&certificate.der, &ca.der, Purpose::Client, now);
        let judged = Vec::from_iter(trust.all().map(chain));
        if let (Some(Err(error)), true) = (judged.first(), judged.iter().all(Result::is_err)) {
            let wanted = "one of a CA that came with it";
            return Err(refused(found_words(error), wanted).into());
        }
        Ok(Self {
            name,
            certificate,
            trust,
        })
    }
}

//! Proves that a daemon answers our client over mutual TLS, and nobody else.
//!
//! [`prove`] asks over the network; [`Local`] asks over the daemon's own socket, where there is
//! no TLS.  Both wait for a daemon that is being restarted, up to a deadline.  [`served`] only looks
//! at its certificate, for which nobody needs one.

mod deadline;
mod failure;
mod http;
mod identity;
mod local;
mod question;
mod served;
mod target;
mod tls;
mod words;

#[cfg(all(test, unix))]
mod tests;

use std::time::Instant;

pub use failure::{Failure, Probe};
pub use identity::{Identity, stranger};
pub use local::{Info, Local};
pub use served::served;
pub use target::Target;

use self::deadline::until;
use self::question::{Question, Version};
use self::tls::Offer;
use crate::pki::Serial;

/// What the daemon said of itself, once it is proved whom it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proof {
    /// The version of its engine: `20.10.24`.
    pub engine_version: String,
    /// The newest version of the API it speaks: `1.41`.
    pub api_version: String,
    /// The serial of the certificate it serves.
    pub served_serial: Serial,
}

/// Proves that the daemon serves the certificate with this serial, answers our client, and
/// refuses clients without a certificate and with a stranger's, each in TLS 1.3 and in TLS 1.2.
///
/// A daemon that does not answer, or serves another certificate, may be the one that is about to
/// be replaced: it is asked again until the deadline.  One that serves the right certificate and
/// does not answer our client, or answers another, fails at once.  So does one that does not name
/// our CA when it asks for a certificate, whomever it answers: a daemon without `tlscacert` trusts
/// every CA of its system.
///
/// # Errors
/// The [`Failure`] says which probe it was; that of a daemon that was never restarted is
/// [`Probe::ServedCertificate`].
pub fn prove(
    target: &Target,
    client: &Identity,
    stranger: &Identity,
    serial: &Serial,
    deadline: Instant,
) -> Result<Proof, Failure> {
    let question = Question {
        target,
        serial,
        deadline,
    };
    until(deadline, || question.ping(client))?;
    let Version { engine, api } = until(deadline, || question.version(client))?;
    for offer in [Offer::Both, Offer::Tls12] {
        for (probe, shows) in [
            (Probe::WithoutCertificate, None),
            (Probe::StrangersCertificate, Some(stranger)),
        ] {
            until(deadline, || question.is_refused(probe, shows, offer))?;
        }
    }
    // Who hung up on the others because it was about to end would not answer now.
    until(deadline, || question.ping(client))?;
    Ok(Proof {
        engine_version: engine,
        api_version: api,
        served_serial: serial.clone(),
    })
}

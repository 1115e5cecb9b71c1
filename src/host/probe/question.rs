//! One probe: a connection, what is asked on it, and what is made of the outcome.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use rustls::AlertDescription;

use super::deadline::{Failed, Outlook};
use super::tls::{Channel, Issuers, Offer};
use super::{Failure, Identity, Probe, Target, http, words};
use crate::pki::Serial;

/// What is the same for all probes of one proof.
pub(super) struct Question<'a> {
    pub(super) target: &'a Target,
    pub(super) serial: &'a Serial,
    pub(super) deadline: Instant,
}

pub(super) type Attempt<T> = Result<T, Failed<Failure>>;

impl Question<'_> {
    /// Asks whether it is there, as our client.
    pub(super) fn ping(&self, client: &Identity) -> Attempt<()> {
        let answer = self.get(Probe::Ping, client, "/_ping")?;
        match answer.body.trim_ascii() {
            b"OK" => Ok(()),
            other => {
                let found = format!("it answered `{}`", http::shown(other));
                Err(self.lasting(Probe::Ping, found, "`OK`".into()))
            }
        }
    }

    /// Asks for the versions of its engine and of its API, as our client.
    pub(super) fn version(&self, client: &Identity) -> Attempt<Version> {
        let answer = self.get(Probe::Version, client, "/version")?;
        serde_json::from_slice(&answer.body).map_err(|cause| {
            let found = format!("it answered `{}`", http::shown(&answer.body));
            let wanted = "the versions of a daemon".into();
            let mut failed = self.lasting(Probe::Version, found, wanted);
            failed.error.raw = Some(cause.to_string());
            failed
        })
    }

    /// Asks as our client, which must be answered with 200.
    fn get(&self, probe: Probe, client: &Identity, path: &str) -> Attempt<http::Response> {
        let mut channel = self.open(probe, Some(client), Offer::Both)?;
        let shaken = channel.handshake();
        self.judge_certificate(probe, &channel, shaken.as_ref())?;
        self.judge_authorities(&channel)?;
        let answer = shaken
            .map_err(http::Error::Io)
            .and_then(|()| http::get(&mut channel, &self.target.host(), path));
        match answer {
            Ok(answer) if answer.status == 200 => Ok(answer),
            Ok(answer) => {
                let said = http::shown(&answer.body);
                let found = format!("it answered `{}`, `{said}`", answer.status_line);
                let mut failed = self.lasting(probe, found, "200".into());
                // A daemon may say so while it starts.
                if answer.status >= 500 {
                    failed.outlook = Outlook::Retry;
                }
                Err(failed)
            }
            Err(http::Error::Io(cause)) => Err(self.broken(probe, &channel, &cause)),
            Err(other) => Err(self.lasting(probe, other.to_string(), wanted(probe))),
        }
    }

    /// Asks as somebody who must get no answer, not one octet of it.
    ///
    /// It is a refusal if the daemon, having shown its certificate and asked for ours, sends an
    /// alert or hangs up.  In TLS 1.2 it must do so before the handshake is complete; in TLS 1.3
    /// it cannot.
    pub(super) fn is_refused(
        &self,
        probe: Probe,
        shows: Option<&Identity>,
        offer: Offer,
    ) -> Attempt<()> {
        let mut channel = self.open(probe, shows, offer)?;
        let shaken = channel.handshake();
        if offer == Offer::Tls12 && shaken.as_ref().is_err_and(speaks_no_tls12) {
            // Then nobody gets in by it.
            return Ok(());
        }
        self.judge_certificate(probe, &channel, shaken.as_ref())?;
        let is_let_in = shaken.is_ok();
        let answer = shaken.and_then(|()| self.first_octets(&mut channel));
        let was_asked = channel.asked_for(&self.target.trust).is_some();
        let unasked = match was_asked {
            true => "",
            false => " and never asked for a certificate",
        };
        match answer {
            Ok(octets) if !octets.is_empty() => {
                let line = octets.split(|octet| *octet == b'\n').next();
                let line = http::shown(line.unwrap_or_default());
                let found = format!("it answered `{line}`{unasked}");
                Err(self.lasting(probe, found, wanted(probe)))
            }
            Err(cause) if !is_hang_up(&cause) => Err(self.broken(probe, &channel, &cause)),
            _ if is_let_in && channel.is_tls12() => {
                let found = format!("it completed the handshake of TLS 1.2{unasked}");
                Err(self.lasting(probe, found, wanted(probe)))
            }
            // It did not hang up for want of a certificate: maybe it was about to end.
            _ if !was_asked => Err(Failed {
                error: self.failure(probe, format!("it hung up{unasked}"), wanted(probe)),
                outlook: Outlook::Retry,
            }),
            _ => Ok(()),
        }
    }

    /// Asks for `/_ping`, and returns the beginning of what comes; nothing if the daemon closes.
    fn first_octets(&self, channel: &mut Channel) -> io::Result<Vec<u8>> {
        let request = http::request(&self.target.host(), "/_ping");
        // If this fails, an answer or an alert may have come before; only that tells.
        let sent = channel.write_all(&request).and_then(|()| channel.flush());
        let mut octets = vec![0; 512];
        let count = channel
            .read(&mut octets)
            .map_err(|cause| sent.err().unwrap_or(cause))?;
        octets.truncate(count);
        Ok(octets)
    }

    fn open(&self, probe: Probe, shows: Option<&Identity>, offer: Offer) -> Attempt<Channel> {
        let opened = Channel::open(self.target, shows, offer, self.deadline);
        opened.map_err(|cause| self.failed(probe, &cause, &[]))
    }

    /// Whether the daemon showed the certificate we wait for, and it is good.
    ///
    /// Who shows another, or none, may be the daemon that is about to be replaced; who shows the
    /// right one is the one to be judged.
    fn judge_certificate(
        &self,
        probe: Probe,
        channel: &Channel,
        shaken: Result<&(), &io::Error>,
    ) -> Attempt<()> {
        let hung_up = io::Error::from(ErrorKind::UnexpectedEof);
        let Some(served) = channel.served() else {
            let cause = shaken.err().unwrap_or(&hung_up);
            return Err(self.broken(probe, channel, cause));
        };
        let fault = shaken.err().and_then(words::tls_error);
        let raw = fault.map(ToString::to_string);
        let failed = |found: String, wanted: String, outlook: Outlook| {
            let mut error = self.failure(Probe::ServedCertificate, found, wanted);
            error.raw = raw;
            Err(Failed { error, outlook })
        };
        let serial = format!("serial {}", self.serial);
        let served = match served {
            Ok(served) => served,
            Err(cause) => return failed(cause.to_string(), serial, Outlook::Retry),
        };
        if served.serial != *self.serial {
            let served = words::of_certificate(&served);
            let found = format!("it still serves {served}: it was not restarted");
            return failed(found, serial, Outlook::Retry);
        }
        match fault {
            Some(rustls::Error::InvalidCertificate(fault)) => {
                let name = self.target.name.to_str();
                let fault = words::of_fault(fault, &served, &name);
                let found = format!("the certificate of {serial} {fault}");
                let wanted = format!("one of our CA, valid now, for {name}");
                failed(found, wanted, Outlook::Lasting)
            }
            _ => Ok(()),
        }
    }

    /// Whether the daemon says that it takes clients of our CA.
    ///
    /// Without `tlscacert` it takes those of every CA its system trusts, and names none: then a
    /// stranger of ours proves nothing.  If it never asks, others will be answered, which tells
    /// more.
    fn judge_authorities(&self, channel: &Channel) -> Attempt<()> {
        let found = match channel.asked_for(&self.target.trust) {
            Some(Issuers::Ours) | None => return Ok(()),
            Some(Issuers::Others) => {
                "it takes clients of other CAs alone: its `tlscacert` is another"
            }
            Some(Issuers::Unnamed) => {
                "it names none, so it takes clients of every CA its system trusts: \
                 its `tlscacert` is missing"
            }
        };
        let wanted = "our CA among them".to_owned();
        Err(self.lasting(Probe::TrustedAuthorities, found.to_owned(), wanted))
    }

    /// A connection that ended without what was wanted.
    fn broken(&self, probe: Probe, channel: &Channel, cause: &io::Error) -> Failed<Failure> {
        let mut failed = self.failed(probe, cause, channel.first());
        if channel.served().is_some() && alert(cause).is_some_and(words::is_about_our_certificate) {
            failed.outlook = Outlook::Lasting;
        }
        failed
    }

    fn failed(&self, probe: Probe, cause: &io::Error, first: &[u8]) -> Failed<Failure> {
        let words::Words { plain, raw } = words::of_failure(cause, first);
        let mut error = self.failure(probe, plain, wanted(probe));
        error.raw = raw;
        Failed {
            error,
            outlook: Outlook::after(cause),
        }
    }

    fn lasting(&self, probe: Probe, found: String, wanted: String) -> Failed<Failure> {
        Failed {
            error: self.failure(probe, found, wanted),
            outlook: Outlook::Lasting,
        }
    }

    fn failure(&self, probe: Probe, found: String, wanted: String) -> Failure {
        Failure {
            probe,
            address: self.target.place(),
            found,
            wanted,
            raw: None,
        }
    }
}

/// What a daemon answers to `GET /version`, as far as it matters here.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Version {
    #[serde(rename = "Version")]
    pub(super) engine: String,
    #[serde(rename = "ApiVersion")]
    pub(super) api: String,
}

/// What a probe must come to.
fn wanted(probe: Probe) -> String {
    match probe {
        Probe::WithoutCertificate | Probe::StrangersCertificate => "a refusal".into(),
        Probe::Ping | Probe::Version | Probe::ServedCertificate | Probe::TrustedAuthorities => {
            "an answer".into()
        }
    }
}

fn alert(cause: &io::Error) -> Option<AlertDescription> {
    match words::tls_error(cause) {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        _ => None,
    }
}

fn speaks_no_tls12(cause: &io::Error) -> bool {
    alert(cause) == Some(AlertDescription::ProtocolVersion)
}

/// Whether the daemon ended the connection, by an alert or without a word.
fn is_hang_up(cause: &io::Error) -> bool {
    let is_closed = matches!(
        cause.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
    );
    is_closed || alert(cause).is_some()
}

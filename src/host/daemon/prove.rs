//! The proof after a restart, and the way back to a daemon that answers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::host::Error;
use crate::host::probe::{Identity, Local, Proof, Target, prove};
use crate::pki::Serial;

/// What a daemon is to prove.
#[derive(Debug)]
pub struct Prover {
    /// Where it is asked, once for each address.
    pub targets: Vec<Target>,
    /// Our client.
    pub client: Identity,
    /// A client of a CA nobody knows.
    pub stranger: Identity,
    /// The serial of the certificate it must serve.
    pub serial: Serial,
    /// Its local socket, which must answer too.
    pub socket: Option<PathBuf>,
    /// How long it may take.
    pub limit: Duration,
}

impl Prover {
    /// Asks the daemon until it has proved everything, or until the time is up.
    ///
    /// # Errors
    /// [`Error::Unproved`] says which probe failed.
    pub fn prove(&self) -> Result<Option<Proof>, Error> {
        let deadline = Instant::now() + self.limit;
        let mut proof = None;
        for target in &self.targets {
            let proved = prove(target, &self.client, &self.stranger, &self.serial, deadline);
            proof = Some(proved.map_err(|failure| Error::Unproved {
                failure: failure.to_string(),
            })?);
        }
        if let Some(socket) = &self.socket {
            Local::at(socket).wait_until_answers(deadline)?;
        }
        Ok(proof)
    }
}

/// Whether a daemon answers on its local socket now.
pub fn answers(socket: &std::path::Path) -> bool {
    Local::at(socket).answers(Instant::now() + Duration::from_secs(2))
}

/// Waits until a daemon answers on its local socket.
pub fn wait_until_answers(socket: &std::path::Path, limit: Duration) -> Result<(), Error> {
    Local::at(socket).wait_until_answers(Instant::now() + limit)
}

/// Waits until a daemon has turned live-restore on.
pub fn wait_for_live_restore(socket: &std::path::Path, limit: Duration) -> Result<(), Error> {
    Local::at(socket).wait_for_live_restore(Instant::now() + limit)
}

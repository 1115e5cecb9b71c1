//! Who proves a daemon that was given a certificate, and where.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::Session;
use crate::cli;
use crate::error::Error;
use crate::host;
use crate::host::daemon::Prover;
use crate::host::machine::Prefix;
use crate::host::probe::{Identity, Target, stranger};
use crate::pki::Name;
use crate::plan::install::{self, Listen, ServerPlan, probe_names};
use crate::plan::layout::{self, PairKind};
use crate::plan::pair::SoundPair;

impl Session<'_> {
    /// What proves the daemon: where it is asked, by whom.
    pub(super) fn prover(
        &self,
        wish: &cli::InstallServer,
        prefix: &Prefix,
        pair: &SoundPair,
        plan: &ServerPlan,
        now: OffsetDateTime,
    ) -> Result<Prover, Error> {
        let places = match &wish.probe {
            Some(probe) => {
                let uncovered = install::refuse_uncovered(pair, probe.host());
                uncovered.map_err(crate::plan::Error::from)?;
                vec![(
                    probe.host().to_owned(),
                    probe.port(),
                    probe.host().to_owned(),
                )]
            }
            None => {
                let place = |listen: &Listen| {
                    let (address, name) = probe_names(&pair.certificate, listen)?;
                    Ok((address, listen.port(), name))
                };
                let places = plan.listens.iter().map(place);
                let places: Result<Vec<_>, install::Error> = places.collect();
                places.map_err(crate::plan::Error::from)?
            }
        };
        let client = self.reading(|| self.proving_client(wish.client.as_ref(), pair, now))?;
        let [_, certificate, key] = &client.files;
        let identity =
            Identity::from_pem(certificate, key).map_err(|cause| crate::plan::Error::File {
                path: client.directory.join(PairKind::Client.certificate_file()),
                cause,
            })?;
        let ca = pair.files[0].as_slice();
        let targets = places.iter().map(|(address, port, name)| {
            Target::new(address, *port, name, ca).map_err(|cause| crate::plan::Error::File {
                path: pair.directory.join(layout::CA_CERTIFICATE),
                cause,
            })
        });
        Ok(Prover {
            targets: targets.collect::<Result<_, _>>()?,
            client: identity,
            stranger: stranger(now)?,
            serial: pair.certificate.serial.clone(),
            socket: local_socket(prefix, plan.local_socket.as_deref())?,
            limit: wish.restart.timeout,
        })
    }

    /// The client it is proved with: the one that was named, else the first that the server will
    /// let in.  After a rollover there may be some of the CA before.
    fn proving_client(
        &self,
        name: Option<&Name>,
        server: &SoundPair,
        now: OffsetDateTime,
    ) -> Result<SoundPair, Error> {
        if let Some(name) = name {
            let client = self.client_with_key(name.to_string())?;
            return Ok(server.check_client_of(&self.home, &client, now)?);
        }
        let mut names = host::pair_names(&self.home, PairKind::Client)?;
        names.sort();
        for name in names {
            let pair = host::pair_state(&self.home, PairKind::Client, name);
            if let Ok(client) = server.check_client_of(&self.home, &pair, now) {
                return Ok(client);
            }
        }
        Err(self.none_of(PairKind::Client))
    }
}

/// The path of a socket on the machine, by that from inside.
pub(super) fn local_socket(
    prefix: &Prefix,
    inside: Option<&str>,
) -> Result<Option<PathBuf>, Error> {
    let path = inside.map(|inside| prefix.resolve(Path::new(inside)));
    Ok(path.transpose()?)
}

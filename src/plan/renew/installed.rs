//! What of the home is installed on a machine, and how it stands to what the home has.

use std::collections::HashSet;

use crate::pki::Certificate;
use crate::plan::client::{PlacedClient, Reach};
use crate::plan::layout::PairKind;
use crate::plan::machine::FileImage;
use crate::plan::state::{FileState, PairState};

/// The key's place among the three files.
const KEY: usize = 2;

/// How an installed pair stands to the home's of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is that one.
    Current,
    /// It is one that the home had before, or trusts other CAs.
    Behind,
    /// The home has issued no such certificate: somebody has put another in its place.
    Foreign,
    /// There is no certificate any more.
    Gone,
}

impl Standing {
    /// Compares the files, in the order CA, certificate, key.  `issued` are the serials of the
    /// home's ledger.
    pub fn of(
        pair: &PairState,
        installed: [Option<&FileImage>; 3],
        issued: &HashSet<String>,
    ) -> Self {
        let Some(certificate) = installed[1] else {
            return Self::Gone;
        };
        let home = [&pair.ca, &pair.certificate, &pair.key];
        let is_same = home
            .iter()
            .zip(installed)
            .enumerate()
            .all(|(index, both)| match both {
                (FileState::Present(home), Some(installed)) => home.content == installed.content,
                // A client may have a key that never was in the home.
                (FileState::Absent, Some(_)) => index == KEY && pair.kind == PairKind::Client,
                _ => false,
            });
        let serial = Certificate::from_pem(&certificate.content)
            .map(|certificate| certificate.serial.to_string());
        match serial {
            _ if is_same => Self::Current,
            Ok(serial) if issued.contains(&serial) => Self::Behind,
            Ok(_) | Err(_) => Self::Foreign,
        }
    }
}

/// The directories that clients were put into, each with the client that was put there last.
pub fn client_places<'a>(placed: impl IntoIterator<Item = &'a PlacedClient>) -> Vec<PlacedClient> {
    let mut places: Vec<PlacedClient> = Vec::new();
    let mut put = |place: PlacedClient| {
        let at = |other: &PlacedClient| {
            other.docker_config == place.docker_config && other.context == place.context
        };
        places.retain(|other| !at(other));
        places.push(place);
    };
    for client in placed {
        if client.reach == Reach::Both {
            put(PlacedClient {
                context: None,
                ..client.clone()
            });
        }
        if client.context.is_some() {
            put(PlacedClient {
                reach: Reach::ContextAlone,
                ..client.clone()
            });
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn placed(name: &str, context: Option<&str>, reach: Reach) -> PlacedClient {
        PlacedClient {
            name: name.into(),
            docker_config: PathBuf::from("/home/alice/.docker"),
            context: context.map(|context| context.parse().unwrap()),
            reach,
        }
    }

    #[test]
    fn the_last_client_of_each_directory_counts() {
        use Reach::{Both, ContextAlone};
        let records = [
            placed("alice", Some("web-1"), Both),
            placed("bob", Some("web-2"), Both),
            placed("alice", Some("web-1"), ContextAlone),
            placed("carol", Some("web-2"), Both),
        ];
        let wanted = [
            placed("alice", Some("web-1"), ContextAlone),
            placed("carol", None, Both),
            placed("carol", Some("web-2"), ContextAlone),
        ];
        assert_eq!(client_places(&records), wanted);
    }
}

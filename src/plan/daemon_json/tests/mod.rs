//! Files named for their peculiarity, and what holds for every file.

mod patch;
mod properties;
mod refusals;
mod undo;

use super::*;

/// Two keys: the shortest patch that shows where new keys go, and how a list is written.
fn two_keys() -> Wanted {
    Wanted {
        hosts: Some(vec!["fd://".into(), "tcp://0.0.0.0:2376".into()]),
        tls: None,
        live_restore: Some(true),
    }
}

fn all_keys() -> Wanted {
    Wanted {
        tls: Some(TlsPaths {
            ca_certificate: "/etc/docker/CA/ca.pem".into(),
            certificate: "/etc/docker/CA/server-cert.pem".into(),
            key: "/etc/docker/CA/server-key.pem".into(),
        }),
        ..two_keys()
    }
}

fn parsed(octets: impl AsRef<[u8]>) -> DaemonJson {
    let octets = octets.as_ref();
    match DaemonJson::parse(octets) {
        Ok(file) => file,
        Err(fault) => panic!("{:?}: {fault}", String::from_utf8_lossy(octets)),
    }
}

fn patched(text: &str, wanted: &Wanted) -> String {
    String::from_utf8(parsed(text).patch(wanted)).unwrap()
}

fn unpatched(now: &str, installed: &Wanted, before: &str) -> String {
    String::from_utf8(parsed(now).unpatch(installed, &parsed(before))).unwrap()
}

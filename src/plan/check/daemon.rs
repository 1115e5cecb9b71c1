//! Where a daemon has its TLS files, and where it serves them, as its configuration says.

use std::path::PathBuf;

use crate::plan::daemon_json::DaemonJson;
use crate::plan::install::{Listen, TLS_PORT};
use crate::plan::systemd::DaemonFlags;

/// A daemon that is configured for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonTls {
    /// CA, certificate and key, in this order, as far as they are named.
    pub paths: [Option<PathBuf>; 3],
    /// Every TCP address it listens on: with TLS it speaks nothing else there.
    pub listens: Vec<Listen>,
}

impl DaemonTls {
    /// What daemon.json and the flags of docker.service say together; nothing if TLS is off.
    /// dockerd does not start if both say the same thing.
    pub fn of(json: &DaemonJson, flags: &DaemonFlags) -> Option<Self> {
        let tls = json.tls();
        // tlsverify turns TLS on by being there (moby, daemon/command/daemon.go).
        let is_on = tls.tls.or(flags.tls) == Some(true)
            || tls.verify.is_some()
            || flags.tlsverify.is_some();
        if !is_on {
            return None;
        }
        let path = |json: Option<String>, flag: &Option<String>| {
            let named = json.or_else(|| flag.clone());
            named.filter(|path| !path.is_empty()).map(PathBuf::from)
        };
        let entries = json.hosts().unwrap_or_default().iter().chain(&flags.hosts);
        let entries = Vec::from_iter(entries);
        let listens = match entries.as_slice() {
            // Where nothing is said, a daemon with TLS listens there (moby, opts/hosts.go).
            [] => format!("tcp://localhost:{TLS_PORT}")
                .parse()
                .into_iter()
                .collect(),
            entries => {
                let listens = entries.iter().filter_map(|entry| Listen::from_entry(entry));
                listens.collect()
            }
        };
        Some(Self {
            paths: [
                path(tls.ca_certificate, &flags.tlscacert),
                path(tls.certificate, &flags.tlscert),
                path(tls.key, &flags.tlskey),
            ],
            listens,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, flags: &DaemonFlags) -> Option<(Vec<String>, Vec<String>)> {
        let json = DaemonJson::parse(json.as_bytes()).unwrap();
        let tls = DaemonTls::of(&json, flags)?;
        let paths = tls.paths.iter().flatten();
        Some((
            paths.map(|path| path.display().to_string()).collect(),
            tls.listens.iter().map(ToString::to_string).collect(),
        ))
    }

    fn strings(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn daemon_json_names_files_and_addresses() {
        let json = r#"{"hosts": ["unix:///x", "tcp://10.0.0.7:2376", "fd://"], "tlsverify": true,
            "tlscacert": "/a", "tlscert": "/b", "tlskey": "/c"}"#;
        let found = of(json, &DaemonFlags::default()).unwrap();
        assert_eq!(found.0, strings(&["/a", "/b", "/c"]));
        assert_eq!(found.1, strings(&["tcp://10.0.0.7:2376"]));
    }

    #[test]
    fn flags_count_as_well() {
        let flags = DaemonFlags {
            hosts: strings(&["fd://", "tcp://0.0.0.0:2376"]),
            tlsverify: Some(true),
            tlscert: Some("/flag".into()),
            ..DaemonFlags::default()
        };
        let found = of("{}", &flags).unwrap();
        assert_eq!(
            found,
            (strings(&["/flag"]), strings(&["tcp://0.0.0.0:2376"]))
        );
    }

    #[test]
    fn a_daemon_without_tls_is_not_asked() {
        let none = DaemonFlags::default();
        assert_eq!(of(r#"{"hosts": ["tcp://0.0.0.0:2375"]}"#, &none), None);
        assert_eq!(of(r#"{"tls": false}"#, &none), None);
        assert_eq!(of("", &none), None);
    }

    #[test]
    fn with_tls_and_no_hosts_it_is_localhost() {
        let found = of(r#"{"tls": true}"#, &DaemonFlags::default()).unwrap();
        assert_eq!(found.1, strings(&["tcp://localhost:2376"]));
    }
}

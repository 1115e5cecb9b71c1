//! Merges what the daemon is to listen on into what it listens on.

use super::listen::{Listen, PLAIN_PORT};
use super::{Error, PlainTcp};

/// What `hosts` is to be, and what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merged {
    /// The entries, those that were there first.
    pub(super) hosts: Vec<String>,
    /// The addresses our clients use.
    pub(super) listens: Vec<Listen>,
    /// Plain TCP addresses that stay, and will speak TLS.
    pub(super) plain: Vec<String>,
    /// Plain TCP addresses that are taken away.
    pub(super) closed: Vec<String>,
    /// The path of the local socket, if there is one.
    pub(super) local: Option<String>,
}

/// Merges the wished addresses into those of daemon.json and of the unit's flags.
/// `default_socket` is where the daemon has its local socket when nobody says.
///
/// Without a wish it is the TCP addresses there are, else every address on port 2376.  Where
/// nothing is said, dockerd has its local socket alone; with TLS keys it would leave it for TCP
/// (moby, daemon/command/daemon.go, loadListeners), so the socket is written out.
pub(super) fn merge(
    file: Option<&[String]>,
    flags: &[String],
    wished: &[Listen],
    plain_tcp: PlainTcp,
    default_socket: &str,
) -> Result<Merged, Error> {
    let mut found: Vec<String> = Vec::new();
    for entry in file.unwrap_or_default().iter().chain(flags) {
        // dockerd takes an empty one for its local socket, as long as it has no TLS keys.
        let entry = match entry.trim() {
            "" => format!("unix://{default_socket}"),
            _ => entry.clone(),
        };
        if !found.contains(&entry) {
            found.push(entry);
        }
    }
    if found.is_empty() {
        found.push(format!("unix://{default_socket}"));
    }
    let is_plain = |entry: &String| {
        Listen::from_entry(entry)
            .is_some_and(|listen| listen.port() == PLAIN_PORT && !wished.contains(&listen))
    };
    let (plain, mut hosts): (Vec<String>, Vec<String>) = match plain_tcp {
        PlainTcp::Close => found.into_iter().partition(is_plain),
        PlainTcp::Keep => (Vec::new(), found),
    };
    let (closed, plain) = match plain_tcp {
        PlainTcp::Close => (plain, Vec::new()),
        PlainTcp::Keep => (
            plain,
            hosts.iter().filter(|it| is_plain(it)).cloned().collect(),
        ),
    };
    let there = |hosts: &[String]| -> Vec<Listen> {
        let listens = hosts.iter().filter_map(|entry| Listen::from_entry(entry));
        listens.filter(|it| it.port() != PLAIN_PORT).collect()
    };
    let listens = match (wished, there(&hosts)) {
        ([], there) if there.is_empty() => vec![Listen::everywhere()],
        ([], there) => there,
        (wished, _) => wished.to_vec(),
    };
    for listen in &listens {
        let taken = hosts.iter().filter_map(|entry| Listen::from_entry(entry));
        let taken = taken.chain(listens.iter().cloned());
        let mut clashing = taken.filter(|other| listen.clashes_with(other));
        if let Some(other) = clashing.next() {
            return Err(Error::Clash {
                wished: listen.clone(),
                there: other,
            });
        }
        let has = |entry: &String| Listen::from_entry(entry).as_ref() == Some(listen);
        if !hosts.iter().any(has) {
            hosts.push(listen.to_string());
        }
    }
    let local = hosts.iter().find_map(|it| local_socket(it, default_socket));
    Ok(Merged {
        hosts,
        listens,
        plain,
        closed,
        local,
    })
}

/// The path of a local socket by its entry; for `fd://` that of docker.socket.
fn local_socket(entry: &str, default_socket: &str) -> Option<String> {
    match entry.split_once("://") {
        Some(("unix", "")) => Some(default_socket.to_owned()),
        Some(("unix", path)) => Some(path.to_owned()),
        Some(("fd", _)) => Some(default_socket.to_owned()),
        _ => None,
    }
}

/// The local socket of a daemon with these hosts in daemon.json and in its flags.
pub(super) fn local_socket_of(
    file: Option<&[String]>,
    flags: &[String],
    default_socket: &str,
) -> Option<String> {
    let mut hosts = file.unwrap_or_default().iter().chain(flags).peekable();
    match hosts.peek() {
        None => Some(default_socket.to_owned()),
        Some(_) => hosts.find_map(|entry| local_socket(entry, default_socket)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: &str = "/var/run/docker.sock";

    fn merged(file: Option<&[&str]>, flags: &[&str], wished: &[&str]) -> Merged {
        let strings = |list: &[&str]| Vec::from_iter(list.iter().map(|it| (*it).to_owned()));
        let file = file.map(strings);
        let wished = Vec::from_iter(wished.iter().map(|it| it.parse().unwrap()));
        merge(
            file.as_deref(),
            &strings(flags),
            &wished,
            PlainTcp::Keep,
            SOCKET,
        )
        .unwrap()
    }

    #[test]
    fn a_daemon_of_which_nothing_is_said_keeps_its_local_socket() {
        let merged = merged(None, &[], &[]);
        assert_eq!(
            merged.hosts,
            ["unix:///var/run/docker.sock", "tcp://0.0.0.0:2376"]
        );
        assert_eq!(merged.local.as_deref(), Some("/var/run/docker.sock"));
    }

    #[test]
    fn an_entry_without_a_path_is_the_default_socket() {
        let merged = merged(Some(&["unix://"]), &[], &[]);
        assert_eq!(merged.hosts, ["unix://", "tcp://0.0.0.0:2376"]);
        assert_eq!(merged.local.as_deref(), Some("/var/run/docker.sock"));
        let empty = self::merged(Some(&[""]), &[], &[]);
        assert_eq!(
            empty.hosts,
            ["unix:///var/run/docker.sock", "tcp://0.0.0.0:2376"]
        );
        assert!(empty.plain.is_empty());
    }

    #[test]
    fn a_rootless_daemon_keeps_its_own_socket() {
        let socket = "/run/user/1000/docker.sock";
        let merged = merge(None, &[], &[], PlainTcp::Keep, socket).unwrap();
        assert_eq!(
            merged.hosts,
            ["unix:///run/user/1000/docker.sock", "tcp://0.0.0.0:2376"]
        );
        assert_eq!(merged.local.as_deref(), Some(socket));
    }

    #[test]
    fn what_the_unit_says_comes_along() {
        let merged = merged(None, &["fd://"], &["tcp://10.0.0.7:2376"]);
        assert_eq!(merged.hosts, ["fd://", "tcp://10.0.0.7:2376"]);
    }

    #[test]
    fn a_second_time_it_is_the_same() {
        let first = merged(Some(&["unix:///x"]), &[], &["tcp://127.0.0.1:4000"]);
        let hosts = Vec::from_iter(first.hosts.iter().map(String::as_str));
        let second = merged(Some(&hosts), &[], &[]);
        assert_eq!(second.hosts, first.hosts);
        assert_eq!(second.listens, first.listens);
    }

    #[test]
    fn plain_tcp_is_pointed_out_or_closed() {
        let file = ["tcp://0.0.0.0:2375", "unix:///x", "tcp://10.0.0.7"].map(str::to_owned);
        let kept = merge(Some(&file), &[], &[], PlainTcp::Keep, SOCKET).unwrap();
        assert_eq!(kept.plain, ["tcp://0.0.0.0:2375", "tcp://10.0.0.7"]);
        assert_eq!(kept.hosts.len(), 4);
        let closed = merge(Some(&file), &[], &[], PlainTcp::Close, SOCKET).unwrap();
        assert_eq!(closed.closed, ["tcp://0.0.0.0:2375", "tcp://10.0.0.7"]);
        assert_eq!(closed.hosts, ["unix:///x", "tcp://0.0.0.0:2376"]);
    }

    #[test]
    fn an_address_that_is_taken_is_refused() {
        let file = ["tcp://127.0.0.1:2376".to_owned()];
        let wished = [Listen::everywhere()];
        let clash = merge(Some(&file), &[], &wished, PlainTcp::Keep, SOCKET);
        assert!(matches!(clash, Err(Error::Clash { .. })));
    }
}

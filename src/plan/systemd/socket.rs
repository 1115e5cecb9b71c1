//! What docker.socket listens on for dockerd's `fd://`.

use super::UnitFiles;
use super::expand::Text;
use super::fault::Place;
use super::syntax::assignments;

/// A stream socket that systemd hands to dockerd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where it is said.
    pub at: Place,
    /// Its address, as written.
    pub address: String,
    /// What kind of address that is.
    pub kind: ListenKind,
}

/// The kinds of addresses of stream sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenKind {
    /// A path, or an abstract name after `@`: local.
    Unix,
    /// A port, with or without an address: dockerd serves it without TLS, and says nothing,
    /// unless it is told to use TLS.
    Tcp,
    /// A virtual machine's host, by VSOCK.
    Vsock,
}

/// The stream sockets of docker.socket and its drop-ins.
pub fn listens(socket: &UnitFiles) -> Vec<Listen> {
    let mut found = Vec::new();
    for assignment in assignments(socket.all(), "Socket") {
        // An empty assignment to any of ListenStream, ListenDatagram and so on resets them all.
        if assignment.key.starts_with("Listen") && assignment.value.is_empty() {
            found.clear();
        } else if assignment.key == "ListenStream" {
            let address = Text::from(assignment.value.as_str()).text;
            found.push(Listen {
                at: assignment.place(),
                kind: kind(&address),
                address,
            });
        }
    }
    found
}

fn kind(address: &str) -> ListenKind {
    if address.starts_with(['/', '@']) {
        ListenKind::Unix
    } else if address.starts_with("vsock:") {
        ListenKind::Vsock
    } else {
        ListenKind::Tcp
    }
}

#[cfg(test)]
mod tests {
    use super::super::UnitFile;
    use super::*;

    fn found(unit: &str, drop_ins: &[&str]) -> Vec<(String, ListenKind)> {
        let file = |text: &str| UnitFile {
            path: "docker.socket".into(),
            text: text.to_owned(),
        };
        let files = UnitFiles {
            unit: file(unit),
            drop_ins: drop_ins.iter().map(|text| file(text)).collect(),
        };
        listens(&files)
            .into_iter()
            .map(|listen| (listen.address, listen.kind))
            .collect()
    }

    const DOCKER_CE: &str = "[Unit]\nDescription=Docker Socket for the API\n\n[Socket]\n\
        # If /var/run is not implemented as a symlink to /run, you may need to\n\
        # specify ListenStream=/var/run/docker.sock instead.\n\
        ListenStream=/run/docker.sock\nSocketMode=0660\nSocketUser=root\nSocketGroup=docker\n\n\
        [Install]\nWantedBy=sockets.target\n";

    #[test]
    fn the_vendors_socket_is_local() {
        let local = ("/run/docker.sock".to_owned(), ListenKind::Unix);
        assert_eq!(found(DOCKER_CE, &[]), [local]);
    }

    #[test]
    fn ports_that_drop_ins_add_are_told_from_paths() {
        let drop_in = "[Socket]\nListenStream=2375\nListenStream=0.0.0.0:2376\n\
            ListenStream=[::1]:2377\nListenStream=@docker\nListenStream=vsock::2375\n\
            ListenStream=%t/x.sock\nListenDatagram=9\n[Service]\nListenStream=1\n";
        let kinds = [
            ("/run/docker.sock", ListenKind::Unix),
            ("2375", ListenKind::Tcp),
            ("0.0.0.0:2376", ListenKind::Tcp),
            ("[::1]:2377", ListenKind::Tcp),
            ("@docker", ListenKind::Unix),
            ("vsock::2375", ListenKind::Vsock),
            ("/run/x.sock", ListenKind::Unix),
        ];
        assert_eq!(
            found(DOCKER_CE, &[drop_in]),
            kinds.map(|(address, kind)| (address.to_owned(), kind))
        );
    }

    #[test]
    fn an_empty_assignment_of_any_kind_resets() {
        let left = [("2376".to_owned(), ListenKind::Tcp)];
        let reset = |key: &str| format!("[Socket]\n{key}=\nListenStream=2376\n");
        assert_eq!(found(DOCKER_CE, &[&reset("ListenStream")]), left);
        assert_eq!(found(DOCKER_CE, &[&reset("ListenFIFO")]), left);
    }
}

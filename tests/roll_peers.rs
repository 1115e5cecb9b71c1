//! Who reaches whom in a rollover: rustls as client and as server, with what was handed out at each
//! phase, for every kind of key.

#![allow(clippy::disallowed_methods, reason = "tests touch the machine")]

mod support;

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use support::{KEY_TYPES, TestHome};

/// What is done to the home, in this order; after each, copies are handed out.
const PHASES: [(&str, &[&str]); 4] = [
    (
        "before",
        &["init", "--san", "localhost", "--client", "alice"],
    ),
    ("started", &["ca", "roll", "start"]),
    ("issued", &["ca", "roll", "issue"]),
    ("finished", &["ca", "roll", "finish", "--yes"]),
];

/// Whether a client reaches a server, by when each had its copy.  What the home has become since
/// changes nothing of that: a copy is a copy.
const REACHES: &str = "
    client \\ server   before  started  issued  finished
    before             yes     yes      -       -
    started            yes     yes      yes     -
    issued             -       yes      yes     yes
    finished           -       -        yes     yes
";

/// The same once the rollover is undone after it was issued to all, which makes the old CA sign
/// again, and then issued to all and finished.
const REACHES_UNDONE: &str = "
    client \\ server   before  started  issued  undone  back  finished
    before             yes     yes      -       -       yes   yes
    started            yes     yes      yes     yes     yes   yes
    issued             -       yes      yes     yes     yes   -
    undone             -       yes      yes     yes     yes   -
    back               yes     yes      yes     yes     yes   yes
    finished           yes     yes      -       -       yes   yes
";

/// What goes to a server or a client.
struct Copy {
    cas: Arc<RootCertStore>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Copy {
    fn of(home: &TestHome, pair: &str, certificate: &str, key: &str) -> Self {
        let path = |name: &str| home.path().join(pair).join(name);
        Self {
            cas: Arc::new(roots(&path("ca.pem"))),
            certificate: support::certificate(&path(certificate)),
            key: PrivateKeyDer::from_pem_file(path(key)).unwrap(),
        }
    }

    fn client(home: &TestHome) -> Self {
        Self::of(home, "clients/alice", "cert.pem", "key.pem")
    }

    fn server(home: &TestHome) -> Self {
        Self::of(
            home,
            "servers/localhost",
            "server-cert.pem",
            "server-key.pem",
        )
    }
}

/// Every CA in a `ca.pem`.
fn roots(path: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_file_iter(path).unwrap() {
        roots.add(ca.unwrap()).unwrap();
    }
    roots
}

/// Whether both believe each other, and who does not if not.  There is no wire: what one writes the
/// other reads.
fn reaches(
    client: &Copy,
    server: &Copy,
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<(), String> {
    let verifier = rustls::server::WebPkiClientVerifier::builder(server.cas.clone());
    let server = ServerConfig::builder_with_protocol_versions(&[version])
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![server.certificate.clone()], server.key.clone_key())
        .unwrap();
    let client = ClientConfig::builder_with_protocol_versions(&[version])
        .with_root_certificates(client.cas.clone())
        .with_client_auth_cert(vec![client.certificate.clone()], client.key.clone_key())
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    client.writer().write_all(b"hello").unwrap();
    while client.wants_write() || server.wants_write() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut rest = &wire[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
        }
        let by_server = server.process_new_packets();
        by_server.map_err(|error| format!("the server: {error}"))?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut rest = &wire[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
        }
        let by_client = client.process_new_packets();
        by_client.map_err(|error| format!("the client: {error}"))?;
    }
    let mut said = [0; 5];
    server.reader().read_exact(&mut said).unwrap();
    assert_eq!(said, *b"hello");
    Ok(())
}

/// Asserts that who reaches whom is as the table says.
#[track_caller]
fn assert_table(what: &str, names: &[&str], clients: &[Copy], servers: &[Copy], table: &str) {
    let mut lines = table.trim().lines().map(str::split_whitespace);
    let header = Vec::from_iter(lines.next().unwrap().skip(3));
    assert_eq!(header, names);
    for (client, row) in clients.iter().zip(names) {
        let mut line = lines.next().unwrap();
        assert_eq!(line.next(), Some(*row));
        for (server, column) in servers.iter().zip(names) {
            let is_wanted = line.next() == Some("yes");
            for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
                let found = reaches(client, server, version);
                let where_to = format!("{what}: client of {row}, server of {column}: {found:?}");
                assert_eq!(found.is_ok(), is_wanted, "{where_to}");
                let unbelieved = found.as_ref().err();
                let words = "UnknownIssuer";
                assert!(unbelieved.is_none_or(|it| it.contains(words)), "{where_to}");
            }
        }
        assert_eq!(line.next(), None);
    }
}

/// Goes through the phases and hands out after each.
fn goes_through(phases: &[(&str, &[&str])], key_type: &str) -> (Vec<Copy>, Vec<Copy>) {
    let home = TestHome::in_memory();
    let mut clients = Vec::new();
    let mut servers = Vec::new();
    for (_, arguments) in phases {
        let key_type = ["--key-type", key_type];
        let key_type = key_type.iter().filter(|_| arguments[0] == "init");
        home.run(arguments.iter().chain(key_type)).succeeds();
        clients.push(Copy::client(&home));
        servers.push(Copy::server(&home));
    }
    (clients, servers)
}

#[test]
fn whoever_has_what_was_handed_out_is_reached() {
    let names = PHASES.map(|(name, _)| name);
    for key_type in KEY_TYPES {
        let (clients, servers) = goes_through(&PHASES, key_type);
        assert_table(key_type, &names, &clients, &servers, REACHES);
    }
}

#[test]
fn whoever_has_what_was_handed_out_is_reached_on_the_way_back() {
    let [before, started, issued, finished] = PHASES;
    let undone: (&str, &[&str]) = ("undone", &["ca", "roll", "undo"]);
    let phases = [
        before,
        started,
        issued,
        undone,
        ("back", issued.1),
        finished,
    ];
    let names = phases.map(|(name, _)| name);
    let (clients, servers) = goes_through(&phases, "p256");
    assert_table("p256", &names, &clients, &servers, REACHES_UNDONE);
}

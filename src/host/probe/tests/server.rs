//! Servers on the loopback that behave as daemons do, or should not.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::crypto::{aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, ServerConnection,
    SignatureScheme, SupportedProtocolVersion,
};

use super::super::{Failure, Identity, Proof, Target, prove, stranger};
use crate::host::clock;
use crate::pki::{Ca, KeyType, Life, PrivateKey, Serial, SubjectAltNames, Validity};

/// A CA with one client.
pub(super) struct World {
    pub(super) ca: Ca,
    pub(super) client: Identity,
}

/// A server's certificate with its key.
pub(super) struct Pair {
    pub(super) identity: Identity,
    pub(super) serial: Serial,
}

impl World {
    pub(super) fn new() -> Self {
        // Old enough for certificates that have expired.
        let begin = clock() - time::Duration::days(100);
        let validity = Validity::of_ca(Life::CA, begin).unwrap();
        let ca = Ca::new(key(), &serial(), validity, None).unwrap();
        let key = key();
        let issued = ca.issue_client(&"alice".parse().unwrap(), &key, serial(), leaf(&ca));
        let client = identity(&issued.unwrap().pem(), &key);
        Self { ca, client }
    }

    pub(super) fn server(&self) -> Pair {
        self.server_with("localhost,127.0.0.1", serial(), leaf(&self.ca))
    }

    pub(super) fn server_with(&self, sans: &str, serial: Serial, validity: Validity) -> Pair {
        let key = key();
        let sans = SubjectAltNames::parse([sans]).unwrap();
        let issued = self.ca.issue_server(&sans, &key, serial.clone(), validity);
        Pair {
            identity: identity(&issued.unwrap().pem(), &key),
            serial,
        }
    }

    pub(super) fn target(&self, at: SocketAddr) -> Target {
        let ca = self.ca.certificate().pem();
        let address = at.ip().to_string();
        Target::new(&address, at.port(), "localhost", ca.as_bytes()).unwrap()
    }

    /// Proves the server on this port.
    pub(super) fn prove(&self, port: u16, serial: &Serial, limit: Duration) -> Outcome {
        let at = (Ipv4Addr::LOCALHOST, port).into();
        self.prove_at(at, serial, limit)
    }

    pub(super) fn prove_at(&self, at: SocketAddr, serial: &Serial, limit: Duration) -> Outcome {
        let target = self.target(at);
        let stranger = stranger(clock()).unwrap();
        let began = Instant::now();
        let outcome = prove(&target, &self.client, &stranger, serial, began + limit);
        Outcome {
            outcome,
            took: began.elapsed(),
            limit,
        }
    }
}

/// How a proof ended, and when.
#[derive(Debug)]
pub(super) struct Outcome {
    outcome: Result<Proof, Failure>,
    took: Duration,
    limit: Duration,
}

impl Outcome {
    #[track_caller]
    pub(super) fn succeeds(self) -> Proof {
        match self.outcome {
            Ok(proof) => proof,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// Failed long before the deadline.
    #[track_caller]
    pub(super) fn fails_at_once(self) -> Failure {
        assert!(self.took < self.limit / 2, "{self:#?}");
        self.outcome.unwrap_err()
    }

    /// Failed because of the deadline, and did not go far beyond it.
    #[track_caller]
    pub(super) fn fails_at_the_deadline(self) -> Failure {
        assert!(self.took > self.limit / 2, "{self:#?}");
        assert!(self.took < self.limit + PATIENCE / 2, "{self:#?}");
        self.outcome.unwrap_err()
    }
}

/// More than any test takes, on however busy a machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// As long as a test may take that waits for a deadline.
pub(super) const SHORT: Duration = Duration::from_secs(1);
/// Where no other test listens, so that a port once closed stays so.
pub(super) const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 3, 7, 9);

pub(super) fn key() -> PrivateKey {
    PrivateKey::generate(KeyType::P256).unwrap()
}

pub(super) fn serial() -> Serial {
    Serial::generate().unwrap()
}

/// A year from now, or as long as the CA lives.
pub(super) fn leaf(ca: &Ca) -> Validity {
    Validity::of_leaf(Life::LEAF, clock(), ca.certificate().validity).unwrap()
}

pub(super) fn identity(certificate_pem: &str, key: &PrivateKey) -> Identity {
    let key = key.to_pem().unwrap();
    Identity::from_pem(certificate_pem.as_bytes(), key.expose().as_bytes()).unwrap()
}

/// Which clients a server takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes<'a> {
    /// Those of the CA.
    Only(&'a Ca),
    /// Those of the CA, and those without a certificate.
    OnlyIfAny(&'a Ca),
    /// Those of the first CA, and names the second, if any, when it asks.
    OnlyNaming(&'a Ca, Option<&'a Ca>),
    /// Those with a certificate, whose ever it is; but names the CA when it asks.
    AnyNaming(&'a Ca),
    /// All, without a question.
    Everybody,
}

/// A server's side of TLS.
pub(super) fn tls(pair: &Pair, takes: Takes<'_>) -> Arc<ServerConfig> {
    tls_of(pair, takes, rustls::ALL_VERSIONS)
}

pub(super) fn tls_of(
    pair: &Pair,
    takes: Takes<'_>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = |ca: &Ca| {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(ca.certificate().der.clone()))
            .unwrap();
        WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
    };
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .unwrap();
    let config = match takes {
        Takes::Only(ca) => config.with_client_cert_verifier(verifier(ca).build().unwrap()),
        Takes::OnlyIfAny(ca) => {
            let verifier = verifier(ca).allow_unauthenticated().build();
            config.with_client_cert_verifier(verifier.unwrap())
        }
        Takes::OnlyNaming(ca, named) => {
            let named = named.map(subject).into_iter();
            let verifier = verifier(ca).clear_root_hint_subjects();
            let verifier = verifier.add_root_hint_subjects(named).build();
            config.with_client_cert_verifier(verifier.unwrap())
        }
        Takes::AnyNaming(ca) => config.with_client_cert_verifier(Arc::new(TakesAny([subject(ca)]))),
        Takes::Everybody => config.with_no_client_auth(),
    };
    let shown = SingleCertAndKey::from(pair.identity.shown.clone());
    Arc::new(config.with_cert_resolver(Arc::new(shown)))
}

fn subject(ca: &Ca) -> DistinguishedName {
    DistinguishedName::from(ca.certificate().subject_der.clone())
}

/// Takes any certificate for good, and names the CA.
#[derive(Debug)]
struct TakesAny([DistinguishedName; 1]);

impl ClientCertVerifier for TakesAny {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.0
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let provider = aws_lc_rs::default_provider();
        let algorithms = &provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let provider = aws_lc_rs::default_provider();
        let algorithms = &provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = aws_lc_rs::default_provider();
        provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A server on a port of its own, which goes away.
pub(super) struct Server {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Hands each connection with its number, from 0, to `serve`, one after the other.
    pub(super) fn start(mut serve: impl FnMut(usize, TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let ends = Arc::new(AtomicBool::new(false));
        let (count, end) = (connections.clone(), ends.clone());
        let thread = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                serve(count.fetch_add(1, Ordering::SeqCst), stream);
            }
        });
        Self {
            port,
            connections,
            ends,
            thread: Some(thread),
        }
    }

    /// A daemon that answers as one does.
    pub(super) fn daemon(config: Arc<ServerConfig>) -> Self {
        Self::start(move |_, stream| answer(&config, stream, dockerd))
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes it, if it still listens.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "the server panicked");
    }
}

/// What a daemon answers.
pub(super) fn dockerd(path: &str) -> String {
    match path {
        "/_ping" => ok("OK"),
        "/version" => chunked(&["{\"Version\":\"20.10.24\",", "\"ApiVersion\":\"1.41\"}\n"]),
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
    }
}

pub(super) fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")
}

pub(super) fn chunked(chunks: &[&str]) -> String {
    let mut answer = String::from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunk in chunks.iter().chain(&[""]) {
        answer.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    }
    answer
}

/// Answers one request, if TLS lets it through.
pub(super) fn answer(
    config: &Arc<ServerConfig>,
    mut stream: TcpStream,
    reply: impl Fn(&str) -> String,
) {
    let mut connection = ServerConnection::new(config.clone()).unwrap();
    let mut tls = rustls::Stream::new(&mut connection, &mut stream);
    if let Some(path) = read_request(&mut tls) {
        // The client may have heard enough.
        let _ = tls.write_all(reply(&path).as_bytes());
        tls.conn.send_close_notify();
        let _ = tls.flush();
    }
}

/// The path that is asked for, if a request comes.
pub(super) fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut octet = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).ok()?;
        head.extend(octet);
    }
    let head = String::from_utf8(head).unwrap();
    head.split(' ').nth(1).map(str::to_owned)
}

/// Says nothing until the other side hangs up.
pub(super) fn stay_silent(mut stream: TcpStream) {
    let mut heard = [0; 512];
    while let Ok(1..) = stream.read(&mut heard) {}
}

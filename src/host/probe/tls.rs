//! One TLS connection to a daemon, which remembers what the daemon showed and asked for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName, ProtocolVersion,
    RootCertStore, SignatureScheme, SupportedProtocolVersion,
};

use super::deadline::{Timed, left};
use super::{Identity, Target};
use crate::pki::{self, Certificate};

/// Which versions of TLS are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// TLS 1.3 and 1.2: the daemon chooses.
    Both,
    /// TLS 1.2 alone.
    Tls12,
}

impl Offer {
    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
        match self {
            Self::Both => rustls::ALL_VERSIONS,
            Self::Tls12 => TLS12,
        }
    }
}

/// Who is trusted, and by which cryptography: made once, used for each connection.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    judge: Arc<WebPkiServerVerifier>,
    subjects: Vec<DistinguishedName>,
}

impl Trust {
    /// Trusts the CAs of a PEM text and nobody else.
    pub(super) fn in_only(ca_pem: &[u8]) -> Result<Self, pki::Error> {
        let broken = |cause: String| pki::Error::BrokenCertificate { cause };
        let mut roots = RootCertStore::empty();
        for der in pki::certificates_from_pem(ca_pem)? {
            let added = roots.add(CertificateDer::from(der));
            added.map_err(|cause| broken(cause.to_string()))?;
        }
        let subjects = roots.subjects();
        // Not the process's default: that is the choice of whoever uses this library.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let judge = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
        let judge = judge.build().map_err(|cause| broken(cause.to_string()))?;
        Ok(Self {
            provider,
            judge,
            subjects,
        })
    }
}

/// A connection to a daemon.
pub(super) struct Channel {
    connection: ClientConnection,
    socket: Timed<TcpStream>,
    witness: Arc<Witness>,
    card: Arc<Card>,
}

impl Channel {
    /// Connects, and says nothing yet.
    pub(super) fn open(
        target: &Target,
        shows: Option<&Identity>,
        offer: Offer,
        deadline: Instant,
    ) -> io::Result<Self> {
        let witness = Arc::new(Witness {
            judge: target.trust.judge.clone(),
            served: OnceLock::new(),
        });
        let card = Arc::new(Card {
            key: shows.map(|identity| identity.shown.clone()),
            asked_for: OnceLock::new(),
        });
        let mut config = ClientConfig::builder_with_provider(target.trust.provider.clone())
            .with_protocol_versions(offer.versions())
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(witness.clone())
            .with_client_cert_resolver(card.clone());
        // Who resumes a session is not judged anew.
        config.resumption = Resumption::disabled();
        let connection = ClientConnection::new(Arc::new(config), target.name.clone());
        let socket = connect(&target.address, target.port, deadline)?;
        socket.set_nodelay(true)?;
        Ok(Self {
            connection: connection.map_err(io::Error::other)?,
            socket: Timed::new(socket, deadline),
            witness,
            card,
        })
    }

    /// Shakes hands.  In TLS 1.3 that does not tell whether the daemon takes our certificate: it
    /// judges when we are done (RFC 8446, section 4.4.2.4).
    pub(super) fn handshake(&mut self) -> io::Result<()> {
        while self.connection.is_handshaking() {
            let progress = self.heard(|stream| stream.conn.complete_io(stream.sock))?;
            if progress == (0, 0) {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// The certificate the daemon showed, whether it was found good or not.
    pub(super) fn served(&self) -> Option<Result<Certificate, pki::Error>> {
        let der = self.witness.served.get()?;
        Some(Certificate::from_der(der))
    }

    /// Whose certificates the daemon asked for; nothing if it did not ask.
    pub(super) fn asked_for(&self, trust: &Trust) -> Option<Issuers> {
        let named = self.card.asked_for.get()?;
        let is_ours = |name: &Vec<u8>| trust.subjects.iter().any(|our| our.as_ref() == name);
        Some(match named.as_slice() {
            [] => Issuers::Unnamed,
            named if named.iter().any(is_ours) => Issuers::Ours,
            _ => Issuers::Others,
        })
    }

    /// Whether TLS 1.2 was agreed on, where the daemon judges before the handshake ends.
    pub(super) fn is_tls12(&self) -> bool {
        self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_2)
    }

    /// The first octets the daemon sent, before any TLS.
    pub(super) fn first(&self) -> &[u8] {
        self.socket.first()
    }

    /// Runs an operation; if the connection breaks meanwhile, hears what the daemon said last.
    ///
    /// A daemon that refuses us sends an alert and hangs up.  We may be writing just then, which
    /// fails, while the alert that tells why is there to be read.
    fn heard<T>(
        &mut self,
        operation: impl FnOnce(&mut Stream<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut stream = rustls::Stream::new(&mut self.connection, &mut self.socket);
        operation(&mut stream).map_err(|cause| match is_broken(&cause) {
            true => self.last_words().unwrap_or(cause),
            false => cause,
        })
    }

    fn last_words(&mut self) -> Option<io::Error> {
        while let Ok(1..) = self.connection.read_tls(&mut self.socket) {
            if let Err(cause) = self.connection.process_new_packets() {
                return Some(io::Error::new(ErrorKind::InvalidData, cause));
            }
        }
        None
    }
}

/// The CAs a daemon names when it asks for a certificate (RFC 8446, section 4.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Issuers {
    /// Ours, perhaps among others.
    Ours,
    /// Others alone.
    Others,
    /// None.
    Unnamed,
}

type Stream<'a> = rustls::Stream<'a, ClientConnection, Timed<TcpStream>>;

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.heard(|stream| stream.read(buffer)).or_else(|cause| {
            // The last words may have been an answer after all.
            match self.connection.reader().read(buffer) {
                Ok(count @ 1..) => Ok(count),
                _ => Err(cause),
            }
        })
    }
}

impl Write for Channel {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.heard(|stream| stream.write(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.heard(|stream| stream.flush())
    }
}

/// Whether the other side hung up on us while we spoke.
fn is_broken(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}

/// Connects to the first address that answers; each gets its share of the time.
pub(super) fn connect(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let addresses = Vec::from_iter((host, port).to_socket_addrs()?);
    let mut refusal = io::Error::from(ErrorKind::NotFound);
    for (tried, address) in addresses.iter().enumerate() {
        let remaining = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        // To wait for no time at all is an error of another kind.
        let share = (left(deadline)? / remaining).max(std::time::Duration::from_millis(1));
        match TcpStream::connect_timeout(address, share) {
            Ok(socket) => return Ok(socket),
            Err(cause) => refusal = cause,
        }
    }
    Err(refusal)
}

/// Has the daemon's certificate judged by rustls, and keeps it, found good or not.
#[derive(Debug)]
struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    served: OnceLock<CertificateDer<'static>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.served.get_or_init(|| end_entity.clone().into_owned());
        self.judge
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// Shows a certificate to whoever asks, whichever issuers they name, or shows that there is none.
#[derive(Debug)]
struct Card {
    key: Option<Arc<CertifiedKey>>,
    /// The subjects of the CAs that were named, in DER.
    asked_for: OnceLock<Vec<Vec<u8>>>,
}

impl ResolvesClientCert for Card {
    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let named = || root_hint_subjects.iter().map(|name| name.to_vec());
        self.asked_for.get_or_init(|| named().collect());
        self.key.clone()
    }

    /// Also without one: else nobody would tell that it was asked for.
    fn has_certs(&self) -> bool {
        true
    }
}

//! A CA, a server and a client without a file, and a mutual TLS handshake between two rustls
//! peers with what was made.
//!
//! Run it with `cargo run --example in_memory`.

use std::error::Error;
use std::sync::Arc;

use dockpki::pki::{
    Ca, Issued, KeyType, Life, Name, PrivateKey, Serial, SubjectAltNames, Validity,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use time::OffsetDateTime;

fn main() -> Result<(), Box<dyn Error>> {
    // Time, keys and serials are arguments.  The clock is read once, here.
    #[expect(clippy::disallowed_methods, reason = "an example is its own host")]
    let now = OffsetDateTime::now_utc();
    let ca_key = PrivateKey::generate(KeyType::P256)?;
    let ca_validity = Validity::of_ca(Life::CA, now)?;
    let ca = Ca::new(ca_key, &Serial::generate()?, ca_validity, None)?;
    let validity = Validity::of_leaf("90d".parse()?, now, ca_validity)?;

    let server_key = PrivateKey::generate(KeyType::P256)?;
    let sans = SubjectAltNames::parse(["localhost,127.0.0.1"])?;
    let server = ca.issue_server(&sans, &server_key, Serial::generate()?, validity)?;

    let client_key = PrivateKey::generate(KeyType::Ed25519)?;
    let name: Name = "alice".parse()?;
    let client = ca.issue_client(&name, &client_key, Serial::generate()?, validity)?;

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ca.certificate().der.clone()))?;
    let roots = Arc::new(roots);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());

    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build()?;
    let server_config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(&server), key(&server_key)?)?;
    let client_config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain(&client), key(&client_key)?)?;

    let mut server = ServerConnection::new(Arc::new(server_config))?;
    let host = ServerName::try_from("localhost")?;
    let mut client = ClientConnection::new(Arc::new(client_config), host)?;
    shake_hands(&mut client, &mut server)?;

    let seen = server.peer_certificates().and_then(|chain| chain.first());
    let seen = dockpki::pki::Certificate::from_der(seen.ok_or("no client certificate")?)?;
    println!(
        "{:?}: the server knows the client as {}",
        server.protocol_version().ok_or("no protocol")?,
        seen.common_name.unwrap_or_default()
    );
    Ok(())
}

fn chain(issued: &Issued) -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from(issued.der.clone())]
}

fn key(key: &PrivateKey) -> Result<PrivateKeyDer<'static>, dockpki::pki::Error> {
    let der = key.to_pkcs8_der()?;
    Ok(PrivatePkcs8KeyDer::from(der.to_vec()).into())
}

/// Carries the records from one peer to the other until both are through.
fn shake_hands(
    client: &mut ClientConnection,
    server: &mut ServerConnection,
) -> Result<(), Box<dyn Error>> {
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire)?;
        server.read_tls(&mut wire.as_slice())?;
        server.process_new_packets()?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire)?;
        client.read_tls(&mut wire.as_slice())?;
        client.process_new_packets()?;
    }
    Ok(())
}

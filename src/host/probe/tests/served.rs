//! What is seen of a certificate by who has none to show.

use rustls::version::{TLS12, TLS13};

use super::super::served;
use super::server::*;

#[test]
fn a_certificate_is_seen_without_one_to_show() {
    let world = World::new();
    let pair = world.server();
    for versions in [&[&TLS12][..], &[&TLS13], rustls::ALL_VERSIONS] {
        for takes in [Takes::Only(&world.ca), Takes::Everybody] {
            let server = Server::daemon(tls_of(&pair, takes, versions));
            let seen = served("127.0.0.1", server.port, PATIENCE).unwrap();
            assert_eq!(seen.serial, pair.serial);
            let seen = served("localhost", server.port, PATIENCE).unwrap();
            assert_eq!(seen.serial, pair.serial);
        }
    }
}

#[test]
fn a_certificate_that_is_no_good_is_seen_too() {
    let world = World::new();
    let ca = world.ca.certificate().validity;
    let expired = crate::pki::Validity {
        not_before: ca.not_before,
        not_after: ca.not_before + time::Duration::days(1),
    };
    let pair = world.server_with("another.example.com", serial(), expired);
    let server = Server::daemon(tls(&pair, Takes::Only(&world.ca)));
    let seen = served("127.0.0.1", server.port, PATIENCE).unwrap();
    assert_eq!(seen.serial, pair.serial);
    assert_eq!(seen.validity, expired);
}

#[test]
fn what_came_instead_is_told_in_words() {
    let nobody = {
        let listener = std::net::TcpListener::bind((ELSEWHERE, 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let told = served(&ELSEWHERE.to_string(), nobody, PATIENCE);
    assert_eq!(told.unwrap_err(), "nobody listens there");

    let plain = Server::start(|_, mut stream| {
        let mut hello = [0; 4096];
        let _ = std::io::Read::read(&mut stream, &mut hello);
        let answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
        let _ = std::io::Write::write_all(&mut stream, answer);
    });
    let told = served("127.0.0.1", plain.port, PATIENCE);
    assert_eq!(told.unwrap_err(), "it speaks plain HTTP there, without TLS");

    let hangs_up = Server::start(|_, stream| drop(stream));
    let told = served("127.0.0.1", hangs_up.port, PATIENCE);
    assert_eq!(told.unwrap_err(), "it hung up without an answer");

    let silent = Server::start(|_, stream| stay_silent(stream));
    let told = served("127.0.0.1", silent.port, SHORT);
    assert_eq!(told.unwrap_err(), "it did not answer in time");
}

#[test]
fn a_certificate_without_its_key_is_no_proof() {
    let world = World::new();
    let mut pair = world.server();
    let other = world.server();
    // The certificate of one with the key of the other.
    let shown = std::sync::Arc::new(rustls::sign::CertifiedKey::new(
        pair.identity.shown.cert.clone(),
        other.identity.shown.key.clone(),
    ));
    pair.identity.shown = shown;
    let server = Server::daemon(tls(&pair, Takes::Everybody));
    let told = served("127.0.0.1", server.port, PATIENCE);
    assert_eq!(
        told.unwrap_err(),
        "it serves a certificate without having its key"
    );
}

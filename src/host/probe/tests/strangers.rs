//! Daemons that answer others than their client, and what is no refusal.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection};

use super::server::*;
use crate::host::probe::Probe;

#[test]
fn a_daemon_that_resets_strangers_without_a_word_is_proved() {
    let world = World::new();
    let pair = world.server();
    let config = tls(&pair, Takes::Only(&world.ca));
    let server = Server::start(move |number, stream| match number {
        2..=5 => {
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = stream;
            // The hello alone; what the client says to ours is left unread, which resets.
            connection.read_tls(&mut stream).unwrap();
            connection.process_new_packets().unwrap();
            while connection.wants_write() {
                connection.write_tls(&mut stream).unwrap();
            }
            assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
        }
        _ => answer(&config, stream, dockerd),
    });
    world.prove(server.port, &pair.serial, PATIENCE).succeeds();
}

#[test]
fn a_daemon_that_answers_everybody_fails() {
    let world = World::new();
    let pair = world.server();
    for version in [&TLS12, &TLS13] {
        let server = Server::daemon(tls_of(&pair, Takes::Everybody, &[version]));
        let failure = world.prove(server.port, &pair.serial, PATIENCE);
        let failure = failure.fails_at_once();
        assert_eq!(failure.probe, Probe::WithoutCertificate);
        let address = format!("127.0.0.1:{}", server.port);
        assert_eq!(
            failure.to_string(),
            format!(
                "the daemon at `{address}` failed a probe, `GET /_ping` without a certificate: \
                 it answered `HTTP/1.1 200 OK` and never asked for a certificate, wanted a refusal"
            )
        );
    }
}

#[test]
fn a_daemon_that_answers_a_client_without_certificate_fails_whatever_it_answers() {
    let world = World::new();
    let pair = world.server();
    for status in ["400 Bad Request", "403 Forbidden", "500 Oops", "999"] {
        let config = tls(&pair, Takes::OnlyIfAny(&world.ca));
        let server = Server::start(move |number, stream| {
            answer(&config, stream, |path| match number {
                2 => format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"),
                _ => dockerd(path),
            });
        });
        let failure = world.prove(server.port, &pair.serial, PATIENCE);
        let failure = failure.fails_at_once();
        assert_eq!(failure.probe, Probe::WithoutCertificate);
        assert_eq!(failure.found, format!("it answered `HTTP/1.1 {status}`"));
    }
}

#[test]
fn a_daemon_that_says_one_octet_to_a_client_without_certificate_fails() {
    let world = World::new();
    let pair = world.server();
    let config = tls(&pair, Takes::OnlyIfAny(&world.ca));
    let server = Server::start(move |number, stream| {
        answer(&config, stream, |path| match number {
            2 => "?".to_owned(),
            _ => dockerd(path),
        });
    });
    let failure = world.prove(server.port, &pair.serial, PATIENCE);
    assert_eq!(failure.fails_at_once().found, "it answered `?`");
}

#[test]
fn a_daemon_that_answers_strangers_fails() {
    let world = World::new();
    let pair = world.server();
    let server = Server::daemon(tls(&pair, Takes::AnyNaming(&world.ca)));
    let failure = world.prove(server.port, &pair.serial, PATIENCE);
    let failure = failure.fails_at_once();
    assert_eq!(failure.probe, Probe::StrangersCertificate);
    assert_eq!(failure.found, "it answered `HTTP/1.1 200 OK`");
    assert_eq!(failure.wanted, "a refusal");
}

#[test]
fn a_daemon_that_lets_strangers_in_by_tls12_alone_fails() {
    let world = World::new();
    let pair = world.server();
    for (lets_in, probe) in [
        (Takes::Everybody, Probe::WithoutCertificate),
        (Takes::AnyNaming(&world.ca), Probe::StrangersCertificate),
    ] {
        let strict = tls(&pair, Takes::Only(&world.ca));
        let lax = tls_of(&pair, lets_in, &[&TLS12]);
        let server = Server::start(move |number, stream| match number {
            0..=3 => answer(&strict, stream, dockerd),
            _ => answer(&lax, stream, dockerd),
        });
        let failure = world.prove(server.port, &pair.serial, PATIENCE);
        assert_eq!(failure.fails_at_once().probe, probe);
    }
}

#[test]
fn a_daemon_that_agrees_to_tls_with_strangers_and_then_hangs_up_fails() {
    let world = World::new();
    let pair = world.server();
    let config = tls_of(&pair, Takes::OnlyIfAny(&world.ca), &[&TLS12]);
    let server = Server::start(move |number, stream| {
        answer(&config, stream, |path| match number {
            2 => String::new(),
            _ => dockerd(path),
        });
    });
    let failure = world.prove(server.port, &pair.serial, PATIENCE);
    let failure = failure.fails_at_once();
    assert_eq!(failure.probe, Probe::WithoutCertificate);
    assert_eq!(failure.found, "it completed the handshake of TLS 1.2");
}

#[test]
fn a_hang_up_of_a_daemon_that_never_asked_is_no_refusal() {
    let world = World::new();
    let pair = world.server();
    let config = tls(&pair, Takes::Everybody);
    let server = Server::start(move |number, stream| {
        answer(&config, stream, |path| match number {
            0 | 1 => dockerd(path),
            _ => String::new(),
        });
    });
    let failure = world.prove(server.port, &pair.serial, SHORT);
    let failure = failure.fails_at_the_deadline();
    assert_eq!(failure.probe, Probe::WithoutCertificate);
    assert_eq!(
        failure.found,
        "it hung up and never asked for a certificate"
    );
}

#[test]
fn a_hang_up_before_the_certificate_is_judged_is_no_refusal() {
    let world = World::new();
    let pair = world.server();
    let config = tls_of(&pair, Takes::Only(&world.ca), &[&TLS12]);
    let server = Server::start(move |number, stream| match number {
        0 | 1 => answer(&config, stream, dockerd),
        // It asked for a certificate, but we have not yet heard it to the end.
        _ => cut_hello(&config, stream),
    });
    let failure = world.prove(server.port, &pair.serial, SHORT);
    let failure = failure.fails_at_the_deadline();
    assert_eq!(failure.probe, Probe::WithoutCertificate);
    assert_eq!(failure.found, "it hung up without an answer");
}

#[test]
fn a_daemon_that_ends_after_it_answered_its_client_is_not_proved() {
    let world = World::new();
    let pair = world.server();
    // Either the port is closed, or it hangs up before it has shown a certificate.
    for last in [1, 2] {
        let config = tls(&pair, Takes::Only(&world.ca));
        let listener = TcpListener::bind((ELSEWHERE, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            for number in 0..=last {
                let (stream, _) = listener.accept().unwrap();
                match number {
                    0 | 1 => answer(&config, stream, dockerd),
                    _ => drop(stream),
                }
            }
        });
        let failure = world.prove_at(at, &pair.serial, SHORT);
        let failure = failure.fails_at_the_deadline();
        thread.join().unwrap();
        assert_eq!(failure.probe, Probe::WithoutCertificate);
        assert_eq!(failure.found, "nobody listens there");
        assert_eq!(failure.raw.as_deref(), Some("connection refused"));
    }
}

#[test]
fn a_daemon_that_no_longer_answers_its_client_in_the_end_is_not_proved() {
    let world = World::new();
    let pair = world.server();
    let config = tls(&pair, Takes::Only(&world.ca));
    let server = Server::start(move |number, stream| match number {
        0..=5 => answer(&config, stream, dockerd),
        _ => drop(stream),
    });
    let failure = world.prove(server.port, &pair.serial, SHORT);
    let failure = failure.fails_at_the_deadline();
    assert_eq!(failure.probe, Probe::Ping);
    assert_eq!(failure.found, "it hung up without an answer");
}

#[test]
fn a_daemon_that_keeps_strangers_waiting_is_not_proved() {
    let world = World::new();
    let pair = world.server();
    let config = tls(&pair, Takes::OnlyIfAny(&world.ca));
    let server = Server::start(move |number, mut stream| match number {
        2 => {
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            read_request(&mut tls).unwrap();
            stay_silent(stream);
        }
        _ => answer(&config, stream, dockerd),
    });
    let failure = world.prove(server.port, &pair.serial, SHORT);
    let failure = failure.fails_at_the_deadline();
    assert_eq!(failure.probe, Probe::WithoutCertificate);
    assert_eq!(failure.found, "it did not answer in time");
}

/// Says all of a TLS 1.2 server's first words but the last, ServerHelloDone, and hangs up.
fn cut_hello(config: &Arc<ServerConfig>, mut stream: TcpStream) {
    const HELLO_DONE: usize = 4;
    let mut connection = ServerConnection::new(config.clone()).unwrap();
    connection.read_tls(&mut stream).unwrap();
    connection.process_new_packets().unwrap();
    let mut words = Vec::new();
    connection.write_tls(&mut words).unwrap();
    // One record: its type, its version, its length (RFC 5246, section 6.2.1).
    let length = u16::from_be_bytes([words[3], words[4]]);
    assert_eq!(usize::from(length) + 5, words.len());
    words.truncate(words.len() - HELLO_DONE);
    let cut = length - u16::try_from(HELLO_DONE).unwrap();
    words[3..5].copy_from_slice(&cut.to_be_bytes());
    stream.write_all(&words).unwrap();
}

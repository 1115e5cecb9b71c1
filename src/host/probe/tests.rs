//! Daemons that answer as they should, at once or in the end.

mod client;
mod local;
mod served;
mod server;
mod strangers;

use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::version::{TLS12, TLS13};

use self::server::*;
use super::Probe;

#[test]
fn a_daemon_that_answers_its_client_alone_is_proved() {
    let world = World::new();
    let pair = world.server();
    let server = Server::daemon(tls(&pair, Takes::Only(&world.ca)));
    let proof = world.prove(server.port, &pair.serial, PATIENCE).succeeds();
    assert_eq!(proof.engine_version, "20.10.24");
    assert_eq!(proof.api_version, "1.41");
    assert_eq!(proof.served_serial, pair.serial);
    assert_eq!(server.connections(), 7);
}

#[test]
fn a_daemon_of_one_version_of_tls_is_proved() {
    let world = World::new();
    let pair = world.server();
    for version in [&TLS12, &TLS13] {
        let server = Server::daemon(tls_of(&pair, Takes::Only(&world.ca), &[version]));
        world.prove(server.port, &pair.serial, PATIENCE).succeeds();
    }
}

#[test]
fn a_daemon_that_takes_a_while_to_be_replaced_is_proved() {
    let world = World::new();
    let (old, new) = (world.server(), world.server());
    let takes = Takes::Only(&world.ca);
    let (old, config) = (tls(&old, takes), tls(&new, takes));
    let server = Server::start(move |number, stream| match number {
        0 => drop(stream),
        1..=3 => answer(&old, stream, dockerd),
        4 => plain(
            stream,
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        ),
        _ => answer(&config, stream, dockerd),
    });
    let proof = world.prove(server.port, &new.serial, PATIENCE).succeeds();
    assert_eq!(proof.served_serial, new.serial);
    assert_eq!(server.connections(), 5 + 7);
}

#[test]
fn a_daemon_of_an_old_ca_may_be_replaced_still() {
    let (world, before) = (World::new(), World::new());
    let (old, new) = (before.server(), world.server());
    let old = tls(&old, Takes::Only(&before.ca));
    let config = tls(&new, Takes::Only(&world.ca));
    let server = Server::start(move |number, stream| match number {
        0..=2 => answer(&old, stream, dockerd),
        _ => answer(&config, stream, dockerd),
    });
    world.prove(server.port, &new.serial, PATIENCE).succeeds();
}

#[test]
fn a_daemon_that_says_it_is_starting_is_asked_again() {
    let world = World::new();
    let pair = world.server();
    let config = tls(&pair, Takes::Only(&world.ca));
    let server = Server::start(move |number, stream| {
        answer(&config, stream, |path| match number {
            0 => "HTTP/1.1 503 Service Unavailable\r\n\r\n".to_owned(),
            _ => dockerd(path),
        });
    });
    world.prove(server.port, &pair.serial, PATIENCE).succeeds();
    assert_eq!(server.connections(), 1 + 7);
}

#[test]
fn a_daemon_that_was_never_restarted_fails() {
    let world = World::new();
    let (old, new) = (world.server(), world.server());
    let server = Server::daemon(tls(&old, Takes::Only(&world.ca)));
    let failure = world.prove(server.port, &new.serial, SHORT);
    let failure = failure.fails_at_the_deadline();
    assert_eq!(failure.probe, Probe::ServedCertificate);
    let until = crate::pki::date(leaf(&world.ca).not_after);
    let found = format!(
        "it still serves serial {} for localhost, 127.0.0.1, valid until ",
        old.serial
    );
    assert!(failure.found.starts_with(&found), "{failure}");
    assert!(
        failure.found.ends_with(": it was not restarted"),
        "{failure}"
    );
    assert!(failure.found.contains(&until[..10]), "{failure}");
    assert_eq!(failure.wanted, format!("serial {}", new.serial));
    assert!(server.connections() > 2, "{}", server.connections());
}

/// Reads the client's hello and says this, without TLS.
fn plain(mut stream: TcpStream, said: &[u8]) {
    let mut hello = [0; 4096];
    assert!(stream.read(&mut hello).unwrap() > 0);
    stream.write_all(said).unwrap();
}

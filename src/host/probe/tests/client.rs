//! Daemons that do not answer their own client, or not as they should.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Instant;

use rustls::version::{TLS12, TLS13};
use time::Duration as Span;

use super::plain;
use super::server::*;
use crate::host::clock;
use crate::host::probe::Probe;
use crate::host::probe::tls::{Channel, Offer};
use crate::pki::Validity;

#[test]
fn a_daemon_that_refuses_our_client_fails_at_once() {
    let (world, other) = (World::new(), World::new());
    let pair = world.server();
    for version in [&TLS12, &TLS13] {
        let takes = Takes::OnlyNaming(&other.ca, Some(&world.ca));
        let server = Server::daemon(tls_of(&pair, takes, &[version]));
        let failure = world.prove(server.port, &pair.serial, PATIENCE);
        let failure = failure.fails_at_once();
        assert_eq!(failure.probe, Probe::Ping);
        assert_eq!(
            failure.found,
            "it does not know the CA of our client: its `tlscacert` is another"
        );
        assert_eq!(
            failure.raw.as_deref(),
            Some("received fatal alert: UnknownCA")
        );
    }
}

#[test]
fn a_daemon_that_does_not_name_our_ca_fails_at_once_whomever_it_answers() {
    let (world, other) = (World::new(), World::new());
    let pair = world.server();
    let unnamed = "it names none, so it takes clients of every CA its system trusts: \
                   its `tlscacert` is missing";
    let others = "it takes clients of other CAs alone: its `tlscacert` is another";
    for (takes, found) in [
        (Takes::OnlyNaming(&world.ca, None), unnamed),
        (Takes::OnlyNaming(&other.ca, None), unnamed),
        (Takes::Only(&other.ca), others),
    ] {
        for version in [&TLS12, &TLS13] {
            let server = Server::daemon(tls_of(&pair, takes, &[version]));
            let failure = world.prove(server.port, &pair.serial, PATIENCE);
            let failure = failure.fails_at_once();
            assert_eq!(failure.probe, Probe::TrustedAuthorities);
            assert_eq!(failure.found, found);
            assert_eq!(failure.wanted, "our CA among them");
        }
    }
}

#[test]
fn why_it_was_refused_is_heard_though_we_were_speaking() {
    let (world, other) = (World::new(), World::new());
    let pair = world.server();
    let server = Server::daemon(tls_of(&pair, Takes::Only(&other.ca), &[&TLS13]));
    let deadline = Instant::now() + PATIENCE;
    let target = world.target((Ipv4Addr::LOCALHOST, server.port).into());
    let client = Some(&world.client);
    let mut channel = Channel::open(&target, client, Offer::Both, deadline).unwrap();
    channel.handshake().unwrap();
    // By its end it has refused us and hung up.
    drop(server);
    let mut speak = || channel.write_all(b"x").and_then(|()| channel.flush());
    let cause = speak().and_then(|()| speak()).unwrap_err();
    assert_eq!(cause.to_string(), "received fatal alert: UnknownCA");
}

#[test]
fn a_certificate_that_is_not_good_fails_at_once() {
    let (world, other) = (World::new(), World::new());
    let shared = serial();
    let past = Validity {
        not_before: clock() - Span::days(20),
        not_after: clock() - Span::days(10),
    };
    let future = Validity {
        not_before: clock() + Span::days(10),
        not_after: clock() + Span::days(20),
    };
    let good = leaf(&world.ca);
    for (pair, fault) in [
        (
            world.server_with("a.example,b.example", serial(), good),
            "is for a.example, b.example, not for localhost",
        ),
        (
            world.server_with("localhost", serial(), past),
            "or its CA has expired: it ends on ",
        ),
        (
            world.server_with("localhost", serial(), future),
            "or its CA is not valid yet: it begins on ",
        ),
        (
            other.server_with("localhost", shared, good),
            "is not of our CA",
        ),
    ] {
        let server = Server::daemon(tls(&pair, Takes::Only(&world.ca)));
        let failure = world.prove(server.port, &pair.serial, PATIENCE);
        let failure = failure.fails_at_once();
        assert_eq!(failure.probe, Probe::ServedCertificate);
        let found = format!("the certificate of serial {} {fault}", pair.serial);
        assert!(failure.found.starts_with(&found), "{failure}");
        assert_eq!(failure.wanted, "one of our CA, valid now, for localhost");
        let raw = failure.raw.unwrap();
        assert!(raw.starts_with("invalid peer certificate: "), "{raw}");
    }
}

#[test]
fn a_client_certificate_in_place_of_the_servers_fails_at_once() {
    let world = World::new();
    let (key, serial) = (key(), serial());
    let name = "localhost".parse().unwrap();
    let issued = world
        .ca
        .issue_client(&name, &key, serial.clone(), leaf(&world.ca));
    let pair = Pair {
        identity: identity(&issued.unwrap().pem(), &key),
        serial,
    };
    let server = Server::daemon(tls(&pair, Takes::Only(&world.ca)));
    let failure = world.prove(server.port, &pair.serial, PATIENCE);
    let failure = failure.fails_at_once();
    assert!(
        failure.found.ends_with("is not one for servers"),
        "{failure}"
    );
}

#[test]
fn a_port_where_nobody_listens_fails_at_the_deadline() {
    let world = World::new();
    let listener = TcpListener::bind((ELSEWHERE, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let failure = world.prove_at(at, &serial(), SHORT).fails_at_the_deadline();
    assert_eq!(
        failure.to_string(),
        format!(
            "the daemon at `{at}` failed a probe, `GET /_ping` with our client's \
             certificate: nobody listens there, wanted an answer (connection refused)"
        )
    );
}

#[test]
fn a_server_that_says_nothing_fails_at_the_deadline() {
    let world = World::new();
    let server = Server::start(|_, stream| stay_silent(stream));
    let failure = world.prove(server.port, &serial(), SHORT);
    let failure = failure.fails_at_the_deadline();
    assert_eq!(failure.probe, Probe::Ping);
    assert_eq!(failure.found, "it did not answer in time");
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_server_without_tls_is_told_by_what_it_says() {
    let world = World::new();
    let cases = [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n400 Bad Request".as_slice(),
            "it speaks plain HTTP there, without TLS",
        ),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            "it does not speak TLS there, but says `SSH-2.0-OpenSSH_9.2`",
        ),
        (
            b"\x1b[2Jjunk\0",
            r"it does not speak TLS there, but says `\u{1b}[2Jjunk\u{0}`",
        ),
        (b"\x16\x03\x03\x00\x04junk", "it breaks the rules of TLS"),
        (
            b"\x15\x03\x03\x00\x02\x02\x28",
            "it and we have no kind of TLS in common",
        ),
        (b"", "it hung up without an answer"),
    ];
    std::thread::scope(|scope| {
        for (said, found) in cases {
            let world = &world;
            scope.spawn(move || {
                let server = Server::start(move |_, stream| plain(stream, said));
                let failure = world.prove(server.port, &serial(), SHORT);
                let failure = failure.fails_at_the_deadline();
                assert_eq!(
                    (failure.probe, failure.found.as_str()),
                    (Probe::Ping, found)
                );
            });
        }
    });
}

#[test]
fn an_answer_to_our_client_that_is_none_fails_at_once() {
    let world = World::new();
    let pair = world.server();
    let denied = "{\"message\":\"authorization denied by plugin\"}";
    let denied = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: 44\r\n\r\n{denied}");
    for (asked, said, probe, found) in [
        ("/_ping", ok("hello"), Probe::Ping, "it answered `hello`"),
        (
            "/_ping",
            denied,
            Probe::Ping,
            "it answered `HTTP/1.1 403 Forbidden`, \
             `{\"message\":\"authorization denied by plugin\"}`",
        ),
        (
            "/_ping",
            "hello\r\n\r\n".to_owned(),
            Probe::Ping,
            "its answer is not HTTP: `hello`",
        ),
        (
            "/version",
            ok("{\"Version\":1}"),
            Probe::Version,
            "it answered `{\"Version\":1}`",
        ),
        (
            "/version",
            ok("<html>"),
            Probe::Version,
            "it answered `<html>`",
        ),
    ] {
        let config = tls(&pair, Takes::Only(&world.ca));
        let server = Server::start(move |_, stream| {
            answer(&config, stream, |path| match path == asked {
                true => said.clone(),
                false => dockerd(path),
            });
        });
        let failure = world.prove(server.port, &pair.serial, PATIENCE);
        let failure = failure.fails_at_once();
        assert_eq!((failure.probe, failure.found.as_str()), (probe, found));
    }
}

#[test]
fn an_answer_to_our_client_that_is_cut_short_is_asked_for_again() {
    let world = World::new();
    let pair = world.server();
    let config = tls(&pair, Takes::Only(&world.ca));
    let server = Server::start(move |number, stream| {
        answer(&config, stream, |path| match number {
            0 => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nO".to_owned(),
            _ => dockerd(path),
        });
    });
    world.prove(server.port, &pair.serial, PATIENCE).succeeds();
    assert_eq!(server.connections(), 1 + 7);
}

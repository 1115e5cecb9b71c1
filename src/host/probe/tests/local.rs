//! Daemons on a unix socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::server::{PATIENCE, SHORT, chunked, ok, read_request};
use crate::host::probe::Local;

/// Serves one connection per reply, then ends.
fn daemon(socket: &Path, replies: Vec<(&'static str, String)>) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for (path, reply) in replies {
            let (mut stream, _) = listener.accept().unwrap();
            assert_eq!(read_request(&mut stream).as_deref(), Some(path));
            stream.write_all(reply.as_bytes()).unwrap();
        }
    })
}

fn socket() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("docker.sock");
    (directory, socket)
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

fn info(live_restore: &str) -> (&'static str, String) {
    let info = format!(
        "{{\"ID\":\"x\",\"Containers\":3,\"ContainersRunning\":2,\"ServerVersion\":\"20.10.24\",\
         \"LiveRestoreEnabled\":{live_restore},\"Swarm\":{{\"LocalNodeState\":\"inactive\"}}}}"
    );
    let (first, second) = info.split_at(40);
    ("/info", chunked(&[first, second]))
}

#[test]
fn tells_what_a_restart_would_do() {
    let (_directory, socket) = socket();
    let daemon = daemon(&socket, vec![info("true"), ("/_ping", ok("OK"))]);
    let local = Local::at(&socket);
    let info = local.info(soon()).unwrap();
    assert!(info.live_restore_enabled);
    assert_eq!(info.containers_running, 2);
    assert_eq!(info.server_version, "20.10.24");
    assert_eq!(info.swarm.local_node_state, "inactive");
    assert!(local.answers(soon()));
    daemon.join().unwrap();
    assert!(!local.answers(soon()));
}

#[test]
fn waits_for_a_daemon_that_is_still_to_come() {
    let (_directory, socket) = socket();
    let waiter = {
        let local = Local::at(&socket);
        thread::spawn(move || local.wait_until_answers(soon()))
    };
    let starting = "HTTP/1.1 503 Service Unavailable\r\n\r\n".to_owned();
    let replies = vec![("/_ping", starting), ("/_ping", ok("OK"))];
    daemon(&socket, replies).join().unwrap();
    waiter.join().unwrap().unwrap();
}

#[test]
fn waits_until_live_restore_is_on() {
    let (_directory, socket) = socket();
    let daemon = daemon(&socket, vec![info("false"), info("false"), info("true")]);
    Local::at(&socket).wait_for_live_restore(soon()).unwrap();
    daemon.join().unwrap();
}

#[test]
fn live_restore_that_stays_off_is_told_at_the_deadline() {
    let (_directory, socket) = socket();
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            read_request(&mut stream);
            stream.write_all(info("false").1.as_bytes()).unwrap();
        }
    });
    let error = Local::at(&socket)
        .wait_for_live_restore(Instant::now() + SHORT)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the daemon at `{}` is not as it should be: live-restore is off, wanted it on",
            socket.display()
        )
    );
}

#[test]
fn nobody_at_the_socket_is_told_at_the_deadline() {
    let (_directory, socket) = socket();
    let local = Local::at(&socket);
    let asked = |local: &Local| {
        let error = local.wait_until_answers(Instant::now() + Duration::from_millis(30));
        error.unwrap_err().to_string()
    };
    let path = socket.display();
    assert_eq!(
        asked(&local),
        format!("cannot ask the daemon at `{path}`: no such file or directory")
    );
    drop(UnixListener::bind(&socket).unwrap());
    assert_eq!(
        asked(&local),
        format!("cannot ask the daemon at `{path}`: connection refused")
    );
    std::fs::remove_file(&socket).unwrap();
    let _silent = UnixListener::bind(&socket).unwrap();
    assert_eq!(
        asked(&local),
        format!("cannot ask the daemon at `{path}`: timed out")
    );
}

#[test]
fn an_answer_that_is_no_info_is_told() {
    let (_directory, socket) = socket();
    let daemon = daemon(&socket, vec![("/info", ok("[]"))]);
    let error = Local::at(&socket).wait_for_live_restore(soon());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("its answer does not parse: "), "{error}");
    daemon.join().unwrap();
}

#[test]
fn a_socket_of_something_else_is_told() {
    let (_directory, socket) = socket();
    let listener = UnixListener::bind(&socket).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 512]);
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
    });
    let error = Local::at(&socket).info(soon()).unwrap_err().to_string();
    assert!(
        error.ends_with("its answer is not HTTP: `220 mail.example ESMTP`, wanted an answer"),
        "{error}"
    );
    server.join().unwrap();
}

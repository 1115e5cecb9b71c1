//! Asking a dockerd: over its local socket and over TLS.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::PATIENCE;

/// For `docker version --format`.
pub const SERVER_VERSION: &str = "{{.Server.Version}}";

const PING: &[u8] = b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n";

/// A program with PATH alone for its environment, and no input.
pub fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .stdin(Stdio::null());
    command
}

/// Whether a daemon answers on this socket, where there is no TLS.
pub fn answers_at(socket: &Path) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut socket = UnixStream::connect(socket)?;
        // It may be open for long before anybody serves it.
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.write_all(PING)?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains("200 OK"))
}

/// Asks without TLS; all that came.
pub fn ping_plain(mut socket: TcpStream) -> String {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(PING).unwrap();
    let mut answer = Vec::new();
    // Whoever does not like it may hang up hard.
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Asks over TLS in this process; the status line, or what went wrong.
pub fn ping(mut socket: TcpStream, config: Arc<rustls::ClientConfig>) -> Result<String, String> {
    let mut connection = connection(config);
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    let mut status = [0; 15];
    stream
        .write_all(PING)
        .and_then(|()| stream.read_exact(&mut status))
        .map_err(|error| error.to_string())?;
    match &status {
        b"HTTP/1.0 200 OK" => Ok(String::from_utf8_lossy(&status).into_owned()),
        other => Err(String::from_utf8_lossy(other).into_owned()),
    }
}

/// The certificate a daemon serves.
pub fn served(mut socket: TcpStream, config: Arc<rustls::ClientConfig>) -> CertificateDer<'static> {
    let mut connection = connection(config);
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).unwrap();
    }
    connection.peer_certificates().unwrap()[0].clone()
}

fn connection(config: Arc<rustls::ClientConfig>) -> rustls::ClientConnection {
    let name = "localhost".try_into().unwrap();
    rustls::ClientConnection::new(config, name).unwrap()
}

//! Peers that talk to each other: openssl and rustls, each as client and server.

use super::*;

#[test]
fn openssl_s_client_and_s_server_accept_each_other() {
    if !has_openssl() {
        return;
    }
    for key_type in KEY_TYPES {
        let files = Files::of_type(key_type);
        let server = OpensslServer::start(&files, &files.server, &files.server_key);
        for version in ["-tls1_2", "-tls1_3"] {
            let client = [version, "-verify_hostname", "localhost"];
            let answer = s_client(
                server.port,
                &files.ca,
                Some((&files.client, &files.client_key)),
                &client,
            );
            let answer = answer.succeeds();
            assert_eq!(answer.stdout, "olleh\n", "{key_type}: {answer:#?}");
            answer.says("Verified peername: localhost");
        }
    }
}

#[test]
fn openssl_peers_refuse_who_has_no_certificate_of_this_ca_for_that() {
    if !has_openssl() {
        return;
    }
    let foreign = Files::of_type("p256");
    for key_type in KEY_TYPES {
        let files = Files::of_type(key_type);
        let server = OpensslServer::start(&files, &files.server, &files.server_key);
        for (identity, why) in [
            (None, "peer did not return a certificate"),
            (
                Some((&*foreign.client, &*foreign.client_key)),
                "certificate verify failed",
            ),
            (
                Some((&*files.server, &*files.server_key)),
                "certificate verify failed",
            ),
        ] {
            for version in ["-tls1_2", "-tls1_3"] {
                let before = server.said().len();
                // Its exit code says nothing: in TLS 1.3 it is done before the server has judged.
                let answer = s_client(server.port, &files.ca, identity, &[version]);
                assert_eq!(answer.stdout, "", "{key_type}: {answer:#?}");
                // The client may have gone before the server says why.
                let said = happens(|| server.said()[before..].contains(why));
                assert!(said, "{key_type}: no `{why}` in {}", server.said());
            }
        }
        let good = Some((&*files.client, &*files.client_key));
        let answer = s_client(server.port, &files.ca, good, &[]).succeeds();
        assert_eq!(answer.stdout, "olleh\n");

        let impostor = OpensslServer::start(&files, &files.client, &files.client_key);
        let refused = s_client(impostor.port, &files.ca, good, &[]).fails(1);
        assert_eq!(refused.stdout, "");
        refused.says("certificate purpose");
    }
}

#[test]
fn rustls_and_openssl_peers_accept_each_other_both_ways() {
    if !has_openssl() {
        return;
    }
    for key_type in KEY_TYPES {
        let files = Files::of_type(key_type);
        let server = OpensslServer::start(&files, &files.server, &files.server_key);
        for name in ["localhost", "127.0.0.1"] {
            let answer = rustls_client_says_hello(&files, name, server.port);
            assert_eq!(answer.as_deref(), Ok("olleh\n"), "{}", server.said());
        }

        for version in ["-tls1_2", "-tls1_3"] {
            let (port, server) = rustls_server(&files);
            let identity = Some((&*files.client, &*files.client_key));
            let wanted = [version, "-verify_hostname", "localhost"];
            let answer = s_client(port, &files.ca, identity, &wanted).succeeds();
            assert_eq!(answer.stdout, "olleh\n", "{key_type}: {answer:#?}");
            server.join().unwrap().unwrap();
        }

        let (port, server) = rustls_server(&files);
        let identity = Some((&*files.server, &*files.server_key));
        let answer = s_client(port, &files.ca, identity, &[]);
        assert_eq!(answer.stdout, "", "{key_type}: {answer:#?}");
        let refused = server.join().unwrap().unwrap_err();
        assert!(refused.contains("invalid peer certificate"), "{refused}");
    }
}

// The encrypted CA key

/// `openssl s_server`, which wants a client certificate and sends every line back reversed.
/// Ends when it is dropped.
struct OpensslServer {
    process: Child,
    port: u16,
    /// Its standard error.
    log: PathBuf,
    /// Open as long as it may write there.
    stdout: BufReader<std::process::ChildStdout>,
}

impl OpensslServer {
    fn start(files: &Files, certificate: &Path, key: &Path) -> Self {
        let log = files.home.around().join("s_server.log");
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-rev"])
            .args(["-cert", text(certificate), "-key", text(key)])
            .args(["-CAfile", text(&files.ca)])
            .args(["-Verify", "1", "-verify_return_error"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let mut server = Self {
            process,
            port: 0,
            log,
            stdout,
        };
        let mut line = String::new();
        while server.stdout.read_line(&mut line).unwrap() > 0 {
            if let Some(address) = line.strip_prefix("ACCEPT ") {
                let (_, port) = address.trim().rsplit_once(':').unwrap();
                server.port = port.parse().unwrap();
                return server;
            }
            line.clear();
        }
        panic!("s_server does not listen: {}", server.said());
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Says hello with `openssl s_client`, which verifies the server; what it got is its stdout.
fn s_client(port: u16, ca: &Path, identity: Option<(&Path, &Path)>, options: &[&str]) -> Ran {
    let address = format!("127.0.0.1:{port}");
    let mut client = Command::new("timeout");
    client
        .arg(PATIENCE.as_secs().to_string())
        .args(["openssl", "s_client", "-connect", &address, "-brief"])
        .args(["-CAfile", text(ca), "-verify_return_error", "-ign_eof"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some((certificate, key)) = identity {
        client.args(["-cert", text(certificate), "-key", text(key)]);
    }
    let mut client = client.spawn().unwrap();
    // CLOSE ends s_server's side.  A client that was refused may be gone before it reads this.
    let _ = client.stdin.take().unwrap().write_all(b"hello\nCLOSE\n");
    Ran::from(client.wait_with_output().unwrap())
}

/// Says hello with rustls, which verifies the server; returns what it got.
fn rustls_client_says_hello(files: &Files, name: &str, port: u16) -> Result<String, String> {
    let config = rustls_client(&files.ca, &files.client, &files.client_key);
    let name = ServerName::try_from(name).unwrap().to_owned();
    let client = rustls::ClientConnection::new(config, name).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = BufReader::new(rustls::StreamOwned::new(client, socket));
    let mut answer = String::new();
    let written = stream.get_mut().write_all(b"hello\n");
    written
        .and_then(|()| stream.read_line(&mut answer))
        .map_err(|error| error.to_string())?;
    Ok(answer)
}

/// Serves one client that shows a certificate of this CA, and sends its line back reversed.
fn rustls_server(files: &Files) -> (u16, JoinHandle<Result<(), String>>) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate(&files.ca)).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots));
    let key = PrivateKeyDer::from_pem_file(&files.server_key).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate(&files.server)], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        let (socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let server = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = BufReader::new(rustls::StreamOwned::new(server, socket));
        let mut line = String::new();
        let talk = |error: std::io::Error| error.to_string();
        stream.read_line(&mut line).map_err(talk)?;
        let mut reversed: String = line.trim_end().chars().rev().collect();
        reversed.push('\n');
        let stream = stream.get_mut();
        stream.write_all(reversed.as_bytes()).map_err(talk)?;
        stream.conn.send_close_notify();
        stream.flush().map_err(talk)
    };
    (port, std::thread::spawn(serve))
}

//! Other people's verifiers judge what `init` made: rustls-webpki, openssl, and TLS peers of
//! both.
//!
//! Docker's own judgement is in tests/dockerd.rs.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests run openssl and talk to it"
)]

#[path = "../support/mod.rs"]
mod support;

mod constraints;
mod dates_and_names;
mod peers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName, UnixTime};
use support::{
    KEY_TYPES, PATIENCE, Ran, TestHome, certificate, happens, has, program_exists, rustls_client,
};
use time::{Date, Month, OffsetDateTime, Time};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

// rustls-webpki

#[test]
fn webpki_accepts_a_server_for_its_names_and_a_client() {
    for key_type in KEY_TYPES {
        let files = Files::of_type(key_type);
        webpki(&files.ca, &files.server, KeyUsage::server_auth()).unwrap();
        for name in ["localhost", "127.0.0.1"] {
            webpki_name(&files.server, name).unwrap();
        }
        webpki(&files.ca, &files.client, KeyUsage::client_auth()).unwrap();
    }
}

#[test]
fn webpki_refuses_other_names_purposes_and_cas() {
    let foreign = Files::of_type("p256");
    for key_type in KEY_TYPES {
        let files = Files::of_type(key_type);
        for name in ["other.example", "sub.localhost", "127.0.0.2", "::1"] {
            let refused = webpki_name(&files.server, name);
            let wrong_name = matches!(refused, Err(webpki::Error::CertNotValidForName(_)));
            assert!(wrong_name, "{key_type}, {name}: {refused:?}");
        }
        for (leaf, usage) in [
            (&files.server, KeyUsage::client_auth()),
            (&files.client, KeyUsage::server_auth()),
        ] {
            let refused = webpki(&files.ca, leaf, usage);
            let purpose = matches!(refused, Err(webpki::Error::RequiredEkuNotFoundContext(_)));
            assert!(purpose, "{key_type}, {}: {refused:?}", leaf.display());
        }
        for (leaf, usage) in [
            (&foreign.server, KeyUsage::server_auth()),
            (&foreign.client, KeyUsage::client_auth()),
        ] {
            let refused = webpki(&files.ca, leaf, usage);
            assert_eq!(refused.unwrap_err(), webpki::Error::UnknownIssuer);
        }
    }
}

// openssl verify

#[test]
fn openssl_strictly_accepts_a_ca_a_server_for_its_names_and_a_client() {
    if !has_openssl() {
        return;
    }
    for key_type in KEY_TYPES {
        let files = Files::of_type(key_type);
        openssl_verify(&files.ca, &files.ca, &[]).succeeds();
        openssl_verify(&files.ca, &files.server, &SERVER).succeeds();
        for name in [
            ["-verify_hostname", "localhost"],
            ["-verify_ip", "127.0.0.1"],
        ] {
            let named = [&SERVER[..], &name].concat();
            openssl_verify(&files.ca, &files.server, &named).succeeds();
        }
        openssl_verify(&files.ca, &files.client, &CLIENT).succeeds();
    }
}

#[test]
fn openssl_refuses_other_names_purposes_and_cas() {
    if !has_openssl() {
        return;
    }
    let foreign = Files::of_type("p256");
    for key_type in KEY_TYPES {
        let files = Files::of_type(key_type);
        let other_host = [&SERVER[..], &["-verify_hostname", "other.example"]].concat();
        let other_address = [&SERVER[..], &["-verify_ip", "127.0.0.2"]].concat();
        for (leaf, wanted, why) in [
            (&files.server, &other_host[..], "hostname mismatch"),
            (&files.server, &other_address, "IP address mismatch"),
            (&files.server, &CLIENT, "certificate purpose"),
            (&files.client, &SERVER, "certificate purpose"),
            (&foreign.server, &SERVER, "unable to get local issuer"),
            (&foreign.client, &CLIENT, "unable to get local issuer"),
        ] {
            openssl_verify(&files.ca, leaf, wanted).fails(2).says(why);
        }
    }
}

#[test]
fn openssl_and_webpki_accept_what_was_renewed_and_what_it_replaced() {
    let replaced = |files: &Files, file: &str| {
        let archive = fs::read_dir(files.home.path().join("archive")).unwrap();
        let mut paths = archive.map(|entry| entry.unwrap().path().join(file));
        paths.find(|path| path.exists()).unwrap()
    };
    for key_type in KEY_TYPES {
        for keys in [&["--force"][..], &["--force", "--reuse-key"]] {
            let files = Files::of_type(key_type);
            files.home.run(["renew"].iter().chain(keys)).succeeds();
            let servers = [files.server.clone(), replaced(&files, "server-cert.pem")];
            let clients = [files.client.clone(), replaced(&files, "cert.pem")];
            for server in &servers {
                webpki(&files.ca, server, KeyUsage::server_auth()).unwrap();
                webpki_name(server, "127.0.0.1").unwrap();
            }
            for client in &clients {
                webpki(&files.ca, client, KeyUsage::client_auth()).unwrap();
            }
            if has_openssl() {
                for server in &servers {
                    let named = [&SERVER[..], &["-verify_hostname", "localhost"]].concat();
                    openssl_verify(&files.ca, server, &named).succeeds();
                }
                for client in &clients {
                    openssl_verify(&files.ca, client, &CLIENT).succeeds();
                }
            }
        }
    }
}

// What openssl reads in them

#[test]
fn openssl_reads_the_profile_and_nothing_else() {
    if !has_openssl() {
        return;
    }
    for key_type in KEY_TYPES {
        let files = Files::of_type(key_type);
        let (ca, server, client) = (
            Read509::of(&files.ca),
            Read509::of(&files.server),
            Read509::of(&files.client),
        );
        let server_usage = match key_type.starts_with("rsa") {
            true => "Digital Signature, Key Encipherment",
            false => "Digital Signature",
        };
        let ca_id = ca.subject_key_id();
        ca.assert_extensions(&[
            ("Authority Key Identifier", &ca_id),
            ("Basic Constraints: critical", "CA:TRUE, pathlen:0"),
            ("Key Usage: critical", "Certificate Sign, CRL Sign"),
            ("Subject Key Identifier", &ca_id),
        ]);
        server.assert_extensions(&[
            ("Authority Key Identifier", &ca_id),
            ("Basic Constraints: critical", "CA:FALSE"),
            ("Extended Key Usage", "TLS Web Server Authentication"),
            ("Key Usage: critical", server_usage),
            (
                "Subject Alternative Name",
                "DNS:localhost, IP Address:127.0.0.1",
            ),
            ("Subject Key Identifier", &server.subject_key_id()),
        ]);
        client.assert_extensions(&[
            ("Authority Key Identifier", &ca_id),
            ("Basic Constraints: critical", "CA:FALSE"),
            ("Extended Key Usage", "TLS Web Client Authentication"),
            ("Key Usage: critical", "Digital Signature"),
            ("Subject Key Identifier", &client.subject_key_id()),
        ]);
        assert_eq!(server.subject, "CN=localhost");
        assert_eq!(client.subject, "CN=alice");
        assert!(ca.subject.starts_with("CN=dockpki CA "), "{}", ca.subject);

        let different = |values: [&str; 3]| BTreeSet::from(values).len() == 3;
        let ids = [&ca, &server, &client].map(Read509::subject_key_id);
        assert!(different([&ids[0], &ids[1], &ids[2]]), "{ids:?}");
        let serials = [&ca.serial, &server.serial, &client.serial];
        assert!(different(serials.map(String::as_str)), "{serials:?}");
        for serial in serials {
            // Two digits an octet; openssl writes a minus before a negative one.
            let hex = serial.bytes().all(|digit| digit.is_ascii_hexdigit());
            let positive = hex && serial.bytes().any(|digit| digit != b'0');
            assert!(positive && serial.len() <= 40, "serial {serial}");
        }
        for read in [&ca, &server, &client] {
            assert_eq!(read.public_key, public_key_words(key_type));
        }
    }
}

#[test]
fn two_cas_have_different_names() {
    if !has_openssl() {
        return;
    }
    let subjects = [0, 1].map(|_| Read509::of(&Files::of_type("p256").ca).subject);
    assert_ne!(subjects[0], subjects[1]);
}

#[test]
fn every_key_fits_its_certificate() {
    if !has_openssl() {
        return;
    }
    for key_type in KEY_TYPES {
        let files = Files::of_type(key_type);
        for (certificate, key) in [
            (&files.ca, &files.ca_key),
            (&files.server, &files.server_key),
            (&files.client, &files.client_key),
        ] {
            assert_eq!(
                public_half(key, &[]).succeeds().stdout,
                certified_key(certificate)
            );
            // Not a second key beside the first, nor a form that only some programs read.
            let pem = fs::read_to_string(key).unwrap();
            assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
            assert_eq!(pem.matches("BEGIN").count(), 1);
        }
    }
}

// Handshakes

#[test]
fn openssl_opens_the_encrypted_ca_key_with_the_passphrase_and_no_other() {
    if !has_openssl() {
        return;
    }
    for key_type in KEY_TYPES {
        let home = TestHome::in_memory();
        let right = passphrase_file(home.around(), "right", "correct horse battery staple");
        let wrong = passphrase_file(home.around(), "wrong", "incorrect horse battery staple");
        let files = Files::made_in(
            home,
            &[
                "--san",
                "localhost",
                "--key-type",
                key_type,
                "--passphrase-file",
                text(&right),
            ],
        );
        let pem = fs::read_to_string(&files.ca_key).unwrap();
        assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let structure = openssl(&["asn1parse", "-in", text(&files.ca_key)]).succeeds();
        for algorithm in [":PBES2", ":scrypt", ":aes-256-cbc"] {
            assert!(structure.stdout.contains(algorithm), "{structure:#?}");
        }

        let open = |file: &Path| {
            let source = format!("file:{}", text(file));
            openssl(&["pkcs8", "-in", text(&files.ca_key), "-passin", &source])
        };
        let opened = open(&right).succeeds();
        assert!(opened.stdout.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let opened_key = files.home.around().join("opened.pem");
        fs::write(&opened_key, opened.stdout).unwrap();
        let public = public_half(&opened_key, &[]).succeeds().stdout;
        assert_eq!(public, certified_key(&files.ca));

        let refused = open(&wrong).fails(1);
        assert_eq!(refused.stdout, "");
        let without = public_half(&files.ca_key, &["-passin", "pass:"]).fails(1);
        assert_eq!(without.stdout, "");
        // The passphrase is the CA key's alone: dockerd and docker read no encrypted keys.
        public_half(&files.server_key, &[]).succeeds();
        public_half(&files.client_key, &[]).succeeds();
    }
}

// Name constraints

const SERVER: [&str; 2] = ["-purpose", "sslserver"];
const CLIENT: [&str; 2] = ["-purpose", "sslclient"];

/// What a home holds: a CA, a server called `server` and a client called `alice`.
struct Files {
    ca: PathBuf,
    ca_key: PathBuf,
    server: PathBuf,
    server_key: PathBuf,
    client: PathBuf,
    client_key: PathBuf,
    home: TestHome,
}

impl Files {
    /// For localhost and 127.0.0.1.
    fn of_type(key_type: &str) -> Self {
        Self::made(&["--san", "localhost,127.0.0.1", "--key-type", key_type])
    }

    /// In a home of their own; the arguments go to `init`.
    fn made(arguments: &[&str]) -> Self {
        Self::made_in(TestHome::in_memory(), arguments)
    }

    fn made_in(home: TestHome, arguments: &[&str]) -> Self {
        let init = ["init", "--server", "server", "--client", "alice"];
        home.run(init.iter().chain(arguments)).succeeds();
        let path = home.path();
        Self {
            ca: path.join("ca.pem"),
            ca_key: path.join("ca-key.pem"),
            server: path.join("servers/server/server-cert.pem"),
            server_key: path.join("servers/server/server-key.pem"),
            client: path.join("clients/alice/cert.pem"),
            client_key: path.join("clients/alice/key.pem"),
            home,
        }
    }
}

/// Whether rustls-webpki accepts the leaf for that.
fn webpki(ca: &Path, leaf: &Path, usage: KeyUsage) -> Result<(), webpki::Error> {
    let (ca, leaf) = (certificate(ca), certificate(leaf));
    let anchor = anchor_from_trusted_cert(&ca)?;
    EndEntityCert::try_from(&leaf)?
        .verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &[anchor],
            &[],
            UnixTime::now(),
            usage,
            None,
            None,
        )
        .map(|_| ())
}

/// Whether rustls-webpki takes the leaf for that host's.
fn webpki_name(leaf: &Path, name: &str) -> Result<(), webpki::Error> {
    let name = ServerName::try_from(name).unwrap();
    EndEntityCert::try_from(&certificate(leaf))?.verify_is_valid_for_subject_name(&name)
}

fn has_openssl() -> bool {
    has("openssl", program_exists("openssl"))
}

/// Runs openssl to its end.
fn openssl(arguments: &[&str]) -> Ran {
    let mut openssl = Command::new("openssl");
    openssl.args(arguments).stdin(Stdio::null());
    Ran::from(openssl.output().unwrap())
}

/// `openssl verify` at its strictest; it exits with 2 if it refuses.
fn openssl_verify(ca: &Path, certificate: &Path, wanted: &[&str]) -> Ran {
    let verify = ["verify", "-x509_strict", "-CAfile", text(ca)];
    openssl(&[&verify, wanted, &[text(certificate)]].concat())
}

/// The public half of a private key, as PEM.
fn public_half(key: &Path, options: &[&str]) -> Ran {
    openssl(&[&["pkey", "-in", text(key), "-pubout"], options].concat())
}

/// The public key in a certificate, as PEM.
fn certified_key(certificate: &Path) -> String {
    openssl(&["x509", "-in", text(certificate), "-noout", "-pubkey"])
        .succeeds()
        .stdout
}

/// What `openssl x509` reads in a certificate.
struct Read509 {
    subject: String,
    /// Hex, two digits an octet.
    serial: String,
    /// Algorithm and size.
    public_key: [String; 2],
    /// By name, with `: critical` behind it if it is.
    extensions: BTreeMap<String, String>,
}

impl Read509 {
    fn of(path: &Path) -> Self {
        let show = |what: &[&str]| {
            let show = ["x509", "-in", text(path), "-noout"];
            openssl(&[&show, what].concat()).succeeds().stdout
        };
        let field = |what: &[&str], prefix: &str| {
            let line = show(what);
            let value = line.trim_end().strip_prefix(prefix);
            value.unwrap_or_else(|| panic!("{line}")).to_owned()
        };
        let text = show(&["-text", "-certopt", "no_sigdump"]);
        let after = |words: &str| {
            let mut lines = text.lines().map(str::trim);
            lines.find_map(|line| line.strip_prefix(words).map(str::to_owned))
        };
        let algorithm = after("Public Key Algorithm: ").unwrap();
        let size = after("Public-Key: ").unwrap_or_default();
        let (_, extensions) = text.split_once("X509v3 extensions:\n").unwrap();
        let mut read = BTreeMap::new();
        let mut name = String::new();
        for line in extensions.lines() {
            // Names are indented by twelve columns, what they hold by more.
            match line.strip_prefix(&" ".repeat(12)) {
                Some(value) if value.starts_with(' ') => {
                    let held: &mut String = read.entry(name.clone()).or_default();
                    held.push_str(value.trim());
                }
                Some(heading) => {
                    let heading = heading.strip_prefix("X509v3 ").unwrap_or(heading);
                    name = heading.trim().trim_end_matches(':').to_owned();
                }
                None => break,
            }
        }
        Self {
            subject: field(&["-subject", "-nameopt", "RFC2253"], "subject="),
            serial: field(&["-serial"], "serial="),
            public_key: [algorithm, size],
            extensions: read,
        }
    }

    fn subject_key_id(&self) -> String {
        self.extensions["Subject Key Identifier"].clone()
    }

    /// Asserts that the certificate has these extensions with these contents, and no others.
    #[track_caller]
    fn assert_extensions(&self, wanted: &[(&str, &str)]) {
        let wanted = wanted.iter();
        let wanted: BTreeMap<_, _> = wanted
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(self.extensions, wanted);
    }
}

/// How openssl calls the public keys of a type.
fn public_key_words(key_type: &str) -> [String; 2] {
    let (algorithm, size) = match key_type {
        "p256" => ("id-ecPublicKey", "(256 bit)"),
        "p384" => ("id-ecPublicKey", "(384 bit)"),
        "ed25519" => ("ED25519", ""),
        "rsa2048" => ("rsaEncryption", "(2048 bit)"),
        "rsa3072" => ("rsaEncryption", "(3072 bit)"),
        "rsa4096" => ("rsaEncryption", "(4096 bit)"),
        other => panic!("{other}"),
    };
    [algorithm.to_owned(), size.to_owned()]
}

/// Not-before and not-after as they are encoded, each with the name of its type.
fn dates(certificate: &Path) -> Vec<(String, OffsetDateTime)> {
    let parsed = openssl(&["asn1parse", "-in", text(certificate)]).succeeds();
    let dates = parsed.stdout.lines().filter_map(|line| {
        let (kind, century) = match line {
            _ if line.contains("UTCTIME") => ("UTCTIME", "20"),
            _ if line.contains("GENERALIZEDTIME") => ("GENERALIZEDTIME", ""),
            _ => return None,
        };
        let (_, digits) = line.rsplit_once(':').unwrap();
        let digits = format!("{century}{digits}");
        assert!(digits.len() == 15 && digits.ends_with('Z'), "{line}");
        let number = |from: usize, to: usize| digits[from..to].parse::<u8>().unwrap();
        let month = Month::try_from(number(4, 6)).unwrap();
        let year = digits[..4].parse().unwrap();
        let date = Date::from_calendar_date(year, month, number(6, 8)).unwrap();
        let time = Time::from_hms(number(8, 10), number(10, 12), number(12, 14)).unwrap();
        Some((kind.to_owned(), OffsetDateTime::new_utc(date, time)))
    });
    let dates: Vec<_> = dates.collect();
    assert_eq!(dates.len(), 2, "{parsed:#?}");
    dates
}

/// A passphrase file that dockpki takes: nobody else's to read.
fn passphrase_file(directory: &Path, name: &str, passphrase: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, format!("{passphrase}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

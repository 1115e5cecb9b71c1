//! Other people's verifiers judge what `init` made: rustls-webpki, openssl, and TLS peers of
//! both.
//!
//! Docker's own judgement is in tests/dockerd.rs.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests run openssl and talk to it"
)]

mod support;

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

#[test]
fn a_ca_constrained_to_names_and_addresses_signs_for_no_others() {
    constrained_ca_signs_for_no_others("db.example,10.0.0.7");
}

#[test]
fn a_ca_constrained_to_names_and_addresses_of_version_6_signs_for_no_others() {
    constrained_ca_signs_for_no_others("db.example,2001:db8::7");
}

#[test]
fn a_ca_constrained_to_names_signs_for_no_address() {
    constrained_ca_signs_for_no_others("db.example");
}

#[test]
fn a_ca_constrained_to_a_wildcard_signs_for_no_others() {
    constrained_ca_signs_for_no_others("*.db.example");
}

#[test]
fn a_ca_constrained_to_addresses_signs_for_no_name() {
    constrained_ca_signs_for_no_others("10.0.0.7");
}

#[test]
fn a_ca_constrained_to_addresses_of_version_6_signs_for_no_name() {
    constrained_ca_signs_for_no_others("2001:db8::7");
}

#[test]
fn a_server_with_addresses_alone_is_accepted_under_a_ca_constrained_to_names_too() {
    if !has_openssl() {
        return;
    }
    let files = Files::made(&["--san", "db.example,10.0.0.7", "--constrain"]);
    let issue = ["server", "issue", "second", "--san", "10.0.0.7"];
    files.home.run(issue).succeeds();
    let second = files.home.path().join("servers/second/server-cert.pem");
    webpki(&files.ca, &second, KeyUsage::server_auth()).unwrap();
    openssl_verify(&files.ca, &second, &SERVER).succeeds();
}

#[test]
fn forged_leaves_pass_under_a_ca_without_constraints() {
    // That the refusals of the tests above are the constraints' doing.
    if !has_openssl() {
        return;
    }
    let files = Files::made(&["--san", "db.example"]);
    for san in ROGUES {
        let forged = forge(&files, san);
        openssl_verify(&files.ca, &forged, &SERVER).succeeds();
        webpki(&files.ca, &forged, KeyUsage::server_auth()).unwrap();
    }
}

/// What no constrained CA here is permitted.
const ROGUES: [&str; 3] = ["DNS:evil.example", "IP:9.9.9.9", "IP:2001:db8::bad"];

fn constrained_ca_signs_for_no_others(sans: &str) {
    if !has_openssl() {
        return;
    }
    let files = Files::made(&["--san", sans, "--constrain"]);
    let extensions = Read509::of(&files.ca).extensions;
    assert!(
        extensions.contains_key("Name Constraints: critical"),
        "{extensions:#?}"
    );
    openssl_verify(&files.ca, &files.ca, &[]).succeeds();
    webpki(&files.ca, &files.server, KeyUsage::server_auth()).unwrap();
    webpki(&files.ca, &files.client, KeyUsage::client_auth()).unwrap();
    for san in ROGUES {
        let forged = forge(&files, san);
        let refused = openssl_verify(&files.ca, &forged, &SERVER).fails(2);
        refused.says("subtree violation");
        let refused = webpki(&files.ca, &forged, KeyUsage::server_auth());
        assert_eq!(
            refused.unwrap_err(),
            webpki::Error::NameConstraintViolation,
            "{san}"
        );
    }
    // Last, so that a server refused wrongly hides nothing above.
    openssl_verify(&files.ca, &files.client, &CLIENT).succeeds();
    openssl_verify(&files.ca, &files.server, &SERVER).succeeds();
}

/// A server certificate that somebody signs with the CA's stolen key and openssl.
fn forge(files: &Files, san: &str) -> PathBuf {
    let around = files.home.around();
    let config = around.join("forge.cnf");
    let lines = format!(
        "[req]\ndistinguished_name = name\nx509_extensions = leaf\n[name]\n[leaf]\n\
         basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n\
         extendedKeyUsage = serverAuth\nsubjectKeyIdentifier = hash\n\
         authorityKeyIdentifier = keyid\nsubjectAltName = {san}\n"
    );
    fs::write(&config, lines).unwrap();
    let forged = around.join("forged.pem");
    let curve = "ec_paramgen_curve:P-256";
    let key = around.join("forged-key.pem");
    openssl(&[
        "req",
        "-x509",
        "-config",
        text(&config),
        "-newkey",
        "ec",
        "-pkeyopt",
        curve,
        "-nodes",
        "-keyout",
        text(&key),
        "-subj",
        "/CN=rogue",
        "-days",
        "1",
        "-CA",
        text(&files.ca),
        "-CAkey",
        text(&files.ca_key),
        "-out",
        text(&forged),
    ])
    .succeeds();
    forged
}

// Edges

#[test]
fn dates_are_utc_time_before_2050_and_generalized_time_after() {
    if !has_openssl() {
        return;
    }
    let long = Files::made(&[
        "--san",
        "localhost",
        "--ca-valid-for",
        "30y",
        "--valid-for",
        "25y",
    ]);
    let short = Files::made(&["--san", "localhost"]);
    let mut kinds = BTreeSet::new();
    for (file, days) in [
        (&long.ca, 30 * 365),
        (&long.server, 25 * 365),
        (&long.client, 25 * 365),
        (&short.ca, 3650),
        (&short.server, 365),
        (&short.client, 365),
    ] {
        let dates = dates(file);
        for (kind, date) in &dates {
            // RFC 5280, section 4.1.2.5.
            let wanted = match date.year() {
                ..2050 => "UTCTIME",
                _ => "GENERALIZEDTIME",
            };
            assert_eq!(kind, wanted, "{date}");
            kinds.insert(kind.clone());
        }
        // Not-before is an hour back.
        let life = dates[1].1 - dates[0].1;
        assert_eq!(life, time::Duration::days(days) + time::Duration::HOUR);
    }
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    openssl_verify(&long.ca, &long.ca, &[]).succeeds();
    openssl_verify(&long.ca, &long.server, &SERVER).succeeds();
    openssl_verify(&long.ca, &long.client, &CLIENT).succeeds();
    webpki(&long.ca, &long.server, KeyUsage::server_auth()).unwrap();
    webpki(&long.ca, &long.client, KeyUsage::client_auth()).unwrap();
}

#[test]
fn a_server_with_300_names_is_accepted_for_each_also_under_constraints() {
    if !has_openssl() {
        return;
    }
    let names: Vec<_> = (0..300).map(|n| format!("host-{n}.example")).collect();
    let sans = names.join(",");
    for constrain in [&[][..], &["--constrain"]] {
        let files = Files::made(&[&["--san", &sans], constrain].concat());
        webpki(&files.ca, &files.server, KeyUsage::server_auth()).unwrap();
        for name in &names {
            webpki_name(&files.server, name).unwrap();
        }
        assert!(webpki_name(&files.server, "host-300.example").is_err());
        for name in [&names[0], &names[299]] {
            let name = [&SERVER[..], &["-verify_hostname", name]].concat();
            openssl_verify(&files.ca, &files.server, &name).succeeds();
        }
    }
}

#[test]
fn a_first_name_too_long_for_a_common_name_leaves_the_subject_empty_and_the_san_critical() {
    if !has_openssl() {
        return;
    }
    let name = format!("{}.{}", "a".repeat(40), "b".repeat(29));
    assert_eq!(name.len(), 70);
    let files = Files::made(&["--san", &name]);
    let server = Read509::of(&files.server);
    assert_eq!(server.subject, "");
    // RFC 5280, section 4.2.1.6.
    assert_eq!(
        server.extensions["Subject Alternative Name: critical"],
        format!("DNS:{name}")
    );
    let named = [&SERVER[..], &["-verify_hostname", &name]].concat();
    openssl_verify(&files.ca, &files.server, &named).succeeds();
    webpki(&files.ca, &files.server, KeyUsage::server_auth()).unwrap();
    webpki_name(&files.server, &name).unwrap();
}

#[test]
fn a_first_name_that_just_fits_is_the_common_name() {
    if !has_openssl() {
        return;
    }
    let name = format!("{}.{}", "a".repeat(40), "b".repeat(23));
    assert_eq!(name.len(), 64);
    let files = Files::made(&["--san", &name]);
    let server = Read509::of(&files.server);
    assert_eq!(server.subject, format!("CN={name}"));
    assert_eq!(
        server.extensions["Subject Alternative Name"],
        format!("DNS:{name}")
    );
    openssl_verify(&files.ca, &files.server, &SERVER).succeeds();
}

// Helpers

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

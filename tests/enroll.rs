//! `client request`, `client sign`, `client accept`: the whole way, with every kind of key, with
//! requests made by openssl, with hostile ones, and killed at each step.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockpki::pki::{Certificate, CertificateRequest, PrivateKey, VerifyCode};
use rustls::pki_types::UnixTime;
use support::{KEY_TYPES, Ran, TestHome, dockpki, has, program_exists, snapshot};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// A CA, and a laptop beside it.
struct Enrol {
    ca: TestHome,
}

impl Enrol {
    fn new() -> Self {
        let enrol = Self {
            ca: TestHome::in_memory(),
        };
        let init = ["init", "--san", "localhost,127.0.0.1", "--client", "alice"];
        enrol.ca.run(init).succeeds();
        fs::create_dir(enrol.user()).unwrap();
        enrol
    }

    fn user(&self) -> PathBuf {
        self.ca.around().join("user")
    }

    fn docker(&self, path: &str) -> PathBuf {
        self.user().join(".docker").join(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.ca.around().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.file(name), content).unwrap();
    }

    /// The laptop, where nobody has a CA.
    fn laptop(&self, arguments: &[&str]) -> Command {
        let mut command = dockpki();
        command
            .env("HOME", self.user())
            .env("XDG_STATE_HOME", self.file("state"))
            .env("DOCKPKI_HOME", self.file("none"))
            .current_dir(self.ca.around())
            .args(arguments);
        command
    }

    fn on_laptop(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.laptop(arguments).output().unwrap())
    }

    fn authority(&self, arguments: &[&str]) -> Command {
        let mut command = self.ca.command();
        command.current_dir(self.ca.around()).args(arguments);
        command
    }

    fn at_ca(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.authority(arguments).output().unwrap())
    }

    /// Requests `laptop`, and leaves what is sent in `laptop.csr`.
    fn request(&self, more: &[&str]) {
        let ran = self.on_laptop(&[&["client", "request", "laptop"], more].concat());
        self.write("laptop.csr", ran.succeeds().stdout);
    }

    fn sign(&self) {
        self.at_ca(&["client", "sign", "laptop.csr", "--yes"])
            .succeeds();
    }

    fn accepting(&self, more: &[&str]) -> Command {
        let code = self.ca.ca_code();
        let accept = ["client", "accept", "laptop.reply.pem", "--expect", &code];
        self.laptop(&[&accept, more].concat())
    }

    fn accept(&self) -> Ran {
        Ran::from(self.accepting(&[]).output().unwrap())
    }

    fn certificate(&self) -> Certificate {
        let path = self.ca.path().join("clients/laptop/cert.pem");
        Certificate::from_pem(&fs::read(path).unwrap()).unwrap()
    }

    /// Judges what docker would use on the laptop, by verifiers that are not ours.
    fn assert_installed(&self) {
        let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| self.docker(name));
        assert_valid(&ca, &cert);
        // Certificate and key belong together.
        support::rustls_client(&ca, &cert, &key);
    }
}

/// Judges a client's certificate by rustls-webpki, and by openssl if that is there.
fn assert_valid(ca: &Path, cert: &Path) {
    let (anchor, leaf) = (support::certificate(ca), support::certificate(cert));
    let anchor = anchor_from_trusted_cert(&anchor).unwrap();
    let leaf = EndEntityCert::try_from(&leaf).unwrap();
    leaf.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &[anchor],
        &[],
        UnixTime::now(),
        KeyUsage::client_auth(),
        None,
        None,
    )
    .unwrap();
    if has_openssl() {
        let strict = ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile"];
        openssl(|it| it.args(strict).arg(ca).arg(cert));
    }
}

fn has_openssl() -> bool {
    has("openssl", program_exists("openssl"))
}

#[track_caller]
fn openssl(with: impl FnOnce(&mut Command) -> &mut Command) {
    let mut command = Command::new("openssl");
    let output = with(&mut command).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

// ---- The whole way

#[test]
fn a_request_of_every_key_comes_back_and_works() {
    for key_type in KEY_TYPES {
        let enrol = Enrol::new();
        enrol.request(&["--key-type", key_type]);
        enrol.sign();
        let home = enrol.ca.path().join("clients/laptop");
        assert!(!home.join("key.pem").exists(), "the key has travelled");
        let key = fs::read(enrol.docker("requests/laptop/key.pem")).unwrap();
        enrol.accept().succeeds();
        enrol.assert_installed();
        assert_eq!(fs::read(enrol.docker("key.pem")).unwrap(), key);
        assert_eq!(
            fs::read(enrol.docker("cert.pem")).unwrap(),
            fs::read(home.join("cert.pem")).unwrap()
        );
        assert!(!enrol.docker("requests/laptop").exists());
        enrol.at_ca(&["verify"]).succeeds();
        let again = enrol.accept().succeeds();
        assert!(again.stdout.contains("Nothing was changed"), "{again:#?}");
        enrol.on_laptop(&["undo", "--yes"]).succeeds();
        assert_eq!(
            fs::read(enrol.docker("requests/laptop/key.pem")).unwrap(),
            key
        );
        assert!(!enrol.docker("key.pem").exists());
    }
}

#[test]
fn everything_goes_through_a_mail() {
    let enrol = Enrol::new();
    let request = enrol.on_laptop(&["client", "request", "laptop"]).succeeds();
    let mangled: fn(&str) -> Vec<u8> = |text| {
        let quoted = text.lines().map(|line| format!(" > {line}\r\n"));
        let quoted = quoted.collect::<String>();
        format!("\u{feff}On Monday Bob wrote:\r\n{quoted}\r\n-- \r\nAlice").into_bytes()
    };
    enrol.write("laptop.csr", mangled(&request.stdout));
    let code = request.stderr.split_once("Code: ").unwrap().1;
    let code = code.lines().next().unwrap();
    let sign = ["client", "sign", "laptop.csr", "--expect", code, "-o", "-"];
    let reply = enrol.at_ca(&sign).succeeds();
    // As PowerShell writes what it redirects.
    let mut utf16 = vec![0xff, 0xfe];
    utf16.extend(reply.stdout.encode_utf16().flat_map(u16::to_le_bytes));
    for (index, message) in [
        mangled(&reply.stdout),
        reply.stdout.replace('\n', " ").into_bytes(),
        utf16,
    ]
    .into_iter()
    .enumerate()
    {
        enrol.write("laptop.reply.pem", message);
        let ran = enrol.accept().succeeds();
        assert_eq!(ran.stdout.contains("Installed client"), index == 0);
        enrol.assert_installed();
    }
}

#[test]
fn a_renewal_keeps_the_key_and_its_reply_is_accepted() {
    let enrol = Enrol::new();
    enrol.request(&[]);
    enrol.sign();
    enrol.accept().succeeds();
    let old = enrol.certificate();
    let reply = || {
        let export = ["client", "export", "laptop", "--as", "reply", "-o", "-"];
        enrol.write("laptop.reply.pem", enrol.at_ca(&export).succeeds().stdout);
    };
    enrol.at_ca(&["renew", "--force"]).succeeds();
    let new = enrol.certificate();
    assert_eq!(new.public_key, old.public_key);
    assert_ne!(new.serial, old.serial);
    enrol.at_ca(&["verify"]).succeeds();
    // Without an open request: the key is the one that is installed.
    reply();
    let ran = enrol
        .on_laptop(&["client", "accept", "laptop.reply.pem", "--yes"])
        .succeeds();
    ran.says("Its CA is one that docker believes here already");
    enrol.assert_installed();

    // Through a rollover, in which the reply holds both CAs.
    enrol.at_ca(&["ca", "roll", "start", "--yes"]).succeeds();
    reply();
    enrol.accept().succeeds();
    let trusted = fs::read_to_string(enrol.docker("ca.pem")).unwrap();
    assert_eq!(trusted.matches("BEGIN CERTIFICATE").count(), 2);
    enrol.at_ca(&["ca", "roll", "issue"]).succeeds();
    assert_eq!(enrol.certificate().public_key, old.public_key);
    // The reply that went out with the old CA's certificate counts as in use.
    let refused = enrol.at_ca(&["ca", "roll", "finish", "--yes"]).fails(1);
    refused.says("client `laptop` until");
    reply();
    enrol.accept().succeeds();
    enrol.assert_installed();
    enrol.at_ca(&["verify"]).succeeds();
    enrol.at_ca(&["ca", "roll", "finish", "--yes"]).succeeds();
}

#[test]
fn a_new_key_takes_the_place_of_the_old_with_renew() {
    let enrol = Enrol::new();
    enrol.request(&[]);
    enrol.sign();
    let old = enrol.certificate();
    enrol.request(&["--new-key", "--key-type", "ed25519"]);
    let sign = [
        "client",
        "sign",
        "laptop.csr",
        "--yes",
        "--renew",
        "-o",
        "new.pem",
    ];
    enrol.at_ca(&sign).succeeds();
    assert_ne!(enrol.certificate().public_key, old.public_key);
    let archived = enrol.ca.path().join("archive").join(old.serial.to_string());
    assert!(archived.join("cert.pem").is_file());
    let ledger = fs::read_to_string(enrol.ca.path().join("issued.jsonl")).unwrap();
    assert!(ledger.contains(&format!("\"replaces\":\"{}\"", old.serial)));
    fs::rename(enrol.file("new.pem"), enrol.file("laptop.reply.pem")).unwrap();
    enrol.accept().succeeds();
    enrol.assert_installed();
    enrol.at_ca(&["verify"]).succeeds();

    // One whose key is in the home becomes one whose key is not.
    let ran = enrol.on_laptop(&["client", "request", "alice"]).succeeds();
    enrol.write("alice.csr", ran.stdout);
    enrol
        .at_ca(&["client", "sign", "alice.csr", "--yes", "--renew"])
        .succeeds();
    assert!(!enrol.ca.path().join("clients/alice/key.pem").exists());
    enrol.at_ca(&["verify"]).succeeds();
}

/// Revoking has no command yet: the ledger says it.
#[test]
fn a_key_that_was_revoked_is_signed_no_more() {
    let enrol = Enrol::new();
    enrol.request(&[]);
    enrol.sign();
    let ledger = enrol.ca.path().join("issued.jsonl");
    let text = fs::read_to_string(&ledger).unwrap();
    let issued = text
        .lines()
        .find(|line| line.contains("\"laptop\""))
        .unwrap();
    let revoked = issued.replace("\"issued\"", "\"revoked\"");
    fs::write(&ledger, format!("{text}{revoked}\n")).unwrap();
    let sign = [
        "client",
        "sign",
        "laptop.csr",
        "--yes",
        "--out",
        "again.pem",
    ];
    let words = "was revoked with client `laptop`: to sign it would give back what was taken";
    for more in [&[][..], &["--renew"], &["--name", "phone"]] {
        enrol
            .at_ca(&[&sign[..], more].concat())
            .fails(1)
            .says(words);
    }
    // Also when its certificate is in the archive alone.
    let serial = enrol.certificate().serial.to_string();
    let archive = enrol.ca.path().join("archive");
    fs::create_dir_all(&archive).unwrap();
    fs::rename(enrol.ca.path().join("clients/laptop"), archive.join(serial)).unwrap();
    enrol.at_ca(&sign).fails(1).says(words);
    assert!(!enrol.file("again.pem").exists());
}

// ---- Requests made by openssl

#[test]
fn requests_by_openssl_of_every_key_are_signed() {
    if !has_openssl() {
        return;
    }
    let ec = |curve| vec!["-algorithm", "EC", "-pkeyopt", curve];
    let rsa = |bits| vec!["-algorithm", "RSA", "-pkeyopt", bits];
    for (key, digest, kind, is_ours) in [
        (
            ec("ec_paramgen_curve:P-256"),
            "-sha256",
            "ECDSA P-256",
            true,
        ),
        (
            ec("ec_paramgen_curve:P-384"),
            "-sha256",
            "ECDSA P-384",
            true,
        ),
        (
            ec("ec_paramgen_curve:P-521"),
            "-sha512",
            "ECDSA P-521",
            false,
        ),
        (vec!["-algorithm", "ED25519"], "-sha256", "Ed25519", true),
        (
            rsa("rsa_keygen_bits:2048"),
            "-sha256",
            "RSA of 2048 bits",
            true,
        ),
        (
            rsa("rsa_keygen_bits:3072"),
            "-sha384",
            "RSA of 3072 bits",
            true,
        ),
        (
            rsa("rsa_keygen_bits:4096"),
            "-sha512",
            "RSA of 4096 bits",
            true,
        ),
        (
            rsa("rsa_keygen_bits:2560"),
            "-sha256",
            "RSA of 2560 bits",
            false,
        ),
    ] {
        let enrol = Enrol::new();
        let (key_path, csr) = (enrol.file("key.pem"), enrol.file("laptop.csr"));
        openssl(|it| it.arg("genpkey").args(&key).arg("-out").arg(&key_path));
        // What a client may have is no reason to refuse.
        let wishes = ["basicConstraints=CA:FALSE", "extendedKeyUsage=clientAuth"];
        openssl(|it| {
            it.args([
                "req",
                "-new",
                digest,
                "-subj",
                "/O=Example/CN=laptop",
                "-key",
            ])
            .arg(&key_path)
            .args(wishes.iter().flat_map(|wish| ["-addext", wish]))
            .arg("-out")
            .arg(&csr)
        });
        let ran = enrol
            .at_ca(&["client", "sign", "laptop.csr", "--yes"])
            .succeeds();
        ran.says(&format!("Key     {kind}\n"));
        let cert = enrol.ca.path().join("clients/laptop/cert.pem");
        if has_openssl() {
            let strict = ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile"];
            openssl(|it| {
                it.args(strict)
                    .arg(enrol.ca.path().join("ca.pem"))
                    .arg(&cert)
            });
        }
        // Subject and extensions are the profile's.
        let certificate = enrol.certificate();
        assert_eq!(certificate.common_name.as_deref(), Some("laptop"));
        assert!(
            !certificate
                .subject_der
                .windows(7)
                .any(|it| it == b"Example")
        );
        enrol.at_ca(&["verify"]).succeeds();
        enrol.at_ca(&["renew", "--force", "laptop"]).succeeds();
        let mut accept = enrol.accepting(&["--key", "key.pem"]);
        let ran = Ran::from(accept.output().unwrap());
        match is_ours {
            true => {
                ran.succeeds();
                enrol.assert_installed();
                assert!(key_path.exists(), "a key somebody named is theirs");
            }
            false => ran.fails(1).says("wanted a PKCS#8 private key"),
        }
    }
}

#[test]
fn openssl_reads_our_requests() {
    if !has_openssl() {
        return;
    }
    for key_type in KEY_TYPES {
        let enrol = Enrol::new();
        enrol.request(&["--key-type", key_type]);
        openssl(|it| {
            it.args(["req", "-verify", "-noout", "-in"])
                .arg(enrol.file("laptop.csr"))
        });
    }
}

/// What a request is refused for, and by which words; nothing is left behind.
#[test]
fn hostile_requests_are_refused_with_the_reason() {
    if !has_openssl() {
        return;
    }
    let enrol = Enrol::new();
    let key = |name: &str, arguments: &[&str]| {
        let path = enrol.file(name);
        openssl(|it| it.arg("genpkey").args(arguments).arg("-out").arg(&path));
        path
    };
    let ec = |curve: &str| {
        let curve = format!("ec_paramgen_curve:{curve}");
        key(&curve.clone(), &["-algorithm", "EC", "-pkeyopt", &curve])
    };
    let rsa = |bits: &str, exponent: &str| {
        let (bits, exponent) = (
            format!("rsa_keygen_bits:{bits}"),
            format!("rsa_keygen_pubexp:{exponent}"),
        );
        let options = [
            "-algorithm",
            "RSA",
            "-pkeyopt",
            &bits,
            "-pkeyopt",
            &exponent,
        ];
        key(&format!("{bits}{exponent}"), &options)
    };
    let p256 = ec("P-256");
    let made = |key: &Path, more: &[&str]| {
        let path = enrol.file("made.csr");
        openssl(|it| {
            it.args(["req", "-new", "-subj", "/CN=laptop", "-key"])
                .arg(key)
                .args(more)
                .arg("-out")
                .arg(&path)
        });
        fs::read(path).unwrap()
    };
    let wish = |extension: &str| made(&p256, &["-addext", extension]);
    let good = made(&p256, &[]);
    let pem = String::from_utf8(good.clone()).unwrap();
    let der = CertificateRequest::from_message(&good).unwrap().der;
    let bent = {
        let mut der = der.clone();
        // Inside the common name.
        let at = der.windows(6).position(|it| it == b"laptop").unwrap();
        der[at] = b'L';
        support::by_hand::pem("CERTIFICATE REQUEST", &der)
    };
    let long = support::by_hand::pem("CERTIFICATE REQUEST", &[&der[..], b"x"].concat());
    let of_key = fs::read_to_string(&p256).unwrap();
    let ca = fs::read_to_string(enrol.ca.path().join("ca.pem")).unwrap();
    for (request, words) in [
        (
            wish("basicConstraints=CA:TRUE"),
            "a wish for CA:TRUE, wanted none",
        ),
        (
            wish("keyUsage=keyCertSign"),
            "a wish for keyCertSign or cRLSign",
        ),
        (
            wish("keyUsage=digitalSignature,cRLSign"),
            "a wish for keyCertSign or cRLSign",
        ),
        (
            wish("extendedKeyUsage=serverAuth"),
            "the purpose serverAuth, wanted clientAuth alone",
        ),
        (
            wish("extendedKeyUsage=clientAuth,serverAuth"),
            "the purpose serverAuth",
        ),
        (
            wish("extendedKeyUsage=anyExtendedKeyUsage"),
            "the purpose anyExtendedKeyUsage",
        ),
        (
            wish("extendedKeyUsage=emailProtection"),
            "the purpose emailProtection",
        ),
        (wish("extendedKeyUsage=1.2.3.4"), "the purpose 1.2.3.4"),
        (
            wish("subjectAltName=DNS:web-1.example.com"),
            "a wish for the SAN DNSName(web-1.example.com)",
        ),
        (
            wish("subjectAltName=IP:10.0.0.1"),
            "a wish for the SAN IPAddress",
        ),
        (
            wish("subjectAltName=URI:https://x"),
            "a wish for the SAN URI",
        ),
        (
            wish("nameConstraints=permitted;DNS:x"),
            "a wish for name constraints",
        ),
        (
            wish("keyUsage=DER:ffff"),
            "the signing request is damaged: an extension does not parse",
        ),
        (
            made(&rsa("1024", "65537"), &[]),
            "an RSA key of 1024 bits, wanted a key of P-256",
        ),
        (
            made(&rsa("2048", "3"), &[]),
            "an RSA key with the exponent 3",
        ),
        (
            made(&rsa("2048", "4294967297"), &[]),
            "an RSA key with an exponent over 2^31",
        ),
        (made(&ec("P-224"), &[]), "an EC key on P-224"),
        (made(&ec("secp256k1"), &[]), "an EC key on secp256k1"),
        (
            made(&key("ed448", &["-algorithm", "ED448"]), &[]),
            "an Ed448 key",
        ),
        (
            made(&p256, &["-sha1"]),
            "a signature by the algorithm 1.2.840.10045.4.1",
        ),
        (bent.into_bytes(), "a signature that is not by its own key"),
        (
            long.into_bytes(),
            "the signing request is damaged: 1 octets after its end",
        ),
        (
            (pem.clone() + &pem).into_bytes(),
            "found 2 PEM blocks, wanted a signing request in PEM",
        ),
        ((pem.clone() + &of_key).into_bytes(), "found a private key"),
        (of_key.into_bytes(), "found a private key"),
        (
            ca.into_bytes(),
            "found a certificate, wanted a signing request in PEM",
        ),
        (der, "found DER, wanted a signing request in PEM"),
        (pem[..pem.len() - 20].into(), "it is cut short"),
        (Vec::new(), "found nothing"),
        (vec![b'-'; 200_000], "found more than 65536 octets"),
    ] {
        enrol.write("hostile.csr", request);
        let before = snapshot(enrol.ca.around());
        let sign = [
            "client",
            "sign",
            "hostile.csr",
            "--yes",
            "--out",
            "never.pem",
        ];
        enrol.at_ca(&sign).fails(1).says(words);
        assert!(
            before == snapshot(enrol.ca.around()),
            "{words}: left something"
        );
    }
    // The label of old programs is none of these.
    let old = pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    enrol.write("laptop.csr", old);
    enrol.sign();
}

// ---- Files and modes

#[test]
fn modes_are_right_under_any_umask() {
    for umask in ["000", "077", "777"] {
        let enrol = Enrol::new();
        let under = |command: Command| {
            let mut shell = Command::new("sh");
            shell
                .arg("-c")
                .arg(format!("umask {umask}; exec \"$@\""))
                .arg("sh")
                .arg(command.get_program())
                .args(command.get_args())
                .stdin(std::process::Stdio::null())
                .current_dir(enrol.ca.around());
            support::golden::copy_environment(&command, &mut shell);
            Ran::from(shell.output().unwrap()).succeeds()
        };
        let ran = under(enrol.laptop(&["client", "request", "laptop"]));
        enrol.write("laptop.csr", ran.stdout);
        let mode = |path: PathBuf| path.symlink_metadata().unwrap().mode() & 0o7777;
        for (path, wanted) in [
            ("", 0o700),
            ("requests", 0o700),
            ("requests/laptop", 0o700),
            ("requests/laptop/key.pem", 0o400),
            ("requests/laptop/request.pem", 0o444),
        ] {
            assert_eq!(mode(enrol.docker(path)), wanted, "{path} under {umask}");
        }
        under(enrol.authority(&["client", "sign", "laptop.csr", "--yes"]));
        assert_eq!(mode(enrol.file("laptop.reply.pem")), 0o644);
        assert_eq!(mode(enrol.ca.path().join("clients/laptop")), 0o700);
        assert_eq!(mode(enrol.ca.path().join("clients/laptop/cert.pem")), 0o444);
        under(enrol.accepting(&[]));
        assert_eq!(mode(enrol.docker("key.pem")), 0o400);
        assert_eq!(mode(enrol.docker("cert.pem")), 0o444);
    }
}

/// Several at once are one after the other; one of a name makes the key, the others show it.
#[test]
fn requests_at_once_make_one_key() {
    let enrol = Enrol::new();
    let children = (0..8).map(|_| {
        let mut command = enrol.laptop(&["client", "request", "laptop"]);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    });
    let children = Vec::from_iter(children);
    let ran = children
        .into_iter()
        .map(|child| Ran::from(child.wait_with_output().unwrap()));
    let ran = Vec::from_iter(ran);
    let kept = fs::read_to_string(enrol.docker("requests/laptop/request.pem")).unwrap();
    for ran in ran {
        assert_eq!(ran.succeeds().stdout, kept);
    }
    assert_eq!(fs::read_dir(enrol.docker("requests")).unwrap().count(), 1);
}

// ---- Killed at each step

#[cfg(target_os = "linux")]
mod killed {
    use std::io::Read as _;
    use std::process::Stdio;

    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

    use super::support::fault::{self, Ended, at_each_point, shim};
    use super::*;

    /// The calls of a command on a world that is made anew.
    fn calls(of: impl Fn(&Enrol) -> Command, before: &dyn Fn(&Enrol)) -> Vec<String> {
        let enrol = Enrol::new();
        before(&enrol);
        let log = enrol.file("log");
        let variables = [("FAULT_LOG", log.to_str().unwrap())];
        fault::run(&mut of(&enrol), &variables).ran.succeeds();
        let text = fs::read_to_string(log).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn kill(command: &mut Command, at: usize) -> bool {
        fault::run(
            command,
            &[("FAULT_AT", &at.to_string()), ("FAULT_KIND", "kill")],
        )
        .killed
    }

    fn fail(command: &mut Command, at: usize) -> Ran {
        fault::run(
            command,
            &[("FAULT_AT", &at.to_string()), ("FAULT_KIND", "eio")],
        )
        .ran
    }

    const REQUEST: &[&str] = &["client", "request", "laptop"];
    const SIGN: &[&str] = &["client", "sign", "laptop.csr", "--yes"];
    const FOR_HOST: &[&str] = &["--host", "tcp://web"];

    #[test]
    fn a_request_killed_at_any_point_is_there_whole_or_not_at_all() {
        let calls = calls(|enrol| enrol.laptop(REQUEST), &|_| ());
        at_each_point(&calls, |at| {
            let enrol = Enrol::new();
            assert!(kill(&mut enrol.laptop(REQUEST), at));
            enrol.request(&[]);
            let request = fs::read(enrol.docker("requests/laptop/request.pem")).unwrap();
            assert_eq!(fs::read(enrol.file("laptop.csr")).unwrap(), request);
            let left = fs::read_dir(enrol.docker("requests")).unwrap().count();
            assert_eq!(left, 1, "a key lies around");
            enrol.sign();
            enrol.accept().succeeds();
            enrol.assert_installed();
        });
        at_each_point(&calls, |at| {
            let enrol = Enrol::new();
            let before = snapshot(&enrol.user());
            let ran = fail(&mut enrol.laptop(REQUEST), at);
            match ran.code {
                0 => {}
                1 => assert!(before == snapshot(&enrol.user()), "{ran:#?}"),
                _ => {
                    assert_eq!(ran.code, 3, "{ran:#?}");
                    assert!(enrol.docker("requests/laptop/key.pem").exists());
                }
            }
            enrol.request(&[]);
        });
    }

    #[test]
    fn a_new_key_killed_at_any_point_leaves_one_whole_request() {
        let line = [REQUEST, &["--new-key"]].concat();
        let before: &dyn Fn(&Enrol) = &|enrol| enrol.request(&[]);
        let calls = calls(|enrol| enrol.laptop(&line), before);
        at_each_point(&calls, |at| {
            let enrol = Enrol::new();
            before(&enrol);
            assert!(kill(&mut enrol.laptop(&line), at));
            enrol.request(&[]);
            enrol.request(&["--new-key"]);
            let left = fs::read_dir(enrol.docker("requests")).unwrap().count();
            assert_eq!(left, 1, "a key lies around");
        });
    }

    #[test]
    fn a_signature_killed_at_any_point_is_in_the_ledger_or_nowhere() {
        let before: &dyn Fn(&Enrol) = &|enrol| enrol.request(&[]);
        let calls = calls(|enrol| enrol.authority(SIGN), before);
        at_each_point(&calls, |at| {
            let enrol = Enrol::new();
            before(&enrol);
            assert!(kill(&mut enrol.authority(SIGN), at));
            let reply = fs::read(enrol.file("laptop.reply.pem"));
            enrol.at_ca(&["verify"]);
            let is_signed = enrol.ca.path().join("clients/laptop/cert.pem").exists();
            let ledger = fs::read_to_string(enrol.ca.path().join("issued.jsonl")).unwrap();
            assert_eq!(is_signed, ledger.contains("\"laptop\""));
            assert!(is_signed || reply.is_err(), "a reply of which nobody knows");
            enrol.at_ca(&["verify"]).succeeds();
            let again = enrol.at_ca(SIGN);
            match is_signed {
                true => again.fails(1).says("this request is signed already"),
                false => drop(again.succeeds()),
            }
        });
        at_each_point(&calls, |at| {
            let enrol = Enrol::new();
            before(&enrol);
            let ran = fail(&mut enrol.authority(SIGN), at);
            let is_signed = enrol.ca.path().join("clients/laptop/cert.pem").exists();
            let is_sent = enrol.file("laptop.reply.pem").exists();
            match ran.code {
                0 => assert!(is_signed && is_sent),
                1 => assert!(!is_signed && !is_sent, "{ran:#?}"),
                _ => assert_eq!(ran.code, 3, "{ran:#?}"),
            }
            assert!(
                is_signed || !is_sent,
                "a reply of which nobody knows: {ran:#?}"
            );
        });
    }

    #[test]
    fn a_file_that_appears_where_the_reply_goes_stays_as_it_is() {
        let before: &dyn Fn(&Enrol) = &|enrol| enrol.request(&[]);
        let calls = calls(|enrol| enrol.authority(SIGN), before);
        let is_last = |call: &String| call.starts_with("link") && call.contains("reply.pem");
        let at = calls.iter().position(is_last).unwrap() + 1;
        let enrol = Enrol::new();
        before(&enrol);
        let mut sign = enrol.authority(SIGN);
        sign.env("LD_PRELOAD", shim())
            .envs([("FAULT_AT", at.to_string()), ("FAULT_KIND", "stop".into())])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut sign = Ended(sign.spawn().unwrap());
        let process = Pid::from_child(&sign.0);
        let stopped = waitpid(Some(process), WaitOptions::UNTRACED)
            .unwrap()
            .unwrap();
        assert!(stopped.1.stopped());
        enrol.write("laptop.reply.pem", "somebody's");
        kill_process(process, Signal::CONT).unwrap();
        let mut words = String::new();
        sign.0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut words)
            .unwrap();
        assert_eq!(sign.0.wait().unwrap().code(), Some(3), "{words}");
        assert!(
            words.contains("the client `laptop` is signed, but the reply cannot be written"),
            "{words}"
        );
        assert_eq!(
            fs::read(enrol.file("laptop.reply.pem")).unwrap(),
            b"somebody's"
        );
        let mut left = fs::read_dir(enrol.ca.around()).unwrap();
        assert!(!left.any(|it| {
            it.unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with(".laptop")
        }));
        enrol.at_ca(&["verify"]).succeeds();
    }

    #[test]
    fn an_accept_killed_at_any_point_keeps_the_key() {
        let before: &dyn Fn(&Enrol) = &|enrol| {
            enrol.request(&[]);
            enrol.sign();
        };
        let calls = calls(|enrol| enrol.accepting(FOR_HOST), before);
        at_each_point(&calls, |at| {
            let enrol = Enrol::new();
            before(&enrol);
            let key = fs::read(enrol.docker("requests/laptop/key.pem")).unwrap();
            assert!(kill(&mut enrol.accepting(FOR_HOST), at));
            Ran::from(enrol.accepting(FOR_HOST).output().unwrap()).succeeds();
            assert_eq!(fs::read(enrol.docker("key.pem")).unwrap(), key);
            enrol.assert_installed();
            assert!(!enrol.docker("requests/laptop").exists());
        });
    }
}

/// A code that is compared is that of the key and of nothing else.
#[test]
fn the_code_is_that_of_the_key() {
    let enrol = Enrol::new();
    enrol.request(&[]);
    let key = fs::read(enrol.docker("requests/laptop/key.pem")).unwrap();
    let key = PrivateKey::from_pem(&key).unwrap();
    let code = VerifyCode::of(key.public_key()).to_string();
    let shown = enrol
        .at_ca(&["client", "sign", "laptop.csr", "--dry-run"])
        .succeeds();
    shown.says(&code);
}

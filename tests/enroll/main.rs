//! `client request`, `client sign`, `client accept`: the whole way, with every kind of key, with
//! requests made by openssl, with hostile ones, and killed at each step.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the machine, and these do little else"
)]

#[path = "../support/mod.rs"]
mod support;

mod files;
#[cfg(target_os = "linux")]
mod killed;
mod openssl;

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

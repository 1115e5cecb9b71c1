//! Homes made by hand: what no dockpki would make, or only years ago.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dockpki::pki::{Ca, KeyType, Name, PrivateKey, Purpose, Serial, Validity, certificate_pem};
use dockpki::plan::layout::{self, PairKind};
use dockpki::plan::ledger::{Entry, Event};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyUsagePurpose, SanType, SerialNumber,
};
use time::{Duration, OffsetDateTime};

use super::golden::command;
use super::{Ran, TestHome};

pub fn write(path: &Path, mode: u32, content: impl AsRef<[u8]>) {
    if path.exists() {
        fs::remove_file(path).unwrap();
    }
    fs::write(path, content).unwrap();
    set_mode(path, mode);
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A file with a passphrase, beside the home.
pub fn secret(home: &TestHome, name: &str, content: &str) {
    write(&home.around().join(name), 0o600, content);
}

/// A home whose CA's key has the passphrase in the file `secret`.
pub fn home_with_passphrase() -> TestHome {
    let home = TestHome::new();
    secret(&home, "secret", "correct horse\n");
    let line = "dockpki init --san localhost,127.0.0.1 --client alice --passphrase-file secret";
    Ran::from(command(&home, line).output().unwrap()).succeeds();
    home
}

pub fn key() -> PrivateKey {
    PrivateKey::generate(KeyType::P256).unwrap()
}

pub fn serial() -> Serial {
    Serial::generate().unwrap()
}

/// A validity that begins and ends this many days from now.
pub fn days(from: i64, to: i64) -> Validity {
    let now = OffsetDateTime::now_utc().truncate_to_second();
    Validity {
        not_before: now + Duration::days(from),
        // Less than a day more, so that the days that are left do not turn while we look.
        not_after: now + Duration::days(to) + Duration::hours(1),
    }
}

/// Makes a home by hand that holds nothing but a CA.
pub fn home_with_ca_of(validity: Validity) -> TestHome {
    let home = TestHome::new();
    let ca = Ca::new(key(), &serial(), validity, None).unwrap();
    fs::create_dir(home.path()).unwrap();
    set_mode(&home.path(), layout::DIRECTORY_MODE);
    put_ca(&home, &ca.certificate().pem(), ca.key());
    let certificate = ca.certificate();
    let entry = Entry::issued(
        Purpose::Ca,
        certificate.common_name.as_deref().unwrap(),
        &certificate.serial,
        certificate.fingerprint(),
        validity.not_after,
        validity.not_before,
    );
    append(&home, &entry);
    home
}

pub fn put_ca(home: &TestHome, certificate: &str, key: &PrivateKey) {
    let certificate_path = home.path().join(layout::CA_CERTIFICATE);
    write(&certificate_path, layout::CERTIFICATE_MODE, certificate);
    put_ca_key(home, key.to_pem().unwrap().expose());
}

pub fn put_ca_key(home: &TestHome, content: impl AsRef<[u8]>) {
    write(&home.path().join(layout::CA_KEY), layout::KEY_MODE, content);
}

pub fn append(home: &TestHome, entry: &Entry) {
    append_text(home, &entry.line());
}

pub fn append_text(home: &TestHome, text: &str) {
    let path = home.path().join(layout::LEDGER);
    let mut options = OpenOptions::new();
    let mut ledger = options.append(true).create(true).open(&path).unwrap();
    ledger.write_all(text.as_bytes()).unwrap();
    set_mode(&path, layout::RECORD_MODE);
}

pub fn ca_of(home: &TestHome) -> Ca {
    let certificate = fs::read(home.path().join(layout::CA_CERTIFICATE)).unwrap();
    let der = dockpki::pki::certificates_from_pem(&certificate).unwrap();
    let key = fs::read(home.path().join(layout::CA_KEY)).unwrap();
    Ca::from_parts(&der[0], PrivateKey::from_pem(&key).unwrap()).unwrap()
}

pub fn pair_path(home: &TestHome, kind: PairKind, name: &str) -> PathBuf {
    home.path().join(kind.pair(name))
}

/// Puts a pair into the home, in the place of the one that is there, without a ledger entry.
pub fn put_pair(home: &TestHome, kind: PairKind, name: &str, certificate: &str, key: &str) {
    let directory = pair_path(home, kind, name);
    fs::create_dir_all(&directory).unwrap();
    set_mode(&home.path().join(kind.directory()), layout::DIRECTORY_MODE);
    set_mode(&directory, layout::DIRECTORY_MODE);
    let ca = fs::read(home.path().join(layout::CA_CERTIFICATE)).unwrap();
    let mode = layout::CERTIFICATE_MODE;
    write(&directory.join(layout::CA_CERTIFICATE), mode, ca);
    write(&directory.join(kind.certificate_file()), mode, certificate);
    write(&directory.join(kind.key_file()), layout::KEY_MODE, key);
}

/// Issues a client of this validity and puts it into the home, with its ledger entry.
pub fn put_client(home: &TestHome, ca: &Ca, name: &str, validity: Validity) -> Serial {
    let key = key();
    let client: Name = name.parse().unwrap();
    let issued = ca.issue_client(&client, &key, serial(), validity).unwrap();
    let key = key.to_pem().unwrap();
    put_pair(home, PairKind::Client, name, &issued.pem(), key.expose());
    let fingerprint = issued.fingerprint();
    record(home, Purpose::Client, name, &issued.serial, fingerprint);
    issued.serial
}

pub fn record(home: &TestHome, purpose: Purpose, name: &str, serial: &Serial, fingerprint: String) {
    let now = OffsetDateTime::now_utc();
    append(
        home,
        &Entry::issued(purpose, name, serial, fingerprint, now, now),
    );
}

/// Issues a certificate no dockpki would, with the home's CA as issuer, and puts it into the home
/// with its ledger entry.
pub fn put_odd(
    home: &TestHome,
    kind: PairKind,
    name: &str,
    issuer: &Ca,
    params: CertificateParams,
) {
    let certificate_of_ca = issuer.certificate();
    let mut issuer_params = CertificateParams::default();
    issuer_params.distinguished_name = common_name(certificate_of_ca.common_name.as_deref());
    issuer_params.key_identifier_method =
        KeyIdMethod::PreSpecified(certificate_of_ca.subject_key_id.clone().unwrap());
    let issuer = Issuer::new(issuer_params, issuer.key());
    let key = key();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let pem = certificate_pem(certificate.der());
    let key = key.to_pem().unwrap();
    put_pair(home, kind, name, &pem, key.expose());
    let serial = Serial::from_be_bytes(params.serial_number.unwrap().as_ref());
    let fingerprint = dockpki::pki::Certificate::from_der(certificate.der())
        .unwrap()
        .fingerprint();
    record(home, kind.purpose(), name, &serial, fingerprint);
}

pub fn common_name(name: Option<&str>) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    if let Some(name) = name {
        names.push(DnType::CommonName, name);
    }
    names
}

/// A certificate as dockpki would issue it for a client of this name, to be changed.
pub fn params_of_client(name: &str) -> CertificateParams {
    let validity = days(0, 100);
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(serial().as_be_bytes()));
    params.not_before = validity.not_before;
    params.not_after = validity.not_after;
    params.distinguished_name = common_name(Some(name));
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

pub fn params_of_server(name: &str, sans: &[&str]) -> CertificateParams {
    let mut params = params_of_client(name);
    params.subject_alt_names = sans
        .iter()
        .map(|san| SanType::DnsName((*san).try_into().unwrap()))
        .collect();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// Puts a CA into the home that no dockpki would make.
pub fn put_odd_ca(home: &TestHome, change: impl FnOnce(&mut CertificateParams)) {
    let key = key();
    let mut params = params_of_client("a CA of somebody else");
    params.not_after += Duration::days(3650);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = Vec::new();
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    if !home.path().exists() {
        fs::create_dir(home.path()).unwrap();
        set_mode(&home.path(), layout::DIRECTORY_MODE);
    }
    put_ca(home, &certificate_pem(certificate.der()), &key);
}

/// A PEM block of any label.
pub fn pem(label: &str, der: &[u8]) -> String {
    certificate_pem(der).replace("CERTIFICATE", label)
}

/// A certificate or key that was cut in the middle.
pub fn cut(path: &Path, mode: u32) {
    let content = fs::read(path).unwrap();
    write(path, mode, &content[..content.len() / 2]);
}

/// A home with a certificate in every state.
pub fn home_in_every_state() -> TestHome {
    let home = home_with_ca_of(days(-200, 3650));
    let ca = ca_of(&home);
    put_client(&home, &ca, "due", days(-100, 20));
    put_client(&home, &ca, "not-yet-valid", days(10, 30));
    put_client(&home, &ca, "expired", days(-100, -11));
    let revoked = put_client(&home, &ca, "revoked", days(-1, 100));
    let now = OffsetDateTime::now_utc();
    let fingerprint = "ff".repeat(32);
    let mut entry = Entry::issued(Purpose::Client, "revoked", &revoked, fingerprint, now, now);
    entry.event = Event::Revoked;
    append(&home, &entry);
    let names = [
        "certificate-missing",
        "certificate-broken",
        "key-missing",
        "key-open",
        "key-broken",
        "key-does-not-match",
    ];
    for name in names {
        put_client(&home, &ca, name, days(-1, 100));
    }
    let path = |name: &str, file: &str| pair_path(&home, PairKind::Client, name).join(file);
    fs::remove_file(path("certificate-missing", "cert.pem")).unwrap();
    cut(&path("certificate-broken", "cert.pem"), 0o444);
    fs::remove_file(path("key-missing", "key.pem")).unwrap();
    set_mode(&path("key-open", "key.pem"), 0o640);
    cut(&path("key-broken", "key.pem"), 0o400);
    let other = fs::read(path("due", "key.pem")).unwrap();
    write(&path("key-does-not-match", "key.pem"), 0o400, other);
    home
}

//! PEM in and out (RFC 7468).
//!
//! The only place that knows rustls-pemfile, which is archived (RUSTSEC-2025-0134): it is a thin
//! layer over rustls-pki-types, and to leave it is a change to this file alone.

use std::fmt;
use std::io;

use base64ct::{Base64, Encoding};
use data_encoding::BASE64;
use pkcs8::der::pem::decode_vec;
use rustls_pemfile::Item;
use zeroize::Zeroizing;

use super::{Error, printable};

/// A private key as PEM text.  Debug prints `[elided]`; the memory is zeroed when dropped.
pub struct SecretPem(Zeroizing<String>);

impl SecretPem {
    /// One `PRIVATE KEY` block.
    pub(super) fn encode_key(der: &[u8]) -> Self {
        Self::encode(PLAIN_LABEL, der)
    }

    fn encode(label: &'static str, der: &[u8]) -> Self {
        let mut line = Zeroizing::new([0; COLUMNS]);
        // In constant time, for this is a secret.
        Self(Zeroizing::new(encode(label, der, |octets, pem| {
            let line = Base64::encode(octets, &mut *line);
            pem.push_str(line.expect("48 octets or less are 64 columns or less"));
        })))
    }

    /// The PEM text, to be written where only its owner can read it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The PEM text as bytes, still zeroed when dropped.
    pub fn into_bytes(mut self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(std::mem::take(&mut *self.0).into_bytes())
    }
}

impl fmt::Debug for SecretPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPem([elided])")
    }
}

/// Writes one certificate as PEM, 64 columns, `\n` at each line's end.
pub fn certificate_pem(der: &[u8]) -> String {
    encode("CERTIFICATE", der, |octets, pem| {
        BASE64.encode_append(octets, pem)
    })
}

/// Writes one signing request as PEM (RFC 7468, section 7).
pub(super) fn request_pem(der: &[u8]) -> String {
    encode("CERTIFICATE REQUEST", der, |octets, pem| {
        BASE64.encode_append(octets, pem)
    })
}

/// The columns of a line (RFC 7468, section 2).
const COLUMNS: usize = 64;

/// Writes one block, in one allocation: a secret that moves leaves a copy behind.
fn encode(label: &str, der: &[u8], mut push_line: impl FnMut(&[u8], &mut String)) -> String {
    let lines = der.chunks(COLUMNS / 4 * 3);
    let frame = "-----BEGIN -----\n-----END -----\n".len() + 2 * label.len();
    let mut pem = String::with_capacity(frame + lines.len() * (COLUMNS + 1));
    for part in ["-----BEGIN ", label, "-----\n"] {
        pem.push_str(part);
    }
    for line in lines {
        push_line(line, &mut pem);
        pem.push('\n');
    }
    for part in ["-----END ", label, "-----\n"] {
        pem.push_str(part);
    }
    pem
}

/// Reads every certificate of a PEM text, as DER.  Text around the blocks does not matter; a
/// block of another kind is an error, for a private key has no business in a certificate file.
///
/// # Errors
/// [`Error::NoPem`] if there is none, or a block of another kind; [`Error::BrokenPem`] if a block
/// is damaged.
pub fn certificates_from_pem(pem: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    const WANTED: &str = "a PEM certificate";
    let mut certificates = Vec::new();
    for item in items(pem)? {
        match item {
            Item::X509Certificate(der) => certificates.push(der.as_ref().to_vec()),
            other => return Err(no_pem(WANTED, kind(&other))),
        }
    }
    match certificates.is_empty() {
        true => Err(no_pem(WANTED, nothing(pem))),
        false => Ok(certificates),
    }
}

/// The PKCS#8 DER of a PEM text that holds one private key and nothing else.
pub(super) enum KeyPem {
    /// `PRIVATE KEY` (RFC 5958).
    Plain(Zeroizing<Vec<u8>>),
    /// `ENCRYPTED PRIVATE KEY` (RFC 5958).
    Encrypted(Vec<u8>),
}

const PLAIN_LABEL: &str = "PRIVATE KEY";
const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// Reads the one key of a PEM text, without rustls-pemfile: that leaves the key's text behind in
/// buffers nobody zeroes.
pub(super) fn key_from_pem(pem: &[u8]) -> Result<KeyPem, Error> {
    const WANTED: &str = "a PKCS#8 private key in PEM";
    if !contains(pem, b"-----BEGIN ") {
        return Err(no_pem(WANTED, nothing(pem)));
    }
    let broken = |cause: String| Error::BrokenPem {
        what: "private key",
        cause,
    };
    refuse_cut(pem).map_err(broken)?;
    let (label, der) = decode_vec(pem).map_err(|error| broken(error.to_string()))?;
    match label {
        PLAIN_LABEL => Ok(KeyPem::Plain(Zeroizing::new(der))),
        ENCRYPTED_LABEL => Ok(KeyPem::Encrypted(der)),
        other => Err(no_pem(
            WANTED,
            format!("a PEM block of {}", printable(other)),
        )),
    }
}

pub(super) fn encrypted_key_pem(der: &[u8]) -> SecretPem {
    SecretPem::encode(ENCRYPTED_LABEL, der)
}

fn items(mut pem: &[u8]) -> Result<Vec<Item>, Error> {
    let broken = |cause: String| Error::BrokenPem {
        what: "certificate",
        cause,
    };
    refuse_cut(pem).map_err(broken)?;
    rustls_pemfile::read_all(&mut pem)
        .collect::<Result<_, io::Error>>()
        .map_err(|error| broken(error.to_string()))
}

fn refuse_cut(pem: &[u8]) -> Result<(), String> {
    match count(pem, b"-----BEGIN ") > count(pem, b"-----END ") {
        true => Err("it is cut short, its END line is missing".into()),
        false => Ok(()),
    }
}

fn no_pem(wanted: &'static str, found: impl Into<String>) -> Error {
    Error::NoPem {
        wanted,
        found: found.into(),
    }
}

fn nothing(pem: &[u8]) -> &'static str {
    match pem.iter().all(u8::is_ascii_whitespace) {
        true => "nothing",
        false if pem.starts_with(&[0x30]) => "DER",
        false => "no PEM block of that kind",
    }
}

fn kind(item: &Item) -> &'static str {
    match item {
        Item::X509Certificate(_) => "a certificate",
        Item::Pkcs8Key(_) | Item::Pkcs1Key(_) | Item::Sec1Key(_) => "a private key",
        Item::Crl(_) => "a revocation list",
        Item::Csr(_) => "a signing request",
        _ => "a block of another kind",
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    count(haystack, needle) > 0
}

fn count(haystack: &[u8], needle: &[u8]) -> usize {
    haystack
        .windows(needle.len())
        .filter(|window| *window == needle)
        .count()
}

#[cfg(test)]
mod tests {
    use pkcs8::der::pem::{LineEnding, encode_string};

    use super::*;

    #[test]
    fn a_truncated_block_is_told_from_none() {
        let pem = certificate_pem(&[0x30; 90]);
        let cut = &pem.as_bytes()[..pem.len() / 2];
        assert!(matches!(
            certificates_from_pem(cut),
            Err(Error::BrokenPem { .. })
        ));
        assert!(matches!(
            certificates_from_pem(b""),
            Err(Error::NoPem { .. })
        ));
        assert!(matches!(
            certificates_from_pem(&[0x30, 0x82]),
            Err(Error::NoPem { .. })
        ));
    }

    #[test]
    fn blocks_are_written_as_others_write_them() {
        for length in [1, 47, 48, 49, 96, 500] {
            let der = vec![0xa5; length];
            let theirs = encode_string("CERTIFICATE", LineEnding::LF, &der).unwrap();
            assert_eq!(certificate_pem(&der), theirs, "{length} octets");
            let theirs = encode_string("PRIVATE KEY", LineEnding::LF, &der).unwrap();
            assert_eq!(
                SecretPem::encode_key(&der).expose(),
                theirs,
                "{length} octets"
            );
        }
    }

    #[test]
    fn a_key_among_certificates_is_refused() {
        let mut pem = certificate_pem(&[0x30; 90]);
        pem.push_str(SecretPem::encode(PLAIN_LABEL, &[1; 40]).expose());
        let error = certificates_from_pem(pem.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "found a private key, wanted a PEM certificate"
        );
    }

    #[test]
    fn text_around_the_block_does_not_matter() {
        let pem = format!(
            "subject=x\r\n{}\r\ntail",
            certificate_pem(&[7; 100]).replace('\n', "\r\n")
        );
        assert_eq!(
            certificates_from_pem(pem.as_bytes()).unwrap(),
            [vec![7; 100]]
        );
    }
}

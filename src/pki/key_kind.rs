//! The keys a client certificate is issued for, also those that dockpki makes none of.

use std::fmt;

use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};
use x509_parser::public_key::PublicKey as Parsed;

use super::der::{Tag, constructed, positive_integer};
use super::key::{algorithm_der, spki_with};
use super::{Error, KeyType, PublicKey};

/// A kind of key that Docker's daemon takes from a client.  There are no others: it loads no key
/// of secp256k1 or Ed448, fails every handshake with P-224, and Go refuses RSA over 8192 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// ECDSA on NIST P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// RSA of this many bits, 2048 to 8192.
    Rsa(usize),
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => f.write_str("ECDSA P-256"),
            Self::P384 => f.write_str("ECDSA P-384"),
            Self::P521 => f.write_str("ECDSA P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Rsa(bits) => write!(f, "RSA of {bits} bits"),
        }
    }
}

const WANTED: &str = "a key of P-256, P-384, P-521, Ed25519 or RSA of 2048 to 8192 bits";
const P521_ALGORITHM: &[u8] =
    b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23";

impl KeyKind {
    /// Judges somebody else's key.  That it is written in the one way DER has is judged too: the same key
    /// in other octets would have another code, and pass for another.
    ///
    /// # Errors
    /// [`Error::Request`] with what is found and wanted.
    pub fn of(key: &PublicKey) -> Result<Self, Error> {
        let refused = |found: String| Error::Request {
            found,
            wanted: WANTED,
        };
        let der = key.as_spki_der();
        let (_, info) = SubjectPublicKeyInfo::from_der(der)
            .map_err(|_| refused("a key that does not parse".into()))?;
        let octets = info.subject_public_key.as_ref();
        let algorithm = info.algorithm.algorithm.to_id_string();
        let (kind, only_form) = match algorithm.as_str() {
            "1.3.101.112" => (
                Self::Ed25519,
                spki_with(algorithm_der(KeyType::Ed25519), octets),
            ),
            "1.2.840.10045.2.1" => {
                let curve = info
                    .algorithm
                    .parameters
                    .as_ref()
                    .and_then(|it| it.as_oid().ok());
                let curve = curve.map(|curve| curve.to_id_string()).unwrap_or_default();
                let (kind, algorithm, length) = match curve.as_str() {
                    "1.2.840.10045.3.1.7" => (Self::P256, algorithm_der(KeyType::P256), 65),
                    "1.3.132.0.34" => (Self::P384, algorithm_der(KeyType::P384), 97),
                    "1.3.132.0.35" => (Self::P521, P521_ALGORITHM, 133),
                    other => return Err(refused(curve_words(other))),
                };
                if octets.first() != Some(&4) || octets.len() != length {
                    return Err(refused("a key whose point is not written whole".into()));
                }
                (kind, spki_with(algorithm, octets))
            }
            "1.2.840.113549.1.1.1" => {
                let Ok(Parsed::RSA(rsa)) = info.parsed() else {
                    return Err(refused("an RSA key that does not parse".into()));
                };
                let (modulus, exponent) = (number(rsa.modulus), number(rsa.exponent));
                let kind = Self::Rsa(rsa_bits(modulus, exponent).map_err(refused)?);
                let mut octets = Vec::new();
                constructed(&mut octets, Tag::Sequence, |der| {
                    positive_integer(der, modulus);
                    positive_integer(der, exponent);
                });
                (kind, spki_with(algorithm_der(KeyType::Rsa2048), &octets))
            }
            other => return Err(refused(algorithm_words(other))),
        };
        match only_form == der {
            true => Ok(kind),
            false => Err(refused("a key that is not written as DER has it".into())),
        }
    }
}

/// The bits of an RSA key whose numbers are such as honest keys have; else what is found.
fn rsa_bits(modulus: &[u8], exponent: &[u8]) -> Result<usize, String> {
    let first = modulus.first().copied().unwrap_or(0);
    let bits = modulus.len() * 8 - first.leading_zeros().min(8) as usize;
    if !(2048..=8192).contains(&bits) {
        return Err(format!("an RSA key of {bits} bits"));
    }
    if modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err("an RSA key with an even modulus".into());
    }
    // Odd and over 2^16 (NIST SP 800-56B, section 6.2); Go takes none of 2^31 or more.
    let value = exponent.iter().try_fold(0u32, |value, octet| {
        let value = value.checked_mul(256)?;
        Some(value | u32::from(*octet))
    });
    match value {
        Some(value) if value % 2 == 0 => Err("an RSA key with an even exponent".into()),
        Some(value @ 0..=0x1_0000) => Err(format!("an RSA key with the exponent {value}")),
        Some(0x1_0001..=0x7fff_ffff) => Ok(bits),
        _ => Err("an RSA key with an exponent over 2^31".into()),
    }
}

/// Big-endian octets without leading zeros.
fn number(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    &octets[zeros..]
}

fn curve_words(oid: &str) -> String {
    match oid {
        "1.3.132.0.33" => "an EC key on P-224".into(),
        "1.3.132.0.10" => "an EC key on secp256k1".into(),
        "" => "an EC key whose curve has no name".into(),
        other => format!("an EC key on the curve {other}"),
    }
}

fn algorithm_words(oid: &str) -> String {
    match oid {
        "1.2.840.10040.4.1" => "a DSA key".into(),
        "1.3.101.113" => "an Ed448 key".into(),
        "1.2.840.113549.1.1.10" => "an RSA key for PSS alone".into(),
        other => format!("a key of algorithm {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::PrivateKey;

    fn kind(der: &[u8]) -> Result<KeyKind, String> {
        KeyKind::of(&PublicKey::from_spki_der(der)).map_err(|error| error.to_string())
    }

    /// An RSA key of this modulus and exponent, big-endian.
    fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        let mut octets = Vec::new();
        constructed(&mut octets, Tag::Sequence, |der| {
            positive_integer(der, modulus);
            positive_integer(der, exponent);
        });
        spki_with(algorithm_der(KeyType::Rsa2048), &octets)
    }

    #[test]
    fn every_key_that_is_made_here_is_certified() {
        for (key_type, wanted) in [
            (KeyType::P256, "ECDSA P-256"),
            (KeyType::P384, "ECDSA P-384"),
            (KeyType::Ed25519, "Ed25519"),
            (KeyType::Rsa2048, "RSA of 2048 bits"),
        ] {
            let key = PrivateKey::generate(key_type).unwrap();
            assert_eq!(KeyKind::of(key.public_key()).unwrap().to_string(), wanted);
        }
    }

    #[test]
    fn rsa_keys_of_odd_numbers_are_refused() {
        let modulus = |octets: usize| {
            let mut modulus = vec![0xff; octets];
            modulus[0] = 0x80;
            modulus
        };
        let good = [1, 0, 1];
        assert_eq!(kind(&rsa(&modulus(1024), &good)), Ok(KeyKind::Rsa(8192)));
        let mut even = modulus(256);
        even[255] = 0xfe;
        let mut short = modulus(256);
        short[0] = 0x7f;
        for (modulus, exponent, found) in [
            (modulus(128), &good[..], "an RSA key of 1024 bits"),
            (short, &good, "an RSA key of 2047 bits"),
            (modulus(1025), &good, "an RSA key of 8200 bits"),
            (even, &good, "an RSA key with an even modulus"),
            (modulus(256), &[3], "an RSA key with the exponent 3"),
            (modulus(256), &[1], "an RSA key with the exponent 1"),
            (modulus(256), &[1, 0, 0], "an RSA key with an even exponent"),
            (modulus(256), &[1, 0, 2], "an RSA key with an even exponent"),
            (
                modulus(256),
                &[0x80, 0, 0, 1],
                "an RSA key with an exponent over 2^31",
            ),
            (
                modulus(256),
                &[1; 9],
                "an RSA key with an exponent over 2^31",
            ),
        ] {
            let refusal = kind(&rsa(&modulus, exponent)).unwrap_err();
            assert!(refusal.contains(found), "{refusal}");
        }
    }

    #[test]
    fn the_same_key_in_other_octets_is_refused() {
        let key = PrivateKey::generate(KeyType::P256).unwrap();
        let der = key.public_key().as_spki_der();
        // A length in the long form where the short one does.
        let long = [&[0x30, 0x81, der[1]], &der[2..]].concat();
        assert!(kind(&long).is_err());
        let mut compressed = der.to_vec();
        compressed[26] = 2;
        assert!(
            kind(&compressed)
                .unwrap_err()
                .contains("whose point is not written whole")
        );
        let with_zero = rsa(&[&[0x80], &[0xff; 255][..]].concat(), &[0, 1, 0, 1]);
        assert!(kind(&with_zero).is_err());
    }
}

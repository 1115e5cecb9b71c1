//! Private and public keys.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use pkcs8::der::Decode;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::der::{Tag, bit_string, constructed};
use super::pem::{self, KeyPem};
use super::{Error, SecretPem, inspect};

/// The kinds of key dockpki makes; Docker's daemon and clients take each with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// ECDSA on NIST P-256, signing with SHA-256.  The default.
    P256,
    /// ECDSA on NIST P-384, signing with SHA-384.
    P384,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// RSA of 2048 bits, signing with PKCS#1 v1.5 and SHA-256.
    Rsa2048,
    /// RSA of 3072 bits, signing with PKCS#1 v1.5 and SHA-256.
    Rsa3072,
    /// RSA of 4096 bits, signing with PKCS#1 v1.5 and SHA-256.
    Rsa4096,
}

impl KeyType {
    /// Every kind, in the order help shows them.
    pub const ALL: [Self; 6] = [
        Self::P256,
        Self::P384,
        Self::Ed25519,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// The name on the command line: `p256`, `rsa4096` and so on.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
        }
    }

    /// Whether it is RSA of any size: slow to make, and in need of keyEncipherment.
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| Error::KeyType {
            text: text.to_owned(),
        })
    }
}

/// A private key that can sign.  Debug prints `[elided]`; there is no Display and no Clone.
pub struct PrivateKey {
    signer: Signer,
    key_type: KeyType,
    public_key: PublicKey,
}

enum Signer {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

impl PrivateKey {
    /// Makes a key with the system's randomness.  Some 10 µs for P-256, a second or so for
    /// RSA-4096.
    ///
    /// # Errors
    /// [`Error::Generation`] if the library under us cannot, for want of memory or randomness.
    pub fn generate(key_type: KeyType) -> Result<Self, Error> {
        let rsa = |size| RsaKeyPair::generate(size).map(Signer::Rsa);
        let signer = match key_type {
            KeyType::P256 | KeyType::P384 => {
                EcdsaKeyPair::generate(ecdsa(key_type)).map(Signer::Ecdsa)
            }
            KeyType::Ed25519 => Ed25519KeyPair::generate().map(Signer::Ed25519),
            KeyType::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyType::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyType::Rsa4096 => rsa(KeySize::Rsa4096),
        };
        let signer = signer.map_err(|_| Error::Generation { key_type })?;
        Ok(Self::new(signer, key_type))
    }

    fn new(signer: Signer, key_type: KeyType) -> Self {
        Self {
            public_key: PublicKey(spki_der(key_type, signer.public_octets())),
            signer,
            key_type,
        }
    }

    /// Reads an unencrypted PKCS#8 key (RFC 5958) in DER.  The public half is checked against
    /// the private.
    ///
    /// # Errors
    /// [`Error::BrokenKey`] if it does not parse or its halves do not match,
    /// [`Error::UnsupportedKey`] if it is of a kind [`KeyType`] does not have.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, Error> {
        let broken = |cause: &dyn fmt::Display| Error::BrokenKey {
            cause: cause.to_string(),
        };
        let unsupported = |found: String| Error::UnsupportedKey { found };
        let info = PrivateKeyInfoRef::from_der(der).map_err(|error| broken(&error))?;
        let signer = match info.algorithm.oid {
            EC_PUBLIC_KEY => {
                let curve = info
                    .algorithm
                    .parameters_oid()
                    .map_err(|error| broken(&error))?;
                let key_type = match curve {
                    PRIME256V1 => KeyType::P256,
                    SECP384R1 => KeyType::P384,
                    other => return Err(unsupported(format!("an EC key on the curve {other}"))),
                };
                let key = EcdsaKeyPair::from_pkcs8(ecdsa(key_type), der);
                (
                    Signer::Ecdsa(key.map_err(|error| broken(&error))?),
                    key_type,
                )
            }
            ED25519 => {
                let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
                (
                    Signer::Ed25519(key.map_err(|error| broken(&error))?),
                    KeyType::Ed25519,
                )
            }
            RSA_ENCRYPTION => {
                let key = RsaKeyPair::from_pkcs8(der).map_err(|error| broken(&error))?;
                let key_type = match key.public_modulus_len() {
                    256 => KeyType::Rsa2048,
                    384 => KeyType::Rsa3072,
                    512 => KeyType::Rsa4096,
                    other => return Err(unsupported(format!("an RSA key of {} bits", other * 8))),
                };
                (Signer::Rsa(key), key_type)
            }
            other => return Err(unsupported(format!("a key of algorithm {other}"))),
        };
        let (signer, key_type) = signer;
        Ok(Self::new(signer, key_type))
    }

    /// Reads an unencrypted PKCS#8 key in PEM: one `PRIVATE KEY` block and nothing else.
    ///
    /// # Errors
    /// [`Error::Encrypted`] if it is an `ENCRYPTED PRIVATE KEY`: see [`super::decrypt_key`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        match pem::key_from_pem(pem)? {
            KeyPem::Plain(der) => Self::from_pkcs8_der(&der),
            KeyPem::Encrypted(_) => Err(Error::Encrypted),
        }
    }

    /// The key as PKCS#8 DER, version 1: OpenSSL 3.0 does not read version 2.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = |_| Error::Generation {
            key_type: self.key_type,
        };
        Ok(Zeroizing::new(match &self.signer {
            Signer::Ecdsa(key) => {
                let scalar: EcPrivateKeyBin<'_> =
                    key.private_key().as_be_bytes().map_err(failed)?;
                ec_pkcs8_der(self.key_type, scalar.as_ref(), key.public_key().as_ref())
            }
            Signer::Ed25519(key) => key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Signer::Rsa(key) => {
                let der: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
        }))
    }

    /// The key as PKCS#8 PEM, one `PRIVATE KEY` block.
    pub fn to_pem(&self) -> Result<SecretPem, Error> {
        Ok(SecretPem::encode_key(&self.to_pkcs8_der()?))
    }

    /// The kind of key.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Signs with the algorithm of its type.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |cause: aws_lc_rs::error::Unspecified| Error::Signing {
            cause: cause.to_string(),
        };
        // AWS-LC draws from its own generator and ignores the one it is handed.
        let random = SystemRandom::new();
        match &self.signer {
            Signer::Ecdsa(key) => {
                let signature = key.sign(&random, message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Signer::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
            Signer::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

impl Signer {
    /// What SubjectPublicKeyInfo holds as its bit string.
    fn public_octets(&self) -> &[u8] {
        match self {
            Self::Ecdsa(key) => key.public_key().as_ref(),
            Self::Ed25519(key) => key.public_key().as_ref(),
            Self::Rsa(key) => key.public_key().as_ref(),
        }
    }
}

/// SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) with the algorithm's parameters as RFC 5480,
/// section 2.1.1, RFC 8410, section 4, and RFC 3279, section 2.3.1, have them.
fn spki_der(key_type: KeyType, public_octets: &[u8]) -> Vec<u8> {
    spki_with(algorithm_der(key_type), public_octets)
}

/// The AlgorithmIdentifier of a SubjectPublicKeyInfo.
pub(super) fn algorithm_der(key_type: KeyType) -> &'static [u8] {
    match key_type {
        KeyType::P256 => {
            b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
              \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
        }
        KeyType::P384 => {
            b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22"
        }
        KeyType::Ed25519 => b"\x30\x05\x06\x03\x2b\x65\x70",
        KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096 => {
            b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
        }
    }
}

/// SubjectPublicKeyInfo of an AlgorithmIdentifier and what goes into its bit string.
pub(super) fn spki_with(algorithm: &[u8], public_octets: &[u8]) -> Vec<u8> {
    let mut der = Vec::with_capacity(algorithm.len() + public_octets.len() + 16);
    constructed(&mut der, Tag::Sequence, |der| {
        der.extend_from_slice(algorithm);
        bit_string(der, public_octets);
    });
    der
}

/// PKCS#8 around an ECPrivateKey (RFC 5958, section 2; RFC 5915, section 3), with the public half.
///
/// AWS-LC writes the same octets, but works the public half out anew, which is a twentieth of
/// what a certificate costs in all.  Every length is fixed, so it is a matter of prefixes.
fn ec_pkcs8_der(key_type: KeyType, scalar: &[u8], point: &[u8]) -> Vec<u8> {
    let (before_scalar, before_point): (&[u8], &[u8]) = match key_type {
        KeyType::P384 => (
            b"\x30\x81\xb6\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
              \x06\x05\x2b\x81\x04\x00\x22\x04\x81\x9e\x30\x81\x9b\x02\x01\x01\x04\x30",
            b"\xa1\x64\x03\x62\x00",
        ),
        _ => (
            b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
              \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x6d\x30\x6b\x02\x01\x01\x04\x20",
            b"\xa1\x44\x03\x42\x00",
        ),
    };
    [before_scalar, scalar, before_point, point].concat()
}

fn ecdsa(key_type: KeyType) -> &'static EcdsaSigningAlgorithm {
    match key_type {
        KeyType::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        _ => &ECDSA_P256_SHA256_ASN1_SIGNING,
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, [elided])", self.key_type)
    }
}

impl rcgen::PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        self.signer.public_octets()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self.key_type {
            KeyType::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyType::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyType::Ed25519 => &rcgen::PKCS_ED25519,
            KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096 => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl rcgen::SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.sign(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// A public key as SubjectPublicKeyInfo DER (RFC 5280, section 4.1.2.7).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    pub(super) fn from_spki_der(der: &[u8]) -> Self {
        Self(der.to_vec())
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn as_spki_der(&self) -> &[u8] {
        &self.0
    }

    /// The kind of key, if it is one dockpki makes.
    pub fn key_type(&self) -> Option<KeyType> {
        use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};
        use x509_parser::public_key::PublicKey as Parsed;
        let (_, info) = SubjectPublicKeyInfo::from_der(&self.0).ok()?;
        if info.algorithm.algorithm.as_bytes() == ED25519.as_bytes() {
            return Some(KeyType::Ed25519);
        }
        match info.parsed().ok()? {
            Parsed::RSA(key) => match key.key_size() {
                2048 => Some(KeyType::Rsa2048),
                3072 => Some(KeyType::Rsa3072),
                4096 => Some(KeyType::Rsa4096),
                _ => None,
            },
            Parsed::EC(_) => {
                let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
                match curve.as_bytes() {
                    bytes if bytes == PRIME256V1.as_bytes() => Some(KeyType::P256),
                    bytes if bytes == SECP384R1.as_bytes() => Some(KeyType::P384),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The key identifier of certificates for it: the leftmost 160 bits of the SHA-256 of the
    /// SubjectPublicKeyInfo (RFC 7093, section 2, method 4, as short as method 1).
    pub(super) fn key_id(&self) -> [u8; 20] {
        let mut id = [0; 20];
        id.copy_from_slice(&inspect::sha256(&self.0)[..20]);
        id
    }

    /// Whether it is an RSA key of any size (RFC 3279, section 2.3.1).
    pub fn is_rsa(&self) -> bool {
        use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};
        SubjectPublicKeyInfo::from_der(&self.0)
            .is_ok_and(|(_, info)| info.algorithm.algorithm.as_bytes() == RSA_ENCRYPTION.as_bytes())
    }

    /// The SHA-256 of the SubjectPublicKeyInfo, as hex: what may be shown in a key's stead.
    pub fn fingerprint(&self) -> String {
        inspect::hex(&inspect::sha256(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey(sha256 {})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_way_through_pem() {
        for key_type in KeyType::ALL {
            let key = PrivateKey::generate(key_type).unwrap();
            let read = PrivateKey::from_pem(key.to_pem().unwrap().expose().as_bytes()).unwrap();
            assert_eq!(read.key_type(), key_type);
            assert_eq!(read.public_key(), key.public_key());
            assert_eq!(read.public_key().key_type(), Some(key_type));
        }
    }

    #[test]
    fn an_ec_key_is_written_as_aws_lc_writes_it() {
        for key_type in [KeyType::P256, KeyType::P384] {
            for _ in 0..50 {
                let key = PrivateKey::generate(key_type).unwrap();
                let Signer::Ecdsa(signer) = &key.signer else {
                    panic!("an EC key");
                };
                let theirs = signer.to_pkcs8v1().unwrap();
                assert_eq!(*key.to_pkcs8_der().unwrap(), theirs.as_ref());
            }
        }
    }

    #[test]
    fn debug_tells_nothing_of_the_key() {
        let key = PrivateKey::generate(KeyType::P256).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey(p256, [elided])");
        assert_eq!(
            format!("{:?}", key.to_pem().unwrap()),
            "SecretPem([elided])"
        );
    }

    #[test]
    fn junk_is_refused_without_panic() {
        let key = PrivateKey::generate(KeyType::P256)
            .unwrap()
            .to_pkcs8_der()
            .unwrap();
        assert!(matches!(
            PrivateKey::from_pkcs8_der(b""),
            Err(Error::BrokenKey { .. })
        ));
        for cut in 0..key.len() {
            assert!(PrivateKey::from_pkcs8_der(&key[..cut]).is_err());
        }
        for flip in 0..key.len() {
            let mut bent = key.to_vec();
            bent[flip] ^= 0x55;
            let _ = PrivateKey::from_pkcs8_der(&bent);
        }
    }
}

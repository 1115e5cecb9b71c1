//! Encrypted private keys: PKCS#8 with PBES2, scrypt and AES-256-CBC.

use std::fmt;

use aws_lc_rs::rand;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::{Decode, Encode};
use pkcs8::pkcs5::scrypt;
use pkcs8::pkcs5::{EncryptionScheme, pbes2};
use zeroize::Zeroizing;

use super::pem::{self, KeyPem};
use super::{Error, PrivateKey, SecretPem};

/// The secret that opens an encrypted key.  Debug prints `[elided]`; zeroed when dropped.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Takes the passphrase's bytes, at least one.
    pub fn new(secret: Zeroizing<Vec<u8>>) -> Option<Self> {
        match secret.is_empty() {
            true => None,
            false => Some(Self(secret)),
        }
    }

    /// Whether both are the same secret.
    pub fn matches(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase([elided])")
    }
}

/// scrypt's costs for new keys (RFC 7914): N = 2^14, r = 8, p = 5, one of the settings OWASP
/// holds equal.  A larger N would need 32 MiB or more, and `openssl pkcs8` opens nothing that
/// does.
const LOG_N: u8 = 14;
const R: u32 = 8;
const P: u32 = 5;

/// More memory than this for a key derivation is refused: 1 GiB.
const MAX_SCRYPT_BYTES: u128 = 1 << 30;

/// Encrypts a key: one `ENCRYPTED PRIVATE KEY` block (RFC 5958, section 3; RFC 8018, section
/// 6.2).  Takes about a tenth of a second, as does opening it.
///
/// # Errors
/// [`Error::NoRandomness`] if the system gives none for salt and IV.
pub fn encrypt_key(key: &PrivateKey, passphrase: &Passphrase) -> Result<SecretPem, Error> {
    let mut salt = [0u8; 16];
    let mut iv = [0u8; 16];
    rand::fill(&mut salt).map_err(|_| Error::NoRandomness)?;
    rand::fill(&mut iv).map_err(|_| Error::NoRandomness)?;
    let failed = |error: &dyn fmt::Display| Error::Signing {
        cause: format!("the key could not be encrypted: {error}"),
    };
    let costs = scrypt::Params::new(LOG_N, R, P).map_err(|error| failed(&error))?;
    let scheme = pbes2::Parameters::generate_scrypt_aes256cbc(costs, &salt, iv);
    let scheme = EncryptionScheme::from(scheme.map_err(|error| failed(&error))?);
    let der = key.to_pkcs8_der()?;
    let encrypted = scheme
        .encrypt(&passphrase.0, &der)
        .map_err(|error| failed(&error))?;
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: scheme,
        encrypted_data: pkcs8::der::asn1::OctetStringRef::new(&encrypted)
            .map_err(|error| failed(&error))?,
    };
    let der = info.to_der().map_err(|error| failed(&error))?;
    Ok(pem::encrypted_key_pem(&der))
}

/// Whether a key file's PEM is encrypted.
///
/// # Errors
/// [`Error::NoPem`] and [`Error::BrokenPem`] if it is no PEM of a key.
pub fn is_encrypted(pem: &[u8]) -> Result<bool, Error> {
    Ok(matches!(pem::key_from_pem(pem)?, KeyPem::Encrypted(_)))
}

/// Opens an encrypted key in PEM, made by [`encrypt_key`] or by openssl with PBES2.
///
/// # Errors
/// [`Error::NotEncrypted`] if the key needs no passphrase, [`Error::WrongPassphrase`] if this
/// one does not open it, [`Error::ExcessiveKdf`] if to try would take more than 1 GiB of memory.
pub fn decrypt_key(pem: &[u8], passphrase: &Passphrase) -> Result<PrivateKey, Error> {
    let der = match pem::key_from_pem(pem)? {
        KeyPem::Encrypted(der) => der,
        KeyPem::Plain(_) => return Err(Error::NotEncrypted),
    };
    let broken = |error: &dyn fmt::Display| Error::BrokenKey {
        cause: error.to_string(),
    };
    let info = EncryptedPrivateKeyInfoRef::from_der(&der).map_err(|error| broken(&error))?;
    refuse_excessive(&info.encryption_algorithm)?;
    let mut buffer = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let plain = info
        .encryption_algorithm
        .decrypt_in_place(&passphrase.0, &mut buffer)
        .map_err(|error| match error {
            pkcs8::pkcs5::Error::UnsupportedAlgorithm { oid } => Error::UnsupportedKey {
                found: format!("an encryption of algorithm {oid}"),
            },
            _ => Error::WrongPassphrase,
        })?;
    // A wrong passphrase decrypts to noise, and one in 256 of such noises ends in good padding.
    PrivateKey::from_pkcs8_der(plain).map_err(|error| match error {
        Error::BrokenKey { .. } => Error::WrongPassphrase,
        other => other,
    })
}

fn refuse_excessive(scheme: &EncryptionScheme) -> Result<(), Error> {
    let Some(pbes2) = scheme.pbes2() else {
        return Err(Error::UnsupportedKey {
            found: "an encryption older than PBES2".into(),
        });
    };
    let found = match &pbes2.kdf {
        pbes2::Kdf::Scrypt(costs) => {
            let block = 128 * u128::from(costs.block_size);
            let bytes =
                block * (u128::from(costs.cost_parameter) + u128::from(costs.parallelization));
            (bytes > MAX_SCRYPT_BYTES || costs.parallelization > 64).then(|| {
                format!(
                    "scrypt with {} MiB and p = {}",
                    bytes >> 20,
                    costs.parallelization
                )
            })
        }
        pbes2::Kdf::Pbkdf2(costs) => (costs.iteration_count > 50_000_000)
            .then(|| format!("PBKDF2 with {} iterations", costs.iteration_count)),
        _ => None,
    };
    match found {
        Some(found) => Err(Error::ExcessiveKdf { found }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::KeyType;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn opens_with_its_passphrase_and_no_other() {
        let key = PrivateKey::generate(KeyType::P256).unwrap();
        let pem = encrypt_key(&key, &passphrase("correct horse")).unwrap();
        let pem = pem.expose().as_bytes();
        assert!(is_encrypted(pem).unwrap());
        assert_eq!(PrivateKey::from_pem(pem).unwrap_err(), Error::Encrypted);
        let opened = decrypt_key(pem, &passphrase("correct horse")).unwrap();
        assert_eq!(opened.public_key(), key.public_key());
        let refused = decrypt_key(pem, &passphrase("correct horse ")).unwrap_err();
        assert_eq!(refused, Error::WrongPassphrase);
    }

    #[test]
    fn an_empty_passphrase_is_none() {
        assert!(Passphrase::new(Zeroizing::new(Vec::new())).is_none());
    }

    #[test]
    fn a_plain_key_needs_no_passphrase() {
        let pem = PrivateKey::generate(KeyType::Ed25519)
            .unwrap()
            .to_pem()
            .unwrap();
        assert!(!is_encrypted(pem.expose().as_bytes()).unwrap());
        let refused = decrypt_key(pem.expose().as_bytes(), &passphrase("x")).unwrap_err();
        assert_eq!(refused, Error::NotEncrypted);
    }
}

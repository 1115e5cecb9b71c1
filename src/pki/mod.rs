//! Makes and reads certificates.  Values in, values out.
//!
//! Nothing here touches the disk, the clock or the environment: time, keys and serials are
//! arguments.  Three functions roll dice: [`PrivateKey::generate`], [`Serial::generate`], and
//! [`encrypt_key`] for its salt; every other one that needs a key or a serial takes one that
//! exists.
//!
//! The profile is strict on purpose and has no knobs beyond the ones in the signatures: see
//! [`Ca`] for what goes into each certificate, and [`profile`] for the reading side, which
//! judges a certificate against the same rules.

mod armour;
mod ca;
mod chain;
mod constraints;
mod csr;
mod der;
mod encryption;
mod error;
mod inspect;
mod key;
mod key_kind;
mod leaf;
mod life;
mod name;
mod pem;
mod printable;
pub mod profile;
mod san;
mod serial;
mod verify_code;

pub use armour::{MAX_MESSAGE, certificates_from_message};
pub use ca::{Ca, Issued, Purpose};
pub use chain::verify_chain;
pub use constraints::NameConstraints;
pub use csr::CertificateRequest;
pub use encryption::{Passphrase, decrypt_key, encrypt_key, is_encrypted};
pub use error::Error;
pub use inspect::{Certificate, ExtendedKeyUsage, KeyUsage, sha256_hex};
pub use key::{KeyType, PrivateKey, PublicKey};
pub use key_kind::KeyKind;
pub use life::{Life, Validity, date};
pub use name::Name;
pub use pem::{SecretPem, certificate_pem, certificates_from_pem};
pub use printable::printable;
pub use san::{SubjectAltName, SubjectAltNames};
pub use serial::Serial;
pub use verify_code::VerifyCode;

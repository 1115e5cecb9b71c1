//! What can be wrong with names, lives, keys and certificates.

use std::fmt;

use time::OffsetDateTime;

use super::{KeyType, Serial, SubjectAltName, Validity, date, printable};

/// An input that cannot be used, or a certificate that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Error {
    /// An entry of a SAN list is neither a host name nor an address.
    San { entry: String, wanted: String },
    /// A SAN list has no entry at all.
    NoSan,
    /// A server's or client's name cannot be a file name and a common name.
    Name { name: String, wanted: String },
    /// A life is not a number with one of the units.
    Life { text: String, wanted: &'static str },
    /// A key type has no such name.
    KeyType { text: String },
    /// The bytes hold no PEM block of the kind that was wanted.
    NoPem { wanted: &'static str, found: String },
    /// A PEM block is cut short or damaged.
    BrokenPem { what: &'static str, cause: String },
    /// The DER of a certificate does not parse, or has something after it.
    BrokenCertificate { cause: String },
    /// The DER of a signing request does not parse, or has something after it.
    BrokenRequest { cause: String },
    /// A signing request asks for what is not given, or with a key that is not certified.
    Request { found: String, wanted: &'static str },
    /// Somebody sent a private key.
    PrivateKeySent { wanted: &'static str },
    /// A verify code is no such thing.
    VerifyCode { text: String },
    /// A private key does not parse, or its halves do not belong together.
    BrokenKey { cause: String },
    /// A private key of a kind the profile does not have.
    UnsupportedKey { found: String },
    /// A key is encrypted and there is no passphrase to open it with.
    Encrypted,
    /// A passphrase was given for a key that is not encrypted.
    NotEncrypted,
    /// The passphrase does not open the key.
    WrongPassphrase,
    /// The encryption asks for more memory or time than any honest key does.
    ExcessiveKdf { found: String },
    /// The key is not the one the certificate was made for.
    KeyMismatch,
    /// A certificate that should be a CA of dockpki's is something else.
    NotOurCa { found: String },
    /// The CA is past its end.
    CaExpired { not_after: OffsetDateTime },
    /// The clock stands before the CA's beginning.
    BeforeCa {
        now: OffsetDateTime,
        not_before: OffsetDateTime,
    },
    /// An end of life that X.509 cannot write (after the year 9999).
    TooLong { text: String },
    /// A CA with name constraints does not permit this name.
    NotPermitted { san: SubjectAltName },
    /// A CA with name constraints is in the way of a client's name: OpenSSL takes a common name
    /// with a dot for a host name.
    ClientNotPermitted { name: String },
    /// A leaf's validity is not within its CA's.
    OutsideCa { ca: Validity },
    /// A serial number that X.509 cannot hold.
    Serial { serial: Serial },
    /// A certificate does not chain to the CA, in the verifier's own words.
    Chain { cause: String },
    /// The library under us could not make a key.
    Generation { key_type: KeyType },
    /// The library under us could not sign.
    Signing { cause: String },
    /// The system gave no random bytes.
    NoRandomness,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::San { entry, wanted } => {
                write!(f, "`{}` cannot be a SAN: {wanted}", printable(entry))
            }
            Self::NoSan => f.write_str("no SAN given: wanted at least one host name or address"),
            Self::Name { name, wanted } => {
                write!(f, "`{}` cannot be a name: {wanted}", printable(name))
            }
            Self::Life { text, wanted } => {
                write!(f, "`{}` is not a life: {wanted}", printable(text))
            }
            Self::KeyType { text } => write!(
                f,
                "`{}` is not a key type: wanted p256, p384, ed25519, rsa2048, rsa3072 or rsa4096",
                printable(text)
            ),
            Self::NoPem { wanted, found } => write!(f, "found {found}, wanted {wanted}"),
            Self::BrokenPem { what, cause } => {
                write!(f, "the {what} is damaged: {cause}")
            }
            Self::BrokenCertificate { cause } => write!(f, "the certificate is damaged: {cause}"),
            Self::BrokenRequest { cause } => {
                write!(f, "the signing request is damaged: {cause}")
            }
            Self::Request { found, wanted } => {
                write!(
                    f,
                    "the signing request has {}, wanted {wanted}",
                    printable(found)
                )
            }
            Self::PrivateKeySent { wanted } => write!(
                f,
                "found a private key, wanted {wanted}: a private key must never leave the machine \
                 it was made on"
            ),
            Self::VerifyCode { text } => write!(
                f,
                "`{}` is no verify code: wanted 16 letters and digits, as in k7qd-3mxa-90fz-p2wh",
                printable(text)
            ),
            Self::BrokenKey { cause } => write!(f, "the private key is damaged: {cause}"),
            Self::UnsupportedKey { found } => write!(
                f,
                "found {found}, wanted a key of P-256, P-384, Ed25519 or RSA of 2048 to 4096 bits"
            ),
            Self::Encrypted => f.write_str("the key is encrypted and no passphrase was given"),
            Self::NotEncrypted => {
                f.write_str("the key is not encrypted, yet a passphrase was given")
            }
            Self::WrongPassphrase => f.write_str("the passphrase does not open the key"),
            Self::ExcessiveKdf { found } => {
                write!(
                    f,
                    "the key's encryption asks for {found}, more than dockpki will spend"
                )
            }
            Self::KeyMismatch => f.write_str("the private key does not belong to the certificate"),
            Self::NotOurCa { found } => write!(f, "found {found}, wanted a CA made by dockpki"),
            Self::CaExpired { not_after } => {
                write!(
                    f,
                    "the CA expired on {}: it can issue nothing more",
                    date(*not_after)
                )
            }
            Self::BeforeCa { now, not_before } => write!(
                f,
                "the clock says {}, before the CA begins on {}: set the clock first",
                date(*now),
                date(*not_before)
            ),
            Self::TooLong { text } => {
                write!(
                    f,
                    "`{text}` ends after the year 9999: wanted a shorter life"
                )
            }
            Self::NotPermitted { san } => write!(
                f,
                "`{san}` is outside the CA's name constraints: clients would refuse the certificate"
            ),
            Self::ClientNotPermitted { name } => write!(
                f,
                "`{name}` reads as a host name outside the CA's name constraints: \
                 wanted one without a dot, or below them"
            ),
            Self::OutsideCa { ca } => write!(
                f,
                "the validity is not within the CA's, {} to {}",
                date(ca.not_before),
                date(ca.not_after)
            ),
            Self::Serial { serial } => write!(
                f,
                "{serial} cannot be a serial number: wanted a positive one of at most 20 octets"
            ),
            Self::Chain { cause } => write!(f, "does not chain to the CA: {cause}"),
            Self::Generation { key_type } => write!(f, "cannot make a key of type {key_type}"),
            Self::Signing { cause } => write!(f, "cannot sign: {cause}"),
            Self::NoRandomness => f.write_str("the system gives no random bytes"),
        }
    }
}

impl std::error::Error for Error {}

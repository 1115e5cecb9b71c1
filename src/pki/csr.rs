//! Signing requests (PKCS#10, RFC 2986): who has a key asks for a certificate of it.
//!
//! Of a request two things count: the public key, and that whoever made the request has the
//! private one.  What else it wishes is not obeyed, for subject and extensions come from the
//! profile; a wish for more than a client may have is refused all the same, so that nobody believes
//! it was granted.

use aws_lc_rs::signature::{self as algorithms, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

use super::armour::{Block, blocks, kind};
use super::der::{Tag, bit_string, constructed, positive_integer, primitive};
use super::leaf::{signature_algorithm, write_subject};
use super::pem::request_pem;
use super::{Error, KeyKind, Name, PrivateKey, PublicKey};

/// A signing request that can be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateRequest {
    /// The request in DER.
    pub der: Vec<u8>,
    /// The key a certificate is asked for.
    pub public_key: PublicKey,
    /// What kind of key that is.
    pub key_kind: KeyKind,
    /// The first common name of the subject, as it is there.
    pub common_name: Option<String>,
}

const WANTED: &str = "a signing request in PEM";

impl CertificateRequest {
    /// Makes a request for a client of this name: its common name, the key, and no wishes.
    ///
    /// # Errors
    /// [`Error::Signing`] if the library under us cannot sign.
    pub fn new(name: &Name, key: &PrivateKey) -> Result<Self, Error> {
        let mut info = Vec::with_capacity(1024);
        constructed(&mut info, Tag::Sequence, |der| {
            // Version 1 is written as 0 (RFC 2986, section 4.1).
            positive_integer(der, &[]);
            write_subject(der, Some(name.as_str()));
            der.extend_from_slice(key.public_key().as_spki_der());
            // No attributes; the field is there all the same.
            constructed(der, Tag::Explicit0, |_| {});
        });
        let signature = key.sign(&info)?;
        let mut der = Vec::with_capacity(info.len() + signature.len() + 64);
        constructed(&mut der, Tag::Sequence, |der| {
            der.extend_from_slice(&info);
            der.extend_from_slice(signature_algorithm(key.key_type()));
            bit_string(der, &signature);
        });
        Self::from_der(&der)
    }

    /// Reads the one request of a message, whatever mail and chat did to it.
    ///
    /// # Errors
    /// [`Error::PrivateKeySent`] if there is a private key; [`Error::NoPem`] for anything else than one request;
    /// else as for [`from_der`](Self::from_der).
    pub fn from_message(message: &[u8]) -> Result<Self, Error> {
        let no_pem = |found: String| Error::NoPem {
            wanted: WANTED,
            found,
        };
        let blocks = blocks(message, "signing request", WANTED)?;
        match blocks.as_slice() {
            [Block { label, der }] => match label.as_str() {
                // The second is what old programs write (RFC 7468, section 7).
                "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::from_der(der),
                other => Err(no_pem(kind(other))),
            },
            others => Err(no_pem(format!("{} PEM blocks", others.len()))),
        }
    }

    /// Reads a request in DER, with nothing after it.
    ///
    /// # Errors
    /// [`Error::BrokenRequest`] if it does not parse; [`Error::Request`] if it asks for more than a
    /// client may have, its key is not certified, or its signature is not by that key.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let broken = |cause: String| Error::BrokenRequest { cause };
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|error| broken(error.to_string()))?;
        if !rest.is_empty() {
            return Err(broken(format!("{} octets after its end", rest.len())));
        }
        let info = &request.certification_request_info;
        for attribute in info.iter_attributes() {
            if let ParsedCriAttribute::ExtensionRequest(wishes) = attribute.parsed_attribute() {
                for wish in &wishes.extensions {
                    refuse_wish(wish.parsed_extension())?;
                }
            }
        }
        let public_key = PublicKey::from_spki_der(info.subject_pki.raw);
        let key_kind = KeyKind::of(&public_key)?;
        let algorithm = &request.signature_algorithm.algorithm;
        let mut only_form = Vec::with_capacity(der.len());
        constructed(&mut only_form, Tag::Sequence, |der| {
            der.extend_from_slice(info.raw);
            constructed(der, Tag::Sequence, |der| {
                primitive(der, Tag::Oid, algorithm.as_bytes());
                if matches!(key_kind, KeyKind::Rsa(_)) {
                    // RFC 4055, section 5.
                    der.extend_from_slice(b"\x05\x00");
                }
            });
            bit_string(der, &request.signature_value.data);
        });
        if only_form != der {
            return Err(broken("it is not written as DER has it".into()));
        }
        let algorithm = algorithm.to_id_string();
        let algorithm = verification(key_kind, &algorithm)?;
        UnparsedPublicKey::new(algorithm, &info.subject_pki.subject_public_key.data)
            .verify(info.raw, &request.signature_value.data)
            .map_err(|_| Error::Request {
                found: "a signature that is not by its own key".into(),
                wanted: "one made with the private key it asks a certificate for",
            })?;
        let common_name = info.subject.iter_common_name().next();
        Ok(Self {
            der: der.to_vec(),
            public_key,
            key_kind,
            common_name: common_name
                .and_then(|name| name.as_str().ok())
                .map(str::to_owned),
        })
    }

    /// The request as PEM.
    pub fn pem(&self) -> String {
        request_pem(&self.der)
    }
}

/// Refuses a wish for more than a client may have.
fn refuse_wish(wish: &ParsedExtension<'_>) -> Result<(), Error> {
    let refused = |found: String, wanted| Err(Error::Request { found, wanted });
    match wish {
        ParsedExtension::BasicConstraints(basic) if basic.ca => {
            refused("a wish for CA:TRUE".into(), "none: a client is no CA")
        }
        ParsedExtension::KeyUsage(usage) if usage.key_cert_sign() || usage.crl_sign() => refused(
            "a wish for keyCertSign or cRLSign".into(),
            "none: a client is no CA",
        ),
        ParsedExtension::ExtendedKeyUsage(usage) => {
            let known = [
                (usage.server_auth, "serverAuth"),
                (usage.any, "anyExtendedKeyUsage"),
                (usage.code_signing, "codeSigning"),
                (usage.email_protection, "emailProtection"),
                (usage.time_stamping, "timeStamping"),
                (usage.ocsp_signing, "OCSPSigning"),
            ];
            let known = known.into_iter().find(|(set, _)| *set);
            let other = usage.other.first().map(|oid| oid.to_id_string());
            match known.map(|(_, name)| name.to_owned()).or(other) {
                Some(found) => refused(
                    format!("a wish for the purpose {found}"),
                    "clientAuth alone, or none",
                ),
                None => Ok(()),
            }
        }
        ParsedExtension::SubjectAlternativeName(names) => match names.general_names.first() {
            Some(name) => refused(
                format!("a wish for the SAN {name}"),
                "none: a client has a name and no address",
            ),
            None => Ok(()),
        },
        ParsedExtension::NameConstraints(_) => refused(
            "a wish for name constraints".into(),
            "none: a client is no CA",
        ),
        ParsedExtension::ParseError { error } => Err(Error::BrokenRequest {
            cause: format!("an extension does not parse: {error}"),
        }),
        _ => Ok(()),
    }
}

/// How a signature of this algorithm, an OID, by a key of this kind is verified (RFC 5758, section
/// 3.2; RFC 8410, section 3; RFC 4055, section 5).  openssl signs with SHA-256 on every curve.
fn verification(key: KeyKind, oid: &str) -> Result<&'static dyn VerificationAlgorithm, Error> {
    const ECDSA: [&str; 3] = [
        "1.2.840.10045.4.3.2",
        "1.2.840.10045.4.3.3",
        "1.2.840.10045.4.3.4",
    ];
    const RSA: [&str; 3] = [
        "1.2.840.113549.1.1.11",
        "1.2.840.113549.1.1.12",
        "1.2.840.113549.1.1.13",
    ];
    let (oids, by_hash): (_, [&'static dyn VerificationAlgorithm; 3]) = match key {
        KeyKind::P256 => (
            ECDSA,
            [
                &algorithms::ECDSA_P256_SHA256_ASN1,
                &algorithms::ECDSA_P256_SHA384_ASN1,
                &algorithms::ECDSA_P256_SHA512_ASN1,
            ],
        ),
        KeyKind::P384 => (
            ECDSA,
            [
                &algorithms::ECDSA_P384_SHA256_ASN1,
                &algorithms::ECDSA_P384_SHA384_ASN1,
                &algorithms::ECDSA_P384_SHA512_ASN1,
            ],
        ),
        KeyKind::P521 => (
            ECDSA,
            [
                &algorithms::ECDSA_P521_SHA256_ASN1,
                &algorithms::ECDSA_P521_SHA384_ASN1,
                &algorithms::ECDSA_P521_SHA512_ASN1,
            ],
        ),
        KeyKind::Rsa(_) => (
            RSA,
            [
                &algorithms::RSA_PKCS1_2048_8192_SHA256,
                &algorithms::RSA_PKCS1_2048_8192_SHA384,
                &algorithms::RSA_PKCS1_2048_8192_SHA512,
            ],
        ),
        KeyKind::Ed25519 => (["1.3.101.112"; 3], [&algorithms::ED25519; 3]),
    };
    let mut known = oids.into_iter().zip(by_hash);
    match known.find(|(known, _)| *known == oid) {
        Some((_, algorithm)) => Ok(algorithm),
        None => Err(Error::Request {
            found: format!("a signature by the algorithm {oid}"),
            wanted: "ECDSA or PKCS#1 v1.5 with SHA-256, SHA-384 or SHA-512, or Ed25519",
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pki::KeyType;

    fn request(key_type: KeyType) -> CertificateRequest {
        let key = PrivateKey::generate(key_type).unwrap();
        CertificateRequest::new(&"laptop".parse().unwrap(), &key).unwrap()
    }

    #[test]
    fn a_request_of_every_key_survives_the_way_through_pem() {
        for key_type in KeyType::ALL {
            let made = request(key_type);
            let read = CertificateRequest::from_message(made.pem().as_bytes()).unwrap();
            assert_eq!(read, made);
            assert_eq!(read.common_name.as_deref(), Some("laptop"));
        }
    }

    #[test]
    fn somebody_elses_verifier_takes_our_signature() {
        for key_type in KeyType::ALL {
            let made = request(key_type);
            let theirs = X509CertificationRequest::from_der(&made.der).unwrap().1;
            theirs.verify_signature().unwrap();
        }
    }

    #[test]
    fn one_octet_that_is_another_is_refused() {
        let made = request(KeyType::Ed25519).der;
        for flip in 0..made.len() {
            let mut bent = made.clone();
            bent[flip] ^= 1;
            assert!(CertificateRequest::from_der(&bent).is_err(), "octet {flip}");
        }
        let long = [&made[..], &[0]].concat();
        let refusal = CertificateRequest::from_der(&long).unwrap_err().to_string();
        assert!(refusal.contains("1 octets after its end"), "{refusal}");
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = CertificateRequest::from_der(&octets);
            let _ = CertificateRequest::from_message(&octets);
        }

        #[test]
        fn a_bent_request_is_refused_without_panic(at in any::<prop::sample::Index>(), octets in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut der = request(KeyType::Ed25519).der;
            let at = at.index(der.len());
            der.splice(at..(at + 3).min(der.len()), octets);
            let _ = CertificateRequest::from_der(&der);
        }
    }
}

//! Writes the certificates of servers and clients (RFC 5280, section 4.1).
//!
//! The profile is so narrow that its encoder is shorter than the parameters of a general one,
//! and takes a fifth of its time.  rcgen, which writes the CA's own certificate, judges it in
//! the tests: both write the same octets.

use std::net::IpAddr;

use super::der::{Tag, bit_string, constructed, positive_integer, primitive, time};
use super::{Error, KeyType, PrivateKey, PublicKey, Purpose, Serial, SubjectAltName, Validity};

/// What is in a leaf; the rest follows from the profile.
pub(super) struct Leaf<'a> {
    /// The subject of the CA's certificate, octet by octet.
    pub(super) issuer_der: &'a [u8],
    /// The subject key identifier of the CA.
    pub(super) authority_key_id: &'a [u8],
    pub(super) purpose: Purpose,
    pub(super) common_name: Option<&'a str>,
    pub(super) sans: &'a [SubjectAltName],
    pub(super) public_key: &'a PublicKey,
    pub(super) serial: Serial,
    pub(super) validity: Validity,
}

// OIDs in DER, without tag and length.
const COMMON_NAME: &[u8] = b"\x55\x04\x03";
const AUTHORITY_KEY_IDENTIFIER: &[u8] = b"\x55\x1d\x23";
const SUBJECT_ALT_NAME: &[u8] = b"\x55\x1d\x11";
const KEY_USAGE: &[u8] = b"\x55\x1d\x0f";
const EXTENDED_KEY_USAGE: &[u8] = b"\x55\x1d\x25";
const SUBJECT_KEY_IDENTIFIER: &[u8] = b"\x55\x1d\x0e";
const BASIC_CONSTRAINTS: &[u8] = b"\x55\x1d\x13";
const SERVER_AUTH: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x01";
const CLIENT_AUTH: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x02";

impl Leaf<'_> {
    /// The certificate in DER, signed with the CA's key.
    pub(super) fn signed_by(&self, ca_key: &PrivateKey) -> Result<Vec<u8>, Error> {
        let algorithm = signature_algorithm(ca_key.key_type());
        // All but many SANs and an RSA key's signature fit without a second allocation.
        let mut tbs = Vec::with_capacity(1024);
        self.write_tbs(&mut tbs, algorithm);
        let signature = ca_key.sign(&tbs)?;
        let mut der = Vec::with_capacity(tbs.len() + signature.len() + 64);
        constructed(&mut der, Tag::Sequence, |der| {
            der.extend_from_slice(&tbs);
            der.extend_from_slice(algorithm);
            bit_string(der, &signature);
        });
        Ok(der)
    }

    /// TBSCertificate: what is signed.
    fn write_tbs(&self, der: &mut Vec<u8>, algorithm: &[u8]) {
        constructed(der, Tag::Sequence, |der| {
            // Version 3.
            constructed(der, Tag::Explicit0, |der| positive_integer(der, &[2]));
            positive_integer(der, self.serial.as_be_bytes());
            der.extend_from_slice(algorithm);
            der.extend_from_slice(self.issuer_der);
            constructed(der, Tag::Sequence, |der| {
                time(der, self.validity.not_before);
                time(der, self.validity.not_after);
            });
            write_subject(der, self.common_name);
            der.extend_from_slice(self.public_key.as_spki_der());
            constructed(der, Tag::Explicit3, |der| {
                constructed(der, Tag::Sequence, |der| self.write_extensions(der));
            });
        });
    }

    fn write_extensions(&self, der: &mut Vec<u8>) {
        extension(der, AUTHORITY_KEY_IDENTIFIER, Critical::No, |der| {
            constructed(der, Tag::Sequence, |der| {
                primitive(der, Tag::Implicit0, self.authority_key_id);
            });
        });
        if !self.sans.is_empty() {
            // Critical where no subject names the certificate (RFC 5280, section 4.2.1.6).
            let critical = match self.common_name {
                Some(_) => Critical::No,
                None => Critical::Yes,
            };
            extension(der, SUBJECT_ALT_NAME, critical, |der| {
                constructed(der, Tag::Sequence, |der| {
                    self.sans.iter().for_each(|san| write_san(der, san));
                });
            });
        }
        extension(der, KEY_USAGE, Critical::Yes, |der| {
            primitive(der, Tag::BitString, self.key_usage());
        });
        extension(der, EXTENDED_KEY_USAGE, Critical::No, |der| {
            constructed(der, Tag::Sequence, |der| {
                primitive(der, Tag::Oid, self.extended_key_usage());
            });
        });
        extension(der, SUBJECT_KEY_IDENTIFIER, Critical::No, |der| {
            primitive(der, Tag::OctetString, &self.public_key.key_id());
        });
        // CA:FALSE is the default, so it is left out (RFC 5280, section 4.2.1.9).
        extension(der, BASIC_CONSTRAINTS, Critical::Yes, |der| {
            constructed(der, Tag::Sequence, |_| {});
        });
    }

    /// The number of unused bits, then the bits, digitalSignature highest (RFC 5280, section
    /// 4.2.1.3).
    ///
    /// keyEncipherment is for the RSA key exchange of TLS 1.2 (RFC 5246, section 7.4.2); Docker's
    /// daemon offers none, other verifiers ask for it.
    fn key_usage(&self) -> &'static [u8] {
        match self.purpose {
            Purpose::Server if self.public_key.is_rsa() => &[5, 0b1010_0000],
            _ => &[7, 0b1000_0000],
        }
    }

    fn extended_key_usage(&self) -> &'static [u8] {
        match self.purpose {
            Purpose::Server => SERVER_AUTH,
            _ => CLIENT_AUTH,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Critical {
    No,
    Yes,
}

fn extension(der: &mut Vec<u8>, oid: &[u8], critical: Critical, write: impl FnOnce(&mut Vec<u8>)) {
    constructed(der, Tag::Sequence, |der| {
        primitive(der, Tag::Oid, oid);
        if critical == Critical::Yes {
            primitive(der, Tag::Boolean, &[0xff]);
        }
        constructed(der, Tag::OctetString, write);
    });
}

pub(super) fn write_subject(der: &mut Vec<u8>, common_name: Option<&str>) {
    constructed(der, Tag::Sequence, |der| {
        let Some(common_name) = common_name else {
            return;
        };
        constructed(der, Tag::Set, |der| {
            constructed(der, Tag::Sequence, |der| {
                primitive(der, Tag::Oid, COMMON_NAME);
                primitive(der, Tag::Utf8String, common_name.as_bytes());
            });
        });
    });
}

fn write_san(der: &mut Vec<u8>, san: &SubjectAltName) {
    match san {
        SubjectAltName::Dns(host) => primitive(der, Tag::Implicit2, host.as_bytes()),
        SubjectAltName::Ip(IpAddr::V4(address)) => {
            primitive(der, Tag::Implicit7, &address.octets());
        }
        SubjectAltName::Ip(IpAddr::V6(address)) => {
            primitive(der, Tag::Implicit7, &address.octets());
        }
    }
}

/// The AlgorithmIdentifier of the signatures keys of this type make (RFC 5758, section 3.2;
/// RFC 8410, section 3; RFC 4055, section 5).
pub(super) fn signature_algorithm(key_type: KeyType) -> &'static [u8] {
    match key_type {
        KeyType::P256 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02",
        KeyType::P384 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03",
        KeyType::Ed25519 => b"\x30\x05\x06\x03\x2b\x65\x70",
        KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096 => {
            b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
        KeyIdMethod, KeyUsagePurpose, SanType, SerialNumber,
    };
    use time::OffsetDateTime;
    use time::macros::datetime;
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::super::{Ca, Life, Name, SubjectAltNames};
    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 20:00 UTC);

    /// The certificate rcgen makes of the same wishes.
    fn by_rcgen(ca: &Ca, key: &PrivateKey, leaf: &Leaf<'_>) -> Vec<u8> {
        let named = |common_name: Option<&str>| {
            let mut name = DistinguishedName::new();
            if let Some(common_name) = common_name {
                name.push(DnType::CommonName, common_name);
            }
            name
        };
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = named(ca.certificate().common_name.as_deref());
        issuer.key_identifier_method = KeyIdMethod::PreSpecified(leaf.authority_key_id.to_vec());
        let issuer = Issuer::new(issuer, ca.key());

        let mut params = CertificateParams::default();
        params.distinguished_name = named(leaf.common_name);
        params.serial_number = Some(SerialNumber::from_slice(leaf.serial.as_be_bytes()));
        params.not_before = leaf.validity.not_before;
        params.not_after = leaf.validity.not_after;
        params.use_authority_key_identifier_extension = true;
        params.is_ca = IsCa::ExplicitNoCa;
        params.subject_alt_names = leaf
            .sans
            .iter()
            .map(|san| match san {
                SubjectAltName::Dns(host) => SanType::DnsName(host.as_str().try_into().unwrap()),
                SubjectAltName::Ip(address) => SanType::IpAddress(*address),
            })
            .collect();
        params.key_usages = match (leaf.purpose, key.key_type().is_rsa()) {
            (Purpose::Server, true) => vec![
                KeyUsagePurpose::DigitalSignature,
                KeyUsagePurpose::KeyEncipherment,
            ],
            _ => vec![KeyUsagePurpose::DigitalSignature],
        };
        params.extended_key_usages = vec![match leaf.purpose {
            Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
            _ => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        let certificate = params.signed_by(key, &issuer).unwrap();
        certificate.der().to_vec()
    }

    /// All but the signature, which is another each time for ECDSA.
    fn signed_part(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (rest, certificate) = X509Certificate::from_der(der).unwrap();
        assert!(rest.is_empty());
        let algorithm = certificate.signature_algorithm.algorithm.as_bytes();
        (
            certificate.tbs_certificate.as_ref().to_vec(),
            algorithm.to_vec(),
        )
    }

    #[test]
    fn rcgen_writes_the_same_octets() {
        let long = format!("{}.example.com", "a".repeat(63));
        let san_lists = [
            "localhost,127.0.0.1".to_owned(),
            "10.0.0.7,2001:db8::7,*.example.com".into(),
            format!("{long},b.example.com"),
            Vec::from_iter((0..300).map(|number| format!("h{number}.example.com"))).join(","),
        ];
        // Serials and ends at which the encoding changes.
        let serials = [vec![1], vec![0x7f, 0xff], vec![0x80, 0], vec![0x7f; 20]];
        let keys = KeyType::ALL.map(|key_type| PrivateKey::generate(key_type).unwrap());
        for ca_type in KeyType::ALL {
            let ca_key = PrivateKey::generate(ca_type).unwrap();
            let life: Life = "60y".parse().unwrap();
            let ca_validity = Validity::of_ca(life, NOW).unwrap();
            let ca = Ca::new(ca_key, &Serial::from_be_bytes(&[9]), ca_validity, None).unwrap();
            let authority_key_id = ca.certificate().subject_key_id.clone().unwrap();
            for (index, key) in keys.iter().enumerate() {
                let serial = || Serial::from_be_bytes(&serials[index % serials.len()]);
                let life: Life = ["365d", "50y"][index % 2].parse().unwrap();
                let validity = Validity::of_leaf(life, NOW, ca_validity).unwrap();
                let name: Name = "alice@example.com".parse().unwrap();
                let client = Leaf {
                    issuer_der: &ca.certificate().subject_der,
                    authority_key_id: &authority_key_id,
                    purpose: Purpose::Client,
                    common_name: Some(name.as_str()),
                    sans: &[],
                    public_key: key.public_key(),
                    serial: serial(),
                    validity,
                };
                let ours = ca.issue_client(&name, key, serial(), validity).unwrap();
                let theirs = by_rcgen(&ca, key, &client);
                assert_eq!(signed_part(&ours.der), signed_part(&theirs));
                for list in &san_lists {
                    let sans = SubjectAltNames::parse([list]).unwrap();
                    let first = sans.first().to_string();
                    let common_name = (first.len() <= 64).then_some(first.as_str());
                    let ours = ca.issue_server(&sans, key, serial(), validity).unwrap();
                    let server = Leaf {
                        purpose: Purpose::Server,
                        common_name,
                        sans: sans.as_slice(),
                        serial: serial(),
                        ..client
                    };
                    let theirs = by_rcgen(&ca, key, &server);
                    assert_eq!(signed_part(&ours.der), signed_part(&theirs), "{list}");
                }
            }
        }
    }
}

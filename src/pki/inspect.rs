//! Reads certificates.

use aws_lc_rs::digest;
use time::OffsetDateTime;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use super::constraints::NameConstraints;
use super::{Error, PublicKey, Serial, SubjectAltName, Validity, certificate_pem};

/// What a certificate says of itself, as read, not as judged: see [`super::profile`] for that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Certificate {
    /// The whole certificate in DER.
    pub der: Vec<u8>,
    /// The serial number.
    pub serial: Serial,
    /// The first common name of the subject.
    pub common_name: Option<String>,
    /// The DER of the subject (RFC 5280, section 4.1.2.6).
    pub subject_der: Vec<u8>,
    /// The DER of the issuer's name (RFC 5280, section 4.1.2.4).
    pub issuer_der: Vec<u8>,
    /// From when to when it is valid.
    pub validity: Validity,
    /// The public key.
    pub public_key: PublicKey,
    /// Whether basicConstraints is critical, if the extension is there.
    pub basic_constraints_critical: Option<bool>,
    /// Whether basicConstraints says CA:TRUE.
    pub is_ca: bool,
    /// The pathlen of basicConstraints.
    pub path_len: Option<u32>,
    /// The key usage, if the extension is there.
    pub key_usage: Option<KeyUsage>,
    /// The extended key usages in order; empty if the extension is absent.
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// The host names and addresses in order; empty if the extension is absent.
    pub sans: Vec<SubjectAltName>,
    /// SANs that are neither host names nor addresses, or that do not parse, as text.
    pub other_sans: Vec<String>,
    /// The subject key identifier.
    pub subject_key_id: Option<Vec<u8>>,
    /// The key identifier of the authority key identifier.
    pub authority_key_id: Option<Vec<u8>>,
    /// The name constraints, on a CA.
    pub name_constraints: Option<NameConstraints>,
}

/// The bits of keyUsage (RFC 5280, section 4.2.1.3); bit 0, the lowest here, is digitalSignature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage {
    /// The bits, the first of the standard lowest.
    pub bits: u16,
    /// Whether the extension is critical.
    pub critical: bool,
}

impl KeyUsage {
    /// digitalSignature
    pub const DIGITAL_SIGNATURE: u16 = 1;
    /// keyEncipherment
    pub const KEY_ENCIPHERMENT: u16 = 1 << 2;
    /// keyCertSign
    pub const KEY_CERT_SIGN: u16 = 1 << 5;
    /// cRLSign
    pub const CRL_SIGN: u16 = 1 << 6;
}

/// One purpose of extendedKeyUsage (RFC 5280, section 4.2.1.12).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtendedKeyUsage {
    /// serverAuth
    ServerAuth,
    /// clientAuth
    ClientAuth,
    /// anyExtendedKeyUsage
    Any,
    /// Another, as a dotted decimal OID or its name.
    Other(String),
}

impl Certificate {
    /// Reads one certificate in DER, with nothing after it.
    ///
    /// # Errors
    /// [`Error::BrokenCertificate`] if it does not parse, an extension of it does not, or its
    /// serial number is negative.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let broken = |cause: String| Error::BrokenCertificate { cause };
        let (rest, x509) =
            X509Certificate::from_der(der).map_err(|error| broken(error.to_string()))?;
        if !rest.is_empty() {
            return Err(broken(format!("{} octets after its end", rest.len())));
        }
        if x509
            .raw_serial()
            .first()
            .is_some_and(|first| first & 0x80 != 0)
        {
            // Docker's engine from 29 on loads none either.
            return Err(broken("its serial number is negative".into()));
        }
        let at = |time: x509_parser::time::ASN1Time| -> OffsetDateTime { time.to_datetime() };
        let mut certificate = Self {
            der: der.to_vec(),
            serial: Serial::from_be_bytes(x509.raw_serial()),
            common_name: x509
                .subject()
                .iter_common_name()
                .next()
                .and_then(|name| name.as_str().ok())
                .map(str::to_owned),
            subject_der: x509.subject().as_raw().to_vec(),
            issuer_der: x509.issuer().as_raw().to_vec(),
            validity: Validity {
                not_before: at(x509.validity().not_before),
                not_after: at(x509.validity().not_after),
            },
            public_key: PublicKey::from_spki_der(x509.public_key().raw),
            basic_constraints_critical: None,
            is_ca: false,
            path_len: None,
            key_usage: None,
            extended_key_usages: Vec::new(),
            sans: Vec::new(),
            other_sans: Vec::new(),
            subject_key_id: None,
            authority_key_id: None,
            name_constraints: None,
        };
        for extension in x509.extensions() {
            certificate.read_extension(extension.parsed_extension(), extension.critical)?;
        }
        Ok(certificate)
    }

    fn read_extension(
        &mut self,
        extension: &ParsedExtension<'_>,
        critical: bool,
    ) -> Result<(), Error> {
        match extension {
            ParsedExtension::BasicConstraints(basic) => {
                self.basic_constraints_critical = Some(critical);
                self.is_ca = basic.ca;
                self.path_len = basic.path_len_constraint;
            }
            ParsedExtension::KeyUsage(usage) => {
                self.key_usage = Some(KeyUsage {
                    bits: usage.flags,
                    critical,
                });
            }
            ParsedExtension::ExtendedKeyUsage(usages) => {
                let known = [
                    (usages.server_auth, ExtendedKeyUsage::ServerAuth),
                    (usages.client_auth, ExtendedKeyUsage::ClientAuth),
                    (usages.any, ExtendedKeyUsage::Any),
                    (
                        usages.code_signing,
                        ExtendedKeyUsage::Other("codeSigning".into()),
                    ),
                    (
                        usages.email_protection,
                        ExtendedKeyUsage::Other("emailProtection".into()),
                    ),
                    (
                        usages.time_stamping,
                        ExtendedKeyUsage::Other("timeStamping".into()),
                    ),
                    (
                        usages.ocsp_signing,
                        ExtendedKeyUsage::Other("OCSPSigning".into()),
                    ),
                ];
                let known = known
                    .into_iter()
                    .filter(|(set, _)| *set)
                    .map(|(_, usage)| usage);
                self.extended_key_usages.extend(known);
                let others = usages
                    .other
                    .iter()
                    .map(|oid| ExtendedKeyUsage::Other(oid.to_id_string()));
                self.extended_key_usages.extend(others);
            }
            ParsedExtension::SubjectAlternativeName(names) => {
                for name in &names.general_names {
                    match san(name) {
                        Ok(san) => self.sans.push(san),
                        Err(text) => self.other_sans.push(text),
                    }
                }
            }
            ParsedExtension::SubjectKeyIdentifier(id) => {
                self.subject_key_id = Some(id.0.to_vec());
            }
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
            }
            ParsedExtension::NameConstraints(constraints) => {
                self.name_constraints = Some(NameConstraints::read(constraints));
            }
            ParsedExtension::ParseError { error } => {
                return Err(Error::BrokenCertificate {
                    cause: format!("an extension does not parse: {error}"),
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads a PEM text that holds exactly one certificate.
    ///
    /// # Errors
    /// [`Error::NoPem`] for none, for several and for anything beside it, [`Error::BrokenPem`] for
    /// a damaged block; else as for [`Certificate::from_der`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let mut all = super::certificates_from_pem(pem)?;
        match (all.pop(), all.len()) {
            (Some(only), 0) => Self::from_der(&only),
            (_, others) => Err(Error::NoPem {
                wanted: "one PEM certificate",
                found: format!("{} certificates", others + 1),
            }),
        }
    }

    /// The certificate as PEM.
    pub fn pem(&self) -> String {
        certificate_pem(&self.der)
    }

    /// The SHA-256 of the DER as hex: the fingerprint `openssl x509 -fingerprint -sha256` shows.
    pub fn fingerprint(&self) -> String {
        sha256_hex(&self.der)
    }

    /// Whether clients that connect to this host name or address take it for the server's, by its
    /// SANs alone, wildcards counted (RFC 9525, section 6).
    pub fn is_for(&self, name: &str) -> bool {
        let der = rustls_pki_types::CertificateDer::from(self.der.as_slice());
        let Ok(name) = rustls_pki_types::ServerName::try_from(name) else {
            return false;
        };
        webpki::EndEntityCert::try_from(&der)
            .is_ok_and(|leaf| leaf.verify_is_valid_for_subject_name(&name).is_ok())
    }

    /// The first common name of the issuer.
    pub fn issuer_common_name(&self) -> Option<String> {
        let (_, issuer) = X509Name::from_der(&self.issuer_der).ok()?;
        let name = issuer.iter_common_name().next()?.as_str().ok()?;
        Some(name.to_owned())
    }

    /// The common name, if the subject is that one UTF8String and nothing else.
    pub(super) fn plain_common_name(&self) -> Option<&str> {
        let name = self.common_name.as_deref()?;
        let length = u8::try_from(name.len())
            .ok()
            .filter(|length| *length <= 100)?;
        // Name ::= SEQUENCE { SET { SEQUENCE { OID 2.5.4.3, UTF8String } } }, short form lengths.
        let mut der = vec![0x30, length + 11, 0x31, length + 9, 0x30, length + 7];
        der.extend([0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, length]);
        der.extend(name.as_bytes());
        (der == self.subject_der).then_some(name)
    }
}

fn san(name: &GeneralName<'_>) -> Result<SubjectAltName, String> {
    match name {
        GeneralName::DNSName(host) => match host.parse() {
            Ok(san @ SubjectAltName::Dns(_)) => Ok(san),
            _ => Err((*host).to_owned()),
        },
        GeneralName::IPAddress(octets) => {
            if let Ok(octets) = <[u8; 4]>::try_from(*octets) {
                return Ok(SubjectAltName::Ip(octets.into()));
            }
            match <[u8; 16]>::try_from(*octets) {
                Ok(octets) => Ok(SubjectAltName::Ip(octets.into())),
                Err(_) => Err(format!("an address of {} octets", octets.len())),
            }
        }
        other => Err(format!("{other}")),
    }
}

/// The SHA-256 of these octets as lower-case hex.
pub fn sha256_hex(octets: &[u8]) -> String {
    hex(&sha256(octets))
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// Lower-case hex, two digits an octet.
pub(crate) fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * octets.len());
    for octet in octets {
        text.push(DIGITS[usize::from(octet >> 4)].into());
        text.push(DIGITS[usize::from(octet & 0xf)].into());
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Certificate::from_der(&octets);
            let _ = Certificate::from_pem(&octets);
        }
    }
}

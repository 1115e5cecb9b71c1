//! The certificate authority, and what it issues.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyUsagePurpose,
    SerialNumber,
};

use super::inspect::sha256_hex;
use super::leaf::Leaf;
use super::name::MAX_COMMON_NAME;
use super::{
    Certificate, Error, Name, PrivateKey, PublicKey, Serial, SubjectAltName, SubjectAltNames,
    Validity, certificate_pem, constraints,
};

/// What a certificate is for.  These three are all there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Signs the others.
    Ca,
    /// Shows a daemon to its clients: serverAuth.
    Server,
    /// Shows a client to the daemons, and makes it root there: clientAuth.
    Client,
}

impl Purpose {
    /// `ca`, `server` or `client`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A certificate authority: its certificate and its key, ready to sign.
///
/// What it puts into certificates (RFC 5280, section 4.2):
///
/// | | CA | server | client |
/// |---|---|---|---|
/// | basicConstraints, critical | CA:TRUE, pathlen:0 | CA:FALSE | CA:FALSE |
/// | keyUsage, critical | keyCertSign, cRLSign | digitalSignature, RSA also keyEncipherment | digitalSignature |
/// | extendedKeyUsage | none | serverAuth alone | clientAuth alone |
/// | subject | CN with 64 bits of the key's fingerprint | CN = first SAN of at most 64 characters | CN = name |
/// | SAN | none | every name and address | none |
/// | key identifiers | subject, authority | subject, authority | subject, authority |
pub struct Ca {
    key: PrivateKey,
    certificate: Certificate,
    subject_key_id: Vec<u8>,
}

/// A certificate fresh from [`Ca`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Issued {
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// Its validity.
    pub validity: Validity,
    /// Its serial number.
    pub serial: Serial,
}

impl Issued {
    /// The certificate as PEM.
    pub fn pem(&self) -> String {
        certificate_pem(&self.der)
    }

    /// The SHA-256 of the DER as hex.
    pub fn fingerprint(&self) -> String {
        sha256_hex(&self.der)
    }
}

impl Ca {
    /// Makes a self-signed CA of the key.
    ///
    /// With `constrain_to`, the CA carries critical name constraints that permit these host
    /// names with all below them, and these addresses, and nothing else (RFC 5280, section
    /// 4.2.1.10).
    ///
    /// # Errors
    /// [`Error::Signing`] if the library under us cannot sign.
    pub fn new(
        key: PrivateKey,
        serial: &Serial,
        validity: Validity,
        constrain_to: Option<&SubjectAltNames>,
    ) -> Result<Self, Error> {
        let common_name = format!("dockpki CA {}", &key.public_key().fingerprint()[..16]);
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(serial.as_be_bytes()));
        params.not_before = validity.not_before;
        params.not_after = validity.not_after;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.use_authority_key_identifier_extension = true;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = constrain_to.map(constraints::permitting);
        let certificate = params.self_signed(&key).map_err(|error| Error::Signing {
            cause: error.to_string(),
        })?;
        Self::from_parts(certificate.der(), key)
    }

    /// Puts a CA together from its certificate in DER and its key.
    ///
    /// # Errors
    /// [`Error::KeyMismatch`] if the key is another's, [`Error::NotOurCa`] if the certificate
    /// is no CA or one this profile does not make.
    pub fn from_parts(certificate_der: &[u8], key: PrivateKey) -> Result<Self, Error> {
        let certificate = Certificate::from_der(certificate_der)?;
        if certificate.public_key != *key.public_key() {
            return Err(Error::KeyMismatch);
        }
        let not_ours = |found: &str| Error::NotOurCa {
            found: found.to_owned(),
        };
        if !certificate.is_ca {
            return Err(not_ours("a certificate that is no CA"));
        }
        // What names this CA in logs and to clients; a subject of another shape is not of ours.
        if certificate.plain_common_name().is_none() {
            return Err(not_ours("a CA whose subject is not one plain common name"));
        }
        let Some(subject_key_id) = certificate.subject_key_id.clone() else {
            return Err(not_ours("a CA without a subject key identifier"));
        };
        Ok(Self {
            key,
            certificate,
            subject_key_id,
        })
    }

    /// The CA's own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The CA's private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Issues a server certificate: serverAuth, for these names and addresses.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] if a name is outside the CA's name constraints,
    /// [`Error::OutsideCa`] if the validity is not within the CA's, [`Error::Serial`] if X.509 has
    /// no such serial.
    pub fn issue_server(
        &self,
        sans: &SubjectAltNames,
        key: &PrivateKey,
        serial: Serial,
        validity: Validity,
    ) -> Result<Issued, Error> {
        self.certify_server(sans, key.public_key(), serial, validity)
    }

    /// Issues a server certificate as [`Ca::issue_server`] does, for a key whose private half is
    /// somewhere else.
    ///
    /// # Errors
    /// As for [`Ca::issue_server`].
    pub fn certify_server(
        &self,
        sans: &SubjectAltNames,
        public_key: &PublicKey,
        serial: Serial,
        validity: Validity,
    ) -> Result<Issued, Error> {
        let constraints = &self.certificate.name_constraints;
        for san in sans.as_slice() {
            if !constraints
                .as_ref()
                .is_none_or(|constraints| constraints.permits(san))
            {
                return Err(Error::NotPermitted { san: san.clone() });
            }
        }
        let common_name = self.server_common_name(sans);
        self.issue(Leaf {
            issuer_der: &self.certificate.subject_der,
            authority_key_id: &self.subject_key_id,
            purpose: Purpose::Server,
            common_name: common_name.as_deref(),
            sans: sans.as_slice(),
            public_key,
            serial,
            validity,
        })
    }

    /// The first SAN, if it fits.  Under name constraints the first host name: OpenSSL holds a
    /// common name that reads as a host name against them, and an address reads as one.
    fn server_common_name(&self, sans: &SubjectAltNames) -> Option<String> {
        let constrained = self.certificate.name_constraints.is_some();
        let mut usable = sans.as_slice().iter().filter(|san| match san {
            SubjectAltName::Dns(_) => true,
            SubjectAltName::Ip(_) => !constrained,
        });
        let first = usable.next()?.to_string();
        (first.len() <= MAX_COMMON_NAME).then_some(first)
    }

    /// Whether a client may have this name, as [`Ca::issue_client`] asks before it makes anything.
    ///
    /// # Errors
    /// [`Error::ClientNotPermitted`] if the CA has name constraints and the name reads as a host
    /// name they do not permit.
    pub fn permit_client(&self, name: &Name) -> Result<(), Error> {
        let is_permitted = |constraints: &constraints::NameConstraints| {
            let name = name.as_str();
            !name.contains('.')
                || constraints.permits(&SubjectAltName::Dns(name.to_ascii_lowercase()))
        };
        match &self.certificate.name_constraints {
            Some(constraints) if !is_permitted(constraints) => Err(Error::ClientNotPermitted {
                name: name.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Issues a client certificate: clientAuth, with the name as common name.
    ///
    /// # Errors
    /// As [`Ca::permit_client`] and [`Ca::issue_server`].
    pub fn issue_client(
        &self,
        name: &Name,
        key: &PrivateKey,
        serial: Serial,
        validity: Validity,
    ) -> Result<Issued, Error> {
        self.certify_client(name, key.public_key(), serial, validity)
    }

    /// Issues a client certificate as [`Ca::issue_client`] does, for a key whose private half is
    /// somewhere else.
    ///
    /// Whether the key is fit for that, and whether who asks has it, a
    /// [`CertificateRequest`](super::CertificateRequest) tells.
    ///
    /// # Errors
    /// As for [`Ca::issue_client`].
    pub fn certify_client(
        &self,
        name: &Name,
        public_key: &PublicKey,
        serial: Serial,
        validity: Validity,
    ) -> Result<Issued, Error> {
        self.permit_client(name)?;
        self.issue(Leaf {
            issuer_der: &self.certificate.subject_der,
            authority_key_id: &self.subject_key_id,
            purpose: Purpose::Client,
            common_name: Some(name.as_str()),
            sans: &[],
            public_key,
            serial,
            validity,
        })
    }

    fn issue(&self, leaf: Leaf<'_>) -> Result<Issued, Error> {
        let ca = self.certificate.validity;
        if !ca.contains(leaf.validity) {
            return Err(Error::OutsideCa { ca });
        }
        if !leaf.serial.is_conforming() {
            return Err(Error::Serial {
                serial: leaf.serial,
            });
        }
        Ok(Issued {
            der: leaf.signed_by(&self.key)?,
            validity: leaf.validity,
            serial: leaf.serial,
        })
    }
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ca")
            .field("common_name", &self.certificate.common_name)
            .field("serial", &self.certificate.serial)
            .field("key", self.key())
            .finish()
    }
}

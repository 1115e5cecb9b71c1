//! Takes apart what was handed out.  It may come from anybody: no path of an archive is ever used, and no
//! more is unpacked than a client's files take.

use std::io::{self, Cursor, Read};

use zeroize::Zeroizing;

use super::archive::{METADATA, TLS};
use super::{Bundle, Error, Files, env};
use crate::pki::{Certificate, certificate_pem, certificates_from_pem};
use crate::plan::context::{ENDPOINT, Metadata, name_in};
use crate::plan::layout::{self, PairKind};

/// No bundle is larger, packed or unpacked: three files of some kilobytes.
pub const MAX_OCTETS: usize = 1024 * 1024;

impl Bundle {
    /// Reads what [`Bundle::write`] wrote, or a reply: certificates in PEM, the client's own first.
    /// Which it is, its first octets tell.
    ///
    /// Certificates are read, not judged: whether they are of one CA and of this key is for whoever
    /// installs them.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Encrypted`], [`Error::Large`] for what is no bundle, and others for a damaged one.
    pub fn read(octets: &[u8]) -> Result<Self, Error> {
        if octets.len() > MAX_OCTETS {
            return Err(Error::Large { limit: MAX_OCTETS });
        }
        let draft = match octets {
            [0x1f, 0x8b, ..] => read_tar(&unpacked(octets)?)?,
            [b'P', b'K', 3, 4, ..] => read_zip(octets)?,
            _ if octets.starts_with(b"age-encryption.org/")
                || contains(octets, b"-----BEGIN AGE ENCRYPTED FILE-----") =>
            {
                return Err(Error::Encrypted);
            }
            // The magic of POSIX and of GNU alike.
            _ if octets.get(257..262) == Some(b"ustar") => read_tar(octets)?,
            _ if env::is_one(octets) => env::read(octets)?,
            _ if contains(octets, b"-----BEGIN ") => return Self::from_reply(octets),
            _ => return Err(Error::Unknown),
        };
        draft.finish()
    }

    /// A bundle of files that lie in a directory, or came together from elsewhere.
    ///
    /// # Errors
    /// [`Error::Member`] for a file that does not hold what its name says.
    pub fn from_files(files: Files) -> Result<Self, Error> {
        let certificate_file = PairKind::Client.certificate_file();
        let wrong = |member| move |cause| Error::Member { member, cause };
        let certificate =
            Certificate::from_pem(&files.certificate).map_err(wrong(certificate_file))?;
        certificates_from_pem(&files.ca).map_err(wrong(layout::CA_CERTIFICATE))?;
        let name = certificate.common_name.as_deref().unwrap_or_default();
        Ok(Self {
            name: name.parse().map_err(wrong(certificate_file))?,
            certificate,
            files,
            host: None,
            context: None,
        })
    }

    /// The client's certificate first, then the CAs.
    fn from_reply(text: &[u8]) -> Result<Self, Error> {
        let member = PairKind::Client.certificate_file();
        let all = certificates_from_pem(text).map_err(|cause| Error::Member { member, cause })?;
        let Some(([own], cas)) = all.split_at_checked(1) else {
            return Err(Error::Missing { member });
        };
        if cas.is_empty() {
            return Err(Error::Missing {
                member: layout::CA_CERTIFICATE,
            });
        }
        let pem = |certificates: &[Vec<u8>]| {
            let pems = certificates.iter().map(|der| certificate_pem(der));
            Zeroizing::new(pems.collect::<String>().into_bytes())
        };
        Self::from_files(Files {
            ca: pem(cas),
            certificate: pem(std::slice::from_ref(own)),
            key: None,
        })
    }
}

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Ca,
    Certificate,
    Key,
}

impl Part {
    const ALL: [Self; 3] = [Self::Ca, Self::Certificate, Self::Key];

    const fn name(self) -> &'static str {
        match self {
            Self::Ca => layout::CA_CERTIFICATE,
            Self::Certificate => PairKind::Client.certificate_file(),
            Self::Key => PairKind::Client.key_file(),
        }
    }
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Draft {
    parts: [Option<Zeroizing<Vec<u8>>>; 3],
    host: Option<crate::plan::docker_host::DockerHost>,
    metadata: Option<Zeroizing<Vec<u8>>>,
}

impl Draft {
    pub(super) fn put(&mut self, part: Part, content: Zeroizing<Vec<u8>>) -> Result<(), Error> {
        match self.parts[part as usize].replace(content) {
            None => Ok(()),
            Some(_) => Err(Error::Twice {
                member: part.name(),
            }),
        }
    }

    pub(super) fn set_host(&mut self, text: &str) -> Result<(), Error> {
        let host = text.parse();
        let host = host.map_err(|cause: crate::plan::client::ClientError| Error::Value {
            cause: cause.to_string(),
        })?;
        match self.host.replace(host) {
            None => Ok(()),
            Some(_) => Err(Error::Twice {
                member: "DOCKER_HOST",
            }),
        }
    }

    /// Takes a member of an archive, by its path alone: a client's files in one directory or none, or
    /// those of a docker context.  Others are left alone, as an archiver's own.
    fn member(
        &mut self,
        path: &[u8],
        read: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, Error>,
    ) -> Result<(), Error> {
        let path = path.strip_prefix(b"./").unwrap_or(path);
        let parts = Vec::from_iter(path.split(|octet| *octet == b'/'));
        let file = match parts.as_slice() {
            [file] if *file == METADATA.as_bytes() => {
                return match self.metadata.replace(read()?) {
                    None => Ok(()),
                    Some(_) => Err(Error::Twice { member: METADATA }),
                };
            }
            [file] | [_, file] => *file,
            [tls, endpoint, file] if *tls == TLS.as_bytes() && *endpoint == ENDPOINT.as_bytes() => {
                *file
            }
            _ => return Ok(()),
        };
        let mut known = Part::ALL.into_iter();
        match known.find(|part| part.name().as_bytes() == file) {
            Some(part) => self.put(part, read()?),
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<Bundle, Error> {
        let [ca, certificate, key] = self.parts;
        let there = |part: Part, content: Option<_>| {
            content.ok_or(Error::Missing {
                member: part.name(),
            })
        };
        let mut bundle = Bundle::from_files(Files {
            ca: there(Part::Ca, ca)?,
            certificate: there(Part::Certificate, certificate)?,
            key: Some(there(Part::Key, key)?),
        })?;
        bundle.host = self.host;
        if let Some(content) = self.metadata {
            let name = name_in(&content).ok_or_else(|| Error::Broken {
                form: METADATA,
                cause: "found no name that docker takes, wanted a docker context".into(),
            })?;
            let metadata = Metadata::read(&name, METADATA.as_ref(), &content).map_err(|cause| {
                Error::Value {
                    cause: cause.to_string(),
                }
            })?;
            let host = metadata.host().map(str::parse).transpose();
            bundle.host = host.map_err(|cause: crate::plan::client::ClientError| Error::Value {
                cause: cause.to_string(),
            })?;
            bundle.context = Some(name);
        }
        Ok(bundle)
    }
}

/// The octets in a gzip.
fn unpacked(gzip: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    bounded(flate2::read::GzDecoder::new(gzip), MAX_OCTETS, "gzip")
}

/// All that a reader has, if it is no more than that.
fn bounded(read: impl Read, limit: usize, form: &'static str) -> Result<Zeroizing<Vec<u8>>, Error> {
    // Reserved at once: a vector that grows leaves copies of a key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(limit + 1));
    let read = read.take(limit as u64 + 1).read_to_end(&mut content);
    read.map_err(|cause| broken(form, &cause))?;
    match content.len() > limit {
        true => Err(Error::Large { limit }),
        false => Ok(content),
    }
}

/// No file of a client is larger.
const MAX_FILE: usize = 64 * 1024;

fn read_tar(octets: &[u8]) -> Result<Draft, Error> {
    let mut draft = Draft::default();
    let mut archive = tar::Archive::new(octets);
    let entries = archive.entries().map_err(|cause| broken("tar", &cause))?;
    for entry in entries {
        let mut entry = entry.map_err(|cause| broken("tar", &cause))?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            continue;
        }
        let path = entry.path_bytes().into_owned();
        draft.member(&path, || bounded(&mut entry, MAX_FILE, "tar"))?;
    }
    Ok(draft)
}

fn read_zip(octets: &[u8]) -> Result<Draft, Error> {
    let broken = |cause: zip::result::ZipError| Error::Broken {
        form: "zip",
        cause: cause.to_string(),
    };
    let mut draft = Draft::default();
    let mut archive = zip::ZipArchive::new(Cursor::new(octets)).map_err(broken)?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(broken)?;
        if !file.is_file() {
            continue;
        }
        let path = file.name_raw().to_vec();
        draft.member(&path, || bounded(&mut file, MAX_FILE, "zip"))?;
    }
    Ok(draft)
}

fn broken(form: &'static str, cause: &io::Error) -> Error {
    Error::Broken {
        form,
        cause: cause.to_string(),
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

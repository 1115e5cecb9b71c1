//! Reads a client from whatever form it was handed out in.
//!
//! What is read came through mail or chat: no path of an archive is used for anything, and nothing
//! is unpacked beyond what three files can be.

use std::io::{Cursor, Read};

use flate2::read::GzDecoder;
use zeroize::Zeroizing;

use super::{Bundle, BundleError, CONTEXT_METADATA, env, file_names};
use crate::pki::{certificate_pem, certificates_from_pem};
use crate::plan::context::host_in;
use crate::plan::docker_host::DockerHost;

/// No bundle is larger, packed or unpacked.
pub(super) const MOST_OCTETS: u64 = 1 << 20;

/// Reads a bundle: tar, tar.gz, zip, a docker context, variables, or certificates in PEM, the client's
/// first and its CAs after it, whose key is where the client is.
///
/// # Errors
/// [`BundleError`] with what was found.
pub fn read(content: &[u8]) -> Result<Bundle, BundleError> {
    if content.len() as u64 > MOST_OCTETS {
        return Err(BundleError::Large {
            wanted: MOST_OCTETS,
        });
    }
    match content {
        [0x1f, 0x8b, ..] => {
            let unpacked = limited(GzDecoder::new(content), "gzip")?;
            match is_tar(&unpacked) {
                true => tar(&unpacked),
                false => Err(BundleError::Unknown),
            }
        }
        [b'P', b'K', 3, 4, ..] => zip(content),
        tar if is_tar(tar) => self::tar(tar),
        text => self::text(text),
    }
}

fn is_tar(content: &[u8]) -> bool {
    content.get(257..262) == Some(b"ustar")
}

/// What was found so far.
#[derive(Default)]
struct Found {
    files: [Option<Zeroizing<Vec<u8>>>; 3],
    host: Option<DockerHost>,
}

impl Found {
    fn file(&mut self, index: usize, content: Zeroizing<Vec<u8>>) -> Result<(), BundleError> {
        match self.files[index].replace(content) {
            None => Ok(()),
            Some(_) => Err(BundleError::Twice {
                what: file_names()[index],
            }),
        }
    }

    /// A member of an archive, by the last part of its path.
    fn member(&mut self, path: &str, content: impl Read) -> Result<(), BundleError> {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        if let Some(index) = file_names().iter().position(|file| *file == name) {
            return self.file(index, limited(content, file_names()[index])?);
        }
        if name == CONTEXT_METADATA {
            self.host = host_in(&limited(content, CONTEXT_METADATA)?);
        }
        // Whatever else: what desktops put into archives.
        Ok(())
    }

    fn bundle(self) -> Result<Bundle, BundleError> {
        let [ca, certificate, key] = self.files;
        let missing = |index: usize| BundleError::Missing {
            what: file_names()[index],
        };
        Ok(Bundle {
            ca: ca.ok_or_else(|| missing(0))?,
            certificate: certificate.ok_or_else(|| missing(1))?,
            key,
            host: self.host,
        })
    }
}

fn limited(from: impl Read, what: &'static str) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    // Reserved for what an honest one holds.
    let mut content = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let read = from.take(MOST_OCTETS + 1).read_to_end(&mut content);
    read.map_err(|cause| BundleError::Broken {
        what,
        cause: cause.to_string(),
    })?;
    match content.len() as u64 > MOST_OCTETS {
        true => Err(BundleError::Large {
            wanted: MOST_OCTETS,
        }),
        false => Ok(content),
    }
}

fn tar(content: &[u8]) -> Result<Bundle, BundleError> {
    let broken = |cause: std::io::Error| BundleError::Broken {
        what: "tar",
        cause: cause.to_string(),
    };
    let mut archive = tar::Archive::new(content);
    let mut found = Found::default();
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        found.member(&path, entry)?;
    }
    found.bundle()
}

fn zip(content: &[u8]) -> Result<Bundle, BundleError> {
    let broken = |cause: zip::result::ZipError| BundleError::Broken {
        what: "zip",
        cause: cause.to_string(),
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(content)).map_err(broken)?;
    let mut found = Found::default();
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(broken)?;
        if member.is_file() {
            let path = member.name().map_err(broken)?.into_owned();
            found.member(&path, member)?;
        }
    }
    found.bundle()
}

fn text(content: &[u8]) -> Result<Bundle, BundleError> {
    let Ok(text) = std::str::from_utf8(content) else {
        return Err(BundleError::Unknown);
    };
    if text.contains("BEGIN AGE ENCRYPTED FILE") || text.starts_with("age-encryption.org/") {
        return Err(BundleError::Encrypted);
    }
    if env::FILES.iter().any(|name| text.contains(name)) {
        return variables(text);
    }
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return certificates(text);
    }
    Err(BundleError::Unknown)
}

fn variables(text: &str) -> Result<Bundle, BundleError> {
    let mut found = Found::default();
    for line in text.lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let quotes = |c| c == '"' || c == '\'';
        let value = value.trim().trim_matches(quotes);
        if let Some(index) = env::FILES.iter().position(|file| *file == name) {
            found.file(index, env::file(env::FILES[index], value)?)?;
        } else if name == env::HOST {
            found.host = value.parse().ok();
        }
    }
    found.bundle()
}

/// A reply to a request: certificates alone.
fn certificates(text: &str) -> Result<Bundle, BundleError> {
    if text.contains("PRIVATE KEY-----") {
        return Err(BundleError::LooseKey);
    }
    let broken = |cause: crate::pki::Error| BundleError::Broken {
        what: "PEM",
        cause: cause.to_string(),
    };
    let all = certificates_from_pem(text.as_bytes()).map_err(broken)?;
    let Some((own, cas)) = all.split_first().filter(|(_, cas)| !cas.is_empty()) else {
        return Err(BundleError::Missing {
            what: "CA after the client's certificate",
        });
    };
    let pem = |certificates: &[Vec<u8>]| {
        let pem = certificates.iter().map(|der| certificate_pem(der));
        Zeroizing::new(pem.collect::<String>().into_bytes())
    };
    Ok(Bundle {
        ca: pem(cas),
        certificate: pem(std::slice::from_ref(own)),
        key: None,
        host: None,
    })
}

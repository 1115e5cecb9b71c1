//! Bundles as archives: tar, zip, and the tar that `docker context import` takes.

use std::io::{self, Cursor, Write};

use time::OffsetDateTime;
use zeroize::Zeroizing;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::{Bundle, Error, Form, Member};
use crate::plan::context::{ENDPOINT, Metadata};
use crate::plan::permissions::Item;

/// The directory of the TLS files in a context's archive (docker/cli, `cli/context/store/store.go`).
pub(super) const TLS: &str = "tls";
/// The file that says what the context is.
pub(super) const METADATA: &str = "meta.json";

/// More than headers, names and trailers of a handful of members take in either format.
const OVERHEAD: usize = 16 * 1024;

/// The files in a directory of the client's name.
pub(super) fn tar(bundle: &Bundle) -> Result<Zeroizing<Vec<u8>>, Error> {
    let members = bundle.members()?;
    let mut tar = Tar::new(&members, bundle.time());
    let name = &bundle.name;
    tar.add(&format!("{name}/"), Item::ClientDirectory.mode(), None)?;
    for member in &members {
        let path = format!("{name}/{}", member.name);
        tar.add(&path, member.mode, Some(member.content))?;
    }
    tar.finish()
}

/// What `docker context import` takes, and `docker context export` writes: regular files alone, for
/// nothing else is looked at, with forward slashes.
pub(super) fn context(bundle: &Bundle) -> Result<Zeroizing<Vec<u8>>, Error> {
    let host = bundle.host_for(Form::Context)?;
    let after_host = || crate::plan::context::ContextName::from_host(host);
    let name = bundle.context.clone().unwrap_or_else(after_host);
    let metadata = Metadata::new(&name).with_host(host).to_json();
    let members = bundle.members()?;
    let mut tar = Tar::new(&members, bundle.time());
    let mode = Item::ContextMetadata.mode();
    tar.add(METADATA, mode, Some(metadata.as_bytes()))?;
    for member in &members {
        let path = format!("{TLS}/{ENDPOINT}/{}", member.name);
        tar.add(&path, Item::ContextPem.mode(), Some(member.content))?;
    }
    tar.finish()
}

/// A tar archive in the making.
struct Tar {
    builder: tar::Builder<Reserved>,
    time: u64,
}

impl Tar {
    fn new(members: &[Member<'_>], time: u64) -> Self {
        let builder = tar::Builder::new(Reserved::for_members(members));
        Self { builder, time }
    }

    /// Adds a file, or a directory if it has no content.
    fn add(&mut self, path: &str, mode: u32, content: Option<&[u8]>) -> Result<(), Error> {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(match content {
            Some(_) => tar::EntryType::Regular,
            None => tar::EntryType::Directory,
        });
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.time);
        let content = content.unwrap_or_default();
        header.set_size(content.len() as u64);
        let added = self.builder.append_data(&mut header, path, content);
        added.map_err(|cause| broken("tar", &cause))
    }

    fn finish(self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let reserved = self.builder.into_inner();
        Ok(reserved.map_err(|cause| broken("tar", &cause))?.0)
    }
}

/// Octets that do not move while they grow: a vector that does leaves copies of the key behind.
struct Reserved(Zeroizing<Vec<u8>>);

impl Reserved {
    fn for_members(members: &[Member<'_>]) -> Self {
        let content = members.iter().map(|member| member.content.len());
        let all = content.sum::<usize>() + OVERHEAD;
        Self(Zeroizing::new(Vec::with_capacity(all)))
    }
}

impl Write for Reserved {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The files in a directory of the client's name, not compressed: a compressor keeps what it has seen.
pub(super) fn zip(bundle: &Bundle) -> Result<Zeroizing<Vec<u8>>, Error> {
    let members = bundle.members()?;
    let Reserved(mut reserved) = Reserved::for_members(&members);
    let zipped = write_zip(bundle, &members, std::mem::take(&mut *reserved));
    zipped.map_err(|cause| Error::Broken {
        form: "zip",
        cause: cause.to_string(),
    })
}

fn write_zip(
    bundle: &Bundle,
    members: &[Member<'_>],
    octets: Vec<u8>,
) -> zip::result::ZipResult<Zeroizing<Vec<u8>>> {
    let mut writer = ZipWriter::new(Cursor::new(octets));
    let options = |mode| {
        SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .system(zip::System::Unix)
            .last_modified_time(dos_time(bundle.certificate.validity.not_before))
            .unix_permissions(mode)
    };
    let name = &bundle.name;
    writer.add_directory(format!("{name}/"), options(Item::ClientDirectory.mode()))?;
    for member in members {
        writer.start_file(format!("{name}/{}", member.name), options(member.mode))?;
        writer.write_all(member.content)?;
    }
    Ok(Zeroizing::new(writer.finish()?.into_inner()))
}

/// The nearest time a zip can tell: in UTC, for it has no zone, and from 1980 on.
fn dos_time(at: OffsetDateTime) -> zip::DateTime {
    let at = at.to_offset(time::UtcOffset::UTC);
    let year = u16::try_from(at.year()).unwrap_or(0);
    let month = u8::from(at.month());
    let time = zip::DateTime::from_date_and_time(
        year,
        month,
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
    );
    time.unwrap_or_default()
}

fn broken(form: &'static str, cause: &io::Error) -> Error {
    Error::Broken {
        form,
        cause: cause.to_string(),
    }
}

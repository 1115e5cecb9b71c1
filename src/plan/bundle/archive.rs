//! Archives in memory.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use zeroize::Zeroizing;
use zip::write::SimpleFileOptions;

use super::Member;

/// More than three files of the longest keys with two CAs take: a vector that grows leaves copies
/// of the key behind.
const ROOM: usize = 64 * 1024;

const NEVER_FAILS: &str = "to write to memory does not fail";

fn room() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(ROOM))
}

/// A tar archive (POSIX.1-1988 ustar) of files alone; whoever unpacks it owns them.
pub(super) fn tar(members: &[Member<'_>], written_at: u64) -> Zeroizing<Vec<u8>> {
    let mut archive = room();
    let mut builder = tar::Builder::new(&mut *archive);
    for Member {
        path,
        mode,
        content,
    } in members
    {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(*mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(written_at);
        header.set_size(content.len() as u64);
        builder
            .append_data(&mut header, path, *content)
            .expect(NEVER_FAILS);
    }
    builder.finish().expect(NEVER_FAILS);
    drop(builder);
    archive
}

/// The same, compressed (RFC 1952).
pub(super) fn tar_gz(members: &[Member<'_>], written_at: u64) -> Zeroizing<Vec<u8>> {
    let archive = tar(members, written_at);
    let mut compressed = room();
    let mut encoder = GzEncoder::new(&mut *compressed, Compression::default());
    encoder.write_all(&archive).expect(NEVER_FAILS);
    encoder.finish().expect(NEVER_FAILS);
    compressed
}

/// A zip archive.  Its times are the beginning of zip's, which knows no time zones.
pub(super) fn zip(members: &[Member<'_>]) -> Zeroizing<Vec<u8>> {
    let mut archive = Zeroizing::new(Vec::with_capacity(ROOM));
    let mut writer = zip::ZipWriter::new(Cursor::new(&mut *archive));
    for Member {
        path,
        mode,
        content,
    } in members
    {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(*mode);
        writer.start_file(path, options).expect(NEVER_FAILS);
        writer.write_all(content).expect(NEVER_FAILS);
    }
    writer.finish().expect(NEVER_FAILS);
    archive
}

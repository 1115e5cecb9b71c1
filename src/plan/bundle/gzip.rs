//! gzip without compression (RFC 1952, and RFC 1951, section 3.2.4): a compressor keeps what it has
//! seen in tables that nobody zeroes, and the same input would not stay the same output.

use flate2::Crc;
use zeroize::Zeroizing;

/// The most a stored block holds.
const BLOCK: usize = 0xffff;

/// Wraps octets, with this time of modification in seconds.
pub(super) fn stored(octets: &[u8], time: u64) -> Zeroizing<Vec<u8>> {
    let blocks = octets.len().div_ceil(BLOCK).max(1);
    // Reserved at once: a vector that grows leaves copies of the key behind.
    let mut gzip = Zeroizing::new(Vec::with_capacity(octets.len() + 5 * blocks + 18));
    let unknown_system = 255;
    gzip.extend([0x1f, 0x8b, 8, 0]);
    gzip.extend(u32::try_from(time).unwrap_or(0).to_le_bytes());
    gzip.extend([0, unknown_system]);
    let mut rest = octets;
    loop {
        let (block, after) = rest.split_at(rest.len().min(BLOCK));
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        gzip.push(u8::from(after.is_empty()));
        gzip.extend(length.to_le_bytes());
        gzip.extend((!length).to_le_bytes());
        gzip.extend(block);
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    let mut crc = Crc::new();
    crc.update(octets);
    gzip.extend(crc.sum().to_le_bytes());
    // Modulo 2^32, as the RFC has it; nothing here is that long.
    gzip.extend((octets.len() as u32).to_le_bytes());
    gzip
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_was_stored_comes_out_again() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let octets = Vec::from_iter((0..length).map(|at| (at % 251) as u8));
            let gzip = stored(&octets, 1_700_000_000);
            let mut out = Vec::new();
            let mut decoder = flate2::read::GzDecoder::new(&gzip[..]);
            decoder.read_to_end(&mut out).unwrap();
            assert_eq!(out, octets);
            assert_eq!(decoder.header().unwrap().mtime(), 1_700_000_000);
            assert!(gzip.capacity() >= gzip.len());
        }
    }
}

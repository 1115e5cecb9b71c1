//! What a file has beside its mode and owner.

use std::path::Path;

use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};

/// Copies the extended attributes whose names are `wanted`.  Where that is not possible the file
/// keeps its directory's defaults.
pub(in crate::host) fn copy_attributes(from: &Path, to: &Path, wanted: impl Fn(&[u8]) -> bool) {
    let mut names = vec![0u8; 64 << 10];
    let Ok(length) = llistxattr(from, &mut names[..]) else {
        return;
    };
    for name in names[..length].split(|octet| *octet == 0) {
        let mut value = vec![0u8; 64 << 10];
        if name.is_empty() || !wanted(name) {
            continue;
        }
        if let Ok(length) = lgetxattr(from, name, &mut value[..]) {
            let _ = lsetxattr(to, name, &value[..length], XattrFlags::empty());
        }
    }
}

//! Files without a name, and standard output without its buffer.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Makes a file without a name in a directory; the umask may take bits of its mode
/// away.  Nothing where the system or the file system has none.
#[cfg(target_os = "linux")]
pub(in crate::host) fn nameless_file(directory: &Path, mode: u32) -> io::Result<Option<File>> {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::io::Errno;
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    match open(directory, flags, Mode::from_raw_mode(mode)) {
        Ok(file) => Ok(Some(File::from(file))),
        // Old file systems take the flag for that of a directory.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => Ok(None),
        Err(cause) => Err(cause.into()),
    }
}

/// Gives a file without a name its first one (open(2), O_TMPFILE), where nothing is.
#[cfg(target_os = "linux")]
pub(in crate::host) fn name_file(file: &File, path: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{AtFlags, CWD, linkat};
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, nameless.as_str(), CWD, path, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from)
}

/// There are none.
#[cfg(not(target_os = "linux"))]
pub(in crate::host) fn nameless_file(_directory: &Path, _mode: u32) -> io::Result<Option<File>> {
    Ok(None)
}

/// Refuses.
#[cfg(not(target_os = "linux"))]
pub(in crate::host) fn name_file(_file: &File, _path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Standard output, past its buffer.
pub(in crate::host) fn unbuffered_stdout() -> io::Result<File> {
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    stdout.map(File::from)
}

//! Passphrases from a file or from the terminal.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use super::error::Asked;
use super::{Error, is_terminal, platform};
use crate::pki::Passphrase;

/// No passphrase is longer: it is what `openssl pkcs8 -passin file:` reads.
const MAX_OCTETS: usize = 1023;

/// Reads a passphrase from a file's only line.  A regular file that others can read is refused.
pub fn passphrase_from_file(path: &Path) -> Result<Passphrase, Error> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    let mode = platform::mode(path, &metadata);
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(Error::OpenPassphrase {
            path: path.to_owned(),
            mode,
        });
    }
    // Reserved at once: a vector that grows leaves copies of the secret behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_OCTETS + 3));
    file.take(MAX_OCTETS as u64 + 3)
        .read_to_end(&mut text)
        .map_err(Error::io("read", path))?;
    if text.ends_with(b"\n") {
        text.pop();
    }
    if text.ends_with(b"\r") {
        text.pop();
    }
    if text.len() > MAX_OCTETS {
        return Err(Error::LongPassphrase {
            path: path.to_owned(),
        });
    }
    if text.contains(&b'\n') {
        return Err(Error::PassphraseLines {
            path: path.to_owned(),
        });
    }
    Passphrase::new(text).ok_or_else(|| Error::EmptyPassphrase {
        path: Some(path.to_owned()),
    })
}

/// Whether a passphrase is asked for once, to open something, or twice, to set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    No,
    /// Twice, and both must be the same.
    Yes,
}

/// Asks for a passphrase on the terminal, unseen.
pub fn ask(question: &str, what: Asked, repeat: Repeat) -> Result<Passphrase, Error> {
    if !is_terminal() {
        return Err(Error::NoTerminal { what });
    }
    let read = |question: String| -> Result<Passphrase, Error> {
        let terminal = Path::new(platform::TERMINAL);
        let text = rpassword::prompt_password(question).map_err(Error::io("read", terminal))?;
        let text = Zeroizing::new(text.into_bytes());
        Passphrase::new(text).ok_or(Error::EmptyPassphrase { path: None })
    };
    let passphrase = read(format!("{question}: "))?;
    if repeat == Repeat::Yes && !read(format!("{question}, again: "))?.matches(&passphrase) {
        return Err(Error::Differ);
    }
    Ok(passphrase)
}

/// Asks a question that only `y` or `yes` agrees to.
pub fn confirm(question: &str, what: Asked) -> Result<bool, Error> {
    if !is_terminal() {
        return Err(Error::NoTerminal { what });
    }
    let mut answer = String::new();
    let terminal = Path::new("/dev/stdin");
    let asked = write!(io::stderr(), "{question} [y/N] ").and_then(|()| io::stderr().flush());
    asked.map_err(Error::io("write", Path::new("/dev/stderr")))?;
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(Error::io("read", terminal))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

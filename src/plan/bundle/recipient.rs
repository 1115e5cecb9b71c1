//! Whom a bundle is encrypted to: a public key of age or of SSH.

use std::fmt;
use std::str::FromStr;

use age::ssh::ParseRecipientKeyError;

use super::Error;

/// A public key that age encrypts to.
#[derive(Clone)]
pub struct Recipient {
    text: String,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Age(age::x25519::Recipient),
    Ssh(age::ssh::Recipient),
}

/// What a recipient begins with; anything else is the name of a file.
const PREFIXES: [&str; 2] = ["age1", "ssh-"];

impl Recipient {
    /// Whether text is meant for a recipient, and not for the name of a file.
    pub fn is_meant(text: &str) -> bool {
        PREFIXES.iter().any(|prefix| text.starts_with(prefix)) || is_secret(text)
    }

    /// As age takes it.
    pub fn as_age(&self) -> &dyn age::Recipient {
        match &self.key {
            Key::Age(key) => key,
            Key::Ssh(key) => key,
        }
    }
}

fn is_secret(text: &str) -> bool {
    text.starts_with("AGE-SECRET-KEY-")
        || (text.contains("-----BEGIN") && text.contains("PRIVATE KEY"))
}

impl FromStr for Recipient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if is_secret(text) {
            return Err(Error::SecretRecipient);
        }
        let wrong = |wanted: String| Error::Recipient {
            text: text.to_owned(),
            wanted,
        };
        let key = match text.starts_with("age1") {
            true => Key::Age(text.parse().map_err(|_| {
                wrong("wanted all of an age recipient, which begins with age1".into())
            })?),
            false => Key::Ssh(text.parse().map_err(|cause| {
                wrong(match cause {
                    ParseRecipientKeyError::RsaModulusTooSmall => {
                        "found an RSA key of less than 2048 bits, wanted a longer one".into()
                    }
                    ParseRecipientKeyError::RsaModulusTooLarge => {
                        "found an RSA key of more than 4096 bits, wanted a shorter one".into()
                    }
                    ParseRecipientKeyError::Unsupported(found) => {
                        format!("found an SSH key of type {found}, wanted ssh-ed25519 or ssh-rsa")
                    }
                    _ => "wanted a key that begins with age1, ssh-ed25519 or ssh-rsa".into(),
                })
            })?),
        };
        let text = match &key {
            Key::Age(key) => key.to_string(),
            // Without the comment, which may be anything.
            Key::Ssh(key) => key.to_string(),
        };
        Ok(Self { text, key })
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.text)
    }
}

/// The recipients of a file, one a line; empty lines and those that begin with # do not count.
///
/// # Errors
/// [`Error::NoRecipient`] for a file without, [`Error::SecretRecipient`] for a private key's, else as for one recipient.
pub fn recipients(text: &str) -> Result<Vec<Recipient>, Error> {
    if is_secret(text) || text.contains("AGE-SECRET-KEY-") {
        return Err(Error::SecretRecipient);
    }
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let read = |(line, text): (usize, &str)| {
        text.parse().map_err(|error| match error {
            // The line is not told: the wrong file may hold anything, a passphrase too.
            Error::Recipient { wanted, .. } => Error::RecipientLine { line, wanted },
            other => other,
        })
    };
    let all = lines.map(read).collect::<Result<Vec<_>, _>>()?;
    match all.is_empty() {
        true => Err(Error::NoRecipient),
        false => Ok(all),
    }
}

//! Why a bundle cannot be written or read.

use std::fmt;

use super::Form;
use crate::pki::{self, printable};
use crate::plan::docker_host::DockerHost;

/// A bundle that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Error {
    /// A form that says which daemon is asked, and nobody said which.
    NoHost {
        form: Form,
        known: Option<DockerHost>,
    },
    /// What is read is nothing dockpki hands out.
    Unknown,
    /// What is read is encrypted by age.
    Encrypted,
    /// What is read is too large, packed or unpacked.
    Large { limit: usize },
    /// What is read is damaged.
    Broken { form: &'static str, cause: String },
    /// A file is not in it.
    Missing { member: &'static str },
    /// A file is in it twice.
    Twice { member: &'static str },
    /// A file in it is not what it should be.
    Member {
        member: &'static str,
        cause: pki::Error,
    },
    /// A value in it is not what it should be.
    Value { cause: String },
    /// Text that is no recipient.
    Recipient { text: String, wanted: String },
    /// A line of a file that is no recipient.  It is not told.
    RecipientLine { line: usize, wanted: String },
    /// A private key in a recipient's place.  It is not told.
    SecretRecipient,
    /// A file of recipients has none.
    NoRecipient,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost { form, known: _ } => write!(
                f,
                "a client as {} says which daemon is asked: found no host, wanted tcp://HOST:2376",
                form.as_str()
            ),
            Self::Unknown => f.write_str(
                "found nothing that dockpki hands out, wanted a tar, a zip, a docker context, an env \
                 file or certificates in PEM",
            ),
            Self::Encrypted => {
                f.write_str("found a file encrypted by age, wanted what is in it")
            }
            Self::Large { limit } => {
                write!(f, "found more than a client's files, wanted at most {limit} octets")
            }
            Self::Broken { form, cause } => {
                write!(f, "the {form} cannot be read: {}", printable(cause))
            }
            Self::Missing { member } => write!(f, "found no `{member}` in it, wanted one"),
            Self::Twice { member } => write!(f, "found `{member}` twice in it, wanted it once"),
            Self::Member { member, cause } => write!(f, "`{member}` in it: {cause}"),
            Self::Value { cause } => f.write_str(cause),
            Self::Recipient { text, wanted } => write!(
                f,
                "`{}` cannot be encrypted to: {}",
                printable(text),
                printable(wanted)
            ),
            Self::RecipientLine { line, wanted } => {
                write!(f, "line {line} is no recipient: {}", printable(wanted))
            }
            Self::SecretRecipient => f.write_str(
                "found a private key, wanted its public half: one that begins with age1, \
                 ssh-ed25519 or ssh-rsa",
            ),
            Self::NoRecipient => f.write_str(
                "found no recipient, wanted lines that begin with age1, ssh-ed25519 or ssh-rsa",
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for crate::plan::Error {
    fn from(error: Error) -> Self {
        Self::Bundle(error)
    }
}

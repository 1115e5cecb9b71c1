//! Why a client cannot be enrolled.

use std::fmt;
use std::path::PathBuf;

use crate::pki::{KeyType, VerifyCode, printable};

/// A request, a signature or a reply that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum EnrollError {
    /// What lies in a request's directory is not one.
    Request {
        name: String,
        path: PathBuf,
        found: String,
        wanted: String,
    },
    /// There is an open request, with a key of another kind than was asked for.
    OtherKeyType {
        name: String,
        found: String,
        wanted: KeyType,
    },
    /// Something else is where a request's directory is to be.
    NotEmpty { path: PathBuf },
    /// A message is longer than any that is sent here.
    Message { found: String, wanted: String },
    /// Nobody says what the client is called.
    NoName {
        found: Option<String>,
        cause: String,
    },
    /// The code of a request is not the one that was expected.
    Unexpected {
        found: VerifyCode,
        wanted: VerifyCode,
    },
    /// The request was signed already.
    Signed { name: String, serial: String },
    /// The name has another key.
    Taken { name: String },
    /// The key is somebody else's already.
    KeyTaken { whose: String },
    /// The key's certificate was revoked.
    KeyRevoked { whose: String },
    /// The reply would replace a file.
    ReplyThere { path: PathBuf },
    /// Everything is signed, but the reply could not be put in its place.
    NotReplied {
        name: String,
        path: PathBuf,
        cause: String,
    },
    /// What came back is no reply.
    Reply { found: String, wanted: String },
    /// What came back was a reply, and its certificate has expired.
    Expired {
        name: String,
        found: String,
        wanted: String,
    },
    /// The reply is for a key that is not here.
    NoKey {
        name: String,
        code: VerifyCode,
        open: Vec<(String, VerifyCode)>,
    },
    /// The reply is for another key than the one that was named.
    OtherKey {
        path: PathBuf,
        found: VerifyCode,
        wanted: VerifyCode,
    },
    /// There is no copy of the client on this machine.
    NoCopy {
        name: String,
        docker_config: PathBuf,
        bundle: Option<PathBuf>,
    },
    /// A copy on this machine is newer than what came.
    Older {
        name: String,
        place: String,
        found: String,
        wanted: String,
    },
    /// A copy on this machine believes a newer CA than those of what came.
    OlderCa {
        name: String,
        place: String,
        found: VerifyCode,
        wanted: VerifyCode,
    },
    /// A CA of the reply is not among those that were expected.
    UnexpectedCa {
        found: VerifyCode,
        wanted: Vec<VerifyCode>,
    },
}

impl fmt::Display for EnrollError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request {
                name: _,
                path,
                found,
                wanted,
            } => write!(
                f,
                "`{}`: found {}, wanted {wanted}",
                path.display(),
                printable(found)
            ),
            Self::OtherKeyType {
                name,
                found,
                wanted,
            } => write!(
                f,
                "there is an open request for the client `{name}`: found a key of type {found}, \
                 wanted {wanted}"
            ),
            Self::NotEmpty { path } => write!(
                f,
                "`{}` holds something else: wanted a new or empty directory",
                path.display()
            ),
            Self::Message { found, wanted } => write!(f, "found {found}, wanted {wanted}"),
            Self::NoName { found, cause } => match found {
                Some(found) => write!(
                    f,
                    "the signing request is of `{}`, which is no client's name: {cause}",
                    printable(found)
                ),
                None => f.write_str("the signing request names nobody: wanted a common name"),
            },
            Self::Unexpected { found, wanted } => write!(
                f,
                "the signing request has the code {found}, wanted {wanted}: nothing was signed"
            ),
            Self::Signed { name, serial } => write!(
                f,
                "this request is signed already: the client `{name}` has a certificate of its key, \
                 serial {serial}"
            ),
            Self::Taken { name } => write!(
                f,
                "there is a client `{name}` already, with another key: nothing was signed"
            ),
            Self::KeyTaken { whose } => write!(
                f,
                "the key of the signing request is that of {}: wanted a key of its own",
                printable(whose)
            ),
            Self::KeyRevoked { whose } => write!(
                f,
                "the key of the signing request was revoked with {}: to sign it would give back \
                 what was taken",
                printable(whose)
            ),
            Self::ReplyThere { path } => write!(
                f,
                "`{}` is there already: nothing was signed",
                path.display()
            ),
            Self::NotReplied { name, path, cause } => write!(
                f,
                "the client `{name}` is signed, but the reply cannot be written to `{}`: {cause}",
                path.display()
            ),
            Self::Reply { found, wanted } | Self::Expired { found, wanted, .. } => {
                write!(f, "the reply has {}, wanted {wanted}", printable(found))
            }
            Self::NoKey { name, code, open } => {
                write!(
                    f,
                    "the reply to client `{}` is for the key with the code {code}, which is not here: ",
                    printable(name)
                )?;
                let open = open
                    .iter()
                    .map(|(name, code)| format!("`{}` with {code}", printable(name)));
                match Vec::from_iter(open).as_slice() {
                    [] => f.write_str("found no open request"),
                    open => write!(f, "found open requests of {}", open.join(", ")),
                }
            }
            Self::OtherKey {
                path,
                found,
                wanted,
            } => write!(
                f,
                "`{}` is the key with the code {found}, wanted that of the reply, {wanted}",
                path.display()
            ),
            Self::NoCopy {
                name,
                docker_config,
                bundle: _,
            } => write!(
                f,
                "found no copy of client `{}` in `{}`, in a docker context or anywhere else it was installed",
                printable(name),
                docker_config.display()
            ),
            Self::Older {
                name: _,
                place,
                found,
                wanted,
            } => write!(
                f,
                "{} has a newer certificate, serial {found}, than what came, serial {wanted}: nothing was changed",
                printable(place)
            ),
            Self::OlderCa {
                name: _,
                place,
                found,
                wanted,
            } => write!(
                f,
                "{} believes the CA with the code {found}, which is newer than that of what came, {wanted}: \
                 it is from before a rollover, nothing was changed",
                printable(place)
            ),
            Self::UnexpectedCa { found, wanted } => {
                let wanted = Vec::from_iter(wanted.iter().map(ToString::to_string));
                write!(
                    f,
                    "the reply has a CA with the code {found}, wanted {}: nothing was changed",
                    wanted.join(" or ")
                )
            }
        }
    }
}

impl std::error::Error for EnrollError {}

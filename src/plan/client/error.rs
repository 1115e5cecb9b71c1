//! Why a client cannot be installed.

use std::fmt;
use std::path::PathBuf;

use super::super::context::ContextName;
use super::super::docker_host::DockerHost;
use super::super::env::Shell;
use crate::pki::printable;

/// A client's installation, or the shell lines for it, that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum ClientError {
    /// An address is not `tcp://HOST:PORT`.
    DockerHost { text: String, wanted: String },
    /// docker takes no context of this name.
    ContextName { text: String, wanted: &'static str },
    /// A shell dockpki does not know.
    Shell { text: String },
    /// A file holds something else than it should.
    Found {
        path: PathBuf,
        found: String,
        wanted: String,
    },
    /// There is no such context, and no host to make one for.
    NoContext { name: ContextName },
    /// A context nobody named, whose name is the host's, is for another host.
    OtherHost {
        name: ContextName,
        found: String,
        wanted: DockerHost,
    },
    /// The certificates of a context would be renewed that does not use any.
    NotTcp {
        name: ContextName,
        found: Option<String>,
    },
    /// A file or directory is another user's.
    Foreign {
        path: PathBuf,
        owner: u32,
        wanted: u32,
    },
    /// A value cannot be written so that the shell reads it back.
    Unquotable {
        shell: Shell,
        value: String,
        found: &'static str,
    },
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DockerHost { text, wanted } => write!(
                f,
                "`{}` cannot be a docker host: {}",
                printable(text),
                printable(wanted)
            ),
            Self::ContextName { text, wanted } => write!(
                f,
                "`{}` cannot be the name of a docker context: {wanted}",
                printable(text)
            ),
            Self::Shell { text } => write!(
                f,
                "`{}` is not a shell: wanted bash, zsh, fish, powershell or cmd",
                printable(text)
            ),
            Self::Found {
                path,
                found,
                wanted,
            } => write!(
                f,
                "`{}`: found {}, wanted {wanted}",
                path.display(),
                printable(found)
            ),
            Self::NoContext { name } => write!(
                f,
                "there is no docker context `{name}`: wanted one, or a host to make it for"
            ),
            Self::OtherHost {
                name,
                found,
                wanted,
            } => write!(
                f,
                "there is a docker context `{name}` already: found it for `{}`, wanted it for \
                 `{wanted}`",
                printable(found)
            ),
            Self::NotTcp { name, found } => write!(
                f,
                "the docker context `{name}` needs no certificates: found it for {}, wanted \
                 tcp://HOST:PORT",
                match found {
                    Some(found) => format!("`{}`", printable(found)),
                    None => "no docker host".into(),
                }
            ),
            Self::Foreign {
                path,
                owner,
                wanted,
            } => write!(
                f,
                "`{}` belongs to user {owner}, wanted it to belong to user {wanted}",
                path.display()
            ),
            Self::Unquotable {
                shell,
                value,
                found,
            } => write!(
                f,
                "`{}` cannot be written for {}: found {found}, wanted a path without",
                printable(value),
                shell.as_str()
            ),
        }
    }
}

impl std::error::Error for ClientError {}

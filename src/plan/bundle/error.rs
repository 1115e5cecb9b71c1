//! Why a client cannot be handed out in a form, or be read from one.

use std::fmt;

use super::Form;
use crate::pki::printable;

/// What is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BundleError {
    /// There is no such form.
    Form {
        /// What was asked for.
        found: String,
    },
    /// The form says where the daemon is, and nobody did.
    NoHost {
        /// The form.
        form: Form,
    },
    /// It is nothing that a client is handed out as.
    Unknown,
    /// It is still encrypted.
    Encrypted,
    /// It is larger than any.
    Large {
        /// The most there can be, in octets.
        wanted: u64,
    },
    /// A file is not in it.
    Missing {
        /// Which.
        what: &'static str,
    },
    /// A file is in it twice.
    Twice {
        /// Which.
        what: &'static str,
    },
    /// It has a private key beside certificates, which nothing of ours does.
    LooseKey,
    /// A part of it does not parse.
    Broken {
        /// Which.
        what: &'static str,
        /// Why.
        cause: String,
    },
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form { found } => write!(
                f,
                "found the form `{}`, wanted {}",
                printable(found),
                Form::ALL.map(Form::as_str).join(", ")
            ),
            Self::NoHost { form } => write!(
                f,
                "{} says where the daemon is: wanted --host tcp://HOST:2376",
                match form {
                    Form::Context => "a context",
                    _ => "a file of variables",
                }
            ),
            Self::Unknown => f.write_str(
                "found something else, wanted a client as tar, zip, context, env or certificates",
            ),
            Self::Encrypted => f.write_str("it is encrypted by age, wanted what is in it"),
            Self::Large { wanted } => {
                write!(f, "found more than any client is, wanted at most {wanted} octets")
            }
            Self::Missing { what } => write!(f, "found no {what}, wanted one"),
            Self::Twice { what } => write!(f, "found {what} twice, wanted it once"),
            Self::LooseKey => f.write_str(
                "found a private key beside certificates, wanted certificates alone, or tar, zip, context or env",
            ),
            Self::Broken { what, cause } => {
                write!(f, "found broken {what}: {}", printable(cause))
            }
        }
    }
}

impl std::error::Error for BundleError {}

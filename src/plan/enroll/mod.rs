//! A client whose key never leaves the machine it was made on.
//!
//! There [`files`] makes a key and a request, at the CA [`sign`] makes a certificate of it and a
//! [`Reply`], and back there [`find_key`] finds the key that the reply is for and puts both where
//! docker looks for them.  What is sent either way is no secret, but whom it is from is not known by
//! itself: both sides compare a [`crate::pki::VerifyCode`].

mod accept;
mod error;
mod reply;
mod request;
mod sign;

pub use accept::{KeyFile, KeyOf, find_key, known_authorities, leave_request, unknown_authorities};
pub use error::EnrollError;
pub use reply::Reply;
pub use request::{OpenRequest, REQUEST, REQUESTS, RequestWish, again, files, pems, text};
pub use sign::{Held, Renewal, SignWish, Signing, client_name, judge, refuse_signed, sign};

//! The TLS PKI for Docker's remote API.
//!
//! The `dockpki` command is a thin shell over this library.  Data goes from left to right and
//! never back:
//!
//! ```text
//! argv ── cli ──► Request ─┐
//! disk ── host ─► State ───┼─► plan::* ─► Plan ─┬─► report   (a dry run stops here)
//! clock, keys ── host ─────┘                    └─► host::apply ─► disk
//! ```
//!
//! The modules, in that order, and what each may know:
//!
//! | module | what it does | knows |
//! |---|---|---|
//! | [`cli`] | turns arguments into a request | `pki`, `plan` |
//! | [`pki`] | makes and reads certificates, in memory | nothing of ours |
//! | [`plan`] | decides what to change, from values to values | `pki` |
//! | [`host`] | reads and changes the machine; the only one that does | `plan`, `pki` |
//! | [`report`] | every word a person reads | `plan`, `pki` |
//! | [`mod@error`] | wraps the layers' errors; hints, exit codes | all of them |
//! | [`run`] | one command: read, plan, show, apply | all of them |
//!
//! `tests/architecture.rs` and clippy's `disallowed-methods` hold this.
//!
//! There are two places to write to, each with a plan and a way to carry it out.  The *home* holds
//! the PKI: [`plan::Plan`], [`host::apply`].  The *machine* is what Docker reads, a daemon's host or a
//! user's `~/.docker`: [`plan::machine`], [`host::machine`].  There each change holds what was before
//! it, whole, so that undo, uninstall and the way back from a failed proof are one mechanism.
//! [`host::daemon`] restarts the daemon, [`host::probe`] proves whom it answers.
//!
//! What is renewed goes to the home's archive ([`plan::renew`]).  While one CA takes the place of another
//! the home trusts two of them ([`plan::trust`], [`plan::rollover`]); the ledger ([`plan::ledger`])
//! remembers what lies where, so that the old one is dropped when nobody needs it any more.
//!
//! A client's key may never come into the home: [`plan::enroll`] takes a request to the CA and a reply
//! back, and people compare a [`pki::VerifyCode`] on the way.  Where the key travels, [`plan::bundle`] packs
//! the three files into one and takes them apart again, and [`plan::refresh`] decides which copies on a
//! laptop it takes the place of.  [`plan::roster`] reads a list of clients to issue, [`plan::hand_outs`] says
//! who holds what, and what of it is stale.
//!
//! What differs between Linux, macOS and Windows is in `host::platform`, and nowhere else.
//!
//! Who wants certificates without files needs [`pki`] alone:
//!
//! ```
//! use dockpki::pki::{Ca, KeyType, Life, PrivateKey, Serial, SubjectAltNames, Validity};
//! use time::macros::datetime;
//!
//! # fn main() -> Result<(), dockpki::pki::Error> {
//! let now = datetime!(2026-11-23 20:00 UTC);
//! let key = PrivateKey::generate(KeyType::P256)?;
//! let ca = Ca::new(key, &Serial::generate()?, Validity::of_ca(Life::CA, now)?, None)?;
//!
//! let sans = SubjectAltNames::parse(["localhost,127.0.0.1"])?;
//! let key = PrivateKey::generate(KeyType::P256)?;
//! let validity = Validity::of_leaf(Life::LEAF, now, ca.certificate().validity)?;
//! let server = ca.issue_server(&sans, &key, Serial::generate()?, validity)?;
//! assert!(server.pem().starts_with("-----BEGIN CERTIFICATE-----"));
//! # Ok(())
//! # }
//! ```

pub mod cli;
pub mod error;
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one module that touches the machine"
)]
pub mod host;
pub mod pki;
pub mod plan;
pub mod report;
pub mod run;

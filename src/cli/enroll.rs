//! `client request`, `client sign` and `client accept`.

use std::path::PathBuf;

use clap::Args;

use super::arguments::DryRun;
use super::install_arguments::Agreement;
use super::{Consent, Mode, UsageError, install};
use crate::pki::{KeyType, Name, VerifyCode};
use crate::plan::context::ContextName;
use crate::plan::docker_host::DockerHost;
use crate::plan::enroll::{Renewal, RequestWish, SignWish};

/// `client request`, understood.
#[derive(Debug)]
pub struct ClientRequest {
    /// Name and kind of key.
    pub wish: RequestWish,
    /// Where it goes, if that was said.
    pub out: Option<PathBuf>,
    /// Docker's configuration directory, if that was said.
    pub docker_config: Option<PathBuf>,
    /// What becomes of a request that is open.
    pub open: Open,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// What becomes of a request that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// It is printed again.
    Keep,
    /// Another takes its place, with another key.
    Replace,
}

/// `client sign`, understood.
#[derive(Debug)]
pub struct ClientSign {
    /// Where the request is; on standard input if nowhere.
    pub request: Option<PathBuf>,
    /// What is wanted of it.
    pub wish: SignWish,
    /// Where the reply goes.
    pub reply: ReplyTo,
    /// Opens the CA's key.
    pub passphrase_file: Option<PathBuf>,
    /// Whether it asks first.
    pub consent: Consent,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// Where a reply goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyTo {
    /// Into the working directory, named after the client.
    Named,
    /// Into this file.
    File(PathBuf),
    /// To standard output.
    StandardOutput,
}

/// `client accept`, understood.
#[derive(Debug)]
pub struct ClientAccept {
    /// Where the reply is; on standard input if nowhere.
    pub reply: Option<PathBuf>,
    /// The daemon's address.
    pub host: Option<DockerHost>,
    /// The docker context.
    pub context: Option<ContextName>,
    /// Docker's configuration directory.
    pub docker_config: Option<PathBuf>,
    /// The key, if somebody named it.
    pub key: Option<PathBuf>,
    /// The request's directory, if somebody named it.
    pub request: Option<PathBuf>,
    /// The codes of the CAs that are expected.
    pub expected: Vec<VerifyCode>,
    /// Whether it asks first.
    pub consent: Consent,
    /// Whether it is done or shown.
    pub mode: Mode,
}

#[derive(Debug, Args)]
pub(super) struct ClientRequestArguments {
    /// The client's name: what the CA will call it
    name: String,
    /// Put key.pem and request.pem into this new directory [default: requests/NAME in docker's, where `client accept` finds them]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Choose the key: p256, p384, ed25519, rsa2048, rsa3072 or rsa4096 [default: p256]
    #[arg(long, value_name = "TYPE")]
    key_type: Option<String>,
    /// Make another key in the place of an open request's, which is lost
    #[arg(long)]
    new_key: bool,
    /// Take this for docker's directory [default: $DOCKER_CONFIG, else ~/.docker]
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    docker_config: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Debug, Args)]
pub(super) struct ClientSignArguments {
    /// The request's file, or - for standard input
    #[arg(value_name = "FILE")]
    request: PathBuf,
    /// Write the reply here, - for standard output [default: NAME.reply.pem]
    #[arg(long = "out", short, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Call the client this [default: the request's common name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Let it live this long: 90d, 12h, 4w, 2y [default: 365d; with --renew as long as the last]
    #[arg(long, value_name = "LIFE", allow_hyphen_values = true)]
    valid_for: Option<String>,
    /// Agree if the request has this code, without being asked
    #[arg(long, value_name = "CODE")]
    expect: Option<String>,
    /// Replace the certificate of a client that is there; the old one goes to the archive
    #[arg(long)]
    renew: bool,
    /// Open the CA's key with the passphrase in this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    agreement: Agreement,
}

#[derive(Debug, Args)]
pub(super) struct ClientAcceptArguments {
    /// The file of the reply or client, or - for standard input
    #[arg(value_name = "FILE")]
    reply: PathBuf,
    /// Ask the daemon here: tcp://HOST:2376
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Write the docker context of this name [default: the host's name, if --host is given]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Install into this directory [default: $DOCKER_CONFIG, else ~/.docker]
    #[arg(long, value_name = "DIR")]
    docker_config: Option<PathBuf>,
    /// Take this private key [default: that of the request or client that the reply is for]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Take the request in this directory, made with --out
    #[arg(long, value_name = "DIR", conflicts_with = "key")]
    request: Option<PathBuf>,
    /// Agree if the CA has this code, without being asked, as --yes does not; once for each CA during a rollover
    #[arg(long, value_name = "CODE")]
    expect: Vec<String>,
    #[command(flatten)]
    agreement: Agreement,
}

pub(super) fn request(arguments: ClientRequestArguments) -> Result<ClientRequest, UsageError> {
    let ClientRequestArguments {
        name,
        out,
        key_type,
        new_key,
        docker_config,
        dry_run,
    } = arguments;
    Ok(ClientRequest {
        wish: RequestWish {
            name: Name::fresh(&name)?,
            key_type: key_type.map(|it| it.parse::<KeyType>()).transpose()?,
        },
        out,
        docker_config,
        open: match new_key {
            true => Open::Replace,
            false => Open::Keep,
        },
        mode: dry_run.mode(),
    })
}

pub(super) fn sign(arguments: ClientSignArguments) -> Result<ClientSign, UsageError> {
    let ClientSignArguments {
        request,
        output_file,
        name,
        valid_for,
        expect,
        renew,
        passphrase_file,
        agreement,
    } = arguments;
    let (consent, mode) = install::agreed(&agreement);
    let expected = expect.map(|code| code.parse()).transpose()?;
    Ok(ClientSign {
        request: source(request),
        wish: SignWish {
            name: name.map(|name| name.parse()).transpose()?,
            expected,
            renewal: match renew {
                true => Renewal::Yes,
                false => Renewal::No,
            },
            valid_for: valid_for.map(|life| life.parse()).transpose()?,
        },
        reply: match output_file {
            None => ReplyTo::Named,
            Some(path) if path.as_os_str() == "-" => ReplyTo::StandardOutput,
            Some(path) => ReplyTo::File(path),
        },
        passphrase_file,
        consent: match expected {
            Some(_) => Consent::Given,
            None => consent,
        },
        mode,
    })
}

pub(super) fn accept(arguments: ClientAcceptArguments) -> Result<ClientAccept, UsageError> {
    let ClientAcceptArguments {
        reply,
        host,
        context,
        docker_config,
        key,
        request,
        expect,
        agreement,
    } = arguments;
    let (consent, mode) = install::agreed(&agreement);
    let expected = codes(&expect)?;
    Ok(ClientAccept {
        reply: source(reply),
        host: install::parsed(host)?,
        context: install::parsed(context)?,
        docker_config,
        key,
        request,
        consent: match expected.is_empty() {
            true => consent,
            false => Consent::Given,
        },
        expected,
        mode,
    })
}

/// The codes of CAs.
pub(super) fn codes(expect: &[String]) -> Result<Vec<VerifyCode>, UsageError> {
    let codes = expect.iter().map(|code| code.parse());
    Ok(codes.collect::<Result<_, _>>()?)
}

/// A file; nothing for standard input.
pub(super) fn source(path: PathBuf) -> Option<PathBuf> {
    (path.as_os_str() != "-").then_some(path)
}

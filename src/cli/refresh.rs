//! `client refresh`.

use std::path::PathBuf;

use clap::Args;

use super::install_arguments::Agreement;
use super::{Consent, Mode, UsageError, enroll, install};
use crate::pki::VerifyCode;

/// `client refresh`, understood.
#[derive(Debug)]
pub struct ClientRefresh {
    /// Where the bundle is; on standard input if nowhere.
    pub bundle: Option<PathBuf>,
    /// Docker's configuration directory.
    pub docker_config: Option<PathBuf>,
    /// The codes of the CAs that are expected.
    pub expected: Vec<VerifyCode>,
    /// Whether it asks first.
    pub consent: Consent,
    /// Whether it is done or shown.
    pub mode: Mode,
}

#[derive(Debug, Args)]
pub(super) struct ClientRefreshArguments {
    /// What was handed out: a reply, a tar, zip, context or env file, a directory, or - for standard input
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// Take this for docker's directory [default: $DOCKER_CONFIG, else ~/.docker]
    #[arg(long, value_name = "DIR")]
    docker_config: Option<PathBuf>,
    /// Agree to a new CA if it has this code, without being asked, as --yes does not; repeatable
    #[arg(long, value_name = "CODE")]
    expect: Vec<String>,
    #[command(flatten)]
    agreement: Agreement,
}

pub(super) fn refresh(arguments: ClientRefreshArguments) -> Result<ClientRefresh, UsageError> {
    let ClientRefreshArguments {
        bundle,
        docker_config,
        expect,
        agreement,
    } = arguments;
    let (consent, mode) = install::agreed(&agreement);
    let expected = enroll::codes(&expect)?;
    Ok(ClientRefresh {
        bundle: enroll::source(bundle),
        docker_config,
        consent: match expected.is_empty() {
            true => consent,
            false => Consent::Given,
        },
        expected,
        mode,
    })
}

//! `client export`, `client remove` and what they take.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::arguments::DryRun;
use super::install::parsed;
use super::{Mode, Output, UsageError};
use crate::pki::Name;
use crate::plan::bundle::{Form, Recipient};
use crate::plan::context::ContextName;
use crate::plan::docker_host::DockerHost;

/// `client export`, understood.
#[derive(Debug)]
pub struct Export {
    /// The client's name in the home.
    pub name: Name,
    /// What it becomes.
    pub form: Form,
    /// Where it goes.
    pub target: Target,
    /// The daemon's address.
    pub host: Option<DockerHost>,
    /// The docker context.
    pub context: Option<ContextName>,
    /// Whom it is encrypted to; nobody if it is not.
    pub encrypt_to: Vec<EncryptTo>,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// Where an export goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file or directory of the client's name, in the working directory.
    Named,
    /// This file or directory.
    Path(PathBuf),
    /// Standard output.
    Stdout,
}

/// Whom an export is encrypted to.
#[derive(Debug, Clone)]
pub enum EncryptTo {
    /// A public key.
    Recipient(Recipient),
    /// Those in a file.
    File(PathBuf),
}

/// `client remove`, understood.
#[derive(Debug)]
pub struct Remove {
    /// The clients' names in the home.
    pub names: Vec<Name>,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// What `--as` takes.
impl ValueEnum for Form {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Dir => "A directory that is a DOCKER_CERT_PATH",
            Self::Tar => "That directory as tar.gz",
            Self::Zip => "That directory as zip",
            Self::Context => "What `docker context import` takes, on every system",
            Self::Env => "Variables for a CI system, the files in base64",
            Self::Reply => {
                "Certificates alone, for who has the key: what `client accept` and `client refresh` take"
            }
        };
        Some(PossibleValue::new(self.as_str()).help(help))
    }
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// The client's name in the home
    name: String,
    /// Choose what it becomes
    #[arg(long = "as", value_name = "FORM")]
    form: Form,
    /// Write it here, - for standard output [default: NAME, NAME.tar.gz, NAME.zip, NAME.dockercontext, NAME.env or NAME.reply.pem here, and .age if it is encrypted]
    #[arg(short, long = "out", value_name = "FILE")]
    out: Option<PathBuf>,
    /// Have docker ask the daemon here: tcp://HOST:2376; context and env need it
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Name the docker context [default: the host's name]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Encrypt it to this age recipient or SSH public key, or to those in this file; repeatable
    #[arg(long, value_name = "RECIPIENT")]
    encrypt_to: Vec<String>,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArguments {
    /// The clients' names in the home
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    dry_run: DryRun,
}

pub(super) fn export(arguments: ExportArguments, output: Output) -> Result<Export, UsageError> {
    let ExportArguments {
        name,
        form,
        out,
        host,
        context,
        encrypt_to,
        dry_run,
    } = arguments;
    let target = match out {
        None => Target::Named,
        Some(path) if path.as_os_str() == "-" => Target::Stdout,
        Some(path) => Target::Path(path),
    };
    let found = |what: &str, wanted: &str| {
        let form = form.as_str();
        Err(UsageError::Other(format!(
            "found --as {form} and {what}, wanted {wanted}"
        )))
    };
    const ONE_FILE: &str = "a form that is one file: tar, zip, context, env or reply";
    if form == Form::Dir && target == Target::Stdout {
        return found("-o -", ONE_FILE);
    }
    if form == Form::Dir && !encrypt_to.is_empty() {
        return found("--encrypt-to", ONE_FILE);
    }
    if !form.has_host() && host.is_some() {
        return found(
            "--host",
            "a form that says which daemon is asked: context or env",
        );
    }
    if form != Form::Context && context.is_some() {
        return found("--context", "--as context");
    }
    if target == Target::Stdout && output == Output::Json && dry_run.mode() == Mode::Apply {
        return Err(UsageError::Other(
            "found -o - and --output json, wanted one of them: both go to standard output".into(),
        ));
    }
    let encrypt_to = encrypt_to.into_iter().map(|text| {
        Ok(match Recipient::is_meant(&text) {
            true => EncryptTo::Recipient(text.parse()?),
            false => EncryptTo::File(text.into()),
        })
    });
    let encrypt_to = encrypt_to.collect::<Result<_, crate::plan::bundle::Error>>();
    Ok(Export {
        name: name.parse()?,
        form,
        target,
        host: parsed(host)?,
        context: parsed(context)?,
        encrypt_to: encrypt_to.map_err(|error| UsageError::Other(error.to_string()))?,
        mode: dry_run.mode(),
    })
}

pub(super) fn remove(arguments: RemoveArguments) -> Result<Remove, UsageError> {
    let RemoveArguments { names, dry_run } = arguments;
    let names = names.into_iter().map(|name| name.parse());
    Ok(Remove {
        names: names.collect::<Result<_, _>>()?,
        mode: dry_run.mode(),
    })
}

//! `client issue`: clients that are named, or a list of them.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::arguments::IssueArguments;
use super::enroll::source;
use super::install::parsed;
use super::{Command, Mode, UsageError};
use crate::pki::{KeyType, Life, Name};
use crate::plan::bundle::Form;
use crate::plan::docker_host::DockerHost;
use crate::plan::issue::Wish;
use crate::plan::roster::form_with_key;

/// `client issue --from`, understood.
#[derive(Debug)]
pub struct Bulk {
    /// Where the list is; on standard input if nowhere.
    pub from: Option<PathBuf>,
    /// What becomes of each of them; nothing if they stay in the home.
    pub export: Option<BulkExport>,
    /// How many keys are made at once; as many as there are cores if nothing.
    pub jobs: Option<NonZeroUsize>,
    /// The kind of the keys; the CA's if none.
    pub key_type: Option<KeyType>,
    /// How long those live of which the list does not say it.
    pub valid_for: Life,
    /// Opens the CA's key.
    pub passphrase_file: Option<PathBuf>,
    /// Whether it is done or shown.
    pub mode: Mode,
}

/// What becomes of the clients of a list.
#[derive(Debug)]
pub struct BulkExport {
    /// The directory that gets a file or directory for each.
    pub directory: PathBuf,
    /// The form of those of which the list does not say it.
    pub form: Option<Form>,
    /// The daemon of those of which the list does not say it.
    pub host: Option<DockerHost>,
}

#[derive(Debug, Args)]
pub(super) struct ClientIssueArguments {
    /// The clients' names: directories in the home, and common names
    #[arg(required_unless_present = "from", value_name = "NAME")]
    names: Vec<String>,
    /// Issue the clients of this list, or of standard input if it is -
    #[arg(long, value_name = "FILE", conflicts_with = "names")]
    from: Option<PathBuf>,
    /// Hand each out into this directory, as by `client export`
    #[arg(long, value_name = "DIR", requires = "from")]
    export: Option<PathBuf>,
    /// Choose what each becomes, unless the list says it: dir, tar, zip, context or env
    #[arg(long = "as", value_name = "FORM", requires = "export")]
    form: Option<String>,
    /// Have docker ask the daemon here, unless the list says it: tcp://HOST:2376
    #[arg(long, value_name = "ADDRESS", requires = "export")]
    host: Option<String>,
    /// Make this many at once [default: one a core]
    #[arg(long, value_name = "COUNT", requires = "from")]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    issue: IssueArguments,
}

pub(super) fn issue(arguments: ClientIssueArguments) -> Result<Command, UsageError> {
    let ClientIssueArguments {
        names,
        from,
        export,
        form,
        host,
        jobs,
        issue,
    } = arguments;
    let Some(from) = from else {
        // clap lets go of what a flag requires where that conflicts with something given.
        let given = [("--export", export.is_some()), ("--jobs", jobs.is_some())];
        if let Some((flag, _)) = given.into_iter().find(|(_, is_given)| *is_given) {
            return Err(UsageError::Other(format!(
                "found {flag} with names, wanted it with --from FILE"
            )));
        }
        let names = names.iter().map(|name| Name::fresh(name).map(Wish::Client));
        let wishes = names.collect::<Result<_, _>>()?;
        return Ok(Command::Issue(super::issue("client issue", wishes, issue)?));
    };
    let IssueArguments {
        key_type,
        valid_for,
        passphrase_file,
        dry_run,
    } = issue;
    Ok(Command::Bulk(Box::new(Bulk {
        from: source(from),
        export: match export {
            None => None,
            Some(directory) => Some(BulkExport {
                directory,
                form: form
                    .as_deref()
                    .map(form_with_key)
                    .transpose()
                    .map_err(UsageError::Other)?,
                host: parsed(host)?,
            }),
        },
        jobs,
        key_type: key_type.map(|key_type| key_type.parse()).transpose()?,
        valid_for: valid_for.parse()?,
        passphrase_file,
        mode: dry_run.mode(),
    })))
}

//! `check`: its arguments, and its exit codes, which are those of a plugin for Nagios.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::UsageError;
use super::arguments::{Arguments, OutputForm};
use crate::plan::check::{Threshold, Thresholds};

const EXAMPLES: &str = "\
Thresholds are spans, as 30d or 12h, or shares of the life, as 25%. What is not given is the smaller
of a span and a share, so that a certificate of eight hours is not due all day.

Exit codes are those of Nagios: 0 fine, 1 warning, 2 critical or expired, 3 unknown: something could
not be read, or the command line is wrong. --output prometheus writes what node_exporter's textfile
collector reads.

Examples:
  dockpki check
  dockpki check --installed
  dockpki check --warn 30d --critical 7d
  dockpki check --warn 25% --critical 10% --output json
  dockpki check --output prometheus --write dockpki.prom";

#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct CheckArguments {
    /// Warn when less is left of a server or client [default: 30d or 25%, the smaller]
    #[arg(long, value_name = "THRESHOLD", allow_hyphen_values = true)]
    warn: Option<String>,
    /// Call it critical when less is left [default: 7d or 10%, the smaller]
    #[arg(long, value_name = "THRESHOLD", allow_hyphen_values = true)]
    critical: Option<String>,
    /// Warn when less is left of a CA [default: 365d or a third, the smaller]
    #[arg(long, value_name = "THRESHOLD", allow_hyphen_values = true)]
    ca_warn: Option<String>,
    /// Call it critical when less is left of a CA [default: 90d or 10%, the smaller]
    #[arg(long, value_name = "THRESHOLD", allow_hyphen_values = true)]
    ca_critical: Option<String>,
    /// Check what is installed on this machine too, and what its daemon serves
    #[arg(long)]
    installed: bool,
    /// Take this directory for /, as for an image or a chroot
    #[arg(long, value_name = "DIR", requires = "installed")]
    prefix: Option<PathBuf>,
    /// Write the report to this file, whole or not at all, and only the summary to standard output
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// `check`, understood.
#[derive(Debug)]
pub struct Check {
    /// When a certificate is told of.
    pub thresholds: Thresholds,
    /// What is looked at beside the home: what stands for `/`.
    pub installed: Option<PathBuf>,
    /// The form of the report.
    pub form: Form,
    /// Where the report goes, if not to standard output.
    pub write: Option<PathBuf>,
}

/// The form of a report of `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people, and for Nagios, which takes its first line.
    Text,
    /// For programs.
    Json,
    /// For Prometheus, by node_exporter's textfile collector.
    Prometheus,
}

/// What exit codes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCodes {
    /// As for every command.
    Ours,
    /// As for a plugin of Nagios, where 1 and 2 say something of certificates.
    Nagios,
}

impl ExitCodes {
    /// What the arguments, the program's name first, ask for, whether they are right or not: a
    /// mistyped flag of a monitor is no critical certificate.
    pub fn of(arguments: &[OsString]) -> Self {
        let lenient = Arguments::command().ignore_errors(true);
        let matches = lenient.try_get_matches_from(arguments);
        match matches.ok().as_ref().and_then(|it| it.subcommand_name()) {
            Some("check") => Self::Nagios,
            _ => Self::Ours,
        }
    }

    /// The exit code of a command that failed and would end with this one.
    pub fn of_failure(self, code: u8) -> u8 {
        match (self, code) {
            (Self::Nagios, 1..) => 3,
            (_, code) => code,
        }
    }
}

pub(super) fn understood(
    arguments: CheckArguments,
    output: OutputForm,
) -> Result<Check, UsageError> {
    let CheckArguments {
        warn,
        critical,
        ca_warn,
        ca_critical,
        installed,
        prefix,
        write,
    } = arguments;
    let flags = ["--warn", "--critical"];
    let (warn, critical) = pair(flags, warn, critical, WARN_DEFAULT)?;
    let flags = ["--ca-warn", "--ca-critical"];
    let (ca_warn, ca_critical) = pair(flags, ca_warn, ca_critical, CA_WARN_DEFAULT)?;
    Ok(Check {
        thresholds: Thresholds {
            warn,
            critical,
            ca_warn,
            ca_critical,
        },
        installed: installed.then(|| prefix.unwrap_or_else(|| "/".into())),
        form: match output {
            OutputForm::Text => Form::Text,
            OutputForm::Json => Form::Json,
            OutputForm::Prometheus => Form::Prometheus,
        },
        write,
    })
}

/// A default that is the smaller of a span and a share of the life: both, and how help has it.
struct DefaultWarn {
    days: &'static str,
    percent: &'static str,
    words: &'static str,
}

const WARN_DEFAULT: DefaultWarn = DefaultWarn {
    days: "30d",
    percent: "25%",
    words: "30d or 25%, the smaller",
};

const CA_WARN_DEFAULT: DefaultWarn = DefaultWarn {
    days: "365d",
    percent: "33%",
    words: "365d or a third, the smaller",
};

/// Two thresholds, the second of which is to be the shorter.
fn pair(
    flags: [&str; 2],
    warn: Option<String>,
    critical: Option<String>,
    default: DefaultWarn,
) -> Result<(Option<Threshold>, Option<Threshold>), UsageError> {
    let read = |text: Option<String>| {
        let read = text.map(|text| text.parse::<Threshold>()).transpose();
        read.map_err(|error| UsageError::Other(error.to_string()))
    };
    let (warn, critical) = (read(warn)?, read(critical)?);
    let [warn_flag, critical_flag] = flags;
    match (warn, critical) {
        (Some(warn), Some(critical)) if critical.is_longer_than(warn) => {
            Err(UsageError::Other(format!(
                "found {critical_flag} {critical} and {warn_flag} {warn}, wanted the critical one to \
                 be the smaller"
            )))
        }
        // Nobody would ever be warned.
        (None, Some(critical)) if default.is_never_longer_than(critical) => {
            Err(UsageError::Other(format!(
                "found {critical_flag} {critical} and no {warn_flag}, whose default is {}: wanted a \
                 longer {warn_flag} beside it",
                default.words
            )))
        }
        both => Ok(both),
    }
}

impl DefaultWarn {
    fn is_never_longer_than(&self, critical: Threshold) -> bool {
        let defaults = [self.days, self.percent].into_iter();
        let mut defaults = defaults.filter_map(|text| text.parse::<Threshold>().ok());
        defaults.any(|default| critical.is_longer_than(default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> ExitCodes {
        let arguments = line.split(' ').map(OsString::from);
        ExitCodes::of(&Vec::from_iter(arguments))
    }

    #[test]
    fn a_check_is_known_by_its_name_however_wrong_the_rest_is() {
        for line in [
            "dockpki check",
            "dockpki --home /x check --nonsense",
            "dockpki --output json check --warn",
            "dockpki check --warn 1d --warn 2d",
        ] {
            assert_eq!(of(line), ExitCodes::Nagios, "{line}");
        }
        for line in [
            "dockpki",
            "dockpki list",
            "dockpki --home check list",
            "dockpki chek",
        ] {
            assert_eq!(of(line), ExitCodes::Ours, "{line}");
        }
        assert_eq!(ExitCodes::Nagios.of_failure(2), 3);
        assert_eq!(ExitCodes::Nagios.of_failure(0), 0);
        assert_eq!(ExitCodes::Ours.of_failure(2), 2);
    }
}

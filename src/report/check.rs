//! Tells monitoring, and people, how certificates stand.
//!
//! The first line is what Nagios shows.  For Prometheus see [`super::prometheus`].

use std::path::Path;

use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::table::{Cell, table};
use super::{
    Color, JSON_VERSION, Style, count, day, json, left, note, printable, shell_word, shown, until,
};
use crate::pki::Purpose;
use crate::plan::check::{Checked, Facts, Mend, Reissue, Renewal, Severity, State, next, worst};
use crate::plan::install::DaemonMode;
use crate::plan::layout::PairKind;
use crate::plan::ledger::rfc3339;
use crate::plan::list::Standing;
use crate::plan::machine::Control;

/// What the words of a report depend on beside what was found.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// The home.
    pub home: &'a Path,
    /// How the reader calls us.
    pub program: &'a str,
    /// What stands for `/` of the host, if it is not this machine's.
    pub prefix: Option<&'a Path>,
    /// How the daemon is restarted, if anybody knows.
    pub control: Option<&'a Control>,
    /// The time it was judged for.
    pub now: OffsetDateTime,
}

/// One line: the status as Nagios has it, the worst thing, and how many there are.
pub fn check_summary(words: &Words<'_>, all: &[Checked]) -> String {
    let certificates = all.iter().filter(|checked| checked.facts.is_some()).count();
    let mut counts = count(certificates, "certificate");
    let worst = worst(all);
    if all.is_empty() {
        let home = shown(words.home);
        return format!("UNKNOWN: no certificate was found, neither in {home} nor installed\n");
    }
    if worst == Severity::Fine {
        return match next(all, words.now) {
            Some((first, end)) => format!(
                "OK: {counts}, the next to expire is {} in {} ({})\n",
                printable(&first.label),
                span(end - words.now),
                until(end, end - words.now)
            ),
            None => format!("OK: {counts}\n"),
        };
    }
    for (severity, word, several) in [
        (Severity::Critical, "critical", "critical"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Unknown, "unknown", "unknown"),
    ] {
        match all.iter().filter(|it| it.severity == severity).count() {
            0 => {}
            1 => counts.push_str(&format!(", 1 {word}")),
            some => counts.push_str(&format!(", {some} {several}")),
        }
    }
    let first = all.iter().find(|checked| checked.severity == worst);
    let first = first.map_or_else(String::new, |first| sentence(words, first));
    format!("{}: {first}; {counts}\n", worst.as_str().to_uppercase())
}

/// The line for Nagios where nothing could be checked.
pub fn check_failed(error: &str) -> String {
    format!("UNKNOWN: {}\n", printable(error))
}

/// That a key was not looked at.
pub fn unjudged_key(style: Style, path: &Path) -> String {
    let words = format!(
        "{} can be read by another alone and was not judged",
        shown(path)
    );
    note(style, &words)
}

/// One line a certificate, with what mends it.
pub fn check_table(style: Style, words: &Words<'_>, all: &[Checked]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let rows = all.iter().map(|checked| {
        let color = match checked.severity {
            Severity::Fine => Color::Green,
            Severity::Unknown => Color::Cyan,
            Severity::Warning => Color::Yellow,
            Severity::Critical => Color::Red,
        };
        let facts = checked.facts.as_ref();
        let or_dash = |text: Option<String>| Cell::from(text.unwrap_or_else(|| "-".into()));
        let cells: [Cell; 8] = [
            Cell::colored(checked.severity.as_str(), color),
            checked.purpose.as_str().into(),
            printable(&checked.label).into(),
            printable(&state(checked)).into(),
            or_dash(facts.map(|facts| left(facts.left(words.now)))),
            or_dash(facts.map(|facts| until(facts.validity.not_after, facts.left(words.now)))),
            or_dash(facts.map(|facts| facts.serial.to_string())),
            mend(words, checked).unwrap_or_default().into(),
        ];
        cells
    });
    let head = [
        "STATUS", "KIND", "NAME", "STATE", "LEFT", "UNTIL", "SERIAL", "MEND",
    ];
    table(style, head, &rows.collect::<Vec<_>>())
}

/// The same as JSON, with the summary.
pub fn check_json(words: &Words<'_>, all: &[Checked], summary: &str) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        status: &'a str,
        exit_code: u8,
        summary: String,
        certificates: Vec<Told<'a>>,
    }
    #[derive(Serialize)]
    struct Told<'a> {
        status: &'a str,
        kind: &'a str,
        name: &'a str,
        path: String,
        state: String,
        subject: Option<&'a str>,
        issuer: Option<&'a str>,
        serial: Option<String>,
        serial_in_file: Option<String>,
        not_before: Option<String>,
        not_after: Option<String>,
        seconds_left: Option<i64>,
        mend: Option<String>,
    }
    let certificates = all.iter().map(|checked| {
        let facts = checked.facts.as_ref();
        Told {
            status: checked.severity.as_str(),
            kind: checked.purpose.as_str(),
            name: &checked.label,
            path: checked.path.display().to_string(),
            state: state(checked),
            subject: facts.and_then(|facts| facts.subject.as_deref()),
            issuer: facts.and_then(|facts| facts.issuer.as_deref()),
            serial: facts.map(|facts| facts.serial.to_string()),
            serial_in_file: match &checked.state {
                State::NotServed { file } => Some(file.to_string()),
                _ => None,
            },
            not_before: facts.map(|facts| rfc3339(facts.validity.not_before)),
            not_after: facts.map(|facts| rfc3339(facts.validity.not_after)),
            seconds_left: facts.map(|facts| facts.left(words.now).whole_seconds()),
            mend: mend(words, checked),
        }
    });
    let status = worst(all);
    json(&Report {
        version: JSON_VERSION,
        home: words.home.display().to_string(),
        status: status.as_str(),
        exit_code: status.exit_code(),
        summary: summary.trim_end().to_owned(),
        certificates: certificates.collect(),
    })
}

/// What is to be said of a certificate, in a few words.
fn state(checked: &Checked) -> String {
    match (&checked.state, checked.purpose) {
        (State::Fine, _) => "valid".into(),
        (State::Due, _) => "due".into(),
        (State::Standing(standing), _) => standing.as_str().into(),
        (State::NotInstalled, Purpose::Ca) => "lacks a CA of the home".into(),
        (State::NotInstalled, _) => "renewed, not installed".into(),
        (State::Dropped, _) => "dropped by the home".into(),
        (State::OfRetiredCa, _) => "of a CA that is trusted no more".into(),
        (State::OfOtherCa, _) => "of another CA".into(),
        (State::NotCas { cause }, _) => format!("cannot be read as one: {cause}"),
        (State::NotServed { .. }, _) => "renewed on disk, not served".into(),
        (State::Silent { found }, _) => format!("no answer: {found}"),
        (State::Unreadable { cause }, _) => format!("cannot be read: {cause}"),
    }
}

/// The same in a sentence, for the summary.
fn sentence(words: &Words<'_>, checked: &Checked) -> String {
    let label = printable(&checked.label);
    let ends = |facts: &Facts| {
        let left = facts.left(words.now);
        let until = until(facts.validity.not_after, left);
        match left.is_negative() {
            true => format!("expired {} ago ({until})", span(left)),
            false => format!("expires in {} ({until})", span(left)),
        }
    };
    match (&checked.state, &checked.facts) {
        (State::Due | State::Standing(Standing::Expired), Some(facts)) => {
            format!("{label} {}", ends(facts))
        }
        (State::Standing(Standing::NotYetValid), Some(facts)) => {
            format!("{label} begins on {}", day(facts.validity.not_before))
        }
        (State::NotInstalled, _) if checked.purpose == Purpose::Ca => {
            format!("{label} lacks a CA that the home trusts")
        }
        (State::Dropped, Some(facts)) => format!(
            "{label} still has `{}`, which the home trusts no more",
            printable(facts.subject.as_deref().unwrap_or_default())
        ),
        (State::OfRetiredCa | State::OfOtherCa, _) => format!("{label} is {}", state(checked)),
        (State::NotCas { .. }, _) => format!("{label} {}", printable(&state(checked))),
        (State::NotInstalled, Some(facts)) => format!(
            "{label} {}, was renewed in the home and is not installed",
            ends(facts)
        ),
        (State::NotServed { .. }, Some(facts)) => format!(
            "{label} serves the certificate from before a renewal, which {}: the daemon was not \
             restarted",
            ends(facts)
        ),
        (State::Silent { found }, _) => format!("{label} does not answer: {}", printable(found)),
        (State::Unreadable { cause }, _) => {
            format!("{label} cannot be read: {}", printable(cause))
        }
        _ => format!("{label}: {}", state(checked)),
    }
}

/// `3 days`, `5 hours`, `1 minute`, whichever way the span goes.
fn span(span: Duration) -> String {
    let (number, unit) = match span.abs() {
        span if span.whole_days() > 1 => (span.whole_days(), "day"),
        span if span.whole_hours() > 0 => (span.whole_hours(), "hour"),
        span => (span.whole_minutes(), "minute"),
    };
    count(usize::try_from(number).unwrap_or(usize::MAX), unit)
}

/// What mends one whose home is on another machine.
fn elsewhere(program: &str, purpose: Purpose, renewal: Renewal) -> String {
    match (purpose, renewal) {
        (Purpose::Client, Renewal::Needed(_)) => format!(
            "have it renewed and exported where its CA is, then: {program} client refresh FILE"
        ),
        (Purpose::Client, Renewal::Done) => {
            format!("have it exported where its CA is, then: {program} client refresh FILE")
        }
        (_, Renewal::Needed(_)) => "renew it where its CA is, then install it here".into(),
        (_, Renewal::Done) => "install it again, from where its CA is".into(),
    }
}

/// What mends it: a command, where there is one.
fn mend(words: &Words<'_>, checked: &Checked) -> Option<String> {
    let program = words.program;
    let reissue = |by: Reissue, label: &str| {
        let command = match by {
            Reissue::Due => "renew",
            Reissue::Forced => "renew --force",
            Reissue::Rollover => "ca roll issue",
        };
        format!("{program} {command} {}", shell_word(label))
    };
    let install = |kind: PairKind, name: &Option<String>, rest: &str, renewal: Renewal| {
        let what = kind.as_str();
        let word = name.as_deref().map(|name| format!(" {}", shell_word(name)));
        let word = word.unwrap_or_default();
        let install = format!("{program} install {what}{word}{rest}");
        match (name, renewal) {
            (Some(name), Renewal::Needed(by)) => {
                format!("{} && {install}", reissue(by, &kind.pair(name)))
            }
            _ => install,
        }
    };
    Some(match checked.mend.as_ref()? {
        Mend::Reissue { by, label } => reissue(*by, label),
        Mend::Verify => format!("{program} verify"),
        Mend::Roll => format!("{program} ca roll start"),
        Mend::RollStatus => format!("{program} ca roll status"),
        Mend::InstallServer {
            name,
            mode,
            renewal,
        } => {
            let rest = match (mode, words.prefix) {
                (DaemonMode::Rootless, _) => " --rootless".into(),
                (DaemonMode::Rootful, None) => String::new(),
                (DaemonMode::Rootful, Some(prefix)) => {
                    format!(" --prefix {}", shell_word(&prefix.to_string_lossy()))
                }
            };
            install(PairKind::Server, name, &rest, *renewal)
        }
        Mend::InstallClient {
            name,
            context,
            docker_config,
            renewal,
        } => {
            let mut rest = String::new();
            if let Some(context) = context {
                rest.push_str(&format!(" --context {}", shell_word(context)));
            }
            if let Some(directory) = docker_config {
                let directory = shell_word(&directory.to_string_lossy());
                rest.push_str(&format!(" --docker-config {directory}"));
            }
            install(PairKind::Client, name, &rest, *renewal)
        }
        Mend::Elsewhere(renewal) => elsewhere(program, checked.purpose, *renewal),
        Mend::Another => "issue another under another name, and install that".into(),
        Mend::Restart | Mend::StartDaemon => match (words.control, &checked.mend) {
            (Some(Control::Systemd), _) => "systemctl restart docker".into(),
            (Some(Control::Command { restart, .. }), _) => restart.clone(),
            (None, Some(Mend::StartDaemon)) => "start the daemon".into(),
            (None, _) => "restart the daemon".into(),
        },
        Mend::CloseKey(path) => format!("chmod 0400 {}", shell_word(&path.to_string_lossy())),
        Mend::Clock => "set the clock right".into(),
        Mend::OtherUser => "run it as a user who may read it".into(),
        Mend::Look(path) => format!("look at {}", shell_word(&path.to_string_lossy())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_out() {
        assert_eq!(span(Duration::days(3)), "3 days");
        assert_eq!(span(Duration::hours(-47)), "47 hours");
        assert_eq!(span(Duration::minutes(61)), "1 hour");
        assert_eq!(span(Duration::seconds(119)), "1 minute");
        assert_eq!(span(Duration::ZERO), "0 minutes");
    }
}

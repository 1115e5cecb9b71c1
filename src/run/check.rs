//! `check`: reads, judges, tells.  Nothing is asked and nothing needs a key.

use std::path::PathBuf;
use std::time::Duration;

use time::OffsetDateTime;

use super::install::prefix;
use super::{Effect, Outcome, Session};
use crate::cli::{self, Form, Request, Talk};
use crate::error::Error;
use crate::host::machine::Prefix;
use crate::host::{self, daemon};
use crate::pki::Purpose;
use crate::plan::check::installed::{installed, unjudged_keys};
use crate::plan::check::{self, Checked, Known, Severity};
use crate::plan::install::DaemonMode;
use crate::plan::layout;
use crate::plan::ledger::Entry;
use crate::plan::remembered::Remembered;
use crate::plan::trust::Trust;
use crate::report;

/// How long a daemon may take to show its certificate, at each address.
const LIMIT: Duration = Duration::from_secs(5);

/// Checks.  A failure is a report too: whoever reads standard output alone, as Nagios does, or the
/// file alone, as Prometheus does, is told of it there.
pub(super) fn run(request: &Request, wish: &cli::Check, say: &dyn Fn(&str)) -> Outcome {
    let checked = Session::new(request, say).and_then(|session| session.check(wish));
    let mut told = match checked {
        Ok(told) => told,
        Err(error) => not_checked(request, wish, &error),
    };
    let Some(path) = &wish.write else {
        return told.outcome;
    };
    match host::write_report(path, told.outcome.data.as_bytes()) {
        Ok(()) => {
            told.outcome.data = told.summary;
            told.outcome.effect = Effect::Changed;
        }
        Err(error) => {
            let error = Error::from(error);
            told.outcome.data = report::check_failed(&error.to_string());
            told.outcome.talk.push_str(&failure(request, &error));
            told.outcome.code = Severity::Unknown.exit_code();
        }
    }
    told.outcome
}

/// What is told where nothing could be checked.
fn not_checked(request: &Request, wish: &cli::Check, error: &Error) -> Told {
    let home = request.home.clone().map_or_else(host::default_home, Ok);
    // Who has no home has nothing that could be named.
    let home = home.and_then(|home| host::absolute(&home));
    let home = home.unwrap_or_default();
    let words = report::Words {
        home: &home,
        program: &super::program(request),
        prefix: None,
        control: None,
        now: host::clock(),
    };
    let summary = report::check_failed(&error.to_string());
    let label = home.display().to_string();
    let all = [check::home::unread(
        Purpose::Ca,
        label,
        &home,
        &error.to_string(),
    )];
    let data = match wish.form {
        Form::Text => summary.clone(),
        Form::Json => report::check_json(&words, &all, &summary),
        Form::Prometheus => report::check_prometheus(&words, &all),
    };
    Told {
        summary,
        outcome: Outcome {
            data,
            talk: failure(request, error),
            code: Severity::Unknown.exit_code(),
            effect: Effect::None,
        },
    }
}

/// An error, which is told also to who asked for silence.
fn failure(request: &Request, error: &Error) -> String {
    let (_, stderr) = super::styles(request.color);
    let hint = error.hint(&super::program(request));
    report::error(stderr, &error.to_string(), hint.as_deref())
}

/// What is told, before any of it goes into a file.
struct Told {
    summary: String,
    outcome: Outcome,
}

/// What the home holds, judged.
#[derive(Default)]
struct Judged {
    rows: Vec<Checked>,
    ledger: Vec<Entry>,
    remembered: Remembered,
    trust: Option<Trust>,
    /// What is too long for a table.
    notes: Vec<String>,
}

impl Session<'_> {
    fn check(&self, wish: &cli::Check) -> Result<Told, Error> {
        let now = host::clock();
        let thresholds = &wish.thresholds;
        let home = self.reading(|| self.judged_home(wish, now));
        let has_no_home = matches!(home, Err(Error::Plan(crate::plan::Error::NoCa { .. })));
        // Nobody named a home, and there is none: it is a laptop, or a host of a CA elsewhere.
        let is_machine_alone = has_no_home && !self.home_is_named() && wish.installed.is_none();
        let machine = match is_machine_alone {
            true => Some(PathBuf::from("/")),
            false => wish.installed.clone(),
        };
        let Judged {
            rows,
            ledger,
            remembered,
            trust,
            notes,
        } = match (home, &machine) {
            (Ok(home), _) => home,
            (Err(_), Some(_)) if has_no_home => Judged::default(),
            (Err(Error::Host(error)), Some(_)) => Judged {
                rows: vec![check::home::unread(
                    Purpose::Ca,
                    self.home.display().to_string(),
                    &self.home,
                    &error.cause(),
                )],
                ..Judged::default()
            },
            (Err(error), _) => return Err(error),
        };
        let mut all = rows;
        let notes = notes.iter().map(|words| report::note(self.stderr, words));
        let mut talk = notes.collect::<String>();
        let mut mode = DaemonMode::Rootful;
        let root = machine.as_deref().map(prefix).transpose()?;
        if let Some(root) = &root {
            let found = host::installed(root, LIMIT);
            let known = Known {
                rows: &all,
                ledger: &ledger,
                trust: trust.as_ref(),
            };
            let rows = installed(&found, known, remembered.revoked(), thresholds, now);
            let notes = unjudged_keys(&found).map(|path| report::unjudged_key(self.stderr, path));
            talk.extend(notes);
            all.extend(rows);
            mode = found.mode;
        }
        if is_machine_alone && all.is_empty() {
            let home = self.home.clone();
            return Err(crate::plan::Error::NothingToCheck { home }.into());
        }
        check::sort(&mut all);
        let control = daemon::default_control(mode, PathBuf::new);
        let words = report::Words {
            home: &self.home,
            program: &self.program,
            prefix: root.as_ref().filter(|it| !it.is_root()).map(Prefix::path),
            control: control.as_ref(),
            now,
        };
        let summary = report::check_summary(&words, &all);
        let report = match (wish.form, self.request.talk) {
            (Form::Text, Talk::Quiet) => summary.clone(),
            (Form::Text, _) => summary.clone() + &report::check_table(self.stdout, &words, &all),
            (Form::Json, _) => report::check_json(&words, &all, &summary),
            (Form::Prometheus, _) => report::check_prometheus(&words, &all),
        };
        Ok(Told {
            summary,
            outcome: Outcome {
                code: check::worst(&all).exit_code(),
                ..self.outcome(report, talk)
            },
        })
    }

    /// Whether somebody said where the home is.
    fn home_is_named(&self) -> bool {
        self.request.home.is_some() || host::names_home()
    }

    fn judged_home(&self, wish: &cli::Check, now: OffsetDateTime) -> Result<Judged, Error> {
        let thresholds = &wish.thresholds;
        let state = host::home_state(&self.home)?;
        if let Err(error @ crate::plan::Error::NoCa { .. }) = state.ca() {
            // Nothing to judge is not the same as nothing due.
            return Err(error.into());
        }
        let file = &state.ca_certificate;
        let key = host::key_state(&self.home.join(layout::CA_KEY));
        let mut rows = check::home::authorities(&self.home, file, &key, thresholds, now);
        let mut notes = Vec::new();
        let ledger = state.ledger().unwrap_or_else(|error| {
            let path = self.home.join(layout::LEDGER);
            let label = layout::LEDGER.to_owned();
            let cause = match &error {
                crate::plan::Error::LedgerLine { line, .. } => {
                    notes.push(error.to_string());
                    format!("line {line} is no entry")
                }
                error => error.to_string(),
            };
            rows.push(check::home::unread(Purpose::Ca, label, &path, &cause));
            Vec::new()
        });
        let remembered = Remembered::of(&ledger);
        let trust = state.trust().ok();
        let known = Known {
            rows: &[],
            ledger: &ledger,
            trust: trust.as_ref(),
        };
        let home = &self.home;
        rows.extend(host::map_pairs(home, self.reading_bar(), |pair| {
            check::home::pair(home, &pair, known, &remembered, thresholds, now)
        })?);
        Ok(Judged {
            rows,
            ledger,
            remembered,
            trust,
            notes,
        })
    }
}

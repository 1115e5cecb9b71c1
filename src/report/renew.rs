//! Tells what was renewed, what will be, and what to type next.

use std::path::Path;

use serde::Serialize;

use super::issued::cut_warnings;
use super::stale::{StaleHandOut, stale_next};
use super::table::{Cell, table};
use super::{
    JSON_VERSION, Style, count, day, error, hint, json, printable, shell_word, shown, warning,
};
use crate::plan::hand_outs::HandOut;
use crate::plan::issue::{Cut, PlannedPair};
use crate::plan::layout::{self, PairKind};
use crate::plan::ledger::rfc3339;
use crate::plan::renew::{Decision, Later, Renewal, Renewed, Scope};

/// What became of the command that was to run after the renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// There was none.
    None,
    /// It ended well.
    Done,
    /// It did not.
    Failed,
}

/// What else is told of a renewal in JSON.
#[derive(Debug)]
pub struct RenewedTold<'a> {
    /// What became of the hook.
    pub hook: Hook,
    /// What the operator should mind.
    pub warnings: &'a [String],
    /// What is out and behind.
    pub stale: Vec<StaleHandOut<'a>>,
}

/// What was renewed: old end, new end, new serial.
pub fn renewed(style: Style, home: &Path, renewal: &Renewal) -> String {
    let rows = renewal.pairs.iter().map(|renewed| {
        let Renewed {
            pair,
            replaces: _,
            old_not_after,
        } = renewed;
        let row: [Cell; 5] = [
            pair.kind.as_str().into(),
            pair.name.as_str().into(),
            day(*old_not_after).into(),
            day(pair.validity.not_after).into(),
            pair.serial.to_string().into(),
        ];
        row
    });
    let head = ["KIND", "NAME", "OLD-UNTIL", "UNTIL", "SERIAL"];
    let (old, each) = match renewal.pairs.as_slice() {
        [only] => (
            "The old one is",
            shown(&home.join(layout::archived(&only.replaces))),
        ),
        _ => (
            "The old ones are, each under its serial,",
            shown(&home.join(layout::ARCHIVE)),
        ),
    };
    format!(
        "Renewed {} in {}\n\n{}\n{old} in {each}\n",
        count(renewal.pairs.len(), "certificate"),
        shown(home),
        table(style, head, &rows.collect::<Vec<_>>()),
    )
}

/// That nothing is due, and when the next one is.
pub fn nothing_due(scope: &Scope, decision: &Decision) -> String {
    let words = |later: &Later| {
        format!(
            "{} `{}` from {} on, it ends on {}",
            later.kind.as_str(),
            later.name,
            day(later.due),
            day(later.not_after)
        )
    };
    let later = &decision.later;
    match (scope, later.as_slice()) {
        // The warning beside it says why.
        (_, []) if !decision.end_with_ca.is_empty() => "Nothing was renewed\n".into(),
        (_, []) => "Nothing was renewed: nothing is due\n".into(),
        (Scope::All, [next, ..]) => {
            format!(
                "Nothing was renewed: nothing is due, next is {}\n",
                words(next)
            )
        }
        (Scope::Named(_), [only]) => {
            format!("Nothing was renewed: not due yet, {}\n", words(only))
        }
        (Scope::Named(_), several) => {
            let lines = several.iter().map(|later| format!("  {}\n", words(later)));
            format!(
                "Nothing was renewed: not due yet\n\n{}",
                lines.collect::<String>()
            )
        }
    }
}

/// That nothing is left on the old CA.
pub fn nothing_of_old_ca() -> String {
    "Nothing was issued: no certificate here is of the old CA\n".into()
}

/// The same as JSON; nothing was renewed if there is no `renewal`.
pub fn renewed_json(
    home: &Path,
    command: &'static str,
    renewal: Option<&Renewal>,
    next: Option<&Later>,
    told: RenewedTold<'_>,
) -> String {
    let RenewedTold {
        hook,
        warnings,
        stale,
    } = told;
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        command: &'static str,
        changed: bool,
        certificates: Vec<Certificate<'a>>,
        next: Option<Next<'a>>,
        deploy_hook: Option<&'static str>,
        warnings: &'a [String],
        stale: Vec<StaleHandOut<'a>>,
    }
    #[derive(Serialize)]
    struct Certificate<'a> {
        kind: &'a str,
        name: &'a str,
        sans: Vec<String>,
        serial: String,
        not_after: String,
        cut_to_ca: bool,
        replaces: String,
        old_not_after: String,
        archived: String,
    }
    #[derive(Serialize)]
    struct Next<'a> {
        kind: &'a str,
        name: &'a str,
        due: String,
        not_after: String,
    }
    let pairs = renewal.map_or(&[][..], |renewal| &renewal.pairs);
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command,
        changed: !pairs.is_empty(),
        certificates: pairs
            .iter()
            .map(
                |Renewed {
                     pair,
                     replaces,
                     old_not_after,
                 }| Certificate {
                    kind: pair.kind.as_str(),
                    name: pair.name.as_str(),
                    sans: pair.sans.iter().map(ToString::to_string).collect(),
                    serial: pair.serial.to_string(),
                    not_after: rfc3339(pair.validity.not_after),
                    cut_to_ca: pair.cut == Cut::ToCa,
                    replaces: replaces.to_string(),
                    old_not_after: rfc3339(*old_not_after),
                    archived: layout::archived(replaces),
                },
            )
            .collect(),
        next: next.map(|next| Next {
            kind: next.kind.as_str(),
            name: next.name.as_str(),
            due: rfc3339(next.due),
            not_after: rfc3339(next.not_after),
        }),
        deploy_hook: match hook {
            Hook::None => None,
            Hook::Done => Some("done"),
            Hook::Failed => Some("failed"),
        },
        warnings,
        stale,
    })
}

/// A report of one line of JSON, with the reports of what was installed after it.
pub fn with_installed(report: &str, installed: &[String]) -> String {
    let report = report.trim_end();
    let open = report.strip_suffix('}').unwrap_or(report);
    let installed = installed.iter().map(|one| one.trim_end());
    let installed = Vec::from_iter(installed).join(",");
    format!("{open},\"installed\":[{installed}]}}\n")
}

/// What the operator should mind: what cannot be renewed, or ends with the CA.
pub fn renewed_talk(
    style: Style,
    program: &str,
    decision: &Decision,
    renewal: Option<&Renewal>,
) -> String {
    let mut text = String::new();
    for problem in &decision.problems {
        text.push_str(&warning(style, &format!("not renewed: {problem}")));
    }
    if !decision.problems.is_empty() {
        text.push_str(&hint(
            style,
            &format!("see what mends it: {program} verify"),
        ));
    }
    for later in &decision.end_with_ca {
        let words = format!(
            "{} `{}` ends with the CA on {}, and so would a new one: it was not renewed",
            later.kind.as_str(),
            later.name,
            day(later.not_after)
        );
        text.push_str(&warning(style, &words));
    }
    if !decision.end_with_ca.is_empty() {
        let words = format!("make the next CA: {program} ca roll start");
        text.push_str(&hint(style, &words));
    }
    if let Some(renewal) = renewal {
        let pairs = renewal.pairs.iter().map(|renewed| &renewed.pair);
        text.push_str(&cut_warnings(style, pairs));
    }
    text
}

/// How many names or directories are shown; who renewed more knows where they are.
const SHOWN: usize = 4;

/// What to type next, so that the new certificates are used where they are not `here` already.
pub fn renewed_next(
    program: &str,
    home: &Path,
    renewal: &Renewal,
    here: &[(PairKind, String)],
    stale: &[HandOut<'_>],
) -> String {
    let is_here = |pair: &PlannedPair| {
        let mut here = here.iter();
        here.any(|(kind, name)| *kind == pair.kind && name == pair.name.as_str())
    };
    let of_kind = |kind| {
        let pairs = renewal.pairs.iter().map(|renewed| &renewed.pair);
        Vec::from_iter(pairs.filter(move |pair| pair.kind == kind && !is_here(pair)))
    };
    let more = |all: usize| match all.checked_sub(SHOWN) {
        Some(more @ 1..) => format!("  … and {more} more\n"),
        _ => String::new(),
    };
    let mut text = String::new();
    let servers = of_kind(PairKind::Server);
    if !servers.is_empty() {
        text.push_str(
            "\nNext, on the daemon's host: a daemon serves the old certificate until it is \
             installed again:\n\n",
        );
        for server in servers.iter().take(SHOWN) {
            text.push_str(&format!("  {program} install server {}\n", server.name));
        }
        text.push_str(&more(servers.len()));
    }
    let stale = stale
        .iter()
        .filter(|out| out.kind() == Some(PairKind::Client));
    let stale = Vec::from_iter(stale);
    text.push_str(&stale_next(program, &stale));
    let is_told = |pair: &&PlannedPair| {
        let mut stale = stale.iter();
        stale.any(|out| out.entry.name == pair.name.as_str())
    };
    let mut clients = of_kind(PairKind::Client);
    clients.retain(|pair| !is_told(pair));
    if !clients.is_empty() {
        text.push_str(
            "\nHand each client its new files; the old certificate works until its end:\n\n",
        );
        for client in clients.iter().take(SHOWN) {
            let directory = home.join(client.kind.pair(client.name.as_str()));
            text.push_str(&format!("  {}\n", shell_word(&directory.to_string_lossy())));
        }
        text.push_str(&more(clients.len()));
    }
    text
}

/// That everything is renewed and the command after it failed.
pub fn hook_failed(style: Style, cause: &str, hook: &str, variable: &str, names: &str) -> String {
    const SHORT: usize = 200;
    let words = format!("the certificates are renewed, but the deploy hook failed: {cause}");
    let again = format!(
        "mend it, then run it: {variable}={} sh -c {}",
        shell_word(names),
        shell_word(&printable(hook))
    );
    error(
        style,
        &words,
        (again.len() <= SHORT).then_some(again.as_str()),
    )
}

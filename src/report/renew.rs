//! Tells what was renewed, what will be, and what to type next.

use std::path::Path;

use super::issued::cut_warnings;
use super::stale::stale_next;
use super::table::{Cell, table};
use super::{Style, count, day, error, hint, printable, shell_word, shown, warning};
use crate::plan::hand_outs::HandOut;
use crate::plan::issue::PlannedPair;
use crate::plan::layout::{self, PairKind};
use crate::plan::renew::{Decision, Later, Renewal, Renewed, Scope};

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

//! Tells what was renewed, what will be, and what to type next.

use std::path::Path;

use serde::Serialize;

use super::issued::{cut_warnings, cut_words};
use super::stale::{StaleHandOut, stale_next};
use super::table::{Cell, table};
use super::{
    JSON_VERSION, Style, count, day, error, hint, json, printable, shell_word, shown, warning,
};
use crate::plan::Error;
use crate::plan::hand_outs::HandOut;
use crate::plan::issue::{Cut, PlannedPair};
use crate::plan::layout::{self, PairKind};
use crate::plan::ledger::{KeyPlace, rfc3339};
use crate::plan::renew::{Decision, Keys, Later, Renewal, Renewed, Scope, Wish};

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
        #[serde(skip_serializing_if = "KeyPlace::is_home")]
        key: KeyPlace,
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
                    key: pair.key,
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

/// That what was asked for otherwise than it is, by name, is not due and stays as it is; nothing if
/// nothing was.  `install` is what stands for `/` where it is to be brought.
pub fn kept_until_due(later: &[Later], wish: &Wish, install: Option<&Path>) -> Vec<Kept> {
    let Wish {
        scope: Scope::Named(_),
        keys,
        valid_for,
        ..
    } = wish
    else {
        return Vec::new();
    };
    let mut flags = String::new();
    if let Keys::Fresh(Some(key_type)) = keys {
        flags.push_str(&format!(" --key-type {key_type}"));
    }
    if let Some(life) = valid_for {
        flags.push_str(&format!(" --valid-for {life}"));
    }
    if flags.is_empty() {
        return Vec::new();
    }
    let install = install.map_or_else(String::new, |prefix| match prefix.parent() {
        None => " --install".into(),
        Some(_) => {
            let prefix = shell_word(&prefix.to_string_lossy());
            format!(" --install --prefix {prefix}")
        }
    });
    let kept = later.iter().map(|later| Kept {
        words: format!(
            "{} `{}` keeps what it has, for it is not due:{flags} was not applied",
            later.kind.as_str(),
            later.name
        ),
        command: format!(
            "renew {} --force{flags}{install}",
            shell_word(&later.kind.pair(later.name.as_str()))
        ),
    });
    kept.collect()
}

/// What stays as it is, though it was asked for otherwise.
#[derive(Debug)]
pub struct Kept {
    /// In words.
    pub words: String,
    command: String,
}

/// The same as warnings, with what has it now.
pub fn kept_warnings(style: Style, program: &str, kept: &[Kept]) -> String {
    let each = kept.iter().map(|Kept { words, command }| {
        warning(style, words) + &hint(style, &format!("to have it now: {program} {command}"))
    });
    each.collect()
}

/// What could not be renewed, an error each.
pub fn not_renewed(style: Style, program: &str, problems: &[Error]) -> String {
    let errors = problems.iter().map(not_renewed_words);
    let text = errors.map(|words| error(style, &words, None));
    let text = text.collect::<String>();
    match text.is_empty() {
        true => text,
        false => text + &hint(style, &format!("see what mends it: {program} verify")),
    }
}

fn not_renewed_words(problem: &Error) -> String {
    format!("not renewed: {problem}")
}

fn end_with_ca_words(decision: &Decision) -> impl Iterator<Item = String> {
    decision.end_with_ca.iter().map(|later| {
        format!(
            "{} `{}` ends with the CA on {}, and so would a new one: it was not renewed",
            later.kind.as_str(),
            later.name,
            day(later.not_after)
        )
    })
}

/// All that [`renewed_talk`] and [`not_renewed`] say, as JSON has it.
pub fn renewed_warnings(decision: &Decision, renewal: Option<&Renewal>) -> Vec<String> {
    let pairs = renewal.into_iter().flat_map(|renewal| &renewal.pairs);
    let problems = decision.problems.iter().map(not_renewed_words);
    let ends = end_with_ca_words(decision);
    let cut = cut_words(pairs.map(|renewed| &renewed.pair));
    problems.chain(ends).chain(cut).collect()
}

/// What the operator should mind: what ends with the CA, or before it was to.
pub fn renewed_talk(
    style: Style,
    program: &str,
    decision: &Decision,
    renewal: Option<&Renewal>,
) -> String {
    let mut text = String::new();
    for words in end_with_ca_words(decision) {
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
    let clients = of_kind(PairKind::Client).into_iter();
    let (mut clients, elsewhere): (Vec<_>, Vec<_>) = clients.partition(|it| it.key.is_home());
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
    if !elsewhere.is_empty() {
        text.push_str(
            "\nSend each client that has its own key a reply, for `dockpki client accept`; the old \
             certificate works until its end:\n\n",
        );
        for client in elsewhere.iter().take(SHOWN) {
            let name = &client.name;
            text.push_str(&format!(
                "  {program} client export {name} --as reply -o {name}.reply.pem\n"
            ));
        }
        text.push_str(&more(elsewhere.len()));
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

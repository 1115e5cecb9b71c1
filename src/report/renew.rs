//! Tells what was renewed, what will be, and what to type next.

use std::path::Path;

use super::free_names::FreeNames;
use super::issued::{cut_warnings, cut_words};
use super::stale::{Old, stale_next};
use super::table::{Cell, table};
use super::{Style, count, end, error, hint, printable, shell_word, shown, until, warning};
use crate::plan::Error;
use crate::plan::bundle::Form;
use crate::plan::hand_outs::HandOut;
use crate::plan::issue::PlannedPair;
use crate::plan::layout::{self, PairKind};
use crate::plan::renew::{Decision, Keys, Later, Renewal, Renewed, Scope, Wish};

/// What was renewed: old end, new end, new serial.
pub fn renewed(style: Style, home: &Path, renewal: &Renewal) -> String {
    let rows = renewal.pairs.iter().map(|renewed| {
        let Renewed {
            pair,
            replaces: _,
            old_not_after,
            old_issued_by: _,
        } = renewed;
        let row: [Cell; 5] = [
            pair.kind.as_str().into(),
            pair.name.as_str().into(),
            until(*old_not_after, *old_not_after - pair.validity.not_before).into(),
            end(pair.validity).into(),
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
            until(later.due, later.left),
            until(later.not_after, later.left)
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
            until(later.not_after, later.left)
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
    names: &mut FreeNames<'_>,
) -> String {
    let is_here = |pair: &PlannedPair| {
        let mut here = here.iter();
        here.any(|(kind, name)| *kind == pair.kind && name == pair.name.as_str())
    };
    let of_kind = |kind| {
        let pairs = renewal.pairs.iter();
        Vec::from_iter(pairs.filter(move |it| it.pair.kind == kind && !is_here(&it.pair)))
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
            let name = &server.pair.name;
            text.push_str(&format!("  {program} install server {name}\n"));
        }
        text.push_str(&more(servers.len()));
    }
    let stale = stale
        .iter()
        .filter(|out| out.kind() == Some(PairKind::Client));
    let stale = Vec::from_iter(stale);
    let is_told = |renewed: &&Renewed| {
        let mut stale = stale.iter();
        stale.any(|out| out.entry.name == renewed.pair.name.as_str())
    };
    let clients = of_kind(PairKind::Client).into_iter();
    let (told, clients): (Vec<_>, Vec<_>) = clients.partition(is_told);
    text.push_str(&stale_next(program, &stale, Old::of(told), names));
    let clients = clients.into_iter();
    let (clients, elsewhere): (Vec<_>, Vec<_>) = clients.partition(|it| it.pair.key.is_home());
    if !clients.is_empty() {
        text.push_str(&format!(
            "\nHand each client its new files; the old certificate {}:\n\n",
            Old::of(clients.iter().copied()).words()
        ));
        for client in clients.iter().take(SHOWN) {
            let directory = home.join(client.pair.kind.pair(client.pair.name.as_str()));
            text.push_str(&format!("  {}\n", shell_word(&directory.to_string_lossy())));
        }
        text.push_str(&more(clients.len()));
    }
    if !elsewhere.is_empty() {
        text.push_str(&format!(
            "\nSend each client that has its own key a reply, for `dockpki client accept`; the old \
             certificate {}:\n\n",
            Old::of(elsewhere.iter().copied()).words()
        ));
        for client in elsewhere.iter().take(SHOWN) {
            let name = &client.pair.name;
            let file = names.free(&Form::Reply.file_name(name.as_str()));
            text.push_str(&format!(
                "  {program} client export {name} --as reply -o {file}\n"
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

//! Warns of certificates of the new CA of a rollover that somebody may not believe.

use std::path::Path;

use super::{Style, hint, printable, shell_word, warning};
use crate::plan::layout::PairKind;
use crate::plan::rollover::Apart;

/// How many names are shown.
const NAMED: usize = 8;

fn names(kind: PairKind, all: &[String]) -> String {
    let named = all
        .iter()
        .take(NAMED)
        .map(|name| format!("{} `{}`", kind.as_str(), printable(name)));
    let text = Vec::from_iter(named).join(", ");
    match all.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!("{text} and {more} more"),
        _ => text,
    }
}

/// Who may not get through to whom, in words.
pub fn apart_words(apart: &Apart) -> String {
    let moved = names(apart.kind, &apart.moved);
    let (unsure, effect) = match (apart.kind, apart.moved.len()) {
        (PairKind::Server, 1) => (
            PairKind::Client,
            format!("not to believe {moved} once it is installed"),
        ),
        (PairKind::Server, _) => (
            PairKind::Client,
            format!("not to believe {moved} once they are installed"),
        ),
        (PairKind::Client, 1) => (
            PairKind::Server,
            format!("not to let {moved} in once it has its new certificate"),
        ),
        (PairKind::Client, _) => (
            PairKind::Server,
            format!("not to let {moved} in once they have their new certificates"),
        ),
    };
    let unsure = names(unsure, &apart.unsure);
    format!("{unsure}: not known to trust both CAs, so {effect}")
}

/// The same as warnings, with what to do; nothing if there is none.
pub fn apart_warnings(style: Style, program: &str, words: &[String]) -> String {
    if words.is_empty() {
        return String::new();
    }
    let warnings = words.iter().map(|words| warning(style, words));
    let what = format!("hand them out first; see who has what: {program} ca roll status");
    warnings.collect::<String>() + &hint(style, &what)
}

/// That a server keeps its certificate of the old CA, and for whom, in words.
pub fn held_back_words((server, directory): (&str, &Path), clients: &[String]) -> String {
    format!(
        "server `{server}` in `{}` keeps its certificate of the old CA: known not to trust both CAs, \
         so not to believe the new one: {}",
        directory.display(),
        names(PairKind::Client, clients)
    )
}

/// The same as a warning, with how it is overruled.
pub fn held_back(
    style: Style,
    program: &str,
    (server, prefix): (&str, Option<&Path>),
    words: &str,
) -> String {
    let prefix = prefix.map(|prefix| shell_word(&prefix.to_string_lossy()));
    let prefix = prefix.map_or_else(String::new, |prefix| format!(" --prefix {prefix}"));
    let what = format!(
        "hand them out first: {program} ca roll status; or have it now: {program} install server {}{prefix}",
        shell_word(server)
    );
    warning(style, words) + &hint(style, &what)
}

//! Every word a person reads.
//!
//! Functions here return text and print nothing.  Data goes to standard output, talk to standard
//! error; [`crate::run`] says which is which by where it puts the text.

mod apart;
mod bulk;
mod ca;
mod check;
mod client;
mod clients;
mod enroll;
mod env;
mod export;
mod free_names;
mod installed;
mod issued;
mod list;
mod machine;
mod plan;
mod prometheus;
mod refresh;
mod renew;
mod renew_json;
mod roll_status;
mod rollover;
mod stale;
mod table;
mod timer;
mod verify;

use std::path::Path;

use time::{Duration, OffsetDateTime};

pub use apart::{apart_warnings, apart_words, held_back, held_back_words};
pub use bulk::{bulk, bulk_json, bulk_planned, bulk_warnings};
pub use ca::{CaKey, ca, ca_json};
pub use check::{Words, check_failed, check_json, check_summary, check_table, unjudged_key};
pub use client::{
    after_client, brought_clients, callers_client, client_is_installed, client_json,
    client_notices, clients_json, installed_client,
};
pub use clients::{clients, list_clients_json, removed, removed_json, still_out};
pub use enroll::{
    ACCEPT_QUESTION, KeyFrom, Requested, SIGN_QUESTION, cut_signing, reply_to_accept, request_next,
    request_planned, request_planned_json, request_to_sign, requested, requested_json, signed,
    signed_json, signed_next,
};
pub use env::env;
pub use export::{Exported, after_export, export_json, export_planned, exported, left_beside};
pub use free_names::FreeNames;
pub use installed::{
    Restarted, after_server, installed_server, nothing_to_install, take_back_json,
    take_back_notices, taken_back,
};
pub use issued::{
    already, already_json, issued, issued_json, next_steps, unmet, unmet_warnings, warnings,
};
pub use list::{keys_elsewhere, list, list_json};
pub use machine::{machine_json, machine_plan, notices};
pub use plan::{
    change_lines, passphrase_changed, passphrase_changed_json, planned, planned_json,
    planned_with_old_keys,
};
pub use prometheus::check_prometheus;
pub use refresh::{Refreshed, left_copies, nothing_to_refresh, place_of, unknown_copies};
pub use renew::{
    hook_failed, kept_until_due, kept_warnings, not_renewed, nothing_due, nothing_of_old_ca,
    renewed, renewed_next, renewed_talk, renewed_warnings,
};
pub use renew_json::{Hook, RenewedTold, renewed_json, with_installed};
pub use roll_status::{roll_next, roll_status, roll_status_json, taken_away};
pub use rollover::{Finished, phase_json, roll_finished, roll_started, roll_undone, stray};
pub use stale::stale_json;
pub use timer::{timer_by_cron, timer_cron_json, timer_installed, timer_notices};
pub use verify::{
    aside_words, fixed, note_words, verify, verify_installed, verify_installed_json, verify_json,
};

use crate::pki::Validity;
pub(crate) use crate::pki::printable;
use crate::plan::ledger::rfc3339;
use crate::plan::state::{Outcome, Recovery};

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// It is not.
    Plain,
    /// It is, with ANSI escapes.
    Colored,
}

/// The colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    Red,
    Yellow,
    Green,
    Cyan,
}

impl Style {
    pub(crate) fn paint(self, color: Color, text: &str) -> String {
        let code = match color {
            Color::Red => "31",
            Color::Yellow => "33",
            Color::Green => "32",
            Color::Cyan => "36",
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Colored => format!("\x1b[1;{code}m{text}\x1b[0m"),
        }
    }
}

/// An error and its hint, one line each.
pub fn error(style: Style, error: &str, hint: Option<&str>) -> String {
    let mut text = format!(
        "{} {}\n",
        style.paint(Color::Red, "error:"),
        printable(error)
    );
    if let Some(hint) = hint {
        text.push_str(&self::hint(style, hint));
    }
    text
}

/// A warning, one line.
pub fn warning(style: Style, text: &str) -> String {
    format!(
        "{} {}\n",
        style.paint(Color::Yellow, "warning:"),
        printable(text)
    )
}

/// A hint, one line.
pub fn hint(style: Style, text: &str) -> String {
    format!(
        "{} {}\n",
        style.paint(Color::Cyan, "hint:"),
        printable(text)
    )
}

/// A note, one line.
pub fn note(style: Style, text: &str) -> String {
    format!(
        "{} {}\n",
        style.paint(Color::Cyan, "note:"),
        printable(text)
    )
}

/// What was done about a killed command.
pub fn recovered(style: Style, recovery: &Recovery) -> String {
    let done = match recovery.outcome {
        Outcome::Finished => "was cut off near its end and is finished now",
        Outcome::Undone => "was cut off and is undone now",
    };
    let command = match &recovery.command {
        Some(command) => Recovery::quoted(command),
        None => "command".into(),
    };
    note(style, &format!("an earlier {command} {done}"))
}

/// That somebody else holds the lock.
pub fn waiting(style: Style, holder: &str) -> String {
    let holder = match holder.parse::<u32>() {
        Ok(process) => format!("another dockpki (process {process})"),
        Err(_) => "another dockpki".into(),
    };
    note(
        style,
        &format!("waiting for {holder} to finish with the home"),
    )
}

/// How the reader calls us: `dockpki`, with `--home` where they did.
pub fn program(home: Option<&Path>) -> String {
    match home {
        Some(home) => format!("dockpki --home {}", shell_word(&home.to_string_lossy())),
        None => "dockpki".into(),
    }
}

/// A word quoted for a POSIX shell, where it needs to be.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+@%:,=-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if printable(word) == word {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    // What could steer the terminal is written out, as bash, zsh and POSIX.1-2024 read it.
    let escaped = word.bytes().map(|byte| match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    });
    format!("$'{}'", escaped.collect::<String>())
}

/// What mends a file of which this line, from 1, cannot be read; sed keeps the file as it was beside it.
pub fn drop_line(path: &Path, line: usize) -> String {
    let path = shell_word(&path.to_string_lossy());
    format!("put it back from your backup, or drop the line: sed -i.$(date +%s) {line}d {path}")
}

/// A path, as [`printable`] text.
pub(crate) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// `1 file`, `2 files`.
pub(crate) fn count(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// The day, UTC: `2027-11-23`.
pub(crate) fn day(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}",
        at.year(),
        u8::from(at.month()),
        at.day()
    )
}

/// Where hours count: of an end that is nearer than this the second is told, not the day alone.
const NEAR: Duration = Duration::days(3);

/// The end of a life, by what is left of it: the day, or of one that is near the second too.
pub(crate) fn until(at: OffsetDateTime, left: Duration) -> String {
    match left.abs() < NEAR {
        true => rfc3339(at),
        false => day(at),
    }
}

/// The same of what is issued or handed out, all of which is left.
pub(crate) fn end(validity: Validity) -> String {
    until(validity.not_after, validity.duration())
}

/// The same of a time in RFC 3339, UTC, as the ledger has it.
pub(crate) fn until_text(at: &str, now: OffsetDateTime) -> &str {
    let is_near = (rfc3339(now - NEAR).as_str()..rfc3339(now + NEAR).as_str()).contains(&at);
    match is_near {
        true => at,
        false => day_of(at),
    }
}

/// The day of a time in RFC 3339.
pub(crate) fn day_of(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

/// A span in its largest unit: `364d`, `5h`, `12m`, and `2d ago` if it is negative.
pub(crate) fn left(span: Duration) -> String {
    let text = match span.abs() {
        span if span.whole_days() > 1 => format!("{}d", span.whole_days()),
        span if span.whole_hours() > 0 => format!("{}h", span.whole_hours()),
        span => format!("{}m", span.whole_minutes()),
    };
    match span.is_negative() {
        true => format!("{text} ago"),
        false => text,
    }
}

/// Names and addresses, comma-separated, cut after the fourth.
pub(crate) fn sans(sans: &[crate::pki::SubjectAltName]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<_> = sans.iter().take(SHOWN).map(ToString::to_string).collect();
    match sans.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// A value as one line of JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string(value).expect("reports are plain data, always JSON");
    text.push('\n');
    text
}

/// The version of the JSON reports, at the top of each.
pub(crate) const JSON_VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_survives_the_shell() {
        assert_eq!(shell_word("/var/lib/dockpki"), "/var/lib/dockpki");
        assert_eq!(shell_word("it's here"), r"'it'\''s here'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("*.example.com"), "'*.example.com'");
        assert_eq!(shell_word("x\x1b[2J'y"), r"$'x\033[2J\'y'");
    }

    #[test]
    fn an_end_that_is_near_is_told_to_the_second() {
        let begin = time::macros::datetime!(2026-11-25 08:30 UTC);
        let life = |hours: i64| Validity {
            not_before: begin,
            not_after: begin + Duration::hours(hours),
        };
        assert_eq!(end(life(8)), "2026-11-25T16:30:00Z");
        assert_eq!(end(life(72)), "2026-11-28");
        for (hours, day) in [(71, false), (73, true), (-71, false), (-73, true)] {
            let at = begin + Duration::hours(hours);
            let text = rfc3339(at);
            let told = until(at, at - begin);
            assert_eq!(told, until_text(&text, begin), "{hours} hours");
            assert_eq!(told.len() == 10, day, "{hours} hours: {told}");
        }
    }

    #[test]
    fn spans_read_well() {
        assert_eq!(left(Duration::days(365)), "365d");
        assert_eq!(left(Duration::hours(47)), "47h");
        assert_eq!(left(Duration::minutes(59)), "59m");
        assert_eq!(left(Duration::days(-3)), "3d ago");
    }
}

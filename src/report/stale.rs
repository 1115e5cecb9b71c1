//! Tells what was handed out and is behind now, each with the command that hands it out again.

use serde::Serialize;

use super::free_names::FreeNames;
use super::{printable, shell_word};
use crate::plan::bundle::Form;
use crate::plan::hand_outs::{HandOut, STANDARD_OUTPUT};
use crate::plan::layout::PairKind;
use crate::plan::ledger::Entry;
use crate::plan::renew::{IssuedBy, Renewed};

/// How many are shown; `list --clients` shows all.
const SHOWN: usize = 4;

/// Whether those who have an old certificate are believed until they have the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Old {
    /// Each of them.
    Works,
    /// None: what they have is of a CA that nobody trusts any more.
    LockedOut,
    /// Some.
    WorksInPart,
}

impl Old {
    /// How it stands with what these have taken the place of.
    pub(super) fn of<'a>(renewed: impl IntoIterator<Item = &'a Renewed>) -> Self {
        let works = |it: &Renewed| it.old_issued_by != IssuedBy::Other;
        let works = Vec::from_iter(renewed.into_iter().map(works));
        match (works.contains(&true), works.contains(&false)) {
            (_, false) => Self::Works,
            (false, true) => Self::LockedOut,
            (true, true) => Self::WorksInPart,
        }
    }

    /// What becomes of the old certificates, in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Works => "works until its end",
            Self::LockedOut => "works no more, its CA is trusted no more",
            Self::WorksInPart => {
                "works until its end, but not what is of a CA that is trusted no more"
            }
        }
    }
}

/// Something stale, in JSON.
#[derive(Debug, Serialize)]
pub struct StaleHandOut<'a> {
    kind: &'a str,
    name: &'a str,
    to: Option<&'a str>,
    form: Option<&'a str>,
    host: Option<&'a str>,
    context: Option<&'a str>,
    time: &'a str,
    command: String,
}

/// All of it, for JSON.
pub fn stale_json<'a>(
    program: &str,
    stale: &[HandOut<'a>],
    names: &mut FreeNames<'_>,
) -> Vec<StaleHandOut<'a>> {
    let told = stale.iter().map(|out| StaleHandOut {
        kind: &out.entry.kind,
        name: &out.entry.name,
        to: out.entry.to.as_deref(),
        form: out.entry.form.as_deref(),
        host: out.entry.host.as_deref(),
        context: out.entry.context.as_deref(),
        time: &out.entry.time,
        command: again(program, out, names),
    });
    told.collect()
}

/// The clients' first few, a line each; nothing if there is none.
pub(super) fn stale_next(
    program: &str,
    stale: &[&HandOut<'_>],
    old: Old,
    names: &mut FreeNames<'_>,
) -> String {
    if stale.is_empty() {
        return String::new();
    }
    let lines = stale.iter().take(SHOWN).map(|out| {
        let place = printable(&out.place());
        format!("  {}  # {place}\n", again(program, out, names))
    });
    let more = match stale.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("  … and {more} more: {program} list --clients\n"),
        _ => String::new(),
    };
    format!(
        "\nWhat is out {}. Next, hand out again what is stale now:\n\n{}{more}",
        old.words(),
        lines.collect::<String>()
    )
}

/// The command that hands it out again.
fn again(program: &str, out: &HandOut<'_>, names: &mut FreeNames<'_>) -> String {
    let entry = out.entry;
    let name = shell_word(&entry.name);
    let Some(form) = &entry.form else {
        return install_again(program, out, &name);
    };
    let mut command = format!("{program} client export {name} --as {}", shell_word(form));
    for (flag, value) in [("--host", &entry.host), ("--context", &entry.context)] {
        if let Some(value) = value {
            command.push_str(&format!(" {flag} {}", shell_word(value)));
        }
    }
    for recipient in &entry.encrypted_to {
        command.push_str(&format!(" --encrypt-to {}", shell_word(recipient)));
    }
    if let Some(file) = other_file(entry, form, names) {
        command.push_str(&format!(" -o {}", shell_word(&file)));
    }
    command
}

/// The file an export goes to, as the one before was called and where nothing is yet; nothing if it gets
/// that name by itself.
fn other_file(entry: &Entry, form: &str, names: &mut FreeNames<'_>) -> Option<String> {
    let to = directory_of(entry);
    if to.ends_with(STANDARD_OUTPUT) {
        return Some("-".into());
    }
    let mut forms = Form::ALL.into_iter();
    let form = forms.find(|known| known.as_str() == form)?;
    let default = match entry.encrypted_to.is_empty() {
        true => form.file_name(&entry.name),
        false => form.encrypted_file_name(&entry.name),
    };
    // That a request was signed is told without a path.
    let file = to.rsplit_once('/').map(|(_, file)| file);
    let file = file.filter(|it| !it.is_empty()).unwrap_or(&default);
    let free = names.free(file);
    (free != default).then_some(free)
}

/// A place without its machine.
fn directory_of(entry: &Entry) -> &str {
    let to = entry.to.as_deref().unwrap_or_default();
    to.rsplit_once(" on ")
        .map_or(to, |(directory, _)| directory)
}

fn install_again(program: &str, out: &HandOut<'_>, name: &str) -> String {
    let directory = directory_of(out.entry);
    match out.kind() {
        Some(PairKind::Client) => {
            // Which directory of docker's a context is in, its name tells.
            let context = out.entry.context.as_deref();
            let mut within = ["/contexts/tls/", r"\contexts\tls\"].into_iter();
            let found = within.find_map(|it| directory.split_once(it));
            let found = found.filter(|_| context.is_some());
            let config = found.map_or(directory, |(config, _)| config);
            let context = context.map(|name| format!(" --context {}", shell_word(name)));
            format!(
                "{program} install client {name} --docker-config {}{}",
                shell_word(config),
                context.unwrap_or_default()
            )
        }
        Some(PairKind::Server) | None => format!("{program} install server {name}"),
    }
}

//! Tells what came of a list of clients: counts, for there may be thousands.

use std::path::Path;

use serde::Serialize;

use super::{JSON_VERSION, Style, count, day, json, shown, warning};
use crate::pki::Name;
use crate::plan::roster::Tally;

/// How many names of a list are shown.
const NAMED: usize = 8;

/// What was issued.
pub fn bulk(home: &Path, tally: &Tally, directory: Option<&Path>) -> String {
    let home = shown(home);
    let Tally {
        issued,
        exported,
        already,
        ..
    } = *tally;
    let mut text = match (issued, already, exported) {
        (0, _, 0) => format!("Nothing was changed: {} {home}\n", there(already)),
        (0, ..) => String::new(),
        (_, 0, _) => format!("Issued {} in {home}\n", count(issued, "client")),
        (_, 1, _) => format!(
            "Issued {} in {home}; 1 was there already and left as it was\n",
            count(issued, "client")
        ),
        _ => format!(
            "Issued {} in {home}; {already} were there already and left as they were\n",
            count(issued, "client")
        ),
    };
    if let (Some(directory), 1..) = (directory, exported) {
        text.push_str(&format!(
            "Exported {} to {}, each readable by you alone\n",
            count(exported, "client"),
            shown(directory)
        ));
    }
    text
}

fn there(already: usize) -> String {
    match already {
        1 => "the client of the list is there already, in".into(),
        _ => format!("the {already} clients of the list are there already, in"),
    }
}

/// What would be issued; `kept` of those that are there would be handed out.
pub fn bulk_planned(
    home: &Path,
    tally: &Tally,
    planned: &[Name],
    kept: usize,
    directory: Option<&Path>,
) -> String {
    if planned.is_empty() && kept == 0 {
        return bulk(home, tally, directory);
    }
    let named = planned.iter().take(NAMED).map(Name::as_str);
    let named = Vec::from_iter(named).join(", ");
    let more = match planned.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!(" and {more} more"),
        _ => String::new(),
    };
    let already = match tally.already {
        0 => String::new(),
        1 => "; 1 is there already".into(),
        already => format!("; {already} are there already"),
    };
    let out = match directory {
        Some(directory) => format!(
            "It would export {} to {}\n",
            count(planned.len() + kept, "client"),
            shown(directory)
        ),
        None => String::new(),
    };
    let named = match planned.is_empty() {
        true => String::new(),
        false => format!("\n{named}{more}\n"),
    };
    format!(
        "dockpki client issue would issue {} in {}{already}\n{out}Nothing was changed.\n{named}",
        count(planned.len(), "client"),
        shown(home),
    )
}

/// The same as JSON.
pub fn bulk_json(home: &Path, tally: &Tally, planned: &[Name], directory: Option<&Path>) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        command: &'static str,
        changed: bool,
        issued: usize,
        already: usize,
        exported: usize,
        export: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        planned: Vec<&'a str>,
        warnings: Vec<String>,
    }
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command: "client issue",
        changed: tally.issued + tally.exported > 0,
        issued: tally.issued,
        already: tally.already,
        exported: tally.exported,
        export: directory.map(|directory| directory.display().to_string()),
        planned: planned.iter().map(Name::as_str).collect(),
        warnings: cut(tally).into_iter().collect(),
    })
}

fn cut(tally: &Tally) -> Option<String> {
    let (cut, end) = tally.cut?;
    let (end, clients) = (day(end), count(cut, "client"));
    let verb = if cut == 1 { "ends" } else { "end" };
    Some(format!(
        "{clients} {verb} with the CA on {end}, earlier than asked for"
    ))
}

/// What the operator should mind.
pub fn bulk_warnings(style: Style, tally: &Tally) -> String {
    cut(tally).map_or_else(String::new, |words| warning(style, &words))
}

//! Shows what a home holds.

use std::path::Path;

use serde::Serialize;

use super::table::{Cell, table};
use super::{Color, JSON_VERSION, Style, json, left, note, printable, sans, until};
use crate::plan::ledger::{KeyPlace, rfc3339};
use crate::plan::list::{Row, Standing};

/// One line a certificate.
pub fn list(style: Style, rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        let color = match row.standing {
            Standing::Valid => Color::Green,
            Standing::Due | Standing::Leaving => Color::Yellow,
            _ => Color::Red,
        };
        let standing = Cell::colored(row.standing.as_str(), color);
        let name = printable(&row.name);
        let cells: [Cell; 7] = match &row.certificate {
            Some(certificate) => [
                row.purpose.as_str().into(),
                name.into(),
                standing,
                left(certificate.left).into(),
                until(certificate.not_after, certificate.left).into(),
                certificate.serial.to_string().into(),
                sans(&certificate.sans).into(),
            ],
            None => [
                row.purpose.as_str().into(),
                name.into(),
                standing,
                "-".into(),
                "-".into(),
                "-".into(),
                "".into(),
            ],
        };
        cells
    });
    let head = ["KIND", "NAME", "STATE", "LEFT", "UNTIL", "SERIAL", "SAN"];
    table(style, head, &rows.collect::<Vec<_>>())
}

/// Whose key is somewhere else, so that nobody looks for it here; nothing if it is nobody's.
pub fn keys_elsewhere(style: Style, rows: &[Row]) -> String {
    const NAMED: usize = 8;
    let elsewhere = rows.iter().filter(|row| !row.key.is_home());
    let names = Vec::from_iter(elsewhere.map(|row| format!("`{}`", row.name)));
    let named = names.iter().take(NAMED).map(String::as_str);
    let named = Vec::from_iter(named).join(", ");
    let more = match names.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!(" and {more} more"),
        _ => String::new(),
    };
    match names.len() {
        0 => String::new(),
        1 => note(
            style,
            &format!("the key of client {named} is on the machine it was made on"),
        ),
        _ => note(
            style,
            &format!("the keys of clients {named}{more} are on the machines they were made on"),
        ),
    }
}

/// The same as JSON.
pub fn list_json(home: &Path, rows: &[Row]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        certificates: Vec<Listed<'a>>,
    }
    #[derive(Serialize)]
    struct Listed<'a> {
        kind: &'a str,
        name: &'a str,
        sans: Vec<String>,
        serial: Option<String>,
        not_after: Option<String>,
        seconds_left: Option<i64>,
        state: &'a str,
        #[serde(skip_serializing_if = "KeyPlace::is_home")]
        key: KeyPlace,
    }
    let certificates = rows.iter().map(|row| {
        let certificate = row.certificate.as_ref();
        Listed {
            kind: row.purpose.as_str(),
            name: &row.name,
            sans: certificate
                .map(|certificate| certificate.sans.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            serial: certificate.map(|certificate| certificate.serial.to_string()),
            not_after: certificate.map(|certificate| rfc3339(certificate.not_after)),
            seconds_left: certificate.map(|certificate| certificate.left.whole_seconds()),
            state: row.standing.as_str(),
            key: row.key,
        }
    });
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        certificates: certificates.collect(),
    })
}

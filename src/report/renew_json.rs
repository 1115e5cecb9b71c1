//! A renewal as JSON.

use std::path::Path;

use serde::Serialize;

use super::stale::StaleHandOut;
use super::{JSON_VERSION, json};
use crate::plan::issue::Cut;
use crate::plan::layout;
use crate::plan::ledger::{KeyPlace, rfc3339};
use crate::plan::renew::{Later, Renewal, Renewed};

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
/// What was renewed; nothing was renewed if there is no `renewal`.
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
                     old_issued_by: _,
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

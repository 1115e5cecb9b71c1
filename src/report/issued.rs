//! Tells what was issued, what to mind about it, and what to type next.

use std::net::IpAddr;
use std::path::Path;

use serde::Serialize;

use super::plan::{Line, files_table, lines};
use super::table::{Cell, table};
use super::{JSON_VERSION, Style, count, day, end, hint, json, sans, shell_word, warning};
use crate::pki::{Certificate, SubjectAltName};
use crate::plan::issue::{Cut, Issuance, PlannedPair};
use crate::plan::layout::PairKind;

/// What was made: certificates with their ends, files with their modes.
pub fn issued(style: Style, home: &Path, issuance: &Issuance) -> String {
    let has_ca = issuance.plan.command == "init";
    let all = issuance.pairs.len() + usize::from(has_ca);
    let mut rows: Vec<[Cell; 4]> = Vec::with_capacity(all);
    if has_ca {
        rows.push(ca_row(&issuance.ca));
    }
    rows.extend(issuance.pairs.iter().map(pair_row));
    format!(
        "Made {} in {}\n\n{}\n{}",
        count(all, "certificate"),
        super::shown(home),
        table(style, ["KIND", "NAME", "UNTIL", "FOR"], &rows),
        files_table(style, &issuance.plan),
    )
}

fn ca_row(ca: &Certificate) -> [Cell; 4] {
    let names = match &ca.name_constraints {
        Some(constraints) => constraints.to_string(),
        None => "any name".into(),
    };
    [
        "ca".into(),
        ca.common_name.clone().unwrap_or_default().into(),
        day(ca.validity.not_after).into(),
        names.into(),
    ]
}

fn pair_row(pair: &PlannedPair) -> [Cell; 4] {
    let names = match pair.kind {
        PairKind::Server => sans(&pair.sans),
        PairKind::Client => "root on every host that trusts the CA".into(),
    };
    [
        pair.kind.as_str().into(),
        pair.name.as_str().into(),
        end(pair.validity).into(),
        names.into(),
    ]
}

/// The same as JSON, with what the operator should mind.
pub fn issued_json(home: &Path, issuance: &Issuance, warnings: &[String]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        command: &'a str,
        changed: bool,
        certificates: Vec<Issued<'a>>,
        files: Vec<Line>,
        warnings: &'a [String],
    }
    #[derive(Serialize)]
    struct Issued<'a> {
        kind: &'a str,
        name: &'a str,
        sans: Vec<String>,
        serial: String,
        not_after: String,
        cut_to_ca: bool,
    }
    let mut certificates = Vec::new();
    if issuance.plan.command == "init" {
        certificates.push(Issued {
            kind: "ca",
            name: issuance.ca.common_name.as_deref().unwrap_or_default(),
            sans: Vec::new(),
            serial: issuance.ca.serial.to_string(),
            not_after: crate::plan::ledger::rfc3339(issuance.ca.validity.not_after),
            cut_to_ca: false,
        });
    }
    certificates.extend(issuance.pairs.iter().map(|pair| Issued {
        kind: pair.kind.as_str(),
        name: pair.name.as_str(),
        sans: pair.sans.iter().map(ToString::to_string).collect(),
        serial: pair.serial.to_string(),
        not_after: crate::plan::ledger::rfc3339(pair.validity.not_after),
        cut_to_ca: pair.cut == Cut::ToCa,
    }));
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command: issuance.plan.command,
        changed: true,
        certificates,
        files: lines(&issuance.plan),
        warnings,
    })
}

/// What the operator should mind, in words: lives that were cut.
pub fn warnings(issuance: &Issuance) -> Vec<String> {
    cut_words(issuance.pairs.iter()).collect()
}

/// Whose life was cut to the CA's end.
pub(super) fn cut_warnings<'a>(
    style: Style,
    pairs: impl Iterator<Item = &'a PlannedPair>,
) -> String {
    cut_words(pairs)
        .map(|words| warning(style, &words))
        .collect()
}

/// The same in words.
pub(super) fn cut_words<'a>(
    pairs: impl Iterator<Item = &'a PlannedPair>,
) -> impl Iterator<Item = String> {
    let cut = pairs.filter(|pair| pair.cut == Cut::ToCa);
    cut.map(|pair| {
        format!(
            "{} `{}` ends with the CA on {}, earlier than asked for",
            pair.kind.as_str(),
            pair.name,
            end(pair.validity)
        )
    })
}

/// What to type next, so that a daemon serves with the server's certificate and answers the
/// client.
pub fn next_steps(program: &str, home: &Path, issuance: &Issuance) -> String {
    let of_kind = |kind| {
        issuance
            .pairs
            .iter()
            .find(move |pair: &&PlannedPair| pair.kind == kind)
    };
    let mut text = String::new();
    if let Some(server) = of_kind(PairKind::Server) {
        text.push_str(&format!(
            "\nNext, on the daemon's host, have it answer this CA's clients and nobody else over the network; \
             it shows what it will do and asks first:\n\n  {program} install server {}\n",
            server.name,
        ));
    }
    if let Some(client) = of_kind(PairKind::Client) {
        let host = match of_kind(PairKind::Server) {
            Some(server) => client_address(&server.sans),
            None => "HOST".into(),
        };
        let directory = home.join(client.kind.pair(client.name.as_str()));
        let says = match text.is_empty() {
            true => "Next, the client asks a daemon that serves under this CA:",
            false => "Then the client asks it:",
        };
        text.push_str(&format!(
            "\n{says}\n\n  DOCKER_HOST=tcp://{host}:2376 DOCKER_TLS_VERIFY=1 \\\n    \
             DOCKER_CERT_PATH={} docker version\n",
            shell_word(&directory.to_string_lossy()),
        ));
    }
    text
}

/// The first name a client can connect to, as a URL has it.
fn client_address(sans: &[SubjectAltName]) -> String {
    let usable = sans.iter().find_map(|san| match san {
        SubjectAltName::Dns(host) if host.starts_with("*.") => None,
        SubjectAltName::Ip(IpAddr::V6(address)) => Some(format!("[{address}]")),
        san => Some(san.to_string()),
    });
    usable.unwrap_or_else(|| "HOST".into())
}

/// That `init` found a CA and changed nothing.
pub fn already(home: &Path, ca: &Certificate, program: &str) -> String {
    format!(
        "Nothing was changed: {} has a CA already, {}, until {}\n\n\
         See what it holds:    {program} list\n\
         Another server:       {program} server issue NAME --san LIST\n\
         Another client:       {program} client issue NAME\n",
        super::shown(home),
        super::printable(ca.common_name.as_deref().unwrap_or_default()),
        day(ca.validity.not_after),
    )
}

const NOT_ENCRYPTED: &str = "the key of this CA is not encrypted";

/// What `init` was asked for and a CA that is there already does not have, in words.
pub fn unmet(encryption: bool, constraint: bool) -> Vec<String> {
    let constraint = constraint
        .then_some("this CA is not constrained to any names: that takes a new CA in a new home");
    let encryption = encryption.then_some(NOT_ENCRYPTED);
    let unmet = encryption.into_iter().chain(constraint);
    unmet.map(str::to_owned).collect()
}

/// The same as warnings.
pub fn unmet_warnings(style: Style, program: &str, unmet: &[String]) -> String {
    let mut text = String::new();
    for words in unmet {
        text.push_str(&warning(style, words));
        if words == NOT_ENCRYPTED {
            text.push_str(&hint(style, &format!("{program} ca passwd")));
        }
    }
    text
}

/// That `init` found a CA and changed nothing, as JSON.
pub fn already_json(home: &Path, warnings: &[String]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        command: &'static str,
        changed: bool,
        warnings: &'a [String],
    }
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command: "init",
        changed: false,
        warnings,
    })
}

//! Tells what was handed out, and what whoever gets it types.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::table::{Cell, table};
use super::{JSON_VERSION, Style, end, hint, json, shell_word, shown, warning};
use crate::plan::bundle::{Bundle, Form, Recipient, Written};
use crate::plan::context::ContextName;
use crate::plan::ledger::rfc3339;

/// A client as it is handed out.
#[derive(Debug)]
pub struct Exported<'a> {
    /// What is in it.
    pub bundle: &'a Bundle,
    /// What it becomes.
    pub form: Form,
    /// Where it goes; nothing for standard output.
    pub path: Option<&'a Path>,
    /// Whom it is encrypted to.
    pub recipients: &'a [Recipient],
}

impl Exported<'_> {
    /// `context for tcp://web-1:2376, encrypted`
    fn words(&self) -> String {
        let mut words = self.form.as_str().to_owned();
        if let Some(host) = &self.bundle.host {
            words.push_str(&format!(" for {host}"));
        }
        if !self.recipients.is_empty() {
            words.push_str(", encrypted");
        }
        words
    }
}

/// That it is handed out.
pub fn exported(exported: &Exported<'_>) -> String {
    let who = match (exported.form, exported.recipients.len()) {
        (Form::Reply, _) => "Nothing in it is secret: whoever has the key",
        (_, 1..) => "Whoever can open it",
        (_, 0) => "Whoever has it",
    };
    format!(
        "Exported client `{}` to {} ({})\n\
         {who} is root on every host that trusts the CA, until {}\n",
        exported.bundle.name,
        exported
            .path
            .map_or_else(|| "standard output".into(), shown),
        exported.words(),
        end(exported.bundle.certificate.validity)
    )
}

/// What whoever gets it types.
pub fn after_export(exported: &Exported<'_>, path: &Path) -> String {
    // Its name alone, for it is another machine on which that is typed.
    let file = path.file_name().unwrap_or_default();
    let mut file = file.to_string_lossy().into_owned();
    let mut commands = Vec::new();
    if !exported.recipients.is_empty() {
        let opened = file.strip_suffix(".age").unwrap_or("opened").to_owned();
        commands.push(format!(
            "age -d -i KEY -o {} {}",
            shell_word(&opened),
            shell_word(&file)
        ));
        file = opened;
    }
    let name = exported.bundle.name.as_str();
    let file = shell_word(&file);
    let cert_path = |directory: &str| {
        format!(
            "DOCKER_HOST=tcp://HOST:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$PWD/{directory} docker version"
        )
    };
    let head = match exported.form {
        Form::Dir => {
            commands.push(cert_path(&file));
            "Next, where it is copied to, with the daemon's name for HOST:"
        }
        Form::Tar | Form::Zip => {
            commands.push(match exported.form {
                Form::Zip => format!("unzip {file}"),
                _ => format!("tar -xzf {file}"),
            });
            commands.push(cert_path(name));
            "Next, where it is copied to, with the daemon's name for HOST:"
        }
        Form::Context => {
            let context = exported.bundle.context.as_ref();
            let context = context.map(ContextName::as_str).unwrap_or_default();
            commands.push(format!("docker context import {context} {file}"));
            commands.push(format!("docker --context {context} version"));
            "Next, where it is copied to, on Linux, macOS or Windows; it needs docker and nothing else:"
        }
        Form::Env => {
            commands.push("umask 077 && mkdir -p ~/.docker".into());
            for (variable, file) in [("CA", "ca"), ("CERT", "cert"), ("KEY", "key")] {
                commands.push(format!(
                    "echo \"$DOCKER_{variable}_PEM_BASE64\" | base64 -d >~/.docker/{file}.pem"
                ));
            }
            "Next, in a job that has its lines for secret variables:"
        }
        Form::Reply => {
            commands.push(format!("dockpki client refresh {file}"));
            "Next, where the key is; for the first time it is `client accept` there:"
        }
    };
    let lines = commands.iter().map(|command| format!("  {command}\n"));
    format!("\n{head}\n\n{}", lines.collect::<String>())
}

/// What a dry run shows.
pub fn export_planned(style: Style, exported: &Exported<'_>) -> String {
    let to = exported
        .path
        .map_or_else(|| "standard output".into(), shown);
    let words = format!("client `{}` ({})", exported.bundle.name, exported.words());
    let row = |path: String, mode: &str, holds: String| -> [Cell; 3] {
        [path.into(), mode.into(), holds.into()]
    };
    let mut rows = Vec::new();
    match exported.bundle.write(exported.form) {
        Ok(Written::Directory(members)) => {
            rows.push(row(format!("{to}/"), "0700", words));
            for member in members {
                let path = format!("{to}/{}", member.name);
                rows.push(row(path, &format!("{:04o}", member.mode), String::new()));
            }
        }
        Ok(Written::File(_)) | Err(_) => {
            let mode = match exported.path {
                Some(_) => "0600",
                None => "-",
            };
            rows.push(row(to, mode, words));
        }
    }
    let ledger = "ledger, 1 more line".into();
    rows.push(row(crate::plan::layout::LEDGER.into(), "0600", ledger));
    format!(
        "dockpki client export would hand out\nNothing was changed.\n\n{}",
        table(style, ["FILE", "MODE", "HOLDS"], &rows)
    )
}

/// The same as JSON, done or not.
pub fn export_json(home: &Path, exported: &Exported<'_>, changed: bool) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        command: &'static str,
        changed: bool,
        name: &'a str,
        form: &'static str,
        path: Option<String>,
        host: Option<String>,
        context: Option<&'a str>,
        encrypted_to: Vec<String>,
        serial: String,
        not_after: String,
    }
    let Bundle {
        name,
        certificate,
        files: _,
        host,
        context,
    } = exported.bundle;
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command: "client export",
        changed,
        name: name.as_str(),
        form: exported.form.as_str(),
        path: exported.path.map(|path| path.display().to_string()),
        host: host.as_ref().map(ToString::to_string),
        context: context.as_ref().map(ContextName::as_str),
        encrypted_to: exported
            .recipients
            .iter()
            .map(ToString::to_string)
            .collect(),
        serial: certificate.serial.to_string(),
        not_after: rfc3339(certificate.validity.not_after),
    })
}

/// That an earlier export left something that may hold a key.
pub fn left_beside(style: Style, left: &[PathBuf]) -> String {
    let shown = left.iter().map(|path| shown(path));
    let words = format!(
        "an export that was cut off may have left a key: {}",
        Vec::from_iter(shown).join(", ")
    );
    let paths = left.iter().map(|path| shell_word(&path.to_string_lossy()));
    let remove = format!("remove it: rm -rf {}", Vec::from_iter(paths).join(" "));
    warning(style, &words) + &hint(style, &remove)
}

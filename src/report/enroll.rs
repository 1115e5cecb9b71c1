//! Tells of requests, signatures and replies.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::issued::cut_words;
use super::table::{Cell, table};
use super::{JSON_VERSION, Style, end, json, printable, shell_word, shown};
use crate::pki::{Certificate, CertificateRequest, Name, VerifyCode};
use crate::plan::enroll::{Reply, SignWish, Signing, text};
use crate::plan::issue::Cut;
use crate::plan::ledger::rfc3339;
use crate::plan::{Content, NewFile};

/// The question before a signature.
pub const SIGN_QUESTION: &str = "Does their machine show this code, and do you sign?";

/// The question before a CA is believed.
pub const ACCEPT_QUESTION: &str = "Is that the CA's code, and do you do this?";

/// Where the key of a client that is accepted is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFrom {
    /// It is on this machine already.
    Machine,
    /// It came along.
    Bundle,
}

/// A request that is open now.
#[derive(Debug)]
pub struct Requested {
    /// The client's name.
    pub name: Name,
    /// What is sent.
    pub request: CertificateRequest,
    /// Where its key is.
    pub directory: PathBuf,
    /// Whether somebody named that directory, so that `client accept` must be told it.
    pub is_named: bool,
    /// Whether it was made just now.
    pub changed: bool,
}

impl Requested {
    fn code(&self) -> VerifyCode {
        VerifyCode::of(&self.request.public_key)
    }
}

/// What is sent.
pub fn requested(requested: &Requested) -> String {
    text(&requested.name, &requested.request)
}

/// What to do with it.
pub fn request_next(program: &str, requested: &Requested) -> String {
    let directory = match requested.is_named {
        true => format!(
            " --request {}",
            shell_word(&requested.directory.to_string_lossy())
        ),
        false => String::new(),
    };
    let made = match requested.changed {
        true => "The key is in",
        false => "This request is open already, nothing was changed; its key is in",
    };
    let name = &requested.name;
    format!(
        "\n{made} {}, with the request as it is above\n\
         Code: {code}\n\n\
         Next, send the request to whoever has the CA, and tell them the code another way, as by \
         phone. They sign it:\n\n  dockpki client sign FILE --expect {code}\n\n\
         Then, with what comes back, here:\n\n  {program} client accept {name}.reply.pem{directory} \
         --host tcp://HOST:2376\n",
        shown(&requested.directory),
        code = requested.code(),
    )
}

/// The same as JSON.
pub fn requested_json(requested: &Requested) -> String {
    request_json(requested, None)
}

fn request_json(requested: &Requested, files: Option<&[NewFile]>) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        command: &'static str,
        changed: bool,
        name: &'a str,
        directory: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        key: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        request: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        files: Option<Vec<Planned>>,
    }
    #[derive(Serialize)]
    struct Planned {
        path: String,
        mode: String,
    }
    let path = |file: &NewFile| requested.directory.join(&file.path).display().to_string();
    // The key of a dry run is not kept.
    let is_kept = files.is_none();
    json(&Report {
        version: JSON_VERSION,
        command: "client request",
        changed: requested.changed,
        name: requested.name.as_str(),
        directory: requested.directory.display().to_string(),
        code: is_kept.then(|| requested.code().to_string()),
        key: requested.request.key_kind.to_string(),
        request: is_kept.then(|| requested.request.pem()),
        files: files.map(|files| {
            let files = files.iter().map(|file| Planned {
                path: path(file),
                mode: format!("{:04o}", file.mode),
            });
            files.collect()
        }),
    })
}

/// The plan of a request.
pub fn request_planned(style: Style, requested: &Requested, files: &[NewFile]) -> String {
    let rows = files.iter().map(|file| {
        let holds = match &file.content {
            Content::Key { .. } => format!("private key, {}", requested.request.key_kind),
            Content::Public(_) => "signing request".into(),
        };
        let mode = format!("{:04o}", file.mode);
        let row: [Cell; 3] = [file.path.as_str().into(), mode.into(), holds.into()];
        row
    });
    format!(
        "dockpki client request would write in {}\nNothing was changed. This key is not kept: it \
         makes another when it is carried out.\n\n{}",
        shown(&requested.directory),
        table(style, ["FILE", "MODE", "HOLDS"], &rows.collect::<Vec<_>>())
    )
}

/// The same as JSON.
pub fn request_planned_json(requested: &Requested, files: &[NewFile]) -> String {
    request_json(requested, Some(files))
}

/// What is to be signed, and what that means.
pub fn request_to_sign(request: &CertificateRequest, name: &Name, wish: &SignWish) -> String {
    let mut text = format!(
        "Client  {name}\nKey     {}\nCode    {}\n",
        request.key_kind,
        VerifyCode::of(&request.public_key)
    );
    if let (Some(_), Some(asked)) = (&wish.name, &request.common_name)
        && asked != name.as_str()
    {
        text.push_str(&format!("Asked   as {}\n", printable(asked)));
    }
    text.push_str(
        "\nWhoever has that key becomes root on every host that trusts this CA. Whether it is \
         theirs only the\ncode tells: have them read it to you, by phone or in person.\n",
    );
    text
}

/// That a client is signed.
pub fn signed(home: &Path, signing: &Signing, path: Option<&Path>) -> String {
    let pair = &signing.pair;
    let mut text = format!(
        "Signed client `{}` in {}, until {}\n",
        pair.name,
        shown(home),
        end(pair.validity)
    );
    if let Some(replaces) = &signing.replaces {
        let archived = home.join(crate::plan::layout::archived(replaces));
        text.push_str(&format!("The old certificate is in {}\n", shown(&archived)));
    }
    if let Some(path) = path {
        text.push_str(&format!("The reply is in {}\n", shown(path)));
    }
    text
}

/// What to do with the reply.
pub fn signed_next(signing: &Signing, path: Option<&Path>) -> String {
    let reply = match path {
        Some(path) => path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        None => format!("{}.reply.pem", signing.pair.name),
    };
    format!(
        "\nNext, send it back, and tell them the CA's code another way, as by phone:\n\n{}\n\
         There:\n\n  dockpki client accept {} --host tcp://HOST:2376\n",
        codes(signing.reply.trust.all()),
        shell_word(&reply)
    )
}

/// The codes of CAs, a line each.
fn codes<'a>(cas: impl Iterator<Item = &'a Certificate>) -> String {
    let lines = cas.map(|ca| {
        let name = ca.common_name.as_deref().unwrap_or_default();
        let code = VerifyCode::of(&ca.public_key);
        format!("  {code}  {}\n", printable(name))
    });
    lines.collect()
}

/// A life that was cut, in words.
pub fn cut_signing(signing: &Signing) -> Vec<String> {
    cut_words(std::iter::once(&signing.pair)).collect()
}

/// A signature as JSON; with the reply, wherever it is written.
pub fn signed_json(
    home: &Path,
    request: &CertificateRequest,
    signing: &Signing,
    path: Option<&Path>,
) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        home: String,
        command: &'static str,
        changed: bool,
        name: &'a str,
        code: String,
        key: String,
        serial: String,
        not_after: String,
        cut_to_ca: bool,
        replaces: Option<String>,
        ca_codes: Vec<String>,
        file: Option<String>,
        reply: String,
    }
    let pair = &signing.pair;
    let cas = signing.reply.trust.all();
    json(&Report {
        version: JSON_VERSION,
        home: home.display().to_string(),
        command: "client sign",
        changed: true,
        name: pair.name.as_str(),
        code: VerifyCode::of(&request.public_key).to_string(),
        key: request.key_kind.to_string(),
        serial: pair.serial.to_string(),
        not_after: rfc3339(pair.validity.not_after),
        cut_to_ca: pair.cut == Cut::ToCa,
        replaces: signing.replaces.as_ref().map(ToString::to_string),
        ca_codes: cas
            .map(|ca| VerifyCode::of(&ca.public_key).to_string())
            .collect(),
        file: path.map(|path| path.display().to_string()),
        reply: signing.reply.text(),
    })
}

/// What is to be accepted, and whom it will have docker believe.
pub fn reply_to_accept(reply: &Reply, unknown: &[&Certificate], key: KeyFrom) -> String {
    let code = VerifyCode::of(&reply.certificate.public_key);
    let until = end(reply.certificate.validity);
    let name = &reply.name;
    let mut text = match key {
        KeyFrom::Machine => {
            format!("The reply makes this machine's key {code} client `{name}` until {until}\n")
        }
        KeyFrom::Bundle => {
            format!("Its own key, {code}, came with client `{name}`, which ends on {until}\n")
        }
    };
    match unknown {
        [] => text.push_str("Its CA is one that docker believes here already\n\n"),
        unknown => text.push_str(&format!(
            "Whoever has the CA can pose as any docker host towards you. Have its code read to \
             you, by phone or in\nperson, and compare:\n\n{}\n",
            codes(unknown.iter().copied())
        )),
    }
    text
}

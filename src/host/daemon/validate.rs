//! Asks dockerd itself whether it would start.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::host::{Error, command, write};
use crate::plan::daemon_json::{DaemonJson, TlsPaths, Wanted};
use crate::plan::install::SERVER_FILES;
use crate::plan::pair::SoundPair;
use crate::plan::permissions::Item;

/// What dockerd said of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validated {
    /// It would start.
    Fine,
    /// It cannot be asked: its `--validate` is of 23.0.
    Unknown,
    /// There is no dockerd.
    NotThere,
}

const LIMIT: Duration = Duration::from_secs(30);

/// Runs `dockerd --validate` with the flags of the unit on the new daemon.json, before it is in
/// its place: on a copy that names copies of the certificates, in a directory only we can read.
///
/// # Errors
/// [`Error::Invalid`] with dockerd's own words.
pub fn validate(
    beside: &Path,
    command_line: Option<&(String, Vec<String>)>,
    daemon_json: &[u8],
    pair: &SoundPair,
) -> Result<Validated, Error> {
    let directory = write::staged_path(&beside.join("check"))?;
    let checked = check(&directory, command_line, daemon_json, pair);
    let removed = write::remove(&directory);
    let checked = checked?;
    removed?;
    Ok(checked)
}

fn check(
    directory: &Path,
    command_line: Option<&(String, Vec<String>)>,
    daemon_json: &[u8],
    pair: &SoundPair,
) -> Result<Validated, Error> {
    write::create_directory(directory, Item::InstallRecordDirectory.mode())?;
    let paths = SERVER_FILES.map(|(name, _)| directory.join(name));
    for (path, content) in paths.iter().zip(&pair.files) {
        write::create_file(path, Item::InstallRecord.mode(), content)?;
    }
    let [ca_certificate, certificate, key] = paths.map(|path| path.to_string_lossy().into_owned());
    let copy = DaemonJson::parse(daemon_json).map(|json| {
        json.patch(&Wanted {
            tls: Some(TlsPaths {
                ca_certificate,
                certificate,
                key,
            }),
            ..Wanted::default()
        })
    });
    let config = directory.join("daemon.json");
    let copy = copy.map_err(|fault| Error::Invalid {
        found: fault.to_string(),
    })?;
    write::create_file(&config, Item::InstallRecord.mode(), &copy)?;
    let (program, arguments) = match command_line {
        Some((program, arguments)) => (program.as_str(), arguments.as_slice()),
        None => ("dockerd", &[][..]),
    };
    let mut dockerd = Command::new(program);
    dockerd.args(arguments).arg("--config-file").arg(&config);
    dockerd.arg("--validate");
    let said = match command::capture(&mut dockerd, LIMIT) {
        Ok(said) => said,
        Err(Error::Command { found, .. }) if found.contains("no such file") => {
            return Ok(Validated::NotThere);
        }
        Err(other) => return Err(other),
    };
    if said.status.success() {
        return Ok(Validated::Fine);
    }
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    if text.contains("unknown flag: --validate") {
        return Ok(Validated::Unknown);
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let last = lines.next_back().unwrap_or("nothing");
    let copies = format!("{}/", directory.display());
    Err(Error::Invalid {
        found: last.replace(&copies, ""),
    })
}

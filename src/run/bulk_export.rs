//! What becomes of the clients of a list: a file or directory for each, in one directory.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::Session;
use super::hand_out::exported;
use crate::cli::BulkExport;
use crate::error::Error;
use crate::host::{self, Parcel};
use crate::pki::Serial;
use crate::plan::Change;
use crate::plan::bundle::{Bundle, Files, Form};
use crate::plan::context::ContextName;
use crate::plan::docker_host::DockerHost;
use crate::plan::issue::Issued;
use crate::plan::layout::PairKind;
use crate::plan::ledger::Entry;
use crate::plan::pair::SoundPair;
use crate::plan::roster::{Problem, Row};
use crate::plan::trust::Trust;

/// How a client of a list is handed out.
pub(super) struct Handing {
    path: PathBuf,
    form: Form,
    host: Option<DockerHost>,
}

impl Handing {
    /// What list and flags say of a client; nothing if it stays in the home.
    pub(super) fn of(row: &Row, export: Option<&BulkExport>) -> Result<Option<Self>, Problem> {
        let problem = |words: &str| Problem {
            line: row.line,
            words: words.to_owned(),
        };
        let Some(export) = export else {
            return match (&row.form, &row.host) {
                (None, None) => Ok(None),
                _ => Err(problem(
                    "found a host or a format, wanted --export DIR with them",
                )),
            };
        };
        let form = row.form.or(export.form);
        let form = form.ok_or_else(|| problem("found no format, wanted one, or --as FORM"))?;
        let host = row.host.clone().or_else(|| export.host.clone());
        let host = host.filter(|_| form.has_host());
        if form.has_host() && host.is_none() {
            return Err(problem("found no host, wanted one, or --host ADDRESS"));
        }
        let path = export.directory.join(form.file_name(row.name.as_str()));
        Ok(Some(Self { path, form, host }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A client that was made just now, with the ledger's line of what becomes of it.
    pub(super) fn parcel_of_new(
        self,
        issued: &mut Issued,
        trusts: &[Serial],
        now: OffsetDateTime,
    ) -> Result<Parcel, Error> {
        let Change::PlaceDirectory { files, .. } = &issued.change else {
            unreachable!("a pair is placed as a directory");
        };
        let content = |name: &str| {
            let file = files.iter().find(|file| file.path == name);
            file.map(|file| Zeroizing::new(file.content.bytes().to_vec()))
        };
        let kind = PairKind::Client;
        let files = Files {
            ca: content(crate::plan::layout::CA_CERTIFICATE).unwrap_or_default(),
            certificate: content(kind.certificate_file()).unwrap_or_default(),
            key: content(kind.key_file()),
        };
        let parcel = self.parcel(files)?;
        issued.entries.push(entry(&parcel, trusts, now));
        Ok(parcel)
    }

    fn parcel(self, files: Files) -> Result<Parcel, Error> {
        let Self { path, form, host } = self;
        let bundle = Bundle::from_files(files).map_err(crate::plan::Error::from)?;
        let context = match form {
            Form::Context => host.as_ref().map(ContextName::from_host),
            _ => None,
        };
        Ok(Parcel {
            path,
            form,
            bundle: Bundle {
                host,
                context,
                ..bundle
            },
        })
    }
}

impl Session<'_> {
    /// A client that was there before, if it would work where it goes, and the ledger's line.
    pub(super) fn parcel_of_old(
        &self,
        row: &Row,
        handing: Handing,
        now: OffsetDateTime,
    ) -> Result<(Parcel, Entry), Error> {
        let pair = self.client_with_key(row.name.to_string())?;
        let pair = SoundPair::check(&self.home, &pair, now)?;
        let [ca, certificate, key] = pair.files;
        let trusts = Trust::from_pem(&ca).map(|trust| trust.serials());
        let parcel = handing.parcel(Files {
            ca,
            certificate,
            key: Some(key),
        })?;
        let entry = entry(&parcel, &trusts.unwrap_or_default(), now);
        Ok((parcel, entry))
    }
}

fn entry(parcel: &Parcel, trusts: &[Serial], now: OffsetDateTime) -> Entry {
    exported(&parcel.bundle, parcel.form, trusts, &parcel.path, now)
}

/// Whether something is where a client would go.
pub(super) fn is_out(handing: &Handing) -> bool {
    host::is_there(handing.path())
}

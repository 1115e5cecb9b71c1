//! Holds what is installed on a machine against the CAs of the home it came from.
//!
//! In each phase of a rollover what was handed out may trust a CA too few or one too many.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Finding, Mend};
use crate::pki::{Certificate, Purpose, certificates_from_pem, printable};
use crate::plan::layout::{self, PairKind};
use crate::plan::ledger::{Entry, Event};
use crate::plan::machine::FileImage;
use crate::plan::rollover::Campaign;
use crate::plan::trust::{Trust, is_named_issuer};

/// The CAs of a home, and those it has dropped.
#[derive(Debug)]
pub struct HomeCas {
    /// Those it trusts.
    trust: Trust,
    /// The serials of those that were trusted before, in hex.
    retired: HashSet<String>,
}

impl HomeCas {
    /// Gathers them from `ca.pem` and the ledger; a part of a home has none.
    pub fn new(trust: Trust, ledger: &[Entry]) -> Self {
        let is_retired =
            |entry: &&Entry| entry.kind == Purpose::Ca.as_str() && entry.event == Event::Retired;
        let retired = ledger.iter().filter(is_retired);
        let mut retired = HashSet::<String>::from_iter(retired.map(|entry| entry.serial.clone()));
        // One that was taken up again is trusted again.
        for ca in trust.all() {
            retired.remove(&ca.serial.to_string());
        }
        Self { trust, retired }
    }

    fn trusts(&self, ca: &Certificate) -> bool {
        self.trust.all().any(|ours| ours == ca)
    }

    fn has_dropped(&self, ca: &Certificate) -> bool {
        self.retired.contains(&ca.serial.to_string())
    }

    /// The rollover that is under way, if one is.
    pub fn campaign(&self) -> Option<Campaign> {
        Campaign::of(&self.trust)
    }

    /// Whether a `ca.pem` is of this home: it has one of its CAs, of now or of before.  Another
    /// home's is nothing to this one.
    fn are_in(&self, cas: &[Certificate]) -> bool {
        cas.iter().any(|ca| self.trusts(ca) || self.has_dropped(ca))
    }

    /// Judges the CAs that were installed in a directory, and the certificate beside them;
    /// `file` has its files by their names.
    pub(in crate::plan) fn judge<'f>(
        &self,
        findings: &mut Vec<Finding>,
        file: impl Fn(&str) -> Option<(PathBuf, &'f FileImage)>,
    ) {
        let Some((path, cas)) = file(layout::CA_CERTIFICATE) else {
            return;
        };
        let cas = certificates_from_pem(&cas.content).unwrap_or_default();
        let cas = cas.iter().map(|der| Certificate::from_der(der));
        let Ok(cas) = cas.collect::<Result<Vec<_>, _>>() else {
            return;
        };
        if !self.are_in(&cas) {
            return;
        }
        let certificates = PairKind::ALL.into_iter().filter_map(|kind| {
            let (path, image) = file(kind.certificate_file())?;
            let certificate = Certificate::from_pem(&image.content).ok()?;
            let issuer = self.dropped_issuer_of(&certificate, &cas)?;
            Some((path, issuer))
        });
        let left_behind = Vec::from_iter(certificates);
        // The home's own may be of that CA too, and is not installed then.
        let mend = match left_behind.is_empty() {
            true => Mend::InstallAgain,
            false => Mend::RenewAndInstall,
        };
        let mut find = |path: &Path, found: String, wanted: &str| {
            findings.push(Finding {
                path: path.to_owned(),
                found,
                wanted: wanted.to_owned(),
                mend: mend.clone(),
            });
        };
        for ca in self.trust.all().filter(|ca| !cas.contains(ca)) {
            let found = format!("no CA {}", name(ca));
            find(&path, found, "every CA that the home trusts");
        }
        for ca in cas.iter().filter(|ca| !self.trusts(ca)) {
            let why = match self.has_dropped(ca) {
                true => "which the home trusts no more",
                false => "which the home does not trust",
            };
            let found = format!("the CA {}, {why}", name(ca));
            find(&path, found, "the home's CAs alone");
        }
        for (path, ca) in left_behind {
            let found = format!(
                "a certificate of {}, which the home trusts no more",
                name(ca)
            );
            find(&path, found, "one of a CA that it trusts");
        }
    }

    /// The CA that issued an installed certificate, if the home trusts it no more: whoever was
    /// handed out since does not believe it.
    fn dropped_issuer_of<'a>(
        &self,
        certificate: &Certificate,
        cas: &'a [Certificate],
    ) -> Option<&'a Certificate> {
        if self.trust.issuer_of(certificate).is_some() {
            return None;
        }
        let mut dropped = cas.iter().filter(|ca| self.has_dropped(ca));
        dropped.find(|ca| is_named_issuer(ca, certificate))
    }
}

fn name(ca: &Certificate) -> String {
    format!(
        "`{}`",
        printable(ca.common_name.as_deref().unwrap_or_default())
    )
}

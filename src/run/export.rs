//! `client export`: a client's files, in one piece, for somebody else.

use std::path::Path;

use super::{Effect, Outcome, Session, data};
use crate::cli::{self, EncryptTo, Mode, Output, Talk, Target};
use crate::error::Error;
use crate::host::{self, LedgerPen, Staged};
use crate::pki::SubjectAltName;
use crate::plan::bundle::{self, Bundle, Form, Recipient, Written};
use crate::plan::docker_host::DockerHost;
use crate::plan::hand_outs;
use crate::plan::layout::{self, PairKind};
use crate::plan::ledger::Entry;
use crate::plan::pair::SoundPair;
use crate::plan::rollover::PublicFiles;
use crate::plan::state::{FileState, HomeState, PairState};
use crate::plan::trust::Trust;
use crate::report::{self, Exported};

/// The ledger of a home, to which what is handed out is added.
enum Record {
    /// It is told there.
    Ledger(LedgerPen),
    /// A part of a home has none.
    Nowhere,
}

impl Session<'_> {
    pub(super) fn client_export(&self, wish: &cli::Export) -> Result<Outcome, Error> {
        let applies = wish.mode == Mode::Apply;
        let shows_key =
            wish.target == Target::Stdout && wish.encrypt_to.is_empty() && wish.form.has_key();
        if applies && shows_key && host::is_terminal_out() {
            return Err(host::Error::OnTerminal.into());
        }
        let name = wish.name.to_string();
        let (pair, state, known) = self.reading(|| {
            let pair = match wish.form.has_key() {
                true => self.client_with_key(name.clone())?,
                false => self.pair_named(PairKind::Client, name.clone())?,
            };
            Ok((pair, host::home_state(&self.home)?, self.known_host()))
        })?;
        if wish.form.has_host() && wish.host.is_none() {
            let form = wish.form;
            return Err(crate::plan::Error::from(bundle::Error::NoHost { form, known }).into());
        }
        let bundle = self.bundle(wish, &pair)?;
        let record = match wish.mode {
            Mode::DryRun => Record::Nowhere,
            Mode::Apply => self.record_of(&state)?,
        };
        // From here on everything is done as the user whose file it is.
        host::become_invoking_user()?;
        let recipients = recipients(&wish.encrypt_to)?;
        let path = match &wish.target {
            Target::Stdout => None,
            Target::Path(path) => Some(host::absolute(path)?),
            Target::Named => {
                let name = file_name(wish.form, &name, &recipients);
                Some(host::absolute(Path::new(&name))?)
            }
        };
        let exported = Exported {
            bundle: &bundle,
            form: wish.form,
            path: path.as_deref(),
            recipients: &recipients,
        };
        if wish.mode == Mode::DryRun {
            return Ok(data(match self.request.output {
                Output::Text => report::export_planned(self.stdout, &exported),
                Output::Json => report::export_json(&self.home, &exported, false),
            }));
        }
        self.hand_out(record, &exported)?;
        let (data, talk) = match (self.request.output, self.request.talk, &path) {
            (Output::Json, ..) => (
                report::export_json(&self.home, &exported, true),
                String::new(),
            ),
            (Output::Text, Talk::Quiet, _) => (String::new(), String::new()),
            // Standard output has it.
            (Output::Text, _, None) => (String::new(), report::exported(&exported)),
            (Output::Text, _, Some(path)) => (
                report::exported(&exported),
                report::after_export(&exported, path),
            ),
        };
        Ok(Outcome {
            effect: Effect::Changed,
            ..self.outcome(data, talk)
        })
    }

    /// What is handed out, if it would work.
    fn bundle(&self, wish: &cli::Export, pair: &PairState) -> Result<Bundle, Error> {
        let now = host::clock();
        if !wish.form.has_key() {
            let (certificate, ca) = SoundPair::check_without_key(&self.home, pair, now)?;
            return Ok(Bundle::without_key(&pair.name, certificate, ca)?);
        }
        let pair = SoundPair::check(&self.home, pair, now)?;
        let (host, context) = (wish.host.as_ref(), wish.context.as_ref());
        Ok(Bundle::of(&pair, wish.form, host, context)?)
    }

    /// Writes it where it goes.  It is told in the ledger before it can be found there: a key that
    /// nobody knows of would be worse than a line about none.
    fn hand_out(&self, record: Record, exported: &Exported<'_>) -> Result<(), Error> {
        let Exported {
            bundle,
            form,
            path,
            recipients,
        } = exported;
        let written = bundle.write(*form).map_err(crate::plan::Error::from)?;
        let written = match (written, recipients.is_empty()) {
            (Written::File(octets), false) => {
                let armored = host::encrypt(&octets, recipients)?;
                Written::File(armored.into_bytes().into())
            }
            (written, _) => written,
        };
        let staged = match (path, &written) {
            (Some(path), written) => {
                self.tell_left_beside(path);
                Some(match written {
                    Written::File(octets) => Staged::file(path, octets)?,
                    Written::Directory(members) => Staged::directory(path, members)?,
                })
            }
            (None, _) => None,
        };
        let entry = entry(exported);
        let mut record = record;
        match &mut record {
            Record::Ledger(pen) => pen.add(&entry.line())?,
            Record::Nowhere => {
                let words = "this home has no ledger, so nobody will know that this was handed out";
                self.say(&report::warning(self.stderr, words));
            }
        }
        let done = match (staged, written) {
            (Some(staged), _) => staged.publish(),
            (None, Written::File(octets)) => {
                let done = host::write_stdout(&octets);
                if let (Err(_), Record::Ledger(pen)) = (&done, &mut record) {
                    self.record_cut_off(pen, &entry);
                }
                return Ok(done?);
            }
            (None, Written::Directory(_)) => Ok(()),
        };
        if let (Err(error), Record::Ledger(pen)) = (&done, &mut record)
            && !matches!(error, host::Error::NotDurable { .. })
            && let Err(cause) = pen.add(&entry.taken_back(host::clock()).line())
        {
            let words = format!("nothing was handed out, but the ledger tells so: {cause}");
            self.say(&report::warning(self.stderr, &words));
        }
        Ok(done?)
    }

    /// Records that standard output took only a part of a client.  Nobody can use that, so what was
    /// handed out before has to be replaced still.  Where nothing was, the line stays: a part may
    /// have the key in it.
    fn record_cut_off(&self, pen: &mut LedgerPen, entry: &Entry) {
        let still_out = |ledger: &[Entry]| {
            let taken_back = || entry.clone().taken_back(host::clock());
            hand_outs::is_replacement(ledger, entry).then(taken_back)
        };
        if let Err(cause) = pen.add_seeing(still_out) {
            let words = format!("it was cut off, but the ledger tells as if it was not: {cause}");
            self.say(&report::warning(self.stderr, &words));
        }
    }

    /// Opens the ledger, before root is given up.
    fn record_of(&self, state: &HomeState) -> Result<Record, Error> {
        if matches!(state.ledger, FileState::Absent) {
            return Ok(Record::Nowhere);
        }
        state.check_ledger()?;
        match LedgerPen::open(&self.home) {
            Some(pen) => Ok(Record::Ledger(pen)),
            None => Err(host::Error::NoLedger {
                path: self.home.join(layout::LEDGER),
            }
            .into()),
        }
    }

    /// An earlier export that was killed may have left a key under a hidden name.
    fn tell_left_beside(&self, path: &Path) {
        let left = host::left_beside(path);
        if !left.is_empty() {
            self.say(&report::left_beside(self.stderr, &left));
        }
    }

    /// The address of the home's first server, to be named to who forgot it.
    fn known_host(&self) -> Option<DockerHost> {
        let kind = PairKind::Server;
        let mut servers = host::pair_names(&self.home, kind).ok()?;
        servers.sort();
        let files: PublicFiles =
            host::public_files(kind, &self.home.join(kind.pair(servers.first()?)));
        let sans = files.certificate()?.sans;
        sans.iter().find_map(|san| match san {
            SubjectAltName::Ip(std::net::IpAddr::V6(address)) => {
                format!("[{address}]").parse().ok()
            }
            san => san.to_string().parse().ok(),
        })
    }
}

fn file_name(form: Form, client: &str, recipients: &[Recipient]) -> String {
    match recipients.is_empty() {
        true => form.file_name(client),
        false => form.encrypted_file_name(client),
    }
}

/// The recipients that are named, and those in the files that are.
fn recipients(encrypt_to: &[EncryptTo]) -> Result<Vec<Recipient>, Error> {
    let mut recipients = Vec::new();
    for one in encrypt_to {
        match one {
            EncryptTo::Recipient(recipient) => recipients.push(recipient.clone()),
            EncryptTo::File(path) => recipients.extend(host::recipients_from_file(path)?),
        }
    }
    Ok(recipients)
}

/// The ledger's line.
fn entry(exported: &Exported<'_>) -> Entry {
    let trusts = Trust::from_pem(&exported.bundle.files.ca).map(|trust| trust.serials());
    let to = exported
        .path
        .unwrap_or(Path::new(hand_outs::STANDARD_OUTPUT));
    let (bundle, form, now) = (exported.bundle, exported.form, host::clock());
    let recipients = exported.recipients.iter();
    Entry {
        encrypted_to: recipients.map(ToString::to_string).collect(),
        ..super::hand_out::exported(bundle, form, &trusts.unwrap_or_default(), to, now)
    }
}

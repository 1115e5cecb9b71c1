//! Brings what was renewed to where it was installed on this machine.
//!
//! What that is, the records say; whether there is anything to do, the files.  So what an earlier
//! renewal could not bring is brought by the next.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::hand_out::place;
use super::install::prefix;
use super::server::PlacedServer;
use super::take_back::installed_daemon;
use super::{Effect, Session};
use crate::cli::{self, InstallRenewed, Mode, Restart, RestartBy};
use crate::error::Error;
use crate::host;
use crate::host::machine::{Prefix, Record, Store, file_image, stores};
use crate::plan::install::{InstalledDaemon, LiveRestore, PlainTcp, SERVER_FILES};
use crate::plan::layout::{self, PairKind};
use crate::plan::machine::{Control, FileImage};
use crate::plan::pair::SoundPair;
use crate::plan::renew::{Renewal, Scope, Standing, client_places};
use crate::plan::state::{FileState, PairState};
use crate::report;

/// The command, for records and messages.
pub(super) const COMMAND: &str = "renew --install";

/// What was brought, and what was not.
#[derive(Default)]
pub(super) struct Brought {
    /// What goes to standard output, one for each part.
    pub(super) parts: Vec<String>,
    /// What goes to standard error.
    pub(super) talk: String,
    /// Why something was held back.
    pub(super) warnings: Vec<String>,
    /// The servers that keep their certificate of the old CA.
    pub(super) held_back: Vec<String>,
    /// What could not be brought, and why.
    pub(super) failures: Vec<(String, Error)>,
    /// What is installed here as the home has it.
    pub(super) here: Vec<(PairKind, String)>,
    /// What of it was put there just now.
    pub(super) changed: Vec<(PairKind, String)>,
}

/// What is brought, by whom it was asked for.
pub(super) struct Bringing<'a> {
    pub(super) wish: &'a cli::Renew,
    pub(super) install: &'a InstallRenewed,
    renewal: Option<&'a Renewal>,
    pub(super) prefix: Prefix,
    /// The serials of the home's ledger.
    issued: HashSet<String>,
    /// The places of the clients that are brought beside the server, as the ledger names them.
    pub(super) beside: HashSet<String>,
}

impl Bringing<'_> {
    /// Whether a pair is among those that were asked for.
    pub(super) fn is_wanted(&self, kind: PairKind, name: &str) -> bool {
        match &self.wish.wish.scope {
            Scope::All => true,
            Scope::Named(selectors) => selectors.iter().any(|selector| {
                selector.name().as_str() == name && selector.kinds().any(|one| one == kind)
            }),
        }
    }
}

impl Session<'_> {
    /// Brings what the home has to where the records of this machine say it was installed.
    pub(super) fn bring(
        &self,
        wish: &cli::Renew,
        install: &InstallRenewed,
        renewal: Option<&Renewal>,
    ) -> Brought {
        let mut brought = Brought::default();
        if let Err(cause) = self.bring_all(wish, install, renewal, &mut brought) {
            brought.failures.push(("what was renewed".into(), cause));
        }
        brought
    }

    fn bring_all(
        &self,
        wish: &cli::Renew,
        install: &InstallRenewed,
        renewal: Option<&Renewal>,
        brought: &mut Brought,
    ) -> Result<(), Error> {
        let entries = self.reading(|| Ok(host::home_state(&self.home)?.ledger()?))?;
        let mut bringing = Bringing {
            wish,
            install,
            renewal,
            prefix: prefix(&install.prefix)?,
            issued: entries.into_iter().map(|entry| entry.serial).collect(),
            beside: HashSet::new(),
        };
        let mut is_installed = false;
        let stores = stores(&bringing.prefix)?;
        // Root's clients are in another store than the daemon.
        bringing.beside = stores
            .iter()
            .flat_map(|path| Store::records(path).unwrap_or_default())
            .flat_map(|(_, record)| client_places(&record.notes.clients))
            .filter(|it| bringing.is_wanted(PairKind::Client, &it.name))
            .map(|it| place(&it.directory()))
            .collect();
        for path in stores {
            // Before the records are read: what was cut off is none of them.
            match (wish.mode, Store::has_unfinished(&path)) {
                (Mode::DryRun, true) => self.note_unfinished(&path),
                (Mode::Apply, true) => {
                    drop(self.open_store(&path, COMMAND, &install.restart.by)?)
                }
                (_, false) => {}
            }
            let records = Store::records(&path)?;
            if let Some(daemon) = installed_daemon(&records) {
                is_installed = true;
                let what = format!("server `{}`", daemon.server);
                if let Err(cause) = self.bring_server(&bringing, &daemon, &records, brought) {
                    brought.failures.push((what, cause));
                }
            }
            let placed = records.iter().flat_map(|(_, record)| &record.notes.clients);
            let places = client_places(placed);
            is_installed |= !places.is_empty();
            if let Err(cause) = self.bring_clients(&bringing, &path, places, &records, brought) {
                brought.failures.push(("the clients".into(), cause));
            }
        }
        is_installed |= self.tell_of_callers(&bringing, brought)?;
        if !is_installed {
            let words =
                "nothing of the home is installed on this machine: there is nothing to bring";
            brought.talk.push_str(&report::note(self.stderr, words));
        }
        Ok(())
    }

    /// The pair of the home as it is, or in a dry run as it would be; nothing if there is none.
    pub(super) fn pair_to_bring(
        &self,
        bringing: &Bringing<'_>,
        kind: PairKind,
        name: &str,
    ) -> Result<Option<PairState>, Error> {
        let planned = match bringing.wish.mode {
            Mode::DryRun => bringing.renewal,
            Mode::Apply => None,
        };
        if let Some(pair) = planned.and_then(|renewal| renewal.pair_after(kind, name)) {
            return Ok(Some(pair));
        }
        let pair = self.reading(|| Ok(host::pair_state(&self.home, kind, name.to_owned())))?;
        Ok(pair.directory.is_some().then_some(pair))
    }

    /// Whether a pair is to be brought; what keeps it from that is told.
    pub(super) fn is_behind(
        &self,
        pair: Option<&PairState>,
        kind: PairKind,
        (name, directory): (&str, &Path),
        bringing: &Bringing<'_>,
        brought: &mut Brought,
    ) -> Result<bool, Error> {
        let shown = directory.display();
        let mut left = |why: &str| {
            let words = format!(
                "{} `{name}` in `{shown}` is left as it is: {why}",
                kind.as_str()
            );
            let words = report::warning(self.stderr, &words);
            brought.talk.push_str(&words);
        };
        let Some(pair) = pair else {
            left("the home has none of that name");
            return Ok(false);
        };
        let installed = images(kind, directory)?;
        let standing = Standing::of(
            pair,
            installed.each_ref().map(Option::as_ref),
            &bringing.issued,
        );
        match standing {
            Standing::Behind
                if kind == PairKind::Client && matches!(pair.key, FileState::Absent) =>
            {
                left(&format!(
                    "its key is not in the home: write a reply with `{} client export {name} --as \
                     reply`, and take it with `dockpki client accept`",
                    self.program
                ));
            }
            Standing::Behind => return Ok(true),
            Standing::Current => brought.here.push((kind, name.to_owned())),
            Standing::Foreign => left("its certificate is none of the home's"),
            // Whoever took it away does not want it, but a daemon does not start without it.
            Standing::Gone if kind == PairKind::Server => return Ok(true),
            Standing::Gone => {}
        }
        Ok(false)
    }

    fn bring_server(
        &self,
        bringing: &Bringing<'_>,
        daemon: &InstalledDaemon,
        records: &[(u32, Record)],
        brought: &mut Brought,
    ) -> Result<(), Error> {
        let (kind, name) = (PairKind::Server, daemon.server.as_str());
        if !bringing.is_wanted(kind, name) {
            return Ok(());
        }
        let pair = self.pair_to_bring(bringing, kind, name)?;
        let at = (name, daemon.directory.as_path());
        if !self.is_behind(pair.as_ref(), kind, at, bringing, brought)? {
            return Ok(());
        }
        let Some(pair) = pair else { return Ok(()) };
        let pair = SoundPair::check(&self.home, &pair, host::clock())?;
        let Some(clients) = self.held_back(bringing, daemon, &pair)? else {
            return self.bring_sound(bringing, daemon, records, &pair, brought);
        };
        let words = report::held_back_words(at, &clients);
        let prefix = (!bringing.prefix.is_root()).then(|| bringing.prefix.path());
        let talk = report::held_back(self.stderr, &self.program, (name, prefix), &words);
        brought.talk.push_str(&talk);
        brought.warnings.push(words);
        brought.held_back.push(name.to_owned());
        // The warning tells how to install it: nobody shall do so without having read that.
        brought.here.push((kind, name.to_owned()));
        match self.with_new_cas(daemon, pair)? {
            Some(kept) => self.bring_sound(bringing, daemon, records, &kept, brought),
            None => Ok(()),
        }
    }

    /// What a server has that is held back, beside the CAs of the home: it lets clients of the
    /// new one in before it is one of theirs.  Nothing if it has these already.
    fn with_new_cas(
        &self,
        daemon: &InstalledDaemon,
        pair: SoundPair,
    ) -> Result<Option<SoundPair>, Error> {
        let [ca, certificate, key] = images(PairKind::Server, &daemon.directory)?;
        let (Some(ca), Some(certificate), Some(key)) = (ca, certificate, key) else {
            return Ok(None);
        };
        let [cas, ..] = &pair.files;
        if *cas == ca.content {
            return Ok(None);
        }
        let files = [cas.clone(), certificate.content, key.content];
        Ok(Some(pair.keeping(
            PairKind::Server,
            files,
            host::clock(),
        )?))
    }

    /// Brings a server that was found sound to its daemon.
    fn bring_sound(
        &self,
        bringing: &Bringing<'_>,
        daemon: &InstalledDaemon,
        records: &[(u32, Record)],
        pair: &SoundPair,
        brought: &mut Brought,
    ) -> Result<(), Error> {
        let one = (PairKind::Server, daemon.server.clone());
        let mut controls = records.iter().rev().filter_map(|(_, it)| it.control());
        let wish = again(bringing, daemon, controls.next());
        let placed = self.place_server(&wish, COMMAND, pair)?;
        let PlacedServer { plan, effect, .. } = &placed;
        if wish.mode == Mode::DryRun {
            let words = report::notices(self.stderr, &plan.notices);
            brought.talk.push_str(&words);
        }
        if !brought.here.contains(&one) {
            brought.here.push(one.clone());
        }
        if *effect == Effect::Changed {
            brought.changed.push(one);
        }
        brought.parts.push(self.server_words(&placed, wish.mode));
        Ok(())
    }
}

/// `install server` as it was, with what is said now.
fn again(
    bringing: &Bringing<'_>,
    daemon: &InstalledDaemon,
    recorded: Option<&Control>,
) -> cli::InstallServer {
    let InstallRenewed {
        prefix,
        restart,
        consent,
    } = bringing.install;
    let inside = |path: &Path| match path.strip_prefix(bringing.prefix.path()) {
        Ok(below) => Path::new("/").join(below),
        Err(_) => path.to_owned(),
    };
    // As daemon.json names it, where a link may be on the way.
    let tls = daemon.wanted.tls.as_ref();
    let named = tls.and_then(|tls| Path::new(&tls.certificate).parent());
    cli::InstallServer {
        name: daemon.server.parse().ok(),
        listen: Vec::new(),
        plain_tcp: PlainTcp::Keep,
        live_restore: LiveRestore::Leave,
        daemon: daemon.mode,
        directory: Some(named.map_or_else(|| inside(&daemon.directory), PathBuf::from)),
        daemon_json: Some(inside(&daemon.daemon_json)),
        client: None,
        probe: None,
        prefix: prefix.clone(),
        restart: Restart {
            by: match (&restart.by, recorded) {
                (RestartBy::Systemd, Some(Control::Command { restart, .. })) => {
                    RestartBy::Command(restart.clone())
                }
                (by, _) => by.clone(),
            },
            daemon_log: restart.daemon_log.clone(),
            timeout: restart.timeout,
        },
        consent: *consent,
        mode: bringing.wish.mode,
    }
}

/// CA, certificate and key as they are installed.
fn images(kind: PairKind, directory: &Path) -> Result<[Option<FileImage>; 3], Error> {
    let names = match kind {
        PairKind::Server => SERVER_FILES.map(|(name, _)| name),
        PairKind::Client => [
            layout::CA_CERTIFICATE,
            kind.certificate_file(),
            kind.key_file(),
        ],
    };
    let mut images = [None, None, None];
    for (image, name) in images.iter_mut().zip(names) {
        *image = file_image(&directory.join(name))?;
    }
    Ok(images)
}

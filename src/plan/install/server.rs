//! The plan of `install server`.

use std::path::PathBuf;

use super::checks::{images, refuse_unreachable};
use super::hosts::{local_socket_of, merge};
use super::{
    DaemonMode, Error, InstalledDaemon, LiveRestore, Notice, SERVER_FILES, ServerPlan, ServerState,
    ServerWish, UnitState, parse,
};
use crate::plan::daemon_json::{DaemonJson, TlsPaths, Wanted};
use crate::plan::machine::{
    FileChange, FileImage, MachineChange, MachinePlan, MachineStep, Manager, Run,
};
use crate::plan::pair::SoundPair;
use crate::plan::permissions::Item;
use crate::plan::systemd::{DaemonFlags, ListenKind, Service, Staleness, listens, staleness};

/// Plans a server's certificate onto a host, so that its daemon serves it to our clients and to
/// nobody else over the network.
///
/// # Errors
/// If the certificate would be refused by clients there, or a file of the host cannot be edited
/// without guessing.
pub fn plan(state: &ServerState, pair: &SoundPair, wish: &ServerWish) -> Result<ServerPlan, Error> {
    let json = parse(state)?;
    let service = match &state.unit {
        Some(unit) => Some(Service::parse(&unit.service, &unit.environment)?),
        None => None,
    };
    let no_flags = DaemonFlags::default();
    let flags = service.as_ref().map_or(&no_flags, Service::flags);
    let socket = state.defaults.socket.as_str();
    let merged = merge(
        json.hosts(),
        &flags.hosts,
        &wish.listen,
        wish.plain_tcp,
        socket,
    )?;
    for listen in &merged.listens {
        refuse_unreachable(pair, listen)?;
    }
    let live_restore = json.live_restore().or(flags.live_restore) == Some(true);
    let turns_on = wish.live_restore == LiveRestore::TurnOn && !live_restore;
    let at = |index: usize| {
        let path = state.directory.inside.join(SERVER_FILES[index].0);
        path.to_string_lossy().into_owned()
    };
    let wanted = Wanted {
        hosts: Some(merged.hosts.clone()),
        tls: Some(TlsPaths {
            ca_certificate: at(0),
            certificate: at(1),
            key: at(2),
        }),
        live_restore: turns_on.then_some(true),
    };

    let mut steps = Vec::new();
    let image = state.daemon_json_image.clone();
    let mut now = image.clone();
    let directories = Directories::new(state);
    let reload = wish.control.clone().filter(|_| turns_on).map(Run::Reload);
    if let Some(reload) = reload {
        // By itself and first: with hosts in it too, a daemon whose flags say where it listens
        // would refuse to reload the file.
        directories.make(
            &mut steps,
            &state.daemon_json.missing,
            Item::DaemonDirectory,
        );
        let first = json.patch(&Wanted {
            live_restore: Some(true),
            ..Wanted::default()
        });
        now = push_file(
            &mut steps,
            &state.daemon_json.path,
            now,
            daemon_json(state, first),
        );
        steps.push(MachineStep::Run(reload));
    }

    directories.make(&mut steps, &state.directory.missing, Item::DaemonDirectory);
    push_swap(&mut steps, state, pair);
    // Before daemon.json: between the two dockerd has its local socket alone, the other way round
    // it would be told twice where to listen, and not start.
    let mut notices = notices_of_json(&json, &wanted);
    let mut unit_changes = 0;
    if let (Some(unit), Some(service)) = (&state.unit, &service) {
        unit_changes = push_drop_ins(&mut steps, &directories, state, unit, service)?;
        notices.extend(notices_of_unit(unit)?);
    }
    directories.make(
        &mut steps,
        &state.daemon_json.missing,
        Item::DaemonDirectory,
    );
    let patched = json.patch(&wanted);
    push_file(
        &mut steps,
        &state.daemon_json.path,
        now,
        daemon_json(state, patched.clone()),
    );
    let changed = steps
        .iter()
        .any(|step| matches!(step, MachineStep::Change(_)));
    if changed {
        notices.extend(match (&wish.control, live_restore || turns_on) {
            (None, _) => Some(Notice::NotRestarted),
            (Some(_), true) => Some(Notice::ContainersStay),
            (Some(_), false) => Some(Notice::ContainersStop),
        });
        if let Some(control) = &wish.control {
            if unit_changes > 0 && *control == crate::plan::machine::Control::Systemd {
                steps.push(MachineStep::Run(Run::DaemonReload(Manager::System)));
            }
            steps.push(MachineStep::Run(Run::Restart(control.clone())));
        }
        if state.mode == DaemonMode::Rootless {
            notices.push(Notice::RootlessPorts(merged.listens.clone()));
        }
    }
    if !merged.plain.is_empty() {
        notices.push(Notice::PlainKept(merged.plain));
    }
    if !merged.closed.is_empty() {
        notices.push(Notice::PlainClosed(merged.closed));
    }
    if merged.local.is_none() {
        notices.push(Notice::NoLocalSocket);
    }
    let local_socket_before = local_socket_of(json.hosts(), &flags.hosts, socket);
    Ok(ServerPlan {
        machine: MachinePlan {
            command: "install server".into(),
            steps,
        },
        notices,
        installed: InstalledDaemon {
            server: pair.name.clone(),
            mode: state.mode,
            daemon_json: state.daemon_json.path.clone(),
            wanted,
            directory: state.directory.path.clone(),
            local_socket: local_socket_before.clone().map(PathBuf::from),
        },
        daemon_json: patched,
        command_line: service.map(|service| {
            let arguments = without_config_file(service.arguments_without_clashes());
            (service.program().to_owned(), arguments)
        }),
        listens: merged.listens,
        local_socket: merged.local,
        local_socket_before,
    })
}

/// Where the daemon's process number is, as seen from inside the prefix.
pub fn pidfile(state: &ServerState) -> PathBuf {
    let in_json = || parse(state).ok()?.string("pidfile");
    let in_flags = || {
        let unit = state.unit.as_ref()?;
        let service = Service::parse(&unit.service, &unit.environment).ok()?;
        service.flags().pidfile.clone()
    };
    let named = in_flags().or_else(in_json);
    named.map_or_else(|| state.defaults.pidfile.clone(), PathBuf::from)
}

/// Makes each missing directory once, though several files want it.
struct Directories<'a> {
    state: &'a ServerState,
}

impl<'a> Directories<'a> {
    fn new(state: &'a ServerState) -> Self {
        Self { state }
    }

    fn make(&self, steps: &mut Vec<MachineStep>, missing: &[PathBuf], item: Item) {
        for path in missing {
            let made = steps.iter().any(|step| match step {
                MachineStep::Change(change) => change.path() == path,
                MachineStep::Run(_) => false,
            });
            // The directory of the certificates appears whole, with its files.
            if !made && *path != self.state.directory.path {
                steps.push(MachineStep::Change(MachineChange::Directory {
                    path: path.clone(),
                    before: None,
                    after: Some(item.owned_by(self.state.owner)),
                }));
            }
        }
    }
}

/// Adds the change of a file if there is any; returns what is there after it.
fn push_file(
    steps: &mut Vec<MachineStep>,
    path: &std::path::Path,
    before: Option<FileImage>,
    after: FileImage,
) -> Option<FileImage> {
    let change = FileChange {
        path: path.to_owned(),
        before,
        after: Some(after),
    };
    let after = change.after.clone();
    if change.is_needed() {
        steps.push(MachineStep::Change(MachineChange::File(change)));
    }
    after
}

/// daemon.json with this content, and the access it has.
fn daemon_json(state: &ServerState, content: Vec<u8>) -> FileImage {
    let access = match &state.daemon_json_image {
        Some(image) => image.access,
        None => Item::DaemonJson.owned_by(state.owner),
    };
    FileImage::new(content, access)
}

fn push_swap(steps: &mut Vec<MachineStep>, state: &ServerState, pair: &SoundPair) {
    let before = state.directory_access;
    let after = match before {
        // The operator's own choice, unless others could put files there.
        Some(access) if access.mode & 0o022 == 0 && access.user == state.owner.user => access,
        _ => Item::DaemonDirectory.owned_by(state.owner),
    };
    let images = images(pair, state.owner);
    let files = SERVER_FILES.iter().zip(state.files.iter().zip(images));
    let files = files.map(|((name, _), (before, after))| FileChange {
        path: PathBuf::from(name),
        before: before.clone(),
        after: Some(after),
    });
    let change = MachineChange::Swap {
        directory: state.directory.path.clone(),
        before,
        after: Some(after),
        files: files.collect(),
    };
    if change.is_needed() {
        steps.push(MachineStep::Change(change));
    }
}

/// Adds the drop-in that frees the unit of clashing flags, and takes away one of ours that is
/// not wanted any more; returns how many files change.
fn push_drop_ins(
    steps: &mut Vec<MachineStep>,
    directories: &Directories<'_>,
    state: &ServerState,
    unit: &UnitState,
    service: &Service,
) -> Result<usize, Error> {
    let wanted = service.drop_in()?;
    let count = steps.len();
    let directory = &unit.drop_in_directory;
    for (name, image) in &unit.drop_ins {
        if wanted
            .as_ref()
            .is_none_or(|wanted| wanted.file_name != *name)
        {
            steps.push(MachineStep::Change(MachineChange::File(FileChange {
                path: directory.path.join(name),
                before: Some(image.clone()),
                after: None,
            })));
        }
    }
    if let Some(wanted) = wanted {
        directories.make(steps, &directory.missing, Item::UnitDirectory);
        let before = unit
            .drop_ins
            .iter()
            .find(|(name, _)| *name == wanted.file_name);
        let after = FileImage::new(wanted.text, Item::DropIn.owned_by(state.owner));
        let path = directory.path.join(&wanted.file_name);
        push_file(steps, &path, before.map(|(_, image)| image.clone()), after);
    }
    Ok(steps.len() - count)
}

fn notices_of_json(json: &DaemonJson, wanted: &Wanted) -> Vec<Notice> {
    let tls = json.tls();
    let mut notices = Vec::new();
    let is_on = tls.tls == Some(true) || tls.verify.is_some();
    if tls.verify == Some(false) {
        notices.push(Notice::WasUnverified);
    } else if is_on && tls.ca_certificate.as_deref().is_none_or(str::is_empty) {
        notices.push(Notice::TrustedTheSystem);
    }
    if let Some(paths) = &wanted.tls {
        let pairs = [
            (&tls.ca_certificate, &paths.ca_certificate),
            (&tls.certificate, &paths.certificate),
            (&tls.key, &paths.key),
        ];
        let others = pairs.into_iter().filter_map(|(found, wanted)| {
            found
                .clone()
                .filter(|found| found != wanted && !found.is_empty())
        });
        let others = Vec::from_iter(others);
        if !others.is_empty() {
            notices.push(Notice::OtherFiles(others));
        }
    }
    notices
}

fn notices_of_unit(unit: &UnitState) -> Result<Vec<Notice>, Error> {
    let mut notices = Vec::new();
    if let Staleness::Stale { made_for, .. } = staleness(&unit.service, &unit.environment)? {
        notices.push(Notice::StaleDropIn {
            made_for: made_for.into_iter().next().unwrap_or_default(),
        });
    }
    let socket = unit.socket.iter().flat_map(listens);
    let tcp = socket.filter(|listen| listen.kind == ListenKind::Tcp);
    let tcp = Vec::from_iter(tcp.map(|listen| listen.address));
    if !tcp.is_empty() {
        notices.push(Notice::SocketTcp(tcp));
    }
    Ok(notices)
}

/// The arguments without `--config-file`, which is given anew to check another one.
fn without_config_file(arguments: Vec<String>) -> Vec<String> {
    let mut left = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--config-file" => {
                arguments.next();
            }
            other if other.starts_with("--config-file=") => {}
            _ => left.push(argument),
        }
    }
    left
}

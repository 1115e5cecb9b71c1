//! Every error of a command, its hint and its exit code.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::cli::UsageError;
use crate::plan::install::DaemonMode;
use crate::plan::layout::PairKind;
use crate::plan::rollover::Why;
use crate::report::{drop_line, shell_word};
use crate::{host, pki, plan};

/// Why a command failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The arguments are wrong.
    Usage(UsageError),
    /// The home, as it is, does not allow it.
    Plan(plan::Error),
    /// The machine refused.
    Host(host::Error),
    /// The client that would be named after the caller cannot be.
    ClientName(pki::Error),
    /// Somebody said no.
    NotAgreed,
    /// Some clients of a list were issued, and then something failed.
    IssuedInPart {
        /// How many were.
        issued: usize,
        /// How many were to be.
        wanted: usize,
        /// How many were handed out.
        exported: usize,
        /// Why no more.
        cause: Box<Error>,
    },
    /// What one store remembers was taken back; what this one does was not.
    TakenBackInPart {
        /// The records that are left.
        store: PathBuf,
        /// Why.
        cause: Box<Error>,
    },
}

impl Error {
    /// The process's exit code: 1 failed and everything is as before, 2 wrong usage, 3 failed
    /// and not fully undone.
    pub fn exit_code(&self) -> u8 {
        use host::Error as H;
        match self {
            Self::Usage(UsageError::Clap(error)) => error.exit_code().try_into().unwrap_or(2),
            Self::Usage(_) | Self::ClientName(_) => 2,
            Self::Plan(
                plan::Error::Twice { .. }
                | plan::Error::Roster { .. }
                | plan::Error::Bundle(plan::bundle::Error::NoHost { .. }),
            ) => 2,
            Self::Plan(plan::Error::Enroll(plan::enroll::EnrollError::NotReplied { .. })) => 3,
            Self::Host(
                H::NoTerminal { .. }
                | H::NoUser
                | H::NoHome
                | H::NoDockerConfig
                | H::OnTerminal
                | H::NoRestart { .. }
                | H::RootlessRoot,
            ) => 2,
            Self::Host(
                H::NotUndone { .. }
                | H::NotDurable { .. }
                | H::StillKept { .. }
                | H::NotPutBack { .. }
                | H::NotTidied { .. },
            ) => 3,
            Self::TakenBackInPart { .. } | Self::IssuedInPart { .. } => 3,
            Self::Plan(_) | Self::Host(_) | Self::NotAgreed => 1,
        }
    }

    /// What mends it, or nothing: a command where there is one.  `program` is how the reader
    /// calls us.
    pub fn hint(&self, program: &str) -> Option<String> {
        match self {
            Self::Usage(UsageError::Value(pki::Error::San { .. })) => {
                Some("write names and addresses alone, as in --san localhost,127.0.0.1".into())
            }
            Self::Usage(_) | Self::NotAgreed => None,
            Self::TakenBackInPart { cause, .. } => cause.hint(program),
            Self::IssuedInPart { .. } => {
                Some("mend it, then run the same again: it goes on where it stopped".into())
            }
            Self::ClientName(_) | Self::Host(host::Error::NoUser) => {
                Some("name the client yourself with --client NAME".into())
            }
            Self::Plan(error) => plan_hint(error, program),
            Self::Host(error) => host_hint(error, program),
        }
    }
}

const AS_OWNER: &str = "run it as the owner of the files";
const RESTART_OTHERWISE: &str =
    "run it again with a --restart-command that works, or with --restart never";

fn plan_hint(error: &plan::Error, program: &str) -> Option<String> {
    use plan::Error as E;
    Some(match error {
        E::NoCa { .. } | E::NothingToCheck { .. } => {
            format!("make one: {program} init --san localhost,127.0.0.1")
        }
        E::CaGone { .. } => format!("see what mends it: {program} verify"),
        E::Unreadable { .. } => AS_OWNER.into(),
        E::NoCaKey { .. } => {
            "run this where the CA's key is, or put it back from your backup".into()
        }
        E::NotAHome { .. } => "name another directory with --home".into(),
        E::Taken { .. } | E::Alike { .. } => {
            format!("see the names that are taken: {program} list")
        }
        E::HomeVersion { .. } => "use the dockpki this home was made with, or a newer one".into(),
        E::OpenKey { path, .. } => format!("chmod 0400 {}", shell_path(path)),
        E::LedgerLine { path, line, .. } => drop_line(path, *line),
        E::File { path, cause } => return file_hint(path, cause, program),
        E::Unsound { .. } => format!("see what mends it: {program} verify"),
        E::Client(error) => return client_hint(error),
        E::Enroll(error) => return enroll_hint(error, program),
        E::Bundle(error) => return bundle_hint(error),
        E::Handed { cause, .. } => return plan_hint(cause, program),
        E::Pki(cause) => return pki_hint(cause, program),
        E::NoneOf { kind, .. } => match kind {
            PairKind::Server => format!("issue one: {program} server issue NAME --san LIST"),
            PairKind::Client => format!("issue one: {program} client issue NAME"),
        },
        E::Unknown { .. } | E::UnknownPair { .. } => format!("see what is there: {program} list"),
        E::Rollover(error) => return rollover_hint(error, program),
        E::KeyElsewhere { name } => format!(
            "send what it needs: {program} client export {name} --as reply -o {name}.reply.pem"
        ),
        E::OtherKeyElsewhere { .. } => format!(
            "leave out --key-type, or sign a request for their new key: {program} client sign FILE \
             --renew"
        ),
        E::Revoked { .. } => "issue another under another name".into(),
        E::NotOneServer { .. } => format!("name it: {program} renew servers/NAME --san LIST"),
        E::ManyNames { .. } => "renew fewer at once, by name, or without --deploy-hook".into(),
        E::Archived { path } => format!("put it aside: {}", aside(path)),
        E::Several { kind, names } => match names.first() {
            Some(name) => format!("name one: {program} install {} {name}", kind.as_str()),
            None => return None,
        },
        E::NothingInstalled { .. } => {
            format!("see what there is to install: {program} install --help")
        }
        E::ChangedSince { .. } => {
            "look at what changed; uninstall takes back the rest and leaves that as it is".into()
        }
        E::WouldNotStart { prefix, .. } => format!(
            "take back what was before it too: {program} uninstall{}",
            prefix_flag(prefix.as_deref())
        ),
        E::Install(cause) => return install_hint(cause, program),
        E::TimerPassphrase { prefix, .. } => format!(
            "{program} timer install --passphrase-file FILE{}",
            prefix_flag(prefix.as_deref())
        ),
        E::Twice { .. } | E::Roster { .. } | E::NoPassphrase { .. } | E::Unwritable { .. } => {
            return None;
        }
    })
}

/// The flag for what stands for `/`, if it is not that.
fn prefix_flag(prefix: Option<&Path>) -> String {
    let prefix = prefix.map(shell_path);
    prefix.map_or_else(String::new, |it| format!(" --prefix {it}"))
}

fn rollover_hint(error: &plan::rollover::Error, program: &str) -> Option<String> {
    use plan::rollover::Error as E;
    Some(match error {
        E::UnderWay { .. } => format!("see how far it has come: {program} ca roll status"),
        E::NotUnderWay => format!("begin one: {program} ca roll start"),
        E::Left { left, .. } => {
            let is_left = |is: fn(&Why) -> bool| left.iter().any(|left| is(&left.why));
            let first = if is_left(|why| matches!(why, Why::InHome)) {
                format!("issue again and hand out: {program} ca roll issue")
            } else if is_left(|why| matches!(why, Why::HandedOut(_))) {
                format!("hand out again what is named; see who has what: {program} ca roll status")
            } else {
                "nothing here can take their place: wait for their end".into()
            };
            format!("{first}; --force locks out who is left")
        }
        E::NothingToUndo | E::Ended { .. } => return None,
    })
}

fn install_hint(error: &plan::install::Error, program: &str) -> Option<String> {
    use plan::install::Error as E;
    Some(match error {
        E::Clash { there, .. } => format!("listen where the daemon does: --listen {there}"),
        E::DaemonJson { .. } => "mend that place, then run the command again".into(),
        E::NotCovered { name, sans, .. } => format!(
            "issue one that is: {program} server issue NAME --san {}",
            shell_word(&format!("{},{name}", sans.replace(", ", ",")))
        ),
        E::NoProbe { .. } => "name the address yourself with --probe HOST:PORT".into(),
        _ => return None,
    })
}

fn client_hint(error: &plan::client::ClientError) -> Option<String> {
    use plan::client::ClientError as E;
    Some(match error {
        E::NoContext { .. } => "make it with --host tcp://HOST:2376".into(),
        E::OtherHost { name, .. } => format!(
            "to give it the new host add --context {name}, or name a new one with --context NAME"
        ),
        E::NotTcp { name, .. } => {
            format!("to make it one add --host tcp://HOST:2376 to --context {name}")
        }
        E::Foreign { path, wanted, .. } => format!("sudo chown -R {wanted} {}", shell_path(path)),
        E::Found { path, .. } if path.ends_with("meta.json") => {
            format!("put it aside: {}", aside(path))
        }
        _ => return None,
    })
}

fn enroll_hint(error: &plan::enroll::EnrollError, program: &str) -> Option<String> {
    use plan::enroll::EnrollError as E;
    Some(match error {
        E::Request { name, .. } => {
            format!("make another key and request: {program} client request {name} --new-key")
        }
        E::OtherKeyType { .. } => {
            "add --new-key to make another key: the open request's is lost then".into()
        }
        E::NotEmpty { .. } => "name another directory with --out".into(),
        E::NoName { .. } => "name the client yourself with --name NAME".into(),
        E::Unexpected { .. } => {
            "have them read the code that their `dockpki client request` shows once more".into()
        }
        E::Signed { name, .. } | E::NotReplied { name, .. } => format!(
            "write its reply again: {program} client export {name} --as reply -o {name}.reply.pem"
        ),
        E::Taken { .. } => {
            "add --renew to give the name this key: the old certificate works until its end".into()
        }
        E::KeyTaken { .. } | E::KeyRevoked { .. } => {
            "have them make another key, with `dockpki client request NAME --new-key`".into()
        }
        E::ReplyThere { .. } => "name another file with --out FILE".into(),
        E::NoKey { .. } => {
            "run it where the request was made, as who made it, or name its directory with \
             --request DIR"
                .into()
        }
        E::UnexpectedCa { .. } => {
            "have whoever signed read the CA's code once more: `dockpki ca show` tells it".into()
        }
        E::OlderCa { name, wanted, .. } => format!(
            "{}; only if `ca roll undo` took the newer CA back, add --expect {wanted}",
            current_one(name)
        ),
        E::NoCopy { bundle, .. } => format!(
            "install it here first: {program} client accept {}",
            bundle.as_deref().map_or_else(|| "-".into(), shell_path)
        ),
        E::Older { name, .. } => current_one(name),
        E::Expired { name, .. } => {
            format!(
                "renew it where the CA is: dockpki renew {name}, which tells how to hand it out"
            )
        }
        E::Message { .. } | E::Reply { .. } | E::OtherKey { .. } => return None,
    })
}

/// Where what is older is replaced: on another machine, by a dockpki of its own.
fn current_one(client: &str) -> String {
    format!("get a current one, where the CA is: dockpki client export {client} --as tar")
}

fn bundle_hint(error: &plan::bundle::Error) -> Option<String> {
    use plan::bundle::Error as E;
    Some(match error {
        E::NoHost { known, .. } => match known {
            Some(host) => format!("name the daemon, as in --host {host}"),
            None => "name the daemon with --host tcp://HOST:2376".into(),
        },
        E::Encrypted => "open it first: age -d -i ~/.ssh/id_ed25519 -o FILE FILE.age".into(),
        E::SecretRecipient => "of an SSH key it is the file that ends in .pub".into(),
        _ => return None,
    })
}

fn file_hint(path: &Path, cause: &pki::Error, program: &str) -> Option<String> {
    match cause {
        pki::Error::NotEncrypted => Some("leave out --passphrase-file".into()),
        pki::Error::WrongPassphrase => None,
        _ if path.ends_with(plan::layout::CA_KEY) => {
            Some("put the key of this CA back from your backup".into())
        }
        _ if path.ends_with(plan::layout::LEDGER) => {
            Some("put the file back from your backup".into())
        }
        _ => Some(format!("see what mends it: {program} verify")),
    }
}

fn pki_hint(cause: &pki::Error, program: &str) -> Option<String> {
    match cause {
        pki::Error::CaExpired { .. } => Some(format!("make the next CA: {program} ca roll start")),
        pki::Error::PrivateKeySent { .. } => Some(
            "it is no secret any more: make another, with `dockpki client request NAME --new-key`"
                .into(),
        ),
        pki::Error::Name { .. } => Some("name the client yourself with --name NAME".into()),
        pki::Error::ClientNotPermitted { .. } => Some("name another client".into()),
        pki::Error::NotPermitted { .. } => {
            Some("this CA was made with --constrain: a new name needs a new CA".into())
        }
        _ => None,
    }
}

/// The command that puts a file aside, over nothing that was put aside before.
fn aside(path: &Path) -> String {
    let path = shell_path(path);
    format!("mv {path} {path}.$(date +%s)")
}

fn host_hint(error: &host::Error, program: &str) -> Option<String> {
    use host::{Asked, Error as E};
    Some(match error {
        E::OpenPassphrase { path, .. } => format!("chmod 0400 {}", shell_path(path)),
        E::NoTerminal { what } => match what {
            Asked::Consent => "pass --yes to agree".into(),
            Asked::Code => {
                "see the code with --dry-run, compare it with theirs and pass it: --expect CODE"
                    .into()
            }
            Asked::Passphrase => "pass it in a file, with --passphrase-file FILE".into(),
            Asked::NewPassphrase => "pass it in a file, with --new-passphrase-file FILE".into(),
        },
        E::Changed { .. } => "look at it, then run the command again".into(),
        E::NotUndone { .. } | E::NotDurable { .. } | E::StillKept { .. } => {
            format!("mend the cause, then run: {program} list")
        }
        E::ForeignHome { path, owner } => format!(
            "run the same as that user: sudo -u '#{owner}' dockpki --home {} …",
            shell_path(path)
        ),
        E::NotADirectory { path, wanted } => {
            let of_home = plan::layout::PairKind::ALL
                .iter()
                .any(|kind| path.ends_with(kind.directory()));
            match of_home || *wanted == "a directory" {
                true => aside(path),
                false if *wanted == "a root directory" => {
                    "name another directory with --prefix".into()
                }
                false => "name another directory with --home".into(),
            }
        }
        E::Journal { path, .. } => format!(
            "put it aside, then see how the home is: {} && {program} verify",
            aside(path)
        ),
        E::Io { path, cause, .. } if cause.kind() == std::io::ErrorKind::AlreadyExists => {
            match path.starts_with("/dev") {
                // As root it would work, and nothing else on the machine after it.
                true => "name a file elsewhere: what is in /dev is the machine's".into(),
                false => format!("if you can do without it: {}", aside(path)),
            }
        }
        E::OnTerminal => "name a file with -o FILE, or encrypt it with --encrypt-to".into(),
        E::NoLedger { .. } => AS_OWNER.into(),
        E::Recipients {
            cause: plan::bundle::Error::SecretRecipient,
            path,
        } => format!(
            "name its public half: --encrypt-to {}.pub",
            shell_path(path)
        ),
        E::NoDockerConfig => "name one with --docker-config DIR".into(),
        E::UnknownCaller { .. } | E::StillRoot { .. } | E::RootlessRoot => {
            "run it as the user themselves, without sudo".into()
        }
        E::NoHome => "name one with --home DIR".into(),
        E::NoRestart { mode } => {
            let example = match mode {
                DaemonMode::Rootful => "service docker restart",
                DaemonMode::Rootless => "sv restart ~/service/docker",
            };
            format!("name it, as in --restart-command '{example}', or pass --restart never")
        }
        E::Held { .. } => "wait until it has ended, then run the command again".into(),
        E::Invalid { .. } => "look at daemon.json and at the unit's flags".into(),
        E::NotServed { .. } => {
            "restart the daemon, for it reads its certificates only when it starts".into()
        }
        E::NotPutBack { left, .. } => match **left {
            E::Command { .. } => RESTART_OTHERWISE.into(),
            _ => "mend the cause, then run the command again: it puts back the rest first".into(),
        },
        E::Command { .. } => RESTART_OTHERWISE.into(),
        E::Io { path, .. } if error.is_permission() && is_roots(path) => "run it as root".into(),
        error if error.is_permission() => AS_OWNER.into(),
        _ => return None,
    })
}

/// Whether only root writes there, on every machine.
fn is_roots(path: &Path) -> bool {
    ["/etc", "/var/lib"]
        .iter()
        .any(|root| path.starts_with(root))
}

fn shell_path(path: &Path) -> String {
    shell_word(&path.to_string_lossy())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(UsageError::Clap(error)) => error.fmt(f),
            Self::Usage(UsageError::Value(error)) => error.fmt(f),
            Self::Usage(UsageError::Other(text)) => f.write_str(text),
            Self::Plan(error) => error.fmt(f),
            Self::Host(error) => error.fmt(f),
            Self::ClientName(error) => {
                write!(f, "the client would be named after you, but {error}")
            }
            Self::NotAgreed => f.write_str("not agreed, nothing was changed"),
            Self::IssuedInPart {
                issued,
                wanted,
                exported: 0,
                cause,
            } => write!(f, "{issued} of {wanted} clients were issued, then: {cause}"),
            Self::IssuedInPart {
                issued,
                wanted,
                exported,
                cause,
            } => write!(
                f,
                "{issued} of {wanted} clients were issued and {exported} exported, then: {cause}"
            ),
            Self::TakenBackInPart { store, cause } => write!(
                f,
                "taken back but for what `{}` remembers: {}",
                store.display(),
                match &**cause {
                    Self::NotAgreed => "not agreed".into(),
                    cause => cause.to_string(),
                }
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<UsageError> for Error {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

impl From<plan::Error> for Error {
    fn from(error: plan::Error) -> Self {
        Self::Plan(error)
    }
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        Self::Host(error)
    }
}

impl From<pki::Error> for Error {
    fn from(error: pki::Error) -> Self {
        Self::Plan(error.into())
    }
}

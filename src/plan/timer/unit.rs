//! The text of the two units.

use std::path::PathBuf;

use super::{Argument, Job, text};
use crate::plan::machine::Manager;
use crate::plan::systemd::{Dollar, quote};

/// How both begin.
const MARK: &str = "# Made by dockpki.  `dockpki timer remove` removes this file.\n";

/// The name under which systemd hands the passphrase over (systemd.exec(5), LoadCredential=).
const CREDENTIAL: &str = "passphrase";

/// What is around the service on its machine.
#[derive(Debug)]
pub struct Surroundings {
    /// Whose systemd runs it.
    pub manager: Manager,
    /// What the environment must have, which systemd leaves out.
    pub environment: Vec<(String, String)>,
    /// Where it writes beside the home, whether it is there or not.
    pub writes: Vec<PathBuf>,
}

/// What keeps the service of a machine from what it does not need.  It reads everything, writes
/// where it says, runs systemctl and `dockerd --validate`, and talks to systemd and to the daemon
/// over local sockets and TCP.
const SANDBOX: &str = "\
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
";

/// Whether a unit was made by dockpki, by how it begins.
pub(super) fn is_made_by_us(content: &[u8]) -> bool {
    content.starts_with(MARK.as_bytes())
}

/// The service.
pub fn service(job: &Job, surroundings: &Surroundings) -> String {
    let Surroundings {
        manager,
        environment,
        writes,
    } = surroundings;
    let mut service = format!("Type=oneshot\nExecStart={}\n", command_line(job));
    for (name, value) in environment {
        let assignment = quote(&format!("{name}={value}"), Dollar::Stays);
        service.push_str(&format!("Environment={assignment}\n"));
    }
    if let Some(file) = &job.passphrase_file {
        // Not a word that could be quoted, but the rest of the line.
        let file = text(file).replace('%', "%%");
        service.push_str(&format!("LoadCredential={CREDENTIAL}:{file}\n"));
    }
    service.push_str("UMask=0077\nNoNewPrivileges=yes\n");
    // A user's systemd may not do more.
    if *manager == Manager::System {
        service.push_str(SANDBOX);
        let in_temporary =
            |path: &PathBuf| path.starts_with("/tmp") || path.starts_with("/var/tmp");
        if !in_temporary(&job.home) && !writes.iter().any(in_temporary) {
            service.push_str("PrivateTmp=yes\n");
        }
        let home = quote(&text(&job.home), Dollar::Stays);
        service.push_str(&format!("ReadWritePaths={home}\n"));
        for path in writes {
            // Without it the service would not start, and there may be nothing to write there.
            let path = quote(&format!("-{}", text(path)), Dollar::Stays);
            service.push_str(&format!("ReadWritePaths={path}\n"));
        }
    }
    format!(
        "{MARK}\n[Unit]\nDescription=Renew the certificates of Docker's remote API\n\
         After=docker.service\n\n[Service]\n{service}"
    )
}

/// The timer: once a day, not for all machines at once, and soon after a day that was missed.
pub fn timer() -> String {
    format!(
        "{MARK}\n[Unit]\nDescription=Renew the certificates of Docker's remote API every day\n\n\
         [Timer]\nOnCalendar=daily\nRandomizedDelaySec=6h\nPersistent=yes\n\n\
         [Install]\nWantedBy=timers.target\n"
    )
}

fn command_line(job: &Job) -> String {
    // Variables are not replaced in the program's path.
    let mut line = quote(&text(&job.program), Dollar::Stays);
    let credential = format!("${{CREDENTIALS_DIRECTORY}}/{CREDENTIAL}");
    for argument in job.arguments(&credential) {
        line.push(' ');
        match argument {
            Argument::Text(word) => line.push_str(&quote(&word, Dollar::Expands)),
            Argument::AsIs(word) => line.push_str(&word),
        }
    }
    line
}

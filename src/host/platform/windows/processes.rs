//! Other processes: what we start; a daemon of this machine's is none we talk to.

use std::convert::Infallible;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::host::environment::variable;

/// There is none that we connect to.
pub(in crate::host) struct LocalSocket(Infallible);

pub(in crate::host) fn connect(_path: &Path) -> io::Result<LocalSocket> {
    Err(ErrorKind::Unsupported.into())
}

impl LocalSocket {
    pub(in crate::host) fn set_read_timeout(&self, _limit: Option<Duration>) -> io::Result<()> {
        match self.0 {}
    }

    pub(in crate::host) fn set_write_timeout(&self, _limit: Option<Duration>) -> io::Result<()> {
        match self.0 {}
    }
}

impl Read for LocalSocket {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl Write for LocalSocket {
    fn write(&mut self, _octets: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

/// Changes nothing: the tree of what a process started is known without.
pub(in crate::host) fn in_own_group(command: &mut Command) -> &mut Command {
    command
}

/// A process, with what it started.
pub(in crate::host) struct Group(u32);

impl Group {
    pub(in crate::host) fn of(child: &Child) -> Self {
        Self(child.id())
    }

    /// Ends all of it, by the system's own program: to do it ourselves takes unsafe code.
    pub(in crate::host) fn kill(&self) {
        let system = variable("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
        let mut command = Command::new(Path::new(&system).join(r"System32\taskkill.exe"));
        command.args(["/T", "/F", "/PID", &self.0.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let _ = command.status();
    }
}

/// There are no signals.
pub(in crate::host) fn ending_signal(_status: ExitStatus) -> Option<i32> {
    None
}

/// None that we know is a dockerd.
pub(in crate::host) fn process_name(_process: u32) -> io::Result<String> {
    Err(ErrorKind::Unsupported.into())
}

/// Cannot.
pub(in crate::host) fn hang_up(_process: u32) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

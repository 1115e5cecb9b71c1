//! What a shell is told, so that docker's client in it talks to a daemon with TLS.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::client::ClientError;
use super::docker_host::DockerHost;

/// The variables docker's client looks at.  There are no others that dockpki sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerEnv {
    /// They are set.
    Set {
        /// DOCKER_HOST; left as it is if nobody knows one.
        host: Option<DockerHost>,
        /// DOCKER_CERT_PATH: the directory of ca.pem, cert.pem and key.pem.
        cert_path: PathBuf,
    },
    /// They are no more.
    Unset,
}

impl DockerEnv {
    /// Each variable with its value, or without one if it is no more, in the order they are
    /// written.
    pub fn variables(&self) -> Vec<(&'static str, Option<PathBuf>)> {
        const HOST: &str = "DOCKER_HOST";
        const VERIFY: &str = "DOCKER_TLS_VERIFY";
        const CERT_PATH: &str = "DOCKER_CERT_PATH";
        match self {
            Self::Set { host, cert_path } => {
                let host = host.as_ref().map(|host| (HOST, host.to_string().into()));
                // Any value means yes, also 0 and false; 1 is what all clients understand.
                let others = [(VERIFY, "1".into()), (CERT_PATH, cert_path.clone())];
                let all = host.into_iter().chain(others);
                all.map(|(name, value)| (name, Some(value))).collect()
            }
            Self::Unset => vec![(HOST, None), (VERIFY, None), (CERT_PATH, None)],
        }
    }
}

/// A shell, by the syntax it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shell {
    /// bash, and every other shell of POSIX.
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    PowerShell,
    /// Windows' command prompt.
    Cmd,
}

impl Shell {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 5] = [
        Self::Bash,
        Self::Zsh,
        Self::Fish,
        Self::PowerShell,
        Self::Cmd,
    ];

    /// The name `--shell` takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::PowerShell => "powershell",
            Self::Cmd => "cmd",
        }
    }

    /// The shell at a path such as `$SHELL`'s; nothing for one that is not known.
    pub fn from_path(path: &Path) -> Option<Self> {
        let name = path.file_name().and_then(OsStr::to_str)?;
        match name.strip_suffix(".exe").unwrap_or(name) {
            "bash" | "sh" | "dash" | "ash" | "ksh" | "mksh" | "busybox" => Some(Self::Bash),
            "zsh" => Some(Self::Zsh),
            "fish" => Some(Self::Fish),
            "pwsh" | "powershell" => Some(Self::PowerShell),
            "cmd" => Some(Self::Cmd),
            _ => None,
        }
    }
}

impl FromStr for Shell {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        let mut all = Self::ALL.into_iter();
        all.find(|shell| shell.as_str() == text)
            .ok_or_else(|| ClientError::Shell {
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_known_by_its_name_and_by_its_path() {
        for shell in Shell::ALL {
            assert_eq!(shell.as_str().parse(), Ok(shell));
            let path = format!("/usr/bin/{}", shell.as_str());
            assert_eq!(Shell::from_path(Path::new(&path)), Some(shell));
        }
        let at = |path: &str| Shell::from_path(Path::new(path));
        assert_eq!(at("/bin/sh"), Some(Shell::Bash));
        assert_eq!(
            at("/opt/microsoft/powershell/7/pwsh"),
            Some(Shell::PowerShell)
        );
        assert_eq!(at("cmd.exe"), Some(Shell::Cmd));
        for unknown in ["", "/", "/bin/tcsh", "/usr/bin/nu", "/bin/bash/.."] {
            assert_eq!(at(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn refuses_a_shell_it_does_not_know() {
        assert_eq!(
            "tcsh".parse::<Shell>().unwrap_err().to_string(),
            "`tcsh` is not a shell: wanted bash, zsh, fish, powershell or cmd"
        );
        assert!("Bash".parse::<Shell>().is_err());
        assert!("".parse::<Shell>().is_err());
    }
}

//! The flags of dockerd that dockpki looks at, and which of them clash with daemon.json.

/// The flags that dockpki has to know of, as dockerd gets them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DaemonFlags {
    /// `-H` and `--host`, in their order.  In daemon.json: `hosts`.
    pub hosts: Vec<String>,
    /// `--tls`.
    pub tls: Option<bool>,
    /// `--tlsverify`.
    pub tlsverify: Option<bool>,
    /// `--tlscacert`.
    pub tlscacert: Option<String>,
    /// `--tlscert`.
    pub tlscert: Option<String>,
    /// `--tlskey`.
    pub tlskey: Option<String>,
    /// `--config-file`: where daemon.json is.
    pub config_file: Option<String>,
    /// `-p` and `--pidfile`.
    pub pidfile: Option<String>,
    /// `--live-restore`.
    pub live_restore: Option<bool>,
}

impl DaemonFlags {
    /// Sets what a flag says; of hosts there can be many.
    pub(super) fn set(&mut self, flag: Flag, value: &str) -> Result<(), NotABoolean> {
        let text = || Some(value.to_owned());
        match flag {
            Flag::Host => self.hosts.push(value.to_owned()),
            Flag::Tls => self.tls = Some(boolean(value)?),
            Flag::TlsVerify => self.tlsverify = Some(boolean(value)?),
            Flag::TlsCaCert => self.tlscacert = text(),
            Flag::TlsCert => self.tlscert = text(),
            Flag::TlsKey => self.tlskey = text(),
            Flag::ConfigFile => self.config_file = text(),
            Flag::Pidfile => self.pidfile = text(),
            Flag::LiveRestore => self.live_restore = Some(boolean(value)?),
        }
        Ok(())
    }
}

/// A switch was given a value that is neither true nor false.
#[derive(Debug)]
pub(super) struct NotABoolean;

/// As Go's strconv.ParseBool.
fn boolean(value: &str) -> Result<bool, NotABoolean> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(NotABoolean),
    }
}

/// A flag that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    Host,
    Tls,
    TlsVerify,
    TlsCaCert,
    TlsCert,
    TlsKey,
    ConfigFile,
    Pidfile,
    LiveRestore,
}

impl Flag {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "host" => Some(Self::Host),
            "tls" => Some(Self::Tls),
            "tlsverify" => Some(Self::TlsVerify),
            "tlscacert" => Some(Self::TlsCaCert),
            "tlscert" => Some(Self::TlsCert),
            "tlskey" => Some(Self::TlsKey),
            "config-file" => Some(Self::ConfigFile),
            "pidfile" => Some(Self::Pidfile),
            "live-restore" => Some(Self::LiveRestore),
            _ => None,
        }
    }

    /// Whether install writes its counterpart into daemon.json.
    pub(super) fn clashes(self) -> bool {
        match self {
            Self::Host
            | Self::Tls
            | Self::TlsVerify
            | Self::TlsCaCert
            | Self::TlsCert
            | Self::TlsKey => true,
            Self::ConfigFile | Self::Pidfile | Self::LiveRestore => false,
        }
    }

    /// Whether it stands for `true` without a value, and never takes the next argument for one.
    pub(super) fn is_switch(self) -> bool {
        match self {
            Self::Tls | Self::TlsVerify | Self::LiveRestore => true,
            Self::Host
            | Self::TlsCaCert
            | Self::TlsCert
            | Self::TlsKey
            | Self::ConfigFile
            | Self::Pidfile => false,
        }
    }
}

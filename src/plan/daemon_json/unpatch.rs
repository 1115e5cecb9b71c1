//! Takes back what a patch did, from a file that may have been edited since.
//!
//! Each key goes back to what it was before, if it is still as we left it; a key that the user has
//! changed or removed since stays so.  Two rules go beyond that, because half an undo could open
//! the daemon to the network, which is root on the host:
//!
//! - **The five TLS keys go back together or not at all.**  They stay, all as they are now, as
//!   soon as one of them is neither as installed nor as before: then the user has made the set
//!   their own, and any part of it would be worse than the whole.  `tlsverify` without `tlscacert`
//!   trusts every CA of the system, paths without `tls` are plain TCP, `tls` without paths does
//!   not start.
//! - **They stay, too, if they guard an address that was not there before**: one that the user has
//!   added to `hosts` since, and that would be plain TCP without them.

use super::directive::{Directive, Value};
use super::edit::{Edits, Style};
use super::syntax::Root;
use super::{DaemonJson, Tls, Wanted};

/// What becomes of a key that is there.
enum Fate {
    /// It stays as it is written.
    Keep,
    /// Its value is replaced by this text.
    Write(String),
    /// It goes.
    Remove,
}

/// What becomes of the TLS keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TlsFate {
    GoBack,
    Stay,
}

impl DaemonJson {
    /// The file without what a patch put there: `self` is what is there now, `before` the file as
    /// the patch found it.
    ///
    /// If nothing has changed since the patch, these are the octets of `before`.  Otherwise each
    /// key that is still as installed goes back to what it was, in its old spelling, and whatever
    /// the user has changed since stays:
    ///
    /// - Of `hosts`, those entries go that the patch added, those come back that it took away, and
    ///   what the user has added or removed since stays so.  If there was no `hosts` before, and
    ///   some of it has to stay, the local sockets that we installed stay with it.
    /// - The five TLS keys go back together or not at all.  They stay as they are if the user has
    ///   made one of them another than we installed or found, and if an address that the user has
    ///   added to `hosts` would be plain TCP without them.
    pub fn unpatch(&self, installed: &Wanted, before: &Self) -> Vec<u8> {
        // The rules below come to the same, but this has to hold whatever becomes of them.
        if self.text.as_bytes() == before.patch(installed) {
            return before.text.clone().into_bytes();
        }
        let mut edits = Edits::default();
        let mut gone = Vec::new();
        for (key, fate) in self.fates(installed, before) {
            match (fate, self.entry(key)) {
                (Fate::Write(text), Some(entry)) => edits.replace(entry.value.clone(), text),
                (Fate::Remove, Some(_)) => gone.push(key.as_str()),
                (Fate::Keep, _) | (_, None) => {}
            }
        }
        if let Root::Object { inner, entries } = &self.root
            && !gone.is_empty()
        {
            let goes = |name: &str| gone.contains(&name);
            let empty = match &before.root {
                Root::Object { inner, entries } if entries.is_empty() => {
                    &before.text[inner.clone()]
                }
                Root::Object { .. } => "",
                // What became an object becomes again what it was, if nobody has added to it.
                Root::Blank { .. } | Root::Null { .. }
                    if entries.iter().all(|entry| goes(&entry.name)) =>
                {
                    return before.text.clone().into_bytes();
                }
                Root::Blank { .. } | Root::Null { .. } => "",
            };
            edits.remove(inner, entries, |entry| goes(&entry.name), empty);
        }
        edits.apply(&self.text).into_bytes()
    }

    /// What becomes of each key that was installed.
    fn fates(&self, installed: &Wanted, before: &Self) -> Vec<(Directive, Fate)> {
        let installed_hosts = installed.hosts.as_deref();
        let hosts = match (installed_hosts, self.hosts()) {
            (Some(installed), Some(now)) => hosts_left(now, installed, before.hosts()),
            (_, now) => now.unwrap_or_default().to_vec(),
        };
        let tls = self.tls_fate(installed, before, &hosts);
        let mut fates = Vec::new();
        for (key, value) in installed.settings() {
            let untouched = self.ours.get(&key) == Some(&value);
            let fate = match key {
                Directive::Hosts => self.hosts_fate(&hosts, tls, installed_hosts, before),
                Directive::LiveRestore if !untouched => Fate::Keep,
                Directive::LiveRestore => before.spelling(key),
                Directive::Tls
                | Directive::TlsVerify
                | Directive::TlsCaCertificate
                | Directive::TlsCertificate
                | Directive::TlsKey => match tls {
                    TlsFate::GoBack => before.spelling(key),
                    TlsFate::Stay => Fate::Keep,
                },
            };
            fates.push((key, fate));
        }
        fates
    }

    /// See the two rules at the head of this file.
    fn tls_fate(&self, installed: &Wanted, before: &Self, hosts: &[String]) -> TlsFate {
        let settings = installed.settings();
        let made_their_own = Directive::TLS.iter().any(|key| {
            let now = self.ours.get(key);
            now != settings.get(key) && now != before.ours.get(key)
        });
        let known = before.hosts().unwrap_or_default();
        let new_address = hosts.iter().any(|h| !is_local(h) && !known.contains(h));
        let opens = new_address && !before.tls().verifies_clients();
        match made_their_own || opens {
            true => TlsFate::Stay,
            false => TlsFate::GoBack,
        }
    }

    /// `left` is what of `hosts` is the user's.
    fn hosts_fate(
        &self,
        left: &[String],
        tls: TlsFate,
        installed: Option<&[String]>,
        before: &Self,
    ) -> Fate {
        let (Some(now), Some(installed)) = (self.hosts(), installed) else {
            return Fate::Keep;
        };
        // With TLS keys and without `hosts`, dockerd listens on localhost:2376 and nowhere else.
        let moved_by_tls = tls == TlsFate::Stay && self.tls().is_on() && !before.tls().is_on();
        let hosts = match before.hosts() {
            None if !left.is_empty() || moved_by_tls => {
                let stays = |host: &&String| is_local(host) || !installed.contains(host);
                now.iter().filter(stays).cloned().collect()
            }
            _ => left.to_vec(),
        };
        if hosts == before.hosts().unwrap_or_default() {
            before.spelling(Directive::Hosts)
        } else if hosts == now {
            Fate::Keep
        } else {
            let style = Style::of(&self.text, &self.root);
            Fate::Write(style.value(&Value::List(hosts)))
        }
    }

    /// How a key was written here, for a file that goes back to that.
    fn spelling(&self, key: Directive) -> Fate {
        match self.entry(key) {
            Some(entry) => Fate::Write(self.text[entry.value.clone()].to_owned()),
            None => Fate::Remove,
        }
    }
}

/// The entries of `hosts` that are not ours: those from before which are there still or which the
/// patch took away, then those that the user has added since.
fn hosts_left(now: &[String], installed: &[String], before: Option<&[String]>) -> Vec<String> {
    let before = before.unwrap_or_default();
    let was = before
        .iter()
        .filter(|host| now.contains(host) || !installed.contains(host));
    let added = now
        .iter()
        .filter(|host| !installed.contains(host) && !before.contains(host));
    was.chain(added).cloned().collect()
}

/// Whether an entry of `hosts` is a socket of this machine.
pub(super) fn is_local(host: &str) -> bool {
    let schemes = ["unix://", "fd://", "npipe://"];
    schemes.iter().any(|scheme| host.starts_with(scheme))
}

impl Tls {
    /// Whether dockerd speaks TLS at all: `tlsverify` turns it on by being there.
    pub(super) fn is_on(&self) -> bool {
        self.tls == Some(true) || self.verify.is_some()
    }

    /// Whether only clients of a CA of its own get in.
    pub(super) fn verifies_clients(&self) -> bool {
        let own_ca = self.ca_certificate.as_ref().is_some_and(|p| !p.is_empty());
        self.is_on() && self.verify != Some(false) && own_ca
    }
}

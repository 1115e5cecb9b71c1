//! Renewals that are killed or fail at any point.

use super::*;

/// A renewal whose every step is a point.
struct Renewal {
    before: TestHome,
    names: Vec<String>,
    /// What the file system lacks: `exchange`, `links`, or nothing.
    lacks: &'static str,
}

/// What is in a home of an old or a new pair: `kind/name` and the certificate's serial.
type Serials = BTreeSet<(String, String)>;

impl Renewal {
    fn of(clients: usize, lacks: &'static str) -> Self {
        let before = home_with_ca();
        let names = Vec::from_iter((0..clients).map(|number| format!("c{number}")));
        if clients > 0 {
            let issue = ["client", "issue"].into_iter();
            before
                .run(issue.chain(names.iter().map(String::as_str)))
                .succeeds();
        }
        Self {
            before,
            names,
            lacks,
        }
    }

    /// One client, where the archive is still to be made.
    fn one() -> Self {
        let mut one = Self::of(0, "");
        one.names = vec!["alice".into()];
        one
    }

    /// A server and a client of the same name and one more, where there is an archive already.
    fn several() -> Self {
        let mut several = Self::of(0, "");
        several
            .before
            .run(["client", "issue", "localhost"])
            .succeeds();
        several.before.run(["renew", "alice", "--force"]).succeeds();
        several.names = vec!["alice".into(), "localhost".into()];
        several
    }

    fn lacking(self, lacks: &'static str) -> Self {
        Self { lacks, ..self }
    }

    fn arguments(&self) -> Vec<&str> {
        let names = self.names.iter().map(String::as_str);
        ["renew", "--force"].into_iter().chain(names).collect()
    }

    fn faulty(&self, home: &TestHome, variables: &[(&str, &str)]) -> Faulty {
        let lacks = [("FAULT_LACKS", self.lacks)];
        faulty(home, &self.arguments(), &[variables, &lacks].concat())
    }

    fn calls(&self) -> Vec<String> {
        let home = copy_of(&self.before);
        let log = home.around().join("log");
        let ran = self.faulty(&home, &[("FAULT_LOG", log.to_str().unwrap())]);
        ran.ran.succeeds();
        assert_eq!(self.assert_old_or_new(&home), AllOrNothing::All);
        let text = fs::read_to_string(log).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn killed_at(&self, home: &TestHome, at: usize) -> bool {
        let at = at.to_string();
        let variables = [("FAULT_AT", at.as_str()), ("FAULT_KIND", "kill")];
        self.faulty(home, &variables).killed
    }

    /// How many pairs it renews.
    fn count(&self) -> usize {
        let kinds = ["servers", "clients"].into_iter();
        let all =
            kinds.flat_map(|kind| self.names.iter().map(move |name| format!("{kind}/{name}")));
        all.filter(|pair| self.before.path().join(pair).exists())
            .count()
    }

    /// Asserts that every pair is the old one or every one is new, that the archive has exactly
    /// what was replaced, whole, and that the ledger agrees.
    fn assert_old_or_new(&self, home: &TestHome) -> AllOrNothing {
        let ran = home.run(["verify"]).succeeds();
        assert!(ran.stdout.contains("nothing found"), "{ran:#?}");
        assert_nothing_hidden(home);
        assert_safe(home);
        let (before, now) = (pairs_of(&self.before), pairs_of(home));
        let (archived_before, archived) = (archive_of(&self.before), archive_of(home));
        let gone: Serials = before.difference(&now).cloned().collect();
        let fresh: Serials = now.difference(&before).cloned().collect();
        let names = |all: &Serials| Vec::from_iter(all.iter().map(|(name, _)| name.clone()));
        assert_eq!(names(&gone), names(&fresh));
        let archived_now = archived.difference(&archived_before).cloned().collect();
        let serials = |all: &Serials| BTreeSet::from_iter(all.iter().map(|(_, it)| it.clone()));
        assert_eq!(serials(&gone), archived_now, "not what was replaced");
        assert!(archived.is_superset(&archived_before));
        assert_whole_archive(home);

        let all: BTreeSet<_> = serials(&now).union(&archived).cloned().collect();
        let entries = ledger(home);
        let issued = entries.iter().filter(|entry| entry["kind"] != "ca");
        let entered: Vec<_> = issued.map(|entry| text_of(&entry["serial"])).collect();
        assert_eq!(entered.len(), all.len());
        assert_eq!(
            BTreeSet::from_iter(entered),
            all,
            "the ledger does not agree"
        );
        for (name, serial) in &fresh {
            let entry = entries.iter().find(|entry| entry["serial"] == **serial);
            let replaces = text_of(&entry.unwrap()["replaces"]);
            assert!(gone.contains(&(name.clone(), replaces)), "{name}");
        }
        match gone.len() {
            0 => AllOrNothing::Nothing,
            all => {
                assert_eq!(all, self.count(), "neither all of them nor none");
                AllOrNothing::All
            }
        }
    }

    /// Kills it at each point.  The next command finishes it or undoes it, and says so.
    fn survives_a_kill_at_each_point(&self) {
        let calls = self.calls();
        at_each_point(&calls, |at| {
            let home = copy_of(&self.before);
            assert!(self.killed_at(&home, at), "it was not killed");
            self.assert_safe_pairs(&home);
            let had_journal = has_journal(&home);
            let ran = home.run(["list"]).succeeds();
            let told = told_of_recovery(&ran, had_journal, "renew");
            let became = self.assert_old_or_new(&home);
            assert!(
                told.is_none_or(|told| told == became),
                "{told:?}, {became:?}"
            );
            home.run(self.arguments()).succeeds();
        });
        assert!(!self.killed_at(&copy_of(&self.before), calls.len() + 1));
    }

    /// Between any two calls a pair is whole; without an exchange it may be missing.
    fn assert_safe_pairs(&self, home: &TestHome) {
        assert_safe(home);
        if self.lacks != "exchange" {
            let names = |all: Serials| Vec::from_iter(all.into_iter().map(|(name, _)| name));
            assert_eq!(names(pairs_of(home)), names(pairs_of(&self.before)));
        }
    }

    /// Kills it at each point, then the next command at each point of its recovery.
    fn survives_a_kill_of_its_recovery(&self) {
        at_each_point(&self.calls(), |at| {
            let home = copy_of(&self.before);
            assert!(self.killed_at(&home, at));
            for again_at in 1.. {
                let home = copy_of(&home);
                let at = again_at.to_string();
                let variables = [
                    ("FAULT_AT", at.as_str()),
                    ("FAULT_KIND", "kill"),
                    ("FAULT_LACKS", self.lacks),
                ];
                if !faulty(&home, &["list"], &variables).killed {
                    break;
                }
                assert_safe(&home);
                let ran = home.run(["list"]).succeeds();
                let told = told_of_recovery(&ran, ran.stderr.contains("an earlier"), "renew");
                let became = self.assert_old_or_new(&home);
                assert!(
                    told.is_none_or(|told| told == became),
                    "{told:?}, {became:?}"
                );
            }
        });
    }

    /// Makes calls fail at each point.  The old pairs are whole, or the command says that it is
    /// done, or what the next one does.
    fn undoes_itself_at_each_point(&self, kind: &str, reach: &str, not_undone: NotUndone) {
        at_each_point(&self.calls(), |at| {
            let home = copy_of(&self.before);
            let before = snapshot(&home.path());
            let at = at.to_string();
            let variables = [
                ("FAULT_AT", &*at),
                ("FAULT_KIND", kind),
                ("FAULT_REACH", reach),
            ];
            let ran = self.faulty(&home, &variables).ran;
            self.assert_safe_pairs(&home);
            let became = match ran.code {
                0 => Some(AllOrNothing::All),
                1 => {
                    assert!(ran.stderr.starts_with("error: "), "{ran:#?}");
                    assert_eq!(ran.stdout, "");
                    assert_same(&before, &home);
                    Some(AllOrNothing::Nothing)
                }
                3 if ran.stderr.contains(NOT_DURABLE) => Some(AllOrNothing::All),
                3 => {
                    assert!(not_undone == NotUndone::Allowed, "{ran:#?}");
                    assert!(ran.stderr.contains(NOT_UNDONE), "{ran:#?}");
                    None
                }
                _ => panic!("{ran:#?}"),
            };
            // Mended: the next command finds its way.
            home.run(["list"]).succeeds();
            let found = self.assert_old_or_new(&home);
            assert!(became.is_none_or(|became| became == found), "{ran:#?}");
            home.run(self.arguments()).succeeds();
        });
    }

    /// Makes one call fail at each point, then kills it at each later point, while it undoes
    /// itself.
    fn survives_a_kill_while_undoing(&self) {
        at_each_point(&self.calls(), |at| {
            for kill_at in at + 1.. {
                let home = copy_of(&self.before);
                let (at, kill_at) = (at.to_string(), kill_at.to_string());
                let variables = [
                    ("FAULT_AT", at.as_str()),
                    ("FAULT_KIND", "eio"),
                    ("FAULT_KILL_AT", kill_at.as_str()),
                ];
                if !self.faulty(&home, &variables).killed {
                    break;
                }
                self.assert_safe_pairs(&home);
                let had_journal = has_journal(&home);
                let ran = home.run(["list"]).succeeds();
                let told = told_of_recovery(&ran, had_journal, "renew");
                let became = self.assert_old_or_new(&home);
                assert!(
                    told.is_none_or(|told| told == became),
                    "{told:?}, {became:?}"
                );
            }
        });
    }
}

fn text_of(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn ledger(home: &TestHome) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(home.path().join("issued.jsonl")).unwrap();
    assert!(text.ends_with('\n'));
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// The servers and clients that are in their place.
fn pairs_of(home: &TestHome) -> Serials {
    let mut found = Serials::new();
    for (kind, file) in [("servers", "server-cert.pem"), ("clients", "cert.pem")] {
        for pair in fs::read_dir(home.path().join(kind)).unwrap() {
            let pair = pair.unwrap();
            let name = pair.file_name().to_str().unwrap().to_owned();
            if !name.starts_with('.') {
                let pem = fs::read(pair.path().join(file)).unwrap();
                let serial = Certificate::from_pem(&pem).unwrap().serial.to_string();
                found.insert((format!("{kind}/{name}"), serial));
            }
        }
    }
    found
}

/// The names in the archive.
fn archive_of(home: &TestHome) -> BTreeSet<String> {
    let entries = fs::read_dir(home.path().join("archive"))
        .into_iter()
        .flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// Asserts that each directory in the archive has a certificate of its serial, its key and its CA.
fn assert_whole_archive(home: &TestHome) {
    for serial in archive_of(home) {
        let directory = home.path().join("archive").join(&serial);
        assert_eq!(directory.metadata().unwrap().mode() & 0o7777, 0o700);
        let is_server = directory.join("server-cert.pem").exists();
        let (certificate, key) = match is_server {
            true => ("server-cert.pem", "server-key.pem"),
            false => ("cert.pem", "key.pem"),
        };
        let read = |name: &str| fs::read(directory.join(name)).unwrap();
        let certificate = Certificate::from_pem(&read(certificate)).unwrap();
        assert_eq!(certificate.serial.to_string(), serial);
        let key = PrivateKey::from_pem(&read(key)).unwrap();
        assert!(certificate.public_key == *key.public_key());
        Certificate::from_pem(&read("ca.pem")).unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 3);
    }
}

#[test]
fn renewal_of_one_killed_at_any_point_is_finished_or_undone() {
    Renewal::one().survives_a_kill_at_each_point();
}

#[test]
fn renewal_of_several_killed_at_any_point_is_finished_or_undone() {
    Renewal::several().survives_a_kill_at_each_point();
}

#[test]
fn renewal_of_many_killed_at_any_point_is_finished_or_undone() {
    Renewal::of(6, "").survives_a_kill_at_each_point();
}

#[test]
fn renewal_without_exchange_killed_at_any_point_is_finished_or_undone() {
    Renewal::several()
        .lacking("exchange")
        .survives_a_kill_at_each_point();
}

#[test]
fn recovery_of_a_renewal_killed_at_any_point_is_taken_up_by_the_next_command() {
    for lacks in ["", "exchange"] {
        Renewal::one()
            .lacking(lacks)
            .survives_a_kill_of_its_recovery();
    }
}

#[test]
fn undo_of_a_renewal_killed_at_any_point_is_taken_up_by_the_next_command() {
    for lacks in ["", "exchange"] {
        Renewal::one()
            .lacking(lacks)
            .survives_a_kill_while_undoing();
    }
}

#[test]
fn renewal_undoes_itself_when_one_call_fails() {
    for lacks in ["", "exchange"] {
        let several = Renewal::several().lacking(lacks);
        several.undoes_itself_at_each_point("eio", "once", NotUndone::Never);
    }
}

#[test]
fn renewal_of_one_undoes_itself_when_one_call_fails() {
    Renewal::one().undoes_itself_at_each_point("eio", "once", NotUndone::Never);
}

#[test]
fn renewal_undoes_itself_when_the_disk_fills_up() {
    let several = Renewal::several();
    several.undoes_itself_at_each_point("enospc", "space", NotUndone::Never);
}

#[test]
fn renewal_is_undone_or_finished_later_when_the_disk_turns_read_only() {
    for lacks in ["", "exchange"] {
        let several = Renewal::several().lacking(lacks);
        several.undoes_itself_at_each_point("erofs", "on", NotUndone::Allowed);
    }
}

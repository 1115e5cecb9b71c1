//! Passphrases that are set, changed or removed, by a command that is killed or fails at any point.

use super::*;

const OLD: &str = "the old passphrase";
const NEW: &str = "the new passphrase";

/// What the CA's key file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CaKey {
    Plain,
    Old,
    New,
}

/// A change of the CA key's passphrase.
struct Passwd {
    before: TestHome,
    arguments: Vec<String>,
    from: CaKey,
    to: CaKey,
    /// The unencrypted key's first line of Base64.
    body: String,
}

impl Passwd {
    fn new(from: CaKey, to: CaKey) -> Self {
        let before = TestHome::in_memory();
        for (name, text) in [("old", OLD), ("new", NEW)] {
            secret_file(&before.around().join(name), text);
        }
        let path = |name: &str| before.around().join(name).to_str().unwrap().to_owned();
        let (old, new) = (path("old"), path("new"));
        before.run(INIT).succeeds();
        let plain = fs::read_to_string(before.path().join("ca-key.pem")).unwrap();
        let body = plain.lines().nth(1).unwrap().to_owned();
        if from == CaKey::Old {
            before
                .run(["ca", "passwd", "--new-passphrase-file", &old])
                .succeeds();
        }
        let mut arguments = vec!["ca".to_owned(), "passwd".to_owned()];
        if from == CaKey::Old {
            arguments.extend(["--passphrase-file".to_owned(), old]);
        }
        match to {
            CaKey::Plain => arguments.extend(["--remove".to_owned(), "--yes".to_owned()]),
            _ => arguments.extend(["--new-passphrase-file".to_owned(), new]),
        }
        Self {
            before,
            arguments,
            from,
            to,
            body,
        }
    }

    fn arguments(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }

    fn calls(&self) -> Vec<String> {
        let home = copy_of(&self.before);
        let log = home.around().join("log");
        faulty(
            &home,
            &self.arguments(),
            &[("FAULT_LOG", log.to_str().unwrap())],
        )
        .ran
        .succeeds();
        let text = fs::read_to_string(log).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// What the CA's key file holds: the very octets it held, or what `verify` must open.
    fn key(&self, home: &TestHome) -> CaKey {
        let content = |home: &TestHome| fs::read(home.path().join("ca-key.pem")).unwrap();
        match content(home) == content(&self.before) {
            true => self.from,
            false => self.to,
        }
    }

    /// Asserts that the home is sound and its CA's key opens in one of the two ways.
    fn assert_old_or_new(&self, home: &TestHome) -> CaKey {
        let key = self.key(home);
        let copies = |except_in_place: bool| {
            files_of(&home.path()).into_iter().filter(move |path| {
                let in_place = path.ends_with("ca-key.pem") && except_in_place;
                let content = fs::read(path).unwrap();
                !in_place && String::from_utf8_lossy(&content).contains(&self.body)
            })
        };
        let left: Vec<_> = copies(key == CaKey::Plain).collect();
        assert!(left.is_empty(), "the key is not encrypted in {left:?}");
        // Who issues opens the key, and clears away a journal that was never begun.
        let mut issue = home.command();
        issue.args(["client", "issue", "later"]);
        match key {
            CaKey::Plain => &mut issue,
            CaKey::Old => issue
                .arg("--passphrase-file")
                .arg(self.before.around().join("old")),
            CaKey::New => issue
                .arg("--passphrase-file")
                .arg(self.before.around().join("new")),
        };
        Ran::from(issue.output().unwrap()).succeeds();
        assert_sound(home, &[]);
        key
    }

    /// Kills the change at each point: the key opens as before or as it shall.
    fn survives_a_kill_at_each_point(&self) {
        at_each_point(&self.calls(), |at| {
            let home = copy_of(&self.before);
            assert!(killed_at(&home, &self.arguments(), at));
            assert_safe(&home);
            let had_journal = has_journal(&home);
            let ran = home.run(["list"]).succeeds();
            let told = told_of_recovery(&ran, had_journal, "ca passwd");
            let became = self.assert_old_or_new(&home);
            match told {
                Some(AllOrNothing::All) => assert_eq!(became, self.to),
                Some(AllOrNothing::Nothing) => assert_eq!(became, self.from),
                None => {}
            }
        });
    }

    /// Makes one call fail at each point: the key opens as before, or the command says that it
    /// could not undo itself, and the next one finishes it.
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
            let ran = faulty(&home, &self.arguments(), &variables).ran;
            assert_safe(&home);
            match ran.code {
                0 => assert_eq!(self.key(&home), self.to),
                1 => assert_same(&before, &home),
                3 if [NOT_DURABLE, STILL_KEPT]
                    .iter()
                    .any(|words| ran.stderr.contains(words)) =>
                {
                    assert_eq!(self.key(&home), self.to);
                }
                3 => assert!(
                    not_undone == NotUndone::Allowed && ran.stderr.contains(NOT_UNDONE),
                    "{ran:#?}"
                ),
                _ => panic!("{ran:#?}"),
            }
            // Finishes what could not be undone, if there is such a thing.
            home.run(["list"]).succeeds();
            let became = self.assert_old_or_new(&home);
            if ran.code == 1 {
                assert_eq!(became, self.from);
            }
        });
    }
}

/// A file for its owner alone with one line.
fn secret_file(path: &Path, text: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    writeln!(file.unwrap(), "{text}").unwrap();
}

#[test]
fn setting_a_passphrase_killed_at_any_point_leaves_the_key_openable() {
    Passwd::new(CaKey::Plain, CaKey::New).survives_a_kill_at_each_point();
}

#[test]
fn changing_a_passphrase_killed_at_any_point_leaves_the_key_openable() {
    Passwd::new(CaKey::Old, CaKey::New).survives_a_kill_at_each_point();
}

#[test]
fn removing_a_passphrase_killed_at_any_point_leaves_the_key_openable() {
    Passwd::new(CaKey::Old, CaKey::Plain).survives_a_kill_at_each_point();
}

#[test]
fn setting_a_passphrase_undoes_itself_when_one_call_fails() {
    Passwd::new(CaKey::Plain, CaKey::New).undoes_itself_at_each_point(
        "eio",
        "once",
        NotUndone::Never,
    );
}

#[test]
fn removing_a_passphrase_undoes_itself_when_the_disk_fills_up() {
    Passwd::new(CaKey::Old, CaKey::Plain).undoes_itself_at_each_point(
        "enospc",
        "space",
        NotUndone::Never,
    );
}

#[test]
fn setting_a_passphrase_is_undone_or_finished_later_when_the_disk_turns_read_only() {
    Passwd::new(CaKey::Plain, CaKey::New).undoes_itself_at_each_point(
        "erofs",
        "on",
        NotUndone::Allowed,
    );
}

//! `init`, `client issue` and `server issue`, killed or failing at any point.

use super::*;

/// A command whose every step is a point, and what it makes.
pub(super) struct Case {
    /// What the home is before, or nothing if it is not there.
    before: Option<TestHome>,
    pub(super) arguments: &'static [&'static str],
    /// The journal's name for it.
    command: &'static str,
    /// `kind name` of each pair it makes.
    made: &'static [&'static str],
    /// What the same command says once it is done, and its exit code.
    already: (i32, &'static str),
}

const INIT_MAKES: &[&str] = &["client alice", "server localhost"];

impl Case {
    pub(super) fn init(before: Option<TestHome>) -> Self {
        Self {
            before,
            arguments: INIT,
            command: "init",
            made: INIT_MAKES,
            already: (0, "Nothing was changed"),
        }
    }

    fn two_clients() -> Self {
        Self {
            before: Some(home_with_ca()),
            arguments: &["client", "issue", "a", "b"],
            command: "client issue",
            made: &["client a", "client b"],
            already: (1, "there is a client `a` already, nothing was issued"),
        }
    }

    fn server() -> Self {
        Self {
            before: Some(home_with_ca()),
            arguments: &["server", "issue", "web", "--san", "web.example.com"],
            command: "server issue",
            made: &["server web"],
            already: (1, "there is a server `web` already, nothing was issued"),
        }
    }

    /// Enough for the home to be made durable as a whole, not file by file.
    fn many_clients() -> Self {
        Self {
            before: Some(home_with_ca()),
            arguments: &["client", "issue", "a", "b", "c", "d", "e"],
            command: "client issue",
            made: &["client a", "client b", "client c", "client d", "client e"],
            already: (1, "there is a client `a` already, nothing was issued"),
        }
    }

    /// A fresh home as it is before.
    pub(super) fn home(&self) -> TestHome {
        match &self.before {
            Some(before) => copy_of(before),
            None => TestHome::in_memory(),
        }
    }

    /// `kind name` of each pair in the home before.
    fn names_before(&self) -> BTreeSet<String> {
        let makes_ca = self.command == "init";
        let all = INIT_MAKES.iter().filter(|_| !makes_ca);
        all.map(|name| (*name).to_owned()).collect()
    }

    /// The calls of the command when nothing happens to it.
    pub(super) fn calls(&self) -> Vec<String> {
        let home = self.home();
        let log = home.around().join("log");
        let ran = faulty(
            &home,
            self.arguments,
            &[("FAULT_LOG", log.to_str().unwrap())],
        );
        assert!(!ran.killed);
        ran.ran.succeeds();
        let text = fs::read_to_string(log).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Asserts that all of it was made or nothing.
    fn assert_all_or_nothing(&self, now: &BTreeSet<String>) -> AllOrNothing {
        let before = self.names_before();
        let made = self.made.iter().map(|name| (*name).to_owned());
        let after = before.iter().cloned().chain(made).collect();
        if *now == before {
            return AllOrNothing::Nothing;
        }
        assert_eq!(*now, after, "neither all of it nor nothing");
        AllOrNothing::All
    }

    /// Runs the same command again, to its end: it does it, or says that it is done.
    pub(super) fn again(&self, home: &TestHome) -> Ran {
        let ran = home.run(self.arguments);
        let (code, text) = self.already;
        let done = ran.code == code && (ran.stdout.contains(text) || ran.stderr.contains(text));
        let made = ran.code == 0 && ran.stdout.starts_with("Made ");
        assert!(done || made, "{ran:#?}");
        let now = assert_sound(home, &[]);
        assert_eq!(self.assert_all_or_nothing(&now), AllOrNothing::All);
        ran
    }
}

/// Kills a command at each point.  Then a reader and the same command, and the same command
/// alone, must find their way.
fn survives_a_kill_at_each_point(case: &Case) {
    let calls = case.calls();
    at_each_point(&calls, |at| {
        let home = case.home();
        assert!(
            killed_at(&home, case.arguments, at),
            "the command was not killed"
        );
        assert_safe(&home);
        let had_journal = has_journal(&home);
        let other = copy_of(&home);

        let ran = home.run(["list"]);
        let told = told_of_recovery(&ran, had_journal, case.command);
        let became = case.assert_all_or_nothing(&names(&home));
        match case.command == "init" && became == AllOrNothing::Nothing {
            true => assert!(ran.stderr.contains("there is no CA in"), "{ran:#?}"),
            false => drop(ran.succeeds()),
        }
        assert!(
            told.is_none_or(|told| told == became),
            "{told:?} but {became:?}"
        );
        assert!(!has_journal(&home));
        assert_safe(&home);
        told_of_recovery(&case.again(&home), false, case.command);

        told_of_recovery(&case.again(&other), had_journal, case.command);
    });
    // And one more is not there: the points are all there are.
    let home = case.home();
    assert!(!killed_at(&home, case.arguments, calls.len() + 1));
}

/// Kills a command at each point, then the next command at each point of its recovery.
fn survives_a_kill_of_its_recovery(case: &Case) {
    at_each_point(&case.calls(), |at| {
        let home = case.home();
        assert!(killed_at(&home, case.arguments, at));
        for again_at in 1.. {
            let home = copy_of(&home);
            if !killed_at(&home, &["list"], again_at) {
                break;
            }
            assert_safe(&home);
            let had_journal = has_journal(&home);
            let ran = home.run(["verify"]).succeeds();
            let told = told_of_recovery(&ran, had_journal, case.command);
            let became = case.assert_all_or_nothing(&assert_recorded(&home));
            assert!(
                told.is_none_or(|told| told == became),
                "{told:?} but {became:?}"
            );
        }
    });
}

/// Makes calls fail at each point.  The command says so, and everything is as it was.
fn undoes_itself_at_each_point(case: &Case, kind: &str, reach: &str, not_undone: NotUndone) {
    let words = match kind {
        "eio" => "input/output error",
        "enospc" => "no space left on device",
        "erofs" => "read-only file system",
        _ => unreachable!(),
    };
    at_each_point(&case.calls(), |at| {
        let home = case.home();
        let existed = home.path().exists();
        let before = snapshot(&home.path());
        let root_mode = || home.path().metadata().ok().map(|it| it.mode() & 0o7777);
        let mode_before = root_mode();
        let at = at.to_string();
        let variables = [
            ("FAULT_AT", at.as_str()),
            ("FAULT_KIND", kind),
            ("FAULT_REACH", reach),
        ];
        let ran = faulty(&home, case.arguments, &variables).ran;
        assert_safe(&home);
        match ran.code {
            // The process number in the lock file is worth no error, for one.
            0 => assert_eq!(case.assert_all_or_nothing(&names(&home)), AllOrNothing::All),
            1 => {
                assert!(ran.stderr.starts_with("error: "), "{ran:#?}");
                assert!(ran.stderr.contains(words), "{ran:#?}");
                assert_eq!(ran.stdout, "");
                assert_same(&before, &home);
                if not_undone == NotUndone::Never {
                    assert_eq!(home.path().exists(), existed, "the home was left behind");
                    assert_eq!(root_mode(), mode_before);
                }
            }
            3 if ran.stderr.contains(NOT_DURABLE) => {
                assert_eq!(case.assert_all_or_nothing(&names(&home)), AllOrNothing::All);
            }
            3 => {
                assert!(not_undone == NotUndone::Allowed, "{ran:#?}");
                assert!(ran.stderr.contains(NOT_UNDONE), "{ran:#?}");
            }
            _ => panic!("{ran:#?}"),
        }
        // Mended: the next command finds its way.
        case.again(&home);
    });
}

/// Makes one call fail at each point, then kills the command at each later point, while it undoes
/// itself.
fn survives_a_kill_while_undoing(case: &Case) {
    at_each_point(&case.calls(), |at| {
        for kill_at in at + 1.. {
            let home = case.home();
            let (at, kill_at) = (at.to_string(), kill_at.to_string());
            let variables = [
                ("FAULT_AT", at.as_str()),
                ("FAULT_KIND", "eio"),
                ("FAULT_KILL_AT", kill_at.as_str()),
            ];
            if !faulty(&home, case.arguments, &variables).killed {
                break;
            }
            assert_safe(&home);
            let had_journal = has_journal(&home);
            let ran = home.run(["list"]);
            let told = told_of_recovery(&ran, had_journal, case.command);
            let became = case.assert_all_or_nothing(&names(&home));
            assert!(
                told.is_none_or(|told| told == became),
                "{told:?} but {became:?}"
            );
            case.again(&home);
        }
    });
}

/// Stops a writer at each point.  A reader says that it waits, waits, and then sees all of it.
fn a_reader_waits_at_each_point(case: &Case) {
    let calls = case.calls();
    let locked = calls
        .iter()
        .position(|call| call.contains("/.journal"))
        .unwrap()
        + 1;
    at_each_point(&calls, |at| {
        if at < locked {
            return;
        }
        let home = case.home();
        let mut writer = home.command();
        writer.args(case.arguments).env("LD_PRELOAD", shim());
        writer
            .env("FAULT_AT", at.to_string())
            .env("FAULT_KIND", "stop");
        writer.stdout(Stdio::null()).stderr(Stdio::null());
        let mut writer = Ended(writer.spawn().unwrap());
        let process = Pid::from_child(&writer.0);
        let (_, status) = waitpid(Some(process), WaitOptions::UNTRACED)
            .unwrap()
            .unwrap();
        assert!(status.stopped(), "{status:?}");

        let mut reader = home.command();
        reader
            .args(["list", "--output", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut reader = reader.spawn().unwrap();
        let mut note = String::new();
        BufReader::new(reader.stderr.take().unwrap())
            .read_line(&mut note)
            .unwrap();
        kill_process(process, Signal::CONT).unwrap();
        let read = Ran::from(reader.wait_with_output().unwrap()).succeeds();
        assert!(writer.0.wait().unwrap().success());
        let waits = format!(
            "note: waiting for another dockpki (process {}) to finish with the home\n",
            process.as_raw_nonzero()
        );
        assert_eq!(note, waits);
        let report: serde_json::Value = serde_json::from_str(&read.stdout).unwrap();
        let now = pair_names(report["certificates"].as_array().unwrap());
        assert_eq!(case.assert_all_or_nothing(&now), AllOrNothing::All);
    });
}

#[test]
fn a_reader_waits_for_a_writer_at_any_point() {
    a_reader_waits_at_each_point(&Case::two_clients());
}

#[test]
fn the_shim_sees_every_rename_and_every_write() {
    let calls = Case::two_clients().calls();
    let count = |start: &str| calls.iter().filter(|call| call.starts_with(start)).count();
    assert_eq!(count("renameat2 "), 2, "{calls:#?}");
    assert_eq!(count("rename "), 1, "the journal: {calls:#?}");
    assert_eq!(count("unlink "), 1, "the journal: {calls:#?}");
    assert_eq!(count("mkdir "), 2, "{calls:#?}");
    // The lock, the journal, three files each, the ledger.
    assert_eq!(count("write"), 1 + 1 + 6 + 1, "{calls:#?}");
    let calls = Case::many_clients().calls();
    assert!(
        calls.iter().any(|call| call.starts_with("syncfs")),
        "{calls:#?}"
    );
}

#[test]
fn init_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::init(None));
}

#[test]
fn init_in_an_empty_directory_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::init(Some(empty_directory())));
}

#[test]
fn client_issue_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::two_clients());
}

#[test]
fn issue_of_many_clients_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::many_clients());
}

#[test]
fn server_issue_killed_at_any_point_is_finished_or_undone() {
    survives_a_kill_at_each_point(&Case::server());
}

#[test]
fn recovery_killed_at_any_point_is_taken_up_by_the_next_command() {
    survives_a_kill_of_its_recovery(&Case::two_clients());
}

#[test]
fn undo_after_an_error_killed_at_any_point_is_taken_up_by_the_next_command() {
    survives_a_kill_while_undoing(&Case::two_clients());
}

#[test]
fn init_undoes_itself_when_one_call_fails() {
    undoes_itself_at_each_point(&Case::init(None), "eio", "once", NotUndone::Never);
}

#[test]
fn init_in_an_empty_directory_undoes_itself_when_one_call_fails() {
    let case = Case::init(Some(empty_directory()));
    undoes_itself_at_each_point(&case, "eio", "once", NotUndone::Never);
}

#[test]
fn client_issue_undoes_itself_when_one_call_fails() {
    undoes_itself_at_each_point(&Case::two_clients(), "eio", "once", NotUndone::Never);
}

#[test]
fn server_issue_undoes_itself_when_one_call_fails() {
    undoes_itself_at_each_point(&Case::server(), "eio", "once", NotUndone::Never);
}

#[test]
fn init_undoes_itself_when_the_disk_fills_up() {
    undoes_itself_at_each_point(&Case::init(None), "enospc", "space", NotUndone::Never);
}

#[test]
fn client_issue_undoes_itself_when_the_disk_fills_up() {
    undoes_itself_at_each_point(&Case::two_clients(), "enospc", "space", NotUndone::Never);
}

#[test]
fn init_is_undone_or_finished_later_when_the_disk_turns_read_only() {
    undoes_itself_at_each_point(&Case::init(None), "erofs", "on", NotUndone::Allowed);
}

#[test]
fn client_issue_is_undone_or_finished_later_when_the_disk_turns_read_only() {
    undoes_itself_at_each_point(&Case::two_clients(), "erofs", "on", NotUndone::Allowed);
}

/// A home that is an empty directory of the usual mode.
fn empty_directory() -> TestHome {
    let home = TestHome::in_memory();
    fs::DirBuilder::new()
        .mode(0o755)
        .create(home.path())
        .unwrap();
    home
}

//! What is asked on a terminal.

use super::*;

/// Whether what is typed is seen.
#[derive(Clone, Copy, PartialEq)]
enum Echo {
    On,
    Off,
}

/// Runs a command on a terminal of its own, types each answer when its question is there, and
/// returns its exit code.
#[track_caller]
fn on_terminal(
    home: &TestHome,
    line: &str,
    answers: &[(&str, &str, Echo)],
    golden: &str,
) -> Option<i32> {
    if !has("script of util-linux", program_exists("script")) {
        return None;
    }
    let mut script = script(home, line)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let terminal_path = home.around().join("terminal");
    let mut keyboard = script.stdin.take().unwrap();
    let mut screen = script.stdout.take().unwrap();
    let mut seen = Vec::new();
    for (question, answer, echo) in answers {
        while !seen.ends_with(question.as_bytes()) {
            let mut byte = [0];
            let count = screen.read(&mut byte).unwrap();
            assert_eq!(count, 1, "no `{question}` in: {}", lossy(&seen));
            seen.extend(byte);
        }
        if *echo == Echo::Off {
            wait_for_no_echo(fs::read_to_string(&terminal_path).unwrap().trim());
        }
        keyboard
            .write_all(format!("{answer}\n").as_bytes())
            .unwrap();
        // The next question may be the same words.
        seen.extend(b"\0");
    }
    screen.read_to_end(&mut seen).unwrap();
    drop(keyboard);
    let code = script.wait().unwrap().code();
    fs::remove_file(terminal_path).unwrap();
    let seen = lossy(&seen).replace(['\0', '\r'], "");
    let code = code.unwrap_or(-1);
    let text = format!("$ {line}\nexit {code}\n--- terminal\n{seen}");
    compare_text(home, &text, golden);
    Some(code)
}

/// The command that runs this line on a terminal of its own, which `terminal` beside the home names.
fn script(home: &TestHome, line: &str) -> Command {
    let meant = command(home, line);
    let quoted = |word: &std::ffi::OsStr| dockpki::report::shell_word(&word.to_string_lossy());
    let words = std::iter::once(meant.get_program()).chain(meant.get_args());
    let words: Vec<_> = words.map(quoted).collect();
    let inner = format!("tty > terminal; exec {}", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &inner, "/dev/null"]);
    copy_environment(&meant, &mut script);
    script
        .env("SHELL", "/bin/sh")
        .env("NO_COLOR", "1")
        .current_dir(home.around());
    script
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The question comes before echo is off; what is typed between would be seen.
fn wait_for_no_echo(terminal: &str) {
    loop {
        let stty = Command::new("stty").args(["-a", "-F", terminal]).output();
        let settings = lossy(&stty.unwrap().stdout);
        if settings.split_whitespace().any(|word| word == "-echo") {
            return;
        }
        assert!(settings.contains("echo"), "stty says nothing of {terminal}");
    }
}

#[test]
fn init_asks_for_a_passphrase_twice() {
    let home = TestHome::new();
    let line = "dockpki init --san localhost --client alice --encrypt";
    let answers = [
        ("key: ", "correct horse", Echo::Off),
        ("again: ", "correct horse", Echo::Off),
    ];
    let golden = "init_asks_for_a_passphrase_twice";
    if on_terminal(&home, line, &answers, golden).is_some() {
        secret(&home, "secret", "correct horse\n");
        home.run(
            ["client", "issue", "bob", "--passphrase-file"]
                .map(PathBuf::from)
                .into_iter()
                .chain([home.around().join("secret")]),
        )
        .succeeds();
    }
}

#[test]
fn refuses_passphrases_that_differ() {
    let home = TestHome::new();
    let line = "dockpki init --san localhost --client alice --encrypt";
    let answers = [
        ("key: ", "correct horse", Echo::Off),
        ("again: ", "wrong horse", Echo::Off),
    ];
    let code = on_terminal(&home, line, &answers, "refuses_passphrases_that_differ");
    assert!(code.is_none_or(|code| code == 1));
    assert!(snapshot(home.around()).is_empty());
}

#[test]
fn refuses_an_empty_passphrase() {
    let home = TestHome::new();
    let line = "dockpki init --san localhost --client alice --encrypt";
    let answers = [("key: ", "", Echo::Off)];
    let code = on_terminal(&home, line, &answers, "refuses_an_empty_passphrase");
    assert!(code.is_none_or(|code| code == 1));
    assert!(snapshot(home.around()).is_empty());
}

#[test]
fn client_issue_asks_for_the_passphrase() {
    let home = home_with_passphrase();
    let answers = [("key: ", "correct horse", Echo::Off)];
    let golden = "client_issue_asks_for_the_passphrase";
    let code = on_terminal(&home, "dockpki client issue bob", &answers, golden);
    assert!(code.is_none_or(|code| code == 0));
}

#[test]
fn ca_passwd_asks_for_the_old_and_the_new_passphrase() {
    let home = home_with_passphrase();
    let answers = [
        ("key: ", "correct horse", Echo::Off),
        ("key: ", "battery staple", Echo::Off),
        ("again: ", "battery staple", Echo::Off),
    ];
    let golden = "ca_passwd_asks_for_the_old_and_the_new_passphrase";
    let code = on_terminal(&home, "dockpki ca passwd", &answers, golden);
    assert!(code.is_none_or(|code| code == 0));
}

#[test]
fn ca_passwd_asks_before_it_removes_the_passphrase() {
    let home = home_with_passphrase();
    let line = "dockpki ca passwd --passphrase-file secret --remove";
    let before = snapshot(home.around());
    let no = [("[y/N] ", "n", Echo::On)];
    let golden = "ca_passwd_asks_before_it_removes_the_passphrase";
    let code = on_terminal(&home, line, &no, golden);
    assert!(code.is_none_or(|code| code == 1));
    assert!(before == snapshot(home.around()));
    let yes = [("[y/N] ", "y", Echo::On)];
    let code = on_terminal(&home, line, &yes, "ca_passwd_removes_when_agreed");
    assert!(code.is_none_or(|code| code == 0));
}

/// What is long in a home of many has a bar, on a terminal and nowhere else.
#[test]
fn a_bar_is_shown_on_a_terminal_alone() {
    if !has("script of util-linux", program_exists("script")) {
        return;
    }
    let list = |prefix: &str| {
        (0..150)
            .map(|number| format!("{prefix}{number}\n"))
            .collect()
    };
    let issue = "dockpki client issue --from list";
    for (line, bar) in [
        (issue, "issuing "),
        ("dockpki check", "reading "),
        ("dockpki renew --force", "renewing "),
    ] {
        let home = TestHome::with_ca(&[]);
        let put = |list: String| fs::write(home.around().join("list"), list).unwrap();
        put(list("a"));
        Ran::from(command(&home, issue).output().unwrap()).succeeds();
        let on_terminal = |line: &str, prefix| {
            put(list(prefix));
            let mut script = script(&home, line);
            lossy(&script.env("TERM", "xterm").output().unwrap().stdout)
        };
        let seen = on_terminal(line, "b");
        assert!(seen.contains(bar) && seen.contains(" %"), "{line}: {seen}");
        let seen = on_terminal(&format!("{line} --quiet"), "c");
        assert!(!seen.contains(bar), "{line} --quiet: {seen}");
        put(list("d"));
        let ran = Ran::from(command(&home, line).output().unwrap());
        assert!(!ran.stderr.contains(bar), "{ran:#?}");
    }
}

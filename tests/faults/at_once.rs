//! Many commands at once.

use super::*;

#[test]
fn ten_clients_at_once_are_ten_certificates() {
    let home = TestHome::with_ca(&[]);
    let names: BTreeSet<String> = (0..10).map(|number| format!("client-{number}")).collect();
    let spawn = |name: &String| {
        let mut command = home.command();
        command
            .args(["client", "issue", name])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let running: Vec<_> = names.iter().map(spawn).collect();
    for child in running {
        Ran::from(child.wait_with_output().unwrap()).succeeds();
    }
    assert_eq!(clients(&home), names);
    let serials: BTreeSet<_> = ledger(&home)
        .iter()
        .map(|it| it["serial"].to_string())
        .collect();
    assert_eq!(serials.len(), 13, "ten, alice, the server and the CA");
    assert_whole(&home);
}

#[test]
fn one_name_ten_times_at_once_is_one_certificate() {
    let home = TestHome::with_ca(&[]);
    let spawn = |_| {
        let mut command = home.command();
        command
            .args(ISSUE)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let running: Vec<_> = (0..10).map(spawn).collect();
    let mut made = 0;
    for child in running {
        let ran = Ran::from(child.wait_with_output().unwrap());
        match ran.code {
            0 => made += 1,
            _ => assert!(
                ran.fails(1)
                    .stderr
                    .contains("there is a client `bob` already, nothing was issued")
            ),
        }
    }
    assert_eq!(made, 1);
    assert_whole(&home);
}

#[test]
fn ten_inits_at_once_make_one_ca() {
    for _ in 0..5 {
        let home = TestHome::new();
        let spawn = |_| {
            let mut command = home.command();
            command
                .args(INIT)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let running: Vec<_> = (0..10).map(spawn).collect();
        let mut made = 0;
        for child in running {
            let ran = Ran::from(child.wait_with_output().unwrap()).succeeds();
            match ran.stdout.starts_with("Made 3 certificates") {
                true => made += 1,
                false => assert!(ran.stdout.starts_with("Nothing was changed"), "{ran:#?}"),
            }
        }
        assert_eq!(made, 1);
        assert_eq!(ledger(&home).len(), 3);
        assert_whole(&home);
    }
}

/// A home whose CA is old, with the client `old`, which is due, beside alice and the server.
fn home_with_due() -> TestHome {
    let home = by_hand::home_with_ca_of(days(-1000, 2650));
    home.run(["server", "issue", "localhost", "--san", "localhost"])
        .succeeds();
    home.run(["client", "issue", "alice"]).succeeds();
    put_client(&home, &ca_of(&home), "old", days(-300, 65));
    home
}

#[test]
fn ten_renewals_at_once_renew_what_is_due_once() {
    let home = home_with_due();
    let before = ledger(&home).len();
    let spawn = |_| {
        let mut command = home.command();
        command.arg("renew");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let running: Vec<_> = (0..10).map(spawn).collect();
    let mut renewed = 0;
    for child in running {
        let ran = Ran::from(child.wait_with_output().unwrap()).succeeds();
        match ran.stdout.starts_with("Renewed 1 certificate") {
            true => renewed += 1,
            false => assert!(ran.stdout.contains("nothing is due"), "{ran:#?}"),
        }
    }
    assert_eq!(renewed, 1);
    assert_eq!(ledger(&home).len(), before + 1);
    home.run(["verify"]).succeeds();
}

#[test]
fn ten_forced_renewals_at_once_lose_no_certificate() {
    let home = TestHome::with_ca(&[]);
    let spawn = |_| {
        let mut command = home.command();
        command.args(["renew", "--force"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let running: Vec<_> = (0..10).map(spawn).collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    let archive = fs::read_dir(home.path().join("archive")).unwrap();
    let archived = archive.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let now = list(&home)
        .into_iter()
        .map(|it| it["serial"].as_str().unwrap().to_owned());
    let there: BTreeSet<_> = archived.chain(now).collect();
    let entered = ledger(&home).into_iter();
    let entered: BTreeSet<_> = entered
        .map(|it| it["serial"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(there, entered);
    assert_eq!(there.len(), 23, "the CA, two, and ten times two");
    home.run(["verify"]).succeeds();
}

#[test]
fn a_reader_beside_writers_never_sees_a_half() {
    let home = TestHome::with_ca(&[]);
    let spawn = |number| {
        let mut command = home.command();
        let names = [format!("left-{number}"), format!("right-{number}")];
        command.args(["client", "issue"]).args(names);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let mut running: Vec<_> = (0..6).map(spawn).collect();
    loop {
        let ended = |child: &mut std::process::Child| child.try_wait().unwrap().is_some();
        let all_ended = running.iter_mut().all(ended);
        let names = clients(&home);
        for name in &names {
            let other = match name.split_once('-').unwrap() {
                ("left", number) => format!("right-{number}"),
                (_, number) => format!("left-{number}"),
            };
            assert!(names.contains(&other), "{name} without {other}");
        }
        for certificate in list(&home) {
            assert_eq!(certificate["state"], "valid", "{certificate}");
        }
        home.run(["verify"]).succeeds();
        if all_ended {
            break;
        }
    }
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(clients(&home).len(), 12);
    assert_whole(&home);
}

//! The files of a request, their modes, and two requests at once.

use super::*;

#[test]
fn modes_are_right_under_any_umask() {
    for umask in ["000", "077", "777"] {
        let enrol = Enrol::new();
        let under = |command: Command| {
            let mut shell = Command::new("sh");
            shell
                .arg("-c")
                .arg(format!("umask {umask}; exec \"$@\""))
                .arg("sh")
                .arg(command.get_program())
                .args(command.get_args())
                .stdin(std::process::Stdio::null())
                .current_dir(enrol.ca.around());
            support::golden::copy_environment(&command, &mut shell);
            Ran::from(shell.output().unwrap()).succeeds()
        };
        let ran = under(enrol.laptop(&["client", "request", "laptop"]));
        enrol.write("laptop.csr", ran.stdout);
        let mode = |path: PathBuf| path.symlink_metadata().unwrap().mode() & 0o7777;
        for (path, wanted) in [
            ("", 0o700),
            ("requests", 0o700),
            ("requests/laptop", 0o700),
            ("requests/laptop/key.pem", 0o400),
            ("requests/laptop/request.pem", 0o444),
        ] {
            assert_eq!(mode(enrol.docker(path)), wanted, "{path} under {umask}");
        }
        under(enrol.authority(&["client", "sign", "laptop.csr", "--yes"]));
        assert_eq!(mode(enrol.file("laptop.reply.pem")), 0o644);
        assert_eq!(mode(enrol.ca.path().join("clients/laptop")), 0o700);
        assert_eq!(mode(enrol.ca.path().join("clients/laptop/cert.pem")), 0o444);
        under(enrol.accepting(&[]));
        assert_eq!(mode(enrol.docker("key.pem")), 0o400);
        assert_eq!(mode(enrol.docker("cert.pem")), 0o444);
    }
}

/// Several at once are one after the other; one of a name makes the key, the others show it.
#[test]
fn requests_at_once_make_one_key() {
    let enrol = Enrol::new();
    let children = (0..8).map(|_| {
        let mut command = enrol.laptop(&["client", "request", "laptop"]);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    });
    let children = Vec::from_iter(children);
    let ran = children
        .into_iter()
        .map(|child| Ran::from(child.wait_with_output().unwrap()));
    let ran = Vec::from_iter(ran);
    let kept = fs::read_to_string(enrol.docker("requests/laptop/request.pem")).unwrap();
    for ran in ran {
        assert_eq!(ran.succeeds().stdout, kept);
    }
    assert_eq!(fs::read_dir(enrol.docker("requests")).unwrap().count(), 1);
}

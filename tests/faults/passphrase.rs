//! Passphrases that are wrong, and files that cannot be one.

use super::*;

#[test]
fn a_passphrase_that_is_wrong_is_refused() {
    let home = TestHome::new();
    let right = secret_file(&home, "right", "right\n");
    let wrong = secret_file(&home, "wrong", "wrong\n");
    home.run(INIT.iter().chain(&["--passphrase-file", &right]))
        .succeeds();
    let key = fs::read_to_string(home.path().join("ca-key.pem")).unwrap();
    assert!(key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));

    let with = |file: &str| {
        let mut arguments = ISSUE.to_vec();
        let file = file.to_owned();
        arguments.extend(["--passphrase-file", file.leak()]);
        arguments
    };
    refuses(
        &home,
        &with(&wrong),
        &["the passphrase does not open the key"],
    );
    refuses(
        &home,
        &[
            "ca",
            "passwd",
            "--passphrase-file",
            &wrong,
            "--new-passphrase-file",
            &right,
        ],
        &["the passphrase does not open the key"],
    );
    let ran = home.run(ISSUE).fails(2);
    assert!(ran.stderr.contains("--passphrase-file FILE"), "{ran:#?}");
    assert_eq!(clients(&home).len(), 0);
    home.run(with(&right)).succeeds();
    assert_whole(&home);
}

#[test]
fn a_passphrase_file_that_cannot_be_one_is_refused() {
    let home = TestHome::with_ca(&[]);
    let file = secret_file(&home, "passphrase", "secret\n");
    let passwd = ["ca", "passwd", "--new-passphrase-file", &file];
    set_mode(Path::new(&file), 0o644);
    let chmod = format!("hint: chmod 0400 {file}\n");
    refuses(
        &home,
        &passwd,
        &["can be read by others: found mode 0644", &chmod],
    );
    set_mode(Path::new(&file), 0o600);
    for empty in ["", "\n"] {
        fs::write(&file, empty).unwrap();
        refuses(
            &home,
            &passwd,
            &["is empty, wanted a passphrase in its first line"],
        );
    }
    fs::write(&file, "one\ntwo\n").unwrap();
    refuses(
        &home,
        &passwd,
        &["has more than one line, wanted the passphrase alone"],
    );
    let missing = home.around().join("missing");
    let missing = [
        "ca",
        "passwd",
        "--new-passphrase-file",
        missing.to_str().unwrap(),
    ];
    refuses(
        &home,
        &missing,
        &["cannot read", "no such file or directory"],
    );
    assert_whole(&home);
}

#[test]
fn init_with_a_bad_passphrase_file_leaves_no_home() {
    let home = TestHome::new();
    for text in ["", "one\ntwo\n"] {
        let file = secret_file(&home, "passphrase", text);
        let init: Vec<_> = INIT
            .iter()
            .copied()
            .chain(["--passphrase-file", &file])
            .collect();
        refuses(&home, &init, &[&file]);
        assert!(!home.path().exists());
    }
}

//! What `verify` finds, and that what it says mends it.

use super::*;

#[test]
fn swapped_clients_are_found_and_mended() {
    let home = TestHome::with_ca(&[]);
    home.run(ISSUE).succeeds();
    let clients = home.path().join("clients");
    let rename = |from: &str, to: &str| fs::rename(clients.join(from), clients.join(to)).unwrap();
    rename("alice", "x");
    rename("bob", "alice");
    rename("x", "bob");
    let names = |name: &str| findings(&home).iter().any(|it| it.path.contains(name));
    assert!(names("clients/alice/cert.pem") && names("clients/bob/cert.pem"));
    is_found_and_mended(&home, "clients/alice/cert.pem", "`bob`");
}

#[test]
fn a_renamed_server_is_found_and_mended() {
    let home = TestHome::with_ca(&[]);
    let servers = home.path().join("servers");
    fs::rename(servers.join("localhost"), servers.join("other")).unwrap();
    is_found_and_mended(&home, "servers/other/server-cert.pem", "server `localhost`");
    assert_eq!(state_of(&home, "other"), "valid");
}

#[test]
fn a_key_of_another_client_is_found_and_mended() {
    let home = TestHome::with_ca(&[]);
    home.run(ISSUE).succeeds();
    let key = |name: &str| home.path().join("clients").join(name).join("key.pem");
    overwrite(&key("alice"), fs::read(key("bob")).unwrap());
    assert_eq!(state_of(&home, "alice"), "key does not match");
    is_found_and_mended(
        &home,
        "clients/alice/key.pem",
        "the key of another certificate",
    );
    assert_eq!(state_of(&home, "alice"), "valid");

    let key = home.path().join("servers/localhost/server-key.pem");
    fs::remove_file(&key).unwrap();
    assert_eq!(state_of(&home, "localhost"), "key missing");
    is_found_and_mended(&home, "servers/localhost/server-key.pem", "nothing");
    let all = list(&home);
    let server = all.iter().find(|it| it["kind"] == "server").unwrap();
    assert_eq!(
        server["sans"],
        serde_json::json!(["localhost", "127.0.0.1"])
    );
}

#[test]
fn a_server_certificate_that_is_gone_is_found_and_put_aside() {
    let home = TestHome::with_ca(&[]);
    fs::remove_file(home.path().join("servers/localhost/server-cert.pem")).unwrap();
    assert_eq!(state_of(&home, "localhost"), "certificate missing");
    is_found_and_mended(&home, "servers/localhost/server-cert.pem", "nothing");
}

#[test]
fn every_wrong_mode_is_found_and_mended() {
    let home = TestHome::with_ca(&[]);
    let wrong = [
        ("", 0o755),
        ("servers", 0o755),
        ("clients/alice", 0o750),
        ("ca.pem", 0o666),
        ("ca-key.pem", 0o600),
        ("clients/alice/ca.pem", 0o600),
        ("clients/alice/key.pem", 0o600),
        ("servers/localhost/server-cert.pem", 0o644),
        ("servers/localhost/server-key.pem", 0o444),
    ];
    for (path, mode) in wrong {
        set_mode(&home.path().join(path), mode);
        is_found_and_mended(&home, path, &format!("mode {mode:04o}"));
    }
    for (path, mode) in wrong {
        set_mode(&home.path().join(path), mode);
    }
    let all = findings(&home);
    assert_eq!(all.len(), wrong.len(), "one finding each");
    for found in all {
        shell(&home, &found.mend);
    }
    assert_whole(&home);
}

#[test]
fn another_ca_beside_a_client_is_found_and_mended() {
    let home = TestHome::with_ca(&[]);
    let other = TestHome::with_ca(&[]);
    let ca = home.path().join("clients/alice/ca.pem");
    overwrite(&ca, fs::read(other.path().join("ca.pem")).unwrap());
    is_found_and_mended(&home, "clients/alice/ca.pem", "another CA");
    fs::remove_file(&ca).unwrap();
    is_found_and_mended(&home, "clients/alice/ca.pem", "nothing");
    assert_whole(&home);
}

#[test]
fn a_forged_certificate_is_found_and_mended() {
    if !has("openssl", program_exists("openssl")) {
        return;
    }
    let home = TestHome::with_ca(&[]);
    let name = list(&home).iter().find(|it| it["kind"] == "ca").unwrap()["name"].clone();
    let ca_subject = format!("/CN={}", name.as_str().unwrap());
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(home.around());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let of_ca = [
        "-x509",
        "-subj",
        &ca_subject,
        "-keyout",
        "fake-ca.key",
        "-out",
        "fake-ca.pem",
    ];
    openssl(&[&["req"], &key[..], &of_ca].concat());
    let of_alice = [
        "-subj",
        "/CN=alice",
        "-keyout",
        "alice.key",
        "-out",
        "alice.csr",
    ];
    openssl(&[&["req"], &key[..], &of_alice].concat());
    let extensions = "basicConstraints=critical,CA:FALSE\n\
                      keyUsage=critical,digitalSignature\n\
                      extendedKeyUsage=clientAuth\n";
    fs::write(home.around().join("extensions"), extensions).unwrap();
    let serial = list(&home).iter().find(|it| it["name"] == "alice").unwrap()["serial"].clone();
    let serial = format!("0x{}", serial.as_str().unwrap().replace(':', ""));
    let sign = [
        "x509",
        "-req",
        "-in",
        "alice.csr",
        "-CA",
        "fake-ca.pem",
        "-CAkey",
        "fake-ca.key",
    ];
    let with = [
        "-set_serial",
        &serial,
        "-days",
        "30",
        "-extfile",
        "extensions",
    ];
    openssl(&[&sign[..], &with, &["-out", "alice.pem"]].concat());
    let alice = home.path().join("clients/alice");
    overwrite(
        &alice.join("cert.pem"),
        fs::read(home.around().join("alice.pem")).unwrap(),
    );
    overwrite(
        &alice.join("key.pem"),
        fs::read(home.around().join("alice.key")).unwrap(),
    );

    // Name, serial, purpose and key are right; the key of the CA that signed is another's.
    assert_eq!(state_of(&home, "alice"), "not trusted");
    is_found_and_mended(
        &home,
        "clients/alice/cert.pem",
        "its signature is not the CA's",
    );
}

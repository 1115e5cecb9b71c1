//! CAs that can sign for their names alone.

use super::*;

#[test]
fn a_ca_constrained_to_names_and_addresses_signs_for_no_others() {
    constrained_ca_signs_for_no_others("db.example,10.0.0.7");
}

#[test]
fn a_ca_constrained_to_names_and_addresses_of_version_6_signs_for_no_others() {
    constrained_ca_signs_for_no_others("db.example,2001:db8::7");
}

#[test]
fn a_ca_constrained_to_names_signs_for_no_address() {
    constrained_ca_signs_for_no_others("db.example");
}

#[test]
fn a_ca_constrained_to_a_wildcard_signs_for_no_others() {
    constrained_ca_signs_for_no_others("*.db.example");
}

#[test]
fn a_ca_constrained_to_addresses_signs_for_no_name() {
    constrained_ca_signs_for_no_others("10.0.0.7");
}

#[test]
fn a_ca_constrained_to_addresses_of_version_6_signs_for_no_name() {
    constrained_ca_signs_for_no_others("2001:db8::7");
}

#[test]
fn a_server_with_addresses_alone_is_accepted_under_a_ca_constrained_to_names_too() {
    if !has_openssl() {
        return;
    }
    let files = Files::made(&["--san", "db.example,10.0.0.7", "--constrain"]);
    let issue = ["server", "issue", "second", "--san", "10.0.0.7"];
    files.home.run(issue).succeeds();
    let second = files.home.path().join("servers/second/server-cert.pem");
    webpki(&files.ca, &second, KeyUsage::server_auth()).unwrap();
    openssl_verify(&files.ca, &second, &SERVER).succeeds();
}

#[test]
fn forged_leaves_pass_under_a_ca_without_constraints() {
    // That the refusals of the tests above are the constraints' doing.
    if !has_openssl() {
        return;
    }
    let files = Files::made(&["--san", "db.example"]);
    for san in ROGUES {
        let forged = forge(&files, san);
        openssl_verify(&files.ca, &forged, &SERVER).succeeds();
        webpki(&files.ca, &forged, KeyUsage::server_auth()).unwrap();
    }
}

/// What no constrained CA here is permitted.
const ROGUES: [&str; 3] = ["DNS:evil.example", "IP:9.9.9.9", "IP:2001:db8::bad"];

fn constrained_ca_signs_for_no_others(sans: &str) {
    if !has_openssl() {
        return;
    }
    let files = Files::made(&["--san", sans, "--constrain"]);
    let extensions = Read509::of(&files.ca).extensions;
    assert!(
        extensions.contains_key("Name Constraints: critical"),
        "{extensions:#?}"
    );
    openssl_verify(&files.ca, &files.ca, &[]).succeeds();
    webpki(&files.ca, &files.server, KeyUsage::server_auth()).unwrap();
    webpki(&files.ca, &files.client, KeyUsage::client_auth()).unwrap();
    for san in ROGUES {
        let forged = forge(&files, san);
        let refused = openssl_verify(&files.ca, &forged, &SERVER).fails(2);
        refused.says("subtree violation");
        let refused = webpki(&files.ca, &forged, KeyUsage::server_auth());
        assert_eq!(
            refused.unwrap_err(),
            webpki::Error::NameConstraintViolation,
            "{san}"
        );
    }
    // Last, so that a server refused wrongly hides nothing above.
    openssl_verify(&files.ca, &files.client, &CLIENT).succeeds();
    openssl_verify(&files.ca, &files.server, &SERVER).succeeds();
}

/// A server certificate that somebody signs with the CA's stolen key and openssl.
fn forge(files: &Files, san: &str) -> PathBuf {
    let around = files.home.around();
    let config = around.join("forge.cnf");
    let lines = format!(
        "[req]\ndistinguished_name = name\nx509_extensions = leaf\n[name]\n[leaf]\n\
         basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n\
         extendedKeyUsage = serverAuth\nsubjectKeyIdentifier = hash\n\
         authorityKeyIdentifier = keyid\nsubjectAltName = {san}\n"
    );
    fs::write(&config, lines).unwrap();
    let forged = around.join("forged.pem");
    let curve = "ec_paramgen_curve:P-256";
    let key = around.join("forged-key.pem");
    openssl(&[
        "req",
        "-x509",
        "-config",
        text(&config),
        "-newkey",
        "ec",
        "-pkeyopt",
        curve,
        "-nodes",
        "-keyout",
        text(&key),
        "-subj",
        "/CN=rogue",
        "-days",
        "1",
        "-CA",
        text(&files.ca),
        "-CAkey",
        text(&files.ca_key),
        "-out",
        text(&forged),
    ])
    .succeeds();
    forged
}

// Edges

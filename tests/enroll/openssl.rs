//! Requests made by openssl: those that are signed, and those that are refused.

use super::*;

#[test]
fn requests_by_openssl_of_every_key_are_signed() {
    if !has_openssl() {
        return;
    }
    let ec = |curve| vec!["-algorithm", "EC", "-pkeyopt", curve];
    let rsa = |bits| vec!["-algorithm", "RSA", "-pkeyopt", bits];
    for (key, digest, kind, is_ours) in [
        (
            ec("ec_paramgen_curve:P-256"),
            "-sha256",
            "ECDSA P-256",
            true,
        ),
        (
            ec("ec_paramgen_curve:P-384"),
            "-sha256",
            "ECDSA P-384",
            true,
        ),
        (
            ec("ec_paramgen_curve:P-521"),
            "-sha512",
            "ECDSA P-521",
            false,
        ),
        (vec!["-algorithm", "ED25519"], "-sha256", "Ed25519", true),
        (
            rsa("rsa_keygen_bits:2048"),
            "-sha256",
            "RSA of 2048 bits",
            true,
        ),
        (
            rsa("rsa_keygen_bits:3072"),
            "-sha384",
            "RSA of 3072 bits",
            true,
        ),
        (
            rsa("rsa_keygen_bits:4096"),
            "-sha512",
            "RSA of 4096 bits",
            true,
        ),
        (
            rsa("rsa_keygen_bits:2560"),
            "-sha256",
            "RSA of 2560 bits",
            false,
        ),
    ] {
        let enrol = Enrol::new();
        let (key_path, csr) = (enrol.file("key.pem"), enrol.file("laptop.csr"));
        openssl(|it| it.arg("genpkey").args(&key).arg("-out").arg(&key_path));
        // What a client may have is no reason to refuse.
        let wishes = ["basicConstraints=CA:FALSE", "extendedKeyUsage=clientAuth"];
        openssl(|it| {
            it.args([
                "req",
                "-new",
                digest,
                "-subj",
                "/O=Example/CN=laptop",
                "-key",
            ])
            .arg(&key_path)
            .args(wishes.iter().flat_map(|wish| ["-addext", wish]))
            .arg("-out")
            .arg(&csr)
        });
        let ran = enrol
            .at_ca(&["client", "sign", "laptop.csr", "--yes"])
            .succeeds();
        ran.says(&format!("Key     {kind}\n"));
        let cert = enrol.ca.path().join("clients/laptop/cert.pem");
        if has_openssl() {
            let strict = ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile"];
            openssl(|it| {
                it.args(strict)
                    .arg(enrol.ca.path().join("ca.pem"))
                    .arg(&cert)
            });
        }
        // Subject and extensions are the profile's.
        let certificate = enrol.certificate();
        assert_eq!(certificate.common_name.as_deref(), Some("laptop"));
        assert!(
            !certificate
                .subject_der
                .windows(7)
                .any(|it| it == b"Example")
        );
        enrol.at_ca(&["verify"]).succeeds();
        enrol.at_ca(&["renew", "--force", "laptop"]).succeeds();
        let mut accept = enrol.accepting(&["--key", "key.pem"]);
        let ran = Ran::from(accept.output().unwrap());
        match is_ours {
            true => {
                ran.succeeds();
                enrol.assert_installed();
                assert!(key_path.exists(), "a key somebody named is theirs");
            }
            false => ran.fails(1).says("wanted a PKCS#8 private key"),
        }
    }
}

#[test]
fn openssl_reads_our_requests() {
    if !has_openssl() {
        return;
    }
    for key_type in KEY_TYPES {
        let enrol = Enrol::new();
        enrol.request(&["--key-type", key_type]);
        openssl(|it| {
            it.args(["req", "-verify", "-noout", "-in"])
                .arg(enrol.file("laptop.csr"))
        });
    }
}

/// What a request is refused for, and by which words; nothing is left behind.
#[test]
fn hostile_requests_are_refused_with_the_reason() {
    if !has_openssl() {
        return;
    }
    let enrol = Enrol::new();
    let key = |name: &str, arguments: &[&str]| {
        let path = enrol.file(name);
        openssl(|it| it.arg("genpkey").args(arguments).arg("-out").arg(&path));
        path
    };
    let ec = |curve: &str| {
        let curve = format!("ec_paramgen_curve:{curve}");
        key(&curve.clone(), &["-algorithm", "EC", "-pkeyopt", &curve])
    };
    let rsa = |bits: &str, exponent: &str| {
        let (bits, exponent) = (
            format!("rsa_keygen_bits:{bits}"),
            format!("rsa_keygen_pubexp:{exponent}"),
        );
        let options = [
            "-algorithm",
            "RSA",
            "-pkeyopt",
            &bits,
            "-pkeyopt",
            &exponent,
        ];
        key(&format!("{bits}{exponent}"), &options)
    };
    let p256 = ec("P-256");
    let made = |key: &Path, more: &[&str]| {
        let path = enrol.file("made.csr");
        openssl(|it| {
            it.args(["req", "-new", "-subj", "/CN=laptop", "-key"])
                .arg(key)
                .args(more)
                .arg("-out")
                .arg(&path)
        });
        fs::read(path).unwrap()
    };
    let wish = |extension: &str| made(&p256, &["-addext", extension]);
    let good = made(&p256, &[]);
    let pem = String::from_utf8(good.clone()).unwrap();
    let der = CertificateRequest::from_message(&good).unwrap().der;
    let bent = {
        let mut der = der.clone();
        // Inside the common name.
        let at = der.windows(6).position(|it| it == b"laptop").unwrap();
        der[at] = b'L';
        support::by_hand::pem("CERTIFICATE REQUEST", &der)
    };
    let long = support::by_hand::pem("CERTIFICATE REQUEST", &[&der[..], b"x"].concat());
    let of_key = fs::read_to_string(&p256).unwrap();
    let ca = fs::read_to_string(enrol.ca.path().join("ca.pem")).unwrap();
    for (request, words) in [
        (
            wish("basicConstraints=CA:TRUE"),
            "a wish for CA:TRUE, wanted none",
        ),
        (
            wish("keyUsage=keyCertSign"),
            "a wish for keyCertSign or cRLSign",
        ),
        (
            wish("keyUsage=digitalSignature,cRLSign"),
            "a wish for keyCertSign or cRLSign",
        ),
        (
            wish("extendedKeyUsage=serverAuth"),
            "the purpose serverAuth, wanted clientAuth alone",
        ),
        (
            wish("extendedKeyUsage=clientAuth,serverAuth"),
            "the purpose serverAuth",
        ),
        (
            wish("extendedKeyUsage=anyExtendedKeyUsage"),
            "the purpose anyExtendedKeyUsage",
        ),
        (
            wish("extendedKeyUsage=emailProtection"),
            "the purpose emailProtection",
        ),
        (wish("extendedKeyUsage=1.2.3.4"), "the purpose 1.2.3.4"),
        (
            wish("subjectAltName=DNS:web-1.example.com"),
            "a wish for the SAN DNSName(web-1.example.com)",
        ),
        (
            wish("subjectAltName=IP:10.0.0.1"),
            "a wish for the SAN IPAddress",
        ),
        (
            wish("subjectAltName=URI:https://x"),
            "a wish for the SAN URI",
        ),
        (
            wish("nameConstraints=permitted;DNS:x"),
            "a wish for name constraints",
        ),
        (
            wish("keyUsage=DER:ffff"),
            "the signing request is damaged: an extension does not parse",
        ),
        (
            made(&rsa("1024", "65537"), &[]),
            "an RSA key of 1024 bits, wanted a key of P-256",
        ),
        (
            made(&rsa("2048", "3"), &[]),
            "an RSA key with the exponent 3",
        ),
        (
            made(&rsa("2048", "4294967297"), &[]),
            "an RSA key with an exponent over 2^31",
        ),
        (made(&ec("P-224"), &[]), "an EC key on P-224"),
        (made(&ec("secp256k1"), &[]), "an EC key on secp256k1"),
        (
            made(&key("ed448", &["-algorithm", "ED448"]), &[]),
            "an Ed448 key",
        ),
        (
            made(&p256, &["-sha1"]),
            "a signature by the algorithm 1.2.840.10045.4.1",
        ),
        (bent.into_bytes(), "a signature that is not by its own key"),
        (
            long.into_bytes(),
            "the signing request is damaged: 1 octets after its end",
        ),
        (
            (pem.clone() + &pem).into_bytes(),
            "found 2 PEM blocks, wanted a signing request in PEM",
        ),
        ((pem.clone() + &of_key).into_bytes(), "found a private key"),
        (of_key.into_bytes(), "found a private key"),
        (
            ca.into_bytes(),
            "found a certificate, wanted a signing request in PEM",
        ),
        (der, "found DER, wanted a signing request in PEM"),
        (pem[..pem.len() - 20].into(), "it is cut short"),
        (Vec::new(), "found nothing"),
        (vec![b'-'; 200_000], "found more than 65536 octets"),
    ] {
        enrol.write("hostile.csr", request);
        let before = snapshot(enrol.ca.around());
        let sign = [
            "client",
            "sign",
            "hostile.csr",
            "--yes",
            "--out",
            "never.pem",
        ];
        enrol.at_ca(&sign).fails(1).says(words);
        assert!(
            before == snapshot(enrol.ca.around()),
            "{words}: left something"
        );
    }
    // The label of old programs is none of these.
    let old = pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    enrol.write("laptop.csr", old);
    enrol.sign();
}

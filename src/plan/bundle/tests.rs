use proptest::prelude::*;

use super::*;
use crate::plan::client::tests::{authority, issue, prove};

const HOST: &str = "tcp://web-1.example.com:2376";

fn alice() -> SoundPair {
    prove(&issue(&authority(), "alice")).unwrap()
}

fn parcel<'a>(pair: &'a SoundPair, host: &'a DockerHost) -> Parcel<'a> {
    Parcel {
        pair,
        host: Some(host),
        context: None,
    }
}

fn octets(pair: &SoundPair, form: Form) -> Zeroizing<Vec<u8>> {
    let host = HOST.parse().unwrap();
    parcel(pair, &host).octets(form).unwrap().unwrap()
}

#[test]
fn what_is_written_is_read() {
    let alice = alice();
    let [ca, certificate, key] = &alice.files;
    for form in Form::ALL
        .into_iter()
        .filter(|form| *form != Form::Directory)
    {
        let bundle = read(&octets(&alice, form)).unwrap();
        assert!(bundle.ca == *ca, "{form:?}");
        assert!(bundle.certificate == *certificate, "{form:?}");
        assert!(bundle.key.as_ref() == Some(key), "{form:?}");
        let host = bundle.host.map(|host| host.to_string());
        let told = form.wants_host().then(|| HOST.to_owned());
        assert_eq!(host, told, "{form:?}");
        // Nobody sees when it was packed.
        assert!(octets(&alice, form) == octets(&alice, form), "{form:?}");
        let named = form.as_str().parse::<Form>();
        assert_eq!(named, Ok(form));
    }
}

#[test]
fn certificates_alone_are_a_client_whose_key_is_elsewhere() {
    let alice = alice();
    let [ca, certificate, key] = &alice.files;
    let reply = [&b"for alice\r\n"[..], certificate, ca].concat();
    let bundle = read(&reply).unwrap();
    assert!(bundle.ca == *ca && bundle.certificate == *certificate);
    assert!(bundle.key.is_none() && bundle.host.is_none());
    let with_key = [&reply[..], key].concat();
    assert_eq!(read(&with_key), Err(BundleError::LooseKey));
    let missing = BundleError::Missing {
        what: "CA after the client's certificate",
    };
    assert_eq!(read(certificate), Err(missing));
}

#[test]
fn a_form_that_names_the_daemon_wants_to_know_it() {
    let alice = alice();
    let nowhere = Parcel {
        pair: &alice,
        host: None,
        context: None,
    };
    for form in Form::ALL {
        let wanted = form.wants_host();
        let refused = nowhere.octets(form) == Err(BundleError::NoHost { form });
        assert_eq!(refused, wanted, "{form:?}");
    }
}

/// An archive of these members.
fn tar_of(members: &[(&str, &[u8])]) -> Zeroizing<Vec<u8>> {
    let members = members.iter().map(|(path, content)| Member {
        path: (*path).to_owned(),
        mode: 0o644,
        content,
    });
    archive::tar(&Vec::from_iter(members), 0)
}

#[test]
fn what_desktops_put_into_archives_is_passed_over() {
    let tar = tar_of(&[
        ("._x", b"mac"),
        ("a/ca.pem", b"ca"),
        ("a/b/cert.pem", b"cert"),
        ("a/.DS_Store", b"mac"),
        ("key.pem", b"key"),
    ]);
    let bundle = read(&tar).unwrap();
    assert_eq!(&**bundle.key.as_ref().unwrap(), b"key");
}

#[test]
fn what_is_no_client_is_refused_with_the_reason() {
    let big = vec![b'x'; usize::try_from(read::MOST_OCTETS).unwrap() + 1];
    let bomb = archive::tar_gz(
        &[Member {
            path: "ca.pem".into(),
            mode: 0o644,
            content: &big,
        }],
        0,
    );
    let large = BundleError::Large {
        wanted: read::MOST_OCTETS,
    };
    assert!((bomb.len() as u64) < read::MOST_OCTETS);
    assert_eq!(read(&bomb), Err(large.clone()));
    assert_eq!(read(&big), Err(large));
    for (content, found) in [
        (&b""[..], BundleError::Unknown),
        (
            b"\x1f\x8b",
            BundleError::Broken {
                what: "gzip",
                cause: String::new(),
            },
        ),
        (
            b"PK\x03\x04",
            BundleError::Broken {
                what: "zip",
                cause: String::new(),
            },
        ),
        (b"\xff\xfe", BundleError::Unknown),
        (
            b"-----BEGIN AGE ENCRYPTED FILE-----\n",
            BundleError::Encrypted,
        ),
        (b"age-encryption.org/v1\n\xff", BundleError::Unknown),
        (
            b"DOCKER_KEY_PEM_BASE64=a2V5\n",
            BundleError::Missing { what: "ca.pem" },
        ),
        (
            b"DOCKER_CA_PEM_BASE64=a2V5\nDOCKER_CA_PEM_BASE64=a2V5\n",
            BundleError::Twice { what: "ca.pem" },
        ),
        (
            b"DOCKER_CA_PEM_BASE64=!\n",
            BundleError::Broken {
                what: "DOCKER_CA_PEM_BASE64",
                cause: String::new(),
            },
        ),
    ] {
        let error = read(content).unwrap_err();
        let same = match (&error, &found) {
            (BundleError::Broken { what, .. }, BundleError::Broken { what: wanted, .. }) => {
                what == wanted
            }
            (error, found) => error == found,
        };
        assert!(same, "{}: {error}", String::from_utf8_lossy(content));
    }
    let twice = tar_of(&[("ca.pem", b"a"), ("x/ca.pem", b"b")]);
    assert_eq!(read(&twice), Err(BundleError::Twice { what: "ca.pem" }));
    let without = tar_of(&[("ca.pem", b"a")]);
    assert_eq!(
        read(&without),
        Err(BundleError::Missing { what: "cert.pem" })
    );
}

#[test]
fn variables_survive_windows_quotes_and_export() {
    let alice = alice();
    let octets = octets(&alice, Form::Env);
    let text = std::str::from_utf8(&octets).unwrap();
    let bundle = read(text.replace('\n', "\r\n").as_bytes()).unwrap();
    assert!(bundle.key.as_ref() == Some(&alice.files[2]));
    let quoted = text.lines().map(|line| match line.split_once('=') {
        Some((name, value)) if !line.starts_with('#') => format!("export {name}=\"{value}\"\n"),
        _ => format!("{line}\n"),
    });
    let bundle = read(quoted.collect::<String>().as_bytes()).unwrap();
    assert!(bundle.key.as_ref() == Some(&alice.files[2]));
    assert_eq!(bundle.host.unwrap().to_string(), HOST);
}

proptest! {
    #[test]
    fn octets_are_read_or_refused(
        start in prop_oneof![
            Just(&b""[..]), Just(&b"\x1f\x8b\x08"[..]), Just(&b"PK\x03\x04"[..]),
            Just(&b"DOCKER_CA_PEM_BASE64="[..]),
            Just(&b"-----BEGIN CERTIFICATE-----"[..]),
        ],
        rest in proptest::collection::vec(any::<u8>(), 0..700),
    ) {
        let _ = read(&[start, &rest].concat());
    }

    #[test]
    fn damage_is_read_or_refused(form in 1usize..5, at in 0usize..4000, octet in any::<u8>()) {
        let alice = alice();
        let mut octets = octets(&alice, Form::ALL[form]);
        let at = at % octets.len();
        octets[at] = octet;
        let _ = read(&octets);
        let _ = read(&octets[..at]);
    }
}

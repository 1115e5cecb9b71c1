//! What is written is read back, and whatever is read does no harm.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::client::tests::{authority, issue, prove};
use super::*;

/// Clients of three names, the last with two CAs as in a rollover.
static PAIRS: LazyLock<[SoundPair; 3]> = LazyLock::new(|| {
    let [ca, old] = [authority(), authority()];
    let names = ["alice", "a", "bob@example.com"];
    names.map(|name| {
        let mut pair = issue(&ca, name);
        if name == "bob@example.com" {
            let both = ca.certificate().pem() + &old.certificate().pem();
            pair.ca = super::super::client::tests::present(both);
        }
        prove(&pair).unwrap()
    })
});

fn host() -> DockerHost {
    "tcp://web-1.example.com:2376".parse().unwrap()
}

fn bundle(form: Form) -> Bundle {
    Bundle::of(&PAIRS[0], form, Some(&host()), None).unwrap()
}

fn file(bundle: &Bundle, form: Form) -> Zeroizing<Vec<u8>> {
    match bundle.write(form).unwrap() {
        Written::File(octets) => octets,
        Written::Directory(_) => panic!("{form:?} is a directory"),
    }
}

fn refusal(octets: &[u8]) -> Error {
    Bundle::read(octets).unwrap_err()
}

const FILES: [Form; 4] = [Form::Tar, Form::Zip, Form::Context, Form::Env];

/// A tar archive of these members, each with its type.
fn tar_of(members: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, content) in members {
        let mut header = tar::Header::new_ustar();
        // By hand: the crate refuses to write what a stranger may.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

const REGULAR: tar::EntryType = tar::EntryType::Regular;

fn contents() -> [&'static [u8]; 3] {
    PAIRS[0].files.each_ref().map(|file| file.as_slice())
}

#[test]
fn the_same_client_gives_the_same_octets() {
    for form in FILES {
        assert_eq!(
            file(&bundle(form), form),
            file(&bundle(form), form),
            "{form:?}"
        );
    }
}

#[test]
fn octets_of_a_key_do_not_move_while_they_are_written() {
    for form in FILES {
        let written = file(&bundle(form), form);
        let moved = written.capacity() > 2 * (written.len() + 32 * 1024);
        assert!(
            !moved,
            "{form:?}: {} of {}",
            written.len(),
            written.capacity()
        );
    }
}

#[test]
fn the_directory_has_dockers_names_and_modes() {
    let bundle = bundle(Form::Dir);
    let Ok(Written::Directory(members)) = bundle.write(Form::Dir) else {
        panic!()
    };
    let told = members.each_ref().map(|member| (member.name, member.mode));
    assert_eq!(
        told,
        [("ca.pem", 0o444), ("cert.pem", 0o444), ("key.pem", 0o400)]
    );
    assert_eq!(members.map(|member| member.content), contents());
}

#[test]
fn a_form_that_tells_the_daemon_needs_one() {
    for form in Form::ALL {
        let made = Bundle::of(&PAIRS[0], form, None, None);
        assert_eq!(made.is_err(), form.has_host(), "{form:?}");
    }
    let error = Bundle::of(&PAIRS[0], Form::Env, None, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a client as env says which daemon is asked: found no host, wanted tcp://HOST:2376"
    );
}

#[test]
fn an_env_file_is_read_with_the_line_ends_of_windows_and_lines_of_others() {
    let bundle = bundle(Form::Env);
    let text = String::from_utf8(file(&bundle, Form::Env).to_vec()).unwrap();
    assert!(text.is_ascii() && !text.contains(['"', '\'']), "{text}");
    let theirs = format!("\u{feff}# theirs\n\nOTHER=1\n{text}MORE=x y\n").replace('\n', "\r\n");
    assert_eq!(Bundle::read(theirs.as_bytes()).unwrap(), bundle);

    let key = text.lines().last().unwrap();
    let twice = refusal(format!("{text}{key}\n").as_bytes());
    assert_eq!(
        twice.to_string(),
        "found `key.pem` twice in it, wanted it once"
    );
    let without = text.replace(key, "");
    assert_eq!(
        refusal(without.as_bytes()),
        Error::Missing { member: "key.pem" }
    );
    let broken = text.replace("KEY_PEM_BASE64=", "KEY_PEM_BASE64=%");
    assert_eq!(
        refusal(broken.as_bytes()).to_string(),
        "the env file cannot be read: found no base64 in DOCKER_KEY_PEM_BASE64, wanted a file in \
         base64"
    );
    let hosts = format!("{text}DOCKER_HOST=ssh://h\n");
    let refused = refusal(hosts.as_bytes()).to_string();
    assert!(
        refused.contains("`ssh://h` cannot be a docker host"),
        "{refused}"
    );
}

#[test]
fn a_reply_is_the_certificate_and_then_the_cas() {
    let [ca, own, key] = contents();
    let reply = Bundle::read(&[own, ca].concat()).unwrap();
    assert_eq!(reply.name.as_str(), "alice");
    assert_eq!(&**reply.files.certificate, own);
    assert_eq!(&**reply.files.ca, ca);
    assert!(reply.files.key.is_none());
    assert!(matches!(
        reply.write(Form::Tar),
        Err(Error::Missing { member: "key.pem" })
    ));

    assert_eq!(refusal(own), Error::Missing { member: "ca.pem" });
    let with_key = refusal(&[own, ca, key].concat()).to_string();
    assert_eq!(
        with_key,
        "`cert.pem` in it: found a private key, wanted a PEM certificate"
    );
}

#[test]
fn an_archive_of_a_stranger_is_taken_by_its_names_alone() {
    let [ca, own, key] = contents();
    let good = [("ca.pem", ca), ("cert.pem", own), ("key.pem", key)];
    for directory in ["", "./", "alice/", "../", "/", "C:\\x/"] {
        let paths = good.map(|(name, content)| (format!("{directory}{name}"), content));
        let mut members = Vec::from_iter(paths.iter().map(|(path, it)| (&**path, REGULAR, *it)));
        // Of no interest: what an archiver adds, links, and what lies deeper.
        members.push(("__MACOSX/._ca.pem", REGULAR, b"x"));
        members.push(("alice/key.pem", tar::EntryType::Symlink, b""));
        members.push(("../../etc/cron.d/x", REGULAR, b"x"));
        let read = Bundle::read(&tar_of(&members)).unwrap();
        assert!(read.files == bundle(Form::Tar).files, "{directory}");
    }
    let twice = [("ca.pem", REGULAR, ca), ("x/ca.pem", REGULAR, ca)];
    assert_eq!(refusal(&tar_of(&twice)), Error::Twice { member: "ca.pem" });
    let link = [("ca.pem", tar::EntryType::Symlink, &b""[..])];
    assert_eq!(refusal(&tar_of(&link)), Error::Missing { member: "ca.pem" });
    let large = vec![b'x'; 65 * 1024];
    let large = [("ca.pem", REGULAR, &*large)];
    assert_eq!(refusal(&tar_of(&large)), Error::Large { limit: 65536 });
}

#[test]
fn what_unpacks_without_end_is_refused() {
    let zeros = vec![0; 64 << 20];
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut bomb, &zeros).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < MAX_OCTETS);
    assert_eq!(refusal(&bomb), Error::Large { limit: MAX_OCTETS });
    assert_eq!(refusal(&zeros), Error::Large { limit: MAX_OCTETS });

    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let options = options.compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("key.pem", options).unwrap();
    std::io::Write::write_all(&mut zip, &zeros).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    assert_eq!(refusal(&zip), Error::Large { limit: 65536 });
}

#[test]
fn what_is_no_bundle_is_told() {
    assert_eq!(refusal(b""), Error::Unknown);
    assert_eq!(refusal(b"hello\n"), Error::Unknown);
    let armored = b"-----BEGIN AGE ENCRYPTED FILE-----\n";
    for encrypted in [&b"age-encryption.org/v1\n-> X25519"[..], armored] {
        assert_eq!(refusal(encrypted), Error::Encrypted);
    }
    let mut cut = file(&bundle(Form::Tar), Form::Tar).to_vec();
    cut.truncate(cut.len() / 2);
    assert!(matches!(refusal(&cut), Error::Broken { form: "gzip", .. }));
    let [_, own, key] = contents();
    let swapped = [
        ("ca.pem", REGULAR, own),
        ("cert.pem", REGULAR, key),
        ("key.pem", REGULAR, own),
    ];
    assert!(matches!(
        refusal(&tar_of(&swapped)),
        Error::Member {
            member: "cert.pem",
            ..
        }
    ));
}

#[test]
fn a_recipient_is_a_public_key() {
    let age = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    assert_eq!(age.parse::<Recipient>().unwrap().to_string(), age);
    let with_comment = format!("{ssh} alice@laptop\n");
    assert_eq!(with_comment.parse::<Recipient>().unwrap().to_string(), ssh);
    let file = format!("# ours\r\n\n{age}\r\n  {with_comment}");
    assert_eq!(recipients(&file).unwrap().len(), 2);

    let refused = |text: &str| text.parse::<Recipient>().unwrap_err().to_string();
    assert_eq!(
        refused("age1x"),
        "`age1x` cannot be encrypted to: wanted all of an age recipient, which begins with age1"
    );
    assert!(refused("ssh-dss AAAA").contains("wanted"));
    for secret in [
        "AGE-SECRET-KEY-1XYZ",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n",
        "# created\nAGE-SECRET-KEY-1XYZ\n",
    ] {
        assert_eq!(recipients(secret).unwrap_err(), Error::SecretRecipient);
    }
    assert_eq!(recipients("# none\n").unwrap_err(), Error::NoRecipient);
    // It may be the file of a passphrase.
    let other = recipients(&format!("{age}\ncorrect horse\n")).unwrap_err();
    assert_eq!(
        other.to_string(),
        "line 2 is no recipient: wanted a key that begins with age1, ssh-ed25519 or ssh-rsa"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        pair in 0usize..3,
        host in "[a-z]{1,12}(\\.[a-z]{1,9})?:[1-9][0-9]{0,3}|\\[::[1-9a-f]\\]",
        context in proptest::option::of("[a-zA-Z0-9][a-zA-Z0-9_.+-]{1,20}"),
    ) {
        let host: DockerHost = host.parse().unwrap();
        let context = context.and_then(|name| name.parse().ok());
        for form in FILES {
            let bundle = Bundle::of(&PAIRS[pair], form, Some(&host), context.as_ref()).unwrap();
            let Written::File(octets) = bundle.write(form).unwrap() else { panic!() };
            prop_assert_eq!(Bundle::read(&octets).unwrap(), bundle);
        }
    }

    #[test]
    fn whatever_octets_are_read_or_refused(octets: Vec<u8>, form in 0usize..4) {
        let _ = Bundle::read(&octets);
        // Behind each magic too.
        let mut whole = file(&bundle(FILES[form]), FILES[form]).to_vec();
        let keep = octets.len() * 7 % whole.len();
        whole.truncate(keep.max(4));
        whole.extend(octets);
        let _ = Bundle::read(&whole);
    }

    #[test]
    fn a_damaged_bundle_is_read_or_refused(form in 0usize..4, at: prop::sample::Index, octet: u8) {
        let mut whole = file(&bundle(FILES[form]), FILES[form]).to_vec();
        let at = at.index(whole.len());
        whole[at] = octet;
        let _ = Bundle::read(&whole);
    }
}

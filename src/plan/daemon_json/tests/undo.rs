//! What an undo makes of files that a user has edited since.

use super::*;

const BEFORE: &str = r#"{"debug": true}"#;

/// What `all_keys` makes of `BEFORE`, with one thing changed since.
fn edited(from: &str, to: &str) -> String {
    let text = patched(BEFORE, &all_keys());
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    text.replace(from, to)
}

fn undone(now: &str) -> String {
    unpatched(now, &all_keys(), BEFORE)
}

/// The TLS keys as `all_keys` writes them, with one thing changed.
fn tls_with(from: &str, to: &str) -> String {
    let tls = "\"tls\": true, \"tlsverify\": true, \"tlscacert\": \"/etc/docker/CA/ca.pem\", \
               \"tlscert\": \"/etc/docker/CA/server-cert.pem\", \
               \"tlskey\": \"/etc/docker/CA/server-key.pem\"";
    tls.replace(from, to)
}

#[test]
fn takes_only_ours_from_a_file_that_has_changed() {
    let now = edited("\"debug\": true", "\"debug\": false");
    assert_eq!(undone(&now), r#"{"debug": false}"#);
    let now = edited("\"debug\": true, ", "");
    assert_eq!(undone(&now), "{}");
    let now = edited("\"live-restore\": true", "\"live-restore\": false");
    assert_eq!(undone(&now), r#"{"debug": true, "live-restore": false}"#);
    let now = edited("\"live-restore\": true", "\"mtu\": 1400");
    assert_eq!(undone(&now), r#"{"debug": true, "mtu": 1400}"#);
    let now = format!("{}\n", patched(BEFORE, &all_keys()));
    assert_eq!(undone(&now), "{\"debug\": true}\n");
    assert_eq!(undone(""), "");
}

#[test]
fn takes_ours_out_of_the_middle_and_from_the_beginning() {
    let now = r#"{ "live-restore": true, "a": 1,
        "hosts": ["fd://", "tcp://0.0.0.0:2376"], "b": 2 }"#;
    let undone = unpatched(now, &two_keys(), "{}");
    assert_eq!(undone, r#"{ "a": 1, "b": 2 }"#);
}

#[test]
fn leaves_no_object_where_there_was_none_and_nothing_was_added() {
    let now = patched("", &all_keys()).replace("  ", "\t");
    assert_eq!(unpatched(&now, &all_keys(), ""), "");
    assert_eq!(unpatched(&now, &all_keys(), "null\n"), "null\n");
    assert_eq!(unpatched(&now, &all_keys(), "{ }"), "{ }\n");
    let now = now.replace("\n}", ",\n\t\"mtu\": 1400\n}");
    let undone = unpatched(&now, &all_keys(), "");
    assert_eq!(undone, "{\n\t\"mtu\": 1400\n}\n");
    assert_eq!(unpatched("{}", &all_keys(), ""), "{}");
}

#[test]
fn puts_old_values_back_as_they_were_written() {
    let before = r#"{
  "hosts": [
    "fd:\/\/"
  ],
  "tls": null,
  "live-restore": false
}
"#;
    let add = |text: &str| text.replace("\n}", ",\n  \"mtu\": 1400\n}");
    let now = add(&patched(before, &all_keys()));
    assert_eq!(unpatched(&now, &all_keys(), before), add(before));
}

#[test]
fn keeps_what_a_user_has_done_to_hosts() {
    let table: [(&str, &str, &[&str], &str, &str); 11] = [
        (
            "added one",
            r#"{"hosts": ["fd://"]}"#,
            &["fd://", "tcp://:2376"],
            r#"{"hosts": ["fd://", "tcp://:2376", "unix:///u"]}"#,
            r#"{"hosts": ["fd://", "unix:///u"]}"#,
        ),
        (
            "removed one",
            r#"{"hosts": ["fd://", "unix:///u"]}"#,
            &["fd://", "unix:///u", "tcp://:2376"],
            r#"{"hosts": ["fd://", "tcp://:2376"]}"#,
            r#"{"hosts": ["fd://"]}"#,
        ),
        (
            "removed ours",
            r#"{"hosts": ["fd://"]}"#,
            &["fd://", "tcp://:2376"],
            r#"{"hosts": [ "fd://" ]}"#,
            r#"{"hosts": ["fd://"]}"#,
        ),
        (
            "added one, where we had taken one away",
            r#"{"hosts": ["tcp://:2375", "fd://"]}"#,
            &["fd://", "tcp://:2376"],
            r#"{"hosts": ["fd://", "tcp://:2376", "unix:///u"]}"#,
            r#"{"hosts": ["tcp://:2375", "fd://", "unix:///u"]}"#,
        ),
        (
            "put one back that we had taken away",
            r#"{"hosts": ["tcp://:2375", "fd://"]}"#,
            &["fd://", "tcp://:2376"],
            r#"{"hosts": ["fd://", "tcp://:2376", "tcp://:2375"]}"#,
            r#"{"hosts": ["tcp://:2375", "fd://"]}"#,
        ),
        (
            "replaced all",
            r#"{"hosts": ["fd://"]}"#,
            &["fd://", "tcp://:2376"],
            r#"{"hosts": [ "unix:///u" ]}"#,
            r#"{"hosts": [ "unix:///u" ]}"#,
        ),
        (
            "made it null",
            r#"{"hosts": ["fd://"]}"#,
            &["fd://", "tcp://:2376"],
            r#"{"hosts": null}"#,
            r#"{"hosts": null}"#,
        ),
        (
            "removed one, where there was nothing",
            "{}",
            &["fd://", "tcp://:2376"],
            r#"{"hosts": ["tcp://:2376"]}"#,
            "{}",
        ),
        (
            "added one, where there was nothing",
            "{}",
            &["fd://", "tcp://:2376"],
            r#"{"hosts": ["fd://", "tcp://:2376", "unix:///u"]}"#,
            r#"{"hosts": ["fd://", "unix:///u"]}"#,
        ),
        (
            "added one and removed the local socket, where there was nothing",
            "{}",
            &["fd://", "tcp://:2376"],
            r#"{"hosts": ["tcp://:2376", "unix:///u"]}"#,
            r#"{"hosts": ["unix:///u"]}"#,
        ),
        (
            "made room, where it was null",
            r#"{"hosts": null}"#,
            &["fd://"],
            r#"{ "hosts": ["fd://"]}"#,
            r#"{ "hosts": null}"#,
        ),
    ];
    for (name, before, installed, now, wanted) in table {
        let installed = Wanted {
            hosts: Some(installed.iter().map(|host| (*host).to_owned()).collect()),
            ..Wanted::default()
        };
        assert_eq!(unpatched(now, &installed, before), wanted, "{name}");
    }
}

#[test]
fn tls_stays_whole_when_a_user_has_made_it_their_own() {
    for (from, to) in [
        ("/etc/docker/CA/server-key.pem", "/etc/ssl/key.pem"),
        ("\"tlsverify\": true", "\"tlsverify\": false"),
    ] {
        // The local socket stays, too: TLS keys alone would move dockerd to localhost:2376.
        let tls = tls_with(from, to);
        let wanted = format!(r#"{{"debug": true, "hosts": ["fd://"], {tls}}}"#);
        assert_eq!(undone(&edited(from, to)), wanted);
    }
}

#[test]
fn tls_stays_while_it_guards_an_address_that_a_user_has_added() {
    let (from, to) = ("tcp://0.0.0.0:2376", "tcp://10.0.0.5:2376");
    let tls = tls_with("", "");
    let wanted = format!(r#"{{"debug": true, "hosts": ["fd://", "{to}"], {tls}}}"#);
    assert_eq!(undone(&edited(from, to)), wanted);

    let now = edited(from, "unix:///u");
    let wanted = r#"{"debug": true, "hosts": ["fd://", "unix:///u"]}"#;
    assert_eq!(undone(&now), wanted);
}

#[test]
fn an_address_that_a_user_has_added_is_left_to_the_tls_that_was_there_before() {
    let tls = r#""tlsverify": true, "tlscert": "/b", "tlskey": "/c", "tlscacert": "/a""#;
    let before = format!("{{{tls}}}");
    let now = patched(&before, &all_keys()).replace("0.0.0.0", "10.0.0.5");
    let wanted = format!(r#"{{{tls}, "hosts": ["fd://", "tcp://10.0.0.5:2376"]}}"#);
    assert_eq!(unpatched(&now, &all_keys(), &before), wanted);

    // But not if that lets strangers in.
    for (from, to) in [
        ("\"tlsverify\": true", "\"tlsverify\": false"),
        ("\"/a\"", "\"\""),
        (", \"tlscacert\": \"/a\"", ""),
    ] {
        let before = before.replace(from, to);
        let now = patched(&before, &all_keys()).replace("0.0.0.0", "10.0.0.5");
        let undone = unpatched(&now, &all_keys(), &before);
        assert_eq!(parsed(&undone).tls(), parsed(&now).tls(), "{undone}");
    }
}

#[test]
fn half_of_our_tls_goes_with_the_other_half() {
    // Without its CA the daemon would trust every CA of the system: no reason to keep the rest.
    let now = edited("\"tlscacert\": \"/etc/docker/CA/ca.pem\", ", "");
    assert_eq!(undone(&now), BEFORE);
    let now = edited("\"tls\": true, \"tlsverify\": true, ", "");
    assert_eq!(undone(&now), BEFORE);
}

//! What a patch makes of files, to the octet.

use super::*;

/// A file before the patch, and after it with `@H` for `"hosts": ["fd://", "tcp://0.0.0.0:2376"]`
/// and `@L` for `"live-restore": true`.
const TABLE: [(&str, &str, &str); 31] = [
    ("absent or empty", "", "{\n  @H,\n  @L\n}\n"),
    ("blank", "  \n\n", "{\n  @H,\n  @L\n}\n"),
    ("blank with CRLF", "\r\n", "{\r\n  @H,\r\n  @L\r\n}\r\n"),
    ("only a BOM", "\u{feff}", "\u{feff}{\n  @H,\n  @L\n}\n"),
    ("null", "null", "{\n  @H,\n  @L\n}"),
    ("null amid blanks", " null\n\n", " {\n  @H,\n  @L\n}\n\n"),
    ("empty object", "{}", "{\n  @H,\n  @L\n}"),
    ("empty object on two lines", "{\n}\n", "{\n  @H,\n  @L\n}\n"),
    (
        "empty object with CRLF",
        "{\r\n}\r\n",
        "{\r\n  @H,\r\n  @L\r\n}\r\n",
    ),
    (
        "BOM",
        "\u{feff}{\n  \"debug\": true\n}\n",
        "\u{feff}{\n  \"debug\": true,\n  @H,\n  @L\n}\n",
    ),
    (
        "CRLF",
        "{\r\n  \"debug\": true\r\n}\r\n",
        "{\r\n  \"debug\": true,\r\n  @H,\r\n  @L\r\n}\r\n",
    ),
    (
        "CR alone",
        "{\r \"debug\": true\r}",
        "{\r \"debug\": true,\r @H,\r @L\r}",
    ),
    (
        "tabs",
        "{\n\t\"debug\": true\n}\n",
        "{\n\t\"debug\": true,\n\t@H,\n\t@L\n}\n",
    ),
    (
        "four spaces",
        "{\n    \"debug\": true,\n    \"ipv6\": false\n}\n",
        "{\n    \"debug\": true,\n    \"ipv6\": false,\n    @H,\n    @L\n}\n",
    ),
    (
        "no indentation",
        "{\n\"debug\": true\n}\n",
        "{\n\"debug\": true,\n@H,\n@L\n}\n",
    ),
    (
        "no final newline",
        "{\n  \"debug\": true\n}",
        "{\n  \"debug\": true,\n  @H,\n  @L\n}",
    ),
    ("one line", "{\"debug\": true}", "{\"debug\": true, @H, @L}"),
    (
        "one line with room",
        "{ \"debug\": true, \"ipv6\": false }\n",
        "{ \"debug\": true, \"ipv6\": false, @H, @L }\n",
    ),
    (
        "compact",
        "{\"debug\":true}",
        "{\"debug\":true,\"hosts\":[\"fd://\",\"tcp://0.0.0.0:2376\"],\"live-restore\":true}",
    ),
    (
        "blanks before colons",
        "{\n  \"debug\" : true\n}",
        "{\n  \"debug\" : true,\n  \"hosts\" : [\"fd://\", \"tcp://0.0.0.0:2376\"],\n  \"live-restore\" : true\n}",
    ),
    (
        "empty lines between groups",
        "{\n  \"debug\": true,\n\n  \"ipv6\": false\n\n}\n\n",
        "{\n  \"debug\": true,\n\n  \"ipv6\": false,\n  @H,\n  @L\n\n}\n\n",
    ),
    (
        "nested objects",
        "{\n  \"log-opts\": {\n    \"max-size\": \"10m\"\n  }\n}\n",
        "{\n  \"log-opts\": {\n    \"max-size\": \"10m\"\n  },\n  @H,\n  @L\n}\n",
    ),
    (
        "our names in other objects and in another case",
        "{\n  \"x\": {\"hosts\": 1, \"tls\": \"no\"},\n  \"Hosts\": 7\n}\n",
        "{\n  \"x\": {\"hosts\": 1, \"tls\": \"no\"},\n  \"Hosts\": 7,\n  @H,\n  @L\n}\n",
    ),
    (
        "big and odd numbers",
        "{\"n\": [1E+2, -0.0, 1.50, 123456789012345678901234567890, 1e999]}",
        "{\"n\": [1E+2, -0.0, 1.50, 123456789012345678901234567890, 1e999], @H, @L}",
    ),
    (
        "letters and escapes",
        "{\"ключ\": \"\\u00fc\\/\\ud83d ü\u{1f600}\\u0000\"}",
        "{\"ключ\": \"\\u00fc\\/\\ud83d ü\u{1f600}\\u0000\", @H, @L}",
    ),
    (
        "hosts on one line, as wanted",
        "{\n  \"hosts\": [ \"fd:\\/\\/\",\"tcp://0.0.0.0:2376\" ],\n  \"debug\": true\n}\n",
        "{\n  \"hosts\": [ \"fd:\\/\\/\",\"tcp://0.0.0.0:2376\" ],\n  \"debug\": true,\n  @L\n}\n",
    ),
    (
        "hosts on many lines, as wanted",
        "{\n  \"hosts\": [\n    \"fd://\",\n    \"tcp://0.0.0.0:2376\"\n  ],\n  \"debug\": true\n}\n",
        "{\n  @H,\n  \"debug\": true,\n  @L\n}\n",
    ),
    (
        "hosts with others, last",
        "{\n  \"debug\": true,\n  \"hosts\": [\"unix:///var/run/docker.sock\"]\n}\n",
        "{\n  \"debug\": true,\n  @H,\n  @L\n}\n",
    ),
    (
        "hosts in another order",
        "{\"hosts\": [\"tcp://0.0.0.0:2376\", \"fd://\"]}",
        "{@H, @L}",
    ),
    (
        "our keys null",
        "{\"live-restore\": null, \"hosts\": null}",
        "{@L, @H}",
    ),
    (
        "our keys in escapes",
        "{\"live\\u002drestore\": false, \"\\u0068osts\": []}",
        "{\"live\\u002drestore\": true, \"\\u0068osts\": [\"fd://\", \"tcp://0.0.0.0:2376\"]}",
    ),
];

#[test]
fn only_our_keys_change_and_all_else_stays_as_it_is_written() {
    for (name, before, after) in TABLE {
        let after = after
            .replace("@H", r#""hosts": ["fd://", "tcp://0.0.0.0:2376"]"#)
            .replace("@L", r#""live-restore": true"#);
        let wanted = two_keys();
        assert_eq!(patched(before, &wanted), after, "{name}");
        assert_eq!(patched(&after, &wanted), after, "{name}, twice");
        assert_eq!(unpatched(&after, &wanted, before), before, "{name}, undone");
    }
}

#[test]
fn new_keys_come_in_their_order() {
    let wanted = r#"{
  "debug": true,
  "hosts": ["fd://", "tcp://0.0.0.0:2376"],
  "tls": true,
  "tlsverify": true,
  "tlscacert": "/etc/docker/CA/ca.pem",
  "tlscert": "/etc/docker/CA/server-cert.pem",
  "tlskey": "/etc/docker/CA/server-key.pem",
  "live-restore": true
}
"#;
    let found = patched("{\n  \"debug\": true\n}\n", &all_keys());
    assert_eq!(found, wanted);
}

#[test]
fn tls_keys_half_present_become_five() {
    let before = r#"{
  "tlskey": "/old/key.pem",
  "tlsverify": false,
  "debug": true
}"#;
    let after = r#"{
  "tlskey": "/etc/docker/CA/server-key.pem",
  "tlsverify": true,
  "debug": true,
  "tls": true,
  "tlscacert": "/etc/docker/CA/ca.pem",
  "tlscert": "/etc/docker/CA/server-cert.pem"
}"#;
    let wanted = Wanted {
        hosts: None,
        live_restore: None,
        ..all_keys()
    };
    assert_eq!(patched(before, &wanted), after);
    assert_eq!(unpatched(after, &wanted, before), before);
}

#[test]
fn what_is_not_wanted_is_left_alone() {
    let text = "{\n  \"hosts\": [\n    \"fd://\"\n  ],\n  \"tls\": false\n}";
    assert_eq!(patched(text, &Wanted::default()), text);
    assert_eq!(patched("", &Wanted::default()), "");
}

#[test]
fn odd_characters_are_escaped() {
    let mut wanted = all_keys();
    wanted.hosts = Some(vec!["unix:///a\"b\\c\nü".into()]);
    let text = patched("", &wanted);
    let line = r#""hosts": ["unix:///a\"b\\c\nü"],"#;
    assert!(text.contains(line), "{text}");
    assert_eq!(parsed(&text).hosts(), wanted.hosts.as_deref());
}

#[test]
fn reads_what_is_there() {
    let file = parsed(
        r#"{"hosts": ["fd://", "unix:///a"], "tls": true, "tlscacert": "\/ca", "tlskey": null,
            "live-restore": false, "pidfile": "/run/\u0064.pid", "mtu": 1500}"#,
    );
    let hosts = ["fd://".to_owned(), "unix:///a".to_owned()];
    assert_eq!(file.hosts(), Some(&hosts[..]));
    let tls = Tls {
        tls: Some(true),
        ca_certificate: Some("/ca".into()),
        ..Tls::default()
    };
    assert_eq!(file.tls(), tls);
    assert_eq!(file.live_restore(), Some(false));
    assert_eq!(file.string("pidfile").as_deref(), Some("/run/d.pid"));
    assert_eq!(file.string("mtu"), None);
    assert_eq!(file.string("data-root"), None);
    assert_eq!(parsed("").tls(), Tls::default());
    assert_eq!(parsed("null").hosts(), None);
}

//! What is refused, with its whole message.

use super::*;

fn fault(octets: impl AsRef<[u8]>) -> String {
    let octets = octets.as_ref();
    match DaemonJson::parse(octets) {
        Ok(_) => panic!("{:?} was accepted", String::from_utf8_lossy(octets)),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn refuses_what_is_no_object_of_json() {
    let table = [
        (
            "line comment",
            "{\n  // debug\n  \"debug\": true\n}",
            "line 2, column 3: found a comment (`//`), wanted JSON, which has none",
        ),
        (
            "block comment",
            r#"{"debug": /* yes */ true}"#,
            "line 1, column 11: found a comment (`/*`), wanted JSON, which has none",
        ),
        (
            "hash comment",
            "# debug\n{}",
            "line 1, column 1: found a comment (`#`), wanted JSON, which has none",
        ),
        (
            "comment after the object",
            "{}\n// end",
            "line 2, column 1: found a comment (`//`), wanted JSON, which has none",
        ),
        (
            "slash",
            "{/}",
            "line 1, column 2: found `/`, wanted a key in double quotes or `}`",
        ),
        (
            "trailing comma in an object",
            "{\n  \"a\": 1,\n}",
            "line 2, column 9: found a comma with nothing after it, \
             wanted one between values only",
        ),
        (
            "trailing comma in a list",
            "{\"a\": [1,\n2,]}",
            "line 2, column 2: found a comma with nothing after it, \
             wanted one between values only",
        ),
        (
            "leading comma",
            r#"{,"a":1}"#,
            "line 1, column 2: found `,`, wanted a key in double quotes or `}`",
        ),
        (
            "two commas",
            r#"{"a":[1,,2]}"#,
            "line 1, column 9: found `,`, wanted a value",
        ),
        (
            "comma alone in a list",
            r#"{"a":[,]}"#,
            "line 1, column 7: found `,`, wanted a value or `]`",
        ),
        (
            "duplicate key",
            "{\n  \"tlsverify\": true,\n  \"tlsverify\": false\n}",
            "line 3, column 3: found the key `tlsverify` again, \
             wanted it once: it is at line 2, column 3 already",
        ),
        (
            "duplicate key in escapes",
            r#"{"tls": true, "tl\u0073": false}"#,
            "line 1, column 15: found the key `tls` again, \
             wanted it once: it is at line 1, column 2 already",
        ),
        (
            "nested duplicate key",
            r#"{"a": [{"b": {"c": 1, "c": 1}}]}"#,
            "line 1, column 23: found the key `c` again, \
             wanted it once: it is at line 1, column 15 already",
        ),
        (
            "missing comma",
            r#"{"a": 1 "b": 2}"#,
            "line 1, column 9: found `\"b\"`, wanted a comma or `}`",
        ),
        (
            "missing comma between lists",
            r#"{"a": [[1][2]]}"#,
            "line 1, column 11: found `[`, wanted a comma or `]`",
        ),
        (
            "missing colon",
            r#"{"a" 1}"#,
            "line 1, column 6: found `1`, wanted a colon after the key",
        ),
        (
            "missing value",
            r#"{"a":}"#,
            "line 1, column 6: found `}`, wanted a value",
        ),
        (
            "wrong bracket",
            r#"{"a": [1}"#,
            "line 1, column 9: found `}`, wanted a comma or `]`",
        ),
        (
            "never closed",
            "{\"a\": 1\n",
            "line 2, column 1: found the end of the file, wanted a comma or `}`",
        ),
        (
            "string never closed",
            "{\n \"a: 1}",
            "line 2, column 2: found a string without an end, wanted the quote that ends it",
        ),
        (
            "escape at the end",
            "{\"a\\",
            "line 1, column 4: found `\\`, wanted one of \
             \\\" \\\\ \\/ \\b \\f \\n \\r \\t, or \\u and four hex digits",
        ),
        (
            "string over two lines",
            "{\"a\": \"b\nc\"}",
            "line 1, column 9: found a line break in a string, \
             wanted an escape for it, or the quote that ends the string",
        ),
        (
            "raw control character",
            "{\"a\": \"\x01\"}",
            "line 1, column 8: found the character U+0001 in a string, \
             wanted an escape for it, or the quote that ends the string",
        ),
        (
            "bad escape",
            r#"{"a": "\x41"}"#,
            "line 1, column 8: found `\\x`, wanted one of \
             \\\" \\\\ \\/ \\b \\f \\n \\r \\t, or \\u and four hex digits",
        ),
        (
            "short escape before a letter of two octets",
            r#"{"a": "\u00aü"}"#,
            "line 1, column 8: found `\\u`, wanted one of \
             \\\" \\\\ \\/ \\b \\f \\n \\r \\t, or \\u and four hex digits",
        ),
        (
            "escape with a sign",
            r#"{"a": "\u+041"}"#,
            "line 1, column 8: found `\\u`, wanted one of \
             \\\" \\\\ \\/ \\b \\f \\n \\r \\t, or \\u and four hex digits",
        ),
        (
            "single quotes",
            "{'a': 1}",
            "line 1, column 2: found `'`, wanted a key in double quotes or `}`",
        ),
        (
            "bare key",
            "{debug: true}",
            "line 1, column 2: found `debug`, wanted a key in double quotes or `}`",
        ),
        (
            "Python's True",
            r#"{"debug": True}"#,
            "line 1, column 11: found `True`, wanted a value",
        ),
        (
            "bad number",
            r#"{"mtu": 01500}"#,
            "line 1, column 9: found `01500`, wanted a number as JSON writes them",
        ),
        (
            "form feed",
            "{\x0c}",
            "line 1, column 2: found `\\u{c}`, wanted a key in double quotes or `}`",
        ),
        (
            "no-break space, after letters of two octets",
            "{\"ü\": \"ü\",\u{a0}\"b\": 1}",
            "line 1, column 11: found `\u{a0}`, wanted a key in double quotes",
        ),
        (
            "BOM, which is no column",
            "\u{feff}{x",
            "line 1, column 2: found `x`, wanted a key in double quotes or `}`",
        ),
        (
            "two BOMs",
            "\u{feff}\u{feff}{}",
            "line 1, column 1: found `\\u{feff}`, wanted an object",
        ),
        (
            "text after the object",
            "{}\n{\"tls\": true}",
            "line 2, column 1: found `{\"tls\": true}` after the object, \
             wanted the end of the file",
        ),
        (
            "brace after the object",
            "{}}",
            "line 1, column 3: found `}` after the object, wanted the end of the file",
        ),
        (
            "list at the top",
            "[]",
            "line 1, column 1: found a list, wanted an object",
        ),
        (
            "string at the top",
            "\n \"{}\"",
            "line 2, column 2: found a string, wanted an object",
        ),
        (
            "path instead of a file",
            "/etc/docker/daemon.json",
            "line 1, column 1: found `/`, wanted an object",
        ),
        (
            "escape codes of a terminal",
            "{\x1b[31m}",
            "line 1, column 2: found `\\u{1b}`, wanted a key in double quotes or `}`",
        ),
    ];
    for (name, text, wanted) in table {
        assert_eq!(fault(text), wanted, "{name}");
    }
}

#[test]
fn refuses_other_encodings_than_utf_8() {
    let utf_16 = "line 1, column 1: found UTF-16, wanted UTF-8";
    let latin_1 = "line 2, column 12: found the octet 0xfc, wanted UTF-8";
    let table: [(&[u8], &str); 5] = [
        (b"\xff\xfe{\0}\0", utf_16),
        (b"\xfe\xff\0{\0}", utf_16),
        (b"{\0}\0", utf_16),
        (b"\0{\0}", utf_16),
        (b"{\n \"name\": \"b\xfccher\"}", latin_1),
    ];
    for (octets, wanted) in table {
        assert_eq!(fault(octets), wanted);
    }
}

#[test]
fn refuses_wrong_types_of_the_keys_it_reads() {
    let table = [
        (
            r#"{"hosts": "fd://"}"#,
            "line 1, column 11: found a string in `hosts`, wanted a list of strings",
        ),
        (
            r#"{"hosts": ["fd://", 1]}"#,
            "line 1, column 21: found a number in `hosts`, wanted strings only",
        ),
        (
            r#"{"hosts": [null]}"#,
            "line 1, column 12: found null in `hosts`, wanted strings only",
        ),
        (
            r#"{"hosts": [["fd://"]]}"#,
            "line 1, column 12: found a list in `hosts`, wanted strings only",
        ),
        (
            r#"{"tls": "true"}"#,
            "line 1, column 9: found a string in `tls`, wanted true or false",
        ),
        (
            r#"{"tlsverify": 1}"#,
            "line 1, column 15: found a number in `tlsverify`, wanted true or false",
        ),
        (
            r#"{"tlsverify": null}"#,
            "line 1, column 15: found null in `tlsverify`, wanted true or false",
        ),
        (
            r#"{"tlscacert": true}"#,
            "line 1, column 15: found true in `tlscacert`, wanted a path in double quotes",
        ),
        (
            r#"{"tlscert": {}}"#,
            "line 1, column 13: found an object in `tlscert`, wanted a path in double quotes",
        ),
        (
            r#"{"tlskey": []}"#,
            "line 1, column 12: found a list in `tlskey`, wanted a path in double quotes",
        ),
        (
            r#"{"live-restore": "no"}"#,
            "line 1, column 18: found a string in `live-restore`, wanted true or false",
        ),
    ];
    for (text, wanted) in table {
        assert_eq!(fault(text), wanted);
    }
}

#[test]
fn depth_takes_no_stack_and_has_the_limit_of_go() {
    let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
    let deepest = nested(9_999);
    let after = patched(&deepest, &all_keys());
    assert_eq!(unpatched(&after, &all_keys(), &deepest), deepest);
    assert_eq!(
        fault(nested(10_000)),
        "line 1, column 10006: found lists or objects nested deeper than 10000, \
         wanted no more than that"
    );
    let endless = format!("{{\"a\": {}", "[".repeat(1 << 20));
    assert!(fault(endless).contains("deeper than 10000"));
    let endless = "{\"a\":".repeat(1 << 18);
    assert!(fault(endless).contains("deeper than 10000"));
    let endless = "[".repeat(1 << 20);
    assert!(fault(endless).contains("found a list, wanted an object"));
}

#[test]
fn a_message_quotes_no_more_than_a_line_can_hold() {
    let key = "k".repeat(5_000);
    let text = fault(format!("{{\"{key}\": 1, \"{key}\": 2}}"));
    assert!(text.len() < 200, "{text}");
}

//! What docker knows of a context beside its certificates: its meta.json.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{ContextName, ENDPOINT};
use crate::plan::client::ClientError;
use crate::plan::docker_host::DockerHost;

/// What a context's meta.json says.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata(Map<String, Value>);

/// Whether docker checks a daemon's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// It does.
    On,
    /// It does not: SkipTLSVerify.
    Skipped,
}

/// The keys of meta.json, in docker's order.
const KEYS: [&str; 3] = ["Name", "Metadata", "Endpoints"];
const HOST: &str = "Host";
const SKIP_TLS_VERIFY: &str = "SkipTLSVerify";

/// The name of the context a meta.json is of, if it says one that docker takes.
pub fn name_in(content: &[u8]) -> Option<ContextName> {
    let json: Value = serde_json::from_slice(content).ok()?;
    json.get(KEYS[0])?.as_str()?.parse().ok()
}

impl Metadata {
    /// Of a context that is still to be.
    pub fn new(name: &ContextName) -> Self {
        let [name_key, metadata, endpoints] = KEYS.map(str::to_owned);
        Self(Map::from_iter([
            (name_key, name.as_str().into()),
            (metadata, json!({})),
            (endpoints, json!({})),
        ]))
    }

    /// Reads a context's meta.json.  The path is for the error alone.
    ///
    /// # Errors
    /// [`ClientError::Found`] if it is none, or another context's.
    pub fn read(name: &ContextName, path: &Path, content: &[u8]) -> Result<Self, ClientError> {
        let wrong = |found: String, wanted: String| ClientError::Found {
            path: path.to_owned(),
            found,
            wanted,
        };
        let json = serde_json::from_slice::<Value>(content)
            .map_err(|cause| wrong(format!("no JSON ({cause})"), "a docker context".into()))?;
        let Value::Object(object) = json else {
            return Err(wrong(
                "JSON that is no object".into(),
                "a docker context".into(),
            ));
        };
        // docker does not look at the case of a key and takes the last one there is.
        let mistaken = object.keys().find(|key| {
            let mut keys = KEYS.iter();
            keys.any(|known| key.eq_ignore_ascii_case(known) && key != known)
        });
        if let Some(key) = mistaken {
            return Err(wrong(format!("the key `{key}`"), KEYS.join(", ")));
        }
        match object.get(KEYS[0]) {
            Some(Value::String(found)) if found == name.as_str() => {}
            Some(Value::String(found)) => {
                return Err(wrong(format!("the context `{found}`"), format!("`{name}`")));
            }
            _ => return Err(wrong("no name".into(), format!("the context `{name}`"))),
        }
        let endpoints = object.get(KEYS[2]).unwrap_or(&Value::Null);
        let endpoint = endpoints.get(ENDPOINT).unwrap_or(&Value::Null);
        for (value, key) in [(endpoints, KEYS[2]), (endpoint, ENDPOINT)] {
            if !value.is_object() && !value.is_null() {
                return Err(wrong(format!("`{key}` that is no object"), "one".into()));
            }
        }
        Ok(Self(object))
    }

    /// The host the context is for, if it has one.
    pub fn host(&self) -> Option<&str> {
        self.endpoint()?.get(HOST)?.as_str()
    }

    /// Whether docker checks the daemon's certificate.
    pub fn verification(&self) -> Verification {
        let skips = self.endpoint().and_then(|it| it.get(SKIP_TLS_VERIFY));
        match skips {
            Some(Value::Bool(true)) => Verification::Skipped,
            _ => Verification::On,
        }
    }

    fn endpoint(&self) -> Option<&Map<String, Value>> {
        self.0.get(KEYS[2])?.get(ENDPOINT)?.as_object()
    }

    /// The same for this host, with its certificate checked; all else stays.
    pub fn with_host(mut self, host: &DockerHost) -> Self {
        self.0
            .entry(KEYS[1])
            .or_insert_with(|| Value::Object(Map::new()));
        let endpoints = object_in(&mut self.0, KEYS[2]);
        let endpoint = object_in(endpoints, ENDPOINT);
        // In whatever case, for docker takes the last of them.
        endpoint.retain(|key, _| {
            !key.eq_ignore_ascii_case(HOST) && !key.eq_ignore_ascii_case(SKIP_TLS_VERIFY)
        });
        endpoint.insert(HOST.into(), host.to_string().into());
        endpoint.insert(SKIP_TLS_VERIFY.into(), false.into());
        self
    }

    /// The content of meta.json, as docker writes it: on one line, name, metadata and endpoints
    /// first, all else sorted, no line's end.
    pub fn to_json(&self) -> String {
        let others = self.0.keys().map(String::as_str);
        let others = others.filter(|key| !KEYS.contains(key));
        let members = KEYS.into_iter().chain(others).filter_map(|key| {
            let value = self.0.get(key)?;
            Some(format!("{}:{value}", Value::from(key)))
        });
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        // Go escapes these; outside of strings JSON has none of them.
        let escaped = ['<', '>', '&', '\u{2028}', '\u{2029}'];
        escaped.into_iter().fold(text, |text, c| {
            text.replace(c, &format!("\\u{:04x}", u32::from(c)))
        })
    }
}

/// The object at a key, which is made if there is none.
fn object_in<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    if !parent.get(key).is_some_and(Value::is_object) {
        parent.insert(key.to_owned(), Value::Object(Map::new()));
    }
    parent
        .get_mut(key)
        .and_then(Value::as_object_mut)
        .expect("it was made an object just above, if it was none")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> ContextName {
        text.parse().unwrap()
    }

    fn read(text: &str) -> Result<Metadata, String> {
        let path = Path::new("/c/meta.json");
        Metadata::read(&name("web"), path, text.as_bytes()).map_err(|error| error.to_string())
    }

    fn updated(text: &str) -> String {
        let host = "tcp://h2".parse().unwrap();
        read(text).unwrap().with_host(&host).to_json()
    }

    #[test]
    fn a_new_context_is_written_as_docker_writes_it() {
        let host = "tcp://h:2376".parse().unwrap();
        assert_eq!(
            Metadata::new(&name("web")).with_host(&host).to_json(),
            r#"{"Name":"web","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://h:2376","SkipTLSVerify":false}}}"#
        );
    }

    #[test]
    fn all_but_the_host_stays() {
        let before = r#"{"Name":"web","Metadata":{"Description":"a \u003cb\u003e \u0026 é","StackOrchestrator":"swarm"},"Endpoints":{"docker":{"Host":"tcp://h:2376","SkipTLSVerify":true},"kubernetes":{"DefaultNamespace":"d","Host":"https://k","SkipTLSVerify":true}}}"#;
        let after = before.replace(
            "tcp://h:2376\",\"SkipTLSVerify\":true",
            "tcp://h2:2376\",\"SkipTLSVerify\":false",
        );
        assert_eq!(updated(before), after);
        // Written by hand: docker's order, and a key that docker has not yet.
        assert_eq!(
            updated("{\n \"New\": [1], \"Endpoints\": null, \"Name\": \"web\"\n}"),
            r#"{"Name":"web","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://h2:2376","SkipTLSVerify":false}},"New":[1]}"#
        );
    }

    #[test]
    fn a_key_in_another_case_does_not_win() {
        assert_eq!(
            updated(
                r#"{"Name":"web","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://a:1","host":"tcp://b:2","skiptlsverify":true,"x":1}}}"#
            ),
            r#"{"Name":"web","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://h2:2376","SkipTLSVerify":false,"x":1}}}"#
        );
        assert_eq!(
            read(r#"{"Name":"web","name":"other"}"#).unwrap_err(),
            "`/c/meta.json`: found the key `name`, wanted Name, Metadata, Endpoints"
        );
    }

    #[test]
    fn refuses_what_is_no_context_or_another() {
        let refused = |text: &str| read(text).unwrap_err();
        assert_eq!(
            refused(""),
            "`/c/meta.json`: found no JSON (EOF while parsing a value at line 1 column 0), \
         wanted a docker context"
        );
        assert_eq!(
            refused("[]"),
            "`/c/meta.json`: found JSON that is no object, wanted a docker context"
        );
        assert_eq!(
            refused(r#"{"Name":"prod"}"#),
            "`/c/meta.json`: found the context `prod`, wanted `web`"
        );
        for text in [
            "{}",
            r#"{"Name":7}"#,
            r#"{"Name":"web","Endpoints":[]}"#,
            r#"{"Name":"web","Endpoints":{"docker":"x"}}"#,
            r#"{"Name":"web"} x"#,
            "\u{feff}{\"Name\":\"web\"}",
        ] {
            refused(text);
        }
        let path = Path::new("/c/meta.json");
        assert!(Metadata::read(&name("web"), path, b"{\"Name\":\"\xff\"}").is_err());
    }

    #[test]
    fn what_a_context_says_is_read() {
        let json = |endpoint: &str| {
            read(&format!(
                r#"{{"Name":"web","Endpoints":{{"docker":{endpoint}}}}}"#
            ))
            .unwrap()
        };
        let open = json(r#"{"Host":"tcp://h:1","SkipTLSVerify":true}"#);
        assert_eq!(open.host(), Some("tcp://h:1"));
        assert_eq!(open.verification(), Verification::Skipped);
        let bare = json("null");
        assert_eq!((bare.host(), bare.verification()), (None, Verification::On));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Metadata::read(&name("web"), Path::new("/"), &octets);
        }

        #[test]
        fn any_text_in_it_stays(description in "\\PC*", key in "\\PC*") {
            let before = json!({
                "Name": "web",
                "Metadata": { "Description": description, key: { "<": [1, null, true] } },
                "Endpoints": { "other": { "Host": "x" } },
            });
            let metadata = read(&before.to_string()).unwrap();
            let after = metadata.with_host(&"tcp://h".parse().unwrap()).to_json();
            let mut after: Value = serde_json::from_str(&after).unwrap();
            let docker = after["Endpoints"].as_object_mut().unwrap().remove("docker").unwrap();
            prop_assert_eq!(docker, json!({ "Host": "tcp://h:2376", "SkipTLSVerify": false }));
            prop_assert_eq!(after, before);
        }
    }
}

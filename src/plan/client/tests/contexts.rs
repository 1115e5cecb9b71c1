//! What becomes of docker contexts.

use super::*;

#[test]
fn a_host_brings_a_context_of_its_name() {
    let wish = wish(&issue(&authority(), "alice"), Some("tcp://web-1"), None);
    let plan = plan(&machine(), &wish).unwrap();
    let name: ContextName = "web-1".parse().unwrap();
    let id = name.store_id();
    let [meta, tls] = [format!("contexts/meta/{id}"), format!("contexts/tls/{id}")];
    shown_is(
        &plan,
        &[
            ("", "0700"),
            ("contexts", "0700"),
            ("contexts/meta", "0700"),
            (&meta, "0700"),
            ("contexts/tls", "0700"),
            (&tls, "0700"),
            (&format!("{tls}/docker"), "0700"),
            ("ca.pem", "0444"),
            ("cert.pem", "0444"),
            ("key.pem", "0400"),
            (&format!("{tls}/docker/ca.pem"), "0600"),
            (&format!("{tls}/docker/cert.pem"), "0600"),
            (&format!("{tls}/docker/key.pem"), "0600"),
            (&format!("{meta}/meta.json"), "0644"),
        ],
    );
    assert_eq!(plan.context, Some(name));
}

#[test]
fn a_renewal_reaches_the_context_and_keeps_its_host() {
    let ca = authority();
    let mut state = machine();
    let first = wish(
        &issue(&ca, "alice"),
        Some("tcp://10.0.0.7:1234"),
        Some("prod"),
    );
    state.apply(&plan(&state, &first).unwrap());
    let meta = state.text(&first.context.as_ref().unwrap().metadata_file());

    let renewed = wish(&issue(&ca, "alice"), None, Some("prod"));
    let plan = plan(&state, &renewed).unwrap();
    let shown = shown(&plan);
    assert_eq!(shown.len(), 4, "{shown:?}");
    assert!(
        shown.iter().all(|(path, _)| path.ends_with(".pem")),
        "{shown:?}"
    );
    state.apply(&plan);
    let name = renewed.context.as_ref().unwrap();
    assert_eq!(state.text(&name.metadata_file()), meta);
    assert_eq!(
        state.text(&format!("{}/cert.pem", name.tls_directory())),
        state.text("cert.pem")
    );
}

#[test]
fn another_host_is_told_and_changes_nothing_else() {
    let mut state = machine();
    let name: ContextName = "prod".parse().unwrap();
    let before = r#"{"Name":"prod","Metadata":{"Description":"mine"},"Endpoints":{"docker":{"Host":"ssh://h","SkipTLSVerify":true},"kubernetes":{"Host":"https://k"}}}"#;
    state.put(&name.metadata_file(), before);
    let wish = wish(&issue(&authority(), "alice"), Some("tcp://h"), Some("prod"));
    let plan = plan(&state, &wish).unwrap();
    assert_eq!(
        plan.notices,
        [Notice::OtherHost {
            context: name.clone(),
            before: "ssh://h".into(),
            after: "tcp://h:2376".parse().unwrap(),
        }]
    );
    state.apply(&plan);
    assert_eq!(
        state.text(&name.metadata_file()),
        r#"{"Name":"prod","Metadata":{"Description":"mine"},"Endpoints":{"docker":{"Host":"tcp://h:2376","SkipTLSVerify":false},"kubernetes":{"Host":"https://k"}}}"#
    );
}

#[test]
fn a_context_that_says_so_in_other_words_stays_as_it_is() {
    let mut state = machine();
    let name: ContextName = "web".parse().unwrap();
    let json = "{ \"Endpoints\": {\"docker\": {\"SkipTLSVerify\": false, \"Host\": \"tcp://h:1\"}},\n\
                \"Metadata\": {}, \"Name\": \"web\" }\n";
    state.put(&name.metadata_file(), json);
    let same = wish(
        &issue(&authority(), "alice"),
        Some("tcp://h:1"),
        Some("web"),
    );
    let unchanged = plan(&state, &same).unwrap();
    assert!(
        !unchanged
            .plan
            .changes()
            .any(|change| change.path().ends_with("meta.json"))
    );

    // And one that changes keeps its mode.
    let path = Path::new(DOCKER_CONFIG).join(name.metadata_file());
    state.files.get_mut(&path).unwrap().access.mode = 0o600;
    let other = wish(
        &issue(&authority(), "alice"),
        Some("tcp://h:2"),
        Some("web"),
    );
    let changed = shown(&plan(&state, &other).unwrap());
    assert_eq!(
        changed.last().unwrap(),
        &(name.metadata_file(), "0600".to_owned())
    );
}

#[test]
fn a_context_nobody_named_is_not_taken_from_another_host() {
    let mut state = machine();
    let name: ContextName = "web".parse().unwrap();
    let wish = wish(&issue(&authority(), "alice"), Some("tcp://web"), None);
    let for_host = |host: &str| {
        format!(r#"{{"Name":"web","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#)
    };
    state.put(&name.metadata_file(), &for_host("ssh://web"));
    assert_eq!(
        refusal(&state, &wish),
        "there is a docker context `web` already: found it for `ssh://web`, wanted it for \
         `tcp://web:2376`"
    );
    // Without a port docker takes the wrong one: the same host, mended.
    state.put(&name.metadata_file(), &for_host("tcp://web"));
    let plan = plan(&state, &wish).unwrap();
    state.apply(&plan);
    assert!(state.text(&name.metadata_file()).contains("tcp://web:2376"));
}

#[test]
fn a_context_that_is_not_there_needs_a_host() {
    let wish = wish(&issue(&authority(), "alice"), None, Some("web"));
    assert_eq!(
        refusal(&machine(), &wish),
        "there is no docker context `web`: wanted one, or a host to make it for"
    );
}

#[test]
fn a_context_without_tls_gets_no_certificates() {
    let wish = wish(&issue(&authority(), "alice"), None, Some("web"));
    let name: ContextName = "web".parse().unwrap();
    let mut state = machine();
    for (endpoints, found) in [
        (r#"{"docker":{"Host":"ssh://h"}}"#, "`ssh://h`"),
        (r#"{"docker":{}}"#, "no docker host"),
        ("{}", "no docker host"),
        ("null", "no docker host"),
    ] {
        let json = format!(r#"{{"Name":"web","Metadata":{{}},"Endpoints":{endpoints}}}"#);
        state.put(&name.metadata_file(), &json);
        assert_eq!(
            refusal(&state, &wish),
            format!(
                "the docker context `web` needs no certificates: found it for {found}, wanted \
                 tcp://HOST:PORT"
            )
        );
    }
}

#[test]
fn a_context_that_trusts_any_daemon_is_told() {
    let wish = wish(&issue(&authority(), "alice"), None, Some("web"));
    let name: ContextName = "web".parse().unwrap();
    let mut state = machine();
    let json = r#"{"Name":"web","Endpoints":{"docker":{"Host":"tcp://h:1","SkipTLSVerify":true}}}"#;
    state.put(&name.metadata_file(), json);
    let plan = plan(&state, &wish).unwrap();
    assert_eq!(plan.notices, [Notice::SkipsVerification { context: name }]);
}

#[test]
fn a_broken_context_is_refused_with_its_path() {
    let wish = wish(&issue(&authority(), "alice"), Some("tcp://web"), None);
    let name: ContextName = "web".parse().unwrap();
    let mut state = machine();
    state.put(&name.metadata_file(), "{");
    let refusal = refusal(&state, &wish);
    assert!(
        refusal.starts_with("`/home/alice/.docker/contexts/meta/")
            && refusal.contains("/meta.json`: found no JSON (EOF"),
        "{refusal}"
    );
}

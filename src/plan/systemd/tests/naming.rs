//! The name of the drop-in among others, and whether it is stale.

use super::*;

#[test]
fn comes_after_an_override_that_sets_exec_start() {
    let docs = drop_in("override.conf", DOCS_OVERRIDE);
    let service = Service::parse(&files(DOCKER_CE, &[docs]), &[]).unwrap();
    assert_eq!(service.flags().hosts, ["fd://", "tcp://127.0.0.1:2375"]);
    let made = service.drop_in().unwrap().unwrap();
    assert_eq!(made.file_name, "zz-dockpki.conf");
    assert!(
        made.text
            .ends_with("\nExecStart=\nExecStart=/usr/bin/dockerd\n")
    );
}

#[test]
fn stays_first_when_an_override_does_not_set_exec_start() {
    let proxy = drop_in(
        "http-proxy.conf",
        "[Service]\nEnvironment=HTTP_PROXY=http://p:3128\n",
    );
    let unit = drop_in("override.conf", "[Unit]\nExecStart=/bin/false\n");
    let service = Service::parse(&files(DOCKER_CE, &[proxy, unit]), &[]).unwrap();
    assert_eq!(
        service.drop_in().unwrap().unwrap().file_name,
        "50-dockpki.conf"
    );
}

#[test]
fn refuses_when_no_name_comes_last() {
    let last = drop_in("zzz.conf", DOCS_OVERRIDE);
    let service = Service::parse(&files(DOCKER_CE, &[last]), &[]).unwrap();
    assert_eq!(
        service.drop_in().unwrap_err().to_string(),
        "`/etc/systemd/system/docker.service.d/zzz.conf` is in the way of dockpki's drop-in, \
         which must be the last to set ExecStart: wanted its name before `zz-dockpki.conf`, or \
         no -H, --host and --tls flags in it"
    );
    // It does not matter when nothing clashes.
    let last = drop_in(
        "zzz.conf",
        "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -D\n",
    );
    let service = Service::parse(&files(DOCKER_CE, &[last]), &[]).unwrap();
    assert_eq!(service.drop_in(), Ok(None));
}

#[test]
fn leaves_a_file_of_our_name_alone_that_is_not_ours() {
    let other = drop_in("50-dockpki.conf", "[Service]\nRestart=always\n");
    assert!(!is_ours(&other));
    let service = Service::parse(&files(DOCKER_CE, &[other]), &[]).unwrap();
    assert_eq!(
        service.drop_in().unwrap().unwrap().file_name,
        "zz-dockpki.conf"
    );
}

#[test]
fn plans_the_same_drop_in_when_it_is_there_already() {
    let over = drop_in("override.conf", DOCS_OVERRIDE);
    for others in [vec![], vec![over]] {
        let first = Service::parse(&files(DOCKER_CE, &others), &[]).unwrap();
        let ours = placed(&first);
        assert!(is_ours(&ours));
        let again = Service::parse(&files(DOCKER_CE, &[others, vec![ours]].concat()), &[]).unwrap();
        assert_eq!(first.drop_in(), again.drop_in());
        assert_eq!(first.flags(), again.flags());
    }
}

#[test]
fn a_drop_in_made_for_the_unit_is_fresh() {
    let environment = defaults("DOCKER_OPTS=\"-H tcp://a --label 'x\\ny'\"");
    let before = files(DEBIAN, &[]);
    assert_eq!(staleness(&before, &environment), Ok(Staleness::NotThere));
    let ours = placed(&Service::parse(&before, &environment).unwrap());
    assert_eq!(
        staleness(&files(DEBIAN, &[ours]), &environment),
        Ok(Staleness::Fresh)
    );
}

#[test]
fn a_drop_in_is_stale_when_the_vendors_unit_is_newer() {
    let ours = placed(&parse(DOCKER_CE));
    let newer = DOCKER_CE.replace("--containerd=", "--new --containerd=");
    let stale = Staleness::Stale {
        made_for: vec![
            "ExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock"
                .into(),
        ],
        now: vec![
            "ExecStart=/usr/bin/dockerd -H fd:// --new --containerd=/run/containerd/containerd.sock"
                .into(),
        ],
    };
    assert_eq!(
        staleness(&files(&newer, std::slice::from_ref(&ours)), &[]),
        Ok(stale)
    );
    let freed = DOCKER_CE.replace("-H fd:// ", "");
    let found = staleness(&files(&freed, std::slice::from_ref(&ours)), &[]);
    assert!(matches!(found, Ok(Staleness::Stale { .. })), "{found:?}");
    let gone = staleness(&files("[Service]\n", &[ours]), &[]);
    assert!(matches!(gone, Err(Fault::NoExecStart { .. })), "{gone:?}");
}

#[test]
fn a_drop_in_is_stale_when_a_variable_begins_or_ceases_to_clash() {
    let clashing = defaults("DOCKER_OPTS=-H tcp://a");
    let harmless = defaults("DOCKER_OPTS=--dns 1.1.1.1");
    let stale = |made_for: &[EnvironmentFile], now: &[EnvironmentFile]| {
        let ours = placed(&Service::parse(&files(DEBIAN, &[]), made_for).unwrap());
        staleness(&files(DEBIAN, &[ours]), now).unwrap()
    };
    assert!(matches!(
        stale(&harmless, &clashing),
        Staleness::Stale { .. }
    ));
    assert!(matches!(
        stale(&clashing, &harmless),
        Staleness::Stale { .. }
    ));
    assert_eq!(stale(&harmless, &defaults("")), Staleness::Fresh);
}

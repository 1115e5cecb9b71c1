//! What is read from a unit, and the command in the drop-in for it.

use super::*;

#[test]
fn frees_docker_ce_of_its_host() {
    let service = parse(DOCKER_CE);
    assert_eq!(service.program(), "/usr/bin/dockerd");
    assert_eq!(service.flags().hosts, ["fd://"]);
    let containerd = "--containerd=/run/containerd/containerd.sock";
    assert_eq!(service.arguments(), ["-H", "fd://", containerd]);
    assert_eq!(service.arguments_without_clashes(), [containerd]);
    let wanted = DropIn {
        file_name: "50-dockpki.conf".to_owned(),
        text: "# Made by dockpki.  Where dockerd listens, and with which certificates, is said in\n\
               # daemon.json, and dockerd does not start if its flags say it too.  So this starts it\n\
               # as the unit does, without -H, --host and --tls flags.\n\
               # `dockpki uninstall` removes this file.\n\
               # Stands for: ExecStart=/usr/bin/dockerd -H fd:// \
               --containerd=/run/containerd/containerd.sock\n\
               \n\
               [Service]\n\
               ExecStart=\n\
               ExecStart=/usr/bin/dockerd --containerd=/run/containerd/containerd.sock\n"
            .to_owned(),
    };
    assert_eq!(service.drop_in(), Ok(Some(wanted)));
}

#[test]
fn carries_debians_variable_over_when_nothing_in_it_clashes() {
    let wanted = "/usr/sbin/dockerd --containerd=/run/containerd/containerd.sock $DOCKER_OPTS";
    for text in [
        "",
        "# DOCKER_OPTS=\"-H tcp://x\"",
        "DOCKER_OPTS=\"--dns 8.8.8.8\"",
    ] {
        let service = Service::parse(&files(DEBIAN, &[]), &defaults(text)).unwrap();
        assert_eq!(service.flags().hosts, ["fd://"], "{text}");
        assert_eq!(freed(&service), wanted, "{text}");
        assert_eq!(service.stands_for().len(), 1);
    }
}

#[test]
fn replaces_a_variable_that_clashes_by_what_is_left_of_it() {
    let text = r#"DOCKER_OPTS="-H tcp://0.0.0.0:2376 --tls --label 'a=$b 100%' --dns 1.1.1.1""#;
    let service = Service::parse(&files(DEBIAN, &[]), &defaults(text)).unwrap();
    assert_eq!(service.flags().hosts, ["fd://", "tcp://0.0.0.0:2376"]);
    assert_eq!(service.flags().tls, Some(true));
    assert_eq!(
        freed(&service),
        "/usr/sbin/dockerd --containerd=/run/containerd/containerd.sock --label \
         \"a=$$b 100%%\" --dns 1.1.1.1"
    );
    assert_eq!(
        service.stands_for()[1],
        "DOCKER_OPTS=\"-H tcp://0.0.0.0:2376 --tls --label 'a=$b 100%%' --dns 1.1.1.1\""
    );
    assert!(
        placed(&service)
            .text
            .contains("\n# Stands for: DOCKER_OPTS=")
    );
}

#[test]
fn needs_no_drop_in_when_nothing_clashes() {
    let debian = DEBIAN.replace("-H fd:// ", "");
    let service = Service::parse(&files(&debian, &[]), &defaults("DOCKER_OPTS=-D")).unwrap();
    assert_eq!(service.drop_in(), Ok(None));
    assert_eq!(service.arguments(), service.arguments_without_clashes());
    let service = Service::parse(&files(&debian, &[]), &defaults("DOCKER_OPTS=-DHx")).unwrap();
    assert!(freed(&service).ends_with("containerd.sock -D"));
}

#[test]
fn reads_a_command_over_several_lines_with_comments_between() {
    let environment = defaults("OPTIONS='--selinux-enabled --tlsverify=false'");
    let service = Service::parse(&files(FEDORA, &[]), &environment).unwrap();
    assert_eq!(service.flags().hosts, ["fd://"]);
    assert_eq!(service.flags().tlsverify, Some(false));
    assert_eq!(
        freed(&service),
        "/usr/bin/dockerd --exec-opt native.cgroupdriver=systemd --selinux-enabled"
    );
}

#[test]
fn reads_the_drop_in_of_docker_machine() {
    let machine = drop_in("10-machine.conf", DOCKER_MACHINE);
    let service = Service::parse(&files(DOCKER_CE, &[machine]), &[]).unwrap();
    let wanted = DaemonFlags {
        hosts: vec![
            "tcp://0.0.0.0:2376".into(),
            "unix:///var/run/docker.sock".into(),
        ],
        tlsverify: Some(true),
        tlscacert: Some("/etc/docker/ca.pem".into()),
        tlscert: Some("/etc/docker/server.pem".into()),
        tlskey: Some("/etc/docker/server-key.pem".into()),
        ..DaemonFlags::default()
    };
    assert_eq!(*service.flags(), wanted);
    assert_eq!(
        freed(&service),
        "/usr/bin/dockerd --storage-driver overlay2 --label provider=generic"
    );
    assert_eq!(
        service.drop_in().unwrap().unwrap().file_name,
        "50-dockpki.conf"
    );
}

#[test]
fn carries_other_words_over_to_the_letter() {
    let others = r#"--label "a b" --log-opt='tag={{.Name}}' "--exec-opt"=x\x20y --mtu=${MTU} %%h $$x \; ";" é"#;
    let line = format!("/usr/bin/dockerd --tls {others} -H fd://");
    assert_eq!(freed_line(&line), format!("/usr/bin/dockerd {others}"));
    let arguments = parse(&exec_start(&line)).arguments_without_clashes();
    let wanted = [
        "--label",
        "a b",
        "--log-opt=tag={{.Name}}",
        "--exec-opt=x y",
        "--mtu=",
        "%h",
        "$x",
        ";",
        ";",
        "é",
    ];
    assert_eq!(arguments, wanted);
}

#[test]
fn takes_out_flags_that_are_quoted_or_escaped() {
    for clash in [
        r#""-H" 'fd://'"#,
        r#"-"H" f"d:"//"#,
        r"\x2dH fd\x3a//",
        r#""--host=fd://""#,
        "$H fd://",
        "-H${FD}",
        "$H $FD",
        "$BOTH",
    ] {
        let unit = format!(
            "[Service]\nEnvironment=H=-H FD=fd:// 'BOTH=-H fd://'\nExecStart=/usr/bin/dockerd -D {clash} --icc=false\n"
        );
        let service = parse(&unit);
        assert_eq!(service.flags().hosts, ["fd://"], "{clash}");
        assert_eq!(
            freed(&service),
            "/usr/bin/dockerd -D --icc=false",
            "{clash}"
        );
    }
}

#[test]
fn keeps_the_prefixes_and_the_name_the_program_is_started_under() {
    let service = parse(&exec_start("@-+/usr/bin/dockerd \"docker d\" -H fd:// -D"));
    assert_eq!(service.program(), "/usr/bin/dockerd");
    assert_eq!(service.arguments(), ["-H", "fd://", "-D"]);
    assert_eq!(freed(&service), "@-+/usr/bin/dockerd \"docker d\" -D");
    assert_eq!(
        parse(&exec_start("\"/opt/a b/dockerd\"")).program(),
        "/opt/a b/dockerd"
    );
    assert_eq!(parse(&exec_start("dockerd")).program(), "dockerd");
}

#[test]
fn replaces_no_variable_after_a_colon() {
    let service = parse(&exec_start(":/usr/bin/dockerd $OPTS -DH$X ${A} $$"));
    assert_eq!(service.arguments(), ["$OPTS", "-DH$X", "${A}", "$$"]);
    assert_eq!(service.flags().hosts, ["$X"]);
    assert_eq!(freed(&service), ":/usr/bin/dockerd $OPTS -D ${A} $$");
}

#[test]
fn a_backslash_left_at_the_end_joins_no_lines() {
    // A space after the backslash, which is easily made and hard to see.
    let service = parse("[Service]\nExecStart=/usr/bin/dockerd -H fd:// \\ \n  --debug=true\n");
    assert_eq!(service.arguments(), ["-H", "fd://", "\\"]);
    assert_eq!(freed(&service), "/usr/bin/dockerd \\\\");
    assert_eq!(
        freed_line("/usr/bin/dockerd \\  -H fd://"),
        "/usr/bin/dockerd \"\\\\ \""
    );
}

#[test]
fn a_semicolon_after_the_last_command_says_nothing() {
    assert_eq!(
        freed_line("/usr/bin/dockerd -D -H fd:// ; "),
        "/usr/bin/dockerd -D"
    );
}

#[test]
fn fills_in_the_specifiers_it_can_and_leaves_the_others_to_systemd() {
    let service = parse(&exec_start(
        "/usr/bin/dockerd -H unix://%t/d.sock --label=h=%H",
    ));
    assert_eq!(service.flags().hosts, ["unix:///run/d.sock"]);
    assert_eq!(service.arguments_without_clashes(), ["--label=h=%H"]);
    assert_eq!(freed(&service), "/usr/bin/dockerd --label=h=%H");
}

#[test]
fn refuses_to_write_out_what_only_systemd_can_fill_in() {
    let unit =
        "[Service]\nEnvironment='OPTS=-H a --label h=%H'\nExecStart=/usr/bin/dockerd $OPTS\n";
    assert_eq!(
        parse(unit).drop_in().unwrap_err().to_string(),
        "line 3 of `/usr/lib/systemd/system/docker.service` leaves a part of a flag to systemd: \
         found `h=%H`, wanted it without `%H`"
    );
}

#[test]
fn refuses_a_unit_that_starts_nothing() {
    assert_eq!(
        refused("", &[drop_in("a.conf", DOCS_OVERRIDE)]),
        "`/usr/lib/systemd/system/docker.service` is masked: found nothing in it, wanted a \
         service that starts dockerd"
    );
    let nothing = "`/usr/lib/systemd/system/docker.service` and its drop-ins start nothing: \
                   found no ExecStart, wanted one that starts dockerd";
    assert_eq!(
        refused("[Unit]\nExecStart=/usr/bin/dockerd\n", &[]),
        nothing
    );
    assert_eq!(
        refused(DOCKER_CE, &[drop_in("a.conf", "[Service]\nExecStart=\n")]),
        nothing
    );
}

#[test]
fn refuses_a_second_command() {
    assert_eq!(
        refused(
            DOCKER_CE,
            &[drop_in(
                "a.conf",
                "[Service]\n\nExecStart=/usr/bin/dockerd -D\n"
            )]
        ),
        "line 3 of `/etc/systemd/system/docker.service.d/a.conf` starts a second program: found \
         `ExecStart=/usr/bin/dockerd -D`, wanted one ExecStart, or an empty `ExecStart=` before \
         the next"
    );
    let two = refused(&exec_start("/usr/bin/dockerd ; /bin/true"), &[]);
    assert!(
        two.contains("line 2 of ") && two.contains("found `; /bin/true`"),
        "{two}"
    );
}

#[test]
fn refuses_what_is_not_dockerd_itself() {
    let wanted = "line 2 of `/usr/lib/systemd/system/docker.service` does not start dockerd \
                  itself: found `/bin/sh`, wanted a path that ends in `dockerd`";
    assert_eq!(
        refused(&exec_start("/bin/sh -c \"exec dockerd -H fd://\""), &[]),
        wanted
    );
    for other in [
        "/usr/bin/docker daemon -H fd://",
        "/usr/bin/dockerd-rootless.sh",
        "/usr/bin/env dockerd",
        "|/usr/bin/dockerd -H fd://",
        "-",
        "/usr/bin/dockerd/",
        "/usr/bin/dockerd/..",
    ] {
        let found = refused(&exec_start(other), &[]);
        assert!(found.contains("does not start dockerd itself"), "{found}");
    }
}

#[test]
fn refuses_a_quote_that_is_not_closed() {
    assert_eq!(
        refused(&exec_start("/usr/bin/dockerd --label \"a"), &[]),
        "line 2 of `/usr/lib/systemd/system/docker.service` has a quote that is not closed: \
         found `/usr/bin/dockerd --label \"a`, wanted its other half"
    );
}

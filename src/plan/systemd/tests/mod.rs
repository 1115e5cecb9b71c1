//! Units as they are found, and what becomes of them.

mod command;
mod naming;
mod property;

use std::path::Path;

use super::*;

/// Docker CE 29's, without what does not matter here.
const DOCKER_CE: &str = "[Unit]
Description=Docker Application Container Engine
After=network-online.target nss-lookup.target docker.socket firewalld.service containerd.service
Requires=docker.socket

[Service]
Type=notify
# the default is not to use systemd for cgroups because the delegate issues still
# exists and systemd currently does not support the cgroup feature set required
# for containers run by docker
ExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock
ExecReload=/bin/kill -s HUP $MAINPID
TimeoutStartSec=0
Restart=always

[Install]
WantedBy=multi-user.target
";

/// Debian 12's.
const DEBIAN: &str = "[Service]
Type=notify
EnvironmentFile=-/etc/default/docker
ExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS
ExecReload=/bin/kill -s HUP $MAINPID
";

/// Fedora's moby-engine, over several lines.
const FEDORA: &str = "[Service]
Type=notify
EnvironmentFile=-/etc/sysconfig/docker
ExecStart=/usr/bin/dockerd \\
          --host=fd:// \\
          # the cgroup driver of the distribution
          --exec-opt native.cgroupdriver=systemd \\
          ; $OPTIONS comes last
          $OPTIONS
";

/// As docker-machine writes it, spaces and all.
const DOCKER_MACHINE: &str = "[Service]
ExecStart=
ExecStart=/usr/bin/dockerd -H tcp://0.0.0.0:2376 -H unix:///var/run/docker.sock \
--storage-driver overlay2 --tlsverify --tlscacert /etc/docker/ca.pem \
--tlscert /etc/docker/server.pem --tlskey /etc/docker/server-key.pem --label provider=generic 
Environment=
";

/// As docs.docker.com has it under "Configure remote access with systemd unit file".
const DOCS_OVERRIDE: &str = "[Service]
ExecStart=
ExecStart=/usr/bin/dockerd -H fd:// -H tcp://127.0.0.1:2375
";

fn file(path: &str, text: &str) -> UnitFile {
    UnitFile {
        path: path.into(),
        text: text.to_owned(),
    }
}

fn drop_in(name: &str, text: &str) -> UnitFile {
    let directory = Path::new("/etc/systemd/system/docker.service.d");
    UnitFile {
        path: directory.join(name),
        text: text.to_owned(),
    }
}

fn files(unit: &str, drop_ins: &[UnitFile]) -> UnitFiles {
    UnitFiles {
        unit: file("/usr/lib/systemd/system/docker.service", unit),
        drop_ins: order([drop_ins.to_vec()]),
    }
}

fn defaults(text: &str) -> Vec<EnvironmentFile> {
    vec![EnvironmentFile {
        path: "/etc/default/docker".into(),
        text: text.to_owned(),
    }]
}

fn exec_start(line: &str) -> String {
    format!("[Service]\nExecStart={line}\n")
}

fn parse(unit: &str) -> Service {
    Service::parse(&files(unit, &[]), &[]).unwrap()
}

fn refused(unit: &str, drop_ins: &[UnitFile]) -> String {
    Service::parse(&files(unit, drop_ins), &[])
        .unwrap_err()
        .to_string()
}

/// The command line in the drop-in of a service, which must have one.
fn freed(service: &Service) -> String {
    let text = service.drop_in().unwrap().unwrap().text;
    let (_, command) = text.rsplit_once("\nExecStart=").unwrap();
    command.trim_end_matches('\n').to_owned()
}

/// The command line in the drop-in for this one.
fn freed_line(line: &str) -> String {
    freed(&parse(&exec_start(line)))
}

/// The drop-in as it is found after it was written.
fn placed(service: &Service) -> UnitFile {
    let made = service.drop_in().unwrap().unwrap();
    drop_in(&made.file_name, &made.text)
}

#[test]
fn drop_ins_are_sorted_by_name_and_masked_by_earlier_directories() {
    let there = |path: &str, text: &str| file(path, text);
    let sorted = order([
        vec![
            there("/etc/d/b.conf", "1"),
            there("/etc/d/50-x.conf", ""),
            there("/etc/d/A.conf", "2"),
        ],
        vec![there("/run/d/b.conf", "3"), there("/run/d/c.conf.bak", "4")],
        vec![
            there("/usr/d/50-x.conf", "5"),
            there("/usr/d/10-x.conf", "6"),
            there("/usr/d/conf", "7"),
        ],
    ]);
    let paths: Vec<_> = sorted
        .iter()
        .map(|file| file.path.to_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "/usr/d/10-x.conf",
            "/etc/d/50-x.conf",
            "/etc/d/A.conf",
            "/etc/d/b.conf"
        ]
    );
}

//! Certificates as time goes by: the tests move the time, not the clock.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::installed::{Installed, InstalledPair, Place, Served, installed};
use super::*;
use crate::pki::{Ca, KeyType, Life, PrivateKey, Serial, SubjectAltNames, Validity};
use crate::plan::layout::PairKind;
use crate::plan::ledger::Entry;
use crate::plan::remembered::Remembered;
use crate::plan::state::{FileState, PairState, PresentFile};
use crate::plan::trust::Trust;

const NOW: OffsetDateTime = datetime!(2026-11-23 20:00 UTC);
const HOME: &str = "/srv/home";

fn present(content: impl Into<Vec<u8>>) -> FileState {
    FileState::Present(PresentFile {
        mode: 0o400,
        owner: 0,
        content: content.into().into(),
    })
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyType::P256).unwrap()
}

fn serial() -> Serial {
    Serial::generate().unwrap()
}

fn authority(from: OffsetDateTime, life: &str) -> Ca {
    let validity = Validity::of_ca(life.parse().unwrap(), from).unwrap();
    Ca::new(key(), &serial(), validity, None).unwrap()
}

/// A server `web` of the CA that begins then.
fn server(ca: &Ca, from: OffsetDateTime, life: &str) -> PairState {
    let key = key();
    let life: Life = life.parse().unwrap();
    let validity = Validity::of_leaf(life, from, ca.certificate().validity).unwrap();
    let sans = SubjectAltNames::parse(["web.example.com"]).unwrap();
    let issued = ca.issue_server(&sans, &key, serial(), validity).unwrap();
    PairState {
        kind: PairKind::Server,
        name: "web".into(),
        directory: None,
        ca: present(ca.certificate().pem()),
        certificate: present(issued.pem()),
        key: present(key.to_pem().unwrap().expose()),
    }
}

fn certificate(pair: &PairState) -> Certificate {
    let FileState::Present(file) = &pair.certificate else {
        panic!("{pair:?}");
    };
    Certificate::from_pem(&file.content).unwrap()
}

/// The same files once more.
fn copy(pair: &PairState) -> PairState {
    let again = |file: &FileState| match file {
        FileState::Present(file) => present(file.content.to_vec()),
        _ => FileState::Absent,
    };
    PairState {
        kind: pair.kind,
        name: pair.name.clone(),
        directory: None,
        ca: again(&pair.ca),
        certificate: again(&pair.certificate),
        key: again(&pair.key),
    }
}

fn in_home(pair: &PairState, now: OffsetDateTime) -> Checked {
    let thresholds = Thresholds::default();
    let FileState::Present(file) = &pair.ca else {
        panic!("{pair:?}");
    };
    let trust = Trust::from_pem(&file.content).unwrap();
    let known = Known {
        trust: Some(&trust),
        ..Known::default()
    };
    let remembered = Remembered::default();
    home::pair(Path::new(HOME), pair, known, &remembered, &thresholds, now)
}

/// A host with this server, whose daemon serves that one.
fn host(file: PairState, serves: Result<&PairState, &str>) -> Installed {
    let at = |name: &str| PathBuf::from("/etc/docker/CA").join(name);
    Installed {
        server: Some(InstalledPair {
            place: Place::Daemon,
            ca: Some(at("ca.pem")),
            certificate: at("server-cert.pem"),
            key: at("server-key.pem"),
            state: file,
        }),
        served: vec![Served {
            address: "tcp://127.0.0.1:2376".into(),
            answer: serves.map(certificate).map_err(str::to_owned),
        }],
        ..Installed::nothing(DaemonMode::Rootful)
    }
}

/// The host's CA, file and served certificate, judged beside a home with these.
fn on_host(
    host: &Installed,
    rows: &[Checked],
    ledger: &[Entry],
    now: OffsetDateTime,
) -> [Checked; 3] {
    let FileState::Present(file) = &host.server.as_ref().unwrap().state.ca else {
        panic!("{host:?}");
    };
    let trust = Trust::from_pem(&file.content).unwrap();
    let known = Known {
        rows,
        ledger,
        trust: Some(&trust),
    };
    let thresholds = Thresholds::default();
    let all = installed(host, known, &HashSet::new(), &thresholds, now);
    all.try_into().unwrap()
}

fn web(renewal: Renewal) -> Option<Mend> {
    Some(Mend::InstallServer {
        name: Some("web".into()),
        mode: DaemonMode::Rootful,
        renewal,
    })
}

#[test]
fn a_year_goes_by() {
    let ca = authority(NOW, "3650d");
    let pair = server(&ca, NOW, "365d");
    let at = |days: i64| {
        let checked = in_home(&pair, NOW + Duration::days(days));
        (checked.severity, checked.state)
    };
    let expired = State::Standing(Standing::Expired);
    assert_eq!(at(0), (Severity::Fine, State::Fine));
    assert_eq!(at(335), (Severity::Fine, State::Fine));
    assert_eq!(at(336), (Severity::Warning, State::Due));
    assert_eq!(at(358), (Severity::Warning, State::Due));
    assert_eq!(at(359), (Severity::Critical, State::Due));
    assert_eq!(at(366), (Severity::Critical, expired));
    let early = State::Standing(Standing::NotYetValid);
    assert_eq!(at(-1), (Severity::Critical, early));
}

#[test]
fn the_last_second_counts() {
    let ca = authority(NOW, "3650d");
    let pair = server(&ca, NOW, "8h");
    let end = certificate(&pair).validity.not_after;
    assert_eq!(in_home(&pair, end).state, State::Due);
    let after = in_home(&pair, end + Duration::SECOND);
    assert_eq!(after.state, State::Standing(Standing::Expired));
}

#[test]
fn the_worst_comes_first_and_nothing_at_all_is_unknown() {
    let ca = authority(NOW, "3650d");
    let pair = server(&ca, NOW, "365d");
    let mut all = [0, 340, 370, 350].map(|days| in_home(&pair, NOW + Duration::days(days)));
    sort(&mut all);
    let severities = all.each_ref().map(|checked| checked.severity.exit_code());
    assert_eq!(severities, [2, 1, 1, 0]);
    assert_eq!(worst(&all).exit_code(), 2);
    assert_eq!(worst(&all[3..]).exit_code(), 0);
    assert_eq!(worst(&[]).exit_code(), 3);
}

#[test]
fn a_home_that_was_renewed_is_told_from_one_that_is_due() {
    let ca = authority(NOW, "3650d");
    let old = server(&ca, NOW, "365d");
    let later = NOW + Duration::days(340);
    // Due, and nobody did anything.
    let rows = [in_home(&old, later)];
    let [_, file, served] = on_host(&host(copy(&old), Ok(&old)), &rows, &[], later);
    assert_eq!(file.state, State::Due);
    assert_eq!(file.mend, web(Renewal::Needed(Reissue::Due)));
    assert_eq!((&served.state, &served.mend), (&file.state, &file.mend));
    let renew = Mend::Reissue {
        by: Reissue::Due,
        label: "servers/web".into(),
    };
    assert_eq!(rows[0].mend, Some(renew));
    // Renewed in the home alone.
    let new = server(&ca, later, "365d");
    let rows = [in_home(&new, later)];
    let [_, file, served] = on_host(&host(copy(&old), Ok(&old)), &rows, &[], later);
    assert_eq!(rows[0].severity, Severity::Fine);
    assert_eq!(file.state, State::NotInstalled);
    assert_eq!(file.severity, Severity::Warning);
    assert_eq!(file.mend, web(Renewal::Done));
    assert_eq!(served.mend, web(Renewal::Done));
    // Installed, and the daemon was told by SIGHUP alone.
    let [_, file, served] = on_host(&host(copy(&new), Ok(&old)), &rows, &[], later);
    assert_eq!((file.state, file.severity), (State::Fine, Severity::Fine));
    let serial = certificate(&new).serial;
    assert_eq!(served.state, State::NotServed { file: serial });
    assert_eq!(served.severity, Severity::Warning);
    assert_eq!(served.mend, Some(Mend::Restart));
    // Restarted.
    let all = on_host(&host(copy(&new), Ok(&new)), &rows, &[], later);
    assert_eq!(worst(&all), Severity::Fine);
}

#[test]
fn what_is_served_still_gets_graver_with_time() {
    let ca = authority(NOW, "3650d");
    let old = server(&ca, NOW, "365d");
    let new = server(&ca, NOW + Duration::days(300), "365d");
    let served = |days: i64| {
        let now = NOW + Duration::days(days);
        let [_, _, served] = on_host(&host(copy(&new), Ok(&old)), &[], &[], now);
        (served.severity, served.state, served.mend)
    };
    let file = certificate(&new).serial;
    let not_served = State::NotServed { file };
    let restart = || Some(Mend::Restart);
    let on_day = |days, severity| {
        assert_eq!(served(days), (severity, not_served.clone(), restart()));
    };
    on_day(301, Severity::Warning);
    on_day(360, Severity::Critical);
    // Clients are locked out, and a restart is all it takes.
    let expired = State::Standing(Standing::Expired);
    assert_eq!(served(370), (Severity::Critical, expired, restart()));
}

#[test]
fn a_daemon_that_does_not_answer_is_critical() {
    let ca = authority(NOW, "3650d");
    let pair = server(&ca, NOW, "365d");
    let host = host(pair, Err("nobody listens there"));
    let [_, file, served] = on_host(&host, &[], &[], NOW);
    assert_eq!(file.severity, Severity::Fine);
    assert_eq!(served.severity, Severity::Critical);
    assert_eq!(served.mend, Some(Mend::StartDaemon));
}

#[test]
fn the_ledger_knows_a_name_that_the_certificate_does_not() {
    let (ca, next) = (authority(NOW, "3650d"), authority(NOW, "3650d"));
    let old = server(&ca, NOW, "365d");
    // Reissued by the next CA: neither serial nor issuer are the same.
    let new = server(&next, NOW, "365d");
    let rows = [in_home(&new, NOW)];
    let state = |ledger: &[Entry]| {
        let [_, file, _] = on_host(&host(copy(&old), Ok(&old)), &rows, ledger, NOW);
        (file.state, file.mend)
    };
    assert_eq!(state(&[]), (State::Fine, None));
    let old_one = certificate(&old);
    let entry = Entry::issued(
        Purpose::Server,
        "web",
        &old_one.serial,
        old_one.fingerprint(),
        old_one.validity.not_after,
        NOW,
    );
    let wanted = (State::NotInstalled, web(Renewal::Done));
    assert_eq!(state(&[entry]), wanted);
}

#[test]
fn a_home_older_than_the_host_is_no_renewal() {
    let ca = authority(NOW, "3650d");
    let restored = server(&ca, NOW, "365d");
    let newer = server(&ca, NOW + Duration::days(2), "365d");
    let now = NOW + Duration::days(3);
    let rows = [in_home(&restored, now)];
    let all = on_host(&host(copy(&newer), Ok(&newer)), &rows, &[], now);
    assert_eq!(worst(&all), Severity::Fine);
}

#[test]
fn a_key_that_another_alone_may_read_says_nothing() {
    let ca = authority(NOW, "3650d");
    let mut pair = server(&ca, NOW, "365d");
    pair.key = FileState::Unreadable("permission denied".into());
    let served = server(&ca, NOW, "365d");
    let host = host(pair, Ok(&served));
    let [_, file, _] = on_host(&host, &[], &[], NOW);
    assert_eq!((file.state, file.severity), (State::Fine, Severity::Fine));
    assert_eq!(super::installed::unjudged_keys(&host).count(), 1);
}

#[test]
fn a_file_with_its_chain_is_judged_by_its_first() {
    let ca = authority(NOW, "3650d");
    let mut pair = server(&ca, NOW, "365d");
    let chain = certificate(&pair).pem() + &ca.certificate().pem();
    pair.certificate = present(chain);
    let served = server(&ca, NOW, "365d");
    let [_, file, _] = on_host(&host(pair, Ok(&served)), &[], &[], NOW);
    assert_eq!(file.state, State::Fine);
}

/// The host's file and served certificate, beside a home of this CA that has a server of its own.
fn beside(ca: &Ca, host: &Installed, ledger: &[Entry]) -> [Checked; 2] {
    let trust = Trust {
        ca: ca.certificate().clone(),
        old: None,
    };
    let rows = [in_home(&server(ca, NOW, "365d"), NOW)];
    let known = Known {
        rows: &rows,
        ledger,
        trust: Some(&trust),
    };
    let thresholds = Thresholds::default();
    let all = installed(host, known, &HashSet::new(), &thresholds, NOW);
    let [_, file, served] = <[Checked; 3]>::try_from(all).unwrap();
    [file, served]
}

#[test]
fn a_daemon_of_another_ca_is_believed_by_nobody() {
    let (ca, other) = (authority(NOW, "3650d"), authority(NOW, "3650d"));
    let theirs = server(&other, NOW, "365d");
    let host = host(copy(&theirs), Ok(&theirs));
    for checked in beside(&ca, &host, &[]) {
        assert_eq!(checked.state, State::OfOtherCa);
        assert_eq!(checked.severity, Severity::Critical);
        assert_eq!(checked.mend, web(Renewal::Done));
    }
    let issued = certificate(&theirs);
    let end = issued.validity.not_after;
    let fingerprint = issued.fingerprint();
    let entry = Entry::issued(
        Purpose::Server,
        "web",
        &issued.serial,
        fingerprint,
        end,
        NOW,
    );
    let [file, _] = beside(&ca, &host, &[entry]);
    assert_eq!(file.state, State::OfRetiredCa);
}

#[test]
fn a_user_may_have_clients_of_other_daemons() {
    let (ca, other) = (authority(NOW, "3650d"), authority(NOW, "3650d"));
    let theirs = server(&other, NOW, "365d");
    let mut host = host(copy(&theirs), Ok(&theirs));
    host.server.as_mut().unwrap().place = Place::Context {
        name: "theirs".into(),
        docker_config: None,
    };
    let [file, _] = beside(&ca, &host, &[]);
    assert_eq!((file.state, file.severity), (State::Fine, Severity::Fine));
}

//! Gives up root for the user who called sudo, so that their files become theirs by themselves
//! and no link in their home makes root write elsewhere.

use std::path::PathBuf;

use super::Error;
use super::environment::variable;
use super::passwd::{group, groups_of, passwd, passwd_lines};
use crate::plan::permissions::Owner;

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The numbers of the user and of their own group.
    pub owner: Owner,
    /// The home directory, if somebody knows it.
    pub home: Option<PathBuf>,
}

/// Under sudo gives up root for good and goes on as the user who called it; else does nothing.
///
/// Read before what only root may read, and find out first what depends on the environment:
/// `HOME` stays root's.  To be called before there is a second thread, which would stay root.
///
/// # Errors
/// [`Error::UnknownCaller`] if nobody knows who that is, [`Error::StillRoot`] if it did not work:
/// then nothing more must be done.
pub fn become_invoking_user() -> Result<Option<User>, Error> {
    let Some(user) = caller()? else {
        return Ok(None);
    };
    refuse_other_threads()?;
    give_up_root(&user)?;
    Ok(Some(user))
}

/// The user who called sudo, if this is root by sudo and they are not root themselves.
///
/// # Errors
/// [`Error::UnknownCaller`] if nobody knows who that is.
pub fn caller() -> Result<Option<User>, Error> {
    match rustix::process::geteuid().is_root() {
        true => caller_of_sudo(variable, &passwd()),
        false => Ok(None),
    }
}

/// The user who called sudo, if they are not root themselves (sudo(8), ENVIRONMENT).
fn caller_of_sudo(
    variable: impl Fn(&str) -> Option<String>,
    passwd: &[u8],
) -> Result<Option<User>, Error> {
    let name = variable("SUDO_USER");
    let number = variable("SUDO_UID");
    let Some(shown) = name.clone().or_else(|| number.clone()) else {
        return Ok(None);
    };
    let unknown = || Error::UnknownCaller {
        name: shown.clone(),
    };
    let read = |text: String| text.parse::<u32>().map_err(|_| unknown());
    let number = number.map(read).transpose()?;
    let line = passwd_lines(passwd).find(|line| {
        name.as_ref().is_none_or(|name| *name == line.name)
            && number.is_none_or(|number| number == line.user)
    });
    let user = match line {
        Some(line) => User {
            name: line.name,
            owner: Owner {
                user: line.user,
                group: line.group,
            },
            home: Some(line.home),
        },
        // A user of a directory service is in no passwd file.
        None => User {
            owner: Owner {
                user: number.ok_or_else(unknown)?,
                group: variable("SUDO_GID")
                    .map(read)
                    .transpose()?
                    .ok_or_else(unknown)?,
            },
            home: variable("SUDO_HOME").map(PathBuf::from),
            name: shown,
        },
    };
    Ok((user.owner.user != 0).then_some(user))
}

fn still_root(cause: impl Into<String>) -> Error {
    Error::StillRoot {
        cause: cause.into(),
    }
}

/// The system calls below are about one thread alone.
#[cfg(target_os = "linux")]
fn refuse_other_threads() -> Result<(), Error> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(|_| still_root("`/proc` does not tell the threads of this process"))?;
    match threads.count() {
        1 => Ok(()),
        others => Err(still_root(format!("found {others} threads, wanted one"))),
    }
}

/// Groups, group and user for good, then the proof that there is no way back.
#[cfg(target_os = "linux")]
fn give_up_root(user: &User) -> Result<(), Error> {
    use rustix::process::{Gid, Uid, getegid, geteuid, getgid, getgroups, getuid};
    use rustix::thread::{
        set_thread_gid, set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid,
    };
    let refused = |what: &str, cause: rustix::io::Errno| {
        let cause = super::error::words(&cause.into());
        still_root(format!("the system does not set {what}: {cause}"))
    };
    // 2^32 - 1 means "leave it as it is" to these calls (setresuid(2)).
    let Owner {
        user: uid,
        group: gid,
    } = user.owner;
    if uid == 0 || uid == u32::MAX || gid == u32::MAX {
        return Err(still_root(format!("found the user {uid} of group {gid}")));
    }
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let mut groups = groups_of(&group(), &user.name);
    groups.push(user.owner.group);
    groups.sort();
    groups.dedup();
    let groups = Vec::from_iter(groups.into_iter().map(Gid::from_raw));
    set_thread_groups(&groups).map_err(|cause| refused("the groups", cause))?;
    set_thread_res_gid(gid, gid, gid).map_err(|cause| refused("the group", cause))?;
    set_thread_res_uid(uid, uid, uid).map_err(|cause| refused("the user", cause))?;

    let mut kept = getgroups().map_err(|cause| refused("the groups", cause))?;
    kept.sort_by_key(|group| group.as_raw());
    let is_the_user = (getuid(), geteuid()) == (uid, uid)
        && (getgid(), getegid()) == (gid, gid)
        && kept == groups;
    // The saved numbers are seen by what they would allow.
    let way_back =
        set_thread_uid(Uid::ROOT).is_ok() || (!gid.is_root() && set_thread_gid(Gid::ROOT).is_ok());
    match is_the_user && !way_back {
        true => Ok(()),
        false => Err(still_root("the system says it did, and did not")),
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_other_threads() -> Result<(), Error> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn give_up_root(_: &User) -> Result<(), Error> {
    Err(still_root("this system has no way to do it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n\
        alice:x:1000:1001::/home/alice:/bin/sh\nali:x:1000:1002::/home/ali:/bin/sh\n";

    fn caller(variables: &[(&str, &str)]) -> Result<Option<User>, String> {
        let variable = |name: &str| {
            let mut variables = variables.iter();
            let found = variables.find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        caller_of_sudo(variable, PASSWD).map_err(|error| error.to_string())
    }

    fn user(name: &str, user: u32, group: u32, home: Option<&str>) -> User {
        User {
            name: name.into(),
            owner: Owner { user, group },
            home: home.map(PathBuf::from),
        }
    }

    #[test]
    fn the_caller_of_sudo_is_found_in_passwd() {
        let alice = Ok(Some(user("alice", 1000, 1001, Some("/home/alice"))));
        assert_eq!(caller(&[("SUDO_USER", "alice")]), alice);
        assert_eq!(caller(&[("SUDO_UID", "1000")]), alice);
        let ali = [
            ("SUDO_USER", "ali"),
            ("SUDO_UID", "1000"),
            ("SUDO_GID", "7"),
        ];
        let found = caller(&ali).unwrap().unwrap();
        assert_eq!(found, user("ali", 1000, 1002, Some("/home/ali")));
    }

    #[test]
    fn root_has_nobody_to_become() {
        assert_eq!(caller(&[]), Ok(None));
        assert_eq!(caller(&[("SUDO_USER", "root")]), Ok(None));
        assert_eq!(
            caller(&[("SUDO_USER", "toor"), ("SUDO_UID", "0")]),
            Ok(None)
        );
    }

    #[test]
    fn a_caller_in_no_passwd_file_is_known_by_their_numbers() {
        let numbers = [
            ("SUDO_USER", "CORP\\bob"),
            ("SUDO_UID", "70001"),
            ("SUDO_GID", "70002"),
        ];
        assert_eq!(
            caller(&numbers),
            Ok(Some(user("CORP\\bob", 70001, 70002, None)))
        );
        let with_home = [&numbers[..], &[("SUDO_HOME", "/nfs/bob")]].concat();
        let found = caller(&with_home).unwrap().unwrap();
        assert_eq!(found.home, Some("/nfs/bob".into()));
    }

    #[test]
    fn a_caller_nobody_knows_is_refused() {
        assert_eq!(
            caller(&[("SUDO_USER", "bob")]).unwrap_err(),
            "sudo was called by `bob`, whom `/etc/passwd` does not know"
        );
        for numbers in [
            [("SUDO_UID", "70001"), ("X", "")],
            [("SUDO_UID", "x"), ("SUDO_GID", "1")],
            [("SUDO_UID", "-1"), ("SUDO_GID", "1")],
            [("SUDO_UID", "70001"), ("SUDO_GID", "x")],
        ] {
            assert!(caller(&numbers).is_err(), "{numbers:?}");
        }
    }

    #[cfg(target_os = "linux")]
    mod as_root {
        use super::*;

        /// In a thread of its own, for there is no way back.
        fn in_thread(test: impl FnOnce() + Send + 'static) {
            if !rustix::process::geteuid().is_root() {
                return;
            }
            std::thread::spawn(test).join().unwrap();
        }

        #[test]
        fn who_gave_up_root_cannot_read_its_files_or_come_back() {
            use std::os::unix::fs::{MetadataExt, PermissionsExt};
            // Removed by the thread that is still root.
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().to_owned();
            let set_mode = |path: &std::path::Path, mode| {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            };
            set_mode(&path, 0o777);
            std::fs::write(path.join("secret"), "x").unwrap();
            set_mode(&path.join("secret"), 0o600);
            in_thread(move || {
                give_up_root(&user("nobody", 65534, 65534, None)).unwrap();
                assert!(std::fs::read(path.join("secret")).is_err());
                std::fs::write(path.join("own"), "x").unwrap();
                let own = path.join("own").metadata().unwrap();
                assert_eq!((own.uid(), own.gid()), (65534, 65534));
                let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
                for line in [
                    "Uid:\t65534\t65534\t65534\t65534",
                    "Gid:\t65534\t65534\t65534\t65534",
                    "Groups:\t65534 ",
                    "CapEff:\t0000000000000000",
                    "CapPrm:\t0000000000000000",
                ] {
                    assert!(status.contains(line), "no `{line}` in {status}");
                }
                assert!(rustix::thread::set_thread_uid(rustix::process::Uid::ROOT).is_err());
            });
        }

        #[test]
        fn numbers_that_mean_nothing_are_refused() {
            in_thread(|| {
                for (uid, gid) in [(0, 1), (u32::MAX, 1), (1, u32::MAX)] {
                    let refusal = give_up_root(&user("x", uid, gid, None)).unwrap_err();
                    assert!(refusal.to_string().starts_with("cannot give up root: "));
                    assert!(rustix::process::geteuid().is_root());
                }
            });
        }

        #[test]
        fn other_threads_would_stay_root() {
            // The tests run in threads beside the main one.
            let refusal = refuse_other_threads().unwrap_err().to_string();
            assert!(refusal.contains("wanted one"), "{refusal}");
        }
    }
}

//! Gives up root for the user who called sudo, so that their files become theirs by themselves
//! and no link in their home makes root write elsewhere.

use std::path::PathBuf;

use super::environment::variable;
use super::passwd::{groups_of, passwd_lines};
use super::{Error, platform};
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
    match platform::is_root() {
        true => caller_of_sudo(variable, &platform::passwd_file()),
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

fn still_root(cause: String) -> Error {
    Error::StillRoot { cause }
}

/// A thread beside this one would stay root.
fn refuse_other_threads() -> Result<(), Error> {
    platform::refuse_other_threads().map_err(still_root)
}

/// Groups, group and user for good.
fn give_up_root(user: &User) -> Result<(), Error> {
    let groups = groups_of(&platform::group_file(), &user.name);
    platform::give_up_root(user.owner, groups).map_err(still_root)
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

//! Reads what docker's client has of a user.

use std::path::{Path, PathBuf};

use super::environment::{absolute, path_variable, user_home};
use super::invoker::User;
use super::machine::{Prefix, access, file_image};
use super::read::public_files;
use super::{Error, platform};
use crate::plan::client::{ClientState, Places};
use crate::plan::context::ContextName;
use crate::plan::layout::PairKind;
use crate::plan::permissions::Owner;
use crate::plan::state::FileState;

/// docker's configuration directory: the one given, else `$DOCKER_CONFIG`, else `.docker` in the
/// home of `caller`, the user who called sudo, or without one in `$HOME`.
///
/// sudo drops `DOCKER_CONFIG` unless somebody passes it on purpose, but leaves `HOME` to be
/// root's.
pub fn docker_config(given: Option<&Path>, caller: Option<&User>) -> Result<PathBuf, Error> {
    if let Some(directory) = given {
        return absolute(directory);
    }
    if let Some(directory) = path_variable("DOCKER_CONFIG") {
        return absolute(&directory);
    }
    let home = match caller {
        Some(user) => user.home.clone(),
        None => user_home(),
    };
    absolute(&home.ok_or(Error::NoDockerConfig)?.join(".docker"))
}

/// Reads what a plan for this directory and context must know.  A directory that is a symbolic
/// link is followed, a file that is one refused: it may be another program's, or in the home.
pub fn client_state(
    docker_config: &Path,
    context: Option<&ContextName>,
) -> Result<ClientState, Error> {
    let docker_config = Prefix::root().resolve(docker_config)?;
    let places = Places::new(&docker_config, context);
    let mut state = ClientState {
        docker_config,
        directories: Default::default(),
        files: Default::default(),
    };
    for path in places.directories {
        if let Some(access) = access(&path)? {
            state.directories.insert(path, access);
        }
    }
    for path in places.files {
        if let Some(image) = file_image(&path)? {
            state.files.insert(path, image);
        }
    }
    Ok(state)
}

/// Whether a certificate was taken away from a directory of this machine: it is not there, and that
/// is not because what it was on is not.
pub fn is_taken_away(kind: PairKind, directory: &Path) -> bool {
    let files = public_files(kind, directory);
    let is_gone = matches!(files.certificate, FileState::Absent);
    // Of a context: docker removes more than the directory of its files.
    let mut above = directory.ancestors();
    let above = match directory.parent().and_then(Path::parent) {
        Some(contexts) if contexts.ends_with("contexts/tls") => above.nth(5),
        _ => above.nth(1),
    };
    // A file system that is not mounted has nothing either.
    is_gone && above.is_some_and(Path::is_dir)
}

/// Whose the files are that this process makes.
pub fn process_owner() -> Owner {
    platform::process_owner()
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn web() -> ContextName {
        "web".parse().unwrap()
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let around = tempfile::tempdir().unwrap();
        let around = around.path().canonicalize().unwrap();
        let state = client_state(&around.join("a/.docker"), Some(&web())).unwrap();
        assert_eq!(state.docker_config, around.join("a/.docker"));
        assert!(state.files.is_empty());
        let found: Vec<_> = state.directories.keys().collect();
        assert!(found.contains(&&around), "{found:?}");
        assert!(
            found.iter().all(|path| around.starts_with(path)),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_there_is_read_with_mode_and_owner() {
        let around = tempfile::tempdir().unwrap();
        let docker = around.path().canonicalize().unwrap().join("docker");
        let tls = docker.join(web().tls_directory());
        fs::create_dir_all(&tls).unwrap();
        fs::write(tls.join("key.pem"), "secret").unwrap();
        fs::write(docker.join("config.json"), "{}").unwrap();
        fs::set_permissions(tls.join("key.pem"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::set_permissions(&tls, fs::Permissions::from_mode(0o711)).unwrap();

        let state = client_state(&docker, Some(&web())).unwrap();
        assert_eq!(state.directories[&tls].mode, 0o711);
        let [(path, image)] = Vec::from_iter(&state.files)[..] else {
            panic!("{:?}", state.files);
        };
        assert_eq!(*path, tls.join("key.pem"));
        assert_eq!(*image.content, b"secret");
        assert_eq!(image.access.mode, 0o640);
        assert_eq!(image.access.user, process_owner().user);
        // Without the context nothing of it is looked at.
        assert!(client_state(&docker, None).unwrap().files.is_empty());
    }

    #[test]
    fn a_link_to_the_directory_is_followed() {
        let around = tempfile::tempdir().unwrap();
        let around = around.path().canonicalize().unwrap();
        fs::create_dir(around.join("real")).unwrap();
        fs::write(around.join("real/ca.pem"), "x").unwrap();
        symlink("real", around.join(".docker")).unwrap();
        let state = client_state(&around.join(".docker"), None).unwrap();
        assert_eq!(state.docker_config, around.join("real"));
        assert!(state.files.contains_key(&around.join("real/ca.pem")));
    }

    #[test]
    fn refuses_what_is_of_another_kind() {
        let around = tempfile::tempdir().unwrap();
        let around = around.path().canonicalize().unwrap();
        let docker = around.join(".docker");
        fs::create_dir(&docker).unwrap();
        let refusal = || client_state(&docker, Some(&web())).unwrap_err().to_string();

        fs::write(around.join("elsewhere.pem"), "x").unwrap();
        symlink("../elsewhere.pem", docker.join("cert.pem")).unwrap();
        let path = docker.join("cert.pem").display().to_string();
        assert_eq!(
            refusal(),
            format!("`{path}` is a symbolic link: wanted a file")
        );
        fs::remove_file(docker.join("cert.pem")).unwrap();

        fs::create_dir(docker.join("cert.pem")).unwrap();
        assert_eq!(refusal(), format!("`{path}` is a directory: wanted a file"));
        fs::remove_dir(docker.join("cert.pem")).unwrap();

        fs::write(docker.join("contexts"), "x").unwrap();
        let path = docker.join("contexts").display().to_string();
        assert_eq!(
            refusal(),
            format!("`{path}` is no directory: wanted a directory")
        );
    }

    #[test]
    fn under_sudo_it_is_the_callers_home() {
        let user = |home: Option<&str>| User {
            name: "alice".into(),
            owner: Owner {
                user: 1000,
                group: 1000,
            },
            home: home.map(PathBuf::from),
        };
        let given = docker_config(Some(Path::new("/x")), Some(&user(None)));
        assert_eq!(given.unwrap(), Path::new("/x"));
        // The test's own environment decides otherwise.
        if path_variable("DOCKER_CONFIG").is_none() {
            let found = docker_config(None, Some(&user(Some("/home/alice")))).unwrap();
            assert_eq!(found, Path::new("/home/alice/.docker"));
            let refusal = docker_config(None, Some(&user(None))).unwrap_err();
            assert!(matches!(refusal, Error::NoDockerConfig), "{refusal}");
        }
    }
}

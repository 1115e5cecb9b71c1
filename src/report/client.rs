//! Tells what becomes of what was in a user's `~/.docker` before.

use std::path::Path;

use super::{Style, day, hint, machine, note, shell_word, shown};
use crate::plan::client::{ClientPlan, Held, Notice, PlacedClient};
use crate::plan::context::ContextName;

/// The notices of a client's plan, a line each.
pub fn client_notices(style: Style, notices: &[Notice]) -> String {
    let lines = notices.iter();
    lines
        .map(|notice| note(style, &notice_words(notice)))
        .collect()
}

/// That a client is installed; where that directory is not docker's own, docker must be told of it.
pub fn installed_client(
    name: &str,
    docker_config: &Path,
    is_own: bool,
    context: Option<&ContextName>,
) -> String {
    let mut text = format!("Installed client `{name}` in {}\n", shown(docker_config));
    if let Some(context) = context {
        let config = match is_own {
            true => String::new(),
            false => format!("--config {} ", shell_word(&docker_config.to_string_lossy())),
        };
        text.push_str(&format!(
            "The docker context {context} uses it: docker {config}--context {context} version\n"
        ));
    }
    text
}

/// That there is nothing to do.
pub fn client_is_installed(name: &str, docker_config: &Path) -> String {
    format!(
        "Nothing was changed: client `{name}` is installed in {} already\n",
        shown(docker_config)
    )
}

/// The lines for the caller's shell.
pub fn after_client(lines: &str) -> String {
    let lines = lines.lines().map(|line| format!("  {line}\n"));
    format!(
        "\nNext, have docker in this shell use it, as `dockpki env` prints it:\n\n{}",
        lines.collect::<String>()
    )
}

/// The report of a client's plan, as JSON.
pub fn client_json(client: &ClientPlan, docker_config: &Path, changed: bool) -> String {
    let notices = client.notices.iter().map(notice_words);
    let notices = Vec::from_iter(notices);
    machine::report_json(
        &client.plan,
        notices,
        changed,
        machine::Told {
            proof: None,
            docker_config: Some(docker_config.display().to_string()),
            context: client.context.as_ref().map(ToString::to_string),
        },
    )
}

/// That clients were brought to where they had been installed.
pub fn brought_clients(placed: &[&PlacedClient]) -> String {
    let lines = placed.iter().map(|placed| {
        let PlacedClient {
            name,
            docker_config,
            context,
            reach: _,
        } = placed;
        match context {
            Some(context) => format!("Installed client `{name}` in the docker context {context}\n"),
            None => format!("Installed client `{name}` in {}\n", shown(docker_config)),
        }
    });
    lines.collect()
}

/// That a client of the user who called sudo waits to be brought by another command.
pub fn callers_client(style: Style, program: &str, placed: &PlacedClient) -> String {
    let name = &placed.name;
    let (place, context) = match &placed.context {
        Some(context) => (
            format!("the docker context {context}"),
            format!(" --context {context}"),
        ),
        None => (shown(&placed.docker_config), String::new()),
    };
    let words = format!("client `{name}` in {place} is behind: it belongs to who called sudo");
    let mend = format!("bring it: sudo {program} install client {name}{context}");
    note(style, &words) + &hint(style, &mend)
}

/// The report of clients that were brought to where they had been installed, as JSON.
pub fn clients_json(client: &ClientPlan, changed: bool) -> String {
    let notices = client.notices.iter().map(notice_words);
    let told = machine::Told::default();
    machine::report_json(&client.plan, notices.collect(), changed, told)
}

/// A notice of a client's plan in words, on one line.
fn notice_words(notice: &Notice) -> String {
    match notice {
        Notice::Replaced { paths, held } => {
            let verbs = match paths.len() {
                1 => "is replaced: it holds",
                _ => "are replaced: they hold",
            };
            let paths = Vec::from_iter(paths.iter().map(|path| shown(path)));
            format!("{} {verbs} {}", paths.join(" and "), held_words(held))
        }
        Notice::OtherHost {
            context,
            before,
            after,
        } => format!("the docker context {context} is for {before} so far and gets {after}"),
        Notice::SkipsVerification { context } => format!(
            "the docker context {context} has docker trust any daemon: to have it checked give the \
             host too, with --host"
        ),
    }
}

fn held_words(held: &Held) -> String {
    match held {
        Held::Certificate {
            common_name,
            issuer,
            not_after,
        } => {
            let name = |name: &Option<String>| match name {
                Some(name) => format!("`{name}`"),
                None => "nobody".into(),
            };
            format!(
                "a certificate of {} by {}, until {}",
                name(common_name),
                name(issuer),
                day(*not_after)
            )
        }
        Held::Key { fingerprint } => {
            format!("a private key, public half sha256 {}…", &fingerprint[..16])
        }
        Held::Other => "neither a certificate nor a key".into(),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn whose_a_replaced_certificate_was_is_told() {
        let notice = |common_name: Option<&str>| Notice::Replaced {
            paths: vec!["/home/alice/.docker/cert.pem".into()],
            held: Held::Certificate {
                common_name: common_name.map(str::to_owned),
                issuer: Some("swarm-ca".into()),
                not_after: datetime!(2027-11-23 20:00 UTC),
            },
        };
        assert_eq!(
            notice_words(&notice(Some("bob"))),
            "/home/alice/.docker/cert.pem is replaced: it holds a certificate of `bob` by \
             `swarm-ca`, until 2027-11-23"
        );
        assert!(notice_words(&notice(None)).contains("a certificate of nobody by `swarm-ca`"));
    }

    #[test]
    fn a_context_that_changes_hands_is_told() {
        let notice = Notice::OtherHost {
            context: "web".parse().unwrap(),
            before: "ssh://web".into(),
            after: "tcp://web".parse().unwrap(),
        };
        assert_eq!(
            notice_words(&notice),
            "the docker context web is for ssh://web so far and gets tcp://web:2376"
        );
    }
}

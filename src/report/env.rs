//! Shell lines that set docker's variables, each value quoted so that the shell reads it back as
//! it is.

use std::ffi::OsStr;

use super::shell_word;
use crate::pki::printable;
use crate::plan::client::ClientError;
use crate::plan::env::{DockerEnv, Shell};

/// The lines for a shell, and as their end a comment that tells how to have them evaluated.
/// `command` is how to get these lines again, word by word.
///
/// Each line ends such that they also work on one, as `eval $(…)` without quotes makes it of
/// them.
///
/// # Errors
/// [`ClientError::Unquotable`] for a value the shell has no way to write: what is not UTF-8 in
/// PowerShell, and `"`, `%` and control characters also in the command prompt.
pub fn env(shell: Shell, env: &DockerEnv, command: &[&str]) -> Result<String, ClientError> {
    let mut text = String::new();
    for (name, value) in env.variables() {
        text.push_str(&match value {
            Some(value) => set(shell, name, value.as_os_str())?,
            None => unset(shell, name),
        });
        text.push('\n');
    }
    if let Some(again) = again(shell, command) {
        let comment = match shell {
            Shell::Cmd => "REM",
            Shell::Bash | Shell::Zsh | Shell::Fish | Shell::PowerShell => "#",
        };
        text.push_str(&format!(
            "{comment} Run this command to configure your shell:\n{comment} {again}\n"
        ));
    }
    Ok(text)
}

fn set(shell: Shell, name: &str, value: &OsStr) -> Result<String, ClientError> {
    let value = quote(shell, value)?;
    Ok(match shell {
        Shell::Bash | Shell::Zsh => format!("export {name}={value};"),
        Shell::Fish => format!("set -gx {name} {value};"),
        Shell::PowerShell => format!("$Env:{name} = {value};"),
        Shell::Cmd => format!("SET \"{name}={value}\""),
    })
}

fn unset(shell: Shell, name: &str) -> String {
    match shell {
        Shell::Bash | Shell::Zsh => format!("unset {name};"),
        Shell::Fish => format!("set -e {name};"),
        Shell::PowerShell => {
            format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue;")
        }
        Shell::Cmd => format!("SET {name}="),
    }
}

/// The command that evaluates these lines, in the shell's syntax; nothing if there is none, or a
/// word of it would not stay on the comment's line.
fn again(shell: Shell, command: &[&str]) -> Option<String> {
    if command.is_empty() || command.iter().any(|word| printable(word) != *word) {
        return None;
    }
    let quoted = command.iter().map(|word| match shell {
        _ if shell_word(word) == *word => Some((*word).to_owned()),
        // There is none within the quotes of FOR that holds for both shells it goes through.
        Shell::Cmd => None,
        _ => quote(shell, OsStr::new(word)).ok(),
    });
    let words = quoted.collect::<Option<Vec<_>>>()?.join(" ");
    Some(match shell {
        Shell::Bash | Shell::Zsh => format!("eval \"$({words})\""),
        Shell::Fish => format!("{words} | source"),
        Shell::PowerShell => format!("& {words} | Invoke-Expression"),
        Shell::Cmd => format!("@FOR /f \"tokens=*\" %i IN ('{words}') DO @%i"),
    })
}

fn quote(shell: Shell, value: &OsStr) -> Result<String, ClientError> {
    let octets = value.as_encoded_bytes();
    let refused = |found| ClientError::Unquotable {
        shell,
        value: value.to_string_lossy().into_owned(),
        found,
    };
    let utf8 = || value.to_str().ok_or_else(|| refused("what is not UTF-8"));
    Ok(match shell {
        Shell::Bash | Shell::Zsh => posix(octets),
        Shell::Fish => fish(octets),
        Shell::PowerShell => power_shell(utf8()?),
        Shell::Cmd => {
            let value = utf8()?;
            // A % is read one way in a batch file, another at the prompt; for the others there is
            // no escape at all.
            match value.chars().find(|c| "\"%".contains(*c) || c.is_control()) {
                Some('"') => return Err(refused("a quote")),
                Some('%') => return Err(refused("a %")),
                Some(_) => return Err(refused("a control character")),
                None => value.to_owned(),
            }
        }
    })
}

/// Single quotes hold everything but themselves.  What could steer the terminal of who looks at
/// the lines is written out as bash, zsh and POSIX.1-2024 read it; older shells do not, but a
/// line's end is theirs too.
fn posix(octets: &[u8]) -> String {
    let is_plain = |text: &str| text.split('\n').all(|line| printable(line) == line);
    match str::from_utf8(octets) {
        Ok(text) if is_plain(text) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let escaped = octets.iter().map(|octet| match octet {
                b'\'' | b'\\' => format!("\\{}", char::from(*octet)),
                b' '..=b'~' => char::from(*octet).to_string(),
                _ => format!("\\{octet:03o}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

/// Single quotes, in which fish reads `\'` and `\\`; between them the octets that must not stand
/// as they are.
fn fish(octets: &[u8]) -> String {
    let mut text = String::from("'");
    let written_out = |octets: &[u8], text: &mut String| {
        text.push('\'');
        for octet in octets {
            text.push_str(&format!("\\X{octet:02x}"));
        }
        text.push('\'');
    };
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '\\' => text.extend(['\\', c]),
                c if is_plain(c) => text.push(c),
                c => written_out(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut text),
            }
        }
        if !chunk.invalid().is_empty() {
            written_out(chunk.invalid(), &mut text);
        }
    }
    text.push('\'');
    text
}

/// Single quotes, in which PowerShell reads two of any kind of quote as one, and takes the
/// typographic ones for such; what must not stand as it is, is added by its number.
fn power_shell(value: &str) -> String {
    let mut text = String::from("'");
    for c in value.chars() {
        match c {
            '\'' | '\u{2018}'..='\u{201b}' => text.extend([c, c]),
            c if is_plain(c) => text.push(c),
            c => text.push_str(&format!(
                "' + [char]::ConvertFromUtf32({}) + '",
                u32::from(c)
            )),
        }
    }
    text.push('\'');
    text
}

fn is_plain(c: char) -> bool {
    let mut buffer = [0; 4];
    let text: &str = c.encode_utf8(&mut buffer);
    printable(text) == text
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;

    use super::*;

    fn alice(cert_path: &str) -> DockerEnv {
        DockerEnv::Set {
            host: Some("tcp://web".parse().unwrap()),
            cert_path: cert_path.into(),
        }
    }

    fn lines(shell: Shell, docker: &DockerEnv) -> String {
        env(shell, docker, &["dockpki", "env", "alice"]).unwrap()
    }

    #[test]
    fn bash_and_zsh_export() {
        for shell in [Shell::Bash, Shell::Zsh] {
            assert_eq!(
                lines(shell, &alice("/home/alice/.docker")),
                "export DOCKER_HOST='tcp://web:2376';\n\
                 export DOCKER_TLS_VERIFY='1';\n\
                 export DOCKER_CERT_PATH='/home/alice/.docker';\n\
                 # Run this command to configure your shell:\n\
                 # eval \"$(dockpki env alice)\"\n"
            );
            assert_eq!(
                lines(shell, &DockerEnv::Unset),
                "unset DOCKER_HOST;\nunset DOCKER_TLS_VERIFY;\nunset DOCKER_CERT_PATH;\n\
                 # Run this command to configure your shell:\n\
                 # eval \"$(dockpki env alice)\"\n"
            );
        }
    }

    #[test]
    fn fish_sets_global_variables() {
        assert_eq!(
            lines(Shell::Fish, &alice("/home/alice/.docker")),
            "set -gx DOCKER_HOST 'tcp://web:2376';\n\
             set -gx DOCKER_TLS_VERIFY '1';\n\
             set -gx DOCKER_CERT_PATH '/home/alice/.docker';\n\
             # Run this command to configure your shell:\n\
             # dockpki env alice | source\n"
        );
        let unset = lines(Shell::Fish, &DockerEnv::Unset);
        assert!(unset.starts_with("set -e DOCKER_HOST;\n"), "{unset}");
    }

    #[test]
    fn power_shell_sets_its_drive_of_variables() {
        assert_eq!(
            lines(Shell::PowerShell, &alice("C:\\Users\\alice\\.docker")),
            "$Env:DOCKER_HOST = 'tcp://web:2376';\n\
             $Env:DOCKER_TLS_VERIFY = '1';\n\
             $Env:DOCKER_CERT_PATH = 'C:\\Users\\alice\\.docker';\n\
             # Run this command to configure your shell:\n\
             # & dockpki env alice | Invoke-Expression\n"
        );
        let unset = lines(Shell::PowerShell, &DockerEnv::Unset);
        let first = "Remove-Item Env:DOCKER_HOST -ErrorAction SilentlyContinue;\n";
        assert!(unset.starts_with(first), "{unset}");
    }

    #[test]
    fn the_command_prompt_sets_in_quotes_that_are_no_part_of_the_value() {
        assert_eq!(
            lines(Shell::Cmd, &alice("C:\\Users\\alice & bob")),
            "SET \"DOCKER_HOST=tcp://web:2376\"\n\
             SET \"DOCKER_TLS_VERIFY=1\"\n\
             SET \"DOCKER_CERT_PATH=C:\\Users\\alice & bob\"\n\
             REM Run this command to configure your shell:\n\
             REM @FOR /f \"tokens=*\" %i IN ('dockpki env alice') DO @%i\n"
        );
        let unset = lines(Shell::Cmd, &DockerEnv::Unset);
        assert!(unset.starts_with("SET DOCKER_HOST=\n"), "{unset}");
    }

    #[test]
    fn a_host_nobody_knows_is_left_as_it_is() {
        let docker = DockerEnv::Set {
            host: None,
            cert_path: "/c".into(),
        };
        let text = lines(Shell::Bash, &docker);
        assert!(!text.contains("DOCKER_HOST"), "{text}");
    }

    #[test]
    fn each_shell_has_its_own_quotes() {
        let quoted = |shell, value: &str| quote(shell, OsStr::new(value)).unwrap();
        assert_eq!(
            quoted(Shell::Bash, "it's $HOME `x`"),
            r"'it'\''s $HOME `x`'"
        );
        assert_eq!(quoted(Shell::Zsh, "a\x1b[2J'"), r"$'a\033[2J\''");
        assert_eq!(quoted(Shell::Fish, r"it's \n"), r"'it\'s \\n'");
        assert_eq!(quoted(Shell::Fish, "a\nb"), r"'a'\X0a'b'");
        assert_eq!(quoted(Shell::PowerShell, "it's ‘$x’"), "'it''s ‘‘$x’’'");
        assert_eq!(
            quoted(Shell::PowerShell, "a\nb"),
            "'a' + [char]::ConvertFromUtf32(10) + 'b'"
        );
    }

    #[test]
    fn refuses_a_value_the_shell_cannot_write() {
        let refusal = |shell, value: &OsStr| quote(shell, value).unwrap_err().to_string();
        assert_eq!(
            refusal(Shell::Cmd, OsStr::new("C:\\50%")),
            "`C:\\50%` cannot be written for cmd: found a %, wanted a path without"
        );
        for value in ["a\"b", "a\nb"] {
            refusal(Shell::Cmd, OsStr::new(value));
        }
        for shell in [Shell::PowerShell, Shell::Cmd] {
            let refusal = refusal(shell, OsStr::from_bytes(b"/\xff"));
            assert!(refusal.contains("found what is not UTF-8"), "{refusal}");
        }
    }

    #[test]
    fn no_value_leaves_its_line_or_steers_the_terminal() {
        let value = PathBuf::from(OsStr::from_bytes(b"/a\x1b]0;x\x07\xff\xe2\x80\xaeb\r"));
        let docker = DockerEnv::Set {
            host: None,
            cert_path: value,
        };
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let text = lines(shell, &docker);
            assert_eq!(text.lines().count(), 4, "{text}");
            assert!(text.lines().all(|line| printable(line) == line), "{text:?}");
        }
    }

    #[test]
    fn the_last_line_is_quoted_as_the_shell_has_it() {
        let last = |shell, command: &[&str]| {
            let text = env(shell, &DockerEnv::Unset, command).unwrap();
            text.lines().last().unwrap().to_owned()
        };
        let command = ["dockpki", "--home", "it's $here", "env"];
        assert_eq!(
            last(Shell::Bash, &command),
            r#"# eval "$(dockpki --home 'it'\''s $here' env)""#
        );
        assert_eq!(
            last(Shell::Fish, &command),
            r"# dockpki --home 'it\'s $here' env | source"
        );
        assert_eq!(
            last(Shell::PowerShell, &command),
            "# & dockpki --home 'it''s $here' env | Invoke-Expression"
        );
        assert_eq!(last(Shell::Cmd, &command), "SET DOCKER_CERT_PATH=");
    }

    #[test]
    fn a_comment_holds_no_line_that_would_be_carried_out() {
        for shell in Shell::ALL {
            let text = env(shell, &DockerEnv::Unset, &["dockpki", "x\nrm -rf y"]).unwrap();
            assert_eq!(text.lines().count(), 3, "{text}");
        }
    }
}

//! Reads /etc/passwd and /etc/group.

use std::path::PathBuf;

use super::platform;

/// A line of /etc/passwd: `name:x:uid:gid:comment:home:shell` (passwd(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PasswdLine {
    pub(super) name: String,
    pub(super) user: u32,
    pub(super) group: u32,
    pub(super) home: PathBuf,
}

/// The line of the user this process belongs to.
pub(super) fn passwd_line() -> Option<PasswdLine> {
    let user = platform::real_user();
    passwd_lines(&platform::passwd_file()).find(|line| line.user == user)
}

/// The lines that make sense, in order.
pub(super) fn passwd_lines(passwd: &[u8]) -> impl Iterator<Item = PasswdLine> {
    passwd.split(|octet| *octet == b'\n').filter_map(|line| {
        // Octet by octet, for a comment may be in any encoding.
        let fields: Vec<_> = line.split(|octet| *octet == b':').collect();
        let [name, _, user, group, _, home, ..] = fields.as_slice() else {
            return None;
        };
        if name.is_empty() {
            return None;
        }
        Some(PasswdLine {
            name: String::from_utf8_lossy(name).into_owned(),
            user: number(user)?,
            group: number(group)?,
            home: platform::os_string(home).into(),
        })
    })
}

/// The groups a user is a member of beside their own: `name:x:gid:member,member` (group(5)).
pub(super) fn groups_of(group: &[u8], name: &str) -> Vec<u32> {
    let lines = group.split(|octet| *octet == b'\n');
    let groups = lines.filter_map(|line| {
        let fields: Vec<_> = line.split(|octet| *octet == b':').collect();
        let [_, _, group, members] = fields.as_slice() else {
            return None;
        };
        let mut members = members.split(|octet| *octet == b',');
        members
            .any(|member| member == name.as_bytes())
            .then(|| number(group))?
    });
    groups.collect()
}

fn number(field: &[u8]) -> Option<u32> {
    str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_makes_no_sense_hides_no_other() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\n\n# x\n::1:1::/:\nbad:x:one:1::/:\n\
            alice:x:1000:1001:Ren\xe9:/home/alice\xff:/bin/zsh";
        let lines: Vec<_> = passwd_lines(passwd).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        let home = platform::os_string(b"/home/alice\xff");
        assert_eq!(
            lines[1],
            PasswdLine {
                name: "alice".into(),
                user: 1000,
                group: 1001,
                home: home.into(),
            }
        );
    }

    #[test]
    fn a_member_is_told_from_one_of_a_longer_name() {
        let group = b"root:x:0:\ndocker:x:998:bob,alice\nadm:x:4:alice2,al\nx:x:y:alice\n\
            sudo:x:27:alice\n+:::";
        assert_eq!(groups_of(group, "alice"), [998, 27]);
        assert_eq!(groups_of(group, "carol"), [0; 0]);
    }
}

//! Gives up root for good: on Linux, by its system calls.

use crate::plan::permissions::Owner;

/// The system calls below are about one thread alone.
///
/// # Errors
/// In words, what is in the way.
#[cfg(target_os = "linux")]
pub(in crate::host) fn refuse_other_threads() -> Result<(), String> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(|_| "`/proc` does not tell the threads of this process")?;
    match threads.count() {
        1 => Ok(()),
        others => Err(format!("found {others} threads, wanted one")),
    }
}

/// Groups, group and user for good, then the proof that there is no way back.  `groups` are those
/// beside the owner's.
///
/// # Errors
/// In words, what is in the way: then nothing more must be done.
#[cfg(target_os = "linux")]
pub(in crate::host) fn give_up_root(owner: Owner, mut groups: Vec<u32>) -> Result<(), String> {
    use rustix::process::{Gid, Uid, getegid, geteuid, getgid, getgroups, getuid};
    use rustix::thread::{
        set_thread_gid, set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid,
    };
    let refused = |what: &str, cause: rustix::io::Errno| {
        let cause = crate::host::error::words(&cause.into());
        format!("the system does not set {what}: {cause}")
    };
    // 2^32 - 1 means "leave it as it is" to these calls (setresuid(2)).
    let Owner {
        user: uid,
        group: gid,
    } = owner;
    if uid == 0 || uid == u32::MAX || gid == u32::MAX {
        return Err(format!("found the user {uid} of group {gid}"));
    }
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    groups.push(owner.group);
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
        false => Err("the system says it did, and did not".into()),
    }
}

/// Root is not given up here, so that there is no thread it could be left in.
#[cfg(not(target_os = "linux"))]
pub(in crate::host) fn refuse_other_threads() -> Result<(), String> {
    Ok(())
}

/// Refuses.
#[cfg(not(target_os = "linux"))]
pub(in crate::host) fn give_up_root(_owner: Owner, _groups: Vec<u32>) -> Result<(), String> {
    Err("this system has no way to do it".into())
}

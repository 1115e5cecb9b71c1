//! Runs the binary with tests/shim/fault.c, which makes chosen calls fail or kills the process
//! right before one.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

use super::Ran;

/// How a run with the shim ended.
pub struct Faulty {
    pub killed: bool,
    pub ran: Ran,
}

/// Runs a command with the shim, which these variables tell what to do.
pub fn run(command: &mut Command, variables: &[(&str, &str)]) -> Faulty {
    command.env("LD_PRELOAD", shim());
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let killed = output.status.signal() == Some(9);
    assert!(killed || output.status.code().is_some(), "{output:?}");
    let ran = Ran::from(output);
    assert_ne!(ran.code, 99, "the shim does not work here: {}", ran.stderr);
    assert_ne!(ran.code, 101, "a panic: {}", ran.stderr);
    Faulty { killed, ran }
}

/// The compiled shim.
pub fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let library = directory.join("fault.so");
        // Under a name of this process first: another run may be loading the one that is there.
        let fresh = directory.join(format!("fault-{}.so", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim/fault.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o"])
            .args([&fresh, &source])
            .output()
            .expect("a C compiler is there");
        assert!(compiled.status.success(), "{compiled:?}");
        fs::rename(&fresh, &library).unwrap();
        library
    })
}

/// Runs a check at each point and reports every point at which it fails.
#[track_caller]
pub fn at_each_point(calls: &[String], check: impl Fn(usize)) {
    assert!(!calls.is_empty());
    let mut failed = Vec::new();
    for (at, call) in (1..).zip(calls) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(at))) {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()));
            failed.push(format!("call {at}, {call}: {}", text.unwrap_or_default()));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} points fail:\n{}",
        failed.len(),
        calls.len(),
        failed.join("\n")
    );
}

/// A process that is ended when this goes away, even if it is stopped.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

//! Texts made from the command line's definition: completions and manual pages.

use clap::CommandFactory;

use super::UsageError;
use super::arguments::Arguments;

/// The completion script of a shell.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "dockpki", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page of a command, in roff: `[]` for dockpki itself, `["client", "issue"]` for that.
pub fn manual(path: &[String]) -> Result<String, UsageError> {
    let mut root = Arguments::command();
    root.build();
    let mut command = &root;
    for word in path {
        command = command.find_subcommand(word).ok_or_else(|| {
            UsageError::Other(format!("there is no command `dockpki {}`", path.join(" ")))
        })?;
    }
    let mut page = Vec::new();
    let name = command
        .get_bin_name()
        .unwrap_or("dockpki")
        .replace(' ', "-");
    let command = command
        .clone()
        .name(name)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true);
    // Writing to memory does not fail.
    let _ = clap_mangen::Man::new(command).render(&mut page);
    Ok(String::from_utf8_lossy(&page).into_owned())
}

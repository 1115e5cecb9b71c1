//! What docker.service starts in effect.

use std::collections::BTreeMap;

use super::drop_in::{self, DropIn};
use super::environment::{self, EnvironmentFile};
use super::expand::{Text, expand};
use super::fault::{Fault, Place};
use super::flags::DaemonFlags;
use super::pflag::{self, Fate};
use super::syntax::{Assignment, WHITESPACE, assignments};
use super::words::{Dollar, Escapes, Malformed, Word, next_word, quote};
use super::{UnitFiles, is_ours};

/// The command line of docker.service as the unit and its drop-ins have it, without the drop-in
/// of ours: what that one is to be does not depend on whether it is there already.
#[derive(Debug, Clone)]
pub struct Service {
    at: Place,
    /// ExecStart to the letter, in one line.
    exec_start: String,
    /// The program with its prefixes and, after `@`, the name it is started under, to the letter.
    head: String,
    program: String,
    dollar: Dollar,
    words: Vec<CommandWord>,
    flags: DaemonFlags,
    /// The name of the drop-in, or why there can be none.
    file_name: Result<&'static str, Fault>,
}

/// A word of the command line.
#[derive(Debug, Clone)]
struct CommandWord {
    /// To the letter.
    raw: String,
    /// The variables it names that are set, with their values.
    variables: BTreeMap<String, String>,
    /// What dockerd gets of it.
    arguments: Vec<(Text, Fate)>,
}

impl CommandWord {
    fn is_kept(&self) -> bool {
        self.arguments.iter().all(|(_, fate)| *fate == Fate::Keep)
    }
}

impl Service {
    /// Reads the unit, its drop-ins but ours, and the environment files in the order of
    /// [`UnitFiles::environment_files`]; one that is not there is left out.
    ///
    /// # Errors
    /// If it does not start dockerd, and nothing else, by a command line that can be read.
    pub fn parse(files: &UnitFiles, environment: &[EnvironmentFile]) -> Result<Self, Fault> {
        if files.unit.text.is_empty() {
            return Err(Fault::Masked {
                path: files.unit.path.clone(),
            });
        }
        let command = effective_command(files)?;
        let at = command.place();
        let line = CommandLine::read(&command)?;
        let dollar = line.dollar;
        let variables = environment::variables(files, environment);
        let mut words: Vec<CommandWord> = Vec::new();
        for word in line.words {
            let text = Text::from(word.text.as_str());
            let (arguments, names) = match dollar {
                Dollar::Stays => (vec![text], Vec::new()),
                Dollar::Expands => {
                    let expanded = expand(&text, &variables);
                    (expanded.arguments, expanded.names)
                }
            };
            let set = names.into_iter().filter_map(|name| {
                let value = variables.get(&name)?.text.clone();
                Some((name, value))
            });
            words.push(CommandWord {
                raw: word.carried(),
                variables: set.collect(),
                arguments: arguments
                    .into_iter()
                    .map(|text| (text, Fate::Keep))
                    .collect(),
            });
        }
        let arguments = words.iter().flat_map(|word| &word.arguments);
        let arguments: Vec<&Text> = arguments.map(|(text, _)| text).collect();
        let (flags, fates) = pflag::read(&arguments, &at)?;
        let each = words.iter_mut().flat_map(|word| &mut word.arguments);
        for ((_, fate), found) in each.zip(fates) {
            *fate = found;
        }
        let others: Vec<_> = files
            .drop_ins
            .iter()
            .filter(|file| !is_ours(file))
            .collect();
        Ok(Self {
            at,
            exec_start: command.value.clone(),
            head: line.head,
            program: line.program,
            dollar,
            words,
            flags,
            file_name: drop_in::name_after(&others),
        })
    }

    /// The path of dockerd, without systemd's prefixes.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The flags that count, after variables are replaced.
    pub fn flags(&self) -> &DaemonFlags {
        &self.flags
    }

    /// What follows the program, as dockerd gets it.  Specifiers that only systemd can fill in,
    /// as `%H`, are still in it.
    pub fn arguments(&self) -> Vec<String> {
        let arguments = self.words.iter().flat_map(|word| &word.arguments);
        arguments.map(|(text, _)| text.text.clone()).collect()
    }

    /// The same without the flags that clash with daemon.json.
    pub fn arguments_without_clashes(&self) -> Vec<String> {
        let arguments = self.words.iter().flat_map(|word| &word.arguments);
        let left = arguments.filter_map(|(text, fate)| match fate {
            Fate::Keep => Some(text.text.clone()),
            Fate::Drop => None,
            Fate::Shorten(rest) => Some(rest.clone()),
        });
        left.collect()
    }

    /// The drop-in that starts dockerd without the flags that clash with daemon.json; nothing if
    /// none do.  All else is carried over to the letter.  Only where a flag that clashes comes
    /// out of a variable, what is left of its value is written in its place.
    ///
    /// # Errors
    /// If another drop-in has the last word, or what is left of a variable cannot be written out.
    pub fn drop_in(&self) -> Result<Option<DropIn>, Fault> {
        if self.words.iter().all(CommandWord::is_kept) {
            return Ok(None);
        }
        let file_name = self.file_name.clone()?;
        let mut exec_start = self.head.clone();
        for word in &self.words {
            if word.is_kept() {
                exec_start.push(' ');
                exec_start.push_str(&word.raw);
                continue;
            }
            for (text, fate) in &word.arguments {
                let left = match fate {
                    Fate::Drop => continue,
                    Fate::Shorten(rest) => rest,
                    Fate::Keep => self.closed(text)?,
                };
                exec_start.push(' ');
                exec_start.push_str(&quote(left, self.dollar));
            }
        }
        Ok(Some(DropIn::new(
            file_name,
            &self.stands_for(),
            &exec_start,
        )))
    }

    fn closed<'a>(&self, text: &'a Text) -> Result<&'a str, Fault> {
        match text.open.first() {
            None => Ok(&text.text),
            Some(specifier) => Err(Fault::Specifier {
                at: self.at.clone(),
                found: text.text.clone(),
                specifier: specifier.clone(),
            }),
        }
    }

    /// What a drop-in made now stands for: ExecStart, and the variables whose values it has in it.
    pub(super) fn stands_for(&self) -> Vec<String> {
        let mut lines = vec![format!("ExecStart={}", self.exec_start)];
        let replaced = self.words.iter().filter(|word| !word.is_kept());
        let variables: BTreeMap<_, _> = replaced.flat_map(|word| &word.variables).collect();
        let variables = variables.into_iter();
        lines.extend(variables.map(|(name, value)| {
            // Quoted for its line ends; no shell and no systemd reads it.
            format!("{name}={}", quote(value, Dollar::Stays))
        }));
        lines
    }
}

/// The one ExecStart that is left when all files are read.
fn effective_command(files: &UnitFiles) -> Result<Assignment<'_>, Fault> {
    let mut command: Option<Assignment> = None;
    for assignment in assignments(files.all().filter(|file| !is_ours(file)), "Service") {
        if assignment.key != "ExecStart" {
            continue;
        }
        if assignment.value.is_empty() {
            command = None;
        } else if command.is_some() {
            return Err(Fault::SecondCommand {
                at: assignment.place(),
                found: format!("ExecStart={}", assignment.value),
            });
        } else {
            command = Some(assignment);
        }
    }
    command.ok_or_else(|| Fault::NoExecStart {
        path: files.unit.path.clone(),
    })
}

/// ExecStart taken apart.
struct CommandLine<'a> {
    head: String,
    program: String,
    dollar: Dollar,
    /// What follows the program and its name.
    words: Vec<Word<'a>>,
}

impl<'a> CommandLine<'a> {
    fn read(command: &'a Assignment) -> Result<Self, Fault> {
        let next = |rest: &'a str| {
            next_word(rest, Escapes::Lenient).map_err(|Malformed| Fault::OpenQuote {
                at: command.place(),
                found: command.value.clone(),
            })
        };
        let not_dockerd = |found: &str| Fault::NotDockerd {
            at: command.place(),
            found: found.to_owned(),
        };
        let Some((first, mut rest)) = next(&command.value)? else {
            return Err(not_dockerd(""));
        };
        let program = first.text.trim_start_matches(['-', '@', ':', '+', '!']);
        let prefixes = &first.text[..first.text.len() - program.len()];
        // The prefix `|` hands the line to a shell, and then the path does not end it.
        let program = Text::from(program).text;
        if program.rsplit('/').next() != Some("dockerd") || program.starts_with('|') {
            return Err(not_dockerd(&first.text));
        }
        let mut head = first.carried();
        if prefixes.contains('@')
            && let Some((name, after)) = next(rest)?
        {
            head = format!("{head} {}", name.carried());
            rest = after;
        }
        let mut words = Vec::new();
        while let Some((mut word, after)) = next(rest)? {
            rest = after;
            match word.raw {
                // A semicolon begins another command; after the last one it says nothing.
                ";" if rest.trim_matches(WHITESPACE).is_empty() => break,
                ";" => {
                    return Err(Fault::SecondCommand {
                        at: command.place(),
                        found: format!(";{rest}"),
                    });
                }
                r"\;" => word.text = ";".to_owned(),
                _ => {}
            }
            words.push(word);
        }
        let dollar = match prefixes.contains(':') {
            true => Dollar::Stays,
            false => Dollar::Expands,
        };
        Ok(Self {
            head,
            program,
            dollar,
            words,
        })
    }
}

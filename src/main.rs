//! The `dockpki` command: parse, run, print, exit code; nothing else.

use std::io::{self, Write};
use std::process::ExitCode;

use dockpki::cli::UsageError;
use dockpki::error::Error;
use dockpki::run::Effect;
use dockpki::{cli, report, run};

fn main() -> ExitCode {
    let arguments = Vec::from_iter(std::env::args_os());
    let codes = cli::ExitCodes::of(&arguments);
    let request = match cli::parse(arguments) {
        Ok(request) => request,
        Err(UsageError::Clap(error)) => {
            // clap knows which of its texts are help and which are errors.
            let _ = error.print();
            let code = Error::from(UsageError::Clap(error)).exit_code();
            return ExitCode::from(codes.of_failure(code));
        }
        Err(error) => {
            let code = fail(cli::ColorWhen::Auto, &error.into(), "dockpki");
            return ExitCode::from(codes.of_failure(code));
        }
    };
    let say = |text: &str| {
        let _ = io::stderr().write_all(text.as_bytes());
    };
    match run::run(&request, &say) {
        Ok(outcome) => {
            let printed = io::stdout()
                .write_all(outcome.data.as_bytes())
                .and_then(|()| io::stdout().flush());
            say(&outcome.talk);
            match printed {
                // Whoever reads us has seen enough, as `head` has.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    ExitCode::from(outcome.code)
                }
                Err(error) => {
                    let (code, done) = match outcome.effect {
                        Effect::None => (1, ""),
                        Effect::Changed => (3, "it is done, but "),
                    };
                    let text = format!("{done}its report cannot be written: {}", error.kind());
                    say(&report::error(report::Style::Plain, &text, None));
                    ExitCode::from(codes.of_failure(code))
                }
                Ok(()) => ExitCode::from(outcome.code),
            }
        }
        Err(error) => {
            let code = fail(request.color, &error, &run::program(&request));
            ExitCode::from(codes.of_failure(code))
        }
    }
}

fn fail(color: cli::ColorWhen, error: &Error, program: &str) -> u8 {
    let (_, style) = run::styles(color);
    let text = report::error(style, &error.to_string(), error.hint(program).as_deref());
    let _ = io::stderr().write_all(text.as_bytes());
    error.exit_code()
}

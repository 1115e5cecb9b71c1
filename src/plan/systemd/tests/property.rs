//! Command lines nobody thought of.

use proptest::prelude::*;

use super::*;

/// A flag with its spelling in ExecStart and what dockerd gets.
#[derive(Debug, Clone)]
struct Given {
    clashes: bool,
    words: Vec<String>,
}

fn given() -> impl Strategy<Value = Given> {
    let value = prop_oneof!["[a-z/:.]{1,8}", "[a-z \"'$%;#é\\\\]{1,8}"];
    let flag = (any::<bool>(), 0..7_usize, value);
    flag.prop_map(|(clashes, spelling, value)| {
        let words = match (clashes, spelling) {
            (true, 0) => vec!["-H".to_owned(), value],
            (true, 1) => vec![format!("-H{value}")],
            (true, 2) => vec!["--host".to_owned(), value],
            (true, 3) => vec![format!("--tlscacert={value}")],
            (true, 4) => vec!["--tls=false".to_owned()],
            (true, 5) => vec!["--tlskey".to_owned(), format!("-{value}")],
            (true, _) => vec!["--tlsverify".to_owned()],
            (false, 0) => vec!["--label".to_owned(), value],
            (false, 1) => vec![format!("--log-opt={value}")],
            (false, 2) => vec!["-l".to_owned(), format!("-H{value}")],
            (false, 3) => vec!["-D".to_owned()],
            (false, 4) => vec![format!("--hosts={value}")],
            (false, 5) => vec!["--oom-score-adjust".to_owned(), "-500".to_owned()],
            (false, _) => vec![format!("-G{value}")],
        };
        Given { clashes, words }
    })
}

/// How a list of flags is written: each word as it is in ExecStart, or some of them in a variable.
#[derive(Debug, Clone, Copy)]
enum Written {
    Directly,
    InVariable,
}

/// As a person would write it for a variable's value, which systemd unquotes by other rules.
fn shell_quote(word: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c => c.to_string(),
    };
    format!("\"{}\"", word.chars().map(escape).collect::<String>())
}

fn written(given: &[(Given, Written)]) -> (String, String) {
    let mut line = "/usr/bin/dockerd".to_owned();
    let mut environment = String::new();
    for (index, (Given { words, .. }, how)) in given.iter().enumerate() {
        match how {
            Written::Directly => {
                for word in words {
                    line.push_str(&format!(" {}", words::quote(word, words::Dollar::Expands)));
                }
            }
            Written::InVariable => {
                let value: Vec<_> = words.iter().map(|word| shell_quote(word)).collect();
                // No single quote is in it that is not in double quotes.
                let value = value.join(" ").replace('\'', "'\"'\"'");
                environment.push_str(&format!("V{index}='{value}'\n"));
                line.push_str(&format!(" $V{index}"));
            }
        }
    }
    (exec_start(&line), environment)
}

proptest! {
    #[test]
    fn the_drop_in_is_the_command_without_what_clashes(
        given in prop::collection::vec(
            (given(), prop_oneof![Just(Written::Directly), Just(Written::InVariable)]),
            0..8,
        ),
    ) {
        let (unit, environment) = written(&given);
        let environment = defaults(&environment);
        let service = Service::parse(&files(&unit, &[]), &environment).unwrap();
        let words = |keep: fn(&Given) -> bool| {
            let kept = given.iter().map(|(given, _)| given).filter(|given| keep(given));
            kept.flat_map(|given| given.words.clone()).collect::<Vec<_>>()
        };
        let left = words(|given| !given.clashes);
        prop_assert_eq!(service.arguments(), words(|_| true));
        prop_assert_eq!(&service.arguments_without_clashes(), &left);
        let Some(made) = service.drop_in().unwrap() else {
            prop_assert!(given.iter().all(|(given, _)| !given.clashes));
            return Ok(());
        };
        // Under a name that is not ours, so that it is read.
        let foreign = drop_in("z.conf", &made.text);
        let again = Service::parse(&files(&unit, &[foreign]), &environment).unwrap();
        prop_assert_eq!(again.arguments(), left);
        prop_assert_eq!(again.drop_in(), Ok(None));
        let ours = drop_in(&made.file_name, &made.text);
        prop_assert_eq!(staleness(&files(&unit, &[ours]), &environment), Ok(Staleness::Fresh));
    }

    #[test]
    fn no_unit_makes_it_panic_and_every_drop_in_reads_back(
        line in r#"([ "'$%{}A;\\x2dHé=-]|-H | --tls|\$A)*"#,
        value in r#"([ "'$%\\H-]|-H )*"#,
        text in "(?s).*",
    ) {
        let unit = format!("[Service]\nExecStart=/dockerd {line}\n{text}");
        let environment = [defaults(&format!("A={value}")), defaults(&text)].concat();
        let found = files(&unit, &[drop_in("z.conf", &text)]);
        found.environment_files();
        listens(&found);
        let Ok(service) = Service::parse(&found, &environment) else {
            return Ok(());
        };
        if let Ok(Some(made)) = service.drop_in() {
            let foreign = [drop_in("z.conf", &text), drop_in("zz.conf", &made.text)];
            let again = Service::parse(&files(&unit, &foreign), &environment).unwrap();
            prop_assert_eq!(again.arguments(), service.arguments_without_clashes());
            prop_assert_eq!(again.program(), service.program());
        }
    }
}

//! Reads dockerd's command line as pflag does, the library that dockerd reads it with.

use super::expand::Text;
use super::fault::{Fault, Place};
use super::flags::{DaemonFlags, Flag, NotABoolean};

/// What becomes of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays as it is.
    Keep,
    /// It clashes, and goes.
    Drop,
    /// The end of it clashes: this stays.
    Shorten(String),
}

/// Reads the arguments that follow the program's name: what they say, and what becomes of each.
pub(super) fn read(arguments: &[&Text], at: &Place) -> Result<(DaemonFlags, Vec<Fate>), Fault> {
    let mut reader = Reader {
        arguments,
        at,
        next: 0,
        flags: DaemonFlags::default(),
        fates: vec![Fate::Keep; arguments.len()],
    };
    while let Some(argument) = reader.take() {
        match argument.strip_prefix("--") {
            // What follows is no flag.
            Some("") => break,
            Some(long) => reader.long(long)?,
            None => {
                if let Some(shorts) = argument.strip_prefix('-') {
                    reader.shorts(shorts)?;
                }
            }
        }
    }
    Ok((reader.flags, reader.fates))
}

struct Reader<'a> {
    arguments: &'a [&'a Text],
    at: &'a Place,
    next: usize,
    flags: DaemonFlags,
    fates: Vec<Fate>,
}

impl<'a> Reader<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let argument = self.arguments.get(self.next)?;
        self.next += 1;
        Some(&argument.text)
    }

    /// `--name`, `--name=value`, `--name value`.
    ///
    /// Of a flag that is not looked at, the value is not looked for either: what begins with a
    /// dash after it is taken for the next flag.  pflag may take it for the value, but no flag
    /// of dockerd has a value that begins with a dash and reads like one of ours, and so flags
    /// that a later dockerd adds need not be known.
    fn long(&mut self, long: &str) -> Result<(), Fault> {
        let first = self.next - 1;
        let (name, attached) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let Some(flag) = Flag::named(name) else {
            return Ok(());
        };
        let value = match attached {
            Some(value) => value,
            None if flag.is_switch() => "true",
            None => self.value_after(first)?,
        };
        self.set(flag, value, first)?;
        if flag.clashes() {
            self.drop_from(first, Fate::Drop);
        }
        Ok(())
    }

    /// `-H value`, `-Hvalue`, `-H=value`, and switches before it in the same argument.
    fn shorts(&mut self, shorts: &str) -> Result<(), Fault> {
        let first = self.next - 1;
        for (index, short) in shorts.char_indices() {
            let rest = &shorts[index + short.len_utf8()..];
            let attached = rest.strip_prefix('=').filter(|value| !value.is_empty());
            let flag = match short {
                'H' => Flag::Host,
                'p' => Flag::Pidfile,
                // Debug, help, restart and version, the switches, can be followed by others.
                'D' | 'h' | 'r' | 'v' if attached.is_none() => continue,
                // Bridge, group, graph, log-level and storage-driver take a value.
                'b' | 'G' | 'g' | 'l' | 's' if rest.is_empty() => {
                    self.take();
                    return Ok(());
                }
                // The rest is a value, or dockerd does not know it.
                _ => return Ok(()),
            };
            let value = match attached {
                Some(value) => value,
                None if !rest.is_empty() => rest,
                None => self.value_after(first)?,
            };
            self.set(flag, value, first)?;
            if flag.clashes() {
                let fate = match index {
                    0 => Fate::Drop,
                    _ => Fate::Shorten(format!("-{}", &shorts[..index])),
                };
                self.drop_from(first, fate);
            }
            return Ok(());
        }
        Ok(())
    }

    /// The next argument, whatever it is, as the value of the flag before it.
    fn value_after(&mut self, flag: usize) -> Result<&'a str, Fault> {
        let value = self.take();
        value.ok_or_else(|| self.refused(flag, "a value after it"))
    }

    /// Sets what the arguments since that index say.
    fn set(&mut self, flag: Flag, value: &str, first: usize) -> Result<(), Fault> {
        for argument in &self.arguments[first..self.next] {
            if let Some(specifier) = argument.open.first() {
                return Err(Fault::Specifier {
                    at: self.at.clone(),
                    found: argument.text.clone(),
                    specifier: specifier.clone(),
                });
            }
        }
        let set = self.flags.set(flag, value);
        set.map_err(|NotABoolean| self.refused(first, "true or false"))
    }

    fn refused(&self, argument: usize, wanted: &'static str) -> Fault {
        Fault::Flag {
            at: self.at.clone(),
            found: self.arguments[argument].text.clone(),
            wanted,
        }
    }

    /// Drops the arguments since that index; the first of them may leave something.
    fn drop_from(&mut self, first: usize, fate: Fate) {
        self.fates[first..self.next].fill(Fate::Drop);
        self.fates[first] = fate;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_texts(arguments: &[&str]) -> Result<(DaemonFlags, Vec<Fate>), Fault> {
        let texts: Vec<_> = arguments.iter().map(|text| Text::from(*text)).collect();
        let at = Place {
            path: "docker.service".into(),
            line: 3,
        };
        read(&texts.iter().collect::<Vec<_>>(), &at)
    }

    /// What stays of the arguments.
    fn left(arguments: &[&str]) -> Vec<String> {
        let (_, fates) = read_texts(arguments).unwrap();
        let left = arguments
            .iter()
            .zip(fates)
            .filter_map(|(argument, fate)| match fate {
                Fate::Keep => Some((*argument).to_owned()),
                Fate::Drop => None,
                Fate::Shorten(rest) => Some(rest),
            });
        left.collect()
    }

    fn flags(arguments: &[&str]) -> DaemonFlags {
        read_texts(arguments).unwrap().0
    }

    #[test]
    fn every_spelling_of_a_host_is_read_and_goes() {
        for host in [
            &["-H", "fd://"][..],
            &["-Hfd://"],
            &["-H=fd://"],
            &["--host", "fd://"],
            &["--host=fd://"],
        ] {
            assert_eq!(flags(host).hosts, ["fd://"], "{host:?}");
            let among = [&["--dns", "::1"], host, &["--debug"]].concat();
            assert_eq!(left(&among), ["--dns", "::1", "--debug"], "{host:?}");
        }
    }

    #[test]
    fn hosts_add_up_and_other_flags_count_the_last_time() {
        let arguments = [
            "-H",
            "a",
            "--tlskey",
            "b",
            "--host=c",
            "--tlskey=d",
            "--tls",
            "--tls=0",
        ];
        let wanted = DaemonFlags {
            hosts: vec!["a".into(), "c".into()],
            tlskey: Some("d".into()),
            tls: Some(false),
            ..DaemonFlags::default()
        };
        assert_eq!(flags(&arguments), wanted);
        assert_eq!(left(&arguments), [""; 0]);
    }

    #[test]
    fn switches_take_no_argument_after_them() {
        let arguments = ["--tlsverify", "false", "--tls=true", "--live-restore", "x"];
        let found = flags(&arguments);
        assert_eq!(found.tlsverify, Some(true));
        assert_eq!(found.tls, Some(true));
        assert_eq!(found.live_restore, Some(true));
        assert_eq!(left(&arguments), ["false", "--live-restore", "x"]);
    }

    #[test]
    fn all_tls_flags_go_and_flags_that_only_begin_like_them_stay() {
        let tls = [
            "--tls",
            "--tlsverify=1",
            "--tlscacert",
            "/ca",
            "--tlscert=/cert",
            "--tlskey",
            "-H",
        ];
        let found = flags(&tls);
        assert_eq!(found.tlscacert.as_deref(), Some("/ca"));
        assert_eq!(found.tlscert.as_deref(), Some("/cert"));
        assert_eq!(found.tlskey.as_deref(), Some("-H"));
        assert_eq!(left(&tls), [""; 0]);
        let others = [
            "--host-gateway-ip",
            "1.2.3.4",
            "--tlsx",
            "--hosts=a",
            "-tls",
            "tls",
            "-",
        ];
        assert_eq!(left(&others), others);
        assert_eq!(flags(&others), DaemonFlags::default());
    }

    #[test]
    fn a_host_at_the_end_of_short_switches_goes_and_they_stay() {
        assert_eq!(left(&["-DH", "x", "a"]), ["-D", "a"]);
        assert_eq!(left(&["-DvHx"]), ["-Dv"]);
        assert_eq!(left(&["-DH=x"]), ["-D"]);
        assert_eq!(flags(&["-DH=x"]).hosts, ["x"]);
        // As pflag has it: a value must follow the `=`, or the `=` is the value.
        assert_eq!(flags(&["-H=", "x"]).hosts, ["="]);
    }

    #[test]
    fn a_letter_of_a_value_is_no_flag() {
        for arguments in [
            &["-lH", "x"][..],
            &["-l", "-H"],
            &["-D=H", "x"],
            &["-GHost", "x"],
            &["-XH", "x"],
            &["-Dl", "-Hx"],
        ] {
            assert_eq!(left(arguments), arguments);
        }
    }

    #[test]
    fn pidfile_and_config_file_are_read_and_stay() {
        let arguments = ["-p", "/run/d.pid", "--config-file=/etc/d.json", "-Dp=/x"];
        let found = flags(&arguments);
        assert_eq!(found.pidfile.as_deref(), Some("/x"));
        assert_eq!(found.config_file.as_deref(), Some("/etc/d.json"));
        assert_eq!(left(&arguments), arguments);
        assert_eq!(
            left(&["--pidfile", "-H", "--config-file", "--tls"]).len(),
            4
        );
    }

    #[test]
    fn after_two_dashes_nothing_is_a_flag() {
        assert_eq!(left(&["-H", "a", "--", "-H", "b"]), ["--", "-H", "b"]);
        assert_eq!(flags(&["-H", "a", "--", "-H", "b"]).hosts, ["a"]);
    }

    #[test]
    fn a_negative_number_is_no_flag() {
        let arguments = ["--oom-score-adjust", "-500", "--tlsverify"];
        assert_eq!(left(&arguments), arguments[..2]);
    }

    #[test]
    fn refuses_what_dockerd_refuses() {
        let refused = |arguments: &[&str]| read_texts(arguments).unwrap_err().to_string();
        assert_eq!(
            refused(&["--tls=maybe"]),
            "line 3 of `docker.service` has a flag that dockerd does not take: \
             found `--tls=maybe`, wanted true or false"
        );
        assert_eq!(
            refused(&["-D", "-H"]),
            "line 3 of `docker.service` has a flag that dockerd does not take: \
             found `-H`, wanted a value after it"
        );
        assert!(refused(&["--tlscert"]).contains("found `--tlscert`, wanted a value"));
    }

    #[test]
    fn refuses_to_read_what_only_systemd_can_fill_in() {
        assert_eq!(
            read_texts(&["--label=%H", "-H", "tcp://%H:2376"])
                .unwrap_err()
                .to_string(),
            "line 3 of `docker.service` leaves a part of a flag to systemd: \
             found `tcp://%H:2376`, wanted it without `%H`"
        );
        assert!(read_texts(&["--config-file", "/etc/%m.json"]).is_err());
        assert_eq!(
            flags(&["--label=%H", "-Hunix://%t/d.sock"]).hosts,
            ["unix:///run/d.sock"]
        );
    }

    proptest! {
        #[test]
        fn no_arguments_make_it_panic(arguments in prop::collection::vec("-{0,2}[HDplé=a]{0,4}", 0..6)) {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let _ = read_texts(&arguments);
        }
    }
}

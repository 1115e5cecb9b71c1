//! The metrics that Prometheus reads.

use super::*;

/// One series: name, labels, value.
type Series = (String, Vec<(String, String)>, f64);

/// Reads the text format as strictly as node_exporter does: a type before its series, each series
/// once, each family in one piece.
pub(super) fn parse(text: &str) -> Vec<Series> {
    assert!(text.ends_with('\n'), "no end of line at the end");
    let mut types = HashMap::new();
    let mut helped = HashSet::new();
    let mut seen = HashSet::new();
    let mut current = String::new();
    let mut all = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && helped.insert(name.to_owned()), "{line}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(kind, "gauge", "{line}");
            assert!(types.insert(name.to_owned(), kind).is_none(), "{line}");
            current = name.to_owned();
            continue;
        }
        let end = line.find(['{', ' ']).unwrap();
        let (name, rest) = line.split_at(end);
        assert_eq!(name, current, "outside of its family: {line}");
        assert!(helped.contains(name), "{line}");
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => parse_labels(rest),
            None => (Vec::new(), rest),
        };
        let value = value.strip_prefix(' ').unwrap().parse().unwrap();
        let series = (name.to_owned(), labels.clone());
        assert!(seen.insert(series), "twice: {line}");
        all.push((name.to_owned(), labels, value));
    }
    all
}

fn parse_labels(text: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(!name.is_empty() && name.chars().all(is_name), "{name}");
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("\\{c} in {text}"),
                }),
                (_, c) => value.push(c),
            }
        };
        labels.push((name.to_owned(), value));
        rest = &after[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, rest.strip_prefix('}').unwrap()),
        }
    }
}

#[test]
fn prometheus_reads_what_alerts_need() {
    let home = home_with_client_of(days(-100, -5));
    let evil = "a\"b\\c\nd";
    fs::create_dir(pair_path(&home, PairKind::Client, evil)).unwrap();
    let ran = home.run(["check", "--output", "prometheus"]).fails(2);
    let series = parse(&ran.stdout);
    let of = |name: &str| {
        let found = series.iter().filter(|(found, _, _)| found == name);
        Vec::from_iter(found)
    };
    let path = pair_path(&home, PairKind::Client, "ci").join("cert.pem");
    let certificate = Certificate::from_pem(&fs::read(&path).unwrap()).unwrap();
    let value = |name: &str| {
        let has_path = |series: &&&Series| {
            let label = ("filepath".to_owned(), path.display().to_string());
            series.1.contains(&label)
        };
        let all = of(name);
        let found = all.iter().find(has_path).unwrap();
        (found.1.clone(), found.2)
    };
    let (labels, not_after) = value("x509_cert_not_after");
    let names = labels.iter().map(|(name, _)| name.as_str());
    assert_eq!(
        Vec::from_iter(names),
        [
            "filename",
            "filepath",
            "issuer_CN",
            "serial_number",
            "subject_CN"
        ]
    );
    assert_eq!(labels[0].1, "cert.pem");
    assert_eq!(labels[2].1, certificate.issuer_common_name().unwrap());
    assert_eq!(labels[4].1, "ci");
    let end = certificate.validity.not_after.unix_timestamp();
    assert_eq!(not_after, end as f64);
    let begin = certificate.validity.not_before.unix_timestamp();
    assert_eq!(value("x509_cert_not_before").1, begin as f64);
    assert_eq!(value("x509_cert_expired").1, 1.0);
    assert_eq!(value("x509_cert_error").1, 0.0);
    let failed = of("x509_cert_error").into_iter().filter(|it| it.2 == 1.0);
    let failed = Vec::from_iter(failed.map(|it| it.1[1].1.clone()));
    let evil = pair_path(&home, PairKind::Client, evil).join("cert.pem");
    assert_eq!(failed, [evil.display().to_string()]);
    assert_eq!(of("x509_read_errors")[0].2, 1.0);
    assert_eq!(of("dockpki_check_status")[0].2, 2.0);
    // openssl writes the serial in hex, the exporter in decimal.
    if has("python3", program_exists("python3")) {
        let print = format!("print(int('{}', 16))", certificate.serial);
        let python = Command::new("python3").args(["-c", &print]).output();
        assert_eq!(Ran::from(python.unwrap()).stdout.trim(), labels[3].1);
    }
}

#[test]
fn prometheus_gets_a_ca_that_is_there_twice_once() {
    let home = TestHome::with_ca(&[]);
    let path = home.path().join(layout::CA_CERTIFICATE);
    let ca = fs::read_to_string(&path).unwrap();
    write(&path, 0o444, ca.clone() + &ca);
    let ran = home.run(["check", "--output", "prometheus"]).fails(2);
    parse(&ran.stdout);
}

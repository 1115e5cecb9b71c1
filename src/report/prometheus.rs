//! Tells Prometheus how certificates stand, in its text format, for node_exporter's textfile
//! collector.
//!
//! Names and labels are those of enix/x509-certificate-exporter, so that alerts made for it work.
//! Its times that run, `x509_cert_expires_in_seconds` and its like, are left out: between two runs
//! of a timer they would be wrong.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::Words;
use crate::pki::Serial;
use crate::plan::check::{Checked, Facts, worst};

/// One value each for a certificate, a file, and all of them.
pub fn check_prometheus(words: &Words<'_>, all: &[Checked]) -> String {
    // The collector takes a file that has a series twice for broken, whole.
    let mut seen = HashSet::new();
    let certificates = all.iter().filter_map(|checked| {
        let facts = checked.facts.as_ref()?;
        let labels = labels(&checked.path, Some(facts));
        seen.insert(labels.clone()).then_some((labels, facts))
    });
    let certificates = Vec::from_iter(certificates);
    let mut text = String::new();
    let mut each = |name: &str, help: &str, value: &dyn Fn(&Facts) -> i64| {
        head(&mut text, name, help);
        for (labels, facts) in &certificates {
            text.push_str(&format!("{name}{{{labels}}} {}\n", value(facts)));
        }
    };
    each(
        "x509_cert_not_before",
        "Indicates the certificate's not before timestamp",
        &|facts| facts.validity.not_before.unix_timestamp(),
    );
    each(
        "x509_cert_not_after",
        "Indicates the certificate's not after timestamp",
        &|facts| facts.validity.not_after.unix_timestamp(),
    );
    each(
        "x509_cert_expired",
        "Indicates if the certificate is expired",
        &|facts| i64::from(facts.left(words.now).is_negative()),
    );

    let mut files = BTreeMap::new();
    for checked in all {
        let failed: &mut u8 = files.entry(&checked.path).or_default();
        *failed |= u8::from(checked.facts.is_none());
    }
    head(
        &mut text,
        "x509_cert_error",
        "Indicates whether the file or address has no certificate that can be read",
    );
    for (path, failed) in &files {
        let labels = labels(path, None);
        text.push_str(&format!("x509_cert_error{{{labels}}} {failed}\n"));
    }
    let failed = files.values().filter(|failed| **failed > 0).count();
    // Where nothing is, what was there could not be read.
    let failed = failed.max(usize::from(all.is_empty()));
    head(
        &mut text,
        "x509_read_errors",
        "Indicates the number of read failure(s)",
    );
    text.push_str(&format!("x509_read_errors {failed}\n"));
    head(
        &mut text,
        "dockpki_check_status",
        "The exit code of dockpki check: 0 fine, 1 warning, 2 critical, 3 unknown",
    );
    let status = worst(all).exit_code();
    text.push_str(&format!("dockpki_check_status {status}\n"));
    text
}

fn head(text: &mut String, name: &str, help: &str) {
    text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
}

fn labels(path: &Path, facts: Option<&Facts>) -> String {
    let path_text = path.to_string_lossy();
    let file = path.file_name().map(|name| name.to_string_lossy());
    let mut labels = format!(
        "filename=\"{}\",filepath=\"{}\"",
        escaped(file.as_deref().unwrap_or(&path_text)),
        escaped(&path_text)
    );
    if let Some(facts) = facts {
        labels.push_str(&format!(
            ",issuer_CN=\"{}\",serial_number=\"{}\",subject_CN=\"{}\"",
            escaped(facts.issuer.as_deref().unwrap_or_default()),
            decimal(&facts.serial),
            escaped(facts.subject.as_deref().unwrap_or_default())
        ));
    }
    labels
}

/// A label's value within its quotes (Prometheus, exposition formats).
fn escaped(value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('"', "\\\"");
    value.replace('\n', r"\n")
}

/// A serial number as that exporter writes it.
fn decimal(serial: &Serial) -> String {
    // Digits of base 10^9, the lowest first.
    let mut digits: Vec<u64> = vec![0];
    for octet in serial.as_be_bytes() {
        let mut carry = u64::from(*octet);
        for digit in &mut digits {
            let value = *digit * 256 + carry;
            *digit = value % 1_000_000_000;
            carry = value / 1_000_000_000;
        }
        if carry > 0 {
            digits.push(carry);
        }
    }
    let mut digits = digits.into_iter().rev();
    let first = digits.next().unwrap_or_default().to_string();
    digits.fold(first, |text, digit| format!("{text}{digit:09}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }

    #[test]
    fn serials_are_decimal() {
        let decimal = |octets: &[u8]| decimal(&Serial::from_be_bytes(octets));
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[1, 0]), "256");
        assert_eq!(decimal(&[0x3b, 0x9a, 0xca, 0x00]), "1000000000");
        assert_eq!(
            decimal(&[0xff; 20]),
            "1461501637330902918203684832716283019655932542975"
        );
    }

    proptest! {
        #[test]
        fn a_serial_is_the_same_number(number in any::<u128>()) {
            let serial = Serial::from_be_bytes(&number.to_be_bytes());
            prop_assert_eq!(decimal(&serial), number.to_string());
        }
    }
}

//! Dates of each form, and servers with many or long names.

use super::*;

#[test]
fn dates_are_utc_time_before_2050_and_generalized_time_after() {
    if !has_openssl() {
        return;
    }
    let long = Files::made(&[
        "--san",
        "localhost",
        "--ca-valid-for",
        "30y",
        "--valid-for",
        "25y",
    ]);
    let short = Files::made(&["--san", "localhost"]);
    let mut kinds = BTreeSet::new();
    for (file, days) in [
        (&long.ca, 30 * 365),
        (&long.server, 25 * 365),
        (&long.client, 25 * 365),
        (&short.ca, 3650),
        (&short.server, 365),
        (&short.client, 365),
    ] {
        let dates = dates(file);
        for (kind, date) in &dates {
            // RFC 5280, section 4.1.2.5.
            let wanted = match date.year() {
                ..2050 => "UTCTIME",
                _ => "GENERALIZEDTIME",
            };
            assert_eq!(kind, wanted, "{date}");
            kinds.insert(kind.clone());
        }
        // Not-before is an hour back.
        let life = dates[1].1 - dates[0].1;
        assert_eq!(life, time::Duration::days(days) + time::Duration::HOUR);
    }
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    openssl_verify(&long.ca, &long.ca, &[]).succeeds();
    openssl_verify(&long.ca, &long.server, &SERVER).succeeds();
    openssl_verify(&long.ca, &long.client, &CLIENT).succeeds();
    webpki(&long.ca, &long.server, KeyUsage::server_auth()).unwrap();
    webpki(&long.ca, &long.client, KeyUsage::client_auth()).unwrap();
}

#[test]
fn a_server_with_300_names_is_accepted_for_each_also_under_constraints() {
    if !has_openssl() {
        return;
    }
    let names: Vec<_> = (0..300).map(|n| format!("host-{n}.example")).collect();
    let sans = names.join(",");
    for constrain in [&[][..], &["--constrain"]] {
        let files = Files::made(&[&["--san", &sans], constrain].concat());
        webpki(&files.ca, &files.server, KeyUsage::server_auth()).unwrap();
        for name in &names {
            webpki_name(&files.server, name).unwrap();
        }
        assert!(webpki_name(&files.server, "host-300.example").is_err());
        for name in [&names[0], &names[299]] {
            let name = [&SERVER[..], &["-verify_hostname", name]].concat();
            openssl_verify(&files.ca, &files.server, &name).succeeds();
        }
    }
}

#[test]
fn a_first_name_too_long_for_a_common_name_leaves_the_subject_empty_and_the_san_critical() {
    if !has_openssl() {
        return;
    }
    let name = format!("{}.{}", "a".repeat(40), "b".repeat(29));
    assert_eq!(name.len(), 70);
    let files = Files::made(&["--san", &name]);
    let server = Read509::of(&files.server);
    assert_eq!(server.subject, "");
    // RFC 5280, section 4.2.1.6.
    assert_eq!(
        server.extensions["Subject Alternative Name: critical"],
        format!("DNS:{name}")
    );
    let named = [&SERVER[..], &["-verify_hostname", &name]].concat();
    openssl_verify(&files.ca, &files.server, &named).succeeds();
    webpki(&files.ca, &files.server, KeyUsage::server_auth()).unwrap();
    webpki_name(&files.server, &name).unwrap();
}

#[test]
fn a_first_name_that_just_fits_is_the_common_name() {
    if !has_openssl() {
        return;
    }
    let name = format!("{}.{}", "a".repeat(40), "b".repeat(23));
    assert_eq!(name.len(), 64);
    let files = Files::made(&["--san", &name]);
    let server = Read509::of(&files.server);
    assert_eq!(server.subject, format!("CN={name}"));
    assert_eq!(
        server.extensions["Subject Alternative Name"],
        format!("DNS:{name}")
    );
    openssl_verify(&files.ca, &files.server, &SERVER).succeeds();
}

// Helpers

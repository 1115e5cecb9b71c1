//! Issuing in memory against the bare cost of its cryptography, on one core.
//!
//! Run it with `cargo bench --bench issue`.  The bare rate is one AWS-LC key generation and one
//! signature; ours adds the serial, the certificate's and the key's DER, and both as PEM.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

mod support;

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use dockpki::pki::{Ca, KeyType, Life, Name, PrivateKey, Serial, Validity};
use support::{median, timed};
use time::OffsetDateTime;

const PER_ROUND: u32 = 2000;
const ROUNDS: u32 = 15;

fn main() {
    let now = OffsetDateTime::now_utc();
    let ca_validity = Validity::of_ca(Life::CA, now).unwrap();
    let ca_key = PrivateKey::generate(KeyType::P256).unwrap();
    let ca = Ca::new(ca_key, &Serial::generate().unwrap(), ca_validity, None).unwrap();
    let validity = Validity::of_leaf(Life::LEAF, now, ca_validity).unwrap();
    let name: Name = "alice".parse().unwrap();
    let ours = || {
        let key = PrivateKey::generate(KeyType::P256).unwrap();
        let serial = Serial::generate().unwrap();
        let issued = ca.issue_client(&name, &key, serial, validity).unwrap();
        black_box((issued.pem(), key.to_pem().unwrap()));
    };

    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let signer = EcdsaKeyPair::generate(algorithm).unwrap();
    let message = [0x5a; 400];
    let bare = || {
        let key = EcdsaKeyPair::generate(algorithm).unwrap();
        black_box((signer.sign(&random, &message).unwrap(), key));
    };
    let bare_with_pkcs8 = || {
        let key = EcdsaKeyPair::generate(algorithm).unwrap();
        let pkcs8 = key.to_pkcs8v1().unwrap();
        black_box((signer.sign(&random, &message).unwrap(), pkcs8));
    };

    // Taking turns, so that what else the machine does hits all alike.
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(timed(|| round(&ours)));
        times[1].push(timed(|| round(&bare)));
        times[2].push(timed(|| round(&bare_with_pkcs8)));
    }
    let [ours, bare, bare_with_pkcs8] = times.map(median);
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(PER_ROUND);
    println!(
        "issue p256: {:.1} µs; key generation and signature {:.1} µs: {:.0} % of the bare rate; \
         with the key as PKCS#8 {:.1} µs: {:.0} %",
        micros(ours),
        micros(bare),
        100.0 * micros(bare) / micros(ours),
        micros(bare_with_pkcs8),
        100.0 * micros(bare_with_pkcs8) / micros(ours),
    );
}

fn round(work: &impl Fn()) {
    for _ in 0..PER_ROUND {
        work();
    }
}

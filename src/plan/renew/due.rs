//! When a certificate is due, and how long the next one lives.

use time::OffsetDateTime;

use super::Rule;
use crate::pki::{Life, Validity};

/// When a certificate is to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Now.
    Now,
    /// From then on.
    From(OffsetDateTime),
    /// It would be now, but it ends with its CA, as every certificate that took its place would.
    EndsWithCa,
}

/// Tells when a certificate under this CA is due by a rule.
pub fn due(certificate: Validity, ca: Validity, rule: Rule, now: OffsetDateTime) -> Due {
    let before_end = match rule {
        Rule::Always | Rule::OldCa => return Due::Now,
        Rule::Third => certificate.duration() / 3,
        Rule::Within(life) => life.duration(),
    };
    if certificate.not_after - now >= before_end {
        return Due::From(certificate.not_after - before_end);
    }
    // Else it would be renewed again and again as its end comes closer, and gain nothing.
    match certificate.not_after >= ca.not_after {
        true => Due::EndsWithCa,
        false => Due::Now,
    }
}

/// The life a certificate is renewed with when nobody says: the one it was given, exactly.
///
/// One that was cut to its issuer's end was to live longer, nobody knows how long: it gets no less
/// than the default, and the CA that issues now cuts it again if it must.
pub fn carried_life(certificate: Validity, issuer: Validity) -> Life {
    let life = certificate.life_under(issuer);
    match certificate.not_after == issuer.not_after {
        true => life.max(Life::LEAF),
        false => life,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 20:00 UTC);

    fn life(text: &str) -> Life {
        text.parse().unwrap()
    }

    fn ca() -> Validity {
        Validity::of_ca(Life::CA, NOW).unwrap()
    }

    fn leaf(text: &str) -> Validity {
        Validity::of_leaf(life(text), NOW, ca()).unwrap()
    }

    #[test]
    fn a_third_of_the_life_is_the_border() {
        let certificate = leaf("90d");
        // 90 days and the hour it was backdated, divided by three.
        let border = certificate.not_after - Duration::days(30) - Duration::minutes(20);
        let at = |now| due(certificate, ca(), Rule::Third, now);
        assert_eq!(at(NOW), Due::From(border));
        assert_eq!(at(border), Due::From(border));
        assert_eq!(at(border + Duration::SECOND), Due::Now);
        assert_eq!(at(certificate.not_after), Due::Now);
    }

    #[test]
    fn an_expired_one_is_due_by_every_rule() {
        let certificate = leaf("90d");
        for rule in [Rule::Third, Rule::Within(life("1h")), Rule::Always] {
            for later in [1, 400 * 86_400] {
                let now = certificate.not_after + Duration::seconds(later);
                assert_eq!(due(certificate, ca(), rule, now), Due::Now);
            }
        }
    }

    #[test]
    fn a_span_that_was_named_is_the_border() {
        let certificate = leaf("90d");
        let at = |now| due(certificate, ca(), Rule::Within(life("30d")), now);
        let border = certificate.not_after - Duration::days(30);
        assert_eq!(at(border), Due::From(border));
        assert_eq!(at(border + Duration::SECOND), Due::Now);
        assert_eq!(due(certificate, ca(), Rule::Always, NOW), Due::Now);
    }

    #[test]
    fn one_that_ends_with_its_ca_gains_nothing() {
        let certificate = leaf("7900y");
        let now = certificate.not_after - Duration::HOUR;
        assert_eq!(due(certificate, ca(), Rule::Third, now), Due::EndsWithCa);
        assert_eq!(due(certificate, ca(), Rule::Always, now), Due::Now);
    }

    #[test]
    fn a_life_that_was_cut_is_at_least_the_default_again() {
        let short = Validity::of_ca(life("30d"), NOW).unwrap();
        let cut = Validity::of_leaf(life("90d"), NOW, short).unwrap();
        assert_eq!(carried_life(cut, short), Life::LEAF);
        let long = leaf("7900y");
        assert_eq!(carried_life(long, ca()), Life::CA);
        assert_eq!(carried_life(leaf("90d"), ca()), life("90d"));
    }

    proptest! {
        #[test]
        fn a_renewal_is_not_due_and_lives_as_long(hours in 1i64..40_000, at in 0i64..40_000) {
            let given: Life = format!("{hours}h").parse().unwrap();
            let certificate = Validity::of_leaf(given, NOW, ca()).unwrap();
            let now = NOW + Duration::hours(at);
            let next = Validity::of_leaf(carried_life(certificate, ca()), now, ca()).unwrap();
            prop_assert_eq!(next.not_after, now + given.duration());
            prop_assert_ne!(due(next, ca(), Rule::Third, now), Due::Now);
        }
    }
}

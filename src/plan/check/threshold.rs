//! How much of a certificate's life may be left before somebody is told.

use std::fmt;
use std::str::FromStr;

use time::Duration;

use super::Severity;
use crate::pki::{Life, Purpose, Validity};

/// A span that is left, or a share of the life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// `30d`
    Span(Life),
    /// `33%` of the life, from 1 to 99.
    Percent(u8),
}

impl Threshold {
    fn of(self, life: Duration) -> Duration {
        match self {
            Self::Span(span) => span.duration(),
            Self::Percent(percent) => life * i32::from(percent) / 100,
        }
    }

    /// Whether one is always the longer; two of different kinds cannot be told.
    pub fn is_longer_than(self, other: Self) -> bool {
        match (self, other) {
            (Self::Span(ours), Self::Span(theirs)) => ours > theirs,
            (Self::Percent(ours), Self::Percent(theirs)) => ours > theirs,
            (Self::Span(_), Self::Percent(_)) | (Self::Percent(_), Self::Span(_)) => false,
        }
    }
}

/// A text that is no threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoThreshold {
    text: String,
}

impl FromStr for Threshold {
    type Err = NoThreshold;

    fn from_str(text: &str) -> Result<Self, NoThreshold> {
        let wrong = || NoThreshold {
            text: text.to_owned(),
        };
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(Self::Span).map_err(|_| wrong());
        };
        // Digits alone: Rust takes a plus sign too.
        let digits = percent.bytes().all(|digit| digit.is_ascii_digit());
        match percent.parse() {
            Ok(percent @ 1..=99) if digits => Ok(Self::Percent(percent)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Span(span) => span.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl fmt::Display for NoThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` cannot be a threshold: wanted a span as in 30d or 12h, or a share of the life \
             as in 25%",
            self.text
        )
    }
}

/// When a certificate that is still valid is told of.  What is not said has a default, which is
/// the smaller of a span and a share of the life, so that one of eight hours is not due all day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thresholds {
    /// Of servers and clients; by default 30 days, or a quarter of the life.  `renew` renews at a
    /// third: who does so in time is never warned.
    pub warn: Option<Threshold>,
    /// By default 7 days, or a tenth of the life.
    pub critical: Option<Threshold>,
    /// Of CAs; by default a year, or a third of the life, so that a rollover fits.
    pub ca_warn: Option<Threshold>,
    /// By default 90 days, or a tenth of the life.
    pub ca_critical: Option<Threshold>,
}

impl Thresholds {
    /// How grave it is that so much is left of a life.
    pub(super) fn judge(&self, purpose: Purpose, validity: Validity, left: Duration) -> Severity {
        let (warn, critical) = match purpose {
            Purpose::Ca => ((self.ca_warn, 365, 3), (self.ca_critical, 90, 10)),
            Purpose::Server | Purpose::Client => ((self.warn, 30, 4), (self.critical, 7, 10)),
        };
        let life = validity.duration();
        let span = |(said, days, share): (Option<Threshold>, i64, i32)| match said {
            Some(threshold) => threshold.of(life),
            None => Duration::days(days).min(life / share),
        };
        if left < span(critical) {
            Severity::Critical
        } else if left < span(warn) {
            Severity::Warning
        } else {
            Severity::Fine
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn of(hours: i64) -> Validity {
        let not_before = datetime!(2026-11-23 20:00 UTC);
        Validity {
            not_before,
            not_after: not_before + Duration::hours(hours),
        }
    }

    fn judged(thresholds: &Thresholds, purpose: Purpose, hours: i64, left: i64) -> Severity {
        thresholds.judge(purpose, of(hours), Duration::hours(left))
    }

    #[test]
    fn spans_and_shares_are_read() {
        let read = |text: &str| text.parse::<Threshold>().map(|it| it.to_string());
        assert_eq!(read("30d").unwrap(), "30d");
        assert_eq!(read("33%").unwrap(), "33%");
        for text in [
            "", "%", "0%", "100%", "+5%", "-5%", "3.5%", "30", "d", "5 %", "x%",
        ] {
            assert!(read(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_short_life_is_not_critical_all_day() {
        let of_eight_hours = |left| judged(&Thresholds::default(), Purpose::Server, 8, left);
        assert_eq!(of_eight_hours(7), Severity::Fine);
        assert_eq!(of_eight_hours(2), Severity::Fine);
        assert_eq!(of_eight_hours(1), Severity::Warning);
        assert_eq!(of_eight_hours(0), Severity::Critical);
    }

    #[test]
    fn a_year_is_told_of_at_thirty_days_and_at_seven() {
        let of_a_year =
            |left: i64| judged(&Thresholds::default(), Purpose::Client, 365 * 24, left * 24);
        assert_eq!(of_a_year(30), Severity::Fine);
        assert_eq!(of_a_year(29), Severity::Warning);
        assert_eq!(of_a_year(7), Severity::Warning);
        assert_eq!(of_a_year(6), Severity::Critical);
    }

    #[test]
    fn a_ca_is_told_of_a_year_ahead_or_at_a_third_of_its_life() {
        let judged = |days: i64, left: i64| {
            judged(&Thresholds::default(), Purpose::Ca, days * 24, left * 24)
        };
        assert_eq!(judged(3650, 365), Severity::Fine);
        assert_eq!(judged(3650, 364), Severity::Warning);
        assert_eq!(judged(3650, 90), Severity::Warning);
        assert_eq!(judged(3650, 89), Severity::Critical);
        assert_eq!(judged(300, 100), Severity::Fine);
        assert_eq!(judged(300, 99), Severity::Warning);
        assert_eq!(judged(300, 29), Severity::Critical);
    }

    #[test]
    fn what_is_said_counts_as_it_is() {
        let said = Thresholds {
            warn: Some("50%".parse().unwrap()),
            critical: Some("4h".parse().unwrap()),
            ..Thresholds::default()
        };
        assert_eq!(judged(&said, Purpose::Server, 10, 5), Severity::Fine);
        assert_eq!(judged(&said, Purpose::Server, 10, 4), Severity::Warning);
        assert_eq!(judged(&said, Purpose::Server, 10, 3), Severity::Critical);
        // Those of leaves are not those of CAs.
        assert_eq!(judged(&said, Purpose::Ca, 10, 4), Severity::Fine);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "\\PC*") {
            let _ = text.parse::<Threshold>();
        }

        #[test]
        fn the_less_is_left_the_graver_it_is(life in 1i64..80_000, left in 0i64..80_000, ca in any::<bool>()) {
            let purpose = if ca { Purpose::Ca } else { Purpose::Client };
            let judged = |left| judged(&Thresholds::default(), purpose, life, left);
            prop_assert!(judged(left) >= judged(left + 1));
        }
    }
}

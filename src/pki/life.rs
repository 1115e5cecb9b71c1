//! How long a certificate lives.

use std::fmt;
use std::str::FromStr;

use time::{Duration, OffsetDateTime};

use super::Error;

/// A length of life as typed by a person: `90d`, `12h`, `2y`, `4w`.  A year is 365 days.
///
/// At least one hour; whether it fits into X.509's dates is known when it gets a beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life(Duration);

impl Life {
    /// The default of server and client certificates: 365 days.
    pub const LEAF: Self = Self(Duration::days(365));
    /// The default of a CA: 3650 days.
    pub const CA: Self = Self(Duration::days(3650));

    /// The life as a duration, at least one hour.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Life {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |wanted| Error::Life {
            text: text.to_owned(),
            wanted,
        };
        const FORM: &str = "wanted a whole number and a unit, as in 90d, 12h, 4w or 2y";
        let unit = text.chars().next_back().ok_or(wrong(FORM))?;
        let hours_per_unit: i64 = match unit {
            'h' => 1,
            'd' => 24,
            'w' => 7 * 24,
            'y' => 365 * 24,
            _ => return Err(wrong(FORM)),
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong(FORM));
        }
        const LONG: &str = "wanted at most 7900y";
        let count: i64 = digits.parse().map_err(|_| wrong(LONG))?;
        let hours = count.checked_mul(hours_per_unit).ok_or(wrong(LONG))?;
        match hours {
            0 => Err(wrong("wanted at least one hour")),
            1..=69_204_000 => Ok(Self(Duration::hours(hours))),
            _ => Err(wrong(LONG)),
        }
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.0.whole_hours();
        match hours % 24 {
            0 => write!(f, "{}d", hours / 24),
            _ => write!(f, "{hours}h"),
        }
    }
}

/// The span in which a certificate is valid, both ends included, whole seconds, UTC
/// (RFC 5280, section 4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first valid second.
    pub not_before: OffsetDateTime,
    /// The last valid second.
    pub not_after: OffsetDateTime,
}

/// How far not-before goes back, for clients whose clocks are behind.
const BACKDATE: Duration = Duration::HOUR;

impl Validity {
    /// The validity of a CA that begins now: an hour back, `life` ahead.
    ///
    /// # Errors
    /// [`Error::TooLong`] if the end is after the year 9999.
    pub fn of_ca(life: Life, now: OffsetDateTime) -> Result<Self, Error> {
        let too_long = || Error::TooLong {
            text: life.to_string(),
        };
        let now = whole_seconds(now);
        // RFC 5280, section 4.1.2.5: four digits of year are all GeneralizedTime has, and all that
        // OffsetDateTime has.
        let not_after = now.checked_add(life.duration()).ok_or_else(too_long)?;
        Ok(Self {
            // Not before 1970: verifiers take no earlier date, and a host without a clock starts there.
            not_before: (now - BACKDATE).max(OffsetDateTime::UNIX_EPOCH),
            not_after,
        })
    }

    /// The validity of a leaf that begins now under a CA: an hour back but not before the CA,
    /// `life` ahead but not a second after it.
    ///
    /// # Errors
    /// [`Error::CaExpired`] and [`Error::BeforeCa`] if the CA is not valid now.
    pub fn of_leaf(life: Life, now: OffsetDateTime, ca: Validity) -> Result<Self, Error> {
        let now = whole_seconds(now);
        if now < ca.not_before {
            return Err(Error::BeforeCa {
                now,
                not_before: ca.not_before,
            });
        }
        if now >= ca.not_after {
            return Err(Error::CaExpired {
                not_after: ca.not_after,
            });
        }
        let wished = now.checked_add(life.duration());
        Ok(Self {
            not_before: (now - BACKDATE).max(ca.not_before),
            not_after: wished.map_or(ca.not_after, |end| end.min(ca.not_after)),
        })
    }

    /// Whether the span ends before a life that begins now would.
    pub fn is_shorter_than(&self, life: Life, now: OffsetDateTime) -> bool {
        self.not_after - whole_seconds(now) < life.duration()
    }

    /// Whether the other span lies within this one.
    pub fn contains(&self, other: Self) -> bool {
        self.not_before <= other.not_before
            && other.not_before <= other.not_after
            && other.not_after <= self.not_after
    }

    /// The life a certificate with this validity was given, to the hour: what is left of the span
    /// without the hour it was backdated.  Nothing for a span of less than two hours.
    pub fn life(&self) -> Option<Life> {
        let hours = (self.duration() - BACKDATE).whole_hours();
        (hours >= 1).then(|| Life(Duration::hours(hours)))
    }

    /// The life a leaf of a CA was given, to the hour and of at least one, so that a leaf that is
    /// issued again with it lives as long.
    ///
    /// A leaf that begins with its CA was backdated by less than an hour, nobody knows by how
    /// much: lives are whole hours, so the shortest that can be meant is taken.
    pub fn life_under(&self, ca: Self) -> Life {
        let rest = self.duration() - BACKDATE;
        let begun = match self.not_before == ca.not_before {
            true => i64::from(rest > Duration::hours(rest.whole_hours())),
            false => 0,
        };
        Life(Duration::hours((rest.whole_hours() + begun).max(1)))
    }

    /// The whole span, from not-before to not-after.
    pub fn duration(&self) -> Duration {
        self.not_after - self.not_before
    }
}

/// A time for a person to read: `2026-11-23 20:06 UTC`.
pub fn date(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02} UTC",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute()
    )
}

fn whole_seconds(at: OffsetDateTime) -> OffsetDateTime {
    at.to_offset(time::UtcOffset::UTC).truncate_to_second()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 20:00:00.5 UTC);

    fn life(text: &str) -> Life {
        text.parse().unwrap()
    }

    #[test]
    fn reads_every_unit() {
        assert_eq!(life("12h").duration(), Duration::hours(12));
        assert_eq!(life("90d").duration(), Duration::days(90));
        assert_eq!(life("4w").duration(), Duration::days(28));
        assert_eq!(life("2y").duration(), Duration::days(730));
    }

    #[test]
    fn refuses_junk() {
        for text in [
            "",
            "d",
            "90",
            "-1d",
            "+1d",
            "1.5d",
            "0d",
            "90 d",
            " 90d",
            "90D",
            "90m",
            "9é",
            "é",
            "99999999999999999999d",
            "9223372036854775807y",
            "9000y",
        ] {
            assert!(text.parse::<Life>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_leaf_is_cut_to_its_ca_and_begins_no_earlier() {
        let ca = Validity::of_ca(life("1d"), NOW).unwrap();
        let leaf = Validity::of_leaf(life("365d"), NOW, ca).unwrap();
        assert_eq!(leaf, ca);
        assert!(leaf.is_shorter_than(life("365d"), NOW));
        assert!(!leaf.is_shorter_than(life("1d"), NOW));
    }

    #[test]
    fn an_expired_ca_and_a_clock_before_it_issue_nothing() {
        let ca = Validity::of_ca(life("1d"), NOW).unwrap();
        let late = Validity::of_leaf(life("1d"), ca.not_after, ca);
        assert_eq!(
            late.unwrap_err(),
            Error::CaExpired {
                not_after: ca.not_after
            }
        );
        let early = Validity::of_leaf(life("1d"), datetime!(1970-01-01 0:00 UTC), ca);
        assert!(matches!(early.unwrap_err(), Error::BeforeCa { .. }));
    }

    #[test]
    fn an_end_after_9999_is_refused() {
        let late = datetime!(2999-01-01 0:00 UTC);
        let end = Validity::of_ca(life("7900y"), late);
        assert!(matches!(end.unwrap_err(), Error::TooLong { .. }));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "\\PC*") {
            let _ = text.parse::<Life>();
        }

        #[test]
        fn what_is_printed_reads_back(hours in 1i64..69_204_000) {
            let life = Life(Duration::hours(hours));
            prop_assert_eq!(life.to_string().parse::<Life>().unwrap(), life);
        }

        #[test]
        fn a_life_does_not_drift_from_leaf_to_leaf(
            hours in 1i64..100_000,
            begun in 0i64..7200,
            later in proptest::collection::vec(1i64..1_000_000, 1..5),
        ) {
            // A CA of somebody else, which is not backdated.
            let ca = Validity {
                not_before: NOW.truncate_to_second(),
                not_after: NOW + Duration::days(40_000),
            };
            let life = Life(Duration::hours(hours));
            let mut now = NOW + Duration::seconds(begun + 1);
            for later in later {
                let leaf = Validity::of_leaf(life, now, ca).unwrap();
                prop_assert_eq!(leaf.life_under(ca), life);
                now += Duration::seconds(later);
            }
        }

        #[test]
        fn no_leaf_leaves_its_ca(ca_hours in 1i64..1000, leaf_hours in 1i64..2000, later in 0i64..3_600_000) {
            let ca = Validity::of_ca(Life(Duration::hours(ca_hours)), NOW).unwrap();
            let now = NOW + Duration::seconds(later);
            if let Ok(leaf) = Validity::of_leaf(Life(Duration::hours(leaf_hours)), now, ca) {
                prop_assert!(leaf.not_before >= ca.not_before);
                prop_assert!(leaf.not_after <= ca.not_after);
                prop_assert!(leaf.not_after > now);
            } else {
                prop_assert!(now.truncate_to_second() >= ca.not_after);
            }
        }
    }
}

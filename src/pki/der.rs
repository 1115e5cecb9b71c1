//! Writes DER (X.690), as much of it as a certificate needs.

use time::OffsetDateTime;

/// The tags a certificate has.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Tag {
    Boolean = 0x01,
    Integer = 0x02,
    BitString = 0x03,
    OctetString = 0x04,
    Oid = 0x06,
    Utf8String = 0x0c,
    UtcTime = 0x17,
    GeneralizedTime = 0x18,
    Sequence = 0x30,
    Set = 0x31,
    /// `[0]` around a value of its own tag; also that tag for one that is `[0] IMPLICIT`
    /// and constructed.
    Explicit0 = 0xa0,
    /// `[3]` around a value of its own tag.
    Explicit3 = 0xa3,
    /// `[0] IMPLICIT` of an octet string.
    Implicit0 = 0x80,
    /// `[2] IMPLICIT` of an IA5String.
    Implicit2 = 0x82,
    /// `[7] IMPLICIT` of an octet string.
    Implicit7 = 0x87,
}

/// Appends a value whose content is at hand.
pub(super) fn primitive(der: &mut Vec<u8>, tag: Tag, content: &[u8]) {
    constructed(der, tag, |der| der.extend_from_slice(content));
}

/// Appends a value whose content is what `write` appends.
pub(super) fn constructed(der: &mut Vec<u8>, tag: Tag, write: impl FnOnce(&mut Vec<u8>)) {
    der.extend([tag as u8, 0]);
    let start = der.len();
    write(der);
    let length = der.len() - start;
    if length < 0x80 {
        // The short form is one octet, and fits by the condition above.
        der[start - 1] = length as u8;
        return;
    }
    let octets = length.to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let octets = &octets[zeros..];
    der[start - 1] = 0x80 | octets.len() as u8;
    der.splice(start..start, octets.iter().copied());
}

/// Appends a positive INTEGER of these big-endian octets, which have no leading zeros.
pub(super) fn positive_integer(der: &mut Vec<u8>, octets: &[u8]) {
    constructed(der, Tag::Integer, |der| {
        if octets.first().is_none_or(|first| first & 0x80 != 0) {
            der.push(0);
        }
        der.extend_from_slice(octets);
    });
}

/// Appends a BIT STRING of whole octets.
pub(super) fn bit_string(der: &mut Vec<u8>, octets: &[u8]) {
    constructed(der, Tag::BitString, |der| {
        der.push(0);
        der.extend_from_slice(octets);
    });
}

/// Appends a time in whole seconds: UTCTime through 2049, GeneralizedTime after (RFC 5280,
/// section 4.1.2.5).
pub(super) fn time(der: &mut Vec<u8>, at: OffsetDateTime) {
    let at = at.to_offset(time::UtcOffset::UTC);
    let year = at.year().unsigned_abs();
    let two = |number: u32| [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
    let tag = match (1950..=2049).contains(&year) {
        true => Tag::UtcTime,
        false => Tag::GeneralizedTime,
    };
    constructed(der, tag, |der| {
        if matches!(tag, Tag::GeneralizedTime) {
            der.extend(two(year / 100));
        }
        let rest = [
            year,
            u8::from(at.month()).into(),
            at.day().into(),
            at.hour().into(),
            at.minute().into(),
            at.second().into(),
        ];
        der.extend(rest.into_iter().flat_map(two));
        der.push(b'Z');
    });
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut der = Vec::new();
        write(&mut der);
        der
    }

    #[test]
    fn lengths_are_the_shortest_there_are() {
        for (length, head) in [
            (0, &[0x04, 0x00][..]),
            (127, &[0x04, 0x7f]),
            (128, &[0x04, 0x81, 0x80]),
            (255, &[0x04, 0x81, 0xff]),
            (256, &[0x04, 0x82, 0x01, 0x00]),
            (65536, &[0x04, 0x83, 0x01, 0x00, 0x00]),
        ] {
            let content = vec![0xa5; length];
            let der = written(|der| primitive(der, Tag::OctetString, &content));
            assert_eq!(der, [head, &content].concat(), "{length} octets");
        }
    }

    #[test]
    fn an_integer_with_its_top_bit_set_stays_positive() {
        assert_eq!(
            written(|der| positive_integer(der, &[0x80])),
            [2, 2, 0, 0x80]
        );
        assert_eq!(written(|der| positive_integer(der, &[0x7f])), [2, 1, 0x7f]);
        assert_eq!(written(|der| positive_integer(der, &[])), [2, 1, 0]);
    }

    #[test]
    fn a_time_after_2049_is_a_generalized_time() {
        let last = written(|der| time(der, datetime!(2049-12-31 23:59:59 UTC)));
        assert_eq!(last, b"\x17\x0d491231235959Z");
        let first = written(|der| time(der, datetime!(2050-01-01 0:00 UTC)));
        assert_eq!(first, b"\x18\x0f20500101000000Z");
    }
}

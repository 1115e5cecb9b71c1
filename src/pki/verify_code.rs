//! The short code by which two people make sure that they speak of the same key.

use std::fmt;
use std::str::FromStr;

use super::{Error, PublicKey, inspect};

/// 80 bits of the SHA-256 of a SubjectPublicKeyInfo, to be read out over the phone: `k7qd-3mxa-90fz-p2wh`.
///
/// 80 bits are out of reach for who must find another key of the same code; that somebody can
/// make two keys of their own that share one (with 40 bits of work) gains them nothing.  The
/// digits are Crockford's base32: no I, L, O and U; who types them is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerifyCode([u8; 10]);

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 16;

impl VerifyCode {
    /// The code of a key.
    pub fn of(key: &PublicKey) -> Self {
        let mut code = [0; 10];
        code.copy_from_slice(&inspect::sha256(key.as_spki_der())[..10]);
        Self(code)
    }
}

impl fmt::Display for VerifyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self
            .0
            .iter()
            .fold(0u128, |bits, octet| bits << 8 | u128::from(*octet));
        for digit in 0..LENGTH {
            if digit > 0 && digit % 4 == 0 {
                f.write_str("-")?;
            }
            let value = bits >> (5 * (LENGTH - 1 - digit)) & 31;
            write!(f, "{}", char::from(DIGITS[value as usize]))?;
        }
        Ok(())
    }
}

impl FromStr for VerifyCode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::VerifyCode {
            text: text.to_owned(),
        };
        let mut bits = 0u128;
        let mut count = 0;
        for c in text.chars().filter(|c| *c != '-' && !c.is_whitespace()) {
            let c = match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                c => c,
            };
            let value = DIGITS.iter().position(|digit| char::from(*digit) == c);
            count += 1;
            if count > LENGTH {
                return Err(wrong());
            }
            bits = bits << 5 | value.ok_or_else(wrong)? as u128;
        }
        if count < LENGTH {
            return Err(wrong());
        }
        let mut code = [0; 10];
        code.copy_from_slice(&bits.to_be_bytes()[6..]);
        Ok(Self(code))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn is_read_however_it_was_heard() {
        let code = VerifyCode([0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf]);
        assert_eq!(code.to_string(), "0123-4567-89ab-cdef");
        for text in [
            "0123-4567-89ab-cdef",
            "O12345678 9AB CDEF",
            " oI23 4567-89ab\tcdef\n",
            "0l2345-6789abcdef",
        ] {
            assert_eq!(text.parse(), Ok(code), "{text}");
        }
        for text in [
            "",
            "0123-4567-89ab-cde",
            "0123-4567-89ab-cdef0",
            "u123-4567-89ab-cdef",
            "é",
        ] {
            let refusal = text.parse::<VerifyCode>().unwrap_err().to_string();
            assert!(
                refusal.contains("is no verify code: wanted 16 letters"),
                "{refusal}"
            );
        }
    }

    proptest! {
        #[test]
        fn survives_the_way_through_text(octets in any::<[u8; 10]>()) {
            let code = VerifyCode(octets);
            prop_assert_eq!(code.to_string().parse(), Ok(code));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}") {
            let _ = text.parse::<VerifyCode>();
        }
    }
}

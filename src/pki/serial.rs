//! Certificate serial numbers.

use std::fmt;

use aws_lc_rs::rand;

use super::Error;

/// The serial number of a certificate: a positive integer of at most 20 octets
/// (RFC 5280, section 4.1.2.2).
///
/// Prints as lower-case hex, two digits an octet, as `openssl x509 -serial` does but for case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// Draws 127 random bits from the system.
    ///
    /// Never derived from the key: a renewal that keeps its key must get a new serial, or the
    /// old certificate could not be revoked alone.
    ///
    /// # Errors
    /// [`Error::NoRandomness`] if the system gives none.
    pub fn generate() -> Result<Self, Error> {
        let mut octets = [0u8; 16];
        rand::fill(&mut octets).map_err(|_| Error::NoRandomness)?;
        octets[0] &= 0x7f;
        Ok(Self::from_be_bytes(&octets))
    }

    /// Takes the big-endian octets of a positive integer; leading zeros do not count.
    pub fn from_be_bytes(octets: &[u8]) -> Self {
        let first = octets.iter().position(|octet| *octet != 0);
        Self(match first {
            Some(first) => octets[first..].to_vec(),
            None => vec![0],
        })
    }

    /// Whether X.509 can hold it: positive, at most 20 octets with the sign (RFC 5280, section
    /// 4.1.2.2).
    pub fn is_conforming(&self) -> bool {
        let top_bit = self.0.first().is_some_and(|octet| octet & 0x80 != 0);
        self.0 != [0] && self.0.len() + usize::from(top_bit) <= 20
    }

    /// The big-endian octets, without leading zeros.
    pub fn as_be_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::inspect::hex(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_serials_are_positive_short_and_different() {
        let a = Serial::generate().unwrap();
        let b = Serial::generate().unwrap();
        assert_ne!(a, b);
        assert!(a.as_be_bytes().len() <= 20);
        let full = a.as_be_bytes().len() == 16;
        assert!(!full || a.as_be_bytes()[0] & 0x80 == 0, "top bit clear");
    }

    #[test]
    fn leading_zeros_do_not_make_another_serial() {
        assert_eq!(Serial::from_be_bytes(&[0, 0, 1, 2]).to_string(), "0102");
        assert_eq!(Serial::from_be_bytes(&[0, 0]).to_string(), "00");
    }
}

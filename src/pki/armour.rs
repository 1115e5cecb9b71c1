//! PEM blocks as they come out of a mail or a chat message.
//!
//! [`super::certificates_from_pem`] reads files we wrote; a message may have quoted each line with `> `,
//! indented it, ended it with CRLF, run all of it together, or be UTF-16, as a shell of Windows
//! writes it.  What is in a block is as strict as anywhere.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{Error, printable};

/// The octets of a message that is looked at; whatever is sent here is a few thousand.
pub const MAX_MESSAGE: usize = 64 << 10;

/// One block.
pub(super) struct Block {
    /// What stands after BEGIN.
    pub(super) label: String,
    /// What is in it.
    pub(super) der: Vec<u8>,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";

/// Reads every block of a message.
///
/// # Errors
/// [`Error::PrivateKeySent`] if one is a private key, whatever else is there; [`Error::NoPem`] if there is no block,
/// [`Error::BrokenPem`] if one is cut short or damaged.
pub(super) fn blocks(
    message: &[u8],
    what: &'static str,
    wanted: &'static str,
) -> Result<Vec<Block>, Error> {
    let decoded = from_utf16(message);
    let text = decoded.as_deref().map_or(message, |text| text.as_bytes());
    let begins = positions(text, BEGIN);
    let labels = begins
        .iter()
        .map(|begin| label(&text[begin + BEGIN.len()..]));
    if labels.flatten().any(|label| label.ends_with("PRIVATE KEY")) {
        return Err(Error::PrivateKeySent { wanted });
    }
    if begins.is_empty() {
        let found = match message {
            _ if text.iter().all(u8::is_ascii_whitespace) => "nothing",
            [0x30, 0x80..=0xff, ..] => "DER",
            _ => "no PEM block",
        };
        return Err(Error::NoPem {
            wanted,
            found: found.into(),
        });
    }
    let broken = |cause: &str| Error::BrokenPem {
        what,
        cause: cause.into(),
    };
    let mut blocks = Vec::new();
    for (index, begin) in begins.iter().enumerate() {
        // An END beyond the next BEGIN is another block's.
        let end = begins.get(index + 1).copied().unwrap_or(text.len());
        let rest = &text[begin + BEGIN.len()..end];
        let label = label(rest).ok_or_else(|| broken("its BEGIN line has no end"))?;
        let rest = &rest[label.len() + DASHES.len()..];
        let end = format!("-----END {label}-----");
        let Some(end) = positions(rest, end.as_bytes()).first().copied() else {
            return Err(broken("it is cut short, its END line is missing"));
        };
        let of_base64 = |octet: &&u8| !octet.is_ascii_whitespace() && !b">|\0".contains(octet);
        let body = Vec::from_iter(without_nbsp(&rest[..end]).iter().filter(of_base64).copied());
        let der = BASE64
            .decode(&body)
            .map_err(|_| broken("what is between BEGIN and END is not base64"))?;
        blocks.push(Block {
            label: label.to_owned(),
            der,
        });
    }
    Ok(blocks)
}

/// Reads every certificate of a message, as DER; a block of another kind is an error.
///
/// # Errors
/// As for [`super::certificates_from_pem`], and [`Error::PrivateKeySent`].
pub fn certificates_from_message(message: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    const WANTED: &str = "a PEM certificate";
    let blocks = blocks(message, "certificate", WANTED)?;
    let certificates = blocks.into_iter().map(|block| match block.label.as_str() {
        "CERTIFICATE" => Ok(block.der),
        other => Err(Error::NoPem {
            wanted: WANTED,
            found: kind(other),
        }),
    });
    certificates.collect()
}

/// What a block of this label is, in words.
pub(super) fn kind(label: &str) -> String {
    match label {
        "CERTIFICATE" => "a certificate".into(),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => "a signing request".into(),
        other => format!("a PEM block of {}", printable(other)),
    }
}

/// The label at the beginning of what follows BEGIN.
fn label(rest: &[u8]) -> Option<&str> {
    const LONGEST: usize = 64;
    let length = positions(&rest[..rest.len().min(LONGEST + DASHES.len())], DASHES);
    let label = std::str::from_utf8(&rest[..*length.first()?]).ok()?;
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b' ';
    label.bytes().all(is_plain).then_some(label)
}

fn positions(text: &[u8], needle: &[u8]) -> Vec<usize> {
    let windows = text.windows(needle.len()).enumerate();
    let found = windows.filter(|(_, window)| *window == needle);
    found.map(|(at, _)| at).collect()
}

/// The text without the spaces that do not break, which web pages indent with.
fn without_nbsp(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = match rest {
            [0xc2, 0xa0, tail @ ..] => tail,
            _ => {
                out.push(*first);
                tail
            }
        };
    }
    out
}

/// The text of a message in UTF-16 that says so at its beginning.
fn from_utf16(message: &[u8]) -> Option<Zeroizing<String>> {
    let order: fn([u8; 2]) -> u16 = match message {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let (pairs, _) = message[2..].as_chunks::<2>();
    let units = pairs.iter().map(|pair| order(*pair));
    let characters = char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(Zeroizing::new(characters.collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pki::certificate_pem;

    fn read(message: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        certificates_from_message(message).map_err(|error| error.to_string())
    }

    #[test]
    fn what_mail_and_chat_do_to_a_text_does_not_matter() {
        let ders = [vec![7; 100], vec![9; 1]];
        let pem: String = ders.iter().map(|der| certificate_pem(der)).collect();
        let quoted =
            |with: &str| -> String { pem.lines().map(|it| format!("{with}{it}\n")).collect() };
        let utf16 = |big: bool| {
            let mut octets = if big {
                vec![0xfe, 0xff]
            } else {
                vec![0xff, 0xfe]
            };
            octets.extend(pem.encode_utf16().flat_map(|unit| match big {
                true => unit.to_be_bytes(),
                false => unit.to_le_bytes(),
            }));
            octets
        };
        for message in [
            pem.clone().into_bytes(),
            pem.replace('\n', "\r\n").into_bytes(),
            pem.replace('\n', " ").into_bytes(),
            quoted("> ").into_bytes(),
            quoted("> > ").into_bytes(),
            quoted("\t | ").into_bytes(),
            quoted("\u{a0}\u{a0}").into_bytes(),
            format!("\u{feff}Hello Bob,\n\nhere:\n{pem}\n--\nAlice").into_bytes(),
            utf16(false),
            utf16(true),
        ] {
            assert_eq!(
                read(&message).as_ref(),
                Ok(&ders.to_vec()),
                "{}",
                message.escape_ascii()
            );
        }
    }

    #[test]
    fn what_is_no_whole_block_is_refused_in_words() {
        let pem = certificate_pem(&[7; 100]);
        let wanted = "wanted a PEM certificate";
        for (message, words) in [
            (String::new(), format!("found nothing, {wanted}")),
            ("hello".into(), format!("found no PEM block, {wanted}")),
            (
                pem.replace("-----END CERTIFICATE-----", ""),
                "the certificate is damaged: it is cut short, its END line is missing".into(),
            ),
            (
                pem.replace("-----END CERTIFICATE-----", "") + &pem,
                "the certificate is damaged: it is cut short, its END line is missing".into(),
            ),
            (
                pem.replace("Bw", "B!"),
                "the certificate is damaged: what is between BEGIN and END is not base64".into(),
            ),
            (
                pem.replace("CERTIFICATE", "X509 CRL"),
                format!("found a PEM block of X509 CRL, {wanted}"),
            ),
        ] {
            assert_eq!(read(message.as_bytes()), Err(words), "{message}");
        }
        assert_eq!(
            read(&[0x30, 0x82, 1, 0]),
            Err(format!("found DER, {wanted}"))
        );
    }

    #[test]
    fn a_private_key_is_told_whatever_is_around_it() {
        let pem = certificate_pem(&[7; 100]);
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
        ] {
            let message = format!("{pem}> -----BEGIN {label}-----\nabc");
            let refusal = read(message.as_bytes()).unwrap_err();
            assert!(
                refusal.starts_with("found a private key, wanted a PEM certificate"),
                "{refusal}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_message_makes_it_panic(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just(b"-----BEGIN ".to_vec()),
                    Just(b"CERTIFICATE".to_vec()),
                    Just(b"-----".to_vec()),
                    Just(b"-----END CERTIFICATE-----".to_vec()),
                    Just(vec![0xff, 0xfe]),
                    proptest::collection::vec(any::<u8>(), 0..40),
                ],
                0..12,
            )
        ) {
            let _ = read(&parts.concat());
        }
    }
}

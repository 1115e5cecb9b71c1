//! Encrypts what is handed out, with age.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use age::Encryptor;
use age::armor::{ArmoredWriter, Format};

use super::Error;
use crate::plan::bundle::{Recipient, recipients};

/// No file of public keys is longer.
const MAX_OCTETS: u64 = 1024 * 1024;

/// Encrypts octets so that each of these can open them, as text that goes through mail and chat.
pub fn encrypt(octets: &[u8], recipients: &[Recipient]) -> Result<String, Error> {
    let failed = |cause: String| Error::Encryption { cause };
    let keys = recipients.iter().map(Recipient::as_age);
    let encryptor = Encryptor::with_recipients(keys).map_err(|error| failed(error.to_string()))?;
    let encrypted = || -> std::io::Result<Vec<u8>> {
        let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armored)?;
        writer.write_all(octets)?;
        writer.finish()?.finish()
    };
    let armored = encrypted().map_err(|error| failed(error.to_string()))?;
    String::from_utf8(armored).map_err(|error| failed(error.to_string()))
}

/// Reads a file of recipients, one a line, as `~/.ssh/id_ed25519.pub` is one.
pub fn recipients_from_file(path: &Path) -> Result<Vec<Recipient>, Error> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    let mut text = Vec::new();
    file.take(MAX_OCTETS)
        .read_to_end(&mut text)
        .map_err(Error::io("read", path))?;
    recipients(&String::from_utf8_lossy(&text)).map_err(|cause| Error::Recipients {
        path: path.to_owned(),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_recipient_opens_it_and_nobody_else() {
        let keys = [(); 3].map(|()| age::x25519::Identity::generate());
        let two = keys[..2].iter().map(|key| key.to_public().to_string());
        let two = Vec::from_iter(two.map(|key| key.parse().unwrap()));
        let armored = encrypt(b"secret", &two).unwrap();
        assert!(armored.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
        for key in &keys[..2] {
            assert_eq!(age::decrypt(key, armored.as_bytes()).unwrap(), b"secret");
        }
        assert!(age::decrypt(&keys[2], armored.as_bytes()).is_err());
    }
}

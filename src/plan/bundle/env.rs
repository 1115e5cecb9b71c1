//! A bundle as the variables of a CI system: one a line, values without quotes, so that
//! `docker run --env-file`, systemd's `EnvironmentFile=`, `gh secret set --env-file` and a shell read the same.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::read::{Draft, Part};
use super::{Bundle, Error, Form};
use crate::pki::date;

/// The variables that hold the files, in the order they are written.
const FILES: [(&str, Part); 3] = [
    ("DOCKER_CA_PEM_BASE64", Part::Ca),
    ("DOCKER_CERT_PEM_BASE64", Part::Certificate),
    ("DOCKER_KEY_PEM_BASE64", Part::Key),
];
const HOST: &str = "DOCKER_HOST";

/// Whether this is such a file: a line of it is one of ours.
pub(super) fn is_one(text: &[u8]) -> bool {
    let mut lines = text.split(|octet| *octet == b'\n');
    lines.any(|line| FILES.iter().any(|(name, _)| value_of(line, name).is_some()))
}

pub(super) fn write(bundle: &Bundle) -> Result<Zeroizing<Vec<u8>>, Error> {
    let host = bundle.host_for(Form::Env)?;
    let head = format!(
        "# Whoever holds this is root on every host that trusts the CA, until {}.\n\
         # Client {}, by dockpki.\n\
         {HOST}={host}\nDOCKER_TLS_VERIFY=1\n",
        date(bundle.certificate.validity.not_after),
        bundle.name
    );
    let members = bundle.members()?;
    let encoded = members.iter().map(|it| Base64::encoded_len(it.content));
    let names = FILES.iter().map(|(name, _)| name.len() + 2);
    let all = head.len() + encoded.sum::<usize>() + names.sum::<usize>();
    // Reserved at once: a vector that grows leaves copies of the key behind.
    let mut text = Zeroizing::new(Vec::with_capacity(all));
    text.extend(head.as_bytes());
    for ((name, _), member) in FILES.into_iter().zip(&members) {
        text.extend(name.as_bytes());
        text.push(b'=');
        let begin = text.len();
        text.resize(begin + Base64::encoded_len(member.content), 0);
        // In constant time, for one of them is a secret.
        if Base64::encode(member.content, &mut text[begin..]).is_err() {
            unreachable!("there is room for just what it takes");
        }
        text.push(b'\n');
    }
    Ok(text)
}

/// Reads the variables; those of others are left alone, and so are comments.
pub(super) fn read(text: &[u8]) -> Result<Draft, Error> {
    let mut draft = Draft::default();
    for line in text.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(value) = value_of(line, HOST) {
            let host = String::from_utf8_lossy(value);
            draft.set_host(&host)?;
        }
        for (name, part) in FILES {
            if let Some(value) = value_of(line, name) {
                let mut content = Zeroizing::new(vec![0; value.len()]);
                let decoded = Base64::decode(value, &mut content);
                let length = decoded.map(<[u8]>::len).map_err(|_| Error::Broken {
                    form: "env file",
                    cause: format!("found no base64 in {name}, wanted a file in base64"),
                })?;
                content.truncate(length);
                draft.put(part, content)?;
            }
        }
    }
    Ok(draft)
}

fn value_of<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    line.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

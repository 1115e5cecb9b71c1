//! Variables for a CI system: where the daemon is, and the three files in base64.
//!
//! A line each and no quotes, so that `docker run --env-file`, systemd's `EnvironmentFile=`, GitLab,
//! GitHub and a shell's `set -a` read the same.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::BundleError;
use crate::plan::docker_host::DockerHost;
use crate::plan::pair::SoundPair;

/// The daemon; docker's own.
pub(super) const HOST: &str = "DOCKER_HOST";
/// That its certificate is checked; docker's own.
const VERIFY: &str = "DOCKER_TLS_VERIFY";
/// The three files in base64: CA, certificate, key.
pub(super) const FILES: [&str; 3] = [
    "DOCKER_CA_PEM_BASE64",
    "DOCKER_CERT_PEM_BASE64",
    "DOCKER_KEY_PEM_BASE64",
];

/// A file of variables.
pub(super) fn variables(pair: &SoundPair, host: &DockerHost) -> Zeroizing<Vec<u8>> {
    // At once, for a text that grows leaves copies of the key behind.
    let room = pair.files.iter().map(|file| file.len() * 2).sum::<usize>() + 1024;
    let mut text = Zeroizing::new(String::with_capacity(room));
    let name = &pair.name;
    let end = pair.certificate.validity.not_after.date();
    text.push_str(&format!(
        "# docker client {name} until {end}: whoever has this is root on {host}\n\
         {HOST}={host}\n{VERIFY}=1\n"
    ));
    for (variable, content) in FILES.into_iter().zip(&pair.files) {
        text.push_str(variable);
        text.push('=');
        BASE64.encode_append(content, &mut text);
        text.push('\n');
    }
    Zeroizing::new(std::mem::take(&mut *text).into_bytes())
}

/// The content of a variable that has a file.
pub(super) fn file(name: &'static str, value: &str) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    let decoded = BASE64.decode(value.as_bytes());
    decoded
        .map(Zeroizing::new)
        .map_err(|cause| BundleError::Broken {
            what: name,
            cause: cause.to_string(),
        })
}

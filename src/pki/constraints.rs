//! Name constraints of a CA (RFC 5280, section 4.2.1.10).

use std::fmt;
use std::net::IpAddr;

use rcgen::{CidrSubnet, GeneralSubtree};
use x509_parser::extensions::GeneralName;

use super::{Error, SubjectAltName, SubjectAltNames, printable};

/// Builds the constraints that permit these host names with all below them, and these addresses,
/// and nothing else.
///
/// Both kinds are always bound: a CA constrained in host names alone could still issue for any
/// address.  A kind that is not permitted at all is excluded as a whole; the empty host name
/// stands for all of them.  Never a directoryName: Go refuses every certificate below one.
pub(super) fn permitting(sans: &SubjectAltNames) -> rcgen::NameConstraints {
    let mut permitted_subtrees: Vec<GeneralSubtree> = Vec::new();
    let mut has_dns = false;
    let mut has_ip = false;
    for san in sans.as_slice() {
        let subtree = match san {
            SubjectAltName::Dns(host) => {
                has_dns = true;
                GeneralSubtree::DnsName(host.strip_prefix("*.").unwrap_or(host).to_owned())
            }
            SubjectAltName::Ip(address) => {
                has_ip = true;
                GeneralSubtree::IpAddress(match address {
                    IpAddr::V4(address) => CidrSubnet::V4(address.octets(), [0xff; 4]),
                    IpAddr::V6(address) => CidrSubnet::V6(address.octets(), [0xff; 16]),
                })
            }
        };
        if !permitted_subtrees.contains(&subtree) {
            permitted_subtrees.push(subtree);
        }
    }
    let mut excluded_subtrees = Vec::new();
    if !has_dns {
        excluded_subtrees.push(GeneralSubtree::DnsName(String::new()));
    }
    if !has_ip {
        excluded_subtrees.push(GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])));
        excluded_subtrees.push(GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])));
    }
    rcgen::NameConstraints {
        permitted_subtrees,
        excluded_subtrees,
    }
}

/// The host names and addresses a CA may sign for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameConstraints {
    permitted: Vec<Subtree>,
    excluded: Vec<Subtree>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Subtree {
    Dns(String),
    /// Address and mask, both of 4 or both of 16 octets.
    Ip(Vec<u8>, Vec<u8>),
}

impl NameConstraints {
    pub(super) fn read(extension: &x509_parser::extensions::NameConstraints<'_>) -> Self {
        let subtrees = |list: &Option<Vec<x509_parser::extensions::GeneralSubtree<'_>>>| {
            let bases = list.iter().flatten().map(|subtree| &subtree.base);
            bases.filter_map(subtree).collect()
        };
        Self {
            permitted: subtrees(&extension.permitted_subtrees),
            excluded: subtrees(&extension.excluded_subtrees),
        }
    }

    /// What is permitted, as names and addresses, for the next CA to be constrained to the same.
    ///
    /// # Errors
    /// [`Error::NotOurCa`] for a network, or if nothing is permitted: such a CA is not made here.
    pub fn permitted_sans(&self) -> Result<SubjectAltNames, Error> {
        let not_ours = |found: String| Error::NotOurCa { found };
        let sans = self.permitted.iter().map(|tree| match tree {
            Subtree::Ip(_, mask) if mask.iter().any(|octet| *octet != 0xff) => {
                Err(not_ours(format!("a constraint to {}", tree.words())))
            }
            Subtree::Dns(host) => Ok(host.clone()),
            Subtree::Ip(..) => Ok(tree.words()),
        });
        let sans = sans.collect::<Result<Vec<_>, _>>()?;
        SubjectAltNames::parse(sans)
            .map_err(|_| not_ours("name constraints that permit no name".into()))
    }

    /// Whether a certificate with this SAN would be accepted below the CA.
    pub fn permits(&self, san: &SubjectAltName) -> bool {
        let mut same_kind = self
            .permitted
            .iter()
            .filter(|tree| tree.is_kind_of(san))
            .peekable();
        let permitted = same_kind.peek().is_none() || same_kind.any(|tree| tree.contains(san));
        permitted && !self.excluded.iter().any(|tree| tree.contains(san))
    }
}

/// What is permitted, then what is not: `localhost and below, no addresses`.
impl fmt::Display for NameConstraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<_> = self.permitted.iter().map(Subtree::words).collect();
        for tree in &self.excluded {
            let word = match tree {
                Subtree::Dns(host) if host.is_empty() => "no host names".to_owned(),
                Subtree::Ip(_, mask) if mask.iter().all(|octet| *octet == 0) => {
                    "no addresses".to_owned()
                }
                tree => format!("not {}", tree.words()),
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
        f.write_str(&words.join(", "))
    }
}

impl Subtree {
    fn words(&self) -> String {
        match self {
            Self::Dns(host) => format!("{} and below", printable(host)),
            Self::Ip(network, mask) => {
                let bits: u32 = mask.iter().map(|octet| octet.count_ones()).sum();
                let whole = bits as usize == 8 * mask.len();
                let address = match (
                    <[u8; 4]>::try_from(&**network),
                    <[u8; 16]>::try_from(&**network),
                ) {
                    (Ok(octets), _) => IpAddr::from(octets),
                    (_, Ok(octets)) => IpAddr::from(octets),
                    _ => return "an address".into(),
                };
                match whole {
                    true => address.to_string(),
                    false => format!("{address}/{bits}"),
                }
            }
        }
    }
}

fn subtree(base: &GeneralName<'_>) -> Option<Subtree> {
    match base {
        GeneralName::DNSName(host) => Some(Subtree::Dns(host.to_ascii_lowercase())),
        GeneralName::IPAddress(octets) if matches!(octets.len(), 8 | 32) => {
            let (address, mask) = octets.split_at(octets.len() / 2);
            Some(Subtree::Ip(address.to_vec(), mask.to_vec()))
        }
        _ => None,
    }
}

impl Subtree {
    fn is_kind_of(&self, san: &SubjectAltName) -> bool {
        matches!(
            (self, san),
            (Self::Dns(_), SubjectAltName::Dns(_)) | (Self::Ip(..), SubjectAltName::Ip(_))
        )
    }

    fn contains(&self, san: &SubjectAltName) -> bool {
        match (self, san) {
            (Self::Dns(parent), SubjectAltName::Dns(host)) => {
                let host = host.strip_prefix("*.").unwrap_or(host);
                let below = host.strip_suffix(parent.as_str());
                below
                    .is_some_and(|rest| rest.is_empty() || parent.is_empty() || rest.ends_with('.'))
            }
            (Self::Ip(network, mask), SubjectAltName::Ip(address)) => {
                let octets = match address {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                let masked = |octets: &[u8]| -> Vec<u8> {
                    octets
                        .iter()
                        .zip(mask)
                        .map(|(octet, mask)| octet & mask)
                        .collect()
                };
                octets.len() == network.len() && masked(&octets) == masked(network)
            }
            _ => false,
        }
    }
}

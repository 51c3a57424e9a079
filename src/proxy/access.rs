//! Who may ask.

use std::net::IpAddr;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::config::CallerRules;

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownAddress,
    WrongToken,
}

impl Refusal {
    pub fn status(self) -> StatusCode {
        match self {
            Refusal::UnknownAddress => StatusCode::FORBIDDEN,
            Refusal::WrongToken => StatusCode::UNAUTHORIZED,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Refusal::UnknownAddress => "this address may not ask here",
            Refusal::WrongToken => "the bearer token is missing or wrong",
        }
    }
}

/// Where a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On this machine, to see how the proxy is: the networks are about who may use it.
    Here,
    At(IpAddr),
}

/// Whether a caller may ask.
pub(super) fn admit(rules: &CallerRules, from: Place, headers: &HeaderMap) -> Result<(), Refusal> {
    if let Place::At(from) = from {
        // An IPv4 caller of an IPv6 socket shows as a mapped address.
        let from = from.to_canonical();
        let networks = &rules.networks;
        if !networks.is_empty() && !networks.iter().any(|network| network.contains(&from)) {
            return Err(Refusal::UnknownAddress);
        }
    }
    let Some(token) = &rules.token else {
        return Ok(());
    };
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // Hashes, so that the time of the comparison tells nothing of the token.
    let digest = |text: &[u8]| Sha256::digest(text);
    match given {
        Some(given) if digest(given) == digest(token.expose_secret().as_bytes()) => Ok(()),
        _ => Err(Refusal::WrongToken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(networks: &[&str], token: Option<&str>) -> CallerRules {
        CallerRules {
            networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
            token: token.map(|token| token.to_owned().into()),
        }
    }

    fn bearing(token: &str) -> HeaderMap {
        let value = format!("Bearer {token}").parse().unwrap();
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    #[test]
    fn without_rules_everybody_may_ask() {
        let from = Place::At("203.0.113.7".parse().unwrap());
        assert_eq!(admit(&rules(&[], None), from, &HeaderMap::new()), Ok(()));
    }

    #[test]
    fn only_the_named_networks_may_ask() {
        let rules = rules(&["172.16.0.0/12", "10.0.0.5/32"], None);
        for (from, may) in [
            ("172.17.0.3", true),
            ("::ffff:172.17.0.3", true),
            ("10.0.0.5", true),
            ("10.0.0.6", false),
            ("2001:db8::1", false),
        ] {
            let place = Place::At(from.parse().unwrap());
            let answer = admit(&rules, place, &HeaderMap::new());
            assert_eq!(answer.is_ok(), may, "{from}: {answer:?}");
        }
        assert_eq!(admit(&rules, Place::Here, &HeaderMap::new()), Ok(()));
    }

    #[test]
    fn only_the_right_token_opens() {
        let (rules, from) = (rules(&[], Some("open sesame")), Place::Here);
        assert_eq!(admit(&rules, from, &bearing("open sesame")), Ok(()));
        for headers in [HeaderMap::new(), bearing("open"), bearing("open sesame!")] {
            assert_eq!(admit(&rules, from, &headers), Err(Refusal::WrongToken));
        }
    }
}

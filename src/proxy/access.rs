//! Which callers are admitted.

use std::net::IpAddr;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::config::CallerRules;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AccessError {
    #[error("this address is not allowed")]
    AddressNotAllowed,
    #[error("the bearer token is missing or wrong")]
    WrongToken,
}

impl AccessError {
    pub fn status(self) -> StatusCode {
        match self {
            AccessError::AddressNotAllowed => StatusCode::FORBIDDEN,
            AccessError::WrongToken => StatusCode::UNAUTHORIZED,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// This machine, for the operator's routes: the allowed networks do not apply.
    Local,
    Remote(IpAddr),
}

pub(super) fn is_allowed(rules: &CallerRules, from: IpAddr) -> bool {
    // An IPv6 socket reports an IPv4 caller as a mapped address.
    let from = from.to_canonical();
    let mut networks = rules.networks.iter();
    rules.networks.is_empty() || networks.any(|network| network.contains(&from))
}

pub(super) fn check_access(
    rules: &CallerRules,
    from: Origin,
    headers: &HeaderMap,
) -> Result<(), AccessError> {
    if let Origin::Remote(from) = from
        && !is_allowed(rules, from)
    {
        return Err(AccessError::AddressNotAllowed);
    }
    let Some(token) = &rules.token else {
        return Ok(());
    };
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // Hashes are compared, so that timing reveals nothing about the token.
    let digest = |text: &[u8]| Sha256::digest(text);
    match given {
        Some(given) if digest(given) == digest(token.expose_secret().as_bytes()) => Ok(()),
        _ => Err(AccessError::WrongToken),
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

    fn with_token(token: &str) -> HeaderMap {
        let value = format!("Bearer {token}").parse().unwrap();
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    #[test]
    fn without_rules_everybody_is_admitted() {
        let from = Origin::Remote("203.0.113.7".parse().unwrap());
        let result = check_access(&rules(&[], None), from, &HeaderMap::new());
        assert_eq!(result, Ok(()));
    }

    #[test]
    fn only_allowed_networks_are_admitted() {
        let rules = rules(&["172.16.0.0/12", "10.0.0.5/32"], None);
        for (from, allowed) in [
            ("172.17.0.3", true),
            ("::ffff:172.17.0.3", true),
            ("10.0.0.5", true),
            ("10.0.0.6", false),
            ("2001:db8::1", false),
        ] {
            let origin = Origin::Remote(from.parse().unwrap());
            let result = check_access(&rules, origin, &HeaderMap::new());
            assert_eq!(result.is_ok(), allowed, "{from}: {result:?}");
        }
        let local = check_access(&rules, Origin::Local, &HeaderMap::new());
        assert_eq!(local, Ok(()));
    }

    #[test]
    fn wrong_tokens_are_rejected() {
        let (rules, from) = (rules(&[], Some("open sesame")), Origin::Local);
        let check = |headers: HeaderMap| check_access(&rules, from, &headers);
        assert_eq!(check(with_token("open sesame")), Ok(()));
        for headers in [
            HeaderMap::new(),
            with_token("open"),
            with_token("open sesame!"),
        ] {
            assert_eq!(check(headers), Err(AccessError::WrongToken));
        }
    }
}

//! Where proofs are sent. The operator sets the address; with one that a rental cannot use, the whole
//! `PoC` is worth nothing.

use super::judged::{Judged, met, unknown, unmet, warning};
use crate::domain::{CallbackAddress, CallbackHost, Reading};

const SET_A_NAME: &str =
    "set DAPI_API__POC_CALLBACK_URL of the Network Node to a name, such as http://api:9100";
const SET_A_PUBLIC_ONE: &str = "set DAPI_API__POC_CALLBACK_URL of the Network Node to an address that the internet reaches, or use network_node.exposure = \"tunnel\"";

/// With a tunnel, a name leads here; without one, a rental must reach the address directly.
pub(super) fn address(address: &Reading<CallbackAddress>, tunnel: Option<&str>) -> Judged {
    let address = match address {
        Ok(address) => address,
        Err(error) => {
            return unknown(
                "unknown where proofs are to be sent",
                error,
                "check network_node.admin_api and DAPI_API__POC_CALLBACK_URL of the Network Node",
            );
        }
    };
    match (tunnel, address.host()) {
        (Some(_), CallbackHost::Private(host)) => unmet(
            format!(
                "proofs are sent to {address}, and {host} is an address of a private network, which a rental is not in"
            ),
            SET_A_NAME,
        ),
        (Some(_), _) => met(address.to_string()),
        (None, CallbackHost::Private(host)) => unmet(
            format!("proofs are sent to {address}: no rental reaches {host} without a tunnel"),
            SET_A_PUBLIC_ONE,
        ),
        (None, CallbackHost::Name(host)) if !host.contains('.') => unmet(
            format!(
                "proofs are sent to {address}: without a tunnel a rental cannot resolve {host}"
            ),
            SET_A_PUBLIC_ONE,
        ),
        (None, CallbackHost::Loopback) => warning(
            format!("proofs are sent to {address}, which on a rental is the rental itself"),
            SET_A_PUBLIC_ONE,
        ),
        (None, CallbackHost::Name(_) | CallbackHost::Public(_)) => met(address.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CallError, CallErrorKind, Requirement, UnknownRules, Verdict};

    fn verdict(address: &Reading<CallbackAddress>, tunnel: Option<&str>) -> Verdict {
        let judged = super::address(address, tunnel);
        let finding = judged.finding(Requirement::CallbackAddress, UnknownRules::Refuse);
        finding.verdict
    }

    #[test]
    fn address_that_no_rental_reaches_is_refused() {
        let tunnel = Some("127.0.0.1:9100");
        for (text, tunnel, is_refused) in [
            ("http://api:9100", tunnel, false),
            ("http://127.0.0.1:9100", tunnel, false),
            ("http://203.0.113.7:9100", tunnel, false),
            ("http://10.0.0.5:9100", tunnel, true),
            ("http://10.0.0.5:9100", None, true),
            ("http://api:9100", None, true),
            ("http://node.example.org:9100", None, false),
            ("http://203.0.113.7:9100", None, false),
        ] {
            let address = CallbackAddress::parse(text).unwrap();
            let verdict = verdict(&Ok(address), tunnel);
            assert_eq!(
                verdict.blocks(),
                is_refused,
                "{text} {tunnel:?}: {verdict:?}"
            );
        }
    }

    #[test]
    fn unreadable_address_is_unknown() {
        let silent = CallError::new("read it", CallErrorKind::Ambiguous, "timed out");
        let verdict = verdict(&Err(silent), None);
        assert!(matches!(verdict, Verdict::Unknown { .. }) && verdict.blocks());
    }
}

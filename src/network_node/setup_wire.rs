//! `GET /admin/v1/setup/report`. Source: gonka v0.2.14
//! `decentralized-api/internal/server/admin/setup_report.go`.

use crate::domain::{
    CheckStatus, Ngonka, NodeId, Participant, SetupCheck, SetupCheckId, SetupReport, excerpt,
};
use crate::http::json::Fields;

pub(super) fn report(reply: Fields<'_>) -> Result<SetupReport, String> {
    if reply.get("checks").is_none() {
        return Err("`checks` is missing".into());
    }
    let mut report = SetupReport::default();
    for row in reply.rows("checks")? {
        let id: &str = row.required("id")?;
        let details = row.child("details");
        let id = check_id(id);
        match &id {
            SetupCheckId::ColdKeyConfigured => {
                report.account = details.text("address").map(Participant);
            }
            SetupCheckId::PermissionsGranted => {
                report.missing_permissions = texts(details, "missing_permissions")?;
                report.expiring_permissions = texts(details, "expiring_soon")?;
            }
            SetupCheckId::FeegrantAllowance => {
                report.fee_limit = details.text("spend_limit").as_deref().and_then(limit);
                report.fees_until = details.optional("expiration")?;
            }
            _ => {}
        }
        report.checks.push(SetupCheck {
            id,
            status: status(row.required("status")?),
            message: excerpt(&row.text("message").unwrap_or_default()),
        });
    }
    Ok(report)
}

fn check_id(id: &str) -> SetupCheckId {
    if let Some(node) = id.strip_prefix("mlnode_") {
        return SetupCheckId::MlNode(NodeId(node.to_owned()));
    }
    match id {
        "cold_key_configured" => SetupCheckId::ColdKeyConfigured,
        "cold_key_not_in_keyring" => SetupCheckId::ColdKeyNotInKeyring,
        "warm_key_in_keyring" => SetupCheckId::WarmKeyInKeyring,
        "warm_key_address_match" => SetupCheckId::WarmKeyAddressMatch,
        "permissions_granted" => SetupCheckId::PermissionsGranted,
        "feegrant_allowance" => SetupCheckId::FeegrantAllowance,
        "consensus_key_match" => SetupCheckId::ConsensusKeyMatch,
        "missed_requests_threshold" => SetupCheckId::MissedRequests,
        "block_sync" => SetupCheckId::BlockSync,
        other => SetupCheckId::Other(other.to_owned()),
    }
}

/// An unknown word decides nothing.
fn status(word: &str) -> CheckStatus {
    match word {
        "PASS" => CheckStatus::Pass,
        "FAIL" => CheckStatus::Fail,
        _ => CheckStatus::Unavailable,
    }
}

/// `10000000000ngonka`, or several coins separated by commas.
fn limit(text: &str) -> Option<Ngonka> {
    let mut coins = text.split(',').map(str::trim);
    let digits = coins.find_map(|coin| coin.strip_suffix("ngonka"))?;
    digits.parse().ok().map(Ngonka)
}

fn texts(details: Fields<'_>, name: &str) -> Result<Vec<String>, String> {
    let list = details.list(name)?.iter();
    Ok(list
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn report_is_read_by_id() {
        let reply = json!({ "overall_status": "FAIL", "checks": [
            { "id": "cold_key_configured", "status": "PASS", "message": "", "details": { "address": "gonka1abc" } },
            { "id": "permissions_granted", "status": "FAIL", "message": "Missing 1 of 20", "details": {
                "missing_permissions": ["/inference.inference.MsgSubmitSeed"] } },
            { "id": "feegrant_allowance", "status": "PASS", "message": "", "details": {
                "spend_limit": "10000000000ngonka", "expiration": "2027-01-01T00:00:00Z" } },
            { "id": "mlnode_vast-7", "status": "FAIL", "message": "" },
            { "id": "active_in_epoch", "status": "UNAVAILABLE", "message": "" }
        ] });
        let report = report(Fields(&reply)).unwrap();
        assert_eq!(report.account, Some(Participant("gonka1abc".into())));
        assert_eq!(
            report.missing_permissions,
            ["/inference.inference.MsgSubmitSeed"]
        );
        assert_eq!(report.fee_limit, Some(Ngonka(10_000_000_000)));
        assert!(report.fees_until.is_some());
        let leftover = SetupCheckId::MlNode(NodeId("vast-7".into()));
        assert_eq!(report.check(&leftover).unwrap().status, CheckStatus::Fail);
        let active = SetupCheckId::Other("active_in_epoch".into());
        assert_eq!(
            report.check(&active).unwrap().status,
            CheckStatus::Unavailable
        );
    }

    #[test]
    fn reply_without_checks_is_malformed() {
        assert!(report(Fields(&json!({ "overall_status": "PASS" }))).is_err());
        assert!(report(Fields(&json!({ "checks": ["x"] }))).is_err());
    }
}

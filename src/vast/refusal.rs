//! What a refusal of the market means. The market's slug and words decide, then the status, which counts
//! only with a body of the market's.

use serde_json::Value;

use crate::domain::{CallError, CallErrorKind};
use crate::http;
use crate::ports::RentError;

const GONE: [&str; 4] = [
    "no_such_ask",
    "not available",
    "no longer available",
    "already rented",
];

/// The key is wrong, or may not do this: with 401, 403 and 404 (`search_offers.yaml`), and for a missing
/// second factor with 401 ("lacks proper privileges", field reports).
const KEY_REFUSED: [&str; 6] = [
    "auth_error",
    "invalid user key",
    "session expired",
    "requires login",
    "lacks proper privileges",
    "two factor authentication",
];
const NO_INSTANCE: [&str; 3] = ["no_such_instance", "not_found", "instance not found"];
const NO_MONEY: [&str; 2] = ["insufficient_credit", "spend_rate_limit"];

/// What a status other than success means.
pub(super) fn classify(status: u16, body: &str) -> CallErrorKind {
    let words = body.to_lowercase();
    let says = |known: &[&str]| known.iter().any(|known| words.contains(known));
    let is_page = words.trim_start().starts_with('<');
    if !is_page && status < 429 && says(&KEY_REFUSED) {
        return CallErrorKind::Unauthorized;
    }
    let is_json = serde_json::from_str::<Value>(body).is_ok_and(|body| body.is_object());
    let is_the_markets =
        !is_page && (is_json || says(&GONE) || says(&NO_INSTANCE) || says(&NO_MONEY));
    match http::classify(status) {
        // Something in between replied, or replaced the market's reply.
        CallErrorKind::Unauthorized | CallErrorKind::NotFound | CallErrorKind::Refused
            if !is_the_markets =>
        {
            CallErrorKind::Ambiguous
        }
        kind => kind,
    }
}

/// The same refusal comes with various statuses (400, 404, 410, 411), so its text decides. Anything
/// but a certain refusal is [`RentError::Unknown`].
pub(super) fn rent_error(error: CallError) -> RentError {
    match error.kind {
        CallErrorKind::Ambiguous | CallErrorKind::Unanswered | CallErrorKind::Malformed => {
            RentError::Unknown(error)
        }
        CallErrorKind::NotFound | CallErrorKind::Refused if offer_is_gone(&error.detail) => {
            RentError::OfferGone(error)
        }
        CallErrorKind::NotSent
        | CallErrorKind::RateLimited
        | CallErrorKind::Unauthorized
        | CallErrorKind::NotFound
        | CallErrorKind::NotServed
        | CallErrorKind::Refused => RentError::Refused(error),
    }
}

fn offer_is_gone(text: &str) -> bool {
    let text = text.to_lowercase();
    GONE.iter().any(|gone| text.contains(gone))
}

/// Whether the text of a refusal is certain, whatever the status.
pub(super) fn is_certain(error: &CallError) -> bool {
    offer_is_gone(&error.detail) || NO_MONEY.iter().any(|slug| error.detail.contains(slug))
}

/// Whether a "not found" is about the instance: a 404 of a proxy or a wrong URL must not mean that the
/// instance is gone.
pub(super) fn instance_is_gone(error: &CallError) -> bool {
    let words = error.detail.to_lowercase();
    let said = NO_INSTANCE.iter().any(|gone| words.contains(gone));
    said && matches!(error.kind, CallErrorKind::NotFound | CallErrorKind::Refused)
}

/// Whether a key is on the account or the instance already: 400 with `duplicate…`, or 200 with
/// `success: false` and "already associated" (field reports).
pub(super) fn is_there_already(error: &CallError) -> bool {
    let words = error.detail.to_lowercase();
    let said = ["already", "duplicate"]
        .iter()
        .any(|word| words.contains(word));
    said && error.kind == CallErrorKind::Refused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: CallErrorKind, detail: &str) -> CallError {
        CallError::new("rent", kind, detail)
    }

    #[test]
    fn rent_errors_are_classified_by_kind_and_text() {
        use CallErrorKind::{
            Ambiguous, Malformed, NotFound, NotSent, RateLimited, Refused, Unauthorized,
        };
        let by_id = "error 404/3603: no_such_ask Instance type by id 1 is not available.";
        let no_longer = "error 410/3907: no_such_ask Instance type 1 is no longer available.";
        let gone = [
            (NotFound, by_id),
            (Refused, no_longer),
            (Refused, "Something [no_such_ask]"),
            (Refused, "Already rented"),
        ];
        let refused = [
            (Refused, "Your account lacks credit [insufficient_credit]"),
            (Refused, "x [spend_rate_limit]"),
            (Unauthorized, "error 403/3586: Offer 1 is not your own"),
            (RateLimited, "API requests too frequent"),
            (NotSent, "connection refused"),
            (Refused, "error 400/3467: Invalid args: disk"),
        ];
        let unknown = [(Ambiguous, "no_such_ask"), (Malformed, "no_such_ask")];
        for (kind, text) in gone {
            let error = rent_error(error(kind, text));
            assert!(matches!(error, RentError::OfferGone(_)), "{error}");
        }
        for (kind, text) in refused {
            let error = rent_error(error(kind, text));
            assert!(matches!(error, RentError::Refused(_)), "{error}");
        }
        for (kind, text) in unknown {
            let error = rent_error(error(kind, text));
            assert!(matches!(error, RentError::Unknown(_)), "{error}");
        }
    }

    #[test]
    fn author_of_the_body_decides() {
        use CallErrorKind::{Ambiguous, NotFound, RateLimited, Refused, Unauthorized};
        let page = "<!DOCTYPE html><title>Just a moment...</title> auth_error";
        let two_factor =
            r#"{"msg":"This key lacks proper privileges. Enable Two Factor Authentication."}"#;
        for (status, body, expected) in [
            (
                404,
                r#"{"success":false,"error":"auth_error","msg":"x"}"#,
                Unauthorized,
            ),
            (
                404,
                r#"{"msg":"Session expired. Please log in again."}"#,
                Unauthorized,
            ),
            (404, r#"{"msg":"Invalid user key"}"#, Unauthorized),
            (401, two_factor, Unauthorized),
            (400, two_factor, Unauthorized),
            (
                403,
                r#"{"msg":"error 403/3586: not your own"}"#,
                Unauthorized,
            ),
            (401, "Invalid user key", Unauthorized),
            (401, page, Ambiguous),
            (403, page, Ambiguous),
            (404, page, Ambiguous),
            (400, "", Ambiguous),
            (308, page, Ambiguous),
            (429, page, RateLimited),
            (429, "API requests too frequent", RateLimited),
            (400, "no_such_ask", Refused),
            (404, r#"{"error":"no_such_instance"}"#, NotFound),
            (410, r#"{"error":"deprecated_endpoint"}"#, Refused),
            (500, r#"{"error":"auth_error"}"#, Ambiguous),
        ] {
            assert_eq!(classify(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn foreign_404_is_not_instance_gone() {
        use CallErrorKind::{NotFound, Unauthorized};
        for (kind, text, is_gone) in [
            (NotFound, "x [no_such_instance]", true),
            (NotFound, "Instance not found [not_found]", true),
            (NotFound, "404 Not Found nginx", false),
            (Unauthorized, "no_such_instance", false),
        ] {
            assert_eq!(instance_is_gone(&error(kind, text)), is_gone, "{text}");
        }
    }
}

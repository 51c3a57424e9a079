//! What a refusal of the market means.

use crate::domain::{CallError, CallErrorKind};
use crate::ports::RentError;

const GONE: [&str; 4] = [
    "no_such_ask",
    "not available",
    "no longer available",
    "already rented",
];

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
    let no_money = ["insufficient_credit", "spend_rate_limit"];
    offer_is_gone(&error.detail) || no_money.iter().any(|slug| error.detail.contains(slug))
}

/// Whether a "not found" is about the instance: a 404 of a proxy or a wrong URL must not mean that the
/// instance is gone.
pub(super) fn instance_is_gone(error: &CallError) -> bool {
    let words = error.detail.to_lowercase();
    let said = ["no_such_instance", "not_found", "instance not found"]
        .iter()
        .any(|gone| words.contains(gone));
    said && matches!(error.kind, CallErrorKind::NotFound | CallErrorKind::Refused)
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

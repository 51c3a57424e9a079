//! The two shapes of the public API's replies. Go's JSON has numbers and leaves zeros out where the field
//! says so (v0.2.14 and again v0.2.16, gonka v0.2.14
//! decentralized-api/internal/server/public/get_epoch.go); protobuf's JSON has strings, names of enums and
//! every zero, and the epoch's parameters are part of the whole set (v0.2.15, gonka d72c3b7
//! common/queryapi/epoch.go).

use serde_json::{Value, json};

const PARAMS: &str = "epoch_params";
const EVENT: &str = "active_confirmation_poc_event";
/// By number (gonka v0.2.14 inference-chain/x/inference/types/confirmation_poc_event.go).
const PHASES: [&str; 5] = [
    "CONFIRMATION_POC_INACTIVE",
    "CONFIRMATION_POC_GRACE_PERIOD",
    "CONFIRMATION_POC_GENERATION",
    "CONFIRMATION_POC_VALIDATION",
    "CONFIRMATION_POC_COMPLETED",
];

/// Omits zeros from the parameters and the event, and an absent event altogether.
pub(super) fn omit_zeros(reply: &mut Value) {
    for name in [PARAMS, EVENT] {
        if let Some(fields) = reply[name].as_object_mut() {
            fields.retain(|_, value| *value != json!(0));
        }
    }
    if let Some(fields) = reply.as_object_mut() {
        fields.retain(|name, value| name != EVENT || !value.is_null());
    }
}

/// The shape of v0.2.15.
pub(super) fn nest(reply: &mut Value) {
    let mut params = reply[PARAMS].take();
    stringify(&mut params);
    reply[PARAMS] = json!({
        "epoch_params": params,
        "confirmation_poc_params": {"expected_confirmations_per_epoch": "1", "alpha_threshold": {"value": "5", "exponent": -1}},
    });
    let event = &mut reply[EVENT];
    let phase = event["phase"]
        .as_u64()
        .and_then(|phase| usize::try_from(phase).ok());
    if let Some(phase) = phase.and_then(|phase| PHASES.get(phase)) {
        stringify(event);
        event["phase"] = json!(phase);
    }
}

/// 64-bit integers as strings; the exponent of a decimal has 32 bits and stays a number.
pub(super) fn stringify(value: &mut Value) {
    match value {
        Value::Number(number) => *value = Value::String(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(stringify),
        Value::Object(fields) => {
            let long = fields.iter_mut().filter(|(name, _)| *name != "exponent");
            long.for_each(|(_, value)| stringify(value));
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

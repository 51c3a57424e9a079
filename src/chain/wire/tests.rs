use serde_json::json;

use super::*;

pub(crate) fn mainnet_json() -> serde_json::Value {
    let stages = |epoch: u64, start: u64| {
        json!({
            "epoch_index": epoch, "poc_start": start, "poc_generation_wind_down": start + 48,
            "poc_generation_end": start + 60, "poc_validation_start": start + 65,
            "poc_validation_wind_down": start + 161, "poc_validation_end": start + 185,
            "set_new_validators": start + 305, "claim_money": start + 306,
            "inference_validation_cutoff": start + 15_311, "next_poc_start": start + 15_391,
            "poc_exchange_window": { "start": start + 1, "end": start + 65 }
        })
    };
    json!({
        "block_height": 5_536_201,
        "latest_epoch": { "index": 358, "poc_start_block_height": 5_521_333 },
        "phase": "Inference",
        "epoch_stages": stages(358, 5_521_333),
        "next_epoch_stages": stages(359, 5_536_724),
        "epoch_params": {
            "epoch_length": 15_391, "epoch_multiplier": 1, "poc_stage_duration": 60,
            "poc_exchange_duration": 5, "poc_validation_delay": 5, "poc_validation_duration": 120,
            "set_new_validators_delay": 120, "inference_validation_cutoff": 80,
            "poc_slot_allocation": { "value": 5, "exponent": -1 },
            "confirmation_poc_safety_window": 500
        },
        "is_confirmation_poc_active": false
    })
}

pub(crate) fn mainnet() -> EpochView {
    epoch_view(Fields(&mainnet_json())).unwrap()
}

#[test]
fn mainnet_reply_is_parsed() {
    let view = mainnet();
    assert_eq!(view.height, Height(5_536_201));
    assert_eq!(view.next.poc_validation_end, Height(5_536_909));
    assert_eq!(view.params.confirmation_poc_safety_window, Blocks(500));
    assert_eq!(view.confirmation, None);
}

#[test]
fn absent_parameters_are_zero_strings_are_numbers() {
    let mut reply = mainnet_json();
    reply["epoch_params"] = json!({ "epoch_length": "15391" });
    let view = epoch_view(Fields(&reply)).unwrap();
    assert_eq!(view.params.epoch_length, Blocks(15_391));
    assert_eq!(view.params.poc_stage_duration, Blocks(0));
    assert_eq!(view.params_origin, ParamsOrigin::Told);
}

#[test]
fn absent_stage_is_an_error() {
    let mut reply = mainnet_json();
    let stages = reply["next_epoch_stages"].as_object_mut().unwrap();
    stages.remove("poc_start");
    let error = "next_epoch_stages: `poc_start` is missing".to_owned();
    assert_eq!(epoch_view(Fields(&reply)), Err(error));
}

#[test]
fn null_section_is_an_error() {
    let mut reply = mainnet_json();
    reply["epoch_params"] = json!(null);
    assert!(epoch_view(Fields(&reply)).is_err());
    for section in [
        json!({ "confirmation_poc_params": null }),
        json!({ "confirmation_poc_params": { "alpha_threshold": null } }),
    ] {
        let reply = json!({ "params": section });
        assert!(confirmation_params(Fields(&reply)).is_err(), "{reply}");
    }
    let reply = json!({ "params": { "confirmation_poc_params": {} } });
    assert!(confirmation_params(Fields(&reply)).is_ok());
    assert!(confirmation_params(Fields(&json!({ "params": {} }))).is_ok());
}

#[test]
fn text_instead_of_an_object_is_an_error() {
    let mut reply = mainnet_json();
    reply["active_confirmation_poc_event"] = json!("none");
    assert!(epoch_view(Fields(&reply)).is_err());
    assert!(upgrade(Fields(&json!({ "plan": "none" }))).is_err());
    let message = json!({ "result": { "data": "none" } });
    assert!(announcement(Fields(&message)).is_err());
}

#[test]
fn node_without_sync_state_is_synced() {
    let state = |reply: &serde_json::Value| status(Fields(reply)).map(|status| status.sync);
    let mut reply = json!({ "result": { "sync_info": {
        "latest_block_height": "5", "latest_block_time": "2026-08-12T20:24:11Z"
    } } });
    assert_eq!(state(&reply), Ok(SyncState::Synced));
    reply["result"]["sync_info"]["catching_up"] = json!(true);
    assert_eq!(state(&reply), Ok(SyncState::CatchingUp));
    reply["result"]["sync_info"]["catching_up"] = json!(null);
    assert!(state(&reply).is_err());
}

#[test]
fn malformed_rows_are_errors() {
    let (ours, node) = (Participant("gonka1abc".into()), NodeId("vast-1".into()));
    for row in [json!(null), json!("x"), json!({ "member_address": null })] {
        let weights = json!([{ "member_address": "gonka1abc" }, row]);
        let group = json!({ "epoch_group_data": { "validation_weights": weights } });
        assert!(confirmed_weight(Fields(&group), &ours).is_err(), "{row}");
    }
    let with = |nodes: serde_json::Value| {
        let row = json!({ "index": "gonka1abc", "ml_nodes": nodes });
        json!({ "active_participants": { "participants": [row] } })
    };
    for list in [
        json!({ "active_participants": { "participants": [null] } }),
        with(json!([null])),
        with(json!([{ "ml_nodes": ["x"] }])),
        with(json!([{ "ml_nodes": [{ "node_id": null }] }])),
    ] {
        assert!(weight(Fields(&list), &ours, &node).is_err(), "{list}");
    }
    let nameless = with(json!([{ "ml_nodes": [{ "poc_weight": 5 }] }]));
    let reading = weight(Fields(&nameless), &ours, &node).unwrap();
    assert_eq!(reading.node, None);
}

fn event_with(phase: &Value) -> serde_json::Value {
    json!({
        "epoch_index": 358, "trigger_height": 5_530_000,
        "generation_start_height": 5_530_080, "phase": phase, "poc_seed_block_hash": "ab"
    })
}

/// The same in the shape of v0.2.15: the whole parameter set, strings, names, zeros.
fn nested(flat: &serde_json::Value) -> serde_json::Value {
    const NAMES: [&str; 5] = [
        "CONFIRMATION_POC_INACTIVE",
        "CONFIRMATION_POC_GRACE_PERIOD",
        "CONFIRMATION_POC_GENERATION",
        "CONFIRMATION_POC_VALIDATION",
        "CONFIRMATION_POC_COMPLETED",
    ];
    let mut reply = flat.clone();
    let mut params = stringified(&flat["epoch_params"]);
    for name in PARAMETERS {
        if params[name].is_null() {
            params[name] = json!("0");
        }
    }
    reply["epoch_params"] = json!({
        "epoch_params": params,
        "poc_params": { "models": [{ "model_id": "m" }], "weight_scale_factor": "1" }
    });
    if let Some(event) = flat.get("active_confirmation_poc_event") {
        let mut named = stringified(event);
        let number = event["phase"].as_u64().unwrap_or(0);
        named["phase"] = json!(NAMES[usize::try_from(number).unwrap()]);
        for name in ["epoch_index", "event_sequence", "trigger_height"] {
            if named[name].is_null() {
                named[name] = json!("0");
            }
        }
        reply["active_confirmation_poc_event"] = named;
    }
    reply
}

const PARAMETERS: [&str; 8] = [
    "epoch_length",
    "poc_stage_duration",
    "poc_exchange_duration",
    "poc_validation_delay",
    "poc_validation_duration",
    "set_new_validators_delay",
    "inference_validation_cutoff",
    "confirmation_poc_safety_window",
];

fn stringified(object: &serde_json::Value) -> serde_json::Value {
    let fields = object.as_object().unwrap().iter();
    let texts = fields.map(|(name, value)| match value {
        Value::Number(number) => (name.clone(), json!(number.to_string())),
        other => (name.clone(), other.clone()),
    });
    Value::Object(texts.collect())
}

#[test]
fn nested_epoch_reply_is_read() {
    // Given the reply of v0.2.15, with a confirmation PoC.
    let mut flat = mainnet_json();
    flat["is_confirmation_poc_active"] = json!(true);
    flat["active_confirmation_poc_event"] = event_with(&json!(2));
    let view = epoch_view(Fields(&nested(&flat))).unwrap();
    assert_eq!(view.params, mainnet().params);
    assert_eq!(view.params_origin, ParamsOrigin::Told);
    let event = view.confirmation.unwrap();
    assert_eq!(event.phase, ConfirmationPhase::Generation);
    assert_eq!(event.trigger_height, Height(5_530_000));
    // One version also wraps the height and the epoch in strings.
    let mut wrapped = nested(&flat);
    wrapped["block_height"] = json!("5536201");
    wrapped["latest_epoch"] = json!({ "index": "358", "poc_start_block_height": "5521333" });
    assert_eq!(epoch_view(Fields(&wrapped)), Ok(view));
}

proptest::proptest! {
    #[test]
    fn both_shapes_read_equal(
        height in 5_521_333_u64..5_536_724,
        numbers in proptest::collection::vec(0_u64..20_000, 8),
        event in proptest::option::of((0_u64..5, 0_u64..400, 0_u64..3, 0_u64..15_000)),
    ) {
        let mut flat = mainnet_json();
        flat["block_height"] = json!(height);
        let params = PARAMETERS.iter().zip(&numbers);
        // Zero fields are absent there.
        let told = params.filter(|(_, number)| **number > 0);
        flat["epoch_params"] = told.map(|(name, number)| ((*name).to_owned(), json!(number))).collect();
        if let Some((phase, epoch, sequence, trigger)) = event {
            let fields = [
                ("epoch_index", epoch), ("event_sequence", sequence), ("phase", phase),
                ("trigger_height", 5_521_000 + trigger), ("generation_start_height", 5_521_080 + trigger),
            ];
            let told = fields.into_iter().filter(|(_, number)| *number > 0);
            flat["active_confirmation_poc_event"] =
                told.map(|(name, number)| (name.to_owned(), json!(number))).collect();
        }
        let read = epoch_view(Fields(&flat));
        proptest::prop_assert!(read.is_ok(), "{read:?}");
        proptest::prop_assert_eq!(&read, &epoch_view(Fields(&nested(&flat))));
    }
}

#[test]
fn confirmation_phase_is_a_number_or_name() {
    let read = |phase: &Value, height: u64| {
        let mut reply = mainnet_json();
        reply["block_height"] = json!(height);
        reply["active_confirmation_poc_event"] = event_with(phase);
        epoch_view(Fields(&reply)).unwrap().confirmation.unwrap()
    };
    for phase in [json!(1), json!("1"), json!("CONFIRMATION_POC_GRACE_PERIOD")] {
        let event = read(&phase, 5_530_010);
        assert_eq!(event.phase, ConfirmationPhase::GracePeriod, "{phase}");
        assert_eq!(event.generation_start, Height(5_530_080));
    }
    // A word that is not known follows from the heights.
    for (height, phase) in [
        (5_530_079, ConfirmationPhase::GracePeriod),
        (5_530_148, ConfirmationPhase::Generation),
        (5_530_149, ConfirmationPhase::Validation),
        (5_530_269, ConfirmationPhase::Completed),
    ] {
        assert_eq!(read(&json!("CONFIRMATION_POC_NEW"), height).phase, phase);
        assert_eq!(read(&json!(9), height).phase, phase);
    }
    // `null` and an absent event mean none.
    let mut reply = mainnet_json();
    reply["active_confirmation_poc_event"] = json!(null);
    assert_eq!(epoch_view(Fields(&reply)).unwrap().confirmation, None);
}

#[test]
fn untold_parameters_follow_from_stages() {
    // Given parameters in a shape that is not known: zeros, which are no parameters.
    for untold in [
        json!({}),
        json!({ "epoch_length": 0 }),
        json!({ "wrapped": { "epoch_length": 5 } }),
    ] {
        let mut reply = mainnet_json();
        reply["epoch_params"] = untold;
        let view = epoch_view(Fields(&reply)).unwrap();
        assert_eq!(view.params_origin, ParamsOrigin::Stages);
        let known = EpochParams {
            confirmation_poc_safety_window: Blocks(0),
            ..mainnet().params
        };
        assert_eq!(view.params, known);
    }
}

#[test]
fn participants_with_strings_are_read() {
    // As v0.2.15 writes them.
    let list = json!({ "active_participants": { "epoch_id": "358", "poc_start_block_height": "5521333",
        "participants": [{ "index": "gonka1abc", "weight": "1234", "models": ["m"],
            "ml_nodes": [{ "ml_nodes": [{ "node_id": "vast-1", "poc_weight": "1000" }] }] }] } });
    let (ours, node) = (Participant("gonka1abc".into()), NodeId("vast-1".into()));
    let reading = weight(Fields(&list), &ours, &node).unwrap();
    assert_eq!(reading.epoch, Some(EpochIndex(358)));
    assert_eq!(
        (reading.participant, reading.node),
        (Some(Weight(1_234)), Some(Weight(1_000)))
    );
}

#[test]
fn confirmed_weight_is_parsed_from_strings() {
    let group = json!({ "epoch_group_data": { "epoch_index": "358", "validation_weights": [
        { "member_address": "gonka1other", "weight": "5", "confirmation_weight": "5" },
        { "member_address": "gonka1abc", "weight": "1234", "reputation": 90,
          "confirmation_weight": "1111", "voting_power": "1234" }
    ] } });
    let of =
        |address: &str| confirmed_weight(Fields(&group), &Participant(address.into())).unwrap();
    let ours = of("gonka1abc").unwrap();
    assert_eq!(
        (ours.weight, ours.confirmed),
        (Weight(1_234), Weight(1_111))
    );
    assert_eq!(of("gonka1nobody"), None);
}

#[test]
fn governance_is_parsed_from_strings() {
    let params = json!({ "params": { "confirmation_poc_params": {
        "expected_confirmations_per_epoch": "1", "alpha_threshold": { "value": "7", "exponent": -1 },
        "slash_fraction": { "value": "1", "exponent": -1 }, "upgrade_protection_window": "500"
    } } });
    let params = confirmation_params(Fields(&params)).unwrap();
    assert!((params.expected_per_epoch - 1.0).abs() < 1e-9);
    assert!((params.alpha_threshold - 0.7).abs() < 1e-9);
    assert_eq!(upgrade(Fields(&json!({ "plan": null }))), Ok(None));
    let plan = json!({ "plan": { "name": "v0.2.14", "height": "5540000", "info": "" } });
    let upgrade = upgrade(Fields(&plan)).unwrap().unwrap();
    assert_eq!(
        (upgrade.name.as_str(), upgrade.height),
        ("v0.2.14", Height(5_540_000))
    );
}

#[test]
fn node_weight_sums_its_models() {
    let list = json!({ "active_participants": { "participants": [{
        "index": "gonka1abc", "weight": 1_234, "models": ["m"],
        "ml_nodes": [
            { "ml_nodes": [{ "node_id": "vast-1", "poc_weight": 1_000 }, { "node_id": "other" }] },
            { "ml_nodes": [{ "node_id": "vast-1", "poc_weight": "34" }] }
        ]
    }] } });
    let ours = Participant("gonka1abc".into());
    for (node, expected) in [
        ("vast-1", Some(1_034)),
        ("other", Some(0)),
        ("absent", None),
    ] {
        let reading = weight(Fields(&list), &ours, &NodeId(node.into())).unwrap();
        assert_eq!(reading.participant, Some(Weight(1_234)));
        assert_eq!(reading.node, expected.map(Weight), "{node}");
    }
}

//! Compares wanted with actual registrations. Pure.

use std::fmt;

use crate::domain::{Likeness, NodeConfig, NodeId, RegisteredNode};

/// Another node has the address that a wanted one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddressClash {
    pub(super) holder: NodeId,
    /// `host:port` that both claim.
    pub(super) address: String,
    /// What our node would serve there.
    pub(super) port: NodePort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodePort {
    /// Management and `PoC`.
    Api,
    Inference,
}

impl fmt::Display for NodePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            NodePort::Api => "API",
            NodePort::Inference => "inference",
        })
    }
}

/// With any other value in these, the Network Node cannot reach our node.
const ESSENTIAL: [&str; 5] = [
    "host",
    "inference_port",
    "inference_segment",
    "poc_port",
    "poc_segment",
];

/// How a registration was stored: the Network Node drops models and may rewrite the rest.
pub fn likeness(wanted: &NodeConfig, actual: &NodeConfig) -> Likeness {
    let fields = differing_fields(wanted, actual);
    if fields.is_empty() {
        return Likeness::AsWanted;
    }
    let drops_a_model = wanted
        .models
        .keys()
        .any(|model| !actual.models.contains_key(model));
    let fatal = |field: &&str| ESSENTIAL.contains(field) || (*field == "models" && drops_a_model);
    let named = |fields: Vec<&str>| fields.into_iter().map(str::to_owned).collect();
    let (wrong, altered): (Vec<&str>, Vec<&str>) = fields.into_iter().partition(fatal);
    if wrong.is_empty() {
        Likeness::Altered(named(altered))
    } else {
        Likeness::Wrong(named(wrong))
    }
}

/// The update of a registered node. It keeps the registered arguments of models: changed ones make the
/// Network Node reload the model (v0.2.15-post5 and later).
#[must_use]
pub fn with_registered_arguments(wanted: NodeConfig, registered: &NodeConfig) -> NodeConfig {
    let models = wanted.models.into_iter().map(|(model, arguments)| {
        let registered = registered.models.get(&model).cloned();
        (model, registered.unwrap_or(arguments))
    });
    NodeConfig {
        models: models.collect(),
        ..wanted
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationState {
    Good,
    /// The Network Node stores other values in these fields, which does no harm.
    Altered(Vec<String>),
    Missing,
    /// With these fields the Network Node cannot reach the node.
    Wrong(Vec<String>),
    Disabled,
}

/// State of `wanted`; the worst that applies.
pub fn registration_state(wanted: &NodeConfig, registered: &[RegisteredNode]) -> RegistrationState {
    let Some(row) = registered.iter().find(|row| row.config.id == wanted.id) else {
        return RegistrationState::Missing;
    };
    match likeness(wanted, &row.config) {
        Likeness::Wrong(fields) => RegistrationState::Wrong(fields),
        _ if !row.enabled => RegistrationState::Disabled,
        Likeness::Altered(fields) => RegistrationState::Altered(fields),
        Likeness::AsWanted | Likeness::Unknown => RegistrationState::Good,
    }
}

fn differing_fields(wanted: &NodeConfig, actual: &NodeConfig) -> Vec<&'static str> {
    [
        ("host", wanted.host != actual.host),
        (
            "inference_port",
            wanted.inference_port != actual.inference_port,
        ),
        (
            "inference_segment",
            wanted.inference_segment != actual.inference_segment,
        ),
        ("poc_port", wanted.poc_port != actual.poc_port),
        ("poc_segment", wanted.poc_segment != actual.poc_segment),
        (
            "max_concurrent",
            wanted.max_concurrent != actual.max_concurrent,
        ),
        ("models", wanted.models != actual.models),
        ("hardware", wanted.hardware != actual.hardware),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

pub(super) fn clashes(wanted: &NodeConfig, registered: &[RegisteredNode]) -> Vec<AddressClash> {
    let ports = [
        (NodePort::Api, wanted.poc_port),
        (NodePort::Inference, wanted.inference_port),
    ];
    let mut clashes = Vec::new();
    for other in registered.iter().map(|row| &row.config) {
        if other.id == wanted.id || !other.host.eq_ignore_ascii_case(&wanted.host) {
            continue;
        }
        // A socket has one listener, whatever it serves.
        let taken = [other.poc_port, other.inference_port];
        let shared = ports.iter().filter(|(_, number)| taken.contains(number));
        clashes.extend(shared.map(|(port, number)| AddressClash {
            holder: other.id.clone(),
            address: format!("{}:{number}", wanted.host),
            port: *port,
        }));
    }
    clashes
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::a_node;
    use super::*;

    fn seen(id: &str, host: &str) -> RegisteredNode {
        let mut node = a_node();
        node.config.id = NodeId(id.into());
        node.config.host = host.into();
        node
    }

    #[test]
    fn dropped_model_is_wrong_not_altered() {
        let wanted = seen("pocpit-1", "10.0.0.5").config;
        assert_eq!(likeness(&wanted, &wanted), Likeness::AsWanted);
        let mut altered = wanted.clone();
        altered.hardware.clear();
        altered.max_concurrent = 7;
        let fields = vec!["max_concurrent".into(), "hardware".into()];
        assert_eq!(likeness(&wanted, &altered), Likeness::Altered(fields));
        let mut other_arguments = wanted.clone();
        for arguments in other_arguments.models.values_mut() {
            arguments.clear();
        }
        let fields = vec!["models".into()];
        assert_eq!(
            likeness(&wanted, &other_arguments),
            Likeness::Altered(fields)
        );
        let mut dropped = altered;
        dropped.models.clear();
        assert_eq!(
            likeness(&wanted, &dropped),
            Likeness::Wrong(vec!["models".into()])
        );
        let mut elsewhere = wanted.clone();
        elsewhere.poc_port = 9;
        assert_eq!(
            likeness(&wanted, &elsewhere),
            Likeness::Wrong(vec!["poc_port".into()])
        );
    }

    #[test]
    fn update_keeps_registered_arguments() {
        // Given a node that is registered at another address and with other arguments,
        let registered = seen("pocpit-1", "10.0.0.5").config;
        let mut wanted = registered.clone();
        wanted.poc_port = 9;
        for arguments in wanted.models.values_mut() {
            arguments.push("--max-num-seqs".into());
        }
        wanted
            .models
            .insert("another/model".into(), vec!["--x".into()]);
        // then the update has the address, and only a model that is not there yet gets its own.
        let update = with_registered_arguments(wanted.clone(), &registered);
        assert_eq!(update.poc_port, 9);
        for (model, arguments) in &registered.models {
            assert_eq!(&update.models[model], arguments);
        }
        assert_eq!(update.models["another/model"], ["--x"]);
    }

    #[test]
    fn registration_state_is_the_worst() {
        let good = seen("proxy", "10.0.0.5");
        let wanted = good.config.clone();
        let altered = |node: &RegisteredNode| {
            let mut node = node.clone();
            node.config.max_concurrent += 1;
            node
        };
        let disabled = RegisteredNode {
            enabled: false,
            ..good.clone()
        };
        let mut elsewhere = disabled.clone();
        elsewhere.config.inference_port = 9;
        let fields = vec!["max_concurrent".to_owned()];
        for (listed, expected) in [
            (vec![], RegistrationState::Missing),
            (vec![seen("theirs", "10.0.0.6")], RegistrationState::Missing),
            (vec![good.clone()], RegistrationState::Good),
            (vec![altered(&good)], RegistrationState::Altered(fields)),
            (vec![altered(&disabled)], RegistrationState::Disabled),
            (
                vec![elsewhere],
                RegistrationState::Wrong(vec!["inference_port".to_owned()]),
            ),
        ] {
            assert_eq!(registration_state(&wanted, &listed), expected, "{listed:?}");
        }
    }

    #[test]
    fn port_clash_needs_same_host() {
        let mut wanted = seen("pocpit-1", "Gpu.Internal").config;
        (wanted.poc_port, wanted.inference_port) = (18_080, 8_080);
        // Its API is on 8080, where our inference would be.
        let clash = AddressClash {
            holder: NodeId("theirs".into()),
            address: "Gpu.Internal:8080".into(),
            port: NodePort::Inference,
        };
        assert_eq!(clashes(&wanted, &[seen("theirs", "gpu.internal")]), [clash]);
        assert_eq!(clashes(&wanted, &[seen("theirs", "10.0.0.6")]), []);
        assert_eq!(clashes(&wanted, &[seen("pocpit-1", "gpu.internal")]), []);
    }
}

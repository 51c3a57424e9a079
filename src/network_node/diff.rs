//! What differs between the registrations that should be and those that are. Pure.

use crate::domain::{NodeConfig, NodeId, RegisteredNode};

/// One difference, and so one thing to do or to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Wanted and not there.
    Missing(NodeConfig),
    /// There, but with other values.
    Changed {
        /// What it should be.
        wanted: NodeConfig,
        /// Names of the fields that differ.
        fields: Vec<&'static str>,
    },
    /// Another entry has the address that a wanted one needs: two nodes may not share it.
    Clash {
        /// What should be registered.
        wanted: NodeId,
        /// Who is in the way; it is ours when `ours` is true, and never touched otherwise.
        holder: NodeId,
        /// `host:port` that both claim.
        address: String,
        /// The holder is ours.
        ours: bool,
    },
    /// Ours, there, and not wanted any more.
    Stale(NodeId),
}

/// Compares. `ours` says which ids this cockpit may touch; entries of others only ever show up as
/// the holder of an address.
pub fn diff(
    wanted: &[NodeConfig],
    seen: &[RegisteredNode],
    ours: impl Fn(&NodeId) -> bool,
) -> Vec<Difference> {
    let is_wanted = |id: &NodeId| wanted.iter().any(|node| node.id == *id);
    let mut differences = Vec::new();
    for node in wanted {
        differences.extend(clashes(node, seen, &ours));
        match seen.iter().find(|row| row.config.id == node.id) {
            None => differences.push(Difference::Missing(node.clone())),
            Some(row) => differences.extend(changed(node, &row.config)),
        }
    }
    let stale = seen.iter().map(|row| &row.config.id);
    let stale = stale.filter(|id| ours(id) && !is_wanted(id));
    differences.extend(stale.cloned().map(Difference::Stale));
    differences
}

fn changed(wanted: &NodeConfig, seen: &NodeConfig) -> Option<Difference> {
    let fields: Vec<&'static str> = [
        ("host", wanted.host != seen.host),
        (
            "inference_port",
            wanted.inference_port != seen.inference_port,
        ),
        (
            "inference_segment",
            wanted.inference_segment != seen.inference_segment,
        ),
        ("poc_port", wanted.poc_port != seen.poc_port),
        ("poc_segment", wanted.poc_segment != seen.poc_segment),
        (
            "max_concurrent",
            wanted.max_concurrent != seen.max_concurrent,
        ),
        ("models", wanted.models != seen.models),
        ("hardware", wanted.hardware != seen.hardware),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect();
    (!fields.is_empty()).then(|| Difference::Changed {
        wanted: wanted.clone(),
        fields,
    })
}

fn clashes(
    wanted: &NodeConfig,
    seen: &[RegisteredNode],
    ours: &impl Fn(&NodeId) -> bool,
) -> Vec<Difference> {
    let others = seen.iter().map(|row| &row.config);
    others
        .filter(|other| other.id != wanted.id && other.host.eq_ignore_ascii_case(&wanted.host))
        .filter_map(|other| {
            let port = if other.poc_port == wanted.poc_port {
                wanted.poc_port
            } else if other.inference_port == wanted.inference_port {
                wanted.inference_port
            } else {
                return None;
            };
            Some(Difference::Clash {
                wanted: wanted.id.clone(),
                holder: other.id.clone(),
                address: format!("{}:{port}", wanted.host),
                ours: ours(&other.id),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::wire::{self, tests::a_row};
    use super::*;

    fn seen(id: &str, host: &str) -> RegisteredNode {
        let mut node = wire::row(&a_row()).expect("a row");
        node.config.id = NodeId(id.into());
        node.config.host = host.into();
        node
    }

    fn is_ours(id: &NodeId) -> bool {
        id.0.starts_with("pocpit-")
    }

    #[test]
    fn what_is_registered_as_wanted_makes_no_difference() {
        let row = seen("pocpit-1", "10.0.0.5");
        let wanted = std::slice::from_ref(&row.config);
        assert_eq!(diff(wanted, std::slice::from_ref(&row), is_ours), []);
    }

    #[test]
    fn a_wanted_node_that_is_not_there_is_missing() {
        let wanted = seen("pocpit-1", "10.0.0.5").config;
        let found = diff(std::slice::from_ref(&wanted), &[], is_ours);
        assert_eq!(found, [Difference::Missing(wanted)]);
    }

    #[test]
    fn changed_fields_are_named() {
        let row = seen("pocpit-1", "10.0.0.5");
        let mut wanted = row.config.clone();
        wanted.poc_port = 9;
        wanted.max_concurrent = 7;
        let found = diff(std::slice::from_ref(&wanted), &[row], is_ours);
        let fields = vec!["poc_port", "max_concurrent"];
        assert_eq!(found, [Difference::Changed { wanted, fields }]);
    }

    #[test]
    fn a_foreign_node_at_our_address_is_a_clash_and_never_stale() {
        let wanted = seen("pocpit-1", "10.0.0.5").config;
        let found = diff(&[wanted], &[seen("theirs", "10.0.0.5")], is_ours);
        assert!(
            matches!(&found[0], Difference::Clash { holder, ours: false, .. } if holder.0 == "theirs")
        );
        assert!(!found.iter().any(|d| matches!(d, Difference::Stale(_))));
    }

    #[test]
    fn only_our_own_leftovers_are_stale() {
        let rows = [seen("pocpit-old", "10.0.0.6"), seen("theirs", "10.0.0.7")];
        let found = diff(&[], &rows, is_ours);
        assert_eq!(found, [Difference::Stale(NodeId("pocpit-old".into()))]);
    }
}

//! Checks of several pools: what they have in common is said once.

use super::probe::{Probe, Subject};
use crate::domain::PoolName;

/// The checks of all pools in their order. Where a check does not say the same of each of them, it names the
/// pool.
pub(super) fn merged(pools: &[(&PoolName, Vec<Probe>)]) -> Vec<Probe> {
    let mut subjects: Vec<Subject> = Vec::new();
    for probe in pools.iter().flat_map(|(_, probes)| probes) {
        if !subjects.contains(&probe.what) {
            subjects.push(probe.what);
        }
    }
    let merged = subjects.into_iter().flat_map(|what| {
        let of_pools = pools.iter().map(|(pool, probes)| {
            let about = probes.iter().filter(|probe| probe.what == what);
            (*pool, about.cloned().collect::<Vec<Probe>>())
        });
        of_subject(of_pools.collect())
    });
    merged.collect()
}

fn of_subject(pools: Vec<(&PoolName, Vec<Probe>)>) -> Vec<Probe> {
    let mut all = pools.iter().map(|(_, probes)| probes);
    if let Some(first) = all.next()
        && all.all(|probes| probes == first)
    {
        return first.clone();
    }
    let named = pools.into_iter().flat_map(|(pool, probes)| {
        let pool = Some(pool.clone());
        probes.into_iter().map(move |probe| Probe {
            pool: pool.clone(),
            ..probe
        })
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::super::probe::unmet;
    use super::*;

    #[test]
    fn what_pools_have_in_common_is_checked_once() {
        // Given two pools of one participant, of which one has a model that is not approved,
        let probes = |model| {
            vec![
                Probe::new(Subject::Participant, Ok("gonka1x".to_owned())),
                Probe::new(Subject::Model, model),
            ]
        };
        let (minimax, glm) = ("minimax".parse().unwrap(), "glm".parse().unwrap());
        let approved = || probes(Ok("approved".to_owned()));
        let refused = || probes(Err(unmet("not approved", "choose another")));
        // when their checks are put together,
        let merged = merged(&[(&minimax, approved()), (&glm, refused())]);
        // then the participant is there once, and the model names its pool.
        let told: Vec<(Subject, Option<&str>)> = merged
            .iter()
            .map(|probe| (probe.what, probe.pool.as_ref().map(PoolName::as_str)))
            .collect();
        let expected = [
            (Subject::Participant, None),
            (Subject::Model, Some("minimax")),
            (Subject::Model, Some("glm")),
        ];
        assert_eq!(told, expected);
        // A pool that is alone is not named.
        let alone = super::merged(&[(&glm, refused())]);
        assert!(alone.iter().all(|probe| probe.pool.is_none()));
    }
}

//! Faults of the scenario, and of proxies in front of the APIs: what happens to a request.

use super::exchange::{ApiRequest, ApiResponse};
use super::faults::FaultKind;
use super::numbers::uniform;
use super::state::World;

impl World {
    /// What happens to a request to a service: `vast`, `public`, `rpc` or `admin` (`admin-2` of the second
    /// host). Each request is asked about once, because the scenario counts them.
    pub fn fault(&mut self, service: &str, request: &ApiRequest) -> Option<FaultKind> {
        let call = format!("{} {}", request.method, request.path);
        let (seed, counts) = (self.seed, &mut self.fault_counts);
        for (fault, index) in self.scenario.faults.iter().zip(0..) {
            if fault.service != service || !call.contains(&fault.call) {
                continue;
            }
            let count = counts.entry(index).or_default();
            *count += 1;
            let by_number = fault.nth.is_none_or(|nth| nth == *count);
            let by_chance = fault
                .probability
                .is_none_or(|chance| uniform(seed, 40 + index, *count) < chance);
            if by_number && by_chance {
                return Some(fault.kind.clone());
            }
        }
        self.gateway_fault(service)
    }

    /// How many of the scenario's faults met a request that they are about.
    pub fn faults_met(&self) -> usize {
        self.fault_counts.len()
    }
}

impl FaultKind {
    /// The response that is given instead; `None` if there is another one or none at all.
    pub fn response(&self) -> Option<ApiResponse> {
        match self {
            FaultKind::Status { status, body } => Some(ApiResponse::text(*status, body)),
            FaultKind::GatewayPage { status } => Some(ApiResponse::gateway_page(*status)),
            FaultKind::DropBefore
            | FaultKind::DropAfter
            | FaultKind::Delay { .. }
            | FaultKind::Malformed => None,
        }
    }
}

//! Hosts' wishes for a higher price. An accepted one holds from the end of the contract.

use serde_json::{Value, json};

use crate::world::account::AccountId;
use crate::world::clock::{as_seconds, seconds};
use crate::world::exchange::ApiResponse;
use crate::world::model::{PriceIncrease, SimInstance};
use crate::world::oddity::MarketOddity;
use crate::world::state::World;
use crate::world::vast::row::TERM;

/// Seconds from the start of a rental to its host's wish.
const WISH_AFTER: f64 = 60.0;
/// A wish's id is its contract's id plus this.
const IDS: u64 = 700_000_000;

impl World {
    pub(super) fn pending_increases(&self, by: AccountId) -> ApiResponse {
        let rows: Vec<Value> = self
            .live()
            .filter(|i| i.account == by && self.has_wish(i))
            .map(wish)
            .collect();
        ApiResponse::ok(
            &json!({"success": true, "count": rows.len(), "truncated": false, "pending_price_increases": rows}),
        )
    }

    pub(super) fn answer_increase(
        &mut self,
        by: AccountId,
        answer: PriceIncrease,
        body: &Value,
    ) -> ApiResponse {
        let wish = body["pending_price_increase_id"].as_u64().unwrap_or(0);
        let id = wish.saturating_sub(IDS);
        if !self.owned(by, id).is_some_and(|i| self.has_wish(i)) {
            let text = "This price increase is no longer pending";
            return ApiResponse::refusal(404, "no_pending_price_increase", text);
        }
        if let Some(instance) = self.owned_mut(by, id) {
            instance.increase = answer;
        }
        ApiResponse::ok(
            &json!({"success": true, "pending_price_increase_id": wish, "contract_id": id}),
        )
    }

    fn has_wish(&self, i: &SimInstance) -> bool {
        self.is_odd(MarketOddity::PriceIncreases)
            && i.increase == PriceIncrease::None
            && as_seconds(self.now - i.rented_at) > WISH_AFTER
    }
}

fn wish(i: &SimInstance) -> Value {
    let gpu = i.gpu_per_hour() / 3_600.0;
    let disk = i.offer["storage_cost"].as_f64().unwrap_or(0.0) / 2_592_000.0;
    let end = i.rented_at.timestamp() + TERM;
    json!({"pending_price_increase_id": IDS + i.id, "contract_id": i.id, "host_id": i.offer["host_id"],
        "new_gpu_costpersec": gpu * 1.25, "old_gpu_costpersec": gpu, "new_disk_ram_costpersec": null,
        "old_disk_ram_costpersec": disk, "new_bwu_cost": null, "old_bwu_cost": i.offer["inet_up_cost"],
        "new_bwd_cost": null, "old_bwd_cost": i.offer["inet_down_cost"], "new_platform_fee": null,
        "old_platform_fee": i.offer["platform_fee"], "contract_end_date": end, "ask_end_date": end + TERM,
        "created_at": (i.rented_at + seconds(WISH_AFTER)).timestamp()})
}

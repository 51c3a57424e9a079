//! Routes of the market's API. Where the vendor's published files say little, replies are as its
//! generated specification has them (github vast-ai/docs, branch `auto/openapi-preview-pr-5363`).

use serde_json::json;

use crate::world::account::AccountId;
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::model::PriceIncrease;
use crate::world::state::World;
use crate::world::vast::access::{id, json_parameter};
use crate::world::vast::offers::gpu_names;

impl World {
    /// Handles a request to the market.
    pub fn vast(&mut self, request: &ApiRequest) -> ApiResponse {
        if let Some(copy) = request.path.strip_prefix("/instance_logs/") {
            return self.uploaded_log(copy, request);
        }
        let path = request.path.trim_end_matches('/');
        let parts: Vec<&str> = path.trim_start_matches("/api/").split('/').collect();
        let caller = self.caller(request);
        if let Some(refusal) = self.refused(caller, request, &parts) {
            return refusal;
        }
        // Who is served without a key asks nothing of an account.
        let by = caller.unwrap_or_default();
        let routed = match parts.as_slice() {
            [_, "instances", rest @ ..] => self.instance_route(by, request, rest),
            [_, "ssh" | "template", ..] => self.account_route(by, request, &parts),
            _ => self.market_route(by, request, &parts),
        };
        routed.unwrap_or_else(|| ApiResponse::refusal(404, "not_found", "no such route"))
    }

    /// Searching, renting, and money.
    fn market_route(
        &mut self,
        by: AccountId,
        request: &ApiRequest,
        parts: &[&str],
    ) -> Option<ApiResponse> {
        let body = &request.body;
        Some(match (request.method.as_str(), parts) {
            ("POST", ["v0", "bundles"]) => self.search(body),
            ("GET", ["v0", "bundles"]) => self.search(&json_parameter(request, "q")),
            ("PUT", ["v0", "search", "asks"]) => self.search_asks(body),
            ("GET", ["v0", "gpu_names", "unique"]) => gpu_names(),
            ("PUT", ["v0", "asks", ask_id]) => self.rent(by, id(ask_id), body),
            ("POST", ["v0", "asks", "bulk"]) => self.rent_many(by, body),
            ("PUT", ["v0", "launch_instance"]) => self.launch_instance(by, body),
            ("GET", ["v0", "users", "current"]) => self.account(by),
            ("GET", ["v0", "charges"]) => self.charges(by, request),
            ("GET", ["v1", "invoices"]) => self.invoices(request),
            ("GET", ["v0", "invoices"]) => self.old_invoices(by),
            ("GET", ["v0", "users", "me", "invoices"]) => self.own_invoices(by),
            ("GET", ["v0", "users", "cloud_integrations"] | ["v0", "audit_logs"]) => {
                ApiResponse::ok(&json!([]))
            }
            ("GET", ["v0", "users", "me", "ipaddrs"]) => ApiResponse::ok(&json!({"results": []})),
            _ => return None,
        })
    }

    /// Keys and templates of the account.
    fn account_route(
        &mut self,
        by: AccountId,
        request: &ApiRequest,
        parts: &[&str],
    ) -> Option<ApiResponse> {
        let body = &request.body;
        Some(match (request.method.as_str(), parts) {
            ("GET", ["v0", "ssh"]) => self.keys(by),
            ("POST", ["v0", "ssh"]) => self.create_key(by, body),
            ("PUT", ["v0", "ssh", key]) => self.update_key(by, id(key), body),
            ("DELETE", ["v0", "ssh", key]) => self.delete_key(by, id(key)),
            ("GET", ["v0", "template"]) => self.find_templates(by, request),
            ("POST", ["v0", "template"]) => self.create_template(by, body),
            ("PUT", ["v0" | "v1", "template"]) => self.update_template(by, body),
            ("DELETE", ["v0", "template"]) => self.delete_template(by, body),
            _ => return None,
        })
    }

    fn instance_route(
        &mut self,
        by: AccountId,
        request: &ApiRequest,
        rest: &[&str],
    ) -> Option<ApiResponse> {
        let body = &request.body;
        let is_v1 = request.path.starts_with("/api/v1/");
        Some(match (request.method.as_str(), rest) {
            ("GET", []) if is_v1 => self.list(by, request),
            // Version 1 has only the list.
            _ if is_v1 => return None,
            ("GET", []) => self.list_all_at_once(by),
            ("PUT", []) => self.change_many(by, body),
            ("POST", ["start"]) => {
                self.change_many(by, &json!({"ids": body["IDs"], "state": "running"}))
            }
            ("DELETE", []) => self.destroy_many(by, body),
            ("GET", ["filters"]) => self.instance_filters(by),
            ("GET", ["pending-price-increases"]) => self.pending_increases(by),
            ("PUT", ["accept-price-increase"]) => {
                self.answer_increase(by, PriceIncrease::Accepted, body)
            }
            ("PUT", ["reject-price-increase"]) => {
                self.answer_increase(by, PriceIncrease::Rejected, body)
            }
            ("GET", ["balance", one]) => self.deposit(by, id(one)),
            ("PUT", ["request_logs", one]) => self.request_log(by, id(one), body),
            ("PUT", ["command", one]) => self.execute(by, id(one), body),
            ("PUT", ["reboot", one]) => self.reboot(by, id(one)),
            ("PUT", ["recycle", one]) => self.recycle(by, id(one)),
            ("PUT", ["bid_price", one]) => self.change_bid(by, id(one), body),
            ("PUT", ["update_template", one]) => self.update_order(by, id(one), body),
            ("GET", [one]) => self.one(by, id(one)),
            ("PUT", [one]) => self.change(by, id(one), body),
            ("DELETE", [one]) => self.destroy(by, id(one)),
            ("GET", [one, "ssh"]) => self.instance_keys(by, id(one)),
            ("POST", [one, "ssh"]) => self.attach_key(by, id(one), body),
            ("DELETE", [one, "ssh", key]) => self.detach_key(by, id(one), id(key)),
            _ => return None,
        })
    }
}

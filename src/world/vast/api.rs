//! Routes of the market's API. Where the vendor's published files say little, replies are as its
//! generated specification has them (github vast-ai/docs, branch `auto/openapi-preview-pr-5363`).

use serde_json::json;

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
        if let Some(refusal) = self.refused(request, &parts) {
            return refusal;
        }
        let routed = match parts.as_slice() {
            [_, "instances", rest @ ..] => self.instance_route(request, rest),
            [_, "ssh" | "template", ..] => self.account_route(request, &parts),
            _ => self.market_route(request, &parts),
        };
        routed.unwrap_or_else(|| ApiResponse::refusal(404, "not_found", "no such route"))
    }

    /// Searching, renting, and money.
    fn market_route(&mut self, request: &ApiRequest, parts: &[&str]) -> Option<ApiResponse> {
        let body = &request.body;
        Some(match (request.method.as_str(), parts) {
            ("POST", ["v0", "bundles"]) => self.search(body),
            ("GET", ["v0", "bundles"]) => self.search(&json_parameter(request, "q")),
            ("PUT", ["v0", "search", "asks"]) => self.search_asks(body),
            ("GET", ["v0", "gpu_names", "unique"]) => gpu_names(),
            ("PUT", ["v0", "asks", ask_id]) => self.rent(id(ask_id), body),
            ("POST", ["v0", "asks", "bulk"]) => self.rent_many(body),
            ("PUT", ["v0", "launch_instance"]) => self.launch_instance(body),
            ("GET", ["v0", "users", "current"]) => self.account(),
            ("GET", ["v0", "charges"]) => self.charges(request),
            ("GET", ["v1", "invoices"]) => self.invoices(request),
            ("GET", ["v0", "invoices"]) => self.old_invoices(),
            ("GET", ["v0", "users", "me", "invoices"]) => self.own_invoices(),
            ("GET", ["v0", "users", "cloud_integrations"] | ["v0", "audit_logs"]) => {
                ApiResponse::ok(&json!([]))
            }
            ("GET", ["v0", "users", "me", "ipaddrs"]) => ApiResponse::ok(&json!({"results": []})),
            _ => return None,
        })
    }

    /// Keys and templates of the account.
    fn account_route(&mut self, request: &ApiRequest, parts: &[&str]) -> Option<ApiResponse> {
        let body = &request.body;
        Some(match (request.method.as_str(), parts) {
            ("GET", ["v0", "ssh"]) => self.keys(),
            ("POST", ["v0", "ssh"]) => self.create_key(body),
            ("PUT", ["v0", "ssh", key]) => self.update_key(id(key), body),
            ("DELETE", ["v0", "ssh", key]) => self.delete_key(id(key)),
            ("GET", ["v0", "template"]) => self.find_templates(request),
            ("POST", ["v0", "template"]) => self.create_template(body),
            ("PUT", ["v0" | "v1", "template"]) => self.update_template(body),
            ("DELETE", ["v0", "template"]) => self.delete_template(body),
            _ => return None,
        })
    }

    fn instance_route(&mut self, request: &ApiRequest, rest: &[&str]) -> Option<ApiResponse> {
        let body = &request.body;
        let is_v1 = request.path.starts_with("/api/v1/");
        Some(match (request.method.as_str(), rest) {
            ("GET", []) if is_v1 => self.list(request),
            // Version 1 has only the list.
            _ if is_v1 => return None,
            ("GET", []) => self.list_all_at_once(),
            ("PUT", []) => self.change_many(body),
            ("POST", ["start"]) => {
                self.change_many(&json!({"ids": body["IDs"], "state": "running"}))
            }
            ("DELETE", []) => self.destroy_many(body),
            ("GET", ["filters"]) => self.instance_filters(),
            ("GET", ["pending-price-increases"]) => self.pending_increases(),
            ("PUT", ["accept-price-increase"]) => {
                self.answer_increase(PriceIncrease::Accepted, body)
            }
            ("PUT", ["reject-price-increase"]) => {
                self.answer_increase(PriceIncrease::Rejected, body)
            }
            ("GET", ["balance", one]) => self.deposit(id(one)),
            ("PUT", ["request_logs", one]) => self.request_log(id(one), body),
            ("PUT", ["command", one]) => self.execute(id(one), body),
            ("PUT", ["reboot", one]) => self.reboot(id(one)),
            ("PUT", ["recycle", one]) => self.recycle(id(one)),
            ("PUT", ["bid_price", one]) => self.change_bid(id(one), body),
            ("PUT", ["update_template", one]) => self.update_order(id(one), body),
            ("GET", [one]) => self.one(id(one)),
            ("PUT", [one]) => self.change(id(one), body),
            ("DELETE", [one]) => self.destroy(id(one)),
            ("GET", [one, "ssh"]) => self.instance_keys(id(one)),
            ("POST", [one, "ssh"]) => self.attach_key(id(one), body),
            ("DELETE", [one, "ssh", key]) => self.detach_key(id(one), id(key)),
            _ => return None,
        })
    }
}

//! Container logs: on request, a host uploads one to a URL outside of the market's API.

use serde_json::{Value, json};

use crate::domain::Time;

use crate::world::clock::{as_seconds, seconds};
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::model::{LogCopy, SimInstance};
use crate::world::state::World;

/// Seconds until an upload is complete.
const UPLOAD_DELAY: f64 = 3.0;
/// How long an upload stays available, in seconds.
const UPLOAD_RETENTION: f64 = 600.0;

impl World {
    pub(in crate::world) fn request_log(&mut self, id: u64, body: &Value) -> ApiResponse {
        let Some(instance) = self.live_instance(id) else {
            return ApiResponse::refusal(404, "invalid_id", "Invalid instance id.");
        };
        // A number of lines, as text.
        let Some(tail) = body["tail"].as_str().and_then(|tail| tail.parse().ok()) else {
            return ApiResponse::refusal(400, "invalid_args", "tail must be a string");
        };
        let text = last_lines(&container_log(instance, self.now), tail);
        let oldest = self.now - seconds(UPLOAD_RETENTION);
        self.log_copies.retain(|copy| copy.available_at > oldest);
        let number = self.log_copies.last().map_or(1, |copy| copy.number + 1);
        self.log_copies.push(LogCopy {
            number,
            available_at: self.now + seconds(UPLOAD_DELAY),
            text,
        });
        let url = format!("{}/instance_logs/{number}.log", self.uploads_url);
        ApiResponse::ok(
            &json!({"success": true, "result_url": url, "msg": "Log is being uploaded"}),
        )
    }

    /// The upload storage, which does not accept the market's keys.
    pub(in crate::world) fn uploaded_log(&self, name: &str, request: &ApiRequest) -> ApiResponse {
        if request.bearer.is_some() {
            return ApiResponse::text(400, "<Error><Code>InvalidArgument</Code></Error>");
        }
        let number = name.strip_suffix(".log").and_then(|name| name.parse().ok());
        let copy = self
            .log_copies
            .iter()
            .find(|copy| Some(copy.number) == number && copy.available_at <= self.now);
        match copy {
            Some(copy) => ApiResponse::text(200, &copy.text),
            None => ApiResponse::text(403, "<Error><Code>AccessDenied</Code></Error>"),
        }
    }
}

/// Output of the container's first process; the workload has its own log.
fn container_log(instance: &SimInstance, now: Time) -> String {
    let age = as_seconds(now - instance.running_at);
    let lines = [
        (1.0, "Generating public/private ed25519 key pair.\n"),
        (2.0, " * Starting OpenBSD Secure Shell server sshd [ OK ]\n"),
        (4.0, &format!("onstart of C.{} ran\n", instance.id)),
    ];
    let lines = lines.into_iter().filter(|(at, _)| *at <= age);
    lines.map(|(_, line)| line).collect()
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines[lines.len().saturating_sub(count)..].concat()
}

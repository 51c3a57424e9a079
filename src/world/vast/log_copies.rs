//! Container logs: on request, a host uploads one to a URL outside of the market's API.

use serde_json::{Value, json};

use crate::domain::Time;

use crate::world::account::AccountId;
use crate::world::clock::{as_seconds, seconds};
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::model::{LogCopy, SimInstance};
use crate::world::state::World;

/// Seconds until an upload is complete.
const UPLOAD_DELAY: f64 = 3.0;
/// How long an upload stays available, in seconds.
const UPLOAD_RETENTION: f64 = 600.0;
/// Lines of a log, unless the request says otherwise.
const ALL_LINES: usize = 1_000;
/// Characters of a command (`execute.yaml`).
const COMMAND_LIMIT: usize = 512;
/// Where a container's disk is on its host.
const WRITEABLE: &str = "/var/lib/docker/overlay2/merged";

impl World {
    pub(super) fn request_log(&mut self, by: AccountId, id: u64, body: &Value) -> ApiResponse {
        let Some(instance) = self.owned(by, id) else {
            return ApiResponse::refusal(404, "invalid_id", "Invalid instance id.");
        };
        // A number of lines, as text.
        let tail = match &body["tail"] {
            Value::Null => ALL_LINES,
            tail => match tail.as_str().and_then(|tail| tail.parse().ok()) {
                Some(tail) => tail,
                None => {
                    return ApiResponse::refusal(400, "invalid_args", "tail must be a string");
                }
            },
        };
        let log = if body["daemon_logs"] == "true" {
            daemon_log(instance)
        } else {
            container_log(instance, self.now)
        };
        let wanted = body["filter"].as_str().unwrap_or_default();
        let lines = log
            .split_inclusive('\n')
            .filter(|line| line.contains(wanted));
        let url = self.upload(last_lines(&lines.collect::<String>(), tail));
        ApiResponse::ok(
            &json!({"success": true, "result_url": url, "msg": "Log is being uploaded"}),
        )
    }

    /// A few commands, on the disk of a stopped container.
    pub(super) fn execute(&mut self, by: AccountId, id: u64, body: &Value) -> ApiResponse {
        let refused = |text: &str| ApiResponse::refusal(400, "invalid_args", text);
        let Some(instance) = self.owned(by, id) else {
            return ApiResponse::refusal(404, "not_found", "Instance not found.");
        };
        let command = body["command"].as_str().unwrap_or_default();
        match command.split_whitespace().next() {
            None => return refused("Missing command."),
            Some("ls" | "rm" | "du") if command.len() <= COMMAND_LIMIT => {}
            Some(_) => return refused("Invalid command given."),
        }
        if instance.is_running(self.now) {
            return refused(
                "Execute command only avail on stopped instances. Use ssh to run commands on running instances.",
            );
        }
        let paths: Vec<&str> = instance.files.keys().map(String::as_str).collect();
        let output = format!("{WRITEABLE}/root\n{}\n", paths.join("\n"));
        let url = self.upload(output);
        let text = "Command is executing, wait a few seconds and then view the result_url";
        ApiResponse::ok(
            &json!({"success": true, "writeable_path": WRITEABLE, "result_url": url, "msg": text}),
        )
    }

    /// Begins an upload, and returns its address.
    fn upload(&mut self, text: String) -> String {
        let oldest = self.now - seconds(UPLOAD_RETENTION);
        self.log_copies.retain(|copy| copy.available_at > oldest);
        let number = self.log_copies.last().map_or(1, |copy| copy.number + 1);
        self.log_copies.push(LogCopy {
            number,
            available_at: self.now + seconds(UPLOAD_DELAY),
            text,
        });
        format!("{}/instance_logs/{number}.log", self.uploads_url)
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

/// What the host's daemon says of the container.
fn daemon_log(instance: &SimInstance) -> String {
    let image = instance.order["image"].as_str().unwrap_or("?");
    format!("pulling {image}\ncreating C.{}\n", instance.id)
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines[lines.len().saturating_sub(count)..].concat()
}

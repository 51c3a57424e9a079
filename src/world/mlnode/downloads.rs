//! The model manager: downloads ordered with `POST /api/v1/models/download` (`api/models/manager.py`).

use serde_json::{Value, json};

use crate::domain::Time;

use super::api::missing;
use super::lines::MODELS;
use super::node::{
    Download, DownloadEnd, DownloadState, IMAGE_GB, ModelLoad, NodeSpec, Process, Revision,
    STALLS_AT, Service, SimMlNode,
};
use super::settings::{HubAccess, HubFolder};
use super::weights::size_of;
use crate::world::clock::{as_seconds, seconds};
use crate::world::exchange::ApiResponse;
use crate::world::faults::WorkloadFault;
use crate::world::numbers::number;
use crate::world::scenario::EnvironmentRule;

/// Most concurrent downloads.
const AT_ONCE: usize = 3;
/// Retries after a stall, and the pauses before them together.
const ATTEMPTS: f64 = 4.0;
const PAUSES: f64 = 14.0;
/// Seconds until Hugging Face refuses or confirms a model.
const LOOKUP: f64 = 3.0;

/// The state of a revision's files.
enum DownloadStatus<'a> {
    NotFound,
    Running(&'a Download),
    Partial(Option<&'a str>),
    Downloaded,
}

impl Revision {
    fn of(body: &Value) -> Option<Revision> {
        Some(Revision {
            repo: body["hf_repo"].as_str()?.to_owned(),
            commit: body["hf_commit"].as_str().map(str::to_owned),
        })
    }

    fn json(&self) -> Value {
        json!({"hf_repo": self.repo, "hf_commit": self.commit})
    }

    fn tag(&self) -> &str {
        self.commit.as_deref().unwrap_or("latest")
    }
}

impl Download {
    fn is_running(&self) -> bool {
        matches!(self.state, DownloadState::Running { .. })
    }

    fn gb(&self, now: Time, spec: &NodeSpec, size: f64) -> f64 {
        let most = if spec.load_outcome == ModelLoad::Stalls {
            self.base_gb.max(size * STALLS_AT)
        } else {
            size
        };
        (self.base_gb + as_seconds(now - self.started) * spec.bandwidth).min(most)
    }
}

impl Service {
    pub(super) fn next_download_end(&self) -> Option<Time> {
        let ends = self.downloads.values().filter_map(|task| match task.state {
            DownloadState::Running { ends_at, .. } => Some(ends_at),
            DownloadState::Over(_) => None,
        });
        ends.min()
    }
}

impl SimMlNode {
    /// `POST /api/v1/models/download`.
    pub(super) fn order_download(&mut self, now: Time, body: &Value) -> ApiResponse {
        let Some(revision) = Revision::of(body) else {
            return missing(&json!(["body", "hf_repo"]));
        };
        let reply = |status: &str| {
            let task = format!("{}:{}", revision.repo, revision.tag());
            let body = json!({"task_id": task, "status": status, "model": revision.json()});
            ApiResponse::new(202, &body)
        };
        let offline = self.spec.settings.hub_access == HubAccess::Offline;
        if offline && self.spec.environment == EnvironmentRule::Applied {
            return reply("IGNORED");
        }
        let size = size_of(&revision.repo);
        if self.cache.has(HubFolder::Node, &revision.repo, size) {
            return reply("DOWNLOADED");
        }
        let Some(service) = self.service() else {
            return ApiResponse::new(503, &json!({"detail": "Service Unavailable"}));
        };
        let known = service.downloads.get(&revision);
        if known.is_some_and(Download::is_running) {
            let detail = format!(
                "Model {}:{} is already downloading",
                revision.repo,
                revision.tag()
            );
            return ApiResponse::new(409, &json!({"detail": detail}));
        }
        let running = service.downloads.values().filter(|task| task.is_running());
        if running.count() >= AT_ONCE {
            let detail = "Maximum concurrent downloads (3) reached";
            return ApiResponse::new(429, &json!({"detail": detail}));
        }
        self.begin_download(now, &revision, size);
        reply("DOWNLOADING")
    }

    fn begin_download(&mut self, now: Time, revision: &Revision, size: f64) {
        let (repo, tag) = (&revision.repo, revision.tag());
        let base_gb = self.current_gb(now, HubFolder::Node, repo);
        let (ends_at, end) = self.download_end(now, repo, base_gb, size);
        let mut say = |after: f64, text: &str| {
            self.log.node(now + seconds(after), MODELS, "INFO", text);
        };
        say(
            0.0,
            &format!("Starting download for {repo} (commit: {tag})"),
        );
        say(0.2, "Download subprocess started with PID 402");
        say(0.2, &format!("Starting stall monitor for {repo}"));
        if self.spec.load_outcome == ModelLoad::Stalls && end != DownloadEnd::Whole {
            let stall = self.spec.settings.stall_timeout;
            for attempt in 1..4_u64 {
                let at = now + seconds(stall * number(attempt));
                let text = format!("Download stalled for {repo}, will retry");
                self.log.node(at, MODELS, "WARNING", &text);
            }
        }
        if end == DownloadEnd::Whole {
            let at = ends_at - seconds(LOOKUP);
            let text = format!("Download completed for {repo}, verifying...");
            self.log.node(at, MODELS, "INFO", &text);
        }
        if let Some(service) = self.service_mut() {
            // The node's only thread compares the list of files with Hugging Face's.
            service.busy_until = Some(now + seconds(LOOKUP));
            let state = DownloadState::Running { ends_at, end };
            let task = Download {
                started: now,
                base_gb,
                state,
            };
            service.downloads.insert(revision.clone(), task);
        }
    }

    fn download_end(&self, now: Time, repo: &str, base: f64, size: f64) -> (Time, DownloadEnd) {
        let spec = &self.spec;
        let partial = |after: f64, why: String| (now + seconds(after), DownloadEnd::Partial(why));
        if spec.fault == Some(WorkloadFault::DownloadRefused) {
            return partial(LOOKUP, format!("Repository not found: {repo}"));
        }
        let room = (spec.disk_gb - IMAGE_GB - self.cache.total_gb()).max(0.0);
        if room < size - base {
            let why = "[Errno 28] No space left on device".to_owned();
            return partial(room / spec.bandwidth, why);
        }
        if spec.load_outcome == ModelLoad::Stalls {
            let after = ATTEMPTS * spec.settings.stall_timeout + PAUSES;
            return partial(after, "Download stalled after 3 retries".to_owned());
        }
        let after = (size - base) / spec.bandwidth + 2.0 * LOOKUP;
        (now + seconds(after), DownloadEnd::Whole)
    }

    /// Ends the downloads that are due; false if there are none.
    pub(super) fn end_downloads(&mut self, at: Time) -> bool {
        let Some(service) = self.service_mut() else {
            return false;
        };
        let mut ended = Vec::new();
        for (revision, task) in &mut service.downloads {
            if let DownloadState::Running { ends_at, end } = &task.state
                && *ends_at <= at
            {
                let end = end.clone();
                task.state = DownloadState::Over(end.clone());
                ended.push((revision.clone(), task.clone(), end));
            }
        }
        let any = !ended.is_empty();
        for (revision, task, end) in ended {
            self.end_download(at, &revision, &task, &end);
        }
        any
    }

    fn end_download(&mut self, at: Time, revision: &Revision, task: &Download, end: &DownloadEnd) {
        let repo = &revision.repo;
        let size = size_of(repo);
        match end {
            DownloadEnd::Whole => {
                self.cache.keep(HubFolder::Node, repo, size, size);
                let text = format!("Successfully downloaded and verified model {repo}");
                self.log.node(at, MODELS, "INFO", &text);
            }
            DownloadEnd::Partial(why) => {
                let gb = task.gb(at, &self.spec, size).min(size - 1.0);
                self.cache.keep(HubFolder::Node, repo, gb, size);
                let text = format!("Failed to download model {repo}: {why}");
                self.log.node(at, MODELS, "ERROR", &text);
            }
        }
    }

    /// Drops the download tasks; finished files stay.
    pub(super) fn abandon_downloads(&mut self, at: Time) {
        let Some(service) = self.service_mut() else {
            return;
        };
        let tasks = std::mem::take(&mut service.downloads);
        let running = tasks.into_iter().filter(|(_, task)| task.is_running());
        for (revision, task) in running {
            let size = size_of(&revision.repo);
            let gb = task.gb(at, &self.spec, size);
            self.cache.keep(HubFolder::Node, &revision.repo, gb, size);
        }
    }

    /// How much of a repository is in a folder now, in GB.
    fn current_gb(&self, now: Time, folder: HubFolder, repo: &str) -> f64 {
        let kept = self.cache.gb_of(folder, repo);
        if folder != HubFolder::Node {
            return kept;
        }
        let size = size_of(repo);
        let tasks = self.service().into_iter().flat_map(|s| &s.downloads);
        let running = tasks.filter(|(key, task)| key.repo == repo && task.is_running());
        let running = running.map(|(_, task)| task.gb(now, &self.spec, size));
        running.fold(kept, f64::max)
    }

    fn download_status<'a>(&'a self, revision: &Revision) -> DownloadStatus<'a> {
        let size = size_of(&revision.repo);
        let task = self.service().and_then(|s| s.downloads.get(revision));
        match task.map(|task| (task, &task.state)) {
            Some((task, DownloadState::Running { .. })) => DownloadStatus::Running(task),
            Some((_, DownloadState::Over(DownloadEnd::Partial(why)))) => {
                DownloadStatus::Partial(Some(why))
            }
            _ if self.cache.has(HubFolder::Node, &revision.repo, size) => {
                DownloadStatus::Downloaded
            }
            _ if self.cache.gb_of(HubFolder::Node, &revision.repo) > 0.0 => {
                DownloadStatus::Partial(None)
            }
            _ => DownloadStatus::NotFound,
        }
    }

    /// `POST /api/v1/models/status`, with the body of the download.
    pub(super) fn model_status(&self, now: Time, body: &Value) -> ApiResponse {
        let Some(revision) = Revision::of(body) else {
            return missing(&json!(["body", "hf_repo"]));
        };
        let (status, progress, error) = match self.download_status(&revision) {
            DownloadStatus::NotFound => ("NOT_FOUND", Value::Null, None),
            DownloadStatus::Running(task) => {
                let elapsed = as_seconds(now - task.started);
                let start = as_seconds(task.started - Time::UNIX_EPOCH);
                let progress = json!({"start_time": start, "elapsed_seconds": elapsed});
                ("DOWNLOADING", progress, None)
            }
            DownloadStatus::Partial(why) => ("PARTIAL", Value::Null, why),
            DownloadStatus::Downloaded => ("DOWNLOADED", Value::Null, None),
        };
        ApiResponse::ok(&json!({"model": revision.json(), "status": status,
            "progress": progress, "error_message": error}))
    }

    /// `GET /api/v1/models/space`: only whole files count.
    pub(super) fn model_space(&self, now: Time) -> ApiResponse {
        let used = self.cache_gb(now);
        let whole_files = (used / 5.0).floor() * 5.0;
        let free = (self.spec.disk_gb - IMAGE_GB - used).max(0.0);
        ApiResponse::ok(&json!({"cache_size_gb": whole_files, "available_gb": free,
            "cache_path": "/root/.cache/hub"}))
    }

    /// `GET /api/v1/models/list`.
    pub(super) fn model_list(&self) -> ApiResponse {
        let whole = self.cache.whole(HubFolder::Node);
        let row = |repo: &str| json!({"model": {"hf_repo": repo, "hf_commit": null}, "status": "DOWNLOADED"});
        let models: Value = whole.map(row).collect();
        ApiResponse::ok(&json!({"models": models}))
    }

    /// The size of everything in the caches now, in GB, with running downloads.
    fn cache_gb(&self, now: Time) -> f64 {
        let mut partial = 0.0;
        let tasks = self.service().into_iter().flat_map(|s| &s.downloads);
        for (revision, task) in tasks.filter(|(_, task)| task.is_running()) {
            let size = size_of(&revision.repo);
            let kept = self.cache.gb_of(HubFolder::Node, &revision.repo);
            partial += (task.gb(now, &self.spec, size) - kept).max(0.0);
        }
        self.cache.total_gb() + partial
    }

    /// All that was downloaded so far, in GB.
    pub(in crate::world) fn downloaded_gb(&self, now: Time) -> f64 {
        if let Process::Vllm {
            server, loads_at, ..
        } = &self.process
        {
            let passed = as_seconds(now - *loads_at).max(0.0);
            return (passed * self.spec.bandwidth).min(size_of(&server.model));
        }
        let loading = self.loading();
        let fetched = loading.map_or(0.0, |load| {
            let kept = self.cache.gb_of(self.spec.vllm_folder(), &load.model);
            (self.fetched_gb(load, now) - kept).max(0.0)
        });
        self.cache_gb(now) + fetched
    }
}

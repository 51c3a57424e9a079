//! The boot of an `MLNode` and its log, as functions of time.

use crate::domain::Time;
use crate::world::clock::{as_seconds, seconds};
use crate::world::model::{ModelLoad, SimMlNode};
use crate::world::numbers::{number, uniform};
use crate::world::state::MODEL;

pub(in crate::world) const GRAPHS: f64 = 60.0;

impl SimMlNode {
    pub fn new(
        seed: u64,
        id: u64,
        running_at: Time,
        logs: bool,
        load_outcome: ModelLoad,
    ) -> SimMlNode {
        let mut node = SimMlNode::unlogged(seed, id, running_at, logs, load_outcome);
        let started = "\u{1b}[32mINFO\u{1b}[0m:     Started server process [1]\n";
        node.write_log(running_at + seconds(2.0), started);
        let environment = format!("environment: {}\n", "HF_HOME=/root/.cache;".repeat(520));
        node.write_log(running_at + seconds(3.0), &environment);
        node.write_log(node.api_at, "\u{1b}[32mINFO\u{1b}[0m:     Uvicorn running on http://0.0.0.0:8080 (Press CTRL+C to quit)\n");
        node
    }

    /// With an empty log.
    pub fn unlogged(
        seed: u64,
        id: u64,
        running_at: Time,
        logs: bool,
        load_outcome: ModelLoad,
    ) -> SimMlNode {
        SimMlNode {
            api_at: running_at + seconds(20.0 + 20.0 * uniform(seed, 20, id)),
            started_at: None,
            model: MODEL.into(),
            download: 480.0 + 360.0 * uniform(seed, 21, id),
            load: 120.0 + 60.0 * uniform(seed, 22, id),
            load_outcome,
            log: Vec::new(),
            logs,
            batch: None,
            vllm: None,
        }
    }

    pub fn write_log(&mut self, at: Time, text: &str) {
        if self.logs {
            self.log.push((at, text.as_bytes().to_vec()));
        }
    }

    /// Part of the log up to `now`; `None` before its first line.
    pub fn log_part(&self, now: Time, offset: u64, max: usize) -> Option<Vec<u8>> {
        if self.log.first().is_none_or(|(at, _)| *at > now) {
            return None;
        }
        let mut before = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut part = Vec::new();
        for (_, bytes) in self.log.iter().filter(|(at, _)| *at <= now) {
            let from = before.min(bytes.len());
            before -= from;
            let room = max - part.len();
            part.extend(bytes[from..].iter().take(room));
            if part.len() == max {
                break;
            }
        }
        (before == 0).then_some(part)
    }

    pub(super) fn start(&mut self, now: Time, model: &str) {
        self.started_at = Some(now);
        self.model = model.into();
        let stalls = self.load_outcome == ModelLoad::Stalls;
        for step in 0..=if stalls { 20 } else { 50_u64 } {
            let at = now + seconds(self.download * number(step) / 50.0);
            let line = format!(
                "\rFetching 30 files: {:3}%|{}| {}/30",
                step * 2,
                "#".repeat(usize::try_from(step / 5).unwrap_or(0)),
                step * 30 / 50
            );
            self.write_log(at, &line);
        }
        if stalls {
            return;
        }
        let loaded = now + seconds(self.download);
        self.write_log(loaded, "\nINFO Starting vLLM instance 1 on port 5001\n");
        let line = format!("INFO Starting to load model {model}...\n");
        self.write_log(loaded + seconds(2.0), &line);
        self.log_shards(loaded);
        let graphs = loaded + seconds(self.load);
        if let ModelLoad::Fails(why) = &self.load_outcome {
            let line = format!("\n\u{1b}[31mERROR\u{1b}[0m {why}\n");
            return self.write_log(graphs, &line);
        }
        let took = self.load;
        let line = format!("\nINFO Model loading took 54.1377 GiB and {took:.6} seconds\n");
        self.write_log(graphs, &line);
        let line = "INFO Dynamo bytecode transform time: 8.00 s\n";
        self.write_log(graphs + seconds(8.0), line);
        self.log_graphs(graphs, "Capturing CUDA graph shapes");
        self.write_log(graphs + seconds(GRAPHS), "\nINFO:     Application startup complete.\nvLLM is up and running with 1 instance(s).\n");
    }

    /// Writes the progress of a load that starts at `began`.
    pub fn log_shards(&mut self, began: Time) {
        for shard in 1..=8_u64 {
            let line = format!(
                "\rLoading safetensors checkpoint shards: {:3}% Completed | {shard}/8 [00:12<00:12,  3.1s/it]",
                shard * 100 / 8
            );
            self.write_log(began + seconds(self.load * number(shard) / 9.0), &line);
        }
    }

    /// Writes the progress of graph captures that start at `began`.
    pub fn log_graphs(&mut self, began: Time, what: &str) {
        for step in 1..=10_u64 {
            let line = format!("\r{what}: {:3}%|", step * 10);
            self.write_log(began + seconds(8.0 + 5.0 * number(step)), &line);
        }
    }

    pub(super) fn fault(&self) -> Option<&str> {
        match &self.load_outcome {
            ModelLoad::Fails(why) => Some(why),
            ModelLoad::Works | ModelLoad::Stalls => None,
        }
    }

    pub(super) fn elapsed(&self, now: Time) -> Option<f64> {
        self.started_at.map(|at| as_seconds(now - at))
    }

    pub fn is_ready(&self, now: Time) -> bool {
        let length = self.download + self.load + GRAPHS;
        let is_over = self.elapsed(now).is_some_and(|elapsed| elapsed >= length);
        is_over && self.load_outcome == ModelLoad::Works
    }

    pub(super) fn startup(&self, now: Time) -> &'static str {
        match self.elapsed(now) {
            None => "not_started",
            Some(_) if self.is_ready(now) => "completed",
            Some(e) if self.fault().is_some() && e >= self.download + self.load => "failed",
            Some(_) => "starting",
        }
    }
}

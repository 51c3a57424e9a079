//! Progress of an image pull. Pure.
//!
//! The market passes on the last status line of docker: a layer and its state. Neither the number of
//! layers nor their size is known, so there is no percentage.

use std::collections::BTreeMap;

use crate::domain::{Duration, Time, excerpt};

/// Shown as stalled after this long without a new message. A layer takes minutes.
const STALL_AFTER: Duration = Duration::minutes(2);
/// Bounds the memory: no image has more layers.
const LAYERS: usize = 256;

/// State of an image pull, from the messages so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ImagePull {
    layers: BTreeMap<String, Layer>,
    last: String,
    changed_at: Option<Time>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    UnderWay,
    Done,
}

impl ImagePull {
    /// Records the host's status message, one line or several.
    pub(super) fn observe(&mut self, now: Time, message: &str) {
        if self.changed_at.is_none() || self.last != message {
            message.clone_into(&mut self.last);
            self.changed_at = Some(now);
        }
        for (layer, state) in message.lines().filter_map(layer) {
            let known = self.layers.get(layer);
            if known.is_none() && self.layers.len() == LAYERS || known == Some(&Layer::Done) {
                continue;
            }
            self.layers.insert(layer.to_owned(), state);
        }
    }

    /// The last message, the number of finished layers, and a stall.
    pub(super) fn describe(&self, now: Time) -> String {
        let last = excerpt(self.last.lines().next_back().unwrap_or_default());
        let seen = self.layers.len();
        let done = self.layers.values().filter(|layer| **layer == Layer::Done);
        let done = done.count();
        let layers = (seen > 0).then(|| format!("({done} of {seen} known layers done)"));
        let silence = self.changed_at.map_or(Duration::zero(), |at| now - at);
        let minutes = silence.num_minutes();
        let stalled = (silence >= STALL_AFTER)
            .then(|| format!("STALLED: no news from the host for {minutes} min"));
        let parts = [Some(last).filter(|last| !last.is_empty()), layers, stalled];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join(" ")
    }
}

/// The layer of a line such as `a3ed95caeb02: Pull complete`.
fn layer(line: &str) -> Option<(&str, Layer)> {
    let (id, what) = line.trim().split_once(": ")?;
    let is_id = (6..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let done = ["Pull complete", "Already exists"]
        .iter()
        .any(|words| what.starts_with(words));
    let state = if done { Layer::Done } else { Layer::UnderWay };
    is_id.then_some((id, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn finished_layers_stay_finished() {
        let mut pull = ImagePull::default();
        pull.observe(at(0), "a3ed95caeb02: Pulling fs layer");
        pull.observe(
            at(10),
            "5f70bf18a086: Already exists\na3ed95caeb02: Pull complete",
        );
        pull.observe(at(20), "a3ed95caeb02: Verifying Checksum");
        pull.observe(at(30), "7c457f213c76: Extracting [==>   ]  1.2GB/3.4GB");
        assert_eq!(
            pull.describe(at(40)),
            "7c457f213c76: Extracting [==>   ]  1.2GB/3.4GB (2 of 3 known layers done)"
        );
    }

    #[test]
    fn message_without_layer_is_passed_through() {
        let mut pull = ImagePull::default();
        pull.observe(at(0), "3.0.16: Pulling from org/mlnode");
        assert_eq!(pull.describe(at(1)), "3.0.16: Pulling from org/mlnode");
    }

    #[test]
    fn stall_is_shown_until_progress() {
        let mut pull = ImagePull::default();
        pull.observe(at(0), "a3ed95caeb02: Downloading");
        pull.observe(at(190), "a3ed95caeb02: Downloading");
        let text = pull.describe(at(190));
        assert!(
            text.ends_with("STALLED: no news from the host for 3 min"),
            "{text}"
        );
        pull.observe(at(200), "a3ed95caeb02: Pull complete");
        assert!(!pull.describe(at(210)).contains("STALLED"));
    }

    #[test]
    fn silent_host_counts_as_stalled() {
        let mut pull = ImagePull::default();
        pull.observe(at(0), "");
        assert_eq!(pull.describe(at(60)), "");
        assert!(pull.describe(at(600)).starts_with("STALLED"));
    }
}

//! The market's records of the account: keys, templates and bills.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::Time;

/// Seconds.
pub(super) const DAY: i64 = 86_400;
/// The account's id.
pub(super) const USER: u64 = 123_456;

/// A key of the account.
#[derive(Debug, Clone)]
pub(super) struct AccountKey {
    pub id: u64,
    /// Without its comment.
    pub key: String,
    pub created_at: Time,
}

impl AccountKey {
    /// Lists call it `key` (`show_ssh_keys.yaml`), the reply to a creation `public_key`
    /// (`create_ssh_key.yaml`): rows hold both.
    pub fn row(&self) -> Value {
        let created = self.created_at.to_rfc3339();
        json!({"id": self.id, "user_id": USER, "key": self.key, "public_key": self.key,
            "created_at": created, "deleted_at": null})
    }
}

/// As the market shows it: `create_template.yaml`.
pub(super) type Template = Value;

/// A rental's charges on one day, in dollars, with their quantities.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DayCharge {
    pub gpu: f64,
    pub gpu_hours: f64,
    pub storage: f64,
    pub storage_hours: f64,
    pub download: f64,
    pub download_gb: f64,
}

impl DayCharge {
    pub fn total(&self) -> f64 {
        self.gpu + self.storage + self.download
    }

    pub fn add(&mut self, other: &DayCharge) {
        self.gpu += other.gpu;
        self.gpu_hours += other.gpu_hours;
        self.storage += other.storage;
        self.storage_hours += other.storage_hours;
        self.download += other.download;
        self.download_gb += other.download_gb;
    }
}

/// A rental's charges per day, by the unix time of the day's start.
#[derive(Debug, Clone)]
pub(super) struct Bill {
    pub id: u64,
    pub label: String,
    pub template: Value,
    pub days: BTreeMap<i64, DayCharge>,
}

impl Bill {
    pub fn new(id: u64, order: &Value) -> Bill {
        Bill {
            id,
            label: order["label"].as_str().unwrap_or_default().to_owned(),
            template: order["template_id"].clone(),
            days: BTreeMap::new(),
        }
    }
}

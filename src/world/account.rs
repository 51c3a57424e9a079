//! The market's records of the operator's accounts: keys, templates and bills.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use serde_json::{Value, json};

use super::several::Several;
use crate::domain::Time;

/// The API key of the first account.
pub const API_KEY: &str = "simulated-vast-key";
/// Seconds.
pub(super) const DAY: i64 = 86_400;
/// The first account's id.
const USER: u64 = 123_456;

/// One of the operator's accounts. [`World::accounts`](super::World::accounts) gives those of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AccountId(u8);

impl AccountId {
    /// The one that every world has.
    pub const FIRST: AccountId = AccountId(0);

    pub fn api_key(self) -> String {
        match self.0 {
            0 => API_KEY.to_owned(),
            number => format!("{API_KEY}-{}", number + 1),
        }
    }

    /// What the operator calls it.
    pub fn name(self) -> String {
        match self.0 {
            0 => "main".to_owned(),
            number => format!("account-{}", number + 1),
        }
    }

    /// The market's number of it.
    pub(super) fn user(self) -> u64 {
        USER + u64::from(self.0)
    }
}

/// What the market keeps for an account, besides its rentals.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub keys: Vec<AccountKey>,
    pub templates: Vec<Template>,
    /// Of rentals that ended more than a day ago.
    pub past_bills: Vec<Bill>,
    pub archived_cost: f64,
}

/// All of them.
pub(super) type Accounts = Several<Account>;

impl Accounts {
    pub(super) fn ids(&self) -> impl Iterator<Item = AccountId> + use<> {
        self.numbers().map(AccountId)
    }
}

impl Index<AccountId> for Accounts {
    type Output = Account;

    fn index(&self, account: AccountId) -> &Account {
        self.nth(account.0)
    }
}

impl IndexMut<AccountId> for Accounts {
    fn index_mut(&mut self, account: AccountId) -> &mut Account {
        self.nth_mut(account.0)
    }
}

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
    pub fn row(&self, by: AccountId) -> Value {
        let created = self.created_at.to_rfc3339();
        json!({"id": self.id, "user_id": by.user(), "key": self.key, "public_key": self.key,
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

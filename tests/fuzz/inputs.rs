//! Bodies of the fuzz targets: everything foreign that pocpit parses. None may panic.

#![allow(
    clippy::expect_used,
    reason = "a fuzz target has no one to give an error to"
)]

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use pocpit::chain::client::ChainClient;
use pocpit::chain::sources::ChainSources;
use pocpit::config::{self, BaseDirs, Config};
use pocpit::domain::{
    InstanceId, NodeId, OrderedMachine, Participant, StageTimes, Time, Workload, WorkloadModel,
};
use pocpit::http::{Answer, HttpClient, HttpRequest, Transport, TransportError};
use pocpit::mlnode::boot::{BootOrder, BootTracker, record};
use pocpit::mlnode::client::MlNodeFactory;
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::{Chain as _, Market as _, NetworkNode as _, SourceSelection, TunnelEnds};
use pocpit::ssh::sanitize::Sanitizer;
use pocpit::vast::{RateLimit, RentalHistory, SessionNeeds, VastClient, rank};

/// A service with one reply to everything.
struct Says {
    status: u16,
    body: String,
}

#[async_trait]
impl Transport for Says {
    async fn exchange(&self, _: &HttpRequest) -> Result<Answer, TransportError> {
        Ok(Answer {
            status: self.status,
            retry_after: None,
            quota_reset: None,
            date: None,
            body: self.body.clone(),
            broken: None,
        })
    }
}

/// The first byte gives the status, mostly success; the rest is the body.
fn service(bytes: &[u8]) -> HttpClient {
    let (status, body) = match bytes.split_first() {
        Some((0..=15, body)) => (404, body),
        Some((16..=31, body)) => (500, body),
        Some((_, body)) => (200, body),
        None => (200, bytes),
    };
    HttpClient::over(Arc::new(Says {
        status,
        body: String::from_utf8_lossy(body).into_owned(),
    }))
}

/// Runs in virtual time: pauses between retries take none.
fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(work);
}

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let text = include_str!("config.toml");
    let loaded = config::parse(text, &[], "config.toml", &BaseDirs::default());
    loaded.expect("a good configuration").config
});

fn at() -> Time {
    Time::from_timestamp(1_790_000_000, 0).expect("a time")
}

/// Replies of the GPU market.
pub fn vast(bytes: &[u8]) {
    let config = &*CONFIG;
    let market = VastClient::new(service(bytes), &config.vast).with_rate_limit(RateLimit::Off);
    run(async {
        let _ = market.instances().await;
        let _ = market.instance(InstanceId(1)).await;
        let _ = market.account().await;
        let Ok(offers) = market.search(&config.vast.query, at()).await else {
            return;
        };
        let needs = SessionNeeds {
            now: at(),
            until: at(),
            at_worst_until: at(),
            boot_within: None,
            image_gb: 1.0,
            model_gb: 1.0,
        };
        let _ = rank(
            offers,
            &config.vast.query,
            &needs,
            &RentalHistory::default(),
        );
    });
}

/// Replies of the chain.
pub fn chain(bytes: &[u8]) {
    let config = &*CONFIG;
    let chain = ChainClient::new(service(bytes), &config.chain);
    run(async {
        if let Ok(view) = chain.epoch().await {
            let _ = pocpit::chain::epoch::consistent(&view);
        }
        let reports = chain.query_sources(SourceSelection::All).await;
        let _ = ChainSources::default().observe(at(), reports);
        let _ = chain.governance().await;
        let _ = chain.stored_blocks().await;
        let _ = chain
            .weight(&Participant("gonka1x".into()), &NodeId("vastai-1".into()))
            .await;
        let _ = chain.approved_models().await;
    });
}

/// Replies of the Network Node.
pub fn network_node(bytes: &[u8]) {
    let config = &*CONFIG;
    let node = NetworkNodeClient::new(service(bytes), &config.network_node);
    run(async {
        let _ = node.nodes().await;
        let _ = node.unregister(&NodeId("vastai-1".into())).await;
    });
}

/// Replies of the `MLNode` and of vLLM.
pub fn mlnode(bytes: &[u8]) {
    for workload in [Workload::MlNode, Workload::Vllm] {
        let nodes = MlNodeFactory::new(service(bytes));
        let end = ([127, 0, 0, 1], 18080).into();
        let ends = TunnelEnds {
            api: end,
            inference: end,
        };
        let node = nodes.at(workload, ends);
        run(async {
            let _ = node.status(&WorkloadModel::default()).await;
        });
    }
}

/// Bytes of a rental's log, in two pieces.
pub fn log(bytes: &[u8]) {
    let mut sanitizer = Sanitizer::new();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    for piece in [first, second] {
        for line in sanitizer.feed(at(), piece) {
            assert!(!line.text().chars().any(char::is_control), "{line:?}");
        }
        let _ = sanitizer.live(at());
    }
}

/// Log lines of a boot.
pub fn boot_lines(bytes: &[u8]) {
    for workload in [Workload::MlNode, Workload::Vllm] {
        boot_of(workload, bytes);
    }
}

fn boot_of(workload: Workload, bytes: &[u8]) {
    let mut tracker = BootTracker::new(BootOrder {
        workload,
        rented_at: at(),
        stage_known_from: at(),
        machine: OrderedMachine {
            gpus: 4,
            gpu_memory_mb: 80_000,
            cuda: Some(12.8),
        },
        model: WorkloadModel {
            id: "MiniMaxAI/MiniMax-M2.7".into(),
            ..WorkloadModel::default()
        },
        model_gb: 230.0,
        usual: StageTimes(Vec::new()),
    });
    for line in String::from_utf8_lossy(bytes).lines() {
        tracker.observe_line(at(), line);
        if let Some(record) = record::parse(line) {
            tracker.observe_record(at(), record);
        }
    }
    let progress = tracker.progress();
    assert!(
        progress.is_none_or(|part| (0.0..=1.0).contains(&part)),
        "{progress:?}"
    );
    let _ = (
        tracker.stage(),
        tracker.detail(),
        tracker.expected_left(at()),
    );
}

/// A configuration, and what is imported: the predecessor's settings, a node-config.json.
pub fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = config::parse(&text, &[], "fuzz", &BaseDirs::default());
    let imported = config::import(&text).unwrap_or_default();
    let _ = imported.missing();
}

//! The dashboard and the rules in `assets/` use existing metrics and labels.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use super::{boot, busy, page};
use crate::config::samples::config;
use crate::domain::{
    Blocks, BootEnd, ChainPhase, EpochIndex, EpochParams, EpochStages, EpochView, Height,
    ParamsOrigin, PoolName,
};
use crate::engine::{ChainReading, HeightEstimate, Snapshot};

const DASHBOARD: &str = include_str!("../../../../assets/grafana-dashboard.json");
const RULES: &str = include_str!("../../../../assets/alerts.yml");

const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

type Labels = BTreeMap<String, BTreeSet<String>>;

/// Metrics by the name that queries use, with their labels.
#[derive(Debug, Default)]
struct Known(BTreeMap<String, Labels>);

impl Known {
    fn read(&mut self, page: &str) {
        for line in page.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                self.read_family(family);
            } else if !line.starts_with('#') {
                self.read_sample(line);
            }
        }
    }

    fn read_family(&mut self, family: &str) {
        let (name, kind) = family.split_once(' ').unwrap();
        let ends: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_count", "_sum"],
            _ => &[""],
        };
        for end in ends {
            self.0.entry(format!("{name}{end}")).or_default();
        }
    }

    fn read_sample(&mut self, line: &str) {
        let (figure, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = figure.split_once('{').unwrap_or((figure, ""));
        let known = self.0.entry(name.to_owned()).or_default();
        for Matcher { label, value, .. } in matchers(labels.trim_end_matches('}')) {
            known.entry(label).or_default().insert(value);
        }
    }

    /// The errors of a query.
    fn wrong_with(&self, query: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let selectors = selectors(query);
        for (name, matchers) in &selectors {
            let Some(labels) = self.0.get(name) else {
                wrong.push(format!("there is no metric {name}"));
                continue;
            };
            for matcher in matchers {
                let values = labels.get(&matcher.label);
                if !values.is_some_and(|values| values.iter().any(|value| matcher.fits(value))) {
                    wrong.push(format!("{name} has no {matcher:?}: {labels:?}"));
                }
            }
        }
        let unknown = grouped_by(query).into_iter();
        let unknown = unknown.filter(|label| !self.has_label(query, label));
        wrong.extend(unknown.map(|label| format!("nothing in {query} has a label {label}")));
        wrong
    }

    /// Whether a metric of the query has the label.
    fn has_label(&self, query: &str, label: &str) -> bool {
        let mut metrics = selectors(query).into_iter();
        let has = |name: &str| self.0.get(name).is_some_and(|it| it.contains_key(label));
        OF_PROMETHEUS.contains(&label) || metrics.any(|(name, _)| has(&name))
    }
}

/// `label="value"` or `label=~"value"`.
#[derive(Debug, PartialEq)]
struct Matcher {
    label: String,
    is_pattern: bool,
    value: String,
}

impl Matcher {
    /// Supports only `.` in patterns.
    fn fits(&self, value: &str) -> bool {
        let alike = |(ours, theirs)| ours == theirs || (self.is_pattern && ours == '.');
        self.value.chars().count() == value.chars().count()
            && self.value.chars().zip(value.chars()).all(alike)
    }
}

/// Our values contain no quotes.
fn matchers(text: &str) -> Vec<Matcher> {
    let mut parts = text.split('"');
    let mut found = Vec::new();
    while let (Some(label), Some(value)) = (parts.next(), parts.next()) {
        let label = label.trim_start_matches(',').trim();
        let is_pattern = label.ends_with('~');
        found.push(Matcher {
            label: label.trim_end_matches(['=', '~']).to_owned(),
            is_pattern,
            value: value.to_owned(),
        });
    }
    found
}

/// Our metrics in a query, each with its matchers.
fn selectors(query: &str) -> Vec<(String, Vec<Matcher>)> {
    let starts = query.match_indices("pocpit_").map(|(start, _)| start);
    starts
        .map(|start| {
            let rest = &query[start..];
            let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let selected = rest
                .strip_prefix('{')
                .and_then(|rest| rest.split('}').next());
            (name.to_owned(), matchers(selected.unwrap_or_default()))
        })
        .collect()
}

/// Labels in `by (…)` and `on(…)`.
fn grouped_by(query: &str) -> Vec<&str> {
    let groups = [" by (", " on("].into_iter().flat_map(|opening| {
        let after = query.split(opening).skip(1);
        after.filter_map(|rest| rest.split(')').next())
    });
    let labels = groups.flat_map(|group| group.split(','));
    labels
        .map(str::trim)
        .filter(|label| !label.is_empty())
        .collect()
}

/// Labels in a text: `{{label}}` on the dashboard, `{{ $labels.label }}` in a rule.
fn shown(text: &str) -> Vec<&str> {
    let parts = text.split("{{").skip(1);
    let inner = parts.filter_map(|part| Some(part.split_once("}}")?.0.trim()));
    inner
        .filter(|inner| !inner.starts_with("$value"))
        .map(|inner| inner.trim_start_matches("$labels."))
        .collect()
}

/// A page with a sample of every metric.
fn of_the_engine() -> String {
    let estimate = HeightEstimate {
        height: Height(900),
        blocks_left: Blocks(10),
        expected: None,
    };
    let stages = EpochStages::default();
    let mut snapshot: Snapshot = busy();
    snapshot.chain.reading = Some(ChainReading {
        at: snapshot.at,
        view: EpochView {
            height: Height(890),
            epoch: EpochIndex(7),
            phase: ChainPhase::Inference,
            current: stages,
            next: stages,
            params: EpochParams::default(),
            params_origin: ParamsOrigin::Told,
            confirmation: None,
        },
        confirmation_times: None,
        block_time: None,
        stages: Vec::new(),
        poc_start: estimate,
        registration_deadline: estimate,
    });
    let faulty = boot(Some("ECC error"));
    snapshot
        .boots
        .count(&PoolName::default(), BootEnd::Failed, Some(&faulty));
    page(snapshot)
}

/// The page of a proxy after one request, which failed: its upstream does not run.
async fn of_the_proxy() -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut proxy = config().inference_proxy.unwrap();
    proxy.upstream.url = "http://127.0.0.1:9".parse().unwrap();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join(crate::proxy::STATE_FILE);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let model = proxy.model.clone();
    let served = tokio::spawn(async move {
        crate::proxy::serve_on(listener, &proxy, &file, pending(), pending()).await
    });
    let caller = reqwest::Client::builder().no_proxy().build().unwrap();
    let question = serde_json::json!({ "model": model, "messages": [] });
    let request = caller.post(format!("{base}/v1/chat/completions"));
    let response = request.json(&question).send().await.unwrap();
    assert!(response.status().is_server_error());
    let page = caller.get(format!("{base}/metrics")).send().await.unwrap();
    let page = page.text().await.unwrap();
    served.abort();
    page
}

async fn known() -> Known {
    let mut known = Known::default();
    known.read(&of_the_engine());
    known.read(&of_the_proxy().await);
    known
}

/// Queries of the dashboard, each with its legend.
fn of_the_dashboard() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array());
    let text = |target: &Value, name: &str| target[name].as_str().unwrap_or_default().to_owned();
    targets
        .flatten()
        .map(|target| (text(target, "expr"), text(target, "legendFormat")))
        .collect()
}

fn rules() -> Vec<Yaml> {
    let file = YamlLoader::load_from_str(RULES).unwrap();
    let groups = file[0]["groups"].as_vec().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_vec().unwrap());
    rules.cloned().collect()
}

/// Queries of the rules, each with its annotations.
fn of_the_rules() -> Vec<(String, String)> {
    let rules = rules();
    let rules = rules.iter().map(|rule| {
        let texts = rule["annotations"].as_hash().unwrap().values();
        let texts: Vec<&str> = texts.filter_map(Yaml::as_str).collect();
        (rule["expr"].as_str().unwrap().to_owned(), texts.join(" "))
    });
    rules.collect()
}

#[tokio::test]
async fn dashboard_and_rules_use_existing_metrics() {
    let known = known().await;
    let (dashboard, rules) = (of_the_dashboard(), of_the_rules());
    for (query, text) in dashboard.iter().chain(&rules) {
        let wrong = known.wrong_with(query);
        assert!(wrong.is_empty(), "{query}: {wrong:#?}");
        for label in shown(text) {
            assert!(known.has_label(query, label), "{query} shows {label}");
        }
    }
    // And they cover what costs money and what may fail.
    for (queries, name) in [
        (&dashboard, "pocpit_hourly_cost_dollars"),
        (&dashboard, "pocpit_rentals"),
        (&dashboard, "pocpit_proxy_answers_total"),
        (&rules, "pocpit_proxy_up"),
        (&rules, "pocpit_proxy_upstream_well"),
        (&rules, "pocpit_proxy_answers_total"),
    ] {
        let mut metrics = queries.iter().flat_map(|(query, _)| selectors(query));
        assert!(metrics.any(|(known, _)| known == name), "{name}");
    }
}

#[tokio::test]
async fn wrong_query_is_detected() {
    let known = known().await;
    for query in [
        "pocpit_proxy_ups == 1",
        "rate(pocpit_proxy_answers_total{code=\"502\"}[5m])",
        "rate(pocpit_proxy_answers_total{status=~\"6..\"}[5m])",
        "pocpit_alerts{level=\"fatal\"}",
        "sum by (status) (pocpit_proxy_up)",
        "pocpit_boots == 1",
    ] {
        assert_eq!(known.wrong_with(query).len(), 1, "{query}");
    }
}

#[test]
fn alert_rules_have_expression_and_text() {
    let rules = rules();
    assert!(rules.len() >= 9);
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        let expression = rule["expr"].as_str().unwrap();
        let count = |letter| expression.matches(letter).count();
        assert_eq!((count('('), count('{')), (count(')'), count('}')), "{name}");
        assert!(rule["annotations"]["summary"].as_str().is_some(), "{name}");
        assert!(rule["labels"]["severity"].as_str().is_some(), "{name}");
    }
}

#[test]
fn dashboard_panels_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{panel}");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{panel}");
            }
        }
    }
}

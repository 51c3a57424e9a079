use secrecy::ExposeSecret;

use super::table::{SETTINGS, find};
use super::*;
use crate::domain::{Duration, ReleasePolicy, Usd};

fn dirs() -> BaseDirs {
    BaseDirs {
        home: "/home/op".into(),
        config_dir: "/home/op/.config/pocpit".into(),
    }
}

fn parsed(text: &str) -> Result<Loaded, ConfigReport> {
    parse(text, &[], "test.toml", &dirs())
}

const LEAST: &str = r#"
[cockpit]
id = "home"
[chain]
public_api = ["http://10.0.0.5:9000"]
participant = "gonka1abc"
[vast]
api_key = "vast-secret-value"
image = "mlnode:3"
[ssh]
key_file = "~/.ssh/id_ed25519"
[mlnode]
model = "some/model"
[budget]
per_sprint = 40.0
per_day = "$60"
per_month = 900
[network_node]
admin_api = "http://10.0.0.5:9200"
host = "10.0.0.7"
api_listen = "10.0.0.7:18080"
inference_listen = "10.0.0.7:15000"
"#;

fn problem_of(text: &str, key: &str) -> Problem {
    let report = parsed(text).expect_err("a configuration with a problem");
    let found = report.problems.iter().find(|problem| problem.key == key);
    found
        .unwrap_or_else(|| panic!("no problem with {key} in {report}"))
        .clone()
}

#[test]
fn dead_ssh_connection_is_detected_within_15_seconds() {
    let ssh = parsed(LEAST).unwrap().config.ssh;
    assert!(
        ssh.keepalive * 4 <= std::time::Duration::from_secs(15),
        "{ssh:?}"
    );
}

#[test]
fn minimal_configuration_gets_all_defaults() {
    let config = parsed(LEAST)
        .unwrap_or_else(|report| panic!("{report}"))
        .config;
    assert_eq!(config.cockpit.as_str(), "home");
    assert_eq!(config.poc.lead, Duration::minutes(45));
    assert_eq!(config.poc.release, ReleasePolicy::AfterValidation);
    assert_eq!(config.budget.per_day, Usd::from_dollars(60.0));
    assert_eq!(
        config.ssh.key_file,
        std::path::Path::new("/home/op/.ssh/id_ed25519")
    );
    assert!(config.inference_proxy.is_none());
    assert!(config.simulation.is_none());
    assert!(matches!(
        config.network_node.exposure,
        Exposure::Tunnel {
            callback_port: 9100,
            ..
        }
    ));
}

#[test]
fn empty_configuration_reports_all_missing_settings() {
    let report = parsed("").expect_err("nothing is configured");
    for key in [
        "cockpit.id",
        "chain.public_api",
        "chain.participant",
        "vast.api_key",
        "vast.image",
        "ssh.key_file",
        "mlnode.model",
        "budget.per_sprint",
        "budget.per_day",
        "budget.per_month",
        "network_node.admin_api",
        "network_node.host",
        "network_node.api_listen",
        "network_node.inference_listen",
    ] {
        let times = report
            .problems
            .iter()
            .filter(|problem| problem.key == key)
            .count();
        assert_eq!(times, 1, "{key} in {report}");
    }
    assert_eq!(report.problems.len(), 14, "{report}");
}

#[test]
fn unknown_key_suggests_nearest_with_line() {
    let text = format!("{LEAST}\n[poc]\nregistration_margn = \"4m\"\n");
    let problem = problem_of(&text, "poc.registration_margn");
    assert!(
        problem
            .to_string()
            .contains("mean poc.registration_margin?"),
        "{problem:?}"
    );
    assert_eq!(problem.line, Some(text.lines().count()));
    let problem = problem_of(&format!("{LEAST}\n[budgte]\nx = 1\n"), "budgte");
    assert_eq!(problem.hint, Hint::DidYouMean("budget".to_owned()));
}

#[test]
fn all_wrong_values_are_reported() {
    let text = LEAST
        .replace("id = \"home\"", "id = \"Home Sweet Home\"")
        .replace("per_day = \"$60\"", "per_day = \"sixty\"")
        .replace("image = \"mlnode:3\"", "image = \"mlnode:3\"\ngpu_count = 0\ndisk = \"20\"\nmin_reliability = 1.5\nverification = \"maybe\"");
    let report = parsed(&text).expect_err("many problems");
    for key in [
        "cockpit.id",
        "budget.per_day",
        "vast.gpu_count",
        "vast.disk",
        "vast.min_reliability",
        "vast.verification",
    ] {
        assert!(
            report
                .problems
                .iter()
                .any(|problem| problem.key == key && problem.line.is_some()),
            "{key} in {report}"
        );
    }
}

#[test]
fn contradicting_settings_are_reported() {
    let low_day = LEAST.replace("per_day = \"$60\"", "per_day = 10");
    assert!(
        problem_of(&low_day, "budget.per_day")
            .what
            .contains("per_sprint")
    );
    let same_port = LEAST.replace("10.0.0.7:15000", "10.0.0.7:18080");
    assert!(
        problem_of(&same_port, "network_node.inference_listen")
            .what
            .contains("api_listen")
    );
    let small_disk = LEAST.replace(
        "image = \"mlnode:3\"",
        "image = \"mlnode:3\"\ndisk = \"50 GB\"",
    );
    assert!(problem_of(&small_disk, "vast.disk").what.contains("75"));
    let parallel = LEAST.to_string().replace(
        "model = \"some/model\"",
        "model = \"m\"\nargs = [\"--tensor-parallel-size\", \"8\"]",
    );
    assert!(problem_of(&parallel, "mlnode.args").what.contains('8'));
}

#[test]
fn direct_exposure_needs_no_tunnel() {
    let kept: Vec<&str> = LEAST
        .lines()
        .filter(|line| !line.starts_with("host") && !line.contains("_listen"))
        .collect();
    let text = kept.join(
        "
",
    ) + "
exposure = \"direct\"
";
    let config = parsed(&text)
        .unwrap_or_else(|report| panic!("{report}"))
        .config;
    assert!(matches!(config.network_node.exposure, Exposure::Direct));
}

#[test]
fn environment_overrides_file_and_is_checked() {
    let environment = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let set = environment("POCPIT_VAST_GPU_NAMES", "RTX 4090, H100 SXM");
    let loaded =
        parse(LEAST, &set, "test.toml", &dirs()).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.config.vast.query.gpu_names, ["RTX 4090", "H100 SXM"]);
    assert!(loaded.show().contains("# environment"));
    let wrong = environment("POCPIT_BUDGET_PER_DAI", "3");
    let report = parse(LEAST, &wrong, "test.toml", &dirs()).expect_err("no such variable");
    assert!(
        report.to_string().contains("POCPIT_BUDGET_PER_DAY?"),
        "{report}"
    );
    let others = environment("POCPIT_LOG", "debug");
    assert!(parse(LEAST, &others, "test.toml", &dirs()).is_ok());
}

#[test]
fn secret_file_is_read_never_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("vast.key");
    std::fs::write(&file, "key-from-file\n").expect("a file");
    let by_file = format!("api_key_file = {file:?}\nenv = {{ HF_TOKEN = \"hf_hidden\" }}");
    let text = LEAST.replace("api_key = \"vast-secret-value\"", &by_file)
        + "[notify]\nwebhook = \"https://hooks.example.org/T000/secretpath\"\n";
    let loaded = parsed(&text).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(
        secrecy::ExposeSecret::expose_secret(&loaded.config.vast.api_key),
        "key-from-file"
    );
    assert_eq!(
        loaded.warnings.len(),
        1,
        "others can read it: {:?}",
        loaded.warnings
    );
    for shown in [loaded.show(), format!("{:?}", loaded.config)] {
        assert!(!shown.contains("key-from-file"), "{shown}");
    }
    assert!(!loaded.show().contains("hf_hidden") && !loaded.show().contains("secretpath"));
    let both = text.replace("api_key_file", "api_key = \"other-secret\"\napi_key_file");
    let report = parsed(&both).expect_err("two keys");
    assert!(!report.to_string().contains("other-secret"), "{report}");
    let not_there = text.replace("vast.key", "missing.key");
    assert!(
        problem_of(&not_there, "vast.api_key_file")
            .what
            .contains("missing.key")
    );
}

#[test]
fn wrong_type_does_not_leak_secret() {
    let text = LEAST.replace("\"vast-secret-value\"", "12345678");
    let report = parsed(&text).expect_err("a number is no key").to_string();
    assert!(
        report.contains("vast.api_key") && !report.contains("12345678"),
        "{report}"
    );
}

#[test]
fn unknown_section_is_reported_once() {
    let text = format!("{LEAST}[budgett]\nper_hour = 1\nper_year = 2\n");
    let report = parsed(&text).unwrap_err().to_string();
    assert_eq!(report.matches("budgett").count(), 1, "{report}");
    assert!(report.contains("did you mean budget?"), "{report}");
}

#[test]
fn value_in_place_of_section_is_reported() {
    for wrong in [
        "notify = 5\n",
        "[[notify]]\nwebhook = \"https://example.org\"\n",
    ] {
        let first = format!("{wrong}{LEAST}");
        let report = parsed(&first).unwrap_err().to_string();
        let expected = "notify (line 1): not a section: expected [notify]";
        assert!(report.contains(expected), "{report}");
    }
}

#[test]
fn syntax_error_is_reported_with_line() {
    let report = parsed("[cockpit]\nid = home\n").expect_err("not TOML");
    assert_eq!(report.problems[0].line, Some(2), "{report}");
}

#[test]
fn example_file_matches_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.toml");
    if std::env::var_os("POCPIT_UPDATE").is_some() {
        std::fs::write(path, example()).expect("written");
    }
    let file = std::fs::read_to_string(path).expect("config.example.toml");
    assert!(
        file == example(),
        "config.example.toml is out of date: run this test with POCPIT_UPDATE=1"
    );
}

#[test]
fn unedited_example_sets_nothing() {
    let of_example = parsed(&example())
        .expect_err("nothing is filled in")
        .problems;
    let of_nothing = parsed("").expect_err("nothing is configured").problems;
    assert_eq!(of_example, of_nothing);
}

fn with_proxy(lines: &str) -> Result<Loaded, ConfigReport> {
    parsed(&with_proxy_text(lines))
}

fn with_proxy_text(lines: &str) -> String {
    format!(
        "{LEAST}\n[inference_proxy]\nnode_id = \"p\"\nhost = \"h\"\ninference_port = 1\npoc_port = 2\nlisten = \"127.0.0.1:3\"\nmodel = \"m\"\nupstream_key = \"k\"\nupstream_model = \"u\"\n{lines}"
    )
}

#[test]
fn each_fallback_has_its_own_key() {
    let directory = tempfile::tempdir().expect("a directory");
    let key = directory.path().join("second.key");
    std::fs::write(&key, "second\n").expect("a file");
    let line = format!(
        "fallbacks = [{{ upstream = \"https://second.example/v1\", key_file = \"{}\", model = \"s\" }}]",
        key.display()
    );
    let config = with_proxy(&line).expect("a configuration").config;
    let proxy = config.inference_proxy.expect("a proxy");
    let [second] = &proxy.fallbacks[..] else {
        panic!("{:?}", proxy.fallbacks);
    };
    assert_eq!(second.url.as_str(), "https://second.example/v1");
    assert_eq!(second.key.expose_secret(), "second");
    assert_eq!(second.model, "s");
}

#[test]
fn unneeded_credential_may_be_missing() {
    let lines = "upstream = \"https://u.example/v1\"\nfallbacks = [{ upstream = \"https://v.example\", key_file = \"/nonexistent\", model = \"m\" }]\n";
    let text = with_proxy_text(lines)
        .replace("upstream_key = \"k\"\n", "")
        .replace("api_key = \"vast-secret-value\"\n", "");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    let load = |needed| load_for(Some(file.path()), &[], needed);
    let keys = |loaded: &Loaded, of| -> Vec<String> {
        loaded
            .credential_problems(of)
            .map(|problem| problem.key.clone())
            .collect()
    };
    // Who needs none gets the rest, and knows what is missing.
    let loaded = load(&[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(keys(&loaded, Credential::Market), ["vast.api_key"]);
    assert_eq!(
        keys(&loaded, Credential::Upstreams),
        ["inference_proxy.upstream_key", "inference_proxy.fallbacks"]
    );
    // Who needs one is told of that one alone.
    let needs = |needed| load(needed).expect_err("a key is missing").to_string();
    let market = needs(&[Credential::Market]);
    assert!(
        market.contains("vast.api_key") && !market.contains("inference_proxy"),
        "{market}"
    );
    let upstreams = needs(&[Credential::Upstreams]);
    assert!(
        upstreams.contains("2 problems") && !upstreams.contains("vast"),
        "{upstreams}"
    );
    assert!(needs(Credential::ALL).contains("3 problems"));
}

#[test]
fn wrong_fallbacks_and_networks_are_reported() {
    for (line, says) in [
        (
            "fallbacks = [{ upstream = \"https://x/v1\", model = \"s\" }]",
            "key_file is missing",
        ),
        (
            "fallbacks = [{ upsteam = \"https://x/v1\" }]",
            "unknown field upsteam",
        ),
        ("fallbacks = [\"https://x/v1\"]", "is not a table"),
        (
            "fallbacks = [{ upstream = \"x\", key_file = \"/nonexistent\", model = \"s\" }]",
            "cannot read /nonexistent",
        ),
        ("allow = [\"10.0.0.0/33\"]", "10.0.0.0/33"),
    ] {
        let report = with_proxy(line).expect_err(line).to_string();
        assert!(report.contains(says), "{says}: {report}");
    }
    let config = with_proxy("allow = [\"10.0.0.5\"]")
        .expect("one address")
        .config;
    let networks = config.inference_proxy.expect("a proxy").callers.networks;
    assert_eq!(networks[0].to_string(), "10.0.0.5/32");
}

#[test]
fn every_example_line_can_be_enabled() {
    // Given the example with every commented setting switched on, and the secrets' files there.
    let directory = tempfile::tempdir().expect("a directory");
    for setting in SETTINGS
        .iter()
        .filter(|setting| setting.path.ends_with("_file"))
    {
        let name = setting.example.rsplit('/').next().unwrap_or_default();
        let file = directory.path().join(name.trim_matches('"'));
        // The address of a webhook is a secret too.
        std::fs::write(file, "https://example.org/secret").expect("a file");
    }
    // What is given by file is not given as such.
    let by_file = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        let beside = format!(".{name}_file");
        SETTINGS
            .iter()
            .any(|setting| setting.path.ends_with(&beside))
    };
    let on: String = example()
        .lines()
        .map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            let setting = bare
                .split_once(" = ")
                .is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            if bare.starts_with('[') || setting {
                format!("{bare}\n")
            } else {
                String::from("\n")
            }
        })
        .filter(|line| !by_file(line))
        .map(|line| line.replace("~/.config/pocpit", &directory.path().display().to_string()))
        .collect();
    let loaded = parsed(&on).unwrap_or_else(|report| panic!("{report}\n{on}"));
    assert!(loaded.config.inference_proxy.is_some() && loaded.config.simulation.is_some());
}

#[test]
fn env_file_import_lists_unmapped_variables() {
    let env = r#"
# a comment
HYPERBOLIC_API_KEY=hyper-key
HYPERBOLIC_BASE_URL=https://api.hyperbolic.xyz/v1
HYPERBOLIC_MODEL=Qwen/QwQ-32B
HYPERBOLIC_PROXY_PORT=8080
MLNODE_POC_MODEL=Qwen/Qwen2.5-7B-Instruct
MLNODE_INFERENCE_MODEL=Qwen/QwQ-32B
MLNODE_MODEL=${MLNODE_POC_MODEL}
export VASTAI_API_KEY="vast-key"
VASTAI_SSH_KEY_PATH=/root/.ssh/id_rsa
VASTAI_GPU_TYPE=RTX_4090
VASTAI_NUM_GPUS=2
VASTAI_MAX_PRICE=0.80 # per hour
VASTAI_MIN_VRAM=24
VASTAI_DISK_SIZE=100
VPS_IP=203.0.113.5
GONKA_ADMIN_API_URL=http://localhost:9200
GONKA_NETWORK_NODE_URL=http://203.0.113.6:8000
GONKA_HOST_ADDRESS=gonka1qqq
MLNODE_ID=hyperbolic-proxy-1
MLNODE_QUANTIZATION=auto
MLNODE_INFERENCE_PORT=8000
MLNODE_POC_PORT=8000
POC_PREP_TIME=1800
POC_CHECK_INTERVAL=300
MAX_POC_DURATION=10800
MAX_DAILY_SPEND=4.0
DOCKER_IMAGE=ghcr.io/product-science/mlnode:3.0.11
HF_HOME=/workspace/cache
VLLM_MAX_MODEL_LEN=4096
VLLM_STARTUP_TIMEOUT=1500
ALERT_EMAIL=your_email@example.com
SOMETHING_ELSE=1
"#;
    let imported = import(env);
    // When the result is completed by the secrets and written as a configuration.
    let directory = tempfile::tempdir().expect("a directory");
    let mut values = imported.values.clone();
    for (file, path) in [
        ("vast.api_key_file", "vast"),
        ("inference_proxy.upstream_key_file", "up"),
    ] {
        let place = directory.path().join(path);
        std::fs::write(&place, "secret").expect("a file");
        values.insert(file, format!("{:?}", place.display().to_string()));
    }
    values.insert("cockpit.id", "\"home\"".to_owned());
    let text = filled(&values);
    // Then it is complete, apart from nothing.
    let config = parsed(&text)
        .unwrap_or_else(|report| panic!("{report}\n{text}"))
        .config;
    assert_eq!(config.vast.query.gpu_names, ["RTX 4090"]);
    assert_eq!(
        config.mlnode.model.args,
        ["--max-model-len", "4096", "--tensor-parallel-size", "2"]
    );
    assert_eq!(config.poc.lead, Duration::minutes(30));
    assert_eq!(
        config.chain.public_api[0].as_str(),
        "http://203.0.113.6:8000/api"
    );
    assert_eq!(
        config.inference_proxy.expect("a proxy").model,
        "Qwen/QwQ-32B"
    );
    assert_eq!(imported.missing(), ["cockpit.id"]);
    // And what was left out is named, with the reason.
    let left: Vec<&str> = imported
        .notes
        .iter()
        .filter(|note| note.fate == super::import::Fate::NotMapped)
        .map(|note| note.variable.as_str())
        .collect();
    assert_eq!(
        left,
        [
            "MLNODE_MODEL",
            "MLNODE_QUANTIZATION",
            "POC_CHECK_INTERVAL",
            "ALERT_EMAIL",
            "SOMETHING_ELSE"
        ]
    );
    assert!(
        imported
            .notes
            .iter()
            .all(|note| !note.remark.contains("vast-key"))
    );
}

#[test]
fn too_short_execution_timeout_is_a_warning() {
    let with = |release: &str, timeout: &str| {
        let poc = format!("[poc]\nrelease = \"{release}\"\nexecution_timeout = \"{timeout}\"\n");
        let loaded = parsed(&(LEAST.to_owned() + &poc));
        loaded.unwrap_or_else(|report| panic!("{report}")).warnings
    };
    // Given a policy that holds a rental for longer than it may live, then both settings are named
    // and the value that is long enough.
    for (release, enough) in [
        ("time:6h", "\"7h\""),
        ("blocks:9000", "\"15h\""),
        ("after_confirmation", "\"25h\""),
        ("whole_epoch", "\"25h\""),
    ] {
        let warnings = with(release, "3h");
        let [warning] = warnings.as_slice() else {
            panic!("{release}: {warnings:?}");
        };
        let named = [
            "poc.execution_timeout = \"3h\"".to_owned(),
            format!("poc.release = \"{release}\""),
            format!("set poc.execution_timeout = {enough}"),
        ];
        for said in named {
            assert!(warning.contains(&said), "{said}: {warning}");
        }
        // When it is set, then there is nothing to warn of.
        assert!(with(release, enough.trim_matches('"')).is_empty());
    }
    for short in ["after_validation", "after_weight", "time:3h", "blocks:1000"] {
        assert!(with(short, "3h").is_empty(), "{short}");
    }
}

#[test]
fn node_prefix_must_not_end_in_digit() {
    let text = LEAST.to_owned() + "node_prefix = \"vast1\"\n";
    let problem = problem_of(&text, "network_node.node_prefix");
    assert!(problem.what.contains("\"vast1\""), "{}", problem.what);
    assert!(problem.to_string().contains("\"vastai-\""), "{problem}");
}

#[test]
fn proxy_and_tunnel_addresses_must_differ() {
    let proxy = |host: &str, poc_port: u16| {
        format!(
            "{LEAST}[inference_proxy]\nnode_id = \"proxy\"\nhost = \"{host}\"\ninference_port = 8090\npoc_port = {poc_port}\nlisten = \"127.0.0.1:8090\"\nmodel = \"m\"\nupstream = \"https://u.example/v1\"\nupstream_key = \"k\"\nupstream_model = \"m\"\n"
        )
    };
    // The tunnel's inference end is 10.0.0.7:15000.
    let problem = problem_of(&proxy("10.0.0.7", 15_000), "inference_proxy.poc_port");
    for said in ["10.0.0.7:15000", "network_node.inference_listen"] {
        assert!(problem.what.contains(said), "{said}: {}", problem.what);
    }
    for apart in [proxy("10.0.0.8", 15_000), proxy("10.0.0.7", 8_091)] {
        assert!(parsed(&apart).is_ok(), "{:?}", parsed(&apart).err());
    }
}

#[test]
fn renamed_settings_keep_their_old_names() {
    let old = [
        ("cockpit.neighbours", "[\"north\"]"),
        ("cockpit.ring", "\"off\""),
        ("vast.avoid_for", "\"2h\""),
        ("vast.read_tries", "7"),
        ("budget.typed_above", "12.5"),
        ("notify.heartbeat_every", "\"9m\""),
    ];
    let check = |loaded: Loaded| {
        let config = &loaded.config;
        assert_eq!(config.peers, ["north".parse().unwrap()]);
        assert_eq!(config.bell, BellMode::Off);
        assert_eq!(config.vast.blocklist_ttl, Duration::hours(2));
        assert_eq!(config.vast.read_attempts, 7);
        assert_eq!(config.budget.confirm_above, Usd::from_dollars(12.5));
        assert_eq!(config.notify.heartbeat_interval, Duration::minutes(9));
        loaded.warnings
    };
    // Given the old names in a file, then they work and a warning names the new one.
    let mut text = LEAST.to_owned() + "[notify]\n";
    for (path, value) in old {
        let (section, name) = path.split_once('.').unwrap();
        let header = format!("[{section}]\n");
        text = text.replace(&header, &format!("{header}{name} = {value}\n"));
    }
    let warnings = check(parsed(&text).unwrap_or_else(|report| panic!("{report}")));
    let named = warnings.join("\n");
    for new in [
        "cockpit.peers",
        "cockpit.bell",
        "vast.blocklist_ttl",
        "vast.read_attempts",
        "budget.confirm_above",
        "notify.heartbeat_interval",
    ] {
        assert!(named.contains(&format!("is now called {new}")), "{named}");
        assert!(find(new).is_some());
    }
    // And so it is in the environment.
    let variables: Vec<(String, String)> = old
        .iter()
        .map(|(path, value)| {
            let name = format!("POCPIT_{}", path.replace('.', "_").to_uppercase());
            (name, value.replace(['"', '[', ']'], ""))
        })
        .collect();
    let loaded = parse(LEAST, &variables, "test.toml", &dirs());
    let warnings = check(loaded.unwrap_or_else(|report| panic!("{report}")));
    assert!(
        warnings
            .join("\n")
            .contains("now called POCPIT_COCKPIT_BELL")
    );
}

#[test]
fn old_and_new_name_together_are_a_problem() {
    let text = LEAST.replace(
        "id = \"home\"",
        "id = \"home\"\nring = \"off\"\nbell = \"bell\"",
    );
    let report = parsed(&text).expect_err("set twice").to_string();
    assert!(
        report.contains("cockpit.bell is set more than once"),
        "{report}"
    );
}

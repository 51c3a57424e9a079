use secrecy::ExposeSecret;

use super::samples::{LEAST, PROXY};
use super::table::{ACCOUNT_SETTINGS, SETTINGS, find};
use super::*;
use crate::domain::{Duration, ReleasePolicy, Usd};

fn dirs() -> BaseDirs {
    BaseDirs {
        home: "/home/op".into(),
        config_dir: "/home/op/.config/pocpit".into(),
    }
}

pub(super) fn parsed_with(
    text: &str,
    environment: &[(String, String)],
) -> Result<Loaded, ConfigReport> {
    parse(text, environment, "test.toml", &dirs())
}

pub(super) fn parsed(text: &str) -> Result<Loaded, ConfigReport> {
    parsed_with(text, &[])
}

pub(super) fn loaded(text: &str) -> Loaded {
    parsed(text).unwrap_or_else(|report| panic!("{report}\n{text}"))
}

pub(super) fn config(text: &str) -> Config {
    loaded(text).config
}

/// The report about a configuration that is wrong.
pub(super) fn report(text: &str) -> ConfigReport {
    parsed(text).expect_err(text)
}

/// [`LEAST`] with another line in a section.
pub(super) fn with_line(section: &str, line: &str) -> String {
    let header = format!("[{section}]\n");
    assert!(LEAST.contains(&header), "{section}");
    LEAST.replace(&header, &format!("{header}{line}\n"))
}

/// [`LEAST`] with an inference proxy.
pub(super) fn with_proxy(lines: &str) -> String {
    format!("{LEAST}{PROXY}{lines}\n")
}

pub(super) fn problem_of(text: &str, key: &str) -> Problem {
    let report = report(text);
    let found = report.problems.iter().find(|problem| problem.key == key);
    let found = found.unwrap_or_else(|| panic!("no problem with {key} in {report}"));
    found.clone()
}

#[test]
fn dead_ssh_connection_is_detected_within_15_seconds() {
    let ssh = config(LEAST).ssh;
    let limit = std::time::Duration::from_secs(15);
    assert!(ssh.keepalive * 4 <= limit, "{ssh:?}");
}

#[test]
fn minimal_configuration_gets_all_defaults() {
    let config = config(LEAST);
    assert_eq!(config.cockpit.as_str(), "home");
    assert_eq!(config.poc.lead, Duration::minutes(45));
    assert_eq!(config.poc.release, ReleasePolicy::AfterValidation);
    assert_eq!(config.budget.per_day, Usd::from_dollars(60.0));
    let key_file = std::path::Path::new("/home/op/.ssh/id_ed25519");
    assert_eq!(config.ssh.key_file, key_file);
    assert!(config.inference_proxy.is_none());
    assert!(config.simulation.is_none());
    let Exposure::Tunnel { callback_port, .. } = config.network_node.exposure else {
        panic!("{:?}", config.network_node.exposure);
    };
    assert_eq!(callback_port, 9100);
}

#[test]
fn empty_configuration_reports_all_missing_settings() {
    let report = report("");
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
        let problems = report.problems.iter();
        let about_it = problems.filter(|problem| problem.key == key);
        assert_eq!(about_it.count(), 1, "{key} in {report}");
    }
    assert_eq!(report.problems.len(), 14, "{report}");
}

#[test]
fn unknown_key_suggests_nearest_with_line() {
    let text = format!("{LEAST}\n[poc]\nregistration_margn = \"4m\"\n");
    let problem = problem_of(&text, "poc.registration_margn");
    let said = problem.to_string();
    assert!(said.contains("mean poc.registration_margin?"), "{said}");
    assert_eq!(problem.line, Some(text.lines().count()));
    let problem = problem_of(&format!("{LEAST}\n[budgte]\nx = 1\n"), "budgte");
    assert_eq!(problem.hint, Hint::DidYouMean("budget".to_owned()));
}

#[test]
fn all_wrong_values_are_reported() {
    let wrong = "gpu_count = 0\ndisk = \"20\"\nmin_reliability = 1.5\nverification = \"maybe\"";
    let text = with_line("vast", wrong)
        .replace("id = \"home\"", "id = \"Home Sweet Home\"")
        .replace("per_day = \"$60\"", "per_day = \"sixty\"");
    for key in [
        "cockpit.id",
        "budget.per_day",
        "vast.gpu_count",
        "vast.disk",
        "vast.min_reliability",
        "vast.verification",
    ] {
        assert!(problem_of(&text, key).line.is_some(), "{key}");
    }
}

#[test]
fn contradicting_settings_are_reported() {
    let low_day = LEAST.replace("per_day = \"$60\"", "per_day = 10");
    let same_port = LEAST.replace("10.0.0.7:15000", "10.0.0.7:18080");
    let small_disk = with_line("vast", "disk = \"50 GB\"");
    let parallel = with_line("mlnode", "args = [\"--tensor-parallel-size\", \"8\"]");
    for (text, key, says) in [
        (low_day, "budget.per_day", "per_sprint"),
        (same_port, "network_node.inference_listen", "api_listen"),
        (small_disk, "vast.disk", "75"),
        (parallel, "mlnode.args", "8"),
    ] {
        let problem = problem_of(&text, key);
        assert!(problem.what.contains(says), "{key}: {}", problem.what);
    }
}

/// [`LEAST`] for a model and its image.
pub(super) fn with_model(model: &str, image: &str, vast: &str) -> String {
    let text = LEAST.replace("some/model", model);
    let text = text.replace(
        "image = \"mlnode:3\"",
        &format!("image = \"{image}\"\n{vast}"),
    );
    assert!(text.contains(model) && text.contains(image));
    text
}

pub(super) const MINIMAX: &str = "MiniMaxAI/MiniMax-M2.7";
pub(super) const IMAGE: &str = "ghcr.io/gonka-ai/mlnode:3.0.16";

#[test]
fn known_model_decides_what_is_not_given() {
    let loaded = loaded(&with_model(MINIMAX, IMAGE, ""));
    let (vast, mlnode) = (&loaded.config.vast, &loaded.config.mlnode);
    let query = &vast.query;
    assert_eq!((vast.model_gb, query.disk_gb), (230.0, 288.0));
    assert_eq!(
        (query.min_cuda, query.min_total_gpu_memory_mb),
        (Some(13.0), 282_000)
    );
    let args = mlnode.model.args.join(" ");
    assert!(
        args.contains("--tensor-parallel-size 4") && args.contains("--moe-backend triton"),
        "{args}"
    );
    // What is downloaded is what vLLM loads.
    let commit = "d494266a4affc0d2995ba1fa35c8481cbd84294b";
    assert_eq!(mlnode.model.revision.as_deref(), Some(commit));
    // vLLM alone is another image: it gets no arguments of the official deployment.
    assert_eq!(
        loaded.config.vllm.model.args,
        ["--tensor-parallel-size", "4"]
    );
    assert_eq!(loaded.config.vllm.model.revision, None);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let shown = loaded.show();
    for line in [
        "model_gb = 230.0  # default",
        "disk = \"288 GB\"  # default",
        "min_cuda = 13.0  # default",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[test]
fn given_figures_win_over_known_ones() {
    let given =
        "model_gb = 60.0\ndisk = \"250 GB\"\nmin_cuda = 13.1\nmin_total_gpu_memory = \"0 GB\"";
    let config = config(&with_model(MINIMAX, IMAGE, given));
    let query = &config.vast.query;
    assert_eq!((config.vast.model_gb, query.disk_gb), (60.0, 250.0));
    assert_eq!(
        (query.min_cuda, query.min_total_gpu_memory_mb),
        (Some(13.1), 0)
    );
    // An unknown model and image get the usual values.
    let unknown = self::config(LEAST);
    assert_eq!(
        (unknown.vast.model_gb, unknown.vast.query.disk_gb),
        (60.0, 250.0)
    );
    assert_eq!(unknown.vast.query.min_cuda, None);
    assert_eq!(unknown.mlnode.model.args, ["--tensor-parallel-size", "4"]);
}

#[test]
fn doubtful_settings_are_warned_about() {
    let warnings = |text: &str| loaded(text).warnings.join("\n");
    let vast = |lines| with_model(MINIMAX, IMAGE, lines);
    let args = |args: &str| {
        let line = format!("[mlnode]\nargs = {args}");
        with_model(MINIMAX, IMAGE, "").replace("[mlnode]", &line)
    };
    let cases = [
        (vast("min_cuda = 12.4"), "CUDA 13.0 (driver 580 or later)"),
        (vast("disk = \"250 GB\""), "at least \"288 GB\""),
        (
            vast("gpu_names = [\"H200\"]\ngpu_count = 1")
                .replace("[mlnode]", "[mlnode]\nargs = []"),
            "2 H200 for one instance",
        ),
        (with_model("moonshotai/Kimi-K2.6", IMAGE, ""), "weight 0"),
        (
            args("[\"--tensor-parallel-size\", \"4\"]"),
            "remove it to get the arguments of the official deployment on H100",
        ),
        (
            args("[\"--max-model-len=8192\"]"),
            "write \"--max-model-len\" and its value as two items",
        ),
        (
            args("[\"--max_model_len\", \"8192\"]"),
            "write \"--max-model-len\"",
        ),
        (args("[\"-tp\", \"4\"]"), "write the name in full"),
        (
            args("[\"--revision\", \"a\"]\nrevision = \"b\""),
            "set only one of them",
        ),
    ];
    for (text, says) in cases {
        assert!(
            warnings(&text).contains(says),
            "{says}: {}",
            warnings(&text)
        );
    }
    // A negative number is a value.
    assert!(!warnings(&args("[\"--seed\", \"-1\"]")).contains("in full"));
}

#[test]
fn callback_port_has_no_effect() {
    let warns = |text: &str| {
        let mut warnings = loaded(text).warnings.into_iter();
        warnings.any(|warning| warning.contains("network_node.callback_port has no effect"))
    };
    assert!(!warns(LEAST));
    assert!(warns(&with_line("network_node", "callback_port = 9100")));
}

#[test]
fn pinned_revision_is_an_argument() {
    let text = LEAST.replace("[mlnode]", "[mlnode]\nrevision = \"abc\"");
    let model = config(&text).mlnode.model;
    assert_eq!(
        model.args,
        ["--tensor-parallel-size", "4", "--revision", "abc"]
    );
    assert_eq!(model.revision.as_deref(), Some("abc"));
}

#[test]
fn key_is_never_sent_in_plain_http_to_the_market() {
    let with = |url: &str| with_line("vast", &format!("base_url = \"{url}\""));
    let problem = problem_of(&with("http://console.vast.ai"), "vast.base_url");
    assert!(problem.what.contains("plain http"), "{}", problem.what);
    for url in [
        "http://127.0.0.1:1",
        "http://10.0.0.7",
        "http://market.lan",
        "https://console.vast.ai",
    ] {
        assert!(parsed(&with(url)).is_ok(), "{url}");
    }
}

#[test]
fn other_keys_in_plain_http_are_warned_about() {
    let exposed = |text: &str| {
        let warnings = loaded(text).warnings.into_iter();
        let exposed = warnings.filter(|warning| warning.contains("plain http"));
        let names = exposed.map(|warning| warning.split(' ').next().unwrap().to_owned());
        names.collect::<Vec<String>>()
    };
    assert_eq!(exposed(LEAST), [""; 0]);
    let notify = |lines: &str| format!("{LEAST}[notify]\n{lines}\n");
    let telegram = "telegram_token = \"1:a\"\ntelegram_chat = \"2\"\ntelegram_api";
    for (line, setting) in [
        ("webhook", "notify.webhook"),
        ("ntfy", "notify.ntfy"),
        ("heartbeat", "notify.heartbeat"),
        ("discord_webhook", "notify.discord_webhook"),
        (telegram, "notify.telegram_api"),
    ] {
        let at = |address: &str| notify(&format!("{line} = \"{address}/a\""));
        assert_eq!(exposed(&at("http://203.0.113.9")), [setting]);
        assert_eq!(exposed(&at("https://203.0.113.9")), [""; 0]);
        assert_eq!(exposed(&at("http://127.0.0.1:9")), [""; 0]);
    }
}

#[test]
fn base_address_has_no_query() {
    for (section, setting) in [
        ("vast", "base_url"),
        ("chain", "public_api"),
        ("network_node", "admin_api"),
    ] {
        let value = "https://host.example/?api_key=canary";
        let value = match setting {
            "public_api" => format!("[\"{value}\"]"),
            _ => format!("\"{value}\""),
        };
        let name = format!(
            "POCPIT_{}_{}",
            section.to_uppercase(),
            setting.to_uppercase()
        );
        let variable = (name, value.trim_matches(['[', ']', '"']).to_owned());
        let report = parsed_with(LEAST, &[variable])
            .expect_err(setting)
            .to_string();
        assert!(report.contains("query"), "{report}");
        assert!(!report.contains("canary"), "{report}");
    }
}

#[test]
fn market_limits_are_checked_before_renting() {
    let extra = |bytes: usize| {
        let line = format!("onstart_extra = \"{}\"", "x".repeat(bytes));
        with_line("vast", &line)
    };
    let room = 16_384 - onstart_script("").len() - "(\n\n)\n".len();
    assert!(parsed(&extra(room)).is_ok());
    let problem = problem_of(&extra(room + 1), "vast.onstart_extra");
    assert!(problem.what.contains("16385 bytes"), "{}", problem.what);
    let image = ("POCPIT_VAST_IMAGE".to_owned(), "x".repeat(1_025));
    let report = parsed_with(LEAST, &[image]).expect_err("too long");
    assert!(report.to_string().contains("1025 bytes"), "{report}");
}

#[test]
fn variables_that_break_nodes_are_refused() {
    for (name, says) in [
        ("INFERENCE_PORT", "shifts the ports"),
        ("HF_HUB_OFFLINE", "ignore the download"),
    ] {
        let problem = problem_of(
            &with_line("vast", &format!("env = {{ {name} = \"1\" }}")),
            "vast.env",
        );
        assert!(problem.what.contains(says), "{}", problem.what);
    }
}

#[test]
fn direct_exposure_needs_no_tunnel() {
    let lines = LEAST.lines();
    let lines = lines.filter(|line| !line.starts_with("host") && !line.contains("_listen"));
    let lines: Vec<&str> = lines.chain(["exposure = \"direct\""]).collect();
    let config = config(&lines.join("\n"));
    assert!(matches!(config.network_node.exposure, Exposure::Direct));
}

#[test]
fn variables_of_ci_are_no_settings() {
    // The tests hand their environment on to the programs that they start.
    let words = include_str!("../../.ci/run").split(|letter: char| {
        !(letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
    });
    let variables: Vec<&str> = words.filter(|word| word.starts_with("POCPIT_")).collect();
    assert!(variables.len() >= 4, "{variables:?}");
    for variable in variables {
        assert!(!super::source::is_setting(variable), "{variable}");
    }
}

#[test]
fn environment_overrides_file_and_is_checked() {
    let with = |name: &str, value: &str| parsed_with(LEAST, &[(name.to_owned(), value.to_owned())]);
    let loaded = with("POCPIT_VAST_GPU_NAMES", "RTX 4090, H100 SXM").unwrap();
    assert_eq!(loaded.config.vast.query.gpu_names, ["RTX 4090", "H100 SXM"]);
    assert!(loaded.show().contains("# environment"));
    let report = with("POCPIT_BUDGET_PER_DAI", "3").unwrap_err().to_string();
    assert!(report.contains("POCPIT_BUDGET_PER_DAY?"), "{report}");
    assert!(with("POCPIT_LOG", "debug").is_ok());
}

#[test]
fn gpu_count_is_a_number_or_several() {
    let counts = |value: &str| {
        parsed(&with_line("vast", &format!("gpu_count = {value}")))
            .map(|loaded| loaded.config.vast.query.gpu_counts)
    };
    assert_eq!(counts("8").unwrap(), [8]);
    assert_eq!(counts("[8, 4, 8]").unwrap(), [4, 8]);
    for wrong in ["[]", "[4, 0]", "[4, \"8\"]", "\"4\"", "[4, 65]", "4.5"] {
        assert!(counts(wrong).is_err(), "{wrong}");
    }
    let variable = [("POCPIT_VAST_GPU_COUNT".to_owned(), "4, 8".to_owned())];
    let loaded = parsed_with(LEAST, &variable).unwrap();
    assert_eq!(loaded.config.vast.query.gpu_counts, [4, 8]);
}

#[test]
fn secret_file_is_read_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("vast.key");
    std::fs::write(&file, "key-from-file\n").unwrap();
    let by_file = format!("api_key_file = {file:?}\nenv = {{ HF_TOKEN = \"hf_hidden\" }}");
    let text = LEAST.replace("api_key = \"vast-secret-value\"", &by_file)
        + "[notify]\nwebhook = \"https://hooks.example.org/T000/secretpath\"\n";
    let loaded = loaded(&text);
    assert_eq!(loaded.config.vast.api_key.expose_secret(), "key-from-file");
    // Other users can read it.
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    for shown in [loaded.show(), format!("{:?}", loaded.config)] {
        assert!(!shown.contains("key-from-file"), "{shown}");
    }
    assert!(!loaded.show().contains("hf_hidden") && !loaded.show().contains("secretpath"));
    let both = text.replace("api_key_file", "api_key = \"other-secret\"\napi_key_file");
    let report = report(&both).to_string();
    assert!(!report.contains("other-secret"), "{report}");
    let problem = problem_of(
        &text.replace("vast.key", "missing.key"),
        "vast.api_key_file",
    );
    assert!(problem.what.contains("missing.key"), "{}", problem.what);
}

#[test]
fn odd_secret_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("vast.key");
    let by_file = LEAST.replace(
        "api_key = \"vast-secret-value\"",
        &format!("api_key_file = {file:?}"),
    );
    for (secret, why) in [
        ("\u{feff}hidden-key\n", "byte order mark"),
        ("hidden\0key", "NUL byte"),
        ("\"hidden-key\"", "in quotes"),
        ("'hidden-key", "in quotes"),
        ("hidden key", "exactly one word"),
        ("hidden\u{200b}key", "characters that no key has"),
        ("hidden\u{7}key", "characters that no key has"),
    ] {
        // Given a secret with bytes of an editor or a script, in a file or in the configuration,
        std::fs::write(&file, secret).unwrap();
        let direct = LEAST.replace(
            "\"vast-secret-value\"",
            &toml::Value::from(secret).to_string(),
        );
        for (text, setting) in [(&by_file, "vast.api_key_file"), (&direct, "vast.api_key")] {
            // then it is refused with the reason, and not shown.
            let problem = problem_of(text, setting);
            assert!(problem.what.contains(why), "{secret:?}: {}", problem.what);
            assert!(!report(text).to_string().contains("hidden"), "{secret:?}");
        }
    }
    std::fs::write(&file, [0xff, 0xfe, b'k', 0]).unwrap();
    let problem = problem_of(&by_file, "vast.api_key_file");
    assert!(problem.what.contains("UTF-8"), "{}", problem.what);
}

#[test]
fn ipv6_host_needs_brackets() {
    let with = |host: &str| LEAST.replace("host = \"10.0.0.7\"", &format!("host = {host:?}"));
    for good in ["[2001:db8::1]", "203.0.113.5", "node.example"] {
        assert!(
            parse(&with(good), &[], "a test", &BaseDirs::default()).is_ok(),
            "{good}"
        );
    }
    let bare = problem_of(&with("2001:db8::1"), "network_node.host");
    assert!(bare.what.contains("without brackets"), "{}", bare.what);
    for wrong in [
        "http://node.example",
        "node.example:8080",
        "a b",
        "[node]",
        "me@node",
        "-oProxyCommand=x",
        "fe80::1%eth0",
        "bücher.example",
    ] {
        let problem = problem_of(&with(wrong), "network_node.host");
        assert!(problem.what.contains("is not a host"), "{}", problem.what);
    }
}

#[test]
fn wrong_type_does_not_leak_secret() {
    let report = report(&LEAST.replace("\"vast-secret-value\"", "12345678")).to_string();
    assert!(
        report.contains("vast.api_key") && !report.contains("12345678"),
        "{report}"
    );
}

#[test]
fn unknown_section_is_reported_once() {
    let report = report(&format!("{LEAST}[budgett]\nper_hour = 1\nper_year = 2\n")).to_string();
    assert_eq!(report.matches("budgett").count(), 1, "{report}");
    assert!(report.contains("did you mean budget?"), "{report}");
}

#[test]
fn value_in_place_of_section_is_reported() {
    for wrong in [
        "notify = 5\n",
        "[[notify]]\nwebhook = \"https://example.org\"\n",
    ] {
        let report = report(&format!("{wrong}{LEAST}")).to_string();
        let expected = "notify (line 1): not a section: expected [notify]";
        assert!(report.contains(expected), "{report}");
    }
}

#[test]
fn syntax_error_is_reported_with_line() {
    let report = report("[cockpit]\nid = home\n");
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
    assert_eq!(report(&example()).problems, report("").problems);
}

#[test]
fn each_fallback_has_its_own_key() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("second.key");
    std::fs::write(&key, "second\n").unwrap();
    let line = format!(
        "fallbacks = [{{ upstream = \"https://second.example/v1\", key_file = {key:?}, model = \"s\" }}]"
    );
    let proxy = config(&with_proxy(&line)).inference_proxy.unwrap();
    let [second] = &proxy.fallbacks[..] else {
        panic!("{:?}", proxy.fallbacks);
    };
    assert_eq!(second.url.as_str(), "https://second.example/v1");
    assert_eq!(second.key.expose_secret(), "second");
    assert_eq!(second.model, "s");
}

#[test]
fn upstreams_declare_what_they_have() {
    use UpstreamFeature::{EnforcedTokens, TokenIds};
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("second.key");
    std::fs::write(&key, "second\n").unwrap();
    let fallback = |features: &str| {
        format!(
            "fallbacks = [{{ upstream = \"https://second.example/v1\", key_file = {key:?}, model = \"s\"{features} }}]"
        )
    };
    let lines = format!(
        "upstream_features = [\"token_ids\"]\n{}",
        fallback(", features = [\"token_ids\", \"enforced_tokens\"]")
    );
    let loaded_with = |lines: &str| loaded(&with_proxy(lines));
    let declared = loaded_with(&lines);
    let warned = |loaded: &Loaded| -> Vec<String> {
        let warnings = loaded.warnings.iter();
        let about = warnings.filter(|warning| warning.contains("upstream_features"));
        about.cloned().collect()
    };
    assert!(warned(&declared).is_empty());
    let proxy = declared.config.inference_proxy.unwrap();
    assert_eq!(proxy.upstream.features, [TokenIds].into());
    assert_eq!(
        proxy.fallbacks[0].features,
        [TokenIds, EnforcedTokens].into()
    );
    // A missing declaration is warned about, with the consequence.
    let [warning] = &warned(&loaded_with(&fallback("")))[..] else {
        panic!("one warning");
    };
    assert!(warning.contains("503"), "{warning}");
    let wrong = report(&with_proxy("upstream_features = [\"ids\"]")).to_string();
    assert!(wrong.contains("token_ids, enforced_tokens"), "{wrong}");
    let wrong = report(&with_proxy(&fallback(", features = [\"ids\"]"))).to_string();
    assert!(wrong.contains("token_ids, enforced_tokens"), "{wrong}");
}

#[test]
fn executor_routing_is_refused() {
    // Given a configuration that routes requests to an executor, when it is loaded, then the report says
    // why that is gone and what to do, and nothing else is wrong with it;
    let executor = "executor = \"http://10.0.0.9:8080\"";
    let rest = "transfer_address = \"gonka1a\"\nrequester_address = \"gonka1b\"\ntransfer_signature = \"required\"";
    let report = report(&with_proxy(&format!("{executor}\n{rest}")));
    let [problem] = &report.problems[..] else {
        panic!("{report}");
    };
    assert_eq!(problem.key, "inference_proxy.executor");
    assert!(problem.line.is_some());
    let said = problem.to_string();
    for words in ["410", "upstream", "fallbacks", "remove it"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // the same by a variable;
    let environment = [(
        "POCPIT_INFERENCE_PROXY_EXECUTOR".to_owned(),
        "http://10.0.0.9:8080".to_owned(),
    )];
    let report = parsed_with(&with_proxy(""), &environment).unwrap_err();
    assert!(report.to_string().contains("410"), "{report}");
    // and what only shaped it does no harm.
    for lines in [rest, "executor = \"\""] {
        let loaded = loaded(&with_proxy(lines));
        let gone = loaded
            .warnings
            .iter()
            .filter(|warning| warning.contains("has no effect"));
        assert_eq!(gone.count(), lines.lines().count(), "{:?}", loaded.warnings);
    }
}

#[test]
fn unneeded_credential_may_be_missing() {
    let fallbacks = "fallbacks = [{ upstream = \"https://v.example\", key_file = \"/nonexistent\", model = \"m\" }]";
    let text = with_proxy(fallbacks)
        .replace("upstream_key = \"k\"\n", "")
        .replace("api_key = \"vast-secret-value\"\n", "");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    let load = |needed| load_for(Some(file.path()), &[], needed);
    // A command that needs none gets the rest, and the problems.
    let loaded = load(&[]).unwrap_or_else(|error| panic!("{error}"));
    let keys = |credential| -> Vec<&str> {
        let problems = loaded.credential_problems(credential);
        problems.map(|problem| problem.key.as_str()).collect()
    };
    assert_eq!(keys(Credential::Market), ["vast.api_key"]);
    let upstreams = ["inference_proxy.upstream_key", "inference_proxy.fallbacks"];
    assert_eq!(keys(Credential::Upstreams), upstreams);
    // A command that needs one gets only the problems with that one.
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
        let report = report(&with_proxy(line)).to_string();
        assert!(report.contains(says), "{says}: {report}");
    }
    let config = config(&with_proxy("allow = [\"10.0.0.5\"]"));
    let networks = config.inference_proxy.unwrap().callers.networks;
    assert_eq!(networks[0].to_string(), "10.0.0.5/32");
}

#[test]
fn every_example_line_can_be_enabled() {
    // Given the example with every commented setting uncommented, and the files of its secrets.
    let directory = tempfile::tempdir().unwrap();
    let is_file = |setting: &&Setting| setting.path.ends_with("_file");
    for setting in SETTINGS.iter().chain(ACCOUNT_SETTINGS).filter(is_file) {
        let name = setting.example.rsplit('/').next().unwrap_or_default();
        let name = name.trim_matches('"');
        let file = directory.path().join(name);
        // The URL of a webhook is a secret too. Two accounts have two keys.
        std::fs::write(file, format!("https://example.org/{name}")).unwrap();
    }
    // A secret is given by file or directly, not both.
    let is_by_file = |name: &str| {
        let file = format!(".{name}_file");
        SETTINGS.iter().any(|setting| setting.path.ends_with(&file))
    };
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let example = example();
    let lines = example.lines().filter_map(|line| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let name = bare.split_once(" = ").map(|(name, _)| name);
        let is_setting = name.is_some_and(|name| is_name(name) && !is_by_file(name));
        (bare.starts_with('[') || is_setting).then_some(bare)
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let text = text.replace("~/.config/pocpit", &directory.path().display().to_string());
    // One Network Node, or one of several: the same settings below the one header or the other.
    let (own, own_end) = ("\n[network_node]\n", "\n[inference_proxy]");
    let (several, several_end) = ("\n[[network_node]]\n", "\n[[account]]");
    let part = |from: &str, to: &str| {
        let start = text.find(from).unwrap();
        let length = text[start..].find(to).unwrap();
        text[start..start + length].to_owned()
    };
    let (own, several_names) = (part(own, own_end), part(several, several_end));
    let name = "network_node = \"west\"\n";
    let one = text.replace(&several_names, "").replace(name, "");
    let one = config(&one);
    assert!(one.inference_proxy.is_some() && one.simulation.is_some());
    let settings = own.replace("\n[network_node]", "");
    let several = text.replace(&own, "");
    let several = several.replace(&several_names, &(several_names.clone() + &settings));
    let several = config(&several);
    assert_eq!(several.network_node.name.as_str(), "west");
    assert_eq!(several.pools.first.account.as_str(), "second");
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
    let imported = import(env).unwrap();
    // When the secrets are added and the result is written as a configuration.
    let directory = tempfile::tempdir().unwrap();
    let mut values = imported.values.clone();
    for (setting, name) in [
        ("vast.api_key_file", "vast"),
        ("inference_proxy.upstream_key_file", "up"),
    ] {
        let file = directory.path().join(name);
        std::fs::write(&file, "secret").unwrap();
        values.insert(setting, format!("{file:?}"));
    }
    values.insert("cockpit.id", "\"home\"".to_owned());
    // Then it is complete.
    let config = config(&filled(&values));
    assert_eq!(config.vast.query.gpu_names, ["RTX 4090"]);
    let args = ["--max-model-len", "4096", "--tensor-parallel-size", "2"];
    assert_eq!(config.mlnode.model.args, args);
    assert_eq!(config.poc.lead, Duration::minutes(30));
    let api = config.chain.public_api[0].as_str();
    assert_eq!(api, "http://203.0.113.6:8000/api");
    // Only what the official deployment serves by default.
    assert!(config.chain.rpc.is_empty() && config.chain.rest.is_empty());
    assert_eq!(config.inference_proxy.unwrap().model, "Qwen/QwQ-32B");
    assert_eq!(imported.missing(), ["cockpit.id"]);
    // And the notes name what was left out, with the reason.
    let left_out = imported.notes.iter().filter_map(|note| {
        let why = note.fate.as_ref().err()?;
        assert!(!why.contains("vast-key"), "{note:?}");
        Some(note.variable.as_str())
    });
    assert_eq!(
        left_out.collect::<Vec<_>>(),
        [
            "MLNODE_MODEL",
            "MLNODE_QUANTIZATION",
            "POC_CHECK_INTERVAL",
            "ALERT_EMAIL",
            "SOMETHING_ELSE",
            "chain.rest, chain.rpc"
        ]
    );
}

#[test]
fn env_values_of_a_shell_are_not_imported() {
    let env = "\
VASTAI_API_KEY=$(pass vast)
DOCKER_IMAGE=`cat image`
MLNODE_POC_MODEL=\"${MODEL:-none}\"
VASTAI_SSH_KEY_PATH='/keys/$(1)'
VASTAI_NUM_GPUS=+4
VASTAI_MAX_PRICE=.5
MAX_DAILY_SPEND=1e308
VASTAI_DISK_SIZE=inf
POC_PREP_TIME=18446744073709551615
VPS_IP=2001:db8::1
";
    let imported = import(env).unwrap();
    // What a shell would have run is named, and no value that TOML or a setting refuses is written.
    assert!(imported.secrets.is_empty());
    let value = |path: &str| imported.values.get(path).map(String::as_str);
    assert_eq!(
        value("ssh.key_file"),
        Some("\"/keys/$(1)\""),
        "a shell takes it literally"
    );
    assert_eq!(value("vast.gpu_count"), Some("4"));
    assert_eq!(value("vast.max_price"), Some("0.5"));
    assert_eq!(value("network_node.host"), Some("\"[2001:db8::1]\""));
    let why = |variable: &str| {
        let note = imported.notes.iter().find(|note| note.variable == variable);
        note.unwrap().fate.clone().unwrap_err()
    };
    for (variable, reason) in [
        ("VASTAI_API_KEY", "would run a command"),
        ("DOCKER_IMAGE", "would run a command"),
        ("MLNODE_POC_MODEL", "has no value here"),
        ("MAX_DAILY_SPEND", "not a sum"),
        ("VASTAI_DISK_SIZE", "not a number"),
        ("POC_PREP_TIME", "too many seconds"),
    ] {
        assert!(
            why(variable).contains(reason),
            "{variable}: {}",
            why(variable)
        );
        assert!(!why(variable).contains("pass vast"));
    }
}

#[test]
fn too_short_execution_timeout_is_a_warning() {
    let with = |release: &str, timeout: &str| {
        let poc = format!("[poc]\nrelease = \"{release}\"\nexecution_timeout = \"{timeout}\"\n");
        loaded(&(LEAST.to_owned() + &poc)).warnings
    };
    // Given a policy that holds a rental for longer than it may live, then the warning names both
    // settings and a value that is long enough.
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
        // When that is set, then there is no warning.
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
        let text = with_proxy("").replace("host = \"h\"", &format!("host = {host:?}"));
        text.replace("poc_port = 2", &format!("poc_port = {poc_port}"))
    };
    // The tunnel's inference end is 10.0.0.7:15000.
    let problem = problem_of(&proxy("10.0.0.7", 15_000), "inference_proxy.poc_port");
    for said in ["10.0.0.7:15000", "network_node.inference_listen"] {
        assert!(problem.what.contains(said), "{said}: {}", problem.what);
    }
    for apart in [proxy("10.0.0.8", 15_000), proxy("10.0.0.7", 8_091)] {
        loaded(&apart);
    }
}

#[test]
fn renamed_settings_keep_their_old_names() {
    let renamed = [
        ("cockpit.neighbours", "[\"north\"]", "cockpit.peers"),
        ("cockpit.ring", "\"off\"", "cockpit.bell"),
        ("vast.avoid_for", "\"2h\"", "vast.blocklist_ttl"),
        ("vast.read_tries", "7", "vast.read_attempts"),
        ("budget.typed_above", "12.5", "budget.confirm_above"),
        (
            "notify.heartbeat_every",
            "\"9m\"",
            "notify.heartbeat_interval",
        ),
    ];
    let check = |loaded: Loaded| {
        let config = &loaded.config;
        assert_eq!(config.peers, ["north".parse().unwrap()]);
        assert_eq!(config.bell, BellMode::Off);
        assert_eq!(config.vast.blocklist_ttl, Duration::hours(2));
        assert_eq!(config.vast.read_attempts, 7);
        assert_eq!(config.budget.confirm_above, Usd::from_dollars(12.5));
        assert_eq!(config.notify.heartbeat_interval, Duration::minutes(9));
        loaded.warnings.join("\n")
    };
    // Given the old names in a file, then they work and a warning names the new one.
    let mut text = LEAST.to_owned() + "[notify]\n";
    for (old, value, _) in renamed {
        let (section, name) = old.split_once('.').unwrap();
        let header = format!("[{section}]\n");
        text = text.replace(&header, &format!("{header}{name} = {value}\n"));
    }
    let warnings = check(loaded(&text));
    for (_, _, new) in renamed {
        assert!(
            warnings.contains(&format!("is now called {new}")),
            "{warnings}"
        );
        assert!(find(new).is_some());
    }
    // And the same in the environment.
    let variables = renamed.map(|(old, value, _)| {
        let name = format!("POCPIT_{}", old.replace('.', "_").to_uppercase());
        (name, value.replace(['"', '[', ']'], ""))
    });
    let warnings = check(parsed_with(LEAST, &variables).unwrap());
    assert!(
        warnings.contains("now called POCPIT_COCKPIT_BELL"),
        "{warnings}"
    );
}

#[test]
fn old_and_new_name_together_are_a_problem() {
    let report = report(&with_line("cockpit", "ring = \"off\"\nbell = \"bell\"")).to_string();
    assert!(
        report.contains("cockpit.bell is set more than once"),
        "{report}"
    );
}

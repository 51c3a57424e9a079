use std::num::NonZeroU32;

use super::samples::{LEAST, PROXY};
use super::schema::{Kind, POOL_SECTIONS, Scope};
use super::settings::PoolBudget;
use super::table::{POOL_SETTINGS, SETTINGS};
use super::tests::*;
use super::*;
use crate::domain::{ReleasePolicy, Slot, Usd, UsdPerHour};

/// [`LEAST`] with pools.
fn with_pools(pools: &str) -> String {
    format!("{LEAST}{pools}")
}

/// A pool with these lines.
fn pool(name: &str, lines: &str) -> String {
    format!("[[pool]]\nname = \"{name}\"\n{lines}\n")
}

fn pools(text: &str) -> Vec<PoolConfig> {
    config(&with_pools(text)).pools.iter().cloned().collect()
}

fn said(text: &str) -> Vec<String> {
    let problems = report(text).problems;
    let said = problems
        .iter()
        .map(|problem| format!("{}: {problem}", problem.key));
    said.collect()
}

/// A setting with its example.
fn example_of(setting: &Setting) -> String {
    format!("{} = {}", setting.name(), setting.example)
}

#[test]
fn file_without_pools_is_one_replica_as_before() {
    for text in [LEAST.to_owned(), format!("{LEAST}{PROXY}")] {
        // Given a configuration from before pools, then it has the one replica and its settings;
        let before = loaded(&text);
        assert_eq!(before.config.pools.replicas(), 1);
        assert_eq!(before.config.pools.first.name.as_str(), "default");
        let budget = &before.config.budget;
        assert_eq!(budget.per_hour, before.config.vast.query.max_price);
        let shown = before.settings();
        assert!(
            shown
                .iter()
                .all(|setting| !setting.key.starts_with("pool."))
        );
        // and a pool adds to what is shown, and changes nothing of it.
        let after = loaded(&format!("{text}{}", pool("default", "")));
        assert_eq!(after.warnings, before.warnings);
        let added = after.show();
        let added = added.strip_prefix(&before.show()).expect("what was shown");
        assert!(added.starts_with("\n[[pool]]\nname = \"default\"  # line "));
        assert_eq!(after.settings()[..shown.len()], shown);
    }
}

#[test]
fn pools_have_own_keys_in_the_order_of_the_file() {
    let text =
        pool("minimax", "replicas = 7\nmin_replicas = 4") + &pool("glm-2", "max_per_host = 9");
    let [first, second] = &pools(&text)[..] else {
        panic!("two pools");
    };
    assert_eq!(first.name.as_str(), "minimax");
    let numbers = (first.replicas.get(), first.min_replicas.get());
    assert_eq!(numbers, (7, 4));
    // A third of seven, rounded up.
    assert_eq!(first.max_per_host, 3);
    assert_eq!((second.name.as_str(), second.max_per_host), ("glm-2", 9));
    assert_eq!(second.replicas, NonZeroU32::MIN);
    assert!(first.settings.is_none() && second.settings.is_none());
}

#[test]
fn own_settings_lie_over_those_of_the_file() {
    // Given settings for all, and a pool with some of its own,
    let text = with_line(
        "vast",
        "gpu_count = 8\nmax_attempts = 5\nenv = { A = \"1\" }",
    ) + &pool(
        "a",
        "[pool.vast]\ngpu_count = 4\n[pool.poc]\nrelease = \"whole_epoch\"\nexecution_timeout = \"25h\"\n[pool.budget]\nper_sprint = 30.0",
    ) + &pool("b", "");
    let config = config(&text);
    let [a, b] = [0, 1].map(|index| config.pools.iter().nth(index).unwrap());
    // when a replica of each looks at its configuration,
    let [a, b] = [a, b].map(|pool| config.of_replica(pool, Slot(2)));
    // then the pool's own settings count for that pool alone, and the others for both.
    assert_eq!(a.vast.query.gpu_counts, [4]);
    assert_eq!(b.vast.query.gpu_counts, [8]);
    assert_eq!(a.poc.release, ReleasePolicy::WholeEpoch);
    assert_eq!(b.poc.release, ReleasePolicy::AfterValidation);
    assert_eq!(a.budget.per_sprint, Usd::from_dollars(30.0));
    assert_eq!(b.budget.per_sprint, Usd::from_dollars(40.0));
    for config in [&a, &b] {
        use secrecy::ExposeSecret as _;
        assert_eq!(config.vast.max_attempts, 5);
        assert_eq!(config.vast.env.len(), 1);
        assert_eq!(config.vast.api_key.expose_secret(), "vast-secret-value");
        assert_eq!(config.budget.per_day, Usd::from_dollars(60.0));
        let Exposure::Tunnel { api_listen, .. } = &config.network_node.exposure else {
            panic!("a tunnel");
        };
        assert_eq!(api_listen.port(), 18_082);
    }
}

#[test]
fn settings_of_a_pool_can_be_set_there_and_no_others() {
    for setting in SETTINGS {
        let (section, path) = (setting.section(), setting.path);
        let text = with_pools(&pool(
            "a",
            &format!("[pool.{section}]\n{}", example_of(setting)),
        ));
        let key = format!("pool.a.{path}");
        if setting.scope() == Scope::Pool {
            let shown = loaded(&text).settings();
            let shown = shown.into_iter().find(|shown| shown.key == key);
            let source = format!("line {}", text.trim_end().lines().count());
            assert_eq!(shown.expect(path).source, source, "{path}");
        } else {
            let has_section = POOL_SECTIONS.contains(&section);
            let of_section = format!("pool.a.{section}");
            let problem =
                problem_of(&text, if has_section { &key } else { &of_section }).to_string();
            let place = format!("it in [{section}], where it counts for all pools");
            assert!(problem.contains(&place), "{path}: {problem}");
        }
    }
}

#[test]
fn no_key_address_or_timeout_is_a_pools() {
    let of_pools = SETTINGS
        .iter()
        .filter(|setting| setting.scope() == Scope::Pool);
    for setting in of_pools {
        let is_shared = matches!(
            setting.kind,
            Kind::Secret(_) | Kind::SecretFile | Kind::Url(_) | Kind::Address(_) | Kind::Timeout(_)
        );
        assert!(!is_shared, "{}", setting.path);
    }
}

#[test]
fn own_model_decides_what_the_pool_does_not_give() {
    // Given a file with figures for its model, and a pool with another one,
    let model = "zai-org/GLM-5.3-Flash";
    let given =
        "model_gb = 60.0\ndisk = \"250 GB\"\nmin_total_gpu_memory = \"0 GB\"\nmin_cuda = 13.1";
    let text = with_model(MINIMAX, IMAGE, given).replace(
        "[mlnode]",
        "[mlnode]\nrevision = \"abc\"\nargs = [\"--seed\", \"1\"]",
    );
    let own = format!("[pool.mlnode]\nmodel = \"{model}\"\n[pool.vast]\ngpu_names = [\"H200\"]");
    let text = text + &pool("same", "[pool.vast]\nmax_price = 9.0") + &pool("glm", &own);
    let loaded = loaded(&text);
    let [same, glm] = [0, 1].map(|index| {
        let pools = &loaded.config.pools;
        pools.iter().nth(index).unwrap().settings.clone().unwrap()
    });
    // then the figures are those of the pool with the file's model alone;
    assert_eq!(same.mlnode.model.revision.as_deref(), Some("abc"));
    assert_eq!((same.vast.model_gb, same.vast.query.disk_gb), (60.0, 250.0));
    // the other gets what follows from its own model, and what is not about a model stays.
    let alone = config(&with_model(model, IMAGE, "gpu_names = [\"H200\"]"));
    assert_eq!(glm.mlnode.model, alone.mlnode.model);
    let sizes = |vast: &VastConfig| (vast.model_gb, vast.query.disk_gb);
    assert_eq!(sizes(&glm.vast), sizes(&alone.vast));
    let memory = |vast: &VastConfig| vast.query.min_total_gpu_memory_mb;
    assert_eq!(memory(&glm.vast), memory(&alone.vast));
    assert!(glm.vast.model_gb > 100.0 && memory(&glm.vast) > 0);
    assert_eq!(glm.vast.query.min_cuda, Some(13.1));
    // That is shown as default.
    let shown = loaded.settings();
    let shown = |key: &str| {
        let found = shown.iter().find(|setting| setting.key == key).expect(key);
        (found.value.clone(), found.source.clone())
    };
    let by_default = |value: &str| (value.to_owned(), "default".to_owned());
    assert_eq!(shown("pool.glm.vast.model_gb"), by_default("329.0"));
    assert_eq!(shown("pool.glm.mlnode.revision"), by_default("\"\""));
}

#[test]
fn what_every_pool_gives_need_not_be_given_for_all() {
    let text = LEAST.replace("model = \"some/model\"\n", "");
    let model = |name: &str| format!("[pool.mlnode]\nmodel = \"{name}\"");
    let both = text.clone() + &pool("a", &model("m/a")) + &pool("b", &model("m/b"));
    let config = config(&both);
    let models = config.pools.iter().map(|pool| {
        let of_pool = config.of_replica(pool, Slot(0));
        of_pool.mlnode.model.id
    });
    assert_eq!(models.collect::<Vec<_>>(), ["m/a", "m/b"]);
    let one = text + &pool("a", &model("m/a")) + &pool("b", "");
    assert_eq!(problem_of(&one, "mlnode.model").what, "missing");
}

#[test]
fn pool_has_caps_of_its_own_within_the_budget() {
    let pools = pool(
        "a",
        "replicas = 6\nper_hour = \"$60\"\nper_epoch = 100.5\nhedges = 3",
    ) + &pool("b", "replicas = 6");
    let config = parsed_with(&(with_line("budget", "per_epoch = 120") + &pools), &[]);
    let config = config.unwrap().config;
    let of = |pool: &PoolConfig| config.of_replica(pool, Slot(0)).budget;
    let (first, second) = (&config.pools.first, &config.pools.others[0]);
    assert_eq!(first.hedges, 3);
    assert_eq!(second.hedges, 2, "a fifth, rounded up");
    let hour = Some(UsdPerHour::from_dollars(60.0));
    assert_eq!(of(first).pool.per_hour, hour);
    assert_eq!(of(first).pool.per_epoch, Some(Usd::from_dollars(100.5)));
    assert_eq!(of(second).pool, PoolBudget::default());
    let epoch = Some(Usd::from_dollars(120.0));
    assert_eq!((of(first).per_epoch, of(second).per_epoch), (epoch, epoch));
    // A cap below the price of one of its replicas is refused.
    let text = with_pools(&pool(
        "a",
        "replicas = 2\nper_hour = 3\n[pool.vast]\nmax_price = 4",
    ));
    let problem = problem_of(&text, "pool.a.per_hour");
    assert!(
        problem
            .what
            .contains("less than one of its replicas may cost"),
        "{problem:?}"
    );
}

#[test]
fn environment_is_for_all_pools() {
    let text = with_pools(
        &(pool("a", "[pool.vast]\ngpu_count = 2\n[pool.mlnode]\nargs = []") + &pool("b", "")),
    );
    let variable = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
    let config = parsed_with(&text, &variable("POCPIT_VAST_GPU_COUNT", "8"))
        .unwrap()
        .config;
    let counts = config.pools.iter().map(|pool| {
        let of_pool = config.of_replica(pool, Slot(0));
        of_pool.vast.query.gpu_counts
    });
    assert_eq!(counts.collect::<Vec<_>>(), [[2], [8]]);
    assert!(parsed_with(&text, &variable("POCPIT_POOL_NAME", "c")).is_err());
}

#[test]
fn problem_of_the_file_is_not_repeated_by_pools() {
    let text = with_line("vast", "gpu_count = 0\nenv = { HF_HUB_OFFLINE = \"1\" }");
    let pools = pool("a", "[pool.vast]\nmax_price = 3.0") + &pool("b", "replicas = 2");
    assert_eq!(said(&(text.clone() + &pools)), said(&text));
}

#[test]
fn problem_of_a_pool_has_its_name_and_line() {
    let pools = "[[pool]]\nname = \"minimax\"\nreplicas = 0\n[pool.vast]\ngpu_count = \"four\"\nverification = \"maybe\"\n";
    let text = with_pools(pools);
    let first = LEAST.lines().count();
    for (key, line) in [
        ("pool.minimax.replicas", 3),
        ("pool.minimax.vast.gpu_count", 5),
        ("pool.minimax.vast.verification", 6),
    ] {
        assert_eq!(problem_of(&text, key).line, Some(first + line), "{key}");
    }
    assert_eq!(report(&text).problems.len(), 3);
}

#[test]
fn setting_of_a_pool_that_contradicts_the_file_is_to_blame() {
    let args = "args = [\"--tensor-parallel-size\", \"4\"]";
    for (lines, key, says) in [
        (
            "[pool.vast]\ngpu_count = 2",
            "pool.a.vast.gpu_count",
            "makes mlnode.args wrong: --tensor-parallel-size is 4, but vast.gpu_count is 2",
        ),
        (
            "[pool.budget]\nper_sprint = 61",
            "pool.a.budget.per_sprint",
            "makes budget.per_day wrong: less than budget.per_sprint",
        ),
        (
            "[pool.poc]\nhedge = \"on\"",
            "pool.a.poc.hedge",
            "makes budget.per_hour wrong: missing",
        ),
        (
            "[pool.mlnode]\napi_port = 5000",
            "pool.a.mlnode.api_port",
            "makes mlnode.inference_port wrong: same as mlnode.api_port",
        ),
        (
            "[pool.vast]\ndisk = \"9 GB\"",
            "pool.a.vast.disk",
            "9 GB is too small",
        ),
    ] {
        let text = with_line("mlnode", args) + &pool("a", lines);
        let problem = problem_of(&text, key);
        assert!(problem.what.starts_with(says), "{key}: {}", problem.what);
        assert!(problem.line.is_some(), "{key}");
    }
}

#[test]
fn names_of_pools_are_given_well_formed_and_apart() {
    let missing = problem_of(&with_pools("[[pool]]\nreplicas = 2\n"), "pool.name");
    assert!(missing.what == "missing" && missing.line.is_some());
    for wrong in ["", "Mini", "a b", "a.b", &"x".repeat(33)] {
        let problem = problem_of(&with_pools(&pool(wrong, "")), "pool.name");
        assert!(problem.to_string().contains("1 to 32 of a-z"), "{problem}");
    }
    let twice = pool("a", "") + &pool("b", "") + &pool("a", "");
    let clash = problem_of(&with_pools(&twice), "pool.a.name");
    let line = LEAST.lines().count() + 2;
    assert!(
        clash.what.contains(&format!("line {line} ")),
        "{}",
        clash.what
    );
    // On one line too.
    let inline = "pool = [{ name = \"a\" }, { name = \"a\" }]\n";
    problem_of(&format!("{inline}{LEAST}"), "pool.a.name");
}

#[test]
fn numbers_of_replicas_have_bounds() {
    let least = problem_of(
        &with_pools(&pool("a", "min_replicas = 2")),
        "pool.a.min_replicas",
    );
    assert!(
        least.what.contains("more than replicas, which is 1"),
        "{}",
        least.what
    );
    for line in [
        "replicas = 0",
        "replicas = 501",
        "min_replicas = 0",
        "max_per_host = 0",
    ] {
        let key = format!("pool.a.{}", line.split(' ').next().unwrap());
        problem_of(&with_pools(&pool("a", line)), &key);
    }
    let pools = |second| pool("a", "replicas = 300") + &pool("b", &format!("replicas = {second}"));
    assert_eq!(config(&with_pools(&pools(200))).pools.replicas(), 500);
    let all = problem_of(&with_pools(&pools(201)), "pool");
    assert!(all.what.contains("501 replicas"), "{}", all.what);
}

#[test]
fn ports_of_replicas_meet_nothing() {
    let with = |api: &str, inference: &str, replicas: u32, rest: &str| {
        let text = LEAST.replace("10.0.0.7:18080", api);
        let text = text.replace("10.0.0.7:15000", inference);
        text + rest + &pool("a", &format!("replicas = {}", replicas - 1)) + &pool("b", "")
    };
    let metrics = |port: u16| format!("[notify]\nmetrics_listen = \"127.0.0.1:{port}\"\n");
    let vllm = |port: u16| format!("[vllm]\nlisten = \"127.0.0.1:{port}\"\n");
    let api = "network_node.api_listen";
    let inference = "network_node.inference_listen";
    for (text, key, says) in [
        (
            with("10.0.0.7:15005", "10.0.0.7:15000", 6, ""),
            inference,
            "6 replicas take ports 15000 to 15005, and network_node.api_listen has ports 15005 to 15010",
        ),
        (
            with("10.0.0.7:65531", "10.0.0.7:15000", 6, ""),
            api,
            "the last port is 65535: expected a port up to 65530",
        ),
        (
            with("10.0.0.7:0", "10.0.0.7:15000", 2, ""),
            api,
            "a port from 1",
        ),
        (
            with("127.0.0.1:18080", "10.0.0.7:15000", 3, &metrics(18_082)),
            api,
            "notify.metrics_listen has port 18082",
        ),
        (
            with("0.0.0.0:18080", "10.0.0.7:15000", 3, &vllm(18_081)),
            api,
            "vllm.listen has port 18081",
        ),
        (
            with("127.0.0.1:2", "10.0.0.7:15000", 2, PROXY),
            api,
            "inference_proxy.listen has port 3",
        ),
        (
            with(
                "10.0.0.7:18080",
                "10.0.0.7:15000",
                3,
                &PROXY
                    .replace("host = \"h\"", "host = \"10.0.0.7\"")
                    .replace("poc_port = 2", "poc_port = 15002"),
            ),
            "inference_proxy.poc_port",
            "network_node.inference_listen takes ports 15000 to 15002",
        ),
    ] {
        let problem = problem_of(&text, key).to_string();
        assert!(problem.contains(says), "{key}: {problem}");
        assert_eq!(report(&text).problems.len(), 1, "{text}");
    }
    for apart in [
        with("10.0.0.7:15006", "10.0.0.7:15000", 6, ""),
        with("10.0.0.8:15000", "10.0.0.7:15000", 6, ""),
        with("10.0.0.7:65530", "10.0.0.7:15000", 6, ""),
        with("10.0.0.7:18080", "10.0.0.7:15000", 3, &metrics(18_082)),
    ] {
        loaded(&apart);
    }
    // Without a tunnel nobody listens here.
    let direct = with("10.0.0.7:15000", "10.0.0.7:15001", 6, "");
    loaded(&direct.replace("host = ", "exposure = \"direct\"\nhost = "));
}

#[test]
fn budget_of_an_hour_holds_a_replica_of_each_pool() {
    let dear = "[pool.vast]\nmax_price = 20.0";
    let pools = pool("a", "replicas = 2") + &pool("b", &format!("replicas = 2\n{dear}"));
    let with = |cap: &str| with_line("budget", &format!("per_hour = {cap}")) + &pools;
    // Given no cap, then all replicas fit: two at $14 and two at $20.
    let config = config(&with_pools(&pools));
    assert_eq!(config.budget.per_hour, UsdPerHour::from_dollars(68.0));
    let last = config.pools.others.first().unwrap();
    let of_pool = config.of_replica(last, Slot(3)).budget.per_hour;
    assert_eq!(of_pool, config.budget.per_hour, "one cap for all");
    // Given one that holds no replica of a pool, then it is refused;
    let problem = problem_of(&with("19.9"), "budget.per_hour");
    for says in ["pool b", "$20.00", "vast.max_price"] {
        assert!(problem.to_string().contains(says), "{problem}");
    }
    // given one that holds some, then a warning says how many;
    for (cap, held) in [("20.0", 1), ("34.0", 2), ("67.9", 3)] {
        let warnings = loaded(&with(cap)).warnings;
        let says = format!("holds {held} of 4 replicas");
        let [warning] = &warnings[..] else {
            panic!("{warnings:?}");
        };
        assert!(
            warning.contains(&says) && warning.contains("$68.00"),
            "{warning}"
        );
    }
    // and given one that holds all, then there is none.
    assert!(loaded(&with("68.0")).warnings.is_empty());
}

#[test]
fn pool_is_a_list_of_tables() {
    for wrong in [
        "pool = 5\n",
        "pool = [5]\n",
        "[pool]\nname = \"a\"\n",
        "[pool.vast]\ngpu_count = 4\n",
    ] {
        let text = format!("{wrong}{LEAST}");
        let problem = problem_of(&text, "pool");
        assert!(
            problem.to_string().contains("[[pool]], in two brackets"),
            "{problem}"
        );
        assert_eq!(report(&text).problems.len(), 1, "{wrong}");
    }
    assert_eq!(pools("").len(), 1);
}

#[test]
fn unknown_key_in_a_pool_gets_a_hint() {
    for (lines, key, says) in [
        ("replica = 2", "replica", "did you mean pool.a.replicas?"),
        (
            "gpu_count = 4",
            "gpu_count",
            "expected it below [pool.vast]",
        ),
        (
            "vast = 5",
            "vast",
            "expected [pool.vast], followed by its settings",
        ),
        ("notify = 5", "notify", "expected it in [notify]"),
        ("[pool.vats]\nx = 1", "vats", "did you mean pool.a.vast?"),
        ("[pool.pool]\nname = \"x\"", "pool", "unknown setting"),
        (
            "[pool.vast]\ngpu_cuont = 4",
            "vast.gpu_cuont",
            "did you mean pool.a.vast.gpu_count?",
        ),
        (
            "[pool.vast]\napi_key = \"canary\"",
            "vast.api_key",
            "expected it in [vast]",
        ),
    ] {
        let text = with_pools(&pool("a", lines));
        let problem = problem_of(&text, &format!("pool.a.{key}")).to_string();
        assert!(problem.contains(says), "{lines}: {problem}");
        let report = report(&text);
        assert_eq!(report.problems.len(), 1, "{report}");
        assert!(!report.to_string().contains("canary"));
    }
}

#[test]
fn syntax_error_in_a_pool_costs_its_line() {
    // Given an error in one of three pools, in a line or in a header,
    for (wrong, line) in [
        ("replicas = ", 2),
        ("[pool.vast\ngpu_count = 0", 2),
        ("x", 2),
    ] {
        let last = "replicas = 0";
        let text = with_pools(&(pool("a", wrong) + &pool("b", "") + &pool("c", last)));
        let report = report(&text);
        // then the report has that line, and what is wrong with the others under their names.
        let [syntax, other] = &report.problems[..] else {
            panic!("{report}");
        };
        let first = LEAST.lines().count();
        assert_eq!(
            (syntax.key.as_str(), syntax.line),
            ("the file", Some(first + line + 1))
        );
        assert_eq!(other.key, "pool.c.replicas");
    }
    // An unclosed header of a pool costs that pool.
    let text =
        with_pools(&(pool("a", "").replace("[[pool]]", "[[pool") + &pool("c", "replicas = 0")));
    let report = report(&text);
    assert_eq!(report.problems.len(), 2, "{report}");
    problem_of(&text, "pool.c.replicas");
}

#[test]
fn advice_names_the_pool() {
    let text = with_model(MINIMAX, IMAGE, "");
    let pools = pool("a", "[pool.poc]\nrelease = \"whole_epoch\"")
        + &pool("b", "")
        + &pool("c", "[pool.vast]\nmin_cuda = 12.4");
    let warnings = loaded(&(text + &pools)).warnings;
    let [first, second] = &warnings[..] else {
        panic!("{warnings:?}");
    };
    assert!(
        first.starts_with("pool a: poc.execution_timeout"),
        "{first}"
    );
    assert!(
        second.starts_with("pool c: vast.min_cuda = 12.4"),
        "{second}"
    );
}

#[test]
fn secrets_of_a_pools_environment_are_not_shown() {
    let text = with_pools(&pool("a", "[pool.vast]\nenv = { HF_TOKEN = \"canary\" }"));
    let loaded = loaded(&text);
    let settings = format!("{:?}", loaded.settings());
    for shown in [loaded.show(), settings] {
        assert!(
            shown.contains("HF_TOKEN") && !shown.contains("canary"),
            "{shown}"
        );
    }
}

#[test]
fn example_has_a_pool_at_its_end() {
    let example = example();
    let (_, pool) = example.split_once("# [[pool]]\n").expect("a pool");
    for setting in POOL_SETTINGS {
        assert!(pool.contains(&format!("\n# {}\n", example_of(setting))));
    }
    for setting in SETTINGS
        .iter()
        .filter(|setting| setting.scope() == Scope::Pool)
    {
        assert!(pool.contains(setting.name()), "{}", setting.path);
    }
    for section in POOL_SECTIONS {
        assert!(pool.contains(&format!("\n# [pool.{section}]\n")));
    }
}

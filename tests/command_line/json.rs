//! What `--json` prints is what `pocpit schema` says of it, and a schema says enough to be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::process::Command;
use std::sync::LazyLock;

use jsonschema::Validator;
use pocpit::config::Config;
use pocpit::domain::{
    BootStage, Cause, ChainPhase, ConfirmationPhase, Duration, Height, InstanceId, MachineId,
    NodeStatus, Outcome, PocStatus, Requirement, SourceHealth, Step, Time, Weight,
};
use pocpit::journal::{Journal, Record};
use pocpit::notify::Channel;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Home, config_of, ran};
use crate::common::Sim;
use crate::proxy::Proxy;
use crate::ssh::{note, running};

/// What the program gives for each command with `--json`.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let home = Home::new();
    let names = home.run(&["schema"]).stdout;
    let schema = |name: &str| {
        let words: Vec<&str> = std::iter::once("schema").chain(name.split(' ')).collect();
        let printed = home.run(&words);
        assert_eq!(printed.code, Some(0), "{name}: {}", printed.stderr);
        serde_json::from_str(&printed.stdout).unwrap()
    };
    let all = names.lines().map(|name| (name.to_owned(), schema(name)));
    all.collect()
});

static VALIDATORS: LazyLock<BTreeMap<&str, Validator>> = LazyLock::new(|| {
    let all = SCHEMAS.iter();
    all.map(|(name, schema)| (name.as_str(), validator(schema)))
        .collect()
});

fn validator(schema: &Value) -> Validator {
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(schema).unwrap()
}

/// Fails when a command that was asked for JSON printed what its schema does not say: whatever a
/// test is about, scripts rely on this.
pub(crate) fn judge(command: &Command, stdout: &str) {
    let arguments: Vec<&str> = command.get_args().filter_map(OsStr::to_str).collect();
    let Some(line) = stdout.lines().last() else {
        return;
    };
    if !arguments.contains(&"--json") {
        return;
    }
    let name = command_in(&arguments);
    let printed: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
    let errors = VALIDATORS[name].iter_errors(&printed);
    let errors: Vec<String> = errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{line}");
}

fn command_in(arguments: &[&str]) -> &'static str {
    let typed = match arguments {
        ["--config", _, typed @ ..] => typed,
        typed => typed,
    };
    let is_typed = |name: &&str| {
        let words: Vec<&str> = name.split(' ').collect();
        typed.starts_with(&words)
    };
    let found = VALIDATORS.keys().copied().find(is_typed);
    found.unwrap_or_else(|| panic!("no schema for {arguments:?}"))
}

/// A world in which something has happened, for every command to tell of.
struct Eventful {
    _proxy: Proxy,
    home: Home,
    sim: Sim,
    config: Config,
    printed: BTreeMap<&'static str, Value>,
}

impl Eventful {
    fn new() -> Eventful {
        let home = Home::new();
        let sim = Sim::start(home.command(&["sim"]).args(["--speed", "400"]));
        Eventful {
            _proxy: Proxy::serving(&home, &sim),
            config: config_of(&sim),
            home,
            sim,
            printed: BTreeMap::new(),
        }
    }

    /// Runs a command, which judges what it prints, and keeps that.
    fn tell(&mut self, command: &[&str]) {
        let file = self.sim.config.clone();
        let first = ["--config", file.as_str()];
        self.keep(&[&first, command, &["--json"]].concat());
    }

    fn keep(&mut self, arguments: &[&str]) {
        let mut command = self.home.command(arguments);
        let ran = ran(command.env("POCPIT_NOTIFY_COMMAND", "true"));
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        let line = ran.stdout.lines().last().expect("a line of JSON");
        let value = serde_json::from_str(line).unwrap();
        self.printed.insert(command_in(arguments), value);
    }

    fn avoid_a_machine(&self) {
        let (mut journal, _) = Journal::open(&self.config.paths.state_dir).unwrap();
        let avoided = Record::MachineAvoided {
            machine: MachineId(1),
            until: chrono::Utc::now() + Duration::days(3_000),
            reason: "boot_failed: out of memory".into(),
        };
        let _kept = journal.append(chrono::Utc::now(), &avoided).unwrap();
    }

    /// A rental that nobody uses.
    fn rent(&self, label: &str) -> InstanceId {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(running(&self.config, label))
    }
}

#[test]
fn every_command_prints_what_its_schema_says_and_every_schema_can_refuse() {
    let mut world = Eventful::new();
    // Given a sprint that is over, a machine that failed, and a rental that nobody uses,
    for command in [
        &["check"][..],
        &["plan"],
        &["auto", "--once"],
        &["history"],
        &["epoch"],
        &["nodes"],
        &["config", "show"],
        &["notify", "test"],
        &["notify", "send", "it rains"],
        &["offers"],
    ] {
        world.tell(command);
    }
    world.avoid_a_machine();
    world.tell(&["avoided"]);
    world.rent("pocpit/demo/1/1-a");
    world.tell(&["gc", "--dry-run"]);
    world.tell(&["release", "--yes"]);
    world.tell(&["rehearse", "--skip-poc", "--yes"]);
    world.tell(&["serve", "--minutes", "5", "--yes"]);
    let label = "pocpit/demo/1/2-b";
    note(&world.config, label, world.rent(label));
    world.tell(&["ssh"]);
    world.keep(&["demo", "--headless", "--auto", "--speed", "400", "--json"]);
    // when each command has printed, which was judged, then none is left out,
    let (printed, known): (BTreeSet<&str>, BTreeSet<&str>) = (
        world.printed.keys().copied().collect(),
        VALIDATORS.keys().copied().collect(),
    );
    assert_eq!(printed, known);
    // and what is wrong in a single place is refused.
    for (command, value) in &world.printed {
        let value = shortened(value);
        assert!(VALIDATORS[command].is_valid(&value), "{command}");
        let all = broken(&value);
        assert!(all.len() > 4, "{command} told something: {value}");
        for (what, value) in all {
            assert!(!VALIDATORS[command].is_valid(&value), "{command}: {what}");
        }
    }
}

/// Lists without their later items: two tell as much as a hundred.
fn shortened(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().take(2).map(shortened).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (name.clone(), shortened(value)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

/// Fields that are left out at times.
const OPTIONAL: [&str; 2] = ["race", "in time"];
/// Objects that are keyed by what others name.
const MAPS: [&str; 2] = ["models", "weights"];

/// A value broken in one place, in every way: a field more, a field less, another type.
fn broken(whole: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    places_in(whole, "", &mut places);
    let mut all = Vec::new();
    for place in places {
        let mut with = |what: String, change: &dyn Fn(&mut Value)| {
            let mut other = whole.clone();
            change(other.pointer_mut(&place).unwrap());
            all.push((format!("{place}: {what}"), other));
        };
        let Some(fields) = whole.pointer(&place).unwrap().as_object() else {
            with("another type".into(), &|value| {
                *value = json!({ "unknown": [] });
            });
            continue;
        };
        with("another type".into(), &|value| *value = json!("unknown"));
        with("one more".into(), &|value| {
            value["unknown"] = json!({ "unknown": [] });
        });
        let is_map = place
            .rsplit('/')
            .next()
            .is_some_and(|it| MAPS.contains(&it));
        for name in fields.keys() {
            if !is_map && !OPTIONAL.contains(&name.as_str()) {
                with(format!("no {name}"), &|value| {
                    value.as_object_mut().unwrap().remove(name);
                });
            }
        }
    }
    all
}

/// Pointers (RFC 6901) to everything in a value.
fn places_in(value: &Value, at: &str, places: &mut Vec<String>) {
    places.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places_in(item, &format!("{at}/{index}"), places);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                places_in(field, &format!("{at}/{name}"), places);
            }
        }
        _ => {}
    }
}

#[test]
fn every_schema_is_one_and_says_what_each_field_means_and_that_there_are_no_others() {
    for (name, schema) in SCHEMAS.iter() {
        if let Err(error) = jsonschema::draft202012::meta::validate(schema) {
            panic!("{name}: {error}");
        }
        let mut places = Vec::new();
        places_in(schema, "", &mut places);
        for place in places {
            let part = schema.pointer(&place).unwrap();
            let Some(fields) = part.get("properties").and_then(Value::as_object) else {
                continue;
            };
            assert_eq!(part["additionalProperties"], false, "{name}{place}");
            for (field, meaning) in fields {
                assert!(is_described(schema, meaning), "{name}{place}: {field}");
                let required = part["required"].as_array().unwrap();
                let is_required = required.contains(&Value::from(field.as_str()));
                assert_eq!(
                    is_required,
                    !OPTIONAL.contains(&field.as_str()),
                    "{name}{place}: {field}"
                );
            }
        }
    }
}

/// By itself, or by the definition that it refers to.
fn is_described(schema: &Value, meaning: &Value) -> bool {
    let referred = meaning["$ref"].as_str().map(|to| &to[1..]);
    let definition = referred.map(|to| schema.pointer(to).expect("the definition"));
    let described = |it: &Value| it["description"].as_str().is_some_and(|it| !it.is_empty());
    described(meaning) || definition.is_some_and(described)
}

#[test]
fn every_file_is_printed_and_a_sprint_is_told_alike_wherever_it_is() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/schemas");
    for entry in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert!(SCHEMAS.values().any(|printed| *printed == schema), "{text}");
    }
    let (sprint, past) = (&SCHEMAS["auto"], &SCHEMAS["history"]["$defs"]);
    for part in ["type", "additionalProperties", "required", "properties"] {
        assert_eq!(sprint[part], past["report"][part], "{part}");
    }
    for part in ["span", "race"] {
        assert_eq!(sprint["$defs"][part], past[part], "{part}");
    }
}

#[test]
fn a_command_without_json_has_no_schema_and_the_right_name_is_told() {
    let home = Home::new();
    let unknown = home.run(&["schema", "config", "shwo"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""));
    assert!(
        unknown.stderr.contains("did you mean `config show`?"),
        "{}",
        unknown.stderr
    );
    assert_eq!(home.run(&["schema", "proxy"]).code, Some(2));
}

/// The words that a schema has for something.
fn words_at(command: &str, place: &str) -> BTreeSet<String> {
    let words = SCHEMAS[command].pointer(place).expect("the place");
    serde_json::from_value(words.clone()).unwrap()
}

fn written<T: Serialize>(all: &[T]) -> BTreeSet<String> {
    let words = all.iter().map(|one| serde_json::to_value(one).unwrap());
    words
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

/// A simulated world shows some of them only.
#[test]
fn the_words_of_a_schema_are_the_programs() {
    let outcomes = [
        Outcome::Confirmed { weight: Weight(1) },
        Outcome::NoWeight { cause: cause() },
        Outcome::Failed { cause: cause() },
        Outcome::Rehearsed,
        Outcome::Served,
        Outcome::Aborted,
        Outcome::Unknown { cause: cause() },
    ];
    let mut outcomes: BTreeSet<String> = outcomes.iter().map(|one| one.name().to_owned()).collect();
    outcomes.insert("not_tried".to_owned());
    let nodes = {
        use NodeStatus::{Failed, Inference, Poc, Stopped, Training, Unknown};
        written(&[Unknown, Inference, Poc, Training, Stopped, Failed])
    };
    let pocs = {
        use PocStatus::{Generating, Idle, Mixed, NoBackends, Unknown, Validating};
        written(&[Idle, Generating, Validating, Mixed, NoBackends, Unknown])
    };
    let phases = {
        use ChainPhase::{
            Inference, PoCGenerate, PoCGenerateWindDown, PoCValidate, PoCValidateWindDown,
        };
        written(&[
            PoCGenerate,
            PoCGenerateWindDown,
            PoCValidate,
            PoCValidateWindDown,
            Inference,
        ])
    };
    let confirmations = {
        use ConfirmationPhase::{Completed, Generation, GracePeriod, Inactive, Validation};
        written(&[Inactive, GracePeriod, Generation, Validation, Completed])
    };
    let channels = Channel::ALL.map(|channel| channel.name().to_owned());
    let stage = "/$defs/boot/properties/started/items/prefixItems/0/enum";
    for (command, place, words) in [
        ("auto", "/properties/outcome/enum", outcomes),
        (
            "auto",
            "/$defs/span/properties/step/enum",
            written(&Step::ALL),
        ),
        ("history", stage, written(&BootStage::ALL)),
        ("nodes", "/$defs/status/enum", nodes),
        ("nodes", "/$defs/poc_status/enum", pocs),
        ("epoch", "/properties/phase/enum", phases),
        ("epoch", "/$defs/event/properties/phase/enum", confirmations),
        ("notify test", "/$defs/channel/enum", channels.into()),
    ] {
        assert_eq!(words_at(command, place), words, "{command} {place}");
    }
    let asked = words_at("check", "/$defs/what/enum");
    for requirement in Requirement::ALL {
        assert!(asked.contains(&requirement.to_string()), "{requirement}");
    }
}

fn cause() -> Cause {
    Cause::new("no_weight", "none")
}

#[test]
fn every_health_of_a_source_is_in_the_plan() {
    let plan = &SCHEMAS["plan"];
    let health = validator(&json!({ "$ref": "#/$defs/health", "$defs": plan["$defs"] }));
    for seen in [
        SourceHealth::Good,
        SourceHealth::CatchingUp,
        SourceHealth::Behind,
        SourceHealth::Ahead,
        SourceHealth::WentBack { from: Height(7) },
        SourceHealth::Contradicts("itself".into()),
        SourceHealth::Silent("it timed out".into()),
    ] {
        let value = serde_json::to_value(&seen).unwrap();
        assert!(health.is_valid(&value), "{value}");
    }
    assert!(!health.is_valid(&json!("well")));
}

#[test]
fn a_time_is_written_as_a_schema_wants_it() {
    let format = json!({ "type": "string", "format": "date-time" });
    let format = validator(&format);
    let time: Time = "2026-01-31T23:59:59.123456Z".parse().unwrap();
    assert!(format.is_valid(&json!(time)));
    assert!(!format.is_valid(&json!("yesterday")));
}

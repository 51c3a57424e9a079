//! The output of `--json` matches its schema, and the schemas are strict.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::process::Command;
use std::sync::LazyLock;

use jsonschema::Validator;
use pocpit::config::Config;
use pocpit::domain::{Cause, Duration, InstanceId, MachineId, Outcome, Time, Weight};
use pocpit::journal::{Journal, Record};
use serde_json::{Value, json};

use super::{Home, config_of, ran};
use crate::command_line::proxy::Proxy;
use crate::command_line::ssh::{note, running};
use crate::sim::Sim;

/// The schema of each command with `--json`.
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

/// Fails if the output of a command with `--json` does not match its schema. Every test that runs a
/// command checks this, because scripts rely on it.
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

/// A world with some history, so that every command has something to print.
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

    /// Runs a command, which checks its output, and stores the output.
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
            host: None,
            address: None,
        };
        let _kept = journal.append(chrono::Utc::now(), &avoided).unwrap();
    }

    /// A rental that no sprint uses.
    fn rent(&self, label: &str) -> InstanceId {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(running(&self.config, label))
    }
}

#[test]
fn json_output_matches_schemas() {
    let mut world = Eventful::new();
    // Given a finished sprint, a machine that failed, and an unused rental,
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
    // when each command has printed and was checked, then none is left out,
    let (printed, known): (BTreeSet<&str>, BTreeSet<&str>) = (
        world.printed.keys().copied().collect(),
        VALIDATORS.keys().copied().collect(),
    );
    assert_eq!(printed, known);
    // and a value with a single error is rejected.
    for (command, value) in &world.printed {
        let value = shortened(value);
        assert!(VALIDATORS[command].is_valid(&value), "{command}");
        let all = broken(command, &value);
        assert!(all.len() > 4, "{command} told something: {value}");
        for (what, value) in all {
            assert!(!VALIDATORS[command].is_valid(&value), "{command}: {what}");
        }
    }
}

/// Lists cut to two items, which is enough.
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

/// Fields that can be absent, by the command.
fn is_optional(command: &str, field: &str) -> bool {
    match field {
        "race" | "proof" | "release_steps" | "in time" | "runs" | "driver" => true,
        // Only a fleet of several pools or replicas names them.
        "pool" | "fleet" | "pools" | "network_node" | "account" => true,
        "replica" => command != "plan",
        // Not every offer or avoided machine has them; charges come late, and a fee is rare.
        "public_address" | "surcharge" | "closed" => true,
        "charged_usd" | "charge_difference_usd" | "fee_per_hour_usd" => true,
        "host" | "address" | "host_until" => command.starts_with("avoided"),
        // Only some releases of the Network Node tell it.
        "preserved_models" => command.starts_with("nodes"),
        "why" | "remedy" => command.starts_with("notify"),
        // Only with --pool or --replica.
        "left_alone" => true,
        _ => false,
    }
}
/// Objects whose keys are free.
const MAPS: [&str; 2] = ["models", "weights"];

/// A value with one error, in every way: an extra field, a missing field, another type.
fn broken(command: &str, whole: &Value) -> Vec<(String, Value)> {
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
            if !is_map && !is_optional(command, name) {
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
fn schemas_are_closed_and_described() {
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
            // A condition is not an object.
            if part.get("type").is_none() {
                continue;
            }
            let is_alternative = place.starts_with("/$defs/Probe/oneOf/");
            let closed = ["additionalProperties", "unevaluatedProperties"];
            let closed = closed
                .iter()
                .any(|key| part.get(*key) == Some(&json!(false)));
            assert!(closed || is_alternative, "{name}{place}");
            for (field, meaning) in fields {
                // A variant with one field has its description around it.
                let is_variant = fields.len() == 1 && part.get("description").is_some();
                assert!(
                    is_variant || is_described(schema, meaning),
                    "{name}{place}: {field}"
                );
                let required = part["required"].as_array().unwrap();
                let is_required = required.contains(&Value::from(field.as_str()));
                assert_eq!(
                    is_required,
                    !is_optional(name, field),
                    "{name}{place}: {field}"
                );
            }
        }
    }
}

/// Directly, by the definition that it refers to, or as the tag of a described alternative.
fn is_described(schema: &Value, meaning: &Value) -> bool {
    let referred = meaning["$ref"].as_str().map(|to| &to[1..]);
    let definition = referred.map(|to| schema.pointer(to).expect("the definition"));
    let described = |it: &Value| it["description"].as_str().is_some_and(|it| !it.is_empty());
    let is_tag = meaning.get("const").is_some();
    is_tag || described(meaning) || definition.is_some_and(described)
}

#[test]
fn unknown_schema_suggests_nearest_name() {
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

/// A wire name that differs from the type's would not be in a schema.
#[test]
fn names_of_outcomes_are_in_schema() {
    let cause = Cause::new("no_weight", "none");
    let outcomes = [
        Outcome::Confirmed { weight: Weight(1) },
        Outcome::NoWeight {
            cause: cause.clone(),
        },
        Outcome::Failed {
            cause: cause.clone(),
        },
        Outcome::Rehearsed,
        Outcome::Served,
        Outcome::Aborted,
        Outcome::Unknown { cause },
    ];
    let schema = validator(&SCHEMAS["auto"]["properties"]["outcome"]);
    for outcome in &outcomes {
        assert!(
            schema.is_valid(&json!(outcome.kind().name())),
            "{}",
            outcome.kind().name()
        );
    }
    assert!(schema.is_valid(&json!("not_tried")));
    assert!(!schema.is_valid(&json!("won")));
}

#[test]
fn times_match_the_date_time_format() {
    let format = json!({ "type": "string", "format": "date-time" });
    let format = validator(&format);
    let time: Time = "2026-01-31T23:59:59.123456Z".parse().unwrap();
    assert!(format.is_valid(&json!(time)));
    assert!(!format.is_valid(&json!("yesterday")));
}

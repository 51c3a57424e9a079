//! The first start: there is no configuration, and the operator is led to one.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// What the simulated world's configuration says of a setting, as it is typed.
fn answer(config: &toml::Table, path: &str) -> String {
    let (section, name) = path.split_once('.').unwrap();
    match &config[section][name] {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => {
            let items = items.iter().map(|item| item.as_str().unwrap());
            items.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[test]
fn first_start_writes_and_checks_config() {
    let sim = Sim::start(&mut pocpit(&["sim"]));
    let world: toml::Table = std::fs::read_to_string(&sim.config)
        .unwrap()
        .parse()
        .unwrap();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("pocpit.toml");
    let name = file.to_str().unwrap();
    // No test asks the real market.
    let market = answer(&world, "vast.base_url");
    let environment = [("POCPIT_VAST_BASE_URL", market.as_str())];
    let mut terminal = Terminal::start_with(80, 24, &["--config", name], &environment);
    // A wrong answer is reported and asked again,
    terminal.until("1 of 14");
    terminal.press("\x15Not A Name\r");
    terminal.until("is not a cockpit id");
    // and right ones lead to the last question.
    let asked = pocpit::config::questions();
    for (number, question) in asked.iter().enumerate() {
        terminal.until(&format!("{} of 14", number + 1));
        let key = question.setting.path;
        let typed = match key {
            "vast.api_key" => "pasted-key".to_owned(),
            key => answer(&world, key),
        };
        // As a terminal pastes.
        terminal.press(&format!("\x15\x1b[200~{typed}\x1b[201~"));
        terminal.press("\r");
    }
    terminal.until("first start: review");
    assert!(
        !terminal.text().contains("pasted-key"),
        "{}",
        terminal.text()
    );
    assert!(!file.exists(), "nothing is written before it is agreed to");
    terminal.press("\r");
    // Then it is written, for the operator alone, and everything is checked.
    terminal.until_any(&["fix the problems above", "ready; `pocpit`"]);
    let (_, restored) = terminal.end();
    assert!(restored);
    for file in [&file, &home.path().join("vast.key")] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    assert!(
        !std::fs::read_to_string(&file)
            .unwrap()
            .contains("pasted-key")
    );
    let check = pocpit(&["--config", name, "config", "check"])
        .output()
        .unwrap();
    assert!(
        check.status.success(),
        "{}",
        String::from_utf8_lossy(&check.stderr)
    );
}

#[test]
fn abandoned_first_start_writes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("pocpit.toml");
    let mut terminal = Terminal::start(60, 16, &["--config", file.to_str().unwrap()]);
    terminal.until("1 of 14");
    terminal.press("\r");
    terminal.until("2 of 14");
    terminal.press("\x1b");
    let (code, restored) = terminal.end();
    assert_eq!((code, restored), (2, true));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

//! What packages and workflows say is so here: files, versions, rights.

use std::path::Path;

use yaml_rust2::{Yaml, YamlLoader};

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(path).unwrap()
}

fn yaml(file: &str) -> Yaml {
    YamlLoader::load_from_str(&text(file)).unwrap().remove(0)
}

#[test]
fn package_refuses_journals_newer_than_its_own() {
    let line = format!("journal_version={}", pocpit::journal::VERSION);
    let guard = text("assets/debian/preinst");
    assert!(guard.lines().any(|known| known == line), "{guard}");
}

#[test]
fn change_log_has_this_version_and_its_journal() {
    let version = format!("## {}", env!("CARGO_PKG_VERSION"));
    let changes = text("CHANGELOG.md");
    let (_, changes) = changes.split_once(&version).expect("this version");
    let (newest, _) = changes.split_once("\n## ").unwrap_or((changes, ""));
    let journal = format!("Journal version {}.", pocpit::journal::VERSION);
    assert!(newest.contains(&journal), "{newest}");
}

#[test]
fn units_in_packages_start_the_packaged_program() {
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let package = &manifest["package"]["metadata"]["deb"];
    let assets = package["assets"].as_array().unwrap();
    let program = assets.iter().any(|asset| {
        asset[0].as_str() == Some("target/release/pocpit") && asset[1].as_str() == Some("usr/bin/")
    });
    assert!(program, "{assets:?}");
    for unit in ["pocpit", "pocpit-proxy", "pocpit-gc", "pocpit-failure@"] {
        let unit = text(&format!("assets/{unit}.service"));
        assert!(unit.contains("\nExecStart=/usr/bin/pocpit "), "{unit}");
    }
}

#[test]
fn container_runs_without_root_and_publishes_nothing() {
    let image = text("assets/Containerfile");
    let user = image.lines().rfind(|line| line.starts_with("USER "));
    assert_eq!(user, Some("USER pocpit"));
    let compose = yaml("assets/compose.yml");
    let services = compose["services"].as_hash().unwrap();
    assert_eq!(services.len(), 2);
    for (name, service) in services {
        // YAML's merge key, as compose reads it.
        let common = &service["<<"];
        assert_eq!(common["read_only"].as_bool(), Some(true), "{name:?}");
        assert_eq!(common["cap_drop"][0].as_str(), Some("ALL"), "{name:?}");
        let option = common["security_opt"][0].as_str();
        assert_eq!(option, Some("no-new-privileges:true"), "{name:?}");
        assert!(service["ports"].is_badvalue() && common["ports"].is_badvalue());
    }
}

#[test]
fn workflows_pin_their_actions_and_may_only_read() {
    let workflows = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let mut actions = 0;
    for file in std::fs::read_dir(workflows).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let workflow = YamlLoader::load_from_str(&text).unwrap().remove(0);
        let permissions = &workflow["permissions"];
        assert_eq!(permissions["contents"].as_str(), Some("read"), "{file:?}");
        for line in text.lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            let (_, commit) = action.split_once('@').unwrap();
            let commit = commit.split(' ').next().unwrap();
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(is_commit, "{action} is not pinned to a commit");
            actions += 1;
        }
    }
    assert!(actions >= 2, "{actions}");
}

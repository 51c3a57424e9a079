//! Reads what it can of a configuration that is missing, unreadable or wrong: enough to release rentals,
//! or to send a notice about it. Wrong values count as not given.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use super::draft::Draft;
use super::load::{LoadError, base_dirs_for, default_file, load_for};
use super::read::{BaseDirs, Reader};
use super::report::{ConfigReport, Problem};
use super::schema::Credential;
use super::settings::{
    Config, NetworkNodeConfig, NotifyConfig, Paths, Pools, SimulationConfig, VastConfig,
};
use super::source::{Layers, collect};
use super::tables::{self, Tables};
use super::text_file::read_text;
use super::values::names_section;
use super::{checks, derived};
use crate::domain::CockpitId;

/// The parts of a configuration that releasing rentals needs.
#[derive(Debug)]
pub struct ReleaseConfig {
    pub cockpit: Option<CockpitId>,
    /// Those whose API key is known.
    pub accounts: Vec<VastConfig>,
    pub network_nodes: Vec<NetworkNodeReach>,
    pub paths: Paths,
    pub simulation: Option<SimulationConfig>,
    /// `None` if the configuration as a whole does not load.
    pub pools: Option<Pools>,
    /// What is wrong, and what works but should be fixed.
    pub warnings: Vec<String>,
}

/// Whether a Network Node can be reached.
#[derive(Debug)]
pub enum NetworkNodeReach {
    /// No address is given.
    NotGiven,
    Wrong,
    /// The exposure may be a default.
    At(Box<NetworkNodeConfig>),
}

/// The parts of a configuration that sending a notice needs.
#[derive(Debug)]
pub struct NoticeConfig {
    pub notify: NotifyConfig,
    pub paths: Paths,
    /// Why the configuration as a whole does not load.
    pub error: Option<LoadError>,
    pub warnings: Vec<String>,
}

/// Reads what releasing needs. Never fails.
pub fn load_for_release(file: Option<&Path>, environment: &[(String, String)]) -> ReleaseConfig {
    match load_for(file, environment, &[Credential::Market]) {
        Ok(loaded) => ReleaseConfig {
            accounts: accounts(&loaded.config),
            network_nodes: network_nodes(&loaded.config),
            cockpit: Some(loaded.config.cockpit),
            paths: loaded.config.paths,
            simulation: loaded.config.simulation,
            pools: Some(loaded.config.pools),
            warnings: loaded.warnings,
        },
        Err(error) => recover_release(&Parts::new(file, environment), &error),
    }
}

fn accounts(config: &Config) -> Vec<VastConfig> {
    let accounts = config.accounts();
    accounts
        .map(|account| config.of_account(&account.name).vast)
        .collect()
}

fn network_nodes(config: &Config) -> Vec<NetworkNodeReach> {
    let all = config.network_nodes().cloned();
    all.map(|one| NetworkNodeReach::At(Box::new(one))).collect()
}

/// Reads what sending a notice needs. Fails only when that part itself is wrong.
pub fn load_for_notice(
    file: Option<&Path>,
    environment: &[(String, String)],
) -> Result<NoticeConfig, LoadError> {
    match load_for(file, environment, &[Credential::Market]) {
        Ok(loaded) => Ok(NoticeConfig {
            notify: loaded.config.notify,
            paths: loaded.config.paths,
            error: None,
            warnings: loaded.warnings,
        }),
        Err(error) => recover_notice(&Parts::new(file, environment), error),
    }
}

/// The file and the environment, as far as they can be read.
struct Parts {
    file: Option<PathBuf>,
    dirs: BaseDirs,
    layers: Layers,
}

impl Parts {
    fn new(file: Option<&Path>, environment: &[(String, String)]) -> Parts {
        let file = file.map(Path::to_owned).or_else(|| default_file().ok());
        let text = file.as_deref().map(read_text);
        let text = text.and_then(Result::ok).unwrap_or_default();
        Parts {
            dirs: file.as_deref().map(base_dirs_for).unwrap_or_default(),
            layers: collect(&text, environment),
            file,
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&self.layers.values, &self.dirs, Credential::ALL)
    }
}

fn recover_release(parts: &Parts, error: &LoadError) -> ReleaseConfig {
    const NEEDED: [&str; 6] = [
        "cockpit",
        "poc",
        "vast",
        "network_node",
        "paths",
        "simulation",
    ];
    let mut reader = parts.reader();
    let mut draft = Draft::default();
    reader.fill(&mut draft, |section| NEEDED.contains(&section));
    let mut warnings = vec![format!("continuing with what can be read: {error}")];
    warnings.append(&mut reader.warnings);
    let mut problems = reader.problems.iter();
    let is_simulated = names_section(&parts.layers.values, "simulation")
        && !problems.any(|problem| is_in(problem, "simulation"));
    derived::fill(&mut draft);
    let others = tables::accounts(&parts.layers, &reader, &draft);
    let nodes = tables::network_nodes(&parts.layers, &reader);
    ReleaseConfig {
        network_nodes: reachable(&reader, &draft, &nodes),
        paths: draft.paths(),
        accounts: with_keys(&draft, &others),
        cockpit: draft.cockpit,
        simulation: is_simulated.then_some(draft.simulation),
        pools: None,
        warnings,
    }
}

/// The accounts whose key is known.
fn with_keys(draft: &Draft, others: &Tables<'_>) -> Vec<VastConfig> {
    let others = others.read.iter().map(|table| {
        let account = table.account();
        VastConfig {
            account: account.name,
            api_key: account.api_key,
            ..draft.vast()
        }
    });
    let all = std::iter::once(draft.vast()).chain(others);
    all.filter(|vast| !vast.api_key.expose_secret().is_empty())
        .collect()
}

/// The Network Nodes, as far as they can be read.
fn reachable(reader: &Reader<'_>, draft: &Draft, several: &Tables<'_>) -> Vec<NetworkNodeReach> {
    const ADMIN_API: &str = "network_node.admin_api";
    let reach = |is_given: bool, is_wrong: bool, draft: &Draft| match (is_given, is_wrong) {
        (false, _) => NetworkNodeReach::NotGiven,
        (true, true) => NetworkNodeReach::Wrong,
        (true, false) => NetworkNodeReach::At(Box::new(draft.network_node.clone())),
    };
    if several.read.is_empty() {
        let is_wrong = reader.has_problem(ADMIN_API);
        return vec![reach(reader.is_given(ADMIN_API), is_wrong, draft)];
    }
    let all = several.read.iter().map(|table| {
        let key = table.layer.key(ADMIN_API);
        let is_wrong = several.problems.iter().any(|problem| problem.key == key);
        let is_given = table.layer.values.contains_key(ADMIN_API);
        reach(is_given, is_wrong, &table.draft)
    });
    all.collect()
}

fn recover_notice(parts: &Parts, error: LoadError) -> Result<NoticeConfig, LoadError> {
    const SECTION: &str = "notify";
    let mut reader = parts.reader();
    let mut draft = Draft::default();
    reader.fill(&mut draft, |section| section == SECTION);
    checks::run(&mut reader, &draft, |section| section == SECTION);
    let syntax_errors = parts.layers.syntax_errors.iter();
    let syntax_errors = syntax_errors.filter(|error| error.section == SECTION);
    let unknown = parts.layers.problems.iter();
    let unknown = unknown.filter(|problem| is_in(problem, SECTION));
    let given = syntax_errors.map(|error| &error.problem).chain(unknown);
    let mut problems: Vec<Problem> = given.cloned().collect();
    problems.append(&mut reader.problems);
    if !problems.is_empty() {
        let file = parts.file.as_deref().map(Path::display);
        let origin = file.map(|file| file.to_string()).unwrap_or_default();
        return Err(LoadError::Invalid(ConfigReport { origin, problems }));
    }
    // Wrong paths do not keep a notice from being sent.
    reader.fill(&mut draft, |section| section == "paths");
    let warnings = reader.warnings;
    Ok(NoticeConfig {
        notify: draft.notify(),
        paths: draft.paths(),
        error: Some(error),
        warnings,
    })
}

/// True for a setting, variable or section of that name.
fn is_in(problem: &Problem, section: &str) -> bool {
    let variable = format!("POCPIT_{}_", section.to_uppercase());
    problem.key.split('.').next() == Some(section) || problem.key.starts_with(&variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_FILE: &str = "/nonexistent/config.toml";

    fn variable(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    fn release(text: &str) -> ReleaseConfig {
        load_for_release(Some(file(text).path()), &[])
    }

    fn notice(text: &str) -> Result<NoticeConfig, LoadError> {
        load_for_notice(Some(file(text).path()), &[])
    }

    fn key(found: &ReleaseConfig) -> Option<&str> {
        let vast = found.accounts.first()?;
        Some(vast.api_key.expose_secret())
    }

    #[test]
    fn wrong_values_count_as_not_given() {
        let found = release(
            "[cockpit]\nid = \"No Name\"\n[vast]\napi_key = \"k1\"\nbase_url = \"nowhere\"\nread_attempts = 99\n[network_node]\nadmin_api = \"ftp://x\"\n",
        );
        assert_eq!((key(&found), found.cockpit.as_ref()), (Some("k1"), None));
        let vast = &found.accounts[0];
        assert_eq!(vast.base_url.as_str(), "https://console.vast.ai/");
        assert!((1..=10).contains(&vast.read_attempts));
        assert!(matches!(found.network_nodes[..], [NetworkNodeReach::Wrong]));
        for setting in ["cockpit.id", "vast.base_url", "vast.read_attempts"] {
            assert!(found.warnings[0].contains(setting), "{:?}", found.warnings);
        }
        assert!(!found.warnings.join("\n").contains("k1"));
    }

    #[test]
    fn api_key_given_twice_still_works() {
        let twice = release("[vast]\napi_key = \"k1\"\napi_key_file = \"/nonexistent\"\n");
        assert_eq!(key(&twice), Some("k1"));
        for none in [
            "",
            "[vast]\napi_key = 7\n",
            "[vast]\napi_key_file = \"/nonexistent\"\n",
        ] {
            assert_eq!(key(&release(none)), None, "{none:?}");
        }
    }

    #[test]
    fn environment_is_enough_to_release() {
        let environment = [
            variable("POCPIT_VAST_API_KEY", "k2"),
            variable("POCPIT_COCKPIT_ID", "north"),
        ];
        let found = load_for_release(Some(Path::new(NO_FILE)), &environment);
        assert_eq!(key(&found), Some("k2"));
        assert_eq!(found.cockpit, "north".parse().ok());
        assert!(matches!(
            found.network_nodes[..],
            [NetworkNodeReach::NotGiven]
        ));
    }

    const WEBHOOK: &str = "[notify]\nwebhook = \"https://example.org/hook\"\n";

    #[test]
    fn dotted_and_inline_notify_forms_work() {
        let address = "\"https://example.org/hook\"";
        for form in [
            format!("notify.webhook = {address}\n"),
            format!("notify = {{ webhook = {address} }}\n"),
        ] {
            let found = notice(&format!("{form}[vast]\napi_kye = \"k1\"\n")).unwrap();
            assert!(found.notify.webhook.is_some(), "{form}");
            assert!(found.error.is_some());
        }
    }

    #[test]
    fn notify_survives_errors_elsewhere() {
        for (wrong, why) in [
            ("", "vast.api_key"),
            ("[vast]\napi_kye = \"sk-one\"\n", "vast.api_kye"),
            ("[vats]\n", "vats"),
            ("[vast]\napi_key = \"sk-one\n", "the file"),
            ("[vast\n", "the file"),
        ] {
            for text in [format!("{wrong}{WEBHOOK}"), format!("{WEBHOOK}{wrong}")] {
                let found = notice(&text).unwrap();
                assert!(found.notify.webhook.is_some(), "{text}");
                let error = found.error.unwrap().to_string();
                assert!(error.contains(why), "{error}");
                assert!(!error.contains("sk-one"), "{error}");
            }
        }
    }

    #[test]
    fn wrong_notify_section_is_reported_alone() {
        for (wrong, what) in [
            ("webhook = \"nowhere\"", "notify.webhook (line 3)"),
            ("webhok = \"https://example.org\"", "notify.webhok (line 3)"),
            ("webhook = ", "the file (line 3)"),
        ] {
            let error = notice(&format!("[vats]\n[notify] # whom\n{wrong}\n")).unwrap_err();
            let said = error.to_string();
            assert!(
                said.contains(what) && said.contains(": 1 problem\n"),
                "{said}"
            );
        }
    }

    #[test]
    fn environment_is_enough_to_notify() {
        let environment = [
            variable("POCPIT_NOTIFY_WEBHOOK", "https://example.org/hook"),
            variable("POCPIT_VATS_API_KEY", "k1"),
        ];
        let load = |environment| load_for_notice(Some(Path::new(NO_FILE)), environment);
        let found = load(&environment).unwrap();
        assert!(found.notify.webhook.is_some() && found.error.is_some());
        assert!(load(&[variable("POCPIT_NOTIFY_WEBHOK", "x")]).is_err());
    }

    #[test]
    fn multi_line_list_is_no_header() {
        let text = "x\n[notify]\ncommand = [\n  \"tell\",\n]\n[vast]\nbase_url = 7\n";
        assert_eq!(notice(text).unwrap().notify.command, ["tell"]);
    }

    #[test]
    fn pools_keep_nothing_from_release_and_notice() {
        let base = "[vast]\napi_key = \"k1\"\n[cockpit]\nid = \"home\"\n";
        for pools in [
            "[[pool]]\nname = \"a\"\n[pool.vast]\ngpu_count = 4\n",
            "[[pool]]\nname = \"a\"\n[pool.vast]\napi_key = \"k9\"\n[pool.notify]\nwebhook = \"nowhere\"\n",
            "[[pool]]\nname = \n[pool.vast]\ngpu_count = \"x\"\n",
            "[[pool]]\nname = \"a\"\n[pool.notify\nwebhook = \"nowhere\"\n",
            "[[pool\nname = \"a\"\n[pool.cockpit]\nid = \"other\"\n",
            "[[pool]]\nreplicas = 900\n[[pool]]\nname = \"a\"\n[[pool]]\nname = \"a\"\n",
            "[pool]\nname = \"a\"\n",
        ] {
            // Given pools, right or wrong, before and after the other sections,
            let rest = format!("{base}{WEBHOOK}");
            for text in [format!("{rest}{pools}"), format!("{pools}{rest}")] {
                // then releasing and telling have what they need.
                let found = release(&text);
                assert_eq!(key(&found), Some("k1"), "{text}");
                assert_eq!(found.cockpit, "home".parse().ok(), "{text}");
                let found = notice(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
                assert!(
                    found.notify.webhook.is_some() && found.error.is_some(),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn syntax_error_costs_one_line() {
        let text = "[vast]\napi_key = \"k1\"\nbase_url = \"nowhere\n[cockpit]\nid = \"home\"\n";
        let found = release(text);
        assert_eq!(key(&found), Some("k1"));
        assert_eq!(found.cockpit, "home".parse().ok());
        let base_url = &found.accounts[0].base_url;
        assert_eq!(base_url.as_str(), "https://console.vast.ai/");
        // A secret that is cut off by an error is not used.
        assert_eq!(key(&release("[vast]\napi_key = \"k1\n")), None);
    }
}

//! What can be read of a configuration that is missing, unreadable or wrong: enough to take rentals
//! down. What is wrong counts as not given.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use super::build::{paths, poc, simulation, vast};
use super::keys::Key;
use super::load::{LoadError, Loaded, default_file, default_paths, load_for, places_of};
use super::read::{KeyOf, Places, Reader};
use super::settings::{Exposure, NetworkNodeConfig, Paths, SimulationConfig, VastConfig};
use super::source::{Values, collect, reset};
use crate::domain::CockpitId;

/// The parts of a configuration that taking down needs.
#[derive(Debug)]
pub struct Salvaged {
    /// Our name on the account, when it is known.
    pub cockpit: Option<CockpitId>,
    /// The market; absent without a key.
    pub vast: Option<VastConfig>,
    /// The Network Node.
    pub network_node: NetworkNodeReach,
    /// Where files are.
    pub paths: Paths,
    /// The simulated world's clock.
    pub simulation: Option<SimulationConfig>,
    /// What is wrong, and what works but should be mended.
    pub warnings: Vec<String>,
}

/// Whether there is a Network Node to ask.
#[derive(Debug)]
pub enum NetworkNodeReach {
    /// Nothing says so.
    NotGiven,
    /// One is meant, but its address is wrong.
    Wrong,
    /// This one. How it reaches rentals may be a default.
    At(Box<NetworkNodeConfig>),
}

/// Reads what there is of the named file, or of the one in the XDG configuration directory, and of
/// the environment.
pub fn salvage(file: Option<&Path>, environment: &[(String, String)]) -> Salvaged {
    match load_for(file, environment, &[KeyOf::Market]) {
        Ok(loaded) => whole(loaded),
        Err(error) => in_parts(file, environment, &error),
    }
}

fn whole(loaded: Loaded) -> Salvaged {
    let config = loaded.config;
    Salvaged {
        cockpit: Some(config.cockpit),
        vast: Some(config.vast),
        network_node: NetworkNodeReach::At(Box::new(config.network_node)),
        paths: config.paths,
        simulation: config.simulation,
        warnings: loaded.warnings,
    }
}

fn in_parts(file: Option<&Path>, environment: &[(String, String)], error: &LoadError) -> Salvaged {
    let path = path_of(file);
    let (text, places) = path.as_deref().map(text_and_places).unwrap_or_default();
    let mut values = collect(&text, environment, &mut Vec::new());
    let network_node = network_node(&mut reader(&values, &places));
    forget_what_is_wrong(&mut values, &places);
    let mut warnings = vec![format!("going on with what can be read: {error}")];
    let mut reader = reader(&values, &places);
    let poc = poc(&mut reader);
    let market = vast(&mut reader, &poc, &mut warnings);
    Salvaged {
        cockpit: reader.some_parsed("cockpit.id"),
        vast: Some(market).filter(|market| !market.api_key.expose_secret().is_empty()),
        network_node,
        paths: paths(&mut reader, &default_paths()),
        simulation: simulation(&mut reader),
        warnings,
    }
}

/// The file that is meant.
pub(super) fn path_of(file: Option<&Path>) -> Option<PathBuf> {
    file.map(Path::to_owned).or_else(|| default_file().ok())
}

pub(super) fn text_and_places(path: &Path) -> (String, Places) {
    (
        std::fs::read_to_string(path).unwrap_or_default(),
        places_of(path),
    )
}

pub(super) fn reader<'a>(values: &'a Values, places: &'a Places) -> Reader<'a> {
    Reader::new(values, places)
}

/// A wrong address of the market, say, must not keep rentals alive that the default one would end.
fn forget_what_is_wrong(values: &mut Values, places: &Places) {
    let mut reader = reader(values, places);
    let poc = poc(&mut reader);
    vast(&mut reader, &poc, &mut Vec::new());
    let wrong = reader.problems;
    // A key that is given twice is still a key.
    let settings = wrong
        .iter()
        .filter(|problem| !problem.key.starts_with("vast.api_key"))
        .filter_map(|problem| Key::find(&problem.key));
    for key in settings {
        reset(values, key);
    }
}

fn network_node(reader: &mut Reader<'_>) -> NetworkNodeReach {
    if !reader.is_given("network_node.admin_api") {
        return NetworkNodeReach::NotGiven;
    }
    let Some(admin_api) = reader.url("network_node.admin_api") else {
        return NetworkNodeReach::Wrong;
    };
    NetworkNodeReach::At(Box::new(NetworkNodeConfig {
        admin_api,
        request_timeout: reader.real_time("network_node.request_timeout"),
        exposure: Exposure::Direct,
        node_prefix: reader.text("network_node.node_prefix"),
        hardware_name: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is salvaged of a file with this text.
    fn of(text: &str) -> Salvaged {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("config.toml");
        std::fs::write(&file, text).unwrap();
        salvage(Some(&file), &[])
    }

    fn key(salvaged: &Salvaged) -> Option<&str> {
        let vast = salvaged.vast.as_ref()?;
        Some(vast.api_key.expose_secret())
    }

    #[test]
    fn what_is_wrong_counts_as_not_given_and_is_told() {
        let found = of(
            "[cockpit]\nid = \"No Name\"\n[vast]\napi_key = \"k1\"\nbase_url = \"nowhere\"\nread_tries = 99\n[network_node]\nadmin_api = \"ftp://x\"\n",
        );
        assert_eq!((key(&found), found.cockpit.as_ref()), (Some("k1"), None));
        let vast = found.vast.unwrap();
        assert_eq!(vast.base_url.as_str(), "https://console.vast.ai/");
        assert!((1..=10).contains(&vast.read_tries));
        assert!(matches!(found.network_node, NetworkNodeReach::Wrong));
        for setting in ["cockpit.id", "vast.base_url", "vast.read_tries"] {
            assert!(found.warnings[0].contains(setting), "{:?}", found.warnings);
        }
        assert!(!found.warnings.join("\n").contains("k1"));
    }

    #[test]
    fn a_key_is_a_key_however_badly_it_is_given() {
        let twice = of("[vast]\napi_key = \"k1\"\napi_key_file = \"/nonexistent\"\n");
        assert_eq!(key(&twice), Some("k1"));
        for none in [
            "",
            "[vast]\napi_key = 7\n",
            "[vast]\napi_key_file = \"/nonexistent\"\n",
        ] {
            assert_eq!(key(&of(none)), None, "{none:?}");
        }
    }

    #[test]
    fn without_a_file_the_environment_is_enough() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let environment = [
            variable("POCPIT_VAST_API_KEY", "k2"),
            variable("POCPIT_COCKPIT_ID", "north"),
        ];
        let found = salvage(Some(Path::new("/nonexistent/config.toml")), &environment);
        assert_eq!(key(&found), Some("k2"));
        assert_eq!(found.cockpit, "north".parse().ok());
        assert!(matches!(found.network_node, NetworkNodeReach::NotGiven));
    }
}

//! Finds and reads a configuration.

use std::io;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

use super::draft::Draft;
use super::fleet_checks::Fleet;
use super::pools::PoolRead;
use super::proxy::{ProxyConfig, UpstreamConfig, UpstreamFeature};
use super::read::{BaseDirs, Reader, is_open_to_others};
use super::report::{ConfigReport, Problem};
use super::schema::{Credential, Kind};
use super::settings::Config;
use super::source::{collect, is_setting};
use super::table::find;
use super::table_array::TableArray;
use super::tables::{ShownTable, TableRead};
use super::text_file::read_text;
use super::values::{Found, Source, Values, names_section};
use super::{advice, checks, derived, fleet_checks, pools, tables};

/// The name of the configuration file in the XDG configuration directory.
pub const FILE_NAME: &str = "config.toml";

/// A configuration and the source of each value.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// For `config show`.
    pub(super) values: Values,
    /// What each of several tables has of its own.
    pub(super) tables: Vec<ShownTable>,
    /// What works but should be fixed.
    pub warnings: Vec<String>,
    /// `None` if everything came from the environment.
    pub file: Option<PathBuf>,
    unneeded: Vec<(Credential, Problem)>,
}

impl Loaded {
    /// Problems with a credential that was not needed to load.
    pub fn credential_problems(&self, credential: Credential) -> impl Iterator<Item = &Problem> {
        let problems = self.unneeded.iter();
        problems.filter_map(move |(of, problem)| (*of == credential).then_some(problem))
    }

    /// True when the operator set anything of the section.
    pub fn names_section(&self, section: &str) -> bool {
        names_section(&self.values, section)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nothing is configured at all.
    #[error(
        "no configuration at {}. `pocpit` in a terminal helps you create one, `pocpit config init` writes a template, `pocpit demo` needs none",
        .0.display()
    )]
    Missing(PathBuf),
    /// The file is there but cannot be read.
    #[error("cannot read the configuration {}: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Invalid(#[from] ConfigReport),
    #[error("no home directory to find the configuration in: name the file with --config")]
    NoHome,
}

/// The configuration file when none is named.
pub fn default_file() -> Result<PathBuf, LoadError> {
    let directories = ProjectDirs::from("", "", "pocpit").ok_or(LoadError::NoHome)?;
    Ok(directories.config_dir().join(FILE_NAME))
}

/// Reads the given file, or the one in the XDG configuration directory, and the environment.
pub fn load(file: Option<&Path>, environment: &[(String, String)]) -> Result<Loaded, LoadError> {
    load_for(file, environment, Credential::ALL)
}

/// The same for a command that needs only these credentials: a service cannot read another's.
pub fn load_for(
    file: Option<&Path>,
    environment: &[(String, String)],
    needed: &[Credential],
) -> Result<Loaded, LoadError> {
    let path = file.map_or_else(default_file, |path| Ok(path.to_owned()))?;
    let dirs = base_dirs_for(&path);
    let text = match read_text(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Everything may come from the environment, unless a file was named.
            if file.is_some() || !environment.iter().any(|(name, _)| is_setting(name)) {
                return Err(LoadError::Missing(path));
            }
            return Ok(parse_for(
                "",
                environment,
                "the environment",
                &dirs,
                needed,
            )?);
        }
        Err(source) => return Err(LoadError::Unreadable { path, source }),
    };
    let origin = path.display().to_string();
    let mut loaded = parse_for(&text, environment, &origin, &dirs, needed)?;
    if is_open_to_others(&path) && holds_secret(&loaded.values) {
        loaded.warnings.push(format!(
            "{origin} holds secrets and can be read by other users: chmod 600 it, or use the …_file settings"
        ));
    }
    loaded.file = Some(path);
    Ok(loaded)
}

/// Reads a configuration from its text.
pub fn parse(
    text: &str,
    environment: &[(String, String)],
    origin: &str,
    dirs: &BaseDirs,
) -> Result<Loaded, ConfigReport> {
    parse_for(text, environment, origin, dirs, Credential::ALL)
}

fn parse_for(
    text: &str,
    environment: &[(String, String)],
    origin: &str,
    dirs: &BaseDirs,
    needed: &[Credential],
) -> Result<Loaded, ConfigReport> {
    let mut layers = collect(text, environment);
    let syntax_errors = layers.syntax_errors.iter();
    let mut problems: Vec<Problem> = syntax_errors.map(|error| error.problem.clone()).collect();
    problems.append(&mut layers.problems);
    let mut reader = Reader::new(&layers.values, dirs, needed);
    let mut draft = Draft::default();
    reader.fill(&mut draft, |_| true);
    let filled = derived::fill(&mut draft);
    checks::run(&mut reader, &draft, |_| true);
    let network_nodes = tables::network_nodes(&layers, &reader);
    if !network_nodes.read.is_empty() {
        // They are reported under the names of the Network Nodes.
        let is_of_one = |key: &str| key.starts_with("network_node.");
        reader.problems.retain(|problem| !is_of_one(&problem.key));
    }
    let accounts = tables::accounts(&layers, &reader, &draft);
    let (pools, of_pools) = pools::read(layers.tables_of(TableArray::Pool), &reader, &filled);
    let fleet = Fleet {
        network_nodes: &network_nodes,
        accounts: &accounts,
        pools: &pools,
    };
    let of_fleet = fleet_checks::run(&mut reader, &draft, &fleet);
    reader.sort_problems();
    problems.append(&mut reader.problems);
    let of_tables = network_nodes.problems.iter().chain(&accounts.problems);
    problems.extend(of_tables.cloned().chain(of_pools).chain(of_fleet));
    let (mut unneeded, read_warnings) = (reader.unneeded, reader.warnings);
    unneeded.extend(accounts.unneeded.iter().cloned());

    let mut warnings = layers.warnings.clone();
    warnings.extend(read_warnings);
    warnings.extend(accounts.warnings.iter().cloned());
    warnings.extend(advised(&draft, &layers.values, &pools));
    if !pools.is_empty() {
        draft.per_hour.get_or_insert(pools::dearest_hour(&pools));
    }
    let config = draft.finish(|section| names_section(&layers.values, section));
    let config = config.and_then(|config| {
        let others = network_nodes.read.iter().skip(1);
        let others: Option<_> = others.map(TableRead::network_node).collect();
        let first = network_nodes.read.first().map(TableRead::network_node);
        let network_node = first.unwrap_or(Some(config.network_node.clone()))?;
        let pools = pools::finish(&pools, &network_node.name, config.budget.per_hour)?;
        Some(Config {
            network_node,
            other_network_nodes: others?,
            other_accounts: accounts.read.iter().map(TableRead::account).collect(),
            pools,
            ..config
        })
    });
    let Some(config) = config.filter(|_| problems.is_empty()) else {
        let origin = origin.to_owned();
        return Err(ConfigReport { origin, problems });
    };
    let nodes = network_nodes.read.iter().filter_map(TableRead::shown);
    let accounts = accounts.read.iter().filter_map(TableRead::shown);
    let pools = pools.into_iter().filter_map(PoolRead::into_shown);
    let shown = nodes.chain(accounts).chain(pools).collect();
    let mut values = layers.values.clone();
    for (path, value) in filled {
        let source = Source::Default;
        values.insert(path, Found { value, source });
    }
    Ok(Loaded {
        config,
        values,
        tables: shown,
        warnings,
        file: None,
        unneeded,
    })
}

/// What works but should be changed.
fn advised(draft: &Draft, values: &Values, pools: &[PoolRead<'_>]) -> Vec<String> {
    let mut advised = advice::of(draft, values);
    let proxy = names_section(values, "inference_proxy").then_some(&draft.proxy);
    advised.extend(proxy.and_then(without_token_ids));
    advised.extend(draft.poc.cut_short().map(|cut| cut.to_string()));
    let of_pools = pools::advice(pools, &advised);
    let of_fleet = fleet_checks::advice(draft, pools);
    advised
        .into_iter()
        .chain(of_pools)
        .chain(of_fleet)
        .collect()
}

/// Without token ids the proxy refuses the network's requests: its answers would be judged invalid.
fn without_token_ids(proxy: &ProxyConfig) -> Option<String> {
    let mut upstreams = proxy.upstreams();
    let gives = |upstream: &UpstreamConfig| upstream.features.contains(&UpstreamFeature::TokenIds);
    (!upstreams.any(gives)).then(|| {
        "no upstream of the inference proxy declares token_ids: every request of the network needs them and gets 503, which can count as a miss. Set inference_proxy.upstream_features = [\"token_ids\"] if the tokens in the upstream's logprobs are numeric ids, as from the vLLM of an MLNode; otherwise do not register the proxy".to_owned()
    })
}

/// Where `~/` and relative paths in this file start from.
pub fn base_dirs_for(file: &Path) -> BaseDirs {
    let user = directories::BaseDirs::new();
    let home = user.map(|user| user.home_dir().to_owned());
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    BaseDirs {
        home: home.unwrap_or_default(),
        config_dir: file.parent().map(Path::to_owned).unwrap_or_default(),
    }
}

fn holds_secret(values: &Values) -> bool {
    values.iter().any(|(path, found)| {
        let is_secret = find(path).is_some_and(|setting| matches!(setting.kind, Kind::Secret(_)));
        is_secret && found.value.as_str().is_some_and(|text| !text.is_empty())
    })
}

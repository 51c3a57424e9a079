//! The command line: arguments and help.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use super::{Exit, status_line, version};
use crate::config::Config;
use crate::domain::{CockpitId, PoolName, ReplicaId};
use crate::notify::{Channel, NoticeLevel};
use crate::tui::keymap::Keymap;
use crate::tui::theme::{
    BackgroundChoice, ColorChoice, ColorDepth, ColorOverrides, GlyphChoice, Theme,
};
use crate::tui::{TimingsChoice, TuiError, TuiOptions};
use crate::world::Scenario;

#[cfg(test)]
mod tests;

/// Rents a GPU just in time for Gonka's Proof of Compute, and releases everything afterwards.
///
/// Without a command it opens the cockpit.
#[derive(Debug, Parser)]
#[command(name = "pocpit", version, long_version = version::long(), max_term_width = 100, after_help = after_help())]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Arguments {
    /// From the command line of this process.
    pub(crate) fn of_process() -> Result<Arguments, clap::Error> {
        let matches = parsed().try_get_matches()?;
        Arguments::from_arg_matches(&matches)
    }
}

/// The command line as it is parsed: `-h` of a command lists the options of its own, `--help` the global ones
/// too.
fn parsed() -> clap::Command {
    let mut root = Arguments::command();
    // Global options are in every command from here on.
    root.build();
    root.mut_subcommands(without_global_options)
}

fn without_global_options(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|option| {
        let is_global = option.is_global_set();
        let is_hidden = option.is_hide_short_help_set();
        option.hide_short_help(is_hidden || is_global)
    });
    command.mut_subcommands(without_global_options)
}

const EXAMPLES: &str = "\
Examples:
  pocpit demo
  pocpit check
  pocpit auto
  pocpit help rehearse";

fn after_help() -> String {
    let codes = Exit::ALL.map(|exit| format!("  {}  {}", exit as u8, exit.meaning()));
    format!(
        "{EXAMPLES}\n\nExit codes:\n{}\n\n`pocpit demo` needs no configuration, no account and no GPU.",
        codes.join("\n")
    )
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Common {
    /// Configuration file [default: config.toml in the XDG configuration directory].
    #[arg(long, short, global = true, value_name = "FILE", env = "POCPIT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Colours; `auto` respects `NO_COLOR`.
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    pub(crate) color: Color,
    /// Terminal background.
    #[arg(long, global = true, default_value = "auto", value_name = "WHICH")]
    pub(crate) background: BackgroundChoice,
    /// Character set; `auto` follows the locale.
    #[arg(long, global = true, default_value = "auto", value_name = "WHICH")]
    pub(crate) glyphs: GlyphChoice,
    /// Format of the log, in its files and on standard error.
    #[arg(long, global = true, default_value = "text", value_name = "FORMAT", env = LOG_FORMAT)]
    pub(crate) log_format: LogFormat,
    /// Print timing statistics on exit.
    #[arg(long, global = true, hide = true)]
    pub(crate) timings: bool,
}

const LOG_FORMAT: &str = "POCPIT_LOG_FORMAT";

impl Common {
    /// How the cockpit looks and listens, by the flags and the configuration.
    pub(crate) fn tui(&self, config: &Config) -> Result<TuiOptions, TuiError> {
        let (keymap, color_overrides) = match (
            Keymap::with_overrides(&config.keys),
            ColorOverrides::parse(&config.colors),
        ) {
            (Ok(keymap), Ok(colors)) => (keymap, colors),
            (keymap, colors) => {
                let problems = keymap.err().into_iter().chain(colors.err());
                return Err(TuiError::InvalidOptions(problems.flatten().collect()));
            }
        };
        let (keymap, former) = keymap;
        for warning in former {
            status_line(format_args!("warning: {warning}"));
        }
        Ok(TuiOptions {
            keymap,
            color_overrides,
            confirm_above: Some(config.budget.confirm_above),
            timings: if self.timings {
                TimingsChoice::Print
            } else {
                TimingsChoice::Off
            },
            mouse: config.mouse,
            bell: config.bell,
            color: self.color.choice(),
            background: self.background,
            glyphs: self.glyphs,
        })
    }

    /// What the terminal is to show before there is a configuration.
    pub(crate) fn theme(&self) -> Theme {
        Theme::resolve(self.color.choice(), self.background, self.glyphs, |name| {
            std::env::var(name).ok()
        })
    }
}

impl Color {
    fn choice(self) -> ColorChoice {
        match self {
            Color::Auto => ColorChoice::Auto,
            Color::Never => ColorChoice::Use(ColorDepth::None),
            Color::Sixteen => ColorChoice::Use(ColorDepth::Sixteen),
            Color::Indexed => ColorChoice::Use(ColorDepth::Indexed),
            Color::True => ColorChoice::Use(ColorDepth::True),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Plain text.
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// As the terminal supports; none if `NO_COLOR` is set.
    Auto,
    /// Bold and reverse only.
    Never,
    /// The terminal's 16 colours.
    #[value(name = "16")]
    Sixteen,
    /// 256 colours.
    #[value(name = "256")]
    Indexed,
    /// 24-bit colours.
    #[value(name = "truecolor")]
    True,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open the cockpit on a simulated world: no configuration, no account, no money.
    #[command(
        after_help = "Examples:\n  pocpit demo\n  pocpit demo --scenario boot-fails --speed 120\n  pocpit demo --headless --auto --json"
    )]
    Demo(Demo),
    /// Serve the simulated world and print a configuration for it.
    #[command(
        after_help = "Examples:\n  pocpit sim\n  pocpit sim --scenario confirmation --seed 7 --speed 200"
    )]
    Sim(SimulatedWorld),
    /// Run unattended, one sprint per epoch: rent, prove, release.
    #[command(after_help = "Examples:\n  pocpit auto\n  pocpit auto --once --json > report.json")]
    Auto(Auto),
    /// Run one real end-to-end test: rent now, boot, register, watch the next PoC, release. Costs
    /// money; shows how much and asks first.
    ///
    /// Run `pocpit check` before, and `--skip-poc` the first time: it takes only as long as a boot.
    #[command(
        after_help = "Examples:\n  pocpit rehearse --skip-poc\n  pocpit rehearse --yes --json > report.json"
    )]
    Rehearse(Rehearse),
    /// Rent a machine with the vLLM image and serve the model: inference only, no PoC, no registration.
    /// Costs money; shows how much and asks first.
    ///
    /// It listens on vllm.listen and forwards requests through SSH. The machine is released when the time is
    /// up or on Ctrl-C. Run `pocpit` in another terminal to watch the boot.
    #[command(
        after_help = "Examples:\n  pocpit serve --minutes 240\n  curl http://127.0.0.1:8000/v1/models"
    )]
    Serve(Serve),
    /// Destroy all our rentals and registrations now.
    ///
    /// Needs only the Vast API key; the rest of the configuration may be missing or wrong.
    #[command(
        after_help = "Examples:\n  pocpit release\n  pocpit release --pool minimax\n  pocpit release --yes --replica minimax/3\n  pocpit release --yes --cockpit home"
    )]
    Release(Release),
    /// Find and remove leftovers: rentals, registrations and journal entries that no sprint uses.
    #[command(
        after_help = "Examples:\n  pocpit gc --dry-run\n  pocpit gc --pool minimax --dry-run\n  pocpit gc --yes --json"
    )]
    Gc(Gc),
    /// Check everything a sprint needs: key, credit, SSH, clock, chain, Network Node, tunnel. Spends
    /// nothing. Shows a remedy for each failure; exits 0 only if every check passes.
    #[command(after_help = "Examples:\n  pocpit check\n  pocpit check --pool minimax --json")]
    Check(OfPools),
    /// Show the next sprint: when it rents, what it costs at worst, what could stop it, and what each
    /// release policy costs and risks. Spends nothing.
    ///
    /// `pocpit schema plan` describes the JSON.
    #[command(after_help = "Examples:\n  pocpit plan\n  pocpit plan --pool minimax --json")]
    Plan(OfPools),
    /// List the market's offers, best first, with the cost of a sprint.
    #[command(
        after_help = "Examples:\n  pocpit offers\n  pocpit offers --out\n  pocpit offers --pool minimax --json"
    )]
    Offers(Offers),
    /// List avoided machines with the reason, or allow one again.
    #[command(after_help = "Examples:\n  pocpit avoided\n  pocpit avoided --remove 12345")]
    Avoided(Avoided),
    /// Go on with a journal that was emptied, removed or replaced by an older copy. Nothing is rented before.
    /// This also works while pocpit is running.
    #[command(after_help = "Examples:\n  pocpit accept-journal\n  pocpit accept-journal --yes")]
    AcceptJournal(Confirmation),
    /// Back up, verify or restore the journal. Needs no key.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Show the current epoch and the next PoC.
    #[command(after_help = "Examples:\n  pocpit epoch\n  pocpit epoch --json")]
    Epoch(Output),
    /// List the nodes registered at the Network Node.
    #[command(after_help = "Examples:\n  pocpit nodes\n  pocpit nodes --json")]
    Nodes(Output),
    /// List past sprints with outcome and cost.
    #[command(
        after_help = "Examples:\n  pocpit history\n  pocpit history --pool minimax\n  pocpit history --csv > history.csv"
    )]
    History(History),
    /// Open a shell on the current rental, or on that of a replica.
    #[command(
        after_help = "Examples:\n  pocpit ssh\n  pocpit ssh minimax/3\n  pocpit ssh -- nvidia-smi\n  pocpit ssh --json"
    )]
    Ssh(Ssh),
    /// Run the inference proxy: serve requests from the upstream.
    #[command(
        after_help = "Examples:\n  pocpit proxy\n  pocpit --config /etc/pocpit/config.toml proxy"
    )]
    Proxy,
    /// Send a test notice, or one of your own, by the channels for alerts.
    #[command(
        after_help = "Examples:\n  pocpit notify test\n  pocpit notify test telegram\n  pocpit notify send --level critical 'the machine restarts'"
    )]
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Create, check, show or import the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the JSON Schema (draft 2020-12) of what a command prints with --json.
    #[command(
        after_help = "Examples:\n  pocpit schema\n  pocpit schema plan\n  pocpit schema config show > config-show.json"
    )]
    Schema {
        /// The command; without it, list the commands that have a schema.
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Print shell completions.
    #[command(
        after_help = "Examples:\n  pocpit completions bash > ~/.local/share/bash-completion/completions/pocpit"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write the pages of all commands.
    #[command(
        after_help = "Examples:\n  pocpit man | man -l -\n  pocpit man config show\n  pocpit man --directory ~/.local/share/man/man1"
    )]
    Man(Man),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SimulatedWorld {
    /// Simulated seconds per second.
    #[arg(long, default_value = "60", value_parser = speed)]
    pub(crate) speed: f64,
    /// Random seed.
    #[arg(long, default_value = "1")]
    pub(crate) seed: u64,
    /// Fault scenario.
    #[arg(long, default_value = "happy", value_parser = clap::builder::PossibleValuesParser::new(Scenario::NAMES))]
    pub(crate) scenario: String,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=2_000.0).contains(&speed) {
        Ok(speed)
    } else {
        Err("must be between 0.1 and 2000".to_owned())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Write the whole journal as text, with checksums; also while pocpit is running. It has no secrets.
    #[command(
        after_help = "Examples:\n  pocpit journal dump /var/backups/pocpit.journal\n  pocpit journal dump | gzip > journal.gz"
    )]
    Dump {
        /// The file to replace [default: standard output].
        file: Option<PathBuf>,
    },
    /// Read every record of the journal, or of a dump, and say what they add up to. Changes nothing.
    #[command(
        after_help = "Examples:\n  pocpit journal verify\n  pocpit journal verify /var/backups/pocpit.journal"
    )]
    Verify {
        /// A dump [default: the journal].
        file: Option<PathBuf>,
    },
    /// Make a dump the journal of a state directory that has none; asks first. Nothing is rented until
    /// `pocpit accept-journal`.
    #[command(
        after_help = "Examples:\n  pocpit journal restore /var/backups/pocpit.journal\n  pocpit journal restore --yes pocpit.journal"
    )]
    Restore {
        /// The dump.
        file: PathBuf,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send a test notice; reports each channel that failed and what to do.
    #[command(after_help = "Examples:\n  pocpit notify test\n  pocpit notify test telegram")]
    Test {
        /// Only this channel [default: all that are configured].
        #[arg(value_parser = channel)]
        channel: Option<Channel>,
        #[command(flatten)]
        output: Output,
    },
    /// Send a notice of your own by every channel. Only [notify] must be valid: other configuration errors
    /// are reported in the notice.
    #[command(
        after_help = "Examples:\n  pocpit notify send 'the machine restarts'\n  pocpit notify send --level critical 'no power' 'the rack is on its battery'"
    )]
    Send {
        /// Severity.
        #[arg(long, default_value = "notice", value_parser = level)]
        level: NoticeLevel,
        /// What happened.
        title: String,
        /// What it means and what to do.
        body: Option<String>,
        /// Retry for this many minutes.
        #[arg(long, default_value_t = 0)]
        minutes: u32,
        #[command(flatten)]
        output: Output,
    },
}

fn channel(text: &str) -> Result<Channel, String> {
    let mut all = Channel::ALL.iter().copied();
    all.find(|channel| channel.name() == text).ok_or_else(|| {
        let names: Vec<_> = Channel::ALL.iter().map(|channel| channel.name()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn level(text: &str) -> Result<NoticeLevel, String> {
    use NoticeLevel::{Critical, Notice, Resolved, Warning};
    let mut levels = [Notice, Resolved, Warning, Critical].into_iter();
    let found = levels.find(|level| level.word().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "must be one of notice, resolved, warning, critical".to_owned())
}

/// Options of commands that print a result.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Output {
    /// Print JSON; `pocpit schema` describes it.
    #[arg(long)]
    pub(crate) json: bool,
    /// Do not wrap text to the terminal's width (80 columns if it is unknown).
    #[arg(long, conflicts_with = "json")]
    pub(crate) wide: bool,
}

/// Options of commands that run a sprint without the cockpit.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SprintOutput {
    /// Print the sprint's report as one line of JSON, last on standard output; `pocpit schema` describes it.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of commands that ask first.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Confirmation {
    /// Do not ask for confirmation.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) world: SimulatedWorld,
    /// Approve every step automatically.
    #[arg(long)]
    pub(crate) auto: bool,
    /// Rent this many machines at once, each with its own node (1 to 50).
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) replicas: u32,
    /// Run one sprint without the cockpit, then exit.
    #[arg(long)]
    pub(crate) headless: bool,
    /// Print the sprint's report as one line of JSON, last on standard output; `pocpit schema` describes it.
    #[arg(long, requires = "headless")]
    pub(crate) json: bool,
}

/// Which pools a command is about.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ChosenPools {
    /// Only this pool; give it again for another one [default: all pools].
    #[arg(long = "pool", value_name = "NAME")]
    pub(crate) pools: Vec<PoolName>,
}

/// A command that only reads, about some pools.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OfPools {
    #[command(flatten)]
    pub(crate) pools: ChosenPools,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Auto {
    #[command(flatten)]
    pub(crate) pools: ChosenPools,
    /// Exit after one sprint.
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) output: SprintOutput,
}

/// Whose rentals and registrations a command is about.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ChosenReplicas {
    /// Only what this pool's replicas have; give it again for another one [default: everything].
    #[arg(long = "pool", value_name = "NAME")]
    pub(crate) pools: Vec<PoolName>,
    /// Only what this replica has, like minimax/3; give it again for another one.
    #[arg(long = "replica", value_name = "REPLICA")]
    pub(crate) replicas: Vec<ReplicaId>,
}

impl ChosenReplicas {
    pub(crate) fn is_all(&self) -> bool {
        self.pools.is_empty() && self.replicas.is_empty()
    }

    pub(crate) fn has(&self, replica: &ReplicaId) -> bool {
        self.is_all() || self.pools.contains(&replica.pool) || self.replicas.contains(replica)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Gc {
    #[command(flatten)]
    pub(crate) of: ChosenReplicas,
    /// Show what would be done and why; change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) confirmation: Confirmation,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Offers {
    /// Offers for this pool's replicas [default: the first pool].
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Option<PoolName>,
    /// List the offers that are not usable, with the reason.
    #[arg(long, conflicts_with = "json")]
    pub(crate) out: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Avoided {
    /// Allow this machine to be rented again.
    #[arg(long, value_name = "MACHINE")]
    pub(crate) remove: Option<u64>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Rehearse {
    /// The pool whose rental is rehearsed [default: the first pool].
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Option<PoolName>,
    /// Release everything as soon as the node is registered with a good status.
    #[arg(long)]
    pub(crate) skip_poc: bool,
    #[command(flatten)]
    pub(crate) confirmation: Confirmation,
    #[command(flatten)]
    pub(crate) output: SprintOutput,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Serve {
    /// How long to serve once the model is loaded.
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub(crate) minutes: u32,
    #[command(flatten)]
    pub(crate) confirmation: Confirmation,
    #[command(flatten)]
    pub(crate) output: SprintOutput,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Release {
    /// Cockpit whose rentals to destroy; repeatable [default: the configured cockpit].
    #[arg(long, value_name = "ID")]
    pub(crate) cockpit: Vec<CockpitId>,
    #[command(flatten)]
    pub(crate) of: ChosenReplicas,
    #[command(flatten)]
    pub(crate) confirmation: Confirmation,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The command; without it, pocpit itself.
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Write a page per command into this directory, creating it if missing.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "command")]
    pub(crate) directory: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Ssh {
    /// The replica, like minimax/3 [default: the only one that has a rental].
    #[arg(value_name = "REPLICA")]
    pub(crate) replica: Option<ReplicaId>,
    /// Print the SSH command instead of running it.
    #[arg(long)]
    pub(crate) print: bool,
    /// Print host, port, user and keys as JSON instead of connecting: see `pocpit schema ssh`.
    #[arg(long, conflicts_with_all = ["print", "remote"])]
    pub(crate) json: bool,
    /// Command to run on the rental [default: a shell].
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) remote: Vec<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct History {
    /// Only sprints of this pool's replicas.
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Option<PoolName>,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Print CSV: one line per sprint, times of each stage in seconds.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Write a commented configuration to fill in; never overwrites.
    #[command(after_help = "Examples:\n  pocpit config init")]
    Init,
    /// Validate the configuration and list every problem.
    #[command(
        after_help = "Examples:\n  pocpit config check\n  pocpit --config new.toml config check"
    )]
    Check,
    /// Print the settings in force and where each comes from; secrets are masked.
    #[command(after_help = "Examples:\n  pocpit config show\n  pocpit config show --json")]
    Show(Output),
    /// Convert the `.env` of the Python scripts, or the `node-config.json` of an official deployment, into
    /// a configuration; never overwrites.
    #[command(
        after_help = "Examples:\n  pocpit config import ~/scripts/.env\n  pocpit config import ~/gonka/deploy/join/node-config-minimaxm27-H100.json"
    )]
    Import {
        /// The file.
        file: PathBuf,
    },
}

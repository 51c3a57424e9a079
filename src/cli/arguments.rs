//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Config;
use crate::domain::CockpitId;
use crate::notify::{Channel, NoticeLevel};
use crate::tui::keymap::Keymap;
use crate::tui::theme::{Colors, OwnColors, Theme};
use crate::tui::{BackgroundChoice, ColorChoice, GlyphChoice, TimingsChoice, TuiError, TuiOptions};
use crate::world::Scenario;

#[cfg(test)]
mod tests;

/// Rents a GPU just in time for Gonka's Proof of Compute, proves, and takes everything down.
///
/// Without a command it opens the cockpit.
#[derive(Debug, Parser)]
#[command(name = "pocpit", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const AFTER_HELP: &str = "\
Examples:
  pocpit demo
  pocpit check
  pocpit auto
  pocpit help rehearse

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 refused for safety, 4 outcome unknown.
`pocpit demo` needs no configuration, no account and no GPU.";

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Common {
    /// Configuration file; without it the one in the XDG configuration directory.
    #[arg(long, short, global = true, value_name = "FILE", env = "POCPIT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Colours of the cockpit; `auto` follows `NO_COLOR`.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN"
    )]
    pub(crate) color: Color,
    /// Background that the cockpit's colours are to be read on.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHICH"
    )]
    pub(crate) background: BackgroundChoice,
    /// Characters of the cockpit; `auto` follows the locale.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHICH"
    )]
    pub(crate) glyphs: GlyphChoice,
    /// The program's own log, in its files and on standard error: for eyes, or a JSON object a line.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        value_name = "FORMAT",
        env = "POCPIT_LOG_FORMAT"
    )]
    pub(crate) log_format: LogFormat,
    /// Say at the cockpit's end how fast it was.
    #[arg(long, global = true, hide = true)]
    pub(crate) timings: bool,
}

impl Common {
    /// How the cockpit looks and listens, by the flags and the configuration.
    pub(crate) fn tui(&self, config: &Config) -> Result<TuiOptions, TuiError> {
        let (keymap, own_colors) = match (Keymap::with(&config.keys), OwnColors::of(&config.colors))
        {
            (Ok(keymap), Ok(colors)) => (keymap, colors),
            (keymap, colors) => {
                let problems = keymap.err().into_iter().chain(colors.err());
                return Err(TuiError::Look(problems.flatten().collect()));
            }
        };
        Ok(TuiOptions {
            // It lives as long as the program.
            keymap: Box::leak(Box::new(keymap)),
            own_colors,
            typed_above: Some(config.budget.typed_above),
            timings: if self.timings {
                TimingsChoice::Tell
            } else {
                TimingsChoice::Quiet
            },
            mouse: config.mouse,
            bell: config.bell,
            color: self.color.choice(),
            ground: self.background,
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
            Color::Never => ColorChoice::Use(Colors::None),
            Color::Sixteen => ColorChoice::Use(Colors::Sixteen),
            Color::Indexed => ColorChoice::Use(Colors::Indexed),
            Color::True => ColorChoice::Use(Colors::True),
        }
    }
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Time, level, words.
    Text,
    /// A JSON object: timestamp, level, target, message, and what else is known by name.
    Json,
}

/// Colours.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// What the terminal says that it shows; none if `NO_COLOR` is set.
    Auto,
    /// Bold and reverse only.
    Never,
    /// The terminal's own sixteen.
    #[value(name = "16")]
    Sixteen,
    /// The usual 256.
    #[value(name = "256")]
    Indexed,
    /// Red, green and blue.
    #[value(name = "truecolor")]
    True,
}

/// The commands.
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
    Sim(World),
    /// Run without a cockpit and without asking: rent, prove, release, epoch after epoch.
    #[command(after_help = "Examples:\n  pocpit auto\n  pocpit auto --once --json > report.json")]
    Auto(Auto),
    /// Try the way for real and once: rent now, boot, register, watch the next PoC, give everything
    /// back. It costs money, says how much, and asks first.
    ///
    /// Try `pocpit check` before, and `--skip-poc` first: that takes as long as a boot.
    #[command(
        after_help = "Examples:\n  pocpit rehearse --skip-poc\n  pocpit rehearse --yes --json > report.json"
    )]
    Rehearse(Rehearse),
    /// Rent a machine with vLLM's own image and serve the model from it: inference alone, no PoC, nothing
    /// registered. It costs money, says how much, and asks first.
    ///
    /// Requests are taken at vllm.listen and go through SSH. It ends when its time is over or with Ctrl-C,
    /// and gives the machine back. `pocpit` in another terminal shows its boot.
    #[command(
        after_help = "Examples:\n  pocpit serve --minutes 240\n  curl http://127.0.0.1:8000/v1/models"
    )]
    Serve(Serve),
    /// Take everything of ours down, now: destroy our rentals, remove their registrations.
    ///
    /// It needs the Vast API key and nothing else of the configuration.
    #[command(after_help = "Examples:\n  pocpit release\n  pocpit release --yes --cockpit home")]
    Release(Release),
    /// Find and remove what is left over: rentals, registrations and journal entries that no sprint
    /// uses.
    #[command(after_help = "Examples:\n  pocpit gc --dry-run\n  pocpit gc --yes --json")]
    Gc(Gc),
    /// Ask everything that a sprint needs: key, credit, SSH, clock, chain, Network Node, tunnel. Each
    /// failure comes with its remedy. Spends nothing; anything but a clean result is no exit code 0.
    #[command(after_help = "Examples:\n  pocpit check\n  pocpit check --json")]
    Check(Output),
    /// Say what the next sprint will do: when it rents, what it costs at worst, what could stop it,
    /// and what each release policy costs and risks. Spends nothing.
    ///
    /// `pocpit schema plan` describes the JSON.
    #[command(after_help = "Examples:\n  pocpit plan\n  pocpit plan --json")]
    Plan(Output),
    /// List the market's offers, best first, with the cost of a session.
    #[command(after_help = "Examples:\n  pocpit offers\n  pocpit offers --json")]
    Offers(Output),
    /// List machines that are left out for a time, with the evidence, or take one off the list.
    #[command(after_help = "Examples:\n  pocpit avoided\n  pocpit avoided --remove 12345")]
    Avoided(Avoided),
    /// Show the chain's epoch and its next stages.
    #[command(after_help = "Examples:\n  pocpit epoch\n  pocpit epoch --json")]
    Epoch(Output),
    /// List what is registered at the Network Node.
    #[command(after_help = "Examples:\n  pocpit nodes\n  pocpit nodes --json")]
    Nodes(Output),
    /// List past sprints with outcome and cost.
    #[command(after_help = "Examples:\n  pocpit history\n  pocpit history --csv > history.csv")]
    History(HistoryOutput),
    /// Open a shell on the current rental, with its key, port and host key.
    #[command(
        after_help = "Examples:\n  pocpit ssh\n  pocpit ssh -- nvidia-smi\n  pocpit ssh --json"
    )]
    Ssh(Ssh),
    /// Serve inference requests from the upstream, round the clock.
    #[command(
        after_help = "Examples:\n  pocpit proxy\n  pocpit --config /etc/pocpit/config.toml proxy"
    )]
    Proxy,
    /// Send a test notice, or one of your own, to whoever is told of alerts.
    #[command(
        after_help = "Examples:\n  pocpit notify test\n  pocpit notify test telegram\n  pocpit notify send --level critical 'the machine restarts'"
    )]
    Notify {
        /// What to send.
        #[command(subcommand)]
        command: NotifyCommand,
    },
    /// Make, check, show or import the configuration.
    Config {
        /// What to do with it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print the JSON Schema (draft 2020-12) of what a command prints with --json.
    #[command(
        after_help = "Examples:\n  pocpit schema\n  pocpit schema plan\n  pocpit schema config show > config-show.json"
    )]
    Schema {
        /// Which command; without it, list those that have one.
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Print completions for a shell.
    #[command(
        after_help = "Examples:\n  pocpit completions bash > ~/.local/share/bash-completion/completions/pocpit"
    )]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write those of all commands.
    #[command(
        after_help = "Examples:\n  pocpit man | man -l -\n  pocpit man config show\n  pocpit man --directory ~/.local/share/man/man1"
    )]
    Man(Man),
}

/// The simulated world.
#[derive(Debug, Clone, Args)]
pub(crate) struct World {
    /// World seconds per second.
    #[arg(long, default_value = "60", value_parser = speed)]
    pub(crate) speed: f64,
    /// Everything random follows from it.
    #[arg(long, default_value = "1")]
    pub(crate) seed: u64,
    /// What goes wrong in it.
    #[arg(long, default_value = "happy", value_parser = clap::builder::PossibleValuesParser::new(Scenario::NAMES))]
    pub(crate) scenario: String,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (0.1..=2_000.0).contains(&speed) {
        Ok(speed)
    } else {
        Err("it must be from 0.1 to 2000".to_owned())
    }
}

/// `pocpit notify`.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send a notice that says that it is a test, and tell where it did not arrive and what to do.
    #[command(after_help = "Examples:\n  pocpit notify test\n  pocpit notify test telegram")]
    Test {
        /// Only this channel; all that are configured when absent.
        #[arg(value_parser = channel)]
        channel: Option<Channel>,
        #[command(flatten)]
        output: Output,
    },
    /// Send a notice of your own by every channel. Whatever else is wrong with the configuration is told
    /// in it: only [notify] must be right.
    #[command(
        after_help = "Examples:\n  pocpit notify send 'the machine restarts'\n  pocpit notify send --level critical 'no power' 'the rack is on its battery'"
    )]
    Send {
        /// How bad.
        #[arg(long, default_value = "notice", value_parser = level)]
        level: NoticeLevel,
        /// What happened.
        title: String,
        /// What it means and what to do.
        body: Option<String>,
        /// Go on trying for so many minutes where it may still arrive.
        #[arg(long, default_value_t = 0)]
        minutes: u32,
        #[command(flatten)]
        output: Output,
    },
}

fn channel(text: &str) -> Result<Channel, String> {
    let found = Channel::ALL
        .into_iter()
        .find(|channel| channel.name() == text);
    found.ok_or_else(|| {
        let names = Channel::ALL.map(Channel::name).join(", ");
        format!("it is one of {names}")
    })
}

fn level(text: &str) -> Result<NoticeLevel, String> {
    use NoticeLevel::{Critical, Notice, Resolved, Warning};
    let mut levels = [Notice, Resolved, Warning, Critical].into_iter();
    let found = levels.find(|level| level.word().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "it is one of notice, resolved, warning, critical".to_owned())
}

/// `pocpit demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) world: World,
    /// Approve every step by itself.
    #[arg(long)]
    pub(crate) auto: bool,
    /// Without the cockpit: one sprint, then the end.
    #[arg(long)]
    pub(crate) headless: bool,
    /// Print the sprint's report as one JSON object, the last line on standard output: see
    /// `pocpit schema demo`.
    #[arg(long, requires = "headless")]
    pub(crate) json: bool,
}

/// `pocpit auto`.
#[derive(Debug, Args)]
pub(crate) struct Auto {
    /// End after one sprint.
    #[arg(long)]
    pub(crate) once: bool,
    /// Print the last sprint's report as one JSON object, the last line on standard output: see
    /// `pocpit schema auto`.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pocpit gc`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Gc {
    /// Say what would be done and why, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print what was found and done as one JSON object: see `pocpit schema gc`.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pocpit avoided`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Avoided {
    /// Take this machine off the list: it may be rented again.
    #[arg(long, value_name = "MACHINE")]
    pub(crate) remove: Option<u64>,
    /// Print JSON, as `pocpit schema` describes it.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pocpit rehearse`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Rehearse {
    /// Give everything back as soon as the node is registered with a good status.
    #[arg(long)]
    pub(crate) skip_poc: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print the report as one JSON object, the last line on standard output: see
    /// `pocpit schema rehearse`.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pocpit serve`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Serve {
    /// How long to serve once the model is loaded.
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub(crate) minutes: u32,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print the report as one JSON object, the last line on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pocpit release`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Release {
    /// Whose rentals: the configured cockpit's when absent. Can be given more than once.
    #[arg(long, value_name = "ID")]
    pub(crate) cockpit: Vec<CockpitId>,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print what was done as one JSON object: see `pocpit schema release`.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pocpit man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Which command's; without it, the program's own.
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Write a page for every command into this directory, which is made when it is missing.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "command")]
    pub(crate) directory: Option<PathBuf>,
}

/// `pocpit ssh`.
#[derive(Debug, Args)]
pub(crate) struct Ssh {
    /// Print the command in place of running it.
    #[arg(long)]
    pub(crate) print: bool,
    /// Print what other programs need to come to the rental, as one JSON object, and run nothing: see
    /// `pocpit schema ssh`.
    #[arg(long, conflicts_with_all = ["print", "remote"])]
    pub(crate) json: bool,
    /// A command to run on the rental; a shell when absent.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) remote: Vec<String>,
}

/// Commands that only read.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct HistoryOutput {
    /// Print JSON, as `pocpit schema` describes it.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print CSV: one line a sprint, times of each stage in seconds.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Print JSON, as `pocpit schema` describes it.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pocpit config …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Write a commented configuration to fill in. Never overwrites.
    #[command(after_help = "Examples:\n  pocpit config init")]
    Init,
    /// Read the configuration and list everything that is wrong with it.
    #[command(
        after_help = "Examples:\n  pocpit config check\n  pocpit --config new.toml config check"
    )]
    Check,
    /// Print what is in force and where it comes from; secrets are masked.
    #[command(after_help = "Examples:\n  pocpit config show\n  pocpit config show --json")]
    Show(Output),
    /// Turn the `.env` of the Python scripts into a configuration. Never overwrites.
    #[command(after_help = "Examples:\n  pocpit config import ~/scripts/.env")]
    Import {
        /// The `.env` file.
        file: PathBuf,
    },
}

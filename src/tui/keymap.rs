//! The one table of keys: dispatch, footer, help and README all read it, so help cannot lie.

use std::fmt::Write as _;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::domain::{GateKind, Mode, Step};

use super::log::LongLines;
use super::model::{Dialog, Model, OfferList, Pane, Role};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each has its help text in the table below")]
pub enum Action {
    Confirm,
    Cancel,
    PickRelease,
    PickLeave,
    CloseHelp,
    Start,
    Approve,
    Rent,
    Explain,
    Abort,
    ToggleMode,
    Refresh,
    Rejected,
    Avoided,
    Allow,
    Pause,
    Follow,
    Wrap,
    Search,
    NextMatch,
    PreviousMatch,
    Filter,
    ClearSearch,
    GoTo,
    PreviousStage,
    NextStage,
    Save,
    Copy,
    Accept,
    ClosePrompt,
    Erase,
    EraseAll,
    Left,
    Right,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    NextPane,
    PreviousPane,
    Pane(u8),
    Zoom,
    Help,
    Redraw,
    Suspend,
    Quit,
}

impl Action {
    /// It asks something of the engine, or leads to that.
    pub fn commands(self) -> bool {
        use Action::{
            Abort, Allow, Approve, PickLeave, PickRelease, Refresh, Rent, Start, ToggleMode,
        };
        matches!(
            self,
            Start | Approve | Rent | Allow | Abort | ToggleMode | Refresh | PickRelease | PickLeave
        )
    }
}

/// Where a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// A question is open; nothing else counts then.
    Dialog,
    /// The help is open; nothing else counts then, except moving.
    Help,
    /// The offers have the focus.
    Offers,
    /// The boot log has the focus.
    Boot,
    /// A line is typed; nothing else counts then.
    Prompt,
    /// Everywhere else.
    Global,
}

/// A key with its modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    ctrl: bool,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// The keys that do it.
    pub keys: &'static [Key],
    /// Where.
    pub context: Context,
    /// It leads to something that costs money or cannot be undone: a question follows.
    pub danger: bool,
    /// Short word for the footer; empty keeps it out.
    pub hint: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// Why it does nothing now, if so.
    pub blocked: fn(&Model) -> Option<&'static str>,
}

const fn c(letter: char) -> Key {
    Key {
        code: KeyCode::Char(letter),
        ctrl: false,
    }
}
const fn ctrl(letter: char) -> Key {
    Key {
        code: KeyCode::Char(letter),
        ctrl: true,
    }
}
const fn k(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

const fn row(
    context: Context,
    action: Action,
    keys: &'static [Key],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        action,
        keys,
        context,
        danger: false,
        hint,
        help,
        blocked: never,
    }
}

impl Binding {
    const fn danger(mut self) -> Binding {
        self.danger = true;
        self
    }
    const fn unless(mut self, blocked: fn(&Model) -> Option<&'static str>) -> Binding {
        self.blocked = blocked;
        self
    }
}

use Context::{Boot, Dialog as Ask, Global, Help, Offers, Prompt};

/// Every key of the cockpit.
pub const BINDINGS: &[Binding] = &[
    row(
        Ask,
        Action::Confirm,
        &[c('y')],
        "yes",
        "Agree to what the dialog says",
    )
    .danger(),
    row(
        Ask,
        Action::Cancel,
        &[
            k(KeyCode::Enter),
            k(KeyCode::Esc),
            c('n'),
            c('q'),
            ctrl('c'),
        ],
        "cancel",
        "Close the dialog, change nothing",
    ),
    row(
        Ask,
        Action::PickRelease,
        &[c('r')],
        "",
        "Quit dialog: choose release and quit",
    )
    .unless(not_quitting),
    row(
        Ask,
        Action::PickLeave,
        &[c('l')],
        "",
        "Quit dialog: choose leave it running",
    )
    .unless(not_quitting),
    row(
        Help,
        Action::CloseHelp,
        &[
            c('?'),
            k(KeyCode::Esc),
            c('q'),
            k(KeyCode::Enter),
            ctrl('c'),
        ],
        "close",
        "Close the help",
    ),
    row(
        Global,
        Action::Start,
        &[c('s')],
        "start",
        "Start the sprint that waits, or the next one",
    )
    .unless(no_start),
    row(
        Global,
        Action::Approve,
        &[c('a')],
        "approve",
        "Approve the gate that waits; asks first",
    )
    .danger()
    .unless(no_gate),
    row(
        Offers,
        Action::Rent,
        &[k(KeyCode::Enter)],
        "rent",
        "Rent the selected offer; asks first",
    )
    .danger()
    .unless(no_rent),
    row(
        Offers,
        Action::Explain,
        &[c('d')],
        "why",
        "Show why the selected offer ranks where it does",
    )
    .unless(no_selection),
    row(
        Global,
        Action::Abort,
        &[c('x')],
        "abort",
        "Abort the sprint and release everything; asks first",
    )
    .danger()
    .unless(no_abort),
    row(
        Global,
        Action::ToggleMode,
        &[c('m')],
        "mode",
        "Switch between manual and auto; auto asks first",
    )
    .danger(),
    row(
        Global,
        Action::Refresh,
        &[c('r')],
        "refresh",
        "Search offers again",
    )
    .unless(no_search),
    row(
        Offers,
        Action::Rejected,
        &[c('e')],
        "rejected",
        "Show offers that are out, with the reason",
    ),
    row(
        Offers,
        Action::Avoided,
        &[c('v')],
        "avoided",
        "Show machines that are avoided, with the evidence",
    ),
    row(
        Offers,
        Action::Allow,
        &[c('u')],
        "use again",
        "No longer avoid the selected machine; asks first",
    )
    .unless(no_avoided),
    row(
        Boot,
        Action::Pause,
        &[c('p'), c(' ')],
        "pause",
        "Hold the log still, or go on",
    ),
    row(
        Boot,
        Action::Follow,
        &[c('f')],
        "follow",
        "Follow the log's end",
    )
    .unless(follows),
    row(
        Boot,
        Action::Wrap,
        &[c('w')],
        "wrap",
        "Wrap long lines, or cut them",
    ),
    row(
        Boot,
        Action::Search,
        &[c('/')],
        "search",
        "Search the log, upper and lower case alike",
    ),
    row(
        Boot,
        Action::NextMatch,
        &[c('n')],
        "next",
        "To the next newer match",
    )
    .unless(no_match),
    row(
        Boot,
        Action::PreviousMatch,
        &[c('N')],
        "",
        "To the next older match",
    )
    .unless(no_match),
    row(
        Boot,
        Action::Filter,
        &[c('&')],
        "filter",
        "Show only lines that hold a text; nothing shows all",
    ),
    row(
        Boot,
        Action::ClearSearch,
        &[k(KeyCode::Esc)],
        "all",
        "End search and filter",
    )
    .unless(nothing_to_clear),
    row(
        Boot,
        Action::GoTo,
        &[c('t')],
        "go to",
        "Go to a time (14:05, UTC) or to where a boot stage began",
    ),
    row(
        Boot,
        Action::PreviousStage,
        &[c('[')],
        "",
        "To where the boot stage above began",
    )
    .unless(no_stages),
    row(
        Boot,
        Action::NextStage,
        &[c(']')],
        "",
        "To where the next boot stage began",
    )
    .unless(no_stages),
    row(
        Boot,
        Action::Save,
        &[c('S')],
        "save",
        "Save the log, or what the filter shows of it, to a new file",
    )
    .unless(no_lines),
    row(
        Boot,
        Action::Copy,
        &[c('c')],
        "copy",
        "Copy the lines on the screen, whole, to the clipboard, also over SSH",
    )
    .unless(no_lines),
    row(
        Prompt,
        Action::Accept,
        &[k(KeyCode::Enter)],
        "accept",
        "Do it",
    ),
    row(
        Prompt,
        Action::ClosePrompt,
        &[k(KeyCode::Esc), ctrl('c')],
        "close",
        "Do nothing",
    ),
    row(
        Prompt,
        Action::Erase,
        &[k(KeyCode::Backspace), ctrl('h')],
        "",
        "Erase the last character",
    ),
    row(Prompt, Action::EraseAll, &[ctrl('u')], "", "Erase all"),
    row(
        Boot,
        Action::Left,
        &[c('h'), k(KeyCode::Left)],
        "",
        "Scroll the log left",
    )
    .unless(wraps),
    row(
        Boot,
        Action::Right,
        &[c('l'), k(KeyCode::Right)],
        "",
        "Scroll the log right",
    )
    .unless(wraps),
    row(
        Global,
        Action::Up,
        &[c('k'), k(KeyCode::Up)],
        "",
        "Up one row",
    ),
    row(
        Global,
        Action::Down,
        &[c('j'), k(KeyCode::Down)],
        "",
        "Down one row",
    ),
    row(
        Global,
        Action::PageUp,
        &[k(KeyCode::PageUp), ctrl('b')],
        "",
        "Up one page",
    ),
    row(
        Global,
        Action::PageDown,
        &[k(KeyCode::PageDown), ctrl('f')],
        "",
        "Down one page",
    ),
    row(
        Global,
        Action::Top,
        &[c('g'), k(KeyCode::Home)],
        "",
        "To the top",
    ),
    row(
        Global,
        Action::Bottom,
        &[c('G'), k(KeyCode::End)],
        "",
        "To the bottom",
    ),
    row(
        Global,
        Action::NextPane,
        &[k(KeyCode::Tab)],
        "pane",
        "Next pane",
    ),
    row(
        Global,
        Action::PreviousPane,
        &[k(KeyCode::BackTab)],
        "",
        "Previous pane",
    ),
    row(Global, Action::Pane(0), &[c('1')], "", "Countdown"),
    row(Global, Action::Pane(1), &[c('2')], "", "Sprint"),
    row(Global, Action::Pane(2), &[c('3')], "", "Offers"),
    row(Global, Action::Pane(3), &[c('4')], "", "Boot log"),
    row(Global, Action::Pane(4), &[c('5')], "", "Registrations"),
    row(Global, Action::Pane(5), &[c('6')], "", "Program log"),
    row(
        Global,
        Action::Zoom,
        &[c('z')],
        "zoom",
        "Give the focused pane the whole screen, or not",
    ),
    row(
        Global,
        Action::Help,
        &[c('?')],
        "help",
        "Show or hide this help",
    ),
    row(
        Global,
        Action::Redraw,
        &[ctrl('l')],
        "",
        "Draw the screen from nothing",
    ),
    row(
        Global,
        Action::Suspend,
        &[ctrl('z')],
        "",
        "Suspend the program (the engine too); fg resumes",
    ),
    row(
        Global,
        Action::Quit,
        &[c('q'), ctrl('c')],
        "quit",
        "Quit; asks first when something is rented",
    )
    .danger(),
];

fn never(_: &Model) -> Option<&'static str> {
    None
}

fn not_quitting(model: &Model) -> Option<&'static str> {
    match model.dialog {
        Some(Dialog::Quit(_)) => None,
        _ => Some("this dialog has no such choice"),
    }
}

fn no_start(model: &Model) -> Option<&'static str> {
    let over = model.snapshot.sprint.step == Step::Done;
    (model.gate() != Some(GateKind::Start) && !over).then_some("nothing waits to be started")
}

fn no_gate(model: &Model) -> Option<&'static str> {
    match model.gate() {
        None => Some("no gate waits for approval"),
        Some(GateKind::Rent | GateKind::Hedge) => {
            Some("pick an offer and press Enter to pass this gate")
        }
        Some(GateKind::Start) => Some("press s to start"),
        Some(GateKind::Register | GateKind::Release) => None,
    }
}

fn no_selection(model: &Model) -> Option<&'static str> {
    match model.offer_list {
        OfferList::Usable => {}
        OfferList::Rejected => return Some("these offers are out: press e for the usable ones"),
        OfferList::Avoided => return Some("these are machines: press v for the usable offers"),
    }
    model
        .selected_row()
        .is_none()
        .then_some("no offer is selected")
}

fn no_rent(model: &Model) -> Option<&'static str> {
    if model.offer_list != OfferList::Usable {
        return no_selection(model);
    }
    if model.snapshot.mode == Mode::Auto {
        return Some("auto mode picks the offer: press m for manual");
    }
    if let Some(reason) = no_selection(model) {
        return Some(reason);
    }
    (!model.asks_for_an_offer()).then_some("it is not the time to rent: no rent gate waits")
}

fn no_avoided(model: &Model) -> Option<&'static str> {
    if model.offer_list != OfferList::Avoided {
        return Some("press v for the machines that are avoided");
    }
    model
        .selected_avoided()
        .is_none()
        .then_some("no machine is avoided")
}

fn no_search(model: &Model) -> Option<&'static str> {
    let step = model.snapshot.sprint.step;
    (!matches!(step, Step::Waiting | Step::Choosing))
        .then_some("offers are searched while a sprint waits or chooses")
}

fn no_abort(model: &Model) -> Option<&'static str> {
    (!model.snapshot.sprint.can_abort).then_some("there is nothing to abort now")
}

fn follows(model: &Model) -> Option<&'static str> {
    model.log.held.is_none().then_some("it follows already")
}

fn wraps(model: &Model) -> Option<&'static str> {
    (model.log.long == LongLines::Wrap).then_some("long lines are wrapped: press w to cut them")
}

fn no_match(model: &Model) -> Option<&'static str> {
    model
        .log
        .search
        .is_none()
        .then_some("nothing is searched for: press / first")
}

fn nothing_to_clear(model: &Model) -> Option<&'static str> {
    let off = model.log.search.is_none() && model.log.filter.is_none();
    off.then_some("neither search nor filter is on")
}

fn no_stages(model: &Model) -> Option<&'static str> {
    model
        .snapshot
        .rental
        .is_none()
        .then_some("nothing is rented, so nothing boots")
}

fn no_lines(model: &Model) -> Option<&'static str> {
    model
        .log
        .place(&model.snapshot.boot_log)
        .is_none()
        .then_some("no line is shown")
}

/// Contexts that count, first match wins.
pub fn contexts(model: &Model) -> &'static [Context] {
    if model.dialog.is_some() {
        return &[Ask];
    }
    if model.prompt.is_some() {
        return &[Prompt];
    }
    if model.help {
        return &[Help, Global];
    }
    match model.focus {
        Pane::Offers => &[Offers, Global],
        Pane::Boot => &[Boot, Global],
        _ => &[Global],
    }
}

/// The row that this key means now, whether blocked or not.
pub fn lookup(model: &Model, event: KeyEvent) -> Option<&'static Binding> {
    let pressed = Key {
        code: event.code,
        ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
    };
    if event.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    contexts(model).iter().find_map(|&context| {
        BINDINGS
            .iter()
            .find(|b| b.context == context && b.keys.contains(&pressed))
            .filter(|b| counts(model, b))
    })
}

/// Behind an open help, keys only move it or serve the terminal: nothing is started unseen.
fn counts(model: &Model, binding: &Binding) -> bool {
    use Action::{Bottom, Down, PageDown, PageUp, Redraw, Suspend, Top, Up};
    let serves = matches!(
        binding.action,
        Up | Down | PageUp | PageDown | Top | Bottom | Redraw | Suspend
    );
    !model.help || binding.context != Global || serves || model.dialog.is_some()
}

/// Rows that belong into the footer now, with whether they work.
pub fn hints(model: &Model) -> impl Iterator<Item = &'static Binding> {
    let contexts = contexts(model);
    BINDINGS
        .iter()
        .filter(move |b| contexts.contains(&b.context) && !b.hint.is_empty())
        .filter(move |b| (b.blocked)(model).is_none() && counts(model, b))
        .filter(move |b| model.role == Role::Driver || !b.action.commands())
}

impl Key {
    /// The key's name.
    pub fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(letter) if self.ctrl => letter.to_ascii_uppercase().to_string(),
            KeyCode::Char(letter) => letter.to_string(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            other => format!("{other:?}"),
        };
        if self.ctrl {
            format!("Ctrl-{name}")
        } else {
            name
        }
    }
}

impl Binding {
    /// Names of its keys.
    pub fn key_names(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(|key| key.name()).collect();
        names.join(" ")
    }
}

impl Context {
    /// The context's heading in the help.
    pub fn title(self) -> &'static str {
        match self {
            Context::Dialog => "In a dialog",
            Context::Help => "In the help",
            Context::Offers => "In the offers",
            Context::Boot => "In the boot log",
            Context::Prompt => "In its prompt",
            Context::Global => "Everywhere",
        }
    }

    /// Every context, in the order of the help.
    pub const ALL: [Context; 6] = [Global, Offers, Boot, Prompt, Ask, Help];
}

/// The table as Markdown, for the README.
pub fn markdown_table() -> String {
    let mut table = String::from("| where | keys | what |\n| --- | --- | --- |\n");
    for context in Context::ALL {
        for binding in BINDINGS.iter().filter(|b| b.context == context) {
            let keys: Vec<String> = binding
                .keys
                .iter()
                .map(|k| format!("`{}`", k.name()))
                .collect();
            // Writing to a String cannot fail.
            let _ = writeln!(
                table,
                "| {} | {} | {} |",
                context.title(),
                keys.join(" "),
                binding.help
            );
        }
    }
    table
}

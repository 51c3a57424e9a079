//! A cockpit without a terminal: drawing, keys and snapshots.

use super::*;

pub(super) const THEME: Theme = Theme {
    colors: ColorDepth::Indexed,
    background: BackgroundShade::Dark,
    unicode: true,
    overrides: ColorOverrides::NONE,
};

/// No colour, ASCII only.
pub(super) const PLAIN: Theme = Theme {
    colors: ColorDepth::None,
    background: BackgroundShade::Dark,
    unicode: false,
    overrides: ColorOverrides::NONE,
};

pub(super) fn model(snapshot: Snapshot) -> Model {
    Model::new(Arc::new(snapshot))
}

/// A view of what process 4711 drives.
pub(super) fn viewer(snapshot: Snapshot) -> Model {
    Model::viewing(Arc::new(snapshot), 4711)
}

pub(super) fn draw(
    model: &Model,
    size: (u16, u16),
    theme: Theme,
) -> (Terminal<TestBackend>, DrawnFrame) {
    draw_with(model, Keymap::defaults(), size, theme)
}

pub(super) fn draw_with(
    model: &Model,
    keys: &Keymap,
    (width, height): (u16, u16),
    theme: Theme,
) -> (Terminal<TestBackend>, DrawnFrame) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut drawn = None;
    terminal
        .draw(|frame| {
            let area = frame.area();
            drawn = Some(view::draw(frame.buffer_mut(), area, model, keys, theme));
        })
        .unwrap();
    (terminal, drawn.unwrap())
}

pub(super) fn screen(model: &Model, width: u16, height: u16) -> Terminal<TestBackend> {
    draw(model, (width, height), THEME).0
}

/// Draws as the event loop does: the model knows the layout of the frame.
pub(super) fn draw_frame(model: &mut Model, size: (u16, u16)) -> Terminal<TestBackend> {
    let (terminal, drawn) = draw(model, size, THEME);
    update(model, Message::Drawn(drawn));
    terminal
}

/// A frame of this size was drawn; its layout stays as it was.
pub(super) fn mark_drawn(model: &mut Model, size: Breakpoint) {
    let hit_areas = model.hit_areas.clone();
    update(model, drawn_message(size, hit_areas));
}

pub(super) fn drawn_message(size: Breakpoint, hit_areas: HitAreas) -> Message {
    Message::Drawn(DrawnFrame {
        size,
        hit_areas,
        panes: Vec::new(),
        logs: LogSizes::default(),
        most_away: MostAway::default(),
        overlay_top: None,
    })
}

pub(super) fn update(model: &mut Model, message: Message) -> Vec<Command> {
    pocpit::tui::update::update(model, Keymap::defaults(), message)
}

pub(super) fn press(model: &mut Model, code: KeyCode) -> Vec<Command> {
    update(model, Message::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

pub(super) fn type_and_draw(model: &mut Model, keys: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    for key in keys.chars() {
        let code = if key == '\n' {
            KeyCode::Enter
        } else {
            KeyCode::Char(key)
        };
        commands.extend(press(model, code));
        mark_drawn(model, Breakpoint::Normal);
    }
    commands
}

/// The text of a screen.
pub(super) fn shown(model: &Model, width: u16, height: u16) -> String {
    screen(model, width, height).backend().to_string()
}

/// Whether a text on the screen is drawn as what costs something now.
pub(super) fn is_red(terminal: &Terminal<TestBackend>, text: &str) -> bool {
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(buffer.area.width));
    rows.into_iter().any(|row| {
        let symbols: Vec<&str> = row.iter().map(Cell::symbol).collect();
        let starts = (0..row.len()).find(|start| symbols[*start..].concat().starts_with(text));
        starts.is_some_and(|start| row[start].style().fg == THEME.bad().fg)
    })
}

#[track_caller]
pub(super) fn assert_shows(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

pub(super) fn toast(model: &Model) -> Option<&str> {
    model.toast.as_ref().map(|toast| toast.text.as_str())
}

pub(super) fn publish(model: &mut Model, snapshot: Snapshot) -> Vec<Command> {
    update(model, Message::Snapshot(Arc::new(snapshot)))
}

/// Rents the best offer of [`choosing`] at the cost of its dialog.
pub(super) fn rent_best() -> Command {
    Command::Sprint(
        ReplicaId::default(),
        SprintCommand::Rent {
            offer: OfferId(31_234_567),
            agreed: Usd::from_dollars(28.8),
        },
    )
}

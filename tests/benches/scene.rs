//! A cockpit without a terminal: what the benches show.

#![allow(dead_code, reason = "each bench uses a part")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use pocpit::domain::{
    Aim, BootTally, Duration, Lead, LeadBasis, LogLine, Mode, PocActivity, ReleasePolicy,
    ReplicaId, Step, Time,
};
use pocpit::engine::{
    ChainSnapshot, LogBuffer, MoneySnapshot, NodesSnapshot, OffersSnapshot, SearchState, Snapshot,
    SprintSnapshot, WorldKind,
};
use pocpit::tui::keymap::Keymap;
use pocpit::tui::message::Message;
use pocpit::tui::model::Model;
use pocpit::tui::theme::{BackgroundShade, ColorDepth, ColorOverrides, Theme};
use pocpit::tui::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const SCREEN: Rect = Rect::new(0, 0, 200, 60);
pub const THEME: Theme = Theme {
    colors: ColorDepth::Indexed,
    background: BackgroundShade::Dark,
    unicode: true,
    overrides: ColorOverrides::NONE,
};

/// A line of a log.
pub fn line(number: i64) -> LogLine {
    let at = Time::from_timestamp(1_790_000_000 + number / 10, 0).unwrap();
    let kind = if number % 100 == 7 { "ERROR" } else { "INFO" };
    let text = format!(
        "{kind} 11-25 00:54:07 [weight_utils.py:{number}] Time spent downloading weights for the model: 412.73 seconds, from the hub by 16 threads, at the end of which another hundred characters follow so that it wraps"
    );
    LogLine::plain(at, text)
}

/// A cockpit with nothing to show.
pub fn empty() -> Snapshot {
    let (mode, release_policy) = (Mode::Manual, ReleasePolicy::AfterValidation);
    Snapshot {
        at: Time::from_timestamp(1_790_200_000, 0).unwrap(),
        world: WorldKind::Real,
        cockpit: "bench".parse().unwrap(),
        mode,
        chain: ChainSnapshot::default(),
        sprint: SprintSnapshot {
            epoch: None,
            aim: Aim::Proof,
            step: Step::Booting,
            doing: String::new(),
            spans: Vec::new(),
            gate: None,
            preflight: None,
            overridden: Vec::new(),
            proof: PocActivity::default(),
            release_steps: Vec::new(),
            rent_at: None,
            lead: Lead {
                length: Duration::minutes(45),
                basis: LeadBasis::Setting { boots: 0 },
            },
            cause: None,
            release_at: None,
            release_policy,
            outcome: None,
            attempts: 1,
            can_abort: true,
        },
        offers: OffersSnapshot {
            state: SearchState::Idle,
            rows: Arc::default(),
            rejected: Arc::default(),
            avoided: Vec::new(),
            read_at: None,
        },
        rental: None,
        hedge: None,
        other_nodes: Vec::new(),
        accounts: Vec::new(),
        nodes: NodesSnapshot::default(),
        proxy: None,
        money: MoneySnapshot::default(),
        alerts: Vec::new(),
        history: Arc::default(),
        boot_log: LogBuffer::default(),
        replica: ReplicaId::default(),
        replicas: Vec::new(),
        offers_by_pool: BTreeMap::new(),
        in_focus: None,
        rentals_read_at: None,
        boots: BootTally::default(),
        notices_lost: 0,
        ended: false,
    }
}

/// Updates with the default keys.
pub fn update(model: &mut Model, message: Message) {
    pocpit::tui::update::update(model, Keymap::defaults(), message);
}

/// Presses keys and draws after each.
pub fn press(model: &mut Model, keys: &str) {
    for letter in keys.chars() {
        let code = match letter {
            '\n' => KeyCode::Enter,
            letter => KeyCode::Char(letter),
        };
        let key = KeyEvent::new(code, KeyModifiers::NONE);
        update(model, Message::Key(key));
        frame(model);
    }
}

/// Draws a frame as the cockpit does.
pub fn frame(model: &mut Model) {
    let mut buffer = Buffer::empty(SCREEN);
    let drawn = view::draw(&mut buffer, SCREEN, model, Keymap::defaults(), THEME);
    update(model, Message::Drawn(drawn));
    black_box(buffer);
}

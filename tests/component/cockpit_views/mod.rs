//! What the cockpit shows in each state and size. This file has the states; the others test a pane or a part
//! of the cockpit each.

mod alerts;
mod attention;
mod consent;
mod dialogs;
mod first_start;
mod fleet;
mod hedge;
mod keys;
mod layout;
mod log;
mod money;
mod nodes;
mod offers;
mod overrides;
mod past;
mod pointer;
mod replicas;
mod rig;
mod samples;
mod serving;
mod sprint;
mod viewer;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use pocpit::domain::*;
use pocpit::engine::*;
use pocpit::tui::ExitReason;
use pocpit::tui::breakpoint::Breakpoint;
use pocpit::tui::hit_areas::{HitAreas, HitTarget};
use pocpit::tui::keymap::{Action, Binding, Context, Keymap, disabled_reason, markdown_table};
use pocpit::tui::message::{DrawnFrame, LogSizes, Message, MostAway, Pointer};
use pocpit::tui::model::{Dialog, Model};
use pocpit::tui::pane::Pane;
use pocpit::tui::theme::{BackgroundShade, ColorDepth, ColorOverrides, Theme};
use pocpit::tui::view;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use strum::IntoEnumIterator as _;

use rig::*;
use samples::*;

fn states() -> Vec<(&'static str, Model)> {
    let asked = |snapshot, keys| {
        let mut m = model(snapshot);
        type_and_draw(&mut m, keys);
        m
    };
    vec![
        ("waiting", model(waiting())),
        ("start_gate_in_full", asked(risky(), "a")),
        ("risky", model(risky())),
        ("alert", model(alarmed())),
        ("alerts", asked(alarmed(), "!")),
        ("palette", asked(rented(Step::Booting), ":")),
        ("palette_found", asked(rented(Step::Booting), ":abo")),
        ("compare", asked(choosing(), " jj ")),
        ("offers_narrowed", asked(choosing(), ">/h100")),
        ("nodes_remove", asked(proving(), "5jD")),
        ("proxy_silent", {
            let mut s = proving();
            let proxy = s.proxy.as_mut().unwrap();
            proxy.silent_since = Some(at(-3));
            asked(s, "5")
        }),
        ("proxy_without_upstream", {
            let mut s = proving();
            let figures = s.proxy.as_mut().unwrap().figures.as_mut().unwrap();
            figures.upstreams[0].health = UpstreamHealth::Resting;
            asked(s, "5")
        }),
        ("history", asked(with_past(), "7")),
        ("charts", asked(with_past(), "8")),
        ("fleet", asked(rented(Step::Booting), "0")),
        ("fleet_waits", asked(fleet::busy(), "0")),
        ("fleet_two_nodes", fleet::two_nodes()),
        ("fleet_offline", fleet::offline()),
        ("fleet_replicas", asked(fleet::several(), "0")),
        ("fleet_replica_opened", asked(fleet::several(), "0\n")),
        ("fleet_quit", asked(fleet::several(), "q")),
        ("fleet_opened", asked(fleet::busy(), "0jj\n")),
        ("typed_sum", {
            let mut m = model(choosing());
            m.confirm_above = Some(Usd::from_dollars(20.0));
            type_and_draw(&mut m, "\n2");
            m
        }),
        ("choosing", model(choosing())),
        ("out", asked(choosing(), "o")),
        ("over_cap", {
            let mut s = choosing();
            s.money.caps[0].limit = Usd::from_dollars(28.0);
            asked(s, "\n")
        }),
        ("gone", {
            let mut m = asked(choosing(), "\n");
            let mut s = choosing();
            Arc::make_mut(&mut s.offers.rows).remove(0);
            publish(&mut m, s);
            m
        }),
        ("confirm_rent", asked(choosing(), "\n")),
        ("booting", model(rented(Step::Booting))),
        ("abort", asked(rented(Step::Booting), "x")),
        ("quit", {
            let mut m = asked(rented(Step::Booting), "q");
            press(&mut m, KeyCode::Down);
            press(&mut m, KeyCode::Down);
            m
        }),
        ("register_gate", model(registering())),
        ("approve_register", asked(registering(), "a")),
        ("proving", model(proving())),
        ("confirmed", model(confirmed())),
        ("failed", model(failed())),
        ("releasing", model(releasing())),
        ("not_gone", model(not_gone())),
        ("demo", model(demo())),
        ("old_offers", model(old_offers())),
        ("trouble", model(trouble())),
        ("nothing_yet", model(nothing_yet())),
        ("help", asked(waiting(), "?")),
        ("help_offers", asked(choosing(), "?")),
        ("help_boot", asked(rented(Step::Booting), "?")),
        ("help_filtered", asked(choosing(), "?/sort")),
        ("viewer", viewer(registering())),
        ("viewer_key", {
            let mut m = viewer(registering());
            type_and_draw(&mut m, "a");
            m
        }),
        ("viewer_left_behind", {
            let mut m = viewer(rented(Step::Booting));
            update(&mut m, Message::DriverEnded);
            m
        }),
    ]
}

#[test]
fn states_match_their_snapshots() {
    for (name, model) in states() {
        for (w, h) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            insta::assert_snapshot!(format!("{name}_{w}x{h}"), screen(&model, w, h).backend());
        }
    }
    insta::assert_snapshot!("proving_40x5", screen(&model(proving()), 40, 5).backend());
}

#[test]
fn no_size_panics() {
    let mut sizes: Vec<(u16, u16)> = vec![
        (80, 24),
        (200, 60),
        (300, 100),
        (500, 10),
        (10, 300),
        (60, 16),
        (59, 16),
        (60, 15),
    ];
    for w in (0..=60).step_by(6) {
        sizes.extend((0..=60).step_by(4).map(|h| (w, h)));
    }
    for (_, mut model) in states() {
        for zoom in [false, true] {
            model.zoom = zoom;
            for &(w, h) in &sizes {
                screen(&model, w, h);
            }
        }
    }
}

#[test]
fn no_color_leaves_no_coloured_cell() {
    let (terminal, _) = draw(&model(trouble()), (120, 40), PLAIN);
    for cell in terminal.backend().buffer().content() {
        assert_eq!(
            (cell.fg, cell.bg),
            (ratatui::style::Color::Reset, ratatui::style::Color::Reset)
        );
        assert!(cell.symbol().is_ascii(), "{:?}", cell.symbol());
    }
}

/// A letter for each style, row by row: which the text alone does not show.
fn styles(model: &Model, theme: Theme) -> String {
    let (terminal, _) = draw(model, (80, 24), theme);
    let buffer = terminal.backend().buffer();
    let mut known = Vec::new();
    let mut map = String::new();
    for y in 0..24 {
        for x in 0..80 {
            let style = buffer[(x, y)].style();
            let place = known.iter().position(|seen| *seen == style);
            let place = place.unwrap_or_else(|| {
                known.push(style);
                known.len() - 1
            });
            map.push(char::from(b'a' + u8::try_from(place).unwrap()));
        }
        map.push('\n');
    }
    for (style, letter) in known.iter().zip('a'..) {
        let (ink, paper) = (style.fg.unwrap_or_default(), style.bg.unwrap_or_default());
        let _ = writeln!(map, "{letter}: {ink} on {paper} {:?}", style.add_modifier);
    }
    map
}

#[test]
fn styles_match_their_snapshots() {
    let themes = [
        ("256_dark", ColorDepth::Indexed, BackgroundShade::Dark),
        ("true_light", ColorDepth::True, BackgroundShade::Light),
        ("none", ColorDepth::None, BackgroundShade::Dark),
    ];
    for (name, colors, background) in themes {
        let theme = Theme {
            colors,
            background,
            unicode: true,
            overrides: ColorOverrides::NONE,
        };
        for (state, model) in [("alert", model(alarmed())), ("choosing", model(choosing()))] {
            insta::assert_snapshot!(format!("styles_{state}_{name}"), styles(&model, theme));
        }
    }
}

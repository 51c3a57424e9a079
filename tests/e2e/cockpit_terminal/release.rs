//! `release` without a cockpit id: it asks for one.

use std::path::Path;

use pocpit::ports::Market as _;
use secrecy::ExposeSecret as _;

use crate::cockpit_terminal::{Terminal, pocpit};
use crate::market::{market, rent};
use crate::sim::Sim;

#[test]
fn release_without_name_asks_for_cockpit() {
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "200"]));
    let vast = pocpit::config::load(Some(Path::new(&sim.config)), &[])
        .unwrap()
        .config
        .vast;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let market = market(&vast);
    runtime.block_on(async {
        for label in ["pocpit/demo/1/1-a", "pocpit/other/1/1-b"] {
            rent(&vast, label).await;
            // The market wants a few of its seconds between two rent calls.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        while market.instances().await.unwrap().len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    // Given a configuration that holds only the key,
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("config.toml");
    let key = vast.api_key.expose_secret();
    let text = format!(
        "[vast]\napi_key = \"{key}\"\nbase_url = \"{}\"\n",
        vast.base_url
    );
    std::fs::write(&file, text).unwrap();
    let mut terminal = Terminal::start(200, 50, &["--config", file.to_str().unwrap(), "release"]);
    // when a cockpit is named and the question agreed to,
    terminal.until("Destroy the rentals of which cockpits? (demo, other;");
    terminal.press("demo\r");
    terminal.until("destroy and unregister all of this?");
    terminal.press("y\r");
    terminal.until("rentals: 1 destroyed, 0 left");
    let (code, _) = terminal.end();
    assert_eq!(code, 0);
    // then the other one's rental is there still.
    let left = runtime.block_on(market.instances()).unwrap();
    let labels: Vec<_> = left
        .iter()
        .filter_map(|rental| rental.label.as_deref())
        .collect();
    assert_eq!(labels, ["pocpit/other/1/1-b"]);
}

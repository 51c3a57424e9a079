//! A cockpit whose journal cannot be used, or has lost its past.

use std::path::Path;
use std::time::{Duration, Instant};

use pocpit::config::Config;
use pocpit::domain::InstanceId;
use pocpit::ports::Market as _;

use crate::cockpit_terminal::{LOOK_EVERY, PATIENCE, Terminal, pocpit};
use crate::market::{market, rent};
use crate::sim::Sim;

fn config_of(sim: &Sim) -> Config {
    let loaded = pocpit::config::load(Some(Path::new(&sim.config)), &[]);
    loaded.unwrap().config
}

#[test]
fn cockpit_takes_down_without_a_journal() {
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "200"]));
    let config = config_of(&sim);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let market = market(&config.vast);
    let listed = || -> Vec<InstanceId> {
        let all = runtime.block_on(market.instances()).unwrap();
        all.iter().map(|rental| rental.id).collect()
    };
    let ours = runtime.block_on(rent(&config.vast, "pocpit/demo/1/1-a"));
    while !listed().contains(&ours) {
        std::thread::sleep(LOOK_EVERY);
    }
    // Given a lock that cannot be opened for writing, as on a disk that has become read-only,
    std::fs::create_dir_all(config.paths.state_dir.join("lock")).unwrap();
    let start = || {
        let terminal = Terminal::start(200, 50, &["--config", &sim.config]);
        terminal.until(&format!("destroy rental {ours}"));
        terminal.until("remove all of this?");
        terminal
    };
    // then the cockpit asks before it takes anything down,
    let mut declined = start();
    declined.press("n\r");
    assert_eq!(declined.end().0, 3);
    assert_eq!(listed(), [ours]);
    // and says by its code that it went without a journal.
    let mut agreed = start();
    agreed.press("y\r");
    agreed.until("1 of 1 done");
    assert_eq!(agreed.end().0, 5);
    assert!(listed().is_empty());
}

#[test]
fn lost_journal_is_accepted_by_key() {
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "20"]));
    let state = config_of(&sim).paths.state_dir;
    // Given a state directory whose journal is gone,
    std::fs::create_dir_all(&state).unwrap();
    std::fs::create_dir_all(state.join("rental_logs")).unwrap();
    let mut terminal = Terminal::start(120, 40, &["--config", &sim.config]);
    // when the operator agrees to go on,
    terminal.until("Nothing is rented: the journal is empty");
    terminal.press("J");
    terminal.until("Go on with this journal?");
    std::thread::sleep(Duration::from_millis(200));
    terminal.press("y");
    // then it is agreed for all starts.
    let end = Instant::now() + PATIENCE;
    let is_lost = || {
        let ledger = pocpit::journal::read_only(&state).unwrap();
        ledger.lost().is_some()
    };
    while is_lost() {
        assert!(Instant::now() < end, "{}", terminal.text());
        std::thread::sleep(LOOK_EVERY);
    }
    terminal.press("q");
    assert_eq!(terminal.end(), (0, true));
}

//! What several test programs need.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::market::narrowed;

/// A world served by the program, for other processes.
pub struct Sim {
    child: Child,
    /// The configuration file that it wrote.
    pub config: String,
}

impl Sim {
    /// Starts what the command says: `pocpit sim …`.
    pub fn start(command: &mut Command) -> Sim {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let config = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("--config ")?.1.trim().to_owned()))
            .expect("the file's name");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, narrowed(&text)).unwrap();
        Sim { child, config }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

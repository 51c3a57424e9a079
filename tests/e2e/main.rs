//! End to end: the program's own processes, its engine, and the scripts it puts on a rental, against a
//! served world, a real sshd, a real systemd and a real terminal. These tests mostly wait, so many run
//! at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod callback;
mod canaries;
mod cockpit_terminal;
mod command_line;
mod exits;
mod front;
mod market;
mod onstart;
mod openai;
mod packaging;
mod python;
mod shells;
mod sim;
mod sprint;
mod ssh;
mod systemd;
mod vastai;

//! The `pocpit` program.
fn main() {}

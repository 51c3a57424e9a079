//! Decisions over a whole fleet: which offers a replica may take, and which ports it has. Pure.

pub mod deal;
pub mod slots;

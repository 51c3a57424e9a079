//! The GPU market: its API, offers, rentals and money.

mod api;
mod billing;
mod instances;
mod log_copies;
mod offers;
mod rent;

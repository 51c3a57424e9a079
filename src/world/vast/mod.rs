//! The GPU market: its API, offers, rentals and money.

mod access;
mod api;
mod billing;
mod filter;
mod gpus;
mod instances;
mod keys;
mod log_copies;
mod machines;
mod offers;
mod orders;
mod price_increases;
mod rent;
mod row;
mod statements;
mod states;
mod templates;
#[cfg(test)]
mod tests;

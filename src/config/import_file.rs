//! Recognizes the kind of a file to import.

use super::import::{Imported, of_env};
use super::node_config;

/// Imports a `.env` or a `node-config.json`. The notes list what cannot be mapped; the error says why there
/// is nothing to import.
pub fn import(text: &str) -> Result<Imported, String> {
    if node_config::is_node_config(text) {
        return node_config::import(text);
    }
    Ok(of_env(text))
}

//! Reads lists that come in pages.

use std::collections::HashSet;

use serde_json::Value;

use super::calls::{VastClient, malformed};
use super::rate_limit::VastEndpoint;
use crate::domain::CallError;
use crate::http::HttpRequest;

/// A list with more pages is an error.
const MAX_PAGES: usize = 200;

impl VastClient {
    /// Hands every page to `add` and returns the last. Complete, or an error.
    pub(super) async fn read_pages(
        &self,
        endpoint: VastEndpoint,
        request: HttpRequest,
        mut add: impl FnMut(&Value) -> Result<(), CallError> + Send,
    ) -> Result<Value, CallError> {
        let what = request.what.clone();
        let mut tokens = HashSet::new();
        let mut page = request.clone();
        for _ in 0..MAX_PAGES {
            let body = self.read(endpoint, page).await?;
            add(&body)?;
            let Some(token) = next_token(&what, &body)? else {
                return Ok(body);
            };
            page = request.clone().query("after_token", token.as_str());
            if !tokens.insert(token) {
                return Err(malformed(&what, "the listing repeats a page token"));
            }
        }
        Err(malformed(&what, "the listing does not end"))
    }
}

fn next_token(what: &str, body: &Value) -> Result<Option<String>, CallError> {
    match body.get("next_token") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(token)) if token.is_empty() => Ok(None),
        Some(Value::String(token)) => Ok(Some(token.clone())),
        Some(Value::Number(token)) => Ok(Some(token.to_string())),
        Some(_) => Err(malformed(what, "`next_token` is neither text nor null")),
    }
}

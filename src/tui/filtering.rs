//! The filter of each pane and of the help: what it is, and what is being typed.

use super::filter::Filtered;
use super::model::{Model, Overlay};
use super::pane::Pane;
use super::prompt::{Prompt, PromptKind};

impl Model {
    /// The words that are filtered by; empty for all.
    pub fn filter(&self, of: Filtered) -> &str {
        match of {
            Filtered::Pane(Pane::Fleet) => &self.fleet.filter,
            Filtered::Pane(Pane::Offers) => &self.offers.filter,
            Filtered::Pane(Pane::Nodes) => &self.node_filter,
            Filtered::Pane(Pane::History) => &self.history_filter,
            Filtered::Pane(Pane::Boot) => self.log.filter_text(),
            Filtered::Pane(Pane::Journal) => self.program_log.filter_text(),
            Filtered::Pane(Pane::Schedule | Pane::Sprint | Pane::Charts) => "",
            Filtered::Help => match &self.overlay {
                Some(Overlay::Help(help)) => &help.filter,
                _ => "",
            },
        }
    }

    pub fn set_filter(&mut self, of: Filtered, text: &str) {
        match of {
            Filtered::Pane(Pane::Fleet) => text.clone_into(&mut self.fleet.filter),
            Filtered::Pane(Pane::Offers) => self.offers.set_filter(text),
            Filtered::Pane(Pane::Nodes) => text.clone_into(&mut self.node_filter),
            Filtered::Pane(Pane::History) => {
                text.clone_into(&mut self.history_filter);
                self.history_index = 0;
            }
            Filtered::Pane(Pane::Boot) => self.log.set_filter(text),
            Filtered::Pane(Pane::Journal) => self.program_log.set_filter(text),
            Filtered::Pane(Pane::Schedule | Pane::Sprint | Pane::Charts) => {}
            Filtered::Help => {
                if let Some(Overlay::Help(help)) = &mut self.overlay {
                    text.clone_into(&mut help.filter);
                    help.scroll = 0;
                }
            }
        }
    }

    /// The prompt, while this filter is typed.
    pub fn filter_prompt(&self, of: Filtered) -> Option<&Prompt> {
        let prompt = self.prompt.as_ref();
        prompt.filter(|open| open.kind == PromptKind::Filter(of))
    }

    /// A filter holds, or is typed: it takes a row.
    pub fn has_filter_row(&self, of: Filtered) -> bool {
        !self.filter(of).is_empty() || self.filter_prompt(of).is_some()
    }
}

//! One or more of something, by number.

/// The first is there in every world.
#[derive(Debug, Clone, Default)]
pub(super) struct Several<T> {
    first: T,
    further: Vec<T>,
}

impl<T> Several<T> {
    /// So many, each made from its number.
    pub(super) fn new(count: u8, make: impl Fn(u8) -> T) -> Several<T> {
        Several {
            first: make(0),
            further: (1..count).map(make).collect(),
        }
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u8> + use<T> {
        let further = (1..=u8::MAX).take(self.further.len());
        [0].into_iter().chain(further)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.first].into_iter().chain(&self.further)
    }

    /// A number of another world may be missing here.
    pub(super) fn nth(&self, number: u8) -> &T {
        match usize::from(number).checked_sub(1) {
            None => &self.first,
            Some(further) => &self.further[further],
        }
    }

    pub(super) fn nth_mut(&mut self, number: u8) -> &mut T {
        match usize::from(number).checked_sub(1) {
            None => &mut self.first,
            Some(further) => &mut self.further[further],
        }
    }
}

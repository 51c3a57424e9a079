//! Sections below and beside one another, and where they go.

use ratatui::layout::Rect;

use super::rows::{Rows, share};
use crate::tui::section::Section;

/// How two columns share the width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// A list or bars on the left, facts on the right.
    List,
    /// Two of the same importance.
    Even,
    /// The whole of a large screen.
    Screen,
}

impl Split {
    /// Columns on the right. A wider screen gives the rest to the left.
    fn right(self, width: u16) -> u16 {
        match self {
            Split::List => 41.min(width / 2),
            Split::Even => 60.min(width / 2),
            Split::Screen => width * 36 / 100,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    One(Section),
    Beside(Split, Box<[Column; 2]>),
}

impl From<Section> for Block {
    fn from(section: Section) -> Block {
        Block::One(section)
    }
}

/// Blocks below one another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    pub blocks: Vec<Block>,
    /// Shown in this order where rows are left.
    pub fillers: Vec<Block>,
}

impl Column {
    pub fn of(blocks: impl IntoIterator<Item = impl Into<Block>>) -> Column {
        Column {
            blocks: blocks.into_iter().map(Into::into).collect(),
            fillers: Vec::new(),
        }
    }

    #[must_use]
    pub fn then(mut self, block: impl Into<Block>) -> Column {
        self.blocks.push(block.into());
        self
    }

    #[must_use]
    pub fn filled_with(mut self, fillers: impl IntoIterator<Item = Section>) -> Column {
        self.fillers.extend(fillers.into_iter().map(Block::One));
        self
    }

    pub fn beside(self, split: Split, right: Column) -> Block {
        Block::Beside(split, Box::new([self, right]))
    }

    pub fn sections(&self) -> Vec<Section> {
        let blocks = self.blocks.iter().chain(&self.fillers);
        blocks
            .flat_map(|block| match block {
                Block::One(section) => vec![*section],
                Block::Beside(_, columns) => columns.iter().flat_map(Column::sections).collect(),
            })
            .collect()
    }

    /// The same without what is shown elsewhere.
    #[must_use]
    pub fn without(self, shown: &[Section]) -> Column {
        let rest = |blocks: Vec<Block>| {
            let blocks = blocks.into_iter();
            blocks.flat_map(|block| block.without(shown)).collect()
        };
        Column {
            blocks: rest(self.blocks),
            fillers: rest(self.fillers),
        }
    }

    fn rows(&self, width: u16, measure: &mut Measure<'_>) -> Rows {
        let rows = |block: &Block| block.rows(width, measure);
        let fixed = Rows::stacked(self.blocks.iter().map(rows));
        let rows = |block: &Block| block.rows(width, measure);
        let more = Rows::stacked(self.fillers.iter().map(rows));
        Rows {
            most: fixed.most.saturating_add(more.most),
            ..fixed
        }
    }

    pub fn place(&self, area: Rect, measure: &mut Measure<'_>, placed: &mut Placed) {
        let mut shown: Vec<&Block> = self.blocks.iter().collect();
        let mut rows: Vec<Rows> = Vec::new();
        for block in &shown {
            rows.push(block.rows(area.width, measure));
        }
        let mut heights = share(&rows, area.height);
        let spare = area.height - heights.iter().sum::<u16>();
        let (mut left, mut more) = (spare, Vec::new());
        for block in &self.fillers {
            let rows = block.rows(area.width, measure);
            if rows.least <= left {
                left -= rows.wanted.min(left);
                shown.push(block);
                more.push(rows);
            }
        }
        heights.extend(share(&more, spare));
        let mut y = area.y;
        for (block, height) in shown.into_iter().zip(heights) {
            let place = Rect { y, height, ..area };
            y += height;
            if height > 0 {
                block.place(place, measure, placed);
            }
        }
    }
}

impl Block {
    fn without(self, shown: &[Section]) -> Vec<Block> {
        match self {
            Block::One(section) if shown.contains(&section) => Vec::new(),
            Block::One(section) => vec![Block::One(section)],
            Block::Beside(split, columns) => {
                let [left, right] = columns.map(|column| column.without(shown));
                if left.blocks.is_empty() {
                    return right.blocks;
                }
                if right.blocks.is_empty() {
                    return left.blocks;
                }
                vec![left.beside(split, right)]
            }
        }
    }

    fn rows(&self, width: u16, measure: &mut Measure<'_>) -> Rows {
        match self {
            Block::One(section) => measure(*section, width),
            Block::Beside(split, columns) => {
                let right = split.right(width);
                let left = columns[0].rows(width - right - 1, measure);
                left.beside(columns[1].rows(right, measure))
            }
        }
    }

    fn place(&self, area: Rect, measure: &mut Measure<'_>, placed: &mut Placed) {
        match self {
            Block::One(section) => placed.sections.push((*section, area)),
            Block::Beside(split, columns) => {
                let width = split.right(area.width);
                let left = area.width - width - 1;
                let divider = area.x + left;
                placed.dividers.push(Rect {
                    x: divider,
                    width: 1,
                    ..area
                });
                let right = Rect {
                    x: divider + 1,
                    width,
                    ..area
                };
                columns[0].place(
                    Rect {
                        width: left,
                        ..area
                    },
                    measure,
                    placed,
                );
                columns[1].place(right, measure, placed);
            }
        }
    }
}

/// The rows of a section at a width.
pub type Measure<'a> = dyn FnMut(Section, u16) -> Rows + 'a;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placed {
    pub sections: Vec<(Section, Rect)>,
    /// Lines between columns.
    pub dividers: Vec<Rect>,
}

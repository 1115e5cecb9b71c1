//! Columns of text.

use super::{Color, Style};

/// One cell: its text and its colour.
pub(super) struct Cell {
    text: String,
    color: Option<Color>,
}

impl Cell {
    pub(super) fn colored(text: impl Into<String>, color: Color) -> Self {
        Self {
            text: text.into(),
            color: Some(color),
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            color: None,
        }
    }
}

/// Lays rows out in columns two spaces apart, left-aligned, the head first, without trailing
/// spaces.
pub(super) fn table<const N: usize>(style: Style, head: [&str; N], rows: &[[Cell; N]]) -> String {
    let mut widths = head.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count());
        }
    }
    let mut text = String::with_capacity((rows.len() + 1) * widths.iter().sum::<usize>());
    let head = head.map(Cell::from);
    for row in std::iter::once(&head).chain(rows) {
        let last = row
            .iter()
            .rposition(|cell| !cell.text.is_empty())
            .unwrap_or(0);
        for (index, (cell, width)) in row.iter().zip(widths).enumerate().take(last + 1) {
            match cell.color {
                Some(color) => text.push_str(&style.paint(color, &cell.text)),
                None => text.push_str(&cell.text),
            }
            if index < last {
                let gap = width - cell.text.chars().count() + 2;
                text.extend(std::iter::repeat_n(' ', gap));
            }
        }
        text.push('\n');
    }
    text
}

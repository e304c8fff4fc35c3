//! Text that fits a terminal: paragraphs, tables whose cells break between words, no control characters.

use anstyle::Style;
use tabled::Table;
use tabled::builder::Builder;
use tabled::settings::object::{Columns, Rows};
use tabled::settings::{Color, Modify, Padding, Style as TableStyle};

/// What a program under test printed must not steer the terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter }).collect()
}

/// Text in a style, where colours are wanted.
pub(crate) fn paint(text: &str, style: Style, colour: bool) -> String {
    if colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// Breaks a text between words into lines of at most `width`; a longer word stands alone.
pub(crate) fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        if last.is_empty() {
            last.push_str(word);
        } else if count(last) + 1 + count(word) <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A table without borders, at most `width` wide where its longest words allow it. The first row is its head.
pub(crate) fn table<const N: usize>(rows: &[[String; N]], width: usize, colour: bool) -> Table {
    let widths = fit(rows, width);
    let mut builder = Builder::default();
    for row in rows {
        builder.push_record(row.iter().zip(widths).map(|(cell, width)| folded(&clean(cell), width).join("\n")));
    }
    let mut table = builder.build();
    table.with(TableStyle::empty());
    table.with(Padding::new(0, 2, 0, 0));
    if colour {
        table.with(Modify::new(Rows::first()).with(Color::BOLD));
        table.with(Modify::new(Columns::first()).with(Color::BOLD));
    }
    table
}

/// The rows of a table, each as lines of cells that are as wide as their columns.
pub(crate) fn rows_of_lines<const N: usize>(rows: &[[String; N]], width: usize) -> Vec<Vec<[String; N]>> {
    let widths = fit(rows, width);
    let lines_of = |row: &[String; N]| {
        let cells: [Vec<String>; N] = std::array::from_fn(|column| folded(&clean(&row[column]), widths[column]));
        let lines = cells.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |column: usize, place: usize| cells[column].get(place).map_or("", String::as_str);
        let lines = (0..lines).map(|place| {
            std::array::from_fn(|column| format!("{:<width$}", cell(column, place), width = widths[column]))
        });
        lines.collect()
    };
    rows.iter().map(lines_of).collect()
}

/// A line of cells, each painted but for the room to its right.
pub(crate) fn joined<const N: usize>(cells: &[String; N], styles: [Style; N], colour: bool) -> String {
    let show = |(cell, style): (&String, Style)| {
        let text = cell.trim_end();
        let room = " ".repeat(count(cell) - count(text));
        let painted = if text.is_empty() { String::new() } else { paint(text, style, colour) };
        format!("{painted}{room}")
    };
    cells.iter().zip(styles).map(show).collect::<Vec<_>>().join("  ")
}

/// The widths of the columns: the widest gives way, down to its longest word.
fn fit<const N: usize>(rows: &[[String; N]], width: usize) -> [usize; N] {
    let widest = |column: usize, measure: &dyn Fn(&str) -> usize| {
        rows.iter().map(|row| measure(&row[column])).max().unwrap_or_default()
    };
    let longest_word = |text: &str| text.split_whitespace().map(count).max().unwrap_or_default();
    let least: [usize; N] = std::array::from_fn(|column| widest(column, &longest_word));
    let mut widths: [usize; N] = std::array::from_fn(|column| widest(column, &count));
    while widths.iter().sum::<usize>() + 2 * N > width {
        let place = (0..N).filter(|place| widths[*place] > least[*place]).max_by_key(|place| widths[*place]);
        let Some(place) = place else { break };
        widths[place] -= 1;
    }
    widths
}

fn count(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_break_between_words_and_the_widest_column_gives_way() {
        let row = |left: &str, right: &str| [left.to_owned(), right.to_owned()];
        let rows = [row("claim", "asked for"), row("breaker-opens", "becomes 1 within 5s after payments-slow.start")];
        let text = table(&rows, 50, false).to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "claim          asked for",
                "breaker-opens  becomes 1 within 5s after",
                "               payments-slow.start"
            ]
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\rc"), "a\u{fffd}[2Jb\u{fffd}c");
    }
}

//! `${...}` in a query: to the parser a word, and a hole again in what comes out of it.

use crate::experiment::{Piece, Template};

/// A template's text with a word in place of each hole, and the way back.
pub(super) struct Holes {
    pub(super) text: String,
    pieces: Vec<Piece>,
    marker: String,
}

impl Holes {
    pub(super) fn of(template: &Template) -> Self {
        let plain: String = template
            .0
            .iter()
            .filter_map(|piece| if let Piece::Text(text) = piece { Some(text.as_str()) } else { None })
            .collect();
        // A word that the query does not have.
        let mut marker = "squallhole".to_owned();
        while plain.contains(&marker) {
            marker.push('q');
        }
        let (mut text, mut pieces) = (String::new(), Vec::new());
        for piece in &template.0 {
            match piece {
                Piece::Text(part) => text.push_str(part),
                hole => {
                    text.push_str(&format!("{marker}{}x", pieces.len()));
                    pieces.push(hole.clone());
                }
            }
        }
        Self { text, pieces, marker }
    }

    pub(super) fn restore(&self, text: &str) -> Template {
        let mut restored = Vec::new();
        let mut parts = text.split(self.marker.as_str());
        let mut push = |text: &str| {
            if !text.is_empty() {
                restored.push(Piece::Text(text.to_owned()));
            }
        };
        push(parts.next().unwrap_or_default());
        for part in parts {
            let hole = part
                .split_once('x')
                .and_then(|(number, rest)| Some((self.pieces.get(number.parse::<usize>().ok()?)?, rest)));
            match hole {
                Some((piece, rest)) => {
                    restored.push(piece.clone());
                    if !rest.is_empty() {
                        restored.push(Piece::Text(rest.to_owned()));
                    }
                }
                None => restored.push(Piece::Text(part.to_owned())),
            }
        }
        Template(restored)
    }
}

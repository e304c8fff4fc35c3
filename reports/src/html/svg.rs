//! SVG, an element at a time: whatever goes in as text or attribute comes out escaped.

use std::fmt::{Display, Write};

/// A drawing, or a part of one.
#[derive(Debug, Default)]
pub(super) struct Svg {
    out: String,
}

impl Svg {
    /// An element without content.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: &[(&'static str, &dyn Display)]) {
        self.open(name, attributes);
        self.out.insert(self.out.len() - 1, '/');
    }

    /// An element with text.
    pub(super) fn text(&mut self, name: &'static str, attributes: &[(&'static str, &dyn Display)], text: &str) {
        self.open(name, attributes);
        self.out.push_str(&escaped(text));
        self.close(name);
    }

    /// An element with a title, which browsers show when one points at it, and readers read.
    pub(super) fn titled(&mut self, name: &'static str, attributes: &[(&'static str, &dyn Display)], title: &str) {
        self.open(name, attributes);
        self.text("title", &[], title);
        self.close(name);
    }

    /// Begins an element with content.
    pub(super) fn open(&mut self, name: &'static str, attributes: &[(&'static str, &dyn Display)]) {
        write!(self.out, "<{name}").expect("writing to a string cannot fail");
        for (key, value) in attributes {
            write!(self.out, " {key}=\"{}\"", escaped(&value.to_string())).expect("writing to a string cannot fail");
        }
        self.out.push('>');
    }

    /// Ends an element.
    pub(super) fn close(&mut self, name: &'static str) {
        write!(self.out, "</{name}>").expect("writing to a string cannot fail");
    }

    /// The markup.
    pub(super) fn into_string(self) -> String {
        self.out
    }
}

/// A coordinate with one decimal: a tenth of a pixel is enough for anyone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Px(pub(super) f64);

impl Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenth = (self.0 * 10.0).round() / 10.0;
        write!(f, "{tenth}")
    }
}

/// Text that markup cannot mistake for markup. Control characters, which XML has no way to write, go.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_stay_text() {
        let mut svg = Svg::default();
        svg.text("text", &[("class", &"a\"b")], "</text><script>alert(1)</script>\u{1b}");
        svg.leaf("rect", &[("x", &Px(1.04))]);
        assert_eq!(
            svg.into_string(),
            "<text class=\"a&quot;b\">&lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}</text><rect x=\"1\"/>"
        );
    }
}

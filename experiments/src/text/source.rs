//! A file as the runner read it, and where in it a byte stands.

use super::{Code, Problem};

/// The largest file that is read, in bytes. Real experiments have a few kilobytes.
pub const LARGEST_FILE: usize = 4 * 1024 * 1024;

/// A file's path, for messages, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// As the user named it; `-` is standard input.
    pub path: String,
    /// UTF-8, without a byte order mark.
    pub text: String,
}

/// A line and a column, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl SourceFile {
    /// Takes a file's bytes.
    ///
    /// # Errors
    /// When they are too many, or no UTF-8 text. The problem names the path itself: there is no text
    /// to show a place in.
    pub fn from_bytes(path: impl Into<String>, bytes: &[u8]) -> Result<Self, Problem> {
        let path = path.into();
        let refuse =
            |code, message: String, hint: &str| Err(Problem::new(code, format!("{path}: {message}")).hint(hint));
        if bytes.len() > LARGEST_FILE {
            let message = format!("the file has {}; at most {} are read", size(bytes.len()), size(LARGEST_FILE));
            return refuse(Code::TooLarge, message, "split it: several files can be given at once");
        }
        if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
            let message = format!("the file is binary: byte {at} is NUL");
            return refuse(Code::Binary, message, "an experiment is a YAML text; is this the right file?");
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { path, text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned() }),
            Err(error) => {
                let message = format!("the file is not UTF-8 text: byte {} does not fit", error.valid_up_to());
                refuse(Code::NotUtf8, message, "save it as UTF-8")
            }
        }
    }

    /// A byte's place as people and editors read it: `chaos.yaml:3:9`.
    pub fn place(&self, offset: usize) -> String {
        let Position { line, column } = self.position(offset);
        format!("{}:{line}:{column}", self.path)
    }

    pub(crate) fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let lines = before.bytes().filter(|&byte| byte == b'\n').count();
        Position { line: lines + 1, column: before[line_start..].chars().count() + 1 }
    }
}

fn size(bytes: usize) -> String {
    const MEBI: usize = 1024 * 1024;
    if bytes >= MEBI { format!("{} MiB", bytes.div_ceil(MEBI)) } else { format!("{bytes} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> (Code, String) {
        let problem = SourceFile::from_bytes("a.yaml", bytes).unwrap_err();
        (problem.code, problem.message)
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_the_reason() {
        assert_eq!(refusal(b"kind: \0"), (Code::Binary, "a.yaml: the file is binary: byte 6 is NUL".into()));
        assert_eq!(
            refusal(b"title: caf\xe9!"),
            (Code::NotUtf8, "a.yaml: the file is not UTF-8 text: byte 10 does not fit".into())
        );
        let large = vec![b' '; 100 * 1024 * 1024];
        assert_eq!(refusal(&large), (Code::TooLarge, "a.yaml: the file has 100 MiB; at most 4 MiB are read".into()));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(SourceFile::from_bytes("a.yaml", b"\xef\xbb\xbfkind: A").unwrap().text, "kind: A");
    }

    #[test]
    fn columns_count_characters() {
        let file = SourceFile { path: "a".into(), text: "é: x\nüß: y".into() };
        assert_eq!(file.position(file.text.find('y').unwrap()), Position { line: 2, column: 5 });
        assert_eq!(file.position(1), Position { line: 1, column: 1 });
        assert_eq!(file.place(1), "a:1:1");
        assert_eq!(file.position(999), Position { line: 2, column: 6 });
    }
}

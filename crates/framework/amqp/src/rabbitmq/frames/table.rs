//! A table of headers: whether lapin can parse it.

use crate::rabbitmq::frames::cursor::Cursor;

/// How deep headers may be nested. A service accepts less, and lapin's stack bears more.
const DEEPEST: usize = 32;

/// Why lapin cannot parse a part, or should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartProblem {
    NotUtf8,
    TooDeep,
    Malformed,
}

impl PartProblem {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::NotUtf8 => "is not UTF-8",
            Self::TooDeep => "is nested too deep",
            Self::Malformed => "is malformed",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct TableHeader<'a> {
    pub(super) name: &'a [u8],
    value: HeaderValue<'a>,
}

#[derive(Debug, Clone, Copy)]
enum HeaderValue<'a> {
    Plain,
    Table(&'a [u8]),
    Array(&'a [u8]),
}

impl<'a> TableHeader<'a> {
    /// Steps over a header without a look at what is nested in it.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        Some(Self { name: cursor.short_text()?, value: HeaderValue::read(cursor)? })
    }

    pub(super) fn problem(self, depth: usize) -> Option<PartProblem> {
        if std::str::from_utf8(self.name).is_err() {
            return Some(PartProblem::NotUtf8);
        }
        self.value.problem(depth)
    }
}

impl<'a> HeaderValue<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let size = match cursor.octet()? {
            b'V' => 0,
            b't' | b'b' | b'B' => 1,
            b's' | b'U' | b'u' => 2,
            b'I' | b'i' | b'f' => 4,
            b'D' => 5,
            b'L' | b'l' | b'd' | b'T' => 8,
            b'S' | b'x' => {
                cursor.long_bytes()?;
                return Some(Self::Plain);
            }
            b'F' => return Some(Self::Table(cursor.long_bytes()?)),
            b'A' => return Some(Self::Array(cursor.long_bytes()?)),
            _ => return None,
        };
        cursor.take(size)?;
        Some(Self::Plain)
    }

    fn problem(self, depth: usize) -> Option<PartProblem> {
        match self {
            Self::Plain => None,
            Self::Table(_) | Self::Array(_) if depth >= DEEPEST => Some(PartProblem::TooDeep),
            Self::Table(bytes) => table_problem(bytes, depth + 1),
            Self::Array(bytes) => {
                let mut cursor = Cursor(bytes);
                while !cursor.0.is_empty() {
                    let Some(value) = HeaderValue::read(&mut cursor) else {
                        return Some(PartProblem::Malformed);
                    };
                    if let Some(problem) = value.problem(depth + 1) {
                        return Some(problem);
                    }
                }
                None
            }
        }
    }
}

pub(super) fn table_problem(bytes: &[u8], depth: usize) -> Option<PartProblem> {
    let mut cursor = Cursor(bytes);
    while !cursor.0.is_empty() {
        let Some(header) = TableHeader::read(&mut cursor) else {
            return Some(PartProblem::Malformed);
        };
        if let Some(problem) = header.problem(depth) {
            return Some(problem);
        }
    }
    None
}

//! Headings, paragraphs, lists, tables and figures, before they are HTML or Markdown.
//!
//! Text is text: nothing in it is markup, whatever a grid or a reason may hold.

use crate::plot::{Figure, FlameGraph};

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Words that each format escapes.
    Plain(String),
    /// What the eye should find.
    Strong(String),
    /// A name, a path, a word of the kernel.
    Code(String),
}

/// A line or a paragraph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Span>);

impl Text {
    /// The text with plain words after it.
    #[must_use]
    pub fn and(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Plain(words.into()));
        self
    }

    /// The text with strong words after it.
    #[must_use]
    pub fn strong(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Strong(words.into()));
        self
    }

    /// The text with a name after it.
    #[must_use]
    pub fn code(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Code(words.into()));
        self
    }

    /// Words in which names stand between backticks, as on a terminal.
    pub fn marked(words: &str) -> Self {
        let parts = words.split('`').enumerate();
        let span = |(place, part): (usize, &str)| match place % 2 {
            0 => Span::Plain(part.to_owned()),
            _ => Span::Code(part.to_owned()),
        };
        Self(parts.map(span).collect())
    }

    /// The words alone.
    pub fn words(&self) -> String {
        let words = |span: &Span| match span {
            Span::Plain(words) | Span::Strong(words) | Span::Code(words) => words.clone(),
        };
        self.0.iter().map(words).collect()
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        Self::default().and(words)
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self::default().and(words)
    }
}

/// How a column of a table is headed and aligned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// The words in the table's head.
    pub name: String,
    /// Whether its fields are numbers, which stand at the right and sort by value.
    pub numeric: bool,
}

/// What a reader sees in a cell of a table, and what the page sorts it by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableField {
    /// What it shows.
    pub text: String,
    /// What it sorts by, where that is not its text.
    pub order: Option<f64>,
}

impl TableField {
    /// A number as it is shown, and the number.
    pub fn number(text: impl Into<String>, order: impl Into<Option<f64>>) -> Self {
        Self { text: text.into(), order: order.into() }
    }
}

impl<T: Into<String>> From<T> for TableField {
    fn from(text: T) -> Self {
        Self { text: text.into(), order: None }
    }
}

/// Rows under a head, which the page lets a reader sort.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// From left to right.
    pub columns: Vec<TableColumn>,
    /// Its rows, each with a field per column.
    pub rows: Vec<Vec<TableField>>,
}

impl Table {
    /// An empty table; a `#` before a column's name makes it one of numbers.
    pub fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        let column = |name: &&str| {
            let plain = name.strip_prefix('#');
            TableColumn { name: plain.unwrap_or(name).to_owned(), numeric: plain.is_some() }
        };
        Self { caption: caption.into(), columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<TableField>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a field per column");
        self.rows.push(row);
    }

    /// Takes away the columns that are the same in every row, if there is more than one row: they say nothing.
    #[must_use]
    pub fn without_constant(mut self, names: &[&str]) -> Self {
        for name in names {
            let Some(place) = self.columns.iter().position(|column| column.name == *name) else { continue };
            let same = self.rows.windows(2).all(|pair| pair[0][place].text == pair[1][place].text);
            if same {
                self.columns.remove(place);
                self.rows.iter_mut().for_each(|row| drop(row.remove(place)));
            }
        }
        self
    }
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A heading of level 2 or 3.
    Heading(u8, String),
    /// Running text.
    Paragraph(Text),
    /// A list of points.
    List(Vec<Text>),
    /// Rows under a head, which the page lets a reader sort.
    Table(Table),
    /// A drawing with its caption.
    Figure(Box<Figure>),
    /// A flame graph.
    Flame(Box<FlameGraph>),
    /// A section that a reader opens: its heading, of level 2, and what it holds.
    Folded(String, Vec<Block>),
}

impl Block {
    /// A heading of level 2.
    pub fn section(words: impl Into<String>) -> Self {
        Self::Heading(2, words.into())
    }

    /// A heading of level 3.
    pub fn part(words: impl Into<String>) -> Self {
        Self::Heading(3, words.into())
    }

    /// Running text.
    pub fn says(words: impl Into<Text>) -> Self {
        Self::Paragraph(words.into())
    }
}

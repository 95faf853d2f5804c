//! What results are written in: values and names in words, and text, lists and tables before they are HTML or
//! Markdown.

pub(crate) mod block;
pub(crate) mod words;

//! A plain table: the answer to a query.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::escape::{SafeJson, csv, printable};

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variants are what they say")]
pub enum Cell {
    Null,
    Bool(bool),
    Number(i64),
    Real(f64),
    Text(String),
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// Names of columns.
    pub columns: Vec<String>,
    /// Each as long as the columns.
    pub rows: Vec<Vec<Cell>>,
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Real(value) => value.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Real(_))
    }

    fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(value) => (*value).into(),
            Self::Real(value) => (*value).into(),
            Self::Text(text) => text.clone().into(),
        }
    }
}

impl Grid {
    /// Columns side by side, for people.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let lines: Vec<Vec<String>> =
            std::iter::once(self.columns.iter().map(|name| printable(name).into_owned()).collect())
                .chain(
                    self.rows
                        .iter()
                        .map(|row| row.iter().map(|cell| printable(&cell.text()).into_owned()).collect()),
                )
                .collect();
        let width = |at: usize| {
            let lengths = lines.iter().filter_map(|line: &Vec<String>| line.get(at));
            lengths.map(|text| text.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for (n, line) in lines.iter().enumerate() {
            let row = n.checked_sub(1).and_then(|n| self.rows.get(n));
            let mut text = String::new();
            for ((at, cell), width) in line.iter().enumerate().zip(&widths) {
                let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                let is_number = row.and_then(|row| row.get(at)).is_some_and(Cell::is_number);
                if at > 0 {
                    text.push_str("  ");
                }
                match is_number {
                    true => text.extend([pad.as_str(), cell]),
                    false => text.extend([cell, pad.as_str()]),
                }
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }

    /// RFC 4180, with a header.
    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let header: Vec<String> = self.columns.iter().map(|name| csv(name)).collect();
        write!(out, "{}\r\n", header.join(","))?;
        for row in &self.rows {
            // A negative number is no formula.
            let cells: Vec<String> = row
                .iter()
                .map(|cell| if cell.is_number() { cell.text() } else { csv(&cell.text()) })
                .collect();
            write!(out, "{}\r\n", cells.join(","))?;
        }
        Ok(())
    }

    /// A list of objects.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let object = |row: &Vec<Cell>| {
            let members = self.columns.iter().cloned().zip(row.iter().map(Cell::json));
            Value::Object(members.collect::<Map<String, Value>>())
        };
        let rows: Vec<Value> = self.rows.iter().map(object).collect();
        let pretty = SafeJson(serde_json::ser::PrettyFormatter::new());
        let mut serializer = serde_json::Serializer::with_formatter(&mut *out, pretty);
        serde::Serialize::serialize(&rows, &mut serializer)?;
        writeln!(out)
    }
}

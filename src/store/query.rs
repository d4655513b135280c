//! SQL over a store.

use polars::prelude::{AnyValue, Column, DataFrame, DataType, IntoLazy, TimeUnit};
use polars::sql::SQLContext;

use super::StoreError;
use crate::ident::Time;
use crate::report::{Cell, Grid};

/// A query with a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Named {
    /// As typed.
    pub name: &'static str,
    /// The text, which begins with comments that say what it answers.
    pub sql: &'static str,
}

macro_rules! named {
    ($($name:literal),+ $(,)?) => {
        [$(Named { name: $name, sql: include_str!(concat!("../../queries/", $name, ".sql")) }),+]
    };
}

/// The queries of `queries/`, sorted by name.
pub const NAMED: [Named; 11] = named![
    "broken-objects",
    "cross-account-use",
    "denied-by-layer",
    "dormant-roles",
    "first-seen-this-month",
    "long-lived-keys",
    "pass-role",
    "root-use",
    "shared-roles",
    "unattributed",
    "who-used-what",
];

impl Named {
    /// The first line of its comments: name and meaning.
    pub fn about(&self) -> &'static str {
        self.sql.lines().next().unwrap_or_default().trim_start_matches("--").trim()
    }
}

/// The query of a name.
pub fn named(name: &str) -> Option<Named> {
    NAMED.into_iter().find(|query| query.name == name)
}

/// One column of a [`View`].
#[derive(Clone, Debug)]
pub enum Cells {
    /// Text.
    Text(Vec<Option<String>>),
    /// Numbers.
    Number(Vec<Option<i64>>),
    /// Points in time; `DATETIME` in SQL.
    Time(Vec<Option<Time>>),
    /// Truth.
    Bool(Vec<Option<bool>>),
}

/// A table a query can name.
#[derive(Clone, Debug)]
pub struct View {
    /// As SQL names it.
    pub name: &'static str,
    /// By name; all of one length.
    pub columns: Vec<(&'static str, Cells)>,
}

fn column(name: &str, cells: Cells) -> Result<Column, StoreError> {
    let name = name.into();
    let milliseconds = |time: Time| time.unix().saturating_mul(1_000);
    match cells {
        Cells::Text(values) => Ok(Column::new(name, values)),
        Cells::Number(values) => Ok(Column::new(name, values)),
        Cells::Bool(values) => Ok(Column::new(name, values)),
        Cells::Time(values) => {
            let values: Vec<Option<i64>> = values.into_iter().map(|time| time.map(milliseconds)).collect();
            Column::new(name, values)
                .cast(&DataType::Datetime(TimeUnit::Milliseconds, None))
                .map_err(|error| StoreError::Query(error.to_string()))
        }
    }
}

/// Answers a query in the SQL of polars over the views given.
pub fn answer(views: Vec<View>, sql: &str) -> Result<Grid, StoreError> {
    let failed = |error: polars::error::PolarsError| StoreError::Query(error.to_string());
    let mut context = SQLContext::new();
    for view in views {
        let columns = view
            .columns
            .into_iter()
            .map(|(name, cells)| column(name, cells))
            .collect::<Result<Vec<Column>, StoreError>>()?;
        let frame = DataFrame::new_infer_height(columns).map_err(failed)?;
        context.register(view.name, frame.lazy());
    }
    let frame = context.execute(sql).and_then(|lazy| lazy.collect()).map_err(failed)?;
    let columns = frame.columns();
    let rows = (0..frame.height())
        .map(|row| columns.iter().map(|column| value(column.get(row).unwrap_or(AnyValue::Null))).collect())
        .collect();
    Ok(Grid { columns: columns.iter().map(|column| column.name().to_string()).collect(), rows })
}

fn value(value: AnyValue<'_>) -> Cell {
    match value {
        AnyValue::Null => Cell::Null,
        AnyValue::Boolean(value) => Cell::Bool(value),
        AnyValue::String(text) => Cell::Text(text.to_owned()),
        AnyValue::StringOwned(text) => Cell::Text(text.to_string()),
        AnyValue::Float64(value) => Cell::Real(value),
        AnyValue::Float32(value) => Cell::Real(f64::from(value)),
        AnyValue::Datetime(value, unit, _) => Cell::Text(moment(value, unit)),
        AnyValue::DatetimeOwned(value, unit, _) => Cell::Text(moment(value, unit)),
        AnyValue::Date(days) => {
            let (year, month, day) = Time::from_unix(i64::from(days) * 86_400).date();
            Cell::Text(format!("{year:04}-{month:02}-{day:02}"))
        }
        other => match other.extract::<i64>() {
            Some(number) if other.is_primitive_numeric() => Cell::Number(number),
            _ => Cell::Text(other.to_string()),
        },
    }
}

fn moment(value: i64, unit: TimeUnit) -> String {
    let per_second = match unit {
        TimeUnit::Nanoseconds => 1_000_000_000,
        TimeUnit::Microseconds => 1_000_000,
        TimeUnit::Milliseconds => 1_000,
    };
    Time::from_unix(value.div_euclid(per_second)).to_string()
}

//! The edits that put a policy document in place of a declared one.

use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::Block;
use hcl_edit::template::Element;
use serde_json::{Map, Value};

use super::declared::{self, Parsed, Policy, inner, labelled};
use super::diff::Edit;
use crate::report::{terraform_expression, terraform_statements};

/// An edit of a file.
pub(super) type FileEdit<'p> = (&'p str, Edit);

/// The edits, or why there are none.
pub(super) fn replace<'p>(
    policy: &Policy<'p>,
    document: &Value,
    files: &'p [Parsed<'p>],
) -> Result<Vec<FileEdit<'p>>, String> {
    if policy.is_repeated {
        return Err("it is declared with `count` or `for_each`".to_owned());
    }
    let attribute = policy.document.ok_or("it has no `policy`")?;
    let expression = inner(&attribute.value);
    if let Some(label) = declared::document_reference(expression) {
        return data_source(policy.parsed, label, document, files);
    }
    let is_json = match expression {
        Expression::FuncCall(call) => {
            call.name.namespace.is_empty() && call.name.name.as_str() == "jsonencode"
        }
        Expression::String(text) => text.trim_start().starts_with('{'),
        Expression::HeredocTemplate(_) => true,
        Expression::StringTemplate(template) => {
            let first = template.iter().next();
            matches!(first, Some(Element::Literal(text)) if text.trim_start().starts_with('{'))
        }
        _ => false,
    };
    if !is_json {
        return Err(
            "its `policy` is neither `jsonencode(…)`, nor a string of JSON, nor a data source's `json`"
                .to_owned(),
        );
    }
    let text = policy.parsed.file.text.as_str();
    let range = attribute.value.span().and_then(|range| trimmed(text, range));
    let range = range.ok_or("its place in the file is not known")?;
    let new = format!("jsonencode({})", terraform_expression(document, indent(text, range.start)));
    // What is written must be read as what was meant.
    let read = hcl_edit::parser::parse_expr(&new).ok();
    let argument = read.as_ref().and_then(Expression::as_func_call).and_then(|call| call.args.iter().next());
    if argument.and_then(literal).as_ref() != Some(document) {
        return Err("the proposed document cannot be written as an expression with certainty".to_owned());
    }
    Ok(vec![(&policy.parsed.file.name, Edit { range, text: ends_like(text, new) })])
}

/// Its `statement` blocks, in the place of the first.
fn data_source<'p>(
    user: &Parsed<'p>,
    label: &str,
    document: &Value,
    files: &'p [Parsed<'p>],
) -> Result<Vec<FileEdit<'p>>, String> {
    let address = format!("data.aws_iam_policy_document.{label}");
    let module = || files.iter().filter(|parsed| parsed.folder() == user.folder());
    let mut found = module().flat_map(|parsed| {
        labelled(&parsed.body, "data", "aws_iam_policy_document")
            .filter(|(_, name)| *name == label)
            .map(move |(block, _)| (parsed, block))
    });
    let (parsed, block) = found.next().ok_or_else(|| format!("`{address}` is not declared beside it"))?;
    if found.next().is_some() {
        return Err(format!("`{address}` is declared twice"));
    }
    let uses: usize = module().map(|parsed| mentions(&parsed.file.text, &address)).sum();
    if uses != 1 {
        return Err(format!(
            "`{address}` is mentioned {uses} times, so changing it may change something else"
        ));
    }
    if let Some(other) = block.body.attributes().find(|attribute| !is_plain(attribute.key.as_str())) {
        return Err(format!("`{address}` has `{}`, which adds to its statements", other.key.as_str()));
    }
    if let Some(other) = block.body.blocks().find(|inner| inner.ident.as_str() != "statement") {
        return Err(format!("`{address}` has a `{}` block, which makes statements", other.ident.as_str()));
    }
    let version = block
        .body
        .get_attribute("version")
        .map_or(Some("2012-10-17"), |version| declared::text(&version.value));
    if document.get("Version").and_then(Value::as_str) != version {
        return Err(format!("`{address}` has another version of the policy language"));
    }
    let text = parsed.file.text.as_str();
    let statements: Vec<Range<usize>> = block
        .body
        .get_blocks("statement")
        .filter_map(Block::span)
        .filter_map(|span| trimmed(text, span))
        .collect();
    let Some((first, others)) = statements.split_first() else {
        return Err(format!("`{address}` has no `statement` block"));
    };
    let new = terraform_statements(document).trim().to_owned();
    if new.is_empty() {
        return Err("the proposed document has no statement".to_owned());
    }
    let mut edits =
        vec![(parsed.file.name.as_str(), Edit { range: first.clone(), text: ends_like(text, new) })];
    edits.extend(others.iter().map(|range| {
        (parsed.file.name.as_str(), Edit { range: whole_lines(text, range), text: String::new() })
    }));
    Ok(edits)
}

/// Arguments that add no statement.
fn is_plain(argument: &str) -> bool {
    ["version", "policy_id", "provider", "depends_on"].contains(&argument)
}

/// How often an address stands in a text, comments included.
fn mentions(text: &str, address: &str) -> usize {
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
    text.match_indices(address)
        .filter(|(at, _)| text.get(at + address.len()..).is_some_and(|rest| !goes_on(rest)))
        .count()
}

/// The range without white space at its end.
fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let inside = text.get(range.clone())?;
    Some(range.start..range.start + inside.trim_end().len())
}

/// The range with its lines, and with one empty line before it, when nothing else stands on them.
fn whole_lines(text: &str, range: &Range<usize>) -> Range<usize> {
    let (Some(before), Some(after)) = (text.get(..range.start), text.get(range.end..)) else {
        return range.clone();
    };
    let start = before.trim_end_matches([' ', '\t']).len();
    let blank = after.len() - after.trim_start_matches([' ', '\t', '\r']).len();
    let is_alone = (start == 0 || before.get(..start).is_some_and(|text| text.ends_with('\n')))
        && after.get(blank..).is_some_and(|rest| rest.starts_with('\n'));
    if !is_alone {
        return range.clone();
    }
    let head = before.get(..start).unwrap_or_default();
    let is_gap = |line: &str| line.trim().is_empty() && line.ends_with('\n');
    let gap = head.split_inclusive('\n').next_back().filter(|line| is_gap(line)).map_or(0, str::len);
    start - gap..range.end + blank + 1
}

/// The blanks at the start of a byte's line.
fn indent(text: &str, at: usize) -> usize {
    let line = text.get(..at).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
    line.len() - line.trim_start_matches(' ').len()
}

/// With the line ends of the file.
fn ends_like(text: &str, new: String) -> String {
    if text.contains("\r\n") { new.replace('\n', "\r\n") } else { new }
}

/// The value of an expression without references.
fn literal(expression: &Expression) -> Option<Value> {
    Some(match expression {
        Expression::Null(_) => Value::Null,
        Expression::Bool(value) => Value::Bool(*value.value()),
        Expression::Number(number) => serde_json::from_str(&number.value().to_string()).ok()?,
        Expression::String(text) => Value::String(text.value().clone()),
        Expression::Array(items) => Value::Array(items.iter().map(literal).collect::<Option<_>>()?),
        Expression::Object(members) => {
            let mut object = Map::new();
            for (key, value) in members.iter() {
                let key = match key {
                    ObjectKey::Ident(name) => name.as_str(),
                    ObjectKey::Expression(expression) => declared::text(expression)?,
                };
                object.insert(key.to_owned(), literal(value.expr())?);
            }
            Value::Object(object)
        }
        _ => return None,
    })
}

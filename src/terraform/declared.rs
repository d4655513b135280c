//! What Terraform files declare about roles and their inline policies.
//!
//! Resources are `aws_iam_role`, its `inline_policy` blocks, and `aws_iam_role_policy`, as Terraform's AWS provider documents them.
//! Names of resources hold within a folder, which is a module.

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, TraversalOperator};
use hcl_edit::structure::{Attribute, Block, Body};
use hcl_edit::template::Element;

use super::File;

/// A file that could be parsed.
pub(super) struct Parsed<'f> {
    pub(super) file: &'f File,
    pub(super) body: Body,
}

impl<'f> Parsed<'f> {
    /// The folder of the file: the module it is part of.
    pub(super) fn folder(&self) -> &'f str {
        self.file.name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, at: usize) -> u64 {
        self.file.text.bytes().take(at).filter(|byte| *byte == b'\n').count() as u64 + 1
    }
}

/// A role a file declares.
pub(super) struct Role<'p> {
    /// `aws_iam_role.NAME`.
    pub(super) address: String,
    label: &'p str,
    pub(super) parsed: &'p Parsed<'p>,
    pub(super) line: u64,
    /// The role's name, or why the file does not tell it.
    pub(super) name: Result<&'p str, &'static str>,
    /// The role's path, when the file tells it.
    pub(super) path: Option<&'p str>,
    pub(super) policies: Vec<Policy<'p>>,
}

/// An inline policy a file declares.
pub(super) struct Policy<'p> {
    /// `aws_iam_role_policy.NAME`, or `inline_policy`.
    pub(super) address: String,
    pub(super) parsed: &'p Parsed<'p>,
    pub(super) line: u64,
    pub(super) name: Result<&'p str, &'static str>,
    /// There may be several of it (`count`, `for_each`).
    pub(super) is_repeated: bool,
    pub(super) document: Option<&'p Attribute>,
}

/// All roles, in the order of files and lines.
pub(super) fn roles<'p>(files: &'p [Parsed<'p>]) -> Vec<Role<'p>> {
    let mut roles: Vec<Role<'p>> = Vec::new();
    for parsed in files {
        for (block, label) in resources(&parsed.body, "aws_iam_role") {
            roles.push(Role {
                address: format!("aws_iam_role.{label}"),
                label,
                parsed,
                line: line_of(parsed, block),
                name: name_of(block),
                path: block.body.get_attribute("path").and_then(|path| text(&path.value)),
                policies: block
                    .body
                    .get_blocks("inline_policy")
                    .map(|inner| policy(parsed, inner, "inline_policy"))
                    .collect(),
            });
        }
    }
    for parsed in files {
        for (block, label) in resources(&parsed.body, "aws_iam_role_policy") {
            let Some(of) = block.body.get_attribute("role") else { continue };
            let owner = inner(&of.value);
            let is_owner = |role: &&mut Role<'p>| match (text(owner), reference(owner)) {
                (Some(name), _) => role.name == Ok(name),
                (None, Some(("aws_iam_role", label, "name" | "id"))) => {
                    role.label == label && role.parsed.folder() == parsed.folder()
                }
                _ => false,
            };
            let mut found: Vec<&mut Role<'p>> = roles.iter_mut().filter(is_owner).collect();
            for role in &mut found {
                role.policies.push(policy(parsed, block, &format!("aws_iam_role_policy.{label}")));
            }
        }
    }
    roles
}

fn policy<'p>(parsed: &'p Parsed<'p>, block: &'p Block, address: &str) -> Policy<'p> {
    Policy {
        address: address.to_owned(),
        parsed,
        line: line_of(parsed, block),
        name: name_of(block),
        is_repeated: ["count", "for_each"].iter().any(|key| block.body.has_attribute(key)),
        document: block.body.get_attribute("policy"),
    }
}

/// The resources of a type with their labels.
fn resources<'b>(body: &'b Body, kind: &'b str) -> impl Iterator<Item = (&'b Block, &'b str)> {
    labelled(body, "resource", kind)
}

/// Blocks with two labels, the first of which is given.
pub(super) fn labelled<'b>(
    body: &'b Body,
    word: &'b str,
    kind: &'b str,
) -> impl Iterator<Item = (&'b Block, &'b str)> {
    body.get_blocks(word).filter_map(move |block| match block.labels.as_slice() {
        [first, second] if first.as_str() == kind => Some((block, second.as_str())),
        _ => None,
    })
}

fn line_of(parsed: &Parsed<'_>, block: &Block) -> u64 {
    parsed.line(block.span().map_or(0, |span| span.start))
}

fn name_of(block: &Block) -> Result<&str, &'static str> {
    match block.body.get_attribute("name") {
        Some(name) => text(&name.value).ok_or("its name is an expression"),
        None if block.body.has_attribute("name_prefix") => {
            Err("it has a `name_prefix`, so its name is not known")
        }
        None => Err("it has no `name`, so its name is not known"),
    }
}

/// A literal string.
pub(super) fn text(expression: &Expression) -> Option<&str> {
    expression.as_str()
}

/// What parentheses or a string of one interpolation hold.
pub(super) fn inner(expression: &Expression) -> &Expression {
    match expression {
        Expression::Parenthesis(parenthesis) => inner(parenthesis.inner()),
        Expression::StringTemplate(template) => {
            let mut elements = template.iter();
            match (elements.next(), elements.next()) {
                (Some(Element::Interpolation(interpolation)), None) => inner(&interpolation.expr),
                _ => expression,
            }
        }
        _ => expression,
    }
}

/// The parts of `TYPE.LABEL.ATTRIBUTE`; an index in between is passed over.
fn reference(expression: &Expression) -> Option<(&str, &str, &str)> {
    let (first, names) = names(expression)?;
    match names.as_slice() {
        [label, attribute] => Some((first, label, attribute)),
        _ => None,
    }
}

/// The label of `data.aws_iam_policy_document.LABEL.json`.
pub(super) fn document_reference(expression: &Expression) -> Option<&str> {
    match names(expression)? {
        ("data", names) => match names.as_slice() {
            ["aws_iam_policy_document", label, "json"] => Some(label),
            _ => None,
        },
        _ => None,
    }
}

fn names(expression: &Expression) -> Option<(&str, Vec<&str>)> {
    let traversal = expression.as_traversal()?;
    let first = traversal.expr.as_variable()?.as_str();
    let mut names = Vec::new();
    for operator in &traversal.operators {
        match operator.value() {
            TraversalOperator::GetAttr(name) => names.push(name.as_str()),
            TraversalOperator::Index(_) | TraversalOperator::LegacyIndex(_) => {}
            _ => return None,
        }
    }
    Some((first, names))
}

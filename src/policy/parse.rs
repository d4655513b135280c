//! JSON to [`Policy`].
//!
//! Tolerant where AWS has been tolerant: documents stored years ago, documents fetched percent-encoded, documents typed by hand.
//! Where a document has no one meaning the reader fails, or marks the statement as not understood; it never guesses.

use std::borrow::Cow;

use super::error::shorten;
use super::json::Node;
use super::{
    ActionElement, Condition, Effect, Policy, PolicyError, PolicyKind, PrincipalElement, PrincipalPattern,
    ResourceElement, Statement, Version,
};

/// The largest policies AWS publishes have some 150 kB; quotas for customers are far below.
const MAX_BYTES: usize = 1 << 20;

/// Parses a policy document.
///
/// Percent-encoded documents, as the IAM list and get calls return them, are decoded once.
///
/// # Errors
///
/// See [`PolicyError`]; each names the place and what was expected there.
pub fn parse(text: &str, kind: PolicyKind) -> Result<Policy, PolicyError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.len() > MAX_BYTES {
        return Err(PolicyError::TooLarge { bytes: text.len(), limit: MAX_BYTES });
    }
    let text = match text.get(..3) {
        Some(start) if start.eq_ignore_ascii_case("%7b") => Cow::Owned(percent_decode(text)?),
        _ => Cow::Borrowed(text),
    };
    Reader::new(kind).policy(&Node::read(&text)?)
}

/// Parses a policy document that is part of a larger JSON value: an object, or a text that holds the document.
///
/// An object that went through a map has lost its duplicate keys; where the text is at hand, [`parse`] it.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_value(value: &serde_json::Value, kind: PolicyKind) -> Result<Policy, PolicyError> {
    match value {
        serde_json::Value::String(text) => parse(text, kind),
        value => Reader::new(kind).policy(&Node::from(value)),
    }
}

fn percent_decode(text: &str) -> Result<String, PolicyError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes().enumerate();
    while let Some((offset, byte)) = rest.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|(_, b)| char::from(b).to_digit(16));
        match (digit(), digit()) {
            (Some(high), Some(low)) => decoded.push((high * 16 + low) as u8),
            _ => return Err(PolicyError::Encoding { offset }),
        }
    }
    String::from_utf8(decoded)
        .map_err(|error| PolicyError::Encoding { offset: error.utf8_error().valid_up_to() })
}

/// A JSON pointer one step longer.
fn below(at: &str, step: impl std::fmt::Display) -> String {
    format!("{at}/{}", step.to_string().replace('~', "~0").replace('/', "~1"))
}

fn unexpected(at: &str, expected: &'static str, found: &Node) -> PolicyError {
    PolicyError::Unexpected { at: at.to_owned(), expected, found: found.describe() }
}

fn object<'n>(node: &'n Node, at: &str, expected: &'static str) -> Result<&'n [(String, Node)], PolicyError> {
    match node {
        Node::Object(members) => Ok(members),
        other => Err(unexpected(at, expected, other)),
    }
}

/// The element `names` lists under that name or under it in another case.
fn known(name: &str, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|known| name.eq_ignore_ascii_case(known))
}

struct Reader {
    kind: PolicyKind,
    lints: Vec<String>,
    unknown: Vec<String>,
}

impl Reader {
    fn new(kind: PolicyKind) -> Self {
        Self { kind, lints: Vec::new(), unknown: Vec::new() }
    }

    fn lint(&mut self, at: &str, message: impl std::fmt::Display) {
        self.lints.push(format!("{at}: {message}"));
    }

    /// Sorts members by element: the canonical name, the node, the node's pointer. Unknown names are noted.
    fn elements<'n>(
        &mut self,
        members: &'n [(String, Node)],
        names: &[&'static str],
        at: &str,
    ) -> Vec<(&'static str, &'n Node, String)> {
        let mut found: Vec<(&'static str, &'n Node, String)> = Vec::new();
        for (name, node) in members {
            let pointer = below(at, name);
            let Some(canonical) = known(name, names) else {
                self.lint(&pointer, "IAM defines no such element");
                self.unknown.push(pointer);
                continue;
            };
            if name != canonical {
                self.lint(&pointer, format_args!("the element is spelled `{canonical}`"));
            }
            if found.iter().any(|(other, ..)| *other == canonical) {
                self.lint(&pointer, format_args!("`{canonical}` stands here more than once"));
            }
            found.push((canonical, node, pointer));
        }
        found
    }

    fn policy(mut self, node: &Node) -> Result<Policy, PolicyError> {
        let members = object(node, "", "a policy object")?;
        let (mut version, mut id, mut statements) = (None, None, None);
        for (name, node, at) in self.elements(members, &["Version", "Id", "Statement"], "") {
            match name {
                "Version" => version = Some(Self::version(node, &at)?),
                "Id" => match node {
                    Node::Text(text) => id = Some(text.clone()),
                    other => return Err(unexpected(&at, "a string", other)),
                },
                _ => {
                    if statements.is_some() {
                        // AWS does not say which of several `Statement` elements count.
                        self.unknown.push(at.clone());
                    }
                    let read = self.statements(node, &at)?;
                    statements.get_or_insert_with(Vec::new).extend(read);
                }
            }
        }
        let statements =
            statements.ok_or_else(|| PolicyError::Missing { at: String::new(), member: "Statement" })?;
        Ok(Policy {
            version: version.unwrap_or_default(),
            version_written: version.is_some(),
            id,
            statements,
            unknown: self.unknown,
            lints: self.lints,
        })
    }

    fn version(node: &Node, at: &str) -> Result<Version, PolicyError> {
        match node {
            Node::Text(text) if text == "2012-10-17" => Ok(Version::V2012),
            Node::Text(text) if text == "2008-10-17" => Ok(Version::V2008),
            other => Err(unexpected(at, "`2012-10-17` or `2008-10-17`", other)),
        }
    }

    fn statements(&mut self, node: &Node, at: &str) -> Result<Vec<Statement>, PolicyError> {
        match node {
            Node::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.statement(item, &below(at, index)))
                .collect(),
            Node::Object(_) => Ok(vec![self.statement(node, at)?]),
            other => Err(unexpected(at, "a statement or a list of statements", other)),
        }
    }

    fn statement(&mut self, node: &Node, at: &str) -> Result<Statement, PolicyError> {
        const NAMES: &[&str] = &[
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        let members = object(node, at, "a statement object")?;
        let n_unknown = self.unknown.len();
        let (mut sid, mut effect) = (None, None);
        let (mut actions, mut not_actions, mut resources, mut not_resources) = (None, None, None, None);
        let (mut principals, mut not_principals) = (None, None);
        let mut conditions = None;
        for (name, node, at) in self.elements(members, NAMES, at) {
            let again = match name {
                "Principal" => principals.is_some(),
                "NotPrincipal" => not_principals.is_some(),
                "Condition" => conditions.is_some(),
                _ => false,
            };
            if again {
                // AWS says what several `Effect`, `Action` or `Resource` mean, and nothing of these.
                self.unknown.push(at.clone());
            }
            match name {
                "Sid" => match node {
                    Node::Text(text) => sid = Some(text.clone()),
                    other => return Err(unexpected(&at, "a string", other)),
                },
                // Of several, the last counts: so IAM treats documents stored before it refused them.
                "Effect" => effect = Some(Self::effect(node, &at)?),
                "Action" => self.patterns(&mut actions, node, &at)?,
                "NotAction" => self.patterns(&mut not_actions, node, &at)?,
                "Resource" => self.patterns(&mut resources, node, &at)?,
                "NotResource" => self.patterns(&mut not_resources, node, &at)?,
                "Principal" => self.principals(&mut principals, node, &at)?,
                "NotPrincipal" => self.principals(&mut not_principals, node, &at)?,
                _ => self.conditions(conditions.get_or_insert_default(), node, &at)?,
            }
        }
        let missing = |member| PolicyError::Missing { at: at.to_owned(), member };
        let both = |first, second| PolicyError::Both { at: at.to_owned(), first, second };
        let effect = effect.ok_or_else(|| missing("Effect"))?;
        let action = match (actions, not_actions) {
            (Some(only), None) => ActionElement::Only(only),
            (None, Some(except)) => ActionElement::Except(except),
            (Some(_), Some(_)) => return Err(both("Action", "NotAction")),
            (None, None) => return Err(missing("Action")),
        };
        let resource = match (resources, not_resources) {
            (Some(only), None) => Some(ResourceElement::Only(only)),
            (None, Some(except)) => Some(ResourceElement::Except(except)),
            (Some(_), Some(_)) => return Err(both("Resource", "NotResource")),
            (None, None) => None,
        };
        let principal = match (principals, not_principals) {
            (Some(only), None) => Some(PrincipalElement::Only(only)),
            (None, Some(except)) => Some(PrincipalElement::Except(except)),
            (Some(_), Some(_)) => return Err(both("Principal", "NotPrincipal")),
            (None, None) => None,
        };
        if resource.is_none() && !matches!(self.kind, PolicyKind::Trust | PolicyKind::Resource) {
            return Err(missing("Resource"));
        }
        if let Some(kind) = self.without_principals() {
            if let Some(element) = &principal {
                let member = match element {
                    PrincipalElement::Only(_) => "Principal",
                    PrincipalElement::Except(_) => "NotPrincipal",
                };
                return Err(PolicyError::Forbidden { at: at.to_owned(), member, kind });
            }
        } else if principal.is_none() {
            if self.kind != PolicyKind::VpcEndpoint {
                return Err(missing("Principal"));
            }
            self.lint(at, "`Principal` is missing, which is read as everyone");
        }
        let conditions = conditions.unwrap_or_default();
        let has_unknown = self.unknown.len() > n_unknown;
        Ok(Statement { sid, effect, principal, action, resource, conditions, has_unknown })
    }

    /// The kind in words, when its policies cannot name principals: they hold for whoever they are attached to.
    fn without_principals(&self) -> Option<&'static str> {
        match self.kind {
            PolicyKind::Identity => Some("identity-based policy"),
            PolicyKind::Boundary => Some("permissions boundary"),
            PolicyKind::Session => Some("session policy"),
            PolicyKind::Scp => Some("service control policy"),
            PolicyKind::Trust | PolicyKind::Resource | PolicyKind::Rcp | PolicyKind::VpcEndpoint => None,
        }
    }

    /// `Effect` is compared with case: a misspelled `deny` must not become an allow, nor the other way round.
    fn effect(node: &Node, at: &str) -> Result<Effect, PolicyError> {
        match node {
            Node::Text(text) if text == "Allow" => Ok(Effect::Allow),
            Node::Text(text) if text == "Deny" => Ok(Effect::Deny),
            other => Err(unexpected(at, "`Allow` or `Deny`", other)),
        }
    }

    /// Adds one scalar or a list of them to `into`; several elements of one name are merged.
    fn patterns(&mut self, into: &mut Option<Vec<String>>, node: &Node, at: &str) -> Result<(), PolicyError> {
        let texts = self.scalars(node, at, "a string or a list of strings")?;
        into.get_or_insert_default().extend(texts);
        Ok(())
    }

    fn scalars(&mut self, node: &Node, at: &str, expected: &'static str) -> Result<Vec<String>, PolicyError> {
        let mut texts = Vec::new();
        match node {
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let at = below(at, index);
                    if *item == Node::Null {
                        // AWS has stored such lists; what it makes of the gap is not documented.
                        self.lint(&at, "null stands for no value");
                        self.unknown.push(at);
                        continue;
                    }
                    texts.push(item.scalar().ok_or_else(|| unexpected(&at, expected, item))?);
                }
                if items.is_empty() {
                    self.lint(at, "the list is empty: nothing matches it");
                }
            }
            scalar => texts.push(scalar.scalar().ok_or_else(|| unexpected(at, expected, scalar))?),
        }
        for text in &texts {
            self.characters(text, at);
        }
        Ok(texts)
    }

    /// IAM takes tab, line feed, carriage return and U+0020 to U+00FF.
    fn characters(&mut self, text: &str, at: &str) {
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}');
        if !text.chars().all(allowed) {
            self.lint(at, format_args!("`{}` has characters IAM does not take", shorten(text)));
        }
    }

    fn principals(
        &mut self,
        into: &mut Option<Vec<PrincipalPattern>>,
        node: &Node,
        at: &str,
    ) -> Result<(), PolicyError> {
        const EXPECTED: &str = "`*` or an object of principals by type";
        let into = into.get_or_insert_default();
        let members = match node {
            Node::Text(text) if text == "*" => {
                into.push(PrincipalPattern::Everyone { written_as_aws: false });
                return Ok(());
            }
            Node::Object(members) => members,
            other => return Err(unexpected(at, EXPECTED, other)),
        };
        if members.is_empty() {
            self.lint(at, "no principal is named: nobody matches");
        }
        for (name, node, at) in self.elements(members, &["AWS", "Service", "Federated", "CanonicalUser"], at)
        {
            let texts = self.scalars(node, &at, "a string or a list of strings")?;
            into.extend(texts.into_iter().map(|text| match name {
                "AWS" if text == "*" => PrincipalPattern::Everyone { written_as_aws: true },
                "AWS" => PrincipalPattern::Aws(text),
                "Service" => PrincipalPattern::Service(text),
                "Federated" => PrincipalPattern::Federated(text),
                _ => PrincipalPattern::CanonicalUser(text),
            }));
        }
        Ok(())
    }

    fn conditions(&mut self, into: &mut Vec<Condition>, node: &Node, at: &str) -> Result<(), PolicyError> {
        for (operator, keys) in object(node, at, "an object of operators")? {
            let at = below(at, operator);
            let keys = object(keys, &at, "an object of condition keys")?;
            for (key, values) in keys {
                let at = below(&at, key);
                let values = self.scalars(values, &at, "a value or a list of values")?;
                let twin = |seen: &&Condition| {
                    seen.operator.eq_ignore_ascii_case(operator) && seen.key.eq_ignore_ascii_case(key)
                };
                match into.iter().find(twin) {
                    // Literally the same key: AWS does not say what counts, so nobody may conclude anything.
                    Some(seen) if seen.operator == *operator && seen.key == *key => {
                        self.lint(&at, "the key stands under this operator more than once");
                        self.unknown.push(at);
                    }
                    Some(_) => self.lint(&at, "the key stands here in two spellings: both must hold"),
                    None => {}
                }
                into.push(Condition { operator: operator.clone(), key: key.clone(), values });
            }
        }
        Ok(())
    }
}

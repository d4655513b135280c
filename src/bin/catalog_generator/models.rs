//! botocore's models of the services: their operations, and what an operation's input looks like.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Result, members, text_of};

/// Structures in structures looked into; some shapes hold themselves.
const DEEPEST: usize = 10;

/// One public API operation.
pub(super) struct Operation {
    /// The IAM prefix of its service.
    pub(super) prefix: String,
    pub(super) name: String,
    /// The protocol its service speaks: `query`, `json`, `rest-json`, `ec2`, …
    pub(super) protocol: String,
    /// The members of its input.
    pub(super) members: Vec<Member>,
    /// The texts anywhere in its input.
    pub(super) leaves: Vec<Leaf>,
}

/// A member at the top of an input that is a text, or a list of texts.
pub(super) struct Member {
    pub(super) name: String,
    /// The name of the text's shape, such as `ClusterName`.
    pub(super) shape: String,
    /// In the path of the request, what stands before it: `clusters` in `/clusters/{name}`.
    pub(super) segment: Option<String>,
}

/// A text in an input.
#[derive(Clone)]
pub(super) struct Leaf {
    /// The member around it; empty at the top.
    pub(super) parent: String,
    pub(super) name: String,
    pub(super) shape: String,
    /// The shape's pattern; empty when it has none.
    pub(super) pattern: String,
}

/// Every public API operation, of each client's newest version.
pub(super) fn operations(
    files: &BTreeMap<String, Vec<u8>>,
    clients: &BTreeMap<String, String>,
) -> Result<Vec<Operation>> {
    let mut newest: BTreeMap<&str, (&str, &[u8])> = BTreeMap::new();
    for (path, bytes) in files {
        let mut parts = path.rsplit('/').skip(1);
        let (Some(version), Some(client)) = (parts.next(), parts.next()) else { continue };
        let entry = newest.entry(client).or_insert((version, bytes));
        if version > entry.0 {
            *entry = (version, bytes);
        }
    }
    let mut found = Vec::new();
    for (client, (_, bytes)) in newest {
        let prefix = clients.get(client).map_or(client, String::as_str);
        let model: Value = serde_json::from_slice(bytes)?;
        let shapes = Shapes(model.get("shapes").unwrap_or(&Value::Null));
        let protocol = text_of(model.get("metadata").unwrap_or(&Value::Null), "protocol")?;
        for (name, operation) in model.get("operations").into_iter().flat_map(members) {
            let input = operation.get("input").and_then(|input| input.get("shape")).and_then(Value::as_str);
            let uri = operation.pointer("/http/requestUri").and_then(Value::as_str).unwrap_or_default();
            let mut leaves = Vec::new();
            if let Some(input) = input {
                shapes.leaves(input, "", &mut Vec::new(), &mut leaves);
            }
            found.push(Operation {
                prefix: prefix.to_owned(),
                name: name.clone(),
                protocol: protocol.clone(),
                members: input.map(|input| shapes.members(input, uri)).unwrap_or_default(),
                leaves,
            });
        }
    }
    Ok(found)
}

/// The shapes of one model.
struct Shapes<'m>(&'m Value);

impl<'m> Shapes<'m> {
    fn shape(&self, name: &str) -> &'m Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    /// The name of the shape a member, or a list's element, has.
    fn of(reference: Option<&'m Value>) -> &'m str {
        reference.and_then(|reference| reference.get("shape")).and_then(Value::as_str).unwrap_or_default()
    }

    fn kind(&self, name: &str) -> &'m str {
        self.shape(name).get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// The shape of the texts a shape holds: itself, or its elements'.
    fn text(&self, name: &'m str) -> Option<&'m str> {
        match self.kind(name) {
            "string" => Some(name),
            "list" => {
                let element = Self::of(self.shape(name).get("member"));
                (self.kind(element) == "string").then_some(element)
            }
            _ => None,
        }
    }

    fn members(&self, input: &str, uri: &str) -> Vec<Member> {
        let path = uri.split('?').next().unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        let before = |label: &str| {
            let at = segments.iter().position(|segment| {
                segment.trim_matches(['{', '}']).trim_end_matches('+') == label && segment.starts_with('{')
            })?;
            let literal = segments.get(at.checked_sub(1)?)?;
            (!literal.is_empty() && !literal.starts_with('{')).then(|| (*literal).to_owned())
        };
        let of_input = self.shape(input).get("members").into_iter().flat_map(members);
        of_input
            .filter_map(|(name, member)| {
                let shape = self.text(Self::of(Some(member)))?;
                let in_path = member.get("location").and_then(Value::as_str) == Some("uri");
                let label = member.get("locationName").and_then(Value::as_str).unwrap_or(name);
                let segment = in_path.then(|| before(label)).flatten();
                Some(Member { name: name.clone(), shape: shape.to_owned(), segment })
            })
            .collect()
    }

    /// All texts a structure holds. What a map holds is the caller's own, and no parameter of the operation.
    fn leaves(&self, name: &'m str, parent: &str, open: &mut Vec<&'m str>, leaves: &mut Vec<Leaf>) {
        if open.len() > DEEPEST || open.contains(&name) {
            return;
        }
        open.push(name);
        for (member, reference) in self.shape(name).get("members").into_iter().flat_map(members) {
            let mut shape = Self::of(Some(reference));
            // Lists, and maps of structures, carry the member's name.
            while let Some(element) = match self.kind(shape) {
                "list" => Some(Self::of(self.shape(shape).get("member"))),
                "map" => Some(Self::of(self.shape(shape).get("value")))
                    .filter(|value| self.kind(value) == "structure"),
                _ => None,
            } {
                shape = element;
            }
            let is_closed = self.shape(shape).get("enum").is_some();
            match self.kind(shape) {
                "structure" => self.leaves(shape, member, open, leaves),
                "string" if !is_closed => leaves.push(Leaf {
                    parent: parent.to_owned(),
                    name: member.clone(),
                    shape: shape.to_owned(),
                    pattern: self
                        .shape(shape)
                        .get("pattern")
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned(),
                }),
                _ => {}
            }
        }
        open.pop();
    }
}

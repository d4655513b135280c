//! A borrowed view of a JSON value on simd-json's tape.
//!
//! The one way the program looks at record JSON, so that a faster reader can take its place without touching callers.

use simd_json::{Node, StaticNode};

/// A JSON value: a slice of the tape whose first node is the value itself.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a>(&'a [Node<'a>]);

/// Why a text is not JSON.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not valid JSON: {0}")]
pub struct JsonError(pub String);

/// Parses `text` and hands the value to `see`. For tests and small inputs; ingest reuses its buffers instead.
pub fn with_json<T>(text: &str, see: impl FnOnce(Json<'_>) -> T) -> Result<T, JsonError> {
    let mut bytes = text.as_bytes().to_vec();
    let tape = simd_json::to_tape(&mut bytes).map_err(|error| JsonError(error.to_string()))?;
    Ok(see(Json::from_nodes(&tape.0)))
}

impl<'a> Json<'a> {
    /// What an absent value looks like: `null`.
    pub const NULL: Json<'static> = Json(&[]);

    /// The value that starts at the first of `nodes`.
    pub fn from_nodes(nodes: &'a [Node<'a>]) -> Self {
        Self(nodes)
    }

    /// Number of tape nodes the value at the head of `nodes` takes.
    fn width(nodes: &[Node<'_>]) -> usize {
        match nodes.first() {
            Some(Node::Object { count, .. } | Node::Array { count, .. }) => count + 1,
            Some(_) => 1,
            None => 0,
        }
    }

    /// `null` or absent.
    pub fn is_null(self) -> bool {
        matches!(self.0.first(), None | Some(Node::Static(StaticNode::Null)))
    }

    /// A string's text.
    pub fn as_str(self) -> Option<&'a str> {
        match self.0.first() {
            Some(Node::String(text)) => Some(text),
            _ => None,
        }
    }

    /// A string's text when it is not empty.
    pub fn text(self) -> Option<&'a str> {
        self.as_str().filter(|text| !text.is_empty())
    }

    /// A boolean, or the strings `"true"` and `"false"`, which CloudTrail uses inside `userIdentity`.
    pub fn as_bool(self) -> Option<bool> {
        match self.0.first() {
            Some(Node::Static(StaticNode::Bool(value))) => Some(*value),
            Some(Node::String("true")) => Some(true),
            Some(Node::String("false")) => Some(false),
            _ => None,
        }
    }

    /// An integer.
    pub fn as_i64(self) -> Option<i64> {
        match self.0.first() {
            Some(Node::Static(StaticNode::I64(value))) => Some(*value),
            Some(Node::Static(StaticNode::U64(value))) => i64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Any number, as a float.
    pub fn as_f64(self) -> Option<f64> {
        match self.0.first() {
            Some(Node::Static(StaticNode::F64(value))) => Some(*value),
            #[expect(clippy::cast_precision_loss, reason = "the caller asked for a float")]
            _ => self.as_i64().map(|value| value as f64),
        }
    }

    /// Whether this is an object.
    pub fn is_object(self) -> bool {
        matches!(self.0.first(), Some(Node::Object { .. }))
    }

    /// Whether this is an array.
    pub fn is_array(self) -> bool {
        matches!(self.0.first(), Some(Node::Array { .. }))
    }

    /// The member called `key` of an object; [`Json::NULL`] when there is none or this is no object.
    #[must_use]
    pub fn get(self, key: &str) -> Json<'a> {
        self.members().find(|(name, _)| *name == key).map_or(Json::NULL, |(_, value)| value)
    }

    /// Like [`Json::get`], comparing the key without ASCII case.
    #[must_use]
    pub fn get_ignore_case(self, key: &str) -> Json<'a> {
        self.members().find(|(name, _)| name.eq_ignore_ascii_case(key)).map_or(Json::NULL, |(_, value)| value)
    }

    /// The value at the end of a path of keys.
    #[must_use]
    pub fn at(self, path: &[&str]) -> Json<'a> {
        path.iter().fold(self, |value, key| value.get(key))
    }

    /// Keys and values of an object in the order written; nothing for other values.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Json<'a>)> {
        let (mut left, mut rest) = match self.0.split_first() {
            Some((Node::Object { len, .. }, rest)) => (*len, rest),
            _ => (0, Default::default()),
        };
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let (Node::String(key), tail) = rest.split_first()? else { return None };
            let (value, tail) = tail.split_at_checked(Self::width(tail))?;
            rest = tail;
            Some((*key, Json(value)))
        })
    }

    /// The elements of an array; nothing for other values.
    pub fn elements(self) -> impl Iterator<Item = Json<'a>> {
        let (mut left, mut rest) = match self.0.split_first() {
            Some((Node::Array { len, .. }, rest)) => (*len, rest),
            _ => (0, Default::default()),
        };
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let (value, tail) = rest.split_at_checked(Self::width(rest))?;
            rest = tail;
            Some(Json(value))
        })
    }

    /// Appends the value in a form in which different values differ: for comparing and hashing whole values at once.
    pub fn write_to(self, into: &mut Vec<u8>) {
        for node in self.0.iter().take(Self::width(self.0)) {
            let (tag, word, text) = match node {
                Node::String(text) => (0, text.len() as u64, *text),
                Node::Object { len, .. } => (1, *len as u64, ""),
                Node::Array { len, .. } => (2, *len as u64, ""),
                Node::Static(StaticNode::Null) => (3, 0, ""),
                Node::Static(StaticNode::Bool(value)) => (4, u64::from(*value), ""),
                Node::Static(StaticNode::I64(value)) => (5, value.cast_unsigned(), ""),
                Node::Static(StaticNode::U64(value)) => (6, *value, ""),
                Node::Static(StaticNode::F64(value)) => (7, value.to_bits(), ""),
            };
            into.push(tag);
            into.extend_from_slice(&word.to_le_bytes());
            into.extend_from_slice(text.as_bytes());
        }
        into.push(u8::MAX);
    }

    /// Every string anywhere inside, with the key it stands under (array elements carry the array's key).
    ///
    /// Iterative: the depth of the JSON does not matter.
    pub fn strings(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        // Frames of open containers: how many values are left, the array's key, whether keys precede values.
        let mut frames: Vec<(usize, &'a str, bool)> = vec![(1, "", false)];
        let mut rest = self.0;
        std::iter::from_fn(move || {
            loop {
                let (left, name, keyed) = frames.last_mut()?;
                if *left == 0 {
                    frames.pop();
                    continue;
                }
                *left -= 1;
                let mut key = *name;
                if *keyed {
                    let (Node::String(name), tail) = rest.split_first()? else { return None };
                    key = name;
                    rest = tail;
                }
                let (node, tail) = rest.split_first()?;
                rest = tail;
                match node {
                    Node::String(text) => return Some((key, *text)),
                    Node::Object { len, .. } => frames.push((*len, key, true)),
                    Node::Array { len, .. } => frames.push((*len, key, false)),
                    Node::Static(_) => {}
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_reached_by_key_and_order() {
        let text = r#"{"a":{"b":[1,{"c":"x"},["y","z"]],"d":"true"},"e":null,"f":-2,"g":1.5}"#;
        with_json(text, |json| {
            assert_eq!(json.at(&["a", "d"]).as_bool(), Some(true));
            assert!(json.get("e").is_null() && json.get("nope").is_null());
            assert_eq!(json.get("f").as_i64(), Some(-2));
            assert_eq!(json.get("g").as_f64(), Some(1.5));
            assert_eq!(json.at(&["a", "b"]).elements().count(), 3);
            assert_eq!(json.members().map(|(k, _)| k).collect::<Vec<_>>(), ["a", "e", "f", "g"]);
            let strings: Vec<_> = json.strings().collect();
            assert_eq!(strings, [("c", "x"), ("b", "y"), ("b", "z"), ("d", "true")]);
        })
        .unwrap();
        assert!(with_json("{", |_| ()).is_err());
    }
}

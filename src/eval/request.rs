//! What is asked: context keys and their values.

use std::collections::BTreeMap;

use super::principal::Principal;

/// What is known of one context key.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ContextValue {
    /// The request has the key, with one value.
    One(String),
    /// The request has the key, and the key holds a list (`aws:TagKeys`, `aws:PrincipalOrgPaths`, …).
    Many(Vec<String>),
    /// The request does not have the key.
    Absent,
    /// Whether the request has the key, or with which value, is not known.
    Unknown,
}

/// The request context: condition keys, compared without case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Context {
    keys: BTreeMap<String, ContextValue>,
    otherwise: ContextValue,
}

impl Context {
    /// A context of which nothing is known but what is set: what a log entry gives.
    pub fn open() -> Self {
        Self { keys: BTreeMap::new(), otherwise: ContextValue::Unknown }
    }

    /// A context that has the keys that are set and no others: what a test or a simulation gives.
    pub fn closed() -> Self {
        Self { keys: BTreeMap::new(), otherwise: ContextValue::Absent }
    }

    /// Sets a key; the last one set counts.
    pub fn set(&mut self, key: &str, value: ContextValue) {
        self.keys.insert(key.to_lowercase(), value);
    }

    /// This context with a key of one value.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, ContextValue::One(value.to_owned()));
        self
    }

    /// This context with a key that is not there.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.set(key, ContextValue::Absent);
        self
    }

    /// What is known of a key.
    pub fn value(&self, key: &str) -> &ContextValue {
        self.keys.get(&key.to_lowercase()).unwrap_or(&self.otherwise)
    }

    /// Whether anything was said about a key.
    pub fn mentions(&self, key: &str) -> bool {
        self.keys.contains_key(&key.to_lowercase())
    }
}

/// What a request is about.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum RequestResource {
    /// One ARN.
    Arn(String),
    /// Some ARN of this form: `*` and `?` stand for what is not known.
    Pattern(String),
    /// The action takes no resource; policies must say `*`.
    None,
    /// Not known.
    Unknown,
}

/// One request: an action on one resource. A call on several resources is several requests, all of which must be allowed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// Who asks.
    pub principal: Principal,
    /// `service:Name`, compared without case.
    pub action: String,
    /// What about.
    pub resource: RequestResource,
    /// The account the resource belongs to; `None` when not known.
    pub resource_account: Option<String>,
    /// Condition keys.
    pub context: Context,
}

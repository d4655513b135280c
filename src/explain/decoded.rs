//! What `sts:DecodeAuthorizationMessage` tells of a refusal whose message is encoded.

use std::collections::BTreeSet;

use serde_json::Value;

use super::refusal::{Asker, named_resource, resource_name};
use super::{Refusal, refusal};
use crate::eval::{Context, ContextValue, Principal, RequestResource};
use crate::ident::{Action, Time, role_arn_from_session};
use crate::record::Denial;

/// Condition keys and statements taken from one message.
const MOST: usize = 200;

/// A decoded message: who asked for what, under which conditions, and whether a statement denied it. It names no kind of policy.
///
/// See: <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decoded {
    is_explicit: bool,
    principal: Option<String>,
    action: String,
    resource: Option<String>,
    conditions: Vec<(String, Vec<String>)>,
    /// Sids of the statements that denied; a statement without one is `a statement without a Sid`.
    denying: Vec<String>,
}

/// Why a text is no decoded message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodedError {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// It is JSON of another kind.
    #[error("it has no `context.action`: is it what `aws sts decode-authorization-message` printed?")]
    NotAMessage,
    /// The message says that the call was allowed.
    #[error("by it the call was allowed")]
    Allowed,
}

impl Decoded {
    /// Reads what the AWS CLI prints (`{"DecodedMessage": "…"}`), or the message in it.
    ///
    /// # Errors
    ///
    /// See [`DecodedError`].
    pub fn parse(text: &str) -> Result<Self, DecodedError> {
        let json = |text: &str| {
            serde_json::from_str::<Value>(text).map_err(|error| DecodedError::NotJson(error.to_string()))
        };
        let mut message = json(text)?;
        if let Some(inner) = message.get("DecodedMessage").and_then(Value::as_str) {
            message = json(inner)?;
        }
        let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str).map(refusal::kept);
        let action = text("/context/action").filter(|action| action.parse::<Action>().is_ok());
        let action = action.ok_or(DecodedError::NotAMessage)?;
        if message.get("allowed") == Some(&Value::Bool(true)) {
            return Err(DecodedError::Allowed);
        }
        let conditions = items(message.pointer("/context/conditions")).filter_map(|one| {
            let values = items(one.get("values")).filter_map(|value| value.get("value")?.as_str());
            Some((refusal::kept(one.get("key")?.as_str()?), values.map(refusal::kept).collect()))
        });
        let denying = items(message.get("matchedStatements")).filter_map(|one| {
            let denies = one.get("effect")?.as_str()?.eq_ignore_ascii_case("deny");
            let sid = one.get("statementId").and_then(Value::as_str).filter(|sid| !sid.is_empty());
            denies.then(|| match sid {
                Some(sid) => format!("`{}`", refusal::kept(sid)),
                None => "a statement without a Sid".to_owned(),
            })
        });
        Ok(Self {
            is_explicit: message.get("explicitDeny") == Some(&Value::Bool(true)),
            principal: text("/context/principal/arn"),
            resource: text("/context/resource"),
            conditions: conditions.collect(),
            denying: denying.collect(),
            action,
        })
    }

    /// The action refused.
    pub fn action(&self) -> &str {
        &self.action
    }
}

/// The encoded message in the text of an error, or the text itself when it is nothing else.
pub fn encoded_message(text: &str) -> Option<&str> {
    // What an encoded message is made of; texts of fewer characters are words.
    const FEWEST: usize = 40;
    let is_message = |text: &&str| {
        text.len() >= FEWEST
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=+/".contains(&byte))
    };
    Denial::encoded_part(text).or(Some(text.trim())).filter(is_message)
}

/// AWS writes a list as `{"items": […]}`.
fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let list = value.and_then(|value| value.get("items")).and_then(Value::as_array);
    list.into_iter().flatten().take(MOST)
}

impl Refusal {
    /// Whether a decoded message may be this refusal's: its own is encoded, and the action is the same.
    pub fn may_say(&self, decoded: &Decoded) -> bool {
        let same = |action: &String| action.eq_ignore_ascii_case(&decoded.action);
        self.denial.encoded
            && (self.action.as_ref().is_some_and(same) || self.others.iter().any(|(action, _)| same(action)))
    }

    /// The refusal with what its message told when it was decoded.
    #[must_use]
    pub fn with(mut self, decoded: &Decoded) -> Self {
        self.denial.explicit |= decoded.is_explicit;
        // Nothing is left to decode.
        self.denial.encoded = false;
        self.action = Some(decoded.action.clone());
        if let Some(resource) = &decoded.resource {
            self.resource = named_resource(resource);
            self.resources = resource_name(&self.resource).into_iter().collect();
        }
        self.others.clear();
        for (key, values) in &decoded.conditions {
            let value = match values.as_slice() {
                [one] => ContextValue::One(one.clone()),
                many => ContextValue::Many(many.to_vec()),
            };
            self.context.set(key, value);
        }
        self.denied_by.clone_from(&decoded.denying);
        self
    }

    /// A refusal of which nothing but the decoded message is at hand.
    pub fn of_decoded(decoded: &Decoded) -> Self {
        let principal = decoded.principal.as_deref();
        let asker = match principal.and_then(|arn| Some((arn, Principal::from_arn(arn)?))) {
            Some((arn, principal)) => {
                let policies = role_arn_from_session(arn).unwrap_or_else(|| arn.to_owned());
                Asker::Aws { principal, policies }
            }
            None => Asker::Unnamed,
        };
        let mut context = Context::open();
        if let Asker::Aws { policies, .. } = &asker {
            context.set("aws:PrincipalArn", ContextValue::One(policies.clone()));
        }
        let (service, name) = decoded.action.split_once(':').unwrap_or_default();
        let bare = Self {
            id: String::new(),
            time: Time::from_unix(0),
            last: Time::from_unix(0),
            ids: BTreeSet::new(),
            resources: BTreeSet::new(),
            source: format!("{service}.amazonaws.com"),
            name: name.to_owned(),
            region: String::new(),
            error_code: None,
            error_message: None,
            denial: Denial::parse("", None, name),
            asker,
            account: None,
            action: None,
            resource: RequestResource::Unknown,
            others: Vec::new(),
            context,
            role: None,
            cluster: None,
            encoded: None,
            key_id: None,
            passed: None,
            is_blob_cut: false,
            denied_by: Vec::new(),
        };
        bare.with(decoded)
    }
}

//! An explanation as plain data; what `leastwise explain --format json` prints.

use schemars::JsonSchema;
use serde::Serialize;

/// What is said of the call.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was, or would be, refused.
    Denied,
    /// Nothing in the snapshot refuses it.
    Allowed,
    /// It depends on something that neither the log nor the snapshot tells.
    Unknown,
}

/// Whether the log and the snapshot say the same.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// They do.
    Agree,
    /// They do not: most often the policies have changed since the call.
    Differ,
    /// One of them does not tell.
    OneWitness,
}

/// Why a call is refused, and what would change that.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(title = "leastwise explanation, version 1")]
pub struct Explanation {
    /// See [`Verdict`].
    pub verdict: Verdict,
    /// Which layer refuses: `identity | boundary | scp | rcp | session | resource | trust | vpc-endpoint | identity-provider | unknown`. The log's
    /// word where it names one, else the snapshot's; `none` when nothing refuses.
    pub layer: String,
    /// A statement denies; otherwise an allow is missing.
    pub explicit: bool,
    /// The IAM action refused.
    pub action: Option<String>,
    /// On what.
    pub resource: Option<String>,
    /// Who asked: the role or user whose permissions count, or the subject of a token.
    pub principal: Option<String>,
    /// The reason as a word: `explicit-deny | no-allow | guardrail | condition | subject | audience | issuer | provider-missing | principal |
    /// no-statement | role-missing | role-not-in-snapshot | account-not-in-snapshot | audience-not-registered | token-expired | credentials-expired |
    /// token-refused | session-too-long | no-association | account-setting | admitted | not-told`.
    pub cause: String,
    /// The reason as a sentence.
    pub reason: String,
    /// ARN of the policy that denies, where AWS names it.
    pub policy: Option<String>,
    /// The statement that denies, or the one that comes nearest to allowing.
    pub statement: Option<Place>,
    /// What no statement says, as the statement that would say it; `null` when nothing is missing or it is not known.
    pub missing: Option<serde_json::Value>,
    /// Elements of `statement` (`Principal`, `Action`, `Resource`) that do not fit the request.
    pub mismatches: Vec<Mismatch>,
    /// Conditions of `statement` that do not hold.
    pub failed_conditions: Vec<Condition>,
    /// The smallest change found that would allow the call; `null` when none is known or needed.
    pub suggestion: Option<Suggestion>,
    /// The event, when the question came from a log.
    pub event: Option<EventShown>,
    /// What the log says; `null` when there is none.
    pub log: Option<Witness>,
    /// What the snapshot says; `null` when it does not reach that far.
    pub snapshot: Option<Witness>,
    /// See [`Agreement`].
    pub agreement: Agreement,
    /// What else a reader should know, each a sentence.
    pub notes: Vec<String>,
}

/// A refused call, and those that were refused just the same.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
pub struct EventShown {
    /// `eventID` of the earliest.
    pub id: String,
    /// `eventTime` of the earliest, RFC 3339.
    pub time: String,
    /// `eventTime` of the latest.
    pub last: String,
    /// `eventSource`.
    pub source: String,
    /// `eventName`.
    pub name: String,
    /// `awsRegion`.
    pub region: String,
    /// `errorCode`.
    pub error_code: Option<String>,
    /// `errorMessage`: one line, shortened, without blobs.
    pub error_message: Option<String>,
    /// Calls refused alike: same principal, action, layer and event.
    pub calls: u64,
    /// How many different resources these were about.
    pub resources: u64,
}

/// What one side says.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
pub struct Witness {
    /// A layer as in [`Explanation::layer`].
    pub layer: String,
    /// `allowed | denied | unknown`.
    pub verdict: Verdict,
    /// A statement denies.
    pub explicit: bool,
}

/// A statement and where it stands.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
pub struct Place {
    /// `denies`, `allows` or `nearest`: the one that comes nearest to allowing.
    pub part: String,
    /// The policy's name, or `trust policy of NAME`.
    pub policy: String,
    /// The ARN of a managed policy.
    pub policy_arn: Option<String>,
    /// The file it was read from.
    pub file: String,
    /// JSON pointer in that file.
    pub at: String,
    /// Number of the statement in its document, from 0.
    pub index: usize,
    /// `Sid`.
    pub sid: Option<String>,
    /// The statement.
    pub document: serde_json::Value,
}

/// An element of a statement that does not fit.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
pub struct Mismatch {
    /// `Principal`, `NotPrincipal`, `Action`, `NotAction`, `Resource` or `NotResource`.
    pub element: String,
    /// What the statement says; at most twenty values.
    pub expected: Vec<String>,
    /// What the request has; `null` when that is not known.
    pub actual: Option<String>,
    /// See [`Nearest`].
    pub nearest: Option<Nearest>,
}

/// A condition that does not hold.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
pub struct Condition {
    /// As written.
    pub operator: String,
    /// As written.
    pub key: String,
    /// What the statement says; at most twenty values.
    pub expected: Vec<String>,
    /// What the request has: one value, several, or none.
    pub actual: Vec<String>,
    /// `present`, `absent` or `unknown`: whether the request has the key.
    pub state: String,
    /// See [`Nearest`].
    pub nearest: Option<Nearest>,
}

/// The expected value that comes nearest to the actual one, and how they differ.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
pub struct Nearest {
    /// The expected value.
    pub value: String,
    /// `case | one-letter | few-letters | namespace | service-account | literal-wildcard | issuer | provider-account | repository | ref |
    /// immutable-subject | account | path`.
    pub difference: String,
    /// The difference as half a sentence.
    pub detail: String,
}

/// A change that would allow the call. Always a proposal: that the call was refused may be just what was meant.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
pub struct Suggestion {
    /// Always true.
    pub is_proposal: bool,
    /// What to change, as a sentence.
    pub change: String,
    /// `identity-policy | boundary | trust-policy | resource-policy | request | annotation | identity-provider | guardrail | account`.
    pub target: String,
    /// ARN of the role, user or policy to change, when known.
    pub arn: Option<String>,
    /// The file that holds the text to change, when known.
    pub file: Option<String>,
    /// JSON pointer or line in it.
    pub at: Option<String>,
    /// The new text: a statement to add, or the whole new document.
    pub document: Option<serde_json::Value>,
    /// The change was evaluated, and the layer then allows the request.
    pub checked: bool,
}

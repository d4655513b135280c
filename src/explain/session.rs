//! Session policies: whoever opens a session of a role may limit it, by a policy of his own making and by the ARNs of managed policies.
//!
//! The refused call does not tell of them; the `AssumeRole…` that gave out its access key does. CloudTrail writes `policy` as text and
//! `policyArns` as a list of objects with `arn`.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>

use std::collections::BTreeMap;

use super::refusal::kept;
use crate::inventory::{Attached, AttachedKind, Inventory, Origin};
use crate::policy::{Policy, PolicyKind, parse};
use crate::record::{Event, Outcome};

/// Sessions with policies of their own kept of one log; more are left out, those with the greatest keys.
const MOST_SESSIONS: usize = 10_000;
/// ARNs kept of one session; STS takes ten.
///
/// See: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const MOST_ARNS: usize = 10;
/// The longest policy kept; STS takes 2,048 characters.
const LONGEST_POLICY: usize = 8_192;

/// The session policies of one session, as they were passed.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Passed {
    /// `eventID` of the call that opened it.
    event: String,
    /// `requestParameters.policy`.
    inline: Option<String>,
    /// `requestParameters.policyArns`.
    arns: Vec<String>,
    /// Not all of it was kept.
    is_cut: bool,
}

impl Passed {
    /// What a call that opened a session limited it to, and the access key it gave out; `None` when it passed no policy.
    fn of(event: &Event<'_>) -> Option<(String, Self)> {
        if event.source != "sts.amazonaws.com"
            || !event.name.starts_with("AssumeRole")
            || event.outcome() != Outcome::Succeeded
        {
            return None;
        }
        let text = event.request.get("policy").text();
        let listed = event.request.get("policyArns");
        let mut arns = Vec::new();
        let mut is_cut = false;
        for one in listed.elements() {
            match one.get("arn").text().or_else(|| one.text()) {
                Some(arn) if arns.len() < MOST_ARNS => arns.push(kept(arn)),
                _ => is_cut = true,
            }
        }
        if text.is_none() && arns.is_empty() && !is_cut {
            return None;
        }
        let key = event.response.get("credentials").get("accessKeyId").text()?;
        let inline = text.filter(|text| text.len() <= LONGEST_POLICY).map(str::to_owned);
        is_cut |= text.is_some() && inline.is_none();
        Some((kept(key), Self { event: kept(event.id), inline, arns, is_cut }))
    }

    /// The policies, as far as the log and the snapshot hold them.
    pub(super) fn resolve(&self, inventory: &Inventory) -> Resolved {
        let mut resolved = Resolved::default();
        if self.is_cut {
            resolved.missing.push("not all of the session's policies could be kept".to_owned());
        }
        if let Some(text) = &self.inline {
            match parse(text, PolicyKind::Session) {
                Ok(document) => resolved.policies.push(Attached {
                    name: "the policy passed in the request".to_owned(),
                    arn: None,
                    kind: AttachedKind::Inline,
                    via_group: None,
                    document: Some(document),
                    origin: Origin {
                        file: format!("event {}", self.event),
                        at: "/requestParameters/policy".to_owned(),
                    },
                }),
                Err(error) => {
                    resolved.missing.push(format!("the policy passed in the request cannot be read: {error}"))
                }
            }
        }
        for arn in &self.arns {
            match inventory.managed.get(arn).filter(|known| known.document.is_some()) {
                Some(known) => resolved.policies.push(known.clone()),
                None => resolved.missing.push(format!("the text of `{arn}` is not in the snapshot")),
            }
        }
        resolved
    }
}

/// Session policies with their texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    policies: Vec<Attached>,
    /// Why they are not all known, each a clause.
    missing: Vec<String>,
}

impl Resolved {
    pub(super) fn documents(&self) -> Vec<(&Attached, &Policy)> {
        self.policies.iter().filter_map(|attached| Some((attached, attached.document.as_ref()?))).collect()
    }

    pub(super) fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// A sentence about what is not known.
    pub(super) fn gap(&self) -> Option<String> {
        let missing = self.missing.join("; ");
        (!missing.is_empty()).then(|| {
            format!("The session was opened with session policies, and what they leave is not fully known: {missing}.")
        })
    }
}

/// The session policies of a log, by the access keys of the sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(BTreeMap<String, Passed>);

impl Sessions {
    pub(super) fn add(&mut self, event: &Event<'_>) {
        if let Some((key, passed)) = Passed::of(event) {
            self.insert(key, passed);
        }
    }

    fn insert(&mut self, key: String, passed: Passed) {
        // Copies of one event say the same; whatever the order, the same one is kept.
        match self.0.get(&key) {
            Some(known) if *known <= passed => {}
            _ => _ = self.0.insert(key, passed),
        }
        if self.0.len() > MOST_SESSIONS {
            self.0.pop_last();
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(key, passed)| self.insert(key, passed));
    }

    pub(super) fn of(&self, key: &str) -> Option<&Passed> {
        self.0.get(key)
    }
}

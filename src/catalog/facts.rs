//! One event, laid out for finding resources and roles in it.

use crate::ident::Arn;
use crate::record::{Event, Json};

/// A text somewhere inside `requestParameters` or `responseElements`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'e> {
    /// The key of the container around it; empty at the top.
    pub(super) parent: &'e str,
    /// The key the text stands under; elements of arrays carry the array's key.
    pub(super) key: &'e str,
    /// The text; never empty.
    pub(super) value: &'e str,
    /// How many named containers lie around it.
    pub(super) depth: u8,
}

/// Fields looked at per event, and containers in containers: more are somebody's invention.
const MOST_FIELDS: usize = 4_096;
const DEEPEST: u8 = 16;

/// An event and what its parts say.
#[derive(Debug)]
pub(super) struct Facts<'e> {
    pub(super) event: &'e Event<'e>,
    pub(super) request: Vec<Field<'e>>,
    pub(super) response: Vec<Field<'e>>,
    /// `aws`, `aws-cn`, …
    pub(super) partition: &'e str,
    /// The account the call was made in, when twelve digits are given for it.
    pub(super) account: Option<&'e str>,
    /// Some parameters are not there: CloudTrail left them out, or there are more than are looked at.
    pub(super) is_cut: bool,
}

impl<'e> Facts<'e> {
    pub(super) fn of(event: &'e Event<'e>) -> Self {
        let mut walk = Walk::default();
        walk.value(event.request, "", "", 0);
        let (request, is_cut) = (std::mem::take(&mut walk.fields), walk.is_cut);
        walk.value(event.response, "", "", 0);
        let caller = event.identity.arn.and_then(Arn::parse);
        let issuer = || event.identity.session.issuer_arn.and_then(Arn::parse);
        let account = event.recipient_account.or(event.identity.account_id);
        Self {
            event,
            request,
            response: walk.fields,
            partition: caller.or_else(issuer).map_or_else(|| partition_of(event.region), |arn| arn.partition),
            account,
            is_cut,
        }
    }

    /// The ARNs that the event itself lists as resources.
    pub(super) fn listed(&self) -> impl Iterator<Item = &'e str> + use<'e> {
        self.event.resources.elements().filter_map(|entry| entry.get_ignore_case("ARN").text())
    }

    /// The first request text under one of these keys, compared without case, nearest to the top.
    pub(super) fn parameter(&self, keys: &[&str]) -> Option<&'e str> {
        let named = |key: &str| {
            let fields = self.request.iter().filter(move |field| field.key.eq_ignore_ascii_case(key));
            fields.min_by_key(|field| field.depth).map(|field| field.value)
        };
        keys.iter().find_map(|key| named(key))
    }

    /// All request texts under a key, compared without case.
    pub(super) fn parameters<'s>(&'s self, key: &'s str) -> impl Iterator<Item = &'e str> + use<'s, 'e> {
        self.request.iter().filter(move |field| field.key.eq_ignore_ascii_case(key)).map(|field| field.value)
    }

    /// Whether the top of the request has a member whose key this is true of, whatever its value.
    pub(super) fn has_member(&self, is: impl Fn(&str) -> bool) -> bool {
        request_members(self.event).any(|(key, _)| is(key))
    }
}

/// The members of the request, those inside EC2's `…Request` wrapper and API Gateway's `…Input` included.
pub(super) fn request_members<'e>(event: &Event<'e>) -> impl Iterator<Item = (&'e str, Json<'e>)> + use<'e> {
    event.request.members().flat_map(|(key, value)| {
        let inner = if is_wrapper(key, 0) || key.ends_with("Input") { value } else { Json::NULL };
        std::iter::once((key, value)).chain(inner.members())
    })
}

/// The partition a Region lies in.
fn partition_of(region: &str) -> &'static str {
    const BY_PREFIX: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
    ];
    BY_PREFIX.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// EC2 puts the parameters of newer calls into `<Operation>Request`.
fn is_wrapper(key: &str, depth: u8) -> bool {
    depth == 0 && (key.ends_with("Request") || key.ends_with("Response") || key.ends_with("Req"))
}

#[derive(Default)]
struct Walk<'e> {
    fields: Vec<Field<'e>>,
    is_cut: bool,
}

impl<'e> Walk<'e> {
    fn value(&mut self, json: Json<'e>, parent: &'e str, key: &'e str, depth: u8) {
        if depth > DEEPEST || self.fields.len() >= MOST_FIELDS {
            self.is_cut = true;
        } else if let Some(value) = json.text() {
            self.fields.push(Field { parent, key, value, depth });
        } else if json.is_array() {
            for element in json.elements() {
                self.value(element, parent, key, depth + 1);
            }
        } else {
            self.members(json, parent, key, depth);
        }
    }

    fn members(&mut self, json: Json<'e>, parent: &'e str, key: &'e str, depth: u8) {
        // A policy names principals and resources that this call is not about.
        if json.members().any(|(name, value)| name.eq_ignore_ascii_case("statement") && !is_text(value)) {
            return;
        }
        for (name, value) in json.members() {
            match name {
                "omitted" if value.as_bool() == Some(true) => self.is_cut = true,
                // EC2's lists: `instancesSet.items[].instanceId`, and `{"content": …, "tag": 1}` for repeated members.
                "items" | "item" | "member" | "content" => self.value(value, parent, key, depth + 1),
                _ if is_wrapper(name, depth) => self.members_of_wrapper(value),
                _ => self.value(value, key, name, depth + 1),
            }
        }
    }

    fn members_of_wrapper(&mut self, json: Json<'e>) {
        for (name, value) in json.members() {
            self.value(value, "", name, 1);
        }
    }
}

fn is_text(json: Json<'_>) -> bool {
    json.as_str().is_some()
}

//! What each resource of an event rests on, told afterwards: finding resources is on the way of every record, telling where they come
//! from is not.

use super::{Target, as_arn, own};
use crate::catalog::facts::Facts;

impl Target {
    /// Where an ARN that the event led to comes from, in the order in which sources are trusted.
    pub(in crate::catalog) fn provenance(&self, facts: &Facts<'_>, arn: &str) -> &'static str {
        if facts.listed().any(|known| known == arn) {
            return "resources: the record lists it";
        }
        let own = own::candidates(facts, &self.action);
        if own.exact.iter().any(|known| known == arn) {
            return "service: put together from the request as the service names its resources";
        }
        if own.patterns.iter().any(|known| known == arn) {
            return "service: put together from the request as the service names its resources; the request does not tell all";
        }
        if facts.request.iter().filter_map(as_arn).any(|known| known == arn) {
            return "request: a parameter holds it";
        }
        if self.kinds.iter().any(|kind| self.built(facts, kind).iter().any(|known| known == arn)) {
            return "format: put together from the request by the resource type's ARN format";
        }
        if facts.response.iter().filter_map(as_arn).any(|known| known == arn) {
            return "response: the answer holds it";
        }
        if self.kinds.iter().any(|kind| kind.anywhere(facts).iter().any(|known| known == arn)) {
            return "type: the event names none, so all of the type in its account and Region";
        }
        "rule: told by the rule for this event"
    }
}

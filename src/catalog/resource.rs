//! Which resources a call was about.

use super::Resource;
use super::format::ArnFormat;
use super::index::ActionInfo;
use crate::record::Event;

/// The resources of `event` that policies can name for the action. Never empty.
pub(super) fn of(event: &Event<'_>, action: &ActionInfo<'_>) -> Vec<Resource> {
    if action.resource_types().next().is_none() {
        return vec![Resource::None];
    }
    let named: Vec<_> = event
        .resources
        .elements()
        .filter_map(|entry| entry.get_ignore_case("ARN").text())
        .filter(|arn| {
            action
                .resource_types()
                .any(|part| part.kind.formats.iter().any(|format| ArnFormat::parse(format).matches(arn)))
        })
        .map(|arn| Resource::Arn(arn.to_owned()))
        .collect();
    if named.is_empty() {
        vec![Resource::Unknown("the event names no resource of the action's kinds")]
    } else {
        named
    }
}

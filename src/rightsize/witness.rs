//! IAM's last accessed data beside the logs.

use std::collections::BTreeSet;

use crate::attribution::PrincipalAccess;
use crate::ident::{Action, Time, TimeRange};
use crate::inventory::LastAccessed;

/// What IAM saw of a role since the window began.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness<'a> {
    seen: Option<&'a LastAccessed>,
    since: Option<Time>,
    /// Services of which the logs hold some call, refused ones too.
    in_logs: BTreeSet<String>,
}

impl<'a> Witness<'a> {
    pub(super) fn new(
        seen: Option<&'a LastAccessed>,
        access: Option<&PrincipalAccess>,
        window: Option<TimeRange>,
    ) -> Self {
        let used = access.iter().flat_map(|access| access.uses.iter().map(|one| &one.action));
        let denied =
            access.iter().flat_map(|access| access.denied.iter().filter_map(|one| one.action.as_ref()));
        let in_logs = used.chain(denied).map(|action| action.service().to_ascii_lowercase()).collect();
        Self { seen, since: window.map(|window| window.from), in_logs }
    }

    /// Whether IAM saw an action that the logs do not show, and when: the action where IAM tracks it by itself, else its service, when
    /// the logs hold no call of that at all.
    pub(super) fn saw(&self, action: &Action) -> Option<(String, Time)> {
        let (seen, since) = (self.seen?, self.since?);
        match seen.action(action) {
            Some(at) => at.filter(|at| *at >= since).map(|at| (action.to_string(), at)),
            None => {
                let service = action.service().to_ascii_lowercase();
                let at = seen.services.get(&service)?.at.filter(|at| *at >= since)?;
                (!self.in_logs.contains(&service)).then_some((service, at))
            }
        }
    }

    /// The last attempt at anything since the window began.
    pub(super) fn last(&self) -> Option<(&'a str, Time)> {
        let (seen, since) = (self.seen?, self.since?);
        let times = seen.services.iter().filter_map(|(service, access)| {
            let of_actions = access.actions.values().copied().flatten().max();
            Some((access.at.max(of_actions)?, service.as_str()))
        });
        let (at, service) = times.filter(|(at, _)| *at >= since).max()?;
        Some((service, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::ServiceAccess;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn the_action_where_it_is_tracked_else_the_service_where_the_logs_hold_none_of_it() {
        let action = |name: &str| name.parse::<Action>().unwrap();
        let seen = LastAccessed {
            services: [
                (
                    "s3".to_owned(),
                    ServiceAccess {
                        at: Some(time("2026-03-05")),
                        actions: [
                            (action("s3:CreateBucket"), Some(time("2026-03-05"))),
                            (action("s3:DeleteBucket"), None),
                            (action("s3:PutBucketPolicy"), Some(time("2026-02-05"))),
                        ]
                        .into(),
                    },
                ),
                (
                    "sqs".to_owned(),
                    ServiceAccess { at: Some(time("2026-02-01")), ..ServiceAccess::default() },
                ),
            ]
            .into(),
        };
        let window = TimeRange { from: time("2026-03-01"), to: time("2026-03-31") };
        let mut witness = Witness::new(Some(&seen), None, Some(window));
        let saw = |witness: &Witness<'_>, name: &str| witness.saw(&action(name)).map(|(what, _)| what);
        assert_eq!(saw(&witness, "s3:createbucket").as_deref(), Some("s3:createbucket"));
        assert_eq!(saw(&witness, "s3:DeleteBucket"), None, "tracked, and never attempted");
        assert_eq!(saw(&witness, "s3:PutBucketPolicy"), None, "before the window");
        assert_eq!(saw(&witness, "s3:GetBucketAcl").as_deref(), Some("s3"), "not tracked by itself");
        assert_eq!(saw(&witness, "sqs:SendMessage"), None, "the service was used before the window");
        assert_eq!(witness.last(), Some(("s3", time("2026-03-05"))));
        witness.in_logs.insert("s3".to_owned());
        assert_eq!(saw(&witness, "s3:GetBucketAcl"), None, "the logs tell what was done with the service");
    }
}

//! What IAM last saw a role do, from `aws iam get-service-last-accessed-details`: a second witness beside the logs.
//!
//! It counts attempts, refused ones too, over at least 400 days; data-plane calls and `iam:PassRole` are not in it.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html>

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ident::{Action, Time};

/// What IAM last saw of one principal.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LastAccessed {
    /// By service prefix (`s3`).
    pub services: BTreeMap<String, ServiceAccess>,
}

/// What IAM last saw of one service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServiceAccess {
    /// The last attempt; `None` when there was none in the tracking period.
    pub at: Option<Time>,
    /// The last attempt at each action that IAM tracks one by one. An action that is not here is not tracked.
    pub actions: BTreeMap<Action, Option<Time>>,
}

impl LastAccessed {
    /// The last attempt at an action, where IAM tracks it by itself: `None` when it does not, `Some(None)` when there was none.
    pub fn action(&self, action: &Action) -> Option<Option<Time>> {
        self.services.get(action.service())?.actions.get(action).copied()
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (service, access) in other.services {
            let known = self.services.entry(service).or_default();
            known.at = known.at.max(access.at);
            for (action, at) in access.actions {
                let known = known.actions.entry(action).or_default();
                *known = (*known).max(at);
            }
        }
    }
}

/// `get-service-last-accessed-details`, with the ARN that was asked about beside it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LastAccessedPage {
    #[serde(default)]
    arn: Option<String>,
    #[serde(default)]
    job_status: Option<String>,
    services_last_accessed: Vec<Service>,
    #[serde(default)]
    is_truncated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    service_namespace: String,
    #[serde(default)]
    last_authenticated: Option<String>,
    #[serde(default)]
    last_authenticated_entity: Option<String>,
    #[serde(default)]
    tracked_actions_last_accessed: Vec<Tracked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tracked {
    action_name: String,
    #[serde(default)]
    last_accessed_time: Option<String>,
}

impl LastAccessedPage {
    /// The principal and what was seen of it; or why neither can be told.
    pub(super) fn read(self) -> Result<(String, LastAccessed), &'static str> {
        if self.job_status.as_deref().is_some_and(|status| status != "COMPLETED") {
            return Err("the job of the last accessed data was not completed; nothing is known from it");
        }
        if self.is_truncated {
            return Err("the last accessed data are cut off (`IsTruncated`); nothing is taken from them");
        }
        // Asked about a role or user, IAM names it as the entity of every service it used.
        let named =
            self.services_last_accessed.iter().find_map(|service| service.last_authenticated_entity.clone());
        let Some(arn) = self.arn.or(named) else {
            return Err(
                "the last accessed data do not name the principal: put its `Arn` beside `ServicesLastAccessed`",
            );
        };
        let time = |text: Option<String>| text.and_then(|text| text.parse::<Time>().ok());
        let mut seen = LastAccessed::default();
        for service in self.services_last_accessed {
            let prefix = service.service_namespace.to_ascii_lowercase();
            let tracked = service.tracked_actions_last_accessed.into_iter().filter_map(|tracked| {
                let action = format!("{prefix}:{}", tracked.action_name).parse::<Action>().ok()?;
                Some((action, time(tracked.last_accessed_time)))
            });
            let access = ServiceAccess { actions: tracked.collect(), at: time(service.last_authenticated) };
            seen.merge(LastAccessed { services: [(prefix, access)].into() });
        }
        Ok((arn, seen))
    }
}

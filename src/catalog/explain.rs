//! One event's mapping, told in full: `leastwise catalog map`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::curated::{Curated, Mode, Passed};
use super::facts::Facts;
use super::needs::source_of;
use super::resource::Target;
use super::{Catalog, Evidence, Needs, Resource, Verdict, Visibility};
use crate::record::{Event, JsonError, RecordError, with_json};

/// What the catalog makes of an event source and name, and of one event of that name where it is given.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Mapping {
    /// `eventSource`, as asked for.
    pub event_source: String,
    /// `eventName`, as asked for.
    pub event_name: String,
    /// Without an event: what every such event needs, the primary action first. With one: all that this event needed.
    pub actions: Vec<String>,
    /// With an event: the ARNs and patterns its needs name, in the order of the needs; `*` where an action takes none.
    pub resources: Vec<String>,
    /// Not all of `actions` are needed, but one or several of them: the request tells which (a transaction, a statement).
    pub one_of: bool,
    /// Which rule decided: `same-name`, `exception`, `version-suffix`, `http-verb`, `no-permission`, …
    pub rule: &'static str,
    /// `mapped`, `no-permission` or `unknown`.
    pub verdict: &'static str,
    /// With an event: each action with its own resources.
    pub needs: Vec<MappedNeed>,
    /// Actions that a request of this name may need beside or instead, and what shows it.
    pub narrowing: Vec<MappedNarrowing>,
    /// Parameters in which the operation is given a role, an instance profile or a launch template, by the model of its input.
    pub passes: Vec<MappedRole>,
    /// Actions AWS documents as needed beside `actions` in some uses, without those that are among them; sorted.
    pub beside: Vec<MappedBeside>,
    /// Where the use of each of `actions` would show.
    pub visibility: BTreeMap<String, MappedVisibility>,
}

/// A parameter in which an operation is given a role.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct MappedRole {
    /// `parameter`, or `parent.parameter`.
    pub parameter: String,
    /// `role`, `instance-profile` or `launch-template`.
    pub what: &'static str,
    /// Whether AWS documents that the operation passes it.
    pub documented: bool,
}

/// One action an event needed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct MappedNeed {
    /// The action.
    pub action: String,
    /// `observed` or `inferred`.
    pub evidence: &'static str,
    /// ARNs and patterns; `*` when the action takes none.
    pub resources: Vec<String>,
    /// By ARN or pattern: what it rests on, a word and its meaning.
    pub provenance: BTreeMap<String, &'static str>,
    /// Why resources are missing, or by what they are to be looked up.
    pub unresolved: Vec<String>,
    /// Condition keys whose values the event shows.
    pub context: BTreeMap<String, String>,
}

/// An action that a request may show beside, or in place of, the first.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct MappedNarrowing {
    /// The action.
    pub action: String,
    /// The request parameters any of which shows it; `tags` means tags given on creation.
    pub when: Vec<&'static str>,
    /// Whether it takes the place of the first action.
    pub instead: bool,
    /// The other action whose place it takes, if it takes one.
    pub instead_of: Option<&'static str>,
}

/// An action that may be needed too.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct MappedBeside {
    /// The action.
    pub action: String,
    /// The action it may be needed beside.
    pub of: String,
    /// `own-event`, `parameters` or `nothing`: what would show that it was.
    pub shown_by: &'static str,
}

/// See [`Visibility`].
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct MappedVisibility {
    /// `management`, `data`, `never-logged` or `no-public-operation`.
    pub shows_in: &'static str,
    /// For data events, their `resources[].type`.
    pub types: Vec<&'static str>,
}

/// Why an event file cannot be mapped.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MapError {
    /// The file holds no JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The JSON is no record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The record is of another event.
    #[error("the record is of `{0}`, not of the event asked for")]
    OtherEvent(String),
}

impl Catalog {
    /// What every event of this source and name needs. The source may come without `.amazonaws.com`.
    pub fn map(&self, event_source: &str, event_name: &str) -> Mapping {
        let plan = self.plan(event_source, event_name);
        let actions: Vec<_> = plan.targets.iter().map(|target| target.action.to_string()).collect();
        let mut mapping = self.mapping(event_source, event_name, actions, plan.verdict, plan.rule);
        mapping.one_of = plan.one_of;
        mapping
    }

    /// What one event, given as the JSON of its record, needed. Of a file with `Records` the first of this name is taken.
    /// Members the record lacks are taken from the question, so that a fragment with `requestParameters` alone will do.
    pub fn map_record(
        &self,
        event_source: &str,
        event_name: &str,
        record: &str,
    ) -> Result<Mapping, MapError> {
        let value: Value = serde_json::from_str(record).map_err(|error| JsonError(error.to_string()))?;
        let name_of =
            |record: &Value| record.get("eventName").and_then(Value::as_str).unwrap_or(event_name).to_owned();
        let mut record = match value.get("Records").and_then(Value::as_array) {
            Some(records) => {
                let of_this_name =
                    records.iter().find(|record| name_of(record).eq_ignore_ascii_case(event_name));
                of_this_name.or_else(|| records.first()).cloned().ok_or(RecordError::NotAnObject)?
            }
            None => value,
        };
        let name = name_of(&record);
        if !name.eq_ignore_ascii_case(event_name) {
            return Err(MapError::OtherEvent(name.chars().take(128).collect()));
        }
        let source = if event_source.contains('.') {
            event_source.to_owned()
        } else {
            format!("{event_source}.amazonaws.com")
        };
        let members = record.as_object_mut().ok_or(RecordError::NotAnObject)?;
        let defaults = [
            ("eventSource", source.as_str()),
            ("eventName", event_name),
            ("eventID", "-"),
            ("eventTime", "1970-01-01T00:00:00Z"),
        ];
        for (key, value) in defaults {
            members.entry(key).or_insert_with(|| value.into());
        }
        with_json(&record.to_string(), |json| {
            let event = Event::parse(json)?;
            Ok(self.map_event(event_source, event_name, &event))
        })?
    }

    fn map_event(&self, event_source: &str, event_name: &str, event: &Event<'_>) -> Mapping {
        let found = self.needs(event);
        let mut actions: Vec<String> = Vec::new();
        for need in &found.needs {
            let text = need.action.to_string();
            if !actions.contains(&text) {
                actions.push(text);
            }
        }
        // An event may stand for another service's than its source tells.
        let mut mapping = self.mapping(source_of(event), event_name, actions, found.verdict, found.rule);
        event_source.clone_into(&mut mapping.event_source);
        mapping.needs = self.needs_of(&found, event);
        for resource in mapping.needs.iter().flat_map(|need| &need.resources) {
            if !mapping.resources.contains(resource) {
                mapping.resources.push(resource.clone());
            }
        }
        mapping
    }

    fn mapping(
        &self,
        source: &str,
        name: &str,
        actions: Vec<String>,
        verdict: Verdict,
        rule: &'static str,
    ) -> Mapping {
        let plan = self.plan(source, name);
        let visibility = actions.iter().filter_map(|action| {
            let (shows_in, types) = match self.visibility(self.find(action)?) {
                Visibility::Management => ("management", Vec::new()),
                Visibility::Data { types } => ("data", types),
                Visibility::NeverLogged { .. } => ("never-logged", Vec::new()),
                Visibility::NoPublicOperation => ("no-public-operation", Vec::new()),
            };
            Some((action.clone(), MappedVisibility { shows_in, types }))
        });
        let narrowing = plan.narrowings().map(|row| MappedNarrowing {
            action: row.target.action.to_string(),
            when: row.when.clone(),
            instead: matches!(row.mode, Mode::Instead(None)),
            instead_of: match row.mode {
                Mode::Instead(Some(action)) => Some(action),
                _ => None,
            },
        });
        let passes = plan.roles().iter().map(|role| MappedRole {
            parameter: match role.parent {
                "" => role.key.to_owned(),
                parent => format!("{parent}.{}", role.key),
            },
            what: match role.what {
                Passed::InstanceProfile => "instance-profile",
                Passed::LaunchTemplate => "launch-template",
                Passed::Role | Passed::Data => "role",
            },
            documented: role.is_documented,
        });
        Mapping {
            event_source: source.to_owned(),
            event_name: name.to_owned(),
            visibility: visibility.collect(),
            narrowing: narrowing.collect(),
            passes: passes.collect(),
            beside: self.beside_all(&actions),
            actions,
            resources: Vec::new(),
            one_of: false,
            rule,
            verdict: match verdict {
                Verdict::Mapped => "mapped",
                Verdict::NoPermission => "no-permission",
                Verdict::Unknown => "unknown",
            },
            needs: Vec::new(),
        }
    }

    fn beside_all(&self, actions: &[String]) -> Vec<MappedBeside> {
        let of_one = |of: &String| {
            let named = self.find(of).into_iter().flat_map(|id| self.beside(id));
            let told = named.filter_map(|beside| {
                let action = self.info(beside.id)?.action().to_string();
                Some(MappedBeside { action, of: of.clone(), shown_by: beside.shown_by.as_str() })
            });
            told.collect::<Vec<_>>()
        };
        let mut all: Vec<_> = actions.iter().flat_map(of_one).collect();
        all.retain(|beside| !actions.contains(&beside.action));
        all.sort();
        all
    }

    /// The event sources (without `.amazonaws.com`) that stand for an IAM prefix beside its own name, sorted.
    pub fn sources_of(&self, prefix: &str) -> Vec<&'static str> {
        Curated::embedded().sources_of(prefix)
    }

    fn needs_of(&self, found: &Needs, event: &Event<'_>) -> Vec<MappedNeed> {
        let facts = Facts::of(event);
        let plan = self.plan(source_of(event), event.name);
        let told = found.needs.iter().map(|need| {
            let (mut resources, mut unresolved, mut provenance) = (Vec::new(), Vec::new(), BTreeMap::new());
            let other = || self.info(self.find(need.action.as_str())?).map(|info| Target::of(&info));
            let made = if plan.target(&need.action).is_some() { None } else { other() };
            let target = plan.target(&need.action).or(made.as_ref());
            for resource in &need.resources {
                match resource {
                    Resource::Arn(arn) => {
                        resources.push(arn.clone());
                        let from = target.map(|target| target.provenance(&facts, arn));
                        provenance.extend(from.map(|from| (arn.clone(), from)));
                    }
                    Resource::None => resources.push("*".to_owned()),
                    Resource::Unknown(why) => unresolved.push((*why).to_owned()),
                    Resource::InstanceProfile(name) => {
                        unresolved.push(format!("the role of instance profile {name}"))
                    }
                    Resource::LaunchTemplate(id) => {
                        unresolved.push(format!("the role launch template {id} passes"))
                    }
                }
            }
            MappedNeed {
                action: need.action.to_string(),
                evidence: match need.evidence {
                    Evidence::Observed => "observed",
                    Evidence::Inferred => "inferred",
                },
                resources,
                provenance,
                unresolved,
                context: need.context.iter().cloned().collect(),
            }
        });
        told.collect()
    }
}

//! The step from an event to the actions it needed.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::{Equivalent, HashMap};

use super::curated::{Curated, Mode};
use super::facts::Facts;
use super::index::{ActionId, Catalog, Levels};
use super::narrow::{self, Narrowing, Special, need};
use super::pass_role;
use super::resource::Target;
use super::trial;
use super::{Evidence, Need, Needs, Resource, Verdict};
use crate::ident::Action;
use crate::record::{Event, IdentityType};

/// What all events of one source and name have in common.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) verdict: Verdict,
    pub(super) rule: &'static str,
    /// All that every such event needs, the first one first; empty unless mapped.
    pub(super) targets: Vec<Target>,
    /// It is one of the targets, or several, and the request tells which.
    pub(super) one_of: bool,
    special: Option<Special>,
    narrowings: Vec<Narrowing>,
    pass_role: pass_role::Rules,
}

/// The rule of an event that needed one of several actions and hides which.
pub(super) const HIDDEN: &str = "hidden-request";

/// Why the resource of an action is not known that the request shows to be needed.
const ELSEWHERE: &str = "the event does not tell on which resource";

/// The rule of an event whose action is the likeliest by name: used, but perhaps not the only one that was.
pub const GUESSED: &str = "guessed";

/// See [`Catalog::candidates`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Candidates {
    /// Actions of the catalog the call may have used.
    pub actions: Vec<ActionId>,
    /// Prefixes of services of which the call may have used an action the catalog does not have.
    pub services: Vec<String>,
}

/// Distinct (source, name) pairs remembered by a thread. AWS has some 20,000; more than this are invented.
const MOST_PLANS: usize = 32_768;

thread_local! {
    // Per thread, so that workers never wait for each other. Plans of one catalog, by its number: a process works with one.
    static PLANS: RefCell<(u64, HashMap<Pair, Arc<Plan>>)> = RefCell::new((0, HashMap::new()));
}

impl Catalog {
    /// The actions and resources one event needed, whatever became of the call: callers look at its outcome. Only
    /// `iam:PassRole` is told for calls that succeeded alone, because nothing else shows that it was checked.
    ///
    /// The first need is the one the event's name tells; the others follow by action.
    pub fn needs(&self, event: &Event<'_>) -> Needs {
        let none = |verdict, rule| Needs { verdict, needs: Vec::new(), rule };
        if !event.is_api_call() {
            return none(Verdict::NoPermission, "not-an-api-call");
        }
        if matches!(event.identity.kind, IdentityType::AwsService) {
            return none(Verdict::NoPermission, "aws-service");
        }
        let plan = self.plan(source_of(event), event.name);
        let Some(first) = plan.targets.first() else { return none(plan.verdict, plan.rule) };
        let facts = Facts::of(event);
        let Some(mut needs) = self.called(&plan, &facts) else {
            return none(Verdict::Unknown, HIDDEN);
        };
        needs.extend(plan.pass_role.needs(self, &facts, first));
        needs.extend(narrow::tags_on_create(self, &facts, &first.action));
        for need in &mut needs {
            add_context(need, event);
        }
        Needs { verdict: Verdict::Mapped, needs, rule: plan.rule }
    }

    /// What a call may have used of which [`Catalog::needs`] says that the action is unknown: one or several of the actions given, or one of
    /// the services given that the catalog does not have.
    pub fn candidates(&self, source: &str, name: &str) -> Candidates {
        let plan = self.plan(source, name);
        let find = |target: &Target| self.find(target.action.as_str());
        if plan.verdict == Verdict::Mapped && plan.rule != GUESSED {
            return Candidates {
                actions: plan.targets.iter().filter_map(find).collect(),
                services: Vec::new(),
            };
        }
        let source = source.strip_suffix(".amazonaws.com").unwrap_or(source).to_ascii_lowercase();
        let services: Vec<String> = Curated::embedded().prefixes(&source).map(str::to_owned).collect();
        let actions = services.iter().flat_map(|prefix| self.actions_of_service(prefix)).collect();
        Candidates { actions, services }
    }

    /// What the call itself needed; `None` when the event hides which of several actions it was.
    fn called(&self, plan: &Plan, facts: &Facts<'_>) -> Option<Vec<Need>> {
        let first = plan.targets.first()?;
        let plain =
            |target: &Target| need(target.action.clone(), target.resources(facts), Evidence::Observed);
        let mut needs = match plan.special {
            Some(Special::Copy) => narrow::copy(self, facts, &plan.targets),
            Some(Special::CopyInto) => {
                let mut needs: Vec<Need> = plan.targets.iter().map(plain).collect();
                narrow::read_source(self, facts, &mut needs);
                needs
            }
            Some(Special::Transaction) => narrow::transaction(self, facts)?,
            Some(Special::Statement) => narrow::statement(self, facts)?,
            Some(Special::ReEncrypt) => narrow::re_encrypt(facts, &plan.targets),
            Some(Special::Path(paths)) => vec![narrow::path(facts, first, paths)],
            None => plan.targets.iter().map(plain).collect(),
        };
        for narrowing in plan.narrowings.iter().filter(|row| narrow::shows(facts, &row.when)) {
            let target = &narrowing.target;
            let replaced = match narrowing.mode {
                Mode::Also | Mode::AlsoSomewhere => {
                    let resources = match narrowing.mode {
                        Mode::AlsoSomewhere => vec![Resource::Unknown(ELSEWHERE)],
                        _ if first.creates && narrowing.when == ["tags"] => target.resources_created(facts),
                        _ => target.resources(facts),
                    };
                    needs.push(need(target.action.clone(), resources, Evidence::Inferred));
                    continue;
                }
                Mode::Instead(None) => needs.first_mut(),
                Mode::Instead(Some(other)) => needs.iter_mut().find(|need| need.action.as_str() == other),
            };
            if let Some(replaced) = replaced {
                *replaced = plain(target);
            }
        }
        Some(needs)
    }

    /// The plan for a source and name, from this thread's memory or made now.
    pub(super) fn plan(&self, source: &str, name: &str) -> Arc<Plan> {
        PLANS.with_borrow_mut(|(number, plans)| {
            if *number != self.number {
                *number = self.number;
                plans.clear();
            }
            if let Some(plan) = plans.get(&PairRef { source, name }) {
                return Arc::clone(plan);
            }
            let plan = Arc::new(self.make_plan(source, name));
            if plans.len() < MOST_PLANS {
                plans.insert(Pair { source: source.into(), name: name.into() }, Arc::clone(&plan));
            }
            plan
        })
    }

    fn make_plan(&self, source: &str, name: &str) -> Plan {
        let curated = Curated::embedded();
        let source = source.strip_suffix(".amazonaws.com").unwrap_or(source).to_ascii_lowercase();
        let lower = name.trim().to_ascii_lowercase();
        if curated.is_without_permission(&source, &lower) {
            return Plan::empty(Verdict::NoPermission, "no-permission");
        }
        let (found, bare, rule) = match self.actions_of(&source, &lower) {
            Some((ids, rule)) => (ids, lower.as_str(), rule),
            None => match without_api_version(&lower)
                .and_then(|bare| Some((self.actions_of(&source, bare)?, bare)))
            {
                Some(((ids, _), bare)) => (ids, bare, "version-suffix"),
                None => {
                    let is_known = curated.prefixes(&source).any(|prefix| self.has_service(prefix));
                    return Plan::empty(
                        Verdict::Unknown,
                        if is_known { "unknown-event" } else { "unknown-service" },
                    );
                }
            },
        };
        let service =
            found.first().and_then(|id| self.info(*id)).map(|info| info.action().service().to_owned());
        let prefix = service.as_deref().unwrap_or_default();
        let input = self.input(prefix, bare);
        let target = |id: &ActionId| {
            let info = self.info(*id)?;
            let of_the_service = info.action().service() == prefix;
            Some(Target::with_templates(&info, if of_the_service { input.templates } else { "" }))
        };
        let targets: Vec<Target> = found.iter().filter_map(target).collect();
        let one_of =
            rule != "same-name" && curated.rename(&source, bare).is_some_and(|row| row.contains('|'));
        let narrowings = curated.narrowings(prefix, bare).filter_map(|row| {
            let target = target(&self.find(row.action)?)?;
            Some(Narrowing { when: row.when.split(' ').collect(), mode: row.mode, target })
        });
        let mut narrowings: Vec<Narrowing> = narrowings.collect();
        let tagging = found.first().into_iter().flat_map(|first| self.tagging_beside(*first));
        for id in tagging {
            let target =
                target(&id).filter(|target| narrowings.iter().all(|row| row.target.action != target.action));
            narrowings.extend(target.map(|target| Narrowing {
                when: vec!["tags"],
                mode: Mode::Also,
                target,
            }));
        }
        let special = Special::of(&source, bare).or_else(|| {
            (source == "apigateway")
                .then(|| curated.path(bare))
                .flatten()
                .map(|(_, paths)| Special::Path(paths))
        });
        Plan {
            verdict: Verdict::Mapped,
            rule,
            one_of,
            special,
            narrowings,
            pass_role: targets
                .first()
                .map(|target| {
                    let told = self.operation(target.action.service(), bare).map(|row| row.passed_to);
                    pass_role::Rules::of(target, told, input.roles)
                })
                .unwrap_or_default(),
            targets,
        }
    }

    /// The actions of the same service that AWS documents as needed beside an action, and that tag: they are when tags are given. EC2's
    /// requests tell what is tagged, so they have a rule of their own.
    fn tagging_beside(&self, id: ActionId) -> impl Iterator<Item = ActionId> {
        let info = self.info(id).filter(|info| info.action().service() != "ec2");
        let service = info.map_or("", |info| info.action().service());
        let beside = info.into_iter().flat_map(|info| info.dependent_actions());
        beside.filter_map(move |action| {
            let id = self.find(action)?;
            let info = self.info(id)?;
            (info.action().service() == service && info.levels().contains(Levels::TAGGING)).then_some(id)
        })
    }

    /// The action of an operation for which AWS's table lists exactly one of the service's own; actions of other services and further
    /// ones of its own are needed by some calls only, and the table does not tell which.
    fn only_authorised(&self, prefix: &str, name: &str) -> Option<ActionId> {
        let own = |action: &&str| {
            action.split_once(':').is_some_and(|(service, _)| service.eq_ignore_ascii_case(prefix))
        };
        let mut actions = self.operation(prefix, name)?.actions.split(',').filter(own);
        let only = actions.next()?;
        if actions.next().is_some() { None } else { self.find(only) }
    }

    /// The actions every event of this source and name needs, and the rule that tells; both names in lower case.
    fn actions_of(&self, source: &str, name: &str) -> Option<(Vec<ActionId>, &'static str)> {
        let curated = Curated::embedded();
        let all = |actions: &str| {
            actions.split([' ', '|']).map(|action| self.find(action)).collect::<Option<Vec<_>>>()
        };
        if let Some(ids) = curated.rename(source, name).and_then(all) {
            return Some((ids, "exception"));
        }
        if let Some((action, _)) = curated.path(name).filter(|_| source == "apigateway") {
            return Some((all(action)?, "http-verb"));
        }
        if let Some(id) = curated.prefixes(source).find_map(|prefix| self.find_in(prefix, name)) {
            return Some((vec![id], "same-name"));
        }
        if let Some(id) = curated.prefixes(source).find_map(|prefix| self.only_authorised(prefix, name)) {
            return Some((vec![id], "operation-table"));
        }
        if let Some(id) = curated.prefixes(source).find_map(|prefix| self.find(curated.guess(prefix, name)?))
        {
            return Some((vec![id], GUESSED));
        }
        // S3's sisters bear S3's operation names, and its renames with their own prefix.
        let sister = ["s3-object-lambda", "s3-outposts"].into_iter().find(|sister| *sister == source)?;
        let actions = curated.rename("s3", name)?;
        let ids = actions
            .split(' ')
            .map(|action| self.find_in(sister, action.split_once(':')?.1))
            .collect::<Option<Vec<_>>>();
        Some((ids?, "exception"))
    }
}

impl Plan {
    /// The plan's own target for an action.
    pub(super) fn target(&self, action: &Action) -> Option<&Target> {
        let mut all = self.targets.iter().chain(self.narrowings.iter().map(|row| &row.target));
        all.find(|target| target.action == *action)
    }

    /// The roles the operation is given.
    pub(super) fn roles(&self) -> &[pass_role::Parameter] {
        self.pass_role.parameters()
    }

    /// What a request may show.
    pub(super) fn narrowings(&self) -> impl Iterator<Item = &Narrowing> {
        self.narrowings.iter()
    }

    fn empty(verdict: Verdict, rule: &'static str) -> Self {
        let pass_role = pass_role::Rules::default();
        Self {
            verdict,
            rule,
            targets: Vec::new(),
            one_of: false,
            special: None,
            narrowings: Vec::new(),
            pass_role,
        }
    }
}

/// The event's source, or the service it stands for: some share a source with another.
pub(super) fn source_of<'e>(event: &Event<'e>) -> &'e str {
    match event.source {
        "s3.amazonaws.com" => match event.request.get("bucketName").text() {
            Some(bucket) if bucket.ends_with("--x-s3") => "s3express.amazonaws.com",
            Some(bucket) if bucket.contains(":s3-object-lambda:") => "s3-object-lambda.amazonaws.com",
            _ => event.source,
        },
        // Application Auto Scaling logs under Amazon EC2 Auto Scaling's source.
        "autoscaling.amazonaws.com" if event.request.get("serviceNamespace").text().is_some() => {
            "application-autoscaling.amazonaws.com"
        }
        _ => event.source,
    }
}

/// `kms:ViaService` for KMS calls a service made with the caller's permissions, and what a write of a trial's policy says.
fn add_context(need: &mut Need, event: &Event<'_>) {
    if need.action.service() == "kms"
        && let Some(service) = event.identity.invoked_by.and_then(|by| by.strip_suffix(".amazonaws.com"))
        && !event.region.is_empty()
        // How the value is written in China is not known for sure, and a wrong one offered would refuse.
        && !event.region.starts_with("cn-")
    {
        need.context.push(("kms:ViaService".to_owned(), format!("{service}.{}.amazonaws.com", event.region)));
    }
    need.context.extend(trial::told(event));
    need.context.sort();
}

/// The name without the API version some services append: `listfunctions20150331`, `updatefunctioncode20150331v2`,
/// `createdistribution2020_05_31`. Digits that are no such date stay: `createenvironmentec2`.
fn without_api_version(lower: &str) -> Option<&str> {
    let mut rest = lower;
    if let Some((head, digits)) = rest.rsplit_once('v')
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && head.ends_with(|last: char| last.is_ascii_digit())
    {
        rest = head;
    }
    for (width, blank) in [(10, true), (8, false)] {
        let Some((head, date)) = rest.len().checked_sub(width).and_then(|at| rest.split_at_checked(at))
        else {
            continue;
        };
        let is_date = date.bytes().enumerate().all(|(place, byte)| {
            if blank && matches!(place, 4 | 7) { byte == b'_' } else { byte.is_ascii_digit() }
        });
        if is_date && date.starts_with("20") && !head.is_empty() {
            return Some(head.strip_suffix('_').unwrap_or(head));
        }
    }
    None
}

/// `eventSource` and `eventName`, owned.
struct Pair {
    source: Box<str>,
    name: Box<str>,
}

/// `eventSource` and `eventName`, borrowed, to look up a [`Pair`] without allocating.
struct PairRef<'a> {
    source: &'a str,
    name: &'a str,
}

impl Pair {
    fn as_ref(&self) -> PairRef<'_> {
        PairRef { source: &self.source, name: &self.name }
    }
}

impl Hash for PairRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.hash(state);
        self.name.hash(state);
    }
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.name == other.name
    }
}

impl Eq for Pair {}

impl Equivalent<Pair> for PairRef<'_> {
    fn equivalent(&self, key: &Pair) -> bool {
        *self.source == *key.source && *self.name == *key.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_api_versions_are_taken_off() {
        for (name, bare) in [
            ("listfunctions20150331", Some("listfunctions")),
            ("updatefunctioncode20150331v2", Some("updatefunctioncode")),
            ("createdistribution2020_05_31", Some("createdistribution")),
            ("createenvironmentec2", None),
            ("getfindingsv2", None),
            ("20150331", None),
            ("listx19990101", None),
            ("é20", None),
        ] {
            assert_eq!(without_api_version(name), bare, "{name}");
        }
    }
}

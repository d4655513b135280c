//! AWS's evaluation order over all layers.

use super::principal::{Principal, PrincipalMatch, Reach, role_of};
use super::request::{Request, RequestResource};
use super::statement::{action_matches, match_statement};
use super::truth::Truth;
use crate::ident::Arn;
use crate::policy::{Effect, Policy, PolicyKind, PrincipalElement};

/// The policies of one kind (and, for SCPs and RCPs, of one level) that are in force together.
#[derive(Clone, Debug, Default)]
pub struct Layer<'p> {
    /// The documents.
    pub policies: Vec<&'p Policy>,
    /// A document is missing: it might allow, and it might deny.
    pub incomplete: bool,
}

impl<'p> Layer<'p> {
    /// These documents and no others.
    pub fn of(policies: impl IntoIterator<Item = &'p Policy>) -> Self {
        Self { policies: policies.into_iter().collect(), incomplete: false }
    }

    /// Policies are in force, and none of them is known.
    pub fn unknown() -> Self {
        Self { policies: Vec::new(), incomplete: true }
    }
}

/// All policies that have a say in a request. A layer that is absent is not in force; one that is not known is
/// [`Layer::unknown`].
#[derive(Clone, Debug, Default)]
pub struct Layers<'p> {
    /// Managed and inline policies of the principal, and of a user's groups.
    pub identity: Layer<'p>,
    /// The principal's permissions boundary.
    pub boundary: Option<Layer<'p>>,
    /// The session's policies.
    pub session: Option<Layer<'p>>,
    /// SCPs of the principal's account, a layer for each of root, organizational units and account. Empty for a management account,
    /// to which SCPs do not apply.
    pub scps: Vec<Layer<'p>>,
    /// RCPs of the resource's account, level by level, where they apply to the resource's service. AWS attaches one that allows
    /// everything at every level; it must be among them.
    pub rcps: Vec<Layer<'p>>,
    /// The policy of the VPC endpoint the call came through.
    pub vpc_endpoint: Option<Layer<'p>>,
    /// The resource's own policy; for `sts:AssumeRole*` the role's trust policy.
    pub resource: Option<Layer<'p>>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// Allowed for sure.
    Allowed,
    /// A statement denies it.
    ExplicitDeny,
    /// Nothing allows it, or a guardrail does not.
    ImplicitDeny,
    /// It depends on something that is not known.
    Unknown,
}

/// Where a statement stands.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StatementRef {
    /// The layer; [`PolicyKind::Trust`] for a role's own policy.
    pub layer: PolicyKind,
    /// The level among [`Layers::scps`] or [`Layers::rcps`]; zero elsewhere.
    pub level: usize,
    /// The policy within its layer.
    pub policy: usize,
    /// The statement within its policy.
    pub statement: usize,
}

/// A verdict with its reasons.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// See [`Verdict`].
    pub verdict: Verdict,
    /// The layer that denies; for [`Verdict::ImplicitDeny`] the first in AWS's order that lacks an allow. `None` when the request is
    /// allowed or unknown, or when AWS itself forbids it.
    pub layer: Option<PolicyKind>,
    /// The statements behind it, in order: those that deny; or those that allow, when allowed; or those of which it is not known whether
    /// they apply.
    pub statements: Vec<StatementRef>,
}

/// Decides a request.
///
/// `sts:GetCallerIdentity` needs no permission and cannot be denied. What AWS keeps to itself (its managed policies, Identity
/// Center's roles, the aliases of its keys) no policy can allow to change.
pub fn decide(request: &Request, layers: &Layers<'_>) -> Decision {
    if request.action.eq_ignore_ascii_case("sts:GetCallerIdentity") {
        return Decision { verdict: Verdict::Allowed, layer: None, statements: Vec::new() };
    }
    let scans = Scans::new(request, layers);
    let denying: Vec<StatementRef> = scans.in_order().flat_map(|scan| &scan.denying).copied().collect();
    if let Some(first) = denying.first() {
        return Decision { verdict: Verdict::ExplicitDeny, layer: Some(first.layer), statements: denying };
    }
    if belongs_to_aws(request) {
        return Decision { verdict: Verdict::ImplicitDeny, layer: None, statements: Vec::new() };
    }
    let (granted, lacking) = scans.granted(request);
    let guardrails = [
        (PolicyKind::Rcp, Truth::all(scans.rcps.iter().map(Scan::allows))),
        (PolicyKind::Scp, Truth::all(scans.scps.iter().map(Scan::allows))),
        (PolicyKind::VpcEndpoint, scans.vpc_endpoint.as_ref().map_or(Truth::True, Scan::allows)),
    ];
    if let Some((layer, _)) = guardrails.iter().find(|(_, allows)| allows.is_false()) {
        return Decision { verdict: Verdict::ImplicitDeny, layer: Some(*layer), statements: Vec::new() };
    }
    if granted.is_false() {
        return Decision { verdict: Verdict::ImplicitDeny, layer: Some(lacking), statements: Vec::new() };
    }
    let not_denied = !Truth::any(scans.in_order().map(|scan| scan.deny));
    let all = Truth::all(guardrails.iter().map(|(_, allows)| *allows)).and(granted).and(not_denied);
    let collect = |of: fn(&Scan) -> &Vec<StatementRef>| scans.in_order().flat_map(of).copied().collect();
    if all.is_true() {
        Decision { verdict: Verdict::Allowed, layer: None, statements: collect(|scan| &scan.allowing) }
    } else {
        Decision { verdict: Verdict::Unknown, layer: None, statements: collect(|scan| &scan.open) }
    }
}

/// What the statements of one layer say.
struct Scan {
    account: Truth,
    role: Truth,
    direct: Truth,
    deny: Truth,
    allowing: Vec<StatementRef>,
    denying: Vec<StatementRef>,
    open: Vec<StatementRef>,
}

impl Scan {
    fn new(request: &Request, layer: &Layer<'_>, kind: PolicyKind, level: usize, has_boundary: bool) -> Self {
        let start = if layer.incomplete { Truth::Unknown } else { Truth::False };
        let mut scan = Self {
            account: start,
            role: start,
            direct: start,
            deny: start,
            allowing: Vec::new(),
            denying: Vec::new(),
            open: Vec::new(),
        };
        for (policy_index, policy) in layer.policies.iter().enumerate() {
            for (index, statement) in policy.statements.iter().enumerate() {
                // The one test that is cheap and fails nearly always.
                if action_matches(&statement.action, &request.action).is_false() {
                    continue;
                }
                let mut found = match_statement(statement, kind, policy.version, request);
                // A boundary makes `NotPrincipal` with `Deny` hit its principal whatever the list says.
                let excepts = matches!(statement.principal, Some(PrincipalElement::Except(_)));
                if statement.effect == Effect::Deny && excepts && has_boundary {
                    found.principal = Some(PrincipalMatch { sure: Reach::Direct, possible: Reach::Direct });
                }
                let applies = found.applies();
                let place = StatementRef { layer: kind, level, policy: policy_index, statement: index };
                match (applies, statement.effect) {
                    (Truth::False, _) => continue,
                    (Truth::Unknown, _) => scan.open.push(place),
                    (Truth::True, Effect::Allow) => scan.allowing.push(place),
                    (Truth::True, Effect::Deny) => scan.denying.push(place),
                }
                match statement.effect {
                    Effect::Deny => scan.deny = scan.deny.or(applies),
                    Effect::Allow => {
                        scan.account = scan.account.or(applies);
                        scan.role = scan.role.or(found.reaches(Reach::Role));
                        scan.direct = scan.direct.or(found.reaches(Reach::Direct));
                    }
                }
            }
            // A document with members nobody knows may say more than was read.
            if !policy.unknown.is_empty() && !policy.statements.iter().any(|statement| statement.has_unknown)
            {
                scan.deny = scan.deny.or(Truth::Unknown);
                scan.account = scan.account.or(Truth::Unknown);
                scan.role = scan.role.or(Truth::Unknown);
                scan.direct = scan.direct.or(Truth::Unknown);
            }
        }
        scan
    }

    /// Whether some statement allows, however it reaches the principal.
    fn allows(&self) -> Truth {
        self.account
    }
}

struct Scans {
    rcps: Vec<Scan>,
    scps: Vec<Scan>,
    vpc_endpoint: Option<Scan>,
    resource: Option<Scan>,
    identity: Option<Scan>,
    boundary: Option<Scan>,
    session: Option<Scan>,
}

impl Scans {
    fn new(request: &Request, layers: &Layers<'_>) -> Self {
        let has_boundary = layers.boundary.is_some();
        let one = |layer: &Layer<'_>, kind| Scan::new(request, layer, kind, 0, has_boundary);
        let levels = |levels: &[Layer<'_>], kind| {
            let scan = |(level, layer)| Scan::new(request, layer, kind, level, has_boundary);
            levels.iter().enumerate().map(scan).collect::<Vec<_>>()
        };
        let is_identity = request.principal.account().is_some();
        let is_service_linked = request.principal.is_service_linked();
        let resource_kind = if is_assume_role(request) { PolicyKind::Trust } else { PolicyKind::Resource };
        let rcps_apply = !is_service_linked && !request.action.eq_ignore_ascii_case("kms:RetireGrant");
        Self {
            rcps: if rcps_apply { levels(&layers.rcps, PolicyKind::Rcp) } else { Vec::new() },
            scps: if is_identity && !is_service_linked {
                levels(&layers.scps, PolicyKind::Scp)
            } else {
                Vec::new()
            },
            vpc_endpoint: layers.vpc_endpoint.as_ref().map(|layer| one(layer, PolicyKind::VpcEndpoint)),
            resource: layers.resource.as_ref().map(|layer| one(layer, resource_kind)),
            identity: is_identity.then(|| one(&layers.identity, PolicyKind::Identity)),
            boundary: layers
                .boundary
                .as_ref()
                .filter(|_| is_identity)
                .map(|layer| one(layer, PolicyKind::Boundary)),
            session: layers
                .session
                .as_ref()
                .filter(|_| is_identity)
                .map(|layer| one(layer, PolicyKind::Session)),
        }
    }

    /// Every layer, in the order AWS documents.
    fn in_order(&self) -> impl Iterator<Item = &Scan> {
        self.rcps
            .iter()
            .chain(&self.scps)
            .chain(&self.vpc_endpoint)
            .chain(&self.resource)
            .chain(&self.identity)
            .chain(&self.boundary)
            .chain(&self.session)
    }

    /// Whether identity and resource policies together grant, and the layer to name when they do not.
    fn granted(&self, request: &Request) -> (Truth, PolicyKind) {
        let of = |scan: &Option<Scan>, pick: fn(&Scan) -> Truth, absent| scan.as_ref().map_or(absent, pick);
        let resource_kind = if is_assume_role(request) { PolicyKind::Trust } else { PolicyKind::Resource };
        let mut account = of(&self.resource, |scan| scan.account, Truth::False);
        let role = of(&self.resource, |scan| scan.role, Truth::False);
        let direct = of(&self.resource, |scan| scan.direct, Truth::False);
        let Some(own_account) = request.principal.account() else {
            // No identity of an account: the resource's policy decides alone, and `"*"` or the very name must be in it.
            return (direct, resource_kind);
        };
        // The root user has every permission of its account; neither identity policies nor a boundary exist for it.
        let identity = match request.principal {
            Principal::Root { .. } => Truth::True,
            _ => of(&self.identity, Scan::allows, Truth::False),
        };
        let boundary = of(&self.boundary, Scan::allows, Truth::True);
        let session = of(&self.session, Scan::allows, Truth::True);
        let limits = boundary.and(session);
        if assumes_itself(request) {
            // Since 2023 a role must be named in its own trust policy; that its account is named no longer does.
            account = role;
        }
        let delegated = if is_strict(request) { account } else { Truth::True };
        let within = direct.or(role.and(limits)).or(identity.and(limits).and(delegated));
        let across = account.and(identity).and(limits);
        let granted = match request.resource_account.as_deref() {
            Some(account) if account == own_account => within,
            Some(_) => across,
            None if within == across => within,
            None => Truth::Unknown,
        };
        let is_foreign = request.resource_account.as_deref().is_some_and(|account| account != own_account);
        let lacking = if is_foreign && account.is_false() || !is_foreign && delegated.is_false() {
            resource_kind
        } else if identity.is_false() && (is_foreign || role.is_false()) {
            PolicyKind::Identity
        } else if boundary.is_false() {
            PolicyKind::Boundary
        } else {
            PolicyKind::Session
        };
        (granted, lacking)
    }
}

fn service_and_name(action: &str) -> (String, String) {
    let lower = action.to_ascii_lowercase();
    lower.split_once(':').map(|(service, name)| (service.to_owned(), name.to_owned())).unwrap_or_default()
}

fn is_assume_role(request: &Request) -> bool {
    let (service, name) = service_and_name(&request.action);
    let is_role = match &request.resource {
        RequestResource::Arn(arn) | RequestResource::Pattern(arn) => arn.contains(":role/"),
        RequestResource::None => false,
        RequestResource::Unknown => true,
    };
    let trusts =
        name.starts_with("assumerole") || ["tagsession", "setsourceidentity", "setcontext"].contains(&&*name);
    service == "sts" && trusts && is_role
}

fn assumes_itself(request: &Request) -> bool {
    let target = match &request.resource {
        RequestResource::Arn(arn) => role_of(arn),
        _ => None,
    };
    is_assume_role(request) && target.is_some() && target == request.principal.role()
}

/// Whether the resource's own policy must allow even within the account: a role's trust policy, a KMS key's policy.
fn is_strict(request: &Request) -> bool {
    let is_key = match &request.resource {
        RequestResource::Arn(text) | RequestResource::Pattern(text) => {
            Arn::parse(text).is_some_and(|arn| arn.service == "kms" && arn.resource.starts_with("key/"))
        }
        RequestResource::None | RequestResource::Unknown => false,
    };
    is_key || is_assume_role(request)
}

/// Changes to what AWS keeps to itself.
fn belongs_to_aws(request: &Request) -> bool {
    let RequestResource::Arn(text) = &request.resource else { return false };
    let Some(arn) = Arn::parse(text) else { return false };
    let (service, name) = service_and_name(&request.action);
    let reads = ["get", "list", "generate", "simulate"].iter().any(|verb| name.starts_with(verb));
    match &*service {
        "iam" => {
            let is_managed_policy = arn.account == "aws" && arn.resource.starts_with("policy/");
            let is_reserved_role = arn.resource.starts_with("role/aws-reserved/");
            arn.service == "iam" && !reads && (is_managed_policy || is_reserved_role)
        }
        "kms" => {
            arn.resource.starts_with("alias/aws/")
                && ["createalias", "deletealias", "updatealias"].contains(&&*name)
        }
        _ => false,
    }
}

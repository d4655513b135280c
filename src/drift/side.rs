//! One side: what it grants, and what was observed where it is a report.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::carrier::{self, Boundary, Carried, CarrierError, Side as When};
use crate::ident::{Arn, Time};
use crate::inventory::{self, Inventory, InventoryError};
use crate::policy::{Policy, PolicyKind, parse};
use crate::report::{self, Report};

/// Why a side cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// A file or folder.
    #[error("cannot read `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A report of another version.
    #[error("`{}` is of schema `{schema}`, and this version reads `{}`", path.display(), report::SCHEMA)]
    Schema {
        /// Which.
        path: PathBuf,
        /// What it says of itself, shortened.
        schema: String,
    },
    /// A report that is none.
    #[error("`{}` is no report that this version reads", path.display())]
    Report {
        /// Which.
        path: PathBuf,
        /// Where it breaks.
        #[source]
        source: serde_json::Error,
    },
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] InventoryError),
    /// A file of another kind.
    #[error(transparent)]
    Carrier(#[from] CarrierError),
    /// Nothing in it grants anything.
    #[error("`{}` holds no role", .0.display())]
    NoRole(PathBuf),
    /// One role twice.
    #[error("`{}` holds the role `{role}` more than once", path.display())]
    Twice {
        /// Which.
        path: PathBuf,
        /// The role.
        role: String,
    },
    /// Logs.
    #[error(transparent)]
    Ingest(#[from] crate::ingest::IngestError),
}

/// A role as one side has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleSide {
    /// Its ARN, or its name where the side has no ARN.
    pub arn: String,
    /// `AROA…`, where told.
    pub id: Option<String>,
    /// When it was made, where told.
    pub created: Option<Time>,
    /// Its policies, as far as their text is there.
    pub policies: Vec<Policy>,
    /// The same by name (inline) or ARN (managed), where the side tells names; empty elsewhere.
    pub named: BTreeMap<String, Policy>,
    /// What is not known of its policies, each a sentence.
    pub unknown: Vec<String>,
    /// The trust policy, where told.
    pub trust: Option<Policy>,
    /// See [`Boundary`].
    pub boundary: Boundary,
}

/// One side of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// As the user named it.
    pub name: String,
    /// By ARN.
    pub roles: BTreeMap<String, RoleSide>,
    /// Whether the side holds every role of an account; a plan or template holds only its own.
    pub is_whole: bool,
    /// Whether it tells what is granted. A ledger without a snapshot does not.
    pub has_grants: bool,
    /// What in it could not be understood, each a sentence.
    pub problems: Vec<String>,
    /// What was observed, where it is a report or a ledger.
    pub report: Option<Report>,
}

impl Side {
    /// Reads a report (or its folder), a snapshot (a file or a folder), a Terraform plan or state, or a CloudFormation template.
    /// `when` says which side of a Terraform plan is meant.
    pub fn read(path: &Path, when: When) -> Result<Self, DriftError> {
        let failed = |source| DriftError::File { path: path.to_owned(), source };
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            let report = path.join("report.json");
            if report.is_file() {
                return Self { name, ..Self::read(&report, when)? }.checked(path);
            }
            let inventory = inventory::read(&[path.to_owned()], &[])?;
            return Self { name, ..Self::of_inventory(&inventory, path)? }.checked(path);
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let head: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if let Some(schema) = head.get("schema").and_then(serde_json::Value::as_str) {
            if schema != report::SCHEMA {
                let schema = schema.chars().take(64).collect();
                return Err(DriftError::Schema { path: path.to_owned(), schema });
            }
            let report: Report = serde_json::from_value(head)
                .map_err(|source| DriftError::Report { path: path.to_owned(), source })?;
            return Self { name, ..Self::of_report(report) }.checked(path);
        }
        if head.get("RoleDetailList").is_some() {
            let inventory = inventory::read(&[path.to_owned()], &[])?;
            return Self { name, ..Self::of_inventory(&inventory, path)? }.checked(path);
        }
        let carried = carrier::read(&name, &text, when)?;
        Self { name, ..Self::of_carried(&carried, path)? }.checked(path)
    }

    fn of_inventory(inventory: &Inventory, path: &Path) -> Result<Self, DriftError> {
        if let Some(role) = inventory.contradictions.first() {
            return Err(DriftError::Twice { path: path.to_owned(), role: role.clone() });
        }
        let mut side = Self::of_carried(&carrier::of_inventory(inventory), path)?;
        for role in inventory.roles() {
            if let Some(own) = side.roles.get_mut(&role.arn) {
                own.id = Some(role.id.clone()).filter(|id| !id.is_empty());
                own.created = role.created;
                let named = |attached: &inventory::Attached| {
                    let key = attached.arn.clone().unwrap_or_else(|| attached.name.clone());
                    Some((key, attached.document.clone()?))
                };
                own.named = role.policies.iter().filter_map(named).collect();
            }
        }
        Ok(Self { is_whole: true, problems: inventory.problems.clone(), ..side })
    }

    fn checked(self, path: &Path) -> Result<Self, DriftError> {
        if self.roles.is_empty() { Err(DriftError::NoRole(path.to_owned())) } else { Ok(self) }
    }

    fn of_carried(carried: &[Carried], path: &Path) -> Result<Self, DriftError> {
        let mut roles = BTreeMap::new();
        for one in carried.iter().filter(|one| one.is_role) {
            let arn = one.names.iter().find(|name| Arn::parse(name).is_some());
            let Some(arn) = arn.or_else(|| one.names.first()).cloned() else { continue };
            let absent = one.identity.absent.iter().map(|arn| format!("the text of {arn} is not here"));
            let role = RoleSide {
                arn: arn.clone(),
                policies: one.identity.policies.clone(),
                unknown: absent.chain(one.identity.unknown.iter().cloned()).collect(),
                trust: one.trust.policies.first().filter(|_| one.trust.unknown.is_empty()).cloned(),
                boundary: one.boundary.clone(),
                ..RoleSide::default()
            };
            if roles.insert(arn.clone(), role).is_some() {
                return Err(DriftError::Twice { path: path.to_owned(), role: arn });
            }
        }
        Ok(Self { roles, has_grants: true, ..Self::default() })
    }

    /// A report as a side.
    pub fn of_report(report: Report) -> Self {
        let known = report.roles.iter().filter(|role| role.in_snapshot);
        let roles = known.map(|role| (role.arn.clone(), of_role(role))).collect();
        // One that was asked for some roles only says nothing of the others.
        let is_whole = report.settings.roles.is_empty();
        let problems = report.coverage.grant_problems.clone();
        Self { name: String::new(), roles, is_whole, has_grants: true, problems, report: Some(report) }
    }

    /// A ledger as a side: the report of everything in it, with or without a snapshot beside it. A ledger without roles is one
    /// too, in which nothing was seen.
    pub fn of_ledger(name: impl Into<String>, report: Report) -> Self {
        let side = Self { name: name.into(), ..Self::of_report(report) };
        let has_grants = !side.roles.is_empty();
        Self { has_grants, is_whole: side.is_whole && has_grants, ..side }
    }

    /// The role of an ARN; sides without ARNs are asked by name.
    pub fn role(&self, arn: &str) -> Option<&RoleSide> {
        let name = Arn::parse(arn).and_then(|arn| arn.role_name());
        self.roles.get(arn).or_else(|| {
            let by_name = |key: &str| key == name.unwrap_or(arn) && Arn::parse(key).is_none();
            let found = self.roles.iter().find(|(key, _)| by_name(key));
            // A side without ARNs may be asked for by a name, or one with ARNs by the name of the other's.
            found
                .or_else(|| {
                    let is_name = Arn::parse(arn).is_none();
                    let named = |key: &str| Arn::parse(key).and_then(|key| key.role_name()) == Some(arn);
                    self.roles.iter().find(|(key, _)| is_name && named(key))
                })
                .map(|(_, role)| role)
        })
    }
}

fn of_role(role: &report::Role) -> RoleSide {
    let mut unknown = Vec::new();
    let mut read = |document: &serde_json::Value, kind: PolicyKind, name: &str| {
        let parsed = parse(&document.to_string(), kind);
        parsed.map_err(|error| unknown.push(format!("{name} cannot be read: {error}"))).ok()
    };
    let read_one = |policy: &report::ProposedPolicy| {
        let key = policy.arn.clone().unwrap_or_else(|| policy.name.clone());
        Some((key, read(&policy.document, PolicyKind::Identity, &policy.name)?))
    };
    let all: Vec<(String, Policy)> = role.proposal.current.iter().filter_map(read_one).collect();
    let policies = all.iter().map(|(_, policy)| policy.clone()).collect();
    let trust = role.proposal.current_trust.as_ref();
    let trust = trust.and_then(|document| read(document, PolicyKind::Trust, "the trust policy"));
    let boundary = match &role.boundary {
        Some(boundary) => Boundary::Policy {
            arn: boundary.arn.clone().unwrap_or_else(|| boundary.name.clone()),
            document: boundary
                .document
                .as_ref()
                .and_then(|document| read(document, PolicyKind::Identity, &boundary.name))
                .map(Box::new),
        },
        None => Boundary::None,
    };
    unknown.extend(role.granted.unknown.iter().cloned());
    RoleSide {
        arn: role.arn.clone(),
        id: role.id.clone(),
        created: role.created,
        policies,
        named: all.into_iter().collect(),
        unknown,
        trust,
        boundary,
    }
}

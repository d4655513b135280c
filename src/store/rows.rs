//! The small tables of a ledger as columns, and back.

use std::sync::Arc;

use hashbrown::HashSet;
use serde_json::{Value, json};

use super::StoreError;
use super::columns::{Columns, Rows};
use crate::catalog::{Evidence, Need, Needs, Resource, Verdict};
use crate::ident::{Time, fixed};
use crate::record::IdentityType;
use crate::usage::{
    AgentRow, AirflowTask, Call, CallKind, CallOutcome, DenialFacts, EventKey, FoldKind, FoldRow,
    IssuanceKind, IssuedRow, SessionFacts, Text,
};

/// Texts of one file, kept once each.
#[derive(Default)]
struct Kept(HashSet<Text>);

impl Kept {
    fn text(&mut self, text: &str) -> Text {
        self.0.get_or_insert_with(text, |text| text.into()).clone()
    }

    fn option(&mut self, text: Option<&str>) -> Option<Text> {
        text.map(|text| self.text(text))
    }
}

const KINDS: [(IdentityType, &str); 14] = [
    (IdentityType::Root, "Root"),
    (IdentityType::IamUser, "IAMUser"),
    (IdentityType::AssumedRole, "AssumedRole"),
    (IdentityType::Role, "Role"),
    (IdentityType::FederatedUser, "FederatedUser"),
    (IdentityType::SamlUser, "SAMLUser"),
    (IdentityType::WebIdentityUser, "WebIdentityUser"),
    (IdentityType::AwsAccount, "AWSAccount"),
    (IdentityType::AwsService, "AWSService"),
    (IdentityType::IdentityCenterUser, "IdentityCenterUser"),
    (IdentityType::Directory, "Directory"),
    (IdentityType::Unknown, "Unknown"),
    (IdentityType::Missing, "(missing)"),
    (IdentityType::Other, "(other)"),
];

/// AWS's word for an identity's type; one in brackets where AWS has none.
pub fn kind_word(kind: IdentityType) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("(other)", |(_, word)| word)
}

const ISSUANCES: [(IssuanceKind, &str); 8] = [
    (IssuanceKind::AssumeRole, "AssumeRole"),
    (IssuanceKind::AssumeRoleWithWebIdentity, "AssumeRoleWithWebIdentity"),
    (IssuanceKind::AssumeRoleWithSaml, "AssumeRoleWithSAML"),
    (IssuanceKind::AssumeRoot, "AssumeRoot"),
    (IssuanceKind::GetFederationToken, "GetFederationToken"),
    (IssuanceKind::GetSessionToken, "GetSessionToken"),
    (IssuanceKind::RolesAnywhere, "CreateSession"),
    (IssuanceKind::PodIdentity, "AssumeRoleForPodIdentity"),
];

/// AWS's name of an operation that issues credentials.
pub fn issuance_word(kind: IssuanceKind) -> &'static str {
    ISSUANCES.iter().find(|(known, _)| *known == kind).map_or("", |(_, word)| word)
}

type SessionText = (&'static str, fn(&SessionFacts) -> &Option<Text>);

const SESSION_TEXTS: [SessionText; 18] = [
    ("account", |s| &s.account),
    ("principal_id", |s| &s.principal_id),
    ("arn", |s| &s.arn),
    ("access_key", |s| &s.access_key),
    ("user_name", |s| &s.user_name),
    ("identity_provider", |s| &s.identity_provider),
    ("invoked_by", |s| &s.invoked_by),
    ("in_scope_of", |s| &s.in_scope_of),
    ("in_scope_of_type", |s| &s.in_scope_of_type),
    ("on_behalf_of", |s| &s.on_behalf_of),
    ("delegate_account", |s| &s.delegate_account),
    ("issuer_type", |s| &s.issuer_type),
    ("issuer_arn", |s| &s.issuer_arn),
    ("issuer_id", |s| &s.issuer_id),
    ("federated_provider", |s| &s.federated_provider),
    ("source_identity", |s| &s.source_identity),
    ("ec2_role_delivery", |s| &s.ec2_role_delivery),
    ("federated_subject", |s| &s.federated_subject),
];

pub(super) fn sessions(rows: &[SessionFacts]) -> Columns {
    let columns = Columns::default()
        .text("kind", rows.iter().map(|row| Some(kind_word(row.kind))))
        .i64("creation", rows.iter().map(|row| row.creation.map(Time::unix)))
        .bool("assumed_root", rows.iter().map(|row| Some(row.is_assumed_root)));
    SESSION_TEXTS.iter().fold(columns, |columns, (name, text)| {
        columns.text(name, rows.iter().map(|row| text(row).as_deref()))
    })
}

pub(super) fn read_sessions(rows: &Rows) -> Result<Vec<SessionFacts>, StoreError> {
    let mut kept = Kept::default();
    let mut sessions = Vec::with_capacity(rows.len());
    let begun = rows.i64("creation")?.zip(rows.bool("assumed_root")?);
    for (word, (creation, assumed_root)) in rows.text("kind")?.zip(begun) {
        let known = KINDS.iter().find(|(_, known)| Some(*known) == word);
        let kind = known.map(|(kind, _)| *kind).ok_or_else(|| rows.damaged("a session has no kind"))?;
        sessions.push(SessionFacts {
            kind,
            account: None,
            principal_id: None,
            arn: None,
            access_key: None,
            user_name: None,
            identity_provider: None,
            invoked_by: None,
            in_scope_of: None,
            in_scope_of_type: None,
            on_behalf_of: None,
            delegate_account: None,
            issuer_type: None,
            issuer_arn: None,
            issuer_id: None,
            creation: creation.map(Time::from_unix),
            federated_provider: None,
            source_identity: None,
            ec2_role_delivery: None,
            federated_subject: None,
            is_assumed_root: assumed_root.unwrap_or_default(),
        });
    }
    let mut fill =
        |name: &str, place: fn(&mut SessionFacts) -> &mut Option<Text>| -> Result<(), StoreError> {
            for (session, text) in sessions.iter_mut().zip(rows.text(name)?) {
                *place(session) = kept.option(text);
            }
            Ok(())
        };
    fill("account", |s| &mut s.account)?;
    fill("principal_id", |s| &mut s.principal_id)?;
    fill("arn", |s| &mut s.arn)?;
    fill("access_key", |s| &mut s.access_key)?;
    fill("user_name", |s| &mut s.user_name)?;
    fill("identity_provider", |s| &mut s.identity_provider)?;
    fill("invoked_by", |s| &mut s.invoked_by)?;
    fill("in_scope_of", |s| &mut s.in_scope_of)?;
    fill("in_scope_of_type", |s| &mut s.in_scope_of_type)?;
    fill("on_behalf_of", |s| &mut s.on_behalf_of)?;
    fill("delegate_account", |s| &mut s.delegate_account)?;
    fill("issuer_type", |s| &mut s.issuer_type)?;
    fill("issuer_arn", |s| &mut s.issuer_arn)?;
    fill("issuer_id", |s| &mut s.issuer_id)?;
    fill("federated_provider", |s| &mut s.federated_provider)?;
    fill("source_identity", |s| &mut s.source_identity)?;
    fill("ec2_role_delivery", |s| &mut s.ec2_role_delivery)?;
    fill("federated_subject", |s| &mut s.federated_subject)?;
    Ok(sessions)
}

/// What a call needed, as JSON: `[{"action", "evidence", "resources": [[kind, text]], "context": [[key, value]]}]`.
fn needs_json(needs: &Needs) -> String {
    let resource = |resource: &Resource| match resource {
        Resource::Arn(text) => json!(["arn", text]),
        Resource::None => json!(["none"]),
        Resource::Unknown(reason) => json!(["unknown", reason]),
        Resource::InstanceProfile(text) => json!(["instance-profile", text]),
        Resource::LaunchTemplate(text) => json!(["launch-template", text]),
    };
    let need = |need: &Need| {
        json!({
            "action": need.action.as_str(),
            "evidence": match need.evidence { Evidence::Observed => "observed", Evidence::Inferred => "inferred" },
            "resources": need.resources.iter().map(resource).collect::<Vec<_>>(),
            "context": need.context,
        })
    };
    Value::Array(needs.needs.iter().map(need).collect()).to_string()
}

fn read_need(value: &Value) -> Option<Need> {
    let resource = |value: &Value| {
        let text = || value.get(1)?.as_str().map(str::to_owned);
        Some(match value.get(0)?.as_str()? {
            "arn" => Resource::Arn(text()?),
            "none" => Resource::None,
            "unknown" => Resource::Unknown(fixed(&text()?)),
            "instance-profile" => Resource::InstanceProfile(text()?),
            "launch-template" => Resource::LaunchTemplate(text()?),
            _ => return None,
        })
    };
    let pair = |value: &Value| Some((value.get(0)?.as_str()?.to_owned(), value.get(1)?.as_str()?.to_owned()));
    Some(Need {
        action: value.get("action")?.as_str()?.parse().ok()?,
        resources: value.get("resources")?.as_array()?.iter().map(resource).collect::<Option<_>>()?,
        evidence: match value.get("evidence")?.as_str()? {
            "observed" => Evidence::Observed,
            "inferred" => Evidence::Inferred,
            _ => return None,
        },
        context: value.get("context")?.as_array()?.iter().map(pair).collect::<Option<_>>()?,
    })
}

fn read_needs(verdict: &str, rule: &str, text: &str) -> Option<Needs> {
    let verdict = match verdict {
        "mapped" => Verdict::Mapped,
        "no-permission" => Verdict::NoPermission,
        "unknown" => Verdict::Unknown,
        _ => return None,
    };
    let values: Vec<Value> = serde_json::from_str(text).ok()?;
    let needs = values.iter().map(read_need).collect::<Option<_>>()?;
    Some(Needs { verdict, needs, rule: fixed(rule) })
}

/// The word for an outcome, its error code and its message.
pub(super) fn outcome_words(outcome: &CallOutcome) -> (&'static str, Option<&str>, Option<&str>) {
    match outcome {
        CallOutcome::Used { failed } => ("used", failed.as_deref(), None),
        CallOutcome::Denied(DenialFacts { code, message }) => ("denied", Some(code), message.as_deref()),
        CallOutcome::Unproven(code) => ("unproven", Some(code), None),
    }
}

pub(super) fn calls(rows: &[Call]) -> Columns {
    let verdict = |call: &Call| match call.needs.verdict {
        Verdict::Mapped => "mapped",
        Verdict::NoPermission => "no-permission",
        Verdict::Unknown => "unknown",
    };
    let needs: Vec<String> = rows.iter().map(|call| needs_json(&call.needs)).collect();
    Columns::default()
        .text("source", rows.iter().map(|call| Some(&*call.source)))
        .text("name", rows.iter().map(|call| Some(&*call.name)))
        .text("region", rows.iter().map(|call| Some(&*call.region)))
        .text("recipient_account", rows.iter().map(|call| call.recipient_account.as_deref()))
        .text("data_type", rows.iter().map(|call| call.data_type.as_deref()))
        .bool("read_only", rows.iter().map(|call| call.read_only))
        .text("outcome", rows.iter().map(|call| Some(outcome_words(&call.outcome).0)))
        .text("error_code", rows.iter().map(|call| outcome_words(&call.outcome).1))
        .text("error_message", rows.iter().map(|call| outcome_words(&call.outcome).2))
        .text("verdict", rows.iter().map(|call| Some(verdict(call))))
        .text("rule", rows.iter().map(|call| Some(call.needs.rule)))
        .text("needs", needs.iter().map(|text| Some(text.as_str())))
        .text("vpc_endpoint", rows.iter().map(|call| call.vpc_endpoint.as_deref()))
}

pub(super) fn read_calls(rows: &Rows) -> Result<Vec<Call>, StoreError> {
    let mut kept = Kept::default();
    let mut calls = Vec::with_capacity(rows.len());
    let names = rows.text("source")?.zip(rows.text("name")?).zip(rows.text("region")?);
    let kinds = rows.text("recipient_account")?.zip(rows.text("data_type")?).zip(rows.bool("read_only")?);
    let outcomes = rows.text("outcome")?.zip(rows.text("error_code")?).zip(rows.text("error_message")?);
    let needs = rows.text("verdict")?.zip(rows.text("rule")?).zip(rows.text("needs")?);
    let all = names.zip(kinds).zip(outcomes).zip(needs.zip(rows.text("vpc_endpoint")?));
    for ((((names, kinds), outcomes), (needs, vpc_endpoint)), place) in all.zip(0..) {
        let damaged = || rows.damaged(format!("call {place} cannot be read"));
        let ((source, name), region) = names;
        let ((recipient_account, data_type), read_only) = kinds;
        let (Some(source), Some(name), Some(region)) = (source, name, region) else { return Err(damaged()) };
        let ((word, code), message) = outcomes;
        let outcome = match (word, code) {
            (Some("used"), failed) => CallOutcome::Used { failed: kept.option(failed) },
            (Some("denied"), Some(code)) => {
                CallOutcome::Denied(DenialFacts { code: kept.text(code), message: message.map(Text::from) })
            }
            (Some("unproven"), Some(code)) => CallOutcome::Unproven(kept.text(code)),
            _ => return Err(damaged()),
        };
        let ((verdict, rule), needs) = needs;
        let (Some(verdict), Some(rule), Some(needs)) = (verdict, rule, needs) else { return Err(damaged()) };
        let kind = CallKind {
            source: kept.text(source),
            name: kept.text(name),
            region: kept.text(region),
            recipient_account: kept.option(recipient_account),
            data_type: kept.option(data_type),
            read_only,
            outcome,
            vpc_endpoint: kept.option(vpc_endpoint),
        };
        let needs = Arc::new(read_needs(verdict, rule, needs).ok_or_else(damaged)?);
        calls.push(Call { kind: Arc::new(kind), needs });
    }
    Ok(calls)
}

/// The columns of [`IssuedRow::texts`].
const ISSUANCE_TEXTS: [&str; 12] = [
    "assumed_role_id",
    "assumed_arn",
    "recipient_account",
    "region",
    "role_arn",
    "provider",
    "subject",
    "audience",
    "source_identity",
    "user_agent",
    "error_code",
    "error_message",
];

pub(super) fn issuances(rows: &[IssuedRow]) -> Columns {
    let tags: Vec<String> = rows
        .iter()
        .map(|row| {
            let pairs: Vec<[&str; 2]> = row.tags.iter().map(|(key, value)| [&**key, &**value]).collect();
            json!(pairs).to_string()
        })
        .collect();
    let columns = keys(Columns::default(), "event", rows.iter().map(|row| row.event))
        .bool("original", rows.iter().map(|row| Some(row.is_original)))
        .u64("fingerprint", rows.iter().map(|row| row.fingerprint))
        .i64("time", rows.iter().map(|row| Some(row.time.unix())))
        .text("operation", rows.iter().map(|row| Some(issuance_word(row.kind))))
        .bool("denied", rows.iter().map(|row| Some(row.denied)))
        .bool("external_id", rows.iter().map(|row| Some(row.has_external_id)))
        .u32("caller", rows.iter().map(|row| row.caller))
        .text("session_name", rows.iter().map(|row| row.name.as_deref()))
        .text("issued_key", rows.iter().map(|row| row.key.as_deref()))
        .text("tags", tags.iter().map(|text| Some(text.as_str())));
    ISSUANCE_TEXTS.iter().enumerate().fold(columns, |columns, (at, name)| {
        columns.text(name, rows.iter().map(|row| row.texts.get(at).and_then(Option::as_deref)))
    })
}

pub(super) fn read_issuances(rows: &Rows) -> Result<Vec<IssuedRow>, StoreError> {
    let mut kept = Kept::default();
    let mut issuances = Vec::with_capacity(rows.len());
    let heads = read_keys(rows, "event")?.zip(rows.bool("original")?).zip(rows.u64("fingerprint")?);
    let kinds = rows.i64("time")?.zip(rows.text("operation")?);
    let flags = rows.bool("denied")?.zip(rows.bool("external_id")?).zip(rows.u32("caller")?);
    let names = rows.text("session_name")?.zip(rows.text("issued_key")?).zip(rows.text("tags")?);
    for ((((head, kind), flags), names), place) in heads.zip(kinds).zip(flags).zip(names).zip(0..) {
        let damaged = || rows.damaged(format!("issuance {place} cannot be read"));
        let ((event, original), fingerprint) = head;
        let (time, word) = kind;
        let ((denied, external_id), caller) = flags;
        let ((name, key), tags) = names;
        let known = ISSUANCES.iter().find(|(_, known)| Some(*known) == word);
        let (Some((kind, _)), Some(time)) = (known, time) else { return Err(damaged()) };
        let tags: Vec<(String, String)> =
            serde_json::from_str(tags.unwrap_or("[]")).map_err(|_| damaged())?;
        issuances.push(IssuedRow {
            event,
            is_original: original.unwrap_or(true),
            fingerprint,
            time: Time::from_unix(time),
            kind: *kind,
            denied: denied.unwrap_or_default(),
            has_external_id: external_id.unwrap_or_default(),
            caller,
            name: kept.option(name),
            key: key.map(Text::from),
            texts: [const { None }; 12],
            tags: tags.iter().map(|(key, value)| (kept.text(key), kept.text(value))).collect(),
        });
    }
    for (at, name) in ISSUANCE_TEXTS.iter().enumerate() {
        for (row, text) in issuances.iter_mut().zip(rows.text(name)?) {
            if let Some(place) = row.texts.get_mut(at) {
                *place = kept.option(text);
            }
        }
    }
    Ok(issuances)
}

/// A 128-bit key in two columns.
fn keys(columns: Columns, name: &str, keys: impl Iterator<Item = EventKey> + Clone) -> Columns {
    columns
        .u64(&format!("{name}_high"), keys.clone().map(|key| key.halves().0))
        .u64(&format!("{name}_low"), keys.map(|key| key.halves().1))
}

fn read_keys(rows: &Rows, name: &str) -> Result<impl Iterator<Item = EventKey>, StoreError> {
    let pairs = rows.u64(&format!("{name}_high"))?.zip(rows.u64(&format!("{name}_low"))?);
    Ok(pairs.map(|(high, low)| EventKey::of_halves(high, low)))
}

pub(super) fn shared(rows: &[(EventKey, EventKey)]) -> Columns {
    let columns = keys(Columns::default(), "event", rows.iter().map(|(event, _)| *event));
    keys(columns, "group", rows.iter().map(|(_, group)| *group))
}

pub(super) fn read_shared(rows: &Rows) -> Result<Vec<(EventKey, EventKey)>, StoreError> {
    Ok(read_keys(rows, "event")?.zip(read_keys(rows, "group")?).collect())
}

pub(super) fn ids(rows: &[(EventKey, Text)]) -> Columns {
    keys(Columns::default(), "event", rows.iter().map(|(event, _)| *event))
        .text("id", rows.iter().map(|(_, text)| Some(&**text)))
}

pub(super) fn read_ids(rows: &Rows) -> Result<Vec<(EventKey, Text)>, StoreError> {
    Ok(read_keys(rows, "event")?
        .zip(rows.text("id")?)
        .map(|(event, text)| (event, text.unwrap_or_default().into()))
        .collect())
}

pub(super) fn folds(rows: &[FoldRow]) -> Columns {
    let kind = |row: &FoldRow| match row.kind {
        FoldKind::Resource => "resource",
        FoldKind::Value => "value",
        FoldKind::Message => "message",
    };
    let place = |at: usize| move |row: &FoldRow| row.place.get(at).cloned().unwrap_or_default();
    let form = |row: &FoldRow| row.form.clone().map(|(form, ..)| form);
    let [a, b, c] = [place(0), place(1), place(2)].map(|part| rows.iter().map(part).collect::<Vec<Text>>());
    let forms: Vec<Option<Text>> = rows.iter().map(form).collect();
    let commons: Vec<Option<Text>> =
        rows.iter().map(|row| row.form.clone().map(|(_, common, _)| common)).collect();
    Columns::default()
        .text("kind", rows.iter().map(|row| Some(kind(row))))
        .text("a", a.iter().map(|text| Some(&**text)))
        .text("b", b.iter().map(|text| Some(&**text)))
        .text("c", c.iter().map(|text| Some(&**text)))
        .u32("level", rows.iter().map(|row| u32::from(row.level)))
        .text("form", forms.iter().map(Option::as_deref))
        .text("common", commons.iter().map(Option::as_deref))
        .bool("several", rows.iter().map(|row| row.form.as_ref().map(|(.., several)| *several)))
}

pub(super) fn read_folds(rows: &Rows) -> Result<Vec<FoldRow>, StoreError> {
    let mut folds = Vec::with_capacity(rows.len());
    let places = rows.text("a")?.zip(rows.text("b")?).zip(rows.text("c")?);
    let forms = rows.text("form")?.zip(rows.text("common")?).zip(rows.bool("several")?);
    for (((kind, place), level), form) in rows.text("kind")?.zip(places).zip(rows.u32("level")?).zip(forms) {
        let ((a, b), c) = place;
        let ((form, common), several) = form;
        folds.push(FoldRow {
            kind: match kind {
                Some("resource") => FoldKind::Resource,
                Some("value") => FoldKind::Value,
                Some("message") => FoldKind::Message,
                _ => return Err(rows.damaged("what is folded has no kind")),
            },
            place: [a, b, c].map(|text| text.unwrap_or_default().into()),
            level: u8::try_from(level).map_err(|_| rows.damaged("a level is no level"))?,
            form: form
                .map(|form| (form.into(), common.unwrap_or_default().into(), several.unwrap_or_default())),
        });
    }
    Ok(folds)
}

pub(super) fn agents(rows: &[AgentRow]) -> Columns {
    Columns::default()
        .text("session", rows.iter().map(|((session, _), ..)| Some(&**session)))
        .text("access_key", rows.iter().map(|((_, key), ..)| key.as_deref()))
        .text("dag_key", rows.iter().map(|(_, task, _)| task.dag_key.as_deref()))
        .text("operator", rows.iter().map(|(_, task, _)| task.operator.as_deref()))
        .i64("time", rows.iter().map(|(.., (time, _))| Some(time.unix())))
        .text("event", rows.iter().map(|(.., (_, event))| Some(&**event)))
}

pub(super) fn read_agents(rows: &Rows) -> Result<Vec<AgentRow>, StoreError> {
    let sessions = rows.text("session")?.zip(rows.text("access_key")?);
    let tasks = rows.text("dag_key")?.zip(rows.text("operator")?);
    let seen = rows.i64("time")?.zip(rows.text("event")?);
    Ok(sessions
        .zip(tasks)
        .zip(seen)
        .map(|(((session, key), (dag_key, operator)), (time, event))| {
            let session = (session.unwrap_or_default().into(), key.map(Text::from));
            let task = AirflowTask { dag_key: dag_key.map(Text::from), operator: operator.map(Text::from) };
            let time = Time::from_unix(time.unwrap_or_default());
            (session, task, (time, event.unwrap_or_default().into()))
        })
        .collect())
}

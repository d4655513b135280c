//! What user agents say of the work inside a session: Airflow names the operator and the DAG in those of its own calls.
//!
//! A user agent is chosen by the caller, so this is a label, never an attribution.
//!
//! See: `apache/airflow`, `providers/amazon/aws/hooks/base_aws.py` (`_generate_user_agent_extra_field`).

use std::collections::BTreeMap;

use super::Text;
use super::text::{Texts, limited, shortened};
use crate::ident::Time;
use crate::record::Event;

/// Sessions of which user agents are kept; of more, those that sort first.
const MOST_SESSIONS: usize = 100_000;
/// Kinds of work told apart in one session.
const MOST_TASKS: usize = 32;
/// An operator is a class of Python.
const LONGEST_OPERATOR: usize = 128;
/// A UUID as text.
const KEY_LENGTH: usize = 36;

/// A session as user agents are kept by: unique id and name (or ARN), and access key.
pub type AgentSession = (Text, Option<Text>);

/// One kind of work of Airflow.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AirflowTask {
    /// `DagRunKey`: the UUIDv5 of the DAG's id in the OID namespace, in lower case; `None` for the zero UUID, which Airflow writes when it does not
    /// know the DAG.
    pub dag_key: Option<Text>,
    /// `Caller`: the class of the operator, sensor or hook.
    pub operator: Option<Text>,
}

/// What the user agents of a log say. Merging and order do not change it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Agents {
    /// By session; each kind of work with the time and id of the earliest event that shows it.
    pub airflow: BTreeMap<AgentSession, BTreeMap<AirflowTask, (Time, Text)>>,
    /// More sessions or kinds of work were met than are kept.
    pub is_cut: bool,
}

impl Agents {
    /// Whether a user agent, as it is written in a record, may tell anything.
    pub(super) fn may_tell(agent: &[u8]) -> bool {
        memchr::memmem::find(agent, b"DagRunKey").is_some() || memchr::memchr(b'\\', agent).is_some()
    }

    /// Looks at one event; `id` is its `eventID`.
    pub(super) fn see(&mut self, event: &Event<'_>, id: &str, texts: &mut Texts) {
        // Most user agents end here.
        let Some(agent) = event.user_agent.filter(|agent| agent.contains("DagRunKey/")) else { return };
        let identity = &event.identity;
        let Some(principal) = principal(identity.principal_id, identity.arn) else { return };
        let Some(task) = airflow(agent, texts) else { return };
        let session = (texts.intern(principal), texts.option(identity.access_key_id));
        // Ids are as many as events: only those that stay are kept.
        let known = self.airflow.get(&session).and_then(|tasks| tasks.get(&task));
        if known.is_none_or(|(time, known)| (event.time, id) < (*time, &**known)) {
            self.insert(session, task, (event.time, limited(id).into()));
        }
    }

    /// What was met of a session, by its id, its ARN and its key.
    pub fn of(
        &self,
        principal_id: Option<&str>,
        arn: Option<&str>,
        key: Option<&str>,
    ) -> Option<&BTreeMap<AirflowTask, (Time, Text)>> {
        self.airflow.get(&(principal(principal_id, arn)?.into(), key.map(Text::from)))
    }

    pub(super) fn insert(&mut self, session: AgentSession, task: AirflowTask, seen: (Time, Text)) {
        let tasks = self.airflow.entry(session).or_default();
        let known = tasks.entry(task).or_insert_with(|| seen.clone());
        if seen < *known {
            *known = seen;
        }
        if tasks.len() > MOST_TASKS {
            tasks.pop_last();
            self.is_cut = true;
        }
        if self.airflow.len() > MOST_SESSIONS {
            self.airflow.pop_last();
            self.is_cut = true;
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.is_cut |= other.is_cut;
        for (session, tasks) in other.airflow {
            for (task, seen) in tasks {
                self.insert(session.clone(), task, seen);
            }
        }
    }
}

/// What a session is known by besides its key.
fn principal<'a>(principal_id: Option<&'a str>, arn: Option<&'a str>) -> Option<&'a str> {
    principal_id.or(arn)
}

/// `… Airflow/VERSION AmPP/VERSION Caller/OPERATOR DagRunKey/UUID`.
fn airflow(agent: &str, texts: &mut Texts) -> Option<AirflowTask> {
    let mut task = AirflowTask { dag_key: None, operator: None };
    let mut is_airflow = false;
    for word in agent.split(' ') {
        match word.split_once('/') {
            Some(("Airflow", _)) => is_airflow = true,
            Some(("Caller", operator)) => {
                let is_class =
                    !operator.is_empty() && operator.chars().all(|c| c.is_alphanumeric() || c == '_');
                task.operator = is_class.then(|| texts.intern(shortened(operator, LONGEST_OPERATOR)));
            }
            Some(("DagRunKey", key)) if is_uuid(key) => {
                let is_zero = key.bytes().all(|byte| matches!(byte, b'0' | b'-'));
                task.dag_key = (!is_zero).then(|| texts.intern(&key.to_ascii_lowercase()));
            }
            _ => {}
        }
    }
    (is_airflow && (task.dag_key.is_some() || task.operator.is_some())).then_some(task)
}

fn is_uuid(text: &str) -> bool {
    text.len() == KEY_LENGTH
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(agent: &str) -> Option<(String, String)> {
        let task = airflow(agent, &mut Texts::default())?;
        let show = |text: Option<Text>| text.as_deref().unwrap_or("-").to_owned();
        Some((show(task.dag_key), show(task.operator)))
    }

    #[test]
    fn airflow_names_operator_and_dag() {
        let key = "678f35b8-00e5-5deb-a595-2a64c2c3bcc6";
        let agent = |rest: &str| format!("Boto3/1.34 md/Botocore#1.34 Airflow/2.9.1 AmPP/8.20.0 {rest}");
        let told = |key: &str, operator: &str| Some((key.to_owned(), operator.to_owned()));
        for (agent, expected) in [
            (agent(&format!("Caller/S3ListOperator DagRunKey/{key}")), told(key, "S3ListOperator")),
            (
                agent(&format!("Caller/S3ListOperator DagRunKey/{}", key.to_uppercase())),
                told(key, "S3ListOperator"),
            ),
            (agent("Caller/X DagRunKey/00000000-0000-0000-0000-000000000000"), told("-", "X")),
            (agent("Caller/<script> DagRunKey/not-a-key"), None),
            (format!("Other/1 Caller/X DagRunKey/{key}"), None),
            ("aws-cli/2.0".to_owned(), None),
        ] {
            assert_eq!(read(&agent), expected, "{agent}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_does_not_depend_on_the_order() {
        let mut one = Agents::default();
        let mut other = Agents::default();
        let session: AgentSession = ("AROA:s".into(), None);
        for n in 0..100_u32 {
            let task = AirflowTask { dag_key: Some(format!("{n:04}").into()), operator: None };
            one.insert(session.clone(), task.clone(), (Time::from_unix(i64::from(n)), "a".into()));
            let reverse = AirflowTask { dag_key: Some(format!("{:04}", 99 - n).into()), operator: None };
            other.insert(session.clone(), reverse, (Time::from_unix(i64::from(99 - n)), "a".into()));
        }
        assert_eq!(one, other);
        assert!(one.is_cut);
        assert_eq!(one.airflow.values().next().map(BTreeMap::len), Some(MOST_TASKS));
        let mut merged = one.clone();
        merged.merge(other);
        assert_eq!(merged, one);
    }
}

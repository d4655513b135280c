//! What roles split off a shared one are called.

use std::collections::BTreeSet;

use crate::attribution::Workload;
use crate::ident::is_name_char;

/// Longest name of a role.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_NAME: usize = 64;

/// A pattern for the names of split roles, such as `{role}-{workload}`.
///
/// `{role}` is the shared role, `{workload}` the ServiceAccount or what else the workload's id ends in, `{namespace}`, `{service_account}` and
/// `{cluster}` say where a pod runs (nothing for other workloads), `{kind}` is the word before the id's first colon.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SplitNames(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(String),
    Value(Value),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Value {
    Role,
    Workload,
    Namespace,
    ServiceAccount,
    Cluster,
    Kind,
}

const VALUES: &[(&str, Value)] = &[
    ("role", Value::Role),
    ("workload", Value::Workload),
    ("namespace", Value::Namespace),
    ("service_account", Value::ServiceAccount),
    ("cluster", Value::Cluster),
    ("kind", Value::Kind),
];

/// Why a pattern is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SplitNamesError {
    /// Something in braces that stands for nothing.
    #[error(
        "`{{{0}}}` stands for nothing: {{role}}, {{workload}}, {{namespace}}, {{service_account}}, {{cluster}} and {{kind}} do"
    )]
    Unknown(String),
    /// A brace without its other half.
    #[error("a brace is not closed, or not opened")]
    Brace,
    /// A character that no role's name may have.
    #[error("`{0}` is no character of a role's name")]
    Character(char),
    /// All workloads would get the same name.
    #[error(
        "the pattern tells no workload from another: it needs {{workload}}, {{service_account}} or {{namespace}}"
    )]
    Same,
}

impl Default for SplitNames {
    /// `{role}-{workload}`.
    fn default() -> Self {
        Self(vec![Part::Value(Value::Role), Part::Text("-".to_owned()), Part::Value(Value::Workload)])
    }
}

impl std::fmt::Display for SplitNames {
    /// As it is read.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Value(value) => {
                let name = VALUES.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name);
                write!(f, "{{{name}}}")
            }
        })
    }
}

impl std::str::FromStr for SplitNames {
    type Err = SplitNamesError;

    fn from_str(text: &str) -> Result<Self, SplitNamesError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            parts.push(plain(before)?);
            let (name, tail) = after.split_once('}').ok_or(SplitNamesError::Brace)?;
            let value = VALUES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            parts.push(Part::Value(
                value.ok_or_else(|| SplitNamesError::Unknown(name.chars().take(64).collect()))?,
            ));
            rest = tail;
        }
        parts.push(plain(rest)?);
        parts.retain(|part| *part != Part::Text(String::new()));
        let tells = [Value::Workload, Value::ServiceAccount, Value::Namespace].map(Part::Value);
        match parts.iter().any(|part| tells.contains(part)) {
            true => Ok(Self(parts)),
            false => Err(SplitNamesError::Same),
        }
    }
}

fn plain(text: &str) -> Result<Part, SplitNamesError> {
    match text.chars().find(|c| !is_name_char(*c)) {
        Some('{' | '}') => Err(SplitNamesError::Brace),
        Some(other) => Err(SplitNamesError::Character(other)),
        None => Ok(Part::Text(text.to_owned())),
    }
}

impl SplitNames {
    /// A name that is free, in the characters and the length IAM allows: the shared role's name is cut first, and a number is added to a
    /// name that is taken.
    pub(super) fn free(&self, role: &str, workload: &Workload, taken: &mut BTreeSet<String>) -> String {
        let name = |number: usize| {
            let tail = if number == 1 { String::new() } else { format!("-{number}") };
            let room = MAX_NAME.saturating_sub(tail.len());
            let whole = self.filled(role, workload);
            let role = match whole.len().saturating_sub(room) {
                0 => role,
                // At least a letter of it stays.
                over => role.get(..role.len().saturating_sub(over).max(1)).unwrap_or(role),
            };
            let mut name: String = self.filled(role, workload).chars().take(room).collect();
            name.push_str(&tail);
            name
        };
        let free = (1..).map(name).find(|name| !taken.contains(name)).unwrap_or_default();
        taken.insert(free.clone());
        free
    }

    fn filled(&self, role: &str, workload: &Workload) -> String {
        let mut name = String::new();
        for part in &self.0 {
            let text = match part {
                Part::Text(text) => text.clone(),
                Part::Value(value) => clean(value.of(role, workload)),
            };
            // A value that a workload lacks leaves no two separators.
            let is_twice =
                text.starts_with(['-', '_', '.']) && name.chars().last().is_none_or(|c| "-_.".contains(c));
            name.push_str(if is_twice { text.get(1..).unwrap_or_default() } else { &text });
        }
        let name = name.trim_end_matches(['-', '_', '.']);
        if name.is_empty() { "role".to_owned() } else { name.to_owned() }
    }
}

impl Value {
    fn of<'t>(self, role: &'t str, workload: &'t Workload) -> &'t str {
        let account = workload.service_account.as_deref();
        match self {
            Self::Role => role,
            Self::Workload => {
                let end = || workload.id.rsplit(['/', ':']).find(|part| !part.is_empty());
                account.or_else(end).unwrap_or("workload")
            }
            Self::Namespace => workload.namespace.as_deref().unwrap_or_default(),
            Self::ServiceAccount => account.unwrap_or_default(),
            // The end of an ARN is the cluster's name, that of an issuer its id.
            Self::Cluster => {
                workload.cluster.as_deref().and_then(|text| text.rsplit('/').next()).unwrap_or_default()
            }
            Self::Kind => workload.kind.as_str(),
        }
    }
}

/// A value in the characters of a role's name; half of the name at most.
fn clean(text: &str) -> String {
    let text = text.chars().map(|c| if is_name_char(c) { c } else { '-' });
    text.take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::WorkloadKind;

    fn pod(namespace: &str, account: &str) -> Workload {
        Workload {
            id: format!("kubernetes:arn:aws:eks:r:1:cluster/prod/{namespace}/{account}"),
            kind: WorkloadKind::Kubernetes,
            cluster: Some("arn:aws:eks:r:1:cluster/prod".to_owned()),
            namespace: Some(namespace.to_owned()),
            service_account: Some(account.to_owned()),
        }
    }

    fn repository() -> Workload {
        Workload {
            id: "github-actions:acme/web app".to_owned(),
            kind: WorkloadKind::GithubActions,
            cluster: None,
            namespace: None,
            service_account: None,
        }
    }

    #[test]
    fn patterns_make_names() {
        for (pattern, of_pod, of_repository) in [
            ("{role}-{workload}", "shared-api", "shared-web-app"),
            ("irsa_{namespace}.{service_account}", "irsa_shop.api", "irsa"),
            ("{cluster}-{namespace}-{workload}", "prod-shop-api", "web-app"),
            ("{kind}/{workload}", "", ""),
            ("{kind}-{workload}-v2", "kubernetes-api-v2", "github-actions-web-app-v2"),
        ] {
            let Ok(names) = pattern.parse::<SplitNames>() else {
                assert_eq!(of_pod, "", "{pattern}");
                continue;
            };
            let mut taken = BTreeSet::new();
            assert_eq!(names.free("shared", &pod("shop", "api"), &mut taken), of_pod, "{pattern}");
            assert_eq!(names.free("shared", &repository(), &mut taken), of_repository, "{pattern}");
        }
        assert_eq!("{role}-{workload}".parse::<SplitNames>(), Ok(SplitNames::default()));
    }

    #[test]
    fn names_are_free_and_fit() {
        let (names, mut taken) = (SplitNames::default(), BTreeSet::new());
        let long = "r".repeat(64);
        let first = names.free(&long, &pod("a", "worker"), &mut taken);
        let second = names.free(&long, &pod("b", "worker"), &mut taken);
        assert_eq!((first.len(), second.len()), (64, 64));
        assert!(first.ends_with("r-worker") && second.ends_with("-worker-2"), "{first} {second}");
        let odd = names.free("r", &pod("a", &"é".repeat(200)), &mut taken);
        assert!(odd.len() <= 64 && odd.chars().all(is_name_char), "{odd}");
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (pattern, expected) in [
            ("{role}", SplitNamesError::Same),
            ("", SplitNamesError::Same),
            ("{pod}-{workload}", SplitNamesError::Unknown("pod".to_owned())),
            ("{workload", SplitNamesError::Brace),
            ("workload}", SplitNamesError::Brace),
            ("{workload}/x", SplitNamesError::Character('/')),
            ("é{workload}", SplitNamesError::Character('é')),
        ] {
            assert_eq!(pattern.parse::<SplitNames>(), Err(expected), "{pattern}");
        }
    }
}

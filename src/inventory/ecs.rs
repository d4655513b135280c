//! ECS services and what they run, from `aws ecs describe-services`, `describe-task-definition` and `describe-tasks`.
//!
//! See: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html>

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::ident::Arn;

/// What the files tell of ECS.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ecs {
    /// Who runs each task definition (ARN with revision): services as `CLUSTER/SERVICE`, `None` for tasks started without one.
    pub runners: BTreeMap<String, BTreeSet<Option<String>>>,
    /// The task role of each task definition, by ARN with revision.
    pub task_roles: BTreeMap<String, String>,
    /// The role with which ECS itself starts the tasks of each task definition: for images, logs and secrets.
    pub execution_roles: BTreeMap<String, String>,
    /// Who runs tasks with a role of their own, by that role.
    pub overridden: BTreeMap<String, BTreeSet<Option<String>>>,
}

impl Ecs {
    /// The one service, as `CLUSTER/SERVICE`, that runs tasks with this role, or is started with it; `None` when the files name none, several, or tasks that no
    /// service started. One answer for all sessions of a role: a session's name holds the task's id, which is generated.
    pub fn service(&self, role_arn: &str) -> Option<&str> {
        let roles = self.task_roles.iter().chain(&self.execution_roles);
        let definitions = roles.filter(|(_, role)| *role == role_arn);
        let runners = definitions.filter_map(|(definition, _)| self.runners.get(definition));
        let mut found: BTreeSet<&Option<String>> = runners.flatten().collect();
        found.extend(self.overridden.get(role_arn).into_iter().flatten());
        let mut found = found.into_iter();
        found.next().filter(|_| found.next().is_none())?.as_deref()
    }
}

/// `describe-services`, `describe-task-definition` and `describe-tasks`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EcsPage {
    services: Vec<Service>,
    task_definition: Option<TaskDefinition>,
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    service_arn: String,
    #[serde(default)]
    cluster_arn: Option<String>,
    #[serde(default)]
    task_definition: Option<String>,
    /// Services under CodeDeploy, and those in the middle of a deployment, run several.
    #[serde(default)]
    deployments: Vec<Deployment>,
    #[serde(default)]
    task_sets: Vec<Deployment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deployment {
    #[serde(default)]
    task_definition: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskDefinition {
    task_definition_arn: String,
    #[serde(default)]
    task_role_arn: Option<String>,
    #[serde(default)]
    execution_role_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task {
    #[serde(default)]
    task_arn: String,
    #[serde(default)]
    cluster_arn: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    task_definition_arn: Option<String>,
    #[serde(default)]
    overrides: Overrides,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Overrides {
    #[serde(default)]
    task_role_arn: Option<String>,
    #[serde(default)]
    execution_role_arn: Option<String>,
}

impl EcsPage {
    pub(super) fn add_to(self, ecs: &mut Ecs) {
        for service in self.services {
            let Some(name) = last(&service.service_arn) else { continue };
            // ARNs made before 2021 lack the cluster.
            let cluster =
                service.cluster_arn.as_deref().and_then(last).or_else(|| middle(&service.service_arn));
            let key = format!("{}/{name}", cluster.unwrap_or("default"));
            let more = service.deployments.into_iter().chain(service.task_sets);
            let definitions = service.task_definition.into_iter();
            let definitions = definitions.chain(more.filter_map(|deployment| deployment.task_definition));
            for definition in definitions {
                ecs.runners.entry(definition).or_default().insert(Some(key.clone()));
            }
        }
        if let Some(definition) = self.task_definition {
            let arn = definition.task_definition_arn;
            ecs.execution_roles.extend(definition.execution_role_arn.map(|role| (arn.clone(), role)));
            ecs.task_roles.extend(definition.task_role_arn.map(|role| (arn, role)));
        }
        for task in self.tasks {
            let cluster = task.cluster_arn.as_deref().and_then(last).or_else(|| middle(&task.task_arn));
            let service = task.group.as_deref().and_then(|group| group.strip_prefix("service:"));
            let runner = service.map(|service| format!("{}/{service}", cluster.unwrap_or("default")));
            let Overrides { task_role_arn, execution_role_arn } = task.overrides;
            let own = execution_role_arn.into_iter().chain(task_role_arn.clone());
            for role in own {
                ecs.overridden.entry(role).or_default().insert(runner.clone());
            }
            // With another task role it says nothing of the definition's.
            if let (None, Some(definition)) = (task_role_arn, task.task_definition_arn) {
                ecs.runners.entry(definition).or_default().insert(runner);
            }
        }
    }
}

fn last(arn: &str) -> Option<&str> {
    arn.rsplit('/').next().filter(|name| !name.is_empty())
}

/// The cluster in `arn:…:service/CLUSTER/NAME` and `arn:…:task/CLUSTER/ID`.
fn middle(arn: &str) -> Option<&str> {
    let mut parts = Arn::parse(arn)?.resource.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(cluster), Some(_)) => Some(cluster),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/web";

    fn ecs(pages: &[&str]) -> Ecs {
        let mut ecs = Ecs::default();
        for page in pages {
            serde_json::from_str::<EcsPage>(page).unwrap().add_to(&mut ecs);
        }
        ecs
    }

    const DEFINITION: &str = r#"{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:r:111122223333:task-definition/web:7",
        "taskRoleArn":"arn:aws:iam::111122223333:role/web"},"tags":[]}"#;
    const SERVICE: &str = r#"{"services":[{"serviceArn":"arn:aws:ecs:r:111122223333:service/shop/web","serviceName":"web",
        "clusterArn":"arn:aws:ecs:r:111122223333:cluster/shop","taskDefinition":"arn:aws:ecs:r:111122223333:task-definition/web:8",
        "deployments":[{"taskDefinition":"arn:aws:ecs:r:111122223333:task-definition/web:7"}]}],"failures":[]}"#;

    #[test]
    fn one_service_with_a_role_is_the_role_s_service() {
        assert_eq!(ecs(&[DEFINITION, SERVICE]).service(ROLE), Some("shop/web"));
        let other = SERVICE.replace("service/shop/web", "service/shop/other");
        assert_eq!(ecs(&[DEFINITION, SERVICE, &other]).service(ROLE), None, "two share it");
        assert_eq!(ecs(&[SERVICE]).service(ROLE), None, "the definition's role is not known");
        assert_eq!(ecs(&[DEFINITION, SERVICE]).service("arn:aws:iam::111122223333:role/other"), None);
        let starting = DEFINITION.replace("taskRoleArn", "executionRoleArn");
        assert_eq!(ecs(&[&starting, SERVICE]).service(ROLE), Some("shop/web"), "the role it is started with");
    }

    #[test]
    fn tasks_tell_who_else_runs_with_the_role() {
        let task = |group: &str, more: &str| {
            format!(
                r#"{{"tasks":[{{"taskArn":"arn:aws:ecs:r:111122223333:task/shop/0123","group":"{group}",
                "taskDefinitionArn":"arn:aws:ecs:r:111122223333:task-definition/web:7"{more}}}]}}"#
            )
        };
        let with = |task: &str| ecs(&[DEFINITION, SERVICE, task]).service(ROLE).map(str::to_owned);
        assert_eq!(with(&task("service:web", "")).as_deref(), Some("shop/web"));
        assert_eq!(with(&task("family:web", "")), None, "started by hand");
        let own_role =
            task("family:web", r#","overrides":{"taskRoleArn":"arn:aws:iam::111122223333:role/other"}"#);
        assert_eq!(with(&own_role).as_deref(), Some("shop/web"), "with another role");
        let own_role =
            task("family:web", r#","overrides":{"taskRoleArn":"arn:aws:iam::111122223333:role/web"}"#);
        assert_eq!(with(&own_role), None);
    }
}

//! ECS services, the tasks nobody's service started, and the roles of what they run.
//!
//! See: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Operations.html>

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::ask::{Account, Unread};
use super::calls;
use super::json_call::JsonService;
use super::shape::sorted;

/// Services and tasks that one call describes at most.
const SERVICES: usize = 10;
const TASKS: usize = 100;

/// What a Region runs, as `describe-services`, `describe-tasks` and `describe-task-definition` print it, without what changes from hour to
/// hour and without what containers are given (environments hold secrets). Whatever fails leaves the rest.
pub(super) async fn services(account: &Account, region: &str) -> (Vec<Value>, Vec<Unread>) {
    let ecs = JsonService::new(account, "ecs", "AmazonEC2ContainerServiceV20141113", region);
    let (mut found, mut failed) = (Found::default(), Vec::new());
    match ecs.texts(&calls::LIST_ECS_CLUSTERS, region, &json!({}), "clusterArns").await {
        Ok(clusters) => {
            for cluster in clusters {
                if let Err(unread) = found.services(&ecs, &cluster).await {
                    failed.push(unread);
                }
                if let Err(unread) = found.tasks(&ecs, &cluster).await {
                    failed.push(unread);
                }
            }
        }
        Err(unread) => failed.push(unread),
    }
    let mut values = Vec::new();
    if !found.services.is_empty() {
        values.push(json!({"services": sorted(found.services, &["serviceArn"])}));
    }
    if !found.tasks.is_empty() {
        let texts: BTreeSet<String> = found.tasks.iter().map(Value::to_string).collect();
        let tasks: Vec<Value> = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        values.push(json!({"tasks": tasks}));
    }
    for definition in found.definitions {
        let body = json!({"taskDefinition": definition});
        match ecs.ask(&calls::DESCRIBE_TASK_DEFINITION, &definition, &body).await {
            Ok(answer) => {
                const KEPT: [&str; 5] =
                    ["taskDefinitionArn", "family", "revision", "taskRoleArn", "executionRoleArn"];
                values.push(json!({"taskDefinition": kept(answer.get("taskDefinition"), &KEPT)}));
            }
            Err(unread) => failed.push(unread),
        }
    }
    (values, failed)
}

#[derive(Default)]
struct Found {
    services: Vec<Value>,
    tasks: Vec<Value>,
    /// ARNs of the task definitions named.
    definitions: BTreeSet<String>,
}

impl Found {
    async fn services(&mut self, ecs: &JsonService<'_>, cluster: &str) -> Result<(), Unread> {
        let body = json!({"cluster": cluster, "maxResults": 100});
        let arns = ecs.texts(&calls::LIST_ECS_SERVICES, cluster, &body, "serviceArns").await?;
        for some in arns.chunks(SERVICES) {
            let body = json!({"cluster": cluster, "services": some});
            let answer = ecs.ask(&calls::DESCRIBE_ECS_SERVICES, cluster, &body).await?;
            for service in list(&answer, "services") {
                let runs = |name: &str| {
                    let definitions: BTreeSet<&str> =
                        list(service, name).filter_map(|one| one.get("taskDefinition")?.as_str()).collect();
                    definitions.into_iter().map(|definition| json!({"taskDefinition": definition})).collect()
                };
                let more: [(&str, Vec<Value>); 2] =
                    [("deployments", runs("deployments")), ("taskSets", runs("taskSets"))];
                let mut value =
                    kept(Some(service), &["serviceArn", "serviceName", "clusterArn", "taskDefinition"]);
                for (name, list) in more {
                    let named = list.iter().filter_map(|one| one.get("taskDefinition")?.as_str());
                    self.definitions.extend(named.map(str::to_owned));
                    if let (Value::Object(members), false) = (&mut value, list.is_empty()) {
                        members.insert(name.to_owned(), list.into());
                    }
                }
                let own = value.get("taskDefinition").and_then(Value::as_str);
                self.definitions.extend(own.map(str::to_owned));
                self.services.push(value);
            }
        }
        Ok(())
    }

    /// Those that no service started; of many that are alike, one.
    async fn tasks(&mut self, ecs: &JsonService<'_>, cluster: &str) -> Result<(), Unread> {
        let arns =
            ecs.texts(&calls::LIST_ECS_TASKS, cluster, &json!({"cluster": cluster}), "taskArns").await?;
        for some in arns.chunks(TASKS) {
            let body = json!({"cluster": cluster, "tasks": some});
            let answer = ecs.ask(&calls::DESCRIBE_ECS_TASKS, cluster, &body).await?;
            for task in list(&answer, "tasks") {
                let overrides = kept(task.get("overrides"), &["taskRoleArn", "executionRoleArn"]);
                let group = task.get("group").and_then(Value::as_str).unwrap_or_default();
                let has_overrides = overrides.as_object().is_some_and(|members| !members.is_empty());
                if group.starts_with("service:") && !has_overrides {
                    continue;
                }
                // The task's own id is another each time it runs.
                let mut value = kept(Some(task), &["clusterArn", "group", "taskDefinitionArn"]);
                if let (Value::Object(members), true) = (&mut value, has_overrides) {
                    members.insert("overrides".to_owned(), overrides);
                }
                let definition = value.get("taskDefinitionArn").and_then(Value::as_str);
                self.definitions.extend(definition.map(str::to_owned));
                self.tasks.push(value);
            }
        }
        Ok(())
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// An object with some of its members, those that are texts or numbers.
fn kept(value: Option<&Value>, names: &[&str]) -> Value {
    let member = |name: &&str| {
        let member = value?.get(*name)?;
        (member.is_string() || member.is_number()).then(|| ((*name).to_owned(), member.clone()))
    };
    Value::Object(names.iter().filter_map(member).collect())
}
